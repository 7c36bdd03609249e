/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * heap.h -- which bytes of a symmetric heap are in use.
 *
 * An allocator of offsets into a range [0, len) that it never touches: its records lie in ordinary
 * memory, so the range may be host memory, device memory, or none at all.  A block's offset depends
 * on nothing but the calls before it, so PEs that make the same calls get the same offsets.
 *
 * Calls on one heap must not be concurrent; the caller holds a lock.  Nothing here logs: only the
 * caller knows what the user asked for and which variable helps.
 */
#ifndef SHMI_HEAP_H
#define SHMI_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct shmi_heap;

/* In bytes, except for the counts.  used + free == capacity. */
struct shmi_heap_stats {
    size_t capacity;
    size_t used; /* by allocated blocks, each rounded up to whole cache lines */
    size_t free;
    size_t largest;   /* free block: the most that one allocation could get now */
    size_t peak;      /* the most that was ever used */
    size_t blocks;    /* allocated now */
    size_t fragments; /* free blocks */
};

/* Manage len bytes, rounded down to whole cache lines, of a segment whose base address on every PE
 * is a multiple of base_align, a power of two of at least 64.  0, -EINVAL or -ENOMEM. */
int shmi_heap_init(struct shmi_heap **heap, size_t len, size_t base_align);
void shmi_heap_destroy(struct shmi_heap *heap); /* NULL is allowed */

/*
 * Allocate len bytes, at least 1, at the lowest offset where they fit.  No two blocks share a cache
 * line.  align is a power of two and at most the heap's base_align, beyond which an aligned offset
 * would not make an aligned address.  hints are the caller's, kept for shmi_heap_find.
 * 0, -EINVAL for such an argument, or -ENOMEM; *offset is written only on success.
 */
int shmi_heap_alloc(struct shmi_heap *heap, size_t len, size_t align, long hints, size_t *offset);

/* Free the block that starts at this offset.  0, or -EINVAL where none does. */
int shmi_heap_free(struct shmi_heap *heap, size_t offset);

/* Make the block that starts at this offset len bytes long, at least 1, where it lies.  0, -EINVAL
 * where there is no such block, -ENOSPC where it has no room to grow; -ENOMEM as for alloc.
 * Anything but 0 has changed nothing. */
int shmi_heap_resize(struct shmi_heap *heap, size_t offset, size_t len);

/* Find the allocated block that holds the byte at this offset: where it starts, the length and the
 * hints it was given.  Each result may be NULL.  false, and nothing written, where there is
 * none. */
bool shmi_heap_find(const struct shmi_heap *heap, size_t offset, size_t *start, size_t *len,
                    long *hints);

void shmi_heap_stats(const struct shmi_heap *heap, struct shmi_heap_stats *stats);

#endif
