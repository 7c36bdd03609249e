/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs_link.c -- links: asked for by one PE, answered by another.
 *
 * Both notes are datagrams and may be lost: the asker repeats its own until the answer is here, and
 * the other end answers a repeated one as it did before.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transport/verbs.h"

#define MAGIC 0x6e707632u

/* Nanoseconds until a note is repeated: at first, and at most. */
#define REPEAT_FIRST 50000000u
#define REPEAT_MOST  1000000000u

/* A note of this PE about one end of a link. */
static struct note note_of(struct shmi_net *net, uint32_t asker_qpn, const struct ibv_qp *qp,
                           uint32_t psn)
{
    return (struct note){
        .magic = MAGIC,
        .pe = (uint32_t)net->my_pe,
        .asker_qpn = asker_qpn,
        .qpn = qp->qp_num,
        .psn = psn,
        .hello = net->hello,
    };
}

static void send_note(struct shmi_net *net, int pe, const struct note *note)
{
    struct peer *peer = &net->peers[pe];
    pthread_mutex_lock(&net->posting);
    if (peer->ah == NULL) {
        peer->ah = shmi_verbs_ah(net, &peer->hello);
    }
    if (peer->ah == NULL) {
        verbs_fatal(net,
                    "%s finds no way to PE %d: %m; the GIDs of the PEs must be of one kind "
                    "and network (SHMEM_VERBS_GID)",
                    net->name, pe);
    }
    shmi_verbs_departures_reap(net, VERBS_NOTES);
    char *slot = net->outbox + (size_t)(net->next_note++ % VERBS_NOTES) * VERBS_MESSAGE;
    memcpy(slot, note, sizeof(*note));
    struct ibv_sge sge = {(uintptr_t)slot, sizeof(*note), net->outbox_mr->lkey};
    struct ibv_send_wr *bad, wr = {
                                 .sg_list = &sge,
                                 .num_sge = 1,
                                 .opcode = IBV_WR_SEND,
                                 .send_flags = IBV_SEND_SIGNALED,
                                 .wr.ud = {.ah = peer->ah,
                                           .remote_qpn = peer->hello.qpn,
                                           .remote_qkey = peer->hello.qkey},
                             };
    errno = ibv_post_send(net->datagrams, &wr, &bad);
    if (errno != 0) {
        verbs_fatal(net, "%s cannot send to PE %d: %m", net->name, pe);
    }
    net->n_departing++;
    pthread_mutex_unlock(&net->posting);
}

/* ---- the asker ----------------------------------------------------------------------------- */

static void unlist(struct shmi_net *net, struct link *link)
{
    pthread_mutex_lock(&net->posting);
    struct link **at = &net->asking;
    while (*at != link) {
        at = &(*at)->next_asking;
    }
    *at = link->next_asking;
    pthread_mutex_unlock(&net->posting);
}

static void enlist(struct shmi_net *net, struct link *link)
{
    pthread_mutex_lock(&net->posting);
    link->next_asking = net->asking;
    net->asking = link;
    pthread_mutex_unlock(&net->posting);
}

/* Until the answer is here, or the time for this try is over. */
static bool await_answer(struct shmi_net *net, struct link *link, uint64_t until)
{
    for (unsigned rounds = 0; !__atomic_load_n(&link->is_answered, __ATOMIC_ACQUIRE); rounds++) {
        if (shmi_now_ns() > until) {
            return false;
        }
        shmi_verbs_serve(net);
        if (rounds > 50) { /* the other end has to wake up, maybe on this core */
            usleep(50);
        }
    }
    return true;
}

static void ask(struct shmi_net *net, struct link *link)
{
    struct note note = note_of(net, link->qp->qp_num, link->qp, link->psn);
    uint64_t begun = shmi_now_ns(), interval = REPEAT_FIRST;
    enlist(net, link);
    send_note(net, link->pe, &note);
    while (!await_answer(net, link, shmi_now_ns() + interval)) {
        if (net->timeout != 0 && shmi_now_ns() - begun > (uint64_t)net->timeout * 1000000000u) {
            verbs_fatal(net,
                        "PE %d does not answer a request for a connection for %ld seconds "
                        "(SHMEM_NET_TIMEOUT): it has ended, or %s does not reach it",
                        link->pe, net->timeout, net->name);
        }
        interval = shmi_min(2 * interval, REPEAT_MOST);
        send_note(net, link->pe, &note);
    }
    unlist(net, link);
}

static int post_receives(struct link *link)
{
    struct ibv_recv_wr *bad, wr = {.wr_id = VERBS_RECEIVE | (uint64_t)link->pe << 32};
    int rc = 0;
    for (int i = 0; i < VERBS_REQUESTS && rc == 0; i++) {
        rc = ibv_post_recv(link->qp, &wr, &bad);
    }
    return rc;
}

static int make_pair(struct link *link)
{
    struct shmi_channel *ch = link->ch;
    struct shmi_net *net = ch->net;
    struct ibv_qp_init_attr init = {
        .qp_type = IBV_QPT_RC,
        .send_cq = ch->cq,
        .recv_cq = ch->cq,
        .cap = {.max_send_wr = (uint32_t)net->depth,
                .max_recv_wr = VERBS_REQUESTS,
                .max_send_sge = 1,
                .max_recv_sge = 1},
    };
    link->qp = shmi_verbs_pair_new(net, &init);
    if (link->qp == NULL) {
        return errno;
    }
    link->mr = ibv_reg_mr(net->pd, link->results, sizeof(link->results), IBV_ACCESS_LOCAL_WRITE);
    return link->mr == NULL ? errno : post_receives(link);
}

struct link *shmi_verbs_link_make(struct shmi_channel *ch, int pe)
{
    struct shmi_net *net = ch->net;
    shmi_verbs_ring(ch, false); /* this takes its time */
    struct link *link = aligned_alloc(4096, shmi_round_up(sizeof(*link), 4096));
    if (link == NULL) {
        verbs_fatal(net, "no memory for a connection to PE %d", pe);
    }
    *link = (struct link){.ch = ch, .pe = pe, .psn = shmi_verbs_random(), .fences = ch->fences};
    errno = make_pair(link);
    if (errno != 0) {
        verbs_fatal(net, "%s cannot make a queue pair for PE %d: %m", net->name, pe);
    }
    ask(net, link);
    errno = -shmi_verbs_pair_connect(net, link->qp, link->psn, &link->answer);
    if (errno != 0) {
        verbs_fatal(net, "%s cannot connect to PE %d: %m", net->name, pe);
    }
    link->next = ch->made;
    ch->made = link;
    return link;
}

void shmi_verbs_link_drop(struct link *link)
{
    ibv_destroy_qp(link->qp);
    ibv_dereg_mr(link->mr);
    free(link);
}

/* ---- the answerer -------------------------------------------------------------------------- */

static void take_answer(struct shmi_net *net, const struct note *note)
{
    pthread_mutex_lock(&net->posting);
    for (struct link *link = net->asking; link != NULL; link = link->next_asking) {
        bool is_it = link->qp->qp_num == note->asker_qpn && link->pe == (int)note->pe;
        if (is_it && !link->is_answered) {
            link->answer = *note;
            __atomic_store_n(&link->is_answered, true, __ATOMIC_RELEASE); /* see await_answer */
        }
    }
    pthread_mutex_unlock(&net->posting);
}

struct answerer *shmi_verbs_answerer_of(struct shmi_net *net, uint32_t pe, uint32_t asker_qpn)
{
    struct answerer *found = pe < (uint32_t)net->n_pes ? net->peers[pe].answerers : NULL;
    while (found != NULL && found->asker_qpn != asker_qpn) {
        found = found->next;
    }
    return found;
}

static struct answerer *make_answerer(struct shmi_net *net, const struct note *note)
{
    struct answerer *made = malloc(sizeof(*made));
    struct ibv_qp_init_attr init = {
        .qp_type = IBV_QPT_RC,
        .send_cq = net->departures,
        .recv_cq = net->arrivals,
        .srq = net->srq,
        .cap = {.max_send_wr = VERBS_REQUESTS + 1, .max_send_sge = 1},
    };
    if (made == NULL) {
        return NULL;
    }
    *made = (struct answerer){.asker_qpn = note->asker_qpn, .psn = shmi_verbs_random()};
    made->qp = shmi_verbs_pair_new(net, &init);
    if (made->qp == NULL) {
        free(made);
        return NULL;
    }
    errno = -shmi_verbs_pair_connect(net, made->qp, made->psn, note);
    if (errno != 0) {
        int error = errno;
        ibv_destroy_qp(made->qp);
        free(made);
        errno = error;
        return NULL;
    }
    return made;
}

void shmi_verbs_answer(struct shmi_net *net, const struct note *note)
{
    if (note->magic != MAGIC || note->pe >= (uint32_t)net->n_pes) {
        return;
    }
    if (note->is_answer) {
        take_answer(net, note);
        return;
    }
    struct peer *peer = &net->peers[note->pe];
    struct answerer *answerer = shmi_verbs_answerer_of(net, note->pe, note->asker_qpn);
    if (answerer == NULL) {
        peer->hello = note->hello; /* it may be here before the library tells us of that PE */
        answerer = make_answerer(net, note);
        if (answerer == NULL) {
            verbs_fatal(net, "%s cannot accept a connection of PE %u: %m", net->name, note->pe);
        }
        answerer->next = peer->answerers;
        peer->answerers = answerer;
    }
    struct note mine = note_of(net, note->asker_qpn, answerer->qp, answerer->psn);
    mine.is_answer = true;
    send_note(net, (int)note->pe, &mine);
}

void shmi_verbs_answerers_drop(struct shmi_net *net)
{
    for (int pe = 0; pe < net->n_pes; pe++) {
        struct peer *peer = &net->peers[pe];
        while (peer->answerers != NULL) {
            struct answerer *answerer = peer->answerers;
            peer->answerers = answerer->next;
            ibv_destroy_qp(answerer->qp);
            free(answerer);
        }
        if (peer->ah != NULL) {
            ibv_destroy_ah(peer->ah);
        }
    }
}
