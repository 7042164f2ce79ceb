#include "state/objects/ledger.h"

#define T struct params
static const struct field params_fields[] = {
    F_VERSION(T),
    F_UINT(T, delta_0_ms),
    F_UINT(T, c_max_ms),
    F_UINT(T, drift_max_ms),
    F_UINT(T, delta_max_ms),
    F_UINT(T, outage_grace_ms),
    F_UINT(T, deadline_grid_ms),
    F_UINT(T, quota_window_ms),
    F_UINT(T, accept_window_ms),
    F_UINT(T, ready_window_ms),
    F_UINT(T, commit_window_ms),
    F_UINT(T, reveal_window_ms),
    F_UINT(T, result_window_ms),
    F_UINT(T, certification_window_ms),
    F_UINT(T, planner_interval_ms),
    F_UINT(T, planner_steps_max),
    F_UINT(T, planner_requests_max),
    F_UINT(T, planner_attempts_max),
    F_UINT(T, offers_max),
    F_UINT(T, queue_max),
    F_UINT(T, nodes_max),
    F_UINT(T, workers_max),
    F_UINT(T, rounds_max),
    F_UINT(T, round_ms_max),
    F_UINT(T, expiries_max),
    F_UINT(T, reference_price_per_tmac),
    F_UINT(T, bond_floor_per_tmac),
    F_UINT(T, bond_burnt_ppm),
    F_UINT(T, audit_p_ppm),
    F_UINT(T, audit_k),
    F_UINT(T, audit_window_ms),
    F_UINT(T, challenge_bond_ppm),
    F_UINT(T, challenge_clock_ms),
    F_UINT(T, auditor_pay_ppm),
    F_UINT(T, take_rate_ppm),
};
#undef T
const struct record record_params = RECORD("params", struct params, params_fields, 35);

#define T struct chain
static const struct field chain_fields[] = {
    F_VERSION(T),
    F_FIXED(T, chain_id),
    F_BIN(T, name),
    F_UINT(T, header_ms),
};
#undef T
const struct record record_chain = RECORD("chain", struct chain, chain_fields, 4);

#define T struct clock
static const struct field clock_fields[] = {
    F_VERSION(T),         F_UINT(T, height),    F_UINT(T, header_ms),
    F_UINT(T, ledger_ms), F_UINT(T, outage_ms), F_FIXED(T, beacon),
};
#undef T
const struct record record_clock = RECORD("clock", struct clock, clock_fields, 6);

#define T struct totals
static const struct field totals_fields[] = {
    F_VERSION(T),
    F_UINT(T, supply),
    F_MONEY(T, sink),
    F_UINT(T, nodes),
};
#undef T
const struct record record_totals = RECORD("totals", struct totals, totals_fields, 4);

#define T struct planner
static const struct field planner_fields[] = {
    F_VERSION(T),
    F_UINT(T, inputs),
    F_UINT(T, planned_inputs),
    F_UINT(T, last_run_ms),
};
#undef T
const struct record record_planner = RECORD("planner", struct planner, planner_fields, 4);

#define T struct purge
static const struct field purge_fields[] = {
    F_VERSION(T),
    F_UINT(T, minute),
    F_UINT(T, last_minute),
};
#undef T
const struct record record_purge = RECORD("purge", struct purge, purge_fields, 3);

#define T struct counter
static const struct field counter_fields[] = {F_VERSION(T), F_UINT(T, value)};
#undef T
const struct record record_counter = RECORD("counter", struct counter, counter_fields, 2);

#define T struct item
static const struct field item_fields[] = {
    F_VERSION(T),
    F_FIXED(T, id),
    F_UINT(T, time_ms),
    F_UINT(T, kind),
};
#undef T
const struct record record_item = RECORD("item", struct item, item_fields, 4);

#define T struct org
static const struct field org_fields[] = {
    F_VERSION(T),     F_BIN(T, name),   F_UINT(T, weight),
    F_UINT(T, roles), F_UINT(T, quota), F_UINT(T, status),
};
#undef T
const struct record record_org = RECORD("org", struct org, org_fields, 6);

#define T struct usage
static const struct field usage_fields[] = {F_VERSION(T), F_UINT(T, window), F_UINT(T, used)};
#undef T
const struct record record_usage = RECORD("usage", struct usage, usage_fields, 3);

#define T struct account
static const struct field account_fields[] = {
    F_VERSION(T),      F_FIXED(T, public_key), F_UINT(T, org),        F_UINT(T, roles),
    F_UINT(T, status), F_UINT(T, seq),         F_MONEY(T, available), F_MONEY(T, locked),
};
#undef T
const struct record record_account = RECORD("account", struct account, account_fields, 8);
