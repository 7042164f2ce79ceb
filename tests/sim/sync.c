#include <stdlib.h>

#include "tests/sim/sim.h"

/* A node that is behind asks another for final blocks. */

/* Final blocks from a height on, up to one that has an F of its own. */
void sync_serve(struct sim_world *world, struct sim_node *node, const struct sim_message *message)
{
    const uint64_t from = message->view;
    uint64_t last = 0;
    for (uint64_t h = from; h <= node->height && h < from + SIM_SYNC_MAX; h++) {
        last = node->chain[h - 1].certificate != NULL ? h : last;
        if (block_is_boundary(node->chain[h - 1].block)) {
            break; /* what comes after it is another set's to prove */
        }
    }
    if (from == 0 || last < from) {
        return;
    }
    struct sim_message *reply = message_new(SIM_SYNC_ANSWER, node);
    for (uint64_t h = from; h <= last; h++) {
        reply->blocks[reply->block_count++] = node->chain[h - 1].block;
    }
    reply->certificate = malloc(sizeof(*reply->certificate));
    ASSERT(reply->certificate != NULL);
    *reply->certificate = *node->chain[last - 1].certificate;
    world_send(world, message->from, reply);
}

/* The blocks link on to ours and an F proves the last of them. */
static bool is_sync_valid(const struct sim_world *world, const struct sim_node *node,
                          const struct sim_message *message)
{
    struct hash parent = {{0}};
    if (node->height > 0) {
        parent = node->chain[node->height - 1].block->proposal.light.block_id;
    }
    for (uint32_t i = 0; i < message->block_count; i++) {
        const struct sim_block *block = message->blocks[i];
        const bool ends = block_is_boundary(block) && i + 1 < message->block_count;
        if (block->content.height != node->height + 1 + i || ends ||
            block->proposal.light.epoch != node->epoch ||
            !hash_equal(&block->content.parent_id, &parent)) {
            return false;
        }
        parent = block->proposal.light.block_id;
    }
    const struct sim_block *last = message->blocks[message->block_count - 1];
    return message->certificate->kind == VOTE_FINALIZE &&
           message->certificate->epoch == node->epoch &&
           hash_equal(&message->certificate->proposal, &last->hash) &&
           message->certificate->signature_count >= validator_quorum(node->set.count) &&
           fake_verify(world, &node->set, message->certificate);
}

void sync_take(struct sim_world *world, struct sim_node *node, const struct sim_message *message)
{
    if (message->block_count == 0 || !is_sync_valid(world, node, message)) {
        return;
    }
    for (uint32_t i = 0; i < message->block_count; i++) {
        const bool last = i + 1 == message->block_count;
        (void)pool_add(node, message->blocks[i]);
        ledger_final(world, node, message->blocks[i], last ? message->certificate : NULL);
    }
    const struct sim_block *last = message->blocks[message->block_count - 1];
    if (block_is_boundary(last)) {
        node->epoch_over = true; /* the core is not told: there will be another */
        return;
    }
    struct consensus_event event = {.kind = CONSENSUS_ON_ADVANCED,
                                    .advanced = {.view = last->proposal.light.view,
                                                 .proposal = last->hash,
                                                 .block_id = last->proposal.light.block_id,
                                                 .height = last->content.height,
                                                 .certificate = message->certificate}};
    node_step(world, node, &event);
}
