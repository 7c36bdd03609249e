/* SPDX-License-Identifier: BSD-3-Clause */
/* shmemx_device_strided.h -- a part of shmemx_device.h: elements that lie apart. */
#ifndef SHMEMX_DEVICE_H
#include "shmemx_device.h"
#endif

#ifndef SHMEMX_DEVICE_STRIDED_H
#define SHMEMX_DEVICE_STRIDED_H

#if defined __GNUC__ && !defined __CUDACC__
#pragma GCC system_header
#endif

/* What both directions need to know: strides are in elements of size bytes. */
typedef struct {
    uint64_t dst, sst, nelems;
    uint32_t size;
} shmemx_stride_t;

/* From the first to the last byte of a side. */
SHMEMX_DEVICE size_t shmemx_stride_extent(const shmemx_stride_t *by, uint64_t stride)
{
    return (size_t)((stride * (by->nelems - 1) + 1) * by->size);
}

SHMEMX_DEVICE void shmemx_move_strided(SHMEMX_GM void *dst, SHMEMX_GM const void *src,
                                       const shmemx_stride_t *by)
{
    uint64_t i;
    for (i = 0; i < by->nelems; i++) {
        shmemx_move((SHMEMX_GM char *)dst + i * by->dst * by->size,
                    (SHMEMX_GM const char *)src + i * by->sst * by->size, by->size);
    }
}

/* op is SHMEMX_RING_IPUT or SHMEMX_RING_IGET. */
SHMEMX_DEVICE int shmemx_device_stride_ring(const shmemx_device_t *dev, int op,
                                            SHMEMX_GM const void *remote, uint64_t local,
                                            const shmemx_stride_t *by, int pe)
{
    shmemx_command_t cmd;
    uint64_t unused;
    int status = shmemx_device_command(dev, &cmd, op, remote, pe);
    if (status == SHMEMX_OK && ((by->dst | by->sst | by->nelems) >> 31) != 0) {
        status = SHMEMX_INVALID; /* more than a command has room for */
    }
    if (status != SHMEMX_OK) {
        return status;
    }
    cmd.local = local;
    cmd.length = by->nelems;
    cmd.operand = by->dst;
    cmd.compare = by->sst;
    cmd.type = (uint8_t)by->size;
    return shmemx_ask(dev->ring, &cmd, &unused);
}

/* Returns when the source may be changed. */
SHMEMX_DEVICE int shmemx_device_iputmem(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                        SHMEMX_GM const void *source, const shmemx_stride_t *by,
                                        int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, dest, pe);
    if (by->nelems == 0) {
        return SHMEMX_OK;
    }
    if (there != 0) {
        shmemx_move_strided(there, source, by);
        return SHMEMX_OK;
    }
    shmemx_clean(source, shmemx_stride_extent(by, by->sst));
    shmemx_fence_data();
    return shmemx_device_stride_ring(dev, SHMEMX_RING_IPUT, dest, (uint64_t)(uintptr_t)source, by,
                                     pe);
}

SHMEMX_DEVICE int shmemx_device_igetmem(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                        SHMEMX_GM const void *source, const shmemx_stride_t *by,
                                        int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, source, pe);
    if (by->nelems == 0) {
        return SHMEMX_OK;
    }
    if (there != 0) {
        shmemx_move_strided(dest, there, by);
        return SHMEMX_OK;
    }
    shmemx_clean(dest, shmemx_stride_extent(by, by->dst));
    int status =
        shmemx_device_stride_ring(dev, SHMEMX_RING_IGET, source, (uint64_t)(uintptr_t)dest, by, pe);
    shmemx_invalidate(dest, shmemx_stride_extent(by, by->dst));
    return status;
}

/* clang-format off */
#define SHMEMX_D_STRIDED(op, T, type)                                                              \
    SHMEMX_DEVICE int shmemx_device##T##op(const shmemx_device_t *dev, SHMEMX_GM type *dest,       \
                                           SHMEMX_GM const type *source, ptrdiff_t dst,            \
                                           ptrdiff_t sst, size_t nelems, int pe)                   \
    {                                                                                              \
        shmemx_stride_t by = {(uint64_t)dst, (uint64_t)sst, nelems, sizeof(type)};                 \
        return SHMEMX_D_MEM##op(dev, dest, source, &by, pe);                                       \
    }
#define SHMEMX_D_MEM_iput shmemx_device_iputmem
#define SHMEMX_D_MEM_iget shmemx_device_igetmem
SHMEMI_FOR_RMA(SHMEMX_D_STRIDED, _iput)
SHMEMI_FOR_RMA(SHMEMX_D_STRIDED, _iget)
/* clang-format on */

#endif
