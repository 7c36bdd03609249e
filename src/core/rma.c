/* SPDX-License-Identifier: BSD-3-Clause */
/* rma.c -- remote memory access: put, get, p, g (section 9.6). */
#include "core/rma.h"

#include "core/base/export.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/check.h"
#include "core/hbm.h"
#include "core/program.h"
#include "core/stats.h"
#include "core/trace.h"

struct shmi_remote shmi_remote_of(const char *who, const void *addr, int pe)
{
    const struct shmi_segment *seg = shmi_segment_of(addr);
    if (seg == NULL) {
        shmi_check_not_symmetric(who, "the remote address", addr);
    }
    if (shmi_network.net == NULL) {
        shmi_fatal("%s: the %s of PE %d is not mapped here and there is no network: "
                   "SHMEM_NODE_SHARING=no and SHMEM_STATIC_SHARING=no need one (SHMEM_TRANSPORT)",
                   who, seg->name, pe);
    }
    const struct shmi_window *win = &seg->window[pe];
    size_t offset = (size_t)((const char *)addr - seg->base);
    return (struct shmi_remote){.pe = pe, .addr = win->addr + offset, .key = win->key};
}

static void put_anywhere(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                         size_t len, int world_pe, enum shmi_when when)
{
    if (shmi_hbm_is(dest) || shmi_hbm_is(source)) {
        shmi_hbm_put(who, ctx, dest, source, len, world_pe, when);
        return;
    }
    char *there = shmi_reach(dest, world_pe);
    if (there != NULL) {
        shmi_copy(there, source, len);
        return;
    }
    struct shmi_remote to = shmi_remote_of(who, dest, world_pe);
    shmi_network.transport->put(shmi_ctx_enter_to(ctx, world_pe), to, source, len, when);
    shmi_ctx_leave(ctx);
}

void shmi_put_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                     size_t len, int pe, enum shmi_when when)
{
    shmi_require_running(who);
    if (shmi_observing) {
        shmi_check_rma(who, ctx, "dest", dest, len, pe);
        shmi_stats_count(SHMI_STATS_PUT, len);
    }
    if (len == 0) {
        return;
    }
    int world_pe = shmi_ctx_pe(ctx, pe);
    uint64_t begun = shmi_trace_begin();
    put_anywhere(who, ctx, dest, source, len, world_pe, when);
    shmi_trace_end(begun, who, world_pe, len);
}

static void get_anywhere(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                         size_t len, int world_pe, enum shmi_when when)
{
    if (shmi_hbm_is(dest) || shmi_hbm_is(source)) {
        shmi_hbm_get(who, ctx, dest, source, len, world_pe, when);
        return;
    }
    const char *there = shmi_reach(source, world_pe);
    if (there == NULL && shmi_program_is_constant(source)) {
        there = source; /* as good as that PE's */
    }
    if (there != NULL) {
        shmi_copy(dest, there, len);
        return;
    }
    struct shmi_remote from = shmi_remote_of(who, source, world_pe);
    shmi_network.transport->get(shmi_ctx_enter(ctx), dest, from, len, when);
    shmi_ctx_leave(ctx);
}

void shmi_get_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                     size_t len, int pe, enum shmi_when when)
{
    shmi_require_running(who);
    if (shmi_observing) {
        shmi_check_source(who, ctx, source, len, pe);
        shmi_stats_count(SHMI_STATS_GET, len);
    }
    if (len == 0) {
        return;
    }
    int world_pe = shmi_ctx_pe(ctx, pe);
    uint64_t begun = shmi_trace_begin();
    get_anywhere(who, ctx, dest, source, len, world_pe, when);
    shmi_trace_end(begun, who, world_pe, len);
}

/* The routines of the standard.  A macro names and forwards; each function has a twin that takes a
 * context. */
/* clang-format off */
#define COPY(name, type, elem, move, when)                                                         \
    void shmem##name(type *dest, const type *source, size_t nelems, int pe)                        \
    {                                                                                              \
        move(__func__, &shmi_ctx_default, dest, source, nelems * (elem), pe, when);                \
    }                                                                                              \
    void shmem_ctx##name(shmem_ctx_t ctx, type *dest, const type *source, size_t nelems, int pe)   \
    {                                                                                              \
        move(__func__, shmi_ctx_of(ctx), dest, source, nelems * (elem), pe, when);                 \
    }                                                                                              \
    PSHMEM(name)                                                                                   \
    PSHMEM(_ctx##name)
/* clang-format on */

#define PUT(op, T, type)     COPY(T##op, type, sizeof(type), shmi_put, SHMI_NOW)
#define GET(op, T, type)     COPY(T##op, type, sizeof(type), shmi_get, SHMI_NOW)
#define PUT_NBI(op, T, type) COPY(T##op, type, sizeof(type), shmi_put, SHMI_LATER)
#define GET_NBI(op, T, type) COPY(T##op, type, sizeof(type), shmi_get, SHMI_LATER)
SHMEMI_FOR_RMA(PUT, _put)
SHMEMI_FOR_RMA(GET, _get)
SHMEMI_FOR_RMA(PUT_NBI, _put_nbi)
SHMEMI_FOR_RMA(GET_NBI, _get_nbi)

/* By the size of an element in bits, and by bytes. */
#define SIZED_PUT(op, bits, tail)     COPY(op##bits##tail, void, (bits) / 8, shmi_put, SHMI_NOW)
#define SIZED_GET(op, bits, tail)     COPY(op##bits##tail, void, (bits) / 8, shmi_get, SHMI_NOW)
#define SIZED_PUT_NBI(op, bits, tail) COPY(op##bits##tail, void, (bits) / 8, shmi_put, SHMI_LATER)
#define SIZED_GET_NBI(op, bits, tail) COPY(op##bits##tail, void, (bits) / 8, shmi_get, SHMI_LATER)
SHMEMI_FOR_SIZES(SIZED_PUT, _put, )
SHMEMI_FOR_SIZES(SIZED_GET, _get, )
SHMEMI_FOR_SIZES(SIZED_PUT_NBI, _put, _nbi)
SHMEMI_FOR_SIZES(SIZED_GET_NBI, _get, _nbi)
COPY(_putmem, void, 1, shmi_put, SHMI_NOW)
COPY(_getmem, void, 1, shmi_get, SHMI_NOW)
COPY(_putmem_nbi, void, 1, shmi_put, SHMI_LATER)
COPY(_getmem_nbi, void, 1, shmi_get, SHMI_LATER)

#define P(op, T, type)                                                       \
    void shmem##T##op(type *dest, type value, int pe)                        \
    {                                                                        \
        shmi_p(__func__, &shmi_ctx_default, dest, &value, sizeof(type), pe); \
    }                                                                        \
    void shmem_ctx##T##op(shmem_ctx_t ctx, type *dest, type value, int pe)   \
    {                                                                        \
        shmi_p(__func__, shmi_ctx_of(ctx), dest, &value, sizeof(type), pe);  \
    }                                                                        \
    PSHMEM(T##op)                                                            \
    PSHMEM(_ctx##T##op)
SHMEMI_FOR_RMA(P, _p)

#define G(op, T, type)                                                         \
    type shmem##T##op(const type *source, int pe)                              \
    {                                                                          \
        type value;                                                            \
        shmi_g(__func__, &shmi_ctx_default, &value, source, sizeof(type), pe); \
        return value;                                                          \
    }                                                                          \
    type shmem_ctx##T##op(shmem_ctx_t ctx, const type *source, int pe)         \
    {                                                                          \
        type value;                                                            \
        shmi_g(__func__, shmi_ctx_of(ctx), &value, source, sizeof(type), pe);  \
        return value;                                                          \
    }                                                                          \
    PSHMEM(T##op)                                                              \
    PSHMEM(_ctx##T##op)
SHMEMI_FOR_RMA(G, _g)
