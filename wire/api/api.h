#ifndef WIRE_API_API_H
#define WIRE_API_API_H

#include "types/types.h"
#include "wire/codec/codec.h"

/* What a client asks a node (docs/protocol.md 9), one request and one answer each, over a
 * sealed session.
 *
 *     request = [kind, fields...]       answer = [kind, fields...]  or  [0, code, text]
 *
 * Not final: these may change with the version.  Nothing in an answer is believed as it
 * stands: values come with a proof against the state root of a header that an F
 * certificate of a known validator set makes final.  STATUS and TX are hints for people and
 * pollers. */

enum api_kind {
    API_ERROR = 0,
    API_HEAD = 1,        /* 9.3: signed height and clock, answers a nonce */
    API_GENESIS = 2,     /* the genesis file */
    API_SUBMIT = 3,      /* hand in a transaction */
    API_FINAL = 4,       /* the newest final header and what makes it final */
    API_PROVE = 5,       /* values under keys, with one proof at the newest or an earlier root */
    API_BLOCK = 6,       /* one final block */
    API_TX = 7,          /* where a transaction is; with a proof once its result is certified */
    API_STATUS = 8,      /* the node's own view, JSON for people */
    API_SUBMIT_MANY = 9, /* hand in several transactions; one code each */
    API_SNAPSHOT = 10,   /* manifest of the state after a height; 0: one that all should have */
    API_ANCHOR = 11,   /* the blocks and finality that tie the state after a height to the chain */
    API_CHUNK = 12,    /* a subtree of that state */
    API_HEADER = 13,   /* a header of any height, and that the chain only grew since */
    API_BOUNDARY = 14, /* how an epoch ended, and the set that came after it */
    API_TXS = 15,      /* where a sender's transactions are, as the node's index has it: a hint */
    API_KIND_MAX = API_TXS,
};

enum {
    API_PROVE_KEY_MAX = 64,
    API_SUBMIT_MAX = 256,
    API_TEXT_MAX = 32768, /* STATUS of 128 validators */
    API_PATH_MAX = 63,
    API_GROWTH_MAX = 64,
    API_PLACE_MAX = 256,
};

struct api_request {
    enum api_kind kind;
    struct hash hash;      /* HEAD: nonce; TX: tx id; CHUNK: prefix */
    struct bytes tx;       /* SUBMIT */
    uint64_t height;       /* BLOCK, SNAPSHOT, ANCHOR, CHUNK, HEADER, TXS; PROVE: after which
                         block, 0: the newest that is provable */
    uint64_t epoch;        /* BOUNDARY */
    uint32_t depth;        /* CHUNK: bits of the prefix */
    struct address sender; /* TXS: those in blocks below height, and of the block at height ... */
    uint32_t number;       /* ... those before this one */
    uint32_t key_count;
    struct bytes keys[API_PROVE_KEY_MAX]; /* PROVE: strictly ascending by SHA-256 */
    uint32_t tx_count;
    struct bytes txs[API_SUBMIT_MAX]; /* SUBMIT_MANY */
};

void api_write_request(struct wire_writer *writer, const struct api_request *request);
MUST_USE bool api_decode_request(struct bytes in, struct api_request *out);

/* A Merkle path as it travels: [index, count, [sibling...]]. */
struct api_path {
    uint64_t index;
    uint64_t count;
    uint32_t size;
    struct hash siblings[API_PATH_MAX];
};

/* A header that is final: itself the tip, or named by the tip's hist_root. */
struct api_anchor {
    struct bytes header;     /* HEADER bytes */
    struct bytes tip_header; /* HEADER bytes that last_final certifies */
    struct bytes last_final; /* LAST_FINAL bytes */
    bool is_tip;             /* header = tip_header; path unused */
    struct api_path path;    /* of header's block id in tip_header's hist_root */
};

/* A transaction in the chain. */
struct api_place {
    uint64_t height;
    uint32_t number; /* in its block */
    struct hash id;
};

enum api_tx_status {
    API_TX_UNKNOWN = 0,
    API_TX_PENDING = 1, /* waits for a block, or in one that is not final */
    API_TX_FINAL = 2,   /* in a final block; the next header is not final yet */
    API_TX_PROVEN = 3,  /* result, path and anchor are present */
};

struct api_fact {
    bool present;
    struct bytes value;
};

struct api_answer {
    enum api_kind kind;
    uint32_t code;              /* ERROR and SUBMIT: 0 or a refusal */
    struct bytes text;          /* ERROR, STATUS */
    struct hash hash;           /* HEAD: block id; SUBMIT: tx id */
    uint64_t height;            /* HEAD, TX; TXS: the index is complete to there */
    uint64_t wall_ms;           /* HEAD */
    uint32_t validator;         /* HEAD */
    struct signature signature; /* HEAD: network key over H(HEAD, api_write_head_preimage) */
    struct bytes body;          /* GENESIS: file; BLOCK: block; TX: RESULT record; BOUNDARY:
                                   VALIDATOR_SET of the next epoch; else what was asked for */
    struct bytes header;        /* FINAL: HEADER bytes; BOUNDARY: of the epoch's last block */
    struct bytes last_final;    /* FINAL, BOUNDARY; BLOCK (of the tip) */
    uint32_t fact_count;
    struct api_fact facts[API_PROVE_KEY_MAX]; /* PROVE, in the order of the keys */
    struct bytes proof;                       /* PROVE: SM1 to anchor.header's state_root */
    enum api_tx_status tx_status;
    uint32_t index;           /* TX: in its block */
    struct api_path path;     /* TX: of the result in anchor.header's results_root */
    struct api_anchor anchor; /* TX, PROVE: the header at height + 1; HEADER: the one asked
                                 for */
    uint32_t growth_size;
    struct hash growth[API_GROWTH_MAX]; /* HEADER: that anchor.tip_header's hist_root begins with
                                           the ids of anchor.header's (RFC 9162, 2.1.4) */
    uint32_t place_count;
    struct api_place places[API_PLACE_MAX]; /* TXS, newest first */
    uint32_t code_count;
    uint32_t codes[API_SUBMIT_MAX]; /* SUBMIT_MANY, in the order of the transactions */
};

void api_write_answer(struct wire_writer *writer, const struct api_answer *answer);
MUST_USE bool api_decode_answer(struct bytes in, struct api_answer *out);

/* [chain_id, nonce, height, block_id, wall_ms] */
void api_write_head_preimage(struct wire_writer *writer, const struct hash *chain_id,
                             const struct hash *nonce, const struct api_answer *answer);

#endif /* WIRE_API_API_H */
