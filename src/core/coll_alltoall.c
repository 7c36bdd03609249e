/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_alltoall.c -- alltoall and alltoalls (9.10.5, 9.10.6): the transposition of blocks.
 *
 *     packed    all of a member's blocks fit in its payload: one step
 *     direct    every member pulls its block from each other's source
 *     pairwise  partners exchange their two blocks through the payloads, in pieces
 */
#include "core/coll_node.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/coll_hbm.h"
#include "core/coll_net.h"
#include "core/copy.h"
#include "core/setup.h"
#include "core/trace.h"

/* The arguments of one call.  A stride is in elements, a block is nelems of them. */
struct alltoall {
    char *dest;
    const char *source;
    ptrdiff_t dst;
    ptrdiff_t sst;
    size_t nelems;
    size_t size;
};

/* The first element of block i of memory with that stride. */
static size_t block_at(const struct alltoall *a, int i, ptrdiff_t stride)
{
    return (size_t)i * a->nelems * (size_t)stride * a->size;
}

static inline __attribute__((always_inline)) void copy_sized(char *dst, ptrdiff_t dst_step,
                                                             const char *src, ptrdiff_t src_step,
                                                             size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(dst, src, size);
        dst += dst_step;
        src += src_step;
    }
}

/* Copy n elements that lie dst (sst) elements apart; with a size the compiler knows, where that is
 * one that types have. */
static void copy_elements(char *to, ptrdiff_t dst, const char *from, ptrdiff_t sst, size_t n,
                          size_t size)
{
    ptrdiff_t to_step = dst * (ptrdiff_t)size;
    ptrdiff_t from_step = sst * (ptrdiff_t)size;
    if (dst == 1 && sst == 1) {
        shmi_copy(to, from, n * size);
    } else if (size == 4) {
        copy_sized(to, to_step, from, from_step, n, 4);
    } else if (size == 8) {
        copy_sized(to, to_step, from, from_step, n, 8);
    } else if (size == 1) {
        copy_sized(to, to_step, from, from_step, n, 1);
    } else {
        copy_sized(to, to_step, from, from_step, n, size);
    }
}

static void alltoall_packed(const char *who, struct shmi_team *team, const struct alltoall *a)
{
    size_t all = (size_t)team->n_pes * a->nelems;
    size_t mine = (size_t)team->my_pe * a->nelems * a->size;
    copy_elements((char *)shmi_node_outbox(who, team), 1, a->source, a->sst, all, a->size);
    shmi_node_sync(who, team);
    for (int i = 0; i < team->n_pes; i++) {
        copy_elements(a->dest + block_at(a, i, a->dst), a->dst,
                      (const char *)shmi_node_inbox(team, i) + mine, 1, a->nelems, a->size);
    }
}

static void alltoall_direct(const char *who, struct shmi_team *team, const struct alltoall *a)
{
    size_t all = (size_t)team->n_pes * a->nelems;
    bool in_place = a->dest == a->source;
    char *to = in_place ? shmi_node_aside(who, all * a->size) : a->dest;
    ptrdiff_t to_stride = in_place ? 1 : a->dst;
    size_t mine = block_at(a, team->my_pe, a->sst);
    shmi_node_sync(who, team);
    for (int i = 0; i < team->n_pes; i++) {
        int from = shmi_node_after(team, i);
        copy_elements(to + block_at(a, from, to_stride), to_stride,
                      shmi_node_reach(team, a->source, from) + mine, a->sst, a->nelems, a->size);
    }
    shmi_node_sync(who, team);
    if (in_place) {
        copy_elements(a->dest, a->dst, to, 1, all, a->size);
        free(to);
    }
}

/* In round r members i and (r - i) mod n are partners, so each meets each, itself included, once.
 * In place works as it is: a piece is sent before the partner's piece is written over it. */
static void alltoall_pairwise(const char *who, struct shmi_team *team, const struct alltoall *a)
{
    size_t per_piece = SHMI_PAYLOAD / a->size;
    for (int round = 0; round < team->n_pes; round++) {
        int partner = (round - team->my_pe + team->n_pes) % team->n_pes;
        const char *from = a->source + block_at(a, partner, a->sst);
        char *to = a->dest + block_at(a, partner, a->dst);
        for (size_t at = 0; at < a->nelems; at += per_piece) {
            size_t piece = shmi_min(a->nelems - at, per_piece);
            size_t bytes = at * a->size;
            copy_elements((char *)shmi_node_outbox(who, team), 1, from + bytes * (size_t)a->sst,
                          a->sst, piece, a->size);
            shmi_node_sync(who, team);
            copy_elements(to + bytes * (size_t)a->dst, a->dst,
                          (const char *)shmi_node_inbox(team, partner), 1, piece, a->size);
        }
    }
}

static void alltoall_node(const char *who, struct shmi_team *team, const struct alltoall *a)
{
    if (a->nelems <= SHMI_PAYLOAD / a->size / (size_t)team->n_pes) {
        alltoall_packed(who, team, a);
    } else if (shmi_node_maps(who, team, a->source)) {
        alltoall_direct(who, team, a);
    } else {
        alltoall_pairwise(who, team, a);
    }
}

/* From the first to the last byte of a buffer of blocks. */
static size_t extent(const struct alltoall *a, int n_pes, ptrdiff_t stride)
{
    size_t all = (size_t)n_pes * a->nelems;
    return all == 0 ? 0 : ((all - 1) * (size_t)stride + 1) * a->size;
}

void shmi_coll_alltoall(const char *who, struct shmi_team *team, void *dest, const void *source,
                        ptrdiff_t dst, ptrdiff_t sst, size_t nelems, size_t size)
{
    const struct alltoall a = {dest, source, dst, sst, nelems, size};
    if (shmi_unlikely(shmi_observing)) {
        shmi_coll_observe(who, team, dest, extent(&a, team->n_pes, dst), source,
                          extent(&a, team->n_pes, sst));
        shmi_check_same(who, team, "dst", (uint64_t)dst);
        shmi_check_same(who, team, "sst", (uint64_t)sst);
    }
    if (nelems == 0) {
        return;
    }
    uint64_t begun = shmi_trace_begin();
    if (shmi_hbm_either(dest, source)) {
        shmi_hbm_alltoall(who, team, dest, source, dst, sst, nelems, size);
    } else if (shmi_node_has(team)) {
        alltoall_node(who, team, &a);
    } else {
        shmi_net_alltoall(who, team, dest, source, dst, sst, nelems, size);
    }
    shmi_trace_end(begun, who, -1, nelems * size);
}

#define ALLTOALL(op, T, type)                                                              \
    int shmem##T##op(shmem_team_t team, type *dest, const type *source, size_t nelems)     \
    {                                                                                      \
        const char *who = "shmem" #T #op;                                                  \
        shmi_coll_alltoall(who, shmi_team_required(who, team), dest, source, 1, 1, nelems, \
                           sizeof(type));                                                  \
        return 0;                                                                          \
    }                                                                                      \
    PSHMEM(T##op)
SHMEMI_FOR_RMA(ALLTOALL, _alltoall)

#define ALLTOALLS(op, T, type)                                                                 \
    int shmem##T##op(shmem_team_t team, type *dest, const type *source, ptrdiff_t dst,         \
                     ptrdiff_t sst, size_t nelems)                                             \
    {                                                                                          \
        const char *who = "shmem" #T #op;                                                      \
        shmi_coll_alltoall(who, shmi_team_required(who, team), dest, source, dst, sst, nelems, \
                           sizeof(type));                                                      \
        return 0;                                                                              \
    }                                                                                          \
    PSHMEM(T##op)
SHMEMI_FOR_RMA(ALLTOALLS, _alltoalls)

int shmem_alltoallmem(shmem_team_t team, void *dest, const void *source, size_t nelems)
{
    const char *who = "shmem_alltoallmem";
    shmi_coll_alltoall(who, shmi_team_required(who, team), dest, source, 1, 1, nelems, 1);
    return 0;
}
PSHMEM(_alltoallmem)

int shmem_alltoallsmem(shmem_team_t team, void *dest, const void *source, ptrdiff_t dst,
                       ptrdiff_t sst, size_t nelems)
{
    const char *who = "shmem_alltoallsmem";
    shmi_coll_alltoall(who, shmi_team_required(who, team), dest, source, dst, sst, nelems, 1);
    return 0;
}
PSHMEM(_alltoallsmem)
