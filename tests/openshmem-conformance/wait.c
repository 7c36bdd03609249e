/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wait.c -- 9.11: waiting for variables, and testing them: one, all, any, some, with vectors.
 *
 * A row of `waiters` is a type; values pass through the tests as long double, which holds all of a
 * 64-bit number.
 */
#include <float.h>
#include <pthread.h>
#include <time.h>

#include "conformance.h"

typedef long double number;
_Static_assert(LDBL_MANT_DIG >= 64, "a long double holds any 64-bit integer");

/* clang-format off */
struct waiter {
    const char *type;
    size_t      size;
    bool        is_signed;
    void   (*store)(void *at, number value);
    number (*load)(const void *at);
    void   (*put)(void *at, number value, int pe);
    void   (*wait)(void *, int, number);
    int    (*test)(void *, int, number);
    void   (*wait_all)(void *, size_t, const int *, int, number);
    int    (*test_all)(void *, size_t, const int *, int, number);
    size_t (*wait_any)(void *, size_t, const int *, int, number);
    size_t (*test_any)(void *, size_t, const int *, int, number);
    size_t (*wait_some)(void *, size_t, size_t *, const int *, int, number);
    size_t (*test_some)(void *, size_t, size_t *, const int *, int, number);
    void   (*wait_all_vector)(void *, size_t, const int *, int, const void *);
    int    (*test_all_vector)(void *, size_t, const int *, int, const void *);
    size_t (*wait_any_vector)(void *, size_t, const int *, int, const void *);
    size_t (*test_any_vector)(void *, size_t, const int *, int, const void *);
    size_t (*wait_some_vector)(void *, size_t, size_t *, const int *, int, const void *);
    size_t (*test_some_vector)(void *, size_t, size_t *, const int *, int, const void *);
};

#define FORWARD(op, T, type)                                                                       \
    static void store##T(void *at, number value) { *(type *)at = (type)value; }                    \
    static number load##T(const void *at) { return (number)*(const type *)at; }                    \
    static void put##T(void *at, number value, int pe)                                             \
    { shmem##T##_p((type *)at, (type)value, pe); }                                                 \
    static void wait##T(void *v, int cmp, number x)                                                \
    { shmem##T##_wait_until((type *)v, cmp, (type)x); }                                            \
    static int test##T(void *v, int cmp, number x)                                                 \
    { return shmem##T##_test((type *)v, cmp, (type)x); }                                           \
    static void wait_all##T(void *v, size_t n, const int *status, int cmp, number x)               \
    { shmem##T##_wait_until_all((type *)v, n, status, cmp, (type)x); }                             \
    static int test_all##T(void *v, size_t n, const int *status, int cmp, number x)                \
    { return shmem##T##_test_all((type *)v, n, status, cmp, (type)x); }                            \
    static size_t wait_any##T(void *v, size_t n, const int *status, int cmp, number x)             \
    { return shmem##T##_wait_until_any((type *)v, n, status, cmp, (type)x); }                      \
    static size_t test_any##T(void *v, size_t n, const int *status, int cmp, number x)             \
    { return shmem##T##_test_any((type *)v, n, status, cmp, (type)x); }                            \
    static size_t wait_some##T(void *v, size_t n, size_t *at, const int *status, int cmp,          \
                             number x)                                                             \
    { return shmem##T##_wait_until_some((type *)v, n, at, status, cmp, (type)x); }                 \
    static size_t test_some##T(void *v, size_t n, size_t *at, const int *status, int cmp,          \
                             number x)                                                             \
    { return shmem##T##_test_some((type *)v, n, at, status, cmp, (type)x); }                       \
    static void wait_all_vector##T(void *v, size_t n, const int *status, int cmp, const void *x)   \
    { shmem##T##_wait_until_all_vector((type *)v, n, status, cmp, (const type *)x); }              \
    static int test_all_vector##T(void *v, size_t n, const int *status, int cmp, const void *x)    \
    { return shmem##T##_test_all_vector((type *)v, n, status, cmp, (const type *)x); }             \
    static size_t wait_any_vector##T(void *v, size_t n, const int *status, int cmp, const void *x) \
    { return shmem##T##_wait_until_any_vector((type *)v, n, status, cmp, (const type *)x); }       \
    static size_t test_any_vector##T(void *v, size_t n, const int *status, int cmp, const void *x) \
    { return shmem##T##_test_any_vector((type *)v, n, status, cmp, (const type *)x); }             \
    static size_t wait_some_vector##T(void *v, size_t n, size_t *at, const int *status, int cmp,   \
                                      const void *x)                                               \
    { return shmem##T##_wait_until_some_vector((type *)v, n, at, status, cmp, (const type *)x); }  \
    static size_t test_some_vector##T(void *v, size_t n, size_t *at, const int *status, int cmp,   \
                                      const void *x)                                               \
    { return shmem##T##_test_some_vector((type *)v, n, at, status, cmp, (const type *)x); }
SHMEMI_FOR_SYNC(FORWARD, )

#define ROW(op, T, type)                                                                           \
    {#T, sizeof(type), (type)-1 < (type)1, store##T, load##T, put##T, wait##T, test##T,            \
     wait_all##T, test_all##T, wait_any##T, test_any##T, wait_some##T, test_some##T,               \
     wait_all_vector##T, test_all_vector##T, wait_any_vector##T, test_any_vector##T,               \
     wait_some_vector##T, test_some_vector##T},
static const struct waiter waiters[] = {SHMEMI_FOR_SYNC(ROW, )};
/* clang-format on */

enum { MOST = 64 };
static _Alignas(16) char ivars[MOST * 8];  /* written by others */
static _Alignas(16) char values[MOST * 8]; /* to compare with */
static long payload[MOST];

static int right_of(int me)
{
    return (me + 1) % conformance_n();
}

static int left_of(int me)
{
    return (me + conformance_n() - 1) % conformance_n();
}

static void set_all(const struct waiter *w, void *array, number value)
{
    for (size_t i = 0; i < MOST; i++) {
        w->store((char *)array + i * w->size, value);
    }
}

/* ---- what holds now ---------------------------------------------------------------------- */

static bool holds(number a, int cmp, number b)
{
    switch (cmp) {
    case SHMEM_CMP_EQ:
        return a == b;
    case SHMEM_CMP_NE:
        return a != b;
    case SHMEM_CMP_LT:
        return a < b;
    case SHMEM_CMP_LE:
        return a <= b;
    case SHMEM_CMP_GT:
        return a > b;
    default:
        return a >= b;
    }
}

static const int comparisons[] = {SHMEM_CMP_EQ, SHMEM_CMP_NE, SHMEM_CMP_LT,
                                  SHMEM_CMP_LE, SHMEM_CMP_GT, SHMEM_CMP_GE};

/* The least and the greatest value of the type, and some between. */
static size_t interesting(const struct waiter *w, number *list)
{
    number span = 1;
    for (size_t bit = 0; bit < w->size * 8; bit++) {
        span *= 2;
    }
    number low = w->is_signed ? -span / 2 : 0;
    number high = w->is_signed ? span / 2 - 1 : span - 1;
    const number all[] = {low, low + 1, 0, 1, 100, high / 2, high - 1, high};
    memcpy(list, all, sizeof(all));
    return CONFORMANCE_COUNT(all);
}

/* All forms on one variable agree with the comparison of the type. */
static void every_comparison(void)
{
    for (size_t i = 0; i < CONFORMANCE_COUNT(waiters); i++) {
        const struct waiter *w = &waiters[i];
        number list[8];
        size_t n = interesting(w, list);
        for (size_t j = 0; j < n * n * 6; j++) {
            number a = list[j % n];
            number b = list[j / n % n];
            int cmp = comparisons[j / n / n];
            bool yes = holds(a, cmp, b);
            size_t at = SIZE_MAX;
            w->store(ivars, a);
            w->store(values, b);
            check((w->test(ivars, cmp, b) != 0) == yes, "%s: %Lg %d %Lg", w->type, a, cmp, b);
            check((w->test_all(ivars, 1, NULL, cmp, b) != 0) == yes, "%s test_all", w->type);
            check(w->test_any(ivars, 1, NULL, cmp, b) == (yes ? 0 : SIZE_MAX), "%s test_any",
                  w->type);
            check(w->test_some(ivars, 1, &at, NULL, cmp, b) == (yes ? 1 : 0), "%s test_some",
                  w->type);
            check((w->test_all_vector(ivars, 1, NULL, cmp, values) != 0) == yes,
                  "%s test_all_vector", w->type);
            check(w->test_any_vector(ivars, 1, NULL, cmp, values) == (yes ? 0 : SIZE_MAX),
                  "%s test_any_vector", w->type);
            check(w->test_some_vector(ivars, 1, &at, NULL, cmp, values) == (yes ? 1 : 0),
                  "%s test_some_vector", w->type);
            if (yes) {
                w->wait(ivars, cmp, b);
                w->wait_all(ivars, 1, NULL, cmp, b);
                check(w->wait_any(ivars, 1, NULL, cmp, b) == 0, "%s wait_any", w->type);
                check(w->wait_some(ivars, 1, &at, NULL, cmp, b) == 1 && at == 0, "%s wait_some",
                      w->type);
                w->wait_all_vector(ivars, 1, NULL, cmp, values);
                check(w->wait_any_vector(ivars, 1, NULL, cmp, values) == 0, "%s", w->type);
                check(w->wait_some_vector(ivars, 1, &at, NULL, cmp, values) == 1, "%s", w->type);
            }
        }
    }
}

/* What a status array masks is not looked at; what is left may be nothing. */
static void masks_and_empty_sets(void)
{
    for (size_t i = 0; i < CONFORMANCE_COUNT(waiters); i++) {
        const struct waiter *w = &waiters[i];
        int masked[MOST];
        size_t at[MOST];
        set_all(w, ivars, 0);
        set_all(w, values, 1);
        for (int j = 0; j < MOST; j++) {
            masked[j] = 1 + j;
        }
        const int *status[] = {NULL, masked};
        size_t n[] = {0, MOST};
        for (int j = 0; j < 2; j++) {
            w->wait_all(ivars, n[j], status[j], SHMEM_CMP_EQ, 1);
            w->wait_all_vector(ivars, n[j], status[j], SHMEM_CMP_EQ, values);
            check(w->wait_any(ivars, n[j], status[j], SHMEM_CMP_EQ, 1) == SIZE_MAX, "%s", w->type);
            check(w->wait_some(ivars, n[j], at, status[j], SHMEM_CMP_EQ, 1) == 0, "%s", w->type);
            check(w->wait_any_vector(ivars, n[j], status[j], SHMEM_CMP_EQ, values) == SIZE_MAX,
                  "%s", w->type);
            check(w->wait_some_vector(ivars, n[j], at, status[j], SHMEM_CMP_EQ, values) == 0, "%s",
                  w->type);
            check(w->test_all(ivars, n[j], status[j], SHMEM_CMP_EQ, 1) != 0, "%s", w->type);
            check(w->test_any(ivars, n[j], status[j], SHMEM_CMP_EQ, 1) == SIZE_MAX, "%s", w->type);
            check(w->test_some(ivars, n[j], at, status[j], SHMEM_CMP_EQ, 1) == 0, "%s", w->type);
            check(w->test_all_vector(ivars, n[j], status[j], SHMEM_CMP_EQ, values) != 0, "%s",
                  w->type);
            check(w->test_any_vector(ivars, n[j], status[j], SHMEM_CMP_EQ, values) == SIZE_MAX,
                  "%s", w->type);
            check(w->test_some_vector(ivars, n[j], at, status[j], SHMEM_CMP_EQ, values) == 0, "%s",
                  w->type);
        }

        /* Elements 5, 20 and 21 hold; 20 is masked. */
        memset(masked, 0, sizeof(masked));
        masked[20] = -1;
        w->store(ivars + 5 * w->size, 1);
        w->store(ivars + 20 * w->size, 1);
        w->store(ivars + 21 * w->size, 1);
        check(w->test_all(ivars, MOST, masked, SHMEM_CMP_EQ, 1) == 0, "%s", w->type);
        size_t found = w->test_any(ivars, MOST, masked, SHMEM_CMP_EQ, 1);
        check(found == 5 || found == 21, "%s test_any: %zu", w->type, found);
        found = w->test_some(ivars, MOST, at, masked, SHMEM_CMP_EQ, 1);
        check(found == 2 && at[0] + at[1] == 26, "%s test_some: %zu", w->type, found);
        found = w->wait_some_vector(ivars, MOST, at, masked, SHMEM_CMP_EQ, values);
        check(found >= 1 && (at[0] == 5 || at[0] == 21), "%s wait_some_vector: %zu", w->type,
              found);
    }
}

/* Elements are compared each with its own value. */
static void vectors(void)
{
    for (size_t i = 0; i < CONFORMANCE_COUNT(waiters); i++) {
        const struct waiter *w = &waiters[i];
        size_t at[MOST];
        for (size_t j = 0; j < MOST; j++) {
            w->store(ivars + j * w->size, (number)j);
            w->store(values + j * w->size, (number)(j == 7 ? 99 : j));
        }
        check(w->test_all_vector(ivars, MOST, NULL, SHMEM_CMP_EQ, values) == 0, "%s", w->type);
        check(w->test_all_vector(ivars, MOST, NULL, SHMEM_CMP_LE, values) != 0, "%s", w->type);
        check(w->test_any_vector(ivars, MOST, NULL, SHMEM_CMP_NE, values) == 7, "%s", w->type);
        check(w->wait_any_vector(ivars, MOST, NULL, SHMEM_CMP_LT, values) == 7, "%s", w->type);
        check(w->test_some_vector(ivars, MOST, at, NULL, SHMEM_CMP_EQ, values) == MOST - 1, "%s",
              w->type);
        check(w->test_some_vector(ivars, MOST, at, NULL, SHMEM_CMP_LT, values) == 1 && at[0] == 7,
              "%s", w->type);
        int mask7[MOST] = {0};
        mask7[7] = 1;
        w->wait_all_vector(ivars, MOST, mask7, SHMEM_CMP_EQ, values);
    }
}

/* "A series of calls must eventually return i": no element that holds is starved by another. */
static void nobody_starves(void)
{
    for (size_t i = 0; i < CONFORMANCE_COUNT(waiters); i++) {
        const struct waiter *w = &waiters[i];
        set_all(w, ivars, 1);
        for (int form = 0; form < 2; form++) {
            int seen = 0, calls = 0;
            int hit[8] = {0};
            while (seen < 8 && calls++ < 10000) {
                size_t at = form == 0 ? w->test_any(ivars, 8, NULL, SHMEM_CMP_EQ, 1)
                                      : w->wait_any(ivars, 8, NULL, SHMEM_CMP_EQ, 1);
                if (check(at < 8, "%s: any gave %zu", w->type, at) && hit[at]++ == 0) {
                    seen++;
                }
            }
            check(seen == 8, "%s %s: only %d of 8 elements in 10000 calls", w->type,
                  form == 0 ? "test_any" : "wait_until_any", seen);
        }
    }
}

/* ---- flags set by others ----------------------------------------------------------------- */

/* A token goes around the ring: flags set by plain puts, as old programs do. */
static void flags_by_puts(void)
{
    int me = conformance_me();
    const int rounds = conformance_rounds(100);
    for (size_t i = 0; i < CONFORMANCE_COUNT(waiters); i++) {
        const struct waiter *w = &waiters[i];
        set_all(w, ivars, 0);
        shmem_barrier_all();
        for (int round = 1; round <= rounds; round++) {
            if (me == 0) {
                w->put(ivars, round, right_of(me));
            }
            if (round % 2 == 0) {
                w->wait(ivars, SHMEM_CMP_EQ, round);
            } else {
                while (w->test(ivars, SHMEM_CMP_EQ, round) == 0) {
                }
            }
            if (me != 0) {
                w->put(ivars, round, right_of(me));
            }
        }
        shmem_barrier_all();
    }
}

/* clang-format off */
struct atomic {
    const char *type;
    void (*set)(void *at, int value, int pe);
    void (*wait)(void *at, int value);
};
#define ATOMIC(op, T, type)                                                                        \
    static void set##T(void *at, int value, int pe)                                                \
    {                                                                                              \
        if (value % 3 == 0)      { shmem##T##_atomic_set((type *)at, (type)value, pe); }           \
        else if (value % 3 == 1) { shmem##T##_atomic_inc((type *)at, pe); }                        \
        else { (void)shmem##T##_atomic_fetch_add((type *)at, (type)1, pe); }                       \
    }                                                                                              \
    static void wait_set##T(void *at, int value)                                                   \
    { shmem##T##_wait_until((type *)at, SHMEM_CMP_GE, (type)value); }
SHMEMI_FOR_AMO(ATOMIC, )
#define ATOMIC_ROW(op, T, type) {#T, set##T, wait_set##T},
static const struct atomic atomics[] = {SHMEMI_FOR_AMO(ATOMIC_ROW, )};
/* clang-format on */

/* And by atomics, as the standard wants it; what was put before is seen after. */
static void flags_by_atomics(void)
{
    int me = conformance_me();
    const int rounds = conformance_rounds(150);
    for (size_t i = 0; i < CONFORMANCE_COUNT(atomics); i++) {
        memset(ivars, 0, sizeof(ivars));
        shmem_barrier_all();
        for (int round = 1; round <= rounds; round++) {
            long source[MOST];
            for (int j = 0; j < MOST; j++) {
                source[j] = round * 1000 + me + j;
            }
            shmem_long_put(payload, source, MOST, right_of(me));
            shmem_fence();
            atomics[i].set(ivars, round, right_of(me));
            atomics[i].wait(ivars, round);
            for (int j = 0; j < MOST; j++) {
                check(payload[j] == round * 1000 + left_of(me) + j, "%s: round %d: word %d is %ld",
                      atomics[i].type, round, j, payload[j]);
            }
            shmem_barrier_all();
        }
    }
}

/* One call of this form of waiting, or testing: which elements have come, and how many. */
static size_t take(int form, const struct waiter *w, size_t n, size_t *at, const int *status,
                   int round)
{
    switch (form) {
    case 0:
        at[0] = w->wait_any(ivars, n, status, SHMEM_CMP_EQ, round);
        return 1;
    case 1:
        at[0] = w->wait_any_vector(ivars, n, status, SHMEM_CMP_EQ, values);
        return 1;
    case 2:
        return w->wait_some(ivars, n, at, status, SHMEM_CMP_EQ, round);
    case 3:
        return w->wait_some_vector(ivars, n, at, status, SHMEM_CMP_EQ, values);
    case 4:
        at[0] = w->test_any(ivars, n, status, SHMEM_CMP_EQ, round);
        return at[0] == SIZE_MAX ? 0 : 1;
    default:
        return w->test_some(ivars, n, at, status, SHMEM_CMP_EQ, round);
    }
}

/* All PEs send to all; each is taken as it comes, whatever the form of waiting. */
static void take_as_they_come(int form)
{
    int n = conformance_n();
    int me = conformance_me();
    const int rounds = conformance_few(20, 2);
    for (size_t i = 0; i < CONFORMANCE_COUNT(waiters); i++) {
        const struct waiter *w = &waiters[i];
        for (int round = 1; round <= rounds; round++) {
            int status[MOST] = {0};
            size_t at[MOST];
            bool taken[MOST] = {false};
            set_all(w, ivars, 0);
            set_all(w, values, round);
            shmem_barrier_all();
            for (int pe = 0; pe < n; pe++) {
                int to = (me + pe) % n;
                shmem_long_p(&payload[me], round * 100 + me, to);
                shmem_fence();
                w->put(ivars + (size_t)me * w->size, round, to);
            }
            for (int left = n; left > 0;) {
                size_t got = take(form, w, (size_t)n, at, status, round);
                check(got <= (size_t)left && (form >= 4 || got >= 1), "%s: %zu of %d", w->type, got,
                      left);
                for (size_t j = 0; j < got; j++) {
                    if (!check(at[j] < (size_t)n && !taken[at[j]], "%s: element %zu", w->type,
                               at[j])) {
                        return;
                    }
                    taken[at[j]] = true;
                    status[at[j]] = 1;
                    check(payload[at[j]] == round * 100 + (long)at[j],
                          "%s: the payload of %zu is %ld", w->type, at[j], payload[at[j]]);
                    left--;
                }
            }
            shmem_barrier_all();
        }
    }
}

static void any_of_all_pes(void)
{
    take_as_they_come(0);
    take_as_they_come(1);
    take_as_they_come(4);
}

static void some_of_all_pes(void)
{
    take_as_they_come(2);
    take_as_they_come(3);
    take_as_they_come(5);
}

static void all_of_all_pes(void)
{
    int n = conformance_n();
    int me = conformance_me();
    const int rounds = conformance_few(60, 6);
    for (size_t i = 0; i < CONFORMANCE_COUNT(waiters); i++) {
        const struct waiter *w = &waiters[i];
        set_all(w, ivars, 0);
        shmem_barrier_all();
        for (int round = 1; round <= rounds; round++) {
            set_all(w, values, round);
            for (int pe = 0; pe < n; pe++) {
                w->put(ivars + (size_t)me * w->size, round, pe);
            }
            if (round % 3 == 0) {
                w->wait_all(ivars, (size_t)n, NULL, SHMEM_CMP_GE, round);
            } else if (round % 3 == 1) {
                w->wait_all_vector(ivars, (size_t)n, NULL, SHMEM_CMP_GE, values);
            } else {
                while (w->test_all(ivars, (size_t)n, NULL, SHMEM_CMP_GE, round) == 0) {
                }
            }
            for (int pe = 0; pe < n; pe++) {
                number got = w->load(ivars + (size_t)pe * w->size);
                check(got == round || got == round + 1, "%s: PE %d is at %Lg in round %d", w->type,
                      pe, got, round);
            }
        }
        shmem_barrier_all();
    }
}

/* A flag that comes long after spinning has given way to sleeping. */
static void late_flag(void)
{
    static long flag;
    flag = 0;
    shmem_barrier_all();
    if (conformance_me() == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
        for (int pe = 0; pe < conformance_n(); pe++) {
            shmem_long_atomic_set(&flag, 42, pe);
        }
    }
    shmem_long_wait_until(&flag, SHMEM_CMP_NE, 0);
    check(flag == 42, "the flag is %ld", flag);
    shmem_barrier_all();
}

/* A variable in the heap, waited for by the C11 generics, of const and volatile kinds. */
static void generics(void)
{
    long *flags = (long *)shmem_calloc(4, sizeof(long));
    static volatile int old_style;
    const long wanted[4] = {1, 1, 1, 1};
    size_t at[4];
    int me = conformance_me();
    static unsigned short small;
    for (int j = 0; j < 4; j++) {
        shmem_long_atomic_set(&flags[j], 1, right_of(me));
    }
    shmem_wait_until(&flags[0], SHMEM_CMP_EQ, 1);
    shmem_wait_until_all(flags, 4, NULL, SHMEM_CMP_EQ, 1);
    check(shmem_wait_until_any(flags, 4, NULL, SHMEM_CMP_EQ, 1) < 4, "any");
    check(shmem_wait_until_some(flags, 4, at, NULL, SHMEM_CMP_EQ, 1) >= 1, "some");
    shmem_wait_until_all_vector(flags, 4, NULL, SHMEM_CMP_EQ, wanted);
    check(shmem_wait_until_any_vector(flags, 4, NULL, SHMEM_CMP_EQ, wanted) < 4, "any_vector");
    check(shmem_wait_until_some_vector(flags, 4, at, NULL, SHMEM_CMP_EQ, wanted) >= 1, "some");
    check(shmem_test(&flags[1], SHMEM_CMP_EQ, 1) != 0, "test");
    check(shmem_test_all(flags, 4, NULL, SHMEM_CMP_EQ, 1) != 0, "test_all");
    check(shmem_test_any(flags, 4, NULL, SHMEM_CMP_EQ, 1) < 4, "test_any");
    check(shmem_test_some(flags, 4, at, NULL, SHMEM_CMP_EQ, 1) == 4, "test_some");
    check(shmem_test_all_vector(flags, 4, NULL, SHMEM_CMP_EQ, wanted) != 0, "test_all_vector");
    check(shmem_test_any_vector(flags, 4, NULL, SHMEM_CMP_EQ, wanted) < 4, "test_any_vector");
    check(shmem_test_some_vector(flags, 4, at, NULL, SHMEM_CMP_EQ, wanted) == 4, "some_vector");
    shmem_int_p((int *)(uintptr_t)&old_style, 6, right_of(me));
    shmem_wait_until(&old_style, SHMEM_CMP_GT, 5);
    shmem_ushort_p(&small, 65535, right_of(me));
    shmem_wait_until(&small, SHMEM_CMP_GT, 65534);
    shmem_barrier_all();
    shmem_free(flags);
}

/* ---- another thread of this PE ----------------------------------------------------------- */

static long from_thread[2];

static void *set_later(void *arg)
{
    (void)arg;
    int me = shmem_my_pe();
    for (long round = 1; round <= 100; round++) {
        shmem_long_wait_until(&from_thread[1], SHMEM_CMP_GE, round);
        payload[0] = round;
        shmem_fence();
        shmem_long_atomic_set(&from_thread[0], round, me);
    }
    return NULL;
}

static void threads(void)
{
    int provided;
    shmem_query_thread(&provided);
    if (provided < SHMEM_THREAD_MULTIPLE) {
        skip("the library provides no SHMEM_THREAD_MULTIPLE");
        return;
    }
    from_thread[0] = from_thread[1] = 0;
    shmem_barrier_all();
    pthread_t thread;
    if (!check(pthread_create(&thread, NULL, set_later, NULL) == 0, "no thread")) {
        return;
    }
    for (long round = 1; round <= 100; round++) {
        shmem_long_atomic_inc(&from_thread[1], conformance_me());
        shmem_long_wait_until(&from_thread[0], SHMEM_CMP_EQ, round);
        check(payload[0] == round, "round %ld: %ld", round, payload[0]);
    }
    pthread_join(thread, NULL);
    shmem_barrier_all();
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"all comparisons on all types", every_comparison},
        {"masks and empty sets", masks_and_empty_sets},
        {"vectors of values", vectors},
        {"no element is starved", nobody_starves},
        {"flags set by plain puts", flags_by_puts},
        {"flags set by atomics", flags_by_atomics},
        {"any of many", any_of_all_pes},
        {"some of many", some_of_all_pes},
        {"all of many", all_of_all_pes},
        {"a flag that comes late", late_flag},
        {"C11 generics", generics},
        {"flags set by a thread of the same PE", threads},
    };
    conformance_begin(argc, argv);
    int provided;
    shmem_init_thread(SHMEM_THREAD_MULTIPLE, &provided);
    for (size_t i = 0; i < CONFORMANCE_COUNT(cases); i++) {
        conformance_run(cases[i].name, cases[i].run);
    }
    conformance_plan();
    shmem_finalize();
    return conformance_status();
}
