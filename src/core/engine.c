/* SPDX-License-Identifier: BSD-3-Clause */
/* engine.c -- the thread that does what kernels ask for: its loop, and those it hands on to. */
#include "core/engine.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/futex.h>

#include "core/base/atomic.h"
#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/base/topology.h"
#include "core/base/util.h"
#include "core/hbm.h"
#include "core/order.h"
#include "core/wait.h"
#include "device/device.h"

enum {
    PASS = 64,              /* commands of a ring before the next ring's turn */
    SPIN_NS = 20 * 1000,    /* of an idle engine while kernels run ... */
    SPIN_CROWDED_NS = 0,    /* ... only for some looks where they need its core to go on, and for
                                 one where they took it when it was last given away ... */
    YIELD_NS = 500 * 1000,  /* ... then it yields, for so long, and naps */
    NAP_NS = 50 * 1000,     /* while kernels run: a command waits for it */
    SLEEP_NS = 5000 * 1000, /* while none does: a launch wakes it, but no thread of the host that
                                 posts without one; so it sleeps so long, or ... */
    SLEEP_SHARE = 4,        /* ... for this part of its rest so far, ... */
    SLEEP_TOP_NS = 20000 * 1000, /* ... but never longer */
    LINGER_NS = 20000 * 1000, /* where launches are not seen: a kernel may still run, or come ... */
    UNSEEN_NS = 2000 * 1000,  /* ... and later its first command waits so long at most */
    TORN_NS = 2000 * 1000000, /* a slot written in part for so long has lost its producer */
    LOOKS = 16,               /* of an idle engine, between looks at the clock */
    ROW = 8,                  /* rounds that find something, before others may have the lock */
};

static struct {
    pthread_mutex_t lock;  /* of the list, held while its rings are served */
    pthread_mutex_t start; /* of adding and removing */
    struct shmi_kernels *first;
    pthread_t thread;
    bool runs;
    uint32_t stop;
    uint32_t wanted; /* somebody waits for the lock: let it go */
    uint32_t woken;  /* futex: counts the wakings */
    bool sleeps;     /* it has to be told of them */
    bool gives;      /* kernels need the engine's core; its own */
    struct shmi_worker lane;
} engine = {.lock = PTHREAD_MUTEX_INITIALIZER, .start = PTHREAD_MUTEX_INITIALIZER};

/* ---- the lane: through networks, into device memory ------------------------------------------ */

void shmi_engine_finish(struct shmi_task *task, uint64_t value)
{
    struct shmi_engine_ring *of = task->of;
    shmi_ring_reply(&of->ring, &task->cmd, task->ticket, value, SHMEMX_OK);
    shmi_ring_complete(&of->ring, task->ticket);
    __atomic_fetch_sub(&of->in_lane, 1, __ATOMIC_RELEASE);
    free(task);
}

/* Complete what the context's quiet completes. */
static void quiet(struct shmi_engine_ring *of)
{
    shmi_quiet(of->ctx);
    while (of->unquiet != NULL) {
        struct shmi_task *task = of->unquiet;
        of->unquiet = task->next;
        shmi_ring_complete(&of->ring, task->ticket);
        __atomic_fetch_sub(&of->in_lane, 1, __ATOMIC_RELEASE);
        free(task);
    }
}

static void do_in_lane(struct shmi_task *task)
{
    struct shmi_engine_ring *of = task->of;
    uint64_t value = 0;
    if (task->cmd.op == SHMEMX_RING_QUIET) {
        quiet(of);
        shmi_engine_finish(task, 0);
    } else if (shmi_engine_do(of->ctx, &task->cmd, &value) == SHMI_DONE) {
        shmi_engine_finish(task, value);
    } else {
        shmi_ring_reply(&of->ring, &task->cmd, task->ticket, value, SHMEMX_OK);
        task->next = of->unquiet;
        of->unquiet = task;
    }
}

/* When there is nothing else to do, complete what has been done. */
static void *run_lane(void *arg)
{
    struct shmi_worker *lane = arg;
    struct shmi_engine_ring *dirty = NULL;
    if (shmi_accelerator.npu != NULL) {
        shmi_accelerator.device->enter(shmi_accelerator.npu);
    }
    for (;;) {
        struct shmi_task *task = shmi_worker_pop(lane, dirty == NULL);
        if (task != NULL) {
            struct shmi_engine_ring *of = task->of;
            do_in_lane(task);
            if (of->unquiet != NULL && !of->dirty) {
                of->dirty = true;
                of->next_dirty = dirty;
                dirty = of;
            }
        } else if (dirty != NULL) {
            struct shmi_engine_ring *of = dirty;
            dirty = of->next_dirty;
            of->dirty = false;
            quiet(of);
        } else {
            return NULL;
        }
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void refuse(struct shmi_engine_ring *of, uint64_t ticket, const shmemx_command_t *cmd,
                   int status)
{
    shmi_error(
        "a kernel's %s (ticket %lu, PE %u, %lu bytes, local %#lx, place %#lx) is refused: %s",
        shmi_ring_op_name(cmd->op), (unsigned long)ticket, cmd->pe, (unsigned long)cmd->length,
        (unsigned long)cmd->local, (unsigned long)cmd->remote, shmi_ring_status_name(status));
    if ((cmd->flags & SHMEMX_RING_REPLY) != 0) {
        shmi_ring_reply(&of->ring, cmd, ticket, 0, status);
    } else {
        shmi_ring_fail(&of->ring, cmd, ticket, status);
    }
    shmi_ring_retire(&of->ring, ticket);
}

static bool is_collective(unsigned op)
{
    return op >= SHMEMX_RING_SYNC && op <= SHMEMX_RING_REDUCE;
}

static void dispatch(struct shmi_engine_ring *of, uint64_t ticket, const shmemx_command_t *cmd)
{
    int status = shmi_engine_check(of->owner, cmd);
    if (status == SHMEMX_OK && is_collective(cmd->op)) {
        status = shmi_engine_begin_collective(of, ticket, cmd);
        if (status == SHMEMX_OK) {
            return;
        }
    }
    if (status != SHMEMX_OK) {
        refuse(of, ticket, cmd, status);
        return;
    }
    bool in_lane = __atomic_load_n(&of->in_lane, __ATOMIC_ACQUIRE) != 0;
    bool orders = cmd->op == SHMEMX_RING_FENCE || cmd->op == SHMEMX_RING_QUIET;
    of->serial = in_lane && (of->serial || cmd->op == SHMEMX_RING_FENCE);
    if (of->serial || (orders && in_lane) || !shmi_engine_is_local(cmd)) {
        __atomic_fetch_add(&of->in_lane, 1, __ATOMIC_RELAXED);
        shmi_worker_push(&engine.lane, of, ticket, cmd, false);
        return;
    }
    uint64_t value = 0;
    if (cmd->op == SHMEMX_RING_QUIET) {
        shmi_order_all();
    } else if (cmd->op != SHMEMX_RING_FENCE) {
        shmi_engine_do(of->ctx, cmd, &value);
    }
    if (cmd->op == SHMEMX_RING_QUIET) { /* who asks again after the answer need not ask */
        shmi_ring_retire(&of->ring, ticket);
        shmi_ring_publish(&of->ring);
        shmi_ring_reply(&of->ring, cmd, ticket, value, SHMEMX_OK);
        return;
    }
    shmi_ring_reply(&of->ring, cmd, ticket, value, SHMEMX_OK);
    shmi_ring_retire(&of->ring, ticket);
}

/* Of a ring in device memory: who posts is attached, or has left word of how much. */
static bool may_have_come(const struct shmi_engine_ring *of)
{
    const struct shmi_kernels *kernels = of->owner;
    unsigned index = (unsigned)(of - kernels->ring);
    const shmemx_producer_t *producer = &kernels->producer[index];
    return index >= kernels->n_cores || shmi_load_relaxed(&producer->attached) != 0 ||
           shmi_load_relaxed(&producer->left) > of->ring.next;
}

/* Take what there is, at most a pass.  How many. */
static unsigned serve(struct shmi_engine_ring *of)
{
    shmemx_command_t cmd;
    uint64_t ticket;
    unsigned n = 0;
    int rc = 0;
    if (of->owner->far_len != 0 && may_have_come(of)) {
        shmi_ring_fetch(&of->ring, PASS);
    }
    while (!of->dead && n < PASS && shmi_ring_beckons(&of->ring) &&
           (rc = shmi_ring_take(&of->ring, &cmd, &ticket)) == 1) {
        dispatch(of, ticket, &cmd);
        n++;
    }
    if (rc < 0) {
        of->dead = true;
        shmi_ring_stop(&of->ring);
    }
    if (n != 0 || of->ring.done != of->ring.next || of->ring.done != of->ring.done_published) {
        shmi_ring_publish(&of->ring);
    }
    return n;
}

/* A kernel has told that it waits in vain. */
static void tell(struct shmi_kernels *kernels)
{
    const shmemx_diagnosis_t *found = kernels->diagnosis;
    if (kernels->told || shmi_load_acquire(&found->state) != 2) {
        return;
    }
    kernels->told = true;
    const struct shmi_segment *seg = shmi_segment_of((const void *)(uintptr_t)found->address);
    if (found->site == SHMEMX_SITE_VERSION) {
        shmi_error("a kernel was compiled with version %lu of shmemx_device.h, this library is of "
                   "version %lu: compile it again",
                   (unsigned long)found->expected, (unsigned long)found->found);
        return;
    }
    shmi_error("a kernel of PE %d has waited longer than SHMEM_DEVICE_TIMEOUT (%ld s) for %s at "
               "%#lx (%s): it is %lu, to become %lu; ring %lu, ticket %lu",
               shmi_job.my_pe, shmi_config.device_timeout, shmi_ring_site_name(found->site),
               (unsigned long)found->address, seg == NULL ? "not symmetric memory" : seg->name,
               (unsigned long)found->found, (unsigned long)found->expected,
               (unsigned long)found->ring, (unsigned long)found->ticket);
}

static void look_for_trouble(struct shmi_kernels *kernels, uint64_t now)
{
    tell(kernels);
    for (unsigned i = 0; i < kernels->n_rings; i++) {
        struct shmi_engine_ring *of = &kernels->ring[i];
        if (!of->torn_told && shmi_ring_torn(&of->ring, now) > TORN_NS) {
            of->torn_told = true;
            shmi_warn("ring %u of a kernel's context has half a command at ticket %lu, and waits: "
                      "its producer was stopped or has died between two stores",
                      i, (unsigned long)of->ring.next);
        }
    }
}

/* May commands come at any moment? */
static bool is_busy(const struct shmi_kernels *kernels, uint64_t idle_ns)
{
    if (shmi_accelerator.npu != NULL && (shmi_accelerator.device->busy(shmi_accelerator.npu) ||
                                         (shmi_accelerator.facts.unseen && idle_ns < LINGER_NS))) {
        return true;
    }
    for (; kernels != NULL; kernels = kernels->next) {
        if (kernels->n_meetings != 0) {
            return true;
        }
        for (unsigned i = 0; i < kernels->n_cores; i++) {
            if (shmi_load_relaxed(&kernels->producer[i].attached) != 0) {
                return true;
            }
        }
    }
    return false;
}

/* Unless it has been woken since `woken` was what it says.  Has somebody woken it? */
static bool sleep_until_woken(uint32_t woken, uint64_t ns)
{
    struct timespec time = {.tv_nsec = (long)ns};
    __atomic_store_n(&engine.sleeps, true, __ATOMIC_SEQ_CST); /* before the look at woken */
    syscall(SYS_futex, &engine.woken, FUTEX_WAIT_PRIVATE, woken, &time, NULL, 0);
    __atomic_store_n(&engine.sleeps, false, __ATOMIC_RELAXED);
    return shmi_load_acquire(&engine.woken) != woken;
}

void shmi_engine_wake(void)
{
    __atomic_fetch_add(&engine.woken, 1, __ATOMIC_SEQ_CST); /* before the look at sleeps */
    if (__atomic_load_n(&engine.sleeps, __ATOMIC_SEQ_CST)) {
        syscall(SYS_futex, &engine.woken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

/* How long an engine sleeps for whose kernels none is known to run. */
static uint64_t sleep_of(uint64_t idle_ns)
{
    if (shmi_accelerator.facts.unseen) {
        return UNSEEN_NS;
    }
    uint64_t ns = shmi_max(idle_ns / SLEEP_SHARE, SLEEP_NS);
    return shmi_min(ns, SLEEP_TOP_NS);
}

/* Is there reason to be quick again?  woken: before it was found out whether it is busy.  What
 * kernels wait for may come through a network, and the host's threads wait for the kernels. */
static bool idle(uint32_t woken, uint64_t idle_ns, uint64_t spin_ns, bool busy)
{
    if (!busy) {
        return sleep_until_woken(woken, sleep_of(idle_ns));
    }
    if (shmi_network.net != NULL) {
        shmi_take_in(idle_ns >= YIELD_NS ? NAP_NS : 0);
    } else if (idle_ns >= YIELD_NS) {
        return sleep_until_woken(woken, NAP_NS);
    }
    if (idle_ns >= spin_ns) {
        engine.gives = shmemx_give_way() != 0;
    }
    return false;
}

/* What producers have in device memory, as it is now. */
static void look_far(struct shmi_kernels *kernels)
{
    shmi_hbm_copy(kernels->diagnosis, kernels->far, kernels->far_len);
    if (!kernels->told && kernels->diagnosis->state == 2) { /* the rest of it was there before */
        shmi_hbm_copy(kernels->diagnosis, kernels->far, kernels->far_len);
    }
}

/* One turn of all rings; under the lock. */
static unsigned turn(uint64_t now, bool looks)
{
    unsigned n = 0;
    for (struct shmi_kernels *kernels = engine.first; kernels != NULL; kernels = kernels->next) {
        if (kernels->far_len != 0) {
            look_far(kernels);
        }
        for (unsigned i = 0; i < kernels->n_rings; i++) {
            n += serve(&kernels->ring[i]);
        }
        if (kernels->n_meetings != 0) {
            n += shmi_engine_end_meetings(kernels, now);
        }
        if (looks) {
            look_for_trouble(kernels, now);
        }
    }
    return n;
}

/* Turns until something is found, but so many at most; under the lock. */
static unsigned look(uint64_t now, bool looks, int turns)
{
    unsigned n = turn(now, looks);
    for (int i = 1; i < turns && n == 0; i++) {
        shmi_pause();
        n = turn(now, false);
    }
    return n;
}

/* Is the next thing to come the arrival of others at a barrier? */
static bool awaits_others(void)
{
    unsigned n = 0;
    for (const struct shmi_kernels *at = engine.first; at != NULL; at = at->next) {
        n += at->n_meetings;
    }
    return n != 0;
}

/* While something comes, go on; under the lock.  Who has just done something has reason to expect
 * more at once, unless its kernels need this core to go on. */
static unsigned look_on(void)
{
    unsigned n = 1;
    for (int i = 0; n != 0 && i < ROW && shmi_load_relaxed(&engine.wanted) == 0; i++) {
        n = look(0, false, engine.gives && !awaits_others() ? 1 : LOOKS);
    }
    return n;
}

static void *run_engine(void *unused)
{
    uint64_t idle_since = 0;
    uint64_t spin_ns = shmi_wait_is_crowded(2) ? SPIN_CROWDED_NS : SPIN_NS;
    bool busy = true;
    (void)unused;
    shmi_topology_bind_helper(shmi_config.engine_cpu);
    if (shmi_accelerator.npu != NULL) {
        shmi_accelerator.device->enter(shmi_accelerator.npu);
    }
    for (unsigned round = 0; shmi_load_acquire(&engine.stop) == 0; round++) {
        uint32_t woken = shmi_load_acquire(&engine.woken);
        bool looks = round % 64 == 0 || !busy;
        uint64_t now = idle_since == 0 && !looks ? 0 : shmi_now_ns();
        uint64_t idle_ns = idle_since == 0 || now < idle_since ? 0 : now - idle_since;
        while (shmi_load_acquire(&engine.wanted) != 0) {
            sched_yield();
        }
        pthread_mutex_lock(&engine.lock);
        unsigned n = look(now, looks, busy && idle_ns <= spin_ns ? LOOKS : 1);
        if (n != 0) {
            idle_since = 0;
            idle_ns = 0;
            busy = true;
            n = look_on();
        }
        if (n == 0 && (looks || idle_ns > YIELD_NS)) {
            busy = is_busy(engine.first, idle_ns);
        }
        pthread_mutex_unlock(&engine.lock);
        if (n != 0) {
            continue;
        }
        idle_since = idle_since == 0 ? shmi_now_ns() : idle_since;
        idle_since = idle(woken, idle_ns, spin_ns, busy) ? 0 : idle_since;
    }
    return NULL;
}

/* ---- contexts come and go -------------------------------------------------------------------- */

static void lock_list(void)
{
    __atomic_fetch_add(&engine.wanted, 1, __ATOMIC_ACQ_REL);
    pthread_mutex_lock(&engine.lock);
    __atomic_fetch_sub(&engine.wanted, 1, __ATOMIC_ACQ_REL);
}

static int start(void)
{
    shmi_engine_prepare();
    shmi_store_release(&engine.stop, 0);
    int rc = shmi_worker_start(&engine.lane, run_lane, &engine.lane);
    if (rc != 0) {
        return rc;
    }
    rc = pthread_create(&engine.thread, NULL, run_engine, NULL);
    if (rc != 0) {
        shmi_error("cannot start the thread that serves kernels: %s", strerror(rc));
        shmi_worker_stop(&engine.lane);
        return -rc;
    }
    engine.runs = true;
    return 0;
}

int shmi_engine_add(struct shmi_kernels *kernels)
{
    pthread_mutex_lock(&engine.start);
    int rc = engine.runs ? 0 : start();
    if (rc == 0) {
        lock_list();
        kernels->next = engine.first;
        engine.first = kernels;
        pthread_mutex_unlock(&engine.lock);
    }
    pthread_mutex_unlock(&engine.start);
    return rc;
}

static bool has_pending(const struct shmi_kernels *kernels)
{
    for (unsigned i = 0; i < kernels->n_rings; i++) {
        if (__atomic_load_n(&kernels->ring[i].in_lane, __ATOMIC_ACQUIRE) != 0) {
            return true;
        }
    }
    return false;
}

/* While the engine still looks after the meetings, too. */
static void await_pending(const struct shmi_kernels *kernels)
{
    while (has_pending(kernels)) {
        sched_yield();
    }
}

void shmi_engine_remove(struct shmi_kernels *kernels)
{
    await_pending(kernels);
    pthread_mutex_lock(&engine.start);
    lock_list();
    struct shmi_kernels **link = &engine.first;
    while (*link != kernels) {
        link = &(*link)->next;
    }
    *link = kernels->next;
    bool last = engine.first == NULL;
    pthread_mutex_unlock(&engine.lock);
    await_pending(kernels);
    for (unsigned i = 0; i < kernels->n_teams; i++) {
        shmi_worker_stop(&kernels->coll[i]);
    }
    if (last) {
        shmi_store_release(&engine.stop, 1);
        shmi_engine_wake();
        pthread_join(engine.thread, NULL);
        shmi_worker_stop(&engine.lane);
        engine.runs = false;
    }
    pthread_mutex_unlock(&engine.start);
}
