#ifndef TESTS_SUPPORT_PAPER_H
#define TESTS_SUPPORT_PAPER_H

#include <string.h>

#include "crypto/crypto.h"
#include "wire/wire.h"

/* A chain on paper: blocks that decode, each following from its height alone, with
 * certificates that nobody signed.  For what moves blocks about and believes nothing;
 * tools/history_model.py makes the same. */

enum { PAPER_BLOCK_SIZE_MAX = 4000 };

/* Heights divisible by 3 carry a certificate for the block before. */
static inline bool paper_carries(uint64_t height)
{
    return height > 1 && height % 3 == 0;
}

static inline size_t paper_last_final(uint64_t height, uint8_t *out)
{
    static struct finality finality; /* 8 KB; one thread */
    struct wire_writer writer;
    struct bytes bytes;
    memset(&finality, 0, sizeof(finality));
    finality.light = (struct proposal_light){.height = height, .view = height};
    finality.signature_count = 1;
    validator_bitmap_set(&finality.signers, 0);
    for (size_t i = 0; i < SIGNATURE_SIZE; i++) {
        finality.signatures[0].bytes[i] = (uint8_t)(height + i);
    }
    wire_writer_init(&writer, out, WIRE_LAST_FINAL_SIZE_MAX);
    wire_write_last_final(&writer, &finality);
    ASSERT(wire_writer_end(&writer, &bytes));
    return bytes.size;
}

/* Into PAPER_BLOCK_SIZE_MAX bytes. */
static inline struct bytes paper_block(uint64_t height, uint8_t *out)
{
    uint8_t last_final[WIRE_LAST_FINAL_SIZE_MAX];
    uint8_t header_bytes[WIRE_HEADER_SIZE_MAX];
    uint8_t tx_bytes[128];
    struct bytes tx = bytes_of(tx_bytes, 20 + (size_t)(height % 100));
    struct block_header header = {
        .version = 1, .height = height, .time_ms = 1000 * height, .view = height};
    struct wire_block_parts parts = {.txs = &tx, .tx_count = 1};
    struct wire_writer writer;
    struct bytes bytes;
    for (size_t i = 0; i < tx.size; i++) {
        tx_bytes[i] = (uint8_t)(height + 3 * i);
    }
    header.parent_id.bytes[0] = (uint8_t)height;
    if (paper_carries(height)) {
        parts.last_final_bytes = bytes_of(last_final, paper_last_final(height - 1, last_final));
        crypto_digest(TAG_LAST_FINAL, parts.last_final_bytes, &header.last_cert_hash);
    }
    wire_writer_init(&writer, header_bytes, sizeof(header_bytes));
    wire_write_header(&writer, &header);
    ASSERT(wire_writer_end(&writer, &parts.header_bytes));
    wire_writer_init(&writer, out, PAPER_BLOCK_SIZE_MAX);
    wire_write_block(&writer, &parts);
    ASSERT(wire_writer_end(&writer, &bytes));
    return bytes;
}

static inline struct hash paper_id(uint64_t height)
{
    uint8_t buffer[PAPER_BLOCK_SIZE_MAX];
    struct wire_block block;
    struct hash id;
    ASSERT(wire_decode_block(paper_block(height, buffer), &block));
    crypto_digest(TAG_BLOCK_HEADER, block.header_bytes, &id);
    return id;
}

#endif /* TESTS_SUPPORT_PAPER_H */
