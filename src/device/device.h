/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * device.h -- what an accelerator does for the library.
 *
 * A device has memory of its own (HBM), moves bytes in and out of it, runs work in the order of
 * streams, and shares its memory with the devices of other PEs.  It knows nothing of networks, of
 * teams or of what OpenSHMEM means by a put: those are built above it.
 *
 * Device memory has addresses that mean the same to the PE's process and to the kernels on its
 * device, but the process may not load from or store to them unless the device's facts say so: only
 * copy() and its kin take them.  A module is a shared object in $libdir/npushmem that exports one
 * symbol, its table `shmi_device_<name>`.  To add a device: write the functions, `sim` being the
 * model, name it in device.c's list and in Makefile.am.
 */
#ifndef SHMI_DEVICE_H
#define SHMI_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/amo.h"
#include "core/base/module.h"

/* Grows whenever anything below changes its meaning or layout. */
#define SHMI_DEVICE_ABI 5

/* Ways of sharing memory that a device may have. */
#define SHMI_DEVICE_WAYS_MAX 4

struct shmi_npu;    /* an opened device; each module defines its own */
struct shmi_stream; /* the device's own stream, as its users know it; NULL is the default one */
struct shmi_event;  /* the device's own event */

/* What start() finds out about the device. */
struct shmi_device_facts {
    char what[224];  /* for people: "4 cores, software" */
    unsigned cores;  /* blocks of a kernel that run at one time */
    size_t memory;   /* bytes of HBM */
    bool host_loads; /* device addresses may be loaded from and stored to by the process */
    bool launches;   /* launch() runs a function of this program */
    bool unseen;     /* kernels are launched by others, too, and busy() knows nothing of those */
    bool atomics;    /* amo() does them, atomically with kernels' own on what is mapped */
    unsigned ways;   /* of sharing memory, of which machines know some: trial(); 0: only one */
};

/* What another PE needs to map device memory; opaque, exchanged by the library. */
struct shmi_share {
    char bytes[192];
};

/*
 * How a network adapter may reach device memory.  A driver that exports dma-bufs answers with
 * SHMI_NIC_DMABUF, and the transport registers the descriptor; one whose memory adapters' drivers
 * know by its address, as they know sim's and Ascend's, with SHMI_NIC_ADDRESS.  The transport tries
 * what it is told, and where the adapter refuses, core stages.
 */
enum shmi_nic_way {
    SHMI_NIC_NONE,    /* not at all: stage through host memory */
    SHMI_NIC_ADDRESS, /* register this address, and name it to peers */
    SHMI_NIC_DMABUF,  /* register this descriptor; peers name `addr` */
};
struct shmi_nic {
    enum shmi_nic_way way;
    void *addr;
    int fd;          /* owned by the module */
    uint64_t offset; /* of addr within the dma-buf */
    bool host_loads; /* the CPU may load from and store to addr, as some networks' software does */
};

/* A kernel: a function of the program that the device's cores run once for each block. */
typedef void shmi_kernel_fn(void *args, unsigned block, unsigned n_blocks);
struct shmi_kernel {
    shmi_kernel_fn *fn;
    const char *name; /* for people; NULL: it is looked up */
    unsigned n_blocks;
    const void *args; /* copied before launch() returns */
    size_t args_len;
};

/* Conditions on a 64-bit value, unsigned, in stream order. */
enum shmi_value_cmp { SHMI_VALUE_EQ, SHMI_VALUE_GE };

struct shmi_device {
    unsigned abi; /* SHMI_DEVICE_ABI */
    const char *name;

    /*
     * Once per initialisation, in this order.  Each returns 0, or -errno after logging why.
     *
     * open: as early in the process's life as it is known that a device is wanted, before the
     * library has threads or memory, so that a module may fork; -ENODEV when this device is not
     * here, with the reason in facts->what.  Nothing of the PE is known yet.
     * start: this is PE my_pe, number `local` of n_local on this node; fills the facts.
     * close: ends all work and gives back all memory.
     */
    int (*open)(struct shmi_npu **npu, const struct shmi_services *services,
                struct shmi_device_facts *facts);
    int (*start)(struct shmi_npu *npu, int my_pe, int local, int n_local,
                 struct shmi_device_facts *facts);
    void (*close)(struct shmi_npu *npu);

    /* Before the first use on each thread but the one that called start.  Costs nothing where it
     * has been done. */
    int (*enter)(struct shmi_npu *npu);

    /* Device memory, zeroed, whose address is a multiple of align (a power of two).  -ENOMEM. */
    int (*alloc)(struct shmi_npu *npu, size_t len, size_t align, void **addr);
    void (*free)(struct shmi_npu *npu, void *addr);

    /* Is this an address of device memory, whoever allocated or mapped it?  Any address, any time,
     * also in a signal handler. */
    bool (*owns)(struct shmi_npu *npu, const void *addr);

    /* Host memory, zeroed, that kernels reach too: what the process calls *host, kernels call
     * *device.  Both sides load and store it.  -ENOTSUP where kernels reach no host memory. */
    int (*alloc_host)(struct shmi_npu *npu, size_t len, void **host, void **device);
    void (*free_host)(struct shmi_npu *npu, void *host);

    /*
     * Between PEs of a node.  share: describe memory that alloc() gave.  admit: let the PE that has
     * made `theirs` of its own memory map what share() described; all PEs have done so for each
     * other before one maps.  map: another PE's, at an address for kernels and copy(); -ENOTSUP,
     * silently, where this device and that one cannot reach each other.  All are unmapped before
     * one is freed.  describe: for people, how memory that alloc() or map() gave came to be there.
     *
     * trial: a little memory, shared in one of facts.ways ways, the best being 0, for others to see
     * whether they can map it; -ENOTSUP, silently, and no memory, where this device does not share
     * like that.  *how serves for admit() in either case, and free() gives the memory back.
     * prefer: what alloc() gives from now on is for share() in the first of these n ways that does;
     * none: it is not shared.
     */
    int (*trial)(struct shmi_npu *npu, unsigned way, void **addr, struct shmi_share *how);
    void (*prefer)(struct shmi_npu *npu, const unsigned *ways, unsigned n);
    int (*share)(struct shmi_npu *npu, void *addr, size_t len, struct shmi_share *how);
    int (*admit)(struct shmi_npu *npu, void *addr, const struct shmi_share *theirs);
    int (*map)(struct shmi_npu *npu, const struct shmi_share *how, void **addr);
    void (*unmap)(struct shmi_npu *npu, void *addr);
    void (*describe)(struct shmi_npu *npu, const void *addr, char *text, size_t len);

    /* How an adapter reaches memory that alloc() gave; valid until free(). */
    void (*nic)(struct shmi_npu *npu, void *addr, size_t len, struct shmi_nic *how);

    /*
     * The data path.  copy: between any two of host memory, device memory and mapped device
     * memory; done on return, and visible to kernels.  amo: on a word of device memory, own or
     * mapped, atomic with the kernels'; false, always, where the device cannot, and then the
     * owner's agent does all of them, by copies.  settle: what adapters have written is visible to
     * kernels and copy().
     */
    void (*copy)(struct shmi_npu *npu, void *dst, const void *src, size_t len);
    bool (*amo)(struct shmi_npu *npu, void *addr, const struct shmi_amo *amo);
    void (*settle)(struct shmi_npu *npu);

    /*
     * Streams: what is put on one happens in order, and after the call has returned.  Memory that
     * is named must stay until then, but for the arguments of a kernel.  call: runs fn in this
     * process, on a thread of the module's; fn may not use the device but for copy() and amo(),
     * and does not take long: one thread may serve all streams.
     * write, wait: of a 64-bit word of device memory, or of alloc_host's by its device address; a
     * write also of mapped device memory, and atomic with the kernels' and amo()'s.
     * stream_sync returns when all is done that was put on the stream before.  -EINVAL for a stream
     * that there is not, and -EDEADLK in what fn calls, where the device can tell.
     */
    int (*stream_create)(struct shmi_npu *npu, struct shmi_stream **stream);
    int (*stream_destroy)(struct shmi_npu *npu, struct shmi_stream *stream); /* when it is done */
    int (*stream_sync)(struct shmi_npu *npu, struct shmi_stream *stream);
    int (*sync)(struct shmi_npu *npu); /* of all streams */
    int (*stream_copy)(struct shmi_npu *npu, struct shmi_stream *stream, void *dst, const void *src,
                       size_t len);
    int (*stream_call)(struct shmi_npu *npu, struct shmi_stream *stream, void (*fn)(void *arg),
                       void *arg);
    int (*stream_write)(struct shmi_npu *npu, struct shmi_stream *stream, uint64_t *word,
                        uint64_t value);
    int (*stream_wait)(struct shmi_npu *npu, struct shmi_stream *stream, const uint64_t *word,
                       enum shmi_value_cmp cmp, uint64_t value);

    /* Events: record puts a mark on a stream; another stream's wait is for the mark that was
     * recorded last.  A wait for an event that was never recorded does not wait. */
    int (*event_create)(struct shmi_npu *npu, struct shmi_event **event);
    void (*event_destroy)(struct shmi_npu *npu, struct shmi_event *event);
    int (*event_record)(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream);
    int (*event_wait)(struct shmi_npu *npu, struct shmi_event *event, struct shmi_stream *stream);

    /*
     * Kernels.  launch: -ENOTSUP where kernels are not functions of the program, but the vendor's
     * compiler launches them; -EINVAL for no function, no blocks or too many arguments.  A kernel
     * that crashes, or does not end in the time it is given, is logged as SHMI_FATAL with its name,
     * block and address, and so ends the job.  busy: does some kernel run, as far as is known?
     */
    int (*launch)(struct shmi_npu *npu, struct shmi_stream *stream,
                  const struct shmi_kernel *kernel);
    bool (*busy)(struct shmi_npu *npu);
};

/* A device in use and its state; npu == NULL where there is none. */
struct shmi_accelerator {
    const struct shmi_device *device;
    struct shmi_npu *npu;
    struct shmi_device_facts facts;
    void *handle; /* of the shared object */
};
extern struct shmi_accelerator shmi_accelerator;

/* The names in order of preference, NULL at the end, and whether `auto` may take them. */
struct shmi_device_name {
    const char *name;
    bool is_real; /* hardware; a software device is taken only when something asks for a device */
};
extern const struct shmi_device_name shmi_device_names[];

/*
 * Open the device that SHMEM_DEVICE's value names into *accelerator: `none`, a name, or `auto`: the
 * first of the list that is here, software only where `wanted`.  0 also where none is taken, and
 * then npu is NULL; -errno after logging where the one that was named, or wanted, is not here.
 */
int shmi_device_open(struct shmi_accelerator *accelerator, const char *name, bool wanted,
                     const struct shmi_services *services);
void shmi_device_close(struct shmi_accelerator *accelerator);

#endif
