/* SPDX-License-Identifier: BSD-3-Clause */
/* own.c -- a job on this machine, started and watched by oshrun itself. */
#include "launch.h"

int own_run(const struct options *options)
{
    (void)options;
    give_up("no launcher that speaks PMIx is in PATH (mpirun of Open MPI, prterun, srun)");
}
