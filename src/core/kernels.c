/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels.c -- contexts for kernels: what shmemx_device.h finds when it looks.
 *
 * A context is one piece of memory that host and kernels share; all that is in it is named by the
 * addresses that kernels know it by:
 *
 *     | context | diagnosis | producers | teams | tables of regions, of teams | rings ... |
 *
 * Where kernels reach no host memory, it is in device memory, and the host has a copy: what it
 * writes is told there, and the engine looks there for what kernels have written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/config.h"
#include "core/base/export.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/base/topology.h"
#include "core/coll.h"
#include "core/engine.h"
#include "core/hbm.h"
#include "core/kernels.h"
#include "core/memory.h"
#include "core/segment.h"
#include "core/setup.h"
#include "core/team_make.h"
#include "core/wait.h"
#include "device/device.h"

#include <shmemx_device.h>

enum { MAX_RINGS = 1024 };

/* A context, as the host knows it. */
struct context {
    struct shmi_kernels kernels; /* first: the engine's part */
    char *here;                  /* the shared memory, to the host; or the copy of it */
    char *far;                   /* in device memory, if it is a copy; else NULL */
    uint64_t there;              /* and to kernels */
    size_t len;
    shmemx_device_context_t *shared;
    shmemx_device_team_t *team; /* tables in it */
    char *tables;               /* of the teams */
    bool ring_only;
    bool on_device; /* the memory is the device's to give and take: it may be opened later */
    char *slots;    /* symmetric memory: where the PEs' kernels meet */
    struct context *next;
};

static struct {
    pthread_mutex_t lock;
    struct context *first;
} contexts = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define SLOTS_OF_TEAM (SHMEMX_DEVICE_ROUNDS * sizeof(shmemx_device_slot_t))

static size_t in_lines(size_t len)
{
    return shmi_round_up(len, SHMI_LINE);
}

static unsigned log2_slots(void)
{
    unsigned log2 = SHMI_RING_MIN_LOG2;
    while (log2 < SHMI_RING_MAX_LOG2 && (1L << log2) < shmi_config.ring_slots) {
        log2++;
    }
    return log2;
}

/* Tables of a region: two, map and amo; of a team: its members' numbers and slots. */
static size_t len_of_region(void)
{
    return in_lines(2 * (size_t)shmi_job.n_pes * sizeof(uint64_t));
}

static size_t len_of_team(void)
{
    return in_lines((size_t)shmi_job.n_pes * (sizeof(int32_t) + sizeof(uint64_t)));
}

/* ---- the memory ------------------------------------------------------------------------------ */

/* Device memory, and a copy of it here. */
static int allocate_far(struct context *c, size_t len, void **here, void **there)
{
    *here = aligned_alloc(SHMI_LINE, in_lines(len));
    if (*here == NULL) {
        return -ENOMEM;
    }
    int rc = shmi_accelerator.device->alloc(shmi_accelerator.npu, len, SHMI_LINE, there);
    if (rc != 0) {
        free(*here);
        return rc;
    }
    memset(*here, 0, len);
    c->far = *there;
    return 0;
}

static int allocate(struct context *c, size_t len)
{
    void *here = NULL, *there = NULL;
    if (shmi_accelerator.npu != NULL) {
        shmi_accelerator.device->enter(shmi_accelerator.npu);
        int rc = shmi_accelerator.device->alloc_host(shmi_accelerator.npu, len, &here, &there);
        rc = rc == -ENOTSUP ? allocate_far(c, len, &here, &there) : rc;
        if (rc != 0) {
            shmi_error("cannot get %zu bytes that kernels and the host share: %s", len,
                       strerror(-rc));
            return rc;
        }
    } else {
        here = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (here == MAP_FAILED) {
            shmi_error("cannot get %zu bytes for a context of kernels: %m", len);
            return -ENOMEM;
        }
        there = here;
    }
    c->on_device = shmi_accelerator.npu != NULL;
    c->here = here;
    c->there = (uint64_t)(uintptr_t)there;
    c->len = len;
    return 0;
}

static void deallocate(struct context *c)
{
    if (c->far != NULL) {
        shmi_accelerator.device->free(shmi_accelerator.npu, c->far);
        free(c->here);
    } else if (c->here != NULL && c->on_device) {
        shmi_accelerator.device->free_host(shmi_accelerator.npu, c->here);
    } else if (c->here != NULL) {
        munmap(c->here, c->len);
    }
}

/* What kernels call an object of the shared memory. */
static uint64_t there(const struct context *c, const void *here)
{
    return c->there + (uint64_t)((const char *)here - c->here);
}

/* Kernels see what the host has written, too. */
static void tell(const struct context *c, const void *here, size_t len)
{
    if (c->far != NULL) {
        shmi_hbm_copy(c->far + ((const char *)here - c->here), here, len);
    }
}

/* ---- regions --------------------------------------------------------------------------------- */

static void describe_region(struct context *c, unsigned number, char *tables)
{
    uint64_t *map = (uint64_t *)tables;
    uint64_t *amo = map + shmi_job.n_pes;
    const struct shmi_segment *seg = &shmi_segments[number];
    for (int pe = 0; pe < shmi_job.n_pes && seg->len != 0; pe++) {
        if (!c->ring_only) {
            shmi_kernels_reach(number, pe, &map[pe], &amo[pe]);
        }
    }
    c->shared->region[number] = (shmemx_device_region_t){
        .base = (uint64_t)(uintptr_t)seg->base,
        .len = seg->len,
        .map = there(c, map),
        .amo = there(c, amo),
    };
}

/* Is some PE reached by load and store in one region and not in another? */
static bool is_mixed(const struct context *c)
{
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        int reached = 0, regions = 0;
        for (unsigned r = 0; r < c->shared->n_regions; r++) {
            const uint64_t *map =
                (const uint64_t *)(c->here + (c->shared->region[r].map - c->there));
            bool exists = shmi_segments[r].len != 0;
            regions += exists;
            reached += exists && map[pe] != 0;
        }
        if (reached != 0 && reached != regions) {
            return true;
        }
    }
    return false;
}

/* Where kernels reach a symmetric object of a PE, or 0. */
static uint64_t reach(const struct context *c, const char *object, int pe)
{
    for (unsigned r = 0; r < c->shared->n_regions; r++) {
        const shmemx_device_region_t *region = &c->shared->region[r];
        uint64_t offset = (uint64_t)(uintptr_t)object - region->base;
        if (offset < region->len) {
            uint64_t base = ((const uint64_t *)(c->here + (region->map - c->there)))[pe];
            return base == 0 ? 0 : base + offset;
        }
    }
    return 0;
}

/* ---- teams ----------------------------------------------------------------------------------- */

/* Regions that I reach of all members; bit 63: the slots, too. */
static uint64_t direct_regions(const struct context *c, const struct shmi_team *team)
{
    uint64_t direct = 1ull << 63;
    for (unsigned r = 0; r < c->shared->n_regions; r++) {
        direct |= shmi_segments[r].len != 0 ? 1ull << r : 0;
    }
    for (int i = 0; i < team->n_pes; i++) {
        int pe = shmi_team_pe(team, i);
        direct &= reach(c, c->slots, pe) != 0 ? ~0ull : ~(1ull << 63);
        for (unsigned r = 0; r < c->shared->n_regions; r++) {
            const uint64_t *map =
                (const uint64_t *)(c->here + (c->shared->region[r].map - c->there));
            direct &= map[pe] != 0 ? ~0ull : ~(1ull << r);
        }
    }
    return direct;
}

/* Fill in a team's tables.  Where all members reach each other, they meet in the symmetric slots of
 * the team's number, which is the same for all of them. */
static void describe_team(struct context *c, unsigned number, const struct shmi_team *team,
                          uint64_t direct)
{
    char *tables = c->tables + number * len_of_team();
    uint64_t *slots = (uint64_t *)tables;
    int32_t *pes = (int32_t *)(slots + shmi_job.n_pes);
    bool meets = direct >> 63 != 0;
    for (int i = 0; i < team->n_pes; i++) {
        pes[i] = shmi_team_pe(team, i);
        slots[i] = meets ? reach(c, c->slots + number * SLOTS_OF_TEAM, pes[i]) : 0;
    }
    c->team[number] = (shmemx_device_team_t){
        .my_pe = team->my_pe,
        .n_pes = team->n_pes,
        .pes = there(c, pes),
        .slots = meets ? there(c, slots) : 0,
        .direct = direct & ~(1ull << 63),
    };
    tell(c, tables, len_of_team());
    tell(c, &c->team[number], sizeof(c->team[number]));
}

/* Collective over the team: a number that none of its members has given to another.  -1: there is
 * no such number. */
static int add_team(const char *who, struct context *c, struct shmi_team *team)
{
    uint64_t found[2] = {direct_regions(c, team), 0};
    for (unsigned i = 0; i < SHMEMX_DEVICE_TEAMS; i++) {
        found[1] |= c->kernels.team[i] == NULL ? 1ull << i : 0;
    }
    shmi_coll_agree(who, team, SHMI_AGREE_AND, found, found, 2);
    struct shmi_team *twin = found[1] != 0 ? shmi_team_twin(who, team) : NULL;
    if (twin == NULL) {
        shmi_error("%s: no further team: a context has room for %d", who, SHMEMX_DEVICE_TEAMS);
        return -1;
    }
    unsigned number = (unsigned)__builtin_ctzll(found[1]);
    describe_team(c, number, team, found[0]);
    c->kernels.team[number] = twin;
    if (number >= c->kernels.n_teams) {
        c->kernels.n_teams = number + 1;
        __atomic_store_n(&c->shared->n_teams, number + 1, __ATOMIC_RELEASE);
        tell(c, &c->shared->n_teams, sizeof(c->shared->n_teams));
    }
    return (int)number;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static int make_rings(struct context *c, char *at, unsigned log2, size_t ring_len)
{
    const uint64_t mask = (1ull << SHMEMX_RING_N_OPS) - 1;
    uint64_t timeout_ns = (uint64_t)shmi_config.device_timeout * 1000000000u;
    for (unsigned i = 0; i < c->kernels.n_rings; i++) {
        struct shmi_engine_ring *ring = &c->kernels.ring[i];
        uint32_t flags = i < c->kernels.n_cores ? 0 : SHMEMX_RING_SHARED;
        flags |= shmi_wait_is_crowded(2) ? SHMEMX_RING_CROWDED : 0; /* its kernel, and the engine */
        char *here = at + i * ring_len;
        ring->owner = &c->kernels;
        int rc = shmi_ring_create(&ring->ring, here, log2, flags, mask);
        if (rc == 0) {
            rc = shmi_ctx_create(shmi_team_world, SHMEM_CTX_PRIVATE, &ring->ctx);
        }
        if (rc != 0) {
            shmi_error("cannot make ring %u of a context of kernels: %s", i, strerror(-rc));
            return rc;
        }
        shmi_ring_introduce(&ring->ring, &c->kernels.producer[i], there(c, here),
                            there(c, c->kernels.diagnosis), timeout_ns, i);
        if (c->far != NULL) {
            shmi_ring_set_far(&ring->ring, c->far + (here - c->here), shmi_hbm_copy);
        }
    }
    return 0;
}

/* ---- contexts -------------------------------------------------------------------------------- */

static void release(struct context *c)
{
    for (unsigned i = 0; i < c->kernels.n_rings && c->kernels.ring != NULL; i++) {
        if (c->kernels.ring[i].ctx != NULL) {
            shmi_ctx_destroy(c->kernels.ring[i].ctx);
        }
        shmi_ring_destroy(&c->kernels.ring[i].ring);
    }
    for (unsigned i = 0; i < c->kernels.n_teams; i++) {
        if (c->kernels.team[i] != NULL) {
            shmi_team_abandon(c->kernels.team[i]);
        }
    }
    deallocate(c);
    free(c->kernels.ring);
    free(c->kernels.team);
    free(c->kernels.coll);
    free(c->kernels.meeting);
    free(c);
}

/* The parts of the memory, one after the other; all of it is zero. */
static int lay_out(struct context *c)
{
    unsigned log2 = log2_slots();
    size_t ring_len = shmi_ring_bytes(log2);
    size_t producers = in_lines(sizeof(shmemx_device_context_t) + sizeof(shmemx_diagnosis_t));
    size_t teams = producers + in_lines(c->kernels.n_rings * sizeof(shmemx_producer_t));
    size_t regions = teams + in_lines(SHMEMX_DEVICE_TEAMS * sizeof(shmemx_device_team_t));
    size_t tables = regions + SHMI_SEGMENTS * len_of_region();
    size_t rings = tables + SHMEMX_DEVICE_TEAMS * len_of_team();
    int rc = allocate(c, rings + c->kernels.n_rings * ring_len);
    if (rc != 0) {
        return rc;
    }
    c->shared = (shmemx_device_context_t *)c->here;
    c->kernels.diagnosis = (shmemx_diagnosis_t *)(c->shared + 1);
    c->kernels.producer = (shmemx_producer_t *)(c->here + producers);
    c->team = (shmemx_device_team_t *)(c->here + teams);
    c->tables = c->here + tables;
    *c->shared = (shmemx_device_context_t){
        .magic = SHMEMX_DEVICE_MAGIC,
        .abi = SHMEMX_DEVICE_ABI,
        .bytes = sizeof(shmemx_device_context_t),
        .diagnosis = there(c, c->kernels.diagnosis),
        .my_pe = shmi_job.my_pe,
        .n_pes = shmi_job.n_pes,
        .n_regions = SHMI_SEGMENTS,
        .n_cores = c->kernels.n_cores,
        .n_shared = c->kernels.n_rings - c->kernels.n_cores,
        .rings = there(c, c->kernels.producer),
        .teams = there(c, c->team),
    };
    for (unsigned r = 0; r < SHMI_SEGMENTS; r++) {
        describe_region(c, r, c->here + regions + r * len_of_region());
    }
    c->shared->mixed = is_mixed(c);
    rc = make_rings(c, c->here + rings, log2, ring_len);
    if (c->far != NULL) {
        c->kernels.far = c->far + ((char *)c->kernels.diagnosis - c->here);
        c->kernels.far_len = (size_t)((char *)c->team - (char *)c->kernels.diagnosis);
        tell(c, c->here, c->len);
    }
    return rc;
}

static struct context *make_context(unsigned n_cores, unsigned n_shared, bool ring_only)
{
    unsigned n_rings = n_cores + n_shared;
    struct context *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->ring_only = ring_only;
    c->kernels.n_rings = n_rings;
    c->kernels.n_cores = n_cores;
    c->kernels.ring = calloc(n_rings, sizeof(*c->kernels.ring));
    c->kernels.team = calloc(SHMEMX_DEVICE_TEAMS, sizeof(*c->kernels.team));
    c->kernels.coll = calloc(SHMEMX_DEVICE_TEAMS, sizeof(*c->kernels.coll));
    c->kernels.meeting = calloc(SHMEMX_DEVICE_TEAMS, sizeof(*c->kernels.meeting));
    if (c->kernels.ring == NULL || c->kernels.team == NULL || c->kernels.coll == NULL ||
        c->kernels.meeting == NULL || lay_out(c) != 0) {
        release(c);
        return NULL;
    }
    return c;
}

static struct context *find(const char *who, const void *context)
{
    pthread_mutex_lock(&contexts.lock);
    struct context *c = contexts.first;
    while (c != NULL && c->there != (uint64_t)(uintptr_t)context) {
        c = c->next;
    }
    pthread_mutex_unlock(&contexts.lock);
    if (c == NULL) {
        shmi_fatal("%s: %p is no context of kernels, or was destroyed before", who, context);
    }
    return c;
}

/* Collective.  Failure on one PE is failure on all. */
int shmemx_device_context_create(int n_cores, int n_shared, long options, void **context)
{
    shmi_require_running(__func__);
    *context = NULL;
    unsigned cores = n_cores > 0                    ? (unsigned)n_cores
                     : shmi_accelerator.npu != NULL ? shmi_accelerator.facts.cores
                                                    : (unsigned)shmi_topology_cpus();
    if (n_shared < 0 || cores + (unsigned)n_shared > MAX_RINGS) {
        shmi_error("%s: %u and %d rings are more than %d, or fewer than none", __func__, cores,
                   n_shared, MAX_RINGS);
        return -1;
    }
    char *slots = shmi_memory_take_zeros(__func__, SHMEMX_DEVICE_TEAMS * SLOTS_OF_TEAM);
    struct context *c =
        make_context(cores, (unsigned)n_shared, (options & SHMEMX_DEVICE_RING_ONLY) != 0);
    uint64_t good = c != NULL && slots != NULL;
    shmi_coll_agree(__func__, shmi_team_world, SHMI_AGREE_AND, &good, &good, 1);
    if (good != 0) {
        c->slots = slots;
        good = add_team(__func__, c, shmi_team_world) == SHMEMX_DEVICE_WORLD &&
               add_team(__func__, c, shmi_team_shared) == SHMEMX_DEVICE_SHARED &&
               shmi_engine_add(&c->kernels) == 0;
    }
    if (good == 0) {
        if (c != NULL) {
            release(c);
        }
        return -1;
    }
    pthread_mutex_lock(&contexts.lock);
    c->next = contexts.first;
    contexts.first = c;
    pthread_mutex_unlock(&contexts.lock);
    *context = (void *)(uintptr_t)c->there;
    shmi_coll_sync(__func__, shmi_team_world);
    return 0;
}
PTWIN(shmemx_device_context_create)

static void destroy(struct context *c)
{
    pthread_mutex_lock(&contexts.lock);
    struct context **link = &contexts.first;
    while (*link != c) {
        link = &(*link)->next;
    }
    *link = c->next;
    pthread_mutex_unlock(&contexts.lock);
    shmi_engine_remove(&c->kernels);
    release(c);
}

/* Collective: nobody meets in the slots any more when they are given back. */
void shmemx_device_context_destroy(void *context)
{
    shmi_require_running(__func__);
    if (context != NULL) {
        struct context *c = find(__func__, context);
        char *slots = c->slots;
        shmi_coll_sync(__func__, shmi_team_world);
        destroy(c);
        shmi_memory_give(__func__, slots);
    }
}
PTWIN(shmemx_device_context_destroy)

int shmemx_device_team_add(void *context, shmem_team_t team)
{
    shmi_require_running(__func__);
    return add_team(__func__, find(__func__, context), shmi_team_required(__func__, team));
}
PTWIN(shmemx_device_team_add)

void shmi_kernels_close(void)
{
    while (contexts.first != NULL) {
        destroy(contexts.first);
    }
}

/* With a device, kernels have its memory, and perhaps atomics on it; without one, kernels are
 * threads of this process. */
void shmi_kernels_reach(unsigned segment, int pe, uint64_t *map, uint64_t *amo)
{
    const struct shmi_window *win = &shmi_segments[segment].window[pe];
    if (shmi_accelerator.npu == NULL) {
        *map = (uint64_t)(uintptr_t)win->map;
        *amo = (uint64_t)(uintptr_t)win->amo;
    } else if (segment == SHMI_SEGMENT_DEVICE) {
        *map = (uint64_t)(uintptr_t)shmi_hbm_peers[pe].map;
        *amo = shmi_accelerator.facts.atomics ? *map : 0;
    }
}
