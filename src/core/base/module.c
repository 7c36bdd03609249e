/* SPDX-License-Identifier: BSD-3-Clause */
/* module.c -- how a module, a network's or a device's, is found and loaded. */
#include "core/base/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Modules are looked for beside this very library, so that an installation can be moved, and a
 * build tree used; where it was configured to be installed if there is no such directory. */
static void path_of(const char *name, char *path, size_t len)
{
    Dl_info self;
    const void *here = __extension__(const void *) shmi_module_load;
    if (dladdr(here, &self) != 0 && self.dli_fname != NULL) {
        const char *slash = strrchr(self.dli_fname, '/');
        if (slash != NULL) {
            int dir_len = (int)(slash - self.dli_fname);
            snprintf(path, len, "%.*s/npushmem", dir_len, self.dli_fname);
            if (access(path, X_OK) == 0) {
                snprintf(path, len, "%.*s/npushmem/%s.so", dir_len, self.dli_fname, name);
                return;
            }
        }
    }
    snprintf(path, len, "%s/npushmem/%s.so", SHMI_LIBDIR, name);
}

bool shmi_module_exists(const char *name)
{
    char path[4096];
    path_of(name, path, sizeof(path));
    return access(path, R_OK) == 0;
}

/* What the program has said about signals holds.  Among the libraries that libfabric brings along
 * is one (libinfinipath) that takes those of crashes and of being ended for itself, when it is
 * loaded: it prints a trace and calls exit, from within the handler. */
static void *load(const char *path)
{
    struct sigaction before[NSIG], now;
    for (int i = 1; i < NSIG; i++) {
        sigaction(i, NULL, &before[i]);
    }
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    for (int i = 1; i < NSIG; i++) {
        if (sigaction(i, NULL, &now) == 0 && now.sa_handler != before[i].sa_handler) {
            sigaction(i, &before[i], NULL);
        }
    }
    return object;
}

int shmi_module_load(const char *kind, const char *name, unsigned abi, void **handle,
                     const void **table, struct shmi_module_error *error)
{
    char path[4096];
    char symbol[64];
    path_of(name, path, sizeof(path));
    void *object = load(path);
    if (object == NULL) {
        snprintf(error->what, sizeof(error->what), "%s", dlerror());
        return -ENOENT;
    }
    snprintf(symbol, sizeof(symbol), "shmi_%s_%s", kind, name);
    const unsigned *found = dlsym(object, symbol);
    if (found == NULL || *found != abi) {
        snprintf(error->what, sizeof(error->what),
                 "%s.so is of another version of npushmem (ABI %u, wanted %u)", name,
                 found == NULL ? 0 : *found, abi);
        dlclose(object);
        return -ENOEXEC;
    }
    *handle = object;
    *table = found;
    return 0;
}

void shmi_module_unload(void *handle)
{
    if (handle != NULL) {
        dlclose(handle);
    }
}
