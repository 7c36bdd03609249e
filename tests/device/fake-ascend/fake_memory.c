/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_memory.c -- the make-believe runtime's memory: objects, the windows, mapped pages. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

#define WINDOW ((size_t)32 << 30)
#define MAGIC  0x646e6563736165u
#define DIRT   0xa5 /* fresh memory is not zero */

static struct {
    char *device;
    char *hidden;
    struct fake_span *spans;
    struct fake_object *objects;
    size_t used; /* of this process, on whichever device */
} memory;

static size_t round_up(size_t len, size_t to)
{
    return (len + to - 1) / to * to;
}

/* ---- the windows ----------------------------------------------------------------------------- */

static char *reserve(void)
{
    void *base = mmap(NULL, WINDOW, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return base == MAP_FAILED ? NULL : base;
}

static bool open_windows(void)
{
    if (memory.device == NULL) {
        memory.device = reserve();
        memory.hidden = reserve();
    }
    return memory.device != NULL && memory.hidden != NULL;
}

static bool is_in_window(const void *addr)
{
    return memory.device != NULL && (uintptr_t)addr - (uintptr_t)memory.device < WINDOW;
}

static char *hidden_of(const void *addr)
{
    return memory.hidden + ((const char *)addr - memory.device);
}

static void hide(char *addr, size_t len)
{
    mmap(addr, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    mmap(hidden_of(addr), len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
         -1, 0);
}

static bool show(char *addr, size_t len, int fd, off_t offset)
{
    int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE;
    return mmap(addr, len, PROT_NONE, flags, fd, offset) != MAP_FAILED &&
           mmap(hidden_of(addr), len, PROT_READ | PROT_WRITE, flags, fd, offset) != MAP_FAILED;
}

void fake_window_open(void)
{
    for (struct fake_span *at = memory.spans; at != NULL; at = at->next) {
        bool reached = at->object == NULL || fake_reaches(at->object->device);
        if (at->kind != RESERVED && reached) {
            mprotect(at->addr, at->len, PROT_READ | PROT_WRITE);
        }
    }
}

/* ---- objects --------------------------------------------------------------------------------- */

static struct fake_object *add_object(int fd, size_t len, bool imported)
{
    struct fake_object *object = calloc(1, sizeof(*object));
    void *header = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)len);
    if (object == NULL || header == MAP_FAILED) {
        free(object);
        close(fd);
        return NULL;
    }
    *object = (struct fake_object){
        .fd = fd,
        .len = len,
        .imported = imported,
        .held = true,
        .users = 1,
        .header = header,
        .next = memory.objects,
    };
    memory.objects = object;
    return object;
}

/* With one user, the caller. */
struct fake_object *fake_object_create(size_t len, int device)
{
    size_t most = (size_t)fake_number("FAKE_ASCEND_HBM", 1024) << 20;
    if (len > most || memory.used > most - len) {
        return NULL;
    }
    int fd = memfd_create("fake-ascend", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)(len + PAGE)) != 0) {
        close(fd);
        return NULL;
    }
    struct fake_object *object = add_object(fd, len, false);
    if (object != NULL) {
        object->device = device;
        *object->header = (struct fake_header){.magic = MAGIC, .len = len, .device = device};
        memory.used += len;
    }
    return object;
}

struct fake_object *fake_object_open(int pid, int fd, const char *from, int *code)
{
    char path[64];
    struct fake_header header;
    *code = BAD_HANDLE;
    struct fake_object *mine_already = memory.objects;
    while (mine_already != NULL && (mine_already->from_pid != pid || mine_already->from_fd != fd)) {
        mine_already = mine_already->next;
    }
    if (pid == (int)getpid() || mine_already != NULL) { /* each once, and not one's own */
        return NULL;
    }
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
    int mine = open(path, O_RDWR | O_CLOEXEC);
    off_t end = mine < 0 ? -1 : lseek(mine, 0, SEEK_END);
    if (end < PAGE || pread(mine, &header, sizeof(header), end - PAGE) != sizeof(header) ||
        header.magic != MAGIC) {
        close(mine);
        return NULL;
    }
    if (fake_fails_from(from, header.device) != OK) {
        *code = fake_fails_from(from, header.device);
        close(mine);
        return NULL;
    }
    bool admitted = header.listed == 0;
    for (uint32_t i = 0; i < header.n_pids && i < LISTED_MAX; i++) {
        admitted = admitted || header.pids[i] == (int32_t)getpid();
    }
    if (!admitted) {
        *code = NO_PERMISSION;
        close(mine);
        return NULL;
    }
    struct fake_object *object = add_object(mine, (size_t)(end - PAGE), true);
    if (object != NULL) {
        object->device = header.device;
        object->from_pid = pid;
        object->from_fd = fd;
        *code = OK;
    }
    return object;
}

struct fake_object *fake_object_find(const void *handle)
{
    struct fake_object *object = memory.objects;
    while (object != NULL && (object != handle || !object->held)) {
        object = object->next;
    }
    return object;
}

void fake_object_leave(struct fake_object *object)
{
    if (--object->users != 0) {
        return;
    }
    struct fake_object **link = &memory.objects;
    while (*link != object) {
        link = &(*link)->next;
    }
    *link = object->next;
    memory.used -= object->imported ? 0 : object->len;
    munmap(object->header, PAGE);
    close(object->fd);
    free(object);
}

/* ---- spans ----------------------------------------------------------------------------------- */

/* Of whole granules, first fit, with one granule that nobody has behind each. */
struct fake_span *fake_span_create(size_t len, enum fake_kind kind, struct fake_object *object)
{
    struct fake_span **link = &memory.spans;
    if (!open_windows() || len > WINDOW / 2) {
        return NULL;
    }
    char *at = (char *)round_up((uintptr_t)memory.device, GRAIN);
    size_t room = round_up(len, GRAIN);
    while (*link != NULL && at + room > (*link)->addr) {
        char *end = (*link)->addr + round_up((*link)->len, GRAIN) + GRAIN;
        at = end > at ? end : at;
        link = &(*link)->next;
    }
    struct fake_span *span = calloc(1, sizeof(*span));
    if (span == NULL || at + room > memory.device + WINDOW ||
        (object != NULL && !show(at, len, object->fd, 0))) {
        free(span);
        return NULL;
    }
    *span = (struct fake_span){
        .addr = at, .len = len, .user = at, .kind = kind, .object = object, .next = *link};
    *link = span;
    return span;
}

struct fake_span *fake_span_of(const void *addr)
{
    struct fake_span *found = NULL;
    for (struct fake_span *at = memory.spans; at != NULL; at = at->next) {
        bool in = (uintptr_t)addr - (uintptr_t)at->addr < at->len;
        found = in && (found == NULL || at->kind != RESERVED) ? at : found;
    }
    return found;
}

struct fake_span *fake_span_next(struct fake_span *span)
{
    return span == NULL ? memory.spans : span->next;
}

void fake_span_destroy(struct fake_span *span)
{
    struct fake_span **link = &memory.spans;
    while (*link != span) {
        link = &(*link)->next;
    }
    *link = span->next;
    hide(span->addr, span->len);
    if (span->object != NULL) {
        fake_object_leave(span->object);
    }
    free(span);
}

char *fake_reach(const void *addr, size_t len, struct fake_span **result)
{
    *result = NULL;
    if (!is_in_window(addr)) {
        return (char *)addr;
    }
    struct fake_span *span = fake_span_of(addr);
    if (span == NULL || span->kind == RESERVED ||
        len > span->len - (size_t)((const char *)addr - span->addr)) {
        return NULL;
    }
    *result = span;
    return hidden_of(addr);
}

/* ---- mapping --------------------------------------------------------------------------------- */

API int32_t aclrtReserveMemAddress(void **addr, size_t len, size_t align, void *wish,
                                   uint64_t flags)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    if (addr == NULL || len == 0 || align != 0 || wish != NULL || flags > 1) {
        return INVALID;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = fake_span_create(round_up(len, GRAIN), RESERVED, NULL);
    pthread_mutex_unlock(&fake_lock);
    *addr = span == NULL ? NULL : span->addr;
    return span == NULL ? OUT_OF_MEMORY : OK;
}

API int32_t aclrtReleaseMemAddress(void *addr)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = NULL;
    bool used = false;
    for (struct fake_span *at = memory.spans; at != NULL; at = at->next) {
        span = at->addr == addr && at->kind == RESERVED ? at : span;
    }
    for (struct fake_span *at = memory.spans; at != NULL; at = at->next) {
        used = used || (span != NULL && at->within == span);
    }
    if (span != NULL && !used) {
        fake_span_destroy(span);
    }
    pthread_mutex_unlock(&fake_lock);
    return span == NULL || used ? INVALID : OK;
}

static bool is_page_kind(const struct acl_physical_prop *prop)
{
    return prop != NULL && prop->handle_type == 0 && prop->allocation_type == 0 &&
           prop->mem_attr >= 0 && prop->mem_attr <= 17 &&
           prop->location.type == ACL_LOCATION_DEVICE &&
           (int)prop->location.id < fake_n_devices() && prop->reserved == 0;
}

API int32_t aclrtMemGetAllocationGranularity(struct acl_physical_prop *prop, int32_t option,
                                             size_t *len)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    if (!is_page_kind(prop) || option < 0 || option > 1) {
        return INVALID;
    }
    *len = GRAIN;
    return OK;
}

API int32_t aclrtMallocPhysical(void **handle, size_t len, const struct acl_physical_prop *prop,
                                uint64_t flags)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    if (handle == NULL || !is_page_kind(prop) || len == 0 || len % GRAIN != 0 || flags != 0) {
        return INVALID;
    }
    pthread_mutex_lock(&fake_lock);
    *handle = fake_object_create(len, fake_physical((int)prop->location.id));
    pthread_mutex_unlock(&fake_lock);
    return *handle == NULL ? OUT_OF_MEMORY : OK;
}

API int32_t aclrtFreePhysical(void *handle)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_object *object = fake_object_find(handle);
    if (object != NULL) { /* what is mapped stays until it is unmapped */
        object->held = false;
        fake_object_leave(object);
    }
    pthread_mutex_unlock(&fake_lock);
    return object == NULL ? BAD_HANDLE : OK;
}

/* What is at addr of a reservation where nothing is mapped, and nothing of another kind. */
static struct fake_span *room_for(char *addr, size_t len, bool imported)
{
    struct fake_span *room = NULL;
    for (struct fake_span *at = memory.spans; at != NULL; at = at->next) {
        if (at->kind == RESERVED && addr >= at->addr && addr + len <= at->addr + at->len) {
            room = at;
        }
    }
    for (struct fake_span *at = memory.spans; at != NULL && room != NULL; at = at->next) {
        bool overlaps = at->kind == MAPPED && addr < at->addr + at->len && at->addr < addr + len;
        bool mixed = at->within == room && at->object->imported != imported;
        room = overlaps || mixed ? NULL : room;
    }
    return room;
}

static int map_object(char *addr, size_t len, struct fake_object *object)
{
    struct fake_span *room = room_for(addr, len, object->imported);
    struct fake_span *span = room == NULL ? NULL : calloc(1, sizeof(*span));
    if (span == NULL || !show(addr, len, object->fd, 0)) {
        free(span);
        return INVALID;
    }
    *span = (struct fake_span){.addr = addr,
                               .len = len,
                               .user = addr,
                               .kind = MAPPED,
                               .object = object,
                               .within = room,
                               .next = room->next};
    room->next = span;
    object->users++;
    return OK;
}

API int32_t aclrtMapMem(void *addr, size_t len, size_t offset, void *handle, uint64_t flags)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_object *object = fake_object_find(handle);
    if (object == NULL) {
        code = BAD_HANDLE;
    } else if (len != object->len || offset != 0 || flags != 0 || (uintptr_t)addr % GRAIN != 0) {
        code = INVALID;
    } else {
        code = map_object(addr, len, object);
        if (code == OK && !object->imported) {
            memset(hidden_of(addr), DIRT, PAGE);
        }
    }
    pthread_mutex_unlock(&fake_lock);
    return code;
}

static struct fake_span *mapping_at(const void *addr)
{
    struct fake_span *span = fake_span_of(addr);
    return span != NULL && span->kind == MAPPED && span->addr == addr ? span : NULL;
}

API int32_t aclrtUnmapMem(void *addr)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = mapping_at(addr);
    if (span != NULL) {
        fake_span_destroy(span);
    }
    pthread_mutex_unlock(&fake_lock);
    return span == NULL ? INVALID : OK;
}

API int32_t aclrtMemSetAccess(void *addr, size_t len, struct acl_access *access, size_t n)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    pthread_mutex_lock(&fake_lock);
    struct fake_span *span = mapping_at(addr);
    bool good = span != NULL && span->len == len && n == 1 &&
                access->flags == ACL_ACCESS_READ_WRITE &&
                access->location.type == ACL_LOCATION_DEVICE;
    pthread_mutex_unlock(&fake_lock);
    return good ? OK : INVALID;
}
