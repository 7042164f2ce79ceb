#ifndef TESTS_SUPPORT_VM_BUILDER_H
#define TESTS_SUPPORT_VM_BUILDER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/endian.h"
#include "vm/program/program.h"

/* Writes small tensor programs by hand, for tests and fuzz targets. */

enum { BUILDER_TENSORS_MAX = 256, BUILDER_OPS_MAX = 256, BUILDER_STATES_MAX = 64 };

struct vm_builder {
    struct vm_tensor tensors[BUILDER_TENSORS_MAX];
    struct vm_op ops[BUILDER_OPS_MAX];
    uint32_t state_in[BUILDER_STATES_MAX];
    uint32_t state_out[BUILDER_STATES_MAX];
    struct vm_program program;
};

struct builder_dims {
    uint8_t rank;
    uint32_t dims[VM_RANK_MAX];
};

static inline struct builder_dims dims1(uint32_t a)
{
    return (struct builder_dims){1, {a, 1, 1, 1}};
}

static inline struct builder_dims dims2(uint32_t a, uint32_t b)
{
    return (struct builder_dims){2, {a, b, 1, 1}};
}

static inline struct builder_dims dims3(uint32_t a, uint32_t b, uint32_t c)
{
    return (struct builder_dims){3, {a, b, c, 1}};
}

static inline void builder_init(struct vm_builder *b)
{
    memset(b, 0, sizeof *b);
    b->program.tensors = b->tensors;
    b->program.ops = b->ops;
    b->program.state_in = b->state_in;
    b->program.state_out = b->state_out;
}

static inline uint32_t builder_tensor(struct vm_builder *b, uint8_t kind, uint8_t dtype,
                                      struct builder_dims dims)
{
    const uint32_t id = b->program.tensor_count++;
    struct vm_tensor *tensor = &b->tensors[id];
    tensor->dtype = dtype;
    tensor->rank = dims.rank;
    tensor->kind = kind;
    memcpy(tensor->dims, dims.dims, sizeof dims.dims);
    return id;
}

static inline uint32_t builder_temp(struct vm_builder *b, uint8_t dtype, struct builder_dims dims)
{
    return builder_tensor(b, VM_TEMP, dtype, dims);
}

/* A state tensor; until builder_next says otherwise it keeps its value. */
static inline uint32_t builder_state(struct vm_builder *b, uint8_t group, uint8_t dtype,
                                     struct builder_dims dims)
{
    const uint32_t id = builder_tensor(b, VM_STATE, dtype, dims);
    b->tensors[id].flags = group;
    const uint16_t index = b->program.state_count++;
    b->state_in[index] = id;
    b->state_out[index] = id;
    return id;
}

static inline void builder_next(struct vm_builder *b, uint32_t state, uint32_t value)
{
    for (uint16_t i = 0; i < b->program.state_count; i++) {
        if (b->state_in[i] == state) {
            b->state_out[i] = value;
        }
    }
}

static inline struct vm_op *builder_op(struct vm_builder *b, uint8_t opcode)
{
    struct vm_op *op = &b->ops[b->program.op_count++];
    op->opcode = opcode;
    return op;
}

static inline void builder_in(struct vm_op *op, uint32_t id)
{
    op->in[op->in_count++] = id;
}

static inline void builder_out(struct vm_op *op, uint32_t id)
{
    op->out[op->out_count++] = id;
}

static inline void builder_byte(struct vm_op *op, uint32_t value)
{
    op->attrs[op->attr_size++] = (uint8_t)value;
}

static inline void builder_word(struct vm_op *op, uint32_t value)
{
    store_le32(op->attrs + op->attr_size, value);
    op->attr_size = (uint8_t)(op->attr_size + 4);
}

/* out = opcode(a[, b]) with no attributes; returns the operator for more. */
static inline struct vm_op *builder_unary(struct vm_builder *b, uint8_t opcode, uint32_t a,
                                          uint32_t out)
{
    struct vm_op *op = builder_op(b, opcode);
    builder_in(op, a);
    builder_out(op, out);
    return op;
}

static inline struct vm_op *builder_binary(struct vm_builder *b, uint8_t opcode, uint32_t x,
                                           uint32_t y, uint32_t out)
{
    struct vm_op *op = builder_op(b, opcode);
    builder_in(op, x);
    builder_in(op, y);
    builder_out(op, out);
    return op;
}

static inline void builder_matmul(struct vm_builder *b, uint8_t opcode, uint32_t flags,
                                  const uint32_t abc[3])
{
    builder_byte(builder_binary(b, opcode, abc[0], abc[1], abc[2]), flags);
}

/* EWISE code: one instruction in three bytes; constants as bits of floats. */
struct builder_code {
    uint8_t op;
    uint8_t dst;
    uint8_t a;
    uint8_t b;
    uint8_t c;
};

struct builder_ewise {
    uint8_t in_count;
    uint32_t in[16];
    uint8_t kinds[16];
    uint8_t out_count;
    uint32_t out[VM_OUT_MAX];
    uint8_t results[VM_OUT_MAX];
    uint8_t code_count;
    struct builder_code code[32];
    uint8_t const_count;
    float consts[16];
};

static inline void builder_ewise(struct vm_builder *b, const struct builder_ewise *e)
{
    struct vm_op *op = builder_op(b, VM_EWISE);
    builder_byte(op, e->code_count);
    builder_byte(op, e->const_count);
    for (int i = 0; i < e->in_count; i++) {
        builder_in(op, e->in[i]);
        builder_byte(op, e->kinds[i]);
    }
    for (int i = 0; i < e->out_count; i++) {
        builder_out(op, e->out[i]);
        builder_byte(op, e->results[i]);
    }
    for (int i = 0; i < e->code_count; i++) {
        const struct builder_code *c = &e->code[i];
        builder_byte(op, c->op);
        builder_byte(op, (uint32_t)c->dst + 16U * c->a);
        builder_byte(op, (uint32_t)c->b + 16U * c->c);
    }
    for (int i = 0; i < e->const_count; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &e->consts[i], sizeof bits);
        builder_word(op, bits);
    }
}

#endif /* TESTS_SUPPORT_VM_BUILDER_H */
