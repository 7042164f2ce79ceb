/* tree OPERATIONS [SEED]: the state tree against a plain map of keys and values.
 *
 * Random blocks of sets and removals go into trees of three layouts at once: staged, as branches
 * too, thrown away, applied, taken back and applied again.  Every 100 operations
 *   - all layouts have the root of the definition, folded over the map;
 *   - so has a tree that got the map's keys in another order and other blocks, and one that was
 *     loaded in parts, as threads do it;
 *   - so have had the last blocks, seen back through what they changed;
 *   - proofs of present and absent keys, alone and together, verify, of now and of then, and no
 *     proof verifies for the other claim. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/tier/tier.h"
#include "tests/support/random.h"

enum {
    KEYS = 1500,
    KEY_SIZE = 12,
    VALUE_SIZE = 40,
    BLOCK_MAX = 60,
    LAYOUTS = 3,
    WINDOW = 8,
    OPERATIONS_A_CHECK = 100,
    OPERATIONS_A_PHASE = 20000, /* then mostly removals, or mostly sets again */
    ASKED = 10,
    MANY_SIZE_MAX = ASKED * 2 * STATE_PROOF_SIZE_MAX + 12,
};

static const uint32_t depths[LAYOUTS] = {1, 7, TIER_DEPTH_MIN};

struct entry {
    uint8_t key[KEY_SIZE];
    uint8_t value[VALUE_SIZE];
    size_t value_size;
    bool present;
    struct hash path;
    struct hash vhash;
    struct hash leaf;
};

/* The plain map; ascending by path. */
struct map {
    struct entry entries[KEYS];
};

/* What was before each of the last blocks; [0] before the newest. */
struct past {
    struct map *maps[WINDOW];
    struct hash roots[WINDOW];
    struct tier_delta *deltas[WINDOW][LAYOUTS];
    size_t count;
};

struct run {
    uint64_t seed;
    uint64_t operations;
    struct map map;
    struct hash root;
    struct tier *tiers[LAYOUTS];
    struct past past;
    uint64_t proofs;
    uint64_t checks;
    uint64_t blocks;
    uint64_t taken_back;
};

static void hold(bool holds, const struct run *run, const char *what)
{
    if (!holds) {
        (void)printf("WRONG after %llu operations: %s\n", (unsigned long long)run->operations,
                     what);
        exit(EXIT_FAILURE);
    }
}

static void *take(size_t size)
{
    void *memory = malloc(size);
    ASSERT(memory != NULL);
    return memory;
}

/* ---- The map ------------------------------------------------------------------------------ */

static int entry_order(const void *a, const void *b)
{
    return hash_compare(&((const struct entry *)a)->path, &((const struct entry *)b)->path);
}

static void map_make(struct map *map, uint64_t *seed)
{
    memset(map, 0, sizeof(*map));
    for (size_t i = 0; i < KEYS; i++) {
        struct entry *entry = &map->entries[i];
        random_fill(seed, entry->key, KEY_SIZE);
        state_tree_path(bytes_of(entry->key, KEY_SIZE), &entry->path);
    }
    qsort(map->entries, KEYS, sizeof(map->entries[0]), entry_order);
}

static void entry_change(struct entry *entry, bool thin, uint64_t *seed)
{
    entry->present = random_below(seed, 1000) >= (thin ? 970U : 350U);
    if (entry->present) {
        entry->value_size = (size_t)random_below(seed, VALUE_SIZE + 1);
        random_fill(seed, entry->value, entry->value_size);
        state_tree_vhash(bytes_of(entry->value, entry->value_size), &entry->vhash);
        state_tree_leaf_hash(&entry->path, &entry->vhash, &entry->leaf);
    }
}

static struct hash map_root(const struct map *map)
{
    static struct state_tree_leaf leaves[KEYS];
    struct state_tree_node node;
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        const struct entry *entry = &map->entries[i];
        if (entry->present) {
            leaves[count++] = (struct state_tree_leaf){.path = entry->path, .hash = entry->leaf};
        }
    }
    state_tree_fold(leaves, count, 0, &node);
    return node.hash;
}

static const struct entry *map_find(const struct map *map, const struct hash *path)
{
    struct entry wanted;
    wanted.path = *path;
    return bsearch(&wanted, map->entries, KEYS, sizeof(wanted), entry_order);
}

static struct tier_write write_of(const struct entry *entry)
{
    return (struct tier_write){.leaf = {.path = entry->path, .hash = entry->leaf},
                               .removed = !entry->present};
}

/* A block's worth of changes to the map, and what they leave, ascending by path. */
static size_t map_change(struct run *run, struct map *map, struct tier_write *writes)
{
    static bool touched[KEYS];
    const bool thin = run->operations / OPERATIONS_A_PHASE % 2 == 1;
    const size_t operations = 1 + (size_t)random_below(&run->seed, BLOCK_MAX);
    size_t count = 0;
    memset(touched, 0, sizeof(touched));
    for (size_t i = 0; i < operations; i++) {
        const size_t at = (size_t)random_below(&run->seed, KEYS);
        entry_change(&map->entries[at], thin, &run->seed);
        touched[at] = true;
    }
    run->operations += operations;
    for (size_t i = 0; i < KEYS; i++) {
        if (touched[i]) {
            writes[count++] = write_of(&map->entries[i]);
        }
    }
    return count;
}

/* ---- Blocks ------------------------------------------------------------------------------- */

static void past_forget(struct past *past)
{
    past->count--;
    for (size_t i = 0; i < LAYOUTS; i++) {
        tier_delta_free(past->deltas[past->count][i]);
    }
    free(past->maps[past->count]);
}

/* The block that was applied last, deltas already exchanged with the tiers. */
static void past_push(struct run *run, struct tier_delta *const *deltas, const struct map *before,
                      const struct hash *root)
{
    struct past *past = &run->past;
    if (past->count == WINDOW) {
        past_forget(past);
    }
    memmove(&past->maps[1], &past->maps[0], (WINDOW - 1) * sizeof(past->maps[0]));
    memmove(&past->roots[1], &past->roots[0], (WINDOW - 1) * sizeof(past->roots[0]));
    memmove(&past->deltas[1], &past->deltas[0], (WINDOW - 1) * sizeof(past->deltas[0]));
    past->maps[0] = take(sizeof(*before));
    *past->maps[0] = *before;
    past->roots[0] = *root;
    past->count++;
    for (size_t i = 0; i < LAYOUTS; i++) {
        past->deltas[0][i] = deltas[i];
        if (past->count > 1) {
            tier_delta_set_parent(past->deltas[1][i], deltas[i]);
        }
    }
}

/* Two branches on the state and a block on one of them: the other one is thrown away. */
static void block(struct run *run)
{
    static struct tier_write writes[2][BLOCK_MAX];
    static struct map sides[2];
    struct tier_delta *deltas[2][LAYOUTS];
    struct hash roots[2];
    size_t counts[2];
    for (size_t side = 0; side < 2; side++) {
        sides[side] = run->map;
        counts[side] = map_change(run, &sides[side], writes[side]);
        roots[side] = map_root(&sides[side]);
    }
    for (size_t i = 0; i < LAYOUTS; i++) {
        for (size_t side = 0; side < 2; side++) {
            deltas[side][i] = tier_stage(run->tiers[i], NULL, writes[side], counts[side]);
        }
        struct tier_delta *above =
            tier_stage(run->tiers[i], deltas[0][i], writes[1], counts[1] / 2);
        tier_delta_free(above);
        for (size_t side = 0; side < 2; side++) {
            const struct hash root = tier_root(run->tiers[i], deltas[side][i]);
            hold(hash_equal(&root, &roots[side]), run, "the root of what is staged");
        }
        const struct hash before = tier_root(run->tiers[i], NULL);
        hold(hash_equal(&before, &run->root), run, "staging changed the tree");
        tier_delta_free(deltas[1][i]);
        tier_apply(run->tiers[i], deltas[0][i]);
    }
    past_push(run, deltas[0], &run->map, &run->root);
    run->map = sides[0];
    run->root = roots[0];
    run->blocks++;
}

/* The last block is not to be. */
static void take_back(struct run *run)
{
    struct past *past = &run->past;
    for (size_t i = 0; i < LAYOUTS; i++) {
        tier_apply(run->tiers[i], past->deltas[0][i]);
        tier_delta_free(past->deltas[0][i]);
        if (past->count > 1) {
            tier_delta_set_parent(past->deltas[1][i], NULL);
        }
    }
    run->map = *past->maps[0];
    run->root = past->roots[0];
    free(past->maps[0]);
    past->count--;
    memmove(&past->maps[0], &past->maps[1], (WINDOW - 1) * sizeof(past->maps[0]));
    memmove(&past->roots[0], &past->roots[1], (WINDOW - 1) * sizeof(past->roots[0]));
    memmove(&past->deltas[0], &past->deltas[1], (WINDOW - 1) * sizeof(past->deltas[0]));
    run->taken_back++;
}

/* ---- Checks ------------------------------------------------------------------------------- */

/* The map's keys in random order, in blocks of random size, at a random depth. */
static void check_order(struct run *run)
{
    static struct tier_write writes[KEYS];
    static size_t order[KEYS];
    struct tier *tier = tier_create(1 + (uint32_t)random_below(&run->seed, 10));
    const size_t blocks = 1 + (size_t)random_below(&run->seed, KEYS / BLOCK_MAX);
    for (size_t i = 0; i < KEYS; i++) {
        order[i] = (size_t)random_below(&run->seed, blocks);
    }
    for (size_t b = 0; b < blocks; b++) {
        size_t count = 0;
        for (size_t i = 0; i < KEYS; i++) {
            if (order[i] == b && run->map.entries[i].present) {
                writes[count++] = write_of(&run->map.entries[i]);
            }
        }
        struct tier_delta *delta = tier_stage(tier, NULL, writes, count);
        tier_apply(tier, delta);
        tier_delta_free(delta);
    }
    const struct hash root = tier_root(tier, NULL);
    hold(hash_equal(&root, &run->root), run, "the root of another order");
    tier_rebuild(tier, 1 + (uint32_t)random_below(&run->seed, 10));
    const struct hash rebuilt = tier_root(tier, NULL);
    hold(hash_equal(&rebuilt, &run->root), run, "the root of another depth");
    tier_free(tier);
}

/* As state.db is opened: leaves of each part, then what stands above the parts. */
static void check_parts(struct run *run)
{
    const uint32_t depth = 3 + (uint32_t)random_below(&run->seed, 8);
    const uint32_t bits = (uint32_t)random_below(&run->seed, 4);
    struct tier *tier = tier_create(depth);
    uint64_t count = 0;
    for (uint32_t part = UINT32_C(1) << bits; part-- > 0;) { /* the last one first */
        for (size_t i = 0; i < KEYS; i++) {
            const struct entry *entry = &run->map.entries[i];
            const uint32_t top = (uint32_t)entry->path.bytes[0] << bits >> 8;
            if (entry->present && top == part) {
                const struct state_tree_leaf leaf = {.path = entry->path, .hash = entry->leaf};
                tier_load(tier, &leaf);
                count++;
            }
        }
        tier_seal_part(tier, bits, part);
    }
    tier_seal_top(tier, bits);
    const struct hash root = tier_root(tier, NULL);
    hold(hash_equal(&root, &run->root) && tier_count(tier) == count, run, "the root of the parts");
    tier_free(tier);
}

/* A key's proof in a layout, seen through top; its claim by map. */
static size_t prove(struct run *run, size_t layout, const struct tier_delta *top,
                    const struct map *map, const struct entry *entry, uint8_t *out)
{
    static struct state_tree_proof proof;
    tier_prove(run->tiers[layout], top, &entry->path, &proof);
    if (proof.type == STATE_TREE_ABSENT_LEAF) {
        const struct entry *other = map_find(map, &proof.other_path);
        hold(other != NULL && other->present, run, "a proof names a leaf that is not there");
        proof.other_vhash = other->vhash;
    }
    run->proofs++;
    return state_tree_proof_write(&proof, out);
}

static void check_proofs(struct run *run, size_t layout, const struct tier_delta *top,
                         const struct map *map, const struct hash *root)
{
    static uint8_t proofs[ASKED][STATE_PROOF_SIZE_MAX];
    static uint8_t many[MANY_SIZE_MAX];
    struct state_tree_item items[ASKED];
    struct state_tree_claim claims[ASKED];
    size_t at = 0;
    for (size_t i = 0; i < ASKED; i++) {
        at += 1 + (size_t)random_below(&run->seed, KEYS / ASKED - 1);
        const struct entry *entry = &map->entries[at];
        const struct bytes key = bytes_of(entry->key, KEY_SIZE);
        const struct bytes value = bytes_of(entry->value, entry->value_size);
        const size_t size = prove(run, layout, top, map, entry, proofs[i]);
        const struct bytes proof = bytes_of(proofs[i], size);
        hold(state_tree_verify(root, key, entry->present ? &value : NULL, proof) ==
                 STATE_TREE_PROVEN,
             run, "a proof");
        hold(state_tree_verify(root, key, entry->present ? NULL : &value, proof) !=
                 STATE_TREE_PROVEN,
             run, "a proof of the opposite");
        items[i] = (struct state_tree_item){.path = entry->path, .proof = proof};
        claims[i] = (struct state_tree_claim){.key = entry->key,
                                              .key_size = KEY_SIZE,
                                              .value = entry->value,
                                              .value_size = entry->value_size,
                                              .present = entry->present};
    }
    const size_t size = state_tree_many_write(items, ASKED, many, sizeof(many));
    hold(size <= sizeof(many) &&
             state_tree_many_verify(root, claims, ASKED, bytes_of(many, size)) == STATE_TREE_PROVEN,
         run, "a proof of many");
    const size_t one = (size_t)random_below(&run->seed, ASKED);
    claims[one].present = !claims[one].present;
    hold(state_tree_many_verify(root, claims, ASKED, bytes_of(many, size)) != STATE_TREE_PROVEN,
         run, "a proof of many for the opposite");
}

static void check(struct run *run)
{
    const struct past *past = &run->past;
    const size_t layout = (size_t)random_below(&run->seed, LAYOUTS);
    const size_t back = (size_t)random_below(&run->seed, past->count + 1);
    for (size_t i = 0; i < LAYOUTS; i++) {
        const struct hash root = tier_root(run->tiers[i], NULL);
        hold(hash_equal(&root, &run->root), run, "the root of a layout");
        for (size_t b = 0; b < past->count; b++) {
            const struct hash old = tier_root(run->tiers[i], past->deltas[b][i]);
            hold(hash_equal(&old, &past->roots[b]), run, "a root of the past");
        }
    }
    check_order(run);
    check_parts(run);
    check_proofs(run, layout, NULL, &run->map, &run->root);
    if (back < past->count) {
        check_proofs(run, layout, past->deltas[back][layout], past->maps[back], &past->roots[back]);
    }
    run->checks++;
}

int main(int argc, char **argv)
{
    static struct run run;
    const uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    run.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    if (operations == 0) {
        (void)fprintf(stderr, "tree OPERATIONS [SEED]\n");
        return 2;
    }
    map_make(&run.map, &run.seed);
    run.root = map_root(&run.map);
    for (size_t i = 0; i < LAYOUTS; i++) {
        run.tiers[i] = tier_create(depths[i]);
    }
    while (run.operations < operations) {
        const bool back = run.past.count > 0 && random_below(&run.seed, 4) == 0;
        if (back) {
            take_back(&run);
        } else {
            block(&run);
        }
        if (run.operations / OPERATIONS_A_CHECK > run.checks) {
            check(&run);
        }
    }
    while (run.past.count > 0) {
        past_forget(&run.past);
    }
    for (size_t i = 0; i < LAYOUTS; i++) {
        tier_free(run.tiers[i]);
    }
    (void)printf(
        "%llu operations in %llu blocks, %llu taken back; %llu checks of %d layouts, other "
        "orders, parts and the past; %llu proofs: the map's roots and values, always\n",
        (unsigned long long)run.operations, (unsigned long long)run.blocks,
        (unsigned long long)run.taken_back, (unsigned long long)run.checks, LAYOUTS,
        (unsigned long long)run.proofs);
    return EXIT_SUCCESS;
}
