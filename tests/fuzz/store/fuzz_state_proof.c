#include "state/tree/tree.h"

/* A proof of a peer: the root it leads to cannot be a proof of two facts about one key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HASH_SIZE) {
        return 0;
    }
    struct hash root;
    memcpy(root.bytes, data, HASH_SIZE);
    const struct bytes proof = bytes_of(data + HASH_SIZE, size - HASH_SIZE);
    const struct bytes key = bytes_of("key", 3);
    const struct bytes one = bytes_of("one", 3);
    const struct bytes two = bytes_of("two", 3);
    unsigned proven = 0;
    proven += state_tree_verify(&root, key, NULL, proof) == STATE_TREE_PROVEN;
    proven += state_tree_verify(&root, key, &one, proof) == STATE_TREE_PROVEN;
    proven += state_tree_verify(&root, key, &two, proof) == STATE_TREE_PROVEN;
    ASSERT(proven <= 1);
    ASSERT(proof.size <= STATE_PROOF_SIZE_MAX || proven == 0);
    return 0;
}
