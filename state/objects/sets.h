#ifndef STATE_OBJECTS_SETS_H
#define STATE_OBJECTS_SETS_H

#include "state/objects/record.h"
#include "types/validators.h"
#include "types/vote.h"

/* Validator sets and their changes (docs/protocol-state.md 17).
 *
 *   VALIDATOR_PROPOSE -> open -> quorum(n) seats approve -> accepted -> ready -> boundary block
 *
 * An open change stands under its proposer's address, the accepted one under GLOBAL_CHANGE
 * with the set it leads to under GLOBAL_NEXT_SET.  A seat is a position in a set. */

enum change_action {
    CHANGE_ADD = 1,    /* a seat behind the last one */
    CHANGE_REMOVE = 2, /* later seats move up */
    CHANGE_REKEY = 3,  /* new keys for a seat, the same account */
    CHANGE_EVICT = 4,  /* removed by the ledger itself; nobody proposes that */
};

struct set_change {
    uint32_t version;
    uint64_t epoch; /* in which it was proposed: its votes are of that epoch's seats */
    uint8_t action; /* enum change_action */
    uint32_t seat;  /* in that epoch's set; ADD: their number; EVICT: the latest one's */
    struct validator validator; /* as it shall be; REMOVE, EVICT: as it was */
    struct address proposer;    /* zero: EVICT */
    uint64_t proposed_ms;
    uint32_t members; /* of the next set */
    struct hash next_set_hash;
    uint8_t approvals[VALIDATOR_BITMAP_SIZE]; /* seats of the epoch's set */
    uint64_t accepted_height;                 /* 0: open */
    uint64_t accepted_ms;
    uint8_t ready[VALIDATOR_BITMAP_SIZE]; /* seats of the next set that sent READY */
};

/* Absent until the first boundary: epoch 0 from the genesis on. */
struct set_epoch {
    uint32_t version;
    uint64_t epoch;        /* of the next block */
    uint64_t start_height; /* of the boundary block that closed the epoch before */
};

/* Bodies of transactions. */

struct body_validator_propose {
    struct hash set_hash;       /* of the set that holds: the proposal is void in another epoch */
    uint8_t action;             /* ADD, REMOVE or REKEY of enum change_action */
    uint32_t seat;              /* ADD: the number of seats */
    struct validator validator; /* ADD, REKEY: as it shall be; REMOVE: as it is */
};

struct body_validator_approve {
    struct address proposer;
    struct hash next_set_hash;
};

struct body_ready {
    struct hash next_set_hash;
    uint32_t seat;              /* of the next set */
    uint64_t height;            /* final where the member stands: the acceptance is behind it */
    struct signature signature; /* by that seat's consensus key over id_ready */
};

/* ---- Evidence (17.8) ---- */

/* What a vote says beside epoch, view and seat, and its signature. */
struct signed_vote {
    uint8_t kind;         /* enum vote_kind */
    struct hash proposal; /* zero: NULLIFY */
    struct signature signature;
};

struct body_evidence {
    uint64_t epoch;
    uint64_t view;
    uint32_t seat;             /* in that epoch's set */
    struct signed_vote first;  /* below second by kind, then proposal: */
    struct signed_vote second; /* vote_pair_proves of types/vote.h */
};

/* A consensus key that signed such a pair: for ever, as long as its seat may still stand. */
struct suspension {
    uint32_t version;
    struct public_key consensus;
    struct address account; /* its seat's */
    uint64_t epoch;         /* of the votes, as are the next ones */
    uint64_t view;
    uint32_t seat;
    uint8_t first_kind;
    uint8_t second_kind;
    uint64_t height; /* of the block with the proof */
};

extern const struct record record_signed_vote;
extern const struct record record_body_evidence;
extern const struct record record_suspension;
extern const struct record record_validator;
extern const struct record record_set_change;
extern const struct record record_set_epoch;
extern const struct record record_body_validator_propose;
extern const struct record record_body_validator_approve;
extern const struct record record_body_ready;

/* Of two votes of which vote_contradicts() is true, put in their order. */
struct body_evidence evidence_of(const struct vote *a, const struct vote *b);

/* Is this seat of the next set known to be alive: by its own READY, or, where the change does
 * not touch it, by its approval. */
bool set_change_has(const struct set_change *change, uint32_t seat);

/* K3: the seat that was added or has new keys has sent READY, and quorum(members) of the next
 * set are known to be alive.  Eviction waits for nobody: who stays was there before. */
bool set_change_is_ready(const struct set_change *change);

#endif /* STATE_OBJECTS_SETS_H */
