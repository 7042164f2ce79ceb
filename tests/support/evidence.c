#include "tests/support/evidence.h"

#include "base/assert.h"
#include "wire/wire.h"

struct vote evidence_vote(const struct evidence_place *place, const struct crypto_key *key,
                          enum vote_kind kind, uint8_t proposal)
{
    struct vote vote = {
        .kind = kind, .epoch = place->epoch, .view = place->view, .validator = place->seat};
    vote.proposal.bytes[0] = proposal;
    const struct hash digest = id_vote(&place->chain_id, &place->set_hash, &vote);
    crypto_key_sign(key, &digest, &vote.signature);
    return vote;
}

struct body_evidence evidence_double(const struct evidence_place *place,
                                     const struct crypto_key *key)
{
    const struct vote a = evidence_vote(place, key, VOTE_NOTARIZE, 7);
    const struct vote b = evidence_vote(place, key, VOTE_NOTARIZE, 9);
    return evidence_of(&a, &b);
}

struct bytes evidence_tx_as(const struct tx *tx, const struct body_evidence *body, uint8_t *out)
{
    uint8_t encoded[EVIDENCE_SIZE_MAX];
    uint8_t payload[EVIDENCE_SIZE_MAX];
    struct tx fields = *tx;
    struct wire_writer writer;
    struct bytes bytes = {0};
    bool fits = record_encode(&record_body_evidence, body, encoded, sizeof(encoded), &fields.body);
    wire_writer_init(&writer, payload, sizeof(payload));
    wire_write_tx_payload(&writer, &fields);
    fits = fits && wire_writer_end(&writer, &bytes);
    wire_writer_init(&writer, out, EVIDENCE_SIZE_MAX);
    wire_write_tx(&writer, bytes, &fields.signature);
    fits = fits && wire_writer_end(&writer, &bytes);
    ASSERT(fits);
    return bytes;
}

struct bytes evidence_tx(const struct hash *chain_id, const struct body_evidence *body,
                         uint64_t valid_until_ms, uint8_t *out)
{
    const struct tx tx = {.version = TX_VERSION,
                          .chain_id = *chain_id,
                          .type = TX_EVIDENCE,
                          .valid_until_ms = valid_until_ms};
    return evidence_tx_as(&tx, body, out);
}
