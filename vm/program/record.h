#ifndef VM_PROGRAM_RECORD_H
#define VM_PROGRAM_RECORD_H

#include "vm/program/program.h"

/* Byte records of a program's parts (see program.h), and the checks of one operator. */

void vm_header_record(const struct vm_program *program, uint8_t out[VM_HEADER_SIZE]);
void vm_tensor_record(const struct vm_tensor *tensor, uint8_t out[VM_TENSOR_SIZE]);
size_t vm_op_record_size(const struct vm_op *op);
size_t vm_op_record(const struct vm_op *op, uint8_t out[VM_OP_SIZE_MAX]);

/* An operator with its tensors at hand. */
struct vm_view {
    const struct vm_op *op;
    const struct vm_tensor *in[VM_IN_MAX];
    const struct vm_tensor *out[VM_OUT_MAX];
};

/* Arity, types, shapes and attributes of one operator; its tensors are valid. */
enum vm_verdict vm_check_op(const struct vm_view *view);
enum vm_verdict vm_check_ewise(const struct vm_view *view);

/* Work and witness of a checked operator.  tensor_count sizes the record paths. */
void vm_cost_add(const struct vm_view *view, uint32_t tensor_count, struct vm_cost *cost);

#endif /* VM_PROGRAM_RECORD_H */
