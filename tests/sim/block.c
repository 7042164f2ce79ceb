#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "tests/sim/sim.h"
#include "wire/wire.h"

/* Blocks, their hashes and fake execution: the root after a block is the digest of the root
 * before it and the block's content. */

static struct bytes content_bytes(const struct sim_content *content, uint8_t *out)
{
    memcpy(out, content->parent_id.bytes, HASH_SIZE);
    memcpy(out + HASH_SIZE, content->parent_root.bytes, HASH_SIZE);
    memcpy(out + 64, content->next_set.bytes, HASH_SIZE);
    store_be64(out + 96, content->height);
    store_be64(out + 104, content->time_ms);
    store_be64(out + 112, content->salt);
    store_be64(out + 120, content->tx_count);
    for (uint32_t i = 0; i < content->tx_count; i++) {
        store_be64(out + 128 + (size_t)8 * i, content->txs[i]);
    }
    return bytes_of(out, 128 + (size_t)8 * content->tx_count);
}

enum { CONTENT_SIZE_MAX = 128 + 8 * SIM_BLOCK_TXS_MAX };

void root_after(const struct hash *parent_root, const struct sim_content *content, struct hash *out)
{
    uint8_t bytes[CONTENT_SIZE_MAX];
    struct crypto_sha256 state;
    crypto_sha256_init(&state);
    crypto_sha256_update(&state, bytes_of(parent_root->bytes, HASH_SIZE));
    crypto_sha256_update(&state, content_bytes(content, bytes));
    crypto_sha256_final(&state, out);
}

static void proposal_hash(const struct proposal *proposal, struct hash *out)
{
    uint8_t light[WIRE_LIGHT_SIZE_MAX];
    uint8_t rest[WIRE_REST_SIZE_MAX];
    struct wire_writer writer;
    struct bytes bytes;
    struct hash rest_digest;
    struct crypto_sha256 state;
    wire_writer_init(&writer, rest, sizeof(rest));
    wire_write_rest(&writer, &proposal->rest);
    bool fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    crypto_digest(TAG_PROPOSAL_REST, bytes, &rest_digest);
    wire_writer_init(&writer, light, sizeof(light));
    wire_write_light(&writer, &proposal->light);
    fits = wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    crypto_digest_init(&state, TAG_PROPOSAL);
    crypto_sha256_update(&state, bytes);
    crypto_sha256_update(&state, bytes_of(rest_digest.bytes, HASH_SIZE));
    crypto_sha256_final(&state, out);
}

const struct sim_block *block_find(const struct sim_world *world, const struct hash *hash)
{
    for (size_t i = world->block_count; i > 0; i--) {
        if (hash_equal(&world->blocks[i - 1]->hash, hash)) {
            return world->blocks[i - 1];
        }
    }
    return NULL;
}

static void block_register(struct sim_world *world, struct sim_block *block)
{
    if (world->block_count == world->block_capacity) {
        world->block_capacity = world->block_capacity * 2 + 64;
        world->blocks = realloc(world->blocks, world->block_capacity * sizeof(struct sim_block *));
        ASSERT(world->blocks != NULL);
    }
    world->blocks[world->block_count++] = block;
}

const struct sim_block *block_make(struct sim_world *world, const struct sim_build *build)
{
    uint8_t bytes[CONTENT_SIZE_MAX];
    struct sim_block *block = calloc(1, sizeof(*block));
    ASSERT(block != NULL);
    block->content = build->again != NULL ? build->again->content : build->content;
    block->set = build->again != NULL ? build->again->set : build->state.set;
    struct proposal *proposal = &block->proposal;
    const struct bytes content = content_bytes(&block->content, bytes);
    proposal->light.epoch =
        build->again != NULL ? build->again->proposal.light.epoch : build->state.epoch;
    proposal->light.view = build->view;
    proposal->light.height = block->content.height;
    proposal->light.next_set_hash = block->content.next_set;
    proposal->rest.flags = build->again != NULL ? PROPOSAL_REPROPOSED : 0;
    crypto_sha256(content, &proposal->light.block_id);
    proposal->rest.version = PROPOSAL_VERSION;
    proposal->rest.parent_view = build->parent.view;
    proposal->rest.parent_proposal = build->parent.proposal;
    proposal->rest.leader = sim_leader(&block->set, build->view);
    proposal->rest.block_size = (uint32_t)content.size;
    if (build->again == NULL && shards_used(world, &block->set, &block->content)) {
        shards_code(block, content, build->no_code);
    }
    proposal_hash(proposal, &block->hash);
    const struct sim_block *known = block_find(world, &block->hash);
    if (known != NULL) {
        free(block->shards);
        free(block);
        return known;
    }
    if (build->again != NULL) {
        block->true_state = build->again->true_state;
    } else {
        state_after(world, &build->state, &block->content, &block->true_state);
    }
    block_register(world, block);
    record_proposal(world, block);
    return block;
}

struct consensus_block block_brief(const struct sim_block *block)
{
    return (struct consensus_block){.view = block->proposal.light.view,
                                    .proposal = block->hash,
                                    .block_id = block->proposal.light.block_id,
                                    .height = block->proposal.light.height,
                                    .parent_view = block->proposal.rest.parent_view,
                                    .parent = block->proposal.rest.parent_proposal,
                                    .boundary = block_is_boundary(block),
                                    .reproposed = block->proposal.rest.flags != 0};
}

/* A signature nobody can make who is not given this function with his own key: what is
 * delivered is verified against it. */
struct signature fake_sign(const struct sim_world *world, const struct check_member *member,
                           const struct vote *vote)
{
    struct signature out;
    uint64_t mix = world->plan.seed * UINT64_C(0xD1342543DE82EF95) + member->validator +
                   ((uint64_t)member->key << 32);
    mix = random_next(&mix) ^ ((uint64_t)vote->kind << 60) ^ vote->view;
    mix = random_next(&mix) ^ vote->epoch ^ load_le64(vote->proposal.bytes);
    for (size_t i = 8; i < HASH_SIZE; i += 8) {
        mix = random_next(&mix) ^ load_le64(vote->proposal.bytes + i);
    }
    for (size_t i = 0; i < SIGNATURE_SIZE; i += 8) {
        store_le64(out.bytes + i, random_next(&mix));
    }
    return out;
}

bool fake_verify(const struct sim_world *world, const struct sim_set *set,
                 const struct certificate *certificate)
{
    struct vote vote = {.kind = certificate->kind,
                        .epoch = certificate->epoch,
                        .view = certificate->view,
                        .proposal = certificate->proposal};
    uint32_t next = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!validator_bitmap_get(&certificate->signers, i)) {
            continue;
        }
        vote.validator = i;
        const struct signature good = fake_sign(world, &set->members[i], &vote);
        if (next >= certificate->signature_count ||
            memcmp(&good, &certificate->signatures[next], sizeof(good)) != 0) {
            return false;
        }
        next++;
    }
    return next == certificate->signature_count;
}
