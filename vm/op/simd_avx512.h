#ifndef VM_OP_SIMD_AVX512_H
#define VM_OP_SIMD_AVX512_H

/* Sixteen floats, or two times eight doubles, with AVX-512 (see simd_ewise.h). */

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define WIDTH  16

typedef __m512 vf;
typedef __m512d vd;
typedef __m512i vi;

#define vf_load(p)       _mm512_loadu_ps(p)
#define vf_store(p, x)   _mm512_storeu_ps(p, x)
#define vf_all(x)        _mm512_set1_ps(x)
#define vf_add(a, b)     _mm512_add_ps(a, b)
#define vf_sub(a, b)     _mm512_sub_ps(a, b)
#define vf_mul(a, b)     _mm512_mul_ps(a, b)
#define vf_div(a, b)     _mm512_div_ps(a, b)
#define vf_fma(a, b, c)  _mm512_fmadd_ps(a, b, c)
#define vf_sqrt(a)       _mm512_sqrt_ps(a)
#define vf_max(a, b)     _mm512_max_ps(a, b)
#define vf_min(a, b)     _mm512_min_ps(a, b)
#define vf_rint(a)       _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define vf_and(a, bits)  _mm512_and_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32((int)(bits))))
#define vf_or(a, b)      _mm512_or_ps(a, b)
#define vf_flip(a, bits) _mm512_xor_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32((int)(bits))))
/* 1.0 where the comparison holds, else +0. */
#define vf_gt(a, b) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), vf_all(1.0F))
#define vf_ge(a, b) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), vf_all(1.0F))
#define vf_eq(a, b) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), vf_all(1.0F))
/* b where a > 0, else c; and where a is not a number, b. */
#define vf_select(a, b, c)                                                                         \
    _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_GT_OQ), c, b)
#define vf_if_nan(a, b, c) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), c, b)

#define vi_load(p)        _mm512_loadu_si512(p)
#define vi_store(p, x)    _mm512_storeu_si512(p, x)
#define vi_to_f(x)        _mm512_cvtepi32_ps(x)
#define vi_shift_right(x) _mm512_srli_epi32(x, 8)
#define vf_bits(x)        _mm512_castps_si512(x)
#define vf_of_bits(x)     _mm512_castsi512_ps(x)

/* N9: the instruction gives INT32_MIN for what does not fit. */
TARGET static inline vi vf_to_i(vf x)
{
    vi r = _mm512_cvtps_epi32(x);
    const __mmask16 high = _mm512_cmp_ps_mask(x, vf_all(2147483648.0F), _CMP_GE_OQ);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    r = _mm512_mask_mov_epi32(r, high, _mm512_set1_epi32(0x7FFFFFFF));
    return _mm512_mask_mov_epi32(r, nan, _mm512_setzero_si512());
}

#define vd_all(x)       _mm512_set1_pd(x)
#define vd_add(a, b)    _mm512_add_pd(a, b)
#define vd_sub(a, b)    _mm512_sub_pd(a, b)
#define vd_mul(a, b)    _mm512_mul_pd(a, b)
#define vd_div(a, b)    _mm512_div_pd(a, b)
#define vd_fma(a, b, c) _mm512_fmadd_pd(a, b, c)
#define vd_nma(a, b, c) _mm512_fnmadd_pd(a, b, c)
#define vd_max(a, b)    _mm512_max_pd(a, b)
#define vd_min(a, b)    _mm512_min_pd(a, b)
/* 2^n of a number shifted by VM_SHIFTER. */
#define vd_scale(a)                                                                                \
    _mm512_castsi512_pd(                                                                           \
        _mm512_slli_epi64(_mm512_add_epi64(_mm512_castpd_si512(a), _mm512_set1_epi64(1023)), 52))
#define vd_low(x)  _mm512_cvtps_pd(_mm512_castps512_ps256(x))
#define vd_high(x) _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))
#define vf_join(low, high)                                                                         \
    _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1)

/* N7: lanes += lanes of the other half, down to one. */
TARGET static inline float vf_fold(vf x)
{
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

#endif /* VM_OP_SIMD_AVX512_H */
