/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_node.h -- how members of a team on one node meet, for the coll_*.c files.
 *
 * A step of a team is one synchronisation of it; steps are counted, and a slot's numbers are
 * numbers of steps, so that nothing is ever reset.  Up to SHMI_PAYLOAD bytes of each member travel
 * with a step:
 *
 *     shmi_node_copy(shmi_node_outbox(team), mine, len);   before: I write my payload
 *     shmi_node_sync(who, team);                           the step
 *     ... shmi_node_inbox(team, i) ...                     after: I read everybody's
 *
 * The payloads of each member are used in turn.  Two would be enough: I write the one of step n + 2
 * only when all members have entered step n + 1, which my step n + 1 waits for; they entered it
 * after they had read what they wanted of step n.  So nobody still reads what I overwrite.
 *
 * But where only one member has something to say, it need not wait for the others, nor they for
 * each other: it tells; they hear it, read, and tell that they have.  More payloads let it go on
 * for some steps before it looks how far all have come.
 *
 * What does not fit is read where it lies, in the peers' mapped memory, between two steps: after
 * the first, all sources are ready; after the second, all have been read.  No member ever writes
 * into another's dest before the first.
 *
 * Each collective has a list of algorithms.  One of them sends pieces through the payloads, however
 * long the data: it is the one for short data, and the one that works where the source is symmetric
 * but not mapped in the other processes.
 */
#ifndef SHMI_COLL_NODE_H
#define SHMI_COLL_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/coll.h"

/* The first collective of a team whose members share memory: find the slots, choose how to
 * synchronise.  false where they do not. */
bool shmi_node_meet(struct shmi_team *team);

/* Do the members share memory?  Every collective asks this first, and goes to coll_net.h where
 * they do not. */
static inline bool shmi_node_has(struct shmi_team *team)
{
    return shmi_likely(team->sync != NULL) || shmi_node_meet(team);
}

/* SHMEM_STATS and SHMEM_CHECK: count the call; all members are in the same collective, and where a
 * length is given, it and the offset of its memory are the same on all.  For shmi_observing. */
void shmi_coll_observe(const char *who, struct shmi_team *team, const void *dest, size_t dest_len,
                       const void *source, size_t source_len);

static inline struct shmi_slot *shmi_node_slot(const struct shmi_team *team, int i)
{
    return team->n_pes <= SHMI_NEAR ? team->near[i] : shmi_team_slot(team, i);
}

/* Enter a step, and wait for nobody. */
void shmi_node_tell(struct shmi_team *team);

/* Before my coming step: wait until member i has entered it, and look at its payload. */
const unsigned char *shmi_node_hear(const char *who, struct shmi_team *team, int i);

/* Wait until the payload of the coming step may be written. */
void shmi_node_catch_up(const char *who, struct shmi_team *team);

static inline unsigned char *shmi_node_payload(const struct shmi_team *team, int i, uint64_t step)
{
    return shmi_node_slot(team, i)->payload[step % SHMI_PAYLOADS];
}

/* My payload of the coming step; member i's of the step that was. */
static inline unsigned char *shmi_node_outbox(const char *who, struct shmi_team *team)
{
    if (shmi_unlikely(team->step - team->met > SHMI_PAYLOADS - 2)) {
        shmi_node_catch_up(who, team);
    }
    return shmi_node_payload(team, team->my_pe, team->step + 1);
}

static inline const unsigned char *shmi_node_inbox(const struct shmi_team *team, int i)
{
    return shmi_node_payload(team, i, team->step);
}

static inline void shmi_node_sync(const char *who, struct shmi_team *team)
{
    team->sync(who, team);
}

/* Bytes into or out of a payload.  One word, the commonest collective, is not worth a call. */
static inline void shmi_node_copy(void *dst, const void *src, size_t len)
{
    if (len == sizeof(uint64_t)) {
        memcpy(dst, src, sizeof(uint64_t));
    } else {
        memcpy(dst, src, len);
    }
}

/* The member that is i places after me, so that not all members turn to the same one at once. */
static inline int shmi_node_after(const struct shmi_team *team, int i)
{
    int member = team->my_pe + i;
    return member < team->n_pes ? member : member - team->n_pes;
}

/* Member i's copy of the object at addr, where shmi_node_maps says so. */
static inline char *shmi_node_reach(const struct shmi_team *team, const void *addr, int i)
{
    return shmi_reach(addr, shmi_team_pe(team, i));
}

/* Is the object at this symmetric address mapped here for all members?  The same answer on all of
 * them.  An address that is not symmetric ends the job. */
bool shmi_node_maps(const char *who, const struct shmi_team *team, const void *addr);

/* In place, a dest that others read as their source must not be written before all have read: the
 * result is put together aside, in private memory, and copied at the end. */
void *shmi_node_aside(const char *who, size_t len);

/* The parts of coll.h's broadcast and reduce that are played on a node. */
void shmi_node_broadcast(const char *who, struct shmi_team *team, char *dest, const char *source,
                         size_t len, int root, bool wanted);
void shmi_node_reduce(const char *who, struct shmi_team *team, char *dest, const char *source,
                      size_t nelems, size_t size, shmi_combine *combine);

#endif
