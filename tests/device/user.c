/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * user.c -- a kernel that uses each kind of call of shmemx_device.h: compiled, not run, as C, as
 * C++, and by the compilers of devices or in their manner; see compile.sh.
 */
#if defined STAND_IN_CUDA
#include "stand_in_cuda.h"
#elif defined STAND_IN_ASCENDC
#include "stand_in_ascendc.h"
#endif

#include <shmemx_device.h>

#if defined __CUDACC__
#define KERNEL extern "C" __global__ void
#define DEVICE static __device__
#elif defined STAND_IN_ASCENDC
#define KERNEL extern "C" __aicore__ void
#define DEVICE static __aicore__
#else
#define KERNEL void
#define DEVICE static
#endif

/* What the kernel works on. */
struct job {
    SHMEMX_GM void *context;
    SHMEMX_GM uint64_t *words, *more, *sig;
    SHMEMX_GM float *dest, *source;
    SHMEMX_GM int *counter;
    size_t n;
};

KERNEL user(struct job job, SHMEMX_GM int *status);

DEVICE int copies(const shmemx_device_t *dev, const struct job *job, int pe)
{
    int bad = 0;
    float value = 0;
    bad |= shmemx_device_float_put(dev, job->dest, job->source, job->n, pe);
    bad |= shmemx_device_float_get_nbi(dev, job->dest, job->source, job->n, pe);
    bad |= shmemx_device_float_p(dev, job->dest, 1.5f, pe);
    bad |= shmemx_device_float_g(dev, &value, job->source, pe);
    bad |= shmemx_device_putmem_block(dev, job->dest, job->source, job->n, pe);
    bad |= shmemx_device_float_put_signal(dev, job->dest, job->source, job->n, job->sig, 1,
                                          SHMEM_SIGNAL_ADD, pe);
    bad |= shmemx_device_putmem_signal_nbi(dev, job->dest, job->source, job->n, job->sig, 1,
                                           SHMEM_SIGNAL_SET, pe);
    bad |= shmemx_device_fence(dev);
    bad |= shmemx_device_quiet(dev);
    bad |= shmemx_device_quiet_block(dev);
    return bad | (value != 0);
}

DEVICE int atomics(const shmemx_device_t *dev, const struct job *job, int pe)
{
    int bad = 0, old = 0;
    uint64_t before = 0;
    bad |= shmemx_device_int_atomic_add(dev, job->counter, 1, pe);
    bad |= shmemx_device_int_atomic_fetch_inc(dev, job->counter, &old, pe);
    bad |= shmemx_device_uint64_atomic_compare_swap(dev, job->words, 1, 2, &before, pe);
    bad |= shmemx_device_uint64_atomic_fetch_xor_nbi(dev, job->more, job->words, 1, pe);
    bad |= shmemx_device_uint64_atomic_swap(dev, job->words, 3, &before, pe);
    return bad | old | (before != 0);
}

DEVICE int waits(const shmemx_device_t *dev, const struct job *job)
{
    size_t which = 0;
    uint64_t found = 0;
    int bad = shmemx_device_int_wait_until(dev, job->counter, SHMEM_CMP_GE, 1);
    bad |= shmemx_device_uint64_wait_until_any(dev, job->words, job->n, SHMEM_CMP_NE, 0, &which);
    bad |= shmemx_device_signal_wait_until(dev, job->sig, SHMEM_CMP_EQ, 2, &found);
    return bad | (which != 0) | (found != 0);
}

DEVICE int collectives(const shmemx_device_t *dev, const struct job *job)
{
    int team = SHMEMX_DEVICE_WORLD;
    int bad = shmemx_device_barrier_all(dev);
    bad |= shmemx_device_team_sync(dev, SHMEMX_DEVICE_SHARED);
    bad |= shmemx_device_float_broadcast(dev, team, job->dest, job->source, job->n, 0);
    bad |= shmemx_device_float_fcollect(dev, team, job->dest, job->source, job->n);
    bad |= shmemx_device_float_alltoall(dev, team, job->dest, job->source, job->n);
    bad |= shmemx_device_float_sum_reduce(dev, team, job->dest, job->source, job->n);
    bad |= shmemx_device_int_max_reduce(dev, team, job->counter, job->counter, job->n);
    bad |= shmemx_device_team_barrier_block(dev, team);
    return bad;
}

KERNEL user(struct job job, SHMEMX_GM int *status)
{
    shmemx_device_t dev;
    int bad = shmemx_device_enter(&dev, job.context, 0);
    if (bad == SHMEMX_OK) {
        int pe = (shmemx_device_my_pe(&dev) + 1) % shmemx_device_n_pes(&dev);
        bad |= shmemx_device_ptr(&dev, job.words, pe) == 0;
        bad |= copies(&dev, &job, pe);
        bad |= atomics(&dev, &job, pe);
        bad |= waits(&dev, &job);
        bad |= collectives(&dev, &job);
        shmemx_device_leave(&dev);
    }
    *status = bad;
}
