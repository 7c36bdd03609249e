/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmix_probe.c -- a small PMIx client, to see what a launcher does with it.
 *
 *     pmix_probe [WORD...]     each word is one step, after PMIx_Init and one exchange
 *
 *     ok             nothing more
 *     group          construct and destruct a group; says "group", or "no group"
 *     fence          PMIx_Fence
 *     say            "PE r of n"
 *     pid            "pid P"
 *     sleep          for a minute
 *     event          wait, up to ten seconds, for the event of another PE's death; "event C of PE
 *     r" R:exit=S       PE R exits with status S, without PMIx_Finalize
 *     R:signal=S     PE R sends itself a signal
 *     R:abort=S      PE R calls PMIx_Abort
 *     R:sleep        PE R sleeps
 *     early          before everything: PE 0 ends before PMIx_Init
 */
#include <pmix.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pmix_proc_t me;
static unsigned n_pes;

static struct {
    pthread_mutex_t lock; /* protects the rest */
    pthread_cond_t come;
    int code; /* 0: none has come */
    int pe;
} event = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};

static void must(const char *what, pmix_status_t rc)
{
    if (rc == PMIX_SUCCESS)
        return;
    fprintf(stderr, "pmix_probe: %s: %s\n", what, PMIx_Error_string(rc));
    _exit(99);
}

static unsigned number(const pmix_value_t *value)
{
    switch (value->type) {
    case PMIX_UINT16:
        return value->data.uint16;
    case PMIX_UINT32:
        return value->data.uint32;
    case PMIX_INT:
        return (unsigned)value->data.integer;
    case PMIX_PROC_RANK:
        return value->data.rank;
    default:
        fprintf(stderr, "pmix_probe: a number of type %d\n", value->type);
        _exit(99);
    }
}

static void fence(bool collect)
{
    pmix_proc_t all;
    pmix_info_t info;

    PMIX_LOAD_PROCID(&all, me.nspace, PMIX_RANK_WILDCARD);
    PMIX_INFO_LOAD(&info, PMIX_COLLECT_DATA, &collect, PMIX_BOOL);
    must("fence", PMIx_Fence(&all, 1, &info, 1));
}

static unsigned char pattern(unsigned pe, size_t i)
{
    return (unsigned char)(pe * 7 + i);
}

/* Every PE puts 300 bytes and gets everybody's. */
static void exchange(void)
{
    char bytes[300];
    pmix_value_t value = {.type = PMIX_BYTE_OBJECT}, *got;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)pattern(me.rank, i);
    value.data.bo.bytes = bytes;
    value.data.bo.size = sizeof(bytes);
    must("put", PMIx_Put(PMIX_GLOBAL, "probe", &value));
    must("commit", PMIx_Commit());
    fence(true);
    for (unsigned pe = 0; pe < n_pes; pe++) {
        pmix_proc_t peer;
        PMIX_LOAD_PROCID(&peer, me.nspace, pe);
        must("get", PMIx_Get(&peer, "probe", NULL, 0, &got));
        if (got->type != PMIX_BYTE_OBJECT || got->data.bo.size != sizeof(bytes))
            must("size", PMIX_ERR_BAD_PARAM);
        for (size_t i = 0; i < sizeof(bytes); i++)
            if ((unsigned char)got->data.bo.bytes[i] != pattern(pe, i))
                must("bytes", PMIX_ERR_BAD_PARAM);
        PMIX_VALUE_RELEASE(got);
    }
}

/* Twice: a group that is gone can be made again. */
static void group(void)
{
    pmix_proc_t *members = calloc(n_pes, sizeof(*members));
    pmix_info_t info, *results = NULL;
    size_t n_results = 0;
    bool yes = true;

    for (unsigned pe = 0; pe < n_pes; pe++)
        PMIX_LOAD_PROCID(&members[pe], me.nspace, pe);
    PMIX_INFO_LOAD(&info, PMIX_GROUP_ASSIGN_CONTEXT_ID, &yes, PMIX_BOOL);
    for (int i = 0; i < 2; i++) {
        pmix_status_t rc =
            PMIx_Group_construct("probe-group", members, n_pes, &info, 1, &results, &n_results);
        if (rc == PMIX_ERR_NOT_SUPPORTED) {
            printf("no group\n");
            free(members);
            return;
        }
        must("group construct", rc);
        must("group destruct", PMIx_Group_destruct("probe-group", NULL, 0));
    }
    printf("group\n");
    free(members);
}

static void on_event(size_t id, pmix_status_t code, const pmix_proc_t *source, pmix_info_t info[],
                     size_t n_info, pmix_info_t results[], size_t n_results,
                     pmix_event_notification_cbfunc_fn_t done, void *arg)
{
    (void)id, (void)results, (void)n_results;
    pthread_mutex_lock(&event.lock);
    event.code = code;
    event.pe = (int)source->rank;
    for (size_t i = 0; i < n_info; i++)
        if (PMIX_CHECK_KEY(&info[i], PMIX_EVENT_AFFECTED_PROC))
            event.pe = (int)info[i].value.data.proc->rank;
    pthread_cond_signal(&event.come);
    pthread_mutex_unlock(&event.lock);
    if (done != NULL)
        done(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, arg);
}

static void wait_for_event(void)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    pthread_mutex_lock(&event.lock);
    while (event.code == 0)
        if (pthread_cond_timedwait(&event.come, &event.lock, &end) != 0)
            break;
    printf("event %d of PE %d\n", event.code, event.pe);
    pthread_mutex_unlock(&event.lock);
}

static void act(const char *word)
{
    int amount = strchr(word, '=') != NULL ? atoi(strchr(word, '=') + 1) : 0;

    if (strcmp(word, "group") == 0)
        group();
    else if (strcmp(word, "fence") == 0)
        fence(false);
    else if (strcmp(word, "say") == 0)
        printf("PE %u of %u\n", me.rank, n_pes);
    else if (strcmp(word, "pid") == 0)
        printf("pid %d\n", (int)getpid());
    else if (strcmp(word, "sleep") == 0)
        sleep(60);
    else if (strcmp(word, "event") == 0)
        wait_for_event();
    else if (strncmp(word, "exit=", 5) == 0)
        fflush(NULL), _exit(amount);
    else if (strncmp(word, "signal=", 7) == 0)
        raise(amount);
    else if (strncmp(word, "abort=", 6) == 0)
        PMIx_Abort(amount, "probe", NULL, 0), pause();
    else if (strcmp(word, "ok") != 0 && strcmp(word, "early") != 0)
        must(word, PMIX_ERR_BAD_PARAM);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static pmix_status_t deaths[] = {PMIX_ERR_PROC_ABORTED_BY_SIG, PMIX_ERR_EXIT_NONZERO_TERM,
                                     PMIX_ERR_PROC_TERM_WO_SYNC};
    pmix_proc_t all;
    pmix_value_t *value;
    const char *rank = getenv("PMIX_RANK");

    if (argc > 1 && strcmp(argv[1], "early") == 0 && rank != NULL && atoi(rank) == 0)
        return 0;
    must("init", PMIx_Init(&me, NULL, 0));
    PMIX_LOAD_PROCID(&all, me.nspace, PMIX_RANK_WILDCARD);
    must("job size", PMIx_Get(&all, PMIX_JOB_SIZE, NULL, 0, &value));
    n_pes = number(value);
    PMIX_VALUE_RELEASE(value);
    PMIx_Register_event_handler(deaths, 3, NULL, 0, on_event, NULL, NULL);
    exchange();
    for (int i = 1; i < argc; i++) {
        const char *colon = strchr(argv[i], ':');
        if (colon == NULL)
            act(argv[i]);
        else if ((unsigned)atoi(argv[i]) == me.rank)
            act(colon + 1);
    }
    must("finalize", PMIx_Finalize(NULL, 0));
    return 0;
}
