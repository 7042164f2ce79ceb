#include "state/training/training.h"

bool bitmap_get(const uint8_t *bitmap, uint32_t rank)
{
    return (bitmap[rank / 8] >> (rank % 8) & 1) != 0;
}

void bitmap_set(uint8_t *bitmap, uint32_t rank)
{
    bitmap[rank / 8] = (uint8_t)(bitmap[rank / 8] | 1U << (rank % 8));
}

uint32_t bitmap_count(const uint8_t *bitmap, uint32_t size)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < 8 * size; i++) {
        count += bitmap_get(bitmap, i) ? 1 : 0;
    }
    return count;
}

uint32_t bitmap_size(uint32_t member_count)
{
    return (member_count + 7) / 8;
}

void round_load(const struct execution *x, const struct job *job, uint32_t index, struct round *out)
{
    const struct key key = key_round(&job->id, index);
    buffer_load(x->buffer, &key, &record_round, out);
}

void round_store(struct execution *x, const struct job *job, uint32_t index,
                 const struct round *round)
{
    const struct key key = key_round(&job->id, index);
    buffer_write(x->buffer, &key, &record_round, round);
}

bool segment_find(const struct execution *x, const struct job *job, uint32_t index, uint32_t rank,
                  struct segment *out)
{
    const struct key key = key_segment(&job->id, index, rank);
    return buffer_read(x->buffer, &key, &record_segment, out);
}

void segment_store(struct execution *x, const struct job *job, uint32_t index, uint32_t rank,
                   const struct segment *segment)
{
    const struct key key = key_segment(&job->id, index, rank);
    buffer_write(x->buffer, &key, &record_segment, segment);
}

static uint32_t current(const struct job *job)
{
    ASSERT(job->process.rounds_opened > 0);
    return job->process.rounds_opened - 1;
}

void round_open(struct execution *x, struct job *job)
{
    const uint32_t index = job->process.rounds_opened++;
    const uint32_t size = bitmap_size(job->process.member_count);
    const struct round round = {
        .version = RECORD_VERSION,
        .phase = ROUND_WAIT_FINAL,
        .opened_height = x->block->height,
        .committed_size = size,
        .revealed_size = size,
        .accepted_size = size,
        .theta_in = job->process.theta_root,
        .mom_in = job->process.mom_root,
    };
    round_store(x, job, index, &round);
    wheel_clear(x->buffer, WHEEL_JOB, &job->id);
    collection_append(x->buffer, COLLECTION_DRAWS, owner_none(), &job->id);
}

/* The beacon is known: everybody can derive the batch keys and begin. */
static void begin_commit(struct execution *x, struct job *job, struct round *round)
{
    const uint64_t least = x->params.commit_window_ms;
    const uint64_t commit = job->terms.commit_ms > least ? job->terms.commit_ms : least;
    round->phase = ROUND_COMMIT;
    round->beacon = x->block->beacon;
    round->drawn_height = x->block->height;
    round->opened_ms = x->now_ms;
    round->commit_deadline_ms = clock_deadline(x, job->terms.round_ms + commit);
    wheel_set(x->buffer, WHEEL_JOB, &job->id, round->commit_deadline_ms);
    collection_remove(x->buffer, COLLECTION_DRAWS, owner_none(), &job->id);
    ledger_event(x, EVENT_ROUND_OPENED, &job->id, current(job), round->commit_deadline_ms);
}

/* 13.4: the first block that carries an F for a block >= opened_height, plus one. */
static void draw(struct execution *x, const struct hash *id)
{
    struct job job;
    struct round round;
    job_load(x, id, &job);
    round_load(x, &job, current(&job), &round);
    if (round.phase == ROUND_WAIT_FINAL) {
        if (x->block->final_height < round.opened_height) {
            return;
        }
        round.phase = ROUND_WAIT_BEACON;
        round.drawn_height = x->block->height + 1;
    } else {
        ASSERT(round.phase == ROUND_WAIT_BEACON && x->block->height >= round.drawn_height);
        begin_commit(x, &job, &round);
    }
    round_store(x, &job, current(&job), &round);
}

void rounds_draw(struct execution *x)
{
    /* From the last: one that leaves is replaced by one already seen. */
    for (uint32_t i = collection_count(x->buffer, COLLECTION_DRAWS, owner_none()); i > 0; i--) {
        if (!buffer_has_room(x->buffer, 0) || !events_have_room(x->log)) {
            return; /* the rest in the next block, with that block's beacon */
        }
        const struct hash id = collection_get(x->buffer, COLLECTION_DRAWS, owner_none(), i - 1);
        draw(x, &id);
    }
}

/* Every lease ends, the escrow's rest returns. */
static void finish(struct execution *x, struct job *job)
{
    const uint32_t certified = job->process.rounds_certified;
    enum request_result result = RESULT_FAILED_WORKERS;
    if (certified == job->terms.rounds) {
        result = RESULT_SUCCESS;
    } else if (job->request.state == REQUEST_CANCELLING) {
        result = RESULT_CANCELLED;
    } else if (certified > 0) {
        result = RESULT_PARTIAL;
    }
    for (uint32_t rank = 0; rank < job->process.member_count; rank++) {
        struct member member;
        member_load(x, job, rank, &member);
        lease_end(x, &member.lease_id, LEASE_SETTLED, CODE_OK);
    }
    job_finish(x, job, result, (enum code)job->process.reason);
}

void rounds_finish_if_done(struct execution *x, struct job *job)
{
    if (job->process.state == PROCESS_DRAINING &&
        job->process.rounds_certified == job->process.rounds_closed) {
        finish(x, job);
    }
}

/* No new rounds; what is closed still waits for its window. */
static void drain(struct execution *x, struct job *job, enum code reason)
{
    job->process.state = PROCESS_DRAINING;
    job->process.reason = (uint32_t)reason;
    wheel_clear(x->buffer, WHEEL_JOB, &job->id);
    ledger_event(x, EVENT_JOB_DRAINING, &job->id, job->process.rounds_closed, (uint64_t)reason);
    rounds_finish_if_done(x, job);
}

static void fail(struct execution *x, struct job *job, struct round *round, enum code reason)
{
    round->phase = ROUND_FAILED;
    round->closed_ms = x->now_ms;
    round_store(x, job, current(job), round);
    ledger_event(x, EVENT_ROUND_FAILED, &job->id, current(job), (uint64_t)reason);
    drain(x, job, reason);
}

void round_begin_reveal(struct execution *x, struct job *job, struct round *round)
{
    const uint32_t committed = bitmap_count(round->committed, round->committed_size);
    if (committed < job->terms.workers_min) {
        fail(x, job, round, CODE_W_TOO_FEW);
        return;
    }
    round->phase = ROUND_REVEAL;
    round->reveal_deadline_ms = clock_deadline(x, x->params.reveal_window_ms);
    wheel_set(x->buffer, WHEEL_JOB, &job->id, round->reveal_deadline_ms);
    round_store(x, job, current(job), round);
    ledger_event(x, EVENT_REVEALS_OPENED, &job->id, current(job), committed);
}

void round_begin_result(struct execution *x, struct job *job, struct round *round)
{
    uint32_t revealed = 0;
    round->weight = 0;
    for (uint32_t rank = 0; rank < job->process.member_count; rank++) {
        struct member member;
        if (bitmap_get(round->revealed, rank)) {
            member_load(x, job, rank, &member);
            round->weight += member.weight;
            revealed++;
        }
    }
    if (revealed < job->terms.workers_min) {
        fail(x, job, round, CODE_W_TOO_FEW);
        return;
    }
    round->phase = ROUND_RESULT;
    round->result_deadline_ms = clock_deadline(x, x->params.result_window_ms);
    wheel_set(x->buffer, WHEEL_JOB, &job->id, round->result_deadline_ms);
    round_store(x, job, current(job), round);
    ledger_event(x, EVENT_REVEALS_CLOSED, &job->id, current(job), revealed);
}

/* Who is in the result goes on from its own new state; the others from where they were. */
static void settle_member(struct execution *x, const struct job *job, const struct round *round,
                          uint32_t rank)
{
    struct member member;
    struct lease lease;
    struct segment segment;
    const uint32_t index = current(job);
    const bool accepted = bitmap_get(round->accepted, rank);
    member_load(x, job, rank, &member);
    lease_load(x, &member.lease_id, &lease);
    if (segment_find(x, job, index, rank, &segment) && segment.state == SEGMENT_REVEALED) {
        segment.state = accepted ? SEGMENT_ACCEPTED : SEGMENT_LEFT_OUT;
        segment_store(x, job, index, rank, &segment);
    }
    if (accepted) {
        lease.inner_root = segment.inner_root;
        lease.counters_root = segment.counters_root;
    } else {
        lease.segments_missed++;
    }
    lease_store(x, &member.lease_id, &lease);
}

void round_close(struct execution *x, struct job *job, struct round *round)
{
    struct process *process = &job->process;
    const uint32_t index = current(job);
    for (uint32_t rank = 0; rank < process->member_count; rank++) {
        settle_member(x, job, round, rank);
    }
    round->phase = ROUND_CLOSED;
    round->closed_ms = x->now_ms;
    round->certify_ms = clock_deadline(x, job_window_ms(x, &job->terms));
    round_store(x, job, index, round);
    process->theta_root = round->theta_out;
    process->mom_root = round->mom_out;
    if (process->rounds_closed == process->rounds_certified) {
        wheel_set(x->buffer, WHEEL_CERTIFY, &job->id, round->certify_ms);
    }
    process->rounds_closed++;
    ledger_event(x, EVENT_ROUND_CLOSED, &job->id, index,
                 bitmap_count(round->accepted, round->accepted_size));
    if (process->rounds_closed == job->terms.rounds) {
        drain(x, job, CODE_OK);
    } else if (job->request.state == REQUEST_CANCELLING) {
        drain(x, job, CODE_W_CANCELLED);
    } else {
        round_open(x, job);
    }
}

void rounds_deadline(struct execution *x, struct job *job)
{
    struct round round;
    round_load(x, job, current(job), &round);
    switch ((enum round_phase)round.phase) {
    case ROUND_COMMIT:
        round_begin_reveal(x, job, &round);
        break;
    case ROUND_REVEAL:
        round_begin_result(x, job, &round);
        break;
    case ROUND_RESULT:
        fail(x, job, &round, CODE_W_NO_RESULT);
        break;
    case ROUND_WAIT_FINAL:
    case ROUND_WAIT_BEACON:
    case ROUND_CLOSED:
    case ROUND_CERTIFIED:
    case ROUND_FAILED:
        UNREACHABLE(); /* these have no deadline */
    }
    job_store(x, job);
}
