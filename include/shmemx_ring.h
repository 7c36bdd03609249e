/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shmemx_ring.h -- the doorbell ring: how kernels ask the host for communication.
 *
 * A ring is an array of 64-byte slots, a header, a line of words that the host writes, and reply
 * slots, in memory that device and host share.  A producer takes a ticket t, fills slot t mod N and
 * is done; the host's engine takes the slots in order.
 *
 * Each of a slot's eight words carries a lap bit, which changes with every round of the ring: it
 * is whole when all eight have the bit of its ticket.  So words may arrive in any order, and no
 * fence stands between a command and a flag.  The bits that the lap bits displace travel in word 7,
 * with 15 bits of the ticket.
 *
 *     word 0  local address, or the value itself      4  compare, signal's region:8 | offset:55,
 *          1  remote region:8 | offset:55                or source stride
 *          2  length, or count of elements            5  pe:32 | team:31
 *          3  operand, signal value, or dest stride   6  reply slot:32 | cookie:31
 *                                                     7  op:8 type:8 subop:8 msb:8 flags:16
 *                                                        ticket:15
 *
 * Back-pressure: `taken` is the first ticket that the engine has not taken.  A producer waits while
 * its ticket is N or more past it.  Between taking a ticket and sealing the slot it waits for
 * nothing else, for an unsealed slot stops the ring.
 *
 * Completion: `done` is the first ticket whose operation is not complete.  A reply slot, owned by
 * the producer, gets a value and then a tag: (ticket + 1) << 8 | status.
 *
 * Both sides use the functions here, and no others, to fill and to read a slot.
 */
#ifndef SHMEMX_RING_H
#define SHMEMX_RING_H

#include "shmemx_platform.h"

#if defined __GNUC__ && !defined __CUDACC__
#pragma GCC system_header
#endif

#define SHMEMX_RING_MAGIC 0x676e697268737570ull /* "pushring" */
#define SHMEMX_RING_ABI   1
#define SHMEMX_RING_WORDS 8
#define SHMEMX_RING_LAP   (1ull << 63)

/* Reply slots of a ring: one word says which are free. */
#define SHMEMX_RING_REPLIES 64

/* What a kernel's call returns.  Errors of what nobody waits for are told by the next quiet. */
enum {
    SHMEMX_OK,
    SHMEMX_STOPPED,     /* the host has stopped the ring: the job ends */
    SHMEMX_TIMED_OUT,   /* SHMEM_DEVICE_TIMEOUT has passed; the host has been told who waits */
    SHMEMX_UNSUPPORTED, /* this library's engine does not know the operation */
    SHMEMX_INVALID,     /* a PE, team, length or address that cannot be */
    SHMEMX_MISMATCH,    /* header and library are of different versions */
    SHMEMX_FAILED       /* anything else */
};

/*
 * The operations, and which words each uses:
 *
 *     a  word 0 is an address of the caller     o  word 3 is an operand, a stride
 *     v  word 0 is a value                      s  word 3 and 4 are a signal and its place
 *     r  word 1 is a place in symmetric memory  c  word 4 is a comparand, a stride
 *     n  word 2 counts                          p  word 5 names a PE
 *                                               t  word 5 names a team
 *     w  a reply is always waited for
 */
#define SHMEMX_RING_OPS(OP) \
    OP(NOP, "")             \
    OP(PUT, "arnp")         \
    OP(PUT_VALUE, "vrnop")  \
    OP(GET, "arnp")         \
    OP(GET_VALUE, "rnpw")   \
    OP(PUT_SIGNAL, "arnsp") \
    OP(AMO, "arocp")        \
    OP(IPUT, "arnocp")      \
    OP(IGET, "arnocp")      \
    OP(FENCE, "")           \
    OP(QUIET, "w")          \
    OP(SYNC, "tw")          \
    OP(BARRIER, "tw")       \
    OP(BROADCAST, "arnptw") \
    OP(FCOLLECT, "arntw")   \
    OP(ALLTOALL, "arntw")   \
    OP(REDUCE, "arntw")     \
    OP(LOG, "vno")

#define SHMEMX_RING_OP(name, words) SHMEMX_RING_##name,
enum { SHMEMX_RING_OPS(SHMEMX_RING_OP) SHMEMX_RING_N_OPS };
#undef SHMEMX_RING_OP

/* Flags of a command. */
enum {
    SHMEMX_RING_REPLY = 1, /* word 6 names a reply slot */
    SHMEMX_RING_FETCH = 2  /* AMO: the old value goes to word 0's address */
};

typedef struct {
    uint64_t w[SHMEMX_RING_WORDS];
} shmemx_slot_t;

typedef struct {
    uint64_t value, tag;
} shmemx_reply_t;

/* Read once by either side.  Offsets are from the header, and may lead to other memory. */
typedef struct {
    uint64_t magic;
    uint32_t abi, hdr_bytes, slot_bytes, log2_slots, n_reply, flags;
    uint64_t off_slot, off_reply, off_ctl;
    uint64_t op_mask; /* bit per operation that the engine accepts */
} shmemx_ring_hdr_t;

/* Flags of a ring. */
enum {
    SHMEMX_RING_SHARED = 1, /* several producers at a time */
    SHMEMX_RING_CROWDED = 2 /* producers and engine share cores: who waits lets others run */
};

/* From the engine to the producers. */
typedef struct {
    uint64_t taken, done;
    uint64_t error; /* the first failure: ticket << 16 | op << 8 | status */
    uint64_t stop;
    uint64_t pad[4];
} shmemx_ring_ctl_t;

/* Outside of all rings, one for a device: the first wait that took too long, or header that does
 * not fit.  state: 0 free, 1 being written, 2 there. */
typedef struct {
    uint64_t state, site, address, expected, found, ring, ticket, pad;
} shmemx_diagnosis_t;

/* Where a wait was; site in the above. */
#define SHMEMX_SITES(SITE)                          \
    SITE(ROOM, "room in the ring")                  \
    SITE(REPLY, "a reply of the engine")            \
    SITE(REPLY_SLOT, "a free reply slot")           \
    SITE(WAIT, "a word (shmemx_device_wait_until)") \
    SITE(SYNC, "the members of a team")             \
    SITE(VERSION, "a ring of another version")

#define SHMEMX_SITE(name, text) SHMEMX_SITE_##name,
enum { SHMEMX_SITES(SHMEMX_SITE) SHMEMX_N_SITES };
#undef SHMEMX_SITE

/* A command, out of its slot. */
typedef struct {
    uint64_t local, remote, length, operand, compare;
    uint32_t pe, team, reply, cookie;
    uint8_t op, type, subop;
    uint16_t flags;
} shmemx_command_t;

/* ---- slots ----------------------------------------------------------------------------------- */

SHMEMX_DEVICE uint64_t shmemx_place(unsigned region, uint64_t offset)
{
    return (uint64_t)region << 55 | offset;
}

SHMEMX_DEVICE unsigned shmemx_place_region(uint64_t place)
{
    return (unsigned)(place >> 55);
}

SHMEMX_DEVICE uint64_t shmemx_place_offset(uint64_t place)
{
    return place & ((1ull << 55) - 1);
}

SHMEMX_DEVICE void shmemx_encode(const shmemx_command_t *cmd, uint64_t *w)
{
    w[0] = cmd->local;
    w[1] = cmd->remote;
    w[2] = cmd->length;
    w[3] = cmd->operand;
    w[4] = cmd->compare;
    w[5] = (uint64_t)cmd->pe | (uint64_t)(cmd->team & 0x7fffffffu) << 32;
    w[6] = (uint64_t)cmd->reply | (uint64_t)(cmd->cookie & 0x7fffffffu) << 32;
    w[7] = (uint64_t)cmd->op | (uint64_t)cmd->type << 8 | (uint64_t)cmd->subop << 16 |
           (uint64_t)cmd->flags << 32;
}

SHMEMX_DEVICE void shmemx_decode(const uint64_t *w, shmemx_command_t *cmd)
{
    cmd->local = w[0];
    cmd->remote = w[1];
    cmd->length = w[2];
    cmd->operand = w[3];
    cmd->compare = w[4];
    cmd->pe = (uint32_t)w[5];
    cmd->team = (uint32_t)(w[5] >> 32) & 0x7fffffffu;
    cmd->reply = (uint32_t)w[6];
    cmd->cookie = (uint32_t)(w[6] >> 32) & 0x7fffffffu;
    cmd->op = (uint8_t)w[7];
    cmd->type = (uint8_t)(w[7] >> 8);
    cmd->subop = (uint8_t)(w[7] >> 16);
    cmd->flags = (uint16_t)(w[7] >> 32);
}

/* The lap bit of a ticket.  It starts as 1, so that zeroed memory is an empty ring. */
SHMEMX_DEVICE uint64_t shmemx_lap(uint64_t ticket, unsigned log2_slots)
{
    return (~(ticket >> log2_slots) & 1) << 63;
}

/* A word with another top bit. */
SHMEMX_DEVICE uint64_t shmemx_topped(uint64_t word, uint64_t bit)
{
    return (word & ~SHMEMX_RING_LAP) | bit;
}

/* Give the words of a slot their lap bits and the ticket.  No loops here and below: the words stay
 * in registers. */
SHMEMX_DEVICE void shmemx_seal(uint64_t *w, uint64_t ticket, unsigned log2_slots)
{
    uint64_t lap = shmemx_lap(ticket, log2_slots);
    uint64_t msb = w[0] >> 63 | w[1] >> 63 << 1 | w[2] >> 63 << 2 | w[3] >> 63 << 3 |
                   w[4] >> 63 << 4 | w[5] >> 63 << 5 | w[6] >> 63 << 6;
    w[0] = shmemx_topped(w[0], lap);
    w[1] = shmemx_topped(w[1], lap);
    w[2] = shmemx_topped(w[2], lap);
    w[3] = shmemx_topped(w[3], lap);
    w[4] = shmemx_topped(w[4], lap);
    w[5] = shmemx_topped(w[5], lap);
    w[6] = shmemx_topped(w[6], lap);
    w[7] = (w[7] & 0x0000ffff00ffffffull) | msb << 24 | (ticket & 0x7fff) << 48 | lap;
}

/* Undo that on words read from a slot.  0: not all are there yet.  1: whole.  -1: whole, but of
 * another ticket: somebody writes here who should not. */
SHMEMX_DEVICE int shmemx_open(uint64_t *w, uint64_t ticket, unsigned log2_slots)
{
    uint64_t lap = shmemx_lap(ticket, log2_slots), msb = w[7] >> 24;
    uint64_t differ = (w[0] ^ lap) | (w[1] ^ lap) | (w[2] ^ lap) | (w[3] ^ lap) | (w[4] ^ lap) |
                      (w[5] ^ lap) | (w[6] ^ lap) | (w[7] ^ lap);
    if ((differ & SHMEMX_RING_LAP) != 0) {
        return 0;
    }
    w[0] = shmemx_topped(w[0], msb << 63);
    w[1] = shmemx_topped(w[1], msb >> 1 << 63);
    w[2] = shmemx_topped(w[2], msb >> 2 << 63);
    w[3] = shmemx_topped(w[3], msb >> 3 << 63);
    w[4] = shmemx_topped(w[4], msb >> 4 << 63);
    w[5] = shmemx_topped(w[5], msb >> 5 << 63);
    w[6] = shmemx_topped(w[6], msb >> 6 << 63);
    return (w[7] >> 48 & 0x7fff) == (ticket & 0x7fff) ? 1 : -1;
}

/* ---- the producer ---------------------------------------------------------------------------- */

/* A producer's end.  Producers alone write it; the library prepares it.  Addresses are the
 * device's. */
typedef struct {
    uint64_t ticket;     /* the next */
    uint64_t taken_seen; /* `taken` when last looked at */
    uint64_t replies;    /* bit per reply slot that is free */
    uint64_t error_seen; /* `error` as last told to a caller */
    uint64_t hdr, slot, reply, ctl, diagnosis;
    uint64_t timeout_ns; /* 0: none */
    uint32_t log2_slots, flags;
    uint64_t index; /* for diagnosis: which ring */
    uint64_t attached;
    uint64_t left;  /* `ticket` when a block last left: for a host that sees only what is written
                       back to memory */
    uint64_t gives; /* as a patience's, of the last wait for a reply */
    uint64_t pad;   /* two lines in all */
} shmemx_producer_t;

#define SHMEMX_CTL(ring) ((SHMEMX_GM shmemx_ring_ctl_t *)(uintptr_t)(ring)->ctl)

/* Tell the host, once, what is wrong: in the record at an address, of a ring and a ticket. */
SHMEMX_DEVICE void shmemx_tell(uint64_t diagnosis, uint64_t ring, uint64_t ticket, int site,
                               uint64_t address, uint64_t expected, uint64_t found)
{
    SHMEMX_GM shmemx_diagnosis_t *record = (SHMEMX_GM shmemx_diagnosis_t *)(uintptr_t)diagnosis;
    if (shmemx_amo8(&record->state, SHMEMX_CSWAP, 1, 0) != 0) {
        return;
    }
    record->site = (uint64_t)site;
    record->address = address;
    record->expected = expected;
    record->found = found;
    record->ring = ring;
    record->ticket = ticket;
    shmemx_clean(record, sizeof(*record));
    shmemx_store_release(&record->state, 2);
}

/* Tell what is being waited for. */
SHMEMX_DEVICE void shmemx_diagnose(SHMEMX_GM const shmemx_producer_t *ring, int site,
                                   uint64_t address, uint64_t expected, uint64_t found)
{
    shmemx_tell(ring->diagnosis, ring->index, shmemx_load(&ring->ticket), site, address, expected,
                found);
}

/* How long a wait has lasted.  gives: when the core was given away the last time, somebody took it,
 * and gave it back soon: so let it be had at once. */
typedef struct {
    uint64_t polls, since, gives;
} shmemx_patience_t;

#define SHMEMX_POLLS   256 /* between looks at the clock and at `stop`, */
#define SHMEMX_CROWDED 64  /* and where others may need the core to go on */

#if defined SCHED_OTHER
/* Two changes of threads take longer than a call of the system alone, and shorter than the turn of
 * somebody who has nothing to do with this. */
#define SHMEMX_GIVEN_LEAST_NS 1000
#define SHMEMX_GIVEN_MOST_NS  20000

/* Let others have the core: 1 where somebody took it, and gave it back soon. */
SHMEMX_DEVICE int shmemx_give_way(void)
{
    uint64_t start = shmemx_now_ns(), took;
    sched_yield();
    took = shmemx_now_ns() - start;
    return took >= SHMEMX_GIVEN_LEAST_NS && took <= SHMEMX_GIVEN_MOST_NS;
}
#endif

/* After a look that failed.  Returns SHMEMX_OK: look again. */
SHMEMX_DEVICE int shmemx_wait_more(SHMEMX_GM const shmemx_producer_t *ring, shmemx_patience_t *wait,
                                   int site, uint64_t address, uint64_t expected, uint64_t found)
{
    if (++wait->polls % SHMEMX_POLLS != 0) {
        shmemx_relax();
#if defined SCHED_OTHER
        if ((ring->flags & SHMEMX_RING_CROWDED) != 0 &&
            (wait->gives != 0 || wait->polls % SHMEMX_CROWDED == 0)) {
            wait->gives = (uint64_t)shmemx_give_way();
        }
#endif
        return SHMEMX_OK;
    }
    if (shmemx_load(&SHMEMX_CTL(ring)->stop) != 0) {
        return SHMEMX_STOPPED;
    }
#if defined SCHED_OTHER
    sched_yield();
#endif
    uint64_t now = shmemx_now_ns();
    if (wait->since == 0) {
        wait->since = now;
    }
    if (ring->timeout_ns != 0 && now - wait->since > ring->timeout_ns) {
        shmemx_diagnose(ring, site, address, expected, found);
        return SHMEMX_TIMED_OUT;
    }
    return SHMEMX_OK;
}

/* Does the header fit this file?  Returns SHMEMX_OK or SHMEMX_MISMATCH, with both versions in the
 * diagnosis: expected is what the kernel was compiled with. */
SHMEMX_DEVICE int shmemx_ring_check(SHMEMX_GM const shmemx_producer_t *ring)
{
    SHMEMX_GM const shmemx_ring_hdr_t *hdr =
        (SHMEMX_GM const shmemx_ring_hdr_t *)(uintptr_t)ring->hdr;
    if (hdr->magic == SHMEMX_RING_MAGIC && hdr->abi == SHMEMX_RING_ABI &&
        hdr->hdr_bytes == sizeof(*hdr) && hdr->slot_bytes == sizeof(shmemx_slot_t)) {
        return SHMEMX_OK;
    }
    shmemx_diagnose(ring, SHMEMX_SITE_VERSION, ring->hdr, SHMEMX_RING_ABI, hdr->abi);
    return SHMEMX_MISMATCH;
}

/* Take a ticket, and wait until its slot is free. */
SHMEMX_DEVICE int shmemx_reserve(SHMEMX_GM shmemx_producer_t *ring, uint64_t *ticket)
{
    uint64_t n = 1ull << ring->log2_slots;
    shmemx_patience_t wait = {0, 0, 0};
    int status = SHMEMX_OK;
    if ((ring->flags & SHMEMX_RING_SHARED) != 0) {
        *ticket = shmemx_amo8(&ring->ticket, SHMEMX_ADD, 1, 0);
    } else {
        *ticket = ring->ticket++;
    }
    while (*ticket - shmemx_load_acquire(&ring->taken_seen) >= n) {
        uint64_t taken = shmemx_load_acquire(&SHMEMX_CTL(ring)->taken);
        shmemx_store_release(&ring->taken_seen, taken);
        if (*ticket - taken < n) {
            break;
        }
        status = shmemx_wait_more(ring, &wait, SHMEMX_SITE_ROOM, ring->ctl, *ticket - n + 1, taken);
        if (status != SHMEMX_OK && (ring->flags & SHMEMX_RING_SHARED) == 0) {
            ring->ticket--;
            return status;
        }
        /* Nobody else can fill this slot: only a shared ring that is stopped may be left. */
        if (status == SHMEMX_STOPPED) {
            return status;
        }
    }
    return SHMEMX_OK;
}

/* Where the command of a ticket goes. */
SHMEMX_DEVICE SHMEMX_GM shmemx_slot_t *shmemx_slot_of(SHMEMX_GM const shmemx_producer_t *ring,
                                                      uint64_t ticket)
{
    return (SHMEMX_GM shmemx_slot_t *)(uintptr_t)ring->slot +
           (ticket & ((1ull << ring->log2_slots) - 1));
}

/* Put a command into the ring. */
SHMEMX_DEVICE int shmemx_post(SHMEMX_GM shmemx_producer_t *ring, const shmemx_command_t *cmd,
                              uint64_t *ticket)
{
    uint64_t w[SHMEMX_RING_WORDS];
    int status = shmemx_reserve(ring, ticket);
    if (status != SHMEMX_OK) {
        return status;
    }
    shmemx_encode(cmd, w);
    shmemx_seal(w, *ticket, ring->log2_slots);
    SHMEMX_GM shmemx_slot_t *slot = shmemx_slot_of(ring, *ticket);
    shmemx_store(&slot->w[0], w[0]);
    shmemx_store(&slot->w[1], w[1]);
    shmemx_store(&slot->w[2], w[2]);
    shmemx_store(&slot->w[3], w[3]);
    shmemx_store(&slot->w[4], w[4]);
    shmemx_store(&slot->w[5], w[5]);
    shmemx_store(&slot->w[6], w[6]);
    shmemx_store_last(&slot->w[7], w[7]);
    return SHMEMX_OK;
}

/* Mark reply slots as taken: 0 if another producer has changed the word meanwhile. */
SHMEMX_DEVICE int shmemx_reply_mark(SHMEMX_GM shmemx_producer_t *ring, uint64_t before,
                                    uint64_t after)
{
    if ((ring->flags & SHMEMX_RING_SHARED) == 0) {
        shmemx_store(&ring->replies, after);
        return 1;
    }
    return shmemx_amo8(&ring->replies, SHMEMX_CSWAP, after, before) == before;
}

/* A reply slot of one's own: before a ticket is taken. */
SHMEMX_DEVICE int shmemx_reply_take(SHMEMX_GM shmemx_producer_t *ring, uint32_t *index)
{
    shmemx_patience_t wait = {0, 0, 0};
    for (;;) {
        uint64_t free_ones = shmemx_load_acquire(&ring->replies);
        uint64_t lowest = free_ones & (~free_ones + 1);
        if (lowest != 0 && shmemx_reply_mark(ring, free_ones, free_ones & ~lowest)) {
            for (*index = 0; lowest != 1; lowest >>= 1) {
                ++*index;
            }
            return SHMEMX_OK;
        }
        if (lowest == 0) {
            int status = shmemx_wait_more(ring, &wait, SHMEMX_SITE_REPLY_SLOT, 0, 1, 0);
            if (status != SHMEMX_OK) {
                return status;
            }
        }
    }
}

/* Wait for the answer to a ticket.  The value is read before the slot can be used again. */
SHMEMX_DEVICE int shmemx_reply_wait(SHMEMX_GM shmemx_producer_t *ring, uint32_t index,
                                    uint64_t ticket, uint64_t *value)
{
    SHMEMX_GM shmemx_reply_t *reply = (SHMEMX_GM shmemx_reply_t *)(uintptr_t)ring->reply + index;
    shmemx_patience_t wait = {0, 0, shmemx_load(&ring->gives)};
    uint64_t tag, wanted = (ticket + 1) & (~0ull >> 8);
    while ((tag = shmemx_load_acquire(&reply->tag)) >> 8 != wanted) {
        int status = shmemx_wait_more(ring, &wait, SHMEMX_SITE_REPLY, (uint64_t)(uintptr_t)reply,
                                      wanted, tag >> 8);
        if (status != SHMEMX_OK) {
            return status; /* the slot stays taken: the answer may still come */
        }
    }
    /* Who has waited for an answer often has another question. */
    shmemx_own_soon(shmemx_slot_of(ring, shmemx_load(&ring->ticket)));
    *value = shmemx_load_acquire(&reply->value);
    if (wait.gives != shmemx_load(&ring->gives)) {
        shmemx_store(&ring->gives, wait.gives);
    }
    if ((ring->flags & SHMEMX_RING_SHARED) != 0) {
        shmemx_amo8(&ring->replies, SHMEMX_OR, 1ull << index, 0);
    } else {
        shmemx_store(&ring->replies, shmemx_load(&ring->replies) | 1ull << index);
    }
    return (int)(tag & 0xff);
}

/* Put a command into the ring and wait for its answer. */
SHMEMX_DEVICE int shmemx_ask(SHMEMX_GM shmemx_producer_t *ring, shmemx_command_t *cmd,
                             uint64_t *value)
{
    uint64_t ticket;
    int status = shmemx_reply_take(ring, &cmd->reply);
    if (status != SHMEMX_OK) {
        return status;
    }
    cmd->flags |= SHMEMX_RING_REPLY;
    status = shmemx_post(ring, cmd, &ticket);
    if (status != SHMEMX_OK) {
        return status;
    }
    return shmemx_reply_wait(ring, cmd->reply, ticket, value);
}

/* The first failure of an operation nobody waited for, once; the engine's word keeps it. */
SHMEMX_DEVICE int shmemx_ring_error(SHMEMX_GM shmemx_producer_t *ring)
{
    uint64_t error = shmemx_load_acquire(&SHMEMX_CTL(ring)->error);
    if (error == shmemx_load(&ring->error_seen)) {
        return SHMEMX_OK;
    }
    shmemx_store(&ring->error_seen, error);
    return (int)(error & 0xff);
}

/* Everything posted so far is complete, at both ends.  No message where nothing is outstanding. */
SHMEMX_DEVICE int shmemx_ring_quiet(SHMEMX_GM shmemx_producer_t *ring)
{
    uint64_t value, posted = shmemx_load(&ring->ticket);
    if (shmemx_load_acquire(&SHMEMX_CTL(ring)->done) < posted) {
        shmemx_command_t cmd = {0, 0, 0, 0, 0, 0, 0, 0, 0, SHMEMX_RING_QUIET, 0, 0, 0};
        shmemx_fence_system();
        int status = shmemx_ask(ring, &cmd, &value);
        if (status != SHMEMX_OK) {
            return status;
        }
    }
    return shmemx_ring_error(ring);
}

#endif
