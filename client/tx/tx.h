#ifndef CLIENT_TX_TX_H
#define CLIENT_TX_TX_H

#include "client/light/light.h"
#include "crypto/crypto.h"
#include "types/tx.h"

/* Transactions: made, signed, handed in and followed to a proven result.
 *
 * A sender is one account's lane 0.  It reads the next sequence number from proven state and
 * counts on from there, so that several transactions can be under way at once.  Nobody else
 * may send from the same account's lane 0 meanwhile; a worker and a person each use their
 * own account. */

struct tx_parts {
    const struct crypto_key *key;
    struct hash chain_id;
    enum tx_type type;
    uint32_t lane;
    uint64_t seq;
    uint64_t valid_until_ms;
    const void *body; /* struct body_x of the type; NULL for NOP */
};

enum { TX_VALID_MS = 600000, TX_WAIT_MS = 30000 };

/* Complete bytes on the heap, the caller's; false when the type is unknown or the body does
 * not fit its type's limit. */
MUST_USE bool tx_build(const struct tx_parts *parts, struct light_reply *out, struct error *error);

struct tx_sender {
    struct light *light;
    const struct crypto_key *key;
    struct address address;
    bool synced;
    uint64_t next_seq;
};
void tx_sender_init(struct tx_sender *sender, struct light *light, const struct crypto_key *key);

/* A transaction under way. */
struct tx_pending {
    struct light_reply raw;
    struct hash id;
    uint64_t seq;
    enum tx_type type;
};
void tx_pending_free(struct tx_pending *pending);

/* Sign with the next sequence number and hand in.  False: EXIT_CODE_REJECTED with the code's
 * text (the sequence number is free again), or a failure of the light client.  On true the
 * caller owes tx_pending_free. */
MUST_USE bool tx_submit(struct tx_sender *sender, enum tx_type type, const void *body,
                        struct tx_pending *out, struct error *error);

/* Follow it to its proven result.  False: EXIT_CODE_REJECTED with the code's text,
 * EXIT_CODE_EXPIRED, or EXIT_CODE_UNREACHABLE.  code (may be NULL) gets the proven code. */
MUST_USE bool tx_wait(struct tx_sender *sender, const struct tx_pending *pending,
                      uint32_t timeout_ms, uint32_t *code, struct error *error);

/* Both. */
MUST_USE bool tx_send(struct tx_sender *sender, enum tx_type type, const void *body, uint32_t *code,
                      struct error *error);

#endif /* CLIENT_TX_TX_H */
