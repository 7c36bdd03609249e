/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * setup.c -- section 9.1: set-up, exit and query.
 */
#include <signal.h>
#include <unistd.h>

#include "conformance.h"

static int global_word = 17;
static int static_words[100];
static int static_inbox[2000];

static void numbers(void)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    check(n >= 1, "n_pes is %d", n);
    check(me >= 0 && me < n, "my_pe is %d of %d", me, n);

    /* Every number is taken once: each PE leaves a mark at the place of its number. */
    int *marks = shmem_calloc((size_t)n, sizeof(int));
    for (int pe = 0; pe < n; pe++) {
        shmem_int_atomic_inc(&marks[me], pe);
    }
    shmem_barrier_all();
    for (int pe = 0; pe < n; pe++) {
        check(marks[pe] == 1, "%d processes call themselves PE %d", marks[pe], pe);
    }
    shmem_free(marks);
}

static void versions(void)
{
    int major = -1;
    int minor = -1;
    shmem_info_get_version(&major, &minor);
    check(major == 1 && minor == 6, "version %d.%d", major, minor);
    check(major == SHMEM_MAJOR_VERSION && minor == SHMEM_MINOR_VERSION, "not the header's");
    check(_SHMEM_MAJOR_VERSION == major && _SHMEM_MINOR_VERSION == minor, "not the old spelling's");

    char name[SHMEM_MAX_NAME_LEN + 8];
    memset(name, 'x', sizeof(name));
    shmem_info_get_name(name);
    check(memchr(name, '\0', SHMEM_MAX_NAME_LEN) != NULL, "the name has no end");
    check(strcmp(name, SHMEM_VENDOR_STRING) == 0, "the name is %.60s", name);
    check(name[SHMEM_MAX_NAME_LEN] == 'x', "the name is longer than allowed");
    check(strlen(SHMEM_VENDOR_STRING) > 0 && sizeof(SHMEM_VENDOR_STRING) <= SHMEM_MAX_NAME_LEN,
          "the vendor string has %zu bytes", sizeof(SHMEM_VENDOR_STRING));
}

static void accessible(void)
{
    int n = shmem_n_pes();
    int *heap = shmem_malloc(sizeof(int));
    int stack = 0;
    int *private = malloc(sizeof(int));

    for (int pe = 0; pe < n; pe++) {
        check(shmem_pe_accessible(pe) == 1, "PE %d is not accessible", pe);
        check(shmem_addr_accessible(heap, pe) == 1, "heap of PE %d is not", pe);
        check(shmem_addr_accessible(&global_word, pe) == 1, "static data of PE %d is not", pe);
        check(shmem_addr_accessible(static_words + 99, pe) == 1, ".bss of PE %d is not", pe);
        check(shmem_addr_accessible(&stack, pe) == 0, "the stack of PE %d is", pe);
        check(shmem_addr_accessible(private, pe) == 0, "memory of malloc of PE %d is", pe);
        check(shmem_addr_accessible(NULL, pe) == 0, "address 0 of PE %d is", pe);
    }
    check(shmem_pe_accessible(n) == 0, "PE %d is accessible", n);
    check(shmem_pe_accessible(-1) == 0, "PE -1 is accessible");
    check(shmem_pe_accessible(1 << 30) == 0, "PE %d is accessible", 1 << 30);
    check(shmem_addr_accessible(heap, n) == 0, "heap of PE %d is accessible", n);
    check(shmem_addr_accessible(heap, -1) == 0, "heap of PE -1 is accessible");

    shmem_free(heap);
    free(private);
}

/* Plain loads and stores through the pointers, where there are any. */
static void try_pointer(int *object, const char *what)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    check(shmem_ptr(object, me) == object, "my own %s is at %p, shmem_ptr says %p", what,
          (void *)object, shmem_ptr(object, me));
    *object = 1000 + me;
    shmem_barrier_all();

    for (int pe = 0; pe < n; pe++) {
        int *theirs = shmem_ptr(object, pe);
        if (theirs != NULL) {
            check(*theirs == 1000 + pe, "%s of PE %d reads %d", what, pe, *theirs);
        }
    }
    shmem_barrier_all();
    int *next = shmem_ptr(object, (me + 1) % n);
    if (next != NULL) {
        *next = 2000 + me;
    }
    shmem_barrier_all();
    if (shmem_ptr(object, (me + n - 1) % n) != NULL) {
        check(*object == 2000 + (me + n - 1) % n, "my %s reads %d", what, *object);
    }
    shmem_barrier_all();
}

static void pointers(void)
{
    int *heap = shmem_malloc(1000 * sizeof(int));
    try_pointer(heap, "heap");
    try_pointer(heap + 999, "heap's end");
    shmem_free(heap);
    try_pointer(&static_words[50], ".bss");
    int keep = global_word;
    try_pointer(&global_word, ".data");
    global_word = keep;

    int stack = 0;
    check(shmem_ptr(&stack, shmem_my_pe()) == NULL, "the stack has a shmem_ptr");
}

static void team_pointers(void)
{
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    char *heap = shmem_malloc(64);

    for (int pe = 0; pe < n; pe++) {
        check(shmem_team_ptr(SHMEM_TEAM_WORLD, heap, pe) == shmem_ptr(heap, pe),
              "world: PE %d differs from shmem_ptr", pe);
    }
    check(shmem_team_ptr(SHMEM_TEAM_INVALID, heap, 0) == NULL, "the invalid team has a pointer");

    /* A team in reverse order: its PE i is the world's n - 1 - i. */
    shmem_team_t reverse = SHMEM_TEAM_INVALID;
    int failed = shmem_team_split_strided(SHMEM_TEAM_WORLD, n - 1, -1, n, NULL, 0, &reverse);
    check(failed == 0 && reverse != SHMEM_TEAM_INVALID, "split: %d", failed);
    for (int pe = 0; pe < n && reverse != SHMEM_TEAM_INVALID; pe++) {
        check(shmem_team_ptr(reverse, heap, pe) == shmem_ptr(heap, n - 1 - pe),
              "reverse: PE %d is not PE %d of the world", pe, n - 1 - pe);
    }
    shmem_team_destroy(reverse);

    /* Memory of PEs of the shared team is there for loads and stores, by definition. */
    int shared = shmem_team_n_pes(SHMEM_TEAM_SHARED);
    check(shmem_team_ptr(SHMEM_TEAM_SHARED, heap, shmem_team_my_pe(SHMEM_TEAM_SHARED)) == heap,
          "shared: my own pointer of PE %d", me);
    for (int pe = 0; pe < shared; pe++) {
        check(shmem_team_ptr(SHMEM_TEAM_SHARED, heap, pe) != NULL, "shared: PE %d has none", pe);
    }
    shmem_free(heap);
}

/* Initialisations are counted; all finalisations but the last are just barriers. */
static void nested(void)
{
    int provided = -1;
    check(shmem_init_thread(SHMEM_THREAD_SINGLE, &provided) == 0, "the second init failed");
    check(provided >= SHMEM_THREAD_SINGLE && provided <= SHMEM_THREAD_MULTIPLE, "level %d",
          provided);
    shmem_init();

    long *flags = shmem_calloc(2, sizeof(long));
    int next = (shmem_my_pe() + 1) % shmem_n_pes();
    for (int i = 0; i < 2; i++) {
        shmem_long_p(&flags[i], 5 + i, next);
        shmem_finalize(); /* as good as shmem_barrier_all */
        int initialized = -1;
        shmem_query_initialized(&initialized);
        check(initialized == 1, "initialized is %d after inner finalize %d", initialized, i);
        check(flags[i] == 5 + i, "put %d has not arrived: %ld", i, flags[i]);
    }
    shmem_free(flags);
}

static void survives(void)
{
    check(global_word == 17, "global data did not survive: %d", global_word);
    check(static_words[7] == 7000 + shmem_my_pe(), "static data did not survive: %d",
          static_words[7]);
}

/* What a remote PE wrote before finalize is there after it, and a new initialisation works. */
static void leave_and_return(int round)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    int left = (me + n - 1) % n;
    int initialized = -1;

    shmem_int_p(&static_words[round], 100 * round + me, (me + 1) % n);
    void *kept = shmem_malloc(100); /* not freed: that is allowed */
    check(kept != NULL, "malloc");
    shmem_team_t team = SHMEM_TEAM_INVALID;
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, n, NULL, 0, &team);
    shmem_ctx_t ctx = SHMEM_CTX_INVALID;
    shmem_ctx_create(0, &ctx);
    static int source[2000]; /* more than networks take along at once */
    for (int i = 0; i < 2000; i++) {
        source[i] = 1000 * round + i + me;
    }
    shmem_ctx_int_put_nbi(ctx, static_inbox, source, 2000, (me + 1) % n);
    shmem_finalize();

    shmem_query_initialized(&initialized);
    check(initialized == 0, "initialized is %d after finalize", initialized);
    check(static_words[round] == 100 * round + left, "round %d: static data lost: %d", round,
          static_words[round]);
    check(
        static_inbox[0] == 1000 * round + left && static_inbox[1999] == 1000 * round + 1999 + left,
        "round %d: a put on a context is lost: %d %d", round, static_inbox[0], static_inbox[1999]);
    static_words[7] = 7000 + me;
    int provided = -1;
    shmem_query_thread(&provided); /* allowed at any time */

    shmem_init();
    shmem_query_initialized(&initialized);
    check(initialized == 1, "initialized is %d after init", initialized);
    check(shmem_my_pe() == me && shmem_n_pes() == n, "I was PE %d of %d, now %d of %d", me, n,
          shmem_my_pe(), shmem_n_pes());
}

static void again(void)
{
    for (int round = 0; round < 3; round++) {
        leave_and_return(round);
        survives();

        int *word = shmem_malloc(sizeof(int));
        *word = -1;
        shmem_barrier_all();
        shmem_int_atomic_set(word, round, (shmem_my_pe() + 1) % shmem_n_pes());
        shmem_barrier_all();
        check(*word == round, "round %d: the heap does not work: %d", round, *word);
        shmem_free(word);
    }
}

static void pcontrol(void)
{
    shmem_pcontrol(0);
    shmem_pcontrol(1);
    shmem_pcontrol(2, "more", 3.0);
}

/* Of the signals that libraries like to take for themselves, those that are nobody's but the
 * program's: what catches an illegal instruction, or an abort, is what has been told to. */
static const int our_signals[] = {SIGABRT, SIGILL, SIGFPE};
static struct sigaction actions[3];

static void note_signals(void)
{
    for (int i = 0; i < 3; i++) {
        sigaction(our_signals[i], NULL, &actions[i]);
    }
}

static void same_signals(void)
{
    for (int i = 0; i < 3; i++) {
        struct sigaction now;
        sigaction(our_signals[i], NULL, &now);
        check(now.sa_handler == actions[i].sa_handler, "signal %d has a new handler",
              our_signals[i]);
    }
}

int main(int argc, char **argv)
{
    conformance_begin(argc, argv);
    int initialized = -1;
    shmem_query_initialized(&initialized);
    check(initialized == 0, "initialized is %d before init", initialized);
    int early = conformance.failures;

    note_signals();
    shmem_init();
    shmem_query_initialized(&initialized);
    check(initialized == 1, "initialized is %d after init", initialized);
    early = conformance.failures;

    conformance_run("my_pe and n_pes", numbers);
    conformance_run("info_get_version and info_get_name", versions);
    conformance_run("pe_accessible and addr_accessible", accessible);
    conformance_run("shmem_ptr", pointers);
    conformance_run("team_ptr", team_pointers);
    conformance_run("nested init and finalize", nested);
    conformance_run("init after finalize", again);
    conformance_run("pcontrol", pcontrol);
    conformance_run("handlers of signals", same_signals);
    conformance_plan();

    shmem_int_p(&global_word, 170, (shmem_my_pe() + 1) % shmem_n_pes());
    shmem_finalize();
    check(global_word == 170, "a put before the last finalize is lost: %d", global_word);
    shmem_query_initialized(&initialized);
    check(initialized == 0, "initialized is %d after the last finalize", initialized);
    return conformance_status() | (early != 0);
}
