/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake.h -- a make-believe Ascend runtime, for tests on machines without an NPU.
 *
 * It has the entries of libascendcl that the ascend module calls, with the error codes, the
 * reference counts, the devices bound to threads, the alignments, the directions of copies and the
 * refusals that the runtime's documentation tells of.  Devices are numbers; their memory is objects
 * without a name, which a process maps twice:
 *
 *     device window   what programs and kernels know: no access, so that a host that follows a
 *                     device address dies
 *     hidden window   the same memory, for the runtime's own copies
 *
 * A kernel is a function of the program.  It runs in processes that are forked for the launch, one
 * for each core, in which the device window is accessible: fakeAscendLaunch, which no runtime has.
 *
 * Devices have three numbers, as on a host: the process's own, of those that
 * ASCEND_RT_VISIBLE_DEVICES shows; the host's, which is what "physical" means here; there are no
 * containers, so that the third is the second.  A process's kernels and copies reach another
 * device's memory only where it has asked for that.
 *
 * Variables: FAKE_ASCEND_DEVICES, _CORES, _HBM (MiB), _FAIL: a list name=code,... of what fails and
 * how; a name is that of an entry, or one of fabric, fabric-large, handle, listed, key, engines,
 * import, import-fabric, import-handle, import-key, from, from-fabric, from-handle, from-key, and
 * may have a device's own number behind an @; `from` is an import from that device of the host's.
 */
#ifndef FAKE_ASCEND_H
#define FAKE_ASCEND_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "device/ascend_api.h"

/* The module's own table declares the entries, so that the two cannot differ. */
#define API                 __attribute__((visibility("default")))
#define DECLARE(name, args) API int32_t name args;
ASCEND_API(DECLARE, DECLARE)
API int32_t aclFinalize(void);
API const char *aclrtGetSocName(void);
API const char *aclGetRecentErrMsg(void);
API uint32_t aclrtGetErrorCodeFromExceptionInfo(const void *info);
API uint32_t aclrtGetDeviceIdFromExceptionInfo(const void *info);
API uint32_t aclrtGetStreamIdFromExceptionInfo(const void *info);
API uint32_t aclrtGetTaskIdFromExceptionInfo(const void *info);

enum {
    OK = 0,
    INVALID_ARGUMENT = 100000,
    NOT_INITIALISED = 100001,
    REPEAT_INITIALISE = 100002,
    REPEAT_FINALISE = 100037,
    INVALID = 107000,
    NO_SUCH_DEVICE = 107001,
    NO_CONTEXT = 107002,
    OTHER_CONTEXT = 107003,
    UNALIGNED = 107008,
    BAD_HANDLE = 107017,
    UNSUPPORTED_VALUE = 200006,
    UNSUPPORTED = 207000,
    NO_DEVICE = 207004,
    NO_PERMISSION = 207006,
    OUT_OF_MEMORY = 207018,
    INTERNAL = 507000,
    KERNEL_TIMEOUT = 507014,
    KERNEL_CRASH = 507015,
    DRIVER = 507899,
};

enum { GRAIN = 2 << 20, PAGE = 4096, LISTED_MAX = 64 };

/* ---- fake.c: initialisation, devices, contexts ----------------------------------------------- */

struct fake_stream;

struct fake_context {
    int device;
    unsigned users;            /* aclrtSetDevice less aclrtResetDevice */
    struct fake_stream *first; /* the default stream */
    struct fake_stream *streams;
};

/* What every entry asks first: is it to fail, may it be called here, has the thread a device? */
int fake_enter(const char *name, bool with_device);

/* 0, or the code that FAKE_ASCEND_FAIL gives the name. */
int fake_fails(const char *name);
int fake_fails_from(const char *name, int physical);
long fake_number(const char *variable, long otherwise);
struct fake_context *fake_context(void);
int fake_n_devices(void);

/* The host's number of a device of this process. */
int fake_physical(int device);

/* May this process use that device's memory?  Its own, and those that it has asked for. */
bool fake_reaches(int physical);
void fake_let_reach(int physical);

void fake_complain(const char *text);

/* A kernel has crashed: tell who has asked to be told. */
void fake_exception(int code, int device);

extern pthread_mutex_t fake_lock; /* of all but streams */

/* With the program's own variables of threads: leak checkers do not find their way to others. */
#define OF_THREAD _Thread_local __attribute__((tls_model("initial-exec")))
extern OF_THREAD bool fake_in_host_function;

/* ---- fake_memory.c --------------------------------------------------------------------------- */

/* At the end of each object, for all processes that have it. */
struct fake_header {
    uint64_t magic;
    uint64_t len;
    int32_t device;
    uint32_t listed; /* 1: only those below may import */
    uint32_t n_pids;
    int32_t pids[LISTED_MAX];
    uint32_t openers; /* who have it by its key */
};

/* Physical memory, of this process or another. */
struct fake_object {
    int fd;
    size_t len;
    int device; /* the host's number */
    bool imported;
    bool exported;
    bool held;    /* its handle has not been freed */
    int from_pid; /* where it was imported from */
    int from_fd;
    unsigned users; /* the handle, and mappings */
    struct fake_header *header;
    struct fake_object *next;
};

enum fake_kind { RESERVED, MALLOCED, MAPPED, OPENED, HOST_ALIAS };

/* A range of the device window. */
struct fake_span {
    char *addr;
    size_t len;
    char *user; /* what aclrtMalloc has returned */
    enum fake_kind kind;
    struct fake_object *object;
    struct fake_span *within; /* the reservation of a mapping */
    char key[65];
    struct fake_span *next; /* in the order of addresses */
};

/* Host memory of aclrtMallocHost. */
struct fake_host {
    char *base; /* of the mapping */
    size_t len;
    char *user;
    int fd;
    struct fake_host *next;
};

/* All of these under the lock. */
struct fake_object *fake_object_create(size_t len, int device);
struct fake_object *fake_object_open(int pid, int fd, const char *from, int *code);
struct fake_object *fake_object_find(const void *handle); /* that is still held */
void fake_object_leave(struct fake_object *object);
struct fake_span *fake_span_create(size_t len, enum fake_kind kind, struct fake_object *object);
struct fake_span *fake_span_of(const void *addr);
void fake_span_destroy(struct fake_span *span);
struct fake_span *fake_span_next(struct fake_span *span); /* NULL: the first */

/* Where this process reaches [addr, addr + len), or NULL where that is no memory; and in which span
 * of the device window it is, or NULL: host memory. */
char *fake_reach(const void *addr, size_t len, struct fake_span **span);
bool fake_is_pinned(const void *addr);

/* In a process of a kernel's: the device window becomes accessible. */
void fake_window_open(void);

/* ---- fake_copy.c ----------------------------------------------------------------------------- */

/* 0 or why not; *pageable: the host's side is no memory of the runtime's. */
int fake_copy_check(void *dst, size_t room, const void *src, size_t len, int32_t kind, bool async,
                    bool *pageable);
void fake_copy(void *dst, const void *src, size_t len);

/* ---- fake_stream.c --------------------------------------------------------------------------- */

int fake_stream_make(struct fake_context *context, struct fake_stream **stream);
void fake_stream_end(struct fake_stream *stream);
int fake_stream_drain(struct fake_stream *stream);

struct fake_task {
    int (*run)(struct fake_task *task); /* a code */
    struct fake_task *next;
    void *dst;
    const void *src;
    size_t len;
    uint64_t value;
    uint32_t flag;
    void (*fn)(void *arg);
    void *arg;
    struct fake_event *event;
    void (*kernel)(void *args, unsigned block, unsigned n_blocks);
    uint32_t n_blocks;
    _Alignas(16) char args[]; /* as malloc aligns */
};

/* Put it, with args_len bytes of arguments, on a stream; NULL: the default one. */
int fake_stream_put(struct fake_stream *stream, const struct fake_task *task, const void *args,
                    size_t args_len);

/* ---- fake_kernel.c --------------------------------------------------------------------------- */

int fake_kernel_run(struct fake_task *task);

#endif
