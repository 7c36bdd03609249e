/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch.h -- the ways of starting a job.
 */
#ifndef OSHRUN_LAUNCH_H
#define OSHRUN_LAUNCH_H

#include "options.h"

#include <limits.h>

enum launcher { LAUNCH_OWN, LAUNCH_MPIRUN, LAUNCH_PRTERUN, LAUNCH_SRUN };

/* What was chosen, and why, in words. */
struct choice {
    enum launcher launcher;
    char path[PATH_MAX]; /* of its program; empty for our own */
    const char *why;
};

/* find.c: where things are.  An executable by name, searched in PATH and never being this very
 * program; 0, or -errno saying why it cannot be run. */
int find_program(const char *name, char path[PATH_MAX]);

/* Which launcher speaks PMIx here under the name mpirun?  Looks into the file rather than run
 * it. */
enum launcher find_kind(const char *path, bool *is_known);

/* The directory of libnpushmem.so around this program, or "" where the system's linker knows it. */
void find_library(char dir[PATH_MAX]);

/* Let the PEs find it too: LD_LIBRARY_PATH gets that directory, last. */
void find_library_export(void);

/* choose.c: the decision. */
void choose(struct choice *choice, const struct options *options);

/* other.c: become one of the other launchers; with a time limit, watch over it.  Does not return
 * without having run it. */
int other_run(const struct choice *choice, const struct options *options);

/* own.c: start the PEs here and serve them.  The job's exit status. */
int own_run(const struct options *options);

#endif
