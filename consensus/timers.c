#include "consensus/announced.h"
#include "consensus/parts.h"

/* Timers (32) and the idle rule (33.1, K7).  Deadlines are kept here; the caller has one
 * timer, set to the earliest. */

enum { RETRY_MS_MIN = 500 };

/* Delta_v: grows by half for each view since the last F, after f + 1 of them: so many leaders
 * include an honest one.  A function of certificates, so all nodes agree and an F resets it. */
uint64_t delta_ms(const struct consensus *core)
{
    const uint64_t failed = core->view - core->fin.view - 1;
    uint64_t delta = core->config.delta_0_ms;
    for (uint64_t i = core->faulty_max + 1; i < failed && delta < core->config.delta_max_ms; i++) {
        delta += delta / 2 + 1;
    }
    return delta < core->config.delta_max_ms ? delta : core->config.delta_max_ms;
}

static uint64_t certify_timeout_ms(const struct consensus *core)
{
    return 3 * delta_ms(core) + core->config.c_max_ms;
}

uint64_t retry_interval_ms(const struct consensus *core)
{
    const uint64_t delta = delta_ms(core);
    return delta > RETRY_MS_MIN ? delta : RETRY_MS_MIN;
}

/* A notarized proposal that is not final needs a final descendant (33.4). */
static bool is_tip_unfinal(const struct consensus *core)
{
    for (uint64_t view = view_first(core); view <= view_top(core); view++) {
        const struct record *record = record_peek(core, view);
        if (record != NULL && record->has_n && !record->bad) {
            return true;
        }
    }
    return false;
}

static bool has_news(const struct consensus *core)
{
    return core->work_now || core->now_ms >= core->work_due_ms;
}

bool has_work(const struct consensus *core)
{
    return has_news(core) || is_tip_unfinal(core);
}

/* An own NOTARIZE is no reason: whatever is worth deciding is work that lasts until it is
 * final.  A node that alone notarized a carrier, because it learned of the F later than the
 * others, would else wait for ever in a view that nobody ends. */
static bool is_awake(const struct consensus *core)
{
    const struct slot *slot = slot_peek(core, core->view);
    const uint32_t nullified = validator_bitmap_count(&slot->voted[VOTE_NULLIFY]);
    return has_work(core) || nullified > core->faulty_max;
}

static uint64_t standstill_interval_ms(const struct consensus *core)
{
    const uint64_t base = core->config.standstill_ms;
    if (!is_validator(core)) {
        return base;
    }
    return base + base * core->config.self / (5 * (uint64_t)core->config.validator_count);
}

/* An idle node has no timers; the clock of a view starts when there is something to decide. */
void timers_arm(struct consensus *core)
{
    if (!is_awake(core)) {
        core->awake = false;
        core->lead_ms = NEVER;
        core->cert_ms = NEVER;
        core->standstill_ms = NEVER;
        return;
    }
    if (!core->awake) {
        core->awake = true;
        core->awake_since_ms = core->now_ms;
    }
    if (core->standstill_ms == NEVER) {
        core->standstill_ms = core->now_ms + standstill_interval_ms(core);
    }
    if (core->cert_ms == NEVER) {
        core->lead_ms = core->now_ms + 2 * delta_ms(core);
        core->cert_ms = core->now_ms + certify_timeout_ms(core);
        core->cert_ms += slot_peek(core, core->view)->announced ? delta_ms(core) : 0;
    }
}

/* 32.4: a leader that has been silent while a quorum spoke, for longer than any timer, is
 * skipped at once.  Local and safe; with fewer than a quorum heard it fails open. */
bool is_leader_silent(const struct consensus *core)
{
    const struct slot *slot = slot_peek(core, core->view);
    const uint32_t leader = view_leader(core, core->view);
    const uint64_t period = 2 * (certify_timeout_ms(core) + RETRY_MS_MIN);
    if (leader == core->config.self || slot->candidate.present || slot->announced ||
        core->now_ms - core->awake_since_ms < period ||
        core->now_ms - core->peers[leader].heard_ms < period) {
        return false;
    }
    uint32_t heard = 1; /* ourselves */
    for (uint32_t i = 0; i < core->config.validator_count; i++) {
        const struct peer *peer = &core->peers[i];
        if (i != core->config.self && peer->heard_ms != 0 &&
            core->now_ms - peer->heard_ms < period) {
            heard++;
        }
    }
    return heard >= core->quorum;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Until when a leader whose block would do nothing new waits for an F.  Not Delta_v: what comes
 * into the pool meanwhile waits too. */
uint64_t rest_end_ms(const struct consensus *core)
{
    return core->entered_ms + core->config.delta_0_ms / 2;
}

/* When the leader builds: at least min_block_interval after the proposal before.  What only
 * carries (no work, a boundary block again) gives the F of its parent time to form, or an idle
 * chain would never rest. */
uint64_t build_at_ms(const struct consensus *core)
{
    const struct slot *slot = slot_peek(core, core->view);
    struct consensus_block parent;
    uint64_t missing;
    uint64_t at = core->proposal_ms + core->config.min_block_interval_ms;
    if (!has_news(core) || (floor_find(core, &parent, &missing) && parent.boundary)) {
        at = later(at, core->entered_ms + delta_ms(core) / 2);
    }
    if (slot->rests && slot->rest_final == core->fin.view) {
        at = later(at, rest_end_ms(core));
    }
    return at;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Deadlines of the current view that a step at that time would act on. */
static uint64_t view_deadline_ms(const struct consensus *core)
{
    const struct slot *slot = slot_peek(core, core->view);
    uint64_t at = NEVER;
    if (!is_validator(core)) {
        return at;
    }
    if (!slot->promises[VOTE_NULLIFY].made && !slot->promises[VOTE_FINALIZE].made) {
        at = earlier(at, core->cert_ms);
        if (!is_proposal_near(slot)) {
            at = earlier(at, core->lead_ms);
        }
    }
    if (slot->promises[VOTE_NULLIFY].is_signed) {
        at = earlier(at, core->retry_ms);
    }
    const bool builds = view_leader(core, core->view) == core->config.self && !slot->build_asked &&
                        !slot->promises[VOTE_PROPOSE].made;
    if (builds && build_at_ms(core) > core->now_ms) {
        at = earlier(at, build_at_ms(core));
    }
    return at;
}

void timers_set(struct consensus *core, struct consensus_actions *out)
{
    const struct slot *slot = slot_peek(core, core->view);
    uint64_t at = core->awake ? earlier(view_deadline_ms(core), core->standstill_ms) : NEVER;
    at = earlier(at, repair_next_ms(core));
    at = earlier(at, core->pull_ms);
    if (core->work_due_ms > core->now_ms) {
        at = earlier(at, core->work_due_ms);
    }
    if (slot->candidate.present && slot->candidate.earliest_ok_ms > core->now_ms) {
        at = earlier(at, slot->candidate.earliest_ok_ms);
    }
    if (at == core->timer_ms) {
        return;
    }
    core->timer_ms = at;
    emit(out, &(struct consensus_action){
                  .kind = CONSENSUS_DO_SET_TIMER, .to = CONSENSUS_ALL, .timer_at_ms = at});
}
