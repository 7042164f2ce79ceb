#include "store/tier/tier.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "store/rocks.h"

enum { LEAVES_PER_BUCKET_LOG2 = 3, BUCKET_FIRST_ROOM = 4 };

struct bucket {
    struct state_tree_leaf *leaves;
    uint32_t count;
};

struct tier {
    uint32_t depth;
    uint64_t count;
    struct state_tree_node *nodes; /* node i of level l at 2^l + i; [1] is the root */
    struct bucket *buckets;        /* 2^depth of them */
};

struct item {
    struct state_tree_node node;
    uint32_t index;
};

struct level {
    struct item *items; /* ascending by index */
    size_t count;
};

struct tier_delta {
    const struct tier_delta *parent;
    uint32_t depth;
    int64_t added; /* leaves more than the parent has */
    size_t size;   /* bytes of memory */
    struct level levels[TIER_DEPTH_MAX + 1];
    struct bucket *buckets; /* parallel to levels[depth].items */
};

uint32_t tier_depth_for(uint64_t leaf_count)
{
    uint32_t depth = TIER_DEPTH_MIN;
    while (depth < TIER_DEPTH_MAX && (leaf_count >> LEAVES_PER_BUCKET_LOG2) > UINT64_C(1)
                                                                                  << depth) {
        depth++;
    }
    return depth;
}

struct tier *tier_create(uint32_t depth)
{
    ASSERT(depth > 0 && depth <= TIER_DEPTH_MAX);
    struct tier *tier = store_allocate(sizeof(*tier));
    const size_t width = (size_t)1 << depth;
    *tier = (struct tier){.depth = depth};
    tier->nodes = store_allocate(2 * width * sizeof(*tier->nodes));
    memset(tier->nodes, 0, 2 * width * sizeof(*tier->nodes));
    tier->buckets = store_allocate(width * sizeof(*tier->buckets));
    memset(tier->buckets, 0, width * sizeof(*tier->buckets));
    return tier;
}

static void tier_clear(struct tier *tier)
{
    for (size_t i = 0; i < (size_t)1 << tier->depth; i++) {
        free(tier->buckets[i].leaves);
    }
    free(tier->buckets);
    free(tier->nodes);
}

void tier_free(struct tier *tier)
{
    if (tier != NULL) {
        tier_clear(tier);
        free(tier);
    }
}

static uint32_t bucket_index(const struct hash *path, uint32_t depth)
{
    return load_be32(path->bytes) >> (32 - depth);
}

void tier_load(struct tier *tier, const struct state_tree_leaf *leaf)
{
    struct bucket *bucket = &tier->buckets[bucket_index(&leaf->path, tier->depth)];
    ASSERT(bucket->count == 0 ||
           hash_compare(&bucket->leaves[bucket->count - 1].path, &leaf->path) < 0);
    /* Room doubles at each power of two from BUCKET_FIRST_ROOM on. */
    const uint32_t count = bucket->count;
    if (count == 0 || (count >= BUCKET_FIRST_ROOM && (count & (count - 1)) == 0)) {
        const size_t room = count == 0 ? BUCKET_FIRST_ROOM : 2 * (size_t)count;
        struct state_tree_leaf *leaves = store_allocate(room * sizeof(*leaves));
        if (count > 0) {
            memcpy(leaves, bucket->leaves, count * sizeof(*leaves));
        }
        free(bucket->leaves);
        bucket->leaves = leaves;
    }
    bucket->leaves[bucket->count++] = *leaf;
}

/* The nodes of one level, first .. end - 1, from those below them. */
static void combine_level(struct tier *tier, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        state_tree_combine(&tier->nodes[2 * i], &tier->nodes[2 * i + 1], &tier->nodes[i]);
    }
}

void tier_seal_part(struct tier *tier, uint32_t bits, uint32_t i)
{
    ASSERT(bits <= tier->depth && i < UINT32_C(1) << bits);
    const size_t width = (size_t)1 << tier->depth;
    const size_t buckets = width >> bits;
    for (size_t at = i * buckets; at < (i + 1) * buckets; at++) {
        state_tree_fold(tier->buckets[at].leaves, tier->buckets[at].count, tier->depth,
                        &tier->nodes[width + at]);
    }
    for (uint32_t level = tier->depth; level-- > bits;) {
        const size_t first = ((size_t)1 << level) + ((size_t)i << (level - bits));
        combine_level(tier, first, first + ((size_t)1 << (level - bits)));
    }
}

void tier_seal_top(struct tier *tier, uint32_t bits)
{
    for (uint32_t level = bits; level-- > 0;) {
        combine_level(tier, (size_t)1 << level, (size_t)2 << level);
    }
    tier->count = 0;
    for (size_t i = 0; i < (size_t)1 << tier->depth; i++) {
        tier->count += tier->buckets[i].count;
    }
}

void tier_seal(struct tier *tier)
{
    tier_seal_part(tier, 0, 0);
    tier_seal_top(tier, 0);
}

uint32_t tier_depth(const struct tier *tier)
{
    return tier->depth;
}

uint64_t tier_count(const struct tier *tier)
{
    return tier->count;
}

void tier_rebuild(struct tier *tier, uint32_t depth)
{
    struct tier *other = tier_create(depth);
    for (size_t i = 0; i < (size_t)1 << tier->depth; i++) {
        for (uint32_t j = 0; j < tier->buckets[i].count; j++) {
            tier_load(other, &tier->buckets[i].leaves[j]);
        }
    }
    tier_seal(other);
    tier_clear(tier);
    *tier = *other;
    free(other);
}

/* The place of index in a level of a delta; level->count when it is not there. */
static size_t level_find(const struct level *level, uint32_t index)
{
    size_t low = 0;
    size_t high = level->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (level->items[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < level->count && level->items[low].index == index ? low : level->count;
}

struct state_tree_node tier_node(const struct tier *tier, const struct tier_delta *top,
                                 uint32_t level, uint32_t index)
{
    ASSERT(level <= tier->depth && index < UINT32_C(1) << level);
    for (const struct tier_delta *at = top; at != NULL; at = at->parent) {
        const size_t place = level_find(&at->levels[level], index);
        if (place < at->levels[level].count) {
            return at->levels[level].items[place].node;
        }
    }
    return tier->nodes[((size_t)1 << level) + index];
}

struct hash tier_root(const struct tier *tier, const struct tier_delta *top)
{
    return tier_node(tier, top, 0, 0).hash;
}

static const struct bucket *tier_bucket(const struct tier *tier, const struct tier_delta *top,
                                        uint32_t index)
{
    for (const struct tier_delta *at = top; at != NULL; at = at->parent) {
        const size_t place = level_find(&at->levels[tier->depth], index);
        if (place < at->levels[tier->depth].count) {
            return &at->buckets[place];
        }
    }
    return &tier->buckets[index];
}

static struct item *items_allocate(struct tier_delta *delta, size_t count)
{
    delta->size += count * sizeof(struct item);
    return store_allocate(count * sizeof(struct item));
}

/* old with the writes merged in; both ascend by path. */
static struct bucket bucket_merge(const struct bucket *old, const struct tier_write *writes,
                                  size_t count)
{
    struct bucket bucket = {0};
    bucket.leaves = store_allocate((old->count + count) * sizeof(*bucket.leaves));
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        int order = -1;
        while (at < old->count &&
               (order = hash_compare(&old->leaves[at].path, &writes[i].leaf.path)) < 0) {
            bucket.leaves[bucket.count++] = old->leaves[at++];
        }
        at += at < old->count && order == 0 ? 1 : 0;
        if (!writes[i].removed) {
            bucket.leaves[bucket.count++] = writes[i].leaf;
        }
    }
    while (at < old->count) {
        bucket.leaves[bucket.count++] = old->leaves[at++];
    }
    return bucket;
}

/* The lowest level: each bucket that a write falls into. */
static void stage_buckets(const struct tier *tier, struct tier_delta *delta,
                          const struct tier_write *writes, size_t count)
{
    struct level *level = &delta->levels[tier->depth];
    level->items = items_allocate(delta, count);
    delta->buckets = store_allocate(count * sizeof(*delta->buckets));
    for (size_t i = 0; i < count;) {
        const uint32_t index = bucket_index(&writes[i].leaf.path, tier->depth);
        size_t end = i + 1;
        while (end < count && bucket_index(&writes[end].leaf.path, tier->depth) == index) {
            AUDIT(hash_compare(&writes[end - 1].leaf.path, &writes[end].leaf.path) < 0);
            end++;
        }
        const struct bucket *old = tier_bucket(tier, delta->parent, index);
        const struct bucket bucket = bucket_merge(old, writes + i, end - i);
        struct item *item = &level->items[level->count];
        item->index = index;
        state_tree_fold(bucket.leaves, bucket.count, tier->depth, &item->node);
        delta->buckets[level->count++] = bucket;
        delta->added += (int64_t)bucket.count - (int64_t)old->count;
        delta->size += sizeof(bucket) + (old->count + end - i) * sizeof(*bucket.leaves);
        i = end;
    }
}

/* One level up: the parents of everything staged below. */
static void stage_level(const struct tier *tier, struct tier_delta *delta, uint32_t number)
{
    const struct level *below = &delta->levels[number + 1];
    struct level *level = &delta->levels[number];
    const struct item *const items = below->items;
    ASSERT(items != NULL);
    level->items = items_allocate(delta, below->count);
    for (size_t i = 0; i < below->count;) {
        const struct item *item = &items[i];
        const uint32_t other = item->index ^ 1;
        const bool both = i + 1 < below->count && items[i + 1].index == other;
        const struct state_tree_node sibling =
            both ? items[i + 1].node : tier_node(tier, delta->parent, number + 1, other);
        struct item *parent = &level->items[level->count++];
        parent->index = item->index >> 1;
        if ((item->index & 1) == 0) {
            state_tree_combine(&item->node, &sibling, &parent->node);
        } else {
            state_tree_combine(&sibling, &item->node, &parent->node);
        }
        i += both ? 2 : 1;
    }
}

struct tier_delta *tier_stage(const struct tier *tier, const struct tier_delta *parent,
                              const struct tier_write *writes, size_t count)
{
    struct tier_delta *delta = store_allocate(sizeof(*delta));
    *delta = (struct tier_delta){.parent = parent, .depth = tier->depth, .size = sizeof(*delta)};
    ASSERT(parent == NULL || parent->depth == tier->depth);
    if (count == 0) {
        return delta;
    }
    stage_buckets(tier, delta, writes, count);
    for (uint32_t level = tier->depth; level-- > 0;) {
        stage_level(tier, delta, level);
    }
    return delta;
}

void tier_delta_free(struct tier_delta *delta)
{
    if (delta == NULL) {
        return;
    }
    for (size_t i = 0; i < delta->levels[delta->depth].count; i++) {
        free(delta->buckets[i].leaves);
    }
    for (uint32_t level = 0; level <= delta->depth; level++) {
        free(delta->levels[level].items);
    }
    free(delta->buckets);
    free(delta);
}

void tier_delta_set_parent(struct tier_delta *delta, const struct tier_delta *parent)
{
    delta->parent = parent;
}

size_t tier_delta_size(const struct tier_delta *delta)
{
    return delta->size;
}

void tier_apply(struct tier *tier, struct tier_delta *delta)
{
    ASSERT(delta->parent == NULL && delta->depth == tier->depth);
    for (uint32_t number = 0; number <= tier->depth; number++) {
        const struct level *level = &delta->levels[number];
        struct state_tree_node *nodes = tier->nodes + ((size_t)1 << number);
        for (size_t i = 0; i < level->count; i++) {
            const struct state_tree_node old = nodes[level->items[i].index];
            nodes[level->items[i].index] = level->items[i].node;
            level->items[i].node = old;
        }
    }
    for (size_t i = 0; i < delta->levels[tier->depth].count; i++) {
        struct bucket *bucket = &tier->buckets[delta->levels[tier->depth].items[i].index];
        const struct bucket old = *bucket;
        *bucket = delta->buckets[i];
        delta->buckets[i] = old;
    }
    tier->count = (uint64_t)((int64_t)tier->count + delta->added);
    delta->added = -delta->added;
}

/* The leaf that moved up to a node of kind LEAF lies in one of the buckets below it: go down
 * the side that is not empty. */
static const struct state_tree_leaf *
lone_leaf(const struct tier *tier, const struct tier_delta *top, uint32_t level, uint32_t index)
{
    for (; level < tier->depth; level++) {
        index *= 2;
        index += tier_node(tier, top, level + 1, index).kind == STATE_TREE_EMPTY ? 1 : 0;
    }
    const struct bucket *bucket = tier_bucket(tier, top, index);
    ASSERT(bucket->count == 1);
    return bucket->leaves;
}

void tier_prove(const struct tier *tier, const struct tier_delta *top, const struct hash *path,
                struct state_tree_proof *out)
{
    *out = (struct state_tree_proof){.type = STATE_TREE_ABSENT_EMPTY};
    uint32_t index = 0;
    for (uint32_t level = 0; level < tier->depth; level++) {
        const struct state_tree_node node = tier_node(tier, top, level, index);
        if (node.kind != STATE_TREE_INNER) {
            const bool leaf = node.kind == STATE_TREE_LEAF;
            state_tree_descend(leaf ? lone_leaf(tier, top, level, index) : NULL, leaf ? 1 : 0, path,
                               out);
            return;
        }
        index = 2 * index + (state_tree_bit(path, level) ? 1 : 0);
        out->siblings[level] = tier_node(tier, top, level + 1, index ^ 1).hash;
        out->depth = level + 1;
    }
    const struct bucket *bucket = tier_bucket(tier, top, index);
    state_tree_descend(bucket->leaves, bucket->count, path, out);
}
