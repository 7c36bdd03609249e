/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * deprecated.c -- the collectives over active sets, which teams replace.
 *
 * An active set is the team that its numbers and its pSync describe; pWrk is not needed.
 */
#include <limits.h>

#include "core/coll.h"
#include "core/coll_combine.h"
#include "core/ctx.h"
#include "core/order.h"

void shmem_barrier(int start, int log_stride, int size, long *psync)
{
    const char *who = "shmem_barrier";
    shmi_quiet(&shmi_ctx_default);
    shmi_coll_sync(who, shmi_team_active_set(who, start, log_stride, size, psync));
}
PSHMEM(_barrier)

void shmem_sync(int start, int log_stride, int size, long *psync)
{
    const char *who = "shmem_sync";
    shmi_coll_sync(who, shmi_team_active_set(who, start, log_stride, size, psync));
}
PSHMEM(_sync)

/* Unlike the team's broadcast, this one leaves the root's dest alone. */
#define BROADCAST(op, bits)                                                                       \
    void shmem##op##bits(void *dest, const void *source, size_t nelems, int root, int start,      \
                         int log_stride, int size, long *psync)                                   \
    {                                                                                             \
        const char *who = "shmem" #op #bits;                                                      \
        shmi_coll_broadcast(who, shmi_team_active_set(who, start, log_stride, size, psync), dest, \
                            source, nelems *(bits / CHAR_BIT), root, false);                      \
    }                                                                                             \
    PSHMEM(op##bits)
BROADCAST(_broadcast, 32)
BROADCAST(_broadcast, 64)

#define COLLECT(op, bits)                                                                          \
    void shmem##op##bits(void *dest, const void *source, size_t nelems, int start, int log_stride, \
                         int size, long *psync)                                                    \
    {                                                                                              \
        const char *who = "shmem" #op #bits;                                                       \
        shmi_coll##op(who, shmi_team_active_set(who, start, log_stride, size, psync), dest,        \
                      source, nelems *(bits / CHAR_BIT));                                          \
    }                                                                                              \
    PSHMEM(op##bits)
COLLECT(_collect, 32)
COLLECT(_collect, 64)
COLLECT(_fcollect, 32)
COLLECT(_fcollect, 64)

#define ALLTOALL(op, bits)                                                                         \
    void shmem##op##bits(void *dest, const void *source, size_t nelems, int start, int log_stride, \
                         int size, long *psync)                                                    \
    {                                                                                              \
        const char *who = "shmem" #op #bits;                                                       \
        shmi_coll_alltoall(who, shmi_team_active_set(who, start, log_stride, size, psync), dest,   \
                           source, 1, 1, nelems, bits / CHAR_BIT);                                 \
    }                                                                                              \
    PSHMEM(op##bits)
ALLTOALL(_alltoall, 32)
ALLTOALL(_alltoall, 64)

#define ALLTOALLS(op, bits)                                                                      \
    void shmem##op##bits(void *dest, const void *source, ptrdiff_t dst, ptrdiff_t sst,           \
                         size_t nelems, int start, int log_stride, int size, long *psync)        \
    {                                                                                            \
        const char *who = "shmem" #op #bits;                                                     \
        shmi_coll_alltoall(who, shmi_team_active_set(who, start, log_stride, size, psync), dest, \
                           source, dst, sst, nelems, bits / CHAR_BIT);                           \
    }                                                                                            \
    PSHMEM(op##bits)
ALLTOALLS(_alltoalls, 32)
ALLTOALLS(_alltoalls, 64)

#define REDUCE(op, T, type)                                                                    \
    void shmem##T##op##_to_all(type *dest, const type *source, int nreduce, int start,         \
                               int log_stride, int size, type *pwrk, long *psync)              \
    {                                                                                          \
        const char *who = "shmem" #T #op "_to_all";                                            \
        (void)pwrk;                                                                            \
        shmi_coll_reduce(who, shmi_team_active_set(who, start, log_stride, size, psync), dest, \
                         source, (size_t)nreduce, sizeof(type), shmi_combine##op##T);          \
    }                                                                                          \
    PSHMEM(T##op##_to_all)
SHMEMI_FOR_OLD_LOGIC(REDUCE, _and)
SHMEMI_FOR_OLD_LOGIC(REDUCE, _or)
SHMEMI_FOR_OLD_LOGIC(REDUCE, _xor)
SHMEMI_FOR_OLD_COMPARE(REDUCE, _min)
SHMEMI_FOR_OLD_COMPARE(REDUCE, _max)
SHMEMI_FOR_OLD_SUM(REDUCE, _sum)
SHMEMI_FOR_OLD_SUM(REDUCE, _prod)
