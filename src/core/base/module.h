/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * module.h -- how a module, a network's or a device's, is found and loaded.
 *
 * A module is a shared object in npushmem/ beside the library that exports exactly one symbol, its
 * table of functions, whose first member is the number of the contract that it was built for.
 */
#ifndef SHMI_BASE_MODULE_H
#define SHMI_BASE_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/* What a module may ask of the library, so that the library need not export it. */
struct shmi_services {
    void (*log)(int level, const char *file, int line, const char *format, ...);
    const char *(*config)(const char *name, char *buffer, size_t len); /* a row's text, or NULL */
    const bool *debugging;
    /* For a process that the module has forked, in it: it is no PE, and its failure is not, by
     * itself, the end of the job. */
    void (*forked)(void);
};

/* Why a module is not usable, for people. */
struct shmi_module_error {
    char what[96];
};

/* Is there a file of this name?  Costs one look into a directory. */
bool shmi_module_exists(const char *name);

/* Load <name>.so and find its table, `shmi_<kind>_<name>`, which must begin with this abi.  0,
 * -ENOENT no such file, -ENOEXEC a module of another ABI; then *error says why. */
int shmi_module_load(const char *kind, const char *name, unsigned abi, void **handle,
                     const void **table, struct shmi_module_error *error);
void shmi_module_unload(void *handle); /* NULL is allowed */

#endif
