/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake_share.c -- the make-believe runtime's memory between processes: handles and keys.
 *
 * Each names a process and a descriptor in it, where other processes open the object.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"

/* What a fabric handle holds. */
struct fabric {
    char word[16];
    int32_t pid;
    int32_t fd;
};

static const char fabric_word[16] = "fake fabric";

static uint64_t handle_of(const struct fake_object *object)
{
    return (uint64_t)(uint32_t)getpid() << 32 | (uint32_t)object->fd;
}

/* The object that a handle of this process names, or NULL. */
static struct fake_object *exported_as(uint64_t handle)
{
    for (struct fake_span *at = fake_span_next(NULL); at != NULL; at = fake_span_next(at)) {
        if (at->object != NULL && at->object->exported && handle_of(at->object) == handle) {
            return at->object;
        }
    }
    return NULL;
}

/* ---- handles --------------------------------------------------------------------------------- */

API int32_t aclrtMemExportToShareableHandleV2(void *handle, uint64_t flags, int32_t type,
                                              void *shareable)
{
    int code = fake_enter(__func__, true);
    bool fabric = type == ACL_SHARE_FABRIC;
    code = code == OK ? fake_fails(fabric ? "fabric" : flags != 0 ? "handle" : "listed") : code;
    if (code != OK) {
        return code;
    }
    if (flags > 1 || (!fabric && type != ACL_SHARE_DEFAULT)) {
        return INVALID;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_object *object = fake_object_find(handle);
    if (object == NULL || object->imported || object->exported) { /* once, in one way */
        code = object == NULL ? BAD_HANDLE : INVALID;
    } else if (fabric && object->len > GRAIN && fake_fails("fabric-large") != OK) {
        code = fake_fails("fabric-large");
    } else {
        object->exported = true;
        object->header->listed = flags == 0;
        struct fabric name = {.pid = (int32_t)getpid(), .fd = object->fd};
        uint64_t number = handle_of(object);
        memcpy(name.word, fabric_word, sizeof(name.word));
        memcpy(shareable, fabric ? (void *)&name : (void *)&number,
               fabric ? sizeof(name) : sizeof(number));
    }
    pthread_mutex_unlock(&fake_lock);
    return code;
}

API int32_t aclrtMemExportToShareableHandle(void *handle, int32_t type, uint64_t flags,
                                            uint64_t *shareable)
{
    return type != 0
               ? INVALID
               : aclrtMemExportToShareableHandleV2(handle, flags, ACL_SHARE_DEFAULT, shareable);
}

static int list(struct fake_header *header, const int32_t *pids, size_t n)
{
    if (header->listed == 0) {
        fake_complain("a list of processes for what any process may import");
        return NO_PERMISSION;
    }
    if (header->n_pids + n > LISTED_MAX) {
        return INVALID;
    }
    memcpy(header->pids + header->n_pids, pids, n * sizeof(*pids));
    __atomic_fetch_add(&header->n_pids, (uint32_t)n, __ATOMIC_ACQ_REL);
    return OK;
}

API int32_t aclrtMemSetPidToShareableHandleV2(void *shareable, int32_t type, int32_t *pids,
                                              size_t n)
{
    int code = fake_enter(__func__, true);
    if (code != OK || type != ACL_SHARE_DEFAULT) {
        return code != OK ? code : INVALID;
    }
    uint64_t handle;
    memcpy(&handle, shareable, sizeof(handle));
    pthread_mutex_lock(&fake_lock);
    struct fake_object *object = exported_as(handle);
    code = object == NULL ? BAD_HANDLE : list(object->header, pids, n);
    pthread_mutex_unlock(&fake_lock);
    return code;
}

API int32_t aclrtMemSetPidToShareableHandle(uint64_t shareable, int32_t *pids, size_t n)
{
    return aclrtMemSetPidToShareableHandleV2(&shareable, ACL_SHARE_DEFAULT, pids, n);
}

static int import_object(int pid, int fd, const char *from, void **handle)
{
    int code = OK;
    pthread_mutex_lock(&fake_lock);
    *handle = fake_object_open(pid, fd, from, &code);
    pthread_mutex_unlock(&fake_lock);
    return code;
}

API int32_t aclrtMemImportFromShareableHandleV2(void *shareable, int32_t type, uint64_t flags,
                                                void **handle)
{
    bool fabric = type == ACL_SHARE_FABRIC;
    int code = fake_enter(__func__, true);
    code = code == OK ? fake_fails("import") : code;
    code = code == OK ? fake_fails(fabric ? "import-fabric" : "import-handle") : code;
    if (code != OK || flags != 0 || (!fabric && type != ACL_SHARE_DEFAULT)) {
        return code != OK ? code : INVALID;
    }
    if (fabric) {
        struct fabric name;
        memcpy(&name, shareable, sizeof(name));
        bool good = memcmp(name.word, fabric_word, sizeof(name.word)) == 0;
        return good ? import_object(name.pid, name.fd, "from-fabric", handle) : BAD_HANDLE;
    }
    uint64_t number;
    memcpy(&number, shareable, sizeof(number));
    return import_object((int)(number >> 32), (int)(uint32_t)number, "from-handle", handle);
}

API int32_t aclrtMemImportFromShareableHandle(uint64_t shareable, int32_t device, void **handle)
{
    if (device < 0 || device >= fake_n_devices()) {
        return NO_SUCH_DEVICE;
    }
    return aclrtMemImportFromShareableHandleV2(&shareable, ACL_SHARE_DEFAULT, 0, handle);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Whole blocks of aclrtMalloc's, which begin at a page. */
API int32_t aclrtIpcMemGetExportKey(void *addr, size_t len, char *key, size_t room, uint64_t flags)
{
    int code = fake_enter(__func__, true);
    code = code == OK ? fake_fails("key") : code;
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = fake_span_of(addr);
    if (span == NULL || span->kind != MALLOCED || span->user != addr ||
        (uintptr_t)addr % PAGE != 0 || len > span->len || room != sizeof(span->key) || flags > 1 ||
        span->key[0] != '\0') {
        code = INVALID;
    } else {
        snprintf(span->key, sizeof(span->key), "fake-%d-%d", (int)getpid(), span->object->fd);
        span->object->exported = true;
        span->object->header->listed = flags == 0;
        memcpy(key, span->key, sizeof(span->key));
    }
    pthread_mutex_unlock(&fake_lock);
    return code;
}

static struct fake_span *span_with_key(const char *key)
{
    struct fake_span *span = fake_span_next(NULL);
    while (span != NULL && strcmp(span->key, key) != 0) {
        span = fake_span_next(span);
    }
    return span;
}

API int32_t aclrtIpcMemSetImportPid(const char *key, int32_t *pids, size_t n)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = span_with_key(key);
    code = span == NULL ? BAD_HANDLE : list(span->object->header, pids, n);
    pthread_mutex_unlock(&fake_lock);
    return code;
}

API int32_t aclrtIpcMemImportByKey(void **addr, const char *key, uint64_t flags)
{
    int code = fake_enter(__func__, true);
    int pid = 0;
    int fd = -1;
    code = code == OK ? fake_fails("import") : code;
    code = code == OK ? fake_fails("import-key") : code;
    if (code != OK || sscanf(key, "fake-%d-%d", &pid, &fd) != 2) {
        return code != OK ? code : BAD_HANDLE;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_object *object = fake_object_open(pid, fd, "from-key", &code);
    if (object != NULL && !fake_reaches(object->device)) { /* another device */
        code = flags == 1 ? fake_fails("aclrtDeviceEnablePeerAccess") : DRIVER;
    }
    if (object != NULL && flags == 1 && code == OK) {
        fake_let_reach(object->device);
    }
    struct fake_span *span = NULL;
    if (object != NULL && code == OK) {
        span = fake_span_create(object->len, OPENED, object);
        code = span == NULL ? OUT_OF_MEMORY : OK;
    }
    if (span != NULL) {
        snprintf(span->key, sizeof(span->key), "%s", key);
        __atomic_fetch_add(&object->header->openers, 1, __ATOMIC_ACQ_REL);
        *addr = span->addr;
    } else if (object != NULL) {
        fake_object_leave(object);
    }
    pthread_mutex_unlock(&fake_lock);
    return code;
}

/* Importers first, the exporter last. */
API int32_t aclrtIpcMemClose(const char *key)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = span_with_key(key);
    if (span == NULL) {
        code = BAD_HANDLE;
    } else if (span->kind == OPENED) {
        __atomic_fetch_sub(&span->object->header->openers, 1, __ATOMIC_ACQ_REL);
        fake_span_destroy(span);
    } else if (__atomic_load_n(&span->object->header->openers, __ATOMIC_ACQUIRE) != 0) {
        fake_complain("aclrtIpcMemClose by the exporter before the importers");
        code = DRIVER;
    } else {
        span->key[0] = '\0';
    }
    pthread_mutex_unlock(&fake_lock);
    return code;
}
