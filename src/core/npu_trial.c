/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * npu_trial.c -- in which way PEs share their device memory: each tries what the others offer.
 *
 * Devices have several ways, and what one exports another may not import.  Memory itself can be
 * shared in one way only, and is of another kind for some.  So before a PE allocates it:
 *
 *     this PE                                     each other PE of its node
 *     a little memory, shared in each way    ->   maps it, way by way, and lets it go
 *     prefers the way that most could map    <-   tells which went well
 *
 * The better way wins where as many can map either.  Who cannot map what was preferred goes by the
 * PE's agent.
 */
#include "core/npu_trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/job.h"
#include "core/base/log.h"
#include "core/npu.h"
#include "device/device.h"

/* What a PE offers. */
struct trial {
    char name[16]; /* the device; none: it does not work */
    uint32_t ways; /* in which it shares, a bit each */
    struct shmi_share share[SHMI_DEVICE_WAYS_MAX];
};

/* What it tells each of the others of its node. */
struct verdict {
    int32_t pe;
    uint32_t ways; /* in which it could map that PE's memory */
};

static void *memory[SHMI_DEVICE_WAYS_MAX]; /* of this PE's trial */

static int exchange(const void *mine, size_t len, struct shmi_blob *all)
{
    struct shmi_blob blob = {.bytes = (void *)mine, .len = len};
    return shmi_job_exchange(&blob, all);
}

static void drop(struct shmi_blob *blobs)
{
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        free(blobs[pe].bytes);
        blobs[pe].bytes = NULL;
    }
}

static struct trial offer(void)
{
    const struct shmi_device *device = shmi_accelerator.device;
    struct trial mine = {.ways = 0};
    strncpy(mine.name, device->name, sizeof(mine.name) - 1);
    for (unsigned way = 0; way < shmi_accelerator.facts.ways; way++) {
        int rc = device->trial(shmi_accelerator.npu, way, &memory[way], &mine.share[way]);
        mine.ways |= (uint32_t)(rc == 0) << way;
    }
    return mine;
}

static void take_back(uint32_t ways)
{
    for (unsigned way = 0; way < SHMI_DEVICE_WAYS_MAX; way++) {
        if (ways >> way & 1) {
            shmi_accelerator.device->free(shmi_accelerator.npu, memory[way]);
        }
    }
}

static bool is_near(const struct shmi_blob *theirs, int pe)
{
    return pe != shmi_job.my_pe && theirs->len == sizeof(struct trial) &&
           shmi_npu_is_near(((const struct trial *)theirs->bytes)->name, pe);
}

/* Does any PE share in ways that are to be tried?  All PEs come to the same answer. */
static bool any_ways(const struct shmi_blob *blobs)
{
    uint32_t ways = 0;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        const struct trial *theirs = blobs[pe].bytes;
        ways |= blobs[pe].len == sizeof(*theirs) ? theirs->ways : 0;
    }
    return ways != 0;
}

static void admit_all(const struct shmi_blob *blobs, uint32_t ways)
{
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        const struct trial *theirs = blobs[pe].bytes;
        for (unsigned way = 0; way < SHMI_DEVICE_WAYS_MAX && is_near(&blobs[pe], pe); way++) {
            if (ways >> way & 1) {
                shmi_accelerator.device->admit(shmi_accelerator.npu, memory[way],
                                               &theirs->share[0]);
            }
        }
    }
}

/* The ways in which a PE's memory can be mapped here. */
static uint32_t try_all(const struct trial *theirs)
{
    uint32_t good = 0;
    for (unsigned way = 0; way < SHMI_DEVICE_WAYS_MAX; way++) {
        void *map = NULL;
        if ((theirs->ways >> way & 1) &&
            shmi_accelerator.device->map(shmi_accelerator.npu, &theirs->share[way], &map) == 0) {
            shmi_accelerator.device->unmap(shmi_accelerator.npu, map);
            good |= 1u << way;
        }
    }
    return good;
}

/* This PE's verdicts on the others, and on itself; their number. */
static size_t judge(const struct shmi_blob *blobs, struct verdict *verdicts)
{
    size_t n = 0;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        if (is_near(&blobs[pe], pe)) {
            verdicts[n++] = (struct verdict){.pe = pe, .ways = try_all(blobs[pe].bytes)};
        } else if (pe == shmi_job.my_pe) {
            verdicts[n++] =
                (struct verdict){.pe = pe}; /* none, but then there is something to send */
        }
    }
    return n;
}

/* The others' verdicts on this PE. */
static void count_votes(const struct shmi_blob *blobs, unsigned *votes)
{
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        const struct verdict *verdicts = blobs[pe].bytes;
        for (size_t i = 0; i < blobs[pe].len / sizeof(*verdicts); i++) {
            bool me = verdicts[i].pe == shmi_job.my_pe;
            for (unsigned way = 0; way < SHMI_DEVICE_WAYS_MAX; way++) {
                votes[way] += me && (verdicts[i].ways >> way & 1);
            }
        }
    }
}

/* From the most votes to the fewest; what nobody can map is not shared at all. */
static void prefer(const unsigned *votes)
{
    unsigned order[SHMI_DEVICE_WAYS_MAX];
    unsigned n = 0;
    for (unsigned most = (unsigned)shmi_job.n_pes; most > 0; most--) {
        for (unsigned way = 0; way < SHMI_DEVICE_WAYS_MAX; way++) {
            if (votes[way] == most) {
                order[n++] = way;
            }
        }
    }
    shmi_accelerator.device->prefer(shmi_accelerator.npu, order, n);
}

/* With the offers of all: all have admitted each other before one maps, and all have let go what
 * they mapped before one frees it. */
static int decide(struct shmi_blob *blobs, uint32_t ways, unsigned *votes)
{
    struct verdict *verdicts = malloc((size_t)shmi_job.n_pes * sizeof(*verdicts));
    if (verdicts == NULL) {
        shmi_fatal("out of memory for the device memory of %d PEs", shmi_job.n_pes);
    }
    admit_all(blobs, ways);
    int rc = shmi_job_fence();
    size_t n = rc == 0 ? judge(blobs, verdicts) : 0;
    drop(blobs);
    rc = rc == 0 ? exchange(verdicts, n * sizeof(*verdicts), blobs) : rc;
    if (rc == 0) {
        count_votes(blobs, votes);
    }
    free(verdicts);
    return rc;
}

int shmi_npu_trial(bool works)
{
    unsigned votes[SHMI_DEVICE_WAYS_MAX] = {0};
    if (shmi_job.n_pes == 1) { /* nobody to share with */
        if (works) {
            prefer(votes);
        }
        return 0;
    }
    struct trial mine = works ? offer() : (struct trial){.ways = 0};
    struct shmi_blob *blobs = calloc((size_t)shmi_job.n_pes, sizeof(*blobs));
    if (blobs == NULL) {
        shmi_fatal("out of memory for the device memory of %d PEs", shmi_job.n_pes);
    }
    int rc = exchange(&mine, sizeof(mine), blobs);
    if (rc == 0 && any_ways(blobs)) {
        rc = decide(blobs, mine.ways, votes);
    }
    if (rc == 0) {
        drop(blobs);
    }
    free(blobs);
    if (works) {
        take_back(mine.ways);
        prefer(votes);
    }
    return rc;
}
