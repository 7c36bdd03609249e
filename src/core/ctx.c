/* SPDX-License-Identifier: BSD-3-Clause */
/* ctx.c -- communication contexts and sessions (sections 9.5 and 9.9). */
#include "core/ctx.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/export.h"
#include "core/base/log.h"
#include "core/network.h"
#include "core/order.h"
#include "core/setup.h"
#include "transport/transport.h"

struct shmi_ctx shmi_ctx_default = {.lock = PTHREAD_MUTEX_INITIALIZER, .shared = true};

/* Of the lists of contexts that hang on teams: contexts are created by any thread. */
static pthread_mutex_t lists = PTHREAD_MUTEX_INITIALIZER;

struct shmi_channel *shmi_ctx_enter(struct shmi_ctx *ctx)
{
    if (ctx->shared) {
        pthread_mutex_lock(&ctx->lock);
    }
    return ctx->channel;
}

struct shmi_channel *shmi_ctx_enter_to(struct shmi_ctx *ctx, int pe)
{
    struct shmi_channel *channel = shmi_ctx_enter(ctx);
    ctx->crossed = ctx->crossed || shmi_network_is_mixed_with(pe);
    return channel;
}

void shmi_ctx_leave(struct shmi_ctx *ctx)
{
    if (ctx->shared) {
        pthread_mutex_unlock(&ctx->lock);
    }
}

static int open_channel(struct shmi_ctx *ctx)
{
    ctx->channel = NULL;
    if (shmi_network.net == NULL) {
        return 0;
    }
    return shmi_network.transport->channel_open(shmi_network.net, &ctx->channel);
}

static void close_channel(struct shmi_ctx *ctx)
{
    if (ctx->channel != NULL) {
        shmi_network.transport->channel_close(ctx->channel);
        ctx->channel = NULL;
    }
}

int shmi_ctx_open(void)
{
    shmi_ctx_default.team = shmi_team_world;
    return open_channel(&shmi_ctx_default);
}

void shmi_ctx_close(void)
{
    close_channel(&shmi_ctx_default);
    shmi_ctx_default.team = NULL;
}

int shmi_ctx_create(struct shmi_team *team, long options, struct shmi_ctx **ctx)
{
    struct shmi_ctx *mine = malloc(sizeof(*mine));
    if (mine == NULL) {
        return -ENOMEM;
    }
    *mine = (struct shmi_ctx){
        .team = team,
        .options = options,
        .shared = (options & (SHMEM_CTX_PRIVATE | SHMEM_CTX_SERIALIZED)) == 0,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    int rc = open_channel(mine);
    if (rc != 0) {
        free(mine);
        return rc;
    }
    pthread_mutex_lock(&lists);
    mine->next = team->contexts;
    team->contexts = mine;
    pthread_mutex_unlock(&lists);
    *ctx = mine;
    return 0;
}

void shmi_ctx_destroy(struct shmi_ctx *ctx)
{
    shmi_quiet(ctx);
    pthread_mutex_lock(&lists);
    struct shmi_ctx **link = &ctx->team->contexts;
    while (*link != NULL && *link != ctx) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = ctx->next;
    }
    pthread_mutex_unlock(&lists);
    close_channel(ctx);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

static int create(const char *who, shmem_team_t handle, long options, shmem_ctx_t *ctx)
{
    const long known = SHMEM_CTX_SERIALIZED | SHMEM_CTX_PRIVATE | SHMEM_CTX_NOSTORE;
    struct shmi_ctx *mine = NULL;
    shmi_require_running(who);
    *ctx = SHMEM_CTX_INVALID;
    struct shmi_team *team = shmi_team_of(handle);
    if (team == NULL) {
        return -1;
    }
    if ((options & ~known) != 0) {
        shmi_error("%s: options %#lx has bits that are no SHMEM_CTX_ option", who, options);
        return -1;
    }
    if (shmi_ctx_create(team, options, &mine) != 0) {
        return -1;
    }
    *ctx = (shmem_ctx_t)mine;
    return 0;
}

int shmem_ctx_create(long options, shmem_ctx_t *ctx)
{
    return create(__func__, SHMEM_TEAM_WORLD, options, ctx);
}
PSHMEM(_ctx_create)

int shmem_team_create_ctx(shmem_team_t team, long options, shmem_ctx_t *ctx)
{
    return create(__func__, team, options, ctx);
}
PSHMEM(_team_create_ctx)

void shmem_ctx_destroy(shmem_ctx_t ctx)
{
    shmi_require_running(__func__);
    if (ctx == SHMEM_CTX_DEFAULT) {
        shmi_fatal("%s: SHMEM_CTX_DEFAULT cannot be destroyed", __func__);
    }
    if (ctx != SHMEM_CTX_INVALID) {
        shmi_ctx_destroy(shmi_ctx_of(ctx));
    }
}
PSHMEM(_ctx_destroy)

int shmem_ctx_get_team(shmem_ctx_t ctx, shmem_team_t *team)
{
    shmi_require_running(__func__);
    if (ctx == SHMEM_CTX_INVALID) {
        *team = SHMEM_TEAM_INVALID;
        return -1;
    }
    *team = shmi_team_handle(shmi_ctx_of(ctx)->team);
    return 0;
}
PSHMEM(_ctx_get_team)

/* A session is a hint that many operations follow.  The node's loads and stores have nothing to
 * batch, and the networks post what they are given at once, so the hint changes nothing here. */
void shmem_ctx_session_start(shmem_ctx_t ctx, long options,
                             const shmem_ctx_session_config_t *config, long config_mask)
{
    shmi_require_running(__func__);
    (void)ctx;
    (void)options;
    (void)config;
    (void)config_mask;
}
PSHMEM(_ctx_session_start)

void shmem_ctx_session_stop(shmem_ctx_t ctx)
{
    shmi_require_running(__func__);
    (void)ctx;
}
PSHMEM(_ctx_session_stop)
