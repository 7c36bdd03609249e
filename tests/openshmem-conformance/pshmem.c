/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pshmem.c -- 10: the profiling interface.  This program is its own profiling tool.
 *
 * It defines some shmem_ routines, which count and call the library's by their pshmem_ names.  The
 * counts also show that the library itself never calls what a tool may have replaced.
 */
#define SHMEMI_NO_GENERICS /* the routines are defined here, by their names */
#include "conformance.h"

#include <pshmem.h>

static struct {
    int init, finalize, putmem, get, barrier, reduce, wait, allocations, lock, atomic, ctx;
} calls;

void shmem_init(void)
{
    calls.init++;
    pshmem_init();
}

void shmem_finalize(void)
{
    calls.finalize++;
    pshmem_finalize();
}

void shmem_putmem(void *dest, const void *source, size_t nelems, int pe)
{
    calls.putmem++;
    pshmem_putmem(dest, source, nelems, pe);
}

void shmem_long_get(long *dest, const long *source, size_t nelems, int pe)
{
    calls.get++;
    pshmem_long_get(dest, source, nelems, pe);
}

void shmem_barrier_all(void)
{
    calls.barrier++;
    pshmem_barrier_all();
}

int shmem_long_sum_reduce(shmem_team_t team, long *dest, const long *source, size_t nreduce)
{
    calls.reduce++;
    return pshmem_long_sum_reduce(team, dest, source, nreduce);
}

void shmem_long_wait_until(long *ivar, int cmp, long cmp_value)
{
    calls.wait++;
    pshmem_long_wait_until(ivar, cmp, cmp_value);
}

void *shmem_malloc(size_t size)
{
    calls.allocations++;
    return pshmem_malloc(size);
}

void shmem_set_lock(long *lock)
{
    calls.lock++;
    pshmem_set_lock(lock);
}

long shmem_long_atomic_fetch_add(long *dest, long value, int pe)
{
    calls.atomic++;
    return pshmem_long_atomic_fetch_add(dest, value, pe);
}

int shmem_ctx_create(long options, shmem_ctx_t *ctx)
{
    calls.ctx++;
    return pshmem_ctx_create(options, ctx);
}

static long word, sum, lock;

static void calls_reach_the_tool(void)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    int right = (me + 1) % n;
    long value = me + 1;
    check(calls.init == 1, "%d calls of shmem_init", calls.init);

    memset(&calls, 0, sizeof(calls));
    shmem_putmem(&word, &value, sizeof(value), right);
    shmem_barrier_all();
    check(word == (me + n - 1) % n + 1, "the put wrote %ld", word);
    long got = 0;
    shmem_long_get(&got, &word, 1, right);
    check(got == me + 1, "the get read %ld", got);
    check(shmem_long_sum_reduce(SHMEM_TEAM_WORLD, &sum, &word, 1) == 0, "the reduction failed");
    check(sum == (long)n * (n + 1) / 2, "the sum is %ld", sum);
    shmem_barrier_all();
    (void)shmem_long_atomic_fetch_add(&word, 100, right);
    shmem_long_wait_until(&word, SHMEM_CMP_GT, 100);
    shmem_set_lock(&lock);
    shmem_clear_lock(&lock);
    shmem_ctx_t ctx;
    if (shmem_ctx_create(0, &ctx) == 0) {
        shmem_ctx_destroy(ctx);
    }
    shmem_barrier_all();
    check(calls.putmem == 1 && calls.get == 1 && calls.barrier == 3 && calls.reduce == 1 &&
              calls.atomic == 1 && calls.wait == 1 && calls.lock == 1 && calls.ctx == 1,
          "%d %d %d %d %d %d %d %d", calls.putmem, calls.get, calls.barrier, calls.reduce,
          calls.atomic, calls.wait, calls.lock, calls.ctx);
}

/* None of these may be made of the routines above. */
static void the_library_does_not(void)
{
    static long psync[SHMEM_SYNC_SIZE], wrk[SHMEM_REDUCE_MIN_WRKDATA_SIZE], all[64];
    memset(&calls, 0, sizeof(calls));
    long *memory = (long *)shmem_calloc(10, sizeof(long));
    memory = (long *)shmem_realloc(memory, 1000);
    shmem_free(memory);
    shmem_team_t team;
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, shmem_n_pes(), NULL, 0, &team);
    shmem_long_fcollect(team, all, &word, 1);
    shmem_team_sync(team);
    shmem_team_destroy(team);
    for (int i = 0; i < SHMEM_SYNC_SIZE; i++) {
        psync[i] = SHMEM_SYNC_VALUE;
    }
    shmem_sync_all();
    shmem_long_sum_to_all(&sum, &word, 1, 0, 0, shmem_n_pes(), wrk, psync);
    shmem_barrier(0, 0, shmem_n_pes(), psync);
    shmem_put64(&sum, &word, 1, shmem_my_pe());
    shmem_quiet();
    check(calls.putmem + calls.get + calls.barrier + calls.reduce + calls.wait + calls.allocations +
                  calls.lock + calls.atomic + calls.ctx ==
              0,
          "the library calls shmem_ routines: %d %d %d %d %d %d %d %d %d", calls.putmem, calls.get,
          calls.barrier, calls.reduce, calls.wait, calls.allocations, calls.lock, calls.atomic,
          calls.ctx);
}

/* Does nothing, whatever it is given. */
static void pcontrol(void)
{
    for (int level = -1; level < 5; level++) {
        shmem_pcontrol(level);
        pshmem_pcontrol(level, "more", 1.5, NULL);
    }
    check(true, "still here");
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"calls reach the tool, and through it the library", calls_reach_the_tool},
        {"the library does not call what a tool may replace", the_library_does_not},
        {"pcontrol", pcontrol},
    };
    int status = conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
    return calls.finalize == 1 ? status : 1;
}
