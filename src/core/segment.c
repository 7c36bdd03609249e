/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * segment.c -- where symmetric memory is.
 *
 * A PE's memory object holds, one after the other, its heap segment and a copy of the executable's
 * writable pages, which is mapped in their place: so its neighbours reach its static variables by
 * load and store too, and position-independent executables, whose addresses differ, are no
 * obstacle.
 */
#include "core/segment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/base/topology.h"
#include "core/base/util.h"
#include "core/card.h"
#include "core/fork.h"
#include "core/program.h"
#include "core/status.h"
#include "core/team.h"

/* What the kernel can back with one page where it is configured to. */
#define HUGE_PAGE (2u << 20)

const struct shmi_window shmi_nowhere;
struct shmi_segment shmi_segments[SHMI_SEGMENTS];

static struct {
    struct shmi_node_ticket ticket;
    struct shmi_node_ticket *tickets; /* of all PEs */
    char *base;                       /* of this PE's object */
    size_t heap;                      /* offset of the user's heap */
    size_t heap_len;
    int n_here;
} memory;

/* A heap that cannot be had is an error now, not a killed process at some later first touch. */
static int check_memory(size_t wanted, int pes)
{
    const char *limit = "";
    size_t have = shmi_topology_memory(&limit);
    if (wanted <= have) {
        return 0;
    }
    char together[64] = "";
    if (pes > 1) {
        snprintf(together, sizeof(together), " for each of the %d PEs of this node", pes);
    }
    shmi_error("SHMEM_SYMMETRIC_SIZE asks for %zu MiB%s, but %s gives %zu MiB%s: choose %zuM or "
               "less",
               (wanted / (size_t)pes) >> 20, together, limit, have >> 20, pes > 1 ? " for all" : "",
               (have / (size_t)pes) >> 20);
    return -ENOMEM;
}

/* The program's variables move into the object, at this offset, and stay at their addresses. */
static int share_data(const struct shmi_segment *data, size_t offset)
{
    for (int i = 0; i < shmi_program.n_parts; i++) {
        const struct shmi_part *part = &shmi_program.part[i];
        size_t skip = (size_t)((uintptr_t)part->start - (uintptr_t)data->base);
        int rc = skip < data->len
                     ? shmi_node_save(&memory.ticket, part->start, part->len, offset + skip)
                     : 0;
        if (rc != 0) {
            return rc;
        }
    }
    int rc = shmi_node_overlay(&memory.ticket, data->base, data->len, offset);
    if (rc == 0) {
        shmi_fork_protect(data->base, data->len, memory.ticket.fd, offset);
    }
    return rc;
}

/* Variables by which each PE decides for itself what all have to do alike. */
static const char *const common[SHMI_CARD_VARIABLES] = {
    "TEAMS_MAX",      "NODE_SHARING", "NODE_SIZE",         "STATIC_SHARING",   "HEAP",
    "CHECK",          "TEAM_GROUPS",  "BARRIER_ALGORITHM", "REDUCE_ALGORITHM", "COLL_SYNC",
    "COLL_BROADCAST", "COLL_COLLECT", "COLL_REDUCE",       "COLL_ALLTOALL",    "COLL_SCAN"};

static void tell_variables(struct shmi_card *mine)
{
    for (size_t i = 0; i < SHMI_COUNT(common); i++) {
        char text[32] = "";
        shmi_config_text(common[i], text, sizeof(text));
        memcpy(mine->variable[i], text, sizeof(mine->variable[i]) - 1);
    }
}

int shmi_segment_create(struct shmi_card *mine)
{
    struct shmi_segment *heap = &shmi_segments[SHMI_SEGMENT_HEAP];
    struct shmi_segment *data = &shmi_segments[SHMI_SEGMENT_DATA];
    *heap = (struct shmi_segment){.name = "heap"};
    shmi_program_find(shmi_config.static_sharing);
    *data = (struct shmi_segment){
        .name = "static data", .base = shmi_program.data, .len = shmi_program.data_len};

    size_t slots = (size_t)shmi_config.teams_max * sizeof(struct shmi_slot);
    size_t ids = (size_t)shmi_config.teams_max / 8 + sizeof(uint64_t); /* team_ids.c */
    memory.heap = shmi_round_up(SHMI_SLOTS_OFFSET + slots + ids, HUGE_PAGE);
    if (shmi_config.symmetric_size > SIZE_MAX / 4) {
        return check_memory(shmi_config.symmetric_size, 1);
    }
    memory.heap_len = shmi_round_up(shmi_config.symmetric_size, 4096);
    int rc = check_memory(memory.heap_len, 1);
    if (rc != 0) {
        return rc;
    }
    heap->len = memory.heap + memory.heap_len;
    mine->data = shmi_round_up(heap->len, HUGE_PAGE);
    rc = shmi_node_create(mine->data + data->len, memory.heap, SHMI_HEAP_ALIGN, &memory.ticket,
                          &memory.base);
    if (rc != 0) {
        heap->len = 0;
        return rc;
    }
    heap->base = memory.base;
    if (shmi_config.static_sharing && data->len != 0) {
        rc = share_data(data, mine->data);
    }
    memory.ticket.host = shmi_topology_host();
    mine->ticket = memory.ticket;
    tell_variables(mine);
    mine->heap = memory.heap;
    mine->heap_len = memory.heap_len;
    mine->program = shmi_program.id;
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        mine->segment[i].addr = (uintptr_t)shmi_segments[i].base;
        mine->segment[i].len = shmi_segments[i].len;
    }
    return rc;
}

static int compare_variables(const struct shmi_card *cards, int pe)
{
    for (size_t i = 0; i < SHMI_COUNT(common); i++) {
        const char *first = cards[0].variable[i], *other = cards[pe].variable[i];
        if (strcasecmp(first, other) != 0) {
            shmi_error("SHMEM_%s is %s on PE 0 (%s) and %s on PE %d (%s): it must be the same on "
                       "all; oshrun hands it to all hosts, mpirun with -x SHMEM_%s",
                       common[i], first, cards[0].host, other, pe, cards[pe].host, common[i]);
            return -EINVAL;
        }
    }
    return 0;
}

/* What has to agree between PEs, so that one offset means one object. */
static int compare_cards(const struct shmi_card *cards, int pe)
{
    if (compare_variables(cards, pe) != 0) {
        return -EINVAL;
    }
    if (cards[pe].program != cards[0].program) {
        shmi_debug("PE %d runs another executable than PE 0: static variables of the two are not "
                   "symmetric",
                   pe);
    }
    memory.heap_len = shmi_min(memory.heap_len, cards[pe].heap_len);
    return 0;
}

/* Do these PEs share memory?  The same answer on all PEs. */
static bool is_together(const struct shmi_card *cards, int a, int b)
{
    bool pretended =
        shmi_config.node_size == 0 || a / shmi_config.node_size == b / shmi_config.node_size;
    bool allowed = shmi_config.node_sharing && pretended;
    return a == b || (allowed && cards[a].ticket.host == cards[b].ticket.host);
}

/* The first PE of a PE's node. */
static int node_of(const struct shmi_card *cards, int pe)
{
    for (int first = 0; first < pe; first++) {
        bool is_first = shmi_segments[SHMI_SEGMENT_HEAP].window[first].node == first;
        if (is_first && is_together(cards, first, pe)) {
            return first;
        }
    }
    return pe;
}

static void set_windows(const struct shmi_card *card, int pe, int node, char *base)
{
    const uint64_t start[SHMI_HOST_SEGMENTS] = {
        [SHMI_SEGMENT_HEAP] = 0, [SHMI_SEGMENT_DATA] = card->data};
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        bool mapped = base != NULL && (i != SHMI_SEGMENT_DATA || shmi_config.static_sharing);
        char *map = mapped ? base + start[i] : NULL;
        if (pe == shmi_job.my_pe) {
            map = shmi_segments[i].base;
        }
        shmi_segments[i].window[pe] = (struct shmi_window){
            .map = map,
            .amo = map,
            .addr = card->segment[i].addr,
            .node = node,
            .strange = i == SHMI_SEGMENT_DATA && card->program != shmi_program.id,
        };
    }
}

static int join_pe(const struct shmi_card *cards, int pe)
{
    const struct shmi_card *card = &cards[pe];
    char *base = NULL;
    bool mine = pe == shmi_job.my_pe;
    bool here = card->ticket.host == memory.ticket.host || mine;
    if (!mine && is_together(cards, pe, shmi_job.my_pe)) {
        int rc = shmi_node_map(&card->ticket, &base);
        if (rc != 0) {
            return rc;
        }
    }
    memory.tickets[pe] = card->ticket;
    memory.n_here += here;
    set_windows(card, pe, node_of(cards, pe), mine ? memory.base : base);
    return 0;
}

int shmi_segment_join(const struct shmi_card *cards)
{
    size_t n = (size_t)shmi_job.n_pes;
    memory.tickets = calloc(n, sizeof(*memory.tickets));
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        shmi_segments[i].window = calloc(n, sizeof(struct shmi_window));
    }
    if (memory.tickets == NULL || shmi_segments[0].window == NULL ||
        shmi_segments[1].window == NULL) {
        shmi_error("out of memory for the windows of %zu PEs", n);
        return -ENOMEM;
    }
    memory.n_here = 0;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        int rc = compare_cards(cards, pe);
        rc = rc == 0 ? join_pe(cards, pe) : rc;
        if (rc != 0) {
            return rc;
        }
    }
    if (shmi_config_is_set("symmetric_size")) {
        return check_memory(memory.heap_len * (size_t)memory.n_here, memory.n_here);
    }
    return 0;
}

void shmi_segment_leave(void)
{
    for (int pe = 0; memory.tickets != NULL && pe < shmi_job.n_pes; pe++) {
        char *map = shmi_segments[SHMI_SEGMENT_HEAP].window[pe].map;
        if (pe != shmi_job.my_pe && map != NULL) {
            shmi_node_unmap(&memory.tickets[pe], map);
        }
    }
    if (memory.base != NULL) {
        shmi_node_unmap(&memory.ticket, memory.base);
    }
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        free(shmi_segments[i].window);
        shmi_segments[i] = (struct shmi_segment){.len = 0};
    }
    shmi_fork_forget();
    shmi_node_seal(&memory.ticket);
    free(memory.tickets);
    memory.tickets = NULL;
    memory.base = NULL;
}

void shmi_segment_set_open(bool open)
{
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        shmi_segments[i].open = open ? shmi_segments[i].len : 0;
    }
}

const struct shmi_segment *shmi_segment_of(const void *addr)
{
    for (int i = 0; i < SHMI_SEGMENTS; i++) {
        if ((uintptr_t)addr - (uintptr_t)shmi_segments[i].base < shmi_segments[i].len) {
            return &shmi_segments[i];
        }
    }
    return NULL;
}

bool shmi_segment_is_symmetric(const void *addr, int pe)
{
    const struct shmi_segment *seg = shmi_segment_of(addr);
    return seg != NULL && !seg->window[pe].strange;
}

char *shmi_reach(const void *addr, int pe)
{
    const struct shmi_segment *seg = shmi_segment_of(addr);
    char *map = seg == NULL ? NULL : seg->window[pe].map;
    return map == NULL ? NULL : map + ((const char *)addr - seg->base);
}

char *shmi_reach_amo(const void *addr, int pe)
{
    const struct shmi_segment *seg = shmi_segment_of(addr);
    char *amo = seg == NULL ? NULL : seg->window[pe].amo;
    return amo == NULL ? NULL : amo + ((const char *)addr - seg->base);
}

char *shmi_segment_heap(void)
{
    return shmi_segments[SHMI_SEGMENT_HEAP].base + memory.heap;
}

size_t shmi_segment_heap_len(void)
{
    return memory.heap_len;
}

int shmi_segment_n_here(void)
{
    return memory.n_here;
}
