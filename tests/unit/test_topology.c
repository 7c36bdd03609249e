/* SPDX-License-Identifier: BSD-3-Clause */
/* test_topology.c -- this machine, and control groups made of files. */
#include "core/base/topology.h"

#include "capture.h"
#include "tap.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char root[] = "/tmp/npushmem-topology.XXXXXX";

/* Write a file below root, making its directories. */
static void put_file(const char *path, const char *text)
{
    char whole[512];

    snprintf(whole, sizeof(whole), "%s%s", root, path);
    for (char *slash = strchr(whole + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

static void clear_root(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s/*", root);
    if (system(command) != 0)
        abort();
}

static void test_groups(int cpus)
{
    const char *limit;

    shmi_topology_root = root;
    is(shmi_topology_cpus(), cpus, "no control groups: all CPUs of the mask");
    size_t all = shmi_topology_memory(&limit);
    is_text(limit, "MemTotal + SwapTotal", "and all memory");

    put_file("/proc/self/cgroup", "0::/job/step\n");
    put_file("/sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
    put_file("/sys/fs/cgroup/job/step/memory.max", "max\n");
    is(shmi_topology_cpus(), cpus, "version 2 without limits");
    put_file("/sys/fs/cgroup/job/cpu.max", "50000 100000\n");
    put_file("/sys/fs/cgroup/job/memory.max", "7340032\n");
    is(shmi_topology_cpus(), 1, "version 2: the parent's quota counts, half a CPU is one");
    is((long long)shmi_topology_memory(&limit), 7340032, "version 2: the parent's memory counts");
    is_text(limit, "cgroup memory.max", "and is named");

    clear_root();
    put_file("/proc/self/cgroup", "4:cpu,cpuacct:/host/path\n3:cpuset:/x\n2:memory:/host/path\n");
    put_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    is(shmi_topology_cpus(), cpus, "version 1 without limit");
    put_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
    put_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    is(shmi_topology_cpus(), 1, "version 1: a container sees its own group at the root");
    is((long long)shmi_topology_memory(&limit), (long long)all, "version 1: a limit above what is");
    put_file("/sys/fs/cgroup/memory/host/path/memory.limit_in_bytes", "8388608\n");
    is((long long)shmi_topology_memory(&limit), 8388608, "version 1: a limit");

    clear_root();
    put_file("/proc/self/cgroup", "nonsense\n::\n0:\n0::/a/../..//\n");
    put_file("/sys/fs/cgroup/cpu.max", "rubbish\n");
    is(shmi_topology_cpus(), cpus, "nonsense does no harm");
    clear_root();
    shmi_topology_root = "";
}

static void host_in_child(void)
{
    static uint64_t here;

    here = shmi_topology_host();
    if (unshare(CLONE_NEWNET) != 0)
        _exit(2);
    _exit(shmi_topology_host() == here);
}

static void limited_space(void)
{
    const char *limit;
    struct rlimit space = {.rlim_cur = 1 << 29, .rlim_max = RLIM_INFINITY};

    setrlimit(RLIMIT_AS, &space);
    _exit(shmi_topology_memory(&limit) == 1 << 29 && strcmp(limit, "RLIMIT_AS") == 0);
}

int main(void)
{
    cpu_set_t set;
    char text[256] = "";
    const char *limit;

    if (mkdtemp(root) == NULL)
        return skip_all("no directory for files");
    sched_getaffinity(0, sizeof(set), &set);
    test_groups(CPU_COUNT(&set));
    ok(shmi_topology_cpus() >= 1 && shmi_topology_cpus() <= CPU_COUNT(&set), "CPUs: %d",
       shmi_topology_cpus());
    size_t memory = shmi_topology_memory(&limit);
    ok(memory > 1 << 20, "memory: %zu by %s", memory, limit);
    is(in_child(limited_space), 1, "the limit of the address space");

    ok(shmi_topology_host() == shmi_topology_host() && shmi_topology_host() != 0,
       "a host is itself");
    int same = in_child(host_in_child);
    if (same == 2)
        skip("no right to make a network namespace");
    else
        is(same, 0, "another network namespace is another host");

    is(shmi_topology_describe(text, sizeof(text)), 0, "a description");
    ok(strstr(text, "core") != NULL && strstr(text, "NUMA") != NULL, "reads: %s", text);
    shmi_topology_describe(text, 8);
    ok(strlen(text) < 8, "a short buffer is respected");
    rmdir(root);
    return done();
}
