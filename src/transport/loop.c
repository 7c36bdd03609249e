/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.c -- the smallest transport: a network whose only host is this PE.
 *
 * It is what to copy for a new one, and the oracle of the transports' tests: every operation here
 * is done, completely and in order, when the call returns.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/util.h"
#include "transport/transport.h"

struct shmi_net {
    int my_pe;
};

struct shmi_channel {
    struct shmi_net *net;
};

static int loop_open(struct shmi_net **net, const struct shmi_services *services, int my_pe,
                     int n_pes, struct shmi_net_facts *facts)
{
    (void)services;
    if (n_pes != 1) {
        snprintf(facts->what, sizeof(facts->what), "reaches this PE alone, and there are %d",
                 n_pes);
        return -ENODEV;
    }
    struct shmi_net *mine = malloc(sizeof(*mine));
    if (mine == NULL) {
        return -ENOMEM;
    }
    mine->my_pe = my_pe;
    facts->native4 = ~0u;
    facts->native8 = ~0u;
    facts->coherent = true;
    snprintf(facts->what, sizeof(facts->what), "this PE itself");
    *net = mine;
    return 0;
}

static int loop_address(struct shmi_net *net, struct shmi_blob *mine)
{
    (void)net;
    mine->bytes = NULL;
    mine->len = 0;
    return 0;
}

static int loop_connect(struct shmi_net *net, int pe, const struct shmi_blob *theirs)
{
    (void)theirs;
    return pe == net->my_pe ? 0 : -EHOSTUNREACH;
}

static void loop_close(struct shmi_net *net)
{
    free(net);
}

static int loop_expose(struct shmi_net *net, const struct shmi_memory *mem, uint64_t *key)
{
    (void)net;
    if (mem->device != NULL) {
        return -ENOTSUP;
    }
    *key = 0;
    return 0;
}

static void loop_withdraw(struct shmi_net *net, const struct shmi_memory *mem, uint64_t key)
{
    (void)net;
    (void)mem;
    (void)key;
}

static int loop_channel_open(struct shmi_net *net, struct shmi_channel **ch)
{
    *ch = malloc(sizeof(**ch));
    if (*ch == NULL) {
        return -ENOMEM;
    }
    (*ch)->net = net;
    return 0;
}

static void loop_channel_close(struct shmi_channel *ch)
{
    free(ch);
}

static void loop_put(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                     enum shmi_when when)
{
    (void)ch;
    (void)when;
    memmove((void *)(uintptr_t)to.addr, src, len);
}

static void loop_get(struct shmi_channel *ch, void *dst, struct shmi_remote from, size_t len,
                     enum shmi_when when)
{
    (void)ch;
    (void)when;
    memmove(dst, (const void *)(uintptr_t)from.addr, len);
}

static void loop_amo(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                     enum shmi_when when)
{
    (void)ch;
    (void)when;
    uint64_t old =
        shmi_amo_cpu((void *)(uintptr_t)at.addr, amo->op, amo->size, amo->value, amo->expected);
    if (amo->fetch != NULL) {
        shmi_bits_to(amo->fetch, old, amo->size);
    }
}

static void loop_put_signal(struct shmi_channel *ch, struct shmi_remote to, const void *src,
                            size_t len, struct shmi_remote sig, const struct shmi_amo *amo,
                            enum shmi_when when)
{
    loop_put(ch, to, src, len, when);
    loop_amo(ch, sig, amo, when);
}

static void loop_complete(struct shmi_channel *ch)
{
    (void)ch;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void loop_progress(struct shmi_net *net, uint64_t ns)
{
    (void)net;
    if (ns != 0) {
        struct timespec time = {.tv_nsec = (long)shmi_min(ns, 999999999)};
        nanosleep(&time, NULL);
    }
}

const struct shmi_transport shmi_transport_loop = {
    .abi = SHMI_TRANSPORT_ABI,
    .name = "loop",
    .open = loop_open,
    .address = loop_address,
    .connect = loop_connect,
    .close = loop_close,
    .expose = loop_expose,
    .withdraw = loop_withdraw,
    .channel_open = loop_channel_open,
    .channel_close = loop_channel_close,
    .put = loop_put,
    .get = loop_get,
    .amo = loop_amo,
    .put_signal = loop_put_signal,
    .fence = loop_complete,
    .quiet = loop_complete,
    .progress = loop_progress,
};
