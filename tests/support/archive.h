#ifndef TESTS_SUPPORT_ARCHIVE_H
#define TESTS_SUPPORT_ARCHIVE_H

#include "crypto/crypto.h"
#include "state/objects/objects.h"
#include "state/state.h"
#include "state/tree/tree.h"
#include "wire/wire.h"

/* A whole history made in memory: a genesis with keys for everybody, blocks of signed
 * transactions executed by the state machine, headers with every root, votes of four
 * validators, whose seats accounts 0 to 3 hold and vote to change: seats come and go at the
 * end.  State roots are computed by the definition over the sorted state, with nothing of
 * store/ or client/.  A twist makes one block lie before it is signed. */

enum {
    ARCHIVE_VALIDATORS = 4,
    ARCHIVE_QUORUM = 3,
    ARCHIVE_TX_MAX = 16384,
    ARCHIVE_TX_BYTES = 4 << 20,
    ARCHIVE_CREDITS = 1000000,
};

struct archive_entry {
    struct state_tree_leaf leaf;
    uint8_t *value;
    size_t size;
};

struct archive_block {
    uint8_t *bytes; /* BLOCK */
    size_t size;
    struct proposal_light light;
    struct hash set_hash; /* of its epoch */
    struct hash beacon;
};

struct archive {
    uint8_t *genesis; /* the file */
    size_t genesis_size;
    struct hash chain_id;
    struct hash set_hash;
    struct validator_set set; /* of the epoch, as the next four */
    uint64_t epoch;
    uint64_t view;
    uint32_t leader_offset;
    struct crypto_key *consensus[ARCHIVE_VALIDATORS];
    struct crypto_key *vrf[ARCHIVE_VALIDATORS];

    uint32_t account_count;
    struct crypto_key **accounts;
    struct address *addresses;
    uint64_t *seq;

    struct state_machine *machine;
    void *memory;
    struct archive_entry *entries; /* ascending by path */
    size_t entry_count, entry_room;

    /* The chain. */
    uint64_t height;
    uint64_t time_ms;
    struct archive_block *blocks; /* [0] stands for the genesis */
    struct hash results_root;
    struct crypto_tree history;
    uint32_t tip_signers; /* of the F with which an export ends */

    /* Transactions of the block being made. */
    struct bytes txs[ARCHIVE_TX_MAX];
    uint32_t tx_count;
    uint8_t *tx_bytes;
    size_t tx_used;
};

/* last_max: blocks that will be made at most. */
struct archive *archive_create(uint32_t account_count, uint64_t last_max);
void archive_free(struct archive *archive);

/* A signed transaction of account `from` in the next block; body is its type's struct. */
void archive_send(struct archive *archive, uint32_t from, uint32_t type, const void *body);

/* A signed transfer in the next block. */
void archive_transfer(struct archive *archive, uint32_t from, uint32_t to, uint64_t credits);

/* How the next block deviates.  {0}: it is right and carries no certificate. */
struct archive_twist {
    uint64_t certify;                            /* height whose F it carries; 0: none */
    uint32_t signers;                            /* of that F; 0: a quorum */
    void (*header)(struct block_header *header); /* the last change before it is signed */
    uint64_t signed_as;  /* height whose epoch and set that F is signed for; 0: its own */
    bool skip_execution; /* its transactions are not executed: a quorum that does not look */
};
/* height + 1, with the transactions handed in so far. */
void archive_block(struct archive *archive, const struct archive_twist *twist);

/* LAST_FINAL for a block by the first `signers` validators, into WIRE_LAST_FINAL_SIZE_MAX bytes. */
struct bytes archive_finality(const struct archive *archive, uint64_t height, uint32_t signers,
                              uint8_t *out);
/* The same, signed for the epoch and set of another block. */
struct archive_claim {
    uint64_t height;
    uint64_t signed_as;
    uint32_t signers;
};
struct bytes archive_finality_as(const struct archive *archive, const struct archive_claim *claim,
                                 uint8_t *out);

struct hash archive_root(const struct archive *archive); /* of the state after the last block */

/* History files in dir, which must be empty or missing; the genesis file at path. */
bool archive_export(struct archive *archive, const char *dir);
/* The same with this LAST_FINAL at its end. */
bool archive_export_with(struct archive *archive, const char *dir, struct bytes finality);
bool archive_write_genesis(const struct archive *archive, const char *path);

#endif /* TESTS_SUPPORT_ARCHIVE_H */
