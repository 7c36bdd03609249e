/* SPDX-License-Identifier: BSD-3-Clause */
/* shmemx.h -- what npushmem offers beyond OpenSHMEM 1.6. */
#ifndef SHMEMX_H
#define SHMEMX_H

#if defined __GNUC__
#pragma GCC system_header /* as in shmem.h */
#endif

#include "shmem.h"

/*
 * The version of the extensions, apart from that of the standard: minor grows when something is
 * added, major when something changes or goes.
 */
#define SHMEMX_MAJOR_VERSION 0
#define SHMEMX_MINOR_VERSION 3

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
 *
 * For all of this file, unless a routine says otherwise:
 *   - Sizes and lengths are bytes, nelems are elements.
 *   - Calls are made between shmem_init and shmem_finalize; at another time they end the job, and
 *     say so.  What needs a device ends it likewise where none is open.
 *   - Those marked "all PEs" are collective, as in section 9.3: by one thread of each PE, in the
 *     same order, with the same arguments.  All others are local, and, with SHMEM_THREAD_MULTIPLE,
 *     for any thread at any time; only what a call destroys must be used by nobody else meanwhile.
 *   - What fails returns NULL or -1 on this PE after a line on stderr that says why, and has no
 *     effect.  What the library cannot go on from ends the job, as shmem_global_exit does (9.1.6).
 */

/* A hint to shmem_malloc_with_hints (9.3.5): device memory.  It goes with the standard's hints, and
 * is ignored with bits that are none. */
#define SHMEMX_MALLOC_DEVICE (1L << 16)

/*
 * All PEs.  As shmem_malloc, shmem_calloc and shmem_align (9.3.1, 9.3.6, 9.3.4), in device memory,
 * with the same barrier at the end; NULL for no bytes and where there is no room, on all PEs alike.
 * alignment is a power of two.  shmem_realloc and shmem_free take these blocks too, once kernels
 * and streams have done with them.
 */
SHMEMI_API void *shmemx_malloc_device(size_t size);
SHMEMI_API void *shmemx_calloc_device(size_t count, size_t size);
SHMEMI_API void *shmemx_align_device(size_t alignment, size_t size);

/* What an address is, any address; nothing is read from it.  In constant time, some tens of
 * nanoseconds. */
#define SHMEMX_ADDR_PRIVATE        0 /* host memory, not symmetric */
#define SHMEMX_ADDR_HOST           1 /* symmetric host memory: heap, global or static variable */
#define SHMEMX_ADDR_DEVICE         2 /* symmetric device memory */
#define SHMEMX_ADDR_DEVICE_PRIVATE 3 /* device memory, not symmetric */
SHMEMI_API int shmemx_addr_kind(const void *addr);

/* shmem_ptr (9.1.9) for kernels: where those on this PE's device load and store that PE's copy of a
 * symmetric device object, or NULL: then they use the routines of shmemx_device.h.  It holds as
 * long as the block does.  What is stored there is ordered by the kernel's own fences, and complete
 * at the end of the kernel; shmem_quiet knows nothing of it. */
SHMEMI_API void *shmemx_ptr_device(const void *dest, int pe);

/* All PEs: open the device, if that has not been done.  0, and the job ends where there is none. */
SHMEMI_API int shmemx_device_open(void);

/* What the device is.  0, or -1 without a word where none is open. */
typedef struct {
    char name[16];    /* "sim" */
    unsigned cores;   /* blocks of a kernel that run at one time; more than that take turns */
    size_t heap_size; /* bytes of the symmetric device heap */
    int launches;     /* shmemx_launch works */
    int atomics;      /* kernels' own atomics on device memory are atomic with the library's */
} shmemx_device_info_t;
SHMEMI_API int shmemx_device_query(shmemx_device_info_t *info);

/* ---- streams -----------------------------------------------------------------------------------
 *
 * What is put on a stream happens in order, one after the other, while the caller goes on; what is
 * on different streams is ordered by events only.  A stream is the device's own: with an NPU it is
 * the handle that its runtime knows.  Memory that is named stays the stream's until the work is
 * done.  All return 0, or -1 after saying why: that the stream or event is none, or that the device
 * has no room.  Threads may use one stream together; what they put there comes in some order.
 *
 * What work on a stream has written, kernels included, is visible to the work behind it, to that
 * behind an event recorded after it, and, after shmemx_stream_sync, to all calls of this PE: a
 * shmem_put that follows sends it.  Other PEs know nothing of it: tell them by a signal or barrier.
 * Work that fails on the device (a fault, a lost device) ends the job, with a line that names it.
 */
typedef struct shmi_stream *shmemx_stream_t;
typedef struct shmi_event *shmemx_event_t;
#define SHMEMX_STREAM_DEFAULT ((shmemx_stream_t)0)

/* SHMEMX_STREAM_DEFAULT is always there, and ordered with no other.  sync returns when all is done
 * that was put on the stream before; destroy does the same first.  Functions that a stream calls
 * may do neither. */
SHMEMI_API int shmemx_stream_create(shmemx_stream_t *stream);
SHMEMI_API int shmemx_stream_destroy(shmemx_stream_t stream);
SHMEMI_API int shmemx_stream_sync(shmemx_stream_t stream);

/* Copies of len bytes between any two of host and device memory of this PE, and device memory of
 * others where shmemx_ptr_device gave its address; the two must not overlap.  Done on return, and
 * not ordered with any stream; or at its place on one. */
SHMEMI_API int shmemx_memcpy(void *dst, const void *src, size_t len);
SHMEMI_API int shmemx_memcpy_on_stream(void *dst, const void *src, size_t len,
                                       shmemx_stream_t stream);

/* Call a function of this process, on a thread of the library's.  It may put, get and update, but
 * neither wait for anybody nor use streams: those that use one wait for it meanwhile, and on some
 * devices all others do. */
SHMEMI_API int shmemx_call_on_stream(void (*fn)(void *arg), void *arg, shmemx_stream_t stream);

/* Store a value to a word of device memory; wait until the word is, or is at least, a value: cmp is
 * SHMEM_CMP_EQ or SHMEM_CMP_GE, unsigned.  The word is aligned to its 8 bytes, and this PE's; a
 * write may also go where shmemx_ptr_device points.  It is atomic with kernels' stores and shmem_
 * routines, and comes after all that the stream has done before.  A wait holds up its stream
 * alone, and is reported after SHMEM_WATCHDOG seconds. */
SHMEMI_API int shmemx_write_on_stream(uint64_t *word, uint64_t value, shmemx_stream_t stream);
SHMEMI_API int shmemx_wait_on_stream(const uint64_t *word, int cmp, uint64_t value,
                                     shmemx_stream_t stream);

/* record marks how far a stream has come; wait lets another stream wait for the mark that is the
 * last one then.  One that was never recorded is not waited for.  destroy an event when no stream
 * waits for it any more. */
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

/* ---- communication on streams ------------------------------------------------------------------
 *
 * The routines of sections 9.6 (put, get, p), 9.8 (signals), 9.10 (collectives), 9.11 (waiting for
 * a signal) and 9.12 (quiet) of OpenSHMEM, at their place on a stream.  shmemx_x_on_stream means:
 * as if a thread called shmem_x when the stream has come there, that is, when everything is done
 * that was put on the stream before; and what is put on it afterwards begins when shmem_x would
 * have returned.  The rest follows from that, and from what the standard says of shmem_x.
 *
 *   - The call does not wait for the stream, nor for another PE.  0, or -1 after saying why, where
 *     the device refuses it: a stream that it does not know.  A wrong argument ends the job, as it
 *     does in shmem_x; with SHMEM_CHECK=1 more of them are found, of collectives when they begin.
 *   - dest, source and sig_addr belong to the operation until it is done: until the stream has been
 *     synchronised with, or an event that was recorded after it has come.  p takes its value at
 *     once.  What is local to a put or a get may be any memory of this PE, host's or device's.
 *   - Kernels and copies that come before an operation on its stream are complete for it; those
 *     that come after it find it complete here.  At the other PE a put is complete after a
 *     shmemx_quiet_on_stream or a barrier behind it, or after synchronising with the stream and a
 *     shmem_quiet of the host: operations on streams are those of the default context.  A signal
 *     comes after the data that was put with it; nothing else orders two puts but a quiet.  What
 *     has nbi in its name is complete after a quiet only, here too.
 *   - Waiting for a signal, or for the other PEs in a collective, holds up its stream alone.
 *     Streams go on independently of each other, and PEs may come to what is on different streams
 *     in different orders.
 *   - The collectives of a team, whether on streams or not, are started in the same order by all
 *     members, and one at a time.  Those on one stream are.  On different streams, order them by
 *     events; and synchronise with the stream before the host calls a collective of that team, or
 *     destroys it.  For SHMEM_TEAM_WORLD, what all PEs call together counts too: shmem_malloc,
 *     shmem_free, teams that are made of it.  Streams that are to be independent have teams of
 *     their own.  shmem_finalize waits for all streams by itself.
 *   - Any thread may call these.
 *
 * Where both sides are within the device's reach (its own memory; that of PEs for which
 * shmemx_ptr_device is not NULL; for one side also host memory of the node), puts, gets, setting a
 * signal, and waiting in device memory for SHMEM_CMP_EQ, GE or GT are done by the device, without
 * the host.
 *
 * Types are those of the routine of the same name.
 */
/* clang-format off */
#define SHMEMI_X_COPY(name, type) \
    SHMEMI_API int shmemx##name##_on_stream(type *dest, const type *source, size_t nelems, int pe, \
                                            shmemx_stream_t stream);
#define SHMEMI_X_SIGNAL(name, type) \
    SHMEMI_API int shmemx##name##_on_stream(type *dest, const type *source, size_t nelems, \
                                            uint64_t *sig_addr, uint64_t signal, int sig_op, \
                                            int pe, shmemx_stream_t stream);
#define SHMEMI_X_GATHER(name, type) \
    SHMEMI_API int shmemx##name##_on_stream(shmem_team_t team, type *dest, const type *source, \
                                            size_t nelems, shmemx_stream_t stream);
#define SHMEMI_X_ALLTOALLS(name, type) \
    SHMEMI_API int shmemx##name##_on_stream(shmem_team_t team, type *dest, const type *source, \
                                            ptrdiff_t dst, ptrdiff_t sst, size_t nelems, \
                                            shmemx_stream_t stream);
#define SHMEMI_X_BROADCAST(name, type) \
    SHMEMI_API int shmemx##name##_on_stream(shmem_team_t team, type *dest, const type *source, \
                                            size_t nelems, int PE_root, shmemx_stream_t stream);
#define SHMEMI_XD_COPY(op, T, type)         SHMEMI_X_COPY(T##op, type)
#define SHMEMI_XS_COPY(op, bits, tail)      SHMEMI_X_COPY(op##bits##tail, void)
#define SHMEMI_XD_P(op, T, type) \
    SHMEMI_API int shmemx##T##op##_on_stream(type *dest, type value, int pe, \
                                             shmemx_stream_t stream);
#define SHMEMI_XD_SIGNAL(op, T, type)       SHMEMI_X_SIGNAL(T##op, type)
#define SHMEMI_XS_SIGNAL(op, bits, tail)    SHMEMI_X_SIGNAL(op##bits##tail, void)
#define SHMEMI_XD_GATHER(op, T, type)       SHMEMI_X_GATHER(T##op, type)
#define SHMEMI_XD_ALLTOALLS(op, T, type)    SHMEMI_X_ALLTOALLS(T##op, type)
#define SHMEMI_XD_BROADCAST(op, T, type)    SHMEMI_X_BROADCAST(T##op, type)

/* shmemx_int_put_on_stream and so on; shmemx_put32_on_stream; shmemx_putmem_on_stream. */
SHMEMI_FOR_RMA(SHMEMI_XD_COPY, _put)
SHMEMI_FOR_RMA(SHMEMI_XD_COPY, _get)
SHMEMI_FOR_RMA(SHMEMI_XD_COPY, _put_nbi)
SHMEMI_FOR_RMA(SHMEMI_XD_COPY, _get_nbi)
SHMEMI_FOR_RMA(SHMEMI_XD_P, _p)
SHMEMI_FOR_SIZES(SHMEMI_XS_COPY, _put, )
SHMEMI_FOR_SIZES(SHMEMI_XS_COPY, _get, )
SHMEMI_FOR_SIZES(SHMEMI_XS_COPY, _put, _nbi)
SHMEMI_FOR_SIZES(SHMEMI_XS_COPY, _get, _nbi)
SHMEMI_X_COPY(_putmem, void)
SHMEMI_X_COPY(_getmem, void)
SHMEMI_X_COPY(_putmem_nbi, void)
SHMEMI_X_COPY(_getmem_nbi, void)

SHMEMI_FOR_RMA(SHMEMI_XD_SIGNAL, _put_signal)
SHMEMI_FOR_RMA(SHMEMI_XD_SIGNAL, _put_signal_nbi)
SHMEMI_FOR_SIZES(SHMEMI_XS_SIGNAL, _put, _signal)
SHMEMI_FOR_SIZES(SHMEMI_XS_SIGNAL, _put, _signal_nbi)
SHMEMI_X_SIGNAL(_putmem_signal, void)
SHMEMI_X_SIGNAL(_putmem_signal_nbi, void)

/* sig_op: SHMEM_SIGNAL_SET or SHMEM_SIGNAL_ADD.  The wait takes any SHMEM_CMP_ operator. */
SHMEMI_API int shmemx_signal_op_on_stream(uint64_t *sig_addr, uint64_t signal, int sig_op, int pe,
                                          shmemx_stream_t stream);
SHMEMI_API int shmemx_signal_wait_until_on_stream(uint64_t *sig_addr, int cmp, uint64_t cmp_value,
                                                  shmemx_stream_t stream);
SHMEMI_API int shmemx_quiet_on_stream(shmemx_stream_t stream);

/* A barrier is a quiet and a sync. */
SHMEMI_API int shmemx_barrier_all_on_stream(shmemx_stream_t stream);
SHMEMI_API int shmemx_sync_all_on_stream(shmemx_stream_t stream);
SHMEMI_API int shmemx_barrier_on_stream(shmem_team_t team, shmemx_stream_t stream);
SHMEMI_API int shmemx_team_sync_on_stream(shmem_team_t team, shmemx_stream_t stream);

SHMEMI_FOR_RMA(SHMEMI_XD_BROADCAST, _broadcast)
SHMEMI_FOR_RMA(SHMEMI_XD_GATHER, _collect)
SHMEMI_FOR_RMA(SHMEMI_XD_GATHER, _fcollect)
SHMEMI_FOR_RMA(SHMEMI_XD_GATHER, _alltoall)
SHMEMI_FOR_RMA(SHMEMI_XD_ALLTOALLS, _alltoalls)
SHMEMI_X_BROADCAST(_broadcastmem, void)
SHMEMI_X_GATHER(_collectmem, void)
SHMEMI_X_GATHER(_fcollectmem, void)
SHMEMI_X_GATHER(_alltoallmem, void)
SHMEMI_X_ALLTOALLS(_alltoallsmem, void)
SHMEMI_FOR_LOGIC(SHMEMI_XD_GATHER, _and_reduce)
SHMEMI_FOR_LOGIC(SHMEMI_XD_GATHER, _or_reduce)
SHMEMI_FOR_LOGIC(SHMEMI_XD_GATHER, _xor_reduce)
SHMEMI_FOR_COMPARE(SHMEMI_XD_GATHER, _max_reduce)
SHMEMI_FOR_COMPARE(SHMEMI_XD_GATHER, _min_reduce)
SHMEMI_FOR_SUM(SHMEMI_XD_GATHER, _sum_reduce)
SHMEMI_FOR_SUM(SHMEMI_XD_GATHER, _prod_reduce)
SHMEMI_FOR_SUM(SHMEMI_XD_GATHER, _sum_inscan)
SHMEMI_FOR_SUM(SHMEMI_XD_GATHER, _sum_exscan)
/* clang-format on */

#ifdef __cplusplus
}
#endif

/*
 * Communication that kernels start.  create makes what kernels find their PE and its doorbell rings
 * by (shmemx_device.h): for n_cores blocks that run at one time (0: as many as the device has
 * cores), each with a ring of its own, and n_shared rings that any number of blocks may share.
 * *context is what to hand to kernels.  All PEs call it, and destroy, when no kernel uses it any
 * more; shmem_finalize destroys what is left.  It is for the device that is open by then; where
 * none is, for functions that threads of the program call, and not for shmemx_launch's.  team_add,
 * called by all members of a team, gives it a number for kernels: 0 is the world, 1
 * SHMEM_TEAM_SHARED.  0, or the number; -1 where that is impossible.
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
