/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_calls.h -- collective calls at random, for the unit tests of the collectives.
 *
 * The tests fork processes over one shared mapping, which are the PEs.  The sequence of calls is
 * the same on all of them, made from a seed; each waits a little, at random, here and there.  No PE
 * synchronises with another but by the calls under test.  Every byte of a result is compared with
 * what this PE computes alone, and the bytes around it are looked at too.
 */
#ifndef COLL_CALLS_H
#define COLL_CALLS_H

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "core/card.h"
#include "core/coll.h"
#include "core/coll_combine.h"
#include "core/segment.h"
#include "core/team.h"
#include "core/wait.h"

#include "tap.h"

enum {
    PES_MAX = 72,
    TEAMS = 4,
    SLOTS = SHMI_BOXES + TEAMS,
    LEN_MAX = 300 * 1000, /* of one contribution: into the domain of large copies */
    ROOM = 8 * LEN_MAX,   /* of a source or a dest */
    FENCE = 64,           /* bytes after a dest that must stay as they are */
    SEGMENT_LEN = (int)SHMI_SLOTS_OFFSET + SLOTS * (int)sizeof(struct shmi_slot) + 2 * ROOM + 4096,
    FENCE_BYTE = 0xa5,
};

/* Under a sanitizer all takes so many times as long, and many PEs more than that. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWNESS = 10 };
#else
enum { SLOWNESS = 1 };
#endif

/* What a child knows. */
static struct {
    char *shared; /* all heap segments, one after the other */
    struct shmi_team teams[TEAMS];
    int n_teams;
    uint32_t first_id;
    char *source;
    char *dest;
    char *expected;
    const char *doing;
    uint32_t call;   /* number of the collective, the same on all members */
    uint64_t delays; /* state of the generator of delays: my own */
    int failures;
    shmi_combine *combine; /* of uint32_t, for reductions and scans */
} pe;

/* ---- numbers ------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Byte i of a member's source in the present call. */
static unsigned char source_byte(int member, size_t i)
{
    uint32_t x = pe.call * 2654435761u + (uint32_t)member * 40503u + (uint32_t)i * 97u;
    return (unsigned char)(x >> 7);
}

static void fill(char *memory, int member, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        memory[i] = (char)source_byte(member, i);
    }
}

static void random_delay(void)
{
    uint64_t dice = next_random(&pe.delays) % 256;
    if (dice == 0) {
        usleep(50);
    } else if (dice < 8) {
        sched_yield();
    } else if (dice < 64) {
        for (volatile uint64_t spin = 0; spin < dice * 8; spin = spin + 1) {
        }
    }
}

/* That PE's copy of what is at addr here, by the shared mapping that the library need not know of;
 * NULL where it does not lie in it. */
static char *behind(const void *addr, int of)
{
    size_t offset = (size_t)((const char *)addr - pe.shared) % SEGMENT_LEN;
    bool inside = (const char *)addr >= pe.shared &&
                  (const char *)addr < pe.shared + (size_t)shmi_job.n_pes * SEGMENT_LEN;
    return inside ? pe.shared + (size_t)of * SEGMENT_LEN + offset : NULL;
}

static void check(bool good, const struct shmi_team *team, size_t len)
{
    if (!good && pe.failures++ < 5) {
        fprintf(stderr, "# PE %d, member %d of %d: %s is wrong in call %u, %zu bytes\n",
                shmi_job.my_pe, team->my_pe, team->n_pes, pe.doing, pe.call, len);
    }
}

/* The source holds my bytes, of dest the first len bytes are to be written. */
static void *prepare(const struct shmi_team *team, size_t source_len, size_t len, bool in_place)
{
    pe.call++;
    memset(pe.dest, 0x5a, len);
    memset(pe.dest + len, FENCE_BYTE, FENCE);
    char *source = in_place ? pe.dest : pe.source;
    fill(source, team->my_pe, source_len);
    random_delay();
    return source;
}

/* dest is as expected; the source, which may be reused now, is spoilt. */
static void compare(const struct shmi_team *team, void *source, size_t source_len, size_t len)
{
    bool good = memcmp(pe.dest, pe.expected, len) == 0;
    for (int i = 0; i < FENCE; i++) {
        good = good && (unsigned char)pe.dest[len + (size_t)i] == FENCE_BYTE;
    }
    check(good, team, len);
    if (source != pe.dest) {
        memset(source, 0xee, source_len);
    }
    random_delay();
}

/* ---- one call of each --------------------------------------------- */

static void try_broadcast(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    int root = variant % team->n_pes;
    bool with_root = (variant & 8) != 0;
    void *source = prepare(team, len, len, in_place);
    fill(pe.expected, root, len);
    if (team->my_pe == root && !with_root) {
        memcpy(pe.expected, pe.dest, len);
    }
    shmi_coll_broadcast(pe.doing, team, pe.dest, source, len, root, with_root);
    compare(team, source, len, len);
}

static void try_fcollect(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    (void)variant;
    void *source = prepare(team, len, len * (size_t)team->n_pes, in_place);
    for (int i = 0; i < team->n_pes; i++) {
        fill(pe.expected + (size_t)i * len, i, len);
    }
    shmi_coll_fcollect(pe.doing, team, pe.dest, source, len);
    compare(team, source, len, len * (size_t)team->n_pes);
}

/* Lengths that differ between members: none for some, who may then pass any address. */
static size_t length_of(int member, size_t len, int variant)
{
    size_t lens[] = {len, 0, len / 2, len / 3 + 1, 5};
    return shmi_min(lens[(size_t)(member + variant) % SHMI_COUNT(lens)], LEN_MAX);
}

static void try_collect(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    size_t total = 0;
    size_t mine = length_of(team->my_pe, len, variant);
    pe.call++;
    for (int i = 0; i < team->n_pes; i++) {
        size_t theirs = length_of(i, len, variant);
        fill(pe.expected + total, i, theirs);
        total += theirs;
    }
    pe.call--;
    void *source = prepare(team, mine, shmi_max(total, in_place ? mine : 0), in_place);
    shmi_coll_collect(pe.doing, team, pe.dest, mine == 0 && !in_place ? NULL : source, mine);
    compare(team, source, mine, total);
}

static void try_alltoall(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    static const size_t sizes[] = {1, 4, 8, 16, 2};
    size_t n = (size_t)team->n_pes;
    size_t size = sizes[(size_t)variant % SHMI_COUNT(sizes)];
    size_t dst = variant & 1 ? 1 + (size_t)variant % 3 : 1;
    size_t sst = in_place ? dst : variant & 2 ? 1 + (size_t)variant % 4 : 1;
    size_t nelems = shmi_min(len, LEN_MAX / 4) / size / n;
    size_t source_len = n * nelems * sst * size;
    size_t dest_len = n * nelems * dst * size;
    char *source = prepare(team, source_len, dest_len, in_place);
    memcpy(pe.expected, pe.dest, dest_len);
    for (size_t i = 0; i < n * nelems; i++) {
        int from = nelems == 0 ? 0 : (int)(i / nelems);
        size_t theirs = ((size_t)team->my_pe * nelems + i % nelems) * sst * size;
        for (size_t byte = 0; byte < size; byte++) {
            pe.expected[i * dst * size + byte] = (char)source_byte(from, theirs + byte);
        }
    }
    shmi_coll_alltoall(pe.doing, team, pe.dest, source, (ptrdiff_t)dst, (ptrdiff_t)sst, nelems,
                       size);
    compare(team, source, source_len, dest_len);
}

/* The fold of members 0..last; zeros for none. */
static void expect_fold(int last, size_t len)
{
    static char in[LEN_MAX];
    if (last < 0) {
        memset(pe.expected, 0, len);
    } else {
        fill(pe.expected, 0, len);
    }
    for (int i = 1; i <= last; i++) {
        fill(in, i, len);
        pe.combine(pe.expected, in, len / 4);
    }
}

static void try_reduce(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    (void)variant;
    len &= ~(size_t)3;
    void *source = prepare(team, len, len, in_place);
    expect_fold(team->n_pes - 1, len);
    shmi_coll_reduce(pe.doing, team, pe.dest, source, len / 4, 4, pe.combine);
    compare(team, source, len, len);
}

static void try_scan(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    bool inclusive = variant & 1;
    len &= ~(size_t)3;
    void *source = prepare(team, len, len, in_place);
    expect_fold(inclusive ? team->my_pe : team->my_pe - 1, len);
    shmi_coll_scan(pe.doing, team, pe.dest, source, len / 4, 4, pe.combine, inclusive);
    compare(team, source, len, len);
}

/* Numbers of very different sizes, so that another order of additions shows. */
static double float_of(int member, size_t i)
{
    uint64_t power = UINT64_C(1) << source_byte(member, i + 1) % 64;
    return (1.0 + source_byte(member, i)) * (double)power;
}

/* All get the same bits, and about the sum. */
static void try_float(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    double *dest = (double *)pe.dest;
    size_t n = shmi_min(len, LEN_MAX) / sizeof(double);
    (void)variant;
    pe.call++;
    double *source = in_place ? dest : (double *)pe.source;
    for (size_t k = 0; k < n; k++) {
        source[k] = float_of(team->my_pe, k);
    }
    random_delay();
    shmi_coll_reduce(pe.doing, team, dest, source, n, sizeof(double), shmi_combine_sum_double);
    for (size_t k = 0; k < n; k++) {
        double all = 0;
        for (int i = 0; i < team->n_pes; i++) {
            all += float_of(i, k);
        }
        double off = dest[k] - all;
        check(off <= all * 1e-12 && -off <= all * 1e-12, team, len);
    }
    shmi_coll_sync(pe.doing, team);
    const char *first = behind(dest, shmi_team_pe(team, 0));
    check(first == NULL || memcmp(first, dest, n * sizeof(double)) == 0, team, len);
    shmi_coll_sync(pe.doing, team);
}

static void try_agree(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    uint64_t mine[2], result[2], all[2] = {UINT64_MAX, 0};
    size_t word = (variant & 1) != 0;
    (void)len;
    pe.call++;
    for (int i = 0; i < team->n_pes; i++) {
        uint64_t theirs = ((uint64_t)pe.call << 32 | 0xffff) ^ (uint64_t)i << (i % 16);
        all[0] &= theirs;
        all[1] = shmi_max(all[1], theirs);
        if (i == team->my_pe) {
            mine[0] = mine[1] = theirs;
        }
    }
    uint64_t *to = in_place ? mine : result;
    shmi_coll_agree(pe.doing, team, word == 0 ? SHMI_AGREE_AND : SHMI_AGREE_MAX, mine, to, 2);
    check(to[0] == all[word] && to[1] == all[word], team, sizeof(mine));
}

/* What all have written before a synchronisation is there after it, and nothing later. */
static void try_sync(struct shmi_team *team, size_t len, int variant, bool in_place)
{
    (void)len, (void)variant, (void)in_place;
    uint64_t *mine = (uint64_t *)pe.source;
    pe.call++;
    *mine = pe.call;
    shmi_coll_sync(pe.doing, team);
    random_delay();
    for (int i = 0; i < team->n_pes; i++) {
        const char *theirs = behind(mine, shmi_team_pe(team, i));
        check(theirs == NULL || *(const uint64_t *)theirs == pe.call, team, sizeof(*mine));
    }
    shmi_coll_sync(pe.doing, team);
}

static const struct {
    const char *name;
    void (*call)(struct shmi_team *team, size_t len, int variant, bool in_place);
} collectives[] = {
    {"broadcast", try_broadcast}, {"fcollect", try_fcollect}, {"collect", try_collect},
    {"alltoall", try_alltoall},   {"reduce", try_reduce},     {"scan", try_scan},
    {"agree", try_agree},         {"sync", try_sync},         {"float sum", try_float},
};

/* ---- the typed routines ------------------------------------------- */

/* Operands whose results are exact in every type that has the operation, and wrap in none. */
#define EXACT(op, T, type, term, joined)                            \
    static void typed##T##op(struct shmi_team *team)                \
    {                                                               \
        type *source = (type *)pe.source;                           \
        type *dest = (type *)pe.dest;                               \
        for (int k = 0; k < 3; k++) {                               \
            int i = team->my_pe;                                    \
            source[k] = (type)(term);                               \
        }                                                           \
        shmem##T##op##_reduce((shmem_team_t)team, dest, source, 3); \
        for (int k = 0; k < 3; k++) {                               \
            int i = 0;                                              \
            type all = (type)(term);                                \
            for (i = 1; i < team->n_pes; i++) {                     \
                type in = (type)(term);                             \
                all = (type)(joined);                               \
            }                                                       \
            pe.doing = "shmem" #T #op "_reduce";                    \
            check(dest[k] == all, team, sizeof(type));              \
        }                                                           \
    }
#define TYPED_AND(op, T, type)  EXACT(op, T, type, 0x7f ^ (1 << (i + k) % 7), all & in)
#define TYPED_OR(op, T, type)   EXACT(op, T, type, 1 << (i + k) % 7, all | in)
#define TYPED_XOR(op, T, type)  EXACT(op, T, type, 3 * i + k, all ^ in)
#define TYPED_MIN(op, T, type)  EXACT(op, T, type, 100 * (i % 3 - k), in < all ? in : all)
#define TYPED_MAX(op, T, type)  EXACT(op, T, type, 100 * (k - i % 3), in > all ? in : all)
#define TYPED_SUM(op, T, type)  EXACT(op, T, type, i + k, all + in)
#define TYPED_PROD(op, T, type) EXACT(op, T, type, 1 + (i + k) % 2, all * in)
SHMEMI_FOR_LOGIC(TYPED_AND, _and)
SHMEMI_FOR_LOGIC(TYPED_OR, _or)
SHMEMI_FOR_LOGIC(TYPED_XOR, _xor)
SHMEMI_FOR_COMPARE(TYPED_MIN, _min)
SHMEMI_FOR_COMPARE(TYPED_MAX, _max)
SHMEMI_FOR_SUM(TYPED_SUM, _sum)
SHMEMI_FOR_SUM(TYPED_PROD, _prod)

#define CALL(op, T, type) typed##T##op(team);
static void try_types(struct shmi_team *team)
{
    SHMEMI_FOR_LOGIC(CALL, _and)
    SHMEMI_FOR_LOGIC(CALL, _or)
    SHMEMI_FOR_LOGIC(CALL, _xor)
    SHMEMI_FOR_COMPARE(CALL, _min)
    SHMEMI_FOR_COMPARE(CALL, _max)
    SHMEMI_FOR_SUM(CALL, _sum)
    SHMEMI_FOR_SUM(CALL, _prod)
}

/* Unsigned types compare as such, and overflow wraps. */
static void try_arithmetic(struct shmi_team *team)
{
    shmem_team_t handle = (shmem_team_t)team;
    int me = team->my_pe;
    uint8_t *bytes = (uint8_t *)pe.source;
    uint8_t *byte = (uint8_t *)pe.dest;
    bytes[0] = me == 0 ? 100 : 200;
    pe.doing = "shmem_uint8_min_reduce";
    shmem_uint8_min_reduce(handle, byte, bytes, 1);
    check(byte[0] == 100, team, 1);

    int *ints = (int *)pe.source;
    int *number = (int *)pe.dest;
    ints[0] = me == 0 ? INT_MAX : 1;
    pe.doing = "shmem_int_sum_reduce";
    shmem_int_sum_reduce(handle, number, ints, 1);
    check((unsigned)number[0] == (unsigned)INT_MAX + (unsigned)(team->n_pes - 1), team, 4);
    shmem_int_sum_inscan(handle, number, ints, 1);
    check((unsigned)number[0] == (unsigned)INT_MAX + (unsigned)me, team, 4);
    shmem_int_sum_exscan(handle, number, ints, 1);
    check((unsigned)number[0] == (me == 0 ? 0 : (unsigned)INT_MAX + (unsigned)me - 1), team, 4);

    unsigned short *shorts = (unsigned short *)pe.source;
    unsigned short *product = (unsigned short *)pe.dest;
    unsigned expected = 65535;
    shorts[0] = 65535;
    for (int i = 1; i < team->n_pes; i++) {
        expected = expected * 65535u & 0xffff;
    }
    pe.doing = "shmem_ushort_prod_reduce";
    shmem_ushort_prod_reduce(handle, product, shorts, 1);
    check(product[0] == expected, team, 2);
}

/* ---- processes ---------------------------------------------------- */

static void add_team(int me, const int *root, int start, int stride, int n_pes)
{
    struct shmi_team *team = &pe.teams[pe.n_teams];
    *team = (struct shmi_team){.root = root,
                               .start = start,
                               .stride = stride,
                               .n_pes = n_pes,
                               .my_pe = -1,
                               .id = pe.first_id + (uint32_t)pe.n_teams,
                               .on_node = true};
    for (int i = 0; i < n_pes; i++) {
        if (shmi_team_pe(team, i) == me) {
            team->my_pe = i;
        }
    }
    pe.n_teams++;
}

/* The world, the even PEs, all in reverse, and a list in disorder. */
static void make_teams(int me, int n_pes)
{
    static int disorder[PES_MAX];
    for (int i = 0; i < n_pes; i++) {
        disorder[i] = i % 2 == 0 ? n_pes - 1 - i / 2 : i / 2;
    }
    add_team(me, NULL, 0, 1, n_pes);
    add_team(me, NULL, 0, 2, (n_pes + 1) / 2);
    add_team(me, NULL, n_pes - 1, -1, n_pes);
    add_team(me, disorder, 0, 1, n_pes);
    shmi_team_world = &pe.teams[0];
}

/* More processes than cores must not spin; the library would find that out from the cards. */
static void be_patient(void)
{
    static struct shmi_card cards[PES_MAX];
    shmi_config.spin = 0;
    shmi_wait_open(cards);
}

static size_t random_len(uint64_t *seed)
{
    static const size_t edges[] = {0,    1,    7,    8,    64,   487,  488,  489,  511,   512,  513,
                                   1024, 1025, 1536, 1540, 4096, 5000, 8192, 9000, 20000, 65536};
    uint64_t dice = next_random(seed);
    if (dice % 128 == 0) {
        return LEN_MAX;
    }
    size_t len = edges[(dice >> 8) % SHMI_COUNT(edges)];
    return dice & 128 ? len : (dice >> 32) % (len + 1);
}

/* The life of a child: the same calls on all. */
static void run_calls(int rounds)
{
    uint64_t seed = (uint64_t)rounds * 7919;
    for (int round = 0; round < rounds; round++) {
        uint64_t dice = next_random(&seed);
        struct shmi_team *team = &pe.teams[dice % TEAMS];
        size_t which = (dice >> 8) % SHMI_COUNT(collectives);
        size_t len = random_len(&seed);
        while (len * (size_t)team->n_pes > ROOM - FENCE) {
            len /= 2;
        }
        if (team->my_pe >= 0) {
            pe.doing = collectives[which].name;
            collectives[which].call(team, len, (int)(dice >> 20 & 0xff), (dice >> 40 & 3) == 0);
        } else {
            pe.call++;
        }
    }
}

static void run_types(void)
{
    for (int i = 0; i < pe.n_teams; i++) {
        if (pe.teams[i].my_pe >= 0) {
            try_types(&pe.teams[i]);
            try_arithmetic(&pe.teams[i]);
        }
    }
}

#endif
