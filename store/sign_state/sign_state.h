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
 * CRC-32C and a digest (TAG_SIGN_STATE).  For own votes this file wins over the journal (J4).
 *
 * The amnesia guard (34.5): when votes may have been lost, nothing is signed from the moment
 * sign_state_guard or sign_state_forget has returned until sign_state_lift names a view above
 * all in which this key can have voted.  That a file was lost or is an old copy shows in what
 * the two files say about each other: the journal names the number of writes of sign.state, and
 * sign.state the last sync unit of the journal (sign_state_compare). */

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
    SIGN_GUARDED, /* votes may have been lost: 34.5 */
};

/* Open "sign.state"; what it remembers is durable then, for it is written anew
 * (docs/decisions/0011).  When it is not there: made if create, else EXIT_CODE_SIGN_STATE, for a
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
    uint64_t sequence;     /* writes so far */
    uint64_t journal_unit; /* of the journal, durable before the last write; 0: none named */
    bool guarded;
};

void sign_state_status(const struct sign_state *state, struct sign_state_status *out);

/* The journal's newest durable unit: goes with the next write. */
void sign_state_witness(struct sign_state *state, uint64_t journal_unit);

/* What a journal says: its newest unit (0: it is empty) and the number of writes it names. */
struct sign_journal {
    uint64_t unit;
    uint64_t sequence;
};

enum sign_agreement {
    SIGN_AGREES = 0,
    SIGN_JOURNAL_LOST, /* the journal is empty and was not */
    SIGN_JOURNAL_OLD,  /* it ends before what sign.state saw: an old copy, or cut off */
    SIGN_STATE_OLD,    /* sign.state was written later than this copy */
};

/* Neither file is changed.  A crash at any point leaves two files that agree. */
MUST_USE enum sign_agreement sign_state_compare(const struct sign_state_status *status,
                                                const struct sign_journal *journal);

/* Whether a vote that bears this key's signature is remembered here, or too old to be.  If not,
 * the file is an old copy, or another process has the key. */
MUST_USE bool sign_state_recalls(const struct sign_state *state, const struct vote *vote);

/* From now on nothing is signed; durable.  What was remembered stays. */
MUST_USE bool sign_state_guard(struct sign_state *state, struct error *error);

/* A guarded sign.state that remembers nothing, in place of whatever is there; not while it is
 * open.  sequence: above every number of writes the old one had, such as the wall clock's
 * milliseconds. */
MUST_USE bool sign_state_forget(const struct disk_port *port, const struct sign_identity *identity,
                                uint64_t sequence, struct error *error);

/* The guard ends: views of the epoch above view may be signed; durable. */
MUST_USE bool sign_state_lift(struct sign_state *state, uint64_t epoch, uint64_t view,
                              struct error *error);

#endif /* STORE_SIGN_STATE_SIGN_STATE_H */
