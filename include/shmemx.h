/* SPDX-License-Identifier: BSD-3-Clause */
/* shmemx.h -- what npushmem offers beyond OpenSHMEM 1.6. */
#ifndef SHMEMX_H
#define SHMEMX_H

#include "shmem.h"

/*
 * The version of the extensions, apart from that of the standard: minor grows when something is
 * added, major when something changes or goes.
 */
#define SHMEMX_MAJOR_VERSION 0
#define SHMEMX_MINOR_VERSION 2

#ifdef __cplusplus
extern "C" {
#endif

/* ---- device memory -----------------------------------------------------------------------------
 *
 * A device is an NPU, or `sim`, the software NPU, which is a process of its own for each PE.  Its
 * memory is a second symmetric heap, of SHMEM_DEVICE_SIZE bytes.  All routines of the standard take
 * device addresses, for either side and in any mix: puts and gets, atomics, signals, waits, locks
 * and collectives.  But the program itself must not load from or store to them: shmem_ptr gives
 * NULL, and what follows one dies.
 *
 * The device is opened by shmem_init where SHMEM_DEVICE, SHMEM_DEVICE_SIZE or SHMEM_HEAP=device ask
 * for one; else by the first call of the routines below that all PEs make together, which are
 * marked so.  The earlier it is opened the better: `sim` knows only code that is loaded by then.
 */

/* A hint to shmem_malloc_with_hints: device memory. */
#define SHMEMX_MALLOC_DEVICE (1L << 16)

/* All PEs.  As shmem_malloc, shmem_calloc and shmem_align, in device memory; NULL where there is no
 * room.  shmem_realloc and shmem_free take these blocks too. */
SHMEMI_API void *shmemx_malloc_device(size_t size);
SHMEMI_API void *shmemx_calloc_device(size_t count, size_t size);
SHMEMI_API void *shmemx_align_device(size_t alignment, size_t size);

/* What an address is. */
#define SHMEMX_ADDR_PRIVATE        0 /* host memory, not symmetric */
#define SHMEMX_ADDR_HOST           1 /* symmetric host memory: heap, global or static variable */
#define SHMEMX_ADDR_DEVICE         2 /* symmetric device memory */
#define SHMEMX_ADDR_DEVICE_PRIVATE 3 /* device memory, not symmetric */
SHMEMI_API int shmemx_addr_kind(const void *addr);

/* Where kernels on this PE's device load and store that PE's copy of a symmetric device object, or
 * NULL: then they use the routines of shmemx_device.h. */
SHMEMI_API void *shmemx_ptr_device(const void *dest, int pe);

/* All PEs: open the device, if that has not been done.  0, and the job ends where there is none. */
SHMEMI_API int shmemx_device_open(void);

/* What the device is.  0, or -1 where none is open. */
typedef struct {
    char name[16];    /* "sim" */
    unsigned cores;   /* blocks of a kernel that run at one time; more than that take turns */
    size_t heap_size; /* bytes of the symmetric device heap */
    int launches;     /* shmemx_launch works */
} shmemx_device_info_t;
SHMEMI_API int shmemx_device_query(shmemx_device_info_t *info);

/* ---- streams -----------------------------------------------------------------------------------
 *
 * What is put on a stream happens in order, one after the other, while the caller goes on; what is
 * on different streams is ordered by events only.  A stream is the device's own: with an NPU it is
 * the handle that its runtime knows.  Memory that is named stays the stream's until the work is
 * done.  All return 0, or -1 after saying why.
 */
typedef struct shmi_stream *shmemx_stream_t;
typedef struct shmi_event *shmemx_event_t;
#define SHMEMX_STREAM_DEFAULT ((shmemx_stream_t)0)

SHMEMI_API int shmemx_stream_create(shmemx_stream_t *stream);
SHMEMI_API int shmemx_stream_destroy(shmemx_stream_t stream); /* when its work is done */
SHMEMI_API int shmemx_stream_sync(shmemx_stream_t stream);    /* returns when its work is done */

/* Copies between any two of host and device memory: done on return; or on a stream. */
SHMEMI_API int shmemx_memcpy(void *dst, const void *src, size_t len);
SHMEMI_API int shmemx_memcpy_on_stream(void *dst, const void *src, size_t len,
                                       shmemx_stream_t stream);

/* Call a function of this process, on a thread of the library's. */
SHMEMI_API int shmemx_call_on_stream(void (*fn)(void *arg), void *arg, shmemx_stream_t stream);

/* Store a value to a word of device memory; wait until the word is, or is at least, a value: cmp is
 * SHMEM_CMP_EQ or SHMEM_CMP_GE. */
SHMEMI_API int shmemx_write_on_stream(uint64_t *word, uint64_t value, shmemx_stream_t stream);
SHMEMI_API int shmemx_wait_on_stream(const uint64_t *word, int cmp, uint64_t value,
                                     shmemx_stream_t stream);

/* record marks how far a stream has come; wait lets another stream wait for the last mark. */
SHMEMI_API int shmemx_event_create(shmemx_event_t *event);
SHMEMI_API int shmemx_event_destroy(shmemx_event_t event);
SHMEMI_API int shmemx_event_record(shmemx_event_t event, shmemx_stream_t stream);
SHMEMI_API int shmemx_event_wait(shmemx_event_t event, shmemx_stream_t stream);

/*
 * Run a function on the device, once for each of n_blocks, as many at one time as there are cores.
 * args_len bytes (at most 4096) of arguments are copied, and each block finds them at args.  Such a
 * kernel reaches device memory, its PE's and, where shmemx_ptr_device gives addresses, other PEs';
 * not the host's memory, and of the program's variables only what they were when the device was
 * opened.  One that crashes, or runs longer than SHMEM_SIM_TIMEOUT, ends the job with a line that
 * names kernel, block and address.  For devices whose kernels are functions of the program: `sim`.
 */
typedef void shmemx_kernel_t(void *args, unsigned block, unsigned n_blocks);
SHMEMI_API int shmemx_launch(shmemx_kernel_t *kernel, unsigned n_blocks, const void *args,
                             size_t args_len, shmemx_stream_t stream);
SHMEMI_API int shmemx_launch_named(const char *name, shmemx_kernel_t *kernel, unsigned n_blocks,
                                   const void *args, size_t args_len, shmemx_stream_t stream);
#ifndef SHMEMI_NO_GENERICS
#define shmemx_launch(kernel, n_blocks, args, args_len, stream) \
    shmemx_launch_named(#kernel, kernel, n_blocks, args, args_len, stream)
#endif

#ifdef __cplusplus
}
#endif

/*
 * Communication that kernels start.  create makes what kernels find their PE and its doorbell rings
 * by (shmemx_device.h): for n_cores blocks that run at one time (0: as many as the device has
 * cores), each with a ring of its own, and n_shared rings that any number of blocks may share.
 * *context is what to hand to kernels.  All PEs call it, and destroy; shmem_finalize destroys what
 * is left.  team_add, called by all members of a team, gives it a number for kernels: 0 is the
 * world, 1 SHMEM_TEAM_SHARED.  0, or the number; -1 where that is impossible.
 */
#define SHMEMX_DEVICE_RING_ONLY 1L /* option: reach no PE by load and store */

#ifdef __cplusplus
extern "C" {
#endif
SHMEMI_API int shmemx_device_context_create(int n_cores, int n_shared, long options,
                                            void **context);
SHMEMI_API void shmemx_device_context_destroy(void *context);
SHMEMI_API int shmemx_device_team_add(void *context, shmem_team_t team);
#ifdef __cplusplus
}
#endif

#endif
