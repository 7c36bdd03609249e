/* SPDX-License-Identifier: BSD-3-Clause */
/* device_bench.c -- kernels that measure themselves, for the benchmarks of devices. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "device_bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SETTLE_US = 5000 };

struct device_notes *device_notes;
uint64_t *device_words;

/* The software NPU's process is forked by shmem_init, and has this memory from then on. */
void device_bench_prepare(void)
{
    setenv("SHMEM_DEVICE", "sim", 0);
    device_notes = mmap(NULL, sizeof(*device_notes), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (device_notes == MAP_FAILED) {
        perror("no memory for a kernel's notes");
        exit(1);
    }
}

void device_bench_start(void)
{
    shmemx_device_info_t info;
    if (shmemx_device_query(&info) != 0 || !info.launches) {
        fprintf(stderr, "[%d] no device that runs functions of this program\n", bench.me);
        shmem_global_exit(2);
    }
}

/* A core that no PE is bound to, or the next PE's, which rests meanwhile. */
static int kernel_core(void)
{
    int n_cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (bench.crowded || bench.mine == NULL)
        return -1;
    return n_cores >= 2 * bench.n_pes ? bench.n_pes + bench.me : (bench.me + 1) % bench.n_pes;
}

struct device_job device_bench_job(void *context, uint64_t *words, long iters)
{
    return (struct device_job){
        .notes = device_notes,
        .context = context,
        .words = words,
        .iters = iters,
        .peer = bench.peer,
        .core = kernel_core(),
    };
}

void device_bench_launch(shmemx_kernel_t *kernel, const struct device_job *job)
{
    device_notes->started.word = 0;
    if (shmemx_launch(kernel, 1, job, sizeof(*job), SHMEMX_STREAM_DEFAULT) != 0)
        shmem_global_exit(1);
}

double device_bench_end(void)
{
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    if (device_notes->status != SHMEMX_OK) {
        fprintf(stderr, "[%d] a kernel ended with status %d\n", bench.me, device_notes->status);
        shmem_global_exit(1);
    }
    return device_notes->ns;
}

int device_bench_enter(const struct device_job *job, shmemx_device_t *dev)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (job->core >= 0) {
        CPU_SET(job->core, &set);
        sched_setaffinity(0, sizeof(set), &set); /* if it cannot be, it runs elsewhere */
    }
    __atomic_store_n(&job->notes->started.word, 1, __ATOMIC_RELEASE);
    return job->context == NULL ? SHMEMX_OK : shmemx_device_enter(dev, job->context, 0);
}

void device_bench_leave(const struct device_job *job, shmemx_device_t *dev, double start,
                        int status)
{
    job->notes->ns = (bench_now() - start) / (double)job->iters;
    job->notes->status = status;
    if (job->context != NULL)
        shmemx_device_leave(dev);
}

void device_bench_settle(void)
{
    usleep(SETTLE_US);
}

double device_bench_measure(const struct bench_subject *subject, size_t size, long iters)
{
    const struct device_way *way = subject->arg;
    struct device_job job = device_bench_job(*way->context, device_words, iters);
    (void)size;
    device_bench_settle();
    device_bench_launch(way->kernel, &job);
    return device_bench_end();
}
