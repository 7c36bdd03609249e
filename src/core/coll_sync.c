/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_sync.c -- barriers and synchronisation (9.10.1 to 9.10.4).
 *
 * A member announces a step by one store, after everything it has written before, and waits until
 * it knows that all others have announced the same step or a later one.  `pair` and `flat` look at
 * each member's own announcement: the fewest delays in a row, n reads each.  `dissemination` tells
 * the member 2^r places ahead, in round r, that the 2^r members up to this one have arrived:
 * log2(n) delays in a row, log2(n) reads.
 *
 * What a member has written before the step is visible to all after it: each announcement is a
 * release, each look an acquire, and the chain of rounds passes on what the earlier rounds brought.
 */
#include "core/coll_node.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/config.h"
#include "core/base/log.h"
#include "core/check.h"
#include "core/coll_net.h"
#include "core/ctx.h"
#include "core/order.h"
#include "core/program.h"
#include "core/setup.h"
#include "core/stats.h"
#include "core/trace.h"
#include "core/wait.h"

/* Returns once member i has announced the step. */
static inline void wait_for(const char *who, const struct shmi_team *team, int i, uint64_t step)
{
    /* Pairs with the release in announce(). */
    shmi_wait_reached(who, &shmi_node_slot(team, i)->arrived, step, shmi_team_pe(team, i));
}

void shmi_node_tell(struct shmi_team *team)
{
    /* Pairs with the acquire in wait_for(). */
    shmi_store_release(&shmi_node_slot(team, team->my_pe)->arrived, ++team->step);
}

const unsigned char *shmi_node_hear(const char *who, struct shmi_team *team, int i)
{
    wait_for(who, team, i, team->step + 1);
    return shmi_node_payload(team, i, team->step + 1);
}

static void wait_for_all(const char *who, struct shmi_team *team, uint64_t step)
{
    for (int i = 1; i < team->n_pes; i++) {
        wait_for(who, team, shmi_node_after(team, i), step);
    }
    team->met = step;
}

void shmi_node_catch_up(const char *who, struct shmi_team *team)
{
    wait_for_all(who, team, team->step - (SHMI_PAYLOADS - 2));
}

static void sync_alone(const char *who, struct shmi_team *team)
{
    (void)who;
    team->met = ++team->step;
}

static void sync_pair(const char *who, struct shmi_team *team)
{
    int me = team->my_pe;
    uint64_t step = ++team->step;
    /* Pairs with the acquire in the other's shmi_wait_reached(). */
    shmi_store_release(&team->near[me]->arrived, step);
    shmi_wait_reached(who, &team->near[1 - me]->arrived, step, shmi_team_pe(team, 1 - me));
    team->met = step;
}

static void sync_flat(const char *who, struct shmi_team *team)
{
    shmi_node_tell(team);
    wait_for_all(who, team, team->step);
}

static void sync_dissemination(const char *who, struct shmi_team *team)
{
    int n = team->n_pes;
    struct shmi_slot *mine = shmi_node_slot(team, team->my_pe);
    shmi_node_tell(team); /* to those who will want to know after a step without rounds */
    uint64_t step = team->step;
    for (int round = 0, distance = 1; distance < n; round++, distance *= 2) {
        int to = (team->my_pe + distance) % n;
        int from = (team->my_pe - distance + n) % n;
        /* A release for the acquire of the same round there. */
        shmi_store_release(&shmi_node_slot(team, to)->round[round].step, step);
        shmi_wait_reached(who, &mine->round[round].step, step, shmi_team_pe(team, from));
    }
    team->met = step;
}

/* What SHMEM_BARRIER_ALGORITHM names, and up to how many members `auto` takes it: with eight on two
 * cores, too, the fewest delays in a row are the best. */
static const struct {
    const char *name;
    int n_pes;
    void (*sync)(const char *who, struct shmi_team *team);
} algorithms[] = {
    /* clang-format off */
    {"alone",         1,       sync_alone},
    {"pair",          2,       sync_pair},
    {"flat",          16,      sync_flat},
    {"dissemination", INT_MAX, sync_dissemination},
    /* clang-format on */
};

static size_t choose(const char *name, int n_pes)
{
    size_t chosen = 0;
    while (n_pes > algorithms[chosen].n_pes) {
        chosen++;
    }
    for (size_t i = 0; n_pes > 2 && i < SHMI_COUNT(algorithms); i++) {
        if (strcmp(name, algorithms[i].name) == 0) {
            chosen = i;
        }
    }
    return chosen;
}

bool shmi_node_meet(struct shmi_team *team)
{
    if (!team->on_node) {
        return false;
    }
    for (int i = 0; i < team->n_pes && i < SHMI_NEAR; i++) {
        team->near[i] = shmi_team_slot(team, i);
    }
    team->sync = algorithms[choose(shmi_config.barrier_algorithm, team->n_pes)].sync;
    return true;
}

bool shmi_node_maps(const char *who, const struct shmi_team *team, const void *addr)
{
    if (shmi_program_is_constant(addr)) {
        return false;
    }
    if (shmi_segment_of(addr) == NULL) {
        shmi_check_not_symmetric(who, "the buffer", addr);
    }
    return shmi_node_reach(team, addr, team->n_pes > 1 && team->my_pe == 0 ? 1 : 0) != NULL;
}

void *shmi_node_aside(const char *who, size_t len)
{
    void *aside = malloc(len);
    if (aside == NULL) {
        shmi_fatal("%s: no memory for %zu bytes in which to work in place", who, len);
    }
    return aside;
}

void shmi_coll_sync(const char *who, struct shmi_team *team)
{
    if (shmi_unlikely(shmi_observing)) {
        shmi_coll_observe(who, team, NULL, 0, NULL, 0);
    }
    uint64_t begun = shmi_trace_begin();
    if (shmi_node_has(team)) {
        shmi_node_sync(who, team);
    } else {
        shmi_net_sync(who, team);
    }
    shmi_trace_end(begun, who, -1, 0);
}

/* `alone`, `pair` and `flat` announce in the same way, and nothing else. */
bool shmi_coll_sync_begin(struct shmi_team *team)
{
    bool can = shmi_node_has(team) && team->sync != sync_dissemination && !shmi_observing;
    if (can) {
        shmi_node_tell(team);
    }
    return can;
}

bool shmi_coll_sync_has_ended(struct shmi_team *team)
{
    for (int i = 1; i < team->n_pes; i++) {
        /* Pairs with the release in shmi_node_tell(). */
        const struct shmi_slot *slot = shmi_node_slot(team, shmi_node_after(team, i));
        if (shmi_load_acquire(&slot->arrived) < team->step) {
            return false;
        }
    }
    team->met = team->step;
    return true;
}

void shmi_coll_sync_end(const char *who, struct shmi_team *team)
{
    wait_for_all(who, team, team->step);
}

/* A number for a routine's name. */
static uint64_t hash(const char *text)
{
    uint64_t number = 0;
    while (*text != '\0') {
        number = number * 31 + (unsigned char)*text++;
    }
    return number;
}

static void check_buffer(const char *who, struct shmi_team *team, const char *what,
                         const void *addr, size_t len)
{
    const struct shmi_segment *seg = shmi_segment_of(addr);
    shmi_check_symmetric(who, what, addr, len);
    if (seg != NULL) {
        char offset[64];
        snprintf(offset, sizeof(offset), "the offset of %s in the %s", what, seg->name);
        shmi_check_same(who, team, offset, (uint64_t)((const char *)addr - seg->base));
    }
}

void shmi_coll_observe(const char *who, struct shmi_team *team, const void *dest, size_t dest_len,
                       const void *source, size_t source_len)
{
    uint64_t name[2] = {hash(who), ~hash(who)};
    shmi_stats_count(SHMI_STATS_COLL, source_len);
    if (!shmi_config.check) {
        return;
    }
    shmi_coll_agree(who, team, SHMI_AGREE_MAX, name, name, 2);
    if (name[0] != ~name[1]) {
        shmi_fatal("%s: other members of this team of %d are in another collective", who,
                   team->n_pes);
    }
    shmi_check_same(who, team, "the length in bytes", source_len);
    if (source_len == 0) {
        return;
    }
    check_buffer(who, team, "dest", dest, dest_len);
    if (!shmi_program_is_constant(source)) {
        check_buffer(who, team, "source", source, source_len);
    }
    bool before = (const char *)dest + dest_len <= (const char *)source;
    bool after = (const char *)source + source_len <= (const char *)dest;
    if (dest != source && !before && !after) {
        shmi_fatal("%s: dest %p + %zu bytes and source %p + %zu bytes overlap; they must be apart, "
                   "or the same",
                   who, dest, dest_len, source, source_len);
    }
}

static void agree_and(void *acc_bytes, const void *in_bytes, size_t n)
{
    uint64_t *acc = acc_bytes;
    const uint64_t *in = in_bytes;
    for (size_t i = 0; i < n; i++) {
        acc[i] &= in[i];
    }
}

static void agree_max(void *acc_bytes, const void *in_bytes, size_t n)
{
    uint64_t *acc = acc_bytes;
    const uint64_t *in = in_bytes;
    for (size_t i = 0; i < n; i++) {
        acc[i] = shmi_max(acc[i], in[i]);
    }
}

void shmi_coll_agree(const char *who, struct shmi_team *team, enum shmi_agree how,
                     const uint64_t *mine, uint64_t *result, size_t n)
{
    shmi_combine *combine = how == SHMI_AGREE_AND ? agree_and : agree_max;
    if (shmi_node_has(team)) {
        shmi_node_reduce(who, team, (char *)result, (const char *)mine, n, sizeof(*mine), combine);
    } else {
        shmi_net_reduce(who, team, (char *)result, (const char *)mine, n, sizeof(*mine), combine);
    }
}

void shmem_barrier_all(void)
{
    struct shmi_team *world = shmi_team_required("shmem_barrier_all", SHMEM_TEAM_WORLD);
    shmi_quiet(&shmi_ctx_default);
    shmi_coll_sync("shmem_barrier_all", world);
}
PSHMEM(_barrier_all)

void shmem_sync_all(void)
{
    shmi_coll_sync("shmem_sync_all", shmi_team_required("shmem_sync_all", SHMEM_TEAM_WORLD));
}
PSHMEM(_sync_all)

int shmem_team_sync(shmem_team_t handle)
{
    const char *who = "shmem_team_sync";
    struct shmi_team *team =
        shmi_config.check ? shmi_team_required(who, handle) : shmi_team_of(handle);
    if (team == NULL) {
        shmi_require_running(who);
        return -EINVAL;
    }
    shmi_coll_sync(who, team);
    return 0;
}
PSHMEM(_team_sync)
