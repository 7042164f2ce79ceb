#include "consensus/epoch.h"
#include "consensus/parts.h"

/* Certificates: formed from votes here, or received whole (R6, R10, R11, R12). */

static bool is_form_impossible(const struct certificate *certificate)
{
    return certificate->view == 0 || certificate->view >= VIEW_MAX ||
           certificate->kind == VOTE_PROPOSE || (unsigned)certificate->kind >= KIND_COUNT ||
           (certificate->kind == VOTE_NULLIFY) != hash_is_zero(&certificate->proposal);
}

/* Of this epoch's set. */
static bool is_quorum_wrong(const struct consensus *core, const struct certificate *certificate)
{
    for (uint32_t i = core->config.validator_count; i < VALIDATOR_COUNT_MAX; i++) {
        if (validator_bitmap_get(&certificate->signers, i)) {
            return true;
        }
    }
    return certificate->signature_count < core->quorum ||
           certificate->signature_count != validator_bitmap_count(&certificate->signers);
}

/* After a jump over more views than there are records the missing Z's come in order. */
static bool is_gap_filler(const struct consensus *core, const struct certificate *certificate)
{
    return certificate->kind == VOTE_NULLIFY && certificate->view == core->folded + 1 &&
           core->folded < core->horizon;
}

enum consensus_verdict certificate_check(const struct consensus *core,
                                         const struct certificate *certificate)
{
    if (is_form_impossible(certificate)) {
        return CONSENSUS_MALFORMED;
    }
    const enum consensus_verdict verdict = epoch_check(core, certificate->epoch);
    if (verdict != CONSENSUS_ACCEPTED) {
        return verdict;
    }
    if (is_quorum_wrong(core, certificate)) {
        return CONSENSUS_MALFORMED;
    }
    const uint64_t view = certificate->view;
    if (is_gap_filler(core, certificate)) {
        return CONSENSUS_ACCEPTED;
    }
    if (view <= core->fin.view || view <= core->horizon) {
        return certificate->kind == VOTE_FINALIZE && view == core->fin.view ? CONSENSUS_DUPLICATE
                                                                            : CONSENSUS_STALE;
    }
    if (certificate->kind == VOTE_FINALIZE) {
        return CONSENSUS_ACCEPTED;
    }
    /* K5: a later N opens nothing until its ancestors are certified; a later Z does. */
    if (certificate->kind == VOTE_NOTARIZE && view > view_top(core)) {
        return CONSENSUS_EARLY;
    }
    const struct record *record = record_peek(core, view);
    const bool held =
        record != NULL && (certificate->kind == VOTE_NULLIFY ? record->has_z : record->has_n);
    return held ? CONSENSUS_DUPLICATE : CONSENSUS_ACCEPTED;
}

/* R14: N and Z of one view may both exist; each is kept. */
static void certificate_record(struct consensus *core, enum vote_kind kind, uint64_t view,
                               const struct hash *proposal, struct consensus_actions *out)
{
    struct record *record = record_make(core, view);
    if (kind == VOTE_NULLIFY) {
        record->has_z = true;
    } else if (record->known && !hash_equal(&record->block.proposal, proposal)) {
        core->diverged = true; /* more than f validators lie */
        emit_block(out, CONSENSUS_DO_DIVERGED, &record->block);
        return;
    } else {
        record->has_n = true;
        record_settle(core, record, proposal);
    }
    emit_certificate(out, CONSENSUS_DO_PERSIST_CERTIFICATE, CONSENSUS_ALL, kind, view);
}

static void certificate_votes(struct consensus *core, struct slot *slot,
                              const struct certificate *certificate)
{
    struct vote vote = {.kind = certificate->kind,
                        .epoch = certificate->epoch,
                        .view = certificate->view,
                        .proposal = certificate->proposal};
    uint32_t next = 0;
    for (uint32_t i = 0; i < core->config.validator_count; i++) {
        if (validator_bitmap_get(&certificate->signers, i)) {
            vote.validator = i;
            vote.signature = certificate->signatures[next++];
            ballot_put(core, slot, &vote);
        }
    }
    slot->has_certificate[certificate->kind] = true;
    slot->certified[certificate->kind] = certificate->proposal;
}

/* Of a certificate that certificate_check() ACCEPTED. */
void certificate_apply(struct consensus *core, const struct certificate *certificate,
                       struct consensus_actions *out)
{
    if (certificate->kind == VOTE_FINALIZE) {
        final_set(core, certificate, out);
        return;
    }
    core->incoming = *certificate;
    if (is_gap_filler(core, certificate)) {
        core->folded++;
        emit_certificate(out, CONSENSUS_DO_PERSIST_CERTIFICATE, CONSENSUS_ALL, certificate->kind,
                         certificate->view);
        return;
    }
    if (certificate->view > view_top(core)) {
        view_enter(core, certificate->view + 1, certificate->kind, out);
    }
    struct slot *slot = slot_find(core, certificate->view);
    if (slot != NULL) {
        certificate_votes(core, slot, certificate);
    }
    certificate_record(core, certificate->kind, certificate->view, &certificate->proposal, out);
}

enum consensus_verdict on_certificate(struct consensus *core, const struct consensus_event *event,
                                      struct consensus_actions *out)
{
    const struct certificate *certificate = event->certificate;
    const enum consensus_verdict verdict = certificate_check(core, certificate);
    if (verdict == CONSENSUS_ACCEPTED) {
        certificate_apply(core, certificate, out);
    }
    if (verdict == CONSENSUS_EARLY) {
        answer_hint(core, event->from, out);
    }
    if (verdict == CONSENSUS_STALE) {
        answer_left(core, certificate->view, event->from, out);
    }
    return verdict;
}

/* A quorum of equal votes is here: keep and spread it, once (31.1). */
void certificate_form(struct consensus *core, struct slot *slot, enum vote_kind kind,
                      const struct hash *proposal, struct consensus_actions *out)
{
    if (slot->has_certificate[kind]) {
        return;
    }
    slot->has_certificate[kind] = true;
    slot->certified[kind] = *proposal;
    const uint64_t view = slot->view;
    if (kind == VOTE_FINALIZE) {
        const bool held = consensus_certificate(core, kind, view, &core->incoming);
        ASSERT(held);
        final_set(core, &core->incoming, out);
    } else {
        certificate_record(core, kind, view, proposal, out);
    }
    emit_certificate(
        out, core->config.announces ? CONSENSUS_DO_SEND_HAVE : CONSENSUS_DO_SEND_CERTIFICATE,
        CONSENSUS_ALL, kind, view);
}

static void certificate_assemble(const struct consensus *core, const struct slot *slot,
                                 enum vote_kind kind, struct certificate *out)
{
    memset(out, 0, sizeof(*out));
    out->kind = kind;
    out->epoch = core->config.epoch;
    out->view = slot->view;
    out->proposal = slot->certified[kind];
    for (uint32_t i = 0; i < core->config.validator_count; i++) {
        const struct ballot *ballot = ballot_get(core, slot->view, kind, i);
        const bool counts = ballot != NULL && hash_equal(&ballot->proposal, &out->proposal);
        if (counts && out->signature_count < core->quorum) {
            validator_bitmap_set(&out->signers, i);
            out->signatures[out->signature_count++] = ballot->signature;
        }
    }
    ASSERT(out->signature_count == core->quorum);
}

bool consensus_certificate(const struct consensus *core, enum vote_kind kind, uint64_t view,
                           struct certificate *out)
{
    ASSERT(kind != VOTE_PROPOSE);

    if (kind == VOTE_FINALIZE && core->has_last_f && core->last_f.view == view) {
        *out = core->last_f;
        return true;
    }
    const struct slot *slot = slot_peek(core, view);
    if (slot != NULL && slot->has_certificate[kind]) {
        certificate_assemble(core, slot, kind, out);
        return true;
    }
    if (core->incoming.kind == kind && core->incoming.view == view) {
        *out = core->incoming;
        return true;
    }
    return false;
}
