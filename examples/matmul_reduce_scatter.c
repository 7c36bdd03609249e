/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matmul_reduce_scatter.c -- C = A * B, where each PE has some columns of A and rows of B, and is
 * to have some rows of C.
 *
 *     oshcc -O2 matmul_reduce_scatter.c fused.c timeline.c -o matmul_reduce_scatter -lm
 *     oshrun -n 4 ./matmul_reduce_scatter
 *
 * Unfused: a kernel computes this PE's part of all of C, shmem_alltoallmem brings the parts of each
 * PE's rows there, and a second kernel adds them.  Fused: each tile's part goes to its owner as
 * soon as it is computed, and the owner adds the parts of a tile when all have arrived.
 *
 * Signals are set to the number of the round, which only grows: nothing is ever reset.  What
 * travels is there twice, for odd and even rounds.  A PE that ends a round has had parts from all
 * PEs, so all have begun it, and ended the one before: memory of two rounds ago is read by nobody.
 * For that to hold with PEs that have fewer rows than others, or none, they get signals without
 * data.
 */
#include "fused.h"

/* A PE looks whether it can add up a tile when it has computed so many more for each owner. */
enum { LAG = 2 };

static struct fused f = {.name = "matmul_reduce_scatter", .m = 256, .n = 256, .k = 256, .tile = 32};

/* What kernels need.  Each PE owns `slots` tiles, as many as the PE with the most rows. */
static struct job {
    struct kernel_env env;
    const float *a, *b;    /* this PE's columns of A, and rows of B */
    int mt, kt, nt, slots; /* tiles in a column of C, in these columns of A, in a row of C */
    float *c;              /* of its slots: the result */
    float *part[2];        /* [owner][slot]: this PE's part */
    float *inbox[2];       /* [PE][slot]: the parts of its slots */
    uint64_t *arrived;     /* [slot][PE]: the round of the last part */
    uint64_t *taken;       /* [slot]: the round in which a block has begun to add it up */
} job;

static size_t tile_len(const struct job *j)
{
    return (size_t)j->env.tile * (size_t)j->env.tile;
}

/* The row of tiles of C that an owner's slot is in, or -1: it has fewer. */
static int row_of(const struct job *j, int owner, int slot)
{
    int row = share_begin(j->mt, owner, j->env.n_pes) + slot / j->nt;
    return row < share_begin(j->mt, owner + 1, j->env.n_pes) ? row : -1;
}

static void compute(const struct job *j, float *to, int row, int col)
{
    multiply_tiles(to, j->a + (size_t)(row * j->kt) * tile_len(j), j->b + (size_t)col * tile_len(j),
                   j->kt, j->nt, j->env.tile, (float)j->env.round);
}

/* ---- unfused, and on a stream ---------------------------------------------------------------- */

static int compute_part(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int slot = number % j->slots, row = row_of(j, number / j->slots, slot);
    (void)n_blocks;
    if (row >= 0) {
        compute(j, j->part[j->env.round % 2] + (size_t)number * tile_len(j), row, slot % j->nt);
        block_mark(b, SPAN_COMPUTE, slot, number / j->slots);
    }
    return SHMEMX_OK;
}

static void multiply(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, compute_part);
}

static int add_parts(struct block *b, const void *args, int slot, int n_slots)
{
    const struct job *j = args;
    size_t len = tile_len(j), at = (size_t)slot * len;
    add_up(j->c + at, j->inbox[j->env.round % 2] + at, j->env.n_pes, (size_t)n_slots * len, len);
    block_mark(b, SPAN_REDUCE, slot, -1);
    return SHMEMX_OK;
}

static void add(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, add_parts);
}

static void launch_multiply(uint64_t round)
{
    unsigned n_blocks = (unsigned)(job.slots * f.n_pes);
    job.env.round = round;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(multiply, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

static void launch_add(void)
{
    unsigned n_blocks = (unsigned)job.slots;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(add, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

static void unfused(uint64_t round)
{
    size_t len = (size_t)job.slots * tile_len(&job) * sizeof(float);
    launch_multiply(round);
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    uint64_t begin = shmemx_now_ns();
    shmem_alltoallmem(SHMEM_TEAM_WORLD, job.inbox[round % 2], job.part[round % 2], len);
    fused_host_span(&f, begin);
    launch_add();
}

static void on_stream(uint64_t round)
{
    size_t len = (size_t)job.slots * tile_len(&job) * sizeof(float);
    launch_multiply(round);
    fused_stream_begin(&f);
    shmemx_alltoallmem_on_stream(SHMEM_TEAM_WORLD, job.inbox[round % 2], job.part[round % 2], len,
                                 SHMEMX_STREAM_DEFAULT);
    fused_stream_end(&f);
    launch_add();
}

/* ---- fused ----------------------------------------------------------------------------------- */

/* Compute this PE's part of an owner's tile and send it.  nbi: the part is not touched again before
 * the round after the next. */
static int produce(struct block *b, const struct job *j, int owner, int slot)
{
    int odd = j->env.round % 2, row = row_of(j, owner, slot);
    size_t len = tile_len(j);
    float *part = j->part[odd] + (size_t)(owner * j->slots + slot) * len;
    float *inbox = j->inbox[odd] + (size_t)(j->env.me * j->slots + slot) * len;
    uint64_t *arrived = j->arrived + slot * j->env.n_pes + j->env.me;
    if (row >= 0) {
        compute(j, part, row, slot % j->nt);
        block_mark(b, SPAN_COMPUTE, slot, owner);
    }
    int status =
        shmemx_device_putmem_signal_nbi(&b->dev, inbox, part, row >= 0 ? len * sizeof(float) : 0,
                                        arrived, j->env.round, SHMEM_SIGNAL_SET, owner);
    block_mark(b, SPAN_PUSH, slot, owner);
    return status;
}

/* Add up the parts of a tile that this PE owns; the first of two times only if they are there. */
static int reduce(struct block *b, const struct job *j, int slot, bool wait)
{
    int n = j->env.n_pes, status = SHMEMX_OK;
    const uint64_t *arrived = j->arrived + slot * n;
    size_t len = tile_len(j), at = (size_t)slot * len;
    if ((!wait && !all_there(arrived, n, j->env.round)) ||
        !block_takes(b, j->taken + slot, j->env.round))
        return SHMEMX_OK;
    if (wait) {
        status = shmemx_device_uint64_wait_until_all(&b->dev, arrived, (size_t)n, SHMEM_CMP_GE,
                                                     j->env.round);
        block_mark(b, SPAN_WAIT, slot, -1);
    }
    if (row_of(j, j->env.me, slot) >= 0) {
        add_up(j->c + at, j->inbox[j->env.round % 2] + at, n, (size_t)j->slots * len, len);
        block_mark(b, SPAN_REDUCE, slot, -1);
    }
    return status;
}

/*
 * Step s has n_pes + 1 blocks.  n_pes of them compute slot s of each owner, beginning with the next
 * PE, so that not all PEs send to one.  The last one looks at this PE's slot of LAG steps ago.
 * When all is computed come blocks that wait for what was not there.
 */
static int work(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int n = j->env.n_pes, steps = j->slots + LAG, step = number / (n + 1), place = number % (n + 1);
    (void)n_blocks;
    if (step >= steps)
        return reduce(b, j, number - steps * (n + 1), true);
    if (place < n)
        return step < j->slots ? produce(b, j, (j->env.me + 1 + place) % n, step) : SHMEMX_OK;
    return step >= LAG ? reduce(b, j, step - LAG, false) : SHMEMX_OK;
}

static void multiply_and_add(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, work);
}

static void fused(uint64_t round)
{
    unsigned n_blocks = (unsigned)((job.slots + LAG) * (f.n_pes + 1) + job.slots);
    job.env.round = round;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(multiply_and_add, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

/* ---- both ------------------------------------------------------------------------------------ */

static double difference(uint64_t round)
{
    int first = share_begin(f.mt, f.me, f.n_pes), end = share_begin(f.mt, f.me + 1, f.n_pes);
    return fused_difference(&f, job.c, (struct part){first, end - first, 0, f.nt}, (double)round);
}

int main(int argc, char **argv)
{
    struct forms forms = {
        .run[UNFUSED] = unfused,
        .run[ON_STREAM] = on_stream,
        .run[FUSED] = fused,
        .difference = difference,
        .is[UNFUSED] = "a kernel, shmem_alltoallmem, a kernel that adds",
        .is[ON_STREAM] = "the same, but the stream waits, not the host",
        .is[FUSED] = "one kernel that sends tiles, and adds what comes",
    };
    fused_begin(&f, argc, argv);
    job = (struct job){.env = f.env, .mt = f.mt, .nt = f.nt};
    job.slots = share_most(f.mt, f.n_pes) * f.nt;
    job.kt = fused_share_k(&f, &job.a, &job.b);

    size_t all = (size_t)(f.n_pes * job.slots), bytes = tile_len(&job) * sizeof(float);
    job.arrived = fused_alloc(all * sizeof(uint64_t));
    job.taken = fused_alloc((size_t)job.slots * sizeof(uint64_t));
    for (int odd = 0; odd < 2; odd++) {
        job.part[odd] = fused_alloc(all * bytes);
        job.inbox[odd] = fused_alloc(all * bytes);
    }
    forms.result_len = (size_t)job.slots * bytes;
    forms.result = job.c = fused_alloc(forms.result_len);
    return fused_compare(&f, &forms);
}
