#include "state/ledger/collection.h"

struct bytes owner_none(void)
{
    return bytes_of(NULL, 0);
}

struct bytes owner_account(const struct address *address)
{
    return bytes_of(address->bytes, ADDRESS_SIZE);
}

struct bytes owner_id(const struct hash *id)
{
    return bytes_of(id->bytes, HASH_SIZE);
}

struct hash id_of_address(const struct address *address)
{
    struct hash id = {{0}};
    memcpy(id.bytes, address->bytes, ADDRESS_SIZE);
    return id;
}

void position_set(struct buffer *buffer, const struct key *key, uint64_t value)
{
    const struct counter counter = {.version = RECORD_VERSION, .value = value};
    buffer_write(buffer, key, &record_counter, &counter);
}

bool position_get(const struct buffer *buffer, const struct key *key, uint64_t *value)
{
    struct counter counter;
    if (!buffer_read(buffer, key, &record_counter, &counter)) {
        return false;
    }
    *value = counter.value;
    return true;
}

static bool keeps_positions(enum collection collection)
{
    return collection < COLLECTION_EXPIRY || collection >= COLLECTION_WORKER_LEASES;
}

uint32_t collection_count(const struct buffer *buffer, enum collection collection,
                          struct bytes owner)
{
    const struct key key = key_count(collection, owner);
    uint64_t count = 0;
    (void)position_get(buffer, &key, &count);
    return (uint32_t)count;
}

/* An empty collection has no counter: state that nobody uses does not stay. */
static void count_set(struct buffer *buffer, enum collection collection, struct bytes owner,
                      uint32_t count)
{
    const struct key key = key_count(collection, owner);
    if (count == 0) {
        buffer_remove(buffer, &key);
    } else {
        position_set(buffer, &key, count);
    }
}

void count_raise(struct buffer *buffer, enum collection collection, struct bytes owner)
{
    const uint32_t count = collection_count(buffer, collection, owner);
    ASSERT(count < UINT32_MAX);
    count_set(buffer, collection, owner, count + 1);
}

void count_lower(struct buffer *buffer, enum collection collection, struct bytes owner)
{
    const uint32_t count = collection_count(buffer, collection, owner);
    ASSERT(count > 0);
    count_set(buffer, collection, owner, count - 1);
}

struct hash collection_get(const struct buffer *buffer, enum collection collection,
                           struct bytes owner, uint32_t index)
{
    const struct key key = key_item(collection, owner, index);
    struct item item;
    buffer_load(buffer, &key, &record_item, &item);
    return item.id;
}

static void item_set(struct buffer *buffer, enum collection collection, struct bytes owner,
                     uint32_t index, const struct hash *id)
{
    const struct key key = key_item(collection, owner, index);
    const struct item item = {.version = RECORD_VERSION, .id = *id};
    buffer_write(buffer, &key, &record_item, &item);
    if (keeps_positions(collection)) {
        const struct key position = key_position(collection, owner, id);
        position_set(buffer, &position, index);
    }
}

void collection_append(struct buffer *buffer, enum collection collection, struct bytes owner,
                       const struct hash *id)
{
    const uint32_t count = collection_count(buffer, collection, owner);
    ASSERT(count < UINT32_MAX);
    item_set(buffer, collection, owner, count, id);
    count_set(buffer, collection, owner, count + 1);
}

bool collection_has(const struct buffer *buffer, enum collection collection, struct bytes owner,
                    const struct hash *id)
{
    uint64_t index = 0;
    const struct key position = key_position(collection, owner, id);
    ASSERT(keeps_positions(collection));
    return position_get(buffer, &position, &index);
}

void collection_remove(struct buffer *buffer, enum collection collection, struct bytes owner,
                       const struct hash *id)
{
    uint64_t index = 0;
    const struct key position = key_position(collection, owner, id);
    const bool present = position_get(buffer, &position, &index);
    ASSERT(present);
    const uint32_t last = collection_count(buffer, collection, owner) - 1;
    if (index != last) {
        const struct hash moved = collection_get(buffer, collection, owner, last);
        item_set(buffer, collection, owner, (uint32_t)index, &moved);
    }
    const struct key tail = key_item(collection, owner, last);
    buffer_remove(buffer, &tail);
    buffer_remove(buffer, &position);
    count_set(buffer, collection, owner, last);
}
