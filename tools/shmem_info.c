/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shmem_info.c -- what this installation is, what it finds on this machine, and what it would
 * choose.
 *
 * Alone it looks at one machine; started by oshrun it starts a job, and PE 0 tells what the PEs
 * chose.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/config.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/base/topology.h"
#include "core/base/util.h"
#include "core/network.h"
#include "core/npu.h"
#include "core/segment.h"
#include "device/device.h"
#include "transport/transport.h"

#define SHMEMI_API
#include <shmem.h>

static const char usage[] = "usage: shmem_info [--variables | --document | --version | --help]\n"
                            "       oshrun -n N shmem_info\n"
                            "Without an option: the version, the machine, the job, its device, the "
                            "networks, the variables.\n"
                            "--variables  the variables, their values and meaning\n"
                            "--document   the same as a table without values\n";

static void print_machine(void)
{
    char machine[256];
    const char *limit = "";
    size_t memory = shmi_topology_memory(&limit);
    if (shmi_topology_describe(machine, sizeof(machine)) == 0) {
        printf("machine      %s\n", machine);
    }
    printf("usable       %d CPUs, %zu MiB of memory (%s)\n", shmi_topology_cpus(), memory >> 20,
           limit);
}

/* How PEs reach each other, as this PE sees it. */
static void print_job(void)
{
    int n_mapped = 0;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        n_mapped += shmi_segments[SHMI_SEGMENT_HEAP].window[pe].map != NULL;
    }
    printf("job          %d PE%s, started by %s\n", shmi_job.n_pes, shmi_job.n_pes == 1 ? "" : "s",
           shmi_job.launcher);
    printf("this node    PE 0 maps the memory of %d of %d PEs: loads and stores reach them\n",
           n_mapped, shmi_job.n_pes);
    if (shmi_network.net == NULL) {
        printf("network      none: %s\n", n_mapped == shmi_job.n_pes
                                              ? "all PEs are on this node"
                                              : "static variables are not shared");
    } else {
        printf("network      %s: %s; its atomics are%s atomic with the CPUs'\n",
               shmi_network.transport->name, shmi_network.facts.what,
               shmi_network.facts.coherent ? "" : " not");
    }
    printf("heap         %zu bytes on each PE; static variables: %zu bytes\n",
           shmi_segment_heap_len(), shmi_segments[SHMI_SEGMENT_DATA].len);
}

static void print_networks(void)
{
    for (int i = 0; shmi_transport_names[i] != NULL; i++) {
        struct shmi_network network;
        int rc = shmi_transport_open(&network, shmi_transport_names[i], &shmi_services, 0, 1);
        printf("%-12s %s: %s\n", i == 0 ? "networks" : "", shmi_transport_names[i],
               rc == 0 ? network.facts.what : "not usable here");
        if (rc == 0) {
            shmi_transport_close(&network);
        } else {
            printf("%-12s     %s\n", "", network.facts.what);
        }
    }
}

static void print_all(void)
{
    printf("library      %s, OpenSHMEM %d.%d\n", SHMEM_VENDOR_STRING, SHMEM_MAJOR_VERSION,
           SHMEM_MINOR_VERSION);
    printf("modules      %s/npushmem\n", SHMI_LIBDIR);
    print_machine();
    print_job();
    shmi_npu_print(stdout);
    print_networks();
    printf("\n");
    shmi_config_print(stdout);
}

int main(int argc, char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";
    if (argc > 2 || strcmp(option, "--help") == 0) {
        fputs(usage, argc > 2 ? stderr : stdout);
        return argc > 2 ? 2 : 0;
    }
    if (strcmp(option, "--version") == 0) {
        puts(SHMEM_VENDOR_STRING);
        return 0;
    }
    if (strcmp(option, "--document") == 0) {
        shmi_config_document(stdout);
        return 0;
    }
    if (strcmp(option, "--variables") == 0) {
        if (shmi_config_read() != 0) {
            return 1;
        }
        shmi_config_print(stdout);
        return 0;
    }
    if (option[0] != '\0') {
        fprintf(stderr, "shmem_info: unknown option %s\n%s", option, usage);
        return 2;
    }
    shmem_init();
    if (shmem_my_pe() == 0) {
        print_all();
    }
    shmem_finalize();
    return 0;
}
