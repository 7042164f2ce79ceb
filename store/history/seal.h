#ifndef STORE_HISTORY_SEAL_H
#define STORE_HISTORY_SEAL_H

#include "store/history/history.h"

/* The seal of the chunk that ends with `last`, from the blocks behind it up to tip, into
 * HISTORY_SEAL_SIZE_MAX bytes at buffer.  ABSENT: the chain carries no certificate for it
 * yet. */
MUST_USE enum store_answer seal_find(const struct history_source *source, struct history_span range,
                                     uint8_t *buffer, struct bytes *out, struct error *error);

#endif /* STORE_HISTORY_SEAL_H */
