/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pump.h -- the input and output of PEs, where oshrun stands in between.
 *
 * Without --tag the PEs write straight to where oshrun would.  A terminal as input has to be
 * carried: PE 0 is not in the terminal's foreground, and would be stopped for reading from it.
 */
#ifndef OSHRUN_PUMP_H
#define OSHRUN_PUMP_H

#include <poll.h>
#include <stdbool.h>

/* The three descriptors a PE starts with, to be closed after its start where they are not ours. */
struct pump_ends {
    int fd[3];
};

/* Room for n_pes PEs; tag: their lines are to be labelled. */
void pump_open(int n_pes, bool tag);

void pump_start(int pe, struct pump_ends *ends);
void pump_started(const struct pump_ends *ends);

/* At most this many entries are written to polls by pump_polls, which returns how many. */
int pump_polls_max(void);
int pump_polls(struct pollfd *polls);

/* Carry what can be carried, given what poll has found. */
void pump_run(const struct pollfd *polls, int n_polls);

/* oshrun is in the foreground again: the terminal may be read. */
void pump_resume(void);

/* Write out what the PEs, now gone, have left in their pipes. */
void pump_finish(void);

#endif
