/* SPDX-License-Identifier: BSD-3-Clause */
/* collective_calls.c -- the collectives by teams (OpenSHMEM 1.5), or by active sets before that. */
#include "collectives.h"
#include "bench.h"

#include <shmem.h>
#include <stdint.h>

#if SHMEM_MAJOR_VERSION > 1 || SHMEM_MINOR_VERSION >= 5
void collectives_start(void)
{
}

void collectives_stop(void)
{
}

void call_broadcast(void *dest, const void *source, size_t nwords, int root)
{
    shmem_uint64_broadcast(SHMEM_TEAM_WORLD, dest, source, nwords, root);
}

void call_collect(void *dest, const void *source, size_t nwords)
{
    shmem_uint64_collect(SHMEM_TEAM_WORLD, dest, source, nwords);
}

void call_fcollect(void *dest, const void *source, size_t nwords)
{
    shmem_uint64_fcollect(SHMEM_TEAM_WORLD, dest, source, nwords);
}

void call_alltoall(void *dest, const void *source, size_t nwords)
{
    shmem_uint64_alltoall(SHMEM_TEAM_WORLD, dest, source, nwords);
}

void call_sum_reduce(long *dest, const long *source, size_t nwords)
{
    shmem_long_sum_reduce(SHMEM_TEAM_WORLD, dest, source, nwords);
}
#else
/*
 * Active sets need work arrays that no PE still uses.  A ring of n_pes + 2 of them is long enough:
 * a PE comes round to an array only after each PE was the root of, and so done with, what lies
 * between.
 */
static struct {
    long *sync;
    long *work[2];
    int n;
    int next;
} ring;

static int max(int a, int b)
{
    return a > b ? a : b;
}

static int sync_words(void)
{
    return max(max(SHMEM_BCAST_SYNC_SIZE, SHMEM_COLLECT_SYNC_SIZE),
               max(SHMEM_REDUCE_SYNC_SIZE, SHMEM_ALLTOALL_SYNC_SIZE));
}

void collectives_start(void)
{
    ring.n = bench.n_pes + 2;
    size_t words = (size_t)ring.n * (size_t)sync_words();
    ring.sync = shmem_malloc(words * sizeof(long));
    for (int i = 0; i < 2; i++)
        ring.work[i] = shmem_malloc(bench.buffer + SHMEM_REDUCE_MIN_WRKDATA_SIZE * sizeof(long));
    for (size_t i = 0; i < words; i++)
        ring.sync[i] = SHMEM_SYNC_VALUE;
    shmem_barrier_all();
}

void collectives_stop(void)
{
    shmem_barrier_all();
    shmem_free(ring.sync);
    shmem_free(ring.work[0]);
    shmem_free(ring.work[1]);
}

static long *next_sync(void)
{
    ring.next = (ring.next + 1) % ring.n;
    return ring.sync + ring.next * sync_words();
}

void call_broadcast(void *dest, const void *source, size_t nwords, int root)
{
    shmem_broadcast64(dest, source, nwords, root, 0, 0, bench.n_pes, next_sync());
}

void call_collect(void *dest, const void *source, size_t nwords)
{
    shmem_collect64(dest, source, nwords, 0, 0, bench.n_pes, next_sync());
}

void call_fcollect(void *dest, const void *source, size_t nwords)
{
    shmem_fcollect64(dest, source, nwords, 0, 0, bench.n_pes, next_sync());
}

void call_alltoall(void *dest, const void *source, size_t nwords)
{
    shmem_alltoall64(dest, source, nwords, 0, 0, bench.n_pes, next_sync());
}

void call_sum_reduce(long *dest, const long *source, size_t nwords)
{
    long *sync = next_sync();
    shmem_long_sum_to_all(dest, source, (int)nwords, 0, 0, bench.n_pes, ring.work[ring.next % 2],
                          sync);
}
#endif
