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
    uint64_t *taken;          /* [PE][panel][col]: the round in which a block has begun with it */
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

/* ---- unfused, and on a stream ---------------------------------------------------------------- */

static int make_one(struct block *b, const void *args, int panel, int n_panels)
{
    const struct job *j = args;
    (void)n_panels;
    make(j, j->made[j->env.round % 2] + (size_t)panel * panel_len(j), panel);
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
        compute(j, j->all[j->env.round % 2], pe, panel, number % j->cols);
        block_mark(b, SPAN_COMPUTE, panel, pe);
    }
    return SHMEMX_OK;
}

static void multiply(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, compute_tile);
}

static void launch_make(uint64_t round)
{
    unsigned n_blocks = (unsigned)job.panels;
    job.env.round = round;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(make_panels, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

/* A PE may have no columns. */
static void launch_multiply(void)
{
    unsigned n_blocks = (unsigned)(f.n_pes * job.panels * job.cols);
    job.env.logs = fused_logs(&f, n_blocks);
    if (n_blocks != 0)
        shmemx_launch(multiply, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

static void unfused(uint64_t round)
{
    size_t len = (size_t)job.panels * panel_len(&job) * sizeof(float);
    launch_make(round);
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    uint64_t begin = shmemx_now_ns();
    shmem_fcollectmem(SHMEM_TEAM_WORLD, job.all[round % 2], job.made[round % 2], len);
    fused_host_span(&f, begin);
    launch_multiply();
}

static void on_stream(uint64_t round)
{
    size_t len = (size_t)job.panels * panel_len(&job) * sizeof(float);
    launch_make(round);
    fused_stream_begin(&f);
    shmemx_fcollectmem_on_stream(SHMEM_TEAM_WORLD, job.all[round % 2], job.made[round % 2], len,
                                 SHMEMX_STREAM_DEFAULT);
    fused_stream_end(&f);
    launch_multiply();
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

/* Compute a tile of C with a panel; the first of two times only if that is there. */
static int use(struct block *b, const struct job *j, int pe, int panel, int col, bool wait)
{
    int place = pe * j->panels + panel, status = SHMEMX_OK;
    if (row_of(j, pe, panel) < 0 || (!wait && !all_there(j->arrived + place, 1, j->env.round)) ||
        !block_takes(b, j->taken + place * j->cols + col, j->env.round))
        return SHMEMX_OK;
    if (wait) {
        status = shmemx_device_signal_wait_until(&b->dev, j->arrived + place, SHMEM_CMP_GE,
                                                 j->env.round, NULL);
        block_mark(b, SPAN_WAIT, panel, pe);
    }
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
 * First, for each panel of this PE's, a block that sends it and those that use it here.  Then those
 * that use the other PEs' panels, if they are there; the same again, for what was not; and one for
 * the end.  Blocks that send wait for nothing.
 */
static int work(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int n = j->env.n_pes, me = j->env.me, cols = j->cols;
    int own = j->panels * (1 + cols), others = (n - 1) * j->panels * cols;
    int panel = number / (1 + cols), place = number % (1 + cols), other = number - own;
    if (number == n_blocks - 1)
        return finish(b, j);
    if (number < own)
        return place == 0 ? push(b, j, panel) : use(b, j, me, panel, place - 1, true);
    panel = j->panels + other % others / cols;
    return use(b, j, (me + panel / j->panels) % n, panel % j->panels, other % cols,
               other >= others);
}

static void gather_and_multiply(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, work);
}

static void fused(uint64_t round)
{
    unsigned own = (unsigned)(job.panels * (1 + job.cols));
    unsigned n_blocks = own + 2 * (unsigned)((f.n_pes - 1) * job.panels * job.cols) + 1;
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
    job.taken = fused_alloc(n * panels * (size_t)most * sizeof(uint64_t));
    for (int odd = 0; odd < 2; odd++) {
        job.made[odd] = fused_alloc(panels * panel);
        job.all[odd] = fused_alloc(n * panels * panel);
    }
}

int main(int argc, char **argv)
{
    struct forms forms = {
        .run[UNFUSED] = unfused,
        .run[ON_STREAM] = on_stream,
        .run[FUSED] = fused,
        .difference = difference,
        .is[UNFUSED] = "a kernel, shmem_fcollectmem, a kernel",
        .is[ON_STREAM] = "the same, but the stream waits, not the host",
        .is[FUSED] = "one kernel that sends panels and uses what comes",
    };
    fused_begin(&f, argc, argv);
    prepare();
    forms.result = job.c;
    forms.result_len = (size_t)(f.mt * share_most(f.nt, f.n_pes)) * tile_len(&job) * sizeof(float);
    return fused_compare(&f, &forms);
}
