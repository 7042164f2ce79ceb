#include <stdlib.h>

#include "base/checked.h"
#include "base/log.h"
#include "client/worker/task.h"

/* The program from the chain, and everything that has its sizes. */

enum { PARTS_AT_ONCE = 8 /* 32 KiB each */ };

/* ---- The program --------------------------------------------------------------------------- */

static bool take_part(const struct light_value *value, uint32_t size, uint8_t *bytes,
                      uint32_t *used)
{
    const struct bytes part = value->value;
    if (!value->present || part.size > size - *used) {
        return false;
    }
    memcpy(bytes + *used, part.data, part.size);
    *used += (uint32_t)part.size;
    return true;
}

static bool fetch_parts(struct worker *worker, const struct program *record, struct error *error)
{
    struct task *task = worker->task;
    uint32_t used = 0;
    for (uint32_t first = 0; first < record->part_count; first += PARTS_AT_ONCE) {
        struct key keys[PARTS_AT_ONCE];
        struct light_values values;
        const uint32_t left = record->part_count - first;
        const uint32_t count = left < PARTS_AT_ONCE ? left : PARTS_AT_ONCE;
        for (uint32_t i = 0; i < count; i++) {
            keys[i] = key_part(&record->owner, &task->plan.program_root, first + i);
        }
        if (!light_prove(worker->light, keys, count, &values, error)) {
            return false;
        }
        bool ok = true;
        for (uint32_t i = 0; i < count; i++) {
            ok = ok && take_part(&values.items[i], record->size, task->program_bytes, &used);
        }
        light_values_free(&values);
        if (!ok) {
            return error_set(error, EXIT_CODE_VERIFY, "the program's parts are not complete");
        }
    }
    return used == record->size ||
           error_set(error, EXIT_CODE_VERIFY, "the program's parts are not complete");
}

static bool parse_program(struct task *task, uint32_t size, struct error *error)
{
    const struct bytes bytes = bytes_of(task->program_bytes, size);
    const size_t arena = vm_program_arena_size(bytes);
    uint32_t where = 0;
    struct hash root;
    free(task->program_arena);
    task->program_arena = arena == 0 ? NULL : malloc(arena);
    if (task->program_arena == NULL ||
        vm_program_parse(bytes, task->program_arena, &task->program, &where) != VM_OK) {
        return error_set(error, EXIT_CODE_VERIFY, "the program is refused by the checker");
    }
    vm_program_root(&task->program, crypto_hash_port(), &root);
    return hash_equal(&root, &task->plan.program_root) ||
           error_set(error, EXIT_CODE_VERIFY, "the program has another root than the plan names");
}

bool task_program(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct program record;
    const struct key key = key_object(KEY_PROGRAM, &task->plan.program_root);
    if (!light_read(worker->light, &key, &record_program, &record, error)) {
        return false;
    }
    if (record.size > PROGRAM_SIZE_MAX || record.status != PROGRAM_CHECKED) {
        return error_set(error, EXIT_CODE_VERIFY, "the program is not complete on the chain");
    }
    free(task->program_bytes);
    task->program_bytes = malloc((size_t)record.size + 1);
    if (task->program_bytes == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "worker: no memory for the program");
    }
    if (!fetch_parts(worker, &record, error) || !parse_program(task, record.size, error)) {
        return false;
    }
    if (task->program.const_count != 0) {
        return error_set(error, EXIT_CODE_VERIFY,
                         "the program reads %u constant tensors, whose content no job carries",
                         (unsigned)task->program.const_count);
    }
    task->shape = record_shape_of(&task->program);
    return true;
}

static const struct vm_tensor *data_tensor(const struct vm_program *program)
{
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        if (program->tensors[i].kind == VM_DATA) {
            return &program->tensors[i];
        }
    }
    return NULL;
}

/* ---- Memory --------------------------------------------------------------------------------- */

static void arrays_free(struct task *task)
{
    record_base_free(&task->base);
    record_segment_free(&task->now.at);
    free(task->next_theta);
    free(task->next_momentum);
    free(task->sum);
    task->next_theta = NULL;
    task->next_momentum = NULL;
    task->sum = NULL;
}

/* Whoever posts a job chooses its program, so everything that grows with it is counted before
 * anything is promised:
 *   - a run of the program;
 *   - of each parameter 15 floats: base (theta, momentum, error feedback), segment (theta, error
 *     feedback), next (theta, momentum), and what is served: theta and momentum of two rounds
 *     and the first state; a journal file being written (3); and the sum, of 8 bytes;
 *   - the worker's own state: base, segment, first state, a file being written;
 *   - deltas: the segment's, a file being written, each member's, and that served again;
 *   - the data set, and that served again. */
uint64_t task_memory(const struct worker *worker)
{
    const struct task *task = worker->task;
    const struct record_shape *shape = &task->shape;
    const struct vm_tensor *data = data_tensor(&task->program);
    const uint64_t deltas = 2 + 2 * (uint64_t)task->plan.member_count;
    const uint64_t run = model_run_memory(&task->program, worker->config->threads);
    const uint64_t rest = shape->elements * (15 * sizeof(float) + sizeof(int64_t)) +
                          4 * (shape->inner_size + shape->counters_size) +
                          deltas * shape->delta_size +
                          (data == NULL ? 0 : 2 * vm_tensor_bytes(data));
    uint64_t all = 0;
    return checked_add(run, rest, &all) ? all : UINT64_MAX;
}

/* All or nothing. */
bool task_alloc(struct task *task, struct error *error)
{
    if (task->sum != NULL) {
        return true;
    }
    const bool base = record_base_alloc(&task->shape, &task->base);
    const bool segment = record_segment_alloc(&task->shape, &task->now.at);
    task->next_theta = calloc(task->shape.elements + 1, sizeof(float));
    task->next_momentum = calloc(task->shape.elements + 1, sizeof(float));
    task->sum = calloc(task->shape.elements + 1, sizeof(int64_t));
    if (base && segment && task->next_theta != NULL && task->next_momentum != NULL &&
        task->sum != NULL) {
        return true;
    }
    arrays_free(task);
    return error_set(error, EXIT_CODE_FAILURE, "worker: no memory for %llu parameters",
                     (unsigned long long)task->shape.elements);
}

void task_free(struct task *task)
{
    if (task == NULL) {
        return;
    }
    result_forget(task);
    blob_close(task->exchange);
    model_run_free(task->run);
    arrays_free(task);
    free(task->members);
    free(task->data);
    free(task->program_arena);
    free(task->program_bytes);
    crypto_wipe(task->tunnel_secret, sizeof task->tunnel_secret);
    free(task);
}

/* ---- Data and first state ---------- */

void task_group_root(const struct task *task, enum vm_group group, const void *array,
                     struct hash *out)
{
    const struct vm_program *program = &task->program;
    const uint8_t *at = array;
    struct vm_tree tree;
    vm_tree_init(&tree, crypto_hash_port());
    for (uint32_t i = 0; i < program->state_count; i++) {
        const struct vm_tensor *tensor = &program->tensors[program->state_in[i]];
        if (tensor->flags == (uint8_t)group) {
            struct hash root;
            vm_tensor_root(tensor, at, crypto_hash_port(), &root);
            vm_tree_add(&tree, &root);
            at += vm_tensor_bytes(tensor);
        }
    }
    vm_tree_root(&tree, out);
}

struct group_check {
    const struct task *task;
    enum vm_group group;
    const struct hash *root;
};

static bool group_is(void *context, struct bytes bytes)
{
    const struct group_check *check = context;
    struct hash root;
    task_group_root(check->task, check->group, bytes.data, &root);
    return hash_equal(&root, check->root);
}

static uint64_t group_size(const struct task *task, enum vm_group group)
{
    switch (group) {
    case VM_PARAMS:
        return task->shape.elements * sizeof(float);
    case VM_INNER:
        return task->shape.inner_size;
    case VM_COUNTERS:
        return task->shape.counters_size;
    }
    UNREACHABLE();
}

bool task_fetch(struct task *task, const struct hash *root, enum vm_group group, void *out,
                struct error *error)
{
    struct group_check check = {.task = task, .group = group, .root = root};
    const struct blob_wanted wanted = {.root = *root,
                                       .size = group_size(task, group),
                                       .check = group_is,
                                       .context = &check,
                                       .first = &task->consumer_key};
    if (wanted.size == 0) {
        return group_is(&check, bytes_of(out, 0)) ||
               error_set(error, EXIT_CODE_VERIFY, "worker: a state of no tensors has another root");
    }
    return blob_fetch(task->exchange, &wanted, out, error) &&
           blob_put(task->exchange, root, bytes_of(out, (size_t)wanted.size), error);
}

struct data_check {
    const struct vm_tensor *tensor;
    const struct hash *root;
};

static bool data_is(void *context, struct bytes bytes)
{
    const struct data_check *check = context;
    struct hash root;
    vm_tensor_root(check->tensor, bytes.data, crypto_hash_port(), &root);
    return hash_equal(&root, check->root);
}

/* The data set: from the journal of an earlier life, or from a peer. */
static bool prepare_data(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    const struct vm_tensor *tensor = data_tensor(&task->program);
    struct data_check check = {.tensor = tensor, .root = &task->plan.data_root};
    if (tensor == NULL || task->data != NULL) {
        return true;
    }
    const uint64_t size = vm_tensor_bytes(tensor);
    task->data = task_journal_read_blob(worker, "data", size);
    if (task->data != NULL && data_is(&check, bytes_of(task->data, (size_t)size))) {
        return blob_put(task->exchange, check.root, bytes_of(task->data, (size_t)size), error);
    }
    free(task->data);
    task->data = aligned_alloc(VM_ALIGN, (size_t)(size + VM_ALIGN) / VM_ALIGN * VM_ALIGN);
    const struct blob_wanted wanted = {.root = task->plan.data_root,
                                       .size = size,
                                       .check = data_is,
                                       .context = &check,
                                       .first = &task->consumer_key};
    bool ok = task->data != NULL;
    if (!ok) {
        (void)error_set(error, EXIT_CODE_FAILURE, "worker: no memory for the data set");
    }
    ok = ok && blob_fetch(task->exchange, &wanted, task->data, error);
    if (!ok) {
        free(task->data);
        task->data = NULL;
        return false;
    }
    const struct bytes bytes = bytes_of(task->data, (size_t)size);
    return blob_put(task->exchange, check.root, bytes, error) &&
           task_journal_write_blob(worker, "data", bytes, error);
}

/* What the chain holds of the journal's round.  False: it is not the newest; then that one's
 * parameters and momentum are taken over before anything is trained. */
static bool known_base(const struct task *task, struct hash *theta, struct hash *momentum)
{
    const uint32_t opened = task->process.rounds_opened;
    if (task->base.round == opened) {
        *theta = task->process.theta_root;
        *momentum = task->process.mom_root;
        return !hash_is_zero(theta);
    }
    *theta = task->round.theta_in;
    *momentum = task->round.mom_in;
    return task->base.round + 1 == opened;
}

static bool is_array(const struct task *task, const float *array, const struct hash *root)
{
    struct hash has;
    outer_root(&task->program, array, crypto_hash_port(), &has);
    return hash_equal(&has, root);
}

/* Whatever else than the chain's is in the journal is fetched from the others. */
static bool check_base(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    struct record_base *base = &task->base;
    struct hash theta;
    struct hash momentum;
    if (!known_base(task, &theta, &momentum)) {
        return true;
    }
    const bool has_momentum = hash_is_zero(&momentum) || is_array(task, base->momentum, &momentum);
    if (is_array(task, base->theta, &theta) && has_momentum) {
        return true;
    }
    log_line(LOG_ODD, "worker",
             "journal: the parameters of round %u are not those of the chain; they are fetched",
             (unsigned)base->round);
    return task_fetch(task, &theta, VM_PARAMS, base->theta, error) &&
           (has_momentum || task_fetch(task, &momentum, VM_PARAMS, base->momentum, error)) &&
           task_journal_write_base(worker, error);
}

static bool prepare_state(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    const struct job_terms *terms = &task->terms;
    if (task_journal_read_base(worker) && task->base.round <= task->process.rounds_opened) {
        return check_base(worker, error) && result_serve(task, error);
    }
    if (!task_fetch(task, &terms->init_params_root, VM_PARAMS, task->base.theta, error) ||
        !task_fetch(task, &terms->init_inner_root, VM_INNER, task->base.inner, error) ||
        !task_fetch(task, &terms->init_counters_root, VM_COUNTERS, task->base.counters, error)) {
        return false;
    }
    task->base.round = 0;
    return task_journal_write_base(worker, error);
}

/* Tried again until it works: peers appear one after the other. */
bool task_prepare(struct worker *worker, struct error *error)
{
    struct task *task = worker->task;
    if (!task->judged && !task_judge(worker, error)) {
        return false;
    }
    if (!task->acceptable) {
        return error_set(error, EXIT_CODE_VERIFY, "worker: the plan of a running lease is refused");
    }
    if (!task_alloc(task, error) || !task_connect(worker, error) || !prepare_data(worker, error) ||
        !prepare_state(worker, error)) {
        return false;
    }
    const struct model_run_config config = {.program = &task->program,
                                            .data = task->data,
                                            .threads = worker->config->threads,
                                            .isa = worker->config->isa};
    if (task->run == NULL) {
        task->run = model_run_new(&config, error);
    }
    task->prepared = task->run != NULL && segment_restore(worker, error);
    return task->prepared;
}
