#include "client/job/post.h"

#include <stdlib.h>
#include <string.h>

#include "types/codes.h"

/* Program, data set and request on the chain. */

enum { PARTS_MAX = PROGRAM_SIZE_MAX / PROGRAM_PART_SIZE_MAX, OBJECTS_MAX = 256 };

struct hash job_id(const struct job_config *config)
{
    struct address address;
    crypto_address(crypto_key_public(config->key), &address);
    return id_job(light_chain_id(config->light), &address,
                  bytes_of(config->request_id, strlen(config->request_id)));
}

/* ---- First state and roots ---------- */

static const struct vm_tensor *state_tensor(const struct vm_program *program, uint32_t index)
{
    return &program->tensors[program->state_in[index]];
}

static bool make_group(struct job_work *work, enum vm_group group, struct error *error)
{
    const struct compiler_model *model = work->config->model;
    const struct vm_program *program = compiler_program(model);
    struct vm_tree tree;
    uint64_t size = 0;
    for (uint32_t i = 0; i < program->state_count; i++) {
        const struct vm_tensor *tensor = state_tensor(program, i);
        size += tensor->flags == (uint8_t)group ? vm_tensor_bytes(tensor) : 0;
    }
    uint8_t *at = malloc((size_t)size + 1);
    if (at == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "job: no memory for the first state");
    }
    work->state[group] = at;
    work->state_size[group] = size;
    vm_tree_init(&tree, crypto_hash_port());
    for (uint32_t i = 0; i < program->state_count; i++) {
        const struct vm_tensor *tensor = state_tensor(program, i);
        if (tensor->flags == (uint8_t)group) {
            struct hash root;
            compiler_initial(model, i, at);
            vm_tensor_root(tensor, at, crypto_hash_port(), &root);
            vm_tree_add(&tree, &root);
            at += vm_tensor_bytes(tensor);
        }
    }
    vm_tree_root(&tree, &work->state_root[group]);
    return true;
}

static bool root_data(struct job_work *work, struct error *error)
{
    const struct vm_program *program = compiler_program(work->config->model);
    const struct bytes data = work->config->data;
    const struct vm_tensor *tensor = NULL;
    for (uint32_t i = 0; i < program->tensor_count && tensor == NULL; i++) {
        tensor = program->tensors[i].kind == VM_DATA ? &program->tensors[i] : NULL;
    }
    if (tensor == NULL) {
        return error_set(error, EXIT_CODE_USAGE, "job: the program reads no data set");
    }
    if (vm_tensor_bytes(tensor) != data.size) {
        return error_set(error, EXIT_CODE_USAGE,
                         "job: the data set has %zu bytes, the program wants %llu", data.size,
                         (unsigned long long)vm_tensor_bytes(tensor));
    }
    vm_tensor_root(tensor, data.data, crypto_hash_port(), &work->data_root);
    return true;
}

bool post_init(struct job_work *work, const struct job_config *config, struct error *error)
{
    const size_t name_size = strlen(config->request_id);
    *work = (struct job_work){.config = config, .light = config->light};
    if (name_size == 0 || name_size > NAME_SIZE_MAX) {
        return error_set(error, EXIT_CODE_USAGE, "job: a request's name has 1 to %d bytes",
                         (int)NAME_SIZE_MAX);
    }
    tx_sender_init(&work->sender, config->light, config->key);
    work->job = job_id(config);
    vm_program_root(compiler_program(config->model), crypto_hash_port(), &work->program_root);
    work->theta = calloc(outer_elements(compiler_program(config->model)) + 1, sizeof(float));
    if (work->theta == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "job: no memory for the parameters");
    }
    return root_data(work, error) && make_group(work, VM_PARAMS, error) &&
           make_group(work, VM_INNER, error) && make_group(work, VM_COUNTERS, error);
}

void post_free(struct job_work *work)
{
    blob_close(work->exchange);
    for (uint32_t i = 0; i < 3; i++) {
        free(work->state[i]);
    }
    free(work->theta);
}

/* ---- Is it there already? ---------- */

static bool is_present(struct job_work *work, const struct key *key, bool *present,
                       struct error *error)
{
    struct light_values values;
    *present = false;
    if (!light_prove(work->light, key, 1, &values, error)) {
        /* No final block yet: nothing is there. */
        return error->code == EXIT_CODE_NOT_FOUND && light_tip(work->light)->header.height == 0;
    }
    *present = values.items[0].present;
    light_values_free(&values);
    return true;
}

/* ---- The program ---------- */

static bool submit_parts(struct job_work *work, struct tx_pending *pending, uint32_t *count,
                         struct error *error)
{
    const struct bytes bytes = compiler_bytes(work->config->model);
    for (size_t offset = 0; offset < bytes.size; offset += PROGRAM_PART_SIZE_MAX) {
        const size_t left = bytes.size - offset;
        const struct body_program_part body = {
            .program_root = work->program_root,
            .size = (uint32_t)bytes.size,
            .index = *count,
            .part = bytes_of(bytes.data + offset,
                             left < PROGRAM_PART_SIZE_MAX ? left : PROGRAM_PART_SIZE_MAX)};
        if (!tx_submit(&work->sender, TX_PROGRAM_PART, &body, &pending[*count], error)) {
            return false;
        }
        (*count)++;
    }
    return true;
}

static bool post_program(struct job_work *work, struct error *error)
{
    struct tx_pending pending[PARTS_MAX];
    uint32_t count = 0;
    bool present = false;
    const struct key key = key_object(KEY_PROGRAM, &work->program_root);
    if (compiler_bytes(work->config->model).size > PROGRAM_SIZE_MAX) {
        return error_set(error, EXIT_CODE_USAGE, "job: the program is larger than %d bytes",
                         (int)PROGRAM_SIZE_MAX);
    }
    if (!is_present(work, &key, &present, error) || present) {
        return present;
    }
    bool ok = submit_parts(work, pending, &count, error);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = 0;
        if (ok) {
            /* Somebody else may have completed the same program meanwhile. */
            ok = tx_wait(&work->sender, &pending[i], TX_WAIT_MS, &code, error) ||
                 (error->code == EXIT_CODE_REJECTED && code == CODE_E_DUPLICATE);
        }
        tx_pending_free(&pending[i]);
    }
    return ok;
}

/* ---- The data set ---------- */

static bool find_data(struct job_work *work, bool *found, struct error *error)
{
    struct item items[OBJECTS_MAX];
    struct light_collection io = {.collection = COLLECTION_ACCOUNT_DATA,
                                  .owner = bytes_of(work->sender.address.bytes, ADDRESS_SIZE),
                                  .items = items,
                                  .max = OBJECTS_MAX};
    *found = false;
    if (!light_read_collection(work->light, &io, error)) {
        return error->code == EXIT_CODE_NOT_FOUND && light_tip(work->light)->header.height == 0;
    }
    for (uint32_t i = 0; i < io.count && i < OBJECTS_MAX && !*found; i++) {
        struct data_set data;
        const struct key key = key_object(KEY_DATA, &items[i].id);
        if (!light_read(work->light, &key, &record_data_set, &data, error)) {
            return false;
        }
        *found = hash_equal(&data.content_root, &work->data_root) && data.state == DATA_ACTIVE &&
                 data.egress == EGRESS_FREE && (data.purposes & PURPOSE_AUDIT) != 0;
        work->data_id = items[i].id;
    }
    return true;
}

static bool post_data(struct job_work *work, struct error *error)
{
    bool found = false;
    if (!find_data(work, &found, error)) {
        return false;
    }
    if (found) {
        return true;
    }
    const struct body_data_register body = {.content_root = work->data_root,
                                            .size_bytes = work->config->data.size,
                                            .records = work->config->records,
                                            .purposes = PURPOSE_RESEARCH | PURPOSE_AUDIT,
                                            .egress = EGRESS_FREE};
    if (!tx_send(&work->sender, TX_DATA_REGISTER, &body, NULL, error)) {
        return false;
    }
    return find_data(work, &found, error) &&
           (found ||
            error_set(error, EXIT_CODE_NOT_FOUND, "job: the data set is not on the chain"));
}

/* ---- The request ---------- */

static uint32_t float_bits(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static struct job_terms make_terms(const struct job_work *work)
{
    const struct job_terms_wanted *wanted = &work->config->terms;
    return (struct job_terms){.version = RECORD_VERSION,
                              .program_root = work->program_root,
                              .data_root = work->data_root,
                              .init_params_root = work->state_root[VM_PARAMS],
                              .init_inner_root = work->state_root[VM_INNER],
                              .init_counters_root = work->state_root[VM_COUNTERS],
                              .local_steps = wanted->local_steps,
                              .checkpoints = wanted->checkpoints,
                              .rounds = wanted->rounds,
                              .round_ms = wanted->round_ms,
                              .commit_ms = wanted->commit_ms,
                              .window_ms = wanted->window_ms,
                              .workers_min = wanted->workers_min,
                              .workers_max = wanted->workers_max,
                              .outer_eta = float_bits(wanted->eta),
                              .outer_mu = float_bits(wanted->mu),
                              .audit_p_ppm = wanted->audit_p_ppm,
                              .bond_per_segment = wanted->bond_per_segment,
                              .price_per_segment = wanted->price_per_segment,
                              .elastic = wanted->elastic ? 1 : 0};
}

static bool post_request(struct job_work *work, struct error *error)
{
    const struct job_config *config = work->config;
    const struct key key = key_object(KEY_REQUEST, &work->job);
    bool present = false;
    if (!is_present(work, &key, &present, error) || present) {
        return present; /* an earlier run posted it */
    }
    struct body_train_request *body = calloc(1, sizeof *body);
    if (body == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "job: no memory for the request");
    }
    body->request_id_size = (uint32_t)strlen(config->request_id);
    memcpy(body->request_id, config->request_id, body->request_id_size);
    body->source = work->sender.address;
    body->data_count = 1;
    body->data[0] = work->data_id;
    body->deadline_ms = config->terms.deadline_ms;
    body->profile = PROFILE_REFEREED;
    body->terms = make_terms(work);
    body->escrow = (uint64_t)config->terms.workers_max * config->terms.rounds *
                   config->terms.price_per_segment;
    const bool ok = tx_send(&work->sender, TX_TRAIN_REQUEST, body, NULL, error);
    free(body);
    return ok;
}

bool post_all(struct job_work *work, struct error *error)
{
    return post_program(work, error) && post_data(work, error) && post_request(work, error);
}
