#include "client/compiler/autodiff.h"
#include "client/compiler/ops.h"

/* One derivative recipe per operator of the forward pass. */

static uint32_t mul(struct graph *graph, uint32_t a, uint32_t b)
{
    return op_binary(graph, GRAPH_MUL, a, b);
}

static bool wants(const struct graph *graph, uint32_t x)
{
    return graph_tensor_at(graph, x)->differentiable;
}

/* dy where the condition holds (or does not), else 0. */
static uint32_t where(struct graph *graph, uint32_t condition, uint32_t dy, bool holds)
{
    const uint32_t zero = op_constant(graph, 0.0F);
    return op_ternary(graph, GRAPH_SEL, condition, holds ? dy : zero, holds ? zero : dy);
}

static void divide_back(struct graph *graph, const struct graph_node *node, uint32_t dy)
{
    const uint32_t by_b = op_binary(graph, GRAPH_DIV, dy, node->in[1]);
    autodiff_add(graph, node->in[0], by_b);
    if (wants(graph, node->in[1])) {
        const uint32_t scaled = mul(graph, by_b, node->out[0]);
        autodiff_add(graph, node->in[1], op_unary(graph, GRAPH_NEG, scaled));
    }
}

static void product_back(struct graph *graph, const struct graph_node *node, uint32_t dy)
{
    if (wants(graph, node->in[0])) {
        autodiff_add(graph, node->in[0], mul(graph, dy, node->in[1]));
    }
    if (wants(graph, node->in[1])) {
        autodiff_add(graph, node->in[1], mul(graph, dy, node->in[0]));
    }
    if (node->code == GRAPH_FMA) {
        autodiff_add(graph, node->in[2], dy);
    }
}

static void choice_back(struct graph *graph, const struct graph_node *node, uint32_t dy)
{
    if (node->code == GRAPH_SEL) {
        autodiff_add(graph, node->in[1], where(graph, node->in[0], dy, true));
        autodiff_add(graph, node->in[2], where(graph, node->in[0], dy, false));
        return;
    }
    /* MAX(a, b) = a > b ? a : b and MIN the same with <: a tie belongs to b. */
    const bool max = node->code == GRAPH_MAX;
    const uint32_t first = op_binary(graph, GRAPH_GT, node->in[max ? 0 : 1], node->in[max ? 1 : 0]);
    autodiff_add(graph, node->in[0], where(graph, first, dy, true));
    autodiff_add(graph, node->in[1], where(graph, first, dy, false));
}

static uint32_t unary_derivative(struct graph *graph, const struct graph_node *node, uint32_t dy)
{
    const uint32_t x = node->in[0];
    const uint32_t y = node->out[0];
    if (node->code == GRAPH_EXP) {
        return mul(graph, dy, y);
    }
    if (node->code == GRAPH_LOG) {
        return op_binary(graph, GRAPH_DIV, dy, x);
    }
    if (node->code == GRAPH_SQRT) {
        const uint32_t half = mul(graph, dy, op_constant(graph, 0.5F));
        return op_binary(graph, GRAPH_DIV, half, y);
    }
    if (node->code == GRAPH_TANH) {
        const uint32_t minus = op_unary(graph, GRAPH_NEG, y);
        const uint32_t slope = op_ternary(graph, GRAPH_FMA, minus, y, op_constant(graph, 1.0F));
        return mul(graph, dy, slope);
    }
    const uint32_t minus = op_unary(graph, GRAPH_NEG, dy);
    if (node->code == GRAPH_NEG) {
        return minus;
    }
    const uint32_t positive = op_binary(graph, GRAPH_GT, x, op_constant(graph, 0.0F));
    return op_ternary(graph, GRAPH_SEL, positive, dy, minus); /* ABS */
}

static void ewise_back(struct graph *graph, const struct graph_node *node, uint32_t dy)
{
    switch (node->code) {
    case GRAPH_ADD:
        autodiff_add(graph, node->in[0], dy);
        autodiff_add(graph, node->in[1], dy);
        return;
    case GRAPH_SUB:
        autodiff_add(graph, node->in[0], dy);
        if (wants(graph, node->in[1])) {
            autodiff_add(graph, node->in[1], op_unary(graph, GRAPH_NEG, dy));
        }
        return;
    case GRAPH_MUL:
    case GRAPH_FMA:
        product_back(graph, node, dy);
        return;
    case GRAPH_DIV:
        divide_back(graph, node, dy);
        return;
    case GRAPH_MAX:
    case GRAPH_MIN:
    case GRAPH_SEL:
        choice_back(graph, node, dy);
        return;
    case GRAPH_SQRT:
    case GRAPH_EXP:
    case GRAPH_LOG:
    case GRAPH_TANH:
    case GRAPH_ABS:
    case GRAPH_NEG:
        autodiff_add(graph, node->in[0], unary_derivative(graph, node, dy));
        return;
    case GRAPH_GT:
    case GRAPH_GE:
    case GRAPH_EQ:
    case GRAPH_RINT:
    case GRAPH_I2F:
    case GRAPH_F2I:
    case GRAPH_CONST:
    case GRAPH_ROWIDX:
    case GRAPH_COLIDX:
        return; /* constant almost everywhere */
    }
    UNREACHABLE();
}

/* Y = A' B': dA = dY B'^T and dB = A'^T dY, by flags instead of transposed copies.  For a
 * transposed operand the same product is taken the other way round. */
static void matmul_back(struct graph *graph, const struct graph_node *node, uint32_t dy)
{
    const uint32_t a = node->in[0];
    const uint32_t b = node->in[1];
    const bool ta = node->attr[0] != 0;
    const bool tb = node->attr[1] != 0;
    if (wants(graph, a)) {
        autodiff_add(graph, a,
                     ta ? op_matmul(graph, b, tb, dy, true) : op_matmul(graph, dy, false, b, !tb));
    }
    if (wants(graph, b)) {
        autodiff_add(graph, b,
                     tb ? op_matmul(graph, dy, true, a, ta) : op_matmul(graph, a, !ta, dy, false));
    }
}

/* A sum's gradient is its own, spread over the summed extent: x * 0 would keep NaN and
 * signs, so the spread is a selection by a condition that always holds. */
static uint32_t spread(struct graph *graph, uint32_t x, uint32_t dy)
{
    const uint32_t column = op_column_index(graph, x);
    const uint32_t always = op_binary(graph, GRAPH_GE, column, op_constant(graph, 0.0F));
    return op_ternary(graph, GRAPH_SEL, always, dy, op_constant(graph, 0.0F));
}

static void reduction_back(struct graph *graph, const struct graph_node *node, uint32_t dy)
{
    if (node->op == GRAPH_ROWDOT) {
        autodiff_add(graph, node->in[0], mul(graph, node->in[1], dy));
        autodiff_add(graph, node->in[1], mul(graph, node->in[0], dy));
        return;
    }
    autodiff_add(graph, node->in[0], spread(graph, node->in[0], dy));
}

static void movement_back(struct graph *graph, const struct graph_node *node, uint32_t dy)
{
    const struct graph_tensor from = *graph_tensor_at(graph, node->in[0]);
    if (node->op == GRAPH_RESHAPE) {
        autodiff_add(graph, node->in[0], op_reshape(graph, dy, from.rank, from.dims));
        return;
    }
    autodiff_add(graph, node->in[0],
                 node->op == GRAPH_SPLIT_HEADS
                     ? op_merge_heads(graph, dy, node->attr[0], node->attr[1])
                     : op_split_heads(graph, dy, node->attr[0], node->attr[1]));
}

void autodiff_node(struct graph *graph, uint32_t index, uint32_t dy)
{
    const struct graph_node node = graph->nodes[index];
    switch (node.op) {
    case GRAPH_EWISE:
        ewise_back(graph, &node, dy);
        return;
    case GRAPH_MATMUL:
    case GRAPH_BMM:
        matmul_back(graph, &node, dy);
        return;
    case GRAPH_ROWSUM:
    case GRAPH_ROWDOT:
    case GRAPH_COLSUM:
        reduction_back(graph, &node, dy);
        return;
    case GRAPH_GATHER:
        autodiff_add(
            graph, node.in[0],
            op_scatter(graph, node.in[1], dy, graph_tensor_at(graph, node.in[0])->dims[0]));
        return;
    case GRAPH_RESHAPE:
    case GRAPH_SPLIT_HEADS:
    case GRAPH_MERGE_HEADS:
        movement_back(graph, &node, dy);
        return;
    case GRAPH_ROWMAX:
    case GRAPH_SCATTER:
    case GRAPH_SLICE:
        (void)graph_fail(graph, "no derivative for an operator between a parameter and the loss");
        return;
    case GRAPH_BATCH_WINDOWS:
    case GRAPH_BATCH_RECORDS:
    case GRAPH_CAST:
        return; /* data does not depend on parameters */
    }
    UNREACHABLE();
}
