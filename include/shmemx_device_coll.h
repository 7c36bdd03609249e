/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shmemx_device_coll.h -- a part of shmemx_device.h: collectives that kernels start.
 *
 * One block of each member calls them.  Where all members reach each other's memory, they meet by
 * storing into each other's words and fetch what they need; else the host's engine does it for
 * them, on a team of its own.  All members choose the same way.
 */
#ifndef SHMEMX_DEVICE_H
#include "shmemx_device.h"
#endif

#ifndef SHMEMX_DEVICE_COLL_H
#define SHMEMX_DEVICE_COLL_H

#if defined __GNUC__ && !defined __CUDACC__
#pragma GCC system_header
#endif

/* ---- meeting --------------------------------------------------------------------------------- */

/* In round r, tell the member 2^r places ahead that the 2^r members up to this one have come. */
SHMEMX_DEVICE int shmemx_device_meet(const shmemx_device_t *dev, SHMEMX_GM shmemx_device_team_t *t)
{
    SHMEMX_GM const uint64_t *slots = (SHMEMX_GM const uint64_t *)(uintptr_t)t->slots;
    uint64_t step = shmemx_load(&t->step) + 1; /* another block may have met here before */
    int round, distance, status = SHMEMX_OK;
    shmemx_store(&t->step, step);
    shmemx_clean(&t->step, sizeof(t->step));
    for (round = 0, distance = 1; distance < t->n_pes; round++, distance *= 2) {
        int to = (t->my_pe + distance) % t->n_pes;
        SHMEMX_GM shmemx_device_slot_t *mine =
            (SHMEMX_GM shmemx_device_slot_t *)(uintptr_t)slots[t->my_pe] + round;
        SHMEMX_GM shmemx_device_slot_t *theirs =
            (SHMEMX_GM shmemx_device_slot_t *)(uintptr_t)slots[to] + round;
        shmemx_patience_t wait = {0, 0, 0};
        uint64_t found;
        shmemx_store_release(&theirs->step, step);
        while (status == SHMEMX_OK && (found = shmemx_load_acquire(&mine->step)) < step) {
            status = shmemx_wait_more(dev->ring, &wait, SHMEMX_SITE_SYNC,
                                      (uint64_t)(uintptr_t)&mine->step, step, found);
        }
    }
    return status;
}

SHMEMX_DEVICE int shmemx_device_team_ask(const shmemx_device_t *dev, int op, int team)
{
    shmemx_command_t cmd = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    uint64_t unused;
    cmd.op = (uint8_t)op;
    cmd.team = (uint32_t)team;
    return shmemx_ask(dev->ring, &cmd, &unused);
}

/* All members have come; what they stored is visible. */
SHMEMX_DEVICE int shmemx_device_team_sync(const shmemx_device_t *dev, int team)
{
    SHMEMX_GM shmemx_device_team_t *t = shmemx_device_team(dev, team);
    if (t == 0) {
        return SHMEMX_INVALID;
    }
    shmemx_fence_system();
    return t->slots != 0 ? shmemx_device_meet(dev, t)
                         : shmemx_device_team_ask(dev, SHMEMX_RING_SYNC, team);
}

/* And everything that this block has started is complete. */
SHMEMX_DEVICE int shmemx_device_team_barrier(const shmemx_device_t *dev, int team)
{
    int status = shmemx_device_quiet(dev);
    return status != SHMEMX_OK ? status : shmemx_device_team_sync(dev, team);
}

SHMEMX_DEVICE int shmemx_device_sync_all(const shmemx_device_t *dev)
{
    return shmemx_device_team_sync(dev, SHMEMX_DEVICE_WORLD);
}

SHMEMX_DEVICE int shmemx_device_barrier_all(const shmemx_device_t *dev)
{
    return shmemx_device_team_barrier(dev, SHMEMX_DEVICE_WORLD);
}

SHMEMX_DEVICE int shmemx_device_team_barrier_block(const shmemx_device_t *dev, int team)
{
    int status = shmemx_device_quiet_block(dev);
    if (status == SHMEMX_OK && SHMEMX_BLOCK_RANK() == 0) {
        status = shmemx_device_team_sync(dev, team);
    }
    SHMEMX_BLOCK_SYNC();
    return status;
}

/* ---- data ------------------------------------------------------------------------------------ */

/* Do all members reach all members' dest and source? */
SHMEMX_DEVICE int shmemx_device_is_direct(const shmemx_device_t *dev,
                                          SHMEMX_GM const shmemx_device_team_t *t,
                                          SHMEMX_GM const void *dest, SHMEMX_GM const void *source)
{
    int to = shmemx_device_region_of(dev, (uint64_t)(uintptr_t)dest);
    int from = shmemx_device_region_of(dev, (uint64_t)(uintptr_t)source);
    return t->slots != 0 && to >= 0 && from >= 0 && (t->direct >> to & t->direct >> from & 1) != 0;
}

SHMEMX_DEVICE int shmemx_device_coll_ring(const shmemx_device_t *dev, int op, int team,
                                          SHMEMX_GM void *dest, SHMEMX_GM const void *source,
                                          size_t count, int root, int type, int subop)
{
    shmemx_command_t cmd;
    uint64_t unused;
    int status = shmemx_device_command(dev, &cmd, op, dest, root);
    if (status != SHMEMX_OK) {
        return status;
    }
    cmd.local = (uint64_t)(uintptr_t)source;
    cmd.length = count;
    cmd.team = (uint32_t)team;
    cmd.type = (uint8_t)type;
    cmd.subop = (uint8_t)subop;
    shmemx_fence_system();
    return shmemx_ask(dev->ring, &cmd, &unused);
}

SHMEMX_DEVICE int shmemx_device_member_get(const shmemx_device_t *dev,
                                           SHMEMX_GM const shmemx_device_team_t *t,
                                           SHMEMX_GM void *dest, SHMEMX_GM const void *source,
                                           size_t len, int member)
{
    int pe = ((SHMEMX_GM const int32_t *)(uintptr_t)t->pes)[member];
    return shmemx_device_getmem(dev, dest, source, len, pe);
}

/* The root's source comes to every member's dest, the root's too. */
SHMEMX_DEVICE int shmemx_device_broadcastmem(const shmemx_device_t *dev, int team,
                                             SHMEMX_GM void *dest, SHMEMX_GM const void *source,
                                             size_t len, int root)
{
    SHMEMX_GM shmemx_device_team_t *t = shmemx_device_team(dev, team);
    int status;
    if (t == 0 || (uint32_t)root >= (uint32_t)t->n_pes) {
        return SHMEMX_INVALID;
    }
    if (!shmemx_device_is_direct(dev, t, dest, source)) {
        return shmemx_device_coll_ring(dev, SHMEMX_RING_BROADCAST, team, dest, source, len, root, 0,
                                       0);
    }
    status = shmemx_device_team_sync(dev, team);
    if (status == SHMEMX_OK) {
        status = shmemx_device_member_get(dev, t, dest, source, len, root);
    }
    return status != SHMEMX_OK ? status : shmemx_device_team_sync(dev, team);
}

/* len bytes of each member, in their order. */
SHMEMX_DEVICE int shmemx_device_fcollectmem(const shmemx_device_t *dev, int team,
                                            SHMEMX_GM void *dest, SHMEMX_GM const void *source,
                                            size_t len)
{
    SHMEMX_GM shmemx_device_team_t *t = shmemx_device_team(dev, team);
    int status, i;
    if (t == 0) {
        return SHMEMX_INVALID;
    }
    if (!shmemx_device_is_direct(dev, t, dest, source)) {
        return shmemx_device_coll_ring(dev, SHMEMX_RING_FCOLLECT, team, dest, source, len, 0, 0, 0);
    }
    status = shmemx_device_team_sync(dev, team);
    for (i = 0; i < t->n_pes && status == SHMEMX_OK; i++) {
        int from = (t->my_pe + i) % t->n_pes;
        status = shmemx_device_member_get(dev, t, (SHMEMX_GM char *)dest + len * (size_t)from,
                                          source, len, from);
    }
    return status != SHMEMX_OK ? status : shmemx_device_team_sync(dev, team);
}

/* Block i of my source, len bytes, becomes block my_pe of member i's dest. */
SHMEMX_DEVICE int shmemx_device_alltoallmem(const shmemx_device_t *dev, int team,
                                            SHMEMX_GM void *dest, SHMEMX_GM const void *source,
                                            size_t len)
{
    SHMEMX_GM shmemx_device_team_t *t = shmemx_device_team(dev, team);
    int status, i;
    if (t == 0) {
        return SHMEMX_INVALID;
    }
    if (!shmemx_device_is_direct(dev, t, dest, source)) {
        return shmemx_device_coll_ring(dev, SHMEMX_RING_ALLTOALL, team, dest, source, len, 0, 0, 0);
    }
    status = shmemx_device_team_sync(dev, team);
    for (i = 0; i < t->n_pes && status == SHMEMX_OK; i++) {
        int from = (t->my_pe + i) % t->n_pes;
        status = shmemx_device_member_get(dev, t, (SHMEMX_GM char *)dest + len * (size_t)from,
                                          (SHMEMX_GM const char *)source + len * (size_t)t->my_pe,
                                          len, from);
    }
    return status != SHMEMX_OK ? status : shmemx_device_team_sync(dev, team);
}

/* Where member m's slice of n elements begins: after the first at a line of dest, as a line has one
 * writer where caches write back whole ones. */
SHMEMX_DEVICE size_t shmemx_device_slice(SHMEMX_GM const void *dest, size_t size, size_t n, int m,
                                         int n_members)
{
    size_t begin = n * (size_t)m / (size_t)n_members;
    size_t past = ((size_t)(uintptr_t)dest + begin * size) % SHMEMX_LINE;
    if (m != 0 && past != 0) {
        begin += (SHMEMX_LINE - past + size - 1) / size;
    }
    return begin < n ? begin : n;
}

/* What other members store there is not read from this core's cache, and what this one has stored
 * is in all members' memory. */
SHMEMX_DEVICE void shmemx_device_clean_members(const shmemx_device_t *dev,
                                               SHMEMX_GM const shmemx_device_team_t *t,
                                               SHMEMX_GM const void *addr, size_t len)
{
    SHMEMX_GM const int32_t *pes = (SHMEMX_GM const int32_t *)(uintptr_t)t->pes;
    int m;
    for (m = 0; m < t->n_pes && len != 0; m++) {
        shmemx_clean(shmemx_device_ptr(dev, addr, pes[m]), len);
    }
}

/* Types as numbers, from the same table; the operations of a reduction. */
#define SHMEMX_D_TYPE(op, T, type) SHMEMX_TYPE##T,
enum { SHMEMI_FOR_COMPARE(SHMEMX_D_TYPE, ) SHMEMX_N_TYPES };
enum { SHMEMX_SUM, SHMEMX_MIN, SHMEMX_MAX, SHMEMX_N_REDUCTIONS };

/*
 * Member i combines slice i of everybody's source, in the members' order, and stores the result in
 * everybody's dest, a piece after the other.  In place is fine: nobody else reads or writes slice
 * i.  Integers wrap: their sums are made as unsigned ones.
 */
enum { SHMEMX_PIECE = 64 };
/* clang-format off */
#define SHMEMX_D_REDUCE(op, T, type, code, result)                                                 \
    SHMEMX_DEVICE int shmemx_device##T##op##_reduce(const shmemx_device_t *dev, int team,          \
                                                    SHMEMX_GM type *dest,                          \
                                                    SHMEMX_GM const type *source, size_t nreduce)  \
    {                                                                                              \
        SHMEMX_GM shmemx_device_team_t *t = shmemx_device_team(dev, team);                         \
        type sum[SHMEMX_PIECE];                                                                    \
        size_t i, k, begin, end;                                                                   \
        int m, status;                                                                             \
        if (t == 0) {                                                                              \
            return SHMEMX_INVALID;                                                                 \
        }                                                                                          \
        if (!shmemx_device_is_direct(dev, t, dest, source)) {                                      \
            return shmemx_device_coll_ring(dev, SHMEMX_RING_REDUCE, team, dest, source, nreduce,   \
                                           0, SHMEMX_TYPE##T, code);                               \
        }                                                                                          \
        SHMEMX_GM const int32_t *pes = (SHMEMX_GM const int32_t *)(uintptr_t)t->pes;               \
        status = shmemx_device_team_sync(dev, team);                                               \
        if (status != SHMEMX_OK) {                                                                 \
            return status;                                                                         \
        }                                                                                          \
        begin = shmemx_device_slice(dest, sizeof(type), nreduce, t->my_pe, t->n_pes);              \
        end = shmemx_device_slice(dest, sizeof(type), nreduce, t->my_pe + 1, t->n_pes);            \
        shmemx_device_clean_members(dev, t, &source[begin], (end - begin) * sizeof(type));         \
        for (i = begin; i < end; i += SHMEMX_PIECE) {                                              \
            size_t n = end - i;                                                                    \
            n = n < SHMEMX_PIECE ? n : (size_t)SHMEMX_PIECE;                                       \
            SHMEMX_GM const type *from =                                                           \
                (SHMEMX_GM const type *)shmemx_device_ptr(dev, &source[i], pes[0]);                \
            for (k = 0; k < n; k++) {                                                              \
                sum[k] = from[k];                                                                  \
            }                                                                                      \
            for (m = 1; m < t->n_pes; m++) {                                                       \
                from = (SHMEMX_GM const type *)shmemx_device_ptr(dev, &source[i], pes[m]);         \
                for (k = 0; k < n; k++) {                                                          \
                    type a = sum[k], b = from[k];                                                  \
                    sum[k] = (type)(result);                                                       \
                }                                                                                  \
            }                                                                                      \
            for (m = 0; m < t->n_pes; m++) {                                                       \
                SHMEMX_GM type *to = (SHMEMX_GM type *)shmemx_device_ptr(dev, &dest[i], pes[m]);   \
                for (k = 0; k < n; k++) {                                                          \
                    to[k] = sum[k];                                                                \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        shmemx_device_clean_members(dev, t, &dest[begin], (end - begin) * sizeof(type));           \
        return shmemx_device_team_sync(dev, team);                                                 \
    }
#define SHMEMX_D_WIDE(type, a, b)                                                                  \
    ((type)0.5 == 0 ? (type)((uint64_t)(a) + (uint64_t)(b)) : (type)((a) + (b)))
#define SHMEMX_D_SUM(op, T, type)                                                                  \
    SHMEMX_D_REDUCE(op, T, type, SHMEMX_SUM, SHMEMX_D_WIDE(type, a, b))
#define SHMEMX_D_MIN(op, T, type) SHMEMX_D_REDUCE(op, T, type, SHMEMX_MIN, b < a ? b : a)
#define SHMEMX_D_MAX(op, T, type) SHMEMX_D_REDUCE(op, T, type, SHMEMX_MAX, b > a ? b : a)
SHMEMI_FOR_COMPARE(SHMEMX_D_SUM, _sum)
SHMEMI_FOR_COMPARE(SHMEMX_D_MIN, _min)
SHMEMI_FOR_COMPARE(SHMEMX_D_MAX, _max)

#define SHMEMX_D_COLLECT(op, T, type)                                                              \
    SHMEMX_DEVICE int shmemx_device##T##op(const shmemx_device_t *dev, int team,                   \
                                           SHMEMX_GM type *dest, SHMEMX_GM const type *source,     \
                                           size_t nelems)                                          \
    {                                                                                              \
        return shmemx_device##op##mem(dev, team, dest, source, nelems * sizeof(type));             \
    }
#define SHMEMX_D_BROADCAST(op, T, type)                                                            \
    SHMEMX_DEVICE int shmemx_device##T##op(const shmemx_device_t *dev, int team,                   \
                                           SHMEMX_GM type *dest, SHMEMX_GM const type *source,     \
                                           size_t nelems, int root)                                \
    {                                                                                              \
        return shmemx_device_broadcastmem(dev, team, dest, source, nelems * sizeof(type), root);   \
    }
SHMEMI_FOR_RMA(SHMEMX_D_BROADCAST, _broadcast)
SHMEMI_FOR_RMA(SHMEMX_D_COLLECT, _fcollect)
SHMEMI_FOR_RMA(SHMEMX_D_COLLECT, _alltoall)
/* clang-format on */

#endif
