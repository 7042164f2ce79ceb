#include "state/objects/jobs.h"

#define T struct excluded
static const struct field excluded_fields[] = {
    F_FIXED(T, offer_id),
    F_UINT(T, until_attempt),
};
#undef T
const struct record record_excluded = RECORD("excluded", struct excluded, excluded_fields, 2);

#define T struct request
static const struct field request_fields[] = {
    F_VERSION(T),
    F_FIXED(T, consumer),
    F_UINT(T, org),
    F_UINT(T, state),
    F_UINT(T, result),
    F_UINT(T, reason),
    F_UINT(T, priority),
    F_UINT(T, submitted_ms),
    F_UINT(T, deadline_ms),
    F_UINT(T, attempts),
    F_UINT(T, tried_inputs),
    F_VECTOR(T, filtered),
    F_RECORDS(T, excluded, &record_excluded),
    F_MONEY(T, escrow),
    F_UINT(T, escrow_total),
    F_UINT(T, spent),
    F_UINT(T, started_ms),
    F_UINT(T, ended_ms),
};
#undef T
const struct record record_request = RECORD("request", struct request, request_fields, 18);

#define T struct process
static const struct field process_fields[] = {
    F_VERSION(T),
    F_UINT(T, state),
    F_UINT(T, plan_version),
    F_FIXED(T, plan_hash),
    F_UINT(T, member_count),
    F_UINT(T, accepted),
    F_UINT(T, ready),
    F_UINT(T, deadline_ms),
    F_FIXED(T, peer_set),
    F_UINT(T, rounds_opened),
    F_UINT(T, rounds_closed),
    F_UINT(T, rounds_certified),
    F_FIXED(T, theta_root),
    F_FIXED(T, mom_root),
    F_FIXED(T, certified_theta_root),
    F_FIXED(T, certified_mom_root),
    F_UINT(T, reason),
    F_UINT(T, started_ms),
    F_UINT(T, ended_ms),
};
#undef T
const struct record record_process = RECORD("process", struct process, process_fields, 19);

#define T struct plan
static const struct field plan_fields[] = {
    F_VERSION(T),
    F_FIXED(T, job),
    F_UINT(T, plan_version),
    F_FIXED(T, consumer),
    F_UINT(T, tp),
    F_UINT(T, pp),
    F_UINT(T, dp),
    F_UINT(T, member_count),
    F_FIXED(T, members_root),
    F_FIXED(T, program_root),
    F_FIXED(T, data_root),
    F_UINT(T, local_steps),
    F_UINT(T, checkpoints),
    F_UINT(T, rounds),
    F_UINT(T, round_ms),
    F_UINT(T, created_ms),
};
#undef T
const struct record record_plan = RECORD("plan", struct plan, plan_fields, 16);

#define T struct member
static const struct field member_fields[] = {
    F_VERSION(T),           F_UINT(T, rank),      F_FIXED(T, node_id), F_FIXED(T, offer_id),
    F_FIXED(T, lease_id),   F_FIXED(T, provider), F_UINT(T, org),      F_FIXED(T, worker),
    F_FIXED(T, worker_key), F_UINT(T, steps),     F_UINT(T, weight),   F_UINT(T, segment_price),
    F_UINT(T, bond),
};
#undef T
const struct record record_member = RECORD("member", struct member, member_fields, 13);

#define T struct lease
static const struct field lease_fields[] = {
    F_VERSION(T),
    F_FIXED(T, job),
    F_UINT(T, plan_version),
    F_UINT(T, rank),
    F_FIXED(T, offer_id),
    F_FIXED(T, provider),
    F_FIXED(T, worker),
    F_FIXED(T, consumer),
    F_UINT(T, state),
    F_UINT(T, bond),
    F_UINT(T, earned),
    F_FIXED(T, tunnel_key),
    F_BIN(T, endpoint),
    F_FIXED(T, inner_root),
    F_FIXED(T, counters_root),
    F_UINT(T, segments_paid),
    F_UINT(T, segments_missed),
    F_UINT(T, reason),
    F_UINT(T, proposed_ms),
    F_UINT(T, ended_ms),
};
#undef T
const struct record record_lease = RECORD("lease", struct lease, lease_fields, 20);
