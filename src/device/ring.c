/* SPDX-License-Identifier: BSD-3-Clause */
/* ring.c -- the engine's end of a doorbell ring. */
#include "device/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/log.h"

enum { WINDOW_WORDS = SHMI_RING_WINDOW / 64 };

static size_t offset_of_ctl(void)
{
    return shmi_round_up(sizeof(shmemx_ring_hdr_t), SHMI_LINE);
}

static size_t offset_of_reply(void)
{
    return offset_of_ctl() + shmi_round_up(sizeof(shmemx_ring_ctl_t), SHMI_LINE);
}

static size_t offset_of_slot(void)
{
    return offset_of_reply() + SHMEMX_RING_REPLIES * sizeof(shmemx_reply_t);
}

size_t shmi_ring_bytes(unsigned log2_slots)
{
    return offset_of_slot() + (sizeof(shmemx_slot_t) << log2_slots);
}

static int find_parts(struct shmi_ring *ring, void *here)
{
    const shmemx_ring_hdr_t *hdr = here;
    uint64_t *window = calloc(WINDOW_WORDS, sizeof(*window));
    if (window == NULL) {
        return -ENOMEM;
    }
    *ring = (struct shmi_ring){
        .hdr = hdr,
        .slot = (const shmemx_slot_t *)((char *)here + hdr->off_slot),
        .reply = (shmemx_reply_t *)((char *)here + hdr->off_reply),
        .ctl = (shmemx_ring_ctl_t *)((char *)here + hdr->off_ctl),
        .log2_slots = hdr->log2_slots,
        .n_reply = hdr->n_reply,
        .op_mask = hdr->op_mask,
        .window = window,
    };
    return 0;
}

int shmi_ring_create(struct shmi_ring *ring, void *here, unsigned log2_slots, uint32_t flags,
                     uint64_t op_mask)
{
    if (log2_slots < SHMI_RING_MIN_LOG2 || log2_slots > SHMI_RING_MAX_LOG2) {
        return -EINVAL;
    }
    *(shmemx_ring_hdr_t *)here = (shmemx_ring_hdr_t){
        .magic = SHMEMX_RING_MAGIC,
        .abi = SHMEMX_RING_ABI,
        .hdr_bytes = sizeof(shmemx_ring_hdr_t),
        .slot_bytes = sizeof(shmemx_slot_t),
        .log2_slots = log2_slots,
        .n_reply = SHMEMX_RING_REPLIES,
        .flags = flags,
        .off_slot = offset_of_slot(),
        .off_reply = offset_of_reply(),
        .off_ctl = offset_of_ctl(),
        .op_mask = op_mask,
    };
    return find_parts(ring, here);
}

void shmi_ring_introduce(const struct shmi_ring *ring, shmemx_producer_t *producer, uint64_t there,
                         uint64_t diagnosis, uint64_t timeout_ns, uint64_t index)
{
    const shmemx_ring_hdr_t *hdr = ring->hdr;
    *producer = (shmemx_producer_t){
        .replies = ~0ull >> (64 - hdr->n_reply),
        .hdr = there,
        .slot = there + hdr->off_slot,
        .reply = there + hdr->off_reply,
        .ctl = there + hdr->off_ctl,
        .diagnosis = diagnosis,
        .timeout_ns = timeout_ns,
        .log2_slots = hdr->log2_slots,
        .flags = hdr->flags,
        .index = index,
        .ticket = ring->next,
        .taken_seen = ring->next,
    };
}

void shmi_ring_destroy(struct shmi_ring *ring)
{
    free(ring->window);
    ring->window = NULL;
}

int shmi_ring_attach(struct shmi_ring *ring, void *here)
{
    const shmemx_ring_hdr_t *hdr = here;
    if (hdr->magic != SHMEMX_RING_MAGIC) {
        shmi_error("no doorbell ring at %p: its first word is %#lx, not %#lx", here,
                   (unsigned long)hdr->magic, (unsigned long)SHMEMX_RING_MAGIC);
        return -EPROTO;
    }
    if (hdr->abi != SHMEMX_RING_ABI || hdr->hdr_bytes != sizeof(*hdr) ||
        hdr->slot_bytes != sizeof(shmemx_slot_t) || hdr->n_reply == 0 ||
        hdr->n_reply > SHMEMX_RING_REPLIES || hdr->log2_slots < SHMI_RING_MIN_LOG2 ||
        hdr->log2_slots > SHMI_RING_MAX_LOG2) {
        shmi_error("the doorbell ring at %p is of version %u (header %u bytes, slots 2^%u of %u "
                   "bytes, %u replies), this library's is %d (header %zu, slots of %zu): compile "
                   "kernels and library with the same shmemx_ring.h",
                   here, hdr->abi, hdr->hdr_bytes, hdr->log2_slots, hdr->slot_bytes, hdr->n_reply,
                   SHMEMX_RING_ABI, sizeof(*hdr), sizeof(shmemx_slot_t));
        return -EPROTO;
    }
    return find_parts(ring, here);
}

/* ---- rings that only copies reach ------------------------------------------------------------ */

void shmi_ring_set_far(struct shmi_ring *ring, void *far, shmi_ring_copy *copy)
{
    ring->far = far;
    ring->copy = copy;
}

static char *far_of(const struct shmi_ring *ring, const void *here)
{
    return ring->far + ((const char *)here - (const char *)ring->hdr);
}

/* Up to the last slot, so that it is one piece.  What was fetched before its time comes again. */
void shmi_ring_fetch(struct shmi_ring *ring, unsigned n)
{
    uint64_t n_slots = 1ull << ring->log2_slots;
    uint64_t at = ring->next & (n_slots - 1);
    shmemx_slot_t *slot = (shmemx_slot_t *)&ring->slot[at];
    ring->copy(slot, far_of(ring, slot), shmi_min(n, n_slots - at) * sizeof(*slot));
}

/* The engine has written this for the producers. */
static inline void tell(const struct shmi_ring *ring, const void *here, size_t len)
{
    if (shmi_unlikely(ring->far != NULL)) {
        ring->copy(far_of(ring, here), here, len);
    }
}

/* ---- taking and completing ------------------------------------------------------------------- */

int shmi_ring_take(struct shmi_ring *ring, shmemx_command_t *cmd, uint64_t *ticket)
{
    uint64_t w[SHMEMX_RING_WORDS];
    uint64_t next = ring->next;
    const shmemx_slot_t *slot = &ring->slot[next & ((1ull << ring->log2_slots) - 1)];
    /* Pairs with the release of shmemx_store_last: the data the command speaks of is there. */
    w[7] = shmi_load_acquire(&slot->w[7]);
    if (((w[7] ^ shmemx_lap(next, ring->log2_slots)) & SHMEMX_RING_LAP) != 0) {
        return 0;
    }
    w[0] = shmi_load_relaxed(&slot->w[0]); /* without a loop, they stay in registers */
    w[1] = shmi_load_relaxed(&slot->w[1]);
    w[2] = shmi_load_relaxed(&slot->w[2]);
    w[3] = shmi_load_relaxed(&slot->w[3]);
    w[4] = shmi_load_relaxed(&slot->w[4]);
    w[5] = shmi_load_relaxed(&slot->w[5]);
    w[6] = shmi_load_relaxed(&slot->w[6]);
    int whole = shmemx_open(w, next, ring->log2_slots);
    if (whole == 0 || next - ring->done >= SHMI_RING_WINDOW) {
        return 0;
    }
    if (whole < 0) {
        shmi_error("a doorbell ring has ticket %u (modulo 2^15) where %lu must be: two producers "
                   "write to a ring meant for one, or a slot was overwritten",
                   (unsigned)(w[7] >> 48 & 0x7fff), (unsigned long)next);
        return -EBADMSG;
    }
    shmemx_decode(w, cmd);
    if ((cmd->flags & SHMEMX_RING_REPLY) != 0) { /* it comes while the command is done */
        shmemx_own_soon(&ring->reply[cmd->reply % SHMEMX_RING_REPLIES]);
    }
    ring->next = next + 1;
    ring->torn_since = 0;
    *ticket = next;
    return 1;
}

void shmi_ring_reply(struct shmi_ring *ring, const shmemx_command_t *cmd, uint64_t ticket,
                     uint64_t value, int status)
{
    if ((cmd->flags & SHMEMX_RING_REPLY) == 0) {
        return;
    }
    if (cmd->reply >= ring->n_reply) {
        shmi_ring_fail(ring, cmd, ticket, SHMEMX_INVALID);
        return;
    }
    shmemx_reply_t *reply = &ring->reply[cmd->reply];
    shmi_store_relaxed(&reply->value, value);
    tell(ring, &reply->value, sizeof(reply->value));
    /* Pairs with the acquire of shmemx_reply_wait. */
    shmi_store_release(&reply->tag, (ticket + 1) << 8 | (uint64_t)status);
    tell(ring, &reply->tag, sizeof(reply->tag));
}

/* Move `done` over what is complete.  The bits are cleared for the tickets one window later, which
 * are not taken before this. */
static void advance(struct shmi_ring *ring)
{
    while (ring->done != ring->next) {
        uint64_t *word = &ring->window[ring->done / 64 % WINDOW_WORDS];
        unsigned shift = ring->done % 64;
        uint64_t bits = shmi_load_acquire(word) >> shift;
        unsigned n = bits == ~0ull ? 64 : (unsigned)__builtin_ctzll(~bits);
        if (n == 0) {
            return;
        }
        uint64_t mask = (n == 64 ? ~0ull : (1ull << n) - 1) << shift;
        __atomic_fetch_and(word, ~mask, __ATOMIC_RELAXED);
        ring->done += n;
    }
}

void shmi_ring_complete(struct shmi_ring *ring, uint64_t ticket)
{
    /* Pairs with the acquire in advance(). */
    __atomic_fetch_or(&ring->window[ticket / 64 % WINDOW_WORDS], 1ull << ticket % 64,
                      __ATOMIC_RELEASE);
}

void shmi_ring_retire(struct shmi_ring *ring, uint64_t ticket)
{
    if (ticket == ring->done) {
        ring->done++;
    } else {
        shmi_ring_complete(ring, ticket);
    }
}

void shmi_ring_publish(struct shmi_ring *ring)
{
    advance(ring);
    bool changes = ring->taken_published != ring->next || ring->done_published != ring->done;
    if (ring->taken_published != ring->next) {
        ring->taken_published = ring->next;
        /* Pairs with the acquire in shmemx_reserve. */
        shmi_store_release(&ring->ctl->taken, ring->next);
    }
    if (ring->done_published != ring->done) {
        ring->done_published = ring->done;
        /* Pairs with the acquire in shmemx_ring_quiet. */
        shmi_store_release(&ring->ctl->done, ring->done);
    }
    if (changes) {
        tell(ring, &ring->ctl->taken, 2 * sizeof(uint64_t)); /* and done */
    }
}

void shmi_ring_fail(struct shmi_ring *ring, const shmemx_command_t *cmd, uint64_t ticket,
                    int status)
{
    uint64_t none = 0;
    uint64_t error = ticket << 16 | (uint64_t)cmd->op << 8 | (uint64_t)status;
    if (__atomic_compare_exchange_n(&ring->ctl->error, &none, error, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED)) {
        tell(ring, &ring->ctl->error, sizeof(error));
    }
}

void shmi_ring_stop(struct shmi_ring *ring)
{
    shmi_store_release(&ring->ctl->stop, 1);
    tell(ring, &ring->ctl->stop, sizeof(ring->ctl->stop));
}

uint64_t shmi_ring_torn(struct shmi_ring *ring, uint64_t now_ns)
{
    const shmemx_slot_t *slot = &ring->slot[ring->next & ((1ull << ring->log2_slots) - 1)];
    uint64_t lap = shmemx_lap(ring->next, ring->log2_slots);
    int there = 0;
    for (int i = 0; i < SHMEMX_RING_WORDS; i++) {
        there += ((shmi_load_relaxed(&slot->w[i]) ^ lap) & SHMEMX_RING_LAP) == 0;
    }
    if (there == 0 || there == SHMEMX_RING_WORDS) {
        ring->torn_since = 0;
        return 0;
    }
    if (ring->torn_since == 0) {
        ring->torn_since = now_ns;
    }
    return now_ns - ring->torn_since;
}

const char *shmi_ring_op_name(unsigned op)
{
#define NAME(name, words) #name,
    static const char *const names[] = {SHMEMX_RING_OPS(NAME)};
#undef NAME
    return op < SHMI_COUNT(names) ? names[op] : "unknown";
}

const char *shmi_ring_status_name(int status)
{
    static const char *const names[] = {
        [SHMEMX_OK] = "success",
        [SHMEMX_STOPPED] = "stopped",
        [SHMEMX_TIMED_OUT] = "timed out",
        [SHMEMX_UNSUPPORTED] = "unsupported operation",
        [SHMEMX_INVALID] = "invalid argument",
        [SHMEMX_MISMATCH] = "version mismatch",
        [SHMEMX_FAILED] = "failed",
    };
    return status >= 0 && (size_t)status < SHMI_COUNT(names) ? names[status] : "unknown status";
}

const char *shmi_ring_site_name(uint64_t site)
{
#define TEXT(name, text) text,
    static const char *const texts[] = {SHMEMX_SITES(TEXT)};
#undef TEXT
    return site < SHMI_COUNT(texts) ? texts[site] : "something unknown";
}
