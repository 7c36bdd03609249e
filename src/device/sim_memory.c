/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_memory.c -- the software NPU's memory, as the PE's process sees it.
 *
 * Windows of addresses are reserved before the device process is forked, so both have them.
 * Memory of the device, or mapped from another PE's, is in the device window: there only the device
 * process has it; this one has it at the same place of the hidden window.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "device/sim.h"

#define DEVICE_WINDOW ((size_t)256 << 30)
#define HOST_WINDOW   ((size_t)4 << 30)
#define WINDOW_MIN    ((size_t)1 << 30)
#define GRAIN         ((size_t)2 << 20) /* of regions: whole huge pages */
#define MAGIC         0x6d69736d65687375u

/* What is in a share. */
struct ticket {
    uint64_t magic;
    int32_t pid;
    int32_t fd;
    uint64_t len;
};

static bool reserve(struct sim_window *window, size_t len)
{
    void *base = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return false;
    }
    *window = (struct sim_window){.base = base, .len = len};
    return true;
}

static void release(struct sim_window *window)
{
    if (window->base != NULL) {
        munmap(window->base, window->len);
    }
    *window = (struct sim_window){.base = NULL};
}

/* As much as the limits on address space allow. */
int sim_memory_open(struct shmi_npu *npu)
{
    for (size_t len = DEVICE_WINDOW; len >= WINDOW_MIN; len /= 2) {
        size_t host = shmi_min(HOST_WINDOW, len);
        if (reserve(&npu->device, len) && reserve(&npu->hidden, len) && reserve(&npu->host, host) &&
            reserve(&npu->stacks, npu->shared->n_cores * (size_t)SIM_STACK)) {
            return 0;
        }
        sim_memory_close(npu);
    }
    sim_log(npu, SHMI_ERROR, "no room for the addresses of the sim device: %m; see ulimit -v");
    return -ENOMEM;
}

void sim_memory_close(struct shmi_npu *npu)
{
    for (struct sim_region *region = npu->regions; region != NULL;) {
        struct sim_region *next = region->next;
        if (region->fd >= 0) {
            close(region->fd);
        }
        free(region);
        region = next;
    }
    npu->regions = NULL;
    release(&npu->device);
    release(&npu->hidden);
    release(&npu->host);
    release(&npu->stacks);
}

static bool is_in(const struct sim_window *window, const void *addr)
{
    return (uintptr_t)addr - (uintptr_t)window->base < window->len;
}

bool sim_owns(struct shmi_npu *npu, const void *addr)
{
    return is_in(&npu->device, addr);
}

void *sim_reach(const struct shmi_npu *npu, const void *addr)
{
    if (is_in(&npu->device, addr)) {
        return npu->hidden.base + ((const char *)addr - npu->device.base);
    }
    return (void *)addr;
}

const void *sim_missing(struct shmi_npu *npu, const void *addr)
{
    size_t offset = (size_t)((const char *)addr - npu->hidden.base);
    return is_in(&npu->hidden, addr) ? npu->device.base + offset : NULL;
}

bool sim_is_mapped(struct shmi_npu *npu, const void *addr)
{
    bool found = false;
    pthread_mutex_lock(&npu->lock);
    for (const struct sim_region *at = npu->regions; at != NULL && !found; at = at->next) {
        found = (uintptr_t)addr - (uintptr_t)at->addr < at->len;
    }
    pthread_mutex_unlock(&npu->lock);
    return found;
}

/* A place in the window for so many bytes, first fit; and a region for it in the list. */
static struct sim_region *place(struct shmi_npu *npu, struct sim_window *window, size_t len,
                                size_t align)
{
    struct sim_region **link = &npu->regions;
    uintptr_t at = shmi_round_up((uintptr_t)window->base, align);
    while (*link != NULL && (*link)->addr < window->base) {
        link = &(*link)->next;
    }
    while (*link != NULL && is_in(window, (*link)->addr) && at + len > (uintptr_t)(*link)->addr) {
        at = shmi_round_up((uintptr_t)((*link)->addr + (*link)->len), align);
        link = &(*link)->next;
    }
    size_t begin = at - (uintptr_t)window->base;
    if (begin > window->len || len > window->len - begin) {
        return NULL;
    }
    struct sim_region *region = malloc(sizeof(*region));
    if (region != NULL) {
        *region = (struct sim_region){(char *)at, len, -1, window, *link};
        *link = region;
    }
    return region;
}

static void drop(struct shmi_npu *npu, struct sim_region *region)
{
    struct sim_region **link = &npu->regions;
    while (*link != region) {
        link = &(*link)->next;
    }
    *link = region->next;
    free(region);
}

/* Where this process maps a region. */
static char *mine(const struct shmi_npu *npu, const struct sim_region *region)
{
    return sim_reach(npu, region->addr);
}

static void hide(char *addr, size_t len)
{
    mmap(addr, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

/* Map an object into both processes.  Under the lock. */
static int map_object(struct shmi_npu *npu, struct sim_window *window, int fd, size_t len,
                      size_t align, struct sim_region **result)
{
    size_t room = shmi_round_up(len, GRAIN);
    struct sim_region *region = place(npu, window, room, shmi_max(align, GRAIN));
    if (region == NULL) {
        return -ENOMEM;
    }
    int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED;
    int rc = 0;
    if (mmap(mine(npu, region), len, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED) {
        rc = -errno;
    } else {
        struct sim_command command = {SIM_MAP, region->addr, len};
        rc = sim_process_tell(npu, &command, fd);
    }
    if (rc != 0) {
        hide(mine(npu, region), len);
        drop(npu, region);
        return rc;
    }
    *result = region;
    return 0;
}

/* An object of this PE's, in a window. */
static int create(struct shmi_npu *npu, struct sim_window *window, size_t len, size_t align,
                  void **addr)
{
    struct sim_region *region = NULL;
    if (len == 0 || len > window->len) {
        return len == 0 ? -EINVAL : -ENOMEM;
    }
    len = shmi_round_up(len, 4096);
    int fd = memfd_create("npushmem-sim", MFD_CLOEXEC);
    int rc = fd < 0 || ftruncate(fd, (off_t)len) != 0 ? -errno : 0;
    if (rc == 0) {
        pthread_mutex_lock(&npu->lock);
        rc = map_object(npu, window, fd, len, align, &region);
        pthread_mutex_unlock(&npu->lock);
    }
    if (rc != 0) {
        errno = -rc;
        sim_log(npu, SHMI_ERROR, "the sim device cannot have %zu MiB: %m", len >> 20);
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    region->fd = fd;
    *addr = region->addr;
    return 0;
}

int sim_alloc(struct shmi_npu *npu, size_t len, size_t align, void **addr)
{
    return create(npu, &npu->device, len, align, addr);
}

int sim_alloc_host(struct shmi_npu *npu, size_t len, void **host, void **device)
{
    int rc = create(npu, &npu->host, len, 1, host);
    if (rc == 0) {
        *device = *host;
    }
    return rc;
}

/* For whatever was allocated or mapped. */
void sim_free(struct shmi_npu *npu, void *addr)
{
    pthread_mutex_lock(&npu->lock);
    struct sim_region *region = npu->regions;
    while (region != NULL && region->addr != addr) {
        region = region->next;
    }
    if (region == NULL) {
        sim_log(npu, SHMI_ERROR, "%p is not memory of the sim device", addr);
    } else {
        struct sim_command command = {SIM_UNMAP, region->addr, region->len};
        sim_process_tell(npu, &command, -1);
        hide(mine(npu, region), region->len);
        if (region->fd >= 0) {
            close(region->fd);
        }
        drop(npu, region);
    }
    pthread_mutex_unlock(&npu->lock);
}

int sim_share(struct shmi_npu *npu, void *addr, size_t len, struct shmi_share *how)
{
    int rc = -EINVAL;
    struct ticket ticket = {.magic = MAGIC, .pid = (int32_t)getpid(), .len = len};
    pthread_mutex_lock(&npu->lock);
    for (const struct sim_region *at = npu->regions; at != NULL; at = at->next) {
        if (at->addr == addr && len <= at->len && at->fd >= 0) {
            ticket.fd = at->fd;
            rc = 0;
        }
    }
    pthread_mutex_unlock(&npu->lock);
    memset(how, 0, sizeof(*how));
    memcpy(how->bytes, &ticket, sizeof(ticket));
    return rc;
}

/* There is one way. */
int sim_trial(struct shmi_npu *npu, unsigned way, void **addr, struct shmi_share *how)
{
    (void)npu;
    (void)way;
    (void)addr;
    (void)how;
    return -ENOTSUP;
}

void sim_prefer(struct shmi_npu *npu, const unsigned *ways, unsigned n)
{
    (void)npu;
    (void)ways;
    (void)n;
}

/* The user's processes may all look. */
int sim_admit(struct shmi_npu *npu, void *addr, const struct shmi_share *theirs)
{
    (void)npu;
    (void)addr;
    (void)theirs;
    return 0;
}

void sim_describe(struct shmi_npu *npu, const void *addr, char *text, size_t len)
{
    (void)npu;
    (void)addr;
    snprintf(text, len, "mapped");
}

int sim_map(struct shmi_npu *npu, const struct shmi_share *how, void **addr)
{
    struct ticket ticket;
    memcpy(&ticket, how->bytes, sizeof(ticket));
    if (!npu->peers || ticket.magic != MAGIC) {
        return -ENOTSUP;
    }
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", ticket.pid, ticket.fd);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        sim_log(npu, SHMI_ERROR, "cannot open the device memory of process %d through %s: %m",
                ticket.pid, path);
        return -error;
    }
    struct sim_region *region = NULL;
    pthread_mutex_lock(&npu->lock);
    int rc = map_object(npu, &npu->device, fd, ticket.len, 1, &region);
    pthread_mutex_unlock(&npu->lock);
    close(fd);
    if (rc == 0) {
        *addr = region->addr;
    }
    return rc;
}

void sim_nic(struct shmi_npu *npu, void *addr, size_t len, struct shmi_nic *how)
{
    (void)len;
    *how = (struct shmi_nic){.way = SHMI_NIC_NONE, .fd = -1};
    if (npu->adapters) {
        how->way = SHMI_NIC_ADDRESS;
        how->addr = sim_reach(npu, addr);
        how->host_loads = true;
    }
}

void sim_copy(struct shmi_npu *npu, void *dst, const void *src, size_t len)
{
    /* A word is stored once: a kernel that waits for it may change it at once. */
    if (len == sizeof(uint64_t)) {
        memcpy(sim_reach(npu, dst), sim_reach(npu, src), sizeof(uint64_t));
    } else if (len == sizeof(uint32_t)) {
        memcpy(sim_reach(npu, dst), sim_reach(npu, src), sizeof(uint32_t));
    } else if (len != 0 && dst != src) {
        memmove(sim_reach(npu, dst), sim_reach(npu, src), len);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool sim_amo(struct shmi_npu *npu, void *addr, const struct shmi_amo *amo)
{
    uint64_t old =
        shmi_amo_cpu(sim_reach(npu, addr), amo->op, amo->size, amo->value, amo->expected);
    if (amo->fetch != NULL) {
        shmi_bits_to(amo->fetch, old, amo->size);
    }
    return true;
}

void sim_settle(struct shmi_npu *npu)
{
    (void)npu;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
