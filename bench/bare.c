/* SPDX-License-Identifier: BSD-3-Clause */
/* bare.c -- memory that PEs of a node share without the library's help. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for the sake of compilers that were told a plain standard */
#endif
#include "bench.h"

#include <fcntl.h>
#include <shmem.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* How PE 0 tells the others where the bare memory is; and how they say that they have it. */
struct invitation {
    long pid;
    long fd;
    long token;
    long missing;
};

/* The area of a PE, within those of all. */
static struct bench_area *area_of(struct bench_area *all, int pe)
{
    return (struct bench_area *)((char *)all + (size_t)pe * bench_area_len());
}

/* Maps the memory that PE 0 made, or returns NULL when it cannot be reached from here. */
static struct bench_area *accept_invitation(const struct invitation *from)
{
    size_t len = (size_t)bench.n_pes * bench_area_len();
    char path[64];
    snprintf(path, sizeof(path), "/proc/%ld/fd/%ld", from->pid, from->fd);
    int fd = open(path, O_RDWR);
    if (fd == -1)
        return NULL;
    struct bench_area *all = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (all == MAP_FAILED)
        return NULL;
    if ((long)all->flag[0].word == from->token)
        return all;
    munmap(all, len);
    return NULL;
}

/* PE 0's part: memory without a name, which goes away with the last process that maps it. */
static int make_bare(struct invitation *card)
{
    size_t len = (size_t)bench.n_pes * bench_area_len();
    int fd = memfd_create("bench", MFD_CLOEXEC);
    long token = (long)bench_now() ^ getpid();
    off_t at = offsetof(struct bench_area, flag);
    if (fd == -1 || ftruncate(fd, (off_t)len) != 0 ||
        pwrite(fd, &token, sizeof(token), at) != sizeof(token))
        fprintf(stderr, "[0] no memory for the bare references: %m\n");
    *card = (struct invitation){.pid = getpid(), .fd = fd, .token = token};
    return fd;
}

void bench_bare_start(void)
{
    struct invitation *card = shmem_malloc(sizeof(*card));
    int fd = -1;
    *card = (struct invitation){.pid = 0};
    shmem_barrier_all();
    if (bench.me == 0) {
        fd = make_bare(card);
        for (int pe = 1; pe < bench.n_pes; pe++)
            shmem_long_put(&card->pid, &card->pid, 3, pe);
    }
    shmem_barrier_all();
    struct bench_area *all = accept_invitation(card);
    for (int pe = 0; pe < bench.n_pes && all == NULL; pe++)
        shmem_long_p(&card->missing, 1, pe);
    shmem_barrier_all();
    if (card->missing == 0) {
        bench.mine = area_of(all, bench.me);
        bench.theirs = area_of(all, bench.peer);
    }
    if (fd != -1)
        close(fd);
    shmem_free(card);
}
