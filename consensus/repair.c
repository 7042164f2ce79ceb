#include "consensus/parts.h"

/* R13: asking for what is missing.  Three needs at a time, one of each kind; a need that has
 * lasted delta_0 / 4 is sent, then again with growing pauses, each time to another peer. */

enum { REPAIR_PAUSE_MS_MAX = 5000 };

static bool want_equal(const struct want *a, const struct want *b)
{
    return a->kind == b->kind && a->view == b->view && hash_equal(&a->proposal, &b->proposal);
}

/* What keeps (view, proposal) from being certified, if anything can be asked for. */
static struct want want_below(const struct consensus *core, uint64_t view,
                              const struct hash *proposal, uint64_t leader_view)
{
    struct hash wanted = *proposal;
    while (view > core->base.view && view > core->horizon && view <= view_top(core)) {
        const struct record *record = record_peek(core, view);
        if (record == NULL || !record->known) {
            return (struct want){
                .kind = WANT_CERTIFICATE, .view = view, .leader_view = leader_view};
        }
        if (!hash_equal(&record->block.proposal, &wanted) || record->certified || record->bad) {
            break;
        }
        if (!record->has_block) {
            return (struct want){
                .kind = WANT_BLOCK, .view = view, .proposal = wanted, .leader_view = leader_view};
        }
        if (is_certified(core, record->block.parent_view, &record->block.parent)) {
            break; /* certify is at work */
        }
        view = record->block.parent_view;
        wanted = record->block.parent;
    }
    return (struct want){.kind = WANT_NOTHING};
}

static struct want want_to_certify(const struct consensus *core)
{
    for (uint64_t view = view_top(core); view >= view_first(core); view--) {
        const struct record *record = record_peek(core, view);
        if (record != NULL && record->has_n && !record->certified && !record->bad) {
            return want_below(core, view, &record->block.proposal, view);
        }
    }
    return (struct want){.kind = WANT_NOTHING};
}

static struct want want_for_candidate(const struct consensus *core, uint64_t view)
{
    const struct slot *slot = slot_peek(core, view);
    if (slot == NULL || !slot->candidate.present || slot->candidate.bad) {
        return (struct want){.kind = WANT_NOTHING};
    }
    const struct consensus_block *block = &slot->candidate.block;
    if (!is_certified(core, block->parent_view, &block->parent)) {
        return want_below(core, block->parent_view, &block->parent, view);
    }
    const uint64_t missing = skip_missing(core, block->parent_view, view);
    return (struct want){.kind = missing != 0 ? WANT_CERTIFICATE : WANT_NOTHING,
                         .view = missing,
                         .leader_view = view};
}

static struct want want_to_vote(const struct consensus *core)
{
    for (uint64_t view = core->view; view <= view_top(core); view++) {
        const struct want want = want_for_candidate(core, view);
        if (want.kind != WANT_NOTHING) {
            return want;
        }
    }
    struct consensus_block parent;
    uint64_t missing = 0;
    const bool leads = view_leader(core, core->view) == core->config.self;
    if (leads && has_work(core) && !floor_find(core, &parent, &missing) && missing != 0) {
        return (struct want){.kind = WANT_CERTIFICATE, .view = missing, .leader_view = core->view};
    }
    return (struct want){.kind = WANT_NOTHING};
}

static bool has_voted_for(const struct consensus *core, uint32_t validator, const struct want *want)
{
    const struct slot *slot = slot_peek(core, want->leader_view);
    const struct ballot *ballot = ballot_get(core, want->leader_view, VOTE_NOTARIZE, validator);
    return ballot != NULL && slot->candidate.present &&
           hash_equal(&ballot->proposal, &slot->candidate.block.proposal);
}

/* The leader of the proposal in question first, then by turns those who voted for it (one of
 * f + 1 is honest and has what is missing) and everybody. */
static uint32_t repair_peer(const struct consensus *core, const struct repair *repair)
{
    const uint32_t n = core->config.validator_count;
    ASSERT(n > 0);
    const uint32_t leader = view_leader(core, repair->want.leader_view);
    const bool voters_only = repair->attempts % 2 == 1;
    const uint32_t first = leader + (repair->attempts + 1) / 2;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t peer = (first + i) % n;
        if (peer != core->config.self &&
            (!voters_only || has_voted_for(core, peer, &repair->want))) {
            return peer;
        }
    }
    return (first % n) == core->config.self ? (first + 1) % n : first % n;
}

static void want_ask(const struct consensus *core, struct repair *repair,
                     struct consensus_actions *out)
{
    const struct want *want = &repair->want;
    repair->peer = repair_peer(core, repair);
    struct consensus_action action = {.to = repair->peer};
    /* Those who have left the epoch know its last block by another proposal than the F here
     * names, perhaps: they can serve the chain only (E3, E5). */
    const bool by_chain = repair == &core->repairs[REPAIR_FINAL] && repair->attempts % 4 == 3;
    switch (want->kind) {
    case WANT_NOTHING:
        return;
    case WANT_CERTIFICATE: {
        const uint64_t span = want->leader_view - want->view;
        action.kind = CONSENSUS_DO_GET_CERTIFICATES;
        action.range.view = want->view;
        action.range.count = span < CONSENSUS_RANGE_MAX ? (uint32_t)span : CONSENSUS_RANGE_MAX;
        break;
    }
    case WANT_BLOCK:
    case WANT_CATCH_UP:
        action.kind =
            want->kind == WANT_BLOCK && !by_chain ? CONSENSUS_DO_GET_BLOCK : CONSENSUS_DO_CATCH_UP;
        action.block.view = want->view;
        action.block.proposal = want->proposal;
        break;
    }
    emit(out, &action);
}

static void repair_step(const struct consensus *core, struct repair *repair,
                        const struct want *want, struct consensus_actions *out)
{
    const uint64_t unit = core->config.delta_0_ms / 4 + 1;
    if (!want_equal(want, &repair->want)) {
        const bool goes_on = repair->want.kind != WANT_NOTHING; /* the last want was met */
        const uint64_t patience = goes_on || want->kind == WANT_CATCH_UP ? 0 : unit;
        *repair = (struct repair){.want = *want, .next_ms = core->now_ms + patience};
    }
    if (want->kind == WANT_NOTHING) {
        repair->next_ms = NEVER;
        return;
    }
    if (core->now_ms < repair->next_ms) {
        return;
    }
    want_ask(core, repair, out);
    const uint64_t doublings = repair->attempts < 12 ? repair->attempts : 12;
    const uint64_t pause = (2 * unit) << doublings;
    repair->attempts++;
    repair->next_ms = core->now_ms + (pause < REPAIR_PAUSE_MS_MAX ? pause : REPAIR_PAUSE_MS_MAX);
}

void repair_run(struct consensus *core, const struct want *want_final,
                struct consensus_actions *out)
{
    if (core->config.validator_count == 1 && is_validator(core)) {
        return; /* nobody to ask */
    }
    const struct want certify = want_to_certify(core);
    const struct want vote = want_to_vote(core);
    repair_step(core, &core->repairs[REPAIR_FINAL], want_final, out);
    repair_step(core, &core->repairs[REPAIR_CERTIFY], &certify, out);
    repair_step(core, &core->repairs[REPAIR_VOTE], &vote, out);
}

uint64_t repair_next_ms(const struct consensus *core)
{
    uint64_t at = NEVER;
    for (uint32_t i = 0; i < REPAIR_COUNT; i++) {
        const struct repair *repair = &core->repairs[i];
        if (repair->want.kind != WANT_NOTHING && repair->next_ms < at) {
            at = repair->next_ms;
        }
    }
    return at;
}
