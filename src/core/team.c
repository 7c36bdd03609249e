/* SPDX-License-Identifier: BSD-3-Clause */
/* team.c -- teams: their life, and what may be asked of them (section 9.4). */
#include "core/team.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/config.h"
#include "core/base/export.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/coll.h"
#include "core/coll_net.h"
#include "core/ctx.h"
#include "core/order.h"
#include "core/setup.h"
#include "core/team_make.h"

struct shmi_team *shmi_team_world;
struct shmi_team *shmi_team_shared;

static struct {
    struct shmi_team *all; /* linked by next */
    int *shared;           /* the PEs whose memory is mapped here */
    pthread_mutex_t lock;  /* of the list */
} teams = {.lock = PTHREAD_MUTEX_INITIALIZER};

int shmi_team_member(const struct shmi_team *team, int pe)
{
    if (team->root != NULL) {
        for (int i = 0; i < team->n_pes; i++) {
            if (shmi_team_pe(team, i) == pe) {
                return i;
            }
        }
        return -1;
    }
    int from = pe - team->start;
    if (team->stride == 0) {
        return from == 0 ? 0 : -1;
    }
    int i = from / team->stride;
    return from % team->stride == 0 && i >= 0 && i < team->n_pes ? i : -1;
}

struct shmi_team *shmi_team_required(const char *who, shmem_team_t handle)
{
    struct shmi_team *team = shmi_team_of(handle);
    if (shmi_unlikely(team == NULL)) {
        shmi_require_running(who);
        shmi_fatal("%s: team is SHMEM_TEAM_INVALID; only members of a team may call this", who);
    }
    return team;
}

shmem_team_t shmi_team_handle(const struct shmi_team *team)
{
    if (team == shmi_team_world) {
        return SHMEM_TEAM_WORLD;
    }
    return team == shmi_team_shared ? SHMEM_TEAM_SHARED : (shmem_team_t)team;
}

/* The name under which the launcher may know a team: the same on all members. */
static void group_name(const struct shmi_team *team, char *name, size_t len)
{
    snprintf(name, len, "npushmem.%u.%d.%d.%d.%lu", team->id, shmi_team_pe(team, 0), team->stride,
             team->n_pes, (unsigned long)team->first);
}

static void announce(const struct shmi_team *team)
{
    if (!shmi_config.team_groups || team->predefined) {
        return;
    }
    char name[96];
    int *pes = malloc((size_t)team->n_pes * sizeof(*pes));
    for (int i = 0; pes != NULL && i < team->n_pes; i++) {
        pes[i] = shmi_team_pe(team, i);
    }
    group_name(team, name, sizeof(name));
    int rc = pes == NULL ? -ENOMEM : shmi_job_group_create(name, pes, team->n_pes);
    if (rc != 0) {
        shmi_debug("the launcher is not told of team %s: %s", name,
                   rc == -ENOTSUP ? "it has no PMIx groups" : "its answer was an error");
    }
    free(pes);
}

struct shmi_team *shmi_team_make(const struct shmi_team *shape, uint32_t id, uint64_t first)
{
    struct shmi_team *team = malloc(sizeof(*team));
    if (team == NULL) {
        shmi_fatal("out of memory for a team of %d PEs", shape->n_pes);
    }
    *team = *shape;
    team->id = id;
    team->step = first;
    team->met = first;
    team->first = first;
    team->contexts = NULL;
    team->net = NULL;
    team->lane = SHMI_LANE_ALL;
    team->on_node = true;
    for (int i = 0; i < team->n_pes && team->on_node; i++) {
        int pe = shmi_team_pe(team, i);
        team->on_node = shmi_segments[SHMI_SEGMENT_HEAP].window[pe].map != NULL;
    }
    pthread_mutex_lock(&teams.lock);
    team->next = teams.all;
    teams.all = team;
    pthread_mutex_unlock(&teams.lock);
    announce(team);
    return team;
}

static void unmake(struct shmi_team *team)
{
    while (team->contexts != NULL) {
        shmi_ctx_destroy(team->contexts);
    }
    pthread_mutex_lock(&teams.lock);
    struct shmi_team **link = &teams.all;
    while (*link != team) {
        link = &(*link)->next;
    }
    *link = team->next;
    pthread_mutex_unlock(&teams.lock);
    shmi_net_part(team);
    free(team);
}

void shmi_team_abandon(struct shmi_team *team)
{
    shmi_id_release(team->id, shmi_net_last(team));
    unmake(team);
}

void shmi_team_quiet(void)
{
    for (struct shmi_team *team = teams.all; team != NULL; team = team->next) {
        for (struct shmi_ctx *ctx = team->contexts; ctx != NULL; ctx = ctx->next) {
            if ((ctx->options & SHMEM_CTX_PRIVATE) == 0) {
                shmi_quiet(ctx);
            }
        }
    }
}

int shmi_team_open(void)
{
    int n_pes = shmi_job.n_pes;
    int n_shared = 0;
    teams.shared = malloc((size_t)n_pes * sizeof(*teams.shared));
    if (teams.shared == NULL) {
        return -ENOMEM;
    }
    int my_shared = 0;
    for (int pe = 0; pe < n_pes; pe++) {
        if (pe == shmi_job.my_pe) {
            my_shared = n_shared;
        }
        if (shmi_segments[SHMI_SEGMENT_HEAP].window[pe].map != NULL) {
            teams.shared[n_shared++] = pe;
        }
    }
    struct shmi_team world = {
        .stride = 1,
        .n_pes = n_pes,
        .my_pe = shmi_job.my_pe,
        .predefined = true,
    };
    struct shmi_team shared = {
        .root = teams.shared,
        .stride = 1,
        .n_pes = n_shared,
        .my_pe = my_shared,
        .predefined = true,
    };
    shmi_ids_open();
    shmi_team_world = shmi_team_make(&world, SHMI_ID_WORLD, 0);
    shmi_team_shared = shmi_team_make(&shared, SHMI_ID_SHARED, 0);
    return 0;
}

void shmi_team_close(void)
{
    shmi_active_sets_close();
    while (teams.all != NULL) {
        unmake(teams.all);
    }
    shmi_net_close();
    shmi_ids_close();
    free(teams.shared);
    teams.shared = NULL;
    shmi_team_world = NULL;
    shmi_team_shared = NULL;
}

void shmem_team_destroy(shmem_team_t handle)
{
    struct shmi_team *team = shmi_team_of(handle);
    shmi_require_running(__func__);
    if (team == NULL) {
        return;
    }
    if (team->predefined) {
        shmi_fatal("%s: the predefined teams cannot be destroyed", __func__);
    }
    /* All have come here: nobody is in an earlier collective of the team, nor needs its slot. */
    shmi_coll_sync(__func__, team);
    if (shmi_config.team_groups) {
        char name[96];
        group_name(team, name, sizeof(name));
        shmi_job_group_destroy(name);
    }
    shmi_team_abandon(team);
}
PSHMEM(_team_destroy)

int shmem_team_my_pe(shmem_team_t handle)
{
    const struct shmi_team *team = shmi_team_of(handle);
    shmi_require_running(__func__);
    return team == NULL ? -1 : team->my_pe;
}
PSHMEM(_team_my_pe)

int shmem_team_n_pes(shmem_team_t handle)
{
    const struct shmi_team *team = shmi_team_of(handle);
    shmi_require_running(__func__);
    return team == NULL ? -1 : team->n_pes;
}
PSHMEM(_team_n_pes)

int shmem_team_get_config(shmem_team_t handle, long config_mask, shmem_team_config_t *config)
{
    const struct shmi_team *team = shmi_team_of(handle);
    shmi_require_running(__func__);
    if (team == NULL || (config == NULL && config_mask != 0)) {
        return -1;
    }
    if ((config_mask & SHMEM_TEAM_NUM_CONTEXTS) != 0) {
        config->num_contexts = team->num_contexts;
    }
    return 0;
}
PSHMEM(_team_get_config)

int shmem_team_translate_pe(shmem_team_t src_team, int src_pe, shmem_team_t dest_team)
{
    const struct shmi_team *from = shmi_team_of(src_team);
    const struct shmi_team *to = shmi_team_of(dest_team);
    shmi_require_running(__func__);
    if (from == NULL || to == NULL || src_pe < 0 || src_pe >= from->n_pes) {
        return -1;
    }
    return shmi_team_member(to, shmi_team_pe(from, src_pe));
}
PSHMEM(_team_translate_pe)
