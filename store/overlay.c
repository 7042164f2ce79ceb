/* Speculation: the writes of blocks that are not final, each over its parent. */
#include <stdlib.h>

#include "store/core.h"

struct store_overlay *overlay_empty(struct store *store)
{
    struct store_overlay *overlay = store_allocate(sizeof(*overlay));
    *overlay = (struct store_overlay){.store = store};
    cache_init(&overlay->reads);
    return overlay;
}

void overlay_free(struct store_overlay *overlay)
{
    if (overlay == NULL) {
        return;
    }
    atomic_fetch_sub(&overlay->store->read_size, overlay->reads.size);
    cache_free(&overlay->reads);
    tier_delta_free(overlay->delta);
    free(overlay->entries);
    free(overlay->records);
    free(overlay);
}

static int entry_order(const void *a, const void *b)
{
    return hash_compare(&((const struct overlay_entry *)a)->path,
                        &((const struct overlay_entry *)b)->path);
}

const struct overlay_entry *overlay_find_entry(const struct store_overlay *overlay,
                                               const struct hash *path)
{
    size_t low = 0;
    size_t high = overlay->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = hash_compare(&overlay->entries[middle].path, path);
        if (order == 0) {
            return &overlay->entries[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool ascends(struct bytes a, struct bytes b)
{
    const size_t shared = a.size < b.size ? a.size : b.size;
    const int order = memcmp(a.data, b.data, shared);
    return order < 0 || (order == 0 && a.size < b.size);
}

static void writes_check(struct state_writes writes)
{
    for (size_t i = 0; i < writes.count; i++) {
        const struct state_write *write = &writes.items[i];
        ASSERT(write->key.size > 0 && write->key.size <= STATE_KEY_SIZE_MAX);
        ASSERT(write->removed || write->value.size <= STATE_VALUE_SIZE_MAX);
        ASSERT(i == 0 || ascends(writes.items[i - 1].key, write->key));
    }
}

static size_t records_size(struct state_writes writes)
{
    size_t size = 0;
    for (size_t i = 0; i < writes.count; i++) {
        const struct state_write *write = &writes.items[i];
        size += write->removed ? 0 : leaf_record_size(write->key, write->value);
    }
    return size;
}

/* Copy the writes into records, in path order, and stage the tree over the parent's. */
static void overlay_fill(struct store_overlay *overlay, struct state_writes writes)
{
    const size_t count = writes.count;
    const size_t size = records_size(writes);
    overlay->count = count;
    overlay->entries = store_allocate(count * sizeof(*overlay->entries));
    overlay->records = store_allocate(size);
    struct tier_write *changes = store_allocate(count * sizeof(*changes));
    uint8_t *at = overlay->records;
    for (size_t i = 0; i < count; i++) {
        const struct state_write *write = &writes.items[i];
        struct overlay_entry *entry = &overlay->entries[i];
        *entry = (struct overlay_entry){.removed = write->removed};
        state_tree_path(write->key, &entry->path);
        if (!write->removed) {
            struct record record = {
                .height = overlay->height, .key = write->key, .value = write->value};
            struct hash vhash;
            state_tree_vhash(write->value, &vhash);
            state_tree_leaf_hash(&entry->path, &vhash, &record.leaf);
            leaf_record_write(&record, at);
            entry->record = bytes_of(at, leaf_record_size(write->key, write->value));
            at += entry->record.size;
        }
    }
    qsort(overlay->entries, count, sizeof(*overlay->entries), entry_order);
    for (size_t i = 0; i < count; i++) {
        struct record record = {.height = 0};
        const bool removed = overlay->entries[i].removed;
        const bool readable = removed || leaf_record_read(overlay->entries[i].record, &record);
        ASSERT(readable); /* written above */
        changes[i] = (struct tier_write){
            .leaf = {.path = overlay->entries[i].path, .hash = record.leaf}, .removed = removed};
    }
    const struct tier_delta *below = overlay->parent == NULL ? NULL : overlay->parent->delta;
    overlay->delta = tier_stage(overlay->store->tier, below, changes, count);
    overlay->root = tier_root(overlay->store->tier, overlay->delta);
    overlay->size = sizeof(*overlay) + size + count * sizeof(*overlay->entries) +
                    tier_delta_size(overlay->delta);
    free(changes);
}

/* K5: how many blocks with writes lie between the overlay and the committed state. */
static bool chain_is_full(const struct store_overlay *parent)
{
    size_t count = 0;
    for (; parent != NULL; parent = parent->parent) {
        count += parent->count > 0 ? 1 : 0;
    }
    return count >= UNFINAL_BLOCK_MAX;
}

struct store_overlay *store_overlay_add(struct store *store, const struct store_stage *stage)
{
    const uint64_t below = stage->parent == NULL ? store->height : stage->parent->height;
    const bool first = stage->parent == NULL && !store->initialised;
    ASSERT(!store->read_only && stage->height == (first ? 0 : below + 1));
    ASSERT(store_overlay_find(store, &stage->block_id) == NULL);
    writes_check(stage->writes);
    const size_t used = store->overlay_size; /* not what was read: it differs by node */
    const size_t wanted = records_size(stage->writes);
    if (store->overlay_count >= STORE_OVERLAY_COUNT_MAX) {
        return NULL;
    }
    if (stage->writes.count > 0 &&
        (chain_is_full(stage->parent) || used + wanted > STORE_OVERLAY_SIZE_MAX)) {
        return NULL;
    }
    struct store_overlay *overlay = overlay_empty(store);
    overlay->parent = stage->parent;
    overlay->height = stage->height;
    overlay->block_id = stage->block_id;
    overlay_fill(overlay, stage->writes);
    overlay->next = store->overlays;
    store->overlays = overlay;
    (void)pthread_mutex_lock(&store->lock);
    store->overlay_count++;
    store->overlay_size += overlay->size;
    (void)pthread_mutex_unlock(&store->lock);
    return overlay;
}

struct store_overlay *store_overlay_find(struct store *store, const struct hash *block_id)
{
    struct store_overlay *at = store->overlays;
    while (at != NULL && !hash_equal(&at->block_id, block_id)) {
        at = at->next;
    }
    return at;
}

const struct hash *store_overlay_root(const struct store_overlay *overlay)
{
    return &overlay->root;
}

enum { READ_ABSENT_MAX = 4 << 20 };

/* The committed record as the overlay's read cache has it, read when it is not there. */
static struct bytes record_fetch(struct store_overlay *overlay, const struct hash *path)
{
    const struct cache_entry *entry = cache_find(&overlay->reads, path);
    if (entry == NULL) {
        struct error error;
        struct store_buffer record = {0};
        const size_t before = overlay->reads.size;
        if (ledger_get(overlay->store, path, &record, &error) == STORE_FAILED) {
            store_die(&error);
        }
        /* Absent ones are asked for by strangers too: no more of them than a little. */
        if (record.data == NULL && before > READ_ABSENT_MAX) {
            return bytes_of(NULL, 0);
        }
        cache_add(&overlay->reads, path, record);
        atomic_fetch_add(&overlay->store->read_size, overlay->reads.size - before);
        entry = cache_find(&overlay->reads, path);
    }
    return bytes_of(entry->record.data, entry->record.size);
}

/* The overlay, its parents, the last committed block's overlay, then state.db. */
static bool view_find(struct store_overlay *overlay, struct bytes key, struct bytes *value)
{
    struct hash path;
    state_tree_path(key, &path);
    const struct overlay_entry *entry = overlay_find_entry(overlay, &path);
    const struct store_overlay *at = overlay->parent;
    for (; at != NULL && entry == NULL; at = at->parent) {
        entry = overlay_find_entry(at, &path);
    }
    if (entry == NULL) {
        entry = overlay_find_entry(overlay->store->front, &path);
    }
    if (entry != NULL && entry->removed) {
        return false;
    }
    const struct bytes bytes = entry != NULL ? entry->record : record_fetch(overlay, &path);
    if (bytes.data == NULL) {
        return false;
    }
    struct record record;
    if (!leaf_record_read(bytes, &record) || !bytes_equal(record.key, key)) {
        struct error error;
        (void)rocks_corrupt(&overlay->store->state, "a leaf record is damaged", &error);
        store_die(&error);
    }
    *value = record.value;
    return true;
}

static bool overlay_view_get(void *context, struct bytes key, struct bytes *value)
{
    return view_find((struct store_overlay *)context, key, value);
}

static bool store_view_get(void *context, struct bytes key, struct bytes *value)
{
    return view_find(((struct store *)context)->front, key, value);
}

struct state_view store_overlay_view(struct store_overlay *overlay)
{
    return (struct state_view){.context = overlay, .get = overlay_view_get};
}

struct state_view store_view(struct store *store)
{
    return (struct state_view){.context = store, .get = store_view_get};
}

void store_view_trim(struct store *store)
{
    enum { KEPT_MAX = 16 << 20 };
    struct cache *reads = &store->front->reads;
    if (reads->size > KEPT_MAX) {
        atomic_fetch_sub(&store->read_size, reads->size);
        cache_free(reads);
        cache_init(reads);
    }
}

static bool stands_on(const struct store_overlay *overlay, const struct store_overlay *below)
{
    while (overlay != NULL && overlay != below) {
        overlay = overlay->parent;
    }
    return overlay == below;
}

/* Free every overlay that stands on below (or does not); first unlink, as the question
 * follows parent pointers. */
static void overlays_drop(struct store *store, const struct store_overlay *below, bool standing)
{
    struct store_overlay *dropped = NULL;
    struct store_overlay *kept = NULL;
    while (store->overlays != NULL) {
        struct store_overlay *overlay = store->overlays;
        store->overlays = overlay->next;
        const bool drop = stands_on(overlay, below) == standing;
        overlay->next = drop ? dropped : kept;
        dropped = drop ? overlay : dropped;
        kept = drop ? kept : overlay;
    }
    store->overlays = kept;
    while (dropped != NULL) {
        struct store_overlay *next = dropped->next;
        (void)pthread_mutex_lock(&store->lock);
        store->overlay_count--;
        store->overlay_size -= dropped->size;
        (void)pthread_mutex_unlock(&store->lock);
        overlay_free(dropped);
        dropped = next;
    }
}

void store_overlay_drop(struct store *store, struct store_overlay *overlay)
{
    overlays_drop(store, overlay, true);
}

void overlay_settle(struct store *store, struct store_overlay *overlay)
{
    overlays_drop(store, overlay, false);
    struct store_overlay **link = &store->overlays;
    while (*link != NULL) {
        struct store_overlay *at = *link;
        if (at == overlay) {
            *link = at->next;
            continue;
        }
        if (at->parent == overlay) {
            at->parent = NULL;
            tier_delta_set_parent(at->delta, NULL);
        }
        link = &at->next;
    }
    (void)pthread_mutex_lock(&store->lock);
    store->overlay_count--;
    store->overlay_size -= overlay->size;
    (void)pthread_mutex_unlock(&store->lock);
    overlay->next = NULL;
}
