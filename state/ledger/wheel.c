#include "state/ledger/collection.h"

/* A binary heap whose nodes are state keys; the children of i are 2i + 1 and 2i + 2. */

static struct key wheel_position(enum wheel_kind kind, const struct hash *id)
{
    const uint8_t owner = (uint8_t)kind;
    return key_position(COLLECTION_WHEEL, bytes_of(&owner, 1), id);
}

static void wheel_load(const struct buffer *buffer, uint32_t index, struct item *out)
{
    const struct key key = key_item(COLLECTION_WHEEL, owner_none(), index);
    buffer_load(buffer, &key, &record_item, out);
}

static void wheel_store(struct buffer *buffer, uint32_t index, const struct item *item)
{
    const struct key key = key_item(COLLECTION_WHEEL, owner_none(), index);
    const struct key position = wheel_position((enum wheel_kind)item->kind, &item->id);
    buffer_write(buffer, &key, &record_item, item);
    position_set(buffer, &position, index);
}

static void wheel_resize(struct buffer *buffer, uint32_t count)
{
    const struct key key = key_count(COLLECTION_WHEEL, owner_none());
    if (count == 0) {
        buffer_remove(buffer, &key);
    } else {
        position_set(buffer, &key, count);
    }
}

static bool wheel_before(const struct item *a, const struct item *b)
{
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind;
    }
    return hash_compare(&a->id, &b->id) < 0;
}

/* Put item at index, or where it belongs above it. */
static uint32_t sift_up(struct buffer *buffer, uint32_t index, const struct item *item)
{
    while (index > 0) {
        struct item parent;
        wheel_load(buffer, (index - 1) / 2, &parent);
        if (!wheel_before(item, &parent)) {
            break;
        }
        wheel_store(buffer, index, &parent);
        index = (index - 1) / 2;
    }
    wheel_store(buffer, index, item);
    return index;
}

/* The earlier child of index, which has one at least. */
static uint32_t least_child(const struct buffer *buffer, uint32_t index, uint32_t count,
                            struct item *out)
{
    const uint32_t left = 2 * index + 1;
    wheel_load(buffer, left, out);
    if (left + 1 == count) {
        return left;
    }
    struct item right;
    wheel_load(buffer, left + 1, &right);
    if (!wheel_before(&right, out)) {
        return left;
    }
    *out = right;
    return left + 1;
}

static void sift_down(struct buffer *buffer, uint32_t index, uint32_t count,
                      const struct item *item)
{
    while (2 * index + 1 < count) {
        struct item least;
        const uint32_t child = least_child(buffer, index, count, &least);
        if (!wheel_before(&least, item)) {
            break;
        }
        wheel_store(buffer, index, &least);
        index = child;
    }
    wheel_store(buffer, index, item);
}

static void wheel_place(struct buffer *buffer, uint32_t index, uint32_t count,
                        const struct item *item)
{
    if (sift_up(buffer, index, item) == index) {
        sift_down(buffer, index, count, item);
    }
}

void wheel_set(struct buffer *buffer, enum wheel_kind kind, const struct hash *id, uint64_t time_ms)
{
    const struct item item = {
        .version = RECORD_VERSION, .id = *id, .time_ms = time_ms, .kind = (uint32_t)kind};
    const struct key position = wheel_position(kind, id);
    uint32_t count = collection_count(buffer, COLLECTION_WHEEL, owner_none());
    uint64_t index = 0;
    if (!position_get(buffer, &position, &index)) {
        index = count;
        count++;
        wheel_resize(buffer, count);
    }
    wheel_place(buffer, (uint32_t)index, count, &item);
}

void wheel_clear(struct buffer *buffer, enum wheel_kind kind, const struct hash *id)
{
    const struct key position = wheel_position(kind, id);
    uint64_t index = 0;
    if (!position_get(buffer, &position, &index)) {
        return;
    }
    const uint32_t last = collection_count(buffer, COLLECTION_WHEEL, owner_none()) - 1;
    struct item moved;
    wheel_load(buffer, last, &moved);
    const struct key tail = key_item(COLLECTION_WHEEL, owner_none(), last);
    buffer_remove(buffer, &tail);
    buffer_remove(buffer, &position);
    wheel_resize(buffer, last);
    if (index != last) {
        wheel_place(buffer, (uint32_t)index, last, &moved);
    }
}

bool wheel_first(const struct buffer *buffer, struct item *out)
{
    if (collection_count(buffer, COLLECTION_WHEEL, owner_none()) == 0) {
        return false;
    }
    wheel_load(buffer, 0, out);
    return true;
}
