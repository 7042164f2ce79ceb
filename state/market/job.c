#include "base/checked.h"
#include "state/market/market.h"
#include "state/training/training.h"

bool job_find(const struct execution *x, const struct hash *id, struct job *out)
{
    const struct key request = key_object(KEY_REQUEST, id);
    if (!buffer_read(x->buffer, &request, &record_request, &out->request)) {
        return false;
    }
    const struct key terms = key_object(KEY_TERMS, id);
    const struct key process = key_object(KEY_PROCESS, id);
    buffer_load(x->buffer, &terms, &record_job_terms, &out->terms);
    buffer_load(x->buffer, &process, &record_process, &out->process);
    out->id = *id;
    return true;
}

void job_load(const struct execution *x, const struct hash *id, struct job *out)
{
    const bool present = job_find(x, id, out);
    ASSERT(present);
}

void job_store(struct execution *x, const struct job *job)
{
    const struct key request = key_object(KEY_REQUEST, &job->id);
    const struct key process = key_object(KEY_PROCESS, &job->id);
    buffer_write(x->buffer, &request, &record_request, &job->request);
    buffer_write(x->buffer, &process, &record_process, &job->process);
}

void member_load(const struct execution *x, const struct job *job, uint32_t rank,
                 struct member *out)
{
    const struct key key = key_member(&job->id, job->process.plan_version, rank);
    buffer_load(x->buffer, &key, &record_member, out);
}

void lease_load(const struct execution *x, const struct hash *id, struct lease *out)
{
    const struct key key = key_object(KEY_LEASE, id);
    buffer_load(x->buffer, &key, &record_lease, out);
}

void lease_store(struct execution *x, const struct hash *id, const struct lease *lease)
{
    const struct key key = key_object(KEY_LEASE, id);
    buffer_write(x->buffer, &key, &record_lease, lease);
}

static void offer_release(struct execution *x, const struct hash *id, bool close)
{
    struct offer offer;
    const struct key key = key_object(KEY_OFFER, id);
    buffer_load(x->buffer, &key, &record_offer, &offer);
    if (close || offer.state == OFFER_CLOSING) {
        offer_close(x, id, &offer);
        return;
    }
    offer.state = OFFER_OPEN;
    offer.lease_id = (struct hash){{0}};
    buffer_write(x->buffer, &key, &record_offer, &offer);
    collection_append(x->buffer, COLLECTION_OPEN_OFFERS, owner_none(), id);
}

void lease_end(struct execution *x, const struct hash *id, uint8_t state, enum code reason)
{
    struct lease lease;
    lease_load(x, id, &lease);
    const bool bonded =
        lease.state == LEASE_ACCEPTED || lease.state == LEASE_READY || lease.state == LEASE_ACTIVE;
    if (bonded) {
        money_unlock(x, &lease.provider, lease.bond);
        ledger_event(x, EVENT_BOND_RETURNED, id, lease.rank, lease.bond);
    }
    collection_remove(x->buffer, COLLECTION_WORKER_LEASES, owner_account(&lease.worker), id);
    collection_remove(x->buffer, COLLECTION_PROVIDER_LIVE, owner_account(&lease.provider), id);
    const struct hash worker = id_of_address(&lease.worker);
    const struct key position = key_position(COLLECTION_JOB_WORKERS, owner_id(&lease.job), &worker);
    buffer_remove(x->buffer, &position);
    offer_release(x, &lease.offer_id, state == LEASE_EXPIRED);
    lease.state = state;
    lease.reason = (uint32_t)reason;
    lease.ended_ms = x->now_ms;
    lease_store(x, id, &lease);
}

static void refund(struct execution *x, struct job *job)
{
    money_pay(x, &job->request.consumer, job->request.escrow);
    job->request.escrow = 0;
}

void job_finish(struct execution *x, struct job *job, enum request_result result, enum code reason)
{
    const uint64_t refunded = job->request.escrow;
    const bool cancelled = result == RESULT_CANCELLED;
    refund(x, job);
    if (collection_has(x->buffer, COLLECTION_QUEUE, owner_none(), &job->id)) {
        collection_remove(x->buffer, COLLECTION_QUEUE, owner_none(), &job->id);
    }
    wheel_clear(x->buffer, WHEEL_REQUEST, &job->id);
    wheel_clear(x->buffer, WHEEL_JOB, &job->id);
    if (job->request.state == REQUEST_NOT_STARTED) {
        count_lower(x->buffer, COLLECTION_WAITING, owner_account(&job->request.consumer));
    }
    job->request.state = cancelled ? REQUEST_CANCELLED : REQUEST_FINISHED;
    job->request.result = (uint8_t)result;
    job->request.reason = (uint32_t)reason;
    job->request.ended_ms = x->now_ms;
    job->process.state = PROCESS_DONE;
    job->process.reason = (uint32_t)reason;
    job->process.ended_ms = x->now_ms;
    job_store(x, job);
    planner_wake(x); /* offers and credits came free */
    ledger_event(x, EVENT_JOB_ENDED, &job->id, (uint64_t)result, refunded);
}

void request_deadline(struct execution *x, const struct hash *id)
{
    struct job job;
    job_load(x, id, &job);
    wheel_clear(x->buffer, WHEEL_REQUEST, id);
    if (job.request.state != REQUEST_NOT_STARTED) {
        return;
    }
    if (job.process.state == PROCESS_PROPOSED || job.process.state == PROCESS_AGREED) {
        const struct plan_failure failure = {.code = CODE_W_DEADLINE};
        plan_release(x, &job, &failure);
    }
    job_finish(x, &job, RESULT_FAILED_DEADLINE, CODE_W_DEADLINE);
}

void job_deadline(struct execution *x, const struct hash *id)
{
    struct job job;
    struct plan_failure failure = {.code = CODE_OK};
    job_load(x, id, &job);
    switch ((enum process_state)job.process.state) {
    case PROCESS_PROPOSED:
        failure.code = CODE_W_ACCEPT_TIMEOUT;
        failure.culprits = LEASE_PROPOSED;
        failure.culprit_end = LEASE_EXPIRED;
        plan_fail(x, &job, &failure);
        return;
    case PROCESS_AGREED:
        /* Who serves no data and who does not get ready look the same from here, and a READY
         * may be the consumer's own: no offer closes, and it is an attempt.  Beside one that
         * was ready the others are not asked again by this request. */
        failure.code = CODE_W_READY_TIMEOUT;
        failure.culprits = job.process.ready > 0 ? LEASE_ACCEPTED : 0;
        failure.culprit_end = LEASE_RELEASED;
        failure.counts = true;
        plan_fail(x, &job, &failure);
        return;
    case PROCESS_RUNNING:
        rounds_deadline(x, &job);
        return;
    case PROCESS_NONE:
    case PROCESS_DRAINING:
    case PROCESS_DONE:
        break;
    }
    UNREACHABLE(); /* whoever enters these clears the deadline */
}

enum code execute_train_cancel(struct execution *x, struct call *call)
{
    const struct body_train_cancel *body = call->body;
    struct job job;
    if (body->mode != 0) {
        return CODE_E_RANGE;
    }
    if (!job_find(x, &body->job, &job)) {
        return CODE_E_NOT_FOUND;
    }
    if (!address_equal(&job.request.consumer, &call->tx->sender)) {
        return CODE_E_OWNER;
    }
    if (job.request.state == REQUEST_IN_PROGRESS) {
        job.request.state = REQUEST_CANCELLING; /* the open round is finished and paid */
        job_store(x, &job);
        return CODE_OK;
    }
    if (job.request.state != REQUEST_NOT_STARTED) {
        return CODE_E_STATE;
    }
    if (job.process.state == PROCESS_PROPOSED || job.process.state == PROCESS_AGREED) {
        const struct plan_failure failure = {.code = CODE_W_CANCELLED};
        plan_release(x, &job, &failure);
    }
    job_finish(x, &job, RESULT_CANCELLED, CODE_W_CANCELLED);
    return CODE_OK;
}
