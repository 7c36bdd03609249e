/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shmem.h -- OpenSHMEM 1.6, all of it.
 *
 * The specification defines most routines once per type: shmem_int_put, shmem_long_put, and so on,
 * each again with a context.  Here the types stand in one table, SHMEMI_TYPES, and everything
 * typed is derived from it.  SHMEMI_FOR_RMA(F, op) writes F(op, T, type) once for each type that
 * has puts and gets, T being the middle of the name with the underscore before it:
 *
 *     #define PRINT(op, T, type) printf("shmem" #T #op " moves %zu bytes\n", sizeof(type));
 *     SHMEMI_FOR_RMA(PRINT, _put)        shmem_float_put moves 4 bytes ...
 *
 * SHMEMI_FOR_AMO and the others below do the same for the other columns.  The declarations here,
 * the library's definitions and its tests all come from these, so that "every type" is the same
 * set everywhere.  Names in the table begin with an underscore, where a program's own macros
 * (#define uint, #define put) do not reach.
 *
 * Names that begin with SHMEMI_ are no part of OpenSHMEM.
 */
#ifndef SHMEM_H
#define SHMEM_H

#if defined __GNUC__
#pragma GCC system_header /* a mistake is reported at the line of the call, not in here */
#endif

#include <stddef.h>
#include <stdint.h>

/* What stands before every declaration.  A program calls through its table of addresses, without
 * the stub in between, which costs a p a sixth of its time.  The library puts its visibility here,
 * and does without noreturn, which gcc misses on the alias that is shmem_global_exit's profiling
 * name. */
#ifdef SHMEMI_API
#define SHMEMI_NORETURN
#else
#define SHMEMI_NORETURN __attribute__((noreturn))
#ifdef __has_attribute
#if __has_attribute(noplt)
#define SHMEMI_API __attribute__((noplt))
#endif
#endif
#endif
#ifndef SHMEMI_API
#define SHMEMI_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */

/* ---- 6, 7: constants, handles and types -------------------------------------------------- */

#define SHMEM_MAJOR_VERSION     1
#define SHMEM_MINOR_VERSION     6
#define SHMEM_MAX_NAME_LEN      64
#define SHMEM_VENDOR_STRING     "npushmem 0.1.0"

#define SHMEM_THREAD_SINGLE     0
#define SHMEM_THREAD_FUNNELED   1
#define SHMEM_THREAD_SERIALIZED 2
#define SHMEM_THREAD_MULTIPLE   3

/*
 * Handles are numbers in the clothes of a pointer, so that the compiler tells a team from a
 * context.  The predefined ones are constants and not variables of the library: they may stand in
 * static initialisers, need no relocation, and are valid before shmem_init.
 */
typedef struct shmemi_team *shmem_team_t;
typedef struct shmemi_ctx *shmem_ctx_t;

#define SHMEM_TEAM_INVALID      ((shmem_team_t)0)
#define SHMEM_TEAM_WORLD        ((shmem_team_t)1)
#define SHMEM_TEAM_SHARED       ((shmem_team_t)2)
#define SHMEM_CTX_INVALID       ((shmem_ctx_t)0)
#define SHMEM_CTX_DEFAULT       ((shmem_ctx_t)1)

typedef struct {
    int num_contexts;           /* contexts that may be created from the team */
} shmem_team_config_t;

typedef struct {
    size_t total_ops;           /* operations expected in the session */
} shmem_ctx_session_config_t;

/* Bits for the masks and options that go with these. */
#define SHMEM_TEAM_NUM_CONTEXTS     1L
#define SHMEM_CTX_SERIALIZED        1L
#define SHMEM_CTX_PRIVATE           2L
#define SHMEM_CTX_NOSTORE           4L
#define SHMEM_CTX_SESSION_BATCH     1L
#define SHMEM_CTX_SESSION_TOTAL_OPS 1L
#define SHMEM_MALLOC_ATOMICS_REMOTE 1L
#define SHMEM_MALLOC_SIGNAL_REMOTE  2L

#define SHMEM_SIGNAL_SET        0
#define SHMEM_SIGNAL_ADD        1

#define SHMEM_CMP_EQ            0
#define SHMEM_CMP_NE            1
#define SHMEM_CMP_GT            2
#define SHMEM_CMP_LE            3
#define SHMEM_CMP_LT            4
#define SHMEM_CMP_GE            5

/* For the deprecated collectives over active sets: how long pSync and pWrk are. */
#define SHMEM_SYNC_VALUE                0L
#define SHMEM_SYNC_SIZE                 16
#define SHMEM_BARRIER_SYNC_SIZE         SHMEM_SYNC_SIZE
#define SHMEM_BCAST_SYNC_SIZE           SHMEM_SYNC_SIZE
#define SHMEM_COLLECT_SYNC_SIZE         SHMEM_SYNC_SIZE
#define SHMEM_ALLTOALL_SYNC_SIZE        SHMEM_SYNC_SIZE
#define SHMEM_ALLTOALLS_SYNC_SIZE       SHMEM_SYNC_SIZE
#define SHMEM_REDUCE_SYNC_SIZE          SHMEM_SYNC_SIZE
#define SHMEM_REDUCE_MIN_WRKDATA_SIZE   8

/* The spellings of OpenSHMEM 1.0. */
#define _SHMEM_MAJOR_VERSION            SHMEM_MAJOR_VERSION
#define _SHMEM_MINOR_VERSION            SHMEM_MINOR_VERSION
#define _SHMEM_MAX_NAME_LEN             SHMEM_MAX_NAME_LEN
#define _SHMEM_VENDOR_STRING            SHMEM_VENDOR_STRING
#define _SHMEM_CMP_EQ                   SHMEM_CMP_EQ
#define _SHMEM_CMP_NE                   SHMEM_CMP_NE
#define _SHMEM_CMP_GT                   SHMEM_CMP_GT
#define _SHMEM_CMP_LE                   SHMEM_CMP_LE
#define _SHMEM_CMP_LT                   SHMEM_CMP_LT
#define _SHMEM_CMP_GE                   SHMEM_CMP_GE
#define _SHMEM_SYNC_VALUE               SHMEM_SYNC_VALUE
#define _SHMEM_BARRIER_SYNC_SIZE        SHMEM_BARRIER_SYNC_SIZE
#define _SHMEM_BCAST_SYNC_SIZE          SHMEM_BCAST_SYNC_SIZE
#define _SHMEM_COLLECT_SYNC_SIZE        SHMEM_COLLECT_SYNC_SIZE
#define _SHMEM_REDUCE_SYNC_SIZE         SHMEM_REDUCE_SYNC_SIZE
#define _SHMEM_REDUCE_MIN_WRKDATA_SIZE  SHMEM_REDUCE_MIN_WRKDATA_SIZE

/* ---- the types --------------------------------------------------------------------------- */

/*
 * The specification's tables of types side by side.  A column is a group of routines:
 *
 *     rma  put, get, p, g, and the team's data collectives    syn  wait and test
 *     amo  atomics with arithmetic, compare-and-swap          log  and, or, xor reductions
 *     ext  atomic fetch, set, swap                            cmp  min, max reductions
 *     bit  atomic and, or, xor                                sum  sum, prod reductions; scans
 *
 * 0: the group has no routine for the type.  1: it has.  2: and the C11 generic selects it.  Where
 * names are synonyms (size_t is also unsigned long, say) only one of them may be a 2.
 *
 * Beyond OpenSHMEM 1.6: log has the signed types short, int, long and longlong of 1.5's
 * withdrawn table, and short and ushort have every form of wait and test, not just the plain one.
 */
#define SHMEMI_TYPES(ROW, IF, F, op)                                                    \
    /*             name         type               rma amo ext bit syn log cmp sum */   \
    ROW(IF, F, op, _float,      float,               2,  0,  2,  0,  0,  0,  2,  2)      \
    ROW(IF, F, op, _double,     double,              2,  0,  2,  0,  0,  0,  2,  2)      \
    ROW(IF, F, op, _longdouble, long double,         2,  0,  0,  0,  0,  0,  2,  2)      \
    ROW(IF, F, op, _complexf,   float _Complex,      0,  0,  0,  0,  0,  0,  0,  2)      \
    ROW(IF, F, op, _complexd,   double _Complex,     0,  0,  0,  0,  0,  0,  0,  2)      \
    ROW(IF, F, op, _char,       char,                2,  0,  0,  0,  0,  0,  2,  2)      \
    ROW(IF, F, op, _schar,      signed char,         2,  0,  0,  0,  0,  0,  2,  2)      \
    ROW(IF, F, op, _short,      short,               2,  0,  0,  0,  2,  2,  2,  2)      \
    ROW(IF, F, op, _int,        int,                 2,  2,  2,  0,  2,  2,  2,  2)      \
    ROW(IF, F, op, _long,       long,                2,  2,  2,  0,  2,  2,  2,  2)      \
    ROW(IF, F, op, _longlong,   long long,           2,  2,  2,  0,  2,  2,  2,  2)      \
    ROW(IF, F, op, _uchar,      unsigned char,       2,  0,  0,  0,  0,  2,  2,  2)      \
    ROW(IF, F, op, _ushort,     unsigned short,      2,  0,  0,  0,  2,  2,  2,  2)      \
    ROW(IF, F, op, _uint,       unsigned int,        2,  2,  2,  2,  2,  2,  2,  2)      \
    ROW(IF, F, op, _ulong,      unsigned long,       2,  2,  2,  2,  2,  2,  2,  2)      \
    ROW(IF, F, op, _ulonglong,  unsigned long long,  2,  2,  2,  2,  2,  2,  2,  2)      \
    ROW(IF, F, op, _int8,       int8_t,              1,  0,  0,  0,  0,  2,  1,  1)      \
    ROW(IF, F, op, _int16,      int16_t,             1,  0,  0,  0,  0,  1,  1,  1)      \
    ROW(IF, F, op, _int32,      int32_t,             1,  1,  1,  2,  1,  1,  1,  1)      \
    ROW(IF, F, op, _int64,      int64_t,             1,  1,  1,  2,  1,  1,  1,  1)      \
    ROW(IF, F, op, _uint8,      uint8_t,             1,  0,  0,  0,  0,  1,  1,  1)      \
    ROW(IF, F, op, _uint16,     uint16_t,            1,  0,  0,  0,  0,  1,  1,  1)      \
    ROW(IF, F, op, _uint32,     uint32_t,            1,  1,  1,  1,  1,  1,  1,  1)      \
    ROW(IF, F, op, _uint64,     uint64_t,            1,  1,  1,  1,  1,  1,  1,  1)      \
    ROW(IF, F, op, _size,       size_t,              1,  1,  1,  0,  1,  1,  1,  1)      \
    ROW(IF, F, op, _ptrdiff,    ptrdiff_t,           1,  1,  1,  0,  1,  0,  1,  1)

/* F(op, T, type) for each type of a column ... */
#define SHMEMI_FOR_RMA(F, op)           SHMEMI_NOW(SHMEMI_TYPES(SHMEMI_ROW_RMA, SHMEMI_IF_, F, op))
#define SHMEMI_FOR_AMO(F, op)           SHMEMI_NOW(SHMEMI_TYPES(SHMEMI_ROW_AMO, SHMEMI_IF_, F, op))
#define SHMEMI_FOR_AMO_EXT(F, op)       SHMEMI_NOW(SHMEMI_TYPES(SHMEMI_ROW_EXT, SHMEMI_IF_, F, op))
#define SHMEMI_FOR_AMO_BIT(F, op)       SHMEMI_NOW(SHMEMI_TYPES(SHMEMI_ROW_BIT, SHMEMI_IF_, F, op))
#define SHMEMI_FOR_SYNC(F, op)          SHMEMI_NOW(SHMEMI_TYPES(SHMEMI_ROW_SYN, SHMEMI_IF_, F, op))
#define SHMEMI_FOR_LOGIC(F, op)         SHMEMI_NOW(SHMEMI_TYPES(SHMEMI_ROW_LOG, SHMEMI_IF_, F, op))
#define SHMEMI_FOR_COMPARE(F, op)       SHMEMI_NOW(SHMEMI_TYPES(SHMEMI_ROW_CMP, SHMEMI_IF_, F, op))
#define SHMEMI_FOR_SUM(F, op)           SHMEMI_NOW(SHMEMI_TYPES(SHMEMI_ROW_SUM, SHMEMI_IF_, F, op))

/* ... and for those of them that are distinct C types, which is what the generics select from.
 * Here F may not itself use a generic. */
#define SHMEMI_FOR_RMA_C11(F, op)       SHMEMI_TYPES(SHMEMI_ROW_RMA, SHMEMI_C11_, F, op)
#define SHMEMI_FOR_AMO_C11(F, op)       SHMEMI_TYPES(SHMEMI_ROW_AMO, SHMEMI_C11_, F, op)
#define SHMEMI_FOR_AMO_EXT_C11(F, op)   SHMEMI_TYPES(SHMEMI_ROW_EXT, SHMEMI_C11_, F, op)
#define SHMEMI_FOR_AMO_BIT_C11(F, op)   SHMEMI_TYPES(SHMEMI_ROW_BIT, SHMEMI_C11_, F, op)
#define SHMEMI_FOR_SYNC_C11(F, op)      SHMEMI_TYPES(SHMEMI_ROW_SYN, SHMEMI_C11_, F, op)
#define SHMEMI_FOR_LOGIC_C11(F, op)     SHMEMI_TYPES(SHMEMI_ROW_LOG, SHMEMI_C11_, F, op)
#define SHMEMI_FOR_COMPARE_C11(F, op)   SHMEMI_TYPES(SHMEMI_ROW_CMP, SHMEMI_C11_, F, op)
#define SHMEMI_FOR_SUM_C11(F, op)       SHMEMI_TYPES(SHMEMI_ROW_SUM, SHMEMI_C11_, F, op)

#define SHMEMI_ROW_RMA(IF, F, op, T, t, rma, amo, ext, bit, syn, log, cmp, sum) IF##rma(F, op, T, t)
#define SHMEMI_ROW_AMO(IF, F, op, T, t, rma, amo, ext, bit, syn, log, cmp, sum) IF##amo(F, op, T, t)
#define SHMEMI_ROW_EXT(IF, F, op, T, t, rma, amo, ext, bit, syn, log, cmp, sum) IF##ext(F, op, T, t)
#define SHMEMI_ROW_BIT(IF, F, op, T, t, rma, amo, ext, bit, syn, log, cmp, sum) IF##bit(F, op, T, t)
#define SHMEMI_ROW_SYN(IF, F, op, T, t, rma, amo, ext, bit, syn, log, cmp, sum) IF##syn(F, op, T, t)
#define SHMEMI_ROW_LOG(IF, F, op, T, t, rma, amo, ext, bit, syn, log, cmp, sum) IF##log(F, op, T, t)
#define SHMEMI_ROW_CMP(IF, F, op, T, t, rma, amo, ext, bit, syn, log, cmp, sum) IF##cmp(F, op, T, t)
#define SHMEMI_ROW_SUM(IF, F, op, T, t, rma, amo, ext, bit, syn, log, cmp, sum) IF##sum(F, op, T, t)

/* What a column's number does with a row.  A macro is not expanded inside its own expansion, so
 * SHMEMI_IF_ leaves F for after the table's, by SHMEMI_NOW: F may then use the C11 generics, which
 * walk through the table themselves. */
#define SHMEMI_IF_0(F, op, T, type)
#define SHMEMI_IF_1(F, op, T, type) F SHMEMI_LATER() (op, T, type)
#define SHMEMI_IF_2(F, op, T, type) F SHMEMI_LATER() (op, T, type)
#define SHMEMI_C11_0(F, op, T, type)
#define SHMEMI_C11_1(F, op, T, type)
#define SHMEMI_C11_2(F, op, T, type) F(op, T, type)
#define SHMEMI_LATER()
#define SHMEMI_NOW(...) __VA_ARGS__

/* F(op, bits, tail) for the routines named after the size of an element, shmem_put32_nbi and such;
 * op and tail are what stands before and after the number. */
#define SHMEMI_FOR_SIZES(F, op, tail) \
    F(op, 8, tail) F(op, 16, tail) F(op, 32, tail) F(op, 64, tail) F(op, 128, tail)

/* The types of OpenSHMEM 1.0, which its reductions over active sets and shmem_T_wait still have. */
#define SHMEMI_OLD_TYPES(ROW, F, op)                            \
    /*         name         type             log cmp sum */     \
    ROW(F, op, _short,      short,            1,  1,  1)        \
    ROW(F, op, _int,        int,              1,  1,  1)        \
    ROW(F, op, _long,       long,             1,  1,  1)        \
    ROW(F, op, _longlong,   long long,        1,  1,  1)        \
    ROW(F, op, _float,      float,            0,  1,  1)        \
    ROW(F, op, _double,     double,           0,  1,  1)        \
    ROW(F, op, _longdouble, long double,      0,  1,  1)        \
    ROW(F, op, _complexf,   float _Complex,   0,  0,  1)        \
    ROW(F, op, _complexd,   double _Complex,  0,  0,  1)

#define SHMEMI_FOR_OLD_WAIT(F, op)      SHMEMI_NOW(SHMEMI_OLD_TYPES(SHMEMI_OLD_ROW_LOG, F, op))
#define SHMEMI_FOR_OLD_LOGIC(F, op)     SHMEMI_NOW(SHMEMI_OLD_TYPES(SHMEMI_OLD_ROW_LOG, F, op))
#define SHMEMI_FOR_OLD_COMPARE(F, op)   SHMEMI_NOW(SHMEMI_OLD_TYPES(SHMEMI_OLD_ROW_CMP, F, op))
#define SHMEMI_FOR_OLD_SUM(F, op)       SHMEMI_NOW(SHMEMI_OLD_TYPES(SHMEMI_OLD_ROW_SUM, F, op))

#define SHMEMI_OLD_ROW_LOG(F, op, T, type, log, cmp, sum) SHMEMI_IF_##log(F, op, T, type)
#define SHMEMI_OLD_ROW_CMP(F, op, T, type, log, cmp, sum) SHMEMI_IF_##cmp(F, op, T, type)
#define SHMEMI_OLD_ROW_SUM(F, op, T, type, log, cmp, sum) SHMEMI_IF_##sum(F, op, T, type)

/* A routine on the default context, and its twin that is given one. */
#define SHMEMI_PAIR(ret, name, ...)                                                  \
    SHMEMI_API ret shmem##name(__VA_ARGS__);                                         \
    SHMEMI_API ret shmem_ctx##name(shmem_ctx_t ctx, __VA_ARGS__);

/* ---- 9.1, 9.2: setup, exit, query, threads ----------------------------------------------- */

SHMEMI_API void shmem_init(void);
SHMEMI_API int shmem_init_thread(int requested, int *provided);
SHMEMI_API void shmem_query_thread(int *provided);
SHMEMI_API void shmem_query_initialized(int *initialized);
SHMEMI_API void shmem_finalize(void);
SHMEMI_API SHMEMI_NORETURN void shmem_global_exit(int status);
SHMEMI_API int shmem_my_pe(void);
SHMEMI_API int shmem_n_pes(void);
SHMEMI_API int shmem_pe_accessible(int pe);
SHMEMI_API int shmem_addr_accessible(const void *addr, int pe);
SHMEMI_API void *shmem_ptr(const void *dest, int pe);
SHMEMI_API void *shmem_team_ptr(shmem_team_t team, const void *dest, int pe);
SHMEMI_API void shmem_info_get_version(int *major, int *minor);
SHMEMI_API void shmem_info_get_name(char *name);

/* ---- 9.3: symmetric memory --------------------------------------------------------------- */

SHMEMI_API void *shmem_malloc(size_t size);
SHMEMI_API void *shmem_malloc_with_hints(size_t size, long hints);
SHMEMI_API void *shmem_calloc(size_t count, size_t size);
SHMEMI_API void *shmem_align(size_t alignment, size_t size);
SHMEMI_API void *shmem_realloc(void *ptr, size_t size);
SHMEMI_API void shmem_free(void *ptr);

/* ---- 9.4: teams -------------------------------------------------------------------------- */

SHMEMI_API int shmem_team_my_pe(shmem_team_t team);
SHMEMI_API int shmem_team_n_pes(shmem_team_t team);
SHMEMI_API int shmem_team_get_config(shmem_team_t team, long config_mask,
                                     shmem_team_config_t *config);
SHMEMI_API int shmem_team_translate_pe(shmem_team_t src_team, int src_pe, shmem_team_t dest_team);
SHMEMI_API int shmem_team_split_strided(shmem_team_t parent_team, int start, int stride, int size,
                                        const shmem_team_config_t *config, long config_mask,
                                        shmem_team_t *new_team);
SHMEMI_API int shmem_team_split_2d(shmem_team_t parent_team, int xrange,
                                   const shmem_team_config_t *xaxis_config, long xaxis_mask,
                                   shmem_team_t *xaxis_team,
                                   const shmem_team_config_t *yaxis_config, long yaxis_mask,
                                   shmem_team_t *yaxis_team);
SHMEMI_API void shmem_team_destroy(shmem_team_t team);

/* ---- 9.5, 9.9: contexts and sessions ----------------------------------------------------- */

SHMEMI_API int shmem_ctx_create(long options, shmem_ctx_t *ctx);
SHMEMI_API int shmem_team_create_ctx(shmem_team_t team, long options, shmem_ctx_t *ctx);
SHMEMI_API void shmem_ctx_destroy(shmem_ctx_t ctx);
SHMEMI_API int shmem_ctx_get_team(shmem_ctx_t ctx, shmem_team_t *team);
SHMEMI_API void shmem_ctx_session_start(shmem_ctx_t ctx, long options,
                                        const shmem_ctx_session_config_t *config,
                                        long config_mask);
SHMEMI_API void shmem_ctx_session_stop(shmem_ctx_t ctx);

/* ---- 9.6: put and get -------------------------------------------------------------------- */

/* A shape is an argument list, for a name; D_ makes the typed name, S_ the sized one. */
#define SHMEMI_COPY(name, type) \
    SHMEMI_PAIR(void, name, type *dest, const type *source, size_t nelems, int pe)
#define SHMEMI_STRIDED(name, type) \
    SHMEMI_PAIR(void, name, type *dest, const type *source, ptrdiff_t dst, ptrdiff_t sst, \
                size_t nelems, int pe)
#define SHMEMI_BLOCKS(name, type) \
    SHMEMI_PAIR(void, name, type *dest, const type *source, ptrdiff_t dst, ptrdiff_t sst, \
                size_t bsize, size_t nblocks, int pe)

#define SHMEMI_D_COPY(op, T, type)          SHMEMI_COPY(T##op, type)
#define SHMEMI_D_STRIDED(op, T, type)       SHMEMI_STRIDED(T##op, type)
#define SHMEMI_D_BLOCKS(op, T, type)        SHMEMI_BLOCKS(T##op, type)
#define SHMEMI_S_COPY(op, bits, tail)       SHMEMI_COPY(op##bits##tail, void)
#define SHMEMI_S_STRIDED(op, bits, tail)    SHMEMI_STRIDED(op##bits##tail, void)
#define SHMEMI_S_BLOCKS(op, bits, tail)     SHMEMI_BLOCKS(op##bits##tail, void)

#define SHMEMI_D_P(op, T, type) SHMEMI_PAIR(void, T##op, type *dest, type value, int pe)
#define SHMEMI_D_G(op, T, type) SHMEMI_PAIR(type, T##op, const type *source, int pe)

SHMEMI_FOR_RMA(SHMEMI_D_COPY, _put)
SHMEMI_FOR_RMA(SHMEMI_D_COPY, _get)
SHMEMI_FOR_RMA(SHMEMI_D_COPY, _put_nbi)
SHMEMI_FOR_RMA(SHMEMI_D_COPY, _get_nbi)
SHMEMI_FOR_RMA(SHMEMI_D_P, _p)
SHMEMI_FOR_RMA(SHMEMI_D_G, _g)
SHMEMI_FOR_RMA(SHMEMI_D_STRIDED, _iput)
SHMEMI_FOR_RMA(SHMEMI_D_STRIDED, _iget)
SHMEMI_FOR_RMA(SHMEMI_D_BLOCKS, _ibput)
SHMEMI_FOR_RMA(SHMEMI_D_BLOCKS, _ibget)

SHMEMI_FOR_SIZES(SHMEMI_S_COPY, _put, )
SHMEMI_FOR_SIZES(SHMEMI_S_COPY, _get, )
SHMEMI_FOR_SIZES(SHMEMI_S_COPY, _put, _nbi)
SHMEMI_FOR_SIZES(SHMEMI_S_COPY, _get, _nbi)
SHMEMI_FOR_SIZES(SHMEMI_S_STRIDED, _iput, )
SHMEMI_FOR_SIZES(SHMEMI_S_STRIDED, _iget, )
SHMEMI_FOR_SIZES(SHMEMI_S_BLOCKS, _ibput, )
SHMEMI_FOR_SIZES(SHMEMI_S_BLOCKS, _ibget, )

SHMEMI_COPY(_putmem, void)
SHMEMI_COPY(_getmem, void)
SHMEMI_COPY(_putmem_nbi, void)
SHMEMI_COPY(_getmem_nbi, void)

/* ---- 9.7: atomics ------------------------------------------------------------------------ */

#define SHMEMI_D_FETCH(op, T, type) SHMEMI_PAIR(type, T##op, const type *source, int pe)
#define SHMEMI_D_SET(op, T, type)   SHMEMI_PAIR(void, T##op, type *dest, type value, int pe)
#define SHMEMI_D_SWAP(op, T, type)  SHMEMI_PAIR(type, T##op, type *dest, type value, int pe)
#define SHMEMI_D_CSWAP(op, T, type) \
    SHMEMI_PAIR(type, T##op, type *dest, type cond, type value, int pe)
#define SHMEMI_D_INC(op, T, type)   SHMEMI_PAIR(void, T##op, type *dest, int pe)
#define SHMEMI_D_FINC(op, T, type)  SHMEMI_PAIR(type, T##op, type *dest, int pe)

#define SHMEMI_D_FETCH_NBI(op, T, type) \
    SHMEMI_PAIR(void, T##op, type *fetch, const type *source, int pe)
#define SHMEMI_D_SWAP_NBI(op, T, type) \
    SHMEMI_PAIR(void, T##op, type *fetch, type *dest, type value, int pe)
#define SHMEMI_D_CSWAP_NBI(op, T, type) \
    SHMEMI_PAIR(void, T##op, type *fetch, type *dest, type cond, type value, int pe)
#define SHMEMI_D_FINC_NBI(op, T, type) SHMEMI_PAIR(void, T##op, type *fetch, type *dest, int pe)

SHMEMI_FOR_AMO_EXT(SHMEMI_D_FETCH, _atomic_fetch)
SHMEMI_FOR_AMO_EXT(SHMEMI_D_SET, _atomic_set)
SHMEMI_FOR_AMO_EXT(SHMEMI_D_SWAP, _atomic_swap)
SHMEMI_FOR_AMO(SHMEMI_D_CSWAP, _atomic_compare_swap)
SHMEMI_FOR_AMO(SHMEMI_D_INC, _atomic_inc)
SHMEMI_FOR_AMO(SHMEMI_D_FINC, _atomic_fetch_inc)
SHMEMI_FOR_AMO(SHMEMI_D_SET, _atomic_add)
SHMEMI_FOR_AMO(SHMEMI_D_SWAP, _atomic_fetch_add)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SET, _atomic_and)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SWAP, _atomic_fetch_and)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SET, _atomic_or)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SWAP, _atomic_fetch_or)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SET, _atomic_xor)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SWAP, _atomic_fetch_xor)

SHMEMI_FOR_AMO_EXT(SHMEMI_D_FETCH_NBI, _atomic_fetch_nbi)
SHMEMI_FOR_AMO_EXT(SHMEMI_D_SWAP_NBI, _atomic_swap_nbi)
SHMEMI_FOR_AMO(SHMEMI_D_CSWAP_NBI, _atomic_compare_swap_nbi)
SHMEMI_FOR_AMO(SHMEMI_D_FINC_NBI, _atomic_fetch_inc_nbi)
SHMEMI_FOR_AMO(SHMEMI_D_SWAP_NBI, _atomic_fetch_add_nbi)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SWAP_NBI, _atomic_fetch_and_nbi)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SWAP_NBI, _atomic_fetch_or_nbi)
SHMEMI_FOR_AMO_BIT(SHMEMI_D_SWAP_NBI, _atomic_fetch_xor_nbi)

/* ---- 9.8: signals ------------------------------------------------------------------------ */

#define SHMEMI_SIGNAL(name, type) \
    SHMEMI_PAIR(void, name, type *dest, const type *source, size_t nelems, uint64_t *sig_addr, \
                uint64_t signal, int sig_op, int pe)
#define SHMEMI_D_SIGNAL(op, T, type)        SHMEMI_SIGNAL(T##op, type)
#define SHMEMI_S_SIGNAL(op, bits, tail)     SHMEMI_SIGNAL(op##bits##tail, void)

SHMEMI_FOR_RMA(SHMEMI_D_SIGNAL, _put_signal)
SHMEMI_FOR_RMA(SHMEMI_D_SIGNAL, _put_signal_nbi)
SHMEMI_FOR_SIZES(SHMEMI_S_SIGNAL, _put, _signal)
SHMEMI_FOR_SIZES(SHMEMI_S_SIGNAL, _put, _signal_nbi)
SHMEMI_SIGNAL(_putmem_signal, void)
SHMEMI_SIGNAL(_putmem_signal_nbi, void)
SHMEMI_PAIR(void, _signal_add, uint64_t *sig_addr, uint64_t signal, int pe)
SHMEMI_PAIR(void, _signal_set, uint64_t *sig_addr, uint64_t signal, int pe)
SHMEMI_API uint64_t shmem_signal_fetch(const uint64_t *sig_addr);

/* ---- 9.10: collectives ------------------------------------------------------------------- */

#define SHMEMI_D_GATHER(op, T, type) \
    SHMEMI_API int shmem##T##op(shmem_team_t team, type *dest, const type *source, size_t nelems);
#define SHMEMI_D_ALLTOALLS(op, T, type) \
    SHMEMI_API int shmem##T##op(shmem_team_t team, type *dest, const type *source, \
                                ptrdiff_t dst, ptrdiff_t sst, size_t nelems);
#define SHMEMI_D_BROADCAST(op, T, type) \
    SHMEMI_API int shmem##T##op(shmem_team_t team, type *dest, const type *source, \
                                size_t nelems, int PE_root);
#define SHMEMI_D_REDUCE(op, T, type) \
    SHMEMI_API int shmem##T##op(shmem_team_t team, type *dest, const type *source, size_t nreduce);

SHMEMI_API void shmem_barrier_all(void);
SHMEMI_API void shmem_sync_all(void);
SHMEMI_API int shmem_team_sync(shmem_team_t team);

SHMEMI_FOR_RMA(SHMEMI_D_GATHER, _alltoall)
SHMEMI_FOR_RMA(SHMEMI_D_ALLTOALLS, _alltoalls)
SHMEMI_FOR_RMA(SHMEMI_D_BROADCAST, _broadcast)
SHMEMI_FOR_RMA(SHMEMI_D_GATHER, _collect)
SHMEMI_FOR_RMA(SHMEMI_D_GATHER, _fcollect)
SHMEMI_D_GATHER(mem, _alltoall, void)
SHMEMI_D_ALLTOALLS(mem, _alltoalls, void)
SHMEMI_D_BROADCAST(mem, _broadcast, void)
SHMEMI_D_GATHER(mem, _collect, void)
SHMEMI_D_GATHER(mem, _fcollect, void)

SHMEMI_FOR_LOGIC(SHMEMI_D_REDUCE, _and_reduce)
SHMEMI_FOR_LOGIC(SHMEMI_D_REDUCE, _or_reduce)
SHMEMI_FOR_LOGIC(SHMEMI_D_REDUCE, _xor_reduce)
SHMEMI_FOR_COMPARE(SHMEMI_D_REDUCE, _max_reduce)
SHMEMI_FOR_COMPARE(SHMEMI_D_REDUCE, _min_reduce)
SHMEMI_FOR_SUM(SHMEMI_D_REDUCE, _sum_reduce)
SHMEMI_FOR_SUM(SHMEMI_D_REDUCE, _prod_reduce)
SHMEMI_FOR_SUM(SHMEMI_D_GATHER, _sum_inscan)
SHMEMI_FOR_SUM(SHMEMI_D_GATHER, _sum_exscan)

/* ---- 9.11: waiting ----------------------------------------------------------------------- */

#define SHMEMI_WAIT(ret, name, type) \
    SHMEMI_API ret shmem##name(type *ivar, int cmp, type cmp_value);
#define SHMEMI_WAIT_MANY(ret, name, type) \
    SHMEMI_API ret shmem##name(type *ivars, size_t nelems, const int *status, int cmp, \
                               type cmp_value); \
    SHMEMI_API ret shmem##name##_vector(type *ivars, size_t nelems, const int *status, int cmp, \
                                        const type *cmp_values);
#define SHMEMI_WAIT_SOME(ret, name, type) \
    SHMEMI_API ret shmem##name(type *ivars, size_t nelems, size_t *indices, const int *status, \
                               int cmp, type cmp_value); \
    SHMEMI_API ret shmem##name##_vector(type *ivars, size_t nelems, size_t *indices, \
                                        const int *status, int cmp, const type *cmp_values);
#define SHMEMI_D_WAIT(op, T, type)                      \
    SHMEMI_WAIT(void, T##_wait_until, type)             \
    SHMEMI_WAIT(int, T##_test, type)                    \
    SHMEMI_WAIT_MANY(void, T##_wait_until_all, type)    \
    SHMEMI_WAIT_MANY(int, T##_test_all, type)           \
    SHMEMI_WAIT_MANY(size_t, T##_wait_until_any, type)  \
    SHMEMI_WAIT_MANY(size_t, T##_test_any, type)        \
    SHMEMI_WAIT_SOME(size_t, T##_wait_until_some, type) \
    SHMEMI_WAIT_SOME(size_t, T##_test_some, type)

SHMEMI_FOR_SYNC(SHMEMI_D_WAIT, )
SHMEMI_API uint64_t shmem_signal_wait_until(uint64_t *sig_addr, int cmp, uint64_t cmp_value);

/* ---- 9.12, 9.13, 10: order, locks, profiling --------------------------------------------- */

SHMEMI_API void shmem_fence(void);
SHMEMI_API void shmem_ctx_fence(shmem_ctx_t ctx);
SHMEMI_API void shmem_quiet(void);
SHMEMI_API void shmem_ctx_quiet(shmem_ctx_t ctx);
SHMEMI_PAIR(void, _pe_quiet, const int *target_pes, size_t npes)
SHMEMI_API void shmem_set_lock(long *lock);
SHMEMI_API void shmem_clear_lock(long *lock);
SHMEMI_API int shmem_test_lock(long *lock);
SHMEMI_API void shmem_pcontrol(int level, ...);

/* ---- deprecated -------------------------------------------------------------------------- */

/* Without an attribute that says so: programs that use these are right, and build with -Werror. */
SHMEMI_API void start_pes(int npes);
SHMEMI_API int _my_pe(void);
SHMEMI_API int _num_pes(void);
SHMEMI_API void *shmalloc(size_t size);
SHMEMI_API void shfree(void *ptr);
SHMEMI_API void *shrealloc(void *ptr, size_t size);
SHMEMI_API void *shmemalign(size_t alignment, size_t size);

/* The atomics of 1.3; that version has them on fewer types than these. */
#define SHMEMI_OLD_FETCH(op, T, type) SHMEMI_API type shmem##T##op(const type *source, int pe);
#define SHMEMI_OLD_SET(op, T, type) SHMEMI_API void shmem##T##op(type *dest, type value, int pe);
#define SHMEMI_OLD_SWAP(op, T, type) SHMEMI_API type shmem##T##op(type *dest, type value, int pe);
#define SHMEMI_OLD_CSWAP(op, T, type) \
    SHMEMI_API type shmem##T##op(type *dest, type cond, type value, int pe);
#define SHMEMI_OLD_INC(op, T, type) SHMEMI_API void shmem##T##op(type *dest, int pe);
#define SHMEMI_OLD_FINC(op, T, type) SHMEMI_API type shmem##T##op(type *dest, int pe);

SHMEMI_FOR_AMO_EXT(SHMEMI_OLD_FETCH, _fetch)
SHMEMI_FOR_AMO_EXT(SHMEMI_OLD_SET, _set)
SHMEMI_FOR_AMO_EXT(SHMEMI_OLD_SWAP, _swap)
SHMEMI_FOR_AMO(SHMEMI_OLD_CSWAP, _cswap)
SHMEMI_FOR_AMO(SHMEMI_OLD_INC, _inc)
SHMEMI_FOR_AMO(SHMEMI_OLD_FINC, _finc)
SHMEMI_FOR_AMO(SHMEMI_OLD_SET, _add)
SHMEMI_FOR_AMO(SHMEMI_OLD_SWAP, _fadd)

/* Waiting on a long that nothing in the name speaks of, and for a value to go away. */
#define SHMEMI_OLD_WAIT(op, T, type) SHMEMI_API void shmem##T##op(type *ivar, type cmp_value);
SHMEMI_WAIT(void, _wait_until, long)
SHMEMI_OLD_WAIT(_wait, , long)
SHMEMI_FOR_OLD_WAIT(SHMEMI_OLD_WAIT, _wait)

/* Collectives over active sets: PE_size PEs from PE_start on, 2^logPE_stride apart. */
#define SHMEMI_ACTIVE_SET int PE_start, int logPE_stride, int PE_size
#define SHMEMI_OLD_GATHER(op) \
    SHMEMI_API void shmem##op(void *dest, const void *source, size_t nelems, \
                              SHMEMI_ACTIVE_SET, long *pSync);
#define SHMEMI_OLD_ALLTOALLS(op) \
    SHMEMI_API void shmem##op(void *dest, const void *source, ptrdiff_t dst, ptrdiff_t sst, \
                              size_t nelems, SHMEMI_ACTIVE_SET, long *pSync);
#define SHMEMI_OLD_BROADCAST(op) \
    SHMEMI_API void shmem##op(void *dest, const void *source, size_t nelems, int PE_root, \
                              SHMEMI_ACTIVE_SET, long *pSync);
#define SHMEMI_OLD_REDUCE(op, T, type) \
    SHMEMI_API void shmem##T##op(type *dest, const type *source, int nreduce, \
                                 SHMEMI_ACTIVE_SET, type *pWrk, long *pSync);

SHMEMI_API void shmem_barrier(SHMEMI_ACTIVE_SET, long *pSync);
SHMEMI_API void shmem_sync(SHMEMI_ACTIVE_SET, long *pSync);
SHMEMI_OLD_BROADCAST(_broadcast32)
SHMEMI_OLD_BROADCAST(_broadcast64)
SHMEMI_OLD_GATHER(_collect32)
SHMEMI_OLD_GATHER(_collect64)
SHMEMI_OLD_GATHER(_fcollect32)
SHMEMI_OLD_GATHER(_fcollect64)
SHMEMI_OLD_GATHER(_alltoall32)
SHMEMI_OLD_GATHER(_alltoall64)
SHMEMI_OLD_ALLTOALLS(_alltoalls32)
SHMEMI_OLD_ALLTOALLS(_alltoalls64)
SHMEMI_FOR_OLD_LOGIC(SHMEMI_OLD_REDUCE, _and_to_all)
SHMEMI_FOR_OLD_LOGIC(SHMEMI_OLD_REDUCE, _or_to_all)
SHMEMI_FOR_OLD_LOGIC(SHMEMI_OLD_REDUCE, _xor_to_all)
SHMEMI_FOR_OLD_COMPARE(SHMEMI_OLD_REDUCE, _max_to_all)
SHMEMI_FOR_OLD_COMPARE(SHMEMI_OLD_REDUCE, _min_to_all)
SHMEMI_FOR_OLD_SUM(SHMEMI_OLD_REDUCE, _sum_to_all)
SHMEMI_FOR_OLD_SUM(SHMEMI_OLD_REDUCE, _prod_to_all)

/* clang-format on */

#ifdef __cplusplus
}
#endif

/* shmem_put and the like, which find the type themselves.  Who defines routines that share a name
 * with one of these macros (the library, a profiling tool) defines SHMEMI_NO_GENERICS before. */
#if !defined SHMEMI_NO_GENERICS && !defined __cplusplus && defined __STDC_VERSION__
#if __STDC_VERSION__ >= 201112L
#include "shmemi_generics.h"
#endif
#endif

#endif
