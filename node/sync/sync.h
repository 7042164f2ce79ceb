#ifndef NODE_SYNC_SYNC_H
#define NODE_SYNC_SYNC_H

#include "genesis/genesis.h"
#include "node/sync/epochs.h"
#include "store/snapshot/snapshot.h"
#include "types/block.h"

/* What ties a snapshot to the chain, for whoever trusts the genesis alone. */

/* Blocks up to H + 1, the finality of the last, and how the epochs before theirs ended (nothing in
 * epoch 0): [[BLOCK bin, ...], LAST_FINAL bin] or [..., ..., epochs (node/sync/epochs.h)].  Whoever
 * goes on must know what the chain carries (K2), and the id of every height that a later block
 * may say is final, which is any above that: they begin at or below the height behind the one
 * that the newest last_final up to H names, or at block 1. */
enum { SYNC_ANCHOR_BLOCK_MAX = 64, SYNC_ANCHOR_ANSWER_MAX = FRAME_SIZE_MAX - 256 };

/* The lowest H: a chain that began behind block 1 could not be told from one that has all. */
enum { SYNC_HEIGHT_MIN = 2 };

struct sync_anchor {
    uint32_t count; /* 2 .. SYNC_ANCHOR_BLOCK_MAX */
    struct bytes blocks[SYNC_ANCHOR_BLOCK_MAX];
    struct bytes finality;
    struct sync_epochs epochs;
};

MUST_USE bool sync_anchor_decode(struct bytes bytes, struct sync_anchor *out);

/* The epochs as snapshot_restore takes them: on the heap, size 0 in epoch 0. */
void sync_anchor_epochs(const struct sync_anchor *anchor, struct store_buffer *out);

/* NULL, or what is wrong in a few words: the last block is final by a quorum of its epoch's
 * validators, whom the genesis set and those after it have put in force, it names the
 * manifest's state root and history tree, and the others are its ancestors.  out[0 .. count) then
 * is what snapshot_restore takes, and points into the anchor.  One thread at a time. */
MUST_USE const char *sync_anchor_check(const struct genesis *genesis,
                                       const struct snapshot_manifest *manifest,
                                       const struct sync_anchor *anchor, struct store_final *out);

/* Make a folder with the newest state of a store whose root is in a final header, and all its
 * chunks.  progress may be NULL. */
struct sync_export {
    struct store *store;
    const char *path;
    void *context;
    void (*progress)(void *context, uint32_t done, uint32_t count);
};
MUST_USE bool sync_export(const struct sync_export *what, struct error *error);

/* The anchor of height H as chain.db has it; ABSENT when block H + 1 has no finality of its
 * own, when the blocks do not go back far enough, and when they are more than max bytes. */
MUST_USE enum store_answer sync_anchor_read(struct store *store, uint64_t height, size_t max,
                                            struct store_buffer *out, struct error *error);

#endif /* NODE_SYNC_SYNC_H */
