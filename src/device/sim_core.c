/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_core.c -- the cores of the software NPU: threads of the device process.
 *
 * A core takes the next block of the kernel that has waited longest and runs it to its end.  One
 * that crashes writes down what it was doing and stands still: the PE's process tells the user and
 * ends the job.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "device/sim.h"
#include "device/touch.h"

enum { SIGNAL_STACK = 64 * 1024, GUARD = 64 * 1024 };

static struct {
    struct sim_shared *shared;
    pthread_mutex_t lock; /* of the launches' next: who takes which block */
    uint32_t maps;        /* changes of the memory that this process has */
} cores = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local int my_core = -1;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    struct sim_shared *shared = cores.shared;
    if (my_core < 0 || shared->core[my_core].launch == 0) {
        _exit(128 + sig);
    }
    struct sim_core *core = &shared->core[my_core];
    struct sim_launch *launch = &shared->launch[core->launch - 1];
    static uint32_t first;
    if (__atomic_exchange_n(&first, 1, __ATOMIC_ACQ_REL) == 0) {
        shared->fault.signal = sig;
        shared->fault.fn = launch->fn;
        shared->fault.block = core->block;
        shared->fault.n_blocks = launch->n_blocks;
        shared->fault.addr = (uint64_t)(uintptr_t)info->si_addr;
        shared->fault.at = shmi_touch_instruction(context);
        shmi_store_release(&shared->fault.is, 1);
        sim_futex_wake(&launch->state);
    }
    for (;;) {
        pause();
    }
}

static struct sim_launch *take_block(uint32_t *block)
{
    struct sim_launch *oldest = NULL;
    pthread_mutex_lock(&cores.lock);
    for (int i = 0; i < SIM_LAUNCHES; i++) {
        struct sim_launch *launch = &cores.shared->launch[i];
        if (shmi_load_acquire(&launch->state) == SIM_READY && launch->next < launch->n_blocks &&
            (oldest == NULL || launch->ticket < oldest->ticket)) {
            oldest = launch;
        }
    }
    if (oldest != NULL) {
        *block = oldest->next++;
    }
    pthread_mutex_unlock(&cores.lock);
    return oldest;
}

/* Kernels come after what was mapped for them, which the PE's process knows; here it is said in
 * terms that a thread sanitizer of this process understands. */
void sim_cores_mapped(void)
{
    __atomic_add_fetch(&cores.maps, 1, __ATOMIC_RELEASE);
}

static void run_block(struct sim_launch *launch, uint32_t block)
{
    struct sim_core *core = &cores.shared->core[my_core];
    (void)shmi_load_acquire(&cores.maps);
    core->block = block;
    shmi_store_release(&core->launch, (uint32_t)(launch - cores.shared->launch) + 1);
    if (shmi_load_relaxed(&launch->started) == 0) {
        shmi_store_relaxed(&launch->started, shmi_now_ns());
    }
    launch->fn(launch->args, block, launch->n_blocks);
    shmi_store_release(&core->launch, 0);
    if (__atomic_add_fetch(&launch->done, 1, __ATOMIC_ACQ_REL) == launch->n_blocks) {
        shmi_store_release(&launch->state, SIM_DONE);
        sim_futex_wake(&launch->state);
    }
}

static void *run_core(void *number)
{
    my_core = (int)(intptr_t)number;
    stack_t stack = {.ss_size = SIGNAL_STACK}; /* for a kernel that has used up its own */
    stack.ss_sp =
        mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp != MAP_FAILED) {
        sigaltstack(&stack, NULL);
    }
    for (;;) {
        uint32_t seen = shmi_load_acquire(&cores.shared->work);
        uint32_t block = 0;
        struct sim_launch *launch = take_block(&block);
        if (launch != NULL) {
            run_block(launch, block);
        } else {
            sim_futex_wait(&cores.shared->work, seen, -1);
        }
    }
    return NULL;
}

/* On a stack where the PE's process has nothing: a kernel's own variables must not look like
 * symmetric memory of the host, which that process maps where it likes. */
static bool start_core(const struct shmi_npu *npu, uint32_t number)
{
    pthread_t thread;
    pthread_attr_t attr;
    char *stack = npu->stacks.base + number * (size_t)SIM_STACK;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool is_started = mprotect(stack + GUARD, SIM_STACK - GUARD, PROT_READ | PROT_WRITE) == 0 &&
                      pthread_attr_setstack(&attr, stack + GUARD, SIM_STACK - GUARD) == 0 &&
                      pthread_create(&thread, &attr, run_core, (void *)(intptr_t)number) == 0;
    pthread_attr_destroy(&attr);
    return is_started;
}

void sim_cores_start(const struct shmi_npu *npu)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    cores.shared = npu->shared;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        sigaction(faults[i], &action, NULL);
    }
    for (uint32_t i = 0; i < npu->shared->n_cores; i++) {
        if (!start_core(npu, i)) {
            _exit(1);
        }
    }
}
