/* SPDX-License-Identifier: BSD-3-Clause */
/* startup.c -- how long shmem_init and shmem_finalize take, in this process's own eyes. */
#include "startup.h"

#include <shmem.h>

int main(void)
{
    double start = startup_now_ms();
    shmem_init();
    double ready = startup_now_ms();
    int me = shmem_my_pe();
    if (me == 0)
        startup_print("init", ready - start);
    /* All together, lest the time of a PE that came late be counted to finalize. */
    shmem_barrier_all();
    double leaving = startup_now_ms();
    shmem_finalize();
    double end = startup_now_ms();
    if (me == 0) {
        startup_print("finalize", end - leaving);
        startup_print("init_finalize", ready - start + end - leaving);
    }
    return 0;
}
