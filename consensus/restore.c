#include "consensus/parts.h"

/* Giving a new core what the journal and sign.state hold.  Nothing is emitted and no timer
 * runs before ON_START (P17); records that make no sense are skipped, they are disk data. */

void consensus_restore_certificate(struct consensus *core, const struct certificate *certificate)
{
    ASSERT(!core->started);

    if (certificate_check(core, certificate) != CONSENSUS_ACCEPTED) {
        return;
    }
    certificate_apply(core, certificate, NULL);
    while (view_advance(core, NULL)) {
    }
}

void consensus_restore_proposal(struct consensus *core, const struct proposal *proposal,
                                const struct hash *hash, const struct hash *parent_id, bool empty)
{
    ASSERT(!core->started);

    const struct consensus_event event = {
        .kind = CONSENSUS_ON_PROPOSAL,
        .proposal = {.proposal = proposal,
                     .hash = *hash,
                     .parent_id = *parent_id,
                     .empty = empty,
                     .due_work = true},
    };
    if (on_proposal(core, &event, NULL) != CONSENSUS_ACCEPTED) {
        return;
    }
    struct slot *slot = slot_find(core, proposal->light.view);
    if (slot != NULL && hash_equal(&slot->candidate.block.proposal, hash)) {
        slot->candidate.persisted = true;
    }
    struct record *record = record_find(core, proposal->light.view);
    if (record != NULL && record->has_block && hash_equal(&record->block.proposal, hash)) {
        record->persisted = true;
    }
}

void consensus_restore_certified(struct consensus *core, uint64_t view, const struct hash *proposal)
{
    ASSERT(!core->started);

    struct record *record = record_find(core, view);
    if (record == NULL || !record->has_block || !hash_equal(&record->block.proposal, proposal)) {
        return;
    }
    record->certified = true;
    while (view_advance(core, NULL)) {
    }
}

/* No journal of ours says both; a damaged one might. */
static bool excludes(const struct slot *slot, enum vote_kind kind)
{
    return (kind == VOTE_NULLIFY && slot->promises[VOTE_FINALIZE].made) ||
           (kind == VOTE_FINALIZE && slot->promises[VOTE_NULLIFY].made);
}

void consensus_restore_vote(struct consensus *core, const struct vote *vote)
{
    ASSERT(!core->started);

    struct slot *slot = slot_find(core, vote->view);
    if (slot == NULL || vote->epoch != core->config.epoch || !is_validator(core) ||
        vote->validator != core->config.self || (unsigned)vote->kind >= KIND_COUNT ||
        slot->promises[vote->kind].made || excludes(slot, vote->kind)) {
        return;
    }
    slot->promises[vote->kind].made = true;
    slot->promises[vote->kind].proposal = vote->proposal;
}

static void slot_sign(const struct consensus *core, const struct slot *slot,
                      struct consensus_actions *out)
{
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        const struct promise *promise = &slot->promises[kind];
        const bool stale =
            kind == VOTE_PROPOSE && (slot->view != core->view || !slot->candidate.present);
        if (promise->made && !stale) {
            const struct vote vote = {.kind = (enum vote_kind)kind,
                                      .epoch = core->config.epoch,
                                      .view = slot->view,
                                      .proposal = promise->proposal,
                                      .validator = core->config.self};
            emit_vote(core, out, CONSENSUS_DO_SIGN, &vote);
        }
    }
}

/* ON_START: own votes above fin are signed again, to the same bytes, and sent again: nothing
 * of them may have left (P9). */
void restart_sign(struct consensus *core, struct consensus_actions *out)
{
    const uint64_t top = view_top(core);
    uint64_t view = top >= VIEW_WINDOW ? top - VIEW_WINDOW + 1 : 1;
    view = view > core->fin.view ? view : core->fin.view + 1;
    for (; view <= top; view++) {
        const struct slot *slot = slot_peek(core, view);
        if (slot != NULL) {
            slot_sign(core, slot, out);
        }
    }
}
