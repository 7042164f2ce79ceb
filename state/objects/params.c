#include "state/objects/ledger.h"

/* Bounds that keep sums of times and products of shares far from overflow, and a ledger
 * from standing still. */

enum { PPM = 1000000 };
#define WINDOW_MS_MAX (UINT64_C(10) * 366 * 86400 * 1000) /* ten years */

static bool all_below(const uint64_t *values, size_t count, uint64_t limit)
{
    bool below = true;
    for (size_t i = 0; i < count; i++) {
        below = below && values[i] <= limit;
    }
    return below;
}

static bool all_positive(const uint64_t *values, size_t count)
{
    bool positive = true;
    for (size_t i = 0; i < count; i++) {
        positive = positive && values[i] > 0;
    }
    return positive;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *params_fault(const struct params *p)
{
    const uint64_t windows[] = {
        p->outage_grace_ms,  p->deadline_grid_ms,   p->quota_window_ms,
        p->accept_window_ms, p->ready_window_ms,    p->commit_window_ms,
        p->reveal_window_ms, p->result_window_ms,   p->certification_window_ms,
        p->audit_window_ms,  p->challenge_clock_ms, p->planner_interval_ms,
        p->round_ms_max,
    };
    const uint64_t shares[] = {p->bond_burnt_ppm, p->audit_p_ppm, p->challenge_bond_ppm};
    const uint64_t divisors[] = {p->deadline_grid_ms, p->quota_window_ms, p->planner_interval_ms};
    const uint64_t steps[] = {p->planner_steps_max, p->planner_requests_max,
                              p->planner_attempts_max, p->expiries_max};
    if (!all_below(windows, COUNT(windows), WINDOW_MS_MAX)) {
        return "params: every window, grid, grace and clock, and round_ms_max: at most ten years";
    }
    if (!all_positive(divisors, COUNT(divisors))) {
        return "params: deadline_grid_ms, quota_window_ms and planner_interval_ms: at least 1";
    }
    if (!all_positive(steps, COUNT(steps))) {
        return "params: planner_steps_max, planner_requests_max, planner_attempts_max and "
               "expiries_max: at least 1";
    }
    if (!all_below(shares, COUNT(shares), PPM)) {
        return "params: bond_burnt_ppm, audit_p_ppm and challenge_bond_ppm: at most 1000000";
    }
    if (p->workers_max > PLAN_MEMBER_MAX || p->offers_max > OFFER_OPEN_MAX ||
        p->queue_max > QUEUE_MAX) {
        return "params: workers_max at most 1024, offers_max and queue_max at most 4096";
    }
    if (p->reference_price_per_tmac > SUPPLY_MAX || p->bond_floor_per_tmac > SUPPLY_MAX) {
        return "params: reference_price_per_tmac and bond_floor_per_tmac: at most 2^62";
    }
    return p->take_rate_ppm == 0 ? NULL : "params: take_rate_ppm: must be 0";
}
