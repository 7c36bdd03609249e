/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * contexts.c -- section 9.5: communication contexts.
 */
#include "conformance.h"

static const long options[] = {
    0,
    SHMEM_CTX_SERIALIZED,
    SHMEM_CTX_PRIVATE,
    SHMEM_CTX_NOSTORE,
    SHMEM_CTX_SERIALIZED | SHMEM_CTX_NOSTORE,
    SHMEM_CTX_PRIVATE | SHMEM_CTX_NOSTORE,
    SHMEM_CTX_SERIALIZED | SHMEM_CTX_PRIVATE | SHMEM_CTX_NOSTORE,
};

/* Put to the next PE of the context's team, quiet, read it back; then an atomic, and destroy. */
static void use(shmem_ctx_t ctx, shmem_team_t team, long *words, const char *what)
{
    int n = shmem_team_n_pes(team);
    int me = shmem_team_my_pe(team);
    int next = (me + 1) % n;
    long mine[10], back[10];
    for (int i = 0; i < 10; i++) {
        mine[i] = 100 * me + i;
        words[i] = -1;
    }
    words[10] = 0;
    shmem_team_sync(team);
    shmem_ctx_long_put_nbi(ctx, words, mine, 10, next);
    shmem_ctx_quiet(ctx);
    shmem_ctx_long_get(ctx, back, words, 10, next);
    check(memcmp(mine, back, sizeof(mine)) == 0, "%s: got %ld and not %ld", what, back[0], mine[0]);
    shmem_ctx_long_atomic_add(ctx, &words[10], 5, next);
    shmem_ctx_fence(ctx);
    long old = shmem_ctx_long_atomic_fetch_add(ctx, &words[10], 6, next);
    check(old == 5, "%s: fetched %ld", what, old);
    shmem_ctx_quiet(ctx);
    shmem_team_sync(team);
    int left = (me + n - 1) % n;
    for (int i = 0; i < 10; i++) {
        check(words[i] == 100 * left + i, "%s: word %d is %ld", what, i, words[i]);
    }
    check(words[10] == 11, "%s: sum %ld", what, words[10]);
    shmem_team_sync(team);
}

static void created(void)
{
    long *words = shmem_malloc(11 * sizeof(long));
    for (size_t i = 0; i < CONFORMANCE_COUNT(options); i++) {
        shmem_ctx_t ctx = SHMEM_CTX_INVALID;
        check(shmem_ctx_create(options[i], &ctx) == 0, "options %ld", options[i]);
        check(ctx != SHMEM_CTX_INVALID && ctx != SHMEM_CTX_DEFAULT, "options %ld: a bad handle",
              options[i]);
        shmem_team_t team = SHMEM_TEAM_INVALID;
        check(shmem_ctx_get_team(ctx, &team) == 0 && team == SHMEM_TEAM_WORLD, "get_team");
        use(ctx, SHMEM_TEAM_WORLD, words, "ctx_create");
        shmem_ctx_destroy(ctx);
    }
    use(SHMEM_CTX_DEFAULT, SHMEM_TEAM_WORLD, words, "the default context");
    shmem_free(words);
}

static void of_teams(void)
{
    int n = shmem_n_pes();
    long *words = shmem_malloc(11 * sizeof(long));
    for (int first = 0; first < n; first++) {
        shmem_team_t team = SHMEM_TEAM_INVALID;
        shmem_team_config_t config = {.num_contexts = (int)CONFORMANCE_COUNT(options)};
        shmem_team_split_strided(SHMEM_TEAM_WORLD, n - 1, -1, n - first, &config,
                                 SHMEM_TEAM_NUM_CONTEXTS, &team);
        for (size_t i = 0; i < CONFORMANCE_COUNT(options) && team != SHMEM_TEAM_INVALID; i++) {
            shmem_ctx_t ctx = SHMEM_CTX_INVALID;
            shmem_team_t its = SHMEM_TEAM_INVALID;
            check(shmem_team_create_ctx(team, options[i], &ctx) == 0, "options %ld", options[i]);
            check(shmem_ctx_get_team(ctx, &its) == 0 && its == team, "get_team");
            use(ctx, team, words, "team_create_ctx");
            shmem_ctx_destroy(ctx);
        }
        shmem_team_destroy(team);
    }
    shmem_ctx_t ctx = SHMEM_CTX_INVALID;
    check(shmem_team_create_ctx(SHMEM_TEAM_SHARED, 0, &ctx) == 0, "of the shared team");
    use(ctx, SHMEM_TEAM_SHARED, words, "context of the shared team");
    shmem_ctx_destroy(ctx);
    shmem_free(words);
}

/* No context: nothing happens, and nobody dies of it. */
static void no_context(void)
{
    shmem_ctx_t ctx = SHMEM_CTX_DEFAULT;
    shmem_team_t team = SHMEM_TEAM_WORLD;
    check(SHMEM_CTX_INVALID != SHMEM_CTX_DEFAULT, "the constants are equal");
    check(shmem_team_create_ctx(SHMEM_TEAM_INVALID, 0, &ctx) != 0, "a context of no team");
    check(ctx == SHMEM_CTX_INVALID, "a context of no team has a handle");
    check(shmem_ctx_get_team(SHMEM_CTX_INVALID, &team) != 0, "the team of no context");
    check(team == SHMEM_TEAM_INVALID, "no context has a team");
    check(shmem_ctx_get_team(SHMEM_CTX_DEFAULT, &team) == 0 && team == SHMEM_TEAM_WORLD,
          "the default context's team");
    shmem_ctx_fence(SHMEM_CTX_INVALID);
    shmem_ctx_quiet(SHMEM_CTX_INVALID);
    shmem_ctx_destroy(SHMEM_CTX_INVALID);
    shmem_ctx_session_start(SHMEM_CTX_INVALID, 0, NULL, 0);
    shmem_ctx_session_stop(SHMEM_CTX_INVALID);
}

/* Creation is not collective, and contexts come and go without end. */
static void many(void)
{
    enum { AT_ONCE = 40 };
    const int turns = conformance_rounds(3000);
    shmem_ctx_t ctx[AT_ONCE];
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    long *words = shmem_calloc(AT_ONCE * (size_t)n, sizeof(long));
    for (int i = 0; i < turns * (me % 2 + 1); i++) {
        if (!check(shmem_ctx_create(options[i % 4], &ctx[0]) == 0, "context %d", i)) {
            break;
        }
        shmem_ctx_destroy(ctx[0]);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        check(shmem_ctx_create(0, &ctx[i]) == 0, "context %d of those at once", i);
    }
    for (int i = 0; i < AT_ONCE * n; i++) {
        shmem_ctx_long_p(ctx[i % AT_ONCE], &words[i % AT_ONCE * n + me], i + 1, i / AT_ONCE);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        shmem_ctx_destroy(ctx[i]); /* completes what was begun on it */
    }
    shmem_sync_all();
    for (int i = 0; i < AT_ONCE * n; i++) {
        long want = me * AT_ONCE + i / n + 1;
        check(words[i] == want, "context %d of PE %d: %ld and not %ld", i / n, i % n, words[i],
              want);
    }
    shmem_barrier_all();
    shmem_free(words);
}

/* destroy and pe_quiet complete; the team's contexts go with the team. */
static void completion(void)
{
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    int next = (me + 1) % n;
    enum { LEN = 200000 };
    unsigned char *dest = shmem_malloc(LEN);
    unsigned char *source = malloc(LEN);
    for (int round = 0; round < 10; round++) {
        shmem_ctx_t ctx = SHMEM_CTX_INVALID;
        memset(source, 10 * round + me % 10, LEN);
        check(shmem_ctx_create(round % 2 == 0 ? 0 : SHMEM_CTX_PRIVATE, &ctx) == 0, "ctx_create");
        shmem_ctx_putmem_nbi(ctx, dest, source, LEN, next);
        if (round < 5) {
            int target = next;
            shmem_ctx_pe_quiet(ctx, &target, 1);
            shmem_sync_all();
        } else {
            shmem_ctx_destroy(ctx);
            shmem_sync_all();
        }
        int want = 10 * round + (me + n - 1) % n % 10;
        check(dest[0] == want && memcmp(dest, dest + 1, LEN - 1) == 0, "round %d: %d and not %d",
              round, dest[0], want);
        shmem_sync_all();
        if (round < 5) {
            shmem_ctx_destroy(ctx);
        }
    }
    free(source);
    shmem_free(dest);

    shmem_team_t team = SHMEM_TEAM_INVALID;
    shmem_ctx_t ctx = SHMEM_CTX_INVALID;
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, n, NULL, 0, &team);
    check(shmem_team_create_ctx(team, 0, &ctx) == 0, "team_create_ctx");
    shmem_team_destroy(team);
}

/* Contexts are independent: a fence or quiet of one has no say about another, but all arrive. */
static void independent(void)
{
    int n = shmem_n_pes();
    int next = (shmem_my_pe() + 1) % n;
    long *words = shmem_calloc(300, sizeof(long));
    shmem_ctx_t a = SHMEM_CTX_INVALID, b = SHMEM_CTX_INVALID;
    check(shmem_ctx_create(0, &a) == 0 && shmem_ctx_create(SHMEM_CTX_NOSTORE, &b) == 0, "create");
    for (int i = 0; i < 100; i++) {
        shmem_ctx_long_p(a, &words[3 * i], i, next);
        shmem_ctx_long_p(b, &words[3 * i + 1], i, next);
        shmem_ctx_fence(a);
        shmem_long_p(&words[3 * i + 2], i, next);
        shmem_ctx_fence(b);
    }
    shmem_ctx_quiet(a);
    shmem_ctx_quiet(b);
    shmem_barrier_all();
    for (int i = 0; i < 300; i++) {
        check(words[i] == i / 3, "word %d is %ld", i, words[i]);
    }
    shmem_ctx_destroy(a);
    shmem_ctx_destroy(b);
    shmem_free(words);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"ctx_create", created}, {"team_create_ctx", of_teams}, {"no context", no_context},
        {"many", many},          {"completion", completion},    {"several at once", independent},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
