/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_net.h -- collectives of teams whose members do not all share memory.
 *
 * The members meet as on a node, by steps that are counted, only that a member is told of a step
 * through the network where it must be; then they read each other's memory: the payloads in the
 * slots, or sources and dests where they lie, which are symmetric.  Nobody writes into a dest
 * before its owner has entered the collective, and a call returns when nobody reads its source any
 * more, so the rules of coll_node.h hold unchanged.
 *
 * The operations are the library's own, on a channel of its own, and each goes through mapped
 * memory where there is any.
 */
#ifndef SHMI_COLL_NET_H
#define SHMI_COLL_NET_H

#include <stddef.h>
#include <stdint.h>

#include "core/coll.h"

/* ---- what coll.h promises, for such teams --------------------------- */

void shmi_net_sync(const char *who, struct shmi_team *team);
void shmi_net_agree(const char *who, struct shmi_team *team, enum shmi_agree how,
                    const uint64_t *mine, uint64_t *result, size_t n);

/* wanted: this member's dest is to be written. */
void shmi_net_broadcast(const char *who, struct shmi_team *team, char *dest, const char *source,
                        size_t len, int root, bool wanted);
void shmi_net_fcollect(const char *who, struct shmi_team *team, char *dest, const char *source,
                       size_t len);
void shmi_net_collect(const char *who, struct shmi_team *team, char *dest, const char *source,
                      size_t len);
void shmi_net_alltoall(const char *who, struct shmi_team *team, char *dest, const char *source,
                       ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size);
void shmi_net_reduce(const char *who, struct shmi_team *team, char *dest, const char *source,
                     size_t nelems, size_t size, shmi_combine *combine);
void shmi_net_scan(const char *who, struct shmi_team *team, char *dest, const char *source,
                   size_t nelems, size_t size, shmi_combine *combine, bool inclusive);

/* The end of a team, and of the library's channel. */
void shmi_net_part(struct shmi_team *team);
void shmi_net_close(void);

/* ---- for the coll_net*.c files ---------------------------------------- */

/* Member i's copy of the memory at addr, to here; and from here to there.  shmi_net_finish
 * completes all of them, at both ends. */
void shmi_net_get(const char *who, const struct shmi_team *team, void *to, const void *addr,
                  size_t len, int i);
void shmi_net_put(const char *who, const struct shmi_team *team, void *addr, const void *from,
                  size_t len, int i);
void shmi_net_finish(void);

/* A step to which I bring a payload (len <= SHMI_PAYLOAD): after it, shmi_net_get with the address
 * that is returned reads any member's. */
const void *shmi_net_offer(const char *who, struct shmi_team *team, const void *mine, size_t len);

/* A step in which a short payload (len <= SHMI_PAYLOAD) of each member reaches all: they lie one
 * after the other in the memory that is returned, until the next such call. */
char *shmi_net_gather(const char *who, struct shmi_team *team, const void *mine, size_t len);

/* At least so many bytes of this team's working memory; what was in it is lost. */
char *shmi_net_scratch(const char *who, struct shmi_team *team, size_t len);

#endif
