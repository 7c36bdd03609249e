/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace.h -- a time line of what this PE does, for Chrome's and Perfetto's viewers (SHMEM_TRACE).
 *
 *     uint64_t begun = shmi_trace_begin();
 *     ... the operation ...
 *     shmi_trace_end(begun, who, pe, bytes);
 *
 * The slow paths do this; a trace closes the fast ones.  Off, it is a look at one word.
 */
#ifndef SHMI_TRACE_H
#define SHMI_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/util.h"

extern SHMI_HIDDEN bool shmi_tracing;

uint64_t shmi_trace_clock(void);
void shmi_trace_add(uint64_t begun, bool is_wait, const char *who, int pe, size_t bytes);

static inline uint64_t shmi_trace_begin(void)
{
    return shmi_unlikely(shmi_tracing) ? shmi_trace_clock() : 0;
}

/* who lives as long as the program; pe is a number of the world, or -1: several or any. */
static inline void shmi_trace_end(uint64_t begun, const char *who, int pe, size_t bytes)
{
    if (shmi_unlikely(begun != 0)) {
        shmi_trace_add(begun, false, who, pe, bytes);
    }
}

/* The same for the part of it that was spent waiting. */
static inline void shmi_trace_end_wait(uint64_t begun, const char *who, int pe)
{
    if (shmi_unlikely(begun != 0)) {
        shmi_trace_add(begun, true, who, pe, 0);
    }
}

/* Of all PEs together: in shmem_init, once they have met; and in shmem_finalize, while they still
 * can. */
void shmi_trace_open(void);
void shmi_trace_close(void);

/* What the program does from now on is of no interest, or is again. */
void shmi_trace_pause(bool is_paused);

#endif
