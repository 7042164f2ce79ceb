#include "consensus/announced.h"
#include "consensus/epoch.h"
#include "consensus/parts.h"

/* Proposals: received (R4), asked for (R13), and our own (R3). */

static bool is_proposal_malformed(const struct proposal *proposal, const struct hash *hash)
{
    return proposal->light.view == 0 || proposal->rest.parent_view >= proposal->light.view ||
           proposal->light.height == 0 || hash_is_zero(hash) ||
           (proposal->rest.parent_view == 0) != hash_is_zero(&proposal->rest.parent_proposal);
}

/* R4.  A proposal that a certificate or a final descendant names is wanted at any age. */
enum consensus_verdict proposal_check(const struct consensus *core,
                                      const struct consensus_event *event)
{
    const struct proposal *proposal = event->proposal.proposal;
    const struct hash *hash = &event->proposal.hash;
    const uint64_t view = proposal->light.view;
    if (is_proposal_malformed(proposal, hash)) {
        return CONSENSUS_MALFORMED;
    }
    const enum consensus_verdict verdict = epoch_check(core, proposal->light.epoch);
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }
    if (proposal->rest.leader != view_leader(core, view)) {
        return CONSENSUS_STRANGER;
    }
    if (view <= core->delivered.view || view <= core->horizon) {
        return CONSENSUS_STALE;
    }
    const struct record *record = record_peek(core, view);
    if (record != NULL && record->known && hash_equal(&record->block.proposal, hash)) {
        return record->has_block ? CONSENSUS_DUPLICATE : CONSENSUS_ACCEPTED;
    }
    if (view > view_top(core)) {
        return CONSENSUS_EARLY;
    }
    const struct slot *slot = slot_peek(core, view);
    if (view <= core->fin.view || slot == NULL) {
        return CONSENSUS_STALE;
    }
    if (!slot->candidate.present) {
        return CONSENSUS_ACCEPTED;
    }
    return hash_equal(&slot->candidate.block.proposal, hash) ? CONSENSUS_DUPLICATE
                                                             : CONSENSUS_EQUIVOCATED;
}

static struct candidate candidate_of(const struct consensus *core,
                                     const struct consensus_event *event)
{
    const struct proposal *proposal = event->proposal.proposal;
    return (struct candidate){
        .present = true,
        .bad = event->proposal.bad || epoch_is_flag_wrong(core, proposal),
        .empty = event->proposal.empty,
        .due_work = event->proposal.due_work,
        .earliest_ok_ms = event->proposal.earliest_ok_ms,
        .parent_id = event->proposal.parent_id,
        .block = {.view = proposal->light.view,
                  .proposal = event->proposal.hash,
                  .block_id = proposal->light.block_id,
                  .height = proposal->light.height,
                  .parent_view = proposal->rest.parent_view,
                  .parent = proposal->rest.parent_proposal,
                  .boundary = epoch_is_boundary(core, proposal),
                  .reproposed = (proposal->rest.flags & PROPOSAL_REPROPOSED) != 0},
    };
}

enum consensus_verdict on_proposal(struct consensus *core, const struct consensus_event *event,
                                   struct consensus_actions *out)
{
    const enum consensus_verdict verdict = proposal_check(core, event);
    if (verdict == CONSENSUS_EARLY) {
        answer_hint(core, event->from, out);
    }
    if (verdict == CONSENSUS_STALE) {
        answer_left(core, event->proposal.proposal->light.view, event->from, out);
    }
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }
    const struct candidate candidate = candidate_of(core, event);
    struct slot *slot = slot_find(core, candidate.block.view);
    if (slot != NULL && !slot->candidate.present) {
        slot->candidate = candidate;
        core->proposal_ms = core->now_ms;
        slot->give_up = slot->give_up || candidate.bad; /* R9 b */
    }
    struct record *record = record_find(core, candidate.block.view);
    if (record != NULL && record->known && !record->has_block &&
        hash_equal(&record->block.proposal, &candidate.block.proposal)) {
        record_fill(record, &candidate);
    }
    return CONSENSUS_ACCEPTED;
}

/* R3.  A proposal promised before a crash is sent again only if it still fits; else give up. */
static bool propose_again(struct slot *slot, const struct consensus_block *parent)
{
    const struct candidate *candidate = &slot->candidate;
    const bool fits =
        candidate->present && candidate->block.parent_view == parent->view &&
        hash_equal(&candidate->block.parent, &parent->proposal) &&
        hash_equal(&candidate->block.proposal, &slot->promises[VOTE_PROPOSE].proposal);
    if (!fits && !slot->give_up) {
        slot->give_up = true;
        return true;
    }
    return false;
}

/* R3: ask for a block when we lead and there is something to decide (33.1). */
bool rule_propose(struct consensus *core, struct consensus_actions *out)
{
    struct slot *slot = slot_find(core, core->view);
    struct consensus_block parent;
    uint64_t missing;
    if (!is_validator(core) || view_leader(core, core->view) != core->config.self ||
        slot->build_asked || slot->promises[VOTE_NULLIFY].made || !has_work(core) ||
        core->now_ms < build_at_ms(core) || !floor_find(core, &parent, &missing)) {
        return false;
    }
    if (slot->promises[VOTE_PROPOSE].made) {
        return !slot->promises[VOTE_PROPOSE].is_signed && propose_again(slot, &parent);
    }
    slot->build_asked = true;
    const bool full = unfinal_count(core, parent.view) >= UNFINAL_BLOCK_MAX;
    emit(out, &(struct consensus_action){.kind = CONSENSUS_DO_BUILD,
                                         .to = CONSENSUS_ALL,
                                         .build = {.view = core->view,
                                                   .parent = parent,
                                                   .carrier_only = full && !parent.boundary,
                                                   .repropose = parent.boundary}});
    return true;
}

enum consensus_verdict on_built(struct consensus *core, const struct consensus_event *event,
                                struct consensus_actions *out)
{
    const struct candidate candidate = candidate_of(core, event);
    struct slot *slot = slot_find(core, candidate.block.view);
    if (slot == NULL || slot->view != core->view || !slot->build_asked ||
        event->proposal.proposal->light.epoch != core->config.epoch ||
        slot->promises[VOTE_NULLIFY].made || slot->promises[VOTE_PROPOSE].made ||
        slot->candidate.present) {
        return CONSENSUS_STALE;
    }
    if (is_proposal_malformed(event->proposal.proposal, &event->proposal.hash)) {
        return CONSENSUS_MALFORMED;
    }
    if (candidate.empty && !candidate.due_work && core->now_ms < rest_end_ms(core)) {
        slot->build_asked = false;
        slot->rests = true;
        slot->rest_final = core->fin.view;
        return CONSENSUS_EARLY;
    }
    if (event->proposal.proposal->rest.da_mode == DA_SHARD) {
        (void)on_announced(core, slot->view); /* we wait as long as those who restore it */
    }
    slot->candidate = candidate;
    core->proposal_ms = core->now_ms;
    slot->promises[VOTE_PROPOSE].made = true;
    slot->promises[VOTE_PROPOSE].proposal = candidate.block.proposal;
    const struct vote vote = {.kind = VOTE_PROPOSE,
                              .epoch = core->config.epoch,
                              .view = slot->view,
                              .proposal = candidate.block.proposal,
                              .validator = core->config.self};
    emit_vote(core, out, CONSENSUS_DO_SIGN, &vote);
    return CONSENSUS_ACCEPTED;
}

/* R3, R9 f: a leader that cannot build says so. */
enum consensus_verdict on_build_failed(struct consensus *core, uint64_t view)
{
    struct slot *slot = slot_find(core, view);
    if (slot == NULL || view != core->view || !slot->build_asked ||
        slot->promises[VOTE_PROPOSE].made) {
        return CONSENSUS_STALE;
    }
    slot->give_up = true;
    return CONSENSUS_ACCEPTED;
}
