/* SPDX-License-Identifier: BSD-3-Clause */
/* rma.c -- put, get, p, g and strided transfers, of every type, between host and device memory. */
#include "device.h"

enum { N = 24, ELEMENT = 16, ROOM = 4 * N * ELEMENT };

/* The arguments of a case: symmetric memory of two kinds, and room for a look at it. */
static char *dest;
static char *source;
static char *private_room;
static enum kind dest_kind;
static enum kind source_kind;

static void refill(const void *values, size_t len)
{
    static const char nothing[ROOM];
    store(source, values, len);
    store(dest, nothing, ROOM);
    shmem_barrier_all();
}

static const char *phrase(const char *what, const char *type)
{
    static char text[128];
    snprintf(text, sizeof(text), "%s of %s, %s to %s", what, type, kind_names[source_kind],
             kind_names[dest_kind]);
    return text;
}

/* What came, against what the PE `from` sent. */
#define SAME(what, T, type, from, dst, n)                                            \
    for (size_t i = 0; i < (n); i++) {                                               \
        type got;                                                                    \
        load(&got, dest + i * (size_t)(dst) * sizeof(type), sizeof(type));           \
        check(got == (type)number(from, i), "%s: element %zu", phrase(what, #T), i); \
    }                                                                                \
    shmem_barrier_all();

#define TRANSFERS(op, T, type)                                                             \
    static void all##T(void)                                                               \
    {                                                                                      \
        int me = shmem_my_pe();                                                            \
        int right = right_of(me);                                                          \
        int left = left_of(me);                                                            \
        type values[N];                                                                    \
        for (size_t i = 0; i < N; i++)                                                     \
            values[i] = (type)number(me, i);                                               \
        refill(values, sizeof(values));                                                    \
        shmem##T##_put((type *)dest, (type *)source, N, right);                            \
        shmem_barrier_all();                                                               \
        SAME("put", T, type, left, 1, N)                                                   \
        refill(values, sizeof(values));                                                    \
        shmem##T##_put_nbi((type *)dest, (type *)source, N, right);                        \
        shmem_barrier_all();                                                               \
        SAME("put_nbi", T, type, left, 1, N)                                               \
        refill(values, sizeof(values));                                                    \
        shmem##T##_get((type *)dest, (type *)source, N, right);                            \
        SAME("get", T, type, right, 1, N)                                                  \
        refill(values, sizeof(values));                                                    \
        shmem##T##_get_nbi((type *)dest, (type *)source, N, right);                        \
        shmem_quiet();                                                                     \
        SAME("get_nbi", T, type, right, 1, N)                                              \
        refill(values, sizeof(values));                                                    \
        for (size_t i = 0; i < N; i++)                                                     \
            shmem##T##_p((type *)dest + i, values[i], right);                              \
        shmem_barrier_all();                                                               \
        SAME("p", T, type, left, 1, N)                                                     \
        for (size_t i = 0; i < N; i++)                                                     \
            check(shmem##T##_g((type *)source + i, right) == (type)number(right, i), "%s", \
                  phrase("g", #T));                                                        \
        refill(values, sizeof(values));                                                    \
        shmem##T##_iput((type *)dest, (type *)source, 3, 1, N, right);                     \
        shmem_barrier_all();                                                               \
        SAME("iput", T, type, left, 3, N)                                                  \
        refill(values, sizeof(values));                                                    \
        shmem##T##_iget((type *)dest, (type *)source, 2, 1, N, right);                     \
        SAME("iget", T, type, right, 2, N)                                                 \
        refill(values, sizeof(values));                                                    \
        shmem##T##_ibput((type *)dest, (type *)source, 4, 4, 4, N / 4, right);             \
        shmem_barrier_all();                                                               \
        SAME("ibput", T, type, left, 1, N)                                                 \
        refill(values, sizeof(values));                                                    \
        shmem##T##_ibget((type *)dest, (type *)source, 4, 4, 4, N / 4, right);             \
        SAME("ibget", T, type, right, 1, N)                                                \
    }
SHMEMI_FOR_RMA(TRANSFERS, )

static void mix(enum kind to, enum kind from)
{
    dest_kind = to;
    source_kind = from;
    dest = make(to, ROOM);
    source = make(from, ROOM);
#define CALL(op, T, type) all##T();
    SHMEMI_FOR_RMA(CALL, )
    shmem_free(dest);
    shmem_free(source);
}

static void device_to_device(void)
{
    mix(DEVICE, DEVICE);
}

static void host_to_device(void)
{
    mix(DEVICE, HOST);
}

static void device_to_host(void)
{
    mix(HOST, DEVICE);
}

/* Bytes of awkward lengths and places, also from and to private memory. */
static void bytes(void)
{
    static const size_t lens[] = {
        0, 1, 7, 8, 63, 65, 4095, 4096, 4097, 70000, 256 << 10, 257 << 10, (1 << 20) + 3, 3 << 20};
    enum { LONGEST = 4 << 20 };
    int me = shmem_my_pe();
    int left = left_of(me);
    char *to = make(DEVICE, LONGEST);
    private_room = malloc(LONGEST);
    char *back = malloc(LONGEST);
    for (size_t k = 0; k < CONFORMANCE_COUNT(lens); k++) {
        size_t len = lens[k];
        memset(private_room, me + 1, LONGEST);
        memset(back, 0, LONGEST);
        store(to, back, LONGEST);
        shmem_barrier_all();
        shmem_putmem(to + 5, private_room + k, len, right_of(me));
        shmem_barrier_all();
        load(back, to, LONGEST);
        bool same = back[4] == 0 && back[5 + len] == 0;
        for (size_t i = 0; i < len && same; i++) {
            same = back[5 + i] == left + 1;
        }
        check(same, "putmem of %zu bytes", len);
        memset(back, 0, len + 1);
        shmem_getmem(back, to + 5, len, right_of(me));
        same = back[len] == 0 || len == 0;
        for (size_t i = 0; i < len && same; i++) {
            same = back[i] == me + 1;
        }
        check(same, "getmem of %zu bytes", len);
        shmem_barrier_all();
    }
    free(private_room);
    free(back);
    shmem_free(to);
}

/* A context of its own, and fence between puts of one word. */
static void contexts(void)
{
    int me = shmem_my_pe();
    long *word = make(DEVICE, sizeof(long));
    shmem_ctx_t ctx;
    if (shmem_ctx_create(0, &ctx) != 0) {
        ctx = SHMEM_CTX_DEFAULT;
    }
    for (long i = 0; i < 100; i++) {
        shmem_ctx_long_p(ctx, word, i * 1000 + me, right_of(me));
        shmem_ctx_fence(ctx);
    }
    shmem_ctx_quiet(ctx);
    shmem_barrier_all();
    check(shmem_long_g(word, me) == 99000 + left_of(me), "the last of many puts");
    if (ctx != SHMEM_CTX_DEFAULT) {
        shmem_ctx_destroy(ctx);
    }
    shmem_free(word);
}

/* Every byte depends on its place, so that pieces which are mixed up are found. */
static void fill_pattern(char *at, size_t len, int seed)
{
    for (size_t i = 0; i < len; i++) {
        at[i] = (char)(i * 31 + i / 4096 * 7 + (size_t)seed);
    }
}

static bool has_pattern(const char *at, size_t len, int seed)
{
    size_t i = 0;
    while (i < len && at[i] == (char)(i * 31 + i / 4096 * 7 + (size_t)seed)) {
        i++;
    }
    return i == len;
}

/* More than is on its way at a time, in both directions at once. */
static void lengthy(void)
{
    static const size_t len = (5 << 20) + 7;
    int me = shmem_my_pe();
    char *from = make(DEVICE, len);
    char *to = make(DEVICE, len);
    char *here = malloc(len);
    fill_pattern(here, len, me);
    store(from, here, len);
    shmem_barrier_all();
    shmem_putmem(to, from, len, right_of(me));
    shmem_getmem(here, from, len, right_of(me));
    check(has_pattern(here, len, right_of(me)), "a get into private memory");
    shmem_barrier_all();
    load(here, to, len);
    check(has_pattern(here, len, left_of(me)), "a put from device to device");
    shmem_getmem(to, from, len, right_of(me));
    load(here, to, len);
    check(has_pattern(here, len, right_of(me)), "a get from device to device");
    shmem_barrier_all();
    free(here);
    shmem_free(to);
    shmem_free(from);
}

/* All at once to and from one PE, and each also to and from the next. */
static void busy_target(void)
{
    enum { EACH = (1 << 20) + 3, ROUNDS = 4 };
    int me = shmem_my_pe();
    size_t mine = (size_t)me * EACH;
    char *all = make(DEVICE, (size_t)shmem_n_pes() * EACH);
    char *next = make(DEVICE, EACH);
    char *here = malloc(EACH);
    char *back = malloc(EACH);
    for (int round = 0; round < ROUNDS; round++) {
        fill_pattern(here, EACH, me + round);
        shmem_putmem(all + mine, here, EACH, 0);
        shmem_putmem(next, here, EACH, right_of(me));
        shmem_getmem(back, all + mine, EACH, 0);
        check(has_pattern(back, EACH, me + round), "round %d: what PE 0 has of me", round);
        shmem_getmem(back, next, EACH, right_of(me));
        check(has_pattern(back, EACH, me + round), "round %d: what the next PE has", round);
        shmem_barrier_all();
        load(back, next, EACH);
        check(has_pattern(back, EACH, left_of(me) + round), "round %d: what I have", round);
        shmem_barrier_all();
    }
    free(back);
    free(here);
    shmem_free(next);
    shmem_free(all);
}

static const struct conformance_case cases[] = {
    {"transfers of every type from device to device", device_to_device},
    {"transfers of every type from host to device", host_to_device},
    {"transfers of every type from device to host", device_to_host},
    {"bytes, between private and device memory", bytes},
    {"order, on a context", contexts},
    {"long transfers both ways", lengthy},
    {"one target of all PEs", busy_target},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
