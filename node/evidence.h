#ifndef NODE_EVIDENCE_H
#define NODE_EVIDENCE_H

#include "node/budget.h"
#include "state/objects/objects.h"
#include "store/journal/journal.h"

/* Votes that prove a validator guilty, from the moment they are here until the chain has them
 * (docs/protocol-state.md 17.8):
 *
 *   a verified vote contradicts a held one -> the journal, synced -> EVIDENCE to everybody's pool,
 *   again when it expires -> the state knows the key as suspended: forgotten
 *
 * One pair for each seat of an epoch: more of it says nothing new, and costs no verification. */

struct driver;

struct evidence {
    uint64_t epoch;                  /* of the seats accused */
    struct validator_bitmap accused; /* a pair was found */
    struct budget checks; /* of votes that nothing but evidence needs, by who brings whose */
    uint64_t looked_ms;
    uint32_t pending_count;
    struct {
        struct body_evidence body;
        uint64_t valid_until_ms; /* of what was submitted last; 0: nothing yet */
    } pending[VALIDATOR_COUNT_MAX];
    uint64_t kept_epoch, kept_view; /* of the oldest of their records in the journal */
};

void evidence_init(struct evidence *evidence);

/* Nothing more is to be known of this vote's validator in this epoch. */
MUST_USE bool evidence_known(const struct driver *d, const struct vote *vote);

/* Before the step that takes it: what this peer brings.  verified: its signatures are. */
void evidence_vote(struct driver *d, uint32_t from, const struct vote *vote, bool verified);
void evidence_certificate(struct driver *d, uint32_t from, const struct certificate *certificate,
                          bool verified);
/* A signature that only evidence needs, verified at a limited rate: false also beyond it. */
MUST_USE bool evidence_check(struct driver *d, uint32_t from, const struct vote *vote);
/* A leader's signature on a proposal, verified. */
void evidence_proposal(struct driver *d, const struct vote *vote);

/* A JOURNAL_EVIDENCE of the journal that is being opened. */
void evidence_restore(struct driver *d, const struct journal_record *record);
/* What the journal is about to forget is written again. */
void evidence_keep(struct driver *d);
/* Submit what waits. */
void evidence_poll(struct driver *d);

#endif /* NODE_EVIDENCE_H */
