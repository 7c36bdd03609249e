/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net.c -- how members of a team meet where they do not share memory: steps and groups.
 *
 * A synchronisation is a dissemination: in round r a member tells the one 2^r places ahead that
 * the 2^r members up to itself have arrived.  Each word has one writer and is told by a plain put
 * of eight bytes, so it does not matter whose atomics the network's are.
 *
 * Odd and even steps have words of their own.  A member puts step n + 2 after it has finished step
 * n + 1, so all have entered n + 1, and finished n: they have seen what it put for n.  So there is
 * never more than one put on the way to a word, and nothing can overtake.
 */
#include "core/coll_net.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/log.h"
#include "core/coll_node.h"
#include "core/copy.h"
#include "core/ctx.h"
#include "core/program.h"
#include "core/rma.h"
#include "core/wait.h"
#include "transport/transport.h"

/* The library's own channel, opened by the first collective. */
static struct {
    struct shmi_channel *ch;
    pthread_mutex_t lock; /* of the channel: teams may meet in several threads */
} line = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct shmi_channel *enter(const char *who)
{
    pthread_mutex_lock(&line.lock);
    if (shmi_unlikely(line.ch == NULL)) {
        if (shmi_network.net == NULL) {
            shmi_fatal("%s: the members of this team do not share memory, and there is no network",
                       who);
        }
        if (shmi_network.transport->channel_open(shmi_network.net, &line.ch) != 0) {
            shmi_fatal("%s: cannot open the network channel of the collectives", who);
        }
    }
    return line.ch;
}

static void leave(void)
{
    pthread_mutex_unlock(&line.lock);
}

void shmi_net_close(void)
{
    if (line.ch != NULL) {
        shmi_network.transport->channel_close(line.ch);
        line.ch = NULL;
    }
}

void shmi_net_get(const char *who, const struct shmi_team *team, void *to, const void *addr,
                  size_t len, int i)
{
    int pe = shmi_team_pe(team, i);
    const char *there = shmi_reach(addr, pe);
    if (there == NULL && shmi_program_is_constant(addr)) {
        there = addr; /* as good as that member's */
    }
    if (there != NULL) {
        shmi_copy(to, there, len);
    } else if (len != 0) {
        struct shmi_remote from = shmi_remote_of(who, addr, pe);
        shmi_network.transport->get(enter(who), to, from, len, SHMI_LATER);
        leave();
    }
}

void shmi_net_put(const char *who, const struct shmi_team *team, void *addr, const void *from,
                  size_t len, int i)
{
    int pe = shmi_team_pe(team, i);
    char *there = shmi_reach(addr, pe);
    if (there != NULL) {
        shmi_copy(there, from, len);
    } else if (len != 0) {
        struct shmi_remote to = shmi_remote_of(who, addr, pe);
        shmi_network.transport->put(enter(who), to, from, len, SHMI_LATER);
        leave();
    }
}

void shmi_net_push(const char *who, const struct shmi_team *team, void *addr, const void *source,
                   size_t len, int to)
{
    int pe = shmi_team_pe(team, to);
    char *there = shmi_reach(addr, pe);
    if (there != NULL) {
        shmi_copy(there, source, len);
    } else if (len != 0) {
        struct shmi_remote remote = shmi_remote_of(who, addr, pe);
        shmi_network.transport->put(enter(who), remote, source, len, SHMI_NOW);
        leave();
    }
}

void shmi_net_finish(void)
{
    shmi_order_all();
    pthread_mutex_lock(&line.lock);
    if (line.ch != NULL) {
        shmi_network.transport->quiet(line.ch);
    }
    leave();
}

/* This PE's slot, at the address by which the others' are found. */
static struct shmi_slot *my_slot(const struct shmi_team *team)
{
    char *slots = shmi_segments[SHMI_SEGMENT_HEAP].base + SHMI_SLOTS_OFFSET;
    return (struct shmi_slot *)slots + team->id;
}

void shmi_net_tell(const char *who, const struct shmi_team *team, uint64_t *word, uint64_t value,
                   bool after_puts, int i)
{
    int pe = shmi_team_pe(team, i);
    uint64_t *there = (uint64_t *)shmi_reach(word, pe);
    if (there != NULL) {
        shmi_store_release(there, value);
        return;
    }
    shmi_order_all();
    struct shmi_remote to = shmi_remote_of(who, word, pe);
    struct shmi_channel *ch = enter(who);
    if (after_puts) {
        shmi_network.transport->fence(ch);
    }
    shmi_network.transport->put(ch, to, &value, sizeof(value), SHMI_NOW);
    leave();
}

void shmi_net_step(const char *who, struct shmi_team *team)
{
    uint64_t step = ++team->step;
    int n = team->n_pes;
    struct shmi_slot *mine = my_slot(team);
    for (int round = 0, distance = 1; distance < n; round++, distance *= 2) {
        int to = (team->my_pe + distance) % n;
        int from = (team->my_pe - distance + n) % n;
        uint64_t *word = &mine->round[round].net[team->lane][step & 1];
        shmi_net_tell(who, team, word, step, false, to);
        shmi_wait_reached(who, word, step, shmi_team_pe(team, from));
    }
    if (team->lane == SHMI_LANE_LEADERS) {
        shmi_box_end(team, true);
    }
}

/* ---- groups ----------------------------------------------------------- */

/* Number the nodes in the order of their first members, and list the members node by node. */
static void sort_members(const struct shmi_team *team, struct shmi_net_group *group, int *leaders)
{
    const struct shmi_window *windows = shmi_segments[SHMI_SEGMENT_HEAP].window;
    int n_nodes = 0;
    int n = 0;
    for (int i = 0; i < team->n_pes; i++) {
        group->node_of[i] = -1;
    }
    for (int first = 0; first < team->n_pes; first++) {
        if (group->node_of[first] >= 0) {
            continue;
        }
        int pe = shmi_team_pe(team, first);
        group->begin[n_nodes] = n;
        leaders[n_nodes] = pe;
        for (int i = first; i < team->n_pes; i++) {
            if (windows[shmi_team_pe(team, i)].node == windows[pe].node) {
                group->node_of[i] = n_nodes;
                group->by_node[n++] = i;
            }
        }
        n_nodes++;
    }
    group->begin[n_nodes] = n;
    group->leaders.n_pes = n_nodes;
}

/* The two teams; their steps begin where this one's do, as they use its slot. */
static void make_teams(const struct shmi_team *team, struct shmi_net_group *group,
                       const int *leaders, int *node_pes)
{
    int mine = group->node_of[team->my_pe];
    const int *members = group->by_node + group->begin[mine];
    struct shmi_team shape = {
        .stride = 1, .id = team->id, .step = team->first, .met = team->first, .first = team->first};
    int n_nodes = group->leaders.n_pes;
    group->node = shape;
    group->node.root = node_pes;
    group->node.n_pes = group->begin[mine + 1] - group->begin[mine];
    group->node.on_node = true;
    for (int i = 0; i < group->node.n_pes; i++) {
        node_pes[i] = shmi_team_pe(team, members[i]);
        if (members[i] == team->my_pe) {
            group->node.my_pe = i;
        }
    }
    group->is_leader = group->node.my_pe == 0;
    group->leaders = shape;
    group->leaders.root = leaders;
    group->leaders.n_pes = n_nodes;
    group->leaders.my_pe = mine;
    group->leaders.lane = SHMI_LANE_LEADERS;
    group->leaders.net = group;
    shmi_node_meet(&group->node);
}

struct shmi_net_group *shmi_net_meet(struct shmi_team *team)
{
    if (shmi_likely(team->net != NULL)) {
        return team->net;
    }
    size_t n = (size_t)team->n_pes;
    struct shmi_net_group *group = calloc(1, sizeof(*group));
    int *list = malloc((5 * n + 1) * sizeof(*list));
    if (group == NULL || list == NULL) {
        shmi_fatal("out of memory for what a team of %d PEs knows of its nodes", team->n_pes);
    }
    group->list = list;
    group->node_of = list;
    group->by_node = list + n;
    group->begin = list + 2 * n;
    sort_members(team, group, list + 3 * n + 1);
    make_teams(team, group, list + 3 * n + 1, list + 4 * n + 1);
    group->is_in_order = true;
    for (int i = 0; i < team->n_pes; i++) {
        group->is_in_order = group->is_in_order && group->by_node[i] == i;
    }
    group->call = team->first;
    group->done = team->first;
    team->net = group;
    shmi_debug("team %u: %d PEs on %d nodes, %d of them here", team->id, team->n_pes,
               shmi_net_n_nodes(group), group->node.n_pes);
    return group;
}

void shmi_net_part(struct shmi_team *team)
{
    if (team->net != NULL) {
        free(team->net->scratch);
        free(team->net->list);
        free(team->net);
        team->net = NULL;
    }
}

uint64_t shmi_net_last(const struct shmi_team *team)
{
    const struct shmi_net_group *group = team->net;
    if (group == NULL) {
        return team->step;
    }
    uint64_t steps = shmi_max(group->node.step, group->leaders.step);
    return shmi_max(shmi_max(team->step, steps), group->call);
}

/* ---- working memory and payloads -------------------------------------- */

char *shmi_net_scratch(const char *who, struct shmi_team *team, size_t len)
{
    struct shmi_net_group *group = shmi_net_meet(team);
    if (group->scratch_len < len) {
        free(group->scratch);
        group->scratch = aligned_alloc(SHMI_LINE, shmi_round_up(len, SHMI_LINE));
        group->scratch_len = len;
    }
    if (group->scratch == NULL && len != 0) {
        shmi_fatal("%s: no memory for %zu bytes in which to work", who, len);
    }
    return group->scratch;
}

const void *shmi_net_offer(const char *who, struct shmi_team *team, const void *mine, size_t len)
{
    /* In turn, as in coll_node.h: nobody reads any more what is written over here. */
    unsigned char *payload = my_slot(team)->net_payload[team->lane][(team->step + 1) & 1];
    shmi_node_copy(payload, mine, len);
    shmi_net_step(who, team);
    return payload;
}

char *shmi_net_gather(const char *who, struct shmi_team *team, const void *mine, size_t len)
{
    char *all = shmi_net_scratch(who, team, (size_t)team->n_pes * len);
    const void *payload = shmi_net_offer(who, team, mine, len);
    for (int i = 0; i < team->n_pes; i++) {
        int from = shmi_node_after(team, i);
        shmi_net_get(who, team, all + (size_t)from * len, payload, len, from);
    }
    shmi_net_finish();
    return all;
}
