/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages.h -- the program's pages as they are, whatever its variables are.
 *
 * Between variables an address sanitizer leaves gaps, and ends a program that reads there, by its
 * own code or by memcpy, memcmp or pwrite.  Whoever handles whole pages of a program reads there.
 */
#ifndef SHMI_BASE_PAGES_H
#define SHMI_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Lengths are multiples of 8, addresses too. */
bool shmi_pages_are_zero(const void *addr, size_t len);
void shmi_pages_copy(void *dst, const void *src, size_t len);

/* 0, or -errno. */
int shmi_pages_write(int fd, const void *addr, size_t len, off_t at);

#endif
