/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shmemx_platform.h -- what differs between the compilers of kernels, in one place: host C and C++,
 * CUDA, AscendC.
 *
 * The memory that a kernel shares with the host and with other devices is read and written only by
 * the functions below.  Where the caches of a device are not coherent, they clean and invalidate.
 * Words are 8 bytes and naturally aligned, and their accesses are single.
 */
#ifndef SHMEMX_PLATFORM_H
#define SHMEMX_PLATFORM_H

#if defined __GNUC__ && !defined __CUDACC__
#pragma GCC system_header
#endif

#include <stddef.h>
#include <stdint.h>

/* What an atomic operation does; the same numbers in a ring, on every device and in the library. */
enum {
    SHMEMX_FETCH,
    SHMEMX_SET,
    SHMEMX_SWAP,
    SHMEMX_CSWAP,
    SHMEMX_ADD,
    SHMEMX_AND,
    SHMEMX_OR,
    SHMEMX_XOR
};

/* What a cache reads and writes at once. */
#define SHMEMX_LINE 64

#if defined __CUDACC__

/* ---- CUDA: one context for all threads of a grid -------------------------------------------- */

#define SHMEMX_DEVICE static __device__ __forceinline__
#define SHMEMX_APART  static __device__ __noinline__
#define SHMEMX_GM

/* Threads that call a cooperative form together, this one's number, and their meeting. */
#define SHMEMX_BLOCK_SIZE() (blockDim.x * blockDim.y * blockDim.z)
#define SHMEMX_BLOCK_RANK() \
    (threadIdx.x + blockDim.x * (threadIdx.y + (size_t)blockDim.y * threadIdx.z))
#define SHMEMX_BLOCK_SYNC() __syncthreads()

SHMEMX_DEVICE void shmemx_fence_system(void)
{
    __threadfence_system();
}

SHMEMX_DEVICE uint64_t shmemx_load(const uint64_t *word)
{
    return *(const volatile uint64_t *)word;
}

SHMEMX_DEVICE uint64_t shmemx_load_acquire(const uint64_t *word)
{
    uint64_t value = *(const volatile uint64_t *)word;
    __threadfence_system();
    return value;
}

SHMEMX_DEVICE void shmemx_store(uint64_t *word, uint64_t value)
{
    *(volatile uint64_t *)word = value;
}

SHMEMX_DEVICE void shmemx_store_release(uint64_t *word, uint64_t value)
{
    __threadfence_system();
    *(volatile uint64_t *)word = value;
}

/* The last word of a slot.  Each word of it validates itself, so that the order in which they
 * arrive does not matter and no fence to the host's memory is paid for. */
SHMEMX_DEVICE void shmemx_store_last(uint64_t *word, uint64_t value)
{
    *(volatile uint64_t *)word = value;
}

SHMEMX_DEVICE void shmemx_relax(void)
{
#if __CUDA_ARCH__ >= 700
    __nanosleep(100);
#endif
}

SHMEMX_DEVICE void shmemx_own_soon(const void *word)
{
    (void)word;
}

SHMEMX_DEVICE uint64_t shmemx_now_ns(void)
{
    uint64_t now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
}

SHMEMX_DEVICE uint64_t shmemx_amo8(uint64_t *word, int op, uint64_t value, uint64_t expected)
{
    unsigned long long *at = (unsigned long long *)word;
    unsigned long long old = 0;
    __threadfence_system();
    switch (op) {
    case SHMEMX_FETCH:
        old = atomicAdd_system(at, 0ull);
        break;
    case SHMEMX_SET:
    case SHMEMX_SWAP:
        old = atomicExch_system(at, (unsigned long long)value);
        break;
    case SHMEMX_CSWAP:
        old = atomicCAS_system(at, (unsigned long long)expected, (unsigned long long)value);
        break;
    case SHMEMX_ADD:
        old = atomicAdd_system(at, (unsigned long long)value);
        break;
    case SHMEMX_AND:
        old = atomicAnd_system(at, (unsigned long long)value);
        break;
    case SHMEMX_OR:
        old = atomicOr_system(at, (unsigned long long)value);
        break;
    case SHMEMX_XOR:
        old = atomicXor_system(at, (unsigned long long)value);
        break;
    }
    __threadfence_system();
    return old;
}

SHMEMX_DEVICE uint32_t shmemx_amo4(uint32_t *word, int op, uint32_t value, uint32_t expected)
{
    uint32_t old = 0;
    __threadfence_system();
    switch (op) {
    case SHMEMX_FETCH:
        old = atomicAdd_system(word, 0u);
        break;
    case SHMEMX_SET:
    case SHMEMX_SWAP:
        old = atomicExch_system(word, value);
        break;
    case SHMEMX_CSWAP:
        old = atomicCAS_system(word, expected, value);
        break;
    case SHMEMX_ADD:
        old = atomicAdd_system(word, value);
        break;
    case SHMEMX_AND:
        old = atomicAnd_system(word, value);
        break;
    case SHMEMX_OR:
        old = atomicOr_system(word, value);
        break;
    case SHMEMX_XOR:
        old = atomicXor_system(word, value);
        break;
    }
    __threadfence_system();
    return old;
}

SHMEMX_DEVICE void shmemx_clean(const void *addr, size_t len)
{
    (void)addr;
    (void)len;
}

SHMEMX_DEVICE void shmemx_invalidate(const void *addr, size_t len)
{
    (void)addr;
    (void)len;
}

SHMEMX_DEVICE void shmemx_move(void *dst, const void *src, size_t len)
{
    memcpy(dst, src, len);
}

#elif defined __CCE_AICORE__ || defined __NPU_ARCH__

#include "shmemx_platform_ascendc.h"

#else

/* ---- host C and C++: threads of a CPU, also those that play a device's cores ----------------- */

#include <sched.h> /* also says that there is sched_yield */
#include <string.h>
#include <time.h>

#define SHMEMX_DEVICE static inline __attribute__((unused))
#define SHMEMX_APART  static __attribute__((noinline, unused)) /* lest the direct way be slower */
#define SHMEMX_GM

#define SHMEMX_BLOCK_SIZE() 1
#define SHMEMX_BLOCK_RANK() 0
#define SHMEMX_BLOCK_SYNC() ((void)0)

SHMEMX_DEVICE void shmemx_fence_system(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

SHMEMX_DEVICE uint64_t shmemx_load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

SHMEMX_DEVICE uint64_t shmemx_load_acquire(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

SHMEMX_DEVICE void shmemx_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

SHMEMX_DEVICE void shmemx_store_release(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* The last word of a slot: a release, so that the data a slot speaks of is there before it. */
SHMEMX_DEVICE void shmemx_store_last(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

SHMEMX_DEVICE void shmemx_relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield" ::: "memory");
#endif
}

/* A word that this thread is about to write: its cache line comes meanwhile.  The builtin would ask
 * for a line to read on x86, and the store once more. */
SHMEMX_DEVICE void shmemx_own_soon(const void *word)
{
#if defined __x86_64__
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)word));
#else
    __builtin_prefetch(word, 1);
#endif
}

SHMEMX_DEVICE uint64_t shmemx_now_ns(void)
{
#if defined CLOCK_MONOTONIC
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#else /* strict ISO C: whole seconds will do for a time-out */
    return (uint64_t)time(NULL) * 1000000000u;
#endif
}

SHMEMX_DEVICE uint64_t shmemx_amo8(uint64_t *word, int op, uint64_t value, uint64_t expected)
{
    switch (op) {
    case SHMEMX_SET:
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
        return 0;
    case SHMEMX_SWAP:
        return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
    case SHMEMX_CSWAP:
        __atomic_compare_exchange_n(word, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
        return expected;
    case SHMEMX_ADD:
        return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
    case SHMEMX_AND:
        return __atomic_fetch_and(word, value, __ATOMIC_ACQ_REL);
    case SHMEMX_OR:
        return __atomic_fetch_or(word, value, __ATOMIC_ACQ_REL);
    case SHMEMX_XOR:
        return __atomic_fetch_xor(word, value, __ATOMIC_ACQ_REL);
    default:
        return __atomic_load_n(word, __ATOMIC_ACQUIRE);
    }
}

SHMEMX_DEVICE uint32_t shmemx_amo4(uint32_t *word, int op, uint32_t value, uint32_t expected)
{
    switch (op) {
    case SHMEMX_SET:
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
        return 0;
    case SHMEMX_SWAP:
        return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
    case SHMEMX_CSWAP:
        __atomic_compare_exchange_n(word, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
        return expected;
    case SHMEMX_ADD:
        return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
    case SHMEMX_AND:
        return __atomic_fetch_and(word, value, __ATOMIC_ACQ_REL);
    case SHMEMX_OR:
        return __atomic_fetch_or(word, value, __ATOMIC_ACQ_REL);
    case SHMEMX_XOR:
        return __atomic_fetch_xor(word, value, __ATOMIC_ACQ_REL);
    default:
        return __atomic_load_n(word, __ATOMIC_ACQUIRE);
    }
}

SHMEMX_DEVICE void shmemx_clean(const void *addr, size_t len)
{
    (void)addr;
    (void)len;
}

SHMEMX_DEVICE void shmemx_invalidate(const void *addr, size_t len)
{
    (void)addr;
    (void)len;
}

SHMEMX_DEVICE void shmemx_move(void *dst, const void *src, size_t len)
{
    if (len == 8) { /* a word that somebody waits for is stored once; memcpy may do it twice */
        __builtin_memcpy(dst, src, 8);
    } else if (len == 4) {
        __builtin_memcpy(dst, src, 4);
    } else if (dst != src) {
        memcpy(dst, src, len);
    }
}

#endif

/* What the kernel has written is there for the host that a command tells of it.  On a CPU the last
 * store of a slot has seen to that; on an NPU the cleaning of the data, but not for what its copy
 * engines write. */
SHMEMX_DEVICE void shmemx_fence_data(void)
{
#if defined __CUDACC__ || defined __CCE_AICORE__ || defined __NPU_ARCH__
    shmemx_fence_system();
#endif
}

#if !defined SHMEMX_ATOMICS
#define SHMEMX_ATOMICS 1

/* Take a word that is 0 for oneself, a block: 1, or 0 where another has it. */
SHMEMX_DEVICE int shmemx_claim(SHMEMX_GM uint64_t *word, unsigned block)
{
    (void)block;
    return shmemx_amo8(word, SHMEMX_CSWAP, 1, 0) == 0;
}

#endif

/* A word of any integer type that others write: read once, before whatever is read later. */
#if defined __CUDACC__ || defined __CCE_AICORE__ || defined __NPU_ARCH__
#define SHMEMX_LOAD(type, ptr) (*(volatile SHMEMX_GM const type *)(ptr))
#else
#define SHMEMX_LOAD(type, ptr) __atomic_load_n(ptr, __ATOMIC_ACQUIRE)
#endif

/* The bytes of a value, in private memory. */
SHMEMX_DEVICE void shmemx_bits(void *dst, const void *src, size_t len)
{
    size_t i;
    for (i = 0; i < len; i++) {
        ((char *)dst)[i] = ((const char *)src)[i];
    }
}

#endif
