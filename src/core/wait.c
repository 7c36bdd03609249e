/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wait.c -- the one place where a PE waits.
 *
 *     spin     politely, where every PE has a core of its own
 *     yield    a yield on an idle core costs little more than a look at the word; on a shared one
 *              it lets the PE run that is waited for
 *     nap      for a sixteenth of the time already waited, at most some milliseconds: so the nap
 *              never makes a wait more than some percent longer, and a PE that waits long needs no
 *              CPU; shorter for a word that a kernel may change, as no kernel can wake anybody
 */
#include "core/wait.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/base/topology.h"
#include "core/base/util.h"
#include "core/card.h"
#include "core/hbm.h"
#include "core/hbm_agent.h"
#include "core/status.h"
#include "core/trace.h"
#include "transport/transport.h"

enum {
    LOOKS = 64,
    SPIN_NS = 20 * 1000,    /* about the cost of being put to sleep and woken again */
    YIELD_NS = 1000 * 1000, /* with a core of one's own */
    YIELD_SHARED_NS = 200 * 1000,
    NAP_MIN_NS = 10 * 1000,
    NAP_MAX_NS = 4 * 1000 * 1000,
    NAP_MAX_NETWORK_NS = 4 * NAP_MAX_NS, /* a look at a network costs more */
    NAP_MAX_DEVICE_NS = 200 * 1000,      /* nothing wakes who waits for a kernel's store */
    NAP_SHARE = 16,
    NAP_SHARE_DEVICE = 1024,
    LOOKS_PER_CLOCK = 16,  /* reading the clock costs as much as several looks */
    LOOKS_PER_NETWORK = 4, /* what a network brings is seen by looking at the network */
};
#define PEERS_NS  (100u * 1000 * 1000) /* between looks at whether the PEs are still alive */
#define SECOND_NS 1000000000u

static struct {
    uint64_t spin_ns;
    uint64_t yield_ns;
    bool crowded; /* more PEs than cores */
    int cpus;     /* of the node, that its PEs may use */
} patience = {.spin_ns = SPIN_NS, .yield_ns = YIELD_NS};

int shmi_looks = LOOKS;

void shmi_wait_describe(struct shmi_card *mine)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    memcpy(mine->cpus, &set, shmi_min(sizeof(mine->cpus), sizeof(set)));
    mine->cpus_usable = (uint32_t)shmi_topology_cpus();
}

void shmi_wait_open(const struct shmi_card *cards)
{
    uint64_t together[SHMI_COUNT(cards->cpus)] = {0};
    const struct shmi_card *mine = &cards[shmi_job.my_pe];
    int cpus = 0;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        bool here = cards[pe].ticket.host == mine->ticket.host;
        for (size_t i = 0; i < SHMI_COUNT(together) && here; i++) {
            together[i] |= cards[pe].cpus[i];
        }
    }
    for (size_t i = 0; i < SHMI_COUNT(together); i++) {
        cpus += __builtin_popcountll(together[i]);
    }
    /* A quota of CPU time counts for the whole node; an affinity mask only for its PE. */
    int my_cpus = 0;
    for (size_t i = 0; i < SHMI_COUNT(mine->cpus); i++) {
        my_cpus += __builtin_popcountll(mine->cpus[i]);
    }
    if ((int)mine->cpus_usable < my_cpus) {
        cpus = (int)shmi_min((size_t)cpus, mine->cpus_usable);
    }
    patience.cpus = cpus;
    patience.crowded = shmi_wait_is_crowded(1);
    /* What comes through a network may need a look at the network to come in. */
    shmi_looks = patience.crowded ? 1 : shmi_network.net != NULL ? LOOKS_PER_CLOCK : LOOKS;
    patience.spin_ns = patience.crowded ? 0 : SPIN_NS;
    patience.yield_ns = patience.crowded ? YIELD_SHARED_NS : YIELD_NS;
    if (shmi_config.spin >= 0) {
        patience.spin_ns = (uint64_t)shmi_config.spin * 1000;
    }
    shmi_debug("%d PEs of this node on %d cores: a wait spins %lu us, yields, then naps",
               shmi_segment_n_here(), cpus, (unsigned long)(patience.spin_ns / 1000));
}

bool shmi_wait_is_crowded(int threads)
{
    return shmi_segment_n_here() * threads > patience.cpus;
}

void shmi_take_in(uint64_t ns)
{
    if (shmi_network.net != NULL) {
        shmi_network.transport->progress(shmi_network.net, ns);
    } else if (ns != 0) {
        struct timespec time = {.tv_nsec = (long)ns};
        nanosleep(&time, NULL);
    }
}

/* Without a network the agent is left to its thread, which looks all the time: one that waits here
 * would but be in its way. */
static void progress(uint64_t ns)
{
    shmi_take_in(ns);
    if (shmi_unlikely(shmi_load_relaxed(&shmi_hbm_agent_on)) && shmi_network.net != NULL) {
        shmi_hbm_agent_attend();
    }
}

void shmi_progress(void)
{
    progress(0);
}

void shmi_wait_politely(void)
{
    shmi_progress();
    if (patience.crowded) {
        sched_yield();
    }
}

/* The segment of an awaited word and where it is in it; "" when it is the library's own. */
static const char *place_of(const void *addr, uint64_t *offset)
{
    const struct shmi_segment *seg = shmi_segment_of(addr);
    const struct shmi_segment *data = &shmi_segments[SHMI_SEGMENT_DATA];
    if (seg == NULL || (seg != data && (const char *)addr < shmi_segment_heap())) {
        *offset = 0;
        return "";
    }
    *offset = (uint64_t)((const char *)addr - seg->base);
    return seg->name;
}

/* Tell the node what this PE waits for, unless another of its threads is telling: true if told. */
static bool announce(const struct shmi_waiting *waiting, uint64_t since)
{
    struct shmi_status *mine = shmi_status_of(shmi_job.my_pe);
    uint32_t note = SHMI_NOT_WAITING;
    uint64_t offset = 0;
    if (!__atomic_compare_exchange_n(&mine->waiting, &note, SHMI_NOTING, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) { /* pairs with retract */
        return false;
    }
    snprintf(mine->who, sizeof(mine->who), "%s", waiting->who);
    snprintf(mine->segment, sizeof(mine->segment), "%s", place_of(waiting->addr, &offset));
    mine->offset = offset;
    mine->for_pe = waiting->pe;
    shmi_store_relaxed(&mine->since, since);          /* read also by this PE's other threads */
    shmi_store_release(&mine->waiting, SHMI_WAITING); /* pairs with is_waiting */
    return true;
}

static void retract(void)
{
    shmi_store_release(&shmi_status_of(shmi_job.my_pe)->waiting, SHMI_NOT_WAITING);
}

static bool is_waiting(const struct shmi_status *status)
{
    return shmi_load_acquire(&status->waiting) == SHMI_WAITING; /* pairs with announce */
}

/* A sentence for what the PE that is waited for is doing. */
static void describe_pe(int pe, const char *part, char *text, size_t len)
{
    const struct shmi_status *status = shmi_status_of(pe);
    if (pe == shmi_job.my_pe) {
        snprintf(text, len, "; that is this PE itself");
    } else if (status == NULL) {
        snprintf(text, len, "; PE %d is on another node", pe);
    } else if (shmi_load_acquire(&status->presence) == SHMI_LEFT) {
        snprintf(text, len, "; PE %d %shas left the job", pe, part);
    } else if (!is_waiting(status)) {
        snprintf(text, len, "; PE %d %sis not waiting: it computes, or has not come so far", pe,
                 part);
    } else if (status->for_pe < 0) {
        snprintf(text, len, "; PE %d %swaits itself in %s", pe, part, status->who);
    } else {
        snprintf(text, len, "; PE %d %swaits itself in %s for PE %d", pe, part, status->who,
                 status->for_pe);
    }
}

/* Does the PE wait for its turn at the same lock?  Then for whom, else -1. */
static int before_in_queue(const struct shmi_waiting *waiting, int pe)
{
    const struct shmi_status *status = shmi_status_of(pe);
    uint64_t offset = 0;
    const char *place = place_of(waiting->addr, &offset);
    bool queues = pe != shmi_job.my_pe && status != NULL && is_waiting(status) &&
                  status->offset == offset && strcmp(status->segment, place) == 0 &&
                  strcmp(status->who, waiting->who) == 0;
    return queues ? status->for_pe : -1;
}

/* The first in the queue before this PE: the lock's holder. */
static int holder_of(const struct shmi_waiting *waiting)
{
    int holder = waiting->pe;
    for (int i = 0, before = holder; i < shmi_job.n_pes && before >= 0; i++) {
        holder = before;
        before = before_in_queue(waiting, holder);
    }
    return holder;
}

static void report(const struct shmi_waiting *waiting, uint64_t waited_ns)
{
    char whom[32] = "any PE";
    char doing[160] = "";
    char word[64] = "";
    char value[128] = "";
    uint64_t offset = 0;
    const char *place = place_of(waiting->addr, &offset);
    if (waiting->tell != NULL) {
        waiting->tell(waiting, value, sizeof(value));
    }
    if (waiting->pe >= 0) {
        snprintf(whom, sizeof(whom), "PE %d", waiting->pe);
    }
    if (place[0] != '\0') {
        snprintf(word, sizeof(word), " to change %p (%s + %#lx)", waiting->addr, place,
                 (unsigned long)offset);
    }
    if (waiting->in_queue) {
        describe_pe(holder_of(waiting), "has the lock, and ", doing, sizeof(doing));
    } else if (waiting->pe >= 0) {
        describe_pe(waiting->pe, "", doing, sizeof(doing));
    }
    shmi_warn("waiting for %lu s in %s for %s%s%s%s (SHMEM_WATCHDOG=0 ends these reports)",
              (unsigned long)(waited_ns / SECOND_NS), waiting->who, whom, word, value, doing);
}

/* Has the process ended?  A pidfd tells, also while nobody has collected it. */
static bool is_dead(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return errno == ESRCH;
    }
    struct pollfd event = {.fd = fd, .events = POLLIN};
    bool dead = poll(&event, 1, 0) == 1;
    close(fd);
    return dead;
}

/* A PE that died, or that left while it is waited for, will never come: end the job. */
static void check_peer(struct shmi_waiting *waiting, int pe)
{
    const struct shmi_status *status = shmi_status_of(pe);
    if (pe == shmi_job.my_pe || status == NULL) {
        return;
    }
    uint32_t presence = shmi_load_acquire(&status->presence);
    if (presence == SHMI_ENDING && is_dead(status->pid)) {
        shmi_job_abort(status->end); /* the launcher is about to end this PE anyway */
    }
    if (presence != SHMI_ABSENT && presence != SHMI_LEFT && presence != SHMI_ENDING &&
        is_dead(status->pid) && !waiting->done(waiting) &&
        shmi_load_acquire(&status->presence) == presence) {
        shmi_fatal("PE %d (process %d) has died, and this PE waits in %s: ending the job", pe,
                   status->pid, waiting->who);
    }
    if (presence == SHMI_LEFT && pe == waiting->pe && !waiting->done(waiting)) {
        shmi_fatal(
            "PE %d has left the job with shmem_finalize or exit, and this PE waits for it in "
            "%s: ending the job",
            pe, waiting->who);
    }
}

static void check_peers(struct shmi_waiting *waiting)
{
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        check_peer(waiting, pe);
    }
}

/* What comes through a network ends the nap.  A kernel's store to device memory ends none: there a
 * nap is shorter, unless the wait has already lasted a thousand times as long. */
static void nap(const struct shmi_waiting *waiting, uint64_t waited_ns)
{
    bool alone = shmi_network.net == NULL;
    uint64_t most = alone ? NAP_MAX_NS : NAP_MAX_NETWORK_NS;
    uint64_t ns = waited_ns / NAP_SHARE;
    if (shmi_hbm_is(waiting->addr)) {
        most = shmi_min(most, shmi_max(NAP_MAX_DEVICE_NS, waited_ns / NAP_SHARE_DEVICE));
    }
    ns = ns < NAP_MIN_NS ? NAP_MIN_NS : ns > most ? most : ns;
    progress(ns);
}

/* The second half of a wait: it has become a long one. */
static void wait_long(struct shmi_waiting *waiting, uint64_t since)
{
    uint64_t watchdog_ns = (uint64_t)shmi_config.watchdog * SECOND_NS;
    uint64_t next_report = watchdog_ns != 0 ? watchdog_ns : UINT64_MAX;
    uint64_t next_peers = PEERS_NS;
    bool announced = announce(waiting, since);
    while (!waiting->done(waiting)) {
        announced = announced || announce(waiting, since);
        uint64_t waited = shmi_now_ns() - since;
        if (waited >= next_peers) {
            check_peers(waiting);
            next_peers = waited + PEERS_NS;
        }
        if (waited >= next_report) {
            report(waiting, waited);
            next_report = waited + (waited < UINT64_MAX / 2 ? waited : 0);
        }
        nap(waiting, waited);
    }
    if (announced) {
        retract();
    }
}

static void wait_anyhow(struct shmi_waiting *waiting)
{
    uint64_t since = shmi_now_ns();
    uint64_t waited = 0;
    const int looks = shmi_network.net != NULL ? LOOKS_PER_NETWORK : LOOKS_PER_CLOCK;
    while (waited < patience.spin_ns) {
        for (int look = 0; look < looks; look++) {
            if (waiting->done(waiting)) {
                return;
            }
            shmi_pause();
        }
        shmi_progress();
        waited = shmi_now_ns() - since;
    }
    while (waited < patience.yield_ns) {
        if (waiting->done(waiting)) {
            return;
        }
        shmi_progress();
        sched_yield();
        waited = shmi_now_ns() - since;
    }
    wait_long(waiting, since);
}

void shmi_wait(struct shmi_waiting *waiting)
{
    uint64_t begun = shmi_trace_begin();
    wait_anyhow(waiting);
    shmi_trace_end_wait(begun, waiting->who, waiting->pe);
}

struct reaching {
    struct shmi_waiting base;
    const uint64_t *word;
    uint64_t value;
};

static bool has_reached(struct shmi_waiting *waiting)
{
    const struct reaching *reaching = (const struct reaching *)waiting;
    return shmi_load_acquire(reaching->word) >= reaching->value;
}

void shmi_wait_reached_slowly(const char *who, const uint64_t *word, uint64_t value, int pe)
{
    struct reaching reaching = {
        .base = {.who = who, .addr = word, .pe = pe, .done = has_reached},
        .word = word,
        .value = value,
    };
    shmi_wait(&reaching.base);
}
