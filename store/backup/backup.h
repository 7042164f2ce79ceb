#ifndef STORE_BACKUP_BACKUP_H
#define STORE_BACKUP_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/error.h"
#include "types/types.h"

/* A backup of a stopped node: the files of chain.db and state.db, sealed history files, and a list
 * with the digest of each, written last.
 *
 *     DIR/chain.db/...  DIR/state.db/...  DIR/history/...     the files as they were
 *     DIR/backup                             the list: text, a line each
 *
 *         gradus backup 1
 *         chain CHAIN_ID
 *         final HEIGHT BLOCK_ID
 *         state HEIGHT ROOT                  "state none" without a state.db
 *         SHA256 SIZE chain.db/000012.sst    every file, in no order
 *         end SHA256                         of all lines before
 *
 * Never in it, and never restored: sign.state, the journal and keys (J1, J3).  A directory made by
 * a restore therefore carries no right to vote: a node whose sign.state is not there does not
 * start (80).
 *
 * Errors: EXIT_CODE_INCOMPLETE: the backup has no list, it was cut off; EXIT_CODE_CORRUPT: it
 * is damaged, with the file's name; EXIT_CODE_BAD_GENESIS: another chain's; EXIT_CODE_USAGE: the
 * target is there already; EXIT_CODE_STORE, EXIT_CODE_DISK_FULL. */

struct backup_info {
    struct hash chain_id;
    uint64_t decided_height;
    struct hash decided_id;
    bool has_state;
    uint64_t applied_height;
    struct hash applied_root;
    uint64_t file_count;
    uint64_t bytes;
};

struct backup_job {
    const char *from;
    const char *to; /* not for backup_check */
    struct hash chain_id;
    void *context;
    /* May be NULL. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
};

/* from: a data_dir that no process uses; it is kept from starting meanwhile, and not changed.
 * to: a directory that does not exist. */
MUST_USE bool backup_create(const struct backup_job *job, struct backup_info *out,
                            struct error *error);

/* Every file of the backup `from` against the list, and that there is no other.  That the
 * databases in it are right is for store/inspect to say. */
MUST_USE bool backup_check(const struct backup_job *job, struct backup_info *out,
                           struct error *error);

/* The databases of the backup `from` into the data_dir `to`, which is made when missing and
 * must have neither.  What is written has the list's digests; sign/ and journal/ are not
 * touched. */
MUST_USE bool backup_restore(const struct backup_job *job, struct backup_info *out,
                             struct error *error);

#endif /* STORE_BACKUP_BACKUP_H */
