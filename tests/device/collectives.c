/* SPDX-License-Identifier: BSD-3-Clause */
/* collectives.c -- collectives of every type, on the world and on a subset, in device memory. */
#include "device.h"

enum { N = 10, LONGEST = 20000 };

static char *dest;
static char *source;
static shmem_team_t team;
static int me; /* in the team */
static int n;
static enum kind dest_kind;
static enum kind source_kind;

/* Member pe's element i. */
#define GIVE(type)                               \
    type mine[3 * N * 8];                        \
    size_t count = (size_t)n * N * 3;            \
    for (size_t i = 0; i < count; i++)           \
        mine[i] = (type)(number(me, i) % 3 + 1); \
    shmem_team_sync(team);                       \
    store(source, mine, count * sizeof(type));   \
    memset(mine, 0, count * sizeof(type));       \
    store(dest, mine, count * sizeof(type));
#define GIVEN(type, pe, i) ((type)(number((pe), (i)) % 3 + 1))

#define EXPECT(what, type, i, expected)                                                \
    {                                                                                  \
        type got;                                                                      \
        load(&got, dest + (size_t)(i) * sizeof(type), sizeof(type));                   \
        check(got == (type)(expected), "%s: element %zu, %s to %s", what, (size_t)(i), \
              kind_names[source_kind], kind_names[dest_kind]);                         \
    }

#define DATA(op, T, type)                                                                         \
    static void data##T(void)                                                                     \
    {                                                                                             \
        GIVE(type)                                                                                \
        int root = n - 1;                                                                         \
        shmem##T##_broadcast(team, (type *)dest, (type *)source, N, root);                        \
        for (size_t i = 0; i < N; i++)                                                            \
            EXPECT("broadcast of " #T, type, i, GIVEN(type, root, i))                             \
        shmem##T##_fcollect(team, (type *)dest, (type *)source, N);                               \
        for (size_t i = 0; i < N * (size_t)n; i++)                                                \
            EXPECT("fcollect of " #T, type, i, GIVEN(type, (int)(i / N), i % N))                  \
        size_t len = (size_t)me % 3;                                                              \
        shmem##T##_collect(team, (type *)dest, len == 0 ? NULL : (type *)source, len);            \
        size_t at = 0;                                                                            \
        for (int pe = 0; pe < n; pe++)                                                            \
            for (size_t i = 0; i < (size_t)pe % 3; i++, at++)                                     \
                EXPECT("collect of " #T, type, at, GIVEN(type, pe, i))                            \
        shmem##T##_alltoall(team, (type *)dest, (type *)source, N);                               \
        for (size_t i = 0; i < N * (size_t)n; i++)                                                \
            EXPECT("alltoall of " #T, type, i, GIVEN(type, (int)(i / N), i % N + N * (size_t)me)) \
        shmem##T##_alltoalls(team, (type *)dest, (type *)source, 2, 3, N);                        \
        for (size_t i = 0; i < N * (size_t)n; i++)                                                \
            EXPECT("alltoalls of " #T, type, 2 * i,                                               \
                   GIVEN(type, (int)(i / N), 3 * (i % N + N * (size_t)me)))                       \
    }
SHMEMI_FOR_RMA(DATA, )

#define SUMS(op, T, type)                                             \
    static void sums##T(void)                                         \
    {                                                                 \
        GIVE(type)                                                    \
        shmem##T##_sum_reduce(team, (type *)dest, (type *)source, N); \
        for (size_t i = 0; i < N; i++) {                              \
            type sum = 0;                                             \
            for (int pe = 0; pe < n; pe++)                            \
                sum = (type)(sum + GIVEN(type, pe, i));               \
            EXPECT("sum of " #T, type, i, sum)                        \
        }                                                             \
        shmem##T##_sum_inscan(team, (type *)dest, (type *)source, N); \
        for (size_t i = 0; i < N; i++) {                              \
            type sum = 0;                                             \
            for (int pe = 0; pe <= me; pe++)                          \
                sum = (type)(sum + GIVEN(type, pe, i));               \
            EXPECT("inscan of " #T, type, i, sum)                     \
        }                                                             \
        shmem##T##_sum_exscan(team, (type *)dest, (type *)source, N); \
        for (size_t i = 0; i < N; i++) {                              \
            type sum = 0;                                             \
            for (int pe = 0; pe < me; pe++)                           \
                sum = (type)(sum + GIVEN(type, pe, i));               \
            EXPECT("exscan of " #T, type, i, sum)                     \
        }                                                             \
    }
SHMEMI_FOR_SUM(SUMS, )

#define EXTREMES(op, T, type)                                                 \
    static void extremes##T(void)                                             \
    {                                                                         \
        GIVE(type)                                                            \
        shmem##T##_max_reduce(team, (type *)dest, (type *)source, N);         \
        for (size_t i = 0; i < N; i++) {                                      \
            type most = GIVEN(type, 0, i);                                    \
            for (int pe = 1; pe < n; pe++)                                    \
                most = GIVEN(type, pe, i) > most ? GIVEN(type, pe, i) : most; \
            EXPECT("max of " #T, type, i, most)                               \
        }                                                                     \
    }
SHMEMI_FOR_COMPARE(EXTREMES, )

#define LOGIC(op, T, type)                                            \
    static void logic##T(void)                                        \
    {                                                                 \
        GIVE(type)                                                    \
        shmem##T##_xor_reduce(team, (type *)dest, (type *)source, N); \
        for (size_t i = 0; i < N; i++) {                              \
            type all = 0;                                             \
            for (int pe = 0; pe < n; pe++)                            \
                all = (type)(all ^ GIVEN(type, pe, i));               \
            EXPECT("xor of " #T, type, i, all)                        \
        }                                                             \
    }
SHMEMI_FOR_LOGIC(LOGIC, )

static void every_type(enum kind to, enum kind from)
{
    dest_kind = to;
    source_kind = from;
    dest = make(to, 3 * N * 8 * 32);
    source = make(from, 3 * N * 8 * 32);
#define CALL_DATA(op, T, type)     data##T();
#define CALL_SUMS(op, T, type)     sums##T();
#define CALL_EXTREMES(op, T, type) extremes##T();
#define CALL_LOGIC(op, T, type)    logic##T();
    if (team != SHMEM_TEAM_INVALID) {
        SHMEMI_FOR_RMA(CALL_DATA, )
        SHMEMI_FOR_SUM(CALL_SUMS, )
        SHMEMI_FOR_COMPARE(CALL_EXTREMES, )
        SHMEMI_FOR_LOGIC(CALL_LOGIC, )
    }
    shmem_free(source);
    shmem_free(dest);
}

static void use_team(shmem_team_t given)
{
    team = given;
    me = shmem_team_my_pe(given);
    n = shmem_team_n_pes(given);
}

static void world(void)
{
    use_team(SHMEM_TEAM_WORLD);
    every_type(DEVICE, DEVICE);
    every_type(DEVICE, HOST);
    every_type(HOST, DEVICE);
}

static void odd_members(void)
{
    shmem_team_t odd = SHMEM_TEAM_INVALID;
    int members = shmem_n_pes() / 2;
    if (members == 0) {
        skip("needs two PEs");
        return;
    }
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 1, 2, members, NULL, 0, &odd);
    use_team(odd);
    every_type(DEVICE, DEVICE);
    if (odd != SHMEM_TEAM_INVALID) {
        shmem_team_destroy(odd);
    }
}

/* Long ones, and in place. */
static void long_ones(void)
{
    use_team(SHMEM_TEAM_WORLD);
    double *to = make(DEVICE, LONGEST * sizeof(double) * (size_t)n);
    double *values = malloc(LONGEST * sizeof(double) * (size_t)n);
    for (size_t i = 0; i < LONGEST; i++) {
        values[i] = (double)(me + 1) + (double)i;
    }
    store(to, values, LONGEST * sizeof(double));
    shmem_double_sum_reduce(team, to, to, LONGEST);
    load(values, to, LONGEST * sizeof(double));
    bool same = true;
    for (size_t i = 0; i < LONGEST; i++) {
        same = same && values[i] == (double)n * (double)(n + 1) / 2 + (double)n * (double)i;
    }
    check(same, "a long sum in place");
    shmem_barrier_all();
    for (size_t i = 0; i < LONGEST; i++) {
        values[i] = (double)me + (double)i;
    }
    store(to, values, LONGEST * sizeof(double));
    shmem_double_fcollect(team, to, to, LONGEST);
    load(values, to, LONGEST * sizeof(double) * (size_t)n);
    same = true;
    for (size_t i = 0; i < LONGEST * (size_t)n; i++) {
        same = same && values[i] == (double)(i / LONGEST) + (double)(i % LONGEST);
    }
    check(same, "a long fcollect in place");
    shmem_barrier_all();
    free(values);
    shmem_free(to);
}

/* The collectives over active sets, whose pSync is device memory too. */
static void active_sets(void)
{
    int pes = shmem_n_pes();
    long *psync = make(DEVICE, SHMEM_REDUCE_SYNC_SIZE * sizeof(long));
    long *pwrk = make(DEVICE, SHMEM_REDUCE_MIN_WRKDATA_SIZE * sizeof(long));
    long *words = make(DEVICE, 2 * sizeof(long));
    shmem_long_p(&words[0], shmem_my_pe() + 1, shmem_my_pe());
    shmem_barrier_all();
    shmem_long_sum_to_all(&words[1], &words[0], 1, 0, 0, pes, pwrk, psync);
    check(shmem_long_g(&words[1], shmem_my_pe()) == (long)pes * (pes + 1) / 2, "sum_to_all");
    shmem_barrier_all();
    shmem_free(words);
    shmem_free(pwrk);
    shmem_free(psync);
}

static const struct conformance_case cases[] = {
    {"collectives of every type", world},
    {"the same on every second PE", odd_members},
    {"long ones, in place", long_ones},
    {"active sets", active_sets},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
