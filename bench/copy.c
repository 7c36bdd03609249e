/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c -- the ways to copy memory this machine knows, against which puts and gets are held. */
#include "bench.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

struct copy {
    const char *name;
    void (*copy)(void *dest, const void *source, size_t size);
    size_t least; /* the size from which it is worth trying */
};

struct job {
    const struct copy *how;
    void *dest;
    const void *source;
};

static void copy_memcpy(void *dest, const void *source, size_t size)
{
    memcpy(dest, source, size);
}

#if defined(__x86_64__)
static void copy_movsb(void *dest, const void *source, size_t size)
{
    __asm__ volatile("rep movsb" : "+D"(dest), "+S"(source), "+c"(size) : : "memory");
}

/* Past the caches.  The buffers are aligned and the sizes multiples of 128. */
__attribute__((target("avx"))) static void copy_stream(void *dest, const void *source, size_t size)
{
    const __m256i *from = source;
    __m256i *to = dest;
    for (size_t i = 0; i < size / sizeof(*to); i += 4) {
        __m256i a = _mm256_load_si256(from + i), b = _mm256_load_si256(from + i + 1);
        __m256i c = _mm256_load_si256(from + i + 2), d = _mm256_load_si256(from + i + 3);
        _mm256_stream_si256(to + i, a);
        _mm256_stream_si256(to + i + 1, b);
        _mm256_stream_si256(to + i + 2, c);
        _mm256_stream_si256(to + i + 3, d);
    }
    _mm_sfence();
}

static bool have_stream(void)
{
    return __builtin_cpu_supports("avx");
}
#else
static void copy_movsb(void *dest, const void *source, size_t size)
{
    memcpy(dest, source, size);
}

static void copy_stream(void *dest, const void *source, size_t size)
{
    memcpy(dest, source, size);
}

static bool have_stream(void)
{
    return false;
}
#endif

static const struct copy copies[BENCH_COPIES] = {
    {"memcpy", copy_memcpy, 0},
    {"rep movsb", copy_movsb, 512},
    {"streaming stores", copy_stream, 65536},
};

static void run(const struct bench_subject *subject, size_t size, long iters)
{
    const struct job *job = subject->arg;
    for (long i = 0; i < iters; i++) {
        job->how->copy(job->dest, job->source, size);
        bench_compiler_fence();
    }
}

int bench_copies(struct bench_subject *subjects, enum bench_unit unit, void *dest,
                 const void *source, size_t size)
{
    static struct job jobs[BENCH_COPIES];
    int n = have_stream() ? BENCH_COPIES : 1;
    int found = 0;
    for (int i = 0; i < n; i++) {
        if (size < copies[i].least)
            continue;
        jobs[found] = (struct job){.how = &copies[i], .dest = dest, .source = source};
        subjects[found] = (struct bench_subject){
            .name = copies[i].name, .run = run, .arg = &jobs[found], .unit = unit, .bare = true};
        found++;
    }
    return found;
}
