/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ofi_bell.c -- libfabric's bell for sleepers, stopped while nobody sleeps.
 *
 * Up to libfabric 1.17 the tcp provider rings for each completion: it writes a byte into a pair of
 * sockets that its epoll descriptor watches, and the next look reads it out again.  That wakes
 * threads that sleep in the descriptor, and costs a waiting PE that looks by itself a tenth of a
 * round trip, and of an atomic, which completes twice, a fifth.  A byte that is in the pair is not
 * written again; so the bell is stopped by taking the pair's reading end out of what the descriptor
 * watches, and put back before anybody sleeps.  fi_trywait(), which comes between that and the
 * sleep, empties the pair: what completes from there on rings, as without all this.
 *
 * The provider does not show the pair; the kernel does, in /proc/self/fdinfo.  Of the descriptors
 * below the queue's own there must be exactly one that watches a pair and nothing else, as is so
 * before there are connections.  Where it looks different, the bell is left alone.
 */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "transport/ofi.h"

/* What an epoll descriptor watches, as far as there is room; a line of it in fdinfo is
 * "tfd: 5 events: 19 data: 7f0012345678 ...". */
enum { MOST = 8, TCP_RINGS = 117 };

struct watch {
    int fd;
    struct epoll_event event;
};

/* How many, or 0 if that is no epoll descriptor. */
static int watched_by(int epoll, struct watch *watches)
{
    char line[256];
    int n = 0;
    snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", epoll);
    FILE *file = fopen(line, "re");
    while (file != NULL && n < MOST && fgets(line, sizeof(line), file) != NULL) {
        unsigned events;
        unsigned long long data;
        if (sscanf(line, "tfd: %d events: %x data: %llx", &watches[n].fd, &events, &data) == 3) {
            watches[n++].event = (struct epoll_event){.events = events, .data.u64 = data};
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return n;
}

static bool is_of_pair(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &len) == 0 && address.ss_family == AF_UNIX;
}

static void set(const struct bell *bell, uint32_t events)
{
    struct epoll_event event = bell->event;
    event.events = events;
    epoll_ctl(bell->epoll, EPOLL_CTL_MOD, bell->fd, &event);
}

void shmi_ofi_bell_find(struct shmi_net *net)
{
    struct watch below[MOST], inner[MOST];
    struct bell *bell = &net->bell;
    int found = 0;
    bell->fd = -1;
    const struct fi_fabric_attr *fabric = net->info->fabric_attr;
    if (strcmp(fabric->prov_name, "tcp;ofi_rxm") != 0 ||
        FI_MAJOR(fabric->prov_version) > TCP_RINGS || net->cq_fd < 0) {
        return;
    }
    int n = watched_by(net->cq_fd, below);
    for (int i = 0; i < n; i++) {
        if (watched_by(below[i].fd, inner) == 1 && is_of_pair(inner[0].fd)) {
            *bell = (struct bell){.epoll = below[i].fd, .fd = inner[0].fd, .event = inner[0].event};
            found++;
        }
    }
    if (found != 1) {
        bell->fd = -1;
        return;
    }
    set(bell, 0);
    ofi_debug(net, "the bell of tcp rings only for sleepers");
}

void shmi_ofi_bell_on(struct shmi_net *net)
{
    struct bell *bell = &net->bell;
    if (bell->fd >= 0) {
        pthread_mutex_lock(&net->bell_lock);
        if (bell->sleepers++ == 0) {
            set(bell, bell->event.events);
        }
        pthread_mutex_unlock(&net->bell_lock);
    }
}

void shmi_ofi_bell_off(struct shmi_net *net)
{
    struct bell *bell = &net->bell;
    if (bell->fd >= 0) {
        pthread_mutex_lock(&net->bell_lock);
        if (--bell->sleepers == 0) {
            set(bell, 0);
        }
        pthread_mutex_unlock(&net->bell_lock);
    }
}
