#include "base/endian.h"
#include "crypto/crypto.h"

/* Stored trees and paths from anybody.  A tree that is read writes the same bytes; a path
 * never verifies for two entries. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_tree(struct bytes bytes)
{
    struct crypto_tree tree;
    if (!crypto_tree_read(&tree, TAG_HISTORY_TREE, bytes)) {
        return;
    }
    uint8_t again[CRYPTO_TREE_SIZE_MAX];
    ASSERT(bytes_equal(bytes, bytes_of(again, crypto_tree_write(&tree, again))));
    struct hash root;
    crypto_tree_root(&tree, &root);
    if (tree.count < CRYPTO_TREE_COUNT_MAX) {
        crypto_tree_append(&tree, bytes);
        struct hash next;
        crypto_tree_root(&tree, &next);
        ASSERT(!hash_equal(&root, &next));
    }
}

static void try_path(const uint8_t *data, size_t size)
{
    struct crypto_path path;
    memset(&path, 0, sizeof path);
    path.index = load_be64(data);
    path.count = load_be64(data + 8);
    path.size = data[16];
    struct hash root;
    memcpy(root.bytes, data + 17, HASH_SIZE);
    const size_t rest = size - 17 - HASH_SIZE;
    memcpy(path.siblings, data + 17 + HASH_SIZE,
           rest < sizeof path.siblings ? rest : sizeof path.siblings);
    if (crypto_path_verify(&path, TAG_HISTORY_TREE, bytes_of("a", 1), &root)) {
        ASSERT(!crypto_path_verify(&path, TAG_HISTORY_TREE, bytes_of("b", 1), &root));
        ASSERT(!crypto_path_verify(&path, TAG_TX_TREE, bytes_of("a", 1), &root));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_tree(bytes_of(data, size));
    if (size >= 17 + HASH_SIZE) {
        try_path(data, size);
    }
    return 0;
}
