/* SPDX-License-Identifier: BSD-3-Clause */
/* ascend.c -- Ascend NPUs: the module's table, its beginning and its end. */
#include "device/ascend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "device/touch.h"

#define ASCEND_WAY(way, name, text) [ASCEND_##way] = {name, text},
static const struct {
    const char *name;
    const char *text;
} ways[] = {ASCEND_WAYS(ASCEND_WAY)};

const char *ascend_way_name(enum ascend_way way)
{
    return ways[way].name;
}

const char *ascend_way_text(enum ascend_way way)
{
    return ways[way].text;
}

static const char *variable(const struct shmi_npu *npu, const char *name, char *text, size_t len)
{
    const char *value = npu->services->config(name, text, len);
    return value == NULL ? "" : value;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Is there a device, and does its driver answer? */
static int find_devices(struct shmi_npu *npu, char *what, size_t len)
{
    int code = npu->api.aclInit(NULL);
    if (code != 0 && code != ACL_ALREADY_INITIALISED) {
        snprintf(what, len, "aclInit: error %d, %s", code, ascend_meaning(code));
        return -ENODEV;
    }
    npu->counted = true;
    code = npu->api.aclrtGetDeviceCount(&npu->n_devices);
    if (code != 0 || npu->n_devices == 0) {
        snprintf(what, len, "no NPU: aclrtGetDeviceCount: error %d, %s", code,
                 code == 0 ? "there are none" : ascend_meaning(code));
        return -ENODEV;
    }
    return 0;
}

static void uncount(struct shmi_npu *npu)
{
    if (npu->counted && npu->api.aclFinalizeReference != NULL) {
        npu->api.aclFinalizeReference(NULL);
    }
    npu->counted = false;
}

static int open_ascend(struct shmi_npu **result, const struct shmi_services *services,
                       struct shmi_device_facts *facts)
{
    static unsigned opened;
    char text[256];
    struct shmi_npu *npu = calloc(1, sizeof(*npu));
    if (npu == NULL) {
        snprintf(facts->what, sizeof(facts->what), "no memory");
        return -ENOMEM;
    }
    npu->services = services;
    npu->serial = ++opened;
    pthread_mutex_init(&npu->lock, NULL);
    pthread_mutex_init(&npu->far_lock, NULL);
    pthread_mutex_init(&npu->calls_lock, NULL);
    const char *path = variable(npu, "ascend_library", text, sizeof(text));
    int rc = ascend_api_open(npu, path, facts->what, sizeof(facts->what));
    if (rc == 0) {
        rc = find_devices(npu, facts->what, sizeof(facts->what));
    }
    if (rc != 0) {
        uncount(npu);
        ascend_api_close(npu);
        free(npu);
        return rc;
    }
    *result = npu;
    return 0;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* The device that the program has chosen for this thread; else the one of this PE's number on the
 * node, among those that ASCEND_RT_VISIBLE_DEVICES shows.  It is counted in either case, so that a
 * program that resets it before shmem_finalize takes nothing from us; and a context that the
 * program has made for its thread stays the thread's. */
static int choose_device(struct shmi_npu *npu, int local)
{
    void *theirs = NULL;
    int32_t device = -1;
    if (npu->api.aclrtGetDevice(&device) != 0) {
        device = local % (int32_t)npu->n_devices;
    } else if (npu->api.aclrtGetCurrentContext(&theirs) != 0) {
        theirs = NULL;
    }
    npu->device = device;
    snprintf(npu->title, sizeof(npu->title), "NPU %d", device);
    int code = npu->api.aclrtSetDevice(device);
    if (code != 0) {
        return ascend_failed(npu, "which cannot be used: aclrtSetDevice", code);
    }
    npu->bound = true;
    npu->physical = ascend_physical(npu);
    if (npu->physical >= 0 && npu->physical != device) {
        snprintf(npu->title, sizeof(npu->title), "NPU %d (the host's %d)", device, npu->physical);
    }
    if (theirs != NULL) {
        npu->api.aclrtSetCurrentContext(theirs);
    }
    code = npu->api.aclrtGetCurrentContext(&npu->context);
    return code == 0 ? 0 : ascend_failed(npu, "aclrtGetCurrentContext", code);
}

/* Once for each thread. */
static void tell_other_device(struct shmi_npu *npu)
{
    static _Thread_local unsigned told; /* the serial of the device that it was told of */
    int32_t device = npu->device;
    if (told != npu->serial && npu->api.aclrtGetDevice(&device) == 0 && device != npu->device) {
        ascend_log(npu, SHMI_WARN,
                   "a thread uses NPU %d, and this PE's is NPU %d: what it puts on its default "
                   "stream runs there",
                   device, npu->device);
    }
    told = npu->serial;
}

/* A thread without a device gets ours; one with another is the program's, and keeps it.  Programs
 * change that at any time, so it is looked at each time: the runtime knows it by a variable of the
 * thread's. */
int ascend_enter(struct shmi_npu *npu)
{
    void *context = NULL;
    bool has_one = npu->api.aclrtGetCurrentContext(&context) == 0 && context != NULL;
    if (shmi_likely(has_one && context == npu->context)) {
        return 0;
    }
    if (has_one) {
        tell_other_device(npu);
        return 0;
    }
    int code = npu->api.aclrtSetCurrentContext(npu->context);
    return code == 0 ? 0 : ascend_failed(npu, "aclrtSetCurrentContext", code);
}

/* Kernels crash without asking whether somebody waits for them: then the job ends here. */
static struct shmi_npu *watched;

static void on_exception(void *info)
{
    const struct ascend_api *api = watched == NULL ? NULL : &watched->api;
    if (api == NULL || api->aclrtGetErrorCodeFromExceptionInfo == NULL) {
        return;
    }
    int code = (int)api->aclrtGetErrorCodeFromExceptionInfo(info);
    ascend_log(watched, SHMI_FATAL,
               "device fault: NPU %u, stream %u, task %u: error %d, %s: ending the job",
               api->aclrtGetDeviceIdFromExceptionInfo == NULL
                   ? (unsigned)watched->device
                   : api->aclrtGetDeviceIdFromExceptionInfo(info),
               api->aclrtGetStreamIdFromExceptionInfo == NULL
                   ? 0
                   : api->aclrtGetStreamIdFromExceptionInfo(info),
               api->aclrtGetTaskIdFromExceptionInfo == NULL
                   ? 0
                   : api->aclrtGetTaskIdFromExceptionInfo(info),
               code, ascend_meaning(code));
}

static void watch(struct shmi_npu *npu)
{
    watched = npu;
    if (npu->api.aclrtExceptionInfoCallbackRegister != NULL) {
        npu->api.aclrtExceptionInfoCallbackRegister(on_exception);
    }
}

static void unwatch(struct shmi_npu *npu)
{
    if (npu->api.aclrtExceptionInfoCallbackUnregister != NULL) {
        npu->api.aclrtExceptionInfoCallbackUnregister(on_exception);
    }
    watched = NULL;
}

/* Without a question to the runtime, which is not to be asked in a signal handler. */
static bool is_ours(struct shmi_npu *npu, const void *addr)
{
    return ascend_region_of(npu, addr) != NULL;
}

/* Try it: a runtime may have the entries and not the ability. */
static bool reaches_host(struct shmi_npu *npu)
{
    void *host = NULL;
    void *device = NULL;
    if (ascend_alloc_host(npu, 4096, &host, &device) != 0) {
        return false;
    }
    ascend_free_host(npu, host);
    return true;
}

/* All ways, or the one that the variable names; which of them do is found out with the others. */
static void read_wish(struct shmi_npu *npu)
{
    char text[16];
    const char *wish = variable(npu, "ascend_share", text, sizeof(text));
    npu->only = strcmp(wish, "auto") != 0;
    for (unsigned way = 0; way < SHMI_COUNT(ways); way++) {
        bool named = strcmp(wish, ways[way].name) == 0;
        npu->wish = named ? (enum ascend_way)way : npu->wish;
        if (way < ASCEND_COPY && (named || !npu->only)) {
            npu->order[npu->n_ways++] = (enum ascend_way)way;
        }
    }
}

static void tell_facts(struct shmi_npu *npu, struct shmi_device_facts *facts)
{
    const struct ascend_api *api = &npu->api;
    const char *name = api->aclrtGetSocName != NULL ? api->aclrtGetSocName() : NULL;
    int64_t cores = 0;
    int32_t version = 0;
    char release[32] = "of unknown version";
    char package[] = "runtime";
    size_t unused = 0;
    if (api->aclrtGetDeviceInfo != NULL) {
        api->aclrtGetDeviceInfo((uint32_t)npu->device, ACL_ATTR_VECTOR_CORES, &cores);
    }
    if (api->aclsysGetVersionNum != NULL && api->aclsysGetVersionNum(package, &version) == 0) {
        snprintf(release, sizeof(release), "%d.%d.%d", version / 10000000, version / 100000 % 100,
                 version / 1000 % 100);
    }
    *facts = (struct shmi_device_facts){
        .cores = cores > 0 ? (unsigned)cores : 1,
        .launches = api->fakeAscendLaunch != NULL,
        .unseen = true,
        .ways = ASCEND_COPY,
    };
    if (api->aclrtGetMemInfo != NULL) {
        api->aclrtGetMemInfo(ACL_MEM_HBM, &unused, &facts->memory);
    }
    snprintf(facts->what, sizeof(facts->what),
             "%s, %s of %u, runtime %s; %u vector cores; rings in %s memory%s",
             name == NULL ? "Ascend" : name, npu->title, npu->n_devices, release, facts->cores,
             npu->rings ? "host" : "device", npu->rings ? "" : ", looked at by copies");
}

static int start_ascend(struct shmi_npu *npu, int my_pe, int local, int n_local,
                        struct shmi_device_facts *facts)
{
    (void)my_pe;
    (void)n_local;
    int32_t pid = (int32_t)getpid();
    int rc = choose_device(npu, local);
    if (rc != 0) {
        return rc;
    }
    if (npu->api.aclrtDeviceGetBareTgid != NULL) {
        npu->api.aclrtDeviceGetBareTgid(&pid);
    }
    npu->pid = pid;
    npu->grain = ascend_grain(npu);
    read_wish(npu);
    npu->rings = reaches_host(npu);
    watch(npu);
    shmi_touch_open(npu, npu->services, is_ours, NULL);
    tell_facts(npu, facts);
    return 0;
}

static void close_ascend(struct shmi_npu *npu)
{
    if (npu->context != NULL) {
        ascend_enter(npu);
        ascend_sync(npu);
        ascend_calls_close(npu);
        ascend_copy_close(npu);
        shmi_touch_close();
        ascend_memory_close(npu);
        unwatch(npu);
    }
    if (npu->bound) {
        npu->api.aclrtResetDevice(npu->device);
    }
    uncount(npu);
    ascend_api_close(npu);
    pthread_mutex_destroy(&npu->calls_lock);
    pthread_mutex_destroy(&npu->far_lock);
    pthread_mutex_destroy(&npu->lock);
    free(npu);
}

extern const struct shmi_device shmi_device_ascend;
__attribute__((visibility("default"))) const struct shmi_device shmi_device_ascend = {
    .abi = SHMI_DEVICE_ABI,
    .name = "ascend",
    .open = open_ascend,
    .start = start_ascend,
    .close = close_ascend,
    .enter = ascend_enter,
    .alloc = ascend_alloc,
    .free = ascend_free,
    .owns = ascend_owns,
    .alloc_host = ascend_alloc_host,
    .free_host = ascend_free_host,
    .trial = ascend_trial,
    .prefer = ascend_prefer,
    .share = ascend_share,
    .admit = ascend_admit,
    .map = ascend_map,
    .unmap = ascend_free,
    .describe = ascend_describe,
    .nic = ascend_nic,
    .copy = ascend_copy,
    .amo = ascend_amo,
    .settle = ascend_settle,
    .stream_create = ascend_stream_create,
    .stream_destroy = ascend_stream_destroy,
    .stream_sync = ascend_stream_sync,
    .sync = ascend_sync,
    .stream_copy = ascend_stream_copy,
    .stream_call = ascend_stream_call,
    .stream_write = ascend_stream_write,
    .stream_wait = ascend_stream_wait,
    .event_create = ascend_event_create,
    .event_destroy = ascend_event_destroy,
    .event_record = ascend_event_record,
    .event_wait = ascend_event_wait,
    .launch = ascend_launch,
    .busy = ascend_busy,
};
