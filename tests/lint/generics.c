/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * generics.c -- calls every C11 generic for every type, with and without a context.
 *
 * Each function call_<symbol> here calls the generic that must end in <symbol>, or in the symbol
 * of a synonymous type.  generics.sh reads from the object file where each call went; that the
 * type is right the compiler sees, since a pointer to another one is an error.
 */
#include <shmem.h>

/* One function per generic, type and form; its parameters serve all of them. */
#define CALL(op, T, type, ...)                \
    void call_shmem##T##op(PARAMETERS(type)); \
    void call_shmem##T##op(PARAMETERS(type))  \
    {                                         \
        UNUSED;                               \
        shmem##op(__VA_ARGS__);               \
    }
#define CALL_CTX(op, T, type, ...)                \
    void call_shmem_ctx##T##op(PARAMETERS(type)); \
    void call_shmem_ctx##T##op(PARAMETERS(type))  \
    {                                             \
        UNUSED;                                   \
        shmem##op(ctx, __VA_ARGS__);              \
    }
#define PARAMETERS(type)                                                                           \
    shmem_ctx_t ctx, shmem_team_t team, type *a, type *b, const type *c, type v, size_t n, int pe, \
        uint64_t *sig, size_t *indices, const int *status
#define UNUSED                                                                               \
    (void)ctx, (void)team, (void)a, (void)b, (void)c, (void)v, (void)n, (void)pe, (void)sig, \
        (void)indices, (void)status

/* The shapes: what the arguments are.  BOTH is with and without a context. */
#define BOTH(op, T, type, ...)   CALL(op, T, type, __VA_ARGS__) CALL_CTX(op, T, type, __VA_ARGS__)
#define COPY(op, T, type)        BOTH(op, T, type, a, c, n, pe)
#define STRIDED(op, T, type)     BOTH(op, T, type, a, c, 1, 1, n, pe)
#define BLOCKS(op, T, type)      BOTH(op, T, type, a, c, 1, 1, n, n, pe)
#define SIGNALLED(op, T, type)   BOTH(op, T, type, a, c, n, sig, 1, SHMEM_SIGNAL_ADD, pe)
#define SET(op, T, type)         BOTH(op, T, type, a, v, pe)
#define FETCH(op, T, type)       BOTH(op, T, type, c, pe)
#define CSWAP(op, T, type)       BOTH(op, T, type, a, v, v, pe)
#define INC(op, T, type)         BOTH(op, T, type, a, pe)
#define FETCH_NBI(op, T, type)   BOTH(op, T, type, a, c, pe)
#define SWAP_NBI(op, T, type)    BOTH(op, T, type, a, b, v, pe)
#define CSWAP_NBI(op, T, type)   BOTH(op, T, type, a, b, v, v, pe)
#define INC_NBI(op, T, type)     BOTH(op, T, type, a, b, pe)
#define OLD_SET(op, T, type)     CALL(op, T, type, a, v, pe)
#define OLD_FETCH(op, T, type)   CALL(op, T, type, c, pe)
#define OLD_CSWAP(op, T, type)   CALL(op, T, type, a, v, v, pe)
#define OLD_INC(op, T, type)     CALL(op, T, type, a, pe)
#define GATHER(op, T, type)      CALL(op, T, type, team, a, c, n)
#define ALLTOALLS(op, T, type)   CALL(op, T, type, team, a, c, 1, 1, n)
#define BROADCAST(op, T, type)   CALL(op, T, type, team, a, c, n, pe)
#define WAIT(op, T, type)        CALL(op, T, type, a, SHMEM_CMP_NE, v)
#define MANY(op, T, type)        CALL(op, T, type, a, n, status, SHMEM_CMP_NE, v)
#define SOME(op, T, type)        CALL(op, T, type, a, n, indices, status, SHMEM_CMP_NE, v)
#define MANY_VECTOR(op, T, type) CALL(op, T, type, a, n, status, SHMEM_CMP_NE, c)
#define SOME_VECTOR(op, T, type) CALL(op, T, type, a, n, indices, status, SHMEM_CMP_NE, c)

SHMEMI_FOR_RMA(COPY, _put)
SHMEMI_FOR_RMA(COPY, _get)
SHMEMI_FOR_RMA(COPY, _put_nbi)
SHMEMI_FOR_RMA(COPY, _get_nbi)
SHMEMI_FOR_RMA(SET, _p)
SHMEMI_FOR_RMA(FETCH, _g)
SHMEMI_FOR_RMA(STRIDED, _iput)
SHMEMI_FOR_RMA(STRIDED, _iget)
SHMEMI_FOR_RMA(BLOCKS, _ibput)
SHMEMI_FOR_RMA(BLOCKS, _ibget)
SHMEMI_FOR_RMA(SIGNALLED, _put_signal)
SHMEMI_FOR_RMA(SIGNALLED, _put_signal_nbi)

SHMEMI_FOR_AMO_EXT(FETCH, _atomic_fetch)
SHMEMI_FOR_AMO_EXT(SET, _atomic_set)
SHMEMI_FOR_AMO_EXT(SET, _atomic_swap)
SHMEMI_FOR_AMO(CSWAP, _atomic_compare_swap)
SHMEMI_FOR_AMO(INC, _atomic_inc)
SHMEMI_FOR_AMO(INC, _atomic_fetch_inc)
SHMEMI_FOR_AMO(SET, _atomic_add)
SHMEMI_FOR_AMO(SET, _atomic_fetch_add)
SHMEMI_FOR_AMO_BIT(SET, _atomic_and)
SHMEMI_FOR_AMO_BIT(SET, _atomic_fetch_and)
SHMEMI_FOR_AMO_BIT(SET, _atomic_or)
SHMEMI_FOR_AMO_BIT(SET, _atomic_fetch_or)
SHMEMI_FOR_AMO_BIT(SET, _atomic_xor)
SHMEMI_FOR_AMO_BIT(SET, _atomic_fetch_xor)
SHMEMI_FOR_AMO_EXT(FETCH_NBI, _atomic_fetch_nbi)
SHMEMI_FOR_AMO_EXT(SWAP_NBI, _atomic_swap_nbi)
SHMEMI_FOR_AMO(CSWAP_NBI, _atomic_compare_swap_nbi)
SHMEMI_FOR_AMO(INC_NBI, _atomic_fetch_inc_nbi)
SHMEMI_FOR_AMO(SWAP_NBI, _atomic_fetch_add_nbi)
SHMEMI_FOR_AMO_BIT(SWAP_NBI, _atomic_fetch_and_nbi)
SHMEMI_FOR_AMO_BIT(SWAP_NBI, _atomic_fetch_or_nbi)
SHMEMI_FOR_AMO_BIT(SWAP_NBI, _atomic_fetch_xor_nbi)

SHMEMI_FOR_AMO_EXT(OLD_FETCH, _fetch)
SHMEMI_FOR_AMO_EXT(OLD_SET, _set)
SHMEMI_FOR_AMO_EXT(OLD_SET, _swap)
SHMEMI_FOR_AMO(OLD_CSWAP, _cswap)
SHMEMI_FOR_AMO(OLD_INC, _inc)
SHMEMI_FOR_AMO(OLD_INC, _finc)
SHMEMI_FOR_AMO(OLD_SET, _add)
SHMEMI_FOR_AMO(OLD_SET, _fadd)

SHMEMI_FOR_RMA(GATHER, _alltoall)
SHMEMI_FOR_RMA(ALLTOALLS, _alltoalls)
SHMEMI_FOR_RMA(BROADCAST, _broadcast)
SHMEMI_FOR_RMA(GATHER, _collect)
SHMEMI_FOR_RMA(GATHER, _fcollect)
SHMEMI_FOR_LOGIC(GATHER, _and_reduce)
SHMEMI_FOR_LOGIC(GATHER, _or_reduce)
SHMEMI_FOR_LOGIC(GATHER, _xor_reduce)
SHMEMI_FOR_COMPARE(GATHER, _max_reduce)
SHMEMI_FOR_COMPARE(GATHER, _min_reduce)
SHMEMI_FOR_SUM(GATHER, _sum_reduce)
SHMEMI_FOR_SUM(GATHER, _prod_reduce)
SHMEMI_FOR_SUM(GATHER, _sum_inscan)
SHMEMI_FOR_SUM(GATHER, _sum_exscan)

SHMEMI_FOR_SYNC(WAIT, _wait_until)
SHMEMI_FOR_SYNC(MANY, _wait_until_all)
SHMEMI_FOR_SYNC(MANY, _wait_until_any)
SHMEMI_FOR_SYNC(SOME, _wait_until_some)
SHMEMI_FOR_SYNC(MANY_VECTOR, _wait_until_all_vector)
SHMEMI_FOR_SYNC(MANY_VECTOR, _wait_until_any_vector)
SHMEMI_FOR_SYNC(SOME_VECTOR, _wait_until_some_vector)
SHMEMI_FOR_SYNC(WAIT, _test)
SHMEMI_FOR_SYNC(MANY, _test_all)
SHMEMI_FOR_SYNC(MANY, _test_any)
SHMEMI_FOR_SYNC(SOME, _test_some)
SHMEMI_FOR_SYNC(MANY_VECTOR, _test_all_vector)
SHMEMI_FOR_SYNC(MANY_VECTOR, _test_any_vector)
SHMEMI_FOR_SYNC(SOME_VECTOR, _test_some_vector)

/* Those that are functions too, once as each. */
#define ONE(name, ...)                                                               \
    void call_##name(shmem_ctx_t ctx, shmem_team_t team, uint64_t *sig, long *sync); \
    void call_##name(shmem_ctx_t ctx, shmem_team_t team, uint64_t *sig, long *sync)  \
    {                                                                                \
        (void)ctx, (void)team, (void)sig, (void)sync;                                \
        __VA_ARGS__;                                                                 \
    }
ONE(shmem_signal_add, shmem_signal_add(sig, 1, 0))
ONE(shmem_ctx_signal_add, shmem_signal_add(ctx, sig, 1, 0))
ONE(shmem_signal_set, shmem_signal_set(sig, 1, 0))
ONE(shmem_ctx_signal_set, shmem_signal_set(ctx, sig, 1, 0))
ONE(shmem_team_sync, (void)(0 == shmem_sync(team)))
ONE(shmem_sync, shmem_sync(0, 0, 1, sync))
ONE(shmem_wait_until, (shmem_wait_until)(sync, SHMEM_CMP_NE, 0))

/* What real programs pass: volatile flags, arrays, constants, calls within calls. */
static volatile int flag;
static int array[4];
static double matrix[2][3];

int shapes_of_arguments(const volatile long *seen, const shmem_ctx_t ctx);
int shapes_of_arguments(const volatile long *seen, const shmem_ctx_t ctx)
{
    void (*sync)(int, int, int, long *) = shmem_sync;
    int (*to_int)(const int *, int) = shmem_int_g;

    shmem_wait_until(&flag, SHMEM_CMP_EQ, 1);
    shmem_wait_until(seen, SHMEM_CMP_EQ, 1);
    shmem_put(array, array + 2, 2, 0);
    shmem_put(ctx, matrix[1], matrix[0], 3, 0);
    shmem_p(array, shmem_g(array, shmem_g(&array[1], 0)), shmem_g(ctx, array + 1, 0));
    shmem_put(SHMEM_CTX_DEFAULT, &array[0], (const int[]){1, 2}, 2, 0);
    return sync != NULL && to_int != NULL && shmem_test(&flag, SHMEM_CMP_EQ, 1);
}
