#include "client/compiler/ops.h"

#include <string.h>

/* The wider of two extents that broadcast: equal, or one of them is 1. */
static bool extent_join(uint32_t a, uint32_t b, uint32_t *out)
{
    *out = a > b ? a : b;
    return a == b || a == 1 || b == 1;
}

/* Shape of an element-wise result; false when the operands do not broadcast. */
static bool shape_join(const struct graph_tensor *a, struct graph_tensor *out)
{
    const uint32_t rank = a->rank > out->rank ? a->rank : out->rank;
    uint32_t dims[4] = {0};
    for (uint32_t i = 0; i < rank; i++) {
        const uint32_t from_a = i < a->rank ? a->dims[a->rank - 1 - i] : 1;
        const uint32_t from_out = i < out->rank ? out->dims[out->rank - 1 - i] : 1;
        if (!extent_join(from_a, from_out, &dims[rank - 1 - i])) {
            return false;
        }
    }
    out->rank = rank;
    memcpy(out->dims, dims, sizeof dims);
    return true;
}

static uint32_t ewise(struct graph *graph, enum graph_code code, const uint32_t *in, uint32_t count)
{
    struct graph_node node = {.op = GRAPH_EWISE, .code = code, .in_count = count, .out_count = 1};
    struct graph_tensor out = {.dtype = code == GRAPH_F2I ? GRAPH_I32 : GRAPH_F32};
    for (uint32_t i = 0; i < count; i++) {
        if (graph->failed || in[i] == GRAPH_NONE) {
            return graph_fail(graph, "missing operand");
        }
        if (!shape_join(graph_tensor_at(graph, in[i]), &out)) {
            return graph_fail(graph, "operands do not broadcast");
        }
        node.in[i] = in[i];
    }
    return graph_node_add(graph, &node, &out);
}

uint32_t op_unary(struct graph *graph, enum graph_code code, uint32_t a)
{
    return ewise(graph, code, &a, 1);
}

uint32_t op_binary(struct graph *graph, enum graph_code code, uint32_t a, uint32_t b)
{
    return ewise(graph, code, (const uint32_t[]){a, b}, 2);
}

uint32_t op_ternary(struct graph *graph, enum graph_code code, uint32_t a, uint32_t b, uint32_t c)
{
    return ewise(graph, code, (const uint32_t[]){a, b, c}, 3);
}

uint32_t op_constant(struct graph *graph, float value)
{
    const struct graph_node node = {
        .op = GRAPH_EWISE, .code = GRAPH_CONST, .out_count = 1, .constant = value};
    return graph_node_add(graph, &node,
                          &(struct graph_tensor){.dtype = GRAPH_F32, .rank = 1, .dims = {1}});
}

static uint32_t position(struct graph *graph, enum graph_code code, uint32_t like)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = *graph_tensor_at(graph, like);
    out.dtype = GRAPH_F32;
    const struct graph_node node = {.op = GRAPH_EWISE, .code = code, .out_count = 1};
    return graph_node_add(graph, &node, &out);
}

uint32_t op_row_index(struct graph *graph, uint32_t like)
{
    return position(graph, GRAPH_ROWIDX, like);
}

uint32_t op_column_index(struct graph *graph, uint32_t like)
{
    return position(graph, GRAPH_COLIDX, like);
}

uint32_t op_matmul(struct graph *graph, uint32_t a, bool a_transposed, uint32_t b,
                   bool b_transposed)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = *graph_tensor_at(graph, a);
    const struct graph_tensor *right = graph_tensor_at(graph, b);
    if (out.rank != right->rank || out.rank < 2 || out.rank > 3 ||
        (out.rank == 3 && out.dims[0] != right->dims[0])) {
        return graph_fail(graph, "matmul: ranks or batches differ");
    }
    const uint32_t last = out.rank - 1;
    const uint32_t rows = out.dims[a_transposed ? last : last - 1];
    const uint32_t inner = out.dims[a_transposed ? last - 1 : last];
    if (inner != right->dims[b_transposed ? last : last - 1]) {
        return graph_fail(graph, "matmul: inner extents differ");
    }
    const struct graph_node node = {.op = last == 2 ? GRAPH_BMM : GRAPH_MATMUL,
                                    .in_count = 2,
                                    .out_count = 1,
                                    .in = {a, b},
                                    .attr = {a_transposed, b_transposed}};
    out.dims[last - 1] = rows;
    out.dims[last] = right->dims[b_transposed ? last - 1 : last];
    return graph_node_add(graph, &node, &out);
}

static uint32_t row_reduce(struct graph *graph, enum graph_op op, uint32_t x, uint32_t y)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = *graph_tensor_at(graph, x);
    if (out.rank < 2 || (y != GRAPH_NONE && !graph_same_shape(graph, x, y))) {
        return graph_fail(graph, "row reduction: not a matrix, or shapes differ");
    }
    const struct graph_node node = {
        .op = op, .in_count = y == GRAPH_NONE ? 1 : 2, .out_count = 1, .in = {x, y}};
    out.dims[out.rank - 1] = 1;
    return graph_node_add(graph, &node, &out);
}

uint32_t op_row_sum(struct graph *graph, uint32_t x)
{
    return row_reduce(graph, GRAPH_ROWSUM, x, GRAPH_NONE);
}

uint32_t op_row_dot(struct graph *graph, uint32_t x, uint32_t y)
{
    return row_reduce(graph, GRAPH_ROWDOT, x, y);
}

uint32_t op_row_max(struct graph *graph, uint32_t x)
{
    return row_reduce(graph, GRAPH_ROWMAX, x, GRAPH_NONE);
}

uint32_t op_column_sum(struct graph *graph, uint32_t x)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    const struct graph_tensor *matrix = graph_tensor_at(graph, x);
    if (matrix->rank != 2) {
        return graph_fail(graph, "column sum: not a matrix");
    }
    const struct graph_tensor out = {.dtype = GRAPH_F32, .rank = 1, .dims = {matrix->dims[1]}};
    const struct graph_node node = {.op = GRAPH_COLSUM, .in_count = 1, .out_count = 1, .in = {x}};
    return graph_node_add(graph, &node, &out);
}

uint32_t op_gather(struct graph *graph, uint32_t table, uint32_t index)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = *graph_tensor_at(graph, table);
    if (out.rank != 2 || graph_tensor_at(graph, index)->dtype != GRAPH_I32) {
        return graph_fail(graph, "gather: needs a matrix and i32 row numbers");
    }
    out.dims[0] = (uint32_t)graph_elements(graph, index);
    const struct graph_node node = {
        .op = GRAPH_GATHER, .in_count = 2, .out_count = 1, .in = {table, index}};
    return graph_node_add(graph, &node, &out);
}

uint32_t op_scatter(struct graph *graph, uint32_t index, uint32_t x, uint32_t row_count)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = *graph_tensor_at(graph, x);
    out.dims[0] = row_count;
    const struct graph_node node = {
        .op = GRAPH_SCATTER, .in_count = 2, .out_count = 1, .in = {index, x}, .attr = {row_count}};
    return graph_node_add(graph, &node, &out);
}

uint32_t op_reshape(struct graph *graph, uint32_t x, uint32_t rank, const uint32_t *dims)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = {.dtype = graph_tensor_at(graph, x)->dtype, .rank = rank};
    uint64_t count = 1;
    for (uint32_t i = 0; i < rank; i++) {
        out.dims[i] = dims[i];
        count *= dims[i];
    }
    if (count != graph_elements(graph, x)) {
        return graph_fail(graph, "reshape: another number of elements");
    }
    const struct graph_node node = {.op = GRAPH_RESHAPE, .in_count = 1, .out_count = 1, .in = {x}};
    return graph_node_add(graph, &node, &out);
}

uint32_t op_slice_columns(struct graph *graph, uint32_t x, uint32_t start, uint32_t count)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = *graph_tensor_at(graph, x);
    if (out.rank != 2 || count == 0 || start > out.dims[1] || count > out.dims[1] - start) {
        return graph_fail(graph, "slice: outside of the matrix");
    }
    const struct graph_node node = {.op = GRAPH_SLICE,
                                    .in_count = 1,
                                    .out_count = 1,
                                    .in = {x},
                                    .attr = {0, start, 0, 0, out.dims[0], count, 0, 0}};
    out.dims[1] = count;
    return graph_node_add(graph, &node, &out);
}

static uint32_t heads(struct graph *graph, enum graph_op op, uint32_t x, const uint32_t *split)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    const uint32_t count = split[0];
    const uint32_t length = split[1];
    const struct graph_tensor *from = graph_tensor_at(graph, x);
    struct graph_tensor out = {.dtype = from->dtype};
    if (op == GRAPH_SPLIT_HEADS) {
        if (from->rank != 2 || from->dims[0] % length != 0 || from->dims[1] % count != 0) {
            return graph_fail(graph, "heads: width or length does not divide");
        }
        out.rank = 3;
        out.dims[0] = from->dims[0] / length * count;
        out.dims[1] = length;
        out.dims[2] = from->dims[1] / count;
    } else {
        if (from->rank != 3 || from->dims[1] != length || from->dims[0] % count != 0) {
            return graph_fail(graph, "heads: not a split tensor");
        }
        out.rank = 2;
        out.dims[0] = from->dims[0] / count * length;
        out.dims[1] = from->dims[2] * count;
    }
    const struct graph_node node = {
        .op = op, .in_count = 1, .out_count = 1, .in = {x}, .attr = {count, length}};
    return graph_node_add(graph, &node, &out);
}

uint32_t op_split_heads(struct graph *graph, uint32_t x, uint32_t count, uint32_t length)
{
    return heads(graph, GRAPH_SPLIT_HEADS, x, (const uint32_t[]){count, length});
}

uint32_t op_merge_heads(struct graph *graph, uint32_t x, uint32_t count, uint32_t length)
{
    return heads(graph, GRAPH_MERGE_HEADS, x, (const uint32_t[]){count, length});
}

uint32_t op_cast(struct graph *graph, uint32_t x)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = *graph_tensor_at(graph, x);
    out.dtype = GRAPH_F32;
    const struct graph_node node = {.op = GRAPH_CAST, .in_count = 1, .out_count = 1, .in = {x}};
    return graph_node_add(graph, &node, &out);
}

uint32_t op_batch_windows(struct graph *graph, uint32_t text, uint32_t batch, uint32_t length,
                          uint32_t *next)
{
    *next = GRAPH_NONE;
    if (graph->failed) {
        return GRAPH_NONE;
    }
    const struct graph_tensor column = {.dtype = GRAPH_I32, .rank = 2, .dims = {batch * length, 1}};
    const struct graph_node node = {
        .op = GRAPH_BATCH_WINDOWS, .in_count = 1, .out_count = 2, .in = {text}, .attr = {length}};
    const uint32_t tokens =
        graph_node_add(graph, &node, (const struct graph_tensor[]){column, column});
    *next = tokens == GRAPH_NONE ? GRAPH_NONE : tokens + 1;
    return tokens;
}

uint32_t op_batch_records(struct graph *graph, uint32_t records, uint32_t batch)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    struct graph_tensor out = *graph_tensor_at(graph, records);
    out.dims[0] = batch;
    const struct graph_node node = {
        .op = GRAPH_BATCH_RECORDS, .in_count = 1, .out_count = 1, .in = {records}};
    return graph_node_add(graph, &node, &out);
}
