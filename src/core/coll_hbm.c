/* SPDX-License-Identifier: BSD-3-Clause */
/* coll_hbm.c -- collectives whose dest or source is device memory. */
#include "core/coll_hbm.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/coll_node.h"
#include "core/rma.h"
#include "core/segment.h"

/* Bytes of one source that are combined at a time. */
#define BLOCK ((size_t)64 << 10)

/* Member i's copy of the object at addr, or a part of it, to here. */
static void pull(const char *who, const struct shmi_team *team, void *to, const void *addr,
                 size_t len, int i)
{
    if (len != 0) {
        shmi_get_slowly(who, &shmi_ctx_default, to, addr, len, shmi_team_pe(team, i), SHMI_NOW);
    }
}

/* My source is complete before others read it, and my reads before they go on. */
static void meet(const char *who, struct shmi_team *team)
{
    shmi_order_all();
    shmi_coll_sync(who, team);
}

static void move(char *dest, const char *source, size_t len)
{
    if (dest != source) {
        shmi_hbm_copy(dest, source, len);
    }
}

void shmi_hbm_broadcast(const char *who, struct shmi_team *team, char *dest, const char *source,
                        size_t len, int root, bool wanted)
{
    meet(who, team);
    if (wanted && team->my_pe != root) {
        pull(who, team, dest, source, len, root);
    }
    meet(who, team);
    if (wanted && team->my_pe == root) {
        move(dest, source, len);
    }
}

void shmi_hbm_fcollect(const char *who, struct shmi_team *team, char *dest, const char *source,
                       size_t len)
{
    size_t total = (size_t)team->n_pes * len;
    char *to = dest == source ? shmi_node_aside(who, total) : dest;
    meet(who, team);
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        pull(who, team, to + (size_t)i * len, source, len, i);
    }
    meet(who, team);
    if (to != dest) {
        shmi_hbm_copy(dest, to, total);
        free(to);
    }
}

/* What a member of a collect tells the others: words, for an agreement by maximum. */
enum { OFFER_LEN, OFFER_SEGMENT, OFFER_OFFSET, OFFER_WORDS };

/* Everybody's offer, one after the other. */
static uint64_t *exchange_offers(const char *who, struct shmi_team *team, const char *source,
                                 size_t len)
{
    enum { AT_ONCE = SHMI_PAYLOAD / 8 };
    size_t n = (size_t)team->n_pes * OFFER_WORDS;
    uint64_t *offers = shmi_node_aside(who, n * sizeof(*offers));
    uint64_t *mine = &offers[team->my_pe * OFFER_WORDS];
    const struct shmi_segment *seg = len == 0 ? NULL : shmi_segment_of(source);
    memset(offers, 0, n * sizeof(*offers));
    mine[OFFER_LEN] = len;
    if (len != 0 && seg == NULL) {
        shmi_check_not_symmetric(who, "source", source);
    }
    if (seg != NULL) {
        mine[OFFER_SEGMENT] = (uint64_t)(seg - shmi_segments);
        mine[OFFER_OFFSET] = (uint64_t)(source - seg->base);
    }
    for (size_t at = 0; at < n; at += AT_ONCE) {
        shmi_coll_agree(who, team, SHMI_AGREE_MAX, offers + at, offers + at,
                        shmi_min(n - at, AT_ONCE));
    }
    return offers;
}

void shmi_hbm_collect(const char *who, struct shmi_team *team, char *dest, const char *source,
                      size_t len)
{
    uint64_t *offers = exchange_offers(who, team, source, len);
    size_t total = 0;
    for (int i = 0; i < team->n_pes; i++) {
        total += offers[i * OFFER_WORDS + OFFER_LEN];
    }
    char *to = dest == source && total != 0 ? shmi_node_aside(who, total) : dest;
    char *at = to;
    for (int i = 0; i < team->n_pes; i++) {
        const uint64_t *offer = &offers[i * OFFER_WORDS];
        const char *from = shmi_segments[offer[OFFER_SEGMENT]].base + offer[OFFER_OFFSET];
        pull(who, team, at, from, offer[OFFER_LEN], i);
        at += offer[OFFER_LEN];
    }
    meet(who, team);
    if (to != dest) {
        shmi_hbm_copy(dest, to, total);
        free(to);
    }
    free(offers);
}

/* Read member i's block for me, its elements side by side. */
static void pull_block(const char *who, const struct shmi_team *team, char *to, const char *from,
                       ptrdiff_t sst, size_t nelems, size_t size, int i)
{
    if (sst == 1) {
        pull(who, team, to, from, nelems * size, i);
        return;
    }
    for (size_t k = 0; k < nelems; k++) {
        pull(who, team, to + k * size, from + k * (size_t)sst * size, size, i);
    }
}

void shmi_hbm_alltoall(const char *who, struct shmi_team *team, char *dest, const char *source,
                       ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size)
{
    size_t block = nelems * size;
    bool straight = dst == 1 && dest != source;
    char *to = straight ? dest : shmi_node_aside(who, (size_t)team->n_pes * block);
    const char *from = source + (size_t)team->my_pe * block * (size_t)sst;
    meet(who, team);
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        pull_block(who, team, to + (size_t)i * block, from, sst, nelems, size, i);
    }
    meet(who, team);
    if (straight) {
        return;
    }
    size_t n = (size_t)team->n_pes * nelems;
    for (size_t i = 0; i < n && dst != 1; i++) {
        shmi_hbm_copy(dest + i * (size_t)dst * size, to + i * size, size);
    }
    if (dst == 1) {
        shmi_hbm_copy(dest, to, n * size);
    }
    free(to);
}

/* The combination of members 0 to last of these bytes of their sources, in acc. */
static void combine_block(const char *who, struct shmi_team *team, char *acc, char *in,
                          const char *source, size_t len, size_t size, shmi_combine *combine,
                          int last)
{
    pull(who, team, acc, source, len, 0);
    for (int i = 1; i <= last; i++) {
        pull(who, team, in, source, len, i);
        combine(acc, in, len / size);
    }
}

/*
 * Member s combines slice s into its own dest, then each reads the others' slices.  In place is
 * safe: of all sources, slice s is read by member s alone before anybody writes there.
 */
void shmi_hbm_reduce(const char *who, struct shmi_team *team, char *dest, const char *source,
                     size_t nelems, size_t size, shmi_combine *combine)
{
    size_t n = (size_t)team->n_pes;
    size_t slice = shmi_round_up((nelems + n - 1) / n, SHMI_LINE / size) * size;
    size_t total = nelems * size;
    size_t begin = shmi_min((size_t)team->my_pe * slice, total);
    size_t end = shmi_min(begin + slice, total);
    char *acc = shmi_node_aside(who, 2 * BLOCK);
    meet(who, team);
    for (size_t at = begin; at < end; at += BLOCK) {
        size_t len = shmi_min(end - at, BLOCK);
        combine_block(who, team, acc, acc + BLOCK, source + at, len, size, combine,
                      team->n_pes - 1);
        shmi_hbm_copy(dest + at, acc, len);
    }
    meet(who, team);
    for (int k = 1; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        size_t at = shmi_min((size_t)i * slice, total);
        pull(who, team, dest + at, dest + at, shmi_min(slice, total - at), i);
    }
    meet(who, team);
    free(acc);
}

/* Each member combines what it gets; in place, dest is written when all have read. */
void shmi_hbm_scan(const char *who, struct shmi_team *team, char *dest, const char *source,
                   size_t nelems, size_t size, shmi_combine *combine, bool inclusive)
{
    size_t total = nelems * size;
    int last = inclusive ? team->my_pe : team->my_pe - 1;
    char *result = shmi_node_aside(who, total + BLOCK);
    memset(result, 0, total);
    meet(who, team);
    for (size_t at = 0; at < total && last >= 0; at += BLOCK) {
        combine_block(who, team, result + at, result + total, source + at,
                      shmi_min(total - at, BLOCK), size, combine, last);
    }
    meet(who, team);
    shmi_hbm_copy(dest, result, total);
    free(result);
}
