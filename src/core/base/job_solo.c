/* SPDX-License-Identifier: BSD-3-Clause */
/* job_solo.c -- a program that was started without a launcher: a job of one PE. */
#include "core/base/job_kinds.h"

#include "core/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int solo_open(struct shmi_job *job)
{
    static char id[32];

    snprintf(id, sizeof(id), "solo.%ld", (long)getpid());
    *job = (struct shmi_job){
        .my_pe = 0,
        .n_pes = 1,
        .launcher = "none: a job of one PE",
        .id = id,
    };
    return 0;
}

static int solo_exchange(const struct shmi_blob *mine, struct shmi_blob *all)
{
    void *bytes = malloc(mine->len > 0 ? mine->len : 1);

    if (bytes == NULL) {
        shmi_error("no memory for %zu bytes of start-up data", mine->len);
        return -ENOMEM;
    }
    if (mine->len > 0)
        memcpy(bytes, mine->bytes, mine->len);
    all[0] = (struct shmi_blob){.bytes = bytes, .len = mine->len};
    return 0;
}

static int solo_fence(void)
{
    return 0;
}

static int solo_group_create(const char *name, const int *pes, int n_pes)
{
    (void)name, (void)pes, (void)n_pes;
    return -ENOTSUP;
}

static int solo_group_destroy(const char *name)
{
    (void)name;
    return -ENOTSUP;
}

static void solo_abort(int status)
{
    (void)status;
}

static void solo_close(void)
{
}

const struct shmi_job_kind shmi_job_solo = {
    .open = solo_open,
    .exchange = solo_exchange,
    .fence = solo_fence,
    .group_create = solo_group_create,
    .group_destroy = solo_group_destroy,
    .abort = solo_abort,
    .close = solo_close,
};
