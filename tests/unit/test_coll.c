/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_coll.c -- the collectives of a node, without a job: processes forked over one shared
 * mapping, each with windows and teams made by hand.
 */
#include "coll_calls.h"

/* An operation that tells in which order its operands came. */
static void fold(void *acc_bytes, const void *in_bytes, size_t nelems)
{
    uint32_t *acc = acc_bytes;
    const uint32_t *in = in_bytes;
    for (size_t i = 0; i < nelems; i++) {
        acc[i] = acc[i] * 31u + in[i];
    }
}

/* Room for source and dest: in the heap, which all map, or in memory that only its owner maps. */
static void make_segments(int me, int n_pes, bool mapped)
{
    static struct shmi_window heap[PES_MAX], data[PES_MAX];
    char *base = pe.shared + (size_t)me * SEGMENT_LEN;
    char *own = malloc(2 * ROOM + 4096);
    for (int i = 0; i < n_pes; i++) {
        heap[i].map = pe.shared + (size_t)i * SEGMENT_LEN;
        data[i].map = i == me ? own : NULL;
    }
    shmi_segments[SHMI_SEGMENT_HEAP] =
        (struct shmi_segment){.base = base, .len = SEGMENT_LEN, .window = heap, .name = "heap"};
    shmi_segments[SHMI_SEGMENT_DATA] = (struct shmi_segment){
        .base = own, .len = 2 * ROOM + 4096, .window = data, .name = "static data"};
    pe.source = mapped ? base + SEGMENT_LEN - 2 * ROOM - 4096 : own;
    pe.source = (char *)shmi_round_up((uintptr_t)pe.source, SHMI_LINE);
    pe.dest = pe.source + ROOM;
    pe.expected = malloc(ROOM);
}

/* ---- the parent --------------------------------------------------- */

static bool run_job(int n_pes, bool mapped, int rounds)
{
    size_t len = (size_t)n_pes * SEGMENT_LEN;
    pid_t child[PES_MAX];
    bool good = true;
    pe.shared = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pe.shared == MAP_FAILED) {
        return false;
    }
    fflush(NULL);
    for (int me = 0; me < n_pes; me++) {
        child[me] = fork();
        if (child[me] == 0) {
            alarm(240);
            shmi_job.my_pe = me;
            shmi_job.n_pes = n_pes;
            shmi_log_set_pe(me);
            pe.delays = (uint64_t)getpid();
            pe.combine = fold;
            make_teams(me, n_pes);
            make_segments(me, n_pes, mapped);
            be_patient();
            run_calls(rounds);
            run_types();
            _exit(pe.failures == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < n_pes; i++) {
        int status = -1;
        waitpid(child[i], &status, 0);
        good = good && status == 0;
    }
    munmap(pe.shared, len);
    return good;
}

int main(void)
{
    static const int sizes[] = {1, 2, 3, 5, 8};
    static const char *const barriers[] = {"auto", "flat", "dissemination"};
    static const char *const reduces[] = {"auto", "small", "sliced"};
    if (shmi_config_read() != 0) {
        return 1;
    }
    for (size_t i = 0; i < SHMI_COUNT(sizes); i++) {
        for (size_t way = 0; way < SHMI_COUNT(barriers); way++) {
            shmi_config.barrier_algorithm = barriers[way];
            shmi_config.reduce_algorithm = reduces[way];
            ok(run_job(sizes[i], true, 3000), "%d PEs, barrier %s, reduce %s", sizes[i],
               barriers[way], reduces[way]);
        }
        ok(run_job(sizes[i], false, 600), "%d PEs, a source that only its owner maps", sizes[i]);
    }
    shmi_config.barrier_algorithm = "auto";
    ok(run_job(20, true, 100), "20 PEs, more than flat is for");
    return done();
}
