/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.c -- the network of a job: chosen once, by all PEs together.
 *
 * Each PE opens every candidate, exposes its segments to it, and tells the others in one offer per
 * candidate how that went, with address and keys.  The first candidate that nobody lacks is taken,
 * and the others are closed again.  Modules are strangers: what is exchanged is plain bytes.
 */
#include "core/network.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/fork.h"
#include "core/npu.h"
#include "core/segment.h"
#include "transport/transport.h"

#define MAX_CANDIDATES 8

/* What a PE says of one candidate; its address follows.  Another PE may have other candidates. */
struct offer {
    char name[16];
    int32_t status; /* 0, or -errno */
    uint32_t address_len;
    uint64_t key[SHMI_HOST_SEGMENTS];
    uint64_t device_key;    /* of the device's memory */
    int32_t device_exposed; /* it is registered */
    struct shmi_net_facts facts;
};

static struct {
    const char *names[MAX_CANDIDATES];
    struct shmi_network networks[MAX_CANDIDATES];
    struct offer offers[MAX_CANDIDATES];
    struct shmi_blob addresses[MAX_CANDIDATES];
    int n;
    char lacking[1024]; /* why none of them is the job's, in words */
} candidates;

static bool is_mixed; /* with some PE */

static void log_for_module(int level, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void log_for_module(int level, const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    shmi_log((enum shmi_level)level, file, line, "%s", text);
}

const struct shmi_services shmi_services = {
    .log = log_for_module,
    .config = shmi_config_text,
    .debugging = &shmi_debugging,
    .forked = shmi_fork_leave,
};

/* Does every PE reach all memory of all PEs without a network?  All PEs answer the same: mapping is
 * mutual, and the variables that forbid it are the launcher's for all. */
static bool is_needed(void)
{
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        for (int pe = 0; pe < shmi_job.n_pes; pe++) {
            if (shmi_segments[i].window[pe].map == NULL && shmi_segments[i].len != 0) {
                return true;
            }
        }
    }
    return false;
}

/* Is a part of this PE's memory reached by stores, and another, or its atomics, by the network? */
static bool takes_both(int pe)
{
    bool by_store = false;
    bool by_network = false;
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        const struct shmi_window *window = &shmi_segments[i].window[pe];
        if (shmi_segments[i].len != 0) {
            by_store = by_store || window->map != NULL;
            by_network = by_network || window->map == NULL || window->amo == NULL;
        }
    }
    return by_store && by_network;
}

static void list_candidates(void)
{
    bool by_name = strcmp(shmi_config.transport, "auto") != 0;
    candidates.n = 0;
    candidates.lacking[0] = '\0';
    if (by_name) {
        candidates.names[candidates.n++] = shmi_config.transport;
        return;
    }
    bool one_node = shmi_segment_n_here() == shmi_job.n_pes; /* the same on all PEs */
    for (int i = 0; shmi_transport_names[i] != NULL; i++) {
        if (one_node || strcmp(shmi_transport_names[i], "cma") != 0) {
            candidates.names[candidates.n++] = shmi_transport_names[i];
        }
    }
}

static int expose(struct shmi_network *network, uint64_t *keys)
{
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        struct shmi_memory memory = {
            .base = shmi_segments[i].base,
            .len = shmi_segments[i].len,
            .dmabuf = -1,
        };
        int rc = memory.len == 0 ? 0 : network->transport->expose(network->net, &memory, &keys[i]);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* Device memory, too, where the network can; otherwise it is staged. */
static void expose_device(struct shmi_network *network, struct offer *offer)
{
    struct shmi_memory memory;
    if (shmi_npu_exposure(&memory)) {
        offer->device_exposed =
            network->transport->expose(network->net, &memory, &offer->device_key) == 0;
    }
}

static void withdraw(struct shmi_network *network, const uint64_t *keys)
{
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        struct shmi_memory memory = {
            .base = shmi_segments[i].base,
            .len = shmi_segments[i].len,
            .dmabuf = -1,
        };
        if (memory.len != 0) {
            network->transport->withdraw(network->net, &memory, keys[i]);
        }
    }
}

static void try_candidate(int i)
{
    struct shmi_network *network = &candidates.networks[i];
    struct offer *offer = &candidates.offers[i];
    *offer = (struct offer){.status = 0};
    snprintf(offer->name, sizeof(offer->name), "%s", candidates.names[i]);
    candidates.addresses[i] = (struct shmi_blob){.bytes = NULL};
    offer->status = shmi_transport_open(network, candidates.names[i], &shmi_services,
                                        shmi_job.my_pe, shmi_job.n_pes);
    offer->facts = network->facts;
    if (offer->status != 0) {
        return;
    }
    offer->status = expose(network, offer->key);
    if (offer->status == 0) {
        expose_device(network, offer);
        offer->status = network->transport->address(network->net, &candidates.addresses[i]);
    }
    offer->address_len = (uint32_t)candidates.addresses[i].len;
    if (offer->status != 0) {
        shmi_transport_close(network);
    }
}

static struct shmi_blob pack_offers(void)
{
    struct shmi_blob blob = {.len = 0};
    for (int i = 0; i < candidates.n; i++) {
        blob.len += sizeof(struct offer) + candidates.addresses[i].len;
    }
    char *at = blob.bytes = malloc(blob.len);
    for (int i = 0; at != NULL && i < candidates.n; i++) {
        memcpy(at, &candidates.offers[i], sizeof(struct offer));
        at += sizeof(struct offer);
        memcpy(at, candidates.addresses[i].bytes, candidates.addresses[i].len);
        at += candidates.addresses[i].len;
    }
    return blob;
}

/* What a PE offers of the i-th candidate, and the address behind it. */
static struct offer offer_of(const struct shmi_blob *blob, int i, struct shmi_blob *address)
{
    struct offer offer;
    char *end = (char *)blob->bytes + blob->len;
    for (char *at = blob->bytes; at != end; at += offer.address_len) {
        memcpy(&offer, at, sizeof(offer));
        at += sizeof(offer);
        if (strcmp(offer.name, candidates.names[i]) == 0) {
            *address = (struct shmi_blob){.bytes = at, .len = offer.address_len};
            return offer;
        }
    }
    return (struct offer){.status = -EINVAL, .facts.what = "its SHMEM_TRANSPORT is another"};
}

/* Why a candidate is not the job's. */
static void note(int i, int pe, const struct offer *offer)
{
    bool asked = strcmp(shmi_config.transport, "auto") != 0;
    if (shmi_job.my_pe == 0 && (asked || shmi_debugging)) {
        shmi_log(asked ? SHMI_ERROR : SHMI_DEBUG, __FILE__, __LINE__,
                 "SHMEM_TRANSPORT=%s is not usable on PE %d: %s: %s", candidates.names[i], pe,
                 offer->facts.what, strerror(-offer->status));
    }
    size_t len = strlen(candidates.lacking);
    snprintf(candidates.lacking + len, sizeof(candidates.lacking) - len, "%s%s on PE %d: %s: %s",
             len == 0 ? "" : "; ", candidates.names[i], pe, offer->facts.what,
             strerror(-offer->status));
}

/* The first candidate that no PE lacks, or -1; says why the others are not it. */
static int choose(const struct shmi_blob *blobs)
{
    for (int i = 0; i < candidates.n; i++) {
        int pe = 0;
        struct offer offer = {.status = 0};
        struct shmi_blob address;
        for (; pe < shmi_job.n_pes; pe++) {
            offer = offer_of(&blobs[pe], i, &address);
            if (offer.status != 0) {
                break;
            }
        }
        if (pe == shmi_job.n_pes) {
            return i;
        }
        note(i, pe, &offer);
    }
    return -1;
}

/* Make the candidate the job's network: connect to all, and complete the windows. */
static int adopt(int chosen, const struct shmi_blob *blobs)
{
    shmi_network = candidates.networks[chosen];
    candidates.networks[chosen].net = NULL;
    candidates.networks[chosen].handle = NULL;
    struct shmi_net_facts *facts = &shmi_network.facts;
    if (candidates.offers[chosen].device_exposed != 0) {
        shmi_npu_exposed(candidates.offers[chosen].device_key);
    }
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        struct shmi_blob address;
        struct offer offer = offer_of(&blobs[pe], chosen, &address);
        int rc = shmi_network.transport->connect(shmi_network.net, pe, &address);
        if (rc != 0) {
            return rc;
        }
        facts->native4 &= offer.facts.native4;
        facts->native8 &= offer.facts.native8;
        facts->coherent = facts->coherent && offer.facts.coherent;
        facts->coherent4 = facts->coherent4 && offer.facts.coherent4;
        for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
            shmi_segments[i].window[pe].key = offer.key[i];
        }
    }
    /* One answer for the whole job to who performs the atomics on a word: where the network's and
     * the CPUs' are not atomic with each other, the network does all of them.  If that is so for
     * words of 8 bytes only, amo.c knows. */
    for (int i = 0; i < SHMI_HOST_SEGMENTS && !facts->coherent; i++) {
        for (int pe = 0; pe < shmi_job.n_pes; pe++) {
            shmi_segments[i].window[pe].amo = NULL;
        }
    }
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        is_mixed = is_mixed || takes_both(pe);
    }
    shmi_debug("network: %s, %s", shmi_network.transport->name, facts->what);
    return 0;
}

bool shmi_network_is_mixed_with(int pe)
{
    return is_mixed && takes_both(pe);
}

/* PE 0 speaks for all, and nobody ends the job before it has: all meet once more. */
static int refuse(void)
{
    if (shmi_job.my_pe == 0 && strcmp(shmi_config.transport, "auto") == 0) {
        shmi_error("no network reaches all PEs; %s", candidates.lacking);
    }
    shmi_job_fence();
    return -ENODEV;
}

/* What was not chosen, or cannot be used. */
static void drop(int i)
{
    struct shmi_memory memory;
    struct shmi_network *network = &candidates.networks[i];
    if (network->net != NULL) {
        withdraw(network, candidates.offers[i].key);
        if (candidates.offers[i].device_exposed != 0 && shmi_npu_exposure(&memory)) {
            network->transport->withdraw(network->net, &memory, candidates.offers[i].device_key);
        }
        shmi_transport_close(network);
    }
    free(candidates.addresses[i].bytes);
}

int shmi_network_open(void)
{
    is_mixed = false;
    bool none = strcmp(shmi_config.transport, "none") == 0;
    bool needed = is_needed();
    if (!needed && (none || strcmp(shmi_config.transport, "auto") == 0)) {
        return 0;
    }
    if (none) {
        shmi_error("SHMEM_TRANSPORT=none, and the memory of other PEs is not mapped here: they are "
                   "on other nodes, or SHMEM_NODE_SHARING or SHMEM_STATIC_SHARING is no");
        return -ENODEV;
    }
    list_candidates();
    for (int i = 0; i < candidates.n; i++) {
        try_candidate(i);
    }
    struct shmi_blob mine = pack_offers();
    struct shmi_blob *blobs = calloc((size_t)shmi_job.n_pes, sizeof(*blobs));
    int rc = mine.bytes == NULL || blobs == NULL ? -ENOMEM : shmi_job_exchange(&mine, blobs);
    if (rc != 0) {
        return rc;
    }
    int chosen = choose(blobs);
    rc = chosen >= 0 ? adopt(chosen, blobs) : refuse();
    for (int i = 0; i < candidates.n; i++) {
        drop(i);
    }
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        free(blobs[pe].bytes);
    }
    free(blobs);
    free(mine.bytes);
    return rc;
}

void shmi_network_close(void)
{
    if (shmi_network.net == NULL) {
        return;
    }
    uint64_t keys[SHMI_HOST_SEGMENTS];
    for (int i = 0; i < SHMI_HOST_SEGMENTS; i++) {
        keys[i] = shmi_segments[i].window[shmi_job.my_pe].key;
    }
    withdraw(&shmi_network, keys);
    shmi_transport_close(&shmi_network);
}
