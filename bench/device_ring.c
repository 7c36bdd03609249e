/* SPDX-License-Identifier: BSD-3-Clause */
/* device_ring.c -- the doorbell ring between a kernel and the host: round trips, rates, rest. */
#include "device_bench.h"

#include <sched.h>
#include <shmem.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

enum {
    TRIPS = 2000,
    COMMANDS = 20000,
    WARM_UP = DEVICE_BENCH_WARM_UP,
    IDLE_NS = 500 * 1000 * 1000
};

static void *context;

/* ---- round trips ----------------------------------------------------------------------------- */

/* A command that does nothing, and its reply. */
static int ask(const shmemx_device_t *dev, const struct device_job *job, long i)
{
    shmemx_command_t cmd = {.op = SHMEMX_RING_NOP};
    uint64_t value;
    (void)job, (void)i;
    return shmemx_ask(dev->ring, &cmd, &value);
}
DEVICE_BENCH_KERNEL(ask_kernel, ask)

/* A word of the peer's host memory. */
static int fetch(const shmemx_device_t *dev, const struct device_job *job, long i)
{
    uint64_t value;
    (void)i;
    return shmemx_device_uint64_g(dev, &value, job->words, job->peer);
}
DEVICE_BENCH_KERNEL(fetch_kernel, fetch)

/* ---- the least that a round trip can be: memory of both processes -------------------------- */

/* How a turn is said, and waited for. */
typedef void say(uint64_t *place, uint64_t turn);
typedef void await(const uint64_t *place, uint64_t turn, bool pause);

static inline void say_word(uint64_t *place, uint64_t turn)
{
    __atomic_store_n(place, turn, __ATOMIC_RELEASE);
}

static inline void await_word(const uint64_t *place, uint64_t turn, bool pause)
{
    while (__atomic_load_n(place, __ATOMIC_ACQUIRE) != turn)
        if (pause)
            bench_pause();
}

/* What a command and a reply are, 64 bytes each way, every word of them looked at. */
enum { LINE_WORDS = 8 };

static inline void say_line(uint64_t *place, uint64_t turn)
{
    for (int i = 0; i < LINE_WORDS - 1; i++)
        __atomic_store_n(&place[i], turn, __ATOMIC_RELAXED);
    say_word(&place[LINE_WORDS - 1], turn);
}

static inline void await_line(const uint64_t *place, uint64_t turn, bool pause)
{
    for (int i = LINE_WORDS - 1; i >= 0; i--)
        await_word(&place[i], turn, pause);
}

/* Inlined with both: the device's side, and the host's. */
__attribute__((always_inline)) static inline void call(const struct device_job *job, say *to,
                                                       await *from)
{
    struct device_notes *notes = job->notes;
    double start = 0;
    device_bench_enter(job, NULL);
    for (uint64_t turn = 1; turn <= WARM_UP + (uint64_t)job->iters; turn++) {
        if (turn == WARM_UP + 1)
            start = bench_now();
        to(notes->there, turn);
        from(notes->back, turn, job->pause);
    }
    device_bench_leave(job, NULL, start, SHMEMX_OK);
}

__attribute__((always_inline)) static inline double answer(const struct bench_subject *subject,
                                                           long iters, shmemx_kernel_t *kernel,
                                                           say *to, await *from)
{
    struct device_job job = device_bench_job(NULL, NULL, iters);
    job.pause = subject->arg != NULL;
    device_bench_settle();
    say_line(device_notes->there, 0);
    say_line(device_notes->back, 0);
    device_bench_launch(kernel, &job);
    while (__atomic_load_n(&device_notes->started.word, __ATOMIC_ACQUIRE) == 0)
        sched_yield();
    for (uint64_t turn = 1; turn <= WARM_UP + (uint64_t)iters; turn++) {
        from(device_notes->there, turn, job.pause);
        to(device_notes->back, turn);
    }
    return device_bench_end();
}

static void ping_kernel(void *args, unsigned block, unsigned n_blocks)
{
    (void)block, (void)n_blocks;
    call(args, say_word, await_word);
}

static double ping(const struct bench_subject *subject, size_t size, long iters)
{
    (void)size;
    return answer(subject, iters, ping_kernel, say_word, await_word);
}

static void line_kernel(void *args, unsigned block, unsigned n_blocks)
{
    (void)block, (void)n_blocks;
    call(args, say_line, await_line);
}

static double ping_line(const struct bench_subject *subject, size_t size, long iters)
{
    (void)size;
    return answer(subject, iters, line_kernel, say_line, await_line);
}

/* ---- rates ----------------------------------------------------------------------------------- */

/* Words to the peer's host memory, until the last of them is there. */
static int post(const shmemx_device_t *dev, const struct device_job *job, long i)
{
    int status = shmemx_device_uint64_p(dev, &job->words[i & 7], (uint64_t)i, job->peer);
    return i + 1 < job->iters || status != SHMEMX_OK ? status : shmemx_device_quiet(dev);
}
DEVICE_BENCH_KERNEL(post_kernel, post)

/* ---- rest ------------------------------------------------------------------------------------ */

/* Per cent of a core that this process takes while no kernel runs and nobody calls. */
static double rest(void)
{
    struct rusage usage[2];
    struct timespec time = {.tv_nsec = IDLE_NS};
    double spent = 0, start = bench_now();
    getrusage(RUSAGE_SELF, &usage[0]);
    nanosleep(&time, NULL);
    getrusage(RUSAGE_SELF, &usage[1]);
    for (int i = 0; i < 2; i++) {
        const struct timeval *user = &usage[i].ru_utime, *kernel = &usage[i].ru_stime;
        double us = (double)(user->tv_sec + kernel->tv_sec) * 1e6 +
                    (double)(user->tv_usec + kernel->tv_usec);
        spent += i == 0 ? -us : us;
    }
    return 100 * spent * 1e3 / (bench_now() - start);
}

static void measure_rest(void)
{
    double least = 100;
    shmem_barrier_all();
    for (int i = 0; i < 5 && bench.me == 0; i++) {
        double share = rest();
        least = share < least ? share : least;
    }
    bench_print("engine_idle", 0, least, "%");
    shmem_barrier_all();
}

int main(int argc, char **argv)
{
    static const int paused = 1;
    static const struct device_way asks = {ask_kernel, &context};
    static const struct device_way fetches = {fetch_kernel, &context};
    static const struct device_way posts = {post_kernel, &context};
    const struct bench_subject trips[] = {
        {.name = "ring_ask", .timed = device_bench_measure, .arg = &asks},
        {.name = "ring_g", .timed = device_bench_measure, .arg = &fetches},
        {.name = "bare_ring_line", .timed = ping_line, .arg = &paused},
        {.name = "without pause", .timed = ping, .bare = true},
        {.name = "with pause", .timed = ping, .arg = &paused, .bare = true},
    };
    const struct bench_subject rates[] = {
        {.name = "ring_rate", .timed = device_bench_measure, .arg = &posts, .unit = BENCH_MOP_S},
    };
    device_bench_prepare();
    bench_start(argc, argv, 8, false);
    device_bench_start();
    device_words = shmem_calloc(8, sizeof(*device_words));
    if (shmemx_device_context_create(1, 0, SHMEMX_DEVICE_RING_ONLY, &context) != 0)
        shmem_global_exit(1);
    int n_trips = bench.crowded ? 2 : 5;
    if (bench_wanted_any(trips, 2))
        bench_measure(trips, n_trips, 8, TRIPS, "bare_ring_ask");
    if (bench_wanted_any(rates, 1))
        bench_measure(rates, 1, 8, COMMANDS, NULL);
    if (bench_wanted("engine_idle"))
        measure_rest();
    shmemx_device_context_destroy(context);
    shmem_free(device_words);
    bench_stop();
    return 0;
}
