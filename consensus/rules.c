#include "consensus/announced.h"
#include "consensus/epoch.h"
#include "consensus/parts.h"

/* The voting rules R5, R7, R8, R9 and the answers of the signer and of certify.
 *
 * Safety rests on two lines here and on the order of actions (34.1): one NOTARIZE per view,
 * and NULLIFY(v) excludes FINALIZE(v) and the reverse; each promise is journaled first. */

/* Own vote: durable, then signed; it counts and leaves when the signature arrives. */
void promise_make(struct consensus *core, struct slot *slot, enum vote_kind kind,
                  const struct hash *proposal, struct consensus_actions *out)
{
    ASSERT(!slot->promises[kind].made && is_validator(core));

    slot->promises[kind].made = true;
    slot->promises[kind].proposal = *proposal;
    const struct vote vote = {.kind = kind,
                              .epoch = core->config.epoch,
                              .view = slot->view,
                              .proposal = *proposal,
                              .validator = core->config.self};
    emit_vote(core, out, CONSENSUS_DO_PERSIST_VOTE, &vote);
    emit_vote(core, out, CONSENSUS_DO_SIGN, &vote);
}

static struct promise *promise_find(struct consensus *core, const struct vote *vote)
{
    struct slot *slot = slot_find(core, vote->view);
    if (slot == NULL || (unsigned)vote->kind >= KIND_COUNT) {
        return NULL;
    }
    struct promise *promise = &slot->promises[vote->kind];
    const bool waits = vote->epoch == core->config.epoch && vote->validator == core->config.self &&
                       promise->made && !promise->is_signed &&
                       hash_equal(&promise->proposal, &vote->proposal);
    return waits ? promise : NULL;
}

/* The certificates that make our proposal acceptable when views were skipped (R3). */
static void send_justification(const struct consensus *core, const struct consensus_block *block,
                               struct consensus_actions *out)
{
    enum { JUSTIFICATION_MAX = 8 };
    uint32_t count = 0;
    if (block->view - block->parent_view == 1) {
        return;
    }
    for (uint64_t x = block->view - 1; x > block->parent_view && count < JUSTIFICATION_MAX - 1;
         x--) {
        const struct slot *slot = slot_peek(core, x);
        if (slot != NULL && slot->has_certificate[VOTE_NULLIFY]) {
            emit_certificate(out, CONSENSUS_DO_SEND_CERTIFICATE, CONSENSUS_ALL, VOTE_NULLIFY, x);
            count++;
        }
    }
    const struct slot *slot = slot_peek(core, block->parent_view);
    if (slot != NULL && slot->has_certificate[VOTE_NOTARIZE]) {
        emit_certificate(out, CONSENSUS_DO_SEND_CERTIFICATE, CONSENSUS_ALL, VOTE_NOTARIZE,
                         block->parent_view);
    }
}

/* Once per run: the proposal and its block into the journal (J2). */
static void proposal_persist(struct consensus *core, const struct consensus_block *block,
                             struct consensus_actions *out)
{
    struct slot *slot = slot_find(core, block->view);
    struct record *record = record_find(core, block->view);
    bool *const in_slot = slot != NULL && slot->candidate.present &&
                                  hash_equal(&slot->candidate.block.proposal, &block->proposal)
                              ? &slot->candidate.persisted
                              : NULL;
    bool *const in_record =
        record != NULL && record->has_block && hash_equal(&record->block.proposal, &block->proposal)
            ? &record->persisted
            : NULL;
    const bool done = (in_slot != NULL && *in_slot) || (in_record != NULL && *in_record);
    if (in_slot != NULL) {
        *in_slot = true;
    }
    if (in_record != NULL) {
        *in_record = true;
    }
    if (!done) {
        emit_block(out, CONSENSUS_DO_PERSIST_PROPOSAL, block);
    }
}

static void send_proposal(struct consensus *core, struct slot *slot, const struct vote *vote,
                          struct consensus_actions *out)
{
    if (slot->view != core->view || !slot->candidate.present) {
        return;
    }
    proposal_persist(core, &slot->candidate.block, out);
    send_justification(core, &slot->candidate.block, out);
    emit_vote(core, out, CONSENSUS_DO_SEND_PROPOSAL, vote);
}

enum consensus_verdict on_signed(struct consensus *core, const struct vote *vote,
                                 struct consensus_actions *out)
{
    struct promise *promise = promise_find(core, vote);
    if (promise == NULL) {
        return CONSENSUS_STALE;
    }
    promise->is_signed = true;
    struct slot *slot = slot_find(core, vote->view);
    if (vote->kind == VOTE_PROPOSE) {
        send_proposal(core, slot, vote, out);
        return CONSENSUS_ACCEPTED;
    }
    if (vote->view <= core->fin.view) {
        return CONSENSUS_STALE;
    }
    ballot_put(core, slot, vote);
    emit_vote(core, out, CONSENSUS_DO_SEND_VOTE, vote);
    if (vote->kind == VOTE_NULLIFY && vote->view == core->view) {
        core->retry_ms = core->now_ms + retry_interval_ms(core);
    }
    if (ballot_count(core, vote->view, vote->kind, &vote->proposal) >= core->quorum) {
        certificate_form(core, slot, vote->kind, &vote->proposal, out);
    }
    return CONSENSUS_ACCEPTED;
}

/* The signer knows of another vote (J1), or is gone.  The promise stays: it binds us. */
enum consensus_verdict on_sign_refused(struct consensus *core, const struct vote *vote)
{
    if (promise_find(core, vote) == NULL) {
        return CONSENSUS_STALE;
    }
    struct slot *slot = slot_find(core, vote->view);
    slot->give_up = slot->give_up || vote->kind == VOTE_PROPOSE;
    return CONSENSUS_ACCEPTED;
}

/* R2 for a candidate. */
static bool has_ancestry(const struct consensus *core, const struct consensus_block *block)
{
    return is_certified(core, block->parent_view, &block->parent) &&
           skip_missing(core, block->parent_view, block->view) == 0;
}

static bool is_child_wrong(const struct candidate *candidate, const struct consensus_block *parent)
{
    if (parent->boundary || candidate->block.reproposed) {
        return !epoch_is_again(&candidate->block, parent);
    }
    return candidate->block.height != parent->height + 1 ||
           !hash_equal(&candidate->parent_id, &parent->block_id);
}

/* The proposal's parent and the block's are one: else what certify judges is not what the
 * votes order.  An unknown parent is left to certify. */
static bool is_parent_wrong(const struct consensus *core, const struct candidate *candidate)
{
    const struct record *parent = record_peek(core, candidate->block.parent_view);
    if (parent != NULL && parent->has_block) {
        return is_child_wrong(candidate, &parent->block);
    }
    return candidate->block.parent_view == core->delivered.view &&
           is_child_wrong(candidate, &core->delivered);
}

/* An idle voter does not keep an idle chain busy with empty blocks (33.1); it may be the
 * leader who has missed the last F (K7). */
static bool is_pointless(struct consensus *core, struct slot *slot, struct consensus_actions *out)
{
    const struct candidate *candidate = &slot->candidate;
    if (!candidate->empty || candidate->due_work || has_work(core)) {
        return false;
    }
    if (!slot->answered) {
        slot->answered = true;
        answer_final(core, view_leader(core, slot->view), out);
    }
    return true;
}

/* R5.  A NULLIFY of this view does not forbid NOTARIZE. */
bool rule_notarize(struct consensus *core, struct consensus_actions *out)
{
    struct slot *slot = slot_find(core, core->view);
    struct candidate *candidate = &slot->candidate;
    const bool own = view_leader(core, core->view) == core->config.self;
    if (!is_validator(core) || !candidate->present || candidate->bad ||
        slot->promises[VOTE_NOTARIZE].made || core->now_ms < candidate->earliest_ok_ms ||
        (own && !slot->promises[VOTE_PROPOSE].is_signed)) {
        return false;
    }
    if (!has_ancestry(core, &candidate->block)) {
        return false;
    }
    if (is_parent_wrong(core, candidate)) {
        candidate->bad = true;
        slot->give_up = true;
        return true;
    }
    if ((!candidate->empty && !candidate->block.reproposed &&
         unfinal_count(core, candidate->block.parent_view) >= UNFINAL_BLOCK_MAX) ||
        is_pointless(core, slot, out)) {
        return false;
    }
    proposal_persist(core, &candidate->block, out);
    promise_make(core, slot, VOTE_NOTARIZE, &candidate->block.proposal, out);
    return true;
}

/* R7: ask once per run for every N whose block and certified parent are here, whether or not
 * the view was left through Z (P2, P5). */
bool rule_certify(struct consensus *core, struct consensus_actions *out)
{
    bool changed = false;
    for (uint64_t view = view_first(core); view <= view_top(core); view++) {
        struct record *record = record_find(core, view);
        if (record == NULL || !record->has_n || !record->has_block || record->certify_asked ||
            record->certified || record->bad ||
            !is_certified(core, record->block.parent_view, &record->block.parent)) {
            continue;
        }
        if (out->count >= CONSENSUS_ACTIONS_MAX / 2) {
            break; /* the next step goes on */
        }
        record->certify_asked = true;
        proposal_persist(core, &record->block, out);
        emit_block(out, CONSENSUS_DO_CERTIFY, &record->block);
        changed = true;
    }
    return changed;
}

/* R9 b. */
static void view_give_up(struct consensus *core, uint64_t view)
{
    struct slot *slot = slot_find(core, view);
    if (slot != NULL) {
        slot->give_up = true;
    }
}

enum consensus_verdict on_certified(struct consensus *core, const struct consensus_event *event,
                                    struct consensus_actions *out)
{
    struct record *record = record_find(core, event->certified.view);
    if (record == NULL || !record->certify_asked || record->certified || record->bad ||
        !hash_equal(&record->block.proposal, &event->certified.proposal)) {
        return CONSENSUS_STALE;
    }
    switch (event->certified.verdict) {
    case CONSENSUS_CERTIFY_PENDING: /* P3: not a verdict; the same request is still open */
        return CONSENSUS_ACCEPTED;
    case CONSENSUS_CERTIFY_OK:
        record->certified = true;
        emit_block(out, CONSENSUS_DO_PERSIST_CERTIFIED, &record->block);
        return CONSENSUS_ACCEPTED;
    case CONSENSUS_CERTIFY_BAD:
        record->bad = true; /* K10: not journaled */
        view_give_up(core, record->view);
        return CONSENSUS_ACCEPTED;
    }
    return CONSENSUS_MALFORMED;
}

/* R8: for any view above fin, left or not. */
bool rule_finalize(struct consensus *core, struct consensus_actions *out)
{
    bool changed = false;
    const uint64_t top = view_top(core);
    uint64_t view = core->fin.view + 1;
    if (top >= VIEW_WINDOW && view < top - VIEW_WINDOW + 1) {
        view = top - VIEW_WINDOW + 1;
    }
    for (; is_validator(core) && view <= top; view++) {
        struct slot *slot = slot_find(core, view);
        const struct record *record = record_peek(core, view);
        if (slot == NULL || record == NULL || !record->has_n || !record->certified ||
            slot->promises[VOTE_FINALIZE].made || slot->promises[VOTE_NULLIFY].made) {
            continue;
        }
        promise_make(core, slot, VOTE_FINALIZE, &record->block.proposal, out);
        changed = true;
    }
    return changed;
}

/* R9. */
bool rule_nullify(struct consensus *core, struct consensus_actions *out)
{
    struct slot *slot = slot_find(core, core->view);
    if (!is_validator(core) || !core->awake || slot->promises[VOTE_FINALIZE].made ||
        slot->promises[VOTE_NULLIFY].made) {
        return false;
    }
    const bool late =
        (core->now_ms >= core->lead_ms && !is_proposal_near(slot)) || core->now_ms >= core->cert_ms;
    if (!slot->give_up && !late && !is_leader_silent(core)) {
        return false;
    }
    promise_make(core, slot, VOTE_NULLIFY, &(struct hash){{0}}, out);
    return true;
}
