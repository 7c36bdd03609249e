/* SPDX-License-Identifier: BSD-3-Clause */
/* job_pmix_answer.c -- waiting for PMIx, with a limit. */
#include "core/base/job_pmix.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* The asker and the callback each hold it, the last frees it. */
struct shmi_answer {
    pthread_mutex_t lock; /* protects the rest */
    pthread_cond_t came;
    int holders;
    bool is_here;
    pmix_status_t status;
};

struct shmi_answer *shmi_answer_new(void)
{
    struct shmi_answer *answer = calloc(1, sizeof(*answer));
    pthread_condattr_t attr;

    if (answer == NULL)
        return NULL;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&answer->came, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&answer->lock, NULL);
    answer->holders = 2;
    return answer;
}

/* Unlock and let go. */
static void answer_leave(struct shmi_answer *answer)
{
    bool is_last = --answer->holders == 0;

    pthread_mutex_unlock(&answer->lock);
    if (is_last) {
        pthread_mutex_destroy(&answer->lock);
        pthread_cond_destroy(&answer->came);
        free(answer);
    }
}

void shmi_answer_arrives(pmix_status_t status, void *arg)
{
    struct shmi_answer *answer = arg;

    pthread_mutex_lock(&answer->lock);
    answer->status = status;
    answer->is_here = true;
    pthread_cond_signal(&answer->came);
    answer_leave(answer);
}

pmix_status_t shmi_answer_wait(struct shmi_answer *answer, pmix_status_t asked, long seconds)
{
    struct timespec limit;
    int error = 0;

    if (asked != PMIX_SUCCESS) /* then no callback comes, and success may be reported at once */
        shmi_answer_arrives(asked == PMIX_OPERATION_SUCCEEDED ? PMIX_SUCCESS : asked, answer);
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += seconds;

    pthread_mutex_lock(&answer->lock);
    while (!answer->is_here && error == 0)
        error = seconds == SHMI_FOREVER
                    ? pthread_cond_wait(&answer->came, &answer->lock)
                    : pthread_cond_timedwait(&answer->came, &answer->lock, &limit);
    pmix_status_t status = answer->is_here ? answer->status : PMIX_ERR_TIMEOUT;
    answer_leave(answer);
    return status;
}

int shmi_pmix_errno(pmix_status_t status)
{
    switch (status) {
    case PMIX_SUCCESS:
        return 0;
    case PMIX_ERR_NOT_SUPPORTED:
        return ENOTSUP;
    case PMIX_ERR_TIMEOUT:
        return ETIMEDOUT;
    case PMIX_ERR_UNREACH:
    case PMIX_ERR_LOST_CONNECTION:
        return ECONNRESET;
    case PMIX_ERR_NOMEM:
        return ENOMEM;
    case PMIX_ERR_BAD_PARAM:
        return EINVAL;
    default:
        return EIO;
    }
}
