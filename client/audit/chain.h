#ifndef CLIENT_AUDIT_CHAIN_H
#define CLIENT_AUDIT_CHAIN_H

#include "client/audit/ahead.h"
#include "client/audit/fault.h"
#include "crypto/crypto.h"
#include "genesis/genesis.h"

/* What a block must be because of the blocks before it, state apart: the header chain.
 * Remembers the id of every block, for the certificates that name one. */

/* A span of blocks with one validator set.  Stays where it is: checks ahead point to it. */
struct chain_epoch {
    uint64_t number;
    struct evidence_trust trust; /* its set is the next field */
    struct validator_set set;
    uint32_t leader_offset;
    uint64_t start_height;     /* of the block that ended the epoch before; 0: the genesis */
    uint64_t end_height;       /* of its boundary block; 0: not there yet */
    struct hash next_set_hash; /* as the boundary block names it */
};

struct chain_walk {
    struct chain_epoch **epochs; /* [number] */
    size_t epoch_count;
    bool closed; /* the last block taken is a boundary: chain_walk_open first */
    /* The last block taken. */
    uint64_t height;
    uint64_t time_ms;
    uint64_t view;
    struct hash block_id;
    struct hash beacon;
    uint64_t carried_height;    /* highest that a last_final certified; 0: none */
    struct crypto_tree history; /* over ids 1 .. height */
    struct chain_seen *seen;    /* [height - 1] */
    size_t room;
    /* A seal whose certificate no block has carried yet. */
    bool seal_open;
    uint64_t seal_height;    /* of the oldest block sealed so */
    struct hash seal_digest; /* of the LAST_FINAL it shows */
};

struct chain_seen {
    struct hash block_id;
    uint64_t view;
    uint64_t epoch;
};

/* False: no memory. */
MUST_USE bool chain_walk_init(struct chain_walk *walk, const struct genesis *genesis);
void chain_walk_free(struct chain_walk *walk);

enum chain_taken { CHAIN_TAKEN, CHAIN_REFUSED, CHAIN_NO_MEMORY };

/* Judge the decoded block as the next one and set what its checks ahead need (ids, beacons,
 * carried_height).  REFUSED fills *fault. */
MUST_USE enum chain_taken chain_walk_take(struct chain_walk *walk, struct ahead_block *b,
                                          struct audit_fault *fault);

/* After a boundary block was taken: the set that it names, as the state has it. */
MUST_USE bool chain_walk_open(struct chain_walk *walk, const struct validator_set *set);

/* The SEAL of a chunk that ends with the last block taken: the certificate in it is valid, its
 * headers lead there, and the next block that carries one as high must carry this one. */
MUST_USE bool chain_walk_seal(struct chain_walk *walk, struct bytes seal,
                              struct audit_fault *fault);

/* The LAST_FINAL with which the history ends: over the last block taken. */
MUST_USE bool chain_walk_end(const struct chain_walk *walk, struct bytes finality,
                             struct audit_fault *fault);

#endif /* CLIENT_AUDIT_CHAIN_H */
