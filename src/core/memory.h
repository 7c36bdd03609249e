/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h -- the symmetric heap as the rest of the library sees it. */
#ifndef SHMI_MEMORY_H
#define SHMI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/heap.h"

int shmi_memory_open(void);        /* over the heap segment; 0 or -errno */
int shmi_memory_open_device(void); /* over the device segment, once there is one */
void shmi_memory_close(void);

/* Symmetric host memory for the library itself, by all PEs alike, without a barrier; or NULL. */
void *shmi_memory_take(size_t size, size_t align);

/* The block of shmem_malloc that holds an address: false where there is none. */
bool shmi_memory_find(const void *addr, const char **start, size_t *len);
void shmi_memory_stats(struct shmi_heap_stats *stats);

/* Zeroed symmetric memory for the library's own use; collective, as shmem_malloc and shmem_free
 * are.  NULL after logging. */
void *shmi_memory_take_zeros(const char *who, size_t len);
void shmi_memory_give(const char *who, void *ptr);

#endif
