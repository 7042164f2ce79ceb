#include "consensus/parts.h"

/* Finality (R11): which proposal is final, and the way to it from what was delivered. */

static void final_move(struct consensus *core, const struct certificate *certificate)
{
    core->last_f = *certificate;
    core->has_last_f = true;
    core->fin =
        (struct consensus_block){.view = certificate->view, .proposal = certificate->proposal};
    if (core->base.view < core->fin.view) {
        core->base = core->fin;
    }
    if (core->folded < core->fin.view) {
        core->folded = core->fin.view < core->horizon ? core->fin.view : core->horizon;
    }
    core->standstill_ms = NEVER; /* P23: only finality resets it */
}

/* Of an F above fin.  fin moves at once, delivery when the blocks are here: else later
 * proposals could not be accepted. */
void final_set(struct consensus *core, const struct certificate *certificate,
               struct consensus_actions *out)
{
    const uint64_t view = certificate->view;
    ASSERT(view > core->fin.view);

    final_move(core, certificate);
    if (view > view_top(core)) {
        view_enter(core, view + 1, VOTE_FINALIZE, out);
    }
    if (view > core->horizon) {
        struct record *record = record_make(core, view);
        if (record->known && !hash_equal(&record->block.proposal, &certificate->proposal)) {
            core->diverged = true; /* more than f validators lie */
            emit_block(out, CONSENSUS_DO_DIVERGED, &record->block);
            return;
        }
        record_settle(core, record, &certificate->proposal);
        record->certified = true;
        if (record->has_block && core->base.view == view) {
            core->base = record->block;
        }
    }
    emit_certificate(out, CONSENSUS_DO_PERSIST_CERTIFICATE, CONSENSUS_ALL, VOTE_FINALIZE, view);
}

static void want_set(struct want *want, enum want_kind kind, const struct consensus *core,
                     uint64_t view, const struct hash *proposal)
{
    *want = (struct want){
        .kind = kind, .view = view, .proposal = *proposal, .leader_view = core->fin.view};
}

static void final_diverged(struct consensus *core, const struct consensus_block *block,
                           struct consensus_actions *out)
{
    core->diverged = true;
    emit_block(out, CONSENSUS_DO_DIVERGED, block);
}

/* A boundary block that was proposed again is final once, by the newest proposal (E3). */
static void final_push(struct consensus_actions *out, uint32_t *count,
                       const struct consensus_block *block)
{
    if (*count == 0 || !hash_equal(&out->finals[*count - 1].block_id, &block->block_id)) {
        out->finals[(*count)++] = *block;
    }
}

/* Walk from fin back to delivered; *count proposals, newest first.  False: *want is missing,
 * or the chains part. */
static bool final_walk(struct consensus *core, struct consensus_actions *out, uint32_t *count,
                       struct want *want)
{
    uint64_t view = core->fin.view;
    struct hash proposal = core->fin.proposal;
    while (view > core->delivered.view) {
        if (view <= core->horizon) {
            want_set(want, WANT_CATCH_UP, core, core->fin.view, &core->fin.proposal);
            return false;
        }
        struct record *record = record_make(core, view);
        record_settle(core, record, &proposal);
        if (record->bad || !hash_equal(&record->block.proposal, &proposal)) {
            final_diverged(core, &record->block, out); /* K10 */
            return false;
        }
        if (!record->has_block) {
            /* One by one only when they are few: the whole way has slots. */
            const bool is_near = slot_peek(core, core->delivered.view + 1) != NULL;
            want_set(want, is_near ? WANT_BLOCK : WANT_CATCH_UP, core,
                     is_near ? view : core->fin.view, is_near ? &proposal : &core->fin.proposal);
            return false;
        }
        final_push(out, count, &record->block);
        view = record->block.parent_view;
        proposal = record->block.parent;
    }
    if (view != core->delivered.view || !hash_equal(&proposal, &core->delivered.proposal)) {
        final_diverged(core, &core->delivered, out);
        return false;
    }
    return true;
}

static void finals_reverse(struct consensus_actions *out)
{
    for (uint32_t i = 0; i < out->final_count / 2; i++) {
        const struct consensus_block block = out->finals[i];
        out->finals[i] = out->finals[out->final_count - 1 - i];
        out->finals[out->final_count - 1 - i] = block;
    }
}

/* Hand over what is final and known.  True: DO_FINAL was emitted; else *want says what is
 * missing, if anything is. */
bool final_deliver(struct consensus *core, struct consensus_actions *out, struct want *want)
{
    *want = (struct want){.kind = WANT_NOTHING};
    if (core->diverged || !core->started || core->delivered.view == core->fin.view) {
        return false;
    }
    uint32_t count = 0;
    if (!final_walk(core, out, &count, want)) {
        return false;
    }
    ASSERT(count > 0 && out->final_count == 0);
    out->final_count = count;
    finals_reverse(out);
    core->delivered = out->finals[count - 1];
    core->fin = core->delivered;
    if (core->base.view == core->fin.view) {
        core->base = core->fin;
    }
    out->final_certificate = &core->last_f;
    emit_block(out, CONSENSUS_DO_FINAL, &core->delivered);
    return true;
}

/* chain.db has grown without us: up to a block with an F of its own. */
enum consensus_verdict on_advanced(struct consensus *core, const struct consensus_anchor *anchor,
                                   struct consensus_actions *out)
{
    if (anchor->view <= core->delivered.view) {
        return CONSENSUS_STALE;
    }
    if (anchor->certificate == NULL || anchor->certificate->kind != VOTE_FINALIZE ||
        anchor->certificate->epoch != core->config.epoch ||
        anchor->certificate->view != anchor->view) {
        return CONSENSUS_MALFORMED;
    }
    if (anchor->view > core->fin.view) {
        final_set(core, anchor->certificate, out);
    }
    core->delivered = (struct consensus_block){.view = anchor->view,
                                               .proposal = anchor->proposal,
                                               .block_id = anchor->block_id,
                                               .height = anchor->height};
    core->repairs[REPAIR_FINAL].want.kind = WANT_NOTHING; /* there was progress: ask at once */
    if (core->fin.view == anchor->view) {
        core->fin = core->delivered;
    }
    if (core->base.view == anchor->view) {
        core->base = core->delivered;
    }
    return CONSENSUS_ACCEPTED;
}
