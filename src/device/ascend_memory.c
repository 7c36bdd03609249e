/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ascend_memory.c -- memory of an Ascend NPU, and host memory that its kernels reach.
 *
 * Where the runtime can, physical pages are mapped at an address that begins where the caller wants
 * it; they are what handles share.  aclrtMalloc's memory is what keys share, and what is left.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "device/ascend.h"

#define PAGE      ((size_t)4096)
#define HUGE_PAGE ((size_t)2 << 20)

/* ---- regions --------------------------------------------------------------------------------- */

struct ascend_region *ascend_region_take(struct shmi_npu *npu)
{
    pthread_mutex_lock(&npu->lock);
    struct ascend_region *region = npu->regions;
    while (region != NULL && region->origin != ASCEND_GONE) {
        region = region->next;
    }
    if (region == NULL) {
        region = calloc(1, sizeof(*region));
        if (region != NULL) {
            region->next = npu->regions;
            __atomic_store_n(&npu->regions, region, __ATOMIC_RELEASE); /* pairs with owns() */
        }
    }
    if (region != NULL) {
        struct ascend_region *next = region->next;
        *region = (struct ascend_region){.origin = ASCEND_TAKEN, .next = next};
    }
    pthread_mutex_unlock(&npu->lock);
    return region;
}

void ascend_region_show(struct ascend_region *region, void *addr, size_t len)
{
    __atomic_store_n(&region->addr, (uintptr_t)addr, __ATOMIC_RELAXED);
    __atomic_store_n(&region->len, len, __ATOMIC_RELEASE);
}

void ascend_region_give(struct shmi_npu *npu, struct ascend_region *region)
{
    __atomic_store_n(&region->len, 0, __ATOMIC_RELEASE);
    pthread_mutex_lock(&npu->lock);
    region->origin = ASCEND_GONE;
    pthread_mutex_unlock(&npu->lock);
}

struct ascend_region *ascend_region_of(struct shmi_npu *npu, const void *addr)
{
    struct ascend_region *region = __atomic_load_n(&npu->regions, __ATOMIC_ACQUIRE);
    while (region != NULL) {
        size_t len = __atomic_load_n(&region->len, __ATOMIC_ACQUIRE);
        uintptr_t begin = __atomic_load_n(&region->addr, __ATOMIC_RELAXED);
        if ((uintptr_t)addr - begin < len) {
            return region;
        }
        region = region->next;
    }
    return NULL;
}

/* ---- whose is an address? -------------------------------------------------------------------- */

/* The runtime's answer on memory that is not ours: the program's own, perhaps, of aclrtMalloc.  It
 * takes its time, so what is host memory once is remembered: the addresses of devices are no
 * others' at any time. */
static bool is_foreign(struct shmi_npu *npu, const void *addr)
{
    uint64_t granule = ((uint64_t)(uintptr_t)addr >> ASCEND_GRANULE_LOG2) + 1;
    uint64_t *known = &npu->known_host[granule % ASCEND_KNOWN];
    if (npu->api.aclrtPointerGetAttributes == NULL ||
        __atomic_load_n(known, __ATOMIC_RELAXED) == granule) {
        return false;
    }
    struct acl_pointer_attributes attributes = {.location = {.type = ACL_LOCATION_HOST}};
    ascend_enter(npu);
    int code = npu->api.aclrtPointerGetAttributes(addr, &attributes);
    bool device = code == 0 && attributes.location.type == ACL_LOCATION_DEVICE;
    if (!device) {
        __atomic_store_n(known, granule, __ATOMIC_RELAXED);
    }
    return device;
}

bool ascend_owns(struct shmi_npu *npu, const void *addr)
{
    const struct ascend_region *region = ascend_region_of(npu, addr);
    if (region != NULL) {
        return region->origin != ASCEND_PINNED;
    }
    return (uintptr_t)addr >= PAGE && is_foreign(npu, addr);
}

/* ---- pages ----------------------------------------------------------------------------------- */

bool ascend_has_pages(const struct shmi_npu *npu)
{
    const struct ascend_api *api = &npu->api;
    return api->aclrtReserveMemAddress != NULL && api->aclrtReleaseMemAddress != NULL &&
           api->aclrtMallocPhysical != NULL && api->aclrtFreePhysical != NULL &&
           api->aclrtMapMem != NULL && api->aclrtUnmapMem != NULL;
}

static struct acl_physical_prop pages_of(const struct shmi_npu *npu)
{
    return (struct acl_physical_prop){
        .mem_attr = ACL_MEM_HBM_HUGE,
        .location = {.id = (uint32_t)npu->device, .type = ACL_LOCATION_DEVICE},
    };
}

size_t ascend_grain(struct shmi_npu *npu)
{
    struct acl_physical_prop prop = pages_of(npu);
    size_t grain = 0;
    if (npu->api.aclrtMemGetAllocationGranularity == NULL ||
        npu->api.aclrtMemGetAllocationGranularity(&prop, ACL_GRANULARITY_MINIMUM, &grain) != 0 ||
        !shmi_is_power_of_two(grain)) {
        return HUGE_PAGE;
    }
    return grain;
}

/* Addresses for the pages of a region, at a multiple of align, and the pages there.  The
 * reservation has room for that, as runtimes choose the address. */
int ascend_map_pages(struct shmi_npu *npu, struct ascend_region *region, size_t align, void **addr)
{
    const struct ascend_api *api = &npu->api;
    size_t room = region->base_len + (align > npu->grain ? align : 0);
    int code = api->aclrtReserveMemAddress(&region->base, room, 0, NULL, ACL_RESERVE_HUGE);
    if (code != 0) {
        code = api->aclrtReserveMemAddress(&region->base, room, 0, NULL, 0);
    }
    if (code != 0) {
        return code;
    }
    *addr = (void *)shmi_round_up((uintptr_t)region->base, shmi_max(align, 1));
    code = api->aclrtMapMem(*addr, region->base_len, 0, region->handle, 0);
    if (code != 0) {
        api->aclrtReleaseMemAddress(region->base);
        return code;
    }
    struct acl_access access = {
        .flags = ACL_ACCESS_READ_WRITE,
        .location = {.id = (uint32_t)npu->device, .type = ACL_LOCATION_DEVICE},
    };
    code = api->aclrtMemSetAccess == NULL
               ? 0
               : api->aclrtMemSetAccess(*addr, region->base_len, &access, 1);
    if (code != 0) { /* older drivers map with access, and have no say in it */
        ascend_debug(npu, "aclrtMemSetAccess: error %d, %s", code, ascend_meaning(code));
    }
    return 0;
}

static void unmap_pages(struct shmi_npu *npu, struct ascend_region *region)
{
    npu->api.aclrtUnmapMem((void *)region->addr);
    npu->api.aclrtReleaseMemAddress(region->base);
    npu->api.aclrtFreePhysical(region->handle);
}

static int alloc_pages(struct shmi_npu *npu, struct ascend_region *region, size_t len, size_t align,
                       void **addr)
{
    struct acl_physical_prop prop = pages_of(npu);
    region->base_len = shmi_round_up(len, npu->grain);
    int code = npu->api.aclrtMallocPhysical(&region->handle, region->base_len, &prop, 0);
    if (code != 0) {
        return code;
    }
    code = ascend_map_pages(npu, region, align, addr);
    if (code != 0) {
        npu->api.aclrtFreePhysical(region->handle);
        return code;
    }
    region->origin = ASCEND_PAGES;
    return 0;
}

static int alloc_block(struct shmi_npu *npu, struct ascend_region *region, size_t len, size_t align,
                       void **addr)
{
    region->base_len = shmi_round_up(len, HUGE_PAGE) + (align > PAGE ? align : 0);
    int code = npu->api.aclrtMalloc(&region->base, region->base_len, ACL_MALLOC_HUGE_FIRST);
    if (code == 0) {
        *addr = (void *)shmi_round_up((uintptr_t)region->base, shmi_max(align, 1));
        region->origin = ASCEND_MALLOC;
    }
    return code;
}

/* ---- allocation ------------------------------------------------------------------------------ */

static int refuse(struct shmi_npu *npu, size_t len, int code)
{
    size_t available = 0;
    size_t total = 0;
    int rc = ascend_failed(npu, "device memory", code);
    if (npu->api.aclrtGetMemInfo != NULL) {
        npu->api.aclrtGetMemInfo(ACL_MEM_HBM, &available, &total);
    }
    ascend_log(npu, SHMI_ERROR,
               "%s gives no %zu MiB of device memory, it has %zu free of %zu MiB; "
               "SHMEM_DEVICE_SIZE asks for less",
               npu->title, len >> 20, available >> 20, total >> 20);
    return rc;
}

int ascend_alloc(struct shmi_npu *npu, size_t len, size_t align, void **addr)
{
    void *at = NULL;
    if (len == 0 || len > SIZE_MAX / 4) {
        return len == 0 ? -EINVAL : -ENOMEM;
    }
    struct ascend_region *region = ascend_region_take(npu);
    if (region == NULL) {
        return -ENOMEM;
    }
    bool by_key = npu->n_ways != 0 && npu->order[0] == ASCEND_KEY;
    int code = ACL_NOT_SUPPORTED;
    if (!by_key && ascend_has_pages(npu)) {
        code = alloc_pages(npu, region, len, align, &at);
    }
    if (code != 0 && ascend_errno(code) != -ENOMEM) {
        ascend_debug(npu, "no mapped pages (error %d, %s): aclrtMalloc", code,
                     ascend_meaning(code));
        code = alloc_block(npu, region, len, align, &at);
    }
    code = code == 0 ? npu->api.aclrtMemset(at, len, 0, len) : code;
    if (code != 0) {
        int rc = refuse(npu, len, code);
        ascend_region_show(region, at, 0);
        ascend_release(npu, region);
        return rc;
    }
    ascend_region_show(region, at, len);
    *addr = at;
    return 0;
}

int ascend_alloc_granule(struct shmi_npu *npu, enum ascend_way way, struct ascend_region **granule)
{
    void *at = NULL;
    int code = ACL_NOT_SUPPORTED;
    struct ascend_region *region = ascend_region_take(npu);
    if (region == NULL) {
        return code;
    }
    if (way == ASCEND_KEY) {
        code = alloc_block(npu, region, npu->grain, 0, &at);
    } else if (ascend_has_pages(npu)) {
        code = alloc_pages(npu, region, npu->grain, 0, &at);
    }
    if (code != 0) {
        ascend_region_give(npu, region);
        return code;
    }
    ascend_region_show(region, at, npu->grain);
    *granule = region;
    return 0;
}

/* Whatever it is; a region in the making, too. */
void ascend_release(struct shmi_npu *npu, struct ascend_region *region)
{
    const struct ascend_api *api = &npu->api;
    switch (region->origin) {
    case ASCEND_PAGES:
    case ASCEND_IMPORTED:
        unmap_pages(npu, region);
        break;
    case ASCEND_MALLOC:
        if (region->ticket.way == ASCEND_KEY) {
            api->aclrtIpcMemClose(region->ticket.key);
        }
        api->aclrtFree(region->base);
        break;
    case ASCEND_OPENED:
        api->aclrtIpcMemClose(region->ticket.key);
        break;
    case ASCEND_PINNED:
        api->aclrtHostUnregister(region->base);
        api->aclrtFreeHost(region->raw);
        break;
    case ASCEND_GONE:
    case ASCEND_TAKEN:
        break;
    }
    ascend_region_give(npu, region);
}

void ascend_free(struct shmi_npu *npu, void *addr)
{
    struct ascend_region *region = ascend_region_of(npu, addr);
    if (region == NULL || region->addr != (uintptr_t)addr) {
        ascend_log(npu, SHMI_ERROR, "%p is not memory of the NPU", addr);
        return;
    }
    ascend_release(npu, region);
}

void ascend_memory_close(struct shmi_npu *npu)
{
    for (struct ascend_region *at = npu->regions; at != NULL; at = at->next) {
        ascend_release(npu, at);
    }
    while (npu->regions != NULL) {
        struct ascend_region *next = npu->regions->next;
        free(npu->regions);
        npu->regions = next;
    }
}

/* ---- host memory that kernels reach ---------------------------------------------------------- */

static bool may_map_host(struct shmi_npu *npu)
{
    const struct ascend_api *api = &npu->api;
    int32_t capability = 1;
    bool can = api->aclrtHostUnregister != NULL &&
               (api->aclrtHostRegister != NULL ||
                (api->aclrtHostRegisterV2 != NULL && api->aclrtHostGetDevicePointer != NULL));
    if (can && api->aclrtHostMemMapCapabilities != NULL &&
        api->aclrtHostMemMapCapabilities((uint32_t)npu->device, ACL_ENGINE_AIV, &capability) != 0) {
        capability = 0;
    }
    return can && capability != 0;
}

/* A runtime may answer with success and no address, where it does not map. */
static int register_host(struct shmi_npu *npu, void *host, size_t len, void **device)
{
    const struct ascend_api *api = &npu->api;
    if (api->aclrtHostRegisterV2 == NULL || api->aclrtHostGetDevicePointer == NULL) {
        return api->aclrtHostRegister(host, len, ACL_HOST_MAPPED_V1, device);
    }
    int code = api->aclrtHostRegisterV2(host, len, ACL_HOST_MAPPED);
    if (code != 0) {
        return code;
    }
    code = api->aclrtHostGetDevicePointer(host, device, 0);
    if (code != 0 || *device == NULL) {
        api->aclrtHostUnregister(host);
        return code != 0 ? code : ACL_NOT_SUPPORTED;
    }
    return 0;
}

/* Pinned memory of the runtime's, at a whole page: that is what older kernels can map. */
int ascend_alloc_host(struct shmi_npu *npu, size_t len, void **host, void **device)
{
    void *raw = NULL;
    void *there = NULL;
    size_t room = shmi_round_up(len, PAGE);
    struct ascend_region *region = may_map_host(npu) ? ascend_region_take(npu) : NULL;
    if (region == NULL) {
        return -ENOTSUP;
    }
    int code = npu->api.aclrtMallocHost(&raw, room + PAGE);
    if (code != 0) {
        ascend_region_give(npu, region);
        return ascend_failed(npu, "aclrtMallocHost", code);
    }
    void *here = (void *)shmi_round_up((uintptr_t)raw, PAGE);
    memset(here, 0, room);
    code = register_host(npu, here, room, &there);
    if (code != 0) {
        ascend_debug(npu, "kernels reach no host memory: error %d, %s", code, ascend_meaning(code));
        npu->api.aclrtFreeHost(raw);
        ascend_region_give(npu, region);
        return -ENOTSUP;
    }
    region->origin = ASCEND_PINNED;
    region->base = here;
    region->raw = raw;
    ascend_region_show(region, there, room);
    *host = here;
    *device = there;
    return 0;
}

void ascend_free_host(struct shmi_npu *npu, void *host)
{
    struct ascend_region *region = npu->regions;
    while (region != NULL && (region->origin != ASCEND_PINNED || region->base != host)) {
        region = region->next;
    }
    if (region == NULL) {
        ascend_log(npu, SHMI_ERROR, "%p is not host memory that kernels reach", host);
        return;
    }
    ascend_release(npu, region);
}

void *ascend_host_side(struct shmi_npu *npu, const void *addr)
{
    struct ascend_region *region = ascend_region_of(npu, addr);
    if (region == NULL || region->origin != ASCEND_PINNED) {
        return NULL;
    }
    return (char *)region->base + ((uintptr_t)addr - region->addr);
}

/* ---- adapters -------------------------------------------------------------------------------- */

/* The address itself, of memory that is this NPU's: with the vendor's module for peer memory an
 * adapter's driver takes it, and without it says no.  The NPU's driver exports no dma-buf; when one
 * does, SHMI_NIC_DMABUF with its descriptor is the answer here, and nothing else changes. */
void ascend_nic(struct shmi_npu *npu, void *addr, size_t len, struct shmi_nic *how)
{
    const struct ascend_region *region = ascend_region_of(npu, addr);
    (void)len;
    bool local =
        region != NULL && (region->origin == ASCEND_PAGES || region->origin == ASCEND_MALLOC);
    *how = (struct shmi_nic){
        .way = local ? SHMI_NIC_ADDRESS : SHMI_NIC_NONE,
        .addr = addr,
        .fd = -1,
    };
}
