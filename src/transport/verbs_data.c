/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verbs_data.c -- the data path of the libibverbs module.
 *
 * A queue pair performs its writes in order, so fence costs nothing but a mark that keeps the next
 * work request behind atomics in flight, and a signal is a write or an atomic posted behind the
 * data with the same doorbell.  Sources travel within the work request when they are small, from
 * where they are when peers may reach them anyway, by way of a registered buffer up to 64 KiB, and
 * else from where they are, registered in pieces for as long as it takes: while one piece travels
 * the next is registered.  Registrations of private memory are not kept: nobody tells when such
 * memory is unmapped, and what is mapped at the same address later is other memory than the
 * adapter knows.
 */
#include <errno.h>
#include <string.h>

#include "transport/verbs.h"

static struct local register_for_once(struct shmi_channel *ch, const void *addr, size_t len,
                                      int access)
{
    void *base = (void *)(uintptr_t)addr; /* not const in libibverbs */
    struct ibv_mr *mr = ibv_reg_mr(ch->net->pd, base, len, access);
    if (mr == NULL) {
        verbs_fatal(ch->net, "%s cannot register a buffer of %zu bytes at %p: %m; see ulimit -l",
                    ch->net->name, len, addr);
    }
    return (struct local){.addr = addr, .key = mr->lkey, .bounce = -1, .mr = mr};
}

static struct local bounced(struct shmi_channel *ch)
{
    int i = shmi_verbs_bounce_take(ch);
    return (struct local){
        .addr = shmi_verbs_bounce_at(ch, i),
        .key = ch->bounce_mr->lkey,
        .bounce = i,
    };
}

/* ---- put ----------------------------------------------------------------------------------- */

/* The registration of a source that the adapter reads where it is, or NULL.  Of memory of a device,
 * which comes in long pieces only, the CPU must not touch a byte. */
static const struct ibv_mr *registration_of(struct shmi_net *net, const void *src, size_t len,
                                            enum shmi_when when)
{
    bool is_worth_it = len >= VERBS_BOUNCE || (len > net->inline_len && when == SHMI_LATER);
    return is_worth_it ? shmi_verbs_region_of(net, src, len) : NULL;
}

static struct local source_of(struct shmi_channel *ch, const void *src, size_t len,
                              const struct ibv_mr *mr)
{
    if (mr != NULL) {
        return (struct local){.addr = src, .key = mr->lkey, .bounce = -1};
    }
    if (len <= ch->net->inline_len) {
        return (struct local){.addr = src, .bounce = -1, .is_inline = true};
    }
    if (len <= VERBS_BOUNCE) {
        struct local local = bounced(ch);
        memcpy(shmi_verbs_bounce_at(ch, local.bounce), src, len);
        return local;
    }
    return register_for_once(ch, src, len, 0);
}

/* The longest work request with this buffer, or with one that is registered. */
static size_t piece_of(struct shmi_channel *ch, const struct ibv_mr *mr, size_t len)
{
    size_t most = ch->net->piece_len;
    if (len > VERBS_BOUNCE && mr == NULL) {
        most = len <= VERBS_COPIED ? VERBS_BOUNCE : shmi_min(most, VERBS_PINNED);
    }
    return shmi_min(len, most);
}

/* Quiet completes it, and it is short: there may soon be more of its kind. */
static bool may_wait(size_t len, enum shmi_when when)
{
    return when == SHMI_LATER && len <= VERBS_INLINE;
}

/* A work request for this buffer.  True if the buffer is in use until it is complete. */
static bool next_for(struct link *link, enum job_kind kind, struct shmi_remote remote,
                     const struct local *local, size_t len, struct job **job)
{
    struct ibv_send_wr *wr = shmi_verbs_next(link, kind, remote, len, job);
    wr->opcode = kind == JOB_PUT ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ;
    wr->send_flags |= local->is_inline ? IBV_SEND_INLINE : 0;
    *wr->sg_list = (struct ibv_sge){(uintptr_t)local->addr, (uint32_t)len, local->key};
    (*job)->bounce = local->bounce;
    (*job)->mr = local->mr;
    return !local->is_inline && local->bounce < 0;
}

/* Put, and with the last piece what is chained to it. */
static void put_locked(struct link *link, struct shmi_remote to, const char *src, size_t len,
                       enum shmi_when when, const struct shmi_remote *sig,
                       const struct shmi_amo *amo)
{
    bool is_zero_copy = false;
    const struct ibv_mr *mr = registration_of(link->ch->net, src, len, when);
    size_t piece = piece_of(link->ch, mr, len);
    for (;;) {
        struct job *job;
        size_t n = shmi_min(len, piece);
        struct local local = source_of(link->ch, src, n, mr);
        is_zero_copy |= next_for(link, JOB_PUT, to, &local, n, &job);
        if (n == len) {
            break;
        }
        shmi_verbs_ring(link->ch, false);
        src += n;
        to.addr += n;
        len -= n;
    }
    bool is_awaited = when == SHMI_NOW && is_zero_copy;
    if (sig != NULL) {
        shmi_verbs_amo_next(link, *sig, amo);
    }
    if (sig == NULL && may_wait(len, when)) {
        shmi_verbs_ring_later(link);
    } else {
        shmi_verbs_ring(link->ch, is_awaited);
    }
    if (is_awaited) {
        shmi_verbs_await(link, link->posted);
    }
}

void shmi_verbs_put(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                    enum shmi_when when)
{
    if (len == 0) {
        return;
    }
    pthread_mutex_lock(&ch->lock);
    put_locked(shmi_verbs_link_of(ch, to.pe), to, src, len, when, NULL, NULL);
    pthread_mutex_unlock(&ch->lock);
}

void shmi_verbs_put_signal(struct shmi_channel *ch, struct shmi_remote to, const void *src,
                           size_t len, struct shmi_remote sig, const struct shmi_amo *amo,
                           enum shmi_when when)
{
    bool is_chained = len != 0 && shmi_verbs_is_native(ch->net, sig.pe, amo);
    if (is_chained) {
        pthread_mutex_lock(&ch->lock);
        put_locked(shmi_verbs_link_of(ch, to.pe), to, src, len, when, &sig, amo);
        pthread_mutex_unlock(&ch->lock);
    } else {
        shmi_verbs_put(ch, to, src, len, when);
        shmi_verbs_amo(ch, sig, amo, SHMI_LATER);
    }
}

/* ---- get ----------------------------------------------------------------------------------- */

static struct local destination_of(struct shmi_channel *ch, void *dst, size_t len,
                                   const struct ibv_mr *mr)
{
    if (mr != NULL) {
        return (struct local){.addr = dst, .key = mr->lkey, .bounce = -1};
    }
    return len <= VERBS_BOUNCE ? bounced(ch)
                               : register_for_once(ch, dst, len, IBV_ACCESS_LOCAL_WRITE);
}

static void get_piece(struct link *link, const struct local *local, char *dst,
                      struct shmi_remote from, size_t len, enum shmi_when when, bool is_last)
{
    struct job *job;
    next_for(link, JOB_GET, from, local, len, &job);
    if (local->bounce >= 0) {
        job->copy_to = dst;
        job->from = local->addr;
    }
    if (may_wait(len, when)) {
        shmi_verbs_ring_later(link);
    } else {
        shmi_verbs_ring(link->ch, is_last && when == SHMI_NOW);
    }
}

void shmi_verbs_get(struct shmi_channel *ch, void *dst, struct shmi_remote from, size_t len,
                    enum shmi_when when)
{
    char *to = dst;
    if (len == 0) {
        return;
    }
    pthread_mutex_lock(&ch->lock);
    struct link *link = shmi_verbs_link_of(ch, from.pe);
    const struct ibv_mr *mr = shmi_verbs_region_of(ch->net, dst, len);
    size_t piece = piece_of(ch, mr, len);
    while (len != 0) {
        size_t n = shmi_min(len, piece);
        struct local local = destination_of(ch, to, n, mr);
        get_piece(link, &local, to, from, n, when, n == len);
        to += n;
        from.addr += n;
        len -= n;
    }
    if (when == SHMI_NOW) {
        shmi_verbs_await(link, link->posted);
    }
    pthread_mutex_unlock(&ch->lock);
}

/* ---- order --------------------------------------------------------------------------------- */

void shmi_verbs_fence(struct shmi_channel *ch)
{
    if (!ch->is_unsettled) {
        return;
    }
    pthread_mutex_lock(&ch->lock);
    ch->fences++;
    shmi_verbs_await_requests(ch);
    pthread_mutex_unlock(&ch->lock);
}

void shmi_verbs_quiet(struct shmi_channel *ch)
{
    if (!ch->is_unsettled) {
        return;
    }
    pthread_mutex_lock(&ch->lock);
    shmi_verbs_flush(ch);
    for (struct link *link = ch->made; link != NULL; link = link->next) {
        shmi_verbs_await(link, link->posted);
    }
    shmi_verbs_await_requests(ch);
    ch->is_unsettled = false;
    pthread_mutex_unlock(&ch->lock);
}
