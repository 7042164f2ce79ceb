#include "client/compiler/graph.h"

#include <stdlib.h>
#include <string.h>

struct graph *graph_new(void)
{
    struct graph *graph = calloc(1, sizeof *graph);
    if (graph == NULL) {
        return NULL;
    }
    graph->tensors = calloc(GRAPH_TENSOR_MAX, sizeof *graph->tensors);
    graph->nodes = calloc(GRAPH_TENSOR_MAX, sizeof *graph->nodes);
    graph->tape = calloc(GRAPH_TENSOR_MAX, sizeof *graph->tape);
    graph->states = calloc(GRAPH_STATE_MAX, sizeof *graph->states);
    graph->gradient = calloc(GRAPH_TENSOR_MAX, sizeof *graph->gradient);
    graph->producer = calloc(GRAPH_TENSOR_MAX, sizeof *graph->producer);
    if (graph->tensors == NULL || graph->nodes == NULL || graph->tape == NULL ||
        graph->states == NULL || graph->gradient == NULL || graph->producer == NULL) {
        graph_free(graph);
        return NULL;
    }
    graph->tensor_count = 1; /* id 0 is GRAPH_NONE */
    return graph;
}

void graph_free(struct graph *graph)
{
    if (graph == NULL) {
        return;
    }
    free(graph->tensors);
    free(graph->nodes);
    free(graph->tape);
    free(graph->states);
    free(graph->gradient);
    free(graph->producer);
    free(graph);
}

uint32_t graph_fail(struct graph *graph, const char *why)
{
    if (!graph->failed) {
        graph->failed = true;
        graph->why = why;
    }
    return GRAPH_NONE;
}

uint32_t graph_tensor_add(struct graph *graph, const struct graph_tensor *tensor)
{
    if (graph->failed || graph->tensor_count == GRAPH_TENSOR_MAX) {
        return graph_fail(graph, "too many tensors");
    }
    graph->tensors[graph->tensor_count] = *tensor;
    return graph->tensor_count++;
}

const struct graph_tensor *graph_tensor_at(const struct graph *graph, uint32_t id)
{
    ASSERT(id < graph->tensor_count);
    return &graph->tensors[id];
}

uint64_t graph_elements(const struct graph *graph, uint32_t id)
{
    const struct graph_tensor *tensor = graph_tensor_at(graph, id);
    uint64_t count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        count *= tensor->dims[i];
    }
    return count;
}

bool graph_same_shape(const struct graph *graph, uint32_t a, uint32_t b)
{
    const struct graph_tensor *left = graph_tensor_at(graph, a);
    const struct graph_tensor *right = graph_tensor_at(graph, b);
    return left->rank == right->rank &&
           memcmp(left->dims, right->dims, left->rank * sizeof left->dims[0]) == 0;
}

uint32_t graph_node_add(struct graph *graph, const struct graph_node *node,
                        const struct graph_tensor *out)
{
    if (graph->failed) {
        return GRAPH_NONE;
    }
    if (graph->node_count == GRAPH_TENSOR_MAX || graph->tape_count == GRAPH_TENSOR_MAX) {
        return graph_fail(graph, "too many operators");
    }
    const uint32_t index = graph->node_count++;
    struct graph_node *slot = &graph->nodes[index];
    *slot = *node;
    bool differentiable = false;
    for (uint32_t i = 0; i < node->in_count; i++) {
        differentiable = differentiable || graph_tensor_at(graph, node->in[i])->differentiable;
    }
    for (uint32_t i = 0; i < node->out_count; i++) {
        struct graph_tensor made = out[i];
        made.kind = GRAPH_TEMP;
        made.differentiable = differentiable && made.dtype == GRAPH_F32;
        slot->out[i] = graph_tensor_add(graph, &made);
        graph->producer[slot->out[i]] = index + 1;
    }
    if (graph->muted == 0 && differentiable) {
        graph->tape[graph->tape_count++] =
            (struct graph_tape){.rule = GRAPH_RULE_NODE, .node = index};
    }
    return slot->out[0];
}

uint32_t graph_state_add(struct graph *graph, const struct graph_state *state, uint32_t rank,
                         const uint32_t *dims)
{
    if (graph->failed || graph->state_count == GRAPH_STATE_MAX) {
        return graph_fail(graph, "too many state tensors");
    }
    struct graph_tensor tensor = {.dtype = GRAPH_F32,
                                  .kind = GRAPH_STATE,
                                  .rank = rank,
                                  .differentiable = state->class == GRAPH_PARAMETER};
    memcpy(tensor.dims, dims, rank * sizeof dims[0]);
    const uint32_t id = graph_tensor_add(graph, &tensor);
    struct graph_state *slot = &graph->states[graph->state_count++];
    *slot = *state;
    slot->in = id;
    slot->out = id;
    return id;
}

struct graph_state *graph_state_of(struct graph *graph, uint32_t tensor)
{
    for (uint32_t i = 0; i < graph->state_count; i++) {
        if (graph->states[i].in == tensor) {
            return &graph->states[i];
        }
    }
    return NULL;
}
