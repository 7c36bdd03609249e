/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine.h -- the thread that does what kernels ask for.
 *
 * It takes commands from the doorbell rings of all contexts for kernels and does those itself that
 * are loads and stores of this process: the same shmi_put, shmi_get and shmi_amo that host calls
 * become.  What may have to wait it hands on, so that it never waits itself: what goes through the
 * network, or into device memory, to the lane, one more thread; a collective to the thread of its
 * team.  Completion comes in any order, and the rings retire it in theirs.
 */
#ifndef SHMI_ENGINE_H
#define SHMI_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/ctx.h"
#include "core/team.h"
#include "device/ring.h"

struct shmi_task;
struct shmi_kernels;

/* Tasks in the order in which they come, done by one thread. */
struct shmi_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct shmi_task *first, **last; /* under the lock */
    bool stop;
    bool runs;
};

/* A ring and what is under way for it. */
struct shmi_engine_ring {
    struct shmi_ring ring;
    struct shmi_kernels *owner;
    struct shmi_ctx *ctx; /* of the lane's thread alone */
    unsigned in_lane;     /* tasks handed to the lane and not complete; atomic */
    bool serial;          /* a fence is in the lane: what comes now goes behind it */
    bool dead;            /* the ring cannot be read any more */
    bool torn_told;
    struct shmi_task *unquiet;           /* the lane's: done, and complete after the next quiet */
    struct shmi_engine_ring *next_dirty; /* the lane's list of rings with such */
    bool dirty;
};

/* What the engine knows of a context; kernels.c makes it. */
struct shmi_kernels {
    struct shmi_engine_ring *ring;
    unsigned n_rings, n_cores;
    shmemx_producer_t *producer; /* as the host sees them */
    shmemx_diagnosis_t *diagnosis;
    bool told;                /* the diagnosis has been */
    struct shmi_team **team;  /* the engine's own twins of the teams, by number */
    struct shmi_worker *coll; /* their threads */
    unsigned n_teams;
    struct shmi_kernels *next; /* of the engine's list */
};

/* Begin and end to serve a context; the thread starts with the first and ends with the last.  0 or
 * -errno after logging. */
int shmi_engine_add(struct shmi_kernels *kernels);
void shmi_engine_remove(struct shmi_kernels *kernels);

/* A kernel is about to start: look at once. */
void shmi_engine_wake(void);

/* ---- between engine.c and engine_do.c -------------------------------------------------------- */

struct shmi_task {
    struct shmi_task *next;
    struct shmi_engine_ring *of;
    uint64_t ticket;
    shmemx_command_t cmd;
};

/* What doing a command means for its ticket. */
enum shmi_done {
    SHMI_DONE,       /* complete */
    SHMI_DONE_LATER, /* when the context's quiet says so */
};

/* Is the command one that this engine may do?  SHMEMX_OK or another status. */
int shmi_engine_check(const struct shmi_kernels *kernels, const shmemx_command_t *cmd);

/* Does it take nothing but loads and stores of this process?  Checked before. */
bool shmi_engine_is_local(const shmemx_command_t *cmd);

/* Do it: here and now, or through ctx.  *value is for the reply. */
enum shmi_done shmi_engine_do(struct shmi_ctx *ctx, const shmemx_command_t *cmd, uint64_t *value);
void shmi_engine_collective(struct shmi_team *team, const shmemx_command_t *cmd);

#endif
