/* SPDX-License-Identifier: BSD-3-Clause */
/* network.h -- the network of a job: chosen once, by all PEs together. */
#ifndef SHMI_NETWORK_H
#define SHMI_NETWORK_H

#include <stdbool.h>

/* After the windows are built: where some memory of some PE is not mapped here (or SHMEM_TRANSPORT
 * asks by name), open the first network that every PE has, exchange addresses and keys, connect.
 * 0, or -errno after logging what was tried and why not.  All PEs come to the same end. */
int shmi_network_open(void);
void shmi_network_close(void);

/* Do loads and stores reach some memory of a PE whose other memory, or whose atomics, take the
 * network?  Then the network cannot put the two in order, and a fence has to complete. */
bool shmi_network_is_mixed_with(int pe);

/* What modules may ask of the library. */
extern const struct shmi_services shmi_services;

#endif
