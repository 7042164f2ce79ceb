#include "vm/op/run.h"

struct vm_share vm_share_of(const struct vm_frame *frame, size_t total, size_t grain)
{
    const size_t grains = (total + grain - 1) / grain;
    const size_t from = grains * frame->item / frame->count * grain;
    const size_t to = grains * (frame->item + (size_t)1) / frame->count * grain;
    return (struct vm_share){.from = from, .to = to < total ? to : total};
}

static enum vm_trap run_nothing(const struct vm_frame *frame)
{
    (void)frame; /* RESHAPE: the output is the input's memory */
    return VM_TRAP_NONE;
}

enum vm_trap vm_run_op(const struct vm_frame *frame)
{
    static enum vm_trap (*const table[])(const struct vm_frame *) = {
        [VM_EWISE] = vm_run_ewise,
        [VM_MATMUL] = vm_run_matmul,
        [VM_BMM] = vm_run_matmul,
        [VM_ROWSUM] = vm_run_rows,
        [VM_ROWDOT] = vm_run_rows,
        [VM_ROWMAX] = vm_run_rows,
        [VM_ROWARGMAX] = vm_run_rows,
        [VM_COLSUM] = vm_run_colsum,
        [VM_GATHER_ROWS] = vm_run_gather,
        [VM_SCATTER_ADD_ROWS] = vm_run_scatter,
        [VM_TRANSPOSE] = vm_run_transpose,
        [VM_RESHAPE] = run_nothing,
        [VM_SLICE] = vm_run_slice,
        [VM_CONCAT] = vm_run_concat,
        [VM_HEADS] = vm_run_heads,
        [VM_RNG_U32] = vm_run_rng,
        [VM_BATCH_WINDOWS] = vm_run_windows,
        [VM_BATCH_RECORDS] = vm_run_records,
        [VM_CAST] = vm_run_cast,
        [VM_QUANT_I8] = vm_run_quant,
        [VM_DEQUANT_I8] = vm_run_dequant,
        [VM_AGG_SUM] = vm_run_agg,
    };
    return table[frame->op->opcode](frame);
}
