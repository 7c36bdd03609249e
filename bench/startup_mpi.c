/* SPDX-License-Identifier: BSD-3-Clause */
/* startup_mpi.c -- what startup.c measures, for MPI: how long MPI_Init and MPI_Finalize take. */
#include <mpi.h>

#include "startup.h"

int main(int argc, char **argv)
{
    int rank = 0;
    double start = startup_now_ms();
    MPI_Init(&argc, &argv);
    double ready = startup_now_ms();
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Barrier(MPI_COMM_WORLD);
    double leaving = startup_now_ms();
    MPI_Finalize();
    double end = startup_now_ms();
    if (rank == 0) {
        startup_print("init", ready - start);
        startup_print("finalize", end - leaving);
        startup_print("init_finalize", ready - start + end - leaving);
    }
    return 0;
}
