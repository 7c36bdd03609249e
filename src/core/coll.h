/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll.h -- the engine under all collectives: team-based, on untyped memory.
 *
 * The typed and active-set routines of the standard are one-line wrappers of these.  Every one
 * returns when this PE's dest is complete and its source may be reused.  Calls on one team come
 * from one thread at a time and in the same order on all members; different teams may run in
 * parallel.  dest and source are symmetric and at the same offset on all members; lengths are in
 * bytes; zero lengths are legal with any pointers; in place (dest == source) is legal everywhere.
 * who is the public routine's name, for diagnosis.
 */
#ifndef SHMI_COLL_H
#define SHMI_COLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/team.h"

/* All members have entered; their stores (not their pending network operations) are visible. */
void shmi_coll_sync(const char *who, struct shmi_team *team);

/*
 * The same for who must not wait.  begin enters; it does nothing and says false where members have
 * to wait for one another in turn, which is the same on all of them.  has_ended may be asked as
 * often as one likes; end waits.  A member may use these and another shmi_coll_sync.
 */
bool shmi_coll_sync_begin(struct shmi_team *team);
bool shmi_coll_sync_has_ended(struct shmi_team *team);
void shmi_coll_sync_end(const char *who, struct shmi_team *team);

/* root counts in the team.  with_root: the root's own dest is written too. */
void shmi_coll_broadcast(const char *who, struct shmi_team *team, void *dest, const void *source,
                         size_t len, int root, bool with_root);

/* Equal contributions; and contributions of different lengths, in member order. */
void shmi_coll_fcollect(const char *who, struct shmi_team *team, void *dest, const void *source,
                        size_t len);
void shmi_coll_collect(const char *who, struct shmi_team *team, void *dest, const void *source,
                       size_t len);

/* Block j of my source goes to block my_pe of member j's dest.  A block is nelems elements of size
 * bytes; elements lie dst (sst) elements apart.  dst == sst == 1 is the plain alltoall. */
void shmi_coll_alltoall(const char *who, struct shmi_team *team, void *dest, const void *source,
                        ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size);

/* acc[i] = acc[i] op in[i]: one for each operation and type, made from the type table. */
typedef void shmi_combine(void *acc, const void *in, size_t nelems);

/* Floating-point results are the same bits on all members and in every run: the order in which is
 * combined depends on the team, its nodes and nelems alone. */
void shmi_coll_reduce(const char *who, struct shmi_team *team, void *dest, const void *source,
                      size_t nelems, size_t size, shmi_combine *combine);

/* Member i gets the combination of members 0..i (inclusive) or 0..i-1; member 0 of an exclusive
 * scan gets zeros, the neutral element of a sum. */
void shmi_coll_scan(const char *who, struct shmi_team *team, void *dest, const void *source,
                    size_t nelems, size_t size, shmi_combine *combine, bool inclusive);

/* For the library's own agreements: combine a few words of all members (n * 8 <= SHMI_PAYLOAD) that
 * need not be symmetric.  mine and result may be the same. */
enum shmi_agree { SHMI_AGREE_AND, SHMI_AGREE_MAX };
void shmi_coll_agree(const char *who, struct shmi_team *team, enum shmi_agree how,
                     const uint64_t *mine, uint64_t *result, size_t n);

#endif
