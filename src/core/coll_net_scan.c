/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_scan.c -- prefix sums between nodes.
 *
 * Where the members of a node follow one another in the team, each node scans in itself, the
 * leaders find out what the nodes before theirs have in all, and each member puts that in front.
 * That goes in pieces through boxes, and is for data that is not too long.
 *
 *     doubling   in round r to the leader 2^r places on: what the 2^r nodes up to one's own have
 *     chain      from leader to leader: what all up to it have
 *     flat       every member for itself: short data is gathered from the payloads; of long data
 *                member s goes over slice s of all sources, and gives each its result
 */
#include <string.h>

#include "core/base/config.h"
#include "core/coll_net.h"
#include "core/coll_node.h"
#include "core/copy.h"

/* Bytes of all sources together that are on their way at once. */
#define WINDOW (4u << 20)

/* So many pieces through the payloads cost no more than the steps of sliced. */
#define PIECES 2

/* ---- flat ------------------------------------------------------------- */

static void scan_small(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    size_t per_piece = SHMI_PAYLOAD / call->size;
    int last = call->inclusive ? team->my_pe : team->my_pe - 1;
    for (size_t at = 0; at < call->nelems; at += per_piece) {
        size_t piece = shmi_min(call->nelems - at, per_piece);
        size_t bytes = piece * call->size;
        char *acc = call->dest + at * call->size;
        const char *all = shmi_net_gather(who, team, call->source + at * call->size, bytes);
        if (last < 0) {
            memset(acc, 0, bytes);
        } else {
            memcpy(acc, all, bytes);
        }
        for (int i = 1; i <= last; i++) {
            call->combine(acc, all + (size_t)i * bytes, piece);
        }
    }
}

/* Turn what the members have, side by side, into what they get: each takes over what the one before
 * it got. */
static void accumulate(const struct shmi_net_call *call, char *all, int n_pes, size_t nelems)
{
    size_t len = nelems * call->size;
    char *sums = all + (size_t)n_pes * len;
    memcpy(sums, all, len);
    for (size_t i = 1; i < (size_t)n_pes; i++) {
        memcpy(sums + i * len, sums + (i - 1) * len, len);
        call->combine(sums + i * len, all + i * len, nelems);
    }
}

/* The sums of a block to their owners; exclusive: member i gets those up to i - 1. */
static void hand_out(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                     const char *sums, size_t at, size_t nelems)
{
    size_t len = nelems * call->size;
    char *to = call->dest + at * call->size;
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        int from = call->inclusive ? i : i - 1;
        if (from >= 0) {
            shmi_net_put(who, team, to, sums + (size_t)from * len, len, i);
        }
    }
    shmi_net_finish();
}

static void scan_block(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                       size_t at, size_t nelems)
{
    size_t n = (size_t)team->n_pes;
    size_t len = nelems * call->size;
    char *all = shmi_net_scratch(who, team, 2 * n * len);
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        shmi_net_get(who, team, all + (size_t)i * len, call->source + at * call->size, len, i);
    }
    shmi_net_finish();
    accumulate(call, all, team->n_pes, nelems);
    hand_out(who, team, call, all + n * len, at, nelems);
}

/* In place is safe: slice s of all sources is read, and of all dests written, by member s alone. */
static void scan_sliced(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    size_t n = (size_t)team->n_pes;
    size_t slice = shmi_round_up((call->nelems + n - 1) / n, SHMI_LINE / call->size);
    size_t block = shmi_round_up(shmi_max(WINDOW / n, 4096), SHMI_LINE) / call->size;
    size_t begin = shmi_min((size_t)team->my_pe * slice, call->nelems);
    size_t end = shmi_min(begin + slice, call->nelems);
    shmi_net_step(who, team);
    for (size_t at = begin; at < end; at += block) {
        scan_block(who, team, call, at, shmi_min(end - at, block));
    }
    shmi_net_step(who, team);
    if (!call->inclusive && team->my_pe == 0) {
        memset(call->dest, 0, call->len);
    }
}

static void flat(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    if (call->len <= PIECES * SHMI_PAYLOAD) {
        scan_small(who, team, call);
    } else {
        scan_sliced(who, team, call);
    }
}

/* ---- by nodes --------------------------------------------------------- */

/* A piece of a scan by nodes. */
struct piece {
    const struct shmi_net_call *call;
    size_t at; /* of its first element, in bytes */
    size_t nelems;
    size_t len;
    size_t place;  /* bytes of the room for each round of a doubling */
    bool by_table; /* it is too long for payloads */
};

/* Among the leaders: total is what my node has; before becomes what those before it have, but for
 * the first, which has none before it. */
typedef void scan_leaders(const char *who, struct shmi_team *leaders, const struct piece *piece,
                          char *before, char *total);

static void chain(const char *who, struct shmi_team *leaders, const struct piece *piece,
                  char *before, char *total)
{
    _Alignas(SHMI_LINE) char sum[SHMI_BOX_ROOM];
    int me = leaders->my_pe;
    shmi_box_begin(who, leaders);
    if (me != 0) {
        shmi_box_receive(who, leaders, 0, before, piece->len, me - 1);
        memcpy(sum, before, piece->len);
        piece->call->combine(sum, total, piece->nelems);
        memcpy(total, sum, piece->len);
    }
    if (me != leaders->n_pes - 1) {
        shmi_box_send(who, leaders, 0, total, piece->len, me + 1);
    }
    shmi_box_end(leaders, false);
}

/* What has come, of the leader so many places before, goes in front of both. */
static void prepend(const struct piece *piece, char *come, char *before, char *total, bool is_first)
{
    _Alignas(SHMI_LINE) char sum[SHMI_BOX_ROOM];
    memcpy(sum, come, piece->len);
    piece->call->combine(sum, total, piece->nelems);
    memcpy(total, sum, piece->len);
    if (!is_first) {
        piece->call->combine(come, before, piece->nelems);
    }
    memcpy(before, come, piece->len);
}

static void doubling(const char *who, struct shmi_team *leaders, const struct piece *piece,
                     char *before, char *total)
{
    _Alignas(SHMI_LINE) char come[SHMI_BOX_ROOM];
    int me = leaders->my_pe;
    shmi_box_begin(who, leaders);
    for (int round = 0; 1 << round < leaders->n_pes; round++) {
        int to = me + (1 << round);
        int from = me - (1 << round);
        size_t place = (size_t)round * piece->place;
        if (to < leaders->n_pes) {
            shmi_box_send(who, leaders, place, total, piece->len, to);
        }
        if (from >= 0) {
            shmi_box_receive(who, leaders, place, come, piece->len, from);
            prepend(piece, come, before, total, round == 0);
        }
    }
    shmi_box_end(leaders, false);
}

/* What a member of the node brings: its payload, or what lies in its source. */
static const void *brought(const struct shmi_team *node, const struct piece *piece, int i)
{
    if (!piece->by_table) {
        return shmi_node_inbox(node, i);
    }
    return shmi_node_reach(node, piece->call->source, i) + piece->at;
}

/* What the members up to one of them have; -1: nothing. */
static void sum_node(const struct shmi_team *node, const struct piece *piece, int last, char *acc)
{
    if (last < 0) {
        memset(acc, 0, piece->len);
        return;
    }
    memcpy(acc, brought(node, piece, 0), piece->len);
    for (int i = 1; i <= last; i++) {
        piece->call->combine(acc, brought(node, piece, i), piece->nelems);
    }
}

/* The leader's part: what the nodes before have, to where all on the node read it. */
static void lead(const char *who, struct shmi_net_group *group, const struct piece *piece,
                 scan_leaders *among_leaders)
{
    _Alignas(SHMI_LINE) char before[SHMI_BOX_ROOM];
    _Alignas(SHMI_LINE) char total[SHMI_BOX_ROOM];
    struct shmi_team *node = &group->node;
    memset(before, 0, piece->len);
    sum_node(node, piece, node->n_pes - 1, total);
    among_leaders(who, &group->leaders, piece, before, total);
    if (!piece->by_table) {
        memcpy(shmi_node_outbox(who, node), before, piece->len);
        return;
    }
    char *table = shmi_box_table(&group->leaders);
    ptrdiff_t offset = table - (char *)shmi_node_slot(node, 0);
    memcpy(table, before, piece->len);
    memcpy(shmi_node_outbox(who, node), &offset, sizeof(offset));
}

static const char *led(const struct shmi_team *node, const struct piece *piece)
{
    const char *payload = (const char *)shmi_node_inbox(node, 0);
    ptrdiff_t offset;
    if (!piece->by_table) {
        return payload;
    }
    memcpy(&offset, payload, sizeof(offset));
    return (const char *)shmi_node_slot(node, 0) + offset;
}

/* In place, others read my source until the second step. */
static void scan_piece(const char *who, struct shmi_team *team, const struct piece *piece,
                       scan_leaders *among_leaders)
{
    struct shmi_net_group *group = team->net;
    struct shmi_team *node = &group->node;
    const struct shmi_net_call *call = piece->call;
    _Alignas(SHMI_LINE) char mine[SHMI_BOX_ROOM];
    _Alignas(SHMI_LINE) char before[SHMI_BOX_ROOM];
    char *dest = call->dest + piece->at;
    int last = call->inclusive ? node->my_pe : node->my_pe - 1;
    if (!piece->by_table) {
        memcpy(shmi_node_outbox(who, node), call->source + piece->at, piece->len);
    }
    shmi_node_sync(who, node);
    sum_node(node, piece, last, mine);
    if (group->is_leader) {
        lead(who, group, piece, among_leaders);
    }
    shmi_node_sync(who, node);
    if (group->leaders.my_pe == 0) {
        memcpy(dest, mine, piece->len);
        return;
    }
    memcpy(before, led(node, piece), piece->len);
    if (last >= 0) {
        call->combine(before, mine, piece->nelems);
    }
    memcpy(dest, before, piece->len);
}

/* Is the source mapped by all on its node?  The same answer everywhere. */
static bool is_mapped(const struct shmi_net_call *call)
{
    const struct shmi_segment *seg = shmi_segment_of(call->source);
    return seg != NULL && (shmi_config.static_sharing || seg == &shmi_segments[SHMI_SEGMENT_HEAP]);
}

static void by_nodes(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                     scan_leaders *among_leaders)
{
    size_t rounds = 1;
    while (1 << rounds < shmi_net_n_nodes(team->net)) {
        rounds++;
    }
    size_t place = SHMI_BOX_ROOM / rounds / SHMI_LINE * SHMI_LINE;
    bool by_table = call->len > SHMI_PAYLOAD && is_mapped(call);
    size_t longest = (by_table ? place : SHMI_PAYLOAD) / call->size;
    for (size_t at = 0; at < call->nelems; at += longest) {
        size_t nelems = shmi_min(call->nelems - at, longest);
        const struct piece piece = {
            .call = call,
            .at = at * call->size,
            .nelems = nelems,
            .len = nelems * call->size,
            .place = place,
            .by_table = by_table,
        };
        scan_piece(who, team, &piece, among_leaders);
    }
}

static void by_chain(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    by_nodes(who, team, call, chain);
}

static void by_doubling(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    by_nodes(who, team, call, doubling);
}

/* The room has a place for each of so many rounds. */
static bool nodes_work(const struct shmi_team *team, const struct shmi_net_call *call)
{
    bool is_few = shmi_net_n_nodes(team->net) <= 1 << SHMI_BOX_ROOM / SHMI_PAYLOAD;
    return shmi_net_boxed(team, call) && team->net->is_in_order && is_few;
}

/* Over TCP, 2 to 5 nodes: doubling takes a tenth to a third of the time of flat up to 8 KiB, and
 * twice as long for 64 KiB. */
static const struct shmi_net_algorithm algorithms[] = {
    /* clang-format off */
    {"doubling", by_doubling, nodes_work,      16384,    INT_MAX},
    {"chain",    by_chain,    nodes_work,      0,        0},
    {"flat",     flat,        shmi_net_always, SIZE_MAX, INT_MAX},
    /* clang-format on */
};
const struct shmi_net_list shmi_net_scans = {"scan", &shmi_config.coll_scan, algorithms,
                                             SHMI_COUNT(algorithms)};

void shmi_net_scan(const char *who, struct shmi_team *team, char *dest, const char *source,
                   size_t nelems, size_t size, shmi_combine *combine, bool inclusive)
{
    const struct shmi_net_call call = {
        .dest = dest,
        .source = source,
        .len = nelems * size,
        .nelems = nelems,
        .size = size,
        .combine = combine,
        .inclusive = inclusive,
    };
    shmi_net_meet(team);
    if (nelems != 0) {
        shmi_net_choose(who, &shmi_net_scans, team, &call);
    }
}
