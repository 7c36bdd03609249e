/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ofi_start.c -- libfabric's own start, spared what nobody needs.
 *
 * When libfabric starts, its verbs provider reads all of the kernel's symbols, twice, to learn how
 * the memory of GPUs might be registered.  On a machine without RDMA devices that takes each PE a
 * tenth of a second of CPU time, for nothing, and no variable prevents it.  So there libfabric is
 * started by a thread that may read any file but that one: Linux lets a thread give up such rights
 * for itself (landlock), and they end with it.  Where that is not to be had, nothing is lost but
 * the time.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "transport/ofi.h"

/* Of linux/landlock.h, which older systems lack; the numbers are the same on all processors. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, PATH_BENEATH = 1 };
enum { READ_FILE = 1 << 2 };

struct ruleset {
    uint64_t handled; /* what is forbidden but where a rule allows it */
};

struct path_beneath {
    uint64_t allowed;
    int32_t fd;
};

static void allow(int rules, int dir, const char *name)
{
    int fd = openat(dir, name, O_PATH | O_CLOEXEC);
    if (fd >= 0) {
        const struct path_beneath rule = {.allowed = READ_FILE, .fd = fd};
        syscall(ADD_RULE, rules, PATH_BENEATH, &rule, 0);
        close(fd);
    }
}

/* All in the directory, but for one name, and for processes: "self" stays. */
static void allow_all_but(int rules, const char *path, const char *name)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        const char *here = entry->d_name;
        bool is_process = here[0] >= '0' && here[0] <= '9';
        if (here[0] != '.' && !is_process && strcmp(here, name) != 0) {
            allow(rules, dirfd(dir), here);
        }
    }
    closedir(dir);
}

static bool forgo_symbols(void)
{
    const struct ruleset attr = {.handled = READ_FILE};
    int rules = (int)syscall(CREATE_RULESET, &attr, sizeof(attr), 0);
    if (rules < 0) {
        return false;
    }
    allow_all_but(rules, "/", "proc");
    allow_all_but(rules, "/proc", "kallsyms");
    bool done =
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(RESTRICT_SELF, rules, 0) == 0;
    close(rules);
    return done;
}

static void *start(void *unused)
{
    struct fi_info *list = NULL;
    if (forgo_symbols() &&
        fi_getinfo(FI_VERSION(1, 17), NULL, NULL, FI_PROV_ATTR_ONLY, NULL, &list) == 0) {
        fi_freeinfo(list);
    }
    return unused;
}

static bool has_rdma(void)
{
    DIR *dir = opendir("/sys/class/infiniband");
    bool found = false;
    for (struct dirent *entry; dir != NULL && !found && (entry = readdir(dir)) != NULL;) {
        found = entry->d_name[0] != '.';
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

void shmi_ofi_start(void)
{
    pthread_t thread;
    sigset_t all, before;
    if (has_rdma()) {
        return;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, start, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) {
        pthread_join(thread, NULL);
    }
}
