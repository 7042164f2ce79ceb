#include "tests/support/toy_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

struct toy_text toy_key(size_t number)
{
    struct toy_text text;
    (void)snprintf(text.chars, sizeof(text.chars), "%s/%03zu", number % 3 == 0 ? "a" : "b", number);
    return text;
}

struct toy_text toy_value(size_t number, uint32_t version)
{
    struct toy_text text;
    (void)snprintf(text.chars, sizeof(text.chars), "value %zu in version %u", number, version);
    text.chars[version % 5 == 0 ? 0 : strlen(text.chars)] = '\0'; /* some are empty */
    return text;
}

struct bytes toy_bytes(const struct toy_text *text)
{
    return bytes_of(text->chars, strlen(text->chars));
}

static int write_order(const void *a, const void *b)
{
    const struct state_write *x = a;
    const struct state_write *y = b;
    return memcmp(x->key.data, y->key.data, x->key.size); /* all of one size */
}

void toy_block_make(struct toy_state *state, uint64_t label, struct toy_block *out)
{
    uint64_t seed = label;
    size_t count = 0;
    const uint64_t rate = random_below(&seed, 20);
    for (size_t i = 0; i < TOY_KEYS; i++) {
        if (random_below(&seed, 100) >= rate) {
            continue;
        }
        const bool removed = random_below(&seed, 4) == 0;
        state->versions[i] = removed ? 0 : 1 + (uint32_t)random_below(&seed, 1000000);
        out->keys[i] = toy_key(i);
        out->values[i] = toy_value(i, state->versions[i]);
        out->items[count++] = (struct state_write){
            .key = toy_bytes(&out->keys[i]),
            .value = toy_bytes(&out->values[i]),
            .removed = removed,
        };
    }
    qsort(out->items, count, sizeof(out->items[0]), write_order);
    out->writes = (struct state_writes){.items = out->items, .count = count};
}

static int leaf_order(const void *a, const void *b)
{
    return hash_compare(&((const struct state_tree_leaf *)a)->path,
                        &((const struct state_tree_leaf *)b)->path);
}

struct hash toy_root(const struct toy_state *state)
{
    struct state_tree_leaf leaves[TOY_KEYS];
    size_t count = 0;
    for (size_t i = 0; i < TOY_KEYS; i++) {
        if (state->versions[i] == 0) {
            continue;
        }
        const struct toy_text key = toy_key(i);
        const struct toy_text value = toy_value(i, state->versions[i]);
        struct hash vhash;
        state_tree_path(toy_bytes(&key), &leaves[count].path);
        state_tree_vhash(toy_bytes(&value), &vhash);
        state_tree_leaf_hash(&leaves[count].path, &vhash, &leaves[count].hash);
        count++;
    }
    qsort(leaves, count, sizeof(leaves[0]), leaf_order);
    struct state_tree_node node;
    state_tree_fold(leaves, count, 0, &node);
    return node.hash;
}

struct hash toy_id(uint64_t label)
{
    struct hash id;
    uint64_t seed = label ^ UINT64_C(0x1D1D1D1D);
    random_fill(&seed, id.bytes, HASH_SIZE);
    return id;
}
