/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net.h -- collectives of teams whose members do not all share memory.
 *
 * The members on one node make a team of their own, which meets in its memory as coll_node.h says;
 * the first of them is the node's leader, and the leaders make another team, which meets through
 * the network.  So most collectives have three parts: on the node, among the leaders, on the node.
 *
 * Among leaders each collective has a list of algorithms, of which one is chosen by length and
 * number of nodes, or by a variable.  They are made of two things:
 *
 *     steps   A member is told of a synchronisation through the network.  After it, members read
 *             each other's memory: payloads in the slots, or sources and dests where they lie.
 *     boxes   A member sends short data into another's box, where one sees by itself that it is
 *             there: a message takes one way through the network, not two.  Long data is put into
 *             the other's dest, and then a number into a flag, for which it waits.
 *
 * The rules of coll_node.h hold unchanged: nobody writes into a dest before its owner has entered
 * the collective, and a call returns when nobody reads its source any more.
 *
 * The operations are the library's own, on a channel of its own, and each goes through mapped
 * memory where there is any.
 */
#ifndef SHMI_COLL_NET_H
#define SHMI_COLL_NET_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/util.h"
#include "core/coll.h"

/* ---- what coll.h promises, for such teams --------------------------- */

void shmi_net_sync(const char *who, struct shmi_team *team);

/* wanted: this member's dest is to be written. */
void shmi_net_broadcast(const char *who, struct shmi_team *team, char *dest, const char *source,
                        size_t len, int root, bool wanted);
void shmi_net_fcollect(const char *who, struct shmi_team *team, char *dest, const char *source,
                       size_t len);
void shmi_net_collect(const char *who, struct shmi_team *team, char *dest, const char *source,
                      size_t len);
void shmi_net_alltoall(const char *who, struct shmi_team *team, char *dest, const char *source,
                       ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size);
/* dest and source need not be symmetric if all fits in a payload. */
void shmi_net_reduce(const char *who, struct shmi_team *team, char *dest, const char *source,
                     size_t nelems, size_t size, shmi_combine *combine);
void shmi_net_scan(const char *who, struct shmi_team *team, char *dest, const char *source,
                   size_t nelems, size_t size, shmi_combine *combine, bool inclusive);

/* The end of a team, and of the library's channel. */
void shmi_net_part(struct shmi_team *team);
void shmi_net_close(void);

/* The highest number that the team has left in its slot and box. */
uint64_t shmi_net_last(const struct shmi_team *team);

/* ---- algorithms ------------------------------------------------------- */

/* The arguments of a call to an algorithm, as far as the collective has them. */
struct shmi_net_call {
    char *dest;
    const char *source;
    size_t len; /* bytes: of each source; of a collect, of all together */
    int root;
    size_t nelems;
    size_t size; /* of an element */
    shmi_combine *combine;
    bool inclusive;
    ptrdiff_t dst; /* strides in elements */
    ptrdiff_t sst;
    const size_t *at; /* of a collect: where each block begins in dest, and where the last ends */
};

typedef void shmi_net_run(const char *who, struct shmi_team *team,
                          const struct shmi_net_call *call);

struct shmi_net_algorithm {
    const char *name;
    shmi_net_run *run;
    /* Does it work for this call?  The same answer on all members. */
    bool (*works)(const struct shmi_team *team, const struct shmi_net_call *call);
    size_t len;  /* auto takes it up to so many bytes, */
    int n_nodes; /* and up to so many nodes */
};

/* Ways to say when: always; in a team that has a box; where its flags are enough for one each. */
bool shmi_net_always(const struct shmi_team *team, const struct shmi_net_call *call);
bool shmi_net_boxed(const struct shmi_team *team, const struct shmi_net_call *call);
bool shmi_net_flagged(const struct shmi_team *team, const struct shmi_net_call *call);

/* One collective's algorithms, in the order in which auto looks at them; the last one always works
 * and has no limits. */
struct shmi_net_list {
    const char *name;          /* of the collective */
    const char *const *chosen; /* its variable */
    const struct shmi_net_algorithm *rows;
    size_t n;
};

extern SHMI_HIDDEN const struct shmi_net_list shmi_net_syncs;
extern SHMI_HIDDEN const struct shmi_net_list shmi_net_broadcasts;
extern SHMI_HIDDEN const struct shmi_net_list shmi_net_collects;
extern SHMI_HIDDEN const struct shmi_net_list shmi_net_reduces;
extern SHMI_HIDDEN const struct shmi_net_list shmi_net_alltoalls;
extern SHMI_HIDDEN const struct shmi_net_list shmi_net_scans;

/* Run the algorithm that is right for call->len bytes; the same on all members. */
void shmi_net_choose(const char *who, const struct shmi_net_list *list, struct shmi_team *team,
                     const struct shmi_net_call *call);

/* ---- for the coll_net*.c files ---------------------------------------- */

/* What a team has that is not on one node.  Its leaders have the same one. */
struct shmi_net_group {
    struct shmi_team node;    /* the members on this node */
    struct shmi_team leaders; /* the first member of each node, in the order of the members */
    int *list;                /* the memory of the lists below */
    int *node_of;             /* by member: the number of its node, which is its leader's */
    int *by_node;             /* the members, node after node */
    int *begin;               /* by node: where it begins in by_node; one more at the end */
    bool is_leader;
    bool is_in_order; /* by_node is 0, 1, 2, ... */
    char *scratch;
    size_t scratch_len;
    uint64_t call; /* calls that have used the box */
    uint64_t done; /* up to which call all leaders have finished */
};

/* The group of a team that is not on one node; made by its first collective. */
struct shmi_net_group *shmi_net_meet(struct shmi_team *team);

static inline int shmi_net_n_nodes(const struct shmi_net_group *group)
{
    return group->leaders.n_pes;
}

/* Member i's copy of the memory at addr, to here; and from here to there.  shmi_net_finish
 * completes all of them, at both ends. */
void shmi_net_get(const char *who, const struct shmi_team *team, void *to, const void *addr,
                  size_t len, int i);
void shmi_net_put(const char *who, const struct shmi_team *team, void *addr, const void *from,
                  size_t len, int i);
void shmi_net_finish(void);

/* A synchronisation. */
void shmi_net_step(const char *who, struct shmi_team *team);

/* A step to which I bring a payload (len <= SHMI_PAYLOAD): after it, shmi_net_get with the address
 * that is returned reads any member's. */
const void *shmi_net_offer(const char *who, struct shmi_team *team, const void *mine, size_t len);

/* A step in which a short payload (len <= SHMI_PAYLOAD) of each member reaches all: they lie one
 * after the other in the memory that is returned, until the next such call. */
char *shmi_net_gather(const char *who, struct shmi_team *team, const void *mine, size_t len);

/* At least so many bytes of this team's working memory; what was in it is lost. */
char *shmi_net_scratch(const char *who, struct shmi_team *team, size_t len);

/* Put data into member to's memory at this address; source is free on return. */
void shmi_net_push(const char *who, const struct shmi_team *team, void *addr, const void *source,
                   size_t len, int to);

/* Let a word of the library's in member to's memory become value, after all that was written before
 * through mapped memory; and, if so wished, after what was put there. */
void shmi_net_tell(const char *who, const struct shmi_team *team, uint64_t *word, uint64_t value,
                   bool after_puts, int to);

/*
 * The box of the leaders.  begin and end are around each use, on all leaders alike; to end with
 * all_met == true says that nobody can have come so far before all had begun, which saves steps.
 */
void shmi_box_begin(const char *who, struct shmi_team *team);
void shmi_box_end(struct shmi_team *team, bool all_met);

/* A message of short data, to a place in the room of another's box, and out of mine.  Places are
 * multiples of 4, place + len is at most SHMI_BOX_ROOM, and the messages of a call lie apart. */
void shmi_box_send(const char *who, const struct shmi_team *team, size_t place, const void *source,
                   size_t len, int to);
void shmi_box_receive(const char *who, const struct shmi_team *team, size_t place, void *dest,
                      size_t len, int from);

/* A number for a flag in another's box.  Those to one flag come from one sender and grow; each is
 * awaited before the end.  after_puts: all that was put there before has arrived then. */
void shmi_box_tell(const char *who, const struct shmi_team *team, int flag, uint64_t number,
                   bool after_puts, int to);
void shmi_box_await(const char *who, const struct shmi_team *team, int flag, uint64_t number,
                    int from);

/* The same between all members of the team (as many as there are flags), after a step of theirs:
 * what I have put there since has arrived; and, what member from has put here. */
void shmi_box_tell_put(const char *who, const struct shmi_team *team, int to);
void shmi_box_await_put(const char *who, const struct shmi_team *team, int from);

/* SHMI_BOX_ROOM bytes of the leader's that all on its node read. */
char *shmi_box_table(const struct shmi_team *team);

#endif
