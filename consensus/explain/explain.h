#ifndef CONSENSUS_EXPLAIN_EXPLAIN_H
#define CONSENSUS_EXPLAIN_EXPLAIN_H

#include "consensus/consensus.h"

/* What a core waits for, beyond consensus_status(): for people who ask why the chain does not
 * advance.  Reads only; facts, no words.  All times are the monotonic now_ms of the events,
 * UINT64_MAX: no such time. */

enum consensus_proposal {
    CONSENSUS_PROPOSAL_NONE,   /* nothing from the leader of the view is here */
    CONSENSUS_PROPOSAL_EARLY,  /* K9: our clock does not admit its time yet */
    CONSENSUS_PROPOSAL_BAD,    /* it breaks a rule for good */
    CONSENSUS_PROPOSAL_ORPHAN, /* R2: its parent, or a certificate between, is missing here */
    CONSENSUS_PROPOSAL_FULL,   /* K5: too many blocks are not final; only a carrier may follow */
    CONSENSUS_PROPOSAL_HELD,   /* it can be voted for */
};

enum consensus_fetch_kind {
    CONSENSUS_FETCH_CERTIFICATES, /* of count views from view on */
    CONSENSUS_FETCH_PROPOSAL,     /* with its block, of view */
    CONSENSUS_FETCH_FINAL,        /* the way to the final proposal of view (catch-up) */
};

enum { CONSENSUS_FETCH_MAX = 3 }; /* needs that repair (R13) asks for at a time */

struct consensus_fetch {
    enum consensus_fetch_kind kind;
    uint64_t view;
    uint32_t count;    /* of CERTIFICATES */
    uint32_t attempts; /* 0: not asked for yet */
    uint32_t peer;     /* asked last, if attempts > 0 */
};

struct consensus_explanation {
    uint32_t quorum;
    bool work;           /* something is to be decided or to become final */
    uint64_t entered_ms; /* when the current view began */
    uint64_t lead_ms;    /* it is given up then without a proposal ... */
    uint64_t cert_ms;    /* ... and then in any case */
    enum consensus_proposal proposal;
    uint64_t early_ms; /* EARLY: when our clock admits it */
    bool promised[4];  /* [enum vote_kind]: we have decided to sign in this view ... */
    bool is_signed[4]; /* ... and the signer has */
    bool build_asked;  /* we lead and wait for our own block */
    struct {           /* the newest view with a NOTARIZE certificate that is not final */
        uint64_t view; /* 0: none */
        enum consensus_certify certify;
        struct validator_bitmap voted; /* FINALIZE */
    } tip;
    uint32_t fetch_count;
    struct consensus_fetch fetches[CONSENSUS_FETCH_MAX];
};

void consensus_explain(const struct consensus *core, struct consensus_explanation *out);

#endif /* CONSENSUS_EXPLAIN_EXPLAIN_H */
