/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_reduce.c -- agreements, reductions and scans between nodes.
 *
 *     small     every member gathers all payloads and combines them itself
 *     sliced    member s combines slice s of all sources; then each gets the other slices (reduce)
 *               or is given its own results of each slice (scan)
 *
 * Both combine in member order, so that all members get the same bits, in every run.
 */
#include <string.h>

#include "core/coll_combine.h"
#include "core/coll_net.h"
#include "core/coll_node.h"
#include "core/copy.h"

/* Bytes of all sources together that are on their way at once. */
#define WINDOW (4u << 20)

/* So many pieces through the payloads cost no more than the steps of sliced. */
#define PIECES 2

/* The arguments of one call. */
struct reduction {
    char *dest;
    const char *source;
    size_t nelems;
    size_t size;
    shmi_combine *combine;
};

static uint64_t agree(enum shmi_agree how, uint64_t a, uint64_t b)
{
    if (how == SHMI_AGREE_AND) {
        return a & b;
    }
    return a > b ? a : b;
}

void shmi_net_agree(const char *who, struct shmi_team *team, enum shmi_agree how,
                    const uint64_t *mine, uint64_t *result, size_t n)
{
    const uint64_t *all = (void *)shmi_net_gather(who, team, mine, n * sizeof(*mine));
    memcpy(result, all, n * sizeof(*result));
    for (size_t i = 1; i < (size_t)team->n_pes; i++) {
        for (size_t word = 0; word < n; word++) {
            result[word] = agree(how, result[word], all[i * n + word]);
        }
    }
}

static void reduce_small(const char *who, struct shmi_team *team, const struct reduction *r)
{
    size_t per_piece = SHMI_PAYLOAD / r->size;
    for (size_t at = 0; at < r->nelems; at += per_piece) {
        size_t piece = shmi_min(r->nelems - at, per_piece);
        size_t bytes = piece * r->size;
        char *acc = r->dest + at * r->size;
        const char *all = shmi_net_gather(who, team, r->source + at * r->size, bytes);
        memcpy(acc, all, bytes);
        for (size_t i = 1; i < (size_t)team->n_pes; i++) {
            r->combine(acc, all + i * bytes, piece);
        }
    }
}

/* The first element of slice s. */
static size_t slice_at(const struct shmi_team *team, const struct reduction *r, int s)
{
    size_t n = (size_t)team->n_pes;
    size_t slice = shmi_round_up((r->nelems + n - 1) / n, SHMI_LINE / r->size);
    return shmi_min((size_t)s * slice, r->nelems);
}

/* Elements of a slice that are worked on at a time. */
static size_t block_of(const struct shmi_team *team, const struct reduction *r)
{
    size_t bytes = shmi_max(WINDOW / (size_t)team->n_pes, 4096);
    return shmi_round_up(bytes, SHMI_LINE) / r->size;
}

/* These elements of all sources, side by side.  Mine are copied too: in place, the result comes
 * where they lie. */
static char *gather_block(const char *who, struct shmi_team *team, const struct reduction *r,
                          size_t from, size_t nelems)
{
    size_t len = nelems * r->size;
    char *all = shmi_net_scratch(who, team, (size_t)team->n_pes * len);
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        shmi_net_get(who, team, all + (size_t)i * len, r->source + from * r->size, len, i);
    }
    shmi_net_finish();
    return all;
}

/*
 * In place is safe: of all sources, slice s is read by member s alone, who reads it before it
 * writes the same place of its own; the others write it, with the result, after the second step.
 */
static void reduce_sliced(const char *who, struct shmi_team *team, const struct reduction *r)
{
    size_t block = block_of(team, r);
    size_t end = slice_at(team, r, team->my_pe + 1);
    shmi_net_sync(who, team);
    for (size_t at = slice_at(team, r, team->my_pe); at < end; at += block) {
        size_t nelems = shmi_min(end - at, block);
        size_t len = nelems * r->size;
        const char *all = gather_block(who, team, r, at, nelems);
        char *acc = r->dest + at * r->size;
        memcpy(acc, all, len);
        for (size_t i = 1; i < (size_t)team->n_pes; i++) {
            r->combine(acc, all + i * len, nelems);
        }
    }
    shmi_net_sync(who, team);
    for (int k = 1; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        size_t at = slice_at(team, r, i) * r->size;
        size_t len = slice_at(team, r, i + 1) * r->size - at;
        shmi_net_get(who, team, r->dest + at, r->dest + at, len, i);
    }
    shmi_net_finish();
    shmi_net_sync(who, team);
}

void shmi_net_reduce(const char *who, struct shmi_team *team, char *dest, const char *source,
                     size_t nelems, size_t size, shmi_combine *combine)
{
    const struct reduction r = {dest, source, nelems, size, combine};
    if (nelems * size <= PIECES * SHMI_PAYLOAD) {
        reduce_small(who, team, &r);
    } else {
        reduce_sliced(who, team, &r);
    }
}

static void scan_small(const char *who, struct shmi_team *team, const struct reduction *r,
                       bool inclusive)
{
    size_t per_piece = SHMI_PAYLOAD / r->size;
    int last = inclusive ? team->my_pe : team->my_pe - 1;
    for (size_t at = 0; at < r->nelems; at += per_piece) {
        size_t piece = shmi_min(r->nelems - at, per_piece);
        size_t bytes = piece * r->size;
        char *acc = r->dest + at * r->size;
        const char *all = shmi_net_gather(who, team, r->source + at * r->size, bytes);
        if (last < 0) {
            memset(acc, 0, bytes);
        } else {
            memcpy(acc, all, bytes);
        }
        for (int i = 1; i <= last; i++) {
            r->combine(acc, all + (size_t)i * bytes, piece);
        }
    }
}

/* Turn what the members have, side by side, into what they get: from the last one on backwards it
 * would be n^2 / 2 combinations, so each takes over what the one before it got. */
static void accumulate(const struct reduction *r, char *all, int n_pes, size_t nelems)
{
    size_t len = nelems * r->size;
    char *sums = all + (size_t)n_pes * len;
    memcpy(sums, all, len);
    for (size_t i = 1; i < (size_t)n_pes; i++) {
        memcpy(sums + i * len, sums + (i - 1) * len, len);
        r->combine(sums + i * len, all + i * len, nelems);
    }
}

/* The sums of a block to their owners; exclusive: member i gets those up to i - 1. */
static void hand_out(const char *who, struct shmi_team *team, const struct reduction *r,
                     const char *sums, size_t at, size_t nelems, bool inclusive)
{
    size_t len = nelems * r->size;
    char *to = r->dest + at * r->size;
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        int from = inclusive ? i : i - 1;
        if (from >= 0) {
            shmi_net_put(who, team, to, sums + (size_t)from * len, len, i);
        }
    }
    shmi_net_finish();
}

/* In place is safe: slice s of all sources is read, and of all dests written, by member s alone. */
static void scan_sliced(const char *who, struct shmi_team *team, const struct reduction *r,
                        bool inclusive)
{
    size_t n = (size_t)team->n_pes;
    size_t block = block_of(team, r);
    size_t end = slice_at(team, r, team->my_pe + 1);
    shmi_net_sync(who, team);
    for (size_t at = slice_at(team, r, team->my_pe); at < end; at += block) {
        size_t nelems = shmi_min(end - at, block);
        size_t len = nelems * r->size;
        shmi_net_scratch(who, team, 2 * n * len);
        char *all = gather_block(who, team, r, at, nelems);
        accumulate(r, all, team->n_pes, nelems);
        hand_out(who, team, r, all + n * len, at, nelems, inclusive);
    }
    shmi_net_sync(who, team);
    if (!inclusive && team->my_pe == 0) {
        memset(r->dest, 0, r->nelems * r->size);
    }
}

void shmi_net_scan(const char *who, struct shmi_team *team, char *dest, const char *source,
                   size_t nelems, size_t size, shmi_combine *combine, bool inclusive)
{
    const struct reduction r = {dest, source, nelems, size, combine};
    if (nelems * size <= PIECES * SHMI_PAYLOAD) {
        scan_small(who, team, &r, inclusive);
    } else {
        scan_sliced(who, team, &r, inclusive);
    }
}
