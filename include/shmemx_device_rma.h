/* SPDX-License-Identifier: BSD-3-Clause */
/* shmemx_device_rma.h -- a part of shmemx_device.h: entering, queries, put and get, order. */
#ifndef SHMEMX_DEVICE_H
#include "shmemx_device.h"
#endif

#ifndef SHMEMX_DEVICE_RMA_H
#define SHMEMX_DEVICE_RMA_H

#if defined __GNUC__ && !defined __CUDACC__
#pragma GCC system_header
#endif

/* ---- entering and leaving -------------------------------------------------------------------- */

SHMEMX_DEVICE SHMEMX_GM shmemx_producer_t *shmemx_device_ring(const shmemx_device_t *dev,
                                                              uint32_t index)
{
    return (SHMEMX_GM shmemx_producer_t *)(uintptr_t)dev->context->rings + index;
}

SHMEMX_DEVICE int shmemx_device_attach(shmemx_device_t *dev, SHMEMX_GM void *context)
{
    dev->context = (SHMEMX_GM shmemx_device_context_t *)context;
    dev->ring = 0;
    if (context == 0 || dev->context->magic != SHMEMX_DEVICE_MAGIC) {
        return SHMEMX_MISMATCH;
    }
    if (dev->context->abi != SHMEMX_DEVICE_ABI || dev->context->bytes != sizeof(*dev->context)) {
        shmemx_tell(dev->context->diagnosis, 0, 0, SHMEMX_SITE_VERSION,
                    (uint64_t)(uintptr_t)context, SHMEMX_DEVICE_ABI, dev->context->abi);
        return SHMEMX_MISMATCH;
    }
    return SHMEMX_OK;
}

/* Join those who share ring `index`; any number of blocks at a time, and no need to leave.  Not on
 * devices without atomics. */
SHMEMX_DEVICE int shmemx_device_enter_shared(shmemx_device_t *dev, SHMEMX_GM void *context,
                                             unsigned index)
{
    int status = shmemx_device_attach(dev, context);
    if (status != SHMEMX_OK) {
        return status;
    }
    if (!SHMEMX_ATOMICS || index >= dev->context->n_shared) {
        return SHMEMX_INVALID;
    }
    dev->ring = shmemx_device_ring(dev, dev->context->n_cores + index);
    return shmemx_ring_check(dev->ring);
}

/* Take a ring of one's own; no more blocks at a time than the context has cores. */
SHMEMX_DEVICE int shmemx_device_enter(shmemx_device_t *dev, SHMEMX_GM void *context, unsigned block)
{
    shmemx_patience_t wait = {0, 0, 0};
    int status = shmemx_device_attach(dev, context);
    unsigned i;
    while (status == SHMEMX_OK) {
        for (i = 0; i < dev->context->n_cores; i++) {
            SHMEMX_GM shmemx_producer_t *ring =
                shmemx_device_ring(dev, (block + i) % dev->context->n_cores);
            if (shmemx_claim(&ring->attached, block)) {
                dev->ring = ring;
                shmemx_invalidate(ring, sizeof(*ring)); /* another core may have had it */
                return shmemx_ring_check(ring);
            }
        }
        status = shmemx_wait_more(shmemx_device_ring(dev, 0), &wait, SHMEMX_SITE_ROOM,
                                  (uint64_t)(uintptr_t)context, 0, 1);
    }
    return status;
}

/* What the block has started and not completed goes on.  Where entering has failed, nothing. */
SHMEMX_DEVICE void shmemx_device_leave(shmemx_device_t *dev)
{
    if (dev->ring != 0 && (dev->ring->flags & SHMEMX_RING_SHARED) == 0) {
        shmemx_store(&dev->ring->left, dev->ring->ticket);
        shmemx_clean(dev->ring, sizeof(*dev->ring));
        shmemx_amo8(&dev->ring->attached, SHMEMX_SET, 0, 0);
    }
}

/* ---- queries --------------------------------------------------------------------------------- */

SHMEMX_DEVICE int shmemx_device_my_pe(const shmemx_device_t *dev)
{
    return dev->context->my_pe;
}

SHMEMX_DEVICE int shmemx_device_n_pes(const shmemx_device_t *dev)
{
    return dev->context->n_pes;
}

/* NULL for a number that is no team's. */
SHMEMX_DEVICE SHMEMX_GM shmemx_device_team_t *shmemx_device_team(const shmemx_device_t *dev,
                                                                 int team)
{
    SHMEMX_GM shmemx_device_team_t *t =
        (SHMEMX_GM shmemx_device_team_t *)(uintptr_t)dev->context->teams + team;
    return (uint32_t)team < dev->context->n_teams && t->n_pes != 0 ? t : 0;
}

/* -1 for a number that is no team's. */
SHMEMX_DEVICE int shmemx_device_team_my_pe(const shmemx_device_t *dev, int team)
{
    return shmemx_device_team(dev, team) == 0 ? -1 : shmemx_device_team(dev, team)->my_pe;
}

SHMEMX_DEVICE int shmemx_device_team_n_pes(const shmemx_device_t *dev, int team)
{
    return shmemx_device_team(dev, team) == 0 ? -1 : shmemx_device_team(dev, team)->n_pes;
}

/* World number of a member, or -1. */
SHMEMX_DEVICE int shmemx_device_team_pe(const shmemx_device_t *dev, int team, int member)
{
    SHMEMX_GM shmemx_device_team_t *t = shmemx_device_team(dev, team);
    if (t == 0 || (uint32_t)member >= (uint32_t)t->n_pes) {
        return -1;
    }
    return ((SHMEMX_GM const int32_t *)(uintptr_t)t->pes)[member];
}

/* Which region is this address in?  -1: it is not symmetric.  Device memory comes last, and is what
 * kernels use most. */
SHMEMX_DEVICE int shmemx_device_region_of(const shmemx_device_t *dev, uint64_t addr)
{
    uint32_t i;
    for (i = dev->context->n_regions; i-- != 0;) {
        if (addr - dev->context->region[i].base < dev->context->region[i].len) {
            return (int)i;
        }
    }
    return -1;
}

SHMEMX_DEVICE uint64_t shmemx_device_reach(const shmemx_device_t *dev, uint64_t addr, int pe,
                                           int for_amo)
{
    uint32_t i;
    for (i = dev->context->n_regions; i-- != 0;) {
        SHMEMX_GM const shmemx_device_region_t *region = &dev->context->region[i];
        uint64_t offset = addr - region->base;
        if (offset < region->len && (uint32_t)pe < (uint32_t)dev->context->n_pes) {
            uint64_t there =
                ((SHMEMX_GM const uint64_t *)(uintptr_t)(for_amo ? region->amo : region->map))[pe];
            return there == 0 ? 0 : there + offset;
        }
    }
    return 0;
}

/* Where this device loads and stores that PE's copy of a symmetric object, or NULL. */
SHMEMX_DEVICE SHMEMX_GM void *shmemx_device_ptr(const shmemx_device_t *dev,
                                                SHMEMX_GM const void *addr, int pe)
{
    return (SHMEMX_GM void *)(uintptr_t)shmemx_device_reach(dev, (uint64_t)(uintptr_t)addr, pe, 0);
}

/* ---- commands -------------------------------------------------------------------------------- */

/* A command about a symmetric address.  SHMEMX_INVALID: it is none, or there is no such PE. */
SHMEMX_DEVICE int shmemx_device_command(const shmemx_device_t *dev, shmemx_command_t *cmd, int op,
                                        SHMEMX_GM const void *symmetric, int pe)
{
    shmemx_command_t empty = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    uint64_t addr = (uint64_t)(uintptr_t)symmetric;
    int region = shmemx_device_region_of(dev, addr);
    if (region < 0 || (uint32_t)pe >= (uint32_t)dev->context->n_pes) {
        return SHMEMX_INVALID;
    }
    *cmd = empty;
    cmd->op = (uint8_t)op;
    cmd->pe = (uint32_t)pe;
    cmd->remote = shmemx_place((unsigned)region, addr - dev->context->region[region].base);
    return SHMEMX_OK;
}

/* Is anything of the ring's not complete yet? */
SHMEMX_DEVICE int shmemx_device_has_pending(const shmemx_device_t *dev)
{
    return shmemx_load_acquire(&SHMEMX_CTL(dev->ring)->done) < shmemx_load(&dev->ring->ticket);
}

/* ---- put and get ----------------------------------------------------------------------------- */

SHMEMX_DEVICE int shmemx_device_put_ring(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                         SHMEMX_GM const void *source, size_t len, int pe, int wait)
{
    shmemx_command_t cmd;
    uint64_t unused;
    int status = shmemx_device_command(dev, &cmd, SHMEMX_RING_PUT, dest, pe);
    if (status != SHMEMX_OK || len == 0) {
        return status;
    }
    cmd.local = (uint64_t)(uintptr_t)source;
    cmd.length = len;
    shmemx_clean(source, len);
    shmemx_fence_data();
    return wait ? shmemx_ask(dev->ring, &cmd, &unused) : shmemx_post(dev->ring, &cmd, &unused);
}

/* Returns when the source may be changed. */
SHMEMX_DEVICE int shmemx_device_putmem(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                       SHMEMX_GM const void *source, size_t len, int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, dest, pe);
    if (there == 0) {
        return shmemx_device_put_ring(dev, dest, source, len, pe, 1);
    }
    shmemx_move(there, source, len);
    return SHMEMX_OK;
}

SHMEMX_DEVICE int shmemx_device_putmem_nbi(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                           SHMEMX_GM const void *source, size_t len, int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, dest, pe);
    if (there == 0) {
        return shmemx_device_put_ring(dev, dest, source, len, pe, 0);
    }
    shmemx_move(there, source, len);
    return SHMEMX_OK;
}

SHMEMX_DEVICE int shmemx_device_get_ring(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                         SHMEMX_GM const void *source, size_t len, int pe, int wait)
{
    shmemx_command_t cmd;
    uint64_t unused;
    int status = shmemx_device_command(dev, &cmd, SHMEMX_RING_GET, source, pe);
    if (status != SHMEMX_OK || len == 0) {
        return status;
    }
    cmd.local = (uint64_t)(uintptr_t)dest;
    cmd.length = len;
    shmemx_clean(dest, len);
    if (!wait) {
        return shmemx_post(dev->ring, &cmd, &unused);
    }
    status = shmemx_ask(dev->ring, &cmd, &unused);
    shmemx_invalidate(dest, len);
    return status;
}

SHMEMX_DEVICE int shmemx_device_getmem(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                       SHMEMX_GM const void *source, size_t len, int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, source, pe);
    if (there == 0) {
        return shmemx_device_get_ring(dev, dest, source, len, pe, 1);
    }
    shmemx_move(dest, there, len);
    return SHMEMX_OK;
}

SHMEMX_DEVICE int shmemx_device_getmem_nbi(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                           SHMEMX_GM const void *source, size_t len, int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, source, pe);
    if (there == 0) {
        return shmemx_device_get_ring(dev, dest, source, len, pe, 0);
    }
    shmemx_move(dest, there, len);
    return SHMEMX_OK;
}

/* p and g of up to 16 bytes, as bits; those beyond 8 are the operand's, or another command's. */
SHMEMX_APART int shmemx_device_p_ring(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                      const uint64_t *bits, size_t len, int pe)
{
    shmemx_command_t cmd;
    uint64_t unused;
    int status = shmemx_device_command(dev, &cmd, SHMEMX_RING_PUT_VALUE, dest, pe);
    if (status != SHMEMX_OK) {
        return status;
    }
    cmd.local = bits[0];
    cmd.operand = bits[1];
    cmd.length = len;
    return shmemx_post(dev->ring, &cmd, &unused);
}

SHMEMX_APART int shmemx_device_g_ring(const shmemx_device_t *dev, uint64_t *bits,
                                      SHMEMX_GM const void *source, size_t len, int pe)
{
    shmemx_command_t cmd;
    int status = shmemx_device_command(dev, &cmd, SHMEMX_RING_GET_VALUE, source, pe);
    for (; status == SHMEMX_OK && len > 8; len -= 8, cmd.remote += 8) {
        cmd.length = 8;
        status = shmemx_ask(dev->ring, &cmd, bits++);
    }
    if (status != SHMEMX_OK) {
        return status;
    }
    cmd.length = len;
    return shmemx_ask(dev->ring, &cmd, bits);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Stores made directly come before whatever the ring does next; where a PE is reached both ways,
 * what is in the ring before whatever is stored directly next. */
SHMEMX_DEVICE int shmemx_device_fence(const shmemx_device_t *dev)
{
    shmemx_command_t cmd = {0, 0, 0, 0, 0, 0, 0, 0, 0, SHMEMX_RING_FENCE, 0, 0, 0};
    uint64_t unused;
    shmemx_fence_system();
    if (!shmemx_device_has_pending(dev)) {
        return SHMEMX_OK;
    }
    return dev->context->mixed ? shmemx_ring_quiet(dev->ring)
                               : shmemx_post(dev->ring, &cmd, &unused);
}

/* Everything that this ring's blocks have started is complete at both ends. */
SHMEMX_DEVICE int shmemx_device_quiet(const shmemx_device_t *dev)
{
    shmemx_fence_system();
    return shmemx_ring_quiet(dev->ring);
}

/* ---- by all threads of a block --------------------------------------------------------------- */

/* Each thread copies every SHMEMX_BLOCK_SIZE()th piece of eight bytes; one of them the tail. */
SHMEMX_DEVICE void shmemx_move_block(SHMEMX_GM void *dst, SHMEMX_GM const void *src, size_t len)
{
    if (SHMEMX_BLOCK_SIZE() == 1) {
        shmemx_move(dst, src, len);
        return;
    }
    size_t i, whole = 0;
    if ((((uint64_t)(uintptr_t)dst | (uint64_t)(uintptr_t)src) & 7) == 0) {
        whole = len / 8;
    }
    for (i = SHMEMX_BLOCK_RANK(); i < whole; i += SHMEMX_BLOCK_SIZE()) {
        ((SHMEMX_GM uint64_t *)dst)[i] = ((SHMEMX_GM const uint64_t *)src)[i];
    }
    for (i = whole * 8 + SHMEMX_BLOCK_RANK(); i < len; i += SHMEMX_BLOCK_SIZE()) {
        ((SHMEMX_GM char *)dst)[i] = ((SHMEMX_GM const char *)src)[i];
    }
}

/* Each thread gets its own status; only the first's tells of the ring. */
SHMEMX_DEVICE int shmemx_device_putmem_block(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                             SHMEMX_GM const void *source, size_t len, int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, dest, pe);
    int status = SHMEMX_OK;
    SHMEMX_BLOCK_SYNC();
    if (there != 0) {
        shmemx_move_block(there, source, len);
    } else if (SHMEMX_BLOCK_RANK() == 0) {
        status = shmemx_device_put_ring(dev, dest, source, len, pe, 1);
    }
    SHMEMX_BLOCK_SYNC();
    return status;
}

SHMEMX_DEVICE int shmemx_device_putmem_nbi_block(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                                 SHMEMX_GM const void *source, size_t len, int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, dest, pe);
    int status = SHMEMX_OK;
    SHMEMX_BLOCK_SYNC();
    if (there != 0) {
        shmemx_move_block(there, source, len);
    } else if (SHMEMX_BLOCK_RANK() == 0) {
        status = shmemx_device_put_ring(dev, dest, source, len, pe, 0);
    }
    return status;
}

SHMEMX_DEVICE int shmemx_device_getmem_block(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                             SHMEMX_GM const void *source, size_t len, int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, source, pe);
    int status = SHMEMX_OK;
    SHMEMX_BLOCK_SYNC();
    if (there != 0) {
        shmemx_move_block(dest, there, len);
    } else if (SHMEMX_BLOCK_RANK() == 0) {
        status = shmemx_device_get_ring(dev, dest, source, len, pe, 1);
    }
    SHMEMX_BLOCK_SYNC();
    return status;
}

SHMEMX_DEVICE int shmemx_device_fence_block(const shmemx_device_t *dev)
{
    int status = SHMEMX_OK;
    shmemx_fence_system();
    SHMEMX_BLOCK_SYNC();
    if (SHMEMX_BLOCK_RANK() == 0) {
        status = shmemx_device_fence(dev);
    }
    SHMEMX_BLOCK_SYNC();
    return status;
}

SHMEMX_DEVICE int shmemx_device_quiet_block(const shmemx_device_t *dev)
{
    int status = SHMEMX_OK;
    shmemx_fence_system();
    SHMEMX_BLOCK_SYNC();
    if (SHMEMX_BLOCK_RANK() == 0) {
        status = shmemx_device_quiet(dev);
    }
    SHMEMX_BLOCK_SYNC();
    return status;
}

/* ---- the typed names ------------------------------------------------------------------------- */

/* clang-format off */
#define SHMEMX_D_COPY(op, T, type)                                                                 \
    SHMEMX_DEVICE int shmemx_device##T##op(const shmemx_device_t *dev, SHMEMX_GM type *dest,       \
                                           SHMEMX_GM const type *source, size_t nelems, int pe)    \
    {                                                                                              \
        return SHMEMX_D_MEM##op(dev, dest, source, nelems * sizeof(type), pe);                     \
    }
#define SHMEMX_D_MEM_put        shmemx_device_putmem
#define SHMEMX_D_MEM_get        shmemx_device_getmem
#define SHMEMX_D_MEM_put_nbi    shmemx_device_putmem_nbi
#define SHMEMX_D_MEM_get_nbi    shmemx_device_getmem_nbi
#define SHMEMX_D_MEM_put_block  shmemx_device_putmem_block
#define SHMEMX_D_MEM_get_block  shmemx_device_getmem_block
SHMEMI_FOR_RMA(SHMEMX_D_COPY, _put)
SHMEMI_FOR_RMA(SHMEMX_D_COPY, _get)
SHMEMI_FOR_RMA(SHMEMX_D_COPY, _put_nbi)
SHMEMI_FOR_RMA(SHMEMX_D_COPY, _get_nbi)
SHMEMI_FOR_RMA(SHMEMX_D_COPY, _put_block)
SHMEMI_FOR_RMA(SHMEMX_D_COPY, _get_block)

#define SHMEMX_D_P(op, T, type)                                                                    \
    SHMEMX_DEVICE int shmemx_device##T##op(const shmemx_device_t *dev, SHMEMX_GM type *dest,       \
                                           type value, int pe)                                     \
    {                                                                                              \
        uint64_t bits[2] = {0, 0};                                                                 \
        SHMEMX_GM type *there = (SHMEMX_GM type *)shmemx_device_ptr(dev, dest, pe);                \
        if (there != 0) {                                                                          \
            *(volatile SHMEMX_GM type *)there = value;                                             \
            shmemx_clean(there, sizeof(type));                                                     \
            return SHMEMX_OK;                                                                      \
        }                                                                                          \
        shmemx_bits(bits, &value, sizeof(type));                                                   \
        return shmemx_device_p_ring(dev, dest, bits, sizeof(type), pe);                            \
    }
SHMEMI_FOR_RMA(SHMEMX_D_P, _p)

#define SHMEMX_D_G(op, T, type)                                                                    \
    SHMEMX_DEVICE int shmemx_device##T##op(const shmemx_device_t *dev, type *value,                \
                                           SHMEMX_GM const type *source, int pe)                   \
    {                                                                                              \
        uint64_t bits[2] = {0, 0};                                                                 \
        SHMEMX_GM type *there = (SHMEMX_GM type *)shmemx_device_ptr(dev, source, pe);              \
        if (there != 0) {                                                                          \
            shmemx_invalidate(there, sizeof(type));                                                \
            *value = *(volatile SHMEMX_GM type *)there;                                            \
            return SHMEMX_OK;                                                                      \
        }                                                                                          \
        int status = shmemx_device_g_ring(dev, bits, source, sizeof(type), pe);                   \
        shmemx_bits(value, bits, sizeof(type));                                                    \
        return status;                                                                             \
    }
SHMEMI_FOR_RMA(SHMEMX_D_G, _g)
/* clang-format on */

#endif
