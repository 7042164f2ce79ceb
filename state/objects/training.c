#include "state/objects/training.h"

#define T struct job_terms
static const struct field job_terms_fields[] = {
    F_VERSION(T),
    F_FIXED(T, program_root),
    F_FIXED(T, outer_program_root),
    F_FIXED(T, data_root),
    F_FIXED(T, eval_root),
    F_FIXED(T, init_params_root),
    F_FIXED(T, init_inner_root),
    F_FIXED(T, init_counters_root),
    F_UINT(T, local_steps),
    F_UINT(T, checkpoints),
    F_UINT(T, rounds),
    F_UINT(T, round_ms),
    F_UINT(T, commit_ms),
    F_UINT(T, window_ms),
    F_UINT(T, workers_min),
    F_UINT(T, workers_max),
    F_ARRAY("outer", 3),
    F_UINT(T, outer_kind),
    F_UINT(T, outer_eta),
    F_UINT(T, outer_mu),
    F_ARRAY("agg", 2),
    F_UINT(T, agg_rule),
    F_UINT(T, agg_trim),
    F_UINT(T, compression),
    F_ARRAY("audit", 2),
    F_UINT(T, audit_p_ppm),
    F_UINT(T, audit_k),
    F_UINT(T, bond_per_segment),
    F_UINT(T, price_per_segment),
    F_ARRAY("owner_policy", 3),
    F_UINT(T, conviction),
    F_UINT(T, elastic),
    F_UINT(T, eval_bonus),
};
#undef T
const struct record record_job_terms = RECORD("job_terms", struct job_terms, job_terms_fields, 23);

#define T struct program
static const struct field program_fields[] = {
    F_VERSION(T),         F_FIXED(T, owner),     F_UINT(T, size),     F_UINT(T, part_count),
    F_BIN(T, parts_held), F_UINT(T, status),     F_UINT(T, op_count), F_UINT(T, tensor_count),
    F_UINT(T, macs),      F_UINT(T, created_ms),
};
#undef T
const struct record record_program = RECORD("program", struct program, program_fields, 10);

#define T struct round
static const struct field round_fields[] = {
    F_VERSION(T),
    F_UINT(T, phase),
    F_UINT(T, opened_height),
    F_UINT(T, drawn_height),
    F_FIXED(T, beacon),
    F_UINT(T, opened_ms),
    F_UINT(T, commit_deadline_ms),
    F_UINT(T, reveal_deadline_ms),
    F_UINT(T, result_deadline_ms),
    F_UINT(T, closed_ms),
    F_UINT(T, certify_ms),
    F_BIN(T, committed),
    F_BIN(T, revealed),
    F_BIN(T, accepted),
    F_UINT(T, weight),
    F_UINT(T, accepted_weight),
    F_FIXED(T, theta_in),
    F_FIXED(T, mom_in),
    F_FIXED(T, theta_out),
    F_FIXED(T, mom_out),
};
#undef T
const struct record record_round = RECORD("round", struct round, round_fields, 20);

#define T struct segment
static const struct field segment_fields[] = {
    F_VERSION(T),
    F_UINT(T, state),
    F_FIXED(T, commitment),
    F_FIXED(T, trace_root),
    F_FIXED(T, start_root),
    F_FIXED(T, end_root),
    F_FIXED(T, params_root),
    F_FIXED(T, inner_root),
    F_FIXED(T, counters_root),
    F_FIXED(T, delta_root),
    F_UINT(T, delta_size),
    F_UINT(T, steps),
    F_UINT(T, loss_first),
    F_UINT(T, loss_last),
    F_UINT(T, trap),
    F_UINT(T, votes),
    F_BIN(T, vote_bitmap),
    F_FIXED(T, vote_theta),
    F_FIXED(T, vote_mom),
    F_UINT(T, paid),
};
#undef T
const struct record record_segment = RECORD("segment", struct segment, segment_fields, 20);
