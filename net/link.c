#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/crypto.h"
#include "net/state.h"

uint64_t net_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void link_work_locked(struct link *link)
{
    struct net *net = link->net;
    if (!link->in_work) {
        link->in_work = true;
        link->next_work = NULL;
        if (net->work_last == NULL) {
            net->work_first = link;
        } else {
            net->work_last->next_work = link;
        }
        net->work_last = link;
    }
    keeper_wake_locked(net);
}

bool link_lives_locked(const struct link *link)
{
    switch (link->state) {
    case LINK_GREETING:
    case LINK_REFUSED:
    case LINK_OPEN:
        return true;
    case LINK_ENDING:
    case LINK_OVER:
        return false;
    }
    UNREACHABLE();
}

struct link *link_find_locked(struct net *net, uint64_t id)
{
    struct link *link = net->slots[id % NET_SESSION_MAX];
    return link != NULL && link->id == id ? link : NULL;
}

void link_end_locked(struct link *link, enum net_reason reason)
{
    struct net_stats *stats = &link->net->stats;
    switch (link->state) {
    case LINK_GREETING:
    case LINK_REFUSED:
        if (link->dial == NULL) {
            stats->half_open--;
        }
        break;
    case LINK_OPEN:
        stats->open--;
        stats->by_role[link->info.role]--;
        break;
    case LINK_ENDING:
    case LINK_OVER:
        return;
    }
    if (link->state != LINK_REFUSED) {
        link->reason = reason;
    }
    link->state = LINK_ENDING;
    link->info.session = link->id;
    link_work_locked(link);
}

/* A slot and an id that was never used. */
static bool slot_take_locked(struct net *net, struct link *link)
{
    for (uint32_t tried = 0; tried < NET_SESSION_MAX; tried++) {
        uint32_t slot = (net->slot_next + tried) % NET_SESSION_MAX;
        if (net->slots[slot] == NULL) {
            net->slots[slot] = link;
            net->slot_next = slot + 1;
            net->id_next++;
            link->slot = slot;
            link->id = net->id_next * NET_SESSION_MAX + slot;
            return true;
        }
    }
    return false;
}

static void address_set(struct link *link)
{
    nng_sockaddr address;
    if (nng_stream_get_addr(link->stream, NNG_OPT_REMADDR, &address) != 0) {
        return;
    }
    char text[INET6_ADDRSTRLEN] = "?";
    uint16_t port = 0;
    uint8_t *bytes = link->address.s6_addr;
    if (address.s_family == NNG_AF_INET) {
        bytes[10] = 0xff;
        bytes[11] = 0xff;
        memcpy(bytes + 12, &address.s_in.sa_addr, 4);
        port = ntohs(address.s_in.sa_port);
        link->loopback = bytes[12] == 127;
    } else if (address.s_family == NNG_AF_INET6) {
        memcpy(bytes, address.s_in6.sa_addr, 16);
        port = ntohs(address.s_in6.sa_port);
        link->loopback = IN6_IS_ADDR_LOOPBACK(&link->address);
    }
    (void)inet_ntop(AF_INET6, bytes, text, sizeof text);
    (void)snprintf(link->info.address, sizeof link->info.address, "[%s]:%u", text, port);
}

static bool operations_alloc(struct link *link)
{
    return nng_aio_alloc(&link->send_aio, send_done, link) == 0 &&
           nng_aio_alloc(&link->recv_aio, receive_done, link) == 0;
}

void link_free(struct link *link)
{
    nng_aio_stop(link->send_aio);
    nng_aio_stop(link->recv_aio);
    nng_aio_free(link->send_aio);
    nng_aio_free(link->recv_aio);
    nng_stream_free(link->stream);
    if (link->handshake != NULL) {
        handshake_wipe(link->handshake);
        free(link->handshake);
    }
    crypto_wipe(&link->sealing, sizeof link->sealing);
    crypto_wipe(&link->opening, sizeof link->opening);
    free(link->write);
    free(link->in);
    free(link->farewell);
    (void)pthread_mutex_destroy(&link->post_lock);
    free(link);
}

static struct link *link_make(struct net *net, nng_stream *stream, struct dial *dial)
{
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        nng_stream_close(stream);
        nng_stream_free(stream);
        return NULL;
    }
    (void)pthread_mutex_init(&link->post_lock, NULL);
    link->net = net;
    link->stream = stream;
    link->dial = dial;
    link->info.dialed = dial != NULL;
    link->begun_ms = dial != NULL ? dial->begun_ms : net_now_ms();
    link->heard_ms = link->begun_ms;
    link->handshake = calloc(1, sizeof *link->handshake);
    if (link->handshake == NULL || !operations_alloc(link)) {
        nng_stream_close(stream);
        link_free(link);
        return NULL;
    }
    address_set(link);
    return link;
}

static bool link_enter_locked(struct link *link)
{
    struct net *net = link->net;
    bool removed = link->dial != NULL && link->dial->removed;
    if (net->closing || removed || !slot_take_locked(net, link)) {
        return false;
    }
    if (link->dial == NULL) {
        listen_evict_locked(net, link);
        net->stats.accepted++;
        net->stats.half_open++;
    } else {
        link->dial->link = link;
    }
    link->older = net->links;
    if (net->links != NULL) {
        net->links->newer = link;
    } else {
        net->oldest = link;
    }
    net->links = link;
    link->receiving = true;
    keeper_wake_locked(net); /* a new deadline */
    return true;
}

void link_begin(struct net *net, nng_stream *stream, struct dial *dial)
{
    struct link *link = link_make(net, stream, dial);
    if (link == NULL) {
        return;
    }
    struct handshake_message hello;
    handshake_begin(link->handshake, &net->self, dial != NULL ? dial->lane : NET_LANE_BULK,
                    dial != NULL ? &dial->key : NULL, &hello);

    (void)pthread_mutex_lock(&net->lock);
    bool entered = link_enter_locked(link);
    bool write = false;
    if (entered && hello.size > 0) {
        struct body *body = body_make(bytes_of(hello.bytes, hello.size));
        if (body == NULL) {
            link_end_locked(link, NET_REASON_MEMORY);
        } else {
            (void)send_queue_locked(link, &(struct outgoing){.body = body, .plain = true});
            body_drop_locked(body);
        }
        write = send_claim_locked(link);
    }
    (void)pthread_mutex_unlock(&net->lock);
    if (!entered) {
        nng_stream_close(stream);
        link_free(link);
        return;
    }
    /* A receive with the handshake's deadline is always posted, and before the first send:
     * NNG 1.5.2 ends neither a send nor its deadline while a TLS handshake stalls. */
    receive_post(link);
    if (write) {
        send_next(link);
    }
}

void link_close_stream(struct link *link)
{
    (void)pthread_mutex_lock(&link->post_lock);
    if (!link->stream_closed) {
        link->stream_closed = true;
        nng_stream_close(link->stream);
    }
    (void)pthread_mutex_unlock(&link->post_lock);
}
