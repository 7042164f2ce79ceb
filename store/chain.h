#ifndef STORE_CHAIN_H
#define STORE_CHAIN_H

#include "store/rocks.h"

/* chain.db: final blocks in order of height, never changed once written.
 *
 *     default  "meta"     schema BE32, chain id 32
 *              "decided"  height BE64, block id 32
 *              "history"  the history tree over ids 1 .. height, as crypto_tree_write has it
 *              "base"     BE64 height, of a chain that begins there: of the history tree up to it
 *                         only the peaks are there, and of the blocks below it few or none;
 *                         missing when all is there
 *              "epochs"   what a restored chain was given of the epochs before its base, opaque;
 *                         missing when there is nothing
 *     id       BE64 height -> block id
 *     body     BE64 height -> block
 *     fin      BE64 height -> finality evidence, where the block has its own
 *     res      BE64 height -> results, once executed
 *     hash2h   block id -> BE64 height
 *     mmr      level (1 byte) BE64 index -> root of the perfect subtree of the history tree
 *              over leaves index * 2^level .. (index + 1) * 2^level - 1 */

enum chain_family {
    CHAIN_DEFAULT,
    CHAIN_ID,
    CHAIN_BODY,
    CHAIN_FINALITY,
    CHAIN_RESULTS,
    CHAIN_HEIGHT,
    CHAIN_TREE,
    CHAIN_FAMILY_COUNT,
};

struct chain {
    struct rocks rocks;
    struct hash chain_id;
    uint64_t height; /* newest block; 0: none */
    struct hash id;  /* its id; the chain id when there is none */
    uint64_t base;   /* where a restored chain begins; 0: all is there */
    uint64_t oldest; /* from which on every block is there or in a sealed file */
    struct sealed *sealed;
    struct crypto_tree history;
};

MUST_USE bool chain_open(struct chain *chain, const struct store_options *options,
                         struct error *error);
void chain_close(struct chain *chain);

/* *next becomes the chain's new height, id and history; the caller takes it over under its
 * lock, so that readers never see half of it. */
struct chain_head {
    uint64_t height;
    struct hash id;
    struct crypto_tree history;
};
MUST_USE bool chain_append(struct chain *chain, const struct store_final *blocks, size_t count,
                           struct chain_head *next, struct error *error);

/* Begin an empty chain with a run of blocks, of which the last has finality evidence; history is
 * the tree up to the last but one, which becomes the base.  One synced write. */
MUST_USE bool chain_begin(struct chain *chain, const struct crypto_tree *history,
                          const struct store_final *blocks, size_t count, struct error *error);

/* Beside it: how the epochs before the base ended.  Synced. */
MUST_USE bool chain_put_epochs(struct chain *chain, struct bytes epochs, struct error *error);
MUST_USE enum store_answer chain_get_epochs(const struct chain *chain, struct store_buffer *out,
                                            struct error *error);

MUST_USE bool chain_put_results(struct chain *chain, uint64_t height, struct bytes results,
                                struct error *error);
MUST_USE enum store_answer chain_get(const struct chain *chain, enum chain_family family,
                                     uint64_t height, struct store_buffer *out,
                                     struct error *error);
/* A block, wherever it is. */
MUST_USE enum store_answer chain_block(const struct chain *chain, uint64_t height,
                                       struct store_buffer *out, struct error *error);
/* Find chain->oldest. */
MUST_USE bool chain_oldest_load(struct chain *chain, struct error *error);
/* Blocks first .. last leave chain.db, and their bytes the disk. */
MUST_USE bool chain_drop(struct chain *chain, uint64_t first, uint64_t last, struct error *error);
/* About the bytes of these blocks in table files. */
uint64_t chain_body_size(const struct chain *chain, uint64_t first, uint64_t last);
MUST_USE enum store_answer chain_finality_at_most(const struct chain *chain, uint64_t limit,
                                                  uint64_t *height, struct error *error);
MUST_USE enum store_answer chain_find(const struct chain *chain, const struct hash *id,
                                      uint64_t *height, struct error *error);
/* The history tree over ids 1 .. count; base <= count <= chain->height. */
MUST_USE bool chain_history(const struct chain *chain, uint64_t count, struct crypto_tree *out,
                            struct error *error);
/* base < height <= count <= chain->height. */
MUST_USE bool chain_prove(const struct chain *chain, uint64_t height, uint64_t count,
                          struct crypto_path *out, struct error *error);
/* base <= before <= after <= chain->height. */
MUST_USE bool chain_grow(const struct chain *chain, uint64_t before, uint64_t after,
                         struct crypto_growth *out, struct error *error);

/* The "meta" record both databases begin with: written when missing, else compared. */
MUST_USE bool meta_check(struct rocks *rocks, const struct store_options *options,
                         struct error *error);

#endif /* STORE_CHAIN_H */
