/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * locks.c -- 9.13: set_lock, test_lock, clear_lock.
 */
#include <time.h>

#include "conformance.h"

static long lock;
static long locks[64];
static long counter;
static long counters[64];
static long order[64];

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Read, add, write back: only one at a time may do this. */
static void careless_add(long *word, int pe)
{
    long value = shmem_long_g(word, pe);
    shmem_long_p(word, value + 1, pe);
}

static void exclusion_with(long *mutex, long *word, int rounds)
{
    int n = conformance_n();
    int keeper = n - 1;
    *word = 0;
    shmem_barrier_all();
    for (int i = 0; i < rounds; i++) {
        shmem_set_lock(mutex);
        careless_add(word, keeper);
        shmem_clear_lock(mutex);
    }
    shmem_barrier_all();
    check(shmem_long_g(word, keeper) == (long)n * rounds, "%ld additions instead of %ld",
          shmem_long_g(word, keeper), (long)n * rounds);
    shmem_barrier_all();
}

static void exclusion(void)
{
    exclusion_with(&lock, &counter, conformance_rounds(2000));
}

static void exclusion_in_the_heap(void)
{
    long *mutex = (long *)shmem_calloc(1, sizeof(long));
    long *word = (long *)shmem_calloc(1, sizeof(long));
    exclusion_with(mutex, word, conformance_rounds(500));
    shmem_free(word);
    shmem_free(mutex);
}

/* As before, with the lock taken by test_lock alone, and by both. */
static void exclusion_by_testing(void)
{
    int n = conformance_n();
    int me = conformance_me();
    const int rounds = conformance_few(300, 10);
    counter = 0;
    shmem_barrier_all();
    for (int i = 0; i < rounds; i++) {
        if ((i + me) % 3 == 0) {
            shmem_set_lock(&lock);
        } else {
            int got;
            while ((got = shmem_test_lock(&lock)) != 0) {
                check(got == 1, "test_lock returned %d", got);
            }
        }
        careless_add(&counter, 0);
        shmem_clear_lock(&lock);
    }
    shmem_barrier_all();
    check(shmem_long_g(&counter, 0) == (long)n * rounds, "%ld additions",
          shmem_long_g(&counter, 0));
    shmem_barrier_all();
}

static void test_lock_answers(void)
{
    int me = conformance_me();
    int n = conformance_n();
    for (int holder = 0; holder < n; holder++) {
        if (me == holder) {
            check(shmem_test_lock(&lock) == 0, "a free lock was not taken");
        }
        shmem_barrier_all();
        if (me != holder) {
            check(shmem_test_lock(&lock) == 1, "a lock that PE %d holds was taken", holder);
        }
        shmem_barrier_all();
        if (me == holder) {
            shmem_clear_lock(&lock);
            check(shmem_test_lock(&lock) == 0, "a cleared lock was not taken");
            shmem_clear_lock(&lock);
        }
        shmem_barrier_all();
    }
}

/* The PEs ask for a lock that PE 0 holds one after the other, a good while apart; turn: this PE's
 * place among them.  True, on all, if they got it in that order. */
static bool served_in_turn(int turn, long apart_ms)
{
    static long next;
    static int good, all_good;
    int me = conformance_me();
    next = 0;
    good = 1;
    shmem_barrier_all();
    if (me == 0) {
        shmem_set_lock(&lock);
    }
    shmem_barrier_all();
    if (me != 0) {
        sleep_ms(apart_ms * turn);
        shmem_set_lock(&lock);
        order[0] = shmem_long_atomic_fetch_inc(&next, 0) + 1;
        good = order[0] == turn;
        shmem_clear_lock(&lock);
    } else {
        sleep_ms(apart_ms * (conformance_n() + 1));
        shmem_clear_lock(&lock);
    }
    shmem_int_min_reduce(SHMEM_TEAM_WORLD, &all_good, &good, 1);
    shmem_barrier_all();
    return all_good != 0;
}

/* Waiters get the lock in the order in which they came.  On a busy machine one may come late: then
 * once more, and further apart. */
static void first_come_first_served(void)
{
    int me = conformance_me();
    int n = conformance_n();
    if (n == 1) {
        skip("one PE has nobody to wait with");
        return;
    }
    for (int round = 0; round < 2; round++) {
        int turn = round == 0 ? me : n - me; /* PE 0 holds it; the others come 1, 2, ... */
        long apart_ms = 100;
        while (!served_in_turn(turn, apart_ms) && apart_ms < 5000) {
            apart_ms *= 4;
        }
        check(apart_ms < 5000, "came as number %d, was served as number %ld", turn, order[0]);
    }
}

/* Many locks at once, each for its own counter; and one PE holds several. */
static void many_locks(void)
{
    int n = conformance_n();
    int me = conformance_me();
    const int rounds = conformance_few(20, 1);
    const int more = conformance_few(50, 3);
    memset(counters, 0, sizeof(counters));
    shmem_barrier_all();
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < 64; i++) {
            int which = (i * 7 + me * 13 + round) % 64;
            shmem_set_lock(&locks[which]);
            careless_add(&counters[which], which % n);
            shmem_clear_lock(&locks[which]);
        }
    }
    shmem_barrier_all();
    for (int i = 0; i < 64; i++) {
        check(shmem_long_g(&counters[i], i % n) == (long)n * rounds, "counter %d is %ld", i,
              shmem_long_g(&counters[i], i % n));
    }
    shmem_barrier_all();
    for (int round = 0; round < more; round++) { /* in one order everywhere: no deadlock */
        for (int i = 0; i < 8; i++) {
            shmem_set_lock(&locks[i]);
        }
        careless_add(&counters[0], 0);
        for (int i = 7; i >= 0; i--) {
            shmem_clear_lock(&locks[i]);
        }
    }
    shmem_barrier_all();
    check(shmem_long_g(&counters[0], 0) == (long)n * (rounds + more), "%ld",
          shmem_long_g(&counters[0], 0));
    shmem_barrier_all();
}

/* clear_lock completes what the default context has under way, for whoever comes next. */
static void clearing_completes(void)
{
    enum { LONG = 4096 };
    static long shared[LONG];
    static long source[LONG];
    int n = conformance_n();
    int keeper = n - 1;
    const int rounds = conformance_few(100, 10);
    memset(shared, 0, sizeof(shared));
    shmem_barrier_all();
    for (int round = 0; round < rounds; round++) {
        shmem_set_lock(&lock);
        long seen[3] = {shmem_long_g(&shared[0], keeper), shmem_long_g(&shared[LONG / 2], keeper),
                        shmem_long_g(&shared[LONG - 1], keeper)};
        check(seen[0] == seen[1] && seen[1] == seen[2], "half a put: %ld, %ld, %ld", seen[0],
              seen[1], seen[2]);
        for (int i = 0; i < LONG; i++) {
            source[i] = seen[0] + 1;
        }
        shmem_long_put_nbi(shared, source, LONG, keeper);
        shmem_clear_lock(&lock);
    }
    shmem_barrier_all();
    check(shmem_long_g(&shared[7], keeper) == (long)n * rounds, "%ld rounds",
          shmem_long_g(&shared[7], keeper));
    shmem_barrier_all();
}

/* A waiter waits while the holder computes, and is not given the lock too early. */
static void a_long_hold(void)
{
    counter = 0;
    shmem_barrier_all();
    if (conformance_me() == 0) {
        shmem_set_lock(&lock);
        shmem_barrier_all();
        sleep_ms(200);
        shmem_long_p(&counter, 1, 0);
        shmem_clear_lock(&lock);
    } else {
        shmem_barrier_all();
        shmem_set_lock(&lock);
        check(shmem_long_g(&counter, 0) == 1, "got the lock while PE 0 held it");
        shmem_clear_lock(&lock);
    }
    shmem_barrier_all();
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"mutual exclusion", exclusion},
        {"mutual exclusion, lock in the heap", exclusion_in_the_heap},
        {"mutual exclusion by test_lock", exclusion_by_testing},
        {"test_lock's answers", test_lock_answers},
        {"first come, first served", first_come_first_served},
        {"many locks", many_locks},
        {"clear_lock completes puts", clearing_completes},
        {"a long hold", a_long_hold},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
