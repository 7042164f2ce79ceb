#ifndef TYPES_TYPES_H
#define TYPES_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "types/limits.h"

/* The nouns everything else is made of.  Plain values: copied freely, compared with
 * the functions below, never hashed as struct memory. */

struct hash {
    uint8_t bytes[HASH_SIZE];
};

struct address {
    uint8_t bytes[ADDRESS_SIZE];
};

struct public_key {
    uint8_t bytes[PUBLIC_KEY_SIZE];
};

struct signature {
    uint8_t bytes[SIGNATURE_SIZE];
};

struct vrf_proof {
    uint8_t bytes[VRF_PROOF_SIZE];
};

bool hash_equal(const struct hash *a, const struct hash *b);
bool hash_is_zero(const struct hash *hash);
int hash_compare(const struct hash *a, const struct hash *b);
bool address_equal(const struct address *a, const struct address *b);
bool public_key_equal(const struct public_key *a, const struct public_key *b);

#endif /* TYPES_TYPES_H */
