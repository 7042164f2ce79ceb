#include "node/blocks.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "node/node.h"
#include "node/shards.h"
#include "node/sync/serving.h"
#include "store/sealed/sealed.h"

enum {
    POLL_MS_MAX = 200, /* housekeeping at least this often */
    DRAIN_FRAMES = 64, /* frames taken in before timers are looked at again */
};

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t driver_now_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

uint64_t driver_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

bool driver_failed(const struct driver *d)
{
    return d->error.code != EXIT_CODE_OK;
}

void driver_queue(struct driver *d, const struct consensus_event *event)
{
    ASSERT(d->queue_count < DRIVER_QUEUE_MAX);
    d->queue[(d->queue_head + d->queue_count++) % DRIVER_QUEUE_MAX] = *event;
}

static void step_once(struct driver *d, const struct consensus_event *event)
{
    const enum consensus_verdict verdict = consensus_step(d->core, event, &d->actions);
    d->step_count++;
    d->verdict_counts[verdict]++;
    action_carry_out(d);
}

void driver_step(struct driver *d, const struct consensus_event *event)
{
    struct consensus_event next = *event;
    next.now_ms = driver_now_ms();
    step_once(d, &next);
    driver_drain(d);
}

/* The oldest answer; false when it is about a proposal that is gone. */
static bool take_answer(struct driver *d, struct consensus_event *out)
{
    *out = d->queue[d->queue_head];
    d->queue_head = (d->queue_head + 1) % DRIVER_QUEUE_MAX;
    d->queue_count--;
    out->now_ms = driver_now_ms();
    if (out->kind != CONSENSUS_ON_BUILT) {
        return true;
    }
    const struct unfinal *own = blocks_find(d, &out->proposal.hash);
    if (own != NULL) {
        out->proposal.proposal = &own->proposal;
    }
    return own != NULL; /* an answer before it may have freed others */
}

void driver_drain(struct driver *d)
{
    struct consensus_event next;
    while (d->queue_count > 0 && !driver_failed(d)) {
        if (take_answer(d, &next)) {
            step_once(d, &next);
        }
    }
}

static void on_connected(struct driver *d, const struct net_event *event)
{
    if (event->role != NET_ROLE_VALIDATOR) {
        return;
    }
    const uint32_t from = peers_enter(d, &event->key);
    if (from == PEER_NOBODY) {
        net_session_close(d->net, event->session);
        return;
    }
    d->peers[from].sessions[event->lane] = event->session;
    d->peers[from].heard_ms = driver_now_ms();
    if (event->lane == NET_LANE_VOTE) {
        log_line(LOG_INFO, "net", "%s %u connected", peers_word(d, from), from);
        driver_step(d, &(struct consensus_event){.kind = CONSENSUS_ON_PEER_UP, .from = from});
    } else {
        forward_pool(d, from);
    }
}

static void on_disconnected(struct driver *d, const struct net_event *event)
{
    const uint32_t from = peers_find(d, &event->key);
    if (from != PEER_NOBODY && d->peers[from].sessions[event->lane] == event->session) {
        d->peers[from].sessions[event->lane] = 0;
        log_line(LOG_INFO, "net", "%s %u disconnected in lane %d: %s", peers_word(d, from), from,
                 (int)event->lane, net_reason_text(event->reason));
    }
}

static void on_net_event(struct driver *d, const struct net_event *event)
{
    epoch_poll(d);
    switch (event->kind) {
    case NET_EVENT_CONNECTED:
        on_connected(d, event);
        return;
    case NET_EVENT_DISCONNECTED:
        on_disconnected(d, event);
        return;
    case NET_EVENT_PING:
    case NET_EVENT_FRAME:
        inbound_frame(d, event);
        return;
    case NET_EVENT_REQUEST:
        serve_request(d, event);
        return;
    case NET_EVENT_RESPONSE:
        catchup_answer(d, event);
        return;
    }
    UNREACHABLE();
}

/* How long the loop may sleep. */
static uint32_t sleep_ms(const struct driver *d)
{
    const uint64_t now = driver_now_ms();
    const uint64_t until = d->timer_at_ms < d->work_due_ms ? d->timer_at_ms : d->work_due_ms;
    if (shards_busy(d)) {
        return until <= now ? 0 : 1; /* the worker wakes nobody; it takes milliseconds */
    }
    if (until <= now) {
        return 0;
    }
    return until - now < POLL_MS_MAX ? (uint32_t)(until - now) : POLL_MS_MAX;
}

static void expire_pool(struct driver *d)
{
    enum { EXPIRE_PAUSE_MS = 1000 };
    const uint64_t now = driver_now_ms();
    if (now - d->expire_ms >= EXPIRE_PAUSE_MS) {
        d->expire_ms = now;
        mempool_expire(d->pool, driver_wall_ms());
    }
}

/* What is admissible depends on the time, which goes on while no block is made. */
static void refresh_admission(struct driver *d)
{
    enum { ADMISSION_AGE_MS = 1000 };
    const uint64_t wall = driver_wall_ms();
    const uint64_t begun = d->admission_ms;
    if ((wall > begun ? wall - begun : begun - wall) > ADMISSION_AGE_MS) {
        blocks_look_at_pool(d);
    }
}

void driver_run_timers(struct driver *d)
{
    epoch_poll(d);
    shards_poll(d); /* before a timer that is about the same block */
    if (driver_now_ms() >= d->timer_at_ms) {
        d->timer_at_ms = UINT64_MAX;
        driver_step(d, &(struct consensus_event){.kind = CONSENSUS_ON_TIMEOUT});
    }
    blocks_retry_certify(d);
    guard_poll(d);
    evidence_poll(d);
    catchup_poll(d);
    sync_serving_poll(d->snapshots, driver_now_ms());
    forward_poll(d);
    expire_pool(d);
    refresh_admission(d);
    peers_poll(d);
    blocks_update_work(d);
    driver_drain(d);
    epoch_poll(d);
    action_update_ping(d);
    watch_poll(d);
}

static volatile sig_atomic_t stop_asked;

static void on_stop_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

bool driver_stop_asked(void)
{
    return stop_asked != 0;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Take in what has arrived, at most DRAIN_FRAMES, waiting for the first up to wait_ms. */
static void drain_net(struct driver *d, uint32_t wait_ms)
{
    struct net_event event;
    for (uint32_t i = 0; i < DRAIN_FRAMES && !driver_failed(d); i++) {
        if (!net_poll(d->net, &event, i == 0 ? wait_ms : 0)) {
            break;
        }
        on_net_event(d, &event);
        net_event_release(&event);
        if (shards_busy(d)) {
            shards_poll(d); /* what the worker has done does not wait for 64 frames */
            driver_drain(d);
        }
        net_flush(d->net);
    }
    forward_flush(d);
    net_flush(d->net);
}

static void loop(struct driver *d)
{
    net_hold(d->net);
    driver_step(d, &(struct consensus_event){.kind = CONSENSUS_ON_START});
    while (!stop_asked && !driver_failed(d)) {
        drain_net(d, sleep_ms(d));
        if (!driver_failed(d)) {
            driver_run_timers(d);
            net_flush(d->net);
        }
    }
}

/* Old blocks move to files beside the path of new ones. */
static bool open_sealer(struct driver *d, struct sealer **out, struct error *error)
{
    const uint64_t keep = d->config.history_chunks;
    const struct sealed_policy policy = {.keep =
                                             keep == CONFIG_HISTORY_ALL ? SEALED_KEEP_ALL : keep,
                                         .reserve_bytes = d->config.disk_reserve_mib << 20};
    *out = sealer_start(d->store, &policy);
    return *out != NULL || error_set(error, EXIT_CODE_FAILURE, "node: no thread for old blocks");
}

enum exit_code node_run(const struct node_config *config, struct error *error)
{
    struct driver *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        (void)error_set(error, EXIT_CODE_FAILURE, "node: no memory");
        return EXIT_CODE_FAILURE;
    }
    d->config = *config;
    d->timer_at_ms = UINT64_MAX;
    d->work_due_ms = UINT64_MAX;
    catch_signals();
    enum exit_code code = EXIT_CODE_OK;
    struct sealer *sealer = NULL;
    const bool opened = restart_open(d, error) && open_sealer(d, &sealer, error);
    if (opened) {
        error->code = EXIT_CODE_OK; /* a probe for an absent file may have left its word */
        const bool has_seat = d->self != CONSENSUS_OBSERVER;
        log_line(has_seat ? LOG_INFO : LOG_ODD, "node", "running %s%u epoch=%llu height=%llu",
                 has_seat ? "validator=" : "as an observer, no seat has these keys; validators=",
                 has_seat ? d->self : d->set.count, (unsigned long long)d->epoch.number,
                 (unsigned long long)d->committed.height);
        loop(d);
        if (driver_failed(d)) {
            *error = d->error;
        }
        shards_report(d);
        log_line(LOG_INFO, "node", "stopping height=%llu", (unsigned long long)d->committed.height);
    }
    code = error->code;
    sealer_stop(sealer);
    restart_close(d);
    free(d);
    return code;
}
