#ifndef CLIENT_COMPILER_TEMPLATE_H
#define CLIENT_COMPILER_TEMPLATE_H

#include "client/compiler/compiler.h"
#include "client/compiler/graph.h"

/* The forward passes of the built-in templates. */

/* Bytes & 127 as row numbers of the token table; index is i32. */
uint32_t template_tokens(struct graph *graph, uint32_t bytes);

/* tokens i32 [batch * context, 1] -> logits [batch * context, 128] */
uint32_t template_char_gpt(struct graph *graph, const struct compiler_spec *spec, uint32_t tokens);

/* tokens i32 [batch * context, 1] -> logits [batch, 128] for the token after the window */
uint32_t template_mlp_windows(struct graph *graph, const struct compiler_spec *spec,
                              uint32_t tokens);

/* features f32 [batch, features] -> [batch, outputs] */
uint32_t template_mlp_records(struct graph *graph, const struct compiler_spec *spec,
                              uint32_t features);

/* Loss of a training batch drawn from a data set of data_count bytes or records. */
uint32_t template_loss(struct graph *graph, const struct compiler_spec *spec, uint32_t data_count);

/* One window or record in the counter "input", the prediction in the counter "output";
 * returns a constant in place of a loss. */
uint32_t template_infer(struct graph *graph, const struct compiler_spec *spec);

#endif /* CLIENT_COMPILER_TEMPLATE_H */
