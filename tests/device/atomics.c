/* SPDX-License-Identifier: BSD-3-Clause */
/* atomics.c -- atomics of every type on device memory, by hosts and kernels; locks. */
#include "device.h"

static void *word;

#define IS(call, expected, text) \
    check((call) == (expected), "%s of %s on device memory", text, type_name)

#define FETCHING(op, T, type)                                               \
    static void fetching##T(int pe)                                         \
    {                                                                       \
        const char *type_name = #T;                                         \
        type *at = (type *)word + shmem_my_pe();                            \
        type later = 0;                                                     \
        shmem##T##_atomic_set(at, 5, pe);                                   \
        shmem_quiet();                                                      \
        IS(shmem##T##_atomic_fetch(at, pe), 5, "set and fetch");            \
        IS(shmem##T##_atomic_swap(at, 7, pe), 5, "swap");                   \
        shmem##T##_atomic_fetch_nbi(&later, at, pe);                        \
        shmem_quiet();                                                      \
        IS(later, 7, "fetch_nbi");                                          \
        shmem##T##_atomic_swap_nbi(&later, at, 9, pe);                      \
        shmem_quiet();                                                      \
        IS(later, 7, "swap_nbi");                                           \
        IS(shmem##T##_atomic_fetch(at, pe), 9, "the value after swap_nbi"); \
    }
SHMEMI_FOR_AMO_EXT(FETCHING, )

#define ARITHMETIC(op, T, type)                                                         \
    static void arithmetic##T(int pe)                                                   \
    {                                                                                   \
        const char *type_name = #T;                                                     \
        type *at = (type *)word + shmem_my_pe();                                        \
        type later = 0;                                                                 \
        shmem##T##_atomic_set(at, 5, pe);                                               \
        shmem_quiet();                                                                  \
        shmem##T##_atomic_add(at, 10, pe);                                              \
        shmem##T##_atomic_inc(at, pe);                                                  \
        shmem_quiet();                                                                  \
        IS(shmem##T##_atomic_fetch_add(at, 4, pe), 16, "add, inc and fetch_add");       \
        IS(shmem##T##_atomic_fetch_inc(at, pe), 20, "fetch_inc");                       \
        IS(shmem##T##_atomic_compare_swap(at, 20, 99, pe), 21, "compare_swap in vain"); \
        IS(shmem##T##_atomic_compare_swap(at, 21, 30, pe), 21, "compare_swap");         \
        shmem##T##_atomic_compare_swap_nbi(&later, at, 30, 31, pe);                     \
        shmem_quiet();                                                                  \
        IS(later, 30, "compare_swap_nbi");                                              \
        shmem##T##_atomic_fetch_add_nbi(&later, at, 2, pe);                             \
        shmem_quiet();                                                                  \
        IS(later, 31, "fetch_add_nbi");                                                 \
        IS(shmem##T##_atomic_fetch(at, pe), 33, "the value at the end");                \
    }
SHMEMI_FOR_AMO(ARITHMETIC, )

#define BITWISE(op, T, type)                                              \
    static void bitwise##T(int pe)                                        \
    {                                                                     \
        const char *type_name = #T;                                       \
        type *at = (type *)word + shmem_my_pe();                          \
        shmem##T##_atomic_set(at, 0x0f, pe);                              \
        shmem_quiet();                                                    \
        IS(shmem##T##_atomic_fetch_and(at, 0x3c, pe), 0x0f, "fetch_and"); \
        IS(shmem##T##_atomic_fetch_or(at, 0x03, pe), 0x0c, "fetch_or");   \
        IS(shmem##T##_atomic_fetch_xor(at, 0xff, pe), 0x0f, "fetch_xor"); \
        shmem##T##_atomic_and(at, 0x70, pe);                              \
        shmem##T##_atomic_or(at, 0x01, pe);                               \
        shmem##T##_atomic_xor(at, 0x11, pe);                              \
        shmem_quiet();                                                    \
        IS(shmem##T##_atomic_fetch(at, pe), 0x60, "and, or, xor");        \
    }
SHMEMI_FOR_AMO_BIT(BITWISE, )

static void types(void)
{
    word = make(DEVICE, (size_t)shmem_n_pes() * 8);
    int pe = right_of(shmem_my_pe());
#define CALL_EXT(op, T, type) fetching##T(pe);
#define CALL_AMO(op, T, type) arithmetic##T(pe);
#define CALL_BIT(op, T, type) bitwise##T(pe);
    SHMEMI_FOR_AMO_EXT(CALL_EXT, )
    shmem_barrier_all();
    SHMEMI_FOR_AMO(CALL_AMO, )
    shmem_barrier_all();
    SHMEMI_FOR_AMO_BIT(CALL_BIT, )
    shmem_barrier_all();
    shmem_free(word);
}

/* The old value goes to device memory. */
static void fetched_to_device(void)
{
    int me = shmem_my_pe();
    long *words = make(DEVICE, 2 * sizeof(long));
    shmem_long_p(&words[0], 70 + me, me);
    shmem_barrier_all();
    shmem_long_atomic_fetch_add_nbi(&words[1], &words[0], 1, right_of(me));
    shmem_quiet();
    check(shmem_long_g(&words[1], me) == 70 + right_of(me), "fetch_add_nbi into device memory");
    shmem_barrier_all();
    shmem_free(words);
}

struct adding {
    uint64_t *sum;
    int times;
};

static void add(void *args, unsigned block, unsigned n_blocks)
{
    const struct adding *adding = args;
    (void)block;
    (void)n_blocks;
    for (int i = 0; i < adding->times; i++) {
        __atomic_fetch_add(adding->sum, 1, __ATOMIC_RELAXED);
    }
}

/* Between nodes, the network's atomics need not be atomic with the kernels' own; and some devices'
 * kernels have none. */
static bool is_near_all(const void *addr)
{
    shmemx_device_info_t info;
    bool near = shmemx_device_query(&info) == 0 && info.atomics != 0;
    for (int pe = 0; pe < shmem_n_pes(); pe++) {
        near = near && shmemx_ptr_device(addr, pe) != NULL;
    }
    return near;
}

/* Hosts and kernels of all PEs add to one word of PE 0's device. */
static void together(void)
{
    enum { TIMES = 2000, BLOCKS = 3 };
    uint64_t *sum = make(DEVICE, sizeof(*sum));
    struct adding adding = {shmemx_ptr_device(sum, 0), TIMES};
    bool kernels = is_near_all(sum);
    if (kernels) {
        shmemx_launch(add, BLOCKS, &adding, sizeof(adding), SHMEMX_STREAM_DEFAULT);
    }
    for (int i = 0; i < TIMES; i++) {
        shmem_uint64_atomic_inc(sum, 0);
    }
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
    shmem_barrier_all();
    uint64_t expected = (uint64_t)shmem_n_pes() * TIMES * (kernels ? 1 + BLOCKS : 1);
    uint64_t got = shmem_uint64_g(sum, 0);
    check(got == expected, "the sum is %lu, not %lu", (unsigned long)got, (unsigned long)expected);
    shmem_barrier_all();
    shmem_free(sum);
}

static void locks(void)
{
    enum { TIMES = 50 };
    long *lock = make(DEVICE, sizeof(long));
    long *counter = make(DEVICE, sizeof(long));
    for (int i = 0; i < TIMES; i++) {
        shmem_set_lock(lock);
        shmem_long_p(counter, shmem_long_g(counter, 0) + 1, 0);
        shmem_quiet();
        shmem_clear_lock(lock);
    }
    shmem_barrier_all();
    check(shmem_long_g(counter, 0) == (long)shmem_n_pes() * TIMES, "a lock in device memory");
    shmem_barrier_all();
    shmem_free(counter);
    shmem_free(lock);
}

static const struct conformance_case cases[] = {
    {"atomics of every type", types},
    {"old values into device memory", fetched_to_device},
    {"hosts and kernels on one word", together},
    {"locks", locks},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
