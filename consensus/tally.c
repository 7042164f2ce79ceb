#include "consensus/epoch.h"
#include "consensus/parts.h"

/* Votes of a view, one per validator and kind.  A certificate is kept as the votes it
 * consists of; it wins over an equivocator's other vote. */

static struct ballot *ballot_at(struct consensus *core, uint64_t view, enum vote_kind kind,
                                uint32_t validator)
{
    const size_t slot = (size_t)(view % VIEW_WINDOW);
    const size_t row = slot * (KIND_COUNT - 1) + (size_t)kind - 1;
    return &core->ballots[row * core->config.validator_count + validator];
}

const struct ballot *ballot_get(const struct consensus *core, uint64_t view, enum vote_kind kind,
                                uint32_t validator)
{
    const struct slot *slot = slot_peek(core, view);
    if (slot == NULL || !validator_bitmap_get(&slot->voted[kind], validator)) {
        return NULL;
    }
    const size_t row = (size_t)(view % VIEW_WINDOW) * (KIND_COUNT - 1) + (size_t)kind - 1;
    return &core->ballots[row * core->config.validator_count + validator];
}

/* A certificate's votes are never replaced. */
void ballot_put(struct consensus *core, struct slot *slot, const struct vote *vote)
{
    ASSERT(vote->kind != VOTE_PROPOSE && vote->validator < core->config.validator_count);

    if (slot->has_certificate[vote->kind] &&
        !hash_equal(&slot->certified[vote->kind], &vote->proposal)) {
        return;
    }
    struct ballot *ballot = ballot_at(core, slot->view, vote->kind, vote->validator);
    ballot->proposal = vote->proposal;
    ballot->signature = vote->signature;
    validator_bitmap_set(&slot->voted[vote->kind], vote->validator);
}

uint32_t ballot_count(const struct consensus *core, uint64_t view, enum vote_kind kind,
                      const struct hash *proposal)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < core->config.validator_count; i++) {
        const struct ballot *ballot = ballot_get(core, view, kind, i);
        if (ballot != NULL && hash_equal(&ballot->proposal, proposal)) {
            count++;
        }
    }
    return count;
}

static bool is_vote_malformed(const struct vote *vote)
{
    if (vote->view == 0) {
        return true;
    }
    switch (vote->kind) {
    case VOTE_NULLIFY:
        return !hash_is_zero(&vote->proposal);
    case VOTE_NOTARIZE:
    case VOTE_FINALIZE:
        return hash_is_zero(&vote->proposal);
    case VOTE_PROPOSE:
        return true;
    }
    return true; /* a number that is no kind, from outside */
}

enum consensus_verdict vote_check(const struct consensus *core, const struct vote *vote)
{
    if (is_vote_malformed(vote)) {
        return CONSENSUS_MALFORMED;
    }
    const enum consensus_verdict verdict = epoch_check(core, vote->epoch);
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }
    if (vote->validator >= core->config.validator_count || vote->validator == core->config.self) {
        return CONSENSUS_STRANGER;
    }
    if (vote->view <= core->fin.view) {
        return CONSENSUS_STALE;
    }
    if (vote->view > view_top(core)) {
        return CONSENSUS_EARLY;
    }
    if (slot_peek(core, vote->view) == NULL) {
        return CONSENSUS_STALE;
    }
    const struct ballot *held = ballot_get(core, vote->view, vote->kind, vote->validator);
    if (held == NULL) {
        return CONSENSUS_ACCEPTED;
    }
    return hash_equal(&held->proposal, &vote->proposal) ? CONSENSUS_DUPLICATE
                                                        : CONSENSUS_EQUIVOCATED;
}

/* R6, R10, R11, R15.  A refused vote may come from a peer that is stuck: help it (K7). */
enum consensus_verdict on_vote(struct consensus *core, const struct consensus_event *event,
                               struct consensus_actions *out)
{
    const struct vote *vote = &event->vote;
    const enum consensus_verdict verdict = vote_check(core, vote);
    if (verdict == CONSENSUS_EARLY) {
        answer_hint(core, event->from, out);
    }
    if (verdict == CONSENSUS_STALE || verdict == CONSENSUS_DUPLICATE) {
        answer_left(core, vote->view, event->from, out);
    }
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }

    struct slot *slot = slot_find(core, vote->view);
    ballot_put(core, slot, vote);
    if (vote->kind == VOTE_NULLIFY && vote->validator == view_leader(core, vote->view)) {
        slot->give_up = true; /* R9 d */
    }
    if (ballot_count(core, vote->view, vote->kind, &vote->proposal) >= core->quorum) {
        certificate_form(core, slot, vote->kind, &vote->proposal, out);
    }
    return CONSENSUS_ACCEPTED;
}
