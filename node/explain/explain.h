#ifndef NODE_EXPLAIN_EXPLAIN_H
#define NODE_EXPLAIN_EXPLAIN_H

#include "consensus/explain/explain.h"

/* Why the chain does or does not advance, as one node sees it now: facts in, one reason out.
 * A pure function; the node sends reason and facts in its status, the command line makes words
 * of them (cli/explain.c).
 *
 * What stops a node whatever the others do comes first (disk, clock), then what keeps it from
 * knowing (behind, alone), then whether there is anything to do, then what the current view
 * waits for.  All times are monotonic; UINT64_MAX: no such time. */

enum {
    EXPLAIN_FRESH_MS = 2000,                    /* final so lately: it advances */
    EXPLAIN_SILENT_MS = 2 * NET_PING_MS + 1000, /* two pings missed, and their way */
    EXPLAIN_NOBODY = 0x7FFFFFFF,
};

/* REASON(constant, name in JSON and log).  Names are never changed. */
#define EXPLAIN_REASONS(REASON)                                                                    \
    REASON(EXPLAIN_DISK, "disk")                 /* less is free than the reserve */               \
    REASON(EXPLAIN_CLOCK, "clock")               /* ours is behind the newest block's time */      \
    REASON(EXPLAIN_DISCONNECTED, "disconnected") /* too few sessions for a quorum */               \
    REASON(EXPLAIN_CATCHING_UP, "catching_up")   /* others are ahead, blocks are fetched */        \
    REASON(EXPLAIN_SILENT, "silent")             /* too few heard lately for a quorum */           \
    REASON(EXPLAIN_EPOCH_OVER, "epoch_over")     /* the next epoch has not begun here */           \
    REASON(EXPLAIN_BLOCKED, "blocked")           /* transactions wait; none may enter now */       \
    REASON(EXPLAIN_IDLE, "idle")                 /* nothing to do, and that is right */            \
    REASON(EXPLAIN_ADVANCING, "advancing")       /* a block became final just now */               \
    REASON(EXPLAIN_FETCH_FINAL, "fetch_final")   /* final, but its blocks are not here */          \
    REASON(EXPLAIN_SIGNER, "signer")             /* our signer has not signed */                   \
    REASON(EXPLAIN_NULLIFY, "nullify")           /* the view is given up: NULLIFY votes */         \
    REASON(EXPLAIN_BAD_BLOCK, "bad_block")       /* notarized, but bad to us */                    \
    REASON(EXPLAIN_FETCH_CERTIFICATES, "fetch_certificates")                                       \
    REASON(EXPLAIN_FETCH_PROPOSAL, "fetch_proposal")                                               \
    REASON(EXPLAIN_CERTIFY, "certify")               /* the notarized block is being executed */   \
    REASON(EXPLAIN_FINALIZE, "finalize")             /* FINALIZE votes for the block before */     \
    REASON(EXPLAIN_BUILDING, "building")             /* our turn to propose */                     \
    REASON(EXPLAIN_PROPOSAL, "proposal")             /* the leader's turn to propose */            \
    REASON(EXPLAIN_BAD_PROPOSAL, "bad_proposal")     /* it breaks a rule */                        \
    REASON(EXPLAIN_EARLY_PROPOSAL, "early_proposal") /* its time is ahead of our clock */          \
    REASON(EXPLAIN_ORPHAN, "orphan")                 /* what it builds on is not here */           \
    REASON(EXPLAIN_FULL, "full")                     /* K5: too many blocks are not final */       \
    REASON(EXPLAIN_NOTARIZE, "notarize")             /* NOTARIZE votes */

#define EXPLAIN_CONSTANT(constant, name) constant,
enum explain_reason { EXPLAIN_REASONS(EXPLAIN_CONSTANT) EXPLAIN_REASON_COUNT };
#undef EXPLAIN_CONSTANT

struct explain_facts {
    struct consensus_status status;
    struct consensus_explanation core;
    uint32_t validator_count;
    uint32_t self; /* or CONSENSUS_OBSERVER */
    uint64_t now_ms;
    uint64_t final_ms; /* the newest block became final here; UINT64_MAX: none since the start */
    uint64_t height;
    uint64_t wall_ms, header_ms, drift_max_ms; /* since 1970; header_ms: of the newest block */
    uint64_t disk_free_mib, disk_reserve_mib;
    uint32_t waiting; /* transactions in the pool */
    bool work;        /* the driver's: a transaction may enter, a seal or deadline is due */
    uint64_t due_ms;  /* the next deadline of the ledger */
    struct validator_bitmap connected;      /* without ourselves */
    uint64_t heard_ms[VALIDATOR_COUNT_MAX]; /* 0: never */
    struct {
        bool active;
        uint32_t peer;
        uint64_t from_height, from_ms; /* where and when it began */
        uint64_t to_height;            /* the peer's word; 0: not known yet */
    } catchup;
};

struct explain_verdict {
    enum explain_reason reason;
    uint32_t validator;              /* who is waited for; EXPLAIN_NOBODY */
    uint64_t view;                   /* what it is about; 0: none */
    uint32_t have, need;             /* votes or validators; need 0: none are counted */
    struct validator_bitmap missing; /* who is not among have */
    uint64_t until_ms;               /* when it changes by itself */
};

void explain_judge(const struct explain_facts *facts, struct explain_verdict *out);
const char *explain_name(enum explain_reason reason);

#endif /* NODE_EXPLAIN_EXPLAIN_H */
