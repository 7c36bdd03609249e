/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rma_forms.h -- every routine of section 9.6, behind one signature.
 *
 * A form is a type and a way to call: shmem_int_put, shmem_ctx_int_put, the generic shmem_put with
 * and without a context, shmem_put32, shmem_putmem.  forms[] has them all, so that a test written
 * once runs over all of them.
 */
#ifndef RMA_FORMS_H
#define RMA_FORMS_H

#include "conformance.h"

typedef void copy_fn(shmem_ctx_t ctx, void *dest, const void *source, size_t nelems, int pe);
typedef void blocks_fn(shmem_ctx_t ctx, void *dest, const void *source, ptrdiff_t dst,
                       ptrdiff_t sst, size_t bsize, size_t nblocks, int pe);

struct form {
    const char *name;
    bool takes_ctx;
    size_t size; /* of an element */
    void (*set)(void *at, int value);
    bool (*is)(const void *at, int value);
    copy_fn *put, *get, *put_nbi, *get_nbi;
    copy_fn *p, *g;         /* of one element; NULL where there is none */
    blocks_fn *iput, *iget; /* their bsize is 1 */
    blocks_fn *ibput, *ibget;
};

/* clang-format off */
#define VALUE(op, T, type)                                                                         \
    static void set##T(void *at, int value) { *(type *)at = (type)value; }                         \
    static bool is##T(const void *at, int value) { return *(const type *)at == (type)value; }
SHMEMI_FOR_RMA(VALUE, )

/* The two signatures around a call, in which d and s have their type. */
#define COPY(form, T, type, name, call)                                                            \
    static void form##T##_##name(shmem_ctx_t ctx, void *dest, const void *source, size_t n, int pe)\
    {                                                                                              \
        type *d = dest; const type *s = source; (void)ctx; (void)n; call;                          \
    }
#define BLOCKS(form, T, type, name, call)                                                          \
    static void form##T##_##name(shmem_ctx_t ctx, void *dest, const void *source, ptrdiff_t dst,   \
                                 ptrdiff_t sst, size_t b, size_t n, int pe)                        \
    {                                                                                              \
        type *d = dest; const type *s = source; (void)ctx; (void)b; call;                          \
    }

#define PLAIN(form, T, type)                                                                       \
    COPY(form, T, type, put, shmem##T##_put(d, s, n, pe))                                          \
    COPY(form, T, type, get, shmem##T##_get(d, s, n, pe))                                          \
    COPY(form, T, type, put_nbi, shmem##T##_put_nbi(d, s, n, pe))                                  \
    COPY(form, T, type, get_nbi, shmem##T##_get_nbi(d, s, n, pe))                                  \
    COPY(form, T, type, p, shmem##T##_p(d, *s, pe))                                                \
    COPY(form, T, type, g, *d = shmem##T##_g(s, pe))                                               \
    BLOCKS(form, T, type, iput, shmem##T##_iput(d, s, dst, sst, n, pe))                            \
    BLOCKS(form, T, type, iget, shmem##T##_iget(d, s, dst, sst, n, pe))                            \
    BLOCKS(form, T, type, ibput, shmem##T##_ibput(d, s, dst, sst, b, n, pe))                       \
    BLOCKS(form, T, type, ibget, shmem##T##_ibget(d, s, dst, sst, b, n, pe))
SHMEMI_FOR_RMA(PLAIN, plain)

#define CTX(form, T, type)                                                                         \
    COPY(form, T, type, put, shmem_ctx##T##_put(ctx, d, s, n, pe))                                 \
    COPY(form, T, type, get, shmem_ctx##T##_get(ctx, d, s, n, pe))                                 \
    COPY(form, T, type, put_nbi, shmem_ctx##T##_put_nbi(ctx, d, s, n, pe))                         \
    COPY(form, T, type, get_nbi, shmem_ctx##T##_get_nbi(ctx, d, s, n, pe))                         \
    COPY(form, T, type, p, shmem_ctx##T##_p(ctx, d, *s, pe))                                       \
    COPY(form, T, type, g, *d = shmem_ctx##T##_g(ctx, s, pe))                                      \
    BLOCKS(form, T, type, iput, shmem_ctx##T##_iput(ctx, d, s, dst, sst, n, pe))                   \
    BLOCKS(form, T, type, iget, shmem_ctx##T##_iget(ctx, d, s, dst, sst, n, pe))                   \
    BLOCKS(form, T, type, ibput, shmem_ctx##T##_ibput(ctx, d, s, dst, sst, b, n, pe))              \
    BLOCKS(form, T, type, ibget, shmem_ctx##T##_ibget(ctx, d, s, dst, sst, b, n, pe))
SHMEMI_FOR_RMA(CTX, ctx)

/* A generic expands to the table, and cannot stand in it: the types are listed again.  The compiler
 * sees to it that none is missing, because forms[] below comes from the table. */
#define FOR_GENERICS(F, form)                                                                      \
    F(form, _float, float) F(form, _double, double) F(form, _longdouble, long double)              \
    F(form, _char, char) F(form, _schar, signed char) F(form, _uchar, unsigned char)               \
    F(form, _short, short) F(form, _ushort, unsigned short)                                        \
    F(form, _int, int) F(form, _uint, unsigned int)                                                \
    F(form, _long, long) F(form, _ulong, unsigned long)                                            \
    F(form, _longlong, long long) F(form, _ulonglong, unsigned long long)
#define GENERIC(form, T, type)                                                                     \
    COPY(form, T, type, put, shmem_put(d, s, n, pe))                                               \
    COPY(form, T, type, get, shmem_get(d, s, n, pe))                                               \
    COPY(form, T, type, put_nbi, shmem_put_nbi(d, s, n, pe))                                       \
    COPY(form, T, type, get_nbi, shmem_get_nbi(d, s, n, pe))                                       \
    COPY(form, T, type, p, shmem_p(d, *s, pe))                                                     \
    COPY(form, T, type, g, *d = shmem_g(s, pe))                                                    \
    BLOCKS(form, T, type, iput, shmem_iput(d, s, dst, sst, n, pe))                                 \
    BLOCKS(form, T, type, iget, shmem_iget(d, s, dst, sst, n, pe))                                 \
    BLOCKS(form, T, type, ibput, shmem_ibput(d, s, dst, sst, b, n, pe))                            \
    BLOCKS(form, T, type, ibget, shmem_ibget(d, s, dst, sst, b, n, pe))
FOR_GENERICS(GENERIC, generic)

#define GENERIC_CTX(form, T, type)                                                                 \
    COPY(form, T, type, put, shmem_put(ctx, d, s, n, pe))                                          \
    COPY(form, T, type, get, shmem_get(ctx, d, s, n, pe))                                          \
    COPY(form, T, type, put_nbi, shmem_put_nbi(ctx, d, s, n, pe))                                  \
    COPY(form, T, type, get_nbi, shmem_get_nbi(ctx, d, s, n, pe))                                  \
    COPY(form, T, type, p, shmem_p(ctx, d, *s, pe))                                                \
    COPY(form, T, type, g, *d = shmem_g(ctx, s, pe))                                               \
    BLOCKS(form, T, type, iput, shmem_iput(ctx, d, s, dst, sst, n, pe))                            \
    BLOCKS(form, T, type, iget, shmem_iget(ctx, d, s, dst, sst, n, pe))                            \
    BLOCKS(form, T, type, ibput, shmem_ibput(ctx, d, s, dst, sst, b, n, pe))                       \
    BLOCKS(form, T, type, ibget, shmem_ibget(ctx, d, s, dst, sst, b, n, pe))
FOR_GENERICS(GENERIC_CTX, generic_ctx)

/* The sized forms, and mem. */
struct pair { uint64_t low, high; };

static void set_16_bytes(void *at, int value)
{
    *(struct pair *)at = (struct pair){.low = (uint64_t)value, .high = ~(uint64_t)value};
}

static bool is_16_bytes(const void *at, int value)
{
    const struct pair *pair = at;
    return pair->low == (uint64_t)value && pair->high == ~(uint64_t)value;
}

#define FOR_SIZES(F, form)                                                                         \
    F(form, 8, uint8_t) F(form, 16, uint16_t) F(form, 32, uint32_t) F(form, 64, uint64_t)          \
    F(form, 128, struct pair)
#define SIZED(form, bits, type)                                                                    \
    COPY(form, bits, type, put, shmem_put##bits(d, s, n, pe))                                      \
    COPY(form, bits, type, get, shmem_get##bits(d, s, n, pe))                                      \
    COPY(form, bits, type, put_nbi, shmem_put##bits##_nbi(d, s, n, pe))                            \
    COPY(form, bits, type, get_nbi, shmem_get##bits##_nbi(d, s, n, pe))                            \
    BLOCKS(form, bits, type, iput, shmem_iput##bits(d, s, dst, sst, n, pe))                        \
    BLOCKS(form, bits, type, iget, shmem_iget##bits(d, s, dst, sst, n, pe))                        \
    BLOCKS(form, bits, type, ibput, shmem_ibput##bits(d, s, dst, sst, b, n, pe))                   \
    BLOCKS(form, bits, type, ibget, shmem_ibget##bits(d, s, dst, sst, b, n, pe))
FOR_SIZES(SIZED, plain)

#define SIZED_CTX(form, bits, type)                                                                \
    COPY(form, bits, type, put, shmem_ctx_put##bits(ctx, d, s, n, pe))                             \
    COPY(form, bits, type, get, shmem_ctx_get##bits(ctx, d, s, n, pe))                             \
    COPY(form, bits, type, put_nbi, shmem_ctx_put##bits##_nbi(ctx, d, s, n, pe))                   \
    COPY(form, bits, type, get_nbi, shmem_ctx_get##bits##_nbi(ctx, d, s, n, pe))                   \
    BLOCKS(form, bits, type, iput, shmem_ctx_iput##bits(ctx, d, s, dst, sst, n, pe))               \
    BLOCKS(form, bits, type, iget, shmem_ctx_iget##bits(ctx, d, s, dst, sst, n, pe))               \
    BLOCKS(form, bits, type, ibput, shmem_ctx_ibput##bits(ctx, d, s, dst, sst, b, n, pe))          \
    BLOCKS(form, bits, type, ibget, shmem_ctx_ibget##bits(ctx, d, s, dst, sst, b, n, pe))
FOR_SIZES(SIZED_CTX, ctx)

COPY(plain, mem, unsigned char, put, shmem_putmem(d, s, n, pe))
COPY(plain, mem, unsigned char, get, shmem_getmem(d, s, n, pe))
COPY(plain, mem, unsigned char, put_nbi, shmem_putmem_nbi(d, s, n, pe))
COPY(plain, mem, unsigned char, get_nbi, shmem_getmem_nbi(d, s, n, pe))
COPY(ctx, mem, unsigned char, put, shmem_ctx_putmem(ctx, d, s, n, pe))
COPY(ctx, mem, unsigned char, get, shmem_ctx_getmem(ctx, d, s, n, pe))
COPY(ctx, mem, unsigned char, put_nbi, shmem_ctx_putmem_nbi(ctx, d, s, n, pe))
COPY(ctx, mem, unsigned char, get_nbi, shmem_ctx_getmem_nbi(ctx, d, s, n, pe))

#define ROW(form, ctx, T, type)                                                                    \
    {#form #T, ctx, sizeof(type), set##T, is##T,                                                   \
     form##T##_put, form##T##_get, form##T##_put_nbi, form##T##_get_nbi, form##T##_p, form##T##_g, \
     form##T##_iput, form##T##_iget, form##T##_ibput, form##T##_ibget},
#define PLAIN_ROW(form, T, type) ROW(form, false, T, type)
#define CTX_ROW(form, T, type) ROW(form, true, T, type)
#define SIZED_ROW(form, ctx, bits, set, is)                                                        \
    {#form " " #bits, ctx, bits / 8, set, is,                                                      \
     form##bits##_put, form##bits##_get, form##bits##_put_nbi, form##bits##_get_nbi, NULL, NULL,   \
     form##bits##_iput, form##bits##_iget, form##bits##_ibput, form##bits##_ibget},
#define MEM_ROW(form, ctx)                                                                         \
    {#form " mem", ctx, 1, set_uint8, is_uint8,                                                    \
     form##mem_put, form##mem_get, form##mem_put_nbi, form##mem_get_nbi, NULL, NULL,               \
     NULL, NULL, NULL, NULL},

static const struct form forms[] = {
    SHMEMI_FOR_RMA(PLAIN_ROW, plain)
    SHMEMI_FOR_RMA(CTX_ROW, ctx)
    SHMEMI_FOR_RMA_C11(PLAIN_ROW, generic)
    SHMEMI_FOR_RMA_C11(CTX_ROW, generic_ctx)
    SIZED_ROW(plain, false, 8, set_uint8, is_uint8)
    SIZED_ROW(plain, false, 16, set_uint16, is_uint16)
    SIZED_ROW(plain, false, 32, set_uint32, is_uint32)
    SIZED_ROW(plain, false, 64, set_uint64, is_uint64)
    SIZED_ROW(plain, false, 128, set_16_bytes, is_16_bytes)
    SIZED_ROW(ctx, true, 8, set_uint8, is_uint8)
    SIZED_ROW(ctx, true, 16, set_uint16, is_uint16)
    SIZED_ROW(ctx, true, 32, set_uint32, is_uint32)
    SIZED_ROW(ctx, true, 64, set_uint64, is_uint64)
    SIZED_ROW(ctx, true, 128, set_16_bytes, is_16_bytes)
    MEM_ROW(plain, false)
    MEM_ROW(ctx, true)
};
/* clang-format on */

#endif
