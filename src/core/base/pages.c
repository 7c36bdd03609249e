/* SPDX-License-Identifier: BSD-3-Clause */
/* pages.c -- the program's pages as they are, whatever its variables are. */
#include "core/base/pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Volatile, or the compiler makes calls of memcmp and memcpy out of these loops. */
__attribute__((no_sanitize("address"))) bool shmi_pages_are_zero(const void *addr, size_t len)
{
    const volatile uint64_t *word = addr;
    for (size_t i = 0; i < len / sizeof(*word); i++) {
        if (word[i] != 0) {
            return false;
        }
    }
    return true;
}

__attribute__((no_sanitize("address"))) void shmi_pages_copy(void *dst, const void *src, size_t len)
{
    volatile uint64_t *to = dst;
    const volatile uint64_t *from = src;
    for (size_t i = 0; i < len / sizeof(*to); i++) {
        to[i] = from[i];
    }
}

/* Past the C library, whose pwrite is the sanitizer's. */
int shmi_pages_write(int fd, const void *addr, size_t len, off_t at)
{
    const char *next = addr;
    while (len > 0) {
        long done = syscall(SYS_pwrite64, fd, next, len, at);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return done == 0 ? -ENOSPC : -errno;
        }
        next += done;
        len -= (size_t)done;
        at += done;
    }
    return 0;
}
