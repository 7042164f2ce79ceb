#ifndef STORE_CORE_H
#define STORE_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/cache.h"
#include "store/chain.h"
#include "store/record.h"
#include "store/rocks.h"
#include "store/tier/tier.h"

/* state.db and what stands in RAM over it.
 *
 *     default  "meta"     as in chain.db
 *              "applied"  height BE64, root 32, key count BE64
 *     leaf     path -> leaf record
 *     kidx     key -> empty: the keys in their own order
 *     undo     BE64 height -> undo record, for the last undo_window blocks */

enum ledger_family { LEDGER_DEFAULT, LEDGER_LEAF, LEDGER_KEYS, LEDGER_UNDO, LEDGER_FAMILY_COUNT };

enum {
    STEP_COUNT_MAX = 64,      /* applied blocks whose tree is kept in RAM */
    STEP_SIZE_MAX = 64 << 20, /* bytes of them; older heights are computed from undo */
    SYNC_EVERY = 32,          /* commits */
    PRUNE_EVERY = 64,         /* commits */
};

/* One key as an overlay's block left it. */
struct overlay_entry {
    struct hash path;
    struct bytes record; /* leaf record; unless removed */
    bool removed;
};

struct store_overlay {
    struct store *store;
    struct store_overlay *parent; /* NULL: the committed state */
    struct store_overlay *next;   /* in store->overlays */
    uint64_t height;
    struct hash block_id;
    struct hash root;
    struct overlay_entry *entries; /* ascending by path */
    size_t count;
    uint8_t *records; /* the memory behind the entries */
    struct tier_delta *delta;
    struct cache reads; /* committed records that the view asked for */
    size_t size;        /* bytes without reads */
};

/* An applied block: how to get back. */
struct step {
    struct undo undo; /* owns undo.bytes */
    struct tier_delta *delta;
    size_t size;
};

struct store {
    struct chain chain;
    struct rocks state;
    bool read_only;
    pthread_mutex_t lock; /* what readers share with the owner thread: all below, chain's head */
    struct tier *tier;
    bool initialised;
    uint64_t height;
    struct hash root;
    uint64_t proven_from;
    uint64_t window;
    struct step steps[STEP_COUNT_MAX]; /* newest first: steps[i] undoes block height - i */
    size_t step_count;
    size_t step_size;
    size_t overlay_count;
    size_t overlay_size;
    atomic_size_t read_size; /* bytes of all read caches */
    /* Of the owner thread alone. */
    struct store_overlay *front; /* the last committed block's; empty after open */
    struct store_overlay *overlays;
    uint64_t commit_count;
};

/* state.db: open it, rebuild the tier, compare the root. */
MUST_USE bool ledger_open(struct store *store, const struct store_options *options,
                          struct error *error);
void ledger_close(struct store *store);
/* The record of what state.db holds, for a batch. */
struct applied {
    uint64_t height;
    struct hash root;
    uint64_t count;
};
void ledger_batch_applied(const struct rocks *rocks, rocksdb_writebatch_t *batch,
                          const struct applied *applied);

/* How state.db is opened, and where it stands; nothing there: not initialised. */
struct rocks_config ledger_config(const struct store_options *options);
MUST_USE bool ledger_load_applied(struct store *store, uint64_t *count, struct error *error);

/* Every leaf of state.db into the empty tier, by all processors; count: how many, about. */
MUST_USE bool ledger_fill(struct store *store, uint64_t count, struct error *error);

/* A committed leaf record. */
MUST_USE enum store_answer ledger_get(const struct store *store, const struct hash *path,
                                      struct store_buffer *out, struct error *error);
MUST_USE enum store_answer ledger_undo_get(const struct store *store, uint64_t height,
                                           struct undo *out, struct error *error);

/* The overlay without anything that the committed state stands behind after open. */
struct store_overlay *overlay_empty(struct store *store);
void overlay_free(struct store_overlay *overlay);
const struct overlay_entry *overlay_find_entry(const struct store_overlay *overlay,
                                               const struct hash *path);
/* After overlay became the committed state: drop what does not stand on it. */
void overlay_settle(struct store *store, struct store_overlay *overlay);

#endif /* STORE_CORE_H */
