/* SPDX-License-Identifier: BSD-3-Clause */
/* exits.c -- a PE that returns from main without shmem_finalize. */
#include "core/exits.h"

#include <string.h>

#include "core/base/job.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "core/rma.h"
#include "core/status.h"
#include "core/wait.h"

/* Nanoseconds: between looks at PEs that only a network reaches; and when nothing has moved for so
 * long, nothing does any more. */
#define FAR_NS   (100ull * 1000 * 1000)
#define STUCK_NS (3000ull * 1000 * 1000)

static const char who[] = "exit without shmem_finalize";

/* What has been seen of the others. */
struct look {
    int n_ended; /* or about to */
    int n_waiting;
    uint64_t waits; /* all their waits, as one number */
    int stuck;      /* one of these, */
    char in[sizeof(((struct shmi_status *)0)->who)];
};

struct exits {
    struct shmi_waiting base;
    uint64_t waits; /* when they were last others, */
    uint64_t since; /* and when that was */
    uint64_t next_far;
};

static void add(struct look *look, const struct shmi_status *status, int pe)
{
    uint32_t presence = shmi_load_acquire(&status->presence);
    if (presence != SHMI_ABSENT && presence != SHMI_PRESENT) {
        look->n_ended++;
    } else if (presence == SHMI_PRESENT && shmi_load_acquire(&status->waiting) == SHMI_WAITING) {
        look->n_waiting++;
        look->waits = 31 * look->waits + shmi_load_relaxed(&status->since);
        look->stuck = pe;
        memcpy(look->in, status->who, sizeof(look->in));
    }
}

/* All that share memory with this PE, or all that do not. */
static int look_at(struct look *look, bool far)
{
    const struct shmi_status *mine = shmi_status_of(shmi_job.my_pe);
    int n = 0;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        const struct shmi_status *status = shmi_status_of(pe);
        struct shmi_status copy;
        if (pe == shmi_job.my_pe || (status == NULL) != far) {
            continue;
        }
        if (far) {
            shmi_get_slowly(who, &shmi_ctx_default, &copy, mine, sizeof(copy), pe, SHMI_NOW);
            status = &copy;
        }
        add(look, status, pe);
        n++;
    }
    return n;
}

/* Times are compared with this PE's clock alone: those of other hosts are not the same. */
static void judge(struct exits *exits, const struct look *look, uint64_t now)
{
    if (look->n_ended + look->n_waiting != shmi_job.n_pes - 1 || look->waits != exits->waits) {
        exits->waits = look->waits;
        exits->since = now;
    } else if (now - exits->since > STUCK_NS) {
        shmi_fatal("this PE has returned from main or called exit without shmem_finalize, and all "
                   "that have not are waiting, PE %d in %s: ending the job",
                   look->stuck, look->in);
    }
}

static bool all_have_ended(struct shmi_waiting *waiting)
{
    struct exits *exits = (struct exits *)waiting;
    struct look look = {.waits = 1};
    uint64_t now = shmi_now_ns();
    int near = look_at(&look, false);
    if (near != shmi_job.n_pes - 1) {
        if (now < exits->next_far) {
            return false;
        }
        look_at(&look, true);
        exits->next_far = now + FAR_NS;
    }
    if (look.n_ended == shmi_job.n_pes - 1) {
        return true;
    }
    judge(exits, &look, now);
    return false;
}

void shmi_exits_await(void)
{
    struct exits exits = {
        .base = {.who = who, .pe = -1, .done = all_have_ended},
        .since = shmi_now_ns(),
    };
    shmi_wait(&exits.base);
}
