#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "client/worker/task.h"

/* One member's segment of a round: H steps under its own batch key, a root at every H / S
 * steps, the int8 delta, the commitment and the reveal (14.9, 14.10). */

static uint32_t own_steps(const struct task *task)
{
    return task->members[task->rank].record.steps;
}

static uint64_t first_step(const struct task *task)
{
    return (uint64_t)task->now.at.round * task->terms.local_steps;
}

static void state_load(struct task *task, const float *theta, const uint8_t *inner,
                       const uint8_t *counters)
{
    model_run_write(task->run, VM_PARAMS, theta);
    model_run_write(task->run, VM_INNER, inner);
    model_run_write(task->run, VM_COUNTERS, counters);
}

static void state_save(struct task *task)
{
    model_run_read(task->run, VM_PARAMS, task->now.at.theta);
    model_run_read(task->run, VM_INNER, task->now.at.inner);
    model_run_read(task->run, VM_COUNTERS, task->now.at.counters);
}

static void segment_unable(struct task *task, const char *why)
{
    log_line(LOG_ODD, "worker", "round %u is left out: %s", (unsigned)task->now.at.round, why);
    task->now.unable = true;
}

/* 14.10: the chain will compute the same first leaf from what it knows. */
static bool start_is_right(const struct task *task)
{
    const struct vm_state_roots known = {.params = task->round.theta_in,
                                         .inner = task->lease.inner_root,
                                         .counters = task->lease.counters_root};
    struct hash root;
    vm_state_root(first_step(task), &known, crypto_hash_port(), &root);
    return hash_equal(&root, &task->now.at.roots[0]);
}

/* Nothing done of this round; the arrays stay. */
static void segment_clear(struct task *task)
{
    struct record_segment *at = &task->now.at;
    at->round = task->round_index;
    at->step = 0;
    at->done = false;
    at->loss_first = 0.0F;
    at->loss_last = 0.0F;
    at->root_count = 0;
    task->now.begun = false;
    task->now.unable = false;
}

/* The arrays of the segment at hand are what the roots beside them say; they are in the run
 * afterwards. */
static bool segment_is_whole(struct task *task)
{
    const struct record_segment *at = &task->now.at;
    const uint32_t stride = task->terms.local_steps / task->terms.checkpoints;
    struct hash root;
    struct vm_state_roots end;
    if (at->step > own_steps(task) || at->done != (at->step == own_steps(task)) ||
        at->step % stride != 0 || at->root_count != at->step / stride + 1) {
        return false;
    }
    state_load(task, at->theta, at->inner, at->counters);
    model_run_root(task->run, first_step(task) + at->step, &root);
    if (!hash_equal(&root, &at->roots[at->root_count - 1]) || !at->done) {
        return hash_equal(&root, &at->roots[at->root_count - 1]);
    }
    model_run_roots(task->run, &end);
    const struct bytes delta = bytes_of(at->delta, (size_t)task->shape.delta_size);
    return hash_equal(&end.params, &at->end.params) && hash_equal(&end.inner, &at->end.inner) &&
           hash_equal(&end.counters, &at->end.counters) &&
           outer_delta_root(&task->program, delta, crypto_hash_port(), &root) &&
           hash_equal(&root, &at->delta_root);
}

/* From the journal, into the run as well. */
static bool segment_read(struct worker *worker)
{
    struct task *task = worker->task;
    if (!task_journal_read_segment(worker)) {
        return false;
    }
    if (segment_is_whole(task)) {
        return true;
    }
    log_line(LOG_ODD, "worker",
             "journal: the segment of round %u is not the state whose root stands beside it; its "
             "work is done again",
             (unsigned)task->now.at.round);
    return false;
}

/* Nobody else has this worker's own state, and on another one than the chain holds nothing can
 * be proven. */
static bool spoil(struct worker *worker, struct error *error)
{
    const struct task *task = worker->task;
    struct vm_state_roots has;
    char id[17];
    hex_encode(task->lease_id.bytes, 8, id);
    model_run_roots(task->run, &has);
    const char *what = "counters";
    if (!hash_equal(&has.params, &task->round.theta_in)) {
        what = "parameters";
    } else if (!hash_equal(&has.inner, &task->lease.inner_root)) {
        what = "optimiser state";
    }
    worker->spoilt = true;
    return error_set(
        error, EXIT_CODE_VERIFY,
        "worker: %.120s/%s: its %s at the start of round %u have not the root that the "
        "chain holds; bring this folder back, or start again once the lease has ended",
        worker->config->journal, id, what, (unsigned)task->round_index);
}

static bool segment_begin(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct task_segment *now = &task->now;
    if (segment_read(worker) && now->at.round == task->round_index && start_is_right(task)) {
        log_line(LOG_INFO, "worker", "round %u goes on from step %u of the journal",
                 (unsigned)now->at.round, (unsigned)now->at.step);
        now->unable = false;
    } else {
        segment_clear(task);
        state_load(task, task->base.theta, task->base.inner, task->base.counters);
        model_run_root(task->run, first_step(task), &now->at.roots[0]);
        now->at.root_count = 1;
    }
    now->begun = true;
    now->key = id_batch_key(&task->job, now->at.round, &task->members[task->rank].record.worker_key,
                            &task->round.beacon);
    return start_is_right(task) || spoil(worker, error);
}

/* After a restart: a finished segment of this round is ready to be committed to, proven and
 * served; one under way is taken up when its round is seen. */
bool segment_restore(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct task_segment *now = &task->now;
    if (!segment_read(worker) || !now->at.done || now->at.round != task->base.round) {
        segment_clear(task);
        return true;
    }
    now->begun = true;
    const struct bytes delta = bytes_of(now->at.delta, (size_t)task->shape.delta_size);
    return blob_put(task->exchange, &now->at.delta_root, delta, error);
}

static bool segment_finish(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct task_segment *now = &task->now;
    state_save(task);
    memcpy(now->at.ef, task->base.ef, task->shape.elements * sizeof(float));
    const enum vm_trap trap =
        outer_delta(&task->program, task->base.theta, now->at.theta, now->at.ef, now->at.delta);
    if (trap != VM_TRAP_NONE) {
        segment_unable(task, "its delta leaves the range of int8 with shift");
        return true;
    }
    const struct bytes delta = bytes_of(now->at.delta, (size_t)task->shape.delta_size);
    const bool good =
        outer_delta_root(&task->program, delta, crypto_hash_port(), &now->at.delta_root);
    ASSERT(good); /* our own blob */
    model_run_roots(task->run, &now->at.end);
    crypto_random_bytes(now->at.salt.bytes, HASH_SIZE);
    now->at.done = true;
    return task_journal_write_segment(worker, error);
}

bool segment_step(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct task_segment *now = &task->now;
    const uint32_t stride = task->terms.local_steps / task->terms.checkpoints;
    if (!now->begun || now->at.round != task->round_index) {
        if (!segment_begin(worker, error)) {
            return false;
        }
    }
    if (now->at.done || now->unable) {
        return true;
    }
    struct vm_result result;
    const uint64_t before = light_now_ms(worker->light);
    if (!model_run_step(task->run, &now->key, first_step(task) + now->at.step, &result)) {
        segment_unable(task, "a step trapped");
        return true;
    }
    const float spent = (float)(light_now_ms(worker->light) - before);
    worker->pace_ms = worker->pace_ms == 0.0F ? spent : 0.9F * worker->pace_ms + 0.1F * spent;
    if (now->at.step == 0) {
        now->at.loss_first = result.loss;
    }
    now->at.loss_last = result.loss;
    now->at.step++;
    if (now->at.step % stride != 0) {
        return true;
    }
    model_run_root(task->run, first_step(task) + now->at.step,
                   &now->at.roots[now->at.root_count++]);
    if (now->at.step == own_steps(task)) {
        return segment_finish(worker, error);
    }
    state_save(task);
    return task_journal_write_segment(worker, error);
}

bool segment_commit(struct worker *worker, struct error *error)
{
    const struct task *task = worker->task;
    const struct task_segment *now = &task->now;
    struct commitment commitment = {.worker_key = task->members[task->rank].record.worker_key,
                                    .job = task->job,
                                    .round = now->at.round,
                                    .delta_root = now->at.delta_root,
                                    .inner_root = now->at.end.inner,
                                    .salt = now->at.salt};
    vm_trace_root(now->at.roots, now->at.root_count, crypto_hash_port(), &commitment.trace_root);
    const struct body_gradient_commitment body = {.job = task->job,
                                                  .round = now->at.round,
                                                  .lease_id = task->lease_id,
                                                  .commitment = id_commitment(&commitment)};
    return tx_send(worker->worker_sender, TX_GRADIENT_COMMITMENT, &body, NULL, error);
}

static uint32_t float_bits(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The delta is served from now on: before, nobody could use it for anything honest. */
bool segment_reveal(struct worker *worker, struct error *error)
{
    const struct task *task = worker->task;
    const struct task_segment *now = &task->now;
    const uint64_t size = task->shape.delta_size;
    struct body_proof_of_training body = {.job = task->job,
                                          .round = now->at.round,
                                          .lease_id = task->lease_id,
                                          .roots_count = now->at.root_count,
                                          .params_root = now->at.end.params,
                                          .inner_root = now->at.end.inner,
                                          .counters_root = now->at.end.counters,
                                          .delta_root = now->at.delta_root,
                                          .delta_size = (uint32_t)size,
                                          .steps = now->at.step,
                                          .loss_first = float_bits(now->at.loss_first),
                                          .loss_last = float_bits(now->at.loss_last),
                                          .salt = now->at.salt};
    memcpy(body.roots, now->at.roots, now->at.root_count * sizeof body.roots[0]);
    return blob_put(task->exchange, &now->at.delta_root, bytes_of(now->at.delta, (size_t)size),
                    error) &&
           tx_send(worker->worker_sender, TX_PROOF_OF_TRAINING, &body, NULL, error);
}
