#ifndef TYPES_VOTE_H
#define TYPES_VOTE_H

#include "types/types.h"
#include "types/validators.h"

/* Votes and certificates of the consensus core.  The digest that is signed binds kind,
 * chain id, set hash, epoch, view and (but for NULLIFY) the proposal hash. */

enum vote_kind {
    VOTE_PROPOSE = 0, /* the leader's signature on its proposal; never in a certificate */
    VOTE_NOTARIZE = 1,
    VOTE_NULLIFY = 2,
    VOTE_FINALIZE = 3,
};

struct vote {
    enum vote_kind kind;
    uint64_t epoch;
    uint64_t view;
    struct hash proposal; /* zero for NULLIFY */
    uint32_t validator;
    struct signature signature;
};

/* q votes of one kind for one (epoch, view, proposal). */
struct certificate {
    enum vote_kind kind;
    uint64_t epoch;
    uint64_t view;
    struct hash proposal; /* zero for NULLIFY */
    struct validator_bitmap signers;
    uint32_t signature_count;
    struct signature signatures[VALIDATOR_COUNT_MAX]; /* in index order */
};

/* Whether two votes prove that their validator lied: both of one view, and two values of one
 * kind, or NULLIFY and FINALIZE.  No honest one signs both, whatever it has seen.  One pair has
 * one order, by kind and then proposal: false for the other.  Signatures are not looked at.
 * (NOTARIZE and NULLIFY, or NOTARIZE and FINALIZE of another value, prove nothing.) */
bool vote_pair_proves(const struct vote *first, const struct vote *second);

/* The one or the other way round. */
bool vote_contradicts(const struct vote *a, const struct vote *b);

#endif /* TYPES_VOTE_H */
