/* SPDX-License-Identifier: BSD-3-Clause */
/* engine_worker.c -- threads that the engine hands tasks to, which do them in their order. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/atomic.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "core/engine.h"

/* To be woken takes longer than most tasks, and tasks come in rows: so long after one a thread
 * stays awake. */
enum { WARM_NS = 100 * 1000 };

void shmi_worker_push(struct shmi_worker *worker, struct shmi_engine_ring *of, uint64_t ticket,
                      const shmemx_command_t *cmd, bool is_begun)
{
    struct shmi_task *task = malloc(sizeof(*task));
    if (task == NULL) {
        shmi_fatal("out of memory for what a kernel has asked for");
    }
    *task = (struct shmi_task){.of = of, .ticket = ticket, .cmd = *cmd, .is_begun = is_begun};
    pthread_mutex_lock(&worker->lock);
    shmi_store_relaxed(worker->last, task); /* looked at without the lock, too */
    worker->last = &task->next;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
}

static void linger(const struct shmi_worker *worker)
{
    uint64_t end = shmi_now_ns() + WARM_NS;
    while (shmi_load_relaxed(&worker->first) == NULL && shmi_now_ns() < end) {
        sched_yield();
    }
}

struct shmi_task *shmi_worker_pop(struct shmi_worker *worker, bool may_wait)
{
    if (may_wait) {
        linger(worker);
    }
    pthread_mutex_lock(&worker->lock);
    while (worker->first == NULL && may_wait && !worker->stop) {
        pthread_cond_wait(&worker->wake, &worker->lock);
    }
    struct shmi_task *task = worker->first;
    if (task != NULL) {
        shmi_store_relaxed(&worker->first, task->next);
        if (worker->first == NULL) {
            worker->last = &worker->first;
        }
    }
    pthread_mutex_unlock(&worker->lock);
    return task;
}

int shmi_worker_start(struct shmi_worker *worker, void *(*run)(void *), void *arg)
{
    *worker = (struct shmi_worker){.lock = PTHREAD_MUTEX_INITIALIZER,
                                   .wake = PTHREAD_COND_INITIALIZER,
                                   .last = &worker->first};
    int rc = pthread_create(&worker->thread, NULL, run, arg);
    if (rc != 0) {
        shmi_error("cannot start a thread for what kernels ask for: %s", strerror(rc));
        return -rc;
    }
    worker->runs = true;
    return 0;
}

void shmi_worker_stop(struct shmi_worker *worker)
{
    if (!worker->runs) {
        return;
    }
    pthread_mutex_lock(&worker->lock);
    worker->stop = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    worker->runs = false;
}
