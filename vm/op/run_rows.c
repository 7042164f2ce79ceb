/* Reductions along rows, and down columns. */

#include "vm/num/num.h"
#include "vm/op/run.h"
#include "vm/tensor/tensor.h"

static void argmax(const struct vm_matrix *m, int32_t *out)
{
    for (size_t i = 0; i < m->rows; i++) {
        float best = vm_float(0xFF800000u);
        int32_t at = 0;
        for (size_t j = 0; j < m->cols; j++) {
            const float v = m->x[i * m->stride + j];
            at = v > best ? (int32_t)j : at;
            best = v > best ? v : best;
        }
        out[i] = at;
    }
}

enum vm_trap vm_run_rows(const struct vm_frame *frame)
{
    const struct vm_shape shape = vm_tensor_shape(frame->in[0]);
    const struct vm_share share = vm_share_of(frame, (size_t)shape.batch * shape.rows, 1);
    const size_t at = share.from * shape.cols;
    const struct vm_matrix x = {.x = (const float *)frame->x[0] + at,
                                .rows = share.to - share.from,
                                .cols = shape.cols,
                                .stride = shape.cols};
    if (frame->op->opcode == VM_ROWARGMAX) {
        argmax(&x, (int32_t *)frame->y[0] + share.from);
        return VM_TRAP_NONE;
    }
    float *out = (float *)frame->y[0] + share.from;
    if (frame->op->opcode == VM_ROWDOT) {
        frame->kernels->rowdot(&x, (const float *)frame->x[1] + at, out);
    } else if (frame->op->opcode == VM_ROWSUM) {
        frame->kernels->rowsum(&x, out);
    } else {
        frame->kernels->rowmax(&x, out);
    }
    return VM_TRAP_NONE;
}

enum vm_trap vm_run_colsum(const struct vm_frame *frame)
{
    const struct vm_shape shape = vm_tensor_shape(frame->in[0]);
    const struct vm_share share = vm_share_of(frame, shape.cols, 32);
    const struct vm_matrix x = {.x = (const float *)frame->x[0] + share.from,
                                .rows = shape.rows,
                                .cols = share.to - share.from,
                                .stride = shape.cols};
    frame->kernels->colsum(&x, (float *)frame->y[0] + share.from);
    return VM_TRAP_NONE;
}
