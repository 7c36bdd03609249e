/* SPDX-License-Identifier: BSD-3-Clause */
/* bandwidth.c -- windows of nonblocking puts and gets, and the rate of small messages. */
#include "bench.h"

#include <shmem.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 64, RATE_ITERS = 8192 };

/* Where a test's local side lies: at the beginning of a page; 16 bytes further, where malloc puts
 * whatever is large; in the symmetric heap. */
enum side { PRIVATE, MALLOCED, SYMMETRIC };
static const enum side private = PRIVATE, malloced = MALLOCED, symmetric = SYMMETRIC;

static char *local(enum side side, char *in_heap)
{
    static char *from_malloc;
    if (side == SYMMETRIC)
        return in_heap;
    if (side == PRIVATE)
        return bench.private;
    if (from_malloc == NULL) {
        from_malloc = (char *)aligned_alloc(4096, bench.buffer + 4096) + 16;
        memset(from_malloc, 3, bench.buffer);
    }
    return from_malloc;
}

static void put(const struct bench_subject *subject, size_t size, long iters)
{
    const char *source = local(*(const enum side *)subject->arg, bench_source(bench.area));
    for (long i = 0; i < iters; i++) {
        shmem_putmem_nbi(bench_dest(bench.area), source, size, bench.peer);
        if (i % WINDOW == WINDOW - 1)
            shmem_quiet();
    }
    shmem_quiet();
}

static void get(const struct bench_subject *subject, size_t size, long iters)
{
    char *dest = local(*(const enum side *)subject->arg, bench_dest(bench.area));
    for (long i = 0; i < iters; i++) {
        shmem_getmem_nbi(dest, bench_source(bench.area), size, bench.peer);
        if (i % WINDOW == WINDOW - 1)
            shmem_quiet();
    }
    shmem_quiet();
}

/* Small messages to neighbouring places, as an application fills an array of the peer. */
static void p_rate(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    uint64_t *dest = (uint64_t *)bench_dest(bench.area);
    for (long i = 0; i < iters; i++)
        shmem_uint64_p(dest + i % RATE_ITERS, (uint64_t)i, bench.peer);
    shmem_quiet();
    (void)size;
}

static void put_rate(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject;
    size_t room = 65536 / size;
    for (long i = 0; i < iters; i++)
        shmem_putmem_nbi(bench_dest(bench.area) + (size_t)i % room * size, bench.private, size,
                         bench.peer);
    shmem_quiet();
}

static void bare_rate(const struct bench_subject *subject, size_t size, long iters)
{
    (void)subject, (void)size;
    uint64_t *dest = (uint64_t *)bench_dest(bench.theirs);
    for (long i = 0; i < iters; i++) {
        dest[i % RATE_ITERS] = (uint64_t)i;
        bench_compiler_fence();
    }
}

static const struct bench_subject rates[] = {
    {.name = "p_rate", .run = p_rate, .unit = BENCH_MOP_S},
    {.name = "bare_rate", .run = bare_rate, .unit = BENCH_MOP_S, .bare = true},
};
static const struct bench_subject put_rates[] = {
    {.name = "put_rate", .run = put_rate, .unit = BENCH_MOP_S},
};

/* Messages of a batch: a few windows while small, a few messages when huge. */
static long iters_of(size_t size)
{
    long iters = bench_iters(size);
    return iters < 4 ? 4 : iters > 1024 ? 1024 : iters;
}

static void put_bandwidth(const char *name, const char *best, const enum side *from, size_t size)
{
    struct bench_subject subjects[1 + BENCH_COPIES] = {
        {.name = name, .run = put, .arg = from, .unit = BENCH_MB_S}};
    int n = 1;
    if (bench.mine != NULL)
        n += bench_copies(&subjects[1], BENCH_MB_S, bench_dest(bench.theirs),
                          *from == SYMMETRIC ? bench_source(bench.mine) : bench.private, size);
    bench_measure(subjects, n, size, iters_of(size), best);
}

static void get_bandwidth(const char *name, const char *best, const enum side *to, size_t size)
{
    struct bench_subject subjects[1 + BENCH_COPIES] = {
        {.name = name, .run = get, .arg = to, .unit = BENCH_MB_S}};
    int n = 1;
    if (bench.mine != NULL)
        n += bench_copies(&subjects[1], BENCH_MB_S,
                          *to == SYMMETRIC ? bench_dest(bench.mine) : bench.private,
                          bench_source(bench.theirs), size);
    bench_measure(subjects, n, size, iters_of(size), best);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {64,     1024,    4096,    16384,   65536,
                                   262144, 1048576, 4194304, 16777216};
    bench_start(argc, argv, 16 << 20, false);
    if (bench_wanted("p_rate"))
        bench_measure(rates, 2, 8, RATE_ITERS, NULL);
    for (size_t size = 8; bench_wanted("put_rate") && size <= 512; size *= 8)
        bench_measure(put_rates, 1, size, RATE_ITERS, NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] > bench.largest)
            break;
        if (bench_wanted("put_bw"))
            put_bandwidth("put_bw", "bare_put_bw", &private, sizes[i]);
        if (bench_wanted("put_bw_sym"))
            put_bandwidth("put_bw_sym", "bare_put_bw_sym", &symmetric, sizes[i]);
        if (bench_wanted("get_bw"))
            get_bandwidth("get_bw", "bare_get_bw", &private, sizes[i]);
        if (bench_wanted("get_bw_malloc"))
            get_bandwidth("get_bw_malloc", "bare_get_bw_malloc", &malloced, sizes[i]);
        if (bench_wanted("get_bw_sym"))
            get_bandwidth("get_bw_sym", "bare_get_bw_sym", &symmetric, sizes[i]);
    }
    bench_stop();
    return 0;
}
