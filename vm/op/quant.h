#ifndef VM_OP_QUANT_H
#define VM_OP_QUANT_H

#include "vm/vm.h"

/* The int8 form of a delta, one leaf at a time (QUANT_I8, DEQUANT_I8, AGG_SUM of op.h). */

enum { VM_SHIFT_MAX = 40 };

struct vm_quant {
    const struct vm_tensor *tensor; /* f32 */
    const float *x;
    int8_t *q;
    uint8_t *shift;  /* per leaf */
    float *residual; /* may be x */
};

/* false: |x| >= 128 or NaN in the leaf; then q, shift and residual of the leaf are zero. */
bool vm_quant_leaf(const struct vm_quant *quant, uint32_t leaf);

/* 2^-shift, shift <= VM_SHIFT_MAX. */
float vm_power_of_half(uint8_t shift);

/* acc += weight * (q << (40 - shift)) for a leaf; false, and no change, if
 * shift > 40 or weight > DELTA_WEIGHT_MAX. */
bool vm_agg_leaf(int64_t *acc, const int8_t *q, uint8_t shift, uint32_t weight);

#endif /* VM_OP_QUANT_H */
