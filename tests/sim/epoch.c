#include "tests/sim/epoch.h"

#include <string.h>

#include "tests/sim/sim.h"

enum { PEER_OTHER = 1000 }; /* a core's number of a peer outside its set */

void set_hash(const struct sim_set *set, struct hash *out)
{
    uint8_t bytes[2 * SIM_MEMBERS_MAX];
    for (uint32_t i = 0; i < set->count; i++) {
        bytes[(size_t)2 * i] = (uint8_t)set->members[i].validator;
        bytes[(size_t)2 * i + 1] = (uint8_t)set->members[i].key;
    }
    crypto_sha256(bytes_of(bytes, (size_t)2 * set->count), out);
}

uint32_t set_place(const struct sim_set *set, uint32_t validator)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->members[i].validator == validator) {
            return i;
        }
    }
    return CONSENSUS_OBSERVER;
}

void state_genesis(const struct sim_world *world, struct sim_state *out)
{
    *out = (struct sim_state){.epoch = 1, .set = {.count = world->plan.members}};
    for (uint32_t i = 0; i < out->set.count; i++) {
        out->set.members[i].validator = i;
    }
}

/* Never so few that the liars are more than f, or that nobody checks a leader's clock. */
static uint32_t members_min(const struct sim_world *world)
{
    uint32_t liars = 0;
    for (uint32_t i = 0; i < world->plan.n; i++) {
        liars += world->nodes[i].excused ? 1 : 0;
    }
    return liars == 0 ? 2 : 3 * liars + 1;
}

static bool is_sensible(const struct sim_world *world, const struct sim_set *set,
                        const struct sim_op *op)
{
    const bool is_in = set_place(set, op->validator) != CONSENSUS_OBSERVER;
    switch (op->kind) {
    case SIM_OP_ADD:
        return !is_in && set->count < SIM_MEMBERS_MAX;
    case SIM_OP_REMOVE:
        return is_in && set->count > members_min(world);
    case SIM_OP_REKEY:
        return is_in;
    case SIM_OP_NONE:
    case SIM_OP_READY:
        return false;
    }
    UNREACHABLE();
}

/* A key is new whenever its owner comes in or asks for another: the change's own number. */
static void set_apply(const struct sim_world *world, const struct sim_state *state,
                      struct sim_set *out)
{
    const struct sim_op *op = &world->ops[state->change];
    const uint32_t place = set_place(&state->set, op->validator);
    *out = state->set;
    if (op->kind == SIM_OP_ADD) {
        out->members[out->count++] = (struct check_member){.validator = op->validator,
                                                           .key = (uint32_t)(state->change % 256)};
    } else if (op->kind == SIM_OP_REKEY) {
        out->members[place].key = (uint32_t)(state->change % 256);
    } else { /* all behind it move up */
        out->count--;
        memmove(&out->members[place], &out->members[place + 1],
                (out->count - place) * sizeof(out->members[0]));
        memset(&out->members[out->count], 0, sizeof(out->members[0]));
    }
}

bool state_is_due(const struct sim_world *world, const struct sim_state *state)
{
    return state->change != 0 && (state->ready || world->ops[state->change].kind == SIM_OP_REMOVE);
}

void state_next_set(const struct sim_world *world, const struct sim_state *state, uint64_t height,
                    struct hash *out)
{
    struct sim_set next = state->set;
    if (state_is_due(world, state) && height >= state->accepted_height + 2) {
        set_apply(world, state, &next);
    }
    set_hash(&next, out);
}

static void state_take(const struct sim_world *world, struct sim_state *state, uint64_t tx,
                       const struct sim_content *content)
{
    const struct sim_op *op = &world->ops[tx];
    if (op->kind == SIM_OP_READY) {
        state->ready = state->ready || (state->change != 0 && op->change == state->change);
    } else if (state->change == 0 && is_sensible(world, &state->set, op)) {
        state->change = tx;
        state->accepted_height = content->height;
        state->accepted_ms = content->time_ms;
        state->ready = false;
    }
}

void state_after(const struct sim_world *world, const struct sim_state *parent,
                 const struct sim_content *content, struct sim_state *out)
{
    struct hash own;
    *out = *parent;
    root_after(&parent->root, content, &out->root);
    set_hash(&parent->set, &own);
    if (!hash_equal(&own, &content->next_set) && parent->change != 0) {
        set_apply(world, parent, &out->set);
        out->set.offset = out->root.bytes[0] % out->set.count;
        out->epoch++;
        out->change = 0;
    } else if (!state_is_due(world, parent) &&
               content->time_ms > parent->accepted_ms + SIM_READY_MS) {
        out->change = 0;
    }
    for (uint32_t i = 0; i < content->tx_count; i++) {
        if (content->txs[i] < SIM_TXS_MAX) {
            state_take(world, out, content->txs[i], content);
        }
    }
}

bool block_is_boundary(const struct sim_block *block)
{
    struct hash own;
    set_hash(&block->set, &own);
    return !hash_equal(&own, &block->proposal.light.next_set_hash);
}

uint32_t epoch_peer(const struct sim_node *node, uint32_t validator)
{
    const uint32_t place = set_place(&node->set, validator);
    return place != CONSENSUS_OBSERVER ? place : PEER_OTHER + validator;
}

uint32_t epoch_validator(const struct sim_node *node, uint32_t peer)
{
    if (peer == CONSENSUS_ALL) {
        return peer;
    }
    return peer < node->set.count ? node->set.members[peer].validator : peer - PEER_OTHER;
}

/* Most changes come before healing, some after. */
void epoch_push_changes(struct sim_world *world)
{
    static const enum sim_op_kind kinds[] = {SIM_OP_ADD, SIM_OP_ADD, SIM_OP_REMOVE, SIM_OP_REMOVE,
                                             SIM_OP_REKEY};
    const struct sim_plan *plan = &world->plan;
    for (uint32_t k = 0; k < plan->changes; k++) {
        const uint64_t tx = ++world->tx_count;
        world->ops[tx] = (struct sim_op){
            .kind = kinds[draw_below(world, DRAW_EPOCH, 1, sizeof(kinds) / sizeof(kinds[0]))],
            .validator = (uint32_t)draw_below(world, DRAW_EPOCH, 2, plan->n)};
        const uint64_t span_us = plan->heal_us + (k % 3 == 2 ? 2000000 : 0);
        const uint64_t at_us = draw_below(world, DRAW_EPOCH, 3, span_us);
        struct sim_event event = {.kind = SIM_INJECT, .extra = tx};
        for (event.node = 0; event.node < plan->n; event.node++) { /* whoever is up */
            world_push(world, at_us, &event);
        }
    }
}

static uint64_t find_ready(struct sim_world *world, uint64_t change, uint32_t validator)
{
    for (uint64_t tx = 1; tx <= world->tx_count; tx++) {
        if (world->ops[tx].kind == SIM_OP_READY && world->ops[tx].change == change) {
            return tx;
        }
    }
    if (world->tx_count + 1 >= SIM_TXS_MAX) {
        return 0;
    }
    world->ops[++world->tx_count] =
        (struct sim_op){.kind = SIM_OP_READY, .validator = validator, .change = change};
    return world->tx_count;
}

void epoch_ready(struct sim_world *world, struct sim_node *node)
{
    struct sim_state state;
    node_state(world, node, &state);
    if (state.change == 0 || state.ready || world->ops[state.change].kind == SIM_OP_REMOVE ||
        world->ops[state.change].validator != node->validator) {
        return;
    }
    const uint64_t tx = find_ready(world, state.change, node->validator);
    if (tx != 0 && (node->liar || ledger_tx_add(node, tx))) {
        struct sim_message *message = message_new(SIM_TX, node);
        message->view = tx;
        world_send(world, CONSENSUS_ALL, message);
    }
}

static void count_change(struct sim_world *world, const struct sim_set *from,
                         const struct sim_set *to)
{
    if (to->count == from->count) {
        fault_hit(world, FAULT_SET_REKEY);
        return;
    }
    fault_hit(world, to->count < from->count ? FAULT_SET_REMOVE : FAULT_SET_ADD);
    for (uint32_t i = 0; i < world->plan.n; i++) {
        const bool left = set_place(to, i) == CONSENSUS_OBSERVER;
        const bool came = !left && set_place(from, i) == CONSENSUS_OBSERVER;
        if (came && (world->has_left >> i & 1) != 0) {
            fault_hit(world, FAULT_SET_READD);
        }
        if (left && set_place(from, i) != CONSENSUS_OBSERVER) {
            world->has_left |= 1U << i;
        }
    }
}

void epoch_open(struct sim_world *world, const struct sim_block *block,
                const struct sim_state *state)
{
    world->hits[FAULT_SET_AGAIN] += block->proposal.rest.flags != 0 ? 1 : 0;
    if (state->epoch != world->epoch_count + 1 || state->epoch >= SIM_EPOCHS_MAX) {
        return;
    }
    count_change(world, &world->sets[world->epoch_count], &state->set);
    world->sets[++world->epoch_count] = state->set;
    record_epoch(world, state->epoch);
}

void epoch_first(struct sim_world *world)
{
    struct sim_state genesis;
    state_genesis(world, &genesis);
    world->epoch_count = 1;
    world->sets[1] = genesis.set;
    for (uint32_t i = 0; i < world->node_count; i++) {
        world->nodes[i].set = genesis.set;
    }
}

bool epoch_is_settled(const struct sim_world *world, const struct sim_state *state)
{
    const struct sim_op *op = &world->ops[state->change];
    return state->change == 0 ||
           (!state_is_due(world, state) && world->nodes[op->validator].excused);
}
