/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * strided.c -- strided and interleaved block transfers: iput, iget, ibput, ibget (section 9.6).
 *
 * All are the same thing: nblocks blocks of len bytes, dst bytes apart at the one side and sst
 * bytes apart at the other.  Through a network the blocks go out unwaited, and one quiet ends them
 * where the call must have finished with the caller's memory.
 */
#include "core/base/export.h"
#include "core/check.h"
#include "core/order.h"
#include "core/rma.h"

struct blocks {
    ptrdiff_t dst; /* bytes from block to block at dest */
    ptrdiff_t sst; /* and at source */
    size_t len;    /* bytes of a block */
    size_t n;
};

static void check(const char *who, const struct shmi_ctx *ctx, const char *argument,
                  const void *addr, ptrdiff_t stride, const struct blocks *blocks, int pe)
{
    shmi_require_running(who);
    if (shmi_observing && blocks->n != 0) {
        shmi_check_rma(who, ctx, argument, addr, (size_t)stride * (blocks->n - 1) + blocks->len,
                       pe);
    }
}

__attribute__((always_inline)) static inline void put_blocks(const char *who, struct shmi_ctx *ctx,
                                                             char *dest, const char *source,
                                                             struct blocks blocks, int pe)
{
    char *there = blocks.n == 0 ? NULL : shmi_reach_fast(dest, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(there != NULL)) {
        for (size_t i = 0; i < blocks.n; i++) {
            shmi_copy(there, source, blocks.len);
            there += blocks.dst;
            source += blocks.sst;
        }
        return;
    }
    check(who, ctx, "dest", dest, blocks.dst, &blocks, pe);
    for (size_t i = 0; i < blocks.n; i++) {
        shmi_put_slowly(who, ctx, dest, source, blocks.len, pe, SHMI_NOW);
        dest += blocks.dst;
        source += blocks.sst;
    }
}

__attribute__((always_inline)) static inline void get_blocks(const char *who, struct shmi_ctx *ctx,
                                                             char *dest, const char *source,
                                                             struct blocks blocks, int pe)
{
    const char *there = blocks.n == 0 ? NULL : shmi_reach_fast(source, shmi_ctx_pe(ctx, pe));
    if (shmi_likely(there != NULL)) {
        for (size_t i = 0; i < blocks.n; i++) {
            shmi_copy(dest, there, blocks.len);
            dest += blocks.dst;
            there += blocks.sst;
        }
        return;
    }
    check(who, ctx, "source", source, blocks.sst, &blocks, pe);
    for (size_t i = 0; i < blocks.n; i++) {
        shmi_get_slowly(who, ctx, dest, source, blocks.len, pe, SHMI_LATER);
        dest += blocks.dst;
        source += blocks.sst;
    }
    shmi_quiet(ctx);
}

/* Strides count elements of size bytes. */
static inline struct blocks in_bytes(ptrdiff_t dst, ptrdiff_t sst, size_t bsize, size_t nblocks,
                                     size_t size)
{
    return (struct blocks){
        .dst = dst * (ptrdiff_t)size,
        .sst = sst * (ptrdiff_t)size,
        .len = bsize * size,
        .n = bsize == 0 ? 0 : nblocks,
    };
}

#define STRIDED(name, type, size, move)                                                           \
    void shmem##name(type *dest, const type *source, ptrdiff_t dst, ptrdiff_t sst, size_t nelems, \
                     int pe)                                                                      \
    {                                                                                             \
        move(__func__, &shmi_ctx_default, (char *)dest, (const char *)source,                     \
             in_bytes(dst, sst, 1, nelems, size), pe);                                            \
    }                                                                                             \
    void shmem_ctx##name(shmem_ctx_t ctx, type *dest, const type *source, ptrdiff_t dst,          \
                         ptrdiff_t sst, size_t nelems, int pe)                                    \
    {                                                                                             \
        move(__func__, shmi_ctx_of(ctx), (char *)dest, (const char *)source,                      \
             in_bytes(dst, sst, 1, nelems, size), pe);                                            \
    }                                                                                             \
    PSHMEM(name)                                                                                  \
    PSHMEM(_ctx##name)

#define BLOCKS(name, type, size, move)                                                           \
    void shmem##name(type *dest, const type *source, ptrdiff_t dst, ptrdiff_t sst, size_t bsize, \
                     size_t nblocks, int pe)                                                     \
    {                                                                                            \
        move(__func__, &shmi_ctx_default, (char *)dest, (const char *)source,                    \
             in_bytes(dst, sst, bsize, nblocks, size), pe);                                      \
    }                                                                                            \
    void shmem_ctx##name(shmem_ctx_t ctx, type *dest, const type *source, ptrdiff_t dst,         \
                         ptrdiff_t sst, size_t bsize, size_t nblocks, int pe)                    \
    {                                                                                            \
        move(__func__, shmi_ctx_of(ctx), (char *)dest, (const char *)source,                     \
             in_bytes(dst, sst, bsize, nblocks, size), pe);                                      \
    }                                                                                            \
    PSHMEM(name)                                                                                 \
    PSHMEM(_ctx##name)

#define IPUT(op, T, type)  STRIDED(T##op, type, sizeof(type), put_blocks)
#define IGET(op, T, type)  STRIDED(T##op, type, sizeof(type), get_blocks)
#define IBPUT(op, T, type) BLOCKS(T##op, type, sizeof(type), put_blocks)
#define IBGET(op, T, type) BLOCKS(T##op, type, sizeof(type), get_blocks)
SHMEMI_FOR_RMA(IPUT, _iput)
SHMEMI_FOR_RMA(IGET, _iget)
SHMEMI_FOR_RMA(IBPUT, _ibput)
SHMEMI_FOR_RMA(IBGET, _ibget)

#define SIZED_IPUT(op, bits, tail)  STRIDED(op##bits##tail, void, (bits) / 8, put_blocks)
#define SIZED_IGET(op, bits, tail)  STRIDED(op##bits##tail, void, (bits) / 8, get_blocks)
#define SIZED_IBPUT(op, bits, tail) BLOCKS(op##bits##tail, void, (bits) / 8, put_blocks)
#define SIZED_IBGET(op, bits, tail) BLOCKS(op##bits##tail, void, (bits) / 8, get_blocks)
SHMEMI_FOR_SIZES(SIZED_IPUT, _iput, )
SHMEMI_FOR_SIZES(SIZED_IGET, _iget, )
SHMEMI_FOR_SIZES(SIZED_IBPUT, _ibput, )
SHMEMI_FOR_SIZES(SIZED_IBGET, _ibget, )
