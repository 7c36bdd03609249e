/* SPDX-License-Identifier: BSD-3-Clause */
/* util.h -- the few words that C lacks and every file wants. */
#ifndef SHMI_BASE_UTIL_H
#define SHMI_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What two cores can own apart from each other.  Pairs of lines are fetched together on x86, but
 * padding to 128 would double every flag's footprint for a gain that measurements do not show. */
#define SHMI_LINE 64

/* For declarations of data on the fast paths: the compiler need not ask a table where it is. */
#define SHMI_HIDDEN __attribute__((visibility("hidden")))

#define SHMI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define shmi_likely(cond)   __builtin_expect(!!(cond), 1)
#define shmi_unlikely(cond) __builtin_expect(!!(cond), 0)

/* A function whose loops are worth vector instructions.  clang makes them at -O2, too. */
#if defined(__clang__)
#define SHMI_VECTORISED
#else
#define SHMI_VECTORISED __attribute__((optimize("O3")))
#endif

static inline size_t shmi_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t shmi_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The next multiple of align, which is a power of two. */
static inline size_t shmi_round_up(size_t len, size_t align)
{
    return (len + align - 1) & ~(align - 1);
}

static inline bool shmi_is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* Of a clock that nobody sets; it is this host's alone. */
static inline uint64_t shmi_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
