/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ascend_stream.c -- streams and events, which are the runtime's own: handles pass through.
 *
 * A runtime without writes and waits of values has them by calls on the host that copy and look.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/atomic.h"
#include "core/base/log.h"
#include "device/ascend.h"

enum { NAP_NS = 50 * 1000 };

/* What ends kernels, or the device, ends the job: nothing that follows would be right. */
static int synchronised(struct shmi_npu *npu, const char *what, int code)
{
    if (code == 0) {
        return 0;
    }
    if (code / 1000 == 507 && ascend_errno(code) != -ETIMEDOUT) {
        ascend_log(npu, SHMI_FATAL, "device fault: %s, found by %s: error %d, %s: ending the job",
                   npu->title, what, code, ascend_meaning(code));
    }
    return ascend_failed(npu, what, code);
}

/* ---- streams --------------------------------------------------------------------------------- */

int ascend_stream_create(struct shmi_npu *npu, struct shmi_stream **stream)
{
    void *made = NULL;
    int code = npu->api.aclrtCreateStream(&made);
    if (code != 0) {
        return ascend_failed(npu, "aclrtCreateStream", code);
    }
    *stream = made;
    return 0;
}

int ascend_stream_destroy(struct shmi_npu *npu, struct shmi_stream *stream)
{
    if (stream == NULL) {
        return 0;
    }
    synchronised(npu, "aclrtSynchronizeStream", npu->api.aclrtSynchronizeStream(stream));
    int code = npu->api.aclrtDestroyStream(stream);
    return code == 0 ? 0 : ascend_failed(npu, "aclrtDestroyStream", code);
}

int ascend_stream_sync(struct shmi_npu *npu, struct shmi_stream *stream)
{
    return synchronised(npu, "aclrtSynchronizeStream", npu->api.aclrtSynchronizeStream(stream));
}

int ascend_sync(struct shmi_npu *npu)
{
    ascend_enter(npu);
    return synchronised(npu, "aclrtSynchronizeDevice", npu->api.aclrtSynchronizeDevice());
}

/* ---- values ---------------------------------------------------------------------------------- */

struct value {
    struct shmi_npu *npu;
    uint64_t *word;
    uint64_t value;
    enum shmi_value_cmp cmp;
};

static int call_value(struct shmi_npu *npu, struct shmi_stream *stream, void (*fn)(void *arg),
                      struct value what)
{
    struct value *value = malloc(sizeof(*value));
    if (value == NULL) {
        return -ENOMEM;
    }
    *value = what;
    int rc = ascend_stream_call(npu, stream, fn, value);
    if (rc != 0) {
        free(value);
    }
    return rc;
}

static void do_write(void *arg)
{
    struct value *value = arg;
    uint64_t *host = ascend_host_side(value->npu, value->word);
    if (host != NULL) {
        shmi_store_release(host, value->value);
    } else {
        ascend_copy(value->npu, value->word, &value->value, sizeof(value->value));
    }
    free(value);
}

static uint64_t look(const struct value *value)
{
    const uint64_t *host = ascend_host_side(value->npu, value->word);
    uint64_t seen = 0;
    if (host != NULL) {
        return shmi_load_acquire(host);
    }
    ascend_copy(value->npu, &seen, value->word, sizeof(seen));
    return seen;
}

static void do_wait(void *arg)
{
    struct value *value = arg;
    struct timespec nap = {.tv_nsec = NAP_NS};
    for (;;) {
        uint64_t seen = look(value);
        if (value->cmp == SHMI_VALUE_EQ ? seen == value->value : seen >= value->value) {
            break;
        }
        nanosleep(&nap, NULL);
    }
    free(value);
}

int ascend_stream_write(struct shmi_npu *npu, struct shmi_stream *stream, uint64_t *word,
                        uint64_t value)
{
    if (npu->api.aclrtValueWrite == NULL || ascend_side_of(npu, word) != ASCEND_OWN) {
        return call_value(npu, stream, do_write,
                          (struct value){.npu = npu, .word = word, .value = value});
    }
    int code = npu->api.aclrtValueWrite(word, value, 0, stream);
    return code == 0 ? 0 : ascend_failed(npu, "aclrtValueWrite", code);
}

/* The runtime compares by the sign of the difference, which is the comparison of unsigned values
 * where they differ by less than 2^63; nothing is below 0. */
int ascend_stream_wait(struct shmi_npu *npu, struct shmi_stream *stream, const uint64_t *word,
                       enum shmi_value_cmp cmp, uint64_t value)
{
    if (cmp == SHMI_VALUE_GE && value == 0) {
        return 0;
    }
    if (npu->api.aclrtValueWait == NULL || ascend_side_of(npu, word) != ASCEND_OWN) {
        return call_value(
            npu, stream, do_wait,
            (struct value){.npu = npu, .word = (uint64_t *)word, .value = value, .cmp = cmp});
    }
    uint32_t flag = cmp == SHMI_VALUE_EQ ? ACL_WAIT_EQ : ACL_WAIT_GE;
    int code = npu->api.aclrtValueWait((void *)word, value, flag, stream);
    return code == 0 ? 0 : ascend_failed(npu, "aclrtValueWait", code);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The newer kind may be recorded any number of times and takes no number of the hardware's. */
int ascend_event_create(struct shmi_npu *npu, struct shmi_event **event)
{
    void *made = NULL;
    int code = npu->api.aclrtCreateEventExWithFlag != NULL
                   ? npu->api.aclrtCreateEventExWithFlag(&made, ACL_EVENT_SYNC)
                   : npu->api.aclrtCreateEvent(&made);
    if (code != 0) {
        return ascend_failed(npu, "aclrtCreateEvent", code);
    }
    *event = made;
    return 0;
}

void ascend_event_destroy(struct shmi_npu *npu, struct shmi_event *event)
{
    int code = event == NULL ? 0 : npu->api.aclrtDestroyEvent(event);
    if (code != 0) {
        ascend_failed(npu, "aclrtDestroyEvent", code);
    }
}

int ascend_event_record(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream)
{
    int code = npu->api.aclrtRecordEvent(event, stream);
    return code == 0 ? 0 : ascend_failed(npu, "aclrtRecordEvent", code);
}

int ascend_event_wait(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream)
{
    int code = npu->api.aclrtStreamWaitEvent(stream, event);
    return code == 0 ? 0 : ascend_failed(npu, "aclrtStreamWaitEvent", code);
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* Kernels for an NPU come from its own compiler, which also launches them.  Only the tests' runtime
 * takes a function of the program for one. */
int ascend_launch(struct shmi_npu *npu, struct shmi_stream *stream,
                  const struct shmi_kernel *kernel)
{
    if (kernel->fn == NULL || kernel->n_blocks == 0) {
        ascend_log(npu, SHMI_ERROR, "cannot launch a kernel: function %p, %u blocks",
                   __extension__(void *) kernel->fn, kernel->n_blocks);
        return -EINVAL;
    }
    if (npu->api.fakeAscendLaunch == NULL) {
        ascend_log(npu, SHMI_ERROR,
                   "an NPU does not run functions of the program: its compiler makes kernels and "
                   "launches them; give them the context of shmemx_device_context_create");
        return -ENOTSUP;
    }
    int code = npu->api.fakeAscendLaunch(kernel->fn, kernel->n_blocks, kernel->args,
                                         kernel->args_len, stream);
    return code == 0 ? 0 : ascend_failed(npu, "the launch of a kernel", code);
}

/* The program launches kernels by the runtime's own means, on streams of its own, and the runtime
 * has no answer to whether one of them runs: the facts say so. */
bool ascend_busy(struct shmi_npu *npu)
{
    (void)npu;
    return false;
}
