/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ofi_net.c -- the libfabric module: choice of the provider, addresses, and the table.
 *
 * A provider is chosen by what it can do: reliable datagrams, RMA, atomics, delivery reports.  Of
 * those that can, libfabric's own order decides, but for some that exist for tests or are slower
 * than what they stand on; these are used when SHMEM_OFI_PROVIDER names them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "transport/ofi.h"

#define API FI_VERSION(1, 17)

/* Reads and writes that can be ordered up to this length count as ordered; longer ones are cut. */
#define ORDERED_LEAST (64u << 10)

/* Saves acknowledgements and waits; what is not asked for, some providers do not keep. */
#define WANTED_ORDER (FI_ORDER_RAW | FI_ORDER_WAW)

/* Buffers for what arrives, and room for completions where there are next to none. */
enum { CHANNEL_ARRIVALS = 32, TARGET_ARRIVALS = 256, TARGET_QUEUE = 64 };

/* What a PE tells the others: this, its regions, its endpoint's name. */
struct greeting {
    uint32_t n_regions;
    uint32_t name_len;
};

static const char *config(struct shmi_net *net, const char *name, char *buffer, size_t len)
{
    const char *text = net->services->config(name, buffer, len);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* ---- the provider -------------------------------------------------------------------------- */

static struct fi_info *hints_of(struct shmi_net *net)
{
    char text[256];
    struct fi_info *hints = fi_allocinfo();
    if (hints == NULL) {
        return NULL;
    }
    hints->caps = FI_RMA | FI_ATOMIC | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;
    hints->mode = FI_CONTEXT | FI_CONTEXT2;
    hints->ep_attr->type = FI_EP_RDM;
    hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
    hints->domain_attr->threading = FI_THREAD_SAFE;
    hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
    hints->domain_attr->av_type = FI_AV_UNSPEC;
    hints->domain_attr->mr_mode =
        FI_MR_VIRT_ADDR | FI_MR_PROV_KEY | FI_MR_ALLOCATED | FI_MR_LOCAL | FI_MR_ENDPOINT;
    const char *provider = config(net, "ofi_provider", text, sizeof(text));
    if (provider != NULL) {
        hints->fabric_attr->prov_name = strdup(provider);
    }
    const char *domain = config(net, "ofi_domain", text, sizeof(text));
    if (domain != NULL) {
        hints->domain_attr->name = strdup(domain);
    }
    return hints;
}

static bool is_only_when_asked(const struct fi_info *info)
{
    static const char *const names[] = {"shm",     "sockets",   "udp",     "net",
                                        "ofi_rxd", "ofi_mrail", "ofi_hook"};
    for (size_t i = 0; i < SHMI_COUNT(names); i++) {
        if (strcasestr(info->fabric_attr->prov_name, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_loopback(const struct fi_info *info)
{
    const void *addr = info->src_addr;
    if (addr != NULL && info->addr_format == FI_SOCKADDR_IN) {
        const struct sockaddr_in *in = addr;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (addr != NULL && info->addr_format == FI_SOCKADDR_IN6) {
        const struct sockaddr_in6 *in6 = addr;
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return false;
}

/* The first that other hosts can reach; where the host has nothing but its loopback, that. */
static struct fi_info *preferred(struct shmi_net *net, struct fi_info *list)
{
    char text[256];
    bool asked = config(net, "ofi_provider", text, sizeof(text)) != NULL;
    const char *domain = config(net, "ofi_domain", text, sizeof(text));
    struct fi_info *second = NULL;
    for (struct fi_info *info = list; info != NULL; info = info->next) {
        if (!asked && is_only_when_asked(info)) {
            continue;
        }
        if (domain != NULL && strcmp(domain, info->domain_attr->name) != 0) {
            continue; /* layered providers overlook that hint */
        }
        if (!is_loopback(info)) {
            return info;
        }
        second = second == NULL ? info : second;
    }
    return second;
}

static int ask(struct shmi_net *net, struct fi_info *hints, uint64_t order)
{
    struct fi_info *list = NULL;
    hints->tx_attr->msg_order = order;
    hints->rx_attr->msg_order = order;
    int rc = fi_getinfo(API, NULL, NULL, 0, hints, &list);
    if (rc == 0) {
        struct fi_info *best = preferred(net, list);
        net->info = best == NULL ? NULL : fi_dupinfo(best);
        fi_freeinfo(list);
    }
    return rc;
}

static void say_there_is_none(struct shmi_net *net, struct shmi_net_facts *facts)
{
    char provider[32];
    char domain[32];
    const char *named = config(net, "ofi_provider", provider, sizeof(provider));
    const char *where = config(net, "ofi_domain", domain, sizeof(domain));
    snprintf(facts->what, sizeof(facts->what), "libfabric has no usable provider%s%s%s%s%s",
             named == NULL ? "" : " SHMEM_OFI_PROVIDER=", named == NULL ? "" : named,
             where == NULL ? "" : " on SHMEM_OFI_DOMAIN=", where == NULL ? "" : where,
             named == NULL && where == NULL ? " with RMA and atomics" : "");
}

static int choose_provider(struct shmi_net *net, struct shmi_net_facts *facts)
{
    struct fi_info *hints = hints_of(net);
    int rc = hints == NULL ? -ENOMEM : 0;
    /* Each endpoint of ofi_rxm makes a thousand buffers of this size, and clears them, and all that
     * is in them here are atomics of a few bytes. */
    setenv("FI_OFI_RXM_BUFFER_SIZE", "1024", 0);
    /* Microseconds.  It looks after connections this often at most, and meanwhile its descriptor
     * says that there is something to do. */
    setenv("FI_OFI_RXM_CM_PROGRESS_INTERVAL", "200", 0);
    if (rc == 0) {
        shmi_ofi_start();
        rc = ask(net, hints, WANTED_ORDER);
    }
    if (hints != NULL && net->info == NULL) {
        rc = ask(net, hints, 0);
    }
    fi_freeinfo(hints);
    if (net->info == NULL) {
        say_there_is_none(net, facts);
        return rc == -ENOMEM ? rc : -ENODEV;
    }
    net->info->tx_attr->op_flags = 0; /* delivery reports only where asked for */
    net->channel_info = fi_dupinfo(net->info);
    if (net->channel_info == NULL) {
        return -ENOMEM;
    }
    /* Nothing arrives on a channel but answers; some providers make room for this many at once. */
    net->channel_info->rx_attr->size = shmi_min(CHANNEL_ARRIVALS, net->info->rx_attr->size);
    net->info->rx_attr->size = shmi_min(TARGET_ARRIVALS, net->info->rx_attr->size);
    snprintf(facts->what, sizeof(facts->what), "%s on %s", net->info->fabric_attr->prov_name,
             net->info->domain_attr->name);
    return 0;
}

/* Reads and writes go into one stream of bytes, and are done in the order in which they come out.
 * The layer above says so, but not up to which length, and so not in libfabric's terms. */
static bool is_stream(const struct fi_info *info)
{
    return strcmp(info->fabric_attr->prov_name, "tcp;ofi_rxm") == 0;
}

static void learn(struct shmi_net *net)
{
    const struct fi_info *info = net->info;
    int mode = info->domain_attr->mr_mode;
    uint64_t order = info->tx_attr->msg_order & info->rx_attr->msg_order;
    net->by_offset = (mode & FI_MR_VIRT_ADDR) == 0;
    net->local_mr = (mode & FI_MR_LOCAL) != 0;
    net->endpoint_mr = (mode & FI_MR_ENDPOINT) != 0;
    const bool stream = is_stream(info);
    net->is_ordered = stream || ((order & FI_ORDER_WAW) != 0 &&
                                 info->ep_attr->max_order_waw_size >= ORDERED_LEAST);
    net->read_flushes = stream || ((order & FI_ORDER_RAW) != 0 &&
                                   info->ep_attr->max_order_raw_size >= ORDERED_LEAST);
    /* Its target gives back the buffer of a reported atomic that fetches nothing, and its source
     * gives it back once more: from then on all buffers are that one. */
    net->must_fetch = strcmp(info->fabric_attr->prov_name, "shm") == 0;
    net->inject_len = info->tx_attr->inject_size;
    net->piece_len = info->ep_attr->max_msg_size;
    if (net->is_ordered && !stream) {
        net->piece_len = shmi_min(net->piece_len, info->ep_attr->max_order_waw_size);
    }
    if (net->read_flushes && !stream) {
        net->piece_len = shmi_min(net->piece_len, info->ep_attr->max_order_raw_size);
    }
    char text[64];
    const char *timeout = config(net, "net_timeout", text, sizeof(text));
    net->timeout = timeout == NULL ? 30 : strtol(timeout, NULL, 10);
}

/* Atomics that libfabric's own code does in the target's process are CPU instructions; those of an
 * adapter are not, as a rule. */
static bool is_done_by_cpu(const char *provider)
{
    return strstr(provider, "ofi_rxm") != NULL || strstr(provider, "ofi_rxd") != NULL ||
           strcmp(provider, "shm") == 0 || strcmp(provider, "sockets") == 0;
}

static int find_atomics(struct shmi_net *net, struct shmi_net_facts *facts)
{
    const unsigned cswap = 1u << SHMI_AMO_CSWAP;
    facts->native4 = shmi_ofi_native(net->ep, FI_UINT32);
    facts->native8 = shmi_ofi_native(net->ep, FI_UINT64);
    facts->coherent = is_done_by_cpu(net->info->fabric_attr->prov_name);
    if ((facts->native4 & facts->native8 & cswap) == 0) {
        snprintf(facts->what, sizeof(facts->what), "%s has no compare-and-swap of 4 and 8 bytes",
                 net->info->fabric_attr->prov_name);
        return -ENODEV;
    }
    return 0;
}

/* ---- endpoints ----------------------------------------------------------------------------- */

int shmi_ofi_endpoint(struct shmi_net *net, struct fi_info *info, struct fid_cq *started,
                      struct fid_cq *arrived, struct fid_ep **ep)
{
    struct fid_ep *mine;
    int rc = fi_endpoint(net->domain, info, &mine, NULL);
    if (rc != 0) {
        return rc;
    }
    rc = fi_ep_bind(mine, &net->av->fid, 0);
    if (rc == 0) {
        rc = fi_ep_bind(mine, &started->fid, FI_TRANSMIT);
    }
    if (rc == 0) {
        rc = fi_ep_bind(mine, &arrived->fid, FI_RECV);
    }
    if (rc == 0) {
        rc = fi_enable(mine);
    }
    if (rc != 0) {
        fi_close(&mine->fid);
        return rc;
    }
    *ep = mine;
    return 0;
}

int shmi_ofi_queue(struct shmi_net *net, size_t size, struct fid_cq **cq, int *fd)
{
    struct fi_cq_attr attr = {
        .size = size,
        .format = FI_CQ_FORMAT_CONTEXT,
        .wait_obj = FI_WAIT_FD,
    };
    if (fd != NULL) {
        *fd = -1;
        if (fi_cq_open(net->domain, &attr, cq, NULL) == 0) {
            if (fi_control(&(*cq)->fid, FI_GETWAIT, fd) != 0) {
                *fd = -1;
            }
            return 0;
        }
    }
    attr.wait_obj = FI_WAIT_NONE;
    return fi_cq_open(net->domain, &attr, cq, NULL);
}

/* The queues of the first endpoint.  Where both show what happens in one queue of the layer below,
 * one descriptor tells of all, and a second one would only cost each message some time. */
static int open_queues(struct shmi_net *net)
{
    bool is_layered = strstr(net->info->fabric_attr->prov_name, "ofi_rxm") != NULL;
    int rc = shmi_ofi_queue(net, 2 * OFI_OPS, &net->first_cq, &net->first_cq_fd);
    if (rc == 0 && is_layered) {
        net->waking_cq = net->first_cq;
        net->cq_fd = net->first_cq_fd;
        return shmi_ofi_queue(net, TARGET_QUEUE, &net->cq, NULL);
    }
    if (rc == 0) {
        rc = shmi_ofi_queue(net, TARGET_QUEUE, &net->cq, &net->cq_fd);
        net->waking_cq = net->cq;
    }
    return rc;
}

static int open_fabric(struct shmi_net *net)
{
    struct fi_av_attr attr = {.type = net->info->domain_attr->av_type, .count = (size_t)net->n_pes};
    if (attr.type == FI_AV_UNSPEC) {
        attr.type = FI_AV_TABLE;
    }
    int rc = fi_fabric(net->info->fabric_attr, &net->fabric, NULL);
    if (rc == 0) {
        rc = fi_domain(net->fabric, net->info, &net->domain, NULL);
    }
    if (rc == 0) {
        rc = fi_av_open(net->domain, &attr, &net->av, NULL);
    }
    if (rc == 0) {
        rc = open_queues(net);
    }
    if (rc == 0) {
        rc = shmi_ofi_endpoint(net, net->info, net->first_cq, net->cq, &net->ep);
    }
    if (rc == 0) {
        shmi_ofi_bell_find(net);
    }
    return rc;
}

/* ---- the table ----------------------------------------------------------------------------- */

static void close_fid(struct fid *fid)
{
    if (fid != NULL) {
        fi_close(fid);
    }
}

static void ofi_close(struct shmi_net *net)
{
    shmi_ofi_thread_stop(net);
    shmi_ofi_channel_drop_spare(net);
    for (int i = 0; i < OFI_REGIONS; i++) {
        close_fid(net->regions[i].mr == NULL ? NULL : &net->regions[i].mr->fid);
    }
    close_fid(net->ep == NULL ? NULL : &net->ep->fid);
    close_fid(net->cq == NULL ? NULL : &net->cq->fid);
    close_fid(net->first_cq == NULL ? NULL : &net->first_cq->fid);
    close_fid(net->av == NULL ? NULL : &net->av->fid);
    close_fid(net->domain == NULL ? NULL : &net->domain->fid);
    close_fid(net->fabric == NULL ? NULL : &net->fabric->fid);
    if (net->info != NULL) {
        fi_freeinfo(net->info);
    }
    if (net->channel_info != NULL) {
        fi_freeinfo(net->channel_info);
    }
    for (int pe = 0; net->peers != NULL && pe < net->n_pes; pe++) {
        free(net->peers[pe].regions);
    }
    free(net->peers);
    pthread_mutex_destroy(&net->regions_lock);
    pthread_mutex_destroy(&net->serving);
    pthread_mutex_destroy(&net->list);
    pthread_mutex_destroy(&net->bell_lock);
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
    net->next_key = 1;
    pthread_mutex_init(&net->regions_lock, NULL);
    pthread_mutex_init(&net->serving, NULL);
    pthread_mutex_init(&net->list, NULL);
    pthread_mutex_init(&net->bell_lock, NULL);
    net->peers = calloc((size_t)n_pes, sizeof(*net->peers));
    if (net->peers == NULL) {
        ofi_close(net);
        return NULL;
    }
    return net;
}

static int ofi_open(struct shmi_net **net, const struct shmi_services *services, int my_pe,
                    int n_pes, struct shmi_net_facts *facts)
{
    struct shmi_net *mine = new_net(services, my_pe, n_pes);
    if (mine == NULL) {
        return -ENOMEM;
    }
    int rc = choose_provider(mine, facts);
    if (rc != 0) {
        goto close;
    }
    learn(mine);
    rc = open_fabric(mine);
    if (rc != 0) {
        ofi_log(mine, SHMI_ERROR, "cannot open %s: %s", facts->what, fi_strerror(-rc));
        goto close;
    }
    rc = find_atomics(mine, facts);
    if (rc == 0 && mine->info->domain_attr->data_progress != FI_PROGRESS_AUTO) {
        rc = shmi_ofi_thread_start(mine);
    }
    if (rc != 0) {
        goto close;
    }
    ofi_debug(mine, "%s: %s, %s, inject %zu, %s%s%s", facts->what,
              mine->is_ordered ? "ordered" : "not ordered",
              mine->read_flushes ? "reads flush writes" : "writes are acknowledged",
              mine->inject_len, mine->has_thread ? "manual progress" : "automatic progress",
              mine->local_mr ? ", local registration" : "",
              mine->by_offset ? ", addresses by offset" : "");
    *net = mine;
    return 0;
close:
    ofi_close(mine);
    return rc;
}

static int ofi_address(struct shmi_net *net, struct shmi_blob *mine)
{
    char name[256];
    size_t name_len = sizeof(name);
    int rc = fi_getname(&net->ep->fid, name, &name_len);
    if (rc != 0) {
        ofi_log(net, SHMI_ERROR, "%s does not tell its address: %s",
                net->info->fabric_attr->prov_name, fi_strerror(-rc));
        return rc;
    }
    struct greeting greeting = {
        .n_regions = net->by_offset ? OFI_REGIONS : 0,
        .name_len = (uint32_t)name_len,
    };
    size_t regions_len = greeting.n_regions * sizeof(struct region_offer);
    char *at = malloc(sizeof(greeting) + regions_len + name_len);
    if (at == NULL) {
        return -ENOMEM;
    }
    mine->bytes = at;
    mine->len = sizeof(greeting) + regions_len + name_len;
    memcpy(at, &greeting, sizeof(greeting));
    at += sizeof(greeting);
    for (uint32_t i = 0; i < greeting.n_regions; i++) {
        const struct region *region = &net->regions[i];
        struct region_offer offer = {
            .base = (uint64_t)(uintptr_t)region->base,
            .key = region->mr == NULL ? 0 : fi_mr_key(region->mr),
        };
        memcpy(at, &offer, sizeof(offer));
        at += sizeof(offer);
    }
    memcpy(at, name, name_len);
    net->is_closed_to_regions = true;
    return 0;
}

static int ofi_connect(struct shmi_net *net, int pe, const struct shmi_blob *theirs)
{
    struct greeting greeting;
    const char *at = theirs->bytes;
    struct peer *peer = &net->peers[pe];
    if (theirs->len < sizeof(greeting)) {
        return -EPROTO;
    }
    memcpy(&greeting, at, sizeof(greeting));
    at += sizeof(greeting);
    size_t regions_len = greeting.n_regions * sizeof(struct region_offer);
    if (regions_len != 0) {
        peer->regions = malloc(regions_len);
        if (peer->regions == NULL) {
            return -ENOMEM;
        }
        memcpy(peer->regions, at, regions_len);
        peer->n_regions = greeting.n_regions;
    }
    at += regions_len;
    int n = fi_av_insert(net->av, at, 1, &peer->address, 0, NULL);
    if (n != 1) {
        ofi_log(net, SHMI_ERROR, "%s does not take the address of PE %d: %s",
                net->info->fabric_attr->prov_name, pe, n < 0 ? fi_strerror(-n) : "none inserted");
        return n < 0 ? n : -EHOSTUNREACH;
    }
    return 0;
}

extern const struct shmi_transport shmi_transport_ofi;

const struct shmi_transport shmi_transport_ofi __attribute__((visibility("default"))) = {
    .abi = SHMI_TRANSPORT_ABI,
    .name = "ofi",
    .open = ofi_open,
    .address = ofi_address,
    .connect = ofi_connect,
    .close = ofi_close,
    .expose = shmi_ofi_expose,
    .withdraw = shmi_ofi_withdraw,
    .channel_open = shmi_ofi_channel_open,
    .channel_close = shmi_ofi_channel_close,
    .put = shmi_ofi_put,
    .get = shmi_ofi_get,
    .amo = shmi_ofi_amo,
    .put_signal = shmi_ofi_put_signal,
    .fence = shmi_ofi_fence,
    .quiet = shmi_ofi_quiet,
    .progress = shmi_ofi_progress,
};
