#ifndef STORE_INSPECT_INSPECT_H
#define STORE_INSPECT_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "types/types.h"

/* Looking into chain.db and state.db of a node that does not run, crashed ones included.
 *
 * Both are opened for reading only: no byte on the disk changes, and a log that a crash left
 * is replayed in memory as the node itself would.  What is read is believed only when it
 * agrees with everything else that is stored; signatures are for who visits the blocks
 * (client/chaincheck).
 *
 * One thread.  Errors: EXIT_CODE_CORRUPT names database, table, height or key and the next
 * step, and fills inspect_fault; EXIT_CODE_NOT_FOUND: no chain.db there; EXIT_CODE_STORE: a
 * process uses it, or the disk cannot be read; EXIT_CODE_BAD_GENESIS: another chain's. */

struct inspect;

enum { INSPECT_KEY_MAX = 64, INSPECT_FAMILY_MAX = 8, INSPECT_KIND_COUNT = 256 };

/* dir: the node's data_dir. */
MUST_USE bool inspect_open(const char *dir, const struct hash *chain_id, struct inspect **out,
                           struct error *error);
void inspect_close(struct inspect *inspect); /* NULL is allowed */

struct inspect_head {
    uint64_t decided_height; /* newest block of chain.db; 0: none */
    struct hash decided_id;
    uint64_t base;   /* where chain.db begins, restored from a snapshot; 0: it has all blocks */
    uint64_t oldest; /* from which on all blocks are there, in chain.db or sealed files */
    bool has_state;  /* there is a state.db and it has begun; else the rest is zero */
    uint64_t applied_height;
    struct hash applied_root;
    uint64_t key_count;
    uint64_t proven_from; /* oldest height the undo records lead back to */
};

const struct inspect_head *inspect_head(const struct inspect *inspect);

/* ---- Checking --------------------------------------------------------------------- */

/* The first thing that is wrong.  What RocksDB itself found stands in the error alone. */
struct inspect_fault {
    bool found;
    const char *database; /* "chain.db" */
    const char *table;    /* its column family */
    bool has_height;
    uint64_t height;
    uint8_t key[INSPECT_KEY_MAX]; /* its beginning, of a key of the state */
    size_t key_size;
};

const struct inspect_fault *inspect_fault(const struct inspect *inspect);

struct inspect_block {
    uint64_t height;
    struct bytes block;
    struct bytes finality; /* empty: it became final through a descendant */
};

struct inspect_visitor {
    void *context;
    /* After a block was found whole; false with *error ends the check.  May be NULL. */
    bool (*block)(void *context, const struct inspect_block *block, struct error *error);
    /* Often; what: "blocks", "leaves", "undo records".  May be NULL. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
};

/* Every record of chain.db and every block of the sealed files, read once in order of height:
 * block bytes against their id, ids against the history tree, its stored nodes and each
 * header's hist_root, results against the next header, and that nothing is missing, twice or
 * beyond the head. */
MUST_USE bool inspect_check_chain(struct inspect *inspect, const struct inspect_visitor *visitor,
                                  struct error *error);

/* Every record of state.db: leaves against their keys and hashes, the root computed from them
 * against the applied one, then each undo record backwards against the root that its block's
 * header names.  *certified: the newest height whose root stands in a header. */
MUST_USE bool inspect_check_state(struct inspect *inspect, const struct inspect_visitor *visitor,
                                  uint64_t *certified, struct error *error);

/* ---- Sizes ------------------------------------------------------------------------ */

struct inspect_count {
    uint64_t count;
    uint64_t key_bytes;
    uint64_t value_bytes;
};

struct inspect_table {
    const char *name;
    struct inspect_count records;
    uint64_t file_bytes; /* of its table files */
};

struct inspect_database {
    const char *name;
    uint64_t disk_bytes; /* of all its files */
    uint32_t file_count;
    uint32_t table_count;
    struct inspect_table tables[INSPECT_FAMILY_MAX];
};

struct inspect_stats {
    struct inspect_database chain;
    struct inspect_database state;                  /* no tables without a state */
    struct inspect_count kinds[INSPECT_KIND_COUNT]; /* of the state, by a key's first byte */
};

/* Of all files of both databases, and of the sealed files. */
uint64_t inspect_disk_bytes(const struct inspect *inspect);

MUST_USE bool inspect_stats(struct inspect *inspect, struct inspect_stats *out,
                            struct error *error);

/* ---- Comparing -------------------------------------------------------------------- */

/* One side of a difference. */
struct inspect_side {
    bool present;
    uint64_t height; /* of the block that wrote it; unknown (0) for an absent key */
    uint8_t *value;
    size_t value_size;
};

struct inspect_difference {
    uint64_t height; /* both states are those after this block */
    struct hash roots[2];
    bool found;
    uint8_t *key;
    size_t key_size;
    struct inspect_side sides[2];
};

/* Walk both states down the Merkle tree, from the roots after the lower applied height, to
 * the first key (by path) in which they differ.  The higher one goes back by its undo
 * records; EXIT_CODE_NOT_FOUND when they do not reach that far.  difference is freed by
 * inspect_difference_free whatever the answer. */
MUST_USE bool inspect_diff(struct inspect *const pair[2], struct inspect_difference *out,
                           struct error *error);
void inspect_difference_free(struct inspect_difference *difference);

/* A block's bytes, for the caller to free; NULL and *size == 0 when it is not there. */
MUST_USE bool inspect_read_block(struct inspect *inspect, uint64_t height, uint8_t **out,
                                 size_t *size, struct error *error);

/* The value of a key of the state, on the heap; false: it is not there, or there is no state. */
MUST_USE bool inspect_read_state(struct inspect *inspect, struct bytes key, uint8_t **out,
                                 size_t *size);

#endif /* STORE_INSPECT_INSPECT_H */
