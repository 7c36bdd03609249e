/* SPDX-License-Identifier: BSD-3-Clause */
/* verbs_net.c -- the libibverbs module: open, connect, close, and the table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport/verbs.h"

/* No single transfer is longer: each must be done well within the network's time-out. */
#define PIECE ((size_t)64 << 20)

const char *shmi_verbs_config(struct shmi_net *net, const char *name, char *buffer, size_t len)
{
    const char *text = net->services->config(name, buffer, len);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* The adapter tries eight times, and waits 4.096 us * 2^n each time.  In all that is to be a little
 * less than the time-out. */
static uint8_t ack_timeout_of(long seconds)
{
    double each = (double)(seconds == 0 ? 600 : seconds) / 8;
    uint8_t n = 1;
    while (n < 24 && 4.096e-6 * (double)(2u << n) <= each) {
        n++;
    }
    return n;
}

static void learn(struct shmi_net *net, struct shmi_net_facts *facts)
{
    char text[32];
    const char *timeout = shmi_verbs_config(net, "net_timeout", text, sizeof(text));
    net->timeout = timeout == NULL ? 30 : strtol(timeout, NULL, 10);
    net->ack_timeout = ack_timeout_of(net->timeout);
    net->inline_len = VERBS_INLINE;
    net->piece_len = shmi_min(PIECE, net->port_attr.max_msg_sz);
    net->depth = (int)shmi_min(VERBS_DEPTH, (size_t)net->attr.max_qp_wr);
    net->signal_every = (int)shmi_min(VERBS_SIGNAL, (size_t)net->depth / 4);
    facts->native4 = ~0u;
    facts->native8 = ~0u;
    facts->coherent = net->attr.atomic_cap != IBV_ATOMIC_HCA;
    facts->coherent4 = true; /* the owner's CPU does them */
    if (net->hello.atomics == VERBS_BY_DEVICE) {
        facts->native8 = 1u << SHMI_AMO_FETCH | 1u << SHMI_AMO_CSWAP | 1u << SHMI_AMO_ADD;
    }
    snprintf(facts->what, sizeof(facts->what), "%s", net->name);
}

static void verbs_close(struct shmi_net *net)
{
    shmi_verbs_thread_stop(net);
    shmi_verbs_channels_drop(net);
    shmi_verbs_target_close(net);
    for (int i = 0; i < net->n_regions; i++) {
        if (net->regions[i].mr != NULL) {
            ibv_dereg_mr(net->regions[i].mr);
        }
    }
    if (net->pd != NULL) {
        ibv_dealloc_pd(net->pd);
    }
    if (net->device != NULL) {
        ibv_close_device(net->device);
    }
    free(net->peers);
    pthread_mutex_destroy(&net->regions_lock);
    pthread_mutex_destroy(&net->serving);
    pthread_mutex_destroy(&net->posting);
    pthread_mutex_destroy(&net->list);
    free(net);
}

static struct shmi_net *new_net(const struct shmi_services *services, int my_pe, int n_pes)
{
    struct shmi_net *net = calloc(1, sizeof(*net));
    if (net == NULL) {
        return NULL;
    }
    net->services = services;
    net->my_pe = my_pe;
    net->n_pes = n_pes;
    net->wake_fd = -1;
    pthread_mutex_init(&net->regions_lock, NULL);
    pthread_mutex_init(&net->serving, NULL);
    pthread_mutex_init(&net->posting, NULL);
    pthread_mutex_init(&net->list, NULL);
    net->peers = calloc((size_t)n_pes, sizeof(*net->peers));
    if (net->peers == NULL) {
        free(net);
        return NULL;
    }
    return net;
}

static int verbs_open(struct shmi_net **net, const struct shmi_services *services, int my_pe,
                      int n_pes, struct shmi_net_facts *facts)
{
    struct shmi_net *mine = new_net(services, my_pe, n_pes);
    if (mine == NULL) {
        return -ENOMEM;
    }
    int rc = shmi_verbs_find_device(mine, facts->what, sizeof(facts->what));
    if (rc != 0) {
        goto close;
    }
    learn(mine, facts);
    mine->pd = ibv_alloc_pd(mine->device);
    rc = mine->pd == NULL ? -errno : shmi_verbs_target_open(mine);
    if (rc == 0) {
        rc = shmi_verbs_thread_start(mine);
    }
    if (rc != 0) {
        verbs_log(mine, SHMI_ERROR, "cannot open %s: %s; see ulimit -l", mine->name, strerror(-rc));
        goto close;
    }
    verbs_debug(mine, "%s: GID %d, inline %zu, %d work requests, %s", mine->name, mine->gid_index,
                mine->inline_len, mine->depth,
                mine->hello.atomics == VERBS_BY_OWNER     ? "no atomics"
                : mine->attr.atomic_cap == IBV_ATOMIC_HCA ? "atomics of its own"
                                                          : "atomics coherent with CPUs");
    *net = mine;
    return 0;
close:
    verbs_close(mine);
    return rc;
}

static int verbs_address(struct shmi_net *net, struct shmi_blob *mine)
{
    mine->bytes = malloc(sizeof(net->hello));
    if (mine->bytes == NULL) {
        return -ENOMEM;
    }
    memcpy(mine->bytes, &net->hello, sizeof(net->hello));
    mine->len = sizeof(net->hello);
    return 0;
}

/* Nothing is connected yet: links are made when they are first needed. */
static int verbs_connect(struct shmi_net *net, int pe, const struct shmi_blob *theirs)
{
    struct hello hello;
    if (theirs->len != sizeof(hello)) {
        verbs_log(net, SHMI_ERROR, "PE %d has another version of the module", pe);
        return -EPROTO;
    }
    memcpy(&hello, theirs->bytes, sizeof(hello));
    if (hello.is_roce != net->hello.is_roce) {
        verbs_log(net, SHMI_ERROR, "PE %d is on %s, and this PE uses %s (SHMEM_VERBS_DEVICE)", pe,
                  hello.is_roce ? "Ethernet" : "InfiniBand", net->name);
        return -EHOSTUNREACH;
    }
    net->peers[pe].hello = hello;
    return 0;
}

extern const struct shmi_transport shmi_transport_verbs;

const struct shmi_transport shmi_transport_verbs __attribute__((visibility("default"))) = {
    .abi = SHMI_TRANSPORT_ABI,
    .name = "verbs",
    .open = verbs_open,
    .address = verbs_address,
    .connect = verbs_connect,
    .close = verbs_close,
    .expose = shmi_verbs_expose,
    .withdraw = shmi_verbs_withdraw,
    .channel_open = shmi_verbs_channel_open,
    .channel_close = shmi_verbs_channel_close,
    .put = shmi_verbs_put,
    .get = shmi_verbs_get,
    .amo = shmi_verbs_amo,
    .put_signal = shmi_verbs_put_signal,
    .fence = shmi_verbs_fence,
    .quiet = shmi_verbs_quiet,
    .progress = shmi_verbs_progress,
};
