/* SPDX-License-Identifier: BSD-3-Clause */
/* amo_emulate.h -- atomics through a network, also those that it does not have itself. */
#ifndef SHMI_AMO_EMULATE_H
#define SHMI_AMO_EMULATE_H

#include "transport/transport.h"

/* As the transport's amo, for every operation and size.  On an entered channel. */
void shmi_amo_by_network(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                         enum shmi_when when);

#endif
