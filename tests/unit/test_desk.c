/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_desk.c -- a message at a desk is there when all of it is, whatever comes first, and whatever
 * was there before.
 */
#include "core/hbm_desk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tap.h"

enum { OLD = 6, NEW = 10, ROUNDS = 200 };

static const uint64_t lens[] = {
    0, 1, 7, 8, 9, 63, 64, 1000, SHMI_DESK_INLINE - 1, SHMI_DESK_INLINE};

static uint64_t pseudo_random(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* As if it had been stored there, rather than sent. */
static struct shmi_message *stored(struct shmi_message *message)
{
    struct shmi_message *copy = calloc(1, sizeof(*copy));
    shmi_message_store(copy, message);
    free(message);
    return copy;
}

/* A message whose every field and byte of data is as seed says: equal, or anything. */
static struct shmi_message *make(uint64_t number, enum shmi_wish wish, uint64_t len, bool is_plain)
{
    struct shmi_message *message = malloc(sizeof(*message));
    memset(message, 0, sizeof(*message));
    for (size_t i = 0; !is_plain && i < sizeof(message->data); i++) {
        message->data[i] = (char)pseudo_random();
    }
    message->offset = is_plain ? 0 : pseudo_random();
    message->value = is_plain ? 0 : pseudo_random();
    message->number = number;
    message->wish = (uint16_t)wish;
    message->len = len;
    shmi_message_seal(message);
    return message;
}

static bool is_same(const struct shmi_message *a, const struct shmi_message *b)
{
    return memcmp(a, b, shmi_message_len(b)) == 0;
}

/* Bytes [from, to) of the message arrive in the slot. */
static void arrive(struct shmi_message *slot, const struct shmi_message *message, size_t from,
                   size_t to)
{
    memcpy((char *)slot + from, (const char *)message + from, to - from);
}

/* From the front, from the back, and by lines in any order: how often it was taken for whole when
 * it was not. */
static int count_mistakes(struct shmi_message *slot, const struct shmi_message *old,
                          const struct shmi_message *message)
{
    int wrong = 0;
    size_t all = shmi_message_len(message);
    for (size_t n = 0; n <= all; n++) {
        *slot = *old;
        arrive(slot, message, 0, n);
        wrong += shmi_message_is_here(slot, NEW) != is_same(slot, message);
        *slot = *old;
        arrive(slot, message, n, all);
        wrong += shmi_message_is_here(slot, NEW) != is_same(slot, message);
    }
    for (int round = 0; round < ROUNDS; round++) {
        *slot = *old;
        for (size_t at = 0; at < all; at += SHMI_LINE) {
            if (pseudo_random() % 8 != 0) {
                arrive(slot, message, at, shmi_min(at + SHMI_LINE, all));
            }
        }
        wrong += shmi_message_is_here(slot, NEW) != is_same(slot, message);
    }
    return wrong;
}

/* The slot ends where memory ends, so that who believes a wild length crashes. */
static struct shmi_message *make_slot(void)
{
    size_t room = shmi_round_up(sizeof(struct shmi_message), 4096);
    char *base =
        mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        abort();
    }
    mprotect(base + room, 4096, PROT_NONE);
    return (struct shmi_message *)(base + room - sizeof(struct shmi_message));
}

/* Over a slot that was never used, over a message like it, over any other, and over one that was
 * stored rather than sent. */
static void check_wish(struct shmi_message *slot, enum shmi_wish wish, const char *name)
{
    int wrong = 0;
    for (size_t i = 0; i < SHMI_COUNT(lens); i++) {
        for (int is_plain = 0; is_plain < 2; is_plain++) {
            struct shmi_message *message = make(NEW, wish, lens[i], is_plain);
            struct shmi_message *olds[] = {
                make(0, SHMI_WISH_PUT, 0, true),
                make(OLD, wish, lens[i], is_plain),
                make(OLD, SHMI_WISH_REPLY, SHMI_DESK_INLINE, false),
                stored(make(OLD, SHMI_WISH_AMO, 0, false)),
                make(OLD, SHMI_WISH_PUT, UINT64_MAX, false),
            };
            for (size_t o = 0; o < SHMI_COUNT(olds); o++) {
                wrong += count_mistakes(slot, olds[o], message);
                free(olds[o]);
            }
            free(message);
        }
    }
    char what[64];
    snprintf(what, sizeof(what), "%s is there when all of it is, never before", name);
    is(wrong, 0, what);
}

static void check_bits(struct shmi_message *slot)
{
    struct shmi_message *message = make(NEW, SHMI_WISH_PUT, SHMI_DESK_INLINE, false);
    size_t seen = 0;
    for (size_t bit = 0; bit < 8 * sizeof(*message); bit++) {
        *slot = *message;
        ((unsigned char *)slot)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        seen += shmi_message_is_here(slot, NEW);
    }
    is((long long)seen, 0, "nor with a bit that is another");
    seen = 0;
    for (size_t word = 8; word + 8 < sizeof(*message) / 8; word++) { /* the sign of two numbers */
        *slot = *message;
        ((unsigned char *)slot)[8 * word + 7] ^= 0x80;
        ((unsigned char *)slot)[8 * (word + 1 + pseudo_random() % 7) + 7] ^= 0x80;
        seen += shmi_message_is_here(slot, NEW);
    }
    is((long long)seen, 0, "nor with two");
    free(message);
}

static void check_numbers(struct shmi_message *slot)
{
    struct shmi_message *message = make(NEW, SHMI_WISH_GET, 100, false);
    *slot = *message;
    ok(shmi_message_is_here(slot, NEW) && !shmi_message_is_here(slot, NEW + 1) &&
           !shmi_message_is_here(slot, OLD),
       "it is the one of its number only");
    shmi_message_store(slot, message);
    ok(shmi_message_is_here(slot, NEW) && !shmi_message_is_here(slot, OLD),
       "so it is when it was stored");
    free(message);
}

int main(void)
{
    struct shmi_message *slot = make_slot();
    check_wish(slot, SHMI_WISH_PUT, "a put");
    check_wish(slot, SHMI_WISH_GET, "a get");
    check_wish(slot, SHMI_WISH_AMO, "an atomic");
    check_wish(slot, SHMI_WISH_REPLY, "a reply");
    check_bits(slot);
    check_numbers(slot);
    return done();
}
