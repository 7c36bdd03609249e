/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.h -- the PMIx server of a job whose PEs all run on this machine.
 *
 * libpmix does the talking, on a thread of its own.  What the launcher has to know arrives as notes
 * in a pipe, so that one loop sees everything that happens in an order.
 */
#ifndef OSHRUN_SERVER_H
#define OSHRUN_SERVER_H

#include "options.h"

enum note_kind {
    NOTE_JOINED, /* a PE has called PMIx_Init */
    NOTE_LEFT,   /* and PMIx_Finalize; sent before that call returns to it */
    NOTE_ABORT,  /* a PE wants the job to end with this status */
    NOTE_ANSWER, /* libpmix waits for server_answer(request) */
};

/* Small enough that the pipe never splits one. */
struct note {
    enum note_kind kind;
    int pe;
    int status;
    void *request;
};

/* Start serving n_pes PEs.  Signals that the caller waits for have to be blocked already.  Gives up
 * with a message where PMIx does not work.  Returns the end of the pipe to read notes from. */
int server_open(const struct options *options, int n_pes);

/* The environment of one PE, to be freed: this process's, less what an outer launcher left there,
 * plus what PMIx and -x want. */
char **server_environment(int pe, const struct app *app);

/* Answer a request, from the thread that reads the notes. */
void server_answer(void *request);

/* Tell the others that this PE has died: code is one of PMIx's. */
void server_notify_death(int pe, int code);

/* Remove what the server has in the file system.  The library is not told to stop: it may wait
 * for ever for what clients left behind, and the process is about to exit. */
void server_close(void);

#endif
