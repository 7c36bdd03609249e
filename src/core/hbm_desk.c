/* SPDX-License-Identifier: BSD-3-Clause */
/* hbm_desk.c -- the check word of a message at a desk. */
#include "core/hbm_desk.h"

#include <string.h>

#include "core/copy.h"

#define SPREAD 0x9e3779b97f4a7c15u /* odd, and with no pattern in its bits */

/* The word's bits go to where the next multiplication spreads them. */
static uint64_t mix(uint64_t sum, const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    sum = (sum ^ word) * SPREAD;
    return sum << 29 | sum >> 35;
}

/* Two sums, of every other word, as each step of one has to wait for the step before. */
static uint64_t sum_of(const struct shmi_message *message)
{
    const char *at = (const char *)&message->number;
    size_t len = shmi_message_len(message) - offsetof(struct shmi_message, number);
    uint64_t even = len;
    uint64_t odd = ~len;
    for (; len >= 16; len -= 16, at += 16) {
        even = mix(even, at);
        odd = mix(odd, at + 8);
    }
    char rest[16] = {0};
    memcpy(rest, at, len);
    even = mix(mix(even, rest), rest + 8);
    return mix(even, (const char *)&odd);
}

/* In the number of a message that was stored.  Its check word goes with the number: of one that is
 * sent over it some bytes of either may have come, but never so that both fit. */
#define STORED ((uint64_t)1 << 63)

static uint64_t check_of_stored(uint64_t number)
{
    return ~number * SPREAD;
}

void shmi_message_seal(struct shmi_message *message)
{
    message->check = sum_of(message);
}

void shmi_message_store(struct shmi_message *dest, const struct shmi_message *message)
{
    const size_t head = offsetof(struct shmi_message, from);
    shmi_copy(&dest->from, &message->from, shmi_message_len(message) - head);
    shmi_store_relaxed(&dest->check, check_of_stored(message->number));
    shmi_store_release(&dest->number, message->number | STORED);
}

/* The message may be changing: its sum is right only when all of it has come. */
bool shmi_message_is_here(const struct shmi_message *message, uint64_t number)
{
    uint64_t seen = shmi_load_acquire(&message->number);
    uint64_t check = shmi_load_acquire(&message->check);
    if (seen == (number | STORED)) {
        return check == check_of_stored(number);
    }
    if (seen != number || check != sum_of(message)) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return true;
}
