/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine.h -- the thread that does what kernels ask for.
 *
 * It takes commands from the doorbell rings of all contexts for kernels and does those itself that
 * are loads and stores of this process: the same shmi_put, shmi_get and shmi_amo that host calls
 * become.  What may have to wait it hands on, so that it never waits itself: what goes through the
 * network, or into device memory, to the lane, one more thread; a collective to the thread of its
 * team.  Where the members of a team share memory it looks by and by who has come to a barrier: to
 * wake a thread takes longer than most of them.  Completion comes in any order, and the rings
 * retire it in theirs.
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
    unsigned n_tasks;                /* of a team's thread: not done; atomic */
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

/* A barrier of a team that this PE has entered and others have not. */
struct shmi_meeting {
    struct shmi_engine_ring *of; /* NULL: there is none; atomic */
    uint64_t ticket;
    shmemx_command_t cmd;
    uint64_t since; /* ns, or 0: since just now */
};

/* What the engine knows of a context; kernels.c makes it. */
struct shmi_kernels {
    struct shmi_engine_ring *ring;
    unsigned n_rings, n_cores;
    shmemx_producer_t *producer; /* as the host sees them */
    shmemx_diagnosis_t *diagnosis;
    const void *far;          /* the diagnosis and behind it the producers, in device memory, ... */
    size_t far_len;           /* ... of which the above are copies; 0: they are not */
    bool told;                /* the diagnosis has been */
    struct shmi_team **team;  /* the engine's own twins of the teams, by number */
    struct shmi_worker *coll; /* their threads */
    struct shmi_meeting *meeting;
    unsigned n_meetings; /* that are not over */
    unsigned n_teams;
    struct shmi_kernels *next; /* of the engine's list */
};

/* Begin and end to serve a context; the thread starts with the first and ends with the last.  0 or
 * -errno after logging. */
int shmi_engine_add(struct shmi_kernels *kernels);
void shmi_engine_remove(struct shmi_kernels *kernels);

/* A kernel is about to run: look at once. */
void shmi_engine_wake(void);

/* ---- between the files of the engine --------------------------------------------------------- */

struct shmi_task {
    struct shmi_task *next;
    struct shmi_engine_ring *of;
    uint64_t ticket;
    shmemx_command_t cmd;
    bool is_begun; /* a barrier that has been entered */
};

/* What doing a command means for its ticket. */
enum shmi_done {
    SHMI_DONE,       /* complete */
    SHMI_DONE_LATER, /* when the context's quiet says so */
};

/* A task's last sign of life: after it, its context may be on its way out. */
void shmi_engine_finish(struct shmi_task *task, uint64_t value);

/* ---- engine_worker.c ---- */

/* 0 or -errno after logging; stop: when all is done that it has been given. */
int shmi_worker_start(struct shmi_worker *worker, void *(*run)(void *), void *arg);
void shmi_worker_stop(struct shmi_worker *worker);

/* A task for it; and, for its thread, the next one: NULL where there is none and it should not
 * wait, or is to end.  Who has done a task frees it. */
void shmi_worker_push(struct shmi_worker *worker, struct shmi_engine_ring *of, uint64_t ticket,
                      const shmemx_command_t *cmd, bool is_begun);
struct shmi_task *shmi_worker_pop(struct shmi_worker *worker, bool may_wait);

/* ---- engine_coll.c ---- */

/* Begin a collective, checked before: SHMEMX_OK or another status.  And look whether barriers that
 * were begun are over: how many. */
int shmi_engine_begin_collective(struct shmi_engine_ring *of, uint64_t ticket,
                                 const shmemx_command_t *cmd);
unsigned shmi_engine_end_meetings(struct shmi_kernels *kernels, uint64_t now);

/* ---- engine_do.c ---- */

/* Before all others. */
void shmi_engine_prepare(void);

/* Is the command one that this engine may do?  SHMEMX_OK or another status. */
int shmi_engine_check(const struct shmi_kernels *kernels, const shmemx_command_t *cmd);

/* Does it take nothing but loads and stores of this process?  Checked before. */
bool shmi_engine_is_local(const shmemx_command_t *cmd);

/* Do it: here and now, or through ctx.  *value is for the reply. */
enum shmi_done shmi_engine_do(struct shmi_ctx *ctx, const shmemx_command_t *cmd, uint64_t *value);
void shmi_engine_collective(struct shmi_team *team, const shmemx_command_t *cmd);

/* A barrier in pieces: begin says whether it can be done so, and then has entered it. */
bool shmi_engine_meet(struct shmi_team *team, const shmemx_command_t *cmd);

#endif
