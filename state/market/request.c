#include "base/checked.h"
#include "state/market/market.h"
#include "wire/wire.h"

#define TERA UINT64_C(1000000000000)

enum { PPM_ONE = 1000000, WEIGHT_SUM_MAX = 66000 /* 14.6 */ };

uint64_t job_window_ms(const struct execution *x, const struct job_terms *terms)
{
    const uint64_t least = x->params.certification_window_ms;
    return terms->window_ms > least ? terms->window_ms : least;
}

uint64_t job_audit_p(const struct execution *x, const struct job_terms *terms)
{
    const uint64_t least = x->params.audit_p_ppm;
    return terms->audit_p_ppm > least ? terms->audit_p_ppm : least;
}

bool job_bond(const struct execution *x, const struct job_terms *terms, uint64_t *out)
{
    const uint64_t window = job_window_ms(x, terms);
    uint64_t segments = 1 + window / terms->round_ms + (window % terms->round_ms == 0 ? 0 : 1);
    if (segments > terms->rounds) {
        segments = terms->rounds;
    }
    return checked_mul(terms->bond_per_segment, segments, out) && money_valid(*out);
}

static uint32_t validator_count(const struct execution *x)
{
    const struct key key = key_global(GLOBAL_VALIDATORS);
    struct bytes value;
    const bool present = buffer_get(x->buffer, &key, &value);
    ASSERT(present);
    struct wire_reader reader;
    wire_reader_init(&reader, value);
    return wire_read_list(&reader, VALIDATOR_COUNT_MAX);
}

/* ceil(macs x price / 10^12): work is never free because it is small. */
MUST_USE static bool cost_of(uint64_t macs, uint64_t price_per_tmac, uint64_t *out)
{
    __extension__ typedef unsigned __int128 wide;
    const wide cost = ((wide)macs * price_per_tmac + (TERA - 1)) / TERA;
    if (cost > UINT64_MAX) {
        return false;
    }
    *out = (uint64_t)cost;
    return true;
}

enum code bond_load(const struct execution *x, const struct job_terms *terms, struct bond_rule *out)
{
    struct program program;
    const struct key key = key_object(KEY_PROGRAM, &terms->program_root);
    if (!buffer_read(x->buffer, &key, &record_program, &program)) {
        return CODE_E_NOT_FOUND;
    }
    uint64_t macs = 0;
    uint64_t least = 0;
    *out = (struct bond_rule){
        .bond = terms->bond_per_segment,
        .p_ppm = job_audit_p(x, terms),
        .burnt_ppm = x->params.bond_burnt_ppm,
        .validators = validator_count(x),
    };
    out->honest = out->validators - validator_faulty_max(out->validators);
    if (!checked_mul(program.macs, terms->local_steps, &macs) ||
        !cost_of(macs, x->params.reference_price_per_tmac, &out->cost) ||
        !cost_of(macs, x->params.bond_floor_per_tmac, &least)) {
        return CODE_E_OVERFLOW;
    }
    out->covers_floor = out->bond >= least;
    return CODE_OK;
}

/* 14.6: p * (1 - m/n) * (R + b*B) > c with m = f, multiplied out: every factor is exact. */
bool bond_deters(const struct bond_rule *rule, uint64_t price)
{
    __extension__ typedef unsigned __int128 wide;
    /* Below 2^20 * 2^7 * (2^62 * 2^20 + 2^20 * 2^62) and 2^64 * 2^7 * 2^40. */
    const wide loss = (wide)price * PPM_ONE + (wide)rule->burnt_ppm * rule->bond;
    const wide gain = (wide)rule->cost * rule->validators * TERA;
    return (wide)rule->p_ppm * rule->honest * loss > gain && rule->covers_floor;
}

/* Fields that this version does not act on. */
static bool request_is_neutral(const struct body_train_request *body)
{
    const bool consumer_side =
        hash_is_zero(&body->model_ref) && body->training_type == TRAINING_INITIAL &&
        body->quality_ppm == 0 && body->statistical_flags == 0 && body->performance_count == 0 &&
        body->expected_time_s == 0 && body->data_split == 0 && body->suggested_count == 0;
    const bool federated = body->fl_min_samples == 0 && body->fl_min_time_s == 0 &&
                           body->fl_regions_count == 0 && body->fl_redundancy == 0;
    const bool ends = body->target_ppm == 0 && body->max_cost == 0;
    const bool parallel = body->parallel_mode == 0 && body->max_dp == 0 &&
                          body->cross_domain == 0 && body->min_members == 0 &&
                          body->cost_count == 0;
    const bool run = body->global_batch == 0 && body->microbatch == 0 && body->steps == 0 &&
                     body->run_local_steps == 0 && body->run_rounds == 0 && body->ckpt_every == 0;
    const bool place = body->place_regions_count == 0 && body->place_domains_count == 0 &&
                       body->orgs_allowed_count == 0 && body->orgs_denied_count == 0 &&
                       body->min_reputation_ppm == 0 && body->attributes_count == 0 &&
                       body->min_link_kbps == 0 && body->max_rtt_us == 0;
    const bool budget = body->max_rate == 0 && body->work_share_ppm == 0 && body->objective == 0 &&
                        body->preemptible == 0 && body->max_duration_s == 0;
    return consumer_side && federated && ends && parallel && run && place && budget;
}

static bool terms_are_neutral(const struct job_terms *terms)
{
    return hash_is_zero(&terms->outer_program_root) && hash_is_zero(&terms->eval_root) &&
           terms->outer_kind == 0 && terms->agg_rule == 0 && terms->agg_trim == 0 &&
           terms->compression == 0 && terms->audit_k <= 1 &&
           terms->conviction == CONVICTION_ROLLBACK && terms->eval_bonus == 0;
}

static bool f32_is_finite(uint32_t bits)
{
    return (bits & UINT32_C(0x7f800000)) != UINT32_C(0x7f800000);
}

static enum code judge_terms(const struct execution *x, const struct job_terms *terms)
{
    const struct params *params = &x->params;
    if (!terms_are_neutral(terms) || !f32_is_finite(terms->outer_eta) ||
        !f32_is_finite(terms->outer_mu) || terms->elastic > 1 || terms->audit_p_ppm > PPM_ONE) {
        return CODE_E_RANGE;
    }
    if (terms->local_steps == 0 || terms->checkpoints == 0 ||
        terms->checkpoints > SEGMENT_CHECKPOINT_MAX ||
        terms->local_steps % terms->checkpoints != 0) {
        return CODE_E_RANGE;
    }
    if (terms->rounds == 0 || terms->rounds > params->rounds_max || terms->round_ms == 0 ||
        terms->round_ms > params->round_ms_max || terms->commit_ms > params->round_ms_max ||
        terms->window_ms > params->round_ms_max) {
        return CODE_E_RANGE;
    }
    if (terms->workers_min == 0 || terms->workers_min > terms->workers_max ||
        terms->workers_max > params->workers_max || terms->workers_max > PLAN_MEMBER_MAX) {
        return CODE_E_RANGE;
    }
    if ((uint64_t)terms->local_steps * terms->workers_max > WEIGHT_SUM_MAX) {
        return CODE_E_WEIGHT;
    }
    return money_valid(terms->price_per_segment) && money_valid(terms->bond_per_segment)
               ? CODE_OK
               : CODE_E_RANGE;
}

static enum code judge_bond(const struct execution *x, const struct job_terms *terms)
{
    struct bond_rule rule;
    uint64_t total = 0;
    const enum code code = bond_load(x, terms, &rule);
    if (code != CODE_OK) {
        return code;
    }
    if (!job_bond(x, terms, &total)) {
        return CODE_E_OVERFLOW;
    }
    return bond_deters(&rule, terms->price_per_segment) ? CODE_OK : CODE_E_BOND;
}

/* 14.6: a REFEREED job opens data to auditors and to every worker. */
static enum code judge_data(const struct execution *x, const struct body_train_request *body)
{
    struct data_set data;
    if (body->data_count != 1) {
        return CODE_E_RANGE;
    }
    const struct key key = key_object(KEY_DATA, &body->data[0]);
    if (!buffer_read(x->buffer, &key, &record_data_set, &data)) {
        return CODE_E_NOT_FOUND;
    }
    if ((data.purposes & PURPOSE_AUDIT) == 0) {
        return CODE_E_PURPOSE;
    }
    if (data.egress != EGRESS_FREE) {
        return CODE_E_RESIDENCE;
    }
    return hash_equal(&data.content_root, &body->terms.data_root) ? CODE_OK : CODE_E_ROOT;
}

static enum code judge_request(const struct execution *x, const struct call *call)
{
    const struct body_train_request *body = call->body;
    if (!address_equal(&body->source, &call->tx->sender)) {
        return CODE_E_OWNER;
    }
    if (!request_is_neutral(body) || body->request_id_size == 0 ||
        body->profile != PROFILE_REFEREED || body->max_tp > 1 || body->max_pp > 1) {
        return CODE_E_RANGE; /* tp = pp = 1: 14.1 */
    }
    if (body->max_rounds != 0 && body->max_rounds != body->terms.rounds) {
        return CODE_E_RANGE;
    }
    if (body->deadline_ms != 0 && body->deadline_ms <= x->now_ms) {
        return CODE_E_DEADLINE;
    }
    if (body->deadline_ms != 0 && body->deadline_ms - x->now_ms > QUEUE_WAIT_MS_MAX) {
        return CODE_E_RANGE;
    }
    enum code code = judge_terms(x, &body->terms);
    if (code == CODE_OK) {
        code = judge_data(x, body);
    }
    return code == CODE_OK ? judge_bond(x, &body->terms) : code;
}

/* The escrow covers every segment there can be, so that it never runs out. */
static enum code judge_escrow(const struct body_train_request *body)
{
    uint64_t need = 0;
    if (!checked_mul((uint64_t)body->terms.workers_max * body->terms.rounds,
                     body->terms.price_per_segment, &need) ||
        !money_valid(need) || !money_valid(body->escrow)) {
        return CODE_E_OVERFLOW;
    }
    return body->escrow >= need ? CODE_OK : CODE_E_ESCROW;
}

static void store_request(struct execution *x, const struct call *call, const struct hash *id)
{
    const struct body_train_request *body = call->body;
    const uint64_t deadline =
        body->deadline_ms != 0 ? body->deadline_ms : x->now_ms + QUEUE_WAIT_MS_MAX;
    struct job job = {
        .id = *id,
        .terms = body->terms,
        .request =
            {
                .version = RECORD_VERSION,
                .consumer = call->tx->sender,
                .org = call->sender.org,
                .state = REQUEST_NOT_STARTED,
                .reason = CODE_W_QUEUE,
                .tried_inputs = planner_turn(x),
                .priority = body->priority,
                .submitted_ms = x->now_ms,
                .deadline_ms = deadline,
                .escrow = body->escrow,
                .escrow_total = body->escrow,
            },
        .process =
            {
                .version = RECORD_VERSION,
                .theta_root = body->terms.init_params_root,
                .certified_theta_root = body->terms.init_params_root,
            },
    };
    const struct key terms_key = key_object(KEY_TERMS, id);
    const struct key body_key = key_object(KEY_REQUEST_BODY, id);
    job.terms.version = RECORD_VERSION;
    buffer_write(x->buffer, &terms_key, &record_job_terms, &job.terms);
    buffer_put(x->buffer, &body_key, call->tx->body);
    job_store(x, &job);
    collection_append(x->buffer, COLLECTION_ACCOUNT_REQUESTS, owner_account(&call->tx->sender), id);
    collection_append(x->buffer, COLLECTION_QUEUE, owner_none(), id);
    count_raise(x->buffer, COLLECTION_WAITING, owner_account(&call->tx->sender));
    wheel_set(x->buffer, WHEEL_REQUEST, id, clock_deadline(x, deadline - x->now_ms));
}

enum code execute_train_request(struct execution *x, struct call *call)
{
    const struct body_train_request *body = call->body;
    enum code code = judge_request(x, call);
    if (code == CODE_OK) {
        code = judge_escrow(body);
    }
    if (code != CODE_OK) {
        return code;
    }
    const struct hash id =
        id_job(&x->chain_id, &call->tx->sender, bytes_of(body->request_id, body->request_id_size));
    struct job existing;
    if (job_find(x, &id, &existing)) {
        return CODE_E_DUPLICATE;
    }
    const uint64_t most = x->params.queue_max;
    const struct bytes owner = owner_account(&call->tx->sender);
    if (collection_count(x->buffer, COLLECTION_QUEUE, owner_none()) >= most ||
        collection_count(x->buffer, COLLECTION_WAITING, owner) >= account_share(most)) {
        return CODE_E_LIMIT;
    }
    if (!money_take(x, &call->tx->sender, body->escrow)) {
        return CODE_E_FUNDS;
    }
    store_request(x, call, &id);
    planner_wake(x);
    ledger_event(x, EVENT_REQUEST_QUEUED, &id, body->escrow, 0);
    return CODE_OK;
}
