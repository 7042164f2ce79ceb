#ifndef TYPES_VALIDATORS_H
#define TYPES_VALIDATORS_H

#include "types/types.h"

/* A validator set: an ordered list; index = position.  One validator, one vote (K8). */

struct validator {
    struct public_key consensus; /* signs proposals and votes */
    struct public_key network;   /* signs handshakes and HEAD answers */
    struct public_key vrf;       /* proves the beacon */
    struct address account;      /* its organisation's account on the ledger */
};

struct validator_set {
    uint32_t count; /* 1 .. VALIDATOR_COUNT_MAX */
    struct validator items[VALIDATOR_COUNT_MAX];
};

/* How many of n may be Byzantine: floor((n - 1) / 3). */
uint32_t validator_faulty_max(uint32_t count);

/* K8, the only quorum in the system: floor((n + f) / 2) + 1, and n for n < 4. */
uint32_t validator_quorum(uint32_t count);

/* Who leads first in an epoch: the id of the block it starts from, as a number, mod count
 * (30.3: leader of view v = (v - 1 + offset) mod count). */
uint32_t validator_leader_offset(const struct hash *block_id, uint32_t count);

struct validator_bitmap {
    uint8_t bytes[VALIDATOR_BITMAP_SIZE]; /* bit i = bytes[i / 8] >> (i % 8) & 1 */
};

bool validator_bitmap_get(const struct validator_bitmap *bitmap, uint32_t index);
void validator_bitmap_set(struct validator_bitmap *bitmap, uint32_t index);
uint32_t validator_bitmap_count(const struct validator_bitmap *bitmap);

#endif /* TYPES_VALIDATORS_H */
