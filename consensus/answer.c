#include "consensus/epoch.h"
#include "consensus/have.h"
#include "consensus/parts.h"

/* What is sent for the sake of others: answers to peers that are behind (K7), and the
 * re-broadcast at a standstill (31.1).  All of it goes to the network only, never back in. */

enum {
    ANSWER_PAUSE_MS = 20,    /* per peer, K7: a rate, so that late votes cost little */
    REBROADCAST_NEWEST = 16, /* views whose votes and certificates are sent each time */
    REBROADCAST_OLDER = 8,   /* and of the older ones, by turns */
};

static bool is_due(uint64_t *last_ms, uint64_t now_ms, uint64_t pause_ms)
{
    if (*last_ms != 0 && now_ms - *last_ms < pause_ms) {
        return false;
    }
    *last_ms = now_ms;
    return true;
}

bool answer_is_due(struct consensus *core, uint32_t to)
{
    return is_due(&peer_of(core, to)->answer_ms, core->now_ms, ANSWER_PAUSE_MS);
}

void answer_final(struct consensus *core, uint32_t to, struct consensus_actions *out)
{
    if (core->has_last_f && to != core->config.self) {
        emit_certificate(out, CONSENSUS_DO_SEND_CERTIFICATE, to, VOTE_FINALIZE, core->last_f.view);
    }
}

static void send_record(const struct consensus *core, uint64_t view, uint32_t to,
                        struct consensus_actions *out)
{
    const struct record *record = record_peek(core, view);
    const bool held = record != NULL && (record->has_n || record->has_z);
    const bool folded = view <= core->horizon;
    if ((held && slot_peek(core, view) == NULL) || folded) { /* too old: the journal has it */
        emit(out, &(struct consensus_action){.kind = CONSENSUS_DO_SERVE_CERTIFICATE,
                                             .to = to,
                                             .range = {.view = view, .count = 1}});
        return;
    }
    if (record == NULL) {
        return;
    }
    if (record->has_n) {
        emit_certificate(out, CONSENSUS_DO_SEND_CERTIFICATE, to, VOTE_NOTARIZE, view);
    }
    if (record->has_z) {
        emit_certificate(out, CONSENSUS_DO_SEND_CERTIFICATE, to, VOTE_NULLIFY, view);
    }
}

/* The best proof that we may be in our view. */
void send_entry(const struct consensus *core, uint32_t to, struct consensus_actions *out)
{
    if (core->entry_view == 0) {
        return;
    }
    if (core->entry_kind == VOTE_FINALIZE) {
        if (core->has_last_f) {
            emit_certificate(out, CONSENSUS_DO_SEND_CERTIFICATE, to, VOTE_FINALIZE,
                             core->last_f.view);
        }
        return;
    }
    emit_certificate(out, CONSENSUS_DO_SEND_CERTIFICATE, to, core->entry_kind, core->entry_view);
}

/* A peer talks about a view that is final, or that we have left. */
void answer_left(struct consensus *core, uint64_t view, uint32_t to, struct consensus_actions *out)
{
    if (view >= core->view || to == core->config.self || !core->started) {
        return;
    }
    if (core->config.announces) { /* leaves the answer to the STATUS that may follow */
        if (is_due(&peer_of(core, to)->have_ms, core->now_ms, ANSWER_PAUSE_MS)) {
            have_answer(core, view, to, out);
        }
        return;
    }
    if (!answer_is_due(core, to)) {
        return;
    }
    if (view <= core->fin.view) {
        answer_final(core, to, out);
        return;
    }
    send_record(core, view, to, out);
    if (core->entry_view != view) {
        send_entry(core, to, out);
    }
}

/* R16: never believed, but worth asking: who is ahead answers a STATUS with certificates. */
void answer_hint(struct consensus *core, uint32_t from, struct consensus_actions *out)
{
    struct peer *peer = peer_of(core, from);
    if (core->started && from != core->config.self &&
        is_due(&peer->status_ms, core->now_ms, core->config.delta_0_ms)) {
        emit(out, &(struct consensus_action){.kind = CONSENSUS_DO_SEND_STATUS, .to = from});
    }
}

enum consensus_verdict on_status(struct consensus *core, const struct consensus_event *event,
                                 struct consensus_actions *out)
{
    const enum consensus_verdict verdict = epoch_check(core, event->status.epoch);
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }
    if (event->status.view > core->view || event->status.final_view > core->fin.view) {
        answer_hint(core, event->from, out);
    }
    const bool behind =
        event->status.final_view < core->fin.view || event->status.view < core->view;
    if (!behind || !answer_is_due(core, event->from)) {
        return CONSENSUS_ACCEPTED;
    }
    if (event->status.final_view < core->fin.view) {
        answer_final(core, event->from, out);
    }
    if (event->status.view < core->view && core->entry_kind != VOTE_FINALIZE) {
        send_entry(core, event->from, out);
    }
    return CONSENSUS_ACCEPTED;
}

/* R13: the strongest evidence: an F that covers the view, else both N and Z if held (P6). */
enum consensus_verdict on_get_certificates(struct consensus *core,
                                           const struct consensus_event *event,
                                           struct consensus_actions *out)
{
    const enum consensus_verdict verdict = epoch_check(core, event->range.epoch);
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }
    struct peer *peer = peer_of(core, event->from);
    if (event->range.view == 0 || event->range.count == 0) {
        return CONSENSUS_MALFORMED;
    }
    if (!is_due(&peer->range_ms, core->now_ms, 1)) {
        return CONSENSUS_DUPLICATE;
    }
    uint64_t view = event->range.view;
    if (view <= core->fin.view) {
        answer_final(core, event->from, out);
        view = core->fin.view + 1;
    }
    for (uint32_t i = 0; i < event->range.count && i < CONSENSUS_RANGE_MAX; i++) {
        if (view > view_top(core)) {
            break;
        }
        send_record(core, view, event->from, out);
        view++;
    }
    return CONSENSUS_ACCEPTED;
}

static void rebroadcast_votes(const struct consensus *core, uint64_t view,
                              struct consensus_actions *out)
{
    const struct slot *slot = slot_peek(core, view);
    if (slot == NULL || !is_validator(core)) {
        return;
    }
    for (enum vote_kind kind = VOTE_NOTARIZE; kind <= VOTE_FINALIZE; kind++) {
        const struct ballot *ballot = ballot_get(core, view, kind, core->config.self);
        if (ballot == NULL || !slot->promises[kind].is_signed ||
            !hash_equal(&ballot->proposal, &slot->promises[kind].proposal)) {
            continue;
        }
        const struct vote vote = {.kind = kind,
                                  .epoch = core->config.epoch,
                                  .view = view,
                                  .proposal = ballot->proposal,
                                  .validator = core->config.self,
                                  .signature = ballot->signature};
        emit_vote(core, out, CONSENSUS_DO_SEND_VOTE, &vote);
    }
}

/* 31.1: a protocol rule, not an optimisation: without it a lost certificate can stop us. */
void rebroadcast(struct consensus *core, struct consensus_actions *out)
{
    emit(out, &(struct consensus_action){.kind = CONSENSUS_DO_SEND_STATUS, .to = CONSENSUS_ALL});
    uint64_t view = view_top(core);
    for (uint32_t i = 0; i < REBROADCAST_NEWEST && view > core->fin.view; i++) {
        rebroadcast_votes(core, view, out);
        send_record(core, view, CONSENSUS_ALL, out);
        view--;
    }
    for (uint32_t i = 0; i < REBROADCAST_OLDER && view > core->fin.view; i++) {
        if (core->standstill_cursor <= core->fin.view || core->standstill_cursor > view) {
            core->standstill_cursor = core->fin.view + 1;
        }
        rebroadcast_votes(core, core->standstill_cursor, out);
        send_record(core, core->standstill_cursor, CONSENSUS_ALL, out);
        core->standstill_cursor++;
    }
}
