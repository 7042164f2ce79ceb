#include "state/tree/tree.h"

#include "crypto/crypto.h"

enum { LEAF_PREFIX = 0x00, INNER_PREFIX = 0x01, NODE_SIZE = 1 + 2 * HASH_SIZE, PATH_BITS = 256 };

void state_tree_path(struct bytes key, struct hash *out)
{
    crypto_sha256(key, out);
}

void state_tree_vhash(struct bytes value, struct hash *out)
{
    crypto_sha256(value, out);
}

static void hash_pair(uint8_t prefix, const struct hash *a, const struct hash *b, struct hash *out)
{
    uint8_t buffer[NODE_SIZE];
    buffer[0] = prefix;
    memcpy(buffer + 1, a->bytes, HASH_SIZE);
    memcpy(buffer + 1 + HASH_SIZE, b->bytes, HASH_SIZE);
    crypto_sha256(bytes_of(buffer, sizeof(buffer)), out);
}

void state_tree_leaf_hash(const struct hash *path, const struct hash *vhash, struct hash *out)
{
    hash_pair(LEAF_PREFIX, path, vhash, out);
}

bool state_tree_bit(const struct hash *path, uint32_t index)
{
    ASSERT(index < PATH_BITS);
    return (path->bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

void state_tree_combine(const struct state_tree_node *left, const struct state_tree_node *right,
                        struct state_tree_node *out)
{
    struct state_tree_node node = {.kind = STATE_TREE_INNER};
    if (left->kind == STATE_TREE_EMPTY && right->kind != STATE_TREE_INNER) {
        node = *right; /* EMPTY or a LEAF that moves up */
    } else if (right->kind == STATE_TREE_EMPTY && left->kind == STATE_TREE_LEAF) {
        node = *left;
    } else {
        hash_pair(INNER_PREFIX, &left->hash, &right->hash, &node.hash);
    }
    *out = node;
}

/* The number of leading bits that a and b share; they differ. */
static uint32_t shared_bits(const struct hash *a, const struct hash *b)
{
    uint32_t i = 0;
    while (i < HASH_SIZE && a->bytes[i] == b->bytes[i]) {
        i++;
    }
    ASSERT(i < HASH_SIZE);
    const uint32_t difference = (uint32_t)a->bytes[i] ^ b->bytes[i];
    uint32_t bits = 8 * i;
    for (uint32_t mask = 0x80; (difference & mask) == 0; mask >>= 1) {
        bits++;
    }
    return bits;
}

/* A finished subtree on the way to its parent: it covers the paths that share the first
 * level bits of *path. */
struct pending {
    struct state_tree_node node;
    const struct hash *path;
    uint32_t level;    /* where node stands */
    uint32_t boundary; /* bits shared with the pending subtree on its left */
};

/* Lift a subtree to a level above it where it has no neighbour in between. */
static void pending_lift(struct pending *item, uint32_t level)
{
    const struct state_tree_node empty = {.kind = STATE_TREE_EMPTY};
    while (item->node.kind == STATE_TREE_INNER && item->level > level) {
        item->level--;
        if (state_tree_bit(item->path, item->level)) {
            state_tree_combine(&empty, &item->node, &item->node);
        } else {
            state_tree_combine(&item->node, &empty, &item->node);
        }
    }
    item->level = level;
}

/* Join the two topmost subtrees at the bit where they part. */
static size_t pending_join(struct pending *stack, size_t count)
{
    struct pending *left = &stack[count - 2];
    struct pending *right = &stack[count - 1];
    const uint32_t level = right->boundary;
    pending_lift(left, level + 1);
    pending_lift(right, level + 1);
    state_tree_combine(&left->node, &right->node, &left->node);
    left->level = level;
    return count - 1;
}

/* Leaves arrive in path order.  A subtree is complete as soon as the next leaf shares
 * fewer bits with its last leaf than its two halves share with each other, so boundaries
 * on the stack ascend strictly and 257 entries suffice. */
void state_tree_fold(const struct state_tree_leaf *leaves, size_t count, uint32_t depth,
                     struct state_tree_node *out)
{
    struct pending stack[PATH_BITS + 1];
    size_t top = 0;
    if (count == 0) {
        *out = (struct state_tree_node){.kind = STATE_TREE_EMPTY};
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t boundary =
            i == 0 ? depth : shared_bits(&leaves[i - 1].path, &leaves[i].path);
        AUDIT(i == 0 || hash_compare(&leaves[i - 1].path, &leaves[i].path) < 0);
        AUDIT(boundary >= depth);
        while (top > 1 && stack[top - 1].boundary > boundary) {
            top = pending_join(stack, top);
        }
        ASSERT(top <= PATH_BITS);
        stack[top++] = (struct pending){
            .node = {.hash = leaves[i].hash, .kind = STATE_TREE_LEAF},
            .path = &leaves[i].path,
            .level = PATH_BITS,
            .boundary = boundary,
        };
    }
    while (top > 1) {
        top = pending_join(stack, top);
    }
    pending_lift(&stack[0], depth);
    *out = stack[0].node;
}
