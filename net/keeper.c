#include <time.h>

#include "net/state.h"

/* The keeper: time, endings, and what must not run in a callback of NNG. */

enum { REST_MS = 1000 }; /* the longest sleep: a missed wake-up costs a second, not a session */

void keeper_wake_locked(struct net *net)
{
    net->wanted = true;
    (void)pthread_cond_signal(&net->work_cond);
}

static struct link *work_pop(struct net *net)
{
    struct link *link = net->work_first;
    if (link != NULL) {
        net->work_first = link->next_work;
        if (net->work_first == NULL) {
            net->work_last = NULL;
        }
        link->in_work = false;
    }
    return link;
}

static void unlink_locked(struct link *link)
{
    struct net *net = link->net;
    if (link->newer != NULL) {
        link->newer->older = link->older;
    } else {
        net->links = link->older;
    }
    if (link->older != NULL) {
        link->older->newer = link->newer;
    } else {
        net->oldest = link->newer;
    }
    net->slots[link->slot] = NULL;
}

/* No operation is under way: the peer's dial is free again, the caller hears of it. */
static void over_locked(struct link *link)
{
    link->state = LINK_OVER;
    send_clear_locked(link);
    if (link->dial != NULL) {
        dial_lost_locked(link->dial, link);
        link->dial = NULL;
    }
    if (link->farewell != NULL && !link->net->closing) {
        link->farewell->event.reason = link->reason;
        inbox_put_locked(link, link->farewell);
        link->farewell = NULL;
    }
}

static void link_settle(struct link *link)
{
    struct net *net = link->net;
    (void)pthread_mutex_lock(&net->lock);
    /* One that began to end a moment ago, with its stream open, is in the work list again. */
    if (link->state == LINK_ENDING && link->stream_closed && !link->sending && !link->receiving) {
        over_locked(link);
    }
    if (link->state == LINK_OVER && net->closing) {
        inbox_clear_locked(link);
    }
    bool gone = link->state == LINK_OVER && link->inbox_first == NULL && !link->in_work;
    if (gone) {
        unlink_locked(link);
    }
    (void)pthread_mutex_unlock(&net->lock);
    if (gone) {
        link_free(link);
    }
}

static void link_serve(struct link *link)
{
    struct net *net = link->net;
    (void)pthread_mutex_lock(&net->lock);
    bool kick = link->kick;
    bool resume = link->resume;
    bool ending = link->state == LINK_ENDING;
    link->kick = false;
    link->resume = false;
    (void)pthread_mutex_unlock(&net->lock);
    if (ending) {
        link_close_stream(link);
    }
    if (kick) {
        send_next(link);
    }
    if (resume) {
        link_read_on(link);
    }
    link_settle(link);
}

static void links_serve(struct net *net)
{
    (void)pthread_mutex_lock(&net->lock);
    struct link *link = work_pop(net);
    while (link != NULL) {
        (void)pthread_mutex_unlock(&net->lock);
        link_serve(link);
        (void)pthread_mutex_lock(&net->lock);
        link = work_pop(net);
    }
    (void)pthread_mutex_unlock(&net->lock);
}

static void sooner(uint64_t *due_ms, uint64_t other_ms)
{
    *due_ms = other_ms < *due_ms ? other_ms : *due_ms;
}

static void open_watch_locked(struct link *link, uint64_t now, uint64_t *due_ms)
{
    const struct net_timing *timing = &link->net->timing;
    if (now >= link->ping_due_ms) {
        link->ping_due_ms = now + timing->ping_ms;
        send_ping_locked(link);
        if (send_claim_locked(link)) {
            link->kick = true;
            link_work_locked(link);
        }
    }
    sooner(due_ms, link->ping_due_ms);
    uint64_t idle_due = link->paused ? UINT64_MAX : link->heard_ms + timing->idle_ms;
    uint64_t stall_due = link->sending ? link->write_ms + timing->idle_ms : UINT64_MAX;
    if (now >= idle_due) {
        link_end_locked(link, NET_REASON_IDLE);
    } else if (now >= stall_due) {
        link_end_locked(link, NET_REASON_STALLED);
    }
    sooner(due_ms, idle_due);
    sooner(due_ms, stall_due);
}

static void greeting_watch_locked(struct link *link, uint64_t now, uint64_t *due_ms)
{
    uint64_t due = link->begun_ms + link->net->timing.handshake_ms;
    if (now >= due) {
        link_end_locked(link, NET_REASON_HANDSHAKE_TIMEOUT);
    }
    sooner(due_ms, due);
}

static void link_watch_locked(struct link *link, uint64_t now, uint64_t *due_ms)
{
    switch (link->state) {
    case LINK_GREETING:
    case LINK_REFUSED:
        greeting_watch_locked(link, now, due_ms);
        break;
    case LINK_OPEN:
        open_watch_locked(link, now, due_ms);
        break;
    case LINK_ENDING:
    case LINK_OVER:
        break;
    }
}

enum dial_duty { DIAL_REST, DIAL_START, DIAL_STOP, DIAL_FREE };

/* The peer has dialed us: another session would only take the place of that one, on both sides by
 * turns when both name each other. */
static bool has_session_locked(const struct dial *dial)
{
    const struct link *link = dial->net->links;
    while (link != NULL && !(link->state == LINK_OPEN && link->info.lane == dial->lane &&
                             net_key_equal(&link->info.key, &dial->key))) {
        link = link->older;
    }
    return link != NULL && greet_replaces(link->info.role);
}

/* What is to be done about it now; busy and closed are set for that. */
static enum dial_duty dial_judge_locked(struct dial *dial, uint64_t now, uint64_t *due_ms)
{
    if (dial->busy) {
        uint64_t late_ms = dial->begun_ms + dial->net->timing.handshake_ms;
        bool stop = !dial->closed && dial->link == NULL && (dial->removed || now >= late_ms);
        if (!dial->closed) {
            sooner(due_ms, late_ms);
        }
        dial->closed = dial->closed || stop;
        return stop ? DIAL_STOP : DIAL_REST;
    }
    if (dial->link != NULL) {
        return DIAL_REST;
    }
    if (dial->removed) {
        return DIAL_FREE;
    }
    if (dial->passive || now < dial->due_ms) {
        sooner(due_ms, dial->passive ? UINT64_MAX : dial->due_ms);
        return DIAL_REST;
    }
    if (dial->key.size != 0 && has_session_locked(dial)) {
        dial->due_ms = now + REST_MS;
        sooner(due_ms, dial->due_ms);
        return DIAL_REST;
    }
    dial->busy = true;
    dial->begun_ms = now;
    return DIAL_START;
}

static struct dial *dial_next_locked(struct net *net, uint64_t now, enum dial_duty *duty,
                                     uint64_t *due_ms)
{
    for (struct dial **at = &net->dials; *at != NULL; at = &(*at)->next) {
        struct dial *dial = *at;
        *duty = dial_judge_locked(dial, now, due_ms);
        if (*duty == DIAL_FREE) {
            *at = dial->next;
        }
        if (*duty != DIAL_REST) {
            return dial;
        }
    }
    *duty = DIAL_REST;
    return NULL;
}

static void dials_serve(struct net *net, uint64_t now, uint64_t *due_ms)
{
    enum dial_duty duty = DIAL_REST;
    do {
        (void)pthread_mutex_lock(&net->lock);
        struct dial *dial = dial_next_locked(net, now, &duty, due_ms);
        (void)pthread_mutex_unlock(&net->lock);
        switch (duty) {
        case DIAL_START:
            dial_start(dial);
            break;
        case DIAL_STOP:
            dial_stop(dial);
            break;
        case DIAL_FREE:
            dial_free(dial);
            break;
        case DIAL_REST:
            break;
        }
    } while (duty != DIAL_REST);
}

static void accept_serve(struct net *net, uint64_t now, uint64_t *due_ms)
{
    (void)pthread_mutex_lock(&net->lock);
    bool again = net->accept_paused && !net->closing && now >= net->accept_due_ms;
    bool stop = net->accepting && net->closing && !net->accept_closed;
    if (again) {
        net->accept_paused = false;
        net->accepting = true;
    } else if (net->accept_paused) {
        sooner(due_ms, net->accept_due_ms);
    }
    net->accept_closed = net->accept_closed || stop;
    (void)pthread_mutex_unlock(&net->lock);
    if (again) {
        listen_resume(net);
    }
    if (stop) {
        listen_stop(net);
    }
}

void nudge_done(void *arg)
{
    struct net *net = arg;
    (void)pthread_mutex_lock(&net->lock);
    net->nudging = false;
    (void)pthread_mutex_unlock(&net->lock);
}

/* An operation that does nothing but wake a thread of NNG.  NNG's threads wait for callbacks
 * on a condition variable without a time, and glibc before 2.41 may lose a wake-up of one
 * (bug 25847): without other traffic that callback, and with it net_close, waits for ever. */
static void nudge(struct net *net)
{
    (void)pthread_mutex_lock(&net->lock);
    bool under_way = net->nudging;
    net->nudging = true;
    (void)pthread_mutex_unlock(&net->lock);
    if (!under_way && nng_aio_begin(net->nudge_aio)) {
        nng_aio_finish(net->nudge_aio, 0);
    }
}

/* Sleeps until something is due or wanted; false when everything has ended. */
static bool rest(struct net *net, uint64_t due_ms)
{
    (void)pthread_mutex_lock(&net->lock);
    for (struct link *link = net->links; link != NULL; link = link->older) {
        link_watch_locked(link, net_now_ms(), &due_ms);
    }
    bool goes_on = !net->closing || net->links != NULL || net->dials != NULL || net->accepting;
    bool quiet = false;
    if (goes_on && net->work_first == NULL && !net->wanted) {
        struct timespec until = {.tv_sec = (time_t)(due_ms / 1000),
                                 .tv_nsec = (long)(due_ms % 1000) * 1000000};
        quiet = pthread_cond_timedwait(&net->work_cond, &net->lock, &until) != 0;
    }
    net->wanted = false;
    (void)pthread_mutex_unlock(&net->lock);
    if (quiet) {
        nudge(net);
    }
    return goes_on;
}

void *keeper_run(void *arg)
{
    struct net *net = arg;
    uint64_t due_ms = 0;
    do {
        uint64_t now = net_now_ms();
        due_ms = now + REST_MS;
        links_serve(net);
        accept_serve(net, now, &due_ms);
        dials_serve(net, now, &due_ms);
    } while (rest(net, due_ms));
    return NULL;
}
