/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cable.c -- a slow or lossy cable, where the kernel has no netem.
 *
 *     cable INTERFACE                            have it send frames one by one, checksums done
 *     cable NEAR FAR TIME [loss PERCENT%]        carry frames between two interfaces
 *
 * What comes in at NEAR goes out at FAR after TIME (5ms, 200us, 1s), unless it is lost; the other
 * way nothing happens to it.  Frames are carried as they are, so those who send through the cable
 * must not leave segmentation and checksums to a card, which is what the first form is for.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME = 65536 + ETH_HLEN,
    QUEUE = 16384, /* frames under way; more are lost */
    BURST = 64,    /* frames taken from one side before the other has its turn */
};

struct frame {
    int64_t due; /* nanoseconds */
    size_t len;
    char *bytes;
};

static struct {
    struct frame frames[QUEUE]; /* a ring: all are delayed alike, so they leave as they came */
    size_t first, n;
} queue;

static void give_up(const char *what)
{
    fprintf(stderr, "cable: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void set_plain(const char *interface)
{
    static const uint32_t features[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM, ETHTOOL_SSG};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        struct ethtool_value off = {.cmd = features[i]};
        struct ifreq request = {.ifr_data = (char *)&off};
        strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
        if (ioctl(fd, SIOCETHTOOL, &request) != 0)
            give_up(interface);
    }
    close(fd);
}

static int open_end(const char *interface)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = (int)if_nametoindex(interface)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0), yes = 1, size = 16 << 20;

    if (fd < 0 || address.sll_ifindex == 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        give_up(interface);
    return fd;
}

/* A frame that cannot be sent is lost, as on a wire. */
static void deliver(int fd, const char *bytes, size_t len)
{
    if (send(fd, bytes, len, 0) < 0 && errno != ENOBUFS && errno != EAGAIN && errno != ENETDOWN &&
        errno != EMSGSIZE)
        give_up("send");
}

static void enqueue(const char *bytes, size_t len, int64_t due)
{
    if (queue.n == QUEUE)
        return;
    char *copy = malloc(len);
    if (copy == NULL)
        give_up("a frame");
    memcpy(copy, bytes, len);
    queue.frames[(queue.first + queue.n++) % QUEUE] =
        (struct frame){.due = due, .len = len, .bytes = copy};
}

static void deliver_due(int fd)
{
    for (; queue.n > 0 && queue.frames[queue.first].due <= now(); queue.n--) {
        deliver(fd, queue.frames[queue.first].bytes, queue.frames[queue.first].len);
        free(queue.frames[queue.first].bytes);
        queue.first = (queue.first + 1) % QUEUE;
    }
}

static void wait_for_frames(int near, int far)
{
    struct pollfd ends[] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
    struct timespec nap, *limit = NULL;

    if (queue.n > 0) {
        int64_t left = queue.frames[queue.first].due - now();
        left = left > 0 ? left : 0;
        nap = (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        limit = &nap;
    }
    if (ppoll(ends, 2, limit, NULL) < 0 && errno != EINTR)
        give_up("poll");
}

static void carry(int near, int far, int64_t delay, double loss)
{
    static char bytes[FRAME];
    ssize_t len;

    for (;;) {
        wait_for_frames(near, far);
        deliver_due(far);
        for (int i = 0; i < BURST && (len = recv(near, bytes, FRAME, 0)) > 0; i++)
            if (drand48() >= loss)
                enqueue(bytes, (size_t)len, now() + delay);
        for (int i = 0; i < BURST && (len = recv(far, bytes, FRAME, 0)) > 0; i++)
            deliver(near, bytes, (size_t)len);
    }
}

static bool read_time(const char *text, int64_t *ns)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    char *unit;
    double amount = strtod(text, &unit);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (unit != text && amount >= 0 && strcmp(unit, units[i].name) == 0) {
            *ns = (int64_t)(amount * units[i].ns);
            return true;
        }
    return false;
}

static bool read_loss(const char *text, double *loss)
{
    char *unit;

    *loss = strtod(text, &unit) / 100;
    return unit != text && strcmp(unit, "%") == 0 && *loss >= 0 && *loss <= 1;
}

int main(int argc, char **argv)
{
    int64_t delay;
    double loss = 0;

    if (argc == 2) {
        set_plain(argv[1]);
        return 0;
    }
    if ((argc != 4 && argc != 6) || !read_time(argv[3], &delay) ||
        (argc == 6 && (strcmp(argv[4], "loss") != 0 || !read_loss(argv[5], &loss)))) {
        fprintf(stderr, "usage: cable INTERFACE | cable NEAR FAR TIME [loss PERCENT%%]\n");
        return 2;
    }
    srand48(now());
    carry(open_end(argv[1]), open_end(argv[2]), delay, loss);
    return 0;
}
