/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_stream.c -- streams and events of the software NPU.
 *
 * A stream is a list of tasks and a thread of the PE's process that does them one after the other.
 * It is asleep while there are none.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/atomic.h"
#include "core/base/log.h"
#include "device/sim.h"

struct task {
    void (*run)(struct shmi_npu *npu, struct task *task);
    struct task *next;
    void *dst; /* or the word */
    const void *src;
    size_t len;
    uint64_t value;
    enum shmi_value_cmp cmp;
    void (*fn)(void *arg);
    void *arg;
    struct mark *mark;
    struct shmi_kernel kernel;
    char args[]; /* of the kernel */
};

struct shmi_stream {
    struct shmi_npu *npu;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct task *head;
    struct task *tail;
    uint64_t posted;
    uint64_t done;
    bool ending;
    struct shmi_stream *next; /* of all streams */
};

/* A place in a stream's work.  It goes when nobody needs it any more: an event, and tasks. */
struct mark {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool reached;
    int users;
};

/* Each record is a mark of its own: who waits for one does not care how far later ones are. */
struct shmi_event {
    pthread_mutex_t lock;
    struct mark *last; /* NULL: never recorded */
};

/* This thread is in a function that do_call has called. */
static _Thread_local bool is_in_call;

/* ---- tasks ----------------------------------------------------------------------------------- */

static void do_copy(struct shmi_npu *npu, struct task *task)
{
    sim_copy(npu, task->dst, task->src, task->len);
}

static void do_call(struct shmi_npu *npu, struct task *task)
{
    (void)npu;
    is_in_call = true;
    task->fn(task->arg);
    is_in_call = false;
}

static void do_write(struct shmi_npu *npu, struct task *task)
{
    uint64_t *word = sim_reach(npu, task->dst);
    __atomic_store_n(word, task->value, __ATOMIC_SEQ_CST);
}

/* Looks politely, then sleeps ever longer. */
static void do_wait(struct shmi_npu *npu, struct task *task)
{
    const uint64_t *word = sim_reach(npu, task->src);
    for (long look = 0;; look++) {
        uint64_t seen = shmi_load_acquire(word);
        if (task->cmp == SHMI_VALUE_EQ ? seen == task->value : seen >= task->value) {
            return;
        }
        if (look < 200) {
            sched_yield();
        } else {
            struct timespec nap = {.tv_nsec = look < 1000 ? 50000 : 500000};
            nanosleep(&nap, NULL);
        }
    }
}

static void leave_mark(struct mark *mark)
{
    pthread_mutex_lock(&mark->lock);
    bool last = --mark->users == 0;
    pthread_mutex_unlock(&mark->lock);
    if (last) {
        pthread_cond_destroy(&mark->changed);
        pthread_mutex_destroy(&mark->lock);
        free(mark);
    }
}

static void do_record(struct shmi_npu *npu, struct task *task)
{
    (void)npu;
    pthread_mutex_lock(&task->mark->lock);
    task->mark->reached = true;
    pthread_cond_broadcast(&task->mark->changed);
    pthread_mutex_unlock(&task->mark->lock);
    leave_mark(task->mark);
}

static void do_event_wait(struct shmi_npu *npu, struct task *task)
{
    (void)npu;
    pthread_mutex_lock(&task->mark->lock);
    while (!task->mark->reached) {
        pthread_cond_wait(&task->mark->changed, &task->mark->lock);
    }
    pthread_mutex_unlock(&task->mark->lock);
    leave_mark(task->mark);
}

static void do_kernel(struct shmi_npu *npu, struct task *task)
{
    sim_kernel_run(npu, &task->kernel);
    __atomic_sub_fetch(&npu->running, 1, __ATOMIC_ACQ_REL);
}

/* ---- streams --------------------------------------------------------------------------------- */

static void *run_stream(void *arg)
{
    struct shmi_stream *stream = arg;
    pthread_mutex_lock(&stream->lock);
    for (;;) {
        while (stream->head == NULL && !stream->ending) {
            pthread_cond_wait(&stream->changed, &stream->lock);
        }
        struct task *task = stream->head;
        if (task == NULL) {
            break;
        }
        stream->head = task->next;
        pthread_mutex_unlock(&stream->lock);
        task->run(stream->npu, task);
        free(task);
        pthread_mutex_lock(&stream->lock);
        stream->done++;
        pthread_cond_broadcast(&stream->changed);
    }
    pthread_mutex_unlock(&stream->lock);
    return NULL;
}

/* The program's signals are for the program's threads. */
static int start_thread(struct shmi_stream *stream)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&stream->thread, NULL, run_stream, stream);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -rc;
}

int sim_stream_create(struct shmi_npu *npu, struct shmi_stream **result)
{
    struct shmi_stream *stream = calloc(1, sizeof(*stream));
    int rc = stream == NULL ? -ENOMEM : 0;
    if (rc == 0) {
        stream->npu = npu;
        pthread_mutex_init(&stream->lock, NULL);
        pthread_cond_init(&stream->changed, NULL);
        rc = start_thread(stream);
    }
    if (rc != 0) {
        errno = -rc;
        sim_log(npu, SHMI_ERROR, "cannot create a stream: %m");
        free(stream);
        return rc;
    }
    pthread_mutex_lock(&npu->streams_lock);
    stream->next = npu->streams;
    npu->streams = stream;
    pthread_mutex_unlock(&npu->streams_lock);
    *result = stream;
    return 0;
}

/* Where the list has a stream; it ends with NULL where it has none such.  Under its lock. */
static struct shmi_stream **find(struct shmi_npu *npu, const struct shmi_stream *stream)
{
    struct shmi_stream **link = &npu->streams;
    while (*link != NULL && *link != stream) {
        link = &(*link)->next;
    }
    return link;
}

/* The stream that is meant; NULL is the default one, made when it is first used. */
static int stream_of(struct shmi_npu *npu, struct shmi_stream *stream, struct shmi_stream **result)
{
    static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
    int rc = 0;
    if (stream != NULL) {
        pthread_mutex_lock(&npu->streams_lock);
        *result = *find(npu, stream);
        pthread_mutex_unlock(&npu->streams_lock);
        return *result == NULL ? -EINVAL : 0;
    }
    pthread_mutex_lock(&first);
    if (npu->first == NULL) {
        rc = sim_stream_create(npu, &npu->first);
    }
    *result = npu->first;
    pthread_mutex_unlock(&first);
    return rc;
}

int sim_stream_destroy(struct shmi_npu *npu, struct shmi_stream *stream)
{
    if (stream == NULL) {
        return 0;
    }
    if (is_in_call) {
        return -EDEADLK;
    }
    pthread_mutex_lock(&npu->streams_lock);
    struct shmi_stream **link = find(npu, stream);
    bool is_there = *link != NULL;
    if (is_there) {
        *link = stream->next;
    }
    pthread_mutex_unlock(&npu->streams_lock);
    if (!is_there) {
        return -EINVAL;
    }
    pthread_mutex_lock(&stream->lock);
    stream->ending = true;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    pthread_join(stream->thread, NULL);
    pthread_cond_destroy(&stream->changed);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
    return 0;
}

void sim_streams_close(struct shmi_npu *npu)
{
    while (npu->streams != NULL) {
        sim_stream_destroy(npu, npu->streams);
    }
    npu->first = NULL;
}

static void await(struct shmi_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    uint64_t until = stream->posted;
    while (stream->done < until) {
        pthread_cond_wait(&stream->changed, &stream->lock);
    }
    pthread_mutex_unlock(&stream->lock);
}

int sim_stream_sync(struct shmi_npu *npu, struct shmi_stream *stream)
{
    if (stream == NULL && npu->first == NULL) {
        return 0;
    }
    int rc = is_in_call ? -EDEADLK : stream_of(npu, stream, &stream);
    if (rc == 0) {
        await(stream);
    }
    return rc;
}

int sim_sync(struct shmi_npu *npu)
{
    pthread_mutex_lock(&npu->streams_lock);
    for (struct shmi_stream *stream = npu->streams; stream != NULL; stream = stream->next) {
        await(stream);
    }
    pthread_mutex_unlock(&npu->streams_lock);
    return 0;
}

/* A task with these arguments goes on the stream. */
static int post(struct shmi_npu *npu, struct shmi_stream *stream, const struct task *like)
{
    size_t args_len = like->kernel.args_len;
    int rc = is_in_call ? -EDEADLK : stream_of(npu, stream, &stream);
    struct task *task = rc == 0 ? malloc(sizeof(*task) + args_len) : NULL;
    if (task == NULL) {
        return rc == 0 ? -ENOMEM : rc;
    }
    *task = *like;
    if (args_len != 0) {
        memcpy(task->args, like->kernel.args, args_len);
        task->kernel.args = task->args;
    }
    pthread_mutex_lock(&stream->lock);
    if (stream->head == NULL) {
        stream->head = task;
    } else {
        stream->tail->next = task;
    }
    stream->tail = task;
    stream->posted++;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    return 0;
}

int sim_stream_copy(struct shmi_npu *npu, struct shmi_stream *stream, void *dst, const void *src,
                    size_t len)
{
    return post(npu, stream, &(struct task){.run = do_copy, .dst = dst, .src = src, .len = len});
}

int sim_stream_call(struct shmi_npu *npu, struct shmi_stream *stream, void (*fn)(void *arg),
                    void *arg)
{
    return fn == NULL ? -EINVAL
                      : post(npu, stream, &(struct task){.run = do_call, .fn = fn, .arg = arg});
}

int sim_stream_write(struct shmi_npu *npu, struct shmi_stream *stream, uint64_t *word,
                     uint64_t value)
{
    return post(npu, stream, &(struct task){.run = do_write, .dst = word, .value = value});
}

int sim_stream_wait(struct shmi_npu *npu, struct shmi_stream *stream, const uint64_t *word,
                    enum shmi_value_cmp cmp, uint64_t value)
{
    return post(npu, stream,
                &(struct task){.run = do_wait, .src = word, .cmp = cmp, .value = value});
}

int sim_launch(struct shmi_npu *npu, struct shmi_stream *stream, const struct shmi_kernel *kernel)
{
    if (kernel->fn == NULL || kernel->n_blocks == 0 || kernel->args_len > SIM_ARGS) {
        sim_log(npu, SHMI_ERROR,
                "cannot launch a kernel: function %p, %u blocks, %zu bytes of arguments; at least "
                "one block and at most %d bytes can be had",
                __extension__(void *) kernel->fn, kernel->n_blocks, kernel->args_len, SIM_ARGS);
        return -EINVAL;
    }
    __atomic_add_fetch(&npu->running, 1, __ATOMIC_ACQ_REL);
    int rc = post(npu, stream, &(struct task){.run = do_kernel, .kernel = *kernel});
    if (rc != 0) {
        __atomic_sub_fetch(&npu->running, 1, __ATOMIC_ACQ_REL);
    }
    return rc;
}

/* ---- events ---------------------------------------------------------------------------------- */

int sim_event_create(struct shmi_npu *npu, struct shmi_event **result)
{
    (void)npu;
    struct shmi_event *event = calloc(1, sizeof(*event));
    if (event == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_init(&event->lock, NULL);
    *result = event;
    return 0;
}

/* Marks on their way stay. */
void sim_event_destroy(struct shmi_npu *npu, struct shmi_event *event)
{
    (void)npu;
    if (event == NULL) {
        return;
    }
    if (event->last != NULL) {
        leave_mark(event->last);
    }
    pthread_mutex_destroy(&event->lock);
    free(event);
}

int sim_event_record(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream)
{
    struct mark *mark = event == NULL ? NULL : malloc(sizeof(*mark));
    if (mark == NULL) {
        return event == NULL ? -EINVAL : -ENOMEM;
    }
    *mark = (struct mark){.users = 2}; /* the event and the task */
    pthread_mutex_init(&mark->lock, NULL);
    pthread_cond_init(&mark->changed, NULL);
    pthread_mutex_lock(&event->lock);
    int rc = post(npu, stream, &(struct task){.run = do_record, .mark = mark});
    struct mark *old = event->last;
    if (rc == 0) {
        event->last = mark;
    }
    pthread_mutex_unlock(&event->lock);
    if (rc != 0) {
        leave_mark(mark); /* the task's share: there is none */
        old = mark;
    }
    if (old != NULL) {
        leave_mark(old);
    }
    return rc;
}

int sim_event_wait(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream)
{
    if (event == NULL) {
        return -EINVAL;
    }
    pthread_mutex_lock(&event->lock);
    struct mark *mark = event->last;
    if (mark != NULL) {
        pthread_mutex_lock(&mark->lock);
        mark->users++;
        pthread_mutex_unlock(&mark->lock);
    }
    pthread_mutex_unlock(&event->lock);
    if (mark == NULL) { /* nothing to wait for, but is it a stream? */
        return stream_of(npu, stream, &stream);
    }
    int rc = post(npu, stream, &(struct task){.run = do_event_wait, .mark = mark});
    if (rc != 0) {
        leave_mark(mark);
    }
    return rc;
}
