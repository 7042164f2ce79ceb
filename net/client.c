#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/state.h"

struct net_client {
    struct net *net;
    char address[ENDPOINT_SIZE_MAX + 1];
    struct net_peer peer;
    uint64_t session; /* 0: none */
    struct net_key key;
    uint32_t last_id;
};

static bool fail(const struct net_client *client, enum exit_code code, const char *why,
                 struct error *error)
{
    return error_set(error, code, "%s: %s", client->address, why);
}

/* Reasons that another attempt does not change. */
static enum exit_code final_code(enum net_reason reason)
{
    switch (reason) {
    case NET_REASON_WRONG_CHAIN:
    case NET_REASON_WRONG_GENESIS:
        return EXIT_CODE_WRONG_CHAIN;
    case NET_REASON_VERSION:
        return EXIT_CODE_VERSION;
    case NET_REASON_WRONG_KEY:
    case NET_REASON_BAD_PROOF:
    case NET_REASON_SELF:
        return EXIT_CODE_VERIFY;
    case NET_REASON_NOT_ADMITTED:
    case NET_REASON_BAD_HELLO:
    case NET_REASON_BAD_LANE:
        return EXIT_CODE_DENIED;
    case NET_REASON_NONE:
    case NET_REASON_FULL:
    case NET_REASON_CANNOT_CONNECT:
    case NET_REASON_HANDSHAKE_TIMEOUT:
    case NET_REASON_CLOSED:
    case NET_REASON_IDLE:
    case NET_REASON_STALLED:
    case NET_REASON_FRAME_SIZE:
    case NET_REASON_BAD_SEAL:
    case NET_REASON_BAD_FRAME:
    case NET_REASON_REPLACED:
    case NET_REASON_EVICTED:
    case NET_REASON_LOCAL:
    case NET_REASON_MEMORY:
        return EXIT_CODE_OK;
    }
    return EXIT_CODE_DENIED; /* a reason of a later version */
}

/* Waits until an event is there, a final reason stands, or the time is over. */
static bool event_wait(struct net_client *client, uint64_t until_ms)
{
    struct net *net = client->net;
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int waited = 0;
    bool ready = false;
    (void)pthread_mutex_lock(&net->lock);
    while (!ready && waited == 0) {
        enum net_reason trouble = net->dials != NULL ? net->dials->trouble : NET_REASON_NONE;
        ready = !inbox_nothing_ready_locked(net) || final_code(trouble) != EXIT_CODE_OK;
        if (!ready) {
            waited = pthread_cond_timedwait(&net->event_cond, &net->lock, &until);
        }
    }
    (void)pthread_mutex_unlock(&net->lock);
    return ready;
}

/* Follows the life of the session; true for an answer, which then is the caller's. */
static bool event_take(struct net_client *client, struct net_event *event)
{
    switch (event->kind) {
    case NET_EVENT_CONNECTED:
        client->session = event->session;
        client->key = event->key;
        break;
    case NET_EVENT_DISCONNECTED:
        if (event->session == client->session) {
            client->session = 0;
        }
        break;
    case NET_EVENT_RESPONSE:
        return true;
    case NET_EVENT_FRAME:
    case NET_EVENT_REQUEST:
    case NET_EVENT_PING:
        break; /* nothing that a client asked for */
    }
    net_event_release(event);
    return false;
}

static bool trouble_tell(struct net_client *client, struct error *error)
{
    enum net_reason trouble = net_peer_trouble(client->net, &client->peer);
    enum exit_code code = final_code(trouble);
    if (code == EXIT_CODE_OK) {
        code = EXIT_CODE_UNREACHABLE;
        trouble = trouble == NET_REASON_NONE ? NET_REASON_HANDSHAKE_TIMEOUT : trouble;
    }
    return fail(client, code, net_reason_text(trouble), error);
}

static void events_drain(struct net_client *client)
{
    struct net_event event;
    while (net_poll(client->net, &event, 0)) {
        if (event_take(client, &event)) {
            net_event_release(&event); /* the answer to a call that gave up */
        }
    }
}

static bool session_wait(struct net_client *client, uint64_t until_ms, struct error *error)
{
    for (;;) {
        events_drain(client);
        if (client->session != 0) {
            return true;
        }
        enum net_reason trouble = net_peer_trouble(client->net, &client->peer);
        if (final_code(trouble) != EXIT_CODE_OK || !event_wait(client, until_ms)) {
            return trouble_tell(client, error);
        }
    }
}

bool net_client_open(const struct net_config *config, const struct net_peer *peer,
                     uint32_t timeout_ms, struct net_client **out, struct error *error)
{
    uint64_t until_ms = net_now_ms() + timeout_ms;
    struct net_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "network: out of memory");
    }
    (void)snprintf(client->address, sizeof client->address, "%s", peer->address);
    client->peer = *peer;
    client->peer.address = client->address;
    client->peer.vote_lane = false;
    client->peer.bulk_lane = true;
    client->peer.mutual = false;
    struct net_config own = *config;
    own.listen = NULL;
    bool ok = net_open(&own, &client->net, error);
    if (ok) {
        client->net->quiet = true;
    }
    if (ok && !net_peer_add(client->net, &client->peer)) {
        ok = fail(client, EXIT_CODE_USAGE, "no address of a node (host:port)", error);
    }
    if (!ok || !session_wait(client, until_ms, error)) {
        net_client_close(client);
        return false;
    }
    *out = client;
    return true;
}

static bool answer_wait(struct net_client *client, uint64_t until_ms, struct net_event *answer,
                        struct error *error)
{
    uint64_t asked = client->session;
    while (client->session == asked) {
        uint64_t now = net_now_ms();
        if (now >= until_ms) {
            return fail(client, EXIT_CODE_UNREACHABLE, "no answer in time", error);
        }
        if (!net_poll(client->net, answer, (uint32_t)(until_ms - now)) ||
            !event_take(client, answer)) {
            continue;
        }
        if (answer->session == asked && answer->request == client->last_id) {
            return true;
        }
        net_event_release(answer);
    }
    return fail(client, EXIT_CODE_UNREACHABLE, "the session was lost before the answer came",
                error);
}

bool net_client_call(struct net_client *client, struct bytes request, uint32_t timeout_ms,
                     struct net_event *answer, struct error *error)
{
    uint64_t until_ms = net_now_ms() + timeout_ms;
    for (;;) {
        if (!session_wait(client, until_ms, error)) {
            return false;
        }
        client->last_id++;
        switch (net_request(client->net, client->session, client->last_id, request)) {
        case NET_SENT_QUEUED:
        case NET_SENT_DROPPING:
            return answer_wait(client, until_ms, answer, error);
        case NET_SENT_SIZE:
            return fail(client, EXIT_CODE_USAGE, "the request is too large", error);
        case NET_SENT_GONE:
            client->session = 0; /* its DISCONNECTED is on the way: nothing was sent */
            break;
        }
    }
}

struct net_key net_client_peer(const struct net_client *client)
{
    return client->key;
}

void net_client_close(struct net_client *client)
{
    if (client != NULL) {
        net_close(client->net);
        free(client);
    }
}
