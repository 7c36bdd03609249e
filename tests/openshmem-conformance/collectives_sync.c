/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * collectives_sync.c -- 9.10.1 to 9.10.4: barrier_all, sync_all, team_sync.
 */
#include <time.h>

#include "subteams.h"

enum { ROUNDS = 3000, WORDS = 64 };

static long phase;        /* of this PE: how far it has come; read by the others */
static long slots[WORDS]; /* written by the others */
static long big[4096];

/* Nobody leaves round i before everybody has entered it: each PE announces its round by a plain
 * store, and looks at a different neighbour's in each round. */
static void nobody_leaves_early(shmem_team_t team, void (*meet)(shmem_team_t), int rounds)
{
    int me = shmem_team_my_pe(team);
    int n = shmem_team_n_pes(team);
    for (int i = 1; i <= rounds; i++) {
        __atomic_store_n(&phase, i, __ATOMIC_RELAXED);
        meet(team);
        int other = (me + i) % n;
        int pe = shmem_team_translate_pe(team, other, SHMEM_TEAM_WORLD);
        long theirs = shmem_long_g(&phase, pe);
        /* It may have left, and entered the next; it cannot have left that without me. */
        check(theirs == i || theirs == i + 1, "round %d: member %d is in round %ld", i, other,
              theirs);
    }
    meet(team);
    phase = 0;
    meet(team);
}

static void meet_barrier(shmem_team_t team)
{
    (void)team;
    shmem_barrier_all();
}

static void meet_sync_all(shmem_team_t team)
{
    (void)team;
    shmem_sync_all();
}

static void meet_team_sync(shmem_team_t team)
{
    check(shmem_team_sync(team) == 0, "team_sync failed");
}

static void meet_generic(shmem_team_t team)
{
    check(shmem_sync(team) == 0, "the generic sync failed");
}

static void barrier_waits_for_all(void)
{
    nobody_leaves_early(SHMEM_TEAM_WORLD, meet_barrier, conformance_rounds(ROUNDS));
}

static void sync_all_waits_for_all(void)
{
    nobody_leaves_early(SHMEM_TEAM_WORLD, meet_sync_all, conformance_rounds(ROUNDS));
}

static void team_sync_of(const struct subteam *team, void *arg)
{
    (void)arg;
    nobody_leaves_early(team->team, meet_team_sync, conformance_few(500, 10));
    nobody_leaves_early(team->team, meet_generic, conformance_few(50, 5));
}

static void team_sync_waits_for_members(void)
{
    subteams_run(team_sync_of, NULL);
}

/* A PE that comes late by far more than any spinning lasts. */
static void late_arrival(void)
{
    for (int late = 0; late < conformance_n(); late++) {
        phase = 0;
        shmem_sync_all();
        if (late == conformance_me()) {
            nanosleep(&(struct timespec){.tv_nsec = 60 * 1000 * 1000}, NULL);
            phase = 1;
        }
        shmem_sync_all();
        check(shmem_long_g(&phase, late) == 1, "left the barrier before PE %d came", late);
        shmem_sync_all();
    }
}

/* Puts, strided puts, atomics and non-blocking puts of before a barrier are there after it. */
static void barrier_completes_updates(void)
{
    int me = conformance_me();
    int n = conformance_n();
    int right = (me + 1) % n;
    int left = (me + n - 1) % n;

    static long source[4096]; /* of a non-blocking put: must live until the barrier */
    static long sum;
    sum = 0;
    shmem_barrier_all();
    for (int round = 1; round <= 200; round++) {
        for (int i = 0; i < 4096; i++) {
            source[i] = round * 1000L + me + i;
        }
        shmem_long_put_nbi(big, source, 4096, right);
        shmem_long_p(&slots[0], round * 10L + me, right);
        shmem_long_iput(&slots[1], source, 2, 3, 4, right);
        for (int pe = 0; pe < n; pe++) {
            shmem_long_atomic_add(&sum, me + 1, pe);
        }
        shmem_barrier_all();
        bool whole = true;
        for (int i = 0; i < 4096; i++) {
            whole = whole && big[i] == round * 1000L + left + i;
        }
        check(whole, "round %d: the put of PE %d is not there", round, left);
        check(slots[0] == round * 10L + left, "round %d: p wrote %ld", round, slots[0]);
        for (int i = 0; i < 4; i++) {
            check(slots[1 + 2 * i] == round * 1000L + left + 3 * i,
                  "round %d: iput's element %d is %ld", round, i, slots[1 + 2 * i]);
        }
        check(sum == round * (n * (n + 1L) / 2), "round %d: the additions make %ld", round, sum);
        shmem_barrier_all();
    }
}

/* sync completes plain stores, through shmem_ptr too. */
static void sync_completes_stores(void)
{
    const int rounds = conformance_rounds(1000);
    int n = conformance_n();
    int me = conformance_me();
    int right = (me + 1) % n;
    int left = (me + n - 1) % n;

    long *theirs = (long *)shmem_ptr(slots, right);
    for (int round = 1; round <= rounds; round++) {
        if (theirs != NULL) {
            for (int i = 0; i < 8; i++) {
                theirs[i] = round * 100L + me + i;
            }
        } else {
            for (int i = 0; i < 8; i++) {
                shmem_long_p(&slots[i], round * 100L + me + i, right);
            }
            shmem_quiet();
        }
        shmem_sync_all();
        for (int i = 0; i < 8; i++) {
            check(slots[i] == round * 100L + left + i, "round %d: word %d is %ld", round, i,
                  slots[i]);
        }
        shmem_sync_all();
    }
}

/* Different kinds of synchronisation right after each other. */
static void kinds_mixed(void)
{
    struct subteams teams;
    subteams_open(&teams);
    static long count;
    count = 0;
    shmem_barrier_all();
    long expected = 0;
    const int rounds = conformance_few(100, 5);
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < teams.n; i++) {
            if (teams.list[i].team == SHMEM_TEAM_INVALID) {
                continue;
            }
            check(shmem_team_sync(teams.list[i].team) == 0, "team_sync failed");
            shmem_long_atomic_inc(&count, conformance_me());
            expected++;
        }
        shmem_sync_all();
        shmem_barrier_all();
    }
    check(count == expected, "%ld synchronisations instead of %ld", count, expected);
    subteams_close(&teams);
}

/* Two halves of the world synchronise at their own pace. */
static void teams_are_independent(void)
{
    int n = conformance_n();
    int me = conformance_me();
    int half = (n + 1) / 2;
    shmem_team_t low = SHMEM_TEAM_INVALID;
    shmem_team_t high = SHMEM_TEAM_INVALID;
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, half, NULL, 0, &low);
    if (n > half) {
        shmem_team_split_strided(SHMEM_TEAM_WORLD, half, 1, n - half, NULL, 0, &high);
    }
    nobody_leaves_early(me < half ? low : high, meet_team_sync,
                        me < half ? conformance_few(200, 10) : conformance_few(1000, 50));
    shmem_barrier_all();
    shmem_team_destroy(low);
    shmem_team_destroy(high);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"barrier_all: nobody leaves before all have come", barrier_waits_for_all},
        {"sync_all: nobody leaves before all have come", sync_all_waits_for_all},
        {"team_sync on all kinds of teams", team_sync_waits_for_members},
        {"a PE that comes late", late_arrival},
        {"barrier_all completes puts and atomics", barrier_completes_updates},
        {"sync_all completes stores", sync_completes_stores},
        {"sync and barrier right after each other", kinds_mixed},
        {"disjoint teams synchronise at their own pace", teams_are_independent},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
