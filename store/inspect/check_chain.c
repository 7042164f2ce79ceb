#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "store/inspect/core.h"
#include "wire/wire.h"

/* chain.db in one pass: its tables by height are walked side by side. */

enum { HEIGHT_SIZE = 8, TREE_KEY_SIZE = 1 + HEIGHT_SIZE, PROGRESS_EVERY = 64 };

struct pass {
    struct inspect *inspect;
    const struct rocks *rocks;
    rocksdb_iterator_t *tables[CHAIN_FAMILY_COUNT]; /* those by height */
    struct crypto_tree history;                     /* over the ids so far */
    bool has_results;                               /* of the block before */
    struct hash results_root;
    uint64_t height;
    struct wire_block block;
    struct store_buffer sealed; /* the block at hand, when it is in a sealed file */
};

static bool damage(struct pass *pass, enum chain_family family, const char *what,
                   struct error *error)
{
    const struct place place = {.table = inspect_chain_tables[family], .height = &pass->height};
    return inspect_damage(pass->inspect, pass->rocks, &place, what, error);
}

/* What a table has at this height; an empty view with *out.data == NULL: nothing. */
static bool table_at(struct pass *pass, enum chain_family family, struct bytes *out,
                     struct error *error)
{
    rocksdb_iterator_t *iterator = pass->tables[family];
    const struct place place = {.table = inspect_chain_tables[family], .height = &pass->height};
    *out = (struct bytes){0};
    if (!rocksdb_iter_valid(iterator)) {
        return inspect_iterator_sound(pass->inspect, pass->rocks, &place, iterator, error);
    }
    const struct bytes key = rocks_iterator_key(iterator);
    if (key.size != HEIGHT_SIZE || load_be64(key.data) < pass->height) {
        return damage(pass, family, "a record that is no height's", error);
    }
    if (load_be64(key.data) == pass->height) {
        *out = rocks_iterator_value(iterator);
    }
    return true;
}

static void table_next(struct pass *pass, enum chain_family family)
{
    uint8_t key[HEIGHT_SIZE];
    store_be64(key, pass->height);
    rocksdb_iterator_t *iterator = pass->tables[family];
    if (rocksdb_iter_valid(iterator) &&
        bytes_equal(rocks_iterator_key(iterator), bytes_of(key, sizeof(key)))) {
        rocksdb_iter_next(iterator);
    }
}

/* The nodes of the history tree that this id completes, as they were stored. */
static bool check_nodes(struct pass *pass, const struct crypto_tree *before, struct error *error)
{
    const uint64_t index = before->count;
    for (uint32_t level = 0; level == 0 || (index >> (level - 1) & 1) != 0; level++) {
        uint8_t key[TREE_KEY_SIZE];
        struct store_buffer found = {0};
        key[0] = (uint8_t)level;
        store_be64(key + 1, index >> level);
        if (rocks_get(pass->rocks, CHAIN_TREE, bytes_of(key, sizeof(key)), &found, error) ==
            STORE_FAILED) {
            return false;
        }
        /* The last node completed is the last peak of the new tree. */
        const bool top = (index >> level & 1) == 0;
        uint32_t peaks = 0;
        for (uint64_t bits = pass->history.count; bits != 0; bits &= bits - 1) {
            peaks++;
        }
        const bool sound =
            found.size == HASH_SIZE &&
            (!top || memcmp(found.data, pass->history.peaks[peaks - 1].bytes, HASH_SIZE) == 0);
        store_buffer_free(&found);
        if (!sound) {
            return damage(pass, CHAIN_TREE, "a node of the history tree is not what the ids give",
                          error);
        }
    }
    return true;
}

static bool check_id(struct pass *pass, struct bytes stored, struct hash *id, struct error *error)
{
    uint64_t height = 0;
    if (stored.size != HASH_SIZE) {
        return damage(pass, CHAIN_ID, "the block id is missing", error);
    }
    memcpy(id->bytes, stored.data, HASH_SIZE);
    const enum store_answer answer = chain_find(&pass->inspect->store.chain, id, &height, error);
    if (answer == STORE_FAILED) {
        return false;
    }
    return (answer == STORE_FOUND && height == pass->height) ||
           damage(pass, CHAIN_HEIGHT, "the block's id does not lead to its height", error);
}

static bool check_body(struct pass *pass, struct bytes body, const struct hash *id,
                       struct error *error)
{
    struct hash actual;
    struct hash history;
    if (body.data == NULL) {
        return damage(pass, CHAIN_BODY, "the block is missing", error);
    }
    if (!wire_decode_block(body, &pass->block)) {
        return damage(pass, CHAIN_BODY, "the bytes are no block", error);
    }
    crypto_digest(TAG_BLOCK_HEADER, pass->block.header_bytes, &actual);
    if (pass->block.header.height != pass->height || !hash_equal(&actual, id)) {
        return damage(pass, CHAIN_BODY, "the block is not the one its id names", error);
    }
    crypto_tree_root(&pass->history, &history);
    return hash_equal(&history, &pass->block.header.hist_root) ||
           damage(pass, CHAIN_BODY, "its hist_root is not that of the blocks before it", error);
}

static bool results_root(struct bytes bytes, struct hash *out)
{
    struct crypto_tree tree;
    struct wire_reader reader;
    crypto_tree_init(&tree, TAG_RESULT_TREE);
    wire_reader_init_nodes(&reader, bytes, BLOCK_TX_MAX + 2);
    const uint32_t count = wire_read_list(&reader, BLOCK_TX_MAX + 1);
    for (uint32_t i = 0; i < count; i++) {
        crypto_tree_append(&tree, wire_read_bin(&reader, FRAME_SIZE_MAX));
    }
    crypto_tree_root(&tree, out);
    return wire_reader_end(&reader);
}

/* The block before's results against this header, then this block's own. */
static bool check_results(struct pass *pass, struct bytes results, struct error *error)
{
    const struct inspect_head *head = &pass->inspect->head;
    if (pass->has_results && !hash_equal(&pass->results_root, &pass->block.header.results_root)) {
        pass->height--;
        return damage(pass, CHAIN_RESULTS, "the results are not those the next header names",
                      error);
    }
    pass->has_results = results.data != NULL;
    if (!pass->has_results) {
        return pass->height > head->applied_height ||
               damage(pass, CHAIN_RESULTS, "the results of an executed block are missing", error);
    }
    return results_root(results, &pass->results_root) ||
           damage(pass, CHAIN_RESULTS, "the bytes are no results", error);
}

/* A block that chain.db has given away. */
static bool sealed_at(struct pass *pass, struct bytes *body, struct error *error)
{
    store_buffer_free(&pass->sealed);
    if (body->data != NULL) {
        return true;
    }
    const struct chain *chain = &pass->inspect->store.chain;
    if (chain_block(chain, pass->height, &pass->sealed, error) == STORE_FAILED) {
        pass->inspect->fault = (struct inspect_fault){.found = true,
                                                      .database = "history",
                                                      .table = "sealed files",
                                                      .has_height = true,
                                                      .height = pass->height};
        return false;
    }
    *body = bytes_of(pass->sealed.data, pass->sealed.size);
    return true;
}

static bool check_height(struct pass *pass, const struct inspect_visitor *visitor,
                         struct error *error)
{
    struct bytes stored;
    struct inspect_block block = {.height = pass->height};
    struct bytes results;
    struct hash id;
    if (!table_at(pass, CHAIN_ID, &stored, error) ||
        !table_at(pass, CHAIN_BODY, &block.block, error) || !sealed_at(pass, &block.block, error) ||
        !table_at(pass, CHAIN_FINALITY, &block.finality, error) ||
        !table_at(pass, CHAIN_RESULTS, &results, error) || !check_id(pass, stored, &id, error) ||
        !check_body(pass, block.block, &id, error) || !check_results(pass, results, error)) {
        return false;
    }
    const struct crypto_tree before = pass->history;
    crypto_tree_append(&pass->history, bytes_of(id.bytes, HASH_SIZE));
    if (!check_nodes(pass, &before, error) ||
        (visitor->block != NULL && !visitor->block(visitor->context, &block, error))) {
        return false;
    }
    table_next(pass, CHAIN_ID);
    table_next(pass, CHAIN_BODY);
    table_next(pass, CHAIN_FINALITY);
    table_next(pass, CHAIN_RESULTS);
    return true;
}

/* Nothing may stand behind the head. */
static bool check_ends(struct pass *pass, struct error *error)
{
    for (uint32_t family = 0; family < CHAIN_FAMILY_COUNT; family++) {
        struct bytes beyond;
        if (pass->tables[family] == NULL) {
            continue;
        }
        if (!table_at(pass, family, &beyond, error)) {
            return false;
        }
        if (rocksdb_iter_valid(pass->tables[family])) {
            return damage(pass, family, "a record beyond the newest block", error);
        }
    }
    return true;
}

/* The tables that are not by height: every record read, and exactly as many as there must be. */
static bool check_count(struct pass *pass, enum chain_family family, uint64_t expected,
                        struct error *error)
{
    const struct place place = {.table = inspect_chain_tables[family]};
    rocksdb_iterator_t *iterator = rocks_iterate_all(pass->rocks, family);
    uint64_t count = 0;
    for (rocksdb_iter_seek_to_first(iterator); rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator)) {
        count++;
    }
    const bool sound = inspect_iterator_sound(pass->inspect, pass->rocks, &place, iterator, error);
    rocksdb_iter_destroy(iterator);
    return sound && (count == expected ||
                     inspect_damage(pass->inspect, pass->rocks, &place,
                                    "it has more or fewer records than the blocks need", error));
}

/* The tree's head and the last id as chain_open found them. */
static bool check_head(struct pass *pass, struct error *error)
{
    const struct chain *chain = &pass->inspect->store.chain;
    struct hash computed;
    struct hash stored;
    crypto_tree_root(&pass->history, &computed);
    crypto_tree_root(&chain->history, &stored);
    if (!hash_equal(&computed, &stored)) {
        return inspect_damage(pass->inspect, pass->rocks, &(struct place){.table = "default"},
                              "the head's history tree is not that of the blocks", error);
    }
    struct hash last = chain->id;
    const enum store_answer answer =
        chain->height == 0 ? STORE_FOUND
                           : store_block_id(&pass->inspect->store, chain->height, &last, error);
    return answer != STORE_FAILED &&
           (hash_equal(&last, &chain->id) ||
            inspect_damage(pass->inspect, pass->rocks, &(struct place){.table = "default"},
                           "the head names another block than the last", error));
}

static uint64_t peak_count(uint64_t leaves)
{
    uint64_t peaks = 0;
    for (uint64_t bits = leaves; bits != 0; bits &= bits - 1) {
        peaks++;
    }
    return peaks;
}

static uint64_t node_count(uint64_t leaves)
{
    return 2 * leaves - peak_count(leaves);
}

/* Of a restored chain the blocks behind its base are looked at, with the peaks it came with; of a
 * pruned one those that are left. */
static bool begin(struct pass *pass, uint64_t *first, struct error *error)
{
    const struct chain *chain = &pass->inspect->store.chain;
    uint8_t key[HEIGHT_SIZE];
    *first = 1;
    if (rocksdb_iter_valid(pass->tables[CHAIN_ID])) {
        const struct bytes at = rocks_iterator_key(pass->tables[CHAIN_ID]);
        *first = chain->base > 0 && at.size == HEIGHT_SIZE ? load_be64(at.data) : 1;
    }
    pass->height = chain->oldest > chain->base ? chain->oldest : chain->base + 1;
    if (pass->height == 1) {
        return true;
    }
    store_be64(key, pass->height);
    for (uint32_t family = 0; family < CHAIN_FAMILY_COUNT; family++) {
        if (pass->tables[family] != NULL) {
            rocksdb_iter_seek(pass->tables[family], (const char *)key, sizeof(key));
        }
    }
    return chain_history(chain, pass->height - 1, &pass->history, error);
}

static bool run(struct pass *pass, const struct inspect_visitor *visitor, struct error *error)
{
    const uint64_t last = pass->inspect->head.decided_height;
    const uint64_t base = pass->inspect->store.chain.base;
    uint64_t first = 1;
    if (!begin(pass, &first, error)) {
        return false;
    }
    for (; pass->height <= last; pass->height++) {
        if (!check_height(pass, visitor, error)) {
            return false;
        }
        if (visitor->progress != NULL &&
            (pass->height % PROGRESS_EVERY == 0 || pass->height == last)) {
            visitor->progress(visitor->context, "blocks", pass->height, last);
        }
    }
    return check_ends(pass, error) && check_head(pass, error) &&
           check_count(pass, CHAIN_HEIGHT, last + 1 - first, error) &&
           check_count(pass, CHAIN_TREE, node_count(last) - node_count(base) + peak_count(base),
                       error);
}

bool inspect_check_chain(struct inspect *inspect, const struct inspect_visitor *visitor,
                         struct error *error)
{
    static const enum chain_family by_height[] = {CHAIN_ID, CHAIN_BODY, CHAIN_FINALITY,
                                                  CHAIN_RESULTS};
    struct pass *pass = store_allocate(sizeof(*pass));
    memset(pass, 0, sizeof(*pass));
    pass->inspect = inspect;
    pass->rocks = &inspect->store.chain.rocks;
    crypto_tree_init(&pass->history, TAG_HISTORY_TREE);
    for (size_t i = 0; i < sizeof(by_height) / sizeof(by_height[0]); i++) {
        pass->tables[by_height[i]] = rocks_iterate_all(pass->rocks, by_height[i]);
        rocksdb_iter_seek_to_first(pass->tables[by_height[i]]);
    }
    const bool sound = run(pass, visitor, error);
    for (uint32_t family = 0; family < CHAIN_FAMILY_COUNT; family++) {
        if (pass->tables[family] != NULL) {
            rocksdb_iter_destroy(pass->tables[family]);
        }
    }
    store_buffer_free(&pass->sealed);
    free(pass);
    return sound;
}
