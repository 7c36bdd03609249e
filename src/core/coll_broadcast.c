/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_broadcast.c -- broadcast (9.10.7).
 *
 * Readers pull, all at once: out of the root's payload, for which they wait for nobody else, or
 * straight from its source.  In place
 * works as it is: the root's own dest is its source, and the others' sources are not read.
 */
#include "core/coll_node.h"

#include <string.h>

#include "core/check.h"
#include "core/coll_hbm.h"
#include "core/coll_net.h"
#include "core/copy.h"
#include "core/setup.h"
#include "core/trace.h"

static void broadcast_pieces(const char *who, struct shmi_team *team, char *dest,
                             const char *source, size_t len, int root, bool wanted)
{
    for (size_t at = 0; at < len; at += SHMI_PAYLOAD) {
        size_t piece = shmi_min(len - at, SHMI_PAYLOAD);
        if (team->my_pe == root) {
            shmi_node_copy(shmi_node_outbox(who, team), source + at, piece);
            shmi_node_tell(team);
            if (wanted) {
                shmi_node_copy(dest + at, shmi_node_inbox(team, root), piece);
            }
        } else {
            shmi_node_copy(dest + at, shmi_node_hear(who, team, root), piece);
            shmi_node_tell(team);
        }
    }
}

static void broadcast_direct(const char *who, struct shmi_team *team, char *dest,
                             const char *source, size_t len, int root, bool wanted)
{
    shmi_node_sync(who, team);
    if (wanted) {
        shmi_copy(dest, shmi_node_reach(team, source, root), len);
    }
    shmi_node_sync(who, team);
}

void shmi_node_broadcast(const char *who, struct shmi_team *team, char *dest, const char *source,
                         size_t len, int root, bool wanted)
{
    if (len <= SHMI_PAYLOAD || !shmi_node_maps(who, team, source)) {
        broadcast_pieces(who, team, dest, source, len, root, wanted);
    } else {
        broadcast_direct(who, team, dest, source, len, root, wanted);
    }
}

void shmi_coll_broadcast(const char *who, struct shmi_team *team, void *dest, const void *source,
                         size_t len, int root, bool with_root)
{
    bool wanted = with_root || team->my_pe != root;
    if (shmi_unlikely(shmi_observing)) {
        shmi_coll_observe(who, team, dest, len, source, len);
        shmi_check_member(who, "PE_root", team, root);
        shmi_check_same(who, team, "PE_root", (uint64_t)root);
    }
    uint64_t begun = shmi_trace_begin();
    if (len != 0 && shmi_hbm_either(dest, source)) {
        shmi_hbm_broadcast(who, team, dest, source, len, root, wanted);
    } else if (shmi_node_has(team)) {
        shmi_node_broadcast(who, team, dest, source, len, root, wanted);
    } else {
        shmi_net_broadcast(who, team, dest, source, len, root, wanted);
    }
    shmi_trace_end(begun, who, -1, len);
}

#define BROADCAST(op, T, type)                                                                   \
    int shmem##T##op(shmem_team_t team, type *dest, const type *source, size_t nelems, int root) \
    {                                                                                            \
        const char *who = "shmem" #T #op;                                                        \
        shmi_coll_broadcast(who, shmi_team_required(who, team), dest, source,                    \
                            nelems * sizeof(type), root, true);                                  \
        return 0;                                                                                \
    }                                                                                            \
    PSHMEM(T##op)
SHMEMI_FOR_RMA(BROADCAST, _broadcast)

int shmem_broadcastmem(shmem_team_t team, void *dest, const void *source, size_t nelems, int root)
{
    const char *who = "shmem_broadcastmem";
    shmi_coll_broadcast(who, shmi_team_required(who, team), dest, source, nelems, root, true);
    return 0;
}
PSHMEM(_broadcastmem)
