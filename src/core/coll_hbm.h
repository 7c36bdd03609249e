/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_hbm.h -- collectives whose dest or source is device memory, on the node and between nodes.
 *
 * They meet by the team's ordinary synchronisation and read the members' memory by the library's
 * own get, which takes any mix of host and device memory; arithmetic is the host's.  The rules of
 * coll_node.h hold: nobody's dest is written before its owner has entered.
 */
#ifndef SHMI_COLL_HBM_H
#define SHMI_COLL_HBM_H

#include "core/coll.h"
#include "core/hbm.h"

void shmi_hbm_broadcast(const char *who, struct shmi_team *team, char *dest, const char *source,
                        size_t len, int root, bool wanted);
void shmi_hbm_fcollect(const char *who, struct shmi_team *team, char *dest, const char *source,
                       size_t len);
void shmi_hbm_collect(const char *who, struct shmi_team *team, char *dest, const char *source,
                      size_t len);
void shmi_hbm_alltoall(const char *who, struct shmi_team *team, char *dest, const char *source,
                       ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size);
void shmi_hbm_reduce(const char *who, struct shmi_team *team, char *dest, const char *source,
                     size_t nelems, size_t size, shmi_combine *combine);
void shmi_hbm_scan(const char *who, struct shmi_team *team, char *dest, const char *source,
                   size_t nelems, size_t size, shmi_combine *combine, bool inclusive);

#endif
