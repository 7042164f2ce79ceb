#include "client/worker/worker.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "base/log.h"
#include "client/worker/register.h"
#include "client/worker/task.h"

/* The loop: look at the chain, decide, act, and train one step at a time in between. */

enum {
    FRESH_EVERY_MS = 5000, /* 9.3: twice in ten seconds */
    VIEW_IDLE_MS = 200,
    VIEW_TRAINING_MS = 1000,
    RETRY_MS = 500,
    SHORTAGE_MS = 5000, /* of memory or threads */
    PROGRESS_MS = 2000,
    LINGER_MS = 60000,
    OFFER_CHECK_MS = 30000, /* an offer that closed is missed for this long */
};

/* Another attempt may end better: silence, a refusal because the chain moved on, memory that
 * another program has now. */
static bool is_passing(enum exit_code code)
{
    switch ((int)code) {
    case EXIT_CODE_UNREACHABLE:
    case EXIT_CODE_NOT_FOUND:
    case EXIT_CODE_REJECTED:
    case EXIT_CODE_EXPIRED:
    case EXIT_CODE_QUOTA:
    case EXIT_CODE_VERIFY:
    case EXIT_CODE_FAILURE:
        return true;
    default:
        return false;
    }
}

static void keep_fresh(struct worker *worker)
{
    const uint64_t now = light_now_ms(worker->light);
    struct error error;
    if (worker->fresh_ms != 0 && now - worker->fresh_ms < FRESH_EVERY_MS) {
        return;
    }
    worker->fresh_ms = now;
    if (!light_refresh_fresh(worker->light, &error) &&
        light_tip(worker->light)->header.height > 0) {
        log_line(LOG_ODD, "worker", "the chain's head may be stale: %s", error.detail);
    }
}

static bool perform(struct worker *worker, enum worker_action action, struct error *error)
{
    switch (action) {
    case WORKER_WAIT:
    case WORKER_SERVE:
        light_wait(worker->light, VIEW_IDLE_MS / 2);
        return true;
    case WORKER_JUDGE:
        return task_judge(worker, error);
    case WORKER_ACCEPT:
        return task_accept(worker, error);
    case WORKER_REJECT:
        return task_reject(worker, error);
    case WORKER_PREPARE:
        return task_prepare(worker, error);
    case WORKER_READY:
        return task_ready(worker, error);
    case WORKER_ADOPT:
        return result_adopt(worker, error);
    case WORKER_TRAIN:
        return segment_step(worker, error);
    case WORKER_COMMIT:
        return segment_commit(worker, error);
    case WORKER_REVEAL:
        return segment_reveal(worker, error);
    case WORKER_FETCH:
        return result_fetch(worker, error);
    case WORKER_VOTE:
        return result_vote(worker, error);
    }
    UNREACHABLE();
}

/* Steps left at the pace so far; the rest of a round is short beside them. */
static uint64_t estimate_ms(const struct worker *worker, uint32_t steps)
{
    const struct task *task = worker->task;
    if (worker->pace_ms == 0.0F || task->plan.rounds == 0) {
        return 0;
    }
    const uint32_t done =
        task->now.begun && task->now.at.round == task->round_index ? task->now.at.step : 0;
    const uint64_t left = (uint64_t)(task->plan.rounds - task->round_index) * steps - done;
    return (uint64_t)(worker->pace_ms * (float)left);
}

static void tell(struct worker *worker, enum worker_action action)
{
    const struct worker_config *config = worker->config;
    const struct task *task = worker->task;
    const uint64_t now = light_now_ms(worker->light);
    struct worker_progress progress = {.action = action, .has_job = task != NULL};
    if (config->progress == NULL || now - worker->told_ms < PROGRESS_MS) {
        return;
    }
    worker->told_ms = now;
    if (task != NULL) {
        progress.job = task->job;
        progress.rank = task->rank;
        progress.round = task->round_index;
        progress.rounds = task->plan.rounds;
        progress.earned = task->lease.earned;
        if (task->prepared) {
            progress.steps = task->members[task->rank].record.steps;
            progress.step = task->now.at.round == task->round_index ? task->now.at.step : 0;
            progress.loss = task->now.at.loss_last;
            progress.eta_ms = estimate_ms(worker, progress.steps);
        }
    }
    config->progress(config->context, &progress);
}

/* A lease that has ended is served for a while, then let go. */
static bool end_task(struct worker *worker, enum worker_action action)
{
    struct task *task = worker->task;
    const uint64_t now = light_now_ms(worker->light);
    const uint64_t linger = worker->config->linger_ms == 0 ? LINGER_MS : worker->config->linger_ms;
    if (task == NULL || action != WORKER_SERVE) {
        return false;
    }
    if (task->ended_ms == 0) {
        task->ended_ms = now;
        worker->leases++;
    }
    if (task->exchange != NULL && now - task->ended_ms < linger) {
        return false;
    }
    task_free(task);
    worker->task = NULL;
    return worker->config->leases_max != 0 && worker->leases >= worker->config->leases_max;
}

static bool is_stopped(const struct worker *worker)
{
    return worker->config->stop != NULL && *worker->config->stop != 0;
}

/* The chain closes an offer whose lease expired unanswered (14.8): made anew once this worker
 * is back.  An offer that is there costs a read. */
static bool keep_offered(struct worker *worker, uint64_t now, struct error *error)
{
    if (worker->task != NULL || now - worker->offered_ms < OFFER_CHECK_MS) {
        return true;
    }
    worker->offered_ms = now;
    return register_again(worker, error);
}

/* One turn: *ended after the last lease that was asked for. */
static bool turn(struct worker *worker, struct worker_view *view, bool *ended, struct error *error)
{
    struct worker_hand hand;
    keep_fresh(worker);
    const uint64_t now = light_now_ms(worker->light);
    if (!keep_offered(worker, now, error)) {
        return false;
    }
    const uint64_t every = worker->training ? VIEW_TRAINING_MS : VIEW_IDLE_MS;
    if (worker->viewed_ms == 0 || now - worker->viewed_ms >= every) {
        if (!view_read(worker, view, error)) {
            return false;
        }
        worker->viewed_ms = now;
    }
    hand_read(worker, &hand);
    const enum worker_action action =
        now < worker->retry_ms ? WORKER_WAIT : worker_decide(view, &hand);
    worker->training = action == WORKER_TRAIN;
    tell(worker, action);
    if (!perform(worker, action, error)) {
        return false;
    }
    if (action != WORKER_TRAIN && action != WORKER_WAIT && action != WORKER_SERVE) {
        worker->viewed_ms = 0; /* what was done shows in the state */
    }
    *ended = end_task(worker, action);
    return true;
}

static bool loop(struct worker *worker, struct error *error)
{
    struct worker_view view = {.has_lease = false};
    bool ended = false;
    worker->offered_ms = light_now_ms(worker->light);
    while (!ended && !is_stopped(worker)) {
        if (turn(worker, &view, &ended, error)) {
            continue;
        }
        if (worker->spoilt || !is_passing(error->code)) {
            return false;
        }
        log_line(LOG_INFO, "worker", "%s; trying again", error->detail);
        worker->retry_ms = light_now_ms(worker->light) +
                           (error->code == EXIT_CODE_FAILURE ? SHORTAGE_MS : RETRY_MS);
        worker->viewed_ms = 0;
        light_wait(worker->light, VIEW_IDLE_MS / 2);
    }
    return true;
}

static bool read_params(struct worker *worker, struct error *error)
{
    struct params params;
    const struct key key = key_global(GLOBAL_PARAMS);
    while (!is_stopped(worker)) {
        if (light_read(worker->light, &key, &record_params, &params, error)) {
            worker->result_window_ms = params.result_window_ms;
            return true;
        }
        if (error->code != EXIT_CODE_NOT_FOUND && error->code != EXIT_CODE_UNREACHABLE) {
            return false;
        }
        /* No block yet: this worker's own first transaction will make one. */
        if (light_tip(worker->light)->header.height == 0 && error->code == EXIT_CODE_NOT_FOUND) {
            worker->result_window_ms = 0;
            return true;
        }
        light_wait(worker->light, RETRY_MS);
    }
    return true;
}

bool worker_run(const struct worker_config *config, struct error *error)
{
    struct worker worker = {.config = config, .light = config->light};
    if (config->nice != 0 && setpriority(PRIO_PROCESS, 0, config->nice) != 0) {
        log_line(LOG_ODD, "worker", "the system refuses nice %d", config->nice);
    }
    crypto_address(crypto_key_public(config->provider), &worker.provider);
    crypto_address(crypto_key_public(config->worker), &worker.address);
    tx_sender_init(&worker.provider_sender, config->light, config->provider);
    tx_sender_init(&worker.worker_sender_own, config->light, config->worker);
    worker.worker_sender = address_equal(&worker.provider, &worker.address)
                               ? &worker.provider_sender
                               : &worker.worker_sender_own;
    const bool ok = journal_remember(&worker, error) && register_all(&worker, error) &&
                    read_params(&worker, error) && loop(&worker, error) &&
                    register_end(&worker, error);
    task_free(worker.task);
    return ok;
}
