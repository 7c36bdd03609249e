/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * on_stream.h -- communication at its place on a stream of the device.
 *
 * An operation is done in one of three ways:
 *
 *     the device does it     a copy, a store or a wait of its own; the host has no part in it, but
 *                            that a thread looks once in a second whether a wait lasts too long
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
#include "device/device.h"
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

/* The device itself waits for a word of its memory. */
int shmi_on_stream_await(const char *who, shmemx_stream_t stream, const uint64_t *word,
                         enum shmi_value_cmp cmp, uint64_t value);

/* What a device said of something put on a stream, as the extensions do: 0, or -1 after logging. */
int shmi_on_stream_result(const char *who, shmemx_stream_t stream, int rc);

/* A stream's end: take what is known of it away before the device does, and free that afterwards,
 * when all that was on it is done; or give it back, where the stream goes on. */
struct shmi_lane;
struct shmi_lane *shmi_on_stream_leave(shmemx_stream_t stream);
void shmi_on_stream_free(struct shmi_lane *lane);
void shmi_on_stream_stay(struct shmi_lane *lane);

/* Streams are done: end the helpers, give back all memory. */
void shmi_on_stream_close(void);

/* ---- between the files of these -------------------------------------------------------------- */

/* A wait that the device does. */
struct shmi_watched {
    const char *who;
    shmemx_stream_t stream;
    const uint64_t *word;
    enum shmi_value_cmp cmp;
    uint64_t value;
    uint64_t number; /* on_stream_watch.c's from here on: among the stream's, from 1 */
    uint64_t since, next_report;
    struct shmi_watched *next;
};

/* A stream's waits that are not known to be over. */
struct shmi_watch {
    uint64_t *word;   /* of device memory, zero at first: how far the stream has come */
    uint64_t n_waits; /* on_stream_watch.c's from here on: ever */
    struct shmi_watched *first, **last;
    size_t n, limit; /* how many, and when to look whether they are over */
    struct shmi_watch *next;
};

/* Put a wait on its stream; 0 or -errno.  One thread at a time for a watch, which stays where it
 * is until the close. */
int shmi_watch_put(struct shmi_watch *watch, const struct shmi_watched *like);
void shmi_watch_close(void);

#endif
