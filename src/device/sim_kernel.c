/* SPDX-License-Identifier: BSD-3-Clause */
/* sim_kernel.c -- kernels, from the PE's side: handing over, waiting, and telling of faults. */
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/log.h"
#include "device/sim.h"
#include "device/touch.h"

enum { LOOK_MS = 100, LOOKS = 64 };

/* As the launch called it, or as the program's symbols do. */
static const char *name_of(const struct shmi_kernel *kernel, char *text, size_t len)
{
    Dl_info info;
    void *addr = __extension__(void *) kernel->fn;
    bool known = dladdr(addr, &info) != 0 && info.dli_sname != NULL && info.dli_saddr == addr;
    if (!known && kernel->name != NULL) {
        return kernel->name;
    }
    return shmi_touch_name((uint64_t)(uintptr_t)addr, text, len);
}

/* What a faulting address is, for people. */
static const char *describe(struct shmi_npu *npu, uint64_t addr, char *text, size_t len)
{
    void *at = (void *)(uintptr_t)addr;
    if (addr < 4096) {
        snprintf(text, len, "address %p, a null pointer", at);
    } else if (sim_owns(npu, at)) {
        snprintf(text, len, "address %p of the device, where no memory is allocated", at);
    } else if (addr - (uintptr_t)npu->stacks.base < npu->stacks.len) {
        snprintf(text, len, "address %p, beyond the core's stack of %d MiB", at, SIM_STACK >> 20);
    } else {
        snprintf(text, len, "address %p, which is not device memory", at);
    }
    return text;
}

static void tell_fault(struct shmi_npu *npu, const struct shmi_kernel *kernel)
{
    const struct sim_fault *fault = &npu->shared->fault;
    char name[256];
    char at[256];
    char addr[128] = "";
    if (fault->fn != kernel->fn) { /* another stream's, which may be about to tell */
        sim_futex_wait(&npu->shared->fault.is, 1, 10 * LOOK_MS);
    }
    struct shmi_kernel faulty = {.fn = fault->fn};
    if (fault->fn == kernel->fn) {
        faulty.name = kernel->name;
    }
    if (fault->signal == SIGSEGV || fault->signal == SIGBUS) {
        describe(npu, fault->addr, addr, sizeof(addr));
    }
    sim_log(npu, SHMI_FATAL,
            "device fault: kernel %s, block %u of %u: %s%s%s, in %s: ending the job",
            name_of(&faulty, name, sizeof(name)), fault->block, fault->n_blocks,
            strsignal(fault->signal), addr[0] == '\0' ? "" : " at ", addr,
            shmi_touch_name(fault->at, at, sizeof(at)));
}

/* Which of a kernel's blocks are running, of all: "0, 2". */
static void list_blocks(const struct shmi_npu *npu, const struct sim_launch *launch, char *text,
                        size_t len)
{
    size_t used = 0;
    uint32_t index = (uint32_t)(launch - npu->shared->launch) + 1;
    text[0] = '\0';
    for (uint32_t i = 0; i < npu->shared->n_cores && used < len; i++) {
        if (shmi_load_acquire(&npu->shared->core[i].launch) == index) {
            used += (size_t)snprintf(text + used, len - used, "%s%u", used == 0 ? "" : ", ",
                                     npu->shared->core[i].block);
        }
    }
}

static void tell_timeout(struct shmi_npu *npu, const struct shmi_kernel *kernel,
                         const struct sim_launch *launch)
{
    char name[256];
    char blocks[256];
    list_blocks(npu, launch, blocks, sizeof(blocks));
    sim_log(npu, SHMI_FATAL,
            "device fault: kernel %s has not ended after %lu s: %u of its %u blocks are done, "
            "running: %s; SHMEM_SIM_TIMEOUT allows longer: ending the job",
            name_of(kernel, name, sizeof(name)), (unsigned long)(npu->timeout_ns / 1000000000u),
            shmi_load_acquire(&launch->done), launch->n_blocks, blocks);
}

/* A place for a kernel: there is one for every stream that can have one running, nearly always. */
static struct sim_launch *take_place(struct shmi_npu *npu)
{
    for (;;) {
        for (int i = 0; i < SIM_LAUNCHES; i++) {
            struct sim_launch *launch = &npu->shared->launch[i];
            uint32_t state = SIM_FREE;
            if (__atomic_compare_exchange_n(&launch->state, &state, SIM_TAKEN, false,
                                            __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
                return launch;
            }
        }
        sched_yield();
    }
}

static void wait_for(struct shmi_npu *npu, const struct shmi_kernel *kernel,
                     struct sim_launch *launch)
{
    for (int look = 0; shmi_load_acquire(&launch->state) != SIM_DONE; look++) {
        if (shmi_load_acquire(&npu->shared->fault.is) != 0) {
            tell_fault(npu, kernel);
        }
        if (look < LOOKS) {
            shmi_pause();
            continue;
        }
        sim_futex_wait(&launch->state, SIM_READY, LOOK_MS);
        uint64_t started = shmi_load_relaxed(&launch->started);
        if (shmi_load_acquire(&launch->state) == SIM_DONE) {
            return;
        }
        if (npu->timeout_ns != 0 && started != 0 && shmi_now_ns() > started + npu->timeout_ns) {
            tell_timeout(npu, kernel, launch);
        }
        if (!sim_process_lives(npu) && shmi_load_acquire(&npu->shared->fault.is) == 0) {
            char name[256];
            sim_log(npu, SHMI_FATAL,
                    "device fault: the device's process %d has ended while kernel %s was running: "
                    "ending the job",
                    (int)npu->pid, name_of(kernel, name, sizeof(name)));
        }
    }
}

void sim_kernel_run(struct shmi_npu *npu, const struct shmi_kernel *kernel)
{
    struct sim_launch *launch = take_place(npu);
    launch->n_blocks = kernel->n_blocks;
    launch->next = 0;
    launch->done = 0;
    launch->started = 0;
    launch->ticket = __atomic_fetch_add(&npu->shared->tickets, 1, __ATOMIC_RELAXED);
    launch->fn = kernel->fn;
    if (kernel->args_len != 0) {
        memcpy(launch->args, kernel->args, kernel->args_len);
    }
    shmi_store_release(&launch->state, SIM_READY);
    __atomic_add_fetch(&npu->shared->work, 1, __ATOMIC_ACQ_REL);
    sim_futex_wake(&npu->shared->work);
    wait_for(npu, kernel, launch);
    shmi_store_release(&launch->state, SIM_FREE);
}
