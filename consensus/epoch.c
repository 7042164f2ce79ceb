#include "consensus/epoch.h"

/* Epochs (E1-E5): the boundary block, its proposal in later views, the end of the epoch, and
 * what is said to those who are in another one.  One core is about one epoch: no vote, timer or
 * certificate of it reaches the next, so none can be counted by the wrong set. */

/* E1.  A function of the proposal alone, the same for everybody; whether a boundary is due
 * is judged by certify. */
bool epoch_is_boundary(const struct consensus *core, const struct proposal *proposal)
{
    return !hash_equal(&proposal->light.next_set_hash, &core->config.set_hash);
}

/* Only a boundary block is ever proposed again. */
bool epoch_is_flag_wrong(const struct consensus *core, const struct proposal *proposal)
{
    return (proposal->rest.flags & PROPOSAL_REPROPOSED) != 0 && !epoch_is_boundary(core, proposal);
}

/* E3: on a boundary block stands the same block, and on no other one does it. */
bool epoch_is_again(const struct consensus_block *block, const struct consensus_block *parent)
{
    return parent->boundary && block->boundary && block->reproposed &&
           block->height == parent->height && hash_equal(&block->block_id, &parent->block_id);
}

enum consensus_verdict epoch_check(const struct consensus *core, uint64_t epoch)
{
    if (epoch == core->config.epoch) {
        return CONSENSUS_ACCEPTED;
    }
    return epoch < core->config.epoch ? CONSENSUS_PAST_EPOCH : CONSENSUS_NEXT_EPOCH;
}

static uint64_t event_epoch(const struct consensus_event *event)
{
    switch (event->kind) {
    case CONSENSUS_ON_PROPOSAL:
        return event->proposal.proposal->light.epoch;
    case CONSENSUS_ON_VOTE:
        return event->vote.epoch;
    case CONSENSUS_ON_CERTIFICATE:
        return event->certificate->epoch;
    case CONSENSUS_ON_STATUS:
        return event->status.epoch;
    case CONSENSUS_ON_HAVE:
        return event->have.epoch;
    case CONSENSUS_ON_GET_CERTIFICATES:
        return event->range.epoch;
    case CONSENSUS_ON_START:
    case CONSENSUS_ON_TIMEOUT:
    case CONSENSUS_ON_WORK:
    case CONSENSUS_ON_PEER_UP:
    case CONSENSUS_ON_ANNOUNCED:
    case CONSENSUS_ON_SIGNED:
    case CONSENSUS_ON_SIGN_REFUSED:
    case CONSENSUS_ON_BUILT:
    case CONSENSUS_ON_BUILD_FAILED:
    case CONSENSUS_ON_CERTIFIED:
    case CONSENSUS_ON_ADVANCED:
        break;
    }
    return 0;
}

/* An F is what such an answer consists of: two who have both moved on would never stop. */
static bool is_answer(const struct consensus_event *event)
{
    return event->kind == CONSENSUS_ON_CERTIFICATE && event->certificate->kind == VOTE_FINALIZE;
}

/* E5: who is behind gets the F that ended his epoch, and has all he needs to go on.  Who is
 * ahead is told where we are, and does the same. */
void epoch_answer(struct consensus *core, const struct consensus_event *event,
                  enum consensus_verdict verdict, struct consensus_actions *out)
{
    if (verdict == CONSENSUS_NEXT_EPOCH) {
        answer_hint(core, event->from, out);
    }
    if (verdict == CONSENSUS_PAST_EPOCH && core->started && !is_answer(event) &&
        answer_is_due(core, event->from)) {
        emit(out, &(struct consensus_action){.kind = CONSENSUS_DO_SERVE_EPOCH,
                                             .to = event->from,
                                             .epoch = event_epoch(event)});
    }
}

/* E4: the boundary is final and handed over.  Nothing is promised, sent or awaited in this
 * epoch any more. */
bool epoch_end(struct consensus *core, struct consensus_actions *out)
{
    if (!core->delivered.boundary) {
        return false;
    }
    core->is_over = true;
    core->awake = false;
    emit_block(out, CONSENSUS_DO_END_EPOCH, &core->delivered);
    core->timer_ms = NEVER;
    emit(out, &(struct consensus_action){
                  .kind = CONSENSUS_DO_SET_TIMER, .to = CONSENSUS_ALL, .timer_at_ms = NEVER});
    return true;
}
