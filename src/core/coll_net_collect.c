/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_collect.c -- collect and fcollect between nodes.
 *
 * A node's leader reads the contributions of its node into its dest, where the leaders then
 * exchange them, node after node; the others of the node take the whole from there.  Where the
 * members of nodes do not follow one another in the team, each puts the contributions in order at
 * the end.
 *
 *     flat    each sends its block to all
 *     bruck   in round r to the leader 2^r places ahead the 2^r blocks up to one's own: log2(n)
 *             messages in a row
 *     ring    each passes on to the next what it got last
 *     pull    each reads all blocks where they lie
 *
 * If all blocks together fit in the room of a box, that is where they go, and nobody need be asked.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/config.h"
#include "core/check.h"
#include "core/coll_net.h"
#include "core/coll_node.h"
#include "core/copy.h"
#include "core/program.h"

static size_t block_len(const struct shmi_net_call *call, int i)
{
    return call->at[i + 1] - call->at[i];
}

/* Where a block lies in the room: apart from its neighbours, whatever the lengths. */
static size_t place_of(const struct shmi_net_call *call, int i)
{
    return shmi_round_up(call->at[i], sizeof(uint32_t)) + (size_t)i * 8;
}

static bool is_short(const struct shmi_team *team, const struct shmi_net_call *call)
{
    return place_of(call, team->n_pes) <= SHMI_BOX_ROOM;
}

/* Begin an exchange; long blocks go straight into dests, which must be ready for them. */
static void prepare(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    shmi_box_begin(who, team);
    if (!is_short(team, call)) {
        shmi_net_step(who, team);
    }
}

/* Blocks first to last - 1 as one message; long ones are told of later. */
static void send_blocks(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                        int first, int last, int to)
{
    char *from = call->dest + call->at[first];
    size_t len = call->at[last] - call->at[first];
    if (is_short(team, call)) {
        shmi_box_send(who, team, place_of(call, first), from, len, to);
    } else {
        shmi_net_push(who, team, from, from, len, to);
    }
}

/* The long ones have arrived when the flag has the number; the short ones show it themselves. */
static void tell(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                 int flag, uint64_t number, int to)
{
    if (!is_short(team, call)) {
        shmi_box_tell(who, team, flag, number, true, to);
    }
}

static void receive_blocks(const char *who, struct shmi_team *team,
                           const struct shmi_net_call *call, int first, int last, int from)
{
    if (is_short(team, call)) {
        shmi_box_receive(who, team, place_of(call, first), call->dest + call->at[first],
                         call->at[last] - call->at[first], from);
    }
}

static void await(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                  int flag, uint64_t number, int from)
{
    if (!is_short(team, call)) {
        shmi_box_await(who, team, flag, number, from);
    }
}

static void flat(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    int me = team->my_pe;
    prepare(who, team, call);
    for (int k = 1; k < team->n_pes; k++) {
        send_blocks(who, team, call, me, me + 1, shmi_node_after(team, k));
    }
    for (int k = 1; k < team->n_pes; k++) {
        tell(who, team, call, me, 1, shmi_node_after(team, k));
    }
    for (int k = 1; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        receive_blocks(who, team, call, i, i + 1, i);
        await(who, team, call, i, 1, i);
    }
    shmi_box_end(team, true);
}

/* Blocks that go round the end are two messages. */
static void bruck_round(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                        int round)
{
    int n = team->n_pes;
    int distance = 1 << round;
    int blocks = (int)shmi_min((size_t)distance, (size_t)(n - distance));
    int to = (team->my_pe + distance) % n;
    int from = (team->my_pe - distance + n) % n;
    int first = (team->my_pe - blocks + 1 + n) % n;
    int theirs = (from - blocks + 1 + n) % n;
    send_blocks(who, team, call, first, (int)shmi_min((size_t)(first + blocks), (size_t)n), to);
    if (first + blocks > n) {
        send_blocks(who, team, call, 0, first + blocks - n, to);
    }
    tell(who, team, call, round, 1, to);
    receive_blocks(who, team, call, theirs, (int)shmi_min((size_t)(theirs + blocks), (size_t)n),
                   from);
    if (theirs + blocks > n) {
        receive_blocks(who, team, call, 0, theirs + blocks - n, from);
    }
    await(who, team, call, round, 1, from);
}

static void bruck(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    prepare(who, team, call);
    for (int round = 0; 1 << round < team->n_pes; round++) {
        bruck_round(who, team, call, round);
    }
    shmi_box_end(team, true);
}

static void ring(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    int n = team->n_pes;
    int to = shmi_node_after(team, 1);
    int from = shmi_node_after(team, n - 1);
    prepare(who, team, call);
    for (int k = 0; k < n - 1; k++) {
        int mine = (team->my_pe - k + n) % n;
        int theirs = (from - k + n) % n;
        send_blocks(who, team, call, mine, mine + 1, to);
        tell(who, team, call, 0, (uint64_t)k + 1, to);
        receive_blocks(who, team, call, theirs, theirs + 1, from);
        await(who, team, call, 0, (uint64_t)k + 1, from);
    }
    shmi_box_end(team, true);
}

static void pull(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    shmi_net_step(who, team);
    for (int k = 1; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        char *block = call->dest + call->at[i];
        shmi_net_get(who, team, block, block, block_len(call, i), i);
    }
    shmi_net_finish();
    shmi_net_step(who, team);
}

static bool pull_works(const struct shmi_team *team, const struct shmi_net_call *call)
{
    return shmi_segment_of(call->dest) != NULL || !shmi_net_boxed(team, call);
}

/* Over TCP, pull takes twice as long as the others between 2 and 3 nodes, whatever the length; with
 * 5 all are alike from 100 KiB on, and from 1 MiB on it is the best. */
static const struct shmi_net_algorithm algorithms[] = {
    /* clang-format off */
    {"flat",  flat,  shmi_net_flagged, 8192,     5},
    {"ring",  ring,  shmi_net_boxed,   SIZE_MAX, 4},
    {"bruck", bruck, shmi_net_boxed,   1 << 20,  INT_MAX},
    {"pull",  pull,  pull_works,       SIZE_MAX, INT_MAX},
    /* clang-format on */
};
const struct shmi_net_list shmi_net_collects = {"collect", &shmi_config.coll_collect, algorithms,
                                                SHMI_COUNT(algorithms)};

/* ---- nodes ------------------------------------------------------------ */

/* What is known of each member's contribution. */
struct offer {
    size_t len;
    size_t segment; /* where it lies, in the owner's terms; of a constant, */
    size_t offset;  /* how far from the static data */
};

static struct offer offer_of(const char *who, const char *source, size_t len)
{
    struct offer offer = {.len = len};
    const struct shmi_segment *seg = shmi_segment_of(source);
    if (seg == NULL && shmi_program_is_constant(source)) {
        seg = &shmi_segments[SHMI_SEGMENT_DATA];
    }
    if (len != 0 && seg == NULL) {
        shmi_check_not_symmetric(who, "source", source);
    }
    if (len != 0) {
        offer.segment = (size_t)(seg - shmi_segments);
        offer.offset = (size_t)(source - seg->base);
    }
    return offer;
}

/* The leader's part before the exchange: the contributions of its node, to where their block is.
 * In place, its own lies where something else may come, so they are put together aside. */
static void gather_node(const char *who, struct shmi_team *team, const struct offer *offers,
                        char *block, size_t len, bool in_place)
{
    struct shmi_net_group *group = team->net;
    int mine = group->leaders.my_pe;
    char *to = in_place && len != 0 ? shmi_node_aside(who, len) : block;
    char *at = to;
    for (int k = group->begin[mine]; k < group->begin[mine + 1]; k++) {
        const struct offer *offer = &offers[group->by_node[k]];
        const char *from = shmi_segments[offer->segment].base + offer->offset;
        shmi_net_get(who, team, at, from, offer->len, group->by_node[k]);
        at += offer->len;
    }
    if (group->node.n_pes > 1 && !shmi_config.static_sharing) { /* some came by the network */
        shmi_net_finish();
    }
    if (to != block) {
        shmi_copy(block, to, len);
        free(to);
    }
}

/* From the order of nodes to the order of members. */
static void sort(const char *who, const struct shmi_net_group *group, const struct offer *offers,
                 char *dest, size_t total)
{
    int n = group->begin[shmi_net_n_nodes(group)];
    size_t *place = shmi_node_aside(who, (size_t)n * sizeof(*place));
    char *aside = shmi_node_aside(who, total);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        place[i] = at;
        at += offers[i].len;
    }
    memcpy(aside, dest, total);
    at = 0;
    for (int k = 0; k < n; k++) {
        int i = group->by_node[k];
        memcpy(dest + place[i], aside + at, offers[i].len);
        at += offers[i].len;
    }
    free(aside);
    free(place);
}

static void collect(const char *who, struct shmi_team *team, char *dest, const char *source,
                    const struct offer *offers)
{
    struct shmi_net_group *group = team->net;
    int n_nodes = shmi_net_n_nodes(group);
    size_t *at = shmi_node_aside(who, (size_t)(n_nodes + 1) * sizeof(*at));
    at[0] = 0;
    for (int node = 0; node < n_nodes; node++) {
        at[node + 1] = at[node];
        for (int k = group->begin[node]; k < group->begin[node + 1]; k++) {
            at[node + 1] += offers[group->by_node[k]].len;
        }
    }
    int mine = group->leaders.my_pe;
    size_t total = at[n_nodes];
    if (total != 0) {
        shmi_node_sync(who, &group->node);
    }
    if (group->is_leader && total != 0) {
        const struct shmi_net_call call = {.dest = dest, .len = total, .at = at};
        gather_node(who, team, offers, dest + at[mine], at[mine + 1] - at[mine], dest == source);
        shmi_net_choose(who, &shmi_net_collects, &group->leaders, &call);
    }
    if (group->node.n_pes > 1) {
        shmi_node_broadcast(who, &group->node, dest, dest, total, 0, true);
    }
    if (!group->is_in_order && total != 0) {
        sort(who, group, offers, dest, total);
    }
    free(at);
}

void shmi_net_fcollect(const char *who, struct shmi_team *team, char *dest, const char *source,
                       size_t len)
{
    size_t n = (size_t)team->n_pes;
    shmi_net_meet(team);
    if (len == 0) {
        return;
    }
    struct offer *offers = shmi_node_aside(who, n * sizeof(*offers));
    for (size_t i = 0; i < n; i++) {
        offers[i] = offer_of(who, source, len);
    }
    collect(who, team, dest, source, offers);
    free(offers);
}

/* Offers travel like short contributions, only that they lie in private memory. */
static void exchange_offers(const char *who, struct shmi_team *team, const struct offer *mine,
                            struct offer *offers)
{
    struct shmi_net_group *group = team->net;
    struct shmi_team *node = &group->node;
    size_t bytes = (size_t)team->n_pes * sizeof(*mine);
    struct offer *sorted = shmi_node_aside(who, bytes);
    int n_nodes = shmi_net_n_nodes(group);
    size_t *at = shmi_node_aside(who, (size_t)(n_nodes + 1) * sizeof(*at));
    for (int i = 0; i <= n_nodes; i++) {
        at[i] = (size_t)group->begin[i] * sizeof(*mine);
    }
    memcpy(shmi_node_outbox(who, node), mine, sizeof(*mine));
    shmi_node_sync(who, node);
    if (group->is_leader) {
        const struct shmi_net_call call = {.dest = (char *)sorted, .len = bytes, .at = at};
        struct offer *here = sorted + group->begin[group->leaders.my_pe];
        for (int i = 0; i < node->n_pes; i++) {
            memcpy(&here[i], shmi_node_inbox(node, i), sizeof(*mine));
        }
        shmi_net_choose(who, &shmi_net_collects, &group->leaders, &call);
    }
    for (size_t from = 0; from < bytes && node->n_pes > 1; from += SHMI_PAYLOAD) {
        char *piece = (char *)sorted + from;
        shmi_node_broadcast(who, node, piece, piece, shmi_min(bytes - from, SHMI_PAYLOAD), 0, true);
    }
    for (int k = 0; k < team->n_pes; k++) {
        offers[group->by_node[k]] = sorted[k];
    }
    free(at);
    free(sorted);
}

void shmi_net_collect(const char *who, struct shmi_team *team, char *dest, const char *source,
                      size_t len)
{
    struct offer mine = offer_of(who, source, len);
    size_t bytes = (size_t)team->n_pes * sizeof(mine);
    struct offer *offers = shmi_node_aside(who, bytes);
    struct shmi_net_group *group = shmi_net_meet(team);
    if (shmi_net_boxed(&group->leaders, NULL) &&
        bytes + 8 * (size_t)shmi_net_n_nodes(group) <= SHMI_BOX_ROOM) {
        exchange_offers(who, team, &mine, offers);
    } else {
        memcpy(offers, shmi_net_gather(who, team, &mine, sizeof(mine)), bytes);
    }
    collect(who, team, dest, source, offers);
    free(offers);
}
