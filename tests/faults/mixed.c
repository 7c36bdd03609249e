/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mixed.c -- two programs that make one job, mixed and mixed_too: their heaps are symmetric, their
 * variables are not.
 *
 *     mixed [put]     put: to a variable of the other program
 */
#include <stdio.h>

#include <shmem.h>

#ifdef TOO
static long more[1000] = {1};
#endif
static long word;

int main(int argc, char **argv)
{
    (void)argv;
    shmem_init();
    int me = shmem_my_pe();
    int other = 1 - me;
    long *heap = shmem_malloc(sizeof(*heap));
    int good = shmem_addr_accessible(heap, other) == 1 && shmem_ptr(heap, other) != NULL;
    good = good && shmem_addr_accessible(&word, me) == 1 && shmem_ptr(&word, me) == &word;
    good = good && shmem_addr_accessible(&word, other) == 0 && shmem_ptr(&word, other) == NULL;
    shmem_long_p(heap, 5 + me, other);
    shmem_barrier_all();
    good = good && *heap == 5 + other;
#ifdef TOO
    good = good && more[0] == 1;
#endif
    if (argc > 1 && me == 0) {
        shmem_long_p(&word, 1, other);
        puts("survived");
    }
    shmem_barrier_all();
    printf("PE %d is %s\n", me, good ? "right" : "wrong");
    shmem_finalize();
    return good ? 0 : 1;
}
