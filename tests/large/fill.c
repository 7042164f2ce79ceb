#include "tests/large/fill.h"

#include <stdlib.h>
#include <string.h>

#include "store/core.h"
#include "store/snapshot/tables.h"

enum { TABLE_SIZE = 64 << 20 };

struct item {
    struct state_tree_leaf leaf;
    uint64_t index;
    uint32_t key_size;
    uint8_t key[FILL_KEY_MAX];
};

struct filling {
    const struct fill *fill;
    struct rocks state;
    struct item *items;
};

static struct bytes key_of(const struct item *item)
{
    return bytes_of(item->key, item->key_size);
}

static int path_order(const void *a, const void *b)
{
    return hash_compare(&((const struct item *)a)->leaf.path, &((const struct item *)b)->leaf.path);
}

static int key_order(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    const int order = memcmp(x->key, y->key, x->key_size < y->key_size ? x->key_size : y->key_size);
    return order != 0 ? order : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

static void items_make(struct filling *filling)
{
    const struct fill *fill = filling->fill;
    filling->items = store_allocate(fill->count * sizeof(*filling->items));
    for (uint64_t i = 0; i < fill->count; i++) {
        uint8_t key_room[FILL_KEY_MAX];
        uint8_t value_room[FILL_VALUE_MAX];
        struct item *item = &filling->items[i];
        struct hash vhash;
        const struct bytes key = fill->key(fill->context, i, key_room);
        ASSERT(key.size <= FILL_KEY_MAX);
        *item = (struct item){.index = i, .key_size = (uint32_t)key.size};
        memcpy(item->key, key.data, key.size);
        state_tree_path(key, &item->leaf.path);
        state_tree_vhash(fill->value(fill->context, i, value_room), &vhash);
        state_tree_leaf_hash(&item->leaf.path, &vhash, &item->leaf.hash);
    }
}

static bool leaf_put(const struct fill *fill, const struct item *item, struct tables *tables,
                     struct error *error)
{
    uint8_t value[FILL_VALUE_MAX];
    const struct record record = {.leaf = item->leaf.hash,
                                  .key = key_of(item),
                                  .value = fill->value(fill->context, item->index, value)};
    const size_t size = leaf_record_size(record.key, record.value);
    uint8_t *bytes = store_allocate(size);
    leaf_record_write(&record, bytes);
    const bool put = tables_put(tables, bytes_of(item->leaf.path.bytes, HASH_SIZE),
                                bytes_of(bytes, size), error);
    free(bytes);
    return put;
}

static bool family_fill(struct filling *filling, size_t family, struct error *error)
{
    const struct fill *fill = filling->fill;
    const bool leaves = family == LEDGER_LEAF;
    struct tables tables;
    qsort(filling->items, fill->count, sizeof(*filling->items), leaves ? path_order : key_order);
    bool sound = tables_begin(&tables, &filling->state, family, fill->dir, error);
    for (uint64_t i = 0; sound && i < fill->count; i++) {
        const struct item *item = &filling->items[i];
        sound = (leaves ? leaf_put(fill, item, &tables, error)
                        : tables_put(&tables, key_of(item), bytes_of(NULL, 0), error)) &&
                tables_take(&tables, TABLE_SIZE, error);
    }
    sound = sound && tables_take(&tables, 0, error);
    tables_end(&tables);
    return sound;
}

/* By the tree that the product keeps in RAM.  items ascend by path. */
static struct hash root_of(const struct filling *filling)
{
    struct tier *tier = tier_create(tier_depth_for(filling->fill->count));
    for (uint64_t i = 0; i < filling->fill->count; i++) {
        tier_load(tier, &filling->items[i].leaf);
    }
    tier_seal(tier);
    const struct hash root = tier_root(tier, NULL);
    tier_free(tier);
    return root;
}

static bool head_put(struct filling *filling, struct error *error)
{
    const struct applied applied = {.root = root_of(filling), .count = filling->fill->count};
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    ledger_batch_applied(&filling->state, batch, &applied);
    const bool done = rocks_write(&filling->state, batch, true, error);
    rocksdb_writebatch_destroy(batch);
    return done;
}

bool fill_state(const struct fill *fill, struct error *error)
{
    const struct store_options options = {.dir = fill->dir, .chain_id = fill->chain_id};
    const struct rocks_config config = ledger_config(&options);
    struct filling filling = {.fill = fill};
    if (!rocks_open(&filling.state, &config, error)) {
        return false;
    }
    items_make(&filling);
    const bool done = meta_check(&filling.state, &options, error) &&
                      family_fill(&filling, LEDGER_KEYS, error) &&
                      family_fill(&filling, LEDGER_LEAF, error) && head_put(&filling, error);
    free(filling.items);
    rocks_close(&filling.state);
    return done;
}
