#ifndef STATE_MARKET_PLANNER_H
#define STATE_MARKET_PLANNER_H

#include "state/market/market.h"

/* What one run of the planner works with.  Everything that does not depend on the request is
 * read once a run; a request then costs one step a candidate and no read of it.
 *
 * Accounts that stand behind candidates are `parties`, numbered in the order of their
 * addresses: what a run or a request knows about one is found without a search. */

enum {
    PARTY_MAX = 2 * OFFER_OPEN_MAX, /* a provider and a worker each */
    PARTY_NONE = PARTY_MAX,
    ORG_BITMAP_SIZE = (ORG_COUNT_MAX + 7) / 8,
};

struct candidate {
    struct hash offer_id;
    uint64_t gflops;
    uint64_t price;    /* per second */
    uint32_t provider; /* party */
    uint32_t worker;   /* party */
    bool any_org;
    uint8_t orgs[ORG_BITMAP_SIZE]; /* else those that may ask */
    bool taken;
};

struct party {
    struct address address;
    uint64_t available; /* of a provider */
    /* What the request in hand knows about it; stale when `request` is another one. */
    uint32_t request;
    uint64_t promised; /* bonds, as a provider */
    bool chosen;       /* as a worker */
    bool excluded;     /* as a provider */
};

/* An address of a candidate, to be numbered. */
struct mention {
    struct address address;
    uint32_t candidate;
    bool worker; /* else the provider */
};

struct waiting {
    struct hash id;
    uint64_t submitted_ms;
    uint64_t tried_inputs;
    uint16_t priority;
};

struct planner_scratch {
    struct candidate candidates[OFFER_OPEN_MAX];
    uint32_t candidate_count;
    struct mention mentions[PARTY_MAX];
    struct party parties[PARTY_MAX]; /* ascending by address */
    uint32_t party_count;
    struct waiting queue[QUEUE_MAX];
    uint32_t queue_count;
    uint32_t request; /* number of the one in hand */
    struct choice choices[PLAN_MEMBER_MAX];
    uint32_t chosen[PLAN_MEMBER_MAX]; /* indexes of candidates */
    uint32_t choice_count;
    uint64_t steps_left;
};

/* Spends steps: one for each read of the state and each turn of a loop.  A run stops between
 * requests when none is left; the request in hand is always finished, which its bounds allow
 * and progress needs. */
void planner_spend(struct planner_scratch *scratch, uint64_t steps);

/* Open offers, best first, and the parties behind them. */
void candidates_load(struct execution *x);

/* Waiting requests in their order. */
void queue_load(struct execution *x);

/* The party with this address, or PARTY_NONE. */
uint32_t party_find(const struct planner_scratch *scratch, const struct address *address);

/* The party as the request in hand sees it. */
struct party *party_of(struct planner_scratch *scratch, uint32_t party);

#endif /* STATE_MARKET_PLANNER_H */
