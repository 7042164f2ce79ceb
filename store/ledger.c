/* state.db: rebuild the tree at open, apply one final block at a time. */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/log.h"
#include "store/core.h"

enum { HEIGHT_SIZE = 8, APPLIED_SIZE = 2 * HEIGHT_SIZE + HASH_SIZE, RECOVERY_POINT_IN_TIME = 2 };
enum { CROWDED_LOG2 = 4 }; /* leaves a bucket (log2) from which the tree wants more depth */

static const char applied_name[] = "applied";

static struct bytes applied_key(void)
{
    return bytes_of(applied_name, strlen(applied_name));
}

enum store_answer ledger_get(const struct store *store, const struct hash *path,
                             struct store_buffer *out, struct error *error)
{
    return rocks_get(&store->state, LEDGER_LEAF, bytes_of(path->bytes, HASH_SIZE), out, error);
}

enum store_answer ledger_undo_get(const struct store *store, uint64_t height, struct undo *out,
                                  struct error *error)
{
    uint8_t key[HEIGHT_SIZE];
    store_be64(key, height);
    struct store_buffer found = {0};
    const enum store_answer answer =
        rocks_get(&store->state, LEDGER_UNDO, bytes_of(key, sizeof(key)), &found, error);
    if (answer == STORE_FOUND &&
        (!undo_read(bytes_of(found.data, found.size), out) || out->height != height)) {
        store_buffer_free(&found);
        (void)rocks_corrupt(&store->state, "an undo record is damaged", error);
        return STORE_FAILED;
    }
    return answer;
}

bool ledger_load_applied(struct store *store, uint64_t *count, struct error *error)
{
    struct store_buffer found = {0};
    const enum store_answer answer =
        rocks_get(&store->state, LEDGER_DEFAULT, applied_key(), &found, error);
    if (answer != STORE_FOUND) {
        return answer == STORE_ABSENT;
    }
    const bool sound = found.size == APPLIED_SIZE;
    if (sound) {
        store->initialised = true;
        store->height = load_be64(found.data);
        memcpy(store->root.bytes, found.data + HEIGHT_SIZE, HASH_SIZE);
        *count = load_be64(found.data + HEIGHT_SIZE + HASH_SIZE);
    }
    store_buffer_free(&found);
    return sound || rocks_corrupt(&store->state, "the applied record is damaged", error);
}

/* The oldest height whose way back is complete: one below the first undo record. */
static bool window_load(struct store *store, struct error *error)
{
    rocksdb_iterator_t *iterator = rocks_iterate(&store->state, LEDGER_UNDO);
    rocksdb_iter_seek_to_first(iterator);
    store->proven_from = store->height;
    if (rocksdb_iter_valid(iterator)) {
        const struct bytes key = rocks_iterator_key(iterator);
        const uint64_t first = key.size == HEIGHT_SIZE ? load_be64(key.data) : 0;
        store->proven_from = first > 0 ? first - 1 : store->height;
    }
    return rocks_iterator_end(&store->state, iterator, error);
}

static bool ledger_load(struct store *store, struct error *error)
{
    uint64_t count = 0;
    if (!ledger_load_applied(store, &count, error)) {
        return false;
    }
    store->tier = tier_create(tier_depth_for(count));
    if (!ledger_fill(store, count, error) || !window_load(store, error)) {
        return false;
    }
    const struct hash root = tier_root(store->tier, NULL);
    if (!hash_equal(&root, &store->root) || tier_count(store->tier) != count) {
        return rocks_corrupt(&store->state, "its leaves do not lead to its root", error);
    }
    if (!store->initialised && store->chain.base > 0) {
        return rocks_corrupt(&store->chain.rocks,
                             "it begins with a snapshot's block, and state.db is lost", error);
    }
    if (store->height > store->chain.height) {
        return rocks_corrupt(&store->chain.rocks, "it lost blocks that state.db has applied",
                             error);
    }
    return true;
}

struct rocks_config ledger_config(const struct store_options *options)
{
    static const char *const families[LEDGER_FAMILY_COUNT] = {"default", "leaf", "kidx", "undo"};
    return (struct rocks_config){
        .dir = options->dir,
        .name = "state.db",
        .repair = "move it away and start again: it is rebuilt from chain.db",
        .families = families,
        .family_count = LEDGER_FAMILY_COUNT,
        .cache_size = options->cache_bytes == 0 ? STORE_CACHE_DEFAULT : options->cache_bytes,
        .reserve = options->reserve_bytes,
        /* What a power cut takes from the unsynced log is executed again. */
        .recovery_mode = RECOVERY_POINT_IN_TIME,
        .read_only = options->read_only,
    };
}

bool ledger_open(struct store *store, const struct store_options *options, struct error *error)
{
    const struct rocks_config config = ledger_config(options);
    if (!rocks_open(&store->state, &config, error)) {
        return false;
    }
    store->window = options->undo_window == 0 ? STORE_UNDO_WINDOW_DEFAULT : options->undo_window;
    store->front = overlay_empty(store);
    if (!meta_check(&store->state, options, error) || !ledger_load(store, error)) {
        ledger_close(store);
        return false;
    }
    return true;
}

static void step_free(struct store *store, struct step *step)
{
    store->step_size -= step->size;
    tier_delta_free(step->delta);
    uint8_t *bytes = NULL;
    memcpy(&bytes, &step->undo.bytes.data, sizeof(bytes)); /* ours: allocated by undo_write */
    free(bytes);
}

static void steps_trim(struct store *store, size_t count_max)
{
    while (store->step_count > count_max ||
           (store->step_count > 0 && store->step_size > STEP_SIZE_MAX)) {
        step_free(store, &store->steps[--store->step_count]);
    }
}

void ledger_close(struct store *store)
{
    while (store->overlays != NULL) {
        struct store_overlay *next = store->overlays->next;
        overlay_free(store->overlays);
        store->overlays = next;
    }
    steps_trim(store, 0);
    overlay_free(store->front);
    tier_free(store->tier);
    store->front = NULL;
    store->tier = NULL;
    rocks_close(&store->state);
}

/* ---- Commit ----------------------------------------------------------------------- */

/* The old records of one overlay's keys, with the memory behind those read for it. */
struct olds {
    struct undo_entry *entries;
    rocksdb_pinnableslice_t **slices;
    size_t slice_count;
};

static void olds_free(struct olds *olds)
{
    for (size_t i = 0; i < olds->slice_count; i++) {
        if (olds->slices[i] != NULL) {
            rocksdb_pinnableslice_destroy(olds->slices[i]);
        }
    }
    free(olds->slices);
    free(olds->entries);
}

/* The old record if it is known without reading: the block before wrote it, or its view or
 * a later one asked for it. */
static bool old_known(const struct store_overlay *front, struct undo_entry *old)
{
    const struct overlay_entry *entry = overlay_find_entry(front, &old->path);
    if (entry != NULL) {
        old->present = !entry->removed;
        old->record = entry->record;
        return true;
    }
    const struct cache_entry *read = cache_find(&front->reads, &old->path);
    if (read != NULL) {
        old->present = read->record.data != NULL;
        old->record = bytes_of(read->record.data, read->record.size);
        return true;
    }
    return false;
}

/* Read the records of the entries listed in unknown, in one batched call. */
static bool olds_read(struct store *store, struct olds *olds, const size_t *unknown,
                      struct error *error)
{
    const size_t count = olds->slice_count;
    const char **keys = store_allocate(count * sizeof(*keys));
    size_t *sizes = store_allocate(count * sizeof(*sizes));
    char **messages = store_allocate(count * sizeof(*messages));
    for (size_t i = 0; i < count; i++) {
        keys[i] = (const char *)olds->entries[unknown[i]].path.bytes;
        sizes[i] = HASH_SIZE;
        messages[i] = NULL;
    }
    rocksdb_batched_multi_get_cf(store->state.db, store->state.read,
                                 store->state.families[LEDGER_LEAF], count, keys, sizes,
                                 olds->slices, messages, true);
    bool sound = true;
    for (size_t i = 0; i < count; i++) {
        if (messages[i] != NULL && sound) {
            sound = rocks_fail(&store->state, "cannot read", messages[i], error);
        } else if (messages[i] != NULL) {
            rocksdb_free(messages[i]);
        } else if (olds->slices[i] != NULL) {
            size_t size = 0;
            const char *data = rocksdb_pinnableslice_value(olds->slices[i], &size);
            olds->entries[unknown[i]].present = true;
            olds->entries[unknown[i]].record = bytes_of(data, size);
        }
    }
    free(messages);
    free(sizes);
    free(keys);
    return sound;
}

static bool olds_collect(struct store *store, const struct store_overlay *overlay,
                         struct olds *olds, struct error *error)
{
    const size_t count = overlay->count;
    size_t *unknown = store_allocate(count * sizeof(*unknown));
    olds->entries = store_allocate(count * sizeof(*olds->entries));
    for (size_t i = 0; i < count; i++) {
        olds->entries[i] = (struct undo_entry){.path = overlay->entries[i].path};
        if (!old_known(store->front, &olds->entries[i])) {
            unknown[olds->slice_count++] = i;
        }
    }
    olds->slices = store_allocate(olds->slice_count * sizeof(rocksdb_pinnableslice_t *));
    for (size_t i = 0; i < olds->slice_count; i++) {
        olds->slices[i] = NULL;
    }
    const bool sound = olds->slice_count == 0 || olds_read(store, olds, unknown, error);
    free(unknown);
    return sound;
}

static bool batch_leaves(const struct store *store, rocksdb_writebatch_t *batch,
                         const struct store_overlay *overlay, const struct olds *olds,
                         struct error *error)
{
    const struct bytes nothing = {.data = NULL, .size = 0};
    for (size_t i = 0; i < overlay->count; i++) {
        const struct overlay_entry *entry = &overlay->entries[i];
        const struct undo_entry *old = &olds->entries[i];
        const struct bytes path = bytes_of(entry->path.bytes, HASH_SIZE);
        struct record record = {.height = 0};
        const bool any = old->present || !entry->removed;
        if (any && !leaf_record_read(old->present ? old->record : entry->record, &record)) {
            return rocks_corrupt(&store->state, "a leaf record is damaged", error);
        }
        if (!entry->removed) {
            rocks_batch_put(&store->state, batch, LEDGER_LEAF, path, entry->record);
        } else if (old->present) {
            rocks_batch_delete(&store->state, batch, LEDGER_LEAF, path);
            rocks_batch_delete(&store->state, batch, LEDGER_KEYS, record.key);
        }
        if (!entry->removed && !old->present) {
            rocks_batch_put(&store->state, batch, LEDGER_KEYS, record.key, nothing);
        }
    }
    return true;
}

void ledger_batch_applied(const struct rocks *rocks, rocksdb_writebatch_t *batch,
                          const struct applied *applied)
{
    uint8_t record[APPLIED_SIZE];
    store_be64(record, applied->height);
    memcpy(record + HEIGHT_SIZE, applied->root.bytes, HASH_SIZE);
    store_be64(record + HEIGHT_SIZE + HASH_SIZE, applied->count);
    rocks_batch_put(rocks, batch, LEDGER_DEFAULT, applied_key(), bytes_of(record, sizeof(record)));
}

static void batch_head(const struct store *store, rocksdb_writebatch_t *batch,
                       const struct store_overlay *overlay, struct bytes undo, uint64_t count)
{
    const struct applied applied = {
        .height = overlay->height, .root = overlay->root, .count = count};
    uint8_t key[HEIGHT_SIZE];
    store_be64(key, overlay->height);
    ledger_batch_applied(&store->state, batch, &applied);
    if (store->initialised) {
        rocks_batch_put(&store->state, batch, LEDGER_UNDO, bytes_of(key, sizeof(key)), undo);
    }
}

/* How many keys there are after the overlay's block. */
static uint64_t count_after(const struct store *store, const struct store_overlay *overlay,
                            const struct olds *olds)
{
    uint64_t count = tier_count(store->tier);
    for (size_t i = 0; i < overlay->count; i++) {
        count += olds->entries[i].present ? 0 : 1;
        count -= overlay->entries[i].removed ? 1 : 0;
    }
    return count;
}

/* The committed block becomes the newest step; the steps above it lead on through it. */
static void step_push(struct store *store, struct store_overlay *overlay, const struct undo *undo)
{
    struct step step = {.undo = *undo, .delta = overlay->delta};
    step.size = tier_delta_size(step.delta) + undo->bytes.size;
    overlay->delta = NULL;
    steps_trim(store, STEP_COUNT_MAX - 1);
    if (store->step_count > 0) {
        tier_delta_set_parent(store->steps[0].delta, step.delta);
    }
    memmove(store->steps + 1, store->steps, store->step_count * sizeof(step));
    store->steps[0] = step;
    store->step_count++;
    store->step_size += step.size;
    steps_trim(store, STEP_COUNT_MAX);
}

/* Write, then let readers see the new height: state.db, tree and head change under one lock. */
static bool commit_apply(struct store *store, struct store_overlay *overlay,
                         rocksdb_writebatch_t *batch, struct undo *undo, struct error *error)
{
    (void)pthread_mutex_lock(&store->lock);
    const bool written = rocks_write(&store->state, batch, false, error);
    if (written) {
        tier_apply(store->tier, overlay->delta);
        step_push(store, overlay, undo);
        if (!store->initialised) {
            steps_trim(store, 0); /* before the first state there is nothing to go back to */
        }
        store->initialised = true;
        store->height = overlay->height;
        store->root = overlay->root;
    }
    (void)pthread_mutex_unlock(&store->lock);
    return written;
}

static bool undo_prune(struct store *store, struct error *error)
{
    if (store->height < store->window || store->height - store->window <= store->proven_from) {
        return true;
    }
    const uint64_t floor = store->height - store->window;
    uint8_t first[HEIGHT_SIZE] = {0};
    uint8_t end[HEIGHT_SIZE];
    store_be64(end, floor + 1);
    (void)pthread_mutex_lock(&store->lock);
    store->proven_from = floor;
    (void)pthread_mutex_unlock(&store->lock);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_delete_range_cf(batch, store->state.families[LEDGER_UNDO],
                                       (const char *)first, sizeof(first), (const char *)end,
                                       sizeof(end));
    const bool written = rocks_write(&store->state, batch, false, error);
    rocksdb_writebatch_destroy(batch);
    return written;
}

bool store_sync(struct store *store, struct error *error)
{
    char *message = NULL;
    rocksdb_flush_wal(store->state.db, 1, &message);
    return message == NULL || rocks_fail(&store->state, "cannot sync", message, error);
}

/* Work that need not follow each commit. */
static bool upkeep(struct store *store, struct error *error)
{
    store->commit_count++;
    if (store->commit_count % PRUNE_EVERY == 0 && !undo_prune(store, error)) {
        return false;
    }
    if (store->overlays == NULL && tier_depth(store->tier) < TIER_DEPTH_MAX &&
        tier_count(store->tier) >> CROWDED_LOG2 > UINT64_C(1) << tier_depth(store->tier)) {
        (void)pthread_mutex_lock(&store->lock);
        steps_trim(store, 0);
        tier_rebuild(store->tier, tier_depth_for(tier_count(store->tier)));
        (void)pthread_mutex_unlock(&store->lock);
    }
    return store->commit_count % SYNC_EVERY != 0 || store_sync(store, error);
}

bool store_commit(struct store *store, struct store_overlay *overlay, struct error *error)
{
    ASSERT(overlay->parent == NULL);
    ASSERT(overlay->height == (store->initialised ? store->height + 1 : 0));
    ASSERT(overlay->height <= store->chain.height);
    struct olds olds = {0};
    if (!olds_collect(store, overlay, &olds, error)) {
        olds_free(&olds);
        return false;
    }
    struct undo undo = {
        .height = overlay->height, .root_before = store->root, .root_after = overlay->root};
    undo.bytes = undo_write(&undo, olds.entries, (uint32_t)overlay->count);
    undo.count = (uint32_t)overlay->count;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    bool done = batch_leaves(store, batch, overlay, &olds, error);
    if (done) {
        batch_head(store, batch, overlay, undo.bytes, count_after(store, overlay, &olds));
        done = commit_apply(store, overlay, batch, &undo, error);
    }
    rocksdb_writebatch_destroy(batch);
    olds_free(&olds);
    if (!done) {
        return false; /* the process ends: undo's memory goes with it */
    }
    overlay_settle(store, overlay);
    overlay_free(store->front);
    store->front = overlay;
    return upkeep(store, error);
}
