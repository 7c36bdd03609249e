/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conformance.h -- TAP for programs of many PEs.
 *
 * A program is a list of cases.  Every PE runs every case and checks what it sees; a failed check
 * is one line on stderr that says which PE, where, and what.  At the end of a case the PEs' counts
 * of failures are added up, and PE 0 prints one line of TAP for all of them.  A program ends with a
 * status other than 0 where a check failed.  `program words` runs the cases named like that.
 *
 * This relies on as little of the library as it can: shmem_malloc, a barrier, and PE 0 reading one
 * word of each PE.  Nothing stays allocated between cases.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmem.h>

#define CONFORMANCE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Lines of failures that a PE prints for one case. */
enum { CONFORMANCE_LINES = 8 };

struct conformance_case {
    const char *name;
    void (*run)(void);
};

struct conformance {
    const char *only; /* run only cases whose name contains this, or NULL */
    int cases;        /* lines of TAP so far */
    int failures;     /* of this PE, in the case that runs now */
    int failed;       /* of this PE, in all cases; on PE 0 all PEs' */
    char skip[200];
};
static struct conformance conformance;

/* The numbers that nearly every check needs. */
static inline int conformance_me(void)
{
    return shmem_my_pe();
}

static inline int conformance_n(void)
{
    return shmem_n_pes();
}

/*
 * How much of the same to do, on all PEs alike.  A network makes of microseconds, or less, tens of
 * them, and what goes wrong one time in thousands goes wrong on one node too.  Where they become
 * tens of thousands, CONFORMANCE_SLOWNESS=1000 says so: then there are few rounds of anything, and
 * of what is tried in all combinations each value is tried with one of the other's.
 */
static inline int conformance_slowness(void)
{
    static long word;
    const char *slowness = getenv("CONFORMANCE_SLOWNESS");
    int by = slowness != NULL ? atoi(slowness) : 1;
    for (int pe = 0; slowness == NULL && pe < shmem_n_pes(); pe++) {
        by = shmem_ptr(&word, pe) == NULL ? 50 : by;
    }
    return by < 1 ? 1 : by;
}

static inline bool conformance_is_slow(void)
{
    return conformance_slowness() >= 1000;
}

/* How often to do what on one node is done so many times. */
static inline int conformance_rounds(int on_one_node)
{
    int rounds = on_one_node / conformance_slowness();
    return rounds < 5 ? 5 : rounds;
}

/* The same where a usual network is no reason to do less. */
static inline int conformance_few(int usually, int when_slow)
{
    return conformance_is_slow() ? when_slow : usually;
}

/* Is value i of one kind to be tried with value j of another, of which there are n? */
static inline bool conformance_tries(size_t i, size_t j, size_t n)
{
    return !conformance_is_slow() || i % n == j;
}

/* Not for use by name: see check().  May be called by several threads. */
__attribute__((format(printf, 5, 6))) static inline bool
conformance_check(bool good, const char *file, int line, const char *condition, const char *format,
                  ...)
{
    if (good) {
        return true;
    }
    if (__atomic_fetch_add(&conformance.failures, 1, __ATOMIC_SEQ_CST) >= CONFORMANCE_LINES) {
        return false;
    }
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    const char *slash = strrchr(file, '/');
    int initialized = 0;
    shmem_query_initialized(&initialized);
    fprintf(stderr, "# PE %d: %s:%d: %s [%s]\n", initialized != 0 ? shmem_my_pe() : -1,
            slash == NULL ? file : slash + 1, line, text, condition);
    return false;
}

/* Is this so?  Otherwise the case has failed; the text is for people: check(a == b, "a %d", a).
 * Returns the condition, and goes on in any case, because the other PEs do. */
#define check(condition, ...) \
    conformance_check((condition), __FILE__, __LINE__, #condition, __VA_ARGS__)

/* Say, on all PEs alike, that this case cannot run here, and return from it. */
__attribute__((format(printf, 1, 2))) static inline void skip(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(conformance.skip, sizeof(conformance.skip), format, args);
    va_end(args);
}

/* Add up the PEs' failures.  The result is right on PE 0. */
static inline int conformance_total(int mine)
{
    int *word = (int *)shmem_malloc(sizeof(int));
    if (word == NULL) {
        fprintf(stderr, "# PE %d: no symmetric memory for the result\n", shmem_my_pe());
        exit(1);
    }
    shmem_putmem(word, &mine, sizeof(mine), shmem_my_pe()); /* it may be device memory */
    shmem_barrier_all();

    int total = 0;
    if (shmem_my_pe() == 0) {
        for (int pe = 0; pe < shmem_n_pes(); pe++) {
            int theirs = 0;
            shmem_getmem(&theirs, word, sizeof(theirs), pe);
            total += theirs;
        }
    }
    shmem_free(word);
    return total;
}

/* Run one case, and say how it went.  The library must be initialised when the case ends. */
static inline void conformance_run(const char *name, void (*run)(void))
{
    if (conformance.only != NULL && strstr(name, conformance.only) == NULL) {
        return;
    }
    conformance.failures = 0;
    conformance.skip[0] = '\0';
    run();

    int total = conformance_total(conformance.failures);
    conformance.failed += shmem_my_pe() == 0 ? total : conformance.failures;
    conformance.cases++;
    if (shmem_my_pe() != 0) {
        return;
    }
    printf("%sok %d - %s", total == 0 ? "" : "not ", conformance.cases, name);
    if (conformance.skip[0] != '\0') {
        printf(" # SKIP %s", conformance.skip);
    }
    printf("\n");
    fflush(stdout);
}

/* For programs that initialise the library themselves: read the arguments; and, while the library
 * is still initialised, print the plan. */
static inline void conformance_begin(int argc, char **argv)
{
    conformance.only = argc > 1 ? argv[1] : NULL;
}

static inline void conformance_plan(void)
{
    if (shmem_my_pe() == 0) {
        printf("1..%d%s\n", conformance.cases,
               conformance.cases == 0 ? " # SKIP no such case" : "");
        fflush(stdout);
    }
    conformance.failures = 0;
}

/* The status to exit with.  Counts the checks after the plan too. */
static inline int conformance_status(void)
{
    return conformance.failed + conformance.failures == 0 ? 0 : 1;
}

/* What most programs are: initialise, run all cases, finalise. */
static inline int conformance_main(int argc, char **argv, const struct conformance_case *cases,
                                   size_t n_cases)
{
    conformance_begin(argc, argv);
    shmem_init();
    for (size_t i = 0; i < n_cases; i++) {
        conformance_run(cases[i].name, cases[i].run);
    }
    conformance_plan();
    shmem_finalize();
    return conformance_status();
}

#endif
