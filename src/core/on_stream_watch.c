/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * on_stream_watch.c -- waits that the device does itself, and that may last for ever.
 *
 * No thread of ours does them that could tell of it.  So the stream says how far it has come: it
 * writes 2n - 1 to a word of device memory when it is at its nth wait, and 2n when that is over.  A
 * thread looks at these words, once in a second and while there are such waits, and reports those
 * that last longer than SHMEM_WATCHDOG seconds.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/config.h"
#include "core/base/log.h"
#include "core/hbm.h"
#include "core/on_stream.h"
#include "core/segment.h"
#include "device/device.h"

enum { LOOK_S = 1, FEW = 64 };

static struct {
    pthread_mutex_t lock; /* of all this, and of what is known of all streams */
    pthread_cond_t wake;
    struct shmi_watch *first; /* of the streams that have ever waited so */
    size_t n;                 /* waits that are not known to be over */
    pthread_t thread;
    bool runs, stop;
} watches = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* All of these are called under the lock, but for those at the end. */

static void drop_first(struct shmi_watch *watch)
{
    struct shmi_watched *wait = watch->first;
    watch->first = wait->next;
    watch->last = watch->first == NULL ? &watch->first : watch->last;
    watch->n--;
    watches.n--;
    free(wait);
}

/* How far has the stream come?  What is over is forgotten. */
static uint64_t look_at(struct shmi_watch *watch)
{
    uint64_t reached = shmi_hbm_load8(watch->word);
    while (watch->first != NULL && reached >= 2 * watch->first->number) {
        drop_first(watch);
    }
    return reached;
}

static void report(const struct shmi_watched *wait, uint64_t seconds)
{
    const struct shmi_segment *seg = shmi_segment_of(wait->word);
    uint64_t offset = seg == NULL ? 0 : (uint64_t)((const char *)wait->word - seg->base);
    shmi_warn("stream %p has been waiting for %lu s in %s for any PE to change %p (%s + %#lx): it "
              "is %lu, to become %lu%s (SHMEM_WATCHDOG=0 ends these reports)",
              (void *)wait->stream, (unsigned long)seconds, wait->who, (const void *)wait->word,
              seg == NULL ? "device memory" : seg->name, (unsigned long)offset,
              (unsigned long)shmi_hbm_load8(wait->word), (unsigned long)wait->value,
              wait->cmp == SHMI_VALUE_GE ? " or more" : "");
}

static void look_and_report(struct shmi_watch *watch, uint64_t now)
{
    uint64_t reached = watch->first == NULL ? 0 : look_at(watch);
    struct shmi_watched *wait = watch->first;
    if (wait == NULL || reached != 2 * wait->number - 1) {
        return;
    }
    if (wait->since == 0) {
        wait->since = now;
        wait->next_report = (uint64_t)shmi_config.watchdog;
    } else if (now - wait->since >= wait->next_report) {
        wait->next_report = 2 * (now - wait->since);
        report(wait, now - wait->since);
    }
}

static uint64_t seconds_now(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec;
}

static void *run(void *unused)
{
    (void)unused;
    shmi_accelerator.device->enter(shmi_accelerator.npu);
    pthread_mutex_lock(&watches.lock);
    while (!watches.stop) {
        struct timespec next = {.tv_sec = (time_t)seconds_now(CLOCK_REALTIME) + 1 + LOOK_S};
        if (watches.n == 0) {
            pthread_cond_wait(&watches.wake, &watches.lock);
            continue;
        }
        pthread_cond_timedwait(&watches.wake, &watches.lock, &next);
        uint64_t now = seconds_now(CLOCK_MONOTONIC);
        for (struct shmi_watch *watch = watches.first; watch != NULL; watch = watch->next) {
            look_and_report(watch, now);
        }
    }
    pthread_mutex_unlock(&watches.lock);
    return NULL;
}

/* Without the thread there are no reports, and all else is well.  The program's signals are for the
 * program's threads. */
static void start(void)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    watches.runs = pthread_create(&watches.thread, NULL, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void append(struct shmi_watch *watch, struct shmi_watched *wait)
{
    if (watch->last == NULL) { /* its first one */
        watch->last = &watch->first;
        watch->next = watches.first;
        watches.first = watch;
    }
    if (watch->n >= watch->limit) {
        look_at(watch);
        watch->limit = 2 * watch->n + FEW;
    }
    *watch->last = wait;
    watch->last = &wait->next;
    watch->n++;
    if (watches.n++ == 0) {
        pthread_cond_signal(&watches.wake);
    }
    if (!watches.runs) {
        start();
    }
}

/* ---- for on_stream.c ------------------------------------------------------------------------- */

int shmi_watch_put(struct shmi_watch *watch, const struct shmi_watched *like)
{
    const struct shmi_device *device = shmi_accelerator.device;
    struct shmi_npu *npu = shmi_accelerator.npu;
    struct shmi_watched *wait = malloc(sizeof(*wait));
    if (wait == NULL) {
        return -ENOMEM;
    }
    *wait = *like;
    wait->number = ++watch->n_waits;
    int rc = device->stream_write(npu, wait->stream, watch->word, 2 * wait->number - 1);
    rc = rc == 0 ? device->stream_wait(npu, wait->stream, wait->word, wait->cmp, wait->value) : rc;
    rc = rc == 0 ? device->stream_write(npu, wait->stream, watch->word, 2 * wait->number) : rc;
    if (rc != 0) {
        free(wait);
        return rc;
    }
    pthread_mutex_lock(&watches.lock);
    append(watch, wait);
    pthread_mutex_unlock(&watches.lock);
    return 0;
}

void shmi_watch_close(void)
{
    pthread_mutex_lock(&watches.lock);
    watches.stop = true;
    pthread_cond_signal(&watches.wake);
    pthread_mutex_unlock(&watches.lock);
    if (watches.runs) {
        pthread_join(watches.thread, NULL);
    }
    for (struct shmi_watch *watch = watches.first; watch != NULL; watch = watch->next) {
        while (watch->first != NULL) {
            drop_first(watch);
        }
    }
    watches.first = NULL;
    watches.runs = false;
    watches.stop = false;
}
