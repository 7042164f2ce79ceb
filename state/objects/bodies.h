#ifndef STATE_OBJECTS_BODIES_H
#define STATE_OBJECTS_BODIES_H

#include "state/objects/sets.h"
#include "state/objects/training.h"

/* Bodies of transactions (docs/protocol-state.md 14 has their tables).  Field names of
 * TRAIN_REQUEST are those of 3GPP TS 28.105 as far as it has them. */

struct body_transfer {
    struct address to;
    uint64_t amount;
    uint32_t memo_size;
    uint8_t memo[NAME_SIZE_MAX];
};

/* possession: signature by worker_key over node_possession_digest; empty when worker_key
 * is the sender's own key. */
struct body_node_register {
    struct public_key worker_key;
    uint32_t possession_size;
    uint8_t possession[SIGNATURE_SIZE];
    uint16_t region;
    uint16_t domain;
    uint32_t devices_count;
    struct device devices[NODE_DEVICE_MAX];
    uint32_t cpu_mcore;
    uint64_t ram_mib;
    uint64_t disk_mib;
    uint32_t disk_kibps;
    uint32_t net_up_kbps;
    uint32_t net_down_kbps;
    uint8_t reachable;
};

struct body_offer_create {
    struct hash node_id;
    uint8_t kind;
    uint64_t capacity[CAPACITY_COUNT];
    uint64_t prices[PRICE_COUNT];
    uint64_t from_ms;
    uint64_t to_ms;
    uint32_t min_lease_s;
    uint32_t max_lease_s;
    uint32_t reclaim_window_s;
    uint8_t preemptible;
    uint8_t accept_mode;
    uint32_t allowed_orgs_count;
    uint32_t allowed_orgs[ORG_POLICY_MAX];
    uint8_t peer_orgs;
    uint32_t purposes;
    uint64_t deposit;
};

struct body_offer_cancel {
    struct hash offer_id;
};

struct body_data_register {
    struct hash content_root;
    uint64_t size_bytes;
    uint64_t records;
    uint8_t kind;
    uint32_t chunks;
    uint32_t chunk_kib;
    uint16_t licence_id;
    struct hash licence_hash;
    uint32_t purposes;
    uint8_t derivative_rule;
    uint32_t regions_count;
    uint16_t regions[REGION_MAX];
    uint8_t egress;
    uint32_t replicas_count;
    struct hash replicas[NODE_DEVICE_MAX];
    uint32_t quality_ppm;
    uint8_t statistical_flags;
    uint64_t price;
    uint64_t price_gib;
};

enum training_type { TRAINING_INITIAL = 0 };
enum validation_profile { PROFILE_NONE = 0, PROFILE_REFEREED = 1, PROFILE_REPLICATED = 2 };
enum { SUGGESTED_MAX = 64, DATA_SOURCE_MAX = 64, PERFORMANCE_MAX = 8, COST_ROW_MAX = 128 };

struct performance {
    uint16_t metric;
    uint32_t score_ppm;
    uint32_t confidence_ppm;
};

struct body_train_request {
    uint32_t request_id_size; /* mLTrainingRequestId */
    uint8_t request_id[NAME_SIZE_MAX];
    struct address source; /* trainingRequestSource */
    struct hash model_ref; /* mLModelRef */
    uint8_t training_type; /* mLTrainingType */
    uint32_t data_count;   /* candidateTrainingDataSource */
    struct hash data[DATA_SOURCE_MAX];
    uint32_t quality_ppm; /* trainingDataQualityScore */
    uint8_t statistical_flags;
    uint32_t performance_count; /* performanceRequirements */
    struct performance performance[PERFORMANCE_MAX];
    uint64_t expected_time_s; /* distributedTrainingExpectation */
    uint8_t data_split;
    uint32_t suggested_count;
    struct hash suggested[SUGGESTED_MAX];
    uint64_t fl_min_samples; /* fLClientSelectionCriteria */
    uint64_t fl_min_time_s;
    uint32_t fl_regions_count;
    uint16_t fl_regions[REGION_MAX];
    uint32_t fl_redundancy;
    uint16_t priority;
    uint32_t max_rounds; /* terminationConditions */
    uint32_t target_ppm;
    uint64_t max_cost;
    uint64_t deadline_ms;
    uint8_t parallel_mode; /* x_parallel */
    uint32_t max_tp;
    uint32_t max_pp;
    uint32_t max_dp;
    uint8_t cross_domain;
    uint32_t min_members;
    uint32_t cost_count; /* x_cost */
    uint64_t cost[COST_ROW_MAX];
    uint32_t global_batch; /* x_run */
    uint32_t microbatch;
    uint64_t steps;
    uint32_t run_local_steps;
    uint32_t run_rounds;
    uint32_t ckpt_every;
    uint8_t profile;              /* enum validation_profile */
    uint32_t place_regions_count; /* x_place */
    uint16_t place_regions[REGION_MAX];
    uint32_t place_domains_count;
    uint16_t place_domains[REGION_MAX];
    uint32_t orgs_allowed_count;
    uint32_t orgs_allowed[ORG_POLICY_MAX];
    uint32_t orgs_denied_count;
    uint32_t orgs_denied[ORG_POLICY_MAX];
    uint32_t min_reputation_ppm;
    uint32_t attributes_count;
    uint32_t attributes[ORG_POLICY_MAX];
    uint32_t min_link_kbps;
    uint32_t max_rtt_us;
    uint64_t escrow; /* x_budget */
    uint64_t max_rate;
    uint32_t work_share_ppm;
    uint8_t objective;
    uint8_t preemptible;
    uint64_t max_duration_s;
    struct job_terms terms; /* x_job */
};

struct body_train_cancel {
    struct hash job;
    uint8_t mode; /* 0 GRACEFUL: the open round is finished and paid */
};

struct body_lease_accept {
    struct hash lease_id;
    struct hash plan_hash;
    uint8_t tunnel_key[TUNNEL_KEY_SIZE];
    uint32_t endpoint_size;
    uint8_t endpoint[ENDPOINT_SIZE_MAX];
    uint32_t offer_seq; /* 0 */
};

struct body_lease_reject {
    struct hash lease_id;
    struct hash plan_hash;
    uint32_t reason; /* the provider's own; kept in the event */
};

struct body_lease_ready {
    struct hash lease_id;
    struct hash plan_hash;
    struct hash peer_set;         /* process.peer_set */
    struct hash handshake_digest; /* zero, as are the next two */
    struct hash data_ready_root;
    struct hash image_hash;
};

struct body_program_part {
    struct hash program_root;
    uint32_t size;  /* of the whole program, 1 .. PROGRAM_SIZE_MAX */
    uint32_t index; /* all parts but the last have PROGRAM_PART_SIZE_MAX bytes */
    struct bytes part;
};

struct body_gradient_commitment {
    struct hash job;
    uint32_t round;
    struct hash lease_id;
    struct hash commitment;
};

struct body_proof_of_training {
    struct hash job;
    uint32_t round;
    struct hash lease_id;
    uint32_t roots_count; /* S + 1 state roots: the leaves of the trace */
    struct hash roots[SEGMENT_CHECKPOINT_MAX + 1];
    struct hash params_root; /* parts of the last of them */
    struct hash inner_root;
    struct hash counters_root;
    struct hash delta_root;
    uint32_t delta_size;
    uint32_t steps;
    uint32_t loss_first;
    uint32_t loss_last;
    uint8_t trap;
    struct hash salt;
    uint32_t receipts_count; /* 0 */
    struct hash receipts[1];
};

struct body_round_result {
    struct hash job;
    uint32_t round;
    uint32_t bitmap_size;
    uint8_t bitmap[BITMAP_SIZE_MAX];
    struct hash theta_root;
    struct hash mom_root;
};

extern const struct record record_body_nop;
extern const struct record record_body_transfer;
extern const struct record record_body_node_register;
extern const struct record record_body_offer_create;
extern const struct record record_body_offer_cancel;
extern const struct record record_body_data_register;
extern const struct record record_body_train_request;
extern const struct record record_body_train_cancel;
extern const struct record record_body_lease_accept;
extern const struct record record_body_lease_reject;
extern const struct record record_body_lease_ready;
extern const struct record record_body_program_part;
extern const struct record record_body_gradient_commitment;
extern const struct record record_body_proof_of_training;
extern const struct record record_body_round_result;

/* The record of a transaction type's body; NULL for an unknown type. */
const struct record *record_of_body(uint32_t type);

#endif /* STATE_OBJECTS_BODIES_H */
