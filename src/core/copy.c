/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c -- large copies. */
#include "core/copy.h"

void shmi_copy_large(void *dst, const void *src, size_t len)
{
    if (dst == src) {
        return;
    }
#if defined(__x86_64__)
    /* The microcode's copy moves whole lines without reading the destination first; from some
     * hundred KiB on it beats the vector loops of the C library. */
    __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(len) : : "memory");
#else
    memcpy(dst, src, len);
#endif
}
