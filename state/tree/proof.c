#include "state/tree/tree.h"

#include "base/endian.h"
#include "crypto/crypto.h"

/* The verifier knows no header of ours: its limits are those of the state. */
STATIC_ASSERT((int)STATE_TREE_HASH_SIZE == (int)HASH_SIZE, "a hash");
STATIC_ASSERT((int)STATE_TREE_DEPTH_MAX == (int)PROOF_DEPTH_MAX, "a depth");
STATIC_ASSERT((int)STATE_TREE_KEY_MAX == (int)STATE_KEY_SIZE_MAX, "a key");
STATIC_ASSERT((int)STATE_TREE_VALUE_MAX == (int)STATE_VALUE_SIZE_MAX, "a value");

enum { PROOF_VERSION = 1, PROOF_HEAD_SIZE = 4 };

/* The first of leaves whose bit at depth is 1; leaves share the bits above. */
static size_t split_at(const struct state_tree_leaf *leaves, size_t count, uint32_t depth)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (state_tree_bit(&leaves[middle].path, depth)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

void state_tree_descend(const struct state_tree_leaf *leaves, size_t count, const struct hash *path,
                        struct state_tree_proof *proof)
{
    while (count > 1) {
        const size_t split = split_at(leaves, count, proof->depth);
        const bool right = state_tree_bit(path, proof->depth);
        struct state_tree_node sibling;
        state_tree_fold(right ? leaves : leaves + split, right ? split : count - split,
                        proof->depth + 1, &sibling);
        proof->siblings[proof->depth] = sibling.hash;
        proof->depth++;
        leaves = right ? leaves + split : leaves;
        count = right ? count - split : split;
    }
    if (count == 0) {
        proof->type = STATE_TREE_ABSENT_EMPTY;
    } else if (hash_equal(&leaves[0].path, path)) {
        proof->type = STATE_TREE_MEMBER;
    } else {
        proof->type = STATE_TREE_ABSENT_LEAF;
        proof->other_path = leaves[0].path;
    }
}

static size_t bitmap_size(uint32_t depth)
{
    return (depth + 7) / 8;
}

size_t state_tree_proof_write(const struct state_tree_proof *proof, uint8_t *out)
{
    ASSERT(proof->depth <= PROOF_DEPTH_MAX);
    uint8_t *bitmap = out + PROOF_HEAD_SIZE;
    size_t size = PROOF_HEAD_SIZE + bitmap_size(proof->depth);
    out[0] = PROOF_VERSION;
    out[1] = (uint8_t)proof->type;
    store_be16(out + 2, (uint16_t)proof->depth);
    memset(bitmap, 0, bitmap_size(proof->depth));
    for (uint32_t i = proof->depth; i-- > 0;) {
        if (!hash_is_zero(&proof->siblings[i])) {
            bitmap[i / 8] |= (uint8_t)(0x80 >> i % 8);
            memcpy(out + size, proof->siblings[i].bytes, HASH_SIZE);
            size += HASH_SIZE;
        }
    }
    if (proof->type == STATE_TREE_ABSENT_LEAF) {
        memcpy(out + size, proof->other_path.bytes, HASH_SIZE);
        memcpy(out + size + HASH_SIZE, proof->other_vhash.bytes, HASH_SIZE);
        size += 2 * (size_t)HASH_SIZE;
    }
    return size;
}

static void sha256_port(const uint8_t *data, size_t size, uint8_t *out)
{
    struct hash hash;
    crypto_sha256(bytes_of(data, size), &hash);
    memcpy(out, hash.bytes, HASH_SIZE);
}

enum state_tree_verdict state_tree_verify(const struct hash *root, struct bytes key,
                                          const struct bytes *value, struct bytes proof)
{
    const struct state_tree_claim claim = {
        .key = key.data,
        .key_size = key.size,
        .value = value == NULL ? NULL : value->data,
        .value_size = value == NULL ? 0 : value->size,
        .present = value != NULL,
    };
    const struct state_tree_question question = {
        .root = root->bytes, .claims = &claim, .count = 1, .sha256 = sha256_port};
    return state_tree_verify_one(&question, proof.data, proof.size);
}

enum state_tree_verdict state_tree_many_verify(const struct hash *root,
                                               const struct state_tree_claim *claims, size_t count,
                                               struct bytes proof)
{
    const struct state_tree_question question = {
        .root = root->bytes, .claims = claims, .count = count, .sha256 = sha256_port};
    return state_tree_verify_many(&question, proof.data, proof.size);
}
