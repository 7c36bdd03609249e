/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c -- the symmetric device heap. */
#include <errno.h>

#include "device.h"

static long global;

static void kinds(void)
{
    int pe = right_of(shmem_my_pe());
    char *device = make(DEVICE, 100);
    char local = 0;
    check(shmemx_addr_kind(&global) == SHMEMX_ADDR_HOST, "symmetric host memory");
    check(shmemx_addr_kind(device + 99) == SHMEMX_ADDR_DEVICE, "symmetric device memory");
    check(shmemx_addr_kind(&local) == SHMEMX_ADDR_PRIVATE && shmemx_addr_kind(NULL) == 0,
          "private memory");
    check(shmem_ptr(device, shmem_my_pe()) == NULL && shmem_ptr(device, pe) == NULL,
          "the host reaches device memory");
    check(shmem_addr_accessible(device, pe) == 1, "device memory is accessible by the routines");
    check(shmemx_ptr_device(device, shmem_my_pe()) == (void *)device, "kernels reach their own");
    check(shmemx_ptr_device(&global, pe) == NULL &&
              shmemx_ptr_device(device, shmem_n_pes()) == NULL &&
              shmemx_ptr_device(device, -1) == NULL,
          "no device pointer where there is none");
    shmem_free(device);
}

static void is_filled(const char *addr, size_t len, char byte, const char *what)
{
    char *here = malloc(len);
    load(here, addr, len);
    bool same = true;
    for (size_t i = 0; i < len; i++) {
        same = same && here[i] == byte;
    }
    check(same, "%s", what);
    free(here);
}

static void fill(char *addr, size_t len, char byte)
{
    char *here = malloc(len);
    memset(here, byte, len);
    store(addr, here, len);
    free(here);
}

static void allocation(void)
{
    enum { LEN = 100000 };
    check(shmemx_malloc_device(0) == NULL && shmemx_calloc_device(0, 8) == NULL, "no bytes");
    char *dirty = shmemx_malloc_device(LEN);
    fill(dirty, LEN, 'x');
    shmem_free(dirty);
    char *zero = shmemx_calloc_device(LEN / 4, 4);
    check(zero == dirty, "freed memory is used again");
    is_filled(zero, LEN, 0, "calloc gives zeros");
    char *aligned = shmemx_align_device(1 << 16, 10);
    check(aligned != NULL && (uintptr_t)aligned % (1 << 16) == 0, "align");
    char *hinted = shmem_malloc_with_hints(10, SHMEMX_MALLOC_DEVICE | SHMEM_MALLOC_SIGNAL_REMOTE);
    check(shmemx_addr_kind(hinted) == SHMEMX_ADDR_DEVICE, "the hint");
    fill(zero, LEN, 'y');
    char *grown = shmem_realloc(zero, 3 * LEN);
    check(shmemx_addr_kind(grown) == SHMEMX_ADDR_DEVICE && grown != zero, "realloc stays there");
    is_filled(grown, LEN, 'y', "realloc keeps what was there");
    char *shrunk = shmem_realloc(grown, 10);
    check(shrunk == grown, "realloc to less");
    check(shmem_realloc(shrunk, 0) == NULL, "realloc to nothing frees");
    check(shmemx_malloc_device((size_t)1 << 45) == NULL, "more than there is");
    check(shmemx_calloc_device(SIZE_MAX, 16) == NULL, "more than can be counted");
    shmem_free(hinted);
    shmem_free(aligned);
    char *again = shmemx_malloc_device(LEN);
    check(again == dirty, "nothing is lost");
    shmem_free(again);
}

/* The same offsets on all PEs: what one allocates, others find. */
static void symmetry(void)
{
    enum { BLOCKS = 20 };
    int me = shmem_my_pe();
    int *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = shmemx_malloc_device((size_t)(i * 37 % 400 + 4));
        shmem_int_p(blocks[i], me * 100 + i, right_of(me));
    }
    shmem_barrier_all();
    for (int i = 0; i < BLOCKS; i++) {
        check(shmem_int_g(blocks[i], me) == left_of(me) * 100 + i, "block %d", i);
    }
    shmem_barrier_all();
    for (int i = 0; i < BLOCKS; i++) {
        shmem_free(blocks[(i * 7) % BLOCKS]);
    }
}

static void query(void)
{
    shmemx_device_info_t info;
    check(shmemx_device_open() == 0 && shmemx_device_query(&info) == 0, "a device is open");
    check(info.name[0] != '\0' && info.cores > 0 && info.heap_size > 0, "it has a name and a size");
}

/* SHMEM_HEAP=device, where it is set. */
static void whole_heap(void)
{
    const char *heap = getenv("SHMEM_HEAP");
    bool device = heap != NULL && strcmp(heap, "device") == 0;
    char *addr = shmem_malloc(100);
    check(shmemx_addr_kind(addr) == (device ? SHMEMX_ADDR_DEVICE : SHMEMX_ADDR_HOST),
          "what shmem_malloc gives");
    shmem_free(addr);
}

static const struct conformance_case cases[] = {
    {"what addresses are", kinds},      {"malloc, calloc, align, hints, realloc, free", allocation},
    {"blocks are symmetric", symmetry}, {"the device says what it is", query},
    {"SHMEM_HEAP", whole_heap},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
