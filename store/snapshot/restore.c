/* From a folder to two databases.
 *
 *     data_dir/restore/new/{state.db,chain.db}   built here
 *     data_dir/restore/ready                     from now on the restore is decided
 *     data_dir/{state.db,chain.db}               moved here; then restore/ goes, ready last
 *
 * The mark is one synced name.  Before it the data directory is what it was; after it the moves
 * are repeated at every store_open until they are done. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endian.h"
#include "store/core.h"
#include "store/snapshot/snapshot.h"
#include "store/snapshot/tables.h"

enum { TABLE_SIZE = 64 << 20, KEYS_SIZE = 32 << 20 };

static const char restore_name[] = "restore";
static const char ready_name[] = "ready";
static const char *const databases[] = {"state.db", "chain.db"};
enum { DATABASE_COUNT = 2 };

/* Keys of many chunks, to be sorted: they come in path order. */
struct key_place {
    uint64_t first; /* the key's first bytes as a number: to order most keys takes no more */
    const uint8_t *entry;
};

struct keys {
    uint8_t *bytes; /* size BE16, key, ... */
    size_t size;
    struct key_place *places;
    size_t count;
};

enum { KEYS_GROWING, KEYS_WRITTEN, KEYS_COUNT };

struct build {
    const struct snapshot_restore *what;
    struct rocks state;
    struct tables leaves;
    struct tables names;
    /* While one is collected a thread sorts and writes the other: half of a restore's work. */
    struct keys keys[KEYS_COUNT];
    pthread_t writer;
    bool writing;
    bool written; /* by the last writer; else */
    struct error writer_error;
    uint8_t record[RECORD_HEAD_SIZE + STATE_KEY_SIZE_MAX + STATE_VALUE_SIZE_MAX];
};

static void step(const struct snapshot_restore *what, const char *name)
{
    if (what->step != NULL) {
        what->step(what->context, name);
    }
}

/* ---- state.db ------------------------------------------------------------------------ */

static struct bytes key_at(const uint8_t *entry)
{
    return bytes_of(entry + 2, (size_t)entry[0] << 8 | entry[1]);
}

static uint64_t key_first(struct bytes key)
{
    uint8_t first[sizeof(uint64_t)] = {0};
    memcpy(first, key.data, key.size < sizeof(first) ? key.size : sizeof(first));
    return load_be64(first);
}

static int key_order(const void *a, const void *b)
{
    const struct key_place *x = a;
    const struct key_place *y = b;
    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }
    const struct bytes left = key_at(x->entry);
    const struct bytes right = key_at(y->entry);
    const size_t least = left.size < right.size ? left.size : right.size;
    const int order = memcmp(left.data, right.data, least);
    return order != 0 ? order : (left.size > right.size) - (left.size < right.size);
}

/* The writer: what was collected becomes one table. */
static void *keys_write(void *context)
{
    struct build *build = context;
    struct keys *keys = &build->keys[KEYS_WRITTEN];
    struct error *error = &build->writer_error;
    qsort(keys->places, keys->count, sizeof(*keys->places), key_order);
    build->written = true;
    for (size_t i = 0; build->written && i < keys->count; i++) {
        build->written =
            tables_put(&build->names, key_at(keys->places[i].entry), bytes_of(NULL, 0), error);
    }
    build->written = build->written && tables_take(&build->names, 0, error);
    return NULL;
}

/* When it has ended; what it was not able to is an error. */
static bool writer_end(struct build *build, struct error *error)
{
    if (build->writing) {
        (void)pthread_join(build->writer, NULL);
        build->writing = false;
    }
    if (!build->written) {
        *error = build->writer_error;
    }
    return build->written;
}

static bool keys_flush(struct build *build, struct error *error)
{
    if (!writer_end(build, error)) {
        return false;
    }
    const struct keys collected = build->keys[KEYS_GROWING];
    build->keys[KEYS_GROWING] = build->keys[KEYS_WRITTEN];
    build->keys[KEYS_WRITTEN] = collected;
    build->keys[KEYS_GROWING].size = 0;
    build->keys[KEYS_GROWING].count = 0;
    build->writing = pthread_create(&build->writer, NULL, keys_write, build) == 0;
    if (!build->writing) {
        (void)keys_write(build);
    }
    return true;
}

static bool keys_add(struct build *build, struct bytes key, struct error *error)
{
    struct keys *keys = &build->keys[KEYS_GROWING];
    if (keys->size + 2 + key.size > KEYS_SIZE && !keys_flush(build, error)) {
        return false;
    }
    uint8_t *entry = keys->bytes + keys->size;
    keys->places[keys->count++] = (struct key_place){.first = key_first(key), .entry = entry};
    entry[0] = (uint8_t)(key.size >> 8);
    entry[1] = (uint8_t)key.size;
    memcpy(entry + 2, key.data, key.size);
    keys->size += 2 + key.size;
    return true;
}

static bool leaf_add(struct build *build, const struct snapshot_record *leaf, struct error *error)
{
    const struct record record = {
        .height = snapshot_folder_manifest(build->what->folder)->height,
        .leaf = leaf->leaf,
        .key = leaf->key,
        .value = leaf->value,
    };
    leaf_record_write(&record, build->record);
    return tables_put(&build->leaves, bytes_of(leaf->path.bytes, HASH_SIZE),
                      bytes_of(build->record, leaf_record_size(leaf->key, leaf->value)), error) &&
           keys_add(build, leaf->key, error);
}

/* Judged while it is taken in: what is built from a chunk that proves wrong is never used. */
static bool chunk_add(struct build *build, uint32_t index, struct error *error)
{
    struct snapshot_folder *folder = build->what->folder;
    const struct snapshot_part part = snapshot_part_at(snapshot_folder_manifest(folder), index);
    struct snapshot_reader reader;
    struct snapshot_record record;
    struct store_buffer chunk = {0};
    const enum store_answer answer = snapshot_folder_read(folder, index, &chunk, error);
    if (answer != STORE_FOUND) {
        return answer == STORE_ABSENT &&
               error_set(error, EXIT_CODE_INCOMPLETE,
                         "chunk %u of the snapshot is missing; get it again", index);
    }
    bool sound = true;
    snapshot_reader_init(&reader, &part, bytes_of(chunk.data, chunk.size));
    while (sound && snapshot_reader_next(&reader, &record)) {
        sound = leaf_add(build, &record, error);
    }
    sound = sound && snapshot_folder_accept(folder, index, snapshot_reader_end(&reader), error);
    store_buffer_free(&chunk);
    return sound && tables_take(&build->leaves, TABLE_SIZE, error);
}

static bool state_head(struct build *build, struct error *error)
{
    const struct snapshot_manifest *manifest = snapshot_folder_manifest(build->what->folder);
    const struct applied applied = {
        .height = manifest->height, .root = manifest->state_root, .count = manifest->leaves};
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    ledger_batch_applied(&build->state, batch, &applied);
    const bool written = rocks_write(&build->state, batch, true, error);
    rocksdb_writebatch_destroy(batch);
    return written;
}

static bool state_fill(struct build *build, const char *dir, struct error *error)
{
    const struct snapshot_manifest *manifest = snapshot_folder_manifest(build->what->folder);
    if (!meta_check(&build->state, &build->what->options, error) ||
        !tables_begin(&build->leaves, &build->state, LEDGER_LEAF, dir, error) ||
        !tables_begin(&build->names, &build->state, LEDGER_KEYS, build->state.path, error)) {
        return false;
    }
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        step(build->what, "chunk");
        if (!chunk_add(build, i, error)) {
            return false;
        }
    }
    step(build->what, "tables");
    return tables_take(&build->leaves, 0, error) && keys_flush(build, error) &&
           writer_end(build, error) && state_head(build, error);
}

static void keys_make(struct keys *keys)
{
    keys->bytes = store_allocate(KEYS_SIZE);
    keys->places = store_allocate(KEYS_SIZE / 3 * sizeof(*keys->places));
}

static bool state_build(const struct snapshot_restore *what, const struct store_options *options,
                        struct error *error)
{
    struct build *build = store_allocate(sizeof(*build));
    memset(build, 0, sizeof(*build));
    build->what = what;
    build->written = true;
    keys_make(&build->keys[KEYS_GROWING]);
    keys_make(&build->keys[KEYS_WRITTEN]);
    const struct rocks_config config = ledger_config(options);
    bool done = rocks_open(&build->state, &config, error);
    if (done) {
        struct error ignored;
        done = state_fill(build, options->dir, error);
        (void)writer_end(build, &ignored);
        tables_end(&build->leaves);
        tables_end(&build->names);
        rocks_close(&build->state);
    }
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        free(build->keys[i].places);
        free(build->keys[i].bytes);
    }
    free(build);
    return done;
}

/* ---- chain.db, and the moves --------------------------------------------------------- */

static bool chain_build(const struct snapshot_restore *what, const struct store_options *options,
                        struct error *error)
{
    const struct snapshot_manifest *manifest = snapshot_folder_manifest(what->folder);
    struct chain *chain = store_allocate(sizeof(*chain));
    memset(chain, 0, sizeof(*chain));
    bool done = chain_open(chain, options, error);
    if (done) {
        done = chain_begin(chain, &manifest->history, what->blocks, what->block_count, error) &&
               (what->epochs.size == 0 || chain_put_epochs(chain, what->epochs, error));
        chain_close(chain);
    }
    free(chain);
    return done;
}

enum store_answer snapshot_epochs(struct store *store, struct store_buffer *out,
                                  struct error *error)
{
    return chain_get_epochs(&store->chain, out, error);
}

static bool unused(const struct snapshot_restore *what, struct error *error)
{
    char path[FILES_PATH_MAX];
    for (size_t i = 0; i < DATABASE_COUNT; i++) {
        if (!files_path(path, what->options.dir, databases[i], error)) {
            return false;
        }
        if (files_exist(path)) {
            return error_set(error, EXIT_CODE_USAGE,
                             "%.200s: there already; move chain.db and state.db away, keep sign/ "
                             "and journal/",
                             path);
        }
    }
    return true;
}

static bool build_all(const struct snapshot_restore *what, const char *restore, struct error *error)
{
    char path[FILES_PATH_MAX];
    struct store_options options = what->options;
    if (!files_path(path, restore, "new", error) || !files_remove_dir(path, error) ||
        !files_make_dir(path, error)) {
        return false;
    }
    options.dir = path;
    step(what, "state.db");
    if (!state_build(what, &options, error)) {
        return false;
    }
    step(what, "chain.db");
    if (!chain_build(what, &options, error) || !files_sync_dir(path, error)) {
        return false;
    }
    step(what, "ready");
    return files_path(path, restore, ready_name, error) &&
           files_write(path, bytes_of(ready_name, strlen(ready_name)), true, error) &&
           files_sync_dir(restore, error);
}

static bool move(const char *data_dir, const char *name, struct error *error)
{
    char from[FILES_PATH_MAX];
    char to[FILES_PATH_MAX];
    const int length = snprintf(from, sizeof(from), "%s/%s/new/%s", data_dir, restore_name, name);
    if (length < 0 || (size_t)length >= sizeof(from) || !files_path(to, data_dir, name, error)) {
        return error_set(error, EXIT_CODE_USAGE, "%.120s: the path is too long", data_dir);
    }
    return !files_exist(from) || rename(from, to) == 0 ||
           error_set(error, EXIT_CODE_STORE, "%.200s: cannot be put in its place", to);
}

/* Everything below restore/ but the mark, then the mark, then the folder. */
static bool clear(const char *restore, const char *ready, struct error *error)
{
    static const char *const parts[] = {"new", "snapshot"};
    char path[FILES_PATH_MAX];
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!files_path(path, restore, parts[i], error) || !files_remove_dir(path, error)) {
            return false;
        }
    }
    return ((unlink(ready) == 0 || errno == ENOENT) && files_remove_dir(restore, error)) ||
           error_set(error, EXIT_CODE_STORE, "%.200s: cannot be removed", restore);
}

static bool finish(const char *data_dir, const struct snapshot_restore *what, struct error *error)
{
    char restore[FILES_PATH_MAX];
    char ready[FILES_PATH_MAX];
    if (!files_path(restore, data_dir, restore_name, error) ||
        !files_path(ready, restore, ready_name, error)) {
        return false;
    }
    if (!files_exist(ready)) {
        return true;
    }
    for (size_t i = 0; i < DATABASE_COUNT; i++) {
        if (what != NULL) {
            step(what, "move");
        }
        if (!move(data_dir, databases[i], error)) {
            return false;
        }
    }
    if (what != NULL) {
        step(what, "clear");
    }
    return files_sync_dir(data_dir, error) && clear(restore, ready, error);
}

bool snapshot_restore_finish(const char *data_dir, struct error *error)
{
    return finish(data_dir, NULL, error);
}

bool snapshot_restore_drop(const char *data_dir, struct error *error)
{
    char restore[FILES_PATH_MAX];
    char ready[FILES_PATH_MAX];
    return files_path(restore, data_dir, restore_name, error) &&
           files_path(ready, restore, ready_name, error) &&
           (files_exist(ready) || files_remove_dir(restore, error));
}

bool snapshot_restore(const struct snapshot_restore *what, struct error *error)
{
    const struct snapshot_manifest *manifest = snapshot_folder_manifest(what->folder);
    char restore[FILES_PATH_MAX];
    ASSERT(what->block_count > 1);
    ASSERT(what->blocks[what->block_count - 1].height == manifest->height + 1);
    if (!files_make_dir(what->options.dir, error) || !finish(what->options.dir, what, error) ||
        !unused(what, error) || !files_path(restore, what->options.dir, restore_name, error) ||
        !files_make_dir(restore, error) || !build_all(what, restore, error)) {
        return false;
    }
    return finish(what->options.dir, what, error);
}
