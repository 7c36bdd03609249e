/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ring.c -- the doorbell ring: both ends, in one process. */
#include "core/base/atomic.h"
#include "device/ring.h"

#include "../unit/capture.h"
#include "../unit/tap.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG2 = 4, PRODUCERS = 8 };
#define ALL_OPS (~0ull)

static struct {
    void *memory;
    shmemx_diagnosis_t diagnosis;
    struct shmi_ring ring;
    _Alignas(SHMI_LINE) shmemx_producer_t producer;
} one;

/* An empty ring whose next ticket is `first`. */
static void set_up(unsigned log2, uint32_t flags, uint64_t first, uint64_t timeout_ns)
{
    memset(&one.diagnosis, 0, sizeof(one.diagnosis));
    one.memory = aligned_alloc(SHMI_LINE, shmi_ring_bytes(log2));
    memset(one.memory, 0, shmi_ring_bytes(log2));
    shmi_ring_create(&one.ring, one.memory, log2, flags, ALL_OPS);
    one.ring.next = one.ring.done = first;
    for (uint64_t t = first - (1ull << log2); first != 0 && t != first; t++) { /* the lap before */
        uint64_t w[SHMEMX_RING_WORDS] = {0};
        shmemx_seal(w, t, log2);
        memcpy((void *)&one.ring.slot[t & ((1ull << log2) - 1)], w, sizeof(w));
    }
    one.ring.taken_published = one.ring.done_published = first;
    one.ring.ctl->taken = one.ring.ctl->done = first;
    shmi_ring_introduce(&one.ring, &one.producer, (uint64_t)(uintptr_t)one.memory,
                        (uint64_t)(uintptr_t)&one.diagnosis, timeout_ns, 0);
}

static void tear_down(void)
{
    shmi_ring_destroy(&one.ring);
    free(one.memory);
}

static uint64_t random_word(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static shmemx_command_t random_command(unsigned op, uint64_t *state)
{
    return (shmemx_command_t){
        .local = random_word(state),
        .remote = random_word(state),
        .length = random_word(state),
        .operand = random_word(state),
        .compare = random_word(state),
        .pe = (uint32_t)random_word(state),
        .team = (uint32_t)random_word(state) & 0x7fffffff,
        .reply = (uint32_t)random_word(state),
        .cookie = (uint32_t)random_word(state) & 0x7fffffff,
        .op = (uint8_t)op,
        .type = (uint8_t)random_word(state),
        .subop = (uint8_t)random_word(state),
        .flags = (uint16_t)random_word(state),
    };
}

static bool same(const shmemx_command_t *a, const shmemx_command_t *b)
{
    return a->local == b->local && a->remote == b->remote && a->length == b->length &&
           a->operand == b->operand && a->compare == b->compare && a->pe == b->pe &&
           a->team == b->team && a->reply == b->reply && a->cookie == b->cookie && a->op == b->op &&
           a->type == b->type && a->subop == b->subop && a->flags == b->flags;
}

static void test_round_trips(void)
{
    uint64_t state = 0x9e3779b97f4a7c15;
    for (unsigned op = 0; op < SHMEMX_RING_N_OPS; op++) {
        int wrong = 0;
        for (int i = 0; i < 1000; i++) {
            uint64_t w[SHMEMX_RING_WORDS];
            uint64_t ticket = random_word(&state);
            shmemx_command_t out = random_command(op, &state), in;
            shmemx_encode(&out, w);
            shmemx_seal(w, ticket, LOG2);
            wrong += shmemx_open(w, ticket, LOG2) != 1;
            shmemx_decode(w, &in);
            wrong += !same(&out, &in);
            shmemx_seal(w, ticket, LOG2);
            wrong += shmemx_open(w, ticket + (1 << LOG2), LOG2) != 0;  /* the next lap */
            wrong += shmemx_open(w, ticket + (2 << LOG2), LOG2) != -1; /* two laps on */
        }
        is(wrong, 0, shmi_ring_op_name(op));
    }
    uint64_t place = shmemx_place(255, (1ull << 55) - 1);
    ok(shmemx_place_region(place) == 255 && shmemx_place_offset(place) == (1ull << 55) - 1,
       "a region and an offset come back");
}

/* Slots whose words arrive in any order and late are taken whole or not at all. */
enum { TORN = 3000 };
static void *write_torn(void *seed)
{
    uint64_t state = *(uint64_t *)seed, commands = *(uint64_t *)seed;
    for (uint64_t ticket = 0; ticket < TORN; ticket++) {
        while (ticket - shmi_load_acquire(&one.ring.ctl->taken) >= 1 << LOG2) {
            sched_yield();
        }
        uint64_t w[SHMEMX_RING_WORDS];
        int order[SHMEMX_RING_WORDS] = {0, 1, 2, 3, 4, 5, 6, 7};
        shmemx_command_t cmd = random_command(ticket % SHMEMX_RING_N_OPS, &commands);
        cmd.flags = 0;
        shmemx_encode(&cmd, w);
        shmemx_seal(w, ticket, LOG2);
        shmemx_slot_t *slot = (shmemx_slot_t *)&one.ring.slot[ticket % (1 << LOG2)];
        for (int i = SHMEMX_RING_WORDS - 1; i >= 0; i--) {
            int j = (int)(random_word(&state) % (unsigned)(i + 1));
            int at = order[j];
            order[j] = order[i];
            shmi_store_release(&slot->w[at], w[at]);
            for (unsigned n = random_word(&state) % 64; n > 0; n--) {
                shmi_pause();
            }
            if (random_word(&state) % 32 == 0) {
                sched_yield();
            }
        }
    }
    return NULL;
}

static void test_torn_writes(void)
{
    uint64_t seed = 42, commands = 42, ticket;
    shmemx_command_t got;
    pthread_t writer;
    int wrong = 0;
    set_up(LOG2, 0, 0, 0);
    pthread_create(&writer, NULL, write_torn, &seed);
    for (uint64_t i = 0; i < TORN; i++) {
        while (shmi_ring_take(&one.ring, &got, &ticket) == 0) {
            sched_yield();
        }
        shmemx_command_t wanted = random_command(i % SHMEMX_RING_N_OPS, &commands);
        wanted.flags = 0;
        wrong += !same(&got, &wanted) || ticket != i;
        shmi_ring_retire(&one.ring, ticket);
        shmi_ring_publish(&one.ring);
    }
    pthread_join(writer, NULL);
    is(wrong, 0, "slots written in any order, with delays, are taken whole");
    tear_down();
}

/* Commands arrive once each, in order, over the place where a number wraps. */
static void wrap_at(uint64_t first, const char *what)
{
    shmemx_command_t got;
    uint64_t ticket;
    int wrong = 0;
    set_up(LOG2, 0, first, 0);
    for (uint64_t i = 0; i < 200; i++) {
        shmemx_command_t cmd = {.op = SHMEMX_RING_PUT, .length = i};
        wrong += shmemx_post(&one.producer, &cmd, &ticket) != SHMEMX_OK || ticket != first + i;
        if (i % 7 == 6 || i == 199) {
            while (shmi_ring_take(&one.ring, &got, &ticket) == 1) {
                wrong += got.length != ticket - first;
                shmi_ring_retire(&one.ring, ticket);
            }
            shmi_ring_publish(&one.ring);
            wrong += one.ring.ctl->done != first + i + 1 || one.ring.ctl->taken != first + i + 1;
        }
    }
    is(wrong, 0, what);
    tear_down();
}

static void *consume_slowly(void *count)
{
    shmemx_command_t cmd;
    uint64_t ticket;
    for (int left = *(int *)count; left > 0;) {
        for (int pass = 0; pass < 3 && shmi_ring_take(&one.ring, &cmd, &ticket) == 1; pass++) {
            shmi_ring_reply(&one.ring, &cmd, ticket, cmd.operand + 1, SHMEMX_OK);
            shmi_ring_retire(&one.ring, ticket);
            left--;
        }
        shmi_ring_publish(&one.ring);
        usleep(50);
    }
    return NULL;
}

static void test_slow_consumer(void)
{
    int count = 2000, wrong = 0;
    pthread_t consumer;
    set_up(3, 0, 0, 0);
    pthread_create(&consumer, NULL, consume_slowly, &count);
    for (int i = 0; i < count; i++) {
        uint64_t value = 0, ticket;
        shmemx_command_t cmd = {.op = SHMEMX_RING_AMO, .operand = (uint64_t)i};
        if (i % 100 == 99) {
            wrong +=
                shmemx_ask(&one.producer, &cmd, &value) != SHMEMX_OK || value != cmd.operand + 1;
        } else {
            wrong += shmemx_post(&one.producer, &cmd, &ticket) != SHMEMX_OK;
        }
    }
    pthread_join(consumer, NULL);
    is(wrong, 0, "a producer waits for a slow consumer, and loses nothing");
    is(shmemx_ring_quiet(&one.producer), SHMEMX_OK, "quiet without anything outstanding");
    is((long long)one.producer.ticket, count, "sends no message");
    tear_down();
}

/* Eight producers; each asks and adds, and checks its own answers. */
enum { ASKS = 2000 };
static int wrong_answers;
static void *produce(void *arg)
{
    uint64_t me = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < ASKS; i++) {
        uint64_t value = 0, ticket;
        shmemx_command_t cmd = {.op = SHMEMX_RING_AMO, .operand = me << 32 | i, .pe = (uint32_t)me};
        int status = i % 4 == 0 ? shmemx_ask(&one.producer, &cmd, &value)
                                : shmemx_post(&one.producer, &cmd, &ticket);
        if (status != SHMEMX_OK || (i % 4 == 0 && value != cmd.operand + 1)) {
            __atomic_fetch_add(&wrong_answers, 1, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

static void test_many_producers(void)
{
    pthread_t thread[PRODUCERS];
    uint64_t next[PRODUCERS] = {0}, ticket;
    shmemx_command_t cmd;
    int out_of_order = 0;
    set_up(5, SHMEMX_RING_SHARED, 0, 0);
    for (uintptr_t i = 0; i < PRODUCERS; i++) {
        pthread_create(&thread[i], NULL, produce, (void *)i);
    }
    for (int left = PRODUCERS * ASKS; left > 0;) {
        if (shmi_ring_take(&one.ring, &cmd, &ticket) == 1) {
            out_of_order += cmd.operand != ((uint64_t)cmd.pe << 32 | next[cmd.pe]++);
            shmi_ring_reply(&one.ring, &cmd, ticket, cmd.operand + 1, SHMEMX_OK);
            shmi_ring_retire(&one.ring, ticket);
            left--;
        } else {
            shmi_ring_publish(&one.ring);
            sched_yield();
        }
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(thread[i], NULL);
    }
    is(out_of_order, 0, "each of eight producers' commands arrive once and in order");
    is(wrong_answers, 0, "each gets its own answers");
    ok(one.producer.replies == ~0ull, "all reply slots are free again");
    tear_down();
}

/* Completion in any order, by another thread: `done` never passes what is incomplete. */
static void test_window(void)
{
    enum { N = 3000 };
    static uint64_t order[N];
    uint64_t state = 7, ticket;
    shmemx_command_t cmd = {.op = SHMEMX_RING_PUT};
    int wrong = 0;
    bool complete[N] = {false};
    set_up(12, 0, 0, 0);
    for (uint64_t i = 0; i < N; i++) {
        shmemx_post(&one.producer, &cmd, &ticket);
        shmi_ring_take(&one.ring, &cmd, &ticket);
        order[i] = i;
    }
    for (uint64_t i = N - 1, first = 0; i + 1 > 0; i--) {
        uint64_t j = random_word(&state) % (i + 1), at = order[j];
        order[j] = order[i];
        complete[at] = true;
        if (i % 2 == 0) {
            shmi_ring_complete(&one.ring, at);
        } else {
            shmi_ring_retire(&one.ring, at);
        }
        shmi_ring_publish(&one.ring);
        while (first < N && complete[first]) {
            first++;
        }
        wrong += one.ring.ctl->done != first;
    }
    is(wrong, 0, "operations complete in any order, and retire in theirs");
    tear_down();
    set_up(13, 0, 0, 0);
    for (int i = 0; i < SHMI_RING_WINDOW + 1; i++) {
        shmemx_post(&one.producer, &cmd, &ticket);
    }
    for (int i = 0; i < SHMI_RING_WINDOW; i++) {
        wrong += shmi_ring_take(&one.ring, &cmd, &ticket) != 1;
    }
    ok(wrong == 0 && shmi_ring_take(&one.ring, &cmd, &ticket) == 0,
       "no more than a window is taken");
    shmi_ring_retire(&one.ring, 0);
    is(shmi_ring_take(&one.ring, &cmd, &ticket), 1, "one complete, one taken");
    tear_down();
}

static void test_death(void)
{
    uint64_t w[SHMEMX_RING_WORDS], ticket;
    shmemx_command_t cmd = {.op = SHMEMX_RING_PUT};
    set_up(LOG2, 0, 0, 0);
    shmemx_post(&one.producer, &cmd, &ticket);
    is(shmi_ring_take(&one.ring, &cmd, &ticket), 1, "a producer's last command");
    shmemx_encode(&cmd, w);
    shmemx_seal(w, 1, LOG2);
    memcpy((void *)&one.ring.slot[1], w, 5 * sizeof(w[0])); /* and it dies in the middle */
    is(shmi_ring_take(&one.ring, &cmd, &ticket), 0, "half a slot is not taken");
    is((long long)shmi_ring_torn(&one.ring, 1000), 0, "it is noticed");
    is((long long)shmi_ring_torn(&one.ring, 5000), 4000, "and its age told");
    tear_down();
}

static void test_stop_and_patience(void)
{
    uint64_t ticket, value;
    shmemx_command_t cmd = {.op = SHMEMX_RING_GET_VALUE};
    set_up(1, 0, 0, 20 * 1000 * 1000);
    is(shmemx_ask(&one.producer, &cmd, &value), SHMEMX_TIMED_OUT, "nobody answers");
    is((long long)one.diagnosis.state, 2, "the host is told");
    is((long long)one.diagnosis.site, SHMEMX_SITE_REPLY, "where");
    ok(one.diagnosis.address == (uint64_t)(uintptr_t)&one.ring.reply[0] &&
           one.diagnosis.expected == 1 && one.diagnosis.found == 0,
       "the address, what is expected and what is there");
    is(shmemx_post(&one.producer, &cmd, &ticket), SHMEMX_OK, "the last slot");
    is(shmemx_post(&one.producer, &cmd, &ticket), SHMEMX_TIMED_OUT, "a full ring");
    shmi_ring_stop(&one.ring);
    is(shmemx_post(&one.producer, &cmd, &ticket), SHMEMX_STOPPED, "a stopped ring");
    tear_down();
    set_up(LOG2, SHMEMX_RING_SHARED, 0, 0);
    shmi_ring_stop(&one.ring);
    is(shmemx_ask(&one.producer, &cmd, &value), SHMEMX_STOPPED, "waiting at a stopped ring");
    tear_down();
}

static void test_errors(void)
{
    uint64_t ticket, other;
    shmemx_command_t cmd = {.op = SHMEMX_RING_PUT};
    set_up(LOG2, 0, 0, 0);
    shmemx_post(&one.producer, &cmd, &ticket);
    shmemx_post(&one.producer, &cmd, &other);
    for (int i = 0; i < 2; i++) {
        shmi_ring_take(&one.ring, &cmd, &ticket);
        shmi_ring_fail(&one.ring, &cmd, ticket, i == 0 ? SHMEMX_INVALID : SHMEMX_FAILED);
        shmi_ring_retire(&one.ring, ticket);
    }
    shmi_ring_publish(&one.ring);
    is(shmemx_ring_quiet(&one.producer), SHMEMX_INVALID, "quiet tells of the first failure");
    is(shmemx_ring_quiet(&one.producer), SHMEMX_OK, "once");
    tear_down();
}

/* What attaching to the memory says. */
static const char *attach_badly(void)
{
    struct shmi_ring ring;
    capture_begin();
    int rc = shmi_ring_attach(&ring, one.memory);
    return rc == -EPROTO ? capture_end() : (capture_end(), "");
}

static void test_mismatches(void)
{
    struct shmi_ring ring;
    set_up(LOG2, 0, 0, 0);
    is(shmi_ring_attach(&ring, one.memory), 0, "a ring of the same version");
    shmi_ring_destroy(&ring);
    is(shmemx_ring_check(&one.producer), SHMEMX_OK, "its producer agrees");
    ((shmemx_ring_hdr_t *)one.memory)->abi = 77;
    const char *said = attach_badly();
    ok(strstr(said, "version 77") != NULL && strstr(said, "this library's is 1") != NULL,
       "an error with both versions");
    is(shmemx_ring_check(&one.producer), SHMEMX_MISMATCH, "its producer finds out as well");
    ok(one.diagnosis.expected == SHMEMX_RING_ABI && one.diagnosis.found == 77,
       "and tells the host both");
    ((shmemx_ring_hdr_t *)one.memory)->magic = 0;
    ok(strstr(attach_badly(), "no doorbell ring") != NULL, "memory that is no ring");
    tear_down();
}

static void test_overwritten(void)
{
    shmemx_command_t cmd;
    uint64_t w[SHMEMX_RING_WORDS] = {0}, ticket;
    set_up(LOG2, 0, 0, 0);
    shmemx_seal(w, 2 << LOG2, LOG2); /* as if written two laps later */
    memcpy((void *)&one.ring.slot[0], w, sizeof(w));
    capture_begin();
    int rc = shmi_ring_take(&one.ring, &cmd, &ticket);
    ok(strstr(capture_end(), "where 0 must be") != NULL && rc == -EBADMSG,
       "a slot of another ticket is reported");
    tear_down();
}

/* Words as words, the first one first, as a device's copies are. */
static void copy_words(void *dst, const void *src, size_t len)
{
    for (size_t i = 0; i < len / sizeof(uint64_t); i++) {
        shmi_store_release((uint64_t *)dst + i, shmi_load_acquire((const uint64_t *)src + i));
    }
}

/* Asks for an answer by turns, and counts those that are wrong. */
enum { FAR_COMMANDS = 3000, FAR_LOG2 = 3 };
static void *produce_far(void *arg)
{
    shmemx_producer_t *producer = arg;
    uint64_t ticket, value = 0, wrong = 0;
    for (uint64_t i = 0; i < FAR_COMMANDS; i++) {
        shmemx_command_t cmd = {.op = SHMEMX_RING_AMO, .operand = i};
        if (i % 5 == 4) {
            wrong += shmemx_ask(producer, &cmd, &value) != SHMEMX_OK || value != i + 1;
        } else {
            wrong += shmemx_post(producer, &cmd, &ticket) != SHMEMX_OK || ticket != i;
        }
    }
    wrong += shmemx_ring_quiet(producer) != SHMEMX_INVALID; /* that of ticket 10 */
    return (void *)(uintptr_t)wrong;
}

/* The engine's end of a ring that it sees only by copies. */
static void test_far(void)
{
    uint64_t ticket, wrong = 0;
    shmemx_command_t cmd;
    shmemx_producer_t producer;
    pthread_t thread;
    void *found, *far = aligned_alloc(SHMI_LINE, shmi_ring_bytes(FAR_LOG2));
    set_up(FAR_LOG2, 0, 0, 0);
    shmi_ring_introduce(&one.ring, &producer, (uint64_t)(uintptr_t)far,
                        (uint64_t)(uintptr_t)&one.diagnosis, 0, 0);
    shmi_ring_set_far(&one.ring, far, copy_words);
    copy_words(far, one.memory, shmi_ring_bytes(FAR_LOG2));
    pthread_create(&thread, NULL, produce_far, &producer);
    for (uint64_t i = 0; i < FAR_COMMANDS;) {
        shmi_ring_fetch(&one.ring, 1 + i % 5);
        while (shmi_ring_take(&one.ring, &cmd, &ticket) == 1) {
            wrong += ticket != i || cmd.operand != i;
            if (ticket == 10) {
                shmi_ring_fail(&one.ring, &cmd, ticket, SHMEMX_INVALID);
            }
            shmi_ring_retire(&one.ring, ticket);
            shmi_ring_publish(&one.ring);
            shmi_ring_reply(&one.ring, &cmd, ticket, cmd.operand + 1, SHMEMX_OK);
            i++;
        }
        sched_yield();
    }
    pthread_join(thread, &found);
    is((long long)wrong, 0, "a ring that only copies reach: commands come in order, once each");
    is((long long)(uintptr_t)found, 0, "and their answers, and the room they leave");
    shmi_ring_stop(&one.ring);
    is(shmemx_ask(&producer, &cmd, &ticket), SHMEMX_STOPPED, "and that it is stopped");
    free(far);
    tear_down();
}

int main(void)
{
    test_round_trips();
    test_torn_writes();
    wrap_at(0, "from the first ticket");
    wrap_at((1ull << 15) - 100, "over 2^15");
    wrap_at((1ull << 32) - 100, "over 2^32");
    wrap_at((1ull << 48) - 100, "over 2^48");
    test_slow_consumer();
    test_many_producers();
    test_window();
    test_death();
    test_stop_and_patience();
    test_errors();
    test_mismatches();
    test_overwritten();
    test_far();
    return done();
}
