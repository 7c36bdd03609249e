/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * misuse.c -- calls that the standard forbids, one at a time: misuse <name>.
 *
 * A program that gets to its end says "misuse: survived", which is what the tests look for.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmem.h>

enum { WORDS = 100 };

static long word, lock, results[WORDS], static_words[WORDS];
static long words_on_no_line[WORDS];

static int me, n;

/* ---- before init, after finalize: any of these ------------------------------------------- */

static void call_barrier_all(void)
{
    shmem_barrier_all();
}

static void call_my_pe(void)
{
    printf("%d\n", shmem_my_pe());
}

static void call_n_pes(void)
{
    printf("%d\n", shmem_n_pes());
}

static void call_putmem(void)
{
    shmem_putmem(&word, results, sizeof(word), 0);
}

static void call_long_g(void)
{
    results[0] = shmem_long_g(&word, 0);
}

static void call_malloc(void)
{
    free(shmem_malloc(8) == NULL ? NULL : NULL);
}

static void call_atomic(void)
{
    shmem_long_atomic_inc(&word, 0);
}

static void call_set_lock(void)
{
    shmem_set_lock(&lock);
}

static void call_wait(void)
{
    shmem_long_wait_until(&word, SHMEM_CMP_EQ,
                          1); /* which does not hold: there is none to set it */
}

static void call_team_sync(void)
{
    shmem_team_sync(SHMEM_TEAM_WORLD);
}

static void call_reduce(void)
{
    shmem_long_sum_reduce(SHMEM_TEAM_WORLD, results, static_words, 1);
}

static void call_quiet(void)
{
    shmem_quiet();
}

static void call_signal(void)
{
    shmem_signal_set((uint64_t *)&word, 1, 0);
}

static void call_ctx_create(void)
{
    shmem_ctx_t ctx;
    shmem_ctx_create(0, &ctx);
}

static void call_split(void)
{
    shmem_team_t team;
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, 1, NULL, 0, &team);
}

static void call_finalize(void)
{
    shmem_finalize();
}

/* ---- wrong arguments --------------------------------------------------------------------- */

static void pe_too_large(void)
{
    shmem_putmem(&word, results, sizeof(word), n + 3);
}

static void pe_negative(void)
{
    results[0] = shmem_long_g(&word, -1);
}

static void pe_of_atomic(void)
{
    shmem_long_atomic_inc(&word, n);
}

static void stack_address(void)
{
    long local = 0;
    shmem_long_put(&local, results, 1, 0);
}

static void malloc_address(void)
{
    long *memory = (long *)calloc(1, sizeof(long));
    shmem_long_get(results, memory, 1, 0);
    free(memory);
}

static void null_address(void)
{
    shmem_long_p(NULL, 1, 0);
}

static void past_the_block(void)
{
    char *memory = (char *)shmem_malloc(100);
    char *source = (char *)calloc(1, 1000);
    shmem_putmem(memory, source, 1000, 0);
    free(source);
}

static void past_the_segment(void)
{
    char *memory = (char *)shmem_malloc(64);
    shmem_getmem(results, memory, (size_t)1 << 50, 0);
}

static void freed_block(void)
{
    long *memory = (long *)shmem_malloc(4096);
    shmem_free(memory);
    shmem_long_p(memory, 1, 0);
}

static void free_twice(void)
{
    long *memory = (long *)shmem_malloc(4096);
    shmem_free(memory);
    shmem_free(memory);
}

static void free_of_static(void)
{
    shmem_free(static_words);
}

static void invalid_team(void)
{
    shmem_team_sync(SHMEM_TEAM_INVALID);
}

static void invalid_team_of_reduce(void)
{
    shmem_long_sum_reduce(SHMEM_TEAM_INVALID, results, static_words, 1);
}

static void invalid_context(void)
{
    shmem_ctx_long_p(SHMEM_CTX_INVALID, &word, 1, 0);
}

static void root_out_of_range(void)
{
    shmem_long_broadcast(SHMEM_TEAM_WORLD, results, static_words, 1, n);
}

static void different_roots(void)
{
    shmem_long_broadcast(SHMEM_TEAM_WORLD, results, static_words, 1, me % 2);
}

static void different_lengths(void)
{
    shmem_long_sum_reduce(SHMEM_TEAM_WORLD, results, static_words, me == 0 ? 10 : 20);
}

static void different_dests(void)
{
    shmem_long_fcollect(SHMEM_TEAM_WORLD, me == 0 ? results : words_on_no_line, static_words, 1);
}

static void different_sizes_of_malloc(void)
{
    results[0] = shmem_malloc(me == 0 ? 100 : 200) != NULL;
}

static void stack_in_collective(void)
{
    long local = me;
    shmem_long_max_reduce(SHMEM_TEAM_WORLD, results, &local, 1);
}

static void unaligned_atomic(void)
{
    shmem_long_atomic_inc((long *)(uintptr_t)((char *)static_words + 1), 0);
}

static void lock_not_symmetric(void)
{
    long local = 0;
    shmem_set_lock(&local);
}

static void wait_not_symmetric(void)
{
    long local = 0;
    shmem_long_wait_until(&local, SHMEM_CMP_EQ, 0);
}

static void bad_comparison(void)
{
    shmem_long_wait_until(&word, 77, 0);
}

static void bad_signal_operation(void)
{
    shmem_long_put_signal(results, static_words, 1, (uint64_t *)&word, 1, 99, 0);
}

/* clang-format off */
static const struct {
    const char *name;
    void (*run)(void);
} calls[] = {
    {"shmem_barrier_all", call_barrier_all},
    {"shmem_my_pe", call_my_pe},
    {"shmem_n_pes", call_n_pes},
    {"shmem_putmem", call_putmem},
    {"shmem_long_g", call_long_g},
    {"shmem_malloc", call_malloc},
    {"shmem_long_atomic_inc", call_atomic},
    {"shmem_set_lock", call_set_lock},
    {"shmem_long_wait_until", call_wait},
    {"shmem_team_sync", call_team_sync},
    {"shmem_long_sum_reduce", call_reduce},
    {"shmem_quiet", call_quiet},
    {"shmem_signal_set", call_signal},
    {"shmem_ctx_create", call_ctx_create},
    {"shmem_team_split_strided", call_split},
    {"shmem_finalize", call_finalize},
};

static const struct {
    const char *name;
    void (*run)(void);
} misuses[] = {
    {"pe_too_large", pe_too_large},
    {"pe_negative", pe_negative},
    {"pe_of_atomic", pe_of_atomic},
    {"stack_address", stack_address},
    {"malloc_address", malloc_address},
    {"null_address", null_address},
    {"past_the_block", past_the_block},
    {"past_the_segment", past_the_segment},
    {"freed_block", freed_block},
    {"free_twice", free_twice},
    {"free_of_static", free_of_static},
    {"invalid_team", invalid_team},
    {"invalid_team_of_reduce", invalid_team_of_reduce},
    {"invalid_context", invalid_context},
    {"root_out_of_range", root_out_of_range},
    {"different_roots", different_roots},
    {"different_lengths", different_lengths},
    {"different_dests", different_dests},
    {"different_sizes_of_malloc", different_sizes_of_malloc},
    {"stack_in_collective", stack_in_collective},
    {"unaligned_atomic", unaligned_atomic},
    {"lock_not_symmetric", lock_not_symmetric},
    {"wait_not_symmetric", wait_not_symmetric},
    {"bad_comparison", bad_comparison},
    {"bad_signal_operation", bad_signal_operation},
};
/* clang-format on */

static int call(const char *name)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].name, name) == 0) {
            calls[i].run();
            fprintf(stderr, "misuse: survived\n");
            return 0;
        }
    }
    fprintf(stderr, "misuse: nothing is called %s\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "before") == 0) {
        return call(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "after") == 0) {
        shmem_init();
        shmem_finalize();
        return call(argv[2]);
    }
    shmem_init();
    me = shmem_my_pe();
    n = shmem_n_pes();
    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]) && argc == 2; i++) {
        if (strcmp(misuses[i].name, argv[1]) == 0) {
            misuses[i].run();
            fprintf(stderr, "misuse: survived\n");
            shmem_barrier_all();
            shmem_finalize();
            return 0;
        }
    }
    fprintf(stderr, "usage: misuse before|after routine, misuse name\n");
    return 2;
}
