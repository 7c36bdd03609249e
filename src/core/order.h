/* SPDX-License-Identifier: BSD-3-Clause */
/* order.h -- fence and quiet (section 9.12). */
#ifndef SHMI_ORDER_H
#define SHMI_ORDER_H

#include "core/base/atomic.h"
#include "core/ctx.h"
#include "transport/transport.h"

/* Earlier operations of the context are visible at their PE before later ones. */
static inline void shmi_fence(struct shmi_ctx *ctx)
{
    shmi_order_stores();
    if (shmi_unlikely(ctx->channel != NULL)) {
        shmi_network.transport->fence(shmi_ctx_enter(ctx));
        shmi_ctx_leave(ctx);
    }
}

/* All earlier operations of the context, and plain stores, are complete and visible to all PEs: also
 * before any later load of this PE, which is what the full fence is for. */
static inline void shmi_quiet(struct shmi_ctx *ctx)
{
    shmi_order_all();
    if (shmi_unlikely(ctx->channel != NULL)) {
        shmi_network.transport->quiet(shmi_ctx_enter(ctx));
        shmi_ctx_leave(ctx);
    }
}

#endif
