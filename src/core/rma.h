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

void shmi_put_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                     size_t len, int pe, enum shmi_when when);
void shmi_get_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                     size_t len, int pe, enum shmi_when when);

__attribute__((always_inline)) static inline void
shmi_put(const char *who, struct shmi_ctx *ctx, void *dest, const void *source, size_t len, int pe,
         enum shmi_when when)
{
    char *there = shmi_observing ? NULL : shmi_reach(dest, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(there != NULL)) {
        shmi_copy(there, source, len);
    } else {
        shmi_put_slowly(who, ctx, dest, source, len, pe, when);
    }
}

__attribute__((always_inline)) static inline void
shmi_get(const char *who, struct shmi_ctx *ctx, void *dest, const void *source, size_t len, int pe,
         enum shmi_when when)
{
    const char *there = shmi_observing ? NULL : shmi_reach(source, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(there != NULL)) {
        shmi_copy(dest, there, len);
    } else {
        shmi_get_slowly(who, ctx, dest, source, len, pe, when);
    }
}

/* Where a symmetric object is for the network; ends the job if addr is not symmetric. */
struct shmi_remote shmi_remote_of(const char *who, const void *addr, int pe);

#endif
