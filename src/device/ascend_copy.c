/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ascend_copy.c -- copies between host memory, this NPU's and other processes' NPUs'.
 *
 * What another process shares takes part in copies between devices only, and only in those that are
 * put on a stream: so such a copy is put on one and waited for, and the host's side goes through a
 * piece of this NPU's memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "device/ascend.h"

#define PIECE ((size_t)1 << 20)

enum ascend_side ascend_side_of(struct shmi_npu *npu, const void *addr)
{
    const struct ascend_region *region = ascend_region_of(npu, addr);
    if (region == NULL) {
        return ascend_owns(npu, addr) ? ASCEND_OWN : ASCEND_HOST;
    }
    switch (region->origin) {
    case ASCEND_IMPORTED:
    case ASCEND_OPENED:
        return ASCEND_FAR;
    case ASCEND_PINNED:
        return ASCEND_HOST;
    default:
        return ASCEND_OWN;
    }
}

static int32_t direction(enum ascend_side to, enum ascend_side from)
{
    if (from == ASCEND_HOST) {
        return to == ASCEND_HOST ? ACL_HOST_TO_HOST : ACL_HOST_TO_DEVICE;
    }
    return to == ASCEND_HOST ? ACL_DEVICE_TO_HOST : ACL_DEVICE_TO_DEVICE;
}

/* There is no way to tell a caller of a copy that it failed. */
static void require(struct shmi_npu *npu, const char *what, void *dst, const void *src, size_t len,
                    int code)
{
    if (shmi_unlikely(code != 0)) {
        ascend_log(npu, SHMI_FATAL,
                   "%s: %s of %zu bytes from %p to %p: error %d, %s: ending the job", npu->title,
                   what, len, src, dst, code, ascend_meaning(code));
    }
}

static void copy_now(struct shmi_npu *npu, void *dst, const void *src, size_t len, int32_t kind)
{
    require(npu, "aclrtMemcpy", dst, src, len, npu->api.aclrtMemcpy(dst, len, src, len, kind));
}

/* ---- to and from other processes' memory ----------------------------------------------------- */

static void between_devices(struct shmi_npu *npu, void *dst, const void *src, size_t len)
{
    int code = npu->api.aclrtMemcpyAsync(dst, len, src, len, ACL_DEVICE_TO_DEVICE, npu->far_stream);
    require(npu, "aclrtMemcpyAsync", dst, src, len, code);
    code = npu->api.aclrtSynchronizeStream(npu->far_stream);
    require(npu, "aclrtSynchronizeStream after a copy", dst, src, len, code);
}

static void prepare(struct shmi_npu *npu)
{
    if (npu->far_stream == NULL) {
        require(npu, "aclrtCreateStream for copies", NULL, NULL, 0,
                npu->api.aclrtCreateStream(&npu->far_stream));
        require(npu, "aclrtMalloc for copies", NULL, NULL, PIECE,
                npu->api.aclrtMalloc(&npu->bounce, PIECE, ACL_MALLOC_HUGE_FIRST));
    }
}

static void copy_far(struct shmi_npu *npu, char *dst, const char *src, size_t len,
                     enum ascend_side to, enum ascend_side from)
{
    pthread_mutex_lock(&npu->far_lock);
    prepare(npu);
    if (to != ASCEND_HOST && from != ASCEND_HOST) {
        between_devices(npu, dst, src, len);
        len = 0;
    }
    for (size_t at = 0; at < len; at += PIECE) {
        size_t piece = shmi_min(len - at, PIECE);
        if (to == ASCEND_HOST) {
            between_devices(npu, npu->bounce, src + at, piece);
            copy_now(npu, dst + at, npu->bounce, piece, ACL_DEVICE_TO_HOST);
        } else {
            copy_now(npu, npu->bounce, src + at, piece, ACL_HOST_TO_DEVICE);
            between_devices(npu, dst + at, npu->bounce, piece);
        }
    }
    pthread_mutex_unlock(&npu->far_lock);
}

void ascend_copy_close(struct shmi_npu *npu)
{
    if (npu->far_stream != NULL) {
        npu->api.aclrtDestroyStream(npu->far_stream);
        npu->api.aclrtFree(npu->bounce);
        npu->far_stream = NULL;
        npu->bounce = NULL;
    }
}

/* ---- the contract's copies ------------------------------------------------------------------- */

/* What the host calls it, if kernels call pinned memory so. */
static void *for_host(struct shmi_npu *npu, const void *addr)
{
    void *host = ascend_host_side(npu, addr);
    return host != NULL ? host : (void *)addr;
}

void ascend_copy(struct shmi_npu *npu, void *dst, const void *src, size_t len)
{
    if (len == 0 || dst == src) {
        return;
    }
    ascend_enter(npu);
    enum ascend_side to = ascend_side_of(npu, dst);
    enum ascend_side from = ascend_side_of(npu, src);
    dst = to == ASCEND_HOST ? for_host(npu, dst) : dst;
    src = from == ASCEND_HOST ? for_host(npu, src) : src;
    if (to == ASCEND_FAR || from == ASCEND_FAR) {
        copy_far(npu, dst, src, len, to, from);
    } else if (to == ASCEND_HOST && from == ASCEND_HOST) {
        memmove(dst, src, len);
    } else {
        copy_now(npu, dst, src, len, direction(to, from));
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The host can ask an NPU for no atomic operation. */
bool ascend_amo(struct shmi_npu *npu, void *addr, const struct shmi_amo *amo)
{
    (void)npu;
    (void)addr;
    (void)amo;
    return false;
}

/* Copies and kernels that start later see what adapters have written. */
void ascend_settle(struct shmi_npu *npu)
{
    (void)npu;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

struct copy {
    struct shmi_npu *npu;
    void *dst;
    const void *src;
    size_t len;
};

static void do_copy(void *arg)
{
    struct copy *copy = arg;
    ascend_copy(copy->npu, copy->dst, copy->src, copy->len);
    free(copy);
}

/* Will a copy on a stream not hold the caller?  It does where the runtime knows nothing of the
 * host's memory, which then may be paged out. */
static bool is_pinned(struct shmi_npu *npu, const void *host)
{
    struct acl_pointer_attributes attributes = {.location = {.type = -1}};
    return npu->api.aclrtPointerGetAttributes != NULL &&
           npu->api.aclrtPointerGetAttributes(host, &attributes) == 0 &&
           attributes.location.type == ACL_LOCATION_HOST;
}

/* A runtime has no copies from host to host on a stream, nor from the host to far memory. */
static bool needs_call(struct shmi_npu *npu, const void *dst, const void *src, enum ascend_side to,
                       enum ascend_side from)
{
    if (to != ASCEND_HOST && from != ASCEND_HOST) {
        return false;
    }
    bool own = to == ASCEND_OWN || from == ASCEND_OWN;
    return !own || !is_pinned(npu, to == ASCEND_HOST ? dst : src);
}

int ascend_stream_copy(struct shmi_npu *npu, struct shmi_stream *stream, void *dst, const void *src,
                       size_t len)
{
    enum ascend_side to = ascend_side_of(npu, dst);
    enum ascend_side from = ascend_side_of(npu, src);
    if (len == 0) {
        return 0;
    }
    dst = to == ASCEND_HOST ? for_host(npu, dst) : dst;
    src = from == ASCEND_HOST ? for_host(npu, src) : src;
    if (needs_call(npu, dst, src, to, from)) {
        struct copy *copy = malloc(sizeof(*copy));
        if (copy == NULL) {
            return -ENOMEM;
        }
        *copy = (struct copy){npu, dst, src, len};
        int rc = ascend_stream_call(npu, stream, do_copy, copy);
        if (rc != 0) {
            free(copy);
        }
        return rc;
    }
    int code = npu->api.aclrtMemcpyAsync(dst, len, src, len, direction(to, from), stream);
    return code == 0 ? 0 : ascend_failed(npu, "aclrtMemcpyAsync", code);
}
