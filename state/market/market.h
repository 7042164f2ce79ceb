#ifndef STATE_MARKET_MARKET_H
#define STATE_MARKET_MARKET_H

#include "state/ledger/ledger.h"

/* Offers, data sets, requests, plans and leases (docs/protocol-state.md 14.3 - 14.8).
 *
 *      request --planner--> plan PROPOSED --all accept--> AGREED --all ready--> RUNNING
 *         ^                      |                          |
 *         +--- requeued ---------+--- rejected, timed out --+
 *
 * Within an object, everything is judged before anything is changed. */

enum code execute_node_register(struct execution *x, struct call *call);
enum code execute_offer_create(struct execution *x, struct call *call);
enum code execute_offer_cancel(struct execution *x, struct call *call);
enum code execute_data_register(struct execution *x, struct call *call);
enum code execute_train_request(struct execution *x, struct call *call);
enum code execute_train_cancel(struct execution *x, struct call *call);
enum code execute_lease_accept(struct execution *x, struct call *call);
enum code execute_lease_reject(struct execution *x, struct call *call);
enum code execute_lease_ready(struct execution *x, struct call *call);

/* What the node has, in the units of a capacity vector. */
void node_capacity(const struct node *node, uint64_t out[CAPACITY_COUNT]);

/* Its capacity returns to the node; it must be in no collection of open offers. */
void offer_close(struct execution *x, const struct hash *id, struct offer *offer);

/* A job's objects, loaded together and stored together. */
struct job {
    struct hash id;
    struct request request;
    struct job_terms terms;
    struct process process;
};
MUST_USE bool job_find(const struct execution *x, const struct hash *id, struct job *out);
void job_load(const struct execution *x, const struct hash *id, struct job *out);
/* Request and process; terms never change. */
void job_store(struct execution *x, const struct job *job);

void member_load(const struct execution *x, const struct job *job, uint32_t rank,
                 struct member *out);
void lease_load(const struct execution *x, const struct hash *id, struct lease *out);
void lease_store(struct execution *x, const struct hash *id, const struct lease *lease);

/* What the planner chose for one rank. */
struct choice {
    struct hash offer_id;
    uint32_t steps;
    uint64_t segment_price;
    uint64_t bond;
};

/* Makes plan version + 1 with these members and proposes their leases. */
void plan_propose(struct execution *x, struct job *job, const struct choice *choices,
                  uint32_t count);

/* Gives up the current plan, which has not started: leases end, bonds return, offers open.
 * Leases still in `culprits` (a state; 0: none) end as `culprit_end`: EXPIRED, and their offers
 * close, or another state, and the request asks their providers no more for a while.  The others
 * are RELEASED. */
struct plan_failure {
    enum code code;
    uint8_t culprits;
    uint8_t culprit_end;
    bool counts; /* as an attempt of the request */
};
void plan_release(struct execution *x, struct job *job, const struct plan_failure *failure);

/* The same, and the request goes back to the queue or, after the last attempt that counts,
 * ends. */
void plan_fail(struct execution *x, struct job *job, const struct plan_failure *failure);

/* Ends a lease: the bond returns, it leaves the collections, its offer opens, or closes if
 * that was asked for or the lease is EXPIRED. */
void lease_end(struct execution *x, const struct hash *id, uint8_t state, enum code reason);

/* Ends a job: what remains of the escrow returns to the consumer. */
void job_finish(struct execution *x, struct job *job, enum request_result result, enum code reason);

/* Deadlines. */
void request_deadline(struct execution *x, const struct hash *id);
void job_deadline(struct execution *x, const struct hash *id);

/* 14.6 for the segments of one job, with everything that does not depend on the price. */
struct bond_rule {
    uint64_t cost; /* c: of one segment of H steps */
    uint64_t bond; /* B */
    uint64_t p_ppm;
    uint64_t burnt_ppm; /* b */
    uint32_t validators;
    uint32_t honest;
    bool covers_floor; /* 14.6 */
};
/* CODE_OK, E_NOT_FOUND (no such program) or E_OVERFLOW. */
enum code bond_load(const struct execution *x, const struct job_terms *terms,
                    struct bond_rule *out);
/* Does this price for a segment, R, together with the bond deter? */
bool bond_deters(const struct bond_rule *rule, uint64_t price);

/* The certification window of this job, at least the genesis one. */
uint64_t job_window_ms(const struct execution *x, const struct job_terms *terms);
/* Bond locked at LEASE_ACCEPT: for 1 + ceil(window / round) segments, at most all rounds
 * (14.7).  False when it does not fit. */
MUST_USE bool job_bond(const struct execution *x, const struct job_terms *terms, uint64_t *out);
/* p of 14.6: the job's, at least the genesis one. */
uint64_t job_audit_p(const struct execution *x, const struct job_terms *terms);

/* 14.7: in at most one block per planner_interval_ms, only when inputs changed. */
void planner_run(struct execution *x);
/* tried_inputs of a new request: it stands behind every request that the last run left. */
uint64_t planner_turn(const struct execution *x);
size_t planner_footprint(void);

#endif /* STATE_MARKET_MARKET_H */
