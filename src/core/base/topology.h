/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * topology.h -- the machine under this process.
 *
 * What every start needs is read from the kernel directly, in microseconds.  hwloc, whose discovery
 * costs tens of milliseconds, is asked only by those who want a picture of the machine.
 */
#ifndef SHMI_BASE_TOPOLOGY_H
#define SHMI_BASE_TOPOLOGY_H

#include <stddef.h>
#include <stdint.h>

/* CPUs this process may really use, at least 1: the affinity mask, cut by the cgroup's quota. */
int shmi_topology_cpus(void);

/* Bytes of memory this process may hope for, and the name of what sets the limit: "MemTotal +
 * SwapTotal", "cgroup memory.max", "RLIMIT_AS". */
size_t shmi_topology_memory(const char **limit);

/* A number that is equal for two processes that can share memory: made of boot id, host name, user,
 * process and network namespaces (process numbers, abstract sockets) and the file system behind
 * /dev/shm.  Mount and user namespaces do not count: runtimes of containers give every PE its own,
 * and memory is shared across them all the same; reading another's memory through /proc or
 * process_vm_readv may be forbidden, though. */
uint64_t shmi_topology_host(void);

/* A directory that takes the place of / where files are read, for tests; "" otherwise. */
extern const char *shmi_topology_root;

/* Give the calling thread, which serves the others of its process, a core.  number >= 0: that one,
 * as the kernel numbers them.  -1: the last of the process's, where it has been given a part of the
 * machine with two cores or more; else the thread stays where the kernel puts it. */
void shmi_topology_bind_helper(long number);

/* One line for people, by hwloc: "2 cores, 1 NUMA node, 32 MiB L3".  0 or -errno,
 * without a message. */
int shmi_topology_describe(char *text, size_t len);

#endif
