/* SPDX-License-Identifier: BSD-3-Clause */
/* card.h -- what each PE tells all others about itself when a job starts: one blob, one
 * exchange. */
#ifndef SHMI_CARD_H
#define SHMI_CARD_H

#include <stdint.h>

#include "core/segment.h"
#include "transport/node.h"

#define SHMI_CARD_VERSION 3 /* of the structure */

enum { SHMI_CARD_VARIABLES = 15 };

/* Plain data. */
struct shmi_card {
    uint64_t version; /* SHMI_CARD_VERSION */
    struct shmi_node_ticket ticket;
    uint64_t heap; /* offset of the user's heap in the heap segment */
    uint64_t heap_len;
    uint64_t program; /* PEs with one program have the same static variables */
    uint64_t data;    /* offset of the static data's copy in the object */
    struct {
        uint64_t addr; /* in that PE's address space */
        uint64_t len;
    } segment[SHMI_HOST_SEGMENTS];
    uint64_t cpus[16];                      /* affinity mask */
    uint32_t cpus_usable;                   /* the mask, cut by a quota */
    char host[64];                          /* name, for people */
    char variable[SHMI_CARD_VARIABLES][16]; /* values that must be the same on all PEs */
};

#endif
