#include "client/compiler/emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

struct emitter {
    const struct graph *graph;
    struct emit_program *out;
    uint32_t *number; /* per graph tensor: its id in the program plus 1 */
};

static void tensor_number(struct emitter *emitter, uint32_t id, enum vm_kind kind, uint8_t flags)
{
    const struct graph_tensor *from = graph_tensor_at(emitter->graph, id);
    struct vm_tensor *to = &emitter->out->tensors[emitter->out->view.tensor_count];
    *to = (struct vm_tensor){.dtype = (uint8_t)from->dtype,
                             .rank = (uint8_t)from->rank,
                             .kind = (uint8_t)kind,
                             .flags = flags};
    for (uint32_t i = 0; i < VM_RANK_MAX; i++) {
        to->dims[i] = i < from->rank ? from->dims[i] : 1;
    }
    emitter->number[id] = ++emitter->out->view.tensor_count;
}

static enum vm_group group_of(enum graph_class class)
{
    switch (class) {
    case GRAPH_PARAMETER:
        return VM_PARAMS;
    case GRAPH_INNER:
        return VM_INNER;
    case GRAPH_COUNTER:
        return VM_COUNTERS;
    }
    UNREACHABLE();
}

static void state_number(struct emitter *emitter, uint32_t index)
{
    const struct graph_state *state = &emitter->graph->states[index];
    struct vm_program *view = &emitter->out->view;
    tensor_number(emitter, state->in, VM_STATE, (uint8_t)group_of(state->class));
    emitter->out->state_in[view->state_count] = emitter->number[state->in] - 1;
    emitter->out->state_of[view->state_count] = index;
    view->state_count++;
}

static void states_number(struct emitter *emitter, enum graph_class class)
{
    for (uint32_t i = 0; i < emitter->graph->state_count; i++) {
        if (emitter->graph->states[i].class == class) {
            state_number(emitter, i);
        }
    }
}

static void sources_number(struct emitter *emitter)
{
    states_number(emitter, GRAPH_PARAMETER);
    states_number(emitter, GRAPH_INNER);
    states_number(emitter, GRAPH_COUNTER);
    for (uint32_t id = 1; id < emitter->graph->tensor_count; id++) {
        if (graph_tensor_at(emitter->graph, id)->kind == GRAPH_DATA) {
            tensor_number(emitter, id, VM_DATA, 0);
        }
    }
}

static void attrs_set(struct vm_op *op, const uint32_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        store_le32(op->attrs + (size_t)4 * i, words[i]);
    }
    op->attr_size = (uint8_t)(4 * count);
}

static void heads_set(struct vm_op *op, enum graph_op kind, uint32_t count)
{
    op->opcode = VM_HEADS;
    op->attrs[0] = kind == GRAPH_SPLIT_HEADS ? VM_SPLIT : VM_MERGE;
    store_le16(&op->attrs[1], (uint16_t)count);
    op->attr_size = 3;
}

static void product_set(struct vm_op *op, const struct graph_node *node)
{
    op->opcode = node->op == GRAPH_BMM ? VM_BMM : VM_MATMUL;
    op->attrs[0] = (uint8_t)((node->attr[0] != 0 ? VM_TA : 0) | (node->attr[1] != 0 ? VM_TB : 0));
    op->attr_size = 1;
}

/* Opcode and attributes of a node that is no EWISE. */
static void node_set(const struct graph_node *node, struct vm_op *op)
{
    static const uint8_t plain[] = {
        [GRAPH_ROWSUM] = VM_ROWSUM,
        [GRAPH_ROWDOT] = VM_ROWDOT,
        [GRAPH_ROWMAX] = VM_ROWMAX,
        [GRAPH_COLSUM] = VM_COLSUM,
        [GRAPH_GATHER] = VM_GATHER_ROWS,
        [GRAPH_SCATTER] = VM_SCATTER_ADD_ROWS,
        [GRAPH_RESHAPE] = VM_RESHAPE,
        [GRAPH_SLICE] = VM_SLICE,
        [GRAPH_BATCH_WINDOWS] = VM_BATCH_WINDOWS,
        [GRAPH_BATCH_RECORDS] = VM_BATCH_RECORDS,
        [GRAPH_CAST] = VM_CAST,
    };
    if (node->op == GRAPH_MATMUL || node->op == GRAPH_BMM) {
        product_set(op, node);
        return;
    }
    if (node->op == GRAPH_SPLIT_HEADS || node->op == GRAPH_MERGE_HEADS) {
        heads_set(op, node->op, node->attr[0]);
        return;
    }
    op->opcode = plain[node->op];
    if (node->op == GRAPH_SLICE) {
        attrs_set(op, node->attr, 4);
    } else if (node->op == GRAPH_BATCH_WINDOWS) {
        attrs_set(op, (const uint32_t[]){node->attr[0], 0}, 2); /* length, stream 0 */
    } else if (node->op == GRAPH_BATCH_RECORDS) {
        attrs_set(op, (const uint32_t[]){0}, 1); /* stream 0 */
    }
}

static void group_emit(struct emitter *emitter, const struct fuse_group *group)
{
    const struct graph_node *node = &emitter->graph->nodes[group->members[0]];
    struct vm_op op = {0};
    if (node->op == GRAPH_EWISE) {
        const bool fits = fuse_encode(emitter->graph, group, &op);
        ASSERT(fits); /* the plan only holds groups that were encoded before */
    } else {
        node_set(node, &op);
        op.in_count = (uint8_t)node->in_count;
        op.out_count = (uint8_t)node->out_count;
        memcpy(op.in, node->in, node->in_count * sizeof op.in[0]);
        memcpy(op.out, node->out, node->out_count * sizeof op.out[0]);
    }
    for (uint32_t i = 0; i < op.in_count; i++) {
        ASSERT(emitter->number[op.in[i]] != 0);
        op.in[i] = emitter->number[op.in[i]] - 1;
    }
    for (uint32_t i = 0; i < op.out_count; i++) {
        const uint32_t id = op.out[i];
        tensor_number(emitter, id, VM_TEMP, 0);
        op.out[i] = emitter->number[id] - 1;
    }
    emitter->out->ops[emitter->out->view.op_count++] = op;
}

static bool tables_new(const struct graph *graph, const struct fuse_plan *plan,
                       struct emit_program *out)
{
    *out = (struct emit_program){0};
    out->tensors = calloc(graph->tensor_count, sizeof *out->tensors);
    out->ops = calloc((size_t)plan->count + 1, sizeof *out->ops);
    out->state_in = calloc((size_t)graph->state_count + 1, sizeof *out->state_in);
    out->state_out = calloc((size_t)graph->state_count + 1, sizeof *out->state_out);
    out->state_of = calloc((size_t)graph->state_count + 1, sizeof *out->state_of);
    return out->tensors != NULL && out->ops != NULL && out->state_in != NULL &&
           out->state_out != NULL && out->state_of != NULL;
}

bool emit_run(const struct graph *graph, const struct fuse_plan *plan, uint32_t loss,
              struct emit_program *out)
{
    struct emitter emitter = {.graph = graph, .out = out};
    emitter.number = calloc(graph->tensor_count, sizeof *emitter.number);
    if (!tables_new(graph, plan, out) || emitter.number == NULL) {
        free(emitter.number);
        return false;
    }
    sources_number(&emitter);
    for (uint32_t i = 0; i < plan->count; i++) {
        group_emit(&emitter, &plan->groups[i]);
    }
    for (uint32_t i = 0; i < out->view.state_count; i++) {
        out->state_out[i] = emitter.number[graph->states[out->state_of[i]].out] - 1;
    }
    out->view.loss = emitter.number[loss] - 1;
    out->view.tensors = out->tensors;
    out->view.ops = out->ops;
    out->view.state_in = out->state_in;
    out->view.state_out = out->state_out;
    free(emitter.number);
    return true;
}

void emit_free(struct emit_program *program)
{
    free(program->tensors);
    free(program->ops);
    free(program->state_in);
    free(program->state_out);
    free(program->state_of);
    *program = (struct emit_program){0};
}
