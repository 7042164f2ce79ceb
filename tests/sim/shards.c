#include <stdlib.h>
#include <string.h>

#include "node/shard/coder.h"
#include "node/shard/pool.h"
#include "tests/sim/sim.h"

/* Proposals in shards, for a third of the seeds: the node's own code and sets of shards, with the
 * worker's part done at once.  What a node finds out about a commitment must be what every
 * other finds out, from whatever shards. */

enum { SHARD_BYTES_MAX = 512, SPOILED = 1 };

bool shards_used(const struct sim_world *world, const struct sim_set *set,
                 const struct sim_content *content)
{
    return set->count >= SHARD_VALIDATORS_MIN && world->plan.seed % 3 == 0 && content->tx_count > 0;
}

static struct shard_code code_of(const struct sim_block *block)
{
    struct shard_code code;
    const bool derived =
        shard_code_derive(block->set.count, block->proposal.rest.block_size, &code);
    ASSERT(derived);
    return code;
}

void shards_code(struct sim_block *block, struct bytes content, bool no_code)
{
    struct proposal_rest *rest = &block->proposal.rest;
    struct shard_leaves leaves;
    const struct shard_code code = code_of(block);
    block->shards = malloc(shard_room(&code));
    ASSERT(block->shards != NULL);
    const bool coded = shard_encode(&code, content, block->shards);
    ASSERT(coded);
    block->shards[shard_room(&code) - 1] ^= no_code ? 1 : 0;
    block->no_code = no_code;
    shard_leaves_hash(&code, block->shards, &leaves);
    shard_root(&code, &leaves, &rest->da_root);
    rest->da_mode = DA_SHARD;
    rest->da_n = code.count;
    rest->da_k = code.required;
    rest->shard_size = code.shard_size;
}

/* One shard of the block to a validator; spoiled: not under the root. */
static void send_shard(struct sim_world *world, const struct sim_node *node, uint32_t to,
                       const struct sim_message *shard)
{
    struct sim_message *message = message_new(SIM_SHARD, node);
    message->blocks[message->block_count++] = shard->blocks[0];
    message->extra = shard->extra;
    message->view = shard->view;
    world_send(world, to, message);
}

void shards_send(struct sim_world *world, const struct sim_node *node,
                 const struct sim_block *block, uint32_t mask)
{
    for (uint32_t i = 0; i < block->set.count; i++) {
        const uint32_t to = block->set.members[i].validator;
        if ((mask >> to & 1) != 0) {
            send_shard(world, node, to,
                       &(struct sim_message){.extra = i, .block_count = 1, .blocks = {block}});
        }
    }
}

void shards_lie(struct sim_world *world, const struct sim_node *node, const struct sim_block *block,
                uint32_t mask)
{
    const uint32_t index = (uint32_t)draw_below(world, DRAW_LIE, node->index, block->set.count);
    for (uint32_t i = 0; i < world->plan.n; i++) {
        if ((mask >> i & 1) != 0) {
            send_shard(world, node, i,
                       &(struct sim_message){
                           .extra = index, .view = SPOILED, .block_count = 1, .blocks = {block}});
        }
    }
}

void shards_clear(struct sim_node *node)
{
    if (node->shards != NULL) {
        shard_pool_clear(node->shards);
        free(node->shards);
        node->shards = NULL;
    }
}

static bool is_signed(const struct sim_world *world, const struct sim_block *block)
{
    const struct vote vote = {.kind = VOTE_PROPOSE,
                              .epoch = block->proposal.light.epoch,
                              .view = block->proposal.light.view,
                              .proposal = block->hash,
                              .validator = block->proposal.rest.leader};
    const struct signature good = fake_sign(world, &block->set.members[vote.validator], &vote);
    return memcmp(&good, &block->signature, sizeof(good)) == 0;
}

/* NULL: not wanted, or the node went down meanwhile. */
static struct shard_set *open_set(struct sim_world *world, struct sim_node *node,
                                  const struct sim_message *message)
{
    const struct sim_block *block = message->blocks[0];
    const struct shard_code code = code_of(block);
    struct consensus_event event = {
        .kind = CONSENSUS_ON_PROPOSAL,
        .proposal = {.proposal = &block->proposal, .hash = block->hash}};
    if (consensus_screen(node->core, &event) != CONSENSUS_ACCEPTED || !is_signed(world, block) ||
        shard_pool_open(node->shards, &block->proposal, &block->hash, &code) == NULL) {
        return NULL;
    }
    event = (struct consensus_event){.kind = CONSENSUS_ON_ANNOUNCED,
                                     .from = set_place(&node->set, message->from),
                                     .announced = block->proposal.light.view};
    node_step(world, node, &event);
    return node->up ? shard_pool_find(node->shards, &block->hash) : NULL;
}

static enum shard_put put(struct shard_set *set, const struct sim_message *message)
{
    const struct sim_block *block = message->blocks[0];
    const struct shard_code code = code_of(block);
    uint8_t shard[SHARD_BYTES_MAX];
    struct shard_leaves leaves;
    struct crypto_path path;
    const uint32_t index = (uint32_t)message->extra;
    ASSERT(code.shard_size <= sizeof(shard) && index < code.count);
    memcpy(shard, block->shards + (size_t)index * code.shard_size, code.shard_size);
    shard[7] ^= message->view == SPOILED ? 1 : 0;
    shard_leaves_hash(&code, block->shards, &leaves);
    shard_prove(&code, &leaves, index, &path);
    return shard_set_put(set, &(struct shard_offer){.from = set_place(&block->set, message->from),
                                                    .index = index,
                                                    .path = bytes_of(path.siblings[0].bytes,
                                                                     (size_t)path.size * HASH_SIZE),
                                                    .shard = bytes_of(shard, code.shard_size)});
}

static void pass_on(struct sim_world *world, struct sim_node *node, struct shard_set *set,
                    const struct sim_block *block)
{
    const uint32_t place = set_place(&block->set, node->validator);
    if (!set->passed_on && place < block->set.count) {
        set->passed_on = true;
        send_shard(world, node, CONSENSUS_ALL,
                   &(struct sim_message){.extra = place, .block_count = 1, .blocks = {block}});
    }
}

/* What the worker says; it must be what the maker of the block knows. */
static bool judge(struct sim_world *world, const struct sim_node *node,
                  const struct sim_block *block, enum shard_verdict verdict)
{
    world_trace(world, node->index, "  shards of view %llu: verdict %d",
                (unsigned long long)block->proposal.light.view, (int)verdict);
    if (verdict != (block->no_code ? SHARD_INCONSISTENT : SHARD_AVAILABLE)) {
        check_fail(world->check, "correctness", "node %u: shards of view %llu judged %d",
                   node->index, (unsigned long long)block->proposal.light.view, (int)verdict);
    }
    return verdict == SHARD_AVAILABLE;
}

static void restore(struct sim_world *world, struct sim_node *node, struct shard_set *set,
                    const struct sim_message *message)
{
    const struct sim_block *block = message->blocks[0];
    struct coder_job job = {.kind = CODER_RESTORE,
                            .code = set->code,
                            .root = block->proposal.rest.da_root,
                            .room = set->room};
    memcpy(job.present, set->present, sizeof(job.present));
    coder_run(&job);
    const bool good = judge(world, node, block, job.verdict);
    if (good) {
        set->leaves = job.leaves;
        set->state = SHARD_SET_WHOLE;
        pass_on(world, node, set, block);
        if (memcmp(set->room, block->shards, shard_room(&set->code)) != 0) {
            check_fail(world->check, "correctness", "node %u restored other bytes", node->index);
        }
    } else {
        shard_set_close(set);
    }
    node_propose(world, node, message, !good);
}

bool shards_check(struct sim_world *world, const struct sim_node *node,
                  const struct sim_block *block)
{
    if (block->shards == NULL) {
        return true;
    }
    const struct shard_code code = code_of(block);
    struct coder_job job = {.kind = CODER_ENCODE, .code = code};
    job.block = shard_block(&code, block->shards);
    job.room = malloc(shard_room(&code));
    ASSERT(job.room != NULL);
    coder_run(&job);
    free(job.room);
    const bool same = hash_equal(&job.root, &block->proposal.rest.da_root);
    return judge(world, node, block, same ? SHARD_AVAILABLE : SHARD_INCONSISTENT);
}

static void serve_shards(struct sim_world *world, struct sim_node *node,
                         const struct sim_message *message)
{
    const struct sim_block *block = block_find(world, &message->hash);
    struct shard_set *set =
        node->shards == NULL ? NULL : shard_pool_find(node->shards, &message->hash);
    if (set == NULL || !set->passed_on || block == NULL ||
        set_place(&block->set, message->from) == CONSENSUS_OBSERVER) {
        return;
    }
    struct sim_message shard = {
        .extra = set_place(&block->set, node->validator), .block_count = 1, .blocks = {block}};
    send_shard(world, node, message->from, &shard);
    if (set->state == SHARD_SET_WHOLE) {
        shard.extra = set_place(&block->set, message->from);
        send_shard(world, node, message->from, &shard);
    }
}

void shards_deliver(struct sim_world *world, struct sim_node *node,
                    const struct sim_message *message)
{
    struct consensus_status status;
    if (message->kind == SIM_GET_SHARDS) {
        serve_shards(world, node, message);
        return;
    }
    const struct sim_block *block = message->blocks[0];
    const uint32_t index = (uint32_t)message->extra;
    const uint32_t self = set_place(&block->set, node->validator);
    if (block->proposal.light.epoch == node->epoch + 1) {
        node_hold(world, node, message, CONSENSUS_NEXT_EPOCH);
        return;
    }
    if (index >= block->set.count || block->proposal.light.epoch != node->epoch ||
        node->epoch_over || (index != set_place(&block->set, message->from) && index != self)) {
        return;
    }
    if (node->shards == NULL) {
        node->shards = malloc(sizeof(*node->shards));
        ASSERT(node->shards != NULL);
        shard_pool_init(node->shards);
    }
    consensus_status(node->core, &status);
    shard_pool_forget(node->shards, node->epoch, status.last_delivered.view);
    struct shard_set *set = shard_pool_find(node->shards, &block->hash);
    if (set == NULL) {
        set = open_set(world, node, message);
    }
    if (set == NULL || put(set, message) != SHARD_PUT_KEPT) {
        return;
    }
    if (index == self) {
        pass_on(world, node, set, block);
    }
    if (shard_set_ready(set)) {
        restore(world, node, set, message);
    }
}

void shards_ask(struct sim_world *world, struct sim_node *node)
{
    for (uint32_t i = 0; node->shards != NULL && i < SHARD_SET_MAX; i++) {
        const struct shard_set *set = &node->shards->sets[i];
        if (set->state == SHARD_SET_COLLECTING) {
            struct sim_message *message = message_new(SIM_GET_SHARDS, node);
            message->hash = set->hash;
            world_send(world, CONSENSUS_ALL, message);
        }
    }
}
