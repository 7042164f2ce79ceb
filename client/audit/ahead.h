#ifndef CLIENT_AUDIT_AHEAD_H
#define CLIENT_AUDIT_AHEAD_H

#include "base/error.h"
#include "client/audit/evidence.h"
#include "wire/wire.h"

/* Checks that need no state, made ahead of the execution by a few threads: transaction
 * signatures, certificates, VRF proofs and transaction roots of the blocks in a ring.
 *
 * One thread owns the ring: it fills the next free slot, pushes it, waits for the oldest
 * one and pops it.  While it waits it works too, so that one thread alone suffices. */

enum {
    AHEAD_BLOCK_MAX = 64,
    AHEAD_SIZE_MAX = 64 << 20, /* bytes of blocks in the ring; one more is always allowed */
};

/* One transaction.  `has_key`: the sender's key was known when the block was pushed. */
struct ahead_tx {
    struct bytes raw;
    bool has_key;
    bool good;             /* out: the signature verified with key */
    struct public_key key; /* in */
    struct hash verdict;   /* out: state_verdict_digest, when good */
};

struct ahead_block {
    /* In: filled by the owner before the push. */
    uint8_t *bytes; /* a copy of the block; `block` points into it */
    size_t size;
    struct wire_block block;
    struct hash block_id;
    struct hash alpha_beacon;                /* of the parent */
    struct hash beacon;                      /* of this block, if its proof verifies */
    const struct evidence_trust *trust;      /* of the block's epoch; outlives the ring */
    const struct evidence_trust *last_trust; /* of the epoch of what last_final certifies */
    uint64_t carried_height; /* highest that a last_final up to this block's certifies */
    struct ahead_tx *txs;    /* block.txs.count */
    uint32_t tx_room;
    uint32_t byte_room;
    /* Out, valid once ahead_front returned it. */
    struct hash txs_root;
    bool vrf_good;
    enum evidence_verdict evidence;
    /* Of the ring. */
    uint32_t units;
    uint32_t claimed;
    uint32_t done;
};

struct ahead;

/* threads >= 1: the owner and threads - 1 more. */
MUST_USE bool ahead_create(uint32_t threads, struct ahead **out, struct error *error);
void ahead_free(struct ahead *ahead); /* joins the threads; NULL is allowed */

/* The slot to fill next; NULL when the ring is full. */
struct ahead_block *ahead_slot(struct ahead *ahead);

enum ahead_filled { AHEAD_FILLED, AHEAD_MALFORMED, AHEAD_NO_MEMORY };

/* Copy bytes into the slot, decode them as a block and list its transactions (without
 * keys).  MALFORMED: they are no block. */
MUST_USE enum ahead_filled ahead_fill(struct ahead_block *slot, struct bytes bytes);

/* Hand the slot over.  Nothing of it is written again before it was popped. */
void ahead_push(struct ahead *ahead);

/* The oldest block, when all its checks are done; NULL when the ring is empty. */
struct ahead_block *ahead_front(struct ahead *ahead);
void ahead_pop(struct ahead *ahead);

#endif /* CLIENT_AUDIT_AHEAD_H */
