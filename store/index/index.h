#ifndef STORE_INDEX_INDEX_H
#define STORE_INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* Where transactions are: a third database beside chain.db and state.db that says nothing of
 * its own.
 *
 *     index.db   by transaction id: height and number in the block; by sender: its
 *                transactions in the chain's order; and the cursor, the last block whose
 *                rows are there, in the same write as those rows
 *
 * It follows chain.db in the background and is never synced: what a crash takes is read from
 * the blocks again.  Nobody believes it: an answer found through it carries its proofs.  A
 * missing, damaged or foreign one is made anew from the first block that chain.db has.
 *
 * Threads: index_follow belongs to one thread; the functions that look up may be called from
 * any thread meanwhile. */

struct index;

struct index_options {
    const char *dir; /* the data directory */
    struct hash chain_id;
    uint64_t reserve_bytes; /* free space on the disk that is never used */
};

/* Opens or makes it.  EXIT_CODE_CORRUPT and EXIT_CODE_BAD_GENESIS, EXIT_CODE_BAD_VERSION: there is
 * one that is of no use; index_remove and open again. */
MUST_USE bool index_open(const struct index_options *options, struct index **out,
                         struct error *error);
void index_close(struct index *index); /* NULL is allowed */

/* Takes the whole of index.db off the disk; nothing there is fine. */
MUST_USE bool index_remove(const char *dir, struct error *error);

/* Its cursor names a block of this chain, or it is empty.  FOUND: yes; ABSENT: it followed another
 * history (a restored or exchanged chain.db). */
MUST_USE enum store_answer index_fits(const struct index *index, struct store *store,
                                      struct error *error);

/* The rows of the next blocks, some MiB at most.  *more: the chain has further ones now. */
MUST_USE bool index_follow(struct index *index, struct store *store, bool *more,
                           struct error *error);

/* All blocks up to here are in it. */
uint64_t index_height(const struct index *index);

struct index_place {
    uint64_t height;
    uint32_t number; /* of the transaction in its block */
    struct hash id;
};

MUST_USE enum store_answer index_find(const struct index *index, const struct hash *id,
                                      struct index_place *out, struct error *error);

/* A sender's transactions below (height, number), newest first; at most max of them.  Start with
 * UINT64_MAX, then with the last of the page before. */
struct index_page {
    struct address sender;
    uint64_t below_height;
    uint32_t below_number;
    struct index_place *places;
    uint32_t max;
    uint32_t count; /* out */
};
MUST_USE bool index_list(const struct index *index, struct index_page *io, struct error *error);

#endif /* STORE_INDEX_INDEX_H */
