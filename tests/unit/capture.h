/* SPDX-License-Identifier: BSD-3-Clause */
/* capture.h -- what a piece of code writes to stderr, and how a child process ends. */
#ifndef TESTS_UNIT_CAPTURE_H
#define TESTS_UNIT_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CAPTURE_LEN = 16384 };

static struct {
    FILE *file;
    int stderr_fd;
    char text[CAPTURE_LEN];
} capture;

static inline void capture_begin(void)
{
    capture.file = tmpfile();
    capture.stderr_fd = dup(STDERR_FILENO);
    if (capture.file == NULL || capture.stderr_fd == -1 ||
        dup2(fileno(capture.file), STDERR_FILENO) == -1)
        abort();
}

/* What was written since capture_begin; good until the next one. */
static inline const char *capture_end(void)
{
    dup2(capture.stderr_fd, STDERR_FILENO);
    close(capture.stderr_fd);
    rewind(capture.file);
    capture.text[fread(capture.text, 1, sizeof(capture.text) - 1, capture.file)] = '\0';
    fclose(capture.file);
    return capture.text;
}

/* Run code in a child; its exit status, or 128 and the signal's number. */
static inline int in_child(void (*code)(void))
{
    int status;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        code();
        _exit(0);
    }
    if (child == -1 || waitpid(child, &status, 0) != child)
        abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
