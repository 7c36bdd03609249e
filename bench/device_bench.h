/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * device_bench.h -- kernels that measure themselves, for the benchmarks of devices.
 *
 * A kernel of the software NPU runs in a process of its own, which takes a moment to begin.  So it
 * looks at the clock itself, and leaves what it found in memory that both processes have.
 */
#ifndef DEVICE_BENCH_H
#define DEVICE_BENCH_H

#include "bench.h"

#include <shmemx.h>

#include <shmemx_device.h>

/* Memory of this PE's two processes. */
struct device_notes {
    _Alignas(BENCH_LINE) uint64_t there[8], back[8]; /* turns, from the kernel and back */
    struct bench_line started;
    double ns; /* of one operation */
    int status;
};

/* What a kernel is to do; its arguments. */
struct device_job {
    struct device_notes *notes;
    void *context;
    uint64_t *words; /* symmetric */
    long iters;
    int peer;
    int core;   /* to bind to, or -1 */
    bool pause; /* between looks */
};

extern struct device_notes *device_notes;

/* Before bench_start, and after it. */
void device_bench_prepare(void);
void device_bench_start(void);

/* A job for this PE; launch it; wait for its end, and return what one operation took. */
struct device_job device_bench_job(void *context, uint64_t *words, long iters);
void device_bench_launch(shmemx_kernel_t *kernel, const struct device_job *job);
double device_bench_end(void);

/* In a kernel: begin, and end with the time from start, when it began to measure. */
int device_bench_enter(const struct device_job *job, shmemx_device_t *dev);
void device_bench_leave(const struct device_job *job, shmemx_device_t *dev, double start,
                        int status);

/* A kernel: the same again and again, which is compiled into it, and the time that one takes. */
typedef int device_bench_op(const shmemx_device_t *dev, const struct device_job *job, long i);
enum { DEVICE_BENCH_WARM_UP = 200 };

__attribute__((always_inline)) static inline void device_bench_loop(const struct device_job *job,
                                                                    device_bench_op *op)
{
    shmemx_device_t dev;
    double start = 0;
    int status = device_bench_enter(job, &dev);
    for (long i = -DEVICE_BENCH_WARM_UP; i < job->iters && status == SHMEMX_OK; i++) {
        if (i == 0)
            start = bench_now();
        status = op(&dev, job, i);
    }
    device_bench_leave(job, &dev, start, status);
}

#define DEVICE_BENCH_KERNEL(name, op)                               \
    static void name(void *args, unsigned block, unsigned n_blocks) \
    {                                                               \
        (void)block, (void)n_blocks;                                \
        device_bench_loop(args, op);                                \
    }

/* A subject whose arg this is runs a kernel on a context. */
struct device_way {
    shmemx_kernel_t *kernel;
    void **context;
};
double device_bench_measure(const struct bench_subject *subject, size_t size, long iters);

/* Of device_bench_measure: the words that kernels work on. */
extern uint64_t *device_words;

/* The other PEs wait in a barrier, and after this time do so asleep. */
void device_bench_settle(void);

#endif
