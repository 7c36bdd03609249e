/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scans.c -- 9.10.10: inclusive and exclusive prefix sums over teams.
 */
#include "operations.h"
#include "subteams.h"

typedef int scan_function(shmem_team_t team, void *dest, const void *source, size_t nelems);

struct scan {
    struct operation op;
    scan_function *inclusive;
    scan_function *exclusive;
};

/* clang-format off */
#define FORWARD(op, T, type)                                                                       \
    static int inclusive##T(shmem_team_t team, void *dest, const void *source, size_t n)           \
    { return shmem##T##_sum_inscan(team, (type *)dest, (const type *)source, n); }                 \
    static int exclusive##T(shmem_team_t team, void *dest, const void *source, size_t n)           \
    { return shmem##T##_sum_exscan(team, (type *)dest, (const type *)source, n); }
SHMEMI_FOR_SUM(FORWARD, )

#define ROW(op, T, type) \
    {OPERATION(op, T, type, "shmem" #T "_sum_scan"), inclusive##T, exclusive##T},
static const struct scan scans[] = {SHMEMI_FOR_SUM(ROW, _sum)};
/* clang-format on */

enum { MOST = 20000, UNTOUCHED = 0xa5 };

struct buffers {
    char *source;
    char *dest;
};

static void try_scan(const struct scan *scan, const struct subteam *team, char *dest, char *source,
                     size_t n, bool inclusive, int round)
{
    int me = shmem_team_my_pe(team->team);
    size_t len = n * scan->op.size;
    operation_fill(&scan->op, source, me, round, n);
    if (dest != source) {
        memset(dest, UNTOUCHED, len);
    }
    memset(dest + len, UNTOUCHED, 32);
    shmem_team_sync(team->team);
    int failed = (inclusive ? scan->inclusive : scan->exclusive)(team->team, dest, source, n);
    check(failed == 0, "%s on %s returned %d", scan->op.name, team->name, failed);
    if (inclusive || me > 0) {
        operation_check(&scan->op, team->name, dest, inclusive ? me : me - 1, round, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            _Alignas(16) char zero[16] = {0}; /* all bits zero is 0 in every type */
            check(scan->op.equal(dest + i * scan->op.size, zero),
                  "%s on %s: element %zu of the first member is not 0", scan->op.name, team->name,
                  i);
        }
    }
    check(pattern_untouched(dest + len, UNTOUCHED, 32), "%s on %s wrote past element %zu",
          scan->op.name, team->name, n);
}

static void try_both(const struct scan *scan, const struct subteam *team, const struct buffers *at,
                     size_t n)
{
    try_scan(scan, team, at->dest, at->source, n, true, 1);
    try_scan(scan, team, at->dest, at->source, n, false, 2);
    try_scan(scan, team, at->dest, at->dest, n, true, 3);
    try_scan(scan, team, at->dest, at->dest, n, false, 4);
}

static struct buffers allocate(void)
{
    struct buffers at = {(char *)shmem_malloc(MOST * 16 + 64),
                         (char *)shmem_malloc(MOST * 16 + 64)};
    if (at.source == NULL || at.dest == NULL) {
        fprintf(stderr, "# PE %d: no memory for the buffers\n", shmem_my_pe());
        shmem_global_exit(1);
    }
    return at;
}

static void release(struct buffers *at)
{
    shmem_free(at->dest);
    shmem_free(at->source);
}

static void every_type(void)
{
    static const size_t sizes[] = {0, 1, 2, 3, 63, 64, 65, 1000};
    const struct subteam world = {.name = "the world", .team = SHMEM_TEAM_WORLD};
    struct buffers at = allocate();
    for (size_t i = 0; i < CONFORMANCE_COUNT(scans); i++) {
        for (size_t j = 0; j < CONFORMANCE_COUNT(sizes); j++) {
            if (conformance_tries(i, j, CONFORMANCE_COUNT(sizes))) {
                try_both(&scans[i], &world, &at, sizes[j]);
            }
        }
    }
    try_both(&scans[1], &world, &at, MOST);
    release(&at);
}

static void every_team_of(const struct subteam *team, void *arg)
{
    static const size_t sizes[] = {1, 50, 300};
    for (size_t i = 0; i < CONFORMANCE_COUNT(scans); i += 3) {
        for (size_t j = 0; j < CONFORMANCE_COUNT(sizes); j++) {
            if (conformance_tries(i / 3, j, CONFORMANCE_COUNT(sizes))) {
                try_both(&scans[i], team, (const struct buffers *)arg, sizes[j]);
            }
        }
    }
}

static void every_team(void)
{
    struct buffers at = allocate();
    subteams_run(every_team_of, &at);
    release(&at);
}

static void static_buffers(void)
{
    static char source[8192 + 64] __attribute__((aligned(16)));
    static char dest[8192 + 64] __attribute__((aligned(16)));
    const struct subteam world = {.name = "the world", .team = SHMEM_TEAM_WORLD};
    struct buffers at = {source, dest};
    for (size_t i = 0; i < CONFORMANCE_COUNT(scans); i++) {
        try_both(&scans[i], &world, &at, 500);
    }
}

static void zero_on(const struct subteam *team, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < CONFORMANCE_COUNT(scans); i++) {
        check(scans[i].inclusive(team->team, NULL, NULL, 0) == 0, "%s", scans[i].op.name);
        check(scans[i].exclusive(team->team, NULL, NULL, 0) == 0, "%s", scans[i].op.name);
    }
}

static void nothing_to_scan(void)
{
    subteams_run(zero_on, NULL);
}

/* What scans are for: where each PE's part of a common array begins. */
static void offsets_of_parts(void)
{
    static size_t count, offset, end;
    const size_t rounds = (size_t)conformance_few(500, 20);
    int me = conformance_me();
    for (size_t round = 0; round < rounds; round++) {
        size_t before = 0;
        for (int pe = 0; pe < me; pe++) {
            before += (size_t)pe * round + 1;
        }
        count = (size_t)me * round + 1;
        check(shmem_size_sum_exscan(SHMEM_TEAM_WORLD, &offset, &count, 1) == 0, "exscan");
        check(offset == before, "round %zu: the part begins at %zu", round, offset);
        check(shmem_size_sum_inscan(SHMEM_TEAM_WORLD, &end, &count, 1) == 0, "inscan");
        check(end == before + count, "round %zu: the part ends at %zu", round, end);
        shmem_sync_all(); /* a low PE does not need the others' parts, and may be early */
    }
}

static void generics(void)
{
    static float in, out;
    int me = conformance_me();
    in = (float)me + 1.0f;
    shmem_sync_all();
    check(shmem_sum_inscan(SHMEM_TEAM_WORLD, &out, &in, 1) == 0, "inscan");
    check(out == (float)(me + 1) * (float)(me + 2) / 2.0f, "inscan is %g", (double)out);
    shmem_sync_all();
    check(shmem_sum_exscan(SHMEM_TEAM_WORLD, &out, &in, 1) == 0, "exscan");
    check(out == (float)me * (float)(me + 1) / 2.0f, "exscan is %g", (double)out);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"all types", every_type},
        {"all kinds of teams", every_team},
        {"static buffers", static_buffers},
        {"zero lengths with null pointers", nothing_to_scan},
        {"offsets into a common array", offsets_of_parts},
        {"C11 generics", generics},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
