#include "consensus/explain/explain.h"

#include "consensus/parts.h"

/* Why rule_notarize does not vote for what the leader has proposed, if it does not. */
static enum consensus_proposal proposal_of(const struct consensus *core, const struct slot *slot)
{
    const struct candidate *candidate = &slot->candidate;
    if (!candidate->present) {
        return CONSENSUS_PROPOSAL_NONE;
    }
    if (candidate->bad) {
        return CONSENSUS_PROPOSAL_BAD;
    }
    if (core->now_ms < candidate->earliest_ok_ms) {
        return CONSENSUS_PROPOSAL_EARLY;
    }
    const struct consensus_block *block = &candidate->block;
    if (!is_certified(core, block->parent_view, &block->parent) ||
        skip_missing(core, block->parent_view, block->view) != 0) {
        return CONSENSUS_PROPOSAL_ORPHAN;
    }
    const bool full = unfinal_count(core, block->parent_view) >= UNFINAL_BLOCK_MAX;
    return full && !candidate->empty ? CONSENSUS_PROPOSAL_FULL : CONSENSUS_PROPOSAL_HELD;
}

static void explain_tip(const struct consensus *core, struct consensus_explanation *out)
{
    for (uint64_t view = view_top(core); view >= view_first(core); view--) {
        const struct record *record = record_peek(core, view);
        const struct slot *slot = slot_peek(core, view);
        if (record == NULL || !record->has_n) {
            continue;
        }
        out->tip.view = view;
        out->tip.certify = record->bad         ? CONSENSUS_CERTIFY_BAD
                           : record->certified ? CONSENSUS_CERTIFY_OK
                                               : CONSENSUS_CERTIFY_PENDING;
        if (slot != NULL) {
            out->tip.voted = slot->voted[VOTE_FINALIZE];
        }
        return;
    }
}

static bool fetch_of(const struct repair *repair, struct consensus_fetch *out)
{
    const struct want *want = &repair->want;
    const uint64_t span = want->leader_view - want->view;
    *out = (struct consensus_fetch){
        .view = want->view, .attempts = repair->attempts, .peer = repair->peer};
    switch (want->kind) {
    case WANT_NOTHING:
        return false;
    case WANT_CERTIFICATE:
        out->kind = CONSENSUS_FETCH_CERTIFICATES;
        out->count = span < CONSENSUS_RANGE_MAX ? (uint32_t)span : CONSENSUS_RANGE_MAX;
        return true;
    case WANT_BLOCK:
        out->kind = CONSENSUS_FETCH_PROPOSAL;
        return true;
    case WANT_CATCH_UP:
        out->kind = CONSENSUS_FETCH_FINAL;
        return true;
    }
    UNREACHABLE();
}

void consensus_explain(const struct consensus *core, struct consensus_explanation *out)
{
    STATIC_ASSERT((int)CONSENSUS_FETCH_MAX == (int)REPAIR_COUNT, "one of each repair");
    const struct slot *slot = slot_peek(core, core->view);
    memset(out, 0, sizeof(*out));
    out->quorum = core->quorum;
    out->work = has_work(core);
    out->entered_ms = core->entered_ms;
    out->lead_ms = core->lead_ms;
    out->cert_ms = core->cert_ms;
    out->proposal = proposal_of(core, slot);
    out->early_ms =
        out->proposal == CONSENSUS_PROPOSAL_EARLY ? slot->candidate.earliest_ok_ms : NEVER;
    out->build_asked = slot->build_asked;
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        out->promised[kind] = slot->promises[kind].made;
        out->is_signed[kind] = slot->promises[kind].is_signed;
    }
    explain_tip(core, out);
    for (uint32_t i = 0; i < REPAIR_COUNT; i++) {
        out->fetch_count += fetch_of(&core->repairs[i], &out->fetches[out->fetch_count]) ? 1 : 0;
    }
}
