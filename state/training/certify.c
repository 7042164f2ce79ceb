#include "base/checked.h"
#include "state/training/training.h"

/* Pay is per certified segment (14.11): the window has passed and nobody was convicted. */

static void pay_member(struct execution *x, struct job *job, uint32_t index, uint32_t rank)
{
    struct member member;
    struct lease lease;
    struct segment segment;
    member_load(x, job, rank, &member);
    lease_load(x, &member.lease_id, &lease);
    const bool present = segment_find(x, job, index, rank, &segment);
    /* The escrow was made to cover every segment there can be. */
    const bool covered =
        present && checked_sub(job->request.escrow, member.segment_price, &job->request.escrow);
    ASSERT(covered);
    job->request.spent += member.segment_price;
    money_pay(x, &member.provider, member.segment_price);
    segment.state = SEGMENT_PAID;
    segment.paid = member.segment_price;
    segment_store(x, job, index, rank, &segment);
    lease.earned += member.segment_price;
    lease.segments_paid++;
    lease_store(x, &member.lease_id, &lease);
    ledger_event(x, EVENT_PAID, &member.lease_id, index, member.segment_price);
}

void rounds_certify(struct execution *x, const struct hash *id)
{
    struct job job;
    struct round round;
    job_load(x, id, &job);
    struct process *process = &job.process;
    const uint32_t index = process->rounds_certified;
    round_load(x, &job, index, &round);
    ASSERT(round.phase == ROUND_CLOSED);
    for (uint32_t rank = 0; rank < process->member_count; rank++) {
        if (bitmap_get(round.accepted, rank)) {
            pay_member(x, &job, index, rank);
        }
    }
    round.phase = ROUND_CERTIFIED;
    round_store(x, &job, index, &round);
    process->rounds_certified++;
    process->certified_theta_root = round.theta_out;
    process->certified_mom_root = round.mom_out;
    ledger_event(x, EVENT_ROUND_CERTIFIED, id, index,
                 bitmap_count(round.accepted, round.accepted_size));
    if (process->rounds_closed > process->rounds_certified) {
        struct round next;
        round_load(x, &job, process->rounds_certified, &next);
        wheel_set(x->buffer, WHEEL_CERTIFY, id, next.certify_ms);
    } else {
        wheel_clear(x->buffer, WHEEL_CERTIFY, id);
        rounds_finish_if_done(x, &job);
    }
    job_store(x, &job);
}
