/* SPDX-License-Identifier: BSD-3-Clause */
/* order.c -- fence and quiet (section 9.12). */
#include "core/order.h"

#include "core/base/export.h"
#include "core/check.h"
#include "core/setup.h"
#include "core/trace.h"
#include "transport/transport.h"

/* What the network does to memory that stores of this PE reach, too, it must have done before the
 * next store; to all other PEs it keeps the order itself. */
__attribute__((noinline)) void shmi_fence_network(struct shmi_ctx *ctx)
{
    uint64_t begun = shmi_trace_begin();
    struct shmi_channel *channel = shmi_ctx_enter(ctx);
    if (ctx->crossed) {
        shmi_network.transport->quiet(channel);
        ctx->crossed = false;
    } else {
        shmi_network.transport->fence(channel);
    }
    shmi_ctx_leave(ctx);
    shmi_trace_end(begun, "shmem_fence", -1, 0);
}

__attribute__((noinline)) void shmi_quiet_network(struct shmi_ctx *ctx)
{
    uint64_t begun = shmi_trace_begin();
    shmi_network.transport->quiet(shmi_ctx_enter(ctx));
    ctx->crossed = false;
    shmi_ctx_leave(ctx);
    shmi_trace_end(begun, "shmem_quiet", -1, 0);
}

void shmem_fence(void)
{
    shmi_require_running(__func__);
    shmi_fence(&shmi_ctx_default);
}
PSHMEM(_fence)

void shmem_quiet(void)
{
    shmi_require_running(__func__);
    shmi_quiet(&shmi_ctx_default);
}
PSHMEM(_quiet)

/* On an invalid context these do nothing, says the standard. */
void shmem_ctx_fence(shmem_ctx_t ctx)
{
    shmi_require_running(__func__);
    if (ctx != SHMEM_CTX_INVALID) {
        shmi_fence(shmi_ctx_of(ctx));
    }
}
PSHMEM(_ctx_fence)

void shmem_ctx_quiet(shmem_ctx_t ctx)
{
    shmi_require_running(__func__);
    if (ctx != SHMEM_CTX_INVALID) {
        shmi_quiet(shmi_ctx_of(ctx));
    }
}
PSHMEM(_ctx_quiet)

/* Completing more PEs than asked for is right, and no network here can do less. */
static void pe_quiet(const char *who, struct shmi_ctx *ctx, const int *target_pes, size_t npes)
{
    shmi_require_running(who);
    if (ctx == NULL) {
        return;
    }
    for (size_t i = 0; shmi_observing && i < npes; i++) {
        shmi_check_pe(who, ctx, target_pes[i]);
    }
    if (npes != 0) {
        shmi_quiet(ctx);
    }
}

void shmem_pe_quiet(const int *target_pes, size_t npes)
{
    pe_quiet(__func__, &shmi_ctx_default, target_pes, npes);
}
PSHMEM(_pe_quiet)

void shmem_ctx_pe_quiet(shmem_ctx_t ctx, const int *target_pes, size_t npes)
{
    pe_quiet(__func__, shmi_ctx_of(ctx), target_pes, npes);
}
PSHMEM(_ctx_pe_quiet)
