/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start_pes_finalize.c -- start_pes with an explicit shmem_finalize, and life after it.
 */
#include "conformance.h"

static long word;

static void puts_work(void)
{
    int me = conformance_me();
    int n = conformance_n();
    shmem_long_p(&word, me + 100, (me + 1) % n);
    shmem_barrier_all();
    check(word == (me + n - 1) % n + 100, "the put wrote %ld", word);
    shmem_barrier_all();
}

int main(int argc, char **argv)
{
    conformance_begin(argc, argv);
    start_pes(0);
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    conformance_run("puts between start_pes and finalize", puts_work);
    conformance_plan();
    shmem_long_p(&word, me + 200, (me + 1) % n);
    shmem_finalize();
    int initialized = 1;
    shmem_query_initialized(&initialized);
    check(initialized == 0, "still initialised after shmem_finalize");
    check(word == (me + n - 1) % n + 200, "finalize did not complete a put: %ld", word);
    return conformance_status();
}
