#include "store/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "store/rocks.h"

enum { FIRST_ROOM = 64 };

void cache_init(struct cache *cache)
{
    *cache = (struct cache){0};
    crypto_random_bytes(&cache->key, sizeof(cache->key));
}

void cache_free(struct cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        store_buffer_free(&cache->entries[i].record);
    }
    free(cache->entries);
    free(cache->slots);
    *cache = (struct cache){0};
}

/* The slot of path, or the free one where it belongs. */
static size_t slot_of(const struct cache *cache, const struct hash *path)
{
    uint64_t word = (load_be64(path->bytes) ^ cache->key) * UINT64_C(0x9E3779B97F4A7C15);
    word ^= word >> 32;
    size_t slot = (size_t)word & (cache->slot_count - 1);
    while (cache->slots[slot] != 0 &&
           !hash_equal(&cache->entries[cache->slots[slot] - 1].path, path)) {
        slot = (slot + 1) & (cache->slot_count - 1);
    }
    return slot;
}

const struct cache_entry *cache_find(const struct cache *cache, const struct hash *path)
{
    if (cache->count == 0) {
        return NULL;
    }
    const size_t slot = slot_of(cache, path);
    return cache->slots[slot] == 0 ? NULL : &cache->entries[cache->slots[slot] - 1];
}

static void cache_grow(struct cache *cache)
{
    const size_t room = cache->room == 0 ? FIRST_ROOM : 2 * cache->room;
    struct cache_entry *entries = store_allocate(room * sizeof(*entries));
    if (cache->count > 0) {
        memcpy(entries, cache->entries, cache->count * sizeof(*entries));
    }
    free(cache->entries);
    free(cache->slots);
    cache->entries = entries;
    cache->size += (room - cache->room) * (sizeof(*entries) + 2 * sizeof(*cache->slots));
    cache->room = room;
    cache->slot_count = 2 * room;
    cache->slots = store_allocate(cache->slot_count * sizeof(*cache->slots));
    memset(cache->slots, 0, cache->slot_count * sizeof(*cache->slots));
    for (size_t i = 0; i < cache->count; i++) {
        cache->slots[slot_of(cache, &cache->entries[i].path)] = (uint32_t)i + 1;
    }
}

void cache_add(struct cache *cache, const struct hash *path, struct store_buffer record)
{
    if (cache->count == cache->room) {
        cache_grow(cache);
    }
    const size_t slot = slot_of(cache, path);
    ASSERT(cache->slots[slot] == 0);
    cache->entries[cache->count] = (struct cache_entry){.path = *path, .record = record};
    cache->slots[slot] = (uint32_t)++cache->count;
    cache->size += record.size;
}
