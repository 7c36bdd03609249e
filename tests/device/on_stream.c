/* SPDX-License-Identifier: BSD-3-Clause */
/* on_stream.c -- puts, gets, signals, barriers and collectives at their place on a stream. */
#include "device.h"

/* Elements, members and bytes of an element that a part of a buffer has room for, the elements
 * being up to three apart. */
enum { N = 4, MEMBERS = 8, WIDEST = 32, PART = 3 * N * MEMBERS * WIDEST, PARTS = 16 };

static shmemx_stream_t stream;
static char *dest;
static char *source;
static uint64_t *sig;
static uint64_t signals; /* so many have come to each PE */
static enum kind dest_kind;
static enum kind source_kind;

static void sync_stream(void)
{
    check(shmemx_stream_sync(stream) == 0, "the stream's end");
}

static void begin(enum kind to, enum kind from, enum kind where)
{
    dest_kind = to;
    source_kind = from;
    dest = make(to, PARTS * PART);
    source = make(from, PART);
    sig = make(where, sizeof(*sig));
    signals = 0;
    check(shmemx_stream_create(&stream) == 0, "a stream");
}

static void end(void)
{
    check(shmemx_stream_destroy(stream) == 0, "a stream's end");
    shmem_barrier_all();
    shmem_free(sig);
    shmem_free(source);
    shmem_free(dest);
}

static char *part(int i)
{
    return dest + i * PART;
}

#define GIVEN(type, pe, i) ((type)(number((pe), (i)) % 3 + 1))

/* Fill source, which nobody else is reading, with what all know that it will be. */
#define GIVE(type, me)                           \
    type given[3 * N * MEMBERS];                 \
    for (size_t i = 0; i < 3 * N * MEMBERS; i++) \
        given[i] = GIVEN(type, me, i);           \
    store(source, given, sizeof(given));

/* `from` has, `apart` elements apart, what is expected of each i. */
#define EXPECT(what, type, from, count, apart, expected)                                   \
    {                                                                                      \
        type got[3 * N * MEMBERS];                                                         \
        bool same = true;                                                                  \
        load(got, from, sizeof(got));                                                      \
        for (size_t i = 0; i < (size_t)(count); i++)                                       \
            same = same && got[i * (apart)] == (type)(expected);                           \
        check(same, "%s, %s to %s", what, kind_names[source_kind], kind_names[dest_kind]); \
    }

/* ---- puts and gets --------------------------------------------------------------------------- */

#define MOVES(op, T, type)                                                                     \
    static void moves##T(void)                                                                 \
    {                                                                                          \
        int me = shmem_my_pe();                                                                \
        int left = left_of(me);                                                                \
        int right = right_of(me);                                                              \
        type here[3 * N * MEMBERS] = {0};                                                      \
        GIVE(type, me)                                                                         \
        shmemx_barrier_all_on_stream(stream);                                                  \
        shmemx##T##_put_on_stream((type *)part(0), (type *)source, N, right, stream);          \
        shmemx##T##_put_nbi_on_stream((type *)part(1), (type *)source, N, right, stream);      \
        shmemx##T##_p_on_stream((type *)part(2), GIVEN(type, me, 0), right, stream);           \
        shmemx##T##_get_on_stream((type *)part(3), (type *)source, N, right, stream);          \
        shmemx##T##_get_nbi_on_stream(here, (type *)source, N, right, stream);                 \
        shmemx##T##_put_signal_on_stream((type *)part(4), (type *)source, N, sig, 1,           \
                                         SHMEM_SIGNAL_ADD, right, stream);                     \
        signals++;                                                                             \
        shmemx_signal_wait_until_on_stream(sig, SHMEM_CMP_GE, signals, stream);                \
        shmemx_memcpy_on_stream(part(5), part(4), N * sizeof(type), stream);                   \
        signals++;                                                                             \
        shmemx##T##_put_signal_nbi_on_stream((type *)part(6), (type *)source, N, sig, signals, \
                                             SHMEM_SIGNAL_SET, right, stream);                 \
        shmemx_signal_wait_until_on_stream(sig, SHMEM_CMP_EQ, signals, stream);                \
        shmemx_barrier_all_on_stream(stream);                                                  \
        sync_stream();                                                                         \
        EXPECT("put of " #T, type, part(0), N, 1, GIVEN(type, left, i))                        \
        EXPECT("put_nbi of " #T, type, part(1), N, 1, GIVEN(type, left, i))                    \
        EXPECT("p of " #T, type, part(2), 1, 1, GIVEN(type, left, i))                          \
        EXPECT("get of " #T, type, part(3), N, 1, GIVEN(type, right, i))                       \
        EXPECT("get_nbi of " #T, type, here, N, 1, GIVEN(type, right, i))                      \
        EXPECT("put_signal of " #T, type, part(5), N, 1, GIVEN(type, left, i))                 \
        EXPECT("put_signal_nbi of " #T, type, part(6), N, 1, GIVEN(type, left, i))             \
    }
SHMEMI_FOR_RMA(MOVES, )

static void move_all(enum kind to, enum kind from, enum kind where)
{
    begin(to, from, where);
#define CALL_MOVES(op, T, type) moves##T();
    SHMEMI_FOR_RMA(CALL_MOVES, )
    end();
}

static void moves_of_all_types(void)
{
    move_all(DEVICE, DEVICE, DEVICE);
    move_all(DEVICE, HOST, HOST);
    move_all(HOST, DEVICE, DEVICE);
    move_all(HOST, HOST, HOST);
}

/* The forms that are named after the size of an element, and those in bytes: two puts, two gets and
 * a signal each. */
#define SIZED(op, bits, tail)                                                                      \
    static void sized##bits(int right)                                                             \
    {                                                                                              \
        size_t len = 16 / ((bits) / 8);                                                            \
        shmemx_put##bits##_on_stream(part(0), source, len, right, stream);                         \
        shmemx_put##bits##_nbi_on_stream(part(1), source, len, right, stream);                     \
        shmemx_get##bits##_on_stream(part(2), source, len, right, stream);                         \
        shmemx_get##bits##_nbi_on_stream(part(3), source, len, right, stream);                     \
        shmemx_put##bits##_signal_on_stream(part(4), source, len, sig, 1, SHMEM_SIGNAL_ADD, right, \
                                            stream);                                               \
        shmemx_put##bits##_signal_nbi_on_stream(part(5), source, len, sig, 1, SHMEM_SIGNAL_ADD,    \
                                                right, stream);                                    \
    }
SHMEMI_FOR_SIZES(SIZED, , )

static void in_bytes(int right)
{
    shmemx_putmem_on_stream(part(0), source, 16, right, stream);
    shmemx_putmem_nbi_on_stream(part(1), source, 16, right, stream);
    shmemx_getmem_on_stream(part(2), source, 16, right, stream);
    shmemx_getmem_nbi_on_stream(part(3), source, 16, right, stream);
    shmemx_putmem_signal_on_stream(part(4), source, 16, sig, 1, SHMEM_SIGNAL_ADD, right, stream);
    shmemx_putmem_signal_nbi_on_stream(part(5), source, 16, sig, 1, SHMEM_SIGNAL_ADD, right,
                                       stream);
}

static void moves_of_sizes(void)
{
    static void (*const forms[])(int right) = {sized8,  sized16,  sized32,
                                               sized64, sized128, in_bytes};
    int me = shmem_my_pe();
    begin(DEVICE, HOST, HOST);
    for (size_t f = 0; f < CONFORMANCE_COUNT(forms); f++) {
        char zeros[6 * PART] = {0};
        GIVE(char, me)
        store(dest, zeros, sizeof(zeros));
        shmemx_barrier_all_on_stream(stream);
        forms[f](right_of(me));
        signals += 2;
        shmemx_signal_wait_until_on_stream(sig, SHMEM_CMP_EQ, signals, stream);
        shmemx_barrier_all_on_stream(stream);
        sync_stream();
        for (int at = 0; at < 6; at++) {
            int from = at == 2 || at == 3 ? right_of(me) : left_of(me);
            EXPECT("a form", char, part(at), 16, 1, GIVEN(char, from, i))
        }
    }
    end();
}

/* Of several of the pieces in which a network, or an agent, may move device memory. */
static void long_moves(void)
{
    enum { LONG = 700 * 1000 };
    int me = shmem_my_pe();
    int *there = make(DEVICE, LONG * sizeof(int));
    int *back = make(DEVICE, LONG * sizeof(int));
    int *here = malloc(LONG * sizeof(int));
    for (int i = 0; i < LONG; i++) {
        here[i] = me * LONG + i;
    }
    shmemx_int_put_on_stream(there, here, LONG, right_of(me), SHMEMX_STREAM_DEFAULT);
    shmemx_barrier_all_on_stream(SHMEMX_STREAM_DEFAULT);
    shmemx_int_get_on_stream(back, there, LONG, right_of(me), SHMEMX_STREAM_DEFAULT);
    shmemx_barrier_all_on_stream(SHMEMX_STREAM_DEFAULT);
    check(shmemx_stream_sync(SHMEMX_STREAM_DEFAULT) == 0, "the default stream");
    memset(here, 0, LONG * sizeof(int));
    load(here, back, LONG * sizeof(int));
    bool same = true;
    for (int i = 0; i < LONG; i++) {
        same = same && here[i] == me * LONG + i;
    }
    check(same, "a long put and a long get");
    free(here);
    shmem_free(back);
    shmem_free(there);
}

/* ---- collectives ----------------------------------------------------------------------------- */

static shmem_team_t team;
static int me; /* in the team */
static int n;

#define DATA(op, T, type)                                                                          \
    static void data##T(void)                                                                      \
    {                                                                                              \
        int root = n - 1;                                                                          \
        size_t len = (size_t)me % 3;                                                               \
        size_t mine = N * (size_t)me;                                                              \
        GIVE(type, me)                                                                             \
        type *from = (type *)source;                                                               \
        shmemx##T##_broadcast_on_stream(team, (type *)part(0), from, N, root, stream);             \
        shmemx##T##_fcollect_on_stream(team, (type *)part(1), from, N, stream);                    \
        shmemx##T##_collect_on_stream(team, (type *)part(2), from, len, stream);                   \
        shmemx##T##_alltoall_on_stream(team, (type *)part(3), from, N, stream);                    \
        shmemx##T##_alltoalls_on_stream(team, (type *)part(4), from, 2, 3, N, stream);             \
        sync_stream();                                                                             \
        EXPECT("broadcast of " #T, type, part(0), N, 1, GIVEN(type, root, i))                      \
        EXPECT("fcollect of " #T, type, part(1), N *n, 1, GIVEN(type, (int)(i / N), i % N))        \
        size_t at = 0;                                                                             \
        for (int pe = 0; pe < n; at += (size_t)pe % 3, pe++)                                       \
            EXPECT("collect of " #T, type, part(2) + at * sizeof(type), pe % 3, 1,                 \
                   GIVEN(type, pe, i))                                                             \
        EXPECT("alltoall of " #T, type, part(3), N *n, 1, GIVEN(type, (int)(i / N), i % N + mine)) \
        EXPECT("alltoalls of " #T, type, part(4), N *n, 2,                                         \
               GIVEN(type, (int)(i / N), 3 * (i % N + mine)))                                      \
    }
SHMEMI_FOR_RMA(DATA, )

static void data_in_bytes(void)
{
    GIVE(char, me)
    shmemx_broadcastmem_on_stream(team, part(0), source, N, 0, stream);
    shmemx_fcollectmem_on_stream(team, part(1), source, N, stream);
    shmemx_collectmem_on_stream(team, part(2), source, N, stream);
    shmemx_alltoallmem_on_stream(team, part(3), source, N, stream);
    shmemx_alltoallsmem_on_stream(team, part(4), source, 1, 1, N, stream);
    sync_stream();
    EXPECT("broadcastmem", char, part(0), N, 1, GIVEN(char, 0, i))
    EXPECT("fcollectmem", char, part(1), N *n, 1, GIVEN(char, (int)(i / N), i % N))
    EXPECT("collectmem", char, part(2), N *n, 1, GIVEN(char, (int)(i / N), i % N))
    EXPECT("alltoallmem", char, part(3), N *n, 1, GIVEN(char, (int)(i / N), i % N + N * (size_t)me))
    EXPECT("alltoallsmem", char, part(4), N *n, 1,
           GIVEN(char, (int)(i / N), i % N + N * (size_t)me))
}

/* The members' elements i, combined: every type has room for the product of eight small numbers
 * modulo its range. */
#define COMBINED(type, last, step)         \
    type result = GIVEN(type, 0, i);       \
    for (int pe = 1; pe <= (last); pe++) { \
        type next = GIVEN(type, pe, i);    \
        result = (type)(step);             \
    }

#define REDUCED(what, type, from, last, step)                                              \
    {                                                                                      \
        type got[3 * N * MEMBERS];                                                         \
        bool same = true;                                                                  \
        load(got, from, sizeof(got));                                                      \
        for (size_t i = 0; i < N; i++) {                                                   \
            COMBINED(type, last, step)                                                     \
            same = same && got[i] == result;                                               \
        }                                                                                  \
        check(same, "%s, %s to %s", what, kind_names[source_kind], kind_names[dest_kind]); \
    }

#define SUMS(op, T, type)                                                          \
    static void sums##T(void)                                                      \
    {                                                                              \
        GIVE(type, me)                                                             \
        type *from = (type *)source;                                               \
        shmemx##T##_sum_reduce_on_stream(team, (type *)part(0), from, N, stream);  \
        shmemx##T##_prod_reduce_on_stream(team, (type *)part(1), from, N, stream); \
        shmemx##T##_sum_inscan_on_stream(team, (type *)part(2), from, N, stream);  \
        shmemx##T##_sum_exscan_on_stream(team, (type *)part(3), from, N, stream);  \
        shmemx_team_sync_on_stream(team, stream);                                  \
        sync_stream();                                                             \
        REDUCED("sum of " #T, type, part(0), n - 1, result + next)                 \
        REDUCED("prod of " #T, type, part(1), n - 1, result * next)                \
        REDUCED("inscan of " #T, type, part(2), me, result + next)                 \
        if (me > 0)                                                                \
            REDUCED("exscan of " #T, type, part(3), me - 1, result + next)         \
    }
SHMEMI_FOR_SUM(SUMS, )

#define EXTREMES(op, T, type)                                                      \
    static void extremes##T(void)                                                  \
    {                                                                              \
        GIVE(type, me)                                                             \
        type *from = (type *)source;                                               \
        shmemx##T##_min_reduce_on_stream(team, (type *)part(0), from, N, stream);  \
        shmemx##T##_max_reduce_on_stream(team, (type *)part(1), from, N, stream);  \
        shmemx_barrier_on_stream(team, stream);                                    \
        sync_stream();                                                             \
        REDUCED("min of " #T, type, part(0), n - 1, next < result ? next : result) \
        REDUCED("max of " #T, type, part(1), n - 1, next > result ? next : result) \
    }
SHMEMI_FOR_COMPARE(EXTREMES, )

#define LOGIC(op, T, type)                                                        \
    static void logic##T(void)                                                    \
    {                                                                             \
        GIVE(type, me)                                                            \
        type *from = (type *)source;                                              \
        shmemx##T##_and_reduce_on_stream(team, (type *)part(0), from, N, stream); \
        shmemx##T##_or_reduce_on_stream(team, (type *)part(1), from, N, stream);  \
        shmemx##T##_xor_reduce_on_stream(team, (type *)part(2), from, N, stream); \
        shmemx_team_sync_on_stream(team, stream);                                 \
        sync_stream();                                                            \
        REDUCED("and of " #T, type, part(0), n - 1, result & next)                \
        REDUCED("or of " #T, type, part(1), n - 1, result | next)                 \
        REDUCED("xor of " #T, type, part(2), n - 1, result ^ next)                \
    }
SHMEMI_FOR_LOGIC(LOGIC, )

static void collectives_of(shmem_team_t given, enum kind to, enum kind from)
{
    begin(to, from, HOST);
    team = given;
    me = shmem_team_my_pe(given);
    n = shmem_team_n_pes(given);
#define CALL_DATA(op, T, type)     data##T();
#define CALL_SUMS(op, T, type)     sums##T();
#define CALL_EXTREMES(op, T, type) extremes##T();
#define CALL_LOGIC(op, T, type)    logic##T();
    if (given != SHMEM_TEAM_INVALID) {
        SHMEMI_FOR_RMA(CALL_DATA, )
        data_in_bytes();
        SHMEMI_FOR_SUM(CALL_SUMS, )
        SHMEMI_FOR_COMPARE(CALL_EXTREMES, )
        SHMEMI_FOR_LOGIC(CALL_LOGIC, )
    }
    end();
}

static void collectives(void)
{
    if (shmem_n_pes() > MEMBERS) {
        skip("has room for %d PEs", MEMBERS);
        return;
    }
    collectives_of(SHMEM_TEAM_WORLD, DEVICE, DEVICE);
    collectives_of(SHMEM_TEAM_WORLD, HOST, DEVICE);
}

static void collectives_of_some(void)
{
    shmem_team_t odd = SHMEM_TEAM_INVALID;
    int members = shmem_n_pes() / 2;
    if (members == 0 || members > MEMBERS) {
        skip("needs two PEs, and no more than %d", 2 * MEMBERS);
        return;
    }
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 1, 2, members, NULL, 0, &odd);
    collectives_of(odd, DEVICE, HOST);
    shmem_team_destroy(odd);
}

static const struct conformance_case cases[] = {
    {"puts and gets of every type, in every mix of memories", moves_of_all_types},
    {"puts and gets of every size", moves_of_sizes},
    {"long ones, on the default stream", long_moves},
    {"collectives of every type", collectives},
    {"collectives of every second PE", collectives_of_some},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
