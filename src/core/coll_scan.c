/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_scan.c -- prefix sums over the members of a team (9.10.10).
 *
 *     small    through the payloads, in pieces: member i combines those of the members up to it
 *     sliced   member s goes over slice s of all sources once, and writes each member's result
 *              into that member's dest on the way
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

#define BLOCK 8192

/* The arguments of one call. */
struct scan {
    char *dest;
    const char *source;
    size_t nelems;
    size_t size;
    shmi_combine *combine;
    bool inclusive;
};

/* A sum of nothing: all types' zeros are zero bytes. */
static void scan_small(const char *who, struct shmi_team *team, const struct scan *s)
{
    size_t per_piece = SHMI_PAYLOAD / s->size;
    int last = s->inclusive ? team->my_pe : team->my_pe - 1;
    for (size_t at = 0; at < s->nelems; at += per_piece) {
        size_t piece = shmi_min(s->nelems - at, per_piece);
        size_t bytes = piece * s->size;
        char *acc = s->dest + at * s->size;
        shmi_node_copy(shmi_node_outbox(who, team), s->source + at * s->size, bytes);
        shmi_node_sync(who, team);
        if (last < 0) {
            memset(acc, 0, bytes);
        } else {
            shmi_node_copy(acc, shmi_node_inbox(team, 0), bytes);
        }
        for (int i = 1; i <= last; i++) {
            s->combine(acc, shmi_node_inbox(team, i), piece);
        }
    }
}

/* These elements of all sources, into all dests.  In place, a member's dest is its source: so the
 * sum grows in private memory. */
static void inclusive_block(const struct shmi_team *team, const struct scan *s, size_t at,
                            size_t nelems)
{
    _Alignas(SHMI_LINE) char acc[BLOCK];
    size_t len = nelems * s->size;
    for (int i = 0; i < team->n_pes; i++) {
        const char *in = shmi_node_reach(team, s->source, i) + at;
        if (i == 0) {
            memcpy(acc, in, len);
        } else {
            s->combine(acc, in, nelems);
        }
        memcpy(shmi_node_reach(team, s->dest, i) + at, acc, len);
    }
}

/* A member's result is written before its source is combined, which may be the same memory. */
static void exclusive_block(const struct shmi_team *team, const struct scan *s, size_t at,
                            size_t nelems)
{
    _Alignas(SHMI_LINE) char acc[BLOCK];
    _Alignas(SHMI_LINE) char in[BLOCK];
    size_t len = nelems * s->size;
    for (int i = 0; i < team->n_pes; i++) {
        char *out = shmi_node_reach(team, s->dest, i) + at;
        memcpy(in, shmi_node_reach(team, s->source, i) + at, len);
        if (i == 0) {
            memset(out, 0, len);
            memcpy(acc, in, len);
        } else {
            memcpy(out, acc, len);
            s->combine(acc, in, nelems);
        }
    }
}

/* In place is safe: slice s of all sources is read, and of all dests written, by member s alone. */
static void scan_sliced(const char *who, struct shmi_team *team, const struct scan *s)
{
    size_t block = BLOCK / s->size;
    size_t slice = shmi_round_up(s->nelems / (size_t)team->n_pes + 1, SHMI_LINE / s->size);
    size_t begin = shmi_min((size_t)team->my_pe * slice, s->nelems);
    size_t end = shmi_min(begin + slice, s->nelems);
    shmi_node_sync(who, team);
    for (size_t at = begin; at < end; at += block) {
        size_t nelems = shmi_min(end - at, block);
        if (s->inclusive) {
            inclusive_block(team, s, at * s->size, nelems);
        } else {
            exclusive_block(team, s, at * s->size, nelems);
        }
    }
    shmi_node_sync(who, team);
}

static bool wants_slices(const char *who, const struct shmi_team *team, const struct scan *s)
{
    return s->nelems * s->size > SHMI_PAYLOAD &&
           strcmp(shmi_config.reduce_algorithm, "small") != 0 &&
           shmi_node_maps(who, team, s->source) && shmi_node_maps(who, team, s->dest);
}

static void scan_node(const char *who, struct shmi_team *team, const struct scan *s)
{
    if (wants_slices(who, team, s)) {
        scan_sliced(who, team, s);
    } else {
        scan_small(who, team, s);
    }
}

void shmi_coll_scan(const char *who, struct shmi_team *team, void *dest, const void *source,
                    size_t nelems, size_t size, shmi_combine *combine, bool inclusive)
{
    const struct scan s = {dest, source, nelems, size, combine, inclusive};
    if (shmi_unlikely(shmi_observing)) {
        shmi_coll_observe(who, team, dest, nelems * size, source, nelems * size);
    }
    uint64_t begun = shmi_trace_begin();
    if (nelems != 0 && shmi_hbm_either(dest, source)) {
        shmi_hbm_scan(who, team, dest, source, nelems, size, combine, inclusive);
    } else if (shmi_node_has(team)) {
        scan_node(who, team, &s);
    } else {
        shmi_net_scan(who, team, dest, source, nelems, size, combine, inclusive);
    }
    shmi_trace_end(begun, who, -1, nelems * size);
}

#define SCAN(T, type, name, inclusive)                                                         \
    int shmem##T##name(shmem_team_t team, type *dest, const type *source, size_t nelems)       \
    {                                                                                          \
        const char *who = "shmem" #T #name;                                                    \
        shmi_coll_scan(who, shmi_team_required(who, team), dest, source, nelems, sizeof(type), \
                       shmi_combine_sum##T, inclusive);                                        \
        return 0;                                                                              \
    }                                                                                          \
    PSHMEM(T##name)
#define INSCAN(op, T, type) SCAN(T, type, op, true)
#define EXSCAN(op, T, type) SCAN(T, type, op, false)
SHMEMI_FOR_SUM(INSCAN, _sum_inscan)
SHMEMI_FOR_SUM(EXSCAN, _sum_exscan)
