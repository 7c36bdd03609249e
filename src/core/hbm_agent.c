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

/* Pieces that stay in a cache between the network and the device. */
#define PIECE ((size_t)256 << 10)
#define SLOTS 8 /* pieces and requests on their way */

/* The agent's patience: looks with a pause, yields, then naps that grow. */
enum { LOOKS = 200, YIELDS = 2000, NAP_MIN_NS = 20 * 1000, NAP_MAX_NS = 1000 * 1000 };

enum wish { WISH_PUT, WISH_GET, WISH_AMO };

struct request {
    uint64_t wish; /* enum wish; for an atomic, its operation and size are with it */
    uint64_t offset;
    uint64_t len;
    uint64_t value;
    uint64_t expected;
    uint64_t from; /* PE */
    uint64_t pad;
    uint64_t number; /* written last */
};

/*
 * In symmetric host memory.  The pieces of others pass through `theirs`, those of my own requests
 * through `mine`: a put's from mine here to theirs there, a get's from theirs there to mine here.
 * A slot is used again by the request that is SLOTS later, which is not sent before the answer to
 * the earlier one has come and its data has been used.
 */
struct desk {
    _Alignas(SHMI_LINE) uint64_t owner;  /* see TAKEN() and FREE() */
    _Alignas(SHMI_LINE) uint64_t answer; /* to my own requests: the number */
    uint64_t old;                        /* and an atomic's old value */
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
    uint64_t *known;      /* of each PE's desk, the last number that I know to be served ... */
    pthread_mutex_t lock; /* ... under this, of my own requests: one at a time */
    pthread_t thread;
    struct shmi_ctx *ctx; /* the agent's */
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

static void serve_amo(const struct request *request, char *addr)
{
    uint64_t old = 0;
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
}

static void serve(uint64_t number)
{
    struct request *request = &agent.desk->request[number % SLOTS];
    char *data = agent.desk->theirs[number % SLOTS];
    char *addr = shmi_segments[SHMI_SEGMENT_DEVICE].base + request->offset;
    int from = (int)request->from;
    switch (request->wish & 0xff) {
    case WISH_PUT:
        shmi_hbm_copy(addr, data, request->len);
        break;
    case WISH_GET:
        shmi_hbm_copy(data, addr, request->len);
        shmi_put_slowly("agent", agent.ctx, agent.desk->mine[number % SLOTS], data, request->len,
                        from, SHMI_LATER);
        break;
    default:
        serve_amo(request, addr);
        break;
    }
    order(agent.ctx, from); /* behind what belongs to the answer */
    shmi_put_slowly("agent", agent.ctx, &agent.desk->answer, &number, sizeof(number), from,
                    SHMI_NOW);
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

static void *run(void *unused)
{
    (void)unused;
    long look = 0;
    uint64_t next = 1;
    shmi_accelerator.device->enter(shmi_accelerator.npu);
    while (!__atomic_load_n(&agent.stop, __ATOMIC_ACQUIRE)) {
        if (shmi_load_acquire(&agent.desk->request[next % SLOTS].number) == next) {
            serve(next++);
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

/* ---- requests -------------------------------------------------------------------------------- */

/* Take that PE's desk; the last number it has served.  Where I was the last to have it, I know the
 * number, and one atomic does it. */
static uint64_t take(const char *who, int pe)
{
    pthread_mutex_lock(&agent.lock);
    for (long look = 0;;) {
        uint64_t known = FREE(agent.known[pe]);
        uint64_t found = shmi_amo(who, &shmi_ctx_default, SHMI_AMO_CSWAP, &agent.desk->owner, 8,
                                  TAKEN(shmi_job.my_pe), known, SHMI_NOW, pe);
        if (found == known) {
            break;
        }
        if (IS_FREE(found)) {
            agent.known[pe] = found >> 1;
        } else {
            shmi_progress();
            be_patient(look++);
        }
    }
    shmi_store_release(&agent.desk->answer, 0); /* all answers of before have come */
    return agent.known[pe];
}

static void give_back(const char *who, uint64_t served, int pe)
{
    agent.known[pe] = served;
    shmi_amo(who, &shmi_ctx_default, SHMI_AMO_SET, &agent.desk->owner, 8, FREE(served), 0,
             SHMI_LATER, pe);
    shmi_quiet(&shmi_ctx_default); /* or all who wait look after it, again and again */
    pthread_mutex_unlock(&agent.lock);
}

/* The number goes last, when all before it has come. */
static void ask(const char *who, struct request request, uint64_t number, int pe)
{
    struct request *there = &agent.desk->request[number % SLOTS];
    request.from = (uint64_t)shmi_job.my_pe;
    shmi_put_slowly(who, &shmi_ctx_default, there, &request, offsetof(struct request, number), pe,
                    SHMI_NOW);
    order(&shmi_ctx_default, pe);
    shmi_put_slowly(who, &shmi_ctx_default, &there->number, &number, sizeof(number), pe, SHMI_NOW);
}

static void await(const char *who, uint64_t number, int pe)
{
    shmi_wait_reached(who, &agent.desk->answer, number, pe);
}

static uint64_t offset_of(const void *addr)
{
    return (uint64_t)((const char *)addr - shmi_segments[SHMI_SEGMENT_DEVICE].base);
}

/* A piece of a put, and the request to take it from the desk.  The source stays as it is until the
 * answer, so that host memory is sent from where it lies. */
static void send_piece(const char *who, struct request request, const char *source, uint64_t number,
                       int pe)
{
    const char *from = source;
    if (shmi_hbm_is(source)) {
        shmi_hbm_copy(agent.desk->mine[number % SLOTS], source, request.len);
        from = agent.desk->mine[number % SLOTS];
    }
    shmi_put_slowly(who, &shmi_ctx_default, agent.desk->theirs[number % SLOTS], from, request.len,
                    pe, SHMI_LATER);
    ask(who, request, number, pe);
}

void shmi_hbm_agent_put(const char *who, void *addr, const void *source, size_t len, int pe)
{
    uint64_t first = take(who, pe) + 1;
    uint64_t number = first;
    for (size_t at = 0; at < len; at += PIECE, number++) {
        struct request request = {
            .wish = WISH_PUT, .offset = offset_of(addr) + at, .len = shmi_min(len - at, PIECE)};
        if (number >= first + SLOTS) {
            await(who, number - SLOTS, pe);
        }
        send_piece(who, request, (const char *)source + at, number, pe);
    }
    await(who, number - 1, pe);
    give_back(who, number - 1, pe);
}

void shmi_hbm_agent_get(const char *who, void *dest, const void *addr, size_t len, int pe)
{
    uint64_t first = take(who, pe) + 1;
    size_t pieces = (len + PIECE - 1) / PIECE;
    for (size_t i = 0, asked = 0; i < pieces; i++) {
        size_t at = i * PIECE;
        for (; asked < pieces && asked < i + SLOTS; asked++) {
            size_t from = asked * PIECE;
            ask(who,
                (struct request){.wish = WISH_GET,
                                 .offset = offset_of(addr) + from,
                                 .len = shmi_min(len - from, PIECE)},
                first + asked, pe);
        }
        await(who, first + i, pe);
        shmi_hbm_copy((char *)dest + at, agent.desk->mine[(first + i) % SLOTS],
                      shmi_min(len - at, PIECE));
    }
    give_back(who, first + pieces - 1, pe);
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
    await(who, number, pe);
    if (amo->fetch != NULL) {
        shmi_bits_to(amo->fetch, shmi_load_acquire(&agent.desk->old), amo->size);
    }
    give_back(who, number, pe);
}

/* ---- life ------------------------------------------------------------------------------------ */

int shmi_hbm_agent_open(void)
{
    sigset_t all;
    sigset_t old;
    agent.desk = shmi_memory_take(sizeof(*agent.desk), 4096);
    agent.known = calloc((size_t)shmi_job.n_pes, sizeof(*agent.known));
    int rc = agent.desk == NULL || agent.known == NULL
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
        agent.desk = NULL; /* the heap goes with everything */
    }
}

bool shmi_hbm_agent_is_open(void)
{
    return agent.desk != NULL;
}
