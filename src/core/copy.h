/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy.h -- moving bytes between memory that is mapped here.
 *
 * A length the compiler knows becomes a plain load and store, one for each naturally aligned word:
 * this is how p and g become single instructions.  So does a word whose length is known only when
 * the program runs: memcpy stores it twice over, and who waits for it may have changed it again in
 * between.
 */
#ifndef SHMI_COPY_H
#define SHMI_COPY_H

#include <stddef.h>
#include <string.h>

/* Lengths from which on it matters which instructions copy; copy.c chooses. */
#define SHMI_COPY_LARGE 2048

void shmi_copy_large(void *dst, const void *src, size_t len);

static inline void shmi_copy(void *dst, const void *src, size_t len)
{
    if (__builtin_constant_p(len) && len <= 16) {
        __builtin_memcpy(dst, src, len);
    } else if (len == 8) {
        __builtin_memcpy(dst, src, 8);
    } else if (len == 4) {
        __builtin_memcpy(dst, src, 4);
    } else if (len >= SHMI_COPY_LARGE) {
        shmi_copy_large(dst, src, len);
    } else if (len != 0 && dst != src) { /* in place is legal here, but not for memcpy */
        memcpy(dst, src, len);
    }
}

#endif
