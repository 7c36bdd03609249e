/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wait_until.c -- point-to-point synchronisation: waiting for and testing variables (section 9.11).
 *
 * A value of any type becomes a key of 64 bits whose unsigned order is the type's own; then there
 * is one comparison.  In the routine of each type the compiler sees the size and the sign, and
 * leaves just a load and a compare.
 */
#include <stdint.h>
#include <stdio.h>

#include "core/base/atomic.h"
#include "core/base/export.h"
#include "core/base/log.h"
#include "core/check.h"
#include "core/hbm.h"
#include "core/setup.h"
#include "core/wait.h"

#define INLINE __attribute__((always_inline)) static inline

/* Where values lie and what kind they are. */
struct kind {
    unsigned size; /* 2, 4 or 8 */
    bool is_signed;
};

#define SIGN (UINT64_C(1) << 63)

INLINE uint64_t key_of(const void *value, struct kind kind, bool atomically)
{
    uint64_t bits = 0;
    int64_t extended = 0;
    switch (kind.size) {
    case 2:
        bits = atomically ? shmi_load_acquire((const uint16_t *)value) : *(const uint16_t *)value;
        extended = (int16_t)bits;
        break;
    case 4:
        bits = atomically ? shmi_load_acquire((const uint32_t *)value) : *(const uint32_t *)value;
        extended = (int32_t)bits;
        break;
    default:
        bits = atomically ? shmi_load_acquire((const uint64_t *)value) : *(const uint64_t *)value;
        extended = (int64_t)bits;
        break;
    }
    return kind.is_signed ? (uint64_t)extended ^ SIGN : bits;
}

INLINE bool compare(uint64_t a, int cmp, uint64_t b)
{
    switch (cmp) {
    case SHMEM_CMP_EQ:
        return a == b;
    case SHMEM_CMP_NE:
        return a != b;
    case SHMEM_CMP_LT:
        return a < b;
    case SHMEM_CMP_LE:
        return a <= b;
    case SHMEM_CMP_GT:
        return a > b;
    default:
        return a >= b;
    }
}

static void check_cmp(const char *who, int cmp)
{
    if (shmi_unlikely((unsigned)cmp > SHMEM_CMP_GE)) {
        shmi_fatal("%s: cmp %d is none of the SHMEM_CMP_ operators", who, cmp);
    }
}

/* ---- one variable ---- */

/* The same for a variable, which may be device memory. */
static uint64_t key_in_place(const void *ivar, struct kind kind)
{
    uint64_t here = 0;
    if (!shmi_hbm_is(ivar)) {
        return key_of(ivar, kind, true);
    }
    shmi_hbm_copy(&here, ivar, kind.size);
    return key_of(&here, kind, false);
}

static void write_number(char *text, size_t len, uint64_t key, struct kind kind)
{
    if (kind.is_signed) {
        snprintf(text, len, "%ld", (long)(key ^ SIGN));
    } else {
        snprintf(text, len, "%lu", (unsigned long)key);
    }
}

/* For people: "it is 3, to become 5 or more". */
static void write_wish(char *text, size_t len, struct kind kind, uint64_t seen, int cmp,
                       uint64_t key)
{
    static const char *const ways[][2] = {
        [SHMEM_CMP_EQ] = {"", ""},           [SHMEM_CMP_NE] = {"other than ", ""},
        [SHMEM_CMP_LT] = {"less than ", ""}, [SHMEM_CMP_LE] = {"", " or less"},
        [SHMEM_CMP_GT] = {"more than ", ""}, [SHMEM_CMP_GE] = {"", " or more"},
    };
    char is[24];
    char wanted[24];
    write_number(is, sizeof(is), seen, kind);
    write_number(wanted, sizeof(wanted), key, kind);
    snprintf(text, len, "it is %s, to become %s%s%s", is, ways[cmp][0], wanted, ways[cmp][1]);
}

struct single {
    struct shmi_waiting base;
    const void *ivar;
    struct kind kind;
    int cmp;
    uint64_t key;
    uint64_t seen; /* the key that satisfied */
};

static bool single_holds(struct shmi_waiting *waiting)
{
    struct single *single = (struct single *)waiting;
    single->seen = key_in_place(single->ivar, single->kind);
    return compare(single->seen, single->cmp, single->key);
}

static void tell_single(const struct shmi_waiting *waiting, char *text, size_t len)
{
    const struct single *single = (const struct single *)waiting;
    snprintf(text, len, ": ");
    write_wish(text + 2, len - 2, single->kind, single->seen, single->cmp, single->key);
}

static uint64_t wait_slowly(const char *who, const void *ivar, struct kind kind, int cmp,
                            uint64_t key)
{
    struct single single = {
        .base = {.who = who, .addr = ivar, .pe = -1, .done = single_holds, .tell = tell_single},
        .ivar = ivar,
        .kind = kind,
        .cmp = cmp,
        .key = key,
    };
    shmi_require_running(who);
    check_cmp(who, cmp);
    shmi_check_symmetric(who, "ivar", ivar, kind.size);
    shmi_wait(&single.base);
    return single.seen;
}

INLINE uint64_t wait_one(const char *who, const void *ivar, struct kind kind, int cmp, uint64_t key)
{
    bool slowly = shmi_observing || shmi_hbm_on;
    for (int look = slowly ? shmi_looks : 0; look < shmi_looks; look++) {
        uint64_t seen = key_of(ivar, kind, true);
        if (shmi_likely(compare(seen, cmp, key))) {
            return seen;
        }
        shmi_pause();
    }
    return wait_slowly(who, ivar, kind, cmp, key);
}

INLINE int test_one(const char *who, const void *ivar, struct kind kind, int cmp, uint64_t key)
{
    shmi_require_running(who);
    check_cmp(who, cmp);
    if (shmi_unlikely(shmi_observing)) {
        shmi_check_symmetric(who, "ivar", ivar, kind.size);
    }
    uint64_t seen = shmi_hbm_is(ivar) ? key_in_place(ivar, kind) : key_of(ivar, kind, true);
    if (compare(seen, cmp, key)) {
        return 1;
    }
    shmi_wait_politely();
    return 0;
}

/* ---- several variables ---- */

struct several {
    struct shmi_waiting base;
    const char *ivars;
    size_t nelems;
    const int *status; /* a variable whose status is not 0 takes no part; NULL: all do */
    struct kind kind;
    int cmp;
    const char *values; /* one for each variable ... */
    size_t stride;      /* ... or 0: the same for all */
    size_t *indices;    /* of those that hold, or NULL */
    size_t n_held;
    size_t held;    /* one of them */
    size_t n_asked; /* variables that take part */
};

static bool takes_part(const struct several *several, size_t i)
{
    return several->status == NULL || several->status[i] == 0;
}

static bool holds(const struct several *several, size_t i)
{
    uint64_t seen = key_in_place(several->ivars + i * several->kind.size, several->kind);
    uint64_t key = key_of(several->values + i * several->stride, several->kind, false);
    return compare(seen, several->cmp, key);
}

/* The first of those that take part says what kind of thing is awaited. */
static void tell_several(const struct shmi_waiting *waiting, char *text, size_t len)
{
    const struct several *several = (const struct several *)waiting;
    size_t i = 0;
    while (i < several->nelems && !takes_part(several, i)) {
        i++;
    }
    if (i < several->nelems) {
        uint64_t seen = key_in_place(several->ivars + i * several->kind.size, several->kind);
        uint64_t key = key_of(several->values + i * several->stride, several->kind, false);
        int n = snprintf(text, len, ": one of %zu variables; number %zu: ", several->n_asked, i);
        write_wish(text + n, len - (size_t)n, several->kind, seen, several->cmp, key);
    }
}

/* Look at all of them. */
static void survey(struct several *several)
{
    several->n_held = 0;
    several->n_asked = 0;
    for (size_t i = 0; i < several->nelems; i++) {
        if (!takes_part(several, i)) {
            continue;
        }
        several->n_asked++;
        if (holds(several, i)) {
            if (several->indices != NULL) {
                several->indices[several->n_held] = i;
            }
            several->n_held++;
        }
    }
}

/* Find one that holds.  The search begins elsewhere each time, so that none is starved by another
 * that always holds. */
static void search(struct several *several)
{
    static _Thread_local size_t turn;
    size_t start = several->nelems == 0 ? 0 : turn++ % several->nelems;
    several->n_asked = 0;
    several->held = SIZE_MAX;
    for (size_t n = 0; n < several->nelems; n++) {
        size_t i = start + n < several->nelems ? start + n : start + n - several->nelems;
        if (takes_part(several, i)) {
            several->n_asked++;
            if (holds(several, i)) {
                several->held = i;
                return;
            }
        }
    }
}

static bool is_surveyed(struct shmi_waiting *waiting)
{
    struct several *several = (struct several *)waiting;
    survey(several);
    return several->n_held != 0 || several->n_asked == 0;
}

static bool is_found(struct shmi_waiting *waiting)
{
    struct several *several = (struct several *)waiting;
    search(several);
    return several->held != SIZE_MAX || several->n_asked == 0;
}

static void begin(struct several *several)
{
    shmi_require_running(several->base.who);
    check_cmp(several->base.who, several->cmp);
    shmi_check_symmetric(several->base.who, "ivars", several->ivars,
                         several->nelems * several->kind.size);
    several->base.addr = several->ivars;
    several->base.pe = -1;
}

/* Each in turn: those before it hold already, and stay so by the rules of the standard. */
static void wait_all(struct several several)
{
    begin(&several);
    for (size_t i = 0; i < several.nelems; i++) {
        if (takes_part(&several, i) && !holds(&several, i)) {
            uint64_t key = key_of(several.values + i * several.stride, several.kind, false);
            wait_slowly(several.base.who, several.ivars + i * several.kind.size, several.kind,
                        several.cmp, key);
        }
    }
}

static size_t wait_any(struct several several)
{
    begin(&several);
    several.base.done = is_found;
    if (!is_found(&several.base)) {
        several.base.tell = tell_several;
        shmi_wait(&several.base);
    }
    return several.held;
}

static size_t wait_some(struct several several)
{
    begin(&several);
    several.base.done = is_surveyed;
    if (!is_surveyed(&several.base)) {
        several.base.tell = tell_several;
        shmi_wait(&several.base);
    }
    return several.n_held;
}

static int test_all(struct several several)
{
    begin(&several);
    survey(&several);
    if (several.n_held != several.n_asked) {
        shmi_wait_politely();
    }
    return several.n_held == several.n_asked;
}

static size_t test_any(struct several several)
{
    begin(&several);
    search(&several);
    if (several.held == SIZE_MAX) {
        shmi_wait_politely();
    }
    return several.held;
}

static size_t test_some(struct several several)
{
    begin(&several);
    survey(&several);
    if (several.n_held == 0) {
        shmi_wait_politely();
    }
    return several.n_held;
}

/* ---- the routines of the standard ---- */

#define KIND(type)                                            \
    (struct kind)                                             \
    {                                                         \
        .size = sizeof(type), .is_signed = (type)-1 < (type)1 \
    }
#define KEY(type, value) key_of(&(value), KIND(type), false)

#define SINGLE(name, type)                                                      \
    void shmem##name##_wait_until(type *ivar, int cmp, type cmp_value)          \
    {                                                                           \
        wait_one(__func__, ivar, KIND(type), cmp, KEY(type, cmp_value));        \
    }                                                                           \
    PSHMEM(name##_wait_until)                                                   \
    int shmem##name##_test(type *ivar, int cmp, type cmp_value)                 \
    {                                                                           \
        return test_one(__func__, ivar, KIND(type), cmp, KEY(type, cmp_value)); \
    }                                                                           \
    PSHMEM(name##_test)

/* One value for all variables, and its twin with one for each; where is NULL or indices. */
#define SEVERAL(type, where, first_value, step)                                                  \
    (struct several)                                                                             \
    {                                                                                            \
        .base = {.who = __func__}, .ivars = (const char *)ivars, .nelems = nelems,               \
        .status = status, .kind = KIND(type), .cmp = cmp, .values = (const char *)(first_value), \
        .stride = step, .indices = where                                                         \
    }
#define MANY(ret, name, type, call, where, ...)                                      \
    ret shmem##name(type *ivars, size_t nelems, __VA_ARGS__ int cmp, type cmp_value) \
    {                                                                                \
        return call(SEVERAL(type, where, &cmp_value, 0));                            \
    }                                                                                \
    PSHMEM(name)                                                                     \
    ret shmem##name##_vector(type *ivars, size_t nelems, __VA_ARGS__ int cmp,        \
                             const type *cmp_values)                                 \
    {                                                                                \
        return call(SEVERAL(type, where, cmp_values, sizeof(type)));                 \
    }                                                                                \
    PSHMEM(name##_vector)

#define STATUS             const int *status,
#define INDICES_AND_STATUS size_t *indices, const int *status,

#define ALL_FORMS(op, T, type)                                                      \
    SINGLE(T, type)                                                                 \
    MANY(void, T##_wait_until_all, type, wait_all, NULL, STATUS)                    \
    MANY(size_t, T##_wait_until_any, type, wait_any, NULL, STATUS)                  \
    MANY(size_t, T##_wait_until_some, type, wait_some, indices, INDICES_AND_STATUS) \
    MANY(int, T##_test_all, type, test_all, NULL, STATUS)                           \
    MANY(size_t, T##_test_any, type, test_any, NULL, STATUS)                        \
    MANY(size_t, T##_test_some, type, test_some, indices, INDICES_AND_STATUS)
SHMEMI_FOR_SYNC(ALL_FORMS, )

uint64_t shmi_wait_signal(const char *who, const uint64_t *sig_addr, int cmp, uint64_t value)
{
    return wait_one(who, sig_addr, KIND(uint64_t), cmp, value);
}

uint64_t shmem_signal_wait_until(uint64_t *sig_addr, int cmp, uint64_t cmp_value)
{
    return wait_one(__func__, sig_addr, KIND(uint64_t), cmp, cmp_value);
}
PSHMEM(_signal_wait_until)

/* Deprecated: on a long, and until a value goes away. */
void shmem_wait_until(long *ivar, int cmp, long cmp_value)
{
    wait_one(__func__, ivar, KIND(long), cmp, KEY(long, cmp_value));
}
PSHMEM(_wait_until)

#define OLD_WAIT(op, T, type)                                                     \
    void shmem##T##op(type *ivar, type cmp_value)                                 \
    {                                                                             \
        wait_one(__func__, ivar, KIND(type), SHMEM_CMP_NE, KEY(type, cmp_value)); \
    }                                                                             \
    PSHMEM(T##op)
OLD_WAIT(_wait, , long)
SHMEMI_FOR_OLD_WAIT(OLD_WAIT, _wait)
