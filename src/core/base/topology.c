/* SPDX-License-Identifier: BSD-3-Clause */
/* topology.c -- the machine, as the kernel and hwloc describe it. */
#include "core/base/topology.h"

#include "core/base/util.h"

#include <errno.h>
#include <hwloc.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { TEXT_LEN = 512 };

/* A resource that control groups limit, in both versions of their file system. */
struct controller {
    const char *name;     /* as /proc/self/cgroup lists it in version 1 */
    const char *roots[3]; /* where version 1 mounts it, in order of likelihood */
    const char *limit_v1, *limit_v2;
};

static const struct controller cpu = {
    .name = "cpu",
    .roots = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"},
    .limit_v1 = "cpu.cfs_quota_us",
    .limit_v2 = "cpu.max",
};

static const struct controller memory = {
    .name = "memory",
    .roots = {"/sys/fs/cgroup/memory"},
    .limit_v1 = "memory.limit_in_bytes",
    .limit_v2 = "memory.max",
};

static const char *const roots_v2[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", NULL};

const char *shmi_topology_root = "";

/* The first line of a small file, without its end. */
static bool read_line(const char *path, char *text, size_t len)
{
    char whole[PATH_MAX];

    snprintf(whole, sizeof(whole), "%s%s", shmi_topology_root, path);
    FILE *file = fopen(whole, "re");
    if (file == NULL)
        return false;
    bool ok = fgets(text, (int)len, file) != NULL;
    fclose(file);
    if (ok)
        text[strcspn(text, "\n")] = '\0';
    return ok;
}

/* Is word one of those separated by commas in the first len characters of list? */
static bool is_listed(const char *list, size_t len, const char *word)
{
    size_t word_len = strlen(word);

    for (const char *at = list; at < list + len; at += strcspn(at, ",:") + 1)
        if (strcspn(at, ",:") == word_len && strncmp(at, word, word_len) == 0)
            return true;
    return false;
}

/* The control group of this process for a version-1 controller, or of version 2 for NULL. */
static bool find_group(const char *controller, char path[TEXT_LEN])
{
    char name[PATH_MAX], line[TEXT_LEN];
    bool found = false;

    snprintf(name, sizeof(name), "%s/proc/self/cgroup", shmi_topology_root);
    FILE *file = fopen(name, "re");
    if (file == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), file) != NULL) { /* "4:cpu,cpuacct:/path" */
        char *list = strchr(line, ':');
        char *group = list == NULL ? NULL : strchr(list + 1, ':');

        if (group == NULL)
            continue;
        list++;
        found = controller == NULL ? group == list
                                   : is_listed(list, (size_t)(group - list), controller);
        if (found) {
            group[strcspn(group, "\n")] = '\0';
            strcpy(path, group + 1);
        }
    }
    fclose(file);
    return found;
}

/* Call limit for a group and each of its ancestors, up to the mount's root.  In a container the
 * path may be the host's; then only the root is there, and it is the container's own group. */
static double walk(const char *const *roots, const char *group,
                   double (*limit)(const char *directory, const struct controller *),
                   const struct controller *controller)
{
    double least = -1;

    for (; *roots != NULL; roots++) {
        char path[TEXT_LEN + 64];
        size_t root_len = strlen(*roots);

        snprintf(path, sizeof(path), "%s%s", *roots, group);
        for (bool more = true; more;) {
            double here = limit(path, controller);
            char *slash = strrchr(path, '/');

            if (here >= 0 && (least < 0 || here < least))
                least = here;
            more = strlen(path) > root_len && slash != NULL && slash >= path + root_len;
            if (more)
                *slash = '\0';
        }
    }
    return least;
}

static bool read_file_of(const char *directory, const char *name, char *text, size_t len)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return read_line(path, text, len);
}

/* CPUs or bytes that one group allows; -1 for no limit. */
static double limit_v2(const char *directory, const struct controller *controller)
{
    char text[TEXT_LEN];
    double value, period = 1;

    if (!read_file_of(directory, controller->limit_v2, text, sizeof(text)) ||
        sscanf(text, "%lf %lf", &value, &period) < 1) /* "max" is not a number */
        return -1;
    return period > 0 ? value / period : -1;
}

static double limit_v1(const char *directory, const struct controller *controller)
{
    char text[TEXT_LEN], period[TEXT_LEN];
    double value;

    if (!read_file_of(directory, controller->limit_v1, text, sizeof(text)) ||
        sscanf(text, "%lf", &value) != 1 || value < 0)
        return -1;
    if (!read_file_of(directory, "cpu.cfs_period_us", period, sizeof(period)))
        return value;
    return strtod(period, NULL) > 0 ? value / strtod(period, NULL) : -1;
}

/* The least limit that a group in use sets, or -1. */
static double group_limit(const struct controller *controller)
{
    char group[TEXT_LEN];
    double v1 = -1, v2 = -1;

    if (find_group(NULL, group))
        v2 = walk(roots_v2, group, limit_v2, controller);
    if (find_group(controller->name, group))
        v1 = walk(controller->roots, group, limit_v1, controller);
    return v1 < 0 || (v2 >= 0 && v2 < v1) ? v2 : v1;
}

static int affinity_cpus(void)
{
    /* The kernel refuses a mask that is too small for the machine. */
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t len = CPU_ALLOC_SIZE((size_t)cpus);

        if (set == NULL)
            break;
        int error = sched_getaffinity(0, len, set) == 0 ? 0 : errno;
        int count = error == 0 ? CPU_COUNT_S(len, set) : 0;
        CPU_FREE(set);
        if (count > 0)
            return count;
        if (error != EINVAL)
            break;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int shmi_topology_cpus(void)
{
    int cpus = affinity_cpus();
    double quota = group_limit(&cpu);

    if (quota >= 0 && quota < cpus)
        cpus = (int)quota + (quota > (int)quota); /* part of a CPU is a CPU that stops at times */
    return cpus > 1 ? cpus : 1;
}

size_t shmi_topology_memory(const char **limit)
{
    struct sysinfo info;
    struct rlimit space;
    size_t bytes = SIZE_MAX;
    double group = group_limit(&memory);

    *limit = "the address space";
    if (sysinfo(&info) == 0) {
        bytes = (info.totalram + info.totalswap) * info.mem_unit;
        *limit = "MemTotal + SwapTotal";
    }
    if (group >= 0 && group < (double)bytes) {
        bytes = (size_t)group;
        *limit = "cgroup memory.max";
    }
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
        space.rlim_cur < bytes) {
        bytes = space.rlim_cur;
        *limit = "RLIMIT_AS";
    }
    return bytes;
}

/* FNV-1a over the bytes, then mixed so that all 64 bits depend on all of them. */
static uint64_t hash(uint64_t sum, const void *bytes, size_t len)
{
    const unsigned char *byte = bytes;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ byte[i]) * 0x100000001b3;
    sum ^= sum >> 32;
    return sum * 0xd6e8feb86659fd93;
}

static uint64_t hash_file_identity(uint64_t sum, const char *path, bool of_its_file_system)
{
    struct stat info = {0};

    if (stat(path, &info) != 0)
        return hash(sum, "", 1);
    sum = hash(sum, &info.st_dev, sizeof(info.st_dev));
    return of_its_file_system ? sum : hash(sum, &info.st_ino, sizeof(info.st_ino));
}

uint64_t shmi_topology_host(void)
{
    char boot[TEXT_LEN] = "";
    char name[256] = "";
    uid_t user = geteuid();
    uint64_t sum = 0xcbf29ce484222325;

    read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
    gethostname(name, sizeof(name) - 1);
    sum = hash(sum, boot, strlen(boot) + 1);
    sum = hash(sum, name, strlen(name) + 1);
    sum = hash(sum, &user, sizeof(user));
    sum = hash_file_identity(sum, "/proc/self/ns/pid", false);
    sum = hash_file_identity(sum, "/proc/self/ns/net", false);
    return hash_file_identity(sum, "/dev/shm", true);
}

static size_t append_count(char *text, size_t len, size_t used, int count, const char *what)
{
    if (count <= 0 || used >= len)
        return used;
    return used + (size_t)snprintf(text + used, len - used, "%s%d %s%s", used > 0 ? ", " : "",
                                   count, what, count == 1 ? "" : "s");
}

static size_t append_bytes(char *text, size_t len, size_t used, uint64_t bytes, const char *what)
{
    bool is_small = bytes < (uint64_t)10 << 30;

    if (bytes == 0 || used >= len)
        return used;
    return used + (size_t)snprintf(text + used, len - used, "%s%llu %s %s", used > 0 ? ", " : "",
                                   (unsigned long long)(bytes >> (is_small ? 20 : 30)),
                                   is_small ? "MiB" : "GiB", what);
}

/* Discovery of only what the line shows; devices are what makes it slow. */
static int discover(hwloc_topology_t *topology)
{
    static const char *const slow[] = {"opencl", "cuda", "nvml", "rsmi", "levelzero", "gl", "pci"};

    if (hwloc_topology_init(topology) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < SHMI_COUNT(slow); i++)
        hwloc_topology_set_components(*topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, slow[i]);
    hwloc_topology_set_all_types_filter(*topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_type_filter(*topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
    hwloc_topology_set_type_filter(*topology, HWLOC_OBJ_L3CACHE, HWLOC_TYPE_FILTER_KEEP_ALL);
    if (hwloc_topology_load(*topology) != 0) {
        hwloc_topology_destroy(*topology);
        return -EIO;
    }
    return 0;
}

int shmi_topology_describe(char *text, size_t len)
{
    hwloc_topology_t topology;
    uint64_t cache = 0;
    size_t used = 0;

    int result = discover(&topology);
    if (result != 0)
        return result;
    for (hwloc_obj_t l3 = NULL;
         (l3 = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_L3CACHE, l3)) != NULL;)
        cache += l3->attr->cache.size;
    int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    int threads = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    used = append_count(text, len, used, cores, "core");
    if (threads != cores)
        used = append_count(text, len, used, threads, "hardware thread");
    used = append_count(text, len, used, hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE),
                        "NUMA node");
    append_bytes(text, len, used, cache, "L3");
    hwloc_topology_destroy(topology);
    return 0;
}

/* The last core of this process's part of the machine, as a set of CPUs. */
static bool find_last_core(hwloc_topology_t topology, hwloc_bitmap_t set)
{
    hwloc_bitmap_t mine = hwloc_bitmap_alloc();
    bool found = mine != NULL && hwloc_get_cpubind(topology, mine, HWLOC_CPUBIND_PROCESS) == 0;
    int cores = found ? hwloc_get_nbobjs_inside_cpuset_by_type(topology, mine, HWLOC_OBJ_CORE) : 0;
    if (cores >= 2) {
        hwloc_obj_t core = hwloc_get_obj_inside_cpuset_by_type(topology, mine, HWLOC_OBJ_CORE,
                                                               (unsigned)cores - 1);
        hwloc_bitmap_and(set, core->cpuset, mine);
    }
    hwloc_bitmap_free(mine);
    return cores >= 2;
}

void shmi_topology_bind_helper(long number)
{
    hwloc_topology_t topology;
    cpu_set_t usable;
    CPU_ZERO(&usable);
    bool has_part = sched_getaffinity(0, sizeof(usable), &usable) == 0 &&
                    CPU_COUNT(&usable) < sysconf(_SC_NPROCESSORS_ONLN);
    if ((number < 0 && (!has_part || CPU_COUNT(&usable) < 2)) || discover(&topology) != 0) {
        return;
    }
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    if (set != NULL) {
        if (number >= 0) {
            hwloc_bitmap_only(set, (unsigned)number);
        }
        if (number >= 0 || find_last_core(topology, set)) {
            hwloc_set_cpubind(topology, set, HWLOC_CPUBIND_THREAD);
        }
        hwloc_bitmap_free(set);
    }
    hwloc_topology_destroy(topology);
}
