/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * active_set.c -- the deprecated collectives over active sets (PE_start, logPE_stride, PE_size).
 *
 * Each collective gets a pSync of its own kind; a barrier with another pSync stands between two
 * uses of the same, as the standard asks for.  shmem_barrier and shmem_sync need no such care.
 */
#include <stdlib.h>
#include "operations.h"
#include "subteams.h"

enum { ELEMENTS = 300, UNTOUCHED = 0xa5 };

static long sync_barrier[SHMEM_BARRIER_SYNC_SIZE];
static long sync_sync[SHMEM_BARRIER_SYNC_SIZE];
static long sync_broadcast[SHMEM_BCAST_SYNC_SIZE];
static long sync_collect[SHMEM_COLLECT_SYNC_SIZE];
static long sync_alltoall[SHMEM_ALLTOALL_SYNC_SIZE];
static long sync_alltoalls[SHMEM_ALLTOALLS_SYNC_SIZE];
static long sync_reduce[2][SHMEM_REDUCE_SYNC_SIZE];

static long phase;

static char *source;
static char *dest;
static char *work;

/* clang-format off */
static const struct {
    long *words;
    int   n;
    const char *name;
} all_syncs[] = {
    {sync_barrier,   SHMEM_BARRIER_SYNC_SIZE,   "the barrier's"},
    {sync_sync,      SHMEM_BARRIER_SYNC_SIZE,   "sync's"},
    {sync_broadcast, SHMEM_BCAST_SYNC_SIZE,     "broadcast's"},
    {sync_collect,   SHMEM_COLLECT_SYNC_SIZE,   "collect's"},
    {sync_alltoall,  SHMEM_ALLTOALL_SYNC_SIZE,  "alltoall's"},
    {sync_alltoalls, SHMEM_ALLTOALLS_SYNC_SIZE, "alltoalls's"},
    {sync_reduce[0], SHMEM_REDUCE_SYNC_SIZE,    "a reduction's"},
    {sync_reduce[1], SHMEM_REDUCE_SYNC_SIZE,    "a reduction's second"},
};
/* clang-format on */

static void initialise_syncs(void)
{
    for (size_t i = 0; i < CONFORMANCE_COUNT(all_syncs); i++) {
        for (int j = 0; j < all_syncs[i].n; j++) {
            all_syncs[i].words[j] = SHMEM_SYNC_VALUE;
        }
    }
    shmem_barrier_all();
}

static void check_syncs(void)
{
    for (size_t i = 0; i < CONFORMANCE_COUNT(all_syncs); i++) {
        for (int j = 0; j < all_syncs[i].n; j++) {
            check(all_syncs[i].words[j] == SHMEM_SYNC_VALUE, "word %d of %s pSync is %ld", j,
                  all_syncs[i].name, all_syncs[i].words[j]);
        }
    }
}

struct set {
    int start;
    int log_stride;
    int size;
    int me; /* number in the set */
};

#define TRIPLET(set) (set)->start, (set)->log_stride, (set)->size

/* run() on the members of every set there can be with strides up to 4. */
static void on_every_set(void (*run)(const struct set *set))
{
    int n = conformance_n();
    int me = conformance_me();
    source = (char *)shmem_malloc(ELEMENTS * 16 * 4 * (size_t)n);
    dest = (char *)shmem_malloc(ELEMENTS * 16 * 4 * (size_t)n + 64);
    work = (char *)shmem_malloc(16 * (ELEMENTS / 2 + 1 + SHMEM_REDUCE_MIN_WRKDATA_SIZE));
    initialise_syncs();
    for (int log_stride = 0; log_stride < 3; log_stride++) {
        int stride = 1 << log_stride;
        for (int start = 0; start < n; start++) {
            for (int size = 1; start + (size - 1) * stride < n; size++) {
                struct set set = {start, log_stride, size, (me - start) / stride};
                bool member = me >= start && (me - start) % stride == 0 && set.me < size;
                if (member) {
                    run(&set);
                }
                shmem_barrier_all();
            }
        }
    }
    check_syncs();
    shmem_barrier_all();
    shmem_free(work);
    shmem_free(dest);
    shmem_free(source);
}

static int world_pe(const struct set *set, int member)
{
    return set->start + member * (1 << set->log_stride);
}

static void meet(const struct set *set)
{
    shmem_barrier(TRIPLET(set), sync_barrier);
}

/* ---- barrier and sync -------------------------------------------------------------------- */

static void barriers_on(const struct set *set)
{
    int other = world_pe(set, (set->me + 1) % set->size);
    const int rounds = conformance_few(60, 5);
    for (int round = 1; round <= rounds; round++) {
        shmem_long_p(&phase, round, other);
        meet(set);
        check(phase == round, "the put of before barrier %d is not there", round);
        meet(set);
    }
    phase = 0;
    meet(set);
    for (int round = 1; round <= rounds; round++) {
        __atomic_store_n(&phase, round, __ATOMIC_RELAXED);
        shmem_sync(TRIPLET(set), sync_sync);
        long theirs = shmem_long_g(&phase, other);
        check(theirs == round || theirs == round + 1, "left sync %d, PE %d is at %ld", round, other,
              theirs);
    }
    meet(set);
    check_syncs();
}

static void barrier_and_sync(void)
{
    on_every_set(barriers_on);
}

static void thousands_of_barriers(void)
{
    const int rounds = conformance_rounds(2000);
    int n = conformance_n();
    struct set set = {0, 0, n, conformance_me()};
    initialise_syncs();
    static long sum;
    sum = 0;
    shmem_barrier_all();
    for (int round = 1; round <= rounds; round++) {
        shmem_long_atomic_inc(&sum, (set.me + round) % n);
        meet(&set);
        check(sum == round, "barrier %d: %ld", round, sum);
        shmem_sync(TRIPLET(&set), sync_sync);
    }
    check_syncs();
}

/* ---- data collectives -------------------------------------------------------------------- */

static void broadcast_on(const struct set *set)
{
    for (int bytes = 4; bytes <= 8; bytes += 4) {
        for (size_t n = 0; n <= ELEMENTS; n = n * 6 + 1) {
            for (int root = 0; root < set->size; root++) {
                size_t len = n * (size_t)bytes;
                pattern_fill(source, (unsigned)set->me, 0, len);
                memset(dest, UNTOUCHED, len + 16);
                meet(set);
                (bytes == 4 ? shmem_broadcast32 : shmem_broadcast64)(dest, source, n, root,
                                                                     TRIPLET(set), sync_broadcast);
                if (set->me == root) {
                    check(pattern_untouched(dest, UNTOUCHED, len), "the root's dest has changed");
                } else {
                    check(pattern_is(dest, (unsigned)root, 0, len),
                          "broadcast%d of %zu from %d is wrong", bytes * 8, n, root);
                }
                check(pattern_untouched(dest + len, UNTOUCHED, 16), "wrote past element %zu", n);
                meet(set);
            }
        }
    }
}

static size_t contribution(int member, size_t n)
{
    return member % 2 == 0 ? n + (size_t)member : n / 2;
}

static void check_collected(const struct set *set, size_t n, size_t bytes, bool same)
{
    size_t at = 0;
    for (int i = 0; i < set->size; i++) {
        size_t len = (same ? n : contribution(i, n)) * bytes;
        check(pattern_is(dest + at, (unsigned)i, 0, len), "%scollect%zu of %zu: %d's are wrong",
              same ? "f" : "", bytes * 8, n, i);
        at += len;
    }
    check(pattern_untouched(dest + at, UNTOUCHED, 16), "wrote past the end");
}

static void collect_on(const struct set *set)
{
    for (size_t bytes = 4; bytes <= 8; bytes += 4) {
        for (size_t n = 0; n <= ELEMENTS; n = n * 6 + 1) {
            pattern_fill(source, (unsigned)set->me, 0, (n + (size_t)set->me) * bytes);
            memset(dest, UNTOUCHED, (n + 8) * bytes * (size_t)set->size);
            meet(set);
            (bytes == 4 ? shmem_fcollect32 : shmem_fcollect64)(dest, source, n, TRIPLET(set),
                                                               sync_collect);
            check_collected(set, n, bytes, true);
            memset(dest, UNTOUCHED, (n + 8) * bytes * (size_t)set->size);
            meet(set);
            (bytes == 4 ? shmem_collect32 : shmem_collect64)(dest, source, contribution(set->me, n),
                                                             TRIPLET(set), sync_collect);
            check_collected(set, n, bytes, false);
            meet(set);
        }
    }
}

static unsigned pair(int from, int to)
{
    return (unsigned)(from * 16 + to);
}

static void alltoall_on(const struct set *set)
{
    for (size_t bytes = 4; bytes <= 8; bytes += 4) {
        for (size_t n = 0; n <= ELEMENTS; n = n * 6 + 1) {
            size_t len = n * bytes;
            for (int i = 0; i < set->size; i++) {
                pattern_fill(source + (size_t)i * len, pair(set->me, i), 0, len);
            }
            memset(dest, UNTOUCHED, len * (size_t)set->size + 16);
            meet(set);
            (bytes == 4 ? shmem_alltoall32 : shmem_alltoall64)(dest, source, n, TRIPLET(set),
                                                               sync_alltoall);
            for (int i = 0; i < set->size; i++) {
                check(pattern_is(dest + (size_t)i * len, pair(i, set->me), 0, len),
                      "alltoall%zu of %zu from %d is wrong", bytes * 8, n, i);
            }
            check(pattern_untouched(dest + len * (size_t)set->size, UNTOUCHED, 16),
                  "wrote past the end");
            meet(set);
        }
    }
}

static void alltoalls_on(const struct set *set)
{
    enum { DST = 3, SST = 2, N = 20 };
    for (size_t bytes = 4; bytes <= 8; bytes += 4) {
        size_t total = (size_t)set->size * N;
        for (size_t i = 0; i < total; i++) {
            pattern_fill(source + i * SST * bytes, pair(set->me, (int)(i / N)), i % N * bytes,
                         bytes);
        }
        memset(dest, UNTOUCHED, total * DST * bytes);
        meet(set);
        (bytes == 4 ? shmem_alltoalls32 : shmem_alltoalls64)(dest, source, DST, SST, N,
                                                             TRIPLET(set), sync_alltoalls);
        for (size_t i = 0; i < total; i++) {
            char *element = dest + i * DST * bytes;
            check(pattern_is(element, pair((int)(i / N), set->me), i % N * bytes, bytes),
                  "alltoalls%zu: element %zu is wrong", bytes * 8, i);
            check(pattern_untouched(element + bytes, UNTOUCHED, (DST - 1) * bytes),
                  "alltoalls%zu wrote after element %zu", bytes * 8, i);
        }
        meet(set);
    }
}

static void broadcasts(void)
{
    on_every_set(broadcast_on);
}

static void collects(void)
{
    on_every_set(collect_on);
}

static void alltoalls(void)
{
    on_every_set(alltoall_on);
    on_every_set(alltoalls_on);
}

/* ---- reductions -------------------------------------------------------------------------- */

typedef void reduce_function(void *to, const void *from, int n, const struct set *set, void *wrk,
                             long *sync);

struct reduction {
    struct operation op;
    reduce_function *reduce;
};

/* clang-format off */
#define FORWARD(op, T, type)                                                                       \
    static void to_all##op##T(void *to, const void *from, int n, const struct set *set, void *wrk, \
                              long *sync)                                                          \
    { shmem##T##op##_to_all((type *)to, (const type *)from, n, TRIPLET(set), (type *)wrk, sync); }
SHMEMI_FOR_OLD_LOGIC(FORWARD, _and)
SHMEMI_FOR_OLD_LOGIC(FORWARD, _or)
SHMEMI_FOR_OLD_LOGIC(FORWARD, _xor)
SHMEMI_FOR_OLD_COMPARE(FORWARD, _max)
SHMEMI_FOR_OLD_COMPARE(FORWARD, _min)
SHMEMI_FOR_OLD_SUM(FORWARD, _sum)
SHMEMI_FOR_OLD_SUM(FORWARD, _prod)

#define ROW(op, T, type) {OPERATION(op, T, type, "shmem" #T #op "_to_all"), to_all##op##T},
static const struct reduction reductions[] = {
    SHMEMI_FOR_OLD_LOGIC(ROW, _and)
    SHMEMI_FOR_OLD_LOGIC(ROW, _or)
    SHMEMI_FOR_OLD_LOGIC(ROW, _xor)
    SHMEMI_FOR_OLD_COMPARE(ROW, _max)
    SHMEMI_FOR_OLD_COMPARE(ROW, _min)
    SHMEMI_FOR_OLD_SUM(ROW, _sum)
    SHMEMI_FOR_OLD_SUM(ROW, _prod)
};
/* clang-format on */

/* The work array may have any contents, and is as short as the standard allows. */
static size_t work_elements(int n)
{
    return (size_t)(n / 2 + 1 > SHMEM_REDUCE_MIN_WRKDATA_SIZE ? n / 2 + 1
                                                              : SHMEM_REDUCE_MIN_WRKDATA_SIZE);
}

static void reduce_on_set(const struct set *set, const struct reduction *r, int n, bool in_place,
                          int round)
{
    char *to = in_place ? source : dest;
    size_t end = work_elements(n) * r->op.size;
    operation_fill(&r->op, source, set->me, round, (size_t)n);
    memset(dest, UNTOUCHED, (size_t)n * r->op.size + 16);
    memset(work, UNTOUCHED, end + 16);
    meet(set);
    r->reduce(to, source, n, set, work, sync_reduce[round % 2]);
    operation_check(&r->op, "an active set", to, set->size - 1, round, (size_t)n);
    check(pattern_untouched(work + end, UNTOUCHED, 16), "%s wrote past pWrk", r->op.name);
    meet(set);
}

static void reductions_on(const struct set *set)
{
    static const int sizes[] = {0, 1, 3, 64, ELEMENTS};
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i += 6) {
        for (size_t j = 0; j < CONFORMANCE_COUNT(sizes); j++) {
            if (!conformance_tries(i / 6, j, CONFORMANCE_COUNT(sizes))) {
                continue;
            }
            reduce_on_set(set, &reductions[i], sizes[j], false, (int)j);
            reduce_on_set(set, &reductions[i], sizes[j], true, (int)j + 1);
        }
    }
}

static void all_reductions_on(const struct set *set)
{
    if (set->size < conformance_n() - 1) {
        return;
    }
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i++) {
        reduce_on_set(set, &reductions[i], 33, i % 2 == 0, (int)i);
    }
}

static void reduce(void)
{
    on_every_set(reductions_on);
}

static void reduce_all_types(void)
{
    on_every_set(all_reductions_on);
}

/* The old programs' habit: two pSync arrays in turn, and no barrier between. */
static void alternating_syncs(void)
{
    const int rounds = conformance_rounds(1000);
    int n = conformance_n();
    struct set set = {0, 0, n, conformance_me()};
    static long in[2], out[2], wrk[2][SHMEM_REDUCE_MIN_WRKDATA_SIZE];
    initialise_syncs();
    for (int round = 0; round < rounds; round++) {
        in[round % 2] = set.me + round;
        shmem_long_sum_to_all(&out[round % 2], &in[round % 2], 1, TRIPLET(&set), wrk[round % 2],
                              sync_reduce[round % 2]);
        check(out[round % 2] == (long)n * (n - 1) / 2 + (long)n * round, "round %d: %ld", round,
              out[round % 2]);
    }
    shmem_barrier_all();
    check_syncs();
}

/* pSync in the heap, freed and allocated again, with another set at the same address. */
static void syncs_in_the_heap(void)
{
    int n = conformance_n();
    int me = conformance_me();
    for (int round = 0; round < 20; round++) {
        long *sync = (long *)shmem_malloc(SHMEM_SYNC_SIZE * sizeof(long));
        for (int i = 0; i < SHMEM_SYNC_SIZE; i++) {
            sync[i] = SHMEM_SYNC_VALUE;
        }
        shmem_barrier_all();
        int start = round % n;
        if (me >= start) {
            phase = 0;
            shmem_barrier(start, 0, n - start, sync);
            shmem_long_p(&phase, round + 1, start + (me - start + 1) % (n - start));
            shmem_barrier(start, 0, n - start, sync);
            check(phase == round + 1, "round %d: %ld", round, phase);
        }
        shmem_barrier_all();
        shmem_free(sync);
    }
}

/* Many programs let all PEs make the call: those outside the set return. */
static void outsiders(void)
{
    static long in, out, wrk[SHMEM_REDUCE_MIN_WRKDATA_SIZE];
    in = conformance_me() + 1;
    out = -1;
    initialise_syncs();
    shmem_barrier_all();
    if (getenv("SHMEM_CHECK") == NULL || conformance_me() == 0) {
        shmem_long_sum_to_all(&out, &in, 1, 0, 0, 1, wrk, sync_reduce[0]);
    }
    check(out == (conformance_me() == 0 ? 1 : -1), "%ld", out);
    shmem_barrier_all();
    check_syncs();
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"PEs outside the set", outsiders},
        {"barrier and sync", barrier_and_sync},
        {"thousands of barriers", thousands_of_barriers},
        {"broadcast32, broadcast64", broadcasts},
        {"collect32, collect64, fcollect32, fcollect64", collects},
        {"alltoall32, alltoall64, alltoalls32, alltoalls64", alltoalls},
        {"reductions, sets and sizes", reduce},
        {"reductions, all operations on all types", reduce_all_types},
        {"two pSync arrays in turn", alternating_syncs},
        {"pSync in the heap", syncs_in_the_heap},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
