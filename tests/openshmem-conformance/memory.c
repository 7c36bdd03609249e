/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.c -- section 9.3: memory management.
 */
#include "conformance.h"

static unsigned char pattern(size_t block, size_t i)
{
    return (unsigned char)(block * 37 + i * 11 + 1);
}

static void fill(unsigned char *bytes, size_t block, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = pattern(block, i);
    }
}

static bool holds(const unsigned char *bytes, size_t block, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != pattern(block, i)) {
            return false;
        }
    }
    return true;
}

/* Is this address the same object on all PEs?  Write through it to the next PE and look. */
static void check_symmetric(void *block, size_t len, const char *what)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    if (len < sizeof(int)) {
        return;
    }
    int first = -1, last = -1;
    int *end = (int *)((char *)block + (len - sizeof(int)) / sizeof(int) * sizeof(int));
    shmem_barrier_all();
    shmem_int_p(end, 5000 + me, (me + 1) % n);
    shmem_int_p(block, 4000 + me, (me + 1) % n);
    shmem_barrier_all();
    memcpy(&first, block, sizeof(first));
    memcpy(&last, end, sizeof(last));
    check(first == 4000 + (me + n - 1) % n, "%s of %zu: first word %d", what, len, first);
    check(end == block || last == 5000 + (me + n - 1) % n, "%s of %zu: last word %d", what, len,
          last);
    shmem_barrier_all();
}

static void allocate(void)
{
    for (size_t len = 1; len < 3000000; len = len * 3 + 1) {
        unsigned char *block = shmem_malloc(len);
        if (!check(block != NULL, "malloc of %zu", len)) {
            return;
        }
        check((uintptr_t)block % sizeof(long) == 0, "malloc of %zu is not aligned", len);
        check(shmem_addr_accessible(block, shmem_n_pes() - 1) == 1, "not symmetric: %zu", len);
        fill(block, len, len);
        check(holds(block, len, len), "malloc of %zu does not hold its bytes", len);
        check_symmetric(block, len, "malloc");
        shmem_free(block);
    }
}

static void nothing(void)
{
    check(shmem_malloc(0) == NULL, "malloc(0)");
    check(shmem_calloc(0, 8) == NULL, "calloc(0, 8)");
    check(shmem_calloc(8, 0) == NULL, "calloc(8, 0)");
    check(shmem_align(64, 0) == NULL, "align(64, 0)");
    check(shmem_malloc_with_hints(0, SHMEM_MALLOC_ATOMICS_REMOTE) == NULL, "with_hints(0)");
    check(shmem_realloc(NULL, 0) == NULL, "realloc(NULL, 0)");
    shmem_free(NULL);

    /* None of them is a barrier: each PE may call them by itself. */
    if (shmem_my_pe() == 0) {
        check(shmem_malloc(0) == NULL, "malloc(0) on one PE");
        shmem_free(NULL);
    }
    void *block = shmem_malloc(100);
    check(shmem_realloc(block, 0) == NULL, "realloc(block, 0)");
}

static void zeroed(void)
{
    unsigned char *dirty = shmem_malloc(100000);
    memset(dirty, 0xAA, 100000);
    shmem_free(dirty);
    unsigned char *block = shmem_calloc(25000, 4);
    size_t i = 0;
    for (; block != NULL && i < 100000 && block[i] == 0; i++) {
    }
    check(i == 100000, "byte %zu of calloc is not 0", i);
    check_symmetric(block, 100000, "calloc");
    shmem_free(block);

    /* Zeroes are there before others write: malloc of calloc's end is a barrier. */
    const int rounds = conformance_few(50, 10);
    for (int round = 0; round < rounds; round++) {
        int *words = shmem_calloc((size_t)shmem_n_pes(), sizeof(int));
        for (int pe = 0; pe < shmem_n_pes(); pe++) {
            shmem_int_p(&words[shmem_my_pe()], 1, pe);
        }
        shmem_barrier_all();
        for (int pe = 0; pe < shmem_n_pes(); pe++) {
            check(words[pe] == 1, "round %d: the write of PE %d was zeroed", round, pe);
        }
        shmem_free(words);
    }
    check(shmem_calloc(SIZE_MAX / 2, 4) == NULL, "calloc of more than there are bytes");
}

static void aligned(void)
{
    void *keep[24] = {NULL};
    for (size_t i = 0; i <= 20; i++) {
        size_t alignment = (size_t)1 << i;
        if (alignment < sizeof(void *)) {
            continue;
        }
        keep[i] = shmem_align(alignment, 1000 + i);
        if (check(keep[i] != NULL, "align(%zu)", alignment)) {
            check((uintptr_t)keep[i] % alignment == 0, "align(%zu) gave %p", alignment, keep[i]);
            fill(keep[i], i, 1000 + i);
        }
    }
    for (size_t i = 0; i <= 20; i++) {
        check(keep[i] == NULL || holds(keep[i], i, 1000 + i), "block %zu was overwritten", i);
        shmem_free(keep[i]);
    }
    unsigned char *block = shmem_align(4096, 5000);
    check_symmetric(block, 5000, "align");
    shmem_free(block);
    check(shmem_align(0, 100) == NULL, "alignment 0 is refused");
    check(shmem_align(3, 100) == NULL, "alignment 3 is refused");
    check(getenv("SHMEM_CHECK") != NULL || shmem_realloc(block, 100) == NULL,
          "realloc of a freed block is refused");
}

static void hints(void)
{
    static const long all[] = {0, SHMEM_MALLOC_ATOMICS_REMOTE, SHMEM_MALLOC_SIGNAL_REMOTE,
                               SHMEM_MALLOC_ATOMICS_REMOTE | SHMEM_MALLOC_SIGNAL_REMOTE,
                               /* bits that nobody defines ask for nothing */
                               ~SHMEM_MALLOC_ATOMICS_REMOTE, -1};
    for (size_t i = 0; i < CONFORMANCE_COUNT(all); i++) {
        uint64_t *words = shmem_malloc_with_hints(80, all[i]);
        if (!check(words != NULL, "hints %ld", all[i])) {
            continue;
        }
        memset(words, 0, 80);
        shmem_barrier_all();
        shmem_uint64_atomic_add(&words[9], 3, (shmem_my_pe() + 1) % shmem_n_pes());
        shmem_barrier_all();
        check(words[9] == 3, "hints %ld: atomics do not work", all[i]);
        words = shmem_realloc(words, 8000);
        check(words != NULL && words[9] == 3, "hints %ld: realloc", all[i]);
        shmem_free(words);
    }
}

static void resized(void)
{
    unsigned char *block = shmem_realloc(NULL, 100);
    check(block != NULL, "realloc(NULL, 100)");
    fill(block, 1, 100);
    unsigned char *other = shmem_malloc(64); /* in the way */
    fill(other, 2, 64);

    static const size_t sizes[] = {200, 100, 5000, 100, 1000000, 300, 301, 1, 100};
    size_t kept = 100;
    for (size_t i = 0; i < CONFORMANCE_COUNT(sizes); i++) {
        block = shmem_realloc(block, sizes[i]);
        kept = kept < sizes[i] ? kept : sizes[i];
        if (!check(block != NULL, "realloc to %zu", sizes[i])) {
            return;
        }
        check(holds(block, 1, kept), "realloc to %zu lost the contents", sizes[i]);
        check_symmetric(block, sizes[i], "realloc");
        fill(block, 1, sizes[i]);
        kept = sizes[i];
    }
    check(holds(other, 2, 64), "realloc overwrote another block");

    /* One that cannot be leaves the block as it is. */
    fill(block, 1, kept);
    check(shmem_realloc(block, SIZE_MAX / 4) == NULL, "realloc to %zu", SIZE_MAX / 4);
    check(holds(block, 1, kept), "a failed realloc lost the contents");
    shmem_free(block);
    shmem_free(other);
}

/* Allocations end, and frees begin, with a barrier. */
static void barriers(void)
{
    int n = shmem_n_pes();
    int next = (shmem_my_pe() + 1) % n;
    int *word = shmem_malloc(sizeof(int));
    const int rounds = conformance_few(100, 10);
    for (int round = 0; round < rounds; round++) {
        *word = -1;
        shmem_barrier_all();
        shmem_int_p(word, round, next);
        void *block = shmem_malloc(16); /* completes the put, on all PEs */
        check(*word == round, "round %d: malloc is no barrier: %d", round, *word);
        shmem_barrier_all();
        shmem_int_p(word, -round, next);
        shmem_free(block);
        check(*word == -round, "round %d: free is no barrier: %d", round, *word);
    }
    shmem_free(word);
}

/* All of the heap in pieces; then NULL, on all PEs; then all of it again. */
static void exhausted(void)
{
    enum { PIECE = 4 << 20, MOST = 100000 };
    check(shmem_malloc(SIZE_MAX) == NULL, "malloc(SIZE_MAX)");
    check(shmem_malloc(SIZE_MAX / 2) == NULL, "malloc(SIZE_MAX / 2)");
    check(shmem_align(4096, SIZE_MAX - 4096) == NULL, "align(4096, nearly SIZE_MAX)");
    check(shmem_calloc(SIZE_MAX, SIZE_MAX) == NULL, "calloc(SIZE_MAX, SIZE_MAX)");

    int had = 0;
    void **pieces = calloc(MOST, sizeof(void *));
    for (int round = 0; round < 2; round++) {
        int count = 0;
        while (count < MOST && (pieces[count] = shmem_malloc(PIECE)) != NULL) {
            memset((char *)pieces[count] + PIECE - 8, 1, 8);
            count++;
        }
        check(count > 0 && count < MOST, "%d pieces", count);
        check(round == 0 || count == had, "at first %d pieces, then %d", had, count);
        had = count;

        /* The rest still works, and smaller blocks may still be had. */
        int *word = shmem_ptr(pieces[0], shmem_my_pe());
        *word = -1;
        shmem_barrier_all();
        shmem_int_p(pieces[0], round, (shmem_my_pe() + 1) % shmem_n_pes());
        shmem_barrier_all();
        check(*word == round, "put after exhaustion: %d", *word);

        /* What is freed in the middle can be had again. */
        shmem_free(pieces[count / 2]);
        pieces[count / 2] = shmem_malloc(PIECE);
        check(pieces[count / 2] != NULL, "a freed piece is lost");
        for (int i = 0; i < count; i++) {
            shmem_free(pieces[i]);
        }
        void *all = shmem_malloc((size_t)count * PIECE);
        check(all != NULL, "the freed pieces do not join: %d of %d bytes", count, PIECE);
        shmem_free(all);
    }
    free(pieces);
}

/* A little random, the same on all PEs. */
static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Many blocks of mixed sizes, freed in another order: no two overlap, all are symmetric. */
static void many(void)
{
    enum { BLOCKS = 200 };
    const int steps = conformance_few(1500, 200);
    static unsigned char *block[BLOCKS];
    static size_t size[BLOCKS];
    unsigned state = 12345;
    for (int step = 0; step < steps; step++) {
        size_t i = next_random(&state) % BLOCKS;
        if (block[i] != NULL) {
            if (!check(holds(block[i], i, size[i]), "step %d: block %zu was overwritten", step,
                       i)) {
                return;
            }
            shmem_free(block[i]);
            block[i] = NULL;
            continue;
        }
        size[i] = next_random(&state) % (step % 10 == 0 ? 60000 : 500) + 1;
        block[i] =
            step % 3 == 0 ? shmem_align((size_t)8 << step % 7, size[i]) : shmem_malloc(size[i]);
        if (!check(block[i] != NULL, "step %d: %zu bytes", step, size[i])) {
            return;
        }
        fill(block[i], i, size[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (block[i] != NULL) {
            check(holds(block[i], i, size[i]), "block %zu was overwritten", i);
            check_symmetric(block[i], size[i], "one of many");
            shmem_free(block[i]);
            block[i] = NULL;
        }
    }
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"malloc", allocate},
        {"zero sizes and NULL", nothing},
        {"calloc", zeroed},
        {"align", aligned},
        {"malloc_with_hints", hints},
        {"realloc", resized},
        {"implied barriers", barriers},
        {"exhaustion", exhausted},
        {"many blocks", many},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
