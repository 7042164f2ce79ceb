#ifndef VM_OP_SIMD_ROWS_H
#define VM_OP_SIMD_ROWS_H

/* Vector kernels along rows and columns (see simd_ewise.h). */

#include "vm/num/num.h"
#include "vm/op/simd_ewise.h"

enum {
    LANES = VM_WIDTH / WIDTH, /* vectors that hold the sixteen lanes */
    STRIP = 2 * WIDTH,        /* columns that COLSUM carries at a time */
};

/* 20.7: halves added to halves, down to one.  The last cols % 16 columns were added to their lanes
 * in scalars before: padding would be harmless for sums but not for fma. */
TARGET static inline float fold(const float lanes[VM_WIDTH])
{
    const __m256 a = _mm256_add_ps(_mm256_loadu_ps(lanes), _mm256_loadu_ps(lanes + 8));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return vm_canon(_mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c))));
}

/* One row of RSUM16: the lanes before folding. */
TARGET static inline void sum_lanes(const float *x, size_t cols, float lanes[VM_WIDTH])
{
    const size_t whole = cols - cols % VM_WIDTH;
    vf acc[LANES];
    for (size_t l = 0; l < LANES; l++) {
        acc[l] = VF_ALL(0.0F);
    }
    for (size_t j = 0; j < whole; j += VM_WIDTH) {
        for (size_t l = 0; l < LANES; l++) {
            acc[l] = VF_ADD(acc[l], VF_LOAD(x + j + l * WIDTH));
        }
    }
    for (size_t l = 0; l < LANES; l++) {
        VF_STORE(lanes + l * WIDTH, acc[l]);
    }
    for (size_t j = whole; j < cols; j++) {
        lanes[j - whole] += x[j];
    }
}

TARGET static void rowsum(const struct vm_matrix *m, float *out)
{
    for (size_t i = 0; i < m->rows; i++) {
        float lanes[VM_WIDTH];
        sum_lanes(m->x + i * m->stride, m->cols, lanes);
        out[i] = fold(lanes);
    }
}

/* One row of RDOT16: the lanes before folding. */
TARGET static inline void dot_lanes(const float *x, const float *y, size_t cols,
                                    float lanes[VM_WIDTH])
{
    const size_t whole = cols - cols % VM_WIDTH;
    vf acc[LANES];
    for (size_t l = 0; l < LANES; l++) {
        acc[l] = VF_ALL(0.0F);
    }
    for (size_t j = 0; j < whole; j += VM_WIDTH) {
        for (size_t l = 0; l < LANES; l++) {
            const size_t at = j + l * WIDTH;
            acc[l] = VF_FMA(VF_LOAD(x + at), VF_LOAD(y + at), acc[l]);
        }
    }
    for (size_t l = 0; l < LANES; l++) {
        VF_STORE(lanes + l * WIDTH, acc[l]);
    }
    for (size_t j = whole; j < cols; j++) {
        lanes[j - whole] = __builtin_fmaf(x[j], y[j], lanes[j - whole]);
    }
}

TARGET static void rowdot(const struct vm_matrix *m, const float *y, float *out)
{
    for (size_t i = 0; i < m->rows; i++) {
        float lanes[VM_WIDTH];
        dot_lanes(m->x + i * m->stride, y + i * m->stride, m->cols, lanes);
        out[i] = fold(lanes);
    }
}

/* Lanes may meet the zeros of a row in another order, and m keeps the sign of the first. */
static float first_zero(const float *row, size_t cols)
{
    size_t j = 0;
    while (j + 1 < cols && !(row[j] == 0.0F)) {
        j++;
    }
    return row[j];
}

TARGET static void rowmax(const struct vm_matrix *m, float *out)
{
    const size_t whole = m->cols - m->cols % WIDTH;
    for (size_t i = 0; i < m->rows; i++) {
        const float *row = m->x + i * m->stride;
        vf acc = VF_ALL(vm_float(0xFF800000u));
        float lanes[WIDTH];
        for (size_t j = 0; j < whole; j += WIDTH) {
            acc = VF_MAX(VF_LOAD(row + j), acc);
        }
        VF_STORE(lanes, acc);
        float best = lanes[0];
        for (size_t l = 1; l < WIDTH; l++) {
            best = lanes[l] > best ? lanes[l] : best;
        }
        for (size_t j = whole; j < m->cols; j++) {
            best = row[j] > best ? row[j] : best;
        }
        out[i] = best == 0.0F ? first_zero(row, m->cols) : best;
    }
}

TARGET static void colsum(const struct vm_matrix *m, float *out)
{
    size_t j = 0;
    for (; j + STRIP <= m->cols; j += STRIP) {
        vf low = VF_ALL(0.0F);
        vf high = VF_ALL(0.0F);
        for (size_t i = 0; i < m->rows; i++) {
            const float *x = m->x + i * m->stride + j;
            low = VF_ADD(low, VF_LOAD(x));
            high = VF_ADD(high, VF_LOAD(x + WIDTH));
        }
        VF_STORE(out + j, vf_canon(low));
        VF_STORE(out + j + WIDTH, vf_canon(high));
    }
    for (; j < m->cols; j++) {
        float acc = 0.0F;
        for (size_t i = 0; i < m->rows; i++) {
            acc = acc + m->x[i * m->stride + j];
        }
        out[j] = vm_canon(acc);
    }
}

#endif /* VM_OP_SIMD_ROWS_H */
