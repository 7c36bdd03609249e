/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_process.c -- the device process: how it is forked, what it is told, how it ends.
 *
 * It ends with its PE, however that ends: its control thread watches the PE's process and the
 * socket to it, and nothing else of the process can hold it up, as threads die with the process.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "device/sim.h"

enum {
    LOOK_MS = 500,  /* between looks at the parent, in case nothing else tells of its end */
    QUIT_MS = 2000, /* for the device process to end by itself */
};

/* ---- in the device process ------------------------------------------------------------------- */

/* A command and the descriptor that came with it, or -1.  false: nobody is there any more. */
static bool receive(int socket, struct sim_command *command, int *fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = command, .iov_len = sizeof(*command)};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    *fd = -1;
    struct cmsghdr *header = got <= 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        memcpy(fd, CMSG_DATA(header), sizeof(*fd));
    }
    return got == (ssize_t)sizeof(*command);
}

static int32_t obey(const struct sim_command *command, int fd)
{
    int flags = MAP_FIXED | MAP_NORESERVE;
    void *map = NULL;
    if (command->kind == SIM_MAP) {
        map = mmap(command->addr, command->len, PROT_READ | PROT_WRITE, flags | MAP_SHARED, fd, 0);
    } else {
        map = mmap(command->addr, command->len, PROT_NONE, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);
    }
    int32_t rc = map == MAP_FAILED ? -errno : 0;
    sim_cores_mapped();
    return rc;
}

__attribute__((noreturn)) static void serve(int socket, pid_t parent)
{
    int pidfd = (int)syscall(SYS_pidfd_open, parent, 0);
    struct pollfd events[] = {{.fd = socket, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    while (getppid() == parent) { /* also where there are no pidfds, or it died before ours */
        poll(events, pidfd < 0 ? 1 : 2, LOOK_MS);
        if (pidfd >= 0 && events[1].revents != 0) {
            break;
        }
        struct sim_command command;
        int fd = -1;
        if (events[0].revents == 0) {
            continue;
        }
        if (!receive(socket, &command, &fd) || command.kind == SIM_QUIT) {
            break;
        }
        int32_t answer = obey(&command, fd);
        if (fd >= 0) {
            close(fd);
        }
        if (send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    _exit(0);
}

/* What the program had of its own: handlers of signals, files, text not yet written. */
static void forget_the_program(int socket)
{
    sigset_t none;
    for (int sig = 1; sig < SIGRTMIN; sig++) {
        struct sigaction old;
        if (sigaction(sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            signal(sig, SIG_DFL);
        }
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    __fpurge(stdout);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* the process ends without flushing it */
    if (socket > 3) {
        syscall(SYS_close_range, 3u, (unsigned)socket - 1, 0u);
    }
    syscall(SYS_close_range, (unsigned)socket + 1, ~0u, 0u);
    prctl(PR_SET_NAME, "npushmem-sim");
}

__attribute__((noreturn)) static void be_the_device(const struct shmi_npu *npu, int socket,
                                                    pid_t parent)
{
    npu->services->forked();
    forget_the_program(socket);
    sim_cores_start(npu);
    serve(socket, parent);
}

/* ---- in the PE's process --------------------------------------------------------------------- */

int sim_process_start(struct shmi_npu *npu)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        int error = errno;
        sim_log(npu, SHMI_ERROR, "no socket for the sim device: %m");
        return -error;
    }
    pid_t parent = getpid();
    npu->pid = fork();
    if (npu->pid == 0) {
        be_the_device(npu, ends[1], parent);
    }
    int error = errno;
    close(ends[1]);
    npu->socket = ends[0];
    if (npu->pid < 0) {
        close(ends[0]);
        errno = error;
        sim_log(npu, SHMI_ERROR, "cannot fork the process of the sim device: %m");
        return -error;
    }
    npu->pidfd = (int)syscall(SYS_pidfd_open, npu->pid, 0);
    return 0;
}

bool sim_process_lives(const struct shmi_npu *npu)
{
    struct pollfd event = {.fd = npu->pidfd, .events = POLLIN};
    if (npu->pidfd >= 0) {
        return poll(&event, 1, 0) == 0;
    }
    return kill(npu->pid, 0) == 0;
}

int sim_process_tell(struct shmi_npu *npu, const struct sim_command *command, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)command, .iov_len = sizeof(*command)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    }
    int32_t answer = 0;
    if (sendmsg(npu->socket, &message, MSG_NOSIGNAL) < 0) {
        return -EPIPE;
    }
    if (command->kind == SIM_QUIT) {
        return 0;
    }
    ssize_t got = 0;
    do {
        got = recv(npu->socket, &answer, sizeof(answer), 0);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(answer) ? answer : -EPIPE;
}

void sim_process_stop(struct shmi_npu *npu)
{
    struct sim_command command = {.kind = SIM_QUIT};
    uint64_t limit = shmi_now_ns() + QUIT_MS * UINT64_C(1000000);
    sim_process_tell(npu, &command, -1);
    close(npu->socket);
    while (waitpid(npu->pid, NULL, WNOHANG) == 0) {
        struct pollfd event = {.fd = npu->pidfd, .events = POLLIN};
        poll(&event, npu->pidfd < 0 ? 0 : 1, 10);
        if (shmi_now_ns() > limit) {
            kill(npu->pid, SIGKILL);
        }
    }
    if (npu->pidfd >= 0) {
        close(npu->pidfd);
    }
}
