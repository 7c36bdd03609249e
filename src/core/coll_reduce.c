/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_reduce.c -- reductions (9.10.9).
 *
 *     small    through the payloads, in pieces: every member combines everything itself
 *     sliced   member s combines slice s straight from all sources into its own dest; then each
 *              member copies the other slices from their owners' dests
 *
 * Both combine in member order, so that all members get the same bits, in every run.
 */
#include "core/coll_node.h"

#include <string.h>

#include "core/base/config.h"
#include "core/coll_combine.h"
#include "core/coll_hbm.h"
#include "core/coll_net.h"
#include "core/copy.h"
#include "core/setup.h"
#include "core/trace.h"

/* Bytes that are combined at a time, so that what they become stays in the nearest cache while one
 * source after the other is combined with it. */
#define BLOCK 8192

/* So many pieces through the payloads cost no more than the three steps of sliced. */
#define PIECES 2

/* The arguments of one call. */
struct reduction {
    char *dest;
    const char *source;
    size_t nelems;
    size_t size;
    shmi_combine *combine;
};

static void reduce_small(const char *who, struct shmi_team *team, const struct reduction *r)
{
    size_t per_piece = SHMI_PAYLOAD / r->size;
    for (size_t at = 0; at < r->nelems; at += per_piece) {
        size_t piece = shmi_min(r->nelems - at, per_piece);
        size_t bytes = piece * r->size;
        char *acc = r->dest + at * r->size;
        shmi_node_copy(shmi_node_outbox(who, team), r->source + at * r->size, bytes);
        shmi_node_sync(who, team);
        shmi_node_copy(acc, shmi_node_inbox(team, 0), bytes);
        for (int i = 1; i < team->n_pes; i++) {
            r->combine(acc, shmi_node_inbox(team, i), piece);
        }
    }
}

/* The first element of slice s: slices are equal, whole cache lines long but for the last. */
static size_t slice_at(const struct shmi_team *team, const struct reduction *r, int s)
{
    size_t n = (size_t)team->n_pes;
    size_t line = SHMI_LINE / r->size; /* sizes are powers of two up to 32 */
    size_t slice = shmi_round_up((r->nelems + n - 1) / n, line);
    return shmi_min((size_t)s * slice, r->nelems);
}

/* Combine these elements of all sources into dest.  In place, my source is where the result grows,
 * so my part of it is kept until its turn comes. */
static void combine_block(const struct shmi_team *team, const struct reduction *r, size_t from,
                          size_t nelems)
{
    _Alignas(SHMI_LINE) char kept[BLOCK];
    size_t at = from * r->size;
    char *acc = r->dest + at;
    const char *mine = r->source + at;
    if (r->dest == r->source && team->my_pe != 0) {
        mine = memcpy(kept, mine, nelems * r->size);
    }
    for (int i = 0; i < team->n_pes; i++) {
        const char *in = mine;
        if (i != team->my_pe) {
            in = shmi_node_reach(team, r->source, i) + at;
        }
        if (i == 0) {
            shmi_copy(acc, in, nelems * r->size);
        } else {
            r->combine(acc, in, nelems);
        }
    }
}

/*
 * In place is safe: of all sources, slice s is read by member s alone, who reads it before it
 * writes the same place of its own; the others write it, with the result, after the second step.
 */
static void reduce_sliced(const char *who, struct shmi_team *team, const struct reduction *r)
{
    size_t block = BLOCK / r->size;
    size_t end = slice_at(team, r, team->my_pe + 1);
    shmi_node_sync(who, team);
    for (size_t at = slice_at(team, r, team->my_pe); at < end; at += block) {
        combine_block(team, r, at, shmi_min(end - at, block));
    }
    shmi_node_sync(who, team);
    for (int i = 1; i < team->n_pes; i++) {
        int owner = shmi_node_after(team, i);
        size_t at = slice_at(team, r, owner) * r->size;
        size_t len = slice_at(team, r, owner + 1) * r->size - at;
        shmi_copy(r->dest + at, shmi_node_reach(team, r->dest, owner) + at, len);
    }
    shmi_node_sync(who, team);
}

static bool wants_slices(const char *who, const struct shmi_team *team, const struct reduction *r)
{
    size_t len = r->nelems * r->size;
    if (len <= SHMI_PAYLOAD || strcmp(shmi_config.reduce_algorithm, "small") == 0) {
        return false;
    }
    if (len <= PIECES * SHMI_PAYLOAD && strcmp(shmi_config.reduce_algorithm, "sliced") != 0) {
        return false;
    }
    return shmi_node_maps(who, team, r->source) && shmi_node_maps(who, team, r->dest);
}

void shmi_node_reduce(const char *who, struct shmi_team *team, char *dest, const char *source,
                      size_t nelems, size_t size, shmi_combine *combine)
{
    const struct reduction r = {dest, source, nelems, size, combine};
    if (wants_slices(who, team, &r)) {
        reduce_sliced(who, team, &r);
    } else {
        reduce_small(who, team, &r);
    }
}

void shmi_coll_reduce(const char *who, struct shmi_team *team, void *dest, const void *source,
                      size_t nelems, size_t size, shmi_combine *combine)
{
    if (shmi_unlikely(shmi_observing)) {
        shmi_coll_observe(who, team, dest, nelems * size, source, nelems * size);
    }
    uint64_t begun = shmi_trace_begin();
    if (nelems != 0 && shmi_hbm_either(dest, source)) {
        shmi_hbm_reduce(who, team, dest, source, nelems, size, combine);
    } else if (shmi_node_has(team)) {
        shmi_node_reduce(who, team, dest, source, nelems, size, combine);
    } else {
        shmi_net_reduce(who, team, dest, source, nelems, size, combine);
    }
    shmi_trace_end(begun, who, -1, nelems * size);
}

#define REDUCE(op, T, type)                                                                       \
    int shmem##T##op##_reduce(shmem_team_t team, type *dest, const type *source, size_t nreduce)  \
    {                                                                                             \
        const char *who = "shmem" #T #op "_reduce";                                               \
        shmi_coll_reduce(who, shmi_team_required(who, team), dest, source, nreduce, sizeof(type), \
                         shmi_combine##op##T);                                                    \
        return 0;                                                                                 \
    }                                                                                             \
    PSHMEM(T##op##_reduce)
SHMEMI_FOR_LOGIC(REDUCE, _and)
SHMEMI_FOR_LOGIC(REDUCE, _or)
SHMEMI_FOR_LOGIC(REDUCE, _xor)
SHMEMI_FOR_COMPARE(REDUCE, _min)
SHMEMI_FOR_COMPARE(REDUCE, _max)
SHMEMI_FOR_SUM(REDUCE, _sum)
SHMEMI_FOR_SUM(REDUCE, _prod)
