#ifndef TESTS_SUPPORT_SNAPSHOT_DRAW_H
#define TESTS_SUPPORT_SNAPSHOT_DRAW_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/snapshot/snapshot.h"

/* A state as an array, its cut, and its manifest. */

struct drawn_leaf {
    struct hash path;
    struct hash hash;
    uint8_t *record;
    size_t size;
};

struct drawn {
    struct drawn_leaf *leaves;
    size_t count;
    struct snapshot_part *parts;
    struct snapshot_manifest manifest;
    uint8_t *bytes; /* of the manifest */
    size_t size;
};

enum { DRAWN_KEY_SIZE = 32 };

static inline int drawn_order(const void *a, const void *b)
{
    const struct drawn_leaf *x = a;
    const struct drawn_leaf *y = b;
    return hash_compare(&x->path, &y->path);
}

/* Key "key-i" with a value of this size. */
static inline void drawn_leaf_make(struct drawn_leaf *leaf, size_t i, size_t size)
{
    char key[DRAWN_KEY_SIZE];
    (void)snprintf(key, sizeof(key), "key-%zu", i);
    uint8_t *value = malloc(size + 1);
    for (size_t j = 0; j < size; j++) {
        value[j] = (uint8_t)((i + 31 * j) % 251);
    }
    const struct bytes name = bytes_of(key, strlen(key));
    const struct bytes content = bytes_of(value, size);
    struct hash vhash;
    state_tree_path(name, &leaf->path);
    state_tree_vhash(content, &vhash);
    state_tree_leaf_hash(&leaf->path, &vhash, &leaf->hash);
    leaf->size = snapshot_record_size(name, content);
    leaf->record = malloc(leaf->size);
    snapshot_record_write(name, content, leaf->record);
    free(value);
}

/* Sorts the leaves, cuts them, writes the manifest: drawn->leaves and count are set. */
static inline void drawn_cut(struct drawn *drawn, uint64_t height)
{
    struct snapshot_fold *fold = malloc(sizeof(*fold));
    struct snapshot_subtree root;
    qsort(drawn->leaves, drawn->count, sizeof(*drawn->leaves), drawn_order);
    drawn->parts = malloc((drawn->count + 1) * sizeof(*drawn->parts));
    snapshot_fold_init(fold, 0, SNAPSHOT_CHUNK_SIZE);
    snapshot_fold_keep(fold, drawn->parts, drawn->count);
    for (size_t i = 0; i < drawn->count; i++) {
        const struct snapshot_part leaf = {
            .node = {.hash = drawn->leaves[i].hash, .kind = STATE_TREE_LEAF},
            .leaves = 1,
            .size = (uint32_t)drawn->leaves[i].size};
        ASSERT(snapshot_fold_push(fold, &drawn->leaves[i].path, PROOF_DEPTH_MAX, &leaf));
    }
    snapshot_fold_end(fold, &root);
    memset(drawn->manifest.chain_id.bytes, 7, HASH_SIZE);
    drawn->manifest.height = height;
    drawn->manifest.state_root = root.node.hash;
    drawn->manifest.part_count = (uint32_t)fold->count;
    crypto_tree_init(&drawn->manifest.history, TAG_HISTORY_TREE);
    for (uint64_t h = 1; h <= height; h++) {
        char name[DRAWN_KEY_SIZE];
        struct hash id;
        (void)snprintf(name, sizeof(name), "block-%llu", (unsigned long long)h);
        crypto_sha256(bytes_of(name, strlen(name)), &id);
        crypto_tree_append(&drawn->manifest.history, bytes_of(id.bytes, HASH_SIZE));
    }
    drawn->size = snapshot_manifest_size(&drawn->manifest);
    drawn->bytes = malloc(drawn->size);
    snapshot_manifest_write(&drawn->manifest, drawn->parts, drawn->bytes);
    free(fold);
}

static inline void drawn_free(struct drawn *drawn)
{
    for (size_t i = 0; i < drawn->count; i++) {
        free(drawn->leaves[i].record);
    }
    free(drawn->leaves);
    free(drawn->parts);
    free(drawn->bytes);
}

/* The chunk of part `index`: the next part->leaves leaves from *first on.  part->size bytes that
 * the caller frees. */
static inline uint8_t *drawn_chunk(const struct drawn *drawn, uint32_t index, size_t *first)
{
    const struct snapshot_part *part = &drawn->parts[index];
    uint8_t *out = malloc(part->size);
    size_t size = 0;
    for (size_t i = 0; i < part->leaves; i++, (*first)++) {
        memcpy(out + size, drawn->leaves[*first].record, drawn->leaves[*first].size);
        size += drawn->leaves[*first].size;
    }
    ASSERT(size == part->size);
    return out;
}

#endif /* TESTS_SUPPORT_SNAPSHOT_DRAW_H */
