/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs_channel.c -- a channel's life, the completion of what was posted, and what went wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "transport/verbs.h"

/* Rounds of an unsuccessful wait: between looks at the peers' requests, before others may have the
 * core, and between looks at the clock. */
enum { ROUNDS_SERVE = 32, ROUNDS_YIELD = 128, ROUNDS_CLOCK = 2048 };
enum { REPORTS = 512 };

/* ---- life ---------------------------------------------------------------------------------- */

static void release(struct shmi_channel *ch)
{
    while (ch->made != NULL) {
        struct link *link = ch->made;
        ch->made = link->next;
        shmi_verbs_link_drop(link);
    }
    if (ch->cq != NULL) {
        ibv_destroy_cq(ch->cq);
    }
    if (ch->answers_mr != NULL) {
        ibv_dereg_mr(ch->answers_mr);
    }
    if (ch->bounce_mr != NULL) {
        ibv_dereg_mr(ch->bounce_mr);
    }
    free(ch->bounce);
    free(ch->links);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

static int make(struct shmi_channel *ch)
{
    struct shmi_net *net = ch->net;
    int entries = (int)shmi_min(REPORTS + VERBS_REQUESTS, (size_t)net->attr.max_cqe);
    ch->reports_most = (unsigned)entries - VERBS_REQUESTS;
    ch->links = calloc((size_t)net->n_pes, sizeof(struct link *));
    if (ch->links == NULL) {
        return -ENOMEM;
    }
    ch->cq = ibv_create_cq(net->device, entries, NULL, NULL, 0);
    ch->answers_mr = ibv_reg_mr(net->pd, ch->answers, sizeof(ch->answers),
                                IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
    return ch->cq == NULL || ch->answers_mr == NULL ? -errno : 0;
}

static struct shmi_channel *take_spare(struct shmi_net *net)
{
    pthread_mutex_lock(&net->list);
    struct shmi_channel *spare = net->spare;
    if (spare != NULL) {
        net->spare = spare->next;
    }
    pthread_mutex_unlock(&net->list);
    return spare;
}

/* Closed channels keep their links, and are opened again. */
int shmi_verbs_channel_open(struct shmi_net *net, struct shmi_channel **ch)
{
    struct shmi_channel *mine = take_spare(net);
    if (mine == NULL) {
        mine = calloc(1, sizeof(*mine));
        if (mine == NULL) {
            return -ENOMEM;
        }
        mine->net = net;
        pthread_mutex_init(&mine->lock, NULL);
        int rc = make(mine);
        if (rc != 0) {
            verbs_log(net, SHMI_ERROR, "%s cannot open one more channel: %s", net->name,
                      strerror(-rc));
            release(mine);
            return rc;
        }
    }
    pthread_mutex_lock(&net->list);
    mine->next = net->channels;
    net->channels = mine;
    pthread_mutex_unlock(&net->list);
    *ch = mine;
    return 0;
}

void shmi_verbs_channel_close(struct shmi_channel *ch)
{
    struct shmi_net *net = ch->net;
    shmi_verbs_quiet(ch);
    pthread_mutex_lock(&net->list);
    for (struct shmi_channel **at = &net->channels; *at != NULL; at = &(*at)->next) {
        if (*at == ch) {
            *at = ch->next;
            break;
        }
    }
    ch->next = net->spare;
    net->spare = ch;
    pthread_mutex_unlock(&net->list);
}

void shmi_verbs_channels_drop(struct shmi_net *net)
{
    for (struct shmi_channel *ch = take_spare(net); ch != NULL; ch = take_spare(net)) {
        release(ch);
    }
}

struct link *shmi_verbs_link_of(struct shmi_channel *ch, int pe)
{
    if (shmi_unlikely(ch->links[pe] == NULL)) {
        ch->links[pe] = shmi_verbs_link_make(ch, pe);
    }
    return ch->links[pe];
}

/* ---- failure ------------------------------------------------------------------------------- */

void shmi_verbs_describe(const struct job *job, char *text, size_t len)
{
    static const char *const names[] = {"put", "get", "atomic", "atomic by its owner", "quiet"};
    snprintf(text, len, "%s of %zu bytes at %#" PRIx64 " of PE %d", names[job->kind], job->len,
             job->remote.addr, job->remote.pe);
}

static const char *cause_of(enum ibv_wc_status status)
{
    switch (status) {
    case IBV_WC_RETRY_EXC_ERR:
    case IBV_WC_RNR_RETRY_EXC_ERR:
    case IBV_WC_RESP_TIMEOUT_ERR:
        return "the PE has ended, or the network to it is down; SHMEM_NET_TIMEOUT says how long "
               "to try";
    case IBV_WC_REM_ACCESS_ERR:
    case IBV_WC_REM_INV_REQ_ERR:
        return "the address is not in memory that the PE lets others reach";
    case IBV_WC_LOC_PROT_ERR:
        return "the local buffer is not memory that the adapter may use";
    default:
        return "the adapter gives no further reason";
    }
}

/* The number of a work request of this link by its low half. */
static uint64_t seq_of(const struct link *link, uint64_t wr_id)
{
    return link->done + (uint32_t)((uint32_t)wr_id - (uint32_t)link->done);
}

static void fail(struct shmi_channel *ch, const struct ibv_wc *wc)
{
    char text[128];
    if (wc->status == IBV_WC_WR_FLUSH_ERR) {
        return; /* of another failure, which is reported, too */
    }
    struct link *link = ch->links[(wc->wr_id & ~VERBS_RECEIVE) >> 32];
    if ((wc->wr_id & VERBS_RECEIVE) != 0) {
        verbs_fatal(ch->net, "%s: an answer of PE %d broke off: %s", ch->net->name, link->pe,
                    ibv_wc_status_str(wc->status));
    }
    shmi_verbs_describe(shmi_verbs_job_of(link, seq_of(link, wc->wr_id)), text, sizeof(text));
    verbs_fatal(ch->net, "%s failed: %s (%s): %s", text, ibv_wc_status_str(wc->status),
                ch->net->name, cause_of(wc->status));
}

/* ---- completion ---------------------------------------------------------------------------- */

static void finish(struct shmi_channel *ch, struct job *job)
{
    if (job->copy_to != NULL) {
        memcpy(job->copy_to, job->from, job->len);
    }
    if (job->bounce >= 0) {
        ch->free_bounces[ch->n_free_bounces++] = job->bounce;
    }
    if (job->mr != NULL) {
        ibv_dereg_mr(job->mr);
    }
}

static void take_answer(struct shmi_channel *ch, struct link *link, unsigned number)
{
    struct ibv_recv_wr *bad, wr = {.wr_id = VERBS_RECEIVE | (uint64_t)link->pe << 32};
    int rc = ibv_post_recv(link->qp, &wr, &bad);
    if (rc != 0) {
        verbs_fatal(ch->net, "%s cannot receive: %s", ch->net->name, strerror(rc));
    }
    shmi_verbs_answered(ch, number);
}

static void take_report(struct shmi_channel *ch, struct link *link, uint64_t wr_id)
{
    uint64_t upto = seq_of(link, wr_id) + 1;
    while (link->done != upto) {
        finish(ch, shmi_verbs_job_of(link, link->done));
        link->done++;
    }
    ch->reports--;
}

unsigned shmi_verbs_reap(struct shmi_channel *ch)
{
    struct ibv_wc wc[16];
    int n = ibv_poll_cq(ch->cq, SHMI_COUNT(wc), wc);
    if (n < 0) {
        verbs_fatal(ch->net, "%s lost its completion queue", ch->net->name);
    }
    for (int i = 0; i < n; i++) {
        if (wc[i].status != IBV_WC_SUCCESS) {
            fail(ch, &wc[i]);
            continue;
        }
        struct link *link = ch->links[(wc[i].wr_id & ~VERBS_RECEIVE) >> 32];
        if ((wc[i].wr_id & VERBS_RECEIVE) != 0) {
            take_answer(ch, link, ntohl(wc[i].imm_data));
        } else {
            take_report(ch, link, wc[i].wr_id);
        }
    }
    ch->completed += (unsigned)n;
    return (unsigned)n;
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* What is waited for, or what has been in flight on some link for longest. */
static void describe_wait(struct shmi_channel *ch, const struct job *job, const char *what,
                          char *text, size_t len)
{
    for (struct link *link = ch->made; link != NULL && job == NULL; link = link->next) {
        if (link->done != link->posted) {
            job = shmi_verbs_job_of(link, link->done);
        }
    }
    if (job != NULL) {
        shmi_verbs_describe(job, text, len);
        return;
    }
    for (int i = 0; i < VERBS_REQUESTS; i++) {
        const struct pending *pending = &ch->pending[i];
        if (pending->is_used && !pending->is_answered) {
            struct job request = {JOB_REQUEST, pending->remote, pending->size, .copy_to = NULL};
            shmi_verbs_describe(&request, text, len);
            return;
        }
    }
    snprintf(text, len, "%s", what);
}

static void look_at_clock(struct shmi_channel *ch, struct patience *patience, const struct job *job,
                          const char *what)
{
    struct shmi_net *net = ch->net;
    uint64_t now = shmi_now_ns();
    char text[128];
    if (patience->since == 0 || patience->completed != ch->completed) {
        patience->since = now;
        patience->completed = ch->completed;
        return;
    }
    if (net->timeout != 0 && now - patience->since > (uint64_t)net->timeout * 1000000000u) {
        describe_wait(ch, job, what, text, sizeof(text));
        verbs_fatal(net, "%s failed: no answer for %ld seconds (SHMEM_NET_TIMEOUT; %s)", text,
                    net->timeout, net->name);
    }
}

void shmi_verbs_linger(struct shmi_channel *ch, struct patience *patience, const struct job *job,
                       const char *what)
{
    shmi_verbs_ring(ch, false);
    if (shmi_verbs_reap(ch) != 0) {
        patience->rounds = 0;
        return;
    }
    unsigned rounds = ++patience->rounds;
    if (rounds % ROUNDS_SERVE == 0) {
        shmi_verbs_serve(ch->net);
    }
    if (rounds > ROUNDS_YIELD) {
        sched_yield();
    }
    if (rounds % ROUNDS_CLOCK == 0) {
        look_at_clock(ch, patience, job, what);
    }
}
