/* SPDX-License-Identifier: BSD-3-Clause */
/* vendor.c -- a libshmem.so that is none of ours: it has names of the standard's, and whoever calls
 * one by mistake ends. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noreturn)) static void mistake(const char *name)
{
    fprintf(stderr, "not ok - %s of the wrong library\n", name);
    abort();
}

#define WRONG(name)                                         \
    __attribute__((visibility("default"))) void name(void); \
    void name(void)                                         \
    {                                                       \
        mistake(#name);                                     \
    }
WRONG(shmem_init)
WRONG(shmem_finalize)
WRONG(shmem_malloc)
WRONG(shmem_calloc)
WRONG(shmem_free)
WRONG(shmem_ptr)
WRONG(shmem_n_pes)
WRONG(shmem_quiet)
WRONG(shmem_fence)
WRONG(shmem_barrier_all)
WRONG(shmem_putmem)
WRONG(shmem_getmem)
WRONG(shmem_int_put)
WRONG(shmem_int_get)

__attribute__((visibility("default"))) int shmem_my_pe(void);
int shmem_my_pe(void)
{
    return -12345;
}
