/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hbm_desk.h -- where a PE is asked to move bytes of its device memory, and is answered.
 *
 * Each PE has a desk, in symmetric host memory.  Whoever has taken it posts messages there, which
 * are numbered; message n lies in slot n % SHMI_DESK_SLOTS, and a slot is used again when the
 * message before it there has been answered.  A message, with what data it has room for, is one
 * put, whose bytes may arrive in any order: so it carries a check word over all of it, and is there
 * when the check word fits.  From where stores reach the desk the number is stored last, and
 * marked, so that nothing needs to be added up.  Longer data are put before their message, into the
 * bytes of its slot.
 */
#ifndef SHMI_HBM_DESK_H
#define SHMI_HBM_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/util.h"

/* Bytes of a piece, at most: what a network needs beside for each makes shorter ones expensive. */
#define SHMI_DESK_PIECE ((size_t)768 << 10)

/* Pieces that may be on their way; and bytes of data that go with their message. */
enum { SHMI_DESK_SLOTS = 4, SHMI_DESK_INLINE = 4096 };

enum shmi_wish {
    SHMI_WISH_PUT,   /* len bytes from here or from the slot's piece to offset */
    SHMI_WISH_GET,   /* len bytes from offset; in the reply, or into the slot's piece */
    SHMI_WISH_AMO,   /* on the word at offset; its old value is in the reply */
    SHMI_WISH_REPLY, /* to a short get, with the data, or to an atomic */
};

struct shmi_message {
    uint64_t check; /* over all that follows */
    uint64_t number;
    uint32_t from; /* PE of the world */
    uint16_t wish;
    uint8_t op;      /* of an atomic, enum shmi_amo_op */
    uint8_t size;    /* of its word */
    uint64_t offset; /* in the symmetric device heap */
    uint64_t len;    /* of the piece */
    uint64_t value;  /* of an atomic: operand; old value */
    uint64_t expected;
    char data[SHMI_DESK_INLINE];
};

struct shmi_desk {
    _Alignas(SHMI_LINE) uint64_t owner;  /* whose the desk is, or that it is nobody's */
    _Alignas(SHMI_LINE) uint64_t answer; /* to my own requests: all up to this number are done */
    _Alignas(SHMI_LINE) uint64_t wanted; /* counts who want a desk that I keep */
    /* From others; the one reply that I may be waiting for; and from where these are sent. */
    _Alignas(SHMI_LINE) struct shmi_message request[SHMI_DESK_SLOTS];
    _Alignas(SHMI_LINE) struct shmi_message reply;
    _Alignas(SHMI_LINE) struct shmi_message my_request[SHMI_DESK_SLOTS];
    _Alignas(SHMI_LINE) struct shmi_message my_reply[SHMI_DESK_SLOTS];
    /* Others' put pieces arrive in theirs, and get pieces leave from there; mine for my own. */
    _Alignas(4096) char theirs[SHMI_DESK_SLOTS][SHMI_DESK_PIECE];
    char mine[SHMI_DESK_SLOTS][SHMI_DESK_PIECE];
};

/* Bytes of a message, from check on, that have to be sent.  What has not arrived whole may say
 * anything. */
static inline size_t shmi_message_len(const struct shmi_message *message)
{
    uint16_t wish = shmi_load_relaxed(&message->wish);
    uint64_t len = shmi_load_relaxed(&message->len);
    bool carries = (wish == SHMI_WISH_PUT || wish == SHMI_WISH_REPLY) && len <= SHMI_DESK_INLINE;
    return offsetof(struct shmi_message, data) + (carries ? len : 0);
}

/* Write the check word of a message that is otherwise complete, before it is sent. */
void shmi_message_seal(struct shmi_message *message);

/* Or put it there, where stores reach. */
void shmi_message_store(struct shmi_message *dest, const struct shmi_message *message);

/* Has all of the message of that number arrived?  Acquire. */
bool shmi_message_is_here(const struct shmi_message *message, uint64_t number);

#endif
