/* SPDX-License-Identifier: BSD-3-Clause */
/* server.c -- PMIx, served. */
#include "server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hwloc.h>
#include <limits.h>
#include <pmix.h>
#include <pmix_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static struct {
    pmix_nspace_t nspace;
    int notes;          /* the pipe's end to write to */
    char dir[PATH_MAX]; /* for the server's files; removed at the end */
} server;

/* A list of keys and values that grows. */
struct list {
    pmix_info_t *info;
    size_t n;
};

static void add(struct list *list, const char *key, const void *value, pmix_data_type_t type)
{
    pmix_info_t *longer = realloc(list->info, (list->n + 1) * sizeof(*longer));

    if (longer == NULL)
        give_up("out of memory");
    list->info = longer;
    memset(&longer[list->n], 0, sizeof(*longer));
    PMIX_INFO_LOAD(&longer[list->n], key, value, type);
    list->n++;
}

static void add_u32(struct list *list, const char *key, unsigned value)
{
    uint32_t word = value;

    add(list, key, &word, PMIX_UINT32);
}

static void send_note(const struct note *note)
{
    while (write(server.notes, note, sizeof(*note)) < 0 && errno == EINTR)
        ;
}

static void tell(enum note_kind kind, const pmix_proc_t *proc, int status)
{
    send_note(&(struct note){.kind = kind, .pe = (int)proc->rank, .status = status});
}

/* What libpmix asks of its host.  Nearly all are answered at once, by what they return: libpmix
 * must not be called back before the call has returned. */

static pmix_status_t client_connected(const pmix_proc_t *proc, void *object, pmix_info_t info[],
                                      size_t n_info, pmix_op_cbfunc_t done, void *arg)
{
    (void)object, (void)info, (void)n_info, (void)done, (void)arg;
    tell(NOTE_JOINED, proc, 0);
    return PMIX_OPERATION_SUCCEEDED;
}

static pmix_status_t client_finalized(const pmix_proc_t *proc, void *object, pmix_op_cbfunc_t done,
                                      void *arg)
{
    (void)object, (void)done, (void)arg;
    tell(NOTE_LEFT, proc, 0);
    return PMIX_OPERATION_SUCCEEDED;
}

static pmix_status_t client_abort(const pmix_proc_t *proc, void *object, int status,
                                  const char text[], pmix_proc_t procs[], size_t n_procs,
                                  pmix_op_cbfunc_t done, void *arg)
{
    (void)object, (void)text, (void)procs, (void)n_procs, (void)done, (void)arg;
    tell(NOTE_ABORT, proc, status);
    return PMIX_OPERATION_SUCCEEDED;
}

/* All PEs are clients of this server: when they have all arrived, and libpmix asks only then, there
 * is nobody else to wait for, and the data they brought is already where each can get it. */
static pmix_status_t fence(const pmix_proc_t procs[], size_t n_procs, const pmix_info_t info[],
                           size_t n_info, char *data, size_t len, pmix_modex_cbfunc_t done,
                           void *arg)
{
    (void)procs, (void)n_procs, (void)info, (void)n_info, (void)len, (void)done, (void)arg;
    free(data);
    return PMIX_OPERATION_SUCCEEDED;
}

/* A group that is being made, until the PEs have the answer. */
struct group_answer {
    pmix_info_cbfunc_t done;
    void *arg;
    struct list list;
};

static void release_answer(void *arg)
{
    struct group_answer *answer = arg;

    PMIX_INFO_FREE(answer->list.info, answer->list.n);
    free(answer);
}

void server_answer(void *request)
{
    struct group_answer *answer = request;

    answer->done(PMIX_SUCCESS, answer->list.info, answer->list.n, answer->arg, release_answer,
                 answer);
}

/* Newer versions of libpmix want the members back, and what was asked for: a number that tells this
 * group from others.  That cannot be answered by what is returned, but only in another call. */
static pmix_status_t construct_group(const pmix_proc_t procs[], size_t n_procs, bool wants_id,
                                     pmix_info_cbfunc_t done, void *arg)
{
    static size_t last_id;
    struct group_answer *answer = calloc(1, sizeof(*answer));
    pmix_data_array_t members = {.type = PMIX_PROC, .size = n_procs, .array = (void *)procs};

    if (answer == NULL)
        return PMIX_ERR_NOMEM;
    *answer = (struct group_answer){.done = done, .arg = arg};
    add(&answer->list, PMIX_GROUP_MEMBERSHIP, &members, PMIX_DATA_ARRAY);
    last_id++;
    if (wants_id)
        add(&answer->list, PMIX_GROUP_CONTEXT_ID, &last_id, PMIX_SIZE);
    send_note(&(struct note){.kind = NOTE_ANSWER, .request = answer});
    return PMIX_SUCCESS;
}

static pmix_status_t group(pmix_group_operation_t operation, char name[], const pmix_proc_t procs[],
                           size_t n_procs, const pmix_info_t directives[], size_t n_directives,
                           pmix_info_cbfunc_t done, void *arg)
{
    bool wants_id = false;

    (void)name;
    if (operation == PMIX_GROUP_DESTRUCT)
        return PMIX_OPERATION_SUCCEEDED;
    for (size_t i = 0; i < n_directives; i++)
        if (PMIX_CHECK_KEY(&directives[i], PMIX_GROUP_ASSIGN_CONTEXT_ID))
            wants_id = PMIX_INFO_TRUE(&directives[i]);
    return construct_group(procs, n_procs, wants_id, done, arg);
}

static pmix_status_t register_events(pmix_status_t *codes, size_t n_codes, const pmix_info_t info[],
                                     size_t n_info, pmix_op_cbfunc_t done, void *arg)
{
    (void)codes, (void)n_codes, (void)info, (void)n_info, (void)done, (void)arg;
    return PMIX_OPERATION_SUCCEEDED;
}

static pmix_status_t deregister_events(pmix_status_t *codes, size_t n_codes, pmix_op_cbfunc_t done,
                                       void *arg)
{
    (void)codes, (void)n_codes, (void)done, (void)arg;
    return PMIX_OPERATION_SUCCEEDED;
}

static pmix_status_t notify_event(pmix_status_t code, const pmix_proc_t *source,
                                  pmix_data_range_t range, pmix_info_t info[], size_t n_info,
                                  pmix_op_cbfunc_t done, void *arg)
{
    (void)code, (void)source, (void)range, (void)info, (void)n_info, (void)done, (void)arg;
    return PMIX_OPERATION_SUCCEEDED;
}

/* A libpmix newer than the one we were compiled with copies a longer table: the rest must be
 * NULL. */
static union {
    pmix_server_module_t module;
    void *room[64];
} host = {
    .module =
        {
            .client_connected2 = client_connected,
            .client_finalized = client_finalized,
            .abort = client_abort,
            .fence_nb = fence,
            .register_events = register_events,
            .deregister_events = deregister_events,
            .notify_event = notify_event,
            .group = group,
        },
};

static int remove_entry(const char *path, const struct stat *file, int kind, struct FTW *where)
{
    (void)file, (void)kind, (void)where;
    remove(path);
    return 0;
}

static void remove_tree(const char *dir)
{
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

#define DIR_PREFIX "oshrun-"

/* An oshrun that was killed leaves its directory.  It holds a lock on it while it lives. */
static void remove_stale(const char *tmp)
{
    DIR *list = opendir(tmp);
    struct dirent *entry;
    struct stat file;

    while (list != NULL && (entry = readdir(list)) != NULL) {
        char path[PATH_MAX];
        if (strncmp(entry->d_name, DIR_PREFIX, strlen(DIR_PREFIX)) != 0)
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", tmp, entry->d_name) >= (int)sizeof(path))
            continue;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (fstat(fd, &file) == 0 && file.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_tree(path);
        close(fd);
    }
    if (list != NULL)
        closedir(list);
}

static void make_dir(void)
{
    const char *tmp = getenv("TMPDIR");

    if (tmp == NULL || *tmp == '\0')
        tmp = "/tmp";
    remove_stale(tmp);
    /* Another oshrun may take it for a stale one in the moment before the lock; then once more. */
    for (int i = 0; i < 10; i++) {
        struct stat file;
        snprintf(server.dir, sizeof(server.dir), "%s/" DIR_PREFIX "XXXXXX", tmp);
        if (mkdtemp(server.dir) == NULL)
            give_up("cannot make a directory in %s (TMPDIR says where): %m", tmp);
        int fd = open(server.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &file) == 0 &&
            file.st_nlink > 0)
            return;
        if (fd >= 0)
            close(fd);
    }
    give_up("cannot keep a directory in %s (TMPDIR says where)", tmp);
}

/* "0,1,2,3" */
static char *all_ranks(int n_pes)
{
    char *text = malloc((size_t)n_pes * 12 + 1), *end = text;

    if (text == NULL)
        give_up("out of memory");
    for (int pe = 0; pe < n_pes; pe++)
        end += sprintf(end, "%s%d", pe > 0 ? "," : "", pe);
    return text;
}

static void add_map(struct list *list, const char *host_name, const char *ranks)
{
    char *map;

    if (PMIx_generate_regex(host_name, &map) == PMIX_SUCCESS) {
        add(list, PMIX_NODE_MAP, map, PMIX_REGEX);
        free(map);
    }
    if (PMIx_generate_ppn(ranks, &map) == PMIX_SUCCESS) {
        add(list, PMIX_PROC_MAP, map, PMIX_REGEX);
        free(map);
    }
}

/* What PMIx_Get answers about one PE. */
static void add_pe(struct list *list, const char *host_name, int pe, int app, int app_pe)
{
    struct list about = {.n = 0};
    pmix_rank_t rank = (pmix_rank_t)pe, app_rank = (pmix_rank_t)app_pe;
    uint16_t local = (uint16_t)pe;

    add(&about, PMIX_RANK, &rank, PMIX_PROC_RANK);
    add(&about, PMIX_GLOBAL_RANK, &rank, PMIX_PROC_RANK);
    add(&about, PMIX_APP_RANK, &app_rank, PMIX_PROC_RANK);
    add_u32(&about, PMIX_APPNUM, (unsigned)app);
    add(&about, PMIX_LOCAL_RANK, &local, PMIX_UINT16);
    add(&about, PMIX_NODE_RANK, &local, PMIX_UINT16);
    add_u32(&about, PMIX_NODEID, 0);
    add(&about, PMIX_HOSTNAME, host_name, PMIX_STRING);
    pmix_data_array_t array = {.type = PMIX_INFO, .size = about.n, .array = about.info};
    add(list, PMIX_PROC_INFO_ARRAY, &array, PMIX_DATA_ARRAY);
    PMIX_INFO_FREE(about.info, about.n);
}

static void register_job(const struct options *options, int n_pes, const char *host_name)
{
    struct list job = {.n = 0};
    char *ranks = all_ranks(n_pes);
    pmix_rank_t leader = 0;
    int pe = 0;

    add_map(&job, host_name, ranks);
    add(&job, PMIX_JOBID, server.nspace, PMIX_STRING);
    add_u32(&job, PMIX_JOB_SIZE, (unsigned)n_pes);
    add_u32(&job, PMIX_UNIV_SIZE, (unsigned)n_pes);
    add_u32(&job, PMIX_MAX_PROCS, (unsigned)n_pes);
    add_u32(&job, PMIX_LOCAL_SIZE, (unsigned)n_pes);
    add_u32(&job, PMIX_NODE_SIZE, (unsigned)n_pes);
    add_u32(&job, PMIX_NUM_NODES, 1);
    add_u32(&job, PMIX_JOB_NUM_APPS, (unsigned)options->n_apps);
    add(&job, PMIX_LOCAL_PEERS, ranks, PMIX_STRING);
    add(&job, PMIX_LOCALLDR, &leader, PMIX_PROC_RANK);
    add(&job, PMIX_TMPDIR, server.dir, PMIX_STRING);
    add(&job, PMIX_NSDIR, server.dir, PMIX_STRING);
    for (int app = 0; app < options->n_apps; app++)
        for (int i = 0; i < options->apps[app].n_pes; i++)
            add_pe(&job, host_name, pe++, app, i);
    pmix_status_t rc =
        PMIx_server_register_nspace(server.nspace, n_pes, job.info, job.n, NULL, NULL);
    if (rc != PMIX_SUCCESS && rc != PMIX_OPERATION_SUCCEEDED)
        give_up("PMIx cannot register the job: %s", PMIx_Error_string(rc));
    PMIX_INFO_FREE(job.info, job.n);
    free(ranks);
}

static void register_clients(int n_pes)
{
    for (int pe = 0; pe < n_pes; pe++) {
        pmix_proc_t proc;
        PMIX_LOAD_PROCID(&proc, server.nspace, (pmix_rank_t)pe);
        pmix_status_t rc =
            PMIx_server_register_client(&proc, geteuid(), getegid(), NULL, NULL, NULL);
        if (rc != PMIX_SUCCESS && rc != PMIX_OPERATION_SUCCEEDED)
            give_up("PMIx cannot register PE %d: %s", pe, PMIx_Error_string(rc));
    }
}

/* The server wants a topology of the machine, and would spend most of its start-up to discover one
 * that nobody asks it for.  Clients who want one look for themselves. */
static void add_topology(struct list *list)
{
    hwloc_topology_t topology;
    char text[32];

    snprintf(text, sizeof(text), "pu:%d", usable_cpus());
    if (hwloc_topology_init(&topology) != 0)
        return;
    if (hwloc_topology_set_synthetic(topology, text) != 0 || hwloc_topology_load(topology) != 0) {
        hwloc_topology_destroy(topology);
        return;
    }
    pmix_topology_t wrapped = {.source = "hwloc", .topology = topology};
    add(list, PMIX_TOPOLOGY2, &wrapped, PMIX_TOPO);
}

/* Names that a launcher around us has set, and that would mislead libpmix. */
static bool is_of_outer_launcher(const char *entry)
{
    static const char *const prefixes[] = {
        "PMIX_", "PMI_", "OMPI_COMM_WORLD_", "OMPI_MCA_ess", "OMPI_MCA_orte_",
    };

    if (strncmp(entry, "PMIX_MCA_", 9) == 0)
        return false;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static void clean_environment(void)
{
    for (char **entry = environ; *entry != NULL;) {
        char name[256];
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(*entry, "="), *entry);
        if (!is_of_outer_launcher(*entry) || unsetenv(name) != 0)
            entry++;
    }
}

/* For PEs that use MPI, too.  Open MPI 4 takes a process that it did not start for a job of one,
 * unless the component that says so is left out; then it asks PMIx.  And where PEs outnumber CPUs,
 * it spins unless told not to. */
static void suit_open_mpi(int n_pes)
{
    setenv("OMPI_MCA_schizo", "^orte", 0);
    if (n_pes > usable_cpus())
        setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
}

/* libpmix keeps what PEs publish in shared memory, whose set-up costs two PEs half their start, or
 * in a table of the server's that PEs have to ask.  Many PEs ask too much.  Measured: the table
 * starts 2 PEs in 23 ms, not 44; 32 in the same time; 64 in 1.4 s, not 1.0. */
static void suit_size(int n_pes)
{
    if (n_pes <= 24)
        setenv("PMIX_MCA_gds", "hash", 0);
}

int server_open(const struct options *options, int n_pes)
{
    struct list info = {.n = 0};
    char host_name[HOST_NAME_MAX + 1] = "localhost";
    int notes[2];

    gethostname(host_name, sizeof(host_name) - 1);
    if (pipe2(notes, O_CLOEXEC) != 0)
        give_up("cannot make a pipe: %m");
    fcntl(notes[0], F_SETFL, O_NONBLOCK);
    server.notes = notes[1];
    clean_environment();
    suit_open_mpi(n_pes);
    suit_size(n_pes);
    make_dir();
    atexit(server_close);
    snprintf(server.nspace, sizeof(server.nspace), "npushmem-%s-%d", strrchr(server.dir, '-') + 1,
             (int)getpid());
    add(&info, PMIX_SERVER_TMPDIR, server.dir, PMIX_STRING);
    add(&info, PMIX_SYSTEM_TMPDIR, server.dir, PMIX_STRING);
    add(&info, PMIX_HOSTNAME, host_name, PMIX_STRING);
    add_topology(&info);
    pmix_status_t rc = PMIx_server_init(&host.module, info.info, info.n);
    if (rc != PMIX_SUCCESS)
        give_up("cannot start a PMIx server: %s", PMIx_Error_string(rc));
    register_job(options, n_pes, host_name);
    register_clients(n_pes);
    return notes[0];
}

static void add_entry(char ***list, size_t *n, char *entry)
{
    char **longer = realloc(*list, (*n + 2) * sizeof(*longer));

    if (longer == NULL || entry == NULL)
        give_up("out of memory");
    longer[(*n)++] = entry;
    longer[*n] = NULL;
    *list = longer;
}

char **server_environment(int pe, const struct app *app)
{
    char **list = NULL;
    size_t n = 0;
    pmix_proc_t proc;

    for (char **entry = environ; *entry != NULL; entry++) {
        bool is_replaced = false;
        size_t len = strcspn(*entry, "=") + 1;
        for (char **export = app->exports; *export != NULL; export ++)
            is_replaced |= strncmp(*entry, *export, len) == 0;
        if (!is_replaced)
            add_entry(&list, &n, strdup(*entry));
    }
    for (char **export = app->exports; *export != NULL; export ++)
        if (strchr(*export, '=') != NULL)
            add_entry(&list, &n, strdup(*export));
    PMIX_LOAD_PROCID(&proc, server.nspace, (pmix_rank_t)pe);
    pmix_status_t rc = PMIx_server_setup_fork(&proc, &list);
    if (rc != PMIX_SUCCESS)
        give_up("PMIx cannot prepare PE %d: %s", pe, PMIx_Error_string(rc));
    return list;
}

static void notified(pmix_status_t rc, void *arg)
{
    (void)rc;
    free(arg);
}

void server_notify_death(int pe, int code)
{
    pmix_proc_t dead;
    pmix_info_t *info = calloc(1, sizeof(*info));

    PMIX_LOAD_PROCID(&dead, server.nspace, (pmix_rank_t)pe);
    if (info == NULL)
        return;
    PMIX_INFO_LOAD(info, PMIX_EVENT_AFFECTED_PROC, &dead, PMIX_PROC);
    PMIx_Notify_event(code, &dead, PMIX_RANGE_NAMESPACE, info, 1, notified, info);
}

void server_close(void)
{
    if (server.dir[0] != '\0')
        remove_tree(server.dir);
}
