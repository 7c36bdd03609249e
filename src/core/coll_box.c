/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_box.c -- how leaders send each other data.
 *
 * Short data travels in words of eight bytes, four of data and the number of the call, each of
 * which arrives as a whole: the other looks at every word until it has the number.  So a message is
 * one put, and needs no order among what arrives, which many networks do not keep, and none cheaply
 * without.
 *
 *     word    | call | data |
 *             63     31     0
 *
 * A set of a box may be used by a call when all leaders have finished the call that used it before.
 * Each knows up to which call that is so: a step says it, and so does every algorithm in which each
 * leader waits, by way of others or not, for all others.  Where a row of calls is of another kind,
 * as broadcasts are, a step is made before the sets come round.
 */
#include <string.h>

#include "core/base/atomic.h"
#include "core/coll_net.h"
#include "core/coll_node.h"
#include "core/wait.h"

/* Words that are put at a time: networks copy so much, and the source is free at once. */
#define PUT_WORDS 512

/* This PE's set for the present call, at the address by which the others' are found. */
#define SET(team) (&my_box(team)->set[(team)->net->call % SHMI_BOX_SETS])

static struct shmi_box *my_box(const struct shmi_team *team)
{
    char *boxes = shmi_segments[SHMI_SEGMENT_HEAP].base + SHMI_BOXES_OFFSET;
    return (struct shmi_box *)(void *)boxes + team->id;
}

void shmi_box_begin(const char *who, struct shmi_team *team)
{
    struct shmi_net_group *group = team->net;
    group->call++;
    if ((uint32_t)group->call == 0) { /* what memory is at first */
        group->call++;
    }
    if (group->done + SHMI_BOX_SETS < group->call) { /* somebody may still read in the set */
        shmi_net_step(who, team);
    }
}

void shmi_box_end(struct shmi_team *team, bool all_met)
{
    struct shmi_net_group *group = team->net;
    if (all_met && group->done + 1 < group->call) { /* the last call may not be over everywhere */
        group->done = group->call - 1;
    }
}

char *shmi_box_table(const struct shmi_team *team)
{
    return SET(team)->table;
}

/* ---- short data ------------------------------------------------------- */

static uint64_t *word_at(const struct shmi_team *team, size_t place)
{
    return &SET(team)->word[place / sizeof(uint32_t)];
}

void shmi_box_send(const char *who, const struct shmi_team *team, size_t place, const void *source,
                   size_t len, int to)
{
    uint64_t words[PUT_WORDS];
    uint64_t number = team->net->call << 32;
    uint64_t *there = word_at(team, place);
    for (const char *from = source; len != 0;) {
        size_t n = 0;
        for (; n < PUT_WORDS && len != 0; n++) {
            size_t bytes = shmi_min(len, sizeof(uint32_t));
            uint32_t data = 0;
            memcpy(&data, from, bytes);
            words[n] = number | data;
            from += bytes;
            len -= bytes;
        }
        shmi_net_push(who, team, there, words, n * sizeof(*words), to);
        there += n;
    }
}

/* A wait for the next words of a message. */
struct receiving {
    struct shmi_waiting base;
    const uint64_t *word;
    char *dest;
    size_t len; /* that is still to come */
    uint32_t number;
};

/* Take what has come. */
static bool receive(struct shmi_waiting *waiting)
{
    struct receiving *r = (struct receiving *)waiting;
    while (r->len != 0) {
        /* The network writes it; there is nothing else to pair with. */
        uint64_t word = shmi_load_acquire(r->word);
        uint32_t data = (uint32_t)word;
        size_t bytes = shmi_min(r->len, sizeof(data));
        if (word >> 32 != r->number) {
            waiting->addr = r->word;
            return false;
        }
        memcpy(r->dest, &data, bytes);
        r->word++;
        r->dest += bytes;
        r->len -= bytes;
    }
    return true;
}

void shmi_box_receive(const char *who, const struct shmi_team *team, size_t place, void *dest,
                      size_t len, int from)
{
    struct receiving r = {
        .base = {.who = who, .pe = shmi_team_pe(team, from), .done = receive},
        .word = word_at(team, place),
        .dest = dest,
        .len = len,
        .number = (uint32_t)team->net->call,
    };
    for (int look = 0; look < shmi_looks; look++) {
        if (receive(&r.base)) {
            return;
        }
        shmi_pause();
    }
    shmi_wait(&r.base);
}

/* ---- flags ------------------------------------------------------------ */

/* Numbers of one call are above those of all earlier ones, so that flags are never reset. */
static uint64_t number_of(const struct shmi_team *team, uint64_t number)
{
    return (team->net->call << 20) + number;
}

void shmi_box_tell(const char *who, const struct shmi_team *team, int flag, uint64_t number,
                   bool after_puts, int to)
{
    shmi_net_tell(who, team, &SET(team)->flag[flag], number_of(team, number), after_puts, to);
}

void shmi_box_await(const char *who, const struct shmi_team *team, int flag, uint64_t number,
                    int from)
{
    shmi_wait_reached(who, &SET(team)->flag[flag], number_of(team, number),
                      shmi_team_pe(team, from));
}

/* The number of a step is above those of all earlier ones, too. */
void shmi_box_tell_put(const char *who, const struct shmi_team *team, int to)
{
    shmi_net_tell(who, team, &my_box(team)->from[team->my_pe], team->step, true, to);
}

void shmi_box_await_put(const char *who, const struct shmi_team *team, int from)
{
    shmi_wait_reached(who, &my_box(team)->from[from], team->step, shmi_team_pe(team, from));
}
