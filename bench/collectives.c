/* SPDX-License-Identifier: BSD-3-Clause */
/* collectives.c -- barrier, sync, broadcast, collect, alltoall and reduction over all PEs. */
#include "collectives.h"
#include "bench.h"

#include <shmem.h>

static void barrier_all(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++)
        shmem_barrier_all();
}

static void sync_all(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++)
        shmem_sync_all();
}

/* Two PEs, a flag each: the least a barrier can be. */
static void bare_barrier(const struct bench_subject *subject, size_t size, long iters)
{
    static uint64_t turn;
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++) {
        turn++;
        bench.theirs->flag[1].word = turn;
        while (bench.mine->flag[1].word < turn)
            ;
    }
}

/* The root changes each time; so no root runs ahead, and it is a whole broadcast that is timed. */
static void broadcast(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++)
        call_broadcast(bench_dest(bench.area), bench_source(bench.area), size / 8, (int)(i % bench.n_pes));
}

static void collect(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++)
        call_collect(bench_dest(bench.area), bench_source(bench.area), size / 8);
}

static void fcollect(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++)
        call_fcollect(bench_dest(bench.area), bench_source(bench.area), size / 8);
}

static void alltoall(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++)
        call_alltoall(bench_dest(bench.area), bench_source(bench.area), size / 8);
}

static void sum_reduce(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++)
        call_sum_reduce((long *)bench_dest(bench.area), (long *)bench_source(bench.area), size / 8);
}

static const struct bench_subject barriers[] = {
    {.name = "barrier_all", .run = barrier_all, .all = true},
    {.name = "sync_all", .run = sync_all, .all = true},
    {.name = "bare_barrier", .run = bare_barrier, .all = true, .bare = true},
};
static const struct bench_subject movers[] = {
    {.name = "broadcast", .run = broadcast, .all = true},
    {.name = "collect", .run = collect, .all = true},
    {.name = "fcollect", .run = fcollect, .all = true},
    {.name = "alltoall", .run = alltoall, .all = true},
    {.name = "sum_reduce", .run = sum_reduce, .all = true},
};

int main(int argc, char **argv)
{
    static const size_t sizes[] = {8, 64, 1024, 16384, 262144, 1048576};
    bench_start(argc, argv, 1 << 20, true);
    collectives_start();
    bool two = bench.n_pes == 2 && !bench.crowded;
    if (bench_wanted("barrier_all") || bench_wanted("sync_all"))
        bench_measure(barriers, two ? 3 : 2, 0, bench_iters(0), NULL);
    for (size_t m = 0; m < sizeof(movers) / sizeof(movers[0]); m++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            if (sizes[i] <= bench.largest && bench_wanted(movers[m].name))
                bench_measure(&movers[m], 1, sizes[i], bench_iters(sizes[i]), NULL);
    collectives_stop();
    bench_stop();
    return 0;
}
