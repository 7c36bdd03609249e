/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake_stream.c -- the make-believe runtime's streams, events, values and host functions.
 *
 * A stream is a list and a thread.  All host functions are called by one more thread, one after the
 * other: whoever waits in one for another holds up everybody, as may happen with a real runtime.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

struct fake_stream {
    struct fake_context *context;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fake_task *head;
    struct fake_task *tail;
    uint64_t put;
    uint64_t done;
    int code; /* of the first task that failed since the last look */
    bool ending;
    struct fake_stream *next; /* of the context */
};

/* ---- tasks ----------------------------------------------------------------------------------- */

static int do_copy(struct fake_task *task)
{
    fake_copy(task->dst, task->src, task->len);
    return OK;
}

static uint64_t *word_of(const void *addr)
{
    struct fake_span *unused;
    pthread_mutex_lock(&fake_lock);
    uint64_t *word = (uint64_t *)(void *)fake_reach(addr, sizeof(*word), &unused);
    pthread_mutex_unlock(&fake_lock);
    return word;
}

static int do_write(struct fake_task *task)
{
    __atomic_store_n(word_of(task->dst), task->value, __ATOMIC_SEQ_CST);
    return OK;
}

static int do_wait(struct fake_task *task)
{
    const uint64_t *word = word_of(task->dst);
    struct timespec nap = {.tv_nsec = 30000};
    for (;;) {
        uint64_t seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
        bool met =
            task->flag == ACL_WAIT_EQ ? seen == task->value : (int64_t)(seen - task->value) >= 0;
        if (met) {
            return OK;
        }
        nanosleep(&nap, NULL);
    }
}

/* ---- host functions -------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fake_task *task;
    bool runs;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *run_host_functions(void *unused)
{
    (void)unused;
    fake_in_host_function = true;
    pthread_mutex_lock(&host.lock);
    for (;;) {
        while (host.task == NULL) {
            pthread_cond_wait(&host.changed, &host.lock);
        }
        struct fake_task *task = host.task;
        pthread_mutex_unlock(&host.lock);
        task->fn(task->arg);
        pthread_mutex_lock(&host.lock);
        host.task = NULL;
        pthread_cond_broadcast(&host.changed);
    }
    return NULL;
}

static int start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

/* Hands the function over and waits for its end. */
static int do_host(struct fake_task *task)
{
    pthread_mutex_lock(&host.lock);
    if (!host.runs) {
        pthread_t thread;
        host.runs = start_thread(&thread, run_host_functions, NULL) == 0;
        if (!host.runs) {
            pthread_mutex_unlock(&host.lock);
            return INTERNAL;
        }
        pthread_detach(thread);
    }
    while (host.task != NULL) {
        pthread_cond_wait(&host.changed, &host.lock);
    }
    host.task = task;
    pthread_cond_broadcast(&host.changed);
    while (host.task == task) {
        pthread_cond_wait(&host.changed, &host.lock);
    }
    pthread_mutex_unlock(&host.lock);
    return OK;
}

/* ---- streams --------------------------------------------------------------------------------- */

static void *run_stream(void *arg)
{
    struct fake_stream *stream = arg;
    pthread_mutex_lock(&stream->lock);
    for (;;) {
        while (stream->head == NULL && !stream->ending) {
            pthread_cond_wait(&stream->changed, &stream->lock);
        }
        struct fake_task *task = stream->head;
        if (task == NULL) {
            break;
        }
        stream->head = task->next;
        pthread_mutex_unlock(&stream->lock);
        int code = task->run(task);
        if (code != OK) {
            fake_exception(code, stream->context->device);
        }
        free(task);
        pthread_mutex_lock(&stream->lock);
        stream->code = stream->code == OK ? code : stream->code;
        stream->done++;
        pthread_cond_broadcast(&stream->changed);
    }
    pthread_mutex_unlock(&stream->lock);
    return NULL;
}

int fake_stream_make(struct fake_context *context, struct fake_stream **result)
{
    struct fake_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return OUT_OF_MEMORY;
    }
    stream->context = context;
    pthread_mutex_init(&stream->lock, NULL);
    pthread_cond_init(&stream->changed, NULL);
    if (start_thread(&stream->thread, run_stream, stream) != 0) {
        free(stream);
        return INTERNAL;
    }
    pthread_mutex_lock(&fake_lock);
    stream->next = context->streams;
    context->streams = stream;
    pthread_mutex_unlock(&fake_lock);
    *result = stream;
    return OK;
}

int fake_stream_drain(struct fake_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    uint64_t until = stream->put;
    while (stream->done < until) {
        pthread_cond_wait(&stream->changed, &stream->lock);
    }
    int code = stream->code;
    stream->code = OK;
    pthread_mutex_unlock(&stream->lock);
    return code;
}

void fake_stream_end(struct fake_stream *stream)
{
    struct fake_stream **link = &stream->context->streams;
    pthread_mutex_lock(&fake_lock);
    while (*link != stream) {
        link = &(*link)->next;
    }
    *link = stream->next;
    pthread_mutex_unlock(&fake_lock);
    pthread_mutex_lock(&stream->lock);
    stream->ending = true;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    pthread_join(stream->thread, NULL);
    pthread_cond_destroy(&stream->changed);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* NULL is the default stream, which is made when it is first used. */
static int stream_of(void *handle, struct fake_stream **result)
{
    struct fake_context *context = fake_context();
    pthread_mutex_lock(&fake_lock);
    struct fake_stream *stream = context->streams;
    while (stream != NULL && stream != handle) {
        stream = stream->next;
    }
    struct fake_stream *first = context->first;
    pthread_mutex_unlock(&fake_lock);
    if (handle != NULL) {
        *result = stream;
        return stream == NULL ? OTHER_CONTEXT : OK;
    }
    if (first == NULL) {
        static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
        pthread_mutex_lock(&making);
        int code = context->first == NULL ? fake_stream_make(context, &context->first) : OK;
        pthread_mutex_unlock(&making);
        if (code != OK) {
            return code;
        }
    }
    *result = context->first;
    return OK;
}

int fake_stream_put(struct fake_stream *handle, const struct fake_task *like, const void *args,
                    size_t args_len)
{
    struct fake_stream *stream = NULL;
    int code = stream_of(handle, &stream);
    struct fake_task *task = code == OK ? malloc(sizeof(*task) + args_len) : NULL;
    if (task == NULL) {
        return code == OK ? OUT_OF_MEMORY : code;
    }
    *task = *like;
    if (args_len != 0) {
        memcpy(task->args, args, args_len);
    }
    pthread_mutex_lock(&stream->lock);
    if (stream->head == NULL) {
        stream->head = task;
    } else {
        stream->tail->next = task;
    }
    stream->tail = task;
    stream->put++;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    return OK;
}

API int32_t aclrtCreateStream(void **stream)
{
    int code = fake_enter(__func__, true);
    struct fake_stream *made = NULL;
    code = code == OK ? fake_stream_make(fake_context(), &made) : code;
    *stream = made;
    return code;
}

API int32_t aclrtDestroyStream(void *handle)
{
    struct fake_stream *stream = NULL;
    int code = fake_enter(__func__, true);
    code = code == OK && handle == NULL ? INVALID : code;
    code = code == OK ? stream_of(handle, &stream) : code;
    if (code == OK) {
        fake_stream_end(stream);
    }
    return code;
}

API int32_t aclrtSynchronizeStream(void *handle)
{
    struct fake_stream *stream = NULL;
    int code = fake_enter(__func__, true);
    code = code == OK ? stream_of(handle, &stream) : code;
    return code == OK ? fake_stream_drain(stream) : code;
}

API int32_t aclrtSynchronizeDevice(void)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    for (struct fake_stream *at = fake_context()->streams; at != NULL; at = at->next) {
        int found = fake_stream_drain(at);
        code = code == OK ? found : code;
    }
    return code;
}

/* The caller waits where the host's side may be paged out. */
API int32_t aclrtMemcpyAsync(void *dst, size_t room, const void *src, size_t len, int32_t kind,
                             void *stream)
{
    bool pageable = false;
    int code = fake_enter(__func__, true);
    code = code == OK ? fake_copy_check(dst, room, src, len, kind, true, &pageable) : code;
    struct fake_task task = {.run = do_copy, .dst = dst, .src = src, .len = len};
    code = code == OK ? fake_stream_put(stream, &task, NULL, 0) : code;
    return code == OK && pageable ? aclrtSynchronizeStream(stream) : code;
}

API int32_t aclrtLaunchHostFunc(void *stream, acl_host_function *fn, void *arg)
{
    int code = fake_enter(__func__, true);
    if (code != OK || fn == NULL) {
        return code != OK ? code : INVALID;
    }
    return fake_stream_put(stream, &(struct fake_task){.run = do_host, .fn = fn, .arg = arg}, NULL,
                           0);
}

static int check_word(const void *word)
{
    struct fake_span *span = NULL;
    pthread_mutex_lock(&fake_lock);
    bool there = fake_reach(word, sizeof(uint64_t), &span) != NULL;
    bool device = there && span != NULL && span->kind != HOST_ALIAS;
    pthread_mutex_unlock(&fake_lock);
    return !device ? INVALID : (uintptr_t)word % sizeof(uint64_t) != 0 ? UNALIGNED : OK;
}

API int32_t aclrtValueWrite(void *word, uint64_t value, uint32_t flag, void *stream)
{
    int code = fake_enter(__func__, true);
    code = code == OK ? check_word(word) : code;
    if (code != OK || flag != 0) {
        return code != OK ? code : INVALID;
    }
    return fake_stream_put(
        stream, &(struct fake_task){.run = do_write, .dst = word, .value = value}, NULL, 0);
}

API int32_t aclrtValueWait(void *word, uint64_t value, uint32_t flag, void *stream)
{
    int code = fake_enter(__func__, true);
    code = code == OK ? check_word(word) : code;
    if (code != OK || flag > ACL_WAIT_EQ) {
        return code != OK ? code : INVALID;
    }
    struct fake_task task = {.run = do_wait, .dst = word, .value = value, .flag = flag};
    return fake_stream_put(stream, &task, NULL, 0);
}

/* ---- events ---------------------------------------------------------------------------------- */

struct fake_event {
    int device;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t recorded;
    uint64_t reached;
    int users; /* the handle, and tasks */
    struct fake_event *next;
};

static struct fake_event *events; /* whose handles are good; under fake_lock */

/* Where it hangs in the list, or the list's end: no event, or one that has been destroyed. */
static struct fake_event **link_of(const void *event)
{
    struct fake_event **link = &events;
    while (*link != NULL && *link != event) {
        link = &(*link)->next;
    }
    return link;
}

static void leave_event(struct fake_event *event)
{
    pthread_mutex_lock(&event->lock);
    bool last = --event->users == 0;
    pthread_mutex_unlock(&event->lock);
    if (last) {
        free(event);
    }
}

static int do_record(struct fake_task *task)
{
    struct fake_event *event = task->event;
    pthread_mutex_lock(&event->lock);
    event->reached = task->value > event->reached ? task->value : event->reached;
    pthread_cond_broadcast(&event->changed);
    pthread_mutex_unlock(&event->lock);
    leave_event(event);
    return OK;
}

static int do_event_wait(struct fake_task *task)
{
    struct fake_event *event = task->event;
    pthread_mutex_lock(&event->lock);
    while (event->reached < task->value) {
        pthread_cond_wait(&event->changed, &event->lock);
    }
    pthread_mutex_unlock(&event->lock);
    leave_event(event);
    return OK;
}

API int32_t aclrtCreateEvent(void **event)
{
    int code = fake_enter(__func__, true);
    struct fake_event *made = code == OK ? calloc(1, sizeof(*made)) : NULL;
    if (made != NULL) {
        made->users = 1;
        made->device = fake_context()->device;
        pthread_mutex_init(&made->lock, NULL);
        pthread_cond_init(&made->changed, NULL);
        pthread_mutex_lock(&fake_lock);
        made->next = events;
        events = made;
        pthread_mutex_unlock(&fake_lock);
    }
    *event = made;
    return code == OK && made == NULL ? OUT_OF_MEMORY : code;
}

API int32_t aclrtCreateEventExWithFlag(void **event, uint32_t flag)
{
    int code = fake_enter(__func__, true);
    return code != OK ? code : flag != ACL_EVENT_SYNC ? INVALID : aclrtCreateEvent(event);
}

API int32_t aclrtDestroyEvent(void *event)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_event **link = link_of(event);
    struct fake_event *found = *link;
    if (found != NULL) {
        *link = found->next;
    }
    pthread_mutex_unlock(&fake_lock);
    if (found != NULL) {
        leave_event(found);
    }
    return found == NULL ? INVALID : OK;
}

/* On a stream of the device that the event was made on. */
static int put_event(void *handle, void *stream, bool record)
{
    pthread_mutex_lock(&fake_lock);
    struct fake_event *event = *link_of(handle);
    struct fake_task task = {.run = record ? do_record : do_event_wait, .event = event};
    int good = event == NULL                             ? INVALID
               : event->device != fake_context()->device ? OTHER_CONTEXT
                                                         : OK;
    if (good == OK) {
        pthread_mutex_lock(&event->lock);
        event->recorded += record;
        task.value = event->recorded;
        event->users++;
        pthread_mutex_unlock(&event->lock);
    }
    pthread_mutex_unlock(&fake_lock);
    if (good != OK) {
        return good;
    }
    int code = fake_stream_put(stream, &task, NULL, 0);
    if (code != OK) {
        leave_event(event);
    }
    return code;
}

API int32_t aclrtRecordEvent(void *event, void *stream)
{
    int code = fake_enter(__func__, true);
    return code != OK ? code : put_event(event, stream, true);
}

API int32_t aclrtStreamWaitEvent(void *stream, void *event)
{
    int code = fake_enter(__func__, true);
    return code != OK ? code : put_event(event, stream, false);
}
