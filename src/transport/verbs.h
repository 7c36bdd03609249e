/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs.h -- the libibverbs module, as its own files see it.
 *
 * A channel has a reliable queue pair of its own to every PE it has ever spoken to, a `link`, and
 * one completion queue for all of them.  At the other end of a link stands an `answerer`, made on
 * demand: it asks for nothing itself, and answers what the adapter cannot do alone.  So links are
 * asked for, by datagrams, when they are first needed, and a PE knows of the others no more than an
 * address of 40 bytes.
 *
 *     verbs_net.c       open, connect, close
 *     verbs_device.c    choice of device, port and GID
 *     verbs_memory.c    registration: exposed memory, and private buffers
 *     verbs_pair.c      queue pairs and their states
 *     verbs_link.c      links: asked for, answered
 *     verbs_serve.c     the target's side, and the thread that sleeps there
 *     verbs_channel.c   a channel's life, the completion of what was posted, and what went wrong
 *     verbs_post.c      work requests, and the doorbell behind which they wait
 *     verbs_data.c      put, get, put_signal, fence, quiet
 *     verbs_amo.c       atomics: the adapter's, and the owner's
 */
#ifndef SHMI_VERBS_H
#define SHMI_VERBS_H

#include <infiniband/verbs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "transport/transport.h"

enum {
    VERBS_DEPTH = 128,      /* work requests posted on a link */
    VERBS_SIGNAL = 16,      /* every so many of them one reports */
    VERBS_INLINE = 256,     /* bytes within a work request, where the device can */
    VERBS_REQUESTS = 32,    /* of a channel to owners of words, unanswered */
    VERBS_ARRIVALS = 512,   /* buffers for owners' requests, and for datagrams */
    VERBS_NOTES = 32,       /* datagrams on their way */
    VERBS_BOUNCE = 8192,    /* private buffers are copied in pieces of this length */
    VERBS_BOUNCES = 32,     /* such pieces of a channel in flight */
    VERBS_COPIED = 65536,   /* longer private buffers are registered instead, ... */
    VERBS_PINNED = 1 << 20, /* ... in pieces of this length */
    VERBS_BATCH = 8,        /* work requests posted with one doorbell */
    VERBS_REGIONS = 64,     /* that a PE may have exposed at one time */
    VERBS_MESSAGE = 256,    /* room for one of the messages below */
    VERBS_GRH = 40,         /* what stands before a datagram */
};

/* In the number of a work request: it is one for an arrival. */
#define VERBS_RECEIVE ((uint64_t)1 << 63)

/* Who does the atomics on words of 8 bytes of a PE; those on 4 bytes are always the owner's. */
enum verbs_atomics { VERBS_BY_OWNER, VERBS_BY_DEVICE };

/* What a PE tells the others of itself. */
struct hello {
    union ibv_gid gid;
    uint32_t qpn;  /* for datagrams */
    uint32_t qkey; /* nobody else's datagrams arrive */
    uint16_t lid;
    uint8_t mtu;
    uint8_t atomics; /* enum verbs_atomics */
    uint8_t reads;   /* reads and atomics that a queue pair of the PE answers at one time */
    uint8_t is_roce;
    uint8_t spare[2];
};

/* A datagram: one end of a link, to be or made. */
struct note {
    uint32_t magic;
    uint32_t is_answer;
    uint32_t pe;        /* who speaks */
    uint32_t asker_qpn; /* names the link */
    uint32_t qpn, psn;  /* the speaker's end */
    struct hello hello; /* the speaker */
};

/* Sent on a link: an atomic for the owner of the word to do.  The old value is written to `result`,
 * with `number` beside it. */
struct request {
    uint64_t addr, value, expected, result;
    uint32_t op, size;
    uint32_t pe, asker_qpn; /* the answerer, to the owner */
    uint32_t result_key, number;
};

struct answerer {
    struct answerer *next;
    struct ibv_qp *qp;
    uint32_t asker_qpn, psn;
};

struct peer {
    struct hello hello;
    struct ibv_ah *ah;          /* once a datagram was sent there */
    struct answerer *answerers; /* at this PE, of that PE's links */
};

/* Exposed memory of this PE. */
struct region {
    char *base;
    size_t len;
    struct ibv_mr *mr;
};

struct shmi_net {
    const struct shmi_services *services;
    int my_pe, n_pes;
    struct ibv_context *device;
    struct ibv_device_attr attr;
    struct ibv_port_attr port_attr;
    struct ibv_pd *pd;
    uint8_t port, gid_index;
    char name[80]; /* "mlx5_0 port 1, RoCE v2 10.0.0.1" */
    struct hello hello;
    size_t inline_len, piece_len;
    int depth, signal_every; /* of work requests on a link */
    uint8_t ack_timeout;
    long timeout; /* seconds without an answer, 0 for ever */
    struct peer *peers;

    pthread_mutex_t regions_lock; /* changes of regions */
    struct region regions[VERBS_REGIONS];
    int n_regions; /* regions ever used */

    /* The target's side.  `serving` is held while looking at what has arrived. */
    pthread_mutex_t serving;
    struct ibv_comp_channel *bell;
    struct ibv_cq *arrivals, *departures;
    struct ibv_srq *srq;
    char *inbox, *outbox; /* VERBS_ARRIVALS messages for the owner, as many datagrams; notes */
    struct ibv_mr *inbox_mr, *outbox_mr;
    unsigned n_departing;
    pthread_mutex_t posting; /* of datagrams and answers; n_departing, next_note, ahs */
    struct ibv_qp *datagrams;
    unsigned next_note;
    struct link *asking; /* links not yet answered; under posting */

    pthread_mutex_t list; /* of channels */
    struct shmi_channel *channels, *spare;
    unsigned visits; /* by threads that wait in the library: the thread may rest */
    bool is_closing;
    int wake_fd;
    bool has_thread;
    pthread_t thread;
};

enum job_kind { JOB_PUT, JOB_GET, JOB_AMO, JOB_REQUEST, JOB_FLUSH };

/* What is to be done when a posted work request is complete, and known for messages. */
struct job {
    enum job_kind kind;
    struct shmi_remote remote;
    size_t len;
    void *copy_to; /* the result goes there, from `from` */
    const void *from;
    int bounce;        /* to be given back, or -1 */
    struct ibv_mr *mr; /* registered for this alone, or NULL */
};

struct link {
    struct shmi_channel *ch;
    struct link *next; /* of the channel */
    int pe;
    struct ibv_qp *qp;
    uint32_t psn;
    uint64_t posted, done; /* work requests, ever */
    uint64_t signalled;    /* of these, the last that reports, plus one */
    uint64_t amos;         /* the last atomic, plus one */
    unsigned fences;       /* of the channel, that have been obeyed here */
    struct link *next_asking;
    bool is_answered;
    struct note answer;
    struct ibv_mr *mr; /* of results */
    struct job jobs[VERBS_DEPTH];
    uint64_t results[VERBS_DEPTH]; /* where the adapter leaves old values */
};

/* A request to an owner, unanswered. */
struct pending {
    bool is_used, is_answered, is_awaited;
    unsigned size;
    void *fetch;
    struct shmi_remote remote;
};

/* Work requests of one link that the adapter does not know of yet. */
struct batch {
    struct link *link;
    int n;
    struct ibv_send_wr wr[VERBS_BATCH];
    struct ibv_sge sge[VERBS_BATCH];
};

struct shmi_channel {
    struct shmi_net *net;
    struct shmi_channel *next;
    pthread_mutex_t lock; /* the caller's against others that make progress */
    struct ibv_cq *cq;
    struct link **links; /* by PE */
    struct link *made;   /* the same as a list */
    uint64_t completed;  /* completions, ever */
    unsigned reports;    /* completions to come */
    unsigned reports_most;
    unsigned fences;
    unsigned n_pending;
    bool is_unsettled; /* something was posted since the last quiet */
    struct batch batch;
    struct pending pending[VERBS_REQUESTS];
    uint64_t answers[VERBS_REQUESTS];
    struct ibv_mr *answers_mr;
    char *bounce; /* VERBS_BOUNCES pieces, made when first needed */
    struct ibv_mr *bounce_mr;
    int free_bounces[VERBS_BOUNCES];
    int n_free_bounces;
};

/* How long a wait has seen nothing happen. */
struct patience {
    unsigned rounds;
    uint64_t completed, since;
};

/* A local buffer as the adapter wants it. */
struct local {
    const void *addr;
    uint32_t key;
    int bounce;
    struct ibv_mr *mr;
    bool is_inline;
};

#define verbs_log(net, level, ...) ((net)->services->log((level), __FILE__, __LINE__, __VA_ARGS__))
#define verbs_debug(net, ...) \
    (*(net)->services->debugging ? verbs_log(net, SHMI_DEBUG, __VA_ARGS__) : (void)0)
#define verbs_fatal(net, ...) (verbs_log(net, SHMI_FATAL, __VA_ARGS__), abort())

/* verbs_net.c */
const char *shmi_verbs_config(struct shmi_net *net, const char *name, char *buffer, size_t len);

/* verbs_device.c: 0, or -ENODEV with the reason in what. */
int shmi_verbs_find_device(struct shmi_net *net, char *what, size_t len);

/* verbs_memory.c */
int shmi_verbs_expose(struct shmi_net *net, const struct shmi_memory *mem, uint64_t *key);
void shmi_verbs_withdraw(struct shmi_net *net, const struct shmi_memory *mem, uint64_t key);
/* The key of exposed memory, or 0. */
const struct ibv_mr *shmi_verbs_region_of(struct shmi_net *net, const void *base, size_t len);
/* A piece of the channel's bounce buffer, waiting for one. */
int shmi_verbs_bounce_take(struct shmi_channel *ch);
char *shmi_verbs_bounce_at(struct shmi_channel *ch, int i);

/* verbs_pair.c */
struct ibv_qp *shmi_verbs_pair_new(struct shmi_net *net, struct ibv_qp_init_attr *init);
int shmi_verbs_pair_connect(struct shmi_net *net, struct ibv_qp *qp, uint32_t psn,
                            const struct note *other);
struct ibv_ah *shmi_verbs_ah(struct shmi_net *net, const struct hello *hello);
int shmi_verbs_datagrams_open(struct shmi_net *net);
uint32_t shmi_verbs_random(void);

/* verbs_link.c */
struct link *shmi_verbs_link_make(struct shmi_channel *ch, int pe);
void shmi_verbs_link_drop(struct link *link);
void shmi_verbs_answer(struct shmi_net *net, const struct note *note); /* while serving */
struct answerer *shmi_verbs_answerer_of(struct shmi_net *net, uint32_t pe, uint32_t asker_qpn);
void shmi_verbs_answerers_drop(struct shmi_net *net);

/* verbs_serve.c */
int shmi_verbs_target_open(struct shmi_net *net);
void shmi_verbs_target_close(struct shmi_net *net);
int shmi_verbs_serve(struct shmi_net *net); /* how many; -1 if another thread is at it */
void shmi_verbs_progress(struct shmi_net *net, uint64_t ns);
/* With posting held: wait until one more may leave. */
void shmi_verbs_departures_reap(struct shmi_net *net, unsigned most);
int shmi_verbs_thread_start(struct shmi_net *net);
void shmi_verbs_thread_stop(struct shmi_net *net);

/* verbs_channel.c; all but open and close with the channel locked. */
int shmi_verbs_channel_open(struct shmi_net *net, struct shmi_channel **ch);
void shmi_verbs_channel_close(struct shmi_channel *ch);
void shmi_verbs_channels_drop(struct shmi_net *net);
struct link *shmi_verbs_link_of(struct shmi_channel *ch, int pe);
unsigned shmi_verbs_reap(struct shmi_channel *ch);
void shmi_verbs_describe(const struct job *job, char *text, size_t len);
void shmi_verbs_linger(struct shmi_channel *ch, struct patience *patience, const struct job *job,
                       const char *what);

static inline struct job *shmi_verbs_job_of(struct link *link, uint64_t seq)
{
    return &link->jobs[seq % VERBS_DEPTH];
}

/* verbs_post.c; with the channel locked. */
/* A work request, and what is known of it: to be completed by the caller before anything waits. */
struct ibv_send_wr *shmi_verbs_next(struct link *link, enum job_kind kind,
                                    struct shmi_remote remote, size_t len, struct job **job);
/* Let the adapter know of all there are; the last reports if somebody wants to know its end. */
void shmi_verbs_ring(struct shmi_channel *ch, bool report);
/* The same for small ones that quiet will complete: they may wait for company. */
void shmi_verbs_ring_later(struct link *link);
void shmi_verbs_await(struct link *link, uint64_t upto);
void shmi_verbs_flush(struct shmi_channel *ch);
void shmi_verbs_await_requests(struct shmi_channel *ch);

/* verbs_data.c */
void shmi_verbs_put(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                    enum shmi_when when);
void shmi_verbs_get(struct shmi_channel *ch, void *dst, struct shmi_remote from, size_t len,
                    enum shmi_when when);
void shmi_verbs_put_signal(struct shmi_channel *ch, struct shmi_remote to, const void *src,
                           size_t len, struct shmi_remote sig, const struct shmi_amo *amo,
                           enum shmi_when when);
void shmi_verbs_fence(struct shmi_channel *ch);
void shmi_verbs_quiet(struct shmi_channel *ch);

/* verbs_amo.c */
void shmi_verbs_amo(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                    enum shmi_when when);
/* The work request of an atomic of the adapter's, or of a set. */
void shmi_verbs_amo_next(struct link *link, struct shmi_remote at, const struct shmi_amo *amo);
bool shmi_verbs_is_native(const struct shmi_net *net, int pe, const struct shmi_amo *amo);
void shmi_verbs_answered(struct shmi_channel *ch, unsigned number);

#endif
