/* SPDX-License-Identifier: BSD-3-Clause */
/* device.c -- the list of devices, and how one is found and opened. */
#include "device/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"

/* In order of preference. */
const struct shmi_device_name shmi_device_names[] = {
    {"ascend", true},
    {"sim", false},
    {NULL, false},
};

struct shmi_accelerator shmi_accelerator;

static int open_by_name(struct shmi_accelerator *accelerator, const char *name,
                        const struct shmi_services *services)
{
    struct shmi_accelerator found = {.npu = NULL};
    struct shmi_module_error error = {.what = ""};
    const void *table = NULL;
    int rc = shmi_module_load("device", name, SHMI_DEVICE_ABI, &found.handle, &table, &error);
    if (rc != 0) {
        snprintf(accelerator->facts.what, sizeof(accelerator->facts.what), "%s", error.what);
        return rc;
    }
    found.device = table;
    rc = found.device->open(&found.npu, services, &found.facts);
    if (rc != 0) {
        shmi_module_unload(found.handle);
        accelerator->facts = found.facts;
        return rc;
    }
    *accelerator = found;
    return 0;
}

int shmi_device_open(struct shmi_accelerator *accelerator, const char *name, bool wanted,
                     const struct shmi_services *services)
{
    *accelerator = (struct shmi_accelerator){.npu = NULL};
    if (strcmp(name, "none") == 0) {
        return 0;
    }
    bool any = strcmp(name, "auto") == 0;
    for (const struct shmi_device_name *at = shmi_device_names; any && at->name != NULL; at++) {
        if ((!at->is_real && !wanted) || !shmi_module_exists(at->name)) {
            continue;
        }
        if (open_by_name(accelerator, at->name, services) == 0) {
            return 0;
        }
        shmi_debug("device %s: %s", at->name, accelerator->facts.what);
    }
    int rc = any ? (wanted ? -ENODEV : 0) : open_by_name(accelerator, name, services);
    if (rc != 0) {
        shmi_error("SHMEM_DEVICE=%s: no such device here: %s", name, accelerator->facts.what);
    }
    return rc;
}

void shmi_device_close(struct shmi_accelerator *accelerator)
{
    if (accelerator->npu != NULL) {
        accelerator->device->close(accelerator->npu);
        shmi_module_unload(accelerator->handle);
    }
    *accelerator = (struct shmi_accelerator){.npu = NULL};
}
