/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_combine.c -- the arithmetic of reductions and scans.
 *
 * The overflow of a signed integer is undefined in C, also that of an unsigned short, which the
 * language promotes to int; so sums and products of integers are those of uint64_t, whose low bits
 * are the same.
 */
#include "core/coll_combine.h"

#define COMBINE(name, type, result)                                                               \
    SHMI_VECTORISED void shmi_combine##name(void *acc_bytes, const void *in_bytes, size_t nelems) \
    {                                                                                             \
        type *restrict acc = acc_bytes;                                                           \
        const type *restrict in = in_bytes;                                                       \
        for (size_t i = 0; i < nelems; i++) {                                                     \
            type a = acc[i];                                                                      \
            type b = in[i];                                                                       \
            acc[i] = (type)(result);                                                              \
        }                                                                                         \
    }

#define IS_INTEGER(type) ((type)0.5 == 0)
#define WIDE(number)     ((uint64_t)(number))

#define AND(op, T, type) COMBINE(op##T, type, a &b)
#define OR(op, T, type)  COMBINE(op##T, type, a | b)
#define XOR(op, T, type) COMBINE(op##T, type, a ^ b)
#define MIN(op, T, type) COMBINE(op##T, type, b < a ? b : a)
#define MAX(op, T, type) COMBINE(op##T, type, b > a ? b : a)
#define SUM(op, T, type) \
    COMBINE(op##T, type, IS_INTEGER(type) ? (type)(WIDE(a) + WIDE(b)) : (type)(a + b))
#define PROD(op, T, type) \
    COMBINE(op##T, type, IS_INTEGER(type) ? (type)(WIDE(a) * WIDE(b)) : (type)(a * b))

SHMEMI_FOR_LOGIC(AND, _and)
SHMEMI_FOR_LOGIC(OR, _or)
SHMEMI_FOR_LOGIC(XOR, _xor)
SHMEMI_FOR_COMPARE(MIN, _min)
SHMEMI_FOR_COMPARE(MAX, _max)
SHMEMI_FOR_SUM(SUM, _sum)
SHMEMI_FOR_SUM(PROD, _prod)
