#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "client/model/model.h"
#include "client/safetensors/safetensors.h"

struct model_checkpoint {
    struct model_info info;
    struct safetensors *file;
    uint8_t *content;
};

/* The metadata as text. */
struct labels {
    char round[24];
    char state_root[2 * HASH_SIZE + 1];
    char spec[COMPILER_SPEC_MAX];
    struct safetensors_pair pairs[5];
};

static void labels_fill(struct labels *labels, const struct model_info *info)
{
    (void)snprintf(labels->round, sizeof labels->round, "%llu", (unsigned long long)info->round);
    hex_encode(info->state_root.bytes, HASH_SIZE, labels->state_root);
    compiler_spec_format(&info->spec, labels->spec);
    labels->pairs[0] = (struct safetensors_pair){"certified", info->certified ? "true" : "false"};
    labels->pairs[1] = (struct safetensors_pair){"job", info->job};
    labels->pairs[2] = (struct safetensors_pair){"model", labels->spec};
    labels->pairs[3] = (struct safetensors_pair){"round", labels->round};
    labels->pairs[4] = (struct safetensors_pair){"state_root", labels->state_root};
}

static enum safetensors_dtype dtype_of(const struct vm_tensor *tensor)
{
    ASSERT(tensor->dtype == VM_F32 || tensor->dtype == VM_I32);
    return tensor->dtype == VM_F32 ? SAFETENSORS_F32 : SAFETENSORS_I32;
}

static const struct vm_tensor *state_tensor(const struct compiler_model *model, uint32_t index)
{
    const struct vm_program *program = compiler_program(model);
    return &program->tensors[program->state_in[index]];
}

static void tensor_describe(const struct compiler_model *model, uint32_t index, const void *data,
                            struct safetensors_tensor *out)
{
    const struct vm_tensor *tensor = state_tensor(model, index);
    *out = (struct safetensors_tensor){.name = compiler_state_name(model, index),
                                       .dtype = dtype_of(tensor),
                                       .rank = tensor->rank,
                                       .data = bytes_of(data, vm_tensor_bytes(tensor))};
    for (uint32_t i = 0; i < tensor->rank; i++) {
        out->dims[i] = tensor->dims[i];
    }
}

bool model_checkpoint_save(const char *path, const struct model_info *info,
                           const struct compiler_model *model, const void *const *state,
                           struct error *error)
{
    const uint32_t count = compiler_program(model)->state_count;
    struct labels labels;
    struct safetensors_tensor *tensors = calloc((size_t)count + 1, sizeof *tensors);
    if (tensors == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "model: out of memory writing %.160s", path);
    }
    labels_fill(&labels, info);
    struct safetensors file = {.tensors = tensors, .metadata = labels.pairs, .metadata_count = 5};
    for (uint32_t i = 0; i < count; i++) {
        if (state[i] != NULL) {
            tensor_describe(model, i, state[i], &tensors[file.tensor_count++]);
        }
    }
    const bool done = safetensors_save(path, &file, error);
    free(tensors);
    return done;
}

static bool info_read(struct model_checkpoint *checkpoint, const char *path, struct error *error)
{
    const char *spec = safetensors_meta(checkpoint->file, "model");
    const char *job = safetensors_meta(checkpoint->file, "job");
    const char *round = safetensors_meta(checkpoint->file, "round");
    const char *root = safetensors_meta(checkpoint->file, "state_root");
    const char *certified = safetensors_meta(checkpoint->file, "certified");
    struct model_info *info = &checkpoint->info;
    if (spec == NULL || job == NULL || round == NULL || root == NULL || certified == NULL ||
        strlen(job) >= MODEL_JOB_MAX || !hex_decode(root, info->state_root.bytes, HASH_SIZE)) {
        return error_set(error, EXIT_CODE_VERIFY,
                         "%.160s has no Gradus metadata: not a checkpoint of this tool", path);
    }
    (void)snprintf(info->job, sizeof info->job, "%s", job);
    info->round = strtoull(round, NULL, 10);
    info->certified = strcmp(certified, "true") == 0;
    return compiler_spec_parse(spec, &info->spec, error);
}

struct model_checkpoint *model_checkpoint_load(const char *path, struct error *error)
{
    struct model_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    if (checkpoint == NULL) {
        (void)error_set(error, EXIT_CODE_FAILURE, "model: out of memory reading %.160s", path);
        return NULL;
    }
    checkpoint->file = safetensors_load(path, &checkpoint->content, error);
    if (checkpoint->file == NULL || !info_read(checkpoint, path, error)) {
        model_checkpoint_free(checkpoint);
        return NULL;
    }
    return checkpoint;
}

void model_checkpoint_free(struct model_checkpoint *checkpoint)
{
    if (checkpoint == NULL) {
        return;
    }
    safetensors_free(checkpoint->file);
    free(checkpoint->content);
    free(checkpoint);
}

const struct model_info *model_checkpoint_info(const struct model_checkpoint *checkpoint)
{
    return &checkpoint->info;
}

static bool tensor_fits(const struct safetensors_tensor *found, const struct vm_tensor *wanted)
{
    bool same = found->dtype == dtype_of(wanted) && found->rank == wanted->rank;
    for (uint32_t i = 0; same && i < wanted->rank; i++) {
        same = found->dims[i] == wanted->dims[i];
    }
    return same;
}

bool model_checkpoint_fill(const struct model_checkpoint *checkpoint,
                           const struct compiler_model *model, struct model_run *run, bool whole,
                           struct error *error)
{
    const uint32_t count = compiler_program(model)->state_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct vm_tensor *tensor = state_tensor(model, i);
        if (!whole && tensor->flags != VM_PARAMS) {
            continue;
        }
        const char *name = compiler_state_name(model, i);
        const struct safetensors_tensor *found = safetensors_find(checkpoint->file, name);
        if (found == NULL || !tensor_fits(found, tensor)) {
            return error_set(error, EXIT_CODE_VERIFY,
                             "checkpoint: tensor %s is missing or of another shape", name);
        }
        memcpy(model_run_state(run, i), found->data.data, found->data.size);
    }
    return true;
}
