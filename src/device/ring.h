/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ring.h -- the engine's end of a doorbell ring.
 *
 * shmemx_ring.h has the layout and the producers' end.  One thread takes commands; any thread may
 * complete them, in any order.  `done` advances in order: a window of bits, one for each ticket
 * taken and not yet retired, remembers what is complete behind the first that is not.
 *
 * A ring that only copies reach is in the device's memory, and the engine has a copy of it: slots
 * come into that by fetch; what the engine writes for producers goes there as it is written.
 */
#ifndef SHMI_DEVICE_RING_H
#define SHMI_DEVICE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmemx_ring.h>

#include "core/base/util.h"

/* Copies whole words, in the order of calls. */
typedef void shmi_ring_copy(void *dst, const void *src, size_t len);

struct shmi_ring {
    const shmemx_ring_hdr_t *hdr;
    const shmemx_slot_t *slot;
    shmemx_reply_t *reply;
    shmemx_ring_ctl_t *ctl;
    unsigned log2_slots;
    uint32_t n_reply;
    uint64_t op_mask;
    uint64_t next;            /* the ticket to be taken */
    uint64_t done;            /* the first that is not complete */
    uint64_t taken_published; /* what the producers know */
    uint64_t done_published;
    uint64_t *window;    /* bit per ticket in [done, done + SHMI_RING_WINDOW) */
    uint64_t torn_since; /* when the slot to be taken was first seen in part; 0: it is not */
    char *far;           /* of a ring that only copies reach: where it is; else NULL */
    shmi_ring_copy *copy;
};

/* Operations of a ring in flight at most; beyond, the engine takes no more from it. */
#define SHMI_RING_WINDOW 4096

enum { SHMI_RING_MIN_LOG2 = 1, SHMI_RING_MAX_LOG2 = 20 };

/* Bytes of memory, shared by both sides, that a ring needs: a multiple of a line. */
size_t shmi_ring_bytes(unsigned log2_slots);

/* Make an empty ring in zeroed memory of that size, at `here` for the engine; and prepare its
 * producer, who sees that memory at `there`.  0 or -errno. */
int shmi_ring_create(struct shmi_ring *ring, void *here, unsigned log2_slots, uint32_t flags,
                     uint64_t op_mask);
void shmi_ring_introduce(const struct shmi_ring *ring, shmemx_producer_t *producer, uint64_t there,
                         uint64_t diagnosis, uint64_t timeout_ns, uint64_t index);
void shmi_ring_destroy(struct shmi_ring *ring);

/* Take the engine's end of a ring that somebody else made.  -EPROTO after logging both versions
 * where its header is not ours. */
int shmi_ring_attach(struct shmi_ring *ring, void *here);

/* This ring is only a copy of the one at `far`, to which its owner copies what is in it now.
 * fetch: look at the next slots there, at most n; by the thread that takes. */
void shmi_ring_set_far(struct shmi_ring *ring, void *far, shmi_ring_copy *copy);
void shmi_ring_fetch(struct shmi_ring *ring, unsigned n);

/* May the next command be there?  All that an idle engine looks at. */
static inline bool shmi_ring_beckons(const struct shmi_ring *ring)
{
    const shmemx_slot_t *slot = &ring->slot[ring->next & ((1ull << ring->log2_slots) - 1)];
    uint64_t lap = shmemx_lap(ring->next, ring->log2_slots);
    return ((shmemx_load(&slot->w[SHMEMX_RING_WORDS - 1]) ^ lap) & SHMEMX_RING_LAP) == 0;
}

/* The next command: 1.  0: there is none, or too many are in flight.  -EBADMSG, after logging, if
 * the slot holds another ticket than it must: the ring cannot be used any more. */
int shmi_ring_take(struct shmi_ring *ring, shmemx_command_t *cmd, uint64_t *ticket);

/* Answer a command that asks for it: last of all, for its producer goes on at once. */
void shmi_ring_reply(struct shmi_ring *ring, const shmemx_command_t *cmd, uint64_t ticket,
                     uint64_t value, int status);

/* The operation is complete.  By the thread that takes; and by any thread. */
void shmi_ring_retire(struct shmi_ring *ring, uint64_t ticket);
void shmi_ring_complete(struct shmi_ring *ring, uint64_t ticket);

/* Tell the producers what was taken and what is complete.  By the thread that takes. */
void shmi_ring_publish(struct shmi_ring *ring);

/* Remember the first failure; and make every wait of the producers return. */
void shmi_ring_fail(struct shmi_ring *ring, const shmemx_command_t *cmd, uint64_t ticket,
                    int status);
void shmi_ring_stop(struct shmi_ring *ring);

/* The slot to be taken has been written in part for so long, in ns; 0 where it is empty or whole.
 * Its producer was stopped between two words, or died there. */
uint64_t shmi_ring_torn(struct shmi_ring *ring, uint64_t now_ns);

/* For people: the name of an operation, of a status, of a site. */
const char *shmi_ring_op_name(unsigned op);
const char *shmi_ring_status_name(int status);
const char *shmi_ring_site_name(uint64_t site);

#endif
