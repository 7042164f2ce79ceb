#ifndef STORE_HISTORY_SET_H
#define STORE_HISTORY_SET_H

#include <stdio.h>

#include "store/history/history.h"

/* The name of the file with these heights, HISTORY_NAME_MAX bytes. */
void span_name(const struct history_span *span, char *out);

/* Where a block's bytes are in a file of size bytes, by its index.  False: the index does not say,
 * or says nonsense. */
struct block_place {
    uint64_t offset; /* of the record */
    uint32_t size;   /* of the block */
};
MUST_USE bool place_find(FILE *stream, uint64_t size, const struct history_span *span,
                         uint64_t height, struct block_place *out);
/* In a file of its own, whose size is asked for. */
MUST_USE bool place_find_in(FILE *stream, const struct history_span *span, uint64_t height,
                            struct block_place *out);

#endif /* STORE_HISTORY_SET_H */
