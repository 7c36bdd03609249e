/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cma.c -- memory of other processes of this node that is not mapped here.
 *
 * The kernel copies between two processes' memory (process_vm_readv and process_vm_writev), which
 * is all that puts and gets need.  Atomics have to be done by a CPU that has the word mapped: they
 * are asked of its owner, whose thread sleeps in a socket, does them, and answers.  So are puts of
 * one aligned word, which a program may poll and must not see by halves.
 *
 * Every operation is complete, at both ends, when the call returns.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "transport/transport.h"

enum {
    LOOK_MS = 1000,       /* between looks at whether a PE that should answer is alive */
    NAP_NS = 1000 * 1000, /* at most: nothing here can wake a waiting PE */
};

/* What the others must know of a PE. */
struct address {
    uint64_t mark; /* a secret of the job's: who knows it may ask for atomics */
    uint64_t mark_addr;
    int32_t pid;
    uint32_t socket_len;
    struct sockaddr_un socket;
};

struct request {
    uint64_t mark;
    uint64_t addr;
    uint64_t value;
    uint64_t expected;
    uint32_t op;
    uint32_t size; /* 0: the end */
};

struct shmi_net {
    struct address mine;
    struct address *peers;
    int n_pes;
    int fd; /* requests come here */
    pthread_t thread;
};

struct shmi_channel {
    struct shmi_net *net;
    int fd; /* answers come here */
};

/* A socket with a name that the kernel chooses. */
static int open_socket(void)
{
    const struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const void *)&unnamed, offsetof(struct sockaddr_un, sun_path)) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return fd < 0 ? -errno : fd;
}

/* ---- the owner's side */

static void *serve(void *arg)
{
    struct shmi_net *net = arg;
    for (;;) {
        struct request ask = {.size = 0};
        struct sockaddr_un whom;
        socklen_t len = sizeof(whom);
        ssize_t n = recvfrom(net->fd, &ask, sizeof(ask), 0, (void *)&whom, &len);
        if (n != (ssize_t)sizeof(ask) || ask.mark != net->mine.mark) {
            continue;
        }
        if (ask.size == 0) {
            return NULL;
        }
        uint64_t old = shmi_amo_cpu((void *)(uintptr_t)ask.addr, (enum shmi_amo_op)ask.op, ask.size,
                                    ask.value, ask.expected);
        sendto(net->fd, &old, sizeof(old), 0, (void *)&whom, len);
    }
}

static int start_serving(struct shmi_net *net)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&net->thread, NULL, serve, net);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

/* ---- opening and closing */

static int describe(struct shmi_net *net)
{
    socklen_t len = sizeof(net->mine.socket);
    if (getrandom(&net->mine.mark, sizeof(net->mine.mark), 0) != sizeof(net->mine.mark) ||
        getsockname(net->fd, (void *)&net->mine.socket, &len) != 0) {
        return -errno;
    }
    net->mine.mark_addr = (uintptr_t)&net->mine.mark;
    net->mine.pid = (int32_t)getpid();
    net->mine.socket_len = len;
    return 0;
}

static int cma_open(struct shmi_net **net, const struct shmi_services *services, int my_pe,
                    int n_pes, struct shmi_net_facts *facts)
{
    (void)services;
    (void)my_pe;
    struct shmi_net *mine = calloc(1, sizeof(*mine));
    snprintf(facts->what, sizeof(facts->what), "copies by the kernel, atomics by their owner");
    if (mine == NULL) {
        return -ENOMEM;
    }
    int rc = -ENOMEM;
    mine->n_pes = n_pes;
    mine->peers = calloc((size_t)n_pes, sizeof(*mine->peers));
    if (mine->peers == NULL) {
        goto free_net;
    }
    mine->fd = open_socket();
    if (mine->fd < 0) {
        rc = mine->fd;
        goto free_peers;
    }
    rc = describe(mine);
    rc = rc == 0 ? start_serving(mine) : rc;
    if (rc != 0) {
        goto close_socket;
    }
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* else some kernels let only parents in */
    facts->native4 = ~0u;
    facts->native8 = ~0u;
    facts->coherent = true;
    *net = mine;
    return 0;

close_socket:
    close(mine->fd);
free_peers:
    free(mine->peers);
free_net:
    free(mine);
    snprintf(facts->what, sizeof(facts->what), "cannot serve the other PEs");
    return rc;
}

static int cma_address(struct shmi_net *net, struct shmi_blob *mine)
{
    mine->len = sizeof(net->mine);
    mine->bytes = malloc(mine->len);
    if (mine->bytes == NULL) {
        return -ENOMEM;
    }
    memcpy(mine->bytes, &net->mine, mine->len);
    return 0;
}

/* Reading the peer's mark shows that it is on this node and that the kernel permits it. */
static int cma_connect(struct shmi_net *net, int pe, const struct shmi_blob *theirs)
{
    struct address *peer = &net->peers[pe];
    uint64_t mark = 0;
    memcpy(peer, theirs->bytes, shmi_min(theirs->len, sizeof(*peer)));
    struct iovec here = {.iov_base = &mark, .iov_len = sizeof(mark)};
    struct iovec there = {(void *)(uintptr_t)peer->mark_addr, sizeof(mark)};
    ssize_t n = process_vm_readv(peer->pid, &here, 1, &there, 1, 0);
    if (n != (ssize_t)sizeof(mark) || mark != peer->mark) {
        int error = n < 0 ? errno : ESRCH;
        errno = error;
        shmi_error("the kernel does not read the memory of PE %d (process %d) for this PE: %m; it "
                   "is on another node, or the right to trace it is missing",
                   pe, peer->pid);
        return -error;
    }
    return 0;
}

static void cma_close(struct shmi_net *net)
{
    struct request end = {.mark = net->mine.mark, .size = 0};
    while (sendto(net->fd, &end, sizeof(end), 0, (void *)&net->mine.socket, net->mine.socket_len) <
               0 &&
           errno == EINTR) {
    }
    pthread_join(net->thread, NULL);
    close(net->fd);
    free(net->peers);
    free(net);
}

static int cma_expose(struct shmi_net *net, const struct shmi_memory *mem, uint64_t *key)
{
    (void)net;
    if (mem->device != NULL) {
        return -ENOTSUP;
    }
    *key = 0;
    return 0;
}

static void cma_withdraw(struct shmi_net *net, const struct shmi_memory *mem, uint64_t key)
{
    (void)net;
    (void)mem;
    (void)key;
}

static int cma_channel_open(struct shmi_net *net, struct shmi_channel **ch)
{
    struct shmi_channel *mine = malloc(sizeof(*mine));
    if (mine == NULL) {
        return -ENOMEM;
    }
    *mine = (struct shmi_channel){.net = net, .fd = open_socket()};
    if (mine->fd < 0) {
        int rc = mine->fd;
        errno = -rc;
        shmi_error("cannot open a socket for answers of other PEs: %m");
        free(mine);
        return rc;
    }
    *ch = mine;
    return 0;
}

static void cma_channel_close(struct shmi_channel *ch)
{
    close(ch->fd);
    free(ch);
}

/* ---- the data path */

_Noreturn static void fail(const struct shmi_channel *ch, const char *what, struct shmi_remote at)
{
    shmi_fatal("a %s of PE %d (process %d) at %#lx failed: %m", what, at.pe,
               ch->net->peers[at.pe].pid, (unsigned long)at.addr);
}

/* The answer to what was asked; whoever does not answer may be dead. */
static uint64_t await_answer(struct shmi_channel *ch, struct shmi_remote at)
{
    uint64_t old = 0;
    for (;;) {
        struct pollfd event = {.fd = ch->fd, .events = POLLIN};
        int n = poll(&event, 1, LOOK_MS);
        if (n > 0 && recv(ch->fd, &old, sizeof(old), MSG_DONTWAIT) == (ssize_t)sizeof(old)) {
            return old;
        }
        if (n == 0 && kill(ch->net->peers[at.pe].pid, 0) != 0) {
            fail(ch, "atomic", at);
        }
    }
}

static void cma_amo(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                    enum shmi_when when)
{
    (void)when;
    const struct address *peer = &ch->net->peers[at.pe];
    const struct request ask = {
        .mark = peer->mark,
        .addr = at.addr,
        .value = amo->value,
        .expected = amo->expected,
        .op = amo->op,
        .size = amo->size,
    };
    while (sendto(ch->fd, &ask, sizeof(ask), 0, (const void *)&peer->socket, peer->socket_len) <
           0) {
        if (errno != EINTR) {
            fail(ch, "atomic", at);
        }
    }
    uint64_t old = await_answer(ch, at);
    if (amo->fetch != NULL) {
        shmi_bits_to(amo->fetch, old, amo->size);
    }
}

static void cma_put(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                    enum shmi_when when)
{
    if ((len == 4 || len == 8) && to.addr % len == 0) {
        struct shmi_amo set = {
            .op = SHMI_AMO_SET, .size = (unsigned)len, .value = shmi_bits_of(src, (unsigned)len)};
        cma_amo(ch, to, &set, when);
        return;
    }
    const char *from = src;
    while (len != 0) {
        struct iovec here = {(void *)(uintptr_t)from, len};
        struct iovec there = {(void *)(uintptr_t)to.addr, len};
        ssize_t n = process_vm_writev(ch->net->peers[to.pe].pid, &here, 1, &there, 1, 0);
        if (n <= 0) {
            fail(ch, "put to memory", to);
        }
        from += n;
        to.addr += (uint64_t)n;
        len -= (size_t)n;
    }
}

static void cma_get(struct shmi_channel *ch, void *dst, struct shmi_remote from, size_t len,
                    enum shmi_when when)
{
    (void)when;
    char *to = dst;
    while (len != 0) {
        struct iovec here = {to, len};
        struct iovec there = {(void *)(uintptr_t)from.addr, len};
        ssize_t n = process_vm_readv(ch->net->peers[from.pe].pid, &here, 1, &there, 1, 0);
        if (n <= 0) {
            fail(ch, "get from memory", from);
        }
        to += n;
        from.addr += (uint64_t)n;
        len -= (size_t)n;
    }
}

static void cma_put_signal(struct shmi_channel *ch, struct shmi_remote to, const void *src,
                           size_t len, struct shmi_remote sig, const struct shmi_amo *amo,
                           enum shmi_when when)
{
    cma_put(ch, to, src, len, when);
    cma_amo(ch, sig, amo, when);
}

static void cma_complete(struct shmi_channel *ch)
{
    (void)ch;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void cma_progress(struct shmi_net *net, uint64_t ns)
{
    (void)net;
    if (ns != 0) {
        struct timespec time = {.tv_nsec = (long)shmi_min(ns, NAP_NS)};
        nanosleep(&time, NULL);
    }
}

const struct shmi_transport shmi_transport_cma = {
    .abi = SHMI_TRANSPORT_ABI,
    .name = "cma",
    .open = cma_open,
    .address = cma_address,
    .connect = cma_connect,
    .close = cma_close,
    .expose = cma_expose,
    .withdraw = cma_withdraw,
    .channel_open = cma_channel_open,
    .channel_close = cma_channel_close,
    .put = cma_put,
    .get = cma_get,
    .amo = cma_amo,
    .put_signal = cma_put_signal,
    .fence = cma_complete,
    .quiet = cma_complete,
    .progress = cma_progress,
};
