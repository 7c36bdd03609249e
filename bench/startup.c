/* SPDX-License-Identifier: BSD-3-Clause */
/* startup.c -- how long shmem_init and shmem_finalize take, in this process's own eyes. */
#include <shmem.h>
#include <stdio.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(void)
{
    double start = now_ms();
    shmem_init();
    double ready = now_ms();
    int me = shmem_my_pe();
    if (me == 0) {
        printf("init\t0\t%.3f\tms\n", ready - start);
        fflush(stdout);
    }
    /* All together, lest the time of a PE that came late be counted to finalize. */
    shmem_barrier_all();
    double leaving = now_ms();
    shmem_finalize();
    double end = now_ms();
    if (me == 0) {
        printf("finalize\t0\t%.3f\tms\n", end - leaving);
        printf("init_finalize\t0\t%.3f\tms\n", ready - start + end - leaving);
    }
    return 0;
}
