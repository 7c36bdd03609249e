/* SPDX-License-Identifier: BSD-3-Clause */
/* amo.h -- the atomic operations of OpenSHMEM, and how a CPU does them. */
#ifndef SHMI_BASE_AMO_H
#define SHMI_BASE_AMO_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum shmi_amo_op {
    SHMI_AMO_FETCH,
    SHMI_AMO_SET,
    SHMI_AMO_SWAP,
    SHMI_AMO_CSWAP,
    SHMI_AMO_ADD,
    SHMI_AMO_AND,
    SHMI_AMO_OR,
    SHMI_AMO_XOR,
};

/* One operation.  Values of 4-byte operations are in the low half. */
struct shmi_amo {
    enum shmi_amo_op op;
    unsigned size; /* 4 or 8 bytes */
    uint64_t value;
    uint64_t expected; /* for SHMI_AMO_CSWAP */
    void *fetch;       /* where the old value goes (size bytes), or NULL */
};

/* A value of 4 or 8 bytes, whatever its type, as the bits that travel; and back. */
static inline uint64_t shmi_bits_of(const void *value, unsigned size)
{
    uint32_t four;
    uint64_t eight;
    if (size == 4) {
        memcpy(&four, value, sizeof(four));
        return four;
    }
    memcpy(&eight, value, sizeof(eight));
    return eight;
}

static inline void shmi_bits_to(void *value, uint64_t bits, unsigned size)
{
    uint32_t four = (uint32_t)bits;
    if (size == 4) {
        memcpy(value, &four, sizeof(four));
    } else {
        memcpy(value, &bits, sizeof(bits));
    }
}

/* Do it, return the old value (SET returns nothing of use: it is a plain store).  The operations
 * are ordered as a lock's would be, which costs nothing on x86 and keeps programs right that use an
 * atomic as a flag. */
__attribute__((always_inline)) static inline uint64_t
shmi_amo_cpu4(uint32_t *word, enum shmi_amo_op op, uint32_t value, uint32_t expected)
{
    switch (op) {
    case SHMI_AMO_FETCH:
        return __atomic_load_n(word, __ATOMIC_ACQUIRE);
    case SHMI_AMO_SET:
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
        return 0;
    case SHMI_AMO_SWAP:
        return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
    case SHMI_AMO_CSWAP:
        __atomic_compare_exchange_n(word, &expected, value, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE);
        return expected;
    case SHMI_AMO_ADD:
        return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
    case SHMI_AMO_AND:
        return __atomic_fetch_and(word, value, __ATOMIC_ACQ_REL);
    case SHMI_AMO_OR:
        return __atomic_fetch_or(word, value, __ATOMIC_ACQ_REL);
    case SHMI_AMO_XOR:
        return __atomic_fetch_xor(word, value, __ATOMIC_ACQ_REL);
    }
    return 0;
}

__attribute__((always_inline)) static inline uint64_t
shmi_amo_cpu8(uint64_t *word, enum shmi_amo_op op, uint64_t value, uint64_t expected)
{
    switch (op) {
    case SHMI_AMO_FETCH:
        return __atomic_load_n(word, __ATOMIC_ACQUIRE);
    case SHMI_AMO_SET:
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
        return 0;
    case SHMI_AMO_SWAP:
        return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
    case SHMI_AMO_CSWAP:
        __atomic_compare_exchange_n(word, &expected, value, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE);
        return expected;
    case SHMI_AMO_ADD:
        return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
    case SHMI_AMO_AND:
        return __atomic_fetch_and(word, value, __ATOMIC_ACQ_REL);
    case SHMI_AMO_OR:
        return __atomic_fetch_or(word, value, __ATOMIC_ACQ_REL);
    case SHMI_AMO_XOR:
        return __atomic_fetch_xor(word, value, __ATOMIC_ACQ_REL);
    }
    return 0;
}

__attribute__((always_inline)) static inline uint64_t
shmi_amo_cpu(void *word, enum shmi_amo_op op, unsigned size, uint64_t value, uint64_t expected)
{
    return size == 4 ? shmi_amo_cpu4(word, op, (uint32_t)value, (uint32_t)expected)
                     : shmi_amo_cpu8(word, op, value, expected);
}

#endif
