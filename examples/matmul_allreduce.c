/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matmul_allreduce.c -- C = A * B on every PE, where each PE has some columns of A and rows of B.
 *
 *     oshcc -O2 matmul_allreduce.c fused.c timeline.c -o matmul_allreduce -lm
 *     oshrun -n 4 ./matmul_allreduce
 *
 * Each PE computes a part of every element of C; the parts are to be added.  Unfused: a kernel
 * computes this PE's part of C, then the host calls shmem_float_sum_reduce.  Fused: each tile of C
 * has an owner.  A PE sends its part of a tile to the owner as soon as it is computed; the owner
 * adds the parts when all have arrived, and sends the sum to all.  Early tiles travel and are added
 * while later ones are computed.
 *
 * Signals are set to the number of the round, which only grows: nothing is ever reset.  No memory
 * is needed twice either.  A PE is in the next round when it has all tiles of this one, so their
 * owners have read what it sent; and an owner has all parts of a tile's next round only when all
 * PEs have begun that, so they have what it sent, too.
 */
#include "fused.h"

/* An owner adds up a tile when its PE has computed so many more for each owner: then the other PEs'
 * parts will have come, and no core is spent on waiting. */
enum { LAG = 2 };

static struct fused f = {.name = "matmul_allreduce", .m = 256, .n = 256, .k = 256, .tile = 32};

/* What kernels need.  Tile t is owned by PE t modulo n_pes, as its (t / n_pes)th. */
static struct job {
    struct kernel_env env;
    const float *a, *b;    /* this PE's columns of A, and rows of B */
    int kt, nt, tiles;     /* tiles in these columns; in a row of C; in C */
    float *c, *part, *sum; /* of all tiles: the result, this PE's part; and the sums it made */
    float *inbox;          /* of each tile it owns, the parts of all PEs */
    uint64_t *arrived;     /* for each of these: round of the part */
    uint64_t *complete;    /* for each tile of C: round of the sum */
} job;

static size_t tile_len(const struct job *j)
{
    return (size_t)j->env.tile * (size_t)j->env.tile;
}

static void compute(const struct job *j, float *to, int tile)
{
    const float *a = j->a + (size_t)(tile / j->nt * j->kt) * tile_len(j);
    const float *b = j->b + (size_t)(tile % j->nt) * tile_len(j);
    multiply_tiles(to, a, b, j->kt, j->nt, j->env.tile, (float)j->env.round);
}

/* ---- unfused --------------------------------------------------------------------------------- */

static int compute_part(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    (void)n_blocks;
    compute(j, j->c + (size_t)number * tile_len(j), number);
    block_mark(b, SPAN_COMPUTE, number, -1);
    return SHMEMX_OK;
}

static void multiply(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, compute_part);
}

static void unfused(uint64_t round)
{
    unsigned n_blocks = (unsigned)job.tiles;
    job.env.round = round;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(multiply, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);

    uint64_t begin = shmemx_now_ns();
    shmem_float_sum_reduce(SHMEM_TEAM_WORLD, job.c, job.c, n_blocks * tile_len(&job));
    fused_host_span(&f, begin);
}

/* ---- fused ----------------------------------------------------------------------------------- */

/* Compute this PE's part of a tile and send it to the owner.  nbi: the part is not touched again in
 * this round. */
static int produce(struct block *b, const struct job *j, int tile)
{
    int n = j->env.n_pes, owner = tile % n;
    size_t len = tile_len(j), slot = (size_t)(tile / n * n + j->env.me);
    float *part = j->part + (size_t)tile * len;
    compute(j, part, tile);
    block_mark(b, SPAN_COMPUTE, tile, -1);
    int status =
        shmemx_device_putmem_signal_nbi(&b->dev, j->inbox + slot * len, part, len * sizeof(float),
                                        j->arrived + slot, j->env.round, SHMEM_SIGNAL_SET, owner);
    block_mark(b, SPAN_PUSH, tile, owner);
    return status;
}

/* Add up the parts of a tile that this PE owns, and send the sum to all. */
static int reduce(struct block *b, const struct job *j, int tile)
{
    int n = j->env.n_pes;
    size_t len = tile_len(j), slot = (size_t)(tile / n * n);
    float *sum = j->sum + (size_t)tile * len;
    int status = shmemx_device_uint64_wait_until_all(&b->dev, j->arrived + slot, (size_t)n,
                                                     SHMEM_CMP_GE, j->env.round);
    block_mark(b, SPAN_WAIT, tile, -1);
    add_up(sum, j->inbox + slot * len, n, len, len);
    block_mark(b, SPAN_REDUCE, tile, -1);
    for (int i = 1; i <= n && status == SHMEMX_OK; i++)
        status = shmemx_device_putmem_signal_nbi(
            &b->dev, j->c + (size_t)tile * len, sum, len * sizeof(float), j->complete + tile,
            j->env.round, SHMEM_SIGNAL_SET, (j->env.me + i) % n);
    block_mark(b, SPAN_PUSH, tile, -1);
    return status;
}

/* The result is here when all tiles are. */
static int finish(struct block *b, const struct job *j)
{
    int status = shmemx_device_uint64_wait_until_all(&b->dev, j->complete, (size_t)j->tiles,
                                                     SHMEM_CMP_GE, j->env.round);
    block_mark(b, SPAN_WAIT, -1, -1);
    return status;
}

/*
 * Step s has n_pes + 1 blocks.  n_pes of them compute tiles, one for each owner, beginning with the
 * next PE, so that not all PEs send to one.  The last one adds up the tile that this PE owns of
 * those LAG steps ago.  What it waits for is earlier in the order of blocks, on all PEs.
 */
static int work(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int n = j->env.n_pes, me = j->env.me;
    int step = number / (n + 1), place = number % (n + 1);
    int computed = step * n + (me + 1 + place) % n, owned = (step - LAG) * n + me;
    if (number == n_blocks - 1)
        return finish(b, j);
    if (place < n)
        return computed < j->tiles ? produce(b, j, computed) : SHMEMX_OK;
    return step >= LAG && owned < j->tiles ? reduce(b, j, owned) : SHMEMX_OK;
}

static void multiply_and_reduce(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, work);
}

static void fused(uint64_t round)
{
    unsigned n = (unsigned)f.n_pes, steps = ((unsigned)job.tiles + n - 1) / n + LAG;
    unsigned n_blocks = steps * (n + 1) + 1;
    job.env.round = round;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(multiply_and_reduce, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

/* ---- both ------------------------------------------------------------------------------------ */

static double difference(uint64_t round)
{
    return fused_difference(&f, job.c, (struct part){0, f.mt, 0, f.nt}, (double)round);
}

int main(int argc, char **argv)
{
    struct forms forms = {
        .unfused = unfused,
        .fused = fused,
        .difference = difference,
        .unfused_is = "a kernel, then shmem_float_sum_reduce",
        .fused_is = "one kernel that sends, adds and sends on",
    };
    fused_begin(&f, argc, argv);
    job = (struct job){.env = f.env, .nt = f.nt, .tiles = f.mt * f.nt};
    job.kt = fused_share_k(&f, &job.a, &job.b);

    size_t bytes = tile_len(&job) * sizeof(float), tiles = (size_t)job.tiles;
    size_t owned = (size_t)(share_most(job.tiles, f.n_pes) * f.n_pes);
    job.c = fused_alloc(tiles * bytes);
    job.part = fused_alloc(tiles * bytes);
    job.sum = fused_alloc(tiles * bytes);
    job.inbox = fused_alloc(owned * bytes);
    job.arrived = fused_alloc(owned * sizeof(uint64_t));
    job.complete = fused_alloc(tiles * sizeof(uint64_t));
    forms.result = job.c;
    forms.result_len = tiles * bytes;
    return fused_compare(&f, &forms);
}
