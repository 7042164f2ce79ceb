#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"
#include "state/tree/tree.h"
#include "tests/support/random.h"

enum { KEYS_MAX = 600, PATH_BITS = 256 };

struct pair {
    char key[32];
    char value[32];
    struct state_tree_leaf leaf;
};

static struct bytes text(const char *chars)
{
    return bytes_of(chars, strlen(chars));
}

static struct pair pair_make(uint64_t number, uint64_t version)
{
    struct pair pair;
    struct hash vhash;
    (void)snprintf(pair.key, sizeof(pair.key), "key-%llu", (unsigned long long)number);
    (void)snprintf(pair.value, sizeof(pair.value), "value-%llu", (unsigned long long)version);
    state_tree_path(text(pair.key), &pair.leaf.path);
    state_tree_vhash(text(pair.value), &vhash);
    state_tree_leaf_hash(&pair.leaf.path, &vhash, &pair.leaf.hash);
    return pair;
}

static int pair_order(const void *a, const void *b)
{
    return hash_compare(&((const struct pair *)a)->leaf.path, &((const struct pair *)b)->leaf.path);
}

static int leaf_order(const void *a, const void *b)
{
    return hash_compare(&((const struct state_tree_leaf *)a)->path,
                        &((const struct state_tree_leaf *)b)->path);
}

static void leaves_of(struct pair *pairs, size_t count, struct state_tree_leaf *leaves)
{
    qsort(pairs, count, sizeof(*pairs), pair_order);
    for (size_t i = 0; i < count; i++) {
        leaves[i] = pairs[i].leaf;
    }
}

static bool same_prefix(const struct hash *a, const struct hash *b, uint32_t bits)
{
    for (uint32_t i = 0; i < bits; i++) {
        if (state_tree_bit(a, i) != state_tree_bit(b, i)) {
            return false;
        }
    }
    return true;
}

/* The reference: all leaves at level 256, then one level at a time, everything hashed by
 * the definition's own words.  Slow and simple. */
static struct hash reference_root(const struct state_tree_leaf *leaves, size_t count)
{
    static struct state_tree_node nodes[KEYS_MAX];
    static struct hash paths[KEYS_MAX];
    const struct state_tree_node empty = {.kind = STATE_TREE_EMPTY};
    for (size_t i = 0; i < count; i++) {
        nodes[i] = (struct state_tree_node){leaves[i].hash, STATE_TREE_LEAF};
        paths[i] = leaves[i].path;
    }
    for (uint32_t level = PATH_BITS; level-- > 0;) {
        size_t kept = 0;
        for (size_t i = 0; i < count; kept++) {
            const bool right = state_tree_bit(&paths[i], level);
            const bool both = i + 1 < count && same_prefix(&paths[i], &paths[i + 1], level);
            struct state_tree_node joined;
            if (both) {
                state_tree_combine(&nodes[i], &nodes[i + 1], &joined);
            } else if (right) {
                state_tree_combine(&empty, &nodes[i], &joined);
            } else {
                state_tree_combine(&nodes[i], &empty, &joined);
            }
            nodes[kept] = joined;
            paths[kept] = paths[i];
            i += both ? 2 : 1;
        }
        count = kept;
    }
    return count == 0 ? empty.hash : nodes[0].hash;
}

static struct hash fold_root(const struct state_tree_leaf *leaves, size_t count)
{
    struct state_tree_node node;
    state_tree_fold(leaves, count, 0, &node);
    return node.hash;
}

/* Roots from a separate program that follows docs/protocol.md 6.1 word by word. */
static void roots_equal_the_vectors(void **state)
{
    (void)state;
    const struct {
        size_t count;
        const char *root;
    } vectors[] = {
        {0, "0000000000000000000000000000000000000000000000000000000000000000"},
        {1, "c3ddc4126377de0671c82aa65054a575bfb8d09e1799616c0583172fb88e7855"},
        {2, "a5037b68d907c14883c8da2c337a0023af44e12a9a65d2adddf8bb7c20994fde"},
        {3, "425f91c8419bdc177d61a2553df8dc71fac309cbd1c54014a50b41b62467da65"},
        {7, "e72be50b004ce336c4f85bed3c51541554a728c3752ec31d4497f00960aa87f7"},
        {100, "71ede163c2b787b578bb9098a7fe1a58c65dd47818111c9cf3b3f25e9d21fc06"},
    };
    for (size_t v = 0; v < sizeof(vectors) / sizeof(vectors[0]); v++) {
        static struct pair pairs[KEYS_MAX];
        static struct state_tree_leaf leaves[KEYS_MAX];
        for (size_t i = 0; i < vectors[v].count; i++) {
            pairs[i] = pair_make(i, i);
        }
        leaves_of(pairs, vectors[v].count, leaves);
        const struct hash root = fold_root(leaves, vectors[v].count);
        char hex[2 * HASH_SIZE + 1];
        hex_encode(root.bytes, HASH_SIZE, hex);
        assert_string_equal(hex, vectors[v].root);
    }
}

/* Leaves made to share long prefixes, the last bit included. */
static size_t crowded_leaves(uint64_t *seed, struct state_tree_leaf *leaves, size_t count)
{
    struct hash base;
    random_fill(seed, base.bytes, HASH_SIZE);
    for (size_t i = 0; i < count; i++) {
        leaves[i].path = base;
        for (uint64_t flips = 1 + random_below(seed, 3); flips > 0; flips--) {
            const uint64_t bit = random_below(seed, PATH_BITS);
            leaves[i].path.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        }
        random_fill(seed, leaves[i].hash.bytes, HASH_SIZE);
    }
    qsort(leaves, count, sizeof(*leaves), leaf_order);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !hash_equal(&leaves[kept - 1].path, &leaves[i].path)) {
            leaves[kept++] = leaves[i];
        }
    }
    return kept;
}

static void fold_equals_the_reference(void **state)
{
    (void)state;
    static struct state_tree_leaf leaves[KEYS_MAX];
    uint64_t seed = 1;
    for (size_t round = 0; round < 60; round++) {
        const size_t want = 1 + (size_t)random_below(&seed, round < 50 ? 40 : KEYS_MAX);
        const size_t count = crowded_leaves(&seed, leaves, want);
        const struct hash expected = reference_root(leaves, count);
        const struct hash found = fold_root(leaves, count);
        assert_memory_equal(&found, &expected, sizeof(expected));
    }
}

static void pair_that_parts_at_the_last_bit_has_256_levels(void **state)
{
    (void)state;
    struct state_tree_leaf leaves[2] = {{{{0}}, {{1}}}, {{{0}}, {{2}}}};
    leaves[1].path.bytes[HASH_SIZE - 1] = 1;
    const struct hash expected = reference_root(leaves, 2);
    const struct hash found = fold_root(leaves, 2);
    assert_memory_equal(&found, &expected, sizeof(expected));
    struct state_tree_proof proof = {.depth = 0};
    state_tree_descend(leaves, 2, &leaves[1].path, &proof);
    assert_int_equal(proof.depth, PROOF_DEPTH_MAX);
}

struct tree {
    size_t count;
    struct pair pairs[KEYS_MAX];
    struct state_tree_leaf leaves[KEYS_MAX];
    struct hash root;
};

static void tree_make(struct tree *tree, size_t count)
{
    tree->count = count;
    for (size_t i = 0; i < count; i++) {
        tree->pairs[i] = pair_make(i, i * 31);
    }
    leaves_of(tree->pairs, count, tree->leaves);
    tree->root = fold_root(tree->leaves, count);
}

static size_t proof_make(const struct tree *tree, const struct pair *pair, uint8_t *out)
{
    struct state_tree_proof proof = {.depth = 0};
    state_tree_descend(tree->leaves, tree->count, &pair->leaf.path, &proof);
    if (proof.type == STATE_TREE_ABSENT_LEAF) {
        for (size_t i = 0; i < tree->count; i++) {
            if (hash_equal(&tree->leaves[i].path, &proof.other_path)) {
                state_tree_vhash(text(tree->pairs[i].value), &proof.other_vhash);
            }
        }
    }
    return state_tree_proof_write(&proof, out);
}

static void proofs_hold_for_present_and_absent_keys(void **state)
{
    (void)state;
    static struct tree tree;
    uint8_t proof[STATE_PROOF_SIZE_MAX];
    for (size_t count = 0; count < 70; count++) {
        tree_make(&tree, count);
        for (uint64_t number = 0; number < 120; number++) {
            const struct pair pair = pair_make(number, number * 31);
            const size_t size = proof_make(&tree, &pair, proof);
            const struct bytes value = text(pair.value);
            const struct bytes *claim = number < count ? &value : NULL;
            const struct bytes *other = number < count ? NULL : &value;
            const struct bytes bytes = bytes_of(proof, size);
            assert_int_equal(state_tree_verify(&tree.root, text(pair.key), claim, bytes),
                             STATE_TREE_PROVEN);
            assert_int_not_equal(state_tree_verify(&tree.root, text(pair.key), other, bytes),
                                 STATE_TREE_PROVEN);
        }
    }
}

/* Every single bit flipped, every length but the right one: refused. */
static void mutated_proofs_are_refused(void **state)
{
    (void)state;
    static struct tree tree;
    uint8_t proof[STATE_PROOF_SIZE_MAX + 1] = {0};
    tree_make(&tree, 200);
    for (uint64_t number = 180; number < 230; number++) {
        const struct pair pair = pair_make(number, number * 31);
        const size_t size = proof_make(&tree, &pair, proof);
        const struct bytes value = text(pair.value);
        const struct bytes *claim = number < 200 ? &value : NULL;
        for (size_t bit = 0; bit < 8 * size; bit++) {
            proof[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_not_equal(
                state_tree_verify(&tree.root, text(pair.key), claim, bytes_of(proof, size)),
                STATE_TREE_PROVEN);
            proof[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        for (size_t length = 0; length <= size + 1; length++) {
            assert_int_equal(
                state_tree_verify(&tree.root, text(pair.key), claim, bytes_of(proof, length)),
                length == size ? STATE_TREE_PROVEN : STATE_TREE_SIZE);
        }
    }
}

/* The rules of strictness one by one, on proofs whose hashes are right. */
static void each_strictness_rule_refuses(void **state)
{
    (void)state;
    static struct tree tree;
    uint8_t proof[STATE_PROOF_SIZE_MAX];
    tree_make(&tree, 2);
    const struct pair absent = pair_make(7, 7);
    const struct bytes key = text(absent.key);

    const size_t size = proof_make(&tree, &absent, proof);
    uint8_t longer[STATE_PROOF_SIZE_MAX];
    memcpy(longer, proof, size);
    /* A sibling that is EMPTY must not be written. */
    memset(longer + 5, 0, HASH_SIZE);
    assert_int_equal(state_tree_verify(&tree.root, key, NULL, bytes_of(longer, size)),
                     STATE_TREE_ZERO_HASH);
    /* Depth 0 and EMPTY is the empty tree only. */
    const uint8_t nothing[] = {1, STATE_TREE_ABSENT_EMPTY, 0, 0};
    const struct hash zero = {{0}};
    assert_int_equal(state_tree_verify(&zero, key, NULL, bytes_of(nothing, 4)), STATE_TREE_PROVEN);
    assert_int_equal(state_tree_verify(&tree.root, key, NULL, bytes_of(nothing, 4)),
                     STATE_TREE_OTHER_ROOT);
    /* The path ends at a level whose sibling is EMPTY: not the highest end. */
    const uint8_t low[] = {1, STATE_TREE_ABSENT_EMPTY, 0, 1, 0};
    assert_int_equal(state_tree_verify(&zero, key, NULL, bytes_of(low, 5)), STATE_TREE_LOW_END);
    const uint8_t deep[] = {1, STATE_TREE_ABSENT_EMPTY, 1, 1, 0};
    assert_int_equal(state_tree_verify(&zero, key, NULL, bytes_of(deep, 5)), STATE_TREE_TOO_DEEP);
    /* A leaf cannot prove its own absence. */
    struct state_tree_proof own = {.type = STATE_TREE_ABSENT_LEAF};
    tree_make(&tree, 1);
    own.other_path = tree.leaves[0].path;
    state_tree_vhash(text(tree.pairs[0].value), &own.other_vhash);
    const size_t own_size = state_tree_proof_write(&own, proof);
    assert_int_equal(
        state_tree_verify(&tree.root, text(tree.pairs[0].key), NULL, bytes_of(proof, own_size)),
        STATE_TREE_OTHER_PLACE);
    assert_int_equal(state_tree_verify(&tree.root, key, NULL, bytes_of(proof, own_size)),
                     STATE_TREE_PROVEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_equal_the_vectors),
        cmocka_unit_test(fold_equals_the_reference),
        cmocka_unit_test(pair_that_parts_at_the_last_bit_has_256_levels),
        cmocka_unit_test(proofs_hold_for_present_and_absent_keys),
        cmocka_unit_test(mutated_proofs_are_refused),
        cmocka_unit_test(each_strictness_rule_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
