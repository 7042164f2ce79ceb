#include <string.h>

#include "base/endian.h"
#include "state/snapshot/snapshot.h"

enum { PATH_BITS = 256 };

void snapshot_record_write(struct bytes key, struct bytes value, uint8_t *out)
{
    ASSERT(key.size > 0 && key.size <= STATE_KEY_SIZE_MAX && value.size <= STATE_VALUE_SIZE_MAX);
    store_be16(out, (uint16_t)key.size);
    store_be32(out + 2, (uint32_t)value.size);
    memcpy(out + SNAPSHOT_RECORD_HEAD_SIZE, key.data, key.size);
    if (value.size > 0) {
        memcpy(out + SNAPSHOT_RECORD_HEAD_SIZE + key.size, value.data, value.size);
    }
}

void snapshot_reader_init(struct snapshot_reader *reader, const struct snapshot_part *part,
                          struct bytes chunk)
{
    reader->part = part;
    reader->rest = chunk;
    reader->size = chunk.size;
    reader->verdict = chunk.size > SNAPSHOT_CHUNK_SIZE_MAX ? SNAPSHOT_FORM : SNAPSHOT_OK;
    snapshot_fold_init(&reader->fold, part->depth, UINT64_MAX);
}

static bool refuse(struct snapshot_reader *reader, enum snapshot_verdict verdict)
{
    reader->verdict = verdict;
    return false;
}

static bool record_read(struct snapshot_reader *reader, struct snapshot_record *out)
{
    const struct bytes rest = reader->rest;
    if (rest.size < SNAPSHOT_RECORD_HEAD_SIZE) {
        return false;
    }
    const size_t key_size = load_be16(rest.data);
    const size_t value_size = load_be32(rest.data + 2);
    const size_t room = rest.size - SNAPSHOT_RECORD_HEAD_SIZE;
    if (key_size == 0 || key_size > STATE_KEY_SIZE_MAX || value_size > STATE_VALUE_SIZE_MAX ||
        key_size + value_size > room) {
        return false;
    }
    out->key = bytes_of(rest.data + SNAPSHOT_RECORD_HEAD_SIZE, key_size);
    out->value = bytes_of(rest.data + SNAPSHOT_RECORD_HEAD_SIZE + key_size, value_size);
    const size_t size = snapshot_record_size(out->key, out->value);
    reader->rest = bytes_of(rest.data + size, rest.size - size);
    return true;
}

static bool shares_prefix(const struct snapshot_part *part, const struct hash *path)
{
    uint32_t bit = 0;
    while (bit < part->depth && state_tree_bit(&part->prefix, bit) == state_tree_bit(path, bit)) {
        bit++;
    }
    return bit == part->depth;
}

bool snapshot_reader_next(struct snapshot_reader *reader, struct snapshot_record *out)
{
    if (reader->verdict != SNAPSHOT_OK || reader->rest.size == 0) {
        return false;
    }
    if (!record_read(reader, out)) {
        return refuse(reader, SNAPSHOT_FORM);
    }
    struct hash vhash;
    struct snapshot_part leaf = {.node = {.kind = STATE_TREE_LEAF}, .leaves = 1};
    state_tree_path(out->key, &out->path);
    state_tree_vhash(out->value, &vhash);
    state_tree_leaf_hash(&out->path, &vhash, &out->leaf);
    leaf.node.hash = out->leaf;
    leaf.size = (uint32_t)snapshot_record_size(out->key, out->value);
    return (shares_prefix(reader->part, &out->path) &&
            snapshot_fold_push(&reader->fold, &out->path, PATH_BITS, &leaf)) ||
           refuse(reader, SNAPSHOT_ORDER);
}

enum snapshot_verdict snapshot_reader_end(struct snapshot_reader *reader)
{
    const struct snapshot_part *part = reader->part;
    struct snapshot_subtree found;
    if (reader->verdict != SNAPSHOT_OK || reader->rest.size != 0) {
        return reader->verdict == SNAPSHOT_OK ? SNAPSHOT_FORM : reader->verdict;
    }
    snapshot_fold_end(&reader->fold, &found);
    if (!hash_equal(&found.node.hash, &part->node.hash)) {
        return SNAPSHOT_ROOT;
    }
    return found.node.kind == part->node.kind && found.leaves == part->leaves &&
                   found.size == part->size
               ? SNAPSHOT_OK
               : SNAPSHOT_SIZES;
}

enum snapshot_verdict snapshot_chunk_verify(const struct snapshot_part *part, struct bytes chunk)
{
    struct snapshot_reader reader;
    struct snapshot_record record;
    bool more = true;
    snapshot_reader_init(&reader, part, chunk);
    while (more) {
        more = snapshot_reader_next(&reader, &record);
    }
    return snapshot_reader_end(&reader);
}
