/* SPDX-License-Identifier: BSD-3-Clause */
/* shmemx_device_amo.h -- a part of shmemx_device.h: atomics and signals. */
#ifndef SHMEMX_DEVICE_H
#include "shmemx_device.h"
#endif

#ifndef SHMEMX_DEVICE_AMO_H
#define SHMEMX_DEVICE_AMO_H

#if defined __GNUC__ && !defined __CUDACC__
#pragma GCC system_header
#endif

/* ---- atomics --------------------------------------------------------------------------------- */

SHMEMX_DEVICE uint64_t shmemx_device_amo_here(uint64_t there, int op, unsigned size, uint64_t value,
                                              uint64_t expected)
{
    if (size == 4) {
        return shmemx_amo4((SHMEMX_GM uint32_t *)(uintptr_t)there, op, (uint32_t)value,
                           (uint32_t)expected);
    }
    return shmemx_amo8((SHMEMX_GM uint64_t *)(uintptr_t)there, op, value, expected);
}

/* Of a word of 4 or 8 bytes.  old: NULL, or where its value before goes; then the call returns when
 * it is there. */
SHMEMX_DEVICE int shmemx_device_amo(const shmemx_device_t *dev, int op, SHMEMX_GM void *dest,
                                    unsigned size, uint64_t value, uint64_t expected, uint64_t *old,
                                    int pe)
{
    uint64_t there = shmemx_device_reach(dev, (uint64_t)(uintptr_t)dest, pe, 1), unused;
    shmemx_command_t cmd;
    int status;
    if (there != 0) {
        unused = shmemx_device_amo_here(there, op, size, value, expected);
        if (old != 0) {
            *old = unused;
        }
        return SHMEMX_OK;
    }
    status = shmemx_device_command(dev, &cmd, SHMEMX_RING_AMO, dest, pe);
    if (status != SHMEMX_OK) {
        return status;
    }
    cmd.type = (uint8_t)size;
    cmd.subop = (uint8_t)op;
    cmd.operand = value;
    cmd.compare = expected;
    /* What was stored directly before must not be overtaken by what may be taken for a flag. */
    shmemx_fence_system();
    return old != 0 ? shmemx_ask(dev->ring, &cmd, old) : shmemx_post(dev->ring, &cmd, &unused);
}

/* The old value goes to *fetch, symmetric or device memory, and is there after quiet. */
SHMEMX_DEVICE int shmemx_device_amo_nbi(const shmemx_device_t *dev, int op, SHMEMX_GM void *fetch,
                                        SHMEMX_GM void *dest, unsigned size, uint64_t value,
                                        uint64_t expected, int pe)
{
    uint64_t there = shmemx_device_reach(dev, (uint64_t)(uintptr_t)dest, pe, 1), unused;
    shmemx_command_t cmd;
    int status;
    if (there != 0) {
        unused = shmemx_device_amo_here(there, op, size, value, expected);
        if (size == 4) {
            *(SHMEMX_GM uint32_t *)fetch = (uint32_t)unused;
        } else {
            *(SHMEMX_GM uint64_t *)fetch = unused;
        }
        return SHMEMX_OK;
    }
    status = shmemx_device_command(dev, &cmd, SHMEMX_RING_AMO, dest, pe);
    if (status != SHMEMX_OK) {
        return status;
    }
    cmd.type = (uint8_t)size;
    cmd.subop = (uint8_t)op;
    cmd.flags = SHMEMX_RING_FETCH;
    cmd.local = (uint64_t)(uintptr_t)fetch;
    cmd.operand = value;
    cmd.compare = expected;
    shmemx_fence_system();
    return shmemx_post(dev->ring, &cmd, &unused);
}

/* clang-format off */
#define SHMEMX_D_ARGS(type) const shmemx_device_t *dev, SHMEMX_GM type *dest

/* An operation without a result; one that fetches, and one that fetches later. */
#define SHMEMX_D_SET(T, name, code, type)                                                          \
    SHMEMX_DEVICE int shmemx_device##T##_atomic##name(SHMEMX_D_ARGS(type), type value, int pe)     \
    {                                                                                              \
        uint64_t bits = 0;                                                                         \
        shmemx_bits(&bits, &value, sizeof(type));                                                  \
        return shmemx_device_amo(dev, code, dest, sizeof(type), bits, 0, 0, pe);                   \
    }
#define SHMEMX_D_SWAP(T, name, code, type)                                                         \
    SHMEMX_DEVICE int shmemx_device##T##_atomic##name(SHMEMX_D_ARGS(type), type value, type *old,  \
                                                      int pe)                                      \
    {                                                                                              \
        uint64_t bits = 0, before = 0;                                                             \
        shmemx_bits(&bits, &value, sizeof(type));                                                  \
        int status = shmemx_device_amo(dev, code, dest, sizeof(type), bits, 0, &before, pe);       \
        shmemx_bits(old, &before, sizeof(type));                                                   \
        return status;                                                                             \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_atomic##name##_nbi(                                       \
        const shmemx_device_t *dev, SHMEMX_GM type *fetch, SHMEMX_GM type *dest, type value,       \
        int pe)                                                                                    \
    {                                                                                              \
        uint64_t bits = 0;                                                                         \
        shmemx_bits(&bits, &value, sizeof(type));                                                  \
        return shmemx_device_amo_nbi(dev, code, fetch, dest, sizeof(type), bits, 0, pe);           \
    }
#define SHMEMX_D_EXTENDED(op, T, type)                                                             \
    SHMEMX_D_SET(T, _set, SHMEMX_SET, type)                                                        \
    SHMEMX_D_SWAP(T, _swap, SHMEMX_SWAP, type)                                                     \
    SHMEMX_DEVICE int shmemx_device##T##_atomic_fetch(                                             \
        const shmemx_device_t *dev, SHMEMX_GM const type *source, type *old, int pe)               \
    {                                                                                              \
        uint64_t before = 0;                                                                       \
        int status = shmemx_device_amo(dev, SHMEMX_FETCH, (SHMEMX_GM void *)(uintptr_t)source,     \
                                       sizeof(type), 0, 0, &before, pe);                           \
        shmemx_bits(old, &before, sizeof(type));                                                   \
        return status;                                                                             \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_atomic_fetch_nbi(                                         \
        const shmemx_device_t *dev, SHMEMX_GM type *fetch, SHMEMX_GM const type *source, int pe)   \
    {                                                                                              \
        return shmemx_device_amo_nbi(dev, SHMEMX_FETCH, fetch,                                     \
                                     (SHMEMX_GM void *)(uintptr_t)source, sizeof(type), 0, 0, pe); \
    }
SHMEMI_FOR_AMO_EXT(SHMEMX_D_EXTENDED, )

#define SHMEMX_D_STANDARD(op, T, type)                                                             \
    SHMEMX_D_SET(T, _add, SHMEMX_ADD, type)                                                        \
    SHMEMX_D_SWAP(T, _fetch_add, SHMEMX_ADD, type)                                                 \
    SHMEMX_DEVICE int shmemx_device##T##_atomic_inc(SHMEMX_D_ARGS(type), int pe)                   \
    {                                                                                              \
        return shmemx_device##T##_atomic_add(dev, dest, 1, pe);                                    \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_atomic_fetch_inc(SHMEMX_D_ARGS(type), type *old, int pe)  \
    {                                                                                              \
        return shmemx_device##T##_atomic_fetch_add(dev, dest, 1, old, pe);                         \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_atomic_fetch_inc_nbi(                                     \
        const shmemx_device_t *dev, SHMEMX_GM type *fetch, SHMEMX_GM type *dest, int pe)           \
    {                                                                                              \
        return shmemx_device##T##_atomic_fetch_add_nbi(dev, fetch, dest, 1, pe);                   \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_atomic_compare_swap(SHMEMX_D_ARGS(type), type cond,       \
                                                             type value, type *old, int pe)        \
    {                                                                                              \
        uint64_t bits = 0, expected = 0, before = 0;                                               \
        shmemx_bits(&bits, &value, sizeof(type));                                                  \
        shmemx_bits(&expected, &cond, sizeof(type));                                               \
        int status = shmemx_device_amo(dev, SHMEMX_CSWAP, dest, sizeof(type), bits, expected,      \
                                       &before, pe);                                               \
        shmemx_bits(old, &before, sizeof(type));                                                   \
        return status;                                                                             \
    }                                                                                              \
    SHMEMX_DEVICE int shmemx_device##T##_atomic_compare_swap_nbi(                                  \
        const shmemx_device_t *dev, SHMEMX_GM type *fetch, SHMEMX_GM type *dest, type cond,        \
        type value, int pe)                                                                        \
    {                                                                                              \
        uint64_t bits = 0, expected = 0;                                                           \
        shmemx_bits(&bits, &value, sizeof(type));                                                  \
        shmemx_bits(&expected, &cond, sizeof(type));                                               \
        return shmemx_device_amo_nbi(dev, SHMEMX_CSWAP, fetch, dest, sizeof(type), bits, expected, \
                                     pe);                                                          \
    }
SHMEMI_FOR_AMO(SHMEMX_D_STANDARD, )

#define SHMEMX_D_BITWISE(op, T, type)                                                              \
    SHMEMX_D_SET(T, _and, SHMEMX_AND, type)                                                        \
    SHMEMX_D_SET(T, _or, SHMEMX_OR, type)                                                          \
    SHMEMX_D_SET(T, _xor, SHMEMX_XOR, type)                                                        \
    SHMEMX_D_SWAP(T, _fetch_and, SHMEMX_AND, type)                                                 \
    SHMEMX_D_SWAP(T, _fetch_or, SHMEMX_OR, type)                                                   \
    SHMEMX_D_SWAP(T, _fetch_xor, SHMEMX_XOR, type)
SHMEMI_FOR_AMO_BIT(SHMEMX_D_BITWISE, )
/* clang-format on */

/* ---- signals --------------------------------------------------------------------------------- */

SHMEMX_DEVICE int shmemx_device_signal_set(const shmemx_device_t *dev, SHMEMX_GM uint64_t *sig_addr,
                                           uint64_t signal, int pe)
{
    return shmemx_device_amo(dev, SHMEMX_SET, sig_addr, 8, signal, 0, 0, pe);
}

SHMEMX_DEVICE int shmemx_device_signal_add(const shmemx_device_t *dev, SHMEMX_GM uint64_t *sig_addr,
                                           uint64_t signal, int pe)
{
    return shmemx_device_amo(dev, SHMEMX_ADD, sig_addr, 8, signal, 0, 0, pe);
}

/* Of this PE's own. */
SHMEMX_DEVICE uint64_t shmemx_device_signal_fetch(SHMEMX_GM const uint64_t *sig_addr)
{
    return shmemx_load_acquire(sig_addr);
}

SHMEMX_DEVICE int shmemx_device_put_signal_ring(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                                SHMEMX_GM const void *source, size_t len,
                                                SHMEMX_GM uint64_t *sig_addr, uint64_t signal,
                                                int sig_op, int pe, int wait)
{
    shmemx_command_t cmd, sig;
    uint64_t unused;
    int status = shmemx_device_command(dev, &sig, SHMEMX_RING_PUT_SIGNAL, sig_addr, pe);
    if (status != SHMEMX_OK) {
        return status;
    }
    if (len == 0) { /* dest need not be a symmetric address */
        cmd = sig;
    } else {
        status = shmemx_device_command(dev, &cmd, SHMEMX_RING_PUT_SIGNAL, dest, pe);
        if (status != SHMEMX_OK) {
            return status;
        }
    }
    cmd.local = (uint64_t)(uintptr_t)source;
    cmd.length = len;
    cmd.operand = signal;
    cmd.compare = sig.remote;
    cmd.subop = (uint8_t)sig_op;
    shmemx_clean(source, len);
    shmemx_fence_system(); /* the signal is not to overtake what was stored directly */
    return wait ? shmemx_ask(dev->ring, &cmd, &unused) : shmemx_post(dev->ring, &cmd, &unused);
}

SHMEMX_DEVICE int shmemx_device_put_signal_any(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                               SHMEMX_GM const void *source, size_t len,
                                               SHMEMX_GM uint64_t *sig_addr, uint64_t signal,
                                               int sig_op, int pe, int wait)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, dest, pe);
    uint64_t word = shmemx_device_reach(dev, (uint64_t)(uintptr_t)sig_addr, pe, 1);
    if (sig_op != SHMEM_SIGNAL_SET && sig_op != SHMEM_SIGNAL_ADD) {
        return SHMEMX_INVALID;
    }
    if (word == 0 || (there == 0 && len != 0)) {
        return shmemx_device_put_signal_ring(dev, dest, source, len, sig_addr, signal, sig_op, pe,
                                             wait);
    }
    if (len != 0) {
        shmemx_move(there, source, len);
    }
    shmemx_amo8((SHMEMX_GM uint64_t *)(uintptr_t)word,
                sig_op == SHMEM_SIGNAL_SET ? SHMEMX_SET : SHMEMX_ADD, signal, 0);
    return SHMEMX_OK;
}

SHMEMX_DEVICE int shmemx_device_putmem_signal(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                              SHMEMX_GM const void *source, size_t len,
                                              SHMEMX_GM uint64_t *sig_addr, uint64_t signal,
                                              int sig_op, int pe)
{
    return shmemx_device_put_signal_any(dev, dest, source, len, sig_addr, signal, sig_op, pe, 1);
}

SHMEMX_DEVICE int shmemx_device_putmem_signal_nbi(const shmemx_device_t *dev, SHMEMX_GM void *dest,
                                                  SHMEMX_GM const void *source, size_t len,
                                                  SHMEMX_GM uint64_t *sig_addr, uint64_t signal,
                                                  int sig_op, int pe)
{
    return shmemx_device_put_signal_any(dev, dest, source, len, sig_addr, signal, sig_op, pe, 0);
}

SHMEMX_DEVICE int shmemx_device_putmem_signal_block(const shmemx_device_t *dev,
                                                    SHMEMX_GM void *dest,
                                                    SHMEMX_GM const void *source, size_t len,
                                                    SHMEMX_GM uint64_t *sig_addr, uint64_t signal,
                                                    int sig_op, int pe)
{
    SHMEMX_GM void *there = shmemx_device_ptr(dev, dest, pe);
    uint64_t word = shmemx_device_reach(dev, (uint64_t)(uintptr_t)sig_addr, pe, 1);
    int status = SHMEMX_OK, direct = word != 0 && there != 0;
    SHMEMX_BLOCK_SYNC();
    if (direct) {
        shmemx_move_block(there, source, len);
        shmemx_fence_system();
    }
    SHMEMX_BLOCK_SYNC();
    if (SHMEMX_BLOCK_RANK() == 0) {
        status = shmemx_device_put_signal_any(dev, dest, source, direct ? 0 : len, sig_addr, signal,
                                              sig_op, pe, 1);
    }
    SHMEMX_BLOCK_SYNC();
    return status;
}

/* clang-format off */
#define SHMEMX_D_PUT_SIGNAL(op, T, type)                                                           \
    SHMEMX_DEVICE int shmemx_device##T##op(const shmemx_device_t *dev, SHMEMX_GM type *dest,       \
                                           SHMEMX_GM const type *source, size_t nelems,            \
                                           SHMEMX_GM uint64_t *sig_addr, uint64_t signal,          \
                                           int sig_op, int pe)                                     \
    {                                                                                              \
        return SHMEMX_D_MEM##op(dev, dest, source, nelems * sizeof(type), sig_addr, signal,        \
                                sig_op, pe);                                                       \
    }
#define SHMEMX_D_MEM_put_signal     shmemx_device_putmem_signal
#define SHMEMX_D_MEM_put_signal_nbi shmemx_device_putmem_signal_nbi
SHMEMI_FOR_RMA(SHMEMX_D_PUT_SIGNAL, _put_signal)
SHMEMI_FOR_RMA(SHMEMX_D_PUT_SIGNAL, _put_signal_nbi)
/* clang-format on */

#endif
