/* SPDX-License-Identifier: BSD-3-Clause */
/* amo.h -- the one atomic memory operation: every atomic and signal of the standard is a call of it. */
#ifndef SHMI_AMO_H
#define SHMI_AMO_H

#include <stdint.h>

#include "core/base/amo.h"
#include "core/base/util.h"
#include "core/ctx.h"
#include "core/segment.h"
#include "core/setup.h"
#include "transport/transport.h"

void shmi_amo_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const struct shmi_amo *amo,
                     enum shmi_when when, int pe);

/* amo->fetch, where not NULL, gets the old value: now, or later and then quiet completes it. */
__attribute__((always_inline)) static inline void
shmi_amo(const char *who, struct shmi_ctx *ctx, void *dest, struct shmi_amo amo,
         enum shmi_when when, int pe)
{
    void *word = shmi_observing ? NULL : shmi_reach_amo(dest, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(word != NULL)) {
        uint64_t old = shmi_amo_cpu(word, amo.op, amo.size, amo.value, amo.expected);
        if (amo.fetch != NULL) {
            shmi_bits_to(amo.fetch, old, amo.size);
        }
    } else {
        shmi_amo_slowly(who, ctx, dest, &amo, when, pe);
    }
}

#endif
