#include "store/snapshot/tables.h"

#include <unistd.h>

bool tables_begin(struct tables *tables, struct rocks *rocks, size_t family, const char *dir,
                  struct error *error)
{
    *tables = (struct tables){.rocks = rocks, .family = family, .dir = dir};
    if (!files_path(tables->path, dir, "table.sst", error)) {
        return false;
    }
    tables->env = rocksdb_envoptions_create();
    tables->writer = rocksdb_sstfilewriter_create(tables->env, rocks->options);
    return true;
}

static bool table_open(struct tables *tables, struct error *error)
{
    char *message = NULL;
    (void)unlink(tables->path);
    rocksdb_sstfilewriter_open(tables->writer, tables->path, &message);
    tables->open = message == NULL;
    return tables->open || rocks_fail(tables->rocks, "cannot begin a table", message, error);
}

bool tables_put(struct tables *tables, struct bytes key, struct bytes value, struct error *error)
{
    char *message = NULL;
    if (!tables->open && !table_open(tables, error)) {
        return false;
    }
    rocksdb_sstfilewriter_put(tables->writer, (const char *)key.data, key.size,
                              (const char *)value.data, value.size, &message);
    return message == NULL || rocks_fail(tables->rocks, "cannot write a table", message, error);
}

static bool ingest(struct tables *tables, struct error *error)
{
    char *message = NULL;
    const char *paths[] = {tables->path};
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    rocksdb_ingest_external_file_cf(tables->rocks->db, tables->rocks->families[tables->family],
                                    paths, 1, options, &message);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return message == NULL || rocks_fail(tables->rocks, "cannot take in a table", message, error);
}

bool tables_take(struct tables *tables, uint64_t size_min, struct error *error)
{
    char *message = NULL;
    uint64_t size = 0;
    if (tables->open) {
        rocksdb_sstfilewriter_file_size(tables->writer, &size);
    }
    if (!tables->open || size < size_min) {
        return true;
    }
    tables->open = false;
    rocksdb_sstfilewriter_finish(tables->writer, &message);
    if (message != NULL) {
        return rocks_fail(tables->rocks, "cannot end a table", message, error);
    }
    return ingest(tables, error);
}

void tables_end(struct tables *tables)
{
    if (tables->writer != NULL) {
        rocksdb_sstfilewriter_destroy(tables->writer);
        rocksdb_envoptions_destroy(tables->env);
        (void)unlink(tables->path);
    }
    tables->writer = NULL;
}
