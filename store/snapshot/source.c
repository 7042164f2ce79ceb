/* A state after some height, read while the chain goes on. */
#include <stdlib.h>
#include <string.h>

#include "store/core.h"
#include "store/snapshot/snapshot.h"

/* What a key was at the source's height, where a later block changed it. */
struct patch {
    struct undo_entry entry;
    size_t order; /* of the undo record: the lowest is the oldest */
};

struct snapshot_source {
    struct store *store;
    const rocksdb_snapshot_t *snapshot;
    uint64_t height;  /* of the source */
    uint64_t applied; /* of the RocksDB snapshot */
    struct hash root;
    struct crypto_tree history;
    struct undo *undos; /* of blocks height + 1 .. applied */
    size_t undo_count;
    struct patch *patches; /* ascending by path */
    size_t patch_count;
};

static int patch_order(const void *a, const void *b)
{
    const struct patch *x = a;
    const struct patch *y = b;
    const int order = hash_compare(&x->entry.path, &y->entry.path);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

/* Of all undo records the oldest entry of each path. */
static void patches_make(struct snapshot_source *source)
{
    size_t count = 0;
    for (size_t i = 0; i < source->undo_count; i++) {
        count += source->undos[i].count;
    }
    struct patch *all = store_allocate(count * sizeof(*all));
    size_t at = 0;
    for (size_t i = 0; i < source->undo_count; i++) {
        for (uint32_t j = 0; j < source->undos[i].count; j++) {
            all[at++] = (struct patch){.entry = undo_at(&source->undos[i], j), .order = i};
        }
    }
    qsort(all, count, sizeof(*all), patch_order);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !hash_equal(&all[kept - 1].entry.path, &all[i].entry.path)) {
            all[kept++] = all[i];
        }
    }
    source->patches = all;
    source->patch_count = kept;
}

static enum store_answer undos_load(struct snapshot_source *source, struct error *error)
{
    const size_t count = source->applied - source->height;
    size_t size = 0;
    source->undos = store_allocate(count * sizeof(*source->undos));
    for (size_t i = 0; i < count; i++) {
        const enum store_answer answer =
            ledger_undo_get(source->store, source->height + 1 + i, &source->undos[i], error);
        if (answer != STORE_FOUND) {
            return answer; /* pruned meanwhile */
        }
        source->undo_count++;
        size += source->undos[i].bytes.size;
        if (size > SNAPSHOT_UNDO_SIZE_MAX) {
            return STORE_ABSENT;
        }
    }
    source->root = source->undos[0].root_before;
    patches_make(source);
    return STORE_FOUND;
}

enum store_answer snapshot_source_open(struct store *store, uint64_t height,
                                       struct snapshot_source **out, struct error *error)
{
    ASSERT(!store->read_only);
    struct snapshot_source *source = store_allocate(sizeof(*source));
    *source = (struct snapshot_source){.store = store, .height = height};
    (void)pthread_mutex_lock(&store->lock);
    source->applied = store->height;
    const bool there = store->initialised && height > 0 && height < store->height &&
                       height >= store->proven_from && height >= store->chain.base;
    if (there) {
        source->snapshot = rocksdb_create_snapshot(store->state.db);
    }
    (void)pthread_mutex_unlock(&store->lock);
    enum store_answer answer = there ? undos_load(source, error) : STORE_ABSENT;
    if (answer == STORE_FOUND && !chain_history(&store->chain, height, &source->history, error)) {
        answer = STORE_FAILED;
    }
    if (answer != STORE_FOUND) {
        snapshot_source_close(source);
        return answer;
    }
    *out = source;
    return STORE_FOUND;
}

void snapshot_source_close(struct snapshot_source *source)
{
    if (source == NULL) {
        return;
    }
    for (size_t i = 0; i < source->undo_count; i++) {
        uint8_t *bytes = NULL;
        memcpy(&bytes, &source->undos[i].bytes.data, sizeof(bytes)); /* ours: rocks_get's */
        free(bytes);
    }
    free(source->undos);
    free(source->patches);
    if (source->snapshot != NULL) {
        rocksdb_release_snapshot(source->store->state.db, source->snapshot);
    }
    free(source);
}

uint64_t snapshot_source_height(const struct snapshot_source *source)
{
    return source->height;
}

/* ---- Walking ------------------------------------------------------------------------- */

/* Every record of the state in path order: those of the RocksDB snapshot, patched. */
struct walk {
    const struct snapshot_source *source;
    rocksdb_readoptions_t *read;
    rocksdb_iterator_t *iterator;
    size_t patch; /* the next one */
    struct hash path;
    struct record record;
};

static size_t patch_from(const struct snapshot_source *source, const struct hash *path)
{
    size_t low = 0;
    size_t high = source->patch_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (hash_compare(&source->patches[middle].entry.path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void walk_begin(struct walk *walk, const struct snapshot_source *source,
                       const struct hash *from)
{
    const struct rocks *state = &source->store->state;
    *walk = (struct walk){.source = source, .read = rocksdb_readoptions_create()};
    rocksdb_readoptions_set_fill_cache(walk->read, 0);
    rocksdb_readoptions_set_snapshot(walk->read, source->snapshot);
    walk->iterator =
        rocksdb_create_iterator_cf(state->db, walk->read, state->families[LEDGER_LEAF]);
    walk->patch = patch_from(source, from);
    rocksdb_iter_seek(walk->iterator, (const char *)from->bytes, HASH_SIZE);
}

static bool walk_end(struct walk *walk, struct error *error)
{
    const bool ended = rocks_iterator_end(&walk->source->store->state, walk->iterator, error);
    rocksdb_readoptions_destroy(walk->read);
    return ended;
}

enum walk_step { WALK_RECORD, WALK_END, WALK_DAMAGED };

/* What RocksDB has at the iterator; its place into *path. */
static enum walk_step walk_stored(const struct walk *walk, struct hash *path, struct record *record)
{
    if (!rocksdb_iter_valid(walk->iterator)) {
        return WALK_END;
    }
    const struct bytes key = rocks_iterator_key(walk->iterator);
    if (key.size != HASH_SIZE || !leaf_record_read(rocks_iterator_value(walk->iterator), record)) {
        return WALK_DAMAGED;
    }
    memcpy(path->bytes, key.data, HASH_SIZE);
    return WALK_RECORD;
}

/* One step: *found says whether it led to a record. */
static enum walk_step walk_one(struct walk *walk, bool *found)
{
    const struct snapshot_source *source = walk->source;
    const struct patch *patch =
        walk->patch < source->patch_count ? &source->patches[walk->patch] : NULL;
    const enum walk_step stored = walk_stored(walk, &walk->path, &walk->record);
    *found = true;
    if (stored == WALK_DAMAGED || (stored == WALK_END && patch == NULL)) {
        return stored;
    }
    const int order = patch == NULL        ? 1
                      : stored == WALK_END ? -1
                                           : hash_compare(&patch->entry.path, &walk->path);
    if (order > 0) {
        return WALK_RECORD; /* unchanged since: walk_next moves on when it is used */
    }
    walk->patch++;
    if (order == 0) {
        rocksdb_iter_next(walk->iterator);
    }
    walk->path = patch->entry.path;
    *found = patch->entry.present;
    return *found && !leaf_record_read(patch->entry.record, &walk->record) ? WALK_DAMAGED
                                                                           : WALK_RECORD;
}

/* The next record into path and record; `moved` says that the last one came from RocksDB. */
static enum walk_step walk_next(struct walk *walk, bool *moved)
{
    bool found = false;
    enum walk_step step = WALK_RECORD;
    if (*moved) {
        rocksdb_iter_next(walk->iterator);
    }
    size_t patch = walk->patch;
    while (step == WALK_RECORD && !found) {
        patch = walk->patch;
        step = walk_one(walk, &found);
    }
    *moved = step == WALK_RECORD && walk->patch == patch;
    return step;
}

/* ---- The manifest -------------------------------------------------------------------- */

enum { STOP_EVERY = 1024 };

static bool damaged(const struct snapshot_source *source, struct error *error)
{
    return rocks_corrupt(&source->store->state, "a leaf record is damaged", error);
}

static bool cut_all(const struct snapshot_source *source, const atomic_bool *stop,
                    struct snapshot_fold *fold, struct error *error)
{
    const struct hash first = {{0}};
    struct walk walk;
    bool moved = false;
    uint64_t count = 0;
    bool sound = true;
    bool stopped = false;
    walk_begin(&walk, source, &first);
    enum walk_step step = walk_next(&walk, &moved);
    for (; sound && !stopped && step == WALK_RECORD; step = walk_next(&walk, &moved)) {
        struct snapshot_part leaf = {.node = {.hash = walk.record.leaf, .kind = STATE_TREE_LEAF}};
        leaf.leaves = 1;
        leaf.size = (uint32_t)snapshot_record_size(walk.record.key, walk.record.value);
        sound = snapshot_fold_push(fold, &walk.path, PROOF_DEPTH_MAX, &leaf);
        count++;
        stopped = count % STOP_EVERY == 0 && stop != NULL && atomic_load(stop);
    }
    if (!walk_end(&walk, error)) {
        return false;
    }
    if (stopped) {
        return error_set(error, EXIT_CODE_INTERRUPTED, "the snapshot was given up");
    }
    return (sound && step != WALK_DAMAGED) || damaged(source, error);
}

static bool manifest_make(const struct snapshot_source *source, struct snapshot_fold *fold,
                          struct store_buffer *out, struct error *error)
{
    struct snapshot_subtree root;
    snapshot_fold_end(fold, &root);
    if (fold->count > SNAPSHOT_PART_MAX) {
        return error_set(error, EXIT_CODE_STORAGE, "the state is too large for a snapshot");
    }
    if (!hash_equal(&root.node.hash, &source->root)) {
        return rocks_corrupt(&source->store->state, "its leaves do not lead to its root", error);
    }
    const struct chain *chain = &source->store->chain;
    struct snapshot_manifest manifest = {.height = source->height,
                                         .state_root = source->root,
                                         .history = source->history,
                                         .part_count = (uint32_t)fold->count};
    manifest.chain_id = chain->chain_id;
    *out = (struct store_buffer){.size = snapshot_manifest_size(&manifest)};
    out->data = store_allocate(out->size);
    snapshot_manifest_write(&manifest, fold->parts, out->data);
    return true;
}

bool snapshot_source_manifest(struct snapshot_source *source, const atomic_bool *stop,
                              struct store_buffer *out, struct error *error)
{
    struct snapshot_fold *fold = store_allocate(sizeof(*fold));
    /* Parts that wait to be joined stand behind those that stay. */
    const size_t room = SNAPSHOT_PART_MAX + PROOF_DEPTH_MAX;
    struct snapshot_part *parts = store_allocate(room * sizeof(*parts));
    snapshot_fold_init(fold, 0, SNAPSHOT_CHUNK_SIZE);
    snapshot_fold_keep(fold, parts, room);
    const bool done = cut_all(source, stop, fold, error) && manifest_make(source, fold, out, error);
    free(parts);
    free(fold);
    return done;
}

/* ---- Chunks -------------------------------------------------------------------------- */

static bool below_prefix(const struct hash *path, const struct hash *prefix, uint32_t depth)
{
    const uint32_t bytes = depth / 8;
    const uint32_t rest = depth % 8;
    return memcmp(path->bytes, prefix->bytes, bytes) == 0 &&
           (rest == 0 || (path->bytes[bytes] ^ prefix->bytes[bytes]) >> (8 - rest) == 0);
}

enum store_answer snapshot_source_chunk(struct snapshot_source *source, const struct hash *prefix,
                                        uint32_t depth, struct store_buffer *out,
                                        struct error *error)
{
    ASSERT(depth <= PROOF_DEPTH_MAX);
    struct walk walk;
    bool moved = false;
    bool fits = true;
    uint8_t *data = store_allocate(SNAPSHOT_CHUNK_SIZE_MAX);
    size_t size = 0;
    size_t count = 0;
    walk_begin(&walk, source, prefix);
    enum walk_step step = walk_next(&walk, &moved);
    for (; fits && step == WALK_RECORD && below_prefix(&walk.path, prefix, depth);
         step = walk_next(&walk, &moved)) {
        const size_t more = snapshot_record_size(walk.record.key, walk.record.value);
        fits = size + more <= (count == 0 ? SNAPSHOT_CHUNK_SIZE_MAX : SNAPSHOT_CHUNK_SIZE);
        if (fits) {
            snapshot_record_write(walk.record.key, walk.record.value, data + size);
            size += more;
            count++;
        }
    }
    if (!walk_end(&walk, error) || (step == WALK_DAMAGED && !damaged(source, error))) {
        free(data);
        return STORE_FAILED;
    }
    if (!fits || count == 0) {
        free(data);
        return STORE_ABSENT;
    }
    *out = (struct store_buffer){.data = data, .size = size};
    return STORE_FOUND;
}
