/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.h -- is what the caller passed what the standard asks for?  (SHMEM_CHECK=1)
 *
 * Every check ends the job with one line that names the routine, the argument, its value and what
 * is allowed.  Those that answer a question of the library's own are made in every run.
 */
#ifndef SHMI_CHECK_H
#define SHMI_CHECK_H

#include <stddef.h>

#include "core/ctx.h"

/* A remote symmetric range: context, PE, address, length. */
void shmi_check_rma(const char *who, const struct shmi_ctx *ctx, const char *argument,
                    const void *addr, size_t len, int pe);

/* The same of what is only read, which may also be a constant of the program. */
void shmi_check_source(const char *who, const struct shmi_ctx *ctx, const void *addr, size_t len,
                       int pe);

void shmi_check_pe(const char *who, const struct shmi_ctx *ctx, int pe);
void shmi_check_aligned(const char *who, const char *argument, const void *addr, size_t align);

/* A symmetric range of this PE; len 0 allows any address. */
void shmi_check_symmetric(const char *who, const char *argument, const void *addr, size_t len);

/* Arguments of a collective: the team has this member; all members pass the same numbers. */
void shmi_check_member(const char *who, const char *argument, const struct shmi_team *team, int pe);
void shmi_check_same(const char *who, struct shmi_team *team, const char *what, uint64_t value);

/* In every run: no segment holds this address. */
void shmi_check_not_symmetric(const char *who, const char *argument, const void *addr)
    __attribute__((noreturn, cold));

#endif
