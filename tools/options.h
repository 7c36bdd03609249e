/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h -- what the user asked oshrun to do.
 */
#ifndef OSHRUN_OPTIONS_H
#define OSHRUN_OPTIONS_H

#include <stdbool.h>

/* A program with its number of PEs; several, separated by ":", make one job. */
struct app {
    int n_pes;      /* 0 where the user did not say */
    char **argv;    /* ends with NULL */
    char **exports; /* of -x, as VAR or VAR=VALUE; ends with NULL */
};

struct options {
    struct app *apps;
    int n_apps;
    char *hosts;          /* "h1:2,h2:2", or NULL: this machine */
    int per_node;         /* --ppn, or 0 */
    const char *launcher; /* a word of SHMEM_LAUNCHER */
    const char *dir;      /* where the programs start, or NULL: here */
    double timeout;       /* seconds, 0: none */
    bool tag;
    bool verbose;
    char **pass; /* for the launcher itself; ends with NULL */
};

/* Read the command line.  Prints what is wrong and exits where it cannot be understood; does not
 * return from --help and --version either. */
void options_read(struct options *options, int argc, char **argv);

/* The number of PEs of all programs; needs each n_pes to be set. */
int options_total(const struct options *options);

/* CPUs that this process may use. */
int usable_cpus(void);

/* Print "oshrun: " and the text to stderr in one write; understands %m. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and exit with status 1. */
void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
