#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/frame.h"
#include "tests/scale/scale.h"

/* Links.  Every validator has one link of the given bandwidth, full duplex, and the same delay
 * to everybody.  Outbound: the vote lane is first, as queue disciplines that favour sparse flows
 * (fq_codel, fq) make it; the bulk lanes of all peers share the rest evenly, in pieces of
 * PIECE_SIZE.  Inbound: what arrives together waits for its turn on the receiver's link, at the
 * same bandwidth.  Bytes are those of sealed frames; TCP and TLS headers are not counted. */

enum { PIECE_SIZE = 16 << 10 };

struct outgoing {
    struct outgoing *next;
    struct scale_message *message;
    size_t left;
};

struct queue {
    struct outgoing *first, *last;
};

struct uplink {
    struct queue votes[SCALE_NODES_MAX];
    struct queue bulk[SCALE_NODES_MAX];
    uint32_t vote_turn, bulk_turn;
    bool busy;
    struct queue *sending; /* while busy, as are the next two */
    uint32_t to;
    size_t piece;
};

double cpu_now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool is_before(const struct scale_event *a, const struct scale_event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

void world_push(struct scale_world *world, uint64_t delay_us, const struct scale_event *event)
{
    if (world->heap_count == world->heap_capacity) {
        world->heap_capacity = world->heap_capacity * 2 + 1024;
        world->heap = realloc(world->heap, world->heap_capacity * sizeof(*world->heap));
        ASSERT(world->heap != NULL);
    }
    size_t at = world->heap_count++;
    struct scale_event item = *event;
    item.at_us = world->now_us + delay_us;
    item.order = world->order++;
    while (at > 0 && is_before(&item, &world->heap[(at - 1) / 2])) {
        world->heap[at] = world->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->heap[at] = item;
}

bool world_pop(struct scale_world *world, struct scale_event *out)
{
    if (world->heap_count == 0) {
        return false;
    }
    *out = world->heap[0];
    const struct scale_event item = world->heap[--world->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < world->heap_count; child = 2 * at + 1) {
        if (child + 1 < world->heap_count &&
            is_before(&world->heap[child + 1], &world->heap[child])) {
            child++;
        }
        if (!is_before(&world->heap[child], &item)) {
            break;
        }
        world->heap[at] = world->heap[child];
        at = child;
    }
    world->heap[at] = item;
    world->now_us = out->at_us;
    return true;
}

void network_init(struct scale_world *world)
{
    world->uplinks = calloc(world->options.validator_count, sizeof(*world->uplinks));
    ASSERT(world->uplinks != NULL);
}

static void queue_free(struct queue *queue)
{
    while (queue->first != NULL) {
        struct outgoing *next = queue->first->next;
        message_drop(queue->first->message);
        free(queue->first);
        queue->first = next;
    }
}

void network_free(struct scale_world *world)
{
    for (uint32_t i = 0; i < world->options.validator_count; i++) {
        for (uint32_t to = 0; to < world->options.validator_count; to++) {
            queue_free(&world->uplinks[i].votes[to]);
            queue_free(&world->uplinks[i].bulk[to]);
        }
    }
    free(world->uplinks);
}

static uint64_t transfer_us(const struct scale_world *world, size_t size)
{
    return (size * 8 + world->options.link_mbit - 1) / world->options.link_mbit;
}

static struct queue *queue_next(struct queue queues[SCALE_NODES_MAX], uint32_t count,
                                uint32_t *turn, uint32_t *to)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t peer = (*turn + i) % count;
        if (queues[peer].first != NULL) {
            *turn = (peer + 1) % count;
            *to = peer;
            return &queues[peer];
        }
    }
    return NULL;
}

static void uplink_run(struct scale_world *world, uint32_t node)
{
    struct uplink *link = &world->uplinks[node];
    const uint32_t count = world->options.validator_count;
    link->sending = queue_next(link->votes, count, &link->vote_turn, &link->to);
    if (link->sending == NULL) {
        link->sending = queue_next(link->bulk, count, &link->bulk_turn, &link->to);
    }
    link->busy = link->sending != NULL;
    if (!link->busy) {
        return;
    }
    const size_t left = link->sending->first->left;
    link->piece = left < PIECE_SIZE ? left : PIECE_SIZE;
    world_push(world, transfer_us(world, link->piece),
               &(struct scale_event){.kind = SCALE_LINK, .node = node});
}

static bool is_bulk(enum wire_message_kind kind)
{
    return kind == WIRE_PROPOSAL || kind == WIRE_SHARD;
}

static void send_one(struct scale_world *world, uint32_t from, uint32_t to,
                     struct scale_message *message)
{
    struct uplink *link = &world->uplinks[from];
    struct outgoing *out = malloc(sizeof(*out));
    ASSERT(out != NULL);
    const size_t size = message->size + FRAME_OVERHEAD;
    *out = (struct outgoing){.message = message, .left = size};
    message_use(message);
    struct queue *queue = is_bulk(message->kind) ? &link->bulk[to] : &link->votes[to];
    if (queue->first == NULL) {
        queue->first = out;
    } else {
        queue->last->next = out;
    }
    queue->last = out;
    world->nodes[from].sent[message->kind]++;
    if (message->view < SCALE_VIEWS_MAX) {
        world->egress[message->view][from] += size;
    }
    if (!link->busy) {
        uplink_run(world, from);
    }
}

void network_send(struct scale_world *world, struct scale_route route,
                  struct scale_message *message)
{
    for (uint32_t i = 1; i < world->options.validator_count; i++) {
        const uint32_t to = (route.from + i) % world->options.validator_count;
        if (route.to == CONSENSUS_ALL || route.to == to) {
            send_one(world, route.from, to, message);
        }
    }
}

/* All delays are the same, so pieces arrive in the order in which they were sent, and the turn
 * of each on the receiver's link is known at once. */
void network_sent(struct scale_world *world, uint32_t node)
{
    struct uplink *link = &world->uplinks[node];
    struct outgoing *out = link->sending->first;
    const uint64_t arrives_us = world->now_us + world->options.delay_us;
    const uint64_t free_us = world->down_free_us[link->to] + transfer_us(world, link->piece);
    const uint64_t done_us = arrives_us > free_us ? arrives_us : free_us;
    world->down_free_us[link->to] = done_us;
    out->left -= link->piece;
    if (out->left == 0) {
        link->sending->first = out->next;
        world_push(
            world, done_us - world->now_us,
            &(struct scale_event){
                .kind = SCALE_DELIVER, .node = link->to, .peer = node, .message = out->message});
        free(out);
    }
    uplink_run(world, node);
}
