#include <stdlib.h>
#include <string.h>

#include "store/inspect/core.h"

/* Two states, walked down together.  Each is a tree in RAM at the compared height; where the
 * trees part, the leaves of one bucket on both sides are looked at by path. */

struct side {
    struct inspect *inspect;
    struct tier *tier;
    struct undo *undos; /* of blocks height + 1, + 2, ... : oldest first */
    size_t undo_count;
};

static void side_close(struct side *side)
{
    for (size_t i = 0; i < side->undo_count; i++) {
        inspect_undo_free(&side->undos[i]);
    }
    free(side->undos);
    tier_free(side->tier);
}

/* The tree after `height`, of this depth. */
static bool side_open(struct side *side, uint64_t height, uint32_t depth, struct error *error)
{
    const uint64_t applied = side->inspect->head.applied_height;
    if (height < side->inspect->head.proven_from) {
        return error_set(error, EXIT_CODE_NOT_FOUND,
                         "%s: its undo records lead back to height %llu, not to %llu; compare it "
                         "with a state nearer to it",
                         side->inspect->store.state.path,
                         (unsigned long long)side->inspect->head.proven_from,
                         (unsigned long long)height);
    }
    struct leaf_walk walk = {.tier = tier_create(depth)};
    side->tier = walk.tier;
    if (!inspect_load(side->inspect, &walk, error)) {
        return false;
    }
    const size_t count = (size_t)(applied - height);
    side->undos = store_allocate(count * sizeof(*side->undos));
    memset(side->undos, 0, count * sizeof(*side->undos));
    side->undo_count = count;
    for (size_t i = count; i > 0; i--) {
        struct undo *undo = &side->undos[i - 1];
        if (!inspect_undo(side->inspect, height + i, undo, error) ||
            !inspect_step_back(side->inspect, side->tier, undo, error)) {
            return false;
        }
    }
    return true;
}

/* The leaf record of a path at the compared height: what the first later block that changed
 * it found, else what is stored. */
static enum store_answer side_get(const struct side *side, const struct hash *path,
                                  struct store_buffer *out, struct error *error)
{
    for (size_t i = 0; i < side->undo_count; i++) {
        struct undo_entry entry;
        if (!undo_find(&side->undos[i], path, &entry)) {
            continue;
        }
        if (!entry.present) {
            return STORE_ABSENT;
        }
        out->size = entry.record.size;
        out->data = store_allocate(out->size);
        memcpy(out->data, entry.record.data, out->size);
        return STORE_FOUND;
    }
    return ledger_get(&side->inspect->store, path, out, error);
}

/* ---- The bucket ------------------------------------------------------------------- */

struct paths {
    struct hash *items;
    size_t count;
    size_t room;
    uint32_t depth;
    uint32_t index; /* all share their first depth bits with it */
};

static bool in_bucket(const struct paths *paths, const struct hash *path)
{
    for (uint32_t bit = 0; bit < paths->depth; bit++) {
        if (state_tree_bit(path, bit) != ((paths->index >> (paths->depth - 1 - bit) & 1) != 0)) {
            return false;
        }
    }
    return true;
}

static void paths_add(struct paths *paths, const struct hash *path)
{
    if (!in_bucket(paths, path)) {
        return;
    }
    if (paths->count == paths->room) {
        paths->room = paths->room == 0 ? 64 : 2 * paths->room;
        struct hash *items = store_allocate(paths->room * sizeof(*items));
        if (paths->count > 0) {
            memcpy(items, paths->items, paths->count * sizeof(*items));
        }
        free(paths->items);
        paths->items = items;
    }
    paths->items[paths->count++] = *path;
}

/* Every path that either state may have there. */
static bool paths_collect(struct paths *paths, const struct side *side, struct error *error)
{
    struct hash first = {{0}};
    for (uint32_t bit = 0; bit < paths->depth; bit++) {
        if ((paths->index >> (paths->depth - 1 - bit) & 1) != 0) {
            first.bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
        }
    }
    rocksdb_iterator_t *iterator = rocks_iterate(&side->inspect->store.state, LEDGER_LEAF);
    rocksdb_iter_seek(iterator, (const char *)first.bytes, HASH_SIZE);
    bool inside = true;
    for (; inside && rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        struct hash path;
        memcpy(path.bytes, rocks_iterator_key(iterator).data, HASH_SIZE);
        inside = in_bucket(paths, &path);
        paths_add(paths, &path);
    }
    for (size_t i = 0; i < side->undo_count; i++) {
        for (uint32_t j = 0; j < side->undos[i].count; j++) {
            const struct undo_entry entry = undo_at(&side->undos[i], j);
            paths_add(paths, &entry.path);
        }
    }
    return rocks_iterator_end(&side->inspect->store.state, iterator, error);
}

static int path_order(const void *a, const void *b)
{
    return hash_compare(a, b);
}

static void side_fill(struct inspect_difference *out, uint32_t index, const struct record *record)
{
    struct inspect_side *side = &out->sides[index];
    side->present = true;
    side->height = record->height;
    side->value_size = record->value.size;
    side->value = store_allocate(side->value_size);
    memcpy(side->value, record->value.data, side->value_size);
    if (out->key == NULL) {
        out->key_size = record->key.size;
        out->key = store_allocate(out->key_size);
        memcpy(out->key, record->key.data, out->key_size);
    }
}

/* One path on both sides.  *differs with *out filled in when the values are not the same. */
static bool compare_path(const struct side sides[2], const struct hash *path,
                         struct inspect_difference *out, bool *differs, struct error *error)
{
    struct store_buffer buffers[2] = {{0}, {0}};
    struct record records[2] = {{0}, {0}};
    bool present[2] = {false, false};
    bool sound = true;
    for (uint32_t i = 0; sound && i < 2; i++) {
        const enum store_answer answer = side_get(&sides[i], path, &buffers[i], error);
        present[i] = answer == STORE_FOUND;
        sound = answer == STORE_ABSENT ||
                (present[i] &&
                 inspect_leaf(sides[i].inspect, bytes_of(path->bytes, HASH_SIZE),
                              bytes_of(buffers[i].data, buffers[i].size), &records[i], error));
    }
    *differs = sound && (present[0] != present[1] ||
                         (present[0] && !hash_equal(&records[0].leaf, &records[1].leaf)));
    for (uint32_t i = 0; i < 2; i++) {
        if (*differs && present[i]) {
            side_fill(out, i, &records[i]);
        }
        store_buffer_free(&buffers[i]);
    }
    return sound;
}

static bool compare_bucket(const struct side sides[2], struct paths *paths,
                           struct inspect_difference *out, struct error *error)
{
    if (!paths_collect(paths, &sides[0], error) || !paths_collect(paths, &sides[1], error)) {
        return false;
    }
    if (paths->count > 0) {
        qsort(paths->items, paths->count, sizeof(*paths->items), path_order);
    }
    for (size_t i = 0; !out->found && i < paths->count; i++) {
        if (!compare_path(sides, &paths->items[i], out, &out->found, error)) {
            return false;
        }
    }
    return out->found || error_set(error, EXIT_CODE_FAILURE,
                                   "the trees differ where no key does: a fault of this program");
}

/* ---- The walk --------------------------------------------------------------------- */

static bool node_equal(const struct side sides[2], uint32_t level, uint32_t index)
{
    const struct state_tree_node a = tier_node(sides[0].tier, NULL, level, index);
    const struct state_tree_node b = tier_node(sides[1].tier, NULL, level, index);
    return a.kind == b.kind && hash_equal(&a.hash, &b.hash);
}

static bool walk_down(const struct side sides[2], uint32_t depth, struct inspect_difference *out,
                      struct error *error)
{
    uint32_t index = 0;
    if (hash_equal(&out->roots[0], &out->roots[1])) {
        return true;
    }
    for (uint32_t level = 1; level <= depth; level++) {
        index = 2 * index + (node_equal(sides, level, 2 * index) ? 1U : 0U);
    }
    struct paths paths = {.depth = depth, .index = index};
    const bool found = compare_bucket(sides, &paths, out, error);
    free(paths.items);
    return found;
}

bool inspect_diff(struct inspect *const pair[2], struct inspect_difference *out,
                  struct error *error)
{
    struct side sides[2] = {{.inspect = pair[0]}, {.inspect = pair[1]}};
    const struct inspect_head *a = &pair[0]->head;
    const struct inspect_head *b = &pair[1]->head;
    ASSERT(a->has_state && b->has_state);
    *out = (struct inspect_difference){
        .height = a->applied_height < b->applied_height ? a->applied_height : b->applied_height};
    const uint32_t depth =
        tier_depth_for(a->key_count > b->key_count ? a->key_count : b->key_count);
    const bool opened = side_open(&sides[0], out->height, depth, error) &&
                        side_open(&sides[1], out->height, depth, error);
    if (opened) {
        out->roots[0] = tier_root(sides[0].tier, NULL);
        out->roots[1] = tier_root(sides[1].tier, NULL);
    }
    const bool done = opened && walk_down(sides, depth, out, error);
    side_close(&sides[0]);
    side_close(&sides[1]);
    return done;
}

void inspect_difference_free(struct inspect_difference *difference)
{
    free(difference->key);
    free(difference->sides[0].value);
    free(difference->sides[1].value);
}
