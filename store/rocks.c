#include "store/rocks.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/log.h"

/* Sized for small machines: L2 bounds the log that a restart has to replay. */
enum {
    LOG_SIZE_MAX = 16 << 20,
    WRITE_BUFFER_SIZE = 16 << 20,
    WRITE_BUFFERS_SIZE = 64 << 20,
    READAHEAD_SIZE = 1 << 20,
};
enum { INFO_LOG_HEADER = 5, INFO_LOG_COUNT = 4 };
enum { OPEN_FILES_MAX = 512, BLOOM_BITS = 10, BACKGROUND_JOBS = 2 };
enum { DIRECTORY_MODE = 0700 };
/* The small log makes small table files: merge more of them at a time, as each merge writes
 * most of the next level again. */
enum { LEVEL0_COMPACT = 8, LEVEL0_SLOW = 24, LEVEL0_STOP = 40 };

void *store_allocate(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);
    if (memory == NULL) {
        struct error error;
        (void)error_set(&error, EXIT_CODE_STORE, "store: out of memory for %zu bytes", size);
        store_die(&error);
    }
    return memory;
}

_Noreturn void store_die(const struct error *error)
{
    log_line(LOG_FAULT, "store", "%s", error->detail);
    _Exit((int)error->code);
}

void store_buffer_free(struct store_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct store_buffer){0};
}

bool rocks_corrupt(const struct rocks *rocks, const char *what, struct error *error)
{
    return error_set(error, EXIT_CODE_CORRUPT, "%s: %s; %s", rocks->path, what, rocks->repair);
}

/* The part of RocksDB's message that names the file: "000012.sst offset 4033 size 4050", or all
 * of it.  The directory before it is in the line already. */
static const char *file_in(const char *message)
{
    static const char *const endings[] = {".sst", ".log", "MANIFEST-"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const char *at = strstr(message, endings[i]);
        while (at != NULL && at > message && at[-1] != '/' && at[-1] != ' ') {
            at--;
        }
        if (at != NULL) {
            return at;
        }
    }
    return message;
}

bool rocks_fail(const struct rocks *rocks, const char *what, char *message, struct error *error)
{
    if (strstr(message, "No space left") != NULL) {
        (void)error_set(error, EXIT_CODE_DISK_FULL,
                        "%s: %s: the disk is full; free space and start again", rocks->path, what);
    } else if (strstr(message, "lock") != NULL && strstr(message, "LOCK") != NULL) {
        (void)error_set(error, EXIT_CODE_STORE, "%s: another process uses it; stop that one first",
                        rocks->path);
    } else if (strstr(message, "Corruption") != NULL || strstr(message, "checksum") != NULL) {
        (void)error_set(error, EXIT_CODE_CORRUPT, "%s: %s: checksum or structure: %.80s; %s",
                        rocks->path, what, file_in(message), rocks->repair);
    } else {
        (void)error_set(error, EXIT_CODE_STORE, "%s: %s: %.120s; check the disk and start again",
                        rocks->path, what, message);
    }
    rocksdb_free(message);
    return false;
}

static rocksdb_options_t *options_make(struct rocks *rocks, const struct rocks_config *config)
{
    rocksdb_options_t *options = rocksdb_options_create();
    /* Reading alone makes nothing: an absent database stays absent. */
    rocksdb_options_set_create_if_missing(options, config->read_only ? 0 : 1);
    rocksdb_options_set_create_missing_column_families(options, config->read_only ? 0 : 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_wal_recovery_mode(options, config->recovery_mode);
    rocksdb_options_set_max_total_wal_size(options, LOG_SIZE_MAX);
    rocksdb_options_set_write_buffer_size(options, WRITE_BUFFER_SIZE);
    rocksdb_options_set_db_write_buffer_size(options, WRITE_BUFFERS_SIZE);
    rocksdb_options_set_max_write_buffer_number(options, 3);
    rocksdb_options_set_level0_file_num_compaction_trigger(options, LEVEL0_COMPACT);
    rocksdb_options_set_level0_slowdown_writes_trigger(options, LEVEL0_SLOW);
    rocksdb_options_set_level0_stop_writes_trigger(options, LEVEL0_STOP);
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    rocksdb_options_set_max_background_jobs(options, BACKGROUND_JOBS);
    rocksdb_options_set_bytes_per_sync(options, 1 << 20);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    /* Its log for people ends with the options.  A line after a write of it failed is an
     * assertion in RocksDB before 8.1 (pull request 11314): on a full disk the process would
     * abort instead of saying so.  Errors reach us by their calls. */
    rocksdb_options_set_info_log_level(options, INFO_LOG_HEADER);
    rocksdb_options_set_keep_log_file_num(options, INFO_LOG_COUNT);
    rocksdb_options_set_recycle_log_file_num(options, 0);
    /* Hashes, signatures and random paths do not compress. */
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocks->cache = rocksdb_cache_create_lru(config->cache_size);
    rocks->table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(rocks->table, rocks->cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(rocks->table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(rocks->table, 1);
    rocksdb_block_based_options_set_format_version(rocks->table, 5);
    rocksdb_block_based_options_set_filter_policy(rocks->table,
                                                  rocksdb_filterpolicy_create_bloom(BLOOM_BITS));
    rocksdb_options_set_block_based_table_factory(options, rocks->table);
    return options;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t size = strlen(name);
    return size > strlen(end) && strcmp(name + size - strlen(end), end) == 0;
}

/* Data without the file that says which of it counts: RocksDB would make an empty database
 * there and delete the rest.  (A first start that was cut off leaves neither.) */
static bool head_lost(const struct rocks *rocks)
{
    char current[ROCKS_PATH_MAX + 16];
    struct stat state;
    bool data = false;
    DIR *stream = opendir(rocks->path);
    if (stream == NULL) {
        return false;
    }
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        data = data || ends_with(entry->d_name, ".sst") ||
               (ends_with(entry->d_name, ".log") &&
                fstatat(dirfd(stream), entry->d_name, &state, 0) == 0 && state.st_size > 0);
    }
    (void)closedir(stream);
    (void)snprintf(current, sizeof(current), "%s/CURRENT", rocks->path);
    return data && stat(current, &state) != 0;
}

bool rocks_open(struct rocks *rocks, const struct rocks_config *config, struct error *error)
{
    ASSERT(config->family_count <= ROCKS_FAMILY_MAX);
    rocks->name = config->name;
    rocks->repair = config->repair;
    rocks->reserve = config->reserve;
    rocks->family_count = config->family_count;
    const int length =
        snprintf(rocks->path, sizeof(rocks->path), "%s/%s", config->dir, config->name);
    if (length < 0 || (size_t)length >= sizeof(rocks->path)) {
        return error_set(error, EXIT_CODE_BAD_CONFIG, "the data directory's name is too long");
    }
    if (!config->read_only && mkdir(config->dir, DIRECTORY_MODE) != 0 && errno != EEXIST) {
        return error_set(error, EXIT_CODE_STORE, "%s: cannot make it; check the parent directory",
                         config->dir);
    }
    rocks->options = options_make(rocks, config);
    rocks->read = rocksdb_readoptions_create();
    rocks->scan = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(rocks->scan, 0);
    rocksdb_readoptions_set_readahead_size(rocks->scan, READAHEAD_SIZE);
    rocks->write_sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write_sync, 1);
    rocks->write_async = rocksdb_writeoptions_create();
    const rocksdb_options_t *options[ROCKS_FAMILY_MAX];
    for (size_t i = 0; i < config->family_count; i++) {
        options[i] = rocks->options;
    }
    char *message = NULL;
    const int count = (int)config->family_count;
    if (head_lost(rocks)) {
        (void)rocks_corrupt(rocks, "the file CURRENT is missing beside its data", error);
        rocks_close(rocks);
        return false;
    }
    rocks->db =
        config->read_only
            ? rocksdb_open_for_read_only_column_families(rocks->options, rocks->path, count,
                                                         config->families, options, rocks->families,
                                                         0, &message)
            : rocksdb_open_column_families(rocks->options, rocks->path, count, config->families,
                                           options, rocks->families, &message);
    if (message != NULL) {
        rocks->db = NULL;
        (void)rocks_fail(rocks, "cannot open", message, error);
        rocks_close(rocks);
        return false;
    }
    return true;
}

void rocks_close(struct rocks *rocks)
{
    if (rocks->options == NULL) {
        return;
    }
    if (rocks->db != NULL) {
        for (size_t i = 0; i < rocks->family_count; i++) {
            rocksdb_column_family_handle_destroy(rocks->families[i]);
        }
        rocksdb_close(rocks->db);
    }
    rocksdb_writeoptions_destroy(rocks->write_async);
    rocksdb_writeoptions_destroy(rocks->write_sync);
    rocksdb_readoptions_destroy(rocks->scan);
    rocksdb_readoptions_destroy(rocks->read);
    rocksdb_options_destroy(rocks->options);
    rocksdb_block_based_options_destroy(rocks->table);
    rocksdb_cache_destroy(rocks->cache);
    *rocks = (struct rocks){0};
}

bool rocks_destroy(const char *dir, const char *name, struct error *error)
{
    char path[ROCKS_PATH_MAX];
    char *message = NULL;
    const int length = snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return error_set(error, EXIT_CODE_BAD_CONFIG, "the data directory's name is too long");
    }
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_destroy_db(options, path, &message);
    rocksdb_options_destroy(options);
    if (message == NULL) {
        return true;
    }
    (void)error_set(error, EXIT_CODE_STORE, "%.300s: cannot be deleted: %.120s", path, message);
    rocksdb_free(message);
    return false;
}

static bool space_check(const struct rocks *rocks, size_t size, struct error *error)
{
    struct statvfs disk;
    if (statvfs(rocks->path, &disk) != 0) {
        return error_set(error, EXIT_CODE_STORE, "%s: cannot ask for the free space", rocks->path);
    }
    const uint64_t block = disk.f_frsize;
    const uint64_t blocks = disk.f_bavail;
    const uint64_t space = block != 0 && blocks > UINT64_MAX / block ? UINT64_MAX : block * blocks;
    if (space < rocks->reserve || space - rocks->reserve < size) {
        return error_set(error, EXIT_CODE_DISK_FULL,
                         "%s: %llu MiB free, %llu MiB of them reserved; free space and start again",
                         rocks->path, (unsigned long long)(space >> 20),
                         (unsigned long long)(rocks->reserve >> 20));
    }
    return true;
}

bool rocks_write(struct rocks *rocks, rocksdb_writebatch_t *batch, bool sync, struct error *error)
{
    if (rocks->failed) {
        return error_set(error, EXIT_CODE_STORE, "%s: closed for writing by an earlier error",
                         rocks->path);
    }
    size_t size = 0;
    (void)rocksdb_writebatch_data(batch, &size);
    if (!space_check(rocks, size, error)) {
        rocks->failed = true;
        return false;
    }
    char *message = NULL;
    rocksdb_write(rocks->db, sync ? rocks->write_sync : rocks->write_async, batch, &message);
    if (message != NULL) {
        rocks->failed = true;
        return rocks_fail(rocks, "cannot write", message, error);
    }
    return true;
}

enum store_answer rocks_get(const struct rocks *rocks, size_t family, struct bytes key,
                            struct store_buffer *out, struct error *error)
{
    char *message = NULL;
    size_t size = 0;
    char *data = rocksdb_get_cf(rocks->db, rocks->read, rocks->families[family],
                                (const char *)key.data, key.size, &size, &message);
    if (message != NULL) {
        (void)rocks_fail(rocks, "cannot read", message, error);
        return STORE_FAILED;
    }
    *out = (struct store_buffer){.data = (uint8_t *)data, .size = size};
    return data == NULL ? STORE_ABSENT : STORE_FOUND;
}

void rocks_batch_put(const struct rocks *rocks, rocksdb_writebatch_t *batch, size_t family,
                     struct bytes key, struct bytes value)
{
    rocksdb_writebatch_put_cf(batch, rocks->families[family], (const char *)key.data, key.size,
                              (const char *)value.data, value.size);
}

void rocks_batch_delete(const struct rocks *rocks, rocksdb_writebatch_t *batch, size_t family,
                        struct bytes key)
{
    rocksdb_writebatch_delete_cf(batch, rocks->families[family], (const char *)key.data, key.size);
}

rocksdb_iterator_t *rocks_iterate(const struct rocks *rocks, size_t family)
{
    return rocksdb_create_iterator_cf(rocks->db, rocks->read, rocks->families[family]);
}

rocksdb_iterator_t *rocks_iterate_all(const struct rocks *rocks, size_t family)
{
    return rocksdb_create_iterator_cf(rocks->db, rocks->scan, rocks->families[family]);
}

struct bytes rocks_iterator_key(const rocksdb_iterator_t *iterator)
{
    size_t size = 0;
    const char *data = rocksdb_iter_key(iterator, &size);
    return bytes_of(data, size);
}

struct bytes rocks_iterator_value(const rocksdb_iterator_t *iterator)
{
    size_t size = 0;
    const char *data = rocksdb_iter_value(iterator, &size);
    return bytes_of(data, size);
}

bool rocks_iterator_end(const struct rocks *rocks, rocksdb_iterator_t *iterator,
                        struct error *error)
{
    char *message = NULL;
    rocksdb_iter_get_error(iterator, &message);
    rocksdb_iter_destroy(iterator);
    return message == NULL || rocks_fail(rocks, "cannot scan", message, error);
}
