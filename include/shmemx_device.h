/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shmemx_device.h -- OpenSHMEM for kernels: what code on a device calls.
 *
 * The host makes a context (shmemx_device_context_create in shmemx.h) and passes its address to a
 * kernel.  Each block of the kernel enters it, communicates, and leaves:
 *
 *     shmemx_device_t dev;
 *     int status = shmemx_device_enter(&dev, context, block);
 *     ... shmemx_device_putmem_signal(&dev, dest, source, len, sig, 1, SHMEM_SIGNAL_ADD, pe) ...
 *     shmemx_device_leave(&dev);
 *
 * Memory of a PE that the device reaches by load and store is accessed so; the rest is asked of the
 * host, through the block's doorbell ring (shmemx_ring.h).  Symmetric addresses are those that the
 * host knows them by.  Where the ring is needed, the other address of a call must be symmetric or
 * device memory, too: the host does not see a block's own stack.
 *
 * What there is, shmemx_device_x for shmem_x, with the arguments of that and `dev` before them; a
 * routine that returns a value there stores it through a pointer here:
 *
 *     section 9.1, 9.4  my_pe, n_pes, ptr; team_my_pe, team_n_pes, team_pe     shmemx_device_rma.h
 *             9.6       p, g, put, get and their nbi, of all types; putmem, getmem
 *             9.12      fence, quiet
 *             9.6       iput, iget                                         shmemx_device_strided.h
 *             9.7, 9.8  atomics, fetching ones and their nbi; put_signal,      shmemx_device_amo.h
 *                       put_signal_nbi, signal_set, signal_add, signal_fetch
 *             9.11      test, wait_until, wait_until_all, wait_until_any,     shmemx_device_wait.h
 *                       signal_wait_until
 *             9.10      barrier_all, sync_all; of a team, which is the number  shmemx_device_coll.h
 *                       that it has in the context: barrier, sync, broadcast, fcollect, alltoall,
 *                       sum_reduce, min_reduce, max_reduce
 *
 * Errors: every call returns a status, SHMEMX_OK or another of shmemx_ring.h's, and has done
 * nothing where that is SHMEMX_INVALID.  Waits end when the host stops the context, and with
 * SHMEMX_TIMED_OUT after SHMEM_DEVICE_TIMEOUT.
 *
 * Completion is the standard's: put returns when the source may be changed, get and what fetches
 * when the value is here, nbi at once; quiet completes all that the ring's block has started, at
 * both ends, and fence orders it for each PE.  A signal of put_signal comes after its data, and of
 * nothing else.  Direct stores follow the same rules, for fence and quiet hold for them, too.
 *
 * Memory: what a kernel stores is seen by its own later loads; by other blocks and PEs after a
 * fence, quiet, signal or collective here and a wait or collective there; by the host when the
 * kernel has ended and its stream has been synchronised with, or after a signal that the host has
 * waited for.
 *
 * Threads: what a block has entered is the block's own, one thread's at a time; the forms that end
 * in _block are called by all threads of a block together, with the same arguments.  A ring that
 * was entered shared takes any number of blocks at a time, and its quiet counts for all of them.
 * A team's collectives are called by one block of each member, one at a time, in the same order.
 */
#ifndef SHMEMX_DEVICE_H
#define SHMEMX_DEVICE_H

#include "shmem.h"
#include "shmemx_ring.h"

#if defined __GNUC__ && !defined __CUDACC__
#pragma GCC system_header
#endif

#define SHMEMX_DEVICE_MAGIC 0x7863646873757070ull
#define SHMEMX_DEVICE_ABI   1

enum { SHMEMX_DEVICE_REGIONS = 4, SHMEMX_DEVICE_TEAMS = 64, SHMEMX_DEVICE_ROUNDS = 24 };

/* The teams that every context has; shmemx_device_team_add gives numbers to others. */
enum { SHMEMX_DEVICE_WORLD, SHMEMX_DEVICE_SHARED };

/* A range of symmetric memory.  map and amo are addresses of tables: where, for each PE, loads and
 * stores reach its memory from here, and atomic operations; 0 where they do not. */
typedef struct {
    uint64_t base, len, map, amo;
} shmemx_device_region_t;

/* A team.  pes, slots: tables for each member, its number in the world and the words where it is
 * told of arrivals (0: the members do not all reach each other, and meet through the host). */
typedef struct {
    int32_t my_pe, n_pes;
    uint64_t pes, slots;
    uint64_t direct; /* bit per region that all members reach of all members */
    uint64_t step;   /* how often the kernels of this PE have met; they write it */
    uint64_t pad[3];
} shmemx_device_team_t;

/* What the host prepares.  The members up to `diagnosis` never move. */
typedef struct {
    uint64_t magic;
    uint32_t abi, bytes;
    uint64_t diagnosis;
    int32_t my_pe, n_pes;
    uint32_t n_regions, n_cores; /* rings of one block each, then rings of several */
    uint32_t n_shared, n_teams;
    uint64_t rings, teams;
    uint32_t mixed; /* some PE is reached both ways, according to the region */
    uint32_t pad;
    shmemx_device_region_t region[SHMEMX_DEVICE_REGIONS];
} shmemx_device_context_t;

/* A block's hold on a context. */
typedef struct {
    SHMEMX_GM shmemx_device_context_t *context;
    SHMEMX_GM shmemx_producer_t *ring;
} shmemx_device_t;

/* Words of a member, written by others: one line for each round of a meeting. */
typedef struct {
    uint64_t step, pad[7];
} shmemx_device_slot_t;

#include "shmemx_device_rma.h"

#include "shmemx_device_strided.h"

#include "shmemx_device_amo.h"

#include "shmemx_device_wait.h"

#include "shmemx_device_coll.h"

#endif
