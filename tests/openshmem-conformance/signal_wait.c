/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signal_wait.c -- 9.8.3 to 9.8.5, 9.11.15: signals as what one waits for.
 */
#include "conformance.h"

enum { WORDS = 1000 };

static uint64_t signals[16];
static long data[WORDS];
static long source[WORDS];

static int right_of(int me)
{
    return (me + 1) % conformance_n();
}

static int left_of(int me)
{
    return (me + conformance_n() - 1) % conformance_n();
}

static void reset(void)
{
    memset(signals, 0, sizeof(signals));
    memset(data, 0, sizeof(data));
    shmem_barrier_all();
}

/* Comparisons are of unsigned numbers, and the value returned is the one that satisfied. */
static void comparisons(void)
{
    static const struct {
        uint64_t value;
        int cmp;
        uint64_t than;
    } rows[] = {
        {7, SHMEM_CMP_EQ, 7},
        {7, SHMEM_CMP_NE, 8},
        {UINT64_MAX, SHMEM_CMP_GT, 1},
        {UINT64_MAX, SHMEM_CMP_GE, UINT64_MAX},
        {1, SHMEM_CMP_LT, UINT64_MAX},
        {(uint64_t)INT64_MAX, SHMEM_CMP_LE, (uint64_t)INT64_MAX + 1},
        {(uint64_t)1 << 63, SHMEM_CMP_GT, (uint64_t)INT64_MAX},
    };
    int me = conformance_me();
    for (size_t i = 0; i < CONFORMANCE_COUNT(rows); i++) {
        shmem_signal_set(&signals[0], rows[i].value, me);
        shmem_quiet();
        uint64_t got = shmem_signal_wait_until(&signals[0], rows[i].cmp, rows[i].than);
        check(got == rows[i].value, "row %zu: %llu", i, (unsigned long long)got);
        check(shmem_signal_fetch(&signals[0]) == rows[i].value, "row %zu: fetch", i);
    }
    shmem_barrier_all();
}

/* Each PE is woken by its left neighbour, and wakes its right one, many times around. */
static void around_the_ring(void)
{
    const int rounds = conformance_rounds(1000);
    reset();
    int me = conformance_me();
    for (uint64_t round = 1; round <= (uint64_t)rounds; round++) {
        if (me == 0) {
            shmem_signal_set(&signals[1], round, right_of(me));
        }
        uint64_t got = shmem_signal_wait_until(&signals[1], SHMEM_CMP_GE, round);
        check(got == round, "round %llu: signal %llu", (unsigned long long)round,
              (unsigned long long)got);
        if (me != 0) {
            shmem_signal_set(&signals[1], round, right_of(me));
        }
    }
    shmem_barrier_all();
}

/* The data of a put with signal is there when its signal is: message passing, with an
 * acknowledgement so that data is not overwritten while it is looked at. */
static void data_before_signal(void (*put)(const long *from, size_t n, uint64_t round, int pe))
{
    const int rounds = conformance_rounds(2000);
    reset();
    int me = conformance_me();
    for (uint64_t round = 1; round <= (uint64_t)rounds; round++) {
        size_t n = round % 3 == 0 ? WORDS : round % 7 + 1;
        for (size_t i = 0; i < n; i++) {
            source[i] = (long)(round * 100000) + me * 1000 + (long)i;
        }
        put(source, n, round, right_of(me));
        shmem_signal_wait_until(&signals[2], SHMEM_CMP_GE, round);
        for (size_t i = 0; i < n; i++) {
            long expected = (long)(round * 100000) + left_of(me) * 1000 + (long)i;
            if (!check(data[i] == expected, "round %d: word %zu of %zu is %ld, not %ld", (int)round,
                       i, n, data[i], expected)) {
                break;
            }
        }
        shmem_signal_add(&signals[3], 1, left_of(me));
        shmem_signal_wait_until(&signals[3], SHMEM_CMP_GE, round);
        shmem_quiet(); /* of the non-blocking form: source may be written again */
    }
    shmem_barrier_all();
}

static void put_set(const long *from, size_t n, uint64_t round, int pe)
{
    shmem_long_put_signal(data, from, n, &signals[2], round, SHMEM_SIGNAL_SET, pe);
}

static void put_add(const long *from, size_t n, uint64_t round, int pe)
{
    (void)round;
    shmem_putmem_signal(data, from, n * sizeof(long), &signals[2], 1, SHMEM_SIGNAL_ADD, pe);
}

static void put_nbi(const long *from, size_t n, uint64_t round, int pe)
{
    shmem_put64_signal_nbi(data, from, n, &signals[2], round, SHMEM_SIGNAL_SET, pe);
}

static void blocking_set(void)
{
    data_before_signal(put_set);
}

static void blocking_add(void)
{
    data_before_signal(put_add);
}

static void nonblocking_set(void)
{
    data_before_signal(put_nbi);
}

/* Signals of all PEs add up in one word. */
static void many_add(void)
{
    reset();
    int n = conformance_n();
    int me = conformance_me();
    const int rounds = conformance_few(200, 10);
    for (int round = 1; round <= rounds; round++) {
        for (int pe = 0; pe < n; pe++) {
            source[0] = round;
            shmem_long_put_signal(&data[me], source, 1, &signals[4], 1, SHMEM_SIGNAL_ADD, pe);
        }
        uint64_t all = (uint64_t)round * (uint64_t)n;
        shmem_signal_wait_until(&signals[4], SHMEM_CMP_GE, all);
        for (int pe = 0; pe < n; pe++) {
            check(data[pe] >= round, "round %d: PE %d's word is %ld", round, pe, data[pe]);
        }
        shmem_barrier_all();
        check(shmem_signal_fetch(&signals[4]) == all, "round %d: the signals make %llu", round,
              (unsigned long long)shmem_signal_fetch(&signals[4]));
        shmem_barrier_all();
    }
}

/* A signal with no data, and one to the PE itself. */
static void no_data(void)
{
    reset();
    int me = conformance_me();
    shmem_putmem_signal(NULL, NULL, 0, &signals[5], 17, SHMEM_SIGNAL_SET, right_of(me));
    check(shmem_signal_wait_until(&signals[5], SHMEM_CMP_NE, 0) == 17, "signal without data");
    source[0] = 99;
    shmem_long_put_signal_nbi(data, source, 1, &signals[6], 5, SHMEM_SIGNAL_ADD, me);
    check(shmem_signal_wait_until(&signals[6], SHMEM_CMP_EQ, 5) == 5, "signal to itself");
    check(data[0] == 99, "the data to itself is %ld", data[0]);
    shmem_barrier_all();
}

/* On contexts, in the heap, and by the C11 generics. */
static void contexts_and_generics(void)
{
    uint64_t *signal = (uint64_t *)shmem_calloc(1, sizeof(uint64_t));
    double *where = (double *)shmem_calloc(1, sizeof(double));
    int me = conformance_me();
    double value = me + 0.25;

    shmem_ctx_t ctx = SHMEM_CTX_DEFAULT;
    if (shmem_ctx_create(0, &ctx) != 0) {
        ctx = SHMEM_CTX_DEFAULT;
    }
    shmem_put_signal(ctx, where, &value, 1, signal, 1, SHMEM_SIGNAL_SET, right_of(me));
    shmem_signal_wait_until(signal, SHMEM_CMP_EQ, 1);
    check(*where == left_of(me) + 0.25, "the context's put wrote %g", *where);
    shmem_barrier_all();

    shmem_put_signal_nbi(where, &value, 1, signal, 1, SHMEM_SIGNAL_ADD, right_of(me));
    shmem_signal_add(signal, 10, right_of(me));
    shmem_signal_add(ctx, signal, 100, right_of(me));
    check(shmem_signal_wait_until(signal, SHMEM_CMP_GE, 112) == 112, "the signals do not add up");
    shmem_barrier_all();

    shmem_signal_set(ctx, signal, 5, right_of(me));
    check(shmem_signal_wait_until(signal, SHMEM_CMP_EQ, 5) == 5, "signal_set on a context");
    shmem_barrier_all();
    if (ctx != SHMEM_CTX_DEFAULT) {
        shmem_ctx_destroy(ctx);
    }
    shmem_free(where);
    shmem_free(signal);
}

/* The general waiting routines may wait for signals as well. */
static void other_waits(void)
{
    reset();
    int me = conformance_me();
    shmem_signal_set(&signals[7], 3, right_of(me));
    shmem_uint64_wait_until(&signals[7], SHMEM_CMP_GE, 3);
    shmem_signal_add(&signals[7], 4, right_of(me));
    while (shmem_uint64_test(&signals[7], SHMEM_CMP_EQ, 7) == 0) {
    }
    check(shmem_signal_fetch(&signals[7]) == 7, "the signal is not 7");
    shmem_barrier_all();
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"all comparisons, unsigned", comparisons},
        {"around the ring", around_the_ring},
        {"data before its signal: put and set", blocking_set},
        {"data before its signal: put and add", blocking_add},
        {"data before its signal: non-blocking", nonblocking_set},
        {"signals of all PEs add up", many_add},
        {"no data, and to oneself", no_data},
        {"contexts, generics, the heap", contexts_and_generics},
        {"wait_until and test on signals", other_waits},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
