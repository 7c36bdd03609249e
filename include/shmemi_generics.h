/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shmemi_generics.h -- what shmem.h adds for C11: routines that find the type themselves.
 *
 * shmem_put(dest, ...) calls shmem_T_put for the type that dest points to, const or volatile or
 * not; shmem_put(ctx, dest, ...) calls shmem_ctx_T_put.  A pointer to anything else selects a
 * function that takes no arguments and whose name is the message.
 *
 * All are macros with arguments: &shmem_sync and (shmem_sync)(...) still mean the C function.
 * Include <shmem.h>, not this.
 */
#ifndef SHMEMI_GENERICS_H
#define SHMEMI_GENERICS_H

#if defined __GNUC__
#pragma GCC system_header
#endif

/* clang-format off */

void shmemi_not_an_openshmem_type(void);

#define SHMEMI_FIRST(first, ...)            first
#define SHMEMI_SECOND(first, second, ...)   second

/* The branches of a selection.  The selected expression loses its qualifiers, so that one branch
 * serves const and volatile objects too. */
#define SHMEMI_BRANCH(op, T, type)          type: shmem##T##op,
#define SHMEMI_BRANCH_CTX(op, T, type)      type: shmem_ctx##T##op,
#define SHMEMI_SELECT(FOR, BRANCH, op, ptr) \
    _Generic(*(ptr), FOR(BRANCH, op) default: shmemi_not_an_openshmem_type)

/* with_ctx if the first of the arguments is a context, else without. */
#define SHMEMI_IF_CTX(with_ctx, without, ...) \
    _Generic((SHMEMI_FIRST(__VA_ARGS__, 0)), shmem_ctx_t: with_ctx, default: without)

/* The first of the arguments that is not a context. */
#define SHMEMI_POINTER(...) \
    SHMEMI_IF_CTX((SHMEMI_SECOND(__VA_ARGS__, 0, 0)), (SHMEMI_FIRST(__VA_ARGS__, 0)), __VA_ARGS__)

/* A routine that may be given a context; one that is given a team; one that is given neither; and
 * one that is given an ivar, which programs used to declare volatile.  The column is that of
 * SHMEMI_TYPES. */
#define SHMEMI_CALL(column, ...)        SHMEMI_CALL_(SHMEMI_FOR_##column##_C11, __VA_ARGS__)
#define SHMEMI_CALL_TEAM(column, ...)   SHMEMI_CALL_TEAM_(SHMEMI_FOR_##column##_C11, __VA_ARGS__)
#define SHMEMI_CALL_PLAIN(column, ...)  SHMEMI_CALL_PLAIN_(SHMEMI_FOR_##column##_C11, __VA_ARGS__)

#define SHMEMI_CALL_(FOR, op, ...) \
    SHMEMI_IF_CTX(SHMEMI_SELECT(FOR, SHMEMI_BRANCH_CTX, op, SHMEMI_POINTER(__VA_ARGS__)), \
                  SHMEMI_SELECT(FOR, SHMEMI_BRANCH, op, SHMEMI_POINTER(__VA_ARGS__)), \
                  __VA_ARGS__)(__VA_ARGS__)
#define SHMEMI_CALL_TEAM_(FOR, op, ...) \
    SHMEMI_SELECT(FOR, SHMEMI_BRANCH, op, SHMEMI_SECOND(__VA_ARGS__, 0, 0))(__VA_ARGS__)
#define SHMEMI_CALL_PLAIN_(FOR, op, ...) \
    SHMEMI_SELECT(FOR, SHMEMI_BRANCH, op, SHMEMI_FIRST(__VA_ARGS__, 0))(__VA_ARGS__)
#define SHMEMI_CALL_IVAR(op, ivar, ...) \
    SHMEMI_SELECT(SHMEMI_FOR_SYNC_C11, SHMEMI_BRANCH, op, ivar)((void *)(ivar), __VA_ARGS__)

/* 9.6, 9.8: put, get, put with signal */
#define shmem_put(...)             SHMEMI_CALL(RMA, _put, __VA_ARGS__)
#define shmem_get(...)             SHMEMI_CALL(RMA, _get, __VA_ARGS__)
#define shmem_put_nbi(...)         SHMEMI_CALL(RMA, _put_nbi, __VA_ARGS__)
#define shmem_get_nbi(...)         SHMEMI_CALL(RMA, _get_nbi, __VA_ARGS__)
#define shmem_p(...)               SHMEMI_CALL(RMA, _p, __VA_ARGS__)
#define shmem_g(...)               SHMEMI_CALL(RMA, _g, __VA_ARGS__)
#define shmem_iput(...)            SHMEMI_CALL(RMA, _iput, __VA_ARGS__)
#define shmem_iget(...)            SHMEMI_CALL(RMA, _iget, __VA_ARGS__)
#define shmem_ibput(...)           SHMEMI_CALL(RMA, _ibput, __VA_ARGS__)
#define shmem_ibget(...)           SHMEMI_CALL(RMA, _ibget, __VA_ARGS__)
#define shmem_put_signal(...)      SHMEMI_CALL(RMA, _put_signal, __VA_ARGS__)
#define shmem_put_signal_nbi(...)  SHMEMI_CALL(RMA, _put_signal_nbi, __VA_ARGS__)

/* 9.7: atomics */
#define shmem_atomic_fetch(...)             SHMEMI_CALL(AMO_EXT, _atomic_fetch, __VA_ARGS__)
#define shmem_atomic_set(...)               SHMEMI_CALL(AMO_EXT, _atomic_set, __VA_ARGS__)
#define shmem_atomic_swap(...)              SHMEMI_CALL(AMO_EXT, _atomic_swap, __VA_ARGS__)
#define shmem_atomic_compare_swap(...)      SHMEMI_CALL(AMO, _atomic_compare_swap, __VA_ARGS__)
#define shmem_atomic_inc(...)               SHMEMI_CALL(AMO, _atomic_inc, __VA_ARGS__)
#define shmem_atomic_fetch_inc(...)         SHMEMI_CALL(AMO, _atomic_fetch_inc, __VA_ARGS__)
#define shmem_atomic_add(...)               SHMEMI_CALL(AMO, _atomic_add, __VA_ARGS__)
#define shmem_atomic_fetch_add(...)         SHMEMI_CALL(AMO, _atomic_fetch_add, __VA_ARGS__)
#define shmem_atomic_and(...)               SHMEMI_CALL(AMO_BIT, _atomic_and, __VA_ARGS__)
#define shmem_atomic_fetch_and(...)         SHMEMI_CALL(AMO_BIT, _atomic_fetch_and, __VA_ARGS__)
#define shmem_atomic_or(...)                SHMEMI_CALL(AMO_BIT, _atomic_or, __VA_ARGS__)
#define shmem_atomic_fetch_or(...)          SHMEMI_CALL(AMO_BIT, _atomic_fetch_or, __VA_ARGS__)
#define shmem_atomic_xor(...)               SHMEMI_CALL(AMO_BIT, _atomic_xor, __VA_ARGS__)
#define shmem_atomic_fetch_xor(...)         SHMEMI_CALL(AMO_BIT, _atomic_fetch_xor, __VA_ARGS__)
#define shmem_atomic_fetch_nbi(...)         SHMEMI_CALL(AMO_EXT, _atomic_fetch_nbi, __VA_ARGS__)
#define shmem_atomic_swap_nbi(...)          SHMEMI_CALL(AMO_EXT, _atomic_swap_nbi, __VA_ARGS__)
#define shmem_atomic_compare_swap_nbi(...)  SHMEMI_CALL(AMO, _atomic_compare_swap_nbi, __VA_ARGS__)
#define shmem_atomic_fetch_inc_nbi(...)     SHMEMI_CALL(AMO, _atomic_fetch_inc_nbi, __VA_ARGS__)
#define shmem_atomic_fetch_add_nbi(...)     SHMEMI_CALL(AMO, _atomic_fetch_add_nbi, __VA_ARGS__)
#define shmem_atomic_fetch_and_nbi(...)     SHMEMI_CALL(AMO_BIT, _atomic_fetch_and_nbi, __VA_ARGS__)
#define shmem_atomic_fetch_or_nbi(...)      SHMEMI_CALL(AMO_BIT, _atomic_fetch_or_nbi, __VA_ARGS__)
#define shmem_atomic_fetch_xor_nbi(...)     SHMEMI_CALL(AMO_BIT, _atomic_fetch_xor_nbi, __VA_ARGS__)

/* 9.8, 9.10: these are also C functions, without a context, and over an active set. */
#define shmem_signal_add(...) \
    SHMEMI_IF_CTX(shmem_ctx_signal_add, shmem_signal_add, __VA_ARGS__)(__VA_ARGS__)
#define shmem_signal_set(...) \
    SHMEMI_IF_CTX(shmem_ctx_signal_set, shmem_signal_set, __VA_ARGS__)(__VA_ARGS__)
#define shmem_sync(...) \
    _Generic((SHMEMI_FIRST(__VA_ARGS__, 0)), shmem_team_t: shmem_team_sync, default: shmem_sync) \
    (__VA_ARGS__)

/* 9.10: collectives */
#define shmem_alltoall(...)     SHMEMI_CALL_TEAM(RMA, _alltoall, __VA_ARGS__)
#define shmem_alltoalls(...)    SHMEMI_CALL_TEAM(RMA, _alltoalls, __VA_ARGS__)
#define shmem_broadcast(...)    SHMEMI_CALL_TEAM(RMA, _broadcast, __VA_ARGS__)
#define shmem_collect(...)      SHMEMI_CALL_TEAM(RMA, _collect, __VA_ARGS__)
#define shmem_fcollect(...)     SHMEMI_CALL_TEAM(RMA, _fcollect, __VA_ARGS__)
#define shmem_and_reduce(...)   SHMEMI_CALL_TEAM(LOGIC, _and_reduce, __VA_ARGS__)
#define shmem_or_reduce(...)    SHMEMI_CALL_TEAM(LOGIC, _or_reduce, __VA_ARGS__)
#define shmem_xor_reduce(...)   SHMEMI_CALL_TEAM(LOGIC, _xor_reduce, __VA_ARGS__)
#define shmem_max_reduce(...)   SHMEMI_CALL_TEAM(COMPARE, _max_reduce, __VA_ARGS__)
#define shmem_min_reduce(...)   SHMEMI_CALL_TEAM(COMPARE, _min_reduce, __VA_ARGS__)
#define shmem_sum_reduce(...)   SHMEMI_CALL_TEAM(SUM, _sum_reduce, __VA_ARGS__)
#define shmem_prod_reduce(...)  SHMEMI_CALL_TEAM(SUM, _prod_reduce, __VA_ARGS__)
#define shmem_sum_inscan(...)   SHMEMI_CALL_TEAM(SUM, _sum_inscan, __VA_ARGS__)
#define shmem_sum_exscan(...)   SHMEMI_CALL_TEAM(SUM, _sum_exscan, __VA_ARGS__)

/* 9.11: waiting; shmem_wait_until is also a C function on long, which a long selects */
#define shmem_wait_until(...)              SHMEMI_CALL_IVAR(_wait_until, __VA_ARGS__)
#define shmem_wait_until_all(...)          SHMEMI_CALL_IVAR(_wait_until_all, __VA_ARGS__)
#define shmem_wait_until_any(...)          SHMEMI_CALL_IVAR(_wait_until_any, __VA_ARGS__)
#define shmem_wait_until_some(...)         SHMEMI_CALL_IVAR(_wait_until_some, __VA_ARGS__)
#define shmem_wait_until_all_vector(...)   SHMEMI_CALL_IVAR(_wait_until_all_vector, __VA_ARGS__)
#define shmem_wait_until_any_vector(...)   SHMEMI_CALL_IVAR(_wait_until_any_vector, __VA_ARGS__)
#define shmem_wait_until_some_vector(...)  SHMEMI_CALL_IVAR(_wait_until_some_vector, __VA_ARGS__)
#define shmem_test(...)                    SHMEMI_CALL_IVAR(_test, __VA_ARGS__)
#define shmem_test_all(...)                SHMEMI_CALL_IVAR(_test_all, __VA_ARGS__)
#define shmem_test_any(...)                SHMEMI_CALL_IVAR(_test_any, __VA_ARGS__)
#define shmem_test_some(...)               SHMEMI_CALL_IVAR(_test_some, __VA_ARGS__)
#define shmem_test_all_vector(...)         SHMEMI_CALL_IVAR(_test_all_vector, __VA_ARGS__)
#define shmem_test_any_vector(...)         SHMEMI_CALL_IVAR(_test_any_vector, __VA_ARGS__)
#define shmem_test_some_vector(...)        SHMEMI_CALL_IVAR(_test_some_vector, __VA_ARGS__)

/* Deprecated: the atomics of 1.3 */
#define shmem_fetch(...)  SHMEMI_CALL_PLAIN(AMO_EXT, _fetch, __VA_ARGS__)
#define shmem_set(...)    SHMEMI_CALL_PLAIN(AMO_EXT, _set, __VA_ARGS__)
#define shmem_swap(...)   SHMEMI_CALL_PLAIN(AMO_EXT, _swap, __VA_ARGS__)
#define shmem_cswap(...)  SHMEMI_CALL_PLAIN(AMO, _cswap, __VA_ARGS__)
#define shmem_inc(...)    SHMEMI_CALL_PLAIN(AMO, _inc, __VA_ARGS__)
#define shmem_finc(...)   SHMEMI_CALL_PLAIN(AMO, _finc, __VA_ARGS__)
#define shmem_add(...)    SHMEMI_CALL_PLAIN(AMO, _add, __VA_ARGS__)
#define shmem_fadd(...)   SHMEMI_CALL_PLAIN(AMO, _fadd, __VA_ARGS__)

/* clang-format on */

#endif
