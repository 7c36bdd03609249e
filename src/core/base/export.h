/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * export.h -- how an entry point of the library is published.
 *
 * A file that defines public routines includes this instead of shmem.h.  shmem_x is weak, so that
 * a tool may define its own; pshmem_x is the same code under the name such a tool calls.
 */
#ifndef SHMI_BASE_EXPORT_H
#define SHMI_BASE_EXPORT_H

#define SHMEMI_API         __attribute__((weak, visibility("default")))
#define SHMEMI_NO_GENERICS /* shmem_sync and three more are functions too, and defined here */
#include <shmem.h>
#include <shmemx.h>

/* After the definition of name: publish pname, for the few public names that are not shmem_. */
#define PTWIN(name) \
    extern __typeof__(name) p##name __attribute__((alias(#name), visibility("default")));

/* After the definition of shmem<name>: publish pshmem<name>.  name begins with an underscore. */
#define PSHMEM(name) PTWIN(shmem##name)

#endif
