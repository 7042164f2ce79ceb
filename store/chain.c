#include "store/chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "store/sealed/files.h"

enum { SCHEMA = 1, HEIGHT_SIZE = 8, META_SIZE = 4 + HASH_SIZE, DECIDED_SIZE = 8 + HASH_SIZE };
enum { TREE_KEY_SIZE = 1 + HEIGHT_SIZE, RECOVERY_TORN_TAIL = 0 };

enum { CACHE_SIZE = 16 << 20 };
static const char meta_key[] = "meta";
static const char decided_key[] = "decided";
static const char history_key[] = "history";
static const char base_key[] = "base";
static const char epochs_key[] = "epochs";

static struct bytes name_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

struct height_key {
    uint8_t bytes[HEIGHT_SIZE];
};

static struct height_key height_key(uint64_t height)
{
    struct height_key key;
    store_be64(key.bytes, height);
    return key;
}

bool meta_check(struct rocks *rocks, const struct store_options *options, struct error *error)
{
    uint8_t meta[META_SIZE];
    store_be32(meta, SCHEMA);
    memcpy(meta + 4, options->chain_id.bytes, HASH_SIZE);
    struct store_buffer found = {0};
    const enum store_answer answer = rocks_get(rocks, 0, name_of(meta_key), &found, error);
    if (answer == STORE_FAILED) {
        return false;
    }
    if (answer == STORE_ABSENT) {
        if (options->read_only) {
            return error_set(error, EXIT_CODE_NOT_FOUND, "%s: holds no chain yet", rocks->path);
        }
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        rocks_batch_put(rocks, batch, 0, name_of(meta_key), bytes_of(meta, sizeof(meta)));
        const bool written = rocks_write(rocks, batch, true, error);
        rocksdb_writebatch_destroy(batch);
        return written;
    }
    const bool sized = found.size == META_SIZE;
    const bool version = sized && memcmp(found.data, meta, 4) == 0;
    const bool chain = sized && memcmp(found.data + 4, meta + 4, HASH_SIZE) == 0;
    store_buffer_free(&found);
    if (!sized) {
        return rocks_corrupt(rocks, "its first record is damaged", error);
    }
    if (!version) {
        return error_set(error, EXIT_CODE_BAD_VERSION,
                         "%s: written by another version; use that version's binary", rocks->path);
    }
    if (!chain) {
        return error_set(error, EXIT_CODE_BAD_GENESIS,
                         "%s: belongs to another chain; check the genesis file or the data "
                         "directory",
                         rocks->path);
    }
    return true;
}

static bool base_load(struct chain *chain, struct error *error)
{
    struct store_buffer base = {0};
    const enum store_answer answer =
        rocks_get(&chain->rocks, CHAIN_DEFAULT, name_of(base_key), &base, error);
    if (answer != STORE_FOUND) {
        return answer == STORE_ABSENT;
    }
    const bool sound = base.size == HEIGHT_SIZE;
    chain->base = sound ? load_be64(base.data) : 0;
    store_buffer_free(&base);
    return sound || rocks_corrupt(&chain->rocks, "its base record is damaged", error);
}

/* Reads where the chain stands; an empty database is the chain at height 0. */
static bool head_load(struct chain *chain, const struct hash *chain_id, struct error *error)
{
    struct store_buffer decided = {0};
    struct store_buffer history = {0};
    crypto_tree_init(&chain->history, TAG_HISTORY_TREE);
    chain->chain_id = *chain_id;
    chain->id = *chain_id;
    const enum store_answer answer =
        rocks_get(&chain->rocks, CHAIN_DEFAULT, name_of(decided_key), &decided, error);
    if (answer != STORE_FOUND) {
        return answer == STORE_ABSENT;
    }
    if (rocks_get(&chain->rocks, CHAIN_DEFAULT, name_of(history_key), &history, error) ==
        STORE_FAILED) {
        store_buffer_free(&decided);
        return false;
    }
    bool sound =
        decided.size == DECIDED_SIZE &&
        crypto_tree_read(&chain->history, TAG_HISTORY_TREE, bytes_of(history.data, history.size));
    if (sound) {
        chain->height = load_be64(decided.data);
        memcpy(chain->id.bytes, decided.data + HEIGHT_SIZE, HASH_SIZE);
        sound = chain->history.count == chain->height;
    }
    store_buffer_free(&decided);
    store_buffer_free(&history);
    return sound || rocks_corrupt(&chain->rocks, "its head record is damaged", error);
}

bool chain_open(struct chain *chain, const struct store_options *options, struct error *error)
{
    static const char *const families[CHAIN_FAMILY_COUNT] = {"default", "id",     "body", "fin",
                                                             "res",     "hash2h", "mmr"};
    const struct rocks_config config = {
        .dir = options->dir,
        .name = "chain.db",
        .repair = "move chain.db and state.db away, keep sign/ and journal/, start again",
        .families = families,
        .family_count = CHAIN_FAMILY_COUNT,
        .cache_size = CACHE_SIZE,
        .reserve = options->reserve_bytes,
        /* A torn tail is what a crash leaves, damage before it is refused. */
        .recovery_mode = RECOVERY_TORN_TAIL,
        .read_only = options->read_only,
    };
    if (!rocks_open(&chain->rocks, &config, error)) {
        return false;
    }
    if (!meta_check(&chain->rocks, options, error) ||
        !head_load(chain, &options->chain_id, error) || !base_load(chain, error) ||
        !sealed_open(options->dir, options->read_only, &chain->sealed, error) ||
        !chain_oldest_load(chain, error)) {
        chain_close(chain);
        return false;
    }
    return true;
}

void chain_close(struct chain *chain)
{
    sealed_close(chain->sealed);
    chain->sealed = NULL;
    rocks_close(&chain->rocks);
}

struct tree_key {
    uint8_t bytes[TREE_KEY_SIZE];
};

static struct tree_key tree_key(uint32_t level, uint64_t index)
{
    struct tree_key key;
    key.bytes[0] = (uint8_t)level;
    store_be64(key.bytes + 1, index);
    return key;
}

static uint32_t bit_count(uint64_t word)
{
    uint32_t count = 0;
    for (; word != 0; word &= word - 1) {
        count++;
    }
    return count;
}

/* Leaf number history->count completes one perfect subtree for each trailing one of that
 * number, and itself.  The root of the subtree at level l is what the tree of its last l
 * peaks alone becomes when the leaf is appended. */
static void history_append(struct chain *chain, rocksdb_writebatch_t *batch,
                           struct crypto_tree *history, const struct hash *id)
{
    const uint64_t index = history->count;
    const uint32_t peaks = bit_count(index);
    const struct bytes entry = bytes_of(id->bytes, HASH_SIZE);
    for (uint32_t level = 0; level == 0 || (index >> (level - 1) & 1) != 0; level++) {
        struct crypto_tree part;
        crypto_tree_init(&part, TAG_HISTORY_TREE);
        part.count = (UINT64_C(1) << level) - 1;
        memcpy(part.peaks, history->peaks + (peaks - level), level * sizeof(part.peaks[0]));
        crypto_tree_append(&part, entry);
        const struct tree_key key = tree_key(level, index >> level);
        rocks_batch_put(&chain->rocks, batch, CHAIN_TREE, bytes_of(key.bytes, sizeof(key.bytes)),
                        bytes_of(part.peaks[0].bytes, HASH_SIZE));
    }
    crypto_tree_append(history, entry);
}

static void block_append(struct chain *chain, rocksdb_writebatch_t *batch,
                         const struct store_final *block)
{
    const struct height_key number = height_key(block->height);
    const struct bytes key = bytes_of(number.bytes, HEIGHT_SIZE);
    const struct bytes id = bytes_of(block->block_id.bytes, HASH_SIZE);
    rocks_batch_put(&chain->rocks, batch, CHAIN_ID, key, id);
    rocks_batch_put(&chain->rocks, batch, CHAIN_HEIGHT, id, key);
    rocks_batch_put(&chain->rocks, batch, CHAIN_BODY, key, block->block);
    if (block->finality.size > 0) {
        rocks_batch_put(&chain->rocks, batch, CHAIN_FINALITY, key, block->finality);
    }
    if (block->results.size > 0) {
        rocks_batch_put(&chain->rocks, batch, CHAIN_RESULTS, key, block->results);
    }
}

static void head_put(struct chain *chain, rocksdb_writebatch_t *batch,
                     const struct chain_head *head)
{
    uint8_t decided[DECIDED_SIZE];
    uint8_t history[CRYPTO_TREE_SIZE_MAX];
    store_be64(decided, head->height);
    memcpy(decided + HEIGHT_SIZE, head->id.bytes, HASH_SIZE);
    const size_t history_size = crypto_tree_write(&head->history, history);
    rocks_batch_put(&chain->rocks, batch, CHAIN_DEFAULT, name_of(decided_key),
                    bytes_of(decided, sizeof(decided)));
    rocks_batch_put(&chain->rocks, batch, CHAIN_DEFAULT, name_of(history_key),
                    bytes_of(history, history_size));
}

bool chain_append(struct chain *chain, const struct store_final *blocks, size_t count,
                  struct chain_head *next, struct error *error)
{
    ASSERT(count > 0);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    next->history = chain->history;
    for (size_t i = 0; i < count; i++) {
        ASSERT(blocks[i].height == chain->height + 1 + i);
        block_append(chain, batch, &blocks[i]);
        history_append(chain, batch, &next->history, &blocks[i].block_id);
    }
    next->height = blocks[count - 1].height;
    next->id = blocks[count - 1].block_id;
    head_put(chain, batch, next);
    const bool written = rocks_write(&chain->rocks, batch, true, error);
    rocksdb_writebatch_destroy(batch);
    return written;
}

bool chain_put_results(struct chain *chain, uint64_t height, struct bytes results,
                       struct error *error)
{
    const struct height_key key = height_key(height);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocks_batch_put(&chain->rocks, batch, CHAIN_RESULTS, bytes_of(key.bytes, HEIGHT_SIZE), results);
    const bool written = rocks_write(&chain->rocks, batch, false, error);
    rocksdb_writebatch_destroy(batch);
    return written;
}

enum store_answer chain_get(const struct chain *chain, enum chain_family family, uint64_t height,
                            struct store_buffer *out, struct error *error)
{
    const struct height_key key = height_key(height);
    return rocks_get(&chain->rocks, family, bytes_of(key.bytes, HEIGHT_SIZE), out, error);
}

enum store_answer chain_finality_at_most(const struct chain *chain, uint64_t limit,
                                         uint64_t *height, struct error *error)
{
    const struct height_key key = height_key(limit);
    rocksdb_iterator_t *iterator = rocks_iterate(&chain->rocks, CHAIN_FINALITY);
    rocksdb_iter_seek_for_prev(iterator, (const char *)key.bytes, HEIGHT_SIZE);
    bool found = false;
    if (rocksdb_iter_valid(iterator)) {
        const struct bytes at = rocks_iterator_key(iterator);
        found = at.size == HEIGHT_SIZE;
        *height = found ? load_be64(at.data) : 0;
    }
    if (!rocks_iterator_end(&chain->rocks, iterator, error)) {
        return STORE_FAILED;
    }
    return found ? STORE_FOUND : STORE_ABSENT;
}

enum store_answer chain_find(const struct chain *chain, const struct hash *id, uint64_t *height,
                             struct error *error)
{
    struct store_buffer found = {0};
    const enum store_answer answer =
        rocks_get(&chain->rocks, CHAIN_HEIGHT, bytes_of(id->bytes, HASH_SIZE), &found, error);
    if (answer != STORE_FOUND) {
        return answer;
    }
    const bool sound = found.size == HEIGHT_SIZE;
    *height = sound ? load_be64(found.data) : 0;
    store_buffer_free(&found);
    if (!sound) {
        (void)rocks_corrupt(&chain->rocks, "a height record is damaged", error);
        return STORE_FAILED;
    }
    return STORE_FOUND;
}

static bool node_get(const struct chain *chain, uint32_t level, uint64_t index, struct hash *out,
                     struct error *error)
{
    const struct tree_key key = tree_key(level, index);
    struct store_buffer found = {0};
    const enum store_answer answer =
        rocks_get(&chain->rocks, CHAIN_TREE, bytes_of(key.bytes, sizeof(key.bytes)), &found, error);
    if (answer == STORE_FAILED) {
        return false;
    }
    const bool sound = answer == STORE_FOUND && found.size == HASH_SIZE;
    if (sound) {
        memcpy(out->bytes, found.data, HASH_SIZE);
    }
    store_buffer_free(&found);
    return sound || rocks_corrupt(&chain->rocks, "a node of the history tree is missing", error);
}

static uint32_t top_bit(uint64_t word)
{
    uint32_t bit = 0;
    while (word >> 1 >> bit != 0) {
        bit++;
    }
    return bit;
}

/* The peaks of the tree of count leaves, largest first. */
static bool peaks_get(const struct chain *chain, uint64_t count, struct hash *peaks,
                      struct error *error)
{
    uint64_t start = 0;
    for (uint32_t i = 0; start < count; i++) {
        const uint32_t level = top_bit(count - start);
        if (!node_get(chain, level, start >> level, &peaks[i], error)) {
            return false;
        }
        start += UINT64_C(1) << level;
    }
    return true;
}

bool chain_history(const struct chain *chain, uint64_t count, struct crypto_tree *out,
                   struct error *error)
{
    ASSERT(chain->base <= count && count <= chain->height);
    crypto_tree_init(out, TAG_HISTORY_TREE);
    out->count = count;
    return peaks_get(chain, count, out->peaks, error);
}

static void peaks_put(struct chain *chain, rocksdb_writebatch_t *batch,
                      const struct crypto_tree *history)
{
    uint64_t start = 0;
    for (uint32_t i = 0; start < history->count; i++) {
        const uint32_t level = top_bit(history->count - start);
        const struct tree_key key = tree_key(level, start >> level);
        rocks_batch_put(&chain->rocks, batch, CHAIN_TREE, bytes_of(key.bytes, sizeof(key.bytes)),
                        bytes_of(history->peaks[i].bytes, HASH_SIZE));
        start += UINT64_C(1) << level;
    }
}

/* The peaks up to the base are all that proofs of later blocks need of the tree there. */
bool chain_begin(struct chain *chain, const struct crypto_tree *history,
                 const struct store_final *blocks, size_t count, struct error *error)
{
    const struct store_final *last = &blocks[count - 1];
    ASSERT(chain->height == 0 && last->height == history->count + 1 && last->finality.size > 0);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    const struct height_key base = height_key(history->count);
    struct chain_head head = {.height = last->height, .id = last->block_id, .history = *history};
    peaks_put(chain, batch, history);
    for (size_t i = 0; i < count; i++) {
        ASSERT(i == 0 || blocks[i].height == blocks[i - 1].height + 1);
        block_append(chain, batch, &blocks[i]);
    }
    history_append(chain, batch, &head.history, &last->block_id);
    head_put(chain, batch, &head);
    rocks_batch_put(&chain->rocks, batch, CHAIN_DEFAULT, name_of(base_key),
                    bytes_of(base.bytes, HEIGHT_SIZE));
    const bool written = rocks_write(&chain->rocks, batch, true, error);
    rocksdb_writebatch_destroy(batch);
    return written;
}

bool chain_put_epochs(struct chain *chain, struct bytes epochs, struct error *error)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocks_batch_put(&chain->rocks, batch, CHAIN_DEFAULT, name_of(epochs_key), epochs);
    const bool written = rocks_write(&chain->rocks, batch, true, error);
    rocksdb_writebatch_destroy(batch);
    return written;
}

enum store_answer chain_get_epochs(const struct chain *chain, struct store_buffer *out,
                                   struct error *error)
{
    return rocks_get(&chain->rocks, CHAIN_DEFAULT, name_of(epochs_key), out, error);
}

/* RFC 9162, 2.1.3.1: inside the peak above the leaf the siblings are perfect subtrees; then
 * comes everything on the right of the peak as one tree, then the peaks on its left. */
bool chain_prove(const struct chain *chain, uint64_t height, uint64_t count,
                 struct crypto_path *out, struct error *error)
{
    ASSERT(height > chain->base && height <= count && count <= chain->height);
    struct hash peaks[CRYPTO_TREE_PEAK_MAX];
    if (!peaks_get(chain, count, peaks, error)) {
        return false;
    }
    *out = (struct crypto_path){.index = height - 1, .count = count};
    uint32_t left = 0;
    uint64_t start = 0;
    uint32_t top = top_bit(count);
    while (out->index >= start + (UINT64_C(1) << top)) {
        start += UINT64_C(1) << top;
        top = top_bit(count - start);
        left++;
    }
    for (uint32_t level = 0; level < top; level++) {
        if (!node_get(chain, level, (out->index >> level) ^ 1, &out->siblings[out->size], error)) {
            return false;
        }
        out->size++;
    }
    struct crypto_tree right;
    crypto_tree_init(&right, TAG_HISTORY_TREE);
    right.count = count - start - (UINT64_C(1) << top);
    if (right.count > 0) {
        memcpy(right.peaks, peaks + left + 1, bit_count(right.count) * sizeof(peaks[0]));
        crypto_tree_root(&right, &out->siblings[out->size++]);
    }
    while (left > 0) {
        out->siblings[out->size++] = peaks[--left];
    }
    return true;
}

/* The root over leaves start .. end - 1, where start is a multiple of the greatest power of two
 * that is not above their number: the peaks of a tree of their own. */
static bool range_root(const struct chain *chain, uint64_t start, uint64_t end, struct hash *out,
                       struct error *error)
{
    struct crypto_tree part;
    crypto_tree_init(&part, TAG_HISTORY_TREE);
    part.count = end - start;
    uint64_t at = start;
    for (uint32_t i = 0; at < end; i++) {
        const uint32_t level = top_bit(end - at);
        if (!node_get(chain, level, at >> level, &part.peaks[i], error)) {
            return false;
        }
        at += UINT64_C(1) << level;
    }
    crypto_tree_root(&part, out);
    return true;
}

/* RFC 9162, 2.1.4.1, from the root down; the proof has the hashes in the other order.  Nodes on
 * the left are peaks of the earlier tree, those on the right lie behind it. */
bool chain_grow(const struct chain *chain, uint64_t before, uint64_t after,
                struct crypto_growth *out, struct error *error)
{
    ASSERT(chain->base <= before && before <= after && after <= chain->height);
    struct hash down[CRYPTO_GROWTH_MAX];
    uint32_t count = 0;
    uint64_t start = 0;
    uint64_t end = after;
    *out = (struct crypto_growth){.before = before, .after = after};
    while (before != 0 && before != end) {
        const uint64_t middle = start + (UINT64_C(1) << top_bit(end - start - 1));
        const bool left = before <= middle;
        if (!range_root(chain, left ? middle : start, left ? end : middle, &down[count], error)) {
            return false;
        }
        start = left ? start : middle;
        end = left ? middle : end;
        count++;
    }
    /* An earlier tree that is one perfect subtree is known to whoever asks. */
    if (start != 0 && !range_root(chain, start, end, &down[count++], error)) {
        return false;
    }
    while (count > 0) {
        out->hashes[out->size++] = down[--count];
    }
    return true;
}
