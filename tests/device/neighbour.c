/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * neighbour.c -- a program that uses the Ascend runtime by itself, beside the library.
 *
 * Usage: neighbour <case>, with the make-believe runtime to be found as libascendcl.so.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "device.h"
#include "device/ascend_api.h"

#include <shmemx_device.h>

static struct ascend_api acl;
static int32_t (*aclFinalize)(void);

static void find(void *library, const char *name, void *entry)
{
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "# no %s\n", name);
        exit(1);
    }
    memcpy(entry, &found, sizeof(found));
}

static void open_runtime(void)
{
    void *library = dlopen("libascendcl.so", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "# %s\n", dlerror());
        exit(1);
    }
#define FIND(name, args) find(library, #name, &acl.name);
    ASCEND_API(FIND, FIND)
    find(library, "aclFinalize", &aclFinalize);
}

static int mine(void)
{
    int32_t device = -1;
    return acl.aclrtGetDevice(&device) == 0 ? device : -1;
}

/* ---- what the library does meanwhile --------------------------------------------------------- */

enum { N = 1000 };

static void go_round(void)
{
    int here[N], there[N], *symmetric = make(DEVICE, sizeof(here));
    int pe = right_of(shmem_my_pe());
    for (int i = 0; i < N; i++) {
        here[i] = number(shmem_my_pe(), (size_t)i);
    }
    shmem_int_put(symmetric, here, N, pe);
    shmem_barrier_all();
    shmem_int_get(there, symmetric, N, pe);
    check(memcmp(here, there, sizeof(here)) == 0, "put and get");
    shmem_free(symmetric);
}

/* Memory and streams that the program has of the runtime. */
static void own_memory(void)
{
    long seen = 0, value = 4711 + shmem_my_pe();
    long *symmetric = make(DEVICE, sizeof(long));
    void *here = NULL, *stream = NULL;
    check(acl.aclrtMalloc(&here, sizeof(long), 0) == 0, "aclrtMalloc");
    check(acl.aclrtCreateStream(&stream) == 0, "aclrtCreateStream");
    check(shmemx_addr_kind(here) == SHMEMX_ADDR_DEVICE_PRIVATE, "the program's own memory");
    shmemx_memcpy(here, &value, sizeof(value));
    shmemx_long_put_on_stream(symmetric, here, 1, right_of(shmem_my_pe()), stream);
    shmemx_barrier_all_on_stream(stream);
    check(acl.aclrtSynchronizeStream(stream) == 0, "aclrtSynchronizeStream");
    shmem_long_get(here, symmetric, 1, shmem_my_pe());
    shmemx_memcpy(&seen, here, sizeof(seen));
    check(seen == 4711 + left_of(shmem_my_pe()), "%ld from the left", seen);
    check(acl.aclrtDestroyStream(stream) == 0 && acl.aclrtFree(here) == 0, "what is the program's");
    shmem_free(symmetric);
}

/* ---- cases ----------------------------------------------------------------------------------- */

/* The program comes first and goes last. */
static void around(void)
{
    check(acl.aclInit(NULL) == 0 && acl.aclrtSetDevice(5) == 0, "the runtime is the program's");
    shmem_init();
    conformance_run("the program's own memory and streams", own_memory);
    check(mine() == 5, "NPU %d, which the program has chosen", mine());
    conformance_run("put and get", go_round);
    conformance_plan();
    shmem_finalize();
    check(mine() == 5, "NPU %d after shmem_finalize", mine());
    check(acl.aclrtResetDevice(5) == 0 && mine() == -1, "and its last user is gone");
    check(aclFinalize() == 0, "the end of it");
}

static void reset_early(void)
{
    check(acl.aclrtResetDevice(2) == 0, "the program gives its NPU back");
    go_round();
}

/* It gives its device back while the library goes on. */
static void crossed(void)
{
    check(acl.aclInit(NULL) == 0 && acl.aclrtSetDevice(2) == 0, "the runtime is the program's");
    shmem_init();
    conformance_run("the program's NPU is still the library's", reset_early);
    conformance_plan();
    shmem_finalize();
    check(aclFinalize() == 0, "the end of it");
}

static void *other_thread(void *unused)
{
    (void)unused;
    check(mine() == -1 && acl.aclrtSetDevice(7) == 0, "a thread with an NPU of its own");
    long *symmetric = make(DEVICE, sizeof(long));
    long value = 3;
    shmem_long_put(symmetric, &value, 1, shmem_my_pe());
    check(mine() == 7, "NPU %d, which the thread has chosen", mine());
    check(acl.aclrtResetDevice(7) == 0, "and gives back");
    shmem_long_put(symmetric, &value, 1, shmem_my_pe()); /* with the library's, then */
    check(mine() >= 0 && mine() != 7, "NPU %d, the library's", mine());
    shmem_free(symmetric);
    return NULL;
}

static void with_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, other_thread, NULL);
    pthread_join(thread, NULL);
    go_round();
}

/* Threads with other devices than the library's keep them. */
static void threads(void)
{
    int provided = 0;
    shmem_init_thread(SHMEM_THREAD_MULTIPLE, &provided);
    conformance_run("threads with NPUs of their own", with_thread);
    conformance_plan();
    shmem_finalize();
}

/* The end of the runtime before that of the library. */
static void early(void)
{
    shmem_init();
    go_round();
    aclFinalize();
    go_round();
    printf("PE %d survived\n", shmem_my_pe());
    shmem_finalize();
}

/* What a kernel gets: the context, and what to put with a signal to the next PE. */
struct errand {
    void *context;
    long *to, *from;
    uint64_t *signal;
    int pe;
};

static void run_errand(void *args, unsigned block, unsigned n_blocks)
{
    const struct errand *errand = args;
    shmemx_device_t dev;
    (void)n_blocks;
    if (shmemx_device_enter(&dev, errand->context, block) == SHMEMX_OK) {
        shmemx_device_putmem_signal(&dev, errand->to, errand->from, N * sizeof(long),
                                    errand->signal, 9, SHMEM_SIGNAL_SET, errand->pe);
        shmemx_device_leave(&dev);
    }
}

static void launch_errand(long options)
{
    long here[N];
    uint64_t none = 0;
    void *stream = NULL;
    struct errand errand = {.pe = right_of(shmem_my_pe()),
                            .to = make(DEVICE, sizeof(here)),
                            .from = make(DEVICE, sizeof(here)),
                            .signal = make(DEVICE, sizeof(uint64_t))};
    int rc = shmemx_device_context_create(1, 0, options, &errand.context);
    check(rc == 0, "a context: %d", rc);
    for (int i = 0; i < N; i++) {
        here[i] = shmem_my_pe() * N + i;
    }
    shmemx_memcpy(errand.from, here, sizeof(here));
    shmemx_memcpy(errand.signal, &none, sizeof(none));
    shmem_barrier_all();
    check(acl.aclrtCreateStream(&stream) == 0, "aclrtCreateStream");
    check(acl.fakeAscendLaunch(run_errand, 1, &errand, sizeof(errand), stream) == 0, "a launch");
    check(acl.aclrtSynchronizeStream(stream) == 0, "aclrtSynchronizeStream");
    shmem_signal_wait_until(errand.signal, SHMEM_CMP_EQ, 9);
    shmemx_memcpy(here, errand.to, sizeof(here));
    for (int i = 0; i < N; i++) {
        long wanted = left_of(shmem_my_pe()) * N + i;
        check(here[i] == wanted, "%ld, and not %ld", here[i], wanted);
    }
    check(acl.aclrtDestroyStream(stream) == 0, "aclrtDestroyStream");
    shmemx_device_context_destroy(errand.context);
    shmem_free(errand.to);
    shmem_free(errand.from);
    shmem_free(errand.signal);
}

static void launch_errands(void)
{
    launch_errand(0);
    launch_errand(SHMEMX_DEVICE_RING_ONLY);
}

/* Kernels that the program launches by the runtime's means, on a stream of its own. */
static void kernels(void)
{
    shmem_init();
    conformance_run("kernels of the program's own launching", launch_errands);
    conformance_plan();
    shmem_finalize();
}

/* Another library with names that begin with shmem_, as the vendor's. */
static void vendor(void)
{
    void *theirs = dlopen("libshmem.so", RTLD_NOW | RTLD_GLOBAL);
    check(theirs != NULL, "%s", theirs == NULL ? dlerror() : "");
    shmem_init();
    conformance_run("put and get beside the vendor's library", go_round);
    conformance_plan();
    shmem_finalize();
    int (*other)(void) = NULL;
    find(theirs, "shmem_my_pe", &other);
    check(other() == -12345, "their functions are theirs");
}

/* ---- what the make-believe runtime refuses, as the real one does ----------------------------- */

#define IS(wanted, call) is((wanted), (call), __LINE__, #call)
static void is(int wanted, int code, int line, const char *call)
{
    conformance_check(code == wanted, __FILE__, line, call, "%d, and not %d", code, wanted);
}

static void *without_device(void *unused)
{
    void *addr = NULL;
    (void)unused;
    IS(107002, acl.aclrtMalloc(&addr, 64, 0));
    IS(107002, acl.aclrtGetCurrentContext(&addr));
    return NULL;
}

static void refuse_devices(void)
{
    pthread_t thread;
    int32_t device = 0;
    uint64_t count = 0;
    IS(100001, acl.aclrtSetDevice(0));
    IS(0, acl.aclInit(NULL));
    IS(100002, acl.aclInit(NULL));
    IS(0, acl.aclFinalizeReference(&count));
    check(count == 1, "%lu uses are left", (unsigned long)count);
    IS(107002, acl.aclrtGetDevice(&device));
    IS(107001, acl.aclrtSetDevice(99));
    IS(107001, acl.aclrtResetDevice(1));
    IS(0, acl.aclrtSetDevice(1));
    pthread_create(&thread, NULL, without_device, NULL);
    pthread_join(thread, NULL);
    IS(100000, acl.aclrtDeviceEnablePeerAccess(1, 0));
    IS(107001, acl.aclrtDeviceEnablePeerAccess(99, 0));
    IS(200006, acl.aclrtDeviceEnablePeerAccess(2, 1));
}

static void refuse_pages(void)
{
    const size_t len = (size_t)2 << 20;
    struct acl_physical_prop prop = {.mem_attr = ACL_MEM_HBM_HUGE, .location = {1, 1}};
    struct acl_access access = {.flags = 3, .location = {1, 1}};
    void *handle = NULL, *again = NULL, *space = NULL;
    uint64_t name[16];
    IS(107000, acl.aclrtMallocPhysical(&handle, 4096, &prop, 0));
    IS(0, acl.aclrtMallocPhysical(&handle, len, &prop, 0));
    IS(107000, acl.aclrtReserveMemAddress(&space, len, 4096, NULL, 0));
    IS(0, acl.aclrtReserveMemAddress(&space, len, 0, NULL, 0));
    IS(107000, acl.aclrtMapMem(space, len / 2, 0, handle, 0));
    IS(107000, acl.aclrtMapMem((char *)space + 4096, len, 0, handle, 0));
    IS(107000, acl.aclrtMapMem(space, len, 4096, handle, 0));
    IS(0, acl.aclrtMapMem(space, len, 0, handle, 0));
    IS(107000, acl.aclrtMapMem(space, len, 0, handle, 0));
    IS(107000, acl.aclrtMemSetAccess(space, len / 2, &access, 1));
    IS(107000, acl.aclrtReleaseMemAddress(space));
    IS(107000, acl.aclrtFree(space));
    IS(107000, acl.aclrtMemExportToShareableHandleV2(handle, 1, 3, name));
    IS(0, acl.aclrtMemExportToShareableHandleV2(handle, 1, ACL_SHARE_DEFAULT, name));
    IS(107000, acl.aclrtMemExportToShareableHandleV2(handle, 1, ACL_SHARE_FABRIC, name));
    IS(107017, acl.aclrtMemImportFromShareableHandle(name[0], 1, &again));
    IS(0, acl.aclrtFreePhysical(handle));
    IS(107017, acl.aclrtFreePhysical(handle));
    IS(107017, acl.aclrtMapMem(space, len, 0, handle, 0));
    IS(0, acl.aclrtUnmapMem(space));
    IS(107000, acl.aclrtUnmapMem(space));
    IS(0, acl.aclrtReleaseMemAddress(space));
}

static void refuse_copies(void)
{
    long here = 0;
    char key[ACL_KEY_LEN];
    void *there = NULL, *host = NULL, *device = NULL, *page;
    IS(0, acl.aclrtMalloc(&there, 4096, 0));
    IS(107000, acl.aclrtMemcpy(there, 4, &here, 8, ACL_HOST_TO_DEVICE));
    IS(107000, acl.aclrtMemcpy((char *)there + ((size_t)1 << 20), 8, &here, 8, ACL_HOST_TO_DEVICE));
    IS(207000, acl.aclrtMemcpyAsync(&here, 8, &host, 8, ACL_HOST_TO_HOST, NULL));
    IS(107008, acl.aclrtValueWrite((char *)there + 4, 1, 0, NULL));
    IS(107000, acl.aclrtValueWait(&here, 1, ACL_WAIT_EQ, NULL));
    IS(107000, acl.aclrtIpcMemGetExportKey(there, 4096, key, sizeof(key), 1));
    IS(107017, acl.aclrtIpcMemClose("no key"));
    IS(0, acl.aclrtFree(there));
    IS(107000, acl.aclrtFree(there));
    IS(107000, acl.aclrtFree(NULL));
    IS(0, acl.aclrtMallocHost(&host, 8192));
    page = (void *)(((uintptr_t)host + 4095) & ~(uintptr_t)4095);
    IS(107000, acl.aclrtHostRegister((char *)page + 64, 64, ACL_HOST_MAPPED_V1, &device));
    IS(0, acl.aclrtHostRegister(page, 4096, ACL_HOST_MAPPED_V1, &device));
    IS(107000, acl.aclrtHostRegister(page, 4096, ACL_HOST_MAPPED_V1, &device));
    IS(107000, acl.aclrtMemcpy(device, 8, &here, 8, ACL_HOST_TO_DEVICE));
    IS(0, acl.aclrtHostUnregister(page));
    IS(107000, acl.aclrtHostUnregister(page));
    IS(0, acl.aclrtFreeHost(host));
}

static void refuse_streams(void)
{
    void *stream = NULL, *event = NULL;
    IS(0, acl.aclrtCreateStream(&stream));
    IS(0, acl.aclrtCreateEvent(&event));
    IS(0, acl.aclrtSetDevice(2));
    IS(107003, acl.aclrtSynchronizeStream(stream));
    IS(107003, acl.aclrtRecordEvent(event, NULL));
    IS(0, acl.aclrtResetDevice(2));
    IS(0, acl.aclrtSetDevice(1));
    IS(0, acl.aclrtDestroyStream(stream));
    IS(107003, acl.aclrtDestroyStream(stream));
    IS(0, acl.aclrtDestroyEvent(event));
    IS(107000, acl.aclrtStreamWaitEvent(NULL, event));
    IS(107000, acl.aclrtDestroyEvent(event));
    IS(0, aclFinalize());
    IS(100037, acl.aclFinalizeReference(NULL));
}

static void refusals(void)
{
    refuse_devices();
    refuse_pages();
    refuse_copies();
    refuse_streams();
    printf("%sok 1 - what the runtime refuses\n", conformance.failures == 0 ? "" : "not ");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        {"around", around}, {"crossed", crossed},   {"threads", threads}, {"early", early},
        {"vendor", vendor}, {"refusals", refusals}, {"kernels", kernels},
    };
    open_runtime();
    for (size_t i = 0; argc > 1 && i < CONFORMANCE_COUNT(cases); i++) {
        if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return conformance_status();
        }
    }
    return 2;
}
