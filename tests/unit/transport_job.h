/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * transport_job.h -- a job in miniature for the test of the transports: forked processes that leave
 * for each other in a shared mapping what PMIx would carry.
 */
#ifndef TESTS_UNIT_TRANSPORT_JOB_H
#define TESTS_UNIT_TRANSPORT_JOB_H

#include <dlfcn.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/config.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "transport/transport.h"

#include "tap.h"

enum {
    PES_MAX = 8,
    BLOB_MAX = 8192,
    ROOM = 4 << 20,      /* exposed, for data */
    WORDS_LEN = 1 << 16, /* exposed, for words */
    LEN_MAX = 1 << 20,
};

/* The modules of a network that is not there answer -ENODEV. */
enum { EXIT_ABSENT = 77 };

/* What the processes see of each other. */
static struct {
    int n_arrived;
    unsigned epoch;
    int failed;
    char what[400]; /* the first failure */
    struct {
        char blob[BLOB_MAX];
        size_t blob_len;
        uint64_t room, room_key, words, words_key;
        bool coherent;
    } card[PES_MAX];
} * board;

/* What a process has. */
static struct {
    int me, n;
    const struct shmi_transport *t;
    struct shmi_net *net;
    struct shmi_net_facts facts;
    struct shmi_channel *ch;
    char *room;
    char *words;
} pe;

__attribute__((format(printf, 2, 3))) static void expect(bool good, const char *format, ...)
{
    if (good || __atomic_fetch_add(&board->failed, 1, __ATOMIC_SEQ_CST) != 0) {
        return;
    }
    va_list args;
    va_start(args, format);
    int n = snprintf(board->what, sizeof(board->what), "PE %d: ", pe.me);
    vsnprintf(board->what + n, sizeof(board->what) - (size_t)n, format, args);
    va_end(args);
}

/* All arrive before any leaves.  Nobody serves the network here but the module itself. */
static void meet(void)
{
    unsigned epoch = shmi_load_acquire(&board->epoch);
    if (__atomic_add_fetch(&board->n_arrived, 1, __ATOMIC_SEQ_CST) == pe.n) {
        board->n_arrived = 0;
        shmi_store_release(&board->epoch, epoch + 1);
        return;
    }
    while (shmi_load_acquire(&board->epoch) == epoch) {
        usleep(100);
    }
}

static void say(int level, const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    shmi_log((enum shmi_level)level, file, line, "%s", text);
}

static const struct shmi_services services = {
    .log = say,
    .config = shmi_config_text,
    .debugging = &shmi_debugging,
};

static const struct shmi_transport *load(const char *module)
{
    extern const struct shmi_transport shmi_transport_loop;
    extern const struct shmi_transport shmi_transport_cma;
    if (strcmp(module, "loop") == 0) {
        return &shmi_transport_loop;
    }
    if (strcmp(module, "cma") == 0) {
        return &shmi_transport_cma;
    }
    void *handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return NULL;
    }
    const char *slash = strrchr(module, '/');
    char symbol[64];
    snprintf(symbol, sizeof(symbol), "shmi_transport_%s", slash == NULL ? module : slash + 1);
    symbol[strlen(symbol) - 3] = '\0'; /* .so */
    return dlsym(handle, symbol);
}

static void *expose(size_t len, uint64_t *addr, uint64_t *key)
{
    struct shmi_memory memory = {
        .base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        .len = len,
        .dmabuf = -1,
    };
    int rc = pe.t->expose(pe.net, &memory, key);
    expect(rc == 0, "expose says %d", rc);
    *addr = (uint64_t)(uintptr_t)memory.base;
    return memory.base;
}

static void join(const char *module)
{
    pe.t = load(module);
    if (pe.t == NULL) {
        _exit(2);
    }
    int rc = pe.t->open(&pe.net, &services, pe.me, pe.n, &pe.facts);
    if (rc != 0) {
        fprintf(stderr, "%s: %s\n", module, pe.facts.what);
        _exit(rc == -ENODEV ? EXIT_ABSENT : 2);
    }
    struct shmi_blob blob = {.len = 0};
    pe.room = expose(ROOM, &board->card[pe.me].room, &board->card[pe.me].room_key);
    pe.words = expose(WORDS_LEN, &board->card[pe.me].words, &board->card[pe.me].words_key);
    rc = pe.t->address(pe.net, &blob);
    expect(rc == 0 && blob.len <= BLOB_MAX, "address says %d, %zu bytes", rc, blob.len);
    if (blob.len != 0) {
        memcpy(board->card[pe.me].blob, blob.bytes, shmi_min(blob.len, BLOB_MAX));
    }
    board->card[pe.me].blob_len = blob.len;
    free(blob.bytes);
    meet();
    for (int i = 0; i < pe.n; i++) {
        blob = (struct shmi_blob){board->card[i].blob, board->card[i].blob_len};
        rc = pe.t->connect(pe.net, i, &blob);
        expect(rc == 0, "connect to %d says %d", i, rc);
    }
    rc = pe.t->channel_open(pe.net, &pe.ch);
    expect(rc == 0, "channel_open says %d", rc);
    meet();
}

static void leave(void)
{
    pe.t->quiet(pe.ch);
    meet();
    pe.t->channel_close(pe.ch);
    struct shmi_memory room = {.base = pe.room, .len = ROOM, .dmabuf = -1};
    struct shmi_memory words = {.base = pe.words, .len = WORDS_LEN, .dmabuf = -1};
    pe.t->withdraw(pe.net, &room, board->card[pe.me].room_key);
    pe.t->withdraw(pe.net, &words, board->card[pe.me].words_key);
    pe.t->close(pe.net);
}

static struct shmi_remote room_of(int other, size_t offset)
{
    return (struct shmi_remote){other, board->card[other].room + offset,
                                board->card[other].room_key};
}

static struct shmi_remote word_of(int other, size_t offset)
{
    return (struct shmi_remote){other, board->card[other].words + offset,
                                board->card[other].words_key};
}

static int right(void)
{
    return (pe.me + 1) % pe.n;
}

static int left(void)
{
    return (pe.me + pe.n - 1) % pe.n;
}

static void fill(char *at, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        at[i] = (char)((i * 31 + (i >> 8) * 7 + seed * 131) >> 1);
    }
}

/* Where they differ, or len. */
static size_t differ(const char *at, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] != (char)((i * 31 + (i >> 8) * 7 + seed * 131) >> 1)) {
            return i;
        }
    }
    return len;
}

/* Wait as the library does: looking at memory and making progress. */
static void await(const char *at, uint64_t value)
{
    const uint64_t *word = (const uint64_t *)(const void *)at;
    time_t end = time(NULL) + 30;
    while (shmi_load_acquire(word) != value) {
        pe.t->progress(pe.net, 0);
        sched_yield();
        if (time(NULL) > end) {
            expect(false, "a word is %llu and not %llu after 30 seconds", (unsigned long long)*word,
                   (unsigned long long)value);
            _exit(1);
        }
    }
}

#endif
