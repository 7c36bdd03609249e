/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sessions.c -- section 9.9: sessions.
 *
 * A session is a hint.  What can be tested is that nothing else changes: values, order, completion.
 */
#include "conformance.h"

enum { WORDS = 400 };

static void one_batch(shmem_ctx_t ctx, long *words, uint64_t *counter, const char *what)
{
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    int next = (me + 1) % n;
    int left = (me + n - 1) % n;
    long mine[WORDS], back[WORDS];
    for (int i = 0; i < WORDS; i++) {
        mine[i] = me * WORDS + i;
        words[i] = back[i] = -1;
    }
    *counter = 0;
    shmem_barrier_all();

    for (int i = 0; i < WORDS / 2; i++) {
        shmem_ctx_long_put_nbi(ctx, &words[i], &mine[i], 1, next);
        shmem_ctx_uint64_atomic_inc(ctx, counter, next);
    }
    for (int i = WORDS / 2; i < WORDS; i++) {
        shmem_ctx_long_p(ctx, &words[i], mine[i], next);
    }
    shmem_ctx_fence(ctx);
    shmem_ctx_uint64_atomic_add(ctx, counter, 1000000, next); /* after all of the above */
    shmem_uint64_wait_until(counter, SHMEM_CMP_GE, 1000000);
    for (int i = 0; i < WORDS; i++) {
        if (!check(words[i] == left * WORDS + i, "%s: word %d is %ld", what, i, words[i])) {
            break;
        }
    }
    check(*counter == 1000000 + WORDS / 2, "%s: counter %lu", what, (unsigned long)*counter);
    shmem_barrier_all();

    for (int i = 0; i < WORDS; i++) {
        shmem_ctx_long_get_nbi(ctx, &back[i], &words[i], 1, next);
    }
    shmem_ctx_quiet(ctx);
    check(memcmp(back, mine, sizeof(mine)) == 0, "%s: got other values back", what);
    shmem_barrier_all();
}

static void with_context(shmem_ctx_t ctx)
{
    shmem_ctx_session_config_t config = {.total_ops = WORDS};
    long *words = shmem_malloc(WORDS * sizeof(long));
    uint64_t *counter = shmem_malloc(sizeof(uint64_t));

    one_batch(ctx, words, counter, "before");
    shmem_ctx_session_start(ctx, SHMEM_CTX_SESSION_BATCH, &config, SHMEM_CTX_SESSION_TOTAL_OPS);
    one_batch(ctx, words, counter, "batch, total_ops");

    /* Starting again adds options. */
    config.total_ops = 1;
    shmem_ctx_session_start(ctx, 0, &config, SHMEM_CTX_SESSION_TOTAL_OPS);
    one_batch(ctx, words, counter, "started twice, fewer total_ops");
    shmem_ctx_session_stop(ctx);
    one_batch(ctx, words, counter, "stopped");
    shmem_ctx_session_stop(ctx); /* no effect */

    shmem_ctx_session_start(ctx, 0, NULL, 0);
    one_batch(ctx, words, counter, "no options");
    shmem_ctx_session_stop(ctx);
    config.total_ops = SIZE_MAX;
    shmem_ctx_session_start(ctx, SHMEM_CTX_SESSION_BATCH, &config, 0);
    one_batch(ctx, words, counter, "batch, config not used");
    shmem_ctx_session_stop(ctx);
    one_batch(ctx, words, counter, "after");

    shmem_free(words);
    shmem_free(counter);
}

static void of_default(void)
{
    with_context(SHMEM_CTX_DEFAULT);
}

static void of_created(void)
{
    static const long options[] = {0, SHMEM_CTX_SERIALIZED, SHMEM_CTX_PRIVATE | SHMEM_CTX_NOSTORE};
    for (size_t i = 0; i < CONFORMANCE_COUNT(options); i++) {
        shmem_ctx_t ctx = SHMEM_CTX_INVALID;
        check(shmem_ctx_create(options[i], &ctx) == 0, "ctx_create");
        with_context(ctx);
        shmem_ctx_session_start(ctx, SHMEM_CTX_SESSION_BATCH, NULL, 0);
        shmem_ctx_destroy(ctx); /* within a session */
    }
}

static void of_none(void)
{
    shmem_ctx_session_config_t config = {.total_ops = 5};
    shmem_ctx_session_start(SHMEM_CTX_INVALID, SHMEM_CTX_SESSION_BATCH, &config,
                            SHMEM_CTX_SESSION_TOTAL_OPS);
    shmem_ctx_session_start(SHMEM_CTX_INVALID, 0, NULL, 0);
    shmem_ctx_session_stop(SHMEM_CTX_INVALID);
    check(config.total_ops == 5, "the configuration was changed");
}

/* A session on one context, work on another, collectives meanwhile. */
static void beside(void)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    int *words = shmem_calloc(4, sizeof(int));
    shmem_ctx_t ctx = SHMEM_CTX_INVALID;
    check(shmem_ctx_create(0, &ctx) == 0, "ctx_create");
    shmem_ctx_session_start(ctx, SHMEM_CTX_SESSION_BATCH, NULL, 0);
    shmem_ctx_int_p(ctx, &words[0], me + 1, (me + 1) % n);
    shmem_int_p(&words[1], me + 2, (me + 1) % n);
    words[2] = 1;
    shmem_int_sum_reduce(SHMEM_TEAM_WORLD, &words[3], &words[2], 1);
    check(words[3] == n, "sum %d", words[3]);
    shmem_ctx_quiet(ctx);
    shmem_ctx_session_stop(ctx);
    shmem_barrier_all();
    int left = (me + n - 1) % n;
    check(words[0] == left + 1 && words[1] == left + 2, "words %d %d", words[0], words[1]);
    shmem_ctx_destroy(ctx);
    shmem_free(words);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"on the default context", of_default},
        {"on other contexts", of_created},
        {"on no context", of_none},
        {"beside other work", beside},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
