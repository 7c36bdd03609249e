/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fork.h -- what a child process of a PE finds.
 *
 * Static variables are shared memory, and a child would write to its parent's.  It gets a private
 * copy of them instead, as of the moment of the fork; and it is not a PE: routines of OpenSHMEM end
 * it with a clear error.  The symmetric heap stays the parent's, for reading results.
 */
#ifndef SHMI_FORK_H
#define SHMI_FORK_H

#include <stdbool.h>
#include <stddef.h>

/* These static variables are a mapping of the object fd at this offset. */
void shmi_fork_protect(char *base, size_t len, int fd, size_t offset);

/* The object is about to be closed; the variables stay where they are. */
void shmi_fork_forget(void);

/* In a process that a module has forked for itself: it is no PE, and what fails in it ends it and
 * not the job. */
void shmi_fork_leave(void);

/* Is this process a child of the PE it was forked from? */
bool shmi_fork_is_child(void);

#endif
