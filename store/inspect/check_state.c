#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "store/inspect/core.h"
#include "wire/wire.h"

/* state.db: the leaves give the root, the undo records the roots before it. */

enum { HEIGHT_SIZE = 8, PROGRESS_EVERY = 4096 };

bool inspect_leaf(struct inspect *inspect, struct bytes path, struct bytes bytes,
                  struct record *out, struct error *error)
{
    const struct rocks *rocks = &inspect->store.state;
    struct hash expected;
    struct hash vhash;
    struct hash leaf;
    struct place place = {.table = "leaf", .key = path};
    if (path.size != HASH_SIZE || !leaf_record_read(bytes, out)) {
        return inspect_damage(inspect, rocks, &place, "the record has another form", error);
    }
    place.key = out->key;
    place.height = &out->height;
    state_tree_path(out->key, &expected);
    if (!bytes_equal(path, bytes_of(expected.bytes, HASH_SIZE))) {
        return inspect_damage(inspect, rocks, &place, "the key does not lead to its place", error);
    }
    state_tree_vhash(out->value, &vhash);
    state_tree_leaf_hash(&expected, &vhash, &leaf);
    if (!hash_equal(&leaf, &out->leaf)) {
        return inspect_damage(inspect, rocks, &place, "the value is not what was hashed", error);
    }
    return out->height <= inspect->head.applied_height ||
           inspect_damage(inspect, rocks, &place, "written by a block beyond the applied one",
                          error);
}

static bool key_stands(struct inspect *inspect, struct bytes key, struct error *error)
{
    struct store_buffer found = {0};
    const enum store_answer answer =
        rocks_get(&inspect->store.state, LEDGER_KEYS, key, &found, error);
    store_buffer_free(&found);
    return answer == STORE_FOUND ||
           (answer == STORE_ABSENT && inspect_damage(inspect, &inspect->store.state,
                                                     &(struct place){.table = "kidx", .key = key},
                                                     "a key of the state is missing", error));
}

static bool leaf_take(struct inspect *inspect, struct leaf_walk *walk,
                      const rocksdb_iterator_t *iterator, struct error *error)
{
    const struct bytes path = rocks_iterator_key(iterator);
    struct record record = {.height = 0};
    if (!inspect_leaf(inspect, path, rocks_iterator_value(iterator), &record, error) ||
        (walk->with_keys && !key_stands(inspect, record.key, error))) {
        return false;
    }
    struct state_tree_leaf leaf = {.hash = record.leaf};
    memcpy(leaf.path.bytes, path.data, HASH_SIZE);
    tier_load(walk->tier, &leaf);
    walk->count++;
    if (walk->visitor != NULL && walk->visitor->progress != NULL &&
        walk->count % PROGRESS_EVERY == 0) {
        walk->visitor->progress(walk->visitor->context, "leaves", walk->count,
                                inspect->head.key_count);
    }
    return true;
}

bool inspect_load(struct inspect *inspect, struct leaf_walk *walk, struct error *error)
{
    const struct place place = {.table = "leaf"};
    rocksdb_iterator_t *iterator = rocks_iterate_all(&inspect->store.state, LEDGER_LEAF);
    bool sound = true;
    for (rocksdb_iter_seek_to_first(iterator); sound && rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator)) {
        sound = leaf_take(inspect, walk, iterator, error);
    }
    sound =
        sound && inspect_iterator_sound(inspect, &inspect->store.state, &place, iterator, error);
    rocksdb_iter_destroy(iterator);
    tier_seal(walk->tier);
    return sound;
}

static bool keys_counted(struct inspect *inspect, uint64_t expected, struct error *error)
{
    const struct place place = {.table = "kidx"};
    rocksdb_iterator_t *iterator = rocks_iterate_all(&inspect->store.state, LEDGER_KEYS);
    uint64_t count = 0;
    for (rocksdb_iter_seek_to_first(iterator); rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator)) {
        count++;
    }
    const bool sound =
        inspect_iterator_sound(inspect, &inspect->store.state, &place, iterator, error);
    rocksdb_iter_destroy(iterator);
    return sound &&
           (count == expected || inspect_damage(inspect, &inspect->store.state, &place,
                                                "keys that the state does not have", error));
}

bool inspect_step_back(struct inspect *inspect, struct tier *tier, const struct undo *undo,
                       struct error *error)
{
    struct tier_write *writes = store_allocate(undo->count * sizeof(*writes));
    bool sound = true;
    for (uint32_t i = 0; sound && i < undo->count; i++) {
        const struct undo_entry entry = undo_at(undo, i);
        struct record record = {.height = 0};
        sound = !entry.present || inspect_leaf(inspect, bytes_of(entry.path.bytes, HASH_SIZE),
                                               entry.record, &record, error);
        writes[i] =
            (struct tier_write){.leaf = {entry.path, record.leaf}, .removed = !entry.present};
    }
    if (sound) {
        struct tier_delta *delta = tier_stage(tier, NULL, writes, undo->count);
        tier_apply(tier, delta);
        tier_delta_free(delta);
    }
    free(writes);
    return sound;
}

/* header(height).state_root is the root after height - 1; false: no such block, or damage. */
static bool header_root(struct inspect *inspect, uint64_t height, bool *found, struct hash *out,
                        struct error *error)
{
    static struct wire_block block; /* one thread */
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!inspect_read_block(inspect, height, &bytes, &size, error)) {
        return false;
    }
    *found = bytes != NULL;
    const bool sound = bytes == NULL || wire_decode_block(bytes_of(bytes, size), &block);
    if (*found && sound) {
        *out = block.header.state_root;
    }
    free(bytes);
    return sound || inspect_damage(inspect, &inspect->store.chain.rocks,
                                   &(struct place){.table = "body", .height = &height},
                                   "the bytes are no block", error);
}

/* The tree's root is what stands in the header above `height`, when there is one. */
static bool check_root(struct inspect *inspect, const struct tier *tier, uint64_t height,
                       bool *in_header, struct error *error)
{
    struct hash named;
    const struct hash root = tier_root(tier, NULL);
    if (!header_root(inspect, height + 1, in_header, &named, error)) {
        return false;
    }
    return !*in_header || hash_equal(&root, &named) ||
           inspect_damage(inspect, &inspect->store.state,
                          &(struct place){.table = "leaf", .height = &height},
                          "the root of the leaves is not the one in the header above", error);
}

static bool check_undo(struct inspect *inspect, struct tier *tier, uint64_t height,
                       struct error *error)
{
    struct undo undo = {0};
    const struct hash after = tier_root(tier, NULL);
    bool in_header = false;
    if (!inspect_undo(inspect, height, &undo, error)) {
        return false;
    }
    const bool begins = hash_equal(&undo.root_after, &after);
    if (begins && !inspect_step_back(inspect, tier, &undo, error)) {
        inspect_undo_free(&undo);
        return false;
    }
    const struct hash before = tier_root(tier, NULL);
    const bool leads = begins && hash_equal(&undo.root_before, &before);
    inspect_undo_free(&undo);
    if (!leads) {
        return inspect_damage(inspect, &inspect->store.state,
                              &(struct place){.table = "undo", .height = &height},
                              "it does not lead from its root to the one before", error);
    }
    return check_root(inspect, tier, height - 1, &in_header, error);
}

static bool check_window(struct inspect *inspect, const struct inspect_visitor *visitor,
                         struct tier *tier, uint64_t *certified, struct error *error)
{
    const struct inspect_head *head = &inspect->head;
    const uint64_t total = head->applied_height - head->proven_from;
    bool in_header = false;
    if (!check_root(inspect, tier, head->applied_height, &in_header, error)) {
        return false;
    }
    /* A newest block that changes nothing leaves the root that its own header has. */
    struct hash named = head->applied_root;
    bool found = false;
    if (!in_header && head->applied_height > 0 &&
        !header_root(inspect, head->applied_height, &found, &named, error)) {
        return false;
    }
    *certified =
        hash_equal(&named, &head->applied_root) ? head->applied_height : head->applied_height - 1;
    for (uint64_t height = head->applied_height; height > head->proven_from; height--) {
        if (!check_undo(inspect, tier, height, error)) {
            return false;
        }
        if (visitor->progress != NULL) {
            visitor->progress(visitor->context, "undo records", head->applied_height - height + 1,
                              total);
        }
    }
    return true;
}

static bool check_leaves(struct inspect *inspect, struct leaf_walk *walk, struct error *error)
{
    const struct inspect_head *head = &inspect->head;
    const struct place place = {.table = "default"};
    if (head->applied_height > head->decided_height) {
        return inspect_damage(inspect, &inspect->store.chain.rocks, &place,
                              "it lost blocks that state.db has applied", error);
    }
    if (!inspect_load(inspect, walk, error)) {
        return false;
    }
    const struct hash root = tier_root(walk->tier, NULL);
    if (walk->count != head->key_count || !hash_equal(&root, &head->applied_root)) {
        return inspect_damage(inspect, &inspect->store.state,
                              &(struct place){.table = "leaf", .height = &head->applied_height},
                              "the leaves do not lead to the applied root", error);
    }
    return keys_counted(inspect, walk->count, error);
}

bool inspect_check_state(struct inspect *inspect, const struct inspect_visitor *visitor,
                         uint64_t *certified, struct error *error)
{
    ASSERT(inspect->head.has_state);
    struct leaf_walk walk = {.tier = tier_create(tier_depth_for(inspect->head.key_count)),
                             .visitor = visitor,
                             .with_keys = true};
    const bool sound = check_leaves(inspect, &walk, error) &&
                       check_window(inspect, visitor, walk.tier, certified, error);
    tier_free(walk.tier);
    return sound;
}
