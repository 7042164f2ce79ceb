#ifndef NODE_RECENT_H
#define NODE_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "types/types.h"

/* Where the last final transactions stand: a bounded map from tx id to (height, index).
 * A hint for clients that poll; the oldest are forgotten. */

struct recent;

struct recent *recent_new(void);
void recent_free(struct recent *recent);
void recent_add(struct recent *recent, const struct hash *tx_id, uint64_t height, uint32_t index);
bool recent_find(const struct recent *recent, const struct hash *tx_id, uint64_t *height,
                 uint32_t *index);

#endif /* NODE_RECENT_H */
