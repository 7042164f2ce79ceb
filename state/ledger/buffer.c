#include "state/ledger/buffer.h"

#include "base/checked.h"
#include "base/endian.h"

enum { KEY_HASH_SIZE = 8 };

STATIC_ASSERT((BUFFER_SLOT_COUNT & (BUFFER_SLOT_COUNT - 1)) == 0, "slots are masked");

/* Clears the run of slots that holds this entry: since a run has no gap before it is
 * cleared, clearing from each entry's first slot to the next gap clears them all. */
static void clear_run(struct buffer *buffer, const struct buffer_entry *entry)
{
    const uint64_t hash = load_be64(entry->key.data - KEY_HASH_SIZE);
    uint32_t at = (uint32_t)hash & (BUFFER_SLOT_COUNT - 1);
    while (buffer->slots[at] != 0) {
        buffer->slots[at] = 0;
        at = (at + 1) & (BUFFER_SLOT_COUNT - 1);
    }
}

void buffer_begin(struct buffer *buffer, const struct state_view *view)
{
    /* Only the slots in use: the table is large and most blocks are small. */
    if (buffer->entry_count > BUFFER_SLOT_COUNT / 64) {
        memset(buffer->slots, 0, BUFFER_SLOT_COUNT * sizeof(*buffer->slots));
        buffer->entry_count = 0;
    }
    for (uint32_t i = 0; i < buffer->entry_count; i++) {
        clear_run(buffer, &buffer->entries[i]);
    }
    buffer->view = view;
    buffer->entry_count = 0;
    buffer->bytes_used = 0;
    buffer->undo_count = 0;
    buffer->marked = false;
}

bool buffer_has_room(const struct buffer *buffer, size_t txs_after)
{
    const size_t keys = BUFFER_ROOM_KEYS + BUFFER_TX_KEYS * txs_after;
    const size_t bytes = BUFFER_ROOM_BYTES + BUFFER_TX_BYTES * txs_after;
    return STATE_WRITE_COUNT_MAX - buffer->entry_count >= keys &&
           STATE_WRITE_BYTES_MAX - buffer->bytes_used >= bytes;
}

static uint8_t *buffer_take(struct buffer *buffer, size_t size)
{
    ASSERT(size <= STATE_WRITE_BYTES_MAX - buffer->bytes_used);
    uint8_t *out = buffer->bytes + buffer->bytes_used;
    buffer->bytes_used += size;
    return out;
}

static struct bytes buffer_copy(struct buffer *buffer, struct bytes value)
{
    uint8_t *out = buffer_take(buffer, value.size);
    if (value.size > 0) {
        memcpy(out, value.data, value.size);
    }
    return bytes_of(out, value.size);
}

/* FNV-1a with a final mix; only the speed of lookups depends on it. */
static uint64_t key_hash(const struct key *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < key->size; i++) {
        hash = (hash ^ key->bytes[i]) * UINT64_C(0x100000001b3);
    }
    hash ^= hash >> 32;
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> 16;
}

/* The slot that holds key, or the empty one where it belongs. */
static uint32_t find_slot(const struct buffer *buffer, const struct key *key, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (BUFFER_SLOT_COUNT - 1);
    while (buffer->slots[at] != 0) {
        if (bytes_equal(buffer->entries[buffer->slots[at] - 1].key, key_view(key))) {
            break;
        }
        at = (at + 1) & (BUFFER_SLOT_COUNT - 1);
    }
    return at;
}

bool buffer_get(const struct buffer *buffer, const struct key *key, struct bytes *value)
{
    const uint32_t slot = buffer->slots[find_slot(buffer, key, key_hash(key))];
    if (slot == 0) {
        return buffer->view->get(buffer->view->context, key_view(key), value);
    }
    const struct buffer_entry *entry = &buffer->entries[slot - 1];
    switch (entry->now.status) {
    case BUFFER_UNTOUCHED:
        *value = entry->old;
        return entry->existed;
    case BUFFER_PUT:
        *value = entry->now.value;
        return true;
    case BUFFER_REMOVED:
        return false;
    }
    UNREACHABLE();
}

static uint32_t buffer_entry(struct buffer *buffer, const struct key *key)
{
    const uint64_t hash = key_hash(key);
    const uint32_t at = find_slot(buffer, key, hash);
    if (buffer->slots[at] != 0) {
        return buffer->slots[at] - 1;
    }
    ASSERT(buffer->entry_count < STATE_WRITE_COUNT_MAX);
    const uint32_t index = buffer->entry_count++;
    struct buffer_entry *entry = &buffer->entries[index];
    *entry = (struct buffer_entry){.now.status = BUFFER_UNTOUCHED};
    /* The key stands behind its hash, so that buffer_begin finds its slot again. */
    store_be64(buffer_take(buffer, KEY_HASH_SIZE), hash);
    entry->key = buffer_copy(buffer, key_view(key));
    entry->existed = buffer->view->get(buffer->view->context, entry->key, &entry->old);
    buffer->slots[at] = index + 1;
    return index;
}

static void buffer_set(struct buffer *buffer, const struct key *key, struct buffer_value value)
{
    const uint32_t index = buffer_entry(buffer, key);
    if (buffer->marked) {
        ASSERT(buffer->undo_count < BUFFER_UNDO_MAX);
        buffer->undo[buffer->undo_count++] =
            (struct buffer_undo){.entry = index, .before = buffer->entries[index].now};
    }
    buffer->entries[index].now = value;
}

void buffer_put(struct buffer *buffer, const struct key *key, struct bytes value)
{
    const struct bytes copy = buffer_copy(buffer, value);
    buffer_set(buffer, key, (struct buffer_value){.status = BUFFER_PUT, .value = copy});
}

void buffer_remove(struct buffer *buffer, const struct key *key)
{
    buffer_set(buffer, key, (struct buffer_value){.status = BUFFER_REMOVED});
}

bool buffer_read(const struct buffer *buffer, const struct key *key, const struct record *record,
                 void *out)
{
    struct bytes value;
    if (!buffer_get(buffer, key, &value)) {
        return false;
    }
    const bool ours = record_decode(record, value, out);
    ASSERT(ours);
    return true;
}

void buffer_load(const struct buffer *buffer, const struct key *key, const struct record *record,
                 void *out)
{
    const bool present = buffer_read(buffer, key, record, out);
    ASSERT(present);
}

void buffer_write(struct buffer *buffer, const struct key *key, const struct record *record,
                  const void *object)
{
    uint8_t encoded[BUFFER_OBJECT_MAX];
    struct bytes value;
    const bool fits = record_encode(record, object, encoded, sizeof(encoded), &value);
    ASSERT(fits);
    buffer_put(buffer, key, value);
}

void buffer_mark(struct buffer *buffer)
{
    ASSERT(!buffer->marked);
    buffer->marked = true;
    buffer->undo_count = 0;
}

void buffer_keep(struct buffer *buffer)
{
    ASSERT(buffer->marked);
    buffer->marked = false;
}

void buffer_rollback(struct buffer *buffer)
{
    ASSERT(buffer->marked);
    while (buffer->undo_count > 0) {
        const struct buffer_undo *undo = &buffer->undo[--buffer->undo_count];
        buffer->entries[undo->entry].now = undo->before;
    }
    buffer->marked = false;
}

static bool entry_changes(const struct buffer_entry *entry)
{
    switch (entry->now.status) {
    case BUFFER_UNTOUCHED:
        return false;
    case BUFFER_PUT:
        return !entry->existed || !bytes_equal(entry->now.value, entry->old);
    case BUFFER_REMOVED:
        return entry->existed;
    }
    UNREACHABLE();
}

static int key_compare(struct bytes a, struct bytes b)
{
    const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    if (order != 0) {
        return order;
    }
    return a.size < b.size ? -1 : a.size > b.size;
}

/* Merges the sorted runs [from, middle) and [middle, to) of `in` into `out`. */
static void merge(const struct buffer_entry *entries, const uint32_t *in, uint32_t *out,
                  const uint32_t bounds[3])
{
    uint32_t left = bounds[0];
    uint32_t right = bounds[1];
    for (uint32_t i = bounds[0]; i < bounds[2]; i++) {
        const bool take_left =
            left < bounds[1] &&
            (right >= bounds[2] || key_compare(entries[in[left]].key, entries[in[right]].key) <= 0);
        out[i] = take_left ? in[left++] : in[right++];
    }
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

struct state_writes buffer_writes(struct buffer *buffer)
{
    uint32_t *in = buffer->order;
    uint32_t *out = buffer->order + STATE_WRITE_COUNT_MAX;
    uint32_t count = 0;
    for (uint32_t i = 0; i < buffer->entry_count; i++) {
        if (entry_changes(&buffer->entries[i])) {
            in[count++] = i;
        }
    }
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t from = 0; from < count; from += 2 * width) {
            const uint32_t bounds[3] = {from, min_u32(from + width, count),
                                        min_u32(from + 2 * width, count)};
            merge(buffer->entries, in, out, bounds);
        }
        uint32_t *sorted = out;
        out = in;
        in = sorted;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct buffer_entry *entry = &buffer->entries[in[i]];
        buffer->writes[i] = (struct state_write){
            .key = entry->key,
            .value = entry->now.value,
            .removed = entry->now.status == BUFFER_REMOVED,
        };
    }
    return (struct state_writes){.items = buffer->writes, .count = count};
}

static uint64_t money_in(const struct record *record, struct bytes value)
{
    uint8_t object[BUFFER_OBJECT_MAX];
    ASSERT(record->struct_size <= sizeof(object));
    const bool ours = record_decode(record, value, object);
    ASSERT(ours);
    return record_money(record, object);
}

static void money_add(uint64_t *sum, uint64_t credits)
{
    const bool fits = checked_add(*sum, credits, sum);
    ASSERT(fits);
}

struct buffer_money buffer_money(const struct buffer *buffer)
{
    struct buffer_money money = {0};
    for (uint32_t i = 0; i < buffer->entry_count; i++) {
        const struct buffer_entry *entry = &buffer->entries[i];
        if (!entry_changes(entry)) {
            continue;
        }
        const uint8_t kind = entry->key.data[0];
        if (kind != KEY_ACCOUNT && kind != KEY_REQUEST && kind != KEY_GLOBAL) {
            continue;
        }
        const struct record *record = record_of_key(entry->key);
        if (record == NULL) {
            continue;
        }
        if (entry->existed) {
            money_add(&money.before, money_in(record, entry->old));
        }
        if (entry->now.status == BUFFER_PUT) {
            money_add(&money.now, money_in(record, entry->now.value));
        }
    }
    return money;
}
