/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_broadcast.c -- broadcast between nodes.
 *
 * On the root's node all take it from the root, among them the leader; then the leaders broadcast;
 * then each other node takes it from its leader's dest.
 *
 *     flat       the root sends it to all
 *     binomial   log2(n) messages in a row; long data in pieces, each passed on as it comes
 *     chain      each passes the pieces on to the next: everybody sends everything only once
 *     scatter    each gets a slice from the root, then the other slices from the others: the root
 *                sends everything only once
 *     pull       all read it from the root, which waits for them
 *
 * Short data is sent into a box at once.  For more, a leader first says to the one it gets it from
 * that its dest may be written: that is a message more in a row, where to read it, with a
 * synchronisation before and after, is four or more.
 */
#include "core/base/config.h"
#include "core/coll_net.h"
#include "core/coll_node.h"
#include "core/copy.h"

/* What a leader passes on at a time. */
#define PIECE (128u << 10)

/* Flags: what has come, and whose dest is ready. */
enum { ARRIVED, READY };

/* Longer data does not mind the way back, and is not made twice as long by numbers. */
#define SHORT ((size_t)4096)

static bool is_short(const struct shmi_net_call *call)
{
    return call->len <= SHORT;
}

/* ---- flat ------------------------------------------------------------- */

static void flat_short(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    if (team->my_pe != call->root) {
        shmi_box_receive(who, team, 0, call->dest, call->len, call->root);
        return;
    }
    for (int k = 1; k < team->n_pes; k++) {
        shmi_box_send(who, team, 0, call->source, call->len, shmi_node_after(team, k));
    }
}

static void flat_long(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    if (team->my_pe != call->root) {
        shmi_box_tell(who, team, READY + team->my_pe, 1, false, call->root);
        shmi_box_await(who, team, ARRIVED, 1, call->root);
        return;
    }
    for (int k = 1; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        shmi_box_await(who, team, READY + i, 1, i);
        shmi_net_push(who, team, call->dest, call->source, call->len, i);
        shmi_box_tell(who, team, ARRIVED, 1, true, i);
    }
}

static void flat(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    shmi_box_begin(who, team);
    if (is_short(call)) {
        flat_short(who, team, call);
    } else {
        flat_long(who, team, call);
    }
    shmi_box_end(team, false);
}

/* One flag is for arrivals. */
static bool flat_works(const struct shmi_team *team, const struct shmi_net_call *call)
{
    return shmi_net_boxed(team, call) && team->n_pes < SHMI_BOX_FLAGS;
}

/* ---- binomial and chain ----------------------------------------------- */

/* My place in the tree: numbers count from the root.  A member that is reached in round r passes on
 * in the rounds before r, to those 2^round places ahead.  A chain has one round. */
struct place {
    int number;
    int parent;  /* member */
    int reached; /* in which round */
    int rounds;  /* in which I pass on */
};

static struct place place_in_tree(const struct shmi_team *team, int root)
{
    int n = team->n_pes;
    struct place mine = {.number = (team->my_pe - root + n) % n};
    while ((1 << mine.reached) < n && (mine.number & 1 << mine.reached) == 0) {
        mine.reached++;
    }
    mine.rounds = mine.reached;
    mine.parent = (mine.number - (1 << mine.reached) + root + n) % n;
    return mine;
}

static struct place place_in_chain(const struct shmi_team *team, int root)
{
    int n = team->n_pes;
    return (struct place){
        .number = (team->my_pe - root + n) % n,
        .parent = shmi_node_after(team, n - 1),
        .rounds = 1,
    };
}

/* The member that I reach in a round, or -1. */
static int child_of(const struct shmi_team *team, const struct place *mine, int round, int root)
{
    int number = mine->number + (1 << round);
    return number < team->n_pes ? (number + root) % team->n_pes : -1;
}

/* The piece has come: to the children with it, those with the most descendants first. */
static void pass_on(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                    const struct place *mine, size_t at, uint64_t number)
{
    const char *from = mine->number == 0 ? call->source : call->dest;
    size_t len = shmi_min(call->len - at, PIECE);
    for (int round = mine->rounds - 1; round >= 0; round--) {
        int child = child_of(team, mine, round, call->root);
        if (child < 0) {
            continue;
        }
        if (is_short(call)) {
            shmi_box_send(who, team, 0, from, len, child);
            continue;
        }
        if (number == 1) {
            shmi_box_await(who, team, READY + round, 1, child);
        }
        shmi_net_push(who, team, call->dest + at, from + at, len, child);
        shmi_box_tell(who, team, ARRIVED, number, true, child);
    }
}

static void by_tree(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                    const struct place *mine)
{
    bool is_root = mine->number == 0;
    uint64_t number = 0;
    shmi_box_begin(who, team);
    if (!is_root && !is_short(call)) {
        shmi_box_tell(who, team, READY + mine->reached, 1, false, mine->parent);
    }
    for (size_t at = 0; at < call->len; at += PIECE) {
        number++;
        if (!is_root && is_short(call)) {
            shmi_box_receive(who, team, 0, call->dest, call->len, mine->parent);
        } else if (!is_root) {
            shmi_box_await(who, team, ARRIVED, number, mine->parent);
        }
        pass_on(who, team, call, mine, at, number);
    }
    shmi_box_end(team, false);
}

static void binomial(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    const struct place mine = place_in_tree(team, call->root);
    by_tree(who, team, call, &mine);
}

static void chain(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    const struct place mine = place_in_chain(team, call->root);
    by_tree(who, team, call, &mine);
}

/* ---- scatter and pull ------------------------------------------------- */

/* Slice s: the members but the root get one each. */
static size_t slice_at(size_t len, int n_slices, int s)
{
    size_t slice = shmi_round_up((len + (size_t)n_slices - 1) / (size_t)n_slices, SHMI_LINE);
    return shmi_min((size_t)s * slice, len);
}

static void scatter(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    int root = call->root;
    int n_slices = team->n_pes - 1;
    int mine = (team->my_pe - root - 1 + team->n_pes) % team->n_pes; /* the root's: n_slices */
    size_t begin = slice_at(call->len, n_slices, mine);
    shmi_net_step(who, team);
    if (team->my_pe != root) {
        size_t end = slice_at(call->len, n_slices, mine + 1);
        shmi_net_get(who, team, call->dest + begin, call->source + begin, end - begin, root);
        shmi_net_finish();
    }
    shmi_net_step(who, team);
    for (int i = 1; i < n_slices && team->my_pe != root; i++) {
        int s = (mine + i) % n_slices;
        size_t at = slice_at(call->len, n_slices, s);
        size_t len = slice_at(call->len, n_slices, s + 1) - at;
        char *there = call->dest + at;
        shmi_net_get(who, team, there, there, len, (root + 1 + s) % team->n_pes);
    }
    shmi_net_finish();
    shmi_net_step(who, team);
}

/* For short data, the root's payload saves the step after which its source may be reused. */
static void pull(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    const void *from = call->source;
    bool in_payload = call->len <= SHMI_PAYLOAD;
    if (in_payload) {
        size_t len = team->my_pe == call->root ? call->len : 0;
        from = shmi_net_offer(who, team, call->source, len);
    } else {
        shmi_net_step(who, team);
    }
    if (team->my_pe != call->root) {
        shmi_net_get(who, team, call->dest, from, call->len, call->root);
        shmi_net_finish();
    }
    if (!in_payload) {
        shmi_net_step(who, team);
    }
}

/* Over TCP, 2 to 5 nodes: what is pushed comes in half the time of what is pulled or scattered, or
 * less, up to 1 MiB; up to 3 nodes flat is the best, then binomial.  Of more, the root's cable
 * would carry all the copies. */
static const struct shmi_net_algorithm algorithms[] = {
    /* clang-format off */
    {"flat",     flat,     flat_works,      1 << 20,  3},
    {"binomial", binomial, shmi_net_boxed,  1 << 20,  INT_MAX},
    {"chain",    chain,    shmi_net_boxed,  SIZE_MAX, 16},
    {"pull",     pull,     shmi_net_always, 65536,    INT_MAX},
    {"scatter",  scatter,  shmi_net_always, SIZE_MAX, INT_MAX},
    /* clang-format on */
};
const struct shmi_net_list shmi_net_broadcasts = {"broadcast", &shmi_config.coll_broadcast,
                                                  algorithms, SHMI_COUNT(algorithms)};

/* ---- nodes ------------------------------------------------------------ */

void shmi_net_broadcast(const char *who, struct shmi_team *team, char *dest, const char *source,
                        size_t len, int root, bool wanted)
{
    struct shmi_net_group *group = shmi_net_meet(team);
    int from = group->node_of[root];
    bool is_here = from == group->leaders.my_pe;
    bool is_led = group->by_node[group->begin[from]] == root; /* the root is its node's leader */
    if (len == 0) {
        return;
    }
    if (is_here) {
        int i = 0;
        while (group->by_node[group->begin[from] + i] != root) {
            i++;
        }
        shmi_node_broadcast(who, &group->node, dest, source, len, i, wanted);
    }
    if (group->is_leader) {
        const struct shmi_net_call call = {
            .dest = dest, .source = is_led ? source : dest, .len = len, .root = from};
        shmi_net_choose(who, &shmi_net_broadcasts, &group->leaders, &call);
    }
    if (!is_here && group->node.n_pes > 1) {
        shmi_node_broadcast(who, &group->node, dest, dest, len, 0, true);
    }
}
