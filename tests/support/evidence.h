#ifndef TESTS_SUPPORT_EVIDENCE_H
#define TESTS_SUPPORT_EVIDENCE_H

#include "crypto/crypto.h"
#include "state/objects/objects.h"
#include "types/tx.h"

/* Votes that contradict each other, and EVIDENCE made of them. */

struct evidence_place {
    struct hash chain_id;
    struct hash set_hash; /* of the epoch */
    uint64_t epoch;
    uint64_t view;
    uint32_t seat;
};

/* A vote of this seat, signed with key; proposal 0: NULLIFY's. */
struct vote evidence_vote(const struct evidence_place *place, const struct crypto_key *key,
                          enum vote_kind kind, uint8_t proposal);

/* As a pair that lies: two NOTARIZE. */
struct body_evidence evidence_double(const struct evidence_place *place,
                                     const struct crypto_key *key);

/* A whole transaction with neutral fields; out: EVIDENCE_SIZE_MAX bytes. */
struct bytes evidence_tx(const struct hash *chain_id, const struct body_evidence *body,
                         uint64_t valid_until_ms, uint8_t *out);

/* The same, of fields that may be spoilt; body is set from *body. */
struct bytes evidence_tx_as(const struct tx *tx, const struct body_evidence *body, uint8_t *out);

#endif /* TESTS_SUPPORT_EVIDENCE_H */
