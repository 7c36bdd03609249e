/* SPDX-License-Identifier: BSD-3-Clause */
/* bench.c -- what the microbenchmarks share: set-up, measuring, bare memory, printing. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for the sake of compilers that were told a plain standard */
#endif
#include "bench.h"

#include <sched.h>
#include <shmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BATCHES = 1000, MAX_SUBJECTS = 8, MAX_CORES = 1024, LEAST_BUFFER = 65536, WARM_UP = 4 };

struct bench bench;

static struct {
    int batches;
    int percent; /* the percentile of the batches to print */
    char **names;
    int n_names;
    uint32_t next[BENCH_LINES]; /* the random cycle of bench_dirty */
} state;

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void bench_print(const char *name, size_t size, double value, const char *unit)
{
    if (bench.me != 0)
        return;
    if (bench.n_pes > 2)
        printf("%s.%dpe\t%zu\t%.2f\t%s\n", name, bench.n_pes, size, value, unit);
    else
        printf("%s\t%zu\t%.2f\t%s\n", name, size, value, unit);
    fflush(stdout);
}

static void parse(int argc, char **argv)
{
    int opt;
    while ((opt = getopt(argc, argv, "b:m:q:")) != -1) {
        if (opt == 'b' && atoi(optarg) > 0) {
            state.batches = atoi(optarg) < MAX_BATCHES ? atoi(optarg) : MAX_BATCHES;
        } else if (opt == 'q' && atoi(optarg) >= 0 && atoi(optarg) <= 100) {
            state.percent = atoi(optarg);
        } else if (opt == 'm') {
            size_t most = strtoull(optarg, NULL, 0);
            bench.largest = most < bench.largest ? most : bench.largest;
        } else {
            fprintf(stderr, "usage: %s [-b batches] [-m largest size] [-q percentile] [test]...\n",
                    argv[0]);
            shmem_global_exit(2);
        }
    }
    state.names = argv + optind;
    state.n_names = argc - optind;
}

/* The cores this process may use, whatever the launcher bound it to. */
static int usable_cores(cpu_set_t *set)
{
    CPU_ZERO(set);
    for (int core = 0; core < MAX_CORES; core++)
        CPU_SET(core, set);
    sched_setaffinity(0, sizeof(*set), set);
    sched_getaffinity(0, sizeof(*set), set);
    return CPU_COUNT(set);
}

static void bind_to_core(void)
{
    cpu_set_t usable, one;
    int n_cores = usable_cores(&usable);
    bench.crowded = bench.n_pes > n_cores;
    if (bench.crowded || bench.mine == NULL)
        return;
    int core = 0;
    for (int skip = bench.me; !CPU_ISSET(core, &usable) || skip-- > 0; core++)
        ;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0)
        fprintf(stderr, "[%d] cannot bind to core %d: %m\n", bench.me, core);
}

/* Commits the pages, each by its owner, so that no batch pays for that. */
static void touch(struct bench_area *area)
{
    memset((void *)area->line, 0, sizeof(area->line));
    memset((void *)area->flag, 0, sizeof(area->flag));
    memset(bench_source(area), 1, bench.buffer);
    memset(bench_dest(area), 2, bench.buffer);
}

/* One cycle through all lines in random order (Sattolo's shuffle, a fixed seed). */
static void shuffle(void)
{
    uint32_t random = 12345;
    for (uint32_t i = 0; i < BENCH_LINES; i++)
        state.next[i] = i;
    for (uint32_t i = BENCH_LINES - 1; i > 0; i--) {
        random = random * 1664525 + 1013904223;
        uint32_t j = (random >> 8) % i;
        uint32_t swap = state.next[i];
        state.next[i] = state.next[j];
        state.next[j] = swap;
    }
}

void bench_start(int argc, char **argv, size_t largest, bool gathers)
{
    shmem_init();
    bench.me = shmem_my_pe();
    bench.n_pes = shmem_n_pes();
    bench.peer = (bench.me ^ 1) < bench.n_pes ? bench.me ^ 1 : bench.me;
    state.batches = 51;
    state.percent = 50;
    bench.largest = largest;
    parse(argc, argv);
    bench.buffer = bench.largest > LEAST_BUFFER ? bench.largest : LEAST_BUFFER;
    bench.buffer = (bench.buffer + 4095) / 4096 * 4096;
    if (gathers)
        bench.buffer *= (size_t)bench.n_pes;
    bench_bare_start();
    bind_to_core();
    if (bench.me == 0 && bench.mine == NULL)
        printf("# the PEs share no memory: no bare references, no binding\n");
    bench.area = shmem_align(4096, bench_area_len());
    bench.private =
        mmap(NULL, bench.buffer, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bench.area == NULL || bench.private == MAP_FAILED) {
        fprintf(stderr, "[%d] no memory for the buffers\n", bench.me);
        shmem_global_exit(1);
    }
    touch(bench.area);
    if (bench.mine != NULL)
        touch(bench.mine);
    memset(bench.private, 3, bench.buffer);
    shuffle();
    shmem_barrier_all();
}

void bench_stop(void)
{
    fflush(stdout);
    shmem_barrier_all();
    shmem_free(bench.area);
    shmem_finalize();
}

bool bench_wanted(const char *name)
{
    for (int i = 0; i < state.n_names; i++)
        if (strcmp(state.names[i], name) == 0)
            return true;
    return state.n_names == 0;
}

bool bench_wanted_any(const struct bench_subject *subjects, int n)
{
    for (int i = 0; i < n; i++)
        if (bench_wanted(subjects[i].name))
            return true;
    return false;
}

long bench_iters(size_t size)
{
    long most = bench.crowded ? 20 : 1000;
    long fit = (long)((4 << 20) / (size + 1));
    return fit < 2 ? 2 : fit > most ? most : fit;
}

void bench_hot(void)
{
    bench.area->line[0].word = 0;
    if (bench.mine != NULL)
        bench.mine->line[0].word = 0;
}

void bench_dirty(void)
{
    for (uint32_t i = 0; i < BENCH_LINES; i++) {
        bench.area->line[i].word = state.next[i];
        if (bench.mine != NULL)
            bench.mine->line[i].word = state.next[i];
    }
}

/* One batch, between barriers; returns the nanoseconds of an operation. */
static double batch(const struct bench_subject *subject, size_t size, long iters)
{
    if (subject->prepare != NULL)
        subject->prepare();
    shmem_barrier_all();
    bool takes_part = subject->all || bench.me == 0;
    if (subject->timed != NULL) {
        double ns = takes_part ? subject->timed(subject, size, iters) : 0;
        shmem_barrier_all();
        return ns;
    }
    /* Whatever the subjects before left in the caches, unless prepare has its own mind on that.
     * Once is not enough: what others streamed past a cache comes back to it only by and by. */
    if (takes_part && subject->prepare == NULL)
        subject->run(subject, size, WARM_UP);
    double start = bench_now();
    if (takes_part)
        subject->run(subject, size, iters);
    double end = bench_now();
    shmem_barrier_all();
    return (end - start) / (double)iters;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_time(const char *name, enum bench_unit unit, size_t size, double ns)
{
    if (unit == BENCH_MB_S)
        bench_print(name, size, (double)size * 1e3 / ns, "MB/s");
    else if (unit == BENCH_MOP_S)
        bench_print(name, size, 1e3 / ns, "Mop/s");
    else
        bench_print(name, size, ns, "ns");
}

void bench_measure(const struct bench_subject *subjects, int n, size_t size, long iters,
                   const char *best)
{
    static double sample[MAX_SUBJECTS][MAX_BATCHES + 1];
    for (int b = 0; b <= state.batches; b++)
        for (int s = 0; s < n; s++)
            if (!subjects[s].bare || bench.mine != NULL)
                sample[s][b] = batch(&subjects[s], size, iters);
    double least = 0;
    const struct bench_subject *winner = NULL;
    for (int s = 0; s < n; s++) {
        if (subjects[s].bare && bench.mine == NULL)
            continue;
        /* The first batch warmed up. */
        qsort(&sample[s][1], (size_t)state.batches, sizeof(double), compare);
        double value = sample[s][1 + (state.batches - 1) * state.percent / 100];
        if (best == NULL || !subjects[s].bare) {
            print_time(subjects[s].name, subjects[s].unit, size, value);
        } else if (winner == NULL || value < least) {
            least = value;
            winner = &subjects[s];
        }
    }
    if (winner == NULL)
        return;
    print_time(best, winner->unit, size, least);
    if (bench.me == 0)
        printf("# %s of %zu bytes: the best is %s\n", best, size, winner->name);
}
