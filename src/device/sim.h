/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim.h -- the software NPU: an accelerator that is a process.
 *
 *     PE's process                              device process, one for each PE
 *       streams: a thread for each, which         control thread: maps memory when told, watches
 *       copies, calls, writes, waits, and   --->  whether the PE lives
 *       hands kernels over, one by one            cores: threads that run the blocks of kernels
 *       device window: no access                  device window: read and write
 *       hidden window: the same memory,
 *       for copies: the DMA engine
 *
 * Device memory is an object without a name, mapped at one address in the device window of both
 * processes: so an address means the same in both, but the PE's process dies where it follows one.
 * The device process is forked before the library has threads; a kernel's function is therefore at
 * the same address there, and the program's variables are the device's own, as they were then.
 */
#ifndef SHMI_DEVICE_SIM_H
#define SHMI_DEVICE_SIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/util.h"
#include "device/device.h"

enum {
    SIM_LAUNCHES = 64, /* kernels handed over and not finished */
    SIM_CORES_MAX = 64,
    SIM_ARGS = 4096,     /* bytes of a kernel's arguments */
    SIM_STACK = 8 << 20, /* of a core */
};

enum sim_launch_state { SIM_FREE, SIM_TAKEN, SIM_READY, SIM_DONE };

/* A kernel that is handed over.  In memory that both processes have. */
struct sim_launch {
    uint32_t state; /* enum sim_launch_state; waited on */
    uint32_t n_blocks;
    uint32_t next; /* block to be run; the device's */
    uint32_t done; /* blocks that have been run; the device's */
    uint64_t ticket;
    uint64_t started; /* nanoseconds of CLOCK_MONOTONIC, or 0: no block has been begun */
    shmi_kernel_fn *fn;
    _Alignas(64) char args[SIM_ARGS];
};

/* What a core is doing; and what it did when it met a fault. */
struct sim_core {
    uint32_t launch; /* index + 1, or 0: none */
    uint32_t block;
};
struct sim_fault {
    uint32_t is; /* 1: the rest holds */
    int32_t signal;
    shmi_kernel_fn *fn;
    uint32_t block;
    uint32_t n_blocks;
    uint64_t addr;
    uint64_t at; /* the instruction */
};

/* Memory that both processes have from the start. */
struct sim_shared {
    uint32_t work; /* counts kernels handed over; cores sleep on it */
    uint32_t n_cores;
    uint64_t tickets;
    struct sim_fault fault;
    struct sim_core core[SIM_CORES_MAX];
    struct sim_launch launch[SIM_LAUNCHES];
};

/* A range of addresses. */
struct sim_window {
    char *base;
    size_t len;
};

/* Something mapped in a window. */
struct sim_region {
    char *addr;
    size_t len;
    int fd; /* the object, where it is this PE's; -1: another's */
    struct sim_window *window;
    struct sim_region *next; /* in the order of addresses */
};

struct shmi_npu {
    const struct shmi_services *services;
    struct sim_shared *shared;
    struct sim_window device; /* device memory: nothing to be touched here */
    struct sim_window hidden; /* the same memory, for the DMA engine */
    struct sim_window host;   /* host memory that kernels reach */
    struct sim_window stacks; /* of the cores */
    pthread_mutex_t lock;     /* of the regions and of the socket */
    struct sim_region *regions;
    int socket;          /* to the device process */
    pid_t pid;           /* of the device process */
    int pidfd;           /* the same, or -1 */
    bool peers;          /* SHMEM_SIM_P2P */
    bool adapters;       /* SHMEM_SIM_NIC */
    uint64_t timeout_ns; /* SHMEM_SIM_TIMEOUT, or 0 */
    uint32_t running;    /* kernels not finished */
    pthread_mutex_t streams_lock;
    struct shmi_stream *streams; /* all of them */
    struct shmi_stream *first;   /* the default one, once used */
    int my_pe;
};

#define sim_log(npu, level, ...) ((npu)->services->log((level), __FILE__, __LINE__, __VA_ARGS__))

/* ---- sim_process.c: the device process ------------------------------------------------------- */

enum sim_command_kind { SIM_MAP, SIM_UNMAP, SIM_QUIT };
struct sim_command {
    uint32_t kind;
    char *addr;
    size_t len;
};

/* Fork it.  0 or -errno after logging. */
int sim_process_start(struct shmi_npu *npu);
void sim_process_stop(struct shmi_npu *npu);
bool sim_process_lives(const struct shmi_npu *npu);

/* Have it do something, with a descriptor or -1; its answer.  Under the lock. */
int sim_process_tell(struct shmi_npu *npu, const struct sim_command *command, int fd);

/* ---- sim_core.c: in the device process ------------------------------------------------------- */

/* Begin to run kernels. */
void sim_cores_start(const struct shmi_npu *npu);

/* Memory was mapped or unmapped. */
void sim_cores_mapped(void);

/* ---- sim_memory.c: in the PE's process ------------------------------------------------------- */

int sim_memory_open(struct shmi_npu *npu);
void sim_memory_close(struct shmi_npu *npu);

int sim_alloc(struct shmi_npu *npu, size_t len, size_t align, void **addr);
void sim_free(struct shmi_npu *npu, void *addr);
bool sim_owns(struct shmi_npu *npu, const void *addr);
int sim_alloc_host(struct shmi_npu *npu, size_t len, void **host, void **device);
int sim_share(struct shmi_npu *npu, void *addr, size_t len, struct shmi_share *how);
int sim_trial(struct shmi_npu *npu, unsigned way, void **addr, struct shmi_share *how);
void sim_prefer(struct shmi_npu *npu, const unsigned *ways, unsigned n);
int sim_admit(struct shmi_npu *npu, void *addr, const struct shmi_share *theirs);
int sim_map(struct shmi_npu *npu, const struct shmi_share *how, void **addr);
void sim_describe(struct shmi_npu *npu, const void *addr, char *text, size_t len);
void sim_nic(struct shmi_npu *npu, void *addr, size_t len, struct shmi_nic *how);
void sim_copy(struct shmi_npu *npu, void *dst, const void *src, size_t len);
bool sim_amo(struct shmi_npu *npu, void *addr, const struct shmi_amo *amo);
void sim_settle(struct shmi_npu *npu);

/* Where this process can reach an address: in the hidden window, if it is one of the device's. */
void *sim_reach(const struct shmi_npu *npu, const void *addr);

/* The other way: the device's address that is at one of the hidden window; NULL for any other. */
const void *sim_missing(struct shmi_npu *npu, const void *addr);

/* Is some memory at this address of the device window? */
bool sim_is_mapped(struct shmi_npu *npu, const void *addr);

/* ---- sim_stream.c ---------------------------------------------------------------------------- */

int sim_stream_create(struct shmi_npu *npu, struct shmi_stream **stream);
int sim_stream_destroy(struct shmi_npu *npu, struct shmi_stream *stream);
int sim_stream_sync(struct shmi_npu *npu, struct shmi_stream *stream);
int sim_sync(struct shmi_npu *npu);
int sim_stream_copy(struct shmi_npu *npu, struct shmi_stream *stream, void *dst, const void *src,
                    size_t len);
int sim_stream_call(struct shmi_npu *npu, struct shmi_stream *stream, void (*fn)(void *arg),
                    void *arg);
int sim_stream_write(struct shmi_npu *npu, struct shmi_stream *stream, uint64_t *word,
                     uint64_t value);
int sim_stream_wait(struct shmi_npu *npu, struct shmi_stream *stream, const uint64_t *word,
                    enum shmi_value_cmp cmp, uint64_t value);
int sim_event_create(struct shmi_npu *npu, struct shmi_event **event);
void sim_event_destroy(struct shmi_npu *npu, struct shmi_event *event);
int sim_event_record(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream);
int sim_event_wait(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream);
int sim_launch(struct shmi_npu *npu, struct shmi_stream *stream, const struct shmi_kernel *kernel);
void sim_streams_close(struct shmi_npu *npu);

/* ---- sim_kernel.c: in the PE's process ------------------------------------------------------- */

/* Hand a kernel over and wait for its end.  Does not return where there is none. */
void sim_kernel_run(struct shmi_npu *npu, const struct shmi_kernel *kernel);

/* ---- small words ----------------------------------------------------------------------------- */

/* Between processes.  wait returns when the word is no longer value, when woken, after ms, or for
 * no reason. */
void sim_futex_wait(uint32_t *word, uint32_t value, int ms);
void sim_futex_wake(uint32_t *word);

#endif
