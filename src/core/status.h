/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * status.h -- what a PE tells the other PEs of its node about itself.
 *
 * The first page of the heap segment.  A PE that waits writes down for what, so that any PE can
 * report who waits for whom; one that leaves says so, so that nobody waits for it.
 */
#ifndef SHMI_STATUS_H
#define SHMI_STATUS_H

#include <stdint.h>

#include "core/segment.h"

/* SHMI_EXITING: in exit, though it has not called shmem_finalize as it should.
 * SHMI_ENDING: it ends the job, on purpose. */
enum shmi_presence {
    SHMI_ABSENT,
    SHMI_PRESENT,
    SHMI_EXITING,
    SHMI_FINALIZING,
    SHMI_LEFT,
    SHMI_ENDING
};

/* A PE has room for one wait.  Of several threads that wait, the first takes it. */
enum shmi_wait_note { SHMI_NOT_WAITING, SHMI_NOTING, SHMI_WAITING };

struct shmi_status {
    uint32_t presence; /* enum shmi_presence */
    int32_t pid;
    uint32_t waiting; /* enum shmi_wait_note: the rest is meant while SHMI_WAITING */
    int32_t for_pe;   /* of the world, or -1: anybody */
    uint64_t since;   /* nanoseconds of CLOCK_MONOTONIC */
    uint64_t offset;  /* of the awaited word in its segment, when symmetric */
    char who[48];
    char segment[16]; /* its segment's name; empty when the word is the library's own */
    int32_t end;      /* of the job, while SHMI_ENDING: what shmem_global_exit was given */
};

/* The page of a PE of the world, or NULL when it is on another node. */
static inline struct shmi_status *shmi_status_of(int pe)
{
    return (struct shmi_status *)shmi_segments[SHMI_SEGMENT_HEAP].window[pe].map;
}

#endif
