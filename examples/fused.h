/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fused.h -- what the fused operators of this directory share.
 *
 * An operator that needs other PEs' numbers can be had in several forms.  Unfused: a kernel
 * computes, the host waits for it and calls a collective.  On a stream: the same, but that the
 * stream waits and not the host.  Fused: one kernel sends each tile as soon as it is computed, with
 * a signal behind it, and whoever needs the tile goes on when that arrives.  The programs here run
 * these by turns, check them against a serial result, and show the times.
 *
 * A fused kernel has a block for each piece of work.  Devices take blocks in their order, so a
 * kernel can never stand still if whatever a block waits for is the work of blocks, of any PE, that
 * come earlier in that order: then the earliest block that waits is waiting for one that runs.  So
 * a kernel may have any number of blocks on any number of cores.
 *
 * Work for which something has to arrive has two blocks.  The first looks: if it is there, the work
 * is done; if not, the core goes on with what waits for nothing.  The second, behind all of that,
 * waits.  So PEs may be ahead of each other without standing idle.
 */
#ifndef FUSED_H
#define FUSED_H

#include <shmem.h>
#include <shmemx.h>

#include <shmemx_device.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* ---- the timeline: what a block, or the host, did from when to when -------------------------- */

enum span_kind { SPAN_COMPUTE, SPAN_PUSH, SPAN_WAIT, SPAN_REDUCE, SPAN_HOST, SPAN_KINDS };
enum form { UNFUSED, ON_STREAM, FUSED, FORMS };

struct span {
    uint64_t begin, end; /* nanoseconds of the machine's clock */
    int32_t kind, tile;
    int32_t peer; /* PE that something goes to or comes from; -1: none, or several */
    int32_t lane; /* core, or -1: the host */
    int32_t pe, form;
};

extern const char *const form_names[FORMS];

struct span_list {
    struct span *at;
    size_t n;
};

/* All spans of all PEs.  Each writes a file, and says where: 0, or -1 after saying why. */
struct timeline {
    const char *title;
    int n_pes, n_lanes;
    const struct span *spans;
    size_t n_spans;
};
int timeline_json(const struct timeline *t, const char *path);
int timeline_svg(const struct timeline *t, const char *path);

/* ---- the host's part ------------------------------------------------------------------------- */

enum { SPANS_OF_BLOCK = 4 };

/* What a block leaves in device memory for the host. */
struct block_log {
    int32_t status; /* SHMEMX_OK, or what went wrong */
    int32_t n_spans;
    struct span span[SPANS_OF_BLOCK];
};

/* What every kernel needs: the first member of its arguments. */
struct kernel_env {
    void *context;          /* for shmemx_device.h */
    struct block_log *logs; /* one for each block */
    uint64_t round;         /* 1, 2, ... : what signals are set to */
    int me, n_pes;
    int tile;
};

/* A run of a program.  The operator gives the name and the first sizes. */
struct fused {
    const char *name;
    int m, n, k;    /* the result is m x n; each element of it adds k products */
    int tile;       /* what rows, columns and k are cut into, the last one filled up with zeros */
    int mt, nt, kt; /* the sizes in tiles */
    int rounds;
    double tolerance;
    int spoil;
    const char *json, *svg;
    int me, n_pes, cores;
    struct kernel_env env;
    struct block_log *logs; /* of all kernels of a round ... */
    unsigned n_logs;        /* ... so many blocks up to now */
    enum form form;         /* which is being run */
    uint64_t stream_begin;
    struct span_list spans[FORMS];
    double difference[FORMS]; /* the largest up to now */
};

/* Start, read the options, open the device. */
void fused_begin(struct fused *f, int argc, char **argv);

/* All PEs: device memory that is zero.  Ends the job where there is none. */
void *fused_alloc(size_t len);

/* The logs of a kernel of n_blocks, for its environment. */
struct block_log *fused_logs(struct fused *f, unsigned n_blocks);

/* Show in the timeline what the host has done from begin to now. */
void fused_host_span(struct fused *f, uint64_t begin);

/* The same for what is put on the default stream between these two. */
void fused_stream_begin(struct fused *f);
void fused_stream_end(struct fused *f);

/*
 * The forms of an operator; on_stream may be NULL.  Round r multiplies everything by r, so that
 * whatever is left of an earlier round makes a wrong result.  They return when all is launched:
 * several rounds may be under way.
 */
struct forms {
    void (*run[FORMS])(uint64_t round);
    const char *is[FORMS];                /* in words */
    double (*difference)(uint64_t round); /* from a serial result, relative to its largest element;
                                             of what this PE has */
    float *result;                        /* known only when main runs, as is the length */
    size_t result_len;                    /* bytes */
};

/* Run the forms by turns, check them, print; then finish.  What main is to return. */
int fused_compare(struct fused *f, const struct forms *forms);

/* ---- matrices -------------------------------------------------------------------------------- */

/* A matrix lies as tiles, row after row of them, and each tile's elements lie together. */
struct part {
    int row, rows, col, cols; /* in tiles */
};

/* Things dealt out to PEs: those of a PE begin here, and end where the next one's begin. */
int share_begin(int things, int pe, int n_pes);
int share_most(int things, int n_pes);

/* An element of the input matrix with that number: 0 is A, of m x k, and 1 is B, of k x n. */
float input_element(int matrix, int row, int col);

/* Fill device memory with a part of A or B. */
void fused_fill(const struct fused *f, float *to, int matrix, struct part part);

/* A share of k for each PE: the columns of A and the rows of B with these numbers, in device
 * memory.  How many tiles that is. */
int fused_share_k(const struct fused *f, const float **a, const float **b);

/* The difference of a part of factor * A * B in device memory from the serial result. */
double fused_difference(const struct fused *f, const float *c, struct part part, double factor);

/* The larger one; infinity if one is not a number. */
double larger(double a, double b);

/* ---- what kernels share ---------------------------------------------------------------------- */

/* A block at work. */
struct block {
    shmemx_device_t dev;
    struct block_log *log;
    uint64_t since;
};

/* Returns a status for the host.  number: which block, of n_blocks. */
typedef int block_work(struct block *b, const void *job, int number, int n_blocks);

/* What every kernel is: a block enters, works, and leaves. */
static inline void block_run(void *args, unsigned number, unsigned n_blocks, block_work *work)
{
    const struct kernel_env *env = args;
    struct block b = {.log = &env->logs[number]};
    b.log->n_spans = 0;
    b.log->status = shmemx_device_enter(&b.dev, env->context, number);
    if (b.log->status != SHMEMX_OK)
        return;
    b.since = shmemx_now_ns();
    b.log->status = work(&b, args, (int)number, (int)n_blocks);
    shmemx_device_leave(&b.dev);
}

/* What the block has done since the last such mark.  Blocks that run at one time hold different
 * rings: these are the lanes. */
static inline void block_mark(struct block *b, enum span_kind kind, int tile, int peer)
{
    uint64_t now = shmemx_now_ns();
    if (b->log->n_spans < SPANS_OF_BLOCK)
        b->log->span[b->log->n_spans++] = (struct span){
            b->since, now, kind, tile, peer, (int32_t)b->dev.ring->index, 0, 0,
        };
    b->since = now;
}

/* Have these n signals come? */
static inline bool all_there(const uint64_t *signals, int n, uint64_t round)
{
    for (int i = 0; i < n; i++)
        if (!shmemx_device_uint64_test(signals + i, SHMEM_CMP_GE, round))
            return false;
    return true;
}

/* Of the two blocks that may do some work, the one that is first to call this does it.  *taken is
 * the last round in which it was done. */
static inline bool block_takes(struct block *b, uint64_t *taken, uint64_t round)
{
    uint64_t before;
    int status = shmemx_device_uint64_atomic_swap(&b->dev, taken, round, &before,
                                                  shmemx_device_my_pe(&b->dev));
    return status == SHMEMX_OK && before != round;
}

/* to += a * b, of rows x inner and inner x cols elements. */
static inline void multiply_add(float *restrict to, const float *restrict a,
                                const float *restrict b, int rows, int inner, int cols)
{
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < inner; k++)
            for (int j = 0; j < cols; j++)
                to[i * cols + j] += a[i * inner + k] * b[k * cols + j];
}

/* A tile of factor * A * B: kt tiles of a row of A, side by side, and of a column of B, which are
 * b_step tiles apart. */
static inline void multiply_tiles(float *to, const float *a, const float *b, int kt, int b_step,
                                  int tile, float factor)
{
    size_t size = (size_t)tile * (size_t)tile;
    memset(to, 0, size * sizeof(float));
    for (int k = 0; k < kt; k++)
        multiply_add(to, a + (size_t)k * size, b + (size_t)k * (size_t)b_step * size, tile, tile,
                     tile);
    for (size_t i = 0; i < size; i++)
        to[i] *= factor;
}

/* The sum of n arrays of len elements, which are step elements apart, in their order. */
static inline void add_up(float *to, const float *from, int n, size_t step, size_t len)
{
    memcpy(to, from, len * sizeof(float));
    for (int p = 1; p < n; p++)
        for (size_t i = 0; i < len; i++)
            to[i] += from[(size_t)p * step + i];
}

#endif
