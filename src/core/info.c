/* SPDX-License-Identifier: BSD-3-Clause */
/* info.c -- what a program may ask about itself, its PEs and its memory (section 9.1), and
 * pcontrol. */
#include <stdint.h>
#include <string.h>

#include "core/base/export.h"
#include "core/base/job.h"
#include "core/check.h"
#include "core/ctx.h"
#include "core/segment.h"
#include "core/setup.h"
#include "core/trace.h"

int shmem_my_pe(void)
{
    shmi_require_running(__func__);
    return shmi_job.my_pe;
}
PSHMEM(_my_pe)

int shmem_n_pes(void)
{
    shmi_require_running(__func__);
    return shmi_job.n_pes;
}
PSHMEM(_n_pes)

int _my_pe(void)
{
    shmi_require_running(__func__);
    return shmi_job.my_pe;
}
PTWIN(_my_pe)

int _num_pes(void)
{
    shmi_require_running(__func__);
    return shmi_job.n_pes;
}
PTWIN(_num_pes)

/* Every PE of a job runs the same library and is reached by mapping or network. */
int shmem_pe_accessible(int pe)
{
    shmi_require_running(__func__);
    return pe >= 0 && pe < shmi_job.n_pes;
}
PSHMEM(_pe_accessible)

int shmem_addr_accessible(const void *addr, int pe)
{
    shmi_require_running(__func__);
    const struct shmi_segment *seg = shmi_segment_of(addr);
    bool is_ours =
        seg == &shmi_segments[SHMI_SEGMENT_HEAP] && (const char *)addr < shmi_segment_heap();
    return pe >= 0 && pe < shmi_job.n_pes && !is_ours && shmi_segment_is_symmetric(addr, pe);
}
PSHMEM(_addr_accessible)

static void *pointer_to(const void *dest, int pe)
{
    return shmi_segment_is_symmetric(dest, pe) ? shmi_reach(dest, pe) : NULL;
}

void *shmem_ptr(const void *dest, int pe)
{
    shmi_require_running(__func__);
    return pe >= 0 && pe < shmi_job.n_pes ? pointer_to(dest, pe) : NULL;
}
PSHMEM(_ptr)

void *shmem_team_ptr(shmem_team_t handle, const void *dest, int pe)
{
    shmi_require_running(__func__);
    const struct shmi_team *team = shmi_team_of(handle);
    if (team == NULL || pe < 0 || pe >= team->n_pes) {
        return NULL;
    }
    return pointer_to(dest, shmi_team_pe(team, pe));
}
PSHMEM(_team_ptr)

void shmem_info_get_version(int *major, int *minor)
{
    *major = SHMEM_MAJOR_VERSION;
    *minor = SHMEM_MINOR_VERSION;
}
PSHMEM(_info_get_version)

void shmem_info_get_name(char *name)
{
    _Static_assert(sizeof(SHMEM_VENDOR_STRING) <= SHMEM_MAX_NAME_LEN, "the name fits its buffer");
    strcpy(name, SHMEM_VENDOR_STRING);
}
PSHMEM(_info_get_name)

/* For tools that put their own in its place; of ours, the trace heeds it. */
void shmem_pcontrol(int level, ...)
{
    shmi_trace_pause(level <= 0);
}
PSHMEM(_pcontrol)
