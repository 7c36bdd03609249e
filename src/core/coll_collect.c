/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_collect.c -- collect and fcollect (9.10.8): everybody's contributions, one after the other.
 *
 * In a collect the lengths differ and only their owners know them, so each member's length travels
 * in front of its payload, with the address of what did not fit.
 */
#include "core/coll_node.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/coll_hbm.h"
#include "core/coll_net.h"
#include "core/copy.h"
#include "core/program.h"
#include "core/setup.h"
#include "core/trace.h"

static void fcollect_pieces(const char *who, struct shmi_team *team, char *dest, const char *source,
                            size_t len)
{
    /* In place, source is the first block of dest; of it, each piece is sent before member 0's
     * piece of the same place is written over it. */
    for (size_t at = 0; at < len; at += SHMI_PAYLOAD) {
        size_t piece = shmi_min(len - at, SHMI_PAYLOAD);
        shmi_node_copy(shmi_node_outbox(who, team), source + at, piece);
        shmi_node_sync(who, team);
        for (int i = 0; i < team->n_pes; i++) {
            shmi_node_copy(dest + (size_t)i * len + at, shmi_node_inbox(team, i), piece);
        }
    }
}

static void fcollect_direct(const char *who, struct shmi_team *team, char *dest, const char *source,
                            size_t len)
{
    size_t total = (size_t)team->n_pes * len;
    char *to = dest == source ? shmi_node_aside(who, total) : dest;
    shmi_node_sync(who, team);
    for (int i = 0; i < team->n_pes; i++) {
        int from = shmi_node_after(team, i);
        shmi_copy(to + (size_t)from * len, shmi_node_reach(team, source, from), len);
    }
    shmi_node_sync(who, team);
    if (to != dest) {
        shmi_copy(dest, to, total);
        free(to);
    }
}

static void fcollect_node(const char *who, struct shmi_team *team, char *dest, const char *source,
                          size_t len)
{
    if (len <= SHMI_PAYLOAD || !shmi_node_maps(who, team, source)) {
        fcollect_pieces(who, team, dest, source, len);
    } else {
        fcollect_direct(who, team, dest, source, len);
    }
}

void shmi_coll_fcollect(const char *who, struct shmi_team *team, void *dest, const void *source,
                        size_t len)
{
    if (shmi_unlikely(shmi_observing)) {
        shmi_coll_observe(who, team, dest, (size_t)team->n_pes * len, source, len);
    }
    uint64_t begun = shmi_trace_begin();
    if (len != 0 && shmi_hbm_either(dest, source)) {
        shmi_hbm_fcollect(who, team, dest, source, len);
    } else if (shmi_node_has(team)) {
        fcollect_node(who, team, dest, source, len);
    } else {
        shmi_net_fcollect(who, team, dest, source, len);
    }
    shmi_trace_end(begun, who, -1, len);
}

/* What a member of a collect puts in its payload. */
struct offer {
    size_t len;     /* of the whole contribution */
    size_t segment; /* where it lies, in the owner's terms; SHMI_SEGMENTS: in none */
    size_t offset;
    char piece[SHMI_PAYLOAD - 3 * sizeof(size_t)];
};

#define PIECE sizeof(((struct offer *)NULL)->piece)

/* What all offers say together. */
struct survey {
    size_t total;
    size_t before; /* of the members before me */
    size_t longest;
    bool direct; /* what does not fit in a piece is mapped here, from all members */
};

static const struct offer *offer_of(const struct shmi_team *team, int i)
{
    return (const struct offer *)shmi_node_inbox(team, i);
}

/* Publish my contribution from `at` on, as much as fits, and meet the others. */
static void exchange(const char *who, struct shmi_team *team, const char *source, size_t len,
                     size_t at)
{
    struct offer *mine = (struct offer *)shmi_node_outbox(who, team);
    mine->len = len;
    mine->segment = SHMI_SEGMENTS;
    if (len > PIECE) {
        const struct shmi_segment *seg = shmi_segment_of(source);
        if (seg != NULL) {
            mine->segment = (size_t)(seg - shmi_segments);
            mine->offset = (size_t)(source - seg->base);
        }
    }
    if (at < len) {
        memcpy(mine->piece, source + at, shmi_min(len - at, PIECE));
    }
    shmi_node_sync(who, team);
}

/* Is this offer's source mapped by the other processes?  All members give the same answer: static
 * data is shared on the whole node or not at all. */
static bool is_mapped(const struct shmi_team *team, const struct offer *offer)
{
    if (offer->segment == SHMI_SEGMENTS) {
        return false;
    }
    int other = team->n_pes > 1 && team->my_pe == 0 ? 1 : 0;
    return shmi_segments[offer->segment].window[shmi_team_pe(team, other)].map != NULL;
}

static struct survey survey_offers(const struct shmi_team *team)
{
    struct survey all = {.direct = true};
    for (int i = 0; i < team->n_pes; i++) {
        const struct offer *offer = offer_of(team, i);
        if (i == team->my_pe) {
            all.before = all.total;
        }
        all.total += offer->len;
        all.longest = shmi_max(all.longest, offer->len);
        if (offer->len > PIECE && !is_mapped(team, offer)) {
            all.direct = false;
        }
    }
    return all;
}

/* Put the pieces that came with the last step, each `at` bytes into its contribution, in place. */
static void scatter(const struct shmi_team *team, char *dest, size_t at)
{
    for (int i = 0; i < team->n_pes; i++) {
        const struct offer *offer = offer_of(team, i);
        if (at < offer->len) {
            memcpy(dest + at, offer->piece, shmi_min(offer->len - at, PIECE));
        }
        dest += offer->len;
    }
}

/* Read the contributions where they lie; the last step's offers say where. */
static void collect_direct(const char *who, struct shmi_team *team, char *dest,
                           const struct survey *all)
{
    size_t at = all->before;
    for (int i = 0; i < team->n_pes; i++) {
        int from = shmi_node_after(team, i);
        const struct offer *offer = offer_of(team, from);
        if (from == 0) {
            at = 0;
        }
        if (offer->len > PIECE) {
            const struct shmi_segment *seg = &shmi_segments[offer->segment];
            shmi_copy(dest + at, seg->window[shmi_team_pe(team, from)].map + offer->offset,
                      offer->len);
        } else {
            memcpy(dest + at, offer->piece, offer->len);
        }
        at += offer->len;
    }
    shmi_node_sync(who, team);
}

static void collect_node(const char *who, struct shmi_team *team, char *dest, const char *source,
                         size_t len)
{
    exchange(who, team, source, len, 0);
    struct survey all = survey_offers(team);
    if (all.longest <= PIECE) {
        scatter(team, dest, 0);
        return;
    }
    char *to = dest == source ? shmi_node_aside(who, all.total) : dest;
    if (all.direct) {
        collect_direct(who, team, to, &all);
    } else {
        scatter(team, to, 0);
        for (size_t at = PIECE; at < all.longest; at += PIECE) {
            exchange(who, team, source, len, at);
            scatter(team, to, at);
        }
    }
    if (to != dest) {
        shmi_copy(dest, to, all.total);
        free(to);
    }
}

void shmi_coll_collect(const char *who, struct shmi_team *team, void *dest, const void *source,
                       size_t len)
{
    if (shmi_unlikely(shmi_observing)) {
        shmi_coll_observe(who, team, NULL, 0, NULL, 0);
        if (!shmi_program_is_constant(source)) {
            shmi_check_symmetric(who, "source", source, len);
        }
    }
    uint64_t begun = shmi_trace_begin();
    if (shmi_unlikely(shmi_hbm_on)) { /* source and dest of some may be device memory */
        shmi_hbm_collect(who, team, dest, source, len);
    } else if (shmi_node_has(team)) {
        collect_node(who, team, dest, source, len);
    } else {
        shmi_net_collect(who, team, dest, source, len);
    }
    shmi_trace_end(begun, who, -1, len);
}

#define COLLECT(op, T, type)                                                                    \
    int shmem##T##op(shmem_team_t team, type *dest, const type *source, size_t nelems)          \
    {                                                                                           \
        const char *who = "shmem" #T #op;                                                       \
        shmi_coll##op(who, shmi_team_required(who, team), dest, source, nelems * sizeof(type)); \
        return 0;                                                                               \
    }                                                                                           \
    PSHMEM(T##op)
SHMEMI_FOR_RMA(COLLECT, _collect)
SHMEMI_FOR_RMA(COLLECT, _fcollect)

int shmem_collectmem(shmem_team_t team, void *dest, const void *source, size_t nelems)
{
    const char *who = "shmem_collectmem";
    shmi_coll_collect(who, shmi_team_required(who, team), dest, source, nelems);
    return 0;
}
PSHMEM(_collectmem)

int shmem_fcollectmem(shmem_team_t team, void *dest, const void *source, size_t nelems)
{
    const char *who = "shmem_fcollectmem";
    shmi_coll_fcollect(who, shmi_team_required(who, team), dest, source, nelems);
    return 0;
}
PSHMEM(_fcollectmem)
