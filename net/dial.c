#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "net/state.h"

static int key_compare(const struct net_key *a, const struct net_key *b)
{
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    return memcmp(a->bytes, b->bytes, a->size);
}

/* When to try again: the backoff less a random part of its half, so that peers which lost
 * each other at once do not all come back at once. */
static void dial_rest_locked(struct dial *dial, bool was_open)
{
    struct net *net = dial->net;
    uint32_t most = net->timing.redial_max_ms;
    uint64_t now = net_now_ms();
    bool lasted = was_open && now - dial->begun_ms >= most;
    uint32_t next = lasted || dial->backoff_ms == 0 ? NET_REDIAL_MIN_MS : 2 * dial->backoff_ms;
    dial->backoff_ms = next > most ? most : next;
    uint32_t jitter = 0;
    crypto_random_bytes(&jitter, sizeof jitter);
    dial->due_ms = now + dial->backoff_ms - jitter % (dial->backoff_ms / 2 + 1);
    keeper_wake_locked(net);
    (void)pthread_cond_broadcast(&net->event_cond);
}

static void trouble_set_locked(struct dial *dial, enum net_reason reason)
{
    if (dial->trouble != reason && !dial->removed && !dial->net->quiet) {
        log_line(LOG_ODD, "net", "cannot hold a session with %s: %s", dial->address,
                 net_reason_text(reason));
    }
    dial->trouble = reason;
}

void dial_lost_locked(struct dial *dial, const struct link *link)
{
    bool was_open = link->farewell != NULL;
    dial->link = NULL;
    if (!was_open) {
        trouble_set_locked(dial, link->reason);
    }
    dial_rest_locked(dial, was_open);
}

static void dial_failed(struct dial *dial)
{
    (void)pthread_mutex_lock(&dial->net->lock);
    dial->busy = false;
    trouble_set_locked(dial, NET_REASON_CANNOT_CONNECT);
    dial_rest_locked(dial, false);
    (void)pthread_mutex_unlock(&dial->net->lock);
}

static void dial_done(void *arg)
{
    struct dial *dial = arg;
    if (nng_aio_result(dial->aio) != 0) {
        dial_failed(dial);
        return;
    }
    link_begin(dial->net, nng_aio_get_output(dial->aio, 0), dial);
    (void)pthread_mutex_lock(&dial->net->lock);
    dial->busy = false;
    if (dial->link == NULL) {
        dial_rest_locked(dial, false);
    }
    keeper_wake_locked(dial->net);
    (void)pthread_mutex_unlock(&dial->net->lock);
}

static bool dialer_make(struct dial *dial)
{
    if (dial->dialer != NULL && !dial->closed) {
        return true;
    }
    if (dial->dialer != NULL) {
        nng_stream_dialer_free(dial->dialer);
        dial->dialer = NULL;
    }
    dial->closed = false;
    char url[ENDPOINT_SIZE_MAX + 16];
    (void)snprintf(url, sizeof url, "tls+tcp://%s", dial->address);
    nng_stream_dialer *dialer = NULL;
    if (nng_stream_dialer_alloc(&dialer, url) != 0) {
        return false;
    }
    if (nng_stream_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, dial->net->tls_client) != 0 ||
        nng_stream_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true) != 0) {
        nng_stream_dialer_free(dialer);
        return false;
    }
    dial->dialer = dialer;
    return true;
}

void dial_start(struct dial *dial)
{
    if (!dialer_make(dial)) {
        dial_failed(dial);
        return;
    }
    nng_aio_set_timeout(dial->aio, NNG_DURATION_INFINITE); /* the keeper keeps the time */
    nng_stream_dialer_dial(dial->dialer, dial->aio);
}

void dial_stop(struct dial *dial)
{
    if (dial->dialer != NULL) {
        nng_stream_dialer_close(dial->dialer);
    }
}

void dial_free(struct dial *dial)
{
    dial_stop(dial);
    nng_aio_stop(dial->aio); /* not busy: there is only the end of its callback to wait for */
    nng_aio_free(dial->aio);
    if (dial->dialer != NULL) {
        nng_stream_dialer_free(dial->dialer);
    }
    free(dial);
}

static bool names(const struct dial *dial, const struct net_peer *peer)
{
    if (dial->removed || !net_key_equal(&dial->key, &peer->key)) {
        return false;
    }
    return peer->key.size != 0 || strcmp(dial->address, peer->address) == 0;
}

static struct dial *dial_find_locked(struct net *net, const struct net_peer *peer,
                                     enum net_lane lane)
{
    struct dial *dial = net->dials;
    while (dial != NULL && !(names(dial, peer) && dial->lane == lane)) {
        dial = dial->next;
    }
    return dial;
}

static void dial_remove_locked(struct dial *dial)
{
    dial->removed = true;
    if (dial->link != NULL) {
        link_end_locked(dial->link, NET_REASON_LOCAL);
    }
    keeper_wake_locked(dial->net);
}

static struct dial *dial_make(struct net *net, const struct net_peer *peer, enum net_lane lane)
{
    struct dial *dial = calloc(1, sizeof *dial);
    if (dial == NULL || nng_aio_alloc(&dial->aio, dial_done, dial) != 0) {
        free(dial);
        return NULL;
    }
    dial->net = net;
    dial->key = peer->key;
    dial->lane = lane;
    dial->due_ms = net_now_ms();
    dial->passive =
        peer->mutual && peer->key.size != 0 && key_compare(&net->self.public_key, &peer->key) >= 0;
    (void)snprintf(dial->address, sizeof dial->address, "%s", peer->address);
    return dial;
}

static bool lane_add_locked(struct net *net, const struct net_peer *peer, enum net_lane lane)
{
    struct dial *old = dial_find_locked(net, peer, lane);
    if (old != NULL && strcmp(old->address, peer->address) == 0) {
        return true;
    }
    struct dial *dial = dial_make(net, peer, lane);
    if (dial == NULL) {
        return false;
    }
    if (old != NULL) {
        dial_remove_locked(old);
    }
    dial->next = net->dials;
    net->dials = dial;
    keeper_wake_locked(net);
    return true;
}

bool net_peer_add(struct net *net, const struct net_peer *peer)
{
    const bool wanted[NET_LANE_COUNT] = {peer->vote_lane, peer->bulk_lane};
    if (strlen(peer->address) > ENDPOINT_SIZE_MAX || !(peer->vote_lane || peer->bulk_lane)) {
        return false;
    }
    (void)pthread_mutex_lock(&net->lock);
    uint32_t count = 0;
    for (const struct dial *dial = net->dials; dial != NULL; dial = dial->next) {
        count += !dial->removed;
    }
    bool added = !net->closing && count + NET_LANE_COUNT <= NET_LANE_COUNT * NET_PEER_MAX;
    for (int lane = 0; lane < NET_LANE_COUNT && added; lane++) {
        struct dial *old = dial_find_locked(net, peer, (enum net_lane)lane);
        if (wanted[lane]) {
            added = lane_add_locked(net, peer, (enum net_lane)lane);
        } else if (old != NULL) {
            dial_remove_locked(old);
        }
    }
    (void)pthread_mutex_unlock(&net->lock);
    return added;
}

enum net_reason net_peer_trouble(struct net *net, const struct net_peer *peer)
{
    enum net_reason trouble = NET_REASON_NONE;
    (void)pthread_mutex_lock(&net->lock);
    for (const struct dial *dial = net->dials; dial != NULL; dial = dial->next) {
        if (names(dial, peer) && dial->trouble != NET_REASON_NONE) {
            trouble = dial->trouble;
        }
    }
    (void)pthread_mutex_unlock(&net->lock);
    return trouble;
}
