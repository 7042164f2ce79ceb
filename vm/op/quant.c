#include "vm/op/quant.h"

#include <string.h>

#include "vm/num/num.h"
#include "vm/tensor/tensor.h"

float vm_power_of_half(uint8_t shift)
{
    ASSERT(shift <= VM_SHIFT_MAX);
    return vm_float((127u - shift) << 23);
}

/* Bits of max |x|; a NaN counts as larger than everything. */
static uint32_t largest(const float *x)
{
    uint32_t max = 0;
    for (int i = 0; i < VM_LEAF_ELEMENTS; i++) {
        const uint32_t bits = vm_bits(x[i]) & 0x7FFFFFFFu;
        max = bits > max ? bits : max;
    }
    return max;
}

/* e = least integer with mx < 2^e is the exponent field less 126, for subnormals far below -33:
 * there the shift is 40 in any case. */
static uint8_t shift_of(uint32_t max_bits)
{
    const int e = (int)(max_bits >> 23) - 126;
    const int shift = 7 - e;
    if (max_bits == 0) {
        return 0;
    }
    return (uint8_t)(shift > VM_SHIFT_MAX ? VM_SHIFT_MAX : shift);
}

bool vm_quant_leaf(const struct vm_quant *quant, uint32_t leaf)
{
    float x[VM_LEAF_ELEMENTS];
    int8_t q[VM_LEAF_ELEMENTS];
    (void)vm_leaf_load(quant->tensor, quant->x, leaf, (uint8_t *)x);
    const uint32_t max = largest(x);
    const bool fits = max < vm_bits(128.0F);
    if (!fits) {
        memset(x, 0, sizeof x);
    }
    const uint8_t shift = fits ? shift_of(max) : 0;
    const float down = vm_power_of_half(shift);
    const float up = vm_float((127u + shift) << 23);
    for (int i = 0; i < VM_LEAF_ELEMENTS; i++) {
        int32_t r = vm_f2i(x[i] * up);
        r = r > 127 ? 127 : r;
        r = r < -127 ? -127 : r;
        q[i] = (int8_t)r;
        x[i] = x[i] - (float)r * down;
    }
    struct vm_tensor bytes = *quant->tensor;
    bytes.dtype = VM_I8;
    vm_leaf_store(&bytes, quant->q, leaf, (const uint8_t *)q);
    vm_leaf_store(quant->tensor, quant->residual, leaf, (const uint8_t *)x);
    quant->shift[leaf] = shift;
    return fits;
}

bool vm_agg_leaf(int64_t *acc, const int8_t *q, uint8_t shift, uint32_t weight)
{
    if (shift > VM_SHIFT_MAX || weight > DELTA_WEIGHT_MAX) {
        return false;
    }
    const int64_t unit = (int64_t)weight << (VM_SHIFT_MAX - shift);
    for (int i = 0; i < VM_LEAF_ELEMENTS; i++) {
        acc[i] = (int64_t)((uint64_t)acc[i] + (uint64_t)(q[i] * unit));
    }
    return true;
}
