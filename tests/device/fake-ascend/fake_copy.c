/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_copy.c -- the make-believe runtime's copies: which there are, and which not. */
#include <string.h>

#include "fake.h"

static bool is_out_of_reach(const struct fake_span *span)
{
    return span != NULL && span->object != NULL && !fake_reaches(span->object->device);
}

static bool is_far(const struct fake_span *span)
{
    return span != NULL && (span->kind == OPENED || span->object->imported);
}

int fake_copy_check(void *dst, size_t room, const void *src, size_t len, int32_t kind, bool async,
                    bool *pageable)
{
    struct fake_span *to = NULL;
    struct fake_span *from = NULL;
    int code = OK;
    pthread_mutex_lock(&fake_lock);
    bool there = fake_reach(dst, len, &to) != NULL && fake_reach(src, len, &from) != NULL;
    bool alias =
        (to != NULL && to->kind == HOST_ALIAS) || (from != NULL && from->kind == HOST_ALIAS);
    int32_t wanted = from == NULL ? (to == NULL ? ACL_HOST_TO_HOST : ACL_HOST_TO_DEVICE)
                                  : (to == NULL ? ACL_DEVICE_TO_HOST : ACL_DEVICE_TO_DEVICE);
    bool between = to != NULL && from != NULL;
    if (!there || alias || len > room || kind != wanted) {
        code = INVALID;
    } else if (is_out_of_reach(to) || is_out_of_reach(from)) {
        fake_complain("nobody has let this device reach that one's memory");
        code = DRIVER;
    } else if (async && wanted == ACL_HOST_TO_HOST) {
        code = UNSUPPORTED;
    } else if ((is_far(to) || is_far(from)) && (!between || !async)) {
        fake_complain("imported memory takes part in copies between devices on streams only");
        code = INVALID;
    }
    *pageable = !between && !fake_is_pinned(to == NULL ? dst : src);
    pthread_mutex_unlock(&fake_lock);
    return code;
}

/* Words as words, the first one first: who looks at them meanwhile never sees half of one. */
static void copy_words(uint64_t *to, const char *from, size_t n)
{
    bool aligned = (uintptr_t)from % sizeof(*to) == 0;
    for (size_t i = 0; i < n; i++, from += sizeof(*to)) {
        uint64_t word;
        if (aligned) {
            word = __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_ACQUIRE);
        } else {
            memcpy(&word, from, sizeof(word));
        }
        __atomic_store_n(&to[i], word, __ATOMIC_RELEASE);
    }
}

void fake_copy(void *dst, const void *src, size_t len)
{
    struct fake_span *unused;
    pthread_mutex_lock(&fake_lock);
    char *to = fake_reach(dst, len, &unused);
    const char *from = fake_reach(src, len, &unused);
    pthread_mutex_unlock(&fake_lock);
    bool overlap = (uintptr_t)to - (uintptr_t)from < len;
    if ((((uintptr_t)to | len) & 7) == 0 && !overlap) {
        copy_words((uint64_t *)(void *)to, from, len / 8);
    } else {
        memmove(to, from, len);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

API int32_t aclrtMemcpy(void *dst, size_t room, const void *src, size_t len, int32_t kind)
{
    bool unused;
    int code = fake_enter(__func__, true);
    code = code == OK ? fake_copy_check(dst, room, src, len, kind, false, &unused) : code;
    if (code == OK) {
        fake_copy(dst, src, len);
    }
    return code;
}
