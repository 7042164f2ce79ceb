#ifndef CONSENSUS_GUARD_GUARD_H
#define CONSENSUS_GUARD_GUARD_H

#include "types/validators.h"
#include "types/vote.h"

/* The amnesia guard (34.5): when may a validator that has lost its votes vote again?
 *
 * A lost vote was cast in a view w that a certificate had opened, and q - f honest validators
 * had signed in view w - 1.  Of the other n - 1 at most n - 1 - q do not answer; 2q > n + f, so
 * that among q who do is an honest one of those, in view w - 1 or later.  Hence no vote was
 * cast above the highest view that q others prove to be in, plus one; VIEW_AHEAD comes on top.
 * The guard ends with the first final view above that: the others have moved on without us,
 * and below a final view nobody votes.
 *
 * An answer counts when it was sent after the restart and its view is proven by certificates,
 * so that liars cannot push the limit up.  Pure; zeroed memory is not a guard. */

struct consensus_guard {
    uint32_t validator_count; /* >= 4: below, a quorum of others does not exist */
    uint32_t self;
    uint64_t epoch; /* the newest anybody has proven; answers of an earlier one do not count */
    uint64_t view;  /* the highest proven view of it */
    struct validator_bitmap heard;
    uint32_t heard_count;
    bool known; /* a quorum of others has answered: the limit stands */
    uint64_t limit;
};

/* The smallest set in which a guard can ever end. */
enum { CONSENSUS_GUARD_COUNT_MIN = 4 };

void consensus_guard_init(struct consensus_guard *guard, uint32_t validator_count, uint32_t self);

/* Another validator is in this view: the caller has checked the proof. */
void consensus_guard_hear(struct consensus_guard *guard, uint32_t from, uint64_t epoch,
                          uint64_t view);

/* A vote of our own of this view was seen: the limit is not below it. */
void consensus_guard_remember(struct consensus_guard *guard, uint64_t epoch, uint64_t view);

/* True: with this last final view the guard ends; votes above it are safe. */
MUST_USE bool consensus_guard_ends(const struct consensus_guard *guard, uint64_t epoch,
                                   uint64_t final_view);

#endif /* CONSENSUS_GUARD_GUARD_H */
