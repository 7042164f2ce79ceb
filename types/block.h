#ifndef TYPES_BLOCK_H
#define TYPES_BLOCK_H

#include "types/types.h"
#include "types/validators.h"

/* Two objects (docs/protocol.md 3).  The block header is content: block_id names it, heights,
 * history and receipts use it.  The proposal is what is voted on: it binds a block_id to a view
 * and a parent.  Proposing a block again changes the proposal only. */

enum { BLOCK_VERSION = 1, PROPOSAL_VERSION = 1 };

struct block_header {
    uint32_t version;
    struct hash chain_id;
    uint64_t height;       /* genesis is 0, the first block 1 */
    struct hash parent_id; /* block_id of height - 1; the chain id for height 1 */
    uint64_t time_ms;      /* since 1970; > the parent's */
    uint64_t epoch;        /* of the first proposal, as are the next two */
    uint64_t view;
    uint32_t proposer; /* index in that epoch's set */
    struct vrf_proof vrf_proof;
    struct hash txs_root;     /* RFC 9162 tree (TAG_TX_TREE) over the transactions' bytes */
    struct hash state_root;   /* after the parent */
    struct hash results_root; /* of the parent: tree (TAG_RESULT_TREE) over result records */
    struct hash hist_root;    /* tree (TAG_HISTORY_TREE) over block ids 1 .. height - 1 */
    struct hash set_hash;     /* digest of this epoch's validator set */
    struct hash next_set_hash;
    struct hash last_cert_hash; /* digest of the body's last_final; zero when absent */
};

enum da_mode {
    DA_FULL = 0,  /* the leader sends the whole block */
    DA_SHARD = 1, /* each validator gets a shard and passes it on (node/shard) */
};

enum proposal_flags {
    PROPOSAL_REPROPOSED = 1, /* this block was first proposed in an earlier view */
};

/* 3.2.1: the light part is all that a light client needs besides the digest of the rest. */
struct proposal_light {
    uint64_t epoch;
    uint64_t view;
    uint64_t height;
    struct hash block_id;
    struct hash next_set_hash;
};

struct proposal_rest {
    uint32_t version;
    struct hash chain_id;
    uint64_t parent_view;
    struct hash parent_proposal; /* zero when the parent is the epoch's view 0 */
    uint32_t da_mode;            /* enum da_mode */
    uint32_t da_n;               /* 0 for DA_FULL, as are the next fields but block_size */
    uint32_t da_k;
    uint32_t block_size; /* bytes of the encoded block */
    uint32_t shard_size;
    struct hash da_root;
    uint32_t leader;
    uint32_t flags;
};

struct proposal {
    struct proposal_light light;
    struct proposal_rest rest;
};

/* Finality on chain: an F certificate with what it certifies. */
struct finality {
    struct proposal_light light;
    struct hash rest_digest;
    struct validator_bitmap signers;
    uint32_t signature_count;                         /* = bits set in signers */
    struct signature signatures[VALIDATOR_COUNT_MAX]; /* in index order */
};

#endif /* TYPES_BLOCK_H */
