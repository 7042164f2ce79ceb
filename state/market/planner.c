#include "base/checked.h"
#include "state/market/market.h"

/* Thin, deterministic, integer: first fit by speed, all or nothing, data-parallel only.
 *
 * Open offers are sorted once a run (speed descending, price, id), then each waiting
 * request (priority, submission, id) takes the first that pass its filters.  Whatever is
 * found becomes a plan at once; what is not is skipped until an input changes (14.7). */

enum {
    PLANNER_REQUESTS_MAX = 1024, /* each may log an event */
};

struct candidate {
    struct hash offer_id;
    struct address provider;
    struct address worker;
    uint64_t gflops;
    uint64_t price; /* per second */
    bool taken;
};

struct waiting {
    struct hash id;
    uint64_t submitted_ms;
    uint64_t tried_inputs;
    uint16_t priority;
};

struct planner_scratch {
    struct candidate candidates[OFFER_OPEN_MAX];
    uint32_t candidate_count;
    struct waiting queue[QUEUE_MAX];
    uint32_t queue_count;
    struct choice choices[PLAN_MEMBER_MAX];
    uint32_t chosen[PLAN_MEMBER_MAX]; /* indexes of candidates */
    uint32_t choice_count;
    uint64_t steps_left;
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

static bool candidate_before(const struct candidate *a, const struct candidate *b)
{
    if (a->gflops != b->gflops) {
        return a->gflops > b->gflops;
    }
    if (a->price != b->price) {
        return a->price < b->price;
    }
    return hash_compare(&a->offer_id, &b->offer_id) < 0;
}

static bool waiting_before(const struct waiting *a, const struct waiting *b)
{
    if (a->priority != b->priority) {
        return a->priority < b->priority;
    }
    if (a->submitted_ms != b->submitted_ms) {
        return a->submitted_ms < b->submitted_ms;
    }
    return hash_compare(&a->id, &b->id) < 0;
}

/* Shell sorts with a fixed gap sequence: short, not recursive, and with a total order the
 * result does not depend on the method. */
static const uint32_t sort_gaps[] = {1750, 701, 301, 132, 57, 23, 10, 4, 1};
enum { SORT_GAPS = sizeof(sort_gaps) / sizeof(sort_gaps[0]) };

static void sink_candidate(struct candidate *items, uint32_t at, uint32_t gap)
{
    const struct candidate moved = items[at];
    while (at >= gap && candidate_before(&moved, &items[at - gap])) {
        items[at] = items[at - gap];
        at -= gap;
    }
    items[at] = moved;
}

static void sort_candidates(struct candidate *items, uint32_t count)
{
    for (size_t g = 0; g < SORT_GAPS; g++) {
        for (uint32_t i = sort_gaps[g]; i < count; i++) {
            sink_candidate(items, i, sort_gaps[g]);
        }
    }
}

static void sink_waiting(struct waiting *items, uint32_t at, uint32_t gap)
{
    const struct waiting moved = items[at];
    while (at >= gap && waiting_before(&moved, &items[at - gap])) {
        items[at] = items[at - gap];
        at -= gap;
    }
    items[at] = moved;
}

static void sort_queue(struct waiting *items, uint32_t count)
{
    for (size_t g = 0; g < SORT_GAPS; g++) {
        for (uint32_t i = sort_gaps[g]; i < count; i++) {
            sink_waiting(items, i, sort_gaps[g]);
        }
    }
}

static void load_candidates(struct execution *x)
{
    struct planner_scratch *scratch = x->planner;
    uint32_t count = collection_count(x->buffer, COLLECTION_OPEN_OFFERS, owner_none());
    /* Leases that end may open more than offers_max; the rest moves up as offers are taken. */
    count = count < OFFER_OPEN_MAX ? count : OFFER_OPEN_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct candidate *candidate = &scratch->candidates[i];
        struct offer offer;
        struct node node;
        const struct hash id = collection_get(x->buffer, COLLECTION_OPEN_OFFERS, owner_none(), i);
        const struct key offer_key = key_object(KEY_OFFER, &id);
        buffer_load(x->buffer, &offer_key, &record_offer, &offer);
        const struct key node_key = key_object(KEY_NODE, &offer.node_id);
        buffer_load(x->buffer, &node_key, &record_node, &node);
        *candidate = (struct candidate){
            .offer_id = id,
            .provider = offer.provider,
            .worker = node.worker,
            .gflops = offer.capacity[CAPACITY_GFLOPS],
            .price = offer.prices[0],
        };
    }
    scratch->candidate_count = count;
    sort_candidates(scratch->candidates, count);
}

static void load_queue(struct execution *x)
{
    struct planner_scratch *scratch = x->planner;
    uint32_t count = collection_count(x->buffer, COLLECTION_QUEUE, owner_none());
    count = count < QUEUE_MAX ? count : QUEUE_MAX; /* plans that fail queue again */
    for (uint32_t i = 0; i < count; i++) {
        const struct hash id = collection_get(x->buffer, COLLECTION_QUEUE, owner_none(), i);
        struct request request;
        const struct key key = key_object(KEY_REQUEST, &id);
        buffer_load(x->buffer, &key, &record_request, &request);
        scratch->queue[i] = (struct waiting){
            .id = id,
            .submitted_ms = request.submitted_ms,
            .tried_inputs = request.tried_inputs,
            .priority = request.priority,
        };
    }
    scratch->queue_count = count;
    sort_queue(scratch->queue, count);
}

static bool org_allowed(const struct execution *x, const struct candidate *candidate, uint32_t org)
{
    struct offer offer;
    const struct key key = key_object(KEY_OFFER, &candidate->offer_id);
    buffer_load(x->buffer, &key, &record_offer, &offer);
    bool allowed = offer.allowed_orgs_count == 0;
    for (uint32_t i = 0; i < offer.allowed_orgs_count; i++) {
        allowed = allowed || offer.allowed_orgs[i] == org;
    }
    return allowed;
}

static bool is_excluded(const struct request *request, const struct hash *offer_id)
{
    for (uint32_t i = 0; i < request->excluded_count; i++) {
        if (hash_equal(&request->excluded[i].offer_id, offer_id) &&
            request->attempts < request->excluded[i].until_attempt) {
            return true;
        }
    }
    return false;
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

/* What this provider can still bond, with what this plan already asks of it. */
static bool funds_suffice(const struct execution *x, const struct candidate *candidate,
                          uint64_t bond)
{
    const struct planner_scratch *scratch = x->planner;
    struct account account;
    account_load(x, &candidate->provider, &account);
    for (uint32_t i = 0; i < scratch->choice_count; i++) {
        const struct candidate *other = &scratch->candidates[scratch->chosen[i]];
        if (address_equal(&other->provider, &candidate->provider) &&
            !checked_sub(account.available, bond, &account.available)) {
            return false;
        }
    }
    return account.available >= bond;
}

static bool worker_chosen(const struct planner_scratch *scratch, const struct address *worker)
{
    for (uint32_t i = 0; i < scratch->choice_count; i++) {
        if (address_equal(&scratch->candidates[scratch->chosen[i]].worker, worker)) {
            return true;
        }
    }
    return false;
}

/* Which filter removes the candidate; FILTER_COUNT: none, and *choice is set. */
static enum filter judge_candidate(const struct execution *x, const struct job *job,
                                   const struct candidate *candidate, struct choice *choice)
{
    const struct job_terms *terms = &job->terms;
    if (!org_allowed(x, candidate, job->request.org)) {
        return FILTER_POLICY;
    }
    if (is_excluded(&job->request, &candidate->offer_id)) {
        return FILTER_EXCLUDED;
    }
    const uint64_t price = segment_price(candidate->price, terms->round_ms);
    if (price > terms->price_per_segment) {
        return FILTER_PRICE;
    }
    struct program program;
    const struct key key = key_object(KEY_PROGRAM, &terms->program_root);
    buffer_load(x->buffer, &key, &record_program, &program);
    /* The job was admitted with its highest price; what is really paid must deter too. */
    const struct bond_rule rule = {
        .macs = program.macs * terms->local_steps, /* checked at admission */
        .price = price,
        .bond = terms->bond_per_segment,
        .p_ppm = job_audit_p(x, terms),
    };
    uint64_t bond = 0;
    if (bond_judge(x, &rule) != CODE_OK || !job_bond(x, terms, &bond)) {
        return FILTER_BOND;
    }
    if (!funds_suffice(x, candidate, bond)) {
        return FILTER_FUNDS;
    }
    if (worker_chosen(x->planner, &candidate->worker)) {
        return FILTER_SAME_WORKER;
    }
    *choice = (struct choice){.offer_id = candidate->offer_id,
                              .steps = terms->local_steps,
                              .segment_price = price,
                              .bond = bond};
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

static bool take_step(struct planner_scratch *scratch)
{
    if (scratch->steps_left == 0) {
        return false;
    }
    scratch->steps_left--;
    return true;
}

/* Looks for workers_min .. workers_max candidates; false when the budget ran out. */
static bool choose(struct execution *x, struct job *job)
{
    struct planner_scratch *scratch = x->planner;
    scratch->choice_count = 0;
    memset(job->request.filtered, 0, sizeof(job->request.filtered));
    for (uint32_t i = 0; i < scratch->candidate_count; i++) {
        const struct candidate *candidate = &scratch->candidates[i];
        struct choice choice;
        if (scratch->choice_count == job->terms.workers_max) {
            break;
        }
        if (candidate->taken) {
            continue;
        }
        if (!take_step(scratch)) {
            return false;
        }
        const enum filter filter = judge_candidate(x, job, candidate, &choice);
        if (filter != FILTER_COUNT) {
            job->request.filtered[filter]++;
            continue;
        }
        scratch->chosen[scratch->choice_count] = i;
        scratch->choices[scratch->choice_count++] = choice;
    }
    return true;
}

/* False when the budget ran out. */
static bool plan_request(struct execution *x, const struct hash *id, uint64_t inputs)
{
    struct planner_scratch *scratch = x->planner;
    struct job job;
    job_load(x, id, &job);
    if (!choose(x, &job)) {
        return false;
    }
    if (scratch->choice_count >= job.terms.workers_min) {
        apportion_steps(&job.terms, scratch);
        plan_propose(x, &job, scratch->choices, scratch->choice_count);
        for (uint32_t i = 0; i < scratch->choice_count; i++) {
            scratch->candidates[scratch->chosen[i]].taken = true;
        }
        return true;
    }
    const enum code reason = why_none(&job.request);
    if (job.request.reason != (uint32_t)reason) {
        ledger_event(x, EVENT_NO_PLAN, id, job.request.attempts, (uint64_t)reason);
    }
    job.request.reason = (uint32_t)reason;
    job.request.tried_inputs = inputs;
    job_store(x, &job);
    return true;
}

void planner_run(struct execution *x)
{
    struct planner_scratch *scratch = x->planner;
    struct planner planner;
    const struct hash none = {{0}};
    bool unfinished = false;
    planner_load(x, &planner);
    wheel_clear(x->buffer, WHEEL_PLANNER, &none);
    load_candidates(x);
    load_queue(x);
    scratch->steps_left = x->params.planner_steps_max;
    const uint64_t most = x->params.planner_requests_max;
    const uint64_t requests_max = most < PLANNER_REQUESTS_MAX ? most : PLANNER_REQUESTS_MAX;
    uint64_t looked_at = 0;
    for (uint32_t i = 0; i < scratch->queue_count && !unfinished; i++) {
        const struct waiting *waiting = &scratch->queue[i];
        if (waiting->tried_inputs == planner.inputs) {
            continue;
        }
        if (looked_at++ == requests_max || !buffer_has_room(x->buffer, 0) ||
            !plan_request(x, &waiting->id, planner.inputs)) {
            unfinished = true;
        }
    }
    planner.planned_inputs = planner.inputs;
    planner.last_run_ms = x->now_ms;
    planner_store(x, &planner);
    if (unfinished) {
        planner_arm(x, &planner);
    }
}
