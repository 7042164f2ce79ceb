#ifndef CLIENT_COMPILER_AUTODIFF_H
#define CLIENT_COMPILER_AUTODIFF_H

#include "client/compiler/graph.h"

/* Reverse-mode derivative of the scalar loss: walks the tape backwards, one recipe per
 * entry, and appends the backward operators to the same graph.  Afterwards
 * graph->gradient[p] is the gradient of parameter p (GRAPH_NONE: the loss does not
 * depend on it).  Where a tensor has several consumers their contributions are added in
 * descending order of the consumers, which walking backwards gives by itself. */
void autodiff_run(struct graph *graph, uint32_t loss);

/* Elementary rules of node `index`; autodiff_rules.c.  dy is the gradient of its output. */
void autodiff_node(struct graph *graph, uint32_t index, uint32_t dy);

/* Add a contribution to the gradient of x; parts are first summed down to x's shape. */
void autodiff_add(struct graph *graph, uint32_t x, uint32_t contribution);

#endif /* CLIENT_COMPILER_AUTODIFF_H */
