/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * device.h -- symmetric memory of either kind, for the programs of this directory.
 *
 * They do with device memory what the conformance programs do with the host's: every routine, every
 * type, and both kinds on both sides.  The host cannot look into device memory, so they write and
 * read through copies.
 */
#ifndef TESTS_DEVICE_H
#define TESTS_DEVICE_H

#include <shmem.h>
#include <shmemx.h>

#include "../openshmem-conformance/conformance.h"

enum kind { HOST, DEVICE, KINDS };
static const char *const kind_names[] = {"host", "device"};

static inline void *make(enum kind kind, size_t len)
{
    void *addr = kind == DEVICE ? shmemx_calloc_device(1, len) : shmem_calloc(1, len);
    if (addr == NULL) {
        fprintf(stderr, "# PE %d: no symmetric memory of the %s\n", shmem_my_pe(),
                kind_names[kind]);
        shmem_global_exit(1);
    }
    return addr;
}

/* Between symmetric memory of any kind of this PE and private memory. */
static inline void store(void *to, const void *from, size_t len)
{
    shmemx_memcpy(to, from, len);
}

static inline void load(void *to, const void *from, size_t len)
{
    shmemx_memcpy(to, from, len);
}

/* Small numbers that every type can hold. */
static inline int number(int pe, size_t i)
{
    return (int)((size_t)pe * 7 + i * 3 + 1) % 100;
}

static inline int right_of(int pe)
{
    return (pe + 1) % shmem_n_pes();
}

static inline int left_of(int pe)
{
    return (pe + shmem_n_pes() - 1) % shmem_n_pes();
}

#endif
