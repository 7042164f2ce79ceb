#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "net/state.h"

/* Above this the keeper seals, not the caller of net_send. */
enum { INLINE_SIZE_MAX = 16 << 10 };

struct body *body_make(struct bytes bytes)
{
    struct body *body = malloc(sizeof *body + bytes.size);
    if (body != NULL) {
        body->users = 1;
        body->size = bytes.size;
        if (bytes.size > 0) {
            memcpy(body->data, bytes.data, bytes.size);
        }
    }
    return body;
}

void body_drop_locked(struct body *body)
{
    if (body != NULL && --body->users == 0) {
        free(body);
    }
}

static size_t outgoing_size(const struct outgoing *outgoing)
{
    size_t size = outgoing->body == NULL ? 0 : outgoing->body->size;
    return size + (outgoing->plain ? (size_t)FRAME_PREFIX_SIZE : (size_t)FRAME_OVERHEAD);
}

/* The first in the queue; or the first that may be dropped, after handshake messages. */
static struct outgoing *out_pop_locked(struct link *link, bool plain_too)
{
    struct outgoing *before = NULL;
    struct outgoing *first = link->out_first;
    while (first != NULL && first->plain && !plain_too) {
        before = first;
        first = first->next;
    }
    if (first == NULL) {
        return NULL;
    }
    *(before == NULL ? &link->out_first : &before->next) = first->next;
    if (link->out_last == first) {
        link->out_last = before;
    }
    link->out_count--;
    link->out_size -= outgoing_size(first);
    first->next = NULL;
    return first;
}

static void outgoing_free_locked(struct outgoing *outgoing)
{
    body_drop_locked(outgoing->body);
    free(outgoing);
}

void send_clear_locked(struct link *link)
{
    while (link->out_first != NULL) {
        outgoing_free_locked(out_pop_locked(link, true));
    }
}

static bool queue_over(const struct link *link)
{
    if (link->info.lane == NET_LANE_VOTE) {
        return link->out_count > NET_VOTE_QUEUE_MAX;
    }
    return link->out_count > NET_BULK_QUEUE_MAX || link->out_size > NET_BULK_QUEUE_SIZE_MAX;
}

static enum net_sent drop_oldest_locked(struct link *link)
{
    enum net_sent sent = NET_SENT_QUEUED;
    struct net_stats *stats = &link->net->stats;
    while (link->state == LINK_OPEN && queue_over(link)) {
        struct outgoing *oldest = out_pop_locked(link, false);
        if (oldest == NULL) {
            break;
        }
        outgoing_free_locked(oldest);
        link->info.dropped++;
        stats->dropped_votes += link->info.lane == NET_LANE_VOTE;
        stats->dropped_bulk += link->info.lane == NET_LANE_BULK;
        sent = NET_SENT_DROPPING;
    }
    return sent;
}

enum net_sent send_queue_locked(struct link *link, const struct outgoing *what)
{
    struct outgoing *outgoing = malloc(sizeof *outgoing);
    if (outgoing == NULL) {
        link_end_locked(link, NET_REASON_MEMORY);
        return NET_SENT_GONE;
    }
    *outgoing = *what;
    outgoing->next = NULL;
    if (outgoing->body != NULL) {
        outgoing->body->users++;
    }
    if (link->out_last == NULL) {
        link->out_first = outgoing;
    } else {
        link->out_last->next = outgoing;
    }
    link->out_last = outgoing;
    link->out_count++;
    link->out_size += outgoing_size(outgoing);
    return drop_oldest_locked(link);
}

void send_ping_locked(struct link *link)
{
    bool carries = link->info.lane == NET_LANE_VOTE;
    (void)send_queue_locked(
        link, &(struct outgoing){.body = carries ? link->net->ping : NULL, .kind = FRAME_PING});
}

bool send_claim_locked(struct link *link)
{
    if (link->sending || link->out_count == 0 || !link_lives_locked(link)) {
        return false;
    }
    link->sending = true;
    link->write_ms = net_now_ms();
    if (link->out_size > INLINE_SIZE_MAX) {
        link->kick = true;
        link_work_locked(link);
        return false;
    }
    return true;
}

/* Takes frames for one stream write off the queue: NNG costs about 40 us an operation,
 * so small ones travel together. */
static struct outgoing *batch_take_locked(struct link *link, size_t *size)
{
    struct outgoing *first = NULL;
    struct outgoing **end = &first;
    *size = 0;
    while (link->out_first != NULL) {
        size_t more = outgoing_size(link->out_first);
        if (*size > 0 && *size + more > NET_BATCH_SIZE) {
            break;
        }
        *end = out_pop_locked(link, true);
        end = &(*end)->next;
        *size += more;
        link->info.frames_out++;
        link->net->stats.frames_out++;
    }
    link->info.bytes_out += *size;
    return first;
}

static bool one_write(struct link *link, const struct outgoing *one, uint8_t *out)
{
    struct bytes payload = {.data = NULL, .size = 0};
    if (one->body != NULL) {
        payload = bytes_of(one->body->data, one->body->size);
    }
    if (!one->plain) {
        struct frame frame = {.kind = one->kind, .id = one->id, .payload = payload};
        return frame_seal(&link->sealing, &frame, out);
    }
    store_be32(out, (uint32_t)payload.size);
    if (payload.size > 0) {
        memcpy(out + FRAME_PREFIX_SIZE, payload.data, payload.size);
    }
    return true;
}

static bool batch_write(struct link *link, const struct outgoing *batch)
{
    uint8_t *out = link->write;
    bool written = true;
    for (const struct outgoing *one = batch; written && one != NULL; one = one->next) {
        written = one_write(link, one, out);
        out += outgoing_size(one);
    }
    return written;
}

static bool write_post(struct link *link)
{
    nng_iov iov = {.iov_buf = link->write + link->write_done,
                   .iov_len = link->write_size - link->write_done};
    bool posted = false;
    (void)pthread_mutex_lock(&link->post_lock);
    if (!link->stream_closed && nng_aio_set_iov(link->send_aio, 1, &iov) == 0) {
        nng_aio_set_timeout(link->send_aio, (nng_duration)link->net->timing.idle_ms);
        nng_stream_send(link->stream, link->send_aio);
        posted = true;
    }
    (void)pthread_mutex_unlock(&link->post_lock);
    return posted;
}

static void sending_end(struct link *link, enum net_reason reason)
{
    free(link->write);
    link->write = NULL;
    (void)pthread_mutex_lock(&link->net->lock);
    if (reason != NET_REASON_NONE) {
        link_end_locked(link, reason);
    }
    link->sending = false;
    if (link->state == LINK_ENDING) {
        link_work_locked(link);
    }
    (void)pthread_mutex_unlock(&link->net->lock);
}

/* The next batch, or NULL and the end of sending.  What is held waits for net_flush, also
 * behind a write that was under way. */
static struct outgoing *batch_next(struct link *link, size_t *size)
{
    struct outgoing *batch = NULL;
    (void)pthread_mutex_lock(&link->net->lock);
    if (link->out_count > 0 && !link->held && link_lives_locked(link)) {
        batch = batch_take_locked(link, size);
        link->write_ms = net_now_ms();
        link->net->stats.writes_out++;
    } else {
        link->sending = false;
        if (link->state == LINK_ENDING) {
            link_work_locked(link);
        }
    }
    (void)pthread_mutex_unlock(&link->net->lock);
    return batch;
}

void send_next(struct link *link)
{
    size_t size = 0;
    struct outgoing *batch = batch_next(link, &size);
    if (batch == NULL) {
        return;
    }
    link->write = malloc(size);
    link->write_size = size;
    link->write_done = 0;
    bool written = link->write != NULL && batch_write(link, batch);

    (void)pthread_mutex_lock(&link->net->lock);
    while (batch != NULL) {
        struct outgoing *next = batch->next;
        outgoing_free_locked(batch);
        batch = next;
    }
    (void)pthread_mutex_unlock(&link->net->lock);

    if (!written) {
        sending_end(link, NET_REASON_MEMORY);
    } else if (!write_post(link)) {
        sending_end(link, NET_REASON_NONE);
    }
}

void send_done(void *arg)
{
    struct link *link = arg;
    int result = nng_aio_result(link->send_aio);
    if (result != 0) {
        sending_end(link, result == NNG_ETIMEDOUT ? NET_REASON_STALLED : NET_REASON_CLOSED);
        return;
    }
    link->write_done += nng_aio_count(link->send_aio);
    if (link->write_done == link->write_size) {
        free(link->write);
        link->write = NULL;
        send_next(link);
        return;
    }
    (void)pthread_mutex_lock(&link->net->lock);
    link->write_ms = net_now_ms();
    (void)pthread_mutex_unlock(&link->net->lock);
    if (!write_post(link)) {
        sending_end(link, NET_REASON_NONE);
    }
}
