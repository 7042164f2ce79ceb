#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

/* The queue, the network, and the loop. */

bool chance(struct sim_world *world, uint32_t percent)
{
    return random_below(&world->random, 100) < percent;
}

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void heap_swap(struct sim_world *world, size_t a, size_t b)
{
    const struct sim_event event = world->heap[a];
    world->heap[a] = world->heap[b];
    world->heap[b] = event;
}

void world_push(struct sim_world *world, uint64_t delay_us, const struct sim_event *event)
{
    if (world->heap_count == world->heap_capacity) {
        world->heap_capacity = world->heap_capacity * 2 + 256;
        world->heap = realloc(world->heap, world->heap_capacity * sizeof(*world->heap));
        ASSERT(world->heap != NULL);
    }
    size_t at = world->heap_count++;
    world->heap[at] = *event;
    world->heap[at].at_us = world->now_us + delay_us;
    world->heap[at].order = ++world->order;
    while (at > 0 && is_before(&world->heap[at], &world->heap[(at - 1) / 2])) {
        heap_swap(world, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static struct sim_event heap_pop(struct sim_world *world)
{
    const struct sim_event first = world->heap[0];
    world->heap[0] = world->heap[--world->heap_count];
    size_t at = 0;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < world->heap_count && is_before(&world->heap[child], &world->heap[least])) {
                least = child;
            }
        }
        if (least == at) {
            return first;
        }
        heap_swap(world, at, least);
        at = least;
    }
}

struct sim_message *message_new(enum sim_message_kind kind, uint32_t from)
{
    struct sim_message *message = calloc(1, sizeof(*message));
    ASSERT(message != NULL);
    message->kind = kind;
    message->from = from;
    return message;
}

void message_free(struct sim_message *message)
{
    if (message != NULL) {
        free(message->certificate);
        free(message);
    }
}

static struct sim_message *message_copy(const struct sim_message *message)
{
    struct sim_message *copy = message_new(message->kind, message->from);
    *copy = *message;
    if (message->certificate != NULL) {
        copy->certificate = malloc(sizeof(*copy->certificate));
        ASSERT(copy->certificate != NULL);
        *copy->certificate = *message->certificate;
    }
    return copy;
}

static uint64_t delay_draw(struct sim_world *world)
{
    const uint64_t mean = world->plan.delay_us;
    uint64_t delay = mean / 4 + random_below(&world->random, mean + mean / 2);
    if (!world->healed && chance(world, 3)) {
        delay *= 1 + random_below(&world->random, 30); /* a straggler */
    }
    return delay;
}

static void send_one(struct sim_world *world, uint32_t to, const struct sim_message *message)
{
    if (to == message->from || to >= world->plan.n) {
        return;
    }
    if (world->group[to] != world->group[message->from] ||
        (!world->healed && chance(world, world->plan.drop_percent))) {
        return;
    }
    const uint32_t copies = !world->healed && chance(world, world->plan.repeat_percent) ? 2 : 1;
    for (uint32_t i = 0; i < copies; i++) {
        const struct sim_event event = {
            .kind = SIM_DELIVER, .node = to, .message = message_copy(message)};
        world_push(world, delay_draw(world), &event);
    }
}

void world_send(struct sim_world *world, uint32_t to, struct sim_message *message)
{
    for (uint32_t i = 0; i < world->plan.n; i++) {
        if (to == CONSENSUS_ALL || to == i) {
            send_one(world, i, message);
        }
    }
    message_free(message);
}

void world_trace(const struct sim_world *world, uint32_t node, const char *format, ...)
{
    if (!world->trace) {
        return;
    }
    va_list arguments;
    (void)printf("%8llu %10.3f n%u ", (unsigned long long)world->event_count,
                 (double)world->now_us / 1000.0, node);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)printf("\n");
}

void world_mix(struct sim_world *world, uint64_t value)
{
    world->digest ^= value + UINT64_C(0x9E3779B97F4A7C15);
    world->digest *= UINT64_C(0xFF51AFD7ED558CCD);
    world->digest ^= world->digest >> 32;
}

static void inject(struct sim_world *world, struct sim_node *node, uint64_t tx)
{
    if (!node->liar && node->up && ledger_tx_add(node, tx)) {
        struct sim_message *message = message_new(SIM_TX, node->index);
        message->view = tx;
        world_send(world, CONSENSUS_ALL, message);
    }
}

static void peers_up(struct sim_world *world, uint32_t index)
{
    for (uint32_t i = 0; i < world->plan.n; i++) {
        world_send(world, i, message_new(SIM_PEER_UP, index));
    }
}

static void cut(struct sim_world *world, uint64_t groups)
{
    for (uint32_t i = 0; i < world->plan.n; i++) {
        world->group[i] = (uint32_t)(groups >> (2 * i)) & 3;
    }
    for (uint32_t i = 0; i < world->plan.n; i++) {
        peers_up(world, i); /* connections are made anew */
    }
}

static void heal(struct sim_world *world)
{
    world->healed = true;
    cut(world, 0);
    for (uint32_t i = 0; i < world->plan.n; i++) {
        if (!world->nodes[i].up) {
            node_boot(world, &world->nodes[i]);
        }
    }
}

static void answer(struct sim_world *world, struct sim_node *node, struct sim_event *event)
{
    if (!node->up || event->incarnation != node->incarnation) {
        return;
    }
    if (event->block != NULL) {
        event->answer.proposal.proposal = &event->block->proposal;
        check_bound(world->check, "pool", pool_add(node, event->block) ? 0 : SIM_POOL_MAX + 1,
                    SIM_POOL_MAX);
    }
    node_step(world, node, &event->answer);
}

static void timer(struct sim_world *world, struct sim_node *node, const struct sim_event *event)
{
    if (node->up && event->order == node->timer_order) {
        struct consensus_event timeout = {.kind = CONSENSUS_ON_TIMEOUT};
        node->timer_order = 0;
        node_step(world, node, &timeout);
    }
}

static void periodic(struct sim_world *world, struct sim_node *node, const struct sim_event *event)
{
    const uint64_t pause_us =
        event->kind == SIM_PING
            ? (uint64_t)SIM_PING_MS * 1000
            : (event->kind == SIM_LIE ? 2000 + random_below(&world->random, 60000) : 500000);
    world_push(world, pause_us, event);
    if (event->kind == SIM_LIE) {
        liar_lie(world, node);
    } else if (node->up && !node->liar) {
        if (event->kind == SIM_PING) {
            act_send_status(world, node, CONSENSUS_ALL);
        } else {
            node_retry(world, node);
        }
    }
}

static void happen(struct sim_world *world, struct sim_event *event)
{
    struct sim_node *node = &world->nodes[event->node];
    switch (event->kind) {
    case SIM_DELIVER:
        if (node->liar) {
            liar_deliver(world, node, event->message);
        } else if (node->up && world->group[event->message->from] == world->group[event->node]) {
            node_deliver(world, node, event->message);
        }
        message_free(event->message);
        return;
    case SIM_ANSWER:
        answer(world, node, event);
        return;
    case SIM_TIMER:
        timer(world, node, event);
        return;
    case SIM_PING:
    case SIM_LIE:
    case SIM_RETRY:
        periodic(world, node, event);
        return;
    case SIM_BOOT:
        if (!node->up && !node->liar) {
            node_boot(world, node);
        }
        return;
    case SIM_CRASH:
        if (node->up && !node->liar && !world->healed) {
            node_crash(world, node);
        }
        return;
    case SIM_CUT:
        if (!world->healed) {
            cut(world, event->extra);
        }
        return;
    case SIM_INJECT:
        inject(world, node, event->extra);
        return;
    case SIM_HEAL:
        heal(world);
        return;
    }
    UNREACHABLE();
}

/* Healed, every transaction that an honest node still remembers is final, and all honest nodes
 * have the same height. */
static bool is_done(const struct sim_world *world)
{
    uint64_t height = 0;
    for (uint32_t i = 0; i < world->plan.n; i++) {
        const struct sim_node *node = &world->nodes[i];
        if (node->liar) {
            continue;
        }
        if (!node->up || ledger_has_work(node) || node->height == 0 ||
            (height != 0 && node->height != height)) {
            return false;
        }
        height = node->height;
    }
    return world->healed;
}

void world_run(struct sim_world *world)
{
    const uint64_t settle_us = world->plan.heal_us + 3000000; /* the last injections */
    while (world->heap_count > 0 && check_class(world->check) == NULL) {
        struct sim_event event = heap_pop(world);
        ASSERT(event.at_us >= world->now_us);
        world->now_us = event.at_us;
        world->event_count++;
        world_mix(world, event.at_us ^ ((uint64_t)event.kind << 56) ^ ((uint64_t)event.node << 48));
        if (world->now_us > world->plan.end_us) {
            message_free(event.message);
            check_fail(world->check, "liveness", "no agreement %llu s after healing",
                       (unsigned long long)((world->now_us - world->plan.heal_us) / 1000000));
            break;
        }
        happen(world, &event);
        struct sim_node *node = &world->nodes[event.node];
        if (node->up && !node->liar) {
            node_work(world, node);
        }
        if (world->now_us > settle_us && is_done(world)) {
            break;
        }
    }
}

void world_free(struct sim_world *world)
{
    for (size_t i = 0; i < world->heap_count; i++) {
        message_free(world->heap[i].message);
    }
    free(world->heap);
    for (uint32_t i = 0; i < world->plan.n; i++) {
        node_free(&world->nodes[i]);
    }
    for (size_t i = 0; i < world->block_count; i++) {
        free(world->blocks[i]);
    }
    free(world->blocks);
    check_free(world->check);
}
