/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * subteams.h -- the teams that collectives are tried on.
 *
 * All PEs of the world walk through the list together: subteams_run calls its function on the
 * members of each team, and brings the world together again before the next.
 */
#ifndef SUBTEAMS_H
#define SUBTEAMS_H

#include "conformance.h"

enum { SUBTEAMS = 8 };

struct subteam {
    const char *name;
    shmem_team_t team; /* SHMEM_TEAM_INVALID on PEs that are not in it */
};

struct subteams {
    struct subteam list[SUBTEAMS];
    int n;
};

static inline void subteams_add(struct subteams *teams, const char *name, int start, int stride,
                                int size)
{
    struct subteam *at = &teams->list[teams->n];
    at->name = name;
    at->team = SHMEM_TEAM_INVALID;
    if (size < 1) {
        return;
    }
    int failed =
        shmem_team_split_strided(SHMEM_TEAM_WORLD, start, stride, size, NULL, 0, &at->team);
    if (check(failed == 0, "splitting off the team '%s' failed with %d", name, failed)) {
        teams->n++;
    }
}

static inline void subteams_open(struct subteams *teams)
{
    int n = shmem_n_pes();
    teams->n = 2;
    teams->list[0] = (struct subteam){.name = "the world", .team = SHMEM_TEAM_WORLD};
    teams->list[1] = (struct subteam){.name = "the shared team", .team = SHMEM_TEAM_SHARED};
    subteams_add(teams, "the even PEs", 0, 2, (n + 1) / 2);
    subteams_add(teams, "the odd PEs", 1, 2, n / 2);
    subteams_add(teams, "all but the first", 1, 1, n - 1);
    subteams_add(teams, "the world backwards", n - 1, -1, n);
    subteams_add(teams, "every second PE, backwards", n - 1, -2, (n + 1) / 2);
    subteams_add(teams, "the last alone", n - 1, 1, 1);
}

static inline void subteams_close(struct subteams *teams)
{
    shmem_barrier_all();
    for (int i = 2; i < teams->n; i++) {
        shmem_team_destroy(teams->list[i].team);
    }
}

/* run(team, arg) on the members of every team. */
static inline void subteams_run(void (*run)(const struct subteam *team, void *arg), void *arg)
{
    struct subteams teams;
    subteams_open(&teams);
    for (int i = 0; i < teams.n; i++) {
        if (teams.list[i].team != SHMEM_TEAM_INVALID) {
            run(&teams.list[i], arg);
        }
        shmem_barrier_all();
    }
    subteams_close(&teams);
}

/* Bytes that tell who wrote them, and where: byte `at` of what `who` contributes. */
static inline unsigned char pattern_byte(unsigned who, size_t at)
{
    return (unsigned char)(who * 131 + at * 7 + (at >> 8) * 13 + (at >> 16) * 3 + 1);
}

static inline void pattern_fill(void *memory, unsigned who, size_t from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((unsigned char *)memory)[i] = pattern_byte(who, from + i);
    }
}

static inline bool pattern_is(const void *memory, unsigned who, size_t from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((const unsigned char *)memory)[i] != pattern_byte(who, from + i)) {
            return false;
        }
    }
    return true;
}

/* Is every byte still what it was set to? */
static inline bool pattern_untouched(const void *memory, int byte, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((const unsigned char *)memory)[i] != (unsigned char)byte) {
            return false;
        }
    }
    return true;
}

#endif
