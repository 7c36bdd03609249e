/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * program.h -- the executable as it lies in memory: where its variables are, and its constants.
 *
 * Its writable pages, but for those that become read-only after relocation, are symmetric.  As a
 * rule they are one part; programs for large static data (-mcmodel=medium) have two, which count as
 * one range with whatever lies between.
 */
#ifndef SHMI_PROGRAM_H
#define SHMI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages that the executable's file describes. */
struct shmi_part {
    char *start;
    size_t len;
    bool is_writable;
    bool is_code;
};

#define SHMI_PARTS 16

struct shmi_program {
    uint64_t id; /* the same on PEs that run one program, another for others */
    char *data;  /* the symmetric range */
    size_t data_len;
    struct shmi_part part[SHMI_PARTS];
    int n_parts;
};

/* Look again; several_parts: the range may have them. */
void shmi_program_find(bool several_parts);

extern struct shmi_program shmi_program;

/* Is it a constant of the program, and so the same on all PEs that run it? */
bool shmi_program_is_constant(const void *addr);

#endif
