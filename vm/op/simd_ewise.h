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
    const vd shifted = VD_FMA(x, VD_ALL(VM_LOG2E), VD_ALL(VM_SHIFTER));
    const vd n = VD_SUB(shifted, VD_ALL(VM_SHIFTER));
    const vd r = VD_NMA(n, VD_ALL(VM_LN2_LOW), VD_NMA(n, VD_ALL(VM_LN2_HIGH), x));
    vd p = VD_ALL(VM_EXP_C9);
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C8));
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C7));
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C6));
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C5));
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C4));
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C3));
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C2));
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C1));
    p = VD_FMA(p, r, VD_ALL(VM_EXP_C0));
    *scale = VD_SCALE(shifted);
    return VD_FMA(VD_MUL(r, r), p, r);
}

/* min and max give their second operand if one is a NaN, so a NaN stays one. */
TARGET static inline vd exp_double(vd x)
{
    vd scale;
    const vd e = exp_minus_1(VD_MAX(VD_ALL(VM_EXP_LOW), VD_MIN(VD_ALL(VM_EXP_HIGH), x)), &scale);
    return VD_FMA(scale, e, scale);
}

TARGET static inline vf vf_exp(vf x)
{
    return VF_JOIN(exp_double(VD_LOW(x)), exp_double(VD_HIGH(x)));
}

TARGET static inline vd tanh_double(vd a)
{
    vd scale;
    const vd x = VD_MIN(VD_ALL(VM_TANH_HIGH), a);
    const vd e = exp_minus_1(VD_ADD(x, x), &scale);
    const vd expm1 = VD_FMA(scale, e, VD_SUB(scale, VD_ALL(1.0)));
    return VD_DIV(expm1, VD_ADD(expm1, VD_ALL(2.0)));
}

TARGET static inline vf vf_tanh(vf x)
{
    const vf a = VF_AND(x, 0x7FFFFFFF);
    const vf t = VF_JOIN(tanh_double(VD_LOW(a)), tanh_double(VD_HIGH(a)));
    return VF_OR(VF_AND(t, 0x7FFFFFFF), VF_AND(x, 0x80000000));
}

TARGET static inline vf vf_canon(vf x)
{
    return VF_IF_NAN(x, VF_OF_BITS(VF_BITS(VF_ALL(vm_float(VM_NAN_BITS)))), x);
}

/* result is an expression of x, y, z: vectors of the operands. */
#define EACH1(result)                                                                              \
    for (size_t i = 0; i < count; i += WIDTH) {                                                    \
        const vf x = VF_LOAD(a + i);                                                               \
        VF_STORE(out + i, result);                                                                 \
    }
#define EACH2(result)                                                                              \
    for (size_t i = 0; i < count; i += WIDTH) {                                                    \
        const vf x = VF_LOAD(a + i);                                                               \
        const vf y = VF_LOAD(b + i);                                                               \
        VF_STORE(out + i, result);                                                                 \
    }
#define EACH3(result)                                                                              \
    for (size_t i = 0; i < count; i += WIDTH) {                                                    \
        const vf x = VF_LOAD(a + i);                                                               \
        const vf y = VF_LOAD(b + i);                                                               \
        const vf z = VF_LOAD(c + i);                                                               \
        VF_STORE(out + i, result);                                                                 \
    }

TARGET static void ewise_two(uint8_t op, float *out, const float *a, const float *b, size_t count)
{
    switch (op) {
    case VM_E_ADD:
        EACH2(VF_ADD(x, y))
        break;
    case VM_E_SUB:
        EACH2(VF_SUB(x, y))
        break;
    case VM_E_MUL:
        EACH2(VF_MUL(x, y))
        break;
    case VM_E_DIV:
        EACH2(VF_DIV(x, y))
        break;
    case VM_E_MAX:
        EACH2(VF_MAX(x, y))
        break;
    case VM_E_MIN:
        EACH2(VF_MIN(x, y))
        break;
    case VM_E_GT:
        EACH2(VF_GT(x, y))
        break;
    case VM_E_GE:
        EACH2(VF_GE(x, y))
        break;
    default:
        EACH2(VF_EQ(x, y))
        break;
    }
}

TARGET static void ewise_one(uint8_t op, float *out, const float *a, size_t count)
{
    switch (op) {
    case VM_E_SQRT:
        EACH1(VF_SQRT(x))
        break;
    case VM_E_EXP:
        EACH1(vf_exp(x))
        break;
    case VM_E_TANH:
        EACH1(vf_tanh(x))
        break;
    case VM_E_ABS:
        EACH1(VF_AND(x, 0x7FFFFFFF))
        break;
    case VM_E_NEG:
        EACH1(VF_FLIP(x, 0x80000000))
        break;
    case VM_E_RINT:
        EACH1(VF_RINT(x))
        break;
    case VM_E_I2F:
        EACH1(VI_TO_F(VF_BITS(x)))
        break;
    case VM_E_F2I:
        EACH1(VF_OF_BITS(vf_to_i(x)))
        break;
    default:
        EACH1(VF_MUL(VI_TO_F(VI_SHIFT_RIGHT(VF_BITS(x))), VF_ALL(0x1p-24F)))
        break;
    }
}

TARGET static void ewise_three(uint8_t op, float *out, const float *const in[3], size_t count)
{
    const float *a = in[0];
    const float *b = in[1];
    const float *c = in[2];
    if (op == VM_E_FMA) {
        EACH3(VF_FMA(x, y, z))
    } else {
        EACH3(VF_SELECT(x, y, z))
    }
}

static void ewise_log(float *out, const float *a, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = vm_log(a[i]);
    }
}

static void ewise(uint8_t op, uint32_t *out, const uint32_t *const in[3], size_t count)
{
    float *y = (float *)(void *)out;
    const float *x[3] = {(const float *)(const void *)in[0], (const float *)(const void *)in[1],
                         (const float *)(const void *)in[2]};
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

TARGET static void fill(uint32_t *out, uint32_t value, size_t count)
{
    const vf x = VF_OF_BITS(VI_ALL(value));
    float *y = (float *)(void *)out;
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        VF_STORE(y + i, x);
    }
    for (; i < count; i++) {
        out[i] = value;
    }
}

TARGET static void iota(float *out, uint32_t from, size_t count)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        VF_STORE(out + i, VI_TO_F(VI_ADD(VI_ALL(from + (uint32_t)i), VI_LANES)));
    }
    for (; i < count; i++) {
        out[i] = (float)(from + (uint32_t)i);
    }
}

TARGET static void canon(float *out, const float *x, size_t count)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        VF_STORE(out + i, vf_canon(VF_LOAD(x + i)));
    }
    for (; i < count; i++) {
        out[i] = vm_canon(x[i]);
    }
}

#endif /* VM_OP_SIMD_EWISE_H */
