#ifndef CONSENSUS_CONSENSUS_H
#define CONSENSUS_CONSENSUS_H

#include <stddef.h>

#include "types/block.h"
#include "types/vote.h"

/* Simplex with a separate certification step (Chan and Pass, "Simplex
 * Consensus", 2023; the certify step as in commonware's simplex).  One event in, a bounded
 * list of actions out.  docs/protocol-consensus.md states rules R1-R16 that the code cites.
 *
 *   proposal of leader(v)   -> NOTARIZE(v,h)       timer or bad proposal -> NULLIFY(v)
 *   q NOTARIZE(v,h) = N     -> certify request     q NULLIFY(v) = Z      -> enter v+1
 *   certify OK              -> FINALIZE(v,h) unless NULLIFY(v) was sent, and enter v+1
 *   q FINALIZE(v,h) = F     -> h and its ancestors are final
 *
 * Pure: no clock, I/O, heap, threads or randomness.  It checks no signature and computes no
 * hash.  Certify, build, sign and fetch are requests; later events answer them, in any order,
 * late, or never.  Time enters as now_ms, a monotonic clock that never goes back.
 *
 * What the caller owes:
 *  1. Signatures, certificates (every byte, K6), hashes, chain id and set hash are checked
 *     before an event is made, except where consensus_screen() says that it will be refused.
 *     A vote comes from its own signer; an answer to GET_BLOCK is an ON_PROPOSAL.
 *  2. Actions are carried out in list order before the next step.  All PERSIST actions
 *     stand first; they are durable before any SEND of this or a later step leaves.
 *  3. The bytes of every ACCEPTED and own proposal are kept until DO_FINAL passes its view or
 *     consensus_needs() denies it; GET_BLOCK is served from them.  After a restart a
 *     parent may count as certified though nothing is executed: the driver executes it first.
 *  4. One timer: DO_SET_TIMER replaces it; when it fires, pass ON_TIMEOUT. */

struct consensus; /* consensus/core.h */

enum {
    CONSENSUS_OBSERVER = 0x7FFFFFFF, /* config.self of a node without a vote */
    CONSENSUS_ALL = 0x7FFFFFFF,      /* action.to: every connected peer */
    CONSENSUS_RANGE_MAX = 16,        /* views asked for, or answered, at once */
    CONSENSUS_ACTIONS_MAX = 640,  /* worst: START with a full window of own votes to sign again */
    CONSENSUS_HISTORY_MAX = 1024, /* K5: views without finality that are remembered briefly */
};

/* The newest final block that chain.db holds; view 0 is the start of the epoch. */
struct consensus_anchor {
    uint64_t view;
    struct hash proposal, block_id; /* proposal: zero for view 0 */
    uint64_t height;
    const struct certificate *certificate; /* the F on it; NULL for view 0 */
};

struct consensus_config {
    uint64_t epoch;
    uint32_t validator_count;       /* 1 .. VALIDATOR_COUNT_MAX */
    uint32_t self;                  /* our index, or CONSENSUS_OBSERVER */
    uint32_t leader_offset;         /* leader(v) = (v - 1 + offset) mod n */
    uint32_t delta_0_ms;            /* genesis: first estimate of the network delay, >= 1 */
    uint32_t delta_max_ms;          /* genesis: the backoff stops here, >= delta_0_ms */
    uint32_t c_max_ms;              /* genesis: bound on certify */
    uint32_t min_block_interval_ms; /* node: our pace as leader */
    uint32_t standstill_ms;         /* re-broadcast after so long without an F; >= 1, 5000 */
    struct consensus_anchor anchor;
};

enum consensus_event_kind {
    CONSENSUS_ON_START,            /* once, after init and restore */
    CONSENSUS_ON_TIMEOUT,          /* the timer fired (earlier or twice is harmless) */
    CONSENSUS_ON_WORK,             /* work: what there is to do has changed */
    CONSENSUS_ON_PEER_UP,          /* from: a peer has connected */
    CONSENSUS_ON_PROPOSAL,         /* proposal: with its whole block at hand */
    CONSENSUS_ON_VOTE,             /* vote */
    CONSENSUS_ON_CERTIFICATE,      /* certificate */
    CONSENSUS_ON_STATUS,           /* status: the certificates it carried come as events first */
    CONSENSUS_ON_GET_CERTIFICATES, /* range */
    CONSENSUS_ON_SIGNED,           /* vote: answers DO_SIGN */
    CONSENSUS_ON_SIGN_REFUSED,     /* vote without signature: answers DO_SIGN */
    CONSENSUS_ON_BUILT,            /* proposal: answers DO_BUILD */
    CONSENSUS_ON_BUILD_FAILED,     /* build_failed: answers DO_BUILD */
    CONSENSUS_ON_CERTIFIED,        /* certified: answers DO_CERTIFY */
    CONSENSUS_ON_ADVANCED,         /* advanced: answers DO_CATCH_UP, chain.db has grown */
};

enum consensus_certify {
    CONSENSUS_CERTIFY_PENDING = 0, /* not yet: data or the parent's execution is missing */
    CONSENSUS_CERTIFY_OK = 1,
    CONSENSUS_CERTIFY_BAD = 2, /* a function of chain content alone (R7) */
};

struct consensus_event {
    enum consensus_event_kind kind;
    uint32_t from; /* validator index of the sending peer; any number >= n for others */
    uint64_t now_ms;
    union {
        struct {
            bool now;        /* mempool, seal, or a deadline already due */
            uint64_t due_ms; /* monotonic time of the next deadline; UINT64_MAX: none */
        } work;
        struct {
            const struct proposal *proposal; /* borrowed for the step */
            struct hash hash, parent_id;     /* of the proposal; named by the block's header */
            bool bad;                /* static checks failed for good: a reason for NULLIFY */
            bool empty;              /* no transactions */
            bool due_work;           /* though empty, it seals or serves a deadline that is due */
            uint64_t earliest_ok_ms; /* K9: its time is admissible from then on; 0: now */
        } proposal;                  /* also BUILT */
        struct vote vote;            /* also SIGNED and SIGN_REFUSED */
        const struct certificate *certificate; /* NOTARIZE, NULLIFY or FINALIZE */
        struct {
            uint64_t epoch;
            uint64_t view;       /* the peer's current one: a hint, never believed alone */
            uint64_t final_view; /* of its last F */
        } status;
        struct {
            uint64_t epoch, view;
            uint32_t count;
        } range;
        uint64_t build_failed; /* the view */
        struct {
            uint64_t view;
            struct hash proposal;
            enum consensus_certify verdict;
        } certified;
        struct consensus_anchor advanced;
    };
};

enum consensus_action_kind {
    CONSENSUS_DO_PERSIST_PROPOSAL,    /* block: proposal and block bytes, if not stored yet */
    CONSENSUS_DO_PERSIST_CERTIFICATE, /* certificate: see consensus_certificate() */
    CONSENSUS_DO_PERSIST_CERTIFIED,   /* block: certify OK (K10) */
    CONSENSUS_DO_PERSIST_VOTE,        /* vote: an own vote, without signature */
    CONSENSUS_DO_SIGN,                /* vote: have it signed (kind PROPOSE too) */
    CONSENSUS_DO_SEND_PROPOSAL,       /* vote: to all, our proposal with this signature */
    CONSENSUS_DO_SEND_VOTE,           /* vote: to all */
    CONSENSUS_DO_SEND_CERTIFICATE,    /* certificate: to .to */
    CONSENSUS_DO_SERVE_CERTIFICATE,   /* range: send .to what the journal has of one old view */
    CONSENSUS_DO_SEND_STATUS,         /* to .to: see consensus_status() */
    CONSENSUS_DO_GET_CERTIFICATES,    /* range: ask .to */
    CONSENSUS_DO_GET_BLOCK,           /* block: ask .to for this proposal and its block */
    CONSENSUS_DO_BUILD,               /* build: make our proposal */
    CONSENSUS_DO_CERTIFY,             /* block: judge it */
    CONSENSUS_DO_FINAL,               /* actions.finals: commit these, in this order */
    CONSENSUS_DO_CATCH_UP,            /* block: it is final, the way there is unknown here */
    CONSENSUS_DO_DIVERGED,            /* block: final, though certify said BAD: stop the node */
    CONSENSUS_DO_ENTER_VIEW,          /* entered_view: for logs and metrics */
    CONSENSUS_DO_SET_TIMER,           /* timer_at_ms */
};

/* A proposal as the core knows it.  For GET_BLOCK and CATCH_UP only view and proposal. */
struct consensus_block {
    uint64_t view;
    struct hash proposal, block_id;
    uint64_t height;
    uint64_t parent_view;
    struct hash parent; /* proposal hash; zero for view 0 */
};

struct consensus_action {
    enum consensus_action_kind kind;
    uint32_t to; /* validator index, CONSENSUS_ALL, or an event's `from` given back */
    union {
        struct consensus_block block;
        struct vote vote;
        struct {
            enum vote_kind kind;
            uint64_t view;
        } certificate;
        struct {
            uint64_t view;
            uint32_t count;
        } range;
        struct {
            uint64_t view;
            struct consensus_block parent; /* view 0: the anchor the epoch starts from */
            bool carrier_only;             /* K5: only an empty block is valid now */
        } build;
        uint64_t entered_view;
        uint64_t timer_at_ms; /* UINT64_MAX: no timer */
    };
};

struct consensus_actions {
    uint32_t count;
    uint32_t persist_count; /* the PERSIST actions: the first ones of items */
    uint32_t final_count;
    struct consensus_action items[CONSENSUS_ACTIONS_MAX];
    struct consensus_block finals[CONSENSUS_HISTORY_MAX]; /* heights ascend by one */
    /* When final_count > 0: the F that proves the last of them, until the next step. */
    const struct certificate *final_certificate;
};

/* What became of an event.  All but ACCEPTED leave votes, views and promises untouched; an
 * answer to the sender (last F, K7) may still be in the actions. */
enum consensus_verdict {
    CONSENSUS_ACCEPTED = 0,
    CONSENSUS_STALE,       /* of a view that is final, or an answer nobody waits for */
    CONSENSUS_EARLY,       /* of a view too far ahead; noted as a hint */
    CONSENSUS_DUPLICATE,   /* already held */
    CONSENSUS_STRANGER,    /* not a validator, not this view's leader, another epoch */
    CONSENSUS_EQUIVOCATED, /* contradicts an earlier vote or proposal: this is evidence */
    CONSENSUS_MALFORMED,   /* impossible fields */
};

size_t consensus_footprint(uint32_t validator_count);
/* mem: consensus_footprint() bytes, aligned for max_align_t, the caller's. */
MUST_USE struct consensus *consensus_init(void *mem, const struct consensus_config *config);

/* Between init and ON_START: give back what the journal and sign.state hold, in append order.
 * Records at or below the anchor, or that make no sense, are skipped. */
void consensus_restore_vote(struct consensus *core, const struct vote *vote);
void consensus_restore_certificate(struct consensus *core, const struct certificate *certificate);
void consensus_restore_proposal(struct consensus *core, const struct proposal *proposal,
                                const struct hash *hash, const struct hash *parent_id, bool empty);
void consensus_restore_certified(struct consensus *core, uint64_t view,
                                 const struct hash *proposal);

MUST_USE enum consensus_verdict consensus_step(struct consensus *core,
                                               const struct consensus_event *event,
                                               struct consensus_actions *actions);

/* The verdict a vote, certificate or proposal would get; reads only.  Unless it is ACCEPTED
 * (or EQUIVOCATED, to keep evidence) its signatures need not be checked before the step. */
MUST_USE enum consensus_verdict consensus_screen(const struct consensus *core,
                                                 const struct consensus_event *event);

/* The certificate an action or STATUS names, from held votes; before the next step. */
MUST_USE bool consensus_certificate(const struct consensus *core, enum vote_kind kind,
                                    uint64_t view, struct certificate *out);

/* Named by a certificate: its unfinal ancestors are needed too.  Needed: that or in the window. */
MUST_USE bool consensus_names(const struct consensus *core, uint64_t view, const struct hash *hash);
MUST_USE bool consensus_needs(const struct consensus *core, uint64_t view, const struct hash *hash);

struct consensus_status {
    uint64_t epoch, view;
    uint32_t leader;
    bool awake;                            /* false: idle, no timers */
    struct consensus_block last_final;     /* highest F */
    struct consensus_block last_delivered; /* newest of DO_FINAL or ADVANCED */
    enum vote_kind entry_kind; /* certificate that let us enter view; PROPOSE: none (view 1) */
    uint64_t entry_view;
    struct validator_bitmap voted[4]; /* [enum vote_kind]: who voted in view; [0] unused */
    uint64_t missing_view;            /* what repair waits for; 0: nothing */
};

void consensus_status(const struct consensus *core, struct consensus_status *out);

/* The invariants of consensus/core.h; stops the process.  BASE_AUDIT: after every step. */
void consensus_audit(const struct consensus *core);

#endif /* CONSENSUS_CONSENSUS_H */
