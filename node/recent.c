#include "node/recent.h"

#include <stdlib.h>

#include "base/endian.h"

enum { BUCKET_COUNT = RECENT_TX_MAX * 2, TREE_COUNT = 4 };

struct place {
    struct hash id;
    uint64_t height; /* 0: empty */
    uint32_t index;
    uint32_t next; /* in its bucket's chain; 0 ends it */
};

/* places is a ring: slot 0 is unused, the oldest is overwritten. */
struct recent {
    uint32_t newest;
    uint32_t buckets[BUCKET_COUNT];
    struct place places[RECENT_TX_MAX + 1];
    struct recent_tree trees[TREE_COUNT];
};

static uint32_t *bucket_of(struct recent *recent, const struct hash *id)
{
    return &recent->buckets[load_le32(id->bytes) % BUCKET_COUNT];
}

struct recent *recent_new(void)
{
    return calloc(1, sizeof(struct recent));
}

void recent_free(struct recent *recent)
{
    free(recent);
}

static void forget(struct recent *recent, uint32_t slot)
{
    uint32_t *link = bucket_of(recent, &recent->places[slot].id);
    while (*link != slot) {
        link = &recent->places[*link].next;
    }
    *link = recent->places[slot].next;
}

void recent_add(struct recent *recent, const struct hash *tx_id, uint64_t height, uint32_t index)
{
    const uint32_t slot = recent->newest % RECENT_TX_MAX + 1;
    recent->newest = slot;
    if (recent->places[slot].height != 0) {
        forget(recent, slot);
    }
    uint32_t *head = bucket_of(recent, tx_id);
    recent->places[slot] =
        (struct place){.id = *tx_id, .height = height, .index = index, .next = *head};
    *head = slot;
}

bool recent_find(const struct recent *recent, const struct hash *tx_id, uint64_t *height,
                 uint32_t *index)
{
    uint32_t slot = recent->buckets[load_le32(tx_id->bytes) % BUCKET_COUNT];
    while (slot != 0 && !hash_equal(&recent->places[slot].id, tx_id)) {
        slot = recent->places[slot].next;
    }
    if (slot == 0) {
        return false;
    }
    *height = recent->places[slot].height;
    *index = recent->places[slot].index;
    return true;
}

struct recent_tree *recent_tree(struct recent *recent, uint64_t height)
{
    struct recent_tree *tree = &recent->trees[height % TREE_COUNT];
    if (tree->height != height) {
        tree->height = height;
        tree->leaves = 0;
    }
    return tree;
}
