#ifndef VM_OP_SIMD_TILE_H
#define VM_OP_SIMD_TILE_H

/* The register tile of the fast matmul, and the packing of its operands (see simd_matmul.h). */

#include <string.h>

#include "vm/op/simd_ewise.h"

enum { TILE_COLS = 2 * WIDTH };

/* One register tile over one block of k. */
struct tile {
    const float *a;
    size_t a_row;
    size_t a_col;
    const float *b;
    size_t b_row;
    float *c;
    size_t c_row;
    size_t inner;
    bool first; /* accumulators start at +0 */
    bool last;  /* results are stored canonical */
};

/* clang-format off */
#define TILE_EACH(X) \
    X(0, a0, 0) X(1, a0, 1) X(2, a0, 2) X(3, a3, 0) X(4, a3, 1) X(5, a3, 2) \
    X(6, a6, 0) X(7, a6, 1) X(8, a6, 2) X(9, a9, 0) X(10, a9, 1) X(11, a9, 2)
/* clang-format on */
#define TILE_DECLARE(i, base, times)                                                               \
    vf low##i = VF_ALL(0.0F);                                                                      \
    vf high##i = VF_ALL(0.0F);
#define TILE_LOAD(i, base, times)                                                                  \
    if (rows > (i)) {                                                                              \
        low##i = VF_LOAD(t->c + (i)*t->c_row);                                                     \
        high##i = wide ? VF_LOAD(t->c + (i)*t->c_row + WIDTH) : high##i;                           \
    }
#define TILE_STEP(i, base, times)                                                                  \
    if (rows > (i)) {                                                                              \
        const vf x = VF_ALL((base)[(times)*t->a_row]);                                             \
        low##i = VF_FMA(x, b_low, low##i);                                                         \
        high##i = wide ? VF_FMA(x, b_high, high##i) : high##i;                                     \
    }
#define TILE_CANON(i, base, times)                                                                 \
    if (rows > (i)) {                                                                              \
        low##i = vf_canon(low##i);                                                                 \
        high##i = vf_canon(high##i);                                                               \
    }
#define TILE_STORE(i, base, times)                                                                 \
    if (rows > (i)) {                                                                              \
        VF_STORE(t->c + (i)*t->c_row, low##i);                                                     \
        if (wide) {                                                                                \
            VF_STORE(t->c + (i)*t->c_row + WIDTH, high##i);                                        \
        }                                                                                          \
    }

/* rows and wide are constants at each call, so that the accumulators are registers. */
TARGET static inline __attribute__((always_inline)) void tile_run(const struct tile *t,
                                                                  unsigned rows, bool wide)
{
    TILE_EACH(TILE_DECLARE)
    if (!t->first) {
        TILE_EACH(TILE_LOAD)
    }
    const float *a0 = t->a;
    const float *a3 = a0 + 3 * t->a_row;
    const float *a6 = a0 + 6 * t->a_row;
    const float *a9 = a0 + 9 * t->a_row;
    const float *b = t->b;
    for (size_t k = 0; k < t->inner; k++) {
        const vf b_low = VF_LOAD(b);
        const vf b_high = wide ? VF_LOAD(b + WIDTH) : b_low;
        TILE_EACH(TILE_STEP)
        a0 += t->a_col;
        a3 += t->a_col;
        a6 += t->a_col;
        a9 += t->a_col;
        b += t->b_row;
    }
    if (t->last) {
        TILE_EACH(TILE_CANON)
    }
    TILE_EACH(TILE_STORE)
}

#define TILE_CASE(n)                                                                               \
    case n:                                                                                        \
        if (wide) {                                                                                \
            tile_run(t, n, true);                                                                  \
        } else {                                                                                   \
            tile_run(t, n, false);                                                                 \
        }                                                                                          \
        break;

TARGET static void tile_dispatch(const struct tile *t, unsigned rows, bool wide)
{
    switch (rows) {
        TILE_CASE(1)
        TILE_CASE(2)
        TILE_CASE(3)
        TILE_CASE(4)
        TILE_CASE(5)
        TILE_CASE(6)
#if TILE_ROWS == 12
        TILE_CASE(7)
        TILE_CASE(8)
        TILE_CASE(9)
        TILE_CASE(10)
        TILE_CASE(11)
        TILE_CASE(12)
#endif
    default:
        break;
    }
}

/* 8 rows of 8 floats, `from` apart, become columns, `to` apart.  Rows from `rows` on repeat the
 * last: what they leave behind is overwritten by the next store or lies in slack. */
TARGET static inline void transpose8(const float *x, size_t from, unsigned rows, float *out,
                                     size_t to)
{
    __m256 r[8];
    __m256 s[8];
    for (unsigned i = 0; i < 8; i++) {
        r[i] = _mm256_loadu_ps(x + (i < rows ? i : rows - 1) * from);
    }
    for (unsigned i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (unsigned i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xEE);
    }
    for (unsigned i = 0; i < 4; i++) {
        _mm256_storeu_ps(out + i * to, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    }
    for (unsigned i = 0; i < 4; i++) {
        _mm256_storeu_ps(out + (i + 4) * to, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

/* Lines of floats to be packed: line l has `inner` elements, x[l * line + k * step], one of
 * line, step being 1. */
struct lines {
    const float *x;
    size_t line;
    size_t step;
    size_t count;
    size_t inner;
};

/* Lines contiguous along k, eight by eight.  A last group of fewer than eight overlaps the one
 * before, or, when there is none, writes over the end of each k: the next k repairs that. */
TARGET static void pack_across(const struct lines *in, float *out, size_t width)
{
    const size_t whole = in->inner - in->inner % 8;
    const unsigned rows = in->count < 8 ? (unsigned)in->count : 8;
    for (size_t k = 0; k < whole; k += 8) {
        for (size_t l = 0; l < in->count; l += 8) {
            const size_t at = in->count > 8 && l + 8 > in->count ? in->count - 8 : l;
            transpose8(in->x + at * in->line + k, in->line, rows, out + k * width + at, width);
        }
    }
    for (size_t k = whole; k < in->inner; k++) {
        for (size_t l = 0; l < in->count; l++) {
            out[k * width + l] = in->x[l * in->line + k];
        }
    }
}

/* Lines side by side in memory: a run of `count` floats per k.  Whole vectors are copied; what
 * they write beyond the run is overwritten by the next k, what they read beyond it is the row
 * that follows, so the last row is copied exactly. */
TARGET static void pack_along(const struct lines *in, float *out, size_t width)
{
    const size_t rounded = (in->count + WIDTH - 1) / WIDTH * WIDTH;
    const size_t whole = in->step >= rounded && width >= in->count ? in->inner - 1 : 0;
    for (size_t k = 0; k < whole; k++) {
        for (size_t l = 0; l < in->count; l += WIDTH) {
            VF_STORE(out + k * width + l, VF_LOAD(in->x + k * in->step + l));
        }
    }
    for (size_t k = whole; k < in->inner; k++) {
        memcpy(out + k * width, in->x + k * in->step, in->count * sizeof(float));
    }
}

/* Groups of `width` floats, one per k: the lines, then zeros. */
TARGET static void pack(const struct lines *in, float *out, size_t width)
{
    if (in->step == 1) {
        pack_across(in, out, width);
    } else {
        pack_along(in, out, width);
    }
    for (size_t k = 0; in->count < width && k < in->inner; k++) {
        for (size_t l = in->count; l < width; l++) {
            out[k * width + l] = 0.0F;
        }
    }
}

#endif /* VM_OP_SIMD_TILE_H */
