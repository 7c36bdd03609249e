/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ofi_data.c -- the data path of the libfabric module.
 *
 * Puts are known to be visible in one of two ways.  Where the provider keeps a read behind the
 * writes before it, puts complete here as soon as their source is free, and quiet reads one byte
 * from every PE written to; where not, each put asks for a delivery report.  So does, in either
 * case, a put after which a quiet is to be expected, because that is how the last one came: then a
 * report is less than a read.
 *
 * Atomics are always reported.  No provider's word is taken that a write stays behind an earlier
 * atomic: some do atomics in software above the layer that has already performed the write.  So the
 * first write after a fence waits for the atomics before it; atomics do not overtake one another.
 */
#include <string.h>

#include "transport/ofi.h"

/* How an atomic is said in libfabric. */
enum form { PLAIN, FETCHING, COMPARING };

/* clang-format off */
static const enum fi_op operations[] = {
    [SHMI_AMO_FETCH] = FI_ATOMIC_READ, [SHMI_AMO_SET] = FI_ATOMIC_WRITE,
    [SHMI_AMO_SWAP] = FI_ATOMIC_WRITE, [SHMI_AMO_CSWAP] = FI_CSWAP,
    [SHMI_AMO_ADD] = FI_SUM,           [SHMI_AMO_AND] = FI_BAND,
    [SHMI_AMO_OR] = FI_BOR,            [SHMI_AMO_XOR] = FI_BXOR,
};
/* clang-format on */

static bool has_form(struct fid_ep *ep, enum fi_datatype type, enum fi_op op, enum form form)
{
    size_t count = 0;
    int rc = form == COMPARING  ? fi_compare_atomicvalid(ep, type, op, &count)
             : form == FETCHING ? fi_fetch_atomicvalid(ep, type, op, &count)
                                : fi_atomicvalid(ep, type, op, &count);
    return rc == 0 && count >= 1;
}

unsigned shmi_ofi_native(struct fid_ep *ep, enum fi_datatype type)
{
    unsigned native = 0;
    for (unsigned op = SHMI_AMO_FETCH; op <= SHMI_AMO_XOR; op++) {
        enum fi_op said = operations[op];
        bool has = op == SHMI_AMO_CSWAP ? has_form(ep, type, said, COMPARING)
                   : op == SHMI_AMO_SET ? has_form(ep, type, said, PLAIN)
                                        : has_form(ep, type, said, FETCHING);
        if (op >= SHMI_AMO_ADD) {
            has = has && has_form(ep, type, said, PLAIN);
        }
        native |= has ? 1u << op : 0;
    }
    return native;
}

static void mark_dirty(struct shmi_channel *ch, struct shmi_remote to)
{
    struct trace *trace = &ch->traces[to.pe];
    trace->last = to;
    trace->is_dirty = true;
    if (!trace->is_listed) {
        trace->is_listed = true;
        ch->listed[ch->n_listed++] = to.pe;
    }
}

static ssize_t start_put(struct shmi_channel *ch, struct op *op, fi_addr_t peer,
                         struct region_offer at)
{
    if (!op->is_reported) {
        return fi_write(ch->ep, op->local, op->len, op->desc, peer, at.base, at.key, op);
    }
    struct iovec iov = {.iov_base = op->local, .iov_len = op->len};
    struct fi_rma_iov there = {.addr = at.base, .len = op->len, .key = at.key};
    struct fi_msg_rma msg = {
        .msg_iov = &iov,
        .desc = &op->desc,
        .iov_count = 1,
        .addr = peer,
        .rma_iov = &there,
        .rma_iov_count = 1,
        .context = op,
    };
    return fi_writemsg(ch->ep, &msg, FI_COMPLETION | FI_DELIVERY_COMPLETE);
}

static ssize_t start_amo(struct shmi_channel *ch, struct op *op, fi_addr_t peer,
                         struct region_offer at)
{
    struct fi_ioc value = {.addr = &op->operand, .count = 1};
    struct fi_ioc compare = {.addr = &op->compare, .count = 1};
    struct fi_ioc result = {.addr = &op->result, .count = 1};
    struct fi_rma_ioc there = {.addr = at.base, .count = 1, .key = at.key};
    struct fi_msg_atomic msg = {
        .msg_iov = &value,
        .desc = &op->desc,
        .iov_count = 1,
        .addr = peer,
        .rma_iov = &there,
        .rma_iov_count = 1,
        .datatype = op->len == 4 ? FI_UINT32 : FI_UINT64,
        .op = operations[op->amo.op],
        .context = op,
    };
    const uint64_t flags = FI_COMPLETION | FI_DELIVERY_COMPLETE;
    if (op->amo.op == SHMI_AMO_CSWAP) {
        return fi_compare_atomicmsg(ch->ep, &msg, &compare, &op->desc, 1, &result, &op->desc, 1,
                                    flags);
    }
    if (op->amo.fetch != NULL || ch->net->must_fetch) {
        return fi_fetch_atomicmsg(ch->ep, &msg, &result, &op->desc, 1, flags);
    }
    return fi_atomicmsg(ch->ep, &msg, flags);
}

static ssize_t try_to_start(struct shmi_channel *ch, struct op *op)
{
    struct region_offer at = shmi_ofi_remote(ch->net, op->remote);
    fi_addr_t peer = ch->net->peers[op->remote.pe].address;
    switch (op->kind) {
    case OP_PUT:
        return start_put(ch, op, peer, at);
    case OP_AMO:
        return start_amo(ch, op, peer, at);
    case OP_GET:
    case OP_FLUSH:
        break;
    }
    return fi_read(ch->ep, op->local, op->len, op->desc, peer, at.base, at.key, op);
}

/* Hand it to the provider, however long that takes. */
static void start(struct shmi_channel *ch, struct op *op)
{
    struct patience patience = {.rounds = 0};
    shmi_store_relaxed(&ch->under_way, IN_FLIGHT);
    ssize_t rc = try_to_start(ch, op);
    while (rc == -FI_EAGAIN) {
        shmi_ofi_linger(ch, &patience, op);
        rc = try_to_start(ch, op);
    }
    if (rc != 0) {
        shmi_ofi_op_failed(ch, op, fi_strerror((int)-rc));
    }
    ch->in_flight++;
    if (op->kind == OP_AMO) {
        ch->since_quiet++;
        ch->n_amos++;
        op->epoch = ch->epoch;
        /* It stays behind the writes: its report will prove them done. */
        ch->traces[op->remote.pe].is_dirty &= !ch->net->is_ordered;
    }
}

/* A small put that leaves no trace but at its destination. */
static void inject(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len)
{
    struct region_offer at = shmi_ofi_remote(ch->net, to);
    fi_addr_t peer = ch->net->peers[to.pe].address;
    struct patience patience = {.rounds = 0};
    const struct op op = {.kind = OP_PUT, .remote = to, .len = len}; /* for messages */
    if (ch->under_way == SETTLED) {
        shmi_store_relaxed(&ch->under_way, SENT);
    }
    ssize_t rc = fi_inject_write(ch->ep, src, len, peer, at.base, at.key);
    while (rc == -FI_EAGAIN) {
        shmi_ofi_linger(ch, &patience, &op);
        rc = fi_inject_write(ch->ep, src, len, peer, at.base, at.key);
    }
    if (rc != 0) {
        shmi_ofi_op_failed(ch, &op, fi_strerror((int)-rc));
    }
}

/* Puts may overtake atomics, but not those before a fence. */
static void await_fenced(struct shmi_channel *ch)
{
    struct patience patience = {.rounds = 0};
    while (ch->n_fenced != 0) {
        shmi_ofi_linger(ch, &patience, NULL);
    }
}

static void put_piece(struct shmi_channel *ch, struct shmi_remote to, const char *src, size_t len,
                      enum shmi_when when)
{
    struct shmi_net *net = ch->net;
    bool is_reported = !net->read_flushes || (ch->quiet_follows && ch->since_quiet == 0);
    ch->since_quiet++;
    if (!is_reported) {
        mark_dirty(ch, to);
        if (len <= net->inject_len) {
            inject(ch, to, src, len);
            return;
        }
    }
    struct op *op = shmi_ofi_op_take(ch, OP_PUT, to);
    op->len = len;
    op->is_reported = is_reported;
    op->local = (void *)(uintptr_t)src; /* libfabric's iovec is not const */
    if (when == SHMI_NOW && len <= OFI_BOUNCE) {
        memcpy(op->bounce, src, len);
        op->local = op->bounce;
    }
    op->desc = shmi_ofi_describe(ch, op, op->local, len);
    op->is_awaited = when == SHMI_NOW && len > OFI_BOUNCE;
    bool await = op->is_awaited;
    start(ch, op);
    if (await) {
        shmi_ofi_op_await(ch, op);
    }
}

void shmi_ofi_put(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                  enum shmi_when when)
{
    const char *from = src;
    pthread_mutex_lock(&ch->lock);
    await_fenced(ch);
    while (len != 0) {
        size_t piece = shmi_min(len, ch->net->piece_len);
        put_piece(ch, to, from, piece, when);
        from += piece;
        to.addr += piece;
        len -= piece;
    }
    pthread_mutex_unlock(&ch->lock);
    shmi_ofi_leave_behind(ch->net);
}

static void get_piece(struct shmi_channel *ch, char *dst, struct shmi_remote from, size_t len,
                      enum shmi_when when)
{
    struct op *op = shmi_ofi_op_take(ch, OP_GET, from);
    op->len = len;
    op->local = dst;
    if (ch->net->local_mr && len <= OFI_BOUNCE) { /* cheaper than to register */
        op->local = op->bounce;
        op->copy_to = dst;
    }
    op->desc = shmi_ofi_describe(ch, op, op->local, len);
    op->is_awaited = when == SHMI_NOW;
    start(ch, op);
    if (when == SHMI_NOW) {
        shmi_ofi_op_await(ch, op);
    }
}

void shmi_ofi_get(struct shmi_channel *ch, void *dst, struct shmi_remote from, size_t len,
                  enum shmi_when when)
{
    char *to = dst;
    pthread_mutex_lock(&ch->lock);
    while (len != 0) {
        size_t piece = shmi_min(len, ch->net->piece_len);
        get_piece(ch, to, from, piece, when);
        to += piece;
        from.addr += piece;
        len -= piece;
    }
    pthread_mutex_unlock(&ch->lock);
    if (when == SHMI_LATER) {
        shmi_ofi_leave_behind(ch->net);
    }
}

static void amo_locked(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                       enum shmi_when when)
{
    struct op *op = shmi_ofi_op_take(ch, OP_AMO, at);
    op->amo = *amo;
    op->len = amo->size;
    op->copy_to = amo->fetch;
    shmi_bits_to(&op->operand, amo->value, amo->size);
    shmi_bits_to(&op->compare, amo->expected, amo->size);
    op->desc = shmi_ofi_describe(ch, op, &op->operand, sizeof(op->operand));
    bool await = when == SHMI_NOW && amo->fetch != NULL;
    op->is_awaited = await;
    start(ch, op);
    if (await) {
        shmi_ofi_op_await(ch, op);
    }
}

void shmi_ofi_amo(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                  enum shmi_when when)
{
    pthread_mutex_lock(&ch->lock);
    amo_locked(ch, at, amo, when);
    pthread_mutex_unlock(&ch->lock);
    if (when == SHMI_LATER || amo->fetch == NULL) {
        shmi_ofi_leave_behind(ch->net);
    }
}

/* Everything is complete and visible. */
static void settle(struct shmi_channel *ch)
{
    ch->quiet_follows = ch->since_quiet == 1;
    ch->since_quiet = 0;
    shmi_ofi_await_all(ch);
    for (int i = 0; i < ch->n_listed; i++) {
        struct trace *trace = &ch->traces[ch->listed[i]];
        trace->is_listed = false;
        if (!trace->is_dirty) {
            continue;
        }
        struct op *op = shmi_ofi_op_take(ch, OP_FLUSH, trace->last);
        trace->is_dirty = false;
        op->len = 1;
        op->local = &op->result;
        op->desc = shmi_ofi_describe(ch, op, op->local, op->len);
        start(ch, op);
    }
    ch->n_listed = 0;
    shmi_ofi_await_all(ch);
    shmi_store_relaxed(&ch->under_way, SETTLED);
}

/* Later writes and atomics are not seen before earlier ones. */
static void order(struct shmi_channel *ch)
{
    if (!ch->net->is_ordered) {
        settle(ch);
    } else if (ch->n_amos != 0) {
        ch->epoch++;
        ch->n_fenced = ch->n_amos;
    }
}

void shmi_ofi_put_signal(struct shmi_channel *ch, struct shmi_remote to, const void *src,
                         size_t len, struct shmi_remote sig, const struct shmi_amo *amo,
                         enum shmi_when when)
{
    shmi_ofi_put(ch, to, src, len, when);
    pthread_mutex_lock(&ch->lock);
    if (!ch->net->is_ordered) {
        settle(ch);
    }
    amo_locked(ch, sig, amo, SHMI_LATER);
    pthread_mutex_unlock(&ch->lock);
    shmi_ofi_leave_behind(ch->net);
}

void shmi_ofi_fence(struct shmi_channel *ch)
{
    if (shmi_load_relaxed(&ch->under_way) != SETTLED) {
        pthread_mutex_lock(&ch->lock);
        order(ch);
        pthread_mutex_unlock(&ch->lock);
    }
}

void shmi_ofi_quiet(struct shmi_channel *ch)
{
    if (shmi_load_relaxed(&ch->under_way) != SETTLED) {
        pthread_mutex_lock(&ch->lock);
        settle(ch);
        pthread_mutex_unlock(&ch->lock);
    }
}
