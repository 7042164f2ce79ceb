/* MATMUL and BMM.  Shared out over the batch, else over the longer side of the output. */

#include "vm/op/run.h"
#include "vm/tensor/tensor.h"

enum { ROW_GRAIN = 12, COL_GRAIN = 32 }; /* register tiles stay whole */

static struct vm_matmul geometry(const struct vm_frame *frame)
{
    const struct vm_shape a = vm_tensor_shape(frame->in[0]);
    const struct vm_shape b = vm_tensor_shape(frame->in[1]);
    const struct vm_shape c = vm_tensor_shape(frame->out[0]);
    const bool ta = (frame->op->attrs[0] & VM_TA) != 0;
    const bool tb = (frame->op->attrs[0] & VM_TB) != 0;
    return (struct vm_matmul){
        .a = frame->x[0],
        .b = frame->x[1],
        .c = frame->y[0],
        .rows = c.rows,
        .cols = c.cols,
        .inner = ta ? a.rows : a.cols,
        .a_row = ta ? 1 : a.cols,
        .a_col = ta ? a.cols : 1,
        .b_row = tb ? 1 : b.cols,
        .b_col = tb ? b.cols : 1,
        .c_row = c.cols,
    };
}

static void run_batch(const struct vm_frame *frame, struct vm_matmul m, size_t batch)
{
    const struct vm_share share = vm_share_of(frame, batch, 1);
    m.a += share.from * m.rows * m.inner;
    m.b += share.from * m.inner * m.cols;
    m.c += share.from * m.rows * m.cols;
    for (size_t i = share.from; i < share.to; i++) {
        frame->kernels->matmul(&m, frame->scratch);
        m.a += m.rows * m.inner;
        m.b += m.inner * m.cols;
        m.c += m.rows * m.cols;
    }
}

enum vm_trap vm_run_matmul(const struct vm_frame *frame)
{
    struct vm_matmul m = geometry(frame);
    const uint32_t batch = vm_tensor_shape(frame->out[0]).batch;
    if (batch > 1) {
        run_batch(frame, m, batch);
        return VM_TRAP_NONE;
    }
    const bool by_rows = m.rows >= m.cols;
    const struct vm_share share =
        by_rows ? vm_share_of(frame, m.rows, ROW_GRAIN) : vm_share_of(frame, m.cols, COL_GRAIN);
    if (by_rows) {
        m.a += share.from * m.a_row;
        m.c += share.from * m.c_row;
        m.rows = share.to - share.from;
    } else {
        m.b += share.from * m.b_col;
        m.c += share.from;
        m.cols = share.to - share.from;
    }
    if (m.rows > 0 && m.cols > 0) {
        frame->kernels->matmul(&m, frame->scratch);
    }
    return VM_TRAP_NONE;
}
