#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "net/state.h"

/* So many votes are handed out in a row before a bulk frame that waits, and so many bulk
 * frames of validators before one of the others. */
enum { VOTES_IN_ROW_MAX = 64, BULK_IN_ROW_MAX = 8 };

bool inbox_full_locked(const struct link *link)
{
    return link->inbox_count >= NET_INBOX_MAX || link->inbox_size >= NET_INBOX_SIZE_MAX;
}

struct incoming *incoming_make(const struct link *link, enum net_event_kind kind,
                               struct bytes bytes)
{
    struct incoming *incoming = malloc(sizeof *incoming + bytes.size);
    if (incoming == NULL) {
        return NULL;
    }
    incoming->next = NULL;
    incoming->event = (struct net_event){.kind = kind, .session = link->id};
    incoming->event.owned = incoming;
    if (bytes.size > 0) {
        memcpy(incoming->data, bytes.data, bytes.size);
        incoming->event.bytes = bytes_of(incoming->data, bytes.size);
    }
    return incoming;
}

bool inbox_nothing_ready_locked(const struct net *net)
{
    for (uint32_t class = 0; class < INBOX_COUNT; class ++) {
        if (net->ready_first[class] != NULL) {
            return false;
        }
    }
    return true;
}

static enum inbox_class class_of(const struct link *link)
{
    if (link->info.lane == NET_LANE_VOTE) {
        return INBOX_VOTE;
    }
    return link->info.role == NET_ROLE_VALIDATOR ? INBOX_VALIDATOR_BULK : INBOX_OTHER;
}

static void ready_append(struct link *link)
{
    struct net *net = link->net;
    enum inbox_class class = class_of(link);
    link->in_ready = true;
    link->next_ready = NULL;
    if (net->ready_last[class] == NULL) {
        net->ready_first[class] = link;
    } else {
        net->ready_last[class]->next_ready = link;
    }
    net->ready_last[class] = link;
}

static struct link *ready_pop(struct net *net, enum inbox_class class)
{
    struct link *link = net->ready_first[class];
    net->ready_first[class] = link->next_ready;
    if (net->ready_first[class] == NULL) {
        net->ready_last[class] = NULL;
    }
    link->in_ready = false;
    return link;
}

void inbox_put_locked(struct link *link, struct incoming *incoming)
{
    struct net *net = link->net;
    incoming->event.key = link->info.key;
    incoming->event.role = link->info.role;
    incoming->event.lane = link->info.lane;
    incoming->event.dialed = link->info.dialed;
    if (link->inbox_last == NULL) {
        link->inbox_first = incoming;
    } else {
        link->inbox_last->next = incoming;
    }
    link->inbox_last = incoming;
    link->inbox_count++;
    link->inbox_size += incoming->event.bytes.size;
    if (link->in_ready) {
        return;
    }
    if (inbox_nothing_ready_locked(net)) {
        (void)eventfd_write(net->event_fd, 1);
        (void)pthread_cond_broadcast(&net->event_cond);
    }
    ready_append(link);
}

static struct incoming *inbox_pop(struct link *link)
{
    struct incoming *first = link->inbox_first;
    link->inbox_first = first->next;
    if (link->inbox_first == NULL) {
        link->inbox_last = NULL;
    }
    link->inbox_count--;
    link->inbox_size -= first->event.bytes.size;
    return first;
}

void inbox_clear_locked(struct link *link)
{
    while (link->inbox_first != NULL) {
        free(inbox_pop(link));
    }
}

/* Half empty again: the session is read on. */
static void resume_locked(struct link *link)
{
    if (link->paused && link_lives_locked(link) && link->inbox_count <= NET_INBOX_MAX / 2 &&
        link->inbox_size <= NET_INBOX_SIZE_MAX / 2) {
        link->paused = false;
        link->receiving = true;
        link->resume = true;
        link->heard_ms = net_now_ms(); /* it was not heard because we did not listen */
        link_work_locked(link);
    }
}

static enum inbox_class choose_locked(struct net *net)
{
    const bool votes_wait = net->ready_first[INBOX_VOTE] != NULL;
    const bool bulk_waits = net->ready_first[INBOX_VALIDATOR_BULK] != NULL;
    const bool others_wait = net->ready_first[INBOX_OTHER] != NULL;
    if (votes_wait && !((bulk_waits || others_wait) && net->votes_in_row >= VOTES_IN_ROW_MAX)) {
        net->votes_in_row++;
        return INBOX_VOTE;
    }
    net->votes_in_row = 0;
    if (bulk_waits && !(others_wait && net->bulk_in_row >= BULK_IN_ROW_MAX)) {
        net->bulk_in_row++;
        return INBOX_VALIDATOR_BULK;
    }
    net->bulk_in_row = 0;
    return INBOX_OTHER;
}

static struct incoming *take_locked(struct net *net)
{
    struct link *link = ready_pop(net, choose_locked(net));
    struct incoming *incoming = inbox_pop(link);
    if (link->inbox_first != NULL) {
        ready_append(link);
    } else if (link->state == LINK_OVER) {
        link_work_locked(link); /* may be freed now */
    }
    resume_locked(link);
    if (inbox_nothing_ready_locked(net)) {
        eventfd_t count;
        (void)eventfd_read(net->event_fd, &count);
    }
    return incoming;
}

bool net_poll(struct net *net, struct net_event *out, uint32_t timeout_ms)
{
    uint64_t until_ms = net_now_ms() + timeout_ms;
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    (void)pthread_mutex_lock(&net->lock);
    int waited = 0;
    while (inbox_nothing_ready_locked(net) && waited == 0 && timeout_ms > 0) {
        waited = pthread_cond_timedwait(&net->event_cond, &net->lock, &until);
    }
    struct incoming *incoming = inbox_nothing_ready_locked(net) ? NULL : take_locked(net);
    (void)pthread_mutex_unlock(&net->lock);
    if (incoming == NULL) {
        return false;
    }
    *out = incoming->event;
    if (out->bytes.size == 0) {
        net_event_release(out); /* nothing that the caller could forget */
    }
    return true;
}

void net_event_release(struct net_event *event)
{
    free(event->owned);
    event->owned = NULL;
    event->bytes = (struct bytes){.data = NULL, .size = 0};
}
