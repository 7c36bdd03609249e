/* SPDX-License-Identifier: BSD-3-Clause */
/* shmemx.h -- what npushmem offers beyond OpenSHMEM 1.6. */
#ifndef SHMEMX_H
#define SHMEMX_H

#include "shmem.h"

/*
 * The version of the extensions, apart from that of the standard: minor grows when something is
 * added, major when something changes or goes.
 */
#define SHMEMX_MAJOR_VERSION 0
#define SHMEMX_MINOR_VERSION 1

#endif
