/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * transport.h -- what a network does for the library.
 *
 * A transport moves bytes between this PE and the exposed memory of other PEs and performs atomics
 * on it.  It knows nothing of OpenSHMEM types, teams or collectives: those are built above it out
 * of these operations.
 *
 * A network module is a shared object in $libdir/npushmem that exports exactly one symbol, its
 * table `shmi_transport_<name>`; `loop`, the smallest transport, is built in and is what to copy.
 * To add a network: copy loop.c, fill in the table, name it in transport.c's list and in
 * Makefile.am.
 */
#ifndef SHMI_TRANSPORT_H
#define SHMI_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/amo.h"
#include "core/base/job.h"
#include "core/base/module.h"

/* Grows whenever anything below changes its meaning or layout. */
#define SHMI_TRANSPORT_ABI 3

struct shmi_net;     /* an opened network; each transport defines its own */
struct shmi_channel; /* one stream of operations on it; what a context owns */

/* Memory of this PE, as the library hands it to a transport. */
struct shmi_memory {
    void *base;
    size_t len;
    const char *device; /* name of the accelerator it belongs to, or NULL for host memory */
    int dmabuf;         /* a descriptor for it, or -1 */
    uint64_t offset;    /* of base within the dmabuf */
};

/* Memory of another PE. */
struct shmi_remote {
    int pe;
    uint64_t addr; /* in that PE's terms */
    uint64_t key;  /* as that PE's expose() gave it */
};

/* When a data call may return. */
enum shmi_when {
    SHMI_LATER, /* at once; quiet() completes it */
    SHMI_NOW,   /* put: the source is reusable; get, fetching amo: the result is here */
};

/* What open() found out about the network. */
struct shmi_net_facts {
    unsigned native4; /* bit per shmi_amo_op that the network does on 4-byte words */
    unsigned native8; /* and on 8-byte words; what is missing the core builds, exactly */
    bool coherent;    /* its atomics are atomic with those of the target's CPUs */
    bool coherent4;   /* those on 4-byte words are, in any case */
    char what[96];    /* for people: "tcp;ofi_rxm on eth0", "mlx5_0 port 1, RoCE v2" */
};

struct shmi_transport {
    unsigned abi; /* SHMI_TRANSPORT_ABI */
    const char *name;

    /*
     * Once per initialisation, in this order.  Each returns 0, or -errno after logging why; open
     * returns -ENODEV when this network is not here, with the reason in facts->what.
     */
    int (*open)(struct shmi_net **net, const struct shmi_services *services, int my_pe, int n_pes,
                struct shmi_net_facts *facts);
    int (*address)(struct shmi_net *net, struct shmi_blob *mine);
    int (*connect)(struct shmi_net *net, int pe, const struct shmi_blob *theirs);
    void (*close)(struct shmi_net *net);

    /* Let other PEs reach this memory; they are given the key.  -ENOTSUP where the network cannot
     * register memory of that device: the core then stages through host memory. */
    int (*expose)(struct shmi_net *net, const struct shmi_memory *mem, uint64_t *key);
    void (*withdraw)(struct shmi_net *net, const struct shmi_memory *mem, uint64_t key);

    /* Calls on one channel are never concurrent; calls on different channels may be. */
    int (*channel_open)(struct shmi_net *net, struct shmi_channel **ch);
    void (*channel_close)(struct shmi_channel *ch);

    /*
     * The data path.  These return void: OpenSHMEM has no way to say that a put failed, so a
     * transport that cannot go on logs SHMI_FATAL with peer, operation and address.  When the
     * network pushes back they make progress and try again.
     */
    void (*put)(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                enum shmi_when when);
    void (*get)(struct shmi_channel *ch, void *dst, struct shmi_remote from, size_t len,
                enum shmi_when when);
    void (*amo)(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                enum shmi_when when);
    /* The data is visible at the target before the signal word changes. */
    void (*put_signal)(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                       struct shmi_remote sig, const struct shmi_amo *amo, enum shmi_when when);

    /* fence: earlier puts, amos and signals to a PE are visible there before later ones.
     * quiet: all earlier operations of the channel are complete, at both ends. */
    void (*fence)(struct shmi_channel *ch);
    void (*quiet)(struct shmi_channel *ch);

    /* Complete what can be completed.  If that is nothing, and ns is not 0, sleep: for ns at most,
     * and where the network can tell, no longer than until something arrives.  Any thread.  A
     * transport whose target side needs a CPU runs a thread of its own that sleeps when there is
     * nothing to do. */
    void (*progress)(struct shmi_net *net, uint64_t ns);
};

/* A network in use and its state; net == NULL where every PE is mapped here. */
struct shmi_network {
    const struct shmi_transport *transport;
    struct shmi_net *net;
    struct shmi_net_facts facts;
    void *handle; /* of the shared object, or NULL */
};
extern struct shmi_network shmi_network;

/* The names in order of preference, NULL at the end. */
extern const char *const shmi_transport_names[];

/* Find a module by name and open it into *network.  0, or -errno with the reason in
 * network->facts.what: -ENOENT no such module file, -ENOEXEC a module of another ABI, -ENODEV no
 * such network here, or what open() says. */
int shmi_transport_open(struct shmi_network *network, const char *name,
                        const struct shmi_services *services, int my_pe, int n_pes);
void shmi_transport_close(struct shmi_network *network);

/* put_signal for a transport that has nothing better: put, fence, amo, by its own table. */
void shmi_plain_put_signal(const struct shmi_transport *transport, struct shmi_channel *ch,
                           struct shmi_remote to, const void *src, size_t len,
                           struct shmi_remote sig, const struct shmi_amo *amo, enum shmi_when when);

#endif
