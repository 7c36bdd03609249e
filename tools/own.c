/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * own.c -- a job on this machine, started and watched by oshrun itself.
 *
 * One loop waits for everything: signals (among them SIGCHLD), notes of the PMIx server, output to
 * carry, deadlines.  A job that fails is ended in steps, each with its time: the survivors are told
 * by a PMIx event and may still say something; then they get a signal; then SIGKILL.
 */
#include "launch.h"
#include "pump.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <pmix_common.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Seconds that each step of an end may take. */
static const double grace_to_speak = 0.25, grace_to_leave = 1.0, grace_after_kill = 5.0;

/* And for which the PMIx server may be behind: it has still to tell of a PE that has gone. */
static const double grace_to_tell = 2.0;

enum step { RUNNING, SPEAKING, LEAVING, KILLED };

struct pe {
    pid_t pid;
    bool is_running;
    bool has_joined; /* called PMIx_Init ... */
    bool has_left;   /* ... and PMIx_Finalize since */
};

static struct {
    const struct options *options;
    struct pe *pes;
    int n_pes;
    int n_running;
    enum step step;
    int end_signal;  /* what survivors get first */
    double deadline; /* of the step; while running, of the job; 0: none */
    bool has_failed;
    int status;
    int signals;       /* signalfd */
    int notes;         /* from the PMIx server */
    int starts;        /* children that could not run their program say so here */
    sigset_t old_mask; /* what PEs start with */
    struct rlimit old_files;
} job;

/* A program that could not be run, as its child process tells it. */
struct failed_start {
    int pe;
    int error;
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Each PE leads a process group, so that a signal reaches what it has started, too. */
static void signal_all(int sig)
{
    for (int pe = 0; pe < job.n_pes; pe++)
        if (job.pes[pe].is_running)
            kill(-job.pes[pe].pid, sig);
}

static void go_to(enum step step)
{
    static const double *const grace[] = {
        [SPEAKING] = &grace_to_speak,
        [LEAVING] = &grace_to_leave,
        [KILLED] = &grace_after_kill,
    };

    if (step <= job.step)
        return;
    job.step = step;
    job.deadline = now() + *grace[step];
    if (step == LEAVING)
        signal_all(job.end_signal);
    else if (step == KILLED)
        signal_all(SIGKILL);
    /* A stopped process would not take note of it. */
    if (step == LEAVING)
        signal_all(SIGCONT);
}

/* End the job; the first reason decides its status. */
static void end_job(int status, int sig, enum step first_step)
{
    if (job.step == RUNNING) {
        job.status = status;
        job.end_signal = sig;
    }
    go_to(first_step);
}

/* ---- what PEs do ---- */

static bool somebody_has_joined(void)
{
    for (int pe = 0; pe < job.n_pes; pe++)
        if (job.pes[pe].is_running && job.pes[pe].has_joined && !job.pes[pe].has_left)
            return true;
    return false;
}

static void pe_failed(int pe, int status, int code, const char *how)
{
    if (job.step != RUNNING) {
        if (job.options->verbose)
            say("then PE %d (pid %d) %s", pe, (int)job.pes[pe].pid, how);
        return;
    }
    say("PE %d (pid %d) %s", pe, (int)job.pes[pe].pid, how);
    if (!somebody_has_joined()) {
        end_job(status, SIGTERM, LEAVING);
        return;
    }
    server_notify_death(pe, code);
    end_job(status, SIGTERM, SPEAKING);
}

static void killed_by(int pe, int sig, bool has_core)
{
    char how[160];

    snprintf(how, sizeof(how), "was killed by signal %d (%s)%s", sig, strsignal(sig),
             has_core ? ", core dumped" : "");
    pe_failed(pe, 128 + sig, PMIX_ERR_PROC_ABORTED_BY_SIG, how);
}

/* A PE that ended well without ever joining is waited for in vain by those that have joined. */
static void look_for_absent(void)
{
    if (job.step != RUNNING || !somebody_has_joined())
        return;
    for (int pe = 0; pe < job.n_pes; pe++) {
        const struct pe *it = &job.pes[pe];
        if (!it->is_running && !it->has_joined) {
            pe_failed(pe, 1, PMIX_ERR_PROC_TERM_WO_SYNC,
                      "ended without shmem_init, which the others have called");
            return;
        }
    }
}

static void take_abort(int pe, int status)
{
    if (status != 0 && job.step == RUNNING)
        say("PE %d (pid %d) ended the job with status %d", pe, (int)job.pes[pe].pid, status);
    end_job(status, SIGTERM, LEAVING);
}

static void take_note(const struct note *note)
{
    struct pe *pe = &job.pes[note->pe];

    switch (note->kind) {
    case NOTE_JOINED:
        pe->has_joined = true;
        pe->has_left = false;
        break;
    case NOTE_LEFT:
        pe->has_left = true;
        break;
    case NOTE_ABORT:
        take_abort(note->pe, note->status & 255);
        break;
    case NOTE_ANSWER:
        server_answer(note->request);
        break;
    }
}

static void read_notes(void)
{
    struct note note;

    while (read(job.notes, &note, sizeof(note)) == sizeof(note))
        if (note.pe >= 0 && note.pe < job.n_pes)
            take_note(&note);
    look_for_absent();
}

static const char *program_of(int pe)
{
    const struct app *app = job.options->apps;

    while (pe >= app->n_pes)
        pe -= (app++)->n_pes;
    return app->argv[0];
}

static void read_starts(void)
{
    struct failed_start failed;

    while (read(job.starts, &failed, sizeof(failed)) == sizeof(failed)) {
        if (job.step == RUNNING)
            say("cannot run %s as PE %d: %s", program_of(failed.pe), failed.pe,
                strerror(failed.error));
        end_job(failed.error == ENOENT ? 127 : 126, SIGTERM, LEAVING);
    }
}

/* libpmix does not wait for ever for an answer to PMIx_Finalize, and where the machine is very busy
 * a PE can be gone before the server has read that it leaves. */
static bool has_left(int pe)
{
    double end = now() + grace_to_tell;

    while (job.step == RUNNING && !job.pes[pe].has_left && now() < end) {
        struct pollfd notes = {.fd = job.notes, .events = POLLIN};
        poll(&notes, 1, 100);
        read_notes();
    }
    return job.pes[pe].has_left;
}

static void exited(int pe, int status)
{
    char how[80];

    if (status != 0) {
        snprintf(how, sizeof(how), "exited with status %d", status);
        pe_failed(pe, status, PMIX_ERR_EXIT_NONZERO_TERM, how);
    } else if (job.pes[pe].has_joined && !has_left(pe)) {
        pe_failed(pe, 1, PMIX_ERR_PROC_TERM_WO_SYNC, "left without shmem_finalize");
    }
}

/* SIGCHLD may stand for several; processes that PEs have left behind come to us as well. */
static void reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        int pe = 0;
        while (pe < job.n_pes && !(job.pes[pe].is_running && job.pes[pe].pid == pid))
            pe++;
        if (pe == job.n_pes)
            continue;
        job.pes[pe].is_running = false;
        job.n_running--;
        /* What it told the server before it ended is in the pipes by now. */
        read_starts();
        read_notes();
        if (WIFSIGNALED(status))
            killed_by(pe, WTERMSIG(status), WCOREDUMP(status));
        else
            exited(pe, WEXITSTATUS(status));
    }
    look_for_absent();
}

/* ---- what users do ---- */

static void end_by_signal(int sig)
{
    if (job.step >= LEAVING) {
        go_to(KILLED);
        return;
    }
    say("%s: ending %d PEs", strsignal(sig), job.n_running);
    end_job(128 + sig, sig, LEAVING);
}

static void take_signal(int sig)
{
    switch (sig) {
    case SIGCHLD:
        reap();
        break;
    case SIGINT:
    case SIGTERM:
    case SIGHUP:
    case SIGQUIT:
        end_by_signal(sig);
        break;
    case SIGTSTP:
        signal_all(SIGTSTP);
        raise(SIGSTOP);
        break;
    case SIGCONT:
        pump_resume();
        signal_all(SIGCONT);
        break;
    default:
        signal_all(sig);
        break;
    }
}

static void read_signals(void)
{
    struct signalfd_siginfo info;

    while (read(job.signals, &info, sizeof(info)) == sizeof(info))
        take_signal((int)info.ssi_signo);
}

/* Signals we were told to ignore (nohup, a shell's background) stay ignored, here and in the
 * PEs. */
static void open_signals(void)
{
    static const int wanted[] = {SIGCHLD, SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                 SIGTSTP, SIGCONT, SIGUSR1, SIGUSR2, SIGWINCH};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct sigaction action;
        sigaction(wanted[i], NULL, &action);
        if (wanted[i] == SIGCHLD)
            signal(SIGCHLD, SIG_DFL);
        else if (action.sa_handler == SIG_IGN)
            continue;
        sigaddset(&set, wanted[i]);
    }
    sigprocmask(SIG_BLOCK, &set, &job.old_mask);
    job.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (job.signals < 0)
        give_up("cannot wait for signals: %m");
}

/* ---- the start ---- */

/* In the child.  Everything here is safe after a fork of a process with threads. */
static void become(int pe, const struct app *app, char **environment, const struct pump_ends *ends,
                   pid_t parent, int starts)
{
    setpgid(0, 0);
    /* Whatever happens to oshrun, no PE outlives it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    for (int i = 0; i < 3; i++)
        if (ends->fd[i] != i)
            dup2(ends->fd[i], i);
    setrlimit(RLIMIT_NOFILE, &job.old_files);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &job.old_mask, NULL);
    if (job.options->dir == NULL || chdir(job.options->dir) == 0)
        execvpe(app->argv[0], app->argv, environment);
    struct failed_start failed = {.pe = pe, .error = errno};
    if (write(starts, &failed, sizeof(failed)) < 0)
        _exit(126);
    _exit(127);
}

static void start_pe(int pe, const struct app *app, int starts)
{
    struct pump_ends ends;
    char **environment = server_environment(pe, app);
    pid_t me = getpid();

    pump_start(pe, &ends);
    pid_t pid = fork();
    if (pid == 0)
        become(pe, app, environment, &ends, me, starts);
    if (pid < 0)
        say("cannot start PE %d: %m", pe);
    pump_started(&ends);
    for (char **entry = environment; *entry != NULL; entry++)
        free(*entry);
    free(environment);
    if (pid < 0) {
        end_job(1, SIGTERM, LEAVING);
        return;
    }
    /* Here as well as there: whoever comes first, signals find the group. */
    setpgid(pid, pid);
    job.pes[pe].pid = pid;
    job.pes[pe].is_running = true;
    job.n_running++;
}

static void start_all(void)
{
    int starts[2], pe = 0;

    if (pipe2(starts, O_CLOEXEC | O_NONBLOCK) != 0)
        give_up("cannot make a pipe: %m");
    job.starts = starts[0];
    for (int i = 0; i < job.options->n_apps; i++)
        for (int k = 0; k < job.options->apps[i].n_pes && job.step == RUNNING; k++)
            start_pe(pe++, &job.options->apps[i], starts[1]);
    close(starts[1]);
}

/* ---- the loop ---- */

static void pass_deadline(void)
{
    if (job.step == RUNNING) {
        char list[256] = "";
        size_t used = 0;
        for (int pe = 0; pe < job.n_pes && used < sizeof(list) - 16; pe++)
            if (job.pes[pe].is_running)
                used += (size_t)snprintf(list + used, sizeof(list) - used, " %d", pe);
        say("the time limit of %g s is over; still running: PE%s%s", job.options->timeout, list,
            used >= sizeof(list) - 16 ? " ..." : "");
        end_job(124, SIGTERM, LEAVING);
    } else if (job.step == SPEAKING) {
        go_to(LEAVING);
    } else if (job.step == LEAVING) {
        go_to(KILLED);
    } else {
        say("%d PEs do not go away even by SIGKILL; leaving them to the system", job.n_running);
        job.n_running = 0;
    }
}

static void run_loop(void)
{
    int max = pump_polls_max() + 3;
    struct pollfd *polls = calloc((size_t)max, sizeof(*polls));

    if (polls == NULL)
        give_up("out of memory");
    while (job.n_running > 0) {
        int wait = -1, n_pump = pump_polls(polls + 3);
        polls[0] = (struct pollfd){.fd = job.signals, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = job.notes, .events = POLLIN};
        polls[2] = (struct pollfd){.fd = job.starts, .events = POLLIN};
        if (job.deadline > 0) {
            double left = job.deadline - now();
            wait = left > 0 ? (int)(left * 1e3) + 1 : 0;
        }
        if (poll(polls, (nfds_t)(3 + n_pump), wait) < 0 && errno != EINTR)
            give_up("cannot wait for the PEs: %m");
        pump_run(polls + 3, n_pump);
        if ((polls[2].revents & POLLHUP) != 0 && (polls[2].revents & POLLIN) == 0)
            job.starts = -1; /* every PE runs its program */
        else if (polls[2].revents != 0)
            read_starts();
        read_notes();
        read_signals();
        if (job.deadline > 0 && now() >= job.deadline)
            pass_deadline();
    }
    free(polls);
}

/* The processes that are our children now: what PEs have left behind. */
static int signal_left_behind(int sig)
{
    char path[64];
    int pid, n = 0;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
    FILE *children = fopen(path, "re");
    while (children != NULL && fscanf(children, "%d", &pid) == 1) {
        if (sig != 0)
            kill(pid, sig);
        n++;
    }
    if (children != NULL)
        fclose(children);
    return n;
}

/* Give what PEs have left behind a moment to end by itself (a filter that writes the last of their
 * output), then end it. */
static void sweep(void)
{
    double start = now();
    int sent = 0;

    while (waitpid(-1, NULL, WNOHANG) >= 0 && now() < start + 2.0) {
        double passed = now() - start;
        int sig = passed > 1.0 ? SIGKILL : passed > 0.5 || job.status != 0 ? SIGTERM : 0;
        int n = signal_left_behind(sig != sent || sig == SIGKILL ? sig : 0);
        sent = sig;
        if (n > 0)
            poll(NULL, 0, 2);
    }
}

/* Every PE needs a connection, with --tag two pipes. */
static void raise_limits(void)
{
    getrlimit(RLIMIT_NOFILE, &job.old_files);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){job.old_files.rlim_max, job.old_files.rlim_max});
}

int own_run(const struct options *options)
{
    job.options = options;
    job.n_pes = options_total(options);
    if (options->per_node > 0 && job.n_pes > options->per_node)
        give_up("%d PEs do not fit on one machine with --ppn %d", job.n_pes, options->per_node);
    job.pes = calloc((size_t)job.n_pes, sizeof(*job.pes));
    if (job.pes == NULL)
        give_up("out of memory");
    unsetenv("SHMEM_LAUNCHER");
    find_library_export();
    open_signals();
    raise_limits();
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    job.notes = server_open(options, job.n_pes);
    pump_open(job.n_pes, options->tag);
    start_all();
    if (options->timeout > 0 && job.step == RUNNING)
        job.deadline = now() + options->timeout;
    run_loop();
    sweep();
    pump_finish();
    server_close();
    fflush(NULL);
    /* Not exit: libpmix's threads are still at work. */
    _exit(job.status);
}
