/* SPDX-License-Identifier: BSD-3-Clause */
/* amo.h -- the one atomic memory operation: every atomic and signal of the standard is a call of
 * it. */
#ifndef SHMI_AMO_H
#define SHMI_AMO_H

#include <stdint.h>

#include "core/base/amo.h"
#include "core/base/util.h"
#include "core/ctx.h"
#include "core/segment.h"
#include "core/setup.h"
#include "transport/transport.h"

/* amo->fetch, where not NULL, gets the old value: now, or later and then quiet completes it. */
void shmi_amo_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const struct shmi_amo *amo,
                     enum shmi_when when, int pe);

/* Returns the old value's bits when when is SHMI_NOW, which is what fetching operations ask for. */
__attribute__((always_inline)) static inline uint64_t
shmi_amo(const char *who, struct shmi_ctx *ctx, enum shmi_amo_op op, void *dest, unsigned size,
         uint64_t value, uint64_t expected, enum shmi_when when, int pe)
{
    void *word = shmi_reach_fast_amo(dest, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(word != NULL)) {
        return shmi_amo_cpu(word, op, size, value, expected);
    }
    uint64_t old = 0;
    struct shmi_amo amo = {op, size, value, expected, when == SHMI_NOW ? &old : NULL};
    shmi_amo_slowly(who, ctx, dest, &amo, when, pe);
    return shmi_bits_of(&old, size);
}

/* The old value goes to fetch, which quiet completes. */
__attribute__((always_inline)) static inline void
shmi_amo_nbi(const char *who, struct shmi_ctx *ctx, enum shmi_amo_op op, void *fetch, void *dest,
             unsigned size, uint64_t value, uint64_t expected, int pe)
{
    void *word = shmi_reach_fast_amo(dest, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(word != NULL)) {
        shmi_bits_to(fetch, shmi_amo_cpu(word, op, size, value, expected), size);
    } else {
        struct shmi_amo amo = {op, size, value, expected, fetch};
        shmi_amo_slowly(who, ctx, dest, &amo, SHMI_LATER, pe);
    }
}

#endif
