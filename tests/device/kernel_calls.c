/* SPDX-License-Identifier: BSD-3-Clause */
/* kernel_calls.c -- every call of shmemx_device.h, by load and store and through the ring. */
#include <stdlib.h>
#include <time.h>

#include "cores.h"

#define fine(call) check((call) == SHMEMX_OK, "through the ring: %d", now.ring_only)

static int right(const shmemx_device_t *dev)
{
    return (shmemx_device_my_pe(dev) + 1) % shmemx_device_n_pes(dev);
}

static int left(const shmemx_device_t *dev)
{
    return (shmemx_device_my_pe(dev) + shmemx_device_n_pes(dev) - 1) % shmemx_device_n_pes(dev);
}

static void queries(shmemx_device_t *dev, int core)
{
    (void)core;
    check(shmemx_device_my_pe(dev) == now.me, "%d", shmemx_device_my_pe(dev));
    check(shmemx_device_n_pes(dev) == now.n_pes, "%d", shmemx_device_n_pes(dev));
    check(shmemx_device_team_my_pe(dev, SHMEMX_DEVICE_WORLD) == now.me, "of the world");
    check(shmemx_device_team_n_pes(dev, SHMEMX_DEVICE_SHARED) == now.n_shared,
          "of the shared team");
    check(shmemx_device_team_pe(dev, 0, now.n_pes - 1) == now.n_pes - 1, "a member");
    check(shmemx_device_team_n_pes(dev, 7) == -1, "no team");
    void *there = shmemx_device_ptr(dev, words, right(dev));
    void *wanted = now.ring_only ? NULL : now.right_words;
    check(there == wanted, "%p, not %p", there, wanted);
    check(shmemx_device_ptr(dev, &there, 0) == NULL, "no symmetric address");
}

static void put_and_get(shmemx_device_t *dev, int core)
{
    int me = shmemx_device_my_pe(dev), from = left(dev);
    (void)core;
    for (int i = 0; i < LARGE; i++) {
        copy[i] = (char)(i + me);
    }
    fine(shmemx_device_putmem(dev, large, copy, LARGE / 2, right(dev)));
    fine(shmemx_device_putmem_nbi(dev, large + LARGE / 2, copy + LARGE / 2, LARGE - LARGE / 2,
                                  right(dev)));
    fine(shmemx_device_barrier_all(dev));
    int wrong = 0;
    for (int i = 0; i < LARGE; i++) {
        wrong += large[i] != (char)(i + from);
    }
    check(wrong == 0, "%d bytes wrong", wrong);
    fine(shmemx_device_barrier_all(dev));
    fine(shmemx_device_getmem(dev, copy, large, LARGE / 2, right(dev)));
    fine(shmemx_device_getmem_nbi(dev, copy + LARGE / 2, large + LARGE / 2, LARGE - LARGE / 2,
                                  right(dev)));
    fine(shmemx_device_quiet(dev));
    for (int i = 0; i < LARGE; i++) {
        wrong += copy[i] != (char)(i + me);
    }
    check(wrong == 0, "%d bytes wrong", wrong);
    fine(shmemx_device_barrier_all(dev));
    fine(shmemx_device_putmem_block(dev, large, copy, 1001, right(dev)));
    fine(shmemx_device_getmem_block(dev, copy, large, 1001, me));
    fine(shmemx_device_quiet_block(dev));
    fine(shmemx_device_team_barrier_block(dev, 0));
}

/* Each type has its 16 bytes of words: long double fills them. */
#define TYPED_RMA(op, T, type)                                                                  \
    {                                                                                           \
        type *at = (type *)(void *)large, *other = (type *)(void *)copy, got = 0;               \
        other[0] = (type)(me + 1);                                                              \
        other[1] = (type)(me + 2);                                                              \
        fine(shmemx_device##T##_put(dev, at, other, 1, right(dev)));                            \
        fine(shmemx_device##T##_put_nbi(dev, at + 1, other + 1, 1, right(dev)));                \
        fine(shmemx_device_barrier_all(dev));                                                   \
        check(at[0] == (type)(from + 1) && at[1] == (type)(from + 2), #T " put");               \
        fine(shmemx_device##T##_get(dev, other, at, 1, me));                                    \
        fine(shmemx_device##T##_get_nbi(dev, other + 1, at + 1, 1, me));                        \
        fine(shmemx_device_quiet(dev));                                                         \
        check(other[0] == at[0] && other[1] == at[1], #T " get");                               \
        fine(shmemx_device_barrier_all(dev));                                                   \
        {                                                                                       \
            fine(shmemx_device##T##_p(dev, at, (type)(me + 3), right(dev)));                    \
            fine(shmemx_device_barrier_all(dev));                                               \
            fine(shmemx_device##T##_g(dev, &got, at, me));                                      \
            check(got == (type)(from + 3), #T " p and g");                                      \
            fine(shmemx_device_barrier_all(dev));                                               \
        }                                                                                       \
        uint64_t *sig = &signals[0];                                                            \
        other[0] = (type)(me + 4);                                                              \
        fine(shmemx_device##T##_put_signal(dev, at, other, 1, sig, 1, SHMEM_SIGNAL_ADD,         \
                                           right(dev)));                                        \
        fine(shmemx_device##T##_put_signal_nbi(dev, at + 1, other, 1, sig, 1, SHMEM_SIGNAL_ADD, \
                                               right(dev)));                                    \
        fine(shmemx_device_signal_wait_until(dev, sig, SHMEM_CMP_EQ, 2, NULL));                 \
        check(at[0] == (type)(from + 4) && at[1] == at[0], #T " put_signal");                   \
        signals[0] = 0;                                                                         \
        fine(shmemx_device_barrier_all(dev));                                                   \
    }

static void typed_rma(shmemx_device_t *dev, int core)
{
    int me = shmemx_device_my_pe(dev), from = left(dev);
    (void)core;
    SHMEMI_FOR_RMA(TYPED_RMA, )
}

/* Elements 2 apart there, 3 apart here; what lies between them stays. */
#define TYPED_STRIDED(op, T, type)                                                             \
    {                                                                                          \
        type *at = (type *)(void *)large, *other = (type *)(void *)copy;                       \
        for (int i = 0; i < 12; i++) {                                                         \
            at[i] = (type)50;                                                                  \
            other[i] = (type)(me + i);                                                         \
        }                                                                                      \
        fine(shmemx_device_barrier_all(dev));                                                  \
        fine(shmemx_device##T##_iput(dev, at, other, 2, 3, 4, right(dev)));                    \
        fine(shmemx_device##T##_iput(dev, at + 8, other, 1, 1, 0, right(dev)));                \
        fine(shmemx_device_barrier_all(dev));                                                  \
        for (int i = 0; i < 4; i++) {                                                          \
            check(at[2 * i] == (type)(from + 3 * i) && at[2 * i + 1] == (type)50, #T " iput"); \
        }                                                                                      \
        for (int i = 0; i < 12; i++) {                                                         \
            other[i] = (type)60;                                                               \
        }                                                                                      \
        fine(shmemx_device##T##_iget(dev, other, at, 3, 2, 4, right(dev)));                    \
        for (int i = 0; i < 12; i++) {                                                         \
            check(other[i] == (type)(i % 3 == 0 ? me + i : 60), #T " iget");                   \
        }                                                                                      \
        fine(shmemx_device_barrier_all(dev));                                                  \
    }

static void strided(shmemx_device_t *dev, int core)
{
    int me = shmemx_device_my_pe(dev), from = left(dev);
    (void)core;
    SHMEMI_FOR_RMA(TYPED_STRIDED, )
    check(shmemx_device_int_iput(dev, (int *)words, (int *)more, 1, 1, 1, -1) == SHMEMX_INVALID,
          "no PE");
}

/* Everybody on PE 0's words. */
#define TYPED_AMO(op, T, type)                                                               \
    {                                                                                        \
        type *at = (type *)(void *)&words[0], old = 0, *fetch = (type *)(void *)&more[0];    \
        *at = 0;                                                                             \
        fine(shmemx_device_barrier_all(dev));                                                \
        fine(shmemx_device##T##_atomic_add(dev, at, 2, 0));                                  \
        fine(shmemx_device##T##_atomic_inc(dev, at, 0));                                     \
        fine(shmemx_device##T##_atomic_fetch_add(dev, at, 2, &old, 0));                      \
        check(old >= 3 && old < (type)(10 * n), #T " fetch_add");                            \
        fine(shmemx_device##T##_atomic_fetch_inc(dev, at, &old, 0));                         \
        fine(shmemx_device##T##_atomic_fetch_add_nbi(dev, fetch, at, 1, 0));                 \
        fine(shmemx_device##T##_atomic_fetch_inc_nbi(dev, fetch + 1, at, 0));                \
        fine(shmemx_device_barrier_all(dev));                                                \
        check(fetch[0] >= 6 && fetch[1] > fetch[0], #T " nbi");                              \
        fine(shmemx_device##T##_atomic_fetch(dev, at, &old, 0));                             \
        check(old == (type)(8 * n), #T " sum");                                              \
        fine(shmemx_device_barrier_all(dev));                                                \
        at = (type *)(void *)&words[1 + me];                                                 \
        fine(shmemx_device##T##_atomic_set(dev, at, 5, right(dev)));                         \
        fine(shmemx_device##T##_atomic_compare_swap(dev, at, 4, 9, &old, right(dev)));       \
        check(old == 5, #T " compare_swap that fails");                                      \
        fine(shmemx_device##T##_atomic_compare_swap(dev, at, 5, 9, &old, right(dev)));       \
        fine(shmemx_device##T##_atomic_compare_swap_nbi(dev, fetch, at, 9, 10, right(dev))); \
        fine(shmemx_device##T##_atomic_swap(dev, at, 11, &old, right(dev)));                 \
        check(old == 10, #T " swap");                                                        \
        fine(shmemx_device##T##_atomic_swap_nbi(dev, fetch, at, 12, right(dev)));            \
        fine(shmemx_device##T##_atomic_fetch_nbi(dev, fetch + 1, at, right(dev)));           \
        fine(shmemx_device_quiet(dev));                                                      \
        check(fetch[0] == 11 && fetch[1] == 12, #T " swap_nbi, fetch_nbi");                  \
        fine(shmemx_device_barrier_all(dev));                                                \
    }

#define TYPED_BITS(op, T, type)                                                                \
    {                                                                                          \
        type *at = (type *)(void *)&words[1 + me], old = 0, *fetch = (type *)(void *)&more[0]; \
        fine(shmemx_device##T##_atomic_set(dev, at, 12, right(dev)));                          \
        fine(shmemx_device##T##_atomic_or(dev, at, 3, right(dev)));                            \
        fine(shmemx_device##T##_atomic_fetch_and(dev, at, 6, &old, right(dev)));               \
        check(old == 15, #T " or");                                                            \
        fine(shmemx_device##T##_atomic_and(dev, at, 4, right(dev)));                           \
        fine(shmemx_device##T##_atomic_xor(dev, at, 5, right(dev)));                           \
        fine(shmemx_device##T##_atomic_fetch_or(dev, at, 8, &old, right(dev)));                \
        check(old == 1, #T " and, xor");                                                       \
        fine(shmemx_device##T##_atomic_fetch_xor(dev, at, 1, &old, right(dev)));               \
        check(old == 9, #T " fetch_or");                                                       \
        fine(shmemx_device##T##_atomic_fetch_and_nbi(dev, fetch, at, 12, right(dev)));         \
        fine(shmemx_device##T##_atomic_fetch_or_nbi(dev, fetch + 1, at, 3, right(dev)));       \
        fine(shmemx_device##T##_atomic_fetch_xor_nbi(dev, fetch + 2, at, 1, right(dev)));      \
        fine(shmemx_device_quiet(dev));                                                        \
        check(fetch[0] == 8 && fetch[1] == 8 && fetch[2] == 11, #T " bits, nbi");              \
        fine(shmemx_device_barrier_all(dev));                                                  \
    }

#define TYPED_SET(op, T, type)                                                      \
    {                                                                               \
        type *at = (type *)(void *)&words[1 + me], old = 0;                         \
        fine(shmemx_device##T##_atomic_set(dev, at, (type)1.5, right(dev)));        \
        fine(shmemx_device##T##_atomic_swap(dev, at, (type)2.5, &old, right(dev))); \
        check(old == (type)1.5, #T " set");                                         \
        fine(shmemx_device##T##_atomic_fetch(dev, at, &old, right(dev)));           \
        check(old == (type)2.5, #T " swap");                                        \
        fine(shmemx_device_barrier_all(dev));                                       \
    }

static void typed_atomics(shmemx_device_t *dev, int core)
{
    int me = shmemx_device_my_pe(dev), n = shmemx_device_n_pes(dev);
    (void)core;
    SHMEMI_FOR_AMO(TYPED_AMO, )
    SHMEMI_FOR_AMO_BIT(TYPED_BITS, )
    SHMEMI_FOR_AMO_EXT(TYPED_SET, )
}

/* A long chain around the ring of PEs: data, fence, flag. */
static void order(shmemx_device_t *dev, int core)
{
    int me = shmemx_device_my_pe(dev), wrong = 0;
    (void)core;
    for (uint64_t i = 1; i <= 100; i++) {
        if (me != 0) {
            fine(shmemx_device_uint64_wait_until(dev, &words[0], SHMEM_CMP_EQ, i));
            wrong += words[1] != i * 3;
        }
        more[0] = i * 3;
        fine(shmemx_device_putmem_nbi(dev, &words[1], &more[0], 8, right(dev)));
        fine(shmemx_device_fence(dev));
        fine(shmemx_device_uint64_p(dev, &words[0], i, right(dev)));
        if (me == 0) {
            fine(shmemx_device_uint64_wait_until(dev, &words[0], SHMEM_CMP_EQ, i));
            wrong += words[1] != i * 3;
        }
        fine(shmemx_device_quiet(dev));
    }
    check(wrong == 0, "%d overtaken", wrong);
}

#define TYPED_WAIT(op, T, type)                                                       \
    {                                                                                 \
        type *at = (type *)(void *)&words[0];                                         \
        size_t which = 99;                                                            \
        memset(words, 0, 4 * sizeof(type));                                           \
        fine(shmemx_device_barrier_all(dev));                                         \
        check(shmemx_device##T##_test(at, SHMEM_CMP_EQ, 0) == 1, #T " test");         \
        check(shmemx_device##T##_test(at, SHMEM_CMP_GT, 0) == 0, #T " test");         \
        fine(shmemx_device_barrier_all(dev));                                         \
        fine(shmemx_device##T##_p(dev, &at[2], 7, right(dev)));                       \
        fine(shmemx_device##T##_wait_until_any(dev, at, 3, SHMEM_CMP_NE, 0, &which)); \
        check(which == 2, #T " wait_until_any: %zu", which);                          \
        fine(shmemx_device_barrier_all(dev));                                         \
        fine(shmemx_device##T##_p(dev, &at[0], 8, right(dev)));                       \
        fine(shmemx_device##T##_p(dev, &at[1], 9, right(dev)));                       \
        fine(shmemx_device##T##_wait_until_all(dev, at, 3, SHMEM_CMP_GE, 7));         \
        fine(shmemx_device##T##_wait_until(dev, &at[1], SHMEM_CMP_LE, 9));            \
        fine(shmemx_device##T##_wait_until(dev, &at[0], SHMEM_CMP_LT, 9));            \
        fine(shmemx_device_barrier_all(dev));                                         \
    }

static void waits(shmemx_device_t *dev, int core)
{
    size_t none = 0;
    fine(shmemx_device_int_wait_until_any(dev, (int *)(void *)words, 0, SHMEM_CMP_EQ, 1, &none));
    check(none == SIZE_MAX, "of no words: %zu", none);
    (void)core;
    SHMEMI_FOR_SYNC(TYPED_WAIT, )
}

static void signalling(shmemx_device_t *dev, int core)
{
    uint64_t found = 0;
    (void)core;
    fine(shmemx_device_signal_set(dev, &signals[1], 41, right(dev)));
    fine(shmemx_device_fence(dev));
    fine(shmemx_device_signal_add(dev, &signals[1], 1, right(dev)));
    fine(shmemx_device_signal_wait_until(dev, &signals[1], SHMEM_CMP_GE, 42, &found));
    check(found == 42, "%lu", (unsigned long)found);
    check(shmemx_device_signal_fetch(&signals[1]) == 42, "signal_fetch");
    fine(shmemx_device_putmem_signal(dev, NULL, NULL, 0, &signals[2], 5, SHMEM_SIGNAL_SET,
                                     right(dev)));
    fine(shmemx_device_signal_wait_until(dev, &signals[2], SHMEM_CMP_EQ, 5, NULL));
    memset(copy, 3, 999);
    fine(shmemx_device_putmem_signal_block(dev, large, copy, 999, &signals[3], 1, SHMEM_SIGNAL_ADD,
                                           right(dev)));
    fine(shmemx_device_signal_wait_until(dev, &signals[3], SHMEM_CMP_EQ, 1, NULL));
    check(large[0] == 3 && large[998] == 3, "the data of a signal");
    check(shmemx_device_putmem_signal(dev, large, copy, 1, &signals[3], 1, 77, 0) == SHMEMX_INVALID,
          "no signal operation");
}

#define TYPED_COLL(op, T, type)                                                        \
    {                                                                                  \
        type *to = (type *)(void *)large, *from = (type *)(void *)copy;                \
        size_t total = (size_t)n;                                                      \
        fine(shmemx_device_team_sync(dev, team));                                      \
        for (size_t i = 0; i < total; i++) {                                           \
            from[i] = (type)(me + 1 + (int)i);                                         \
        }                                                                              \
        fine(shmemx_device##T##_broadcast(dev, team, to, from, total, n - 1));         \
        check(to[0] == (type)n && to[n - 1] == (type)(2 * n - 1), #T " broadcast");    \
        fine(shmemx_device##T##_fcollect(dev, team, to, from, 1));                     \
        check(to[0] == (type)1 && to[n - 1] == (type)n, #T " fcollect");               \
        fine(shmemx_device##T##_alltoall(dev, team, to, from, 1));                     \
        check(to[0] == (type)(me + 1) && to[n - 1] == (type)(me + n), #T " alltoall"); \
    }

#define TYPED_REDUCE(op, T, type)                                            \
    {                                                                        \
        type *to = (type *)(void *)large, *from = (type *)(void *)copy;      \
        fine(shmemx_device_team_sync(dev, team));                            \
        for (int i = 0; i < 11; i++) {                                       \
            from[i] = (type)(me + i);                                        \
        }                                                                    \
        fine(shmemx_device##T##_max_reduce(dev, team, to, from, 11));        \
        check(to[0] == (type)(n - 1) && to[10] == (type)(n + 9), #T " max"); \
        fine(shmemx_device##T##_min_reduce(dev, team, to, from, 11));        \
        check(to[0] == (type)0 && to[10] == (type)10, #T " min");            \
        fine(shmemx_device##T##_sum_reduce(dev, team, from, from, 11));      \
        int wrong = 0;                                                       \
        for (int i = 0; i < 11; i++) {                                       \
            wrong += from[i] != (type)(n * (n - 1) / 2 + i * n);             \
        }                                                                    \
        check(wrong == 0, #T " sum in place: %d wrong", wrong);              \
    }

/* Many elements for each member, and not equally many. */
static void long_reduce(shmemx_device_t *dev, int team, int me, int n)
{
    enum { COUNT = LARGE / sizeof(int) - 3 };
    int *to = (int *)(void *)large, *from = (int *)(void *)copy, wrong = 0;
    fine(shmemx_device_team_sync(dev, team));
    for (int i = 0; i < COUNT; i++) {
        from[i] = i + me;
    }
    fine(shmemx_device_int_sum_reduce(dev, team, to, from, COUNT));
    fine(shmemx_device_int_max_reduce(dev, team, from, from, COUNT));
    for (int i = 0; i < COUNT; i++) {
        wrong += to[i] != n * i + n * (n - 1) / 2 || from[i] != i + n - 1;
    }
    check(wrong == 0, "%d of %d wrong", wrong, COUNT);
}

static void collectives(shmemx_device_t *dev, int core)
{
    int team = now.team;
    int me = shmemx_device_team_my_pe(dev, team), n = shmemx_device_team_n_pes(dev, team);
    (void)core;
    if (me < 0) {
        return;
    }
    SHMEMI_FOR_RMA(TYPED_COLL, )
    SHMEMI_FOR_COMPARE(TYPED_REDUCE, )
    long_reduce(dev, team, me, n);
}

static void wrong_arguments(shmemx_device_t *dev, int core)
{
    uint64_t value = 0;
    int n = shmemx_device_n_pes(dev);
    shmemx_command_t cmd = {.op = 200};
    (void)core;
    check(shmemx_device_putmem(dev, words, more, 8, n) == SHMEMX_INVALID, "no such PE");
    check(shmemx_device_getmem(dev, more, words, 8, -1) == SHMEMX_INVALID, "no such PE");
    /* On the core's stack, where sanitizers may not keep `value`. */
    uint64_t *mine = (uint64_t *)__builtin_frame_address(0);
    check(shmemx_device_uint64_p(dev, mine, 1, 0) == SHMEMX_INVALID, "no symmetric address");
    check(shmemx_device_team_sync(dev, 9) == SHMEMX_INVALID, "no such team");
    check(shmemx_device_broadcastmem(dev, 0, words, more, 8, n) == SHMEMX_INVALID, "no such root");
    check(shmemx_ask(dev->ring, &cmd, &value) == SHMEMX_UNSUPPORTED, "an unknown operation");
    cmd = (shmemx_command_t){
        .op = SHMEMX_RING_GET_VALUE, .length = 8, .remote = shmemx_place(0, 1ull << 50)};
    check(shmemx_ask(dev->ring, &cmd, &value) == SHMEMX_INVALID, "beyond the heap");
    cmd = (shmemx_command_t){.op = SHMEMX_RING_AMO, .type = 3, .remote = shmemx_place(0, 0)};
    check(shmemx_post(dev->ring, &cmd, &value) == SHMEMX_OK, "an atomic on three bytes");
    check(shmemx_device_quiet(dev) == SHMEMX_INVALID, "is refused, says quiet");
    fine(shmemx_device_quiet(dev));
    cmd = (shmemx_command_t){.op = SHMEMX_RING_IPUT, .type = 16, .length = (1 << 30) + 1};
    cmd.operand = 1 << 30; /* 2^64 bytes and 16 */
    cmd.local = (uint64_t)(uintptr_t)more;
    check(shmemx_ask(dev->ring, &cmd, &value) == SHMEMX_INVALID, "once around the addresses");
    cmd = (shmemx_command_t){.op = SHMEMX_RING_REDUCE, .type = SHMEMX_TYPE_long};
    cmd.length = 1ull << 61;
    cmd.local = (uint64_t)(uintptr_t)more;
    check(shmemx_ask(dev->ring, &cmd, &value) == SHMEMX_INVALID, "once around them");
    shmemx_device_t outside;
    check(shmemx_device_enter(&outside, NULL, 0) == SHMEMX_MISMATCH, "no context");
    shmemx_device_leave(&outside);
    fine(shmemx_device_uint64_p(dev, words, 1, 0)); /* and life goes on */
    fine(shmemx_device_barrier_all(dev));
}

static void crowd(shmemx_device_t *dev, int core)
{
    uint64_t old = 0;
    for (int i = 0; i < 300; i++) {
        fine(shmemx_device_uint64_atomic_add(dev, &words[0], 1, i % shmemx_device_n_pes(dev)));
        if (i % 10 == 0) {
            fine(shmemx_device_uint64_atomic_fetch_add(dev, &words[1 + core], 1, &old, right(dev)));
            check(old == (uint64_t)i / 10, "core %d: %lu", core, (unsigned long)old);
        }
    }
    fine(shmemx_device_quiet(dev));
}

/* One PE comes late to a barrier; what comes between and after is done all the same. */
static void late(shmemx_device_t *dev, int core)
{
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    int me = shmemx_device_my_pe(dev), n = shmemx_device_n_pes(dev);
    uint64_t *sum = (uint64_t *)(void *)large;
    (void)core;
    for (int round = 0; round < 4; round++) {
        if (me == round % n) {
            nanosleep(&nap, NULL);
        }
        fine(shmemx_device_sync_all(dev));
        fine(shmemx_device_uint64_p(dev, &words[round], (uint64_t)(me + round), right(dev)));
        fine(shmemx_device_barrier_all(dev));
        check(words[round] == (uint64_t)(left(dev) + round), "after barrier %d: %lu", round,
              (unsigned long)words[round]);
        fine(shmemx_device_uint64_sum_reduce(dev, 0, sum, &words[round], 1));
        check(sum[0] == (uint64_t)(n * (n - 1) / 2 + n * round), "a sum after barrier %d", round);
    }
    fine(shmemx_device_barrier_all(dev));
}

static void test_late(void)
{
    both_ways(late);
}
static void test_queries(void)
{
    both_ways(queries);
}
static void test_put_and_get(void)
{
    both_ways(put_and_get);
}
static void test_typed_rma(void)
{
    both_ways(typed_rma);
}

static void test_strided(void)
{
    both_ways(strided);
}
static void test_atomics(void)
{
    both_ways(typed_atomics);
}
static void test_order(void)
{
    both_ways(order);
}
static void test_waits(void)
{
    both_ways(waits);
}
static void test_signals(void)
{
    both_ways(signalling);
}
static void test_collectives(void)
{
    now.team = SHMEMX_DEVICE_WORLD;
    both_ways(collectives);
}

static void test_wrong_arguments(void)
{
    both_ways(wrong_arguments);
}

/* The host's memory, which the cores of a device do not reach, but its ring does. */
static void to_host(shmemx_device_t *dev, int core)
{
    uint64_t old = 0;
    (void)core;
    more[0] = 100 + (uint64_t)now.me;
    fine(shmemx_device_uint64_put(dev, &now.on_host[1], &more[0], 1, right(dev)));
    fine(shmemx_device_uint64_atomic_add(dev, &now.on_host[0], 1, right(dev)));
    fine(shmemx_device_uint64_atomic_fetch_add(dev, &now.on_host[0], 1, &old, right(dev)));
    check(old == 1, "%lu", (unsigned long)old);
    fine(shmemx_device_uint64_p(dev, &now.on_host[2], 7, right(dev)));
    fine(shmemx_device_barrier_all(dev));
    fine(shmemx_device_uint64_get(dev, &more[1], &now.on_host[1], 1, right(dev)));
    check(more[1] == more[0], "%lu came back", (unsigned long)more[1]);
    fine(shmemx_device_barrier_all(dev));
}

static void test_to_host(void)
{
    for (int ring_only = 0; ring_only < 2; ring_only++) {
        if (!open_context(ring_only)) {
            return;
        }
        memset(now.on_host, 0, 3 * sizeof(uint64_t));
        shmem_barrier_all();
        on_cores(1, 0, to_host);
        shmem_barrier_all();
        uint64_t left_pe = (uint64_t)((now.me + now.n_pes - 1) % now.n_pes);
        check(now.on_host[0] == 2 && now.on_host[1] == 100 + left_pe && now.on_host[2] == 7,
              "%lu, %lu, %lu", (unsigned long)now.on_host[0], (unsigned long)now.on_host[1],
              (unsigned long)now.on_host[2]);
        shmemx_device_context_destroy(now.context);
    }
}

/* Several cores with rings of their own, and several that share one. */
static void test_many_cores(void)
{
    uint64_t n = (uint64_t)shmem_n_pes();
    for (int way = 0; way < 4; way++) {
        if (!open_context(way / 2)) {
            return;
        }
        on_cores(CORES, way % 2, crowd);
        shmem_barrier_all();
        uint64_t sum = 0;
        for (int pe = 0; pe < shmem_n_pes(); pe++) {
            sum += shmem_uint64_g(&words[0], pe);
        }
        check(sum == 300 * CORES * n, "%lu", (unsigned long)sum);
        shmem_barrier_all();
        shmemx_device_context_destroy(now.context);
    }
}

/* Teams of some PEs; and kernels' collectives beside the host's. */
static void test_teams(void)
{
    shmem_team_t even = SHMEM_TEAM_INVALID;
    int n = shmem_n_pes();
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 2, (n + 1) / 2, NULL, 0, &even);
    for (int ring_only = 0; ring_only < 2; ring_only++) {
        if (!open_context(ring_only)) {
            return;
        }
        if (even != SHMEM_TEAM_INVALID) {
            now.team = shmemx_device_team_add(now.context, even);
            check(now.team > SHMEMX_DEVICE_SHARED, "team %d", now.team);
            on_cores(1, 0, collectives);
        }
        shmem_barrier_all();
        shmemx_device_context_destroy(now.context);
    }
    if (even != SHMEM_TEAM_INVALID) {
        shmem_team_destroy(even);
    }
}

static const struct conformance_case cases[] = {
    {"queries", test_queries},
    {"put and get", test_put_and_get},
    {"put, get, p, g and put_signal of all types", test_typed_rma},
    {"iput and iget of all types", test_strided},
    {"atomics of all types", test_atomics},
    {"fence and quiet", test_order},
    {"wait and test of all types", test_waits},
    {"signals", test_signals},
    {"collectives of all types", test_collectives},
    {"teams", test_teams},
    {"a PE that comes late to a barrier", test_late},
    {"the host's memory", test_to_host},
    {"wrong arguments", test_wrong_arguments},
    {"many cores at once", test_many_cores},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
