/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fork.c -- PEs that fork: what a child may do, and what it is told when it does more.
 *
 *     fork memory    the child's writes to static variables and the heap's remain its own or do
 *                    no harm; it ends, and the job goes on
 *     fork calls     the child calls the library
 *     fork system    system() and popen(), many times
 *     fork exec      the child becomes another program
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmem.h>

static long initialised = 1234;
static long zero;
static long big[100000];
static int failures;

static void check(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "PE %d: %s\n", shmem_my_pe(), what);
        failures++;
    }
}

/* The status of a child that runs this. */
static int in_child(int (*run)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int status = run();
        fflush(NULL);
        _exit(status);
    }
    int status = -1;
    check(pid > 0 && waitpid(pid, &status, 0) == pid, "fork or waitpid failed");
    return status;
}

static int write_all_over(void)
{
    if (initialised != 1234 || zero != 5 || big[99999] != 77) {
        return 2; /* a child sees what its parent had */
    }
    initialised = 1;
    zero = 2;
    for (int i = 0; i < 100000; i++) {
        big[i] = -1;
    }
    return initialised == 1 && zero == 2 && big[50000] == -1 ? 0 : 3;
}

/* An ordinary exit, with all handlers: must not finalise the parent's library. */
static int leave_by_exit(void)
{
    exit(0);
}

static void memory(void)
{
    int me = shmem_my_pe();
    int n = shmem_n_pes();
    zero = 5;
    big[99999] = 77;
    for (int round = 0; round < 5; round++) {
        shmem_barrier_all();
        int status = in_child(write_all_over);
        check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed");
        check(initialised == 1234 && zero == 5 && big[99999] == 77, "the child wrote to us");
        status = in_child(leave_by_exit);
        check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child did not exit well");
        shmem_barrier_all();
        /* Sharing goes on between the PEs. */
        shmem_long_p(&big[round], me + 1, (me + 1) % n);
        shmem_barrier_all();
        check(big[round] == (me + n - 1) % n + 1, "puts no longer arrive");
    }
}

static int call_the_library(void)
{
    shmem_barrier_all();
    return 0;
}

static int put_by_the_library(void)
{
    shmem_long_p(&zero, 99, 0);
    return 0;
}

static void calls(void)
{
    zero = 5;
    shmem_barrier_all();
    int status = in_child(call_the_library);
    check(!(WIFEXITED(status) && WEXITSTATUS(status) == 0), "a barrier in a child succeeded");
    status = in_child(put_by_the_library);
    check(!(WIFEXITED(status) && WEXITSTATUS(status) == 0), "a put in a child succeeded");
    shmem_barrier_all();
    check(zero == 5, "a child's put arrived");
    shmem_barrier_all();
}

static void run_system(void)
{
    for (int i = 0; i < 20; i++) {
        check(system("exit 3") == 3 << 8, "system() does not return 3");
        FILE *pipe = popen("echo hello", "r");
        char line[20] = "";
        check(pipe != NULL && fgets(line, sizeof(line), pipe) != NULL &&
                  strcmp(line, "hello\n") == 0 && pclose(pipe) == 0,
              "popen() does not work");
        shmem_barrier_all();
    }
}

static int become_echo(void)
{
    execlp("true", "true", (char *)NULL);
    return 4;
}

static void exec(void)
{
    int status = in_child(become_echo);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "exec failed");
    shmem_barrier_all();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"memory", memory}, {"calls", calls}, {"system", run_system}, {"exec", exec}};

    shmem_init();
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]) && argc == 2; i++) {
        if (strcmp(modes[i].name, argv[1]) == 0) {
            modes[i].run();
            shmem_barrier_all();
            shmem_finalize();
            printf("done\n");
            return failures == 0 ? 0 : 1;
        }
    }
    fprintf(stderr, "usage: fork memory|calls|system|exec\n");
    return 2;
}
