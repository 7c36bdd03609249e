/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace.c -- a time line of what this PE does.
 *
 * Events are kept in memory and written in shmem_finalize, by one PE after the other into one file:
 * an array of JSON objects, of which Chrome's format says that "X" is something with a beginning
 * ("ts") and a length ("dur"), in microseconds, of a process ("pid", here the PE) and a thread of
 * it.  Times are those of the hosts' clocks, counted from when the first PE began.
 */
#include "core/trace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/coll.h"

enum {
    CHUNK = 4096,
    EVENTS_MAX = 1 << 20, /* of a PE: some 50 MiB here, twice that in the file */
};

struct event {
    const char *who;
    uint64_t begin; /* nanoseconds */
    uint64_t end;
    size_t bytes;
    int pe;
    unsigned thread;
    bool is_wait;
};

struct chunk {
    struct chunk *next;
    size_t n;
    struct event events[CHUNK];
};

static struct {
    struct chunk *first;
    struct chunk *last;
    size_t n;
    size_t n_lost;
    uint64_t start;       /* of the time line */
    char *path;           /* of the file; NULL: no trace is being made */
    bool is_paused;       /* by the program */
    pthread_mutex_t lock; /* of the events: threads add them */
} trace = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool shmi_tracing;

uint64_t shmi_trace_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* the one that hosts have in common */
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Threads are numbered as they come. */
static unsigned my_number(void)
{
    static unsigned n_threads;
    static _Thread_local unsigned number;
    if (number == 0) {
        number = __atomic_add_fetch(&n_threads, 1, __ATOMIC_RELAXED);
    }
    return number;
}

/* A place for one more event; NULL: there are too many.  Under the lock. */
static struct event *next_place(void)
{
    if (trace.n >= EVENTS_MAX) {
        return NULL;
    }
    if (trace.last == NULL || trace.last->n == CHUNK) {
        struct chunk *chunk = malloc(sizeof(*chunk));
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = NULL;
        chunk->n = 0;
        *(trace.last == NULL ? &trace.first : &trace.last->next) = chunk;
        trace.last = chunk;
    }
    trace.n++;
    return &trace.last->events[trace.last->n++];
}

void shmi_trace_add(uint64_t begun, bool is_wait, const char *who, int pe, size_t bytes)
{
    const struct event event = {
        .who = who,
        .begin = begun,
        .end = shmi_trace_clock(),
        .bytes = bytes,
        .pe = pe,
        .thread = my_number(),
        .is_wait = is_wait,
    };
    pthread_mutex_lock(&trace.lock);
    struct event *place = next_place();
    if (place != NULL) {
        *place = event;
    } else {
        trace.n_lost++;
    }
    pthread_mutex_unlock(&trace.lock);
}

/* The program may go elsewhere before it is written.  NULL with errno. */
static char *absolute(const char *name)
{
    char *path = NULL;
    char *here = name[0] == '/' ? strdup("") : getcwd(NULL, 0);
    if (here == NULL || asprintf(&path, "%s%s%s", here, here[0] == '\0' ? "" : "/", name) < 0) {
        path = NULL;
    }
    free(here);
    return path;
}

void shmi_trace_open(void)
{
    if (shmi_config.trace[0] == '\0') {
        return;
    }
    trace.path = absolute(shmi_config.trace);
    if (trace.path == NULL) {
        shmi_fatal("cannot have the trace %s (SHMEM_TRACE): %m", shmi_config.trace);
    }
    /* The least of all is the complement of the largest complement. */
    uint64_t start = ~shmi_trace_clock();
    shmi_coll_agree("shmem_init", shmi_team_world, SHMI_AGREE_MAX, &start, &start, 1);
    trace.start = ~start;
    shmi_tracing = !trace.is_paused;
}

void shmi_trace_pause(bool is_paused)
{
    trace.is_paused = is_paused;
    shmi_tracing = trace.path != NULL && !is_paused;
}

/* Microseconds on the time line. */
static double when(uint64_t ns)
{
    return (double)(int64_t)(ns - trace.start) / 1000;
}

static void write_event(FILE *file, const struct event *event)
{
    fprintf(file,
            ",\n{\"name\":\"%s%s\",\"ph\":\"X\",\"ts\":%.3f,\"dur\":%.3f,\"pid\":%d,\"tid\":%u,"
            "\"args\":{",
            event->is_wait ? "wait in " : "", event->who, when(event->begin),
            (double)(event->end - event->begin) / 1000, shmi_job.my_pe, event->thread);
    if (event->pe >= 0) {
        fprintf(file, "\"pe\":%d%s", event->pe, event->is_wait ? "" : ",");
    }
    if (!event->is_wait) {
        fprintf(file, "\"bytes\":%zu", event->bytes);
    }
    fprintf(file, "}}");
}

/* This PE's part of the file.  0, or -1 with errno. */
static int write_part(void)
{
    char host[64] = "";
    bool is_first = shmi_job.my_pe == 0;
    FILE *file = fopen(trace.path, is_first ? "we" : "ae");
    if (file == NULL) {
        return -1;
    }
    gethostname(host, sizeof(host) - 1);
    fprintf(file,
            "%s{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":"
            "\"PE %d on %s\"}}",
            is_first ? "[\n" : ",\n", shmi_job.my_pe, shmi_job.my_pe, host);
    for (const struct chunk *chunk = trace.first; chunk != NULL; chunk = chunk->next) {
        for (size_t i = 0; i < chunk->n; i++) {
            write_event(file, &chunk->events[i]);
        }
    }
    if (shmi_job.my_pe == shmi_job.n_pes - 1) {
        fprintf(file, "\n]\n");
    }
    int failed = ferror(file);
    return fclose(file) != 0 || failed ? -1 : 0;
}

void shmi_trace_close(void)
{
    if (trace.path == NULL) {
        return;
    }
    shmi_tracing = false;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        if (pe == shmi_job.my_pe && write_part() != 0) {
            shmi_error("cannot write the trace %s (SHMEM_TRACE): %m", trace.path);
        }
        shmi_coll_sync("shmem_finalize", shmi_team_world);
    }
    if (trace.n_lost != 0) {
        shmi_warn("%zu events are not in the trace: it takes %d of a PE", trace.n_lost, EVENTS_MAX);
    }
    while (trace.first != NULL) {
        struct chunk *chunk = trace.first;
        trace.first = chunk->next;
        free(chunk);
    }
    free(trace.path);
    trace.path = NULL;
    trace.last = NULL;
    trace.n = 0;
    trace.n_lost = 0;
}
