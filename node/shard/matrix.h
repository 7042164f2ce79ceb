#ifndef NODE_SHARD_MATRIX_H
#define NODE_SHARD_MATRIX_H

#include "node/shard/shard.h"

/* The code's matrix, by ISA-L: the unit matrix above rows 1 / (i ^ j), k <= i < n, j < k.
 * False: no memory.  room is as in shard.h. */

/* The parity shards from the content shards. */
MUST_USE bool matrix_parity(const struct shard_code *code, uint8_t *room);

/* The content shards from the first k of those present, of which there are at least k. */
MUST_USE bool matrix_restore(const struct shard_code *code, const bool present[VALIDATOR_COUNT_MAX],
                             uint8_t *room);

#endif /* NODE_SHARD_MATRIX_H */
