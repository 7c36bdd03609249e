/* SPDX-License-Identifier: BSD-3-Clause */
/* node.c -- memory that the processes of a node share. */
#include "transport/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/pages.h"
#include "core/base/util.h"

/* Heaps begin at this alignment, so that the kernel can back them with huge pages. */
#define HUGE_PAGE (2u << 20)

/* An object without a name.  Where the kernel has no memfd, a file in /dev/shm that is unlinked at
 * once: neighbours come through /proc either way. */
static int open_object(size_t len)
{
    int fd = memfd_create("npushmem", MFD_CLOEXEC);
    if (fd >= 0) {
        return fd;
    }
    char name[64];
    snprintf(name, sizeof(name), "/npushmem-%ld", (long)getpid());
    fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -1;
    }
    shm_unlink(name);
    /* A full file system is an error here and not a bus error at a first touch later. */
    int error = posix_fallocate(fd, 0, (off_t)len);
    if (error != 0) {
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Map an object where its byte at offset lies at a multiple of align, a power of two. */
static char *map_aligned(int fd, size_t len, size_t offset, size_t align)
{
    char *room =
        mmap(NULL, len + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return NULL;
    }
    char *base = (char *)shmi_round_up((uintptr_t)room + offset, align) - offset;
    char *end = (char *)shmi_round_up((uintptr_t)base + len, 4096);
    char *room_end = (char *)shmi_round_up((uintptr_t)room + len + align, 4096);
    if (base > room) {
        munmap(room, (size_t)(base - room));
    }
    if (room_end > end) {
        munmap(end, (size_t)(room_end - end));
    }
    int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED;
    if (mmap(base, len, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED) {
        int error = errno;
        munmap(base, len);
        errno = error;
        return NULL;
    }
    return base;
}

int shmi_node_create(size_t len, size_t offset, size_t align, struct shmi_node_ticket *ticket,
                     char **base)
{
    int fd = open_object(len);
    if (fd < 0 || ftruncate(fd, (off_t)len) != 0) {
        int error = errno;
        shmi_error("cannot get %zu MiB of shared memory for the symmetric heap: %m; a smaller "
                   "SHMEM_SYMMETRIC_SIZE may help",
                   len >> 20);
        if (fd >= 0) {
            close(fd);
        }
        return -error;
    }
    char *map = map_aligned(fd, len, offset, align);
    if (map == NULL) {
        int error = errno;
        shmi_error("cannot map %zu MiB of symmetric memory: %m; see ulimit -v and "
                   "SHMEM_SYMMETRIC_SIZE",
                   len >> 20);
        close(fd);
        return -error;
    }
    madvise(map, len, MADV_HUGEPAGE); /* a wish; the kernel may be configured not to */
    ticket->pid = (int32_t)getpid();
    ticket->fd = fd;
    ticket->len = len;
    *base = map;
    return 0;
}

static int refuse(int rc, size_t len)
{
    errno = -rc;
    shmi_error("cannot share the program's %zu KiB of static variables: %m; "
               "SHMEM_STATIC_SHARING=no leaves them private",
               len >> 10);
    return rc;
}

/* Only the pages that hold something; those of an untouched .bss stay holes. */
int shmi_node_save(const struct shmi_node_ticket *ticket, const void *addr, size_t len,
                   size_t offset)
{
    enum { PAGE = 4096 };
    for (size_t at = 0; at < len; at += PAGE) {
        const char *page = (const char *)addr + at;
        size_t part = shmi_min(PAGE, len - at);
        int rc = shmi_pages_are_zero(page, part)
                     ? 0
                     : shmi_pages_write(ticket->fd, page, part, (off_t)(offset + at));
        if (rc != 0) {
            return refuse(rc, len);
        }
    }
    return 0;
}

int shmi_node_overlay(const struct shmi_node_ticket *ticket, void *addr, size_t len, size_t offset)
{
    void *map =
        mmap(addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ticket->fd, (off_t)offset);
    return map == MAP_FAILED ? refuse(-errno, len) : 0;
}

int shmi_node_map(const struct shmi_node_ticket *ticket, char **base)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", ticket->pid, ticket->fd);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        shmi_error("cannot open the memory of process %d through %s: %m; do the PEs run as one "
                   "user, with /proc mounted?",
                   ticket->pid, path);
        return -error;
    }
    char *map = map_aligned(fd, ticket->len, 0, HUGE_PAGE);
    int error = errno;
    close(fd);
    if (map == NULL) {
        errno = error;
        shmi_error("cannot map %zu MiB of process %d: %m; see ulimit -v", (size_t)ticket->len >> 20,
                   ticket->pid);
        return -error;
    }
    madvise(map, ticket->len, MADV_HUGEPAGE);
    *base = map;
    return 0;
}

void shmi_node_unmap(const struct shmi_node_ticket *ticket, char *base)
{
    munmap(base, ticket->len);
}

void shmi_node_seal(struct shmi_node_ticket *ticket)
{
    if (ticket->fd >= 0) {
        close(ticket->fd);
        ticket->fd = -1;
    }
}
