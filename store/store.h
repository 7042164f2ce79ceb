#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "state/view_port.h"
#include "types/types.h"

/* A node's ledger on disk: two RocksDB instances in one directory.
 *
 *     chain.db   final blocks (old ones in files, store/sealed), evidence, results, history tree
 *                over ids.  One synced write for each batch of final blocks, before finality
 *                is reported to anyone (J2).
 *     state.db   the state after the last applied block, and what its last blocks changed.
 *                Final blocks only, never synced on the path: what a power cut takes
 *                is executed again from chain.db.
 *
 * The authenticated tree lives in RAM (64 bytes a key) and is rebuilt from state.db at
 * open.  Blocks that are not final yet are overlays: a tree of branches on the committed
 * state, each with the writes of one block and the root after it.
 *
 * The life of a block h (one owner thread):
 *     view    = parent overlay ? store_overlay_view(parent) : store_view(store)
 *     writes  = the state machine's, executed on view
 *     overlay = store_overlay_add(...)            root after h: store_overlay_root(overlay)
 *     final   : store_append_final(h and its ancestors), then report finality,
 *               then store_commit(overlay) for each, oldest first.
 * At start: while applied_height < decided_height, execute store_block(applied + 1) on
 * store_view and commit it.  initialised == false: add and commit an overlay of height 0
 * with the genesis writes first.
 *
 * Threads: store_open, store_close, the overlay functions, store_commit, store_append_final
 * and store_put_results belong to one thread, and a view is used by one thread at a time and
 * never during store_commit.  store_status, store_block and the functions below it may be
 * called from any thread at any time.
 *
 * Errors: EXIT_CODE_DISK_FULL when the next batch would touch the reserve, before RocksDB
 * meets ENOSPC; EXIT_CODE_STORE for a failed write; EXIT_CODE_CORRUPT when what is read is
 * not what was written.  After any of them from a write the store is closed for writing: the
 * process ends with that code.  Order of writes: docs/protocol-consensus.md 34.1. */

struct store;

struct store_options {
    const char *dir;        /* made when missing; the parent must exist */
    struct hash chain_id;   /* must be the one the directory was made with */
    uint64_t reserve_bytes; /* free space on the disk that is never used */
    uint64_t undo_window;   /* heights below the applied one that stay provable; 0: default */
    size_t cache_bytes;     /* state.db's block cache, filled as needed; 0: default */
    bool read_only;         /* chain.db only, beside a running node: for export */
};

enum {
    STORE_UNDO_WINDOW_DEFAULT = 256,
    STORE_UNDO_WINDOW_MIN = 64,
    STORE_CACHE_DEFAULT = 128 << 20,
};

MUST_USE bool store_open(const struct store_options *options, struct store **out,
                         struct error *error);
void store_close(struct store *store); /* drops every overlay; NULL is allowed */

struct store_status {
    bool initialised;        /* the genesis state was committed */
    uint64_t applied_height; /* state.db holds the state after this block */
    struct hash applied_root;
    uint64_t key_count;                   /* keys of that state */
    uint64_t decided_height;              /* newest block in chain.db; 0: none */
    struct hash decided_id;               /* its block_id; the chain id when there is none */
    uint64_t first_height, oldest_height; /* began with (1, or restored); has all blocks from */
    uint64_t proven_from;                 /* oldest height store_prove answers for */
    size_t overlay_count;
    size_t overlay_size; /* bytes */
};

void store_status(struct store *store, struct store_status *out);

/* ---- Final blocks (chain.db) ------------------------------------------------------ */

struct store_final {
    uint64_t height; /* decided_height + 1, + 2, ... */
    struct hash block_id;
    struct bytes block;    /* BLOCK */
    struct bytes finality; /* LAST_FINAL form over this very block; empty when it became
                              final through a descendant */
    struct bytes results;  /* its result records; empty when not executed yet */
};

/* One write, synced before it returns.  All or nothing. */
MUST_USE bool store_append_final(struct store *store, const struct store_final *blocks,
                                 size_t count, struct error *error);

/* Results of a block that was appended without them.  Not synced. */
MUST_USE bool store_put_results(struct store *store, uint64_t height, struct bytes results,
                                struct error *error);

/* ---- Speculation ------------------------------------------------------------------ */

enum {
    STORE_OVERLAY_SIZE_MAX = 256 << 20, /* K5: bytes of all overlays */
    STORE_OVERLAY_COUNT_MAX = 1024,     /* carriers are empty but not free */
};

struct store_overlay;

struct store_stage {
    struct store_overlay *parent; /* NULL: the committed state */
    uint64_t height;              /* the parent's + 1; 0 for the genesis state */
    struct hash block_id;         /* the block these writes come from; no other overlay has it */
    struct state_writes writes;   /* copied */
};

/* Stage one block's writes and compute the root after it.  NULL when the bound K5 is met:
 * UNFINAL_BLOCK_MAX overlays with writes below each other, or the two limits above; then
 * only empty carriers are valid proposals.  The store owns the overlay until it is
 * committed or dropped. */
MUST_USE struct store_overlay *store_overlay_add(struct store *store,
                                                 const struct store_stage *stage);

/* The overlay of a block; NULL when it has none (not executed, dropped or committed). */
struct store_overlay *store_overlay_find(struct store *store, const struct hash *block_id);

const struct hash *store_overlay_root(const struct store_overlay *overlay);

/* The state after the overlay's block / after the last applied block.  A storage error
 * while reading ends the process with its code: a wrong answer would be a fork.  A view
 * lives until its overlay is committed or dropped, the second one until store_close. */
struct state_view store_overlay_view(struct store_overlay *overlay);
struct state_view store_view(struct store *store);

/* Forget what views of the committed state have read, if it is much.  No value from such a
 * view may be used any more. */
void store_view_trim(struct store *store);

/* Drop the overlay and everything on top of it. */
void store_overlay_drop(struct store *store, struct store_overlay *overlay);

/* Make a final block's overlay the committed state.  Its parent is the committed state,
 * its height decided (or 0).  Every overlay that does not stand on it is dropped. */
MUST_USE bool store_commit(struct store *store, struct store_overlay *overlay, struct error *error);

/* Bring state.db's log to the disk; done every 32 commits anyway.  Before a planned stop. */
MUST_USE bool store_sync(struct store *store, struct error *error);

/* ---- Reading, from any thread ----------------------------------------------------- */

enum store_answer {
    STORE_FOUND,
    STORE_ABSENT, /* there is no such thing: no error */
    STORE_FAILED, /* *error says why */
};

/* Bytes that the store allocated for the caller. */
struct store_buffer {
    uint8_t *data;
    size_t size;
};

void store_buffer_free(struct store_buffer *buffer);

MUST_USE enum store_answer store_block(struct store *store, uint64_t height,
                                       struct store_buffer *out, struct error *error);
MUST_USE enum store_answer store_results(struct store *store, uint64_t height,
                                         struct store_buffer *out, struct error *error);
/* Finality evidence for exactly this height. */
MUST_USE enum store_answer store_finality(struct store *store, uint64_t height,
                                          struct store_buffer *out, struct error *error);
/* The greatest height <= limit with finality evidence of its own. */
MUST_USE enum store_answer store_finality_at_most(struct store *store, uint64_t limit,
                                                  uint64_t *height, struct error *error);
MUST_USE enum store_answer store_block_height(struct store *store, const struct hash *block_id,
                                              uint64_t *height, struct error *error);
MUST_USE enum store_answer store_block_id(struct store *store, uint64_t height,
                                          struct hash *block_id, struct error *error);

/* The history tree over block ids 1 .. decided_height: append the ids of unfinal blocks to
 * a copy to get the hist_root of their child. */
void store_history_tree(struct store *store, struct crypto_tree *out);
/* The path of block id `height` in the tree over ids 1 .. count (the hist_root of header
 * count + 1).  ABSENT unless 1 <= height <= count <= decided_height, and where the chain
 * begins above 1 also for its first block. */
MUST_USE enum store_answer store_history_prove(struct store *store, uint64_t height, uint64_t count,
                                               struct crypto_path *out, struct error *error);
/* That the tree over ids 1 .. after begins with that over 1 .. before.  ABSENT unless before <=
 * after <= decided_height, and below the base of a chain that begins above 1.  Both kinds of
 * proof read O(log after) nodes, kept when their subtree was complete and never changed. */
MUST_USE enum store_answer store_history_grow(struct store *store, uint64_t before, uint64_t after,
                                              struct crypto_growth *out, struct error *error);

/* The value of a key in the committed state. */
MUST_USE enum store_answer store_get(struct store *store, struct bytes key,
                                     struct store_buffer *out, struct error *error);

/* Visit the keys with a prefix, ascending, in the committed state of one moment. */
struct store_scan {
    struct bytes prefix;
    struct bytes after; /* start behind this key; empty: at the first */
    void *context;
    bool (*visit)(void *context, struct bytes key, struct bytes value); /* false: stop */
};

MUST_USE bool store_scan(struct store *store, const struct store_scan *scan, struct error *error);

struct store_proof {
    struct hash root; /* after the asked height */
    bool present;
    struct store_buffer value; /* when present; the caller frees it */
    size_t size;
    uint8_t bytes[STATE_PROOF_SIZE_MAX]; /* SP1, see state/tree/tree.h */
};

/* Prove what a key was after the block `height` (its root stands in header height + 1).
 * ABSENT when height is not in proven_from .. applied_height. */
MUST_USE enum store_answer store_prove(struct store *store, uint64_t height, struct bytes key,
                                       struct store_proof *out, struct error *error);

/* The same of several keys at one root, in one SM1 proof. */
struct store_question {
    uint64_t height;
    const struct bytes *keys; /* strictly ascending by state_tree_path */
    size_t count;             /* 1 .. STATE_TREE_CLAIMS_MAX */
    size_t past_size_max;     /* bytes of undo records that may be read */
};
struct store_fact {
    bool present;
    struct store_buffer value;
};
struct store_facts {
    struct hash root;
    struct store_fact *items; /* in the order of the keys */
    size_t count;
    struct store_buffer proof; /* SM1 */
    uint64_t oldest;           /* the lowest height that past_size_max allows to ask for */
    size_t past_size;          /* bytes of undo records read */
};

/* *out is set whatever the answer; the caller owes store_facts_free.  ABSENT: height is not in
 * out->oldest .. applied_height. */
MUST_USE enum store_answer store_prove_many(struct store *store,
                                            const struct store_question *question,
                                            struct store_facts *out, struct error *error);
void store_facts_free(struct store_facts *facts);

#endif /* STORE_STORE_H */
