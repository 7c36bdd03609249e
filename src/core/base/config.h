/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.h -- every environment variable of the library, in one table.
 *
 * To add one: add a row.  It is then parsed, checked, printed by SHMEM_INFO and shmem_info, listed
 * in the README (a test compares) and known to the search for misspelt names.  The variable of the
 * row `teams_max` is SHMEM_TEAMS_MAX; the older SMA_TEAMS_MAX holds where the first is absent.
 * All rows exist in every build, so that what SHMEM_INFO prints is the same everywhere.
 */
#ifndef SHMI_BASE_CONFIG_H
#define SHMI_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Kinds: FLAG is set by its mere presence; BOOL takes yes/no, y/n, on/off, true/false, 1/0; LONG a
 * whole number from its minimum to its maximum; SIZE what the specification says of
 * SHMEM_SYMMETRIC_SIZE; TEXT anything; CHOICE one of the words separated by | in its list, of which
 * the first is the default. */
/* clang-format off */
/*         name                 default, limits      what it does */
#define SHMI_CONFIG(FLAG, BOOL, LONG, SIZE, TEXT, CHOICE)                                          \
    FLAG  (version,                                                                                \
           "print the library's version at start-up")                                              \
    FLAG  (info,                                                                                   \
           "print these variables and their values at start-up")                                   \
    FLAG  (debug,                                                                                  \
           "print debugging messages, and what was chosen and why")                                \
    SIZE  (symmetric_size,      "512M",                                                            \
           "bytes of symmetric heap on each PE; memory is used when touched")                      \
    CHOICE(transport,           "auto|verbs|ofi|cma|loop|none",                                    \
           "network module; auto takes the first that every PE can open")                          \
    BOOL  (node_sharing,        yes,                                                               \
           "reach PEs of this node through shared memory; no: through the network module")         \
    LONG  (node_size,           0, 0, 1000000,                                                     \
           "for tests: pretend that so many PEs, one after the other, make a node; 0: no")         \
    BOOL  (static_sharing,      yes,                                                               \
           "map global and static variables in the other PEs of the node")                         \
    CHOICE(device,              "auto|none|sim|ascend",                                            \
           "accelerator module; auto takes an NPU that is here, or sim when one is asked for")     \
    SIZE  (device_size,         "0",                                                               \
           "bytes of symmetric device memory on each PE; 0: 64M once the program asks for some")   \
    CHOICE(heap,                "host|device",                                                     \
           "memory that shmem_malloc gives: the host's or the device's")                           \
    LONG  (device_timeout,      60, 0, 1000000,                                                    \
           "seconds that a kernel waits for a word, a reply or other PEs; 0 for ever")             \
    LONG  (ring_slots,          256, 2, 1048576,                                                   \
           "commands that a doorbell ring holds; a power of two")                                  \
    LONG  (engine_cpu,          -1, -1, 65535,                                                     \
           "CPU of the thread that serves kernels; -1: the last of the PE's own, if it has some")  \
    TEXT  (ascend_library,      "libascendcl.so",                                                  \
           "the Ascend runtime: a path, or a name for the loader to find")                         \
    CHOICE(ascend_share,        "auto|fabric|handle|listed|key|copy",                              \
           "how PEs of a node share an NPU's memory; auto: what most can import")                  \
    LONG  (sim_cores,           4, 1, 64,                                                          \
           "blocks of a kernel that run at one time on the sim device")                            \
    BOOL  (sim_p2p,             yes,                                                               \
           "let sim devices of a node reach each other's memory")                                  \
    CHOICE(sim_nic,             "peer|none",                                                       \
           "whether network adapters reach the memory of sim devices; none: it is staged")         \
    LONG  (sim_timeout,         300, 0, 1000000,                                                   \
           "seconds after which a kernel on the sim device has hung; 0 never")                     \
    LONG  (teams_max,           4096, 4, 1000000,                                                  \
           "teams a PE can be a member of at one time")                                            \
    BOOL  (team_groups,         no,                                                                \
           "announce teams to the launcher as PMIx groups, where it offers them")                  \
    BOOL  (check,               no,                                                                \
           "check the arguments of every call")                                                    \
    LONG  (watchdog,            60, 0, 1000000,                                                    \
           "seconds of waiting after which a PE reports who waits for whom; 0 never")              \
    LONG  (spin,                -1, -1, 1000000000,                                                \
           "microseconds to spin before yielding in a wait; -1 decides by cores and PEs")          \
    LONG  (start_timeout,       120, 1, 1000000,                                                   \
           "seconds to wait for the other PEs at start-up before saying who is missing")           \
    TEXT  (ofi_provider,        "",                                                                \
           "libfabric provider, as fi_info names it; empty takes the best that is there")          \
    TEXT  (ofi_domain,          "",                                                                \
           "libfabric domain, such as a network interface; empty lets libfabric choose")           \
    TEXT  (verbs_device,        "",                                                                \
           "RDMA device, as ibv_devices names it; empty takes the fastest port that is up")        \
    LONG  (verbs_port,          0, 0, 255,                                                         \
           "port of the RDMA device; 0 takes the fastest that is up")                              \
    LONG  (verbs_gid,           -1, -1, 255,                                                       \
           "index of the RDMA port's GID; -1 prefers RoCE v2 with an IPv4 address")                \
    LONG  (net_timeout,         30, 0, 1000000,                                                    \
           "seconds without an answer from a PE after which the network gives up; 0 never")        \
    TEXT  (launcher,            "auto",                                                            \
           "what oshrun starts the job with; auto takes the first that is there")                  \
    CHOICE(barrier_algorithm,   "auto|flat|dissemination",                                         \
           "how the PEs of a node synchronise")                                                    \
    CHOICE(reduce_algorithm,    "auto|small|sliced",                                               \
           "how the PEs of a node reduce and scan")                                                \
    CHOICE(coll_sync,           "auto|linear|dissemination",                                       \
           "how nodes synchronise with each other")                                                \
    CHOICE(coll_broadcast,      "auto|flat|binomial|chain|pull|scatter",                           \
           "how a broadcast goes from node to node")                                               \
    CHOICE(coll_collect,        "auto|flat|ring|bruck|pull",                                       \
           "how nodes exchange what is collected, in collect and fcollect")                        \
    CHOICE(coll_reduce,         "auto|doubling|gather|ring|sliced",                                \
           "how nodes reduce what each has reduced in itself")                                     \
    CHOICE(coll_alltoall,       "auto|leaders|push|pairwise|flat",                                 \
           "how PEs of different nodes exchange blocks")                                           \
    CHOICE(coll_scan,           "auto|doubling|chain|flat",                                        \
           "how a scan goes from node to node")                                                    \
    BOOL  (stats,               no,                                                                \
           "print counters of operations and bytes at finalize")                                   \
    TEXT  (trace,               "",                                                                \
           "file for a time line of all calls, for Chrome's and Perfetto's viewers; empty: none")  \
    BOOL  (backtrace,           no,                                                                \
           "print a stack trace with fatal errors")
/* clang-format on */

#define SHMI_CONFIG_FIELD_BOOL(name, ...) bool name;
#define SHMI_CONFIG_FIELD_LONG(name, ...) long name;
#define SHMI_CONFIG_FIELD_SIZE(name, ...) size_t name;
#define SHMI_CONFIG_FIELD_TEXT(name, ...) const char *name;

/* The values; set by shmi_config_read, constant afterwards. */
struct shmi_config {
    SHMI_CONFIG(SHMI_CONFIG_FIELD_BOOL, SHMI_CONFIG_FIELD_BOOL, SHMI_CONFIG_FIELD_LONG,
                SHMI_CONFIG_FIELD_SIZE, SHMI_CONFIG_FIELD_TEXT, SHMI_CONFIG_FIELD_TEXT)
};
extern struct shmi_config shmi_config;

/* Read the environment.  0, or -EINVAL after logging which variable has a bad value, the value, and
 * the syntax it wants.  May be called again: later initialisations see the environment of their
 * time, and texts read before are gone. */
int shmi_config_read(void);

/* Was the variable of this row (lower case, without SHMEM_) set by the user? */
bool shmi_config_is_set(const char *name);

/* A row by name, for modules: its value as text in buffer, or NULL where there is no such row. */
const char *shmi_config_text(const char *name, char *buffer, size_t len);

/* Log a warning for each SHMEM_ or SMA_ variable in the environment that no row names, with the
 * nearest name.  SHMEMX_ is not ours to judge. */
void shmi_config_report_unknown(void);

/* Print all rows: name, value, whether set or default, meaning.  document: as the README lists
 * them, which is the same whatever is set. */
void shmi_config_print(FILE *out);
void shmi_config_document(FILE *out);

/* The specification's size syntax (section 8): a non-negative decimal number, fraction allowed, and
 * an optional letter k, m, g or t in either case for powers of 1024, whatever follows the letter
 * being ignored.  Rounds up.  0, or -EINVAL; *size is written only on success. */
int shmi_config_parse_size(const char *text, size_t *size);

#endif
