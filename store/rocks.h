#ifndef STORE_ROCKS_H
#define STORE_ROCKS_H

#include <rocksdb/c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/store.h"

/* One RocksDB instance: its families, options and the rules of this project about it.
 *  - A write first checks the free space, so that RocksDB never meets ENOSPC: it may not
 *    recover from it without a restart.
 *  - The first failed write closes the instance for writing.
 *  - An iterator that stopped is asked why, always: one that met a bad block looks
 *    finished otherwise. */

enum { ROCKS_FAMILY_MAX = 8, ROCKS_PATH_MAX = 512 };

struct rocks_config {
    const char *dir;
    const char *name;            /* "chain.db" */
    const char *repair;          /* the next step when it is corrupt, for people */
    const char *const *families; /* the first is "default" */
    size_t family_count;
    size_t cache_size; /* bytes of the block cache */
    uint64_t reserve;  /* bytes of free space to keep */
    int recovery_mode; /* wal_recovery_mode of RocksDB */
    bool read_only;
};

struct rocks {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read;
    rocksdb_readoptions_t *scan; /* a pass over everything: leaves the cache alone */
    rocksdb_writeoptions_t *write_sync;
    rocksdb_writeoptions_t *write_async;
    rocksdb_column_family_handle_t *families[ROCKS_FAMILY_MAX];
    size_t family_count;
    const char *name;
    const char *repair;
    uint64_t reserve;
    bool failed; /* a write failed: no other is tried */
    char path[ROCKS_PATH_MAX];
};

/* *rocks is zero before.  After a failure nothing is open. */
MUST_USE bool rocks_open(struct rocks *rocks, const struct rocks_config *config,
                         struct error *error);
void rocks_close(struct rocks *rocks);

/* Deletes a database that can be made anew; nothing there is fine. */
MUST_USE bool rocks_destroy(const char *dir, const char *name, struct error *error);

/* Takes RocksDB's message (and frees it) into *error; returns false. */
bool rocks_fail(const struct rocks *rocks, const char *what, char *message, struct error *error);

/* What is stored is not what was written. */
bool rocks_corrupt(const struct rocks *rocks, const char *what, struct error *error);

/* Applies the batch; sync: the log is on the disk before this returns. */
MUST_USE bool rocks_write(struct rocks *rocks, rocksdb_writebatch_t *batch, bool sync,
                          struct error *error);

/* out->data is the caller's, freed with store_buffer_free. */
MUST_USE enum store_answer rocks_get(const struct rocks *rocks, size_t family, struct bytes key,
                                     struct store_buffer *out, struct error *error);

void rocks_batch_put(const struct rocks *rocks, rocksdb_writebatch_t *batch, size_t family,
                     struct bytes key, struct bytes value);
void rocks_batch_delete(const struct rocks *rocks, rocksdb_writebatch_t *batch, size_t family,
                        struct bytes key);

/* Delete all keys from .. to, both included, durably, and give their bytes back.  Beside the
 * writer's thread: it looks at no flag of rocks and sets none. */
MUST_USE bool rocks_drop(struct rocks *rocks, size_t family, struct bytes from, struct bytes to,
                         struct error *error);
/* About the bytes of table files from .. to. */
uint64_t rocks_size(const struct rocks *rocks, size_t family, struct bytes from, struct bytes to);

rocksdb_iterator_t *rocks_iterate(const struct rocks *rocks, size_t family);
rocksdb_iterator_t *rocks_iterate_all(const struct rocks *rocks, size_t family);
struct bytes rocks_iterator_key(const rocksdb_iterator_t *iterator);
struct bytes rocks_iterator_value(const rocksdb_iterator_t *iterator);
/* Frees the iterator; false when it stopped because of an error. */
MUST_USE bool rocks_iterator_end(const struct rocks *rocks, rocksdb_iterator_t *iterator,
                                 struct error *error);

/* Memory or the process ends: there is no way to go on without it. */
void *store_allocate(size_t size);

/* An error nobody can answer: log it and end the process with its code. */
_Noreturn void store_die(const struct error *error);

#endif /* STORE_ROCKS_H */
