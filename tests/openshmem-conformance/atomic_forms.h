/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * atomic_forms.h -- every routine of section 9.7, behind one signature.
 *
 * Values travel as uint64_t.  A type's as() tells what becomes of one when it is of that type.
 */
#ifndef ATOMIC_FORMS_H
#define ATOMIC_FORMS_H

#include "conformance.h"

enum operation { FETCH, SET, SWAP, COMPARE_SWAP, INC, ADD, AND, OR, XOR };
enum result { NONE, RETURNED, AFTER_QUIET };

typedef void atomic_fn(shmem_ctx_t ctx, void *fetch, void *dest, uint64_t value, uint64_t cond,
                       int pe);

struct atomic_form {
    const char *name;
    bool takes_ctx;
    size_t size;
    enum operation operation;
    enum result result;
    atomic_fn *call;
    uint64_t (*as)(uint64_t value);
    uint64_t (*load)(const void *at);
    void (*store)(void *at, uint64_t value);
};

/* clang-format off */
#define ACCESS(op, T, type)                                                                        \
    static uint64_t as##T(uint64_t value) { return (uint64_t)(type)value; }                        \
    static uint64_t load##T(const void *at) { return (uint64_t)*(const type *)at; }                \
    static void store##T(void *at, uint64_t value) { *(type *)at = (type)value; }
SHMEMI_FOR_AMO_EXT(ACCESS, )

#define CALL(form, T, type, name, statement)                                                       \
    static void form##T##_##name(shmem_ctx_t ctx, void *fetch, void *dest, uint64_t value,         \
                                 uint64_t cond, int pe)                                            \
    {                                                                                              \
        type *f = fetch; type *d = dest; type v = (type)value; type c = (type)cond;                \
        (void)ctx; (void)f; (void)v; (void)c; statement;                                           \
    }

#define PLAIN_EXT(form, T, type)                                                                   \
    CALL(form, T, type, set, shmem##T##_atomic_set(d, v, pe))                                      \
    CALL(form, T, type, fetch, *f = shmem##T##_atomic_fetch(d, pe))                                \
    CALL(form, T, type, swap, *f = shmem##T##_atomic_swap(d, v, pe))                               \
    CALL(form, T, type, fetch_nbi, shmem##T##_atomic_fetch_nbi(f, d, pe))                          \
    CALL(form, T, type, swap_nbi, shmem##T##_atomic_swap_nbi(f, d, v, pe))
#define PLAIN_AMO(form, T, type)                                                                   \
    CALL(form, T, type, cswap, *f = shmem##T##_atomic_compare_swap(d, c, v, pe))                   \
    CALL(form, T, type, inc, shmem##T##_atomic_inc(d, pe))                                         \
    CALL(form, T, type, add, shmem##T##_atomic_add(d, v, pe))                                      \
    CALL(form, T, type, fetch_inc, *f = shmem##T##_atomic_fetch_inc(d, pe))                        \
    CALL(form, T, type, fetch_add, *f = shmem##T##_atomic_fetch_add(d, v, pe))                     \
    CALL(form, T, type, cswap_nbi, shmem##T##_atomic_compare_swap_nbi(f, d, c, v, pe))             \
    CALL(form, T, type, fetch_inc_nbi, shmem##T##_atomic_fetch_inc_nbi(f, d, pe))                  \
    CALL(form, T, type, fetch_add_nbi, shmem##T##_atomic_fetch_add_nbi(f, d, v, pe))
#define PLAIN_BIT(form, T, type)                                                                   \
    CALL(form, T, type, and, shmem##T##_atomic_and(d, v, pe))                                      \
    CALL(form, T, type, or, shmem##T##_atomic_or(d, v, pe))                                        \
    CALL(form, T, type, xor, shmem##T##_atomic_xor(d, v, pe))                                      \
    CALL(form, T, type, fetch_and, *f = shmem##T##_atomic_fetch_and(d, v, pe))                     \
    CALL(form, T, type, fetch_or, *f = shmem##T##_atomic_fetch_or(d, v, pe))                       \
    CALL(form, T, type, fetch_xor, *f = shmem##T##_atomic_fetch_xor(d, v, pe))                     \
    CALL(form, T, type, fetch_and_nbi, shmem##T##_atomic_fetch_and_nbi(f, d, v, pe))               \
    CALL(form, T, type, fetch_or_nbi, shmem##T##_atomic_fetch_or_nbi(f, d, v, pe))                 \
    CALL(form, T, type, fetch_xor_nbi, shmem##T##_atomic_fetch_xor_nbi(f, d, v, pe))
SHMEMI_FOR_AMO_EXT(PLAIN_EXT, plain)
SHMEMI_FOR_AMO(PLAIN_AMO, plain)
SHMEMI_FOR_AMO_BIT(PLAIN_BIT, plain)

#define CTX_EXT(form, T, type)                                                                     \
    CALL(form, T, type, set, shmem_ctx##T##_atomic_set(ctx, d, v, pe))                             \
    CALL(form, T, type, fetch, *f = shmem_ctx##T##_atomic_fetch(ctx, d, pe))                       \
    CALL(form, T, type, swap, *f = shmem_ctx##T##_atomic_swap(ctx, d, v, pe))                      \
    CALL(form, T, type, fetch_nbi, shmem_ctx##T##_atomic_fetch_nbi(ctx, f, d, pe))                 \
    CALL(form, T, type, swap_nbi, shmem_ctx##T##_atomic_swap_nbi(ctx, f, d, v, pe))
#define CTX_AMO(form, T, type)                                                                     \
    CALL(form, T, type, cswap, *f = shmem_ctx##T##_atomic_compare_swap(ctx, d, c, v, pe))          \
    CALL(form, T, type, inc, shmem_ctx##T##_atomic_inc(ctx, d, pe))                                \
    CALL(form, T, type, add, shmem_ctx##T##_atomic_add(ctx, d, v, pe))                             \
    CALL(form, T, type, fetch_inc, *f = shmem_ctx##T##_atomic_fetch_inc(ctx, d, pe))               \
    CALL(form, T, type, fetch_add, *f = shmem_ctx##T##_atomic_fetch_add(ctx, d, v, pe))            \
    CALL(form, T, type, cswap_nbi, shmem_ctx##T##_atomic_compare_swap_nbi(ctx, f, d, c, v, pe))    \
    CALL(form, T, type, fetch_inc_nbi, shmem_ctx##T##_atomic_fetch_inc_nbi(ctx, f, d, pe))         \
    CALL(form, T, type, fetch_add_nbi, shmem_ctx##T##_atomic_fetch_add_nbi(ctx, f, d, v, pe))
#define CTX_BIT(form, T, type)                                                                     \
    CALL(form, T, type, and, shmem_ctx##T##_atomic_and(ctx, d, v, pe))                             \
    CALL(form, T, type, or, shmem_ctx##T##_atomic_or(ctx, d, v, pe))                               \
    CALL(form, T, type, xor, shmem_ctx##T##_atomic_xor(ctx, d, v, pe))                             \
    CALL(form, T, type, fetch_and, *f = shmem_ctx##T##_atomic_fetch_and(ctx, d, v, pe))            \
    CALL(form, T, type, fetch_or, *f = shmem_ctx##T##_atomic_fetch_or(ctx, d, v, pe))              \
    CALL(form, T, type, fetch_xor, *f = shmem_ctx##T##_atomic_fetch_xor(ctx, d, v, pe))            \
    CALL(form, T, type, fetch_and_nbi, shmem_ctx##T##_atomic_fetch_and_nbi(ctx, f, d, v, pe))      \
    CALL(form, T, type, fetch_or_nbi, shmem_ctx##T##_atomic_fetch_or_nbi(ctx, f, d, v, pe))        \
    CALL(form, T, type, fetch_xor_nbi, shmem_ctx##T##_atomic_fetch_xor_nbi(ctx, f, d, v, pe))
SHMEMI_FOR_AMO_EXT(CTX_EXT, ctx)
SHMEMI_FOR_AMO(CTX_AMO, ctx)
SHMEMI_FOR_AMO_BIT(CTX_BIT, ctx)

/* The generics, without and with a context: a macro that expands to the table cannot stand in it,
 * so the types are listed.  None can be missing, because atomic_forms[] comes from the table. */
#define GENERIC_EXT(form, T, type, ...)                                                            \
    CALL(form, T, type, set, shmem_atomic_set(__VA_ARGS__ d, v, pe))                               \
    CALL(form, T, type, fetch, *f = shmem_atomic_fetch(__VA_ARGS__ d, pe))                         \
    CALL(form, T, type, swap, *f = shmem_atomic_swap(__VA_ARGS__ d, v, pe))                        \
    CALL(form, T, type, fetch_nbi, shmem_atomic_fetch_nbi(__VA_ARGS__ f, d, pe))                   \
    CALL(form, T, type, swap_nbi, shmem_atomic_swap_nbi(__VA_ARGS__ f, d, v, pe))
#define GENERIC_AMO(form, T, type, ...)                                                            \
    CALL(form, T, type, cswap, *f = shmem_atomic_compare_swap(__VA_ARGS__ d, c, v, pe))            \
    CALL(form, T, type, inc, shmem_atomic_inc(__VA_ARGS__ d, pe))                                  \
    CALL(form, T, type, add, shmem_atomic_add(__VA_ARGS__ d, v, pe))                               \
    CALL(form, T, type, fetch_inc, *f = shmem_atomic_fetch_inc(__VA_ARGS__ d, pe))                 \
    CALL(form, T, type, fetch_add, *f = shmem_atomic_fetch_add(__VA_ARGS__ d, v, pe))              \
    CALL(form, T, type, cswap_nbi, shmem_atomic_compare_swap_nbi(__VA_ARGS__ f, d, c, v, pe))      \
    CALL(form, T, type, fetch_inc_nbi, shmem_atomic_fetch_inc_nbi(__VA_ARGS__ f, d, pe))           \
    CALL(form, T, type, fetch_add_nbi, shmem_atomic_fetch_add_nbi(__VA_ARGS__ f, d, v, pe))
#define GENERIC_BIT(form, T, type, ...)                                                            \
    CALL(form, T, type, and, shmem_atomic_and(__VA_ARGS__ d, v, pe))                               \
    CALL(form, T, type, or, shmem_atomic_or(__VA_ARGS__ d, v, pe))                                 \
    CALL(form, T, type, xor, shmem_atomic_xor(__VA_ARGS__ d, v, pe))                               \
    CALL(form, T, type, fetch_and, *f = shmem_atomic_fetch_and(__VA_ARGS__ d, v, pe))              \
    CALL(form, T, type, fetch_or, *f = shmem_atomic_fetch_or(__VA_ARGS__ d, v, pe))                \
    CALL(form, T, type, fetch_xor, *f = shmem_atomic_fetch_xor(__VA_ARGS__ d, v, pe))              \
    CALL(form, T, type, fetch_and_nbi, shmem_atomic_fetch_and_nbi(__VA_ARGS__ f, d, v, pe))        \
    CALL(form, T, type, fetch_or_nbi, shmem_atomic_fetch_or_nbi(__VA_ARGS__ f, d, v, pe))          \
    CALL(form, T, type, fetch_xor_nbi, shmem_atomic_fetch_xor_nbi(__VA_ARGS__ f, d, v, pe))
#define GENERICS(form, ...)                                                                        \
    GENERIC_EXT(form, _float, float, __VA_ARGS__)                                                  \
    GENERIC_EXT(form, _double, double, __VA_ARGS__)                                                \
    GENERIC_EXT(form, _int, int, __VA_ARGS__)                                                      \
    GENERIC_EXT(form, _long, long, __VA_ARGS__)                                                    \
    GENERIC_EXT(form, _longlong, long long, __VA_ARGS__)                                           \
    GENERIC_EXT(form, _uint, unsigned int, __VA_ARGS__)                                            \
    GENERIC_EXT(form, _ulong, unsigned long, __VA_ARGS__)                                          \
    GENERIC_EXT(form, _ulonglong, unsigned long long, __VA_ARGS__)                                 \
    GENERIC_AMO(form, _int, int, __VA_ARGS__)                                                      \
    GENERIC_AMO(form, _long, long, __VA_ARGS__)                                                    \
    GENERIC_AMO(form, _longlong, long long, __VA_ARGS__)                                           \
    GENERIC_AMO(form, _uint, unsigned int, __VA_ARGS__)                                            \
    GENERIC_AMO(form, _ulong, unsigned long, __VA_ARGS__)                                          \
    GENERIC_AMO(form, _ulonglong, unsigned long long, __VA_ARGS__)                                 \
    GENERIC_BIT(form, _int32, int32_t, __VA_ARGS__)                                                \
    GENERIC_BIT(form, _int64, int64_t, __VA_ARGS__)                                                \
    GENERIC_BIT(form, _uint, unsigned int, __VA_ARGS__)                                            \
    GENERIC_BIT(form, _ulong, unsigned long, __VA_ARGS__)                                          \
    GENERIC_BIT(form, _ulonglong, unsigned long long, __VA_ARGS__)
#define WITH_CTX ctx,
GENERICS(generic, )
GENERICS(generic_ctx, WITH_CTX)

#define ATOMIC_ROW(form, ctx, T, type, operation, result, name)                                    \
    {#form #T " " #name, ctx, sizeof(type), operation, result, form##T##_##name,                   \
     as##T, load##T, store##T},
#define ROWS_EXT(form, ctx, T, type)                                                               \
    ATOMIC_ROW(form, ctx, T, type, SET, NONE, set)                                                 \
    ATOMIC_ROW(form, ctx, T, type, FETCH, RETURNED, fetch)                                         \
    ATOMIC_ROW(form, ctx, T, type, SWAP, RETURNED, swap)                                           \
    ATOMIC_ROW(form, ctx, T, type, FETCH, AFTER_QUIET, fetch_nbi)                                  \
    ATOMIC_ROW(form, ctx, T, type, SWAP, AFTER_QUIET, swap_nbi)
#define ROWS_AMO(form, ctx, T, type)                                                               \
    ATOMIC_ROW(form, ctx, T, type, COMPARE_SWAP, RETURNED, cswap)                                  \
    ATOMIC_ROW(form, ctx, T, type, INC, NONE, inc)                                                 \
    ATOMIC_ROW(form, ctx, T, type, ADD, NONE, add)                                                 \
    ATOMIC_ROW(form, ctx, T, type, INC, RETURNED, fetch_inc)                                       \
    ATOMIC_ROW(form, ctx, T, type, ADD, RETURNED, fetch_add)                                       \
    ATOMIC_ROW(form, ctx, T, type, COMPARE_SWAP, AFTER_QUIET, cswap_nbi)                           \
    ATOMIC_ROW(form, ctx, T, type, INC, AFTER_QUIET, fetch_inc_nbi)                                \
    ATOMIC_ROW(form, ctx, T, type, ADD, AFTER_QUIET, fetch_add_nbi)
#define ROWS_BIT(form, ctx, T, type)                                                               \
    ATOMIC_ROW(form, ctx, T, type, AND, NONE, and)                                                 \
    ATOMIC_ROW(form, ctx, T, type, OR, NONE, or)                                                   \
    ATOMIC_ROW(form, ctx, T, type, XOR, NONE, xor)                                                 \
    ATOMIC_ROW(form, ctx, T, type, AND, RETURNED, fetch_and)                                       \
    ATOMIC_ROW(form, ctx, T, type, OR, RETURNED, fetch_or)                                         \
    ATOMIC_ROW(form, ctx, T, type, XOR, RETURNED, fetch_xor)                                       \
    ATOMIC_ROW(form, ctx, T, type, AND, AFTER_QUIET, fetch_and_nbi)                                \
    ATOMIC_ROW(form, ctx, T, type, OR, AFTER_QUIET, fetch_or_nbi)                                  \
    ATOMIC_ROW(form, ctx, T, type, XOR, AFTER_QUIET, fetch_xor_nbi)
#define PLAIN_ROWS_EXT(form, T, type) ROWS_EXT(form, false, T, type)
#define PLAIN_ROWS_AMO(form, T, type) ROWS_AMO(form, false, T, type)
#define PLAIN_ROWS_BIT(form, T, type) ROWS_BIT(form, false, T, type)
#define CTX_ROWS_EXT(form, T, type) ROWS_EXT(form, true, T, type)
#define CTX_ROWS_AMO(form, T, type) ROWS_AMO(form, true, T, type)
#define CTX_ROWS_BIT(form, T, type) ROWS_BIT(form, true, T, type)

static const struct atomic_form atomic_forms[] = {
    SHMEMI_FOR_AMO_EXT(PLAIN_ROWS_EXT, plain)
    SHMEMI_FOR_AMO(PLAIN_ROWS_AMO, plain)
    SHMEMI_FOR_AMO_BIT(PLAIN_ROWS_BIT, plain)
    SHMEMI_FOR_AMO_EXT(CTX_ROWS_EXT, ctx)
    SHMEMI_FOR_AMO(CTX_ROWS_AMO, ctx)
    SHMEMI_FOR_AMO_BIT(CTX_ROWS_BIT, ctx)
    SHMEMI_FOR_AMO_EXT_C11(PLAIN_ROWS_EXT, generic)
    SHMEMI_FOR_AMO_C11(PLAIN_ROWS_AMO, generic)
    SHMEMI_FOR_AMO_BIT_C11(PLAIN_ROWS_BIT, generic)
    SHMEMI_FOR_AMO_EXT_C11(CTX_ROWS_EXT, generic_ctx)
    SHMEMI_FOR_AMO_C11(CTX_ROWS_AMO, generic_ctx)
    SHMEMI_FOR_AMO_BIT_C11(CTX_ROWS_BIT, generic_ctx)
};
/* clang-format on */

#endif
