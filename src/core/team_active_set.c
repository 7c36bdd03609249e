/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * team_active_set.c -- teams for the deprecated collectives over active sets.
 *
 * An active set becomes a team at its first use and stays one.  Its members have nothing in common
 * yet but the pSync array of the call: each adds itself to pSync[0] of the set's first PE, the
 * root, which finds an id that is free on all of them, takes it there by atomics, and answers with
 * the first step in pSync[1] and the id in pSync[2].  Every word is SHMEM_SYNC_VALUE again at the
 * end.
 */
#include <stdlib.h>

#include "core/amo.h"
#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/hbm.h"
#include "core/order.h"
#include "core/rma.h"
#include "core/setup.h"
#include "core/team_make.h"
#include "core/wait.h"

enum { ARRIVED, FIRST, ID }; /* words of pSync */

struct active_set {
    int start;
    int log_stride;
    int size;
    struct shmi_team *team;
    struct active_set *next;
};

/* Sets are only ever added, in front, by the thread that uses them: readers need no lock. */
static struct active_set *sets;

static struct shmi_team *find(int start, int log_stride, int size)
{
    for (struct active_set *set = shmi_load_acquire(&sets); set != NULL; set = set->next) {
        if (set->start == start && set->log_stride == log_stride && set->size == size) {
            return set->team;
        }
    }
    return NULL;
}

static void remember(int start, int log_stride, int size, struct shmi_team *team)
{
    struct active_set *set = malloc(sizeof(*set));
    if (set == NULL) {
        shmi_fatal("out of memory for an active set");
    }
    *set = (struct active_set){start, log_stride, size, team, shmi_load_acquire(&sets)};
    while (!__atomic_compare_exchange_n(&sets, &set->next, set, false, __ATOMIC_RELEASE,
                                        __ATOMIC_ACQUIRE)) {
    }
}

static void update(const char *who, void *word, enum shmi_amo_op op, uint64_t value, int pe)
{
    shmi_amo(who, &shmi_ctx_default, op, word, sizeof(value), value, 0, SHMI_LATER, pe);
}

static uint64_t fetch(const char *who, const void *word, int pe)
{
    uint64_t value = 0;
    shmi_get(who, &shmi_ctx_default, &value, word, sizeof(value), pe, SHMI_NOW);
    return value;
}

/* A word of pSync, which may be device memory. */
static void wait_reached(const char *who, const long *word, uint64_t value, int pe)
{
    if (shmi_hbm_is(word)) {
        shmi_word_wait_reached(who, word, value, pe);
    } else {
        shmi_wait_reached(who, (const uint64_t *)word, value, pe);
    }
}

static void reset(long *word)
{
    _Static_assert(SHMEM_SYNC_VALUE == 0, "pSync is reset by zeros");
    if (shmi_hbm_is(word)) {
        shmi_hbm_zero(word, sizeof(*word));
    } else {
        *word = SHMEM_SYNC_VALUE;
    }
}

/* Take an id on one member; false: it is taken. */
static bool claim_at(const char *who, uint32_t id, int pe)
{
    uint64_t bit = UINT64_C(1) << (id % 64);
    uint64_t old = shmi_amo(who, &shmi_ctx_default, SHMI_AMO_AND, &shmi_ids_bits()[id / 64],
                            sizeof(bit), ~bit, 0, SHMI_NOW, pe);
    return (old & bit) != 0;
}

/* Take an id on all members, or on none. */
static bool claim_all(const char *who, const struct shmi_team *set, uint32_t id)
{
    for (int i = 0; i < set->n_pes; i++) {
        if (claim_at(who, id, shmi_team_pe(set, i))) {
            continue;
        }
        while (--i >= 0) {
            update(who, &shmi_ids_bits()[id / 64], SHMI_AMO_OR, UINT64_C(1) << (id % 64),
                   shmi_team_pe(set, i));
        }
        return false;
    }
    return true;
}

/* The lowest id that is free on all members, taken there. */
static uint32_t take_id(const char *who, const struct shmi_team *set)
{
    for (size_t word = 0; word < shmi_ids_words(); word++) {
        uint64_t bits = ~UINT64_C(0);
        for (int i = 0; i < set->n_pes && bits != 0; i++) {
            bits &= fetch(who, &shmi_ids_bits()[word], shmi_team_pe(set, i));
        }
        for (; bits != 0; bits &= bits - 1) {
            uint32_t id = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);
            if (claim_all(who, set, id)) {
                return id;
            }
        }
    }
    shmi_fatal(
        "%s: no team id is free for another active set; SHMEM_TEAMS_MAX, now %ld, allows more", who,
        shmi_config.teams_max);
}

/* The root's part: collect, decide, answer. */
static struct shmi_team *lead(const char *who, const struct shmi_team *shape, long *psync)
{
    uint64_t others = (uint64_t)shape->n_pes - 1;
    wait_reached(who, &psync[ARRIVED], others, -1);
    update(who, &psync[ARRIVED], SHMI_AMO_ADD, -others, shmi_job.my_pe);
    uint32_t id = take_id(who, shape);
    const struct shmi_slot *slots =
        (const struct shmi_slot *)(shmi_segments[SHMI_SEGMENT_HEAP].base + SHMI_SLOTS_OFFSET);
    uint64_t first = 0;
    for (int i = 0; i < shape->n_pes; i++) {
        first = shmi_max(first, fetch(who, &slots[id].last, shmi_team_pe(shape, i)));
    }
    struct shmi_team *team = shmi_team_make(shape, id, first);
    for (int i = 1; i < shape->n_pes; i++) {
        update(who, &psync[FIRST], SHMI_AMO_SET, first, shmi_team_pe(shape, i));
    }
    shmi_fence(&shmi_ctx_default);
    for (int i = 1; i < shape->n_pes; i++) {
        update(who, &psync[ID], SHMI_AMO_SET, (uint64_t)id + 1, shmi_team_pe(shape, i));
    }
    shmi_quiet(&shmi_ctx_default);
    return team;
}

static struct shmi_team *follow(const char *who, const struct shmi_team *shape, long *psync)
{
    int root = shmi_team_pe(shape, 0);
    update(who, &psync[ARRIVED], SHMI_AMO_ADD, 1, root);
    wait_reached(who, &psync[ID], 1, root);
    uint32_t id = (uint32_t)shmi_word_load(&psync[ID]) - 1;
    uint64_t first = shmi_word_load(&psync[FIRST]);
    reset(&psync[ID]);
    reset(&psync[FIRST]);
    return shmi_team_make(shape, id, first);
}

struct shmi_team *shmi_team_active_set(const char *who, int start, int log_stride, int size,
                                       long *psync)
{
    struct shmi_team *team = find(start, log_stride, size);
    if (shmi_likely(team != NULL)) {
        return team;
    }
    shmi_require_running(who);
    long last = (long)start + (((long)size - 1) << log_stride);
    if (start < 0 || size < 1 || log_stride < 0 || log_stride > 30 || last >= shmi_job.n_pes) {
        shmi_fatal("%s: PE_start %d, logPE_stride %d, PE_size %d leave the PEs 0 to %d", who, start,
                   log_stride, size, shmi_job.n_pes - 1);
    }
    struct shmi_team shape = {.start = start, .stride = 1 << log_stride, .n_pes = size};
    shape.my_pe = shmi_team_member(&shape, shmi_job.my_pe);
    if (shape.my_pe < 0 && !shmi_config.check) {
        return NULL;
    }
    if (shape.my_pe < 0) {
        shmi_fatal("%s: this PE is not in the active set of %d PEs from %d, %d apart", who, size,
                   start, 1 << log_stride);
    }
    team = shape.my_pe == 0 ? lead(who, &shape, psync) : follow(who, &shape, psync);
    remember(start, log_stride, size, team);
    return team;
}

void shmi_active_sets_close(void)
{
    while (sets != NULL) {
        struct active_set *set = sets;
        sets = set->next;
        free(set);
    }
}
