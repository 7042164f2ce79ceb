#include "crypto/crypto.h"
#include "state/training/training.h"
#include "vm/vm.h"

/* What members send in a round: GRADIENT_COMMITMENT, PROOF_OF_TRAINING, ROUND_RESULT. */

enum { ROUND_VOTES_MAX = 4 /* a member may correct its vote when a late delta arrives */ };

/* The sender's place in the open round. */
struct seat {
    struct job job;
    uint32_t index; /* of the round */
    struct round round;
    uint32_t rank;
    struct member member;
};

/* In this phase, before its deadline. */
static enum code judge_phase(const struct execution *x, const struct seat *seat,
                             enum round_phase phase)
{
    const struct round *round = &seat->round;
    if (round->phase < (uint8_t)phase) {
        return CODE_E_EARLY;
    }
    if (round->phase != (uint8_t)phase) {
        return CODE_E_ROUND;
    }
    uint64_t deadline = round->commit_deadline_ms;
    if (phase == ROUND_REVEAL) {
        deadline = round->reveal_deadline_ms;
    } else if (phase == ROUND_RESULT) {
        deadline = round->result_deadline_ms;
    }
    return x->now_ms > deadline ? CODE_E_DEADLINE : CODE_OK;
}

static enum code take_seat(const struct execution *x, const struct call *call,
                           const struct hash *job, uint32_t index, struct seat *seat)
{
    uint64_t rank = 0;
    const struct hash worker = id_of_address(&call->tx->sender);
    if (!job_find(x, job, &seat->job)) {
        return CODE_E_NOT_FOUND;
    }
    const struct key position = key_position(COLLECTION_JOB_WORKERS, owner_id(job), &worker);
    if (!position_get(x->buffer, &position, &rank)) {
        return CODE_E_MEMBER;
    }
    if (seat->job.process.state != PROCESS_RUNNING) {
        return CODE_E_STATE;
    }
    if (index != seat->job.process.rounds_opened - 1) {
        return index < seat->job.process.rounds_opened ? CODE_E_ROUND : CODE_E_EARLY;
    }
    seat->index = index;
    seat->rank = (uint32_t)rank;
    round_load(x, &seat->job, index, &seat->round);
    member_load(x, &seat->job, seat->rank, &seat->member);
    return CODE_OK;
}

enum code execute_gradient_commitment(struct execution *x, struct call *call)
{
    const struct body_gradient_commitment *body = call->body;
    struct seat seat;
    enum code code = take_seat(x, call, &body->job, body->round, &seat);
    if (code == CODE_OK) {
        code = judge_phase(x, &seat, ROUND_COMMIT);
    }
    if (code != CODE_OK) {
        return code;
    }
    if (!hash_equal(&body->lease_id, &seat.member.lease_id)) {
        return CODE_E_MEMBER;
    }
    if (bitmap_get(seat.round.committed, seat.rank)) {
        return CODE_E_DUPLICATE;
    }
    if (hash_is_zero(&body->commitment)) {
        return CODE_E_RANGE;
    }
    const struct segment segment = {
        .version = RECORD_VERSION,
        .state = SEGMENT_COMMITTED,
        .commitment = body->commitment,
    };
    segment_store(x, &seat.job, seat.index, seat.rank, &segment);
    bitmap_set(seat.round.committed, seat.rank);
    ledger_event(x, EVENT_COMMITTED, &seat.member.lease_id, seat.index, seat.rank);
    if (bitmap_count(seat.round.committed, seat.round.committed_size) ==
        seat.job.process.member_count) {
        round_begin_reveal(x, &seat.job, &seat.round);
        job_store(x, &seat.job);
    } else {
        round_store(x, &seat.job, seat.index, &seat.round);
    }
    return CODE_OK;
}

static enum code judge_opening(const struct seat *seat, const struct body_proof_of_training *body,
                               const struct segment *segment, struct hash *trace_root)
{
    vm_trace_root(body->roots, body->roots_count, crypto_hash_port(), trace_root);
    const struct commitment opened = {
        .worker_key = seat->member.worker_key,
        .job = body->job,
        .round = body->round,
        .trace_root = *trace_root,
        .delta_root = body->delta_root,
        .inner_root = body->inner_root,
        .salt = body->salt,
    };
    const struct hash commitment = id_commitment(&opened);
    return hash_equal(&commitment, &segment->commitment) ? CODE_OK : CODE_E_OPENING;
}

/* 14.10: leaf 0 follows from what the chain knows, the last leaf from what is revealed. */
static enum code judge_roots(const struct execution *x, const struct seat *seat,
                             const struct body_proof_of_training *body)
{
    struct lease lease;
    struct hash root;
    lease_load(x, &seat->member.lease_id, &lease);
    const uint64_t first = (uint64_t)seat->index * seat->job.terms.local_steps;
    const struct vm_state_roots start = {
        .params = seat->round.theta_in,
        .inner = lease.inner_root,
        .counters = lease.counters_root,
    };
    vm_state_root(first, &start, crypto_hash_port(), &root);
    if (!hash_equal(&root, &body->roots[0])) {
        return CODE_E_ROOT;
    }
    const struct vm_state_roots end = {
        .params = body->params_root,
        .inner = body->inner_root,
        .counters = body->counters_root,
    };
    vm_state_root(first + seat->member.steps, &end, crypto_hash_port(), &root);
    return hash_equal(&root, &body->roots[body->roots_count - 1]) ? CODE_OK : CODE_E_ROOT;
}

/* One root at every H / S steps. */
static bool counts_fit(const struct seat *seat, const struct body_proof_of_training *body)
{
    const uint32_t stride = seat->job.terms.local_steps / seat->job.terms.checkpoints;
    return body->steps == seat->member.steps &&
           body->roots_count == seat->member.steps / stride + 1 && body->trap == 0 &&
           body->receipts_count == 0 && body->delta_size > 0;
}

static void store_reveal(struct execution *x, const struct seat *seat,
                         const struct body_proof_of_training *body, struct segment *segment)
{
    segment->state = SEGMENT_REVEALED;
    segment->start_root = body->roots[0];
    segment->end_root = body->roots[body->roots_count - 1];
    segment->params_root = body->params_root;
    segment->inner_root = body->inner_root;
    segment->counters_root = body->counters_root;
    segment->delta_root = body->delta_root;
    segment->delta_size = body->delta_size;
    segment->steps = body->steps;
    segment->loss_first = body->loss_first;
    segment->loss_last = body->loss_last;
    segment_store(x, &seat->job, seat->index, seat->rank, segment);
}

enum code execute_proof_of_training(struct execution *x, struct call *call)
{
    const struct body_proof_of_training *body = call->body;
    struct seat seat;
    struct segment segment;
    enum code code = take_seat(x, call, &body->job, body->round, &seat);
    if (code == CODE_OK) {
        code = judge_phase(x, &seat, ROUND_REVEAL);
    }
    if (code != CODE_OK) {
        return code;
    }
    if (!hash_equal(&body->lease_id, &seat.member.lease_id) ||
        !bitmap_get(seat.round.committed, seat.rank)) {
        return CODE_E_MEMBER;
    }
    if (bitmap_get(seat.round.revealed, seat.rank)) {
        return CODE_E_DUPLICATE;
    }
    if (!counts_fit(&seat, body)) {
        return CODE_E_RANGE;
    }
    const bool committed = segment_find(x, &seat.job, seat.index, seat.rank, &segment);
    ASSERT(committed);
    code = judge_opening(&seat, body, &segment, &segment.trace_root);
    if (code == CODE_OK) {
        code = judge_roots(x, &seat, body);
    }
    if (code != CODE_OK) {
        return code;
    }
    store_reveal(x, &seat, body, &segment);
    bitmap_set(seat.round.revealed, seat.rank);
    ledger_event(x, EVENT_REVEALED, &seat.member.lease_id, seat.index, seat.rank);
    if (bytes_equal(bytes_of(seat.round.revealed, seat.round.revealed_size),
                    bytes_of(seat.round.committed, seat.round.committed_size))) {
        round_begin_result(x, &seat.job, &seat.round);
        job_store(x, &seat.job);
    } else {
        round_store(x, &seat.job, seat.index, &seat.round);
    }
    return CODE_OK;
}

/* A subset of A_r of at least workers_min, in exactly the bytes it needs. */
static bool bitmap_fits(const struct seat *seat, const struct body_round_result *body)
{
    if (body->bitmap_size != seat->round.revealed_size) {
        return false;
    }
    uint8_t outside = 0;
    for (uint32_t i = 0; i < body->bitmap_size; i++) {
        outside = (uint8_t)(outside | (body->bitmap[i] & ~seat->round.revealed[i]));
    }
    return outside == 0 &&
           bitmap_count(body->bitmap, body->bitmap_size) >= seat->job.terms.workers_min;
}

static bool votes_for(const struct segment *segment, const struct body_round_result *body)
{
    return segment->votes > 0 &&
           bytes_equal(bytes_of(segment->vote_bitmap, segment->vote_bitmap_size),
                       bytes_of(body->bitmap, body->bitmap_size)) &&
           hash_equal(&segment->vote_theta, &body->theta_root) &&
           hash_equal(&segment->vote_mom, &body->mom_root);
}

static uint64_t weight_for(const struct execution *x, const struct seat *seat,
                           const struct body_round_result *body)
{
    uint64_t weight = 0;
    for (uint32_t rank = 0; rank < seat->job.process.member_count; rank++) {
        struct segment segment;
        struct member member;
        if (segment_find(x, &seat->job, seat->index, rank, &segment) && votes_for(&segment, body)) {
            member_load(x, &seat->job, rank, &member);
            weight += member.weight;
        }
    }
    return weight;
}

/* 14.9: more than half of the weight of A_r for one value closes the round. */
static void tally(struct execution *x, struct seat *seat, const struct body_round_result *body)
{
    const uint64_t weight = weight_for(x, seat, body);
    if (2 * weight <= seat->round.weight) {
        return;
    }
    seat->round.accepted_weight = weight;
    memcpy(seat->round.accepted, body->bitmap, body->bitmap_size);
    seat->round.theta_out = body->theta_root;
    seat->round.mom_out = body->mom_root;
    round_close(x, &seat->job, &seat->round);
    job_store(x, &seat->job);
}

enum code execute_round_result(struct execution *x, struct call *call)
{
    const struct body_round_result *body = call->body;
    struct seat seat;
    struct segment segment;
    enum code code = take_seat(x, call, &body->job, body->round, &seat);
    if (code == CODE_OK) {
        code = judge_phase(x, &seat, ROUND_RESULT);
    }
    if (code != CODE_OK) {
        return code;
    }
    if (!bitmap_get(seat.round.revealed, seat.rank)) {
        return CODE_E_MEMBER;
    }
    if (!bitmap_fits(&seat, body) || hash_is_zero(&body->theta_root)) {
        return CODE_E_RANGE;
    }
    const bool revealed = segment_find(x, &seat.job, seat.index, seat.rank, &segment);
    ASSERT(revealed);
    if (votes_for(&segment, body)) {
        return CODE_E_DUPLICATE;
    }
    if (segment.votes >= ROUND_VOTES_MAX) {
        return CODE_E_LIMIT;
    }
    segment.votes++;
    segment.vote_bitmap_size = body->bitmap_size;
    memset(segment.vote_bitmap, 0, sizeof(segment.vote_bitmap));
    memcpy(segment.vote_bitmap, body->bitmap, body->bitmap_size);
    segment.vote_theta = body->theta_root;
    segment.vote_mom = body->mom_root;
    segment_store(x, &seat.job, seat.index, seat.rank, &segment);
    ledger_event(x, EVENT_VOTED, &seat.member.lease_id, seat.index, seat.rank);
    tally(x, &seat, body);
    return CODE_OK;
}
