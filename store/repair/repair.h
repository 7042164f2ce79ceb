#ifndef STORE_REPAIR_REPAIR_H
#define STORE_REPAIR_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/error.h"
#include "types/types.h"

/* What an operator does to the databases of a stopped node.  All take the node's lock: a running
 * one is EXIT_CODE_STORE. */

struct repair_job {
    const char *dir; /* the node's data_dir */
    struct hash chain_id;
    void *context;
    /* May be NULL. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
};

struct repair_rollback {
    uint64_t from; /* applied height before */
    uint64_t to;
    struct hash root; /* after `to` */
};

/* state.db goes back to the state after block `height`, by its undo records (X7); chain.db stays
 * as it is, so that the next start executes the blocks above again.  One atomic write a
 * height: cut off in the middle it stands at some height in between, and can be repeated.  In the
 * end the root is computed from the leaves and compared with the header above.
 * EXIT_CODE_NOT_FOUND: the undo records do not lead that far, or there is no state. */
MUST_USE bool repair_rollback(const struct repair_job *job, uint64_t height,
                              struct repair_rollback *out, struct error *error);

struct repair_sizes {
    uint64_t before; /* bytes of both databases' files */
    uint64_t after;
};

/* Merge all table files of both databases: what was deleted or replaced gives its bytes back. */
MUST_USE bool repair_compact(const struct repair_job *job, struct repair_sizes *out,
                             struct error *error);

struct repair_prune {
    struct repair_sizes sizes; /* sealed files included */
    uint64_t sealed;           /* files written */
    uint64_t unlinked;
    uint64_t oldest_height; /* from which on blocks are there now */
};

/* All that a running node would do with its old blocks, at once: seal what can be sealed, take it
 * out of chain.db, unlink all sealed files but the newest `keep` (store/sealed). */
MUST_USE bool repair_prune_to(const struct repair_job *job, uint64_t keep, struct repair_prune *out,
                              struct error *error);

#endif /* STORE_REPAIR_REPAIR_H */
