/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * operations.h -- what sum, min, xor and so on mean for each type, as the tests see it.
 *
 * Per type: a value made from a number, and equality; per operation and type: the combination of
 * two.  All work on untyped memory, so that one test serves all types.  The programs that include
 * this are compiled with -fwrapv: sums of integers wrap.
 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <complex.h>

#include "conformance.h"

/* Well-mixed bits from a number. */
static inline uint64_t operations_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Integers of any width get all kinds of bits; what is not an integer gets small whole numbers, so
 * that sums and products are exact in whatever order. */
static inline uint64_t operations_integer(uint64_t seed)
{
    return operations_mix(seed);
}

static inline int operations_small(uint64_t seed)
{
    return (int)(operations_mix(seed) % 4) - 1;
}

static inline float _Complex operations_complex(uint64_t seed)
{
    return (float)operations_small(seed) +
           (float)operations_small(seed + 77) * (float _Complex)_Complex_I;
}

/* Values that do not add up exactly: the result depends on the order.  Products of a few of them
 * stay within the range of a float. */
static inline double operations_rough(uint64_t seed)
{
    const double size[4] = {1.0, 1e-3, 1e2, 1e-4};
    return ((double)(operations_mix(seed) % 2000003) - 1000001.0) / 700001.0 *
           size[operations_mix(seed + 1) % 4];
}

/* clang-format off */
#define OPERATIONS_VALUE(op, T, type)                                                              \
    static inline void value##T(void *at, uint64_t seed)                                           \
    {                                                                                              \
        *(type *)at = (type)_Generic((type)0,                                                      \
            float: operations_small, double: operations_small, long double: operations_small,      \
            float _Complex: operations_complex, double _Complex: operations_complex,               \
            default: operations_integer)(seed);                                                    \
    }                                                                                              \
    static inline void rough##T(void *at, uint64_t seed)                                           \
    { *(type *)at = (type)operations_rough(seed); }                                                \
    static inline bool equal##T(const void *a, const void *b)                                      \
    { return *(const type *)a == *(const type *)b; }
SHMEMI_FOR_SUM(OPERATIONS_VALUE, )

#define OPERATIONS_COMBINE(op, T, type, expression)                                                \
    static inline void combine##op##T(void *acc, const void *in)                                   \
    { type a = *(const type *)acc; type b = *(const type *)in; *(type *)acc = (type)(expression); }
#define OPERATIONS_AND(op, T, type)     OPERATIONS_COMBINE(_and, T, type, a & b)
#define OPERATIONS_OR(op, T, type)      OPERATIONS_COMBINE(_or, T, type, a | b)
#define OPERATIONS_XOR(op, T, type)     OPERATIONS_COMBINE(_xor, T, type, a ^ b)
#define OPERATIONS_MAX(op, T, type)     OPERATIONS_COMBINE(_max, T, type, a > b ? a : b)
#define OPERATIONS_MIN(op, T, type)     OPERATIONS_COMBINE(_min, T, type, a < b ? a : b)
#define OPERATIONS_SUM(op, T, type)     OPERATIONS_COMBINE(_sum, T, type, a + b)
#define OPERATIONS_PROD(op, T, type)    OPERATIONS_COMBINE(_prod, T, type, a * b)
SHMEMI_FOR_LOGIC(OPERATIONS_AND, )
SHMEMI_FOR_LOGIC(OPERATIONS_OR, )
SHMEMI_FOR_LOGIC(OPERATIONS_XOR, )
SHMEMI_FOR_COMPARE(OPERATIONS_MAX, )
SHMEMI_FOR_COMPARE(OPERATIONS_MIN, )
SHMEMI_FOR_SUM(OPERATIONS_SUM, )
SHMEMI_FOR_SUM(OPERATIONS_PROD, )
/* clang-format on */

struct operation {
    const char *name; /* of the routine */
    size_t size;
    void (*value)(void *at, uint64_t seed);
    void (*rough)(void *at, uint64_t seed);
    void (*combine)(void *acc, const void *in);
    bool (*equal)(const void *a, const void *b);
};
#define OPERATION(op, T, type, name)                                     \
    {                                                                    \
        name, sizeof(type), value##T, rough##T, combine##op##T, equal##T \
    }

/* Element i of what member `who` contributes in a round. */
static inline void operation_fill(const struct operation *op, void *memory, int who, int round,
                                  size_t n)
{
    for (size_t i = 0; i < n; i++) {
        op->value((char *)memory + i * op->size,
                  (uint64_t)who * 1000003 + (uint64_t)round * 31 + i);
    }
}

/* Element i of the combination of what members 0 to last contribute. */
static inline void operation_expect(const struct operation *op, void *result, int last, int round,
                                    size_t i)
{
    _Alignas(16) char value[16];
    op->value(result, (uint64_t)round * 31 + i);
    for (int who = 1; who <= last; who++) {
        op->value(value, (uint64_t)who * 1000003 + (uint64_t)round * 31 + i);
        op->combine(result, value);
    }
}

/* Check n elements of a result; elements of long arrays are sampled. */
static inline void operation_check(const struct operation *op, const char *where,
                                   const void *result, int last, int round, size_t n)
{
    size_t step = n > 2000 ? 97 : 1;
    for (size_t i = 0; i < n; i += (i + step < n || i + 1 == n) ? step : n - 1 - i) {
        _Alignas(16) char expected[16];
        operation_expect(op, expected, last, round, i);
        if (!check(op->equal((const char *)result + i * op->size, expected),
                   "%s on %s: element %zu of %zu is wrong", op->name, where, i, n)) {
            return;
        }
    }
}

#endif
