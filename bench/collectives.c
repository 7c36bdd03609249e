/* SPDX-License-Identifier: BSD-3-Clause */
/* collectives.c -- barrier, sync, broadcast, collect, alltoall and reduction over all PEs. */
#include "collectives.h"
#include "bench.h"

#include <shmem.h>
#include <string.h>

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
static inline void flags(bool pause)
{
    static uint64_t turn;
    turn++;
    __atomic_store_n(&bench.theirs->flag[1].word, turn, __ATOMIC_RELEASE);
    while (__atomic_load_n(&bench.mine->flag[1].word, __ATOMIC_ACQUIRE) < turn)
        if (pause)
            bench_pause();
}

static void bare_tight(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++)
        flags(false);
}

static void bare_paused(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++)
        flags(true);
}

/* The root changes each time; so no root runs ahead, and it is a whole broadcast that is timed. */
static void broadcast(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++)
        call_broadcast(bench_dest(bench.area), bench_source(bench.area), size / 8,
                       (int)(i % bench.n_pes));
}

/* The source is there, it is copied, it may be reused. */
static void bare_broadcast(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++) {
        flags(true);
        if (bench.me != i % 2)
            memcpy(bench_dest(bench.mine), bench_source(bench.theirs), size);
        flags(true);
    }
}

/* What collecting and alltoall are between two PEs: a block of one's own, a block of the peer's. */
static void bare_exchange(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    char *own = bench_dest(bench.mine) + (size_t)bench.me * size;
    char *other = bench_dest(bench.mine) + (size_t)bench.peer * size;
    for (long i = 0; i < iters; i++) {
        flags(true);
        memcpy(own, bench_source(bench.mine), size);
        memcpy(other, bench_source(bench.theirs), size);
        flags(true);
    }
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
    {.name = "without pause", .run = bare_tight, .all = true, .bare = true},
    {.name = "with pause", .run = bare_paused, .all = true, .bare = true},
};
static const struct bench_subject broadcasts[] = {
    {.name = "broadcast", .run = broadcast, .all = true},
    {.name = "bare_broadcast", .run = bare_broadcast, .all = true, .bare = true},
};
static const struct bench_subject exchanges[] = {
    {.name = "collect", .run = collect, .all = true},
    {.name = "fcollect", .run = fcollect, .all = true},
    {.name = "alltoall", .run = alltoall, .all = true},
    {.name = "bare_exchange", .run = bare_exchange, .all = true, .bare = true},
};
static const struct bench_subject reductions[] = {
    {.name = "sum_reduce", .run = sum_reduce, .all = true},
};

/* What is measured together; references come last, and are for two PEs with a core for each. */
static const struct group {
    const struct bench_subject *subjects;
    int n, n_bare;
    const char *best; /* the name of the best of the references, if there are several */
    bool sized;
} groups[] = {
    {barriers, 2, 2, "bare_barrier", false},
    {broadcasts, 1, 1, NULL, true},
    {exchanges, 3, 1, NULL, true},
    {reductions, 1, 0, NULL, true},
};

static void measure(const struct group *group)
{
    static const size_t sizes[] = {8, 64, 1024, 16384, 262144, 1048576};
    bool two = bench.n_pes == 2 && !bench.crowded;
    int n = group->n + (two ? group->n_bare : 0);
    if (!group->sized)
        bench_measure(group->subjects, n, 0, bench_iters(0), group->best);
    for (size_t i = 0; group->sized && i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (sizes[i] <= bench.largest)
            bench_measure(group->subjects, n, sizes[i], bench_iters(sizes[i]), group->best);
}

int main(int argc, char **argv)
{
    bench_start(argc, argv, 1 << 20, true);
    collectives_start();
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (bench_wanted_any(groups[i].subjects, groups[i].n))
            measure(&groups[i]);
    collectives_stop();
    bench_stop();
    return 0;
}
