/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reductions.c -- 9.10.9: and, or, xor, max, min, sum, prod over teams, on all types.
 */
#include "operations.h"
#include "subteams.h"

typedef int reduce_function(shmem_team_t team, void *dest, const void *source, size_t nreduce);

struct reduction {
    struct operation op;
    reduce_function *reduce;
};

/* clang-format off */
#define FORWARD(op, T, type)                                                                       \
    static int reduce##op##T(shmem_team_t team, void *dest, const void *source, size_t n)          \
    { return shmem##T##op##_reduce(team, (type *)dest, (const type *)source, n); }
SHMEMI_FOR_LOGIC(FORWARD, _and)
SHMEMI_FOR_LOGIC(FORWARD, _or)
SHMEMI_FOR_LOGIC(FORWARD, _xor)
SHMEMI_FOR_COMPARE(FORWARD, _max)
SHMEMI_FOR_COMPARE(FORWARD, _min)
SHMEMI_FOR_SUM(FORWARD, _sum)
SHMEMI_FOR_SUM(FORWARD, _prod)

#define ROW(op, T, type) {OPERATION(op, T, type, "shmem" #T #op "_reduce"), reduce##op##T},
static const struct reduction reductions[] = {
    SHMEMI_FOR_LOGIC(ROW, _and)
    SHMEMI_FOR_LOGIC(ROW, _or)
    SHMEMI_FOR_LOGIC(ROW, _xor)
    SHMEMI_FOR_COMPARE(ROW, _max)
    SHMEMI_FOR_COMPARE(ROW, _min)
    SHMEMI_FOR_SUM(ROW, _sum)
    SHMEMI_FOR_SUM(ROW, _prod)
};
/* clang-format on */

enum { MOST = 100000, UNTOUCHED = 0xa5, STATIC_BYTES = 1 << 14 };
static char *heap_source;
static char *heap_dest;
static char static_source[STATIC_BYTES] __attribute__((aligned(16)));
static char static_dest[STATIC_BYTES] __attribute__((aligned(16)));

static void allocate(void)
{
    heap_source = (char *)shmem_malloc(MOST * 16 + 64);
    heap_dest = (char *)shmem_malloc(MOST * 16 + 64);
    if (heap_source == NULL || heap_dest == NULL) {
        fprintf(stderr, "# PE %d: no memory for the buffers\n", shmem_my_pe());
        shmem_global_exit(1);
    }
}

static void release(void)
{
    shmem_free(heap_dest);
    shmem_free(heap_source);
}

/* One reduction, from source to dest, which may be the same. */
static void try_reduction(const struct reduction *r, const struct subteam *team, char *dest,
                          char *source, size_t n, int round)
{
    int me = shmem_team_my_pe(team->team);
    int last = shmem_team_n_pes(team->team) - 1;
    operation_fill(&r->op, source, me, round, n);
    if (dest != source) {
        memset(dest, UNTOUCHED, n * r->op.size);
    }
    memset(dest + n * r->op.size, UNTOUCHED, 32);
    shmem_team_sync(team->team);
    int failed = r->reduce(team->team, dest, source, n);
    check(failed == 0, "%s on %s returned %d", r->op.name, team->name, failed);
    operation_check(&r->op, team->name, dest, last, round, n);
    check(pattern_untouched(dest + n * r->op.size, UNTOUCHED, 32),
          "%s on %s wrote past element %zu", r->op.name, team->name, n);
    if (dest != source) {
        for (size_t i = 0; i < n; i += 61) {
            _Alignas(16) char value[16];
            r->op.value(value, (uint64_t)me * 1000003 + (uint64_t)round * 31 + i);
            check(r->op.equal(source + i * r->op.size, value), "%s on %s changed its source",
                  r->op.name, team->name);
        }
    }
}

static const struct subteam world = {.name = "the world", .team = SHMEM_TEAM_WORLD};

static void every_type(void)
{
    static const size_t sizes[] = {0, 1, 2, 3, 63, 64, 65, 1000};
    allocate();
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i++) {
        for (size_t j = 0; j < CONFORMANCE_COUNT(sizes); j++) {
            if (!conformance_tries(i, j, CONFORMANCE_COUNT(sizes))) {
                continue;
            }
            try_reduction(&reductions[i], &world, heap_dest, heap_source, sizes[j], (int)j);
            try_reduction(&reductions[i], &world, heap_dest, heap_dest, sizes[j], (int)j);
        }
    }
    release();
}

static void every_team_of(const struct subteam *team, void *arg)
{
    (void)arg;
    static const size_t sizes[] = {1, 7, 64, 129, 700};
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i += 5) {
        for (size_t j = 0; j < CONFORMANCE_COUNT(sizes); j++) {
            if (!conformance_tries(i / 5, j, CONFORMANCE_COUNT(sizes))) {
                continue;
            }
            try_reduction(&reductions[i], team, heap_dest, heap_source, sizes[j], (int)j);
            try_reduction(&reductions[i], team, heap_dest, heap_dest, sizes[j], (int)j);
        }
    }
}

static void every_team(void)
{
    allocate();
    subteams_run(every_team_of, NULL);
    release();
}

static void long_arrays(void)
{
    const size_t most = (size_t)conformance_few(MOST, MOST / 20);
    allocate();
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i += 11) {
        try_reduction(&reductions[i], &world, heap_dest, heap_source, most, 1);
        try_reduction(&reductions[i], &world, heap_dest, heap_dest, most - 1, 2);
    }
    release();
}

static void static_buffers(void)
{
    allocate();
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i += 3) {
        try_reduction(&reductions[i], &world, static_dest, static_source, 500, 3);
        try_reduction(&reductions[i], &world, heap_dest, static_source, 30, 4);
        try_reduction(&reductions[i], &world, static_dest, heap_source, 30, 5);
        try_reduction(&reductions[i], &world, static_dest, static_dest, 600, 6);
    }
    release();
}

/* Addresses that only their type's size divides. */
static void odd_addresses(void)
{
    allocate();
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i++) {
        size_t size = reductions[i].op.size;
        try_reduction(&reductions[i], &world, heap_dest + size, heap_source + 3 * size, 101, 7);
    }
    release();
}

static void zero_on(const struct subteam *team, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i++) {
        check(reductions[i].reduce(team->team, NULL, NULL, 0) == 0, "%s of nothing on %s",
              reductions[i].op.name, team->name);
    }
}

static void nothing_to_reduce(void)
{
    subteams_run(zero_on, NULL);
}

/* All members see the same bits, also where the sum depends on the order of its terms. */
static void same_bits_on(const struct subteam *team, void *arg)
{
    (void)arg;
    int me = shmem_team_my_pe(team->team);
    int first = shmem_team_translate_pe(team->team, 0, SHMEM_TEAM_WORLD);
    for (size_t i = 0; i < CONFORMANCE_COUNT(reductions); i++) {
        const struct reduction *r = &reductions[i];
        if (strstr(r->op.name, "float_") == NULL && strstr(r->op.name, "double_") == NULL &&
            strstr(r->op.name, "complex") == NULL) {
            continue;
        }
        for (size_t n = 1; n <= 2000; n = n * 12 + 1) {
            for (size_t j = 0; j < n; j++) {
                r->op.rough(heap_source + j * r->op.size, (uint64_t)me * 7919 + j);
            }
            shmem_team_sync(team->team);
            r->reduce(team->team, heap_dest, heap_source, n);
            shmem_team_sync(team->team); /* the first member has its result as well */
            char *theirs = (char *)malloc(n * r->op.size);
            shmem_getmem(theirs, heap_dest, n * r->op.size, first);
            for (size_t j = 0; j < n; j++) {
                check(r->op.equal(theirs + j * r->op.size, heap_dest + j * r->op.size),
                      "%s on %s: element %zu of %zu is not the first member's", r->op.name,
                      team->name, j, n);
            }
            free(theirs);
            shmem_team_sync(team->team);
        }
    }
}

static void same_bits(void)
{
    allocate();
    subteams_run(same_bits_on, NULL);
    release();
}

/* Extreme values, where a comparison of the wrong type or sign goes wrong. */
static void extremes(void)
{
    static struct {
        int8_t i8;
        uint8_t u8;
        int64_t i64;
        uint64_t u64;
        double d;
    } in, out;
    int me = conformance_me();
    int last = conformance_n() - 1;
    in.i8 = (int8_t)(me == last ? -128 : 127);
    in.u8 = (uint8_t)(me == last ? 200 : 100);
    in.i64 = me == last ? INT64_MIN : INT64_MAX;
    in.u64 = me == last ? UINT64_MAX : 1;
    in.d = me == last ? -1e308 : -1e-308;
    shmem_sync_all();
    shmem_int8_min_reduce(SHMEM_TEAM_WORLD, &out.i8, &in.i8, 1);
    shmem_uint8_max_reduce(SHMEM_TEAM_WORLD, &out.u8, &in.u8, 1);
    shmem_int64_min_reduce(SHMEM_TEAM_WORLD, &out.i64, &in.i64, 1);
    shmem_uint64_max_reduce(SHMEM_TEAM_WORLD, &out.u64, &in.u64, 1);
    shmem_double_min_reduce(SHMEM_TEAM_WORLD, &out.d, &in.d, 1);
    check(out.i8 == -128, "min of int8 is %d", out.i8);
    check(out.u8 == 200, "max of uint8 is %d", out.u8);
    check(out.i64 == INT64_MIN, "min of int64 is %lld", (long long)out.i64);
    check(out.u64 == UINT64_MAX, "max of uint64 is %llu", (unsigned long long)out.u64);
    check(out.d == -1e308, "min of double is %g", out.d);
}

/* No synchronisation between: the next source is written as soon as the last call returns, each
 * round has its own dest. */
static void back_to_back_on(const struct subteam *team, void *arg)
{
    (void)arg;
    const int rounds = conformance_rounds(400);
    int n = shmem_team_n_pes(team->team);
    int me = shmem_team_my_pe(team->team);
    long *source = (long *)heap_source;
    long *dest = (long *)heap_dest;
    for (size_t len = 1; len <= 100; len *= 10) {
        shmem_team_sync(team->team);
        for (int round = 0; round < rounds; round++) {
            for (size_t i = 0; i < len; i++) {
                source[i] = (long)(me + 1) * (round + 1) + (long)i;
            }
            shmem_long_sum_reduce(team->team, dest + (size_t)round * len, source, len);
        }
        for (int round = 0; round < rounds; round++) {
            for (size_t i = 0; i < len; i++) {
                long sum = dest[(size_t)round * len + i];
                check(sum == (long)n * (n + 1) / 2 * (round + 1) + n * (long)i,
                      "%s: round %d, element %zu of %zu is %ld", team->name, round, i, len, sum);
            }
        }
    }
    source[0] = me;
    for (int round = 0; round < rounds; round++) {
        shmem_long_max_reduce(team->team, source, source, 1);
        check(source[0] == n - 1 + round, "%s: max in place, round %d: %ld", team->name, round,
              source[0]);
        source[0]++;
    }
}

static void back_to_back(void)
{
    allocate();
    subteams_run(back_to_back_on, NULL);
    release();
}

static void generics(void)
{
    static double d, d_out;
    static unsigned u, u_out;
    static int i, i_out;
    static double _Complex z, z_out;
    int n = conformance_n();
    d = conformance_me() + 0.5;
    u = 1u << conformance_me();
    i = -conformance_me();
    z = 1.0 + 2.0 * _Complex_I;
    shmem_sync_all();
    check(shmem_sum_reduce(SHMEM_TEAM_WORLD, &d_out, &d, 1) == 0 && d_out == n * n / 2.0,
          "sum is %g", d_out);
    check(shmem_or_reduce(SHMEM_TEAM_WORLD, &u_out, &u, 1) == 0 && u_out == (1u << n) - 1,
          "or is %u", u_out);
    check(shmem_and_reduce(SHMEM_TEAM_WORLD, &u_out, &u, 1) == 0 && u_out == (n == 1 ? 1 : 0),
          "and is %u", u_out);
    check(shmem_xor_reduce(SHMEM_TEAM_WORLD, &u_out, &u, 1) == 0 && u_out == (1u << n) - 1,
          "xor is %u", u_out);
    check(shmem_min_reduce(SHMEM_TEAM_WORLD, &i_out, &i, 1) == 0 && i_out == 1 - n, "min is %d",
          i_out);
    check(shmem_max_reduce(SHMEM_TEAM_WORLD, &i_out, &i, 1) == 0 && i_out == 0, "max is %d", i_out);
    double _Complex power = 1.0;
    for (int pe = 0; pe < n; pe++) {
        power *= z;
    }
    check(shmem_prod_reduce(SHMEM_TEAM_WORLD, &z_out, &z, 1) == 0 && z_out == power,
          "prod is %g + %gi", creal(z_out), cimag(z_out));
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"all operations on all types", every_type},
        {"all kinds of teams", every_team},
        {"long arrays", long_arrays},
        {"static and heap buffers mixed", static_buffers},
        {"any aligned address", odd_addresses},
        {"zero lengths with null pointers", nothing_to_reduce},
        {"all members see the same bits", same_bits},
        {"extreme values", extremes},
        {"back to back", back_to_back},
        {"C11 generics", generics},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
