#ifndef STATE_SETS_GUILT_H
#define STATE_SETS_GUILT_H

#include "state/ledger/ledger.h"
#include "types/vote.h"

/* Evidence against validators (docs/protocol-state.md 17.8).
 *
 * EVIDENCE is two votes that no honest validator signs both, and needs no more than the set of
 * their epoch to be judged: so nobody sends it.  It has no sender, number, quota or signature of
 * its own; what is not proven, or was before, is inadmissible, and a key can be proven guilty
 * once: that alone bounds it.
 *
 *   EVIDENCE -> the consensus key is suspended, for ever; its seat is given up at the next
 *               boundary, as long as those who stay are a quorum of the epoch's set */

struct guilt {
    struct key key; /* of the suspension */
    struct public_key consensus;
    struct hash set_hash;
    struct hash chain_id;
    struct vote first;
    struct vote second;
};

/* Everything but the signatures, against the parent's state.  CODE_OK, E_RANGE: fields of a
 * sender are not neutral; E_FORMAT; E_NOT_FOUND: no such epoch or seat; E_EVIDENCE: no such
 * pair; E_DUPLICATE: suspended already. */
MUST_USE enum code guilt_judge(const struct state_view *view, const struct hash *chain_id,
                               const struct tx *tx, struct guilt *out);

/* Two checks of a signature. */
MUST_USE bool guilt_holds(const struct guilt *guilt);

bool guilt_is_proven(const struct buffer *buffer, const struct public_key *consensus);

/* An epoch has opened with this set: who is suspended and still has a seat gives it up now, if
 * that is possible now. */
void guilt_follow(struct execution *x, const struct validator_set *set);

enum code execute_evidence(struct execution *x, struct call *call);

#endif /* STATE_SETS_GUILT_H */
