/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * oshrun.c -- start an OpenSHMEM program.
 *
 *     options.c   the command line
 *     choose.c    which launcher: Open MPI's, PRRTE's, Slurm's, or our own
 *     other.c     the first three: oshrun writes their command line and becomes them
 *     own.c       the last: oshrun starts the PEs of one machine itself
 *     server.c    and is their PMIx server
 *     pump.c      and carries their input and output
 *     find.c      where programs and the library are
 */
#include "launch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A program that is not there is best reported before anything starts, and once. */
static void check_program(const struct options *options, const struct app *app)
{
    const char *name = app->argv[0];
    char path[PATH_MAX], beside[PATH_MAX];

    if (options->dir != NULL && name[0] != '/' && strchr(name, '/') != NULL)
        snprintf(beside, sizeof(beside), "%s/%s", options->dir, name);
    else
        snprintf(beside, sizeof(beside), "%s", name);
    int rc = find_program(beside, path);
    if (rc == 0 || rc == -ELOOP)
        return;
    snprintf(beside, sizeof(beside), "./%s", name);
    if (strchr(name, '/') == NULL && rc == -ENOENT)
        give_up("cannot run %s: it is not in PATH%s%s%s", name,
                access(beside, X_OK) == 0 ? " (was " : "", access(beside, X_OK) == 0 ? beside : "",
                access(beside, X_OK) == 0 ? " meant?)" : "");
    give_up("cannot run %s: %s", name, strerror(-rc));
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        [LAUNCH_OWN] = "oshrun itself",
        [LAUNCH_MPIRUN] = "Open MPI's mpirun",
        [LAUNCH_PRTERUN] = "PRRTE's prterun",
        [LAUNCH_SRUN] = "Slurm's srun",
    };
    struct options options;
    struct choice choice;

    options_read(&options, argc, argv);
    if (options.dir != NULL && options.hosts == NULL && access(options.dir, X_OK) != 0)
        give_up("cannot start in %s: %m", options.dir);
    for (int i = 0; i < options.n_apps && options.hosts == NULL; i++)
        check_program(&options, &options.apps[i]);
    choose(&choice, &options);
    if (options.verbose)
        say("%d PEs, launcher: %s%s%s (%s)", options_total(&options), names[choice.launcher],
            choice.path[0] != '\0' ? " " : "", choice.path, choice.why);
    return choice.launcher == LAUNCH_OWN ? own_run(&options) : other_run(&choice, &options);
}
