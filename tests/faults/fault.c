/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fault.c -- a program in which something goes wrong: what, and what the others do meanwhile.
 *
 *     fault <what happens to PE 1> <what the other PEs are doing>
 *
 * What happens comes a while after the others have begun to wait.  Right before, the time goes
 * into the file that FAULT_TIME names, in milliseconds.  FAULT_DELAY says how long the while is, in
 * milliseconds too.  With one PE, it happens to PE 0.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <shmem.h>

static long flag, lock, word, sum;
static int me, n;

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void note_the_time(void)
{
    const char *path = getenv("FAULT_TIME");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "%ld\n", now_ms());
        fclose(file);
    }
}

/* ---- what the others are doing: none of these returns by itself --------------------------- */

static void in_a_barrier(void)
{
    shmem_barrier_all();
}

static void waiting_for_a_flag(void)
{
    shmem_long_wait_until(&flag, SHMEM_CMP_EQ, 1);
}

static void testing_a_flag(void)
{
    while (shmem_long_test(&flag, SHMEM_CMP_EQ, 1) == 0) {
    }
}

static void computing(void)
{
    for (long end = now_ms() + 60000; now_ms() < end;) {
    }
}

static void sleeping(void)
{
    sleep(60);
}

static void in_a_lock(void)
{
    shmem_set_lock(&lock);
}

static void reducing(void)
{
    for (;;) {
        shmem_long_sum_reduce(SHMEM_TEAM_WORLD, &sum, &word, 1);
    }
}

static void finalizing(void)
{
    shmem_finalize();
    exit(0);
}

static void putting(void)
{
    for (;;) {
        shmem_long_p(&word, 1, 1 % n);
        shmem_quiet();
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} doings[] = {
    {"barrier", in_a_barrier}, {"wait", waiting_for_a_flag}, {"test", testing_a_flag},
    {"compute", computing},    {"sleep", sleeping},          {"lock", in_a_lock},
    {"reduce", reducing},      {"finalize", finalizing},     {"put", putting},
};

/* ---- what happens ------------------------------------------------------------------------ */

static int happen(const char *what)
{
    note_the_time();
    if (strcmp(what, "kill") == 0) {
        kill(getpid(), SIGKILL);
    } else if (strcmp(what, "segv") == 0) {
        raise(SIGSEGV);
    } else if (strcmp(what, "abort") == 0) {
        abort();
    } else if (strncmp(what, "global_exit=", 12) == 0) {
        shmem_global_exit(atoi(what + 12));
    } else if (strncmp(what, "exit=", 5) == 0) {
        exit(atoi(what + 5));
    } else if (strncmp(what, "_exit=", 6) == 0) {
        _exit(atoi(what + 6));
    } else if (strcmp(what, "late_finalize") == 0) {
        return 0;
    } else if (strncmp(what, "return=", 7) == 0) {
        return atoi(what + 7);
    } else {
        fprintf(stderr, "fault: nothing is called %s\n", what);
    }
    return 2;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: fault what others\n");
        return 2;
    }
    if (strcmp(argv[1], "late_finalize") == 0) { /* runs after what shmem_init tells atexit */
        atexit(shmem_finalize);
    }
    shmem_init();
    me = shmem_my_pe();
    n = shmem_n_pes();
    int victim = 1 % n;

    if (strcmp(argv[2], "all") == 0) { /* it happens to everybody */
        return happen(argv[1]);
    }
    if (me == victim && strcmp(argv[2], "lock") == 0) {
        shmem_set_lock(&lock);
    }
    shmem_barrier_all();
    printf("from PE %d, unfinished; ", me); /* no end of line: stays in the buffer of stdout */
    if (me == victim) {
        const char *delay = getenv("FAULT_DELAY");
        sleep_ms(delay == NULL ? 500 : atol(delay));
        return happen(argv[1]);
    }
    for (size_t i = 0; i < sizeof(doings) / sizeof(doings[0]); i++) {
        if (strcmp(argv[2], doings[i].name) == 0) {
            doings[i].run();
            sleep_ms(60000);
        }
    }
    fprintf(stderr, "fault: went on without the lost PE\n");
    return 3;
}
