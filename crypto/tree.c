#include "crypto/crypto.h"

#include "base/endian.h"

enum { NODE_PREFIX = 1 };

static const uint8_t leaf_prefix[1] = {0};

static void hash_leaf(enum tag tag, struct bytes entry, struct hash *out)
{
    struct crypto_sha256 state;
    crypto_digest_init(&state, tag);
    crypto_sha256_update(&state, bytes_of(leaf_prefix, sizeof leaf_prefix));
    crypto_sha256_update(&state, entry);
    crypto_sha256_final(&state, out);
}

/* out may be left or right. */
static void hash_node(enum tag tag, const struct hash *left, const struct hash *right,
                      struct hash *out)
{
    uint8_t node[1 + 2 * HASH_SIZE];
    node[0] = NODE_PREFIX;
    memcpy(node + 1, left->bytes, HASH_SIZE);
    memcpy(node + 1 + HASH_SIZE, right->bytes, HASH_SIZE);
    crypto_digest(tag, bytes_of(node, sizeof node), out);
}

static uint32_t peak_count(uint64_t leaves)
{
    uint32_t count = 0;
    for (uint64_t rest = leaves; rest != 0; rest &= rest - 1) {
        count++;
    }
    return count;
}

static void path_add(struct crypto_path *path, const struct hash *sibling)
{
    ASSERT(path->size < CRYPTO_PATH_MAX);
    path->siblings[path->size++] = *sibling;
}

void crypto_tree_init(struct crypto_tree *tree, enum tag tag)
{
    memset(tree, 0, sizeof *tree);
    tree->tag = tag;
}

void crypto_tree_append(struct crypto_tree *tree, struct bytes entry)
{
    ASSERT(tree->count < CRYPTO_TREE_COUNT_MAX);
    uint32_t last = peak_count(tree->count);
    ASSERT(last < CRYPTO_TREE_PEAK_MAX); /* below the greatest count a bit is clear */
    hash_leaf(tree->tag, entry, &tree->peaks[last]);
    /* As a carry in binary addition: every trailing one of count is a subtree as large
     * as the one just completed. */
    for (uint64_t rest = tree->count; (rest & 1) != 0; rest >>= 1) {
        hash_node(tree->tag, &tree->peaks[last - 1], &tree->peaks[last], &tree->peaks[last - 1]);
        last--;
    }
    tree->count++;
}

/* Folds the peaks right to left, which gives RFC 9162's root. */
void crypto_tree_root(const struct crypto_tree *tree, struct hash *out)
{
    uint32_t last = peak_count(tree->count);
    if (last == 0) {
        crypto_digest(tree->tag, (struct bytes){NULL, 0}, out);
        return;
    }
    struct hash root = tree->peaks[last - 1];
    for (last--; last > 0; last--) {
        hash_node(tree->tag, &tree->peaks[last - 1], &root, &root);
    }
    *out = root;
}

size_t crypto_tree_write(const struct crypto_tree *tree, uint8_t *out)
{
    const uint32_t peaks = peak_count(tree->count);
    store_be64(out, tree->count);
    for (uint32_t i = 0; i < peaks; i++) {
        memcpy(out + 8 + (size_t)i * HASH_SIZE, tree->peaks[i].bytes, HASH_SIZE);
    }
    return 8 + (size_t)peaks * HASH_SIZE;
}

bool crypto_tree_read(struct crypto_tree *tree, enum tag tag, struct bytes bytes)
{
    if (bytes.size < 8) {
        return false;
    }
    const uint64_t count = load_be64(bytes.data);
    const uint32_t peaks = peak_count(count);
    if (count > CRYPTO_TREE_COUNT_MAX || bytes.size != 8 + (size_t)peaks * HASH_SIZE) {
        return false;
    }
    crypto_tree_init(tree, tag);
    tree->count = count;
    for (uint32_t i = 0; i < peaks; i++) {
        memcpy(tree->peaks[i].bytes, bytes.data + 8 + (size_t)i * HASH_SIZE, HASH_SIZE);
    }
    return true;
}

void crypto_nodes_leaf(enum tag tag, struct bytes entry, struct hash *out)
{
    hash_leaf(tag, entry, out);
}

void crypto_nodes_fill(enum tag tag, struct hash *nodes, uint32_t leaves)
{
    for (uint32_t count = leaves; count > 1; count = (count + 1) / 2) {
        struct hash *above = nodes + count;
        for (uint32_t i = 0; i + 1 < count; i += 2) {
            hash_node(tag, &nodes[i], &nodes[i + 1], &above[i / 2]);
        }
        if (count % 2 != 0) {
            above[count / 2] = nodes[count - 1];
        }
        nodes = above;
    }
}

void crypto_nodes_path(const struct hash *nodes, uint32_t leaves, uint32_t index,
                       struct crypto_path *out)
{
    out->index = index;
    out->count = leaves;
    out->size = 0;
    for (uint32_t count = leaves; count > 1; count = (count + 1) / 2) {
        if ((index ^ 1U) < count) {
            path_add(out, &nodes[index ^ 1U]);
        }
        nodes += count;
        index /= 2;
    }
}

/* Where a node stands on its level, and where the level ends. */
struct level {
    uint64_t index;
    uint64_t last;
};

static void rise(struct level *level)
{
    level->index >>= 1;
    level->last >>= 1;
}

/* One sibling: hash becomes the node above it. */
static void climb(enum tag tag, struct level *level, const struct hash *sibling, struct hash *hash)
{
    if ((level->index & 1) == 0 && level->index != level->last) {
        hash_node(tag, hash, sibling, hash);
        rise(level);
        return;
    }
    hash_node(tag, sibling, hash, hash);
    /* A last node without a sibling rises unchanged until it has one. */
    while ((level->index & 1) == 0 && level->index != 0) {
        rise(level);
    }
    rise(level);
}

bool crypto_path_verify(const struct crypto_path *path, enum tag tag, struct bytes entry,
                        const struct hash *root)
{
    if (path->index >= path->count || path->size > CRYPTO_PATH_MAX) {
        return false;
    }
    struct level level = {.index = path->index, .last = path->count - 1};
    struct hash hash;
    hash_leaf(tag, entry, &hash);
    for (uint32_t i = 0; i < path->size; i++) {
        if (level.last == 0) {
            return false;
        }
        climb(tag, &level, &path->siblings[i], &hash);
    }
    return level.last == 0 && hash_equal(&hash, root);
}

/* The nodes on both ways up at once: earlier is the root of the leaves below `before` as far
 * as they are known, later that of all. */
struct ascent {
    struct level level;
    struct hash earlier;
    struct hash later;
};

static void ascend(enum tag tag, struct ascent *at, const struct hash *node)
{
    const bool right = (at->level.index & 1) != 0 || at->level.index == at->level.last;
    if (right) {
        hash_node(tag, node, &at->earlier, &at->earlier);
    }
    climb(tag, &at->level, node, &at->later);
}

bool crypto_growth_verify(const struct crypto_growth *growth, enum tag tag,
                          const struct hash *earlier, const struct hash *later)
{
    if (growth->before > growth->after || growth->size > CRYPTO_GROWTH_MAX) {
        return false;
    }
    if (growth->before == growth->after) {
        return growth->size == 0 && hash_equal(earlier, later);
    }
    if (growth->before == 0) {
        struct hash empty;
        crypto_digest(tag, (struct bytes){NULL, 0}, &empty);
        return growth->size == 0 && hash_equal(earlier, &empty);
    }
    struct ascent at = {.level = {.index = growth->before - 1, .last = growth->after - 1}};
    while ((at.level.index & 1) != 0) {
        rise(&at.level);
    }
    /* A perfect earlier tree is itself the node that the proof begins with. */
    const bool perfect = at.level.index == 0;
    if (!perfect && growth->size == 0) {
        return false;
    }
    at.earlier = perfect ? *earlier : growth->hashes[0];
    at.later = at.earlier;
    for (uint32_t i = perfect ? 0 : 1; i < growth->size; i++) {
        if (at.level.last == 0) {
            return false;
        }
        ascend(tag, &at, &growth->hashes[i]);
    }
    return at.level.last == 0 && hash_equal(&at.earlier, earlier) && hash_equal(&at.later, later);
}
