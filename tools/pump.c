/* SPDX-License-Identifier: BSD-3-Clause */
/* pump.c -- lines of PEs with their number in front, and a terminal's input for PE 0. */
#include "pump.h"

#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16384 };

/* One pipe from a PE.  What it has written after its last line feed waits in line. */
struct stream {
    int from; /* -1: closed */
    int to;
    int pe;
    size_t used;
    char *line;
};

static struct {
    struct stream *streams; /* two for each PE, where lines are labelled */
    int n_streams;
    bool tag;
    int input;      /* the pipe to PE 0, -1: none */
    bool is_paused; /* in the background: do not touch the terminal */
    char typed[4096];
    size_t n_typed;
} pump = {.input = -1};

static int null_input(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        give_up("cannot open /dev/null: %m");
    return fd;
}

void pump_open(int n_pes, bool tag)
{
    pump.tag = tag;
    pump.streams = calloc((size_t)n_pes * 2, sizeof(*pump.streams));
    if (pump.streams == NULL)
        give_up("out of memory");
}

static int start_output(int pe, int to)
{
    struct stream *stream = &pump.streams[pump.n_streams++];
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        give_up("cannot make a pipe for the output of PE %d: %m", pe);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *stream = (struct stream){.from = ends[0], .to = to, .pe = pe, .line = malloc(LINE_MAX_BYTES)};
    if (stream->line == NULL)
        give_up("out of memory");
    return ends[1];
}

static int start_terminal(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        give_up("cannot make a pipe for the input of PE 0: %m");
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    pump.input = ends[1];
    return ends[0];
}

void pump_start(int pe, struct pump_ends *ends)
{
    *ends = (struct pump_ends){.fd = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}};
    if (pe > 0)
        ends->fd[0] = null_input();
    else if (isatty(STDIN_FILENO))
        ends->fd[0] = start_terminal();
    if (pump.tag) {
        ends->fd[1] = start_output(pe, STDOUT_FILENO);
        ends->fd[2] = start_output(pe, STDERR_FILENO);
    }
}

void pump_started(const struct pump_ends *ends)
{
    for (int i = 0; i < 3; i++)
        if (ends->fd[i] > STDERR_FILENO)
            close(ends->fd[i]);
}

int pump_polls_max(void)
{
    return pump.n_streams + 2;
}

int pump_polls(struct pollfd *polls)
{
    int n = 0;

    for (int i = 0; i < pump.n_streams; i++)
        polls[n++] = (struct pollfd){.fd = pump.streams[i].from, .events = POLLIN};
    if (pump.input >= 0 && pump.n_typed > 0)
        polls[n++] = (struct pollfd){.fd = pump.input, .events = POLLOUT};
    else if (pump.input >= 0 && !pump.is_paused)
        polls[n++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    return n;
}

/* The reader has gone: let the PE notice as it would without us, by writing to nobody. */
static void close_stream(struct stream *stream)
{
    close(stream->from);
    stream->from = -1;
}

/* Write a line with its label, whole: other PEs' lines must not get between. */
static void write_line(struct stream *stream, const char *text, size_t len)
{
    char label[32], line[LINE_MAX_BYTES + sizeof(label) + 1];
    size_t used = (size_t)snprintf(label, sizeof(label), "[%d] ", stream->pe);

    memcpy(line, label, used);
    memcpy(line + used, text, len);
    used += len;
    if (len == 0 || text[len - 1] != '\n')
        line[used++] = '\n';
    for (size_t done = 0; done < used && stream->from >= 0;) {
        ssize_t written = write(stream->to, line + done, used - done);
        if (written > 0)
            done += (size_t)written;
        else if (written < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = stream->to, .events = POLLOUT}, 1, -1);
        else if (written < 0 && errno != EINTR)
            close_stream(stream);
    }
}

/* Take what is there; write the lines that are complete.  False when nothing more can come. */
static bool carry(struct stream *stream)
{
    ssize_t got = read(stream->from, stream->line + stream->used, LINE_MAX_BYTES - stream->used);
    char *start = stream->line, *feed;

    if (got < 0)
        return errno == EINTR;
    if (got == 0) {
        if (stream->used > 0)
            write_line(stream, stream->line, stream->used);
        stream->used = 0;
        if (stream->from >= 0)
            close_stream(stream);
        return false;
    }
    stream->used += (size_t)got;
    while ((feed = memchr(start, '\n', stream->used)) != NULL) {
        size_t len = (size_t)(feed + 1 - start);
        write_line(stream, start, len);
        start += len;
        stream->used -= len;
    }
    memmove(stream->line, start, stream->used);
    if (stream->used == LINE_MAX_BYTES) {
        write_line(stream, stream->line, stream->used);
        stream->used = 0;
    }
    return stream->from >= 0;
}

static void stop_input(void)
{
    close(pump.input);
    pump.input = -1;
    pump.n_typed = 0;
}

static void read_terminal(void)
{
    pid_t foreground = tcgetpgrp(STDIN_FILENO);

    if (foreground >= 0 && foreground != getpgrp()) {
        pump.is_paused = true;
        return;
    }
    ssize_t got = read(STDIN_FILENO, pump.typed, sizeof(pump.typed));
    if (got > 0)
        pump.n_typed = (size_t)got;
    else if (got == 0 || errno != EINTR)
        stop_input();
}

static void write_typed(void)
{
    ssize_t written = write(pump.input, pump.typed, pump.n_typed);

    if (written > 0) {
        pump.n_typed -= (size_t)written;
        memmove(pump.typed, pump.typed + written, pump.n_typed);
    } else if (errno != EINTR && errno != EAGAIN) {
        stop_input();
    }
}

void pump_run(const struct pollfd *polls, int n_polls)
{
    for (int i = 0; i < pump.n_streams; i++)
        if (polls[i].revents != 0 && pump.streams[i].from >= 0)
            carry(&pump.streams[i]);
    for (int i = pump.n_streams; i < n_polls; i++) {
        if (polls[i].revents == 0 || pump.input < 0)
            continue;
        if (pump.n_typed > 0)
            write_typed();
        else
            read_terminal();
    }
}

void pump_resume(void)
{
    pump.is_paused = false;
}

void pump_finish(void)
{
    for (int i = 0; i < pump.n_streams; i++) {
        struct stream *stream = &pump.streams[i];
        while (stream->from >= 0 && carry(stream))
            ;
        if (stream->used > 0 && stream->from >= 0)
            write_line(stream, stream->line, stream->used);
        stream->used = 0;
    }
}
