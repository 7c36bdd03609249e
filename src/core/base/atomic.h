/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * atomic.h -- the memory accesses that two processes make to one word.
 *
 * Names say what an access is for.  A flag is published with a release and read with an acquire, so
 * that whatever was written before the flag is seen by whoever saw the flag.
 */
#ifndef SHMI_BASE_ATOMIC_H
#define SHMI_BASE_ATOMIC_H

#include <stdint.h>

#define shmi_load_relaxed(ptr)         __atomic_load_n((ptr), __ATOMIC_RELAXED)
#define shmi_load_acquire(ptr)         __atomic_load_n((ptr), __ATOMIC_ACQUIRE)
#define shmi_store_relaxed(ptr, value) __atomic_store_n((ptr), (value), __ATOMIC_RELAXED)
#define shmi_store_release(ptr, value) __atomic_store_n((ptr), (value), __ATOMIC_RELEASE)

/* All earlier stores of this thread are visible to whoever sees a later one.  The copies of copy.h
 * may bypass the cache, which no release orders on x86: the fence there is their own business. */
static inline void shmi_order_stores(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/* Stores and loads of this thread, earlier and later, in one order for all. */
static inline void shmi_order_all(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A polite moment in a polling loop. */
static inline void shmi_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
