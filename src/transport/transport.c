/* SPDX-License-Identifier: BSD-3-Clause */
/* transport.c -- the list of networks, and how one is found and opened. */
#include "transport/transport.h"

#include <stdio.h>
#include <string.h>

extern const struct shmi_transport shmi_transport_cma;
extern const struct shmi_transport shmi_transport_loop;

/* In order of preference.  The first two are modules: shared objects beside the library. */
const char *const shmi_transport_names[] = {"verbs", "ofi", "cma", "loop", NULL};

struct shmi_network shmi_network;

static int load_module(struct shmi_network *network, const char *name)
{
    struct shmi_module_error error = {.what = ""};
    const void *table = NULL;
    int rc =
        shmi_module_load("transport", name, SHMI_TRANSPORT_ABI, &network->handle, &table, &error);
    if (rc != 0) {
        snprintf(network->facts.what, sizeof(network->facts.what), "%s", error.what);
    } else {
        network->transport = table;
    }
    return rc;
}

int shmi_transport_open(struct shmi_network *network, const char *name,
                        const struct shmi_services *services, int my_pe, int n_pes)
{
    bool is_cma = strcmp(name, "cma") == 0;
    *network =
        (struct shmi_network){.transport = is_cma ? &shmi_transport_cma : &shmi_transport_loop};
    if (!is_cma && strcmp(name, "loop") != 0) {
        int rc = load_module(network, name);
        if (rc != 0) {
            return rc;
        }
    }
    int rc = network->transport->open(&network->net, services, my_pe, n_pes, &network->facts);
    if (rc != 0) {
        shmi_module_unload(network->handle);
        network->handle = NULL;
    }
    return rc;
}

void shmi_transport_close(struct shmi_network *network)
{
    if (network->net != NULL) {
        network->transport->close(network->net);
    }
    shmi_module_unload(network->handle);
    *network = (struct shmi_network){.net = NULL};
}

void shmi_plain_put_signal(const struct shmi_transport *transport, struct shmi_channel *ch,
                           struct shmi_remote to, const void *src, size_t len,
                           struct shmi_remote sig, const struct shmi_amo *amo, enum shmi_when when)
{
    transport->put(ch, to, src, len, when);
    transport->fence(ch);
    transport->amo(ch, sig, amo, when);
}
