#include "client/compiler/ops.h"

#include <math.h>

/* Composite operators: fixed recipes over the single ones. */

/* Close a composite: its parts were muted, its rule goes on the tape instead. */
static uint32_t composite_end(struct graph *graph, const struct graph_tape *tape)
{
    graph->muted--;
    if (graph->failed || !graph_tensor_at(graph, tape->out)->differentiable) {
        return tape->out;
    }
    if (graph->tape_count == GRAPH_TENSOR_MAX) {
        return graph_fail(graph, "too many operators");
    }
    graph->tape[graph->tape_count++] = *tape;
    return tape->out;
}

static uint32_t width_of(struct graph *graph, uint32_t x)
{
    if (graph->failed) {
        return 1;
    }
    const struct graph_tensor *tensor = graph_tensor_at(graph, x);
    return tensor->dims[tensor->rank - 1];
}

/* e = exp(x - rowmax x), p = e / rowsum e.  The maximum and the sum go to *max and *sum. */
static uint32_t softmax_parts(struct graph *graph, uint32_t x, uint32_t *max, uint32_t *sum)
{
    *max = op_row_max(graph, x);
    const uint32_t shifted = op_binary(graph, GRAPH_SUB, x, *max);
    const uint32_t e = op_unary(graph, GRAPH_EXP, shifted);
    *sum = op_row_sum(graph, e);
    return op_binary(graph, GRAPH_DIV, e, *sum);
}

uint32_t op_softmax(struct graph *graph, uint32_t x)
{
    uint32_t max = GRAPH_NONE;
    uint32_t sum = GRAPH_NONE;
    graph->muted++;
    const uint32_t p = softmax_parts(graph, x, &max, &sum);
    return composite_end(graph,
                         &(struct graph_tape){.rule = GRAPH_RULE_SOFTMAX, .in = {x}, .out = p});
}

/* y = x * s * gain, s = 1 / sqrt(mean(x^2) + eps)    (Zhang, Sennrich 2019) */
uint32_t op_rms_norm(struct graph *graph, uint32_t x, uint32_t gain)
{
    graph->muted++;
    const uint32_t width = width_of(graph, x);
    const uint32_t square = op_row_dot(graph, x, x);
    const uint32_t mean = op_binary(graph, GRAPH_DIV, square, op_constant(graph, (float)width));
    const uint32_t shifted = op_binary(graph, GRAPH_ADD, mean, op_constant(graph, 1e-5F));
    const uint32_t root = op_unary(graph, GRAPH_SQRT, shifted);
    const uint32_t s = op_binary(graph, GRAPH_DIV, op_constant(graph, 1.0F), root);
    const uint32_t scaled = op_binary(graph, GRAPH_MUL, x, s);
    const uint32_t y = op_binary(graph, GRAPH_MUL, scaled, gain);
    return composite_end(
        graph, &(struct graph_tape){
                   .rule = GRAPH_RULE_RMSNORM, .in = {x, gain}, .out = y, .saved = {s, scaled}});
}

/* 1 where the column number equals the row's target, else 0. */
static uint32_t target_mask(struct graph *graph, uint32_t like, uint32_t target)
{
    const uint32_t column = op_column_index(graph, like);
    const bool integer = !graph->failed && graph_tensor_at(graph, target)->dtype == GRAPH_I32;
    const uint32_t wanted = integer ? op_unary(graph, GRAPH_I2F, target) : target;
    return op_binary(graph, GRAPH_EQ, column, wanted);
}

uint32_t op_cross_entropy(struct graph *graph, uint32_t logits, uint32_t target)
{
    uint32_t max = GRAPH_NONE;
    uint32_t sum = GRAPH_NONE;
    graph->muted++;
    const uint32_t p = softmax_parts(graph, logits, &max, &sum);
    const uint32_t hit = target_mask(graph, logits, target);
    const uint32_t zero = op_constant(graph, 0.0F);
    const uint32_t picked = op_row_sum(graph, op_ternary(graph, GRAPH_SEL, hit, logits, zero));
    const uint32_t log_sum = op_unary(graph, GRAPH_LOG, sum);
    const uint32_t row =
        op_binary(graph, GRAPH_ADD, op_binary(graph, GRAPH_SUB, log_sum, picked), max);
    const uint32_t rows = graph->failed ? 1 : graph_tensor_at(graph, logits)->dims[0];
    const uint32_t loss =
        op_binary(graph, GRAPH_DIV, op_column_sum(graph, row), op_constant(graph, (float)rows));
    return composite_end(graph, &(struct graph_tape){.rule = GRAPH_RULE_CROSS_ENTROPY,
                                                     .in = {logits, target},
                                                     .out = loss,
                                                     .saved = {p, hit}});
}

/* 0.5 x (1 + tanh(0.79788456 (x + 0.044715 x^3)))    (Hendrycks, Gimpel 2016) */
uint32_t op_gelu(struct graph *graph, uint32_t x)
{
    const uint32_t square = op_binary(graph, GRAPH_MUL, x, x);
    const uint32_t cube = op_binary(graph, GRAPH_MUL, square, x);
    const uint32_t inner = op_ternary(graph, GRAPH_FMA, op_constant(graph, 0.044715F), cube, x);
    const uint32_t scaled = op_binary(graph, GRAPH_MUL, op_constant(graph, 0.79788456F), inner);
    const uint32_t gate =
        op_binary(graph, GRAPH_ADD, op_constant(graph, 1.0F), op_unary(graph, GRAPH_TANH, scaled));
    const uint32_t half = op_binary(graph, GRAPH_MUL, op_constant(graph, 0.5F), x);
    return op_binary(graph, GRAPH_MUL, half, gate);
}

uint32_t op_causal_mask(struct graph *graph, uint32_t scores, float scale)
{
    const uint32_t column = op_column_index(graph, scores);
    const uint32_t row = op_row_index(graph, scores);
    const uint32_t future = op_binary(graph, GRAPH_GT, column, row);
    const uint32_t scaled = op_binary(graph, GRAPH_MUL, scores, op_constant(graph, scale));
    /* The diagonal is never masked, so a row's maximum is finite and inf - inf cannot arise. */
    return op_ternary(graph, GRAPH_SEL, future, op_constant(graph, -INFINITY), scaled);
}

uint32_t op_mean_square(struct graph *graph, uint32_t x)
{
    const uint64_t count = graph->failed ? 1 : graph_elements(graph, x);
    const uint32_t square = op_binary(graph, GRAPH_MUL, x, x);
    const uint32_t sum = op_column_sum(graph, op_row_sum(graph, square));
    return op_binary(graph, GRAPH_DIV, sum, op_constant(graph, (float)count));
}
