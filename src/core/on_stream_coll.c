/* SPDX-License-Identifier: BSD-3-Clause */
/* on_stream_coll.c -- barriers and the collectives of teams on streams of the device. */
#include "core/base/log.h"
#include "core/coll_combine.h"
#include "core/ctx.h"
#include "core/npu.h"
#include "core/on_stream.h"
#include "core/order.h"

/* ---- when their time has come ---------------------------------------------------------------- */

static void do_sync(const struct shmi_operation *op)
{
    shmi_coll_sync(op->who, op->team);
}

static void do_barrier(const struct shmi_operation *op)
{
    shmi_quiet(&shmi_ctx_default);
    shmi_coll_sync(op->who, op->team);
}

static void do_broadcast(const struct shmi_operation *op)
{
    shmi_coll_broadcast(op->who, op->team, op->dest, op->source, op->len, op->pe, true);
}

static void do_collect(const struct shmi_operation *op)
{
    shmi_coll_collect(op->who, op->team, op->dest, op->source, op->len);
}

static void do_fcollect(const struct shmi_operation *op)
{
    shmi_coll_fcollect(op->who, op->team, op->dest, op->source, op->len);
}

static void do_alltoall(const struct shmi_operation *op)
{
    shmi_coll_alltoall(op->who, op->team, op->dest, op->source, op->dst, op->sst, op->len,
                       op->size);
}

static void do_reduce(const struct shmi_operation *op)
{
    shmi_coll_reduce(op->who, op->team, op->dest, op->source, op->len, op->size, op->combine);
}

static void do_inscan(const struct shmi_operation *op)
{
    shmi_coll_scan(op->who, op->team, op->dest, op->source, op->len, op->size, op->combine, true);
}

static void do_exscan(const struct shmi_operation *op)
{
    shmi_coll_scan(op->who, op->team, op->dest, op->source, op->len, op->size, op->combine, false);
}

/* What the stream has done before is visible to the other members, too. */
static void run(struct shmi_operation *op)
{
    if (__atomic_exchange_n(&op->team->on_stream, true, __ATOMIC_ACQUIRE)) {
        shmi_fatal("%s: another stream is in a collective of this team of %d PEs: a team's "
                   "collectives go on one stream, or are ordered by events",
                   op->who, op->team->n_pes);
    }
    shmi_order_all();
    op->collective(op);
    __atomic_store_n(&op->team->on_stream, false, __ATOMIC_RELEASE);
}

/* ---- the operations -------------------------------------------------------------------------- */

static int post(struct shmi_operation op, shmem_team_t team, shmemx_stream_t stream)
{
    shmi_npu_enter(op.who);
    op.run = run;
    op.team = shmi_team_required(op.who, team);
    return shmi_on_stream_wait(stream, &op);
}

static int meet(const char *who, void (*collective)(const struct shmi_operation *op),
                shmem_team_t team, shmemx_stream_t stream)
{
    return post((struct shmi_operation){.who = who, .collective = collective}, team, stream);
}

int shmemx_barrier_all_on_stream(shmemx_stream_t stream)
{
    return meet(__func__, do_barrier, SHMEM_TEAM_WORLD, stream);
}
PSHMEM(x_barrier_all_on_stream)

int shmemx_sync_all_on_stream(shmemx_stream_t stream)
{
    return meet(__func__, do_sync, SHMEM_TEAM_WORLD, stream);
}
PSHMEM(x_sync_all_on_stream)

int shmemx_barrier_on_stream(shmem_team_t team, shmemx_stream_t stream)
{
    return meet(__func__, do_barrier, team, stream);
}
PSHMEM(x_barrier_on_stream)

int shmemx_team_sync_on_stream(shmem_team_t team, shmemx_stream_t stream)
{
    return meet(__func__, do_sync, team, stream);
}
PSHMEM(x_team_sync_on_stream)

/* clang-format off */
/* A macro names and forwards: __VA_ARGS__ is what the collective wants besides its buffers. */
#define GATHER(name, type, act, ...)                                                               \
    int shmemx##name##_on_stream(shmem_team_t team, type *dest, const type *source, size_t nelems, \
                                 shmemx_stream_t stream)                                           \
    {                                                                                              \
        return post((struct shmi_operation){.who = __func__, .collective = act, .dest = dest,      \
                                            .source = source, __VA_ARGS__},                        \
                    team, stream);                                                                 \
    }                                                                                              \
    PSHMEM(x##name##_on_stream)

#define STRIDED(name, type, elem)                                                                  \
    int shmemx##name##_on_stream(shmem_team_t team, type *dest, const type *source, ptrdiff_t dst, \
                                 ptrdiff_t sst, size_t nelems, shmemx_stream_t stream)             \
    {                                                                                              \
        return post((struct shmi_operation){.who = __func__, .collective = do_alltoall,            \
                                            .dest = dest, .source = source, .dst = dst,            \
                                            .sst = sst, .len = nelems, .size = (elem)},            \
                    team, stream);                                                                 \
    }                                                                                              \
    PSHMEM(x##name##_on_stream)

#define BROADCAST(name, type, elem)                                                                \
    int shmemx##name##_on_stream(shmem_team_t team, type *dest, const type *source, size_t nelems, \
                                 int root, shmemx_stream_t stream)                                 \
    {                                                                                              \
        return post((struct shmi_operation){.who = __func__, .collective = do_broadcast,           \
                                            .dest = dest, .source = source,                        \
                                            .len = nelems * (elem), .pe = root},                   \
                    team, stream);                                                                 \
    }                                                                                              \
    PSHMEM(x##name##_on_stream)
/* clang-format on */

#define BYTES(elem)    .len = nelems * (elem)
#define ELEMENTS(elem) .len = nelems, .size = (elem)
#define BLOCKS(elem)   .len = nelems, .size = (elem), .dst = 1, .sst = 1

#define T_BROADCAST(op, T, type) BROADCAST(T##op, type, sizeof(type))
#define T_COLLECT(op, T, type)   GATHER(T##op, type, do_collect, BYTES(sizeof(type)))
#define T_FCOLLECT(op, T, type)  GATHER(T##op, type, do_fcollect, BYTES(sizeof(type)))
#define T_ALLTOALL(op, T, type)  GATHER(T##op, type, do_alltoall, BLOCKS(sizeof(type)))
#define T_ALLTOALLS(op, T, type) STRIDED(T##op, type, sizeof(type))
SHMEMI_FOR_RMA(T_BROADCAST, _broadcast)
SHMEMI_FOR_RMA(T_COLLECT, _collect)
SHMEMI_FOR_RMA(T_FCOLLECT, _fcollect)
SHMEMI_FOR_RMA(T_ALLTOALL, _alltoall)
SHMEMI_FOR_RMA(T_ALLTOALLS, _alltoalls)
BROADCAST(_broadcastmem, void, 1)
GATHER(_collectmem, void, do_collect, BYTES(1))
GATHER(_fcollectmem, void, do_fcollect, BYTES(1))
GATHER(_alltoallmem, void, do_alltoall, BLOCKS(1))
STRIDED(_alltoallsmem, void, 1)

#define COMBINING(name, act, combination, type) \
    GATHER(name, type, act, ELEMENTS(sizeof(type)), .combine = combination)
#define REDUCE(op, T, type) COMBINING(T##op##_reduce, do_reduce, shmi_combine##op##T, type)
#define INSCAN(op, T, type) COMBINING(T##op##_inscan, do_inscan, shmi_combine##op##T, type)
#define EXSCAN(op, T, type) COMBINING(T##op##_exscan, do_exscan, shmi_combine##op##T, type)
SHMEMI_FOR_LOGIC(REDUCE, _and)
SHMEMI_FOR_LOGIC(REDUCE, _or)
SHMEMI_FOR_LOGIC(REDUCE, _xor)
SHMEMI_FOR_COMPARE(REDUCE, _min)
SHMEMI_FOR_COMPARE(REDUCE, _max)
SHMEMI_FOR_SUM(REDUCE, _sum)
SHMEMI_FOR_SUM(REDUCE, _prod)
SHMEMI_FOR_SUM(INSCAN, _sum)
SHMEMI_FOR_SUM(EXSCAN, _sum)
