/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * export.h -- how an entry point of the library is published.
 *
 * A file that defines public routines includes this instead of shmem.h.  shmem_x is weak, so that
 * a tool may define its own; pshmem_x is the same code under the name such a tool calls.
 */
#ifndef SHMI_BASE_EXPORT_H
#define SHMI_BASE_EXPORT_H

#define SHMEMI_API __attribute__((weak, visibility("default")))
#include <shmem.h>
#include <shmemx.h>

/* After the definition of shmem<name>: publish pshmem<name>.  The name begins with its underscore. */
#define PSHMEM(name)                                                                               \
    extern __typeof__(shmem##name) pshmem##name                                                    \
        __attribute__((alias("shmem" #name), visibility("default")));

#endif
