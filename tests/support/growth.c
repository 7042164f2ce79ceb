#include "tests/support/growth.h"

struct hash growth_root(const struct hash *entries, uint64_t start, uint64_t end)
{
    struct crypto_tree tree;
    struct hash root;
    crypto_tree_init(&tree, TAG_HISTORY_TREE);
    for (uint64_t i = start; i < end; i++) {
        crypto_tree_append(&tree, bytes_of(entries[i].bytes, HASH_SIZE));
    }
    crypto_tree_root(&tree, &root);
    return root;
}

void growth_make(const struct hash *entries, uint64_t before, uint64_t after,
                 struct crypto_growth *out)
{
    struct hash down[CRYPTO_GROWTH_MAX];
    uint32_t count = 0;
    uint64_t start = 0;
    uint64_t end = after;
    *out = (struct crypto_growth){.before = before, .after = after};
    while (before != 0 && before != end) {
        uint64_t middle = 1;
        while (2 * middle < end - start) {
            middle *= 2;
        }
        middle += start;
        if (before <= middle) {
            down[count++] = growth_root(entries, middle, end);
            end = middle;
        } else {
            down[count++] = growth_root(entries, start, middle);
            start = middle;
        }
    }
    if (start != 0) {
        down[count++] = growth_root(entries, start, end);
    }
    while (count > 0) {
        out->hashes[out->size++] = down[--count];
    }
}
