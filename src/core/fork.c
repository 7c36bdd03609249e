/* SPDX-License-Identifier: BSD-3-Clause */
/* fork.c -- what a child process of a PE finds. */
#include "core/fork.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/pages.h"
#include "core/segment.h"
#include "core/setup.h"
#include "core/team.h"

static struct {
    char *base;
    size_t len;
    int fd; /* -1: no holes are known, all is copied */
    size_t offset;
    char *copy; /* between the moments before and after a fork */
    bool registered;
    bool in_child;
} guarded = {.fd = -1};

/* Holes of the object have never been touched; reading them would fill them. */
static void copy_pages(void)
{
    off_t at = (off_t)guarded.offset;
    off_t end = at + (off_t)guarded.len;
    while (guarded.fd >= 0 && at < end) {
        off_t from = lseek(guarded.fd, at, SEEK_DATA);
        off_t to = from < 0 ? -1 : lseek(guarded.fd, from, SEEK_HOLE);
        if (from < 0 || from >= end || to < 0) {
            return;
        }
        to = to < end ? to : end;
        size_t skip = (size_t)from - guarded.offset;
        shmi_pages_copy(guarded.copy + skip, guarded.base + skip, (size_t)(to - from));
        at = to;
    }
    if (guarded.fd < 0) {
        shmi_pages_copy(guarded.copy, guarded.base, guarded.len);
    }
}

static void before_fork(void)
{
    if (guarded.base == NULL) {
        return;
    }
    guarded.copy = mmap(NULL, guarded.len, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (guarded.copy == MAP_FAILED) {
        guarded.copy = NULL;
        shmi_warn("no memory to give a forked process its own static variables: %m");
        return;
    }
    copy_pages();
}

static void in_parent(void)
{
    if (guarded.copy != NULL) {
        munmap(guarded.copy, guarded.len);
        guarded.copy = NULL;
    }
}

static void in_child(void)
{
    /* Where this library is linked statically, this very state is among the variables that are
     * exchanged: so what is needed is taken out first. */
    char *copy = guarded.copy;
    char *base = guarded.base;
    size_t len = guarded.len;
    if (copy != NULL) {
        mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, base);
    }
    guarded.copy = NULL;
    guarded.base = NULL;
    guarded.in_child = true;
    if (shmi_stage != SHMI_RUNNING) {
        return;
    }
    shmi_stage = SHMI_IN_CHILD;
    shmi_team_world = NULL;
    shmi_team_shared = NULL;
    for (int i = 0; i < SHMI_SEGMENTS; i++) {
        shmi_segments[i].len = 0;
        shmi_segments[i].open = 0;
    }
}

void shmi_fork_protect(char *base, size_t len, int fd, size_t offset)
{
    guarded.base = base;
    guarded.len = len;
    guarded.fd = fd;
    guarded.offset = offset;
    if (!guarded.registered) {
        guarded.registered = pthread_atfork(before_fork, in_parent, in_child) == 0;
    }
}

void shmi_fork_forget(void)
{
    guarded.fd = -1;
}

void shmi_fork_leave(void)
{
    guarded.in_child = true;
    shmi_stage = SHMI_ON_DEVICE;
    shmi_log_set_abort(_exit);
}

bool shmi_fork_is_child(void)
{
    return guarded.in_child;
}
