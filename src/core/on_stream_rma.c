/* SPDX-License-Identifier: BSD-3-Clause */
/* on_stream_rma.c -- puts, gets, signals and quiet on streams of the device. */
#include <string.h>

#include "core/amo.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/check.h"
#include "core/hbm.h"
#include "core/npu.h"
#include "core/on_stream.h"
#include "core/order.h"
#include "core/rma.h"
#include "core/signal.h"
#include "core/stats.h"
#include "core/wait.h"
#include "device/device.h"

/* How it can be done: on_stream.h. */
enum way { BY_DEVICE, IN_CALL, BY_HELPER };

/* ---- when their time has come ---------------------------------------------------------------- */

static void run_put(struct shmi_operation *op)
{
    shmi_put(op->who, &shmi_ctx_default, op->dest, op->source, op->len, op->pe, op->when);
}

static void run_get(struct shmi_operation *op)
{
    shmi_get(op->who, &shmi_ctx_default, op->dest, op->source, op->len, op->pe, op->when);
}

static void run_p(struct shmi_operation *op)
{
    shmi_put(op->who, &shmi_ctx_default, op->dest, op->value, op->len, op->pe, SHMI_NOW);
}

static void run_put_signal(struct shmi_operation *op)
{
    shmi_put_signal(op->who, &shmi_ctx_default, op->dest, op->source, op->len, op->sig_addr,
                    op->signal, op->sig_op, op->pe, op->when);
}

static void run_signal(struct shmi_operation *op)
{
    enum shmi_amo_op how = op->sig_op == SHMEM_SIGNAL_ADD ? SHMI_AMO_ADD : SHMI_AMO_SET;
    shmi_amo(op->who, &shmi_ctx_default, how, op->sig_addr, sizeof(op->signal), op->signal, 0,
             SHMI_LATER, op->pe);
}

static void run_signal_wait(struct shmi_operation *op)
{
    shmi_wait_signal(op->who, op->sig_addr, op->sig_op, op->signal);
}

static void run_quiet(struct shmi_operation *op)
{
    (void)op;
    shmi_quiet(&shmi_ctx_default);
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* A wrong one is told here, in the call that has it, and not when its time has come. */
static void check_remote(const char *who, const char *what, const void *addr, size_t len, int pe)
{
    if (pe < 0 || pe >= shmi_job.n_pes) {
        shmi_fatal("%s: there is no PE %d; the job has PEs 0 to %d", who, pe, shmi_job.n_pes - 1);
    }
    if (len != 0 && shmi_segment_of(addr) == NULL) {
        shmi_check_not_symmetric(who, what, addr);
    }
    shmi_check_symmetric(who, what, addr, len);
}

static void check_signal(const char *who, const uint64_t *sig_addr, int pe)
{
    check_remote(who, "sig_addr", sig_addr, sizeof(*sig_addr), pe);
    if ((uintptr_t)sig_addr % sizeof(*sig_addr) != 0) {
        shmi_fatal("%s: sig_addr %p is not aligned to %zu bytes", who, (const void *)sig_addr,
                   sizeof(*sig_addr));
    }
}

/* ---- ways ------------------------------------------------------------------------------------ */

/* There is what is at the other PE, where it is reached from here. */
static enum way way_of_copy(const char *there, const void *here)
{
    if (there == NULL) {
        return BY_HELPER;
    }
    return shmi_hbm_either(there, here) ? BY_DEVICE : IN_CALL;
}

/* *word is the signal as the device names it, where the device sets it. */
static enum way way_of_signal(uint64_t *sig_addr, int sig_op, int pe, uint64_t **word)
{
    if (!shmi_hbm_is(sig_addr)) {
        return shmi_reach_amo(sig_addr, pe) != NULL ? IN_CALL : BY_HELPER;
    }
    *word = (uint64_t *)(void *)shmi_hbm_reach_amo(sig_addr, pe);
    if (*word == NULL) {
        return BY_HELPER;
    }
    return sig_op == SHMEM_SIGNAL_SET ? BY_DEVICE : IN_CALL;
}

/* Does the device know the comparison, perhaps as one with another value? */
static bool has_comparison(int cmp, uint64_t *value, enum shmi_value_cmp *how)
{
    *how = cmp == SHMEM_CMP_EQ ? SHMI_VALUE_EQ : SHMI_VALUE_GE;
    if (cmp == SHMEM_CMP_GT && *value != UINT64_MAX) {
        *value += 1;
        return true;
    }
    return cmp == SHMEM_CMP_EQ || cmp == SHMEM_CMP_GE;
}

/* The host's part of an operation, one way or the other. */
static int post(shmemx_stream_t stream, const struct shmi_operation *op, enum way way)
{
    return way == IN_CALL ? shmi_on_stream_call(stream, op) : shmi_on_stream_wait(stream, op);
}

/* The device's: what shmi_put and shmi_get would count is counted here. */
static int copy(const char *who, void *to, const void *from, size_t len, enum shmi_stat kind,
                shmemx_stream_t stream)
{
    if (shmi_observing) {
        shmi_stats_count(kind, len);
    }
    int rc = shmi_accelerator.device->stream_copy(shmi_accelerator.npu, stream, to, from, len);
    return shmi_on_stream_result(who, stream, rc);
}

/* ---- the operations -------------------------------------------------------------------------- */

/* A put, if nobody says otherwise. */
static struct shmi_operation move_of(const char *who, void *dest, const void *source, size_t len,
                                     int pe, enum shmi_when when)
{
    return (struct shmi_operation){
        .run = run_put,
        .who = who,
        .dest = dest,
        .source = source,
        .len = len,
        .pe = pe,
        .when = when,
    };
}

/* Checked, and len is not 0. */
static int put_checked(const struct shmi_operation *op, shmemx_stream_t stream)
{
    char *there = shmi_hbm_reach(op->dest, op->pe);
    enum way way = way_of_copy(there, op->source);
    if (way == BY_DEVICE) {
        return copy(op->who, there, op->source, op->len, SHMI_STATS_PUT, stream);
    }
    return post(stream, op, way);
}

static int put(const char *who, void *dest, const void *source, size_t len, int pe,
               enum shmi_when when, shmemx_stream_t stream)
{
    shmi_npu_enter(who);
    check_remote(who, "dest", dest, len, pe);
    const struct shmi_operation op = move_of(who, dest, source, len, pe, when);
    return len == 0 ? 0 : put_checked(&op, stream);
}

static int get(const char *who, void *dest, const void *source, size_t len, int pe,
               enum shmi_when when, shmemx_stream_t stream)
{
    shmi_npu_enter(who);
    check_remote(who, "source", source, len, pe);
    struct shmi_operation op = move_of(who, dest, source, len, pe, when);
    op.run = run_get;
    if (len == 0) {
        return 0;
    }
    const char *there = shmi_hbm_reach(source, pe);
    enum way way = way_of_copy(there, dest);
    if (way == BY_DEVICE) {
        return copy(who, dest, there, len, SHMI_STATS_GET, stream);
    }
    return post(stream, &op, way);
}

static int p(const char *who, void *dest, const void *value, size_t size, int pe,
             shmemx_stream_t stream)
{
    shmi_npu_enter(who);
    check_remote(who, "dest", dest, size, pe);
    struct shmi_operation op = {.run = run_p, .who = who, .dest = dest, .len = size, .pe = pe};
    memcpy(op.value, value, size);
    return post(stream, &op, shmi_hbm_reach(dest, pe) != NULL ? IN_CALL : BY_HELPER);
}

/* Checked; the way is known. */
static int set_signal(const struct shmi_operation *op, enum way way, uint64_t *word,
                      shmemx_stream_t stream)
{
    struct shmi_operation alone = *op;
    if (way != BY_DEVICE) {
        alone.run = run_signal;
        return post(stream, &alone, way);
    }
    if (shmi_observing) {
        shmi_stats_count(SHMI_STATS_AMO, sizeof(*word));
    }
    int rc = shmi_accelerator.device->stream_write(shmi_accelerator.npu, stream, word, op->signal);
    return shmi_on_stream_result(op->who, stream, rc);
}

static void add_signal(struct shmi_operation *op, uint64_t *sig_addr, uint64_t signal, int sig_op)
{
    check_signal(op->who, sig_addr, op->pe);
    if (sig_op != SHMEM_SIGNAL_SET && sig_op != SHMEM_SIGNAL_ADD) {
        shmi_fatal("%s: sig_op %d is no operation on signals: SHMEM_SIGNAL_SET, SHMEM_SIGNAL_ADD",
                   op->who, sig_op);
    }
    op->sig_addr = sig_addr;
    op->signal = signal;
    op->sig_op = sig_op;
}

/* Where no helper is needed, these are a put and a signal: on a stream, the first is complete, at
 * the other PE too, before the second begins. */
static int put_signal(const char *who, void *dest, const void *source, size_t len,
                      uint64_t *sig_addr, uint64_t signal, int sig_op, int pe, enum shmi_when when,
                      shmemx_stream_t stream)
{
    uint64_t *word = NULL;
    shmi_npu_enter(who);
    check_remote(who, "dest", dest, len, pe);
    struct shmi_operation op = move_of(who, dest, source, len, pe, when);
    add_signal(&op, sig_addr, signal, sig_op);
    enum way way = way_of_signal(sig_addr, sig_op, pe, &word);
    if (way == BY_HELPER || (len != 0 && shmi_hbm_reach(dest, pe) == NULL)) {
        op.run = run_put_signal;
        return shmi_on_stream_wait(stream, &op);
    }
    int rc = len == 0 ? 0 : put_checked(&op, stream);
    return rc == 0 ? set_signal(&op, way, word, stream) : rc;
}

int shmemx_signal_op_on_stream(uint64_t *sig_addr, uint64_t signal, int sig_op, int pe,
                               shmemx_stream_t stream)
{
    uint64_t *word = NULL;
    shmi_npu_enter(__func__);
    struct shmi_operation op = move_of(__func__, NULL, NULL, 0, pe, SHMI_LATER);
    add_signal(&op, sig_addr, signal, sig_op);
    enum way way = way_of_signal(sig_addr, sig_op, pe, &word);
    return set_signal(&op, way, word, stream);
}
PSHMEM(x_signal_op_on_stream)

int shmemx_signal_wait_until_on_stream(uint64_t *sig_addr, int cmp, uint64_t cmp_value,
                                       shmemx_stream_t stream)
{
    const char *who = __func__;
    enum shmi_value_cmp how;
    shmi_npu_enter(who);
    check_signal(who, sig_addr, shmi_job.my_pe);
    if (cmp < SHMEM_CMP_EQ || cmp > SHMEM_CMP_GE) {
        shmi_fatal("%s: cmp is %d, which is no SHMEM_CMP_ operator", who, cmp);
    }
    if (shmi_hbm_is(sig_addr) && has_comparison(cmp, &cmp_value, &how)) {
        return shmi_on_stream_await(who, stream, sig_addr, how, cmp_value);
    }
    const struct shmi_operation op = {
        .run = run_signal_wait,
        .who = who,
        .sig_addr = sig_addr,
        .signal = cmp_value,
        .sig_op = cmp,
    };
    return shmi_on_stream_wait(stream, &op);
}
PSHMEM(x_signal_wait_until_on_stream)

/* Without a network, what a stream has done is complete. */
int shmemx_quiet_on_stream(shmemx_stream_t stream)
{
    const struct shmi_operation op = {.run = run_quiet, .who = __func__};
    shmi_npu_enter(__func__);
    return shmi_ctx_default.channel == NULL ? 0 : shmi_on_stream_wait(stream, &op);
}
PSHMEM(x_quiet_on_stream)

/* ---- their names ----------------------------------------------------------------------------- */

/* A macro names and forwards. */
/* clang-format off */
#define COPY(name, type, elem, move, when)                                                         \
    int shmemx##name##_on_stream(type *dest, const type *source, size_t nelems, int pe,            \
                                 shmemx_stream_t stream)                                           \
    {                                                                                              \
        return move(__func__, dest, source, nelems * (elem), pe, when, stream);                    \
    }                                                                                              \
    PSHMEM(x##name##_on_stream)

#define PUT_SIGNAL(name, type, elem, when)                                                         \
    int shmemx##name##_on_stream(type *dest, const type *source, size_t nelems,                    \
                                 uint64_t *sig_addr, uint64_t signal, int sig_op, int pe,          \
                                 shmemx_stream_t stream)                                           \
    {                                                                                              \
        return put_signal(__func__, dest, source, nelems * (elem), sig_addr, signal, sig_op, pe,   \
                          when, stream);                                                           \
    }                                                                                              \
    PSHMEM(x##name##_on_stream)
/* clang-format on */

#define PUT(op, T, type)                 COPY(T##op, type, sizeof(type), put, SHMI_NOW)
#define GET(op, T, type)                 COPY(T##op, type, sizeof(type), get, SHMI_NOW)
#define PUT_NBI(op, T, type)             COPY(T##op, type, sizeof(type), put, SHMI_LATER)
#define GET_NBI(op, T, type)             COPY(T##op, type, sizeof(type), get, SHMI_LATER)
#define SIGNAL(op, T, type)              PUT_SIGNAL(T##op, type, sizeof(type), SHMI_NOW)
#define SIGNAL_NBI(op, T, type)          PUT_SIGNAL(T##op, type, sizeof(type), SHMI_LATER)
#define SIZED_PUT(op, bits, tail)        COPY(op##bits##tail, void, (bits) / 8, put, SHMI_NOW)
#define SIZED_GET(op, bits, tail)        COPY(op##bits##tail, void, (bits) / 8, get, SHMI_NOW)
#define SIZED_PUT_NBI(op, bits, tail)    COPY(op##bits##tail, void, (bits) / 8, put, SHMI_LATER)
#define SIZED_GET_NBI(op, bits, tail)    COPY(op##bits##tail, void, (bits) / 8, get, SHMI_LATER)
#define SIZED_SIGNAL(op, bits, tail)     PUT_SIGNAL(op##bits##tail, void, (bits) / 8, SHMI_NOW)
#define SIZED_SIGNAL_NBI(op, bits, tail) PUT_SIGNAL(op##bits##tail, void, (bits) / 8, SHMI_LATER)
SHMEMI_FOR_RMA(PUT, _put)
SHMEMI_FOR_RMA(GET, _get)
SHMEMI_FOR_RMA(PUT_NBI, _put_nbi)
SHMEMI_FOR_RMA(GET_NBI, _get_nbi)
SHMEMI_FOR_RMA(SIGNAL, _put_signal)
SHMEMI_FOR_RMA(SIGNAL_NBI, _put_signal_nbi)
SHMEMI_FOR_SIZES(SIZED_PUT, _put, )
SHMEMI_FOR_SIZES(SIZED_GET, _get, )
SHMEMI_FOR_SIZES(SIZED_PUT_NBI, _put, _nbi)
SHMEMI_FOR_SIZES(SIZED_GET_NBI, _get, _nbi)
SHMEMI_FOR_SIZES(SIZED_SIGNAL, _put, _signal)
SHMEMI_FOR_SIZES(SIZED_SIGNAL_NBI, _put, _signal_nbi)
COPY(_putmem, void, 1, put, SHMI_NOW)
COPY(_getmem, void, 1, get, SHMI_NOW)
COPY(_putmem_nbi, void, 1, put, SHMI_LATER)
COPY(_getmem_nbi, void, 1, get, SHMI_LATER)
PUT_SIGNAL(_putmem_signal, void, 1, SHMI_NOW)
PUT_SIGNAL(_putmem_signal_nbi, void, 1, SHMI_LATER)

#define P(op, T, type)                                                                    \
    int shmemx##T##op##_on_stream(type *dest, type value, int pe, shmemx_stream_t stream) \
    {                                                                                     \
        return p(__func__, dest, &value, sizeof(type), pe, stream);                       \
    }                                                                                     \
    PSHMEM(x##T##op##_on_stream)
SHMEMI_FOR_RMA(P, _p)
