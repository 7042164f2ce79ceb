#ifndef STATE_SETS_SETS_H
#define STATE_SETS_SETS_H

#include "state/ledger/ledger.h"

/* Changes of the validator set: who asks for them, who agrees, when they hold
 * (docs/protocol-state.md 17; rules E1-E4 with K1, K3, K4). */

/* The boundary, before the transactions of its block: they see the next epoch's set. */
void sets_begin(struct execution *x);

/* The block's event of it. */
void sets_end(struct execution *x);

/* A change is accepted and ready: blocks are due until its boundary. */
bool sets_wait(const struct state_view *view);

enum code execute_validator_propose(struct execution *x, struct call *call);
enum code execute_validator_approve(struct execution *x, struct call *call);
enum code execute_ready(struct execution *x, struct call *call);

/* Takes the member with this consensus key out of the set: accepted in this block, without
 * approvals, ready at once.  An accepted change of another kind is dropped and has to be
 * proposed again; members evicted together leave together.  False, and nothing happens: the
 * key has no seat that stays, or it is the only one. */
bool sets_evict(struct execution *x, const struct public_key *consensus);

/* The set of an epoch up to the present one, and its hash; false: not yet. */
MUST_USE bool sets_of_epoch(const struct state_view *view, uint64_t epoch,
                            struct validator_set *out, struct hash *set_hash);

#endif /* STATE_SETS_SETS_H */
