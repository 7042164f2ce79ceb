#ifndef STORE_SIGN_STATE_SIGN_STATE_H
#define STORE_SIGN_STATE_SIGN_STATE_H

#include "store/journal/disk_port.h"
#include "types/vote.h"

/* sign.state (J1): what one validator key has signed, so that no crash, no bug in the node
 * and no second request can make it sign twice.
 *
 * Per epoch a floor and a ring of 64 views; for each view the proposal signed as its leader,
 * the NOTARIZE, whether NULLIFY, the FINALIZE.  A vote may be signed iff its view is not
 * below the floor and the entry does not contradict it: one value of each kind, and NULLIFY
 * excludes FINALIZE.  The same request again is always allowed.  A view beyond the ring
 * raises the floor; a later epoch starts an empty ring; an earlier epoch is refused.
 *
 * The file has two slots of 8,192 bytes (docs/decisions/0001): the newer valid one counts, a
 * write goes to the other and is synced before sign_state_permit returns.  Each ends with
 * CRC-32C and a digest (TAG_SIGN_STATE).  For own votes this file wins over the journal (J4). */

struct sign_state;

/* Whose votes a file is about: it is of use to nobody else. */
struct sign_identity {
    struct hash chain_id;
    struct public_key key;
};

enum sign_verdict {
    SIGN_PERMITTED = 0,
    SIGN_BELOW_FLOOR,
    SIGN_CONTRADICTS, /* another vote was signed: evidence of a bug or a second node */
    SIGN_OLD_EPOCH,
    SIGN_MALFORMED,
};

/* Open "sign.state".  When it is not there: made if create, else EXIT_CODE_SIGN_STATE, for a
 * key that has been used before must not start from nothing (sign_used_read tells).  A file of
 * another identity is EXIT_CODE_SIGN_STATE, one without a valid slot EXIT_CODE_CORRUPT.  port is
 * copied, its context must outlive the state. */
MUST_USE bool sign_state_open(const struct disk_port *port, const struct sign_identity *identity,
                              bool create, struct sign_state **out, struct error *error);
void sign_state_close(struct sign_state *state); /* NULL is allowed */

/* The marker "consensus.key.used" lies beside the key and not beside sign.state, so that who
 * deletes the one still has the other (docs/decisions/0005): the chains this key may have voted
 * on, each 64 hexadecimal digits and a line feed.  keys is the key's directory.
 *
 * sign_used_read: whether chain_id is one of them.  sign_used_write: add it, durably, before
 * the first vote is signed; only when it is not there.  A marker that is not of this form is
 * EXIT_CODE_BAD_KEY. */
MUST_USE bool sign_used_read(const struct disk_port *keys, const struct hash *chain_id, bool *used,
                             struct error *error);
MUST_USE bool sign_used_write(const struct disk_port *keys, const struct hash *chain_id,
                              struct error *error);

/* Judge votes one after the other, of which kind, epoch, view and proposal are used, and
 * remember those permitted, durably, with one sync for all.  False: the disk failed; nothing
 * may be signed any more and the state refuses further calls. */
MUST_USE bool sign_state_permit(struct sign_state *state, const struct vote *votes, uint32_t count,
                                enum sign_verdict *verdicts, struct error *error);

typedef void sign_state_visit(void *context, const struct vote *vote);

/* Every remembered vote in view order, without signature and validator: seeds the core at
 * start (J4). */
void sign_state_export(const struct sign_state *state, sign_state_visit *visit, void *context);

struct sign_state_status {
    uint64_t epoch;
    uint64_t floor;
    uint64_t sequence; /* writes so far */
};

void sign_state_status(const struct sign_state *state, struct sign_state_status *out);

#endif /* STORE_SIGN_STATE_SIGN_STATE_H */
