/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hbm.h -- device memory under the routines of the standard.
 *
 * The symmetric device heap is a segment whose windows are mapped nowhere for the host's loads and
 * stores, so that only slow paths see it; and while there is a device, the fast paths are closed,
 * as the caller's own buffer may be device memory too.  The slow paths ask shmi_hbm_is(), and come
 * here for any mix of host and device memory on the two sides.
 */
#ifndef SHMI_HBM_H
#define SHMI_HBM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/amo.h"
#include "core/base/atomic.h"
#include "core/base/util.h"
#include "core/ctx.h"
#include "transport/transport.h"

/* There is device memory; constant false in a program without. */
extern SHMI_HIDDEN bool shmi_hbm_on;

/* How the device memory of a PE is reached. */
struct shmi_hbm_peer {
    char *map;       /* for kernels here and for copies; NULL: not mapped */
    bool registered; /* with the network: the window's addr and key hold */
    bool by_agent;   /* its PE's agent does all atomics on it */
};
extern SHMI_HIDDEN struct shmi_hbm_peer *shmi_hbm_peers; /* by PE of the world */

/* For shmi_hbm_is. */
bool shmi_hbm_owns(const void *addr);

/* Is this device memory, symmetric or not? */
static inline bool shmi_hbm_is(const void *addr)
{
    return shmi_unlikely(shmi_hbm_on) && shmi_hbm_owns(addr);
}

/* Between any two addresses of this process, and of its device. */
void shmi_hbm_copy(void *dst, const void *src, size_t len);
void shmi_hbm_zero(void *dst, size_t len);

/* dest or source, or both, are device memory.  pe is the world's, len not 0. */
void shmi_hbm_put(const char *who, struct shmi_ctx *ctx, void *dest, const void *source, size_t len,
                  int pe, enum shmi_when when);
void shmi_hbm_get(const char *who, struct shmi_ctx *ctx, void *dest, const void *source, size_t len,
                  int pe, enum shmi_when when);

/* Where copies of this process reach that PE's object, in host or device memory; NULL where they do
 * not.  And: where the device itself does the atomics on a word of device memory, if it does. */
char *shmi_hbm_reach(const void *addr, int pe);
char *shmi_hbm_reach_amo(const void *addr, int pe);

/* On a word of device memory. */
void shmi_hbm_amo(const char *who, struct shmi_ctx *ctx, void *dest, const struct shmi_amo *amo,
                  enum shmi_when when, int pe);

/* A word of this PE's, host's or device's. */
uint64_t shmi_hbm_load8(const void *word);
static inline uint64_t shmi_word_load(const void *word)
{
    return shmi_hbm_is(word) ? shmi_hbm_load8(word) : shmi_load_acquire((const uint64_t *)word);
}

/* As shmi_wait_reached, on either. */
void shmi_word_wait_reached(const char *who, const void *word, uint64_t value, int pe);

/* ---- coll_hbm.c: what coll.h promises, where dest or source is device memory ----------------- */

static inline bool shmi_hbm_either(const void *dest, const void *source)
{
    return shmi_hbm_is(dest) || shmi_hbm_is(source);
}

#endif
