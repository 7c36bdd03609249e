/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_copy.c -- a word that is copied is stored once, so that who waits for it may change it; and
 * every length arrives, wherever it lies in a page, and nothing beside it.
 */
#include "core/copy.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "tap.h"

enum { TRAP_FLAG = 0x100 }; /* of the processor: stop after one instruction */

/* A page that may only be read, but for the instruction that has just been stopped for writing. */
static struct {
    char *page;
    size_t len;
    volatile int stores;
} guarded;

#if defined __x86_64__
enum { SINGLE_STEPS = 1 };
static void set_trap(void *context, int on)
{
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
    *flags = on ? *flags | TRAP_FLAG : *flags & ~(greg_t)TRAP_FLAG;
}
#else
enum { SINGLE_STEPS = 0 };
static void set_trap(void *context, int on)
{
    (void)context;
    (void)on;
}
#endif

static void on_store(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    guarded.stores++;
    mprotect(guarded.page, guarded.len, PROT_READ | PROT_WRITE);
    set_trap(context, 1);
}

static void after_store(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    mprotect(guarded.page, guarded.len, PROT_READ);
    set_trap(context, 0);
}

static void guard(void)
{
    struct sigaction store = {.sa_sigaction = on_store, .sa_flags = SA_SIGINFO};
    struct sigaction after = {.sa_sigaction = after_store, .sa_flags = SA_SIGINFO};
    guarded.len = (size_t)sysconf(_SC_PAGESIZE);
    guarded.page = mmap(NULL, guarded.len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &store, NULL);
    sigaction(SIGTRAP, &after, NULL);
}

/* How often a copy of len bytes, which the compiler does not know, stores. */
static int stores_of(volatile size_t len, uint64_t value)
{
    guarded.stores = 0;
    shmi_copy(guarded.page, &value, len);
    return guarded.stores;
}

enum { MARGIN = 64, LONGEST = (8 << 20) + 100, ROOM = LONGEST + 4096 + 2 * MARGIN };

/* Copies to a place so many bytes further into its page than the source: is all as it must be? */
static bool arrives(unsigned char *to, unsigned char *from, size_t further, size_t len)
{
    unsigned char *dest = to + MARGIN + further;
    memset(dest - MARGIN, 0xee, len + 2 * MARGIN);
    shmi_copy(dest, from + MARGIN, len);
    bool good = memcmp(dest, from + MARGIN, len) == 0;
    for (size_t i = 1; i <= MARGIN; i++)
        good = good && dest[-(ptrdiff_t)i] == 0xee && dest[len + i - 1] == 0xee;
    return good;
}

static void every_length(void)
{
    static const size_t lengths[] = {0,    1,    3,    17,     255,    2047,   2048,    2049,
                                     4095, 4096, 4097, 262143, 262144, 262145, 1000003, LONGEST};
    static const size_t further[] = {0, 1, 8, 15, 16, 31, 32, 33, 64, 2048, 4080, 4095};
    unsigned char *from = aligned_alloc(4096, ROOM / 4096 * 4096 + 4096);
    unsigned char *to = aligned_alloc(4096, ROOM / 4096 * 4096 + 4096);
    for (size_t i = 0; i < ROOM; i++)
        from[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
        size_t bad = 0;
        for (size_t f = 0; f < sizeof(further) / sizeof(further[0]); f++)
            bad += !arrives(to, from, further[f], lengths[l]);
        ok(bad == 0, "%zu bytes, to %zu places in a page", lengths[l],
           sizeof(further) / sizeof(further[0]));
    }
    shmi_copy(from, from, LONGEST);
    ok(from[LONGEST - 1] == (unsigned char)((LONGEST - 1) * 7 + (LONGEST - 1) / 251),
       "in place, too");
    free(from);
    free(to);
}

static void one_store(void)
{
    guard();
    int stores = stores_of(8, 0x1122334455667788u);
    ok(stores == 1 && *(uint64_t *)(void *)guarded.page == 0x1122334455667788u,
       "eight bytes are one store: %d", stores);
    stores = stores_of(4, 0x99aabbccu);
    ok(stores == 1 && *(uint64_t *)(void *)guarded.page == 0x1122334499aabbccu,
       "four bytes are one store: %d", stores);
}

int main(void)
{
    every_length();
    if (SINGLE_STEPS)
        one_store();
    else
        skip("single steps are known for x86-64 only");
    return done();
}
