/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job.h -- this process among the processes of the job.
 *
 * The contract between the library and whatever started it.  job_pmix.c speaks PMIx to a launcher;
 * job_solo.c is a program started without one: a job of one PE.  job.c chooses.
 */
#ifndef SHMI_BASE_JOB_H
#define SHMI_BASE_JOB_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that one part of the library wants carried, unread, from one PE to others. */
struct shmi_blob {
    void *bytes;
    size_t len;
};

/* Set by shmi_job_open, constant until shmi_job_close. */
struct shmi_job {
    int my_pe;
    int n_pes;
    const char *launcher; /* for people: "Open MPI (PMIx 4.2.2)", "none: a job of one PE" */
    const char *id;       /* the launcher's name of this job; differs between jobs */
};
extern struct shmi_job shmi_job;

/* Find the launcher and the numbers above.  0, or -errno after logging what is wrong and how to
 * start: a launcher that does not speak PMIx must not become many copies of a one-PE job. */
int shmi_job_open(void);

/* All PEs together: my blob out, then everybody's blob in.  all[] has n_pes entries, whose bytes
 * belong to the caller (free each).  A collecting fence, bounded by SHMEM_START_TIMEOUT: on expiry
 * it logs which PEs have not come, and ends the job. */
int shmi_job_exchange(const struct shmi_blob *mine, struct shmi_blob *all);

/* All PEs arrive before any leaves; carries nothing.  For start and end, not for the data path. */
int shmi_job_fence(void);

/* Tell the launcher of a team (SHMEM_TEAM_GROUPS).  Collective over the PEs named.  0, -ENOTSUP
 * where the server has no groups, or another -errno; never fatal: a launcher's view is a luxury. */
int shmi_job_group_create(const char *name, const int *pes, int n_pes);
int shmi_job_group_destroy(const char *name);

/* What to do when the launcher says that a PE died (pe >= 0) or that the launcher itself is gone
 * (pe == -1).  Called on a thread of the job's own, or on several at a time; how is a phrase for
 * people: "it was ended by a signal".  Set before open. */
void shmi_job_set_on_loss(void (*on_loss)(int pe, const char *how));

/* End the whole job with this status, from any thread; C streams are flushed first. */
void shmi_job_abort(int status) __attribute__((noreturn));

/* Leave the job in peace.  A later shmi_job_open may join it again.  A process that exits without
 * this is one that failed, to its launcher. */
void shmi_job_close(void);

#endif
