/* SPDX-License-Identifier: BSD-3-Clause */
/* network.h -- the network of a job: chosen once, by all PEs together. */
#ifndef SHMI_NETWORK_H
#define SHMI_NETWORK_H

/* After the windows are built: where some memory of some PE is not mapped here (or SHMEM_TRANSPORT
 * asks by name), open the first network that every PE has, exchange addresses and keys, connect.
 * 0, or -errno after logging what was tried and why not.  All PEs come to the same end. */
int shmi_network_open(void);
void shmi_network_close(void);

/* What modules may ask of the library. */
extern const struct shmi_services shmi_services;

#endif
