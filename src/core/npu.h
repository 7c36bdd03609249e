/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * npu.h -- this PE's device: opened when it is asked for, by all PEs together.
 *
 * Asked for by a variable (SHMEM_DEVICE=sim, SHMEM_DEVICE_SIZE, SHMEM_HEAP=device) it is opened
 * when the library is; by an extension that needs it, in the first such call.  A program that uses
 * no device starts none.
 */
#ifndef SHMI_NPU_H
#define SHMI_NPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Is that PE, with such a device, where this PE's device may look for its memory? */
bool shmi_npu_is_near(const char *device, int pe);

/* At the start of init, before the library has threads: open what the variables ask for. */
int shmi_npu_open(void);

/* Before the network is opened: this PE's device memory, so that the network can reach it. */
void shmi_npu_create(void);

/* For a network: what it is to register of the device's memory, or false; and the key it gave. */
struct shmi_memory;
bool shmi_npu_exposure(struct shmi_memory *memory);
void shmi_npu_exposed(uint64_t key);

/* At its end, and where an extension asks for it: the symmetric device heap, known to all PEs.  All
 * PEs call it.  0 or -errno after logging. */
int shmi_npu_join(void);

/* In a routine that all PEs call: have a device, or end the job. */
void shmi_npu_require(const char *who);

/* In a routine that one PE calls alone: the device, for this thread, or the job ends. */
struct shmi_npu *shmi_npu_enter(const char *who);

/* For people: the device, and how this PE reaches the device memory of the others. */
void shmi_npu_print(FILE *out);

/* All that was put on streams is done; nobody has other PEs' memory any more; and: give everything
 * back.  All PEs call the second together. */
void shmi_npu_finish(void);
void shmi_npu_part(void);
void shmi_npu_close(void);

#endif
