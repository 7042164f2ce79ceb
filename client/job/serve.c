#include <stdlib.h>

#include "base/hex.h"
#include "base/log.h"
#include "client/job/post.h"
#include "client/model/model.h"

/* Sessions to the members of the plan: they fetch data and first state over them, the
 * consumer the state they reached. */

bool serve_open(struct job_work *work, struct error *error)
{
    const struct blob_config config = {.chain_id = *light_chain_id(work->light),
                                       .key = work->config->key};
    if (!blob_open(&config, &work->exchange, error)) {
        return false;
    }
    for (uint32_t i = 0; i < 3; i++) {
        const struct bytes bytes = bytes_of(work->state[i], (size_t)work->state_size[i]);
        if (!blob_put(work->exchange, &work->state_root[i], bytes, error)) {
            return false;
        }
    }
    return blob_put(work->exchange, &work->data_root, work->config->data, error);
}

static bool dial_member(struct job_work *work, uint32_t version, uint32_t rank, struct error *error)
{
    struct lease lease;
    char endpoint[ENDPOINT_SIZE_MAX + 1] = {0};
    const struct hash id = id_lease(light_chain_id(work->light), &work->job, version, rank);
    const struct key key = key_object(KEY_LEASE, &id);
    if (!light_read(work->light, &key, &record_lease, &lease, error)) {
        return false;
    }
    const struct net_key tunnel = net_key_of_tunnel(lease.tunnel_key);
    memcpy(endpoint, lease.endpoint, lease.endpoint_size);
    if (!blob_dial(work->exchange, endpoint, &tunnel, false)) {
        log_line(LOG_ODD, "job", "member %u cannot be dialed at %s", (unsigned)rank, endpoint);
    }
    return true;
}

/* Once all have accepted, their endpoints stand in the leases. */
bool serve_dial(struct job_work *work, const struct job_status *status, struct error *error)
{
    if (status->process_state < PROCESS_AGREED || status->plan_version == work->dialed_version) {
        return true;
    }
    if (work->dialed_version != 0) { /* a new plan: new keys, the old sessions end */
        blob_close(work->exchange);
        work->exchange = NULL;
        if (!serve_open(work, error)) {
            return false;
        }
    }
    for (uint32_t rank = 0; rank < status->member_count; rank++) {
        if (!dial_member(work, status->plan_version, rank, error)) {
            return false;
        }
    }
    work->dialed_version = status->plan_version;
    return true;
}

/* ---- The state they reached ---------- */

struct theta_check {
    const struct vm_program *program;
    const struct hash *root;
};

static bool theta_is(void *context, struct bytes bytes)
{
    const struct theta_check *check = context;
    struct hash root;
    outer_root(check->program, (const float *)(const void *)bytes.data, crypto_hash_port(), &root);
    return hash_equal(&root, check->root);
}

bool serve_fetch(struct job_work *work, const struct hash *theta_root, struct error *error)
{
    const struct vm_program *program = compiler_program(work->config->model);
    struct theta_check check = {.program = program, .root = theta_root};
    const struct blob_wanted wanted = {.root = *theta_root,
                                       .size = outer_elements(program) * sizeof(float),
                                       .check = theta_is,
                                       .context = &check};
    if (work->has_theta && hash_equal(theta_root, &work->theta_root)) {
        return true;
    }
    work->has_theta = false;
    if (!blob_fetch(work->exchange, &wanted, (uint8_t *)work->theta, error)) {
        return false;
    }
    work->has_theta = true;
    work->theta_root = *theta_root;
    return true;
}

bool serve_save(struct job_work *work, const struct job_status *status, struct error *error)
{
    const struct job_config *config = work->config;
    const struct vm_program *program = compiler_program(config->model);
    const uint8_t *at = (const uint8_t *)work->theta;
    struct model_info info = {.spec = *config->spec,
                              .round = status->rounds_certified,
                              .state_root = work->theta_root,
                              .certified = true};
    const void **state = calloc((size_t)program->state_count + 1, sizeof *state);
    if (state == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "job: no memory for the checkpoint");
    }
    hex_encode(work->job.bytes, HASH_SIZE, info.job);
    for (uint32_t i = 0; i < program->state_count; i++) {
        const struct vm_tensor *tensor = &program->tensors[program->state_in[i]];
        if (tensor->flags == VM_PARAMS) {
            state[i] = at;
            at += vm_tensor_bytes(tensor);
        }
    }
    const bool ok = model_checkpoint_save(config->checkpoint, &info, config->model, state, error);
    free((void *)state);
    return ok;
}
