#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "wire/wire.h"

enum { QUIET_FROM_MS = 2000 }; /* all nodes have started */

/* Carrying out the core's actions.  A crash may strike before any of them. */

static void journal_put(struct sim_node *node, enum journal_type type, uint64_t view,
                        struct bytes payload)
{
    journal_append(node->journal,
                   &(struct journal_record){
                       .type = type, .epoch = node->epoch, .view = view, .payload = payload});
}

static void persist_proposal(struct sim_world *world, struct sim_node *node,
                             const struct hash *hash)
{
    uint8_t bytes[1024];
    struct wire_writer writer;
    struct bytes payload;
    const struct sim_block *block = ledger_block(node, hash);
    if (block == NULL) {
        check_fail(world->check, "correctness", "node %u must persist a block it does not have",
                   node->index);
        return;
    }
    const struct wire_proposal message = {.proposal = block->proposal,
                                          .signature = block->signature,
                                          .block = bytes_of(block->hash.bytes, HASH_SIZE)};
    wire_writer_init(&writer, bytes, sizeof(bytes));
    wire_write_proposal(&writer, &message);
    const bool fits = wire_writer_end(&writer, &payload);
    ASSERT(fits);
    journal_put(node, JOURNAL_PROPOSAL, block->proposal.light.view, payload);
}

static void persist_certificate(struct sim_node *node, const struct consensus_action *action)
{
    uint8_t bytes[WIRE_CERTIFICATE_SIZE_MAX];
    struct wire_writer writer;
    struct bytes payload;
    struct certificate certificate;
    const bool held = consensus_certificate(node->core, action->certificate.kind,
                                            action->certificate.view, &certificate);
    ASSERT(held);
    wire_writer_init(&writer, bytes, sizeof(bytes));
    wire_write_certificate(&writer, &certificate);
    const bool fits = wire_writer_end(&writer, &payload);
    ASSERT(fits);
    journal_put(node, JOURNAL_CERTIFICATE, certificate.view, payload);
}

static void persist_vote(struct sim_node *node, const struct vote *vote)
{
    uint8_t payload[1 + HASH_SIZE];
    payload[0] = (uint8_t)vote->kind;
    memcpy(payload + 1, vote->proposal.bytes, HASH_SIZE);
    amnesia_persist(node, vote->view);
    journal_put(node, JOURNAL_VOTE, vote->view, bytes_of(payload, sizeof(payload)));
}

static void answer_push(struct sim_world *world, struct sim_node *node, uint64_t delay_us,
                        const struct consensus_event *answer)
{
    const struct sim_event event = {.kind = SIM_ANSWER,
                                    .node = node->index,
                                    .incarnation = node->incarnation,
                                    .answer = *answer};
    world_push(world, delay_us, &event);
}

/* The power goes: until when is drawn. */
static void blackout(struct sim_world *world, struct sim_node *node)
{
    node_crash(world, node, 1000 + draw_below(world, DRAW_DOWN, node->index, 3000000));
}

/* An error of the journal: the power went, or this is a finding. */
static void journal_failed(struct sim_world *world, struct sim_node *node, bool power,
                           const struct error *error)
{
    if (power) {
        fault_hit(world, FAULT_POWER_NAME);
        blackout(world, node);
    } else if (!damage_stops(world, node)) {
        check_fail(world->check, "crash", "node %u: %.120s", node->index, error->detail);
    }
}

static void sign(struct sim_world *world, struct sim_node *node, const struct vote *vote)
{
    struct journal_status journal;
    journal_status(node->journal, &journal);
    sign_state_witness(node->sign_state, journal.unit);
    struct error error = {0};
    enum sign_verdict verdict;
    if (fault_strikes(world, FAULT_POWER_SAVE, DRAW_POWER_SAVE, node->index)) {
        node->disk.sync_fails = true;
        const bool known = sign_state_permit(node->sign_state, vote, 1, &verdict, &error);
        node->disk.sync_fails = false;
        world_trace(world, node->index, "  torn save, known %d", known);
        blackout(world, node);
        return;
    }
    struct consensus_event event = {.kind = CONSENSUS_ON_SIGN_REFUSED, .vote = *vote};
    if (!sign_state_permit(node->sign_state, vote, 1, &verdict, &error)) {
        journal_failed(world, node, false, &error);
        return;
    }
    if (verdict == SIGN_PERMITTED) {
        event.kind = CONSENSUS_ON_SIGNED;
        event.vote.signature = fake_sign(world, &node->set.members[vote->validator], vote);
    }
    answer_push(world, node, draw_below(world, DRAW_SIGN, node->index, 2000), &event);
}

static void build(struct sim_world *world, struct sim_node *node,
                  const struct consensus_action *action)
{
    struct consensus_event answer = {.kind = CONSENSUS_ON_BUILD_FAILED,
                                     .build_failed = action->build.view};
    const struct hash *parent = &action->build.parent.proposal;
    const struct sim_pooled *pooled = pool_find(node, parent);
    const bool executed = action->build.parent.view == 0 || pooled == NULL || pooled->executed ||
                          ledger_execute(node, pooled->block) == CONSENSUS_CERTIFY_OK;
    const uint64_t delay_us = draw_below(world, DRAW_BUILD_TIME, node->index, 4000);
    const uint64_t fails_percent = fault_value(world, FAULT_BUILD, node->index);
    const bool fails = draw_below(world, DRAW_BUILD, node->index, 100) < fails_percent;
    if (!executed || fails) {
        world->hits[FAULT_BUILD] += fails ? 1 : 0;
        answer_push(world, node, delay_us, &answer);
        return;
    }
    struct sim_build request;
    ledger_build(world, node, action, &request);
    const struct sim_block *block = block_make(world, &request);
    answer = (struct consensus_event){.kind = CONSENSUS_ON_BUILT,
                                      .proposal = {.hash = block->hash,
                                                   .parent_id = block->content.parent_id,
                                                   .empty = block->content.tx_count == 0}};
    const struct sim_event event = {.kind = SIM_ANSWER,
                                    .node = node->index,
                                    .incarnation = node->incarnation,
                                    .answer = answer,
                                    .block = block};
    world_push(world, delay_us, &event);
}

/* to: a peer of the core.  Nobody honest spreads what the epoch's set has not signed (K6). */
static void send_certificate(struct sim_world *world, struct sim_node *node, uint32_t to,
                             const struct certificate *certificate)
{
    if (certificate->epoch == node->epoch &&
        (!fake_verify(world, &node->set, certificate) ||
         certificate->signature_count < validator_quorum(node->set.count))) {
        check_fail(world->check, "correctness", "node %u spreads a certificate that is none",
                   node->index);
    }
    struct sim_message *message = message_new(SIM_CERTIFICATE, node);
    message->certificate = malloc(sizeof(*message->certificate));
    ASSERT(message->certificate != NULL);
    *message->certificate = *certificate;
    world_send(world, epoch_validator(node, to), message);
}

void act_send_status(struct sim_world *world, struct sim_node *node, uint32_t to)
{
    struct consensus_status status;
    struct certificate certificate;
    consensus_status(node->core, &status);
    if (consensus_certificate(node->core, VOTE_FINALIZE, status.last_final.view, &certificate)) {
        send_certificate(world, node, to, &certificate);
    }
    if (status.entry_kind != VOTE_PROPOSE && status.entry_kind != VOTE_FINALIZE &&
        consensus_certificate(node->core, status.entry_kind, status.entry_view, &certificate)) {
        send_certificate(world, node, to, &certificate);
    }
    struct sim_message *message = message_new(SIM_STATUS, node);
    message->view = status.view;
    message->extra = status.last_final.view;
    world_send(world, epoch_validator(node, to), message);
}

static void send_proposal(struct sim_world *world, struct sim_node *node,
                          const struct consensus_action *action)
{
    struct sim_message *message = message_new(SIM_PROPOSAL, node);
    for (size_t i = world->block_count; i > 0; i--) {
        if (hash_equal(&world->blocks[i - 1]->hash, &action->vote.proposal)) {
            world->blocks[i - 1]->signature = action->vote.signature;
            message->blocks[message->block_count++] = world->blocks[i - 1];
            break;
        }
    }
    ASSERT(message->block_count == 1);
    if (message->blocks[0]->shards != NULL) {
        shards_send(world, node, message->blocks[0], UINT32_MAX);
        message_free(message);
        return;
    }
    world_send(world, CONSENSUS_ALL, message);
}

struct serve {
    struct sim_world *world;
    struct sim_node *node;
    uint32_t to;
};

static void serve_record(void *context, const struct journal_record *record)
{
    const struct serve *serve = context;
    struct certificate certificate;
    if (record->type == JOURNAL_CERTIFICATE &&
        wire_decode_certificate(record->payload, &certificate)) {
        send_certificate(serve->world, serve->node, serve->to, &certificate);
    }
}

static void act_send(struct sim_world *world, struct sim_node *node,
                     const struct consensus_action *action)
{
    struct certificate certificate;
    struct sim_message *message = NULL;
    if (action->kind == CONSENSUS_DO_SEND_CERTIFICATE) {
        const bool held = consensus_certificate(node->core, action->certificate.kind,
                                                action->certificate.view, &certificate);
        ASSERT(held);
        send_certificate(world, node, action->to, &certificate);
        return;
    }
    if (action->kind == CONSENSUS_DO_SEND_VOTE) {
        message = message_new(SIM_VOTE, node);
        message->vote = action->vote;
    } else if (action->kind == CONSENSUS_DO_SEND_HAVE) {
        message = message_new(SIM_HAVE, node);
        message->view = action->certificate.view;
        message->extra = action->certificate.kind;
    } else if (action->kind == CONSENSUS_DO_GET_CERTIFICATES) {
        message = message_new(SIM_GET_CERTIFICATES, node);
        message->view = action->range.view;
        message->extra = action->range.count;
    } else if (action->kind == CONSENSUS_DO_GET_BLOCK) {
        message = message_new(SIM_GET_BLOCK, node);
        message->hash = action->block.proposal;
    } else {
        message = message_new(SIM_SYNC_ASK, node);
        message->view = node->height + 1;
        if (draw_below(world, DRAW_SYNC, node->index, 2) == 0) { /* from several at once */
            world_send(world, CONSENSUS_ALL, message);
            return;
        }
    }
    world_send(world, epoch_validator(node, action->to), message);
}

/* While a file is made or removed, if that happens now. */
static bool power_name(struct sim_world *world, const struct sim_node *node)
{
    const uint64_t percent = fault_value(world, FAULT_POWER_NAME, node->index);
    return draw_below(world, DRAW_POWER_NAME, node->index, 100) < percent;
}

/* chain.db takes them in one synced write, then the journal may forget. */
static void act_final(struct sim_world *world, struct sim_node *node)
{
    struct error error = {0};
    const struct consensus_actions *actions = node->actions;
    for (uint32_t i = 0; i < actions->final_count; i++) {
        const struct sim_block *block = ledger_block(node, &actions->finals[i].proposal);
        if (block == NULL) {
            check_fail(world->check, "correctness", "node %u: a final block is not held",
                       node->index);
            return;
        }
        const bool last = i + 1 == actions->final_count;
        ledger_final(world, node, block, last ? actions->final_certificate : NULL);
        world_trace(world, node->index, "final height %llu view %llu",
                    (unsigned long long)block->content.height,
                    (unsigned long long)block->proposal.light.view);
    }
    const uint64_t view = actions->finals[actions->final_count - 1].view;
    const bool power = power_name(world, node);
    node->disk.name_fails = power;
    const bool pruned = journal_prune(node->journal, node->epoch, view, &error);
    node->disk.name_fails = false;
    if (!pruned) {
        journal_failed(world, node, power, &error);
    }
}

static void set_timer(struct sim_world *world, struct sim_node *node, uint64_t at_ms)
{
    node->timer_order = 0;
    if (at_ms != UINT64_MAX) {
        const uint64_t now_ms = world_ms(world);
        const struct sim_event event = {.kind = SIM_TIMER, .node = node->index};
        world_push(world, at_ms > now_ms ? (at_ms - now_ms) * 1000 : 0, &event);
        node->timer_order = world->order;
    }
}

static void open_add(struct sim_world *world, struct sim_node *node,
                     const struct consensus_block *block)
{
    if (node->open_count == SIM_OPEN_MAX) {
        check_bound(world->check, "open certify requests", SIM_OPEN_MAX + 1, SIM_OPEN_MAX);
        return;
    }
    node->open[node->open_count++] = *block;
}

/* E5. */
static void serve_epoch(struct sim_world *world, struct sim_node *node,
                        const struct consensus_action *action)
{
    const struct certificate *end = ledger_epoch_end(node, action->epoch);
    if (end == NULL) {
        check_fail(world->check, "correctness", "node %u lacks the end of epoch %llu", node->index,
                   (unsigned long long)action->epoch);
        return;
    }
    fault_hit(world, FAULT_SET_BEHIND);
    send_certificate(world, node, action->to, end);
}

static void serve_range(struct sim_world *world, struct sim_node *node,
                        const struct consensus_action *action)
{
    struct error error = {0};
    struct serve serve = {.world = world, .node = node, .to = action->to};
    const struct journal_place place = {.epoch = node->epoch, .view = action->range.view};
    const bool read = journal_read_view(node->journal, place, serve_record, &serve, &error);
    ASSERT(read);
}

/* It leaves the machine. */
static void act_release(struct sim_world *world, const struct sim_node *node,
                        const struct vote *vote)
{
    record_signed(world, &node->set.members[vote->validator], vote);
    const bool is_quiet =
        world->plan.changes > 0 && world->plan.fault_count == 0 && world_ms(world) > QUIET_FROM_MS;
    if (is_quiet && vote->kind == VOTE_NULLIFY) {
        check_fail(world->check, "liveness", "node %u gives up view %llu of epoch %llu: no fault",
                   node->index, (unsigned long long)vote->view, (unsigned long long)vote->epoch);
    }
}

static void act_one(struct sim_world *world, struct sim_node *node,
                    const struct consensus_action *action)
{
    switch (action->kind) {
    case CONSENSUS_DO_PERSIST_PROPOSAL:
        persist_proposal(world, node, &action->block.proposal);
        return;
    case CONSENSUS_DO_PERSIST_CERTIFICATE:
        persist_certificate(node, action);
        return;
    case CONSENSUS_DO_PERSIST_CERTIFIED:
        journal_put(node, JOURNAL_CERTIFIED, action->block.view,
                    bytes_of(action->block.proposal.bytes, HASH_SIZE));
        return;
    case CONSENSUS_DO_PERSIST_VOTE:
        persist_vote(node, &action->vote);
        return;
    case CONSENSUS_DO_SIGN:
        sign(world, node, &action->vote);
        return;
    case CONSENSUS_DO_SEND_PROPOSAL:
        send_proposal(world, node, action);
        return;
    case CONSENSUS_DO_SEND_VOTE:
    case CONSENSUS_DO_SEND_CERTIFICATE:
    case CONSENSUS_DO_SEND_HAVE:
    case CONSENSUS_DO_GET_CERTIFICATES:
    case CONSENSUS_DO_GET_BLOCK:
    case CONSENSUS_DO_CATCH_UP:
        act_send(world, node, action);
        return;
    case CONSENSUS_DO_SERVE_CERTIFICATE:
        serve_range(world, node, action);
        return;
    case CONSENSUS_DO_SEND_STATUS:
        act_send_status(world, node, action->to);
        return;
    case CONSENSUS_DO_BUILD:
        build(world, node, action);
        return;
    case CONSENSUS_DO_CERTIFY:
        open_add(world, node, &action->block);
        return;
    case CONSENSUS_DO_FINAL:
        act_final(world, node);
        return;
    case CONSENSUS_DO_DIVERGED:
        check_diverged(world->check, action->block.view);
        return;
    case CONSENSUS_DO_END_EPOCH:
        node->epoch_over = true;
        return;
    case CONSENSUS_DO_SERVE_EPOCH:
        serve_epoch(world, node, action);
        return;
    case CONSENSUS_DO_ENTER_VIEW:
        world_trace(world, node->index, "view %llu", (unsigned long long)action->entered_view);
        return;
    case CONSENSUS_DO_SET_TIMER:
        set_timer(world, node, action->timer_at_ms);
        return;
    }
    UNREACHABLE();
}

static void trace_action(const struct sim_world *world, const struct sim_node *node,
                         const struct consensus_action *action)
{
    static const char *const names[] = {"persist proposal",
                                        "persist certificate",
                                        "persist certified",
                                        "persist vote",
                                        "sign",
                                        "send proposal",
                                        "send vote",
                                        "send certificate",
                                        "send have",
                                        "serve certificate",
                                        "send status",
                                        "get certificates",
                                        "get block",
                                        "build",
                                        "certify",
                                        "final",
                                        "catch up",
                                        "diverged",
                                        "end epoch",
                                        "serve epoch",
                                        "enter view",
                                        "set timer"};
    if (action->kind == CONSENSUS_DO_SIGN || action->kind == CONSENSUS_DO_SEND_VOTE) {
        world_trace(world, node->index, "  %s kind %d view %llu %02x%02x", names[action->kind],
                    (int)action->vote.kind, (unsigned long long)action->vote.view,
                    action->vote.proposal.bytes[0], action->vote.proposal.bytes[1]);
    } else if (action->kind != CONSENSUS_DO_SET_TIMER) {
        world_trace(world, node->index, "  %s %llu to %u", names[action->kind],
                    (unsigned long long)action->block.view, action->to);
    }
}

/* The end of a turn's PERSIST actions: durable before anything leaves. */
static void act_sync(struct sim_world *world, struct sim_node *node)
{
    struct error error = {0};
    if (fault_strikes(world, FAULT_POWER_SYNC, DRAW_POWER_SYNC, node->index)) {
        node->disk.sync_fails = true;
        const bool nothing = journal_sync(node->journal, &error);
        node->disk.sync_fails = false;
        world_trace(world, node->index, "  torn sync, nothing to write %d", nothing);
        blackout(world, node);
        return;
    }
    const bool power = power_name(world, node);
    node->disk.name_fails = power;
    const bool synced = journal_sync(node->journal, &error);
    node->disk.name_fails = false;
    if (!synced) {
        journal_failed(world, node, power, &error);
    }
}

void act_all(struct sim_world *world, struct sim_node *node)
{
    const uint32_t count = node->actions->count;
    for (uint32_t i = 0; i <= count; i++) {
        if (i == node->actions->persist_count) {
            act_sync(world, node);
        }
        if (node->up && fault_strikes(world, FAULT_POWER, DRAW_POWER, node->index)) {
            blackout(world, node);
        }
        if (!node->up || i == count) {
            return;
        }
        const struct consensus_action *action = &node->actions->items[i];
        if (action->kind == CONSENSUS_DO_SEND_VOTE || action->kind == CONSENSUS_DO_SEND_PROPOSAL) {
            act_release(world, node, &action->vote);
        }
        trace_action(world, node, action);
        world_mix(world, ((uint64_t)action->kind << 32) | action->to);
        act_one(world, node, action);
        if (!node->up) {
            return;
        }
    }
}
