/* EWISE: the register program runs over chunks of consecutive elements, an instruction at a
 * time, so that a register is a short array in the first cache. */

#include <string.h>

#include "vm/num/num.h"
#include "vm/op/code.h"
#include "vm/op/run.h"
#include "vm/tensor/tensor.h"

enum { CHUNK = 256 };

struct chunk {
    const struct vm_frame *frame;
    const struct vm_code *code;
    struct vm_shape shape;
    size_t from; /* first element, a multiple of CHUNK */
    size_t count;
    const uint32_t *reg[VM_CODE_REGISTERS]; /* where a register's value lies now */
    uint32_t (*memory)[CHUNK];
    uint16_t fixed; /* registers that hold one value throughout: bit i = register i */
};

/* x[j] for every element, rows wrapping round. */
static void load_row(const struct chunk *c, const uint32_t *x, size_t period, uint32_t *out)
{
    size_t j = c->from % period;
    size_t i = 0;
    while (i < c->count) {
        const size_t left = c->count - i;
        const size_t run = period - j < left ? period - j : left;
        memcpy(out + i, x + j, run * sizeof *out);
        i += run;
        j = 0;
    }
}

/* One value per row: x[row], or with x NULL the row's index in its matrix. */
static void load_column(const struct chunk *c, const uint32_t *x, uint32_t *out)
{
    const size_t cols = c->shape.cols;
    size_t row = c->from / cols;
    size_t j = c->from % cols;
    size_t i = 0;
    while (i < c->count) {
        const size_t left = c->count - i;
        const size_t run = cols - j < left ? cols - j : left;
        const uint32_t value = x != NULL ? x[row] : vm_bits((float)(row % c->shape.rows));
        c->frame->kernels->fill(out + i, value, run);
        i += run;
        j = 0;
        row++;
    }
}

static void load_colidx(const struct chunk *c, uint32_t *out)
{
    const size_t cols = c->shape.cols;
    size_t j = c->from % cols;
    size_t i = 0;
    while (i < c->count) {
        const size_t left = c->count - i;
        const size_t run = cols - j < left ? cols - j : left;
        c->frame->kernels->iota((float *)(void *)(out + i), (uint32_t)j, run);
        i += run;
        j = 0;
    }
}

/* Whole chunks of the arena are read in place: it is aligned and long enough for vectors. */
static void load_full(struct chunk *c, int i)
{
    const uint32_t *x = (const uint32_t *)c->frame->x[i] + c->from;
    const uint8_t kind = c->frame->in[i]->kind;
    if (c->count == CHUNK && (kind == VM_TEMP || kind == VM_STATE)) {
        c->reg[i] = x;
        return;
    }
    memcpy(c->memory[i], x, c->count * sizeof *x);
}

static void load_input(struct chunk *c, int i)
{
    const uint32_t *x = c->frame->x[i];
    c->reg[i] = c->memory[i];
    switch (c->code->kinds[i]) {
    case VM_FULL:
        load_full(c, i);
        break;
    case VM_ROW:
        load_row(c, x, c->shape.cols, c->memory[i]);
        break;
    case VM_COL:
        load_column(c, x, c->memory[i]);
        break;
    case VM_SCALAR:
        c->frame->kernels->fill(c->memory[i], x[0], CHUNK);
        break;
    default:
        load_row(c, x, (size_t)c->shape.rows * c->shape.cols, c->memory[i]);
        break;
    }
}

/* A scalar input or a constant whose register nothing else writes is filled once, not in every
 * chunk. */
static void fill_fixed(struct chunk *c)
{
    const struct vm_op *op = c->frame->op;
    int writes[VM_CODE_REGISTERS] = {0};
    for (int i = 0; i < c->code->count; i++) {
        writes[c->code->instructions[i].dst]++;
    }
    for (int i = 0; i < op->in_count; i++) {
        if (c->code->kinds[i] == VM_SCALAR && writes[i] == 0) {
            c->frame->kernels->fill(c->memory[i], *(const uint32_t *)c->frame->x[i], CHUNK);
            c->fixed |= (uint16_t)(1u << i);
        }
    }
    for (int i = 0; i < c->code->count; i++) {
        const struct vm_instruction *in = &c->code->instructions[i];
        if (in->op == VM_E_CONST && in->dst >= op->in_count && writes[in->dst] == 1) {
            c->frame->kernels->fill(c->memory[in->dst], c->code->consts[in->b + 16 * in->c], CHUNK);
            c->fixed |= (uint16_t)(1u << in->dst);
        }
    }
}

static void run_instruction(struct chunk *c, const struct vm_instruction *in)
{
    uint32_t *out = c->memory[in->dst];
    if ((c->fixed >> in->dst & 1) != 0) {
        return;
    }
    switch (in->op) {
    case VM_E_CONST:
        c->frame->kernels->fill(out, c->code->consts[in->b + 16 * in->c], CHUNK);
        break;
    case VM_E_ROWIDX:
        load_column(c, NULL, out);
        break;
    case VM_E_COLIDX:
        load_colidx(c, out);
        break;
    default: {
        const uint32_t *x[3] = {c->reg[in->a], c->reg[in->b], c->reg[in->c]};
        c->frame->kernels->ewise(in->op, out, x, (c->count + VM_WIDTH - 1) / VM_WIDTH * VM_WIDTH);
        break;
    }
    }
    c->reg[in->dst] = out;
}

static void store_outputs(const struct chunk *c)
{
    for (int o = 0; o < c->frame->op->out_count; o++) {
        const uint32_t *value = c->reg[c->code->results[o]];
        uint32_t *y = (uint32_t *)c->frame->y[o] + c->from;
        if (c->frame->out[o]->dtype == VM_F32) {
            c->frame->kernels->canon((float *)(void *)y, (const float *)(const void *)value,
                                     c->count);
        } else {
            memcpy(y, value, c->count * sizeof *y);
        }
    }
}

static void run_chunk(struct chunk *c)
{
    for (int i = 0; i < VM_CODE_REGISTERS; i++) {
        c->reg[i] = c->memory[i];
    }
    for (int i = 0; i < c->frame->op->in_count; i++) {
        if ((c->fixed >> i & 1) == 0) {
            load_input(c, i);
        }
    }
    for (int i = 0; i < c->code->count; i++) {
        run_instruction(c, &c->code->instructions[i]);
    }
    store_outputs(c);
}

enum vm_trap vm_run_ewise(const struct vm_frame *frame)
{
    uint32_t memory[VM_CODE_REGISTERS][CHUNK] __attribute__((aligned(VM_ALIGN)));
    struct vm_code code;
    const bool read = vm_code_read(frame->op, &code);
    ASSERT(read);
    /* The tail of the last chunk is computed too and never stored: give it defined values. */
    memset(memory, 0, sizeof memory);
    const struct vm_share share = vm_share_of(frame, vm_tensor_elements(frame->out[0]), CHUNK);
    struct chunk c = {
        .frame = frame, .code = &code, .shape = vm_tensor_shape(frame->out[0]), .memory = memory};
    fill_fixed(&c);
    for (c.from = share.from; c.from < share.to; c.from += CHUNK) {
        const size_t left = share.to - c.from;
        c.count = left < CHUNK ? left : CHUNK;
        run_chunk(&c);
    }
    return VM_TRAP_NONE;
}
