/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rma.c -- section 9.6: remote memory access.
 *
 * Every routine moves blocks of elements: put and get blocks of one element without gaps, iput and
 * iget blocks of one element with strides, ibput and ibget the rest.  A shape says which elements
 * those are.  Each PE moves every shape to (or from) every PE at once, each to its own slot, and
 * then all slots are checked whole, what lies between the blocks and around them too.
 */
#include "conformance.h"
#include "rma_forms.h"

enum { SLOT = 48, MAX_SIZE = 16, GUARD = 0xEE };

struct shape {
    size_t at; /* element of the slot where the destination begins */
    ptrdiff_t dst, sst;
    size_t bsize, nblocks;
};

enum kind { COPIES, STRIDES, BLOCKS_OF_MANY, SINGLES };

static const struct shape copies[] = {
    {0, 1, 1, 1, 0},  {1, 1, 1, 1, 0},  {0, 1, 1, 1, 1},  {1, 1, 1, 1, 1},  {2, 1, 1, 1, 1},
    {3, 1, 1, 1, 1},  {0, 1, 1, 1, 2},  {1, 1, 1, 1, 2},  {3, 1, 1, 1, 3},  {0, 1, 1, 1, 4},
    {5, 1, 1, 1, 5},  {1, 1, 1, 1, 6},  {2, 1, 1, 1, 7},  {0, 1, 1, 1, 8},  {7, 1, 1, 1, 9},
    {1, 1, 1, 1, 15}, {1, 1, 1, 1, 16}, {1, 1, 1, 1, 17}, {3, 1, 1, 1, 31}, {0, 1, 1, 1, 48},
};

static const struct shape strides[] = {
    {0, 1, 1, 1, 0}, {0, 1, 1, 1, 7}, {1, 2, 1, 1, 9},  {0, 1, 2, 1, 9},  {3, 2, 3, 1, 8},
    {2, 5, 1, 1, 5}, {0, 1, 7, 1, 4}, {1, 4, 4, 1, 11}, {0, 9, 13, 1, 1}, {47, 3, 2, 1, 1},
};

static const struct shape blocks[] = {
    {0, 1, 1, 1, 0},  {0, 4, 4, 4, 0},    {0, 4, 4, 0, 3},   {1, 1, 1, 1, 9},
    {0, 2, 2, 2, 5},  {1, 5, 3, 3, 4},    {3, 3, 5, 3, 4},   {2, 10, 9, 7, 4},
    {5, 40, 6, 6, 1}, {0, 12, 12, 12, 4}, {31, 8, 17, 1, 3}, {1, 16, 4, 3, 3},
};

static const struct shape singles[] = {
    {0, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {2, 1, 1, 1, 1}, {7, 1, 1, 1, 1}, {47, 1, 1, 1, 1},
};

static const struct {
    const struct shape *shapes;
    size_t count;
} kinds[] = {
    [COPIES] = {copies, CONFORMANCE_COUNT(copies)},
    [STRIDES] = {strides, CONFORMANCE_COUNT(strides)},
    [BLOCKS_OF_MANY] = {blocks, CONFORMANCE_COUNT(blocks)},
    [SINGLES] = {singles, CONFORMANCE_COUNT(singles)},
};

enum { MAX_SHAPES = CONFORMANCE_COUNT(copies), SHARE = MAX_SHAPES * SLOT * MAX_SIZE };

/* Where a test does its work: context, and the numbers that PEs have there. */
struct where {
    const char *name;
    shmem_ctx_t ctx;
    shmem_team_t team;
};

/* What the source's element i holds at this PE; small enough for every type, exact in all. */
static int value(int pe, size_t shape, size_t i)
{
    return (int)((size_t)pe * 29 + shape * 11 + i * 3) % 113 + 1;
}

static bool is_guard(const struct form *form, const unsigned char *at)
{
    for (size_t i = 0; i < form->size; i++) {
        if (at[i] != GUARD) {
            return false;
        }
    }
    return true;
}

/* Is this form tried on this shape?  A slot is left as it was where not. */
static bool is_tried(const struct form *form, enum kind kind, size_t shape)
{
    return conformance_tries((size_t)(form - forms), shape, kinds[kind].count);
}

/* Does the slot hold what this shape took from that PE's source, and nothing else? */
static void check_slot(const struct form *form, enum kind kind, size_t shape, int from,
                       const unsigned char *slot, const char *where)
{
    const struct shape *s = &kinds[kind].shapes[shape];
    const bool tried = is_tried(form, kind, shape);
    for (size_t i = 0; i < SLOT; i++) {
        size_t k = i - s->at; /* huge before the beginning */
        size_t block = k / (size_t)s->dst;
        size_t in = k % (size_t)s->dst;
        bool written = tried && i >= s->at && block < s->nblocks && in < s->bsize;

        const unsigned char *at = slot + i * form->size;
        bool good = written ? form->is(at, value(from, shape, block * (size_t)s->sst + in))
                            : is_guard(form, at);
        if (!check(good, "%s, %s: shape %zu of PE %d: element %zu is wrong, to be %s", form->name,
                   where, shape, from, i, written ? "written" : "left alone")) {
            return;
        }
    }
}

static void fill_sources(const struct form *form, enum kind kind, unsigned char *source)
{
    for (size_t shape = 0; shape < kinds[kind].count; shape++) {
        for (size_t i = 0; i < SLOT; i++) {
            form->set(source + (shape * SLOT + i) * form->size, value(shmem_my_pe(), shape, i));
        }
    }
}

/* One call of whatever moves this kind of shape; nbi only where there is such a routine. */
static void move(const struct form *form, enum kind kind, bool is_put, bool nbi, shmem_ctx_t ctx,
                 unsigned char *dest, const unsigned char *source, size_t shape, int pe)
{
    const struct shape *s = &kinds[kind].shapes[shape];
    unsigned char *d = dest + (shape * SLOT + s->at) * form->size;
    const unsigned char *from = source + shape * SLOT * form->size;

    switch (kind) {
    case COPIES: {
        copy_fn *blocking = is_put ? form->put : form->get;
        copy_fn *non_blocking = is_put ? form->put_nbi : form->get_nbi;
        (nbi ? non_blocking : blocking)(ctx, d, from, s->nblocks, pe);
        break;
    }
    case SINGLES:
        (is_put ? form->p : form->g)(ctx, d, from, 1, pe);
        break;
    case STRIDES:
        (is_put ? form->iput : form->iget)(ctx, d, from, s->dst, s->sst, 1, s->nblocks, pe);
        break;
    case BLOCKS_OF_MANY:
        (is_put ? form->ibput : form->ibget)(ctx, d, from, s->dst, s->sst, s->bsize, s->nblocks,
                                             pe);
        break;
    }
}

static bool has(const struct form *form, enum kind kind)
{
    return kind == COPIES || (kind == SINGLES && form->p != NULL) ||
           ((kind == STRIDES || kind == BLOCKS_OF_MANY) && form->iput != NULL);
}

/* Every PE puts every shape to every PE; in dest, each source PE has its share. */
static void put_round(const struct form *form, enum kind kind, bool nbi, const struct where *where,
                      unsigned char *dest, unsigned char *source)
{
    int n = shmem_team_n_pes(where->team);
    int me = shmem_my_pe();
    fill_sources(form, kind, source);
    memset(dest, GUARD, (size_t)shmem_n_pes() * SHARE);
    shmem_barrier_all();

    for (int i = 0; i < n; i++) {
        int pe = (shmem_team_my_pe(where->team) + i) % n;
        for (size_t shape = 0; shape < kinds[kind].count; shape++) {
            if (is_tried(form, kind, shape)) {
                move(form, kind, true, nbi, where->ctx, dest + (size_t)me * SHARE, source, shape,
                     pe);
            }
        }
    }
    shmem_ctx_quiet(where->ctx);
    shmem_barrier_all();

    for (int pe = 0; pe < shmem_n_pes(); pe++) {
        for (size_t shape = 0; shape < kinds[kind].count; shape++) {
            check_slot(form, kind, shape, pe, dest + (size_t)pe * SHARE + shape * SLOT * form->size,
                       where->name);
        }
    }
    shmem_barrier_all();
}

/* Every PE gets every shape from every PE into memory of its own. */
static void get_round(const struct form *form, enum kind kind, bool nbi, const struct where *where,
                      unsigned char *dest, unsigned char *source)
{
    int n = shmem_team_n_pes(where->team);
    fill_sources(form, kind, source);
    memset(dest, GUARD, (size_t)shmem_n_pes() * SHARE);
    shmem_barrier_all();

    for (int pe = 0; pe < n; pe++) {
        int world = shmem_team_translate_pe(where->team, pe, SHMEM_TEAM_WORLD);
        for (size_t shape = 0; shape < kinds[kind].count; shape++) {
            if (is_tried(form, kind, shape)) {
                move(form, kind, false, nbi, where->ctx, dest + (size_t)world * SHARE, source,
                     shape, pe);
            }
        }
    }
    if (nbi) {
        shmem_ctx_quiet(where->ctx);
    }
    for (int pe = 0; pe < shmem_n_pes(); pe++) {
        for (size_t shape = 0; shape < kinds[kind].count; shape++) {
            check_slot(form, kind, shape, pe, dest + (size_t)pe * SHARE + shape * SLOT * form->size,
                       where->name);
        }
    }
    shmem_barrier_all();
}

/* A test over all forms, in the default context, in one of its own, and in one of a team in which
 * the PEs have other numbers. */
static void over_all(enum kind kind, bool is_put, bool nbi)
{
    int n = shmem_n_pes();
    const bool is_far = conformance_slowness() > 1; /* each form in one place is enough then */
    struct where places[] = {
        {"default context", SHMEM_CTX_DEFAULT, SHMEM_TEAM_WORLD},
        {"own context", SHMEM_CTX_INVALID, SHMEM_TEAM_WORLD},
        {"context of a team", SHMEM_CTX_INVALID, SHMEM_TEAM_INVALID},
    };
    check(shmem_ctx_create(SHMEM_CTX_PRIVATE, &places[1].ctx) == 0, "ctx_create");
    shmem_team_config_t config = {.num_contexts = 1};
    check(shmem_team_split_strided(SHMEM_TEAM_WORLD, n - 1, -1, n, &config, SHMEM_TEAM_NUM_CONTEXTS,
                                   &places[2].team) == 0,
          "split_strided");
    check(shmem_team_create_ctx(places[2].team, 0, &places[2].ctx) == 0, "team_create_ctx");

    /* Shared memory on one side; on the other, where any memory will do, that of malloc. */
    unsigned char *symmetric = shmem_malloc((size_t)n * SHARE);
    unsigned char *private = malloc((size_t)n * SHARE);
    for (size_t i = 0; i < CONFORMANCE_COUNT(forms); i++) {
        if (!has(&forms[i], kind)) {
            continue;
        }
        for (size_t w = 0; w < (forms[i].takes_ctx ? CONFORMANCE_COUNT(places) : 1); w++) {
            if (is_far && forms[i].takes_ctx && w != i % CONFORMANCE_COUNT(places)) {
                continue;
            }
            if (is_put) {
                put_round(&forms[i], kind, nbi, &places[w], symmetric, private);
            } else {
                get_round(&forms[i], kind, nbi, &places[w], private, symmetric);
            }
        }
    }
    free(private);
    shmem_free(symmetric);
    shmem_ctx_destroy(places[1].ctx);
    shmem_ctx_destroy(places[2].ctx);
    shmem_team_destroy(places[2].team);
}

static void put(void)
{
    over_all(COPIES, true, false);
}

static void put_nbi(void)
{
    over_all(COPIES, true, true);
}

static void get(void)
{
    over_all(COPIES, false, false);
}

static void get_nbi(void)
{
    over_all(COPIES, false, true);
}

static void p(void)
{
    over_all(SINGLES, true, false);
}

static void g(void)
{
    over_all(SINGLES, false, false);
}

static void iput(void)
{
    over_all(STRIDES, true, false);
}

static void iget(void)
{
    over_all(STRIDES, false, false);
}

static void ibput(void)
{
    over_all(BLOCKS_OF_MANY, true, false);
}

static void ibget(void)
{
    over_all(BLOCKS_OF_MANY, false, false);
}

/* Length 0 needs no memory, in any form. */
static void nothing(void)
{
    int next = (shmem_my_pe() + 1) % shmem_n_pes();
    for (size_t i = 0; i < CONFORMANCE_COUNT(forms); i++) {
        const struct form *form = &forms[i];
        form->put(SHMEM_CTX_DEFAULT, NULL, NULL, 0, next);
        form->get(SHMEM_CTX_DEFAULT, NULL, NULL, 0, next);
        form->put_nbi(SHMEM_CTX_DEFAULT, NULL, NULL, 0, next);
        form->get_nbi(SHMEM_CTX_DEFAULT, NULL, NULL, 0, next);
        if (form->iput != NULL) {
            form->iput(SHMEM_CTX_DEFAULT, NULL, NULL, 1, 1, 1, 0, next);
            form->iget(SHMEM_CTX_DEFAULT, NULL, NULL, 1, 1, 1, 0, next);
            form->ibput(SHMEM_CTX_DEFAULT, NULL, NULL, 1, 1, 1, 0, next);
            form->ibget(SHMEM_CTX_DEFAULT, NULL, NULL, 1, 1, 1, 0, next);
        }
    }
    shmem_quiet();
}

/* Variables of the program, those with a value and those without, on either side. */
static unsigned char bss_bytes[8 * SHARE];
static unsigned char data_bytes[8 * SHARE] = {1};

/* A static variable that is const is the same on all PEs, and may lie where nothing is written. */
static const long constant[300] = {[0] = 17, [299] = 18};

static void constants(void)
{
    long here[300];
    for (int pe = 0; pe < shmem_n_pes(); pe++) {
        memset(here, 0, sizeof(here));
        shmem_long_get(here, constant, 300, pe);
        check(memcmp(here, constant, sizeof(here)) == 0, "get of PE %d: %ld %ld", pe, here[0],
              here[299]);
        check(shmem_long_g(&constant[299], pe) == 18, "g of PE %d", pe);
    }
}

static void static_data(void)
{
    struct where where = {"static data", SHMEM_CTX_DEFAULT, SHMEM_TEAM_WORLD};
    if (shmem_n_pes() > 8) {
        skip("the arrays are for 8 PEs");
        return;
    }
    for (size_t i = 0; i < CONFORMANCE_COUNT(forms); i += 3) {
        for (enum kind kind = COPIES; kind <= SINGLES; kind++) {
            if (has(&forms[i], kind) && conformance_tries(i / 3, kind, CONFORMANCE_COUNT(kinds))) {
                put_round(&forms[i], kind, false, &where, bss_bytes, data_bytes);
                get_round(&forms[i], kind, false, &where, data_bytes, bss_bytes);
                put_round(&forms[i], kind, true, &where, data_bytes, bss_bytes);
                get_round(&forms[i], kind, true, &where, bss_bytes, data_bytes);
            }
        }
    }
}

static unsigned char byte_of(int pe, size_t i)
{
    return (unsigned char)(i * 2654435761u >> 11 ^ (i >> 3) ^ (size_t)pe * 77);
}

/* The first wrong byte, or len. */
static size_t first_wrong(const unsigned char *bytes, int pe, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != byte_of(pe, i)) {
            return i;
        }
    }
    return len;
}

/* Lengths around the powers of two at which a library changes how it does it, at odd addresses. */
static void large(void)
{
    enum { LARGEST = 3 << 20 };
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    int next = (me + 1) % n;
    const size_t largest = (size_t)conformance_few(LARGEST, LARGEST / 20);
    unsigned char *symmetric = shmem_malloc(LARGEST + 64);
    unsigned char *source = malloc(LARGEST);
    unsigned char *back = malloc(LARGEST + 64);
    for (size_t i = 0; i < LARGEST; i++) {
        source[i] = byte_of(me, i);
    }
    for (size_t len = 64; len <= largest; len *= len < 4096 ? 2 : 5) {
        for (size_t odd = 0; odd < 3; odd++) {
            size_t exact = len - 1 + odd; /* one less, the power, one more */
            memset(symmetric, GUARD, exact + 64);
            memset(back, GUARD, exact + 64);
            shmem_barrier_all();
            shmem_putmem(symmetric + 1 + odd, source, exact, next);
            shmem_barrier_all();
            size_t wrong = first_wrong(symmetric + 1 + odd, (me + n - 1) % n, exact);
            check(wrong == exact && symmetric[odd] == GUARD && symmetric[1 + odd + exact] == GUARD,
                  "put of %zu: byte %zu", exact, wrong);

            shmem_getmem_nbi(back + 3, symmetric + 1 + odd, exact, next);
            shmem_quiet();
            wrong = first_wrong(back + 3, me, exact);
            check(wrong == exact && back[2] == GUARD && back[3 + exact] == GUARD,
                  "get of %zu: byte %zu", exact, wrong);
            shmem_barrier_all();
        }
    }
    shmem_free(symmetric);
    free(source);
    free(back);
}

/* Thousands of transfers under way at once, completed by one quiet. */
static void many(void)
{
    const int many_words = conformance_rounds(20000);
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    long *words = shmem_malloc(sizeof(long) * many_words * 2);
    long *mine = malloc(sizeof(long) * many_words * 2);
    for (long i = 0; i < many_words; i++) {
        mine[i] = i * n + me;
        mine[many_words + i] = -1;
        words[i] = words[many_words + i] = -1;
    }
    shmem_barrier_all();
    for (long i = 0; i < many_words; i++) {
        shmem_long_put_nbi(&words[i], &mine[i], 1, (int)((me + i) % n));
    }
    shmem_barrier_all();
    for (long i = 0; i < many_words; i++) {
        int from = (int)(((me - i) % n + n) % n);
        if (!check(words[i] == i * n + from, "word %ld is %ld", i, words[i])) {
            break;
        }
        shmem_long_get_nbi(&mine[many_words + i], &words[i], 1, (int)((me + i) % n));
    }
    shmem_quiet();
    for (long i = 0; i < many_words; i++) {
        long got = mine[many_words + i];
        if (!check(got == i * n + me, "got %ld for word %ld", got, i)) {
            break;
        }
    }
    shmem_barrier_all();
    shmem_free(words);
    free(mine);
}

/* A blocking put's source may be changed as soon as it returns; a put is in place after quiet. */
static void reuse(void)
{
    enum { LEN = 1000 };
    const int rounds = conformance_few(200, 50);
    int me = shmem_my_pe();
    int next = (me + 1) % shmem_n_pes();
    unsigned char *dest = shmem_malloc((size_t)rounds * LEN);
    unsigned char source[LEN], back[LEN];
    for (int i = 0; i < rounds; i++) {
        memset(source, i, LEN);
        shmem_putmem(dest + i * LEN, source, LEN, next);
    }
    memset(source, GUARD, LEN);
    shmem_quiet();
    for (int i = 0; i < rounds; i++) {
        shmem_getmem(back, dest + i * LEN, LEN, next);
        check(back[0] == i && memcmp(back, back + 1, LEN - 1) == 0, "put %d carries other data", i);
    }
    shmem_barrier_all();
    shmem_free(dest);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"put of every type, size and form", put},
        {"get of every type, size and form", get},
        {"p", p},
        {"g", g},
        {"iput", iput},
        {"iget", iget},
        {"ibput", ibput},
        {"ibget", ibget},
        {"put_nbi", put_nbi},
        {"get_nbi", get_nbi},
        {"nothing to move", nothing},
        {"static data", static_data},
        {"constants", constants},
        {"large and at odd addresses", large},
        {"many at once", many},
        {"source reused after put", reuse},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
