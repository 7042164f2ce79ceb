#include "client/compiler/compiler.h"

#include <stdlib.h>
#include <string.h>

#include "client/compiler/adamw.h"
#include "client/compiler/autodiff.h"
#include "client/compiler/emit.h"
#include "client/compiler/template.h"
#include "vm/num/num.h"

struct compiler_model {
    struct emit_program program;
    struct graph_state *states; /* in the order of the program's state */
    struct vm_cost cost;
    uint8_t *bytes;
    size_t size;
    uint64_t seed;
};

void compiler_free(struct compiler_model *model)
{
    if (model == NULL) {
        return;
    }
    emit_free(&model->program);
    free(model->states);
    free(model->bytes);
    free(model);
}

static bool out_of_memory(struct error *error)
{
    return error_set(error, EXIT_CODE_FAILURE, "model: out of memory while compiling");
}

/* The machine's own checker has the last word on what was built. */
static bool program_check(struct compiler_model *model, struct error *error)
{
    uint32_t where = 0;
    uint8_t *written = calloc(model->program.view.tensor_count, 1);
    if (written == NULL) {
        return out_of_memory(error);
    }
    const enum vm_verdict verdict =
        vm_program_check(&model->program.view, written, &model->cost, &where);
    free(written);
    return verdict == VM_OK ||
           error_set(error, EXIT_CODE_USAGE,
                     "model: the machine refuses this program: %s at %u; choose a smaller model",
                     vm_verdict_text(verdict), where);
}

static bool program_encode(struct compiler_model *model, struct error *error)
{
    model->bytes = malloc(PROGRAM_SIZE_MAX);
    if (model->bytes == NULL) {
        return out_of_memory(error);
    }
    model->size = vm_program_encode(&model->program.view, model->bytes, PROGRAM_SIZE_MAX);
    return model->size != 0 ||
           error_set(error, EXIT_CODE_USAGE, "model: the program exceeds %d bytes; fewer layers",
                     PROGRAM_SIZE_MAX);
}

static bool model_fill(struct compiler_model *model, const struct graph *graph, uint32_t loss,
                       struct error *error)
{
    struct fuse_plan plan = {0};
    if (!fuse_run(graph, loss, &plan)) {
        return out_of_memory(error);
    }
    const bool emitted = emit_run(graph, &plan, loss, &model->program);
    fuse_free(&plan);
    model->states = calloc((size_t)graph->state_count + 1, sizeof *model->states);
    if (!emitted || model->states == NULL) {
        return out_of_memory(error);
    }
    for (uint32_t i = 0; i < model->program.view.state_count; i++) {
        model->states[i] = graph->states[model->program.state_of[i]];
    }
    return program_check(model, error) && program_encode(model, error);
}

/* Takes the graph over. */
static struct compiler_model *model_new(struct graph *graph, uint32_t loss, uint64_t seed,
                                        struct error *error)
{
    if (graph->failed) {
        (void)error_set(error, EXIT_CODE_USAGE, "model: %s", graph->why);
        graph_free(graph);
        return NULL;
    }
    struct compiler_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        graph_free(graph);
        (void)out_of_memory(error);
        return NULL;
    }
    model->seed = seed;
    const bool done = model_fill(model, graph, loss, error);
    graph_free(graph);
    if (!done) {
        compiler_free(model);
        return NULL;
    }
    return model;
}

/* Products of the extents below must fit 32 bits before any shape is computed. */
static bool size_check(const struct compiler_spec *spec, uint32_t data_count, struct error *error)
{
    const uint64_t rows = (uint64_t)spec->batch * spec->context;
    const uint64_t wide = rows * 4 * spec->width;
    const uint64_t scores = rows * spec->context * spec->heads;
    const uint64_t data = (uint64_t)data_count * ((uint64_t)spec->features + 1);
    if (wide > TENSOR_ELEMENTS_MAX || scores > TENSOR_ELEMENTS_MAX || data > TENSOR_ELEMENTS_MAX) {
        return error_set(error, EXIT_CODE_USAGE,
                         "model: a tensor would exceed %d elements; use a smaller batch, context, "
                         "width or data set",
                         TENSOR_ELEMENTS_MAX);
    }
    return true;
}

struct compiler_model *compiler_train(const struct compiler_spec *spec, uint32_t data_count,
                                      struct error *error)
{
    const uint32_t least = spec->features == 0 ? spec->context + 2 : 1;
    if (data_count < least) {
        (void)error_set(error, EXIT_CODE_USAGE, "model: the data set has %u items, needs %u",
                        data_count, least);
        return NULL;
    }
    if (!size_check(spec, data_count, error)) {
        return NULL;
    }
    struct graph *graph = graph_new();
    if (graph == NULL) {
        (void)out_of_memory(error);
        return NULL;
    }
    const uint32_t loss = template_loss(graph, spec, data_count);
    autodiff_run(graph, loss);
    adamw_add(graph, &(struct adamw_config){.learning_rate = spec->rate,
                                            .beta1 = 0.9F,
                                            .beta2 = 0.99F,
                                            .epsilon = 1e-8F,
                                            .weight_decay = spec->weight_decay,
                                            .warmup_steps = spec->warmup,
                                            .decay_steps = spec->decay});
    return model_new(graph, loss, spec->seed, error);
}

struct compiler_model *compiler_infer(const struct compiler_spec *spec, struct error *error)
{
    if (!size_check(spec, 1, error)) {
        return NULL;
    }
    struct graph *graph = graph_new();
    if (graph == NULL) {
        (void)out_of_memory(error);
        return NULL;
    }
    const uint32_t loss = template_infer(graph, spec);
    return model_new(graph, loss, spec->seed, error);
}

const struct vm_program *compiler_program(const struct compiler_model *model)
{
    return &model->program.view;
}

struct bytes compiler_bytes(const struct compiler_model *model)
{
    return bytes_of(model->bytes, model->size);
}

const struct vm_cost *compiler_cost(const struct compiler_model *model)
{
    return &model->cost;
}

static const struct vm_tensor *state_tensor(const struct compiler_model *model, uint32_t index)
{
    ASSERT(index < model->program.view.state_count);
    return &model->program.tensors[model->program.state_in[index]];
}

const char *compiler_state_name(const struct compiler_model *model, uint32_t index)
{
    ASSERT(index < model->program.view.state_count);
    return model->states[index].name;
}

uint64_t compiler_parameter_count(const struct compiler_model *model)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < model->program.view.state_count; i++) {
        const struct vm_tensor *tensor = state_tensor(model, i);
        count += tensor->flags == VM_PARAMS ? vm_tensor_elements(tensor) : 0;
    }
    return count;
}

/* Sum of four uniform 16-bit numbers, centred: mean 0, deviation 65536 / sqrt 3 and close
 * to normal.  Integers until the one rounding at the end. */
static void random_fill(uint64_t seed, uint32_t index, float deviation, struct vm_tensor shape,
                        float *out)
{
    enum { CENTRE = 2 * 65535 };
    const float unit = deviation / 37837.2266F;
    const uint64_t count = vm_tensor_elements(&shape);
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (uint64_t i = 0; i < count; i++) {
        uint32_t word[4];
        const uint32_t counter[4] = {(uint32_t)(i / 2), index, 0, 0};
        vm_philox(counter, key, word);
        const uint32_t a = word[2 * (i % 2)];
        const uint32_t b = word[2 * (i % 2) + 1];
        const uint32_t sum = (a >> 16) + (a & 0xFFFFU) + (b >> 16) + (b & 0xFFFFU);
        out[i] = (float)((int32_t)sum - CENTRE) * unit;
    }
}

void compiler_initial(const struct compiler_model *model, uint32_t index, void *out)
{
    const struct vm_tensor *tensor = state_tensor(model, index);
    const struct graph_state *state = &model->states[index];
    if (tensor->dtype != VM_F32) {
        memset(out, 0, vm_tensor_bytes(tensor));
        return;
    }
    float *values = out;
    if (state->init == GRAPH_INIT_RANDOM) {
        random_fill(model->seed, index, state->scale, *tensor, values);
        return;
    }
    const uint64_t count = vm_tensor_elements(tensor);
    for (uint64_t i = 0; i < count; i++) {
        values[i] = state->scale;
    }
}
