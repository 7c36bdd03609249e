/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_combine.c -- the arithmetic of reductions and scans.
 *
 * This file is compiled with -O3, so that the loops become vector instructions, and with -fwrapv,
 * which makes the overflow of signed integers wrap.
 */
#include "core/coll_combine.h"

#define COMBINE(name, type, result)                                                                \
    void shmi_combine##name(void *acc_bytes, const void *in_bytes, size_t nelems)                  \
    {                                                                                              \
        type *restrict       acc = acc_bytes;                                                      \
        const type *restrict in = in_bytes;                                                        \
        for (size_t i = 0; i < nelems; i++) {                                                      \
            acc[i] = (type)(result);                                                               \
        }                                                                                          \
    }

#define AND(op, T, type)  COMBINE(op##T, type, acc[i] & in[i])
#define OR(op, T, type)   COMBINE(op##T, type, acc[i] | in[i])
#define XOR(op, T, type)  COMBINE(op##T, type, acc[i] ^ in[i])
#define MIN(op, T, type)  COMBINE(op##T, type, in[i] < acc[i] ? in[i] : acc[i])
#define MAX(op, T, type)  COMBINE(op##T, type, in[i] > acc[i] ? in[i] : acc[i])
#define SUM(op, T, type)  COMBINE(op##T, type, acc[i] + in[i])
#define PROD(op, T, type) COMBINE(op##T, type, acc[i] * in[i])

SHMEMI_FOR_LOGIC(AND, _and)
SHMEMI_FOR_LOGIC(OR, _or)
SHMEMI_FOR_LOGIC(XOR, _xor)
SHMEMI_FOR_COMPARE(MIN, _min)
SHMEMI_FOR_COMPARE(MAX, _max)
SHMEMI_FOR_SUM(SUM, _sum)
SHMEMI_FOR_SUM(PROD, _prod)
