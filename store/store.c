#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "store/core.h"
#include "store/snapshot/snapshot.h"

bool store_open(const struct store_options *options, struct store **out, struct error *error)
{
    ASSERT(options->undo_window == 0 || options->undo_window >= STORE_UNDO_WINDOW_MIN);
    struct store *store = store_allocate(sizeof(*store));
    memset(store, 0, sizeof(*store));
    store->read_only = options->read_only;
    (void)pthread_mutex_init(&store->lock, NULL);
    bool opened = (store->read_only || snapshot_restore_finish(options->dir, error)) &&
                  chain_open(&store->chain, options, error);
    if (opened && !store->read_only && !ledger_open(store, options, error)) {
        chain_close(&store->chain);
        opened = false;
    }
    if (!opened) {
        (void)pthread_mutex_destroy(&store->lock);
        free(store);
        return false;
    }
    *out = store;
    return true;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    if (!store->read_only) {
        ledger_close(store);
    }
    chain_close(&store->chain);
    (void)pthread_mutex_destroy(&store->lock);
    free(store);
}

void store_status(struct store *store, struct store_status *out)
{
    (void)pthread_mutex_lock(&store->lock);
    *out = (struct store_status){
        .initialised = store->initialised,
        .applied_height = store->height,
        .applied_root = store->root,
        .key_count = store->tier == NULL ? 0 : tier_count(store->tier),
        .decided_height = store->chain.height,
        .decided_id = store->chain.id,
        .first_height = store->chain.base == 0 ? 1 : store->chain.base,
        .oldest_height = store->chain.oldest,
        .proven_from = store->proven_from,
        .overlay_count = store->overlay_count,
        .overlay_size = store->overlay_size,
    };
    (void)pthread_mutex_unlock(&store->lock);
    out->overlay_size += atomic_load(&store->read_size);
}

bool store_append_final(struct store *store, const struct store_final *blocks, size_t count,
                        struct error *error)
{
    ASSERT(!store->read_only);
    struct chain_head next;
    if (!chain_append(&store->chain, blocks, count, &next, error)) {
        return false;
    }
    (void)pthread_mutex_lock(&store->lock);
    store->chain.height = next.height;
    store->chain.id = next.id;
    store->chain.history = next.history;
    (void)pthread_mutex_unlock(&store->lock);
    return true;
}

bool store_put_results(struct store *store, uint64_t height, struct bytes results,
                       struct error *error)
{
    ASSERT(!store->read_only && height <= store->chain.height);
    return chain_put_results(&store->chain, height, results, error);
}

enum store_answer store_block(struct store *store, uint64_t height, struct store_buffer *out,
                              struct error *error)
{
    /* A sealed file may know more than a chain.db that is fetched again. */
    (void)pthread_mutex_lock(&store->lock);
    const bool decided = height <= store->chain.height;
    (void)pthread_mutex_unlock(&store->lock);
    return decided ? chain_block(&store->chain, height, out, error) : STORE_ABSENT;
}

enum store_answer store_results(struct store *store, uint64_t height, struct store_buffer *out,
                                struct error *error)
{
    return chain_get(&store->chain, CHAIN_RESULTS, height, out, error);
}

enum store_answer store_finality(struct store *store, uint64_t height, struct store_buffer *out,
                                 struct error *error)
{
    return chain_get(&store->chain, CHAIN_FINALITY, height, out, error);
}

enum store_answer store_finality_at_most(struct store *store, uint64_t limit, uint64_t *height,
                                         struct error *error)
{
    return chain_finality_at_most(&store->chain, limit, height, error);
}

enum store_answer store_block_height(struct store *store, const struct hash *block_id,
                                     uint64_t *height, struct error *error)
{
    return chain_find(&store->chain, block_id, height, error);
}

enum store_answer store_block_id(struct store *store, uint64_t height, struct hash *block_id,
                                 struct error *error)
{
    struct store_buffer found = {0};
    const enum store_answer answer = chain_get(&store->chain, CHAIN_ID, height, &found, error);
    if (answer != STORE_FOUND) {
        return answer;
    }
    const bool sound = found.size == HASH_SIZE;
    if (sound) {
        memcpy(block_id->bytes, found.data, HASH_SIZE);
    }
    store_buffer_free(&found);
    if (!sound) {
        (void)rocks_corrupt(&store->chain.rocks, "a block id is damaged", error);
        return STORE_FAILED;
    }
    return STORE_FOUND;
}

void store_history_tree(struct store *store, struct crypto_tree *out)
{
    (void)pthread_mutex_lock(&store->lock);
    *out = store->chain.history;
    (void)pthread_mutex_unlock(&store->lock);
}

enum store_answer store_history_prove(struct store *store, uint64_t height, uint64_t count,
                                      struct crypto_path *out, struct error *error)
{
    (void)pthread_mutex_lock(&store->lock);
    const uint64_t decided = store->chain.height;
    (void)pthread_mutex_unlock(&store->lock);
    if (height <= store->chain.base || height > count || count > decided) {
        return STORE_ABSENT;
    }
    return chain_prove(&store->chain, height, count, out, error) ? STORE_FOUND : STORE_FAILED;
}

enum store_answer store_history_grow(struct store *store, uint64_t before, uint64_t after,
                                     struct crypto_growth *out, struct error *error)
{
    (void)pthread_mutex_lock(&store->lock);
    const uint64_t decided = store->chain.height;
    (void)pthread_mutex_unlock(&store->lock);
    if (before < store->chain.base || before > after || after > decided) {
        return STORE_ABSENT;
    }
    return chain_grow(&store->chain, before, after, out, error) ? STORE_FOUND : STORE_FAILED;
}

/* The value inside a leaf record, in place. */
static enum store_answer record_to_value(const struct store *store, struct store_buffer *buffer,
                                         struct error *error)
{
    struct record record;
    if (!leaf_record_read(bytes_of(buffer->data, buffer->size), &record)) {
        store_buffer_free(buffer);
        (void)rocks_corrupt(&store->state, "a leaf record is damaged", error);
        return STORE_FAILED;
    }
    memmove(buffer->data, record.value.data, record.value.size);
    buffer->size = record.value.size;
    return STORE_FOUND;
}

enum store_answer store_get(struct store *store, struct bytes key, struct store_buffer *out,
                            struct error *error)
{
    struct hash path;
    state_tree_path(key, &path);
    const enum store_answer answer = ledger_get(store, &path, out, error);
    return answer == STORE_FOUND ? record_to_value(store, out, error) : answer;
}

/* A scan in progress: everything is read at one snapshot. */
struct scanner {
    const struct store *store;
    const struct store_scan *scan;
    rocksdb_readoptions_t *read;
    bool more; /* the visitor wants another */
};

static bool scan_visit(struct scanner *scanner, struct bytes key, struct error *error)
{
    const struct store *store = scanner->store;
    struct hash path;
    state_tree_path(key, &path);
    char *message = NULL;
    size_t size = 0;
    char *data = rocksdb_get_cf(store->state.db, scanner->read, store->state.families[LEDGER_LEAF],
                                (const char *)path.bytes, HASH_SIZE, &size, &message);
    if (message != NULL) {
        return rocks_fail(&store->state, "cannot read", message, error);
    }
    struct record record;
    if (data == NULL || !leaf_record_read(bytes_of(data, size), &record)) {
        rocksdb_free(data);
        return rocks_corrupt(&store->state, "a key has no sound leaf record", error);
    }
    scanner->more = scanner->scan->visit(scanner->scan->context, key, record.value);
    rocksdb_free(data);
    return true;
}

bool store_scan(struct store *store, const struct store_scan *scan, struct error *error)
{
    const rocksdb_snapshot_t *snapshot = rocksdb_create_snapshot(store->state.db);
    struct scanner scanner = {
        .store = store, .scan = scan, .read = rocksdb_readoptions_create(), .more = true};
    rocksdb_readoptions_set_snapshot(scanner.read, snapshot);
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(store->state.db, scanner.read,
                                                              store->state.families[LEDGER_KEYS]);
    const bool resume = scan->after.size > 0;
    const struct bytes start = resume ? scan->after : scan->prefix;
    rocksdb_iter_seek(iterator, (const char *)start.data, start.size);
    bool sound = true;
    for (; sound && scanner.more && rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        const struct bytes key = rocks_iterator_key(iterator);
        if (key.size < scan->prefix.size ||
            !bytes_equal(bytes_of(key.data, scan->prefix.size), scan->prefix)) {
            break;
        }
        if (!resume || !bytes_equal(key, scan->after)) {
            sound = scan_visit(&scanner, key, error);
        }
    }
    struct error ignored;
    const bool ended = rocks_iterator_end(&store->state, iterator, sound ? error : &ignored);
    rocksdb_readoptions_destroy(scanner.read);
    rocksdb_release_snapshot(store->state.db, snapshot);
    return sound && ended;
}
