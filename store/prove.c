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
    size_t size_max; /* bytes of undo records that may be read */
    size_t size;     /* that were read */
    uint64_t oldest; /* where reading stopped when there were more */
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

/* The newest first, so that it is known how far back the allowed bytes reach. */
static enum store_answer undos_load(struct store *store, struct past *past, size_t count,
                                    struct error *error)
{
    past->undos = store_allocate(count * sizeof(*past->undos));
    memset(past->undos, 0, count * sizeof(*past->undos));
    past->undo_count = count;
    for (size_t i = count; i > 0; i--) {
        const uint64_t height = past->height + i;
        const enum store_answer answer = ledger_undo_get(store, height, &past->undos[i - 1], error);
        if (answer == STORE_ABSENT) {
            (void)rocks_corrupt(&store->state, "an undo record is missing", error);
            return STORE_FAILED;
        }
        if (answer == STORE_FAILED) {
            return STORE_FAILED;
        }
        past->size += past->undos[i - 1].bytes.size;
        if (past->size > past->size_max) {
            past->oldest = height;
            return STORE_ABSENT;
        }
    }
    return STORE_FOUND;
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

/* ABSENT: more was changed since than may be read; past->oldest is how far it goes. */
static enum store_answer past_open(struct store *store, struct past *past, struct error *error)
{
    const uint64_t back = store->height - past->height;
    past->oldest = store->proven_from;
    if (back <= store->step_count) {
        past->top = back == 0 ? NULL : store->steps[back - 1].delta;
        return STORE_FOUND;
    }
    const enum store_answer answer =
        undos_load(store, past, (size_t)(back - store->step_count), error);
    if (answer != STORE_FOUND) {
        return answer;
    }
    return past_fold(store, past, error) ? STORE_FOUND : STORE_FAILED;
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

static struct hash past_root(const struct store *store, const struct past *past)
{
    return past->height == store->height ? store->root
                                         : past_undo(store, past, past->height + 1)->root_before;
}

static bool prove_at(struct store *store, const struct past *past, struct bytes key,
                     struct store_proof *out, struct error *error)
{
    struct hash path;
    struct state_tree_proof proof;
    state_tree_path(key, &path);
    tier_prove(store->tier, past->top, &path, &proof);
    out->root = past_root(store, past);
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

static bool is_proven(const struct store *store, uint64_t height)
{
    return store->initialised && height <= store->height && height >= store->proven_from;
}

enum store_answer store_prove(struct store *store, uint64_t height, struct bytes key,
                              struct store_proof *out, struct error *error)
{
    *out = (struct store_proof){.size = 0};
    (void)pthread_mutex_lock(&store->lock);
    enum store_answer answer = STORE_ABSENT;
    if (is_proven(store, height)) {
        struct past past = {.height = height, .size_max = SIZE_MAX};
        answer = past_open(store, &past, error);
        if (answer == STORE_FOUND && !prove_at(store, &past, key, out, error)) {
            answer = STORE_FAILED;
        }
        past_free(&past);
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (answer != STORE_FOUND) {
        store_buffer_free(&out->value);
    }
    return answer;
}

/* ---- Several keys ---------------------------------------------------------------------- */

/* One key's own proof, kept until the common one is written. */
struct single {
    struct bytes key;
    struct store_fact fact;
    struct state_tree_item item;
};

static bool single_prove(struct store *store, const struct past *past, struct single *io,
                         struct error *error)
{
    struct store_proof proof = {.size = 0};
    if (!prove_at(store, past, io->key, &proof, error)) {
        store_buffer_free(&proof.value);
        return false;
    }
    io->fact = (struct store_fact){.present = proof.present, .value = proof.value};
    state_tree_path(io->key, &io->item.path);
    uint8_t *bytes = store_allocate(proof.size);
    memcpy(bytes, proof.bytes, proof.size);
    io->item.proof = bytes_of(bytes, proof.size);
    return true;
}

static void many_write(const struct state_tree_item *items, size_t count, struct store_buffer *out)
{
    out->size = state_tree_many_write(items, count, NULL, 0);
    out->data = store_allocate(out->size);
    const size_t size = state_tree_many_write(items, count, out->data, out->size);
    ASSERT(size == out->size);
}

static bool facts_prove(struct store *store, const struct past *past,
                        const struct store_question *question, struct store_facts *out,
                        struct error *error)
{
    struct state_tree_item *items = store_allocate(question->count * sizeof(*items));
    size_t count = 0;
    bool sound = true;
    while (sound && count < question->count) {
        struct single single = {.key = question->keys[count]};
        sound = single_prove(store, past, &single, error);
        if (sound) {
            out->items[count] = single.fact;
            items[count++] = single.item;
        }
    }
    out->count = count;
    if (sound) {
        out->root = past_root(store, past);
        many_write(items, count, &out->proof);
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t *bytes = NULL;
        memcpy(&bytes, &items[i].proof.data, sizeof(bytes));
        free(bytes);
    }
    free(items);
    return sound;
}

enum store_answer store_prove_many(struct store *store, const struct store_question *question,
                                   struct store_facts *out, struct error *error)
{
    *out = (struct store_facts){.count = 0};
    out->items = store_allocate(question->count * sizeof(*out->items));
    (void)pthread_mutex_lock(&store->lock);
    enum store_answer answer = STORE_ABSENT;
    out->oldest = store->proven_from;
    if (is_proven(store, question->height)) {
        struct past past = {.height = question->height, .size_max = question->past_size_max};
        answer = past_open(store, &past, error);
        if (answer == STORE_FOUND && !facts_prove(store, &past, question, out, error)) {
            answer = STORE_FAILED;
        }
        out->oldest = past.oldest;
        out->past_size = past.size;
        past_free(&past);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return answer;
}

void store_facts_free(struct store_facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        store_buffer_free(&facts->items[i].value);
    }
    free(facts->items);
    store_buffer_free(&facts->proof);
    *facts = (struct store_facts){.count = 0};
}
