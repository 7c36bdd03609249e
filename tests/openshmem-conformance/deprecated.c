/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * deprecated.c -- annex F: start_pes and the other names of SGI's SHMEM, used as old programs do.
 *
 * The library is finalised when the program exits, in whose course what was put arrives: a handler
 * of exit that was registered before start_pes looks at that.
 */
#include "conformance.h"

static long arrived = -1; /* written by the left neighbour, right before it exits */
static int me, n;

static void names_of_old(void)
{
    check(_my_pe() == shmem_my_pe(), "_my_pe is %d", _my_pe());
    check(_num_pes() == shmem_n_pes(), "_num_pes is %d", _num_pes());
    check(_SHMEM_MAJOR_VERSION == SHMEM_MAJOR_VERSION, "the major version");
    check(_SHMEM_MINOR_VERSION == SHMEM_MINOR_VERSION, "the minor version");
    check(strcmp(_SHMEM_VENDOR_STRING, SHMEM_VENDOR_STRING) == 0, "the vendor");
    check(_SHMEM_MAX_NAME_LEN == SHMEM_MAX_NAME_LEN, "the length of names");
    check(_SHMEM_SYNC_VALUE == SHMEM_SYNC_VALUE, "the sync value");
    check(_SHMEM_BARRIER_SYNC_SIZE == SHMEM_BARRIER_SYNC_SIZE, "pSync of barrier");
    check(_SHMEM_BCAST_SYNC_SIZE == SHMEM_BCAST_SYNC_SIZE, "pSync of broadcast");
    check(_SHMEM_COLLECT_SYNC_SIZE == SHMEM_COLLECT_SYNC_SIZE, "pSync of collect");
    check(_SHMEM_REDUCE_SYNC_SIZE == SHMEM_REDUCE_SYNC_SIZE, "pSync of reduce");
    check(_SHMEM_REDUCE_MIN_WRKDATA_SIZE == SHMEM_REDUCE_MIN_WRKDATA_SIZE, "pWrk");
}

static void start_pes_again(void)
{
    start_pes(0);
    start_pes(17);
    check(_my_pe() == me && _num_pes() == n, "start_pes has changed the PEs");
}

static void memory_of_old(void)
{
    long *a = (long *)shmalloc(100 * sizeof(long));
    long *b = (long *)shmemalign(4096, 10 * sizeof(long));
    check(a != NULL && b != NULL, "no memory");
    check((uintptr_t)b % 4096 == 0, "shmemalign gave %p", (void *)b);
    a[99] = me;
    a = (long *)shrealloc(a, 1000 * sizeof(long));
    check(a != NULL && a[99] == me, "shrealloc lost the contents");
    shmem_long_p(&a[999], me, (me + 1) % n);
    shmem_barrier_all();
    check(a[999] == (me + n - 1) % n, "the put wrote %ld", a[999]);
    shmem_barrier_all();
    shfree(b);
    shfree(a);
}

/* shmem_wait: until the value is no more what it was. */
static void waits_of_old(void)
{
    static long any, l;
    static short s;
    static int i;
    static long long ll;
    int right = (me + 1) % n;
    shmem_long_p(&any, 1, right);
    shmem_wait(&any, 0);
    shmem_short_p(&s, 2, right);
    shmem_short_wait(&s, 0);
    shmem_int_p(&i, 3, right);
    shmem_int_wait(&i, 0);
    shmem_long_p(&l, 4, right);
    shmem_long_wait(&l, 0);
    shmem_longlong_p(&ll, 5, right);
    shmem_longlong_wait(&ll, 0);
    check(any == 1 && s == 2 && i == 3 && l == 4 && ll == 5, "%ld %d %d %ld %lld", any, s, i, l,
          ll);
    shmem_barrier_all();
    shmem_long_p(&any, 10, right);
    (shmem_wait_until)(&any, _SHMEM_CMP_GE, 10); /* the function of that name, not the generic */
    check(any == 10, "shmem_wait_until: %ld", any);
    shmem_barrier_all();
}

/* clang-format off */
#define OLD_AMO(op, T, type)                                                                       \
    static void amo##T(void)                                                                       \
    {                                                                                              \
        static type word;                                                                          \
        int right = (me + 1) % n;                                                                  \
        word = 5;                                                                                  \
        shmem_barrier_all();                                                                       \
        check(shmem##T##_fadd(&word, 10, right) == 5, "fadd" #T);                                  \
        check(shmem##T##_finc(&word, right) == 15, "finc" #T);                                     \
        shmem##T##_add(&word, 4, right);                                                           \
        shmem##T##_inc(&word, right);                                                              \
        check(shmem##T##_fetch(&word, right) == 21, "fetch" #T);                                   \
        check(shmem##T##_cswap(&word, 20, 1, right) == 21, "cswap" #T " that does not");           \
        check(shmem##T##_cswap(&word, 21, 30, right) == 21, "cswap" #T " that does");              \
        check(shmem##T##_swap(&word, 31, right) == 30, "swap" #T);                                 \
        shmem##T##_set(&word, 32, right);                                                          \
        shmem_barrier_all();                                                                       \
        check(word == 32, "set" #T);                                                               \
        shmem_barrier_all();                                                                       \
    }
/* The types that OpenSHMEM 1.3 had these for. */
OLD_AMO(, _int, int)
OLD_AMO(, _long, long)
OLD_AMO(, _longlong, long long)

#define OLD_MOVE(op, T, type)                                                                      \
    static void move##T(void)                                                                      \
    {                                                                                              \
        static type word;                                                                          \
        int right = (me + 1) % n;                                                                  \
        word = (type)1.5;                                                                          \
        shmem_barrier_all();                                                                       \
        check(shmem##T##_fetch(&word, right) == (type)1.5, "fetch" #T);                            \
        check(shmem##T##_swap(&word, (type)2.5, right) == (type)1.5, "swap" #T);                   \
        shmem##T##_set(&word, (type)3.5, right);                                                   \
        shmem_barrier_all();                                                                       \
        check(word == (type)3.5, "set" #T);                                                        \
        shmem_barrier_all();                                                                       \
    }
OLD_MOVE(, _float, float)
OLD_MOVE(, _double, double)
/* clang-format on */

static void atomics_of_old(void)
{
    amo_int();
    amo_long();
    amo_longlong();
    move_float();
    move_double();
}

/* The generics of 1.3. */
static void generics_of_old(void)
{
    static long word;
    int right = (me + 1) % n;
    word = 1;
    shmem_barrier_all();
    check(shmem_fadd(&word, 2, right) == 1, "fadd");
    check(shmem_finc(&word, right) == 3, "finc");
    shmem_add(&word, 1, right);
    shmem_inc(&word, right);
    check(shmem_cswap(&word, 6, 7, right) == 6, "cswap");
    check(shmem_swap(&word, 8, right) == 7, "swap");
    shmem_set(&word, 9, right);
    check(shmem_fetch(&word, right) == 9, "fetch");
    shmem_barrier_all();
}

/* Runs in exit, after the library has finalised itself: its handler was registered later. */
static void look_at_the_end(void)
{
    if (n > 0 && arrived != (me + n - 1) % n) {
        fprintf(stderr, "# PE %d: the last put wrote %ld\n", me, arrived);
        fflush(NULL);
        _Exit(1);
    }
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"names", names_of_old},     {"start_pes again", start_pes_again},
        {"memory", memory_of_old},   {"waiting", waits_of_old},
        {"atomics", atomics_of_old}, {"generics", generics_of_old},
    };
    atexit(look_at_the_end);
    conformance_begin(argc, argv);
    start_pes(0);
    me = _my_pe();
    n = _num_pes();
    for (size_t i = 0; i < CONFORMANCE_COUNT(cases); i++) {
        conformance_run(cases[i].name, cases[i].run);
    }
    conformance_plan();
    shmem_long_p(&arrived, me, (me + 1) % n);
    return conformance_status(); /* without shmem_finalize */
}
