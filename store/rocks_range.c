#include <string.h>

#include "store/rocks.h"

/* Ranges of keys at once. */

static bool delete_range(struct rocks *rocks, size_t family, struct bytes from, struct bytes to,
                         struct error *error)
{
    /* The range of a batch is open at its end: the last key itself goes, too. */
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    char *message = NULL;
    rocksdb_writebatch_delete_range_cf(batch, rocks->families[family], (const char *)from.data,
                                       from.size, (const char *)to.data, to.size);
    rocks_batch_delete(rocks, batch, family, to);
    rocksdb_write(rocks->db, rocks->write_sync, batch, &message);
    rocksdb_writebatch_destroy(batch);
    return message == NULL || rocks_fail(rocks, "cannot delete a range", message, error);
}

bool rocks_drop(struct rocks *rocks, size_t family, struct bytes from, struct bytes to,
                struct error *error)
{
    char *message = NULL;
    if (!delete_range(rocks, family, from, to, error)) {
        return false;
    }
    /* Files with keys of the range alone go at once; this range includes its end. */
    rocksdb_delete_file_in_range_cf(rocks->db, rocks->families[family], (const char *)from.data,
                                    from.size, (const char *)to.data, to.size, &message);
    if (message != NULL) {
        return rocks_fail(rocks, "cannot delete table files", message, error);
    }
    rocksdb_compact_range_cf(rocks->db, rocks->families[family], (const char *)from.data, from.size,
                             (const char *)to.data, to.size);
    return true;
}

uint64_t rocks_size(const struct rocks *rocks, size_t family, struct bytes from, struct bytes to)
{
    const char *const starts[] = {(const char *)from.data};
    const char *const limits[] = {(const char *)to.data};
    const size_t start_sizes[] = {from.size};
    const size_t limit_sizes[] = {to.size};
    uint64_t size = 0;
    char *message = NULL;
    rocksdb_approximate_sizes_cf(rocks->db, rocks->families[family], 1, starts, start_sizes, limits,
                                 limit_sizes, &size, &message);
    rocksdb_free(message);
    return size;
}
