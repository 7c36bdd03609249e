/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_malloc.c -- the make-believe runtime's memory: blocks of devices, and of the host. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

#define DIRT 0xa5 /* fresh memory is not zero */

static struct fake_host *hosts;

static size_t round_up(size_t len, size_t to)
{
    return (len + to - 1) / to * to;
}

/* ---- devices --------------------------------------------------------------------------------- */

/* Small blocks begin somewhere in a page, at a multiple of 64. */
API int32_t aclrtMalloc(void **addr, size_t len, int32_t policy)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    if (addr == NULL || len == 0 || policy < 0 || policy > 7) {
        return INVALID;
    }
    bool small = len < GRAIN / 2;
    pthread_mutex_lock(&fake_lock);
    struct fake_object *object = fake_object_create(round_up(len + (small ? 64 : 0), PAGE),
                                                    fake_physical(fake_context()->device));
    struct fake_span *span =
        object == NULL ? NULL : fake_span_create(object->len, MALLOCED, object);
    if (span != NULL) {
        struct fake_span *unused;
        span->user = span->addr + (small ? 64 : 0);
        memset(fake_reach(span->addr, PAGE, &unused), DIRT, PAGE);
    } else if (object != NULL) {
        fake_object_leave(object);
    }
    *addr = span == NULL ? NULL : span->user;
    pthread_mutex_unlock(&fake_lock);
    return span == NULL ? OUT_OF_MEMORY : OK;
}

API int32_t aclrtFree(void *addr)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = fake_span_of(addr);
    bool good = span != NULL && span->kind == MALLOCED && span->user == addr;
    if (good && span->key[0] != '\0') {
        fake_complain("aclrtFree of memory whose key was not closed");
        good = false;
    }
    if (good) {
        fake_span_destroy(span);
    }
    pthread_mutex_unlock(&fake_lock);
    return good ? OK : INVALID;
}

API int32_t aclrtGetMemInfo(int32_t kind, size_t *available, size_t *total)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    size_t used = 0;
    pthread_mutex_lock(&fake_lock);
    for (struct fake_span *at = fake_span_next(NULL); at != NULL; at = fake_span_next(at)) {
        used += at->object != NULL && !at->object->imported ? at->len : 0;
    }
    pthread_mutex_unlock(&fake_lock);
    *total = (size_t)fake_number("FAKE_ASCEND_HBM", 1024) << 20;
    *available = *total - (used < *total ? used : *total);
    return kind == ACL_MEM_HBM ? OK : INVALID;
}

API int32_t aclrtMemset(void *addr, size_t room, int32_t value, size_t len)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    struct fake_span *span = NULL;
    pthread_mutex_lock(&fake_lock);
    char *there = fake_reach(addr, len, &span);
    bool good = there != NULL && len <= room && (span != NULL || fake_is_pinned(addr)) &&
                (span == NULL || span->kind != HOST_ALIAS);
    pthread_mutex_unlock(&fake_lock);
    if (good) {
        memset(there, value, len);
    }
    return good ? OK : INVALID;
}

API int32_t aclrtPointerGetAttributes(const void *addr, struct acl_pointer_attributes *attributes)
{
    enum { UNREGISTERED = 2 };
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    struct fake_span *span = NULL;
    pthread_mutex_lock(&fake_lock);
    char *there = fake_reach(addr, 1, &span);
    int32_t type = fake_is_pinned(addr) ? ACL_LOCATION_HOST : UNREGISTERED;
    if (there == NULL || (span != NULL && span->kind == HOST_ALIAS)) {
        code = INVALID;
    } else if (span != NULL) {
        attributes->location.id = (uint32_t)span->object->device;
        type = ACL_LOCATION_DEVICE;
    }
    pthread_mutex_unlock(&fake_lock);
    attributes->location.type = type;
    attributes->page_size = GRAIN;
    return code;
}

/* ---- the host -------------------------------------------------------------------------------- */

bool fake_is_pinned(const void *addr)
{
    for (const struct fake_host *at = hosts; at != NULL; at = at->next) {
        if ((uintptr_t)addr - (uintptr_t)at->base < at->len) {
            return true;
        }
    }
    return false;
}

/* Begins at a multiple of 64, which is no page. */
API int32_t aclrtMallocHost(void **addr, size_t len)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    struct fake_host *host = calloc(1, sizeof(*host));
    size_t room = round_up(len + 64, PAGE);
    int fd = memfd_create("fake-ascend-host", MFD_CLOEXEC);
    void *base = MAP_FAILED;
    if (host != NULL && fd >= 0 && ftruncate(fd, (off_t)room) == 0) {
        base = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (base == MAP_FAILED) {
        free(host);
        close(fd);
        return OUT_OF_MEMORY;
    }
    memset(base, DIRT, PAGE);
    pthread_mutex_lock(&fake_lock);
    *host = (struct fake_host){base, room, (char *)base + 64, fd, hosts};
    hosts = host;
    pthread_mutex_unlock(&fake_lock);
    *addr = host->user;
    return OK;
}

/* The device's side of registered memory, or NULL. */
static struct fake_span *alias_of(const void *addr)
{
    struct fake_span *span = fake_span_next(NULL);
    while (span != NULL && (span->kind != HOST_ALIAS || span->user != addr)) {
        span = fake_span_next(span);
    }
    return span;
}

API int32_t aclrtFreeHost(void *addr)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_host **link = &hosts;
    while (*link != NULL && (*link)->user != addr) {
        link = &(*link)->next;
    }
    struct fake_host *host = *link;
    if (host != NULL) {
        *link = host->next;
        for (char *at = host->base; at < host->base + host->len; at += PAGE) {
            if (alias_of(at) != NULL) {
                fake_complain("aclrtFreeHost of memory that is registered");
                abort();
            }
        }
        munmap(host->base, host->len);
        close(host->fd);
        free(host);
    }
    pthread_mutex_unlock(&fake_lock);
    return host == NULL ? INVALID : OK;
}

API int32_t aclrtHostMemMapCapabilities(uint32_t device, int32_t engine, int32_t *capability)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    if ((int)device >= fake_n_devices() || engine < 0 || engine > 9) {
        return INVALID;
    }
    *capability = engine == ACL_ENGINE_AIV && fake_fails("engines") == OK;
    return OK;
}

/* Whole pages of aclrtMallocHost's memory, and no page twice. */
static int register_host(char *addr, size_t len)
{
    struct fake_host *host = hosts;
    while (host != NULL && (uintptr_t)addr - (uintptr_t)host->base >= host->len) {
        host = host->next;
    }
    if (host == NULL || (uintptr_t)addr % PAGE != 0 || len == 0 ||
        addr + len > host->base + host->len || alias_of(addr) != NULL) {
        return INVALID;
    }
    struct fake_span *span = fake_span_create(round_up(len, PAGE), HOST_ALIAS, NULL);
    if (span == NULL) {
        return OUT_OF_MEMORY;
    }
    mmap(span->addr, span->len, PROT_NONE, MAP_SHARED | MAP_FIXED, host->fd,
         (off_t)(addr - host->base));
    span->user = addr;
    return OK;
}

API int32_t aclrtHostRegisterV2(void *addr, uint64_t len, uint32_t flag)
{
    int code = fake_enter(__func__, true);
    if (code != OK || flag != ACL_HOST_MAPPED) {
        return code != OK ? code : INVALID;
    }
    pthread_mutex_lock(&fake_lock);
    code = register_host(addr, len);
    pthread_mutex_unlock(&fake_lock);
    return code;
}

/* Success, with no address, for what is not registered. */
API int32_t aclrtHostGetDevicePointer(void *addr, void **device, uint32_t flag)
{
    int code = fake_enter(__func__, true);
    if (code != OK || flag != 0) {
        return code != OK ? code : INVALID;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = alias_of(addr);
    *device = span == NULL ? NULL : span->addr;
    pthread_mutex_unlock(&fake_lock);
    return OK;
}

API int32_t aclrtHostRegister(void *addr, uint64_t len, int32_t type, void **device)
{
    int code = fake_enter(__func__, true);
    if (code != OK || type != ACL_HOST_MAPPED_V1) {
        return code != OK ? code : INVALID;
    }
    pthread_mutex_lock(&fake_lock);
    code = register_host(addr, len);
    *device = code == OK ? alias_of(addr)->addr : NULL;
    pthread_mutex_unlock(&fake_lock);
    return code;
}

API int32_t aclrtHostUnregister(void *addr)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = alias_of(addr);
    if (span != NULL) {
        fake_span_destroy(span);
    }
    pthread_mutex_unlock(&fake_lock);
    return span == NULL ? INVALID : OK;
}
