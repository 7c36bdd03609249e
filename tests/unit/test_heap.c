/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_heap.c -- the symmetric heap's allocator, by hand and against a model.
 *
 * The model is an array of intervals in the order of offsets, searched from its start each time:
 * too simple to be wrong in the same way.  Random calls go to it and to two heaps; all three must
 * agree on every offset, error and statistic.  The linker sends malloc through __wrap_malloc, so
 * that records can be refused.
 */
#include "core/heap.h"

#include "core/base/util.h"
#include "tap.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE = 64, PAGE = 4096, MODEL_MAX = 8192, OPERATIONS = 60000, LIVE = 10000 };

/* ---- refusing memory ------------------------------------------------------------------------- */

void *__real_malloc(size_t len);
void *__wrap_malloc(size_t len);

static int mallocs_until_failure = -1;

void *__wrap_malloc(size_t len)
{
    if (mallocs_until_failure == 0)
        return NULL;
    if (mallocs_until_failure > 0)
        mallocs_until_failure--;
    return __real_malloc(len);
}

/* ---- small helpers --------------------------------------------------------------------------- */

static struct shmi_heap *new_heap(size_t len, size_t base_align)
{
    struct shmi_heap *heap = NULL;
    if (shmi_heap_init(&heap, len, base_align) != 0)
        abort();
    return heap;
}

static const size_t failed = SIZE_MAX;

/* The offset, or `failed`. */
static size_t take(struct shmi_heap *heap, size_t len, size_t align)
{
    size_t offset = failed;
    return shmi_heap_alloc(heap, len, align, 0, &offset) == 0 ? offset : failed;
}

static struct shmi_heap_stats stats_of(const struct shmi_heap *heap)
{
    struct shmi_heap_stats stats;
    memset(&stats, 0xa5, sizeof(stats));
    shmi_heap_stats(heap, &stats);
    return stats;
}

static bool same_stats(const struct shmi_heap_stats *a, const struct shmi_heap_stats *b)
{
    return a->capacity == b->capacity && a->used == b->used && a->free == b->free &&
           a->largest == b->largest && a->peak == b->peak && a->blocks == b->blocks &&
           a->fragments == b->fragments;
}

static bool is_whole(const struct shmi_heap *heap)
{
    struct shmi_heap_stats stats = stats_of(heap);
    return stats.used == 0 && stats.blocks == 0 && stats.fragments == (stats.capacity != 0) &&
           stats.free == stats.capacity && stats.largest == stats.capacity;
}

/* ---- directed tests -------------------------------------------------------------------------- */

static void test_init(void)
{
    struct shmi_heap *heap = NULL;
    ok(shmi_heap_init(&heap, PAGE, 0) == -EINVAL && shmi_heap_init(&heap, PAGE, 32) == -EINVAL &&
           shmi_heap_init(&heap, PAGE, 96) == -EINVAL &&
           shmi_heap_init(&heap, SIZE_MAX, PAGE) == -EINVAL && heap == NULL,
       "init refuses a bad base alignment and an impossible length");
    mallocs_until_failure = 0;
    int rc = shmi_heap_init(&heap, PAGE, PAGE);
    mallocs_until_failure = -1;
    ok(rc == -ENOMEM && heap == NULL, "init without memory is -ENOMEM");

    heap = new_heap(LINE - 1, PAGE);
    ok(take(heap, 1, 1) == failed && stats_of(heap).capacity == 0 && is_whole(heap) &&
           shmi_heap_free(heap, 0) == -EINVAL && !shmi_heap_find(heap, 0, NULL, NULL, NULL),
       "a heap of less than a line has room for nothing");
    shmi_heap_destroy(heap);
    heap = new_heap(1000, PAGE);
    ok(stats_of(heap).capacity == 960 && take(heap, 961, 1) == failed && take(heap, 960, 1) == 0,
       "the capacity is whole lines");
    shmi_heap_destroy(heap);
    shmi_heap_destroy(NULL);
}

static void test_first_fit(void)
{
    struct shmi_heap *heap = new_heap(PAGE, PAGE);
    size_t a = take(heap, 1, 1), b = take(heap, 65, 1), c = take(heap, 64, 8),
           d = take(heap, 1, 64);
    ok(a == 0 && b == 64 && c == 192 && d == 256, "blocks follow each other in whole lines");
    shmi_heap_free(heap, a);
    shmi_heap_free(heap, b);
    shmi_heap_free(heap, d);
    ok(take(heap, 200, 1) == 256, "what does not fit into a hole goes behind it");
    ok(take(heap, 64, 1) == 0 && take(heap, 128, 1) == 64, "the lowest hole is used first");
    ok(shmi_heap_free(heap, 32) == -EINVAL && shmi_heap_free(heap, 128) == -EINVAL &&
           shmi_heap_free(heap, 2048) == -EINVAL && shmi_heap_free(heap, PAGE) == -EINVAL &&
           shmi_heap_free(heap, SIZE_MAX) == -EINVAL,
       "only the start of a block can be freed");
    ok(shmi_heap_free(heap, 64) == 0 && shmi_heap_free(heap, 64) == -EINVAL,
       "a block can be freed once");
    shmi_heap_destroy(heap);
}

/* Free three neighbours in each of the six orders: each must leave a single hole. */
static void test_coalescing(void)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < SHMI_COUNT(orders); i++) {
        struct shmi_heap *heap = new_heap(5 * LINE, PAGE);
        for (int j = 0; j < 5; j++)
            take(heap, LINE, 1);
        for (int j = 0; j < 3; j++)
            shmi_heap_free(heap, (size_t)(1 + orders[i][j]) * LINE);
        struct shmi_heap_stats stats = stats_of(heap);
        bool one_hole = stats.fragments == 1 && stats.largest == 3 * LINE && stats.blocks == 2;
        bool filled = take(heap, 3 * LINE, 1) == LINE;
        shmi_heap_free(heap, 4 * LINE);
        shmi_heap_free(heap, 0);
        shmi_heap_free(heap, LINE);
        ok(one_hole && filled && is_whole(heap), "freed in the order %d %d %d, one hole is left",
           orders[i][0], orders[i][1], orders[i][2]);
        shmi_heap_destroy(heap);
    }
}

static void test_alignment(void)
{
    struct shmi_heap *heap = new_heap((size_t)1 << 30, (size_t)1 << 21);
    bool aligned = true;
    for (size_t align = 1; align <= (size_t)1 << 21; align *= 2) {
        size_t offset = take(heap, 3, align);
        aligned = aligned && offset != failed && offset % shmi_max(align, LINE) == 0;
    }
    ok(aligned, "every alignment up to the base's");
    ok(take(heap, 64, 1) == 7 * LINE, "what alignment skipped is used by later blocks");
    size_t offset = 1;
    ok(shmi_heap_alloc(heap, 8, (size_t)1 << 22, 0, &offset) == -EINVAL &&
           shmi_heap_alloc(heap, 8, 0, 0, &offset) == -EINVAL &&
           shmi_heap_alloc(heap, 8, 24, 0, &offset) == -EINVAL &&
           shmi_heap_alloc(heap, 0, 64, 0, &offset) == -EINVAL && offset == 1,
       "bad alignments and no length are -EINVAL");
    shmi_heap_destroy(heap);

    heap = new_heap(2 * PAGE, PAGE);
    take(heap, 64, 1);
    ok(take(heap, PAGE + 1, PAGE) == failed && take(heap, PAGE, PAGE) == PAGE,
       "a hole that is long enough only without the alignment is passed over");
    shmi_heap_destroy(heap);
    heap = new_heap(PTRDIFF_MAX, (size_t)1 << 63);
    ok(take(heap, 64, (size_t)1 << 62) == 0 && take(heap, 64, (size_t)1 << 62) == (size_t)1 << 62 &&
           take(heap, 64, (size_t)1 << 62) == failed && take(heap, 64, (size_t)1 << 63) == failed,
       "alignments near the end of the address space");
    shmi_heap_destroy(heap);
}

static void test_exhaustion(void)
{
    struct shmi_heap *heap = new_heap(PAGE, PAGE);
    ok(take(heap, PAGE, 1) == 0 && take(heap, 1, 1) == failed && stats_of(heap).largest == 0,
       "one block can have it all");
    shmi_heap_free(heap, 0);
    size_t taken = 0;
    while (take(heap, LINE, 1) == taken * LINE)
        taken++;
    ok(taken == PAGE / LINE && stats_of(heap).free == 0 && stats_of(heap).fragments == 0,
       "as many blocks as lines");
    for (size_t i = 0; i < taken; i += 2)
        shmi_heap_free(heap, i * LINE);
    ok(take(heap, LINE + 1, 1) == failed && stats_of(heap).free == PAGE / 2,
       "half is free and nothing larger than a line fits");

    size_t offset = 7;
    struct shmi_heap_stats before = stats_of(heap);
    bool refused = true;
    for (size_t less = 0; less < 130; less++)
        refused = refused && shmi_heap_alloc(heap, SIZE_MAX - less, 1, 0, &offset) == -ENOMEM &&
                  shmi_heap_alloc(heap, PTRDIFF_MAX - less, PAGE, 0, &offset) == -ENOMEM &&
                  shmi_heap_resize(heap, LINE, SIZE_MAX - less) == -ENOSPC;
    struct shmi_heap_stats after = stats_of(heap);
    ok(refused && offset == 7 && same_stats(&before, &after),
       "lengths whose rounding would overflow change nothing");
    shmi_heap_destroy(heap);
}

static void test_resize(void)
{
    struct shmi_heap *heap = new_heap(16 * LINE, PAGE);
    size_t len = 0;
    take(heap, 4 * LINE, 1);
    take(heap, 4 * LINE, 1);
    ok(shmi_heap_resize(heap, 0, 4 * LINE + 1) == -ENOSPC, "no growing into a neighbour");
    ok(shmi_heap_resize(heap, 0, 2 * LINE) == 0 && stats_of(heap).fragments == 2 &&
           take(heap, 2 * LINE, 1) == 2 * LINE,
       "shrinking before a neighbour leaves a hole");
    ok(shmi_heap_resize(heap, 4 * LINE, LINE) == 0 && stats_of(heap).fragments == 1 &&
           stats_of(heap).largest == 11 * LINE,
       "shrinking before a hole widens it");
    ok(shmi_heap_resize(heap, 4 * LINE, 5 * LINE - 3) == 0 && stats_of(heap).largest == 7 * LINE &&
           shmi_heap_find(heap, 4 * LINE, NULL, &len, NULL) && len == 5 * LINE - 3,
       "growing into a hole");
    ok(shmi_heap_resize(heap, 4 * LINE, 12 * LINE + 1) == -ENOSPC &&
           shmi_heap_resize(heap, 4 * LINE, 12 * LINE) == 0 && stats_of(heap).fragments == 0 &&
           stats_of(heap).free == 0,
       "growing over the whole of a hole");
    ok(shmi_heap_resize(heap, 4 * LINE, 12 * LINE - 9) == 0 && stats_of(heap).free == 0 &&
           !shmi_heap_find(heap, 16 * LINE - 1, NULL, NULL, NULL),
       "a length within the last line moves no border");
    ok(shmi_heap_resize(heap, 0, 0) == -EINVAL && shmi_heap_resize(heap, LINE, 8) == -EINVAL &&
           shmi_heap_resize(heap, 16 * LINE, 8) == -EINVAL,
       "no length and no block are -EINVAL");
    ok(stats_of(heap).peak == 16 * LINE, "the peak is remembered");
    shmi_heap_destroy(heap);
}

static void test_find(void)
{
    struct shmi_heap *heap = new_heap(PAGE, PAGE);
    size_t first = 0, offset = 0, start = 1, len = 1;
    long hints = 1;
    shmi_heap_alloc(heap, 100, 1, 3, &first);
    shmi_heap_alloc(heap, 70, 256, -5, &offset);
    ok(!shmi_heap_find(heap, 100, &start, &len, &hints) &&
           !shmi_heap_find(heap, 255, &start, &len, &hints) &&
           !shmi_heap_find(heap, 256 + 70, &start, &len, &hints) &&
           !shmi_heap_find(heap, PAGE, &start, &len, &hints) &&
           !shmi_heap_find(heap, SIZE_MAX, &start, &len, &hints) && start == 1 && len == 1 &&
           hints == 1,
       "nothing is found between blocks and outside the heap");
    ok(shmi_heap_find(heap, 99, &start, &len, &hints) && start == 0 && len == 100 && hints == 3,
       "the last byte of a block is in it");
    ok(shmi_heap_find(heap, 256, &start, &len, &hints) && start == 256 && len == 70 && hints == -5,
       "the first byte of a block is in it");
    shmi_heap_destroy(heap);
}

/* An aligned block in the middle of a hole needs two records: refuse the first, then the second. */
static void test_refused_records(void)
{
    struct shmi_heap *heap = new_heap(8 * PAGE, PAGE);
    take(heap, LINE, 1);
    struct shmi_heap_stats before = stats_of(heap);
    for (int granted = 0; granted < 2; granted++) {
        size_t offset = 7;
        mallocs_until_failure = granted;
        int rc = shmi_heap_alloc(heap, LINE, PAGE, 0, &offset);
        mallocs_until_failure = -1;
        struct shmi_heap_stats after = stats_of(heap);
        ok(rc == -ENOMEM && offset == 7 && same_stats(&before, &after),
           "an allocation with %d of 2 records changes nothing", granted);
    }
    ok(take(heap, LINE, PAGE) == PAGE, "and succeeds later");

    take(heap, 7 * PAGE - LINE, 1);
    before = stats_of(heap);
    mallocs_until_failure = 0;
    int rc = shmi_heap_free(heap, PAGE);
    mallocs_until_failure = -1;
    ok(rc == 0 && stats_of(heap).used == before.used - LINE, "freeing needs no memory");
    shmi_heap_destroy(heap);
}

/* ---- the model ------------------------------------------------------------------------------- */

struct interval {
    size_t start;
    size_t len; /* as asked for */
    long hints;
};

struct model {
    size_t capacity;
    size_t peak;
    size_t n;
    struct interval at[MODEL_MAX];
};

static size_t lines(size_t len)
{
    return (len + LINE - 1) / LINE * LINE;
}

/* Where the gap before interval i begins and ends; the last gap is that before i == n. */
static size_t gap_start(const struct model *model, size_t i)
{
    return i == 0 ? 0 : model->at[i - 1].start + lines(model->at[i - 1].len);
}

static size_t gap_end(const struct model *model, size_t i)
{
    return i == model->n ? model->capacity : model->at[i].start;
}

static struct shmi_heap_stats model_stats(struct model *model)
{
    struct shmi_heap_stats stats = {.capacity = model->capacity, .blocks = model->n};
    for (size_t i = 0; i <= model->n; i++) {
        size_t gap = gap_end(model, i) - gap_start(model, i);
        stats.free += gap;
        stats.fragments += gap != 0;
        stats.largest = shmi_max(stats.largest, gap);
    }
    stats.used = model->capacity - stats.free;
    model->peak = shmi_max(model->peak, stats.used);
    stats.peak = model->peak;
    return stats;
}

static size_t model_alloc(struct model *model, size_t len, size_t align, long hints)
{
    for (size_t i = 0; i <= model->n; i++) {
        size_t unit = shmi_max(align, LINE);
        size_t start = (gap_start(model, i) + unit - 1) / unit * unit;
        if (start + lines(len) > gap_end(model, i))
            continue;
        memmove(&model->at[i + 1], &model->at[i], (model->n - i) * sizeof(model->at[0]));
        model->at[i] = (struct interval){.start = start, .len = len, .hints = hints};
        model->n++;
        return start;
    }
    return failed;
}

static void model_free(struct model *model, size_t i)
{
    model->n--;
    memmove(&model->at[i], &model->at[i + 1], (model->n - i) * sizeof(model->at[0]));
}

static int model_resize(struct model *model, size_t i, size_t len)
{
    if (model->at[i].start + lines(len) > gap_end(model, i + 1))
        return -ENOSPC;
    model->at[i].len = len;
    return 0;
}

/* ---- random calls ---------------------------------------------------------------------------- */

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % n);
}

/* Mostly small, sometimes large: each power of two is as likely as the next. */
static size_t random_len(size_t limit_bits)
{
    return 1 + random_below((size_t)1 << (1 + random_below(limit_bits)));
}

struct fuzz {
    struct model model;
    struct shmi_heap *heap;
    struct shmi_heap *twin;
    size_t len_bits;
    size_t align_bits;
    long refused; /* calls that failed for want of a record */
    long full;    /* and of room */
    const char *wrong;
};

static void check(struct fuzz *fuzz, bool cond, const char *what)
{
    if (!cond && fuzz->wrong == NULL)
        fuzz->wrong = what;
}

static void check_stats(struct fuzz *fuzz)
{
    struct shmi_heap_stats expected = model_stats(&fuzz->model);
    struct shmi_heap_stats mine = stats_of(fuzz->heap);
    struct shmi_heap_stats twins = stats_of(fuzz->twin);
    check(fuzz, same_stats(&expected, &mine), "statistics differ from the model's");
    check(fuzz, same_stats(&expected, &twins), "statistics of the twin differ");
}

/* Now and then one heap, not its twin, is refused a record, and must then be as if never asked. */
static void random_refusal(void)
{
    mallocs_until_failure = random_below(20) == 0 ? (int)random_below(2) : -1;
}

static void fuzz_alloc(struct fuzz *fuzz)
{
    if (fuzz->model.n == MODEL_MAX)
        return;
    size_t len = random_len(fuzz->len_bits);
    size_t align = (size_t)1 << (random_below(4) == 0 ? random_below(fuzz->align_bits + 1) : 0);
    long hints = (long)random_below(16);

    size_t mine = failed, twins = failed;
    random_refusal();
    struct shmi_heap_stats before = stats_of(fuzz->heap);
    int rc = shmi_heap_alloc(fuzz->heap, len, align, hints, &mine);
    bool refusable = mallocs_until_failure == 0;
    mallocs_until_failure = -1;

    size_t expected = model_alloc(&fuzz->model, len, align, hints);
    if (rc == -ENOMEM && refusable && expected != failed) {
        struct shmi_heap_stats after = stats_of(fuzz->heap);
        check(fuzz, same_stats(&before, &after), "a refused allocation changed the heap");
        fuzz->refused++;
        rc = shmi_heap_alloc(fuzz->heap, len, align, hints, &mine);
    }
    check(fuzz, rc == (expected == failed ? -ENOMEM : 0), "an allocation's success");
    check(fuzz, mine == expected, "an allocation's offset");
    fuzz->full += expected == failed;
    rc = shmi_heap_alloc(fuzz->twin, len, align, hints, &twins);
    check(fuzz, twins == expected && rc == (expected == failed ? -ENOMEM : 0), "the twin's offset");
}

static void fuzz_free(struct fuzz *fuzz)
{
    if (fuzz->model.n == 0)
        return;
    size_t i = random_below(fuzz->model.n);
    size_t start = fuzz->model.at[i].start;
    check(fuzz, shmi_heap_free(fuzz->heap, start) == 0, "a free");
    check(fuzz, shmi_heap_free(fuzz->twin, start) == 0, "a free of the twin");
    model_free(&fuzz->model, i);
}

static void fuzz_resize(struct fuzz *fuzz)
{
    if (fuzz->model.n == 0)
        return;
    size_t i = random_below(fuzz->model.n);
    size_t start = fuzz->model.at[i].start;
    size_t room = gap_end(&fuzz->model, i + 1) - start;
    size_t len = random_below(2) == 0 ? random_len(fuzz->len_bits) : room + random_below(2);

    random_refusal();
    struct shmi_heap_stats before = stats_of(fuzz->heap);
    int rc = shmi_heap_resize(fuzz->heap, start, len);
    mallocs_until_failure = -1;
    if (rc == -ENOMEM) {
        struct shmi_heap_stats after = stats_of(fuzz->heap);
        check(fuzz, same_stats(&before, &after), "a refused resize changed the heap");
        fuzz->refused++;
        rc = shmi_heap_resize(fuzz->heap, start, len);
    }
    int expected = model_resize(&fuzz->model, i, len);
    check(fuzz, rc == expected, "a resize");
    check(fuzz, shmi_heap_resize(fuzz->twin, start, len) == expected, "a resize of the twin");
}

/* Ask for any offset: what holds it, and, where no block starts, that it cannot be freed. */
static void fuzz_find(struct fuzz *fuzz)
{
    size_t offset = random_below(fuzz->model.capacity + LINE);
    size_t i = 0;
    while (i < fuzz->model.n && fuzz->model.at[i].start + fuzz->model.at[i].len <= offset)
        i++;
    const struct interval *at = &fuzz->model.at[i];
    bool expected = i < fuzz->model.n && at->start <= offset;

    size_t start = 0, len = 0;
    long hints = 0;
    bool found = shmi_heap_find(fuzz->heap, offset, &start, &len, &hints);
    check(fuzz, found == expected, "whether a block is found");
    check(fuzz, !found || (start == at->start && len == at->len && hints == at->hints),
          "what is found");
    if (expected && at->start == offset)
        return;
    check(fuzz, shmi_heap_free(fuzz->heap, offset) == -EINVAL, "a free where no block starts");
    check(fuzz, shmi_heap_resize(fuzz->heap, offset, 1) == -EINVAL, "a resize where none starts");
}

/* One call.  The share of allocations swings, so that the heap fills, empties and fills again. */
static void fuzz_step(struct fuzz *fuzz, int step)
{
    size_t allocs = step / 3000 % 2 == 0 ? 55 : 25;
    size_t dice = random_below(100);
    if (dice < allocs)
        fuzz_alloc(fuzz);
    else if (dice < 80)
        fuzz_free(fuzz);
    else if (dice < 95)
        fuzz_resize(fuzz);
    else
        fuzz_find(fuzz);
}

static void test_fuzz(uint64_t seed, size_t capacity, size_t len_bits, size_t align_bits)
{
    static struct fuzz fuzz;
    fuzz = (struct fuzz){.model.capacity = capacity - capacity % LINE,
                         .len_bits = len_bits,
                         .align_bits = align_bits};
    fuzz.heap = new_heap(capacity, (size_t)1 << align_bits);
    fuzz.twin = new_heap(capacity, (size_t)1 << align_bits);
    random_state = seed * 0x9e3779b97f4a7c15;

    int step = 0;
    size_t most = 0;
    for (; step < OPERATIONS && fuzz.wrong == NULL; step++) {
        fuzz_step(&fuzz, step);
        check_stats(&fuzz);
        most = shmi_max(most, fuzz.model.n);
    }
    ok(fuzz.wrong == NULL && fuzz.refused > 0 && fuzz.full > 0,
       "seed %d: %d calls, up to %zu blocks, %ld times full, %ld refused records%s%s", (int)seed,
       step, most, fuzz.full, fuzz.refused,
       fuzz.wrong == NULL ? "" : ": wrong: ", fuzz.wrong == NULL ? "" : fuzz.wrong);
    while (fuzz.model.n > 0 && fuzz.wrong == NULL)
        fuzz_free(&fuzz);
    ok(fuzz.wrong == NULL && is_whole(fuzz.heap) && is_whole(fuzz.twin),
       "seed %d: all freed, one hole is left", (int)seed);
    shmi_heap_destroy(fuzz.heap);
    shmi_heap_destroy(fuzz.twin);
}

/* ---- many blocks ----------------------------------------------------------------------------- */

/* Thousands of live blocks, every second neighbour freed: the tree has many holes to look past.
 * The time is told, not judged: machines differ. */
static void test_many(void)
{
    static size_t live[LIVE];
    struct shmi_heap *heap = new_heap((size_t)1 << 32, PAGE);
    random_state = 1;
    for (int i = 0; i < LIVE; i++)
        live[i] = take(heap, random_len(14), 1);

    const int rounds = 200000;
    bool good = true;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < rounds; i++) {
        size_t victim = random_below(LIVE);
        good = good && shmi_heap_free(heap, live[victim]) == 0;
        live[victim] = take(heap, random_len(14), 1);
        good = good && live[victim] != failed;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    printf("# %d live blocks, %zu holes: %.0f ns for a free and an alloc\n", LIVE,
           stats_of(heap).fragments, ns / rounds);
    for (int i = 0; i < LIVE; i++)
        good = good && shmi_heap_free(heap, live[i]) == 0;
    ok(good && is_whole(heap), "%d live blocks come and go", LIVE);
    shmi_heap_destroy(heap);
}

int main(void)
{
    test_init();
    test_first_fit();
    test_coalescing();
    test_alignment();
    test_exhaustion();
    test_resize();
    test_find();
    test_refused_records();
    test_fuzz(1, 1 << 16, 10, 12);
    test_fuzz(2, 1 << 17, 13, 16);
    test_fuzz(3, (1 << 17) + 63, 9, 6);
    test_fuzz(4, 1 << 15, 7, 8);
    test_fuzz(5, 1 << 20, 14, 18);
    test_fuzz(6, 1 << 12, 9, 12);
    test_many();
    return done();
}
