/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stand_in_ascendc.h -- the words of AscendC that shmemx_device.h uses, for a clang without the
 * toolkit.  Global memory is an address space here, too: what is declared without __gm__ and used
 * with it does not compile.
 */
#ifndef STAND_IN_ASCENDC_H
#define STAND_IN_ASCENDC_H

#define __CCE_AICORE__ 220
#define __aicore__
#define __gm__ __attribute__((address_space(1)))

#include <stdint.h>

enum pipe_t { PIPE_ALL };
enum cache_line_t { SINGLE_CACHE_LINE };
enum dcci_dst_t { CACHELINE_OUT };
enum mem_dsb_t { DSB_ALL };

void pipe_barrier(pipe_t pipe);
void dsb(mem_dsb_t what);
void dcci(__gm__ void *line, cache_line_t how, dcci_dst_t where);
int64_t get_sys_cnt();

#endif
