/* SPDX-License-Identifier: BSD-3-Clause */
/* mpp/shmem.h -- where OpenSHMEM 1.0 programs look for shmem.h. */
#include "../shmem.h"
