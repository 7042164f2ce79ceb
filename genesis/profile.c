#include <string.h>

#include "genesis/genesis.h"

/* All windows are parameters without hidden floors. */

static const struct params standard = {
    .version = RECORD_VERSION,
    .delta_0_ms = 500,
    .c_max_ms = 1000,
    .drift_max_ms = 2000,
    .delta_max_ms = 30000,
    .outage_grace_ms = 5000,
    .deadline_grid_ms = 1000,
    .quota_window_ms = 60000,
    .accept_window_ms = 60000,
    .ready_window_ms = 600000,
    .commit_window_ms = 30000,
    .reveal_window_ms = 30000,
    .result_window_ms = 120000,
    .certification_window_ms = 900000,
    .planner_interval_ms = 1000,
    .planner_steps_max = 50000,
    .planner_requests_max = 32,
    .planner_attempts_max = 3,
    .offers_max = 4096,
    .queue_max = 4096,
    .nodes_max = 4096,
    .workers_max = 256,
    .rounds_max = 65536,
    .round_ms_max = 86400000,
    .expiries_max = 1024,
    .reference_price_per_tmac = 1000000,
    .bond_floor_per_tmac = 0,
    .bond_burnt_ppm = 300000,
    .audit_p_ppm = 400000,
    .audit_k = 1,
    .audit_window_ms = 300000,
    .challenge_bond_ppm = 200000,
    .challenge_clock_ms = 600000,
    .auditor_pay_ppm = 2000000,
};

bool genesis_profile(const char *name, struct params *out)
{
    *out = standard;
    if (strcmp(name, "standard") == 0) {
        return true;
    }
    if (strcmp(name, "test") != 0) {
        return false;
    }
    out->delta_0_ms = 100;
    out->accept_window_ms = 20000;
    out->ready_window_ms = 60000;
    out->commit_window_ms = 5000;
    out->reveal_window_ms = 5000;
    out->result_window_ms = 15000;
    out->certification_window_ms = 5000;
    out->audit_window_ms = 5000;
    out->challenge_clock_ms = 30000;
    return true;
}
