/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_data.c -- broadcast, collect and alltoall between nodes.
 *
 * Short contributions are gathered out of the payloads.  Longer ones are read where they lie, all
 * reads being on their way at once, between two steps: after the first all sources are ready, after
 * the second all have been read.
 */
#include <stdlib.h>
#include <string.h>

#include "core/coll_net.h"
#include "core/coll_node.h"
#include "core/copy.h"

/* From so many bytes for each member on, the root of a broadcast hands out slices. */
#define SLICE_MIN 8192

/* Slice s of a broadcast: the members but the root get one each. */
static size_t slice_at(size_t len, int n_slices, int s)
{
    size_t slice = shmi_round_up((len + (size_t)n_slices - 1) / (size_t)n_slices, SHMI_LINE);
    return shmi_min((size_t)s * slice, len);
}

/* Each member gets its slice from the root, then those of the others from them: the root sends
 * everything only once. */
static void broadcast_sliced(const char *who, struct shmi_team *team, char *dest,
                             const char *source, size_t len, int root)
{
    int n_slices = team->n_pes - 1;
    int mine = (team->my_pe - root - 1 + team->n_pes) % team->n_pes; /* the root's: n_slices */
    size_t begin = slice_at(len, n_slices, mine);
    shmi_net_sync(who, team);
    if (team->my_pe != root) {
        size_t end = slice_at(len, n_slices, mine + 1);
        shmi_net_get(who, team, dest + begin, source + begin, end - begin, root);
        shmi_net_finish();
    }
    shmi_net_sync(who, team);
    for (int i = 1; i < n_slices && team->my_pe != root; i++) {
        int s = (mine + i) % n_slices;
        size_t at = slice_at(len, n_slices, s);
        shmi_net_get(who, team, dest + at, dest + at, slice_at(len, n_slices, s + 1) - at,
                     (root + 1 + s) % team->n_pes);
    }
    shmi_net_finish();
    shmi_net_sync(who, team);
}

static void broadcast_direct(const char *who, struct shmi_team *team, char *dest,
                             const char *source, size_t len, int root)
{
    shmi_net_sync(who, team);
    if (team->my_pe != root) {
        shmi_net_get(who, team, dest, source, len, root);
        shmi_net_finish();
    }
    shmi_net_sync(who, team);
}

/* The root's payload saves the step after which its source may be reused. */
static void broadcast_short(const char *who, struct shmi_team *team, char *dest, const char *source,
                            size_t len, int root)
{
    const void *payload = shmi_net_offer(who, team, source, team->my_pe == root ? len : 0);
    if (team->my_pe != root) {
        shmi_net_get(who, team, dest, payload, len, root);
        shmi_net_finish();
    }
}

void shmi_net_broadcast(const char *who, struct shmi_team *team, char *dest, const char *source,
                        size_t len, int root, bool wanted)
{
    if (len <= SHMI_PAYLOAD) {
        broadcast_short(who, team, dest, source, len, root);
    } else if (team->n_pes > 2 && len / (size_t)team->n_pes >= SLICE_MIN) {
        broadcast_sliced(who, team, dest, source, len, root);
    } else {
        broadcast_direct(who, team, dest, source, len, root);
    }
    if (wanted && team->my_pe == root) { /* last: in place is fine, and nobody waits for it */
        shmi_copy(dest, source, len);
    }
}

void shmi_net_fcollect(const char *who, struct shmi_team *team, char *dest, const char *source,
                       size_t len)
{
    size_t total = (size_t)team->n_pes * len;
    if (len <= SHMI_PAYLOAD) {
        shmi_copy(dest, shmi_net_gather(who, team, source, len), total);
        return;
    }
    char *to = dest == source ? shmi_node_aside(who, total) : dest;
    shmi_net_sync(who, team);
    for (int i = 0; i < team->n_pes; i++) {
        int from = shmi_node_after(team, i);
        shmi_net_get(who, team, to + (size_t)from * len, source, len, from);
    }
    shmi_net_finish();
    shmi_net_sync(who, team);
    if (to != dest) {
        shmi_copy(dest, to, total);
        free(to);
    }
}

/* What a member of a collect tells the others. */
struct offer {
    size_t len;
    size_t segment; /* where it lies, in the owner's terms */
    size_t offset;
};

static struct offer offer_of(const char *source, size_t len)
{
    struct offer offer = {.len = len};
    const struct shmi_segment *seg = shmi_segment_of(source);
    if (len != 0 && seg != NULL) {
        offer.segment = (size_t)(seg - shmi_segments);
        offer.offset = (size_t)(source - seg->base);
    }
    return offer;
}

void shmi_net_collect(const char *who, struct shmi_team *team, char *dest, const char *source,
                      size_t len)
{
    struct offer mine = offer_of(source, len);
    const struct offer *offers = (void *)shmi_net_gather(who, team, &mine, sizeof(mine));
    size_t total = 0;
    for (int i = 0; i < team->n_pes; i++) {
        total += offers[i].len;
    }
    char *to = dest == source && total != 0 ? shmi_node_aside(who, total) : dest;
    char *at = to;
    for (int i = 0; i < team->n_pes; i++) {
        const struct offer *offer = &offers[i];
        const char *from = shmi_segments[offer->segment].base + offer->offset;
        shmi_net_get(who, team, at, from, offer->len, i);
        at += offer->len;
    }
    shmi_net_finish();
    shmi_net_sync(who, team);
    if (to != dest) {
        shmi_copy(dest, to, total);
        free(to);
    }
}

/* ---- alltoall --------------------------------------------------------- */

/* Elements that lie further apart than so many are read one by one. */
#define APART_MAX 16

static void spread(char *to, ptrdiff_t dst, const char *from, ptrdiff_t sst, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(to + i * (size_t)dst * size, from + i * (size_t)sst * size, size);
    }
}

/* Read a block of a strided source, with what lies between its elements or without. */
static void get_block(const char *who, const struct shmi_team *team, char *to, const char *from,
                      size_t nelems, size_t size, size_t sst, int i)
{
    if (sst <= APART_MAX) {
        shmi_net_get(who, team, to, from, ((nelems - 1) * sst + 1) * size, i);
        return;
    }
    for (size_t k = 0; k < nelems; k++) {
        shmi_net_get(who, team, to + k * size, from + k * sst * size, size, i);
    }
}

/* Blocks arrive side by side: straight in dest, if that is how they lie there. */
void shmi_net_alltoall(const char *who, struct shmi_team *team, char *dest, const char *source,
                       ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size)
{
    size_t n = (size_t)team->n_pes;
    size_t apart = sst <= APART_MAX ? (size_t)sst : 1; /* elements of a block that has arrived */
    size_t step = ((nelems - 1) * apart + 1) * size;
    bool straight = dst == 1 && apart == 1 && dest != source;
    char *to = straight ? dest : shmi_net_scratch(who, team, n * step);
    const char *from = source + (size_t)team->my_pe * nelems * (size_t)sst * size;
    shmi_net_sync(who, team);
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        get_block(who, team, to + (size_t)i * step, from, nelems, size, (size_t)sst, i);
    }
    shmi_net_finish();
    shmi_net_sync(who, team);
    for (size_t i = 0; i < n && !straight; i++) {
        spread(dest + i * nelems * (size_t)dst * size, dst, to + i * step, (ptrdiff_t)apart, nelems,
               size);
    }
}
