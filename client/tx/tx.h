#ifndef CLIENT_TX_TX_H
#define CLIENT_TX_TX_H

#include "client/light/light.h"
#include "crypto/crypto.h"
#include "types/tx.h"

/* Transactions: made, signed, handed in and followed to a proven result.
 *
 * A sender is one account's lane 0.  It reads the next sequence number from proven state and
 * counts on from there, so that several transactions can be under way at once.  Nobody else
 * should send from the same account's lane 0 meanwhile; a worker and a person each use their
 * own account.
 *
 * What a node answers to a transaction is its word only, and a lost answer says nothing: the
 * bytes may be under way all the same.  So a transaction once signed is followed by its own
 * bytes until its fate is proven, and the same wish is signed again, with another number, only
 * after the proof that the first can never enter a block.  A refusal is such a word too: the
 * sender remembers the number of a refused transaction until its fate is known, and signs
 * nothing of its own accord with another number before.  (A sender that is opened anew knows
 * nothing of it: who repeats a refused wish then chooses its number, tx_sender_fix.) */

struct tx_parts {
    const struct crypto_key *key;
    struct hash chain_id;
    enum tx_type type;
    uint32_t lane;
    uint64_t seq;
    uint64_t valid_until_ms;
    const void *body; /* struct body_x of the type; NULL for NOP */
};

enum { TX_VALID_MS = 600000, TX_WAIT_MS = 30000, TX_SLICE_MS = 2000, TX_FULL_MAX = 16 };

/* Complete bytes on the heap, the caller's; false when the type is unknown or the body does
 * not fit its type's limit. */
MUST_USE bool tx_build(const struct tx_parts *parts, struct light_reply *out, struct error *error);

/* The last transaction that a node refused.  Who refused it may have forwarded it all the
 * same: until another one's result shows that this one did not take the number, or its time
 * is proven to be over, it may be executed. */
struct tx_refused {
    bool any;
    uint64_t seq;
    struct hash id;
    uint64_t valid_until_ms; /* of the latest with this number */
};

struct tx_sender {
    struct light *light;
    const struct crypto_key *key;
    struct address address;
    bool synced;
    bool fixed;        /* next_seq was chosen by the caller: this number or none */
    uint64_t next_seq; /* counts while synced */
    struct tx_refused refused;
};
void tx_sender_init(struct tx_sender *sender, struct light *light, const struct crypto_key *key);

/* Use this number for the next transaction, and for no other: a repetition of one whose
 * outcome is unknown cannot be executed beside it. */
void tx_sender_fix(struct tx_sender *sender, uint64_t seq);

/* A transaction under way. */
struct tx_pending {
    struct light_reply raw;
    struct hash id;
    uint64_t seq;
    uint64_t valid_until_ms;
    uint64_t base_height; /* above what was final when it was signed: no block below holds it */
    enum tx_type type;
};
void tx_pending_free(struct tx_pending *pending);

/* Sign with the next sequence number and hand in.  True: it is under way, or may be; tx_wait
 * tells, and the caller owes tx_pending_free.  False: EXIT_CODE_REJECTED, EXIT_CODE_EXPIRED or
 * EXIT_CODE_QUOTA with the code of a node's refusal, EXIT_CODE_USAGE, or the number could not
 * be read; out then holds id and seq if it was signed (raw is gone).
 *
 * A refusal is the node's word: it is certain only when valid_until_ms is over.  So the next
 * transaction has the same number, and only one of the two can be executed. */
MUST_USE bool tx_submit(struct tx_sender *sender, enum tx_type type, const void *body,
                        struct tx_pending *out, struct error *error);

/* Follow it to its proven result.  False: EXIT_CODE_REJECTED with the code's text,
 * EXIT_CODE_EXPIRED, or EXIT_CODE_UNREACHABLE: the outcome is unknown.  code (may be NULL)
 * gets the proven code; CODE_E_SEQ_USED: it is proven that another transaction used the number
 * and that no block holds this one; EXIT_CODE_UNREACHABLE with it when that other one may be
 * what a node refused before. */
MUST_USE bool tx_wait(struct tx_sender *sender, const struct tx_pending *pending,
                      uint32_t timeout_ms, uint32_t *code, struct error *error);

/* Both, and again with a new number if the first is proven to be in no block because
 * another used its number (once), or to have failed because its block had no room left for
 * it (TX_FULL_MAX times).  told gets id, seq and the proven code; id is zero while nothing was
 * signed.  refused: by a node's word alone.
 *
 * When the number of a refused transaction turns out to be used, that one may be the same wish
 * and executed: nothing is signed again.  EXIT_CODE_UNREACHABLE, and told has id and seq of the
 * refused one, CODE_OK; its outcome is unknown.  What is sent next has a number of its own. */
struct tx_told {
    struct hash id;
    uint64_t seq;
    uint32_t code;
    bool refused;
};
MUST_USE bool tx_carry(struct tx_sender *sender, enum tx_type type, const void *body,
                       struct tx_told *told, struct error *error);
/* The same; code may be NULL. */
MUST_USE bool tx_send(struct tx_sender *sender, enum tx_type type, const void *body, uint32_t *code,
                      struct error *error);

#endif /* CLIENT_TX_TX_H */
