/* SPDX-License-Identifier: BSD-3-Clause */
/* atomics.c -- each atomic, on a line only this PE touches and on lines the peer just wrote. */
#include "bench.h"

#include <shmem.h>

/*
 * Fetching operations leave the low 32 bits of the word, the chase's next line, as they are, so
 * that each operation can wait for the one before; the arithmetic happens in the high bits.
 * (fetch_inc cannot, so it stays on one line.)
 */
#define ONE (1ul << 32)

enum { ITERS = 10000 };

typedef unsigned long word; /* the type of shmem_ulong_ calls */

static word *heap(uint64_t line)
{
    return (word *)&bench.area->line[line].word;
}

static word *bare(uint64_t line)
{
    return (word *)&bench.theirs->line[line].word;
}

/* clang-format off */
/* Each line is a function that walks the chase with one fetching operation. */
#define FETCHING(X)                                                                       \
    X(fetch, shmem_ulong_atomic_fetch(heap(at), bench.peer))                              \
    X(fetch_inc, shmem_ulong_atomic_fetch_inc(heap(at), bench.peer) >> 63)                \
    X(fetch_add, shmem_ulong_atomic_fetch_add(heap(at), ONE, bench.peer))                 \
    X(fetch_and, shmem_ulong_atomic_fetch_and(heap(at), ONE - 1, bench.peer))             \
    X(fetch_or, shmem_ulong_atomic_fetch_or(heap(at), ONE, bench.peer))                   \
    X(fetch_xor, shmem_ulong_atomic_fetch_xor(heap(at), ONE, bench.peer))                 \
    X(swap, shmem_ulong_atomic_swap(heap(at), 0, bench.peer))                             \
    X(compare_swap, shmem_ulong_atomic_compare_swap(heap(at), 0, 0, bench.peer))          \
    X(bare_fetch, __atomic_load_n(bare(at), __ATOMIC_SEQ_CST))                            \
    X(bare_fetch_add, __atomic_fetch_add(bare(at), ONE, __ATOMIC_SEQ_CST))                \
    X(bare_fetch_and, __atomic_fetch_and(bare(at), ONE - 1, __ATOMIC_SEQ_CST))            \
    X(bare_swap, __atomic_exchange_n(bare(at), 0, __ATOMIC_SEQ_CST))                      \
    X(bare_compare_swap, __sync_val_compare_and_swap(bare(at), 0, 0))

/* The same for operations that return nothing, all on one line. */
#define PLAIN(X)                                                                          \
    X(set, shmem_ulong_atomic_set(heap(0), (word)i, bench.peer))                          \
    X(inc, shmem_ulong_atomic_inc(heap(0), bench.peer))                                   \
    X(add, shmem_ulong_atomic_add(heap(0), ONE, bench.peer))                              \
    X(and, shmem_ulong_atomic_and(heap(0), (word)i, bench.peer))                          \
    X(or, shmem_ulong_atomic_or(heap(0), (word)i, bench.peer))                            \
    X(xor, shmem_ulong_atomic_xor(heap(0), (word)i, bench.peer))                          \
    X(bare_set, __atomic_store_n(bare(0), (word)i, __ATOMIC_RELAXED))                     \
    X(bare_add, (void)__atomic_fetch_add(bare(0), ONE, __ATOMIC_SEQ_CST))
/* clang-format on */

#define DEFINE_FETCHING(name, call)                                                      \
    static void run_##name(const struct bench_subject *subject, size_t size, long iters) \
    {                                                                                    \
        (void)subject, (void)size;                                                       \
        uint64_t at = 0;                                                                 \
        for (long i = 0; i < iters; i++)                                                 \
            at = (uint32_t)(call);                                                       \
        bench_keep(at);                                                                  \
    }
#define DEFINE_PLAIN(name, call)                                                         \
    static void run_##name(const struct bench_subject *subject, size_t size, long iters) \
    {                                                                                    \
        (void)subject, (void)size;                                                       \
        for (long i = 0; i < iters; i++) {                                               \
            call;                                                                        \
            bench_compiler_fence();                                                      \
        }                                                                                \
    }
FETCHING(DEFINE_FETCHING)
PLAIN(DEFINE_PLAIN)

/* clang-format off */
#define HOT(op) {.name = #op, .run = run_##op, .prepare = bench_hot}
#define HOT_BARE(op) {.name = #op, .run = run_##op, .prepare = bench_hot, .bare = true}
#define DIRTY(op) {.name = #op "_dirty", .run = run_##op, .prepare = bench_dirty}
#define DIRTY_BARE(op)                                                                    \
    {.name = #op "_dirty", .run = run_##op, .prepare = bench_dirty, .bare = true}
/* clang-format on */

/* Measured together: operations, then the reference they are held against. */
static const struct group {
    long iters;
    int n;
    struct bench_subject subjects[6];
} groups[] = {
    {ITERS, 2, {HOT(fetch), HOT_BARE(bare_fetch)}},
    {ITERS, 3, {HOT(fetch_add), HOT(fetch_inc), HOT_BARE(bare_fetch_add)}},
    /* Where the CPU has no instruction for these, the bare one is a loop as well. */
    {ITERS, 4, {HOT(fetch_and), HOT(fetch_or), HOT(fetch_xor), HOT_BARE(bare_fetch_and)}},
    {ITERS, 2, {HOT(swap), HOT_BARE(bare_swap)}},
    {ITERS, 2, {HOT(compare_swap), HOT_BARE(bare_compare_swap)}},
    {ITERS, 2, {HOT(set), HOT_BARE(bare_set)}},
    {ITERS, 6, {HOT(inc), HOT(add), HOT(and), HOT(or), HOT(xor), HOT_BARE(bare_add)}},
    {BENCH_LINES, 2, {DIRTY(fetch), DIRTY_BARE(bare_fetch)}},
    {BENCH_LINES, 2, {DIRTY(fetch_add), DIRTY_BARE(bare_fetch_add)}},
    {BENCH_LINES, 2, {DIRTY(swap), DIRTY_BARE(bare_swap)}},
    {BENCH_LINES, 2, {DIRTY(compare_swap), DIRTY_BARE(bare_compare_swap)}},
};

int main(int argc, char **argv)
{
    bench_start(argc, argv, 8, false);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (bench_wanted_any(groups[i].subjects, groups[i].n))
            bench_measure(groups[i].subjects, groups[i].n, 8, groups[i].iters, NULL);
    bench_stop();
    return 0;
}
