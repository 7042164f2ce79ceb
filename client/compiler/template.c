#include "client/compiler/template.h"

#include <math.h>
#include <stdio.h>

#include "client/compiler/ops.h"

enum { EMBEDDING_WIDTH = 16 }; /* mlp on windows: numbers per token */

/* A parameter named prefix.name; matrices are random and decay, vectors are constant. */
struct parameter {
    const char *prefix;
    const char *name;
    uint32_t rows; /* 0: a vector */
    uint32_t columns;
    float scale;
};

static uint32_t parameter_add(struct graph *graph, const struct parameter *parameter)
{
    struct graph_state state = {.class = GRAPH_PARAMETER,
                                .init =
                                    parameter->rows == 0 ? GRAPH_INIT_CONSTANT : GRAPH_INIT_RANDOM,
                                .scale = parameter->scale,
                                .decay = parameter->rows != 0};
    (void)snprintf(state.name, sizeof state.name, "%s.%s", parameter->prefix, parameter->name);
    if (parameter->rows == 0) {
        return graph_state_add(graph, &state, 1, &parameter->columns);
    }
    return graph_state_add(graph, &state, 2,
                           (const uint32_t[]){parameter->rows, parameter->columns});
}

static uint32_t gain(struct graph *graph, const char *prefix, const char *name, uint32_t width)
{
    return parameter_add(graph, &(struct parameter){prefix, name, 0, width, 1.0F});
}

/* x [M, rows] -> [M, columns]; weights of variance gain^2 / rows keep the scale of x. */
static uint32_t linear(struct graph *graph, uint32_t x, const struct parameter *shape)
{
    struct parameter weight = *shape;
    weight.scale = shape->scale / sqrtf((float)shape->rows);
    return op_matmul(graph, x, false, parameter_add(graph, &weight), false);
}

static uint32_t bias(struct graph *graph, uint32_t x, const char *prefix, const char *name,
                     uint32_t width)
{
    const uint32_t b = parameter_add(graph, &(struct parameter){prefix, name, 0, width, 0.0F});
    return op_binary(graph, GRAPH_ADD, x, b);
}

static uint32_t attention(struct graph *graph, const struct compiler_spec *spec, const char *prefix,
                          uint32_t x)
{
    const uint32_t d = spec->width;
    /* Nearly even attention at first: what to look at is learnt sooner from there. */
    const uint32_t q = linear(graph, x, &(struct parameter){prefix, "attention.query", d, d, 0.5F});
    const uint32_t k = linear(graph, x, &(struct parameter){prefix, "attention.key", d, d, 0.5F});
    const uint32_t v = linear(graph, x, &(struct parameter){prefix, "attention.value", d, d, 1.0F});
    const uint32_t q_heads = op_split_heads(graph, q, spec->heads, spec->context);
    const uint32_t k_heads = op_split_heads(graph, k, spec->heads, spec->context);
    const uint32_t v_heads = op_split_heads(graph, v, spec->heads, spec->context);
    const uint32_t scores = op_matmul(graph, q_heads, false, k_heads, true);
    const uint32_t head_width = d / spec->heads;
    const float scale = 1.0F / sqrtf((float)head_width);
    const uint32_t p = op_softmax(graph, op_causal_mask(graph, scores, scale));
    const uint32_t mixed = op_matmul(graph, p, false, v_heads, false);
    const uint32_t merged = op_merge_heads(graph, mixed, spec->heads, spec->context);
    /* Each residual branch starts small, so that depth does not grow the stream. */
    const float residual = 1.0F / sqrtf(2.0F * (float)spec->layers);
    return linear(graph, merged, &(struct parameter){prefix, "attention.out", d, d, residual});
}

static uint32_t feed_forward(struct graph *graph, const struct compiler_spec *spec,
                             const char *prefix, uint32_t x)
{
    const uint32_t d = spec->width;
    const float residual = 1.0F / sqrtf(2.0F * (float)spec->layers);
    const uint32_t up =
        linear(graph, x, &(struct parameter){prefix, "mlp.up.weight", d, 4 * d, 1.0F});
    const uint32_t act = op_gelu(graph, bias(graph, up, prefix, "mlp.up.bias", 4 * d));
    const uint32_t down =
        linear(graph, act, &(struct parameter){prefix, "mlp.down.weight", 4 * d, d, residual});
    return bias(graph, down, prefix, "mlp.down.bias", d);
}

/* Learned positions: the stream is seen as [batch, context * width] for a moment, where the
 * position table is one row vector; reshaping costs nothing. */
static uint32_t positions_add(struct graph *graph, const struct compiler_spec *spec, uint32_t x)
{
    const uint32_t d = spec->width;
    const uint32_t t = spec->context;
    const uint32_t table = parameter_add(
        graph, &(struct parameter){"embedding", "position", t, d, 1.0F / sqrtf((float)d)});
    const uint32_t row = op_reshape(graph, table, 1, (const uint32_t[]){t * d});
    const uint32_t rows = op_reshape(graph, x, 2, (const uint32_t[]){spec->batch, t * d});
    const uint32_t sum = op_binary(graph, GRAPH_ADD, rows, row);
    return op_reshape(graph, sum, 2, (const uint32_t[]){spec->batch * t, d});
}

uint32_t template_char_gpt(struct graph *graph, const struct compiler_spec *spec, uint32_t tokens)
{
    const uint32_t d = spec->width;
    const uint32_t table =
        parameter_add(graph, &(struct parameter){"embedding", "token", COMPILER_VOCABULARY, d,
                                                 1.0F / sqrtf((float)d)});
    uint32_t x = positions_add(graph, spec, op_gather(graph, table, tokens));
    for (uint32_t i = 0; i < spec->layers; i++) {
        char prefix[16];
        (void)snprintf(prefix, sizeof prefix, "block%u", i);
        const uint32_t first = op_rms_norm(graph, x, gain(graph, prefix, "attention.gain", d));
        x = op_binary(graph, GRAPH_ADD, x, attention(graph, spec, prefix, first));
        const uint32_t second = op_rms_norm(graph, x, gain(graph, prefix, "mlp.gain", d));
        x = op_binary(graph, GRAPH_ADD, x, feed_forward(graph, spec, prefix, second));
    }
    const uint32_t last = op_rms_norm(graph, x, gain(graph, "head", "gain", d));
    return linear(graph, last, &(struct parameter){"head", "weight", d, COMPILER_VOCABULARY, 0.5F});
}

/* Hidden layers with GELU, then a linear head. */
static uint32_t layers(struct graph *graph, const struct compiler_spec *spec, uint32_t x,
                       uint32_t outputs)
{
    for (uint32_t i = 0; i < spec->layers; i++) {
        char prefix[16];
        (void)snprintf(prefix, sizeof prefix, "layer%u", i);
        const uint32_t from = graph->failed ? 1 : graph_tensor_at(graph, x)->dims[1];
        const uint32_t sum =
            linear(graph, x, &(struct parameter){prefix, "weight", from, spec->width, 1.4F});
        x = op_gelu(graph, bias(graph, sum, prefix, "bias", spec->width));
    }
    const uint32_t head =
        linear(graph, x, &(struct parameter){"head", "weight", spec->width, outputs, 0.5F});
    return bias(graph, head, "head", "bias", outputs);
}

uint32_t template_mlp_windows(struct graph *graph, const struct compiler_spec *spec,
                              uint32_t tokens)
{
    const uint32_t table =
        parameter_add(graph, &(struct parameter){"embedding", "token", COMPILER_VOCABULARY,
                                                 EMBEDDING_WIDTH, 1.0F});
    const uint32_t flat =
        op_reshape(graph, op_gather(graph, table, tokens), 2,
                   (const uint32_t[]){spec->batch, spec->context * EMBEDDING_WIDTH});
    return layers(graph, spec, flat, COMPILER_VOCABULARY);
}

uint32_t template_mlp_records(struct graph *graph, const struct compiler_spec *spec,
                              uint32_t features)
{
    return layers(graph, spec, features, spec->classes == 0 ? 1 : spec->classes);
}

uint32_t template_tokens(struct graph *graph, uint32_t bytes)
{
    const uint32_t number = op_unary(graph, GRAPH_I2F, bytes);
    const uint32_t size = op_constant(graph, (float)COMPILER_VOCABULARY);
    const uint32_t high = op_binary(graph, GRAPH_GE, number, size);
    const uint32_t low = op_binary(graph, GRAPH_SUB, number, size);
    return op_unary(graph, GRAPH_F2I, op_ternary(graph, GRAPH_SEL, high, low, number));
}

static uint32_t data_add(struct graph *graph, uint32_t rows, uint32_t columns)
{
    const struct graph_tensor data = {.dtype = GRAPH_U8,
                                      .kind = GRAPH_DATA,
                                      .rank = columns == 0 ? 1 : 2,
                                      .dims = {rows, columns}};
    return graph_tensor_add(graph, &data);
}

static uint32_t windows_loss(struct graph *graph, const struct compiler_spec *spec,
                             uint32_t data_count)
{
    uint32_t next = GRAPH_NONE;
    const uint32_t bytes =
        op_batch_windows(graph, data_add(graph, data_count, 0), spec->batch, spec->context, &next);
    const uint32_t tokens = template_tokens(graph, bytes);
    const uint32_t targets = template_tokens(graph, next);
    if (spec->kind == COMPILER_CHAR_GPT) {
        return op_cross_entropy(graph, template_char_gpt(graph, spec, tokens), targets);
    }
    const uint32_t rows =
        op_reshape(graph, targets, 2, (const uint32_t[]){spec->batch, spec->context});
    const uint32_t last = op_slice_columns(graph, rows, spec->context - 1, 1);
    return op_cross_entropy(graph, template_mlp_windows(graph, spec, tokens), last);
}

static uint32_t records_loss(struct graph *graph, const struct compiler_spec *spec,
                             uint32_t data_count)
{
    const uint32_t data = data_add(graph, data_count, spec->features + 1);
    const uint32_t rows = op_cast(graph, op_batch_records(graph, data, spec->batch));
    const uint32_t raw = op_slice_columns(graph, rows, 0, spec->features);
    const uint32_t full = op_constant(graph, 255.0F);
    const uint32_t features = op_binary(graph, GRAPH_DIV, raw, full);
    const uint32_t label = op_slice_columns(graph, rows, spec->features, 1);
    const uint32_t out = template_mlp_records(graph, spec, features);
    if (spec->classes != 0) {
        return op_cross_entropy(graph, out, label);
    }
    const uint32_t wanted = op_binary(graph, GRAPH_DIV, label, full);
    return op_mean_square(graph, op_binary(graph, GRAPH_SUB, out, wanted));
}

uint32_t template_loss(struct graph *graph, const struct compiler_spec *spec, uint32_t data_count)
{
    return spec->features == 0 ? windows_loss(graph, spec, data_count)
                               : records_loss(graph, spec, data_count);
}

static uint32_t io_add(struct graph *graph, const char *name, const struct graph_tensor *like)
{
    struct graph_state state = {.class = GRAPH_COUNTER, .init = GRAPH_INIT_CONSTANT};
    (void)snprintf(state.name, sizeof state.name, "%s", name);
    const uint32_t id = graph_state_add(graph, &state, like->rank, like->dims);
    if (id != GRAPH_NONE) {
        graph->tensors[id].dtype = like->dtype;
    }
    return id;
}

uint32_t template_infer(struct graph *graph, const struct compiler_spec *spec)
{
    struct compiler_spec one = *spec;
    one.batch = 1;
    struct graph_tensor input = {.dtype = GRAPH_F32, .rank = 2, .dims = {1, spec->features}};
    if (spec->features == 0) {
        input = (struct graph_tensor){.dtype = GRAPH_I32, .rank = 2, .dims = {spec->context, 1}};
    }
    const uint32_t in = io_add(graph, "input", &input);
    uint32_t out = GRAPH_NONE;
    if (spec->features != 0) {
        out = template_mlp_records(graph, &one, in);
    } else if (spec->kind == COMPILER_CHAR_GPT) {
        out = template_char_gpt(graph, &one, template_tokens(graph, in));
    } else {
        out = template_mlp_windows(graph, &one, template_tokens(graph, in));
    }
    if (graph->failed) {
        return GRAPH_NONE;
    }
    const uint32_t slot = io_add(graph, "output", graph_tensor_at(graph, out));
    if (slot != GRAPH_NONE) {
        graph_state_of(graph, slot)->out = out;
    }
    return op_constant(graph, 0.0F);
}
