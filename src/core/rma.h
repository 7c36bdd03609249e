/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rma.h -- the one put and the one get.
 *
 * Every put of every type, size and flavour is a call of shmi_put.  Where the PE's memory is mapped
 * here, that is a copy and nothing else; all else (no bytes, a network, checks, a wrong address)
 * is shmi_put_slowly's business.
 */
#ifndef SHMI_RMA_H
#define SHMI_RMA_H

#include <stddef.h>

#include "core/base/util.h"
#include "core/copy.h"
#include "core/ctx.h"
#include "core/segment.h"
#include "core/setup.h"
#include "transport/transport.h"

/* The largest type that p and g move: long double. */
#define SHMI_ELEMENT 16

void shmi_put_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                     size_t len, int pe, enum shmi_when when);
void shmi_get_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                     size_t len, int pe, enum shmi_when when);

__attribute__((always_inline)) static inline void shmi_put(const char *who, struct shmi_ctx *ctx,
                                                           void *dest, const void *source,
                                                           size_t len, int pe, enum shmi_when when)
{
    char *there = shmi_reach_fast(dest, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(there != NULL)) {
        shmi_copy(there, source, len);
    } else {
        shmi_put_slowly(who, ctx, dest, source, len, pe, when);
    }
}

__attribute__((always_inline)) static inline void shmi_get(const char *who, struct shmi_ctx *ctx,
                                                           void *dest, const void *source,
                                                           size_t len, int pe, enum shmi_when when)
{
    const char *there = shmi_reach_fast(source, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(there != NULL)) {
        shmi_copy(dest, there, len);
    } else {
        shmi_get_slowly(who, ctx, dest, source, len, pe, when);
    }
}

/* The same for one element, whose size the compiler knows: it never leaves its register, as its
 * address is taken only of a copy, and only where that is needed. */
__attribute__((always_inline)) static inline void
shmi_p(const char *who, struct shmi_ctx *ctx, void *dest, const void *value, size_t size, int pe)
{
    char *there = shmi_reach_fast(dest, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(there != NULL)) {
        memcpy(there, value, size);
    } else {
        char copy[SHMI_ELEMENT];
        memcpy(copy, value, size);
        shmi_put_slowly(who, ctx, dest, copy, size, pe, SHMI_NOW);
    }
}

__attribute__((always_inline)) static inline void
shmi_g(const char *who, struct shmi_ctx *ctx, void *value, const void *source, size_t size, int pe)
{
    const char *there = shmi_reach_fast(source, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(there != NULL)) {
        memcpy(value, there, size);
    } else {
        char copy[SHMI_ELEMENT];
        shmi_get_slowly(who, ctx, copy, source, size, pe, SHMI_NOW);
        memcpy(value, copy, size);
    }
}

/* Where a symmetric object is for the network; ends the job if addr is not symmetric. */
struct shmi_remote shmi_remote_of(const char *who, const void *addr, int pe);

#endif
