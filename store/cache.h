#ifndef STORE_CACHE_H
#define STORE_CACHE_H

#include "store/store.h"

/* Records read from state.db, kept so that a value handed out stays where it is until the
 * view ends, and so that the undo record needs no second read.  Open addressing, half full
 * at most; the place of a path is keyed, so that ground keys do not pile up. */

struct cache_entry {
    struct hash path;
    struct store_buffer record; /* data NULL: absent */
};

struct cache {
    struct cache_entry *entries;
    size_t count;
    size_t room;     /* of entries */
    uint32_t *slots; /* 1 + index into entries, 0: free; slot_count is a power of two */
    size_t slot_count;
    uint64_t key;
    size_t size; /* bytes held */
};

void cache_init(struct cache *cache);
void cache_free(struct cache *cache);

/* NULL when path was not read yet. */
const struct cache_entry *cache_find(const struct cache *cache, const struct hash *path);

/* Takes record over; path is not in the cache. */
void cache_add(struct cache *cache, const struct hash *path, struct store_buffer record);

#endif /* STORE_CACHE_H */
