#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "wire/wire.h"

/* One honest node: what the real driver does around the core. */

static void restore_proposal(struct sim_world *world, struct sim_node *node, struct bytes payload)
{
    struct wire_proposal message;
    uint8_t rest[HASH_SIZE];
    if (!wire_decode_proposal(payload, &message)) {
        check_fail(world->check, "correctness", "node %u: journal holds no proposal", node->index);
        return;
    }
    struct hash rest_digest;
    struct hash hash;
    struct crypto_sha256 state;
    crypto_digest(TAG_PROPOSAL_REST, message.rest_bytes, &rest_digest);
    memcpy(rest, rest_digest.bytes, HASH_SIZE);
    crypto_digest_init(&state, TAG_PROPOSAL);
    crypto_sha256_update(&state, message.light_bytes);
    crypto_sha256_update(&state, bytes_of(rest, sizeof(rest)));
    crypto_sha256_final(&state, &hash);
    const struct sim_block *block = block_find(world, &hash);
    ASSERT(block != NULL);
    if (block->proposal.light.epoch != node->epoch) {
        return;
    }
    if (block->proposal.light.height > node->height && !pool_add(node, block)) {
        check_bound(world->check, "pool after restart", SIM_POOL_MAX + 1, SIM_POOL_MAX);
    }
    consensus_restore_proposal(node->core, &block->proposal, &hash, &block->content.parent_id,
                               block->content.tx_count == 0);
}

struct restore {
    struct sim_world *world;
    struct sim_node *node;
};

static void restore_record(void *context, const struct journal_record *record)
{
    const struct restore *restore = context;
    struct sim_node *node = restore->node;
    struct certificate certificate;
    struct hash hash;
    if (record->epoch != node->epoch && record->type != JOURNAL_WITNESS) {
        return; /* over; its files go when their time comes */
    }
    switch (record->type) {
    case JOURNAL_PROPOSAL:
        restore_proposal(restore->world, node, record->payload);
        return;
    case JOURNAL_CERTIFICATE:
        if (wire_decode_certificate(record->payload, &certificate)) {
            consensus_restore_certificate(node->core, &certificate);
        }
        return;
    case JOURNAL_CERTIFIED:
        ASSERT(record->payload.size == HASH_SIZE);
        memcpy(hash.bytes, record->payload.data, HASH_SIZE);
        consensus_restore_certified(node->core, record->view, &hash);
        return;
    case JOURNAL_WITNESS:
        amnesia_restore(node, record);
        return;
    case JOURNAL_EVIDENCE:
        return; /* nobody here writes one */
    case JOURNAL_VOTE: {
        ASSERT(record->payload.size == HASH_SIZE + 1);
        struct vote vote = {.kind = (enum vote_kind)record->payload.data[0],
                            .epoch = record->epoch,
                            .view = record->view,
                            .validator = set_place(&node->set, node->validator)};
        memcpy(vote.proposal.bytes, record->payload.data + 1, HASH_SIZE);
        consensus_restore_vote(node->core, &vote);
        return;
    }
    }
    UNREACHABLE();
}

static void restore_signed(void *context, const struct vote *vote)
{
    const struct restore *restore = context;
    struct vote own = *vote;
    own.validator = set_place(&restore->node->set, restore->node->validator);
    consensus_restore_vote(restore->node->core, &own);
}

void node_state(const struct sim_world *world, const struct sim_node *node, struct sim_state *out)
{
    const struct sim_block *newest = node->liar ? liar_newest(node) : NULL;
    if (node->height > 0) {
        *out = node->chain[node->height - 1].state;
    } else if (newest != NULL) {
        *out = newest->true_state;
    } else {
        state_genesis(world, out);
    }
}

/* The core of the epoch that the chain is in: the one after its last block (E4). */
static void init_core(const struct sim_world *world, struct sim_node *node)
{
    struct sim_state state;
    node_state(world, node, &state);
    node->epoch = state.epoch;
    node->set = state.set;
    node->start_id = (struct hash){{0}};
    struct consensus_config config = {.epoch = node->epoch,
                                      .validator_count = node->set.count,
                                      .leader_offset = node->set.offset,
                                      .self = set_place(&node->set, node->validator),
                                      .delta_0_ms = 100,
                                      .delta_max_ms = 3000,
                                      .c_max_ms = 200,
                                      .min_block_interval_ms = 5,
                                      .standstill_ms = 1000,
                                      .announces = world->plan.seed % 4 == 1};
    set_hash(&node->set, &config.set_hash);
    for (uint64_t h = node->height; h > 0; h--) { /* the last block of the epoch before */
        const struct sim_block *block = node->chain[h - 1].block;
        if (block->proposal.light.epoch < node->epoch) {
            node->start_id = block->proposal.light.block_id;
            config.anchor.block_id = node->start_id;
            config.anchor.height = h;
            break;
        }
    }
    if (node->height > config.anchor.height) {
        const struct sim_final *last = &node->chain[node->height - 1];
        ASSERT(last->certificate != NULL);
        config.anchor.view = last->block->proposal.light.view;
        config.anchor.proposal = last->block->hash;
        config.anchor.block_id = last->block->proposal.light.block_id;
        config.anchor.height = node->height;
        config.anchor.certificate = last->certificate;
    }
    void *mem = malloc(consensus_footprint(node->set.count));
    node->actions = malloc(sizeof(*node->actions));
    ASSERT(mem != NULL && node->actions != NULL);
    node->core = consensus_init(mem, &config);
    check_forgets(world->check, node->index);
}

static void start(struct sim_world *world, struct sim_node *node)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_START};
    node_step(world, node, &event);
    for (uint32_t i = 0; i < world->plan.n && node->up; i++) {
        if (i != node->validator && fault_is_linked(world, i, node->index)) {
            struct consensus_event up = {.kind = CONSENSUS_ON_PEER_UP, .from = epoch_peer(node, i)};
            world_send(world, i, message_new(SIM_PEER_UP, node));
            node_step(world, node, &up);
        }
    }
}

static void held_free(struct sim_node *node)
{
    for (uint32_t i = 0; i < node->held_count; i++) {
        message_free(node->held[i]);
    }
    node->held_count = 0;
}

/* What came too early for the core before (E5). */
static void held_deliver(struct sim_world *world, struct sim_node *node)
{
    struct sim_message *held[SIM_HELD_MAX];
    const uint32_t count = node->held_count;
    memcpy(held, node->held, sizeof(held));
    node->held_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (node->up && !node->epoch_over) {
            node_deliver(world, node, held[i]);
        }
        message_free(held[i]);
    }
}

static void core_free(struct sim_node *node)
{
    free(node->core);
    free(node->actions);
    node->core = NULL;
    node->actions = NULL;
    node->epoch_over = false;
    node->pool_count = 0;
    node->open_count = 0;
    node->work_told = false;
    node->timer_order = 0;
}

void node_turn(struct sim_world *world, struct sim_node *node)
{
    while (node->up && node->epoch_over) {
        core_free(node);
        node->incarnation++; /* answers to the old core's requests are nobody's */
        init_core(world, node);
        world_trace(world, node->index, "epoch %llu, %u members, place %u",
                    (unsigned long long)node->epoch, node->set.count,
                    set_place(&node->set, node->validator));
        start(world, node);
        held_deliver(world, node);
    }
}

void node_boot(struct sim_world *world, struct sim_node *node)
{
    if (node->halted || !amnesia_operator(world, node)) {
        return;
    }
    struct error error = {0};
    struct restore restore = {.world = world, .node = node};
    const struct disk_port port = sim_disk_port(&node->disk);
    const struct sign_identity identity = node_identity(node);
    node->incarnation++;
    world_trace(world, node->index, "boot %u at height %llu", node->incarnation,
                (unsigned long long)node->height);
    init_core(world, node);
    node->up = true;
    const bool torn =
        node->born && fault_strikes(world, FAULT_POWER_BOOT, DRAW_POWER_BOOT, node->index);
    node->disk.sync_fails = torn;
    const bool opened = journal_open(&port, restore_record, &restore, &node->journal, &error) &&
                        sign_state_open(&port, &identity, !node->born, &node->sign_state, &error);
    node->disk.sync_fails = false;
    if (node->validator != node->index) {
        fault_hit(world, FAULT_LIE_TWIN);
    }
    if (torn) {
        node_crash(world, node, draw_below(world, DRAW_DOWN, node->index, 1000000));
        return;
    }
    if (!opened) {
        damage_refuses(world, node, error.detail);
        return;
    }
    node->born = true;
    if (!amnesia_boot(world, node)) {
        return;
    }
    sign_state_export(node->sign_state, restore_signed, &restore);
    start(world, node);
}

static void node_down(struct sim_node *node)
{
    journal_close(node->journal);
    sign_state_close(node->sign_state);
    core_free(node);
    held_free(node);
    shards_clear(node);
    node->journal = NULL;
    node->sign_state = NULL;
    node->up = false;
    node->tx_count = 0;
}

void node_crash(struct sim_world *world, struct sim_node *node, uint64_t down_us)
{
    uint64_t random = draw(world, DRAW_DISK, node->index);
    world_trace(world, node->index, "CRASH");
    node_down(node);
    sim_disk_crash(&node->disk, &random);
    world->hits[FAULT_LOST] += node->disk.harm.lost;
    world->hits[FAULT_TORN] += node->disk.harm.torn;
    world->hits[FAULT_REORDERED] += node->disk.harm.reordered;
    world->hits[FAULT_UNNAMED] += node->disk.harm.unnamed;
    const struct sim_event boot = {.kind = SIM_BOOT, .node = node->index};
    world_push(world, down_us, &boot);
}

/* The process ends; what it has written stays in the page cache. */
void node_stop(struct sim_world *world, struct sim_node *node, uint64_t down_us)
{
    node_down(node);
    const struct sim_event boot = {.kind = SIM_BOOT, .node = node->index};
    world_push(world, down_us, &boot);
}

void node_free(struct sim_node *node)
{
    node_down(node);
    sim_disk_free(&node->disk);
    sim_disk_free(&node->image);
    sim_disk_free(&node->amnesia.backup);
    for (uint64_t h = 0; h < node->height; h++) {
        free(node->chain[h].certificate);
    }
}

void node_step(struct sim_world *world, struct sim_node *node, struct consensus_event *event)
{
    event->now_ms = world_ms(world);
    if (!amnesia_poll(world, node)) {
        return;
    }
    const enum consensus_verdict verdict = consensus_step(node->core, event, node->actions);
    const struct sim_block *block =
        event->kind == CONSENSUS_ON_PROPOSAL ? block_find(world, &event->proposal.hash) : NULL;
    if (block != NULL && !block->no_code && verdict == CONSENSUS_ACCEPTED) {
        check_bound(world->check, "pool", pool_add(node, block) ? 0 : SIM_POOL_MAX + 1,
                    SIM_POOL_MAX);
    }
    world_mix(world,
              ((uint64_t)event->kind << 32) | ((uint64_t)verdict << 16) | node->actions->count);
    act_all(world, node);
}

void node_hold(struct sim_world *world, struct sim_node *node, const struct sim_message *message,
               enum consensus_verdict verdict)
{
    if (verdict == CONSENSUS_NEXT_EPOCH && node->up && node->held_count < SIM_HELD_MAX) {
        fault_hit(world, FAULT_SET_HELD);
        node->held[node->held_count++] = message_copy(message);
    }
}

/* A vote of the node's epoch, by the member who is at that place. */
static bool is_vote_genuine(const struct sim_world *world, const struct sim_node *node,
                            const struct vote *vote)
{
    if (vote->validator >= node->set.count) {
        return false;
    }
    const struct signature good = fake_sign(world, &node->set.members[vote->validator], vote);
    return memcmp(&good, &vote->signature, sizeof(good)) == 0;
}

static void deliver_vote(struct sim_world *world, struct sim_node *node,
                         const struct sim_message *message)
{
    struct consensus_event event = {
        .kind = CONSENSUS_ON_VOTE, .from = epoch_peer(node, message->from), .vote = message->vote};
    const enum consensus_verdict verdict = consensus_screen(node->core, &event);
    const bool is_next = verdict == CONSENSUS_NEXT_EPOCH || verdict == CONSENSUS_PAST_EPOCH;
    if (!is_next && message->vote.validator != event.from) {
        return; /* votes come from their own signer */
    }
    if ((verdict == CONSENSUS_ACCEPTED || verdict == CONSENSUS_EQUIVOCATED) &&
        !is_vote_genuine(world, node, &message->vote)) {
        return;
    }
    accuse_vote(world, node, &message->vote, verdict);
    node_step(world, node, &event);
    node_hold(world, node, message, verdict);
}

static void deliver_certificate(struct sim_world *world, struct sim_node *node,
                                const struct sim_message *message)
{
    struct consensus_event event = {.kind = CONSENSUS_ON_CERTIFICATE,
                                    .from = epoch_peer(node, message->from),
                                    .certificate = message->certificate};
    const enum consensus_verdict verdict = consensus_screen(node->core, &event);
    if (verdict == CONSENSUS_ACCEPTED && !fake_verify(world, &node->set, message->certificate)) {
        return;
    }
    accuse_certificate(world, node, message->certificate, verdict == CONSENSUS_ACCEPTED);
    node_step(world, node, &event);
    node_hold(world, node, message, verdict);
}

int64_t node_skew_ms(struct sim_world *world, const struct sim_node *node)
{
    const uint64_t ahead_ms = fault_value(world, FAULT_CLOCK, node->index);
    const uint64_t behind_ms = fault_value(world, FAULT_CLOCK_BACK, node->index);
    world->hits[FAULT_CLOCK] += ahead_ms != 0 ? 1 : 0;
    world->hits[FAULT_CLOCK_BACK] += behind_ms != 0 ? 1 : 0;
    return node->skew_ms + (int64_t)ahead_ms - (int64_t)behind_ms;
}

/* K9: when its time is admissible here; the clocks of nodes differ. */
static uint64_t earliest_ok_ms(struct sim_world *world, const struct sim_node *node,
                               const struct sim_block *block)
{
    const int64_t skew_ms = node_skew_ms(world, node);
    const int64_t at = (int64_t)block->content.time_ms - SIM_DRIFT_MS - skew_ms;
    return at > 0 ? (uint64_t)at : 0;
}

void node_propose(struct sim_world *world, struct sim_node *node, const struct sim_message *message,
                  bool bad)
{
    const struct sim_block *block = message->blocks[0];
    const struct vote vote = {.kind = VOTE_PROPOSE,
                              .epoch = block->proposal.light.epoch,
                              .view = block->proposal.light.view,
                              .proposal = block->hash,
                              .validator = block->proposal.rest.leader,
                              .signature = block->signature};
    struct consensus_event event = {
        .kind = CONSENSUS_ON_PROPOSAL,
        .from = epoch_peer(node, message->from),
        .proposal = {.proposal = &block->proposal,
                     .hash = block->hash,
                     .parent_id = block->content.parent_id,
                     .bad = bad || block->content.salt == UINT64_MAX,
                     .empty = block->content.tx_count == 0,
                     .due_work = ledger_is_due(node, block),
                     .earliest_ok_ms = earliest_ok_ms(world, node, block)}};
    const enum consensus_verdict verdict = consensus_screen(node->core, &event);
    const bool of_another = verdict == CONSENSUS_NEXT_EPOCH || verdict == CONSENSUS_PAST_EPOCH;
    if (of_another || is_vote_genuine(world, node, &vote)) {
        accuse_proposal(world, node, block, verdict);
        node_step(world, node, &event);
        node_hold(world, node, message, verdict);
    }
}

static void serve_block(struct sim_world *world, struct sim_node *node,
                        const struct sim_message *message)
{
    const struct sim_block *block = ledger_block(node, &message->hash);
    if (block != NULL) {
        struct sim_message *reply = message_new(SIM_PROPOSAL, node);
        reply->blocks[0] = block;
        reply->block_count = 1;
        world_send(world, message->from, reply);
    }
}

void node_deliver(struct sim_world *world, struct sim_node *node, const struct sim_message *message)
{
    struct consensus_event event = {.from = epoch_peer(node, message->from)};
    switch (message->kind) {
    case SIM_PROPOSAL:
        node_propose(world, node, message, !shards_check(world, node, message->blocks[0]));
        return;
    case SIM_SHARD:
    case SIM_GET_SHARDS:
        shards_deliver(world, node, message);
        return;
    case SIM_VOTE:
        deliver_vote(world, node, message);
        return;
    case SIM_CERTIFICATE:
        deliver_certificate(world, node, message);
        return;
    case SIM_STATUS:
        event.kind = CONSENSUS_ON_STATUS;
        event.status.epoch = message->epoch;
        event.status.view = message->view;
        event.status.final_view = message->extra;
        amnesia_hear(node, message);
        node_step(world, node, &event);
        return;
    case SIM_HAVE:
        event.kind = CONSENSUS_ON_HAVE;
        event.have.epoch = message->epoch;
        event.have.view = message->view;
        event.have.kind = (enum vote_kind)message->extra;
        node_step(world, node, &event);
        return;
    case SIM_GET_CERTIFICATES:
        event.kind = CONSENSUS_ON_GET_CERTIFICATES;
        event.range.epoch = message->epoch;
        event.range.view = message->view;
        event.range.count = (uint32_t)message->extra;
        node_step(world, node, &event);
        return;
    case SIM_GET_BLOCK:
        serve_block(world, node, message);
        return;
    case SIM_SYNC_ASK:
        sync_serve(world, node, message);
        return;
    case SIM_SYNC_ANSWER:
        sync_take(world, node, message);
        return;
    case SIM_TX:
        (void)ledger_tx_add(node, message->view);
        return;
    case SIM_PEER_UP:
        event.kind = CONSENSUS_ON_PEER_UP;
        node_step(world, node, &event);
        return;
    }
    UNREACHABLE();
}

/* Certify requests that can be answered now. */
static void answer_open(struct sim_world *world, struct sim_node *node)
{
    struct consensus_status status;
    consensus_status(node->core, &status);
    for (uint32_t i = 0; i < node->open_count;) {
        const struct consensus_block request = node->open[i];
        if (request.view <= status.last_delivered.view) {
            node->open[i] = node->open[--node->open_count]; /* finality has overtaken it */
            continue;
        }
        const struct sim_block *block = ledger_block(node, &request.proposal);
        const enum consensus_certify verdict =
            block == NULL ? CONSENSUS_CERTIFY_PENDING : ledger_execute(node, block);
        if (verdict == CONSENSUS_CERTIFY_PENDING &&
            draw_below(world, DRAW_PENDING, node->index, 100) != 0) {
            i++;
            continue;
        }
        const struct sim_event event = {.kind = SIM_ANSWER,
                                        .node = node->index,
                                        .incarnation = node->incarnation,
                                        .answer = {.kind = CONSENSUS_ON_CERTIFIED,
                                                   .certified = {.view = request.view,
                                                                 .proposal = request.proposal,
                                                                 .verdict = verdict}}};
        const uint64_t late_ms = fault_value(world, FAULT_CERTIFY, node->index);
        world->hits[FAULT_CERTIFY] += late_ms != 0 ? 1 : 0;
        world_push(world, draw_below(world, DRAW_CERTIFY, node->index, 6000) + late_ms * 1000,
                   &event);
        if (verdict == CONSENSUS_CERTIFY_PENDING) {
            i++;
        } else {
            node->open[i] = node->open[--node->open_count];
        }
    }
}

void node_work(struct sim_world *world, struct sim_node *node)
{
    answer_open(world, node);
    while (node->up && ledger_has_work(node) != node->work_told) {
        node->work_told = !node->work_told;
        struct consensus_event event = {.kind = CONSENSUS_ON_WORK,
                                        .work = {.now = node->work_told, .due_ms = UINT64_MAX}};
        node_step(world, node, &event);
    }
}

/* Waking is flooded (K7), and repeated: the network may have lost it. */
void node_retry(struct sim_world *world, struct sim_node *node)
{
    for (uint32_t i = 0; i < node->tx_count; i++) {
        struct sim_message *message = message_new(SIM_TX, node);
        message->view = node->txs[i];
        world_send(world, CONSENSUS_ALL, message);
    }
    shards_ask(world, node);
}
