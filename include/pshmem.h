/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pshmem.h -- the profiling names: pshmem_x is what shmem_x does when no tool stands before it.
 *
 * A tool defines routines of shmem.h itself, does its measuring, and calls the pshmem_ name.  It
 * defines SHMEMI_NO_GENERICS before the include, so that in C11 the names that are also generic
 * macros (shmem_sync, shmem_wait_until, shmem_signal_add, shmem_signal_set) stay plain.
 *
 * A name is enough here: the signature is that of its twin.
 */
#ifndef PSHMEM_H
#define PSHMEM_H

#if defined __GNUC__
#pragma GCC system_header
#endif

#include "shmem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */

#define SHMEMI_P_WHOLE(name)            extern __typeof__(name) p##name;
#define SHMEMI_P(name)                  SHMEMI_P_WHOLE(shmem##name)
#define SHMEMI_P_PAIR(name)             SHMEMI_P(name) SHMEMI_P(_ctx##name)
#define SHMEMI_P_TYPED(op, T, type)     SHMEMI_P(T##op)
#define SHMEMI_PP_TYPED(op, T, type)    SHMEMI_P_PAIR(T##op)
#define SHMEMI_PP_SIZED(op, bits, tail) SHMEMI_P_PAIR(op##bits##tail)

/* 9.1 to 9.5, 9.9 */
SHMEMI_P(_init) SHMEMI_P(_init_thread) SHMEMI_P(_finalize) SHMEMI_P(_global_exit)
SHMEMI_P(_query_thread) SHMEMI_P(_query_initialized)
SHMEMI_P(_my_pe) SHMEMI_P(_n_pes) SHMEMI_P(_pe_accessible) SHMEMI_P(_addr_accessible)
SHMEMI_P(_ptr) SHMEMI_P(_team_ptr) SHMEMI_P(_info_get_version) SHMEMI_P(_info_get_name)
SHMEMI_P(_malloc) SHMEMI_P(_malloc_with_hints) SHMEMI_P(_calloc)
SHMEMI_P(_align) SHMEMI_P(_realloc) SHMEMI_P(_free)
SHMEMI_P(_team_my_pe) SHMEMI_P(_team_n_pes) SHMEMI_P(_team_get_config)
SHMEMI_P(_team_translate_pe) SHMEMI_P(_team_split_strided) SHMEMI_P(_team_split_2d)
SHMEMI_P(_team_destroy)
SHMEMI_P(_ctx_create) SHMEMI_P(_team_create_ctx) SHMEMI_P(_ctx_destroy) SHMEMI_P(_ctx_get_team)
SHMEMI_P(_ctx_session_start) SHMEMI_P(_ctx_session_stop)

/* 9.6: put and get */
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _put)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _get)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _put_nbi)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _get_nbi)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _p)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _g)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _iput)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _iget)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _ibput)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _ibget)
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _put, )
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _get, )
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _put, _nbi)
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _get, _nbi)
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _iput, )
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _iget, )
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _ibput, )
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _ibget, )
SHMEMI_P_PAIR(_putmem) SHMEMI_P_PAIR(_getmem) SHMEMI_P_PAIR(_putmem_nbi) SHMEMI_P_PAIR(_getmem_nbi)

/* 9.7: atomics */
SHMEMI_FOR_AMO_EXT(SHMEMI_PP_TYPED, _atomic_fetch)
SHMEMI_FOR_AMO_EXT(SHMEMI_PP_TYPED, _atomic_set)
SHMEMI_FOR_AMO_EXT(SHMEMI_PP_TYPED, _atomic_swap)
SHMEMI_FOR_AMO(SHMEMI_PP_TYPED, _atomic_compare_swap)
SHMEMI_FOR_AMO(SHMEMI_PP_TYPED, _atomic_inc)
SHMEMI_FOR_AMO(SHMEMI_PP_TYPED, _atomic_fetch_inc)
SHMEMI_FOR_AMO(SHMEMI_PP_TYPED, _atomic_add)
SHMEMI_FOR_AMO(SHMEMI_PP_TYPED, _atomic_fetch_add)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_and)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_fetch_and)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_or)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_fetch_or)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_xor)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_fetch_xor)
SHMEMI_FOR_AMO_EXT(SHMEMI_PP_TYPED, _atomic_fetch_nbi)
SHMEMI_FOR_AMO_EXT(SHMEMI_PP_TYPED, _atomic_swap_nbi)
SHMEMI_FOR_AMO(SHMEMI_PP_TYPED, _atomic_compare_swap_nbi)
SHMEMI_FOR_AMO(SHMEMI_PP_TYPED, _atomic_fetch_inc_nbi)
SHMEMI_FOR_AMO(SHMEMI_PP_TYPED, _atomic_fetch_add_nbi)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_fetch_and_nbi)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_fetch_or_nbi)
SHMEMI_FOR_AMO_BIT(SHMEMI_PP_TYPED, _atomic_fetch_xor_nbi)

/* 9.8: signals */
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _put_signal)
SHMEMI_FOR_RMA(SHMEMI_PP_TYPED, _put_signal_nbi)
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _put, _signal)
SHMEMI_FOR_SIZES(SHMEMI_PP_SIZED, _put, _signal_nbi)
SHMEMI_P_PAIR(_putmem_signal) SHMEMI_P_PAIR(_putmem_signal_nbi)
SHMEMI_P_PAIR(_signal_add) SHMEMI_P_PAIR(_signal_set)
SHMEMI_P(_signal_fetch) SHMEMI_P(_signal_wait_until)

/* 9.10: collectives */
SHMEMI_P(_barrier_all) SHMEMI_P(_sync_all) SHMEMI_P(_team_sync)
SHMEMI_FOR_RMA(SHMEMI_P_TYPED, _alltoall)
SHMEMI_FOR_RMA(SHMEMI_P_TYPED, _alltoalls)
SHMEMI_FOR_RMA(SHMEMI_P_TYPED, _broadcast)
SHMEMI_FOR_RMA(SHMEMI_P_TYPED, _collect)
SHMEMI_FOR_RMA(SHMEMI_P_TYPED, _fcollect)
SHMEMI_P(_alltoallmem) SHMEMI_P(_alltoallsmem) SHMEMI_P(_broadcastmem)
SHMEMI_P(_collectmem) SHMEMI_P(_fcollectmem)
SHMEMI_FOR_LOGIC(SHMEMI_P_TYPED, _and_reduce)
SHMEMI_FOR_LOGIC(SHMEMI_P_TYPED, _or_reduce)
SHMEMI_FOR_LOGIC(SHMEMI_P_TYPED, _xor_reduce)
SHMEMI_FOR_COMPARE(SHMEMI_P_TYPED, _max_reduce)
SHMEMI_FOR_COMPARE(SHMEMI_P_TYPED, _min_reduce)
SHMEMI_FOR_SUM(SHMEMI_P_TYPED, _sum_reduce)
SHMEMI_FOR_SUM(SHMEMI_P_TYPED, _prod_reduce)
SHMEMI_FOR_SUM(SHMEMI_P_TYPED, _sum_inscan)
SHMEMI_FOR_SUM(SHMEMI_P_TYPED, _sum_exscan)

/* 9.11: waiting */
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _wait_until)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _wait_until_all)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _wait_until_any)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _wait_until_some)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _wait_until_all_vector)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _wait_until_any_vector)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _wait_until_some_vector)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _test)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _test_all)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _test_any)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _test_some)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _test_all_vector)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _test_any_vector)
SHMEMI_FOR_SYNC(SHMEMI_P_TYPED, _test_some_vector)

/* 9.12, 9.13, 10 */
SHMEMI_P_PAIR(_fence) SHMEMI_P_PAIR(_quiet) SHMEMI_P_PAIR(_pe_quiet)
SHMEMI_P(_set_lock) SHMEMI_P(_clear_lock) SHMEMI_P(_test_lock) SHMEMI_P(_pcontrol)

/* Deprecated */
SHMEMI_P_WHOLE(start_pes) SHMEMI_P_WHOLE(_my_pe) SHMEMI_P_WHOLE(_num_pes)
SHMEMI_P_WHOLE(shmalloc) SHMEMI_P_WHOLE(shfree) SHMEMI_P_WHOLE(shrealloc) SHMEMI_P_WHOLE(shmemalign)
SHMEMI_FOR_AMO_EXT(SHMEMI_P_TYPED, _fetch)
SHMEMI_FOR_AMO_EXT(SHMEMI_P_TYPED, _set)
SHMEMI_FOR_AMO_EXT(SHMEMI_P_TYPED, _swap)
SHMEMI_FOR_AMO(SHMEMI_P_TYPED, _cswap)
SHMEMI_FOR_AMO(SHMEMI_P_TYPED, _inc)
SHMEMI_FOR_AMO(SHMEMI_P_TYPED, _finc)
SHMEMI_FOR_AMO(SHMEMI_P_TYPED, _add)
SHMEMI_FOR_AMO(SHMEMI_P_TYPED, _fadd)
SHMEMI_P(_wait_until) SHMEMI_P(_wait)
SHMEMI_FOR_OLD_WAIT(SHMEMI_P_TYPED, _wait)
SHMEMI_P(_barrier) SHMEMI_P(_sync) SHMEMI_P(_broadcast32) SHMEMI_P(_broadcast64)
SHMEMI_P(_collect32) SHMEMI_P(_collect64) SHMEMI_P(_fcollect32) SHMEMI_P(_fcollect64)
SHMEMI_P(_alltoall32) SHMEMI_P(_alltoall64) SHMEMI_P(_alltoalls32) SHMEMI_P(_alltoalls64)
SHMEMI_FOR_OLD_LOGIC(SHMEMI_P_TYPED, _and_to_all)
SHMEMI_FOR_OLD_LOGIC(SHMEMI_P_TYPED, _or_to_all)
SHMEMI_FOR_OLD_LOGIC(SHMEMI_P_TYPED, _xor_to_all)
SHMEMI_FOR_OLD_COMPARE(SHMEMI_P_TYPED, _max_to_all)
SHMEMI_FOR_OLD_COMPARE(SHMEMI_P_TYPED, _min_to_all)
SHMEMI_FOR_OLD_SUM(SHMEMI_P_TYPED, _sum_to_all)
SHMEMI_FOR_OLD_SUM(SHMEMI_P_TYPED, _prod_to_all)

/* clang-format on */

#ifdef __cplusplus
}
#endif

#endif
