/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * touch.h -- a program that follows a device address on the host, where the device lets nobody.
 *
 * It dies of that; but it is told of what.  Each module has this for itself.
 */
#ifndef SHMI_DEVICE_TOUCH_H
#define SHMI_DEVICE_TOUCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"

/* Is this device memory?  Asked in a signal handler. */
typedef bool shmi_touch_owns(struct shmi_npu *npu, const void *addr);

/* The device address without memory that the module itself was about to reach here, in the place of
 * somebody who has named it; or NULL.  Asked in a signal handler. */
typedef const void *shmi_touch_missing(struct shmi_npu *npu, const void *addr);

/* missing may be NULL. */
void shmi_touch_open(struct shmi_npu *npu, const struct shmi_services *services,
                     shmi_touch_owns *owns, shmi_touch_missing *missing);
void shmi_touch_close(void);

/* Where a thread was when a signal came. */
uint64_t shmi_touch_instruction(const void *context);

/* The name of a function, as far as the program tells it, else its address. */
const char *shmi_touch_name(uint64_t addr, char *text, size_t len);

#endif
