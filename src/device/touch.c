/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * touch.c -- the program follows a device address on the host.
 *
 * A program that handles the signal itself keeps its handler, and then there is no such line.
 */
#include "device/touch.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "core/base/log.h"
#include "core/base/util.h"

static struct {
    struct shmi_npu *npu; /* NULL: there is none */
    const struct shmi_services *services;
    shmi_touch_owns *owns;
    shmi_touch_missing *missing; /* or NULL */
} watched;

/* Drivers answer with either. */
static const int signals[] = {SIGSEGV, SIGBUS};

uint64_t shmi_touch_instruction(const void *context)
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

const char *shmi_touch_name(uint64_t addr, char *text, size_t len)
{
    Dl_info info;
    if (dladdr((void *)(uintptr_t)addr, &info) == 0 || info.dli_fname == NULL) {
        snprintf(text, len, "%#lx, which is no function of the program", (unsigned long)addr);
    } else if (info.dli_sname != NULL) {
        snprintf(text, len, "%s", info.dli_sname);
    } else {
        const char *slash = strrchr(info.dli_fname, '/');
        snprintf(text, len, "%s+%#lx", slash == NULL ? info.dli_fname : slash + 1,
                 (unsigned long)(addr - (uintptr_t)info.dli_fbase));
    }
    return text;
}

static void on_touch(int sig, siginfo_t *info, void *context)
{
    char name[256];
    bool asks = watched.npu != NULL && watched.missing != NULL;
    const void *missing = asks ? watched.missing(watched.npu, info->si_addr) : NULL;
    if (missing != NULL) {
        watched.services->log(SHMI_ERROR, __FILE__, __LINE__,
                              "a copy, or a word of a stream's, is at address %p of the device, "
                              "where no memory is allocated",
                              missing);
    }
    if (watched.npu != NULL && watched.owns(watched.npu, info->si_addr)) {
        watched.services->log(
            SHMI_ERROR, __FILE__, __LINE__,
            "the program follows the address %p on the host, in %s, and that is device memory, "
            "which only kernels and the library reach: use shmem_get, shmem_put or shmemx_memcpy",
            info->si_addr, shmi_touch_name(shmi_touch_instruction(context), name, sizeof(name)));
    }
    signal(sig, SIG_DFL); /* and once more */
}

void shmi_touch_open(struct shmi_npu *npu, const struct shmi_services *services,
                     shmi_touch_owns *owns, shmi_touch_missing *missing)
{
    struct sigaction old;
    struct sigaction action = {.sa_sigaction = on_touch, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    watched.services = services;
    watched.owns = owns;
    watched.missing = missing;
    watched.npu = npu;
    for (size_t i = 0; i < SHMI_COUNT(signals); i++) {
        if (sigaction(signals[i], NULL, &old) == 0 && (old.sa_flags & SA_SIGINFO) == 0 &&
            old.sa_handler == SIG_DFL) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

void shmi_touch_close(void)
{
    struct sigaction old;
    watched.npu = NULL;
    for (size_t i = 0; i < SHMI_COUNT(signals); i++) {
        if (sigaction(signals[i], NULL, &old) == 0 && (old.sa_flags & SA_SIGINFO) != 0 &&
            old.sa_sigaction == on_touch) {
            signal(signals[i], SIG_DFL);
        }
    }
}
