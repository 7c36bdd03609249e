/* SPDX-License-Identifier: BSD-3-Clause */
/* other_abi.c -- a network module made for the next version of the library. */
#include "transport/transport.h"

extern const struct shmi_transport shmi_transport_ofi;

const struct shmi_transport shmi_transport_ofi __attribute__((visibility("default"))) = {
    .abi = SHMI_TRANSPORT_ABI + 1,
    .name = "ofi",
};
