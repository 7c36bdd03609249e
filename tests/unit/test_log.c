/* SPDX-License-Identifier: BSD-3-Clause */
/* test_log.c -- the lines, and what a fatal one does. */
#include "core/base/config.h"
#include "core/base/log.h"

#include "capture.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>

enum { THREADS = 4, LINES = 200 };

static void end_with_seven(int status)
{
    _exit(6 + status);
}

static void fail_again(int status)
{
    shmi_fatal("while ending with %d", status);
}

static void die(void)
{
    shmi_fatal("no way on");
}

static void die_by_hook(void)
{
    shmi_log_set_abort(end_with_seven);
    die();
}

static void die_twice(void)
{
    shmi_log_set_abort(fail_again);
    die();
}

static void die_with_trace(void)
{
    shmi_config.backtrace = true;
    die();
}

static void *chatter(void *letter)
{
    char text[65];

    memset(text, *(char *)letter, 64);
    text[64] = '\0';
    for (int i = 0; i < LINES; i++)
        shmi_info("%s", text);
    return NULL;
}

static void test_lines(void)
{
    char big[4000];

    capture_begin();
    shmi_warn("heap of %d bytes", 5);
    is_text(capture_end(), "npushmem: warning: heap of 5 bytes\n",
            "a warning before there are PEs");

    shmi_log_set_pe(3);
    capture_begin();
    errno = EACCES;
    shmi_error("cannot map: %m");
    is(errno, EACCES, "errno is left alone");
    is_text(capture_end(), "npushmem: PE 3: error: cannot map: Permission denied\n",
            "%m is understood");

    capture_begin();
    shmi_info("version 1");
    is_text(capture_end(), "npushmem: PE 3: version 1\n", "information has no level");

    capture_begin();
    shmi_debug("unseen");
    shmi_debugging = true;
    shmi_debug("seen");
    shmi_debugging = false;
    const char *text = capture_end();
    ok(strncmp(text, "npushmem: PE 3: debug: ", 23) == 0 && strstr(text, "test_log.c:") != NULL &&
           strstr(text, "unseen") == NULL,
       "debugging lines name their place, and are off by default");

    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    capture_begin();
    shmi_info("%s", big);
    text = capture_end();
    ok(strlen(text) > 1000 && strcmp(text + strlen(text) - 4, "...\n") == 0, "a long line is cut");
    shmi_log_set_pe(-1);
}

static void test_threads(void)
{
    pthread_t thread[THREADS];
    char letter[THREADS] = {'a', 'b', 'c', 'd'};
    int lines = 0, whole = 0;
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    char line[128], wanted[128];

    dup2(fileno(file), STDERR_FILENO);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, chatter, &letter[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        strcpy(wanted, "npushmem: ");
        memset(wanted + 10, line[10], 64);
        strcpy(wanted + 74, "\n");
        lines++;
        whole += strcmp(line, wanted) == 0;
    }
    fclose(file);
    is(lines, THREADS * LINES, "as many lines as were written");
    is(whole, lines, "threads' lines do not mix");
}

int main(void)
{
    test_lines();
    test_threads();

    capture_begin();
    int plain = in_child(die);
    is_text(capture_end(), "npushmem: fatal: no way on\n", "a fatal line");
    is(plain, 1, "it ends the process with status 1");
    capture_begin();
    int hooked = in_child(die_by_hook);
    int twice = in_child(die_twice);
    capture_end();
    is(hooked, 7, "the hook decides how to end");
    is(twice, 1, "a fatal error in the hook ends, too");
    capture_begin();
    in_child(die_with_trace);
    const char *text = capture_end();
    ok(strstr(text, "no way on") != NULL && strchr(text, '[') != NULL, "a stack trace on request");
    return done();
}
