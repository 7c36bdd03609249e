/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * threads.c -- section 9.2: thread support.
 *
 * After the four levels, SHMEM_THREAD_MULTIPLE: several threads of every PE at work at once.
 */
#include <pthread.h>
#include <sched.h>

#include "conformance.h"

enum { THREADS = 4 };

static const char *const level_names[] = {"SINGLE", "FUNNELED", "SERIALIZED", "MULTIPLE"};
static const int levels[] = {SHMEM_THREAD_SINGLE, SHMEM_THREAD_FUNNELED, SHMEM_THREAD_SERIALIZED,
                             SHMEM_THREAD_MULTIPLE};

static void each_level(void)
{
    check(SHMEM_THREAD_SINGLE < SHMEM_THREAD_FUNNELED &&
              SHMEM_THREAD_FUNNELED < SHMEM_THREAD_SERIALIZED &&
              SHMEM_THREAD_SERIALIZED < SHMEM_THREAD_MULTIPLE,
          "the levels do not increase");
    for (size_t i = 0; i < CONFORMANCE_COUNT(levels); i++) {
        int provided = -1, queried = -1;
        shmem_finalize();
        check(shmem_init_thread(levels[i], &provided) == 0, "%s: init_thread", level_names[i]);
        check(provided >= levels[i] && provided <= SHMEM_THREAD_MULTIPLE, "%s: provided %d",
              level_names[i], provided);
        shmem_query_thread(&queried);
        check(queried == provided, "%s: provided %d, query_thread says %d", level_names[i],
              provided, queried);
    }
    /* Within MULTIPLE, a lower wish does not take anything away. */
    int provided = -1;
    check(shmem_init_thread(SHMEM_THREAD_SINGLE, &provided) == 0, "a nested init_thread");
    shmem_query_thread(&provided);
    check(provided == SHMEM_THREAD_MULTIPLE, "nested: provided %d", provided);
    shmem_finalize();
}

/* What the threads of one test share. */
struct job {
    long *words;
    uint64_t *signals;
    shmem_ctx_t ctx;
    shmem_team_t teams[THREADS];
    void (*body)(struct job *job, int thread);
};

struct thread {
    pthread_t id;
    int number;
    struct job *job;
};

static void *run_thread(void *arg)
{
    struct thread *thread = arg;
    thread->job->body(thread->job, thread->number);
    return NULL;
}

/* Run the body in all threads; the PEs meet before and after. */
static void in_threads(struct job *job)
{
    struct thread threads[THREADS];
    shmem_barrier_all();
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.number = i, .job = job};
        if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]) != 0) {
            abort();
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i].id, NULL);
    }
    shmem_barrier_all();
}

enum { ROUNDS = 500 };

/* Where each of them waits for other PEs. */
static int laps(void)
{
    return conformance_few(ROUNDS / 5, 10);
}

/* Each thread has words of its own on every PE; puts, quiet, and reading back. */
static void put_body(struct job *job, int thread)
{
    int n = shmem_n_pes();
    const int rounds = conformance_few(ROUNDS, 20);
    int me = shmem_my_pe();
    for (int i = 0; i < rounds; i++) {
        int pe = (me + i) % n;
        long value = i * 1000 + thread * 100 + me;
        long *word = &job->words[thread * n + me];
        long back = -1;
        if (i % 2 == 0) {
            shmem_ctx_long_p(job->ctx, word, value, pe);
        } else {
            shmem_ctx_long_put_nbi(job->ctx, word, &value, 1, pe);
        }
        shmem_ctx_quiet(job->ctx);
        shmem_ctx_long_get(job->ctx, &back, word, 1, pe);
        if (!check(back == value, "thread %d: %ld and not %ld", thread, back, value)) {
            return;
        }
    }
}

static void puts_and_gets(void)
{
    struct job job = {.ctx = SHMEM_CTX_DEFAULT, .body = put_body};
    job.words = shmem_calloc((size_t)(THREADS * shmem_n_pes()), sizeof(long));
    in_threads(&job);
    check(shmem_ctx_create(0, &job.ctx) == 0, "ctx_create"); /* shared by the threads */
    in_threads(&job);
    shmem_ctx_destroy(job.ctx);
    shmem_free(job.words);
}

/* The same with contexts of the threads' own, created and destroyed by them. */
static void private_body(struct job *job, int thread)
{
    static const long options[] = {SHMEM_CTX_PRIVATE, SHMEM_CTX_SERIALIZED,
                                   SHMEM_CTX_PRIVATE | SHMEM_CTX_NOSTORE, 0};
    for (int i = 0; i < 5; i++) {
        struct job mine = *job;
        if (!check(shmem_ctx_create(options[(thread + i) % 4], &mine.ctx) == 0, "ctx_create")) {
            return;
        }
        put_body(&mine, thread);
        shmem_ctx_destroy(mine.ctx);
    }
}

static void own_contexts(void)
{
    struct job job = {.body = private_body};
    job.words = shmem_calloc((size_t)(THREADS * shmem_n_pes()), sizeof(long));
    in_threads(&job);
    shmem_free(job.words);
}

static void atomic_body(struct job *job, int thread)
{
    int n = shmem_n_pes();
    for (int i = 0; i < conformance_rounds(ROUNDS) * n; i++) {
        shmem_long_atomic_inc(&job->words[0], i % n);
        shmem_long_atomic_fetch_add(&job->words[1], 2, (i + thread) % n);
        shmem_int_atomic_add((int *)&job->words[2] + thread % 2, 1, i % n);
    }
}

static void atomics(void)
{
    struct job job = {.body = atomic_body};
    int n = shmem_n_pes();
    job.words = shmem_calloc(3, sizeof(long));
    in_threads(&job);
    long sum = (long)conformance_rounds(ROUNDS) * THREADS * n;
    check(job.words[0] == sum && job.words[1] == 2 * sum, "%ld %ld, to be %ld %ld", job.words[0],
          job.words[1], sum, 2 * sum);
    int *halves = (int *)&job.words[2];
    check(halves[0] == sum / 2 && halves[1] == sum / 2, "%d %d", halves[0], halves[1]);
    shmem_free(job.words);
}

/* A token runs round the PEs in each thread; a thread that waits must not hold up the others, of
 * its own PE or of another. */
static void token_body(struct job *job, int thread)
{
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    int next = (me + 1) % n;
    long *mine = &job->words[thread];
    for (long lap = 1; lap <= laps(); lap++) {
        if (me == 0) {
            shmem_long_atomic_set(mine, lap, next);
        }
        shmem_long_wait_until(mine, SHMEM_CMP_GE, lap);
        if (me != 0) {
            shmem_long_atomic_set(mine, lap, next);
        }
    }
}

static void tokens(void)
{
    struct job job = {.body = token_body};
    job.words = shmem_calloc(THREADS, sizeof(long));
    in_threads(&job);
    for (int i = 0; i < THREADS; i++) {
        check(job.words[i] == laps(), "thread %d: %ld laps", i, job.words[i]);
    }
    shmem_free(job.words);
}

/* Threads of one PE talk to each other by waiting on their own symmetric memory. */
static void within_body(struct job *job, int thread)
{
    int me = shmem_my_pe();
    int next = (thread + 1) % THREADS;
    for (uint64_t i = 1; i <= (uint64_t)laps(); i++) {
        if (thread == 0) {
            shmem_signal_set(&job->signals[next], i, me);
        }
        shmem_signal_wait_until(&job->signals[thread], SHMEM_CMP_GE, i);
        if (thread != 0) {
            shmem_signal_set(&job->signals[next], i, me);
        }
    }
}

static void within(void)
{
    struct job job = {.body = within_body};
    job.signals = shmem_calloc(THREADS, sizeof(uint64_t));
    in_threads(&job);
    check(job.signals[0] == (uint64_t)laps(), "signal %lu", (unsigned long)job.signals[0]);
    shmem_free(job.signals);
}

/* Messages with signals between the threads of neighbours, each with its data. */
static void message_body(struct job *job, int thread)
{
    enum { LEN = 64 };
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    int left = (me + n - 1) % n;
    long *inbox = &job->words[thread * LEN];
    uint64_t *signal = &job->signals[2 * thread];
    uint64_t *answer = &job->signals[2 * thread + 1];
    long message[LEN];
    for (uint64_t round = 1; round <= (uint64_t)laps(); round++) {
        for (int i = 0; i < LEN; i++) {
            message[i] = (long)round * 1000 + me;
        }
        shmem_long_put_signal(inbox, message, LEN, signal, round, SHMEM_SIGNAL_SET, (me + 1) % n);
        shmem_signal_wait_until(signal, SHMEM_CMP_GE, round);
        for (int i = 0; i < LEN; i++) {
            if (!check(inbox[i] == (long)round * 1000 + left, "thread %d, round %lu: %ld", thread,
                       (unsigned long)round, inbox[i])) {
                break;
            }
        }
        shmem_uint64_atomic_inc(answer, left);
        while (!shmem_uint64_test(answer, SHMEM_CMP_GE, round)) {
            sched_yield();
        }
    }
}

static void messages(void)
{
    struct job job = {.body = message_body};
    job.words = shmem_calloc(THREADS * 64, sizeof(long));
    job.signals = shmem_calloc(THREADS * 2, sizeof(uint64_t));
    in_threads(&job);
    shmem_free(job.words);
    shmem_free(job.signals);
}

/* Collectives of different teams at once, one team for each thread. */
static void team_body(struct job *job, int thread)
{
    int n = shmem_n_pes();
    long *pair = &job->words[2 * thread];
    for (int i = 0; i < laps() / 2; i++) {
        pair[0] = shmem_my_pe() + i + thread;
        shmem_long_sum_reduce(job->teams[thread], &pair[1], &pair[0], 1);
        long want = (long)n * (n - 1) / 2 + (long)n * (i + thread);
        if (!check(pair[1] == want, "thread %d: sum %ld and not %ld", thread, pair[1], want)) {
            return;
        }
        shmem_team_sync(job->teams[thread]);
    }
}

static void teams(void)
{
    struct job job = {.body = team_body};
    int n = shmem_n_pes();
    job.words = shmem_calloc(2 * THREADS, sizeof(long));
    for (int i = 0; i < THREADS; i++) {
        check(shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, n, NULL, 0, &job.teams[i]) == 0,
              "team %d", i);
    }
    in_threads(&job);
    for (int i = 0; i < THREADS; i++) {
        shmem_team_destroy(job.teams[i]);
    }
    shmem_free(job.words);
}

int main(int argc, char **argv)
{
    conformance_begin(argc, argv);
    int provided = -1;
    shmem_init_thread(SHMEM_THREAD_MULTIPLE, &provided);
    conformance_run("the four levels", each_level);
    conformance_run("puts and gets", puts_and_gets);
    conformance_run("contexts of threads", own_contexts);
    conformance_run("atomics", atomics);
    conformance_run("waiting for other PEs", tokens);
    conformance_run("waiting for other threads", within);
    conformance_run("messages", messages);
    conformance_run("collectives of several teams", teams);
    conformance_plan();
    shmem_finalize();
    return conformance_status();
}
