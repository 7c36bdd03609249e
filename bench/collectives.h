/* SPDX-License-Identifier: BSD-3-Clause */
/* collectives.h -- one spelling for the collectives of any OpenSHMEM, with teams or without. */
#ifndef COLLECTIVES_H
#define COLLECTIVES_H

#include <stddef.h>

/* Collective, before any of the calls below. */
void collectives_start(void);
void collectives_stop(void);

/* All over all PEs.  nwords counts 64-bit words per PE, as in the standard's calls. */
void call_broadcast(void *dest, const void *source, size_t nwords, int root);
void call_collect(void *dest, const void *source, size_t nwords);
void call_fcollect(void *dest, const void *source, size_t nwords);
void call_alltoall(void *dest, const void *source, size_t nwords);
void call_sum_reduce(long *dest, const long *source, size_t nwords);

#endif
