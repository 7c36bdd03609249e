/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs_serve.c -- the target's side: requests for links, and atomics that no adapter does.
 *
 * A thread that waits in the library serves while it waits.  For the rest of the time there is the
 * module's own, which sleeps until the adapter rings, and keeps out of the way of the others.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "transport/verbs.h"

enum {
    REST = 1,                      /* milliseconds that the thread stays away while others serve */
    NAP_LONGEST = 4 * 1000 * 1000, /* nanoseconds */
    DEPARTURES = 512
};

/* ---- what arrives -------------------------------------------------------------------------- */

static char *inbox_slot(struct shmi_net *net, uint64_t i)
{
    return net->inbox + i * VERBS_MESSAGE;
}

/* Slots below VERBS_ARRIVALS are for requests, the others for datagrams. */
static int post_arrival(struct shmi_net *net, uint64_t i)
{
    struct ibv_sge sge = {(uintptr_t)inbox_slot(net, i), VERBS_MESSAGE, net->inbox_mr->lkey};
    struct ibv_recv_wr *bad, wr = {.wr_id = i, .sg_list = &sge, .num_sge = 1};
    return i < VERBS_ARRIVALS ? ibv_post_srq_recv(net->srq, &wr, &bad)
                              : ibv_post_recv(net->datagrams, &wr, &bad);
}

void shmi_verbs_departures_reap(struct shmi_net *net, unsigned most)
{
    struct ibv_wc wc[8];
    while (net->n_departing >= most) {
        int n = ibv_poll_cq(net->departures, SHMI_COUNT(wc), wc);
        if (n < 0) {
            verbs_fatal(net, "%s lost its completion queue", net->name);
        }
        for (int i = 0; i < n; i++) {
            if (wc[i].status != IBV_WC_SUCCESS) { /* whoever waits for it will say what is wrong */
                verbs_debug(net, "an answer did not arrive: %s", ibv_wc_status_str(wc[i].status));
            }
        }
        net->n_departing -= (unsigned)n;
        if (n == 0) {
            sched_yield();
        }
    }
}

static void answer_request(struct shmi_net *net, const struct answerer *answerer,
                           const struct request *request, uint64_t old)
{
    uint64_t *value = (uint64_t *)(void *)(net->outbox + (size_t)VERBS_NOTES * VERBS_MESSAGE);
    bool is_inline = net->inline_len >= sizeof(*value);
    struct ibv_sge sge = {(uintptr_t)value, sizeof(*value), net->outbox_mr->lkey};
    struct ibv_send_wr *bad,
        wr = {
            .sg_list = &sge,
            .num_sge = 1,
            .opcode = IBV_WR_RDMA_WRITE_WITH_IMM,
            .send_flags = IBV_SEND_SIGNALED | (is_inline ? IBV_SEND_INLINE : 0),
            .imm_data = htonl(request->number),
            .wr.rdma = {.remote_addr = request->result, .rkey = request->result_key},
        };
    pthread_mutex_lock(&net->posting);
    shmi_verbs_departures_reap(net, is_inline ? DEPARTURES - 1 : 1);
    *value = old;
    int rc = ibv_post_send(answerer->qp, &wr, &bad);
    while (rc == ENOMEM && net->n_departing != 0) {
        shmi_verbs_departures_reap(net, net->n_departing);
        rc = ibv_post_send(answerer->qp, &wr, &bad);
    }
    if (rc != 0) {
        verbs_fatal(net, "%s cannot answer PE %u: %s", net->name, request->pe, strerror(rc));
    }
    net->n_departing++;
    pthread_mutex_unlock(&net->posting);
}

static void perform(struct shmi_net *net, const struct request *request)
{
    const struct answerer *answerer = shmi_verbs_answerer_of(net, request->pe, request->asker_qpn);
    void *word = (void *)(uintptr_t)request->addr;
    if (answerer == NULL) {
        return;
    }
    if (shmi_verbs_region_of(net, word, request->size) == NULL) {
        verbs_fatal(net, "an atomic of PE %u on %u bytes at %p, which this PE has not exposed",
                    request->pe, request->size, word);
    }
    uint64_t old = shmi_amo_cpu(word, (enum shmi_amo_op)request->op, request->size, request->value,
                                request->expected);
    answer_request(net, answerer, request, old);
}

static void take_arrival(struct shmi_net *net, const struct ibv_wc *wc)
{
    char *slot = inbox_slot(net, wc->wr_id);
    if (wc->status != IBV_WC_SUCCESS) { /* a peer that has gone */
        verbs_debug(net, "an arrival broke off: %s", ibv_wc_status_str(wc->status));
    } else if (wc->wr_id < VERBS_ARRIVALS) {
        struct request request;
        memcpy(&request, slot, sizeof(request));
        perform(net, &request);
    } else if (wc->byte_len >= VERBS_GRH + sizeof(struct note)) {
        struct note note;
        memcpy(&note, slot + VERBS_GRH, sizeof(note));
        shmi_verbs_answer(net, &note);
    }
    if (post_arrival(net, wc->wr_id) != 0) {
        verbs_debug(net, "a buffer for arrivals is lost");
    }
}

/* How many there were; -1 if another thread is at it. */
static int try_serve(struct shmi_net *net)
{
    struct ibv_wc wc[8];
    int n, all = 0;
    if (pthread_mutex_trylock(&net->serving) != 0) {
        return -1;
    }
    do {
        n = ibv_poll_cq(net->arrivals, SHMI_COUNT(wc), wc);
        for (int i = 0; i < n; i++) {
            take_arrival(net, &wc[i]);
            all++;
        }
    } while (n == SHMI_COUNT(wc));
    pthread_mutex_unlock(&net->serving);
    return all;
}

int shmi_verbs_serve(struct shmi_net *net)
{
    __atomic_fetch_add(&net->visits, 1, __ATOMIC_RELAXED);
    return try_serve(net);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* A ring wakes all who sleep in the bell, but those who come to look after it has been heard go on
 * sleeping: it is armed again for them.  What has come is looked at after this. */
static void hear_bell(struct shmi_net *net)
{
    struct ibv_cq *cq;
    void *unused;
    while (ibv_get_cq_event(net->bell, &cq, &unused) == 0) {
        ibv_ack_cq_events(cq, 1);
    }
    if (ibv_req_notify_cq(net->arrivals, 0) != 0) {
        verbs_fatal(net, "%s lost its completion queue", net->name);
    }
}

/* Until somebody asks for something, or the time is over.  Writes of peers ring no bell, so it is
 * no longer than a nap for memory of this node. */
static void doze(struct shmi_net *net, uint64_t ns)
{
    struct timespec time = {.tv_nsec = (long)shmi_min(ns, NAP_LONGEST)};
    struct pollfd bell = {.fd = net->bell->fd, .events = POLLIN};
    /* What came before the bell was armed does not ring: look once more. */
    if (ibv_req_notify_cq(net->arrivals, 0) == 0 && shmi_verbs_serve(net) > 0) {
        return;
    }
    if (ppoll(&bell, 1, &time, NULL) > 0) {
        hear_bell(net);
        shmi_verbs_serve(net);
    }
}

static unsigned reap_channels(struct shmi_net *net)
{
    unsigned n = 0;
    if (pthread_mutex_trylock(&net->list) != 0) {
        return 0;
    }
    for (struct shmi_channel *ch = net->channels; ch != NULL; ch = ch->next) {
        if (__atomic_load_n(&ch->is_unsettled, __ATOMIC_RELAXED) &&
            pthread_mutex_trylock(&ch->lock) == 0) {
            shmi_verbs_ring(ch, false);
            n += shmi_verbs_reap(ch);
            pthread_mutex_unlock(&ch->lock);
        }
    }
    pthread_mutex_unlock(&net->list);
    return n;
}

void shmi_verbs_progress(struct shmi_net *net, uint64_t ns)
{
    int served = shmi_verbs_serve(net);
    unsigned reaped = reap_channels(net);
    if (ns != 0 && served <= 0 && reaped == 0) {
        doze(net, ns);
    }
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Nothing can be done through a device that has failed, and waits would never end. */
static int gravity_of(enum ibv_event_type event)
{
    switch (event) {
    case IBV_EVENT_DEVICE_FATAL:
    case IBV_EVENT_CQ_ERR:
    case IBV_EVENT_SRQ_ERR:
        return SHMI_FATAL;
    case IBV_EVENT_PORT_ERR:
        return SHMI_WARN;
    default:
        return SHMI_DEBUG;
    }
}

static void hear_device(struct shmi_net *net)
{
    struct ibv_async_event event;
    if (ibv_get_async_event(net->device, &event) != 0) {
        return;
    }
    int level = gravity_of(event.event_type);
    if (level != SHMI_DEBUG || *net->services->debugging) {
        verbs_log(net, level, "%s: %s", net->name, ibv_event_type_str(event.event_type));
    }
    ibv_ack_async_event(&event);
}

static void sleep_until_rung(struct shmi_net *net, bool only_wake, int ms)
{
    struct pollfd fds[3] = {
        {.fd = net->wake_fd, .events = POLLIN},
        {.fd = only_wake ? -1 : net->bell->fd, .events = POLLIN},
        {.fd = only_wake ? -1 : net->device->async_fd, .events = POLLIN},
    };
    poll(fds, SHMI_COUNT(fds), ms);
    if ((fds[1].revents & POLLIN) != 0) {
        hear_bell(net);
    }
    if ((fds[2].revents & POLLIN) != 0) {
        hear_device(net);
    } else if ((fds[2].revents & (POLLERR | POLLHUP)) != 0) {
        verbs_fatal(net, "%s is no longer there", net->name);
    }
}

static void *serve_peers(void *arg)
{
    struct shmi_net *net = arg;
    unsigned seen = 0;
    while (!__atomic_load_n(&net->is_closing, __ATOMIC_ACQUIRE)) {
        unsigned visits = __atomic_load_n(&net->visits, __ATOMIC_RELAXED);
        /* What came before the bell was armed does not ring: look once more. */
        if (visits == seen && ibv_req_notify_cq(net->arrivals, 0) == 0 && try_serve(net) >= 0) {
            sleep_until_rung(net, false, -1);
        } else {
            seen = visits;
            sleep_until_rung(net, true, REST);
        }
    }
    return NULL;
}

int shmi_verbs_thread_start(struct shmi_net *net)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&net->thread, NULL, serve_peers, net);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    net->has_thread = rc == 0;
    return -rc;
}

void shmi_verbs_thread_stop(struct shmi_net *net)
{
    if (net->has_thread) {
        __atomic_store_n(&net->is_closing, true, __ATOMIC_RELEASE);
        eventfd_write(net->wake_fd, 1);
        pthread_join(net->thread, NULL);
        net->has_thread = false;
    }
}

/* ---- open and close ------------------------------------------------------------------------ */

static char *buffer(struct shmi_net *net, size_t len, struct ibv_mr **mr)
{
    char *made = aligned_alloc(4096, shmi_round_up(len, 4096));
    if (made != NULL) {
        *mr = ibv_reg_mr(net->pd, made, len, IBV_ACCESS_LOCAL_WRITE);
    }
    return made;
}

static int open_queues(struct shmi_net *net)
{
    struct ibv_srq_init_attr srq = {.attr = {.max_wr = VERBS_ARRIVALS, .max_sge = 1}};
    net->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    net->bell = ibv_create_comp_channel(net->device);
    if (net->bell == NULL || net->wake_fd < 0 || fcntl(net->bell->fd, F_SETFL, O_NONBLOCK) != 0) {
        return -errno;
    }
    net->arrivals = ibv_create_cq(net->device, 2 * VERBS_ARRIVALS, NULL, net->bell, 0);
    net->departures = ibv_create_cq(net->device, DEPARTURES, NULL, NULL, 0);
    net->srq = ibv_create_srq(net->pd, &srq);
    return net->arrivals == NULL || net->departures == NULL || net->srq == NULL ? -errno : 0;
}

int shmi_verbs_target_open(struct shmi_net *net)
{
    int rc = open_queues(net);
    if (rc == 0) {
        net->inbox = buffer(net, 2 * VERBS_ARRIVALS * VERBS_MESSAGE, &net->inbox_mr);
        net->outbox = buffer(net, (VERBS_NOTES + 1) * VERBS_MESSAGE, &net->outbox_mr);
        rc = net->inbox_mr == NULL || net->outbox_mr == NULL ? -ENOMEM : 0;
    }
    if (rc == 0) {
        rc = shmi_verbs_datagrams_open(net);
    }
    for (uint64_t i = 0; i < 2 * VERBS_ARRIVALS && rc == 0; i++) {
        rc = -post_arrival(net, i);
    }
    return rc;
}

void shmi_verbs_target_close(struct shmi_net *net)
{
    shmi_verbs_answerers_drop(net);
    if (net->datagrams != NULL) {
        ibv_destroy_qp(net->datagrams);
    }
    if (net->srq != NULL) {
        ibv_destroy_srq(net->srq);
    }
    if (net->arrivals != NULL) {
        ibv_destroy_cq(net->arrivals);
    }
    if (net->departures != NULL) {
        ibv_destroy_cq(net->departures);
    }
    if (net->bell != NULL) {
        ibv_destroy_comp_channel(net->bell);
    }
    if (net->inbox_mr != NULL) {
        ibv_dereg_mr(net->inbox_mr);
    }
    if (net->outbox_mr != NULL) {
        ibv_dereg_mr(net->outbox_mr);
    }
    free(net->inbox);
    free(net->outbox);
    if (net->wake_fd >= 0) {
        close(net->wake_fd);
    }
}
