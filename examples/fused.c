/* SPDX-License-Identifier: BSD-3-Clause */
/* fused.c -- what the fused operators share: options, matrices, the check, the times. */
#include "fused.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_BLOCKS = 16384 };

/* ---- the start ------------------------------------------------------------------------------- */

static const char help[] =
    "usage: oshrun -n PES %s [options]\n"
    "  -m, -n, -k N        sizes (%d, %d, %d); the result is m x n, and its elements sums of k\n"
    "  -t, --tile N        rows and columns of a tile (%d)\n"
    "  -r, --rounds N      how often each form is run (%d)\n"
    "  --tolerance X       what the results may differ from a serial one, relative to its largest\n"
    "                      element (%g); with 0 rounding itself is found\n"
    "  --spoil             change an element of the last PE's result, which the check must find\n"
    "  --trace FILE.json   each form's last single round, for chrome://tracing or ui.perfetto.dev\n"
    "  --svg FILE.svg      the same as a picture\n"
    "SHMEM_DEVICE chooses the device, SHMEM_DEVICE_SIZE its memory. Status 1: a result is wrong.\n";

static void leave(int status)
{
    shmem_finalize();
    exit(status);
}

static void print_help(const struct fused *f, FILE *to)
{
    if (f->me == 0)
        fprintf(to, help, f->name, f->m, f->n, f->k, f->tile, f->rounds, f->tolerance);
}

/* A number from 1 to most. */
static int number(const struct fused *f, const char *text, int most)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > most) {
        if (f->me == 0)
            fprintf(stderr, "%s: %s is no number from 1 to %d\n", f->name, text, most);
        leave(2);
    }
    return (int)value;
}

static double fraction(const struct fused *f, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0)) {
        if (f->me == 0)
            fprintf(stderr, "%s: %s is no tolerance\n", f->name, text);
        leave(2);
    }
    return value;
}

static void read_options(struct fused *f, int argc, char **argv)
{
    static const struct option options[] = {
        {"tile", required_argument, NULL, 't'},
        {"rounds", required_argument, NULL, 'r'},
        {"tolerance", required_argument, NULL, 'e'},
        {"spoil", no_argument, NULL, 's'},
        {"trace", required_argument, NULL, 'j'},
        {"svg", required_argument, NULL, 'g'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct fused given = *f;
    int option;
    opterr = f->me == 0;
    while ((option = getopt_long(argc, argv, "m:n:k:t:r:h", options, NULL)) != -1) {
        switch (option) {
        /* clang-format off */
        case 'm': given.m = number(f, optarg, 1 << 20); break;
        case 'n': given.n = number(f, optarg, 1 << 20); break;
        case 'k': given.k = number(f, optarg, 1 << 20); break;
        case 't': given.tile = number(f, optarg, 1024); break;
        case 'r': given.rounds = number(f, optarg, 1000); break;
        case 'e': given.tolerance = fraction(f, optarg); break;
        case 's': given.spoil = 1; break;
        case 'j': given.json = optarg; break;
        case 'g': given.svg = optarg; break;
        case 'h': print_help(f, stdout); leave(0); break;
        default: print_help(f, stderr); leave(2);
            /* clang-format on */
        }
    }
    if (optind != argc) {
        print_help(f, stderr);
        leave(2);
    }
    *f = given;
}

void fused_begin(struct fused *f, int argc, char **argv)
{
    shmemx_device_info_t device;
    shmem_init();
    f->me = shmem_my_pe();
    f->n_pes = shmem_n_pes();
    f->rounds = 5;
    f->tolerance = 1e-5;
    read_options(f, argc, argv);
    f->mt = (f->m + f->tile - 1) / f->tile;
    f->nt = (f->n + f->tile - 1) / f->tile;
    f->kt = (f->k + f->tile - 1) / f->tile;

    f->env = (struct kernel_env){.me = f->me, .n_pes = f->n_pes, .tile = f->tile};
    if (shmemx_device_open() != 0 || shmemx_device_query(&device) != 0 ||
        shmemx_device_context_create(0, 0, 0, &f->env.context) != 0)
        shmem_global_exit(1);
    f->cores = (int)device.cores;
    f->logs = fused_alloc(MAX_BLOCKS * sizeof(*f->logs));
    if (f->me == 0)
        printf("%s: %d x %d, sums of %d, tiles of %d; %d PEs, each with %d cores of %s\n", f->name,
               f->m, f->n, f->k, f->tile, f->n_pes, f->cores, device.name);
}

void *fused_alloc(size_t len)
{
    void *memory = shmemx_calloc_device(1, len);
    if (memory == NULL)
        shmem_global_exit(1); /* the library has said why */
    return memory;
}

/* ---- matrices -------------------------------------------------------------------------------- */

int share_begin(int things, int pe, int n_pes)
{
    return (int)((long)things * pe / n_pes);
}

int share_most(int things, int n_pes)
{
    return (things + n_pes - 1) / n_pes;
}

/* Any numbers between -1 and 1 will do that are the same on all PEs. */
float input_element(int matrix, int row, int col)
{
    uint64_t x = (uint64_t)matrix << 48 ^ (uint64_t)row << 24 ^ (uint64_t)col;
    x = (x + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9u;
    return (float)((int)(x >> 40) - (1 << 23)) / (float)(1 << 23);
}

static void *allocate(size_t len)
{
    void *memory = calloc(1, len == 0 ? 1 : len);
    if (memory == NULL) {
        fprintf(stderr, "fused: no memory for %zu bytes\n", len);
        shmem_global_exit(1);
    }
    return memory;
}

void fused_fill(const struct fused *f, float *to, int matrix, struct part part)
{
    int rows = matrix == 0 ? f->m : f->k, cols = matrix == 0 ? f->k : f->n, t = f->tile;
    size_t size = (size_t)t * (size_t)t, len = (size_t)(part.rows * part.cols) * size;
    float *here = allocate(len * sizeof(float));
    for (size_t i = 0; i < len; i++) {
        int tile = (int)(i / size), place = (int)(i % size);
        int row = (part.row + tile / part.cols) * t + place / t;
        int col = (part.col + tile % part.cols) * t + place % t;
        if (row < rows && col < cols)
            here[i] = input_element(matrix, row, col);
    }
    shmemx_memcpy(to, here, len * sizeof(float));
    free(here);
}

int fused_share_k(const struct fused *f, const float **a, const float **b)
{
    int begin = share_begin(f->kt, f->me, f->n_pes), most = share_most(f->kt, f->n_pes);
    int kt = share_begin(f->kt, f->me + 1, f->n_pes) - begin;
    size_t tile = (size_t)(f->tile * f->tile) * sizeof(float);
    float *mine_of_a = fused_alloc((size_t)(f->mt * most) * tile);
    float *mine_of_b = fused_alloc((size_t)(most * f->nt) * tile);
    fused_fill(f, mine_of_a, 0, (struct part){0, f->mt, begin, kt});
    fused_fill(f, mine_of_b, 1, (struct part){begin, kt, 0, f->nt});
    *a = mine_of_a;
    *b = mine_of_b;
    return kt;
}

/* The serial result: what of the part is in the matrix. */
struct serial {
    int row, rows, col, cols; /* elements */
    double *at, largest;
};

static struct serial make_serial(const struct fused *f, struct part part)
{
    int t = f->tile;
    struct serial s = {.row = part.row * t, .col = part.col * t};
    s.rows = part.rows * t < f->m - s.row ? part.rows * t : f->m - s.row;
    s.cols = part.cols * t < f->n - s.col ? part.cols * t : f->n - s.col;
    s.at = allocate((size_t)s.rows * (size_t)s.cols * sizeof(double));
    double *b = allocate((size_t)f->k * (size_t)s.cols * sizeof(double));
    for (int k = 0; k < f->k; k++)
        for (int j = 0; j < s.cols; j++)
            b[k * s.cols + j] = input_element(1, k, s.col + j);
    for (int i = 0; i < s.rows; i++)
        for (int k = 0; k < f->k; k++) {
            double a = input_element(0, s.row + i, k);
            for (int j = 0; j < s.cols; j++)
                s.at[i * s.cols + j] += a * b[k * s.cols + j];
        }
    for (int i = 0; i < s.rows * s.cols; i++)
        s.largest = fmax(s.largest, fabs(s.at[i]));
    free(b);
    return s;
}

double larger(double a, double b)
{
    return isnan(a) || isnan(b) ? INFINITY : fmax(a, b);
}

double fused_difference(const struct fused *f, const float *c, struct part part, double factor)
{
    static struct serial s;
    size_t t = (size_t)f->tile, tiles = (size_t)(part.rows * part.cols);
    float *here = allocate(tiles * t * t * sizeof(float));
    double worst = 0;
    if (s.at == NULL)
        s = make_serial(f, part);
    shmemx_memcpy(here, c, tiles * t * t * sizeof(float));
    for (size_t i = 0; i < (size_t)s.rows; i++)
        for (size_t j = 0; j < (size_t)s.cols; j++) {
            size_t tile = i / t * (size_t)part.cols + j / t;
            double found = here[(tile * t + i % t) * t + j % t];
            worst = larger(worst, fabs(found - factor * s.at[i * (size_t)s.cols + j]));
        }
    free(here);
    return s.largest > 0 ? worst / (factor * s.largest) : worst;
}

/* ---- logs and spans -------------------------------------------------------------------------- */

struct block_log *fused_logs(struct fused *f, unsigned n_blocks)
{
    if (f->n_logs + n_blocks > MAX_BLOCKS) {
        fprintf(stderr, "%s: a round has more than %d blocks: take larger tiles\n", f->name,
                MAX_BLOCKS);
        shmem_global_exit(1);
    }
    f->n_logs += n_blocks;
    return f->logs + f->n_logs - n_blocks;
}

static void add_span(struct fused *f, struct span span)
{
    struct span_list *list = &f->spans[f->form];
    list->at = realloc(list->at, (list->n + 1) * sizeof(*list->at));
    if (list->at == NULL)
        shmem_global_exit(1);
    span.pe = f->me;
    span.form = (int32_t)f->form;
    list->at[list->n++] = span;
}

void fused_host_span(struct fused *f, uint64_t begin)
{
    add_span(f, (struct span){.begin = begin,
                              .end = shmemx_now_ns(),
                              .kind = SPAN_HOST,
                              .tile = -1,
                              .peer = -1,
                              .lane = -1});
}

static void note_begin(void *arg)
{
    struct fused *f = arg;
    f->stream_begin = shmemx_now_ns();
}

static void note_end(void *arg)
{
    struct fused *f = arg;
    fused_host_span(f, f->stream_begin);
}

void fused_stream_begin(struct fused *f)
{
    shmemx_call_on_stream(note_begin, f, SHMEMX_STREAM_DEFAULT);
}

void fused_stream_end(struct fused *f)
{
    shmemx_call_on_stream(note_end, f, SHMEMX_STREAM_DEFAULT);
}

/* What the blocks of a round have left: how each ended, and what it did when. */
static void read_logs(struct fused *f)
{
    size_t len = f->n_logs * sizeof(*f->logs);
    struct block_log *log = allocate(len);
    shmemx_memcpy(log, f->logs, len);
    for (unsigned i = 0; i < f->n_logs; i++) {
        if (log[i].status != SHMEMX_OK) {
            fprintf(stderr, "%s: a block of PE %d ended with status %d of shmemx_ring.h\n", f->name,
                    f->me, log[i].status);
            shmem_global_exit(1);
        }
        for (int k = 0; k < log[i].n_spans; k++)
            add_span(f, log[i].span[k]);
    }
    free(log);
}

/* The number of spans, and, unless that is NULL, these one after the other. */
static size_t all_spans(const struct fused *f, struct span *to)
{
    size_t n = 0;
    for (int form = 0; form < FORMS; form++) {
        if (to != NULL && f->spans[form].n != 0)
            memcpy(to + n, f->spans[form].at, f->spans[form].n * sizeof(*to));
        n += f->spans[form].n;
    }
    return n;
}

/* All PEs' spans at PE 0, which writes the files: 0 if that went well. */
static int write_timeline(const struct fused *f)
{
    static uint64_t count, most; /* symmetric, as static variables are */
    int status = 0;
    count = all_spans(f, NULL);
    shmem_uint64_max_reduce(SHMEM_TEAM_WORLD, &most, &count, 1);
    struct span *mine = shmem_malloc(most * sizeof(*mine));
    if (mine == NULL)
        shmem_global_exit(1);
    all_spans(f, mine);
    shmem_barrier_all();
    if (f->me == 0) {
        struct timeline t = {.title = f->name, .n_pes = f->n_pes, .n_lanes = f->cores};
        struct span *all = allocate(most * (size_t)f->n_pes * sizeof(*all));
        for (int pe = 0; pe < f->n_pes; pe++) {
            size_t n = shmem_uint64_g(&count, pe);
            shmem_getmem(all + t.n_spans, mine, n * sizeof(*all), pe);
            t.n_spans += n;
        }
        t.spans = all;
        status |= f->json != NULL && timeline_json(&t, f->json) != 0;
        status |= f->svg != NULL && timeline_svg(&t, f->svg) != 0;
        free(all);
    }
    shmem_barrier_all();
    shmem_free(mine);
    return status;
}

/* ---- the comparison -------------------------------------------------------------------------- */

static double largest(double value)
{
    static double mine, all;
    mine = value;
    shmem_double_max_reduce(SHMEM_TEAM_WORLD, &all, &mine, 1);
    return all;
}

/* No element of the result may be left of what was there before. */
static void forget(const struct forms *forms)
{
    void *nothing = allocate(forms->result_len);
    memset(nothing, 0xff, forms->result_len); /* not a number */
    shmemx_memcpy(forms->result, nothing, forms->result_len);
    free(nothing);
}

static void check(struct fused *f, const struct forms *forms, uint64_t round)
{
    if (f->spoil && f->me == f->n_pes - 1)
        shmem_float_p(forms->result, shmem_float_g(forms->result, f->me) + 1, f->me);
    f->difference[f->form] = larger(f->difference[f->form], forms->difference(round));
}

/* Run a form in a number of rounds that are not waited for one by one, and check the last.  The
 * milliseconds that a round took. */
static double run(struct fused *f, const struct forms *forms, enum form form, uint64_t first,
                  uint64_t last)
{
    f->form = form;
    f->spans[form].n = 0;
    forget(forms);
    shmem_barrier_all();
    uint64_t begin = shmemx_now_ns();
    for (uint64_t round = first; round <= last; round++) {
        f->n_logs = 0;
        forms->run[form](round);
    }
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    double ms = (double)(shmemx_now_ns() - begin) / 1e6;
    read_logs(f);
    check(f, forms, last);
    return largest(ms) / (double)(last - first + 1);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times, int n)
{
    qsort(times, (size_t)n, sizeof(*times), by_size);
    return times[n / 2];
}

/* Milliseconds of a round: medians of rounds that are waited for, and means of those in a row. */
struct times {
    double alone[FORMS], in_a_row[FORMS];
};

/* Each form once, beginning with another one each time. */
static void run_alone(struct fused *f, const struct forms *forms, struct times *ms)
{
    uint64_t rounds = (uint64_t)f->rounds;
    double *times = allocate(FORMS * rounds * sizeof(*times));
    for (uint64_t i = 0; i < rounds * FORMS; i++) {
        uint64_t round = i / FORMS, form = (round + i) % FORMS;
        if (forms->run[form] != NULL)
            times[form * rounds + round] = run(f, forms, (enum form)form, round + 1, round + 1);
    }
    for (uint64_t form = 0; form < FORMS; form++)
        ms->alone[form] = median(times + form * rounds, f->rounds);
    free(times);
}

static void run_in_a_row(struct fused *f, const struct forms *forms, struct times *ms)
{
    uint64_t rounds = (uint64_t)f->rounds;
    for (int form = 0; form < FORMS; form++)
        if (forms->run[form] != NULL)
            ms->in_a_row[form] = run(f, forms, (enum form)form, rounds + 1, 2 * rounds);
}

static void print_times(const struct fused *f, const struct forms *forms, const struct times *ms)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    printf("              one round        %2d in a row, each\n", f->rounds);
    for (int form = 0; form < FORMS; form++)
        if (forms->run[form] != NULL)
            printf("  %-9s %8.2f ms %5.2f %8.2f ms %5.2f   %s\n", form_names[form], ms->alone[form],
                   ms->alone[form] / ms->alone[UNFUSED], ms->in_a_row[form],
                   ms->in_a_row[form] / ms->in_a_row[UNFUSED], forms->is[form]);
    if (cpus < (long)f->n_pes * f->cores)
        printf("  (%d cores take turns on %ld CPUs here, where what one of them leaves to do is\n"
               "  another's work: this says little about an NPU)\n",
               f->n_pes * f->cores, cpus);
}

/* 0 if what all forms gave to all PEs is right. */
static int judge(const struct fused *f)
{
    double worst = 0;
    for (int form = 0; form < FORMS; form++) {
        double difference = largest(f->difference[form]);
        worst = larger(worst, difference);
        if (f->me == 0 && difference > f->tolerance)
            printf("  %s differs by %.2g\n", form_names[form], difference);
    }
    int wrong = worst > f->tolerance;
    if (f->me == 0)
        printf("  differs from a serial result in double precision by at most %.2g of its largest "
               "element: %s\n",
               worst, wrong ? "WRONG" : "right");
    fflush(stdout);
    return wrong;
}

int fused_compare(struct fused *f, const struct forms *forms)
{
    struct times ms;
    run_alone(f, forms, &ms);
    int status = f->json != NULL || f->svg != NULL ? write_timeline(f) : 0;
    run_in_a_row(f, forms, &ms);

    if (f->me == 0)
        print_times(f, forms, &ms);
    status |= judge(f);
    shmem_barrier_all(); /* no PE ends the job with its status before PE 0 has told why */
    shmemx_device_context_destroy(f->env.context);
    shmem_finalize();
    return status;
}
