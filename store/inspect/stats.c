#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/inspect/core.h"
#include "store/sealed/files.h"

/* Counting: every record once, and the files. */

static void count_record(struct inspect_count *count, struct bytes key, size_t value_size)
{
    count->count++;
    count->key_bytes += key.size;
    count->value_bytes += value_size;
}

/* A leaf is counted once more under its key's first byte. */
static bool count_kind(struct inspect *inspect, struct bytes path, struct bytes bytes,
                       struct inspect_stats *stats, struct error *error)
{
    struct record record;
    if (!leaf_record_read(bytes, &record)) {
        return inspect_damage(inspect, &inspect->store.state,
                              &(struct place){.table = "leaf", .key = path},
                              "the record has another form", error);
    }
    if (record.key.size > 0) {
        count_record(&stats->kinds[record.key.data[0]], record.key, record.value.size);
    }
    return true;
}

struct tables {
    const struct rocks *rocks;
    const char *const *names;
    struct inspect_database *out;
    struct inspect_stats *kinds; /* NULL: not the state */
};

static bool count_table(struct inspect *inspect, const struct tables *tables, uint32_t family,
                        struct error *error)
{
    struct inspect_table *table = &tables->out->tables[family];
    const struct rocks *rocks = tables->rocks;
    rocksdb_iterator_t *iterator = rocks_iterate_all(rocks, family);
    bool sound = true;
    table->name = tables->names[family];
    for (rocksdb_iter_seek_to_first(iterator); sound && rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator)) {
        const struct bytes key = rocks_iterator_key(iterator);
        const struct bytes value = rocks_iterator_value(iterator);
        count_record(&table->records, key, value.size);
        sound = tables->kinds == NULL || family != LEDGER_LEAF ||
                count_kind(inspect, key, value, tables->kinds, error);
    }
    sound = sound && inspect_iterator_sound(inspect, rocks, &(struct place){.table = table->name},
                                            iterator, error);
    rocksdb_iter_destroy(iterator);
    (void)rocksdb_property_int_cf(rocks->db, rocks->families[family],
                                  "rocksdb.total-sst-files-size", &table->file_bytes);
    return sound;
}

static void count_files(const struct rocks *rocks, struct inspect_database *out)
{
    DIR *stream = opendir(rocks->path);
    if (stream == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        struct stat state;
        if (fstatat(dirfd(stream), entry->d_name, &state, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(state.st_mode)) {
            out->file_count++;
            out->disk_bytes += (uint64_t)state.st_size;
        }
    }
    (void)closedir(stream);
}

static bool count_database(struct inspect *inspect, const struct tables *tables,
                           struct error *error)
{
    struct inspect_database *out = tables->out;
    out->name = tables->rocks->name;
    out->table_count = (uint32_t)tables->rocks->family_count;
    count_files(tables->rocks, out);
    for (uint32_t family = 0; family < out->table_count; family++) {
        if (!count_table(inspect, tables, family, error)) {
            return false;
        }
    }
    return true;
}

uint64_t inspect_disk_bytes(const struct inspect *inspect)
{
    struct inspect_database both = {.disk_bytes = 0};
    count_files(&inspect->store.chain.rocks, &both);
    if (inspect->store.state.db != NULL) {
        count_files(&inspect->store.state, &both);
    }
    return both.disk_bytes + sealed_bytes(inspect->store.chain.sealed);
}

bool inspect_stats(struct inspect *inspect, struct inspect_stats *out, struct error *error)
{
    *out = (struct inspect_stats){.state = {.name = "state.db"}};
    const struct tables chain = {
        .rocks = &inspect->store.chain.rocks, .names = inspect_chain_tables, .out = &out->chain};
    const struct tables state = {.rocks = &inspect->store.state,
                                 .names = inspect_state_tables,
                                 .out = &out->state,
                                 .kinds = out};
    return count_database(inspect, &chain, error) &&
           (inspect->store.state.db == NULL || count_database(inspect, &state, error));
}
