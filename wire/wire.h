#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "types/block.h"
#include "types/tags.h"
#include "types/tx.h"
#include "types/validators.h"
#include "types/vote.h"
#include "wire/codec/codec.h"

/* Every object of the protocol between its struct and its canonical bytes
 * (docs/protocol.md, sections 3 to 5).  For each object X:
 *
 *   wire_read_X(reader, out)    reads it as one element of something larger;
 *   wire_decode_X(in, out)      the same for bytes that are exactly one X;
 *   wire_write_X(writer, x)     writes it; WIRE_X_SIZE_MAX bounds its size.
 *
 * A decoder accepts exactly the bytes that the writer produces from what it decodes.
 * It checks form, sizes, counts, versions and that every index is below its limit, so
 * that what it answers can index an array; it never looks at signatures, roots or the
 * meaning of a field.  When it answers false, *out must not be used.  Views in *out point
 * into the input.  A writer's structs come from our own code: a count that does not
 * match its bitmap is a programmer error.  wire computes no digests: where bytes are hashed or
 * signed, the exact bytes are handed out, and the caller knows the tag. */

enum {
    WIRE_HEADER_SIZE_MAX = 430,
    WIRE_LIGHT_SIZE_MAX = 96,
    WIRE_REST_SIZE_MAX = 130,
    WIRE_VOTE_SIZE_MAX = 121,
    WIRE_VOTE_PREIMAGE_SIZE_MAX = 121,
    WIRE_BEACON_ALPHA_SIZE_MAX = 78,
    WIRE_CERTIFICATE_SIZE_MAX = 8267,
    WIRE_LAST_FINAL_SIZE_MAX = 8344,
    WIRE_PROPOSAL_SIZE_MAX = 298 + BLOCK_SIZE_MAX,
    WIRE_TX_PAYLOAD_OVERHEAD = 86, /* a payload without its body */
    WIRE_TX_OVERHEAD = WIRE_TX_PAYLOAD_OVERHEAD + 67,
    WIRE_VALIDATOR_SET_SIZE_MAX = 3 + 128 * VALIDATOR_COUNT_MAX,
    WIRE_STATUS_SIZE_MAX = 19 + 2 * WIRE_CERTIFICATE_SIZE_MAX,
};

/* Blocks (wire_block.c) */

void wire_read_header(struct wire_reader *reader, struct block_header *out);
void wire_write_header(struct wire_writer *writer, const struct block_header *header);
MUST_USE bool wire_decode_header(struct bytes in, struct block_header *out);

void wire_read_light(struct wire_reader *reader, struct proposal_light *out);
void wire_write_light(struct wire_writer *writer, const struct proposal_light *light);
MUST_USE bool wire_decode_light(struct bytes in, struct proposal_light *out);

/* DA_FULL with its neutral fields (da_n, da_k, shard_size, da_root zero), or DA_SHARD with
 * 1 <= da_k <= da_n and a block and shards that are not empty. */
void wire_read_rest(struct wire_reader *reader, struct proposal_rest *out);
void wire_write_rest(struct wire_writer *writer, const struct proposal_rest *rest);
MUST_USE bool wire_decode_rest(struct bytes in, struct proposal_rest *out);

void wire_read_last_final(struct wire_reader *reader, struct finality *out);
void wire_write_last_final(struct wire_writer *writer, const struct finality *finality);
MUST_USE bool wire_decode_last_final(struct bytes in, struct finality *out);

/* A proposal as the leader sends it. */
struct wire_proposal {
    struct proposal proposal;
    struct bytes light_bytes;   /* proposal_hash = H(PROPOSAL, light_bytes || rest_digest) */
    struct bytes rest_bytes;    /* rest_digest = H(PROPOSAL_REST, rest_bytes) */
    struct signature signature; /* of the leader, VOTE_PROPOSE */
    struct bytes block; /* encoded block, not decoded; empty when only the proposal is sent */
};
/* The writer uses proposal, signature and block. */
void wire_write_proposal(struct wire_writer *writer, const struct wire_proposal *proposal);
MUST_USE bool wire_decode_proposal(struct bytes in, struct wire_proposal *out);

/* A list of encoded transactions: walk it with a struct wire_tx_iterator. */
struct wire_txs {
    uint32_t count;
    struct bytes bytes; /* the encoded array */
};

/* A decoded block; last_final is present exactly when header.last_cert_hash is not zero
 * (that it is the digest of last_final_bytes is for the caller to check). */
struct wire_block {
    struct block_header header;
    struct bytes header_bytes; /* block_id = H(BLOCK_HEADER, header_bytes) */
    bool has_last_final;
    struct finality last_final;
    struct bytes last_final_bytes; /* empty when absent */
    struct wire_txs txs;           /* each 1 .. TX_SIZE_MAX bytes, their form not yet judged */
};
MUST_USE bool wire_decode_block(struct bytes in, struct wire_block *out);

/* A block from its parts, which are encoded already.  last_final_bytes is empty when there
 * is none.  Measure with a writer of capacity 0. */
struct wire_block_parts {
    struct bytes header_bytes;
    struct bytes last_final_bytes;
    const struct bytes *txs;
    uint32_t tx_count;
};
void wire_write_block(struct wire_writer *writer, const struct wire_block_parts *parts);

struct wire_tx_iterator {
    struct wire_reader reader;
    uint32_t left;
};
/* txs must come from a decoder of this header. */
void wire_txs_begin(struct wire_tx_iterator *iterator, const struct wire_txs *txs);
/* The next transaction's bytes: leaves of the tree TX_TREE.  False after the last. */
MUST_USE bool wire_txs_next(struct wire_tx_iterator *iterator, struct bytes *tx);

/* What a proposer feeds its VRF key: [chain_id, the previous block's beacon, height]. */
void wire_write_beacon_alpha(struct wire_writer *writer, const struct hash *chain_id,
                             const struct hash *beacon, uint64_t height);

/* Votes and certificates (wire_vote.c) */

/* A NULLIFY's proposal is zero.  A vote may have any kind, a certificate never PROPOSE. */
void wire_read_vote(struct wire_reader *reader, struct vote *out);
void wire_write_vote(struct wire_writer *writer, const struct vote *vote);
MUST_USE bool wire_decode_vote(struct bytes in, struct vote *out);

void wire_read_certificate(struct wire_reader *reader, struct certificate *out);
void wire_write_certificate(struct wire_writer *writer, const struct certificate *certificate);
MUST_USE bool wire_decode_certificate(struct bytes in, struct certificate *out);

/* What is hashed with wire_vote_tag(vote->kind) and then signed.  Of vote it uses epoch,
 * view and proposal. */
void wire_write_vote_preimage(struct wire_writer *writer, const struct hash *chain_id,
                              const struct hash *set_hash, const struct vote *vote);
enum tag wire_vote_tag(enum vote_kind kind);

/* Transactions (wire_tx.c) */

/* The envelope; tx->body is one canonical array, whatever the type.  Refuses more bytes than
 * tx_size_max(type), for an unknown type more than TX_SIZE_MAX; the state refuses those. */
MUST_USE bool wire_decode_tx(struct bytes in, struct tx *out);

/* Building: write the payload (uses all fields but payload, raw and signature), hash it
 * with TAG_TX, sign that, then write payload and signature together. */
void wire_write_tx_payload(struct wire_writer *writer, const struct tx *tx);
void wire_write_tx(struct wire_writer *writer, struct bytes payload,
                   const struct signature *signature);

/* Validator sets (wire_genesis.c) */

/* 1 .. VALIDATOR_COUNT_MAX validators; set_hash = H(VALIDATOR_SET, bytes).  The points are
 * not checked. */
void wire_read_validator_set(struct wire_reader *reader, struct validator_set *out);
void wire_write_validator_set(struct wire_writer *writer, const struct validator_set *set);
MUST_USE bool wire_decode_validator_set(struct bytes in, struct validator_set *out);

/* Results (wire_result.c) */

/* What became of one transaction: a leaf of RESULT_TREE. */
struct wire_result {
    uint32_t code;       /* 0: done; else a refusal of state's table */
    uint64_t consumed;   /* units of work */
    struct bytes events; /* an array of arrays, each beginning with its kind (32 bits) */
};
MUST_USE bool wire_decode_result(struct bytes in, struct wire_result *out);
/* An empty view of events writes []. */
void wire_write_result(struct wire_writer *writer, const struct wire_result *result);

#endif /* WIRE_WIRE_H */
