#include "consensus/parts.h"

/* Views: slots, records, the order in which we enter them, and ancestry (R1, R2). */

bool is_validator(const struct consensus *core)
{
    return core->config.self != CONSENSUS_OBSERVER;
}

const struct slot *slot_peek(const struct consensus *core, uint64_t view)
{
    const struct slot *slot = &core->slots[view % VIEW_WINDOW];
    return view != 0 && slot->view == view ? slot : NULL;
}

struct slot *slot_find(struct consensus *core, uint64_t view)
{
    struct slot *slot = &core->slots[view % VIEW_WINDOW];
    return view != 0 && slot->view == view ? slot : NULL;
}

const struct record *record_peek(const struct consensus *core, uint64_t view)
{
    const struct record *record = &core->records[view % CONSENSUS_HISTORY_MAX];
    return view != 0 && record->view == view ? record : NULL;
}

struct record *record_find(struct consensus *core, uint64_t view)
{
    struct record *record = &core->records[view % CONSENSUS_HISTORY_MAX];
    return view != 0 && record->view == view ? record : NULL;
}

struct record *record_make(struct consensus *core, uint64_t view)
{
    ASSERT(view > core->horizon && view <= view_top(core));

    struct record *record = &core->records[view % CONSENSUS_HISTORY_MAX];
    if (record->view != view) {
        memset(record, 0, sizeof(*record));
        record->view = view;
        record->block.view = view;
    }
    return record;
}

void record_fill(struct record *record, const struct candidate *candidate)
{
    record->block = candidate->block;
    record->has_block = true;
    record->empty = candidate->empty;
    record->bad = candidate->bad;
    record->persisted = candidate->persisted;
}

/* Only this proposal can become final in this view: a certificate, or a link from a final
 * descendant, says so. */
void record_settle(struct consensus *core, struct record *record, const struct hash *proposal)
{
    if (record->known) {
        return;
    }
    record->known = true;
    record->block.proposal = *proposal;
    const struct slot *slot = slot_peek(core, record->view);
    if (slot != NULL && slot->candidate.present &&
        hash_equal(&slot->candidate.block.proposal, proposal)) {
        record_fill(record, &slot->candidate);
    }
}

/* A view leaves the ring of records: keep what ancestry can still need of it. */
static void view_fold(struct consensus *core, uint64_t view)
{
    struct record *record = record_find(core, view);
    const bool follows = core->folded + 1 == view && record != NULL;
    if (follows && record->certified && view > core->base.view) {
        core->base = record->block;
    }
    if (view <= core->base.view || (follows && record->has_z)) {
        core->folded = view;
    }
    if (record != NULL) {
        memset(record, 0, sizeof(*record));
    }
}

static void horizon_move(struct consensus *core, uint64_t horizon)
{
    const uint64_t newest = core->horizon + CONSENSUS_HISTORY_MAX;
    while (core->horizon < horizon && core->horizon < newest) {
        core->horizon++;
        view_fold(core, core->horizon);
    }
    if (core->horizon < horizon) { /* a jump: nothing was known of the rest */
        core->horizon = horizon;
    }
}

static void slots_move(struct consensus *core, uint64_t top)
{
    const uint64_t first = top >= VIEW_WINDOW ? top - VIEW_WINDOW + 1 : 1;
    for (uint64_t view = first; view <= top; view++) {
        struct slot *slot = &core->slots[view % VIEW_WINDOW];
        if (slot->view < view) {
            memset(slot, 0, sizeof(*slot));
            slot->view = view;
        }
    }
}

/* R1.  Never twice (P12): view only grows. */
void view_enter(struct consensus *core, uint64_t view, enum vote_kind kind,
                struct consensus_actions *out)
{
    ASSERT(view > core->view);

    core->view = view;
    core->entry_kind = kind;
    core->entry_view = view - 1;
    core->entered_ms = core->now_ms;
    core->lead_ms = NEVER;
    core->cert_ms = NEVER;
    core->retry_ms = NEVER;
    const uint64_t top = view_top(core);
    if (top > CONSENSUS_HISTORY_MAX) {
        horizon_move(core, top - CONSENSUS_HISTORY_MAX);
    }
    slots_move(core, top);
    emit(out, &(struct consensus_action){
                  .kind = CONSENSUS_DO_ENTER_VIEW, .to = CONSENSUS_ALL, .entered_view = view});
}

/* R1: the highest view that a certificate opens. */
bool view_advance(struct consensus *core, struct consensus_actions *out)
{
    if (core->fin.view >= core->view) {
        view_enter(core, core->fin.view + 1, VOTE_FINALIZE, out);
        return true;
    }
    for (uint64_t view = view_top(core); view >= core->view; view--) {
        const struct record *record = record_peek(core, view);
        if (record != NULL && (record->has_z || (record->has_n && record->certified))) {
            const bool by_n = record->has_n && record->certified;
            view_enter(core, view + 1, by_n ? VOTE_NOTARIZE : VOTE_NULLIFY, out);
            return true;
        }
    }
    return false;
}

bool is_certified(const struct consensus *core, uint64_t view, const struct hash *proposal)
{
    if (view == core->base.view) {
        return hash_equal(proposal, &core->base.proposal);
    }
    if (view == core->fin.view) {
        return hash_equal(proposal, &core->fin.proposal);
    }
    const struct record *record = record_peek(core, view);
    return record != NULL && record->certified && hash_equal(proposal, &record->block.proposal);
}

/* R2: the lowest view between below and view, both excluded, whose Z is missing; 0: none.
 * What lies under the horizon is vouched for by folded, from base on only. */
uint64_t skip_missing(const struct consensus *core, uint64_t below, uint64_t view)
{
    if (below < core->horizon && (below != core->base.view || core->folded < core->horizon)) {
        return core->folded + 1;
    }
    const uint64_t first = below > core->horizon ? below + 1 : core->horizon + 1;
    for (uint64_t x = first; x < view; x++) {
        const struct record *record = record_peek(core, x);
        if (record == NULL || !record->has_z) {
            return x;
        }
    }
    return 0;
}

/* R3: where a proposal for the current view may build: the highest certified proposal with a
 * Z for every view above it.  False: the certificate of *missing is not held. */
bool floor_find(const struct consensus *core, struct consensus_block *out, uint64_t *missing)
{
    for (uint64_t x = core->view - 1; x > core->base.view && x > core->horizon; x--) {
        const struct record *record = record_peek(core, x);
        if (record != NULL && record->certified && record->has_block) {
            *out = record->block;
            return true;
        }
        if (record == NULL || !record->has_z) {
            *missing = x;
            return false;
        }
    }
    *out = core->base;
    *missing = core->folded < core->horizon ? core->folded + 1 : 0;
    const bool has_block = core->base.view == 0 || core->base.height != 0;
    return *missing == 0 && has_block; /* a final block may still be on its way */
}

/* K5: non-empty proposals above the last delivered one, from view downwards. */
uint32_t unfinal_count(const struct consensus *core, uint64_t view)
{
    uint32_t count = 0;
    while (view > core->delivered.view) {
        const struct record *record = record_peek(core, view);
        if (record == NULL || !record->has_block) {
            break;
        }
        count += record->empty ? 0 : 1;
        view = record->block.parent_view;
    }
    return count;
}
