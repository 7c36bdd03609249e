/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * on_stream.c -- how an operation gets on a stream, and the threads that do what has to wait.
 *
 * Each stream has a lane: a word of device memory that counts the operations that helpers have done
 * for it.  Their order is the stream's, so the stream waits until the word has reached the number
 * of its operation.  Helpers belong to no stream; there are as many as ever waited at one time.
 */
#include "core/on_stream.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/config.h"
#include "core/base/log.h"
#include "device/device.h"

#define PAGE 4096 /* bytes of device memory that are asked for at a time */

struct shmi_lane {
    struct shmi_stream *stream;
    pthread_mutex_t
        lock;        /* a call and its wait go on the stream side by side, in order of tickets */
    uint64_t handed; /* tickets */
    uint64_t *done;  /* of device memory: the last ticket that is done */
    struct shmi_watch watch;
    struct shmi_lane *next;
};

/* Device memory for the lanes' words. */
struct page {
    char *words;
    size_t taken; /* bytes */
    struct page *next;
};

static struct {
    pthread_mutex_t lock;
    struct shmi_lane *used;
    struct shmi_lane *free; /* their counts go on, whichever stream has them next */
    struct page *pages;
} lanes = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct helper {
    pthread_t thread;
    struct helper *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct shmi_operation *first, **last; /* that no helper has taken yet */
    struct helper *all;
    size_t free; /* helpers that have nothing to do, and for whom nothing is in the queue */
    bool stop;
} helpers = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .last = &helpers.first,
};

/* ---- helpers --------------------------------------------------------------------------------- */

/* The stream goes on.  Nobody else writes the word, so a copy will do. */
static void finish(struct shmi_operation *op)
{
    uint64_t *done = op->done;
    uint64_t ticket = op->ticket;
    struct shmi_amo set = {.op = SHMI_AMO_SET, .size = sizeof(ticket), .value = ticket};
    free(op);
    if (!shmi_accelerator.device->amo(shmi_accelerator.npu, done, &set)) {
        shmi_accelerator.device->copy(shmi_accelerator.npu, done, &ticket, sizeof(ticket));
    }
}

/* A helper counts as free before the stream goes on, so that the stream's next one finds it. */
static void *help(void *unused)
{
    (void)unused;
    shmi_accelerator.device->enter(shmi_accelerator.npu);
    pthread_mutex_lock(&helpers.lock);
    for (;;) {
        while (helpers.first == NULL && !helpers.stop) {
            pthread_cond_wait(&helpers.wake, &helpers.lock);
        }
        struct shmi_operation *op = helpers.first;
        if (op == NULL) {
            break;
        }
        helpers.first = op->next;
        if (helpers.first == NULL) {
            helpers.last = &helpers.first;
        }
        pthread_mutex_unlock(&helpers.lock);
        op->run(op);
        pthread_mutex_lock(&helpers.lock);
        helpers.free++;
        pthread_mutex_unlock(&helpers.lock);
        finish(op);
        pthread_mutex_lock(&helpers.lock);
    }
    pthread_mutex_unlock(&helpers.lock);
    return NULL;
}

/* Under the lock.  The program's signals are for the program's threads. */
static void add_helper(const char *who)
{
    sigset_t all;
    sigset_t old;
    struct helper *helper = malloc(sizeof(*helper));
    int rc = helper == NULL ? ENOMEM : 0;
    if (rc == 0) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        rc = pthread_create(&helper->thread, NULL, help, NULL);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (rc != 0) {
        errno = rc;
        shmi_fatal("%s: no thread to wait in for a stream: %m", who);
    }
    helper->next = helpers.all;
    helpers.all = helper;
}

/* On the thread of the device's. */
static void hand_over(void *arg)
{
    struct shmi_operation *op = arg;
    pthread_mutex_lock(&helpers.lock);
    op->next = NULL;
    *helpers.last = op;
    helpers.last = &op->next;
    if (helpers.free == 0) {
        add_helper(op->who);
    } else {
        helpers.free--;
        pthread_cond_signal(&helpers.wake);
    }
    pthread_mutex_unlock(&helpers.lock);
}

static void end_helpers(void)
{
    pthread_mutex_lock(&helpers.lock);
    helpers.stop = true;
    pthread_cond_broadcast(&helpers.wake);
    pthread_mutex_unlock(&helpers.lock);
    while (helpers.all != NULL) {
        struct helper *helper = helpers.all;
        helpers.all = helper->next;
        pthread_join(helper->thread, NULL);
        free(helper);
    }
    helpers.free = 0;
    helpers.stop = false;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

/* A word of device memory, which is zero.  Under the lock. */
static uint64_t *take_word(void)
{
    struct page *page = lanes.pages;
    if (page == NULL || page->taken == PAGE) {
        void *words = NULL;
        page = malloc(sizeof(*page));
        if (page == NULL ||
            shmi_accelerator.device->alloc(shmi_accelerator.npu, PAGE, PAGE, &words) != 0) {
            free(page);
            return NULL;
        }
        *page = (struct page){.words = words, .next = lanes.pages};
        lanes.pages = page;
    }
    page->taken += sizeof(uint64_t);
    return (uint64_t *)(void *)(page->words + page->taken - sizeof(uint64_t));
}

/* Under the lock. */
static struct shmi_lane *make_lane(void)
{
    struct shmi_lane *lane = lanes.free;
    if (lane != NULL) {
        lanes.free = lane->next;
        return lane;
    }
    lane = calloc(1, sizeof(*lane));
    uint64_t *done = lane == NULL ? NULL : take_word();
    uint64_t *reached = done == NULL ? NULL : take_word();
    if (reached == NULL) {
        free(lane);
        return NULL;
    }
    pthread_mutex_init(&lane->lock, NULL);
    lane->done = done;
    lane->watch.word = reached;
    return lane;
}

/* NULL where there is no memory. */
static struct shmi_lane *lane_of(struct shmi_stream *stream)
{
    pthread_mutex_lock(&lanes.lock);
    struct shmi_lane *lane = lanes.used;
    while (lane != NULL && lane->stream != stream) {
        lane = lane->next;
    }
    if (lane == NULL) {
        lane = make_lane();
        if (lane != NULL) {
            lane->stream = stream;
            lane->next = lanes.used;
            lanes.used = lane;
        }
    }
    pthread_mutex_unlock(&lanes.lock);
    return lane;
}

struct shmi_lane *shmi_on_stream_leave(shmemx_stream_t stream)
{
    struct shmi_lane **link = &lanes.used;
    pthread_mutex_lock(&lanes.lock);
    while (*link != NULL && (*link)->stream != stream) {
        link = &(*link)->next;
    }
    struct shmi_lane *lane = *link;
    if (lane != NULL) {
        *link = lane->next;
    }
    pthread_mutex_unlock(&lanes.lock);
    return lane;
}

static void add(struct shmi_lane **list, struct shmi_lane *lane)
{
    if (lane != NULL) {
        pthread_mutex_lock(&lanes.lock);
        lane->next = *list;
        *list = lane;
        pthread_mutex_unlock(&lanes.lock);
    }
}

void shmi_on_stream_free(struct shmi_lane *lane)
{
    add(&lanes.free, lane);
}

void shmi_on_stream_stay(struct shmi_lane *lane)
{
    add(&lanes.used, lane);
}

static void free_lanes(struct shmi_lane **list)
{
    while (*list != NULL) {
        struct shmi_lane *lane = *list;
        *list = lane->next;
        pthread_mutex_destroy(&lane->lock);
        free(lane);
    }
}

void shmi_on_stream_close(void)
{
    end_helpers();
    shmi_watch_close();
    free_lanes(&lanes.used);
    free_lanes(&lanes.free);
    while (lanes.pages != NULL) {
        struct page *page = lanes.pages;
        lanes.pages = page->next;
        shmi_accelerator.device->free(shmi_accelerator.npu, page->words);
        free(page);
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

int shmi_on_stream_result(const char *who, shmemx_stream_t stream, int rc)
{
    if (rc == -EINVAL) {
        shmi_error("%s: %p is no stream of this device; was it destroyed?", who, (void *)stream);
    } else if (rc != 0) {
        errno = -rc;
        shmi_error("%s: stream %p: %m", who, (void *)stream);
    }
    return rc == 0 ? 0 : -1;
}

static struct shmi_operation *copy_of(const struct shmi_operation *op)
{
    struct shmi_operation *copy = malloc(sizeof(*copy));
    if (copy != NULL) {
        *copy = *op;
    }
    return copy;
}

static void run_here(void *arg)
{
    struct shmi_operation *op = arg;
    op->run(op);
    free(op);
}

int shmi_on_stream_call(shmemx_stream_t stream, const struct shmi_operation *op)
{
    const struct shmi_device *device = shmi_accelerator.device;
    struct shmi_operation *copy = copy_of(op);
    int rc =
        copy == NULL ? -ENOMEM : device->stream_call(shmi_accelerator.npu, stream, run_here, copy);
    if (rc != 0) {
        free(copy);
    }
    return shmi_on_stream_result(op->who, stream, rc);
}

/* Under the lane's lock. */
static int put_in_lane(struct shmi_lane *lane, struct shmi_operation *op)
{
    const struct shmi_device *device = shmi_accelerator.device;
    struct shmi_npu *npu = shmi_accelerator.npu;
    uint64_t ticket = lane->handed + 1;
    op->done = lane->done;
    op->ticket = ticket;
    int rc = device->stream_call(npu, lane->stream, hand_over, op);
    if (rc != 0) {
        free(op);
        return rc;
    }
    lane->handed = ticket;
    return device->stream_wait(npu, lane->stream, lane->done, SHMI_VALUE_GE, ticket);
}

int shmi_on_stream_wait(shmemx_stream_t stream, const struct shmi_operation *op)
{
    struct shmi_lane *lane = lane_of(stream);
    struct shmi_operation *copy = copy_of(op);
    int rc = -ENOMEM;
    if (lane != NULL && copy != NULL) {
        pthread_mutex_lock(&lane->lock);
        rc = put_in_lane(lane, copy);
        pthread_mutex_unlock(&lane->lock);
    } else {
        free(copy);
    }
    return shmi_on_stream_result(op->who, stream, rc);
}

/* Nobody watches where no reports are wanted: it is one task of the device then, and not three. */
int shmi_on_stream_await(const char *who, shmemx_stream_t stream, const uint64_t *word,
                         enum shmi_value_cmp cmp, uint64_t value)
{
    const struct shmi_watched wait = {who, stream, word, cmp, value, .next = NULL};
    struct shmi_lane *lane = shmi_config.watchdog == 0 ? NULL : lane_of(stream);
    int rc = 0;
    if (lane == NULL) {
        rc = shmi_accelerator.device->stream_wait(shmi_accelerator.npu, stream, word, cmp, value);
    } else {
        pthread_mutex_lock(&lane->lock);
        rc = shmi_watch_put(&lane->watch, &wait);
        pthread_mutex_unlock(&lane->lock);
    }
    return shmi_on_stream_result(who, stream, rc);
}
