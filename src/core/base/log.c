/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c -- one line, one write. */
#include "core/base/log.h"

#include "core/base/atomic.h"
#include "core/base/config.h"

#include <errno.h>
#include <execinfo.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_LEN = 2048, FRAMES = 64, PATIENCE_MS = 1000 };

bool shmi_debugging;

/* Set while one thread runs, read by all. */
static struct {
    int pe;
    void (*end_job)(int status);
} state = {.pe = -1};

/* This thread is on its way out: a fatal error met there must not start over. */
static __thread bool ending;

static const char *const level_words[] = {
    [SHMI_FATAL] = "fatal: ", [SHMI_ERROR] = "error: ", [SHMI_WARN] = "warning: ",
    [SHMI_INFO] = "",         [SHMI_DEBUG] = "debug: ",
};

/* The path below src/, whatever directory the compiler was started in. */
static const char *short_path(const char *file)
{
    const char *below = strstr(file, "src/");

    return below == NULL ? file : below + strlen("src/");
}

static size_t put_prefix(char *text, size_t len, enum shmi_level level, const char *file, int line)
{
    int pe = shmi_load_relaxed(&state.pe);
    char from[32] = "";
    char where[256] = "";

    if (pe >= 0)
        snprintf(from, sizeof(from), "PE %d: ", pe);
    if (level == SHMI_DEBUG)
        snprintf(where, sizeof(where), "%s:%d: ", short_path(file), line);
    return (size_t)snprintf(text, len, "npushmem: %s%s%s", from, level_words[level], where);
}

/* A launcher's pipe may be full, and non-blocking: wait a little rather than lose the line. */
static void write_all(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t done = write(STDERR_FILENO, text, len);

        if (done >= 0) {
            text += done;
            len -= (size_t)done;
        } else if (errno == EAGAIN) {
            struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

            if (poll(&out, 1, PATIENCE_MS) <= 0)
                return;
        } else if (errno != EINTR) {
            return;
        }
    }
}

static void end_job(void)
{
    void (*hook)(int) = shmi_load_acquire(&state.end_job);

    if (ending)
        _exit(EXIT_FAILURE);
    ending = true;
    if (shmi_config.backtrace) {
        void *frames[FRAMES];

        backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
    }
    if (hook != NULL)
        hook(EXIT_FAILURE);
    fflush(NULL);
    _exit(EXIT_FAILURE);
}

void shmi_log(enum shmi_level level, const char *file, int line, const char *format, ...)
{
    int error = errno;
    char text[LINE_LEN];
    size_t used = put_prefix(text, sizeof(text), level, file, line);
    size_t room = sizeof(text) - used - 1;

    va_list args;
    va_start(args, format);
    errno = error; /* for %m */
    int len = vsnprintf(text + used, room, format, args);
    va_end(args);
    if (len < 0)
        len = 0;
    if ((size_t)len >= room) {
        len = (int)room - 1;
        memcpy(text + used + len - 3, "...", 3);
    }
    used += (size_t)len;
    text[used++] = '\n';
    write_all(text, used);

    if (level == SHMI_FATAL)
        end_job();
    errno = error;
}

void shmi_log_set_pe(int pe)
{
    shmi_store_relaxed(&state.pe, pe);
}

void shmi_log_set_abort(void (*hook)(int status))
{
    shmi_store_release(&state.end_job, hook); /* pairs with the load in end_job */
}
