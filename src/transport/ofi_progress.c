/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ofi_progress.c -- serving the peers, and looking after operations left behind.
 *
 * Some providers need a CPU of the target for every operation.  A thread that waits in the library
 * serves while it waits, and when it sleeps it does so in the provider's descriptors, so that what
 * comes wakes it at once.  Being woken takes longer than an answer, though, and requests come in
 * rows: after one it stays awake for a while.  For the rest of the time there is the module's own
 * thread: it sleeps there too, but stays away for a moment when it sees that others serve, so that
 * it does not compete with them for a core and a lock.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/ofi.h"

/* Milliseconds: how long the thread stays away while others serve, at first and at most, and how
 * long it sleeps at first and at most when operations are left behind, or not. */
enum { REST = 1, REST_LONGEST = 2, NAP_FIRST = 1, NAP_LONGEST = 128, SLEEP = 1000 };

/* Nanoseconds between looks where there is no descriptor to sleep in. */
enum { BLIND = 100 * 1000 };

/* Nanoseconds that a waiting thread stays awake after an arrival, at least and at most: longer when
 * the next has come soon after it fell asleep. */
enum { WARMTH_LEAST = 50 * 1000, WARMTH_MOST = 8 * 1000 * 1000 };

/* To yield takes as long as a look where nobody wants the core, and longer than so many nanoseconds
 * where somebody does; if nobody did the last time, one of so many looks is followed by a yield. */
enum { YIELD_LONG = 3000, LOOKS_PER_YIELD = 4 };

/* A channel that has nothing to complete is looked at in one of so many visits: something of what
 * was sent may have found no room in the system's buffers. */
enum { SELDOM = 16 };

/* Of channels that a waiting thread looks after while it sleeps. */
enum { WATCHED = 16 };

static void read_target(struct shmi_net *net)
{
    struct fi_cq_entry entries[8];
    ssize_t n = fi_cq_read(net->cq, entries, SHMI_COUNT(entries));
    if (n == -FI_EAVAIL) {
        /* A peer's connection broke off; whoever has business with that peer will fail of it. */
        struct fi_cq_err_entry error = {.err = 0};
        if (fi_cq_readerr(net->cq, &error, 0) > 0) {
            ofi_debug(net, "an operation of a peer broke off: %s", fi_strerror(error.err));
        }
    }
}

static bool try_serve(struct shmi_net *net)
{
    if (pthread_mutex_trylock(&net->serving) != 0) {
        return false;
    }
    read_target(net);
    pthread_mutex_unlock(&net->serving);
    return true;
}

void shmi_ofi_visit(struct shmi_net *net)
{
    __atomic_fetch_add(&net->visits, 1, __ATOMIC_RELAXED);
}

void shmi_ofi_serve(struct shmi_net *net)
{
    if (net->has_thread) {
        shmi_ofi_visit(net);
        try_serve(net);
    }
}

/* Progress the channels that have something to complete, or all, but for those that somebody else
 * does just now.  Returns completions, and whether there is something left to look after. */
static unsigned attend(struct shmi_net *net, bool all, bool *is_unsettled)
{
    unsigned completed = 0;
    *is_unsettled = false;
    if (pthread_mutex_trylock(&net->list) != 0) {
        *is_unsettled = true;
        return 0;
    }
    for (struct shmi_channel *ch = net->channels; ch != NULL; ch = ch->next) {
        enum under_way under_way = shmi_load_relaxed(&ch->under_way);
        if (under_way == SETTLED) {
            continue;
        }
        *is_unsettled = true;
        if ((all || under_way == IN_FLIGHT) && pthread_mutex_trylock(&ch->lock) == 0) {
            completed += shmi_ofi_reap(ch);
            pthread_mutex_unlock(&ch->lock);
        }
    }
    pthread_mutex_unlock(&net->list);
    return completed;
}

/* The channels that have something to look after, as far as there is room for them. */
static int watched(struct shmi_net *net, struct shmi_channel **channels)
{
    int n = 0;
    pthread_mutex_lock(&net->list);
    for (struct shmi_channel *ch = net->channels; ch != NULL && n < WATCHED; ch = ch->next) {
        if (shmi_load_relaxed(&ch->under_way) != SETTLED) {
            channels[n++] = ch;
        }
    }
    pthread_mutex_unlock(&net->list);
    return n;
}

/* True if one of them has something to read. */
static bool sleep_in(struct shmi_net *net, struct pollfd *fds, int n, uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u),
                            .tv_nsec = (long)(ns % 1000000000u)};
    __atomic_fetch_add(&net->resting, 1, __ATOMIC_RELAXED);
    bool is_woken = ppoll(fds, (nfds_t)n, &time, NULL) > 0;
    __atomic_fetch_sub(&net->resting, 1, __ATOMIC_RELAXED);
    return is_woken;
}

bool shmi_ofi_rest(struct shmi_net *net, struct shmi_channel *const *channels, int n, uint64_t ns)
{
    struct pollfd fds[WATCHED + 1];
    struct fid *fids[WATCHED + 1];
    int n_fds = 0;
    bool is_blind = net->has_thread && net->cq_fd < 0;
    if (net->has_thread && net->cq_fd >= 0) {
        fids[n_fds] = &net->waking_cq->fid;
        fds[n_fds++] = (struct pollfd){.fd = net->cq_fd, .events = POLLIN};
    }
    for (int i = 0; i < n; i++) {
        if (n_fds != 0 && channels[i]->cq == net->waking_cq) {
            continue;
        }
        is_blind = is_blind || channels[i]->cq_fd < 0;
        if (channels[i]->cq_fd >= 0) {
            fids[n_fds] = &channels[i]->cq->fid;
            fds[n_fds++] = (struct pollfd){.fd = channels[i]->cq_fd, .events = POLLIN};
        }
    }
    shmi_ofi_bell_on(net);
    bool is_woken = (n_fds != 0 && fi_trywait(net->fabric, fids, n_fds) != 0) ||
                    sleep_in(net, fds, n_fds, is_blind ? shmi_min(ns, BLIND) : ns);
    shmi_ofi_bell_off(net);
    return is_woken;
}

void shmi_ofi_yield(struct shmi_net *net, unsigned looks)
{
    if (looks % LOOKS_PER_YIELD == 0 || shmi_load_relaxed(&net->is_crowded)) {
        uint64_t before = shmi_now_ns();
        sched_yield();
        shmi_store_relaxed(&net->is_crowded, shmi_now_ns() - before > YIELD_LONG);
    }
}

/* Something has arrived after a sleep: where it was a short one, as in the middle of a row of
 * requests, the next time comes later; where it was as long as the time awake, sooner. */
static void warm_up(struct shmi_net *net, uint64_t fell_asleep)
{
    uint64_t now = shmi_now_ns();
    uint64_t slept = now - fell_asleep;
    uint64_t warmth = shmi_load_relaxed(&net->warmth);
    if (slept < shmi_max(warmth / 8, WARMTH_LEAST)) {
        warmth = shmi_min(2 * warmth, WARMTH_MOST);
    } else if (slept > warmth / 2) {
        warmth /= 4;
    }
    warmth = shmi_max(warmth, WARMTH_LEAST);
    shmi_store_relaxed(&net->warmth, warmth);
    shmi_store_relaxed(&net->warm_until, now + warmth);
}

void shmi_ofi_progress(struct shmi_net *net, uint64_t ns)
{
    bool is_unsettled;
    shmi_ofi_serve(net);
    bool all = ns != 0 || __atomic_load_n(&net->visits, __ATOMIC_RELAXED) % SELDOM == 0;
    unsigned completed = attend(net, all, &is_unsettled);
    if (ns == 0 || completed != 0) {
        return;
    }
    uint64_t now = shmi_now_ns();
    if (now < shmi_load_relaxed(&net->warm_until)) {
        shmi_ofi_yield(net, __atomic_load_n(&net->visits, __ATOMIC_RELAXED));
        return;
    }
    struct shmi_channel *channels[WATCHED];
    int n = is_unsettled ? watched(net, channels) : 0;
    if (shmi_ofi_rest(net, channels, n, ns)) {
        warm_up(net, now);
    }
}

void shmi_ofi_leave_behind(struct shmi_net *net)
{
    if (__atomic_load_n(&net->is_asleep, __ATOMIC_RELAXED) &&
        __atomic_exchange_n(&net->is_asleep, false, __ATOMIC_ACQ_REL)) {
        eventfd_write(net->wake_fd, 1);
    }
}

static void sleep_for(struct shmi_net *net, int ms, bool also_requests)
{
    struct pollfd fds[2] = {
        {.fd = net->wake_fd, .events = POLLIN},
        {.fd = also_requests ? net->cq_fd : -1, .events = POLLIN},
    };
    poll(fds, 2, ms);
    if ((fds[0].revents & POLLIN) != 0) {
        eventfd_t count;
        eventfd_read(net->wake_fd, &count);
    }
}

/* Sleep until a peer asks for something.  The provider says first whether it is safe to. */
static void sleep_until_asked(struct shmi_net *net, int ms)
{
    struct fid *fids[] = {&net->waking_cq->fid};
    if (net->cq_fd < 0) {
        sleep_for(net, REST, false);
        return;
    }
    shmi_ofi_bell_on(net);
    if (fi_trywait(net->fabric, fids, 1) == 0) {
        sleep_for(net, ms, true);
    }
    shmi_ofi_bell_off(net);
}

/* How long to sleep after a look: the longer nothing has completed, the longer. */
static int next_nap(int nap, unsigned completed)
{
    return completed != 0 ? NAP_FIRST : (int)shmi_min(2 * (size_t)nap, NAP_LONGEST);
}

static void *serve_peers(void *arg)
{
    struct shmi_net *net = arg;
    unsigned seen = 0;
    int nap = NAP_FIRST;
    int rest = REST;
    while (!__atomic_load_n(&net->is_closing, __ATOMIC_ACQUIRE)) {
        unsigned visits = __atomic_load_n(&net->visits, __ATOMIC_RELAXED);
        if (visits != seen || __atomic_load_n(&net->resting, __ATOMIC_RELAXED) != 0) {
            seen = visits;
            nap = NAP_FIRST;
            sleep_for(net, rest, false);
            rest = (int)shmi_min(2 * (size_t)rest, REST_LONGEST);
            continue;
        }
        rest = REST;
        /* Said before looking: who leaves something behind after the look sees it and wakes. */
        bool is_unsettled;
        __atomic_store_n(&net->is_asleep, true, __ATOMIC_SEQ_CST);
        try_serve(net);
        nap = next_nap(nap, attend(net, true, &is_unsettled));
        if (is_unsettled && nap < NAP_LONGEST) { /* soon back: waking costs the caller more */
            __atomic_store_n(&net->is_asleep, false, __ATOMIC_SEQ_CST);
        }
        sleep_until_asked(net, is_unsettled ? nap : SLEEP);
        bool was_woken = !__atomic_exchange_n(&net->is_asleep, false, __ATOMIC_SEQ_CST);
        if (was_woken && nap == NAP_LONGEST) {
            nap = NAP_FIRST;
        }
    }
    return NULL;
}

int shmi_ofi_thread_start(struct shmi_net *net)
{
    sigset_t all, before;
    sigfillset(&all);
    net->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (net->wake_fd < 0) {
        return -errno;
    }
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&net->thread, NULL, serve_peers, net);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        close(net->wake_fd);
        return -rc;
    }
    net->has_thread = true;
    return 0;
}

void shmi_ofi_thread_stop(struct shmi_net *net)
{
    if (!net->has_thread) {
        return;
    }
    __atomic_store_n(&net->is_closing, true, __ATOMIC_RELEASE);
    eventfd_write(net->wake_fd, 1);
    pthread_join(net->thread, NULL);
    close(net->wake_fd);
    net->has_thread = false;
}
