/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amo.c -- atomic memory operations (section 9.7).
 *
 * All types are 4 or 8 bytes wide, and all that a type needs is its size: the bits travel, and the
 * arithmetic on them is the same for signed and unsigned.
 */
#include "core/amo.h"

#include "core/amo_emulate.h"
#include "core/base/export.h"
#include "core/check.h"
#include "core/hbm.h"
#include "core/rma.h"
#include "core/stats.h"
#include "core/trace.h"

/* The old value goes to device memory: by way of here. */
static void amo_to_device(const char *who, struct shmi_ctx *ctx, void *dest,
                          const struct shmi_amo *amo, int pe)
{
    uint64_t old = 0;
    struct shmi_amo here = *amo;
    here.fetch = &old;
    shmi_amo_slowly(who, ctx, dest, &here, SHMI_NOW, pe);
    shmi_hbm_copy(amo->fetch, &old, amo->size);
}

/* Where a CPU of this node may update the word.  Words of 4 bytes are any CPU's if the network
 * leaves them to their owner's, whatever it does with longer ones. */
static void *reach_word(const void *addr, unsigned size, int pe)
{
    return size == 4 && shmi_network.facts.coherent4 ? shmi_reach(addr, pe)
                                                     : shmi_reach_amo(addr, pe);
}

static void amo_anywhere(const char *who, struct shmi_ctx *ctx, void *dest,
                         const struct shmi_amo *amo, enum shmi_when when, int world_pe)
{
    if (shmi_hbm_is(dest)) {
        shmi_hbm_amo(who, ctx, dest, amo, when, world_pe);
        return;
    }
    void *word = reach_word(dest, amo->size, world_pe);
    if (word != NULL) {
        uint64_t old = shmi_amo_cpu(word, amo->op, amo->size, amo->value, amo->expected);
        if (amo->fetch != NULL) {
            shmi_bits_to(amo->fetch, old, amo->size);
        }
        return;
    }
    struct shmi_remote at = shmi_remote_of(who, dest, world_pe);
    shmi_amo_by_network(shmi_ctx_enter_to(ctx, world_pe), at, amo, when);
    shmi_ctx_leave(ctx);
}

void shmi_amo_slowly(const char *who, struct shmi_ctx *ctx, void *dest, const struct shmi_amo *amo,
                     enum shmi_when when, int pe)
{
    shmi_require_running(who);
    if (shmi_observing) {
        shmi_check_rma(who, ctx, "dest", dest, amo->size, pe);
        shmi_check_aligned(who, "dest", dest, amo->size);
        shmi_stats_count(SHMI_STATS_AMO, amo->size);
    }
    if (shmi_hbm_is(amo->fetch)) {
        amo_to_device(who, ctx, dest, amo, pe);
        return;
    }
    int world_pe = shmi_ctx_pe(ctx, pe);
    uint64_t begun = shmi_trace_begin();
    amo_anywhere(who, ctx, dest, amo, when, world_pe);
    shmi_trace_end(begun, who, world_pe, amo->size);
}

/* A routine, its twin that takes a context, and their profiling names.  CALL is one of the bodies
 * below; it finds the arguments by the names they have in the standard. */
/* clang-format off */
#define PAIR(ret, name, type, CALL, op, ...)                                                       \
    ret shmem##name(__VA_ARGS__)                                                                   \
    {                                                                                              \
        CALL(type, op, &shmi_ctx_default)                                                          \
    }                                                                                              \
    ret shmem_ctx##name(shmem_ctx_t ctx, __VA_ARGS__)                                              \
    {                                                                                              \
        CALL(type, op, shmi_ctx_of(ctx))                                                           \
    }                                                                                              \
    PSHMEM(name)                                                                                   \
    PSHMEM(_ctx##name)
/* clang-format on */

#define BITS(value) shmi_bits_of(&(value), sizeof(value))

/* Bodies: no old value; the old value returned; the old value later. */
#define UPDATE(type, op, c) \
    shmi_amo(__func__, c, op, dest, sizeof(type), BITS(value), 0, SHMI_LATER, pe);
#define UPDATE_BY_ONE(type, op, c) \
    shmi_amo(__func__, c, op, dest, sizeof(type), 1, 0, SHMI_LATER, pe);
#define GIVE(type, op, c, at, bits, other)                                                   \
    type old;                                                                                \
    uint64_t found = shmi_amo(__func__, c, op, at, sizeof(type), bits, other, SHMI_NOW, pe); \
    shmi_bits_to(&old, found, sizeof(type));                                                 \
    return old;
#define FETCH(type, op, c)    GIVE(type, op, c, (type *)source, 0, 0)
#define SWAP(type, op, c)     GIVE(type, op, c, dest, BITS(value), 0)
#define SWAP_ONE(type, op, c) GIVE(type, op, c, dest, 1, 0)
#define CSWAP(type, op, c)    GIVE(type, op, c, dest, BITS(value), BITS(cond))
#define LATER(type, op, c, at, bits, other) \
    shmi_amo_nbi(__func__, c, op, fetch, at, sizeof(type), bits, other, pe);
#define FETCH_LATER(type, op, c)    LATER(type, op, c, (type *)source, 0, 0)
#define SWAP_LATER(type, op, c)     LATER(type, op, c, dest, BITS(value), 0)
#define SWAP_ONE_LATER(type, op, c) LATER(type, op, c, dest, 1, 0)
#define CSWAP_LATER(type, op, c)    LATER(type, op, c, dest, BITS(value), BITS(cond))

/* The argument lists of the standard. */
#define A_FETCH(type)     const type *source, int pe
#define A_SET(type)       type *dest, type value, int pe
#define A_CSWAP(type)     type *dest, type cond, type value, int pe
#define A_INC(type)       type *dest, int pe
#define A_FETCH_NBI(type) type *fetch, const type *source, int pe
#define A_SWAP_NBI(type)  type *fetch, type *dest, type value, int pe
#define A_CSWAP_NBI(type) type *fetch, type *dest, type cond, type value, int pe
#define A_FINC_NBI(type)  type *fetch, type *dest, int pe

/* Any value: fetch, set, swap. */
#define EXTENDED(op, T, type)                                                           \
    PAIR(type, T##op##_fetch, type, FETCH, SHMI_AMO_FETCH, A_FETCH(type))               \
    PAIR(void, T##op##_set, type, UPDATE, SHMI_AMO_SET, A_SET(type))                    \
    PAIR(type, T##op##_swap, type, SWAP, SHMI_AMO_SWAP, A_SET(type))                    \
    PAIR(void, T##op##_fetch_nbi, type, FETCH_LATER, SHMI_AMO_FETCH, A_FETCH_NBI(type)) \
    PAIR(void, T##op##_swap_nbi, type, SWAP_LATER, SHMI_AMO_SWAP, A_SWAP_NBI(type))
SHMEMI_FOR_AMO_EXT(EXTENDED, _atomic)

/* Whole numbers: compare-and-swap, add, increment. */
#define STANDARD(op, T, type)                                                                  \
    PAIR(type, T##op##_compare_swap, type, CSWAP, SHMI_AMO_CSWAP, A_CSWAP(type))               \
    PAIR(void, T##op##_inc, type, UPDATE_BY_ONE, SHMI_AMO_ADD, A_INC(type))                    \
    PAIR(type, T##op##_fetch_inc, type, SWAP_ONE, SHMI_AMO_ADD, A_INC(type))                   \
    PAIR(void, T##op##_add, type, UPDATE, SHMI_AMO_ADD, A_SET(type))                           \
    PAIR(type, T##op##_fetch_add, type, SWAP, SHMI_AMO_ADD, A_SET(type))                       \
    PAIR(void, T##op##_compare_swap_nbi, type, CSWAP_LATER, SHMI_AMO_CSWAP, A_CSWAP_NBI(type)) \
    PAIR(void, T##op##_fetch_inc_nbi, type, SWAP_ONE_LATER, SHMI_AMO_ADD, A_FINC_NBI(type))    \
    PAIR(void, T##op##_fetch_add_nbi, type, SWAP_LATER, SHMI_AMO_ADD, A_SWAP_NBI(type))
SHMEMI_FOR_AMO(STANDARD, _atomic)

/* Bits. */
#define BITWISE(op, T, type)                                                            \
    PAIR(void, T##op##_and, type, UPDATE, SHMI_AMO_AND, A_SET(type))                    \
    PAIR(type, T##op##_fetch_and, type, SWAP, SHMI_AMO_AND, A_SET(type))                \
    PAIR(void, T##op##_fetch_and_nbi, type, SWAP_LATER, SHMI_AMO_AND, A_SWAP_NBI(type)) \
    PAIR(void, T##op##_or, type, UPDATE, SHMI_AMO_OR, A_SET(type))                      \
    PAIR(type, T##op##_fetch_or, type, SWAP, SHMI_AMO_OR, A_SET(type))                  \
    PAIR(void, T##op##_fetch_or_nbi, type, SWAP_LATER, SHMI_AMO_OR, A_SWAP_NBI(type))   \
    PAIR(void, T##op##_xor, type, UPDATE, SHMI_AMO_XOR, A_SET(type))                    \
    PAIR(type, T##op##_fetch_xor, type, SWAP, SHMI_AMO_XOR, A_SET(type))                \
    PAIR(void, T##op##_fetch_xor_nbi, type, SWAP_LATER, SHMI_AMO_XOR, A_SWAP_NBI(type))
SHMEMI_FOR_AMO_BIT(BITWISE, _atomic)

/* The names of 1.3, deprecated: without contexts. */
/* clang-format off */
#define OLD(ret, name, type, CALL, op, ...)                                                        \
    ret shmem##name(__VA_ARGS__)                                                                   \
    {                                                                                              \
        CALL(type, op, &shmi_ctx_default)                                                          \
    }                                                                                              \
    PSHMEM(name)
/* clang-format on */
#define OLD_EXTENDED(op, T, type)                                    \
    OLD(type, T##_fetch, type, FETCH, SHMI_AMO_FETCH, A_FETCH(type)) \
    OLD(void, T##_set, type, UPDATE, SHMI_AMO_SET, A_SET(type))      \
    OLD(type, T##_swap, type, SWAP, SHMI_AMO_SWAP, A_SET(type))
SHMEMI_FOR_AMO_EXT(OLD_EXTENDED, )

#define OLD_STANDARD(op, T, type)                                      \
    OLD(type, T##_cswap, type, CSWAP, SHMI_AMO_CSWAP, A_CSWAP(type))   \
    OLD(void, T##_inc, type, UPDATE_BY_ONE, SHMI_AMO_ADD, A_INC(type)) \
    OLD(type, T##_finc, type, SWAP_ONE, SHMI_AMO_ADD, A_INC(type))     \
    OLD(void, T##_add, type, UPDATE, SHMI_AMO_ADD, A_SET(type))        \
    OLD(type, T##_fadd, type, SWAP, SHMI_AMO_ADD, A_SET(type))
SHMEMI_FOR_AMO(OLD_STANDARD, )
