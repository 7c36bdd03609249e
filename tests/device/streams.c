/* SPDX-License-Identifier: BSD-3-Clause */
/* streams.c -- kernels, copies and calls on streams, between PEs. */
#include <time.h>

#include "device.h"

enum { N = 5000, BLOCKS = 6 };

struct scaling {
    const double *in;
    double *out;
    double factor;
    size_t n;
};

static void scale(void *args, unsigned block, unsigned n_blocks)
{
    const struct scaling *job = args;
    for (size_t i = block; i < job->n; i += n_blocks) {
        job->out[i] = job->factor * job->in[i];
    }
}

/* Each PE's kernel reads the next PE's memory, where devices reach each other. */
static void peers(void)
{
    int me = shmem_my_pe();
    double *in = make(DEVICE, N * sizeof(double));
    double *out = make(DEVICE, N * sizeof(double));
    double *here = malloc(N * sizeof(double));
    for (size_t i = 0; i < N; i++) {
        here[i] = (double)(me + 1) * (double)i;
    }
    store(in, here, N * sizeof(double));
    shmem_barrier_all();
    const double *from = shmemx_ptr_device(in, right_of(me));
    if (from == NULL) {
        shmem_double_get(out, in, N, right_of(me));
        from = out;
    }
    struct scaling job = {from, out, 3, N};
    check(shmemx_launch(scale, BLOCKS, &job, sizeof(job), SHMEMX_STREAM_DEFAULT) == 0, "launch");
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    load(here, out, N * sizeof(double));
    bool same = true;
    for (size_t i = 0; i < N; i++) {
        same = same && here[i] == 3.0 * (double)(right_of(me) + 1) * (double)i;
    }
    check(same, "a kernel on its neighbour's memory");
    shmem_barrier_all();
    free(here);
    shmem_free(out);
    shmem_free(in);
}

static void bump(void *args, unsigned block, unsigned n_blocks)
{
    uint64_t *word = *(uint64_t **)args;
    (void)block;
    (void)n_blocks;
    *word += 1;
}

static int calls;

static void count_call(void *arg)
{
    calls += *(int *)arg;
}

static void order(void)
{
    static int one = 1;
    uint64_t *words = make(DEVICE, 64);
    uint64_t start = 100;
    uint64_t end = 0;
    calls = 0;
    shmemx_stream_t stream = NULL;
    check(shmemx_stream_create(&stream) == 0, "a stream");
    shmemx_memcpy_on_stream(words, &start, sizeof(start), stream);
    for (int i = 0; i < 10; i++) {
        shmemx_launch(bump, 1, &words, sizeof(words), stream);
        shmemx_call_on_stream(count_call, &one, stream);
    }
    shmemx_memcpy_on_stream(&end, words, sizeof(end), stream);
    shmemx_stream_sync(stream);
    check(end == 110 && calls == 10, "the end is %lu after %d calls", (unsigned long)end, calls);
    check(shmemx_stream_destroy(stream) == 0, "the stream's end");
    shmem_free(words);
}

/* A stream waits for a signal that another PE's put brings, and for an event. */
static void waits(void)
{
    int me = shmem_my_pe();
    uint64_t *sig = make(DEVICE, sizeof(*sig));
    uint64_t *data = make(DEVICE, sizeof(*data));
    uint64_t seen = 0;
    uint64_t value = 1000 + (uint64_t)me;
    shmemx_stream_t stream = NULL;
    shmemx_stream_t other = NULL;
    shmemx_event_t event = NULL;
    check(shmemx_stream_create(&stream) == 0 && shmemx_stream_create(&other) == 0 &&
              shmemx_event_create(&event) == 0,
          "streams and an event");
    shmemx_wait_on_stream(sig, SHMEM_CMP_GE, 1, stream);
    shmemx_launch(bump, 1, &data, sizeof(data), stream);
    shmemx_event_record(event, stream);
    shmemx_event_wait(event, other);
    shmemx_memcpy_on_stream(&seen, data, sizeof(seen), other);
    shmem_putmem_signal(data, &value, sizeof(value), sig, 1, SHMEM_SIGNAL_SET, right_of(me));
    shmemx_stream_sync(other);
    check(seen == 1001 + (uint64_t)left_of(me), "saw %lu", (unsigned long)seen);
    shmemx_write_on_stream(sig, 77, stream);
    shmemx_stream_sync(stream);
    check(shmem_signal_fetch(sig) == 77, "a value written on a stream");
    shmemx_event_destroy(event);
    shmemx_stream_destroy(other);
    shmemx_stream_destroy(stream);
    shmem_barrier_all();
    shmem_free(data);
    shmem_free(sig);
}

/* Who waits for an event waits for the mark that was the last then, however soon another stream
 * comes to a later one. */
static void marks(void)
{
    uint64_t seen = 0;
    shmemx_stream_t late = NULL;
    shmemx_stream_t soon = NULL;
    shmemx_stream_t waiting = NULL;
    shmemx_event_t event = NULL;
    shmemx_device_info_t info;
    check(shmemx_device_query(&info) == 0, "a device");
    if (strcmp(info.name, "sim") != 0) {
        skip("events are those of the device's own runtime");
        return;
    }
    uint64_t *words = make(DEVICE, 64);
    check(shmemx_stream_create(&late) == 0 && shmemx_stream_create(&soon) == 0 &&
              shmemx_stream_create(&waiting) == 0 && shmemx_event_create(&event) == 0,
          "streams and an event");
    shmemx_wait_on_stream(words, SHMEM_CMP_GE, 1, late);
    shmemx_write_on_stream(words + 1, 7, late);
    shmemx_event_record(event, late);
    shmemx_event_wait(event, waiting);
    shmemx_memcpy_on_stream(&seen, words + 1, sizeof(seen), waiting);
    shmemx_event_record(event, soon);
    shmemx_stream_sync(soon);
    struct timespec pause = {.tv_nsec = 20000000}; /* in which an early one would be seen */
    nanosleep(&pause, NULL);
    shmem_uint64_p(words, 1, shmem_my_pe());
    check(shmemx_event_destroy(event) == 0, "the event's end");
    shmemx_stream_sync(waiting);
    check(seen == 7, "saw %lu", (unsigned long)seen);
    shmemx_stream_destroy(waiting);
    shmemx_stream_destroy(soon);
    shmemx_stream_destroy(late);
    shmem_free(words);
}

static void refused(void)
{
    check(shmemx_launch(NULL, 1, NULL, 0, SHMEMX_STREAM_DEFAULT) == -1, "no kernel");
    check(shmemx_launch(bump, 0, NULL, 0, SHMEMX_STREAM_DEFAULT) == -1, "no blocks");
    check(shmemx_launch(bump, 1, NULL, 8, SHMEMX_STREAM_DEFAULT) == -1, "no arguments");
}

static void opened(void)
{
    check(shmemx_device_open() == 0, "a device");
}

static const struct conformance_case cases[] = {
    {"the device is opened", opened},           {"kernels on other PEs' memory", peers},
    {"work on a stream is in order", order},    {"streams wait for signals and events", waits},
    {"an event that is recorded again", marks}, {"launches that cannot be", refused},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
