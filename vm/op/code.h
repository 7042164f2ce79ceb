#ifndef VM_OP_CODE_H
#define VM_OP_CODE_H

#include "vm/program/program.h"

/* The attributes of an EWISE, unpacked (op.h has the layout). */

enum { VM_CODE_MAX = 32, VM_CODE_REGISTERS = 16, VM_CODE_CONSTS_MAX = 56 };

struct vm_instruction {
    uint8_t op; /* enum vm_ewise */
    uint8_t dst;
    uint8_t a;
    uint8_t b;
    uint8_t c;
};

struct vm_code {
    uint8_t count;
    uint8_t const_count;
    uint8_t kinds[VM_CODE_REGISTERS];
    uint8_t results[VM_OUT_MAX];
    struct vm_instruction instructions[VM_CODE_MAX];
    uint32_t consts[VM_CODE_CONSTS_MAX];
};

/* false if attr_size is not what the counts say or a register is above 15. */
bool vm_code_read(const struct vm_op *op, struct vm_code *out);

#endif /* VM_OP_CODE_H */
