#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "net/state.h"

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static void self_set(struct handshake_self *self, const struct net_config *config)
{
    self->chain_id = config->chain_id;
    self->genesis_hash = config->genesis_hash;
    self->role = config->role;
    self->key = config->key;
    if (config->key != NULL) {
        self->public_key = net_key_of_node(crypto_key_public(config->key));
    } else {
        uint8_t public_key[TUNNEL_KEY_SIZE];
        memcpy(self->tunnel_secret, config->tunnel_secret, TUNNEL_KEY_SIZE);
        crypto_exchange_public(self->tunnel_secret, public_key);
        self->public_key = net_key_of_tunnel(public_key);
    }
}

static bool sync_open(struct net *net)
{
    pthread_condattr_t monotonic;
    bool ok = pthread_mutex_init(&net->lock, NULL) == 0 && pthread_condattr_init(&monotonic) == 0 &&
              pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&net->work_cond, &monotonic) == 0 &&
              pthread_cond_init(&net->event_cond, &monotonic) == 0;
    (void)pthread_condattr_destroy(&monotonic);
    return ok;
}

static bool parts_open(struct net *net, const struct net_config *config, struct error *error)
{
    net->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (net->event_fd < 0) {
        return error_set(error, EXIT_CODE_FAILURE,
                         "network: no file descriptor is free; raise the limit (ulimit -n)");
    }
    if (!tls_open(net, config->listen != NULL, error)) {
        return false;
    }
    if (nng_aio_alloc(&net->nudge_aio, nudge_done, net) != 0) {
        return error_set(error, EXIT_CODE_FAILURE, "network: out of memory");
    }
    net->kept = pthread_create(&net->keeper, NULL, keeper_run, net) == 0;
    if (!net->kept) {
        return error_set(error, EXIT_CODE_FAILURE, "network: cannot start a thread");
    }
    return config->listen == NULL || listen_open(net, config->listen, error);
}

bool net_open(const struct net_config *config, struct net **out, struct error *error)
{
    ASSERT(config->key != NULL || config->tunnel_secret != NULL);
    struct net *net = calloc(1, sizeof *net);
    if (net == NULL || !sync_open(net)) {
        free(net);
        return error_set(error, EXIT_CODE_FAILURE, "network: out of memory");
    }
    self_set(&net->self, config);
    net->admit = config->admit;
    net->admit_context = config->admit_context;
    net->timing = (struct net_timing){
        .handshake_ms = or_default(config->timing.handshake_ms, NET_HANDSHAKE_MS),
        .ping_ms = or_default(config->timing.ping_ms, NET_PING_MS),
        .idle_ms = or_default(config->timing.idle_ms, NET_IDLE_MS),
        .redial_max_ms = or_default(config->timing.redial_max_ms, NET_REDIAL_MAX_MS),
    };
    if (!parts_open(net, config, error)) {
        net_close(net);
        return false;
    }
    *out = net;
    return true;
}

static void all_end(struct net *net)
{
    (void)pthread_mutex_lock(&net->lock);
    net->closing = true;
    for (struct dial *dial = net->dials; dial != NULL; dial = dial->next) {
        dial->removed = true;
    }
    for (struct link *link = net->links; link != NULL; link = link->older) {
        link_end_locked(link, NET_REASON_LOCAL);
        link_work_locked(link);
    }
    keeper_wake_locked(net);
    (void)pthread_mutex_unlock(&net->lock);
}

void net_close(struct net *net)
{
    if (net == NULL) {
        return;
    }
    all_end(net);
    if (net->kept) {
        (void)pthread_join(net->keeper, NULL);
    }
    listen_free(net);
    if (net->nudge_aio != NULL) {
        nng_aio_stop(net->nudge_aio);
        nng_aio_free(net->nudge_aio);
    }
    if (net->tls_server != NULL) {
        nng_tls_config_free(net->tls_server);
    }
    if (net->tls_client != NULL) {
        nng_tls_config_free(net->tls_client);
    }
    if (net->event_fd >= 0) {
        (void)close(net->event_fd);
    }
    free(net->ping);
    (void)pthread_cond_destroy(&net->event_cond);
    (void)pthread_cond_destroy(&net->work_cond);
    (void)pthread_mutex_destroy(&net->lock);
    crypto_wipe(&net->self, sizeof net->self);
    free(net);
}

uint16_t net_port(const struct net *net)
{
    return net->port;
}

struct net_key net_own_key(const struct net *net)
{
    return net->self.public_key;
}

/* True when the link's frames wait for net_flush; with no room to note it they do not. */
static bool hold_locked(struct net *net, struct link *link)
{
    if (net->holds && !link->held && net->held_count < NET_HELD_MAX) {
        link->held = true;
        net->held[net->held_count++] = link->id;
    }
    return net->holds && link->held;
}

void net_hold(struct net *net)
{
    (void)pthread_mutex_lock(&net->lock);
    net->holds = true;
    (void)pthread_mutex_unlock(&net->lock);
}

/* The next link that was held; NULL when it has gone or writes already. */
static struct link *held_pop_locked(struct net *net)
{
    struct link *link = link_find_locked(net, net->held[--net->held_count]);
    if (link == NULL) {
        return NULL;
    }
    link->held = false;
    return send_claim_locked(link) ? link : NULL;
}

void net_flush(struct net *net)
{
    bool more = true;
    while (more) {
        (void)pthread_mutex_lock(&net->lock);
        more = net->held_count > 0;
        struct link *write = more ? held_pop_locked(net) : NULL;
        (void)pthread_mutex_unlock(&net->lock);
        if (write != NULL) {
            send_next(write);
        }
    }
}

/* Queues one frame; *write becomes the link when the caller shall write. */
static enum net_sent queue_locked(struct net *net, uint64_t session, const struct outgoing *what,
                                  struct link **write)
{
    struct link *link = link_find_locked(net, session);
    *write = NULL;
    if (link == NULL || link->state != LINK_OPEN) {
        return NET_SENT_GONE;
    }
    if (what->body->size > frame_payload_max(net->self.role, link->info.lane)) {
        return NET_SENT_SIZE;
    }
    enum net_sent sent = send_queue_locked(link, what);
    const bool waits = what->kind == FRAME_DATA && hold_locked(net, link);
    if (!waits && send_claim_locked(link)) {
        *write = link;
    }
    return sent;
}

static enum net_sent send_one(struct net *net, uint64_t session, struct outgoing what,
                              struct bytes bytes)
{
    if (bytes.size > FRAME_SIZE_MAX) {
        return NET_SENT_SIZE;
    }
    what.body = body_make(bytes);
    if (what.body == NULL) {
        return NET_SENT_GONE;
    }
    struct link *write = NULL;
    (void)pthread_mutex_lock(&net->lock);
    enum net_sent sent = queue_locked(net, session, &what, &write);
    body_drop_locked(what.body);
    (void)pthread_mutex_unlock(&net->lock);
    if (write != NULL) {
        send_next(write);
    }
    return sent;
}

enum net_sent net_send(struct net *net, uint64_t session, struct bytes bytes)
{
    return send_one(net, session, (struct outgoing){.kind = FRAME_DATA}, bytes);
}

enum net_sent net_request(struct net *net, uint64_t session, uint32_t id, struct bytes bytes)
{
    return send_one(net, session, (struct outgoing){.kind = FRAME_REQUEST, .id = id}, bytes);
}

enum net_sent net_reply(struct net *net, uint64_t session, uint32_t id, struct bytes bytes)
{
    return send_one(net, session, (struct outgoing){.kind = FRAME_RESPONSE, .id = id}, bytes);
}

size_t net_send_all(struct net *net, const uint64_t *sessions, size_t count, struct bytes bytes)
{
    struct outgoing what = {.kind = FRAME_DATA};
    if (bytes.size > FRAME_SIZE_MAX) {
        return 0;
    }
    what.body = body_make(bytes);
    if (what.body == NULL) {
        return 0;
    }
    size_t queued = 0;
    for (size_t i = 0; i < count; i++) {
        struct link *write = NULL;
        (void)pthread_mutex_lock(&net->lock);
        enum net_sent sent = queue_locked(net, sessions[i], &what, &write);
        (void)pthread_mutex_unlock(&net->lock);
        queued += sent == NET_SENT_QUEUED || sent == NET_SENT_DROPPING;
        if (write != NULL) {
            send_next(write);
        }
    }
    (void)pthread_mutex_lock(&net->lock);
    body_drop_locked(what.body);
    (void)pthread_mutex_unlock(&net->lock);
    return queued;
}

bool net_ping_set(struct net *net, struct bytes bytes)
{
    if (bytes.size > VOTE_FRAME_SIZE_MAX) {
        return false;
    }
    struct body *ping = bytes.size == 0 ? NULL : body_make(bytes);
    if (bytes.size > 0 && ping == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&net->lock);
    body_drop_locked(net->ping);
    net->ping = ping;
    (void)pthread_mutex_unlock(&net->lock);
    return true;
}

void net_session_close(struct net *net, uint64_t session)
{
    (void)pthread_mutex_lock(&net->lock);
    struct link *link = link_find_locked(net, session);
    if (link != NULL) {
        link_end_locked(link, NET_REASON_LOCAL);
    }
    (void)pthread_mutex_unlock(&net->lock);
}

size_t net_sessions(struct net *net, struct net_session_info *out, size_t max)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&net->lock);
    uint64_t now = net_now_ms();
    for (const struct link *link = net->oldest; link != NULL && count < max; link = link->newer) {
        if (link->state == LINK_OPEN) {
            out[count] = link->info;
            out[count].silent_ms = (uint32_t)(now - link->heard_ms);
            count++;
        }
    }
    (void)pthread_mutex_unlock(&net->lock);
    return count;
}

void net_stats(struct net *net, struct net_stats *out)
{
    (void)pthread_mutex_lock(&net->lock);
    *out = net->stats;
    (void)pthread_mutex_unlock(&net->lock);
}
