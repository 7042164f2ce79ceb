#include "state/tree/tree.h"

#include "base/endian.h"

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

static struct hash hash_at(const uint8_t *data)
{
    struct hash hash;
    memcpy(hash.bytes, data, HASH_SIZE);
    return hash;
}

/* The bitmap and the siblings it marks; *at moves behind them. */
static bool siblings_parse(struct bytes bytes, size_t *at, struct state_tree_proof *proof)
{
    const uint8_t *bitmap = bytes.data + PROOF_HEAD_SIZE;
    for (uint32_t i = (uint32_t)bitmap_size(proof->depth) * 8; i-- > 0;) {
        const bool marked = (bitmap[i / 8] >> (7 - i % 8) & 1) != 0;
        const bool beyond = i >= proof->depth;
        const bool last = i + 1 == proof->depth;
        if ((beyond && marked) || (last && !marked)) {
            return false;
        }
        if (!marked) {
            continue; /* EMPTY: zero from the start */
        }
        if (bytes.size - *at < HASH_SIZE) {
            return false;
        }
        proof->siblings[i] = hash_at(bytes.data + *at);
        *at += HASH_SIZE;
        if (hash_is_zero(&proof->siblings[i])) {
            return false;
        }
    }
    return true;
}

/* Reads into a zero *proof; false unless bytes are the canonical encoding. */
static bool proof_parse(struct bytes bytes, struct state_tree_proof *proof)
{
    if (bytes.size < PROOF_HEAD_SIZE || bytes.data[0] != PROOF_VERSION ||
        bytes.data[1] < STATE_TREE_MEMBER || bytes.data[1] > STATE_TREE_ABSENT_LEAF) {
        return false;
    }
    proof->type = (enum state_tree_proof_type)bytes.data[1];
    proof->depth = load_be16(bytes.data + 2);
    size_t at = PROOF_HEAD_SIZE + bitmap_size(proof->depth);
    if (proof->depth > PROOF_DEPTH_MAX || bytes.size < at || !siblings_parse(bytes, &at, proof)) {
        return false;
    }
    if (proof->type != STATE_TREE_ABSENT_LEAF) {
        return at == bytes.size;
    }
    if (bytes.size - at != 2 * (size_t)HASH_SIZE) {
        return false;
    }
    proof->other_path = hash_at(bytes.data + at);
    proof->other_vhash = hash_at(bytes.data + at + HASH_SIZE);
    return true;
}

/* Do a and b differ, and share their first bits? */
static bool lies_on_path(const struct hash *a, const struct hash *b, uint32_t bits)
{
    for (uint32_t i = 0; i < bits; i++) {
        if (state_tree_bit(a, i) != state_tree_bit(b, i)) {
            return false;
        }
    }
    return !hash_equal(a, b);
}

static struct hash proof_root(const struct state_tree_proof *proof, const struct hash *path,
                              struct state_tree_node node)
{
    for (uint32_t i = proof->depth; i-- > 0;) {
        /* Both sides count as INNER: the end of the path is as high as possible, so every
         * level above it is hashed whatever stands beside it. */
        const struct state_tree_node sibling = {proof->siblings[i], STATE_TREE_INNER};
        node.kind = STATE_TREE_INNER;
        if (state_tree_bit(path, i)) {
            state_tree_combine(&sibling, &node, &node);
        } else {
            state_tree_combine(&node, &sibling, &node);
        }
    }
    return node.hash;
}

enum state_tree_verdict state_tree_verify(const struct hash *root, struct bytes key,
                                          const struct bytes *value, struct bytes bytes)
{
    struct state_tree_proof proof = {.type = STATE_TREE_MEMBER};
    if (!proof_parse(bytes, &proof)) {
        return STATE_TREE_MALFORMED;
    }
    if ((proof.type == STATE_TREE_MEMBER) != (value != NULL)) {
        return STATE_TREE_OTHER_CLAIM;
    }
    struct hash path;
    struct hash vhash;
    state_tree_path(key, &path);
    struct state_tree_node end = {.kind = STATE_TREE_EMPTY};
    switch (proof.type) {
    case STATE_TREE_MEMBER:
        state_tree_vhash(*value, &vhash);
        state_tree_leaf_hash(&path, &vhash, &end.hash);
        break;
    case STATE_TREE_ABSENT_EMPTY:
        break;
    case STATE_TREE_ABSENT_LEAF:
        if (!lies_on_path(&proof.other_path, &path, proof.depth)) {
            return STATE_TREE_OTHER_PLACE;
        }
        state_tree_leaf_hash(&proof.other_path, &proof.other_vhash, &end.hash);
        break;
    }
    const struct hash found = proof_root(&proof, &path, end);
    return hash_equal(&found, root) ? STATE_TREE_PROVEN : STATE_TREE_OTHER_ROOT;
}

const char *state_tree_verdict_text(enum state_tree_verdict verdict)
{
    switch (verdict) {
    case STATE_TREE_PROVEN:
        return "proven";
    case STATE_TREE_MALFORMED:
        return "not a canonical state proof";
    case STATE_TREE_OTHER_CLAIM:
        return "the proof is for presence where absence is claimed, or the reverse";
    case STATE_TREE_OTHER_PLACE:
        return "the other leaf does not lie on the key's path";
    case STATE_TREE_OTHER_ROOT:
        return "the proof leads to another root";
    }
    UNREACHABLE();
}
