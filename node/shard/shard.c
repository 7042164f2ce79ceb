#include "node/shard/shard.h"

#include <string.h>

#include "base/endian.h"
#include "node/shard/matrix.h"
#include "types/validators.h"

enum { LEAF_SIZE = 2 + HASH_SIZE };

bool shard_code_derive(uint32_t validators, uint32_t block_size, struct shard_code *out)
{
    if (validators < SHARD_VALIDATORS_MIN || validators > VALIDATOR_COUNT_MAX || block_size == 0 ||
        block_size > BLOCK_SIZE_MAX) {
        return false;
    }
    const uint32_t faulty = (validators - 1) / 3;
    const uint32_t required = validator_quorum(validators) - faulty;
    const uint32_t even = (SHARD_LENGTH_SIZE + block_size + required - 1) / required;
    *out = (struct shard_code){
        .count = validators,
        .required = required,
        .block_size = block_size,
        .shard_size = (even + SHARD_ALIGN - 1) / SHARD_ALIGN * SHARD_ALIGN,
    };
    return true;
}

size_t shard_room(const struct shard_code *code)
{
    return (size_t)code->count * code->shard_size;
}

static size_t content_size(const struct shard_code *code)
{
    return (size_t)code->required * code->shard_size;
}

bool shard_encode(const struct shard_code *code, struct bytes block, uint8_t *room)
{
    ASSERT(block.size == code->block_size);
    store_be32(room, code->block_size);
    memcpy(room + SHARD_LENGTH_SIZE, block.data, block.size);
    const size_t used = SHARD_LENGTH_SIZE + block.size;
    memset(room + used, 0, content_size(code) - used);
    return matrix_parity(code, room);
}

static void leaf_write(uint32_t index, const struct hash *digest, uint8_t out[LEAF_SIZE])
{
    out[0] = (uint8_t)(index >> 8);
    out[1] = (uint8_t)index;
    memcpy(out + 2, digest->bytes, HASH_SIZE);
}

void shard_leaves_hash(const struct shard_code *code, const uint8_t *room, struct shard_leaves *out)
{
    for (uint32_t i = 0; i < code->count; i++) {
        crypto_digest(TAG_SHARD, bytes_of(room + (size_t)i * code->shard_size, code->shard_size),
                      &out->digests[i]);
    }
}

void shard_root(const struct shard_code *code, const struct shard_leaves *leaves, struct hash *out)
{
    struct crypto_tree tree;
    crypto_tree_init(&tree, TAG_SHARD_TREE);
    for (uint32_t i = 0; i < code->count; i++) {
        uint8_t leaf[LEAF_SIZE];
        leaf_write(i, &leaves->digests[i], leaf);
        crypto_tree_append(&tree, bytes_of(leaf, sizeof(leaf)));
    }
    crypto_tree_root(&tree, out);
}

void shard_prove(const struct shard_code *code, const struct shard_leaves *leaves, uint32_t index,
                 struct crypto_path *out)
{
    struct hash nodes[CRYPTO_NODES_COUNT(VALIDATOR_COUNT_MAX)];
    ASSERT(index < code->count);
    for (uint32_t i = 0; i < code->count; i++) {
        uint8_t leaf[LEAF_SIZE];
        leaf_write(i, &leaves->digests[i], leaf);
        crypto_nodes_leaf(TAG_SHARD_TREE, bytes_of(leaf, sizeof(leaf)), &nodes[i]);
    }
    crypto_nodes_fill(TAG_SHARD_TREE, nodes, code->count);
    crypto_nodes_path(nodes, code->count, index, out);
}

bool shard_verify(const struct shard_code *code, const struct hash *root, uint32_t index,
                  struct bytes shard, const struct crypto_path *path)
{
    if (index >= code->count || shard.size != code->shard_size || path->index != index ||
        path->count != code->count) {
        return false;
    }
    struct hash digest;
    uint8_t leaf[LEAF_SIZE];
    crypto_digest(TAG_SHARD, shard, &digest);
    leaf_write(index, &digest, leaf);
    return crypto_path_verify(path, TAG_SHARD_TREE, bytes_of(leaf, sizeof(leaf)), root);
}

/* Size and padding are part of the code word: two roots for one block must not exist. */
static bool is_content(const struct shard_code *code, const uint8_t *room)
{
    const size_t used = SHARD_LENGTH_SIZE + (size_t)code->block_size;
    uint8_t stray = 0;
    for (size_t i = used; i < content_size(code); i++) {
        stray |= room[i];
    }
    return load_be32(room) == code->block_size && stray == 0;
}

enum shard_verdict shard_restore(const struct shard_code *code, const struct hash *root,
                                 const bool present[VALIDATOR_COUNT_MAX], uint8_t *room,
                                 struct shard_leaves *leaves)
{
    uint32_t have = 0;
    for (uint32_t i = 0; i < code->count; i++) {
        have += present[i] ? 1 : 0;
    }
    if (have < code->required) {
        return SHARD_SHORT;
    }
    if (!matrix_restore(code, present, room) || !matrix_parity(code, room)) {
        return SHARD_MEMORY;
    }
    struct hash again;
    shard_leaves_hash(code, room, leaves);
    shard_root(code, leaves, &again);
    if (!hash_equal(&again, root) || !is_content(code, room)) {
        return SHARD_INCONSISTENT;
    }
    return SHARD_AVAILABLE;
}

struct bytes shard_block(const struct shard_code *code, const uint8_t *room)
{
    return bytes_of(room + SHARD_LENGTH_SIZE, code->block_size);
}

bool shard_pays(const struct shard_code *code, uint64_t delay_size)
{
    const uint64_t n = code->count;
    const uint64_t k = code->required;
    const uint64_t saved = (n - 1) * k - (2 * n - 3); /* k times the copies saved; > 0 */
    return code->block_size >= SHARD_BLOCK_SIZE_MIN && code->block_size * saved > delay_size * k;
}
