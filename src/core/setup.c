/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * setup.c -- library setup and exit (sections 9.1 and 9.2).
 *
 * Init in order: variables, job, this PE's memory, one exchange of cards, everybody's memory, the
 * network if some PE is not mapped here, teams, contexts, the device if one is asked for; then the
 * first synchronisation.
 */
#include "core/setup.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/config.h"
#include "core/base/export.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/card.h"
#include "core/coll.h"
#include "core/coll_net.h"
#include "core/ctx.h"
#include "core/exits.h"
#include "core/fork.h"
#include "core/hbm.h"
#include "core/kernels.h"
#include "core/memory.h"
#include "core/network.h"
#include "core/npu.h"
#include "core/order.h"
#include "core/segment.h"
#include "core/stats.h"
#include "core/status.h"
#include "core/trace.h"
#include "core/wait.h"
#include "transport/transport.h"

enum shmi_stage shmi_stage = SHMI_BEFORE_INIT;
bool shmi_observing;

static struct {
    pthread_mutex_t lock; /* of init and finalize */
    int nested;           /* inits without a finalize */
    bool exit_hooked;
    bool exit_is_end; /* start_pes was called: exit is as good as shmem_finalize */
    bool has_exited;  /* exit has closed the library */
    bool threaded;    /* more than one thread may call the library */
} setup = {.lock = PTHREAD_MUTEX_INITIALIZER};

void shmi_not_running(const char *who)
{
    static const char *const when[] = {
        [SHMI_BEFORE_INIT] = "before shmem_init",
        [SHMI_RUNNING] = "while the library is starting or ending",
        [SHMI_AFTER_FINALIZE] = "after shmem_finalize",
        [SHMI_IN_CHILD] = "in a process forked from a PE, which is no PE itself",
        [SHMI_ON_DEVICE] = "by a kernel; a kernel's routines are those of shmemx_device.h",
    };
    if (shmi_fork_is_child()) { /* the job is the parent's */
        shmi_error("%s was called %s", who, when[shmi_stage]);
        _exit(1);
    }
    shmi_fatal("%s was called %s", who, when[shmi_stage]);
}

/* The launcher's news, on a thread of its own. */
static void on_loss(int pe, const char *how)
{
    if (pe < 0) {
        shmi_error("the launcher is gone (%s): leaving", how);
        _exit(1); /* nobody is left to be told, and the other PEs notice it themselves */
    }
    if (shmi_load_relaxed(&shmi_stage) == SHMI_RUNNING) {
        shmi_fatal("PE %d has died (%s): ending the job", pe, how);
    }
}

static void introduce(void)
{
    if (shmi_job.my_pe != 0) {
        return;
    }
    shmi_config_report_unknown();
    if (shmi_config.version || shmi_config.info) {
        printf("%s, OpenSHMEM %d.%d\n", SHMEM_VENDOR_STRING, SHMEM_MAJOR_VERSION,
               SHMEM_MINOR_VERSION);
    }
    if (shmi_config.info) {
        shmi_config_print(stdout);
    }
    fflush(stdout);
    shmi_debug("%d PEs, started by %s", shmi_job.n_pes, shmi_job.launcher);
}

/* Every PE's card, by way of the launcher. */
static struct shmi_card *exchange_cards(const struct shmi_card *mine)
{
    size_t n = (size_t)shmi_job.n_pes;
    struct shmi_card *cards = malloc(n * sizeof(*cards));
    struct shmi_blob *blobs = calloc(n, sizeof(*blobs));
    struct shmi_blob my_blob = {.bytes = (void *)mine, .len = sizeof(*mine)};
    if (cards == NULL || blobs == NULL) {
        shmi_fatal("out of memory for the cards of %zu PEs", n);
    }
    if (shmi_job_exchange(&my_blob, blobs) != 0) {
        shmi_fatal("cannot exchange start-up information with the other PEs");
    }
    for (size_t pe = 0; pe < n; pe++) {
        const struct shmi_card *card = blobs[pe].bytes;
        if (blobs[pe].len != sizeof(*card) || card->version != mine->version) {
            shmi_fatal("PE %zu runs another version of npushmem than PE %d", pe, shmi_job.my_pe);
        }
        cards[pe] = *card;
        free(blobs[pe].bytes);
    }
    free(blobs);
    return cards;
}

static void publish_status(uint32_t presence)
{
    struct shmi_status *mine = shmi_status_of(shmi_job.my_pe);
    mine->pid = (int32_t)getpid();
    shmi_store_release(&mine->presence, presence);
}

/* Anything that fails has said so; there is no way to go on with a part of the PEs. */
static void require(int rc)
{
    if (rc != 0) {
        shmi_job_abort(1);
    }
}

static void require_or_exit(int rc)
{
    if (rc != 0) {
        exit(1);
    }
}

static void on_exit_hook(int status, void *unused);

static void open_all(void)
{
    require_or_exit(shmi_config_read());
    require_or_exit(shmi_npu_open()); /* may fork: before there are threads */
    shmi_job_set_on_loss(on_loss);
    require_or_exit(shmi_job_open());
    introduce();

    struct shmi_card mine = {.version = SHMI_CARD_VERSION};
    gethostname(mine.host, sizeof(mine.host) - 1);
    shmi_wait_describe(&mine);
    require(shmi_segment_create(&mine));
    struct shmi_card *cards = exchange_cards(&mine);
    require(shmi_segment_join(cards));
    shmi_npu_create();
    require(shmi_network_open());
    publish_status(SHMI_PRESENT);
    shmi_wait_open(cards);
    free(cards);
    require(shmi_memory_open());
    require(shmi_team_open());
    require(shmi_ctx_open());
    if (!setup.exit_hooked) {
        setup.exit_hooked = on_exit(on_exit_hook, NULL) == 0;
    }
    shmi_observing = shmi_config.check || shmi_config.stats || shmi_config.trace[0] != '\0';
    shmi_segment_set_open(!shmi_observing);
    shmi_store_relaxed(&shmi_stage, SHMI_RUNNING); /* on_loss looks at it at any time */
    require(shmi_npu_join());
    if (shmi_config.info && shmi_job.my_pe == 0 && shmi_hbm_on) {
        shmi_npu_print(stdout);
    }
    shmi_coll_sync("shmem_init", shmi_team_world);
    shmi_trace_open();
}

/* Through a network, a PE that has seen the last synchronisation may still be needed by those that
 * have not: they meet once more, at the launcher, before anybody closes an endpoint.  All have
 * called shmem_finalize, so nobody ends the job with success meanwhile.  What kernels left behind
 * may have gone through the default context since its quiet. */
static void part(void)
{
    shmi_quiet(&shmi_ctx_default);
    shmi_net_finish();
    if (shmi_network.net != NULL && shmi_job.n_pes > 1) {
        require(shmi_job_fence());
    }
}

static void close_all(void)
{
    publish_status(SHMI_FINALIZING);
    shmi_npu_finish();
    shmi_quiet(&shmi_ctx_default);
    shmi_team_quiet();
    shmi_coll_sync("shmem_finalize", shmi_team_world);
    shmi_trace_close();
    shmi_kernels_close();
    shmi_npu_part();
    part();
    shmi_stats_print();
    shmi_store_relaxed(&shmi_stage, SHMI_AFTER_FINALIZE);
    shmi_npu_close();
    shmi_team_close();
    shmi_ctx_close();
    shmi_network_close();
    shmi_memory_close();
    publish_status(SHMI_LEFT);
    shmi_segment_leave();
    shmi_job_close();
}

static void init(void)
{
    pthread_mutex_lock(&setup.lock);
    if (shmi_fork_is_child()) {
        shmi_not_running("shmem_init");
    }
    if (setup.nested++ == 0) {
        open_all();
    }
    pthread_mutex_unlock(&setup.lock);
}

/* The process ends without shmem_finalize.  Success is taken for one, as start_pes promises;
 * failure ends the job, for the others would wait for this PE. */
static void on_exit_hook(int status, void *unused)
{
    (void)unused;
    if (shmi_stage != SHMI_RUNNING || shmi_fork_is_child()) {
        return;
    }
    if (status != 0) {
        shmi_error("this PE exits with status %d without shmem_finalize: ending the job", status);
        shmi_job_abort(status);
    }
    if (!setup.exit_is_end && !shmi_load_relaxed(&setup.threaded)) {
        publish_status(SHMI_EXITING);
        shmi_exits_await();
    }
    setup.has_exited = true;
    close_all();
}

void shmem_init(void)
{
    init();
}
PSHMEM(_init)

/* Every level is always given: the library holds no lock while it waits. */
int shmem_init_thread(int requested, int *provided)
{
    init();
    if (requested > SHMEM_THREAD_FUNNELED) {
        shmi_store_relaxed(&setup.threaded, true);
    }
    if (provided != NULL) {
        *provided = SHMEM_THREAD_MULTIPLE;
    }
    return requested >= SHMEM_THREAD_SINGLE && requested <= SHMEM_THREAD_MULTIPLE ? 0 : -1;
}
PSHMEM(_init_thread)

void shmem_query_thread(int *provided)
{
    *provided = SHMEM_THREAD_MULTIPLE;
}
PSHMEM(_query_thread)

void shmem_query_initialized(int *initialized)
{
    *initialized = shmi_stage == SHMI_RUNNING;
}
PSHMEM(_query_initialized)

/* A destructor of the program's, or what it has told atexit before shmem_init, comes after our own
 * hook, which has then done this. */
void shmem_finalize(void)
{
    if (setup.has_exited) {
        return;
    }
    pthread_mutex_lock(&setup.lock);
    shmi_require_running(__func__);
    if (--setup.nested == 0) {
        close_all();
    } else {
        shmi_quiet(&shmi_ctx_default);
        shmi_coll_sync(__func__, shmi_team_world);
    }
    pthread_mutex_unlock(&setup.lock);
}
PSHMEM(_finalize)

void shmem_global_exit(int status)
{
    shmi_require_running(__func__);
    shmi_debug("shmem_global_exit(%d)", status);
    shmi_status_of(shmi_job.my_pe)->end = status;
    publish_status(SHMI_ENDING);
    shmi_job_abort(status);
}
PSHMEM(_global_exit)

void start_pes(int npes)
{
    (void)npes;
    setup.exit_is_end = true;
    if (shmi_stage != SHMI_RUNNING) {
        init();
    }
}
PTWIN(start_pes)
