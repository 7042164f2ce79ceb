#include "tests/sim/fault.h"

/* Shorter while it fails in the same way: faults are dropped one at a time until none can
 * go, then what is left is made shorter and weaker, and the run ends earlier. */

struct shrink {
    struct sim_plan *plan;
    plan_fails *fails;
    int same;
};

/* Keep candidate if it fails alike. */
static bool try(struct shrink *shrink, const struct sim_plan *candidate)
{
    const bool alike = shrink->fails(candidate) == shrink->same;
    if (alike) {
        *shrink->plan = *candidate;
    }
    return alike;
}

static bool drop_one(struct shrink *shrink)
{
    bool dropped = false;
    for (uint32_t i = shrink->plan->fault_count; i > 0; i--) {
        struct sim_plan candidate = *shrink->plan;
        candidate.fault_count--;
        for (uint32_t k = i - 1; k < candidate.fault_count; k++) {
            candidate.faults[k] = candidate.faults[k + 1];
        }
        dropped = try(shrink, &candidate) || dropped;
    }
    return dropped;
}

/* Halve one number while that leaves the failure alone. */
static bool halve(struct shrink *shrink, uint32_t index, bool value)
{
    bool halved = false;
    for (;;) {
        struct sim_plan candidate = *shrink->plan;
        struct sim_fault *fault = &candidate.faults[index];
        const uint64_t length = fault->to_us - fault->from_us;
        if (value ? fault->value < 2 || fault->class == FAULT_CUT : length < 2000) {
            return halved;
        }
        if (value) {
            fault->value /= 2;
        } else {
            fault->to_us = fault->from_us + length / 2;
        }
        if (!try(shrink, &candidate)) {
            return halved;
        }
        halved = true;
    }
}

static bool later(struct shrink *shrink, uint32_t index)
{
    struct sim_plan candidate = *shrink->plan;
    struct sim_fault *fault = &candidate.faults[index];
    const uint64_t length = fault->to_us - fault->from_us;
    fault->from_us += length / 2;
    return length >= 2000 && try(shrink, &candidate);
}

static bool fewer_txs(struct shrink *shrink)
{
    struct sim_plan candidate = *shrink->plan;
    candidate.tx_count /= 2;
    return shrink->plan->tx_count > 0 && try(shrink, &candidate);
}

void plan_shrink(struct sim_plan *plan, plan_fails *fails)
{
    struct shrink shrink = {.plan = plan, .fails = fails, .same = fails(plan)};
    bool changed = shrink.same != 0;
    for (uint32_t round = 0; changed && round < 8; round++) {
        changed = false;
        while (drop_one(&shrink)) {
            changed = true;
        }
        while (fewer_txs(&shrink)) {
            changed = true;
        }
        for (uint32_t i = 0; i < plan->fault_count; i++) {
            changed = halve(&shrink, i, false) || changed;
            changed = later(&shrink, i) || changed;
            changed = halve(&shrink, i, true) || changed;
        }
    }
}
