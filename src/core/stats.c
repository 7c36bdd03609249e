/* SPDX-License-Identifier: BSD-3-Clause */
/* stats.c -- counters of what this PE did. */
#include "core/stats.h"

#include <stdio.h>

#include "core/base/config.h"
#include "core/base/log.h"
#include "core/heap.h"
#include "core/memory.h"

static const char *const names[SHMI_STATS_KINDS] = {
    [SHMI_STATS_PUT] = "put",         [SHMI_STATS_GET] = "get",
    [SHMI_STATS_AMO] = "atomic",      [SHMI_STATS_SIGNAL] = "put with signal",
    [SHMI_STATS_COLL] = "collective",
};

static struct {
    unsigned long calls;
    unsigned long bytes;
} counters[SHMI_STATS_KINDS];

void shmi_stats_count(enum shmi_stat kind, size_t bytes)
{
    __atomic_fetch_add(&counters[kind].calls, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counters[kind].bytes, bytes, __ATOMIC_RELAXED);
}

void shmi_stats_print(void)
{
    if (!shmi_config.stats) {
        return;
    }
    char text[512] = "";
    size_t at = 0;
    for (int i = 0; i < SHMI_STATS_KINDS; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %lu (%lu bytes), ", names[i],
                               counters[i].calls, counters[i].bytes);
        counters[i].calls = 0;
        counters[i].bytes = 0;
    }
    struct shmi_heap_stats heap;
    shmi_memory_stats(&heap);
    shmi_info("%sheap peak %zu of %zu bytes, %zu blocks not freed", text, heap.peak, heap.capacity,
              heap.blocks);
}
