/* SPDX-License-Identifier: BSD-3-Clause */
/* setup.h -- the library's life: before init, running, finalized. */
#ifndef SHMI_SETUP_H
#define SHMI_SETUP_H

#include <stdbool.h>

#include "core/base/util.h"

enum shmi_stage {
    SHMI_BEFORE_INIT,
    SHMI_RUNNING,
    SHMI_AFTER_FINALIZE,
    SHMI_IN_CHILD,  /* a process forked from a PE, which is none itself */
    SHMI_ON_DEVICE, /* a process that a device module has forked to run kernels */
};
extern SHMI_HIDDEN enum shmi_stage shmi_stage;

/* Some option wants to see every operation, so the fast paths to the segments are closed:
 * SHMEM_CHECK, SHMEM_STATS, SHMEM_TRACE. */
extern bool shmi_observing;

/* End the job, saying that `who` was called outside init..finalize. */
void shmi_not_running(const char *who) __attribute__((noreturn, cold));

static inline void shmi_require_running(const char *who)
{
    if (shmi_unlikely(shmi_stage != SHMI_RUNNING)) {
        shmi_not_running(who);
    }
}

#endif
