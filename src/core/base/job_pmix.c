/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job_pmix.c -- a job that a PMIx launcher started.
 *
 * Servers differ, so this uses only what all of them do well: one key per exchange, put once,
 * a collecting fence, then gets.  Whatever can take longer than it should is asked without blocking
 * and waited for here, with a limit.  Callbacks run on PMIx's own thread, which must not call PMIx:
 * news of a loss goes to a thread of its own.
 *
 * PMIx is joined by the first open and left when the process exits, not by close: a library that is
 * joined a second time has lost part of what it knew, and an MPI that is then started fails.
 */
#include "core/base/job_pmix.h"

#include "build.h"
#include "core/base/atomic.h"
#include "core/base/config.h"
#include "core/base/job_kinds.h"
#include "core/base/log.h"
#include "core/base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pmix.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ROLL_CALL_SECONDS = 2, /* for the answers about who has come */
    FENCE_TRIES = 12,
};

/* Every blob begins with this, its zero included: PEs of different builds must not talk. */
static const char format_mark[] = PACKAGE_VERSION;

static struct {
    pmix_proc_t me;
    int n_pes;
    pid_t pid;    /* of the process that joined PMIx; 0 before */
    bool is_open; /* written by open and close, read by the event handler */
    bool is_exiting;
    unsigned exchanges; /* over all opens */
    char launcher[128];
} pmix;

/* ---- losses */

struct loss {
    int pe;
    const char *how;
};

static void *report_loss(void *arg)
{
    struct loss loss = *(struct loss *)arg;

    free(arg);
    if (shmi_load_acquire(&pmix.is_open)) /* pairs with close */
        shmi_job_report_loss(loss.pe, loss.how);
    return NULL;
}

/* The deaths that a launcher may tell of. */
static const struct {
    pmix_status_t event;
    const char *how;
} deaths[] = {
    {PMIX_ERR_PROC_ABORTED_BY_SIG, "it was ended by a signal"},
    {PMIX_ERR_PROC_KILLED_BY_CMD, "the launcher ended it"},
    {PMIX_ERR_PROC_TERM_WO_SYNC, "it exited without finalizing"},
    {PMIX_ERR_EXIT_NONZERO_TERM, "it exited with a non-zero status"},
    {PMIX_ERR_PROC_FAILED_TO_START, "it could not be started"},
    {PMIX_ERR_PROC_ABORTED, "it aborted"},
    {PMIX_ERR_PROC_REQUESTED_ABORT, "it aborted"},
};

static void start_report(int pe, const char *how)
{
    struct loss *loss = malloc(sizeof(*loss));
    pthread_t thread;

    if (loss == NULL)
        return;
    *loss = (struct loss){.pe = pe, .how = how};
    if (pthread_create(&thread, NULL, report_loss, loss) == 0)
        pthread_detach(thread);
    else
        free(loss);
}

/* A process of another job, which a tool or an MPI has spawned, is no loss of ours. */
static void report_death(pmix_status_t event, const pmix_proc_t *dead)
{
    if (dead == NULL || strcmp(dead->nspace, pmix.me.nspace) != 0 ||
        dead->rank >= (pmix_rank_t)pmix.n_pes)
        return;
    for (size_t i = 0; i < SHMI_COUNT(deaths); i++)
        if (deaths[i].event == event)
            start_report((int)dead->rank, deaths[i].how);
}

static void on_death(size_t handler, pmix_status_t event, const pmix_proc_t *source,
                     pmix_info_t info[], size_t n_info, pmix_info_t *results, size_t n_results,
                     pmix_event_notification_cbfunc_fn_t done, void *done_arg)
{
    const pmix_proc_t *dead = source;

    (void)handler, (void)results, (void)n_results;
    shmi_debug("the launcher says: %s", PMIx_Error_string(event));
    for (size_t i = 0; i < n_info; i++)
        if (PMIX_CHECK_KEY(&info[i], PMIX_EVENT_AFFECTED_PROC) && info[i].value.type == PMIX_PROC)
            dead = info[i].value.data.proc;
    report_death(event, dead);
    if (done != NULL)
        done(PMIX_EVENT_NO_ACTION_TAKEN, NULL, 0, NULL, NULL, done_arg);
}

static void on_any_event(size_t handler, pmix_status_t event, const pmix_proc_t *source,
                         pmix_info_t info[], size_t n_info, pmix_info_t *results, size_t n_results,
                         pmix_event_notification_cbfunc_fn_t done, void *done_arg)
{
    (void)handler, (void)source, (void)info, (void)n_info, (void)results, (void)n_results;
    if (event == PMIX_ERR_LOST_CONNECTION)
        start_report(-1, "the launcher is gone");
    if (done != NULL)
        done(PMIX_EVENT_NO_ACTION_TAKEN, NULL, 0, NULL, NULL, done_arg);
}

/* ---- open and close */

/* Does nobody listen at "name;tcp4://address:port"?  Where nobody does, the address can be bound.
 * This is asked without connecting, which a server would take for a broken client. */
static bool is_dead(const char *uri)
{
    static const char scheme[] = "tcp4://";
    const char *at = strstr(uri, scheme);
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    unsigned port;

    if (at == NULL || sscanf(at + strlen(scheme), "%63[0-9.]:%u", host, &port) != 2 ||
        inet_pton(AF_INET, host, &address.sin_addr) != 1 || port == 0 || port > UINT16_MAX)
        return false;
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return false;
    bool dead = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return dead;
}

/* Some versions of the PMIx library crash when the server that the environment names is gone. */
static int check_server(void)
{
    const char *uri = NULL;

    for (char **entry = environ; *entry != NULL && uri == NULL; entry++)
        if (strncmp(*entry, "PMIX_SERVER_URI", strlen("PMIX_SERVER_URI")) == 0)
            uri = strchr(*entry, '=');
    if (uri != NULL && !is_dead(uri + 1))
        return 0;
    shmi_error("the environment names a PMIx launcher (PMIX_NAMESPACE is %s) that does not answer; "
               "start with oshrun -n N ./program, or srun --mpi=pmix; "
               "for a job of one PE unset PMIX_NAMESPACE",
               getenv("PMIX_NAMESPACE"));
    return -ECONNREFUSED;
}

/* Servers disagree on the type of a number. */
static int number_of(const pmix_value_t *value, int *number)
{
    switch (value->type) {
    case PMIX_UINT32:
        *number = (int)value->data.uint32;
        return 0;
    case PMIX_INT:
        *number = value->data.integer;
        return 0;
    case PMIX_INT32:
        *number = value->data.int32;
        return 0;
    case PMIX_UINT:
        *number = (int)value->data.uint;
        return 0;
    case PMIX_UINT16:
        *number = value->data.uint16;
        return 0;
    case PMIX_UINT64:
        *number = (int)value->data.uint64;
        return 0;
    case PMIX_SIZE:
        *number = (int)value->data.size;
        return 0;
    default:
        return -EPROTO;
    }
}

static int ask_job_size(int *size)
{
    pmix_proc_t all;
    pmix_value_t *value = NULL;

    PMIX_LOAD_PROCID(&all, pmix.me.nspace, PMIX_RANK_WILDCARD);
    pmix_status_t status = PMIx_Get(&all, PMIX_JOB_SIZE, NULL, 0, &value);
    if (status != PMIX_SUCCESS || value == NULL) {
        shmi_error("the launcher does not say how many PEs there are: %s",
                   PMIx_Error_string(status));
        return -EPROTO;
    }
    int result = number_of(value, size);
    if (result == 0 && (*size < 1 || (pmix_rank_t)*size <= pmix.me.rank))
        result = -EPROTO;
    if (result != 0)
        shmi_error("the launcher's number of PEs makes no sense (this is rank %u)", pmix.me.rank);
    PMIX_VALUE_RELEASE(value);
    return result;
}

/* The runtime of Open MPI before version 5. */
static bool is_orte(void)
{
    return getenv("OMPI_MCA_orte_hnp_uri") != NULL;
}

/* The launcher and its version, for people. */
static void name_launcher(void)
{
    static const struct {
        const char *prefix, *name;
    } known[] = {
        {"slurm.", "Slurm"},
        {"prte", "PRRTE"},
        {"npushmem", "oshrun"},
    };
    const char *name = is_orte() ? "Open MPI" : "a PMIx launcher";
    const char *version = strchr(PMIx_Get_version(), ' '); /* "OpenPMIx 4.2.2 (...), repo ..." */

    for (size_t i = 0; i < SHMI_COUNT(known); i++)
        if (strncmp(pmix.me.nspace, known[i].prefix, strlen(known[i].prefix)) == 0)
            name = known[i].name;
    version = version == NULL ? "" : version + 1;
    snprintf(pmix.launcher, sizeof(pmix.launcher), "%s (PMIx %.*s)", name,
             (int)strcspn(version, " ,"), version);
}

/* Deaths reach only those who name them, the loss of the server only those who name nothing. */
static void watch_events(void)
{
    pmix_status_t codes[SHMI_COUNT(deaths)];

    for (size_t i = 0; i < SHMI_COUNT(deaths); i++)
        codes[i] = deaths[i].event;
    int refused =
        PMIx_Register_event_handler(codes, SHMI_COUNT(deaths), NULL, 0, on_death, NULL, NULL);
    if (refused >= 0)
        refused = PMIx_Register_event_handler(NULL, 0, NULL, 0, on_any_event, NULL, NULL);
    if (refused < 0)
        shmi_warn("the launcher will not tell of lost PEs: %s", PMIx_Error_string(refused));
}

/* A PE that exits between open and close has failed, and its launcher must see that. */
static void leave_at_exit(void)
{
    if (pmix.pid != getpid())
        return;
    pmix.is_exiting = true;
    if (!pmix.is_open)
        PMIx_Finalize(NULL, 0);
}

static int join(void)
{
    int result = check_server();
    if (result != 0)
        return result;

    pmix_status_t status = PMIx_Init(&pmix.me, NULL, 0);
    if (status != PMIX_SUCCESS) {
        shmi_error("cannot join the job that the launcher started (PMIx_Init: %s); "
                   "start with oshrun -n N ./program, or srun --mpi=pmix",
                   PMIx_Error_string(status));
        if (status == PMIX_ERR_UNREACH) /* it is initialised all the same */
            PMIx_Finalize(NULL, 0);
        return -ECONNREFUSED;
    }
    result = ask_job_size(&pmix.n_pes);
    if (result != 0) {
        PMIx_Finalize(NULL, 0);
        return result;
    }
    name_launcher();
    watch_events();
    pmix.pid = getpid();
    atexit(leave_at_exit);
    return 0;
}

static int pmix_open(struct shmi_job *job)
{
    if (pmix.pid == 0) {
        int result = join();
        if (result != 0)
            return result;
    } else if (pmix.pid != getpid()) {
        shmi_error("the forked child of a PE is no PE, and cannot become one");
        return -EPERM;
    }
    shmi_store_release(&pmix.is_open, true); /* pairs with report_loss */
    *job = (struct shmi_job){
        .my_pe = (int)pmix.me.rank,
        .n_pes = pmix.n_pes,
        .launcher = pmix.launcher,
        .id = pmix.me.nspace,
    };
    return 0;
}

static void pmix_close(void)
{
    shmi_store_release(&pmix.is_open, false); /* pairs with report_loss */
    if (pmix.is_exiting)
        PMIx_Finalize(NULL, 0);
}

/* ---- fence and exchange */

static pmix_status_t fence_once(bool collects, long seconds)
{
    struct shmi_answer *answer = shmi_answer_new();
    pmix_info_t info;

    if (answer == NULL)
        return PMIX_ERR_NOMEM;
    PMIX_INFO_LOAD(&info, PMIX_COLLECT_DATA, &collects, PMIX_BOOL);
    pmix_status_t asked = PMIx_Fence_nb(NULL, 0, &info, 1, shmi_answer_arrives, answer);
    return shmi_answer_wait(answer, asked, seconds);
}

/* When another library of this process, an MPI, has just left PMIx, a server may see that late and
 * take it for the loss of a PE: then it lets those go who have come so far, all of them with a
 * partial success.  They come again, and meet the others. */
static pmix_status_t fence(bool collects, long seconds)
{
    pmix_status_t status = PMIX_ERR_PARTIAL_SUCCESS;

    for (int i = 0; i < FENCE_TRIES && status == PMIX_ERR_PARTIAL_SUCCESS; i++) {
        if (i > 0)
            usleep(1000u << i); /* in all, longer than a launcher takes to end a job that failed */
        status = fence_once(collects, seconds);
    }
    return status;
}

static int pmix_fence(void)
{
    pmix_status_t status = fence(false, SHMI_FOREVER);

    if (status != PMIX_SUCCESS)
        shmi_error("cannot meet the other PEs at the launcher: %s", PMIx_Error_string(status));
    return -shmi_pmix_errno(status);
}

static void name_key(char key[PMIX_MAX_KEYLEN])
{
    snprintf(key, PMIX_MAX_KEYLEN, "npushmem.%u", pmix.exchanges);
}

/* Who has come: filled in by PMIx's thread. */
enum presence { ABSENT, PRESENT };

static void note_presence(pmix_status_t status, pmix_value_t *value, void *presence)
{
    if (status == PMIX_SUCCESS && value != NULL)
        shmi_store_release((int *)presence, PRESENT); /* pairs with write_absent */
}

/* Ask for every PE's blob, which is there if the PE has come, and give the answers some time.  The
 * questions stay open when that is over, so what they read and write to is never freed. */
static const int *call_roll(void)
{
    static pmix_info_t info;
    static char key[PMIX_MAX_KEYLEN];
    bool yes = true;
    int *roll = calloc((size_t)pmix.n_pes, sizeof(*roll));
    pmix_proc_t *pes = calloc((size_t)pmix.n_pes, sizeof(*pes));

    if (roll == NULL || pes == NULL)
        return NULL;
    name_key(key);
    PMIX_INFO_LOAD(&info, PMIX_IMMEDIATE, &yes, PMIX_BOOL);
    for (int pe = 0; pe < pmix.n_pes; pe++) {
        PMIX_LOAD_PROCID(&pes[pe], pmix.me.nspace, (pmix_rank_t)pe);
        if (pe == (int)pmix.me.rank)
            roll[pe] = PRESENT;
        else
            PMIx_Get_nb(&pes[pe], key, &info, 1, note_presence, &roll[pe]);
    }
    sleep(ROLL_CALL_SECONDS);
    return roll;
}

/* Write the absent as "3, 5-7"; how many there are. */
static int write_absent(const int *roll, char *text, size_t len)
{
    size_t used = 0;
    int absent = 0;

    text[0] = '\0';
    for (int pe = 0, last; pe < pmix.n_pes; pe = last + 1) {
        last = pe;
        if (shmi_load_acquire(&roll[pe]) == PRESENT)
            continue;
        while (last + 1 < pmix.n_pes && shmi_load_acquire(&roll[last + 1]) == ABSENT)
            last++;
        absent += last - pe + 1;
        if (used + 32 > len)
            continue;
        used += (size_t)snprintf(text + used, len - used, "%s%d", used > 0 ? ", " : "", pe);
        if (last > pe)
            used += (size_t)snprintf(text + used, len - used, "-%d", last);
    }
    return absent;
}

/* The others did not come in time: say who, and end the job.  PE 0 speaks if it is there, else the
 * first of those who came; the rest wait to be ended by it, and do not trouble the server. */
static void fail_start(long seconds)
{
    char absent[512];
    int first = 0;

    if (pmix.me.rank != 0)
        sleep(ROLL_CALL_SECONDS + 1);
    const int *roll = call_roll();
    if (roll == NULL || write_absent(roll, absent, sizeof(absent)) == 0)
        shmi_fatal("the job's start took longer than %ld seconds (SHMEM_START_TIMEOUT)", seconds);
    while (shmi_load_acquire(&roll[first]) == ABSENT)
        first++;
    if (first != (int)pmix.me.rank)
        sleep(ROLL_CALL_SECONDS);
    shmi_fatal("of %d PEs these have not come to the start within %ld seconds "
               "(SHMEM_START_TIMEOUT): %s",
               pmix.n_pes, seconds, absent);
}

static int publish(const struct shmi_blob *mine)
{
    char key[PMIX_MAX_KEYLEN];
    size_t len = sizeof(format_mark) + mine->len;
    char *bytes = malloc(len);
    pmix_value_t value = {.type = PMIX_BYTE_OBJECT};

    if (bytes == NULL) {
        shmi_error("no memory for %zu bytes of start-up data", len);
        return -ENOMEM;
    }
    memcpy(bytes, format_mark, sizeof(format_mark));
    if (mine->len > 0)
        memcpy(bytes + sizeof(format_mark), mine->bytes, mine->len);
    value.data.bo = (pmix_byte_object_t){.bytes = bytes, .size = len};
    name_key(key);
    pmix_status_t status = PMIx_Put(PMIX_GLOBAL, key, &value);
    if (status == PMIX_SUCCESS)
        status = PMIx_Commit();
    if (status != PMIX_SUCCESS)
        shmi_error("cannot give %zu bytes of start-up data to the launcher: %s", len,
                   PMIx_Error_string(status));
    free(bytes);
    return -shmi_pmix_errno(status);
}

/* Take what follows the mark out of a value. */
static int unpack(int pe, const pmix_value_t *value, struct shmi_blob *blob)
{
    const pmix_byte_object_t *object = &value->data.bo;

    if (value->type != PMIX_BYTE_OBJECT || object->size < sizeof(format_mark) ||
        memcmp(object->bytes, format_mark, sizeof(format_mark)) != 0) {
        shmi_error("PE %d runs another version of npushmem than %s; all PEs must run the same", pe,
                   format_mark);
        return -EPROTO;
    }
    size_t len = object->size - sizeof(format_mark);
    void *bytes = malloc(len > 0 ? len : 1);
    if (bytes == NULL) {
        shmi_error("no memory for %zu bytes of PE %d's start-up data", len, pe);
        return -ENOMEM;
    }
    memcpy(bytes, object->bytes + sizeof(format_mark), len);
    *blob = (struct shmi_blob){.bytes = bytes, .len = len};
    return 0;
}

static int receive(int pe, const char *key, struct shmi_blob *blob)
{
    pmix_proc_t whom;
    pmix_value_t *value = NULL;

    PMIX_LOAD_PROCID(&whom, pmix.me.nspace, (pmix_rank_t)pe);
    pmix_status_t status = PMIx_Get(&whom, key, NULL, 0, &value);
    if (status != PMIX_SUCCESS || value == NULL) {
        shmi_error("the launcher does not have PE %d's start-up data: %s", pe,
                   PMIx_Error_string(status));
        return status == PMIX_SUCCESS ? -EPROTO : -shmi_pmix_errno(status);
    }
    int result = unpack(pe, value, blob);
    PMIX_VALUE_RELEASE(value);
    return result;
}

static int pmix_exchange(const struct shmi_blob *mine, struct shmi_blob *all)
{
    char key[PMIX_MAX_KEYLEN];

    pmix.exchanges++; /* a key is put once: a second value may never be seen */
    int result = publish(mine);
    if (result != 0)
        return result;

    pmix_status_t status = fence(true, shmi_config.start_timeout);
    if (status == PMIX_ERR_TIMEOUT)
        fail_start(shmi_config.start_timeout);
    if (status != PMIX_SUCCESS) {
        shmi_error("cannot exchange start-up data: %s", PMIx_Error_string(status));
        return -shmi_pmix_errno(status);
    }
    name_key(key);
    for (int pe = 0; pe < pmix.n_pes; pe++) {
        result = receive(pe, key, &all[pe]);
        if (result != 0) {
            while (pe-- > 0)
                free(all[pe].bytes);
            return result;
        }
    }
    return 0;
}

/* Open MPI's server dies or hangs when it is asked to abort while PEs are in a fence.  That a PE
 * exits with a status that is not zero ends the job, too, and does it well. */
static void pmix_abort(int status)
{
    if (is_orte() && (status & 0xff) != 0)
        return;
    PMIx_Abort(status, "npushmem ends the job", NULL, 0);
}

const struct shmi_job_kind shmi_job_pmix = {
    .open = pmix_open,
    .exchange = pmix_exchange,
    .fence = pmix_fence,
    .group_create = shmi_pmix_group_create,
    .group_destroy = shmi_pmix_group_destroy,
    .abort = pmix_abort,
    .close = pmix_close,
};
