#include <stdlib.h>

#include "client/worker/task.h"

/* Everything the decision needs, from proven state. */

enum { LEASES_LOOKED_AT = 8 };

/* The lease that is followed: the one at hand while it is among the live ones or until it was
 * served long enough, else the first live one.  A new task is made for it. */
static bool pick_lease(struct worker *worker, bool *live, struct error *error)
{
    struct item items[LEASES_LOOKED_AT];
    struct light_collection io = {.collection = COLLECTION_WORKER_LEASES,
                                  .owner = bytes_of(worker->address.bytes, ADDRESS_SIZE),
                                  .items = items,
                                  .max = LEASES_LOOKED_AT};
    *live = false;
    if (!light_read_collection(worker->light, &io, error)) {
        /* Nothing final yet: no leases either. */
        return error->code == EXIT_CODE_NOT_FOUND && light_tip(worker->light)->header.height == 0;
    }
    const uint32_t count = io.count < LEASES_LOOKED_AT ? io.count : LEASES_LOOKED_AT;
    for (uint32_t i = 0; i < count; i++) {
        *live =
            *live || (worker->task != NULL && hash_equal(&items[i].id, &worker->task->lease_id));
    }
    if (*live || count == 0) {
        return true;
    }
    task_free(worker->task);
    worker->task = calloc(1, sizeof *worker->task);
    if (worker->task == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "worker: no memory for a lease");
    }
    worker->task->lease_id = items[0].id;
    const struct key key = key_object(KEY_LEASE, &items[0].id);
    struct task *task = worker->task;
    if (!light_read(worker->light, &key, &record_lease, &task->lease, error)) {
        task_free(task);
        worker->task = NULL;
        return false;
    }
    task->job = task->lease.job;
    task->version = task->lease.plan_version;
    task->rank = task->lease.rank;
    *live = true;
    return true;
}

struct wanted {
    struct key key;
    const struct record *record;
    void *out;
    bool needed;
    bool present;
};

/* All at one state root. */
static bool read_all(struct light *light, struct wanted *wanted, uint32_t count,
                     struct error *error)
{
    struct key keys[LIGHT_KEY_MAX];
    struct light_values values;
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = wanted[i].key;
    }
    if (!light_prove(light, keys, count, &values, error)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        wanted[i].present = values.items[i].present;
        if (values.items[i].present) {
            ok = ok && record_decode(wanted[i].record, values.items[i].value, wanted[i].out);
        } else {
            ok = ok && !wanted[i].needed;
        }
    }
    light_values_free(&values);
    return ok || error_set(error, EXIT_CODE_VERSION,
                           "worker: objects of the lease are missing or of another version");
}

/* The segment of a round that has just been opened is not that of the round before. */
static bool read_records(struct worker *worker, bool *has_segment, bool *has_round,
                         struct error *error)
{
    struct task *task = worker->task;
    struct clock clock;
    for (int attempt = 0; attempt < 3; attempt++) {
        struct wanted wanted[] = {
            {key_global(GLOBAL_CLOCK), &record_clock, &clock, true, false},
            {key_object(KEY_LEASE, &task->lease_id), &record_lease, &task->lease, true, false},
            {key_object(KEY_PROCESS, &task->job), &record_process, &task->process, true, false},
            {key_object(KEY_REQUEST, &task->job), &record_request, &task->request, true, false},
            {key_round(&task->job, task->round_index), &record_round, &task->round, false, false},
            {key_segment(&task->job, task->round_index, task->rank), &record_segment,
             &task->segment, false, false},
        };
        if (!read_all(worker->light, wanted, sizeof wanted / sizeof wanted[0], error)) {
            return false;
        }
        worker->ledger_lag_ms = clock.header_ms - clock.ledger_ms;
        *has_round = wanted[4].present && task->process.rounds_opened > 0;
        *has_segment = wanted[5].present;
        const uint32_t newest =
            task->process.rounds_opened == 0 ? 0 : task->process.rounds_opened - 1;
        if (newest == task->round_index) {
            return true;
        }
        task->round_index = newest;
        result_forget(task);
    }
    return error_set(error, EXIT_CODE_UNREACHABLE, "worker: rounds pass faster than they are read");
}

static uint32_t count_bits(const uint8_t *bitmap, uint32_t size)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < 8 * size; i++) {
        count += task_bit(bitmap, i) ? 1 : 0;
    }
    return count;
}

static void view_round(const struct task *task, bool has_segment, struct worker_view *out)
{
    const struct round *round = &task->round;
    out->round = task->round_index;
    out->phase = round->phase;
    out->commit_deadline_ms = round->commit_deadline_ms;
    out->result_deadline_ms = round->result_deadline_ms;
    out->committed = task_bit(round->committed, task->rank);
    out->revealed = task_bit(round->revealed, task->rank);
    out->revealed_count = count_bits(round->revealed, round->revealed_size);
    if (has_segment) {
        out->votes = task->segment.votes;
        out->voted_count = count_bits(task->segment.vote_bitmap, task->segment.vote_bitmap_size);
    }
}

/* Ledger time: that of the tip, or of this clock if the chain idles. */
static uint64_t ledger_now_ms(const struct worker *worker)
{
    const uint64_t tip = light_tip(worker->light)->header.time_ms;
    const uint64_t wall = light_wall_ms(worker->light);
    return (wall > tip ? wall : tip) - worker->ledger_lag_ms;
}

bool view_read(struct worker *worker, struct worker_view *out, struct error *error)
{
    bool live = false;
    bool has_segment = false;
    bool has_round = false;
    *out = (struct worker_view){.has_lease = false};
    if (!pick_lease(worker, &live, error)) {
        return false;
    }
    const struct task *task = worker->task;
    if (task == NULL) {
        return true;
    }
    if (!read_records(worker, &has_segment, &has_round, error)) {
        return false;
    }
    out->has_lease = true;
    out->fresh = light_is_fresh(worker->light);
    out->now_ms = ledger_now_ms(worker);
    out->lease_state = task->lease.state;
    out->plan_current = task->process.plan_version == task->version;
    out->process_state = task->process.state;
    out->deadline_ms = task->process.deadline_ms;
    out->workers_min = task->terms.workers_min;
    out->result_window_ms = worker->result_window_ms;
    out->has_round = has_round && task->lease.state == LEASE_ACTIVE;
    if (out->has_round) {
        view_round(task, has_segment, out);
    }
    return true;
}

void hand_read(const struct worker *worker, struct worker_hand *out)
{
    const struct task *task = worker->task;
    *out = (struct worker_hand){.judged = false};
    if (task == NULL) {
        return;
    }
    const bool same = task->now.begun && task->now.at.round == task->round_index;
    out->judged = task->judged;
    out->acceptable = task->acceptable;
    out->prepared = task->prepared;
    out->base_round = task->base.round;
    out->trained = same && task->now.at.done;
    out->unable = same && task->now.unable;
    out->delta_count = task->prepared ? result_delta_count(task) : 0;
}
