/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs_device.c -- which adapter, which of its ports, and by which of its addresses.
 *
 * Of the ports that are up, the fastest is taken, and of equally fast ones the first.  On Ethernet
 * a GID decides which packets are sent; one of RoCE v2 made of an IPv4 address passes everywhere.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport/verbs.h"

/* What the user named; empty, 0 and -1 leave the choice to us. */
struct wish {
    char device[64];
    long port, gid;
};

struct candidate {
    struct ibv_context *device;
    uint8_t port;
    unsigned speed; /* 0: none found yet */
};

static long number(struct shmi_net *net, const char *name, long otherwise)
{
    char text[32];
    const char *found = shmi_verbs_config(net, name, text, sizeof(text));
    return found == NULL ? otherwise : strtol(found, NULL, 10);
}

static struct wish wishes(struct shmi_net *net)
{
    struct wish wish = {.port = number(net, "verbs_port", 0), .gid = number(net, "verbs_gid", -1)};
    char text[sizeof(wish.device)];
    const char *device = shmi_verbs_config(net, "verbs_device", text, sizeof(text));
    snprintf(wish.device, sizeof(wish.device), "%s", device == NULL ? "" : device);
    return wish;
}

/* In units of 100 Mbit/s, near enough; the codes are those of the port's management. */
static unsigned speed_of(const struct ibv_port_attr *attr)
{
    static const struct {
        uint8_t code;
        unsigned speed;
    } lanes[] = {{1, 25},   {2, 50},   {4, 100},  {8, 100},
                 {16, 140}, {32, 250}, {64, 500}, {128, 1000}},
      widths[] = {{1, 1}, {16, 2}, {2, 4}, {4, 8}, {8, 12}};
    unsigned speed = 1, width = 1;
    for (size_t i = 0; i < SHMI_COUNT(lanes); i++) {
        speed = attr->active_speed == lanes[i].code ? lanes[i].speed : speed;
    }
    for (size_t i = 0; i < SHMI_COUNT(widths); i++) {
        width = attr->active_width == widths[i].code ? widths[i].speed : width;
    }
    return speed * width;
}

/* Look at the ports of a device; take one that is faster than what there is. */
static void consider(struct ibv_device *device, const struct wish *wish, struct candidate *best,
                     char *what, size_t len)
{
    struct ibv_device_attr attr;
    struct ibv_context *context = ibv_open_device(device);
    bool is_taken = false;
    if (context == NULL || ibv_query_device(context, &attr) != 0) {
        snprintf(what, len, "%s does not open: %s", ibv_get_device_name(device), strerror(errno));
        attr.phys_port_cnt = 0;
    }
    if (wish->port > attr.phys_port_cnt && attr.phys_port_cnt != 0) {
        snprintf(what, len, "SHMEM_VERBS_PORT=%ld: %s has %d port%s", wish->port,
                 ibv_get_device_name(device), attr.phys_port_cnt,
                 attr.phys_port_cnt == 1 ? "" : "s");
    }
    for (int port = 1; port <= attr.phys_port_cnt; port++) {
        struct ibv_port_attr found;
        if ((wish->port != 0 && wish->port != port) ||
            ibv_query_port(context, (uint8_t)port, &found) != 0) {
            continue;
        }
        if (found.state != IBV_PORT_ACTIVE) {
            snprintf(what, len, "%s port %d is %s", ibv_get_device_name(device), port,
                     ibv_port_state_str(found.state));
        } else if (speed_of(&found) > best->speed) {
            if (best->device != NULL && best->device != context) {
                ibv_close_device(best->device);
            }
            *best = (struct candidate){context, (uint8_t)port, speed_of(&found)};
            is_taken = true;
        }
    }
    if (!is_taken && context != NULL) {
        ibv_close_device(context);
    }
}

static int choose_device(struct shmi_net *net, const struct wish *wish, char *what, size_t len)
{
    struct candidate best = {.speed = 0};
    int n = 0, named = 0;
    struct ibv_device **list = ibv_get_device_list(&n);
    char names[64] = "";
    for (int i = 0; list != NULL && i < n; i++) {
        const char *name = ibv_get_device_name(list[i]);
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, " %s", name);
        if (wish->device[0] == '\0' || strcmp(wish->device, name) == 0) {
            named++;
            consider(list[i], wish, &best, what, len);
        }
    }
    if (n == 0) {
        snprintf(what, len, "there is no RDMA device");
    } else if (named == 0) {
        snprintf(what, len, "SHMEM_VERBS_DEVICE=%s is not there; there is%s", wish->device, names);
    }
    if (list != NULL) {
        ibv_free_device_list(list);
    }
    net->device = best.device;
    net->port = best.port;
    return best.device == NULL ? -ENODEV : 0;
}

static bool is_ipv4(const union ibv_gid *gid)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(gid->raw, mapped, sizeof(mapped)) == 0;
}

/* The higher the better, 0 is of no use. */
static int rank_of(const struct ibv_gid_entry *entry)
{
    bool is_link_local = entry->gid.raw[0] == 0xfe && entry->gid.raw[1] == 0x80;
    switch (entry->gid_type) {
    case IBV_GID_TYPE_ROCE_V2:
        return is_ipv4(&entry->gid) ? 6 : is_link_local ? 4 : 5;
    case IBV_GID_TYPE_ROCE_V1:
        return is_ipv4(&entry->gid) ? 3 : 2;
    default:
        return 1;
    }
}

/* All GIDs of the device, or NULL; there may be hundreds on each port. */
static struct ibv_gid_entry *gids_of(struct shmi_net *net, ssize_t *n)
{
    size_t room = 0;
    for (int port = 1; port <= net->attr.phys_port_cnt; port++) {
        struct ibv_port_attr attr;
        room +=
            ibv_query_port(net->device, (uint8_t)port, &attr) == 0 ? (size_t)attr.gid_tbl_len : 0;
    }
    struct ibv_gid_entry *entries = calloc(room, sizeof(*entries));
    *n = entries == NULL ? 0 : ibv_query_gid_table(net->device, entries, room, 0);
    return entries;
}

/* The entry asked for, or the best of the port. */
static int choose_gid(struct shmi_net *net, long asked, struct ibv_gid_entry *best, char *what,
                      size_t len)
{
    ssize_t n;
    struct ibv_gid_entry *entries = gids_of(net, &n);
    int rank = 0;
    for (ssize_t i = 0; i < n; i++) {
        const struct ibv_gid_entry *entry = &entries[i];
        bool is_fit = entry->port_num == net->port && (asked < 0 || entry->gid_index == asked);
        if (is_fit && rank_of(entry) > rank) {
            rank = rank_of(entry);
            *best = *entry;
        }
    }
    free(entries);
    if (rank != 0) {
        return 0;
    }
    const char *name = ibv_get_device_name(net->device->device);
    if (asked >= 0) {
        snprintf(what, len, "SHMEM_VERBS_GID=%ld: %s port %d has no such GID", asked, name,
                 net->port);
    } else {
        snprintf(what, len, "%s port %d has no GID", name, net->port);
    }
    return -ENODEV;
}

static void name_it(struct shmi_net *net, const struct ibv_gid_entry *gid)
{
    char address[INET6_ADDRSTRLEN] = "";
    const char *kind = "InfiniBand";
    if (net->hello.is_roce) {
        kind = gid->gid_type == IBV_GID_TYPE_ROCE_V2 ? "RoCE v2" : "RoCE v1";
        if (is_ipv4(&gid->gid)) {
            inet_ntop(AF_INET, &gid->gid.raw[12], address, sizeof(address));
        } else {
            inet_ntop(AF_INET6, gid->gid.raw, address, sizeof(address));
        }
    }
    snprintf(net->name, sizeof(net->name), "%s port %d, %s%s%s",
             ibv_get_device_name(net->device->device), net->port, kind,
             address[0] == '\0' ? "" : " ", address);
}

int shmi_verbs_find_device(struct shmi_net *net, char *what, size_t len)
{
    struct wish wish = wishes(net);
    struct ibv_gid_entry gid = {.gid_index = 0};
    int rc = choose_device(net, &wish, what, len);
    if (rc != 0) {
        return rc;
    }
    if (ibv_query_device(net->device, &net->attr) != 0 ||
        ibv_query_port(net->device, net->port, &net->port_attr) != 0) {
        snprintf(what, len, "%s does not answer: %s", ibv_get_device_name(net->device->device),
                 strerror(errno));
        return -ENODEV;
    }
    rc = choose_gid(net, wish.gid, &gid, what, len);
    if (rc != 0) {
        return rc;
    }
    net->gid_index = (uint8_t)gid.gid_index;
    net->hello = (struct hello){
        .gid = gid.gid,
        .lid = net->port_attr.lid,
        .mtu = (uint8_t)net->port_attr.active_mtu,
        .is_roce = net->port_attr.link_layer == IBV_LINK_LAYER_ETHERNET,
        .atomics = net->attr.atomic_cap == IBV_ATOMIC_NONE ? VERBS_BY_OWNER : VERBS_BY_DEVICE,
        .reads = (uint8_t)shmi_min(16, (size_t)net->attr.max_qp_rd_atom),
    };
    name_it(net, &gid);
    return 0;
}
