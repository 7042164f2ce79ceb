#include "consensus/have.h"

#include "consensus/epoch.h"
#include "consensus/parts.h"

/* HAVE (31.4): in a large set everybody forms the certificates from votes, and sending each to
 * all costs more than the votes do.  So they are announced, and who still lacks one after a
 * moment asks those who announced it, one after the other at short pauses: waiting for an answer
 * would let f liars hold up the rest for f round trips.  A claim is never believed: it costs its
 * maker's turn and a request. */

enum { PATIENCE_MS_MAX = 20 };

static bool is_wanted(const struct consensus *core, enum vote_kind kind, uint64_t view)
{
    if (kind == VOTE_FINALIZE) {
        return view > core->fin.view;
    }
    const struct record *record = record_peek(core, view);
    const bool held = record != NULL && (kind == VOTE_NULLIFY ? record->has_z : record->has_n);
    return view >= core->view && !held;
}

static enum consensus_verdict have_check(const struct consensus *core,
                                         const struct consensus_event *event)
{
    const enum consensus_verdict verdict = epoch_check(core, event->have.epoch);
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }
    if (event->have.view == 0 || event->have.kind == VOTE_PROPOSE ||
        (unsigned)event->have.kind >= KIND_COUNT) {
        return CONSENSUS_MALFORMED;
    }
    if (event->from >= core->config.validator_count || event->from == core->config.self) {
        return CONSENSUS_STRANGER;
    }
    if (event->have.view > view_top(core)) {
        return CONSENSUS_EARLY;
    }
    return event->have.view <= core->fin.view ? CONSENSUS_STALE : CONSENSUS_ACCEPTED;
}

static uint64_t patience_ms(const struct consensus *core)
{
    const uint64_t quarter = core->config.delta_0_ms / 4 + 1;
    return quarter < PATIENCE_MS_MAX ? quarter : PATIENCE_MS_MAX;
}

enum consensus_verdict on_have(struct consensus *core, const struct consensus_event *event,
                               struct consensus_actions *out)
{
    const enum vote_kind kind = event->have.kind;
    const uint64_t view = event->have.view;
    const enum consensus_verdict verdict = have_check(core, event);
    if (verdict == CONSENSUS_EARLY) {
        answer_hint(core, event->from, out);
    }
    if (verdict == CONSENSUS_STALE && kind != VOTE_FINALIZE) { /* an F is no sign of being behind */
        answer_left(core, view, event->from, out);
    }
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }
    struct claim *claim = &peer_of(core, event->from)->claims[kind == VOTE_FINALIZE ? 1 : 0];
    if (!is_wanted(core, kind, view) || claim->view > view) {
        return CONSENSUS_DUPLICATE;
    }
    *claim = (struct claim){.view = view, .kind = kind};
    if (core->pull_ms == NEVER) {
        core->pull_ms = core->now_ms + patience_ms(core);
    }
    return CONSENSUS_ACCEPTED;
}

static struct claim *claim_of(struct consensus *core, uint32_t index)
{
    for (uint32_t k = 0; k < 2; k++) {
        struct claim *claim = &core->peers[index].claims[k];
        if (claim->view != 0 && !claim->asked && is_wanted(core, claim->kind, claim->view)) {
            return claim;
        }
    }
    return NULL;
}

/* By turns, so that those who announce what they do not have delay nothing for long. */
static struct claim *claim_next(struct consensus *core)
{
    const uint32_t n = core->config.validator_count;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t index = (core->pull_cursor + i) % n;
        struct claim *claim = claim_of(core, index);
        if (claim != NULL) {
            core->pull_cursor = index;
            return claim;
        }
    }
    return NULL;
}

void have_pull(struct consensus *core, struct consensus_actions *out)
{
    if (core->now_ms < core->pull_ms) {
        return;
    }
    struct claim *claim = claim_next(core);
    core->pull_ms = NEVER;
    if (claim == NULL) {
        return;
    }
    emit(out, &(struct consensus_action){.kind = CONSENSUS_DO_GET_CERTIFICATES,
                                         .to = core->pull_cursor,
                                         .range = {.view = claim->view, .count = 1}});
    claim->asked = true;
    core->pull_cursor++;
    core->pull_ms = core->now_ms + patience_ms(core);
}

static void have_emit(struct consensus_actions *out, uint32_t to, enum vote_kind kind,
                      uint64_t view)
{
    emit_certificate(out, CONSENSUS_DO_SEND_HAVE, to, kind, view);
}

void have_answer(const struct consensus *core, uint64_t view, uint32_t to,
                 struct consensus_actions *out)
{
    const struct record *record = record_peek(core, view);
    if (view <= core->fin.view) {
        if (core->has_last_f) {
            have_emit(out, to, VOTE_FINALIZE, core->last_f.view);
        }
        return;
    }
    if (record != NULL && record->has_n) {
        have_emit(out, to, VOTE_NOTARIZE, view);
    }
    if (record != NULL && record->has_z) {
        have_emit(out, to, VOTE_NULLIFY, view);
    }
    if (core->entry_view != view && core->entry_view != 0) {
        have_emit(out, to, core->entry_kind,
                  core->entry_kind == VOTE_FINALIZE ? core->last_f.view : core->entry_view);
    }
}
