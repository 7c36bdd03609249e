/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * moe.c -- a mixture of experts: tokens go to the experts chosen for them, and answers come back.
 *
 *     oshcc -O2 moe.c fused.c timeline.c -o moe -lm
 *     oshrun -n 4 ./moe
 *
 * Each PE has two experts, matrices of k x n, and some of the m tokens, rows of k elements; the PEs
 * have different numbers of them.  A router has chosen two experts for each token, some experts
 * more often than others.  An expert's answer is its matrix times the token, negative elements
 * being zero; the result is the sum of both answers, each multiplied by its weight.
 *
 * Unfused: the PEs agree on the largest number of tokens that any sends to one expert; a kernel
 * gathers tokens by expert; shmem_alltoallmem exchanges them, filled up to that number; a kernel
 * lets the experts answer; shmem_alltoallmem brings the answers back; a kernel combines them.
 * Fused: chunks of tokens leave with signals that also tell how many tokens this PE sends to the
 * expert, so that nothing is filled up and nobody agrees on anything first; experts answer a chunk
 * when it is there, and its answers go back at once.
 *
 * Signals are set to the number of the round, which only grows: nothing is ever reset.  What
 * travels is there twice, for odd and even rounds.  A PE ends a round when all experts have
 * answered it, be it with nothing; so all have begun it, and ended the one before: memory of two
 * rounds ago is read by nobody.
 */
#include "fused.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPERTS = 2 /* of a PE */, CHOICES = 2 };

static struct fused f = {.name = "moe", .m = 640, .n = 128, .k = 128, .tile = 16};

/* Where a token goes: to which expert, its place among this PE's there, and what the answer is
 * worth. */
struct choice {
    int expert, place;
    float weight;
};

/* What travels, for `room` tokens from one PE to one expert. */
struct boxes {
    float *out, *in;       /* tokens: [expert][room], [PE][my expert][room] */
    float *answers, *back; /* the same in the other direction */
    uint64_t *asked;       /* [PE][my expert][chunk]: round << 32 | tokens for that expert */
    uint64_t *answered;    /* [expert][chunk]: round */
};

/* What kernels need.  Expert e is PE e / EXPERTS's. */
static struct job {
    struct kernel_env env;
    int tokens, k, n;            /* this PE's tokens; elements of a token, and of an answer */
    int experts, room, chunks;   /* of all PEs; tokens, chunks from one PE to one expert, at most */
    const float *x, *expert;     /* tokens; this PE's experts */
    const struct choice *choice; /* [token][CHOICES] */
    const int *count, *list;     /* [expert], [expert][most tokens]: this PE's tokens for it */
    int list_len;
    int *counts; /* unfused: [PE][my expert], the others' count */
    struct boxes box[2];
    uint64_t *taken; /* [PE][my expert][chunk]: the round in which a block has begun to answer */
    float *y;        /* the result */
} job;

static int *host_count; /* count, in the host's memory */

/* Chunk c of `count` tokens has so many. */
static int in_chunk(const struct job *j, int count, int c)
{
    int left = count - c * j->env.tile;
    return left <= 0 ? 0 : left < j->env.tile ? left : j->env.tile;
}

/* ---- the work -------------------------------------------------------------------------------- */

/* Where in a box the tokens of a chunk are: those of pair p, a PE and an expert. */
static size_t token_at(const struct job *j, int p, int c)
{
    return (size_t)p * (size_t)j->room + (size_t)(c * j->env.tile);
}

/* Copy a chunk of the tokens for an expert to the outbox. */
static int gather(const struct job *j, const struct boxes *box, int expert, int c)
{
    int count = in_chunk(j, j->count[expert], c);
    const int *list = j->list + expert * j->list_len + c * j->env.tile;
    float *to = box->out + token_at(j, expert, c) * (size_t)j->k;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < j->k; k++)
            *to++ = j->x[list[i] * j->k + k] * (float)j->env.round;
    return count;
}

/* Let one of this PE's experts answer a chunk; pair is the PE that asks, and the expert. */
static void answer(const struct job *j, const struct boxes *box, int pair, int c, int count)
{
    const float *expert = j->expert + (size_t)(pair % EXPERTS) * (size_t)(j->k * j->n);
    float *to = box->answers + token_at(j, pair, c) * (size_t)j->n;
    size_t len = (size_t)count * (size_t)j->n;
    memset(to, 0, len * sizeof(float));
    multiply_add(to, box->in + token_at(j, pair, c) * (size_t)j->k, expert, count, j->k, j->n);
    for (size_t i = 0; i < len; i++)
        to[i] = to[i] > 0 ? to[i] : 0;
}

/* The results of a chunk of this PE's tokens. */
static void combine(const struct job *j, const struct boxes *box, int c)
{
    int first = c * j->env.tile, count = in_chunk(j, j->tokens, c);
    memset(j->y + first * j->n, 0, (size_t)(count * j->n) * sizeof(float));
    for (int i = first * CHOICES; i < (first + count) * CHOICES; i++) {
        const struct choice *choice = &j->choice[i];
        size_t place = token_at(j, choice->expert, 0) + (size_t)choice->place;
        const float *from = box->back + place * (size_t)j->n;
        float *to = j->y + i / CHOICES * j->n;
        for (int k = 0; k < j->n; k++)
            to[k] += choice->weight * from[k];
    }
}

/* ---- unfused --------------------------------------------------------------------------------- */

static int gather_chunk(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    (void)n_blocks;
    gather(j, &j->box[0], number / j->chunks, number % j->chunks);
    block_mark(b, SPAN_PUSH, number % j->chunks, -1);
    return SHMEMX_OK;
}

static void gather_all(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, gather_chunk);
}

static int answer_chunk(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int pair = number / j->chunks, c = number % j->chunks;
    (void)n_blocks;
    answer(j, &j->box[0], pair, c, in_chunk(j, j->counts[pair], c));
    block_mark(b, SPAN_COMPUTE, c, pair / EXPERTS);
    return SHMEMX_OK;
}

static void answer_all(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, answer_chunk);
}

static int combine_chunk(struct block *b, const void *args, int c, int n_chunks)
{
    const struct job *j = args;
    (void)n_chunks;
    combine(j, &j->box[0], c);
    block_mark(b, SPAN_REDUCE, c, -1);
    return SHMEMX_OK;
}

static void combine_all(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, combine_chunk);
}

/* How many tokens any PE has for an expert, and how many each has for mine. */
static int agree_on_room(void)
{
    static int most;
    most = 1;
    for (int e = 0; e < job.experts; e++)
        most = host_count[e] > most ? host_count[e] : most;
    shmem_int_max_reduce(SHMEM_TEAM_WORLD, &most, &most, 1);
    shmem_int_alltoall(SHMEM_TEAM_WORLD, job.counts, job.count, EXPERTS);
    return most;
}

static void exchange(float *to, const float *from, int width)
{
    size_t tokens = (size_t)(EXPERTS * job.room);
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    uint64_t begin = shmemx_now_ns();
    shmem_alltoallmem(SHMEM_TEAM_WORLD, to, from, tokens * (size_t)width * sizeof(float));
    fused_host_span(&f, begin);
}

static void unfused(uint64_t round)
{
    struct job whole = job;
    uint64_t begin = shmemx_now_ns();
    job.env.round = round;
    job.room = agree_on_room();
    job.chunks = (job.room + f.tile - 1) / f.tile;
    fused_host_span(&f, begin);

    unsigned n_blocks = (unsigned)(job.experts * job.chunks);
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(gather_all, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
    exchange(job.box[0].in, job.box[0].out, job.k);

    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(answer_all, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
    exchange(job.box[0].back, job.box[0].answers, job.n);

    unsigned n_chunks = (unsigned)whole.chunks;
    job.env.logs = fused_logs(&f, n_chunks);
    shmemx_launch(combine_all, n_chunks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
    job = whole;
}

/* ---- fused ----------------------------------------------------------------------------------- */

/* Send a chunk of tokens to an expert; the first one even without any. */
static int dispatch(struct block *b, const struct job *j, int expert, int c)
{
    const struct boxes *box = &j->box[j->env.round % 2];
    int count = gather(j, box, expert, c), pair = j->env.me * EXPERTS + expert % EXPERTS;
    if (count == 0 && c != 0)
        return SHMEMX_OK;
    uint64_t value = j->env.round << 32 | (uint64_t)j->count[expert];
    int status = shmemx_device_putmem_signal_nbi(
        &b->dev, box->in + token_at(j, pair, c) * (size_t)j->k,
        box->out + token_at(j, expert, c) * (size_t)j->k, (size_t)(count * j->k) * sizeof(float),
        box->asked + pair * j->chunks + c, value, SHMEM_SIGNAL_SET, expert / EXPERTS);
    block_mark(b, SPAN_PUSH, c, expert / EXPERTS);
    return status;
}

/* Answer a chunk of tokens, if there is such a chunk: the first one's signal tells.  The first of
 * two times only if it is there. */
static int serve(struct block *b, const struct job *j, int pair, int c, bool wait)
{
    const struct boxes *box = &j->box[j->env.round % 2];
    const uint64_t *asked = box->asked + pair * j->chunks, begun = j->env.round << 32;
    uint64_t found = 0;
    int expert = j->env.me * EXPERTS + pair % EXPERTS;
    if (!wait && !(all_there(asked, 1, begun) && all_there(asked + c, 1, begun)))
        return SHMEMX_OK;
    int status = shmemx_device_signal_wait_until(&b->dev, asked, SHMEM_CMP_GE, begun, &found);
    int count = in_chunk(j, (int)(uint32_t)found, c);
    if (status != SHMEMX_OK || (count == 0 && c != 0) ||
        !block_takes(b, j->taken + pair * j->chunks + c, j->env.round))
        return status;
    if (wait) {
        status = shmemx_device_signal_wait_until(&b->dev, asked + c, SHMEM_CMP_GE, begun, NULL);
        block_mark(b, SPAN_WAIT, c, pair / EXPERTS);
    }
    answer(j, box, pair, c, count);
    block_mark(b, SPAN_COMPUTE, c, pair / EXPERTS);
    if (status == SHMEMX_OK)
        status = shmemx_device_putmem_signal_nbi(
            &b->dev, box->back + token_at(j, expert, c) * (size_t)j->n,
            box->answers + token_at(j, pair, c) * (size_t)j->n,
            (size_t)(count * j->n) * sizeof(float), box->answered + expert * j->chunks + c,
            j->env.round, SHMEM_SIGNAL_SET, pair / EXPERTS);
    block_mark(b, SPAN_PUSH, c, pair / EXPERTS);
    return status;
}

/* Combine a chunk of this PE's tokens when their answers are there. */
static int collect(struct block *b, const struct job *j, int c)
{
    const struct boxes *box = &j->box[j->env.round % 2];
    int first = c * j->env.tile, count = in_chunk(j, j->tokens, c), status = SHMEMX_OK;
    for (int i = first * CHOICES; i < (first + count) * CHOICES && status == SHMEMX_OK; i++) {
        int chunk = j->choice[i].expert * j->chunks + j->choice[i].place / j->env.tile;
        status = shmemx_device_signal_wait_until(&b->dev, box->answered + chunk, SHMEM_CMP_GE,
                                                 j->env.round, NULL);
    }
    block_mark(b, SPAN_WAIT, c, -1);
    combine(j, box, c);
    block_mark(b, SPAN_REDUCE, c, -1);
    return status;
}

/* Experts without a token of this PE's answer too. */
static int finish(struct block *b, const struct job *j)
{
    const struct boxes *box = &j->box[j->env.round % 2];
    int status = SHMEMX_OK;
    for (int e = 0; e < j->experts && status == SHMEMX_OK; e++)
        status = shmemx_device_signal_wait_until(&b->dev, box->answered + e * j->chunks,
                                                 SHMEM_CMP_GE, j->env.round, NULL);
    block_mark(b, SPAN_WAIT, -1, -1);
    return status;
}

/*
 * A block for each chunk to be sent; for each that may come, if it has come; the same again, for
 * what had not; for each to be combined; and one for the end.  What a block waits for is earlier in
 * this order, on all PEs.  First chunks come first, and a PE begins with the next PE's experts.
 */
static int work(struct block *b, const void *args, int number, int n_blocks)
{
    const struct job *j = args;
    int travels = j->experts * j->chunks, chunk = number % travels / j->experts;
    int pair = (number + (j->env.me + 1) * EXPERTS) % j->experts;
    if (number == n_blocks - 1)
        return finish(b, j);
    if (number < travels)
        return dispatch(b, j, pair, chunk);
    if (number < 3 * travels)
        return serve(b, j, pair, chunk, number >= 2 * travels);
    return collect(b, j, number - 3 * travels);
}

static void dispatch_and_combine(void *args, unsigned number, unsigned n_blocks)
{
    block_run(args, number, n_blocks, work);
}

static void fused(uint64_t round)
{
    unsigned n_blocks = (unsigned)((3 * job.experts + 1) * job.chunks + 1);
    job.env.round = round;
    job.env.logs = fused_logs(&f, n_blocks);
    shmemx_launch(dispatch_and_combine, n_blocks, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
}

/* ---- the host: tokens, the router, the check ------------------------------------------------- */

/* PE p has p + 1 times as many tokens as PE 0. */
static int first_token(int pe)
{
    return (int)((long)f.m * pe * (pe + 1) / ((long)f.n_pes * (f.n_pes + 1)));
}

/* Any two experts will do; the first ones are chosen more often. */
static void route(int token, struct choice *choice)
{
    double u = (input_element(0, token, -1) + 1) / 2, v = (input_element(0, token, -2) + 1) / 2;
    int experts = EXPERTS * f.n_pes, first = (int)(u * u * experts);
    choice[0].expert = first;
    choice[1].expert = (first + 1 + (int)(v * (experts - 1))) % experts;
    choice[0].weight = (float)(0.5 + v / 2);
    choice[1].weight = 1 - choice[0].weight;
}

static double serial_answer(int token, int expert, int col)
{
    double sum = 0;
    for (int k = 0; k < f.k; k++)
        sum += (double)input_element(0, token, k) * (double)input_element(1 + expert, k, col);
    return sum > 0 ? sum : 0;
}

static double serial_element(int token, int col)
{
    struct choice choice[CHOICES];
    double sum = 0;
    route(token, choice);
    for (int i = 0; i < CHOICES; i++)
        sum += choice[i].weight * serial_answer(token, choice[i].expert, col);
    return sum;
}

static double difference(uint64_t round)
{
    static double *serial, largest;
    size_t len = (size_t)job.tokens * (size_t)f.n;
    float *here = malloc((len + 1) * sizeof(float));
    double worst = 0;
    if (serial == NULL) {
        serial = malloc((len + 1) * sizeof(double));
        for (size_t i = 0; i < len; i++) {
            serial[i] =
                serial_element(first_token(f.me) + (int)(i / (size_t)f.n), (int)(i % (size_t)f.n));
            largest = larger(largest, serial[i]);
        }
    }
    shmemx_memcpy(here, job.y, len * sizeof(float));
    for (size_t i = 0; i < len; i++)
        worst = larger(worst, fabs(here[i] - (double)round * serial[i]));
    free(here);
    return largest > 0 ? worst / ((double)round * largest) : worst;
}

/* What the host knows goes to new device memory. */
static void *to_device(const void *from, size_t len, size_t room)
{
    void *memory = fused_alloc(room);
    shmemx_memcpy(memory, from, len);
    return memory;
}

/* Who goes where. */
static void prepare_routes(void)
{
    size_t tokens = (size_t)job.room, experts = (size_t)job.experts;
    struct choice *choice = calloc(tokens * CHOICES, sizeof(*choice));
    int *list = calloc(experts * tokens, sizeof(*list));
    host_count = calloc(experts, sizeof(*host_count));
    for (int i = 0; i < job.tokens; i++) {
        struct choice *two = choice + i * CHOICES;
        route(first_token(f.me) + i, two);
        for (int c = 0; c < CHOICES; c++) {
            two[c].place = host_count[two[c].expert]++;
            list[two[c].expert * job.list_len + two[c].place] = i;
        }
    }
    size_t len = tokens * CHOICES * sizeof(*choice);
    job.choice = to_device(choice, len, len);
    job.count = to_device(host_count, experts * sizeof(int), experts * sizeof(int));
    job.list = to_device(list, experts * tokens * sizeof(int), experts * tokens * sizeof(int));
    job.counts = fused_alloc(experts * sizeof(int));
    free(list);
    free(choice);
}

static void prepare_numbers(void)
{
    size_t tokens = (size_t)job.tokens, k = (size_t)f.k, n = (size_t)f.n, most = (size_t)job.room;
    float *x = calloc(most, k * sizeof(*x)), *expert = calloc(EXPERTS, k * n * sizeof(*expert));
    for (size_t i = 0; i < tokens * k; i++)
        x[i] = input_element(0, first_token(f.me) + (int)(i / k), (int)(i % k));
    for (size_t i = 0; i < EXPERTS * k * n; i++)
        expert[i] =
            input_element(1 + f.me * EXPERTS + (int)(i / (k * n)), (int)(i / n % k), (int)(i % n));
    job.x = to_device(x, most * k * sizeof(*x), most * k * sizeof(*x));
    job.expert =
        to_device(expert, EXPERTS * k * n * sizeof(*expert), EXPERTS * k * n * sizeof(*expert));
    free(expert);
    free(x);
}

/* Room for all tokens of the PE with the most: an expert may get them all. */
static void prepare(void)
{
    int most = first_token(f.n_pes) - first_token(f.n_pes - 1);
    job = (struct job){.env = f.env, .k = f.k, .n = f.n, .room = most, .list_len = most};
    job.tokens = first_token(f.me + 1) - first_token(f.me);
    job.experts = EXPERTS * f.n_pes;
    job.chunks = (most + f.tile - 1) / f.tile;
    prepare_routes();
    prepare_numbers();
    size_t tokens = (size_t)(job.experts * most), chunks = (size_t)(job.experts * job.chunks);
    job.taken = fused_alloc(chunks * sizeof(uint64_t));
    job.y = fused_alloc((size_t)(most * f.n) * sizeof(float));
    for (int odd = 0; odd < 2; odd++)
        job.box[odd] = (struct boxes){
            .out = fused_alloc(tokens * (size_t)f.k * sizeof(float)),
            .in = fused_alloc(tokens * (size_t)f.k * sizeof(float)),
            .answers = fused_alloc(tokens * (size_t)f.n * sizeof(float)),
            .back = fused_alloc(tokens * (size_t)f.n * sizeof(float)),
            .asked = fused_alloc(chunks * sizeof(uint64_t)),
            .answered = fused_alloc(chunks * sizeof(uint64_t)),
        };
}

int main(int argc, char **argv)
{
    struct forms forms = {
        .run[UNFUSED] = unfused,
        .run[FUSED] = fused,
        .difference = difference,
        .is[UNFUSED] = "three kernels, and two exchanges between them",
        .is[FUSED] = "one kernel: chunks are sent, answered, combined",
    };
    fused_begin(&f, argc, argv);
    prepare();
    forms.result = job.y;
    forms.result_len = (size_t)(job.room * f.n) * sizeof(float);
    return fused_compare(&f, &forms);
}
