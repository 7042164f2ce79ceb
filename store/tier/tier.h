#ifndef STORE_TIER_TIER_H
#define STORE_TIER_TIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "state/tree/tree.h"

/* The state tree in RAM, in two tiers: the nodes of its top `depth`
 * levels as flat arrays, and below each node of level `depth` a bucket: the leaves under it
 * as one sorted array, hashed anew when one of them changes.  The root does not depend on
 * depth.
 *
 * A delta is what one block changes, computed without touching the tier: new buckets and
 * new nodes over a parent (another delta, or NULL: the tier itself).  Deltas form branches.
 * Applying one exchanges its contents with the tier's, so that it becomes the way back, and
 * a chain of applied deltas answers for earlier heights as a chain of unapplied ones does
 * for later ones.
 *
 * Cost of n changes: n buckets of about 8 leaves, and n * (depth - log2 n) + 2n nodes.
 * Memory: 64 bytes a key and 33 bytes for each node.  Not thread safe, but for filling. */

enum { TIER_DEPTH_MIN = 16, TIER_DEPTH_MAX = 24 };

struct tier;
struct tier_delta;

/* A change of one leaf; writes are strictly ascending by path. */
struct tier_write {
    struct state_tree_leaf leaf;
    bool removed;
};

/* The depth that gives 4 to 8 leaves a bucket, within the limits above. */
uint32_t tier_depth_for(uint64_t leaf_count);

/* An empty tree; depth is 1 .. TIER_DEPTH_MAX. */
struct tier *tier_create(uint32_t depth);
void tier_free(struct tier *tier);

/* Fill an empty tier: leaves strictly ascending by path, then tier_seal once. */
void tier_load(struct tier *tier, const struct state_tree_leaf *leaf);
void tier_seal(struct tier *tier);

/* The same by several threads, bits <= depth: thread i of 2^bits loads the leaves whose paths
 * begin with the bits of i and seals that part; after all of them, tier_seal_top once. */
void tier_seal_part(struct tier *tier, uint32_t bits, uint32_t i);
void tier_seal_top(struct tier *tier, uint32_t bits);

uint32_t tier_depth(const struct tier *tier);
uint64_t tier_count(const struct tier *tier);

/* The same leaves at another depth.  No delta over the tier may be used after it. */
void tier_rebuild(struct tier *tier, uint32_t depth);

struct tier_delta *tier_stage(const struct tier *tier, const struct tier_delta *parent,
                              const struct tier_write *writes, size_t count);
void tier_delta_free(struct tier_delta *delta);
void tier_delta_set_parent(struct tier_delta *delta, const struct tier_delta *parent);
size_t tier_delta_size(const struct tier_delta *delta);

/* delta's parent is NULL.  Afterwards the tier is what delta made of it, and delta over the
 * tier is what the tier was. */
void tier_apply(struct tier *tier, struct tier_delta *delta);

/* What stands at a place of the tree seen through top (NULL: the tier itself). */
struct state_tree_node tier_node(const struct tier *tier, const struct tier_delta *top,
                                 uint32_t level, uint32_t index);
struct hash tier_root(const struct tier *tier, const struct tier_delta *top);

/* The proof for path; for ABSENT_LEAF the caller adds other_vhash. */
void tier_prove(const struct tier *tier, const struct tier_delta *top, const struct hash *path,
                struct state_tree_proof *out);

#endif /* STORE_TIER_TIER_H */
