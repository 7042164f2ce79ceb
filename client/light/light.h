#ifndef CLIENT_LIGHT_LIGHT_H
#define CLIENT_LIGHT_LIGHT_H

#include "base/assert.h"
#include "base/error.h"
#include "net/net.h"
#include "state/objects/objects.h"
#include "types/block.h"
#include "wire/api/api.h"

/* The light client: starts from a genesis it trusts and believes nothing else.
 *
 * Every answer of a node is checked before it is used: a header is final when a quorum of
 * the validators of its epoch signed it (K8): those of the genesis, or of a set that a block
 * named which the set before it made final (E5), a value is in the state when an SM1 proof leads to
 * that header's state_root, a result belongs to a transaction when both lie in blocks that a
 * final header names.  A node can refuse to answer; it cannot lie.  Heights never go back.
 *
 * Withholding is the one thing proofs do not show (9.3).  So the client also asks validators
 * for their signed height, answering a nonce, and calls its own tip current only while
 * f + 1 of them said so within the last LIGHT_FRESH_MS.
 *
 * Errors: EXIT_CODE_UNREACHABLE (no endpoint answered in time), EXIT_CODE_VERIFY (an answer
 * does not follow from the genesis), EXIT_CODE_FORK (two final blocks of one height),
 * EXIT_CODE_WRONG_CHAIN, EXIT_CODE_NOT_FOUND, EXIT_CODE_DENIED.  One thread at a time. */

enum {
    LIGHT_ENDPOINT_MAX = VALIDATOR_COUNT_MAX,
    LIGHT_KEY_MAX = API_PROVE_KEY_MAX,
    LIGHT_FRESH_MS = 10000, /* 9.3 */
    LIGHT_TIMEOUT_MS = 5000,
};

struct light_reply {
    uint8_t *data; /* heap */
    size_t size;
};

struct light_question {
    uint32_t endpoint; /* index in the list of endpoints */
    uint32_t timeout_ms;
    struct bytes request;
};

/* How questions travel, and the clocks.  light_link_open makes the real one; tests make
 * theirs.  ask answers true with *answer on the heap (the client frees it). */
struct light_port {
    void *context;
    bool (*ask)(void *context, const struct light_question *question, struct light_reply *out,
                struct error *error);
    uint64_t (*now_ms)(void *context); /* monotonic */
    uint64_t (*wall_ms)(void *context);
    void (*wait_ms)(void *context, uint32_t ms);
};

struct light_config {
    struct hash chain_id;
    struct validator_set validators; /* of the genesis */
    uint32_t endpoint_count;         /* 1 .. LIGHT_ENDPOINT_MAX */
    uint64_t floor_height;           /* newest height verified in an earlier life, or 0 */
    uint32_t timeout_ms;             /* for one call of this header; 0: LIGHT_TIMEOUT_MS */
};

struct light;

/* Asks nothing yet.  NULL when memory is short.  The port is copied; what it points to must
 * outlive the client. */
MUST_USE struct light *light_open(const struct light_config *config, const struct light_port *port);
void light_close(struct light *light); /* NULL is allowed */

/* ---- What is final ---------------------------------------------------------------- */

/* The newest final block that this client has verified; height 0: none yet. */
struct light_tip {
    struct block_header header;
    struct hash block_id;
};
const struct light_tip *light_tip(const struct light *light);

/* Ask for the newest final header, and validators for their signed heights. */
MUST_USE bool light_refresh(struct light *light, struct error *error);

/* 9.3: f + 1 validators said within LIGHT_FRESH_MS that they know nothing newer than the tip. */
bool light_is_fresh(const struct light *light);

/* light_refresh until light_is_fresh, or EXIT_CODE_UNREACHABLE after the time-out: nothing
 * may be started on a stale head. */
MUST_USE bool light_refresh_fresh(struct light *light, struct error *error);

const struct hash *light_chain_id(const struct light *light);
uint64_t light_now_ms(const struct light *light);
uint64_t light_wall_ms(const struct light *light);
void light_wait(const struct light *light, uint32_t ms);

/* ---- History ----------------------------------------------------------------------- */

/* The header of any final height: named by the tip's hist_root, whose ids begin with those that
 * this header's own hist_root is over (append-only, RFC 9162 2.1.4).  EXIT_CODE_NOT_FOUND when
 * the nodes have none of this height, or no longer. */
MUST_USE bool light_header(struct light *light, uint64_t height, struct light_tip *out,
                           struct error *error);

/* Its transactions: BLOCK bytes, on the heap of *out, which the caller frees. */
MUST_USE bool light_body(struct light *light, const struct light_tip *block,
                         struct light_reply *out, struct error *error);

/* A memory longer than one life: hold the chain against the block that an earlier call wrote to
 * `path`, which the tip's history must hold in its place and extend, then write the newest one
 * there.  From then on no older tip is accepted.  No file yet: it is made.  EXIT_CODE_FORK:
 * validators have signed a history without that block; what shows it is kept beside it in
 * PATH.fork.  EXIT_CODE_NOT_FOUND: no node that was asked reaches back so far. */
MUST_USE bool light_remember(struct light *light, const char *path, struct error *error);

/* ---- Values ------------------------------------------------------------------------ */

/* Proven at one state root: that after block height - 1. */
struct light_value {
    bool present;
    struct bytes value; /* into memory */
};
struct light_values {
    uint64_t height;  /* of the header that names the state root */
    uint64_t time_ms; /* of that header */
    struct hash state_root;
    uint32_t count;
    struct light_value items[LIGHT_KEY_MAX]; /* in the order of the keys */
    uint8_t *memory;
};
/* From now on values are those after this final block, proven to the header that follows it;
 * 0: those at the tip again.  Nodes answer for the last blocks only (their undo_window), and
 * EXIT_CODE_NOT_FOUND names the oldest that the one asked last does.  height >= 1 needs a tip
 * above it. */
void light_look_back(struct light *light, uint64_t height);

/* 1 .. LIGHT_KEY_MAX keys.  On true the caller owes light_values_free. */
MUST_USE bool light_prove(struct light *light, const struct key *keys, uint32_t count,
                          struct light_values *out, struct error *error);
void light_values_free(struct light_values *values);

/* One object: EXIT_CODE_NOT_FOUND when it is proven absent. */
MUST_USE bool light_read(struct light *light, const struct key *key, const struct record *record,
                         void *out, struct error *error);

/* 11.2: a collection at one state root, from the item `from` on.  At most max items are
 * written; *count is how many there are in all. */
struct light_collection {
    enum collection collection;
    struct bytes owner;
    struct item *items;
    uint32_t from;
    uint32_t max;
    uint32_t count; /* out */
};
MUST_USE bool light_read_collection(struct light *light, struct light_collection *io,
                                    struct error *error);

/* ---- Transactions and blocks --------------------------------------------------------- */

/* Hand in complete transaction bytes.  True when a node answered: *code is 0, or the node's
 * refusal (types/codes.def), which is its word only: another is asked next.  False: nobody
 * answered, and it may be under way all the same. */
MUST_USE bool light_submit(struct light *light, struct bytes raw, uint32_t *code,
                           struct error *error);

/* What became of a transaction, proven. */
struct light_result {
    uint64_t height;
    uint32_t index;
    uint32_t code;
    struct bytes events; /* into memory; see event_read */
    uint8_t *memory;
};

/* Follow a transaction (complete bytes) until its result is proven, handing it in again
 * where it is unknown.  EXIT_CODE_EXPIRED when it is proven that it can never be included,
 * EXIT_CODE_UNREACHABLE when timeout_ms pass first.  On true the caller owes
 * light_result_free. */
MUST_USE bool light_wait_tx(struct light *light, struct bytes raw, uint32_t timeout_ms,
                            struct light_result *out, struct error *error);
/* One look: *found says whether the result is proven already. */
MUST_USE bool light_look_tx(struct light *light, struct bytes raw, bool *found,
                            struct light_result *out, struct error *error);
void light_result_free(struct light_result *result);

/* The same by the id alone.  When the result is not proven, waiting is the nodes' word: one
 * of them has it in its pool, or in a block whose successor is not final yet. */
struct light_found {
    struct light_result result;
    uint32_t type; /* enum tx_type, or unknown */
    struct address sender;
    uint32_t lane;
    uint64_t seq;
    bool waiting;
};
MUST_USE bool light_look_id(struct light *light, const struct hash *id, bool *found,
                            struct light_found *out, struct error *error);

/* Ids of a sender's transactions, newest first, as one node's index has them: a hint, of which
 * light_look_id proves each; that none is missing is not proven.  Below (height, number):
 * UINT64_MAX, or the last of the page before. */
struct light_page {
    struct address sender;
    uint64_t below_height;
    uint32_t below_number;
    uint64_t complete_to; /* out: the index had followed so far */
    uint32_t count;       /* out */
    struct api_place places[API_PLACE_MAX];
};
MUST_USE bool light_list_txs(struct light *light, struct light_page *io, struct error *error);

/* Of a transaction of a numbered lane: *absent when the proven state shows its number as used
 * while no block from from_height up to that state holds it, so that another used the number
 * and this one can never enter.  from_height: none below can hold it.  The blocks are followed
 * by parent ids down from the tip; EXIT_CODE_INCOMPLETE when they are more than LIGHT_WALK_MAX. */
enum { LIGHT_WALK_MAX = 256 };
MUST_USE bool light_prove_absent(struct light *light, struct bytes raw, uint64_t from_height,
                                 bool *absent, struct error *error);

/* One node's own view as JSON, for people: not verified. */
MUST_USE bool light_status(struct light *light, uint32_t endpoint, char *out, size_t size,
                           struct error *error);

/* ---- The link to real nodes ------------------------------------------------------------ */

struct light_link_config {
    const char *const *endpoints; /* "host:port"; copied */
    uint32_t endpoint_count;
    struct hash chain_id;
    const struct crypto_key *key; /* role CLIENT; NULL: ANON with a key made up now */
};
struct light_link;
MUST_USE bool light_link_open(const struct light_link_config *config, struct light_link **out,
                              struct error *error);
struct light_port light_link_port(struct light_link *link);
void light_link_close(struct light_link *link); /* NULL is allowed */

#endif /* CLIENT_LIGHT_LIGHT_H */
