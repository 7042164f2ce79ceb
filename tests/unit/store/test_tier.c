#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/tier/tier.h"
#include "tests/support/random.h"

/* The tier against state_tree_fold over everything, which test_state_tree checks against the
 * definition. */

enum { KEYS = 700, BATCH_MAX = 90, CHAIN = 12 };

/* What a state holds: leaves[i] is there when present[i]. */
struct model {
    bool present[KEYS];
    struct state_tree_leaf leaves[KEYS]; /* ascending by path */
};

static int leaf_order(const void *a, const void *b)
{
    return hash_compare(&((const struct state_tree_leaf *)a)->path,
                        &((const struct state_tree_leaf *)b)->path);
}

/* Half of the paths crowd into one bucket and share long prefixes. */
static void model_make(struct model *model, uint64_t *seed)
{
    *model = (struct model){.present = {false}};
    for (size_t i = 0; i < KEYS; i++) {
        random_fill(seed, model->leaves[i].path.bytes, HASH_SIZE);
        if (i % 2 == 0) {
            memset(model->leaves[i].path.bytes, 0x5A, random_below(seed, 12));
        }
    }
    qsort(model->leaves, KEYS, sizeof(model->leaves[0]), leaf_order);
}

static struct hash model_root(const struct model *model)
{
    static struct state_tree_leaf leaves[KEYS];
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        if (model->present[i]) {
            leaves[count++] = model->leaves[i];
        }
    }
    struct state_tree_node node;
    state_tree_fold(leaves, count, 0, &node);
    return node.hash;
}

/* Random changes and deletes, also of what is absent; ascending. */
static size_t model_change(struct model *model, uint64_t *seed, struct tier_write *writes)
{
    size_t count = 0;
    const uint64_t rate = 1 + random_below(seed, 12);
    for (size_t i = 0; i < KEYS && count < BATCH_MAX; i++) {
        if (random_below(seed, 100) < rate) {
            const bool removed = random_below(seed, 3) == 0;
            random_fill(seed, model->leaves[i].hash.bytes, HASH_SIZE);
            model->present[i] = !removed;
            writes[count++] = (struct tier_write){model->leaves[i], removed};
        }
    }
    return count;
}

static void assert_root(const struct tier *tier, const struct tier_delta *top,
                        const struct model *model)
{
    const struct hash expected = model_root(model);
    const struct hash found = tier_root(tier, top);
    assert_memory_equal(&found, &expected, sizeof(expected));
}

static void assert_proofs(const struct tier *tier, const struct tier_delta *top,
                          const struct model *model, uint64_t *seed)
{
    for (size_t i = 0; i < 40; i++) {
        const size_t key = (size_t)random_below(seed, KEYS);
        struct state_tree_proof proof;
        tier_prove(tier, top, &model->leaves[key].path, &proof);
        assert_int_equal(proof.type == STATE_TREE_MEMBER, model->present[key]);
        struct state_tree_node node = {.kind = STATE_TREE_EMPTY};
        if (proof.type != STATE_TREE_ABSENT_EMPTY) {
            const struct hash *path =
                proof.type == STATE_TREE_MEMBER ? &model->leaves[key].path : &proof.other_path;
            size_t at = 0;
            while (!hash_equal(&model->leaves[at].path, path)) {
                at++;
            }
            assert_true(model->present[at]);
            node = (struct state_tree_node){model->leaves[at].hash, STATE_TREE_INNER};
        }
        for (uint32_t d = proof.depth; d-- > 0;) {
            const struct state_tree_node other = {proof.siblings[d], STATE_TREE_INNER};
            node.kind = STATE_TREE_INNER;
            const bool right = state_tree_bit(&model->leaves[key].path, d);
            state_tree_combine(right ? &other : &node, right ? &node : &other, &node);
        }
        const struct hash expected = model_root(model);
        assert_memory_equal(&node.hash, &expected, sizeof(expected));
    }
}

/* One long random history at several depths: each block staged, then applied. */
static void staged_and_applied_roots_equal_the_definition(void **state)
{
    (void)state;
    const uint32_t depths[] = {1, 4, 9, TIER_DEPTH_MIN};
    for (size_t d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
        static struct model model;
        static struct tier_write writes[BATCH_MAX];
        uint64_t seed = 7;
        model_make(&model, &seed);
        struct tier *tier = tier_create(depths[d]);
        for (size_t block = 0; block < 40; block++) {
            const size_t count = model_change(&model, &seed, writes);
            struct tier_delta *delta = tier_stage(tier, NULL, writes, count);
            assert_root(tier, delta, &model);
            tier_apply(tier, delta);
            assert_root(tier, NULL, &model);
            assert_proofs(tier, NULL, &model, &seed);
            tier_delta_free(delta);
        }
        tier_free(tier);
    }
}

/* Branches: several deltas on each parent, staged before anything is applied. */
static void branches_of_overlays_do_not_disturb_each_other(void **state)
{
    (void)state;
    static struct model models[CHAIN];
    static struct tier_write writes[BATCH_MAX];
    struct tier_delta *deltas[CHAIN] = {NULL};
    uint64_t seed = 11;
    model_make(&models[0], &seed);
    struct tier *tier = tier_create(6);
    for (size_t i = 1; i < CHAIN; i++) {
        const size_t parent = (i - 1) / 2; /* a binary tree of branches */
        models[i] = models[parent];
        const size_t count = model_change(&models[i], &seed, writes);
        deltas[i] = tier_stage(tier, deltas[parent], writes, count);
    }
    for (size_t i = 0; i < CHAIN; i++) {
        assert_root(tier, deltas[i], &models[i]);
        assert_proofs(tier, deltas[i], &models[i], &seed);
    }
    for (size_t i = 0; i < CHAIN; i++) {
        tier_delta_free(deltas[i]);
    }
    tier_free(tier);
}

/* Applied deltas are the way back to every earlier state. */
static void applied_deltas_lead_back(void **state)
{
    (void)state;
    static struct model models[CHAIN];
    static struct tier_write writes[BATCH_MAX];
    struct tier_delta *deltas[CHAIN] = {NULL};
    uint64_t seed = 13;
    model_make(&models[0], &seed);
    struct tier *tier = tier_create(6);
    for (size_t i = 1; i < CHAIN; i++) {
        models[i] = models[i - 1];
        const size_t count = model_change(&models[i], &seed, writes);
        deltas[i] = tier_stage(tier, NULL, writes, count);
        tier_apply(tier, deltas[i]);
        if (i > 1) {
            tier_delta_set_parent(deltas[i - 1], deltas[i]);
        }
    }
    for (size_t i = 0; i + 1 < CHAIN; i++) {
        assert_root(tier, deltas[i + 1], &models[i]);
        assert_proofs(tier, deltas[i + 1], &models[i], &seed);
    }
    for (size_t i = 1; i < CHAIN; i++) {
        tier_delta_free(deltas[i]);
    }
    tier_free(tier);
}

/* One batch, the same writes one by one, and a bulk load give one root at any depth. */
static void root_is_a_function_of_the_set(void **state)
{
    (void)state;
    static struct model model;
    static struct tier_write writes[KEYS];
    uint64_t seed = 17;
    model_make(&model, &seed);
    struct tier *single = tier_create(5);
    struct tier *loaded = tier_create(8);
    for (size_t i = 0; i < KEYS; i++) {
        random_fill(&seed, model.leaves[i].hash.bytes, HASH_SIZE);
        model.present[i] = true;
        writes[i] = (struct tier_write){model.leaves[i], false};
        tier_load(loaded, &model.leaves[i]);
    }
    tier_seal(loaded);
    for (size_t i = 0; i < KEYS; i++) {
        struct tier_delta *delta = tier_stage(single, NULL, &writes[i * 37 % KEYS], 1);
        tier_apply(single, delta);
        tier_delta_free(delta);
    }
    struct tier *empty = tier_create(7);
    struct tier_delta *batch = tier_stage(empty, NULL, writes, KEYS);
    assert_root(single, NULL, &model);
    assert_root(loaded, NULL, &model);
    assert_root(empty, batch, &model);
    assert_int_equal(tier_count(single), KEYS);
    tier_rebuild(loaded, 11);
    assert_root(loaded, NULL, &model);
    struct tier *parts = tier_create(9);
    for (uint32_t part = 8; part-- > 0;) { /* as threads fill it: each its own paths */
        for (size_t i = 0; i < KEYS; i++) {
            if (model.leaves[i].path.bytes[0] >> 5 == part) {
                tier_load(parts, &model.leaves[i]);
            }
        }
        tier_seal_part(parts, 3, part);
    }
    tier_seal_top(parts, 3);
    assert_root(parts, NULL, &model);
    assert_int_equal(tier_count(parts), KEYS);
    tier_free(parts);
    tier_delta_free(batch);
    tier_free(single);
    tier_free(loaded);
    tier_free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_and_applied_roots_equal_the_definition),
        cmocka_unit_test(branches_of_overlays_do_not_disturb_each_other),
        cmocka_unit_test(applied_deltas_lead_back),
        cmocka_unit_test(root_is_a_function_of_the_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
