/* Proofs at the committed state and at the heights before it.
 *
 * The newest steps are kept in RAM, each the way back over one block; below them the undo
 * records of all blocks in between are folded into one delta. */
#include <stdlib.h>
#include <string.h>

#include "store/core.h"

/* The state after `height`, seen from the committed one. */
struct past {
    uint64_t height;
    const struct tier_delta *top; /* the tree at height */
    struct tier_delta *folded;    /* ours, when undo records had to be read */
    struct undo *undos;           /* ours: of blocks height + 1, + 2, ... */
    size_t undo_count;
};

/* One old leaf on the way to a folded delta. */
struct past_leaf {
    struct tier_write write;
    size_t order; /* of the undo record it comes from: the lowest is the oldest */
};

static int past_leaf_order(const void *a, const void *b)
{
    const struct past_leaf *x = a;
    const struct past_leaf *y = b;
    const int order = hash_compare(&x->write.leaf.path, &y->write.leaf.path);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static void past_free(struct past *past)
{
    for (size_t i = 0; i < past->undo_count; i++) {
        uint8_t *bytes = NULL;
        memcpy(&bytes, &past->undos[i].bytes.data, sizeof(bytes));
        free(bytes);
    }
    free(past->undos);
    tier_delta_free(past->folded);
}

static bool undos_load(struct store *store, struct past *past, size_t count, struct error *error)
{
    past->undos = store_allocate(count * sizeof(*past->undos));
    for (size_t i = 0; i < count; i++) {
        const uint64_t height = past->height + 1 + i;
        const enum store_answer answer = ledger_undo_get(store, height, &past->undos[i], error);
        if (answer == STORE_FAILED) {
            return false;
        }
        if (answer == STORE_ABSENT) {
            return rocks_corrupt(&store->state, "an undo record is missing", error);
        }
        past->undo_count++;
    }
    return true;
}

/* All old leaves of the loaded undo records; for a path changed twice the oldest wins. */
static bool past_fold(struct store *store, struct past *past, struct error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < past->undo_count; i++) {
        count += past->undos[i].count;
    }
    struct past_leaf *leaves = store_allocate(count * sizeof(*leaves));
    size_t at = 0;
    bool sound = true;
    for (size_t i = 0; i < past->undo_count; i++) {
        for (uint32_t j = 0; j < past->undos[i].count; j++) {
            const struct undo_entry entry = undo_at(&past->undos[i], j);
            struct record record = {.height = 0};
            sound = sound && (!entry.present || leaf_record_read(entry.record, &record));
            leaves[at++] = (struct past_leaf){
                .write = {.leaf = {entry.path, record.leaf}, .removed = !entry.present},
                .order = i,
            };
        }
    }
    qsort(leaves, count, sizeof(*leaves), past_leaf_order);
    struct tier_write *writes = store_allocate(count * sizeof(*writes));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const bool again =
            kept > 0 && hash_equal(&writes[kept - 1].leaf.path, &leaves[i].write.leaf.path);
        if (!again) {
            writes[kept++] = leaves[i].write;
        }
    }
    if (sound) {
        const struct step *oldest =
            store->step_count == 0 ? NULL : &store->steps[store->step_count - 1];
        past->folded = tier_stage(store->tier, oldest == NULL ? NULL : oldest->delta, writes, kept);
        past->top = past->folded;
    }
    free(writes);
    free(leaves);
    return sound || rocks_corrupt(&store->state, "an undo record is damaged", error);
}

static bool past_open(struct store *store, uint64_t height, struct past *past, struct error *error)
{
    *past = (struct past){.height = height};
    const uint64_t back = store->height - height;
    if (back <= store->step_count) {
        past->top = back == 0 ? NULL : store->steps[back - 1].delta;
        return true;
    }
    return undos_load(store, past, (size_t)(back - store->step_count), error) &&
           past_fold(store, past, error);
}

/* The undo record of a block above past->height. */
static const struct undo *past_undo(const struct store *store, const struct past *past,
                                    uint64_t height)
{
    const uint64_t offset = height - past->height - 1;
    return offset < past->undo_count ? &past->undos[offset]
                                     : &store->steps[store->height - height].undo;
}

/* The leaf record of path after past->height: what the first later block that changed it
 * found, else what is committed. */
static enum store_answer past_get(const struct store *store, const struct past *past,
                                  const struct hash *path, struct store_buffer *out,
                                  struct error *error)
{
    for (uint64_t height = past->height + 1; height <= store->height; height++) {
        struct undo_entry entry;
        if (!undo_find(past_undo(store, past, height), path, &entry)) {
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
    return ledger_get(store, path, out, error);
}

/* The value of path after past->height; STORE_FAILED when the record is not sound. */
static enum store_answer past_value(const struct store *store, const struct past *past,
                                    const struct hash *path, struct store_buffer *out,
                                    struct error *error)
{
    const enum store_answer answer = past_get(store, past, path, out, error);
    struct record record;
    if (answer != STORE_FOUND) {
        return answer;
    }
    if (!leaf_record_read(bytes_of(out->data, out->size), &record)) {
        store_buffer_free(out);
        (void)rocks_corrupt(&store->state, "a leaf record is damaged", error);
        return STORE_FAILED;
    }
    out->size = record.value.size;
    memmove(out->data, record.value.data, out->size);
    return STORE_FOUND;
}

static bool prove_at(struct store *store, const struct past *past, struct bytes key,
                     struct store_proof *out, struct error *error)
{
    struct hash path;
    struct state_tree_proof proof;
    state_tree_path(key, &path);
    tier_prove(store->tier, past->top, &path, &proof);
    out->root = past->height == store->height
                    ? store->root
                    : past_undo(store, past, past->height + 1)->root_before;
    enum store_answer answer = past_value(store, past, &path, &out->value, error);
    out->present = answer == STORE_FOUND;
    if (answer != STORE_FAILED && proof.type == STATE_TREE_ABSENT_LEAF) {
        struct store_buffer other = {0};
        answer = past_value(store, past, &proof.other_path, &other, error);
        if (answer == STORE_FOUND) {
            state_tree_vhash(bytes_of(other.data, other.size), &proof.other_vhash);
        }
        store_buffer_free(&other);
    }
    if (answer == STORE_FAILED) {
        return false;
    }
    out->size = state_tree_proof_write(&proof, out->bytes);
    /* Costs less than the reads, and no wrong proof ever leaves. */
    const struct bytes value = bytes_of(out->value.data, out->value.size);
    return state_tree_verify(&out->root, key, out->present ? &value : NULL,
                             bytes_of(out->bytes, out->size)) == STATE_TREE_PROVEN ||
           rocks_corrupt(&store->state, "a leaf record does not fit the tree", error);
}

enum store_answer store_prove(struct store *store, uint64_t height, struct bytes key,
                              struct store_proof *out, struct error *error)
{
    *out = (struct store_proof){.size = 0};
    (void)pthread_mutex_lock(&store->lock);
    enum store_answer answer = STORE_ABSENT;
    if (store->initialised && height <= store->height && height >= store->proven_from) {
        struct past past;
        const bool proven =
            past_open(store, height, &past, error) && prove_at(store, &past, key, out, error);
        past_free(&past);
        answer = proven ? STORE_FOUND : STORE_FAILED;
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (answer != STORE_FOUND) {
        store_buffer_free(&out->value);
    }
    return answer;
}
