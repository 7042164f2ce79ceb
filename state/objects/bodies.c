#include "state/objects/bodies.h"

#include "types/tx.h"

const struct record record_body_nop = {.name = "nop"};

#define T struct performance
static const struct field performance_fields[] = {
    F_UINT(T, metric),
    F_UINT(T, score_ppm),
    F_UINT(T, confidence_ppm),
};
#undef T
static const struct record record_performance =
    RECORD("performance", struct performance, performance_fields, 3);

#define T struct body_transfer
static const struct field body_transfer_fields[] = {
    F_FIXED(T, to),
    F_UINT(T, amount),
    F_BIN(T, memo),
};
#undef T
const struct record record_body_transfer =
    RECORD("transfer", struct body_transfer, body_transfer_fields, 3);

#define T struct body_node_register
static const struct field body_node_register_fields[] = {
    F_FIXED(T, worker_key),
    F_BIN(T, possession),
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
};
#undef T
const struct record record_body_node_register =
    RECORD("node_register", struct body_node_register, body_node_register_fields, 12);

#define T struct body_offer_create
static const struct field body_offer_create_fields[] = {
    F_FIXED(T, node_id),      F_UINT(T, kind),        F_VECTOR(T, capacity),
    F_VECTOR(T, prices),      F_UINT(T, from_ms),     F_UINT(T, to_ms),
    F_UINT(T, min_lease_s),   F_UINT(T, max_lease_s), F_UINT(T, reclaim_window_s),
    F_UINT(T, preemptible),   F_UINT(T, accept_mode), F_ARRAY("policy", 3),
    F_UINTS(T, allowed_orgs), F_UINT(T, peer_orgs),   F_UINT(T, purposes),
    F_UINT(T, deposit),
};
#undef T
const struct record record_body_offer_create =
    RECORD("offer_create", struct body_offer_create, body_offer_create_fields, 13);

#define T struct body_offer_cancel
static const struct field body_offer_cancel_fields[] = {
    F_FIXED(T, offer_id),
};
#undef T
const struct record record_body_offer_cancel =
    RECORD("offer_cancel", struct body_offer_cancel, body_offer_cancel_fields, 1);

#define T struct body_data_register
static const struct field body_data_register_fields[] = {
    F_FIXED(T, content_root), F_UINT(T, size_bytes),
    F_UINT(T, records),       F_UINT(T, kind),
    F_UINT(T, chunks),        F_UINT(T, chunk_kib),
    F_UINT(T, licence_id),    F_FIXED(T, licence_hash),
    F_UINT(T, purposes),      F_UINT(T, derivative_rule),
    F_ARRAY("residence", 2),  F_UINTS(T, regions),
    F_UINT(T, egress),        F_FIXEDS(T, replicas),
    F_UINT(T, quality_ppm),   F_UINT(T, statistical_flags),
    F_UINT(T, price),         F_UINT(T, price_gib),
};
#undef T
const struct record record_body_data_register =
    RECORD("data_register", struct body_data_register, body_data_register_fields, 16);

#define T struct body_train_request
static const struct field body_train_request_fields[] = {
    F_BIN(T, request_id),
    F_FIXED(T, source),
    F_ARRAY("model", 2),
    F_FIXED(T, model_ref),
    F_UINT(T, training_type),
    F_FIXEDS(T, data),
    F_UINT(T, quality_ppm),
    F_UINT(T, statistical_flags),
    F_RECORDS(T, performance, &record_performance),
    F_ARRAY("distributedTrainingExpectation", 3),
    F_UINT(T, expected_time_s),
    F_UINT(T, data_split),
    F_FIXEDS(T, suggested),
    F_ARRAY("fLClientSelectionCriteria", 4),
    F_UINT(T, fl_min_samples),
    F_UINT(T, fl_min_time_s),
    F_UINTS(T, fl_regions),
    F_UINT(T, fl_redundancy),
    F_UINT(T, priority),
    F_ARRAY("terminationConditions", 4),
    F_UINT(T, max_rounds),
    F_UINT(T, target_ppm),
    F_UINT(T, max_cost),
    F_UINT(T, deadline_ms),
    F_ARRAY("x_parallel", 6),
    F_UINT(T, parallel_mode),
    F_UINT(T, max_tp),
    F_UINT(T, max_pp),
    F_UINT(T, max_dp),
    F_UINT(T, cross_domain),
    F_UINT(T, min_members),
    F_UINTS(T, cost),
    F_ARRAY("x_run", 7),
    F_UINT(T, global_batch),
    F_UINT(T, microbatch),
    F_UINT(T, steps),
    F_UINT(T, run_local_steps),
    F_UINT(T, run_rounds),
    F_UINT(T, ckpt_every),
    F_UINT(T, profile),
    F_ARRAY("x_place", 8),
    F_UINTS(T, place_regions),
    F_UINTS(T, place_domains),
    F_UINTS(T, orgs_allowed),
    F_UINTS(T, orgs_denied),
    F_UINT(T, min_reputation_ppm),
    F_UINTS(T, attributes),
    F_UINT(T, min_link_kbps),
    F_UINT(T, max_rtt_us),
    F_ARRAY("x_budget", 6),
    F_UINT(T, escrow),
    F_UINT(T, max_rate),
    F_UINT(T, work_share_ppm),
    F_UINT(T, objective),
    F_UINT(T, preemptible),
    F_UINT(T, max_duration_s),
    F_RECORD(T, terms, &record_job_terms),
};
#undef T
const struct record record_body_train_request =
    RECORD("train_request", struct body_train_request, body_train_request_fields, 17);

#define T struct body_train_cancel
static const struct field body_train_cancel_fields[] = {
    F_FIXED(T, job),
    F_UINT(T, mode),
};
#undef T
const struct record record_body_train_cancel =
    RECORD("train_cancel", struct body_train_cancel, body_train_cancel_fields, 2);

#define T struct body_lease_accept
static const struct field body_lease_accept_fields[] = {
    F_FIXED(T, lease_id), F_FIXED(T, plan_hash), F_FIXED(T, tunnel_key),
    F_BIN(T, endpoint),   F_UINT(T, offer_seq),
};
#undef T
const struct record record_body_lease_accept =
    RECORD("lease_accept", struct body_lease_accept, body_lease_accept_fields, 5);

#define T struct body_lease_reject
static const struct field body_lease_reject_fields[] = {
    F_FIXED(T, lease_id),
    F_FIXED(T, plan_hash),
    F_UINT(T, reason),
};
#undef T
const struct record record_body_lease_reject =
    RECORD("lease_reject", struct body_lease_reject, body_lease_reject_fields, 3);

#define T struct body_lease_ready
static const struct field body_lease_ready_fields[] = {
    F_FIXED(T, lease_id),         F_FIXED(T, plan_hash),       F_FIXED(T, peer_set),
    F_FIXED(T, handshake_digest), F_FIXED(T, data_ready_root), F_FIXED(T, image_hash),
};
#undef T
const struct record record_body_lease_ready =
    RECORD("lease_ready", struct body_lease_ready, body_lease_ready_fields, 6);

#define T struct body_program_part
static const struct field body_program_part_fields[] = {
    F_FIXED(T, program_root),
    F_UINT(T, size),
    F_UINT(T, index),
    F_VIEW(T, part, PROGRAM_PART_SIZE_MAX),
};
#undef T
const struct record record_body_program_part =
    RECORD("program_part", struct body_program_part, body_program_part_fields, 4);

#define T struct body_gradient_commitment
static const struct field body_gradient_commitment_fields[] = {
    F_FIXED(T, job),
    F_UINT(T, round),
    F_FIXED(T, lease_id),
    F_FIXED(T, commitment),
};
#undef T
const struct record record_body_gradient_commitment = RECORD(
    "gradient_commitment", struct body_gradient_commitment, body_gradient_commitment_fields, 4);

#define T struct body_proof_of_training
static const struct field body_proof_of_training_fields[] = {
    F_FIXED(T, job),           F_UINT(T, round),        F_FIXED(T, lease_id),
    F_FIXEDS(T, roots),        F_FIXED(T, params_root), F_FIXED(T, inner_root),
    F_FIXED(T, counters_root), F_FIXED(T, delta_root),  F_UINT(T, delta_size),
    F_UINT(T, steps),          F_UINT(T, loss_first),   F_UINT(T, loss_last),
    F_UINT(T, trap),           F_FIXED(T, salt),        F_FIXEDS(T, receipts),
};
#undef T
const struct record record_body_proof_of_training =
    RECORD("proof_of_training", struct body_proof_of_training, body_proof_of_training_fields, 15);

#define T struct body_round_result
static const struct field body_round_result_fields[] = {
    F_FIXED(T, job),        F_UINT(T, round),     F_BIN(T, bitmap),
    F_FIXED(T, theta_root), F_FIXED(T, mom_root),
};
#undef T
const struct record record_body_round_result =
    RECORD("round_result", struct body_round_result, body_round_result_fields, 5);

const struct record *record_of_body(uint32_t type)
{
    switch (type) {
    case TX_NOP:
        return &record_body_nop;
    case TX_TRANSFER:
        return &record_body_transfer;
    case TX_VALIDATOR_PROPOSE:
        return &record_body_validator_propose;
    case TX_VALIDATOR_APPROVE:
        return &record_body_validator_approve;
    case TX_READY:
        return &record_body_ready;
    case TX_EVIDENCE:
        return &record_body_evidence;
    case TX_NODE_REGISTER:
        return &record_body_node_register;
    case TX_OFFER_CREATE:
        return &record_body_offer_create;
    case TX_OFFER_CANCEL:
        return &record_body_offer_cancel;
    case TX_DATA_REGISTER:
        return &record_body_data_register;
    case TX_TRAIN_REQUEST:
        return &record_body_train_request;
    case TX_TRAIN_CANCEL:
        return &record_body_train_cancel;
    case TX_LEASE_ACCEPT:
        return &record_body_lease_accept;
    case TX_LEASE_REJECT:
        return &record_body_lease_reject;
    case TX_LEASE_READY:
        return &record_body_lease_ready;
    case TX_PROGRAM_PART:
        return &record_body_program_part;
    case TX_GRADIENT_COMMITMENT:
        return &record_body_gradient_commitment;
    case TX_PROOF_OF_TRAINING:
        return &record_body_proof_of_training;
    case TX_ROUND_RESULT:
        return &record_body_round_result;
    default:
        return NULL;
    }
}
