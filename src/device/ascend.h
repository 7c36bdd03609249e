/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ascend.h -- Ascend NPUs, through the C API of their runtime (libascendcl).
 *
 * Nothing of the vendor's is needed to build this: the entries are declared in ascend_api.h and
 * found when the module is opened.  What only newer runtimes have is optional, and its absence is
 * one more way in which a machine differs from another:
 *
 *     memory      physical pages mapped at an address of our own; else aclrtMalloc
 *     sharing     by a fabric handle, by a handle without and with a list of processes, by a key of
 *                 aclrtMalloc's memory, whichever the others can import; else PEs' agents copy
 *     rings       host memory that kernels reach; else device memory, at which the host looks by
 *                 copies
 *     streams     value writes and waits; else a thread of ours copies and looks
 *     atomics     none that the host could ask for: agents do them
 */
#ifndef SHMI_DEVICE_ASCEND_H
#define SHMI_DEVICE_ASCEND_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/ascend_api.h"
#include "device/device.h"

/* How the memory of one PE comes to another, best first.  Also the values of SHMEM_ASCEND_SHARE. */
#define ASCEND_WAYS(WAY)                                            \
    WAY(FABRIC, "fabric", "fabric handles")                         \
    WAY(HANDLE, "handle", "shareable handles")                      \
    WAY(LISTED, "listed", "shareable handles for listed processes") \
    WAY(KEY, "key", "keys")                                         \
    WAY(COPY, "copy", "copies of each PE's agent")
#define ASCEND_WAY(way, name, text) ASCEND_##way,
enum ascend_way { ASCEND_WAYS(ASCEND_WAY) ASCEND_N_WAYS };
#undef ASCEND_WAY

/* What is in a share. */
struct ascend_ticket {
    uint32_t magic;
    int32_t way;     /* enum ascend_way */
    int32_t pid;     /* as the driver knows the process that shares */
    int32_t asks;    /* 1: only processes that were listed may import */
    int32_t npu;     /* the host's number of it, or -1 */
    uint64_t offset; /* of the memory within what is mapped */
    uint64_t len;    /* of what is mapped */
    union {
        char fabric[ACL_FABRIC_LEN];
        uint64_t handle;
        char key[ACL_KEY_LEN];
    };
};

/* Where memory came from, which says how it goes. */
enum ascend_origin {
    ASCEND_GONE,     /* the region is free */
    ASCEND_TAKEN,    /* in the making */
    ASCEND_PAGES,    /* physical pages, mapped */
    ASCEND_MALLOC,   /* aclrtMalloc's */
    ASCEND_PINNED,   /* of the host, at the address that kernels know */
    ASCEND_IMPORTED, /* another process's pages, mapped */
    ASCEND_OPENED,   /* another process's, by a key */
};

/* A range of device addresses.  Regions are never freed before the end, so that owns() may walk
 * the list at any time; one that is gone is used again. */
struct ascend_region {
    uintptr_t addr; /* for kernels and copies; atomic */
    size_t len;     /* 0: gone; atomic */
    enum ascend_origin origin;
    void *base;      /* the reservation, the allocation, or the host's side */
    size_t base_len; /* of what is mapped or was allocated */
    void *raw;       /* of pinned memory: what aclrtMallocHost gave */
    void *handle;    /* of physical memory */
    struct ascend_ticket ticket;
    struct ascend_region *next;
};

/* Host granules of 2 MiB that the runtime has said are no device memory. */
enum { ASCEND_KNOWN = 1024, ASCEND_GRANULE_LOG2 = 21 };

struct shmi_npu {
    const struct shmi_services *services;
    void *library;
    struct ascend_api api;
    char path[256];
    uint32_t n_devices;
    int device;
    int physical;   /* the host's number of it, or -1 */
    char title[48]; /* both, for people */
    void *context;
    bool counted; /* aclInit has counted us */
    bool bound;   /* the device has counted us, too */
    unsigned serial;
    int pid;                            /* as the driver knows this process */
    bool only;                          /* the variable names a way: */
    enum ascend_way wish;               /* this one */
    enum ascend_way order[ASCEND_COPY]; /* ways in which this PE shares, */
    unsigned n_ways;                    /* the first that does */
    size_t grain;                       /* of physical memory */
    bool rings;                         /* kernels reach host memory */
    pthread_mutex_t lock;               /* of changes to regions */
    struct ascend_region *regions;
    uint64_t known_host[ASCEND_KNOWN]; /* granule + 1, atomic */
    pthread_mutex_t far_lock;          /* of copies to and from other processes' memory */
    void *far_stream;
    void *bounce;
    pthread_mutex_t calls_lock; /* of making the next */
    struct ascend_calls *calls;
};

#define ascend_log(npu, level, ...) ((npu)->services->log((level), __FILE__, __LINE__, __VA_ARGS__))
#define ascend_debug(npu, ...) \
    (*(npu)->services->debugging ? ascend_log(npu, SHMI_DEBUG, __VA_ARGS__) : (void)0)

/* ---- ascend_api.c ---------------------------------------------------------------------------- */

/* Open the runtime, or say in what[len] why there is none: -ENODEV. */
int ascend_api_open(struct shmi_npu *npu, const char *path, char *what, size_t len);
void ascend_api_close(struct shmi_npu *npu);

/* What a code of the runtime means: for people, and as -errno. */
const char *ascend_meaning(int code);
int ascend_errno(int code);

/* Log that a call has failed, with the runtime's own words; -errno. */
int ascend_failed(struct shmi_npu *npu, const char *what, int code);

/* ---- ascend.c -------------------------------------------------------------------------------- */

int ascend_enter(struct shmi_npu *npu);
const char *ascend_way_name(enum ascend_way way);
const char *ascend_way_text(enum ascend_way way);

/* ---- ascend_memory.c: of this PE ------------------------------------------------------------- */

int ascend_alloc(struct shmi_npu *npu, size_t len, size_t align, void **addr);
/* A granule for one way of sharing, silently; a code of the runtime's. */
int ascend_alloc_granule(struct shmi_npu *npu, enum ascend_way way, struct ascend_region **granule);
void ascend_free(struct shmi_npu *npu, void *addr);
bool ascend_owns(struct shmi_npu *npu, const void *addr);
int ascend_alloc_host(struct shmi_npu *npu, size_t len, void **host, void **device);
void ascend_free_host(struct shmi_npu *npu, void *host);
void ascend_nic(struct shmi_npu *npu, void *addr, size_t len, struct shmi_nic *how);
void ascend_memory_close(struct shmi_npu *npu);

/* Regions: taken; shown to owns() and copies when whole; given back, or released with what is
 * there. */
struct ascend_region *ascend_region_take(struct shmi_npu *npu);
void ascend_region_show(struct ascend_region *region, void *addr, size_t len);
void ascend_region_give(struct shmi_npu *npu, struct ascend_region *region);
struct ascend_region *ascend_region_of(struct shmi_npu *npu, const void *addr);
void ascend_release(struct shmi_npu *npu, struct ascend_region *region);

/* Physical pages: can they be had, in which grain; and those of a region's handle mapped at a
 * multiple of align.  A code of the runtime's. */
bool ascend_has_pages(const struct shmi_npu *npu);
size_t ascend_grain(struct shmi_npu *npu);
int ascend_map_pages(struct shmi_npu *npu, struct ascend_region *region, size_t align, void **addr);

/* Where the host finds what kernels call addr, if that is pinned memory; else NULL. */
void *ascend_host_side(struct shmi_npu *npu, const void *addr);

/* ---- ascend_share.c: between PEs of a node --------------------------------------------------- */

/* The host's number of this PE's NPU, which every process has its own for; -1: not known. */
int ascend_physical(struct shmi_npu *npu);
int ascend_trial(struct shmi_npu *npu, unsigned way, void **addr, struct shmi_share *how);
void ascend_prefer(struct shmi_npu *npu, const unsigned *ways, unsigned n);
int ascend_share(struct shmi_npu *npu, void *addr, size_t len, struct shmi_share *how);
int ascend_admit(struct shmi_npu *npu, void *addr, const struct shmi_share *theirs);
int ascend_map(struct shmi_npu *npu, const struct shmi_share *how, void **addr);
void ascend_describe(struct shmi_npu *npu, const void *addr, char *text, size_t len);

/* ---- ascend_copy.c --------------------------------------------------------------------------- */

/* On which side is an address: the host's, this NPU's, or another process's NPU's? */
enum ascend_side { ASCEND_HOST, ASCEND_OWN, ASCEND_FAR };
enum ascend_side ascend_side_of(struct shmi_npu *npu, const void *addr);

void ascend_copy(struct shmi_npu *npu, void *dst, const void *src, size_t len);
bool ascend_amo(struct shmi_npu *npu, void *addr, const struct shmi_amo *amo);
void ascend_settle(struct shmi_npu *npu);
int ascend_stream_copy(struct shmi_npu *npu, struct shmi_stream *stream, void *dst, const void *src,
                       size_t len);
void ascend_copy_close(struct shmi_npu *npu);

/* ---- ascend_stream.c ------------------------------------------------------------------------- */

int ascend_stream_create(struct shmi_npu *npu, struct shmi_stream **stream);
int ascend_stream_destroy(struct shmi_npu *npu, struct shmi_stream *stream);
int ascend_stream_sync(struct shmi_npu *npu, struct shmi_stream *stream);
int ascend_sync(struct shmi_npu *npu);
int ascend_stream_write(struct shmi_npu *npu, struct shmi_stream *stream, uint64_t *word,
                        uint64_t value);
int ascend_stream_wait(struct shmi_npu *npu, struct shmi_stream *stream, const uint64_t *word,
                       enum shmi_value_cmp cmp, uint64_t value);
int ascend_event_create(struct shmi_npu *npu, struct shmi_event **event);
void ascend_event_destroy(struct shmi_npu *npu, struct shmi_event *event);
int ascend_event_record(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream);
int ascend_event_wait(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream);
int ascend_launch(struct shmi_npu *npu, struct shmi_stream *stream,
                  const struct shmi_kernel *kernel);
bool ascend_busy(struct shmi_npu *npu);

/* ---- ascend_call.c --------------------------------------------------------------------------- */

int ascend_stream_call(struct shmi_npu *npu, struct shmi_stream *stream, void (*fn)(void *arg),
                       void *arg);
void ascend_calls_close(struct shmi_npu *npu);

#endif
