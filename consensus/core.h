#ifndef CONSENSUS_CORE_H
#define CONSENSUS_CORE_H

#include "consensus/consensus.h"

/* The state of one core, private to this folder.
 *
 *      base ........ fin ....... view .... view + VIEW_AHEAD = top
 *       |  records (one per view, CONSENSUS_HISTORY_MAX)       |
 *                      |  slots (votes too, VIEW_WINDOW)       |
 *
 * A record says what is known about a view for good: its certificates, its block.  A slot
 * adds votes, the proposal we may vote for, and our own promises.  Views that leave the ring
 * of records are folded into base: the newest certified proposal below which nothing is
 * remembered.  delivered <= fin: what the driver was told to commit. */

enum {
    VIEW_AHEAD = 3, /* R16: views beyond ours whose votes and proposals are kept */
    KIND_COUNT = 4, /* of enum vote_kind */
};
STATIC_ASSERT((int)VIEW_WINDOW > 2 * (int)VIEW_AHEAD,
              "the window reaches back from the current view");
STATIC_ASSERT((int)CONSENSUS_HISTORY_MAX >= (int)VIEW_WINDOW, "every slot has a record");

#define NEVER    UINT64_MAX
#define VIEW_MAX (UINT64_C(1) << 62) /* no sum of views overflows */

struct ballot {
    struct hash proposal;
    struct signature signature;
};

/* What we have promised to sign; made once, never changed, journaled first. */
struct promise {
    bool made;
    bool is_signed;
    struct hash proposal;
};

/* The first proposal seen in a view: the only one we may NOTARIZE (R4). */
struct candidate {
    bool present, bad, empty, due_work, persisted;
    uint64_t earliest_ok_ms;
    struct hash parent_id; /* the block's; must be the id of block.parent's block */
    struct consensus_block block;
};

struct slot {
    uint64_t view; /* 0: unused */
    bool give_up;  /* R9 b, d, f: a reason to NULLIFY without a timer */
    bool build_asked;
    bool announced;      /* its proposal is signed, the block travels in shards */
    bool rests;          /* what we built only carries: wait for an F above rest_final */
    uint64_t rest_final; /* view of the last F when it was built */
    bool answered;       /* the leader of an empty block has our last F */
    struct candidate candidate;
    struct promise promises[KIND_COUNT];
    struct validator_bitmap voted[KIND_COUNT];
    bool has_certificate[KIND_COUNT];
    struct hash certified[KIND_COUNT]; /* what that certificate is for */
};

struct record {
    uint64_t view; /* 0: unused */
    bool has_n;
    bool has_z;
    bool known;     /* block.proposal is the only one that can become final */
    bool has_block; /* the rest of block, and empty, are known too */
    bool empty;
    bool persisted;
    bool certify_asked;
    bool certified;
    bool bad;
    struct consensus_block block;
};

/* What a peer says that it holds (31.4). */
struct claim {
    uint64_t view; /* 0: none */
    enum vote_kind kind;
    bool asked;
};

struct peer {
    uint64_t heard_ms;      /* last message, 0: never */
    uint64_t answer_ms;     /* last unasked answer, K7 */
    uint64_t have_ms;       /* last unasked announcement, 31.4 */
    uint64_t range_ms;      /* last answer to GET_CERTIFICATES */
    uint64_t status_ms;     /* last STATUS sent for a hint */
    struct claim claims[2]; /* the newest N or Z, the newest F */
};

enum want_kind { WANT_NOTHING, WANT_CERTIFICATE, WANT_BLOCK, WANT_CATCH_UP };

struct want {
    enum want_kind kind;
    uint64_t view;
    uint64_t leader_view; /* whose proposal needs it: that leader is asked first */
    struct hash proposal;
};

struct repair {
    struct want want;
    uint32_t attempts;
    uint32_t peer; /* asked last */
    uint64_t next_ms;
};
enum { REPAIR_FINAL, REPAIR_CERTIFY, REPAIR_VOTE, REPAIR_COUNT };

struct consensus {
    struct consensus_config config;
    uint32_t quorum;
    uint32_t faulty_max;
    bool started;
    bool awake;
    bool diverged;
    bool is_over; /* E4: delivered is the boundary */
    bool has_last_f;
    bool work_now;
    uint64_t work_due_ms;

    uint64_t now_ms;
    uint64_t view;
    uint64_t horizon; /* views up to here have left the records */
    uint64_t folded;  /* and have a Z each, from base up to here; below horizon: a gap */
    enum vote_kind entry_kind;
    uint64_t entry_view;

    uint64_t entered_ms;
    uint64_t proposal_ms; /* the newest proposal was seen */
    uint64_t awake_since_ms;
    uint64_t lead_ms; /* t_lead; NEVER: not armed, as are the next ones */
    uint64_t cert_ms;
    uint64_t retry_ms;
    uint64_t standstill_ms;
    uint64_t timer_ms; /* what DO_SET_TIMER last said */
    uint64_t standstill_cursor;
    uint64_t pull_ms; /* who announced what we lack is asked then; NEVER: nobody */
    uint32_t pull_cursor;

    struct consensus_block base;
    struct consensus_block fin; /* only view and proposal until it is delivered */
    struct consensus_block delivered;
    struct certificate last_f;
    struct certificate incoming; /* of the event in hand: an old view has no slot for it */

    struct peer peers[VALIDATOR_COUNT_MAX + 1]; /* the last stands for all non-validators */
    struct repair repairs[REPAIR_COUNT];
    struct slot slots[VIEW_WINDOW];
    struct record records[CONSENSUS_HISTORY_MAX];
    struct ballot ballots[]; /* [slot][kind][validator] */
};

#endif /* CONSENSUS_CORE_H */
