/* SPDX-License-Identifier: BSD-3-Clause */
/* ascend_api.c -- the Ascend runtime: finding its entries, and what its codes mean. */
#include "device/ascend_api.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "device/ascend.h"

/* An entry's name, and where its address goes. */
struct entry {
    const char *name;
    size_t at;
    bool needed;
};

#define NEEDED(name, args) {#name, offsetof(struct ascend_api, name), true},
#define OPTION(name, args) {#name, offsetof(struct ascend_api, name), false},
static const struct entry entries[] = {
    /* clang-format off */
    ASCEND_API(NEEDED, OPTION)
    OPTION(aclrtGetSocName, )
    OPTION(aclGetRecentErrMsg, )
    OPTION(aclrtGetErrorCodeFromExceptionInfo, )
    OPTION(aclrtGetDeviceIdFromExceptionInfo, )
    OPTION(aclrtGetStreamIdFromExceptionInfo, )
    OPTION(aclrtGetTaskIdFromExceptionInfo, )
    /* clang-format on */
};

int ascend_api_open(struct shmi_npu *npu, const char *path, char *what, size_t len)
{
    npu->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (npu->library == NULL) {
        snprintf(what, len, "no Ascend runtime: %s", dlerror());
        return -ENODEV;
    }
    for (size_t i = 0; i < SHMI_COUNT(entries); i++) {
        void *found = dlsym(npu->library, entries[i].name);
        if (found == NULL && entries[i].needed) {
            snprintf(what, len, "%s has no %s: it is too old, or something else", path,
                     entries[i].name);
            ascend_api_close(npu);
            return -ENODEV;
        }
        memcpy((char *)&npu->api + entries[i].at, &found, sizeof(found));
    }
    return 0;
}

/* The runtime has threads of its own, and stays. */
void ascend_api_close(struct shmi_npu *npu)
{
    npu->library = NULL;
    memset(&npu->api, 0, sizeof(npu->api));
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* What to do about it. */
#define LOST   "; see npu-smi info, and leave it out with ASCEND_RT_VISIBLE_DEVICES"
#define LONGER "; aclrtSetOpExecuteTimeOutV2 gives kernels more time"
#define CRASH  "; the runtime's log tells where"

static const struct {
    int code;
    int error;
    const char *meaning;
} codes[] = {
    /* clang-format off */
    {100000, EINVAL,    "invalid parameter"},
    {100001, EIO,       "the runtime is not initialised: aclFinalize comes after shmem_finalize"},
    {100037, EIO,       "the runtime is finalised: aclFinalize comes after shmem_finalize"},
    {100039, ENODEV,    "libraries for linking only, which do nothing"},
    {107000, EINVAL,    "invalid parameter"},
    {107001, ENODEV,    "no device of this number"},
    {107002, EIO,       "the thread has no device"},
    {107003, EINVAL,    "a stream of another context"},
    {107008, EINVAL,    "an address that is not aligned"},
    {107016, EINVAL,    "the wrong kind of memory"},
    {107017, EINVAL,    "an invalid handle"},
    {107019, ETIMEDOUT, "a wait took too long"},
    {107020, ETIMEDOUT, "a task took too long"},
    {107022, EIO,       "the tasks of the device were aborted"},
    {107023, EIO,       "the stream was aborted"},
    {200000, ENOMEM,    "out of host memory"},
    {200001, ENOTSUP,   "not supported"},
    {200006, ENOTSUP,   "not supported"},
    {207000, ENOTSUP,   "not supported"},
    {207001, ENOMEM,    "out of memory"},
    {207004, ENODEV,    "no device; ASCEND_RT_VISIBLE_DEVICES, if set, names some, ascending"},
    {207005, EBUSY,     "the device has no more of this, or is in use by others; see npu-smi info"},
    {207006, EACCES,    "no permission"},
    {207007, EBUSY,     "no more events"},
    {207008, EBUSY,     "no more streams"},
    {207009, EBUSY,     "no more notifies"},
    {207018, ENOMEM,    "out of device memory"},
    {207020, ETIMEDOUT, "the driver does not answer"},
    {507000, EIO,       "an error in the runtime"},
    {507001, EIO,       "an error in the device's scheduler"},
    {507010, EIO,       "the device is lost: no heartbeat" LOST},
    {507014, EIO,       "a kernel took too long" LONGER},
    {507015, EIO,       "a kernel has crashed" CRASH},
    {507016, EIO,       "a kernel has stopped itself" CRASH},
    {507017, EIO,       "a kernel on the device's CPU took too long" LONGER},
    {507018, EIO,       "a kernel on the device's CPU has crashed" CRASH},
    {507033, EIO,       "the device could not be set up" LOST},
    {507034, EIO,       "a kernel on a vector core took too long" LONGER},
    {507035, EIO,       "a kernel on a vector core has crashed" CRASH},
    {507036, EIO,       "a kernel on a vector core has stopped itself" CRASH},
    {507042, EIO,       "a kernel reads beyond its memory" CRASH},
    {507043, EIO,       "a kernel writes beyond its memory" CRASH},
    {507044, EIO,       "a kernel on a vector core reads beyond its memory" CRASH},
    {507045, EIO,       "a kernel on a vector core writes beyond its memory" CRASH},
    {507046, ETIMEDOUT, "a stream takes too long"},
    {507047, ETIMEDOUT, "an event takes too long"},
    {507053, EIO,       "an error in device memory" LOST},
    {507054, EIO,       "several wrong bits in device memory" LOST},
    {507055, EIO,       "perhaps an error in device memory" LOST},
    {507056, EIO,       "an error on a link between devices" LOST},
    {507057, EIO,       "perhaps an error of another device, or on the way to it" LOST},
    {507899, EIO,       "an error in the driver, or no driver; see npu-smi info"},
    {507901, EIO,       "the device is lost: no connection" LOST},
    /* clang-format on */
};

const char *ascend_meaning(int code)
{
    for (size_t i = 0; i < SHMI_COUNT(codes); i++) {
        if (codes[i].code == code) {
            return codes[i].meaning;
        }
    }
    return "see the runtime's list of error codes";
}

int ascend_errno(int code)
{
    for (size_t i = 0; i < SHMI_COUNT(codes); i++) {
        if (codes[i].code == code) {
            return -codes[i].error;
        }
    }
    return code == 0 ? 0 : -EIO;
}

int ascend_failed(struct shmi_npu *npu, const char *what, int code)
{
    const char *words = npu->api.aclGetRecentErrMsg != NULL ? npu->api.aclGetRecentErrMsg() : NULL;
    bool some = words != NULL && words[0] != '\0';
    ascend_log(npu, SHMI_ERROR, "%s, %s: error %d, %s%s%s", npu->title, what, code,
               ascend_meaning(code), some ? ": " : "", some ? words : "");
    return ascend_errno(code);
}
