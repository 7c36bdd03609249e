/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * collectives_data.c -- 9.10.5 to 9.10.8: alltoall, alltoalls, broadcast, collect, fcollect.
 *
 * These move bytes, so every typed routine goes through the same untyped tests, by way of a table
 * with a row for each type.
 */
#include "subteams.h"

/* clang-format off */
struct mover {
    const char *type;
    size_t      size;
    int (*broadcast)(shmem_team_t, void *, const void *, size_t, int);
    int (*collect)(shmem_team_t, void *, const void *, size_t);
    int (*fcollect)(shmem_team_t, void *, const void *, size_t);
    int (*alltoall)(shmem_team_t, void *, const void *, size_t);
    int (*alltoalls)(shmem_team_t, void *, const void *, ptrdiff_t, ptrdiff_t, size_t);
};

#define FORWARD(op, T, type)                                                                      \
    static int broadcast##T(shmem_team_t team, void *dest, const void *source, size_t n, int root) \
    { return shmem##T##_broadcast(team, (type *)dest, (const type *)source, n, root); }            \
    static int collect##T(shmem_team_t team, void *dest, const void *source, size_t n)             \
    { return shmem##T##_collect(team, (type *)dest, (const type *)source, n); }                    \
    static int fcollect##T(shmem_team_t team, void *dest, const void *source, size_t n)            \
    { return shmem##T##_fcollect(team, (type *)dest, (const type *)source, n); }                   \
    static int alltoall##T(shmem_team_t team, void *dest, const void *source, size_t n)            \
    { return shmem##T##_alltoall(team, (type *)dest, (const type *)source, n); }                   \
    static int alltoalls##T(shmem_team_t team, void *dest, const void *source, ptrdiff_t dst,      \
                            ptrdiff_t sst, size_t n)                                               \
    { return shmem##T##_alltoalls(team, (type *)dest, (const type *)source, dst, sst, n); }
SHMEMI_FOR_RMA(FORWARD, )

#define ROW(op, T, type) \
    {#T, sizeof(type), broadcast##T, collect##T, fcollect##T, alltoall##T, alltoalls##T},
static const struct mover movers[] = {
    {"mem", 1, shmem_broadcastmem, shmem_collectmem, shmem_fcollectmem,
     shmem_alltoallmem, shmem_alltoallsmem},
    SHMEMI_FOR_RMA(ROW, )
};
/* clang-format on */

/* Some rows stand for the others where trying all would only take time: 1, 4 and 16 bytes. */
enum { REPRESENTATIVES = 3 };

static bool is_representative(const struct mover *mover)
{
    return mover == &movers[0] || strcmp(mover->type, "_int") == 0 ||
           strcmp(mover->type, "_longdouble") == 0;
}

/* Where the test's buffers are.  Both may be heap or static: the tests try all mixtures. */
enum { STATIC_BYTES = 1 << 17 };
static unsigned char static_source[STATIC_BYTES] __attribute__((aligned(64)));
static unsigned char static_dest[STATIC_BYTES] __attribute__((aligned(64)));

struct buffers {
    unsigned char *source;
    unsigned char *dest;
    size_t len; /* of each */
};

static struct buffers heap_buffers(size_t len)
{
    struct buffers buffers = {.len = len};
    buffers.source = (unsigned char *)shmem_malloc(len);
    buffers.dest = (unsigned char *)shmem_malloc(len);
    if (buffers.source == NULL || buffers.dest == NULL) {
        fprintf(stderr, "# PE %d: no memory for 2 buffers of %zu bytes\n", shmem_my_pe(), len);
        shmem_global_exit(1);
    }
    return buffers;
}

static void release_buffers(struct buffers *buffers)
{
    shmem_free(buffers->dest);
    shmem_free(buffers->source);
}

enum { UNTOUCHED = 0xa5 };

/* Everybody's dest holds nothing of the expected; nobody goes on before. */
static void prepare(shmem_team_t team, const struct buffers *at, size_t dest_len)
{
    memset(at->dest, UNTOUCHED, dest_len < at->len ? dest_len : at->len);
    shmem_team_sync(team);
}

/* ---- each collective once, checked to the last byte -------------------------------------- */

static void try_broadcast(const struct mover *mover, const struct subteam *team,
                          const struct buffers *at, size_t nelems, int root)
{
    int me = shmem_team_my_pe(team->team);
    size_t len = nelems * mover->size;
    pattern_fill(at->source, (unsigned)me, 0, len);
    prepare(team->team, at, len + 64);
    int failed = mover->broadcast(team->team, at->dest, at->source, nelems, root);
    check(failed == 0, "%s on %s returned %d", mover->type, team->name, failed);
    check(pattern_is(at->dest, (unsigned)root, 0, len), "%s on %s: %zu elements of %d are wrong",
          mover->type, team->name, nelems, root);
    check(pattern_untouched(at->dest + len, UNTOUCHED, 64), "%s on %s wrote past %zu elements",
          mover->type, team->name, nelems);
    check(pattern_is(at->source, (unsigned)me, 0, len), "%s on %s: source has changed", mover->type,
          team->name);
}

static void try_fcollect(const struct mover *mover, const struct subteam *team,
                         const struct buffers *at, size_t nelems)
{
    int n = shmem_team_n_pes(team->team);
    size_t len = nelems * mover->size;
    pattern_fill(at->source, (unsigned)shmem_team_my_pe(team->team), 0, len);
    prepare(team->team, at, (size_t)n * len + 64);
    int failed = mover->fcollect(team->team, at->dest, at->source, nelems);
    check(failed == 0, "%s on %s returned %d", mover->type, team->name, failed);
    for (int i = 0; i < n; i++) {
        check(pattern_is(at->dest + (size_t)i * len, (unsigned)i, 0, len),
              "%s on %s: %zu elements of %d are wrong", mover->type, team->name, nelems, i);
    }
    check(pattern_untouched(at->dest + (size_t)n * len, UNTOUCHED, 64),
          "%s on %s wrote past %d times %zu elements", mover->type, team->name, n, nelems);
}

/* Member i contributes `of(i, nelems)` elements. */
static void try_collect(const struct mover *mover, const struct subteam *team,
                        const struct buffers *at, size_t nelems, size_t (*of)(int, size_t))
{
    int n = shmem_team_n_pes(team->team);
    int me = shmem_team_my_pe(team->team);
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        total += of(i, nelems) * mover->size;
    }
    pattern_fill(at->source, (unsigned)me, 0, of(me, nelems) * mover->size);
    prepare(team->team, at, total + 64);
    int failed = mover->collect(team->team, at->dest, at->source, of(me, nelems));
    check(failed == 0, "%s on %s returned %d", mover->type, team->name, failed);
    size_t from = 0;
    for (int i = 0; i < n; i++) {
        size_t len = of(i, nelems) * mover->size;
        check(pattern_is(at->dest + from, (unsigned)i, 0, len),
              "%s on %s: %zu elements of %d at byte %zu are wrong", mover->type, team->name,
              of(i, nelems), i, from);
        from += len;
    }
    check(pattern_untouched(at->dest + total, UNTOUCHED, 64), "%s on %s wrote past %zu bytes",
          mover->type, team->name, total);
}

/* What member `from` sends to member `to` is the pattern of both numbers. */
static unsigned pair(int from, int to)
{
    return (unsigned)(from * 16 + to);
}

static void try_alltoall(const struct mover *mover, const struct subteam *team,
                         const struct buffers *at, size_t nelems)
{
    int n = shmem_team_n_pes(team->team);
    int me = shmem_team_my_pe(team->team);
    size_t len = nelems * mover->size;
    for (int i = 0; i < n; i++) {
        pattern_fill(at->source + (size_t)i * len, pair(me, i), 0, len);
    }
    prepare(team->team, at, (size_t)n * len + 64);
    int failed = mover->alltoall(team->team, at->dest, at->source, nelems);
    check(failed == 0, "%s on %s returned %d", mover->type, team->name, failed);
    for (int i = 0; i < n; i++) {
        check(pattern_is(at->dest + (size_t)i * len, pair(i, me), 0, len),
              "%s on %s: %zu elements of %d are wrong", mover->type, team->name, nelems, i);
    }
    check(pattern_untouched(at->dest + (size_t)n * len, UNTOUCHED, 64),
          "%s on %s wrote past the end", mover->type, team->name);
}

static void try_alltoalls(const struct mover *mover, const struct subteam *team,
                          const struct buffers *at, size_t nelems, size_t dst, size_t sst)
{
    int n = shmem_team_n_pes(team->team);
    int me = shmem_team_my_pe(team->team);
    size_t size = mover->size;
    memset(at->source, 0x3c, (size_t)n * nelems * sst * size);
    for (size_t i = 0; i < (size_t)n * nelems; i++) {
        pattern_fill(at->source + i * sst * size, pair(me, (int)(i / nelems)), i % nelems * size,
                     size);
    }
    prepare(team->team, at, (size_t)n * nelems * dst * size);
    int failed =
        mover->alltoalls(team->team, at->dest, at->source, (ptrdiff_t)dst, (ptrdiff_t)sst, nelems);
    check(failed == 0, "%s on %s returned %d", mover->type, team->name, failed);
    for (size_t i = 0; i < (size_t)n * nelems; i++) {
        const unsigned char *element = at->dest + i * dst * size;
        check(pattern_is(element, pair((int)(i / nelems), me), i % nelems * size, size),
              "%s on %s, strides %zu and %zu: element %zu of %zu is wrong", mover->type, team->name,
              dst, sst, i % nelems, i / nelems);
        check(pattern_untouched(element + size, UNTOUCHED, (dst - 1) * size),
              "%s on %s, strides %zu and %zu: wrote between the elements", mover->type, team->name,
              dst, sst);
    }
}

static size_t all_the_same(int member, size_t nelems)
{
    (void)member;
    return nelems;
}

static size_t growing(int member, size_t nelems)
{
    return nelems * (size_t)member;
}

static size_t every_second(int member, size_t nelems)
{
    return member % 2 == 0 ? 0 : nelems + (size_t)member;
}

static size_t only_the_first(int member, size_t nelems)
{
    return member == 0 ? nelems : 0;
}

static void try_all(const struct mover *mover, const struct subteam *team, const struct buffers *at,
                    size_t nelems)
{
    int n = shmem_team_n_pes(team->team);
    for (int root = 0; root < n; root++) {
        try_broadcast(mover, team, at, nelems, root);
    }
    try_fcollect(mover, team, at, nelems);
    try_collect(mover, team, at, nelems, all_the_same);
    try_collect(mover, team, at, nelems, growing);
    try_collect(mover, team, at, nelems, every_second);
    try_collect(mover, team, at, nelems, only_the_first);
    try_alltoall(mover, team, at, nelems);
    if (nelems > 0) {
        try_alltoalls(mover, team, at, nelems, 1, 1);
        try_alltoalls(mover, team, at, nelems, 3, 2);
        try_alltoalls(mover, team, at, nelems, 1, 4);
        try_alltoalls(mover, team, at, nelems, 2, 1);
    }
}

/* Bytes a PE's buffer needs for all of these with nelems elements on n PEs: four strides of
 * alltoalls, or n / 2 times as many elements of each where they grow. */
static size_t room_for(size_t nelems, size_t size, size_t n)
{
    return (nelems + n) * size * n * (4 + n / 2) + 128;
}

/* ---- the cases --------------------------------------------------------------------------- */

static const struct subteam world = {.name = "the world", .team = SHMEM_TEAM_WORLD};

static void every_type(void)
{
    static const size_t sizes[] = {1, 13, 100};
    struct buffers at = heap_buffers(room_for(100, 16, (size_t)conformance_n()));
    for (size_t i = 0; i < CONFORMANCE_COUNT(movers); i++) {
        for (size_t j = 0; j < CONFORMANCE_COUNT(sizes); j++) {
            if (conformance_tries(i, j, CONFORMANCE_COUNT(sizes))) {
                try_all(&movers[i], &world, &at, sizes[j]);
            }
        }
    }
    release_buffers(&at);
}

static void all_sizes_on(const struct subteam *team, void *arg)
{
    const struct buffers *at = (const struct buffers *)arg;
    static const size_t bytes[] = {0, 1, 2, 8, 63, 64, 65, 496, 511, 512, 513, 528, 1024, 4096};
    for (size_t i = 0, number = 0; i < CONFORMANCE_COUNT(movers); i++) {
        if (!is_representative(&movers[i])) {
            continue;
        }
        for (size_t j = 0; j < CONFORMANCE_COUNT(bytes); j++) {
            if (conformance_tries(j, number, REPRESENTATIVES)) {
                try_all(&movers[i], team, at, bytes[j] / movers[i].size);
            }
        }
        number++;
    }
}

static void every_team(void)
{
    struct buffers at = heap_buffers(room_for(4096, 1, (size_t)conformance_n()));
    subteams_run(all_sizes_on, &at);
    release_buffers(&at);
}

static void static_buffers(void)
{
    size_t n = (size_t)conformance_n();
    struct buffers heap = heap_buffers(STATIC_BYTES);
    struct buffers mixtures[] = {
        {static_source, static_dest, STATIC_BYTES},
        {static_source, heap.dest, STATIC_BYTES},
        {heap.source, static_dest, STATIC_BYTES},
    };
    for (size_t i = 0; i < CONFORMANCE_COUNT(mixtures); i++) {
        for (size_t len = 1, j = 0; room_for(len, 1, n) < STATIC_BYTES; len *= 5, j++) {
            if (conformance_tries(j, i, CONFORMANCE_COUNT(mixtures))) {
                try_all(&movers[0], &world, &mixtures[i], len);
            }
        }
    }
    release_buffers(&heap);
}

static void large(void)
{
    size_t n = (size_t)conformance_n();
    size_t len = (size_t)conformance_few(1 << 20, 1 << 15) + 4099;
    struct buffers at = heap_buffers((len + n) * n * 2 + 128);
    int last = conformance_n() - 1;
    try_broadcast(&movers[0], &world, &at, len, last);
    try_fcollect(&movers[0], &world, &at, len);
    try_collect(&movers[0], &world, &at, len * 2 / n, growing);
    try_collect(&movers[0], &world, &at, len, every_second);
    try_alltoall(&movers[0], &world, &at, len);
    try_broadcast(&movers[0], &world, &at, len * n, 0);
    try_alltoalls(&movers[0], &world, &at, len / 64, 2, 2);
    release_buffers(&at);
}

static void zero_lengths(const struct subteam *team, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < CONFORMANCE_COUNT(movers); i++) {
        const struct mover *mover = &movers[i];
        check(mover->broadcast(team->team, NULL, NULL, 0, 0) == 0, "%s broadcast", mover->type);
        check(mover->collect(team->team, NULL, NULL, 0) == 0, "%s collect", mover->type);
        check(mover->fcollect(team->team, NULL, NULL, 0) == 0, "%s fcollect", mover->type);
        check(mover->alltoall(team->team, NULL, NULL, 0) == 0, "%s alltoall", mover->type);
        check(mover->alltoalls(team->team, NULL, NULL, 1, 1, 0) == 0, "%s alltoalls", mover->type);
    }
}

static void nothing_to_move(void)
{
    subteams_run(zero_lengths, NULL);
}

/* The root's dest is its source: nothing moves there; the others get it. */
static void broadcast_in_place_on(const struct subteam *team, void *arg)
{
    const struct buffers *at = (const struct buffers *)arg;
    int me = shmem_team_my_pe(team->team);
    for (size_t len = 1; len <= 10000; len = len * 7 + 3) {
        for (int root = 0; root < shmem_team_n_pes(team->team); root++) {
            pattern_fill(at->dest, (unsigned)me, 0, len);
            shmem_team_sync(team->team);
            check(shmem_broadcastmem(team->team, at->dest, at->dest, len, root) == 0,
                  "broadcast in place on %s", team->name);
            check(pattern_is(at->dest, (unsigned)root, 0, len),
                  "%s: %zu bytes of %d in place are wrong", team->name, len, root);
        }
    }
}

/* fcollect with its source in the place of its dest where it belongs is not in place by the
 * standard's words (the addresses differ between PEs), so only broadcast is tried. */
static void in_place(void)
{
    struct buffers at = heap_buffers(1 << 16);
    subteams_run(broadcast_in_place_on, &at);
    release_buffers(&at);
}

/* On return the source may be reused, and the next collective may be called, with no other
 * synchronisation: each round has its own piece of dest, all have the same source. */
static void back_to_back_on(const struct subteam *team, void *arg)
{
    const struct buffers *at = (const struct buffers *)arg;
    size_t n = (size_t)shmem_team_n_pes(team->team);
    unsigned me = (unsigned)shmem_team_my_pe(team->team);
    const size_t most = (size_t)conformance_few(200, 10);
    for (size_t len = 8; len <= 800; len *= 10) {
        size_t rounds = at->len / (4 * n * len);
        rounds = rounds > most ? most : rounds;
        prepare(team->team, at, at->len);
        unsigned char *dest = at->dest;
        for (size_t round = 0; round < rounds; round++) {
            for (size_t i = 0; i < n; i++) {
                pattern_fill(at->source + i * len, me + (unsigned)round, i * len, len);
            }
            shmem_fcollectmem(team->team, dest, at->source, len);
            shmem_alltoallmem(team->team, dest + n * len, at->source, len);
            shmem_broadcastmem(team->team, dest + 2 * n * len, at->source, len, (int)(round % n));
            shmem_collectmem(team->team, dest + 3 * n * len, at->source, me % 2 == 0 ? len : 0);
            memset(at->source, 0, n * len);
            dest += 4 * n * len;
        }
        dest = at->dest;
        for (size_t round = 0; round < rounds; round++, dest += 4 * n * len) {
            unsigned char *collected = dest + 3 * n * len;
            for (size_t i = 0; i < n; i++) {
                unsigned who = (unsigned)(i + round);
                check(pattern_is(dest + i * len, who, 0, len), "%s: fcollect %zu, %zu bytes of %zu",
                      team->name, round, len, i);
                check(pattern_is(dest + (n + i) * len, who, me * len, len),
                      "%s: alltoall %zu, %zu bytes of %zu", team->name, round, len, i);
                if (i % 2 == 0) {
                    check(pattern_is(collected, who, 0, len), "%s: collect %zu, %zu bytes of %zu",
                          team->name, round, len, i);
                    collected += len;
                }
            }
            check(pattern_is(dest + 2 * n * len, (unsigned)(round % n + round), 0, len),
                  "%s: broadcast %zu, %zu bytes", team->name, round, len);
        }
    }
}

static void back_to_back(void)
{
    struct buffers at = heap_buffers(1 << 20);
    subteams_run(back_to_back_on, &at);
    release_buffers(&at);
}

/* The same buffers again and again, roots changing: what counts is the last. */
static void same_buffers_on(const struct subteam *team, void *arg)
{
    const struct buffers *at = (const struct buffers *)arg;
    int n = shmem_team_n_pes(team->team);
    int me = shmem_team_my_pe(team->team);
    const int rounds = conformance_few(300, 30);
    for (size_t len = 8; len <= 80000; len *= 100) {
        prepare(team->team, at, len);
        for (int round = 0; round < rounds; round++) {
            pattern_fill(at->source, (unsigned)(me + round), 0, 8);
            pattern_fill(at->source + len - 8, (unsigned)(me + round), 0, 8);
            shmem_broadcastmem(team->team, at->dest, at->source, len, round % n);
        }
        unsigned last = (unsigned)((rounds - 1) % n + rounds - 1);
        check(pattern_is(at->dest, last, 0, 8) && pattern_is(at->dest + len - 8, last, 0, 8),
              "%s: dest is not the last broadcast's, %zu bytes", team->name, len);
    }
}

static void same_buffers(void)
{
    struct buffers at = heap_buffers(1 << 18);
    subteams_run(same_buffers_on, &at);
    release_buffers(&at);
}

/* What a collective brought may be sent on by the next, and a PE may be late for each. */
static void a_chain_of_collectives(void)
{
    int n = conformance_n();
    int me = conformance_me();
    long *values = (long *)shmem_calloc((size_t)n * 3 + 1, sizeof(long));
    long *passed_on = values + n; /* apart: values may be written again before alltoall is over */
    long *gathered = values + 2 * n;
    long *mine = values + 3 * n;
    const int rounds = conformance_few(500, 30);
    for (int round = 1; round <= rounds; round++) {
        mine[0] = round * 100L + me;
        shmem_long_fcollect(SHMEM_TEAM_WORLD, values, mine, 1);
        for (int i = 0; i < n; i++) {
            check(values[i] == round * 100L + i, "round %d: element %d is %ld", round, i,
                  values[i]);
        }
        memcpy(passed_on, values, (size_t)n * sizeof(long));
        shmem_long_alltoall(SHMEM_TEAM_WORLD, gathered, passed_on, 1);
        for (int i = 0; i < n; i++) {
            check(gathered[i] == round * 100L + me, "round %d: alltoall's element %d is %ld", round,
                  i, gathered[i]);
        }
    }
    shmem_barrier_all();
    shmem_free(values);
}

/* The C11 generics take the team first and select by dest. */
static void generics(void)
{
    int n = conformance_n();
    int me = conformance_me();
    double *dest = (double *)shmem_malloc(sizeof(double) * 4 * (size_t)n);
    double *source = (double *)shmem_malloc(sizeof(double) * 4 * (size_t)n);
    for (int i = 0; i < 4 * n; i++) {
        source[i] = me + i * 0.5;
    }
    check(shmem_fcollect(SHMEM_TEAM_WORLD, dest, source, 2) == 0, "fcollect");
    check(dest[2 * n - 1] == n - 1 + 0.5, "fcollect's last is %g", dest[2 * n - 1]);
    shmem_sync_all();
    check(shmem_collect(SHMEM_TEAM_WORLD, dest, source, 1) == 0, "collect");
    check(dest[n - 1] == n - 1, "collect's last is %g", dest[n - 1]);
    shmem_sync_all();
    check(shmem_broadcast(SHMEM_TEAM_WORLD, dest, source, 3, n - 1) == 0, "broadcast");
    check(dest[2] == n - 1 + 1.0, "broadcast's last is %g", dest[2]);
    shmem_sync_all();
    check(shmem_alltoall(SHMEM_TEAM_WORLD, dest, source, 1) == 0, "alltoall");
    check(dest[n - 1] == n - 1 + me * 0.5, "alltoall's last is %g", dest[n - 1]);
    shmem_sync_all();
    check(shmem_alltoalls(SHMEM_TEAM_WORLD, dest, source, 2, 3, 1) == 0, "alltoalls");
    check(dest[2 * n - 2] == n - 1 + 3 * me * 0.5, "alltoalls's last is %g", dest[2 * n - 2]);
    shmem_sync_all();
    shmem_free(source);
    shmem_free(dest);
}

/* A constant is a variable that nobody writes: it may be a source like others, on the node or off
 * it, shorter and longer than what travels with a synchronisation. */
static const long constant[6000] = {[0] = 5, [1] = 6, [150] = 7, [2999] = 8, [5999] = 9};

static void constants_of(size_t len, long *dest)
{
    size_t n = (size_t)shmem_n_pes();
    size_t me = (size_t)shmem_my_pe();
    size_t block = len / n;
    size_t bytes = len * sizeof(long);
    shmem_long_broadcast(SHMEM_TEAM_WORLD, dest, constant, len, (int)n - 1);
    check(memcmp(dest, constant, bytes) == 0, "broadcast of %zu", len);
    shmem_long_fcollect(SHMEM_TEAM_WORLD, dest, constant, len);
    for (size_t i = 0; i < n; i++) {
        check(memcmp(dest + i * len, constant, bytes) == 0, "fcollect of %zu from %zu", len, i);
    }
    shmem_long_collect(SHMEM_TEAM_WORLD, dest, constant + me, len - me % 2);
    for (size_t i = 0, at = 0; i < n; at += len - i % 2, i++) {
        check(memcmp(dest + at, constant + i, bytes - i % 2 * sizeof(long)) == 0,
              "collect of %zu from %zu", len, i);
    }
    shmem_long_alltoall(SHMEM_TEAM_WORLD, dest, constant, block);
    for (size_t i = 0; i < n; i++) {
        check(memcmp(dest + i * block, constant + me * block, block * sizeof(long)) == 0,
              "alltoall of %zu from %zu", block, i);
    }
    shmem_long_sum_reduce(SHMEM_TEAM_WORLD, dest, constant, len);
    check(dest[0] == (long)n * 5 && dest[len - 1] == (long)n * constant[len - 1],
          "sum of %zu: %ld %ld", len, dest[0], dest[len - 1]);
    shmem_long_sum_inscan(SHMEM_TEAM_WORLD, dest, constant, len);
    check(dest[0] == (long)(me + 1) * 5 && dest[len - 1] == (long)(me + 1) * constant[len - 1],
          "scan of %zu: %ld %ld", len, dest[0], dest[len - 1]);
}

static void constants(void)
{
    const size_t most = CONFORMANCE_COUNT(constant) - (size_t)shmem_n_pes();
    long *dest = (long *)shmem_malloc((size_t)shmem_n_pes() * sizeof(constant));
    constants_of(1, dest);
    constants_of(151, dest);
    constants_of(3000, dest);
    constants_of(most, dest);
    shmem_free(dest);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"all types", every_type},
        {"all kinds of teams, sizes around the limits", every_team},
        {"static and heap buffers mixed", static_buffers},
        {"a megabyte and more", large},
        {"zero lengths with null pointers", nothing_to_move},
        {"broadcast in place", in_place},
        {"back to back, the source changing", back_to_back},
        {"back to back into the same buffer", same_buffers},
        {"a chain of collectives", a_chain_of_collectives},
        {"constants as sources", constants},
        {"C11 generics", generics},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
