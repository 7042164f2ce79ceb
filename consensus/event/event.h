#ifndef CONSENSUS_EVENT_EVENT_H
#define CONSENSUS_EVENT_EVENT_H

#include <stddef.h>

#include "types/block.h"
#include "types/vote.h"

/* What goes into the core and what comes out of it: events, actions, verdicts.  Who does what
 * with them is said in consensus/consensus.h.  Plain values, owned by whoever holds them;
 * pointers are borrowed for one step. */

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

enum consensus_event_kind {
    CONSENSUS_ON_START,            /* once, after init and restore */
    CONSENSUS_ON_TIMEOUT,          /* the timer fired (earlier or twice is harmless) */
    CONSENSUS_ON_WORK,             /* work: what there is to do has changed */
    CONSENSUS_ON_PEER_UP,          /* from: a peer has connected */
    CONSENSUS_ON_PROPOSAL,         /* proposal: with its whole block at hand, or bad without it */
    CONSENSUS_ON_ANNOUNCED,        /* announced: its leader has signed, the block is on its way */
    CONSENSUS_ON_VOTE,             /* vote */
    CONSENSUS_ON_CERTIFICATE,      /* certificate */
    CONSENSUS_ON_STATUS,           /* status: the certificates it carried come as events first */
    CONSENSUS_ON_HAVE,             /* have: the peer says that it holds this certificate */
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
            enum vote_kind kind;
        } have;
        struct {
            uint64_t epoch, view;
            uint32_t count;
        } range;
        uint64_t build_failed; /* the view */
        uint64_t announced;    /* the view */
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
    CONSENSUS_DO_SEND_HAVE,           /* certificate: tell .to that we hold it */
    CONSENSUS_DO_SERVE_CERTIFICATE,   /* range: send .to what the journal has of one old view */
    CONSENSUS_DO_SEND_STATUS,         /* to .to: see consensus_status() */
    CONSENSUS_DO_GET_CERTIFICATES,    /* range: ask .to */
    CONSENSUS_DO_GET_BLOCK,           /* block: ask .to for this proposal and its block */
    CONSENSUS_DO_BUILD,               /* build: make our proposal */
    CONSENSUS_DO_CERTIFY,             /* block: judge it */
    CONSENSUS_DO_FINAL,               /* actions.finals: commit these, in this order */
    CONSENSUS_DO_CATCH_UP,            /* block: it is final, the way there is unknown here */
    CONSENSUS_DO_DIVERGED,            /* block: final, though certify said BAD: stop the node */
    CONSENSUS_DO_END_EPOCH,           /* block: final and the boundary (E4); this core is done */
    CONSENSUS_DO_SERVE_EPOCH,         /* epoch: send .to the F on its last block (E5) */
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
    bool boundary;      /* E1: names another set than the epoch's; the epoch ends with it */
    bool reproposed;    /* E3: the block of the parent proposal, which is the boundary, again */
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
            bool repropose;                /* E3: the parent's block again, PROPOSAL_REPROPOSED */
        } build;
        uint64_t epoch;
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
    CONSENSUS_STRANGER,    /* not a validator, not this view's leader */
    CONSENSUS_EQUIVOCATED, /* contradicts an earlier vote or proposal: this is evidence */
    CONSENSUS_MALFORMED,   /* impossible fields */
    CONSENSUS_PAST_EPOCH,  /* of an epoch that is over; the sender is told (E5) */
    CONSENSUS_NEXT_EPOCH,  /* of one that is not open here: the caller may keep it for then */
};

#endif /* CONSENSUS_EVENT_EVENT_H */
