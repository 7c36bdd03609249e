/* SPDX-License-Identifier: BSD-3-Clause */
/* device_put.c -- kernels' puts and barriers; and the host's puts and gets, of either memory. */
#include "device_bench.h"

#include <sched.h>
#include <shmem.h>

enum { PUTS = 50000, BARRIERS = 1000, WORDS = 512, PIECE = 256 << 10 };

static void *direct, *by_ring; /* contexts */

/* What the host moves: between two memories. */
struct buffers {
    char *source, *dest;
};
static struct buffers device, host;

/* ---- kernels --------------------------------------------------------------------------------- */

static int put(const shmemx_device_t *dev, const struct device_job *job, long i)
{
    return shmemx_device_uint64_p(dev, &job->words[i & (WORDS - 1)], (uint64_t)i, job->peer);
}
DEVICE_BENCH_KERNEL(put_kernel, put)

/* A store to the same memory, as the compiler makes it. */
static volatile uint64_t *there;
static int store(const shmemx_device_t *dev, const struct device_job *job, long i)
{
    if (i == -DEVICE_BENCH_WARM_UP)
        there = shmemx_device_ptr(dev, job->words, job->peer);
    if (there == NULL)
        return SHMEMX_UNSUPPORTED;
    there[i & (WORDS - 1)] = (uint64_t)i;
    return SHMEMX_OK;
}
DEVICE_BENCH_KERNEL(store_kernel, store)

static int barrier(const shmemx_device_t *dev, const struct device_job *job, long i)
{
    (void)job, (void)i;
    return shmemx_device_barrier_all(dev);
}
DEVICE_BENCH_KERNEL(barrier_kernel, barrier)

/* Gives its core away and has it back: two changes of processes, as somebody else does the same. */
static int give_way(const shmemx_device_t *dev, const struct device_job *job, long i)
{
    (void)dev, (void)job, (void)i;
    sched_yield();
    return SHMEMX_OK;
}
DEVICE_BENCH_KERNEL(switch_kernel, give_way)

static double switches(const struct bench_subject *subject, size_t size, long iters)
{
    struct device_job job = device_bench_job(NULL, NULL, iters);
    (void)subject, (void)size;
    job.core = bench.crowded || bench.mine == NULL ? -1 : bench.me;
    device_notes->status = -1;
    device_bench_launch(switch_kernel, &job);
    while (__atomic_load_n(&device_notes->status, __ATOMIC_ACQUIRE) < 0)
        sched_yield();
    return device_bench_end();
}

static const struct device_way puts_there = {put_kernel, &direct};
static const struct device_way stores = {store_kernel, &direct};
static const struct device_way barriers_direct = {barrier_kernel, &direct};
static const struct device_way barriers_by_ring = {barrier_kernel, &by_ring};

/* ---- the host -------------------------------------------------------------------------------- */

static void host_barrier(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++)
        shmem_barrier_all();
}

static void host_put(const struct bench_subject *subject, size_t size, long iters)
{
    const struct buffers *mem = subject->arg;
    for (long i = 0; i < iters; i++) {
        shmem_putmem(mem->dest, mem->source, size, bench.peer);
        shmem_quiet();
    }
}

static void host_get(const struct bench_subject *subject, size_t size, long iters)
{
    const struct buffers *mem = subject->arg;
    for (long i = 0; i < iters; i++)
        shmem_getmem(mem->dest, mem->source, size, bench.peer);
}

/* What staging adds at one end: to copy it to host memory, by pieces that stay in a cache. */
static void copy_out(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++)
        for (size_t at = 0; at < size; at += PIECE)
            shmemx_memcpy(bench.private, device.source + at, size - at < PIECE ? size - at : PIECE);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {8, 4096, 65536, 1048576, 4194304};
    const struct bench_subject puts[] = {
        {.name = "device_p", .timed = device_bench_measure, .arg = &puts_there},
        {.name = "bare_device_p", .timed = device_bench_measure, .arg = &stores, .bare = true},
    };
    const struct bench_subject barriers[] = {
        {.name = "device_barrier",
         .timed = device_bench_measure,
         .arg = &barriers_direct,
         .all = true},
        {.name = "device_barrier_ring",
         .timed = device_bench_measure,
         .arg = &barriers_by_ring,
         .all = true},
        {.name = "host_barrier", .run = host_barrier, .all = true},
        {.name = "bare_two_switches", .timed = switches, .bare = true},
    };
    const struct bench_subject moves[] = {
        {.name = "put_device", .run = host_put, .arg = &device},
        {.name = "put_host", .run = host_put, .arg = &host},
        {.name = "get_device", .run = host_get, .arg = &device},
        {.name = "get_host", .run = host_get, .arg = &host},
        {.name = "copy_device", .run = copy_out},
    };
    const int n_moves = sizeof(moves) / sizeof(moves[0]);
    device_bench_prepare();
    bench_start(argc, argv, 4 << 20, false);
    device_bench_start();
    device_words = shmemx_calloc_device(WORDS, sizeof(*device_words));
    device.source = shmemx_calloc_device(1, bench.largest);
    device.dest = shmemx_calloc_device(1, bench.largest);
    host.source = bench_source(bench.area);
    host.dest = bench_dest(bench.area);
    if (device_words == NULL || device.source == NULL || device.dest == NULL ||
        shmemx_device_context_create(1, 0, 0, &direct) != 0 ||
        shmemx_device_context_create(1, 0, SHMEMX_DEVICE_RING_ONLY, &by_ring) != 0)
        shmem_global_exit(1);
    if (bench_wanted_any(puts, 1))
        bench_measure(puts, 2, 8, PUTS, NULL);
    if (bench_wanted_any(barriers, 3))
        bench_measure(barriers, 4, 0, bench.crowded ? 20 : BARRIERS, NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (sizes[i] <= bench.largest && bench_wanted_any(moves, n_moves))
            bench_measure(moves, n_moves, sizes[i], bench_iters(sizes[i]) / 50 + 4, NULL);
    shmemx_device_context_destroy(by_ring);
    shmemx_device_context_destroy(direct);
    bench_stop();
    return 0;
}
