#ifndef STATE_OBJECTS_JOBS_H
#define STATE_OBJECTS_JOBS_H

#include "state/objects/market.h"

/* A training request on its way: request, process, plan and its members, leases.  The
 * request, its process and the training job have one id. */

/* mLTrainingRequest.  The body it was made from stands under KEY_REQUEST_BODY. */
enum request_state {
    REQUEST_NOT_STARTED = 0,
    REQUEST_IN_PROGRESS = 1,
    REQUEST_SUSPENDED = 2,
    REQUEST_CANCELLING = 3,
    REQUEST_CANCELLED = 4,
    REQUEST_FINISHED = 5,
};
enum request_result {
    RESULT_NONE = 0,
    RESULT_SUCCESS = 1,
    RESULT_PARTIAL = 2,
    RESULT_FAILED_NO_RESOURCES = 3,
    RESULT_FAILED_BUDGET = 4,
    RESULT_FAILED_DEADLINE = 5,
    RESULT_FAILED_VALIDATION = 6,
    RESULT_FAILED_WORKERS = 7,
    RESULT_CANCELLED = 8,
};

struct excluded {
    struct hash offer_id;
    uint32_t until_attempt; /* its provider is not asked while attempts is below this */
};

/* How many open offers each filter removed when the planner last looked. */
enum filter {
    FILTER_POLICY = 0,
    FILTER_EXCLUDED = 1,
    FILTER_PRICE = 2,
    FILTER_BOND = 3,
    FILTER_FUNDS = 4,
    FILTER_SAME_WORKER = 5,
    FILTER_COUNT = 6,
};

struct request {
    uint32_t version;
    struct address consumer;
    uint32_t org;
    uint8_t state;   /* enum request_state */
    uint8_t result;  /* enum request_result */
    uint32_t reason; /* enum code, W_ */
    uint16_t priority;
    uint64_t submitted_ms;
    uint64_t deadline_ms;  /* to be started by, else it ends */
    uint32_t attempts;     /* plans tried, without those that a provider spoilt */
    uint64_t tried_inputs; /* planner.inputs when it was last looked at (14.7) */
    uint32_t filtered[FILTER_COUNT];
    uint32_t excluded_count;
    struct excluded excluded[OFFER_EXCLUDED_MAX];
    uint64_t escrow; /* held now */
    uint64_t escrow_total;
    uint64_t spent;
    uint64_t started_ms;
    uint64_t ended_ms;
};

enum process_state {
    PROCESS_NONE = 0,     /* before the first plan, or after a plan failed */
    PROCESS_PROPOSED = 1, /* providers may accept */
    PROCESS_AGREED = 2,   /* workers prepare */
    PROCESS_RUNNING = 3,
    PROCESS_DRAINING = 4, /* no new rounds; closed rounds wait for their window */
    PROCESS_DONE = 5,
};

/* mLTrainingProcess: what a job is doing. */
struct process {
    uint32_t version;
    uint8_t state; /* enum process_state */
    uint32_t plan_version;
    struct hash plan_hash;
    uint32_t member_count;
    uint32_t accepted;
    uint32_t ready;
    uint64_t deadline_ms;   /* of the accept or ready window */
    struct hash peer_set;   /* digest over the tunnel keys, set when all accepted */
    uint32_t rounds_opened; /* the current round is rounds_opened - 1 */
    uint32_t rounds_closed;
    uint32_t rounds_certified;
    struct hash theta_root; /* optimistic head: params after the last closed round */
    struct hash mom_root;
    struct hash certified_theta_root;
    struct hash certified_mom_root;
    uint32_t reason; /* enum code, why it is draining or ended */
    uint64_t started_ms;
    uint64_t ended_ms;
};

/* A plan version; plan_hash = H(PLAN, its bytes).  Members are keys of their own under
 * members_root, the tree (PLAN_TREE) over their bytes in rank order (12.2). */
struct plan {
    uint32_t version;
    struct hash job;
    uint32_t plan_version;
    struct address consumer;
    uint32_t tp;
    uint32_t pp;
    uint32_t dp;
    uint32_t member_count;
    struct hash members_root;
    struct hash program_root;
    struct hash data_root;
    uint32_t local_steps;
    uint32_t checkpoints;
    uint32_t rounds;
    uint64_t round_ms;
    uint64_t created_ms;
};

struct member {
    uint32_t version;
    uint32_t rank;
    struct hash node_id;
    struct hash offer_id;
    struct hash lease_id;
    struct address provider;
    uint32_t org;
    struct address worker;
    struct public_key worker_key;
    uint32_t steps;  /* H_i: inner steps of a round (14.7) */
    uint32_t weight; /* in the aggregate, and in votes on it: H_i */
    uint64_t segment_price;
    uint64_t bond; /* locked at LEASE_ACCEPT */
};

enum lease_state {
    LEASE_PROPOSED = 1,
    LEASE_ACCEPTED = 2,
    LEASE_READY = 3,
    LEASE_ACTIVE = 4,
    LEASE_SETTLED = 5,
    LEASE_REJECTED = 6,
    LEASE_EXPIRED = 7,
    LEASE_RELEASED = 8, /* the plan failed through somebody else */
};

struct lease {
    uint32_t version;
    struct hash job;
    uint32_t plan_version;
    uint32_t rank;
    struct hash offer_id;
    struct address provider;
    struct address worker;
    struct address consumer;
    uint8_t state; /* enum lease_state */
    uint64_t bond; /* part of the provider's `locked` */
    uint64_t earned;
    uint8_t tunnel_key[TUNNEL_KEY_SIZE];
    uint32_t endpoint_size;
    uint8_t endpoint[ENDPOINT_SIZE_MAX];
    struct hash inner_root; /* 14.10: the worker's own state after its last accepted round */
    struct hash counters_root;
    uint32_t segments_paid;
    uint32_t segments_missed;
    uint32_t reason; /* enum code */
    uint64_t proposed_ms;
    uint64_t ended_ms;
};

extern const struct record record_excluded;
extern const struct record record_request;
extern const struct record record_process;
extern const struct record record_plan;
extern const struct record record_member;
extern const struct record record_lease;

#endif /* STATE_OBJECTS_JOBS_H */
