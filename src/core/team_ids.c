/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * team_ids.c -- which team ids, and so which slots, are in use on this PE.
 *
 * The bits lie in symmetric memory behind the last slot: the root of an active set, whose members
 * have no team yet to agree in, takes an id on all of them by atomics.
 */
#include "core/team_make.h"

#include <string.h>

#include "core/base/atomic.h"
#include "core/base/config.h"
#include "core/base/job.h"

static struct {
    uint64_t *free; /* bits */
    size_t words;
} ids;

static struct shmi_slot *my_slot(uint32_t id)
{
    return (struct shmi_slot *)(shmi_segments[SHMI_SEGMENT_HEAP].base + SHMI_SLOTS_OFFSET) + id;
}

void shmi_ids_open(void)
{
    ids.words = shmi_ids_words();
    ids.free = shmi_ids_bits();
    for (size_t i = 0; i < ids.words; i++) {
        uint64_t bits = ~UINT64_C(0);
        size_t rest = (size_t)shmi_config.teams_max - i * 64;
        if (rest < 64) {
            bits = (UINT64_C(1) << rest) - 1;
        }
        shmi_store_relaxed(&ids.free[i], bits);
    }
    shmi_id_claim(SHMI_ID_WORLD);
    shmi_id_claim(SHMI_ID_SHARED);
}

void shmi_ids_close(void)
{
    ids.free = NULL;
    ids.words = 0;
}

uint64_t *shmi_ids_bits(void)
{
    return (uint64_t *)(void *)my_slot((uint32_t)shmi_config.teams_max);
}

size_t shmi_ids_words(void)
{
    return ((size_t)shmi_config.teams_max + 63) / 64;
}

uint64_t shmi_ids_word(size_t word)
{
    return shmi_load_relaxed(&ids.free[word]);
}

bool shmi_id_claim(uint32_t id)
{
    uint64_t bit = UINT64_C(1) << (id % 64);
    return (__atomic_fetch_and(&ids.free[id / 64], ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
}

void shmi_id_release(uint32_t id, uint64_t last)
{
    my_slot(id)->last = last;
    __atomic_fetch_or(&ids.free[id / 64], UINT64_C(1) << (id % 64), __ATOMIC_RELEASE);
}

uint64_t shmi_id_last(uint32_t id)
{
    return my_slot(id)->last;
}
