/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * heap.c -- allocate, touch, and say what one got: heap <bytes> [touched bytes] [seconds to stay].
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shmem.h>

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    size_t touched = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    shmem_init();
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    char *memory = (char *)shmem_malloc(size);
    printf("PE %d of %d: shmem_malloc(%zu) gave %s\n", me, n, size,
           memory == NULL ? "nothing" : "memory");
    fflush(stdout);
    if (memory != NULL) {
        memset(memory, me + 1, touched);
        shmem_barrier_all();
        for (size_t i = 0; i < touched; i += 4096) { /* the neighbour's, all over */
            char byte = shmem_char_g(memory + i, (me + 1) % n);
            if (byte != (char)((me + 1) % n + 1)) {
                fprintf(stderr, "heap: byte %zu of the neighbour is %d\n", i, byte);
                return 1;
            }
        }
        shmem_free(memory);
    }
    sleep(argc > 3 ? (unsigned)atoi(argv[3]) : 0);
    shmem_finalize();
    printf("PE %d is done\n", me);
    return 0;
}
