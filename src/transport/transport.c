/* SPDX-License-Identifier: BSD-3-Clause */
/* transport.c -- the list of networks, and how one is found and opened. */
#include "transport/transport.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/util.h"

extern const struct shmi_transport shmi_transport_loop;

/* In order of preference.  The first two are modules: shared objects beside the library. */
const char *const shmi_transport_names[] = {"verbs", "ofi", "loop", NULL};

struct shmi_network shmi_network;

/* Modules are looked for where this very library was loaded from, so that an installation can be
 * moved, and a build tree used; else where it was configured to be installed. */
static void module_path(const char *name, char *path, size_t len)
{
    Dl_info self;
    if (dladdr(&shmi_transport_loop, &self) != 0 && self.dli_fname != NULL) {
        const char *slash = strrchr(self.dli_fname, '/');
        if (slash != NULL) {
            snprintf(path, len, "%.*s/npushmem/%s.so", (int)(slash - self.dli_fname),
                     self.dli_fname, name);
            if (access(path, R_OK) == 0) {
                return;
            }
        }
    }
    snprintf(path, len, "%s/npushmem/%s.so", SHMI_LIBDIR, name);
}

static int load_module(struct shmi_network *network, const char *name)
{
    char path[4096];
    char symbol[64];
    module_path(name, path, sizeof(path));
    network->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (network->handle == NULL) {
        snprintf(network->facts.what, sizeof(network->facts.what), "%s", dlerror());
        return -ENOENT;
    }
    snprintf(symbol, sizeof(symbol), "shmi_transport_%s", name);
    network->transport = dlsym(network->handle, symbol);
    if (network->transport == NULL || network->transport->abi != SHMI_TRANSPORT_ABI) {
        snprintf(network->facts.what, sizeof(network->facts.what),
                 "%s.so is of another version of npushmem (ABI %u, wanted %u)", name,
                 network->transport == NULL ? 0 : network->transport->abi, SHMI_TRANSPORT_ABI);
        dlclose(network->handle);
        network->handle = NULL;
        return -ENOEXEC;
    }
    return 0;
}

int shmi_transport_open(struct shmi_network *network, const char *name,
                        const struct shmi_services *services, int my_pe, int n_pes)
{
    *network = (struct shmi_network){.transport = &shmi_transport_loop};
    if (strcmp(name, "loop") != 0) {
        int rc = load_module(network, name);
        if (rc != 0) {
            return rc;
        }
    }
    int rc = network->transport->open(&network->net, services, my_pe, n_pes, &network->facts);
    if (rc != 0 && network->handle != NULL) {
        dlclose(network->handle);
        network->handle = NULL;
    }
    return rc;
}

void shmi_transport_close(struct shmi_network *network)
{
    if (network->net != NULL) {
        network->transport->close(network->net);
    }
    if (network->handle != NULL) {
        dlclose(network->handle);
    }
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
