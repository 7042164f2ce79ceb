#include "state/market/market.h"
#include "state/training/training.h"

/* Who speaks about which lease, and in which phase it must be. */
struct lease_claim {
    const struct hash *lease_id;
    const struct hash *plan_hash;
    enum process_state phase;
    enum lease_state state;
};

/* A lease that may still be agreed to: it is the sender's, its plan is the current one, in
 * this phase and within its window, and it is itself in this state. */
static enum code judge_lease(const struct execution *x, const struct call *call,
                             const struct lease_claim *claim, struct lease *lease, struct job *job)
{
    const struct key key = key_object(KEY_LEASE, claim->lease_id);
    if (!buffer_read(x->buffer, &key, &record_lease, lease)) {
        return CODE_E_NOT_FOUND;
    }
    const bool ready = claim->phase == PROCESS_AGREED; /* the worker's word, else the provider's */
    if (!address_equal(ready ? &lease->worker : &lease->provider, &call->tx->sender)) {
        return CODE_E_OWNER;
    }
    job_load(x, &lease->job, job);
    if (job->process.state != (uint8_t)claim->phase ||
        job->process.plan_version != lease->plan_version) {
        return CODE_E_STATE;
    }
    if (x->now_ms > job->process.deadline_ms) {
        return CODE_E_DEADLINE;
    }
    if (lease->state != (uint8_t)claim->state) {
        return CODE_E_STATE;
    }
    return hash_equal(claim->plan_hash, &job->process.plan_hash) ? CODE_OK : CODE_E_PLAN_HASH;
}

static bool bytes_are_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any = (uint8_t)(any | bytes[i]);
    }
    return any == 0;
}

static struct hash peer_set_of(const struct execution *x, const struct job *job)
{
    uint8_t keys[PLAN_MEMBER_MAX][TUNNEL_KEY_SIZE];
    for (uint32_t rank = 0; rank < job->process.member_count; rank++) {
        struct member member;
        struct lease lease;
        member_load(x, job, rank, &member);
        lease_load(x, &member.lease_id, &lease);
        memcpy(keys[rank], lease.tunnel_key, TUNNEL_KEY_SIZE);
    }
    const struct peer_set peers = {.tunnel_keys = (const uint8_t(*)[TUNNEL_KEY_SIZE])keys,
                                   .count = job->process.member_count};
    return id_peer_set(&peers);
}

enum code execute_lease_accept(struct execution *x, struct call *call)
{
    const struct body_lease_accept *body = call->body;
    struct lease lease;
    struct job job;
    const struct lease_claim claim = {&body->lease_id, &body->plan_hash, PROCESS_PROPOSED,
                                      LEASE_PROPOSED};
    const enum code code = judge_lease(x, call, &claim, &lease, &job);
    if (code != CODE_OK) {
        return code;
    }
    if (bytes_are_zero(body->tunnel_key, TUNNEL_KEY_SIZE) || body->endpoint_size == 0 ||
        body->offer_seq != 0) {
        return CODE_E_RANGE;
    }
    if (!money_lock(x, &lease.provider, lease.bond)) {
        return CODE_E_FUNDS;
    }
    lease.state = LEASE_ACCEPTED;
    memcpy(lease.tunnel_key, body->tunnel_key, TUNNEL_KEY_SIZE);
    lease.endpoint_size = body->endpoint_size;
    memcpy(lease.endpoint, body->endpoint, body->endpoint_size);
    lease_store(x, &body->lease_id, &lease);
    ledger_event(x, EVENT_LEASE_ACCEPTED, &body->lease_id, lease.rank, lease.bond);
    job.process.accepted++;
    if (job.process.accepted == job.process.member_count) {
        job.process.state = PROCESS_AGREED;
        job.process.peer_set = peer_set_of(x, &job);
        job.process.deadline_ms = clock_deadline(x, x->params.ready_window_ms);
        wheel_set(x->buffer, WHEEL_JOB, &job.id, job.process.deadline_ms);
        ledger_event(x, EVENT_PLAN_AGREED, &job.id, job.process.plan_version, 0);
    }
    job_store(x, &job);
    return CODE_OK;
}

enum code execute_lease_reject(struct execution *x, struct call *call)
{
    const struct body_lease_reject *body = call->body;
    struct lease lease;
    struct job job;
    const struct lease_claim claim = {&body->lease_id, &body->plan_hash, PROCESS_PROPOSED,
                                      LEASE_PROPOSED};
    const enum code code = judge_lease(x, call, &claim, &lease, &job);
    if (code != CODE_OK) {
        return code;
    }
    ledger_event(x, EVENT_LEASE_REJECTED, &body->lease_id, lease.rank, body->reason);
    lease.state = LEASE_REJECTED;
    lease_store(x, &body->lease_id, &lease);
    /* With a full list this refusal makes room by forgetting the first: attempts end that. */
    const struct plan_failure failure = {.code = CODE_W_REJECTED,
                                         .culprits = LEASE_REJECTED,
                                         .culprit_end = LEASE_REJECTED,
                                         .counts =
                                             job.request.excluded_count == OFFER_EXCLUDED_MAX};
    plan_fail(x, &job, &failure);
    return CODE_OK;
}

static void start_job(struct execution *x, struct job *job)
{
    for (uint32_t rank = 0; rank < job->process.member_count; rank++) {
        struct member member;
        struct lease lease;
        member_load(x, job, rank, &member);
        lease_load(x, &member.lease_id, &lease);
        lease.state = LEASE_ACTIVE;
        lease_store(x, &member.lease_id, &lease);
    }
    wheel_clear(x->buffer, WHEEL_JOB, &job->id);
    wheel_clear(x->buffer, WHEEL_REQUEST, &job->id);
    job->process.state = PROCESS_RUNNING;
    job->process.started_ms = x->now_ms;
    job->process.deadline_ms = 0;
    job->request.state = REQUEST_IN_PROGRESS;
    count_lower(x->buffer, COLLECTION_WAITING, owner_account(&job->request.consumer));
    job->request.reason = CODE_OK;
    job->request.started_ms = x->now_ms;
    ledger_event(x, EVENT_JOB_STARTED, &job->id, job->process.plan_version,
                 job->process.member_count);
    round_open(x, job);
}

enum code execute_lease_ready(struct execution *x, struct call *call)
{
    const struct body_lease_ready *body = call->body;
    struct lease lease;
    struct job job;
    const struct lease_claim claim = {&body->lease_id, &body->plan_hash, PROCESS_AGREED,
                                      LEASE_ACCEPTED};
    const enum code code = judge_lease(x, call, &claim, &lease, &job);
    if (code != CODE_OK) {
        return code;
    }
    if (!hash_equal(&body->peer_set, &job.process.peer_set)) {
        return CODE_E_PEER_SET;
    }
    if (!hash_is_zero(&body->handshake_digest) || !hash_is_zero(&body->data_ready_root) ||
        !hash_is_zero(&body->image_hash)) {
        return CODE_E_RANGE;
    }
    lease.state = LEASE_READY;
    lease_store(x, &body->lease_id, &lease);
    ledger_event(x, EVENT_LEASE_READY, &body->lease_id, lease.rank, 0);
    job.process.ready++;
    if (job.process.ready == job.process.member_count) {
        start_job(x, &job);
    }
    job_store(x, &job);
    return CODE_OK;
}
