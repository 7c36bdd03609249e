/* SPDX-License-Identifier: BSD-3-Clause */
/* signals.c -- put with signal, signals, and waiting for variables in device memory. */
#include "device.h"

enum { N = 300 };

static long *dest;
static long *source;
static uint64_t *sig;

/* A ring of puts with signals; whoever sees the signal sees the data. */
static void ring(enum kind to, enum kind from, enum kind where)
{
    int me = shmem_my_pe();
    int left = left_of(me);
    dest = make(to, N * sizeof(long));
    source = make(from, N * sizeof(long));
    sig = make(where, 2 * sizeof(uint64_t));
    long values[N];
    for (uint64_t round = 1; round <= 20; round++) {
        for (int i = 0; i < N; i++) {
            values[i] = (long)round * 1000 + me * 10 + i;
        }
        store(source, values, sizeof(values));
        int op = round % 2 == 0 ? SHMEM_SIGNAL_SET : SHMEM_SIGNAL_ADD;
        uint64_t value = op == SHMEM_SIGNAL_SET ? round : 1;
        if (round % 3 == 0) {
            shmem_long_put_signal_nbi(dest, source, N, sig, value, op, right_of(me));
        } else {
            shmem_putmem_signal(dest, source, sizeof(values), sig, value, op, right_of(me));
        }
        uint64_t seen = shmem_signal_wait_until(sig, SHMEM_CMP_GE, round);
        check(seen == round && shmem_signal_fetch(sig) == round, "signal %lu in round %lu",
              (unsigned long)seen, (unsigned long)round);
        load(values, dest, sizeof(values));
        bool same = true;
        for (int i = 0; i < N; i++) {
            same = same && values[i] == (long)round * 1000 + left * 10 + i;
        }
        check(same, "data came before its signal: %s to %s, signal on %s", kind_names[from],
              kind_names[to], kind_names[where]);
        shmem_barrier_all();
    }
    shmem_free(sig);
    shmem_free(source);
    shmem_free(dest);
}

static void put_signal(void)
{
    for (int mix = 1; mix < 8; mix++) {
        ring(mix & 1 ? DEVICE : HOST, mix & 2 ? DEVICE : HOST, mix & 4 ? DEVICE : HOST);
    }
}

static void bare_signals(void)
{
    int me = shmem_my_pe();
    sig = make(DEVICE, sizeof(*sig));
    shmem_signal_set(sig, 40, right_of(me));
    shmem_signal_wait_until(sig, SHMEM_CMP_EQ, 40);
    shmem_barrier_all();
    shmem_signal_add(sig, 2, right_of(me));
    shmem_signal_wait_until(sig, SHMEM_CMP_NE, 40);
    check(shmem_signal_fetch(sig) == 42, "signal_add");
    shmem_barrier_all();
    shmem_free(sig);
}

/* Each PE sets a variable of the next; it waits, in every way, for what it knows will come. */
#define WAITS(op, T, type)                                                                         \
    static void waits##T(void)                                                                     \
    {                                                                                              \
        enum { VARIABLES = 5 };                                                                    \
        int me = shmem_my_pe();                                                                    \
        type *ivars = make(DEVICE, VARIABLES * sizeof(type));                                      \
        type five[VARIABLES] = {5, 5, 5, 5, 5};                                                    \
        size_t indices[VARIABLES];                                                                 \
        check(shmem##T##_test(ivars, SHMEM_CMP_EQ, 5) == 0, "test of %s", #T);                     \
        check(shmem##T##_test_any(ivars, VARIABLES, NULL, SHMEM_CMP_EQ, 5) == SIZE_MAX,            \
              "test_any of %s", #T);                                                               \
        shmem_barrier_all();                                                                       \
        for (size_t i = 0; i < VARIABLES; i++)                                                     \
            shmem_putmem(&ivars[i], &five[i], sizeof(type), right_of(me));                         \
        shmem##T##_wait_until(&ivars[2], SHMEM_CMP_EQ, 5);                                         \
        shmem##T##_wait_until_all(ivars, VARIABLES, NULL, SHMEM_CMP_GE, 5);                        \
        check(shmem##T##_wait_until_any(ivars, VARIABLES, NULL, SHMEM_CMP_LE, 5) < VARIABLES,      \
              "wait_until_any of %s", #T);                                                         \
        check(shmem##T##_wait_until_some(ivars, VARIABLES, indices, NULL, SHMEM_CMP_NE, 0) ==      \
                  VARIABLES,                                                                       \
              "wait_until_some of %s", #T);                                                        \
        shmem##T##_wait_until_all_vector(ivars, VARIABLES, NULL, SHMEM_CMP_EQ, five);              \
        check(shmem##T##_test(ivars, SHMEM_CMP_EQ, 5) == 1, "test of %s", #T);                     \
        check(shmem##T##_test_all(ivars, VARIABLES, NULL, SHMEM_CMP_EQ, 5) == 1, "test_all of %s", \
              #T);                                                                                 \
        check(shmem##T##_test_some(ivars, VARIABLES, indices, NULL, SHMEM_CMP_EQ, 5) == VARIABLES, \
              "test_some of %s", #T);                                                              \
        shmem_free(ivars);                                                                         \
    }
SHMEMI_FOR_SYNC(WAITS, )

static void waits(void)
{
#define CALL(op, T, type) waits##T();
    SHMEMI_FOR_SYNC(CALL, )
}

static void count(void *args, unsigned block, unsigned n_blocks)
{
    uint64_t *word = *(uint64_t **)args;
    (void)block;
    (void)n_blocks;
    __atomic_fetch_add(word, 1, __ATOMIC_RELEASE);
}

/* A kernel's store ends a host's wait, on this PE and on the next, where kernels reach that. */
static void from_kernels(void)
{
    static int comes;
    int me = shmem_my_pe();
    sig = make(DEVICE, sizeof(*sig));
    uint64_t *there = shmemx_ptr_device(sig, right_of(me));
    shmem_int_p(&comes, there != NULL, right_of(me));
    shmem_barrier_all();
    if (there != NULL) {
        shmemx_launch(count, 6, &there, sizeof(there), SHMEMX_STREAM_DEFAULT);
    }
    if (comes != 0) {
        shmem_signal_wait_until(sig, SHMEM_CMP_EQ, 6);
    }
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    shmem_barrier_all();
    shmem_free(sig);
}

static const struct conformance_case cases[] = {
    {"put with signal, in every mix of memories", put_signal},
    {"signals alone", bare_signals},
    {"waits and tests of every type", waits},
    {"a host waits for a kernel", from_kernels},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
