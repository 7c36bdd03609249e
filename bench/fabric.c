/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fabric.c -- what libfabric does by itself between two hosts: the reference of bench/hosts.
 *
 * Without an argument it waits for a client and serves it, by looking at its queue all the time;
 * with the server's address it measures, and prints lines as the other benchmarks do.  The same
 * operations, as the same program would say them without a library between: a word back and forth,
 * one put or get or atomic at a time, windows of puts and gets.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for the sake of compilers that were told a plain standard */
#endif
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <rdma/fabric.h>
#include <rdma/fi_atomic.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_rma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 7471, WINDOW = 64, MOST = 1000, MAX_BATCHES = 1000, LARGEST = 1 << 20, WARM_UP = 4 };

/* What each side exposes. */
struct area {
    _Alignas(64) volatile uint64_t ping; /* written by the client, and answered */
    _Alignas(64) volatile uint64_t pong;
    _Alignas(64) volatile uint64_t stop;
    _Alignas(64) uint64_t counter;
    _Alignas(4096) char data[2][LARGEST];
};

/* What one side tells the other. */
struct card {
    uint64_t base;
    uint64_t key;
    uint64_t name_len;
    char name[256];
};

static struct {
    struct fi_info *info;
    struct fid_fabric *fabric;
    struct fid_domain *domain;
    struct fid_av *av;
    struct fid_cq *cq;
    struct fid_ep *ep;
    struct fid_mr *mr;
    void *desc;
    struct area *area;
    fi_addr_t peer;
    struct card theirs;
    int batches;
} me = {.batches = 21};

/* Operations under way: at most a window, each with a context of its own. */
static struct {
    struct fi_context2 contexts[WINDOW];
    unsigned started;
    int left;
} under_way;

static void require(long rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "fabric: %s: %s\n", what, fi_strerror((int)-rc));
        exit(1);
    }
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void choose(char *provider)
{
    struct fi_info *hints = fi_allocinfo();
    hints->caps = FI_RMA | FI_ATOMIC;
    hints->mode = FI_CONTEXT | FI_CONTEXT2;
    hints->ep_attr->type = FI_EP_RDM;
    hints->domain_attr->mr_mode = FI_MR_VIRT_ADDR | FI_MR_PROV_KEY | FI_MR_ALLOCATED | FI_MR_LOCAL;
    hints->fabric_attr->prov_name = provider;
    require(fi_getinfo(FI_VERSION(1, 17), NULL, NULL, 0, hints, &me.info), provider);
    hints->fabric_attr->prov_name = NULL;
    fi_freeinfo(hints);
    /* The first that is not this host alone. */
    for (struct fi_info *info = me.info; info != NULL; info = info->next) {
        const struct sockaddr_in *from = info->src_addr;
        if (from != NULL && from->sin_family == AF_INET &&
            ntohl(from->sin_addr.s_addr) >> 24 != 127) {
            me.info = info;
            break;
        }
    }
}

static void open_endpoint(void)
{
    struct fi_av_attr av = {.type = FI_AV_TABLE, .count = 2};
    struct fi_cq_attr cq = {.size = 4 * WINDOW, .format = FI_CQ_FORMAT_CONTEXT};
    require(fi_fabric(me.info->fabric_attr, &me.fabric, NULL), "fi_fabric");
    require(fi_domain(me.fabric, me.info, &me.domain, NULL), "fi_domain");
    require(fi_av_open(me.domain, &av, &me.av, NULL), "fi_av_open");
    require(fi_cq_open(me.domain, &cq, &me.cq, NULL), "fi_cq_open");
    require(fi_endpoint(me.domain, me.info, &me.ep, NULL), "fi_endpoint");
    require(fi_ep_bind(me.ep, &me.av->fid, 0), "fi_ep_bind");
    require(fi_ep_bind(me.ep, &me.cq->fid, FI_TRANSMIT | FI_RECV), "fi_ep_bind");
    require(fi_enable(me.ep), "fi_enable");
    me.area = mmap(NULL, sizeof(*me.area), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (me.area == MAP_FAILED) {
        fprintf(stderr, "fabric: no memory\n");
        exit(1);
    }
    require(fi_mr_reg(me.domain, me.area, sizeof(*me.area),
                      FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE, 0, 1, 0, &me.mr, NULL),
            "fi_mr_reg");
    me.desc = fi_mr_desc(me.mr);
}

/* A plain connection, to exchange the cards. */
static int meet(const char *host)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (host == NULL) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 1) != 0) {
            perror("fabric: bind");
            exit(1);
        }
        int client = accept(fd, NULL, NULL);
        close(fd);
        return client;
    }
    struct hostent *entry = gethostbyname(host);
    if (entry == NULL) {
        fprintf(stderr, "fabric: there is no host %s\n", host);
        exit(1);
    }
    memcpy(&at.sin_addr, entry->h_addr_list[0], sizeof(at.sin_addr));
    for (int i = 0; i < 100; i++) { /* the server may be about to start */
        if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
            return fd;
        }
        close(fd);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        usleep(100 * 1000);
    }
    perror("fabric: connect");
    exit(1);
}

static void exchange(int fd)
{
    size_t name_len = sizeof(me.theirs.name);
    struct card mine = {
        .base = (me.info->domain_attr->mr_mode & FI_MR_VIRT_ADDR) != 0 ? (uintptr_t)me.area : 0,
        .key = fi_mr_key(me.mr),
    };
    require(fi_getname(&me.ep->fid, mine.name, &name_len), "fi_getname");
    mine.name_len = name_len;
    if (write(fd, &mine, sizeof(mine)) != sizeof(mine) ||
        recv(fd, &me.theirs, sizeof(me.theirs), MSG_WAITALL) != sizeof(me.theirs)) {
        fprintf(stderr, "fabric: the other side is gone\n");
        exit(1);
    }
    if (fi_av_insert(me.av, me.theirs.name, 1, &me.peer, 0, NULL) != 1) {
        fprintf(stderr, "fabric: the other side's address is of no use\n");
        exit(1);
    }
}

/* ---- operations ---------------------------------------------------------------------------- */

static void progress(void)
{
    struct fi_cq_entry entries[16];
    ssize_t n = fi_cq_read(me.cq, entries, 16);
    if (n != -FI_EAGAIN) {
        require(n, "fi_cq_read");
        under_way.left -= (int)n;
    }
}

static void complete_all(void)
{
    while (under_way.left > 0) {
        progress();
    }
}

static struct fi_context2 *next_context(void)
{
    under_way.left++;
    return &under_way.contexts[under_way.started++ % WINDOW];
}

/* The address of the same place on the other side. */
static uint64_t there(const volatile void *mine)
{
    return me.theirs.base + (uint64_t)((const volatile char *)mine - (char *)me.area);
}

static void send_word(volatile uint64_t *to, uint64_t value)
{
    ssize_t rc = -FI_EAGAIN;
    while (rc == -FI_EAGAIN) {
        rc = fi_inject_write(me.ep, &value, sizeof(value), me.peer, there(to), me.theirs.key);
        if (rc == -FI_EAGAIN) {
            progress();
        }
    }
    require(rc, "fi_inject_write");
}

static void start_put(size_t len, uint64_t flags)
{
    struct iovec from = {.iov_base = me.area->data[0], .iov_len = len};
    struct fi_rma_iov to = {.addr = there(me.area->data[1]), .len = len, .key = me.theirs.key};
    struct fi_msg_rma msg = {
        .msg_iov = &from,
        .desc = &me.desc,
        .iov_count = 1,
        .addr = me.peer,
        .rma_iov = &to,
        .rma_iov_count = 1,
        .context = next_context(),
    };
    ssize_t rc;
    while ((rc = fi_writemsg(me.ep, &msg, flags | FI_COMPLETION)) == -FI_EAGAIN) {
        progress();
    }
    require(rc, "fi_writemsg");
}

static void start_get(size_t len)
{
    struct fi_context2 *context = next_context();
    ssize_t rc;
    while ((rc = fi_read(me.ep, me.area->data[1], len, me.desc, me.peer, there(me.area->data[0]),
                         me.theirs.key, context)) == -FI_EAGAIN) {
        progress();
    }
    require(rc, "fi_read");
}

static void start_fetch_add(void)
{
    struct fi_context2 *context = next_context();
    uint64_t *operand = (uint64_t *)(void *)me.area->data[0];
    uint64_t *result = (uint64_t *)(void *)me.area->data[1];
    ssize_t rc;
    while ((rc = fi_fetch_atomic(me.ep, operand, 1, me.desc, result, me.desc, me.peer,
                                 there(&me.area->counter), me.theirs.key, FI_UINT64, FI_SUM,
                                 context)) == -FI_EAGAIN) {
        progress();
    }
    require(rc, "fi_fetch_atomic");
}

/* ---- what is measured ---------------------------------------------------------------------- */

static uint64_t turn;

static void pingpong(size_t size, long iters)
{
    (void)size;
    for (long i = 0; i < iters; i++) {
        send_word(&me.area->ping, ++turn);
        while (me.area->pong != turn) {
            progress();
        }
    }
}

static void put(size_t size, long iters)
{
    for (long i = 0; i < iters; i++) {
        start_put(size, FI_DELIVERY_COMPLETE);
        complete_all();
    }
}

static void get(size_t size, long iters)
{
    for (long i = 0; i < iters; i++) {
        start_get(size);
        complete_all();
    }
}

static void fetch_add(size_t size, long iters)
{
    (void)size;
    for (long i = 0; i < iters; i++) {
        start_fetch_add();
        complete_all();
    }
}

/* The last of a window says that all of it has arrived. */
static void put_bw(size_t size, long iters)
{
    for (long i = 1; i <= iters; i++) {
        bool last = i % WINDOW == 0 || i == iters;
        start_put(size, last ? FI_DELIVERY_COMPLETE : 0);
        if (last) {
            complete_all();
        }
    }
}

static void get_bw(size_t size, long iters)
{
    for (long i = 1; i <= iters; i++) {
        start_get(size);
        if (i % WINDOW == 0) {
            complete_all();
        }
    }
    complete_all();
}

static int compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

/* The median over batches, after one that warmed up. */
static void measure(const char *name, void (*run)(size_t, long), size_t size, bool is_rate)
{
    static double sample[MAX_BATCHES + 1];
    long fit = (long)((4 << 20) / (size + 1));
    long iters = fit < 4 ? 4 : fit > MOST ? MOST : fit;
    for (int batch = 0; batch <= me.batches; batch++) {
        run(size, WARM_UP);
        double start = now_ns();
        run(size, iters);
        sample[batch] = (now_ns() - start) / (double)iters;
    }
    qsort(&sample[1], (size_t)me.batches, sizeof(double), compare);
    double ns = sample[1 + me.batches / 2];
    printf("bare_%s\t%zu\t%.2f\t%s\n", name, size, is_rate ? (double)size * 1e3 / ns : ns,
           is_rate ? "MB/s" : "ns");
    fflush(stdout);
}

static void measure_all(void)
{
    static const size_t small[] = {8, 1024, 4096, 65536};
    static const size_t large[] = {16384, 65536, 1048576};
    measure("pingpong", pingpong, 8, false);
    measure("fetch_add", fetch_add, 8, false);
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
        measure("put", put, small[i], false);
        measure("get", get, small[i], false);
    }
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        measure("put_bw_sym", put_bw, large[i], true);
        measure("get_bw_sym", get_bw, large[i], true);
    }
}

/* Answers each ping, and progresses what needs this side, until told to stop. */
static void serve(void)
{
    uint64_t seen = 0;
    while (me.area->stop == 0) {
        progress();
        if (me.area->ping != seen) {
            seen = me.area->ping;
            send_word(&me.area->pong, seen);
        }
    }
}

int main(int argc, char **argv)
{
    char *provider = "tcp;ofi_rxm";
    int opt;
    while ((opt = getopt(argc, argv, "b:p:")) != -1) {
        if (opt == 'b' && atoi(optarg) > 0 && atoi(optarg) <= MAX_BATCHES) {
            me.batches = atoi(optarg);
        } else if (opt == 'p') {
            provider = optarg;
        } else {
            fprintf(stderr, "usage: fabric [-b batches] [-p provider] [server]\n");
            return 2;
        }
    }
    choose(provider);
    open_endpoint();
    int fd = meet(argv[optind]);
    exchange(fd);
    if (argv[optind] == NULL) {
        serve();
    } else {
        measure_all();
        send_word(&me.area->stop, 1);
    }
    char end; /* never comes: the server goes first, and needs this side's progress until it has */
    while (argv[optind] != NULL && recv(fd, &end, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) {
        progress();
    }
    close(fd);
    return 0;
}
