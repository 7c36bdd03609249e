/* SPDX-License-Identifier: BSD-3-Clause */
/* fake.c -- a make-believe Ascend runtime: initialisation, devices, contexts. */
#include "fake.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICES_MAX = 64 };

pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
OF_THREAD bool fake_in_host_function;
static OF_THREAD struct fake_context *current;

static struct {
    uint64_t inits;
    struct fake_context context[DEVICES_MAX]; /* of each device: the primary one */
    bool reaches[DEVICES_MAX];                /* by the host's numbers */
} fake;

/* Which devices the process sees: read once, as a runtime does. */
static struct {
    pthread_once_t once;
    int code;
    int n;
    int physical[DEVICES_MAX];
} visible = {.once = PTHREAD_ONCE_INIT};

long fake_number(const char *variable, long otherwise)
{
    const char *value = getenv(variable);
    return value == NULL ? otherwise : strtol(value, NULL, 10);
}

void fake_complain(const char *text)
{
    fprintf(stderr, "fake-ascend: %s\n", text);
}

/* "name=code,name@device=code" */
static int fails(const char *name, int number)
{
    const char *list = getenv("FAKE_ASCEND_FAIL");
    size_t len = strlen(name);
    for (const char *at = list; at != NULL && *at != '\0';) {
        const char *end = at + strcspn(at, ",");
        if (strncmp(at, name, len) == 0 && (at[len] == '=' || at[len] == '@')) {
            char *after = (char *)at + len;
            long device = *after == '@' ? strtol(after + 1, &after, 10) : -1;
            if (*after == '=' && (device < 0 || number == device)) {
                return (int)strtol(after + 1, NULL, 10);
            }
        }
        at = *end == '\0' ? end : end + 1;
    }
    return OK;
}

int fake_fails(const char *name)
{
    return fails(name, current != NULL ? current->device : -1);
}

int fake_fails_from(const char *name, int physical)
{
    int code = fails("from", physical);
    return code == OK ? fails(name, physical) : code;
}

int fake_enter(const char *name, bool with_device)
{
    int code = fake_fails(name);
    if (fake_in_host_function) {
        fake_complain("a host function calls the runtime");
        return INTERNAL;
    }
    if (code != OK) {
        return code;
    }
    if (__atomic_load_n(&fake.inits, __ATOMIC_ACQUIRE) == 0) {
        return NOT_INITIALISED;
    }
    return with_device && current == NULL ? NO_CONTEXT : OK;
}

struct fake_context *fake_context(void)
{
    return current;
}

/* ---- which devices there are ----------------------------------------------------------------- */

static void show(int physical)
{
    bool again = visible.n != 0 && visible.physical[visible.n - 1] >= physical;
    visible.code = again ? NO_DEVICE : visible.code;
    visible.physical[visible.n++] = physical;
}

/* Numbers in ascending order, up to the first that is none or is not there; no number at all, one
 * twice or one out of order, and there is no device. */
static void show_devices(void)
{
    const char *list = getenv("ASCEND_RT_VISIBLE_DEVICES");
    int n = (int)fake_number("FAKE_ASCEND_DEVICES", 8);
    n = n < DEVICES_MAX ? n : DEVICES_MAX;
    for (int i = 0; list == NULL && i < n; i++) {
        show(i);
    }
    while (list != NULL && isdigit((unsigned char)*list) && visible.n < n) {
        char *end;
        long physical = strtol(list, &end, 10);
        if (physical >= n || (*end != ',' && *end != '\0')) {
            break;
        }
        show((int)physical);
        list = *end == ',' ? end + 1 : end;
    }
    visible.code = visible.n == 0 ? NO_DEVICE : visible.code;
    visible.n = visible.code == OK ? visible.n : 0;
}

int fake_n_devices(void)
{
    pthread_once(&visible.once, show_devices);
    return visible.n;
}

int fake_physical(int device)
{
    return device >= 0 && device < fake_n_devices() ? visible.physical[device] : -1;
}

static int device_of(int physical)
{
    int device = fake_n_devices() - 1;
    while (device >= 0 && visible.physical[device] != physical) {
        device--;
    }
    return device;
}

bool fake_reaches(int physical)
{
    int device = device_of(physical);
    return (device >= 0 && fake.context[device].users != 0) ||
           (physical >= 0 && physical < DEVICES_MAX && fake.reaches[physical]);
}

void fake_let_reach(int physical)
{
    fake.reaches[physical] = true;
}

/* ---- the process ----------------------------------------------------------------------------- */

API int32_t aclInit(const char *config)
{
    (void)config;
    int code = fake_fails(__func__);
    if (code != OK) {
        return code;
    }
    return __atomic_fetch_add(&fake.inits, 1, __ATOMIC_ACQ_REL) == 0 ? OK : REPEAT_INITIALISE;
}

API int32_t aclFinalizeReference(uint64_t *count)
{
    int code = fake_enter(__func__, false);
    if (code != OK) {
        return code == NOT_INITIALISED ? REPEAT_FINALISE : code;
    }
    uint64_t left = __atomic_sub_fetch(&fake.inits, 1, __ATOMIC_ACQ_REL);
    if (count != NULL) {
        *count = left;
    }
    return OK;
}

/* The end of everything for everybody, however often it was begun: nobody who shares a process may
 * ask for it while others go on. */
API int32_t aclFinalize(void)
{
    uint64_t inits = __atomic_exchange_n(&fake.inits, 0, __ATOMIC_ACQ_REL);
    if (inits > 1) {
        fake_complain("aclFinalize takes the runtime away from the rest of the process");
    }
    return inits == 0 ? REPEAT_FINALISE : OK;
}

API const char *aclGetRecentErrMsg(void)
{
    return getenv("FAKE_ASCEND_MESSAGE");
}

API int32_t aclsysGetVersionNum(char *package, int32_t *version)
{
    if (strcmp(package, "runtime") != 0) {
        return INVALID;
    }
    *version = 80500000;
    return OK;
}

API const char *aclrtGetSocName(void)
{
    return "Ascend of the tests";
}

API int32_t aclrtDeviceGetBareTgid(int32_t *pid)
{
    int code = fake_enter(__func__, false);
    *pid = code == OK ? (int32_t)getpid() : *pid;
    return code;
}

/* ---- devices --------------------------------------------------------------------------------- */

API int32_t aclrtGetDeviceCount(uint32_t *count)
{
    int code = fake_enter(__func__, false);
    *count = code == OK ? (uint32_t)fake_n_devices() : 0;
    return code == OK ? visible.code : code;
}

API int32_t aclrtSetDevice(int32_t device)
{
    int code = fake_enter(__func__, false);
    code = code == OK ? fails(__func__, device) : code;
    if (code != OK) {
        return code;
    }
    if (device < 0 || device >= fake_n_devices()) {
        return NO_SUCH_DEVICE;
    }
    struct fake_context *context = &fake.context[device];
    pthread_mutex_lock(&fake_lock);
    context->device = device;
    context->users++;
    pthread_mutex_unlock(&fake_lock);
    current = context;
    return OK;
}

API int32_t aclrtResetDevice(int32_t device)
{
    int code = fake_enter(__func__, false);
    if (code != OK) {
        return code;
    }
    if (device < 0 || device >= fake_n_devices() || fake.context[device].users == 0) {
        return NO_SUCH_DEVICE;
    }
    struct fake_context *context = &fake.context[device];
    pthread_mutex_lock(&fake_lock);
    bool last = --context->users == 0;
    context->first = last ? NULL : context->first;
    pthread_mutex_unlock(&fake_lock);
    while (last && context->streams != NULL) { /* the default one, and all that nobody destroyed */
        fake_stream_end(context->streams);
    }
    current = last && current == context ? NULL : current;
    return OK;
}

API int32_t aclrtGetDevice(int32_t *device)
{
    int code = fake_enter(__func__, true);
    if (code == OK) {
        *device = current->device;
    }
    return code;
}

API int32_t aclrtGetCurrentContext(void **context)
{
    int code = fake_enter(__func__, true);
    if (code == OK) {
        *context = current;
    }
    return code;
}

API int32_t aclrtSetCurrentContext(void *context)
{
    int code = fake_enter(__func__, false);
    if (code != OK) {
        return code;
    }
    for (int i = 0; i < fake_n_devices(); i++) {
        if (&fake.context[i] == context && fake.context[i].users != 0) {
            current = context;
            return OK;
        }
    }
    return INVALID;
}

/* ---- numbers of devices, and their links ----------------------------------------------------- */

API int32_t aclrtGetPhyDevIdByUserDevId(int32_t device, int32_t *physical)
{
    int code = fake_enter(__func__, false);
    if (code != OK || fake_physical(device) < 0) {
        return code != OK ? code : NO_SUCH_DEVICE;
    }
    *physical = fake_physical(device);
    return OK;
}

API int32_t aclrtGetUserDevIdByPhyDevId(int32_t physical, int32_t *device)
{
    int code = fake_enter(__func__, false);
    if (code != OK || device_of(physical) < 0) {
        return code != OK ? code : NO_SUCH_DEVICE;
    }
    *device = device_of(physical);
    return OK;
}

API int32_t aclrtGetPhyDevIdByLogicDevId(int32_t device, int32_t *physical)
{
    return aclrtGetPhyDevIdByUserDevId(device, physical);
}

API int32_t aclrtGetLogicDevIdByPhyDevId(int32_t physical, int32_t *device)
{
    return aclrtGetUserDevIdByPhyDevId(physical, device);
}

API int32_t aclrtDeviceEnablePeerAccess(int32_t peer, uint32_t flags)
{
    int code = fake_enter(__func__, true);
    if (code != OK) {
        return code;
    }
    if (flags != 0 || peer == current->device || fake_physical(peer) < 0) {
        return flags != 0                ? UNSUPPORTED_VALUE
               : fake_physical(peer) < 0 ? NO_SUCH_DEVICE
                                         : INVALID_ARGUMENT;
    }
    fake_let_reach(fake_physical(peer));
    return OK;
}

/* By the host's number of the other, which this process need not see. */
API int32_t rtEnableP2P(uint32_t device, uint32_t physical_peer, uint32_t flag)
{
    int code = fake_enter(__func__, false);
    bool good = fake_physical((int)device) >= 0 && flag == 0 &&
                physical_peer < (uint32_t)fake_number("FAKE_ASCEND_DEVICES", 8);
    if (code == OK && good) {
        fake_let_reach((int)physical_peer);
    }
    return code != OK ? code : good ? OK : INVALID;
}

API int32_t aclrtGetDeviceInfo(uint32_t device, int32_t attribute, int64_t *value)
{
    enum { VECTOR_CORES = 201 };
    int code = fake_enter(__func__, false);
    if (code != OK) {
        return code;
    }
    if ((int)device >= fake_n_devices() || attribute != VECTOR_CORES) {
        return (int)device >= fake_n_devices() ? NO_SUCH_DEVICE : INVALID;
    }
    *value = fake_number("FAKE_ASCEND_CORES", 4);
    return OK;
}

/* ---- exceptions: kernels that crash ---------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    acl_exception_function *fn;
} exceptions = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct exception {
    uint32_t code, device, stream, task;
};

void fake_exception(int code, int device)
{
    struct exception info = {(uint32_t)code, (uint32_t)device, 7, 3};
    pthread_mutex_lock(&exceptions.lock);
    acl_exception_function *fn = exceptions.fn;
    pthread_mutex_unlock(&exceptions.lock);
    if (fn != NULL) {
        fn(&info);
    }
}

static int set_exception(acl_exception_function *fn, acl_exception_function *only)
{
    pthread_mutex_lock(&exceptions.lock);
    int code = only == NULL || exceptions.fn == only ? OK : INVALID;
    exceptions.fn = code == OK ? fn : exceptions.fn;
    pthread_mutex_unlock(&exceptions.lock);
    return code;
}

API int32_t aclrtExceptionInfoCallbackRegister(acl_exception_function *fn)
{
    int code = fake_enter(__func__, false);
    return code != OK ? code : set_exception(fn, NULL);
}

API int32_t aclrtExceptionInfoCallbackUnregister(acl_exception_function *fn)
{
    int code = fake_enter(__func__, false);
    return code != OK ? code : set_exception(NULL, fn);
}

API uint32_t aclrtGetErrorCodeFromExceptionInfo(const void *info)
{
    return ((const struct exception *)info)->code;
}

API uint32_t aclrtGetDeviceIdFromExceptionInfo(const void *info)
{
    return ((const struct exception *)info)->device;
}

API uint32_t aclrtGetStreamIdFromExceptionInfo(const void *info)
{
    return ((const struct exception *)info)->stream;
}

API uint32_t aclrtGetTaskIdFromExceptionInfo(const void *info)
{
    return ((const struct exception *)info)->task;
}
