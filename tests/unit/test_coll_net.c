/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_coll_net.c -- the collectives between nodes, over a network that keeps no more promises than
 * it must.
 *
 * The PEs are processes forked over one shared mapping, but a PE's windows show only the PEs of
 * its own node; the others are reached by a transport that knows the mapping.  It delays what it is
 * given: operations are done when the library makes progress or has to wait for them, in any order
 * within what a fence allows, and a put that may be late reads its source late.
 */
#include <time.h>

#include "core/coll_net.h"
#include "transport/transport.h"

#include "coll_calls.h"

/* ---- the network -------------------------------------------------- */

enum { QUEUE_MAX = 4096, NAP_NS = 50000 };
enum { FEW = 8 }; /* PEs */

struct operation {
    char *to;
    const char *from;
    size_t len;
    unsigned epoch; /* of fences */
    bool copied;    /* from is ours */
};

struct shmi_channel {
    struct operation queue[QUEUE_MAX];
    int n;
    unsigned epoch;
};

static struct shmi_channel channel;
static int channels_open;

/* One read or write by the adapter: a word comes at once. */
static void perform(const struct operation *op)
{
    if (op->len == sizeof(uint64_t) && ((uintptr_t)op->to | (uintptr_t)op->from) % 8 == 0) {
        shmi_store_release((uint64_t *)op->to, shmi_load_acquire((const uint64_t *)op->from));
    } else {
        shmi_order_all();
        size_t tail = op->len / 2 & ~(size_t)7; /* the end is there before the beginning */
        memcpy(op->to + tail, op->from + tail, op->len - tail);
        shmi_order_all();
        memcpy(op->to, op->from, tail);
        shmi_order_all();
    }
}

/* Do one operation of the oldest epoch. */
static void step(struct shmi_channel *ch)
{
    unsigned oldest = ch->epoch;
    for (int i = 0; i < ch->n; i++) {
        oldest = ch->queue[i].epoch < oldest ? ch->queue[i].epoch : oldest;
    }
    int chosen = (int)(next_random(&pe.delays) % (uint64_t)ch->n);
    while (ch->queue[chosen].epoch != oldest) {
        chosen = (chosen + 1) % ch->n;
    }
    struct operation op = ch->queue[chosen];
    ch->queue[chosen] = ch->queue[--ch->n];
    perform(&op);
    if (op.copied) {
        free((char *)op.from);
    }
}

static void net_quiet(struct shmi_channel *ch)
{
    while (ch->n > 0) {
        step(ch);
    }
}

static void add(struct shmi_channel *ch, struct operation op)
{
    if (ch->n == QUEUE_MAX) {
        step(ch);
    }
    op.epoch = ch->epoch;
    ch->queue[ch->n++] = op;
    if (next_random(&pe.delays) % 4 == 0) {
        step(ch);
    }
}

static char *address_of(struct shmi_remote at)
{
    if (at.key != 1000 + (uint64_t)at.pe) {
        shmi_fatal("a remote address with a wrong key");
    }
    return (char *)(uintptr_t)at.addr;
}

static void net_put(struct shmi_channel *ch, struct shmi_remote to, const void *src, size_t len,
                    enum shmi_when when)
{
    struct operation op = {.to = address_of(to), .from = src, .len = len};
    if (when == SHMI_NOW) {
        op.copied = true;
        op.from = memcpy(malloc(len), src, len);
    }
    add(ch, op);
}

static void net_get(struct shmi_channel *ch, void *dst, struct shmi_remote from, size_t len,
                    enum shmi_when when)
{
    memset(dst, 0x77, len);
    add(ch, (struct operation){.to = dst, .from = address_of(from), .len = len});
    if (when == SHMI_NOW) {
        net_quiet(ch);
    }
}

static void net_amo(struct shmi_channel *ch, struct shmi_remote at, const struct shmi_amo *amo,
                    enum shmi_when when)
{
    (void)when;
    net_quiet(ch);
    uint64_t old = shmi_amo_cpu(address_of(at), amo->op, amo->size, amo->value, amo->expected);
    if (amo->fetch != NULL) {
        shmi_bits_to(amo->fetch, old, amo->size);
    }
}

static void net_fence(struct shmi_channel *ch)
{
    ch->epoch++;
}

static void net_progress(struct shmi_net *net, uint64_t ns)
{
    (void)net;
    if (channel.n == 0 && ns != 0) { /* asleep, but not for long: nothing wakes it when it should */
        nanosleep(&(struct timespec){.tv_nsec = ns < NAP_NS ? (long)ns : NAP_NS}, NULL);
    }
    for (int i = 0; channel.n > 0 && i < 3; i++) {
        step(&channel);
    }
}

static int net_channel_open(struct shmi_net *net, struct shmi_channel **ch)
{
    (void)net;
    channels_open++;
    *ch = &channel;
    return 0;
}

static void net_channel_close(struct shmi_channel *ch)
{
    channels_open--;
    net_quiet(ch);
}

static void net_put_signal(struct shmi_channel *ch, struct shmi_remote to, const void *src,
                           size_t len, struct shmi_remote sig, const struct shmi_amo *amo,
                           enum shmi_when when);

static const struct shmi_transport transport = {
    .abi = SHMI_TRANSPORT_ABI,
    .name = "reluctant",
    .channel_open = net_channel_open,
    .channel_close = net_channel_close,
    .put = net_put,
    .get = net_get,
    .amo = net_amo,
    .put_signal = net_put_signal,
    .fence = net_fence,
    .quiet = net_quiet,
    .progress = net_progress,
};

static void net_put_signal(struct shmi_channel *ch, struct shmi_remote to, const void *src,
                           size_t len, struct shmi_remote sig, const struct shmi_amo *amo,
                           enum shmi_when when)
{
    shmi_plain_put_signal(&transport, ch, to, src, len, sig, amo, when);
}

/* ---- the job ------------------------------------------------------ */

/* Nodes combine among themselves first, so the order is not that of the members. */
static void sum(void *acc_bytes, const void *in_bytes, size_t nelems)
{
    uint32_t *acc = acc_bytes;
    const uint32_t *in = in_bytes;
    for (size_t i = 0; i < nelems; i++) {
        acc[i] += in[i];
    }
}

/* Which node a PE is on, by number of nodes and PEs. */
struct topology {
    const char *name;
    int n_pes;
    int node[PES_MAX];
};

static const struct topology topologies[] = {
    /* clang-format off */
    {"2 nodes of one PE",      2, {0, 1}},
    {"3 nodes of one PE",      3, {0, 1, 2}},
    {"5 nodes of one PE",      5, {0, 1, 2, 3, 4}},
    {"8 nodes of one PE",      8, {0, 1, 2, 3, 4, 5, 6, 7}},
    {"nodes of 2 and 3",       5, {0, 0, 1, 1, 1}},
    {"nodes 03 and 124",       5, {0, 1, 1, 0, 1}},
    {"nodes of 1, 3 and 2",    6, {0, 1, 1, 1, 2, 2}},
    {"4 nodes dealt in turn",  8, {0, 1, 2, 3, 0, 1, 2, 3}},
    {"a node of 5, one alone", 6, {0, 0, 0, 1, 0, 0}},
    /* clang-format on */
};

/* All is in the heap; what a PE cannot map, it reaches by its address in the mapping. */
static void make_segments(int me, const struct topology *topology)
{
    static struct shmi_window heap[PES_MAX];
    char *base = pe.shared + (size_t)me * SEGMENT_LEN;
    for (int i = 0; i < topology->n_pes; i++) {
        char *there = pe.shared + (size_t)i * SEGMENT_LEN;
        heap[i].map = topology->node[i] == topology->node[me] ? there : NULL;
        heap[i].addr = (uint64_t)(uintptr_t)there;
        heap[i].key = 1000 + (uint64_t)i;
        heap[i].node = topology->node[i];
    }
    shmi_segments[SHMI_SEGMENT_HEAP] =
        (struct shmi_segment){.base = base, .len = SEGMENT_LEN, .window = heap, .name = "heap"};
    pe.source = base + SEGMENT_LEN - 2 * ROOM - 4096;
    pe.source = (char *)shmi_round_up((uintptr_t)pe.source, SHMI_LINE);
    pe.dest = pe.source + ROOM;
    pe.expected = malloc(ROOM);
    shmi_network.transport = &transport;
    shmi_network.net = (struct shmi_net *)&channel;
}

/* A team that happens to be on one node is that node's business. */
static void find_nodes(void)
{
    for (int i = 0; i < pe.n_teams; i++) {
        struct shmi_team *team = &pe.teams[i];
        for (int member = 0; member < team->n_pes; member++) {
            int number = shmi_team_pe(team, member);
            team->on_node &= shmi_segments[SHMI_SEGMENT_HEAP].window[number].map != NULL;
        }
    }
}

/* ---- algorithms --------------------------------------------------- */

static const struct shmi_net_list *const lists[] = {
    &shmi_net_syncs,   &shmi_net_broadcasts, &shmi_net_collects,
    &shmi_net_reduces, &shmi_net_alltoalls,  &shmi_net_scans,
};

/* The longest list's length: so many ways let every algorithm of each have its turn. */
static size_t n_ways(void)
{
    size_t n = 0;
    for (size_t i = 0; i < SHMI_COUNT(lists); i++) {
        n = shmi_max(n, lists[i]->n);
    }
    return n;
}

/* Ask for the way-th algorithm of each list, round and round; n_ways: for none. */
static void choose(size_t way)
{
    for (size_t i = 0; i < SHMI_COUNT(lists); i++) {
        const struct shmi_net_algorithm *row = &lists[i]->rows[way % lists[i]->n];
        *(const char **)(uintptr_t)lists[i]->chosen = way == n_ways() ? "auto" : row->name;
    }
}

/* Nothing that is asked for is left undone: each works for a short call in a team that has a box,
 * and whose members on a node follow one another. */
static bool all_work(struct shmi_team *team)
{
    const struct shmi_net_call call = {
        .dest = pe.dest,
        .source = pe.source,
        .len = 64,
        .nelems = 8,
        .size = 8,
        .dst = 1,
        .sst = 1,
    };
    bool good = true;
    struct shmi_net_group *group = shmi_net_meet(team);
    for (size_t i = 0; i < SHMI_COUNT(lists); i++) {
        bool by_members = lists[i] == &shmi_net_alltoalls || lists[i] == &shmi_net_scans;
        for (size_t k = 0; k < lists[i]->n; k++) {
            if (!lists[i]->rows[k].works(by_members ? team : &group->leaders, &call)) {
                fprintf(stderr, "# %s by %s does not work\n", lists[i]->name,
                        lists[i]->rows[k].name);
                good = false;
            }
        }
    }
    return good;
}

/* What a list offers is what its variable accepts: the words as the library prints them. */
static bool is_documented(const struct shmi_net_list *list, const char *document)
{
    char line[256];
    int len = snprintf(line, sizeof(line), "    SHMEM_COLL_%s=auto", list->name);
    for (int i = 0; i < len; i++) {
        if (i > 14 && line[i] >= 'a' && line[i] <= 'z' && strchr(line, '=') > line + i) {
            line[i] = (char)(line[i] - 'a' + 'A');
        }
    }
    for (size_t k = 0; k < list->n; k++) {
        len += snprintf(line + len, sizeof(line) - (size_t)len, "|%s", list->rows[k].name);
    }
    snprintf(line + len, sizeof(line) - (size_t)len, "\n");
    return strstr(document, line) != NULL;
}

static void check_documented(void)
{
    static char document[65536];
    FILE *out = fmemopen(document, sizeof(document) - 1, "w");
    shmi_config_document(out);
    fclose(out);
    for (size_t i = 0; i < SHMI_COUNT(lists); i++) {
        ok(is_documented(lists[i], document), "the variable of %s names its algorithms",
           lists[i]->name);
    }
}

/* ---- processes ---------------------------------------------------- */

static int run_child(int me, const struct topology *topology, int rounds)
{
    alarm(240);
    shmi_job.my_pe = me;
    shmi_job.n_pes = topology->n_pes;
    shmi_log_set_pe(me);
    pe.delays = (uint64_t)getpid();
    pe.combine = sum;
    make_teams(me, topology->n_pes);
    make_segments(me, topology);
    find_nodes();
    be_patient();
    shmi_coll_sync("start", shmi_team_world);
    run_calls(rounds);
    if (SLOWNESS == 1 || topology->n_pes <= FEW) {
        run_types();
    }
    int status = pe.failures == 0 ? 0 : 1;
    if (pe.first_id == 0 && shmi_net_meet(shmi_team_world)->is_in_order &&
        topology->n_pes < SHMI_BOX_FLAGS && !all_work(shmi_team_world)) {
        status = 1;
    }
    shmi_coll_sync("end", shmi_team_world);
    for (int i = 0; i < pe.n_teams; i++) {
        shmi_net_part(&pe.teams[i]);
    }
    shmi_net_close();
    return channels_open == 0 ? status : 1;
}

static bool run_job(const struct topology *topology, int rounds)
{
    int n_pes = topology->n_pes;
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
            _exit(run_child(me, topology, rounds));
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

/* A topology by every algorithm; by those that the library chooses; and in teams without boxes. */
static void try_topology(const struct topology *topology, int rounds)
{
    for (size_t way = 0; way <= n_ways(); way++) {
        choose(way);
        ok(run_job(topology, rounds), "%s: reduce by %s", topology->name, shmi_config.coll_reduce);
    }
    pe.first_id = SHMI_BOXES;
    ok(run_job(topology, rounds), "%s: no boxes", topology->name);
    pe.first_id = 0;
}

int main(void)
{
    static struct topology many = {"70 nodes of one PE", 70, {0}};
    if (shmi_config_read() != 0) {
        return 1;
    }
    check_documented();
    for (size_t i = 0; i < SHMI_COUNT(topologies); i++) {
        try_topology(&topologies[i], 300 / SLOWNESS);
    }
    for (int i = 0; i < many.n_pes; i++) {
        many.node[i] = i;
    }
    choose(n_ways());
    ok(run_job(&many, 20 / SLOWNESS), "%s", many.name);
    return done();
}
