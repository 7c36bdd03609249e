/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_touch.c -- the program follows a device address on the host.
 *
 * It dies of that, as it would with a real device; but it is told of what.  A program that handles
 * SIGSEGV itself keeps its handler, and then there is no such line.
 */
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

#include "core/base/log.h"
#include "device/sim.h"

static struct shmi_npu *watched;

uint64_t sim_instruction_of(const void *context)
{
#if defined(__x86_64__)
    return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return ((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void on_touch(int sig, siginfo_t *info, void *context)
{
    char name[256];
    if (watched != NULL && sim_owns(watched, info->si_addr)) {
        sim_log(watched, SHMI_ERROR,
                "the program follows the address %p on the host, in %s, and that is device memory, "
                "which only kernels and the library reach: use shmem_get, shmem_put or "
                "shmemx_memcpy",
                info->si_addr, sim_name_of(sim_instruction_of(context), name, sizeof(name)));
    }
    signal(sig, SIG_DFL); /* and once more */
}

void sim_touch_open(struct shmi_npu *npu)
{
    struct sigaction old;
    struct sigaction action = {.sa_sigaction = on_touch, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    watched = npu;
    if (sigaction(SIGSEGV, NULL, &old) == 0 && (old.sa_flags & SA_SIGINFO) == 0 &&
        old.sa_handler == SIG_DFL) {
        sigaction(SIGSEGV, &action, NULL);
    }
}

void sim_touch_close(void)
{
    struct sigaction old;
    watched = NULL;
    if (sigaction(SIGSEGV, NULL, &old) == 0 && (old.sa_flags & SA_SIGINFO) != 0 &&
        old.sa_sigaction == on_touch) {
        signal(SIGSEGV, SIG_DFL);
    }
}
