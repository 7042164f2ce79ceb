#include <stdlib.h>
#include <string.h>

#include "net/state.h"

/* A peer has one session for each lane in these roles: what is new replaces what is old,
 * which may be the remains of a process that died. */
bool greet_replaces(enum net_role role)
{
    switch (role) {
    case NET_ROLE_VALIDATOR:
    case NET_ROLE_FULL:
    case NET_ROLE_MEMBER:
        return true;
    case NET_ROLE_CLIENT:
    case NET_ROLE_ANON:
        return false;
    }
    UNREACHABLE();
}

static void replace_locked(const struct link *link)
{
    if (!greet_replaces(link->info.role)) {
        return;
    }
    for (struct link *other = link->net->links; other != NULL; other = other->older) {
        if (other != link && other->state == LINK_OPEN && other->info.role == link->info.role &&
            other->info.lane == link->info.lane &&
            net_key_equal(&other->info.key, &link->info.key)) {
            link_end_locked(other, NET_REASON_REPLACED);
        }
    }
}

static bool queue_plain_locked(struct link *link, const struct handshake_message *message)
{
    struct body *body = body_make(bytes_of(message->bytes, message->size));
    if (body == NULL) {
        return false;
    }
    enum net_sent sent = send_queue_locked(link, &(struct outgoing){.body = body, .plain = true});
    body_drop_locked(body);
    return sent == NET_SENT_QUEUED;
}

static void info_set_locked(struct link *link)
{
    const struct handshake *handshake = link->handshake;
    link->info.session = link->id;
    link->info.key = handshake->peer.key;
    link->info.role = handshake->peer.role;
    link->info.lane = handshake->own.lane;
}

static void open_locked(struct link *link, const struct crypto_session *session,
                        struct incoming *connected, struct incoming *farewell)
{
    struct net *net = link->net;
    uint64_t now = net_now_ms();
    link->sealing = session->sending;
    link->opening = session->receiving;
    link->payload_max_in = frame_payload_max(link->info.role, link->info.lane);
    link->state = LINK_OPEN;
    link->farewell = farewell;
    link->ping_due_ms = now + net->timing.ping_ms;
    net->stats.open++;
    net->stats.connected++;
    net->stats.by_role[link->info.role]++;
    if (link->dial != NULL) {
        link->dial->trouble = NET_REASON_NONE;
    } else {
        net->stats.half_open--;
    }
    inbox_put_locked(link, connected);
    send_ping_locked(link);
    (void)pthread_cond_broadcast(&net->event_cond);
    keeper_wake_locked(net);
}

/* Takes the place of an old session of the peer, or a free one. */
static enum net_reason place_locked(struct link *link, const struct handshake_message *proof)
{
    if (link->state != LINK_GREETING) {
        return NET_REASON_LOCAL;
    }
    info_set_locked(link);
    replace_locked(link);
    enum net_reason reason =
        link->dial == NULL ? listen_place_locked(link, link->info.role) : NET_REASON_NONE;
    if (reason == NET_REASON_NONE && proof != NULL && !queue_plain_locked(link, proof)) {
        reason = NET_REASON_MEMORY;
    }
    return reason;
}

/* Both sides end here: the listener with the PROOF it owes, the dialer with nothing. */
static enum net_reason link_open(struct link *link, const struct handshake_message *proof)
{
    struct crypto_session session;
    if (!handshake_session(link->handshake, &session)) {
        return NET_REASON_BAD_PROOF;
    }
    struct bytes none = {.data = NULL, .size = 0};
    struct incoming *connected = incoming_make(link, NET_EVENT_CONNECTED, none);
    struct incoming *farewell = incoming_make(link, NET_EVENT_DISCONNECTED, none);
    bool write = false;
    (void)pthread_mutex_lock(&link->net->lock);
    enum net_reason reason = NET_REASON_MEMORY;
    if (connected != NULL && farewell != NULL) {
        reason = place_locked(link, proof);
    }
    if (reason == NET_REASON_NONE) {
        open_locked(link, &session, connected, farewell);
        connected = NULL;
        farewell = NULL;
        write = send_claim_locked(link);
    }
    (void)pthread_mutex_unlock(&link->net->lock);
    crypto_session_wipe(&session);
    free(connected);
    free(farewell);
    if (reason == NET_REASON_NONE) {
        handshake_wipe(link->handshake);
        free(link->handshake);
        link->handshake = NULL;
    }
    if (write) {
        send_next(link);
    }
    return reason;
}

static void refuse(struct link *link, enum net_reason reason,
                   const struct handshake_message *message)
{
    struct net *net = link->net;
    (void)pthread_mutex_lock(&net->lock);
    bool write = false;
    if (link->state == LINK_GREETING) {
        link->state = LINK_REFUSED;
        link->reason = reason;
        net->stats.refused++;
        if (!queue_plain_locked(link, message)) {
            link_end_locked(link, reason);
        }
        write = send_claim_locked(link);
    }
    (void)pthread_mutex_unlock(&net->lock);
    if (write) {
        send_next(link);
    }
}

/* The peer has proven its key: is it welcome? */
static enum net_reason judge(struct link *link, struct handshake_message *out)
{
    const struct net *net = link->net;
    const struct hello *peer = &link->handshake->peer;
    enum net_reason reason = NET_REASON_NOT_ADMITTED;
    if (net->admit != NULL) {
        reason = net->admit(net->admit_context, peer->role, link->handshake->own.lane, &peer->key);
    }
    if (reason == NET_REASON_NONE && !handshake_accept(link->handshake, out)) {
        reason = NET_REASON_BAD_PROOF;
    }
    if (reason == NET_REASON_NONE) {
        reason = link_open(link, out);
    }
    if (reason != NET_REASON_NONE) {
        handshake_refuse(link->handshake, reason, out);
        refuse(link, reason, out);
    }
    return NET_REASON_NONE;
}

static enum net_reason answer(struct link *link, const struct handshake_message *message)
{
    if (message->size == 0) {
        return NET_REASON_NONE;
    }
    (void)pthread_mutex_lock(&link->net->lock);
    bool queued = link->state != LINK_GREETING || queue_plain_locked(link, message);
    bool write = send_claim_locked(link);
    (void)pthread_mutex_unlock(&link->net->lock);
    if (write) {
        send_next(link);
    }
    return queued ? NET_REASON_NONE : NET_REASON_MEMORY;
}

enum net_reason greet_message(struct link *link, struct bytes message)
{
    struct handshake_message out;
    switch (handshake_take(link->handshake, message, &out)) {
    case HANDSHAKE_WAIT:
        return answer(link, &out);
    case HANDSHAKE_JUDGE:
        return judge(link, &out);
    case HANDSHAKE_DONE:
        return link_open(link, NULL);
    case HANDSHAKE_FAILED:
        if (out.size == 0) {
            return link->handshake->reason;
        }
        refuse(link, link->handshake->reason, &out);
        return NET_REASON_NONE;
    }
    UNREACHABLE();
}
