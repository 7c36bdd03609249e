/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job_kinds.h -- what job.c asks of each way to be started.
 *
 * The functions are those of job.h, called between open and close only.  Nothing outside the files
 * job*.c includes this.
 */
#ifndef SHMI_BASE_JOB_KINDS_H
#define SHMI_BASE_JOB_KINDS_H

#include "core/base/job.h"

struct shmi_job_kind {
    /* Fill in the job; its texts live until close. */
    int (*open)(struct shmi_job *job);
    int (*exchange)(const struct shmi_blob *mine, struct shmi_blob *all);
    int (*fence)(void);
    int (*group_create)(const char *name, const int *pes, int n_pes);
    int (*group_destroy)(const char *name);

    /* Ask the launcher to end the job; returns where there is nobody to ask. */
    void (*abort)(int status);
    void (*close)(void);
};

extern const struct shmi_job_kind shmi_job_pmix;
extern const struct shmi_job_kind shmi_job_solo;

/* A launcher's news of a loss, from any thread; calls what shmi_job_set_on_loss was given. */
void shmi_job_report_loss(int pe, const char *how);

#endif
