/* SPDX-License-Identifier: BSD-3-Clause */
/* device_calls.c -- the extensions for devices: memory kinds, copies, streams, kernels. */
#include <errno.h>
#include <string.h>

#include "core/base/export.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/engine.h"
#include "core/hbm.h"
#include "core/npu.h"
#include "core/on_stream.h"
#include "core/segment.h"
#include "core/setup.h"
#include "device/device.h"

int shmemx_addr_kind(const void *addr)
{
    shmi_require_running(__func__);
    const struct shmi_segment *seg = shmi_segment_of(addr);
    if (seg == &shmi_segments[SHMI_SEGMENT_DEVICE]) {
        return SHMEMX_ADDR_DEVICE;
    }
    if (shmi_hbm_is(addr)) {
        return SHMEMX_ADDR_DEVICE_PRIVATE;
    }
    return seg == NULL ? SHMEMX_ADDR_PRIVATE : SHMEMX_ADDR_HOST;
}
PSHMEM(x_addr_kind)

void *shmemx_ptr_device(const void *dest, int pe)
{
    shmi_require_running(__func__);
    const struct shmi_segment *seg = shmi_segment_of(dest);
    if (seg != &shmi_segments[SHMI_SEGMENT_DEVICE] || pe < 0 || pe >= shmi_job.n_pes) {
        return NULL;
    }
    char *map = shmi_hbm_peers[pe].map;
    return map == NULL ? NULL : map + ((const char *)dest - seg->base);
}
PSHMEM(x_ptr_device)

int shmemx_device_open(void)
{
    shmi_require_running(__func__);
    shmi_npu_require(__func__);
    return 0;
}
PSHMEM(x_device_open)

int shmemx_device_query(shmemx_device_info_t *info)
{
    shmi_require_running(__func__);
    if (!shmi_hbm_on) {
        return -1;
    }
    *info = (shmemx_device_info_t){
        .cores = shmi_accelerator.facts.cores,
        .heap_size = shmi_segments[SHMI_SEGMENT_DEVICE].len,
        .launches = shmi_accelerator.facts.launches,
        .atomics = shmi_accelerator.facts.atomics,
    };
    strncpy(info->name, shmi_accelerator.device->name, sizeof(info->name) - 1);
    return 0;
}
PSHMEM(x_device_query)

/* What a device said, as the extensions do. */
static int result(const char *who, int rc)
{
    if (rc != 0) {
        errno = -rc;
        shmi_error("%s: %m", who);
    }
    return rc == 0 ? 0 : -1;
}

int shmemx_stream_create(shmemx_stream_t *stream)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    return result(__func__, shmi_accelerator.device->stream_create(npu, stream));
}
PSHMEM(x_stream_create)

int shmemx_stream_destroy(shmemx_stream_t stream)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    struct shmi_lane *lane = shmi_on_stream_leave(stream);
    int rc = shmi_accelerator.device->stream_destroy(npu, stream);
    if (rc == -EDEADLK) { /* by a function on a stream: this one goes on */
        shmi_on_stream_stay(lane);
    } else {
        shmi_on_stream_free(lane);
    }
    return shmi_on_stream_result(__func__, stream, rc);
}
PSHMEM(x_stream_destroy)

int shmemx_stream_sync(shmemx_stream_t stream)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    int rc = shmi_accelerator.device->stream_sync(npu, stream);
    return shmi_on_stream_result(__func__, stream, rc);
}
PSHMEM(x_stream_sync)

/* Behind a symmetric device heap lies what others have of the device; a copy would not notice. */
static void check_within(const char *who, const char *argument, const void *addr, size_t len,
                         const char *heap, int pe)
{
    size_t heap_len = shmi_segments[SHMI_SEGMENT_DEVICE].len;
    size_t offset = (uintptr_t)addr - (uintptr_t)heap;
    if (heap != NULL && offset < heap_len && len > heap_len - offset) {
        shmi_fatal(
            "%s: %s %p and the %zu bytes from there go %zu bytes beyond the symmetric device "
            "heap of PE %d, which ends at %p",
            who, argument, addr, len, len - (heap_len - offset), pe,
            (const void *)(heap + heap_len));
    }
}

static void check_range(const char *who, const char *argument, const void *addr, size_t len)
{
    if (!shmi_hbm_is(addr)) {
        return;
    }
    check_within(who, argument, addr, len, shmi_segments[SHMI_SEGMENT_DEVICE].base, shmi_job.my_pe);
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        check_within(who, argument, addr, len, shmi_hbm_peers[pe].map, pe);
    }
}

int shmemx_memcpy(void *dst, const void *src, size_t len)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    check_range(__func__, "dst", dst, len);
    check_range(__func__, "src", src, len);
    shmi_accelerator.device->copy(npu, dst, src, len);
    return 0;
}
PSHMEM(x_memcpy)

int shmemx_memcpy_on_stream(void *dst, const void *src, size_t len, shmemx_stream_t stream)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    check_range(__func__, "dst", dst, len);
    check_range(__func__, "src", src, len);
    int rc = shmi_accelerator.device->stream_copy(npu, stream, dst, src, len);
    return shmi_on_stream_result(__func__, stream, rc);
}
PSHMEM(x_memcpy_on_stream)

int shmemx_call_on_stream(void (*fn)(void *arg), void *arg, shmemx_stream_t stream)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    return result(__func__, shmi_accelerator.device->stream_call(npu, stream, fn, arg));
}
PSHMEM(x_call_on_stream)

/* A word that a stream can name: eight bytes of the device's, aligned. */
static void check_word(const char *who, const void *word)
{
    if (!shmi_hbm_is(word) || (uintptr_t)word % sizeof(uint64_t) != 0) {
        shmi_fatal("%s: %p is not an aligned word of device memory", who, word);
    }
}

int shmemx_write_on_stream(uint64_t *word, uint64_t value, shmemx_stream_t stream)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    check_word(__func__, word);
    int rc = shmi_accelerator.device->stream_write(npu, stream, word, value);
    return shmi_on_stream_result(__func__, stream, rc);
}
PSHMEM(x_write_on_stream)

int shmemx_wait_on_stream(const uint64_t *word, int cmp, uint64_t value, shmemx_stream_t stream)
{
    shmi_npu_enter(__func__);
    check_word(__func__, word);
    if (cmp != SHMEM_CMP_EQ && cmp != SHMEM_CMP_GE) {
        return result(__func__, -EINVAL);
    }
    enum shmi_value_cmp how = cmp == SHMEM_CMP_EQ ? SHMI_VALUE_EQ : SHMI_VALUE_GE;
    return shmi_on_stream_await(__func__, stream, word, how, value);
}
PSHMEM(x_wait_on_stream)

int shmemx_event_create(shmemx_event_t *event)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    return result(__func__, shmi_accelerator.device->event_create(npu, event));
}
PSHMEM(x_event_create)

int shmemx_event_destroy(shmemx_event_t event)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    shmi_accelerator.device->event_destroy(npu, event);
    return 0;
}
PSHMEM(x_event_destroy)

int shmemx_event_record(shmemx_event_t event, shmemx_stream_t stream)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    return result(__func__, shmi_accelerator.device->event_record(npu, event, stream));
}
PSHMEM(x_event_record)

int shmemx_event_wait(shmemx_event_t event, shmemx_stream_t stream)
{
    struct shmi_npu *npu = shmi_npu_enter(__func__);
    return result(__func__, shmi_accelerator.device->event_wait(npu, event, stream));
}
PSHMEM(x_event_wait)

static int launch(const char *who, const char *name, shmemx_kernel_t *fn, unsigned n_blocks,
                  const void *args, size_t args_len, shmemx_stream_t stream)
{
    struct shmi_npu *npu = shmi_npu_enter(who);
    struct shmi_kernel kernel = {fn, name, n_blocks, args, args_len};
    int rc = args == NULL && args_len != 0 ? -EINVAL
                                           : shmi_accelerator.device->launch(npu, stream, &kernel);
    shmi_engine_wake(); /* which asks the device, that knows of it now */
    return result(who, rc);
}

int shmemx_launch(shmemx_kernel_t *kernel, unsigned n_blocks, const void *args, size_t args_len,
                  shmemx_stream_t stream)
{
    return launch(__func__, NULL, kernel, n_blocks, args, args_len, stream);
}
PSHMEM(x_launch)

int shmemx_launch_named(const char *name, shmemx_kernel_t *kernel, unsigned n_blocks,
                        const void *args, size_t args_len, shmemx_stream_t stream)
{
    return launch("shmemx_launch", name, kernel, n_blocks, args, args_len, stream);
}
PSHMEM(x_launch_named)
