#include "node/mempool.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "crypto/crypto.h"

enum {
    NONE = 0,
    WAITING = 0, /* the heads of the two lists; an index of 0 in a chain ends it */
    HELD = 1,
    HEAD_COUNT = 2,
    ENTRY_MAX = MEMPOOL_TX_MAX + HEAD_COUNT,
    BUCKET_COUNT = 1 << 17, /* above twice MEMPOOL_TX_MAX: short chains */
};

struct entry {
    struct mempool_entry public;
    uint8_t *raw;         /* what public.raw views; owned */
    uint32_t digest_next; /* chain of one digest bucket */
    uint32_t id_next;
    uint32_t sender_next; /* chain of one sender bucket */
    uint32_t number_next; /* chain of one bucket of sender, lane and sequence number */
    uint32_t older;       /* list in order of arrival, through its head */
    uint32_t newer;
    bool held;
};

struct mempool {
    uint32_t count;
    uint64_t size;
    uint64_t window;    /* of quotas */
    uint32_t due;       /* held before it began */
    uint32_t free_head; /* chain through digest_next */
    uint32_t by_digest[BUCKET_COUNT];
    uint32_t by_id[BUCKET_COUNT];
    uint32_t by_sender[BUCKET_COUNT];
    uint32_t by_number[BUCKET_COUNT];
    uint64_t secret; /* who chooses digests and numbers does not choose buckets */
    struct entry entries[ENTRY_MAX];
};

/* The finalizer of MurmurHash3 over the secret and 64 bits. */
static uint32_t bucket_of(const struct mempool *pool, uint64_t value)
{
    value ^= pool->secret;
    value = (value ^ (value >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ (value >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (uint32_t)((value ^ (value >> 33)) % BUCKET_COUNT);
}

static uint32_t *bucket(struct mempool *pool, uint32_t *buckets, const uint8_t *bytes)
{
    return &buckets[bucket_of(pool, load_le64(bytes))];
}

static uint32_t *number_bucket(struct mempool *pool, const struct address *sender, uint32_t lane,
                               uint64_t seq)
{
    const uint64_t place = (uint64_t)bucket_of(pool, load_le64(sender->bytes)) << 32 | lane;
    return &pool->by_number[bucket_of(pool, place ^ bucket_of(pool, seq))];
}

struct mempool *mempool_new(void)
{
    struct mempool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return NULL;
    }
    crypto_random_bytes(&pool->secret, sizeof(pool->secret));
    pool->entries[HELD].older = HELD;
    pool->entries[HELD].newer = HELD;
    for (uint32_t i = ENTRY_MAX - 1; i >= HEAD_COUNT; i--) {
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
    for (uint32_t i = HEAD_COUNT; i < ENTRY_MAX; i++) {
        free(pool->entries[i].raw);
    }
    free(pool);
}

/* ---- Lists -------------------------------------------------------------------------------- */

static void list_remove(struct mempool *pool, const struct entry *e)
{
    pool->entries[e->older].newer = e->newer;
    pool->entries[e->newer].older = e->older;
}

static void list_append(struct mempool *pool, uint32_t head, uint32_t i)
{
    struct entry *e = &pool->entries[i];
    e->newer = head;
    e->older = pool->entries[head].older;
    e->held = head == HELD;
    pool->entries[e->older].newer = i;
    pool->entries[head].older = i;
}

static void list_move(struct mempool *pool, uint32_t head, uint32_t i)
{
    list_remove(pool, &pool->entries[i]);
    list_append(pool, head, i);
}

/* ---- Chains ------------------------------------------------------------------------------- */

static uint32_t find(struct mempool *pool, const struct hash *digest)
{
    uint32_t i = *bucket(pool, pool->by_digest, digest->bytes);
    while (i != NONE && !hash_equal(&pool->entries[i].public.digest, digest)) {
        i = pool->entries[i].digest_next;
    }
    return i;
}

/* Has this sender room for one of so many bytes? */
static bool sender_has_room(struct mempool *pool, const struct address *sender, size_t size)
{
    uint32_t count = 0;
    for (uint32_t i = *bucket(pool, pool->by_sender, sender->bytes); i != NONE;
         i = pool->entries[i].sender_next) {
        const struct mempool_entry *public = &pool->entries[i].public;
        if (address_equal(&public->sender, sender)) {
            count++;
            size += public->raw.size;
        }
    }
    return count < MEMPOOL_SENDER_TX_MAX && size <= MEMPOOL_SENDER_SIZE_MAX;
}

static bool has_number(const struct mempool_entry *entry, const struct address *sender,
                       uint32_t lane, uint64_t seq)
{
    return entry->seq == seq && entry->lane == lane && address_equal(&entry->sender, sender);
}

static void chain_in(uint32_t *head, uint32_t *next, uint32_t i)
{
    *next = *head;
    *head = i;
}

static void chains_in(struct mempool *pool, uint32_t i)
{
    struct entry *e = &pool->entries[i];
    const struct mempool_entry *public = &e->public;
    chain_in(bucket(pool, pool->by_digest, public->digest.bytes), &e->digest_next, i);
    chain_in(bucket(pool, pool->by_id, public->id.bytes), &e->id_next, i);
    chain_in(bucket(pool, pool->by_sender, public->sender.bytes), &e->sender_next, i);
    chain_in(number_bucket(pool, &public->sender, public->lane, public->seq), &e->number_next, i);
}

static void chains_out(struct mempool *pool, uint32_t i)
{
    const struct entry *e = &pool->entries[i];
    const struct mempool_entry *public = &e->public;
    uint32_t *link = bucket(pool, pool->by_digest, public->digest.bytes);
    while (*link != i) {
        link = &pool->entries[*link].digest_next;
    }
    *link = e->digest_next;
    link = bucket(pool, pool->by_id, public->id.bytes);
    while (*link != i) {
        link = &pool->entries[*link].id_next;
    }
    *link = e->id_next;
    link = bucket(pool, pool->by_sender, public->sender.bytes);
    while (*link != i) {
        link = &pool->entries[*link].sender_next;
    }
    *link = e->sender_next;
    link = number_bucket(pool, &public->sender, public->lane, public->seq);
    while (*link != i) {
        link = &pool->entries[*link].number_next;
    }
    *link = e->number_next;
}

/* ---- Entries ------------------------------------------------------------------------------ */

static void remove_entry(struct mempool *pool, uint32_t i)
{
    struct entry *e = &pool->entries[i];
    chains_out(pool, i);
    list_remove(pool, e);
    pool->count--;
    pool->size -= e->public.raw.size;
    free(e->raw);
    memset(e, 0, sizeof(*e));
    e->digest_next = pool->free_head;
    pool->free_head = i;
}

static bool has_room(const struct mempool *pool, size_t size)
{
    return pool->free_head != NONE && pool->size + size <= MEMPOOL_SIZE_MAX;
}

enum mempool_verdict mempool_add(struct mempool *pool, const struct mempool_entry *entry)
{
    const size_t size = entry->raw.size;
    if (find(pool, &entry->digest) != NONE) {
        return MEMPOOL_DUPLICATE;
    }
    if (!sender_has_room(pool, &entry->sender, size)) {
        return MEMPOOL_SENDER_FULL;
    }
    /* Whoever fills the pool with what cannot be admitted yet keeps nobody else out. */
    while (entry->ready && !has_room(pool, size) && pool->entries[HELD].older != HELD) {
        remove_entry(pool, pool->entries[HELD].older);
    }
    if (!has_room(pool, size)) {
        return MEMPOOL_FULL;
    }
    uint8_t *copy = malloc(size);
    if (copy == NULL) {
        return MEMPOOL_FULL;
    }
    memcpy(copy, entry->raw.data, size);

    const uint32_t i = pool->free_head;
    struct entry *e = &pool->entries[i];
    pool->free_head = e->digest_next;
    e->public = *entry;
    e->public.raw.data = copy;
    e->raw = copy;
    chains_in(pool, i);
    list_append(pool, WAITING, i);
    pool->count++;
    pool->size += size;
    return MEMPOOL_ADDED;
}

void mempool_remove(struct mempool *pool, const struct hash *digest)
{
    const uint32_t i = find(pool, digest);
    if (i != NONE) {
        remove_entry(pool, i);
    }
}

void mempool_hold(struct mempool *pool, const struct hash *digest)
{
    const uint32_t i = find(pool, digest);
    if (i != NONE && !pool->entries[i].held) {
        list_move(pool, HELD, i);
    }
}

bool mempool_has_number(struct mempool *pool, const struct address *sender, uint32_t lane,
                        uint64_t seq)
{
    uint32_t i = *number_bucket(pool, sender, lane, seq);
    while (i != NONE && !has_number(&pool->entries[i].public, sender, lane, seq)) {
        i = pool->entries[i].number_next;
    }
    return i != NONE;
}

void mempool_release(struct mempool *pool, const struct address *sender, uint32_t lane,
                     uint64_t seq)
{
    for (uint32_t i = *number_bucket(pool, sender, lane, seq); i != NONE;
         i = pool->entries[i].number_next) {
        const struct entry *e = &pool->entries[i];
        if (e->held && has_number(&e->public, sender, lane, seq)) {
            list_move(pool, WAITING, i);
        }
    }
}

void mempool_window(struct mempool *pool, uint64_t window)
{
    enum { RELEASE_MAX = 4096 };
    if (window != pool->window) {
        pool->window = window;
        pool->due = pool->count; /* at most; the oldest come first */
    }
    if (pool->entries[HELD].newer == HELD) {
        pool->due = 0;
    }
    for (uint32_t i = 0; i < RELEASE_MAX && pool->due > 0; i++) {
        list_move(pool, WAITING, pool->entries[HELD].newer);
        pool->due = pool->entries[HELD].newer == HELD ? 0 : pool->due - 1;
    }
}

void mempool_use(struct mempool *pool, const struct address *sender, uint32_t lane, uint64_t seq)
{
    uint32_t i = *number_bucket(pool, sender, lane, seq);
    while (i != NONE) {
        const uint32_t next = pool->entries[i].number_next;
        if (has_number(&pool->entries[i].public, sender, lane, seq)) {
            remove_entry(pool, i);
        }
        i = next;
    }
    mempool_release(pool, sender, lane, seq + 1);
}

static void expire(struct mempool *pool, uint32_t head, uint64_t now_ms)
{
    uint32_t i = pool->entries[head].newer;
    while (i != head) {
        const uint32_t newer = pool->entries[i].newer;
        if (pool->entries[i].public.valid_until_ms < now_ms) {
            remove_entry(pool, i);
        }
        i = newer;
    }
}

void mempool_expire(struct mempool *pool, uint64_t now_ms)
{
    expire(pool, WAITING, now_ms);
    expire(pool, HELD, now_ms);
}

bool mempool_has_id(struct mempool *pool, const struct hash *id)
{
    uint32_t i = *bucket(pool, pool->by_id, id->bytes);
    while (i != NONE && !hash_equal(&pool->entries[i].public.id, id)) {
        i = pool->entries[i].id_next;
    }
    return i != NONE;
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
    if (i == WAITING) {
        return false;
    }
    *cursor = i;
    *out = pool->entries[i].public;
    return true;
}
