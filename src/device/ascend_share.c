/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ascend_share.c -- memory of one PE's NPU in another PE's process.
 *
 * Runtimes and machines differ in what they can: each PE exports a granule of memory in every way,
 * and the others tell it which of these they can import.  A driver exports the pages of a block
 * once, and keys are of another kind of memory: so a PE's memory is shared in one way, the one that
 * most of the others can import, the best of these.  Who cannot reaches that memory through its
 * PE's agent.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "device/ascend.h"

#define MAGIC 0x6e736361u

/* ---- NPUs that reach each other -------------------------------------------------------------- */

int ascend_physical(struct shmi_npu *npu)
{
    const struct ascend_api *api = &npu->api;
    int32_t physical = npu->device; /* a runtime of which nothing can be asked, but in containers */
    int32_t (*ask)(int32_t, int32_t *) = api->aclrtGetPhyDevIdByUserDevId != NULL
                                             ? api->aclrtGetPhyDevIdByUserDevId
                                             : api->aclrtGetPhyDevIdByLogicDevId;
    return ask == NULL || ask(npu->device, &physical) == 0 ? physical : -1;
}

/* This process's number of an NPU, or -1: ASCEND_RT_VISIBLE_DEVICES hides it, or a container. */
static int32_t number_of(struct shmi_npu *npu, int32_t physical)
{
    const struct ascend_api *api = &npu->api;
    int32_t device = physical;
    int32_t (*ask)(int32_t, int32_t *) = api->aclrtGetUserDevIdByPhyDevId != NULL
                                             ? api->aclrtGetUserDevIdByPhyDevId
                                             : api->aclrtGetLogicDevIdByPhyDevId;
    return ask == NULL || ask(physical, &device) == 0 ? device : -1;
}

/* Let this PE's NPU access another's memory, one of the two directions that a link needs: a handle
 * that was imported from another NPU is of no use without.  It is never undone, as others in this
 * process may have asked for the same.  A code of the runtime's. */
static int reach(struct shmi_npu *npu, int32_t physical)
{
    const struct ascend_api *api = &npu->api;
    if (physical < 0 || npu->physical < 0 || physical == npu->physical) {
        return 0;
    }
    int32_t peer = number_of(npu, physical);
    if (peer >= 0 && api->aclrtDeviceEnablePeerAccess != NULL) {
        return api->aclrtDeviceEnablePeerAccess(peer, 0);
    }
    if (api->rtEnableP2P != NULL) {
        return api->rtEnableP2P((uint32_t)npu->device, (uint32_t)physical, 0);
    }
    return 0; /* newer runtimes do it with the import */
}

/* ---- exporting ------------------------------------------------------------------------------- */

static int export_key(struct shmi_npu *npu, const struct ascend_region *region,
                      struct ascend_ticket *ticket)
{
    const struct ascend_api *api = &npu->api;
    if (api->aclrtIpcMemGetExportKey == NULL || api->aclrtIpcMemImportByKey == NULL ||
        api->aclrtIpcMemClose == NULL) {
        return ACL_NOT_SUPPORTED;
    }
    int code = api->aclrtIpcMemGetExportKey(region->base, region->base_len, ticket->key,
                                            sizeof(ticket->key), ACL_EXPORT_TO_ALL);
    if (code != 0 && api->aclrtIpcMemSetImportPid != NULL) {
        code = api->aclrtIpcMemGetExportKey(region->base, region->base_len, ticket->key,
                                            sizeof(ticket->key), 0);
        ticket->asks = code == 0;
    }
    return code;
}

static int export_handle(struct shmi_npu *npu, void *handle, enum ascend_way way,
                         struct ascend_ticket *ticket)
{
    const struct ascend_api *api = &npu->api;
    uint64_t flags = way == ASCEND_LISTED ? 0 : ACL_EXPORT_TO_ALL;
    ticket->asks = way == ASCEND_LISTED;
    if (api->aclrtMemExportToShareableHandleV2 != NULL &&
        api->aclrtMemImportFromShareableHandleV2 != NULL) {
        int32_t type = way == ASCEND_FABRIC ? ACL_SHARE_FABRIC : ACL_SHARE_DEFAULT;
        return api->aclrtMemExportToShareableHandleV2(handle, flags, type, ticket->fabric);
    }
    if (way == ASCEND_FABRIC || api->aclrtMemExportToShareableHandle == NULL ||
        api->aclrtMemImportFromShareableHandle == NULL) {
        return ACL_NOT_SUPPORTED;
    }
    return api->aclrtMemExportToShareableHandle(handle, 0, flags, &ticket->handle);
}

static int export_region(struct shmi_npu *npu, const struct ascend_region *region,
                         enum ascend_way way, struct ascend_ticket *ticket)
{
    int code = way == ASCEND_KEY ? export_key(npu, region, ticket)
                                 : export_handle(npu, region->handle, way, ticket);
    ticket->way = code == 0 ? way : ASCEND_COPY;
    if (code != 0) {
        ascend_debug(npu, "%s does not share its memory by %s: error %d, %s", npu->title,
                     ascend_way_text(way), code, ascend_meaning(code));
    }
    return code;
}

/* A ticket for memory that is not shared yet. */
static struct ascend_ticket new_ticket(const struct shmi_npu *npu, size_t len)
{
    return (struct ascend_ticket){
        .magic = MAGIC,
        .way = ASCEND_COPY,
        .pid = npu->pid,
        .npu = npu->physical,
        .len = len,
    };
}

static void write_share(const struct ascend_ticket *ticket, struct shmi_share *how)
{
    memset(how, 0, sizeof(*how));
    memcpy(how->bytes, ticket, sizeof(*ticket));
}

int ascend_trial(struct shmi_npu *npu, unsigned way, void **addr, struct shmi_share *how)
{
    struct ascend_region *granule = NULL;
    struct ascend_ticket nothing = new_ticket(npu, 0);
    write_share(&nothing, how);
    if (way >= ASCEND_COPY || (npu->only && way != npu->wish)) {
        return -ENOTSUP;
    }
    int code = ascend_alloc_granule(npu, (enum ascend_way)way, &granule);
    if (code == 0) {
        granule->ticket = new_ticket(npu, granule->base_len);
        code = export_region(npu, granule, (enum ascend_way)way, &granule->ticket);
    }
    if (code == 0) {
        write_share(&granule->ticket, how);
        *addr = (void *)granule->addr;
        return 0;
    }
    if (granule != NULL) {
        ascend_release(npu, granule);
    }
    if (npu->only) {
        ascend_log(npu, SHMI_WARN,
                   "SHMEM_ASCEND_SHARE=%s is not to be had on %s: error %d, %s; its memory is "
                   "reached by copies",
                   ascend_way_name((enum ascend_way)way), npu->title, code, ascend_meaning(code));
    }
    return -ENOTSUP;
}

void ascend_prefer(struct shmi_npu *npu, const unsigned *ways, unsigned n)
{
    npu->n_ways = 0;
    for (unsigned i = 0; i < n; i++) {
        npu->order[npu->n_ways++] = (enum ascend_way)ways[i];
        ascend_debug(npu, "%s: choice %u for sharing its memory: %s", npu->title, i + 1,
                     ascend_way_text((enum ascend_way)ways[i]));
    }
}

/* In the first way that does: what went well with a granule may not with all.  Handles are of
 * pages, and keys of aclrtMalloc's memory. */
int ascend_share(struct shmi_npu *npu, void *addr, size_t len, struct shmi_share *how)
{
    struct ascend_region *region = ascend_region_of(npu, addr);
    if (region == NULL || region->addr != (uintptr_t)addr || len > region->len) {
        return -EINVAL;
    }
    struct ascend_ticket *ticket = &region->ticket;
    *ticket = new_ticket(npu, region->base_len);
    ticket->offset =
        region->origin == ASCEND_MALLOC ? (uint64_t)((uintptr_t)addr - (uintptr_t)region->base) : 0;
    int code = 0;
    for (unsigned i = 0; i < npu->n_ways && ticket->way == ASCEND_COPY; i++) {
        bool by_key = npu->order[i] == ASCEND_KEY;
        if (region->origin == (by_key ? ASCEND_MALLOC : ASCEND_PAGES)) {
            code = export_region(npu, region, npu->order[i], ticket);
        }
    }
    if (code != 0) {
        ascend_log(npu, SHMI_WARN,
                   "%s does not share its memory: error %d, %s; it is reached by copies",
                   npu->title, code, ascend_meaning(code));
    }
    write_share(ticket, how);
    return 0;
}

int ascend_admit(struct shmi_npu *npu, void *addr, const struct shmi_share *theirs)
{
    const struct ascend_api *api = &npu->api;
    struct ascend_ticket guest;
    memcpy(&guest, theirs->bytes, sizeof(guest));
    struct ascend_region *region = ascend_region_of(npu, addr);
    if (region == NULL || guest.magic != MAGIC || guest.pid == npu->pid) {
        return 0;
    }
    reach(npu, guest.npu); /* theirs to here they see to: then both have, before one maps */
    if (!region->ticket.asks) {
        return 0;
    }
    struct ascend_ticket *ticket = &region->ticket;
    int code = ACL_NOT_SUPPORTED;
    if (ticket->way == ASCEND_KEY) {
        code = api->aclrtIpcMemSetImportPid(ticket->key, &guest.pid, 1);
    } else if (api->aclrtMemSetPidToShareableHandleV2 != NULL) {
        code = api->aclrtMemSetPidToShareableHandleV2(ticket->fabric, ACL_SHARE_DEFAULT, &guest.pid,
                                                      1);
    } else if (api->aclrtMemSetPidToShareableHandle != NULL) {
        code = api->aclrtMemSetPidToShareableHandle(ticket->handle, &guest.pid, 1);
    }
    if (code != 0) { /* they will see, and go by copies */
        ascend_debug(npu, "process %d cannot be listed: error %d, %s", guest.pid, code,
                     ascend_meaning(code));
    }
    return 0;
}

/* ---- importing ------------------------------------------------------------------------------- */

static int import_handle(struct shmi_npu *npu, struct ascend_ticket *ticket, void **handle)
{
    const struct ascend_api *api = &npu->api;
    if (api->aclrtMemImportFromShareableHandleV2 != NULL) {
        int32_t type = ticket->way == ASCEND_FABRIC ? ACL_SHARE_FABRIC : ACL_SHARE_DEFAULT;
        return api->aclrtMemImportFromShareableHandleV2(ticket->fabric, type, 0, handle);
    }
    if (ticket->way == ASCEND_FABRIC || api->aclrtMemImportFromShareableHandle == NULL) {
        return ACL_NOT_SUPPORTED;
    }
    return api->aclrtMemImportFromShareableHandle(ticket->handle, npu->device, handle);
}

static int map_handle(struct shmi_npu *npu, struct ascend_region *region, void **addr)
{
    if (!ascend_has_pages(npu)) {
        return ACL_NOT_SUPPORTED;
    }
    int code = reach(npu, region->ticket.npu);
    code = code == 0 ? import_handle(npu, &region->ticket, &region->handle) : code;
    if (code != 0) {
        return code;
    }
    code = ascend_map_pages(npu, region, 0, addr);
    if (code != 0) {
        npu->api.aclrtFreePhysical(region->handle);
        return code;
    }
    region->origin = ASCEND_IMPORTED;
    return 0;
}

static int map_key(struct shmi_npu *npu, struct ascend_region *region, void **addr)
{
    if (npu->api.aclrtIpcMemImportByKey == NULL || npu->api.aclrtIpcMemClose == NULL) {
        return ACL_NOT_SUPPORTED;
    }
    region->ticket.key[ACL_KEY_LEN - 1] = '\0';
    int code =
        npu->api.aclrtIpcMemImportByKey(&region->base, region->ticket.key, ACL_IMPORT_PEER_ACCESS);
    if (code == 0) {
        region->origin = ASCEND_OPENED;
        *addr = (char *)region->base + region->ticket.offset;
    }
    return code;
}

int ascend_map(struct shmi_npu *npu, const struct shmi_share *how, void **addr)
{
    struct ascend_ticket ticket;
    void *at = NULL;
    memcpy(&ticket, how->bytes, sizeof(ticket));
    if (ticket.magic != MAGIC || ticket.way < 0 || ticket.way >= ASCEND_COPY) {
        return -ENOTSUP;
    }
    struct ascend_region *region = ascend_region_take(npu);
    if (region == NULL) {
        return -ENOMEM;
    }
    region->ticket = ticket;
    region->base_len = ticket.len;
    int code = ticket.way == ASCEND_KEY ? map_key(npu, region, &at) : map_handle(npu, region, &at);
    if (code != 0) {
        ascend_debug(npu, "%s imports no memory of process %d by %s: error %d, %s", npu->title,
                     ticket.pid, ascend_way_text((enum ascend_way)ticket.way), code,
                     ascend_meaning(code));
        ascend_region_give(npu, region);
        return -ENOTSUP;
    }
    ascend_region_show(region, at, ticket.len - ticket.offset);
    *addr = at;
    return 0;
}

void ascend_describe(struct shmi_npu *npu, const void *addr, char *text, size_t len)
{
    const struct ascend_region *region = ascend_region_of(npu, addr);
    const char *way = "";
    const char *what = "";
    if (region != NULL && region->ticket.magic == MAGIC && region->ticket.way < ASCEND_COPY) {
        way = ascend_way_text((enum ascend_way)region->ticket.way);
    }
    if (region != NULL && (region->origin == ASCEND_PAGES || region->origin == ASCEND_MALLOC)) {
        what = region->origin == ASCEND_PAGES ? "mapped pages" : "aclrtMalloc";
    }
    bool both = way[0] != '\0' && what[0] != '\0';
    snprintf(text, len, "%s%s%s", what, both ? ", shared by " : "", way);
}
