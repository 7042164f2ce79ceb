#include "store/index/index.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "crypto/crypto.h"
#include "store/chain.h"
#include "store/rocks.h"
#include "wire/wire.h"

/* index.db:
 *
 *     default  "meta"     as in chain.db
 *              "cursor"   height BE64, block id 32
 *     tx       transaction id -> height BE64, number BE32
 *     from     sender 20, height BE64, number BE32 -> transaction id */

enum index_family { INDEX_DEFAULT, INDEX_TX, INDEX_FROM, INDEX_FAMILY_COUNT };

enum {
    PLACE_SIZE = 8 + 4,
    FROM_SIZE = ADDRESS_SIZE + PLACE_SIZE,
    CURSOR_SIZE = 8 + HASH_SIZE,
    CACHE_SIZE = 8 << 20,
    STEP_BLOCKS = 256,   /* of one write, unless ... */
    STEP_SIZE = 8 << 20, /* ... they have so many bytes: the rows are a third of that */
    RECOVERY_TORN_TAIL = 0,
};

static const char cursor_key[] = "cursor";
static const char name[] = "index.db";

struct index {
    struct rocks rocks;
    atomic_uint_fast64_t height;
    struct hash id; /* of the block at height */
};

static struct bytes cursor_name(void)
{
    return bytes_of(cursor_key, sizeof(cursor_key) - 1);
}

static bool cursor_load(struct index *index, struct error *error)
{
    struct store_buffer found = {0};
    const enum store_answer answer =
        rocks_get(&index->rocks, INDEX_DEFAULT, cursor_name(), &found, error);
    if (answer != STORE_FOUND) {
        return answer == STORE_ABSENT;
    }
    const bool sound = found.size == CURSOR_SIZE;
    if (sound) {
        atomic_store(&index->height, load_be64(found.data));
        memcpy(index->id.bytes, found.data + 8, HASH_SIZE);
    }
    store_buffer_free(&found);
    return sound || rocks_corrupt(&index->rocks, "its cursor is damaged", error);
}

bool index_open(const struct index_options *options, struct index **out, struct error *error)
{
    static const char *const families[INDEX_FAMILY_COUNT] = {"default", "tx", "from"};
    const struct store_options meta = {.dir = options->dir, .chain_id = options->chain_id};
    const struct rocks_config config = {
        .dir = options->dir,
        .name = name,
        .repair = "move index.db away; it is made anew",
        .families = families,
        .family_count = INDEX_FAMILY_COUNT,
        .cache_size = CACHE_SIZE,
        .reserve = options->reserve_bytes,
        .recovery_mode = RECOVERY_TORN_TAIL,
    };
    struct index *index = store_allocate(sizeof(*index));
    memset(index, 0, sizeof(*index));
    if (!rocks_open(&index->rocks, &config, error)) {
        free(index);
        return false;
    }
    if (!meta_check(&index->rocks, &meta, error) || !cursor_load(index, error)) {
        index_close(index);
        return false;
    }
    *out = index;
    return true;
}

void index_close(struct index *index)
{
    if (index != NULL) {
        rocks_close(&index->rocks);
        free(index);
    }
}

bool index_remove(const char *dir, struct error *error)
{
    return rocks_destroy(dir, name, error);
}

uint64_t index_height(const struct index *index)
{
    return atomic_load(&index->height);
}

enum store_answer index_fits(const struct index *index, struct store *store, struct error *error)
{
    struct hash id;
    const uint64_t height = index_height(index);
    if (height == 0) {
        return STORE_FOUND;
    }
    const enum store_answer answer = store_block_id(store, height, &id, error);
    return answer == STORE_FOUND && !hash_equal(&id, &index->id) ? STORE_ABSENT : answer;
}

/* ---- Following ------------------------------------------------------------------------- */

struct step {
    rocksdb_writebatch_t *batch;
    uint64_t height;
    struct hash id;
    size_t size;
};

static void place_write(uint8_t *out, uint64_t height, uint32_t number)
{
    store_be64(out, height);
    store_be32(out + 8, number);
}

static void tx_put(const struct index *index, struct step *step, uint32_t number, struct bytes raw)
{
    struct tx tx;
    struct hash id;
    uint8_t from[FROM_SIZE];
    uint8_t *place = from + ADDRESS_SIZE;
    if (!wire_decode_tx(raw, &tx)) {
        return; /* a block holds none such */
    }
    crypto_digest(TAG_TX, tx.payload, &id);
    memcpy(from, tx.sender.bytes, ADDRESS_SIZE);
    place_write(place, step->height, number);
    const struct bytes tx_id = bytes_of(id.bytes, HASH_SIZE);
    rocks_batch_put(&index->rocks, step->batch, INDEX_TX, tx_id, bytes_of(place, PLACE_SIZE));
    rocks_batch_put(&index->rocks, step->batch, INDEX_FROM, bytes_of(from, sizeof(from)), tx_id);
}

static bool block_put(const struct index *index, struct step *step, struct bytes bytes,
                      struct error *error)
{
    struct wire_block *block = store_allocate(sizeof(*block)); /* 8 KB: not on a thread's stack */
    struct wire_tx_iterator txs;
    struct bytes raw;
    const bool sound = wire_decode_block(bytes, block);
    if (sound) {
        wire_txs_begin(&txs, &block->txs);
        for (uint32_t i = 0; wire_txs_next(&txs, &raw); i++) {
            tx_put(index, step, i, raw);
        }
        crypto_digest(TAG_BLOCK_HEADER, block->header_bytes, &step->id);
        step->size += bytes.size;
    }
    free(block);
    return sound || error_set(error, EXIT_CODE_CORRUPT, "chain.db: block %llu is damaged",
                              (unsigned long long)step->height);
}

/* The blocks after the cursor. */
static bool step_fill(const struct index *index, struct store *store, uint64_t last,
                      struct step *step, struct error *error)
{
    uint32_t blocks = 0;
    while (step->height < last && blocks < STEP_BLOCKS && step->size < STEP_SIZE) {
        struct store_buffer bytes = {0};
        step->height++;
        const enum store_answer answer = store_block(store, step->height, &bytes, error);
        if (answer == STORE_FAILED) {
            return false;
        }
        if (answer == STORE_ABSENT) { /* pruned meanwhile: the next call begins higher */
            step->height--;
            return true;
        }
        const bool put = block_put(index, step, bytes_of(bytes.data, bytes.size), error);
        store_buffer_free(&bytes);
        if (!put) {
            return false;
        }
        blocks++;
    }
    return true;
}

static bool step_write(struct index *index, const struct step *step, struct error *error)
{
    uint8_t cursor[CURSOR_SIZE];
    store_be64(cursor, step->height);
    memcpy(cursor + 8, step->id.bytes, HASH_SIZE);
    rocks_batch_put(&index->rocks, step->batch, INDEX_DEFAULT, cursor_name(),
                    bytes_of(cursor, sizeof(cursor)));
    if (!rocks_write(&index->rocks, step->batch, false, error)) {
        return false;
    }
    index->id = step->id;
    atomic_store(&index->height, step->height);
    return true;
}

bool index_follow(struct index *index, struct store *store, bool *more, struct error *error)
{
    struct store_status status;
    store_status(store, &status);
    struct step step = {.height = index_height(index), .id = index->id};
    if (step.height + 1 < status.oldest_height) {
        step.height = status.oldest_height - 1; /* the blocks below are not here */
    }
    *more = false;
    if (step.height >= status.decided_height) {
        return true;
    }
    step.batch = rocksdb_writebatch_create();
    const bool filled = step_fill(index, store, status.decided_height, &step, error);
    const bool any = filled && step.size > 0;
    const bool done = filled && (!any || step_write(index, &step, error));
    rocksdb_writebatch_destroy(step.batch);
    *more = done && any && step.height < status.decided_height;
    return done;
}

/* ---- Looking up ------------------------------------------------------------------------ */

enum store_answer index_find(const struct index *index, const struct hash *id,
                             struct index_place *out, struct error *error)
{
    struct store_buffer found = {0};
    const enum store_answer answer =
        rocks_get(&index->rocks, INDEX_TX, bytes_of(id->bytes, HASH_SIZE), &found, error);
    if (answer != STORE_FOUND) {
        return answer;
    }
    const bool sound = found.size == PLACE_SIZE;
    if (sound) {
        *out = (struct index_place){
            .height = load_be64(found.data), .number = load_be32(found.data + 8), .id = *id};
    }
    store_buffer_free(&found);
    if (!sound) {
        (void)rocks_corrupt(&index->rocks, "a row is damaged", error);
        return STORE_FAILED;
    }
    return STORE_FOUND;
}

/* The row before (sender, height, number), where it is one of this sender. */
static bool row_read(const rocksdb_iterator_t *iterator, const struct address *sender,
                     struct index_place *out)
{
    const struct bytes key = rocks_iterator_key(iterator);
    const struct bytes value = rocks_iterator_value(iterator);
    if (key.size != FROM_SIZE || value.size != HASH_SIZE ||
        memcmp(key.data, sender->bytes, ADDRESS_SIZE) != 0) {
        return false;
    }
    out->height = load_be64(key.data + ADDRESS_SIZE);
    out->number = load_be32(key.data + ADDRESS_SIZE + 8);
    memcpy(out->id.bytes, value.data, HASH_SIZE);
    return true;
}

bool index_list(const struct index *index, struct index_page *io, struct error *error)
{
    uint8_t from[FROM_SIZE];
    memcpy(from, io->sender.bytes, ADDRESS_SIZE);
    place_write(from + ADDRESS_SIZE, io->below_height, io->below_number);
    io->count = 0;
    rocksdb_iterator_t *iterator = rocks_iterate(&index->rocks, INDEX_FROM);
    rocksdb_iter_seek_for_prev(iterator, (const char *)from, sizeof(from));
    if (rocksdb_iter_valid(iterator) &&
        bytes_equal(rocks_iterator_key(iterator), bytes_of(from, sizeof(from)))) {
        rocksdb_iter_prev(iterator); /* strictly below */
    }
    while (io->count < io->max && rocksdb_iter_valid(iterator) &&
           row_read(iterator, &io->sender, &io->places[io->count])) {
        io->count++;
        rocksdb_iter_prev(iterator);
    }
    return rocks_iterator_end(&index->rocks, iterator, error);
}
