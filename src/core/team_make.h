/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * team_make.h -- how teams come to be: ids, splits and active sets; for the team files alone.
 *
 * An id is free on a PE while no team there has it.  A new team needs one that is free on all its
 * members: team_split.c finds it by combining their lists, and a claim is atomic, because two
 * threads of a PE may be making teams at once.
 */
#ifndef SHMI_TEAM_MAKE_H
#define SHMI_TEAM_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/team.h"

enum { SHMI_ID_WORLD, SHMI_ID_SHARED };

/* The free ids of this PE: a bit each, in words of 64. */
void shmi_ids_open(void);
void shmi_ids_close(void);
size_t shmi_ids_words(void);
uint64_t *shmi_ids_bits(void); /* in symmetric memory */
uint64_t shmi_ids_word(size_t word);

/* Take a free id; false: somebody was faster.  Give it back, with the last step made with it, from
 * which the next team that gets it counts on. */
bool shmi_id_claim(uint32_t id);
void shmi_id_release(uint32_t id, uint64_t last);
uint64_t shmi_id_last(uint32_t id);

/* A team of this shape, under a claimed id, whose steps begin after first. */
struct shmi_team *shmi_team_make(const struct shmi_team *shape, uint32_t id, uint64_t first);

/* A team of the same members, with an id and steps of its own; all of them call it.  NULL after
 * logging. */
struct shmi_team *shmi_team_twin(const char *who, struct shmi_team *team);

/* The end of a team that none of its members is using any more. */
void shmi_team_abandon(struct shmi_team *team);

void shmi_active_sets_close(void);

#endif
