/* The register program of an EWISE: a small type checker. */

#include <string.h>

#include "vm/op/code.h"
#include "vm/program/record.h"
#include "vm/tensor/tensor.h"

enum { TILE_INPUTS_MAX = 8, UNSET = 0xFF };

/* Operand types and result of each instruction.  F f32, I i32, S same as the result, - unused. */
struct signature_of {
    char operands[4];
    char result;
};

static const struct signature_of signatures[] = {
    [VM_E_ADD] = {"FF-", 'F'},    [VM_E_SUB] = {"FF-", 'F'},    [VM_E_MUL] = {"FF-", 'F'},
    [VM_E_DIV] = {"FF-", 'F'},    [VM_E_FMA] = {"FFF", 'F'},    [VM_E_SQRT] = {"F--", 'F'},
    [VM_E_EXP] = {"F--", 'F'},    [VM_E_LOG] = {"F--", 'F'},    [VM_E_TANH] = {"F--", 'F'},
    [VM_E_MAX] = {"FF-", 'F'},    [VM_E_MIN] = {"FF-", 'F'},    [VM_E_ABS] = {"F--", 'F'},
    [VM_E_NEG] = {"F--", 'F'},    [VM_E_GT] = {"FF-", 'F'},     [VM_E_GE] = {"FF-", 'F'},
    [VM_E_EQ] = {"FF-", 'F'},     [VM_E_SEL] = {"FSS", 'S'},    [VM_E_RINT] = {"F--", 'F'},
    [VM_E_I2F] = {"I--", 'F'},    [VM_E_F2I] = {"F--", 'I'},    [VM_E_CONST] = {"-", 'F'},
    [VM_E_ROWIDX] = {"---", 'F'}, [VM_E_COLIDX] = {"---", 'F'}, [VM_E_UNIF] = {"I--", 'F'},
};

static bool same_dims(const struct vm_tensor *a, const struct vm_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, sizeof a->dims) == 0;
}

static bool kind_fits(uint8_t kind, const struct vm_tensor *in, const struct vm_tensor *out)
{
    const struct vm_shape have = vm_tensor_shape(in);
    const struct vm_shape want = vm_tensor_shape(out);
    const uint64_t elements = vm_tensor_elements(in);
    switch (kind) {
    case VM_FULL:
        return same_dims(in, out);
    case VM_ROW:
        return elements == want.cols && have.cols == want.cols;
    case VM_COL:
        return elements == (uint64_t)want.batch * want.rows && have.flat;
    case VM_SCALAR:
        return elements == 1;
    case VM_MATRIX:
        return in->rank >= 2 && have.batch == 1 && have.rows == want.rows && have.cols == want.cols;
    default:
        return false;
    }
}

static enum vm_verdict check_inputs(const struct vm_view *v, const struct vm_code *code)
{
    int tiles = 0;
    for (int i = 0; i < v->op->in_count; i++) {
        if (v->in[i]->dtype != VM_F32 && v->in[i]->dtype != VM_I32) {
            return VM_BAD_TYPE;
        }
        if (code->kinds[i] > VM_MATRIX) {
            return VM_BAD_ATTR;
        }
        if (!kind_fits(code->kinds[i], v->in[i], v->out[0])) {
            return VM_BAD_SHAPE;
        }
        tiles += code->kinds[i] == VM_FULL || code->kinds[i] == VM_MATRIX;
    }
    return tiles <= TILE_INPUTS_MAX ? VM_OK : VM_BAD_ARITY;
}

static bool operand_fits(char want, uint8_t reg, const uint8_t *types)
{
    if (want == '-' || want == 0) {
        return reg == 0;
    }
    if (want == 'S') {
        return types[reg] != UNSET;
    }
    return types[reg] == (want == 'F' ? VM_F32 : VM_I32);
}

static bool step_types(const struct vm_instruction *in, uint8_t consts, uint8_t *types)
{
    if (in->op == 0 || in->op > VM_E_UNIF) {
        return false;
    }
    const struct signature_of *sign = &signatures[in->op];
    if (in->op == VM_E_CONST) {
        if (in->a != 0 || in->b + 16 * in->c >= consts) {
            return false;
        }
    } else if (!operand_fits(sign->operands[0], in->a, types) ||
               !operand_fits(sign->operands[1], in->b, types) ||
               !operand_fits(sign->operands[2], in->c, types)) {
        return false;
    }
    if (sign->result == 'S') {
        if (types[in->b] != types[in->c]) {
            return false;
        }
        types[in->dst] = types[in->b];
        return true;
    }
    types[in->dst] = sign->result == 'F' ? VM_F32 : VM_I32;
    return true;
}

enum vm_verdict vm_check_ewise(const struct vm_view *v)
{
    const struct vm_op *op = v->op;
    if (op->in_count > VM_CODE_REGISTERS || op->out_count == 0) {
        return VM_BAD_ARITY;
    }
    struct vm_code code;
    if (!vm_code_read(op, &code)) {
        return VM_BAD_ATTR;
    }
    for (int i = 1; i < op->out_count; i++) {
        if (!same_dims(v->out[0], v->out[i])) {
            return VM_BAD_SHAPE;
        }
    }
    const enum vm_verdict verdict = check_inputs(v, &code);
    if (verdict != VM_OK) {
        return verdict;
    }
    uint8_t types[VM_CODE_REGISTERS];
    memset(types, UNSET, sizeof types);
    for (int i = 0; i < op->in_count; i++) {
        types[i] = v->in[i]->dtype;
    }
    for (int i = 0; i < code.count; i++) {
        if (!step_types(&code.instructions[i], code.const_count, types)) {
            return VM_BAD_EWISE;
        }
    }
    for (int i = 0; i < op->out_count; i++) {
        if (types[code.results[i]] != v->out[i]->dtype) {
            return VM_BAD_EWISE;
        }
    }
    return VM_OK;
}
