#ifndef STORE_HISTORY_CHUNK_H
#define STORE_HISTORY_CHUNK_H

#include <stdio.h>

#include "store/history/history.h"

/* One history file: the layout of history.h, read from a stream. */

enum {
    CHUNK_HEADER_SIZE = 56,
    CHUNK_HEAD_SIZE = 24,
    CHUNK_HEAD_CORE_SIZE = 16, /* a head without its check */
    CHUNK_CHECK_SIZE = 8,
    CHUNK_OFFSET_SIZE = 8, /* of a block in the index */
    CHUNK_END_SIZE = CHUNK_HEAD_SIZE + HASH_SIZE,
};

enum chunk_kind {
    CHUNK_BLOCK = 1,
    CHUNK_FINALITY = 2,
    CHUNK_END = 3,
    CHUNK_SEAL = 4,
    CHUNK_INDEX = 5,
};

struct chunk_head {
    enum chunk_kind kind;
    uint64_t height;
    uint32_t size;
};

void chunk_header_write(const struct hash *chain_id, uint64_t first, uint8_t *out);
void chunk_head_write(const struct chunk_head *head, uint8_t *out);
/* False unless the head is whole: check, kind, zeros, size within its kind's limit. */
MUST_USE bool chunk_head_read(const uint8_t *data, struct chunk_head *out);
/* The digest of a record whose head begins with core. */
void chunk_digest(const uint8_t *core, struct bytes body, struct hash *out);
/* The head of the index over these blocks; false: more than an index can hold. */
MUST_USE bool chunk_index_head(uint64_t first, uint64_t last, struct chunk_head *out);

struct chunk_reader {
    FILE *stream; /* the caller's */
    uint64_t first;
    uint64_t last;
    uint64_t height; /* of the next block */
    bool finality_seen;
    bool seal_seen;
    bool index_seen;
    bool ended;
    bool foreign;               /* the header is whole and another chain's */
    uint64_t offset;            /* of the next byte */
    struct crypto_sha256 total; /* header and digests so far */
    struct crypto_sha256 index; /* of the index as the blocks so far make it */
    uint8_t *buffer;            /* the caller's, BLOCK_SIZE_MAX bytes */
    struct history_fault fault;
};

/* Read and check the header: it must be exactly this one. */
MUST_USE enum history_answer chunk_begin(struct chunk_reader *reader, const struct hash *chain_id);

/* The next record.  HISTORY_END: the file is whole and says so.  Fills fault when DAMAGED. */
MUST_USE enum history_answer chunk_next(struct chunk_reader *reader, struct history_item *out);

#endif /* STORE_HISTORY_CHUNK_H */
