/* SPDX-License-Identifier: BSD-3-Clause */
/* signal.c -- put with signal, and signals alone (section 9.8). */
#include "core/signal.h"

#include "core/amo.h"
#include "core/base/export.h"
#include "core/base/log.h"
#include "core/check.h"
#include "core/hbm.h"
#include "core/order.h"
#include "core/rma.h"
#include "core/stats.h"
#include "core/trace.h"

static struct shmi_amo update_of(const char *who, uint64_t signal, int sig_op)
{
    if (sig_op != SHMEM_SIGNAL_SET && sig_op != SHMEM_SIGNAL_ADD) {
        shmi_fatal("%s: sig_op %d is neither SHMEM_SIGNAL_SET nor SHMEM_SIGNAL_ADD", who, sig_op);
    }
    return (struct shmi_amo){
        .op = sig_op == SHMEM_SIGNAL_ADD ? SHMI_AMO_ADD : SHMI_AMO_SET,
        .size = sizeof(signal),
        .value = signal,
    };
}

static void put_signal_anywhere(const char *who, struct shmi_ctx *ctx, void *dest,
                                const void *source, size_t len, uint64_t *sig_addr,
                                struct shmi_amo update, int pe, enum shmi_when when)
{
    if (shmi_hbm_is(dest) || shmi_hbm_is(source) || shmi_hbm_is(sig_addr)) {
        shmi_put_slowly(who, ctx, dest, source, len, pe, SHMI_NOW);
        shmi_fence(ctx);
        shmi_amo_slowly(who, ctx, sig_addr, &update, SHMI_LATER, pe);
        return;
    }
    int world_pe = shmi_ctx_pe(ctx, pe);
    char *there = len == 0 ? NULL : shmi_reach(dest, world_pe);
    uint64_t *word = (uint64_t *)shmi_reach_amo(sig_addr, world_pe);
    if ((there != NULL || len == 0) && word != NULL) {
        shmi_copy(there, source, len);
        shmi_amo_cpu8(word, update.op, update.value, 0);
    } else if (there != NULL || len == 0) {
        /* Only the atomic needs the network: the data is in place before it leaves. */
        shmi_copy(there, source, len);
        shmi_order_stores();
        shmi_amo_slowly(who, ctx, sig_addr, &update, SHMI_LATER, pe);
    } else {
        struct shmi_remote to = shmi_remote_of(who, dest, world_pe);
        struct shmi_remote at = shmi_remote_of(who, sig_addr, world_pe);
        struct shmi_channel *ch = shmi_ctx_enter_to(ctx, world_pe);
        shmi_network.transport->put_signal(ch, to, source, len, at, &update, when);
        shmi_ctx_leave(ctx);
    }
}

static void put_signal_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                              size_t len, uint64_t *sig_addr, struct shmi_amo update, int pe,
                              enum shmi_when when)
{
    shmi_require_running(who);
    if (shmi_observing) {
        shmi_check_rma(who, ctx, "dest", dest, len, pe);
        shmi_check_rma(who, ctx, "sig_addr", sig_addr, sizeof(*sig_addr), pe);
        shmi_check_aligned(who, "sig_addr", sig_addr, sizeof(*sig_addr));
        shmi_stats_count(SHMI_STATS_SIGNAL, len);
    }
    uint64_t begun = shmi_trace_begin();
    put_signal_anywhere(who, ctx, dest, source, len, sig_addr, update, pe, when);
    shmi_trace_end(begun, who, shmi_ctx_pe(ctx, pe), len);
}

__attribute__((always_inline)) static inline void
put_signal(const char *who, struct shmi_ctx *ctx, void *dest, const void *source, size_t len,
           uint64_t *sig_addr, uint64_t signal, int sig_op, int pe, enum shmi_when when)
{
    int world_pe = shmi_ctx_pe(ctx, pe);
    char *there = shmi_reach_fast(dest, world_pe);
    uint64_t *word = there == NULL ? NULL : (uint64_t *)shmi_reach_fast_amo(sig_addr, world_pe);
    if (shmi_likely(word != NULL && sig_op == SHMEM_SIGNAL_SET)) {
        shmi_copy(there, source, len);
        shmi_amo_cpu8(word, SHMI_AMO_SET, signal, 0);
    } else if (shmi_likely(word != NULL && sig_op == SHMEM_SIGNAL_ADD)) {
        shmi_copy(there, source, len);
        shmi_amo_cpu8(word, SHMI_AMO_ADD, signal, 0);
    } else {
        put_signal_slowly(who, ctx, dest, source, len, sig_addr, update_of(who, signal, sig_op), pe,
                          when);
    }
}

void shmi_put_signal(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                     size_t len, uint64_t *sig_addr, uint64_t signal, int sig_op, int pe,
                     enum shmi_when when)
{
    put_signal(who, ctx, dest, source, len, sig_addr, signal, sig_op, pe, when);
}

/* clang-format off */
#define PUT_SIGNAL(name, type, elem, when)                                                         \
    void shmem##name(type *dest, const type *source, size_t nelems, uint64_t *sig_addr,            \
                     uint64_t signal, int sig_op, int pe)                                          \
    {                                                                                              \
        put_signal(__func__, &shmi_ctx_default, dest, source, nelems * (elem), sig_addr, signal,   \
                   sig_op, pe, when);                                                              \
    }                                                                                              \
    void shmem_ctx##name(shmem_ctx_t ctx, type *dest, const type *source, size_t nelems,           \
                         uint64_t *sig_addr, uint64_t signal, int sig_op, int pe)                  \
    {                                                                                              \
        put_signal(__func__, shmi_ctx_of(ctx), dest, source, nelems * (elem), sig_addr, signal,    \
                   sig_op, pe, when);                                                              \
    }                                                                                              \
    PSHMEM(name)                                                                                   \
    PSHMEM(_ctx##name)
/* clang-format on */

#define TYPED(op, T, type)        PUT_SIGNAL(T##op, type, sizeof(type), SHMI_NOW)
#define TYPED_NBI(op, T, type)    PUT_SIGNAL(T##op, type, sizeof(type), SHMI_LATER)
#define SIZED(op, bits, tail)     PUT_SIGNAL(op##bits##tail, void, (bits) / 8, SHMI_NOW)
#define SIZED_NBI(op, bits, tail) PUT_SIGNAL(op##bits##tail, void, (bits) / 8, SHMI_LATER)
SHMEMI_FOR_RMA(TYPED, _put_signal)
SHMEMI_FOR_RMA(TYPED_NBI, _put_signal_nbi)
SHMEMI_FOR_SIZES(SIZED, _put, _signal)
SHMEMI_FOR_SIZES(SIZED_NBI, _put, _signal_nbi)
PUT_SIGNAL(_putmem_signal, void, 1, SHMI_NOW)
PUT_SIGNAL(_putmem_signal_nbi, void, 1, SHMI_LATER)

#define SIGNAL(name, operation)                                                                   \
    void shmem##name(uint64_t *sig_addr, uint64_t signal, int pe)                                 \
    {                                                                                             \
        shmi_amo(__func__, &shmi_ctx_default, operation, sig_addr, 8, signal, 0, SHMI_LATER, pe); \
    }                                                                                             \
    void shmem_ctx##name(shmem_ctx_t ctx, uint64_t *sig_addr, uint64_t signal, int pe)            \
    {                                                                                             \
        shmi_amo(__func__, shmi_ctx_of(ctx), operation, sig_addr, 8, signal, 0, SHMI_LATER, pe);  \
    }                                                                                             \
    PSHMEM(name)                                                                                  \
    PSHMEM(_ctx##name)
SIGNAL(_signal_set, SHMI_AMO_SET)
SIGNAL(_signal_add, SHMI_AMO_ADD)

uint64_t shmem_signal_fetch(const uint64_t *sig_addr)
{
    return shmi_word_load(sig_addr);
}
PSHMEM(_signal_fetch)
