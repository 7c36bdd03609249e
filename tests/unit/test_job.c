/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_job.c -- a job of one PE, and jobs under a launcher.
 *
 * Without arguments this is the test.  It starts itself under mpirun and oshrun, where they are,
 * with the name of a role as argument: what each PE of that job does.
 */
#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"

#include "capture.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

enum { PES = 3, ROUNDS = 3 };

/* ---- roles: what a PE does; the result is its exit status */

static int open_and_exchange(int round)
{
    struct shmi_blob all[PES];
    char bytes[64];
    int result = 0;

    if (shmi_job_open() != 0 || shmi_job.n_pes != PES)
        return 10;
    size_t len = (size_t)(shmi_job.my_pe * 20 + round) % 60; /* PE 0's first is empty */
    memset(bytes, 'A' + shmi_job.my_pe + round, len);
    if (shmi_job_exchange(&(struct shmi_blob){.bytes = bytes, .len = len}, all) != 0)
        return 11;
    for (int pe = 0; pe < PES; pe++) {
        const char *got = all[pe].bytes;

        if (all[pe].len != (size_t)(pe * 20 + round) % 60)
            result = 12;
        for (size_t i = 0; i < all[pe].len; i++)
            if (got[i] != 'A' + pe + round)
                result = 13;
        free(all[pe].bytes);
    }
    return result;
}

static int role_exchange(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        int result = open_and_exchange(round);
        if (result != 0)
            return result;
        if (shmi_job_fence() != 0 || shmi_job_fence() != 0)
            return 14;
        shmi_job_close();
    }
    return 0;
}

/* Teams are announced where there are groups, and that there are none is said again and again. */
static int role_group(void)
{
    int result = open_and_exchange(1);
    if (result != 0)
        return result;
    int pes[2] = {0, 2};
    for (int i = 0; i < 2 && shmi_job.my_pe != 1; i++) {
        int made = shmi_job_group_create("npushmem.test", pes, 2);

        if (made != 0 && made != -ENOTSUP)
            return 20;
        if (shmi_job_group_destroy("npushmem.test") != made)
            return 21;
    }
    if (shmi_job_fence() != 0)
        return 22;
    shmi_job_close();
    return 0;
}

static void *read_stdin(void *unused)
{
    getchar();
    return unused;
}

/* The last PE ends the job while another of its threads reads and the other PEs wait for it. */
static int role_abort_with(int status)
{
    pthread_t reader;

    int result = open_and_exchange(1);
    if (result != 0)
        return result;
    if (shmi_job.my_pe == PES - 1) {
        pthread_create(&reader, NULL, read_stdin, NULL);
        pthread_detach(reader);
        printf("flushed before the end\n");
        shmi_job_abort(status);
    }
    pause();
    return 30;
}

static int role_abort0(void)
{
    return role_abort_with(0);
}

static int role_abort7(void)
{
    return role_abort_with(7);
}

static int role_fatal(void)
{
    int result = open_and_exchange(1);
    if (result != 0)
        return result;
    if (shmi_job.my_pe == 1)
        shmi_fatal("no way on");
    shmi_job_fence();
    return 30;
}

/* The last PE opens, but does not come to the exchange. */
static int role_late(void)
{
    struct shmi_blob all[PES];

    setenv("SHMEM_START_TIMEOUT", "2", 1);
    if (shmi_config_read() != 0 || shmi_job_open() != 0)
        return 10;
    if (shmi_job.my_pe == PES - 1)
        sleep(60);
    shmi_job_exchange(&(struct shmi_blob){.bytes = "x", .len = 1}, all);
    return 40;
}

static void exit_on_loss(int pe, const char *how)
{
    FILE *file = fopen(getenv("TEST_JOB_FILE"), "a");

    fprintf(file, "PE %d lost %d: %s\n", shmi_job.my_pe, pe, how);
    fclose(file);
    if (pe == -1) /* otherwise the launcher ends this PE, when the others have written */
        shmi_job_abort(50);
}

/* PE 1 dies; the others wait for the news. */
static int role_loss(void)
{
    shmi_job_set_on_loss(exit_on_loss);
    int result = open_and_exchange(1);
    if (result != 0)
        return result;
    shmi_job_fence();
    if (shmi_job.my_pe == 1)
        raise(SIGKILL);
    sleep(20);
    return 51;
}

/* Wait for the launcher's death. */
static int role_orphan(void)
{
    shmi_job_set_on_loss(exit_on_loss);
    int result = open_and_exchange(1);
    if (result != 0)
        return result;
    shmi_job_fence();
    if (shmi_job.my_pe == 0) {
        usleep(300000); /* until the others have left the fence */
        kill(getppid(), SIGKILL);
    }
    sleep(20);
    return 51;
}

static const struct {
    const char *name;
    int (*play)(void);
} roles[] = {
    {"exchange", role_exchange}, {"group", role_group},   {"abort0", role_abort0},
    {"abort7", role_abort7},     {"fatal", role_fatal},   {"late", role_late},
    {"loss", role_loss},         {"orphan", role_orphan},
};

static int play(const char *name)
{
    alarm(60);
    shmi_config_read();
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].play();
    return 99;
}

/* ---- the test */

static void abort_solo(void)
{
    if (shmi_job_open() != 0)
        _exit(1);
    shmi_job_abort(42);
}

static void test_solo(void)
{
    struct shmi_blob all;

    for (int round = 0; round < ROUNDS; round++) {
        is(shmi_job_open(), 0, "a job of one PE opens");
        ok(shmi_job.my_pe == 0 && shmi_job.n_pes == 1, "it is PE 0 of 1");
        is(shmi_job_exchange(&(struct shmi_blob){.bytes = "blob", .len = 5}, &all), 0, "exchange");
        ok(all.len == 5 && strcmp(all.bytes, "blob") == 0, "gives back one's own blob");
        free(all.bytes);
        is(shmi_job_fence(), 0, "fence");
        is(shmi_job_group_create("group", &(int){0}, 1), -ENOTSUP, "nobody to tell of groups");
        shmi_job_close();
    }
    is(in_child(abort_solo), 42, "abort gives its status");
}

static const char *const foreign_marks[] = {"PMIX_NAMESPACE",
                                            "PMIX_SERVER_URI41",
                                            "OMPI_COMM_WORLD_SIZE",
                                            "OMPI_COMM_WORLD_RANK",
                                            "SLURM_STEP_NUM_TASKS",
                                            "SLURM_PROCID",
                                            "PMI_SIZE",
                                            "PMI_RANK"};

/* Open under these marks of a launcher; what is said is in *said. */
static int open_under(const char *size_mark, const char *size, const char *rank_mark,
                      const char *rank, const char **said)
{
    setenv(size_mark, size, 1);
    setenv(rank_mark, rank, 1);
    capture_begin();
    int result = shmi_job_open();
    *said = capture_end();
    if (result == 0)
        shmi_job_close();
    for (size_t i = 0; i < sizeof(foreign_marks) / sizeof(foreign_marks[0]); i++)
        unsetenv(foreign_marks[i]);
    return result;
}

static void test_foreign(void)
{
    const char *said;

    is(open_under("PMI_SIZE", "4", "PMI_RANK", "0", &said), -EPROTONOSUPPORT,
       "a launcher without PMIx is refused");
    ok(strstr(said, "PMI but not PMIx") != NULL && strstr(said, "oshrun -n 4") != NULL,
       "saying what is wrong and how to start");
    is(open_under("PMI_SIZE", "4", "PMI_RANK", "3", &said), -EPROTONOSUPPORT, "on every rank");
    is_text(said, "", "but it is said once");
    is(open_under("SLURM_STEP_NUM_TASKS", "2", "SLURM_PROCID", "0", &said), -EPROTONOSUPPORT,
       "srun without PMIx is refused");
    ok(strstr(said, "srun --mpi=pmix") != NULL, "with the option it needs");
    is(open_under("SLURM_STEP_NUM_TASKS", "1", "SLURM_PROCID", "0", &said), 0,
       "a shell in an allocation is no launcher");
    is(open_under("OMPI_COMM_WORLD_SIZE", "1", "OMPI_COMM_WORLD_RANK", "0", &said), 0,
       "nor is a job of one");
    is(open_under("PMIX_NAMESPACE", "gone", "PMIX_SERVER_URI41", "gone.0;tcp4://127.0.0.1:1",
                  &said),
       -ECONNREFUSED, "a dead server is noticed");
    ok(strstr(said, "does not answer") != NULL, "and named");
    is(open_under("PMIX_NAMESPACE", "gone", "PMI_RANK", "0", &said), -ECONNREFUSED,
       "so is a server without address");
}

static char output[CAPTURE_LEN];
static char launch[1024]; /* the launcher and its options */

/* Run a role in a job of three; the launcher's exit status, its output in output. */
static int run_job(const char *role)
{
    char self[512] = "", command[2048];

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
        abort();
    snprintf(command, sizeof(command), "exec timeout -k 1 20 %s -n %d '%s' %s 2>&1 </dev/null",
             launch, PES, self, role);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL)
        abort();
    size_t len = fread(output, 1, sizeof(output) - 1, pipe);
    output[len] = '\0';
    while (fgetc(pipe) != EOF)
        continue;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int count(const char *text, const char *word)
{
    int n = 0;

    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

static void expect(const char *role, int status, const char *what)
{
    if (!is(run_job(role), status, what))
        printf("# %s\n", output);
}

/* Run a role whose PEs write what they lose, which must have been written so many times. */
static void test_losses(const char *role, const char *wanted, int times, const char *what)
{
    char name[] = "/tmp/npushmem-job.XXXXXX";
    int fd = mkstemp(name);
    int lines = 0;
    char text[1024];

    setenv("TEST_JOB_FILE", name, 1);
    run_job(role);
    for (int tries = 0; tries < 100 && lines < times; tries++) {
        ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

        text[len > 0 ? len : 0] = '\0';
        lines = count(text, wanted);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    if (!is(lines, times, what))
        printf("# %s%s\n", text, output);
    close(fd);
    unlink(name);
}

static void test_launched(void)
{
    expect("exchange", 0, "blobs of any length, fences, and joining the job three times");
    expect("group", 0, "groups are made or refused, without harm");
    expect("abort7", 7, "the status of an abort is the job's");
    ok(strstr(output, "flushed before the end") != NULL, "streams are flushed first");
    expect("abort0", 0, "so is a status of 0");
    expect("fatal", 1, "a fatal error ends the job");
    is(count(output, "npushmem: PE 1: fatal: no way on\n"), 1, "after saying why");
    /* Open MPI's mpirun has been seen to crash, or to hang, after the job's end. */
    ok(run_job("late") != 0, "a PE that does not come ends the start");
    is(count(output, "(SHMEM_START_TIMEOUT): 2\n"), 1, "and is named, once");
}

static void test_mpirun(void)
{
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    if (system("mpirun --version >/dev/null 2>&1") != 0) {
        skip("there is no mpirun");
        return;
    }
    strcpy(launch, "mpirun --oversubscribe");
    test_launched();
    test_losses("orphan", "lost -1: the launcher is gone\n", PES,
                "every PE learns that the launcher was killed");
}

/* Our own launcher, where it has been built. */
static void test_oshrun(void)
{
    char self[512] = "";

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
        abort();
    char *tests = strstr(self, "/tests/unit/");
    if (tests != NULL)
        *tests = '\0';
    snprintf(launch, sizeof(launch), "%s/tools/oshrun", self);
    if (access(launch, X_OK) != 0) {
        skip("oshrun has not been built");
        return;
    }
    setenv("SHMEM_LAUNCHER", "own", 1);
    test_launched();
    test_losses("loss", "lost 1: it was ended by a signal\n", PES - 1,
                "every PE learns that another was killed");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    for (size_t i = 0; i < sizeof(foreign_marks) / sizeof(foreign_marks[0]); i++)
        unsetenv(foreign_marks[i]);
    shmi_config_read();
    test_solo();
    test_foreign();
    test_mpirun();
    test_oshrun();
    return done();
}
