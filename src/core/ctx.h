/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctx.h -- contexts: streams of operations that are ordered and completed together.
 *
 * Operations on memory that is mapped here are done when the call returns, whatever the context;
 * a context matters to those that go through the network, whose channel it owns.
 */
#ifndef SHMI_CTX_H
#define SHMI_CTX_H

#include <pthread.h>
#include <stdbool.h>

#include "core/team.h"

struct shmi_channel;

struct shmi_ctx {
    struct shmi_team *team;       /* PE arguments are its members; NULL before init */
    struct shmi_channel *channel; /* of the network; NULL where there is none */
    bool shared;                  /* threads may use it at once: lock around the channel */
    bool crossed;                 /* the network was used where stores reach, too: see order.c */
    long options;
    pthread_mutex_t lock;  /* of the channel */
    struct shmi_ctx *next; /* of the team's contexts */
};

extern SHMI_HIDDEN struct shmi_ctx shmi_ctx_default;

/* The context behind a handle; an invalid one gives NULL. */
static inline struct shmi_ctx *shmi_ctx_of(shmem_ctx_t handle)
{
    return shmi_likely(handle == SHMEM_CTX_DEFAULT) ? &shmi_ctx_default : (struct shmi_ctx *)handle;
}

/* World number of a PE argument.  The default context's need no translation, and the compiler sees
 * which calls those are. */
static inline int shmi_ctx_pe(const struct shmi_ctx *ctx, int pe)
{
    if (ctx == &shmi_ctx_default || ctx == NULL || ctx->team == shmi_team_world) {
        return pe;
    }
    return shmi_team_pe(ctx->team, pe);
}

/* The channel of a context, locked if it must be, and its release.  To is for what changes memory
 * of a PE: a later fence is about that. */
struct shmi_channel *shmi_ctx_enter(struct shmi_ctx *ctx);
struct shmi_channel *shmi_ctx_enter_to(struct shmi_ctx *ctx, int pe);
void shmi_ctx_leave(struct shmi_ctx *ctx);

int shmi_ctx_open(void); /* the default context; 0 or -errno */
void shmi_ctx_close(void);

int shmi_ctx_create(struct shmi_team *team, long options, struct shmi_ctx **ctx);
void shmi_ctx_destroy(struct shmi_ctx *ctx);

#endif
