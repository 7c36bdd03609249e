/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mixed_mpi.c -- annex D: MPI and OpenSHMEM in one program.
 *
 * Built where there is an mpicc.  The MPI library finds its launcher by PMIx, as we do; where it is
 * started by one that it does not know, every process is alone in its MPI world, and the program
 * says so and skips.
 */
#include <mpi.h>

#include "conformance.h"

static long word;
static int mpi_rank, mpi_size;

static void same_numbers(void)
{
    int me = conformance_me();
    int n = conformance_n();
    if (mpi_size != n) {
        skip("MPI was not started by this launcher: it has %d processes", mpi_size);
        return;
    }
    int pes[64] = {0};
    MPI_Allgather(&me, 1, MPI_INT, pes, 1, MPI_INT, MPI_COMM_WORLD);
    bool seen[64] = {false};
    for (int rank = 0; rank < n; rank++) {
        check(!seen[pes[rank]], "PE %d is two ranks", pes[rank]);
        seen[pes[rank]] = true;
    }
    check(pes[mpi_rank] == me, "I am PE %d, MPI says %d", me, pes[mpi_rank]);
}

/* What one library has moved, the other moves on. */
static void data_through_both(void)
{
    int me = conformance_me();
    int n = conformance_n();
    if (mpi_size != n) {
        skip("MPI was not started by this launcher");
        return;
    }
    long *heap = (long *)shmem_calloc((size_t)n, sizeof(long));
    const int rounds = conformance_few(100, 5);
    for (int round = 1; round <= rounds; round++) {
        shmem_long_p(&word, me + round, (me + 1) % n);
        shmem_barrier_all();
        long sum = 0;
        MPI_Allreduce(&word, &sum, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
        check(sum == (long)n * (n - 1) / 2 + (long)n * round, "round %d: the sum is %ld", round,
              sum);
        /* From symmetric memory and into it. */
        MPI_Allgather(&word, 1, MPI_LONG, heap, 1, MPI_LONG, MPI_COMM_WORLD);
        shmem_barrier_all();
        long theirs = shmem_long_g(&heap[n - 1], (me + 1) % n);
        check(theirs == shmem_long_g(&heap[n - 1], me), "round %d: gathered %ld", round, theirs);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    shmem_free(heap);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"PEs and ranks", same_numbers},
        {"data through both", data_through_both},
    };
    conformance_begin(argc, argv);
    int provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &mpi_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &mpi_size);
    shmem_init();
    for (size_t i = 0; i < CONFORMANCE_COUNT(cases); i++) {
        conformance_run(cases[i].name, cases[i].run);
    }
    conformance_plan();
    shmem_finalize();

    /* MPI lives on when OpenSHMEM has ended. */
    int one = 1, all = 0;
    MPI_Allreduce(&one, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    check(all == mpi_size, "MPI after shmem_finalize counts %d", all);
    MPI_Finalize();
    return conformance_status();
}
