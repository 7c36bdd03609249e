/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy.c -- large copies.
 *
 * On x86 there are three ways.  Wide loads and stores, these on whole lines, are best while all is
 * in the caches of the core, and do not mind how source and destination lie to each other.  From
 * some hundred KiB the processor's own copy (rep movsb) is best: it writes whole lines without
 * reading them first, and they stay in the cache for whoever reads them next.  What is larger than
 * a core's share of the last cache would only push out everything else: it is streamed past it.
 *
 * The C library's memcpy repeats from 2 KiB on, and does not look out for what that can cost: where
 * the destination lies a few bytes further into its page than the source, AMD's Zen 3 takes the
 * loads to depend on the stores and is twenty times slower.  That is not rare: malloc puts large
 * blocks 16 bytes into a page, and they are got from symmetric memory that begins one.
 */
#include "core/copy.h"

#include <stdbool.h>
#include <stdint.h>

#include "core/base/util.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* From here on the processor's own copy wins. */
#define REPEAT_FROM (256u << 10)

/* From here on streaming wins; measured on a core with 16 MiB of last-level cache to itself. */
#define STREAM_FROM (8u << 20)

/* How far ahead the source is asked for, past the caches too: a tenth faster than without. */
#define AHEAD 1024

static void copy_repeat(void *dst, const void *src, size_t len)
{
    __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(len) : : "memory");
}

static bool is_slow_to_repeat(const void *dst, const void *src)
{
    uintptr_t further = ((uintptr_t)dst - (uintptr_t)src) % 4096;
    return further > 0 && further < 32;
}

/* Copies up to where the destination begins a line. */
static size_t copy_to_line(char *dst, const char *src)
{
    size_t head = (size_t) - (uintptr_t)dst % SHMI_LINE;
    memcpy(dst, src, head);
    return head;
}

__attribute__((target("avx"))) static void copy_wide(char *dst, const char *src, size_t len)
{
    size_t head = copy_to_line(dst, src);
    dst += head;
    src += head;
    len -= head;
    for (; len >= 128; len -= 128) {
        const __m256i *from = (const __m256i *)(const void *)src;
        __m256i *to = (__m256i *)(void *)dst;
        __m256i a = _mm256_loadu_si256(from);
        __m256i b = _mm256_loadu_si256(from + 1);
        __m256i c = _mm256_loadu_si256(from + 2);
        __m256i d = _mm256_loadu_si256(from + 3);
        _mm256_store_si256(to, a);
        _mm256_store_si256(to + 1, b);
        _mm256_store_si256(to + 2, c);
        _mm256_store_si256(to + 3, d);
        dst += 128;
        src += 128;
    }
    memcpy(dst, src, len);
}

static void copy_stream(char *dst, const char *src, size_t len)
{
    size_t head = copy_to_line(dst, src);
    dst += head;
    src += head;
    len -= head;
    for (; len >= SHMI_LINE; len -= SHMI_LINE) {
        _mm_prefetch(src + AHEAD, _MM_HINT_NTA); /* of no memory: nothing happens */
        const __m128i *from = (const __m128i *)(const void *)src;
        __m128i *to = (__m128i *)(void *)dst;
        __m128i a = _mm_loadu_si128(from);
        __m128i b = _mm_loadu_si128(from + 1);
        __m128i c = _mm_loadu_si128(from + 2);
        __m128i d = _mm_loadu_si128(from + 3);
        _mm_stream_si128(to, a);
        _mm_stream_si128(to + 1, b);
        _mm_stream_si128(to + 2, c);
        _mm_stream_si128(to + 3, d);
        dst += SHMI_LINE;
        src += SHMI_LINE;
    }
    memcpy(dst, src, len);
    _mm_sfence(); /* streaming stores are ordered by nothing else, and a flag may follow */
}

void shmi_copy_large(void *dst, const void *src, size_t len)
{
    if (dst == src) {
        return;
    }
    if (len >= STREAM_FROM) {
        copy_stream(dst, src, len);
    } else if (len >= REPEAT_FROM && !is_slow_to_repeat(dst, src)) {
        copy_repeat(dst, src, len);
    } else if (__builtin_cpu_supports("avx")) {
        copy_wide(dst, src, len);
    } else {
        memcpy(dst, src, len);
    }
}

#else

void shmi_copy_large(void *dst, const void *src, size_t len)
{
    if (dst != src) {
        memcpy(dst, src, len);
    }
}

#endif
