/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hbm.c -- device memory under the routines of the standard.
 *
 *     on the node         the device copies, between any two memories that are mapped
 *     through a network   straight, where adapters reach the memory; else in pieces through host
 *                         memory, one being copied while the one before it is on its way
 *     otherwise           by the agent of the PE whose memory it is: hbm_agent.h
 */
#include "core/hbm.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/amo_emulate.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/check.h"
#include "core/hbm_agent.h"
#include "core/npu.h"
#include "core/order.h"
#include "core/rma.h"
#include "core/segment.h"
#include "core/wait.h"
#include "device/device.h"

/* Staging: pieces, and how many may be on their way. */
#define PIECE  ((size_t)1 << 20)
#define PIECES 4

/* What networks send by themselves, rather than let an adapter fetch it, is shorter. */
#define SHORT ((size_t)8192)

bool shmi_hbm_on;
struct shmi_hbm_peer *shmi_hbm_peers;

bool shmi_hbm_owns(const void *addr)
{
    return shmi_accelerator.device->owns(shmi_accelerator.npu, addr);
}

void shmi_hbm_copy(void *dst, const void *src, size_t len)
{
    shmi_accelerator.device->enter(shmi_accelerator.npu);
    shmi_accelerator.device->copy(shmi_accelerator.npu, dst, src, len);
}

void shmi_hbm_zero(void *dst, size_t len)
{
    static const char zeros[65536];
    for (size_t at = 0; at < len; at += sizeof(zeros)) {
        shmi_hbm_copy((char *)dst + at, zeros, shmi_min(len - at, sizeof(zeros)));
    }
}

uint64_t shmi_hbm_load8(const void *word)
{
    uint64_t value = 0;
    struct shmi_amo fetch = {.op = SHMI_AMO_FETCH, .size = sizeof(value), .fetch = &value};
    if (!shmi_accelerator.device->amo(shmi_accelerator.npu, (void *)word, &fetch)) {
        shmi_hbm_copy(&value, word, sizeof(value));
    }
    return value;
}

struct reaching {
    struct shmi_waiting base;
    uint64_t value;
};

static bool has_reached(struct shmi_waiting *waiting)
{
    const struct reaching *reaching = (const struct reaching *)waiting;
    return shmi_word_load(waiting->addr) >= reaching->value;
}

void shmi_word_wait_reached(const char *who, const void *word, uint64_t value, int pe)
{
    struct reaching reaching = {
        .base = {.who = who, .addr = word, .pe = pe, .done = has_reached},
        .value = value,
    };
    shmi_wait(&reaching.base);
}

char *shmi_hbm_reach(const void *addr, int pe)
{
    const struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_DEVICE];
    size_t offset = (uintptr_t)addr - (uintptr_t)seg->base;
    if (offset >= seg->len) {
        return shmi_reach(addr, pe);
    }
    char *map = shmi_hbm_peers[pe].map;
    return map == NULL ? NULL : map + offset;
}

/* Is it the PE's agent that has to move the bytes?  So it is where the network does not reach them
 * either. */
static bool needs_agent(const void *addr, int pe)
{
    return shmi_segment_of(addr) == &shmi_segments[SHMI_SEGMENT_DEVICE] &&
           !shmi_hbm_peers[pe].registered;
}

/* What the network may be given for a buffer of this PE's; NULL: it has to be staged.  So are short
 * ones that the CPU cannot load, as networks' software copies those itself. */
static char *buffer_of(const void *addr, size_t len)
{
    struct shmi_nic how;
    const struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_DEVICE];
    size_t offset = (uintptr_t)addr - (uintptr_t)seg->base;
    if (!shmi_hbm_is(addr)) {
        return (char *)addr;
    }
    if (offset >= seg->len || len > seg->len - offset) {
        return NULL;
    }
    shmi_accelerator.device->nic(shmi_accelerator.npu, seg->base, seg->len, &how);
    bool fetched = shmi_hbm_peers[shmi_job.my_pe].registered && len >= SHORT; /* by the adapter */
    bool usable = how.way != SHMI_NIC_NONE && (how.host_loads || fetched);
    return usable ? (char *)how.addr + offset : NULL;
}

/* ---- staging --------------------------------------------------------------------------------- */

/* Host memory for pieces; one thread at a time has it, the next allocates its own. */
static struct {
    pthread_mutex_t lock;
    char *pieces;
} stage = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *enter_stage(const char *who)
{
    pthread_mutex_lock(&stage.lock);
    if (stage.pieces == NULL) {
        stage.pieces = aligned_alloc(4096, PIECES * PIECE);
    }
    if (stage.pieces == NULL) {
        shmi_fatal("%s: no host memory to stage device memory through", who);
    }
    return stage.pieces;
}

static void leave_stage(void)
{
    pthread_mutex_unlock(&stage.lock);
}

/* A piece is filled while those before it are sent; all have left when the call returns. */
static void put_staged(const char *who, struct shmi_channel *ch, struct shmi_remote to,
                       const char *source, size_t len)
{
    char *pieces = enter_stage(who);
    const struct shmi_transport *net = shmi_network.transport;
    size_t n = 0;
    for (size_t at = 0; at < len; at += PIECE, n++) {
        size_t piece = shmi_min(len - at, PIECE);
        char *room = pieces + n % PIECES * PIECE;
        if (n >= PIECES && n % PIECES == 0) {
            net->quiet(ch);
        }
        shmi_hbm_copy(room, source + at, piece);
        net->put(ch, to, room, piece, SHMI_LATER);
        to.addr += piece;
    }
    net->quiet(ch);
    leave_stage();
}

static void get_staged(const char *who, struct shmi_channel *ch, char *dest,
                       struct shmi_remote from, size_t len)
{
    char *pieces = enter_stage(who);
    const struct shmi_transport *net = shmi_network.transport;
    size_t half = PIECES / 2 * PIECE;
    /* One half is on its way while the other is copied out. */
    net->get(ch, pieces, from, shmi_min(len, half), SHMI_LATER);
    for (size_t at = 0, turn = 0; at < len; at += half, turn ^= 1) {
        size_t next = at + half;
        net->quiet(ch);
        if (next < len) {
            struct shmi_remote more = from;
            more.addr += next;
            net->get(ch, pieces + (turn ^ 1) * half, more, shmi_min(len - next, half), SHMI_LATER);
        }
        shmi_hbm_copy(dest + at, pieces + turn * half, shmi_min(len - at, half));
    }
    leave_stage();
}

/* ---- the operations -------------------------------------------------------------------------- */

void shmi_hbm_put(const char *who, struct shmi_ctx *ctx, void *dest, const void *source, size_t len,
                  int pe, enum shmi_when when)
{
    if (shmi_segment_of(dest) == NULL) {
        shmi_check_not_symmetric(who, "dest", dest);
    }
    char *there = shmi_hbm_reach(dest, pe);
    if (there != NULL) {
        shmi_hbm_copy(there, source, len);
        return;
    }
    if (needs_agent(dest, pe)) {
        shmi_quiet(ctx); /* another way: what a fence has kept before this comes before it */
        shmi_hbm_agent_put(who, dest, source, len, pe);
        return;
    }
    struct shmi_remote to = shmi_remote_of(who, dest, pe);
    char *from = buffer_of(source, len);
    struct shmi_channel *ch = shmi_ctx_enter_to(ctx, pe);
    if (from != NULL) {
        shmi_network.transport->put(ch, to, from, len, when);
    } else {
        put_staged(who, ch, to, source, len);
    }
    shmi_ctx_leave(ctx);
}

void shmi_hbm_get(const char *who, struct shmi_ctx *ctx, void *dest, const void *source, size_t len,
                  int pe, enum shmi_when when)
{
    if (shmi_segment_of(source) == NULL) {
        shmi_check_not_symmetric(who, "source", source);
    }
    const char *there = shmi_hbm_reach(source, pe);
    if (there != NULL) {
        shmi_hbm_copy(dest, there, len);
        return;
    }
    if (needs_agent(source, pe)) {
        shmi_hbm_agent_get(who, dest, source, len, pe);
        return;
    }
    struct shmi_remote from = shmi_remote_of(who, source, pe);
    char *to = buffer_of(dest, len);
    struct shmi_channel *ch = shmi_ctx_enter(ctx);
    if (to != NULL) {
        shmi_network.transport->get(ch, to, from, len, when);
    } else {
        get_staged(who, ch, dest, from, len);
    }
    shmi_ctx_leave(ctx);
}

/* The device does it where it can and the job has no other answer to who does atomics. */
static bool amo_here(const void *dest, const struct shmi_amo *amo, int pe)
{
    bool network_does = shmi_network.net != NULL && !shmi_network.facts.coherent;
    char *word = shmi_hbm_reach(dest, pe);
    if (word == NULL || shmi_hbm_peers[pe].by_agent ||
        (network_does && shmi_hbm_peers[pe].registered)) {
        return false;
    }
    return shmi_accelerator.device->amo(shmi_accelerator.npu, word, amo);
}

char *shmi_hbm_reach_amo(const void *addr, int pe)
{
    uint64_t value = 0;
    const struct shmi_amo look = {.op = SHMI_AMO_FETCH, .size = sizeof(value), .fetch = &value};
    return amo_here(addr, &look, pe) ? shmi_hbm_reach(addr, pe) : NULL;
}

void shmi_hbm_amo(const char *who, struct shmi_ctx *ctx, void *dest, const struct shmi_amo *amo,
                  enum shmi_when when, int pe)
{
    if (amo_here(dest, amo, pe)) {
        return;
    }
    if (shmi_hbm_peers[pe].by_agent || needs_agent(dest, pe)) {
        shmi_quiet(ctx);
        shmi_hbm_agent_amo(who, dest, amo, pe);
        return;
    }
    struct shmi_remote at = shmi_remote_of(who, dest, pe);
    shmi_amo_by_network(shmi_ctx_enter_to(ctx, pe), at, amo, when);
    shmi_ctx_leave(ctx);
}
