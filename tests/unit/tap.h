/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap.h -- results of a test, in the Test Anything Protocol.
 *
 * A test calls ok() and its kin as often as it likes and returns done(), whose plan comes last, so
 * that a test which dies early fails.  Both sides of a comparison are shown when it fails.
 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct {
    int run, failed;
} tap;

__attribute__((format(printf, 4, 5))) static inline bool tap_result(bool good, const char *file,
                                                                    int line, const char *what, ...)
{
    va_list args;

    tap.failed += !good;
    printf("%sok %d - ", good ? "" : "not ", ++tap.run);
    va_start(args, what);
    vprintf(what, args);
    va_end(args);
    printf("\n");
    if (!good)
        printf("# failed at %s:%d\n", file, line);
    fflush(stdout);
    return good;
}

static inline bool tap_is(long long got, long long wanted, const char *file, int line,
                          const char *what)
{
    bool good = tap_result(got == wanted, file, line, "%s", what);

    if (!good)
        printf("# got %lld, wanted %lld\n", got, wanted);
    return good;
}

static inline bool tap_is_text(const char *got, const char *wanted, const char *file, int line,
                               const char *what)
{
    bool same = got != NULL && wanted != NULL ? strcmp(got, wanted) == 0 : got == wanted;

    tap_result(same, file, line, "%s", what);
    if (!same)
        printf("# got \"%s\", wanted \"%s\"\n", got == NULL ? "(NULL)" : got,
               wanted == NULL ? "(NULL)" : wanted);
    return same;
}

/* One result that could not be had here, and why. */
static inline void skip(const char *why)
{
    printf("ok %d # SKIP %s\n", ++tap.run, why);
}

/* A whole test that cannot run here: return skip_all("why"). */
static inline int skip_all(const char *why)
{
    printf("1..0 # SKIP %s\n", why);
    return 0;
}

static inline int done(void)
{
    printf("1..%d\n", tap.run);
    fflush(stdout);
    return tap.failed == 0 && tap.run > 0 ? 0 : 1;
}

#define ok(condition, ...)         tap_result((condition), __FILE__, __LINE__, __VA_ARGS__)
#define is(got, wanted, what)      tap_is((got), (wanted), __FILE__, __LINE__, what)
#define is_text(got, wanted, what) tap_is_text((got), (wanted), __FILE__, __LINE__, what)

#endif
