/* SPDX-License-Identifier: BSD-3-Clause */
/* npu_trial.h -- in which way PEs share their device memory: each tries what the others offer. */
#ifndef SHMI_NPU_TRIAL_H
#define SHMI_NPU_TRIAL_H

#include <stdbool.h>

/* Between the device's start, which may have failed, and its first memory.  All PEs call it; 0 or
 * -errno after logging. */
int shmi_npu_trial(bool works);

#endif
