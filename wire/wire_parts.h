#ifndef WIRE_WIRE_PARTS_H
#define WIRE_WIRE_PARTS_H

#include "wire/sync/sync.h"

/* Pieces that several objects share; private to this folder. */

/* Signers as the shortest bitmap, then their signatures in index order in one bin. */
struct wire_signers {
    struct validator_bitmap *bitmap;
    uint32_t *count;
    struct signature *signatures; /* VALIDATOR_COUNT_MAX */
};

void wire_read_signers(struct wire_reader *reader, struct wire_signers out);
void wire_write_signers(struct wire_writer *writer, const struct validator_bitmap *bitmap,
                        const struct signature *signatures, uint32_t count);

/* A certificate or []; false for []. */
bool wire_read_certificate_or_none(struct wire_reader *reader, struct certificate *out);

/* [tx bin, ...]: 0 .. count_max transactions of 1 .. TX_SIZE_MAX bytes. */
void wire_read_txs(struct wire_reader *reader, struct wire_txs *out, uint32_t count_max);

#endif /* WIRE_WIRE_PARTS_H */
