#include <stdlib.h>
#include <string.h>

#include "tests/scale/scale.h"

/* One validator: what the driver does around the core, without disks and threads. */

static void node_step(struct scale_world *world, uint32_t index, struct consensus_event *event);

static void answer(struct scale_world *world, uint32_t index, uint64_t delay_us,
                   const struct consensus_event *event)
{
    world_push(world, delay_us,
               &(struct scale_event){.kind = SCALE_STEP, .node = index, .answer = *event});
}

static void certify_answer(struct scale_world *world, uint32_t index,
                           const struct scale_block *block)
{
    const struct consensus_event event = {.kind = CONSENSUS_ON_CERTIFIED,
                                          .certified = {.view = block->proposal.light.view,
                                                        .proposal = block->hash,
                                                        .verdict = CONSENSUS_CERTIFY_OK}};
    answer(world, index, SCALE_CERTIFY_US, &event);
}

static void certify(struct scale_world *world, uint32_t index, const struct hash *proposal)
{
    struct scale_block *block = block_find(world, proposal);
    ASSERT(block != NULL);
    if (block->by[index].whole) {
        certify_answer(world, index, block);
    } else {
        block->by[index].certify_asked = true;
    }
}

static void send_later(struct scale_world *world, uint32_t index, uint64_t delay_us,
                       const struct consensus_action *action)
{
    struct scale_message *message = message_write(world, index, action);
    const bool to_all = action->kind == CONSENSUS_DO_SEND_VOTE;
    world_push(world, delay_us,
               &(struct scale_event){.kind = SCALE_SEND,
                                     .node = index,
                                     .peer = to_all ? CONSENSUS_ALL : action->to,
                                     .message = message});
}

static void note_final(struct scale_world *world, uint32_t index)
{
    const struct consensus_actions *actions = &world->actions;
    for (uint32_t i = 0; i < actions->final_count; i++) {
        struct scale_block *block = block_find(world, &actions->finals[i].proposal);
        ASSERT(block != NULL && block->final_us[index] == 0);
        block->final_us[index] = world->now_us;
        world->final_count++;
        block->final_count++;
        if (block->final_count == world->options.validator_count) {
            block_release(block);
        }
        world->last_count += actions->finals[i].view == world->last_view ? 1 : 0;
    }
}

static void set_timer(struct scale_world *world, uint32_t index, uint64_t at_ms)
{
    const uint64_t at_us = at_ms * 1000;
    world->nodes[index].timer_order = world->order; /* of the event that is pushed now */
    if (at_ms == UINT64_MAX) {
        world->order++;
        return;
    }
    world_push(world, at_us > world->now_us ? at_us - world->now_us : 0,
               &(struct scale_event){.kind = SCALE_TIMER, .node = index});
}

static void sign(struct scale_world *world, uint32_t index, uint64_t delay_us,
                 const struct vote *vote)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_SIGNED, .vote = *vote};
    memset(event.vote.signature.bytes, (int)(index + 1), sizeof(event.vote.signature.bytes));
    answer(world, index, delay_us + SCALE_SYNC_US + SCALE_SIGN_US, &event);
}

static void build(struct scale_world *world, uint32_t index, const struct consensus_action *action)
{
    struct scale_block *block = block_make(world, index, action);
    world_push(world, SCALE_ENCODE_US,
               &(struct scale_event){.kind = SCALE_BUILT, .node = index, .block = block});
}

static void act(struct scale_world *world, uint32_t index, const struct consensus_action *action)
{
    const uint64_t delay_us = world->actions.persist_count > 0 ? SCALE_SYNC_US : 0;
    switch (action->kind) {
    case CONSENSUS_DO_PERSIST_PROPOSAL:
    case CONSENSUS_DO_PERSIST_CERTIFICATE:
    case CONSENSUS_DO_PERSIST_CERTIFIED:
    case CONSENSUS_DO_PERSIST_VOTE:
        return;
    case CONSENSUS_DO_SIGN:
        sign(world, index, delay_us, &action->vote);
        return;
    case CONSENSUS_DO_SEND_PROPOSAL:
        world_push(world, delay_us,
                   &(struct scale_event){.kind = SCALE_SEND,
                                         .node = index,
                                         .block = block_find(world, &action->vote.proposal)});
        return;
    case CONSENSUS_DO_SEND_VOTE:
        world->nullified_count += action->vote.kind == VOTE_NULLIFY ? 1 : 0;
        send_later(world, index, delay_us, action);
        return;
    case CONSENSUS_DO_SEND_CERTIFICATE:
    case CONSENSUS_DO_SEND_HAVE:
    case CONSENSUS_DO_SEND_STATUS:
    case CONSENSUS_DO_GET_CERTIFICATES:
    case CONSENSUS_DO_GET_BLOCK:
        send_later(world, index, delay_us, action);
        return;
    case CONSENSUS_DO_BUILD:
        build(world, index, action);
        return;
    case CONSENSUS_DO_CERTIFY:
        certify(world, index, &action->block.proposal);
        return;
    case CONSENSUS_DO_FINAL:
        note_final(world, index);
        return;
    case CONSENSUS_DO_ENTER_VIEW:
        return;
    case CONSENSUS_DO_SET_TIMER:
        set_timer(world, index, action->timer_at_ms);
        return;
    case CONSENSUS_DO_SERVE_CERTIFICATE:
    case CONSENSUS_DO_CATCH_UP:
    case CONSENSUS_DO_DIVERGED:
    case CONSENSUS_DO_END_EPOCH:
    case CONSENSUS_DO_SERVE_EPOCH:
        world->unmodelled_count++;
        return;
    }
    UNREACHABLE();
}

static void node_step(struct scale_world *world, uint32_t index, struct consensus_event *event)
{
    struct scale_node *node = &world->nodes[index];
    event->now_ms = world->now_us / 1000;
    const double start_s = cpu_now_s();
    (void)!consensus_step(node->core, event, &world->actions);
    node->cost.core_s += cpu_now_s() - start_s;
    node->cost.step_count++;
    for (uint32_t i = 0; i < world->actions.count; i++) {
        act(world, index, &world->actions.items[i]);
    }
}

static enum consensus_verdict screen(struct scale_world *world, uint32_t index,
                                     struct consensus_event *event)
{
    struct scale_node *node = &world->nodes[index];
    event->now_ms = world->now_us / 1000;
    const double start_s = cpu_now_s();
    const enum consensus_verdict verdict = consensus_screen(node->core, event);
    node->cost.core_s += cpu_now_s() - start_s;
    return verdict;
}

/* ---- shards ---------------------------------------------------------------------------- */

static void pass_on(struct scale_world *world, uint32_t index, struct scale_block *block)
{
    const uint32_t leader = block->proposal.rest.leader;
    if (block->by[index].passed_on) {
        return;
    }
    block->by[index].passed_on = true;
    for (uint32_t i = 1; i < block->code.count; i++) {
        const uint32_t to = (leader + i) % block->code.count;
        if (to != index) {
            network_send(world, (struct scale_route){index, to}, block->shards[index]);
        }
    }
}

static void send_block(struct scale_world *world, struct scale_block *block)
{
    const uint32_t leader = block->proposal.rest.leader;
    for (uint32_t i = 1; i < block->code.count; i++) {
        const uint32_t to = (leader + i) % block->code.count;
        network_send(world, (struct scale_route){leader, to}, block->shards[to]);
    }
}

/* All of the block is here: the proposal goes to the core, and a certify that waits is answered.
 * The block carries the F of its parent; that its signatures are known mostly is not counted. */
static void has_block(struct scale_world *world, uint32_t index, struct scale_block *block)
{
    struct scale_holding *held = &block->by[index];
    struct consensus_event event = {.kind = CONSENSUS_ON_PROPOSAL,
                                    .from = block->proposal.rest.leader,
                                    .proposal = {.proposal = &block->proposal,
                                                 .hash = block->hash,
                                                 .parent_id = block->parent_id}};
    held->whole = true;
    pass_on(world, index, block);
    world->nodes[index].cost.check_count += validator_quorum(world->options.validator_count);
    node_step(world, index, &event);
    if (held->certify_asked) {
        held->certify_asked = false;
        certify_answer(world, index, block);
    }
}

static bool announce(struct scale_world *world, uint32_t index, uint32_t from,
                     struct scale_block *block)
{
    struct scale_holding *held = &block->by[index];
    struct consensus_event event = {
        .kind = CONSENSUS_ON_PROPOSAL,
        .from = from,
        .proposal = {.proposal = &block->proposal, .hash = block->hash}};
    if (held->announced) {
        return true;
    }
    if (screen(world, index, &event) != CONSENSUS_ACCEPTED) {
        return false;
    }
    held->announced = true;
    world->nodes[index].cost.check_count++; /* the leader's signature */
    event = (struct consensus_event){
        .kind = CONSENSUS_ON_ANNOUNCED, .from = from, .announced = block->proposal.light.view};
    node_step(world, index, &event);
    return true;
}

static void take_shard(struct scale_world *world, uint32_t index, uint32_t from, struct bytes body)
{
    static struct wire_shard shard;
    struct scale_node *node = &world->nodes[index];
    const double start_s = cpu_now_s();
    ASSERT(wire_decode_shard(body, &shard));
    struct scale_block *block = block_of_shard(world, &shard);
    node->cost.codec_s += cpu_now_s() - start_s;
    struct scale_holding *held = &block->by[index];
    if (held->whole || held->restoring || validator_bitmap_get(&held->shards, shard.index) ||
        !announce(world, index, from, block)) {
        return;
    }
    validator_bitmap_set(&held->shards, shard.index);
    held->have++;
    if (shard.index == index) {
        pass_on(world, index, block);
    }
    if (held->have == block->code.required) {
        held->restoring = true;
        world_push(world, SCALE_RESTORE_US,
                   &(struct scale_event){.kind = SCALE_RESTORED, .node = index, .block = block});
    }
}

/* ---- messages -------------------------------------------------------------------------- */

static void take_vote(struct scale_world *world, uint32_t index, uint32_t from, struct bytes body)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_VOTE, .from = from};
    struct scale_node *node = &world->nodes[index];
    const double start_s = cpu_now_s();
    ASSERT(wire_decode_vote(body, &event.vote));
    node->cost.codec_s += cpu_now_s() - start_s;
    node->cost.check_count += screen(world, index, &event) == CONSENSUS_ACCEPTED ? 1 : 0;
    node_step(world, index, &event);
}

static void take_certificate(struct scale_world *world, uint32_t index, uint32_t from,
                             const struct certificate *certificate)
{
    struct consensus_event event = {
        .kind = CONSENSUS_ON_CERTIFICATE, .from = from, .certificate = certificate};
    if (screen(world, index, &event) == CONSENSUS_ACCEPTED) {
        world->nodes[index].cost.check_count += certificate->signature_count;
    }
    node_step(world, index, &event);
}

static void take_status(struct scale_world *world, uint32_t index, uint32_t from, struct bytes body)
{
    static struct wire_status status; /* 16 KB */
    struct consensus_event event = {.kind = CONSENSUS_ON_STATUS, .from = from};
    ASSERT(wire_decode_status(body, &status));
    if (status.has_last_final) {
        take_certificate(world, index, from, &status.last_final);
    }
    if (status.has_entry) {
        take_certificate(world, index, from, &status.entry);
    }
    event.status.epoch = status.epoch;
    event.status.view = status.view;
    event.status.final_view = status.has_last_final ? status.last_final.view : 0;
    node_step(world, index, &event);
}

static void take_have(struct scale_world *world, uint32_t index, uint32_t from, struct bytes body)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_HAVE, .from = from};
    struct scale_node *node = &world->nodes[index];
    struct wire_have have;
    const double start_s = cpu_now_s();
    ASSERT(wire_decode_have(body, &have));
    node->cost.codec_s += cpu_now_s() - start_s;
    event.have.epoch = have.epoch;
    event.have.view = have.view;
    event.have.kind = have.kind;
    node_step(world, index, &event);
}

static void take_get_certs(struct scale_world *world, uint32_t index, uint32_t from,
                           struct bytes body)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_GET_CERTIFICATES, .from = from};
    struct wire_get_certs get;
    ASSERT(wire_decode_get_certs(body, &get));
    event.range.epoch = get.epoch;
    event.range.view = get.from_view;
    event.range.count = (uint32_t)(get.to_view - get.from_view + 1);
    node_step(world, index, &event);
}

static void serve_block(struct scale_world *world, uint32_t index, uint32_t from, struct bytes body)
{
    struct hash hash;
    ASSERT(wire_decode_get_block(body, &hash));
    const struct scale_block *block = block_find(world, &hash);
    if (block != NULL && block->block != NULL && block->by[index].whole) {
        struct scale_message *message = message_proposal(block);
        network_send(world, (struct scale_route){index, from}, message);
        message_drop(message);
    }
}

static void take_proposal(struct scale_world *world, uint32_t index, struct bytes body)
{
    struct wire_proposal proposal;
    ASSERT(wire_decode_proposal(body, &proposal));
    struct scale_block *block = world->blocks[proposal.proposal.light.view];
    if (!block->by[index].whole) {
        has_block(world, index, block);
    }
}

static void take_message(struct scale_world *world, uint32_t index, uint32_t from,
                         const struct scale_message *frame)
{
    static struct certificate certificate; /* 8 KB */
    struct scale_node *node = &world->nodes[index];
    struct wire_message message;
    const double start_s = cpu_now_s();
    ASSERT(wire_decode_message(bytes_of(frame->bytes, frame->size), &message));
    if (message.kind == WIRE_CERT) {
        ASSERT(wire_decode_certificate(message.body, &certificate));
    }
    node->cost.codec_s += cpu_now_s() - start_s;
    switch (message.kind) {
    case WIRE_VOTE:
        take_vote(world, index, from, message.body);
        return;
    case WIRE_CERT:
        take_certificate(world, index, from, &certificate);
        return;
    case WIRE_HAVE:
        take_have(world, index, from, message.body);
        return;
    case WIRE_STATUS:
        take_status(world, index, from, message.body);
        return;
    case WIRE_GET_CERTS:
        take_get_certs(world, index, from, message.body);
        return;
    case WIRE_SHARD:
        take_shard(world, index, from, message.body);
        return;
    case WIRE_GET_BLOCK:
        serve_block(world, index, from, message.body);
        return;
    case WIRE_PROPOSAL:
        take_proposal(world, index, message.body);
        return;
    case WIRE_GET_CERT:
    case WIRE_BLOCK:
    case WIRE_TXS:
    case WIRE_WAKE:
    case WIRE_GET_SHARDS:
        break; /* nobody sends them here */
    }
    UNREACHABLE();
}

/* ---- events ---------------------------------------------------------------------------- */

void validator_start(struct scale_world *world, uint32_t index)
{
    struct consensus_event start = {.kind = CONSENSUS_ON_START};
    struct consensus_event work = {.kind = CONSENSUS_ON_WORK,
                                   .work = {.now = true, .due_ms = UINT64_MAX}};
    node_step(world, index, &start);
    node_step(world, index, &work);
}

static void built(struct scale_world *world, uint32_t index, struct scale_block *block)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_BUILT,
                                    .proposal = {.proposal = &block->proposal,
                                                 .hash = block->hash,
                                                 .parent_id = block->parent_id}};
    block->by[index] = (struct scale_holding){.announced = true, .passed_on = true, .whole = true};
    node_step(world, index, &event);
}

void validator_event(struct scale_world *world, const struct scale_event *event)
{
    struct consensus_event step = event->answer;
    switch (event->kind) {
    case SCALE_DELIVER:
        take_message(world, event->node, event->peer, event->message);
        message_drop(event->message);
        return;
    case SCALE_LINK:
        network_sent(world, event->node);
        return;
    case SCALE_SEND:
        if (event->block != NULL) {
            send_block(world, event->block);
            return;
        }
        network_send(world, (struct scale_route){event->node, event->peer}, event->message);
        message_drop(event->message);
        return;
    case SCALE_STEP:
        node_step(world, event->node, &step);
        return;
    case SCALE_BUILT:
        built(world, event->node, event->block);
        return;
    case SCALE_RESTORED:
        if (!event->block->by[event->node].whole) {
            has_block(world, event->node, event->block);
        }
        return;
    case SCALE_TIMER:
        if (event->order == world->nodes[event->node].timer_order) {
            step = (struct consensus_event){.kind = CONSENSUS_ON_TIMEOUT};
            node_step(world, event->node, &step);
        }
        return;
    }
    UNREACHABLE();
}
