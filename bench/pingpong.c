/* SPDX-License-Identifier: BSD-3-Clause */
/* pingpong.c -- round trips between two PEs: a word, data and a flag, data with a signal. */
#include "bench.h"

#include <shmem.h>
#include <stdio.h>
#include <string.h>

/* Signals came with OpenSHMEM 1.5. */
#if SHMEM_MAJOR_VERSION > 1 || SHMEM_MINOR_VERSION >= 5
#define HAVE_SIGNALS 1
#else
#define HAVE_SIGNALS 0
#endif

/*
 * Each PE waits on a word of its own that only grows, over all batches.  PE 0 serves, PE 1 returns.
 */
static uint64_t turn, bare_turn;

static uint64_t *flag(int i)
{
    return (uint64_t *)&bench.area->flag[i].word;
}

static void send_word(size_t size)
{
    (void)size;
    shmem_uint64_p(flag(0), turn, bench.peer);
}

static void wait_word(void)
{
    shmem_uint64_wait_until(flag(0), SHMEM_CMP_GE, turn);
}

/* What OpenSHMEM 1.4 has instead of a signal: data, fence, flag. */
static void send_flagged(size_t size)
{
    shmem_putmem_nbi(bench_dest(bench.area), bench_source(bench.area), size, bench.peer);
    shmem_fence();
    shmem_uint64_p(flag(0), turn, bench.peer);
}

#if HAVE_SIGNALS
static void send_signal(size_t size)
{
    shmem_putmem_signal(bench_dest(bench.area), bench_source(bench.area), size, flag(0), turn,
                        SHMEM_SIGNAL_SET, bench.peer);
}

static void wait_signal(void)
{
    shmem_signal_wait_until(flag(0), SHMEM_CMP_GE, turn);
}
#endif

struct way {
    void (*send)(size_t size);
    void (*wait)(void);
};

static const struct way word = {send_word, wait_word}, flagged = {send_flagged, wait_word};
#if HAVE_SIGNALS
static const struct way with_signal = {send_signal, wait_signal};
#endif

static void play(const struct bench_subject *subject, size_t size, long iters)
{
    const struct way *way = subject->arg;
    for (long i = 0; i < iters && bench.me < 2; i++) {
        turn++;
        if (bench.me == 0)
            way->send(size);
        way->wait();
        if (bench.me == 1)
            way->send(size);
    }
}

static void bare_send(size_t len)
{
    memcpy(bench_dest(bench.theirs), bench_source(bench.mine), len);
    __atomic_store_n(&bench.theirs->flag[0].word, bare_turn, __ATOMIC_RELEASE);
}

/* How the reference plays: with data before the word or without, waiting with pause or without. */
struct bare_way {
    bool data;
    bool pause;
};

static const struct bare_way bare_tight = {false, false}, bare_paused = {false, true};
static const struct bare_way bare_data = {true, true};

static void play_bare(const struct bench_subject *subject, size_t size, long iters)
{
    const struct bare_way *way = subject->arg;
    size_t len = way->data ? size : 0;
    for (long i = 0; i < iters && bench.me < 2; i++) {
        bare_turn++;
        if (bench.me == 0)
            bare_send(len);
        while (__atomic_load_n(&bench.mine->flag[0].word, __ATOMIC_ACQUIRE) < bare_turn)
            if (way->pause)
                bench_pause();
        if (bench.me == 1)
            bare_send(len);
    }
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {8, 64, 1024, 16384, 262144, 1048576};
    bench_start(argc, argv, 1 << 20, false);
    if (bench.n_pes < 2) {
        fprintf(stderr, "pingpong needs two PEs\n");
        shmem_global_exit(2);
    }
    const struct bench_subject words[] = {
        {.name = "pingpong", .run = play, .arg = &word, .all = true},
        {.name = "without pause", .run = play_bare, .arg = &bare_tight, .all = true, .bare = true},
        {.name = "with pause", .run = play_bare, .arg = &bare_paused, .all = true, .bare = true},
    };
    const struct bench_subject data[] =
    { {.name = "put_flag_pingpong", .run = play, .arg = &flagged, .all = true},
#if HAVE_SIGNALS
      {.name = "put_signal_pingpong", .run = play, .arg = &with_signal, .all = true},
#endif
      {.name = "bare_put_pingpong", .run = play_bare, .arg = &bare_data, .all = true, .bare = true},
    };
    int n_data = 1 + HAVE_SIGNALS;
    /* The references spin without ever giving way, so they need a core for each PE. */
    int n_bare = bench.crowded ? 0 : 1;
    if (bench_wanted("pingpong"))
        bench_measure(words, 1 + 2 * n_bare, 8, bench_iters(0), "bare_pingpong");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (sizes[i] <= bench.largest && bench_wanted_any(data, n_data))
            bench_measure(data, n_data + n_bare, sizes[i], bench_iters(sizes[i]), NULL);
    bench_stop();
    return 0;
}
