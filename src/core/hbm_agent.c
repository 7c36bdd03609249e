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
#include "core/ctx.h"
#include "core/hbm.h"
#include "core/memory.h"
#include "core/order.h"
#include "core/rma.h"
#include "core/wait.h"
#include "device/device.h"

/* Pieces that stay in a cache between the network and the device; how many may be on their way; and
 * after how many, at most, a put's sender is told that there is room for more. */
#define PIECE   ((size_t)256 << 10)
#define SLOTS   8
#define ANSWERS 4

/* The agent's patience: looks with a pause, yields, then naps that grow. */
enum { LOOKS = 200, YIELDS = 2000, NAP_MIN_NS = 20 * 1000, NAP_MAX_NS = 1000 * 1000 };

/* Who wants a desk asks again who has it, after so many looks.  Who was asked keeps none, for so
 * many requests. */
enum { ASK_AGAIN = 16, SHY = 64 };

enum wish { WISH_PUT, WISH_GET, WISH_AMO };

struct request {
    uint64_t wish; /* enum wish; for an atomic, its operation and size are with it */
    uint64_t offset;
    uint64_t len; /* of all pieces */
    uint64_t value;
    uint64_t expected;
    uint64_t from; /* PE */
    uint64_t pad;
    uint64_t number; /* written last: of the first piece */
};

/*
 * In symmetric host memory.  The pieces of others pass through `theirs`, those of my own requests
 * through `mine`: a put's from mine here to theirs there, a get's from theirs there to mine here.
 * Pieces are numbered, and a number stands in its slot when its piece is there.  A request is in
 * the slot of its first piece.  A slot is used again by the piece that is SLOTS later, which is not
 * sent or asked for before the earlier one has been answered and its data used.
 */
struct desk {
    _Alignas(SHMI_LINE) uint64_t owner;  /* see TAKEN() and FREE() */
    _Alignas(SHMI_LINE) uint64_t answer; /* to my own requests: the number */
    uint64_t old;                        /* and an atomic's old value */
    _Alignas(SHMI_LINE) uint64_t wanted; /* counts who want a desk that I keep */
    _Alignas(SHMI_LINE) struct request request[SLOTS];
    _Alignas(4096) char theirs[SLOTS][PIECE];
    char mine[SLOTS][PIECE];
};

/* Whose a desk is; or that it is nobody's, and the last number that was served. */
#define TAKEN(pe)     ((uint64_t)(pe) << 1 | 1)
#define FREE(number)  ((uint64_t)(number) << 1)
#define IS_FREE(word) (((word)&1) == 0)

static struct {
    struct desk *desk;
    pthread_mutex_t lock; /* of my own requests, one at a time, and of what follows */
    uint64_t *known;      /* of each PE's desk, the last number that I know to be served */
    bool *keeps;          /* I have it still */
    uint64_t let_go;      /* `wanted` when I last gave back what I kept; also read without */
    unsigned shy;         /* requests before I keep a desk again */
    pthread_t thread;
    struct shmi_ctx *ctx; /* the agent's */
    struct request rest;  /* the agent's: of what it is serving, what is still to come */
    bool stop;
} agent = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What was put there before is there before what is put there now.  All that is put to one PE goes
 * the same way, so there is nothing more to it than the network's own order. */
static void order(struct shmi_ctx *ctx, int pe)
{
    if (shmi_reach(agent.desk, pe) != NULL) {
        shmi_order_stores();
    } else {
        shmi_network.transport->fence(shmi_ctx_enter(ctx));
        shmi_ctx_leave(ctx);
    }
}

/* ---- the agent ------------------------------------------------------------------------------- */

static uint64_t pack_amo(const struct shmi_amo *amo)
{
    return WISH_AMO | (uint64_t)amo->op << 8 | (uint64_t)amo->size << 16;
}

static char *place_of(const struct request *request)
{
    return shmi_segments[SHMI_SEGMENT_DEVICE].base + request->offset;
}

/* Behind what belongs to the answer. */
static void answer(uint64_t number)
{
    int from = (int)agent.rest.from;
    order(agent.ctx, from);
    shmi_put_slowly("agent", agent.ctx, &agent.desk->answer, &number, sizeof(number), from,
                    SHMI_NOW);
}

/* The length of the next piece, which is the rest's no more. */
static size_t next_piece(struct request *rest)
{
    size_t len = shmi_min(rest->len, PIECE);
    rest->offset += len;
    rest->len -= len;
    return len;
}

static void serve_put(struct request *rest, uint64_t number)
{
    char *addr = place_of(rest);
    shmi_hbm_copy(addr, agent.desk->theirs[number % SLOTS], next_piece(rest));
    if (rest->len == 0 || number % ANSWERS == 0) {
        answer(number);
    }
}

static void serve_get(struct request *rest, uint64_t number)
{
    char *data = agent.desk->theirs[number % SLOTS];
    const char *addr = place_of(rest);
    size_t len = next_piece(rest);
    shmi_hbm_copy(data, addr, len);
    shmi_put_slowly("agent", agent.ctx, agent.desk->mine[number % SLOTS], data, len,
                    (int)rest->from, SHMI_LATER);
    answer(number);
}

static void serve_amo(struct request *request, uint64_t number)
{
    uint64_t old = 0;
    char *addr = place_of(request);
    struct shmi_amo amo = {
        .op = (enum shmi_amo_op)(request->wish >> 8 & 0xff),
        .size = (unsigned)(request->wish >> 16 & 0xff),
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
    shmi_put_slowly("agent", agent.ctx, &agent.desk->old, &old, sizeof(old), (int)request->from,
                    SHMI_NOW);
    answer(number);
}

/* A piece, or all pieces of a get.  The next number. */
static uint64_t serve(uint64_t number)
{
    struct request *rest = &agent.rest;
    if (rest->len == 0) {
        *rest = agent.desk->request[number % SLOTS];
    }
    switch (rest->wish & 0xff) {
    case WISH_PUT:
        serve_put(rest, number++);
        break;
    case WISH_GET:
        while (rest->len != 0) {
            serve_get(rest, number++);
        }
        break;
    default:
        serve_amo(rest, number++);
        break;
    }
    return number;
}

/* Others take in what comes through a network: one more who did would only be in their way. */
static void be_patient(long look)
{
    if (look < LOOKS) {
        shmi_pause();
    } else if (look < LOOKS + YIELDS) {
        sched_yield();
    } else {
        size_t naps = (size_t)(look - LOOKS - YIELDS);
        size_t ns = shmi_min(naps * NAP_MIN_NS / 8 + NAP_MIN_NS, NAP_MAX_NS);
        struct timespec nap = {.tv_nsec = (long)ns};
        nanosleep(&nap, NULL);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

/* With all that was put there before. */
static void release(const char *who, struct shmi_ctx *ctx, int pe)
{
    agent.keeps[pe] = false;
    shmi_amo(who, ctx, SHMI_AMO_SET, &agent.desk->owner, 8, FREE(agent.known[pe]), 0, SHMI_LATER,
             pe);
    shmi_quiet(ctx); /* or all who wait look after it, again and again */
}

static bool is_wanted(void)
{
    return shmi_load_acquire(&agent.desk->wanted) != shmi_load_relaxed(&agent.let_go);
}

/* Others want a desk that I keep, and do not say which.  Under the lock. */
static void let_go(const char *who, struct shmi_ctx *ctx)
{
    shmi_store_relaxed(&agent.let_go, shmi_load_acquire(&agent.desk->wanted));
    agent.shy = SHY;
    for (int pe = 0; pe < shmi_job.n_pes; pe++) {
        if (agent.keeps[pe]) {
            release(who, ctx, pe);
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
        uint64_t found = shmi_amo(who, &shmi_ctx_default, SHMI_AMO_CSWAP, &agent.desk->owner, 8,
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
            shmi_amo(who, &shmi_ctx_default, SHMI_AMO_ADD, &agent.desk->wanted, 8, 1, 0, SHMI_LATER,
                     (int)(found >> 1));
        }
        if (is_wanted()) {
            let_go(who, &shmi_ctx_default); /* or we might wait for each other */
        }
        shmi_progress();
        be_patient(look);
    }
    agent.keeps[pe] = agent.keeps[pe] || (alone && agent.shy == 0);
    agent.shy -= agent.shy != 0;
    shmi_store_release(&agent.desk->answer, 0); /* all answers of before have come */
    return agent.known[pe];
}

static void give_back(const char *who, uint64_t served, int pe)
{
    agent.known[pe] = served;
    if (!agent.keeps[pe]) {
        release(who, &shmi_ctx_default, pe);
    }
    if (is_wanted()) {
        let_go(who, &shmi_ctx_default);
    }
    pthread_mutex_unlock(&agent.lock);
}

/* All that was put at the desk before is there, and this is the next piece. */
static void announce(const char *who, uint64_t number, int pe)
{
    order(&shmi_ctx_default, pe);
    shmi_put_slowly(who, &shmi_ctx_default, &agent.desk->request[number % SLOTS].number, &number,
                    sizeof(number), pe, SHMI_NOW);
}

/* The request itself; announced with its first piece. */
static void ask(const char *who, struct request request, uint64_t number, int pe)
{
    request.from = (uint64_t)shmi_job.my_pe;
    shmi_put_slowly(who, &shmi_ctx_default, &agent.desk->request[number % SLOTS], &request,
                    offsetof(struct request, number), pe, SHMI_NOW);
}

static void await(const char *who, uint64_t number, int pe)
{
    shmi_wait_reached(who, &agent.desk->answer, number, pe);
}

static uint64_t offset_of(const void *addr)
{
    return (uint64_t)((const char *)addr - shmi_segments[SHMI_SEGMENT_DEVICE].base);
}

/* The source stays as it is until the answer, so that host memory is sent from where it lies. */
static void send_piece(const char *who, const char *source, size_t len, uint64_t number, int pe)
{
    const char *from = source;
    if (shmi_hbm_is(source)) {
        shmi_hbm_copy(agent.desk->mine[number % SLOTS], source, len);
        from = agent.desk->mine[number % SLOTS];
    }
    shmi_put_slowly(who, &shmi_ctx_default, agent.desk->theirs[number % SLOTS], from, len, pe,
                    SHMI_LATER);
    announce(who, number, pe);
}

void shmi_hbm_agent_put(const char *who, void *addr, const void *source, size_t len, int pe)
{
    uint64_t first = take(who, pe) + 1;
    uint64_t number = first;
    ask(who, (struct request){.wish = WISH_PUT, .offset = offset_of(addr), .len = len}, first, pe);
    for (size_t at = 0; at < len; at += PIECE, number++) {
        if (number >= first + SLOTS) {
            await(who, number - SLOTS, pe);
        }
        send_piece(who, (const char *)source + at, shmi_min(len - at, PIECE), number, pe);
    }
    await(who, number - 1, pe);
    give_back(who, number - 1, pe);
}

/* Half of the slots are asked for at a time: while one half is copied, the other is on its way. */
void shmi_hbm_agent_get(const char *who, void *dest, const void *addr, size_t len, int pe)
{
    const size_t half = SLOTS / 2 * PIECE;
    uint64_t first = take(who, pe) + 1;
    size_t asked = 0;
    uint64_t number = first;
    for (size_t at = 0; at < len; at += PIECE, number++) {
        while (asked < len && asked <= at / half * half + half) {
            uint64_t offset = offset_of(addr) + asked;
            uint64_t its_first = first + asked / PIECE;
            ask(who,
                (struct request){
                    .wish = WISH_GET, .offset = offset, .len = shmi_min(len - asked, half)},
                its_first, pe);
            announce(who, its_first, pe);
            asked += half;
        }
        await(who, number, pe);
        shmi_hbm_copy((char *)dest + at, agent.desk->mine[number % SLOTS],
                      shmi_min(len - at, PIECE));
    }
    give_back(who, number - 1, pe);
}

void shmi_hbm_agent_amo(const char *who, void *addr, const struct shmi_amo *amo, int pe)
{
    uint64_t number = take(who, pe) + 1;
    struct request request = {
        .wish = pack_amo(amo),
        .offset = offset_of(addr),
        .value = amo->value,
        .expected = amo->expected,
    };
    ask(who, request, number, pe);
    announce(who, number, pe);
    await(who, number, pe);
    if (amo->fetch != NULL) {
        shmi_bits_to(amo->fetch, shmi_load_acquire(&agent.desk->old), amo->size);
    }
    give_back(who, number, pe);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void *run(void *unused)
{
    (void)unused;
    long look = 0;
    uint64_t next = 1;
    shmi_accelerator.device->enter(shmi_accelerator.npu);
    while (!__atomic_load_n(&agent.stop, __ATOMIC_ACQUIRE)) {
        if (shmi_load_acquire(&agent.desk->request[next % SLOTS].number) == next) {
            next = serve(next);
            look = 0;
        } else if (is_wanted() && pthread_mutex_trylock(&agent.lock) == 0) {
            let_go("agent", agent.ctx);
            pthread_mutex_unlock(&agent.lock);
            look = 0;
        } else {
            if (look == LOOKS) {
                shmi_quiet(agent.ctx); /* nobody need look after its answers any more */
            }
            be_patient(look++);
        }
    }
    return NULL;
}

int shmi_hbm_agent_open(void)
{
    sigset_t all;
    sigset_t old;
    agent.desk = shmi_memory_take(sizeof(*agent.desk), 4096);
    agent.known = calloc((size_t)shmi_job.n_pes, sizeof(*agent.known));
    agent.keeps = calloc((size_t)shmi_job.n_pes, sizeof(*agent.keeps));
    agent.let_go = 0;
    int rc = agent.desk == NULL || agent.known == NULL || agent.keeps == NULL
                 ? -ENOMEM
                 : shmi_ctx_create(shmi_team_world, 0, &agent.ctx);
    if (rc == 0) {
        memset(agent.desk, 0, offsetof(struct desk, theirs));
        agent.stop = false;
        rc = shmi_job_fence(); /* nobody's desk is used before it is empty */
    }
    if (rc == 0) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        rc = -pthread_create(&agent.thread, NULL, run, NULL);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (rc != 0) {
        errno = -rc;
        shmi_error("no agent for device memory that others do not reach: %m");
        free(agent.known);
        free(agent.keeps);
        agent.desk = NULL;
    }
    return rc;
}

void shmi_hbm_agent_close(void)
{
    if (agent.desk != NULL) {
        __atomic_store_n(&agent.stop, true, __ATOMIC_RELEASE);
        pthread_join(agent.thread, NULL);
        shmi_ctx_destroy(agent.ctx);
        free(agent.known);
        free(agent.keeps);
        agent.desk = NULL; /* the heap goes with everything */
    }
}

bool shmi_hbm_agent_is_open(void)
{
    return agent.desk != NULL;
}
