/* SPDX-License-Identifier: BSD-3-Clause */
/* startup.h -- what startup.c and startup_mpi.c share: a clock, and what they print. */
#ifndef STARTUP_H
#define STARTUP_H

#include <stdio.h>
#include <time.h>

static inline double startup_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline void startup_print(const char *what, double ms)
{
    printf("%s\t0\t%.3f\tms\n", what, ms);
    fflush(stdout);
}

#endif
