/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * segment.h -- where symmetric memory is.
 *
 * A segment is a range of addresses of this process that every PE has: the heap, the executable's
 * global and static variables, and the device's heap.  Base addresses differ from PE to PE; an
 * offset into the segment means the same object everywhere.  A window says where the segment is on
 * one PE.
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
    char *map;     /* the segment of that PE, mapped here for plain loads and stores; or NULL */
    char *amo;     /* the same where the CPU may also do the atomics on it; or NULL */
    uint64_t addr; /* where it starts in that PE's own address space */
    uint64_t key;  /* the network's key for it */
    int node;      /* the first PE of the node it is on; PEs of one node map each other's heaps */
    bool strange;  /* static data of another program: no object of it is one of ours */
};

struct shmi_segment {
    char *base;
    size_t open;                /* bytes that the fast paths see: len, or 0 to close them */
    struct shmi_window *window; /* by PE of the world */
    size_t len;                 /* 0 until init and after finalize: no address is found then */
    const char *name;           /* "heap", "static data", "device heap" */
};

/* The first two are host memory. */
enum {
    SHMI_SEGMENT_HEAP,
    SHMI_SEGMENT_DATA,
    SHMI_HOST_SEGMENTS,
    SHMI_SEGMENT_DEVICE = SHMI_HOST_SEGMENTS, /* npu.c's: mapped nowhere, for loads and stores */
    SHMI_SEGMENTS,
};

extern SHMI_HIDDEN struct shmi_segment shmi_segments[SHMI_SEGMENTS];

/*
 * The fast paths' question: in which window of that PE is its copy of the object at addr, and how
 * far in?  Nowhere if addr is not symmetric, or while some option wants to see every access: the
 * slow paths find out which.  pe is a number of the world.
 */
extern SHMI_HIDDEN const struct shmi_window shmi_nowhere;

__attribute__((always_inline)) static inline const struct shmi_window *
shmi_window_fast(const void *addr, int pe, size_t *offset)
{
    const struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_HEAP];
    *offset = (uintptr_t)addr - (uintptr_t)seg->base;
    if (shmi_unlikely(*offset >= seg->open)) {
        seg = &shmi_segments[SHMI_SEGMENT_DATA];
        *offset = (uintptr_t)addr - (uintptr_t)seg->base;
        if (shmi_unlikely(*offset >= seg->open)) {
            return &shmi_nowhere;
        }
    }
    return &seg->window[pe];
}

/* Where do loads and stores of this process reach it?  NULL where they do not. */
__attribute__((always_inline)) static inline char *shmi_reach_fast(const void *addr, int pe)
{
    size_t offset = 0;
    const struct shmi_window *win = shmi_window_fast(addr, pe, &offset);
    return shmi_likely(win->map != NULL) ? win->map + offset : NULL;
}

/* The same for atomics by the CPU. */
__attribute__((always_inline)) static inline char *shmi_reach_fast_amo(const void *addr, int pe)
{
    size_t offset = 0;
    const struct shmi_window *win = shmi_window_fast(addr, pe, &offset);
    return shmi_likely(win->amo != NULL) ? win->amo + offset : NULL;
}

/* The segment of a symmetric address, or NULL. */
const struct shmi_segment *shmi_segment_of(const void *addr);

/* Is there the same object on that PE, which may run another program? */
bool shmi_segment_is_symmetric(const void *addr, int pe);

/* As above, observed or not. */
char *shmi_reach(const void *addr, int pe);
char *shmi_reach_amo(const void *addr, int pe);

/* Life: create this PE's own memory, describe it in the card that goes to all PEs, then, with all
 * cards known, build the windows.  0, or -errno after logging. */
struct shmi_card;
int shmi_segment_create(struct shmi_card *mine);
int shmi_segment_join(const struct shmi_card *cards);
void shmi_segment_leave(void);

/* Where the user's heap begins in every process: at a multiple of this, which is thereby the
 * largest alignment that shmem_align can promise. */
#define SHMI_HEAP_ALIGN ((size_t)64 << 20)

/* The part of the heap segment that shmem_malloc manages; the smallest of all PEs. */
char *shmi_segment_heap(void);
size_t shmi_segment_heap_len(void);

/* Open the fast paths to the segments, or close them. */
void shmi_segment_set_open(bool open);

/* How many PEs this node has, this one included. */
int shmi_segment_n_here(void);

#endif
