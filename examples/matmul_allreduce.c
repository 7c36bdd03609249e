/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matmul_allreduce.c -- C = A * B on every PE, where each PE has some columns of A and rows of B.
 *
 *     oshcc -O2 matmul_allreduce.c fused.c timeline.c -o matmul_allreduce -lm
 *     oshrun -n 4 ./matmul_allreduce
 *
 * Each PE computes a part of every element of C; the parts are to be added.  Unfused: a kernel
 * computes this PE's part of C, then the host calls shmem_float_sum_reduce, or puts it on the
 * kernel's stream.  Fused: each tile of C
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

/* An owner looks whether it can add up a tile when its PE has computed so many more for each owner:
 * then the other PEs' parts will mostly have come. */
enum { LAG = 2 };

static struct fused f = {.name = "matmul_allreduce", .m = 256, .n = 256, .k = 256, .tile = 32};

/* What kernels need.  Tile t is owned by PE t modulo n_pes, as its (t / n_pes)th. */
static struct job {
    struct kernel_env env;
    const float *a, *b;    /* this PE's columns of A, and rows of B */
    int slots;             /* tiles that a PE owns, at most */
    int kt, nt, tiles;     /* tiles in these columns; in a row of C; in C */
    float *c, *part, *sum; /* of all tiles: the result, this PE's part; and the sums it made */
    float *inbox;          /* of each tile it owns, the parts of all PEs */
    uint64_t *arrived;     /* for each of these: round of the part */
    uint64_t *taken;    /* for each tile it owns: round in which a block has begun to add it up */
    uint64_t *complete; /* for each tile of C: round of the sum */
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

/* ---- unfused, and on a stream ---------------------------------------------------------------- */

static int compute_part(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    (void)n_blocks;
    compute(j, j->part + (size_t)number * tile_len(j), number);
    block_mark(b, SPAN_COMPUTE, number, -1);
    return SHMEMX_OK;
}

static void multiply(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, compute_part);
}

static void launch_multiply(uint64_t round)
{
    unsigned n_blocks = (unsigned)job.tiles;
    job.env.round = round;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(multiply, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

static void unfused(uint64_t round)
{
    launch_multiply(round);
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    uint64_t begin = shmemx_now_ns();
    shmem_float_sum_reduce(SHMEM_TEAM_WORLD, job.c, job.part, (size_t)job.tiles * tile_len(&job));
    fused_host_span(&f, begin);
}

static void on_stream(uint64_t round)
{
    launch_multiply(round);
    fused_stream_begin(&f);
    shmemx_float_sum_reduce_on_stream(SHMEM_TEAM_WORLD, job.c, job.part,
                                      (size_t)job.tiles * tile_len(&job), SHMEMX_STREAM_DEFAULT);
    fused_stream_end(&f);
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

/* Add up the parts of a tile that this PE owns, and send the sum to all; the first of two times
 * only if the parts are there. */
static int reduce(struct block *b, const struct job *j, int tile, bool wait)
{
    int n = j->env.n_pes, slot = tile / n, status = SHMEMX_OK;
    const uint64_t *arrived = j->arrived + slot * n;
    size_t len = tile_len(j);
    float *sum = j->sum + (size_t)slot * len;
    if (tile >= j->tiles || (!wait && !all_there(arrived, n, j->env.round)) ||
        !block_takes(b, j->taken + slot, j->env.round))
        return SHMEMX_OK;
    if (wait) {
        status = shmemx_device_uint64_wait_until_all(&b->dev, arrived, (size_t)n, SHMEM_CMP_GE,
                                                     j->env.round);
        block_mark(b, SPAN_WAIT, tile, -1);
    }
    add_up(sum, j->inbox + (size_t)(slot * n) * len, n, len, len);
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
 * next PE, so that not all PEs send to one.  The last one looks at the tile that this PE owns of
 * those LAG steps ago.  When all is computed come blocks that wait for what was not there, and one
 * for the end.
 */
static int work(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int n = j->env.n_pes, me = j->env.me, steps = j->slots + LAG;
    int step = number / (n + 1), place = number % (n + 1);
    int tile = step * n + (me + 1 + place) % n;
    if (number == n_blocks - 1)
        return finish(b, j);
    if (step >= steps)
        return reduce(b, j, (number - steps * (n + 1)) * n + me, true);
    if (place < n)
        return tile < j->tiles ? produce(b, j, tile) : SHMEMX_OK;
    return step >= LAG ? reduce(b, j, (step - LAG) * n + me, false) : SHMEMX_OK;
}

static void multiply_and_reduce(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, work);
}

static void fused(uint64_t round)
{
    unsigned n_blocks = (unsigned)((job.slots + LAG) * (f.n_pes + 1) + job.slots + 1);
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
        .run[UNFUSED] = unfused,
        .run[ON_STREAM] = on_stream,
        .run[FUSED] = fused,
        .difference = difference,
        .is[UNFUSED] = "a kernel, then shmem_float_sum_reduce",
        .is[ON_STREAM] = "the same, but the stream waits, not the host",
        .is[FUSED] = "one kernel that sends, adds and sends on",
    };
    fused_begin(&f, argc, argv);
    job = (struct job){.env = f.env, .nt = f.nt, .tiles = f.mt * f.nt};
    job.slots = share_most(job.tiles, f.n_pes);
    job.kt = fused_share_k(&f, &job.a, &job.b);

    size_t bytes = tile_len(&job) * sizeof(float), tiles = (size_t)job.tiles;
    size_t slots = (size_t)job.slots, owned = slots * (size_t)f.n_pes;
    job.c = fused_alloc(tiles * bytes);
    job.part = fused_alloc(tiles * bytes);
    job.sum = fused_alloc(slots * bytes);
    job.taken = fused_alloc(slots * sizeof(uint64_t));
    job.inbox = fused_alloc(owned * bytes);
    job.arrived = fused_alloc(owned * sizeof(uint64_t));
    job.complete = fused_alloc(tiles * sizeof(uint64_t));
    forms.result = job.c;
    forms.result_len = tiles * bytes;
    return fused_compare(&f, &forms);
}
