/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ofi.h -- the libfabric module, as its own files see it.
 *
 * One endpoint of the process is the target of all peers; whoever progresses it serves them:
 * threads that wait in the library, or a thread of the module that sleeps while nobody asks.  The
 * first channel starts its operations there, too: then what two PEs send each other goes through
 * one connection, where the answers carry TCP's acknowledgements, which would otherwise cost each
 * receiver as much as a message.  Each further channel has an endpoint of its own, which no peer
 * addresses, so that channels do not disturb one another.
 *
 *     ofi_net.c       open, connect, close; what the provider can do
 *     ofi_start.c     libfabric's own start
 *     ofi_memory.c    registration: exposed memory, and private buffers
 *     ofi_channel.c   endpoints of channels, operations in flight and their completion
 *     ofi_data.c      put, get, amo, put_signal, fence, quiet
 *     ofi_progress.c  serving the peers
 *     ofi_bell.c      what wakes sleepers costs those who are awake
 */
#ifndef SHMI_OFI_H
#define SHMI_OFI_H

#include <pthread.h>
#include <rdma/fabric.h>
#include <rdma/fi_atomic.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "core/base/atomic.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "transport/transport.h"

enum {
    OFI_REGIONS = 64,  /* that a PE may have exposed at one time */
    OFI_SPARE = 16,    /* closed channels that are kept */
    OFI_OPS = 256,     /* of a channel, in flight */
    OFI_BOUNCE = 4096, /* private sources up to this length are copied, and reusable at once */
};

/* Exposed memory of this PE.  What the library calls the key is the region's number where peers
 * must know its base, and otherwise the provider's key. */
struct region {
    char *base;
    size_t len; /* 0: not in use */
    struct fid_mr *mr;
};

/* What a peer must know of a region where the provider counts addresses from its start. */
struct region_offer {
    uint64_t base;
    uint64_t key;
};

struct peer {
    fi_addr_t address;
    uint32_t n_regions;
    struct region_offer *regions;
};

/* What the provider rings for sleepers: it is written to, and its epoll descriptor watches it. */
struct bell {
    int fd; /* -1: there is none that could be stopped */
    int epoll;
    struct epoll_event event;
    unsigned sleepers; /* it rings while there are any */
};

struct shmi_net {
    const struct shmi_services *services;
    int my_pe, n_pes;
    struct fi_info *info;
    struct fi_info *channel_info; /* the same, but for the room for arrivals */
    struct fid_fabric *fabric;
    struct fid_domain *domain;
    struct fid_av *av;
    struct fid_ep *ep;       /* what peers address, and the first channel's */
    struct fid_cq *cq;       /* of what they ask for */
    struct fid_cq *first_cq; /* of what the first channel starts */
    int first_cq_fd;
    struct fid_cq *waking_cq; /* one of these: its descriptor, cq_fd, tells of what peers ask for */
    bool has_first;           /* there is a first channel */
    struct peer *peers;

    struct region regions[OFI_REGIONS];
    pthread_mutex_t regions_lock; /* regions and next_key */
    uint64_t next_key;
    bool is_closed_to_regions; /* the address, with the regions, has been given out */

    /* What the provider is like. */
    bool by_offset;    /* remote addresses count from the start of their region */
    bool local_mr;     /* local buffers must be registered */
    bool endpoint_mr;  /* and belong to an endpoint */
    bool is_ordered;   /* a write or an atomic is not seen before an earlier write */
    bool read_flushes; /* a read comes after earlier writes, and so proves them done */
    bool must_fetch;   /* an atomic that fetches nothing does harm */
    size_t inject_len;
    size_t piece_len; /* the longest single operation */
    long timeout;     /* seconds without an answer, 0 for ever */

    /* Serving the peers. */
    pthread_mutex_t serving; /* held while reading cq */
    pthread_mutex_t list;    /* of channels */
    struct shmi_channel *channels;
    struct shmi_channel *spare; /* closed, to be opened again: they keep their connections */
    int n_spare;
    unsigned visits;  /* by threads that wait in the library; tells the thread to rest */
    unsigned resting; /* of them, those that sleep just now */
    bool has_thread;
    bool is_closing;
    bool is_asleep;      /* the thread waits long: wake it when an operation is left behind */
    uint64_t warmth;     /* ns: how long to stay awake after something has arrived, */
    uint64_t warm_until; /* and so until when */
    bool is_crowded;     /* when a thread last yielded, somebody else took the core */
    int wake_fd;
    int cq_fd; /* -1 where the provider has no descriptor to wait on */
    struct bell bell;
    pthread_mutex_t bell_lock;
    pthread_t thread;
};

enum op_kind { OP_PUT, OP_GET, OP_AMO, OP_FLUSH };

/* An operation in flight.  The context is first: providers may keep notes in it. */
struct op {
    struct fi_context2 context;
    struct op *next; /* free */
    enum op_kind kind;
    unsigned epoch;  /* of the channel when this was started */
    bool is_awaited; /* somebody looks at is_done, and frees */
    bool is_done;
    bool is_reported; /* a put that is seen when it completes */
    struct shmi_remote remote;
    void *local; /* source or dest of the data */
    size_t len;
    void *desc;
    struct fid_mr *mr; /* registered for this operation alone */
    struct shmi_amo amo;
    void *copy_to; /* where the result goes when it is here */
    uint64_t operand, compare, result;
    char bounce[OFI_BOUNCE];
};

/* What a channel remembers of a PE it has written to since the last quiet. */
struct trace {
    bool is_listed; /* in the channel's list */
    bool is_dirty;  /* nothing in flight will prove the last write done */
    struct shmi_remote last;
};

/* What a channel has under way: nothing; what was sent, and is not known to have arrived;
 * operations that will complete. */
enum under_way { SETTLED, SENT, IN_FLIGHT };

struct shmi_channel {
    struct shmi_net *net;
    struct shmi_channel *next;
    bool is_first; /* ep and cq are the net's */
    struct fid_ep *ep;
    struct fid_cq *cq;
    int cq_fd;            /* -1 where the provider has no descriptor to wait on */
    struct fid_mr *mr;    /* of ops, where local buffers must be registered */
    pthread_mutex_t lock; /* the caller's against the module's thread and other waiters */
    struct op *ops, *free;
    unsigned n_fresh;         /* of ops, never used yet */
    unsigned in_flight;       /* operations that will complete */
    unsigned n_amos;          /* of these */
    unsigned epoch;           /* fences so far */
    unsigned n_fenced;        /* atomics in flight that no later put may overtake */
    uint64_t completed;       /* ever */
    enum under_way under_way; /* looked at unlocked */
    unsigned since_quiet;     /* puts and atomics */
    bool quiet_follows;       /* the last quiet came after a single put: the next may do so, too */
    struct trace *traces;     /* of all PEs */
    int *listed;
    int n_listed;
};

/* How long a wait has seen nothing happen. */
struct patience {
    unsigned rounds;
    bool is_long; /* so long that sleeping costs less than looking */
    uint64_t completed;
    uint64_t since; /* ns */
};

#define ofi_log(net, level, ...) ((net)->services->log((level), __FILE__, __LINE__, __VA_ARGS__))
#define ofi_debug(net, ...) \
    (*(net)->services->debugging ? ofi_log(net, SHMI_DEBUG, __VA_ARGS__) : (void)0)
#define ofi_fatal(net, ...) (ofi_log(net, SHMI_FATAL, __VA_ARGS__), abort())

/* ofi_net.c */
/* A completion queue, with a descriptor to sleep in where the provider has that; fd may be NULL. */
int shmi_ofi_queue(struct shmi_net *net, size_t size, struct fid_cq **cq, int *fd);
int shmi_ofi_endpoint(struct shmi_net *net, struct fi_info *info, struct fid_cq *started,
                      struct fid_cq *arrived, struct fid_ep **ep);

/* ofi_start.c */
void shmi_ofi_start(void);

/* ofi_memory.c */
int shmi_ofi_expose(struct shmi_net *net, const struct shmi_memory *mem, uint64_t *key);
void shmi_ofi_withdraw(struct shmi_net *net, const struct shmi_memory *mem, uint64_t key);
int shmi_ofi_register(struct shmi_net *net, struct fid_ep *ep, const void *base, size_t len,
                      struct fid_mr **mr);
/* The provider's descriptor of a local buffer of op, registered for it alone if it must be. */
void *shmi_ofi_describe(struct shmi_channel *ch, struct op *op, const void *base, size_t len);
/* An address and key as the provider wants them. */
struct region_offer shmi_ofi_remote(struct shmi_net *net, struct shmi_remote remote);

/* ofi_channel.c */
int shmi_ofi_channel_open(struct shmi_net *net, struct shmi_channel **ch);
void shmi_ofi_channel_close(struct shmi_channel *ch);
void shmi_ofi_channel_drop_spare(struct shmi_net *net);
/* All of these with the channel locked. */
struct op *shmi_ofi_op_take(struct shmi_channel *ch, enum op_kind kind, struct shmi_remote remote);
void shmi_ofi_op_free(struct shmi_channel *ch, struct op *op);
void shmi_ofi_op_await(struct shmi_channel *ch, struct op *op);
void shmi_ofi_await_all(struct shmi_channel *ch);
unsigned shmi_ofi_reap(struct shmi_channel *ch);
/* Nothing can go on: make progress, and lose patience in time.  op: what is waited for, or NULL. */
void shmi_ofi_linger(struct shmi_channel *ch, struct patience *patience, const struct op *op);
void shmi_ofi_op_failed(struct shmi_channel *ch, const struct op *op, const char *why)
    __attribute__((noreturn));

/* ofi_data.c */
void shmi_ofi_put(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                  enum shmi_when when);
void shmi_ofi_get(struct shmi_channel *ch, void *dst, struct shmi_remote from, size_t len,
                  enum shmi_when when);
void shmi_ofi_amo(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                  enum shmi_when when);
void shmi_ofi_put_signal(struct shmi_channel *ch, struct shmi_remote to, const void *src,
                         size_t len, struct shmi_remote sig, const struct shmi_amo *amo,
                         enum shmi_when when);
void shmi_ofi_fence(struct shmi_channel *ch);
void shmi_ofi_quiet(struct shmi_channel *ch);
unsigned shmi_ofi_native(struct fid_ep *ep, enum fi_datatype type);

/* ofi_progress.c */
int shmi_ofi_thread_start(struct shmi_net *net);
void shmi_ofi_thread_stop(struct shmi_net *net);
/* Somebody serves the peers: the thread may rest. */
void shmi_ofi_visit(struct shmi_net *net);
/* Serve the peers, unless another thread is at it. */
void shmi_ofi_serve(struct shmi_net *net);
void shmi_ofi_progress(struct shmi_net *net, uint64_t ns);
/* Sleep until one of the queues, the target's or those of the channels, has something to read, but
 * for ns at most.  True if there is something. */
bool shmi_ofi_rest(struct shmi_net *net, struct shmi_channel *const *channels, int n, uint64_t ns);
/* Between looks: let others have the core, more often where there are any. */
void shmi_ofi_yield(struct shmi_net *net, unsigned looks);
/* Operations are left to complete by themselves: someone must look after them. */
void shmi_ofi_leave_behind(struct shmi_net *net);

/* ofi_bell.c */
void shmi_ofi_bell_find(struct shmi_net *net);
/* Around each sleep in the net's descriptor, fi_trywait() included. */
void shmi_ofi_bell_on(struct shmi_net *net);
void shmi_ofi_bell_off(struct shmi_net *net);

#endif
