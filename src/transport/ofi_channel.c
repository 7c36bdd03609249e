/* SPDX-License-Identifier: BSD-3-Clause */
/* ofi_channel.c -- channels: endpoints that start operations, and what is in flight on them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transport/ofi.h"

/* Rounds of an unsuccessful wait: between looks at the peers' requests, before others may have the
 * core, and between looks at the clock. */
enum { ROUNDS_SERVE = 4, ROUNDS_SERVE_FIRST = 16, ROUNDS_YIELD = 16, ROUNDS_CLOCK = 16 };

/* Nanoseconds: a wait of this length is a long one; and for how long it then sleeps, at least, at
 * most, and as a share of the time already waited. */
enum { LONG = 2000 * 1000, NAP_LEAST = 20 * 1000, NAP_MOST = 10 * 1000 * 1000, NAP_SHARE = 8 };

static int open_memory(struct shmi_channel *ch)
{
    struct shmi_net *net = ch->net;
    ch->ops = aligned_alloc(4096, shmi_round_up(OFI_OPS * sizeof(*ch->ops), 4096));
    ch->traces = calloc((size_t)net->n_pes, sizeof(*ch->traces));
    ch->listed = calloc((size_t)net->n_pes, sizeof(*ch->listed));
    if (ch->ops == NULL || ch->traces == NULL || ch->listed == NULL) {
        return -ENOMEM;
    }
    return 0;
}

static void release(struct shmi_channel *ch)
{
    if (ch->mr != NULL) {
        fi_close(&ch->mr->fid);
    }
    if (ch->is_first) {
        pthread_mutex_lock(&ch->net->list);
        ch->net->has_first = false;
        pthread_mutex_unlock(&ch->net->list);
    }
    if (ch->ep != NULL && !ch->is_first) {
        fi_close(&ch->ep->fid);
    }
    if (ch->cq != NULL && !ch->is_first) {
        fi_close(&ch->cq->fid);
    }
    free(ch->ops);
    free(ch->traces);
    free(ch->listed);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

static void enlist(struct shmi_channel *ch)
{
    pthread_mutex_lock(&ch->net->list);
    ch->next = ch->net->channels;
    ch->net->channels = ch;
    pthread_mutex_unlock(&ch->net->list);
}

static struct shmi_channel *take_spare(struct shmi_net *net)
{
    pthread_mutex_lock(&net->list);
    struct shmi_channel *ch = net->spare;
    if (ch != NULL) {
        net->spare = ch->next;
        net->n_spare--;
    }
    pthread_mutex_unlock(&net->list);
    return ch;
}

static int open_endpoint(struct shmi_channel *mine)
{
    struct shmi_net *net = mine->net;
    pthread_mutex_lock(&net->list);
    mine->is_first = !net->has_first;
    net->has_first = true;
    pthread_mutex_unlock(&net->list);
    if (mine->is_first) {
        mine->ep = net->ep;
        mine->cq = net->first_cq;
        mine->cq_fd = net->first_cq_fd;
        return 0;
    }
    int rc = shmi_ofi_queue(net, 2 * OFI_OPS, &mine->cq, &mine->cq_fd);
    return rc != 0 ? rc : shmi_ofi_endpoint(net, net->channel_info, mine->cq, mine->cq, &mine->ep);
}

static int make(struct shmi_channel *mine)
{
    struct shmi_net *net = mine->net;
    int rc = open_memory(mine);
    if (rc == 0) {
        rc = open_endpoint(mine);
    }
    if (rc == 0 && net->local_mr) {
        rc = shmi_ofi_register(net, mine->ep, mine->ops, OFI_OPS * sizeof(*mine->ops), &mine->mr);
    }
    return rc;
}

int shmi_ofi_channel_open(struct shmi_net *net, struct shmi_channel **ch)
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
            ofi_log(net, SHMI_ERROR, "%s cannot open one more channel: %s",
                    net->info->fabric_attr->prov_name, fi_strerror(-rc));
            release(mine);
            return rc;
        }
    }
    enlist(mine);
    *ch = mine;
    return 0;
}

void shmi_ofi_channel_close(struct shmi_channel *ch)
{
    struct shmi_net *net = ch->net;
    shmi_ofi_quiet(ch);
    pthread_mutex_lock(&net->list);
    struct shmi_channel **link = &net->channels;
    while (*link != ch) {
        link = &(*link)->next;
    }
    *link = ch->next;
    bool is_kept = net->n_spare < OFI_SPARE;
    if (is_kept) {
        ch->next = net->spare;
        net->spare = ch;
        net->n_spare++;
    }
    pthread_mutex_unlock(&net->list);
    if (!is_kept) {
        release(ch);
    }
}

void shmi_ofi_channel_drop_spare(struct shmi_net *net)
{
    for (struct shmi_channel *ch = take_spare(net); ch != NULL; ch = take_spare(net)) {
        release(ch);
    }
}

struct op *shmi_ofi_op_take(struct shmi_channel *ch, enum op_kind kind, struct shmi_remote remote)
{
    struct patience patience = {.rounds = 0};
    while (ch->free == NULL && ch->n_fresh == OFI_OPS) {
        shmi_ofi_linger(ch, &patience, NULL);
    }
    struct op *op = ch->free;
    if (op != NULL) {
        ch->free = op->next;
    } else {
        op = &ch->ops[ch->n_fresh++];
    }
    op->kind = kind;
    op->is_awaited = false;
    op->is_done = false;
    op->remote = remote;
    op->desc = NULL;
    op->mr = NULL;
    op->copy_to = NULL;
    return op;
}

void shmi_ofi_op_free(struct shmi_channel *ch, struct op *op)
{
    op->next = ch->free;
    ch->free = op;
}

static void complete(struct shmi_channel *ch, struct op *op)
{
    if (op->mr != NULL) {
        fi_close(&op->mr->fid);
    }
    if (op->copy_to != NULL) {
        const void *from = op->kind == OP_AMO ? (const void *)&op->result : op->bounce;
        memcpy(op->copy_to, from, op->len);
    }
    if (--ch->in_flight == 0) {
        shmi_store_relaxed(&ch->under_way, SENT);
    }
    if (op->kind == OP_AMO) {
        ch->n_amos--;
        ch->n_fenced -= op->epoch != ch->epoch;
    }
    ch->completed++;
    op->is_done = true;
    if (!op->is_awaited) {
        shmi_ofi_op_free(ch, op);
    }
}

void shmi_ofi_op_failed(struct shmi_channel *ch, const struct op *op, const char *why)
{
    static const char *const names[] = {"put", "get", "atomic", "quiet"};
    ofi_fatal(ch->net, "%s of %zu bytes at %#" PRIx64 " of PE %d failed: %s (%s)", names[op->kind],
              op->len, op->remote.addr, op->remote.pe, why, ch->net->info->fabric_attr->prov_name);
}

static void fail(struct shmi_channel *ch)
{
    struct fi_cq_err_entry error = {.err = 0};
    char text[256];
    if (fi_cq_readerr(ch->cq, &error, 0) < 0) {
        return;
    }
    snprintf(text, sizeof(text), "%s: %s", fi_strerror(error.err),
             fi_cq_strerror(ch->cq, error.prov_errno, error.err_data, NULL, 0));
    if (error.op_context == NULL) {
        ofi_fatal(ch->net, "a small put failed: %s (%s)", text,
                  ch->net->info->fabric_attr->prov_name);
    }
    shmi_ofi_op_failed(ch, error.op_context, text);
}

unsigned shmi_ofi_reap(struct shmi_channel *ch)
{
    struct fi_cq_entry entries[16];
    ssize_t n = fi_cq_read(ch->cq, entries, SHMI_COUNT(entries));
    if (n == -FI_EAVAIL) {
        fail(ch);
    } else if (n < 0 && n != -FI_EAGAIN) {
        ofi_fatal(ch->net, "%s lost its completion queue: %s",
                  ch->net->info->fabric_attr->prov_name, fi_strerror((int)-n));
    }
    unsigned found = 0;
    for (ssize_t i = 0; i < n; i++) {
        if (entries[i].op_context != NULL) {
            complete(ch, entries[i].op_context);
            found++;
        }
    }
    return found;
}

/* A PE that is waited for, for the message. */
static const struct op *some_op(const struct shmi_channel *ch)
{
    for (unsigned i = 0; i < ch->n_fresh; i++) {
        const struct op *op = &ch->ops[i];
        bool is_free = false;
        for (const struct op *f = ch->free; f != NULL && !is_free; f = f->next) {
            is_free = f == op;
        }
        if (!is_free && !op->is_done) {
            return op;
        }
    }
    return NULL;
}

/* For how long nothing has happened. */
static uint64_t look_at_clock(struct shmi_channel *ch, struct patience *patience,
                              const struct op *op)
{
    struct shmi_net *net = ch->net;
    uint64_t now = shmi_now_ns();
    if (patience->since == 0 || patience->completed != ch->completed) {
        patience->since = now;
        patience->completed = ch->completed;
        return 0;
    }
    uint64_t idle = now - patience->since;
    if (net->timeout == 0 || idle < (uint64_t)net->timeout * 1000000000u) {
        return idle;
    }
    op = op != NULL ? op : some_op(ch);
    char text[96];
    snprintf(text, sizeof(text), "no answer for %ld seconds (SHMEM_NET_TIMEOUT)", net->timeout);
    if (op == NULL) {
        ofi_fatal(net, "%s takes no more operations: %s", net->info->fabric_attr->prov_name, text);
    }
    shmi_ofi_op_failed(ch, op, text);
}

void shmi_ofi_linger(struct shmi_channel *ch, struct patience *patience, const struct op *op)
{
    if (shmi_ofi_reap(ch) != 0) {
        patience->rounds = 0;
        patience->is_long = false;
        return;
    }
    unsigned rounds = ++patience->rounds;
    /* The first channel's queue has just progressed the endpoint of both. */
    if (ch->cq == ch->net->waking_cq) {
        shmi_ofi_visit(ch->net);
    } else if (rounds % (ch->is_first ? ROUNDS_SERVE_FIRST : ROUNDS_SERVE) == 0) {
        shmi_ofi_serve(ch->net);
    }
    if (patience->is_long || rounds % ROUNDS_CLOCK == 0) {
        uint64_t idle = look_at_clock(ch, patience, op);
        patience->is_long = idle > LONG;
        if (patience->is_long) {
            shmi_ofi_serve(ch->net);
            uint64_t nap = shmi_min(idle / NAP_SHARE, NAP_MOST);
            shmi_ofi_rest(ch->net, &ch, 1, nap > NAP_LEAST ? nap : NAP_LEAST);
            return;
        }
    }
    if (rounds > ROUNDS_YIELD) {
        shmi_ofi_yield(ch->net, rounds);
    }
}

void shmi_ofi_op_await(struct shmi_channel *ch, struct op *op)
{
    struct patience patience = {.rounds = 0};
    while (!op->is_done) {
        shmi_ofi_linger(ch, &patience, op);
    }
    shmi_ofi_op_free(ch, op);
}

void shmi_ofi_await_all(struct shmi_channel *ch)
{
    struct patience patience = {.rounds = 0};
    while (ch->in_flight != 0) {
        shmi_ofi_linger(ch, &patience, NULL);
    }
}
