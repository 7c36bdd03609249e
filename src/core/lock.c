/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lock.c -- distributed locks (section 9.13): first come, first served.
 *
 * The waiters form a queue (after Mellor-Crummey and Scott).  A lock is a long on every PE.  One of
 * them, the lock's home, holds the end of the queue; in its own, each PE finds who comes after it,
 * and is told that it is its turn, so that it waits on its own memory:
 *
 *     63 ........ 32  31 ......... 1  0
 *     last PE + 1     next PE + 1     my turn
 *     (at the home)   (at each PE)    (at each PE)
 *
 * All updates are 64-bit additions and compare-and-swaps, which every network has.
 */
#include "core/amo.h"
#include "core/base/export.h"
#include "core/base/job.h"
#include "core/check.h"
#include "core/hbm.h"
#include "core/order.h"
#include "core/setup.h"
#include "core/wait.h"

#define TURN       UINT64_C(1)
#define NEXT_SHIFT 1
#define LAST_SHIFT 32
#define LOW        ((UINT64_C(1) << LAST_SHIFT) - 1)

/* Locks at different addresses live on different PEs. */
static int home_of(const char *who, const long *lock)
{
    const struct shmi_segment *seg = shmi_segment_of(lock);
    if (seg == NULL) {
        shmi_check_not_symmetric(who, "lock", lock);
    }
    size_t offset = (size_t)((const char *)lock - seg->base);
    return (int)((offset / sizeof(*lock)) % (size_t)shmi_job.n_pes);
}

static uint64_t amo(const char *who, long *lock, enum shmi_amo_op op, uint64_t expected,
                    uint64_t value, int pe)
{
    return shmi_amo(who, &shmi_ctx_default, op, lock, sizeof(*lock), value, expected, SHMI_NOW, pe);
}

static void add(const char *who, long *lock, uint64_t value, int pe)
{
    amo(who, lock, SHMI_AMO_ADD, 0, value, pe);
}

/* Change the queue's end at the home from one PE to another (0: nobody).  Gives who it was, and has
 * changed nothing if that was not `from`.  The home's own turn and next PE are in the same word; as
 * a rule it has none. */
static uint64_t change_last(const char *who, long *lock, int home, uint64_t from, uint64_t to)
{
    uint64_t old = from << LAST_SHIFT;
    for (;;) {
        uint64_t found = amo(who, lock, SHMI_AMO_CSWAP, old, (old & LOW) | to << LAST_SHIFT, home);
        if (found == old || found >> LAST_SHIFT != from) {
            return found >> LAST_SHIFT;
        }
        old = found;
    }
}

static uint64_t my_word(const long *lock)
{
    return shmi_word_load(lock);
}

struct lock_waiting {
    struct shmi_waiting base;
    const long *lock;
    uint64_t bits; /* any of these */
};

static bool has_bits(struct shmi_waiting *waiting)
{
    const struct lock_waiting *mine = (const struct lock_waiting *)waiting;
    return (my_word(mine->lock) & mine->bits) != 0;
}

static void wait_for_bits(const char *who, const long *lock, uint64_t bits, int pe)
{
    struct lock_waiting waiting = {
        .base = {.who = who, .addr = lock, .pe = pe, .in_queue = pe >= 0, .done = has_bits},
        .lock = lock,
        .bits = bits,
    };
    if (!has_bits(&waiting.base)) {
        shmi_wait(&waiting.base);
    }
}

void shmem_set_lock(long *lock)
{
    shmi_require_running(__func__);
    int home = home_of(__func__, lock);
    uint64_t me = (uint64_t)shmi_job.my_pe + 1;
    uint64_t before = 0;
    for (uint64_t guess = 0;; guess = before) {
        before = change_last(__func__, lock, home, guess, me);
        if (before == guess) {
            break;
        }
    }
    if (before != 0) {
        add(__func__, lock, me << NEXT_SHIFT, (int)before - 1);
        wait_for_bits(__func__, lock, TURN, (int)before - 1);
        add(__func__, lock, -TURN, shmi_job.my_pe);
    }
}
PSHMEM(_set_lock)

int shmem_test_lock(long *lock)
{
    shmi_require_running(__func__);
    int home = home_of(__func__, lock);
    if (change_last(__func__, lock, home, 0, (uint64_t)shmi_job.my_pe + 1) == 0) {
        return 0;
    }
    shmi_wait_politely();
    return 1;
}
PSHMEM(_test_lock)

void shmem_clear_lock(long *lock)
{
    shmi_require_running(__func__);
    int home = home_of(__func__, lock);
    uint64_t me = (uint64_t)shmi_job.my_pe + 1;
    shmi_quiet(&shmi_ctx_default);
    uint64_t next = (my_word(lock) & LOW) >> NEXT_SHIFT;
    if (next == 0) {
        if (change_last(__func__, lock, home, me, 0) == me) {
            return;
        }
        /* Somebody has joined the queue and is about to say so. */
        wait_for_bits(__func__, lock, LOW & ~TURN, -1);
        next = (my_word(lock) & LOW) >> NEXT_SHIFT;
    }
    add(__func__, lock, -(next << NEXT_SHIFT), shmi_job.my_pe);
    add(__func__, lock, TURN, (int)next - 1);
}
PSHMEM(_clear_lock)
