/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job.c -- which kind of job this is, and how it ends.
 *
 * The environment decides, before any library of a launcher is called: a program that nobody
 * launched pays nothing, and one whose launcher speaks another language is stopped rather than run
 * as many copies of a one-PE job.
 */
#include "core/base/job.h"

#include "core/base/job_kinds.h"
#include "core/base/log.h"
#include "core/base/util.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Seconds an ending process gives to its streams and to its launcher. */
enum { PATIENCE = 5 };

/* The marks that launchers without PMIx leave: how many processes, which of them is this. */
static const struct {
    const char *size, *rank;
    const char *problem;
} foreign[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
     "Open MPI started %s processes, but its PMIx server is not offered to them"},
    {"PMI_SIZE", "PMI_RANK", "a launcher that speaks PMI but not PMIx started %s processes"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun started %s processes without --mpi=pmix"},
    {"MPI_LOCALNRANKS", "MPI_LOCALRANKID",
     "a launcher that does not speak PMIx started %s processes"},
    {"FLUX_JOB_SIZE", "FLUX_TASK_RANK", "flux started %s processes without its PMIx plug-in"},
};

struct shmi_job shmi_job = {.my_pe = 0, .n_pes = 1};

static const struct shmi_job_kind *kind; /* NULL while closed */
static void (*loss_hook)(int pe, const char *how);

/* Look for a launcher we cannot talk to.  Rank 0 speaks for all. */
static int refuse_foreign(void)
{
    for (size_t i = 0; i < SHMI_COUNT(foreign); i++) {
        const char *size = getenv(foreign[i].size);
        const char *rank = getenv(foreign[i].rank);

        if (size == NULL || strtol(size, NULL, 10) <= 1)
            continue;
        if (rank == NULL || strtol(rank, NULL, 10) == 0) {
            char problem[256];

            snprintf(problem, sizeof(problem), foreign[i].problem, size);
            shmi_error("%s; start with oshrun -n %s ./program, or srun --mpi=pmix", problem, size);
        }
        return -EPROTONOSUPPORT;
    }
    return 0;
}

int shmi_job_open(void)
{
    const struct shmi_job_kind *chosen = &shmi_job_pmix;
    struct shmi_job job;
    int result = 0;

    if (getenv("PMIX_NAMESPACE") == NULL) {
        chosen = &shmi_job_solo;
        result = refuse_foreign();
    }
    if (result == 0)
        result = chosen->open(&job);
    if (result != 0)
        return result;
    shmi_job = job;
    kind = chosen;
    shmi_log_set_pe(job.my_pe);
    shmi_log_set_abort(shmi_job_abort);
    shmi_debug("PE %d of %d, job %s, launcher %s", job.my_pe, job.n_pes, job.id, job.launcher);
    return 0;
}

int shmi_job_exchange(const struct shmi_blob *mine, struct shmi_blob *all)
{
    return kind->exchange(mine, all);
}

int shmi_job_fence(void)
{
    return kind->fence();
}

int shmi_job_group_create(const char *name, const int *pes, int n_pes)
{
    return kind->group_create(name, pes, n_pes);
}

int shmi_job_group_destroy(const char *name)
{
    return kind->group_destroy(name);
}

void shmi_job_set_on_loss(void (*on_loss)(int pe, const char *how))
{
    loss_hook = on_loss;
}

void shmi_job_report_loss(int pe, const char *how)
{
    if (loss_hook != NULL)
        loss_hook(pe, how);
}

static void *flush_streams(void *unused)
{
    fflush(NULL);
    return unused;
}

static void *tell_launcher(void *status)
{
    kind->abort(*(const int *)status);
    return NULL;
}

/* Another thread may hold a stream's lock while it reads from a terminal, and a launcher may be
 * half dead: neither may keep this process from ending. */
static void do_within_patience(void *(*step)(void *), void *arg)
{
    pthread_t thread;
    struct timespec limit;

    if (pthread_create(&thread, NULL, step, arg) != 0) {
        step(arg);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE;
    pthread_timedjoin_np(thread, NULL, &limit);
}

void shmi_job_abort(int status)
{
    static pthread_mutex_t first =
        PTHREAD_MUTEX_INITIALIZER; /* never unlocked: one thread ends all */
    static int told;

    pthread_mutex_lock(&first);
    told = status;
    do_within_patience(flush_streams, NULL);
    if (kind != NULL)
        do_within_patience(tell_launcher, &told);
    _exit(status);
}

void shmi_job_close(void)
{
    if (kind == NULL)
        return;
    kind->close();
    kind = NULL;
    shmi_log_set_abort(NULL);
    shmi_log_set_pe(-1);
    shmi_job = (struct shmi_job){.my_pe = 0, .n_pes = 1};
}
