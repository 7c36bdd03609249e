/* SPDX-License-Identifier: BSD-3-Clause */
/* job_pmix.h -- what the files job_pmix*.c share; nobody else includes it. */
#ifndef SHMI_BASE_JOB_PMIX_H
#define SHMI_BASE_JOB_PMIX_H

#include <pmix.h>

enum { SHMI_FOREVER = 0 };

/* The answer to one question that was put to PMIx without blocking.  Give shmi_answer_arrives and
 * the answer to the call as its callback, and what the call returned to shmi_answer_wait, which
 * disposes of the answer: PMIX_ERR_TIMEOUT when it has not come in so many seconds. */
struct shmi_answer;

struct shmi_answer *shmi_answer_new(void);
void shmi_answer_arrives(pmix_status_t status, void *answer);
pmix_status_t shmi_answer_wait(struct shmi_answer *answer, pmix_status_t asked, long seconds);

/* A status of PMIx as an errno, 0 for success. */
int shmi_pmix_errno(pmix_status_t status);

/* job.h's functions for teams. */
int shmi_pmix_group_create(const char *name, const int *pes, int n_pes);
int shmi_pmix_group_destroy(const char *name);

#endif
