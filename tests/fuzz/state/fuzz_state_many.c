#include "state/tree/tree.h"

/* An SM1 proof of a peer, about three keys: under the root it leads to it proves one set of
 * facts about them at most, whatever is claimed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 3, VALUES = 3 };

/* Digit by digit: absent, "1", "2". */
static struct state_tree_claim claim_of(const char *key, unsigned digit)
{
    static const uint8_t values[VALUES] = {'0', '1', '2'};
    return (struct state_tree_claim){.key = (const uint8_t *)key,
                                     .key_size = strlen(key),
                                     .value = &values[digit],
                                     .value_size = 1,
                                     .present = digit != 0};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[KEYS] = {"two", "one", "three"};
    if (size < HASH_SIZE) {
        return 0;
    }
    struct hash root;
    memcpy(root.bytes, data, HASH_SIZE);
    const struct bytes proof = bytes_of(data + HASH_SIZE, size - HASH_SIZE);
    unsigned proven = 0;
    for (unsigned facts = 0; facts < VALUES * VALUES * VALUES; facts++) {
        const struct state_tree_claim claims[KEYS] = {
            claim_of(keys[0], facts % VALUES),
            claim_of(keys[1], facts / VALUES % VALUES),
            claim_of(keys[2], facts / (VALUES * VALUES)),
        };
        proven += state_tree_many_verify(&root, claims, KEYS, proof) == STATE_TREE_PROVEN;
    }
    ASSERT(proven <= 1);
    return 0;
}
