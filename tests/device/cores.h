/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cores.h -- functions of a program on the cores of a device, for tests of shmemx_device.h.
 *
 * Without a device, threads of the PE play the cores of one; with a device that runs functions of
 * the program (SHMEM_DEVICE), its cores run them, on device memory.  There a function has the
 * program's variables as they were when the device was opened, or has a copy of them: so what it
 * needs comes with its arguments, and how often it has failed goes to a word of device memory.
 */
#ifndef TESTS_DEVICE_CORES_H
#define TESTS_DEVICE_CORES_H

#include <pthread.h>

#include <shmemx.h>

#include <shmemx_device.h>

#include "../openshmem-conformance/conformance.h"

enum { CORES = 3, WORDS = 64, SIGNALS = 4, LARGE = 100000 };

/* What the host prepares for kernels. */
static struct prepared {
    void *context;
    int ring_only;
    int team;
    int me, n_pes, n_shared;
    uint64_t *words, *more, *signals; /* symmetric */
    char *large, *copy;
    uint64_t *on_host; /* symmetric, and not the device's */
    void *right_words; /* where the next PE's words are reached, or NULL */
    uint64_t *failures;
} now;
static bool on_device;

/* Without a device: symmetric memory of static data, too. */
static uint64_t static_words[WORDS], static_more[WORDS], static_signals[SIGNALS];

#define words   now.words
#define more    now.more
#define signals now.signals
#define large   now.large
#define copy    now.copy

typedef void kernel(shmemx_device_t *dev, int core);
struct core {
    pthread_t thread;
    kernel *run;
    int number;
    int shared;
    struct prepared now;
};

static inline void *play(void *arg)
{
    struct core *core = (struct core *)arg;
    shmemx_device_t dev;
    int status = core->shared ? shmemx_device_enter_shared(&dev, now.context, 0)
                              : shmemx_device_enter(&dev, now.context, (unsigned)core->number);
    if (check(status == SHMEMX_OK, "status %d", status)) {
        core->run(&dev, core->number);
        shmemx_device_leave(&dev);
    }
    return NULL;
}

/* A block of a kernel.  All of a launch are told the same. */
static inline void play_block(void *args, unsigned block, unsigned n_blocks)
{
    struct core core = *(const struct core *)args;
    (void)n_blocks;
    core.number = (int)block;
    now = core.now;
    play(&core);
    __atomic_fetch_add(now.failures,
                       (uint64_t)__atomic_exchange_n(&conformance.failures, 0, __ATOMIC_SEQ_CST),
                       __ATOMIC_SEQ_CST);
}

static inline void launch(int n, int shared, kernel *run)
{
    uint64_t failures = 0;
    struct core core = {.run = run, .shared = shared, .now = now};
    shmemx_memcpy(now.failures, &failures, sizeof(failures));
    int rc = shmemx_launch(play_block, (unsigned)n, &core, sizeof(core), SHMEMX_STREAM_DEFAULT);
    check(rc == 0, "cannot launch: %d", rc);
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    shmemx_memcpy(&failures, now.failures, sizeof(failures));
    check(failures == 0, "%lu failures in a kernel", (unsigned long)failures);
}

static inline void on_cores(int n, int shared, kernel *run)
{
    struct core core[CORES];
    now.right_words = on_device ? shmemx_ptr_device(words, (now.me + 1) % now.n_pes)
                                : shmem_ptr(words, (now.me + 1) % now.n_pes);
    if (on_device) {
        launch(n, shared, run);
        return;
    }
    for (int i = 0; i < n; i++) {
        core[i] = (struct core){.run = run, .number = i, .shared = shared};
        pthread_create(&core[i].thread, NULL, play, &core[i]);
    }
    for (int i = 0; i < n; i++) {
        pthread_join(core[i].thread, NULL);
    }
}

/* Symmetric memory where kernels have theirs. */
static inline void *make(size_t len)
{
    return on_device ? shmemx_malloc_device(len) : shmem_malloc(len);
}

static inline void clear(void *to, size_t len)
{
    static const uint64_t zeros[WORDS];
    if (on_device) {
        shmemx_memcpy(to, zeros, len);
    } else {
        memset(to, 0, len);
    }
}

static inline void set_up(void)
{
    shmemx_device_info_t info;
    on_device = shmemx_device_query(&info) == 0;
    now.me = shmem_my_pe();
    now.n_pes = shmem_n_pes();
    now.n_shared = shmem_team_n_pes(SHMEM_TEAM_SHARED);
    words = on_device ? (uint64_t *)make(sizeof(static_words)) : static_words;
    more = on_device ? (uint64_t *)make(sizeof(static_more)) : static_more;
    signals = on_device ? (uint64_t *)make(sizeof(static_signals)) : static_signals;
    now.failures = on_device ? (uint64_t *)make(sizeof(uint64_t)) : NULL;
    now.on_host = (uint64_t *)shmem_malloc(sizeof(static_words));
    large = (char *)make(LARGE);
    copy = (char *)make(LARGE);
}

/* Collective. */
static inline bool open_context(int ring_only)
{
    if (large == NULL) {
        set_up();
    }
    now.ring_only = ring_only;
    clear(words, sizeof(static_words));
    clear(more, sizeof(static_more));
    clear(signals, sizeof(static_signals));
    int rc = shmemx_device_context_create(CORES, 1, ring_only ? SHMEMX_DEVICE_RING_ONLY : 0,
                                          &now.context);
    return check(rc == 0, "no context: %d", rc);
}

/* By one core, by load and store, and through the ring. */
static inline void both_ways(kernel *run)
{
    for (int ring_only = 0; ring_only < 2; ring_only++) {
        if (open_context(ring_only)) {
            on_cores(1, 0, run);
            shmem_barrier_all();
            shmemx_device_context_destroy(now.context);
        }
    }
}

#endif
