#include <stdlib.h>
#include <string.h>

#include "net/state.h"

enum {
    ROOM_START = 32 << 10, /* two TLS records */
    ROOM_MIN = 4 << 10,
    ROOM_KEPT = 256 << 10, /* given back above this once empty */
    ROOM_MAX = FRAME_SIZE_MAX + FRAME_OVERHEAD + ROOM_START,
};

enum take { TAKE_MORE, TAKE_FULL, TAKE_END };

/* Room for the next bytes.  It doubles as bytes arrive, so that memory follows what a
 * peer has sent and not what it has announced. */
static bool room_make(struct link *link)
{
    if (link->in_size == 0 && link->in_capacity > ROOM_KEPT) {
        free(link->in);
        link->in = NULL;
        link->in_capacity = 0;
    }
    if (link->in_capacity - link->in_size >= ROOM_MIN) {
        return true;
    }
    size_t capacity = link->in_capacity == 0 ? ROOM_START : 2 * link->in_capacity;
    capacity = capacity > ROOM_MAX ? ROOM_MAX : capacity;
    ASSERT(capacity > link->in_size); /* frame_size bounds what may be unfinished */
    uint8_t *in = realloc(link->in, capacity);
    if (in == NULL) {
        return false;
    }
    link->in = in;
    link->in_capacity = capacity;
    return true;
}

static bool inbox_full(struct link *link)
{
    (void)pthread_mutex_lock(&link->net->lock);
    bool full = inbox_full_locked(link);
    (void)pthread_mutex_unlock(&link->net->lock);
    return full;
}

static enum net_event_kind event_kind(enum frame_kind kind)
{
    switch (kind) {
    case FRAME_DATA:
        return NET_EVENT_FRAME;
    case FRAME_REQUEST:
        return NET_EVENT_REQUEST;
    case FRAME_RESPONSE:
        return NET_EVENT_RESPONSE;
    case FRAME_PING:
        return NET_EVENT_PING;
    }
    UNREACHABLE();
}

static enum net_reason frame_take(struct link *link, uint8_t *whole, size_t size)
{
    struct frame frame;
    enum net_reason reason = frame_open(&link->opening, whole, size, &frame);
    if (reason != NET_REASON_NONE) {
        return reason;
    }
    bool shown = frame.kind != FRAME_PING || frame.payload.size > 0;
    struct incoming *incoming = NULL;
    if (shown) {
        incoming = incoming_make(link, event_kind(frame.kind), frame.payload);
        if (incoming == NULL) {
            return NET_REASON_MEMORY;
        }
        incoming->event.request = frame.id;
    }
    (void)pthread_mutex_lock(&link->net->lock);
    link->info.frames_in++;
    link->info.bytes_in += size;
    link->net->stats.frames_in++;
    if (incoming != NULL && link->state == LINK_OPEN) {
        inbox_put_locked(link, incoming);
        incoming = NULL;
    }
    (void)pthread_mutex_unlock(&link->net->lock);
    free(incoming);
    return NET_REASON_NONE;
}

/* The whole messages at the front of the buffer. */
static enum take messages_take(struct link *link, enum net_reason *reason)
{
    size_t used = 0;
    enum take take = TAKE_MORE;
    while (take == TAKE_MORE && link->in_size - used >= FRAME_PREFIX_SIZE) {
        uint8_t *front = link->in + used;
        bool greeting = link->handshake != NULL;
        size_t size = greeting ? frame_hello_size(front) : frame_size(front, link->payload_max_in);
        if (size == 0) {
            *reason = greeting ? NET_REASON_BAD_HELLO : NET_REASON_FRAME_SIZE;
            return TAKE_END;
        }
        if (link->in_size - used < size) {
            break;
        }
        if (!greeting && inbox_full(link)) {
            take = TAKE_FULL;
            break;
        }
        *reason =
            greeting
                ? greet_message(link, bytes_of(front + FRAME_PREFIX_SIZE, size - FRAME_PREFIX_SIZE))
                : frame_take(link, front, size);
        take = *reason == NET_REASON_NONE ? TAKE_MORE : TAKE_END;
        used += size;
    }
    link->in_size -= used;
    if (used > 0 && link->in_size > 0) {
        memmove(link->in, link->in + used, link->in_size);
    }
    return take;
}

/* What is left of the handshake's time, or the idle time. */
static nng_duration patience_ms(const struct link *link)
{
    const struct net_timing *timing = &link->net->timing;
    if (link->handshake == NULL) {
        return (nng_duration)timing->idle_ms;
    }
    uint64_t spent = net_now_ms() - link->begun_ms;
    return spent >= timing->handshake_ms ? 1 : (nng_duration)(timing->handshake_ms - spent);
}

static void receiving_end(struct link *link)
{
    (void)pthread_mutex_lock(&link->net->lock);
    link_end_locked(link, NET_REASON_MEMORY);
    link->receiving = false;
    link_work_locked(link);
    (void)pthread_mutex_unlock(&link->net->lock);
}

void receive_post(struct link *link)
{
    bool posted = false;
    if (room_make(link)) {
        nng_iov iov = {.iov_buf = link->in + link->in_size,
                       .iov_len = link->in_capacity - link->in_size};
        (void)pthread_mutex_lock(&link->post_lock);
        if (!link->stream_closed && nng_aio_set_iov(link->recv_aio, 1, &iov) == 0) {
            nng_aio_set_timeout(link->recv_aio, patience_ms(link));
            nng_stream_recv(link->stream, link->recv_aio);
            posted = true;
        }
        (void)pthread_mutex_unlock(&link->post_lock);
    }
    if (!posted) {
        receiving_end(link);
    }
}

/* True when reading goes on. */
static bool state_judge(struct link *link, enum take take, enum net_reason reason)
{
    (void)pthread_mutex_lock(&link->net->lock);
    if (take == TAKE_END) {
        link_end_locked(link, reason);
    }
    bool goes_on = link_lives_locked(link);
    if (!goes_on) {
        link->receiving = false;
        link_work_locked(link);
    } else if (link->state == LINK_REFUSED) {
        link->in_size = 0; /* only the end of the stream is still of interest */
    } else if (take == TAKE_FULL && inbox_full_locked(link)) {
        link->paused = true;
        link->receiving = false;
        goes_on = false;
    }
    (void)pthread_mutex_unlock(&link->net->lock);
    return goes_on;
}

void link_read_on(struct link *link)
{
    enum take take = TAKE_MORE;
    do {
        enum net_reason reason = NET_REASON_NONE;
        take = messages_take(link, &reason);
        if (!state_judge(link, take, reason)) {
            return;
        }
    } while (take == TAKE_FULL); /* taken from in between */
    receive_post(link);
}

void receive_done(void *arg)
{
    struct link *link = arg;
    int result = nng_aio_result(link->recv_aio);
    if (result == 0) {
        link->in_size += nng_aio_count(link->recv_aio);
    }
    (void)pthread_mutex_lock(&link->net->lock);
    link->heard_ms = net_now_ms();
    bool goes_on = result == 0 && link_lives_locked(link);
    if (!goes_on) {
        bool late = result == NNG_ETIMEDOUT;
        enum net_reason slow =
            link->state == LINK_OPEN ? NET_REASON_IDLE : NET_REASON_HANDSHAKE_TIMEOUT;
        link_end_locked(link, late ? slow : NET_REASON_CLOSED);
        link->receiving = false;
        link_work_locked(link);
    } else if (link->state == LINK_REFUSED) {
        link->in_size = 0;
    }
    (void)pthread_mutex_unlock(&link->net->lock);
    if (goes_on) {
        link_read_on(link);
    }
}
