/* SPDX-License-Identifier: BSD-3-Clause */
/* sim.c -- the software NPU: its table, its beginning and its end. */
#include "device/sim.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "device/touch.h"

void sim_futex_wait(uint32_t *word, uint32_t value, int ms)
{
    struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    syscall(SYS_futex, word, FUTEX_WAIT, value, ms < 0 ? NULL : &limit, NULL, 0);
}

void sim_futex_wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static long number(const struct shmi_npu *npu, const char *name, long otherwise)
{
    char text[32];
    const char *value = npu->services->config(name, text, sizeof(text));
    return value == NULL ? otherwise : strtol(value, NULL, 10);
}

static bool is(const struct shmi_npu *npu, const char *name, const char *wanted)
{
    char text[32];
    const char *value = npu->services->config(name, text, sizeof(text));
    return value != NULL && strcmp(value, wanted) == 0;
}

static void read_variables(struct shmi_npu *npu)
{
    npu->shared->n_cores = (uint32_t)number(npu, "sim_cores", 4);
    npu->peers = !is(npu, "sim_p2p", "no");
    npu->adapters = !is(npu, "sim_nic", "none");
    npu->timeout_ns = (uint64_t)number(npu, "sim_timeout", 300) * 1000000000u;
}

static int open_sim(struct shmi_npu **result, const struct shmi_services *services,
                    struct shmi_device_facts *facts)
{
    struct shmi_npu *npu = calloc(1, sizeof(*npu));
    struct sim_shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (npu == NULL || shared == MAP_FAILED) {
        snprintf(facts->what, sizeof(facts->what), "no memory");
        free(npu);
        return -ENOMEM;
    }
    npu->services = services;
    npu->shared = shared;
    npu->my_pe = -1;
    pthread_mutex_init(&npu->lock, NULL);
    pthread_mutex_init(&npu->streams_lock, NULL);
    read_variables(npu);
    int rc = sim_memory_open(npu);
    rc = rc == 0 ? sim_process_start(npu) : rc;
    if (rc != 0) {
        snprintf(facts->what, sizeof(facts->what), "cannot start its process");
        sim_memory_close(npu);
        munmap(shared, sizeof(*shared));
        free(npu);
        return rc;
    }
    *result = npu;
    return 0;
}

static int start_sim(struct shmi_npu *npu, int my_pe, int local, int n_local,
                     struct shmi_device_facts *facts)
{
    (void)local;
    (void)n_local;
    npu->my_pe = my_pe;
    shmi_touch_open(npu, npu->services, sim_owns, sim_missing);
    *facts = (struct shmi_device_facts){
        .cores = npu->shared->n_cores,
        .memory = npu->device.len,
        .launches = true,
        .atomics = true,
    };
    snprintf(facts->what, sizeof(facts->what), "software, %u cores, process %d",
             npu->shared->n_cores, (int)npu->pid);
    return 0;
}

static void close_sim(struct shmi_npu *npu)
{
    shmi_touch_close();
    sim_streams_close(npu);
    sim_process_stop(npu);
    sim_memory_close(npu);
    munmap(npu->shared, sizeof(*npu->shared));
    free(npu);
}

/* Any thread of the process will do. */
static int enter_sim(struct shmi_npu *npu)
{
    (void)npu;
    return 0;
}

static bool is_busy(struct shmi_npu *npu)
{
    return __atomic_load_n(&npu->running, __ATOMIC_ACQUIRE) != 0;
}

extern const struct shmi_device shmi_device_sim;
__attribute__((visibility("default"))) const struct shmi_device shmi_device_sim = {
    .abi = SHMI_DEVICE_ABI,
    .name = "sim",
    .open = open_sim,
    .start = start_sim,
    .close = close_sim,
    .enter = enter_sim,
    .alloc = sim_alloc,
    .free = sim_free,
    .owns = sim_owns,
    .alloc_host = sim_alloc_host,
    .free_host = sim_free,
    .trial = sim_trial,
    .prefer = sim_prefer,
    .share = sim_share,
    .admit = sim_admit,
    .map = sim_map,
    .unmap = sim_free,
    .describe = sim_describe,
    .nic = sim_nic,
    .copy = sim_copy,
    .amo = sim_amo,
    .settle = sim_settle,
    .stream_create = sim_stream_create,
    .stream_destroy = sim_stream_destroy,
    .stream_sync = sim_stream_sync,
    .sync = sim_sync,
    .stream_copy = sim_stream_copy,
    .stream_call = sim_stream_call,
    .stream_write = sim_stream_write,
    .stream_wait = sim_stream_wait,
    .event_create = sim_event_create,
    .event_destroy = sim_event_destroy,
    .event_record = sim_event_record,
    .event_wait = sim_event_wait,
    .launch = sim_launch,
    .busy = is_busy,
};
