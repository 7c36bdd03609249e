/* SPDX-License-Identifier: BSD-3-Clause */
/* bench.h -- what the microbenchmarks share: set-up, measuring, bare memory, printing. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BENCH_LINE = 64,    /* bytes of a cache line */
    BENCH_LINES = 2048, /* lines of the chase: more than a first-level cache holds */
};

/* One cache line with a word in it, alone. */
struct bench_line {
    _Alignas(BENCH_LINE) volatile uint64_t word;
};

/* The memory every PE has once in the symmetric heap and once in bare shared memory. */
struct bench_area {
    struct bench_line line[BENCH_LINES]; /* for the chase, see bench_hot() and bench_dirty() */
    struct bench_line flag[8];           /* for ping-pong and barriers */
    _Alignas(4096) char data[];          /* two buffers, see bench_source() and bench_dest() */
};

/* Set by bench_start, constant from then on. */
struct bench {
    int me;
    int n_pes;
    int peer;                  /* the PE that faces this one */
    bool crowded;              /* more PEs than cores */
    size_t largest;            /* the largest message to measure */
    size_t buffer;             /* bytes of each of the buffers */
    struct bench_area *area;   /* in the symmetric heap */
    char *private;             /* a buffer of ordinary memory */
    struct bench_area *mine;   /* bare: this PE's area in memory that all PEs have mapped, */
    struct bench_area *theirs; /* the peer's area there; both NULL where PEs share no node */
};

extern struct bench bench;

static inline size_t bench_area_len(void)
{
    return sizeof(struct bench_area) + 2 * bench.buffer;
}

static inline char *bench_source(struct bench_area *area)
{
    return area->data;
}

static inline char *bench_dest(struct bench_area *area)
{
    return area->data + bench.buffer;
}

enum bench_unit { BENCH_NS, BENCH_MB_S, BENCH_MOP_S };

/* Something to measure: run does the operation iters times with size bytes. */
struct bench_subject {
    const char *name;
    void (*run)(const struct bench_subject *subject, size_t size, long iters);
    void (*prepare)(void); /* what every PE does before each batch, not timed; or NULL */
    const void *arg;       /* for run */
    enum bench_unit unit;
    /* Instead of run: does the same, and says itself how many ns one operation took. */
    double (*timed)(const struct bench_subject *subject, size_t size, long iters);
    bool all;  /* every PE runs it; else PE 0 alone, the others wait in a barrier */
    bool bare; /* a reference: not OpenSHMEM, left out where PEs share no node */
};

/*
 * Initialises OpenSHMEM, reads the command line (README tells its options), allocates, and binds
 * each PE to a core of its own when all PEs share a node with enough cores.  The buffers hold
 * 64 KiB or a message of the largest size; if gathers, that for each PE.
 */
void bench_start(int argc, char **argv, size_t largest, bool gathers);

/* bench_start's part that sets bench.mine and bench.theirs.  Collective. */
void bench_bare_start(void);

/* Flushes what was printed, frees and finalises. */
void bench_stop(void);

/* Is this test among those named on the command line, or was none named? */
bool bench_wanted(const char *name);
bool bench_wanted_any(const struct bench_subject *subjects, int n);

/* How many operations of that size make a batch. */
long bench_iters(size_t size);

/*
 * Measures the subjects in turn, batch after batch, so that all of them see the same conditions,
 * and prints each one's median over the batches.  With best, only the best one of the bare
 * subjects is printed, under that name.
 */
void bench_measure(const struct bench_subject *subjects, int n, size_t size, long iters,
                   const char *best);

/* Nanoseconds of a steady clock. */
double bench_now(void);

void bench_print(const char *name, size_t size, double value, const char *unit);

/* Keeps the compiler from dropping the computation of value. */
static inline void bench_keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

/* Keeps it from moving memory accesses across this point. */
static inline void bench_compiler_fence(void)
{
    __asm__ volatile("" : : : "memory");
}

/* What one does in a spin loop.  For a word that comes soon, not to may be slower or faster. */
static inline void bench_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/*
 * Two ways to prepare the peer's lines, those in the heap and the bare ones alike.  Each line's low
 * 32 bits name the next line to visit.  Hot: line 0 names itself, so that a chase stays on one line
 * that only the chaser touches.  Dirty: one random cycle over all lines, just written by the peer.
 */
void bench_hot(void);
void bench_dirty(void);

/*
 * The ways to copy this machine knows (memcpy, rep movsb, non-temporal stores), as bare subjects.
 * Returns their number, at most BENCH_COPIES.
 */
enum { BENCH_COPIES = 3 };
int bench_copies(struct bench_subject *subjects, enum bench_unit unit, void *dest,
                 const void *source, size_t size);

#endif
