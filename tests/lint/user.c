/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * user.c -- a program, C and C++ alike, that uses all constants and types the ways programs do.
 *
 * The macros before the include are names that programs have for themselves; they must not reach
 * what the header derives from its table.
 */
#define uint my_uint
#define size my_size
#define put  my_put
#define get  my_get
#define mem  my_mem
#define test my_test
#define RMA  my_rma
#define SUM  my_sum

#include <mpp/shmem.h>
#include <mpp/shmemx.h>
#include <pshmem.h>

#undef size

/* An array of negative length where the condition is false. */
#define SAME(name, condition) typedef char name[(condition) ? 1 : -1]
SAME(version, SHMEM_MAJOR_VERSION == 1 && SHMEM_MINOR_VERSION == 6);
SAME(thread_levels, SHMEM_THREAD_SINGLE < SHMEM_THREAD_FUNNELED &&
                        SHMEM_THREAD_FUNNELED < SHMEM_THREAD_SERIALIZED &&
                        SHMEM_THREAD_SERIALIZED < SHMEM_THREAD_MULTIPLE);
SAME(vendor, sizeof(SHMEM_VENDOR_STRING) <= SHMEM_MAX_NAME_LEN);
SAME(ctx_options, (SHMEM_CTX_SERIALIZED & SHMEM_CTX_PRIVATE) == 0 &&
                      ((SHMEM_CTX_SERIALIZED | SHMEM_CTX_PRIVATE) & SHMEM_CTX_NOSTORE) == 0);
SAME(hints, (SHMEM_MALLOC_ATOMICS_REMOTE & SHMEM_MALLOC_SIGNAL_REMOTE) == 0);
SAME(old_version, _SHMEM_MAJOR_VERSION == SHMEM_MAJOR_VERSION &&
                      _SHMEM_MINOR_VERSION == SHMEM_MINOR_VERSION &&
                      _SHMEM_MAX_NAME_LEN == SHMEM_MAX_NAME_LEN &&
                      sizeof(_SHMEM_VENDOR_STRING) == sizeof(SHMEM_VENDOR_STRING));
SAME(old_sizes, _SHMEM_BCAST_SYNC_SIZE == SHMEM_BCAST_SYNC_SIZE &&
                    _SHMEM_REDUCE_SYNC_SIZE == SHMEM_REDUCE_SYNC_SIZE &&
                    _SHMEM_BARRIER_SYNC_SIZE == SHMEM_BARRIER_SYNC_SIZE &&
                    _SHMEM_COLLECT_SYNC_SIZE == SHMEM_COLLECT_SYNC_SIZE &&
                    _SHMEM_REDUCE_MIN_WRKDATA_SIZE == SHMEM_REDUCE_MIN_WRKDATA_SIZE);
SAME(sync_size,
     SHMEM_SYNC_SIZE >= SHMEM_BARRIER_SYNC_SIZE && SHMEM_SYNC_SIZE >= SHMEM_BCAST_SYNC_SIZE &&
         SHMEM_SYNC_SIZE >= SHMEM_REDUCE_SYNC_SIZE && SHMEM_SYNC_SIZE >= SHMEM_COLLECT_SYNC_SIZE &&
         SHMEM_SYNC_SIZE >= SHMEM_ALLTOALL_SYNC_SIZE &&
         SHMEM_SYNC_SIZE >= SHMEM_ALLTOALLS_SYNC_SIZE);

/* Static initialisers. */
long psync[SHMEM_SYNC_SIZE] = {SHMEM_SYNC_VALUE, _SHMEM_SYNC_VALUE};
int pwrk[SHMEM_REDUCE_MIN_WRKDATA_SIZE];
shmem_team_t teams[] = {SHMEM_TEAM_INVALID, SHMEM_TEAM_WORLD, SHMEM_TEAM_SHARED};
shmem_ctx_t ctxs[] = {SHMEM_CTX_INVALID, SHMEM_CTX_DEFAULT};
shmem_team_config_t team_config = {0};
shmem_ctx_session_config_t session_config = {(size_t)-1};
long masks[] = {SHMEM_TEAM_NUM_CONTEXTS, SHMEM_CTX_SESSION_BATCH, SHMEM_CTX_SESSION_TOTAL_OPS};
int extensions = SHMEMX_MAJOR_VERSION + SHMEMX_MINOR_VERSION;

/* Case labels must differ, and be integer constant expressions. */
int compare(int cmp, long a, long b);
int compare(int cmp, long a, long b)
{
    switch (cmp) {
    case SHMEM_CMP_EQ:
        return a == b;
    case SHMEM_CMP_NE:
        return a != b;
    case SHMEM_CMP_GT:
        return a > b;
    case SHMEM_CMP_LE:
        return a <= b;
    case SHMEM_CMP_LT:
        return a < b;
    case SHMEM_CMP_GE:
        return a >= b;
    default:
        return -1;
    }
}

int old_compare(int cmp);
int old_compare(int cmp)
{
    switch (cmp) {
    case _SHMEM_CMP_EQ:
    case _SHMEM_CMP_NE:
    case _SHMEM_CMP_GT:
    case _SHMEM_CMP_LE:
    case _SHMEM_CMP_LT:
    case _SHMEM_CMP_GE:
        return 1;
    default:
        return 0;
    }
}

int is_set(int sig_op);
int is_set(int sig_op)
{
    switch (sig_op) {
    case SHMEM_SIGNAL_SET:
        return 1;
    case SHMEM_SIGNAL_ADD:
        return 0;
    default:
        return -1;
    }
}

int give_up(int status);
int give_up(int status)
{
    shmem_global_exit(status);
}

void profiled(shmem_ctx_t ctx, int *dest);
void profiled(shmem_ctx_t ctx, int *dest)
{
    pshmem_ctx_int_put(ctx, dest, dest + 1, 1, 0);
    pshmem_barrier(0, 0, 1, psync);
    pshmem_pcontrol(1, "more", 2.0);
    shmem_uint_p((unsigned int *)dest, 1, 0);
    if (ctx == SHMEM_CTX_INVALID || shmem_team_my_pe(SHMEM_TEAM_WORLD) < 0)
        pstart_pes(0);
}
