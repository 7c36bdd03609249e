/* SPDX-License-Identifier: BSD-3-Clause */
/* latency.c -- how long one put, get, p, g, fence or quiet takes, beside bare memory accesses. */
#include "bench.h"

#include <shmem.h>

enum { CHASE_ITERS = 10000 };

static void put(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++) {
        shmem_putmem(bench_dest(bench.area), bench.private, size, bench.peer);
        shmem_quiet();
    }
}

static void get(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    for (long i = 0; i < iters; i++)
        shmem_getmem(bench.private, bench_source(bench.area), size, bench.peer);
}

static void p(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    uint64_t *dest = (uint64_t *)&bench.area->line[0].word;
    for (long i = 0; i < iters; i++)
        shmem_uint64_p(dest, (uint64_t)i, bench.peer);
}

static void p_quiet(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    uint64_t *dest = (uint64_t *)&bench.area->line[0].word;
    for (long i = 0; i < iters; i++) {
        shmem_uint64_p(dest, (uint64_t)i, bench.peer);
        shmem_quiet();
    }
}

/* Follows the lines: each address depends on the value got before, so nothing overlaps. */
static void g(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    uint64_t at = 0;
    for (long i = 0; i < iters; i++)
        at = (uint32_t)shmem_uint64_g((uint64_t *)&bench.area->line[at].word, bench.peer);
    bench_keep(at);
}

static void quiet(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++)
        shmem_quiet();
}

static void fence(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++)
        shmem_fence();
}

static void bare_store(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    for (long i = 0; i < iters; i++)
        bench.theirs->line[0].word = (uint64_t)i;
}

static void bare_load(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    uint64_t at = 0;
    for (long i = 0; i < iters; i++)
        at = (uint32_t)bench.theirs->line[at].word;
    bench_keep(at);
}

static const struct bench_subject stores[] = {
    {.name = "p", .run = p},
    {.name = "p_quiet", .run = p_quiet},
    {.name = "bare_store", .run = bare_store, .bare = true},
};
static const struct bench_subject loads_hot[] = {
    {.name = "g", .run = g, .prepare = bench_hot},
    {.name = "bare_load", .run = bare_load, .prepare = bench_hot, .bare = true},
};
static const struct bench_subject loads_dirty[] = {
    {.name = "g_dirty", .run = g, .prepare = bench_dirty},
    {.name = "bare_load_dirty", .run = bare_load, .prepare = bench_dirty, .bare = true},
};
static const struct bench_subject orders[] = {
    {.name = "quiet", .run = quiet},
    {.name = "fence", .run = fence},
};

static void words(void)
{
    if (bench_wanted_any(stores, 2))
        bench_measure(stores, 3, 8, CHASE_ITERS, NULL);
    if (bench_wanted("g"))
        bench_measure(loads_hot, 2, 8, CHASE_ITERS, NULL);
    if (bench_wanted("g_dirty"))
        bench_measure(loads_dirty, 2, 8, BENCH_LINES, NULL);
    if (bench_wanted_any(orders, 2))
        bench_measure(orders, 2, 0, CHASE_ITERS, NULL);
}

/* A put or get of that size, and the best copy that goes the same way. */
static void block(const char *name, size_t size)
{
    struct bench_subject subjects[1 + BENCH_COPIES];
    bool is_put = name[0] == 'p';
    subjects[0] = (struct bench_subject){.name = name, .run = is_put ? put : get};
    int n = 1;
    if (bench.mine != NULL && is_put)
        n += bench_copies(&subjects[1], BENCH_NS, bench_dest(bench.theirs), bench.private, size);
    else if (bench.mine != NULL)
        n += bench_copies(&subjects[1], BENCH_NS, bench.private, bench_source(bench.theirs), size);
    bench_measure(subjects, n, size, bench_iters(size), is_put ? "bare_put" : "bare_get");
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {1,     8,     64,     256,     1024,   4096,
                                   16384, 65536, 262144, 1048576, 4194304};
    bench_start(argc, argv, 4 << 20, false);
    words();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] > bench.largest)
            break;
        if (bench_wanted("put"))
            block("put", sizes[i]);
        if (bench_wanted("get"))
            block("get", sizes[i]);
    }
    bench_stop();
    return 0;
}
