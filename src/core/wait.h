/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wait.h -- the one place where a PE waits.
 *
 * A caller first looks a few times itself, inline; then shmi_wait takes over: it spins politely,
 * makes progress, yields, sleeps with growing naps, notices PEs that died or left, and after
 * SHMEM_WATCHDOG seconds reports who waits for whom.
 */
#ifndef SHMI_WAIT_H
#define SHMI_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/base/util.h"

/*
 * Looks at a word before shmi_wait is called, which first reads the clock.  There is a pause
 * between them: without, the looks in flight are thrown away when the line comes, and it comes
 * later where the writer shares the core.  A ping-pong took half as long again.  Where PEs share
 * cores there is one look: the one that is waited for may need this core, and 64 pauses take as
 * long as a change of processes.
 */
extern SHMI_HIDDEN int shmi_looks;

/* What a PE waits for; lives on the waiter's stack. */
struct shmi_waiting {
    const char *who;  /* the public routine */
    const void *addr; /* of the word, in this process; or NULL */
    int pe;           /* the PE of the world that is waited for, or -1: anybody */
    bool in_queue;    /* of a lock: pe is the one before this PE, or the lock's holder */
    bool (*done)(struct shmi_waiting *waiting); /* has it come?  May be called at any time */
    /* For people, after the word: what it is and what is wanted; or NULL. */
    void (*tell)(const struct shmi_waiting *waiting, char *text, size_t len);
};

/* Returns when done() says so.  Never returns if that cannot happen any more: the job is ended. */
void shmi_wait(struct shmi_waiting *waiting);

/* Wait until a word that only grows has reached a value; acquire.  pe: who writes it, or -1. */
void shmi_wait_reached_slowly(const char *who, const uint64_t *word, uint64_t value, int pe);

static inline void shmi_wait_reached(const char *who, const uint64_t *word, uint64_t value, int pe)
{
    for (int look = 0; look < shmi_looks; look++) {
        if (shmi_likely(shmi_load_acquire(word) >= value)) {
            return;
        }
        shmi_pause();
    }
    shmi_wait_reached_slowly(who, word, value, pe);
}

/* The wait of a signal, in host or device memory; cmp is one of SHMEM_CMP_.  The value seen. */
uint64_t shmi_wait_signal(const char *who, const uint64_t *sig_addr, int cmp, uint64_t value);

/* Let the network, where there is one, move; and do what others then want of this PE. */
void shmi_progress(void);

/* Only take in what comes through it, and where that is nothing rest for ns, or where the network
 * can tell until something comes. */
void shmi_take_in(uint64_t ns);

/* After a test that failed: let the network move, and, where PEs share cores, let others run. */
void shmi_wait_politely(void);

/* At start-up: write this PE's cores into its card; then, with all cards and windows known, decide
 * how patient a wait is. */
struct shmi_card;
void shmi_wait_describe(struct shmi_card *mine);
void shmi_wait_open(const struct shmi_card *cards);

/* Has the node fewer cores than its PEs with so many busy threads each? */
bool shmi_wait_is_crowded(int threads);

#endif
