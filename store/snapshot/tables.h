#ifndef STORE_SNAPSHOT_TABLES_H
#define STORE_SNAPSHOT_TABLES_H

#include "store/rocks.h"
#include "store/snapshot/files.h"

/* Sorted table files for one column family, taken in as they are full.  Rows of one table
 * ascend; tables may overlap. */
struct tables {
    struct rocks *rocks;
    size_t family;
    const char *dir; /* on the database's disk */
    rocksdb_envoptions_t *env;
    rocksdb_sstfilewriter_t *writer;
    bool open;
    char path[FILES_PATH_MAX];
};

MUST_USE bool tables_begin(struct tables *tables, struct rocks *rocks, size_t family,
                           const char *dir, struct error *error);
MUST_USE bool tables_put(struct tables *tables, struct bytes key, struct bytes value,
                         struct error *error);
/* End the table and take it in, when there is one of at least this size. */
MUST_USE bool tables_take(struct tables *tables, uint64_t size_min, struct error *error);
void tables_end(struct tables *tables);

#endif /* STORE_SNAPSHOT_TABLES_H */
