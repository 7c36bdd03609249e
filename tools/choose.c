/* SPDX-License-Identifier: BSD-3-Clause */
/* choose.c -- which launcher starts this job. */
#include "launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Open MPI's mpirun, or what stands in its place; not MPICH's, which speaks no PMIx. */
static bool find_mpirun(struct choice *choice)
{
    static const char *const names[] = {"mpirun.openmpi", "mpirun", "orterun", "prterun"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool is_known;
        if (find_program(names[i], choice->path) != 0)
            continue;
        choice->launcher = find_kind(choice->path, &is_known);
        if (is_known)
            return true;
    }
    choice->path[0] = '\0';
    return false;
}

/* The mpirun of Open MPI 5 hands its work to prterun, and (5.0.7) crashes when several programs
 * make one job, which prterun itself does well. */
static void avoid_mpirun5(struct choice *choice, const struct options *options)
{
    char path[PATH_MAX];

    if (choice->launcher == LAUNCH_PRTERUN && options->n_apps > 1 &&
        find_program("prterun", path) == 0)
        memcpy(choice->path, path, sizeof(path));
}

/* Is every host this machine? */
static bool is_here(const struct options *options)
{
    char name[256] = "";

    if (options->hosts == NULL)
        return true;
    gethostname(name, sizeof(name) - 1);
    for (const char *host = options->hosts; *host != '\0';) {
        size_t len = strcspn(host, ":,");
        if (!(len == strlen(name) && strncmp(host, name, len) == 0) &&
            !(len == 9 && strncmp(host, "localhost", len) == 0))
            return false;
        host += strcspn(host, ",");
        host += strspn(host, ",");
    }
    return true;
}

static void choose_auto(struct choice *choice, const struct options *options)
{
    bool in_slurm = getenv("SLURM_JOB_ID") != NULL && options->n_apps == 1;

    if (in_slurm && find_program("srun", choice->path) == 0) {
        choice->launcher = LAUNCH_SRUN;
        choice->why = "this is an allocation of Slurm's";
    } else if (find_mpirun(choice)) {
        choice->why = "it is installed";
        avoid_mpirun5(choice, options);
    } else if (is_here(options)) {
        choice->launcher = LAUNCH_OWN;
        choice->why = "no other launcher that speaks PMIx is installed";
    } else {
        give_up("starting PEs on other hosts needs Open MPI's mpirun, prterun or srun, and none is "
                "in PATH");
    }
}

static void choose_named(struct choice *choice, const char *name, enum launcher launcher)
{
    choice->launcher = launcher;
    choice->why = "it was asked for";
    if (find_program(name, choice->path) != 0)
        give_up("the launcher %s was asked for, but is not in PATH", name);
}

void choose(struct choice *choice, const struct options *options)
{
    const char *name = options->launcher;

    *choice = (struct choice){.launcher = LAUNCH_OWN, .why = "it was asked for"};
    if (strcmp(name, "auto") == 0) {
        choose_auto(choice, options);
    } else if (strcmp(name, "own") == 0) {
        if (!is_here(options))
            give_up("oshrun's own launcher starts PEs on this machine only; other hosts need "
                    "mpirun, prterun or srun");
    } else if (strcmp(name, "srun") == 0) {
        choose_named(choice, name, LAUNCH_SRUN);
    } else if (strcmp(name, "prterun") == 0) {
        choose_named(choice, name, LAUNCH_PRTERUN);
    } else if (strcmp(name, "mpirun") == 0) {
        if (!find_mpirun(choice))
            give_up("the launcher mpirun was asked for, but no Open MPI is in PATH");
        avoid_mpirun5(choice, options);
    } else {
        give_up("SHMEM_LAUNCHER (or --launcher) is auto, mpirun, prterun, srun or own, not \"%s\"",
                name);
    }
}
