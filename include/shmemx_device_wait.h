/* SPDX-License-Identifier: BSD-3-Clause */
/* shmemx_device_wait.h -- a part of shmemx_device.h: waiting for words of this PE. */
#ifndef SHMEMX_DEVICE_H
#include "shmemx_device.h"
#endif

#ifndef SHMEMX_DEVICE_WAIT_H
#define SHMEMX_DEVICE_WAIT_H

#if defined __GNUC__ && !defined __CUDACC__
#pragma GCC system_header
#endif

/* clang-format off */
/* Of this PE's own words.  A test gives 1 or 0; a wait gives a status. */
#define SHMEMX_D_WAIT(op, T, type)                                                                 \
    SHMEMX_DEVICE int shmemx_device##T##_test(SHMEMX_GM const type *ivar, int cmp, type value)     \
    {                                                                                              \
        type now;                                                                                  \
        shmemx_invalidate(ivar, sizeof(type));                                                     \
        now = SHMEMX_LOAD(type, ivar);                                                             \
        return cmp == SHMEM_CMP_EQ   ? now == value                                                \
               : cmp == SHMEM_CMP_NE ? now != value                                                \
               : cmp == SHMEM_CMP_GT ? now > value                                                 \
               : cmp == SHMEM_CMP_LE ? now <= value                                                \
               : cmp == SHMEM_CMP_LT ? now < value                                                 \
                                     : now >= value;                                               \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_wait_until(                                               \
        const shmemx_device_t *dev, SHMEMX_GM const type *ivar, int cmp, type value)               \
    {                                                                                              \
        shmemx_patience_t wait = {0, 0, 0};                                                        \
        int status = SHMEMX_OK;                                                                    \
        while (!shmemx_device##T##_test(ivar, cmp, value) && status == SHMEMX_OK) {                \
            status = shmemx_wait_more(dev->ring, &wait, SHMEMX_SITE_WAIT,                          \
                                      (uint64_t)(uintptr_t)ivar, (uint64_t)value,                  \
                                      (uint64_t)SHMEMX_LOAD(type, ivar));                          \
        }                                                                                          \
        shmemx_fence_data(); /* before what is read now that the word is there */                  \
        return status;                                                                             \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_wait_until_all(                                           \
        const shmemx_device_t *dev, SHMEMX_GM const type *ivars, size_t nelems, int cmp,           \
        type value)                                                                                \
    {                                                                                              \
        size_t i;                                                                                  \
        int status = SHMEMX_OK;                                                                    \
        for (i = 0; i < nelems && status == SHMEMX_OK; i++) {                                      \
            status = shmemx_device##T##_wait_until(dev, &ivars[i], cmp, value);                    \
        }                                                                                          \
        return status;                                                                             \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_wait_until_any(                                           \
        const shmemx_device_t *dev, SHMEMX_GM const type *ivars, size_t nelems, int cmp,           \
        type value, size_t *which)                                                                 \
    {                                                                                              \
        shmemx_patience_t wait = {0, 0, 0};                                                        \
        int status = SHMEMX_OK;                                                                    \
        *which = (size_t)-1; /* as the host's does where there are none */                         \
        while (status == SHMEMX_OK && nelems != 0) {                                               \
            for (*which = 0; *which < nelems; ++*which) {                                          \
                if (shmemx_device##T##_test(&ivars[*which], cmp, value)) {                         \
                    return status;                                                                 \
                }                                                                                  \
            }                                                                                      \
            status = shmemx_wait_more(dev->ring, &wait, SHMEMX_SITE_WAIT,                          \
                                      (uint64_t)(uintptr_t)ivars, (uint64_t)value,                 \
                                      (uint64_t)SHMEMX_LOAD(type, ivars));                         \
        }                                                                                          \
        return status;                                                                             \
    }
SHMEMI_FOR_SYNC(SHMEMX_D_WAIT, )
/* clang-format on */

/* Returns with what the signal was in *found, unless that is NULL. */
SHMEMX_DEVICE int shmemx_device_signal_wait_until(const shmemx_device_t *dev,
                                                  SHMEMX_GM const uint64_t *sig_addr, int cmp,
                                                  uint64_t value, uint64_t *found)
{
    int status = shmemx_device_uint64_wait_until(dev, sig_addr, cmp, value);
    if (found != 0) {
        *found = shmemx_load_acquire(sig_addr);
    }
    return status;
}

#endif
