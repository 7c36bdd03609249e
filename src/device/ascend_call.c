/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ascend_call.c -- calls of functions in the order of a stream.
 *
 * The runtime calls functions on a thread of its own, where they may not wait nor ask it for
 * anything.  Ours may do both.  So its thread only hands them to one of ours, and the stream waits
 * for a word of device memory, its gate, to become the number that the thread writes at the end:
 *
 *     stream            launch(hand over)   wait(gate >= n)   what comes next
 *     runtime's thread       hand over
 *     our thread                     fn()   copy(n to gate)
 *
 * Numbers only grow, so a gate can serve another call before the stream has seen the first.  A
 * runtime without value waits, or with all gates in use, has its thread wait instead.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "device/ascend.h"

enum { GATES = 256, GATE_BYTES = 64 };

struct call {
    struct ascend_calls *calls;
    void (*fn)(void *arg);
    void *arg;
    int gate; /* or -1: somebody waits */
    uint64_t number;
    bool done; /* under the lock */
    struct call *next;
};

struct worker {
    pthread_t thread;
    struct worker *next;
};

struct ascend_calls {
    struct shmi_npu *npu;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct call *first, **last;
    unsigned queued, idle;
    bool stop;
    struct worker *workers;
    char *gates;            /* device memory, or NULL */
    uint64_t number[GATES]; /* the last that a gate was given */
    bool taken[GATES];
};

/* ---- our threads ----------------------------------------------------------------------------- */

static void finish(struct ascend_calls *calls, struct call *call)
{
    struct shmi_npu *npu = calls->npu;
    if (call->gate >= 0) {
        ascend_copy(npu, calls->gates + (size_t)call->gate * GATE_BYTES, &call->number,
                    sizeof(call->number));
    }
    pthread_mutex_lock(&calls->lock);
    if (call->gate >= 0) {
        calls->taken[call->gate] = false;
        free(call);
    } else {
        call->done = true;
        pthread_cond_broadcast(&calls->changed);
    }
    pthread_mutex_unlock(&calls->lock);
}

static void *work(void *arg)
{
    struct ascend_calls *calls = arg;
    ascend_enter(calls->npu);
    pthread_mutex_lock(&calls->lock);
    for (;;) {
        while (calls->first == NULL && !calls->stop) {
            calls->idle++;
            pthread_cond_wait(&calls->changed, &calls->lock);
            calls->idle--;
        }
        struct call *call = calls->first;
        if (call == NULL) {
            break;
        }
        calls->first = call->next;
        calls->last = calls->first == NULL ? &calls->first : calls->last;
        calls->queued--;
        pthread_mutex_unlock(&calls->lock);
        call->fn(call->arg);
        finish(calls, call);
        pthread_mutex_lock(&calls->lock);
    }
    pthread_mutex_unlock(&calls->lock);
    return NULL;
}

/* The program's signals are for the program's threads.  Under the lock. */
static void start_worker(struct ascend_calls *calls)
{
    sigset_t all;
    sigset_t old;
    struct worker *worker = calloc(1, sizeof(*worker));
    sigfillset(&all);
    sigdelset(&all, SIGSEGV); /* that of touch.h */
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = worker == NULL ? ENOMEM : pthread_create(&worker->thread, NULL, work, calls);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        free(worker);
        if (calls->workers == NULL) {
            ascend_log(calls->npu, SHMI_FATAL, "no thread for calls on streams: %s", strerror(rc));
        }
        return; /* another will come to it */
    }
    worker->next = calls->workers;
    calls->workers = worker;
}

/* ---- the runtime's thread -------------------------------------------------------------------- */

/* A call may wait for another's, on another stream: each gets a thread at once. */
static void hand_over(void *arg)
{
    struct call *call = arg;
    struct ascend_calls *calls = call->calls;
    bool waits = call->gate < 0;
    pthread_mutex_lock(&calls->lock);
    *calls->last = call;
    calls->last = &call->next;
    if (++calls->queued > calls->idle) {
        start_worker(calls);
    }
    pthread_cond_broadcast(&calls->changed);
    while (waits && !call->done) {
        pthread_cond_wait(&calls->changed, &calls->lock);
    }
    pthread_mutex_unlock(&calls->lock);
    if (waits) {
        free(call);
    }
}

/* ---- the caller's thread --------------------------------------------------------------------- */

static char *make_gates(struct shmi_npu *npu)
{
    void *gates = NULL;
    if (npu->api.aclrtValueWait == NULL ||
        ascend_alloc(npu, (size_t)GATES * GATE_BYTES, GATE_BYTES, &gates) != 0) {
        return NULL;
    }
    return gates;
}

static struct ascend_calls *calls_of(struct shmi_npu *npu)
{
    pthread_mutex_lock(&npu->calls_lock);
    if (npu->calls == NULL) {
        struct ascend_calls *calls = calloc(1, sizeof(*calls));
        if (calls != NULL) {
            calls->npu = npu;
            pthread_mutex_init(&calls->lock, NULL);
            pthread_cond_init(&calls->changed, NULL);
            calls->last = &calls->first;
            calls->gates = make_gates(npu);
        }
        npu->calls = calls;
    }
    struct ascend_calls *calls = npu->calls;
    pthread_mutex_unlock(&npu->calls_lock);
    return calls;
}

static void give_gate(struct ascend_calls *calls, int gate)
{
    pthread_mutex_lock(&calls->lock);
    if (gate >= 0) {
        calls->taken[gate] = false;
    }
    pthread_mutex_unlock(&calls->lock);
}

static void take_gate(struct ascend_calls *calls, struct call *call)
{
    call->gate = -1;
    pthread_mutex_lock(&calls->lock);
    for (int i = 0; i < GATES && calls->gates != NULL && call->gate < 0; i++) {
        if (!calls->taken[i]) {
            calls->taken[i] = true;
            call->gate = i;
            call->number = ++calls->number[i];
        }
    }
    pthread_mutex_unlock(&calls->lock);
}

int ascend_stream_call(struct shmi_npu *npu, struct shmi_stream *stream, void (*fn)(void *arg),
                       void *arg)
{
    if (fn == NULL) {
        return -EINVAL;
    }
    struct ascend_calls *calls = calls_of(npu);
    struct call *call = calloc(1, sizeof(*call));
    if (calls == NULL || call == NULL) {
        free(call);
        return -ENOMEM;
    }
    call->calls = calls;
    call->fn = fn;
    call->arg = arg;
    take_gate(calls, call);
    int gate = call->gate;
    uint64_t number = call->number;
    int code = npu->api.aclrtLaunchHostFunc(stream, hand_over, call);
    if (code != 0) {
        give_gate(calls, gate);
        free(call);
        return ascend_failed(npu, "aclrtLaunchHostFunc", code);
    }
    if (gate >= 0) { /* the call may have ended, and its gate have another by now */
        code = npu->api.aclrtValueWait(calls->gates + (size_t)gate * GATE_BYTES, number,
                                       ACL_WAIT_GE, stream);
    }
    return code == 0 ? 0 : ascend_failed(npu, "aclrtValueWait", code);
}

void ascend_calls_close(struct shmi_npu *npu)
{
    struct ascend_calls *calls = npu->calls;
    if (calls == NULL) {
        return;
    }
    pthread_mutex_lock(&calls->lock);
    calls->stop = true;
    pthread_cond_broadcast(&calls->changed);
    pthread_mutex_unlock(&calls->lock);
    while (calls->workers != NULL) {
        struct worker *worker = calls->workers;
        calls->workers = worker->next;
        pthread_join(worker->thread, NULL);
        free(worker);
    }
    if (calls->gates != NULL) {
        ascend_free(npu, calls->gates);
    }
    pthread_cond_destroy(&calls->changed);
    pthread_mutex_destroy(&calls->lock);
    free(calls);
    npu->calls = NULL;
}
