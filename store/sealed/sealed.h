#ifndef STORE_SEALED_SEALED_H
#define STORE_SEALED_SEALED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/error.h"
#include "store/store.h"

/* Old blocks leave chain.db for sealed history files (store/history), and those leave the disk.
 *
 * data_dir/history holds the sealed files of this node.  A step does one thing:
 *     write   the file of the next chunk, once the chain carries its certificate
 *     move    read the newest file back, every digest and every block id against chain.db; then
 *             delete its blocks in chain.db, whose files shrink
 *     unlink  the oldest file that is not to be kept
 * Each can be cut off at any point and is done again: until the blocks are deleted, chain.db has
 * them, and a file that does not verify is thrown away.  Blocks are read from wherever they are
 * (store_block).  Results, ids and the history tree stay in chain.db.
 *
 * Files are kept by number, which makes a node's role: an archive keeps all, a full node some, a
 * light one none.  The newest SEALED_BEHIND_MIN blocks always stay. */

enum {
    SEALED_MOVE_BEHIND = 256, /* blocks above a chunk before chain.db gives it away */
    SEALED_BEHIND_MIN = 1000, /* blocks above a file before it is unlinked */
};
#define SEALED_KEEP_ALL UINT64_MAX

struct sealed_policy {
    uint64_t keep;          /* sealed files */
    uint64_t reserve_bytes; /* free space that no file is written into */
};

enum sealed_done {
    SEALED_NOTHING, /* there is nothing to do by now */
    SEALED_WRITTEN,
    SEALED_MOVED,
    SEALED_THROWN, /* a file did not verify and is gone; its blocks are in chain.db */
    SEALED_UNLINKED,
};

struct sealed_step {
    enum sealed_done done;
    uint64_t first; /* heights */
    uint64_t last;
};

/* One step, from any one thread beside the owner's.  EXIT_CODE_DISK_FULL, EXIT_CODE_STORAGE: the
 * directory cannot be written, which harms nothing; EXIT_CODE_CORRUPT: chain.db is damaged. */
MUST_USE bool sealed_step(struct store *store, const struct sealed_policy *policy,
                          struct sealed_step *out, struct error *error);

/* Bytes of the sealed files. */
uint64_t sealed_size(struct store *store);

/* A thread that makes the steps, one a second.  What it did and what it could not do stands in
 * the log; damage of chain.db ends its work.  NULL: no thread.  Stop it before store_close. */
struct sealer;
struct sealer *sealer_start(struct store *store, const struct sealed_policy *policy);
void sealer_stop(struct sealer *sealer); /* NULL is allowed */

#endif /* STORE_SEALED_SEALED_H */
