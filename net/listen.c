#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "crypto/tls/tls.h"
#include "net/state.h"

enum { ACCEPT_REST_MS = 100 }; /* after an error: descriptors may be short */

static void accept_done(void *arg)
{
    struct net *net = arg;
    int result = nng_aio_result(net->accept_aio);
    if (result == 0) {
        link_begin(net, nng_aio_get_output(net->accept_aio, 0), NULL);
    }
    (void)pthread_mutex_lock(&net->lock);
    bool again = !net->closing && result == 0;
    if (!net->closing && result != 0) {
        net->accept_paused = true;
        net->accept_due_ms = net_now_ms() + ACCEPT_REST_MS;
    }
    net->accepting = again;
    if (!again) {
        keeper_wake_locked(net);
    }
    (void)pthread_mutex_unlock(&net->lock);
    if (again) {
        nng_stream_listener_accept(net->listener, net->accept_aio);
    }
}

void listen_resume(struct net *net)
{
    nng_stream_listener_accept(net->listener, net->accept_aio);
}

bool tls_open(struct net *net, bool server, struct error *error)
{
    static const char what[] = "TLS of the network library";
    if (nng_tls_config_alloc(&net->tls_client, NNG_TLS_MODE_CLIENT) != 0 ||
        nng_tls_config_version(net->tls_client, NNG_TLS_1_2, NNG_TLS_1_2) != 0 ||
        nng_tls_config_auth_mode(net->tls_client, NNG_TLS_AUTH_MODE_NONE) != 0) {
        return error_set(error, EXIT_CODE_FAILURE, "%s: cannot be set up", what);
    }
    if (!server) {
        return true;
    }
    struct crypto_tls_identity identity;
    bool ok =
        crypto_tls_identity_make(&identity) &&
        nng_tls_config_alloc(&net->tls_server, NNG_TLS_MODE_SERVER) == 0 &&
        nng_tls_config_version(net->tls_server, NNG_TLS_1_2, NNG_TLS_1_2) == 0 &&
        nng_tls_config_auth_mode(net->tls_server, NNG_TLS_AUTH_MODE_NONE) == 0 &&
        nng_tls_config_own_cert(net->tls_server, identity.certificate, identity.key, NULL) == 0;
    crypto_wipe(&identity, sizeof identity);
    return ok || error_set(error, EXIT_CODE_FAILURE, "%s: no certificate", what);
}

static bool cannot_bind(struct error *error, const char *address, int result)
{
    return error_set(error, EXIT_CODE_CANNOT_BIND,
                     "cannot listen on %s: %s; free the port or change the listen address", address,
                     nng_strerror(result));
}

bool listen_open(struct net *net, const char *address, struct error *error)
{
    char url[ENDPOINT_SIZE_MAX + 16];
    int size = snprintf(url, sizeof url, "tls+tcp://%s", address);
    if (size < 0 || (size_t)size >= sizeof url) {
        return cannot_bind(error, "an address that is too long", NNG_EADDRINVAL);
    }
    int result = nng_stream_listener_alloc(&net->listener, url);
    if (result == 0) {
        result = nng_stream_listener_set_ptr(net->listener, NNG_OPT_TLS_CONFIG, net->tls_server);
    }
    if (result == 0) { /* NNG's default is off, which costs 40 ms on every answer */
        result = nng_stream_listener_set_bool(net->listener, NNG_OPT_TCP_NODELAY, true);
    }
    if (result == 0) {
        result = nng_stream_listener_listen(net->listener);
    }
    int port = 0;
    if (result == 0) {
        result = nng_stream_listener_get_int(net->listener, NNG_OPT_TCP_BOUND_PORT, &port);
    }
    if (result == 0) {
        result = nng_aio_alloc(&net->accept_aio, accept_done, net);
    }
    if (result != 0) {
        return cannot_bind(error, address, result);
    }
    net->port = (uint16_t)port;
    nng_aio_set_timeout(net->accept_aio, NNG_DURATION_INFINITE);
    (void)pthread_mutex_lock(&net->lock);
    net->accepting = true;
    (void)pthread_mutex_unlock(&net->lock);
    nng_stream_listener_accept(net->listener, net->accept_aio);
    return true;
}

void listen_stop(struct net *net)
{
    nng_stream_listener_close(net->listener);
}

void listen_free(struct net *net)
{
    if (net->accept_aio != NULL) {
        nng_aio_stop(net->accept_aio); /* there is only the end of its callback to wait for */
        nng_aio_free(net->accept_aio);
    }
    if (net->listener != NULL) {
        nng_stream_listener_free(net->listener);
    }
}

static uint32_t role_max(enum net_role role)
{
    switch (role) {
    case NET_ROLE_VALIDATOR:
        return NET_LANE_COUNT * VALIDATOR_COUNT_MAX; /* admit knows the set, keys are unique */
    case NET_ROLE_FULL:
        return NET_FULL_MAX;
    case NET_ROLE_CLIENT:
        return NET_CLIENT_MAX;
    case NET_ROLE_MEMBER:
        return NET_MEMBER_MAX;
    case NET_ROLE_ANON:
        return NET_ANON_MAX;
    }
    UNREACHABLE();
}

static bool same_address(const struct link *a, const struct link *b)
{
    return memcmp(&a->address, &b->address, sizeof a->address) == 0;
}

enum net_reason listen_place_locked(const struct link *link, enum net_role role)
{
    const struct net *net = link->net;
    if (net->stats.by_role[role] >= role_max(role)) {
        return NET_REASON_FULL;
    }
    if (role == NET_ROLE_VALIDATOR) {
        return NET_REASON_NONE;
    }
    uint32_t near = 0;
    for (const struct link *other = net->links; other != NULL; other = other->older) {
        near += other->state == LINK_OPEN && other->dial == NULL &&
                other->info.role != NET_ROLE_VALIDATOR && same_address(other, link);
    }
    uint32_t max = link->loopback ? NET_LOOPBACK_MAX : NET_ADDRESS_MAX;
    return near < max ? NET_REASON_NONE : NET_REASON_FULL;
}

static bool half_open(const struct link *link)
{
    return link->dial == NULL && (link->state == LINK_GREETING || link->state == LINK_REFUSED);
}

void listen_evict_locked(struct net *net, const struct link *newcomer)
{
    /* The oldest goes first: an honest handshake takes milliseconds. */
    uint32_t near = 0;
    struct link *oldest_near = NULL;
    struct link *oldest = NULL;
    for (struct link *link = net->oldest; link != NULL; link = link->newer) {
        if (!half_open(link)) {
            continue;
        }
        oldest = oldest == NULL ? link : oldest;
        if (same_address(link, newcomer)) {
            near++;
            oldest_near = oldest_near == NULL ? link : oldest_near;
        }
    }
    uint32_t near_max = newcomer->loopback ? NET_HALF_OPEN_MAX : NET_ADDRESS_MAX;
    struct link *victim = NULL;
    if (near >= near_max) {
        victim = oldest_near;
    } else if (net->stats.half_open >= NET_HALF_OPEN_MAX) {
        victim = oldest;
    }
    if (victim != NULL) {
        net->stats.evicted++;
        link_end_locked(victim, NET_REASON_EVICTED);
    }
}

STATIC_ASSERT(NET_HALF_OPEN_MAX * 4 + NET_LANE_COUNT * VALIDATOR_COUNT_MAX + NET_FULL_MAX +
                      NET_CLIENT_MAX + NET_MEMBER_MAX + NET_ANON_MAX <=
                  NET_SESSION_MAX,
              "every class has its slots");
