/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_scan.c -- prefix sums between nodes.
 *
 * Where the members of a node follow one another in the team, each node scans in itself, the
 * leaders find out what the nodes before theirs have in all, and each member puts that in front.
 * That goes in pieces through payloads and boxes, and is for data that is not too long.
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

/* Among the leaders: total is what my node has; before becomes what those before it have, but for
 * the first, which has none before it. */
typedef void scan_leaders(const char *who, struct shmi_team *leaders,
                          const struct shmi_net_call *call, char *before, char *total,
                          size_t nelems);

static void chain(const char *who, struct shmi_team *leaders, const struct shmi_net_call *call,
                  char *before, char *total, size_t nelems)
{
    _Alignas(SHMI_LINE) char sum[SHMI_PAYLOAD];
    size_t len = nelems * call->size;
    int me = leaders->my_pe;
    shmi_box_begin(who, leaders);
    if (me != 0) {
        shmi_box_receive(who, leaders, 0, before, len, me - 1);
        memcpy(sum, before, len);
        call->combine(sum, total, nelems);
        memcpy(total, sum, len);
    }
    if (me != leaders->n_pes - 1) {
        shmi_box_send(who, leaders, 0, total, len, me + 1);
    }
    shmi_box_end(leaders, false);
}

/* What has come, of the leader so many places before, goes in front of both. */
static void prepend(const struct shmi_net_call *call, char *come, char *before, char *total,
                    size_t nelems, bool is_first)
{
    _Alignas(SHMI_LINE) char sum[SHMI_PAYLOAD];
    size_t len = nelems * call->size;
    memcpy(sum, come, len);
    call->combine(sum, total, nelems);
    memcpy(total, sum, len);
    if (!is_first) {
        call->combine(come, before, nelems);
    }
    memcpy(before, come, len);
}

static void doubling(const char *who, struct shmi_team *leaders, const struct shmi_net_call *call,
                     char *before, char *total, size_t nelems)
{
    _Alignas(SHMI_LINE) char come[SHMI_PAYLOAD];
    size_t len = nelems * call->size;
    int me = leaders->my_pe;
    shmi_box_begin(who, leaders);
    for (int round = 0; 1 << round < leaders->n_pes; round++) {
        int to = me + (1 << round);
        int from = me - (1 << round);
        size_t place = (size_t)round * SHMI_PAYLOAD;
        if (to < leaders->n_pes) {
            shmi_box_send(who, leaders, place, total, len, to);
        }
        if (from >= 0) {
            shmi_box_receive(who, leaders, place, come, len, from);
            prepend(call, come, before, total, nelems, round == 0);
        }
    }
    shmi_box_end(leaders, false);
}

/* What the members up to one of them have, out of the payloads; -1: nothing. */
static void sum_node(const struct shmi_team *node, const struct shmi_net_call *call, int last,
                     char *acc, size_t nelems)
{
    if (last < 0) {
        memset(acc, 0, nelems * call->size);
        return;
    }
    memcpy(acc, shmi_node_inbox(node, 0), nelems * call->size);
    for (int i = 1; i <= last; i++) {
        call->combine(acc, shmi_node_inbox(node, i), nelems);
    }
}

static void scan_piece(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                       size_t at, size_t nelems, scan_leaders *among_leaders)
{
    struct shmi_net_group *group = team->net;
    struct shmi_team *node = &group->node;
    size_t len = nelems * call->size;
    char *dest = call->dest + at * call->size;
    int last = call->inclusive ? node->my_pe : node->my_pe - 1;
    _Alignas(SHMI_LINE) char before[SHMI_PAYLOAD] = {0};
    _Alignas(SHMI_LINE) char total[SHMI_PAYLOAD];
    memcpy(shmi_node_outbox(who, node), call->source + at * call->size, len);
    shmi_node_sync(who, node);
    sum_node(node, call, last, dest, nelems);
    if (group->is_leader) {
        sum_node(node, call, node->n_pes - 1, total, nelems);
        among_leaders(who, &group->leaders, call, before, total, nelems);
        memcpy(shmi_node_outbox(who, node), before, len);
    }
    shmi_node_sync(who, node);
    if (group->leaders.my_pe == 0) {
        return;
    }
    memcpy(before, shmi_node_inbox(node, 0), len);
    if (last >= 0) {
        call->combine(before, dest, nelems);
    }
    memcpy(dest, before, len);
}

static void by_nodes(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                     scan_leaders *among_leaders)
{
    size_t per_piece = SHMI_PAYLOAD / call->size;
    for (size_t at = 0; at < call->nelems; at += per_piece) {
        scan_piece(who, team, call, at, shmi_min(call->nelems - at, per_piece), among_leaders);
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

static const struct shmi_net_algorithm algorithms[] = {
    /* clang-format off */
    {"doubling", by_doubling, nodes_work,      4096,     INT_MAX},
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
