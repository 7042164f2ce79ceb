#include "store/record.h"

#include <string.h>

#include "base/endian.h"
#include "store/rocks.h"

enum { RECORD_FORMAT = 1 };
static const uint8_t undo_magic[4] = {'U', 'N', 'D', '1'};

size_t leaf_record_size(struct bytes key, struct bytes value)
{
    return RECORD_HEAD_SIZE + key.size + value.size;
}

static void put(uint8_t *out, struct bytes bytes)
{
    if (bytes.size > 0) {
        memcpy(out, bytes.data, bytes.size);
    }
}

void leaf_record_write(const struct record *record, uint8_t *out)
{
    out[0] = RECORD_FORMAT;
    out[1] = 0;
    store_le16(out + 2, (uint16_t)record->key.size);
    store_le32(out + 4, (uint32_t)record->value.size);
    store_le64(out + 8, record->height);
    memcpy(out + 16, record->leaf.bytes, HASH_SIZE);
    put(out + RECORD_HEAD_SIZE, record->key);
    put(out + RECORD_HEAD_SIZE + record->key.size, record->value);
}

bool leaf_record_read(struct bytes bytes, struct record *out)
{
    if (bytes.size < RECORD_HEAD_SIZE || bytes.data[0] != RECORD_FORMAT || bytes.data[1] != 0) {
        return false;
    }
    const size_t key_size = load_le16(bytes.data + 2);
    const size_t value_size = load_le32(bytes.data + 4);
    if (bytes.size - RECORD_HEAD_SIZE != key_size + value_size) {
        return false;
    }
    out->height = load_le64(bytes.data + 8);
    memcpy(out->leaf.bytes, bytes.data + 16, HASH_SIZE);
    out->key = bytes_of(bytes.data + RECORD_HEAD_SIZE, key_size);
    out->value = bytes_of(bytes.data + RECORD_HEAD_SIZE + key_size, value_size);
    return true;
}

struct bytes undo_write(const struct undo *undo, const struct undo_entry *entries, uint32_t count)
{
    const size_t start = UNDO_HEAD_SIZE + (size_t)count * UNDO_ENTRY_SIZE;
    size_t size = start;
    for (uint32_t i = 0; i < count; i++) {
        size += entries[i].present ? entries[i].record.size : 0;
    }
    ASSERT(size < UNDO_ABSENT);
    uint8_t *out = store_allocate(size);
    memcpy(out, undo_magic, sizeof(undo_magic));
    store_be32(out + 4, count);
    store_be64(out + 8, undo->height);
    memcpy(out + 16, undo->root_before.bytes, HASH_SIZE);
    memcpy(out + 48, undo->root_after.bytes, HASH_SIZE);
    size_t at = start;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *entry = out + UNDO_HEAD_SIZE + (size_t)i * UNDO_ENTRY_SIZE;
        const size_t record = entries[i].present ? entries[i].record.size : 0;
        memcpy(entry, entries[i].path.bytes, HASH_SIZE);
        store_be32(entry + HASH_SIZE, (uint32_t)(at - start));
        store_be32(entry + HASH_SIZE + 4, entries[i].present ? (uint32_t)record : UNDO_ABSENT);
        if (record > 0) {
            memcpy(out + at, entries[i].record.data, record);
        }
        at += record;
    }
    return bytes_of(out, size);
}

bool undo_read(struct bytes bytes, struct undo *out)
{
    if (bytes.size < UNDO_HEAD_SIZE || memcmp(bytes.data, undo_magic, sizeof(undo_magic)) != 0) {
        return false;
    }
    const uint32_t count = load_be32(bytes.data + 4);
    if ((bytes.size - UNDO_HEAD_SIZE) / UNDO_ENTRY_SIZE < count) {
        return false;
    }
    const size_t room = bytes.size - UNDO_HEAD_SIZE - (size_t)count * UNDO_ENTRY_SIZE;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = bytes.data + UNDO_HEAD_SIZE + (size_t)i * UNDO_ENTRY_SIZE;
        const size_t offset = load_be32(entry + HASH_SIZE);
        const uint32_t size = load_be32(entry + HASH_SIZE + 4);
        if (offset > room || (size != UNDO_ABSENT && size > room - offset)) {
            return false;
        }
    }
    out->bytes = bytes;
    out->count = count;
    out->height = load_be64(bytes.data + 8);
    memcpy(out->root_before.bytes, bytes.data + 16, HASH_SIZE);
    memcpy(out->root_after.bytes, bytes.data + 48, HASH_SIZE);
    return true;
}

struct undo_entry undo_at(const struct undo *undo, uint32_t index)
{
    ASSERT(index < undo->count);
    const uint8_t *entry = undo->bytes.data + UNDO_HEAD_SIZE + (size_t)index * UNDO_ENTRY_SIZE;
    const size_t start = UNDO_HEAD_SIZE + (size_t)undo->count * UNDO_ENTRY_SIZE;
    const uint32_t size = load_be32(entry + HASH_SIZE + 4);
    struct undo_entry out = {.present = size != UNDO_ABSENT};
    memcpy(out.path.bytes, entry, HASH_SIZE);
    if (out.present) {
        out.record = bytes_of(undo->bytes.data + start + load_be32(entry + HASH_SIZE), size);
    }
    return out;
}

bool undo_find(const struct undo *undo, const struct hash *path, struct undo_entry *out)
{
    uint32_t low = 0;
    uint32_t high = undo->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        *out = undo_at(undo, middle);
        const int order = hash_compare(&out->path, path);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}
