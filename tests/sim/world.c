#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

/* The queue and the loop. */

enum { PAUSE_STEP_US = 20000, BURST_MAX = 20000 };

#define SECOND_US  UINT64_C(1000000)
#define HOLD_TX_US (5 * SECOND_US)

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

/* Of the entry at and its children, the first to happen. */
static size_t heap_least(const struct sim_world *world, size_t at)
{
    size_t least = at;
    for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
        if (child < world->heap_count && is_before(&world->heap[child], &world->heap[least])) {
            least = child;
        }
    }
    return least;
}

static struct sim_event heap_pop(struct sim_world *world)
{
    const struct sim_event first = world->heap[0];
    world->heap[0] = world->heap[--world->heap_count];
    size_t at = 0;
    for (size_t least = heap_least(world, at); least != at; least = heap_least(world, at)) {
        heap_swap(world, at, least);
        at = least;
    }
    return first;
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
        struct sim_message *message = message_new(SIM_TX, node);
        message->view = tx;
        world_send(world, CONSENSUS_ALL, message);
    }
}

/* Connections are made anew. */
static void peers_up(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->node_count; i++) {
        world_send(world, CONSENSUS_ALL, message_new(SIM_PEER_UP, &world->nodes[i]));
    }
}

static void heal(struct sim_world *world)
{
    world->healed = true;
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct sim_disk *disk = &world->nodes[i].disk;
        disk->is_full = false;
        disk->eio = false;
        disk->sync_lies = false;
    }
    peers_up(world);
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (!world->nodes[i].up) {
            node_boot(world, &world->nodes[i]);
        }
    }
}

static void crash_all(struct sim_world *world, const struct sim_fault *fault)
{
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct sim_node *node = &world->nodes[i];
        if ((fault->node == i || fault->node == FAULT_ALL_NODES) && node->up && !node->liar) {
            fault_hit(world, FAULT_CRASH);
            node_crash(world, node, fault->value * 1000);
        }
    }
}

/* Most faults are asked for where they act; these act by themselves. */
static void fault_turns(struct sim_world *world, const struct sim_event *event)
{
    const struct sim_fault *fault = &world->plan.faults[event->extra];
    const bool begins = event->kind == SIM_FAULT_BEGINS;
    world_trace(world, fault->node, "fault %s %llu %s", fault_name(fault->class),
                (unsigned long long)fault->value, begins ? "begins" : "ends");
    if (world->healed) {
        return;
    }
    if (fault->class == FAULT_AMNESIA) {
        amnesia_turns(world, fault, begins);
    } else if (fault_group(fault->class) == FAULT_DISK) {
        damage_turns(world, fault, begins);
    } else if (fault->class == FAULT_CRASH && begins) {
        crash_all(world, fault);
    } else if (fault->class == FAULT_PAUSE) {
        world->hits[FAULT_PAUSE] += begins && world->nodes[fault->node].up ? 1 : 0;
    } else if (fault->class == FAULT_CUT || fault->class == FAULT_DEAF ||
               fault->class == FAULT_MUTE) {
        peers_up(world);
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
            : (event->kind == SIM_LIE ? 2000 + draw_below(world, DRAW_LIE_PAUSE, event->node, 60000)
                                      : 500000);
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
    if (node->up && event->kind == SIM_RETRY) {
        epoch_ready(world, node);
    }
}

/* A stopped process does nothing until it goes on. */
static bool is_paused(struct sim_world *world, struct sim_node *node, struct sim_event *event)
{
    const bool acts = event->kind != SIM_FAULT_BEGINS && event->kind != SIM_FAULT_ENDS &&
                      event->kind != SIM_HEAL && event->kind != SIM_BOOT;
    if (!acts || fault_value(world, FAULT_PAUSE, event->node) == 0) {
        return false;
    }
    const bool is_timer = event->kind == SIM_TIMER && event->order == node->timer_order;
    world_push(world, PAUSE_STEP_US, event);
    if (is_timer) {
        node->timer_order = world->order;
    }
    return true;
}

static void happen(struct sim_world *world, struct sim_event *event)
{
    struct sim_node *node = &world->nodes[event->node];
    switch (event->kind) {
    case SIM_DELIVER:
        if (node->liar) {
            liar_deliver(world, node, event->message);
        } else if (node->up && fault_is_linked(world, event->message->via, event->node)) {
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
    case SIM_FAULT_BEGINS:
    case SIM_FAULT_ENDS:
        fault_turns(world, event);
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

static void step(struct sim_world *world, struct sim_event *event)
{
    struct sim_node *node = &world->nodes[event->node];
    if (is_paused(world, node, event)) {
        return;
    }
    happen(world, event);
    if (node->up && !node->liar) {
        node_turn(world, node);
    }
    if (node->up && !node->liar) {
        node_work(world, node);
    }
}

/* Healed, every transaction that an honest node still remembers is final, and all honest nodes
 * have the same height. */
static bool is_done(const struct sim_world *world)
{
    uint64_t height = 0;
    for (uint32_t i = 0; i < world->node_count; i++) {
        const struct sim_node *node = &world->nodes[i];
        if (node->excused) {
            continue;
        }
        if (!node->up || ledger_has_work(node) || node->height == 0 ||
            !epoch_is_settled(world, &node->chain[node->height - 1].state) ||
            (height != 0 && node->height != height)) {
            return false;
        }
        height = node->height;
    }
    return world->healed;
}

static void push_node(struct sim_world *world, uint32_t index, uint32_t validator)
{
    struct sim_node *node = &world->nodes[index];
    node->index = index;
    node->world = world;
    node->epoch = 1;
    node->validator = validator;
    node->liar = fault_is_liar(&world->plan, validator);
    node->excused = fault_is_excused(&world->plan, validator);
    node->up = node->liar;
    node->skew_ms = (int64_t)draw_below(world, DRAW_NODE, index, 400) - 200;
    const struct sim_event boot = {.kind = SIM_BOOT, .node = index};
    const struct sim_event ping = {.kind = SIM_PING, .node = index};
    const struct sim_event retry = {.kind = SIM_RETRY, .node = index};
    world_push(world, draw_below(world, DRAW_NODE, index, 300000), &boot);
    world_push(world, draw_below(world, DRAW_NODE, index, (uint64_t)SIM_PING_MS * 1000), &ping);
    world_push(world, draw_below(world, DRAW_NODE, index, 500000), &retry);
    if (node->liar) {
        const struct sim_event lie = {.kind = SIM_LIE, .node = index};
        world_push(world, 1000, &lie);
    }
}

/* Where and when transaction k appears does not depend on how many there are. */
static void push_txs(struct sim_world *world)
{
    const uint64_t heal_us = world->plan.heal_us;
    const uint32_t count = world->plan.tx_count;
    struct sim_event event = {.kind = SIM_INJECT};
    for (uint32_t k = 0; k < count + 4; k++) {
        const uint64_t after_us = heal_us + 1000 + draw_below(world, DRAW_TX, 1, 2 * SECOND_US);
        event.node = (uint32_t)draw_below(world, DRAW_TX, 2, world->plan.n);
        event.extra = ++world->tx_count;
        const uint64_t before_us = draw_below(world, DRAW_TX, 3, heal_us);
        world_push(world, k < count ? before_us : after_us, &event);
    }
    for (uint64_t at_us = 0; at_us < world->plan.hold_us; at_us += HOLD_TX_US) {
        event.node = (uint32_t)draw_below(world, DRAW_TX, 4, world->plan.n);
        event.extra = ++world->tx_count;
        world_push(world, heal_us + at_us, &event);
    }
    /* One that is sure to arrive, so that progress must be made. */
    event.extra = ++world->tx_count;
    for (event.node = 0; event.node < world->plan.n; event.node++) {
        world_push(world, heal_us + world->plan.hold_us + 2 * SECOND_US, &event);
    }
}

void world_init(struct sim_world *world, const struct sim_plan *plan)
{
    uint32_t excused = 0;
    uint32_t count = 0;
    memset(world, 0, sizeof(*world));
    world->plan = *plan;
    world->plan.members = plan->members == 0 ? plan->n : plan->members;
    world->node_count = plan->n;
    for (uint32_t i = 0; i < plan->n; i++) {
        push_node(world, i, i);
        excused |= world->nodes[i].excused ? 1U << i : 0;
        count += world->nodes[i].excused ? 1 : 0;
    }
    for (uint32_t i = 0; i < plan->fault_count; i++) {
        const struct sim_fault *fault = &plan->faults[i];
        world->planned[fault->class] = true;
        if (fault->class == FAULT_LIE_TWIN && world->node_count < SIM_NODES_MAX) {
            push_node(world, world->node_count++, fault->node);
        }
        struct sim_event turn = {.kind = SIM_FAULT_BEGINS, .extra = i};
        world_push(world, fault->from_us, &turn);
        turn.kind = SIM_FAULT_ENDS;
        world_push(world, fault->to_us, &turn);
    }
    push_txs(world);
    epoch_push_changes(world);
    const struct sim_event heal = {.kind = SIM_HEAL};
    world_push(world, plan->heal_us, &heal);
    epoch_first(world);
    world->over_budget = count > (world->plan.members - 1) / 3;
    world->check = check_new(world->plan.members, excused);
    ASSERT(world->check != NULL);
    check_expect_break(world->check, world->over_budget);
}

void world_run(struct sim_world *world)
{
    const uint64_t settle_us =
        world->plan.heal_us + world->plan.hold_us + 3000000; /* the last injections */
    while (world->heap_count > 0 && check_class(world->check) == NULL) {
        struct sim_event event = heap_pop(world);
        ASSERT(event.at_us >= world->now_us);
        world->burst = event.at_us / 1000 == world->now_us / 1000 ? world->burst + 1 : 0;
        check_bound(world->check, "events in one millisecond", world->burst, BURST_MAX);
        world->now_us = event.at_us;
        world->event_count++;
        world_mix(world, event.at_us ^ ((uint64_t)event.kind << 56) ^ ((uint64_t)event.node << 48));
        if (world->now_us > world->plan.end_us) {
            message_free(event.message);
            check_fail(world->check, "liveness", "no agreement %llu s after healing",
                       (unsigned long long)((world->now_us - world->plan.heal_us) / 1000000));
            break;
        }
        step(world, &event);
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
    for (uint32_t i = 0; i < world->node_count; i++) {
        node_free(&world->nodes[i]);
    }
    for (size_t i = 0; i < world->block_count; i++) {
        free(world->blocks[i]->shards);
        free(world->blocks[i]);
    }
    free(world->blocks);
    check_free(world->check);
}
