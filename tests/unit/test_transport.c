/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_transport.c -- a network module through its table, without the library above it.
 *
 * Usage: test_transport [module.so | loop] [processes | stray | deaf]
 * Without arguments: loop, the oracle, with one process, and the modules built, with three.
 * stray: what the module says of a put to memory that was not exposed; deaf: of one to a PE that
 * has gone before anybody spoke to it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "transport_job.h"

enum { THREADS = 3 };

static const size_t lens[] = {0,    1,    3,     4,     7,      8,           9,
                              63,   64,   65,    255,   1000,   4095,        4096,
                              4097, 8193, 65535, 65537, 262147, LEN_MAX - 1, LEN_MAX};

/* Source: 0 private, 1 exposed. */
static void copies_of(size_t len, int exposed, enum shmi_when when)
{
    enum { GUARD = 16 };
    static char private_memory[LEN_MAX + 64];
    size_t shift = len % 8 + 1;
    unsigned seed = (unsigned)len + (unsigned)exposed + 2 * (unsigned)when;
    char *src = (exposed ? pe.room + 2 * LEN_MAX : private_memory) + shift;
    memset(pe.room, 0x5a, len + 64);
    fill(src, len, seed + (unsigned)pe.me);
    meet();
    pe.t->put(pe.ch, room_of(right(), GUARD + shift), src, len, when);
    if (when == SHMI_NOW) { /* the source is mine again */
        memset(src, 0x77, len);
    }
    pe.t->quiet(pe.ch);
    meet();
    size_t at = differ(pe.room + GUARD + shift, len, seed + (unsigned)left());
    expect(at == len, "a put of %zu bytes differs at %zu (exposed %d, when %d)", len, at, exposed,
           when);
    expect(pe.room[GUARD + shift - 1] == 0x5a && pe.room[GUARD + shift + len] == 0x5a,
           "a put of %zu bytes wrote beyond its ends", len);
    char *dst = (exposed ? pe.room + 2 * LEN_MAX : private_memory) + shift + 1;
    memset(dst - 1, 0x33, len + 2);
    pe.t->get(pe.ch, dst, room_of(right(), GUARD + shift), len, when);
    if (when == SHMI_LATER) {
        pe.t->quiet(pe.ch);
    }
    at = differ(dst, len, seed + (unsigned)pe.me);
    expect(at == len, "a get of %zu bytes differs at %zu (exposed %d, when %d)", len, at, exposed,
           when);
    expect(dst[-1] == 0x33 && dst[len] == 0x33, "a get of %zu bytes wrote beyond its ends", len);
    meet();
}

static void copies(void)
{
    for (size_t i = 0; i < SHMI_COUNT(lens); i++) {
        for (int exposed = 0; exposed < 2; exposed++) {
            copies_of(lens[i], exposed, SHMI_NOW);
            copies_of(lens[i], exposed, SHMI_LATER);
        }
    }
}

/* Many operations in flight at once, more than any queue is deep. */
static void floods(void)
{
    enum { N = 5000, PIECE = 100 };
    char *src = pe.room + 2 * LEN_MAX;
    static char back[N * PIECE];
    for (int round = 0; round < 3; round++) {
        size_t piece = round == 0 ? 8 : PIECE;
        memset(pe.room, 0, N * PIECE);
        fill(src, N * PIECE, (unsigned)(round + pe.me));
        meet();
        for (size_t i = 0; i < N; i++) {
            pe.t->put(pe.ch, room_of(right(), i * piece), src + i * piece, piece,
                      round == 2 ? SHMI_NOW : SHMI_LATER);
        }
        pe.t->quiet(pe.ch);
        meet();
        size_t len = N * piece;
        expect(differ(pe.room, len, (unsigned)(round + left())) == len, "many puts: bytes differ");
        for (size_t i = 0; i < N; i++) {
            pe.t->get(pe.ch, back + i * piece, room_of(right(), i * piece), piece, SHMI_LATER);
        }
        pe.t->quiet(pe.ch);
        expect(differ(back, len, (unsigned)(round + pe.me)) == len, "many gets: bytes differ");
        meet();
    }
}

/* Small puts for which nobody calls quiet arrive while their PE waits for others'. */
static void company(void)
{
    enum { N = 200, MOST = 20, COMPANY = 40960 };
    static uint64_t values[N + 1][MOST];
    for (uint64_t i = 1; i <= N; i++) {
        size_t n = i % MOST + 1;
        for (size_t k = 0; k < n; k++) {
            values[i][k] = i;
            pe.t->put(pe.ch, word_of(right(), COMPANY + 8 * k), &values[i][k], 8, SHMI_LATER);
        }
        for (size_t k = 0; k < n; k++) {
            await(pe.words + COMPANY + 8 * k, i);
        }
        pe.t->put(pe.ch, word_of(left(), COMPANY + 8 * MOST), &i, sizeof(i), SHMI_NOW);
        await(pe.words + COMPANY + 8 * MOST, i);
    }
    pe.t->quiet(pe.ch);
    meet();
}

/* Long pieces of memory that only an adapter may touch, such as a device's, in both directions. */
static void untouched(void)
{
    enum { LONG = (8 << 20) + 100 }; /* longer than some adapters send in one go */
    static const size_t most[] = {8192, 70000, LONG};
    struct shmi_memory own = {.len = LONG, .dmabuf = -1}, other = own;
    struct shmi_remote to = {.pe = pe.me};
    uint64_t addr, key;
    if (strcmp(pe.t->name, "verbs") != 0) {
        return;
    }
    own.base = expose(LONG, &addr, &key);
    other.base = expose(LONG, &to.addr, &to.key);
    for (unsigned i = 0; i < 2 * SHMI_COUNT(most); i++) {
        size_t len = most[i / 2];
        bool is_put = i % 2 == 0;
        char *src = is_put ? own.base : other.base, *dst = is_put ? other.base : own.base;
        fill(src, len, i);
        mprotect(own.base, LONG, PROT_NONE);
        if (is_put) {
            pe.t->put(pe.ch, to, own.base, len, SHMI_NOW);
            pe.t->quiet(pe.ch);
        } else {
            pe.t->get(pe.ch, own.base, to, len, SHMI_NOW);
        }
        mprotect(own.base, LONG, PROT_READ | PROT_WRITE);
        expect(differ(dst, len, i) == len, "%zu bytes that the CPU may not touch differ", len);
    }
    pe.t->withdraw(pe.net, &own, key);
    pe.t->withdraw(pe.net, &other, to.key);
    munmap(own.base, LONG);
    munmap(other.base, LONG);
    meet();
}

/* Whoever sees the signal sees the data; and a signal comes without a quiet. */
static void signals(void)
{
    static char src[LEN_MAX];
    for (unsigned i = 1; i <= 400; i++) {
        size_t len = i % 40 == 0 ? 300000 : i * 37 % 9000;
        struct shmi_amo amo = {.op = i % 2 ? SHMI_AMO_SET : SHMI_AMO_ADD, .size = 8};
        amo.value = i % 2 ? i : 1;
        fill(src, len, i + (unsigned)pe.me);
        pe.t->put_signal(pe.ch, room_of(right(), 0), src, len, word_of(right(), 0), &amo, SHMI_NOW);
        await(pe.words, i);
        expect(differ(pe.room, len, i + (unsigned)left()) == len,
               "signal %u came before its %zu bytes", i, len);
        struct shmi_amo ack = {.op = SHMI_AMO_SET, .size = 8, .value = i};
        pe.t->amo(pe.ch, word_of(left(), 8), &ack, SHMI_LATER);
        await(pe.words + 8, i);
    }
    pe.t->quiet(pe.ch);
    meet();
}

/* put, fence, put; and atomic, fence, put. */
static void fences(void)
{
    static char src[LEN_MAX];
    for (uint64_t i = 1; i <= 300; i++) {
        size_t len = i % 30 == 0 ? 500000 : i * 53 % 6000 + 1;
        struct shmi_amo add = {.op = SHMI_AMO_ADD, .size = 8, .value = 1};
        fill(src, len, (unsigned)i + (unsigned)pe.me);
        pe.t->put(pe.ch, room_of(right(), 0), src, len, SHMI_LATER);
        pe.t->amo(pe.ch, word_of(right(), 64), &add, SHMI_LATER);
        pe.t->fence(pe.ch);
        pe.t->put(pe.ch, word_of(right(), 128), &i, sizeof(i), SHMI_NOW);
        await(pe.words + 128, i);
        expect(differ(pe.room, len, (unsigned)i + (unsigned)left()) == len,
               "a put overtook one of %zu bytes before the fence", len);
        uint64_t sum = shmi_load_acquire((uint64_t *)(void *)(pe.words + 64));
        expect(sum == i, "a put overtook an atomic before the fence: %llu, not %llu",
               (unsigned long long)sum, (unsigned long long)i);
        pe.t->quiet(pe.ch);
        pe.t->put(pe.ch, word_of(left(), 192), &i, sizeof(i), SHMI_NOW);
        await(pe.words + 192, i);
    }
    pe.t->quiet(pe.ch);
    meet();
}

static uint64_t amo(int other, size_t offset, enum shmi_amo_op op, unsigned size, uint64_t value,
                    uint64_t expected)
{
    uint64_t old = 0;
    struct shmi_amo a = {
        .op = op,
        .size = size,
        .value = value,
        .expected = expected,
        .fetch = &old,
    };
    if (op == SHMI_AMO_SET) {
        a.fetch = NULL;
    }
    pe.t->amo(pe.ch, word_of(other, offset), &a, SHMI_NOW);
    return old;
}

/* Each operation alone, on a word nobody else touches; its neighbours stay. */
static void atomics_alone(unsigned size)
{
    uint64_t mask = size == 4 ? 0xffffffffu : ~(uint64_t)0;
    size_t at = 1024 + 64 * (size_t)pe.me + 8;
    uint64_t x = 0x123456789abcdef0u & mask;
    unsigned native = size == 4 ? pe.facts.native4 : pe.facts.native8;
    struct {
        enum shmi_amo_op op;
        uint64_t value, expected, old, next;
    } cases[] = {
        {SHMI_AMO_FETCH, 0, 0, x, x},         {SHMI_AMO_SET, 5, 0, 0, 5},
        {SHMI_AMO_SWAP, x, 0, x, x},          {SHMI_AMO_CSWAP, 7, x, x, 7},
        {SHMI_AMO_CSWAP, 7, x ^ 1, x, x},     {SHMI_AMO_ADD, mask, 0, x, (x - 1) & mask},
        {SHMI_AMO_AND, 0xff, 0, x, x & 0xff}, {SHMI_AMO_OR, 0xff, 0, x, x | 0xff},
        {SHMI_AMO_XOR, 0xff, 0, x, x ^ 0xff},
    };
    for (size_t i = 0; i < SHMI_COUNT(cases); i++) {
        if ((native & (1u << cases[i].op)) == 0) {
            continue;
        }
        uint64_t before[3] = {~(uint64_t)0, x | (mask == ~(uint64_t)0 ? 0 : ~mask), ~(uint64_t)0};
        pe.t->put(pe.ch, word_of(right(), at - 8), before, sizeof(before), SHMI_NOW);
        pe.t->quiet(pe.ch);
        uint64_t next[3];
        uint64_t old = amo(right(), at, cases[i].op, size, cases[i].value, cases[i].expected);
        pe.t->quiet(pe.ch);
        pe.t->get(pe.ch, next, word_of(right(), at - 8), sizeof(next), SHMI_NOW);
        expect(cases[i].op == SHMI_AMO_SET || old == cases[i].old, "op %d of %u bytes gave %llx",
               cases[i].op, size, (unsigned long long)old);
        expect((next[1] & mask) == cases[i].next, "op %d of %u bytes left %llx", cases[i].op, size,
               (unsigned long long)next[1]);
        expect(next[0] == before[0] && next[2] == before[2] &&
                   (next[1] | mask) == (before[1] | mask),
               "op %d of %u bytes changed a neighbour", cases[i].op, size);
    }
    meet();
}

/* Where the words of the next test lie: all on one line. */
enum { STEPS = 1000, A8 = 2048, B4 = 2056, NEIGHBOUR = 2060, TICKETS = 2064, BY_CSWAP = 2072 };

static uint64_t increment_by_cswap(size_t offset)
{
    uint64_t guess = 0;
    for (;;) {
        uint64_t found = amo(0, offset, SHMI_AMO_CSWAP, 4, guess + 1, guess);
        if (found == guess) {
            return found;
        }
        guess = found;
    }
}

/* Sums of 4 and 8 bytes, the owner's own atomics where they may be mixed, and its plain stores to
 * the neighbouring 4 bytes. */
static void step(uint32_t i)
{
    struct shmi_amo add = {.op = SHMI_AMO_ADD, .size = 8, .value = 3};
    pe.t->amo(pe.ch, word_of((pe.me + (int)i) % pe.n, A8), &add, SHMI_LATER);
    add.size = 4;
    pe.t->amo(pe.ch, word_of((pe.me + (int)i) % pe.n, B4), &add, SHMI_LATER);
    if (pe.facts.coherent) {
        shmi_amo_cpu8((uint64_t *)(void *)(pe.words + A8), SHMI_AMO_ADD, 1, 0);
    }
    if (pe.facts.coherent || pe.facts.coherent4) {
        shmi_amo_cpu4((uint32_t *)(void *)(pe.words + B4), SHMI_AMO_ADD, 1, 0);
    }
    uint32_t *neighbour = (uint32_t *)(void *)(pe.words + NEIGHBOUR);
    expect(*neighbour == i - 1, "an atomic of 4 bytes undid a store beside it");
    shmi_store_relaxed(neighbour, i);
}

static void check_sums(void)
{
    uint64_t sum8 = *(uint64_t *)(void *)(pe.words + A8);
    uint32_t sum4 = *(uint32_t *)(void *)(pe.words + B4);
    uint32_t swapped = *(uint32_t *)(void *)(pe.words + BY_CSWAP);
    uint64_t wanted8 = pe.facts.coherent ? STEPS : 0;
    uint64_t wanted4 = pe.facts.coherent || pe.facts.coherent4 ? STEPS : 0;
    for (int i = 0; i < pe.n; i++) { /* of the steps of each PE, those that end here */
        for (int n = 1; n <= STEPS; n++) {
            wanted8 += (i + n) % pe.n == pe.me ? 3 : 0;
            wanted4 += (i + n) % pe.n == pe.me ? 3 : 0;
        }
    }
    expect(sum8 == wanted8, "the sum of 8 bytes is %llu, not %llu", (unsigned long long)sum8,
           (unsigned long long)wanted8);
    expect(sum4 == wanted4, "the sum of 4 bytes is %u, not %llu", sum4,
           (unsigned long long)wanted4);
    expect(pe.me != 0 || swapped == (uint32_t)(pe.n * STEPS), "compare-and-swap: %u", swapped);
}

/* Each ticket was given once: all PEs tell PE 0 which they have. */
static void check_tickets(const unsigned char *mine)
{
    for (int i = 0; i < pe.n * STEPS; i++) {
        struct shmi_amo add = {.op = SHMI_AMO_ADD, .size = 4, .value = mine[i]};
        if (mine[i] != 0) {
            pe.t->amo(pe.ch, word_of(0, 4096 + 4 * (size_t)i), &add, SHMI_LATER);
        }
    }
    pe.t->quiet(pe.ch);
    meet();
    for (int i = 0; pe.me == 0 && i < pe.n * STEPS; i++) {
        uint32_t times = ((uint32_t *)(void *)(pe.words + 4096))[i];
        expect(times == 1, "ticket %d was given %u times", i, times);
    }
}

static void atomics_together(void)
{
    static unsigned char mine[PES_MAX * STEPS];
    uint64_t last = 0;
    for (uint32_t i = 1; i <= STEPS; i++) {
        step(i);
        uint64_t ticket = amo(0, TICKETS, SHMI_AMO_ADD, 8, 1, 0);
        expect(ticket < (uint64_t)pe.n * STEPS && (i == 1 || ticket > last), "tickets go back");
        last = ticket;
        mine[ticket % sizeof(mine)]++;
        increment_by_cswap(BY_CSWAP);
    }
    pe.t->quiet(pe.ch);
    meet();
    check_sums();
    check_tickets(mine);
    meet();
}

static void atomics(void)
{
    atomics_alone(4);
    atomics_alone(8);
    atomics_together();
}

/* Channels of several threads at once, each in its part of the room. */
static void *one_channel(void *arg)
{
    size_t part = (size_t)(uintptr_t)arg;
    struct shmi_channel *ch;
    int rc = pe.t->channel_open(pe.net, &ch);
    expect(rc == 0, "channel_open on a thread says %d", rc);
    enum { PART = 256 << 10 };
    char *src = malloc(PART), *dst = malloc(PART);
    for (unsigned i = 0; i < 150; i++) {
        size_t len = i % 10 == 0 ? PART : i * 997 % 20000 + 1;
        uint64_t old = 0;
        struct shmi_amo add = {.op = SHMI_AMO_ADD, .size = 8, .value = 1, .fetch = &old};
        fill(src, len, i + (unsigned)part);
        pe.t->put(ch, room_of(right(), part * PART), src, len, SHMI_LATER);
        pe.t->amo(ch, word_of(right(), 512), &add, SHMI_LATER);
        pe.t->quiet(ch);
        pe.t->get(ch, dst, room_of(right(), part * PART), len, SHMI_NOW);
        expect(differ(dst, len, i + (unsigned)part) == len, "channel %zu: bytes differ", part);
        pe.t->progress(pe.net, 0);
    }
    pe.t->channel_close(ch);
    free(src);
    free(dst);
    return NULL;
}

static void channels(void)
{
    pthread_t threads[THREADS];
    meet();
    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, one_channel, (void *)(uintptr_t)i);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    meet();
    uint64_t sum = *(uint64_t *)(void *)(pe.words + 512);
    expect(sum == THREADS * 150, "threads' atomics add up to %llu", (unsigned long long)sum);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A PE that calls nothing is served and reached, and costs nothing while nobody asks. */
static void asleep(void)
{
    enum { N = 300 };
    uint64_t value = 0;
    meet();
    if (pe.me == 0) { /* away from the library, and never in it */
        double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
        usleep(1500 * 1000);
        double used = (seconds(CLOCK_PROCESS_CPUTIME_ID) - before) / 1.5;
        expect(used < 0.01, "an idle PE used %.1f%% of a core", 100 * used);
        meet();
        usleep(10 * 1000);
        meet();
        return;
    }
    usleep(1500 * 1000);
    meet();
    double start = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < N; i++) {
        pe.t->get(pe.ch, &value, word_of(0, 2048), sizeof(value), SHMI_NOW);
        amo(0, 3072, SHMI_AMO_ADD, 8, 1, 0);
        pe.t->put(pe.ch, word_of(0, 3080 + 8 * (size_t)pe.me), &value, sizeof(value), SHMI_NOW);
        pe.t->quiet(pe.ch);
    }
    double each = (seconds(CLOCK_MONOTONIC) - start) / N / 3;
    printf("# PE %d: %.1f microseconds for an operation on a PE that is away\n", pe.me, each * 1e6);
    fflush(stdout);
    expect(each < 0.1, "an operation on a PE that is away takes %.1f ms", each * 1e3);
    meet();
}

static const struct {
    void (*run)(void);
    const char *what;
} tests[] = {
    {copies, "put and get of all lengths, from private and exposed memory"},
    {untouched, "memory that the CPU may not touch"},
    {floods, "many operations in flight"},
    {company, "small puts arrive without a quiet"},
    {signals, "put_signal: the data comes before the signal, without a quiet"},
    {fences, "fence keeps puts and atomics before a later put"},
    {atomics, "atomics of 4 and 8 bytes"},
    {channels, "channels at the same time"},
    {asleep, "a PE that is away is served, at no cost"},
};

static void child(const char *module, int me, int n)
{
    pe.me = me;
    pe.n = n;
    shmi_log_set_pe(me);
    alarm(120);
    join(module);
    for (size_t i = 0; i < SHMI_COUNT(tests); i++) {
        meet();
        int before = board->failed;
        double start = seconds(CLOCK_MONOTONIC);
        tests[i].run();
        meet();
        if (me == 0) {
            ok(board->failed == before, "%s: %s", pe.t->name, tests[i].what);
            printf("# %.2f s\n", seconds(CLOCK_MONOTONIC) - start);
            if (board->failed != before) {
                printf("# %s\n", board->what);
            }
            board->failed = 0;
            fflush(stdout);
        }
        meet();
    }
    leave();
    if (me == 0) {
        printf("# %s: %s\n", pe.t->name, pe.facts.what);
        fflush(stdout);
    }
    _exit(board->failed != 0);
}

/* Does not come back from a network that knows what is exposed, or who is there. */
static void put_in_vain(const char *module, int me, bool is_deaf)
{
    uint64_t word = 1;
    pe.me = me;
    pe.n = 2;
    shmi_log_set_pe(me);
    alarm(120);
    join(module);
    if (me == 1 && is_deaf) {
        _exit(0);
    }
    if (me == 0) {
        struct shmi_remote to = room_of(1, 0);
        to.addr -= is_deaf ? 0 : (uint64_t)1 << 30;
        usleep(is_deaf ? 500 * 1000 : 0); /* until it has gone */
        pe.t->put(pe.ch, to, &word, sizeof(word), SHMI_NOW);
        pe.t->quiet(pe.ch);
    }
    meet(); /* PE 1 is here until PE 0 is gone, or returns */
    leave();
}

static int in_vain(const char *module, bool is_deaf)
{
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t other = fork();
    if (other == 0) {
        put_in_vain(module, 1, is_deaf);
        _exit(0);
    }
    pid_t first = fork();
    if (first == 0) {
        put_in_vain(module, 0, is_deaf);
        _exit(0);
    }
    int status;
    waitpid(first, &status, 0);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? 0 : 1;
}

static void try_module(const char *module, int n)
{
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(stdout);
    for (int i = 0; i < n; i++) {
        if (fork() == 0) {
            child(module, i, n);
        }
    }
    int worst = 0;
    for (int i = 0; i < n; i++) {
        int status;
        wait(&status);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        worst = code > worst ? code : worst;
    }
    tap.run += worst == EXIT_ABSENT ? 0 : (int)SHMI_COUNT(tests);
    if (worst == EXIT_ABSENT) {
        skip("this network is not here");
    } else {
        is(worst, 0, "all PEs end well");
    }
    munmap(board, sizeof(*board));
}

int main(int argc, char **argv)
{
    if (shmi_config_read() != 0) {
        return 1;
    }
    shmi_debugging = shmi_config.debug;
    if (argc > 2 && (strcmp(argv[2], "stray") == 0 || strcmp(argv[2], "deaf") == 0)) {
        return in_vain(argv[1], strcmp(argv[2], "deaf") == 0);
    }
    if (argc > 1) {
        try_module(argv[1], argc > 2 ? atoi(argv[2]) : strcmp(argv[1], "loop") == 0 ? 1 : 3);
        return done();
    }
    try_module("loop", 1);
    try_module("cma", 3);
    for (int i = 0; shmi_transport_names[i] != NULL; i++) {
        char path[64];
        snprintf(path, sizeof(path), ".libs/%s.so", shmi_transport_names[i]);
        if (access(path, R_OK) == 0) {
            try_module(path, 3);
        }
    }
    return done();
}
