#include "client/audit/replica.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "crypto/crypto.h"
#include "store/tier/tier.h"

/* Open addressing with linear probing, three quarters full at most.  A removed key leaves
 * no mark: the entries behind it move up (Knuth, TAOCP 3, 6.4, algorithm R). */

struct entry {
    struct hash path;
    uint8_t *value; /* size bytes and one more, so that it is never NULL; NULL: free slot */
    uint32_t size;
};

struct replica {
    struct entry *entries; /* room of them, a power of two */
    size_t room;
    size_t count;
    uint64_t mixer; /* odd, random: paths ground to fall together do not */
    uint32_t shift; /* 64 - log2(room) */
    struct tier *tier;
    struct hash root;
    struct tier_write *changes; /* scratch of replica_apply */
    size_t changes_room;
};

enum { ROOM_FIRST_LOG2 = 12 };

static size_t home_of(const struct replica *replica, const struct hash *path)
{
    return (size_t)((load_be64(path->bytes) * replica->mixer) >> replica->shift);
}

/* The entry of path, or the free one where it belongs. */
static size_t slot_of(const struct replica *replica, const struct hash *path)
{
    size_t slot = home_of(replica, path);
    while (replica->entries[slot].value != NULL &&
           !hash_equal(&replica->entries[slot].path, path)) {
        slot = (slot + 1) & (replica->room - 1);
    }
    return slot;
}

static bool table_grow(struct replica *replica)
{
    struct entry *old = replica->entries;
    const size_t old_room = replica->room;
    struct entry *entries = calloc(2 * old_room, sizeof(*entries));
    if (entries == NULL) {
        return false;
    }
    replica->entries = entries;
    replica->room = 2 * old_room;
    replica->shift--;
    for (size_t i = 0; i < old_room; i++) {
        if (old[i].value != NULL) {
            entries[slot_of(replica, &old[i].path)] = old[i];
        }
    }
    free(old);
    return true;
}

struct replica *replica_create(void)
{
    struct replica *replica = calloc(1, sizeof(*replica));
    if (replica == NULL) {
        return NULL;
    }
    replica->room = (size_t)1 << ROOM_FIRST_LOG2;
    replica->shift = 64 - ROOM_FIRST_LOG2;
    replica->entries = calloc(replica->room, sizeof(*replica->entries));
    replica->tier = tier_create(tier_depth_for(0));
    crypto_random_bytes(&replica->mixer, sizeof(replica->mixer));
    replica->mixer |= 1;
    if (replica->entries == NULL) {
        replica_free(replica);
        return NULL;
    }
    return replica;
}

void replica_free(struct replica *replica)
{
    if (replica == NULL) {
        return;
    }
    for (size_t i = 0; replica->entries != NULL && i < replica->room; i++) {
        free(replica->entries[i].value);
    }
    tier_free(replica->tier);
    free(replica->entries);
    free(replica->changes);
    free(replica);
}

static bool view_get(void *context, struct bytes key, struct bytes *value)
{
    const struct replica *replica = context;
    struct hash path;
    state_tree_path(key, &path);
    const struct entry *entry = &replica->entries[slot_of(replica, &path)];
    if (entry->value == NULL) {
        return false;
    }
    *value = bytes_of(entry->value, entry->size);
    return true;
}

struct state_view replica_view(const struct replica *replica)
{
    union { /* the port's context is not const; view_get only reads */
        const struct replica *in;
        void *out;
    } context = {.in = replica};
    return (struct state_view){.context = context.out, .get = view_get};
}

static bool entry_put(struct replica *replica, const struct hash *path, struct bytes value)
{
    if (4 * (replica->count + 1) > 3 * replica->room && !table_grow(replica)) {
        return false;
    }
    struct entry *entry = &replica->entries[slot_of(replica, path)];
    if (entry->value == NULL || entry->size < value.size) {
        uint8_t *place = malloc(value.size + 1);
        if (place == NULL) {
            return false;
        }
        replica->count += entry->value == NULL ? 1 : 0;
        free(entry->value);
        entry->value = place;
        entry->path = *path;
    }
    if (value.size > 0) {
        memcpy(entry->value, value.data, value.size);
    }
    entry->size = (uint32_t)value.size;
    return true;
}

static void entry_remove(struct replica *replica, const struct hash *path)
{
    const size_t mask = replica->room - 1;
    size_t gap = slot_of(replica, path);
    if (replica->entries[gap].value == NULL) {
        return;
    }
    free(replica->entries[gap].value);
    replica->count--;
    for (size_t at = (gap + 1) & mask; replica->entries[at].value != NULL; at = (at + 1) & mask) {
        const size_t home = home_of(replica, &replica->entries[at].path);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            replica->entries[gap] = replica->entries[at];
            gap = at;
        }
    }
    replica->entries[gap].value = NULL;
}

static int change_order(const void *a, const void *b)
{
    return hash_compare(&((const struct tier_write *)a)->leaf.path,
                        &((const struct tier_write *)b)->leaf.path);
}

static bool changes_reserve(struct replica *replica, size_t count)
{
    if (count <= replica->changes_room) {
        return true;
    }
    free(replica->changes);
    replica->changes = malloc(count * sizeof(*replica->changes));
    replica->changes_room = replica->changes == NULL ? 0 : count;
    return replica->changes != NULL;
}

bool replica_apply(struct replica *replica, struct state_writes writes)
{
    if (!changes_reserve(replica, writes.count)) {
        return false;
    }
    for (size_t i = 0; i < writes.count; i++) {
        const struct state_write *write = &writes.items[i];
        struct tier_write *change = &replica->changes[i];
        *change = (struct tier_write){.removed = write->removed};
        state_tree_path(write->key, &change->leaf.path);
        if (write->removed) {
            entry_remove(replica, &change->leaf.path);
            continue;
        }
        struct hash vhash;
        state_tree_vhash(write->value, &vhash);
        state_tree_leaf_hash(&change->leaf.path, &vhash, &change->leaf.hash);
        if (!entry_put(replica, &change->leaf.path, write->value)) {
            return false;
        }
    }
    if (writes.count > 0) {
        qsort(replica->changes, writes.count, sizeof(*replica->changes), change_order);
        struct tier_delta *delta = tier_stage(replica->tier, NULL, replica->changes, writes.count);
        tier_apply(replica->tier, delta);
        tier_delta_free(delta);
    }
    const uint32_t depth = tier_depth_for(tier_count(replica->tier));
    if (depth > tier_depth(replica->tier)) {
        tier_rebuild(replica->tier, depth);
    }
    replica->root = tier_root(replica->tier, NULL);
    return true;
}

const struct hash *replica_root(const struct replica *replica)
{
    return &replica->root;
}

uint64_t replica_count(const struct replica *replica)
{
    return replica->count;
}
