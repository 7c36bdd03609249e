/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net_sync.c -- synchronisation between nodes, and how an algorithm is chosen.
 *
 *     linear          all tell the first, which tells all: the fewest messages
 *     dissemination   log2(n) messages in a row from each leader
 *
 * With few leaders linear has hardly more messages in a row, and fewer in all: over TCP it takes
 * two thirds of the time with three and five.
 */
#include <string.h>

#include "core/base/config.h"
#include "core/base/log.h"
#include "core/coll_net.h"
#include "core/coll_node.h"

/* ---- choosing --------------------------------------------------------- */

bool shmi_net_always(const struct shmi_team *team, const struct shmi_net_call *call)
{
    (void)team, (void)call;
    return true;
}

bool shmi_net_boxed(const struct shmi_team *team, const struct shmi_net_call *call)
{
    (void)call;
    return team->id < SHMI_BOXES;
}

bool shmi_net_flagged(const struct shmi_team *team, const struct shmi_net_call *call)
{
    (void)call;
    return team->id < SHMI_BOXES && shmi_net_n_nodes(team->net) <= SHMI_BOX_FLAGS;
}

/* Is it the one that a variable asks for, or, where none does, the first that is right? */
static bool is_wanted(const struct shmi_net_algorithm *row, const char *name, size_t len,
                      int n_nodes)
{
    return strcmp(name, "auto") == 0 ? len <= row->len && n_nodes <= row->n_nodes
                                     : strcmp(name, row->name) == 0;
}

static const struct shmi_net_algorithm *find(const struct shmi_net_list *list, const char *name,
                                             const struct shmi_team *team,
                                             const struct shmi_net_call *call)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct shmi_net_algorithm *row = &list->rows[i];
        if (is_wanted(row, name, call->len, shmi_net_n_nodes(team->net)) &&
            row->works(team, call)) {
            return row;
        }
    }
    return NULL;
}

void shmi_net_choose(const char *who, const struct shmi_net_list *list, struct shmi_team *team,
                     const struct shmi_net_call *call)
{
    const struct shmi_net_algorithm *row = find(list, *list->chosen, team, call);
    if (row == NULL) { /* what is asked for does not work here */
        row = find(list, "auto", team, call);
    }
    if (row == NULL) { /* memory that should be symmetric is not: that is for it to say */
        row = &list->rows[list->n - 1];
    }
    row->run(who, team, call);
}

/* ---- synchronisation -------------------------------------------------- */

static void disseminate(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    (void)call;
    shmi_net_step(who, team);
}

static void linear(const char *who, struct shmi_team *team, const struct shmi_net_call *call)
{
    (void)call;
    bool is_pair = team->n_pes == 2; /* each tells the other, and waits for nobody before that */
    shmi_box_begin(who, team);
    if (team->my_pe != 0 || is_pair) {
        int other = team->my_pe == 0 ? 1 : 0;
        shmi_box_tell(who, team, team->my_pe, 1, false, other);
        shmi_box_await(who, team, other, 1, other);
    } else {
        for (int i = 1; i < team->n_pes; i++) {
            shmi_box_await(who, team, i, 1, i);
        }
        for (int i = 1; i < team->n_pes; i++) {
            shmi_box_tell(who, team, 0, 1, false, i);
        }
    }
    shmi_box_end(team, true);
}

static const struct shmi_net_algorithm algorithms[] = {
    /* clang-format off */
    {"linear",        linear,      shmi_net_flagged, SIZE_MAX, 5},
    {"dissemination", disseminate, shmi_net_always,  SIZE_MAX, INT_MAX},
    /* clang-format on */
};
const struct shmi_net_list shmi_net_syncs = {"sync", &shmi_config.coll_sync, algorithms,
                                             SHMI_COUNT(algorithms)};

void shmi_net_sync(const char *who, struct shmi_team *team)
{
    struct shmi_net_group *group = shmi_net_meet(team);
    const struct shmi_net_call call = {.len = 0};
    shmi_node_sync(who, &group->node);
    if (group->is_leader) {
        shmi_net_choose(who, &shmi_net_syncs, &group->leaders, &call);
    }
    if (group->node.n_pes > 1) {
        shmi_node_sync(who, &group->node);
    }
}
