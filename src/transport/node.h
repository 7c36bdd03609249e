/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * node.h -- memory that the processes of a node share.
 *
 * Each PE owns one memory object, anonymous, so that it vanishes with the last process that has it
 * mapped, however that process ends, and is not bound by the size of /dev/shm.  The owner maps it
 * first; neighbours open it through the owner's descriptor table in /proc.
 */
#ifndef SHMI_TRANSPORT_NODE_H
#define SHMI_TRANSPORT_NODE_H

#include <stddef.h>
#include <stdint.h>

/* What a neighbour needs to map the object; plain data that travels in a PE's blob. */
struct shmi_node_ticket {
    uint64_t host; /* shmi_topology_host(): equal for PEs that can share memory */
    int32_t pid;
    int32_t fd;
    uint64_t len;
};

/* Create this process's object of len bytes (sparse, zero) and map it at *base, so that base +
 * offset is a multiple of align, a power of two and at least a page.  0, or -errno after
 * logging.  The descriptor stays open until shmi_node_seal. */
int shmi_node_create(size_t len, size_t offset, size_t align, struct shmi_node_ticket *ticket,
                     char **base);

/* Copy this process's bytes [addr, addr + len), page aligned, into its own object at offset; and
 * lay the object over them, so that the mapping takes the place of the old one.  0, or -errno after
 * logging. */
int shmi_node_save(const struct shmi_node_ticket *ticket, const void *addr, size_t len,
                   size_t offset);
int shmi_node_overlay(const struct shmi_node_ticket *ticket, void *addr, size_t len, size_t offset);

/* Map a neighbour's object.  0, or -errno after logging what hinders it. */
int shmi_node_map(const struct shmi_node_ticket *ticket, char **base);
void shmi_node_unmap(const struct shmi_node_ticket *ticket, char *base);

/* Close the descriptor of this process's object, once all neighbours have mapped it. */
void shmi_node_seal(struct shmi_node_ticket *ticket);

#endif
