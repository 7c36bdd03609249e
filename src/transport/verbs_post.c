/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs_post.c -- work requests, and the doorbell behind which they wait.
 *
 * A channel has one batch of work requests that the adapter does not know of yet, all of one link.
 * Whatever somebody may wait for rings at once, and takes those along that wait.  Only small
 * transfers that quiet completes may wait: for the batch to be full, for an operation on any link
 * of the channel, or for this PE to wait or make progress; and only behind others in flight.
 *
 * Work requests of a link complete in order, so one that reports tells of all before it.  Which
 * report: every sixteenth, the first on a link with nothing in flight, those whose end somebody
 * waits for, and an empty write behind the last where quiet finds none.
 */
#include <errno.h>
#include <string.h>

#include "transport/verbs.h"

static void let_report(struct link *link, struct ibv_send_wr *wr, uint64_t seq)
{
    wr->send_flags |= IBV_SEND_SIGNALED;
    link->signalled = seq + 1;
    link->ch->reports++;
}

static bool is_to_report(const struct link *link, uint64_t seq)
{
    return link->done == seq || seq + 1 - link->signalled >= (uint64_t)link->ch->net->signal_every;
}

/* Writes follow writes anyway; what an earlier atomic does must not be overtaken. */
static void obey_fence(struct link *link, struct ibv_send_wr *wr)
{
    if (link->fences != link->ch->fences) {
        link->fences = link->ch->fences;
        wr->send_flags |= link->amos > link->done ? IBV_SEND_FENCE : 0;
    }
}

/* Room for the work request, its report, and one more report of the batch's last. */
static void await_room(struct link *link)
{
    struct shmi_channel *ch = link->ch;
    struct patience patience = {.rounds = 0};
    if (ch->batch.n == VERBS_BATCH || ch->batch.link != link) {
        shmi_verbs_ring(ch, false);
    }
    while (link->posted - link->done >= (uint64_t)ch->net->depth ||
           ch->reports + 2 > ch->reports_most) {
        shmi_verbs_linger(ch, &patience, NULL, "a put");
    }
}

struct ibv_send_wr *shmi_verbs_next(struct link *link, enum job_kind kind,
                                    struct shmi_remote remote, size_t len, struct job **job)
{
    struct shmi_channel *ch = link->ch;
    struct batch *batch = &ch->batch;
    await_room(link);
    uint64_t seq = link->posted++;
    *job = shmi_verbs_job_of(link, seq);
    **job = (struct job){.kind = kind, .remote = remote, .len = len, .bounce = -1};
    struct ibv_send_wr *wr = &batch->wr[batch->n];
    *wr = (struct ibv_send_wr){
        .wr_id = (uint64_t)link->pe << 32 | (uint32_t)seq,
        .sg_list = &batch->sge[batch->n],
        .num_sge = 1,
        .wr.rdma = {.remote_addr = remote.addr, .rkey = (uint32_t)remote.key},
    };
    if (batch->n != 0) {
        batch->wr[batch->n - 1].next = wr;
    }
    batch->link = link;
    batch->n++;
    ch->is_unsettled = true;
    obey_fence(link, wr);
    if (is_to_report(link, seq)) {
        let_report(link, wr, seq);
    }
    return wr;
}

void shmi_verbs_ring(struct shmi_channel *ch, bool report)
{
    struct batch *batch = &ch->batch;
    struct link *link = batch->link;
    struct patience patience = {.rounds = 0};
    struct ibv_send_wr *bad = NULL;
    if (batch->n == 0) {
        return;
    }
    if (report && link->signalled != link->posted) {
        let_report(link, &batch->wr[batch->n - 1], link->posted - 1);
    }
    batch->n = 0;
    int rc = ibv_post_send(link->qp, batch->wr, &bad);
    while (rc == ENOMEM) {
        shmi_verbs_linger(ch, &patience, NULL, "a put");
        rc = ibv_post_send(link->qp, bad, &bad);
    }
    if (rc != 0) {
        char text[128];
        shmi_verbs_describe(shmi_verbs_job_of(link, link->posted - 1), text, sizeof(text));
        verbs_fatal(ch->net, "%s failed: %s does not take it: %s", text, ch->net->name,
                    strerror(rc));
    }
}

void shmi_verbs_ring_later(struct link *link)
{
    const struct batch *batch = &link->ch->batch;
    bool is_behind = link->posted - link->done > (uint64_t)batch->n;
    if (!is_behind || batch->n == VERBS_BATCH) {
        shmi_verbs_ring(link->ch, false);
    }
}

/* Let the last work request of a link report. */
static void flush_link(struct link *link)
{
    if (link->ch->batch.link == link) {
        shmi_verbs_ring(link->ch, true);
    }
    if (link->posted == link->done || link->signalled == link->posted) {
        return;
    }
    struct shmi_remote last = shmi_verbs_job_of(link, link->posted - 1)->remote;
    struct job *job;
    struct ibv_send_wr *wr = shmi_verbs_next(link, JOB_FLUSH, last, 0, &job);
    wr->opcode = IBV_WR_RDMA_WRITE;
    wr->num_sge = 0;
    shmi_verbs_ring(link->ch, true);
}

void shmi_verbs_flush(struct shmi_channel *ch)
{
    for (struct link *link = ch->made; link != NULL; link = link->next) {
        flush_link(link);
    }
}

void shmi_verbs_await(struct link *link, uint64_t upto)
{
    struct patience patience = {.rounds = 0};
    if (link->signalled < upto) {
        flush_link(link);
    }
    while (link->done < upto) {
        shmi_verbs_linger(link->ch, &patience, shmi_verbs_job_of(link, link->done), NULL);
    }
}

void shmi_verbs_await_requests(struct shmi_channel *ch)
{
    struct patience patience = {.rounds = 0};
    while (ch->n_pending != 0) {
        shmi_verbs_linger(ch, &patience, NULL, "an atomic");
    }
}
