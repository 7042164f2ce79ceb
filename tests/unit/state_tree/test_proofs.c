/* Provers against a plain map: random operations, proofs of both formats, every byte of
 * some changed; and the bytes of the published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/hex.h"
#include "state/tree/tree.h"
#include "tests/support/random.h"

enum {
    KEYS = 400,
    KEY_SIZE = 16,
    VALUE_SIZE = 24,
    OPERATIONS = 100000,
    OPERATIONS_A_CHECK = 100,
    OPERATIONS_A_PHASE = 6000,
    CHECKS_A_MUTATION = 40,
    ASKED_MAX = 12,
    MANY_SIZE_MAX = 1 << 16,
};

/* One key of the universe, ascending by path, and what the map holds for it. */
struct entry {
    uint8_t key[KEY_SIZE];
    size_t key_size;
    uint8_t value[VALUE_SIZE];
    size_t value_size;
    bool present;
    struct hash path;
    struct hash vhash;
};

struct map {
    struct entry entries[KEYS];
    size_t count; /* of entries */
    struct state_tree_leaf leaves[KEYS];
    size_t leaf_count;
    struct hash root;
};

static int entry_order(const void *a, const void *b)
{
    return hash_compare(&((const struct entry *)a)->path, &((const struct entry *)b)->path);
}

static struct bytes entry_key(const struct entry *entry)
{
    return bytes_of(entry->key, entry->key_size);
}

static void entry_set(struct entry *entry, const uint8_t *value, size_t size)
{
    memcpy(entry->value, value, size);
    entry->value_size = size;
    entry->present = true;
    state_tree_vhash(bytes_of(entry->value, size), &entry->vhash);
}

/* The tree over what is present now. */
static void map_fold(struct map *map)
{
    struct state_tree_node node;
    map->leaf_count = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct entry *entry = &map->entries[i];
        if (entry->present) {
            struct state_tree_leaf *leaf = &map->leaves[map->leaf_count++];
            leaf->path = entry->path;
            state_tree_leaf_hash(&entry->path, &entry->vhash, &leaf->hash);
        }
    }
    state_tree_fold(map->leaves, map->leaf_count, 0, &node);
    map->root = node.hash;
}

static const struct entry *map_find(const struct map *map, const struct hash *path)
{
    struct entry wanted;
    wanted.path = *path;
    const struct entry *found =
        bsearch(&wanted, map->entries, map->count, sizeof(wanted), entry_order);
    assert_non_null(found);
    return found;
}

static size_t map_prove(const struct map *map, const struct hash *path, uint8_t *out)
{
    struct state_tree_proof proof = {.depth = 0};
    state_tree_descend(map->leaves, map->leaf_count, path, &proof);
    if (proof.type == STATE_TREE_ABSENT_LEAF) {
        proof.other_vhash = map_find(map, &proof.other_path)->vhash;
    }
    return state_tree_proof_write(&proof, out);
}

/* An SM1 proof of some entries of the map, ascending, and what it claims. */
struct many {
    size_t count;
    struct state_tree_claim claims[KEYS];
    size_t size;
    uint8_t proof[MANY_SIZE_MAX];
};

static struct state_tree_claim entry_claim(const struct entry *entry)
{
    return (struct state_tree_claim){.key = entry->key,
                                     .key_size = entry->key_size,
                                     .value = entry->value,
                                     .value_size = entry->value_size,
                                     .present = entry->present};
}

static void many_make(const struct map *map, const struct entry *const *entries, size_t count,
                      struct many *out)
{
    static uint8_t proofs[KEYS][STATE_PROOF_SIZE_MAX];
    static struct state_tree_item items[KEYS];
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t size = map_prove(map, &entries[i]->path, proofs[i]);
        items[i] = (struct state_tree_item){entries[i]->path, bytes_of(proofs[i], size)};
        out->claims[i] = entry_claim(entries[i]);
        sum += size;
    }
    out->count = count;
    out->size = state_tree_many_write(items, count, NULL, 0);
    assert_true(out->size <= 2 * sum + 12);
    assert_int_equal(state_tree_many_write(items, count, out->proof, out->size), out->size);
}

static enum state_tree_verdict many_judge(const struct map *map, const struct many *many)
{
    return state_tree_many_verify(&map->root, many->claims, many->count,
                                  bytes_of(many->proof, many->size));
}

static enum state_tree_verdict one_judge(const struct map *map, const struct entry *entry,
                                         struct bytes proof)
{
    const struct bytes value = bytes_of(entry->value, entry->value_size);
    return state_tree_verify(&map->root, entry_key(entry), entry->present ? &value : NULL, proof);
}

/* Thin: mostly removed, so that the smallest trees and the empty one come up. */
static void map_operate(struct map *map, bool thin, uint64_t *seed)
{
    uint8_t value[VALUE_SIZE];
    struct entry *entry = &map->entries[random_below(seed, map->count)];
    if (random_below(seed, 1000) < (thin ? 999 : 400)) {
        entry->present = false;
        return;
    }
    const size_t size = (size_t)random_below(seed, VALUE_SIZE + 1);
    random_fill(seed, value, size);
    entry_set(entry, value, size);
}

/* The root of two halves folded alone is the root. */
static void check_layout(const struct map *map)
{
    struct state_tree_node halves[2];
    struct state_tree_node whole;
    size_t split = 0;
    while (split < map->leaf_count && !state_tree_bit(&map->leaves[split].path, 0)) {
        split++;
    }
    state_tree_fold(map->leaves, split, 1, &halves[0]);
    state_tree_fold(map->leaves + split, map->leaf_count - split, 1, &halves[1]);
    state_tree_combine(&halves[0], &halves[1], &whole);
    assert_true(hash_equal(&whole.hash, &map->root));
}

static void mutate_one(const struct map *map, const struct entry *entry, uint64_t *seed)
{
    uint8_t proof[STATE_PROOF_SIZE_MAX];
    const size_t size = map_prove(map, &entry->path, proof);
    for (size_t i = 0; i < size; i++) {
        const uint8_t before = proof[i];
        proof[i] ^= (uint8_t)(1 + random_below(seed, 255));
        assert_int_not_equal(one_judge(map, entry, bytes_of(proof, size)), STATE_TREE_PROVEN);
        proof[i] = before;
    }
}

static void mutate_many(const struct map *map, struct many *many, uint64_t *seed)
{
    for (size_t i = 0; i < many->size; i++) {
        const uint8_t before = many->proof[i];
        many->proof[i] ^= (uint8_t)(1 + random_below(seed, 255));
        assert_int_not_equal(many_judge(map, many), STATE_TREE_PROVEN);
        many->proof[i] = before;
    }
    for (size_t i = 0; i < many->count; i++) {
        many->claims[i].present = !many->claims[i].present;
        assert_int_equal(many_judge(map, many), STATE_TREE_OTHER_CLAIM);
        many->claims[i].present = !many->claims[i].present;
    }
    for (size_t size = many->size; size-- > 0;) {
        const size_t whole = many->size;
        many->size = size;
        assert_int_equal(many_judge(map, many), STATE_TREE_SIZE);
        many->size = whole;
    }
}

static void check_map(const struct map *map, uint64_t *seed, bool mutate)
{
    static struct many many;
    const struct entry *asked[ASKED_MAX] = {&map->entries[0]};
    size_t count = 0;
    uint64_t left = map->count;
    const uint64_t want = 1 + random_below(seed, ASKED_MAX);
    for (size_t i = 0; i < map->count; i++, left--) {
        if (random_below(seed, left) < want - count) { /* any `want` of all, ascending */
            asked[count++] = &map->entries[i];
        }
    }
    uint8_t proof[STATE_PROOF_SIZE_MAX];
    const size_t size = map_prove(map, &asked[0]->path, proof);
    assert_int_equal(one_judge(map, asked[0], bytes_of(proof, size)), STATE_TREE_PROVEN);
    many_make(map, asked, count, &many);
    assert_int_equal(many_judge(map, &many), STATE_TREE_PROVEN);
    if (mutate) {
        mutate_one(map, asked[0], seed);
        mutate_many(map, &many, seed);
    }
}

static void proofs_follow_a_map_through_random_operations(void **state)
{
    (void)state;
    static struct map map;
    uint64_t seed = 11;
    map.count = KEYS;
    for (size_t i = 0; i < KEYS; i++) {
        struct entry *entry = &map.entries[i];
        entry->key_size = 1 + (size_t)random_below(&seed, KEY_SIZE - 4);
        random_fill(&seed, entry->key, KEY_SIZE);
        entry->key_size += 4; /* long enough to differ */
        state_tree_path(entry_key(entry), &entry->path);
    }
    qsort(map.entries, KEYS, sizeof(map.entries[0]), entry_order);
    for (size_t i = 0; i < OPERATIONS; i++) {
        map_operate(&map, i / OPERATIONS_A_PHASE % 2 == 1, &seed);
        if (i % OPERATIONS_A_CHECK == 0) {
            const size_t check = i / OPERATIONS_A_CHECK;
            map_fold(&map);
            check_layout(&map);
            check_map(&map, &seed, check % CHECKS_A_MUTATION == 0);
        }
    }
}

/* Every key of the universe in one proof, which is smaller than their own together. */
static void many_keys_share_their_siblings(void **state)
{
    (void)state;
    static struct map map;
    static struct many many;
    static const struct entry *all[KEYS];
    uint64_t seed = 3;
    size_t alone = 0;
    map.count = KEYS;
    for (size_t i = 0; i < KEYS; i++) {
        map.entries[i].key_size = KEY_SIZE;
        random_fill(&seed, map.entries[i].key, KEY_SIZE);
        state_tree_path(entry_key(&map.entries[i]), &map.entries[i].path);
    }
    qsort(map.entries, KEYS, sizeof(map.entries[0]), entry_order);
    for (size_t i = 0; i < KEYS; i++) {
        uint8_t proof[STATE_PROOF_SIZE_MAX];
        if (i % 2 == 0) {
            entry_set(&map.entries[i], (const uint8_t *)"v", 1);
        }
        all[i] = &map.entries[i];
        map_fold(&map);
        alone += map_prove(&map, &map.entries[i].path, proof);
    }
    many_make(&map, all, KEYS, &many);
    assert_int_equal(many_judge(&map, &many), STATE_TREE_PROVEN);
    assert_true(many.size < alone / 4);
    /* The room is kept: one byte too few and nothing is written. */
    uint8_t proof[STATE_PROOF_SIZE_MAX];
    uint8_t out[STATE_PROOF_SIZE_MAX] = {0};
    const size_t size = map_prove(&map, &all[0]->path, proof);
    const struct state_tree_item item = {all[0]->path, bytes_of(proof, size)};
    const size_t one = state_tree_many_write(&item, 1, NULL, 0);
    assert_int_equal(state_tree_many_write(&item, 1, out, one - 1), one);
    assert_int_equal(out[0], 0);
}

/* ---- The published states and proofs -------------------------------------------------- */

static size_t unhex(const json_t *text, uint8_t *out, size_t room)
{
    const char *hex = json_string_value(text);
    assert_non_null(hex);
    const size_t size = strlen(hex) / 2;
    assert_true(size <= room && hex_decode(hex, out, size));
    return size;
}

/* The pairs of a state and, absent, the keys of the claims that it has not. */
static void map_read(const json_t *state, const json_t *claims, struct map *map)
{
    uint8_t value[VALUE_SIZE];
    const json_t *pairs = json_object_get(state, "pairs");
    memset(map, 0, sizeof(*map));
    for (size_t i = 0; i < json_array_size(pairs) + json_array_size(claims); i++) {
        const json_t *pair = json_array_get(pairs, i);
        const json_t *claim = json_array_get(claims, i - json_array_size(pairs));
        if (pair == NULL && !json_is_null(json_object_get(claim, "value"))) {
            continue;
        }
        struct entry *entry = &map->entries[map->count++];
        entry->key_size =
            unhex(pair != NULL ? json_array_get(pair, 0) : json_object_get(claim, "key"),
                  entry->key, KEY_SIZE);
        state_tree_path(entry_key(entry), &entry->path);
        if (pair != NULL) {
            entry_set(entry, value, unhex(json_array_get(pair, 1), value, VALUE_SIZE));
        }
    }
    qsort(map->entries, map->count, sizeof(map->entries[0]), entry_order);
    map_fold(map);
    struct hash root;
    assert_int_equal(unhex(json_object_get(state, "root"), root.bytes, HASH_SIZE), HASH_SIZE);
    assert_true(hash_equal(&root, &map->root));
}

static void vector_equal(const json_t *vector, const json_t *state)
{
    static struct map map;
    static struct many many;
    static uint8_t expected[MANY_SIZE_MAX];
    const struct entry *entries[KEYS] = {&map.entries[0]};
    const json_t *claims = json_object_get(vector, "claims");
    const size_t count = json_array_size(claims);
    map_read(state, claims, &map);
    for (size_t i = 0; i < count; i++) {
        uint8_t key[KEY_SIZE];
        struct hash path;
        const json_t *text = json_object_get(json_array_get(claims, i), "key");
        state_tree_path(bytes_of(key, unhex(text, key, KEY_SIZE)), &path);
        entries[i] = map_find(&map, &path);
    }
    if (strcmp(json_string_value(json_object_get(vector, "format")), "SP1") == 0) {
        many.size = map_prove(&map, &entries[0]->path, many.proof);
    } else {
        many_make(&map, entries, count, &many);
    }
    const size_t size = unhex(json_object_get(vector, "proof"), expected, sizeof(expected));
    assert_int_equal(size, many.size);
    assert_memory_equal(expected, many.proof, size);
}

static void provers_write_the_published_bytes(void **state)
{
    (void)state;
    json_error_t error;
    size_t compared = 0;
    json_t *root = json_load_file(SOURCE_DIR "/tests/vectors/proofs/valid.json", 0, &error);
    assert_non_null(root);
    const json_t *vectors = json_object_get(root, "vectors");
    const json_t *states = json_object_get(root, "states");
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *vector = json_array_get(vectors, i);
        const json_t *index = json_object_get(vector, "state");
        if (index != NULL) {
            vector_equal(vector, json_array_get(states, (size_t)json_integer_value(index)));
            compared++;
        }
    }
    json_decref(root);
    assert_true(compared > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs_follow_a_map_through_random_operations),
        cmocka_unit_test(many_keys_share_their_siblings),
        cmocka_unit_test(provers_write_the_published_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
