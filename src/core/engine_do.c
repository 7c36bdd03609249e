/* SPDX-License-Identifier: BSD-3-Clause */
/* engine_do.c -- a kernel's command becomes the call that a host program would have made. */
#include <assert.h>

#include "core/amo.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/coll.h"
#include "core/coll_combine.h"
#include "core/engine.h"
#include "core/order.h"
#include "core/rma.h"
#include "core/signal.h"
#include "device/device.h"

#include <shmemx_device.h>

static_assert((int)SHMEMX_FETCH == (int)SHMI_AMO_FETCH && (int)SHMEMX_SET == (int)SHMI_AMO_SET &&
                  (int)SHMEMX_SWAP == (int)SHMI_AMO_SWAP &&
                  (int)SHMEMX_CSWAP == (int)SHMI_AMO_CSWAP &&
                  (int)SHMEMX_ADD == (int)SHMI_AMO_ADD && (int)SHMEMX_AND == (int)SHMI_AMO_AND &&
                  (int)SHMEMX_OR == (int)SHMI_AMO_OR && (int)SHMEMX_XOR == (int)SHMI_AMO_XOR,
              "kernels and the library number atomic operations alike");

#define WHO "a kernel's command"

/* The combination of a reduction, by operation and type. */
#define ENTRY(op, T, type) [SHMEMX_TYPE##T] = {shmi_combine##op##T, sizeof(type)},
static const struct combination {
    shmi_combine *combine;
    size_t size;
} combinations[SHMEMX_N_REDUCTIONS][SHMEMX_N_TYPES] = {
    [SHMEMX_SUM] = {SHMEMI_FOR_COMPARE(ENTRY, _sum)},
    [SHMEMX_MIN] = {SHMEMI_FOR_COMPARE(ENTRY, _min)},
    [SHMEMX_MAX] = {SHMEMI_FOR_COMPARE(ENTRY, _max)},
};
#undef ENTRY

/* Words that an operation uses, as shmemx_ring.h's table has them: a bit for each letter. */
static uint32_t letters[SHMEMX_RING_N_OPS];

void shmi_engine_prepare(void)
{
#define WORDS(name, words) words,
    static const char *const table[] = {SHMEMX_RING_OPS(WORDS)};
#undef WORDS
    for (unsigned op = 0; op < SHMEMX_RING_N_OPS; op++) {
        letters[op] = 0;
        for (const char *at = table[op]; *at != '\0'; at++) {
            letters[op] |= 1u << (*at - 'a');
        }
    }
}

static inline bool has(uint32_t words, char what)
{
    return (words >> (what - 'a') & 1) != 0;
}

/* The object that a place names, in this PE's terms; NULL where len bytes are not symmetric. */
static char *object_at(uint64_t place, uint64_t len)
{
    unsigned region = shmemx_place_region(place);
    uint64_t offset = shmemx_place_offset(place);
    if (region >= SHMI_SEGMENTS) {
        return NULL;
    }
    const struct shmi_segment *seg = &shmi_segments[region];
    return offset < seg->len && len <= seg->len - offset ? seg->base + offset : NULL;
}

/* May the host use the memory that a kernel names?  Where kernels have a memory of their own, only
 * what the host knows of. */
static bool is_known(uint64_t addr)
{
    const void *local = (const void *)(uintptr_t)addr;
    return shmi_accelerator.npu == NULL || shmi_segment_of(local) != NULL ||
           shmi_accelerator.device->owns(shmi_accelerator.npu, local);
}

/* A product; one that is too large is as large as can be. */
static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* Bytes at the remote place that a command covers at least.  Strides and counts are of 31 bits. */
static uint64_t extent_of(const shmemx_command_t *cmd)
{
    uint64_t stride = cmd->op == SHMEMX_RING_IPUT ? cmd->operand : cmd->compare;
    switch (cmd->op) {
    case SHMEMX_RING_AMO:
        return cmd->type;
    case SHMEMX_RING_REDUCE:
        return times(cmd->length, combinations[cmd->subop][cmd->type].size);
    case SHMEMX_RING_IPUT:
    case SHMEMX_RING_IGET:
        return cmd->length == 0 ? 0 : times(stride * (cmd->length - 1) + 1, cmd->type);
    default:
        return cmd->length;
    }
}

static bool is_whole(const shmemx_command_t *cmd)
{
    switch (cmd->op) {
    case SHMEMX_RING_PUT_VALUE:
        return cmd->length >= 1 && cmd->length <= 2 * sizeof(uint64_t);
    case SHMEMX_RING_GET_VALUE:
        return cmd->length >= 1 && cmd->length <= sizeof(uint64_t);
    case SHMEMX_RING_AMO:
        return (cmd->type == 4 || cmd->type == 8) && cmd->subop <= SHMEMX_XOR &&
               shmemx_place_offset(cmd->remote) % cmd->type == 0;
    case SHMEMX_RING_PUT_SIGNAL:
        return cmd->subop <= SHMEM_SIGNAL_ADD && object_at(cmd->compare, 8) != NULL &&
               shmemx_place_offset(cmd->compare) % 8 == 0;
    case SHMEMX_RING_REDUCE:
        return cmd->subop < SHMEMX_N_REDUCTIONS && cmd->type < SHMEMX_N_TYPES;
    case SHMEMX_RING_IPUT:
    case SHMEMX_RING_IGET:
        return cmd->type != 0 && cmd->length < 1u << 31 && cmd->operand < 1u << 31 &&
               cmd->compare < 1u << 31;
    default:
        return true;
    }
}

int shmi_engine_check(const struct shmi_kernels *kernels, const shmemx_command_t *cmd)
{
    if (cmd->op >= SHMEMX_RING_N_OPS) {
        return SHMEMX_UNSUPPORTED;
    }
    uint32_t words = letters[cmd->op];
    if (words == 0) {
        return SHMEMX_OK;
    }
    if (!is_whole(cmd) || (has(words, 'p') && cmd->pe >= (uint32_t)shmi_job.n_pes) ||
        (has(words, 't') && (cmd->team >= kernels->n_teams || kernels->team[cmd->team] == NULL))) {
        return SHMEMX_INVALID;
    }
    bool in_signal_only = cmd->op == SHMEMX_RING_PUT_SIGNAL && cmd->length == 0;
    if (has(words, 'r') && !in_signal_only && object_at(cmd->remote, extent_of(cmd)) == NULL) {
        return SHMEMX_INVALID;
    }
    bool names_local = has(words, 'a') && cmd->length != 0;
    if (cmd->op == SHMEMX_RING_AMO) {
        names_local = (cmd->flags & SHMEMX_RING_FETCH) != 0;
    }
    return !names_local || is_known(cmd->local) ? SHMEMX_OK : SHMEMX_INVALID;
}

bool shmi_engine_is_local(const shmemx_command_t *cmd)
{
    uint32_t words = letters[cmd->op];
    if (has(words, 'a') && cmd->length != 0 && shmi_accelerator.npu != NULL &&
        shmi_accelerator.device->owns(shmi_accelerator.npu, (const void *)(uintptr_t)cmd->local)) {
        return false;
    }
    int pe = (int)cmd->pe;
    switch (cmd->op) {
    case SHMEMX_RING_PUT_SIGNAL:
        return (cmd->length == 0 || shmi_reach(object_at(cmd->remote, cmd->length), pe) != NULL) &&
               shmi_reach_amo(object_at(cmd->compare, 8), pe) != NULL;
    case SHMEMX_RING_AMO:
        return shmi_reach_amo(object_at(cmd->remote, cmd->type), pe) != NULL;
    default:
        return !has(words, 'r') || shmi_reach(object_at(cmd->remote, 0), pe) != NULL;
    }
}

static enum shmi_done do_amo(struct shmi_ctx *ctx, const shmemx_command_t *cmd, char *there,
                             uint64_t *value)
{
    enum shmi_amo_op op = (enum shmi_amo_op)cmd->subop;
    int pe = (int)cmd->pe;
    if ((cmd->flags & SHMEMX_RING_FETCH) != 0) {
        shmi_amo_nbi(WHO, ctx, op, (void *)(uintptr_t)cmd->local, there, cmd->type, cmd->operand,
                     cmd->compare, pe);
        return SHMI_DONE_LATER;
    }
    enum shmi_when when = (cmd->flags & SHMEMX_RING_REPLY) != 0 ? SHMI_NOW : SHMI_LATER;
    *value = shmi_amo(WHO, ctx, op, there, cmd->type, cmd->operand, cmd->compare, when, pe);
    return when == SHMI_NOW ? SHMI_DONE : SHMI_DONE_LATER;
}

static void do_strided(struct shmi_ctx *ctx, const shmemx_command_t *cmd, char *there)
{
    char *local = (char *)(uintptr_t)cmd->local;
    size_t size = cmd->type;
    for (size_t i = 0; i < cmd->length; i++) {
        if (cmd->op == SHMEMX_RING_IPUT) {
            shmi_put(WHO, ctx, there + i * cmd->operand * size, local + i * cmd->compare * size,
                     size, (int)cmd->pe, SHMI_LATER);
        } else {
            shmi_get(WHO, ctx, local + i * cmd->operand * size, there + i * cmd->compare * size,
                     size, (int)cmd->pe, SHMI_LATER);
        }
    }
}

enum shmi_done shmi_engine_do(struct shmi_ctx *ctx, const shmemx_command_t *cmd, uint64_t *value)
{
    enum shmi_when when = (cmd->flags & SHMEMX_RING_REPLY) != 0 ? SHMI_NOW : SHMI_LATER;
    char *there = object_at(cmd->remote, 0);
    void *local = (void *)(uintptr_t)cmd->local;
    int pe = (int)cmd->pe;
    const uint64_t bits[] = {cmd->local, cmd->operand};
    switch (cmd->op) {
    case SHMEMX_RING_PUT:
        shmi_put(WHO, ctx, there, local, cmd->length, pe, when);
        return SHMI_DONE_LATER;
    case SHMEMX_RING_PUT_VALUE:
        shmi_put(WHO, ctx, there, bits, cmd->length, pe, SHMI_NOW);
        return SHMI_DONE_LATER;
    case SHMEMX_RING_GET:
        shmi_get(WHO, ctx, local, there, cmd->length, pe, when);
        return when == SHMI_NOW ? SHMI_DONE : SHMI_DONE_LATER;
    case SHMEMX_RING_GET_VALUE:
        shmi_get(WHO, ctx, value, there, cmd->length, pe, SHMI_NOW);
        return SHMI_DONE;
    case SHMEMX_RING_PUT_SIGNAL:
        shmi_put_signal(WHO, ctx, there, local, cmd->length, (uint64_t *)object_at(cmd->compare, 8),
                        cmd->operand, cmd->subop, pe, when);
        return SHMI_DONE_LATER;
    case SHMEMX_RING_AMO:
        return do_amo(ctx, cmd, there, value);
    case SHMEMX_RING_IPUT:
    case SHMEMX_RING_IGET:
        do_strided(ctx, cmd, there);
        if (when == SHMI_NOW) {
            shmi_quiet(ctx);
        }
        return SHMI_DONE_LATER;
    case SHMEMX_RING_FENCE:
        shmi_fence(ctx);
        return SHMI_DONE;
    case SHMEMX_RING_LOG:
        shmi_info("a kernel says: %lu (%#lx, %#lx)", (unsigned long)cmd->local,
                  (unsigned long)cmd->length, (unsigned long)cmd->operand);
        return SHMI_DONE;
    default: /* NOP, and QUIET, which is its caller's */
        return SHMI_DONE;
    }
}

/* The kernel's own quiet came before. */
bool shmi_engine_meet(struct shmi_team *team, const shmemx_command_t *cmd)
{
    if (cmd->op != SHMEMX_RING_SYNC && cmd->op != SHMEMX_RING_BARRIER) {
        return false;
    }
    shmi_order_all();
    return shmi_coll_sync_begin(team);
}

void shmi_engine_collective(struct shmi_team *team, const shmemx_command_t *cmd)
{
    const char *who = shmi_ring_op_name(cmd->op);
    char *dest = object_at(cmd->remote, 0);
    const void *source = (const void *)(uintptr_t)cmd->local;
    const struct combination *c;
    switch (cmd->op) {
    case SHMEMX_RING_SYNC:
    case SHMEMX_RING_BARRIER: /* the kernel's own quiet came before */
        shmi_order_all();
        shmi_coll_sync(who, team);
        break;
    case SHMEMX_RING_BROADCAST:
        shmi_coll_broadcast(who, team, dest, source, cmd->length, (int)cmd->pe, true);
        break;
    case SHMEMX_RING_FCOLLECT:
        shmi_coll_fcollect(who, team, dest, source, cmd->length);
        break;
    case SHMEMX_RING_ALLTOALL:
        shmi_coll_alltoall(who, team, dest, source, 1, 1, cmd->length, 1);
        break;
    case SHMEMX_RING_REDUCE:
        c = &combinations[cmd->subop][cmd->type];
        shmi_coll_reduce(who, team, dest, source, cmd->length, c->size, c->combine);
        break;
    }
}
