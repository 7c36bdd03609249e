/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * team.h -- teams: subsets of PEs with their own numbering.
 *
 * A team is an arithmetic sequence (start, stride, n_pes) over the list of its oldest ancestor: the
 * world, which needs no list, or the PEs that share this PE's memory.  So thousands of teams cost
 * a few cache lines each.
 *
 * A team's id names a slot: a place in every member's symmetric memory, at the same offset, where
 * its collectives meet.  Disjoint teams may have the same id.
 */
#ifndef SHMI_TEAM_H
#define SHMI_TEAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/export.h"
#include "core/base/util.h"
#include "core/segment.h"

/* Bytes that travel with a synchronisation, and how many such buffers are used in turn: one may be
 * written while others are still being read. */
#define SHMI_PAYLOAD  512
#define SHMI_PAYLOADS 8

/* Rounds of a dissemination: enough for 2^24 members. */
#define SHMI_ROUNDS 24

/* Who meets through the network: all members of a team, or one for each of its nodes.  These are
 * two teams to the engine, with one slot, so they have words of their own in it. */
enum { SHMI_LANE_ALL, SHMI_LANE_LEADERS, SHMI_LANES };

/* Where the members of a team meet: one for each team, in each member's symmetric memory.  All
 * numbers only grow, also when a later team takes over the id, so that nobody who still looks at an
 * old number can be misled. */
struct shmi_slot {
    _Alignas(SHMI_LINE) uint64_t arrived; /* the owner's; all may read: it has entered step n */
    _Alignas(SHMI_LINE) uint64_t last;    /* the owner's alone: steps of teams that had this id */
    struct {
        _Alignas(SHMI_LINE) uint64_t step; /* written by the member 2^round before the owner */
        uint64_t net[SHMI_LANES][2]; /* the same through the network: of even and of odd steps */
    } round[SHMI_ROUNDS];
    _Alignas(SHMI_LINE) unsigned char payload[SHMI_PAYLOADS]
                                             [SHMI_PAYLOAD]; /* the owner's; all may read */
    unsigned char net_payload[SHMI_LANES][2][SHMI_PAYLOAD];  /* the same through the network */
};

/* Teams of up to this many members keep the addresses of their slots. */
#define SHMI_NEAR 8

struct shmi_team {
    const int *root; /* world numbers of the ancestor's PEs, or NULL: they are the world's */
    int start;       /* member i is root[start + i * stride] */
    int stride;
    int n_pes;
    int my_pe;
    uint32_t id;
    bool on_node; /* every member's memory is mapped here */
    bool predefined;
    bool on_stream; /* a stream is in one of its collectives; atomic */
    uint64_t step;  /* synchronisations of this team that this PE has entered */
    uint64_t met;   /* the last one that, as this PE knows, all members have entered */
    void (*sync)(const char *who, struct shmi_team *team); /* NULL until the first collective */
    struct shmi_slot *near[SHMI_NEAR];                     /* the members' slots; set with sync */
    struct shmi_net_group *net; /* of a team on several nodes, once it has met: coll_net.h */
    unsigned char lane;         /* SHMI_LANE_ALL, but for the leaders of such a team */
    uint64_t first;             /* what step was at the start */
    int num_contexts;           /* as configured */
    struct shmi_ctx *contexts;  /* the contexts created on it, linked */
    struct shmi_team *next;     /* of the list of all teams */
};

/* NULL before init and after finalize. */
extern SHMI_HIDDEN struct shmi_team *shmi_team_world;
extern SHMI_HIDDEN struct shmi_team *shmi_team_shared;

/* What the user calls a team. */
shmem_team_t shmi_team_handle(const struct shmi_team *team);

/* World number of member i. */
static inline int shmi_team_pe(const struct shmi_team *team, int i)
{
    int at = team->start + i * team->stride;
    return team->root == NULL ? at : team->root[at];
}

/* Member number of a PE of the world, or -1. */
int shmi_team_member(const struct shmi_team *team, int pe);

/*
 * Where the leaders of a team on several nodes send each other data: a box for each team whose id
 * is small enough, as ids of few teams are.  A call uses one set, and the next call the next one.
 * coll_box.c says what is in it.
 */
#define SHMI_BOXES     64
#define SHMI_BOX_SETS  4
#define SHMI_BOX_FLAGS 64
#define SHMI_BOX_ROOM  8192 /* bytes of data */

struct shmi_box {
    struct {
        _Alignas(SHMI_LINE) uint64_t flag[SHMI_BOX_FLAGS];
        uint64_t word[SHMI_BOX_ROOM / sizeof(uint32_t)]; /* four bytes of data in each */
        char table[SHMI_BOX_ROOM]; /* the leader lays out here what is for others on its node */
    } set[SHMI_BOX_SETS];
    uint64_t from[SHMI_BOX_FLAGS]; /* by member, not by leader: the last step after which it put */
};

/* The boxes and the slots begin here in the heap segment. */
#define SHMI_BOXES_OFFSET 4096
#define SHMI_SLOTS_OFFSET (SHMI_BOXES_OFFSET + SHMI_BOXES * sizeof(struct shmi_box))

/* The slot of member i of an on-node team, mapped here; for any team, i == my_pe is fine. */
static inline struct shmi_slot *shmi_team_slot(const struct shmi_team *team, int i)
{
    char *map = shmi_segments[SHMI_SEGMENT_HEAP].window[shmi_team_pe(team, i)].map;
    return (struct shmi_slot *)(map + SHMI_SLOTS_OFFSET) + team->id;
}

/* The team behind a handle; SHMEM_TEAM_INVALID gives NULL.  Before init and after finalize this is
 * fatal, naming the routine. */
static inline struct shmi_team *shmi_team_of(shmem_team_t handle)
{
    if (shmi_likely(handle == SHMEM_TEAM_WORLD)) {
        return shmi_team_world;
    }
    return handle == SHMEM_TEAM_SHARED ? shmi_team_shared : (struct shmi_team *)handle;
}

/* The same for a collective's argument: an invalid team ends the job with a clear error. */
struct shmi_team *shmi_team_required(const char *who, shmem_team_t handle);

/* The team of an active set, made at its first use out of the members' psync arrays (three words)
 * and remembered until finalize; NULL on a PE that is not in it, an error under SHMEM_CHECK. */
struct shmi_team *shmi_team_active_set(const char *who, int start, int log_stride, int size,
                                       long *psync);

int shmi_team_open(void);   /* the world and the shared team; 0 or -errno */
void shmi_team_quiet(void); /* the contexts of all teams, but those private to a thread */
void shmi_team_close(void); /* destroys all teams, and their contexts */

#endif
