#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/worker/task.h"
#include "types/codes.h"

/* The end of a round: the deltas of all, their exact integer sum, the outer step, the vote,
 * and taking over what more than half of the weight agreed on (14.9). */

uint32_t result_delta_count(const struct task *task)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < task->plan.member_count; i++) {
        count += task->members[i].delta != NULL && task_bit(task->round.revealed, i) ? 1 : 0;
    }
    return count;
}

/* A new round has begun, or the task ends: its deltas are of no more use. */
void result_forget(struct task *task)
{
    for (uint32_t i = 0; task->members != NULL && i < task->plan.member_count; i++) {
        struct task_member *member = &task->members[i];
        if (member->delta != NULL && task->exchange != NULL) {
            blob_drop(task->exchange, &member->delta_root);
        }
        free(member->delta);
        member->delta = NULL;
    }
}

/* ---- Deltas -------------------------------------------------------------------------------- */

struct delta_check {
    const struct task *task;
    const struct hash *root;
};

static bool delta_is(void *context, struct bytes bytes)
{
    const struct delta_check *check = context;
    struct hash root;
    return outer_delta_root(&check->task->program, bytes, crypto_hash_port(), &root) &&
           hash_equal(&root, check->root);
}

static bool fetch_delta(struct task *task, uint32_t rank, const struct segment *segment,
                        uint64_t within_ms, struct error *error)
{
    struct task_member *member = &task->members[rank];
    const uint64_t size = task->shape.delta_size;
    struct delta_check check = {.task = task, .root = &segment->delta_root};
    uint8_t *delta = malloc((size_t)size + 1);
    if (delta == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "worker: no memory for a delta");
    }
    const struct task_segment *now = &task->now;
    bool ok = true;
    if (now->at.done && hash_equal(&now->at.delta_root, &segment->delta_root)) {
        memcpy(delta, now->at.delta, (size_t)size);
    } else {
        const struct blob_wanted wanted = {.root = segment->delta_root,
                                           .size = size,
                                           .check = delta_is,
                                           .context = &check,
                                           .first = &member->key,
                                           .within_ms = within_ms};
        ok = blob_fetch(task->exchange, &wanted, delta, error);
    }
    if (!ok) {
        member->failed++;
        free(delta);
        return false;
    }
    member->delta = delta;
    member->delta_root = segment->delta_root;
    /* Whoever cannot reach its maker may have it from here. */
    return blob_put(task->exchange, &segment->delta_root, bytes_of(delta, (size_t)size), error);
}

/* Into its place among the first LIGHT_KEY_MAX: those that failed least come first. */
static uint32_t rank_insert(const struct task *task, uint32_t *ranks, uint32_t count, uint32_t rank)
{
    uint32_t at = count;
    while (at > 0 && task->members[ranks[at - 1]].failed > task->members[rank].failed) {
        at--;
    }
    if (at == LIGHT_KEY_MAX) {
        return count;
    }
    const uint32_t after = (count < LIGHT_KEY_MAX ? count : LIGHT_KEY_MAX - 1) - at;
    memmove(ranks + at + 1, ranks + at, after * sizeof *ranks);
    ranks[at] = rank;
    return at + after + 1;
}

static uint32_t list_missing(const struct task *task, uint32_t ranks[LIGHT_KEY_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < task->plan.member_count; i++) {
        if (task_bit(task->round.revealed, i) && task->members[i].delta == NULL) {
            count = rank_insert(task, ranks, count, i);
        }
    }
    return count;
}

/* Half of what is left of a quarter of the result window: a member that answers slowly delays
 * a turn, and the round goes on with the deltas of the others. */
static uint64_t share_ms(const struct worker *worker, uint64_t since_ms)
{
    const uint64_t all = worker->result_window_ms / 4;
    const uint64_t spent = light_now_ms(worker->light) - since_ms;
    return spent + 2 <= all ? (all - spent) / 2 : 1;
}

/* Every delta that can be had now.  Some may be missing afterwards. */
bool result_fetch(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    uint32_t ranks[LIGHT_KEY_MAX];
    struct key keys[LIGHT_KEY_MAX];
    struct light_values values;
    const uint64_t since_ms = light_now_ms(worker->light);
    const uint32_t count = list_missing(task, ranks);
    if (count == 0) {
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = key_segment(&task->job, task->round_index, ranks[i]);
    }
    if (!light_prove(worker->light, keys, count, &values, error)) {
        return false;
    }
    bool all = true;
    for (uint32_t i = 0; i < count; i++) {
        struct segment segment;
        if (values.items[i].present &&
            record_decode(&record_segment, values.items[i].value, &segment) &&
            segment.state == SEGMENT_REVEALED) {
            all = fetch_delta(task, ranks[i], &segment, share_ms(worker, since_ms), error) && all;
        }
    }
    light_values_free(&values);
    return all;
}

/* ---- The aggregate and the vote ---------- */

static float float_of(uint32_t bits)
{
    float value = 0.0F;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void aggregate(struct task *task)
{
    const struct vm_program *program = &task->program;
    const uint64_t size = task->shape.delta_size;
    struct outer_rule rule = {.weight_sum = 0,
                              .eta = float_of(task->terms.outer_eta),
                              .mu = float_of(task->terms.outer_mu)};
    memset(task->sum, 0, task->shape.elements * sizeof *task->sum);
    memset(task->next_bitmap, 0, sizeof task->next_bitmap);
    for (uint32_t i = 0; i < task->plan.member_count; i++) {
        const struct task_member *member = &task->members[i];
        if (member->delta == NULL || !task_bit(task->round.revealed, i)) {
            continue;
        }
        const bool added = outer_add(program, task->sum, bytes_of(member->delta, (size_t)size),
                                     member->record.weight);
        ASSERT(added); /* its root was computed, so it is well formed */
        rule.weight_sum += member->record.weight;
        task->next_bitmap[i / 8] = (uint8_t)(task->next_bitmap[i / 8] | 1U << (i % 8));
    }
    memcpy(task->next_theta, task->base.theta, task->shape.elements * sizeof(float));
    memcpy(task->next_momentum, task->base.momentum, task->shape.elements * sizeof(float));
    outer_apply(program, task->sum, &rule, task->next_theta, task->next_momentum);
    outer_root(program, task->next_theta, crypto_hash_port(), &task->next_theta_root);
    outer_root(program, task->next_momentum, crypto_hash_port(), &task->next_momentum_root);
    task->has_next = true;
}

bool result_vote(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    aggregate(task);
    struct body_round_result body = {.job = task->job,
                                     .round = task->round_index,
                                     .bitmap_size = task->round.revealed_size,
                                     .theta_root = task->next_theta_root,
                                     .mom_root = task->next_momentum_root};
    memcpy(body.bitmap, task->next_bitmap, body.bitmap_size);
    uint32_t code = CODE_OK;
    if (tx_send(worker->worker_sender, TX_ROUND_RESULT, &body, &code, error)) {
        return true;
    }
    /* The others had more than half of the weight without this one: as good as counted. */
    return error->code == EXIT_CODE_REJECTED && (code == CODE_E_ROUND || code == CODE_E_STATE);
}

/* ---- Taking over ---------- */

/* Serve these parameters and momentum; those of two rounds ago are dropped. */
static bool serve_head(struct task *task, const struct hash *theta, const struct hash *momentum,
                       struct error *error)
{
    const size_t size = (size_t)(task->shape.elements * sizeof(float));
    for (uint32_t i = 0; i < 2; i++) {
        if (!hash_is_zero(&task->served[i])) {
            blob_drop(task->exchange, &task->served[i]);
        }
    }
    task->served[0] = task->serving[0];
    task->served[1] = task->serving[1];
    task->serving[0] = *theta;
    task->serving[1] = *momentum;
    return blob_put(task->exchange, theta, bytes_of(task->base.theta, size), error) &&
           blob_put(task->exchange, momentum, bytes_of(task->base.momentum, size), error);
}

bool result_serve(struct task *task, struct error *error)
{
    struct hash theta;
    struct hash momentum;
    outer_root(&task->program, task->base.theta, crypto_hash_port(), &theta);
    outer_root(&task->program, task->base.momentum, crypto_hash_port(), &momentum);
    return serve_head(task, &theta, &momentum, error);
}

/* The worker's own state goes on from its segment if that was accepted, else from before. */
static bool take_own_state(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    const struct record_segment *at = &task->now.at;
    struct segment segment;
    const struct key key = key_segment(&task->job, task->base.round, task->rank);
    if (!at->done || at->round != task->base.round) {
        return true;
    }
    if (!light_read(worker->light, &key, &record_segment, &segment, error)) {
        return error->code == EXIT_CODE_NOT_FOUND;
    }
    const bool accepted = segment.state == SEGMENT_ACCEPTED || segment.state == SEGMENT_PAID;
    if (accepted && hash_equal(&at->delta_root, &segment.delta_root)) {
        memcpy(task->base.inner, at->inner, (size_t)task->shape.inner_size);
        memcpy(task->base.counters, at->counters, (size_t)task->shape.counters_size);
        memcpy(task->base.ef, at->ef, task->shape.elements * sizeof(float));
    }
    return true;
}

static void take_next(struct task *task)
{
    memcpy(task->base.theta, task->next_theta, task->shape.elements * sizeof(float));
    memcpy(task->base.momentum, task->next_momentum, task->shape.elements * sizeof(float));
}

static bool take_head(struct task *task, const struct hash *theta, const struct hash *momentum,
                      struct error *error)
{
    if (task->has_next && hash_equal(theta, &task->next_theta_root) &&
        hash_equal(momentum, &task->next_momentum_root)) {
        take_next(task);
        return true;
    }
    log_line(LOG_INFO, "worker", "the closed round's result is fetched from the other members");
    if (!task_fetch(task, theta, VM_PARAMS, task->next_theta, error) ||
        !task_fetch(task, momentum, VM_PARAMS, task->next_momentum, error)) {
        return false;
    }
    take_next(task);
    return true;
}

bool result_adopt(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    const struct round *round = &task->round;
    const bool closed = round->phase == ROUND_CLOSED || round->phase == ROUND_CERTIFIED;
    const struct hash theta = closed ? round->theta_out : round->theta_in;
    const struct hash momentum = closed ? round->mom_out : round->mom_in;
    if (!take_head(task, &theta, &momentum, error) || !take_own_state(worker, error)) {
        return false;
    }
    task->has_next = false;
    task->base.round = task->round_index + (closed ? 1 : 0);
    return serve_head(task, &theta, &momentum, error) && task_journal_write_base(worker, error);
}
