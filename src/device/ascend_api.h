/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ascend_api.h -- what the module uses of the Ascend runtime's C API: one table of entries.
 *
 * Types and numbers are those of the API's binary interface, which have not changed from one
 * release to the next.  Handles are pointers; an error is an int, 0 being success.
 */
#ifndef SHMI_DEVICE_ASCEND_API_H
#define SHMI_DEVICE_ASCEND_API_H

#include <stddef.h>
#include <stdint.h>

enum { ACL_FABRIC_LEN = 128, ACL_KEY_LEN = 65 };

enum { ACL_ALREADY_INITIALISED = 100002, ACL_NO_DEVICE_SET = 107002, ACL_NOT_SUPPORTED = 207000 };

/* Directions of a copy. */
enum { ACL_HOST_TO_HOST, ACL_HOST_TO_DEVICE, ACL_DEVICE_TO_HOST, ACL_DEVICE_TO_DEVICE };

enum { ACL_MALLOC_HUGE_FIRST = 0, ACL_MEM_HBM = 1, ACL_MEM_HBM_HUGE = 4 };
enum { ACL_LOCATION_HOST, ACL_LOCATION_DEVICE };
enum { ACL_GRANULARITY_MINIMUM = 0 };
enum { ACL_ACCESS_READ_WRITE = 3, ACL_RESERVE_HUGE = 1 };

/* Kinds of handle; flags: nobody is asked for the number of a process; the importer may access. */
enum { ACL_SHARE_DEFAULT = 1, ACL_SHARE_FABRIC = 2 };
enum { ACL_EXPORT_TO_ALL = 1, ACL_IMPORT_PEER_ACCESS = 1 };

enum { ACL_HOST_MAPPED_V1 = 0, ACL_HOST_MAPPED = 2, ACL_ENGINE_AIV = 3 };
enum { ACL_WAIT_GE = 0, ACL_WAIT_EQ = 1 };
enum { ACL_EVENT_SYNC = 1 };
enum { ACL_ATTR_VECTOR_CORES = 201 };

struct acl_location {
    uint32_t id;
    int32_t type;
};

struct acl_pointer_attributes {
    struct acl_location location;
    uint32_t page_size;
    uint32_t reserved[4];
};

struct acl_physical_prop {
    int32_t handle_type;
    int32_t allocation_type;
    int32_t mem_attr;
    struct acl_location location;
    uint64_t reserved;
};

struct acl_access {
    int32_t flags;
    struct acl_location location;
    uint8_t reserved[12];
};

_Static_assert(sizeof(struct acl_pointer_attributes) == 28, "the API's layout");
_Static_assert(sizeof(struct acl_physical_prop) == 32, "the API's layout");
_Static_assert(sizeof(struct acl_access) == 24, "the API's layout");

typedef void acl_host_function(void *arg);
typedef void acl_exception_function(void *info);

/* NEED: without it there is no use of the runtime.  MAY: newer runtimes have it, or other products.
 * The two entries with LogicDevId in their names mean the process's own numbers, too, and are the
 * older ones; rtEnableP2P is of the layer below, and takes what a process does not see.  The last
 * row is no entry of any runtime, but of the tests' make-believe one, whose kernels are
 * functions of the program. */
/* clang-format off */
#define ASCEND_API(NEED, MAY)                                                                      \
    NEED(aclInit, (const char *config))                                                            \
    NEED(aclrtGetDeviceCount, (uint32_t *count))                                                   \
    NEED(aclrtSetDevice, (int32_t device))                                                         \
    NEED(aclrtResetDevice, (int32_t device))                                                       \
    NEED(aclrtGetDevice, (int32_t *device))                                                        \
    NEED(aclrtGetCurrentContext, (void **context))                                                 \
    NEED(aclrtSetCurrentContext, (void *context))                                                  \
    NEED(aclrtMalloc, (void **addr, size_t len, int32_t policy))                                   \
    NEED(aclrtFree, (void *addr))                                                                  \
    NEED(aclrtMallocHost, (void **addr, size_t len))                                               \
    NEED(aclrtFreeHost, (void *addr))                                                              \
    NEED(aclrtMemset, (void *addr, size_t room, int32_t value, size_t len))                        \
    NEED(aclrtMemcpy, (void *dst, size_t room, const void *src, size_t len, int32_t kind))         \
    NEED(aclrtMemcpyAsync, (void *dst, size_t room, const void *src, size_t len, int32_t kind,     \
                            void *stream))                                                         \
    NEED(aclrtCreateStream, (void **stream))                                                       \
    NEED(aclrtDestroyStream, (void *stream))                                                       \
    NEED(aclrtSynchronizeStream, (void *stream))                                                   \
    NEED(aclrtSynchronizeDevice, (void))                                                           \
    NEED(aclrtCreateEvent, (void **event))                                                         \
    NEED(aclrtDestroyEvent, (void *event))                                                         \
    NEED(aclrtRecordEvent, (void *event, void *stream))                                            \
    NEED(aclrtStreamWaitEvent, (void *stream, void *event))                                        \
    NEED(aclrtLaunchHostFunc, (void *stream, acl_host_function *fn, void *arg))                    \
    MAY(aclFinalizeReference, (uint64_t *count))                                                   \
    MAY(aclsysGetVersionNum, (char *package, int32_t *version))                                    \
    MAY(aclrtGetDeviceInfo, (uint32_t device, int32_t attribute, int64_t *value))                  \
    MAY(aclrtGetMemInfo, (int32_t kind, size_t *unused, size_t *total))                            \
    MAY(aclrtDeviceGetBareTgid, (int32_t *pid))                                                    \
    MAY(aclrtGetPhyDevIdByUserDevId, (int32_t device, int32_t *physical))                          \
    MAY(aclrtGetPhyDevIdByLogicDevId, (int32_t device, int32_t *physical))                         \
    MAY(aclrtGetUserDevIdByPhyDevId, (int32_t physical, int32_t *device))                          \
    MAY(aclrtGetLogicDevIdByPhyDevId, (int32_t physical, int32_t *device))                         \
    MAY(aclrtDeviceEnablePeerAccess, (int32_t peer, uint32_t flags))                               \
    MAY(rtEnableP2P, (uint32_t device, uint32_t physical_peer, uint32_t flag))                     \
    MAY(aclrtPointerGetAttributes, (const void *addr, struct acl_pointer_attributes *attributes))  \
    MAY(aclrtCreateEventExWithFlag, (void **event, uint32_t flag))                                 \
    MAY(aclrtValueWrite, (void *word, uint64_t value, uint32_t flag, void *stream))                \
    MAY(aclrtValueWait, (void *word, uint64_t value, uint32_t flag, void *stream))                 \
    MAY(aclrtHostMemMapCapabilities, (uint32_t device, int32_t engine, int32_t *capability))       \
    MAY(aclrtHostRegister, (void *addr, uint64_t len, int32_t type, void **device))                \
    MAY(aclrtHostRegisterV2, (void *addr, uint64_t len, uint32_t flag))                            \
    MAY(aclrtHostGetDevicePointer, (void *addr, void **device, uint32_t flag))                     \
    MAY(aclrtHostUnregister, (void *addr))                                                         \
    MAY(aclrtReserveMemAddress, (void **addr, size_t len, size_t align, void *wish,                \
                                 uint64_t flags))                                                  \
    MAY(aclrtReleaseMemAddress, (void *addr))                                                      \
    MAY(aclrtMemGetAllocationGranularity, (struct acl_physical_prop *prop, int32_t option,         \
                                           size_t *len))                                           \
    MAY(aclrtMallocPhysical, (void **handle, size_t len, const struct acl_physical_prop *prop,     \
                              uint64_t flags))                                                     \
    MAY(aclrtFreePhysical, (void *handle))                                                         \
    MAY(aclrtMapMem, (void *addr, size_t len, size_t offset, void *handle, uint64_t flags))        \
    MAY(aclrtUnmapMem, (void *addr))                                                               \
    MAY(aclrtMemSetAccess, (void *addr, size_t len, struct acl_access *access, size_t n))          \
    MAY(aclrtMemExportToShareableHandle, (void *handle, int32_t type, uint64_t flags,              \
                                          uint64_t *shareable))                                    \
    MAY(aclrtMemExportToShareableHandleV2, (void *handle, uint64_t flags, int32_t type,            \
                                            void *shareable))                                      \
    MAY(aclrtMemSetPidToShareableHandle, (uint64_t shareable, int32_t *pids, size_t n))            \
    MAY(aclrtMemSetPidToShareableHandleV2, (void *shareable, int32_t type, int32_t *pids,          \
                                            size_t n))                                             \
    MAY(aclrtMemImportFromShareableHandle, (uint64_t shareable, int32_t device, void **handle))    \
    MAY(aclrtMemImportFromShareableHandleV2, (void *shareable, int32_t type, uint64_t flags,       \
                                              void **handle))                                      \
    MAY(aclrtIpcMemGetExportKey, (void *addr, size_t len, char *key, size_t room,                  \
                                  uint64_t flags))                                                 \
    MAY(aclrtIpcMemSetImportPid, (const char *key, int32_t *pids, size_t n))                       \
    MAY(aclrtIpcMemImportByKey, (void **addr, const char *key, uint64_t flags))                    \
    MAY(aclrtIpcMemClose, (const char *key))                                                       \
    MAY(aclrtExceptionInfoCallbackRegister, (acl_exception_function *fn))                          \
    MAY(aclrtExceptionInfoCallbackUnregister, (acl_exception_function *fn))                        \
    MAY(fakeAscendLaunch, (void (*fn)(void *, unsigned, unsigned), uint32_t n_blocks,              \
                           const void *args, size_t args_len, void *stream))
/* clang-format on */

/* The entries; those that the runtime lacks are NULL. */
#define ASCEND_ENTRY(name, args) int32_t(*name) args;
struct ascend_api {
    ASCEND_API(ASCEND_ENTRY, ASCEND_ENTRY)
    /* These return something else: text, or a number. */
    const char *(*aclrtGetSocName)(void);
    const char *(*aclGetRecentErrMsg)(void);
    uint32_t (*aclrtGetErrorCodeFromExceptionInfo)(const void *info);
    uint32_t (*aclrtGetDeviceIdFromExceptionInfo)(const void *info);
    uint32_t (*aclrtGetStreamIdFromExceptionInfo)(const void *info);
    uint32_t (*aclrtGetTaskIdFromExceptionInfo)(const void *info);
};
#undef ASCEND_ENTRY

#endif
