/* SPDX-License-Identifier: BSD-3-Clause */
/* job_pmix_group.c -- teams, told to the launcher as PMIx groups. */
#include "core/base/job_pmix.h"

#include "core/base/job.h"
#include "core/base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { GROUP_SECONDS = 10 }; /* a server that takes longer has no groups */

static bool has_no_groups; /* as the server said once */

static void group_answer(pmix_status_t status, pmix_info_t *info, size_t n_info, void *answer,
                         pmix_release_cbfunc_t release, void *release_arg)
{
    (void)info, (void)n_info;
    shmi_answer_arrives(status, answer);
    if (status == PMIX_SUCCESS && release != NULL)
        release(release_arg);
}

/* A server that cannot, or does not answer, is not asked again. */
static int group_result(const char *what, const char *name, pmix_status_t status)
{
    if (status == PMIX_SUCCESS)
        return 0;
    if (status == PMIX_ERR_NOT_SUPPORTED || status == PMIX_ERR_TIMEOUT)
        has_no_groups = true;
    shmi_debug("the launcher did not %s group %s: %s", what, name, PMIx_Error_string(status));
    return status == PMIX_ERR_TIMEOUT ? -ENOTSUP : -shmi_pmix_errno(status);
}

int shmi_pmix_group_create(const char *name, const int *pes, int n_pes)
{
    bool yes = true;
    pmix_info_t info;

    if (has_no_groups)
        return -ENOTSUP;
    pmix_proc_t *members = calloc((size_t)n_pes, sizeof(*members));
    struct shmi_answer *answer = shmi_answer_new();
    if (members == NULL || answer == NULL) {
        free(members);
        free(answer);
        shmi_error("no memory to announce a team of %d PEs", n_pes);
        return -ENOMEM;
    }
    for (int i = 0; i < n_pes; i++)
        PMIX_LOAD_PROCID(&members[i], shmi_job.id, (pmix_rank_t)pes[i]);
    PMIX_INFO_LOAD(&info, PMIX_GROUP_ASSIGN_CONTEXT_ID, &yes, PMIX_BOOL);
    pmix_status_t asked =
        PMIx_Group_construct_nb(name, members, (size_t)n_pes, &info, 1, group_answer, answer);
    pmix_status_t status = shmi_answer_wait(answer, asked, GROUP_SECONDS);
    if (status != PMIX_ERR_TIMEOUT) /* an open question may still read the members */
        free(members);
    return group_result("make", name, status);
}

int shmi_pmix_group_destroy(const char *name)
{
    struct shmi_answer *answer = has_no_groups ? NULL : shmi_answer_new();

    if (answer == NULL)
        return has_no_groups ? -ENOTSUP : -ENOMEM;
    pmix_status_t asked = PMIx_Group_destruct_nb(name, NULL, 0, shmi_answer_arrives, answer);
    return group_result("destroy", name, shmi_answer_wait(answer, asked, GROUP_SECONDS));
}
