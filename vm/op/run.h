#ifndef VM_OP_RUN_H
#define VM_OP_RUN_H

#include "vm/op/kernels.h"
#include "vm/vm.h"

/* One work item of one operator: everything it reads and writes. */
struct vm_frame {
    const struct vm_kernels *kernels;
    const struct vm_op *op;
    const struct vm_tensor *in[VM_IN_MAX];
    const struct vm_tensor *out[VM_OUT_MAX];
    const void *x[VM_IN_MAX];
    void *y[VM_OUT_MAX];
    const struct hash *key;
    uint64_t step;
    uint32_t item;
    uint32_t count;
    float *scratch; /* VM_PACK_FLOATS, this lane's own */
};

/* The part [from, to) of `total` outputs that falls to an item; bounds are multiples of grain. */
struct vm_share {
    size_t from;
    size_t to;
};
struct vm_share vm_share_of(const struct vm_frame *frame, size_t total, size_t grain);

enum vm_trap vm_run_op(const struct vm_frame *frame);

enum vm_trap vm_run_ewise(const struct vm_frame *frame);
enum vm_trap vm_run_matmul(const struct vm_frame *frame); /* and BMM */
enum vm_trap vm_run_rows(const struct vm_frame *frame);   /* ROWSUM ROWDOT ROWMAX ROWARGMAX */
enum vm_trap vm_run_colsum(const struct vm_frame *frame);
enum vm_trap vm_run_gather(const struct vm_frame *frame);
enum vm_trap vm_run_scatter(const struct vm_frame *frame);
enum vm_trap vm_run_transpose(const struct vm_frame *frame);
enum vm_trap vm_run_slice(const struct vm_frame *frame);
enum vm_trap vm_run_concat(const struct vm_frame *frame);
enum vm_trap vm_run_heads(const struct vm_frame *frame);
enum vm_trap vm_run_rng(const struct vm_frame *frame);
enum vm_trap vm_run_windows(const struct vm_frame *frame);
enum vm_trap vm_run_records(const struct vm_frame *frame);
enum vm_trap vm_run_cast(const struct vm_frame *frame);
enum vm_trap vm_run_quant(const struct vm_frame *frame);
enum vm_trap vm_run_dequant(const struct vm_frame *frame);
enum vm_trap vm_run_agg(const struct vm_frame *frame);

#endif /* VM_OP_RUN_H */
