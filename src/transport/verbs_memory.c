/* SPDX-License-Identifier: BSD-3-Clause */
/* verbs_memory.c -- memory and adapters: what peers may reach, and local buffers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport/verbs.h"

#define ALL_ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)

static struct ibv_mr *register_memory(struct shmi_net *net, const struct shmi_memory *mem)
{
    int access = ALL_ACCESS;
    if (net->hello.atomics == VERBS_BY_DEVICE) {
        access |= IBV_ACCESS_REMOTE_ATOMIC;
    }
    if (mem->dmabuf >= 0) {
        return ibv_reg_dmabuf_mr(net->pd, mem->offset, mem->len, (uint64_t)(uintptr_t)mem->base,
                                 mem->dmabuf, access);
    }
    return ibv_reg_mr(net->pd, mem->base, mem->len, access);
}

/* With regions_lock held: a place for one more, or NULL. */
static struct region *free_region(struct shmi_net *net)
{
    for (int i = 0; i < VERBS_REGIONS; i++) {
        if (net->regions[i].mr == NULL) {
            return &net->regions[i];
        }
    }
    return NULL;
}

int shmi_verbs_expose(struct shmi_net *net, const struct shmi_memory *mem, uint64_t *key)
{
    struct ibv_mr *mr = register_memory(net, mem);
    if (mr == NULL && mem->device != NULL) { /* the core goes through host memory then */
        verbs_debug(net, "%s cannot register memory of %s: %m", net->name, mem->device);
        return -ENOTSUP;
    }
    if (mr == NULL) {
        int rc = -errno;
        verbs_log(net, SHMI_ERROR,
                  "%s cannot register %zu MiB at %p: %m; all of it stays in memory: see ulimit -l, "
                  "and SHMEM_SYMMETRIC_SIZE for a smaller heap",
                  net->name, mem->len >> 20, mem->base);
        return rc;
    }
    pthread_mutex_lock(&net->regions_lock);
    struct region *region = free_region(net);
    if (region != NULL) {
        region->base = mem->base;
        region->len = mem->len;
        __atomic_store_n(&region->mr, mr, __ATOMIC_RELEASE); /* pairs with region_of */
        int n = (int)(region - net->regions) + 1;
        net->n_regions = n > net->n_regions ? n : net->n_regions;
    }
    pthread_mutex_unlock(&net->regions_lock);
    if (region == NULL) {
        ibv_dereg_mr(mr);
        verbs_log(net, SHMI_ERROR, "more than %d memory regions are exposed at one time",
                  VERBS_REGIONS);
        return -ENOSPC;
    }
    *key = mr->rkey;
    return 0;
}

void shmi_verbs_withdraw(struct shmi_net *net, const struct shmi_memory *mem, uint64_t key)
{
    pthread_mutex_lock(&net->regions_lock);
    for (int i = 0; i < net->n_regions; i++) {
        struct region *region = &net->regions[i];
        if (region->mr != NULL && region->base == mem->base && region->mr->rkey == key) {
            ibv_dereg_mr(region->mr);
            __atomic_store_n(&region->mr, NULL, __ATOMIC_RELEASE);
            break;
        }
    }
    pthread_mutex_unlock(&net->regions_lock);
}

const struct ibv_mr *shmi_verbs_region_of(struct shmi_net *net, const void *base, size_t len)
{
    for (int i = 0; i < net->n_regions; i++) {
        const struct region *region = &net->regions[i];
        const struct ibv_mr *mr = __atomic_load_n(&region->mr, __ATOMIC_ACQUIRE);
        size_t offset = (uintptr_t)base - (uintptr_t)region->base;
        if (mr != NULL && offset < region->len && len <= region->len - offset) {
            return mr;
        }
    }
    return NULL;
}

/* Many channels never have a private buffer of more than a few bytes. */
static void make_bounces(struct shmi_channel *ch)
{
    const size_t len = (size_t)VERBS_BOUNCES * VERBS_BOUNCE;
    ch->bounce = aligned_alloc(4096, len);
    if (ch->bounce != NULL) {
        ch->bounce_mr = ibv_reg_mr(ch->net->pd, ch->bounce, len, IBV_ACCESS_LOCAL_WRITE);
    }
    if (ch->bounce_mr == NULL) {
        verbs_fatal(ch->net, "%s cannot register %zu KiB for copies: %m; see ulimit -l",
                    ch->net->name, len >> 10);
    }
    for (int i = 0; i < VERBS_BOUNCES; i++) {
        ch->free_bounces[ch->n_free_bounces++] = i;
    }
}

int shmi_verbs_bounce_take(struct shmi_channel *ch)
{
    struct patience patience = {.rounds = 0};
    if (ch->bounce == NULL) {
        make_bounces(ch);
    }
    while (ch->n_free_bounces == 0) {
        shmi_verbs_flush(ch);
        shmi_verbs_linger(ch, &patience, NULL, "room for copies");
    }
    return ch->free_bounces[--ch->n_free_bounces];
}

char *shmi_verbs_bounce_at(struct shmi_channel *ch, int i)
{
    return ch->bounce + (size_t)i * VERBS_BOUNCE;
}
