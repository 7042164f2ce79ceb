#ifndef TESTS_SUPPORT_EVAL64_H
#define TESTS_SUPPORT_EVAL64_H

#include "vm/vm.h"

/* A second, independent reading of programs: every operator as plain loops over doubles,
 * without any of the machine's code but Philox.  It judges whether a program means what the
 * compiler says (is the backward pass the derivative?), not the machine's bits. */

struct eval64 {
    const struct vm_program *program;
    double **values; /* per tensor; integers are exact in a double */
    const uint8_t *data;
};

/* state starts as zeros; data is the content of the VM_DATA tensor (u8). */
void eval64_open(struct eval64 *eval, const struct vm_program *program, const uint8_t *data);
void eval64_close(struct eval64 *eval);

double *eval64_state(struct eval64 *eval, uint32_t index);
/* Value that state tensor `index` takes after the step that eval64_run computed. */
const double *eval64_next(const struct eval64 *eval, uint32_t index);

/* Compute one step without putting the new state in place; returns the loss. */
double eval64_run(struct eval64 *eval, const struct hash *key, uint64_t step);
/* Put the new state in place. */
void eval64_advance(struct eval64 *eval);

#endif /* TESTS_SUPPORT_EVAL64_H */
