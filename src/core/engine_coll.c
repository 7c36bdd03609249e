/* SPDX-License-Identifier: BSD-3-Clause */
/* engine_coll.c -- collectives that kernels ask for: barriers in pieces, a thread for each team. */
#include <sched.h>
#include <stdlib.h>

#include "core/base/atomic.h"
#include "core/coll.h"
#include "core/engine.h"
#include "device/device.h"

/* A barrier that takes longer is its team's thread's to wait for. */
enum { MEETING_NS = 2000 * 1000 };

/* ---- a thread for each team ------------------------------------------------------------------ */

struct team_thread {
    struct shmi_kernels *kernels;
    unsigned team;
};

/* A barrier that the engine looks after comes before all that is asked for after it. */
static void *run_team(void *arg)
{
    struct team_thread me = *(struct team_thread *)arg;
    struct shmi_worker *worker = &me.kernels->coll[me.team];
    struct shmi_team *team = me.kernels->team[me.team];
    struct shmi_task *task;
    free(arg);
    if (shmi_accelerator.npu != NULL) {
        shmi_accelerator.device->enter(shmi_accelerator.npu);
    }
    while ((task = shmi_worker_pop(worker, true)) != NULL) {
        while (shmi_load_acquire(&me.kernels->meeting[me.team].of) != NULL) {
            sched_yield();
        }
        if (task->is_begun) {
            shmi_coll_sync_end(shmi_ring_op_name(task->cmd.op), team);
        } else {
            shmi_engine_collective(team, &task->cmd);
        }
        __atomic_fetch_sub(&worker->n_tasks, 1, __ATOMIC_RELEASE);
        shmi_engine_finish(task, 0);
    }
    return NULL;
}

static int hand_to_team(struct shmi_engine_ring *of, uint64_t ticket, const shmemx_command_t *cmd,
                        bool is_begun)
{
    struct shmi_worker *worker = &of->owner->coll[cmd->team];
    if (!worker->runs) {
        struct team_thread *arg = malloc(sizeof(*arg));
        if (arg == NULL) {
            return SHMEMX_FAILED;
        }
        *arg = (struct team_thread){of->owner, cmd->team};
        if (shmi_worker_start(worker, run_team, arg) != 0) {
            free(arg);
            return SHMEMX_FAILED;
        }
    }
    __atomic_fetch_add(&of->in_lane, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&worker->n_tasks, 1, __ATOMIC_RELAXED);
    shmi_worker_push(worker, of, ticket, cmd, is_begun);
    return SHMEMX_OK;
}

/* ---- barriers of those who share memory ------------------------------------------------------ */

/* Enter a barrier, unless somebody has to wait for it in any case. */
static bool begin_meeting(struct shmi_engine_ring *of, uint64_t ticket, const shmemx_command_t *cmd)
{
    struct shmi_kernels *kernels = of->owner;
    struct shmi_meeting *meeting = &kernels->meeting[cmd->team];
    bool is_idle = meeting->of == NULL &&
                   __atomic_load_n(&kernels->coll[cmd->team].n_tasks, __ATOMIC_ACQUIRE) == 0;
    if (!is_idle || !shmi_engine_meet(kernels->team[cmd->team], cmd)) {
        return false;
    }
    meeting->ticket = ticket;
    meeting->cmd = *cmd;
    meeting->since = 0;
    shmi_store_release(&meeting->of, of);
    kernels->n_meetings++;
    __atomic_fetch_add(&of->in_lane, 1, __ATOMIC_RELAXED);
    return true;
}

static bool end_meeting(struct shmi_kernels *kernels, struct shmi_meeting *meeting, uint64_t now)
{
    struct shmi_engine_ring *of = meeting->of;
    bool has_ended = shmi_coll_sync_has_ended(kernels->team[meeting->cmd.team]);
    if (!has_ended && (meeting->since == 0 || now < meeting->since + MEETING_NS)) {
        meeting->since = meeting->since == 0 ? now : meeting->since;
        return false;
    }
    if (has_ended) {
        shmi_ring_retire(&of->ring, meeting->ticket);
        shmi_ring_publish(&of->ring);
        shmi_ring_reply(&of->ring, &meeting->cmd, meeting->ticket, 0, SHMEMX_OK);
    } else if (hand_to_team(of, meeting->ticket, &meeting->cmd, true) != SHMEMX_OK) {
        return false;
    }
    kernels->n_meetings--;
    shmi_store_release(&meeting->of, NULL);
    __atomic_fetch_sub(&of->in_lane, 1, __ATOMIC_RELEASE);
    return true;
}

unsigned shmi_engine_end_meetings(struct shmi_kernels *kernels, uint64_t now)
{
    unsigned n = 0;
    for (unsigned i = 0; i < kernels->n_teams && kernels->n_meetings != 0; i++) {
        if (kernels->meeting[i].of != NULL && end_meeting(kernels, &kernels->meeting[i], now)) {
            n++;
        }
    }
    return n;
}

int shmi_engine_begin_collective(struct shmi_engine_ring *of, uint64_t ticket,
                                 const shmemx_command_t *cmd)
{
    return begin_meeting(of, ticket, cmd) ? SHMEMX_OK : hand_to_team(of, ticket, cmd, false);
}
