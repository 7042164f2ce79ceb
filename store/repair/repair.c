#include "store/repair/repair.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "store/core.h"
#include "store/inspect/inspect.h"

enum { HEIGHT_SIZE = 8 };

/* Chain and state opened for writing, without the tree. */
static bool databases_open(const struct repair_job *job, struct store **out, uint64_t *count,
                           uint64_t *floor, struct error *error)
{
    const struct store_options options = {.dir = job->dir, .chain_id = job->chain_id};
    const struct rocks_config config = ledger_config(&options);
    struct inspect *inspect = NULL;
    /* First for reading: nothing is made where nothing is. */
    if (!inspect_open(job->dir, &job->chain_id, &inspect, error)) {
        return false;
    }
    const bool has_state = inspect_head(inspect)->has_state;
    *floor = inspect_head(inspect)->proven_from; /* where the undo records end */
    inspect_close(inspect);
    if (!has_state) {
        (void)error_set(error, EXIT_CODE_NOT_FOUND,
                        "%.200s/state.db: there is no state; the next start of the node makes it",
                        job->dir);
        return false;
    }
    struct store *store = store_allocate(sizeof(*store));
    memset(store, 0, sizeof(*store));
    if (!chain_open(&store->chain, &options, error)) {
        free(store);
        return false;
    }
    if (!rocks_open(&store->state, &config, error) || !ledger_load_applied(store, count, error)) {
        rocks_close(&store->state);
        chain_close(&store->chain);
        free(store);
        return false;
    }
    *out = store;
    return true;
}

static void databases_close(struct store *store)
{
    rocks_close(&store->state);
    chain_close(&store->chain);
    free(store);
}

/* ---- Rollback ----------------------------------------------------------------------- */

struct step_back {
    struct store *store;
    rocksdb_writebatch_t *batch;
    uint64_t count; /* keys of the state */
};

/* One key as it was before the block. */
static bool entry_back(struct step_back *back, const struct undo_entry *entry, struct error *error)
{
    struct store *store = back->store;
    struct store_buffer now = {0};
    struct record record;
    const struct bytes path = bytes_of(entry->path.bytes, HASH_SIZE);
    const struct bytes nothing = {0};
    const enum store_answer answer = ledger_get(store, &entry->path, &now, error);
    if (answer == STORE_FAILED) {
        return false;
    }
    const bool present = answer == STORE_FOUND;
    const struct bytes held = entry->present ? entry->record : bytes_of(now.data, now.size);
    const bool any = entry->present || present;
    const bool sound = !any || leaf_record_read(held, &record);
    if (sound && entry->present) {
        rocks_batch_put(&store->state, back->batch, LEDGER_LEAF, path, entry->record);
        rocks_batch_put(&store->state, back->batch, LEDGER_KEYS, record.key, nothing);
        back->count += present ? 0 : 1;
    } else if (sound && present) {
        rocks_batch_delete(&store->state, back->batch, LEDGER_LEAF, path);
        rocks_batch_delete(&store->state, back->batch, LEDGER_KEYS, record.key);
        back->count--;
    }
    store_buffer_free(&now);
    return sound || rocks_corrupt(&store->state, "a leaf record is damaged", error);
}

static void undo_free(struct undo *undo)
{
    uint8_t *bytes = NULL;
    memcpy(&bytes, &undo->bytes.data, sizeof(bytes)); /* made by ledger_undo_get */
    free(bytes);
}

static bool undo_load(const struct store *store, struct undo *undo, struct error *error)
{
    const enum store_answer answer = ledger_undo_get(store, store->height, undo, error);
    if (answer == STORE_ABSENT) {
        return rocks_corrupt(&store->state, "an undo record is missing", error);
    }
    if (answer == STORE_FAILED) {
        return false;
    }
    if (!hash_equal(&undo->root_after, &store->root)) {
        undo_free(undo);
        return rocks_corrupt(&store->state, "an undo record is another state's", error);
    }
    return true;
}

static bool block_back(struct step_back *back, struct error *error)
{
    struct store *store = back->store;
    struct undo undo = {0};
    uint8_t key[HEIGHT_SIZE];
    if (!undo_load(store, &undo, error)) {
        return false;
    }
    back->batch = rocksdb_writebatch_create();
    bool done = true;
    for (uint32_t i = 0; done && i < undo.count; i++) {
        const struct undo_entry entry = undo_at(&undo, i);
        done = entry_back(back, &entry, error);
    }
    store_be64(key, store->height);
    rocks_batch_delete(&store->state, back->batch, LEDGER_UNDO, bytes_of(key, sizeof(key)));
    ledger_batch_applied(&store->state, back->batch,
                         &(struct applied){.height = store->height - 1,
                                           .root = undo.root_before,
                                           .count = back->count});
    done = done && rocks_write(&store->state, back->batch, false, error);
    if (done) {
        store->height--;
        store->root = undo.root_before;
    }
    rocksdb_writebatch_destroy(back->batch);
    undo_free(&undo);
    return done;
}

/* The leaves against the root, the root against the header above. */
static bool check_result(const struct repair_job *job, struct error *error)
{
    const struct inspect_visitor visitor = {.context = job->context, .progress = job->progress};
    struct inspect *inspect = NULL;
    uint64_t certified = 0;
    if (!inspect_open(job->dir, &job->chain_id, &inspect, error)) {
        return false;
    }
    const bool sound = inspect_check_state(inspect, &visitor, &certified, error);
    inspect_close(inspect);
    return sound;
}

static bool reachable(const struct store *store, uint64_t floor, uint64_t height,
                      struct error *error)
{
    if (height > store->height) {
        return error_set(error, EXIT_CODE_NOT_FOUND, "%s: stands at height %llu, below %llu",
                         store->state.path, (unsigned long long)store->height,
                         (unsigned long long)height);
    }
    if (height + 1 < store->chain.oldest) {
        return error_set(error, EXIT_CODE_NOT_FOUND,
                         "%s: the blocks to execute again begin at %llu, as older ones were pruned",
                         store->state.path, (unsigned long long)store->chain.oldest);
    }
    return height >= floor ||
           error_set(error, EXIT_CODE_NOT_FOUND,
                     "%s: the undo records lead back to height %llu; to go further move state.db "
                     "away, the next start executes every block again",
                     store->state.path, (unsigned long long)floor);
}

bool repair_rollback(const struct repair_job *job, uint64_t height, struct repair_rollback *out,
                     struct error *error)
{
    struct step_back back = {.count = 0};
    *out = (struct repair_rollback){.to = height};
    uint64_t floor = 0;
    if (!databases_open(job, &back.store, &back.count, &floor, error)) {
        return false;
    }
    out->from = back.store->height;
    bool done = reachable(back.store, floor, height, error);
    while (done && back.store->height > height) {
        done = block_back(&back, error);
        if (done && job->progress != NULL) {
            job->progress(job->context, "blocks back", out->from - back.store->height,
                          out->from - height);
        }
    }
    out->root = back.store->root;
    done = done && store_sync(back.store, error);
    databases_close(back.store);
    return done && check_result(job, error);
}

/* ---- Compact ------------------------------------------------------------------------ */

static bool sizes(const struct repair_job *job, uint64_t *out, struct error *error)
{
    struct inspect *inspect = NULL;
    if (!inspect_open(job->dir, &job->chain_id, &inspect, error)) {
        return false;
    }
    *out = inspect_disk_bytes(inspect);
    inspect_close(inspect);
    return true;
}

static void compact(const struct repair_job *job, struct rocks *rocks, uint64_t done)
{
    for (size_t family = 0; family < rocks->family_count; family++) {
        rocksdb_compact_range_cf(rocks->db, rocks->families[family], NULL, 0, NULL, 0);
        if (job->progress != NULL) {
            job->progress(job->context, "tables", done + family + 1,
                          CHAIN_FAMILY_COUNT + LEDGER_FAMILY_COUNT);
        }
    }
}

bool repair_compact(const struct repair_job *job, struct repair_sizes *out, struct error *error)
{
    struct store *store = NULL;
    uint64_t count = 0;
    uint64_t floor = 0;
    if (!sizes(job, &out->before, error) || !databases_open(job, &store, &count, &floor, error)) {
        return false;
    }
    compact(job, &store->chain.rocks, 0);
    compact(job, &store->state, CHAIN_FAMILY_COUNT);
    databases_close(store);
    return sizes(job, &out->after, error);
}
