/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * deprecated.c -- the collectives over active sets, which teams replace.
 *
 * An active set is the team that its numbers and its pSync describe; pWrk is not needed.  A PE that
 * is not in the set has no business here, but many programs let all PEs make the call: it returns.
 */
#include <limits.h>

#include "core/coll.h"
#include "core/coll_combine.h"
#include "core/ctx.h"
#include "core/order.h"

static void barrier(const char *who, struct shmi_team *team)
{
    shmi_quiet(&shmi_ctx_default);
    if (team != NULL) {
        shmi_coll_sync(who, team);
    }
}

static void sync(const char *who, struct shmi_team *team)
{
    if (team != NULL) {
        shmi_coll_sync(who, team);
    }
}

/* Unlike the team's broadcast, this one leaves the root's dest alone. */
static void broadcast(const char *who, struct shmi_team *team, void *dest, const void *source,
                      size_t len, int root)
{
    if (team != NULL) {
        shmi_coll_broadcast(who, team, dest, source, len, root, false);
    }
}

static void collect(const char *who, struct shmi_team *team, void *dest, const void *source,
                    size_t len)
{
    if (team != NULL) {
        shmi_coll_collect(who, team, dest, source, len);
    }
}

static void fcollect(const char *who, struct shmi_team *team, void *dest, const void *source,
                     size_t len)
{
    if (team != NULL) {
        shmi_coll_fcollect(who, team, dest, source, len);
    }
}

static void alltoall(const char *who, struct shmi_team *team, void *dest, const void *source,
                     ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size)
{
    if (team != NULL) {
        shmi_coll_alltoall(who, team, dest, source, dst, sst, nelems, size);
    }
}

static void reduce(const char *who, struct shmi_team *team, void *dest, const void *source,
                   int nreduce, size_t size, shmi_combine *combine)
{
    if (team != NULL) {
        shmi_coll_reduce(who, team, dest, source, (size_t)nreduce, size, combine);
    }
}

#define SET(name) name, shmi_team_active_set(name, start, log_stride, size, psync)

void shmem_barrier(int start, int log_stride, int size, long *psync)
{
    barrier(SET("shmem_barrier"));
}
PSHMEM(_barrier)

void shmem_sync(int start, int log_stride, int size, long *psync)
{
    sync(SET("shmem_sync"));
}
PSHMEM(_sync)

#define BROADCAST(op, bits)                                                                  \
    void shmem##op##bits(void *dest, const void *source, size_t nelems, int root, int start, \
                         int log_stride, int size, long *psync)                              \
    {                                                                                        \
        broadcast(SET("shmem" #op #bits), dest, source, nelems *(bits / CHAR_BIT), root);    \
    }                                                                                        \
    PSHMEM(op##bits)
BROADCAST(_broadcast, 32)
BROADCAST(_broadcast, 64)

#define COLLECT(op, bits, call)                                                                    \
    void shmem##op##bits(void *dest, const void *source, size_t nelems, int start, int log_stride, \
                         int size, long *psync)                                                    \
    {                                                                                              \
        call(SET("shmem" #op #bits), dest, source, nelems *(bits / CHAR_BIT));                     \
    }                                                                                              \
    PSHMEM(op##bits)
COLLECT(_collect, 32, collect)
COLLECT(_collect, 64, collect)
COLLECT(_fcollect, 32, fcollect)
COLLECT(_fcollect, 64, fcollect)

#define ALLTOALL(op, bits)                                                                         \
    void shmem##op##bits(void *dest, const void *source, size_t nelems, int start, int log_stride, \
                         int size, long *psync)                                                    \
    {                                                                                              \
        alltoall(SET("shmem" #op #bits), dest, source, 1, 1, nelems, bits / CHAR_BIT);             \
    }                                                                                              \
    PSHMEM(op##bits)
ALLTOALL(_alltoall, 32)
ALLTOALL(_alltoall, 64)

#define ALLTOALLS(op, bits)                                                                \
    void shmem##op##bits(void *dest, const void *source, ptrdiff_t dst, ptrdiff_t sst,     \
                         size_t nelems, int start, int log_stride, int size, long *psync)  \
    {                                                                                      \
        alltoall(SET("shmem" #op #bits), dest, source, dst, sst, nelems, bits / CHAR_BIT); \
    }                                                                                      \
    PSHMEM(op##bits)
ALLTOALLS(_alltoalls, 32)
ALLTOALLS(_alltoalls, 64)

#define REDUCE(op, T, type)                                                            \
    void shmem##T##op##_to_all(type *dest, const type *source, int nreduce, int start, \
                               int log_stride, int size, type *pwrk, long *psync)      \
    {                                                                                  \
        (void)pwrk;                                                                    \
        reduce(SET("shmem" #T #op "_to_all"), dest, source, nreduce, sizeof(type),     \
               shmi_combine##op##T);                                                   \
    }                                                                                  \
    PSHMEM(T##op##_to_all)
SHMEMI_FOR_OLD_LOGIC(REDUCE, _and)
SHMEMI_FOR_OLD_LOGIC(REDUCE, _or)
SHMEMI_FOR_OLD_LOGIC(REDUCE, _xor)
SHMEMI_FOR_OLD_COMPARE(REDUCE, _min)
SHMEMI_FOR_OLD_COMPARE(REDUCE, _max)
SHMEMI_FOR_OLD_SUM(REDUCE, _sum)
SHMEMI_FOR_OLD_SUM(REDUCE, _prod)
