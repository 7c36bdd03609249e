/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs_amo.c -- atomics: the adapter's, and the owner's.
 *
 * An adapter adds to words of 8 bytes, and compares and swaps them; the core makes the other
 * operations of these.  Words of 4 bytes are updated by the CPU of the PE that owns them, asked by
 * a message: so no operation ever touches a neighbouring word.  Where an adapter has no atomics the
 * owner does all of them.
 */
#include <string.h>

#include "transport/verbs.h"

bool shmi_verbs_is_native(const struct shmi_net *net, int pe, const struct shmi_amo *amo)
{
    bool is_done_there = amo->op == SHMI_AMO_FETCH || amo->op == SHMI_AMO_SET ||
                         amo->op == SHMI_AMO_ADD || amo->op == SHMI_AMO_CSWAP;
    return amo->size == 8 && is_done_there && net->peers[pe].hello.atomics == VERBS_BY_DEVICE;
}

/* SET, which the core asks for only in signals, is a plain write. */
void shmi_verbs_amo_next(struct link *link, struct shmi_remote at, const struct shmi_amo *amo)
{
    struct job *job;
    struct ibv_send_wr *wr = shmi_verbs_next(link, JOB_AMO, at, amo->size, &job);
    uint64_t *slot = &link->results[(link->posted - 1) % VERBS_DEPTH];
    *wr->sg_list = (struct ibv_sge){(uintptr_t)slot, sizeof(*slot), link->mr->lkey};
    if (amo->op == SHMI_AMO_SET) {
        *slot = amo->value;
        wr->opcode = IBV_WR_RDMA_WRITE;
        wr->send_flags |= link->ch->net->inline_len >= sizeof(*slot) ? IBV_SEND_INLINE : 0;
        return;
    }
    job->copy_to = amo->fetch;
    job->from = slot;
    wr->opcode =
        amo->op == SHMI_AMO_CSWAP ? IBV_WR_ATOMIC_CMP_AND_SWP : IBV_WR_ATOMIC_FETCH_AND_ADD;
    wr->wr.atomic.remote_addr = at.addr;
    wr->wr.atomic.rkey = (uint32_t)at.key;
    wr->wr.atomic.compare_add = amo->op == SHMI_AMO_CSWAP ? amo->expected
                                : amo->op == SHMI_AMO_ADD ? amo->value
                                                          : 0;
    wr->wr.atomic.swap = amo->value;
    link->amos = link->posted;
}

static void by_device(struct link *link, struct shmi_remote at, const struct shmi_amo *amo,
                      bool await)
{
    shmi_verbs_amo_next(link, at, amo);
    shmi_verbs_ring(link->ch, await);
    if (await) {
        shmi_verbs_await(link, link->posted);
    }
}

/* ---- the owner's --------------------------------------------------------------------------- */

void shmi_verbs_answered(struct shmi_channel *ch, unsigned number)
{
    struct pending *pending = &ch->pending[number % VERBS_REQUESTS];
    if (pending->fetch != NULL) {
        shmi_bits_to(pending->fetch, ch->answers[number % VERBS_REQUESTS], pending->size);
    }
    pending->is_answered = true;
    pending->is_used = pending->is_awaited;
    ch->n_pending--;
}

static struct pending *free_pending(struct shmi_channel *ch)
{
    for (int i = 0; i < VERBS_REQUESTS; i++) {
        if (!ch->pending[i].is_used) {
            return &ch->pending[i];
        }
    }
    return NULL;
}

static void send_request(struct link *link, const struct request *request, struct shmi_remote at)
{
    struct shmi_channel *ch = link->ch;
    bool is_inline = sizeof(*request) <= ch->net->inline_len;
    struct ibv_sge sge = {(uintptr_t)request, sizeof(*request), 0};
    int bounce = -1;
    if (!is_inline) {
        bounce = shmi_verbs_bounce_take(ch);
        sge.addr = (uintptr_t)shmi_verbs_bounce_at(ch, bounce);
        sge.lkey = ch->bounce_mr->lkey;
        memcpy(shmi_verbs_bounce_at(ch, bounce), request, sizeof(*request));
    }
    struct job *job;
    struct ibv_send_wr *wr = shmi_verbs_next(link, JOB_REQUEST, at, request->size, &job);
    job->bounce = bounce;
    wr->opcode = IBV_WR_SEND;
    wr->send_flags |= is_inline ? IBV_SEND_INLINE : 0;
    *wr->sg_list = sge;
    shmi_verbs_ring(ch, false);
}

static void by_owner(struct link *link, struct shmi_remote at, const struct shmi_amo *amo,
                     bool await)
{
    struct shmi_channel *ch = link->ch;
    struct patience patience = {.rounds = 0};
    struct pending *pending = free_pending(ch);
    while (pending == NULL) {
        shmi_verbs_linger(ch, &patience, NULL, "an atomic");
        pending = free_pending(ch);
    }
    unsigned number = (unsigned)(pending - ch->pending);
    *pending = (struct pending){
        .is_used = true,
        .is_awaited = await,
        .size = amo->size,
        .fetch = amo->fetch,
        .remote = at,
    };
    ch->n_pending++;
    struct request request = {
        .addr = at.addr,
        .value = amo->value,
        .expected = amo->expected,
        .result = (uint64_t)(uintptr_t)&ch->answers[number],
        .op = amo->op,
        .size = amo->size,
        .pe = (uint32_t)ch->net->my_pe,
        .asker_qpn = link->qp->qp_num,
        .result_key = ch->answers_mr->rkey,
        .number = number,
    };
    send_request(link, &request, at);
    patience = (struct patience){.rounds = 0};
    while (await && !pending->is_answered) {
        shmi_verbs_linger(ch, &patience, NULL, "an atomic");
    }
    if (await) {
        pending->is_used = false;
    }
}

void shmi_verbs_amo(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                    enum shmi_when when)
{
    bool await = when == SHMI_NOW && amo->fetch != NULL;
    pthread_mutex_lock(&ch->lock);
    struct link *link = shmi_verbs_link_of(ch, at.pe);
    if (shmi_verbs_is_native(ch->net, at.pe, amo)) {
        by_device(link, at, amo, await);
    } else {
        by_owner(link, at, amo, await);
    }
    pthread_mutex_unlock(&ch->lock);
}
