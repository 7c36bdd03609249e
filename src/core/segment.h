/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * segment.h -- where symmetric memory is.
 *
 * A segment is a range of addresses of this process that every PE has: the heap, and the
 * executable's global and static variables.  Base addresses differ from PE to PE; an offset into
 * the segment means the same object everywhere.  A window says where the segment is on one PE.
 *
 *     heap segment:   | status page | slots of teams | what shmem_malloc hands out ... |
 *                     base          slots            heap
 */
#ifndef SHMI_SEGMENT_H
#define SHMI_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/util.h"

struct shmi_window {
    char    *map;  /* the segment of that PE, mapped here for plain loads and stores; or NULL */
    char    *amo;  /* the same where the CPU may also do the atomics on it; or NULL */
    uint64_t addr; /* where it starts in that PE's own address space */
    uint64_t key;  /* the network's key for it */
};

struct shmi_segment {
    char               *base;
    size_t              len;
    struct shmi_window *window; /* by PE of the world */
    const char         *name;   /* "heap", "static data" */
};

enum { SHMI_SEGMENT_HEAP, SHMI_SEGMENT_DATA, SHMI_SEGMENTS };

/* len 0 until init and after finalize, so that no address is found then. */
extern struct shmi_segment shmi_segments[SHMI_SEGMENTS];

static inline bool shmi_segment_holds(const struct shmi_segment *seg, const void *addr)
{
    return (size_t)((uintptr_t)addr - (uintptr_t)seg->base) < seg->len;
}

/* The segment of a symmetric address, or NULL. */
static inline const struct shmi_segment *shmi_segment_of(const void *addr)
{
    if (shmi_likely(shmi_segment_holds(&shmi_segments[SHMI_SEGMENT_HEAP], addr))) {
        return &shmi_segments[SHMI_SEGMENT_HEAP];
    }
    if (shmi_likely(shmi_segment_holds(&shmi_segments[SHMI_SEGMENT_DATA], addr))) {
        return &shmi_segments[SHMI_SEGMENT_DATA];
    }
    return NULL;
}

/* Where loads and stores of this process reach that PE's copy of the object at addr; NULL where
 * they do not, and where addr is not symmetric.  pe is a number of the world. */
static inline char *shmi_reach(const void *addr, int pe)
{
    const struct shmi_segment *seg = shmi_segment_of(addr);
    if (shmi_unlikely(seg == NULL)) {
        return NULL;
    }
    char *map = seg->window[pe].map;
    return shmi_likely(map != NULL) ? map + ((const char *)addr - seg->base) : NULL;
}

/* The same for atomics by the CPU. */
static inline char *shmi_reach_amo(const void *addr, int pe)
{
    const struct shmi_segment *seg = shmi_segment_of(addr);
    if (shmi_unlikely(seg == NULL)) {
        return NULL;
    }
    char *amo = seg->window[pe].amo;
    return shmi_likely(amo != NULL) ? amo + ((const char *)addr - seg->base) : NULL;
}

/* Life: create this PE's own memory, describe it in the card that goes to all PEs, then, with all
 * cards known, build the windows.  0, or -errno after logging. */
struct shmi_card;
int  shmi_segment_create(struct shmi_card *mine);
int  shmi_segment_join(const struct shmi_card *cards);
void shmi_segment_leave(void);

/* The part of the heap segment that shmem_malloc manages; the smallest of all PEs. */
char  *shmi_segment_heap(void);
size_t shmi_segment_heap_len(void);

/* How many PEs of this node, this one included, are mapped here. */
int shmi_segment_n_mapped(void);

#endif
