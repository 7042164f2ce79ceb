#include "client/compiler/autodiff.h"

#include "client/compiler/ops.h"

/* Sum a gradient down to the shape its operand had before it was broadcast. */
static uint32_t reduce_to(struct graph *graph, uint32_t x, uint32_t gradient)
{
    if (graph->failed || graph_same_shape(graph, x, gradient)) {
        return gradient;
    }
    const struct graph_tensor to = *graph_tensor_at(graph, x);
    const struct graph_tensor from = *graph_tensor_at(graph, gradient);
    const bool one_column = to.dims[to.rank - 1] == 1;
    const bool one_row = to.rank < 2 || to.dims[to.rank - 2] == 1;
    if (graph_elements(graph, x) == graph_elements(graph, gradient)) {
        return op_reshape(graph, gradient, to.rank, to.dims);
    }
    uint32_t sum = gradient;
    if (one_column && from.dims[from.rank - 1] != 1) {
        sum = op_row_sum(graph, sum);
    }
    if (one_row) {
        if (!graph->failed && graph_tensor_at(graph, sum)->rank == 3) {
            const uint32_t columns = graph_tensor_at(graph, sum)->dims[2];
            const uint32_t rows = (uint32_t)(graph_elements(graph, sum) / columns);
            sum = op_reshape(graph, sum, 2, (const uint32_t[]){rows, columns});
        }
        sum = op_column_sum(graph, sum);
    }
    if (!graph->failed && !graph_same_shape(graph, x, sum)) {
        sum = op_reshape(graph, sum, to.rank, to.dims);
    }
    return sum;
}

void autodiff_add(struct graph *graph, uint32_t x, uint32_t contribution)
{
    if (graph->failed || !graph_tensor_at(graph, x)->differentiable) {
        return;
    }
    const uint32_t part = reduce_to(graph, x, contribution);
    if (graph->failed) {
        return;
    }
    const uint32_t sum = graph->gradient[x];
    graph->gradient[x] = sum == GRAPH_NONE ? part : op_binary(graph, GRAPH_ADD, sum, part);
}

static bool is_one(const struct graph *graph, uint32_t x)
{
    const uint32_t producer = graph->producer[x];
    if (producer == 0) {
        return false;
    }
    const struct graph_node *node = &graph->nodes[producer - 1];
    return node->op == GRAPH_EWISE && node->code == GRAPH_CONST && node->constant == 1.0F;
}

/* dS = P (dP - rowdot(P, dP)) */
static void softmax_back(struct graph *graph, const struct graph_tape *entry, uint32_t dy)
{
    const uint32_t dot = op_row_dot(graph, entry->out, dy);
    const uint32_t centred = op_binary(graph, GRAPH_SUB, dy, dot);
    autodiff_add(graph, entry->in[0], op_binary(graph, GRAPH_MUL, entry->out, centred));
}

/* t = dY gain, u = x s, m = rowdot(t, u) / n: dx = s (t - m u), dgain = colsum(dY u) */
static void rms_norm_back(struct graph *graph, const struct graph_tape *entry, uint32_t dy)
{
    const struct graph_tensor *x = graph_tensor_at(graph, entry->in[0]);
    const float width = (float)x->dims[x->rank - 1];
    const uint32_t s = entry->saved[0];
    const uint32_t u = entry->saved[1];
    const uint32_t t = op_binary(graph, GRAPH_MUL, dy, entry->in[1]);
    const uint32_t dot = op_row_dot(graph, t, u);
    const uint32_t mean = op_binary(graph, GRAPH_DIV, dot, op_constant(graph, width));
    const uint32_t minus = op_unary(graph, GRAPH_NEG, mean);
    const uint32_t inner = op_ternary(graph, GRAPH_FMA, minus, u, t);
    autodiff_add(graph, entry->in[1], op_binary(graph, GRAPH_MUL, dy, u));
    autodiff_add(graph, entry->in[0], op_binary(graph, GRAPH_MUL, s, inner));
}

/* (p - [column == target]) / rows */
static void cross_entropy_back(struct graph *graph, const struct graph_tape *entry, uint32_t dy)
{
    const uint32_t p = entry->saved[0];
    const float rows = (float)graph_tensor_at(graph, p)->dims[0];
    const uint32_t error = op_binary(graph, GRAPH_SUB, p, entry->saved[1]);
    uint32_t share = op_binary(graph, GRAPH_DIV, error, op_constant(graph, rows));
    if (!graph->failed && !is_one(graph, dy)) {
        share = op_binary(graph, GRAPH_MUL, share, dy);
    }
    autodiff_add(graph, entry->in[0], share);
}

static void entry_back(struct graph *graph, const struct graph_tape *entry)
{
    const uint32_t out =
        entry->rule == GRAPH_RULE_NODE ? graph->nodes[entry->node].out[0] : entry->out;
    const uint32_t dy = graph->gradient[out];
    if (dy == GRAPH_NONE) {
        return; /* the loss does not depend on it */
    }
    switch (entry->rule) {
    case GRAPH_RULE_NODE:
        autodiff_node(graph, entry->node, dy);
        return;
    case GRAPH_RULE_SOFTMAX:
        softmax_back(graph, entry, dy);
        return;
    case GRAPH_RULE_RMSNORM:
        rms_norm_back(graph, entry, dy);
        return;
    case GRAPH_RULE_CROSS_ENTROPY:
        cross_entropy_back(graph, entry, dy);
        return;
    }
    UNREACHABLE();
}

void autodiff_run(struct graph *graph, uint32_t loss)
{
    if (graph->failed) {
        return;
    }
    if (graph_elements(graph, loss) != 1 || !graph_tensor_at(graph, loss)->differentiable) {
        (void)graph_fail(graph, "the loss is not a scalar that depends on a parameter");
        return;
    }
    graph->muted++;
    graph->gradient[loss] = op_constant(graph, 1.0F);
    for (uint32_t i = graph->tape_count; i > 0 && !graph->failed; i--) {
        const struct graph_tape entry = graph->tape[i - 1];
        entry_back(graph, &entry);
    }
    graph->muted--;
}
