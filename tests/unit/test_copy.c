/* SPDX-License-Identifier: BSD-3-Clause */
/* test_copy.c -- a word that is copied is stored once, so that who waits for it may change it. */
#include "core/copy.h"

#include <signal.h>
#include <stdint.h>
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

int main(void)
{
    if (!SINGLE_STEPS)
        return skip_all("single steps are known for x86-64 only");
    guard();
    int stores = stores_of(8, 0x1122334455667788u);
    ok(stores == 1 && *(uint64_t *)(void *)guarded.page == 0x1122334455667788u,
       "eight bytes are one store: %d", stores);
    stores = stores_of(4, 0x99aabbccu);
    ok(stores == 1 && *(uint64_t *)(void *)guarded.page == 0x1122334499aabbccu,
       "four bytes are one store: %d", stores);
    return done();
}
