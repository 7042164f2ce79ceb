#include "client/worker/core.h"

static enum worker_action decide_proposed(const struct worker_view *view,
                                          const struct worker_hand *hand)
{
    if (!view->plan_current || view->process_state != PROCESS_PROPOSED || !view->fresh ||
        view->now_ms > view->deadline_ms) {
        return WORKER_WAIT;
    }
    if (!hand->judged) {
        return WORKER_JUDGE;
    }
    return hand->acceptable ? WORKER_ACCEPT : WORKER_REJECT;
}

static enum worker_action decide_accepted(const struct worker_view *view,
                                          const struct worker_hand *hand)
{
    if (!view->plan_current || view->process_state != PROCESS_AGREED) {
        return WORKER_WAIT;
    }
    if (!hand->prepared) {
        return WORKER_PREPARE;
    }
    return view->fresh && view->now_ms <= view->deadline_ms ? WORKER_READY : WORKER_WAIT;
}

static enum worker_action decide_commit(const struct worker_view *view,
                                        const struct worker_hand *hand)
{
    if (view->committed || hand->unable || view->now_ms > view->commit_deadline_ms) {
        return WORKER_WAIT;
    }
    if (!hand->trained) {
        return WORKER_TRAIN;
    }
    return view->fresh ? WORKER_COMMIT : WORKER_WAIT;
}

/* A vote over everything that was revealed is best; over less only once half of the window
 * has passed; a better one later replaces it. */
static enum worker_action decide_result(const struct worker_view *view,
                                        const struct worker_hand *hand)
{
    if (!view->revealed || view->now_ms > view->result_deadline_ms) {
        return WORKER_WAIT;
    }
    if (view->votes > 0 &&
        (view->voted_count >= view->revealed_count || view->votes >= WORKER_VOTES_MAX)) {
        return WORKER_WAIT;
    }
    if (hand->delta_count == view->revealed_count) {
        return WORKER_VOTE;
    }
    const bool late = view->now_ms + view->result_window_ms / 2 >= view->result_deadline_ms;
    const bool better = view->votes == 0 || hand->delta_count > view->voted_count;
    if (late && better && hand->delta_count >= view->workers_min) {
        return WORKER_VOTE;
    }
    return WORKER_FETCH;
}

static enum worker_action decide_round(const struct worker_view *view,
                                       const struct worker_hand *hand)
{
    const bool closed = view->phase == ROUND_CLOSED || view->phase == ROUND_CERTIFIED;
    if (hand->base_round < view->round + (closed ? 1 : 0)) {
        return WORKER_ADOPT;
    }
    switch (view->phase) {
    case ROUND_COMMIT:
        return decide_commit(view, hand);
    case ROUND_REVEAL:
        return view->committed && !view->revealed && hand->trained ? WORKER_REVEAL : WORKER_WAIT;
    case ROUND_RESULT:
        return decide_result(view, hand);
    default: /* waits for a beacon, or is over */
        return WORKER_WAIT;
    }
}

static enum worker_action decide_active(const struct worker_view *view,
                                        const struct worker_hand *hand)
{
    if (!hand->prepared) {
        return WORKER_PREPARE;
    }
    if (!view->has_round) {
        return WORKER_WAIT;
    }
    return decide_round(view, hand);
}

enum worker_action worker_decide(const struct worker_view *view, const struct worker_hand *hand)
{
    if (!view->has_lease) {
        return WORKER_WAIT;
    }
    switch (view->lease_state) {
    case LEASE_PROPOSED:
        return decide_proposed(view, hand);
    case LEASE_ACCEPTED:
        return decide_accepted(view, hand);
    case LEASE_READY:
        return hand->prepared || view->process_state != PROCESS_AGREED ? WORKER_WAIT
                                                                       : WORKER_PREPARE;
    case LEASE_ACTIVE:
        return decide_active(view, hand);
    default: /* settled, refused or released */
        return WORKER_SERVE;
    }
}

const char *worker_action_text(enum worker_action action)
{
    switch (action) {
    case WORKER_WAIT:
        return "waiting";
    case WORKER_JUDGE:
        return "checking the plan";
    case WORKER_ACCEPT:
        return "accepting";
    case WORKER_REJECT:
        return "refusing";
    case WORKER_PREPARE:
        return "fetching data and state";
    case WORKER_READY:
        return "reporting ready";
    case WORKER_ADOPT:
        return "taking over the result";
    case WORKER_TRAIN:
        return "training";
    case WORKER_COMMIT:
        return "committing";
    case WORKER_REVEAL:
        return "proving";
    case WORKER_FETCH:
        return "fetching deltas";
    case WORKER_VOTE:
        return "reporting the result";
    case WORKER_SERVE:
        return "serving the last state";
    }
    UNREACHABLE();
}
