/* SPDX-License-Identifier: BSD-3-Clause */
/* kernels.h -- contexts for kernels. */
#ifndef SHMI_KERNELS_H
#define SHMI_KERNELS_H

#include <stdint.h>

/* Where kernels load and store a PE's part of a segment, and where they do atomics on it; 0 where
 * they do not. */
void shmi_kernels_reach(unsigned segment, int pe, uint64_t *map, uint64_t *amo);

/* Before the library ends: the contexts that the program has not destroyed. */
void shmi_kernels_close(void);

#endif
