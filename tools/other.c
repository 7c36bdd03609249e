/* SPDX-License-Identifier: BSD-3-Clause */
/* other.c -- jobs that Open MPI, PRRTE or Slurm start. */
#include "launch.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* A command line that grows. */
struct command {
    char **words;
    size_t n;
};

static void add(struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct command *command, const char *format, ...)
{
    char *word;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&word, format, args);
    va_end(args);
    char **longer = realloc(command->words, (command->n + 2) * sizeof(*longer));
    if (len < 0 || longer == NULL)
        give_up("out of memory");
    longer[command->n++] = word;
    longer[command->n] = NULL;
    command->words = longer;
}

static void add_option(struct command *command, const char *option, const char *value)
{
    add(command, "%s", option);
    add(command, "%s", value);
}

/* Are there more PEs than CPUs on some node?  Other nodes are taken to be like this one. */
static bool is_crowded(const struct options *options)
{
    int cpus = usable_cpus(), most = options->per_node;

    if (options->hosts == NULL)
        return options_total(options) > cpus;
    for (const char *host = options->hosts; *host != '\0' && options->per_node == 0;) {
        size_t len = strcspn(host, ",");
        const char *colon = memchr(host, ':', len);
        int slots = colon != NULL ? atoi(colon + 1) : 1;
        most = slots > most ? slots : most;
        host += len;
        host += strspn(host, ",");
    }
    return most > cpus;
}

/* Is the variable among those the user gave, with -x VAR or -x VAR=VALUE? */
static bool is_exported(const struct app *app, const char *name, size_t len)
{
    for (char **variable = app->exports; *variable != NULL; variable++)
        if (strcspn(*variable, "=") == len && strncmp(*variable, name, len) == 0)
            return true;
    return false;
}

/* The variables that every PE gets: ours from the environment, then the user's -x. */
static void add_exports(struct command *command, const struct app *app)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        int len = (int)strcspn(*entry, "=");
        if (is_exported(app, *entry, (size_t)len))
            continue;
        if (strncmp(*entry, "SHMEM_", 6) != 0 && strncmp(*entry, "SHMEMX_", 7) != 0 &&
            strncmp(*entry, "SMA_", 4) != 0 && strncmp(*entry, "LD_LIBRARY_PATH=", 16) != 0)
            continue;
        add(command, "-x");
        add(command, "%.*s", len, *entry);
    }
    for (char **variable = app->exports; *variable != NULL; variable++)
        add_option(command, "-x", *variable);
}

static void add_app(struct command *command, const struct options *options, const struct app *app)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", app->n_pes);
    add_option(command, "-n", number);
    if (options->hosts != NULL)
        add_option(command, "--host", options->hosts);
    if (options->dir != NULL)
        add_option(command, "--wdir", options->dir);
    add_exports(command, app);
    for (char **word = app->argv; *word != NULL; word++)
        add(command, "%s", *word);
}

static void add_apps(struct command *command, const struct options *options)
{
    for (int i = 0; i < options->n_apps; i++) {
        if (i > 0)
            add(command, ":");
        add_app(command, options, &options->apps[i]);
    }
}

/* Open MPI 4: more PEs than CPUs, and root in a container, are what people want when they say
 * so. */
static void write_mpirun(struct command *command, const struct options *options)
{
    if (geteuid() == 0)
        add(command, "--allow-run-as-root");
    add(command, "--oversubscribe");
    if (is_crowded(options))
        add_option(command, "--bind-to", "none");
    if (options->per_node > 0)
        add(command, "--npernode"), add(command, "%d", options->per_node);
    if (options->tag)
        add(command, "--tag-output");
}

static void write_prterun(struct command *command, const struct options *options)
{
    if (geteuid() == 0)
        add(command, "--allow-run-as-root");
    add(command, "--map-by");
    if (options->per_node > 0)
        add(command, "ppr:%d:node:OVERSUBSCRIBE", options->per_node);
    else
        add(command, ":OVERSUBSCRIBE");
    if (is_crowded(options))
        add_option(command, "--bind-to", "none");
    if (options->tag)
        add_option(command, "--output", "tag");
}

/* The hosts of the allocation, in a list like --hosts has it. */
static char *slurm_hosts(void)
{
    FILE *names = popen("scontrol show hostnames", "re");
    char line[256], *hosts = NULL;
    size_t len = 0;

    while (names != NULL && fgets(line, sizeof(line), names) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *longer = realloc(hosts, len + strlen(line) + 2);
        if (longer == NULL)
            give_up("out of memory");
        hosts = longer;
        len += (size_t)sprintf(hosts + len, "%s%s", len > 0 ? "," : "", line);
    }
    if (names == NULL || pclose(names) != 0 || hosts == NULL)
        give_up("cannot ask scontrol for the hosts of the allocation");
    return hosts;
}

/* srun takes "h1,h1,h2", one name for each PE, where the others take "h1:2,h2". */
static void add_srun_hosts(struct command *command, const char *hosts, int per_node, int n_pes)
{
    size_t room = strlen("--nodelist=") + (size_t)n_pes * (strlen(hosts) + 1) + 1;
    char *list = malloc(room), *end = list;
    int n = 0;

    if (list == NULL)
        give_up("out of memory");
    end += sprintf(end, "--nodelist=");
    for (const char *host = hosts; *host != '\0';) {
        int len = (int)strcspn(host, ":,");
        int slots = per_node > 0 ? per_node : host[len] == ':' ? atoi(host + len + 1) : 1;
        for (; slots > 0 && n < n_pes; slots--, n++)
            end += sprintf(end, "%s%.*s", n > 0 ? "," : "", len, host);
        host += strcspn(host, ",");
        host += strspn(host, ",");
    }
    if (n < n_pes)
        give_up("the hosts hold %d PEs, not %d (a host holds %s)", n, n_pes,
                per_node > 0 ? "what --ppn says" : "one, or what stands after its colon");
    add(command, "--distribution=arbitrary");
    add(command, "%s", list);
    free(list);
}

/* Does the step need more than the allocation was made for?  Only then ask for CPUs to be shared:
 * srun deals PEs out to nodes differently when told so. */
static bool is_beyond_allocation(int n_pes)
{
    const char *tasks = getenv("SLURM_NTASKS");

    return tasks == NULL || n_pes > atoi(tasks);
}

static void write_srun(struct command *command, const struct options *options)
{
    const struct app *app = &options->apps[0];

    if (options->n_apps > 1)
        give_up("srun starts one program; several in one job need mpirun, prterun or the launcher "
                "\"own\"");
    add(command, "--mpi=pmix");
    add(command, "--kill-on-bad-exit=1");
    add(command, "--ntasks=%d", app->n_pes);
    if (is_beyond_allocation(app->n_pes))
        add(command, "--overcommit");
    if (options->hosts != NULL)
        add_srun_hosts(command, options->hosts, options->per_node, app->n_pes);
    else if (options->per_node > 0)
        add_srun_hosts(command, slurm_hosts(), options->per_node, app->n_pes);
    if (is_crowded(options))
        add(command, "--cpu-bind=none");
    if (options->dir != NULL)
        add(command, "--chdir=%s", options->dir);
    if (options->tag)
        add(command, "--label");
    /* The whole environment goes along; -x only has to be in it. */
    for (char **variable = app->exports; *variable != NULL; variable++)
        if (strchr(*variable, '=') != NULL)
            putenv(*variable);
}

static struct command write_command(const struct choice *choice, const struct options *options)
{
    struct command command = {.n = 0};

    add(&command, "%s", choice->path);
    if (choice->launcher == LAUNCH_MPIRUN)
        write_mpirun(&command, options);
    else if (choice->launcher == LAUNCH_PRTERUN)
        write_prterun(&command, options);
    else
        write_srun(&command, options);
    for (char **word = options->pass; *word != NULL; word++)
        add(&command, "%s", *word);
    if (choice->launcher != LAUNCH_SRUN)
        add_apps(&command, options);
    else
        for (char **word = options->apps[0].argv; *word != NULL; word++)
            add(&command, "%s", *word);
    return command;
}

static void print_command(const struct command *command)
{
    for (size_t i = 0; i < command->n; i++)
        fprintf(stderr, "%s%s", i > 0 ? " " : "oshrun: running ", command->words[i]);
    fputc('\n', stderr);
}

/* Wait for the launcher at most until the deadline; pass on what would end us. */
static int wait_for(pid_t pid, const sigset_t *watched, const struct timespec *deadline)
{
    int status;

    for (;;) {
        struct timespec now;
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        clock_gettime(CLOCK_MONOTONIC, &now);
        double left = (double)(deadline->tv_sec - now.tv_sec) +
                      (double)(deadline->tv_nsec - now.tv_nsec) / 1e9;
        if (left <= 0)
            return -1;
        struct timespec nap = {.tv_sec = (time_t)left,
                               .tv_nsec = (long)((left - (double)(time_t)left) * 1e9)};
        int sig = sigtimedwait(watched, NULL, &nap);
        if (sig > 0 && sig != SIGCHLD)
            kill(pid, sig);
    }
}

/* mpirun has a time limit of its own, with another status and another text in each version. */
static int run_with_limit(const struct command *command, double limit)
{
    struct timespec deadline;
    sigset_t watched, before;
    pid_t me = getpid();

    sigemptyset(&watched);
    for (int i = 0; i < 4; i++)
        sigaddset(&watched, (int[]){SIGCHLD, SIGINT, SIGTERM, SIGHUP}[i]);
    sigprocmask(SIG_BLOCK, &watched, &before);
    pid_t pid = fork();
    if (pid < 0)
        give_up("cannot start a process: %m");
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != me)
            _exit(1);
        execv(command->words[0], command->words);
        say("cannot run %s: %m", command->words[0]);
        _exit(127);
    }
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += (time_t)limit;
    deadline.tv_nsec += (long)((limit - (double)(time_t)limit) * 1e9);
    int status = wait_for(pid, &watched, &deadline);
    if (status >= 0)
        return status;
    say("the time limit of %g s is over; ending the job", limit);
    kill(pid, SIGTERM);
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += 5;
    if (wait_for(pid, &watched, &deadline) < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return 124;
}

static void set_default(const char *prefix, const char *name, long value)
{
    char variable[64], text[24];

    snprintf(variable, sizeof(variable), "%s_MCA_oob_tcp_keepalive_%s", prefix, name);
    snprintf(text, sizeof(text), "%ld", value);
    setenv(variable, text, 0);
}

/* The launcher has to miss a host that has gone before the PEs end the job for lack of its answers:
 * told to end it, it would wait for the daemon there until the system gives up the connection, a
 * quarter of an hour.  So it asks its daemons more often than every eight minutes. */
static void set_keepalive(void)
{
    static const char *const prefixes[] = {"OMPI", "PRTE"};
    const char *timeout = getenv("SHMEM_NET_TIMEOUT");
    long seconds = timeout == NULL ? 30 : atol(timeout);

    for (int i = 0; i < 2 && seconds > 0; i++) {
        set_default(prefixes[i], "time", seconds >= 6 ? seconds / 3 : 1);
        set_default(prefixes[i], "intvl", seconds >= 20 ? seconds / 10 : 1);
        set_default(prefixes[i], "probes", seconds >= 6 ? 3 : 1);
    }
}

int other_run(const struct choice *choice, const struct options *options)
{
    set_keepalive();
    /* It is for us, and would be an unknown variable to the library. */
    unsetenv("SHMEM_LAUNCHER");
    find_library_export();
    struct command command = write_command(choice, options);
    if (options->verbose)
        print_command(&command);
    if (options->timeout > 0)
        return run_with_limit(&command, options->timeout);
    execv(command.words[0], command.words);
    give_up("cannot run %s: %m", command.words[0]);
}
