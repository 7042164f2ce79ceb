#ifndef CLIENT_COMPILER_OPS_H
#define CLIENT_COMPILER_OPS_H

#include "client/compiler/graph.h"

/* Forward operators: each checks its shapes, appends nodes and returns the result's
 * tensor id.  The composites follow the fixed recipes of the training specification,
 * so that two tools emit equal programs. */

/* One element-wise instruction; unused operands are GRAPH_NONE.  Operands may be
 * scalars, row vectors or column vectors of the widest one. */
uint32_t op_unary(struct graph *graph, enum graph_code code, uint32_t a);
uint32_t op_binary(struct graph *graph, enum graph_code code, uint32_t a, uint32_t b);
uint32_t op_ternary(struct graph *graph, enum graph_code code, uint32_t a, uint32_t b, uint32_t c);
uint32_t op_constant(struct graph *graph, float value);

/* Row or column number of every element of a matrix shaped like `like`, as f32.  Rows of
 * a batch are numbered within their own matrix. */
uint32_t op_row_index(struct graph *graph, uint32_t like);
uint32_t op_column_index(struct graph *graph, uint32_t like);

/* A' [M, K] times B' [K, N]; a flag reads the operand transposed.  Rank 3: per batch. */
uint32_t op_matmul(struct graph *graph, uint32_t a, bool a_transposed, uint32_t b,
                   bool b_transposed);

uint32_t op_row_sum(struct graph *graph, uint32_t x);             /* [.., M, N] -> [.., M, 1] */
uint32_t op_row_dot(struct graph *graph, uint32_t x, uint32_t y); /* [.., M, N] -> [.., M, 1] */
uint32_t op_row_max(struct graph *graph, uint32_t x);             /* [.., M, N] -> [.., M, 1] */
uint32_t op_column_sum(struct graph *graph, uint32_t x);          /* [M, N] -> [N] */
uint32_t op_gather(struct graph *graph, uint32_t table, uint32_t index); /* rows of table */
uint32_t op_scatter(struct graph *graph, uint32_t index, uint32_t x, uint32_t row_count);
uint32_t op_reshape(struct graph *graph, uint32_t x, uint32_t rank, const uint32_t *dims);
uint32_t op_slice_columns(struct graph *graph, uint32_t x, uint32_t start, uint32_t count);
uint32_t op_split_heads(struct graph *graph, uint32_t x, uint32_t count, uint32_t length);
uint32_t op_merge_heads(struct graph *graph, uint32_t x, uint32_t count, uint32_t length);
uint32_t op_cast(struct graph *graph, uint32_t x); /* u8 -> f32 */

/* `batch` windows of `length` tokens from a text u8 [n]: the tokens, and in *next the token
 * that follows each; both i32 [batch * length, 1]. */
uint32_t op_batch_windows(struct graph *graph, uint32_t text, uint32_t batch, uint32_t length,
                          uint32_t *next);
/* `batch` rows of the records u8 [n, L] -> u8 [batch, L]. */
uint32_t op_batch_records(struct graph *graph, uint32_t records, uint32_t batch);

/* Composites with their own backward rule. */
uint32_t op_softmax(struct graph *graph, uint32_t x);
uint32_t op_rms_norm(struct graph *graph, uint32_t x, uint32_t gain);
/* Mean over rows of -log softmax(x)[target]; target is a column of class numbers.  Scalar. */
uint32_t op_cross_entropy(struct graph *graph, uint32_t logits, uint32_t target);

/* Composites whose derivative is that of their parts. */
uint32_t op_gelu(struct graph *graph, uint32_t x);
uint32_t op_causal_mask(struct graph *graph, uint32_t scores, float scale);
uint32_t op_mean_square(struct graph *graph, uint32_t x); /* scalar */

#endif /* CLIENT_COMPILER_OPS_H */
