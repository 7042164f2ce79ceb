/* Static cost of an operator: work of a step, and the largest witness a dispute over one
 * of its micro-steps could need (21.5).  A micro-step reads the leaves that docs/protocol-vm.md 22
 * names, each with a path to its tensor root and from there to the op trace, the state or the
 * program; records of the operator and its tensors come with paths to program_root. */

#include "vm/op/code.h"
#include "vm/program/record.h"
#include "vm/tensor/tensor.h"

enum {
    ENVELOPE = 1024,  /* transaction, ids, accumulator digest */
    TRACE_DEPTH = 14, /* PROGRAM_OPS_MAX + 1 leaves */
    ACC_SIZE = 4096,  /* 32x32 f32 */
    ACC_SIZE_I64 = 8192,
    K_BLOCK_LEAVES = 4, /* 128 elements */
    ROW_BLOCK = 8,      /* GATHER_ROWS, BATCH_RECORDS: rows per block */
    WINDOW_BLOCK = 8,   /* BATCH_WINDOWS: windows per block, two leaves each */
    FUNCTION_GAS = 20,
    DIVISION_GAS = 5,
};

static uint32_t depth(uint32_t count)
{
    uint32_t levels = 0;
    while ((UINT64_C(1) << levels) < count) {
        levels++;
    }
    return levels;
}

static uint32_t ewise_leaves(uint8_t kind, const struct vm_tensor *in, const struct vm_tensor *out)
{
    const bool flat = vm_tensor_shape(out).flat;
    switch (kind) {
    case VM_ROW:
        return flat && !vm_tensor_shape(in).flat ? VM_TILE : 1;
    case VM_COL:
        return flat ? 1 : 2;
    case VM_MATRIX:
        return flat ? 3 : 1;
    default:
        return 1;
    }
}

/* Leaves of input i that one micro-step opens, at most. */
static uint32_t leaves_read(const struct vm_view *v, int i)
{
    switch (v->op->opcode) {
    case VM_EWISE:
        return ewise_leaves(v->op->attrs[2 + i], v->in[i], v->out[0]);
    case VM_GATHER_ROWS:
        return i == 0 ? ROW_BLOCK : 1;
    case VM_SCATTER_ADD_ROWS:
        return i == 0 ? 1 : K_BLOCK_LEAVES;
    case VM_BATCH_WINDOWS:
        return 2 * WINDOW_BLOCK;
    case VM_BATCH_RECORDS:
        return ROW_BLOCK;
    case VM_TRANSPOSE:
    case VM_CAST:
    case VM_QUANT_I8:
    case VM_DEQUANT_I8:
    case VM_AGG_SUM:
        return 1;
    case VM_CONCAT:
        return i < K_BLOCK_LEAVES ? 1 : 0; /* at most four leaves per block, of any inputs */
    default:
        return K_BLOCK_LEAVES;
    }
}

static uint64_t witness_size(const struct vm_view *v, uint32_t tensor_count)
{
    const uint64_t records = (uint64_t)v->op->in_count + v->op->out_count;
    uint64_t size = ENVELOPE + VM_OP_SIZE_MAX + HASH_SIZE * TRACE_DEPTH +
                    records * (VM_TENSOR_SIZE + HASH_SIZE * (uint64_t)depth(tensor_count));
    for (int i = 0; i < v->op->in_count; i++) {
        const uint32_t leaves = vm_tensor_leaves(v->in[i]);
        const uint32_t read = leaves_read(v, i);
        const uint64_t leaf = VM_LEAF_ELEMENTS * vm_dtype_size(v->in[i]->dtype) +
                              HASH_SIZE * (uint64_t)(depth(leaves) + TRACE_DEPTH);
        size += leaf * (read < leaves ? read : leaves);
    }
    return size + (v->out[0]->dtype == VM_I64 ? ACC_SIZE_I64 : ACC_SIZE);
}

static uint64_t ewise_gas(const struct vm_view *v)
{
    struct vm_code code;
    uint64_t each = 1;
    if (vm_code_read(v->op, &code)) {
        for (int i = 0; i < code.count; i++) {
            const uint8_t op = code.instructions[i].op;
            const bool function = op >= VM_E_EXP && op <= VM_E_TANH;
            const bool division = op == VM_E_DIV || op == VM_E_SQRT;
            each += function ? FUNCTION_GAS : (division ? DIVISION_GAS : 1);
        }
    }
    return each * vm_tensor_elements(v->out[0]);
}

static uint64_t matmul_macs(const struct vm_view *v)
{
    const struct vm_tensor *a = v->in[0];
    const uint32_t inner = a->dims[a->rank - ((v->op->attrs[0] & VM_TA) != 0 ? 2 : 1)];
    return vm_tensor_elements(v->out[0]) * inner;
}

static uint64_t moved(const struct vm_view *v)
{
    uint64_t elements = 0;
    for (int i = 0; i < v->op->in_count; i++) {
        const bool whole = v->in[i]->kind != VM_DATA && v->op->opcode != VM_GATHER_ROWS;
        elements += whole ? vm_tensor_elements(v->in[i]) : 0;
    }
    for (int i = 0; i < v->op->out_count; i++) {
        elements += vm_tensor_elements(v->out[i]);
    }
    return elements;
}

void vm_cost_add(const struct vm_view *v, uint32_t tensor_count, struct vm_cost *cost)
{
    const uint64_t witness = witness_size(v, tensor_count);
    if (witness > cost->witness_max) {
        cost->witness_max = witness < UINT32_MAX ? (uint32_t)witness : UINT32_MAX;
    }
    switch (v->op->opcode) {
    case VM_EWISE:
        cost->gas += ewise_gas(v);
        break;
    case VM_MATMUL:
    case VM_BMM: {
        const uint64_t macs = matmul_macs(v);
        cost->macs += macs;
        cost->gas += macs + macs / 2;
        break;
    }
    case VM_RNG_U32:
        cost->gas += FUNCTION_GAS * vm_tensor_elements(v->out[0]);
        break;
    case VM_RESHAPE:
        break;
    default:
        cost->gas += moved(v);
        break;
    }
}
