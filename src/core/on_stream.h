/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * on_stream.h -- communication at its place on a stream of the device.
 *
 * An operation is done in one of three ways:
 *
 *     the device does it     a copy, a store or a wait of its own; the host has no part in it
 *     in the stream's call   the stream calls the host, which does it at once: loads, stores and
 *                            atomics of this process and its device
 *     by a helper            what waits, for other PEs or for a network: the stream calls the host,
 *                            which hands it to a thread of ours; then the stream waits for a word
 *                            of device memory, which the helper sets when it is done
 *
 * So a call on a stream never takes long, and a device may have one thread for the calls of all its
 * streams: operations on different streams do not wait for each other, whatever the device does.
 */
#ifndef SHMI_ON_STREAM_H
#define SHMI_ON_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/export.h"
#include "core/coll.h"
#include "transport/transport.h"

/* An operation: what is to be called when its time has come, and its arguments. */
struct shmi_operation {
    void (*run)(struct shmi_operation *op);
    const char *who; /* the public routine */
    void *dest;
    const void *source;
    size_t len; /* in bytes; of a collective that has a size: in elements of it */
    int pe;     /* of the world; of a broadcast: the root */
    enum shmi_when when;
    uint64_t *sig_addr;
    uint64_t signal; /* or the value that is waited for */
    int sig_op;      /* or cmp */
    char value[16];  /* of p */
    struct shmi_team *team;
    void (*collective)(const struct shmi_operation *op);
    size_t size;
    ptrdiff_t dst, sst;
    shmi_combine *combine;
    struct shmi_operation *next; /* on_stream.c's from here on */
    uint64_t *done;
    uint64_t ticket;
};

/* Put a copy of it on the stream: to be run in the stream's call, or by a helper.  0, or -1 after
 * logging. */
int shmi_on_stream_call(shmemx_stream_t stream, const struct shmi_operation *op);
int shmi_on_stream_wait(shmemx_stream_t stream, const struct shmi_operation *op);

/* What a device said of something put on a stream, as the extensions do: 0, or -1 after logging. */
int shmi_on_stream_result(const char *who, shmemx_stream_t stream, int rc);

/* A stream's end: take what is known of it away before the device does, and free that afterwards,
 * when all that was on it is done. */
struct shmi_lane;
struct shmi_lane *shmi_on_stream_leave(shmemx_stream_t stream);
void shmi_on_stream_free(struct shmi_lane *lane);

/* Streams are done: end the helpers, give back all memory. */
void shmi_on_stream_close(void);

#endif
