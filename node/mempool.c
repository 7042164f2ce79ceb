#include "node/mempool.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

enum {
    ENTRY_MAX = MEMPOOL_TX_MAX + 1, /* entry 0 stands for "none" and heads the list */
    BUCKET_COUNT = 1 << 17,         /* above twice MEMPOOL_TX_MAX: short chains */
};

struct entry {
    struct mempool_entry public;
    uint8_t *raw;         /* what public.raw views; owned */
    uint32_t digest_next; /* chain of one digest bucket */
    uint32_t id_next;
    uint32_t sender_next; /* chain of one sender bucket */
    uint32_t older;       /* list in order of arrival, through entry 0 */
    uint32_t newer;
};

struct mempool {
    uint32_t count;
    uint64_t size;
    uint32_t free_head; /* chain through digest_next */
    uint32_t by_digest[BUCKET_COUNT];
    uint32_t by_id[BUCKET_COUNT];
    uint32_t by_sender[BUCKET_COUNT];
    struct entry entries[ENTRY_MAX];
};

/* Digests are uniform; addresses are first bytes of a digest. */
static uint32_t bucket_of(const uint8_t *bytes)
{
    return load_le32(bytes) % BUCKET_COUNT;
}

struct mempool *mempool_new(void)
{
    struct mempool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return NULL;
    }
    for (uint32_t i = ENTRY_MAX - 1; i > 0; i--) {
        pool->entries[i].digest_next = pool->free_head;
        pool->free_head = i;
    }
    return pool;
}

void mempool_free(struct mempool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (uint32_t i = pool->entries[0].newer; i != 0; i = pool->entries[i].newer) {
        free(pool->entries[i].raw);
    }
    free(pool);
}

static uint32_t find(const struct mempool *pool, const struct hash *digest)
{
    uint32_t i = pool->by_digest[bucket_of(digest->bytes)];
    while (i != 0 && !hash_equal(&pool->entries[i].public.digest, digest)) {
        i = pool->entries[i].digest_next;
    }
    return i;
}

static uint32_t count_of_sender(const struct mempool *pool, const struct address *sender)
{
    uint32_t count = 0;
    for (uint32_t i = pool->by_sender[bucket_of(sender->bytes)]; i != 0;
         i = pool->entries[i].sender_next) {
        count += address_equal(&pool->entries[i].public.sender, sender) ? 1 : 0;
    }
    return count;
}

enum mempool_verdict mempool_add(struct mempool *pool, const struct mempool_entry *entry)
{
    if (find(pool, &entry->digest) != 0) {
        return MEMPOOL_DUPLICATE;
    }
    if (pool->free_head == 0 || pool->size + entry->raw.size > MEMPOOL_SIZE_MAX) {
        return MEMPOOL_FULL;
    }
    if (count_of_sender(pool, &entry->sender) >= MEMPOOL_SENDER_TX_MAX) {
        return MEMPOOL_SENDER_FULL;
    }
    uint8_t *copy = malloc(entry->raw.size);
    if (copy == NULL) {
        return MEMPOOL_FULL;
    }
    memcpy(copy, entry->raw.data, entry->raw.size);

    const uint32_t i = pool->free_head;
    struct entry *e = &pool->entries[i];
    pool->free_head = e->digest_next;
    e->public = *entry;
    e->public.raw.data = copy;
    e->raw = copy;
    uint32_t *digest_head = &pool->by_digest[bucket_of(entry->digest.bytes)];
    e->digest_next = *digest_head;
    *digest_head = i;
    uint32_t *id_head = &pool->by_id[bucket_of(entry->id.bytes)];
    e->id_next = *id_head;
    *id_head = i;
    uint32_t *sender_head = &pool->by_sender[bucket_of(entry->sender.bytes)];
    e->sender_next = *sender_head;
    *sender_head = i;
    e->newer = 0;
    e->older = pool->entries[0].older;
    pool->entries[e->older].newer = i;
    pool->entries[0].older = i;
    pool->count++;
    pool->size += entry->raw.size;
    return MEMPOOL_ADDED;
}

static void remove_entry(struct mempool *pool, uint32_t i)
{
    struct entry *e = &pool->entries[i];
    uint32_t *link = &pool->by_digest[bucket_of(e->public.digest.bytes)];
    while (*link != i) {
        link = &pool->entries[*link].digest_next;
    }
    *link = e->digest_next;
    link = &pool->by_id[bucket_of(e->public.id.bytes)];
    while (*link != i) {
        link = &pool->entries[*link].id_next;
    }
    *link = e->id_next;
    link = &pool->by_sender[bucket_of(e->public.sender.bytes)];
    while (*link != i) {
        link = &pool->entries[*link].sender_next;
    }
    *link = e->sender_next;
    pool->entries[e->older].newer = e->newer;
    pool->entries[e->newer].older = e->older;
    pool->count--;
    pool->size -= e->public.raw.size;
    free(e->raw);
    memset(e, 0, sizeof(*e));
    e->digest_next = pool->free_head;
    pool->free_head = i;
}

void mempool_remove(struct mempool *pool, const struct hash *digest)
{
    const uint32_t i = find(pool, digest);
    if (i != 0) {
        remove_entry(pool, i);
    }
}

void mempool_expire(struct mempool *pool, uint64_t now_ms)
{
    uint32_t i = pool->entries[0].newer;
    while (i != 0) {
        const uint32_t newer = pool->entries[i].newer;
        if (pool->entries[i].public.valid_until_ms < now_ms) {
            remove_entry(pool, i);
        }
        i = newer;
    }
}

bool mempool_has_id(const struct mempool *pool, const struct hash *id)
{
    uint32_t i = pool->by_id[bucket_of(id->bytes)];
    while (i != 0 && !hash_equal(&pool->entries[i].public.id, id)) {
        i = pool->entries[i].id_next;
    }
    return i != 0;
}

uint32_t mempool_count(const struct mempool *pool)
{
    return pool->count;
}

uint64_t mempool_size(const struct mempool *pool)
{
    return pool->size;
}

bool mempool_next(const struct mempool *pool, uint32_t *cursor, struct mempool_entry *out)
{
    const uint32_t i = pool->entries[*cursor].newer;
    if (i == 0) {
        return false;
    }
    *cursor = i;
    *out = pool->entries[i].public;
    return true;
}
