#include <stdlib.h>
#include <string.h>

#include "tests/scale/scale.h"
#include "tests/support/random.h"

/* Blocks: random bytes, coded for real. */

static void proposal_hash(const struct proposal *proposal, struct hash *out)
{
    uint8_t light[WIRE_LIGHT_SIZE_MAX];
    uint8_t rest[WIRE_REST_SIZE_MAX];
    struct wire_writer writer;
    struct bytes bytes;
    struct hash rest_digest;
    struct crypto_sha256 sha;
    wire_writer_init(&writer, rest, sizeof(rest));
    wire_write_rest(&writer, &proposal->rest);
    ASSERT(wire_writer_end(&writer, &bytes));
    crypto_digest(TAG_PROPOSAL_REST, bytes, &rest_digest);
    wire_writer_init(&writer, light, sizeof(light));
    wire_write_light(&writer, &proposal->light);
    ASSERT(wire_writer_end(&writer, &bytes));
    crypto_digest_init(&sha, TAG_PROPOSAL);
    crypto_sha256_update(&sha, bytes);
    crypto_sha256_update(&sha, bytes_of(rest_digest.bytes, HASH_SIZE));
    crypto_sha256_final(&sha, out);
}

/* The same from what came over the wire, as the node does. */
static void hash_of_shard(const struct wire_shard *shard, struct hash *out)
{
    struct hash rest_digest;
    struct crypto_sha256 sha;
    crypto_digest(TAG_PROPOSAL_REST, shard->rest_bytes, &rest_digest);
    crypto_digest_init(&sha, TAG_PROPOSAL);
    crypto_sha256_update(&sha, shard->light_bytes);
    crypto_sha256_update(&sha, bytes_of(rest_digest.bytes, HASH_SIZE));
    crypto_sha256_final(&sha, out);
}

static void block_fill(struct scale_world *world, struct scale_block *block)
{
    block->block = malloc(world->options.block_size);
    ASSERT(block->block != NULL);
    for (size_t at = 0; at < world->options.block_size; at += sizeof(uint64_t)) {
        const uint64_t word = random_next(&world->random);
        const size_t left = world->options.block_size - at;
        memcpy(block->block + at, &word, left < sizeof(word) ? left : sizeof(word));
    }
}

static void block_cut(struct scale_world *world, struct scale_block *block)
{
    struct proposal_rest *rest = &block->proposal.rest;
    struct shard_leaves leaves;
    uint8_t *room = malloc(shard_room(&block->code));
    ASSERT(room != NULL);
    ASSERT(shard_encode(&block->code, bytes_of(block->block, rest->block_size), room));
    shard_leaves_hash(&block->code, room, &leaves);
    shard_root(&block->code, &leaves, &rest->da_root);
    rest->da_mode = DA_SHARD;
    rest->da_n = block->code.count;
    rest->da_k = block->code.required;
    rest->shard_size = block->code.shard_size;
    for (uint32_t i = 0; i < block->code.count; i++) {
        struct crypto_path path;
        shard_prove(&block->code, &leaves, i, &path);
        const struct wire_shard shard = {
            .proposal = block->proposal,
            .signature = {{7}},
            .index = i,
            .path = bytes_of(path.siblings[0].bytes, (size_t)path.size * HASH_SIZE),
            .shard = bytes_of(room + (size_t)i * block->code.shard_size, block->code.shard_size)};
        block->shards[i] = message_shard(world, block, &shard);
    }
    free(room);
}

struct scale_block *block_make(struct scale_world *world, uint32_t leader,
                               const struct consensus_action *action)
{
    const uint64_t view = action->build.view;
    struct scale_block *block = calloc(1, sizeof(*block));
    ASSERT(block != NULL && view < SCALE_VIEWS_MAX && world->blocks[view] == NULL);
    struct proposal *proposal = &block->proposal;
    proposal->light = (struct proposal_light){
        .epoch = SCALE_EPOCH, .view = view, .height = action->build.parent.height + 1};
    random_fill(&world->random, proposal->light.block_id.bytes, HASH_SIZE);
    proposal->rest = (struct proposal_rest){.version = PROPOSAL_VERSION,
                                            .parent_view = action->build.parent.view,
                                            .parent_proposal = action->build.parent.proposal,
                                            .block_size = world->options.block_size,
                                            .leader = leader};
    ASSERT(
        shard_code_derive(world->options.validator_count, world->options.block_size, &block->code));
    block->begun_us = world->now_us;
    block->parent_id = action->build.parent.block_id;
    block_fill(world, block);
    block_cut(world, block);
    proposal_hash(proposal, &block->hash);
    world->blocks[view] = block;
    return block;
}

void block_release(struct scale_block *block)
{
    for (uint32_t i = 0; i < block->code.count; i++) {
        message_drop(block->shards[i]);
        block->shards[i] = NULL;
    }
    free(block->block);
    block->block = NULL;
}

struct scale_block *block_find(struct scale_world *world, const struct hash *hash)
{
    for (uint32_t view = 0; view < SCALE_VIEWS_MAX; view++) {
        struct scale_block *block = world->blocks[view];
        if (block != NULL && hash_equal(&block->hash, hash)) {
            return block;
        }
    }
    return NULL;
}

struct scale_block *block_of_shard(struct scale_world *world, const struct wire_shard *shard)
{
    struct hash hash;
    const uint64_t view = shard->proposal.light.view;
    hash_of_shard(shard, &hash);
    struct scale_block *block = view < SCALE_VIEWS_MAX ? world->blocks[view] : NULL;
    ASSERT(block != NULL && hash_equal(&block->hash, &hash));
    return block;
}
