/* SPDX-License-Identifier: BSD-3-Clause */
/* ofi_memory.c -- memory and libfabric: what peers may reach, and local buffers. */
#include <errno.h>
#include <string.h>

#include "transport/ofi.h"

/* All access: a buffer may be a source and a destination. */
#define ALL_ACCESS (FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE)

int shmi_ofi_register(struct shmi_net *net, struct fid_ep *ep, const void *base, size_t len,
                      struct fid_mr **mr)
{
    pthread_mutex_lock(&net->regions_lock);
    uint64_t key = net->next_key++; /* a wish; some providers choose themselves */
    pthread_mutex_unlock(&net->regions_lock);
    int rc = fi_mr_reg(net->domain, base, len, ALL_ACCESS, 0, key, 0, mr, NULL);
    if (rc != 0 || !net->endpoint_mr) {
        return rc;
    }
    rc = fi_mr_bind(*mr, &ep->fid, 0);
    if (rc == 0) {
        rc = fi_mr_enable(*mr);
    }
    if (rc != 0) {
        fi_close(&(*mr)->fid);
    }
    return rc;
}

static int take_region(struct shmi_net *net)
{
    int found = -1;
    pthread_mutex_lock(&net->regions_lock);
    for (int i = 0; i < OFI_REGIONS && found < 0; i++) {
        if (net->regions[i].mr == NULL && net->regions[i].len == 0) {
            net->regions[i].len = 1; /* taken */
            found = i;
        }
    }
    pthread_mutex_unlock(&net->regions_lock);
    return found;
}

int shmi_ofi_expose(struct shmi_net *net, const struct shmi_memory *mem, uint64_t *key)
{
    if (mem->device != NULL) {
        return -ENOTSUP;
    }
    if (net->by_offset && net->is_closed_to_regions) {
        ofi_debug(net,
                  "%s counts addresses from the start of a region, and the peers have been told of "
                  "all regions already",
                  net->info->fabric_attr->prov_name);
        return -ENOTSUP;
    }
    int i = take_region(net);
    if (i < 0) {
        ofi_log(net, SHMI_ERROR, "more than %d memory regions are exposed at one time",
                OFI_REGIONS);
        return -ENOSPC;
    }
    struct region *region = &net->regions[i];
    struct fid_mr *mr;
    int rc = shmi_ofi_register(net, net->ep, mem->base, mem->len, &mr);
    if (rc != 0) {
        ofi_log(net, SHMI_ERROR, "%s cannot register %zu MiB at %p: %s; see ulimit -l",
                net->info->fabric_attr->prov_name, mem->len >> 20, mem->base, fi_strerror(-rc));
        region->len = 0;
        return rc;
    }
    region->base = mem->base;
    region->mr = mr;
    region->len = mem->len;
    *key = net->by_offset ? (uint64_t)i : fi_mr_key(mr);
    return 0;
}

void shmi_ofi_withdraw(struct shmi_net *net, const struct shmi_memory *mem, uint64_t key)
{
    (void)key;
    pthread_mutex_lock(&net->regions_lock);
    for (int i = 0; i < OFI_REGIONS; i++) {
        struct region *region = &net->regions[i];
        if (region->mr != NULL && region->base == mem->base && region->len == mem->len) {
            fi_close(&region->mr->fid);
            *region = (struct region){.mr = NULL};
            break;
        }
    }
    pthread_mutex_unlock(&net->regions_lock);
}

/* The registration that a local buffer has anyway, or NULL.  Where registrations belong to an
 * endpoint, that is the target's, and not every channel's. */
static void *exposed_desc(struct shmi_net *net, const char *base, size_t len)
{
    for (int i = 0; i < OFI_REGIONS && !net->endpoint_mr; i++) {
        const struct region *region = &net->regions[i];
        if (region->mr != NULL && base >= region->base &&
            base + len <= region->base + region->len) {
            return fi_mr_desc(region->mr);
        }
    }
    return NULL;
}

void *shmi_ofi_describe(struct shmi_channel *ch, struct op *op, const void *base, size_t len)
{
    struct shmi_net *net = ch->net;
    if (!net->local_mr) {
        return NULL;
    }
    const char *own = (const char *)ch->ops;
    const char *at = base;
    if (at >= own && at < own + OFI_OPS * sizeof(struct op)) {
        return fi_mr_desc(ch->mr);
    }
    void *desc = exposed_desc(net, base, len);
    if (desc != NULL) {
        return desc;
    }
    int rc = shmi_ofi_register(net, ch->ep, base, len, &op->mr);
    if (rc != 0) {
        op->mr = NULL;
        shmi_ofi_op_failed(ch, op, fi_strerror(-rc));
    }
    return fi_mr_desc(op->mr);
}

struct region_offer shmi_ofi_remote(struct shmi_net *net, struct shmi_remote remote)
{
    if (!net->by_offset) {
        return (struct region_offer){.base = remote.addr, .key = remote.key};
    }
    const struct region_offer *region = &net->peers[remote.pe].regions[remote.key];
    return (struct region_offer){.base = remote.addr - region->base, .key = region->key};
}
