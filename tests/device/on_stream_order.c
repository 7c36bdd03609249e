/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * on_stream_order.c -- who waits for whom: streams, hosts, kernels and PEs.
 *
 * Most cases here would hang if something waited that should not.
 */
#include <pthread.h>

#include "device.h"

static shmemx_stream_t new_stream(void)
{
    shmemx_stream_t stream = NULL;
    check(shmemx_stream_create(&stream) == 0, "a stream");
    return stream;
}

static void end_stream(shmemx_stream_t stream)
{
    check(shmemx_stream_sync(stream) == 0, "the stream's end");
    check(shmemx_stream_destroy(stream) == 0, "a stream's end");
}

static shmem_team_t twin_of_world(void)
{
    shmem_team_t twin = SHMEM_TEAM_INVALID;
    shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, shmem_n_pes(), NULL, 0, &twin);
    return twin;
}

static long value_of(const void *word)
{
    long value = 0;
    load(&value, word, sizeof(value));
    return value;
}

/* All hosts but the last PE's go on behind the barrier, and send the last what lets it come. */
static void hosts_go_on(void)
{
    int last = shmem_n_pes() - 1;
    uint64_t *come = make(HOST, sizeof(*come));
    shmemx_stream_t stream = new_stream();
    if (shmem_my_pe() == last) {
        shmem_signal_wait_until(come, SHMEM_CMP_EQ, (uint64_t)last);
    }
    check(shmemx_barrier_all_on_stream(stream) == 0, "a barrier");
    if (shmem_my_pe() != last) {
        shmem_signal_add(come, 1, last);
    }
    end_stream(stream);
    shmem_free(come);
}

/* The host itself sends what its streams wait for: every comparison, in both memories. */
static void signals_wait(void)
{
    static const struct {
        int cmp;
        uint64_t start, awaited, end;
    } waits[] = {
        {SHMEM_CMP_EQ, 0, 5, 5}, {SHMEM_CMP_NE, 3, 3, 5}, {SHMEM_CMP_GT, 5, 5, 6},
        {SHMEM_CMP_GE, 4, 5, 5}, {SHMEM_CMP_LT, 5, 5, 4}, {SHMEM_CMP_LE, 6, 5, 5},
    };
    enum { WAITS = 2 * CONFORMANCE_COUNT(waits) };
    int me = shmem_my_pe();
    uint64_t *sig[KINDS] = {make(HOST, sizeof(waits)), make(DEVICE, sizeof(waits))};
    long *passed = make(HOST, WAITS * sizeof(*passed));
    shmemx_stream_t stream[WAITS];
    shmemx_stream_t sender = new_stream();
    for (size_t i = 0; i < WAITS; i++) {
        uint64_t *word = &sig[i % KINDS][i / KINDS];
        stream[i] = new_stream();
        shmem_signal_set(word, waits[i / KINDS].start, me);
        shmem_quiet();
        shmemx_signal_wait_until_on_stream(word, waits[i / KINDS].cmp, waits[i / KINDS].awaited,
                                           stream[i]);
        shmemx_long_p_on_stream(&passed[i], 1, me, stream[i]);
    }
    shmem_barrier_all();
    for (size_t i = WAITS; i-- > 0;) {
        check(value_of(&passed[i]) == 0, "stream %zu did not wait", i);
        shmem_barrier_all();
        shmemx_signal_op_on_stream(&sig[i % KINDS][i / KINDS], waits[i / KINDS].end,
                                   SHMEM_SIGNAL_SET, right_of(me), sender);
        end_stream(stream[i]);
        check(value_of(&passed[i]) == 1, "stream %zu did not go on", i);
    }
    end_stream(sender);
    shmem_barrier_all();
    shmem_free(passed);
    shmem_free(sig[DEVICE]);
    shmem_free(sig[HOST]);
}

/* Two teams on two streams, which the PEs come to in different orders; then one of them waits for
 * what the host sends only after the other has gone through its barriers. */
static void independent_streams(void)
{
    enum { ROUNDS = 5 };
    int first = shmem_my_pe() % 2;
    uint64_t *sig = make(DEVICE, sizeof(*sig));
    shmem_team_t team[] = {SHMEM_TEAM_WORLD, twin_of_world()};
    shmemx_stream_t stream[] = {new_stream(), new_stream()};
    for (int round = 0; round < ROUNDS; round++) {
        shmemx_barrier_on_stream(team[first], stream[first]);
        shmemx_barrier_on_stream(team[1 - first], stream[1 - first]);
    }
    shmemx_signal_wait_until_on_stream(sig, SHMEM_CMP_EQ, 1, stream[1]);
    shmemx_barrier_on_stream(team[1], stream[1]);
    for (int round = 0; round < ROUNDS; round++) {
        shmemx_barrier_on_stream(team[0], stream[0]);
    }
    check(shmemx_stream_sync(stream[0]) == 0, "the stream that does not wait");
    shmem_signal_set(sig, 1, right_of(shmem_my_pe()));
    end_stream(stream[1]);
    end_stream(stream[0]);
    shmem_team_destroy(team[1]);
    shmem_free(sig);
}

/* The collectives of one team on two streams, one after the other by events. */
static void ordered_by_events(void)
{
    enum { ROUNDS = 10 };
    int n = shmem_n_pes();
    long *sums = make(DEVICE, 2 * sizeof(long));
    long one = 1;
    long expected = 1;
    shmemx_event_t event[2] = {NULL, NULL};
    shmemx_stream_t stream[] = {new_stream(), new_stream()};
    check(shmemx_event_create(&event[0]) == 0 && shmemx_event_create(&event[1]) == 0, "events");
    store(&sums[0], &one, sizeof(one));
    for (int round = 0; round < ROUNDS; round++) {
        int turn = round % 2;
        shmemx_event_wait(event[1 - turn], stream[turn]);
        shmemx_long_sum_reduce_on_stream(SHMEM_TEAM_WORLD, &sums[1 - turn], &sums[turn], 1,
                                         stream[turn]);
        shmemx_event_record(event[turn], stream[turn]);
        expected *= n;
    }
    end_stream(stream[0]);
    end_stream(stream[1]);
    check(value_of(&sums[ROUNDS % 2]) == expected, "the last sum is %ld, expected %ld",
          value_of(&sums[ROUNDS % 2]), expected);
    shmemx_event_destroy(event[1]);
    shmemx_event_destroy(event[0]);
    shmem_free(sums);
}

/* What was put before a barrier is there after it, and what comes after it was not there before. */
static void barriers_order(void)
{
    enum { ROUNDS = 20 };
    long seen[ROUNDS] = {0};
    long *word[KINDS] = {make(HOST, sizeof(long)), make(DEVICE, sizeof(long))};
    shmemx_stream_t stream = new_stream();
    for (long round = 0; round < ROUNDS; round++) {
        long *here = word[round / 2 % KINDS];
        shmemx_long_p_on_stream(here, 100 + round, right_of(shmem_my_pe()), stream);
        shmemx_barrier_all_on_stream(stream);
        shmemx_memcpy_on_stream(&seen[round], here, sizeof(*here), stream);
        shmemx_sync_all_on_stream(stream);
    }
    end_stream(stream);
    for (long round = 0; round < ROUNDS; round++) {
        check(seen[round] == 100 + round, "saw %ld in round %ld", seen[round], round);
    }
    shmem_barrier_all();
    shmem_free(word[DEVICE]);
    shmem_free(word[HOST]);
}

/* Through what is put without a signal, too, once there was a quiet. */
static void quiet_completes(void)
{
    enum { N = 500, ROUNDS = 5 };
    int me = shmem_my_pe();
    long *there = make(DEVICE, N * sizeof(long));
    uint64_t *sig = make(HOST, sizeof(*sig));
    long here[N];
    shmemx_stream_t stream = new_stream();
    for (long round = 1; round <= ROUNDS; round++) {
        for (long i = 0; i < N; i++) {
            here[i] = round * 1000 + me * 10 + i;
        }
        shmemx_long_put_nbi_on_stream(there, here, N, right_of(me), stream);
        shmemx_quiet_on_stream(stream);
        shmemx_signal_op_on_stream(sig, 1, SHMEM_SIGNAL_ADD, right_of(me), stream);
        shmemx_signal_wait_until_on_stream(sig, SHMEM_CMP_GE, (uint64_t)round, stream);
        check(shmemx_stream_sync(stream) == 0, "the stream");
        load(here, there, sizeof(here));
        bool same = true;
        for (long i = 0; i < N; i++) {
            same = same && here[i] == round * 1000 + left_of(me) * 10 + i;
        }
        check(same, "round %ld", round);
        shmem_barrier_all();
    }
    end_stream(stream);
    shmem_free(sig);
    shmem_free(there);
}

enum { TILE = 64 };

struct tile {
    const long *in;
    long *out;
    long value;
};

static void produce(void *args, unsigned block, unsigned n_blocks)
{
    const struct tile *tile = args;
    for (unsigned i = block; i < TILE; i += n_blocks) {
        tile->out[i] = tile->value + (long)i;
    }
}

static void add_up(void *args, unsigned block, unsigned n_blocks)
{
    const struct tile *tile = args;
    for (unsigned i = block; i < TILE; i += n_blocks) {
        tile->out[i] += tile->in[i];
    }
}

/* Kernels and communication, all of it put on the stream before anything is waited for: each round
 * makes a tile, sends it on, and adds up the one that came. */
static void kernels_between(void)
{
    enum { ROUNDS = 12, BLOCKS = 3 };
    int me = shmem_my_pe();
    long *made = make(DEVICE, TILE * sizeof(long));
    long *come = make(DEVICE, TILE * sizeof(long));
    long *sums = make(DEVICE, TILE * sizeof(long));
    uint64_t *full = make(DEVICE, sizeof(*full));
    uint64_t *empty = make(DEVICE, sizeof(*empty));
    shmemx_stream_t stream = new_stream();
    for (long round = 1; round <= ROUNDS; round++) {
        struct tile mine = {NULL, made, round * 100 + me};
        struct tile theirs = {come, sums, 0};
        shmemx_launch(produce, BLOCKS, &mine, sizeof(mine), stream);
        shmemx_long_put_signal_on_stream(come, made, TILE, full, 1, SHMEM_SIGNAL_ADD, right_of(me),
                                         stream);
        shmemx_signal_wait_until_on_stream(full, SHMEM_CMP_GE, (uint64_t)round, stream);
        shmemx_launch(add_up, BLOCKS, &theirs, sizeof(theirs), stream);
        shmemx_signal_op_on_stream(empty, (uint64_t)round, SHMEM_SIGNAL_SET, left_of(me), stream);
        shmemx_signal_wait_until_on_stream(empty, SHMEM_CMP_EQ, (uint64_t)round, stream);
    }
    end_stream(stream);
    long result[TILE];
    load(result, sums, sizeof(result));
    bool same = true;
    for (long i = 0; i < TILE; i++) {
        same = same && result[i] == ROUNDS * (ROUNDS + 1) / 2 * 100 + ROUNDS * (left_of(me) + i);
    }
    check(same, "the sums of what the left one made");
    shmem_barrier_all();
    shmem_free(empty);
    shmem_free(full);
    shmem_free(sums);
    shmem_free(come);
    shmem_free(made);
}

/* What a thread has: words of its own, and with the others one to add to, and a stream. */
struct poster {
    pthread_t thread;
    uint64_t *word;
    uint64_t *sum;
    shmemx_stream_t own, common;
};

enum { POSTERS = 4, POSTS = 25 };

static void *run_poster(void *arg)
{
    struct poster *poster = arg;
    int right = right_of(shmem_my_pe());
    for (uint64_t i = 1; i <= POSTS; i++) {
        shmemx_signal_op_on_stream(poster->word, i, SHMEM_SIGNAL_SET, right, poster->own);
        shmemx_signal_wait_until_on_stream(poster->word, SHMEM_CMP_GE, i, poster->own);
        shmemx_signal_op_on_stream(poster->sum, 1, SHMEM_SIGNAL_ADD, right, poster->common);
        shmemx_signal_wait_until_on_stream(poster->sum, SHMEM_CMP_NE, 0, poster->common);
    }
    return NULL;
}

/* Threads that put work on streams of their own, and all of them on one more. */
static void threads(void)
{
    uint64_t *words = make(HOST, POSTERS * sizeof(*words));
    uint64_t *sum = make(DEVICE, sizeof(*sum));
    shmemx_stream_t common = new_stream();
    struct poster poster[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        poster[i] = (struct poster){.word = &words[i], .sum = sum, .common = common};
        poster[i].own = new_stream();
        pthread_create(&poster[i].thread, NULL, run_poster, &poster[i]);
    }
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(poster[i].thread, NULL);
        end_stream(poster[i].own);
        check(shmem_signal_fetch(&words[i]) == POSTS, "word %d", i);
    }
    end_stream(common);
    shmem_barrier_all();
    check(shmem_signal_fetch(sum) == POSTERS * POSTS, "a sum");
    shmem_barrier_all();
    shmem_free(sum);
    shmem_free(words);
}

/* Streams that come and go, and one that is gone. */
static void streams_end(void)
{
    enum { STREAMS = 30 };
    long *word = make(HOST, sizeof(*word));
    shmemx_stream_t stream = NULL;
    for (int i = 0; i < STREAMS; i++) {
        stream = new_stream();
        shmemx_sync_all_on_stream(stream);
        check(shmemx_stream_destroy(stream) == 0, "the end of a stream that is busy");
    }
    check(shmemx_barrier_all_on_stream(stream) == -1, "a barrier on no stream");
    check(shmemx_long_p_on_stream(word, 1, 0, stream) == -1, "p on no stream");
    check(shmemx_putmem_on_stream(word, word, 0, 0, SHMEMX_STREAM_DEFAULT) == 0, "no bytes");
    check(shmemx_getmem_on_stream(NULL, NULL, 0, 0, SHMEMX_STREAM_DEFAULT) == 0, "no bytes");
    shmem_free(word);
}

/* shmem_finalize waits for it. */
static void left_for_finalize(void)
{
    shmem_team_t twin = twin_of_world();
    shmemx_stream_t stream = new_stream();
    for (int i = 0; i < 10; i++) {
        check(shmemx_barrier_on_stream(twin, stream) == 0, "a barrier");
    }
}

static void opened(void)
{
    check(shmemx_device_open() == 0, "a device");
}

static const struct conformance_case cases[] = {
    {"the device is opened", opened},
    {"hosts go on", hosts_go_on},
    {"streams wait for signals", signals_wait},
    {"streams do not wait for each other", independent_streams},
    {"collectives ordered by events", ordered_by_events},
    {"barriers order what is put", barriers_order},
    {"quiet completes it", quiet_completes},
    {"kernels and communication on one stream", kernels_between},
    {"threads put work on streams", threads},
    {"streams come and go", streams_end},
    {"work that is left for shmem_finalize", left_for_finalize},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
