#include "base/endian.h"
#include "crypto/crypto.h"

/* Stored trees, paths and consistency proofs from anybody.  A tree that is read writes the same
 * bytes; a path never verifies for two entries, a consistency proof not for two earlier roots. */

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

static void try_growth(const uint8_t *data, size_t size)
{
    struct crypto_growth growth;
    struct hash roots[2];
    memset(&growth, 0, sizeof growth);
    growth.before = load_be64(data);
    growth.after = load_be64(data + 8);
    growth.size = data[16];
    memcpy(roots, data + 17, sizeof roots);
    const size_t rest = size - 17 - sizeof roots;
    memcpy(growth.hashes, data + 17 + sizeof roots,
           rest < sizeof growth.hashes ? rest : sizeof growth.hashes);
    if (crypto_growth_verify(&growth, TAG_HISTORY_TREE, &roots[0], &roots[1])) {
        roots[0].bytes[5] ^= 1;
        ASSERT(!crypto_growth_verify(&growth, TAG_HISTORY_TREE, &roots[0], &roots[1]));
        roots[0].bytes[5] ^= 1;
        ASSERT(!crypto_growth_verify(&growth, TAG_TX_TREE, &roots[0], &roots[1]) ||
               growth.size == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 17 + 2 * HASH_SIZE) {
        try_growth(data, size);
    }
    try_tree(bytes_of(data, size));
    if (size >= 17 + HASH_SIZE) {
        try_path(data, size);
    }
    return 0;
}
