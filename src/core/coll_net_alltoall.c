/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_alltoall.c -- alltoall and alltoalls between nodes.
 *
 *     leaders    what the members of one node have for those of another goes in one message
 *     push       every member puts each other's block into its dest, if it may be contiguous there
 *     flat       every member reads its block from each other's source, all at once
 *     pairwise   the same, from one after the other
 */
#include <string.h>

#include "core/base/config.h"
#include "core/coll_net.h"
#include "core/coll_node.h"
#include "core/copy.h"

/* Elements that lie further apart than so many are read one by one. */
#define APART_MAX 16

static void spread(char *to, ptrdiff_t dst, const char *from, ptrdiff_t sst, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(to + i * (size_t)dst * size, from + i * (size_t)sst * size, size);
    }
}

/* ---- flat and pairwise ------------------------------------------------ */

/* Read a block of a strided source, with what lies between its elements or without. */
static void get_block(const char *who, const struct shmi_team *team, char *to, const char *from,
                      const struct shmi_net_call *call, int i)
{
    size_t sst = (size_t)call->sst;
    if (sst <= APART_MAX) {
        shmi_net_get(who, team, to, from, ((call->nelems - 1) * sst + 1) * call->size, i);
        return;
    }
    for (size_t k = 0; k < call->nelems; k++) {
        shmi_net_get(who, team, to + k * call->size, from + k * sst * call->size, call->size, i);
    }
}

/* Blocks arrive side by side: straight in dest, if that is how they lie there. */
static void read_blocks(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                        bool one_by_one)
{
    size_t n = (size_t)team->n_pes;
    size_t apart = call->sst <= APART_MAX ? (size_t)call->sst : 1; /* of what has arrived */
    size_t step = ((call->nelems - 1) * apart + 1) * call->size;
    bool straight = call->dst == 1 && apart == 1 && call->dest != call->source;
    char *to = straight ? call->dest : shmi_net_scratch(who, team, n * step);
    size_t mine = (size_t)team->my_pe * call->nelems * (size_t)call->sst * call->size;
    shmi_net_step(who, team);
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        get_block(who, team, to + (size_t)i * step, call->source + mine, call, i);
        if (one_by_one) {
            shmi_net_finish();
        }
    }
    shmi_net_finish();
    shmi_net_step(who, team);
    for (size_t i = 0; i < n && !straight; i++) {
        spread(call->dest + i * call->nelems * (size_t)call->dst * call->size, call->dst,
               to + i * step, (ptrdiff_t)apart, call->nelems, call->size);
    }
}

static void flat(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    read_blocks(who, team, call, false);
}

static void pairwise(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    read_blocks(who, team, call, true);
}

/* ---- push ------------------------------------------------------------- */

/* Nobody waits for more than what it gets: a put takes one way through the network, a read two. */
static void push(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    size_t n = (size_t)team->n_pes;
    size_t block = call->nelems * call->size;
    const char *from = call->source;
    if (call->sst != 1 || call->dest == call->source) { /* in place, the others write over it */
        char *packed = shmi_net_scratch(who, team, n * block);
        spread(packed, 1, from, call->sst, n * call->nelems, call->size);
        from = packed;
    }
    shmi_net_step(who, team);
    for (int k = 1; k < team->n_pes; k++) {
        int to = shmi_node_after(team, k);
        char *there = call->dest + (size_t)team->my_pe * block;
        shmi_net_push(who, team, there, from + (size_t)to * block, block, to);
        shmi_box_tell_put(who, team, to);
    }
    size_t mine = (size_t)team->my_pe * block;
    shmi_copy(call->dest + mine, from + mine, block);
    for (int k = 1; k < team->n_pes; k++) {
        shmi_box_await_put(who, team, shmi_node_after(team, k));
    }
}

static bool push_works(const struct shmi_team *team, const struct shmi_net_call *call)
{
    return shmi_net_boxed(team, call) && team->n_pes <= SHMI_BOX_FLAGS && call->dst == 1;
}

/* ---- leaders ---------------------------------------------------------- */

/* Members of a node. */
static int node_len(const struct shmi_net_group *group, int node)
{
    return group->begin[node + 1] - group->begin[node];
}

/*
 * On the table of a leader lie, node after node, the blocks of that node's members, each of them
 * for one member of this node after the other.  So blocks from a member begin at its place among
 * all, times the members here.
 */
static size_t place_of(const struct shmi_net_call *call, int from, int members_here)
{
    return (size_t)from * (size_t)members_here * call->nelems * call->size;
}

/* And in the room, a message at a multiple of 4. */
static size_t room_of(const struct shmi_net_call *call, int from, int members_here, int node)
{
    return shmi_round_up(place_of(call, from, members_here), 4) + (size_t)node * 8;
}

/* What my node's members have for another node's, as it will lie there. */
static size_t pack(const struct shmi_team *team, const struct shmi_net_call *call, int node,
                   char *to)
{
    const struct shmi_net_group *group = team->net;
    int mine = group->leaders.my_pe;
    size_t block = call->nelems * call->size;
    size_t len = 0;
    for (int from = group->begin[mine]; from < group->begin[mine + 1]; from++) {
        const char *source = shmi_node_reach(team, call->source, group->by_node[from]);
        for (int k = group->begin[node]; k < group->begin[node + 1]; k++) {
            size_t at = (size_t)group->by_node[k] * block * (size_t)call->sst;
            spread(to + len, 1, source + at, call->sst, call->nelems, call->size);
            len += block;
        }
    }
    return len;
}

/* The leader's part: nothing but the exchange.  When all has come, it lies on the table. */
static void exchange(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    struct shmi_net_group *group = team->net;
    struct shmi_team *leaders = &group->leaders;
    int mine = leaders->my_pe;
    int here = node_len(group, mine);
    char *table = shmi_box_table(leaders);
    char *packed = shmi_net_scratch(who, team, SHMI_BOX_ROOM);
    pack(team, call, mine, table + place_of(call, group->begin[mine], here));
    for (int k = 1; k < leaders->n_pes; k++) {
        int node = shmi_node_after(leaders, k);
        size_t room = room_of(call, group->begin[mine], node_len(group, node), mine);
        shmi_box_send(who, leaders, room, packed, pack(team, call, node, packed), node);
    }
    for (int k = 1; k < leaders->n_pes; k++) {
        int node = shmi_node_after(leaders, k);
        size_t at = place_of(call, group->begin[node], here);
        size_t end = place_of(call, group->begin[node + 1], here);
        size_t room = room_of(call, group->begin[node], here, node);
        shmi_box_receive(who, leaders, room, table + at, end - at, node);
    }
}

/* My blocks, from my leader's table. */
static void unpack(const struct shmi_team *team, const struct shmi_net_call *call,
                   const char *table)
{
    const struct shmi_net_group *group = team->net;
    size_t block = call->nelems * call->size;
    for (int from = 0; from < team->n_pes; from++) {
        size_t at = place_of(call, from, group->node.n_pes);
        char *to = call->dest + (size_t)group->by_node[from] * block * (size_t)call->dst;
        spread(to, call->dst, table + at + (size_t)group->node.my_pe * block, 1, call->nelems,
               call->size);
    }
}

/* All calls of the others on my node keep to the leader's count of the box's calls, which it tells
 * them. */
static void by_leaders(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    struct shmi_net_group *group = team->net;
    struct shmi_team *node = &group->node;
    shmi_node_sync(who, node);
    if (group->is_leader) {
        shmi_box_begin(who, &group->leaders);
        exchange(who, team, call);
        ptrdiff_t table = shmi_box_table(&group->leaders) - (char *)shmi_node_slot(node, 0);
        memcpy(shmi_node_outbox(who, node), &table, sizeof(table));
    }
    shmi_node_sync(who, node);
    ptrdiff_t table;
    memcpy(&table, shmi_node_inbox(node, 0), sizeof(table));
    unpack(team, call, (char *)shmi_node_slot(node, 0) + table);
    shmi_node_sync(who, node);
    if (group->is_leader) {
        shmi_box_end(&group->leaders, true);
    }
}

/* The largest node's blocks fit in the room, and all sources of a node are mapped on it. */
static bool leaders_work(const struct shmi_team *team, const struct shmi_net_call *call)
{
    const struct shmi_net_group *group = team->net;
    const struct shmi_segment *seg = shmi_segment_of(call->source);
    int most = 0;
    for (int node = 0; node < shmi_net_n_nodes(group); node++) {
        most = node_len(group, node) > most ? node_len(group, node) : most;
    }
    size_t room = SHMI_BOX_ROOM - (SHMI_BOX_FLAGS + 1) * 8;
    bool is_mapped = shmi_config.static_sharing || seg == &shmi_segments[SHMI_SEGMENT_HEAP];
    return shmi_net_flagged(team, call) && seg != NULL && is_mapped &&
           call->nelems <= room / call->size / (size_t)team->n_pes / (size_t)most;
}

/* Over TCP, 2 to 5 nodes: push has two thirds of the packets of flat, or less, and takes as much
 * less time up to 32 KiB. */
static const struct shmi_net_algorithm algorithms[] = {
    /* clang-format off */
    {"leaders",  by_leaders, leaders_work,    SIZE_MAX, INT_MAX},
    {"push",     push,       push_works,      SIZE_MAX, INT_MAX},
    {"pairwise", pairwise,   shmi_net_always, 0,        0},
    {"flat",     flat,       shmi_net_always, SIZE_MAX, INT_MAX},
    /* clang-format on */
};
const struct shmi_net_list shmi_net_alltoalls = {"alltoall", &shmi_config.coll_alltoall, algorithms,
                                                 SHMI_COUNT(algorithms)};

void shmi_net_alltoall(const char *who, struct shmi_team *team, char *dest, const char *source,
                       ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size)
{
    const struct shmi_net_call call = {
        .dest = dest,
        .source = source,
        .len = (size_t)team->n_pes * nelems * size,
        .nelems = nelems,
        .size = size,
        .dst = dst,
        .sst = sst,
    };
    shmi_net_meet(team);
    shmi_net_choose(who, &shmi_net_alltoalls, team, &call);
}
