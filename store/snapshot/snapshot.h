#ifndef STORE_SNAPSHOT_SNAPSHOT_H
#define STORE_SNAPSHOT_SNAPSHOT_H

#include <stdatomic.h>

#include "state/snapshot/snapshot.h"
#include "store/store.h"

/* Snapshots of the state: made from a running store, kept as a folder, and made a store again.
 * Format and what verifies alone: state/snapshot/snapshot.h. */

/* ---- Out of a store ----------------------------------------------------------------- */

/* The state after one height, held while the chain goes on: a RocksDB snapshot, and what the
 * blocks since then changed from their undo records.  It costs no copy, but keeps the space
 * of what is overwritten meanwhile. */
struct snapshot_source;

enum { SNAPSHOT_UNDO_SIZE_MAX = 64 << 20 }; /* undo records a source may hold */

/* From any thread, as the other calls.  height: 1 .. applied_height - 1; ABSENT when it is not
 * there, or as far back as the undo records do not reach or are more than
 * SNAPSHOT_UNDO_SIZE_MAX.  Closed before the store. */
MUST_USE enum store_answer snapshot_source_open(struct store *store, uint64_t height,
                                                struct snapshot_source **out, struct error *error);
void snapshot_source_close(struct snapshot_source *source); /* NULL is allowed */
uint64_t snapshot_source_height(const struct snapshot_source *source);

/* The manifest: one pass over the state.  *stop may be set by another thread to end it early
 * (false, EXIT_CODE_INTERRUPTED); NULL is allowed. */
MUST_USE bool snapshot_source_manifest(struct snapshot_source *source, const atomic_bool *stop,
                                       struct store_buffer *out, struct error *error);

/* The chunk of this place.  ABSENT when there are no keys, or too many for a chunk. */
MUST_USE enum store_answer snapshot_source_chunk(struct snapshot_source *source,
                                                 const struct hash *prefix, uint32_t depth,
                                                 struct store_buffer *out, struct error *error);

/* ---- A folder with a snapshot --------------------------------------------------------- */

/*     manifest          as it is
 *     anchor            blocks up to H + 1 and its finality, of which this layer knows nothing
 *     <hash>.chunk      the chunk with this hash, in hex: what another snapshot has in common
 *                       with this one is there already
 *
 * Nothing is believed because it lies here: chunks are verified whenever they are read. */
struct snapshot_folder;

/* Make it, or make it that of another manifest and keep the chunks.  The folder's parent must
 * exist. */
MUST_USE bool snapshot_folder_make(const char *path, struct bytes manifest, struct bytes anchor,
                                   struct error *error);
/* EXIT_CODE_NOT_FOUND when there is none, EXIT_CODE_VERIFY when its manifest is not sound. */
MUST_USE bool snapshot_folder_open(const char *path, struct snapshot_folder **out,
                                   struct error *error);
void snapshot_folder_close(struct snapshot_folder *folder); /* NULL is allowed */
const struct snapshot_manifest *snapshot_folder_manifest(const struct snapshot_folder *folder);
struct bytes snapshot_folder_anchor(const struct snapshot_folder *folder);

/* From any thread.  A chunk is verified before it is written: EXIT_CODE_VERIFY if it is not
 * that of the part, and *verdict says how. */
MUST_USE bool snapshot_folder_put(struct snapshot_folder *folder, uint32_t index,
                                  struct bytes chunk, enum snapshot_verdict *verdict,
                                  struct error *error);
/* There is a file.  Whether it is sound shows when it is read. */
bool snapshot_folder_has(const struct snapshot_folder *folder, uint32_t index);
/* The verified chunk.  FAILED with EXIT_CODE_VERIFY when it is not sound. */
MUST_USE enum store_answer snapshot_folder_get(struct snapshot_folder *folder, uint32_t index,
                                               struct store_buffer *out, struct error *error);

/* The two halves of it: the chunk as it lies there, which may be anything; and false with
 * EXIT_CODE_VERIFY unless the verdict on it is OK. */
MUST_USE enum store_answer snapshot_folder_read(struct snapshot_folder *folder, uint32_t index,
                                                struct store_buffer *out, struct error *error);
MUST_USE bool snapshot_folder_accept(const struct snapshot_folder *folder, uint32_t index,
                                     enum snapshot_verdict verdict, struct error *error);

/* So that it is fetched again. */
void snapshot_folder_drop(struct snapshot_folder *folder, uint32_t index);

/* ---- Into a store ---------------------------------------------------------------------- */

struct snapshot_restore {
    struct snapshot_folder *folder; /* all chunks there */
    struct store_options options;   /* of the store to be; it must hold no database */
    /* Ascending, the last two of heights H and H + 1; the last with its finality.  The caller has
     * checked that they are the chain's, and that the last names the state root and the history;
     * those below H are there to be looked at. */
    const struct store_final *blocks;
    size_t block_count;
    struct bytes epochs; /* opaque, for snapshot_epochs; empty: none */
    void *context;
    void (*step)(void *context, const char *what); /* before each step; may be NULL */
};

/* Build both databases beside where they belong, from sorted table files, and move them there.
 * However it is interrupted, the next store_open finds either nothing or all of it.
 * EXIT_CODE_INCOMPLETE when chunks are missing, EXIT_CODE_VERIFY when one is
 * damaged, EXIT_CODE_USAGE when there is a database. */
MUST_USE bool snapshot_restore(const struct snapshot_restore *what, struct error *error);

/* What a store was restored with of the epochs before its base; from any thread. */
MUST_USE enum store_answer snapshot_epochs(struct store *store, struct store_buffer *out,
                                           struct error *error);

/* What store_open begins with: end a restore that was interrupted after it was decided. */
MUST_USE bool snapshot_restore_finish(const char *data_dir, struct error *error);

/* Give up what was fetched: data_dir/restore goes, unless a restore was decided. */
MUST_USE bool snapshot_restore_drop(const char *data_dir, struct error *error);

#endif /* STORE_SNAPSHOT_SNAPSHOT_H */
