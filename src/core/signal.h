/* SPDX-License-Identifier: BSD-3-Clause */
/* signal.h -- the one put with signal. */
#ifndef SHMI_SIGNAL_H
#define SHMI_SIGNAL_H

#include <stddef.h>
#include <stdint.h>

#include "core/ctx.h"
#include "transport/transport.h"

void shmi_put_signal(const char *who, struct shmi_ctx *ctx, void *dest, const void *source,
                     size_t len, uint64_t *sig_addr, uint64_t signal, int sig_op, int pe,
                     enum shmi_when when);

#endif
