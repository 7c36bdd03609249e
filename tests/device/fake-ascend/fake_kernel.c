/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake_kernel.c -- the make-believe runtime's kernels: functions of the program.
 *
 * For each launch a process is forked, and from it one for each core.  They see what the program
 * sees at that moment, and the device window is open to them; what they write to device memory is
 * there for all, and what they write elsewhere goes with them.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"

/* One core: every n_cores-th block. */
static void run_core(struct fake_task *task, uint32_t core, uint32_t n_cores)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        signal(faults[i], SIG_DFL);
    }
    fake_window_open();
    for (uint32_t block = core; block < task->n_blocks; block += n_cores) {
        task->kernel(task->args, block, task->n_blocks);
    }
    _exit(0);
}

/* Without the handlers of fork, which belong to the program's own children. */
static pid_t start_core(struct fake_task *task, uint32_t core, uint32_t n_cores)
{
    pid_t parent = getpid();
    pid_t pid = _Fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        run_core(task, core, n_cores);
    }
    return pid;
}

/* Who has ended, and how: 1 runs, else a code. */
static int look_at(pid_t pid)
{
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == 0) {
        return 1;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? OK : KERNEL_CRASH;
}

/* All end in their own time, or in the time that a kernel is given; or one crashes. */
static int await_cores(pid_t *pids, uint32_t n, time_t end)
{
    struct timespec nap = {.tv_nsec = 100000};
    struct timespec now;
    uint32_t left = n;
    int code = OK;
    while (left != 0 && code == OK) {
        for (uint32_t i = 0; i < n; i++) {
            int found = pids[i] > 0 ? look_at(pids[i]) : 1;
            if (found != 1) {
                pids[i] = 0;
                left--;
                code = code == OK ? found : code;
            }
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        code = code == OK && left != 0 && now.tv_sec > end ? KERNEL_TIMEOUT : code;
        nanosleep(&nap, NULL);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (pids[i] > 0) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
    }
    return code;
}

int fake_kernel_run(struct fake_task *task)
{
    enum { CORES_MAX = 64 };
    pid_t pids[CORES_MAX];
    struct timespec now;
    long cores = fake_number("FAKE_ASCEND_CORES", 4);
    uint32_t n = cores < CORES_MAX ? (uint32_t)cores : CORES_MAX;
    n = n < task->n_blocks ? n : task->n_blocks;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t end = now.tv_sec + fake_number("FAKE_ASCEND_TIMEOUT", 1091);
    for (uint32_t core = 0; core < n; core++) {
        pids[core] = start_core(task, core, n);
    }
    return await_cores(pids, n, end);
}

API int32_t fakeAscendLaunch(void (*fn)(void *, unsigned, unsigned), uint32_t n_blocks,
                             const void *args, size_t args_len, void *stream)
{
    int code = fake_enter(__func__, true);
    if (code != OK || fn == NULL || n_blocks == 0) {
        return code != OK ? code : INVALID;
    }
    struct fake_task task = {.run = fake_kernel_run, .kernel = fn, .n_blocks = n_blocks};
    return fake_stream_put(stream, &task, args, args_len);
}
