/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_reduce.c -- reductions and agreements between nodes.
 *
 * Each node reduces in itself, the leaders reduce what the nodes have, and each node takes the
 * result from its leader.
 *
 *     doubling   in round r the leader exchanges all it has with the one whose number differs in
 *                bit r: log2(n) messages in a row, for short data
 *     ring       slices go round, and each leader adds its own; then the results go round: each
 *                sends 2 (n - 1) / n of the data
 *     sliced     leader s reads slice s of all, then the others' results: as much, in three steps
 *     gather     each reads everything, in pieces through the payloads
 *
 * All leaders get the same bits: either one of them computes a result, or all combine the same
 * operands in the same order.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/config.h"
#include "core/coll_net.h"
#include "core/coll_node.h"
#include "core/copy.h"
#include "core/program.h"

/* Bytes of all sources together that are on their way at once. */
#define WINDOW (4u << 20)

/* What goes round a ring at a time, so that a leader passes on while it receives. */
#define PIECE (64u << 10)

/* Data that others read or write in place has to be symmetric; agreements are not, but short. */
static bool is_symmetric(const struct shmi_team *team, const struct shmi_net_call *call)
{
    (void)team;
    return shmi_segment_of(call->dest) != NULL &&
           (shmi_segment_of(call->source) != NULL || shmi_program_is_constant(call->source));
}

/* ---- doubling --------------------------------------------------------- */

/* The leaders beyond the largest power of two bring what they have to one of the others before the
 * rounds, and get the result after them. */
struct rounds {
    int n; /* number of rounds */
    int core;
    int first;    /* place in the room of what comes in the first of them */
    size_t place; /* bytes of such a place */
};

/* The places of what comes before and after the rounds, where there is such. */
enum { BEFORE, AFTER, ROUND };

static struct rounds rounds_of(const struct shmi_team *team)
{
    struct rounds rounds = {.core = 1};
    while (rounds.core * 2 <= team->n_pes) {
        rounds.core *= 2;
        rounds.n++;
    }
    rounds.first = rounds.core == team->n_pes ? 0 : ROUND;
    rounds.place = SHMI_BOX_ROOM / (size_t)(rounds.n + rounds.first) / SHMI_LINE * SHMI_LINE;
    return rounds;
}

/* What has come is combined with what I have, the lower member's first, so that both get the same
 * bits also where an operation tells its operands apart, as that of NaNs does. */
static void take(const struct shmi_net_call *call, char *acc, char *come, size_t nelems,
                 bool mine_first)
{
    if (mine_first) {
        call->combine(acc, come, nelems);
    } else {
        call->combine(come, acc, nelems);
        memcpy(acc, come, nelems * call->size);
    }
}

static void doubling_core(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                          const struct rounds *rounds, char *acc, size_t nelems)
{
    _Alignas(SHMI_LINE) char come[SHMI_BOX_ROOM];
    size_t len = nelems * call->size;
    int me = team->my_pe;
    int extra = me + rounds->core;
    if (extra < team->n_pes) {
        shmi_box_receive(who, team, BEFORE * rounds->place, come, len, extra);
        take(call, acc, come, nelems, true);
    }
    for (int round = 0; round < rounds->n; round++) {
        int partner = me ^ (1 << round);
        size_t place = (size_t)(rounds->first + round) * rounds->place;
        shmi_box_send(who, team, place, acc, len, partner);
        shmi_box_receive(who, team, place, come, len, partner);
        take(call, acc, come, nelems, me < partner);
    }
    if (extra < team->n_pes) {
        shmi_box_send(who, team, AFTER * rounds->place, acc, len, extra);
    }
}

static void doubling(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    struct rounds rounds = rounds_of(team);
    size_t per_piece = rounds.place / call->size;
    for (size_t at = 0; at < call->nelems; at += per_piece) {
        size_t nelems = shmi_min(call->nelems - at, per_piece);
        size_t len = nelems * call->size;
        char *acc = call->dest + at * call->size;
        shmi_copy(acc, call->source + at * call->size, len);
        shmi_box_begin(who, team);
        if (team->my_pe < rounds.core) {
            doubling_core(who, team, call, &rounds, acc, nelems);
        } else {
            int core = team->my_pe - rounds.core;
            shmi_box_send(who, team, BEFORE * rounds.place, acc, len, core);
            shmi_box_receive(who, team, AFTER * rounds.place, acc, len, core);
        }
        shmi_box_end(team, true);
    }
}

/* ---- ring ------------------------------------------------------------- */

/* The first element of slice s. */
static size_t slice_at(const struct shmi_team *team, const struct shmi_net_call *call, int s)
{
    size_t n = (size_t)team->n_pes;
    size_t slice = shmi_round_up((call->nelems + n - 1) / n, SHMI_LINE / call->size);
    return shmi_min((size_t)s * slice, call->nelems);
}

/* The messages are numbered piece by piece, turn by turn. */
struct ring {
    const struct shmi_net_call *call;
    const char *source; /* mine; not dest, where the others' sums arrive */
    size_t piece;       /* elements */
    uint64_t pieces;    /* of a slice */
    int to, from;
};

/* The elements of a piece of a slice, of which the last ones may be shorter or empty. */
static size_t piece_of(const struct shmi_team *team, const struct ring *ring, int slice,
                       uint64_t piece, size_t *nelems)
{
    size_t begin = slice_at(team, ring->call, slice);
    size_t end = slice_at(team, ring->call, slice + 1);
    size_t at = shmi_min(begin + (size_t)piece * ring->piece, end);
    *nelems = shmi_min(end - at, ring->piece);
    return at;
}

/* In turn k, slice me - k leaves; in the first n - 1 turns with what has come combined with mine.
 * Turn n - 1 sends the first result, and what comes from then on are results. */
static void turn(const char *who, struct shmi_team *team, const struct ring *ring, int k,
                 uint64_t piece)
{
    const struct shmi_net_call *call = ring->call;
    int n = team->n_pes;
    int slice = ((team->my_pe - k) % n + n) % n;
    size_t nelems;
    size_t at = piece_of(team, ring, slice, piece, &nelems) * call->size;
    const char *data = k == 0 ? ring->source + at : call->dest + at;
    if (k != 0) {
        shmi_box_await(who, team, 0, (uint64_t)(k - 1) * ring->pieces + piece + 1, ring->from);
    }
    if (k != 0 && k < n) {
        call->combine(call->dest + at, ring->source + at, nelems);
    }
    if (k < 2 * (n - 1)) {
        shmi_net_push(who, team, call->dest + at, data, nelems * call->size, ring->to);
        shmi_box_tell(who, team, 0, (uint64_t)k * ring->pieces + piece + 1, true, ring->to);
    }
}

static void ring(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    int n = team->n_pes;
    size_t slice = slice_at(team, call, 1);
    struct ring r = {
        .call = call,
        .source = call->source,
        .piece = PIECE / call->size,
        .to = shmi_node_after(team, 1),
        .from = shmi_node_after(team, n - 1),
    };
    char *aside = NULL;
    r.pieces = (slice + r.piece - 1) / r.piece;
    if (call->dest == call->source) {
        r.source = aside = shmi_node_aside(who, call->len);
        shmi_copy(aside, call->source, call->len);
    }
    shmi_box_begin(who, team);
    shmi_box_tell(who, team, 1, 1, false, r.from); /* my dest is ready */
    shmi_box_await(who, team, 1, 1, r.to);
    for (int k = 0; k <= 2 * (n - 1); k++) {
        for (uint64_t piece = 0; piece < r.pieces; piece++) {
            turn(who, team, &r, k, piece);
        }
    }
    shmi_box_end(team, true);
    free(aside);
}

static bool ring_works(const struct shmi_team *team, const struct shmi_net_call *call)
{
    return shmi_net_boxed(team, call) && is_symmetric(team, call);
}

/* ---- sliced and gather ------------------------------------------------ */

/* Elements of a slice that are worked on at a time. */
static size_t block_of(const struct shmi_team *team, const struct shmi_net_call *call)
{
    size_t bytes = shmi_max(WINDOW / (size_t)team->n_pes, 4096);
    return shmi_round_up(bytes, SHMI_LINE) / call->size;
}

/* These elements of all sources, side by side.  Mine are copied too: in place, the result comes
 * where they lie. */
static char *gather_block(const char *who, struct shmi_team *team, const struct shmi_net_call *call,
                          size_t from, size_t nelems)
{
    size_t len = nelems * call->size;
    char *all = shmi_net_scratch(who, team, (size_t)team->n_pes * len);
    for (int k = 0; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        shmi_net_get(who, team, all + (size_t)i * len, call->source + from * call->size, len, i);
    }
    shmi_net_finish();
    return all;
}

/*
 * In place is safe: of all sources, slice s is read by member s alone, who reads it before it
 * writes the same place of its own; the others write it, with the result, after the second step.
 */
static void sliced(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    size_t block = block_of(team, call);
    size_t end = slice_at(team, call, team->my_pe + 1);
    shmi_net_step(who, team);
    for (size_t at = slice_at(team, call, team->my_pe); at < end; at += block) {
        size_t nelems = shmi_min(end - at, block);
        size_t len = nelems * call->size;
        const char *all = gather_block(who, team, call, at, nelems);
        char *acc = call->dest + at * call->size;
        memcpy(acc, all, len);
        for (size_t i = 1; i < (size_t)team->n_pes; i++) {
            call->combine(acc, all + i * len, nelems);
        }
    }
    shmi_net_step(who, team);
    for (int k = 1; k < team->n_pes; k++) {
        int i = shmi_node_after(team, k);
        size_t at = slice_at(team, call, i) * call->size;
        size_t len = slice_at(team, call, i + 1) * call->size - at;
        shmi_net_get(who, team, call->dest + at, call->dest + at, len, i);
    }
    shmi_net_finish();
    shmi_net_step(who, team);
}

static void gather(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    size_t per_piece = SHMI_PAYLOAD / call->size;
    for (size_t at = 0; at < call->nelems; at += per_piece) {
        size_t piece = shmi_min(call->nelems - at, per_piece);
        size_t bytes = piece * call->size;
        char *acc = call->dest + at * call->size;
        const char *all = shmi_net_gather(who, team, call->source + at * call->size, bytes);
        memcpy(acc, all, bytes);
        for (size_t i = 1; i < (size_t)team->n_pes; i++) {
            call->combine(acc, all + i * bytes, piece);
        }
    }
}

/* Over TCP, 2 to 5 nodes: from 4 to 8 KiB on the ring takes half the time of doubling and of
 * sliced; but it has 2 (n - 1) messages in a row, and sliced always the same number. */
/* clang-format off */
static const struct shmi_net_algorithm algorithms[] = {
    {"doubling", doubling, shmi_net_boxed,  4096,             INT_MAX},
    {"gather",   gather,   shmi_net_always, 2 * SHMI_PAYLOAD, INT_MAX},
    {"ring",     ring,     ring_works,      SIZE_MAX,         16},
    {"sliced",   sliced,   is_symmetric,    SIZE_MAX,         INT_MAX},
};
/* clang-format on */
const struct shmi_net_list shmi_net_reduces = {"reduce", &shmi_config.coll_reduce, algorithms,
                                               SHMI_COUNT(algorithms)};

/* ---- nodes ------------------------------------------------------------ */

void shmi_net_reduce(const char *who, struct shmi_team *team, char *dest, const char *source,
                     size_t nelems, size_t size, shmi_combine *combine)
{
    struct shmi_net_group *group = shmi_net_meet(team);
    bool is_alone = group->node.n_pes == 1;
    bool all_alone = shmi_net_n_nodes(group) == team->n_pes;
    if (nelems == 0) {
        return;
    }
    if (!is_alone) {
        shmi_node_reduce(who, &group->node, dest, source, nelems, size, combine);
    } else if (!all_alone) { /* leaders read each other's memory: at the same address on all */
        shmi_copy(dest, source, nelems * size);
    }
    if (group->is_leader) {
        const struct shmi_net_call call = {
            .dest = dest,
            .source = all_alone ? source : dest,
            .len = nelems * size,
            .nelems = nelems,
            .size = size,
            .combine = combine,
        };
        shmi_net_choose(who, &shmi_net_reduces, &group->leaders, &call);
    }
    if (!is_alone) {
        shmi_node_broadcast(who, &group->node, dest, dest, nelems * size, 0, true);
    }
}
