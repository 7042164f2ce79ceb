#ifndef VM_OP_PLAIN_BODY_H
#define VM_OP_PLAIN_BODY_H

/* The specification of the kernels: read this to know what an operator means.  Included by
 * plain.c (emulated fma) and fma.c (the instruction), which define KERNELS (the table's name),
 * TARGET (function attribute), FMA(a, b, c), and FMA_ROW(c, a, b, count) for a row of them. */

#include "vm/num/num.h"
#include "vm/op/kernels.h"

TARGET static void ewise_arithmetic(uint8_t op, float *out, const float *a, const float *b,
                                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        switch (op) {
        case VM_E_ADD:
            out[i] = a[i] + b[i];
            break;
        case VM_E_SUB:
            out[i] = a[i] - b[i];
            break;
        case VM_E_MUL:
            out[i] = a[i] * b[i];
            break;
        case VM_E_DIV:
            out[i] = a[i] / b[i];
            break;
        case VM_E_MAX:
            out[i] = a[i] > b[i] ? a[i] : b[i];
            break;
        case VM_E_MIN:
            out[i] = a[i] < b[i] ? a[i] : b[i];
            break;
        case VM_E_GT:
            out[i] = (float)(a[i] > b[i]);
            break;
        case VM_E_GE:
            out[i] = (float)(a[i] >= b[i]);
            break;
        default:
            out[i] = (float)(a[i] == b[i]);
            break;
        }
    }
}

TARGET static void ewise_function(uint8_t op, float *out, const float *a, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        switch (op) {
        case VM_E_SQRT:
            out[i] = vm_sqrt(a[i]);
            break;
        case VM_E_EXP:
            out[i] = vm_exp(a[i]);
            break;
        case VM_E_LOG:
            out[i] = vm_log(a[i]);
            break;
        case VM_E_TANH:
            out[i] = vm_tanh(a[i]);
            break;
        default:
            out[i] = vm_rint(a[i]);
            break;
        }
    }
}

/* Instructions on bits and integers, and those with three operands. */
TARGET static uint32_t ewise_word(uint8_t op, uint32_t a, uint32_t b, uint32_t c)
{
    switch (op) {
    case VM_E_FMA:
        return vm_bits(FMA(vm_float(a), vm_float(b), vm_float(c)));
    case VM_E_ABS:
        return a & 0x7FFFFFFFu;
    case VM_E_NEG:
        return a ^ 0x80000000u;
    case VM_E_SEL:
        return vm_float(a) > 0.0F ? b : c;
    case VM_E_I2F:
        return vm_bits((float)(int32_t)a);
    case VM_E_F2I:
        return (uint32_t)vm_f2i(vm_float(a));
    default:
        return vm_bits((float)(a >> 8) * 0x1p-24F);
    }
}

TARGET static void ewise(uint8_t op, uint32_t *out, const uint32_t *const x[3], size_t count)
{
    float *y = (float *)(void *)out;
    const float *a = (const float *)(const void *)x[0];
    const float *b = (const float *)(const void *)x[1];
    switch (op) {
    case VM_E_ADD:
    case VM_E_SUB:
    case VM_E_MUL:
    case VM_E_DIV:
    case VM_E_MAX:
    case VM_E_MIN:
    case VM_E_GT:
    case VM_E_GE:
    case VM_E_EQ:
        ewise_arithmetic(op, y, a, b, count);
        break;
    case VM_E_SQRT:
    case VM_E_EXP:
    case VM_E_LOG:
    case VM_E_TANH:
    case VM_E_RINT:
        ewise_function(op, y, a, count);
        break;
    default:
        for (size_t i = 0; i < count; i++) {
            out[i] = ewise_word(op, x[0][i], x[1][i], x[2][i]);
        }
        break;
    }
}

static void fill(uint32_t *out, uint32_t value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = value;
    }
}

static void iota(float *out, uint32_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)(from + (uint32_t)i);
    }
}

TARGET static void canon(float *out, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = vm_canon(x[i]);
    }
}

enum { PIECE = 256 };

/* 20.6 for one row.  The accumulators live in C: storing a float loses nothing.  A column of B is
 * collected first if B is transposed. */
TARGET static void chain(const struct vm_matmul *m, size_t i, size_t from)
{
    float *c = m->c + i * m->c_row + from;
    const size_t count = m->cols - from < PIECE ? m->cols - from : PIECE;
    for (size_t j = 0; j < count; j++) {
        c[j] = 0.0F;
    }
    for (size_t k = 0; k < m->inner; k++) {
        const float a = m->a[i * m->a_row + k * m->a_col];
        const float *b = m->b + k * m->b_row + from * m->b_col;
        float column[PIECE];
        for (size_t j = 0; m->b_col != 1 && j < count; j++) {
            column[j] = b[j * m->b_col];
        }
        FMA_ROW(c, a, m->b_col != 1 ? column : b, count);
    }
    canon(c, c, count);
}

static void matmul(const struct vm_matmul *m, float *scratch)
{
    scratch[0] = 0.0F; /* the panels of the fast kernels; not needed here */
    for (size_t i = 0; i < m->rows; i++) {
        for (size_t from = 0; from < m->cols; from += PIECE) {
            chain(m, i, from);
        }
    }
}

/* 20.7: sixteen lanes, folded in halves. */
static float fold(float lanes[VM_WIDTH])
{
    for (size_t s = VM_WIDTH / 2; s > 0; s /= 2) {
        for (size_t l = 0; l < s; l++) {
            lanes[l] = lanes[l] + lanes[l + s];
        }
    }
    return vm_canon(lanes[0]);
}

TARGET static void rowsum(const struct vm_matrix *x, float *out)
{
    for (size_t i = 0; i < x->rows; i++) {
        float lanes[VM_WIDTH] = {0};
        for (size_t j = 0; j < x->cols; j++) {
            lanes[j % VM_WIDTH] += x->x[i * x->stride + j];
        }
        out[i] = fold(lanes);
    }
}

TARGET static void rowdot(const struct vm_matrix *x, const float *y, float *out)
{
    for (size_t i = 0; i < x->rows; i++) {
        float lanes[VM_WIDTH] = {0};
        for (size_t j = 0; j < x->cols; j++) {
            const size_t at = i * x->stride + j;
            lanes[j % VM_WIDTH] = FMA(x->x[at], y[at], lanes[j % VM_WIDTH]);
        }
        out[i] = fold(lanes);
    }
}

TARGET static void rowmax(const struct vm_matrix *x, float *out)
{
    for (size_t i = 0; i < x->rows; i++) {
        float m = vm_float(0xFF800000u);
        for (size_t j = 0; j < x->cols; j++) {
            const float v = x->x[i * x->stride + j];
            m = v > m ? v : m;
        }
        out[i] = m;
    }
}

/* 20.7. */
TARGET static void colsum(const struct vm_matrix *x, float *out)
{
    for (size_t j = 0; j < x->cols; j++) {
        out[j] = 0.0F;
    }
    for (size_t i = 0; i < x->rows; i++) {
        for (size_t j = 0; j < x->cols; j++) {
            out[j] = out[j] + x->x[i * x->stride + j];
        }
    }
    canon(out, out, x->cols);
}

const struct vm_kernels KERNELS = {.ewise = ewise,
                                   .fill = fill,
                                   .iota = iota,
                                   .canon = canon,
                                   .matmul = matmul,
                                   .rowsum = rowsum,
                                   .rowdot = rowdot,
                                   .rowmax = rowmax,
                                   .colsum = colsum};

#endif /* VM_OP_PLAIN_BODY_H */
