#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"

enum { LEAVES = 70, LISTS_LENGTH_MAX = 9, LISTS = 29524 }; /* (3^10 - 1) / 2 lists */

static uint8_t entries[LEAVES];

static int prepare(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEAVES; i++) {
        entries[i] = (uint8_t)i;
    }
    return 0;
}

static void leaf_hash(const uint8_t *entry, struct hash *out)
{
    const uint8_t message[2] = {0, *entry};
    crypto_digest(TAG_TX_TREE, bytes_of(message, sizeof message), out);
}

/* MTH of RFC 9162, 2.1.1, as it is written there but with the recursion unrolled by
 * levels: pairs become nodes, an odd last one rises. */
static void reference_root(const uint8_t *list, size_t count, struct hash *out)
{
    struct hash level[LEAVES];
    if (count == 0) {
        crypto_digest(TAG_TX_TREE, (struct bytes){NULL, 0}, out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        leaf_hash(&list[i], &level[i]);
    }
    for (size_t n = count; n > 1; n = (n + 1) / 2) {
        for (size_t i = 0; i < n; i += 2) {
            if (i + 1 == n) {
                level[i / 2] = level[i];
                continue;
            }
            uint8_t message[65] = {1};
            memcpy(message + 1, level[i].bytes, 32);
            memcpy(message + 33, level[i + 1].bytes, 32);
            crypto_digest(TAG_TX_TREE, bytes_of(message, sizeof message), &level[i / 2]);
        }
    }
    *out = level[0];
}

static void tree_of(const uint8_t *list, size_t count, struct crypto_tree *tree)
{
    crypto_tree_init(tree, TAG_TX_TREE);
    for (size_t i = 0; i < count; i++) {
        crypto_tree_append(tree, bytes_of(&list[i], 1));
    }
}

static void root_is_the_definition(void **state)
{
    (void)state;
    for (size_t count = 0; count <= LEAVES; count++) {
        struct crypto_tree tree;
        struct hash expected;
        struct hash root;
        tree_of(entries, count, &tree);
        assert_int_equal(tree.count, count);
        crypto_tree_root(&tree, &root);
        reference_root(entries, count, &expected);
        assert_true(hash_equal(&root, &expected));
    }
}

static int compare_hashes(const void *a, const void *b)
{
    return hash_compare(a, b);
}

/* All lists of length 0..9 over three symbols have different roots. */
static void roots_are_distinct(void **state)
{
    (void)state;
    struct hash *const roots = calloc(LISTS, sizeof *roots);
    assert_non_null(roots);
    size_t lists = 0;
    uint32_t variants = 1;
    for (size_t length = 0; length <= LISTS_LENGTH_MAX; length++, variants *= 3) {
        for (uint32_t variant = 0; variant < variants; variant++) {
            uint8_t list[LISTS_LENGTH_MAX];
            uint32_t rest = variant;
            for (size_t i = 0; i < length; i++, rest /= 3) {
                list[i] = (uint8_t)(rest % 3);
            }
            struct crypto_tree tree;
            tree_of(list, length, &tree);
            crypto_tree_root(&tree, &roots[lists++]);
        }
    }
    assert_int_equal(lists, LISTS);
    qsort(roots, LISTS, sizeof *roots, compare_hashes);
    for (size_t i = 1; i < LISTS; i++) {
        assert_false(hash_equal(&roots[i - 1], &roots[i]));
    }
    free(roots);
}

static void prove(size_t count, size_t index, struct crypto_path *path, struct hash *root)
{
    struct hash nodes[CRYPTO_NODES_COUNT(LEAVES)];
    struct crypto_tree tree;
    tree_of(entries, count, &tree);
    crypto_tree_root(&tree, root);
    for (size_t i = 0; i < count; i++) {
        crypto_nodes_leaf(TAG_TX_TREE, bytes_of(&entries[i], 1), &nodes[i]);
    }
    crypto_nodes_fill(TAG_TX_TREE, nodes, (uint32_t)count);
    crypto_nodes_path(nodes, (uint32_t)count, (uint32_t)index, path);
}

static bool verify(const struct crypto_path *path, const uint8_t *entry, const struct hash *root)
{
    return crypto_path_verify(path, TAG_TX_TREE, bytes_of(entry, 1), root);
}

static void every_leaf_is_proven(void **state)
{
    (void)state;
    for (size_t count = 1; count <= LEAVES; count++) {
        for (size_t index = 0; index < count; index++) {
            struct crypto_path path;
            struct hash root;
            struct hash expected;
            prove(count, index, &path, &root);
            reference_root(entries, count, &expected);
            assert_true(hash_equal(&root, &expected));
            assert_int_equal(path.index, index);
            assert_int_equal(path.count, count);
            assert_true(verify(&path, &entries[index], &root));
        }
    }
}

static void refuse_changed(struct crypto_path path, const uint8_t *entry, const struct hash *root)
{
    for (uint32_t i = 0; i < path.size; i++) {
        path.siblings[i].bytes[i] ^= 1;
        assert_false(verify(&path, entry, root));
        path.siblings[i].bytes[i] ^= 1;
    }
    path.siblings[path.size] = *root;
    path.size++;
    assert_false(verify(&path, entry, root));
    path.size -= 2;
    assert_false(path.size != UINT32_MAX && verify(&path, entry, root));
    path.size = CRYPTO_PATH_MAX + 1;
    assert_false(verify(&path, entry, root));
}

static void wrong_paths_are_refused(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 20; count++) {
        for (size_t index = 0; index < count; index++) {
            struct crypto_path path;
            struct hash root;
            prove(count, index, &path, &root);
            assert_false(verify(&path, &entries[index + 1], &root));
            refuse_changed(path, &entries[index], &root);
            for (path.index = 0; path.index <= count; path.index++) {
                assert_true(verify(&path, &entries[index], &root) == (path.index == index));
            }
            path.index = index;
            struct hash wrong = root;
            wrong.bytes[31] ^= 0x80;
            assert_false(verify(&path, &entries[index], &wrong));
            assert_false(
                crypto_path_verify(&path, TAG_HISTORY_TREE, bytes_of(&entries[index], 1), &root));
        }
    }
}

/* One sibling too many, above the root: root and path agree, but no tree of this many
 * leaves is that high. */
static void path_above_the_root_is_refused(void **state)
{
    (void)state;
    struct crypto_path path;
    struct hash root;
    prove(5, 2, &path, &root);
    uint8_t message[65] = {1};
    memcpy(message + 1, entries, 32);
    memcpy(message + 33, root.bytes, 32);
    memcpy(path.siblings[path.size++].bytes, entries, 32);
    crypto_digest(TAG_TX_TREE, bytes_of(message, sizeof message), &root);
    assert_false(verify(&path, &entries[2], &root));
}

static void greatest_path_is_bounded(void **state)
{
    (void)state;
    struct crypto_path path;
    memset(&path, 0, sizeof path);
    path.index = UINT64_MAX - 1;
    path.count = UINT64_MAX;
    const struct hash root = {{0}};
    for (uint32_t size = CRYPTO_PATH_MAX - 1; size <= CRYPTO_PATH_MAX + 2; size++) {
        path.size = size;
        assert_false(verify(&path, entries, &root));
    }
    path.size = UINT32_MAX;
    assert_false(verify(&path, entries, &root));
}

/* A stored tree goes on as if it had never been put away. */
static void stored_tree_continues(void **state)
{
    (void)state;
    struct crypto_tree tree;
    crypto_tree_init(&tree, TAG_TX_TREE);
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t stored[CRYPTO_TREE_SIZE_MAX];
        const size_t size = crypto_tree_write(&tree, stored);
        struct crypto_tree again;
        memset(&again, 0xee, sizeof again);
        assert_true(crypto_tree_read(&again, TAG_TX_TREE, bytes_of(stored, size)));
        assert_memory_equal(&again, &tree, sizeof(enum tag));
        crypto_tree_append(&again, bytes_of(&entries[i], 1));
        crypto_tree_append(&tree, bytes_of(&entries[i], 1));
        struct hash a;
        struct hash b;
        crypto_tree_root(&again, &a);
        crypto_tree_root(&tree, &b);
        assert_true(hash_equal(&a, &b));
    }
}

static void stored_tree_is_exact(void **state)
{
    (void)state;
    struct crypto_tree tree;
    struct crypto_tree out;
    uint8_t stored[CRYPTO_TREE_SIZE_MAX + 1] = {0};
    tree_of(entries, 11, &tree);
    const size_t size = crypto_tree_write(&tree, stored);
    assert_int_equal(size, 8 + 3 * HASH_SIZE);
    for (size_t wrong = 0; wrong <= sizeof stored; wrong++) {
        assert_true(crypto_tree_read(&out, TAG_TX_TREE, bytes_of(stored, wrong)) ==
                    (wrong == size));
    }
    memset(stored, 0, sizeof stored);
    stored[0] = 0x80; /* 2^63 leaves, one peak: above the limit */
    assert_false(crypto_tree_read(&out, TAG_TX_TREE, bytes_of(stored, 8 + HASH_SIZE)));
    memset(stored, 0xff, 8);
    stored[0] = 0x7f; /* the limit */
    assert_true(crypto_tree_read(&out, TAG_TX_TREE, bytes_of(stored, CRYPTO_TREE_SIZE_MAX)));
    stored[7] = 0xfe; /* one below: the last append there is */
    assert_true(
        crypto_tree_read(&out, TAG_TX_TREE, bytes_of(stored, CRYPTO_TREE_SIZE_MAX - HASH_SIZE)));
    crypto_tree_append(&out, bytes_of(entries, 1));
    assert_true(out.count == CRYPTO_TREE_COUNT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_is_the_definition),
        cmocka_unit_test(roots_are_distinct),
        cmocka_unit_test(every_leaf_is_proven),
        cmocka_unit_test(wrong_paths_are_refused),
        cmocka_unit_test(path_above_the_root_is_refused),
        cmocka_unit_test(greatest_path_is_bounded),
        cmocka_unit_test(stored_tree_continues),
        cmocka_unit_test(stored_tree_is_exact),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
