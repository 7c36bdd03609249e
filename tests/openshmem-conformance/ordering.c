/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ordering.c -- 9.12: fence, quiet, pe_quiet, on the default and on other contexts.
 *
 * The litmus tests run free, thousands of times: the writer writes ever growing numbers, and the
 * reader checks that whoever sees the flag sees at least that of the data.
 */
#include "conformance.h"

enum { ROUNDS = 20000, WORDS = 64 };

static long data[WORDS];
static long far_data[1 << 16]; /* long enough to leave caches and to be cut into pieces */
static long flag;
static long done;

static void reset(void)
{
    memset(data, 0, sizeof(data));
    memset(far_data, 0, sizeof(far_data));
    flag = 0;
    done = 0;
    shmem_barrier_all();
}

/* PE 0 writes, all others read.  Alone, PE 0 does both, which must work too. */
static int target(void)
{
    return conformance_n() - 1;
}

/* ---- message passing: data, fence, flag --------------------------------------------------- */

typedef void writer(shmem_ctx_t ctx, long round, int pe);

/* All words of data are at least what the flag says; and none is more than a round ahead of the
 * last flag that there will be. */
static void read_messages(long rounds)
{
    for (long seen = 0; seen < rounds;) {
        shmem_long_wait_until(&flag, SHMEM_CMP_GT, seen);
        seen = __atomic_load_n(&flag, __ATOMIC_ACQUIRE);
        for (int i = 0; i < WORDS; i++) {
            long word = __atomic_load_n(&data[i], __ATOMIC_RELAXED);
            if (!check(word >= seen && word <= rounds, "flag %ld, but word %d is %ld", seen, i,
                       word)) {
                return;
            }
        }
    }
}

static void message_passing_on(shmem_ctx_t ctx, writer *write, long rounds)
{
    reset();
    if (conformance_me() == 0) {
        for (long round = 1; round <= rounds; round++) {
            write(ctx, round, target());
        }
    }
    shmem_ctx_quiet(ctx);
    if (conformance_me() == target()) {
        read_messages(rounds);
    }
    shmem_barrier_all();
}

static void message_passing(writer *write)
{
    message_passing_on(SHMEM_CTX_DEFAULT, write, conformance_rounds(ROUNDS));
    static const long options[] = {0, SHMEM_CTX_SERIALIZED, SHMEM_CTX_PRIVATE};
    for (size_t i = 0; i < CONFORMANCE_COUNT(options); i++) {
        shmem_ctx_t ctx;
        if (shmem_ctx_create(options[i], &ctx) != 0) {
            ctx = SHMEM_CTX_DEFAULT;
        }
        message_passing_on(ctx, write, conformance_rounds(ROUNDS / 4));
        if (ctx != SHMEM_CTX_DEFAULT) {
            shmem_ctx_destroy(ctx);
        }
    }
}

static void put_fence_put(shmem_ctx_t ctx, long round, int pe)
{
    long words[WORDS];
    for (int i = 0; i < WORDS; i++) {
        words[i] = round;
    }
    shmem_ctx_long_put(ctx, data, words, WORDS, pe);
    shmem_ctx_fence(ctx);
    shmem_ctx_long_p(ctx, &flag, round, pe);
}

static void single_words_fence_atomic(shmem_ctx_t ctx, long round, int pe)
{
    for (int i = WORDS - 1; i >= 0; i--) {
        shmem_ctx_long_p(ctx, &data[i], round, pe);
    }
    shmem_ctx_fence(ctx);
    shmem_ctx_long_atomic_set(ctx, &flag, round, pe);
}

static void nbi_fence_atomic(shmem_ctx_t ctx, long round, int pe)
{
    static long sources[16][WORDS]; /* not written again before it is quiet */
    long *words = sources[round % 16];
    if (round % 16 == 0) {
        shmem_ctx_quiet(ctx);
    }
    for (int i = 0; i < WORDS; i++) {
        words[i] = round;
    }
    shmem_ctx_long_put_nbi(ctx, data, words, WORDS, pe);
    shmem_ctx_fence(ctx);
    shmem_ctx_long_atomic_inc(ctx, &flag, pe);
}

static void atomics_fence_put(shmem_ctx_t ctx, long round, int pe)
{
    for (int i = 0; i < WORDS; i++) {
        if (i % 2 == 0) {
            shmem_ctx_long_atomic_add(ctx, &data[i], 1, pe);
        } else {
            (void)shmem_ctx_long_atomic_swap(ctx, &data[i], round, pe);
        }
    }
    shmem_ctx_fence(ctx);
    shmem_ctx_long_p(ctx, &flag, round, pe);
}

static void strided_quiet_put(shmem_ctx_t ctx, long round, int pe)
{
    long words[WORDS];
    for (int i = 0; i < WORDS; i++) {
        words[i] = round;
    }
    shmem_ctx_long_iput(ctx, data, words, 2, 2, WORDS / 2, pe);
    shmem_ctx_long_iput(ctx, data + 1, words, 2, 1, WORDS / 2, pe);
    shmem_ctx_quiet(ctx);
    shmem_ctx_long_p(ctx, &flag, round, pe);
}

static void messages_put_put(void)
{
    message_passing(put_fence_put);
}

static void messages_p_atomic(void)
{
    message_passing(single_words_fence_atomic);
}

static void messages_nbi_atomic(void)
{
    message_passing(nbi_fence_atomic);
}

static void messages_atomics_put(void)
{
    message_passing(atomics_fence_put);
}

static void messages_strided(void)
{
    message_passing(strided_quiet_put);
}

/* Plain stores through shmem_ptr are ordered by fence with what follows. */
static void stores_fence_put(shmem_ctx_t ctx, long round, int pe)
{
    long *theirs = (long *)shmem_ptr(data, pe);
    for (int i = 0; i < WORDS; i++) {
        __atomic_store_n(&theirs[i], round, __ATOMIC_RELAXED);
    }
    shmem_ctx_fence(ctx);
    shmem_ctx_long_p(ctx, &flag, round, pe);
}

static void messages_stores(void)
{
    if (shmem_ptr(data, target()) == NULL || shmem_ptr(data, 0) == NULL) {
        skip("the PEs share no memory");
        return;
    }
    message_passing_on(SHMEM_CTX_DEFAULT, stores_fence_put, ROUNDS);
}

/* Long data, where copying takes many steps. */
static void long_messages(void)
{
    const int rounds = conformance_rounds(200);
    enum { LONG = 1 << 16 };
    reset();
    static long source[1 << 16];
    for (long round = 1; round <= rounds; round++) {
        if (conformance_me() == 0) {
            source[0] = source[LONG / 2] = source[LONG - 1] = round;
            shmem_long_put(far_data, source, LONG, target());
            shmem_fence();
            shmem_long_p(&flag, round, target());
        }
        if (conformance_me() == target()) {
            shmem_long_wait_until(&flag, SHMEM_CMP_GE, round);
            check(far_data[0] == round && far_data[LONG / 2] == round &&
                      far_data[LONG - 1] == round,
                  "round %ld: %ld, %ld, %ld", round, far_data[0], far_data[LONG / 2],
                  far_data[LONG - 1]);
            shmem_long_atomic_set(&done, round, 0);
        }
        if (conformance_me() == 0) {
            shmem_long_wait_until(&done, SHMEM_CMP_GE, round);
        }
    }
    shmem_barrier_all();
}

/* ---- quiet: what is complete is seen by everybody ---------------------------------------- */

/* PE 0 puts into PE 1, completes, and tells PE 2, which looks at PE 1. */
static void told_by_a_third(void (*complete)(int pe))
{
    const int rounds = conformance_rounds(3000);
    int n = conformance_n();
    int me = conformance_me();
    int keeper = 1 % n;
    int reader = 2 % n;
    reset();
    for (long round = 1; round <= rounds; round++) {
        if (me == 0) {
            long words[WORDS];
            for (int i = 0; i < WORDS; i++) {
                words[i] = round;
            }
            shmem_long_put_nbi(data, words, WORDS, keeper);
            complete(keeper);
            shmem_long_p(&flag, round, reader);
        }
        if (me == reader) {
            long words[WORDS];
            shmem_long_wait_until(&flag, SHMEM_CMP_GE, round);
            shmem_long_get(words, data, WORDS, keeper);
            for (int i = 0; i < WORDS; i++) {
                check(words[i] == round, "round %ld: word %d is %ld", round, i, words[i]);
            }
            shmem_long_atomic_set(&done, round, 0);
        }
        if (me == 0) {
            shmem_long_wait_until(&done, SHMEM_CMP_GE, round);
        }
    }
    shmem_barrier_all();
}

static void by_quiet(int pe)
{
    (void)pe;
    shmem_quiet();
}

static void by_pe_quiet(int pe)
{
    shmem_pe_quiet(&pe, 1);
}

static void by_pe_quiet_of_all(int pe)
{
    int list[3] = {0, pe, pe};
    shmem_ctx_pe_quiet(SHMEM_CTX_DEFAULT, list, 3);
}

static void quiet_tells_all(void)
{
    told_by_a_third(by_quiet);
}

static void pe_quiet_tells_all(void)
{
    told_by_a_third(by_pe_quiet);
    told_by_a_third(by_pe_quiet_of_all);
}

/* quiet completes non-blocking gets and fetching atomics: the results are here. */
static void quiet_brings_results(void)
{
    int n = conformance_n();
    int me = conformance_me();
    int right = (me + 1) % n;
    static long counter;
    const long rounds = conformance_few(2000, 50);
    for (int i = 0; i < WORDS; i++) {
        data[i] = me * 1000L + i;
    }
    counter = 0;
    shmem_barrier_all();
    for (long round = 0; round < rounds; round++) {
        long words[WORDS] = {0};
        long old[2] = {-1, -1};
        shmem_long_get_nbi(words, data, WORDS, right);
        shmem_long_atomic_fetch_add_nbi(&old[0], &counter, 1, right);
        shmem_long_atomic_fetch_nbi(&old[1], &data[3], right);
        if (round % 2 == 0) {
            shmem_quiet();
        } else {
            shmem_pe_quiet(&right, 1);
        }
        for (int i = 0; i < WORDS; i++) {
            check(words[i] == right * 1000L + i, "round %ld: word %d is %ld", round, i, words[i]);
        }
        check(old[0] == round, "fetch_add brought %ld in round %ld", old[0], round);
        check(old[1] == right * 1000L + 3, "fetch brought %ld", old[1]);
    }
    shmem_barrier_all();
}

/* A source may be written again after a blocking put, and after quiet for the others. */
static void sources_are_free(void)
{
    int n = conformance_n();
    int me = conformance_me();
    int right = (me + 1) % n;
    int left = (me + n - 1) % n;
    memset(far_data, 0, sizeof(far_data));
    shmem_barrier_all();
    const long rounds = conformance_few(512, 50);
    long source[32];
    for (long round = 0; round < rounds; round++) {
        for (int i = 0; i < 32; i++) {
            source[i] = me * 100000L + round * 32 + i;
        }
        if (round % 2 == 0) {
            shmem_long_put(&far_data[round * 32], source, 32, right);
        } else {
            shmem_long_put_nbi(&far_data[round * 32], source, 32, right);
            shmem_quiet();
        }
        memset(source, 0xee, sizeof(source));
    }
    shmem_barrier_all();
    for (long i = 0; i < rounds * 32; i++) {
        if (!check(far_data[i] == left * 100000L + i, "word %ld is %ld", i, far_data[i])) {
            break;
        }
    }
    shmem_barrier_all();
}

/* Nothing to complete, and no context to do it on. */
static void nothing_to_do(void)
{
    for (int i = 0; i < 1000; i++) {
        shmem_fence();
        shmem_quiet();
        shmem_ctx_fence(SHMEM_CTX_DEFAULT);
        shmem_ctx_quiet(SHMEM_CTX_DEFAULT);
        shmem_ctx_fence(SHMEM_CTX_INVALID);
        shmem_ctx_quiet(SHMEM_CTX_INVALID);
        shmem_pe_quiet(NULL, 0);
        shmem_ctx_pe_quiet(SHMEM_CTX_DEFAULT, NULL, 0);
    }
    shmem_ctx_destroy(SHMEM_CTX_INVALID);
    check(true, "still here");
}

/* Two writers, each in order for its own reader, and for all readers of both. */
static void everybody_writes_to_everybody(void)
{
    const int rounds = conformance_few(300, 30);
    int n = conformance_n();
    int me = conformance_me();
    static long numbers[64], flags[64];
    memset(numbers, 0, sizeof(numbers));
    memset(flags, 0, sizeof(flags));
    shmem_barrier_all();
    for (long round = 1; round <= rounds; round++) {
        for (int i = 0; i < n; i++) {
            int pe = (me + i) % n;
            shmem_long_p(&numbers[me], round, pe);
            shmem_fence();
            shmem_long_atomic_set(&flags[me], round, pe);
        }
        for (int pe = 0; pe < n; pe++) {
            long saw = shmem_long_atomic_fetch(&flags[pe], me);
            long number = __atomic_load_n(&numbers[pe], __ATOMIC_ACQUIRE);
            check(number >= saw, "PE %d: flag %ld, number %ld", pe, saw, number);
        }
    }
    shmem_barrier_all();
    for (int pe = 0; pe < n; pe++) {
        check(numbers[pe] == rounds && flags[pe] == rounds, "PE %d ended at %ld", pe, numbers[pe]);
    }
    shmem_barrier_all();
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"message passing: put, fence, put", messages_put_put},
        {"message passing: p, fence, atomic", messages_p_atomic},
        {"message passing: put_nbi, fence, atomic", messages_nbi_atomic},
        {"message passing: atomics, fence, put", messages_atomics_put},
        {"message passing: strided put, quiet, put", messages_strided},
        {"message passing: stores, fence, put", messages_stores},
        {"long messages", long_messages},
        {"what is quiet is seen by third PEs", quiet_tells_all},
        {"what is quiet for a PE is seen by third PEs", pe_quiet_tells_all},
        {"quiet brings the results of non-blocking calls", quiet_brings_results},
        {"sources may be written again", sources_are_free},
        {"nothing to order or complete", nothing_to_do},
        {"everybody writes to everybody", everybody_writes_to_everybody},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
