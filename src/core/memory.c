/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.c -- memory management: shmem_malloc and its relatives (section 9.3).
 *
 * All PEs make the same calls, so each PE's allocator, which depends on nothing else, gives the
 * same offset; nothing is communicated but the barrier that the standard asks for.
 */
#include "core/memory.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "core/base/config.h"
#include "core/base/export.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/check.h"
#include "core/coll.h"
#include "core/hbm.h"
#include "core/npu.h"
#include "core/order.h"
#include "core/segment.h"
#include "core/setup.h"
#include "device/device.h"

#define MIN_ALIGN 64

/* A symmetric heap; its records lie elsewhere, as the host cannot write to the device's memory. */
struct pool {
    struct shmi_heap *heap;
    char *base;
    const char *name;
    const char *variable; /* for its size */
};

static struct {
    struct pool host;
    struct pool device;
    pthread_mutex_t lock; /* of the heaps: checks look into them from any thread */
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int open_pool(struct pool *pool, const char *name, const char *variable, char *base,
                     size_t len)
{
    *pool = (struct pool){.base = base, .name = name, .variable = variable};
    int rc = shmi_heap_init(&pool->heap, len, SHMI_HEAP_ALIGN);
    if (rc != 0) {
        shmi_error("no memory for the records of the %s heap", name);
    }
    return rc;
}

int shmi_memory_open(void)
{
    return open_pool(&memory.host, "symmetric", "SHMEM_SYMMETRIC_SIZE", shmi_segment_heap(),
                     shmi_segment_heap_len());
}

int shmi_memory_open_device(void)
{
    const struct shmi_segment *seg = &shmi_segments[SHMI_SEGMENT_DEVICE];
    return open_pool(&memory.device, "symmetric device", "SHMEM_DEVICE_SIZE", seg->base, seg->len);
}

void shmi_memory_close(void)
{
    shmi_heap_destroy(memory.host.heap);
    shmi_heap_destroy(memory.device.heap);
    memory.host.heap = NULL;
    memory.device.heap = NULL;
}

static struct pool *pool_of(const void *addr)
{
    return shmi_hbm_is(addr) ? &memory.device : &memory.host;
}

static size_t offset_of(const void *addr)
{
    return (size_t)((const char *)addr - pool_of(addr)->base);
}

bool shmi_memory_find(const void *addr, const char **start, size_t *len)
{
    size_t offset = 0;
    pthread_mutex_lock(&memory.lock);
    const struct pool *pool = pool_of(addr);
    bool found =
        pool->heap != NULL && shmi_heap_find(pool->heap, offset_of(addr), &offset, len, NULL);
    pthread_mutex_unlock(&memory.lock);
    if (found) {
        *start = pool->base + offset;
    }
    return found;
}

static void pool_stats(const struct pool *pool, struct shmi_heap_stats *stats)
{
    pthread_mutex_lock(&memory.lock);
    shmi_heap_stats(pool->heap, stats);
    pthread_mutex_unlock(&memory.lock);
}

void shmi_memory_stats(struct shmi_heap_stats *stats)
{
    pool_stats(&memory.host, stats);
}

static void report_exhaustion(const char *who, const struct pool *pool, size_t size)
{
    struct shmi_heap_stats stats;
    pool_stats(pool, &stats);
    if (shmi_job.my_pe == 0) { /* it is the same on all PEs: one line for all */
        shmi_error("%s: no room for %zu bytes in the %s heap of %zu: %zu are free, the largest "
                   "block is %zu; a larger %s helps",
                   who, size, pool->name, stats.capacity, stats.free, stats.largest,
                   pool->variable);
    }
}

/* barrier_all, as the allocation routines contain it. */
static void barrier(const char *who)
{
    shmi_quiet(&shmi_ctx_default);
    shmi_coll_sync(who, shmi_team_world);
}

/* Device memory is asked for by a hint, which the block remembers; or by a variable, for all.  Bits
 * that mean nothing make the whole value mean nothing: who sets all of them wants no device. */
static long hints_of(const char *who, long hints)
{
    const long known =
        SHMEM_MALLOC_ATOMICS_REMOTE | SHMEM_MALLOC_SIGNAL_REMOTE | SHMEMX_MALLOC_DEVICE;
    if ((hints & ~known) != 0) {
        hints = 0;
    }
    if (strcmp(shmi_config.heap, "device") == 0) {
        hints |= SHMEMX_MALLOC_DEVICE;
    }
    if ((hints & SHMEMX_MALLOC_DEVICE) != 0) {
        shmi_npu_require(who);
    }
    return hints;
}

static void *allocate(const char *who, size_t size, size_t align, long hints)
{
    size_t offset = 0;
    const struct pool *pool = (hints & SHMEMX_MALLOC_DEVICE) != 0 ? &memory.device : &memory.host;
    size_t used_align = shmi_is_power_of_two(align) ? shmi_max(align, MIN_ALIGN) : align;
    pthread_mutex_lock(&memory.lock);
    int rc = shmi_heap_alloc(pool->heap, size, used_align, hints, &offset);
    pthread_mutex_unlock(&memory.lock);
    if (rc == -EINVAL) {
        shmi_error("%s: alignment %zu is not a power of two of at most %zu", who, align,
                   SHMI_HEAP_ALIGN);
    } else if (rc != 0) {
        report_exhaustion(who, pool, size);
    }
    return rc == 0 ? pool->base + offset : NULL;
}

void *shmi_memory_take(size_t size, size_t align)
{
    return allocate("the library", size, align, 0);
}

/* A collective allocation: no bytes, no action; else a barrier before anybody may use it. */
static void *allocate_all(const char *who, size_t size, size_t align, long hints)
{
    shmi_require_running(who);
    if (size == 0) { /* no action at all, so perhaps not on all PEs */
        return NULL;
    }
    hints = hints_of(who, hints);
    shmi_check_same(who, shmi_team_world, "size", size);
    void *addr = allocate(who, size, align, hints);
    barrier(who);
    return addr;
}

void *shmem_malloc(size_t size)
{
    return allocate_all(__func__, size, MIN_ALIGN, 0);
}
PSHMEM(_malloc)

/* The standard's hints ask for memory that remote atomics and signals reach well: all is. */
void *shmem_malloc_with_hints(size_t size, long hints)
{
    return allocate_all(__func__, size, MIN_ALIGN, hints);
}
PSHMEM(_malloc_with_hints)

void *shmem_align(size_t alignment, size_t size)
{
    return allocate_all(__func__, size, alignment, 0);
}
PSHMEM(_align)

static void *allocate_zeros(const char *who, size_t count, size_t size, long hints)
{
    size_t len = 0;
    shmi_require_running(who);
    if (__builtin_mul_overflow(count, size, &len)) {
        len = SIZE_MAX; /* more than any heap has: it fails as it should, on all PEs */
    }
    if (len == 0) {
        return NULL;
    }
    hints = hints_of(who, hints);
    shmi_check_same(who, shmi_team_world, "count * size", len);
    void *addr = allocate(who, len, MIN_ALIGN, hints);
    if (shmi_hbm_is(addr)) {
        shmi_hbm_zero(addr, len);
    } else if (addr != NULL) {
        memset(addr, 0, len);
    }
    barrier(who);
    return addr;
}

void *shmem_calloc(size_t count, size_t size)
{
    return allocate_zeros(__func__, count, size, 0);
}
PSHMEM(_calloc)

void *shmemx_malloc_device(size_t size)
{
    return allocate_all(__func__, size, MIN_ALIGN, SHMEMX_MALLOC_DEVICE);
}
PSHMEM(x_malloc_device)

void *shmemx_align_device(size_t alignment, size_t size)
{
    return allocate_all(__func__, size, alignment, SHMEMX_MALLOC_DEVICE);
}
PSHMEM(x_align_device)

void *shmemx_calloc_device(size_t count, size_t size)
{
    return allocate_zeros(__func__, count, size, SHMEMX_MALLOC_DEVICE);
}
PSHMEM(x_calloc_device)

/* Where kernels reach it, if there are such. */
void *shmi_memory_take_zeros(const char *who, size_t len)
{
    return allocate_zeros(who, 1, len, shmi_accelerator.npu != NULL ? SHMEMX_MALLOC_DEVICE : 0);
}

static void refuse(const char *who, const void *ptr)
{
    shmi_fatal("%s: %p is not the start of a block of shmem_malloc, or was freed before", who, ptr);
}

static void check_start(const char *who, const void *ptr)
{
    const char *start = NULL;
    size_t len = 0;
    if (shmi_config.check && (!shmi_memory_find(ptr, &start, &len) || start != ptr)) {
        refuse(who, ptr);
    }
}

static void release(const char *who, void *ptr)
{
    pthread_mutex_lock(&memory.lock);
    int rc = shmi_heap_free(pool_of(ptr)->heap, offset_of(ptr));
    pthread_mutex_unlock(&memory.lock);
    if (rc != 0) {
        refuse(who, ptr);
    }
}

/* Nobody may still be using the block: the barrier comes first. */
static void free_all(const char *who, void *ptr)
{
    shmi_require_running(who);
    if (ptr != NULL) {
        check_start(who, ptr);
        shmi_check_same(who, shmi_team_world, "the block's offset", offset_of(ptr));
        barrier(who);
        release(who, ptr);
    }
}

void shmi_memory_give(const char *who, void *ptr)
{
    free_all(who, ptr);
}

void shmem_free(void *ptr)
{
    free_all(__func__, ptr);
}
PSHMEM(_free)

/* Move a block's contents to a larger one; the old block is kept where there is none. */
static void *move_block(const char *who, void *ptr, size_t old_size, size_t size, long hints)
{
    void *addr = allocate(who, size, MIN_ALIGN, hints);
    if (addr != NULL && shmi_hbm_is(ptr)) {
        shmi_hbm_copy(addr, ptr, shmi_min(old_size, size));
    } else if (addr != NULL) {
        memcpy(addr, ptr, shmi_min(old_size, size));
    }
    if (addr != NULL) {
        release(who, ptr);
    }
    return addr;
}

static void *resize_all(const char *who, void *ptr, size_t size)
{
    if (ptr == NULL) {
        return allocate_all(who, size, MIN_ALIGN, 0);
    }
    if (size == 0) {
        free_all(who, ptr);
        return NULL;
    }
    shmi_require_running(who);
    shmi_check_same(who, shmi_team_world, "size", size);
    barrier(who); /* what others still put here is to be moved too */
    size_t offset = offset_of(ptr);
    size_t start = 0;
    size_t old_size = 0;
    long hints = 0;
    struct shmi_heap *heap = pool_of(ptr)->heap;
    pthread_mutex_lock(&memory.lock);
    bool found = shmi_heap_find(heap, offset, &start, &old_size, &hints) && start == offset;
    int rc = found ? shmi_heap_resize(heap, offset, size) : -EINVAL;
    pthread_mutex_unlock(&memory.lock);
    if (!found && shmi_config.check) {
        refuse(who, ptr);
    }
    if (!found) { /* unlike free, this routine can say that it failed */
        shmi_error("%s: %p is not the start of a block of shmem_malloc, or was freed before", who,
                   ptr);
        return NULL;
    }
    void *addr = rc == 0 ? ptr : move_block(who, ptr, old_size, size, hints);
    barrier(who);
    return addr;
}

void *shmem_realloc(void *ptr, size_t size)
{
    return resize_all(__func__, ptr, size);
}
PSHMEM(_realloc)

/* The names of 1.0, deprecated. */
void *shmalloc(size_t size)
{
    return allocate_all(__func__, size, MIN_ALIGN, 0);
}
PTWIN(shmalloc)

void shfree(void *ptr)
{
    free_all(__func__, ptr);
}
PTWIN(shfree)

void *shrealloc(void *ptr, size_t size)
{
    return resize_all(__func__, ptr, size);
}
PTWIN(shrealloc)

void *shmemalign(size_t alignment, size_t size)
{
    return allocate_all(__func__, size, alignment, 0);
}
PTWIN(shmemalign)
