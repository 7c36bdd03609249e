/* SPDX-License-Identifier: BSD-3-Clause */
/* hbm_agent.c -- device memory that nobody else reaches: its PE's agent moves the bytes. */
#include "core/hbm_agent.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/amo.h"
#include "core/base/atomic.h"
#include "core/base/job.h"
#include "core/base/log.h"
#include "core/copy.h"
#include "core/ctx.h"
#include "core/hbm.h"
#include "core/hbm_desk.h"
#include "core/memory.h"
#include "core/order.h"
#include "core/rma.h"
#include "core/wait.h"
#include "device/device.h"

/* A transfer's first piece is short, so that the other end has something to do soon, and the last
 * ones are shorter, as nothing goes on beside the very last. */
#define PIECE_SHORT ((size_t)256 << 10)

/* The thread's patience: looks with a pause, yields, fewer where others serve, then naps that grow;
 * and after how many of these it settles what was sent. */
enum { LOOKS = 200, YIELDS = 2000, YIELDS_BESIDE = 16, SETTLED = 16 };
enum { NAP_MIN_NS = 20 * 1000, NAP_MAX_NS = 4000 * 1000, NAP_BESIDE_NS = 1000 * 1000 };

/* Who wants a desk asks again who has it, after so many looks.  Who was asked keeps none, for so
 * many requests. */
enum { ASK_AGAIN = 16, SHY = 64 };

/* Whose a desk is; or that it is nobody's, and the last number that was served. */
#define TAKEN(pe)     ((uint64_t)(pe) << 1 | 1)
#define FREE(number)  ((uint64_t)(number) << 1)
#define IS_FREE(word) (((word)&1) == 0)

bool shmi_hbm_agent_on;

static struct {
    struct shmi_desk *desk;

    pthread_mutex_t lock;  /* of my own requests, one at a time, and of what follows */
    struct shmi_ctx *asks; /* by which they go */
    uint64_t *known;       /* of each PE's desk, the last number that I know to be served */
    bool *keeps;           /* I have it still */
    uint64_t let_go;       /* `wanted` when I last gave back what I kept; also read without */
    unsigned shy;          /* requests before I keep a desk again */

    pthread_mutex_t serving;  /* held by who serves others, and of what follows */
    struct shmi_ctx *answers; /* by which they are answered */
    uint64_t next;            /* the number to serve */

    pthread_t thread;
    unsigned visits; /* by threads that wait in the library: they serve */
    bool stop;
} agent = {.lock = PTHREAD_MUTEX_INITIALIZER, .serving = PTHREAD_MUTEX_INITIALIZER};

/* To a place of that PE's desk; the source stays as it is until that is answered. */
static void post(struct shmi_ctx *ctx, void *dest, const void *source, size_t len, int pe)
{
    char *there = shmi_reach(dest, pe);
    if (there != NULL) {
        shmi_copy(there, source, len);
        return;
    }
    struct shmi_remote to = shmi_remote_of("agent", dest, pe);
    shmi_network.transport->put(shmi_ctx_enter(ctx), to, source, len, SHMI_LATER);
    shmi_ctx_leave(ctx);
}

/* What was posted there before is there before what is posted there now. */
static void order(struct shmi_ctx *ctx, int pe)
{
    if (shmi_reach(agent.desk, pe) != NULL) {
        shmi_order_stores();
    } else {
        shmi_network.transport->fence(shmi_ctx_enter(ctx));
        shmi_ctx_leave(ctx);
    }
}

static void post_message(struct shmi_ctx *ctx, struct shmi_message *dest,
                         struct shmi_message *message, int pe)
{
    char *there = shmi_reach(dest, pe);
    message->from = (uint32_t)shmi_job.my_pe;
    if (there != NULL) {
        shmi_message_store((struct shmi_message *)there, message);
    } else {
        shmi_message_seal(message);
        post(ctx, dest, message, shmi_message_len(message), pe);
    }
}

/* ---- serving --------------------------------------------------------------------------------- */

static char *place_of(const struct shmi_message *request)
{
    return shmi_segments[SHMI_SEGMENT_DEVICE].base + request->offset;
}

/* All up to this one are done. */
static void answer(int pe)
{
    uint64_t *there = (uint64_t *)shmi_reach(&agent.desk->answer, pe);
    if (there != NULL) {
        shmi_store_release(there, agent.next);
        return;
    }
    struct shmi_message *note = &agent.desk->my_reply[agent.next % SHMI_DESK_SLOTS];
    note->number = agent.next; /* to stay until it is sent */
    post(agent.answers, &agent.desk->answer, &note->number, sizeof(note->number), pe);
}

static struct shmi_message *draft_reply(void)
{
    struct shmi_message *reply = &agent.desk->my_reply[agent.next % SHMI_DESK_SLOTS];
    reply->number = agent.next;
    reply->wish = SHMI_WISH_REPLY;
    reply->len = 0;
    return reply;
}

static void serve_put(const struct shmi_message *request)
{
    const char *piece = agent.desk->theirs[agent.next % SHMI_DESK_SLOTS];
    const char *data = request->len <= SHMI_DESK_INLINE ? request->data : piece;
    shmi_hbm_copy(place_of(request), data, request->len);
    answer((int)request->from);
}

static void serve_get(const struct shmi_message *request)
{
    int from = (int)request->from;
    size_t slot = agent.next % SHMI_DESK_SLOTS;
    if (request->len <= SHMI_DESK_INLINE) {
        struct shmi_message *reply = draft_reply();
        reply->len = request->len;
        shmi_hbm_copy(reply->data, place_of(request), request->len);
        post_message(agent.answers, &agent.desk->reply, reply, from);
        return;
    }
    shmi_hbm_copy(agent.desk->theirs[slot], place_of(request), request->len);
    post(agent.answers, agent.desk->mine[slot], agent.desk->theirs[slot], request->len, from);
    order(agent.answers, from);
    answer(from);
}

static void serve_amo(const struct shmi_message *request)
{
    uint64_t old = 0;
    char *addr = place_of(request);
    struct shmi_amo amo = {
        .op = (enum shmi_amo_op)request->op,
        .size = request->size,
        .value = request->value,
        .expected = request->expected,
        .fetch = &old,
    };
    if (!shmi_accelerator.device->amo(shmi_accelerator.npu, addr, &amo)) {
        /* The agent is the only one who changes this word for others. */
        shmi_hbm_copy(&old, addr, amo.size);
        uint64_t next = old;
        shmi_amo_cpu(&next, amo.op, amo.size, amo.value, amo.expected);
        shmi_hbm_copy(addr, &next, amo.size);
    }
    struct shmi_message *reply = draft_reply();
    reply->value = old;
    post_message(agent.answers, &agent.desk->reply, reply, (int)request->from);
}

static bool serve(void)
{
    const struct shmi_message *request = &agent.desk->request[agent.next % SHMI_DESK_SLOTS];
    if (!shmi_message_is_here(request, agent.next)) {
        return false;
    }
    shmi_accelerator.device->enter(shmi_accelerator.npu);
    if (request->wish == SHMI_WISH_PUT) {
        serve_put(request);
    } else if (request->wish == SHMI_WISH_GET) {
        serve_get(request);
    } else {
        serve_amo(request);
    }
    agent.next++;
    return true;
}

/* Was there something to do? */
static bool serve_all(void)
{
    bool found = false;
    if (pthread_mutex_trylock(&agent.serving) == 0) {
        while (serve()) {
            found = true;
        }
        pthread_mutex_unlock(&agent.serving);
    }
    return found;
}

/* What comes through a network ends a nap, where the network can tell. */
static void be_patient(long look)
{
    if (look < LOOKS) {
        shmi_pause();
    } else if (look < LOOKS + YIELDS) {
        shmi_take_in(0);
        sched_yield();
    } else {
        uint64_t naps = (uint64_t)(look - LOOKS - YIELDS);
        shmi_take_in(shmi_min(naps * NAP_MIN_NS / 8 + NAP_MIN_NS, NAP_MAX_NS));
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

/* With all that was put there before. */
static void release(const char *who, int pe)
{
    agent.keeps[pe] = false;
    shmi_amo(who, agent.asks, SHMI_AMO_SET, &agent.desk->owner, 8, FREE(agent.known[pe]), 0,
             SHMI_LATER, pe);
    shmi_quiet(agent.asks); /* or all who wait look after it, again and again */
}

static bool is_wanted(void)
{
    return shmi_load_acquire(&agent.desk->wanted) != shmi_load_relaxed(&agent.let_go);
}

/* Others want a desk that I keep, and do not say which.  Under the lock. */
static void let_go(const char *who)
{
    shmi_store_relaxed(&agent.let_go, shmi_load_acquire(&agent.desk->wanted));
    agent.shy = SHY;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        if (agent.keeps[pe]) {
            release(who, pe);
        }
    }
}

/* Take that PE's desk; the last number it has served.  Where I was the last to have it, I know the
 * number, and one atomic does it.  Who meets nobody there keeps it, and his next request takes one
 * round trip instead of three. */
static uint64_t take(const char *who, int pe)
{
    pthread_mutex_lock(&agent.lock);
    bool alone = true;
    for (long look = 0; !agent.keeps[pe]; look++) {
        uint64_t known = FREE(agent.known[pe]);
        uint64_t found = shmi_amo(who, agent.asks, SHMI_AMO_CSWAP, &agent.desk->owner, 8,
                                  TAKEN(shmi_job.my_pe), known, SHMI_NOW, pe);
        if (found == known) {
            break;
        }
        alone = false;
        if (IS_FREE(found)) {
            agent.known[pe] = found >> 1;
            continue;
        }
        if (look % ASK_AGAIN == 0) {
            shmi_amo(who, agent.asks, SHMI_AMO_ADD, &agent.desk->wanted, 8, 1, 0, SHMI_LATER,
                     (int)(found >> 1));
        }
        if (is_wanted()) {
            let_go(who); /* or we might wait for each other */
        }
        serve_all(); /* or he who has the desk might wait for me */
        be_patient(look);
    }
    agent.keeps[pe] = agent.keeps[pe] || (alone && agent.shy == 0);
    agent.shy -= agent.shy != 0;
    /* All answers of before have come; another desk's numbers are others. */
    shmi_store_release(&agent.desk->answer, 0);
    shmi_store_release(&agent.desk->reply.number, 0);
    return agent.known[pe];
}

static void give_back(const char *who, uint64_t served, int pe)
{
    agent.known[pe] = served;
    if (!agent.keeps[pe]) {
        release(who, pe);
    }
    if (is_wanted()) {
        let_go(who);
    }
    pthread_mutex_unlock(&agent.lock);
}

/* Was there something to do for others? */
static bool attend(void)
{
    bool found = serve_all();
    if (is_wanted() && pthread_mutex_trylock(&agent.lock) == 0) {
        let_go("agent");
        pthread_mutex_unlock(&agent.lock);
        found = true;
    }
    return found;
}

static void await(const char *who, uint64_t number, int pe)
{
    shmi_wait_reached(who, &agent.desk->answer, number, pe);
}

struct replying {
    struct shmi_waiting base;
    uint64_t number;
};

static bool has_replied(struct shmi_waiting *waiting)
{
    const struct replying *replying = (const struct replying *)waiting;
    return shmi_message_is_here(&agent.desk->reply, replying->number);
}

static const struct shmi_message *await_reply(const char *who, uint64_t number, int pe)
{
    struct shmi_message *reply = &agent.desk->reply;
    struct replying replying = {
        .base = {.who = who, .addr = &reply->number, .pe = pe, .done = has_replied},
        .number = number,
    };
    shmi_wait(&replying.base);
    return reply;
}

/* A message to fill in. */
static struct shmi_message *draft(enum shmi_wish wish, uint64_t number, const void *addr,
                                  size_t len)
{
    struct shmi_message *request = &agent.desk->my_request[number % SHMI_DESK_SLOTS];
    request->number = number;
    request->wish = (uint16_t)wish;
    request->offset = (uint64_t)((const char *)addr - shmi_segments[SHMI_SEGMENT_DEVICE].base);
    request->len = len;
    return request;
}

static void ask(struct shmi_message *request, int pe)
{
    post_message(agent.asks, &agent.desk->request[request->number % SHMI_DESK_SLOTS], request, pe);
}

/* The source stays as it is until the answer, so that host memory is sent from where it lies. */
static void put_piece(struct shmi_message *request, const char *source, int pe)
{
    size_t slot = request->number % SHMI_DESK_SLOTS;
    const char *from = source;
    if (request->len <= SHMI_DESK_INLINE) {
        shmi_hbm_copy(request->data, source, request->len);
    } else {
        if (shmi_hbm_is(source)) {
            shmi_hbm_copy(agent.desk->mine[slot], source, request->len);
            from = agent.desk->mine[slot];
        }
        post(agent.asks, agent.desk->theirs[slot], from, request->len, pe);
        order(agent.asks, pe);
    }
    ask(request, pe);
}

/* The length of the piece at `at` of a transfer of len bytes. */
static size_t piece_at(size_t at, size_t len)
{
    size_t rest = len - at;
    if (at == 0) {
        return shmi_min(rest, PIECE_SHORT);
    }
    if (rest <= 2 * PIECE_SHORT) {
        return rest;
    }
    return shmi_min(rest / 2 / 4096 * 4096, SHMI_DESK_PIECE);
}

void shmi_hbm_agent_put(const char *who, void *addr, const void *source, size_t len, int pe)
{
    uint64_t before = take(who, pe);
    uint64_t number = before;
    for (size_t at = 0, piece = 0; at < len; at += piece) {
        piece = piece_at(at, len);
        if (++number > before + SHMI_DESK_SLOTS) {
            await(who, number - SHMI_DESK_SLOTS, pe);
        }
        put_piece(draft(SHMI_WISH_PUT, number, (char *)addr + at, piece), (const char *)source + at,
                  pe);
    }
    await(who, number, pe);
    give_back(who, number, pe);
}

static void take_piece(const char *who, uint64_t number, char *dest, size_t len, int pe)
{
    if (len <= SHMI_DESK_INLINE) {
        shmi_hbm_copy(dest, await_reply(who, number, pe)->data, len);
    } else {
        await(who, number, pe);
        shmi_hbm_copy(dest, agent.desk->mine[number % SHMI_DESK_SLOTS], len);
    }
}

/* As many pieces as there are slots are asked for before the first is here. */
void shmi_hbm_agent_get(const char *who, void *dest, const void *addr, size_t len, int pe)
{
    uint64_t number = take(who, pe);
    uint64_t asked = number;
    size_t asked_at = 0;
    for (size_t at = 0; at < len; at += piece_at(at, len)) {
        for (; asked_at < len && asked < number + SHMI_DESK_SLOTS;
             asked_at += piece_at(asked_at, len)) {
            ask(draft(SHMI_WISH_GET, ++asked, (const char *)addr + asked_at,
                      piece_at(asked_at, len)),
                pe);
        }
        take_piece(who, ++number, (char *)dest + at, piece_at(at, len), pe);
    }
    give_back(who, number, pe);
}

void shmi_hbm_agent_amo(const char *who, void *addr, const struct shmi_amo *amo, int pe)
{
    uint64_t number = take(who, pe) + 1;
    struct shmi_message *request = draft(SHMI_WISH_AMO, number, addr, 0);
    request->op = (uint8_t)amo->op;
    request->size = (uint8_t)amo->size;
    request->value = amo->value;
    request->expected = amo->expected;
    ask(request, pe);
    uint64_t old = await_reply(who, number, pe)->value;
    if (amo->fetch != NULL) {
        shmi_bits_to(amo->fetch, old, amo->size);
    }
    give_back(who, number, pe);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What was sent has arrived: nobody need look after it any more. */
static void settle(void)
{
    if (pthread_mutex_trylock(&agent.lock) == 0) {
        shmi_quiet(agent.asks);
        pthread_mutex_unlock(&agent.lock);
    }
    if (pthread_mutex_trylock(&agent.serving) == 0) {
        shmi_quiet(agent.answers);
        pthread_mutex_unlock(&agent.serving);
    }
}

void shmi_hbm_agent_attend(void)
{
    __atomic_fetch_add(&agent.visits, 1, __ATOMIC_RELAXED);
    attend();
}

/* While others serve it keeps away, or it would take their core; but for a moment after there was
 * something that they had left. */
static void *run(void *unused)
{
    (void)unused;
    long look = 0;
    unsigned seen = 0;
    while (!__atomic_load_n(&agent.stop, __ATOMIC_ACQUIRE)) {
        if (attend()) {
            look = 0;
            continue;
        }
        unsigned visits = __atomic_load_n(&agent.visits, __ATOMIC_RELAXED);
        bool others_serve = visits != seen && look >= LOOKS + YIELDS_BESIDE;
        seen = visits;
        if (others_serve) {
            const struct timespec nap = {.tv_nsec = NAP_BESIDE_NS};
            look = LOOKS + YIELDS;
            nanosleep(&nap, NULL);
            continue;
        }
        if (look == LOOKS + YIELDS + SETTLED) {
            settle();
        }
        be_patient(look++);
    }
    return NULL;
}

/* The memory of it; -ENOMEM. */
static int make_desk(void)
{
    size_t n = (size_t)shmi_job.n_pes;
    agent.desk = shmi_memory_take(sizeof(*agent.desk), 4096);
    agent.known = calloc(n, sizeof(*agent.known));
    agent.keeps = calloc(n, sizeof(*agent.keeps));
    if (agent.desk == NULL || agent.known == NULL || agent.keeps == NULL) {
        return -ENOMEM;
    }
    memset(agent.desk, 0, offsetof(struct shmi_desk, theirs));
    agent.let_go = 0;
    agent.next = 1;
    agent.stop = false;
    return 0;
}

static int start_thread(void)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = -pthread_create(&agent.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

int shmi_hbm_agent_open(void)
{
    int rc = make_desk();
    rc = rc == 0 ? shmi_ctx_create(shmi_team_world, 0, &agent.asks) : rc;
    rc = rc == 0 ? shmi_ctx_create(shmi_team_world, 0, &agent.answers) : rc;
    rc = rc == 0 ? shmi_job_fence() : rc; /* nobody's desk is used before it is empty */
    rc = rc == 0 ? start_thread() : rc;
    if (rc != 0) {
        errno = -rc;
        shmi_error("no agent for device memory that others do not reach: %m");
        free(agent.known);
        free(agent.keeps);
        return rc;
    }
    shmi_store_release(&shmi_hbm_agent_on, true);
    return 0;
}

void shmi_hbm_agent_close(void)
{
    if (shmi_hbm_agent_on) {
        __atomic_store_n(&agent.stop, true, __ATOMIC_RELEASE);
        pthread_join(agent.thread, NULL);
        shmi_store_release(&shmi_hbm_agent_on, false);
        shmi_ctx_destroy(agent.asks);
        shmi_ctx_destroy(agent.answers);
        free(agent.known);
        free(agent.keeps);
        agent.desk = NULL; /* the heap goes with everything */
    }
}
