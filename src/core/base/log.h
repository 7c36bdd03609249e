/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h -- what the library says to people.
 *
 * One line is one write() to stderr, so that lines of different PEs do not mix:
 *     npushmem: PE 3: warning: cannot map the heap of PE 4: Permission denied
 * Texts are lower case sentences that say what happened, where, the likely cause and the variable
 * that helps; they understand %m.  Debugging lines also carry the file and line.
 */
#ifndef SHMI_BASE_LOG_H
#define SHMI_BASE_LOG_H

#include <stdbool.h>

enum shmi_level { SHMI_FATAL, SHMI_ERROR, SHMI_WARN, SHMI_INFO, SHMI_DEBUG };

extern bool shmi_debugging; /* SHMEM_DEBUG is set */

/* Any thread, any time, also before init and in a signal's aftermath.  Does not change errno.
 * SHMI_FATAL ends the whole job after the line is out. */
void shmi_log(enum shmi_level level, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Which PE the lines come from; -1, the start value, prints no PE. */
void shmi_log_set_pe(int pe);

/* What SHMI_FATAL calls once its line is written; the job sets it to its abort, which does not
 * return.  Without one, the process exits with status 1. */
void shmi_log_set_abort(void (*end_job)(int status));

#define shmi_fatal(...) \
    (shmi_log(SHMI_FATAL, __FILE__, __LINE__, __VA_ARGS__), __builtin_unreachable())
#define shmi_error(...) shmi_log(SHMI_ERROR, __FILE__, __LINE__, __VA_ARGS__)
#define shmi_warn(...)  shmi_log(SHMI_WARN, __FILE__, __LINE__, __VA_ARGS__)
#define shmi_info(...)  shmi_log(SHMI_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define shmi_debug(...) \
    (shmi_debugging ? shmi_log(SHMI_DEBUG, __FILE__, __LINE__, __VA_ARGS__) : (void)0)

#endif
