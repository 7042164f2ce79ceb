#include "consensus/parts.h"

/* consensus_audit(): what must hold after every step. */

static void audit_order(const struct consensus *core)
{
    ASSERT(core->delivered.view <= core->fin.view);
    ASSERT(core->fin.view < core->view);
    ASSERT(core->horizon < core->view);
    ASSERT(core->quorum == validator_quorum(core->config.validator_count));
    ASSERT(!core->has_last_f || core->last_f.view == core->fin.view);
    ASSERT(core->base.view >= core->fin.view);
    ASSERT(core->folded <= core->horizon);
}

static void audit_promises(const struct consensus *core, const struct slot *slot)
{
    const struct promise *promises = slot->promises;
    ASSERT(!(promises[VOTE_NULLIFY].made && promises[VOTE_FINALIZE].made));
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        ASSERT(!promises[kind].is_signed || promises[kind].made);
        ASSERT(!promises[kind].made || is_validator(core));
    }
}

static void audit_slots(const struct consensus *core)
{
    for (uint32_t i = 0; i < VIEW_WINDOW; i++) {
        const struct slot *slot = &core->slots[i];
        if (slot->view == 0) {
            continue;
        }
        ASSERT(slot->view % VIEW_WINDOW == i);
        ASSERT(slot->view <= view_top(core));
        audit_promises(core, slot);
        for (enum vote_kind kind = VOTE_NOTARIZE; kind <= VOTE_FINALIZE; kind++) {
            ASSERT(!slot->has_certificate[kind] ||
                   ballot_count(core, slot->view, kind, &slot->certified[kind]) >= core->quorum);
        }
    }
    ASSERT(slot_peek(core, core->view) != NULL);
}

static void audit_records(const struct consensus *core)
{
    for (uint32_t i = 0; i < CONSENSUS_HISTORY_MAX; i++) {
        const struct record *record = &core->records[i];
        if (record->view == 0) {
            continue;
        }
        ASSERT(record->view % CONSENSUS_HISTORY_MAX == i);
        ASSERT(record->view > core->horizon && record->view <= view_top(core));
        ASSERT(!record->has_n || record->known);
        ASSERT(!record->has_block || record->known);
        ASSERT(!(record->certified && record->bad) || record->view <= core->fin.view);
        ASSERT(!record->has_block || record->block.parent_view < record->view);
    }
}

void consensus_audit(const struct consensus *core)
{
    if (core->diverged) {
        return; /* more than f validators lie: nothing is promised any more */
    }
    audit_order(core);
    audit_slots(core);
    audit_records(core);
}
