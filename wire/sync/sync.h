#ifndef WIRE_SYNC_SYNC_H
#define WIRE_SYNC_SYNC_H

#include "wire/wire.h"

/* Messages between validators: [kind, body], one a frame (docs/protocol.md section 5).
 * wire_decode_message() splits one; then the body's own decoder reads it:
 *
 *   PROPOSAL   wire_decode_proposal        VOTE    wire_decode_vote
 *   CERT       wire_decode_certificate     STATUS  wire_decode_status
 *   GET_CERT   wire_decode_get_cert        GET_CERTS  wire_decode_get_certs
 *   GET_BLOCK  wire_decode_get_block       BLOCK   wire_decode_block_message
 *   TXS        wire_decode_txs             WAKE    wire_decode_wake
 *   SHARD      wire_decode_shard           GET_SHARDS  wire_decode_get_shards
 *   HAVE       wire_decode_have
 *
 * To send: wire_write_message(), then the body's writer, then wire_writer_end(). */

enum wire_message_kind {
    WIRE_PROPOSAL = 1,
    WIRE_VOTE = 2,
    WIRE_CERT = 3,        /* an answer or an announcement */
    WIRE_GET_CERT = 4,    /* reserved: never sent; answered like GET_CERTS of one view */
    WIRE_GET_CERTS = 5,   /* answered by CERTs, ascending views */
    WIRE_GET_BLOCK = 6,   /* answered by PROPOSAL with its block, or by nothing */
    WIRE_BLOCK = 7,       /* reserved: never sent, ignored */
    WIRE_STATUS = 8,      /* on connect, and with pings */
    WIRE_TXS = 9,         /* to all: what clients handed in */
    WIRE_WAKE = 10,       /* reserved: never sent, ignored */
    WIRE_SHARD = 11,      /* by the leader to each its own, by each to all; as an answer */
    WIRE_GET_SHARDS = 12, /* answered by SHARDs, or by nothing */
    WIRE_HAVE = 13,       /* large sets: instead of a CERT to all */
};

enum {
    WIRE_MESSAGE_OVERHEAD = 2,
    /* The longest message of the vote lane; proposals, shards and TXS are bulk. */
    WIRE_VOTE_LANE_SIZE_MAX = WIRE_MESSAGE_OVERHEAD + WIRE_STATUS_SIZE_MAX,
    WIRE_SHARD_SIZE_MAX =
        WIRE_PROPOSAL_SIZE_MAX - BLOCK_SIZE_MAX + SHARD_SIZE_MAX + 3 + SHARD_PATH_MAX * HASH_SIZE,
};

struct wire_message {
    enum wire_message_kind kind;
    struct bytes body; /* exact bytes, known to be canonical, not yet decoded */
};

MUST_USE bool wire_decode_message(struct bytes in, struct wire_message *out);
void wire_write_message(struct wire_writer *writer, enum wire_message_kind kind);

enum { WIRE_MESSAGE_KIND_MAX = WIRE_HAVE };

/* The numbers of want are those of enum vote_kind. */
enum wire_want {
    WIRE_WANT_ANY = 0,
    WIRE_WANT_NOTARIZE = 1,
    WIRE_WANT_NULLIFY = 2,
    WIRE_WANT_FINALIZE = 3,
};

struct wire_get_cert {
    uint64_t epoch;
    uint64_t view;
    enum wire_want want;
};

MUST_USE bool wire_decode_get_cert(struct bytes in, struct wire_get_cert *out);
void wire_write_get_cert(struct wire_writer *writer, const struct wire_get_cert *get);

/* Certificates of the views from .. to, both included; from <= to.  How many are sent at
 * once is the answerer's to bound. */
struct wire_get_certs {
    uint64_t epoch;
    uint64_t from_view;
    uint64_t to_view;
};

MUST_USE bool wire_decode_get_certs(struct bytes in, struct wire_get_certs *out);
void wire_write_get_certs(struct wire_writer *writer, const struct wire_get_certs *get);

/* By proposal hash, not block id: the answer is to be voted on. */
MUST_USE bool wire_decode_get_block(struct bytes in, struct hash *proposal);
void wire_write_get_block(struct wire_writer *writer, const struct hash *proposal);

/* The encoded block, for wire_decode_block(); 1 .. BLOCK_SIZE_MAX bytes. */
MUST_USE bool wire_decode_block_message(struct bytes in, struct bytes *block);
void wire_write_block_message(struct wire_writer *writer, struct bytes block);

/* Where a validator stands: its current view, its last final certificate (kind FINALIZE) and
 * the certificate by which it entered the view.  Either may be absent. */
struct wire_status {
    uint64_t epoch;
    uint64_t view;
    bool has_last_final;
    struct certificate last_final;
    bool has_entry;
    struct certificate entry;
};

MUST_USE bool wire_decode_status(struct bytes in, struct wire_status *out);
void wire_write_status(struct wire_writer *writer, const struct wire_status *status);

/* 1 .. TX_FORWARD_MAX encoded transactions; the sender also keeps the frame's limit. */
MUST_USE bool wire_decode_txs(struct bytes in, struct wire_txs *out);
void wire_write_txs(struct wire_writer *writer, const struct bytes *txs, uint32_t count);

/* One encoded transaction, for wire_decode_tx(). */
MUST_USE bool wire_decode_wake(struct bytes in, struct bytes *tx);
void wire_write_wake(struct wire_writer *writer, struct bytes tx);

/* One shard of a proposal's block (3.10) with all that proves it: the leader's signature on
 * the proposal, which names da_root, and the path of the leaf.  rest.da_mode is DA_SHARD,
 * index < rest.da_n, the shard has rest.shard_size bytes. */
struct wire_shard {
    struct proposal proposal;
    struct bytes light_bytes, rest_bytes; /* as in struct wire_proposal */
    struct signature signature;
    uint32_t index;
    struct bytes path; /* siblings from the leaf up, HASH_SIZE bytes each, <= SHARD_PATH_MAX */
    struct bytes shard;
};

/* The writer uses proposal, signature, index, path and shard. */
void wire_write_shard(struct wire_writer *writer, const struct wire_shard *shard);
MUST_USE bool wire_decode_shard(struct bytes in, struct wire_shard *out);

/* By proposal hash: the answerer's own shard and the asker's, as far as they are there. */
MUST_USE bool wire_decode_get_shards(struct bytes in, struct hash *proposal);
void wire_write_get_shards(struct wire_writer *writer, const struct hash *proposal);

/* "I hold this certificate": who lacks it may ask with GET_CERTS.  NOTARIZE .. FINALIZE. */
struct wire_have {
    uint64_t epoch;
    uint64_t view;
    enum vote_kind kind;
};

MUST_USE bool wire_decode_have(struct bytes in, struct wire_have *out);
void wire_write_have(struct wire_writer *writer, const struct wire_have *have);

#endif /* WIRE_SYNC_SYNC_H */
