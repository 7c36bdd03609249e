/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hbm_agent.h -- device memory that nobody else reaches: its PE's agent moves the bytes.
 *
 * Where devices do not map each other's memory and no adapter reaches it, each PE has a desk in its
 * symmetric host memory (hbm_desk.h).  Its agent is whichever of the PE's threads waits in the
 * library, as that one takes in what comes through a network anyway; and a thread that does it
 * while nobody waits.  Who wants something takes the desk, puts messages and pieces of data there,
 * and is answered at his own, where the pieces that he asked for arrive as well.  So nobody waits
 * for a round trip but at the beginning and at the end: while some pieces are on their way, those
 * before them are copied at one end and those after them at the other.  Who met nobody else at a
 * desk keeps it until somebody wants it: that one tells him, and his agent gives it back where he
 * does not himself.
 */
#ifndef SHMI_HBM_AGENT_H
#define SHMI_HBM_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/amo.h"
#include "core/base/util.h"

/* All PEs alike; 0 or -errno after logging.  close: when nobody needs it any more. */
int shmi_hbm_agent_open(void);
void shmi_hbm_agent_close(void);

extern SHMI_HIDDEN bool shmi_hbm_agent_on;

/* Do what others have asked for, and arrived.  Any thread that waits. */
void shmi_hbm_agent_attend(void);

/* Done at both ends when they return.  addr is in the symmetric device heap. */
void shmi_hbm_agent_put(const char *who, void *addr, const void *source, size_t len, int pe);
void shmi_hbm_agent_get(const char *who, void *dest, const void *addr, size_t len, int pe);
void shmi_hbm_agent_amo(const char *who, void *addr, const struct shmi_amo *amo, int pe);

#endif
