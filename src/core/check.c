/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c -- is what the caller passed what the standard asks for? */
#include "core/check.h"

#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/coll.h"
#include "core/hbm.h"
#include "core/heap.h"
#include "core/memory.h"
#include "core/program.h"

void shmi_check_not_symmetric(const char *who, const char *argument, const void *addr)
{
    const struct shmi_segment *data = &shmi_segments[SHMI_SEGMENT_DATA];
    if (shmi_hbm_is(addr)) {
        shmi_fatal("%s: %s %p is device memory, but not in the symmetric device heap "
                   "(shmemx_malloc_device)",
                   who, argument, addr);
    }
    shmi_fatal("%s: %s %p is not a symmetric address: neither in the heap (shmem_malloc) at %p..%p "
               "nor a global or static variable of the executable at %p..%p",
               who, argument, addr, (void *)shmi_segment_heap(),
               (void *)(shmi_segment_heap() + shmi_segment_heap_len()), (void *)data->base,
               (void *)(data->base + data->len));
}

void shmi_check_pe(const char *who, const struct shmi_ctx *ctx, int pe)
{
    if (!shmi_config.check) {
        return;
    }
    if (ctx == NULL) {
        shmi_fatal("%s: ctx is SHMEM_CTX_INVALID", who);
    }
    int n_pes = ctx->team->n_pes;
    if (pe < 0 || pe >= n_pes) {
        shmi_fatal("%s: there is no PE %d; the context's team has PEs 0 to %d", who, pe, n_pes - 1);
    }
}

void shmi_check_aligned(const char *who, const char *argument, const void *addr, size_t align)
{
    if (shmi_config.check && (uintptr_t)addr % align != 0) {
        shmi_fatal("%s: %s %p is not aligned to %zu bytes", who, argument, addr, align);
    }
}

void shmi_check_symmetric(const char *who, const char *argument, const void *addr, size_t len)
{
    if (!shmi_config.check || len == 0) {
        return;
    }
    const struct shmi_segment *seg = shmi_segment_of(addr);
    if (seg == NULL) {
        shmi_check_not_symmetric(who, argument, addr);
    }
    if (seg == &shmi_segments[SHMI_SEGMENT_DATA]) {
        size_t rest = (size_t)(seg->base + seg->len - (const char *)addr);
        if (len > rest) {
            shmi_fatal("%s: %s %p + %zu bytes goes past the end of the static data, which is %zu "
                       "bytes on",
                       who, argument, addr, len, rest);
        }
        return;
    }
    bool on_host = seg == &shmi_segments[SHMI_SEGMENT_HEAP];
    if (on_host &&
        (const char *)addr < shmi_segment_heap()) { /* the library's own words, before the heap */
        return;
    }
    const char *start = NULL;
    size_t block = 0;
    if (!shmi_memory_find(addr, &start, &block)) {
        shmi_fatal("%s: %s %p is in no block of shmem_malloc: was it freed?", who, argument, addr);
    }
    size_t rest = (size_t)(start + block - (const char *)addr);
    if (len > rest) {
        shmi_fatal("%s: %s %p + %zu bytes goes past its block of %zu bytes at %p, which ends %zu "
                   "bytes on",
                   who, argument, addr, len, block, (const void *)start, rest);
    }
}

void shmi_check_rma(const char *who, const struct shmi_ctx *ctx, const char *argument,
                    const void *addr, size_t len, int pe)
{
    shmi_check_pe(who, ctx, pe);
    shmi_check_symmetric(who, argument, addr, len);
    if (shmi_config.check && len != 0 && !shmi_segment_is_symmetric(addr, shmi_ctx_pe(ctx, pe))) {
        shmi_fatal("%s: %s %p is a variable of this program, and PE %d runs another one", who,
                   argument, addr, shmi_ctx_pe(ctx, pe));
    }
}

void shmi_check_source(const char *who, const struct shmi_ctx *ctx, const void *addr, size_t len,
                       int pe)
{
    if (shmi_program_is_constant(addr)) {
        shmi_check_pe(who, ctx, pe);
    } else {
        shmi_check_rma(who, ctx, "source", addr, len, pe);
    }
}

void shmi_check_member(const char *who, const char *argument, const struct shmi_team *team, int pe)
{
    if (shmi_config.check && (pe < 0 || pe >= team->n_pes)) {
        shmi_fatal("%s: %s is %d; the team has PEs 0 to %d", who, argument, pe, team->n_pes - 1);
    }
}

void shmi_check_same(const char *who, struct shmi_team *team, const char *what, uint64_t value)
{
    if (!shmi_config.check) {
        return;
    }
    /* The largest value, and the largest complement, which is the smallest value's. */
    uint64_t range[2] = {value, ~value};
    shmi_coll_agree(who, team, SHMI_AGREE_MAX, range, range, 2);
    if (range[0] != ~range[1]) {
        shmi_fatal("%s: %s is %lu here, and between %lu and %lu on the team's PEs: it must be the "
                   "same on all",
                   who, what, (unsigned long)value, (unsigned long)~range[1],
                   (unsigned long)range[0]);
    }
}
