/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * team_split.c -- making teams out of teams (sections 9.4.6 and 9.4.7).
 *
 * A split is collective over the parent.  Its members agree twice, each time by one small
 * reduction: which id is free for all members of the new team, and whether all could take it,
 * together with the step from which the new team counts: past all steps ever made in the slots of
 * that id, so that no number in them is ever taken for a new one.
 */
#include <errno.h>

#include "core/base/config.h"
#include "core/base/export.h"
#include "core/base/log.h"
#include "core/check.h"
#include "core/coll.h"
#include "core/setup.h"
#include "core/team_make.h"

/* Words of ids that travel in one reduction. */
#define WINDOW (SHMI_PAYLOAD / sizeof(uint64_t))

/* The lowest id from a word on that is free on all members of new teams; -1: there is none. */
static int64_t find_id(const char *who, struct shmi_team *parent, bool is_member, size_t *from)
{
    uint64_t bits[WINDOW];
    for (; *from < shmi_ids_words(); *from += WINDOW) {
        size_t n = shmi_min(WINDOW, shmi_ids_words() - *from);
        for (size_t i = 0; i < n; i++) {
            bits[i] = is_member ? shmi_ids_word(*from + i) : ~UINT64_C(0);
        }
        shmi_coll_agree(who, parent, SHMI_AGREE_AND, bits, bits, n);
        for (size_t i = 0; i < n; i++) {
            if (bits[i] != 0) {
                return (int64_t)((*from + i) * 64) + __builtin_ctzll(bits[i]);
            }
        }
    }
    return -1;
}

/* Agree on an id and a first step for the team (or teams, if disjoint) that members are in. */
static int64_t agree_id(const char *who, struct shmi_team *parent, bool is_member, uint64_t *first)
{
    size_t from = 0;
    for (;;) {
        int64_t id = find_id(who, parent, is_member, &from);
        if (id < 0) {
            return -1;
        }
        bool claimed = is_member && shmi_id_claim((uint32_t)id);
        uint64_t answer[2] = {
            is_member && !claimed, /* another thread of this PE was faster */
            is_member ? shmi_id_last((uint32_t)id) : 0,
        };
        shmi_coll_agree(who, parent, SHMI_AGREE_MAX, answer, answer, 2);
        if (answer[0] == 0) {
            *first = answer[1];
            return id;
        }
        if (claimed) {
            shmi_id_release((uint32_t)id, shmi_id_last((uint32_t)id));
        }
    }
}

/* The team of the members start, start + stride, ... of the parent; shape->n_pes == 0 where this PE
 * is in none.  Every PE of the parent calls it.  0, or -1 on all of them. */
static int make(const char *who, struct shmi_team *parent, const struct shmi_team *shape,
                shmem_team_t *new_team)
{
    uint64_t first = 0;
    int64_t id = agree_id(who, parent, shape->n_pes != 0, &first);
    if (id < 0) {
        if (parent->my_pe == 0) {
            shmi_error("%s: a PE is a member of %ld teams already; SHMEM_TEAMS_MAX allows more",
                       who, shmi_config.teams_max);
        }
        return -1;
    }
    if (shape->n_pes != 0) {
        *new_team = shmi_team_handle(shmi_team_make(shape, (uint32_t)id, first));
    }
    return 0;
}

static int contexts_of(const shmem_team_config_t *config, long mask)
{
    return config != NULL && (mask & SHMEM_TEAM_NUM_CONTEXTS) != 0 ? config->num_contexts : 0;
}

/* Members start + i * stride of the parent, described in terms of its oldest ancestor. */
static struct shmi_team shape_of(const struct shmi_team *parent, int start, int stride, int size,
                                 int my_index)
{
    return (struct shmi_team){
        .root = parent->root,
        .start = parent->start + start * parent->stride,
        .stride = stride * parent->stride,
        .n_pes = my_index < 0 ? 0 : size,
        .my_pe = my_index,
    };
}

/* Which of start, start + stride, ... is the parent's member pe?  -1: none. */
static int index_in(int start, int stride, int size, int pe)
{
    for (int i = 0; i < size; i++) {
        if (start + i * stride == pe) {
            return i;
        }
    }
    return -1;
}

struct shmi_team *shmi_team_twin(const char *who, struct shmi_team *team)
{
    shmem_team_t twin = SHMEM_TEAM_INVALID;
    struct shmi_team shape = shape_of(team, 0, 1, team->n_pes, team->my_pe);
    return make(who, team, &shape, &twin) == 0 ? shmi_team_of(twin) : NULL;
}

static bool is_valid_triplet(const struct shmi_team *parent, int start, int stride, int size)
{
    long last = (long)start + (long)stride * ((long)size - 1);
    bool in_range = start >= 0 && start < parent->n_pes && size >= 1 && size <= parent->n_pes;
    bool distinct = stride != 0 || size == 1;
    return in_range && distinct && last >= 0 && last < parent->n_pes;
}

int shmem_team_split_strided(shmem_team_t parent_team, int start, int stride, int size,
                             const shmem_team_config_t *config, long config_mask,
                             shmem_team_t *new_team)
{
    shmi_require_running(__func__);
    *new_team = SHMEM_TEAM_INVALID;
    struct shmi_team *parent = shmi_team_of(parent_team);
    if (parent == NULL || (config == NULL && config_mask != 0)) {
        return -1;
    }
    shmi_check_same(__func__, parent, "start", (uint64_t)(uint32_t)start);
    shmi_check_same(__func__, parent, "stride", (uint64_t)(uint32_t)stride);
    shmi_check_same(__func__, parent, "size", (uint64_t)(uint32_t)size);
    if (!is_valid_triplet(parent, start, stride, size)) {
        if (parent->my_pe == 0) {
            shmi_debug("%s: start %d, stride %d, size %d leave the parent's PEs 0 to %d", __func__,
                       start, stride, size, parent->n_pes - 1);
        }
        return -1;
    }
    int my_index = index_in(start, stride, size, parent->my_pe);
    struct shmi_team shape = shape_of(parent, start, stride, size, my_index);
    shape.num_contexts = contexts_of(config, config_mask);
    return make(__func__, parent, &shape, new_team);
}
PSHMEM(_team_split_strided)

int shmem_team_split_2d(shmem_team_t parent_team, int xrange,
                        const shmem_team_config_t *xaxis_config, long xaxis_mask,
                        shmem_team_t *xaxis_team, const shmem_team_config_t *yaxis_config,
                        long yaxis_mask, shmem_team_t *yaxis_team)
{
    shmi_require_running(__func__);
    *xaxis_team = SHMEM_TEAM_INVALID;
    *yaxis_team = SHMEM_TEAM_INVALID;
    struct shmi_team *parent = shmi_team_of(parent_team);
    if (parent == NULL || (xaxis_config == NULL && xaxis_mask != 0) ||
        (yaxis_config == NULL && yaxis_mask != 0)) {
        return -1;
    }
    shmi_check_same(__func__, parent, "xrange", (uint64_t)(uint32_t)xrange);
    if (xrange < 1) {
        return -1;
    }
    int n = parent->n_pes;
    int width = xrange < n ? xrange : n;
    int x = parent->my_pe % width;
    int y = parent->my_pe / width;
    int row = y * width; /* the last row may be short, and so may be the columns that miss it */
    int row_len = row + width <= n ? width : n - row;
    int column_len = (n - x + width - 1) / width;
    struct shmi_team xshape = shape_of(parent, row, 1, row_len, x);
    struct shmi_team yshape = shape_of(parent, x, width, column_len, y);
    xshape.num_contexts = contexts_of(xaxis_config, xaxis_mask);
    yshape.num_contexts = contexts_of(yaxis_config, yaxis_mask);
    if (make(__func__, parent, &xshape, xaxis_team) != 0) {
        return -1;
    }
    if (make(__func__, parent, &yshape, yaxis_team) != 0) {
        shmem_team_t made = *xaxis_team;
        *xaxis_team = SHMEM_TEAM_INVALID;
        shmi_team_abandon(shmi_team_of(made));
        return -1;
    }
    return 0;
}
PSHMEM(_team_split_2d)
