#include "consensus/consensus.h"

#include "consensus/announced.h"
#include "consensus/epoch.h"
#include "consensus/have.h"
#include "consensus/parts.h"

/* Dispatch: an event changes what is known, then the rules run until none applies. */

enum { RUN_ROUNDS_MAX = 8 * VIEW_WINDOW }; /* each round enters a view, votes, or ends the run */

void emit(struct consensus_actions *out, const struct consensus_action *action)
{
    if (out == NULL) {
        return; /* restoring */
    }
    ASSERT(out->count < CONSENSUS_ACTIONS_MAX);
    out->items[out->count++] = *action;
}

/* PERSIST actions go before all others: durable first, then sent. */
static void emit_persist(struct consensus_actions *out, const struct consensus_action *action)
{
    if (out == NULL) {
        return;
    }
    ASSERT(out->count < CONSENSUS_ACTIONS_MAX);
    struct consensus_action *place = &out->items[out->persist_count];
    memmove(place + 1, place, (out->count - out->persist_count) * sizeof(*place));
    *place = *action;
    out->persist_count++;
    out->count++;
}

void emit_block(struct consensus_actions *out, enum consensus_action_kind kind,
                const struct consensus_block *block)
{
    const struct consensus_action action = {.kind = kind, .to = CONSENSUS_ALL, .block = *block};
    if (kind == CONSENSUS_DO_PERSIST_PROPOSAL || kind == CONSENSUS_DO_PERSIST_CERTIFIED) {
        emit_persist(out, &action);
    } else {
        emit(out, &action);
    }
}

void emit_vote(const struct consensus *core, struct consensus_actions *out,
               enum consensus_action_kind kind, const struct vote *vote)
{
    ASSERT(vote->validator == core->config.self);
    const struct consensus_action action = {.kind = kind, .to = CONSENSUS_ALL, .vote = *vote};
    if (kind == CONSENSUS_DO_PERSIST_VOTE) {
        emit_persist(out, &action);
    } else {
        emit(out, &action);
    }
}

void emit_certificate(struct consensus_actions *out, enum consensus_action_kind action, uint32_t to,
                      enum vote_kind kind, uint64_t view)
{
    const struct consensus_action item = {
        .kind = action, .to = to, .certificate = {.kind = kind, .view = view}};
    if (action == CONSENSUS_DO_PERSIST_CERTIFICATE) {
        emit_persist(out, &item);
    } else {
        emit(out, &item);
    }
}

struct peer *peer_of(struct consensus *core, uint32_t index)
{
    return &core->peers[index < core->config.validator_count ? index : VALIDATOR_COUNT_MAX];
}

/* Timers of the current view and of the standstill that have run out. */
static void run_timers(struct consensus *core, struct consensus_actions *out)
{
    const struct slot *slot = slot_peek(core, core->view);
    if (!core->awake) {
        return;
    }
    if (slot->promises[VOTE_NULLIFY].is_signed && core->now_ms >= core->retry_ms) {
        const struct ballot *own = ballot_get(core, core->view, VOTE_NULLIFY, core->config.self);
        ASSERT(own != NULL);
        const struct vote vote = {.kind = VOTE_NULLIFY,
                                  .epoch = core->config.epoch,
                                  .view = core->view,
                                  .validator = core->config.self,
                                  .signature = own->signature};
        emit_vote(core, out, CONSENSUS_DO_SEND_VOTE, &vote);
        send_entry(core, CONSENSUS_ALL, out);
        core->retry_ms = core->now_ms + retry_interval_ms(core);
    }
    if (core->now_ms >= core->standstill_ms) {
        rebroadcast(core, out);
        core->standstill_ms = NEVER;
        timers_arm(core);
    }
}

static void run(struct consensus *core, struct consensus_actions *out)
{
    struct want want_final = {.kind = WANT_NOTHING};
    bool changed = true;
    for (uint32_t round = 0; changed && !core->diverged; round++) {
        ASSERT(round < RUN_ROUNDS_MAX);
        changed = view_advance(core, out);
        timers_arm(core);
        changed = final_deliver(core, out, &want_final) || changed;
        if (epoch_end(core, out)) {
            return;
        }
        changed = rule_certify(core, out) || changed;
        changed = rule_finalize(core, out) || changed;
        changed = rule_propose(core, out) || changed;
        changed = rule_notarize(core, out) || changed;
        changed = rule_nullify(core, out) || changed;
    }
    if (core->diverged) {
        return;
    }
    run_timers(core, out);
    repair_run(core, &want_final, out);
    have_pull(core, out);
    timers_set(core, out);
}

static enum consensus_verdict on_start(struct consensus *core, struct consensus_actions *out)
{
    if (core->started) {
        return CONSENSUS_DUPLICATE;
    }
    core->started = true;
    core->entered_ms = core->now_ms;
    emit(out, &(struct consensus_action){.kind = CONSENSUS_DO_ENTER_VIEW,
                                         .to = CONSENSUS_ALL,
                                         .entered_view = core->view});
    if (is_validator(core)) {
        restart_sign(core, out);
    }
    return CONSENSUS_ACCEPTED;
}

static enum consensus_verdict on_peer_up(struct consensus *core,
                                         const struct consensus_event *event,
                                         struct consensus_actions *out)
{
    struct peer *peer = peer_of(core, event->from);
    peer->answer_ms = 0;
    peer->have_ms = 0;
    peer->status_ms = core->now_ms;
    emit(out, &(struct consensus_action){.kind = CONSENSUS_DO_SEND_STATUS, .to = event->from});
    return CONSENSUS_ACCEPTED;
}

static enum consensus_verdict dispatch(struct consensus *core, const struct consensus_event *event,
                                       struct consensus_actions *out)
{
    switch (event->kind) {
    case CONSENSUS_ON_START:
        return on_start(core, out);
    case CONSENSUS_ON_TIMEOUT:
        core->timer_ms = 0; /* spent: whatever comes next is news to the caller */
        return CONSENSUS_ACCEPTED;
    case CONSENSUS_ON_WORK:
        core->work_now = event->work.now;
        core->work_due_ms = event->work.due_ms;
        return CONSENSUS_ACCEPTED;
    case CONSENSUS_ON_PEER_UP:
        return on_peer_up(core, event, out);
    case CONSENSUS_ON_PROPOSAL:
        return on_proposal(core, event, out);
    case CONSENSUS_ON_ANNOUNCED:
        return on_announced(core, event->announced);
    case CONSENSUS_ON_VOTE:
        return on_vote(core, event, out);
    case CONSENSUS_ON_CERTIFICATE:
        return on_certificate(core, event, out);
    case CONSENSUS_ON_STATUS:
        return on_status(core, event, out);
    case CONSENSUS_ON_HAVE:
        return on_have(core, event, out);
    case CONSENSUS_ON_GET_CERTIFICATES:
        return on_get_certificates(core, event, out);
    case CONSENSUS_ON_SIGNED:
        return on_signed(core, &event->vote, out);
    case CONSENSUS_ON_SIGN_REFUSED:
        return on_sign_refused(core, &event->vote);
    case CONSENSUS_ON_BUILT:
        return on_built(core, event, out);
    case CONSENSUS_ON_BUILD_FAILED:
        return on_build_failed(core, event->build_failed);
    case CONSENSUS_ON_CERTIFIED:
        return on_certified(core, event, out);
    case CONSENSUS_ON_ADVANCED:
        return on_advanced(core, &event->advanced, out);
    }
    UNREACHABLE();
}

static bool is_from_peer(enum consensus_event_kind kind)
{
    return kind >= CONSENSUS_ON_PEER_UP && kind <= CONSENSUS_ON_GET_CERTIFICATES;
}

enum consensus_verdict consensus_step(struct consensus *core, const struct consensus_event *event,
                                      struct consensus_actions *actions)
{
    ASSERT(core->started || event->kind == CONSENSUS_ON_START);
    ASSERT(event->now_ms >= core->now_ms);

    actions->count = 0;
    actions->persist_count = 0;
    actions->final_count = 0;
    actions->final_certificate = NULL;
    core->now_ms = event->now_ms;
    if (is_from_peer(event->kind)) {
        peer_of(core, event->from)->heard_ms = event->now_ms;
    }
    if (core->diverged) { /* maybe while restoring, when nothing could be said */
        core->started = true;
        emit_block(actions, CONSENSUS_DO_DIVERGED, &core->delivered);
        return CONSENSUS_STALE;
    }
    if (core->is_over) {
        return CONSENSUS_STALE;
    }
    const enum consensus_verdict verdict = dispatch(core, event, actions);
    epoch_answer(core, event, verdict, actions);
    if (!core->diverged) {
        run(core, actions);
    }
#ifdef BASE_AUDIT
    consensus_audit(core);
#endif
    return verdict;
}

enum consensus_verdict consensus_screen(const struct consensus *core,
                                        const struct consensus_event *event)
{
    if (event->kind == CONSENSUS_ON_VOTE) {
        return vote_check(core, &event->vote);
    }
    if (event->kind == CONSENSUS_ON_CERTIFICATE) {
        return certificate_check(core, event->certificate);
    }
    if (event->kind == CONSENSUS_ON_PROPOSAL) {
        return proposal_check(core, event);
    }
    return CONSENSUS_ACCEPTED;
}

bool consensus_names(const struct consensus *core, uint64_t view, const struct hash *hash)
{
    const struct record *record = record_peek(core, view);
    const bool is_base = view == core->base.view && hash_equal(&core->base.proposal, hash);
    return is_base ||
           (record != NULL && record->known && hash_equal(&record->block.proposal, hash));
}

bool consensus_needs(const struct consensus *core, uint64_t view, const struct hash *hash)
{
    return slot_peek(core, view) != NULL || consensus_names(core, view, hash);
}

size_t consensus_footprint(uint32_t validator_count)
{
    ASSERT(validator_count >= 1 && validator_count <= VALIDATOR_COUNT_MAX);
    const size_t ballots = (size_t)VIEW_WINDOW * (KIND_COUNT - 1) * validator_count;
    return sizeof(struct consensus) + ballots * sizeof(struct ballot);
}

static void init_anchor(struct consensus *core, const struct consensus_anchor *anchor)
{
    core->delivered = (struct consensus_block){.view = anchor->view,
                                               .proposal = anchor->proposal,
                                               .block_id = anchor->block_id,
                                               .height = anchor->height};
    core->fin = core->delivered;
    core->base = core->delivered;
    core->horizon = anchor->view;
    core->folded = anchor->view;
    core->has_last_f = anchor->certificate != NULL;
    if (core->has_last_f) {
        core->last_f = *anchor->certificate;
    }
    core->config.anchor.certificate = NULL;
}

struct consensus *consensus_init(void *mem, const struct consensus_config *config)
{
    ASSERT(config->self == CONSENSUS_OBSERVER || config->self < config->validator_count);
    ASSERT(config->delta_0_ms >= 1 && config->delta_max_ms >= config->delta_0_ms);
    ASSERT(config->standstill_ms >= 1);

    struct consensus *core = mem;
    memset(core, 0, consensus_footprint(config->validator_count));
    core->config = *config;
    core->quorum = validator_quorum(config->validator_count);
    core->faulty_max = validator_faulty_max(config->validator_count);
    core->work_due_ms = NEVER;
    core->standstill_ms = NEVER;
    core->timer_ms = NEVER;
    core->pull_ms = NEVER;
    init_anchor(core, &config->anchor);
    view_enter(core, config->anchor.view + 1, VOTE_FINALIZE, NULL);
    return core;
}

void consensus_status(const struct consensus *core, struct consensus_status *out)
{
    memset(out, 0, sizeof(*out));
    out->epoch = core->config.epoch;
    out->view = core->view;
    out->leader = view_leader(core, core->view);
    out->awake = core->awake;
    out->is_over = core->is_over;
    out->last_final = core->fin;
    out->last_delivered = core->delivered;
    out->entry_kind = core->entry_view == 0 ? VOTE_PROPOSE : core->entry_kind;
    out->entry_view = core->entry_view;
    const struct slot *slot = slot_peek(core, core->view);
    for (uint32_t kind = VOTE_NOTARIZE; kind < KIND_COUNT; kind++) {
        out->voted[kind] = slot->voted[kind];
    }
    for (uint32_t i = 0; i < REPAIR_COUNT && out->missing_view == 0; i++) {
        out->missing_view = core->repairs[i].want.view;
    }
}
