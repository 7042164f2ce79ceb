#include "client/compiler/fuse.h"

#include <string.h>

#include "base/endian.h"

/* From a group of single instructions to the byte form of an EWISE operator: inputs get
 * the first registers, later values the lowest free one, and a register is free again
 * after its last reader. */

enum { REGISTERS = 16, CODES = 32, FULL_MAX = 8, IN_MAX = 16, OUT_MAX = 4 };

static const uint8_t opcode_of[] = {
    [GRAPH_ADD] = VM_E_ADD,       [GRAPH_SUB] = VM_E_SUB,       [GRAPH_MUL] = VM_E_MUL,
    [GRAPH_DIV] = VM_E_DIV,       [GRAPH_FMA] = VM_E_FMA,       [GRAPH_SQRT] = VM_E_SQRT,
    [GRAPH_EXP] = VM_E_EXP,       [GRAPH_LOG] = VM_E_LOG,       [GRAPH_TANH] = VM_E_TANH,
    [GRAPH_MAX] = VM_E_MAX,       [GRAPH_MIN] = VM_E_MIN,       [GRAPH_ABS] = VM_E_ABS,
    [GRAPH_NEG] = VM_E_NEG,       [GRAPH_GT] = VM_E_GT,         [GRAPH_GE] = VM_E_GE,
    [GRAPH_EQ] = VM_E_EQ,         [GRAPH_SEL] = VM_E_SEL,       [GRAPH_RINT] = VM_E_RINT,
    [GRAPH_I2F] = VM_E_I2F,       [GRAPH_F2I] = VM_E_F2I,       [GRAPH_CONST] = VM_E_CONST,
    [GRAPH_ROWIDX] = VM_E_ROWIDX, [GRAPH_COLIDX] = VM_E_COLIDX,
};

/* A value of the register program, in the order in which values come into being. */
struct value {
    uint32_t tensor; /* constants with equal bits share one value */
    uint32_t bits;   /* of a constant */
    bool is_constant;
    bool is_input;
    bool is_output;
    enum vm_broadcast kind; /* of an input */
    uint32_t last_use;      /* index of the last instruction that reads it */
    uint32_t reg;
};

struct instruction {
    uint8_t opcode;
    uint8_t operand_count;
    uint8_t value; /* the value it makes */
    uint8_t operands[GRAPH_IN_MAX];
};

enum { VALUE_MAX = IN_MAX + CODES };

struct encoder {
    const struct graph *graph;
    struct value values[VALUE_MAX];
    struct instruction code[CODES];
    uint32_t value_count;
    uint32_t code_count;
    uint32_t in_count;
    uint32_t full_count;
    uint32_t space; /* a tensor of the iteration space */
};

static uint32_t bits_of(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static const struct graph_node *producer(const struct graph *graph, uint32_t tensor)
{
    const uint32_t index = graph->producer[tensor];
    return index == 0 ? NULL : &graph->nodes[index - 1];
}

static bool is_free(const struct graph_node *node)
{
    return node != NULL && node->op == GRAPH_EWISE && node->in_count == 0;
}

/* How an input of another shape is spread over the iteration space. */
static bool broadcast_of(const struct graph *graph, uint32_t space, uint32_t x,
                         enum vm_broadcast *out)
{
    const struct graph_tensor *to = graph_tensor_at(graph, space);
    const struct graph_tensor *from = graph_tensor_at(graph, x);
    const uint64_t count = graph_elements(graph, x);
    const uint64_t columns = to->dims[to->rank - 1];
    const uint64_t all = graph_elements(graph, space);
    if (graph_same_shape(graph, space, x)) {
        *out = VM_FULL;
        return true;
    }
    if (count == 1) {
        *out = VM_SCALAR;
        return true;
    }
    if (count == columns && from->dims[from->rank - 1] == columns) {
        *out = VM_ROW;
        return true;
    }
    *out = VM_COL;
    return count == all / columns && from->dims[from->rank - 1] == 1;
}

static bool instruction_add(struct encoder *encoder, const struct instruction *instruction)
{
    if (encoder->code_count == CODES) {
        return false;
    }
    for (uint32_t i = 0; i < instruction->operand_count; i++) {
        encoder->values[instruction->operands[i]].last_use = encoder->code_count;
    }
    encoder->code[encoder->code_count++] = *instruction;
    return true;
}

static bool value_add(struct encoder *encoder, const struct value *value, uint8_t *out)
{
    if (encoder->value_count == VALUE_MAX) {
        return false;
    }
    *out = (uint8_t)encoder->value_count;
    encoder->values[encoder->value_count++] = *value;
    return true;
}

static bool input_add(struct encoder *encoder, uint32_t tensor, uint8_t *out)
{
    struct value value = {.tensor = tensor, .is_input = true};
    if (encoder->in_count == IN_MAX ||
        !broadcast_of(encoder->graph, encoder->space, tensor, &value.kind)) {
        return false;
    }
    encoder->full_count += value.kind == VM_FULL;
    encoder->in_count++;
    return encoder->full_count <= FULL_MAX && value_add(encoder, &value, out);
}

/* The value of an operand: made before, an input, or a constant or index made here. */
static bool operand(struct encoder *encoder, uint32_t tensor, uint8_t *out)
{
    const struct graph_node *node = producer(encoder->graph, tensor);
    const bool fresh = is_free(node);
    const bool constant = fresh && node->code == GRAPH_CONST;
    const uint32_t bits = constant ? bits_of(node->constant) : 0;
    for (uint32_t i = 0; i < encoder->value_count; i++) {
        const struct value *value = &encoder->values[i];
        const bool same = constant ? value->is_constant && value->bits == bits
                                   : !value->is_constant && value->tensor == tensor;
        if (same) {
            *out = (uint8_t)i;
            return true;
        }
    }
    if (!fresh) {
        return input_add(encoder, tensor, out);
    }
    if (!constant && !graph_same_shape(encoder->graph, tensor, encoder->space)) {
        return false;
    }
    const struct value value = {.tensor = tensor, .bits = bits, .is_constant = constant};
    if (!value_add(encoder, &value, out)) {
        return false;
    }
    return instruction_add(encoder,
                           &(struct instruction){.opcode = opcode_of[node->code], .value = *out});
}

static bool member_add(struct encoder *encoder, uint32_t index, bool external)
{
    const struct graph_node *node = &encoder->graph->nodes[index];
    struct instruction instruction = {.opcode = opcode_of[node->code],
                                      .operand_count = (uint8_t)node->in_count};
    for (uint32_t i = 0; i < node->in_count; i++) {
        if (!operand(encoder, node->in[i], &instruction.operands[i])) {
            return false;
        }
    }
    const struct value value = {.tensor = node->out[0],
                                .is_constant = node->code == GRAPH_CONST,
                                .bits = bits_of(node->constant),
                                .is_output = external};
    return value_add(encoder, &value, &instruction.value) && instruction_add(encoder, &instruction);
}

/* Registers free after their last reader at instruction `at`. */
static uint32_t registers_freed(const struct encoder *encoder, uint32_t at)
{
    const struct instruction *instruction = &encoder->code[at];
    uint32_t freed = 0;
    for (uint32_t i = 0; i < instruction->operand_count; i++) {
        const struct value *value = &encoder->values[instruction->operands[i]];
        freed |= value->last_use == at && !value->is_output ? 1U << value->reg : 0;
    }
    return freed;
}

/* Inputs take registers 0.. in order of first use; then walk the code. */
static bool registers_assign(struct encoder *encoder)
{
    uint32_t used = 0; /* bit set */
    uint32_t next = 0;
    for (uint32_t i = 0; i < encoder->value_count; i++) {
        if (encoder->values[i].is_input) {
            encoder->values[i].reg = next;
            used |= 1U << next++;
        }
    }
    for (uint32_t at = 0; at < encoder->code_count; at++) {
        used &= ~registers_freed(encoder, at);
        uint32_t reg = 0;
        while (reg < REGISTERS && (used >> reg & 1U) != 0) {
            reg++;
        }
        if (reg == REGISTERS) {
            return false;
        }
        encoder->values[encoder->code[at].value].reg = reg;
        used |= 1U << reg;
    }
    return true;
}

/* One instruction at `at`; a constant's number stands in the operand fields. */
static void instruction_write(const struct encoder *encoder, const struct instruction *instruction,
                              uint32_t number, uint8_t *at)
{
    uint32_t reg[GRAPH_IN_MAX] = {0};
    for (uint32_t k = 0; k < instruction->operand_count; k++) {
        reg[k] = encoder->values[instruction->operands[k]].reg;
    }
    if (instruction->opcode == VM_E_CONST) {
        reg[1] = number & 15U;
        reg[2] = number >> 4;
    }
    at[0] = instruction->opcode;
    at[1] = (uint8_t)(encoder->values[instruction->value].reg + 16 * reg[0]);
    at[2] = (uint8_t)(reg[1] + 16 * reg[2]);
}

static void attrs_write(const struct encoder *encoder, struct vm_op *out, uint32_t const_count)
{
    uint8_t *kinds = out->attrs + 2;
    uint8_t *results = kinds + out->in_count;
    uint8_t *code = results + out->out_count;
    uint8_t *constants = code + (size_t)3 * encoder->code_count;
    out->attrs[0] = (uint8_t)encoder->code_count;
    out->attrs[1] = (uint8_t)const_count;
    for (uint32_t i = 0; i < encoder->value_count; i++) {
        const struct value *value = &encoder->values[i];
        if (value->is_input) {
            *kinds++ = (uint8_t)value->kind;
        }
        if (value->is_output) {
            *results++ = (uint8_t)value->reg;
        }
    }
    uint32_t number = 0;
    for (uint32_t i = 0; i < encoder->code_count; i++) {
        const struct instruction *instruction = &encoder->code[i];
        instruction_write(encoder, instruction, number, code + (size_t)3 * i);
        if (instruction->opcode == VM_E_CONST) {
            store_le32(constants + (size_t)4 * number, encoder->values[instruction->value].bits);
            number++;
        }
    }
}

static void operands_write(const struct encoder *encoder, struct vm_op *out)
{
    for (uint32_t i = 0; i < encoder->value_count; i++) {
        const struct value *value = &encoder->values[i];
        if (value->is_input) {
            out->in[out->in_count++] = value->tensor;
        }
        if (value->is_output) {
            out->out[out->out_count++] = value->tensor;
        }
    }
}

static bool encoder_write(const struct encoder *encoder, struct vm_op *out)
{
    uint32_t const_count = 0;
    uint32_t out_count = 0;
    for (uint32_t i = 0; i < encoder->code_count; i++) {
        const_count += encoder->code[i].opcode == VM_E_CONST;
        out_count += encoder->values[encoder->code[i].value].is_output;
    }
    const uint32_t attr_size =
        2U + encoder->in_count + out_count + 3 * encoder->code_count + 4 * const_count;
    const uint32_t record_size = 4U + 4U * (encoder->in_count + out_count) + attr_size;
    if (out_count > OUT_MAX || attr_size > VM_ATTR_MAX || record_size > VM_OP_SIZE_MAX) {
        return false;
    }
    *out = (struct vm_op){.opcode = VM_EWISE, .attr_size = (uint8_t)attr_size};
    operands_write(encoder, out);
    attrs_write(encoder, out, const_count);
    return true;
}

bool fuse_encode(const struct graph *graph, const struct fuse_group *group, struct vm_op *out)
{
    struct encoder encoder = {.graph = graph, .space = graph->nodes[group->members[0]].out[0]};
    for (uint32_t i = group->count; i > 0; i--) {
        if (!member_add(&encoder, group->members[i - 1], group->external[i - 1])) {
            return false;
        }
    }
    return registers_assign(&encoder) && encoder_write(&encoder, out);
}
