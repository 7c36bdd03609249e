/* SPDX-License-Identifier: BSD-3-Clause */
/* order.h -- fence and quiet (section 9.12). */
#ifndef SHMI_ORDER_H
#define SHMI_ORDER_H

#include "core/base/atomic.h"
#include "core/ctx.h"

/* The parts of these that need the context's channel. */
void shmi_fence_network(struct shmi_ctx *ctx);
void shmi_quiet_network(struct shmi_ctx *ctx);

/* Earlier operations of the context are visible at their PE before later ones. */
static inline void shmi_fence(struct shmi_ctx *ctx)
{
    shmi_order_stores();
    if (shmi_unlikely(ctx->channel != NULL)) {
        shmi_fence_network(ctx);
    }
}

/* All earlier operations of the context, and plain stores, are complete and visible to all PEs:
 * also before any later load of this PE, which is what the full fence is for. */
static inline void shmi_quiet(struct shmi_ctx *ctx)
{
    shmi_order_all();
    if (shmi_unlikely(ctx->channel != NULL)) {
        shmi_quiet_network(ctx);
    }
}

#endif
