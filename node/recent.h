#ifndef NODE_RECENT_H
#define NODE_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/crypto.h"
#include "types/types.h"

/* Where the last final transactions stand: a bounded map from tx id to (height, index).
 * A hint for clients that poll; the oldest are forgotten. */

struct recent;

struct recent *recent_new(void);
void recent_free(struct recent *recent);
void recent_add(struct recent *recent, const struct hash *tx_id, uint64_t height, uint32_t index);
bool recent_find(const struct recent *recent, const struct hash *tx_id, uint64_t *height,
                 uint32_t *index);

/* The tree of a block's results, kept because clients ask for its transactions one by one. */
struct recent_tree {
    uint64_t height;
    uint32_t leaves; /* 0: to be filled in by who asked */
    struct hash nodes[CRYPTO_NODES_COUNT(BLOCK_TX_MAX + 1)];
};

/* That of this final block; valid until the next call. */
struct recent_tree *recent_tree(struct recent *recent, uint64_t height);

#endif /* NODE_RECENT_H */
