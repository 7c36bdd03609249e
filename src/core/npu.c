/* SPDX-License-Identifier: BSD-3-Clause */
/* npu.c -- this PE's device: opened when it is asked for, by all PEs together. */
#include "core/npu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "core/coll.h"
#include "core/hbm.h"
#include "core/hbm_agent.h"
#include "core/memory.h"
#include "core/network.h"
#include "core/npu_trial.h"
#include "core/on_stream.h"
#include "core/segment.h"
#include "core/setup.h"
#include "device/device.h"
#include "transport/transport.h"

/* Of the symmetric device heap, where only the program asks for it. */
#define DEFAULT_SIZE ((size_t)64 << 20)

/* What a PE tells the others of its device memory. */
struct offer {
    int32_t status;     /* 0, or -errno */
    int32_t registered; /* with the network */
    int64_t atomics;    /* its device does them */
    uint64_t len;
    uint64_t addr; /* for the network */
    uint64_t key;
    char name[16]; /* the device */
    struct shmi_share share;
};

static struct {
    struct offer mine;
    bool created;
    bool exposed; /* to the network */
} npu;

bool shmi_npu_is_near(const char *device, int pe)
{
    return shmi_segments[SHMI_SEGMENT_HEAP].window[pe].map != NULL && /* on this node */
           strcmp(device, shmi_accelerator.device->name) == 0;
}

static bool is_wanted(void)
{
    bool by_name = strcmp(shmi_config.device, "auto") != 0;
    return by_name || shmi_config.device_size != 0 || strcmp(shmi_config.heap, "device") == 0;
}

int shmi_npu_open(void)
{
    bool none = strcmp(shmi_config.device, "none") == 0;
    if (none && (shmi_config.device_size != 0 || strcmp(shmi_config.heap, "device") == 0)) {
        shmi_error("SHMEM_DEVICE=none, and SHMEM_DEVICE_SIZE or SHMEM_HEAP=device ask for one");
        return -EINVAL;
    }
    if (none || !is_wanted()) {
        return 0;
    }
    return shmi_device_open(&shmi_accelerator, shmi_config.device, true, &shmi_services);
}

bool shmi_npu_exposure(struct shmi_memory *memory)
{
    struct shmi_nic how;
    const struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_DEVICE];
    if (seg->len == 0) {
        return false;
    }
    shmi_accelerator.device->nic(shmi_accelerator.npu, seg->base, seg->len, &how);
    *memory = (struct shmi_memory){
        .base = how.addr,
        .len = npu.mine.len,
        .device = how.host_loads ? NULL : shmi_accelerator.device->name,
        .dmabuf = how.way == SHMI_NIC_DMABUF ? how.fd : -1,
        .offset = how.offset,
    };
    return how.way != SHMI_NIC_NONE;
}

void shmi_npu_exposed(uint64_t key)
{
    struct shmi_memory memory = {.base = NULL};
    npu.exposed = shmi_npu_exposure(&memory);
    npu.mine.registered = npu.exposed;
    npu.mine.addr = (uintptr_t)memory.base;
    npu.mine.key = key;
}

/* A network that is there already, when the device comes late. */
static void expose_late(void)
{
    uint64_t key = 0;
    struct shmi_memory memory = {.base = NULL};
    if (shmi_network.net != NULL && !npu.exposed && shmi_npu_exposure(&memory) &&
        shmi_network.transport->expose(shmi_network.net, &memory, &key) == 0) {
        shmi_npu_exposed(key);
    }
}

/* This PE's number among those of its node, who share its devices. */
static int count_node(int *n_local)
{
    const struct shmi_window *window = shmi_segments[SHMI_SEGMENT_HEAP].window;
    int local = 0;
    *n_local = 0;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        bool here = !shmi_config.node_sharing || window[pe].node == window[shmi_job.my_pe].node;
        *n_local += here;
        local += here && pe < shmi_job.my_pe;
    }
    return local;
}

/* My memory, and what the others have to know of it; a failure is told to them as well. */
static struct offer make_memory(void)
{
    const struct shmi_device *device = shmi_accelerator.device;
    struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_DEVICE];
    struct offer mine = {.len = shmi_config.device_size};
    void *base = NULL;
    if (mine.len == 0) {
        mine.len = DEFAULT_SIZE;
    }
    int n_local = 0;
    int local = count_node(&n_local);
    mine.status = device->start(shmi_accelerator.npu, shmi_job.my_pe, local, n_local,
                                &shmi_accelerator.facts);
    mine.atomics = shmi_accelerator.facts.atomics;
    int rc = shmi_npu_trial(mine.status == 0);
    mine.status = mine.status == 0 ? rc : mine.status;
    if (mine.status == 0) {
        mine.status = device->alloc(shmi_accelerator.npu, mine.len, SHMI_HEAP_ALIGN, &base);
    }
    if (mine.status == 0) {
        mine.status = device->share(shmi_accelerator.npu, base, mine.len, &mine.share);
    }
    if (mine.status == 0) {
        strncpy(mine.name, device->name, sizeof(mine.name) - 1);
        *seg = (struct shmi_segment){.base = base, .len = mine.len, .name = "device heap"};
    }
    return mine;
}

void shmi_npu_create(void)
{
    if (shmi_accelerator.npu != NULL && !npu.created) {
        npu.mine = make_memory();
        npu.created = true;
    }
}

static int take_offer(const struct offer *offer, int pe)
{
    struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_DEVICE];
    if (offer->status != 0) {
        errno = -offer->status;
        shmi_error("PE %d has no device: %m", pe);
        return offer->status;
    }
    seg->window[pe] = (struct shmi_window){.addr = offer->addr, .key = offer->key};
    seg->len = shmi_min(seg->len, offer->len);
    shmi_hbm_peers[pe].registered = offer->registered != 0;
    shmi_hbm_peers[pe].by_agent = offer->atomics == 0;
    if (pe == shmi_job.my_pe) {
        shmi_hbm_peers[pe].map = seg->base;
    } else if (shmi_npu_is_near(offer->name, pe)) {
        return shmi_accelerator.device->admit(shmi_accelerator.npu, seg->base, &offer->share);
    }
    return 0;
}

/* How this PE reaches the device memory of another. */
static void describe_peer(int pe, char *text, size_t len)
{
    const struct shmi_hbm_peer *peer = &shmi_hbm_peers[pe];
    char way[64];
    snprintf(way, sizeof(way), "%s", peer->registered ? "the network" : "its PE's agent");
    if (peer->map != NULL) {
        shmi_accelerator.device->describe(shmi_accelerator.npu, peer->map, way, sizeof(way));
    }
    snprintf(text, len, "%s%s", way, peer->by_agent ? "; atomics: its PE's agent" : "");
}

/* A PE's memory as it is from here. */
static int map_pe(const struct offer *offer, int pe)
{
    char text[96];
    void *map = NULL;
    if (pe == shmi_job.my_pe) {
        return 0;
    }
    int rc = shmi_npu_is_near(offer->name, pe)
                 ? shmi_accelerator.device->map(shmi_accelerator.npu, &offer->share, &map)
                 : -ENOTSUP;
    if (rc == 0) {
        shmi_hbm_peers[pe].map = map;
    }
    describe_peer(pe, text, sizeof(text));
    shmi_debug("device memory of PE %d, on %s: %s", pe, offer->name, text);
    return rc == -ENOTSUP ? 0 : rc;
}

/* All have admitted each other before one maps. */
static int join_all(struct offer *offers, const struct shmi_blob *blobs)
{
    int rc = 0;
    for (int pe = 0; pe < shmi_job.n_pes && rc == 0; pe++) {
        if (blobs[pe].len != sizeof(offers[pe])) {
            rc = -EPROTO;
        } else {
            memcpy(&offers[pe], blobs[pe].bytes, sizeof(offers[pe]));
            rc = take_offer(&offers[pe], pe);
        }
    }
    if (rc == 0) {
        shmi_coll_sync("the symmetric device heap", shmi_team_world);
    }
    for (int pe = 0; pe < shmi_job.n_pes && rc == 0; pe++) {
        rc = map_pe(&offers[pe], pe);
    }
    return rc;
}

static int exchange(void)
{
    size_t n = (size_t)shmi_job.n_pes;
    struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_DEVICE];
    struct shmi_blob blob = {.bytes = &npu.mine, .len = sizeof(npu.mine)};
    struct shmi_blob *blobs = calloc(n, sizeof(*blobs));
    struct offer *offers = calloc(n, sizeof(*offers));
    seg->window = calloc(n, sizeof(*seg->window));
    shmi_hbm_peers = calloc(n, sizeof(*shmi_hbm_peers));
    bool room = blobs != NULL && offers != NULL && seg->window != NULL && shmi_hbm_peers != NULL;
    int rc = room ? shmi_job_exchange(&blob, blobs) : -ENOMEM;
    if (rc == 0) {
        rc = join_all(offers, blobs);
        for (size_t pe = 0; pe < n; pe++) {
            free(blobs[pe].bytes);
        }
    }
    free(offers);
    free(blobs);
    return rc;
}

/* Is there memory of some PE that some other reaches in no other way, or atomics on it that only
 * its own PE can do?  PEs may see that differently, and have to agree. */
static bool needs_agents(void)
{
    uint64_t without = 1;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        const struct shmi_hbm_peer *peer = &shmi_hbm_peers[pe];
        without &= !peer->by_agent && (peer->map != NULL || peer->registered);
    }
    shmi_coll_agree("the symmetric device heap", shmi_team_world, SHMI_AGREE_AND, &without,
                    &without, 1);
    return without == 0;
}

int shmi_npu_join(void)
{
    if (shmi_accelerator.npu == NULL || shmi_hbm_on) {
        return 0;
    }
    if (!npu.created) {
        shmi_npu_create();
        expose_late();
    }
    int rc = exchange();
    rc = rc == 0 ? shmi_memory_open_device() : rc;
    if (rc == 0) {
        shmi_hbm_on = true;
        shmi_segment_set_open(false); /* a caller's buffer may be device memory from now on */
        rc = needs_agents() ? shmi_hbm_agent_open() : 0; /* its thread reads these */
    }
    if (rc == 0) {
        shmi_debug("device: %s, %s; %zu MiB of symmetric device memory",
                   shmi_accelerator.device->name, shmi_accelerator.facts.what,
                   shmi_segments[SHMI_SEGMENT_DEVICE].len >> 20);
    }
    return rc;
}

void shmi_npu_require(const char *who)
{
    if (shmi_likely(shmi_hbm_on)) {
        return;
    }
    if (strcmp(shmi_config.device, "none") == 0) {
        shmi_fatal("%s: needs a device, and SHMEM_DEVICE=none", who);
    }
    int rc = 0;
    if (shmi_accelerator.npu == NULL) {
        rc = shmi_device_open(&shmi_accelerator, shmi_config.device, true, &shmi_services);
    }
    rc = rc == 0 ? shmi_npu_join() : rc;
    if (rc != 0) {
        shmi_fatal("%s: needs a device, and there is none", who);
    }
}

struct shmi_npu *shmi_npu_enter(const char *who)
{
    shmi_require_running(who);
    if (shmi_unlikely(!shmi_hbm_on)) {
        shmi_fatal("%s: no device is open: SHMEM_DEVICE=sim opens one, or shmemx_device_open or "
                   "shmemx_malloc_device on all PEs",
                   who);
    }
    shmi_accelerator.device->enter(shmi_accelerator.npu);
    return shmi_accelerator.npu;
}

/* As "1-3, 5", the PEs from `pe` on whose memory is reached like its; marks them in told. */
static void print_ranges(FILE *out, int pe, const char *like, bool *told)
{
    char text[96];
    const char *comma = "";
    int first = -1;
    for (; pe <= shmi_job.n_pes; pe++) {
        bool same = false;
        if (pe < shmi_job.n_pes && !told[pe]) {
            describe_peer(pe, text, sizeof(text));
            same = strcmp(text, like) == 0;
            told[pe] = same;
        }
        if (same && first < 0) {
            first = pe;
        } else if (!same && first >= 0) {
            fprintf(out, "%s%d", comma, first);
            if (first != pe - 1) {
                fprintf(out, "-%d", pe - 1);
            }
            comma = ", ";
            first = -1;
        }
    }
}

void shmi_npu_print(FILE *out)
{
    char text[96];
    bool *told = calloc((size_t)shmi_job.n_pes, sizeof(*told));
    if (!shmi_hbm_on || told == NULL) {
        fprintf(out, "device       none: SHMEM_DEVICE or SHMEM_DEVICE_SIZE ask for one\n");
        free(told);
        return;
    }
    fprintf(out, "device       %s: %s\n", shmi_accelerator.device->name,
            shmi_accelerator.facts.what);
    fprintf(out, "device heap  %zu bytes on each PE; seen from PE %d:\n",
            shmi_segments[SHMI_SEGMENT_DEVICE].len, shmi_job.my_pe);
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        if (!told[pe]) {
            describe_peer(pe, text, sizeof(text));
            fprintf(out, "%-12s     PE ", "");
            print_ranges(out, pe, text, told);
            fprintf(out, ": %s\n", text);
        }
    }
    free(told);
}

void shmi_npu_finish(void)
{
    if (shmi_accelerator.npu != NULL) {
        shmi_accelerator.device->sync(shmi_accelerator.npu);
    }
}

void shmi_npu_part(void)
{
    if (!shmi_hbm_on) {
        return;
    }
    if (shmi_hbm_agent_on) { /* what others' kernels have left to do may need this one */
        shmi_coll_sync("shmem_finalize", shmi_team_world);
    }
    shmi_hbm_agent_close();
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        if (pe != shmi_job.my_pe && shmi_hbm_peers[pe].map != NULL) {
            shmi_accelerator.device->unmap(shmi_accelerator.npu, shmi_hbm_peers[pe].map);
            shmi_hbm_peers[pe].map = NULL;
        }
    }
    shmi_coll_sync("shmem_finalize", shmi_team_world);
}

void shmi_npu_close(void)
{
    struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_DEVICE];
    shmi_hbm_on = false;
    struct shmi_memory memory = {.base = NULL};
    if (npu.exposed && shmi_npu_exposure(&memory)) {
        shmi_network.transport->withdraw(shmi_network.net, &memory, npu.mine.key);
    }
    npu.exposed = false;
    npu.created = false;
    shmi_on_stream_close();
    shmi_device_close(&shmi_accelerator);
    free(seg->window);
    free(shmi_hbm_peers);
    shmi_hbm_peers = NULL;
    *seg = (struct shmi_segment){.len = 0};
}
