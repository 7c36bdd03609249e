/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exits.h -- a PE that returns from main without shmem_finalize.
 *
 * Programs of old do that, and it is fine if the others come to their ends without it.  So it says
 * so and waits, without taking part in anything they do: until all have called shmem_finalize or
 * exited, too; or until all the rest have long been waiting, for nothing moves any more then, and
 * it ends the job.
 */
#ifndef SHMI_EXITS_H
#define SHMI_EXITS_H

void shmi_exits_await(void);

#endif
