#ifndef VM_OP_SIMD_EWISE_H
#define VM_OP_SIMD_EWISE_H

/* Element-wise vector kernels, included by avx2.c and avx512.c after the header that names the
 * vectors (simd_avx2.h, simd_avx512.h).  All simd_*.h compute the bits of plain_body.h: lanes
 * are different outputs, or the sixteen lanes that RSUM16 itself declares. */

#include "vm/num/constants.h"
#include "vm/num/num.h"
#include "vm/op/kernels.h"

/* 2^n and e^r - 1 of doubles, as exp_reduce of num.c but with fma: other roundings on the way,
 * the same rounded results (vm_exhaustive checks each). */
TARGET static inline vd exp_minus_1(vd x, vd *scale)
{
    const vd shifted = vd_fma(x, vd_all(VM_LOG2E), vd_all(VM_SHIFTER));
    const vd n = vd_sub(shifted, vd_all(VM_SHIFTER));
    const vd r = vd_nma(n, vd_all(VM_LN2_LOW), vd_nma(n, vd_all(VM_LN2_HIGH), x));
    vd p = vd_all(VM_EXP_C9);
    p = vd_fma(p, r, vd_all(VM_EXP_C8));
    p = vd_fma(p, r, vd_all(VM_EXP_C7));
    p = vd_fma(p, r, vd_all(VM_EXP_C6));
    p = vd_fma(p, r, vd_all(VM_EXP_C5));
    p = vd_fma(p, r, vd_all(VM_EXP_C4));
    p = vd_fma(p, r, vd_all(VM_EXP_C3));
    p = vd_fma(p, r, vd_all(VM_EXP_C2));
    p = vd_fma(p, r, vd_all(VM_EXP_C1));
    p = vd_fma(p, r, vd_all(VM_EXP_C0));
    *scale = vd_scale(shifted);
    return vd_fma(vd_mul(r, r), p, r);
}

/* min and max give their second operand if one is a NaN, so a NaN stays one. */
TARGET static inline vd exp_double(vd x)
{
    vd scale;
    const vd e = exp_minus_1(vd_max(vd_all(VM_EXP_LOW), vd_min(vd_all(VM_EXP_HIGH), x)), &scale);
    return vd_fma(scale, e, scale);
}

TARGET static inline vf vf_exp(vf x)
{
    return vf_join(exp_double(vd_low(x)), exp_double(vd_high(x)));
}

TARGET static inline vd tanh_double(vd a)
{
    vd scale;
    const vd x = vd_min(vd_all(VM_TANH_HIGH), a);
    const vd e = exp_minus_1(vd_add(x, x), &scale);
    const vd expm1 = vd_fma(scale, e, vd_sub(scale, vd_all(1.0)));
    return vd_div(expm1, vd_add(expm1, vd_all(2.0)));
}

TARGET static inline vf vf_tanh(vf x)
{
    const vf a = vf_and(x, 0x7FFFFFFF);
    const vf t = vf_join(tanh_double(vd_low(a)), tanh_double(vd_high(a)));
    return vf_or(vf_and(t, 0x7FFFFFFF), vf_and(x, 0x80000000));
}

TARGET static inline vf vf_canon(vf x)
{
    return vf_if_nan(x, vf_of_bits(vf_bits(vf_all(vm_float(VM_NAN_BITS)))), x);
}

/* result is an expression of x, y, z: vectors of the operands. */
#define EACH1(result)                                                                              \
    for (size_t i = 0; i < count; i += WIDTH) {                                                    \
        const vf x = vf_load(a + i);                                                               \
        vf_store(out + i, result);                                                                 \
    }
#define EACH2(result)                                                                              \
    for (size_t i = 0; i < count; i += WIDTH) {                                                    \
        const vf x = vf_load(a + i);                                                               \
        const vf y = vf_load(b + i);                                                               \
        vf_store(out + i, result);                                                                 \
    }
#define EACH3(result)                                                                              \
    for (size_t i = 0; i < count; i += WIDTH) {                                                    \
        const vf x = vf_load(a + i);                                                               \
        const vf y = vf_load(b + i);                                                               \
        const vf z = vf_load(c + i);                                                               \
        vf_store(out + i, result);                                                                 \
    }

TARGET static void ewise_two(uint8_t op, float *out, const float *a, const float *b, size_t count)
{
    switch (op) {
    case VM_E_ADD:
        EACH2(vf_add(x, y))
        break;
    case VM_E_SUB:
        EACH2(vf_sub(x, y))
        break;
    case VM_E_MUL:
        EACH2(vf_mul(x, y))
        break;
    case VM_E_DIV:
        EACH2(vf_div(x, y))
        break;
    case VM_E_MAX:
        EACH2(vf_max(x, y))
        break;
    case VM_E_MIN:
        EACH2(vf_min(x, y))
        break;
    case VM_E_GT:
        EACH2(vf_gt(x, y))
        break;
    case VM_E_GE:
        EACH2(vf_ge(x, y))
        break;
    default:
        EACH2(vf_eq(x, y))
        break;
    }
}

TARGET static void ewise_one(uint8_t op, float *out, const float *a, size_t count)
{
    switch (op) {
    case VM_E_SQRT:
        EACH1(vf_sqrt(x))
        break;
    case VM_E_EXP:
        EACH1(vf_exp(x))
        break;
    case VM_E_TANH:
        EACH1(vf_tanh(x))
        break;
    case VM_E_ABS:
        EACH1(vf_and(x, 0x7FFFFFFF))
        break;
    case VM_E_NEG:
        EACH1(vf_flip(x, 0x80000000))
        break;
    case VM_E_RINT:
        EACH1(vf_rint(x))
        break;
    case VM_E_I2F:
        EACH1(vi_to_f(vf_bits(x)))
        break;
    case VM_E_F2I:
        EACH1(vf_of_bits(vf_to_i(x)))
        break;
    default:
        EACH1(vf_mul(vi_to_f(vi_shift_right(vf_bits(x))), vf_all(0x1p-24F)))
        break;
    }
}

TARGET static void ewise_three(uint8_t op, float *out, const float *const in[3], size_t count)
{
    const float *a = in[0];
    const float *b = in[1];
    const float *c = in[2];
    if (op == VM_E_FMA) {
        EACH3(vf_fma(x, y, z))
    } else {
        EACH3(vf_select(x, y, z))
    }
}

static void ewise_log(float *out, const float *a, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = vm_log(a[i]);
    }
}

static void ewise(uint8_t op, uint32_t *out, const uint32_t *a, const uint32_t *b,
                  const uint32_t *c, size_t count)
{
    float *y = (float *)(void *)out;
    const float *x[3] = {(const float *)(const void *)a, (const float *)(const void *)b,
                         (const float *)(const void *)c};
    switch (op) {
    case VM_E_FMA:
    case VM_E_SEL:
        ewise_three(op, y, x, count);
        break;
    case VM_E_LOG: /* once per row of a loss: not worth vectors */
        ewise_log(y, x[0], count);
        break;
    case VM_E_SQRT:
    case VM_E_EXP:
    case VM_E_TANH:
    case VM_E_ABS:
    case VM_E_NEG:
    case VM_E_RINT:
    case VM_E_I2F:
    case VM_E_F2I:
    case VM_E_UNIF:
        ewise_one(op, y, x[0], count);
        break;
    default:
        ewise_two(op, y, x[0], x[1], count);
        break;
    }
}

TARGET static void canon(float *out, const float *x, size_t count)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        vf_store(out + i, vf_canon(vf_load(x + i)));
    }
    for (; i < count; i++) {
        out[i] = vm_canon(x[i]);
    }
}

#endif /* VM_OP_SIMD_EWISE_H */
