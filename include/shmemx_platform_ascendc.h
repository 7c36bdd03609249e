/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shmemx_platform_ascendc.h -- a part of shmemx_platform.h: AscendC, the compiler of Ascend NPUs.
 *
 * Each core has a scalar unit with a data cache that is coherent with nothing: not with the other
 * cores, not with the host, not with the core's own copy engines.  So what is here keeps to this:
 *
 *     before a read of what others write    drop the line from the cache
 *     after a write that others read        write the line back; with it goes all that is in it, so
 *                                           a line has one writer
 *     before a signal                       wait for the copy engines (pipe_barrier) and for what
 *                                           is on its way to memory (dsb)
 *     words that others wait for            only grow, so that a look which comes late sees enough
 *     rings                                 one for each core, so that nobody has to share a word
 */
#ifndef SHMEMX_PLATFORM_H
#include "shmemx_platform.h"
#endif

#if !defined SHMEMX_PLATFORM_ASCENDC_H && (defined __CCE_AICORE__ || defined __NPU_ARCH__)
#define SHMEMX_PLATFORM_ASCENDC_H

#if defined __GNUC__
#pragma GCC system_header
#endif

#define SHMEMX_DEVICE static __aicore__ inline
#define SHMEMX_APART  SHMEMX_DEVICE
#define SHMEMX_GM     __gm__

#define SHMEMX_BLOCK_SIZE() 1
#define SHMEMX_BLOCK_RANK() 0
#define SHMEMX_BLOCK_SYNC() ((void)0)

/* None on global memory that returns a value. */
#define SHMEMX_ATOMICS 0

/* What is on its way to memory is there.  The compiler moves nothing across, either. */
SHMEMX_DEVICE void shmemx_arrive(void)
{
    __asm__ volatile("" ::: "memory");
    dsb((mem_dsb_t)0);
    __asm__ volatile("" ::: "memory");
}

SHMEMX_DEVICE void shmemx_fence_system(void)
{
    pipe_barrier(PIPE_ALL);
    shmemx_arrive();
}

/* Write lines back to memory, and drop them, so that the next read comes from there.  A line has
 * one writer only, or data is lost: each word here that a device writes has a line of its own. */
SHMEMX_DEVICE void shmemx_clean(SHMEMX_GM const void *addr, size_t len)
{
    uint64_t line = (uint64_t)addr & ~(uint64_t)(SHMEMX_LINE - 1);
    __asm__ volatile("" ::: "memory"); /* the stores come first */
    for (; line < (uint64_t)addr + len; line += SHMEMX_LINE) {
        dcci((__gm__ void *)line, SINGLE_CACHE_LINE, CACHELINE_OUT);
    }
    shmemx_arrive();
}

SHMEMX_DEVICE void shmemx_invalidate(SHMEMX_GM const void *addr, size_t len)
{
    shmemx_clean(addr, len);
}

SHMEMX_DEVICE uint64_t shmemx_load(SHMEMX_GM const uint64_t *word)
{
    shmemx_invalidate(word, sizeof(*word));
    return *(volatile __gm__ const uint64_t *)word;
}

SHMEMX_DEVICE uint64_t shmemx_load_acquire(SHMEMX_GM const uint64_t *word)
{
    uint64_t value = shmemx_load(word);
    shmemx_arrive();
    return value;
}

SHMEMX_DEVICE void shmemx_store(SHMEMX_GM uint64_t *word, uint64_t value)
{
    *(volatile __gm__ uint64_t *)word = value;
}

SHMEMX_DEVICE void shmemx_store_release(SHMEMX_GM uint64_t *word, uint64_t value)
{
    shmemx_fence_system();
    shmemx_store(word, value);
    shmemx_clean(word, sizeof(*word));
}

/* The last word of a slot: its line leaves the cache as a whole. */
SHMEMX_DEVICE void shmemx_store_last(SHMEMX_GM uint64_t *word, uint64_t value)
{
    shmemx_store(word, value);
    shmemx_clean(word, sizeof(*word));
}

SHMEMX_DEVICE void shmemx_relax(void)
{
    for (volatile int i = 0; i < 16; i++) {
    }
}

SHMEMX_DEVICE void shmemx_own_soon(SHMEMX_GM const void *word)
{
    (void)word;
}

/* The system counter runs at 50 MHz. */
SHMEMX_DEVICE uint64_t shmemx_now_ns(void)
{
    return (uint64_t)get_sys_cnt() * 20;
}

/* Atomics only of words that no other core, host or device changes at the time.  The library gives
 * such devices no direct ones, and shared rings are refused. */
SHMEMX_DEVICE uint64_t shmemx_amo_result(int op, uint64_t old, uint64_t value, uint64_t expected)
{
    return op == SHMEMX_SET || op == SHMEMX_SWAP ? value
           : op == SHMEMX_CSWAP                  ? (old == expected ? value : old)
           : op == SHMEMX_ADD                    ? old + value
           : op == SHMEMX_AND                    ? (old & value)
           : op == SHMEMX_OR                     ? (old | value)
           : op == SHMEMX_XOR                    ? (old ^ value)
                                                 : old;
}

SHMEMX_DEVICE uint64_t shmemx_amo8(SHMEMX_GM uint64_t *word, int op, uint64_t value,
                                   uint64_t expected)
{
    uint64_t old = shmemx_load_acquire(word);
    if (op != SHMEMX_FETCH) {
        shmemx_store_release(word, shmemx_amo_result(op, old, value, expected));
    }
    return old;
}

SHMEMX_DEVICE uint32_t shmemx_amo4(SHMEMX_GM uint32_t *word, int op, uint32_t value,
                                   uint32_t expected)
{
    shmemx_invalidate(word, sizeof(*word));
    uint32_t old = *(volatile __gm__ const uint32_t *)word;
    if (op != SHMEMX_FETCH) {
        shmemx_fence_system();
        *(volatile __gm__ uint32_t *)word = (uint32_t)shmemx_amo_result(op, old, value, expected);
        shmemx_clean(word, sizeof(*word));
    }
    return old;
}

/* Blocks that find the word 0 all write their marks, and the last stays: who still finds his own
 * after longer than a write takes has the word. */
SHMEMX_DEVICE int shmemx_claim(SHMEMX_GM uint64_t *word, unsigned block)
{
    const uint64_t longer_ns = 10000;
    uint64_t since = shmemx_now_ns();
    uint64_t mark = since << 16 | ((block & 0x7fff) + 1);
    if (shmemx_load_acquire(word) != 0) {
        return 0;
    }
    shmemx_store_release(word, mark);
    for (since = shmemx_now_ns(); shmemx_now_ns() - since < longer_ns;) {
        shmemx_relax();
    }
    return shmemx_load_acquire(word) == mark;
}

SHMEMX_DEVICE void shmemx_move(SHMEMX_GM void *dst, SHMEMX_GM const void *src, size_t len)
{
    shmemx_invalidate(src, len);
    for (size_t i = 0; i < len; i++) {
        ((__gm__ char *)dst)[i] = ((__gm__ const char *)src)[i];
    }
    shmemx_clean(dst, len);
}

#endif
