#include "state/market/planner.h"
#include "base/checked.h"

/* Thin, deterministic, integer: first fit by speed, all or nothing, data-parallel only.
 *
 * Open offers are sorted once a run (speed descending, price, id), then each waiting request
 * (longest not looked at, priority, submission, id) takes the first that pass its filters.
 * Whatever is found becomes a plan at once; what is not is skipped until an input changes
 * (14.7). */

enum {
    PLANNER_REQUESTS_MAX = 1024, /* each may log an event */
    PLANNER_JOB_STEPS = 8,       /* reads and writes of a request, its program, the validators */
    PLANNER_MEMBER_STEPS = 32,   /* reads and writes of a member of a plan */
};

size_t planner_footprint(void)
{
    return sizeof(struct planner_scratch);
}

static void planner_load(const struct execution *x, struct planner *out)
{
    const struct key key = key_global(GLOBAL_PLANNER);
    buffer_load(x->buffer, &key, &record_planner, out);
}

static void planner_store(struct execution *x, const struct planner *planner)
{
    const struct key key = key_global(GLOBAL_PLANNER);
    buffer_write(x->buffer, &key, &record_planner, planner);
}

static void planner_arm(struct execution *x, const struct planner *planner)
{
    const struct hash none = {{0}};
    uint64_t time = clock_deadline(x, 0);
    uint64_t earliest = 0;
    if (planner->last_run_ms != 0 &&
        checked_add(planner->last_run_ms, x->params.planner_interval_ms, &earliest) &&
        earliest > x->now_ms) {
        time = clock_deadline(x, earliest - x->now_ms);
    }
    wheel_set(x->buffer, WHEEL_PLANNER, &none, time);
}

void planner_wake(struct execution *x)
{
    struct planner planner;
    planner_load(x, &planner);
    planner.inputs++;
    planner_store(x, &planner);
    if (collection_count(x->buffer, COLLECTION_QUEUE, owner_none()) > 0) {
        planner_arm(x, &planner);
    }
}

uint64_t planner_turn(const struct execution *x)
{
    struct planner planner;
    planner_load(x, &planner);
    return planner.planned_inputs;
}

static bool org_allowed(const struct candidate *candidate, uint32_t org)
{
    return candidate->any_org ||
           (org < ORG_COUNT_MAX && (candidate->orgs[org / 8] >> (org % 8) & 1) != 0);
}

/* Providers that refused a plan of this request, whatever they offer now. */
static void mark_excluded(struct execution *x, const struct request *request)
{
    struct planner_scratch *scratch = x->planner;
    for (uint32_t i = 0; i < request->excluded_count; i++) {
        struct offer offer;
        const struct key key = key_object(KEY_OFFER, &request->excluded[i].offer_id);
        planner_spend(scratch, 2);
        if (request->attempts >= request->excluded[i].until_attempt) {
            continue;
        }
        buffer_load(x->buffer, &key, &record_offer, &offer);
        const uint32_t party = party_find(scratch, &offer.provider);
        if (party != PARTY_NONE) {
            party_of(scratch, party)->excluded = true;
        }
    }
}

/* rate x planned segment seconds (14.7), rounded up; UINT64_MAX when it does not fit. */
static uint64_t segment_price(uint64_t rate, uint64_t round_ms)
{
    uint64_t price = 0;
    uint64_t product = 0;
    if (!checked_mul(rate, round_ms, &product) || !checked_add(product, 999, &product)) {
        return UINT64_MAX;
    }
    price = product / 1000;
    return price;
}

/* What does not depend on the candidate. */
struct demand {
    const struct job *job;
    struct bond_rule rule;
    uint64_t bond; /* of a member */
    bool bonded;   /* rule and bond could be computed */
};

static void load_demand(const struct execution *x, const struct job *job, struct demand *out)
{
    *out = (struct demand){.job = job};
    out->bonded =
        bond_load(x, &job->terms, &out->rule) == CODE_OK && job_bond(x, &job->terms, &out->bond);
}

/* Which filter removes the candidate; FILTER_COUNT: none, and *choice is set. */
static enum filter judge_candidate(struct planner_scratch *scratch, const struct demand *demand,
                                   const struct candidate *candidate, struct choice *choice)
{
    const struct job_terms *terms = &demand->job->terms;
    const struct party *provider = party_of(scratch, candidate->provider);
    if (!org_allowed(candidate, demand->job->request.org)) {
        return FILTER_POLICY;
    }
    if (provider->excluded) {
        return FILTER_EXCLUDED;
    }
    const uint64_t price = segment_price(candidate->price, terms->round_ms);
    if (price > terms->price_per_segment) {
        return FILTER_PRICE;
    }
    /* The job was admitted with its highest price; what is really paid must deter too. */
    if (!demand->bonded || !bond_deters(&demand->rule, price)) {
        return FILTER_BOND;
    }
    /* With what this plan already asks of the provider. */
    if (provider->available - provider->promised < demand->bond) {
        return FILTER_FUNDS;
    }
    if (party_of(scratch, candidate->worker)->chosen) {
        return FILTER_SAME_WORKER;
    }
    *choice = (struct choice){.offer_id = candidate->offer_id,
                              .steps = terms->local_steps,
                              .segment_price = price,
                              .bond = demand->bond};
    return FILTER_COUNT;
}

/* 14.7: H_i in proportion to speed, in multiples of H / S, at least one; pay in proportion. */
static void apportion_steps(const struct job_terms *terms, struct planner_scratch *scratch)
{
    if (terms->elastic == 0) {
        return;
    }
    const uint64_t fastest = scratch->candidates[scratch->chosen[0]].gflops;
    for (uint32_t i = 0; i < scratch->choice_count; i++) {
        struct choice *choice = &scratch->choices[i];
        const uint64_t gflops = scratch->candidates[scratch->chosen[i]].gflops;
        uint64_t units = 0;
        uint64_t price = 0;
        const bool small = checked_muldiv(terms->checkpoints, gflops, fastest, &units);
        ASSERT(small); /* gflops <= fastest: they are sorted */
        units = units == 0 ? 1 : units;
        choice->steps = (uint32_t)units * (terms->local_steps / terms->checkpoints);
        const bool fits = checked_muldiv(choice->segment_price, units, terms->checkpoints, &price);
        ASSERT(fits);
        choice->segment_price = price;
    }
}

static enum code why_none(const struct request *request)
{
    static const enum code reasons[FILTER_COUNT] = {
        CODE_W_POLICY, CODE_W_EXCLUDED, CODE_W_PRICE, CODE_W_BOND, CODE_W_FUNDS, CODE_W_NO_DEVICES,
    };
    enum code code = CODE_W_NO_DEVICES;
    uint32_t most = 0;
    for (uint32_t i = 0; i < FILTER_COUNT; i++) {
        if (request->filtered[i] > most) {
            most = request->filtered[i];
            code = reasons[i];
        }
    }
    return code;
}

/* Looks for workers_min .. workers_max candidates. */
static void choose(struct execution *x, struct job *job)
{
    struct planner_scratch *scratch = x->planner;
    struct demand demand;
    scratch->request++;
    scratch->choice_count = 0;
    memset(job->request.filtered, 0, sizeof(job->request.filtered));
    mark_excluded(x, &job->request);
    load_demand(x, job, &demand);
    for (uint32_t i = 0; i < scratch->candidate_count; i++) {
        const struct candidate *candidate = &scratch->candidates[i];
        struct choice choice;
        if (scratch->choice_count == job->terms.workers_max) {
            break;
        }
        planner_spend(scratch, 1);
        if (candidate->taken) {
            continue;
        }
        const enum filter filter = judge_candidate(scratch, &demand, candidate, &choice);
        if (filter != FILTER_COUNT) {
            job->request.filtered[filter]++;
            continue;
        }
        party_of(scratch, candidate->provider)->promised += choice.bond;
        party_of(scratch, candidate->worker)->chosen = true;
        scratch->chosen[scratch->choice_count] = i;
        scratch->choices[scratch->choice_count++] = choice;
    }
}

static void plan_request(struct execution *x, const struct hash *id, uint64_t inputs)
{
    struct planner_scratch *scratch = x->planner;
    struct job job;
    planner_spend(scratch, PLANNER_JOB_STEPS);
    job_load(x, id, &job);
    choose(x, &job);
    job.request.tried_inputs = inputs;
    if (scratch->choice_count >= job.terms.workers_min) {
        apportion_steps(&job.terms, scratch);
        plan_propose(x, &job, scratch->choices, scratch->choice_count);
        for (uint32_t i = 0; i < scratch->choice_count; i++) {
            scratch->candidates[scratch->chosen[i]].taken = true;
        }
        planner_spend(scratch, (uint64_t)scratch->choice_count * PLANNER_MEMBER_STEPS);
        return;
    }
    const enum code reason = why_none(&job.request);
    if (job.request.reason != (uint32_t)reason) {
        ledger_event(x, EVENT_NO_PLAN, id, job.request.attempts, (uint64_t)reason);
    }
    job.request.reason = (uint32_t)reason;
    job_store(x, &job);
}

/* Whether this run looks at one more request: the first always, so that any budget gets on. */
static bool may_look(const struct execution *x, uint64_t looked_at)
{
    const uint64_t most = x->params.planner_requests_max;
    const uint64_t requests_max = most < PLANNER_REQUESTS_MAX ? most : PLANNER_REQUESTS_MAX;
    return looked_at < requests_max && buffer_has_room(x->buffer, 0) &&
           (looked_at == 0 || x->planner->steps_left > 0);
}

void planner_run(struct execution *x)
{
    struct planner_scratch *scratch = x->planner;
    struct planner planner;
    const struct hash none = {{0}};
    bool unfinished = false;
    uint64_t looked_at = 0;
    planner_load(x, &planner);
    wheel_clear(x->buffer, WHEEL_PLANNER, &none);
    scratch->steps_left = x->params.planner_steps_max;
    candidates_load(x);
    queue_load(x);
    for (uint32_t i = 0; i < scratch->queue_count && !unfinished; i++) {
        const struct waiting *waiting = &scratch->queue[i];
        if (waiting->tried_inputs == planner.inputs) {
            continue;
        }
        unfinished = !may_look(x, looked_at++);
        if (!unfinished) {
            plan_request(x, &waiting->id, planner.inputs);
        }
    }
    planner.planned_inputs = planner.inputs;
    planner.last_run_ms = x->now_ms;
    planner_store(x, &planner);
    if (unfinished) {
        planner_arm(x, &planner);
    }
}
