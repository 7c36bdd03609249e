/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signals.c -- section 9.8: put with signal, and signals alone.
 */
#include "conformance.h"

typedef void put_signal_fn(shmem_ctx_t ctx, void *dest, const void *source, size_t nelems,
                           uint64_t *sig, uint64_t signal, int op, int pe);

struct form {
    const char *name;
    bool takes_ctx;
    size_t size;
    put_signal_fn *put_signal, *put_signal_nbi;
};

/* clang-format off */
#define FORM(form, T, type, name, call)                                                            \
    static void form##T##_##name(shmem_ctx_t ctx, void *dest, const void *source, size_t n,        \
                                 uint64_t *sig, uint64_t signal, int op, int pe)                   \
    {                                                                                              \
        type *d = dest; const type *s = source; (void)ctx; call;                                   \
    }
#define PLAIN(form, T, type)                                                                       \
    FORM(form, T, type, blocking, shmem##T##_put_signal(d, s, n, sig, signal, op, pe))             \
    FORM(form, T, type, nbi, shmem##T##_put_signal_nbi(d, s, n, sig, signal, op, pe))
#define CTX(form, T, type)                                                                         \
    FORM(form, T, type, blocking, shmem_ctx##T##_put_signal(ctx, d, s, n, sig, signal, op, pe))    \
    FORM(form, T, type, nbi, shmem_ctx##T##_put_signal_nbi(ctx, d, s, n, sig, signal, op, pe))
SHMEMI_FOR_RMA(PLAIN, plain)
SHMEMI_FOR_RMA(CTX, ctx)

#define GENERIC(form, T, type)                                                                     \
    FORM(form, T, type, blocking, shmem_put_signal(d, s, n, sig, signal, op, pe))                  \
    FORM(form, T, type, nbi, shmem_put_signal_nbi(d, s, n, sig, signal, op, pe))
#define GENERIC_CTX(form, T, type)                                                                 \
    FORM(form, T, type, blocking, shmem_put_signal(ctx, d, s, n, sig, signal, op, pe))             \
    FORM(form, T, type, nbi, shmem_put_signal_nbi(ctx, d, s, n, sig, signal, op, pe))
/* Listed again, because a generic cannot stand in the table it expands to. */
#define FOR_GENERICS(F, form)                                                                      \
    F(form, _float, float) F(form, _double, double) F(form, _longdouble, long double)              \
    F(form, _char, char) F(form, _schar, signed char) F(form, _uchar, unsigned char)               \
    F(form, _short, short) F(form, _ushort, unsigned short)                                        \
    F(form, _int, int) F(form, _uint, unsigned int)                                                \
    F(form, _long, long) F(form, _ulong, unsigned long)                                            \
    F(form, _longlong, long long) F(form, _ulonglong, unsigned long long)
FOR_GENERICS(GENERIC, generic)
FOR_GENERICS(GENERIC_CTX, generic_ctx)

#define FOR_SIZES(F, form) \
    F(form, 8, 1) F(form, 16, 2) F(form, 32, 4) F(form, 64, 8) F(form, 128, 16)
#define SIZED(form, bits, size)                                                                    \
    FORM(form, bits, void, blocking, shmem_put##bits##_signal(d, s, n, sig, signal, op, pe))       \
    FORM(form, bits, void, nbi, shmem_put##bits##_signal_nbi(d, s, n, sig, signal, op, pe))
#define SIZED_CTX(form, bits, size)                                                                \
    FORM(form, bits, void, blocking,                                                               \
         shmem_ctx_put##bits##_signal(ctx, d, s, n, sig, signal, op, pe))                          \
    FORM(form, bits, void, nbi,                                                                    \
         shmem_ctx_put##bits##_signal_nbi(ctx, d, s, n, sig, signal, op, pe))
FOR_SIZES(SIZED, plain)
FOR_SIZES(SIZED_CTX, ctx)
FORM(plain, mem, void, blocking, shmem_putmem_signal(d, s, n, sig, signal, op, pe))
FORM(plain, mem, void, nbi, shmem_putmem_signal_nbi(d, s, n, sig, signal, op, pe))
FORM(ctx, mem, void, blocking, shmem_ctx_putmem_signal(ctx, d, s, n, sig, signal, op, pe))
FORM(ctx, mem, void, nbi, shmem_ctx_putmem_signal_nbi(ctx, d, s, n, sig, signal, op, pe))

#define PLAIN_ROW(form, T, type) {#form #T, false, sizeof(type), form##T##_blocking, form##T##_nbi},
#define CTX_ROW(form, T, type) {#form #T, true, sizeof(type), form##T##_blocking, form##T##_nbi},
#define PLAIN_SIZED_ROW(form, bits, size) \
    {#form #bits, false, size, form##bits##_blocking, form##bits##_nbi},
#define CTX_SIZED_ROW(form, bits, size) \
    {#form #bits, true, size, form##bits##_blocking, form##bits##_nbi},
static const struct form forms[] = {
    SHMEMI_FOR_RMA(PLAIN_ROW, plain)
    SHMEMI_FOR_RMA(CTX_ROW, ctx)
    SHMEMI_FOR_RMA_C11(PLAIN_ROW, generic)
    SHMEMI_FOR_RMA_C11(CTX_ROW, generic_ctx)
    FOR_SIZES(PLAIN_SIZED_ROW, plain)
    FOR_SIZES(CTX_SIZED_ROW, ctx)
    PLAIN_SIZED_ROW(plain, mem, 1)
    CTX_SIZED_ROW(ctx, mem, 1)
};
/* clang-format on */

enum { LONGEST = 40 };

/* The signal tells that the data is there: the target looks at it at once.  The next round begins
 * when the target has said that it has looked. */
static void one_form(size_t number, shmem_ctx_t ctx, int next_there, bool nbi, unsigned char *dest,
                     uint64_t *signals)
{
    static const size_t lengths[] = {0, 1, 2, 7, LONGEST};
    const struct form *form = &forms[number];
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    int left = (me + n - 1) % n;
    unsigned char source[CONFORMANCE_COUNT(lengths)][LONGEST * 16];

    memset(dest, 0, LONGEST * 16);
    signals[0] = 7;
    signals[1] = 0;
    shmem_barrier_all();
    uint64_t want = 7;
    uint64_t answers = 0;
    for (size_t round = 0; round < CONFORMANCE_COUNT(lengths); round++) {
        if (!conformance_tries(2 * number + nbi, round, CONFORMANCE_COUNT(lengths))) {
            continue;
        }
        size_t len = lengths[round] * form->size;
        int op = round % 2 == 0 ? SHMEM_SIGNAL_ADD : SHMEM_SIGNAL_SET;
        want = op == SHMEM_SIGNAL_ADD ? want + 3 : 1000 + round;
        memset(source[round], 16 * (int)round + 1 + me % 8, sizeof(source[round]));
        (nbi ? form->put_signal_nbi
             : form->put_signal)(ctx, dest, source[round], lengths[round], &signals[0],
                                 op == SHMEM_SIGNAL_ADD ? 3 : want, op, next_there);
        uint64_t seen = shmem_signal_wait_until(&signals[0], SHMEM_CMP_EQ, want);
        check(seen == want, "%s: signal %lu and not %lu", form->name, (long)seen, (long)want);
        for (size_t i = 0; i < len; i++) {
            if (!check(dest[i] == 16 * (int)round + 1 + left % 8, "%s%s: %zu bytes: byte %zu is %d",
                       form->name, nbi ? " nbi" : "", len, i, dest[i])) {
                break;
            }
        }
        shmem_uint64_atomic_inc(&signals[1], left);
        shmem_uint64_wait_until(&signals[1], SHMEM_CMP_EQ, ++answers);
    }
    shmem_ctx_quiet(ctx);
    shmem_barrier_all();
}

static void every_form(void)
{
    int n = shmem_n_pes();
    int next = (shmem_my_pe() + 1) % n;
    unsigned char *dest = shmem_malloc(LONGEST * 16);
    uint64_t *signals = shmem_calloc(2, sizeof(uint64_t));
    shmem_ctx_t ctx = SHMEM_CTX_INVALID;
    shmem_team_t reverse = SHMEM_TEAM_INVALID;
    check(shmem_team_split_strided(SHMEM_TEAM_WORLD, n - 1, -1, n, NULL, 0, &reverse) == 0,
          "split");
    check(shmem_team_create_ctx(reverse, 0, &ctx) == 0, "team_create_ctx");
    for (size_t i = 0; i < CONFORMANCE_COUNT(forms); i++) {
        for (int nbi = 0; nbi < 2; nbi++) {
            one_form(i, SHMEM_CTX_DEFAULT, next, nbi == 1, dest, signals);
            if (forms[i].takes_ctx) {
                one_form(i, ctx, n - 1 - next, nbi == 1, dest, signals);
            }
        }
    }
    shmem_ctx_destroy(ctx);
    shmem_team_destroy(reverse);
    shmem_free(dest);
    shmem_free(signals);
}

/* Data of the program and a signal on the heap, and the other way round. */
static uint64_t static_signal;
static unsigned char static_bytes[5000];

static void mixed_memory(void)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    int next = (me + 1) % n;
    int left = (me + n - 1) % n;
    uint64_t *signal = shmem_calloc(1, sizeof(uint64_t));
    unsigned char *bytes = shmem_malloc(sizeof(static_bytes));
    unsigned char source[sizeof(static_bytes)];
    memset(source, me + 1, sizeof(source));
    shmem_putmem_signal(static_bytes, source, sizeof(source), signal, 1, SHMEM_SIGNAL_SET, next);
    shmem_putmem_signal_nbi(bytes, source, sizeof(source), &static_signal, 1, SHMEM_SIGNAL_ADD,
                            next);
    shmem_signal_wait_until(signal, SHMEM_CMP_NE, 0);
    check(static_bytes[0] == left + 1 && static_bytes[4999] == left + 1, "static data");
    shmem_signal_wait_until(&static_signal, SHMEM_CMP_GT, 0);
    check(bytes[0] == left + 1 && bytes[4999] == left + 1, "data on the heap");
    shmem_barrier_all();
    static_signal = 0;
    shmem_free(signal);
    shmem_free(bytes);
}

static void alone(void)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    uint64_t *signals = shmem_calloc((size_t)n + 1, sizeof(uint64_t));
    shmem_ctx_t ctx = SHMEM_CTX_DEFAULT;
    shmem_ctx_create(0, &ctx);
    check(shmem_signal_fetch(&signals[me]) == 0, "fetch of a new signal");
    for (int pe = 0; pe < n; pe++) {
        shmem_signal_set(&signals[me], 100, pe);    /* the function or the generic */
        (shmem_signal_add)(&signals[n], 1, pe);     /* the function */
        shmem_signal_add(ctx, &signals[n], 10, pe); /* the generic */
        shmem_ctx_signal_add(ctx, &signals[n], 100, pe);
    }
    shmem_ctx_quiet(ctx);
    shmem_barrier_all();
    for (int pe = 0; pe < n; pe++) {
        check(shmem_signal_fetch(&signals[pe]) == 100, "set by PE %d: %lu", pe, (long)signals[pe]);
    }
    check(shmem_signal_fetch(&signals[n]) == 111 * (uint64_t)n, "add: %lu", (long)signals[n]);
    shmem_barrier_all();

    shmem_signal_set(ctx, &signals[me], 5, (me + 1) % n);
    shmem_ctx_signal_set(ctx, &signals[n], UINT64_MAX, (me + 1) % n);
    shmem_ctx_quiet(ctx);
    uint64_t seen = shmem_signal_wait_until(&signals[(me + n - 1) % n], SHMEM_CMP_LT, 100);
    check(seen == 5, "set with a context: %lu", (long)seen);
    seen = shmem_signal_wait_until(&signals[n], SHMEM_CMP_GE, UINT64_MAX);
    check(seen == UINT64_MAX, "a signal is 64 bits: %lx", (long)seen);
    shmem_ctx_destroy(ctx);
    shmem_free(signals);
}

/* All PEs add to one PE's signal with every message; none is lost, each message is whole. */
static void from_all(void)
{
    enum { LEN = 100 };
    const int rounds = conformance_few(300, 100);
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    uint64_t *signal = shmem_calloc(1, sizeof(uint64_t));
    int *inbox = shmem_calloc((size_t)(n * LEN), sizeof(int));
    int messages[2][LEN];
    for (int m = 1; m <= rounds; m++) {
        for (int i = 0; i < LEN; i++) {
            messages[m % 2][i] = m;
        }
        shmem_int_put_signal(&inbox[me * LEN], messages[m % 2], LEN, signal, 1, SHMEM_SIGNAL_ADD,
                             0);
        shmem_fence(); /* the next message goes to the same place */
    }
    if (me == 0) {
        uint64_t seen = shmem_signal_wait_until(signal, SHMEM_CMP_GE, (uint64_t)(n * rounds));
        check(seen == (uint64_t)(n * rounds), "%lu signals", (long)seen);
        for (int i = 0; i < n * LEN; i++) {
            check(inbox[i] == rounds, "word %d of PE %d is %d", i % LEN, i / LEN, inbox[i]);
        }
    }
    shmem_barrier_all();
    shmem_free(signal);
    shmem_free(inbox);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"put_signal of every type, size and form", every_form},
        {"static data and heap", mixed_memory},
        {"signal_set, signal_add, signal_fetch", alone},
        {"signals from all PEs", from_all},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
