/* SPDX-License-Identifier: BSD-3-Clause */
/* mpp/shmemx.h -- where OpenSHMEM 1.0 programs look for shmemx.h. */
#include "../shmemx.h"
