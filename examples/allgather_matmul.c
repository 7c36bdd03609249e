/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * allgather_matmul.c -- C = A * B, where each PE has some rows of A, and some columns of B and C.
 *
 *     oshcc -O2 allgather_matmul.c fused.c timeline.c -o allgather_matmul -lm
 *     oshrun -n 4 ./allgather_matmul
 *
 * Every PE needs all of A, which is made on the device: in a neural network by the layer before,
 * here by multiplying some numbers by the round.  Unfused: a kernel makes this PE's rows,
 * shmem_fcollectmem brings all rows to all PEs, and a second kernel multiplies.  Fused: each panel,
 * a row of tiles, is sent to all PEs as soon as it is made, and multiplied where it arrives.  A PE
 * begins with its own panels, then come those of the next one, and so on; so each sends first to
 * the PE that will need its panels first.
 *
 * Signals are set to the number of the round, which only grows: nothing is ever reset.  What
 * travels is there twice, for odd and even rounds.  A PE ends a round when it has the panels of all
 * PEs; so all have begun it, and ended the one before: memory of two rounds ago is read by nobody.
 */
#include "fused.h"

static struct fused f = {.name = "allgather_matmul", .m = 256, .n = 256, .k = 256, .tile = 32};

/* What kernels need.  Each PE sends `panels`, as many as the PE with the most rows. */
static struct job {
    struct kernel_env env;
    const float *input, *b;   /* this PE's rows of A, for round 1; and columns of B */
    int mt, kt, cols, panels; /* tiles in a column of A, in a row of A, in a row of these B and C */
    float *made[2];           /* [panel]: this PE's */
    float *all[2];            /* [PE][panel]: all of A */
    uint64_t *arrived;        /* [PE][panel]: the round of the last */
    float *c;                 /* [row][col]: the result */
} job;

static size_t tile_len(const struct job *j)
{
    return (size_t)j->env.tile * (size_t)j->env.tile;
}

static size_t panel_len(const struct job *j)
{
    return (size_t)j->kt * tile_len(j);
}

/* The row of tiles of A that a PE's panel is, or -1: it has fewer. */
static int row_of(const struct job *j, int pe, int panel)
{
    int row = share_begin(j->mt, pe, j->env.n_pes) + panel;
    return row < share_begin(j->mt, pe + 1, j->env.n_pes) ? row : -1;
}

static void make(const struct job *j, float *to, int panel)
{
    const float *from = j->input + (size_t)panel * panel_len(j);
    for (size_t i = 0; i < panel_len(j); i++)
        to[i] = from[i] * (float)j->env.round;
}

/* A tile of C, of a row that is a PE's panel. */
static void compute(const struct job *j, const float *all, int pe, int panel, int col)
{
    const float *a = all + (size_t)(pe * j->panels + panel) * panel_len(j);
    size_t tile = (size_t)(row_of(j, pe, panel) * j->cols + col);
    multiply_tiles(j->c + tile * tile_len(j), a, j->b + (size_t)col * tile_len(j), j->kt, j->cols,
                   j->env.tile, 1);
}

/* ---- unfused --------------------------------------------------------------------------------- */

static int make_one(struct block *b, const void *args, int panel, int n_panels)
{
    const struct job *j = args;
    (void)n_panels;
    make(j, j->made[0] + (size_t)panel * panel_len(j), panel);
    block_mark(b, SPAN_COMPUTE, panel, -1);
    return SHMEMX_OK;
}

static void make_panels(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, make_one);
}

static int compute_tile(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int panel = number / j->cols, pe = panel / j->panels;
    (void)n_blocks;
    panel %= j->panels;
    if (row_of(j, pe, panel) >= 0) {
        compute(j, j->all[0], pe, panel, number % j->cols);
        block_mark(b, SPAN_COMPUTE, panel, pe);
    }
    return SHMEMX_OK;
}

static void multiply(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, compute_tile);
}

static void unfused(uint64_t round)
{
    unsigned panels = (unsigned)job.panels;
    unsigned n_tiles = (unsigned)(f.n_pes * job.cols) * panels;
    job.env.round = round;
    job.env.logs = fused_logs(&f, panels);
    shmemx_launch(make_panels, panels, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);

    uint64_t begin = shmemx_now_ns();
    shmem_fcollectmem(SHMEM_TEAM_WORLD, job.all[0], job.made[0],
                      panels * panel_len(&job) * sizeof(float));
    fused_host_span(&f, begin);

    job.env.logs = fused_logs(&f, n_tiles);
    if (n_tiles != 0)
        shmemx_launch(multiply, n_tiles, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

/* ---- fused ----------------------------------------------------------------------------------- */

/* Make a panel and send it to all PEs, this one too.  nbi: the panel is not touched again before
 * the round after the next. */
static int push(struct block *b, const struct job *j, int panel)
{
    int n = j->env.n_pes, me = j->env.me, odd = j->env.round % 2, status = SHMEMX_OK;
    bool exists = row_of(j, me, panel) >= 0;
    size_t len = panel_len(j), place = (size_t)(me * j->panels + panel);
    float *made = j->made[odd] + (size_t)panel * len;
    if (exists) {
        make(j, made, panel);
        block_mark(b, SPAN_COMPUTE, panel, -1);
    }
    for (int i = 0; i < n && status == SHMEMX_OK; i++)
        status = shmemx_device_putmem_signal_nbi(
            &b->dev, j->all[odd] + place * len, made, exists ? len * sizeof(float) : 0,
            j->arrived + place, j->env.round, SHMEM_SIGNAL_SET, (me + n - i) % n);
    block_mark(b, SPAN_PUSH, panel, -1);
    return status;
}

static int use(struct block *b, const struct job *j, int pe, int panel, int col)
{
    if (row_of(j, pe, panel) < 0)
        return SHMEMX_OK;
    int status = shmemx_device_signal_wait_until(&b->dev, j->arrived + pe * j->panels + panel,
                                                 SHMEM_CMP_GE, j->env.round, NULL);
    block_mark(b, SPAN_WAIT, panel, pe);
    compute(j, j->all[j->env.round % 2], pe, panel, col);
    block_mark(b, SPAN_COMPUTE, panel, pe);
    return status;
}

/* Even a PE without columns waits for everybody's panels: see above. */
static int finish(struct block *b, const struct job *j)
{
    int status = shmemx_device_uint64_wait_until_all(
        &b->dev, j->arrived, (size_t)(j->env.n_pes * j->panels), SHMEM_CMP_GE, j->env.round);
    block_mark(b, SPAN_WAIT, -1, -1);
    return status;
}

/*
 * First, for each panel of this PE's, a block that sends it and those that use it here; then those
 * that use the other PEs' panels; and one for the end.  Blocks that send wait for nothing, and on
 * all PEs they come before those that use what another PE sends.
 */
static int work(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int own = j->panels * (1 + j->cols), place = number % (1 + j->cols);
    if (number == n_blocks - 1)
        return finish(b, j);
    if (number < own && place == 0)
        return push(b, j, number / (1 + j->cols));
    if (number < own)
        return use(b, j, j->env.me, number / (1 + j->cols), place - 1);
    int panel = j->panels + (number - own) / j->cols;
    return use(b, j, (j->env.me + panel / j->panels) % j->env.n_pes, panel % j->panels,
               (number - own) % j->cols);
}

static void gather_and_multiply(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, work);
}

static void fused(uint64_t round)
{
    unsigned n_blocks = (unsigned)(job.panels * (1 + f.n_pes * job.cols)) + 1;
    job.env.round = round;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(gather_and_multiply, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

/* ---- both ------------------------------------------------------------------------------------ */

static double difference(uint64_t round)
{
    struct part part = {0, f.mt, share_begin(f.nt, f.me, f.n_pes), job.cols};
    return fused_difference(&f, job.c, part, (double)round);
}

/* Symmetric memory is of the same size everywhere, that of the PE that needs most. */
static void prepare(void)
{
    int row = share_begin(f.mt, f.me, f.n_pes), rows = share_begin(f.mt, f.me + 1, f.n_pes) - row;
    int col = share_begin(f.nt, f.me, f.n_pes), most = share_most(f.nt, f.n_pes);
    job = (struct job){.env = f.env, .mt = f.mt, .kt = f.kt};
    job.cols = share_begin(f.nt, f.me + 1, f.n_pes) - col;
    job.panels = share_most(f.mt, f.n_pes);

    size_t n = (size_t)f.n_pes, panels = (size_t)job.panels;
    size_t tile = tile_len(&job) * sizeof(float), panel = panel_len(&job) * sizeof(float);
    float *input = fused_alloc(panels * panel);
    float *b = fused_alloc((size_t)(f.kt * most) * tile);
    fused_fill(&f, input, 0, (struct part){row, rows, 0, f.kt});
    fused_fill(&f, b, 1, (struct part){0, f.kt, col, job.cols});
    job.input = input;
    job.b = b;
    job.c = fused_alloc((size_t)(f.mt * most) * tile);
    job.arrived = fused_alloc(n * panels * sizeof(uint64_t));
    for (int odd = 0; odd < 2; odd++) {
        job.made[odd] = fused_alloc(panels * panel);
        job.all[odd] = fused_alloc(n * panels * panel);
    }
}

int main(int argc, char **argv)
{
    struct forms forms = {
        .unfused = unfused,
        .fused = fused,
        .difference = difference,
        .unfused_is = "a kernel, shmem_fcollectmem, a kernel",
        .fused_is = "one kernel that sends panels and uses what comes",
    };
    fused_begin(&f, argc, argv);
    prepare();
    forms.result = job.c;
    forms.result_len = (size_t)(f.mt * share_most(f.nt, f.n_pes)) * tile_len(&job) * sizeof(float);
    return fused_compare(&f, &forms);
}
