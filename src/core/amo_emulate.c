/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amo_emulate.c -- atomics through a network, also those that it does not have itself.
 *
 * What a network must have on 8-byte words is compare-and-swap; all other operations on them are
 * loops of it.  4-byte words are never updated through the 8-byte word around them: a plain store
 * of a CPU to the neighbour could be lost.  So a network must have its own 4-byte compare-and-swap,
 * which transports without one build out of messages to the owner.
 */
#include "core/amo_emulate.h"

#include "core/base/util.h"

/* What the word becomes. */
static uint64_t updated(const struct shmi_amo *amo, uint64_t old)
{
    switch (amo->op) {
    case SHMI_AMO_FETCH:
        return old;
    case SHMI_AMO_SET:
    case SHMI_AMO_SWAP:
        return amo->value;
    case SHMI_AMO_CSWAP:
        return old == amo->expected ? amo->value : old;
    case SHMI_AMO_ADD:
        return old + amo->value;
    case SHMI_AMO_AND:
        return old & amo->value;
    case SHMI_AMO_OR:
        return old | amo->value;
    case SHMI_AMO_XOR:
        return old ^ amo->value;
    }
    return old;
}

/* Guess the old value, and try again with what was found. */
static void by_compare_swap(struct shmi_channel *ch, struct shmi_remote at,
                            const struct shmi_amo *amo)
{
    uint64_t guess = 0;
    for (;;) {
        uint64_t found = 0;
        struct shmi_amo attempt = {
            .op = SHMI_AMO_CSWAP,
            .size = amo->size,
            .value = updated(amo, guess),
            .expected = guess,
            .fetch = &found,
        };
        shmi_network.transport->amo(ch, at, &attempt, SHMI_NOW);
        if (amo->size == 4) {
            found = (uint32_t)shmi_bits_of(&found, 4);
            guess = (uint32_t)guess;
        }
        if (found == guess) {
            break;
        }
        guess = found;
    }
    if (amo->fetch != NULL) {
        shmi_bits_to(amo->fetch, guess, amo->size);
    }
}

void shmi_amo_by_network(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                         enum shmi_when when)
{
    unsigned native = amo->size == 4 ? shmi_network.facts.native4 : shmi_network.facts.native8;
    if (shmi_likely((native & (1u << amo->op)) != 0)) {
        shmi_network.transport->amo(ch, at, amo, when);
    } else {
        by_compare_swap(ch, at, amo);
    }
}
