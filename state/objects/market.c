#include "state/objects/market.h"

#define T struct device
static const struct field device_fields[] = {
    F_UINT(T, class),  F_UINT(T, model_id),   F_UINT(T, mem_mib),
    F_UINT(T, gflops), F_UINT(T, link_class), F_UINT(T, intra_kibps),
};
#undef T
const struct record record_device = RECORD("device", struct device, device_fields, 6);

#define T struct node
static const struct field node_fields[] = {
    F_VERSION(T),
    F_FIXED(T, provider),
    F_FIXED(T, worker),
    F_FIXED(T, worker_key),
    F_UINT(T, region),
    F_UINT(T, domain),
    F_RECORDS(T, devices, &record_device),
    F_UINT(T, cpu_mcore),
    F_UINT(T, ram_mib),
    F_UINT(T, disk_mib),
    F_UINT(T, disk_kibps),
    F_UINT(T, net_up_kbps),
    F_UINT(T, net_down_kbps),
    F_UINT(T, reachable),
    F_UINT(T, state),
};
#undef T
const struct record record_node = RECORD("node", struct node, node_fields, 15);

#define T struct offer
static const struct field offer_fields[] = {
    F_VERSION(T),
    F_FIXED(T, provider),
    F_FIXED(T, node_id),
    F_UINT(T, kind),
    F_VECTOR(T, capacity),
    F_VECTOR(T, prices),
    F_UINT(T, from_ms),
    F_UINT(T, to_ms),
    F_UINT(T, min_lease_s),
    F_UINT(T, max_lease_s),
    F_UINT(T, reclaim_window_s),
    F_UINT(T, preemptible),
    F_UINT(T, accept_mode),
    F_UINTS(T, allowed_orgs),
    F_UINT(T, peer_orgs),
    F_UINT(T, purposes),
    F_UINT(T, deposit),
    F_UINT(T, state),
    F_UINT(T, created_ms),
    F_FIXED(T, lease_id),
};
#undef T
const struct record record_offer = RECORD("offer", struct offer, offer_fields, 20);

#define T struct data_set
static const struct field data_set_fields[] = {
    F_VERSION(T),
    F_FIXED(T, owner),
    F_FIXED(T, content_root),
    F_UINT(T, size_bytes),
    F_UINT(T, records),
    F_UINT(T, kind),
    F_UINT(T, chunks),
    F_UINT(T, chunk_kib),
    F_UINT(T, licence_id),
    F_FIXED(T, licence_hash),
    F_UINT(T, purposes),
    F_UINT(T, derivative_rule),
    F_UINTS(T, regions),
    F_UINT(T, egress),
    F_UINT(T, quality_ppm),
    F_UINT(T, statistical_flags),
    F_UINT(T, price),
    F_UINT(T, price_gib),
    F_UINT(T, state),
};
#undef T
const struct record record_data_set = RECORD("data_set", struct data_set, data_set_fields, 19);

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
