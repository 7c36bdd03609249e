/* SPDX-License-Identifier: BSD-3-Clause */
/* stats.h -- counters of what this PE did (SHMEM_STATS=1).  Off, they cost nothing. */
#ifndef SHMI_STATS_H
#define SHMI_STATS_H

#include <stddef.h>

enum shmi_stat {
    SHMI_STATS_PUT,
    SHMI_STATS_GET,
    SHMI_STATS_AMO,
    SHMI_STATS_SIGNAL,
    SHMI_STATS_COLL,
    SHMI_STATS_KINDS,
};

void shmi_stats_count(enum shmi_stat kind, size_t bytes);

/* At finalize: a line of counters of this PE. */
void shmi_stats_print(void);

#endif
