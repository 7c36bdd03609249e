/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * misuse.c -- programs that go wrong on a device; faults.sh runs them.
 *
 * Usage: misuse <case>.  PE 1 does it, or the only PE; the others wait for it in a barrier.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shmem.h>
#include <shmemx.h>

#include <shmemx_device.h>

static long *device; /* symmetric */

static void sync_stream(void)
{
    shmemx_stream_sync(SHMEMX_STREAM_DEFAULT);
}

static void touch(void)
{
    *(volatile long *)device = 1;
}

static void storing_kernel(void *args, unsigned block, unsigned n_blocks)
{
    (void)n_blocks;
    if (block == 2) {
        **(volatile long **)args = 1;
    }
}

static void crash(void)
{
    static long host; /* the kernel follows an address in the middle of nowhere */
    long *nowhere = (long *)((uintptr_t)&host ^ (uintptr_t)1 << 45);
    shmemx_launch(storing_kernel, 4, &nowhere, sizeof(nowhere), SHMEMX_STREAM_DEFAULT);
    sync_stream();
}

/* Nobody synchronises with the stream: the host waits for what the kernel should have stored. */
static void crash_unseen(void)
{
    long *nowhere = NULL;
    shmemx_launch(storing_kernel, 4, &nowhere, sizeof(nowhere), SHMEMX_STREAM_DEFAULT);
    shmem_long_wait_until(device, SHMEM_CMP_EQ, 1);
}

static void bad_kernel(void)
{
    shmemx_kernel_t *kernel = NULL;
    memcpy(&kernel, &(void *){&device}, sizeof(kernel));
    shmemx_launch(kernel, 1, NULL, 0, SHMEMX_STREAM_DEFAULT);
    sync_stream();
}

static void endless_kernel(void *args, unsigned block, unsigned n_blocks)
{
    (void)args;
    (void)n_blocks;
    while (block == 1) {
        usleep(1000);
    }
}

static void endless(void)
{
    shmemx_launch(endless_kernel, 2, NULL, 0, SHMEMX_STREAM_DEFAULT);
    sync_stream();
}

/* How deep is said by an argument, lest the compiler should know. */
__attribute__((noinline)) static int sink(volatile char *before, int deep)
{
    volatile char here[64 << 10];
    here[0] = before[0];
    return deep == 0 ? here[0] : sink(here, deep - 1) + here[0];
}

static void sinking_kernel(void *args, unsigned block, unsigned n_blocks)
{
    volatile char start[1] = {0};
    (void)n_blocks;
    if (block == 1 && sink(start, *(int *)args) != 0) {
        usleep(1);
    }
}

static void overflow(void)
{
    int deep = 1000;
    shmemx_launch(sinking_kernel, 2, &deep, sizeof(deep), SHMEMX_STREAM_DEFAULT);
    sync_stream();
}

static void calling_kernel(void *args, unsigned block, unsigned n_blocks)
{
    (void)args;
    (void)block;
    (void)n_blocks;
    shmem_barrier_all();
}

static void call(void)
{
    shmemx_launch(calling_kernel, 1, NULL, 0, SHMEMX_STREAM_DEFAULT);
    sync_stream();
}

/* Killed while a kernel runs. */
static void killed(void)
{
    shmemx_launch(endless_kernel, 2, NULL, 0, SHMEMX_STREAM_DEFAULT);
    usleep(100000);
    kill(getpid(), SIGKILL);
}

static void outside(void)
{
    shmemx_device_info_t info;
    shmemx_device_query(&info);
    shmem_long_p(device + info.heap_size / sizeof(long), 1, 0);
}

/* Device memory that nobody has allocated, so far behind the heap. */
static void beyond(void)
{
    uint64_t *word = (uint64_t *)(void *)device + ((size_t)1 << 30);
    shmemx_write_on_stream(word, 1, SHMEMX_STREAM_DEFAULT);
    sync_stream();
}

/* A byte too many, from the heap's last word and on; PEs have their heaps side by side. */
static size_t heap_rest(void)
{
    shmemx_device_info_t info;
    shmemx_device_query(&info);
    return info.heap_size - sizeof(*device);
}

static void long_copy(void)
{
    char here[sizeof(*device) + 1];
    char *last = (char *)device + heap_rest();
    shmemx_memcpy(here, last, sizeof(*device)); /* all of these are there */
    shmemx_memcpy(here, last, sizeof(here));
}

static void long_stream_copy(void)
{
    char here[sizeof(*device) + 1] = {0};
    shmemx_memcpy_on_stream((char *)device + heap_rest(), here, sizeof(here),
                            SHMEMX_STREAM_DEFAULT);
    sync_stream();
}

/* What all PEs do. */
static void freed(void)
{
    shmem_free(device);
    shmem_long_p(device, 1, 0);
}

static void freed_twice(void)
{
    shmem_free(device);
    shmem_free(device);
}

static void no_stream(void)
{
    shmemx_stream_t stream;
    shmemx_stream_create(&stream);
}

static void no_device(void)
{
    shmemx_barrier_all_on_stream(SHMEMX_STREAM_DEFAULT);
}

static void no_pe(void)
{
    shmemx_long_p_on_stream(device, 1, shmem_n_pes(), SHMEMX_STREAM_DEFAULT);
}

static void private_dest(void)
{
    long here = 0;
    shmemx_putmem_on_stream(&here, device, sizeof(here), 0, SHMEMX_STREAM_DEFAULT);
}

/* All PEs. */
static void freed_on_stream(void)
{
    shmem_free(device);
    shmemx_long_put_on_stream(device, device, 1, 0, SHMEMX_STREAM_DEFAULT);
}

/* All PEs; two barriers of one team at one time on the last. */
static void two_at_once(void)
{
    shmem_team_t team;
    shmemx_stream_t stream[2];
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, shmem_n_pes(), NULL, 0, &team);
    if (shmem_my_pe() == shmem_n_pes() - 1) {
        for (int i = 0; i < 2; i++) {
            shmemx_stream_create(&stream[i]);
            shmemx_barrier_on_stream(team, stream[i]);
        }
        shmemx_stream_sync(stream[0]);
    }
}

/* All PEs: the last one's stream waits, and PE 0 signals only when a file is there. */
static void late_signal(void)
{
    uint64_t *signal = (uint64_t *)(void *)device;
    const char *go = getenv("MISUSE_GO");
    int last = shmem_n_pes() - 1;
    if (shmem_my_pe() == last) {
        shmem_uint64_p(signal, 3, last);
        shmemx_signal_wait_until_on_stream(signal, SHMEM_CMP_GE, 5, SHMEMX_STREAM_DEFAULT);
    } else if (shmem_my_pe() == 0 && go != NULL) {
        while (access(go, F_OK) != 0) {
            usleep(10000);
        }
        shmemx_signal_op_on_stream(signal, 7, SHMEM_SIGNAL_SET, last, SHMEMX_STREAM_DEFAULT);
    }
    sync_stream();
}

struct leaving {
    void *context;
    long *source;
};

static void leaving_kernel(void *args, unsigned block, unsigned n_blocks)
{
    struct leaving *job = args;
    shmemx_device_t dev;
    (void)n_blocks;
    if (shmemx_device_enter(&dev, job->context, block) == SHMEMX_OK) {
        for (int i = 0; i < 200; i++) {
            shmemx_device_long_put_nbi(&dev, job->source + 1, job->source, 1, 0);
        }
        shmemx_device_leave(&dev);
    }
}

/* All PEs; the last one's kernel leaves when it has asked for what takes a while. */
static void no_quiet(void)
{
    struct leaving job = {NULL, device};
    shmemx_device_context_create(1, 0, SHMEMX_DEVICE_RING_ONLY, &job.context);
    if (shmem_my_pe() == shmem_n_pes() - 1) {
        shmemx_launch(leaving_kernel, 1, &job, sizeof(job), SHMEMX_STREAM_DEFAULT);
        sync_stream();
    }
}

static const struct {
    const char *name;
    void (*run)(void);
    int all;    /* all PEs do it */
    int memory; /* it wants device memory before */
} cases[] = {
    {"touch", touch, 0, 1},
    {"crash", crash, 0, 1},
    {"unseen", crash_unseen, 0, 1},
    {"bad_kernel", bad_kernel, 0, 1},
    {"endless", endless, 0, 1},
    {"overflow", overflow, 0, 1},
    {"call", call, 0, 1},
    {"killed", killed, 0, 1},
    {"outside", outside, 0, 1},
    {"beyond", beyond, 0, 1},
    {"long_copy", long_copy, 0, 1},
    {"long_stream_copy", long_stream_copy, 0, 1},
    {"freed", freed, 1, 1},
    {"freed_twice", freed_twice, 1, 1},
    {"no_stream", no_stream, 1, 0},
    {"memory", sync_stream, 1, 1},
    {"no_device", no_device, 1, 0},
    {"no_pe", no_pe, 0, 1},
    {"private", private_dest, 0, 1},
    {"freed_on_stream", freed_on_stream, 1, 1},
    {"two_at_once", two_at_once, 1, 1},
    {"late_signal", late_signal, 1, 1},
    {"no_quiet", no_quiet, 1, 1},
};

int main(int argc, char **argv)
{
    shmem_init();
    for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(argv[1], cases[i].name) != 0) {
            continue;
        }
        device = cases[i].memory ? shmemx_calloc_device(8, sizeof(long)) : NULL;
        if (cases[i].all || shmem_my_pe() == shmem_n_pes() - 1) {
            cases[i].run();
        }
        shmem_barrier_all();
        printf("PE %d survived\n", shmem_my_pe());
    }
    shmem_finalize();
    return 0;
}
