#ifndef VM_OP_SIMD_AVX2_H
#define VM_OP_SIMD_AVX2_H

/* Eight floats, or two times four doubles, with AVX2 and FMA (see simd_ewise.h). */

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH  8

typedef __m256 vf;
typedef __m256d vd;
typedef __m256i vi;

#define vf_load(p)       _mm256_loadu_ps(p)
#define vf_store(p, x)   _mm256_storeu_ps(p, x)
#define vf_all(x)        _mm256_set1_ps(x)
#define vf_add(a, b)     _mm256_add_ps(a, b)
#define vf_sub(a, b)     _mm256_sub_ps(a, b)
#define vf_mul(a, b)     _mm256_mul_ps(a, b)
#define vf_div(a, b)     _mm256_div_ps(a, b)
#define vf_fma(a, b, c)  _mm256_fmadd_ps(a, b, c)
#define vf_sqrt(a)       _mm256_sqrt_ps(a)
#define vf_max(a, b)     _mm256_max_ps(a, b)
#define vf_min(a, b)     _mm256_min_ps(a, b)
#define vf_rint(a)       _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define vf_and(a, bits)  _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32((int)(bits))))
#define vf_or(a, b)      _mm256_or_ps(a, b)
#define vf_flip(a, bits) _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32((int)(bits))))
/* 1.0 where the comparison holds, else +0. */
#define vf_gt(a, b) _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ), vf_all(1.0F))
#define vf_ge(a, b) _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ), vf_all(1.0F))
#define vf_eq(a, b) _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ), vf_all(1.0F))
/* b where a > 0, else c; and where a is not a number, b. */
#define vf_select(a, b, c) _mm256_blendv_ps(c, b, _mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ))
#define vf_if_nan(a, b, c) _mm256_blendv_ps(c, b, _mm256_cmp_ps(a, a, _CMP_UNORD_Q))

#define vi_load(p)        _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define vi_store(p, x)    _mm256_storeu_si256((__m256i *)(void *)(p), x)
#define vi_to_f(x)        _mm256_cvtepi32_ps(x)
#define vi_shift_right(x) _mm256_srli_epi32(x, 8)
#define vf_bits(x)        _mm256_castps_si256(x)
#define vf_of_bits(x)     _mm256_castsi256_ps(x)

/* N9: the instruction gives INT32_MIN for what does not fit. */
TARGET static inline vi vf_to_i(vf x)
{
    const vi r = _mm256_cvtps_epi32(x);
    const vf high = _mm256_cmp_ps(x, vf_all(2147483648.0F), _CMP_GE_OQ);
    const vf number = _mm256_cmp_ps(x, x, _CMP_ORD_Q);
    const vi fixed = _mm256_blendv_epi8(r, _mm256_set1_epi32(0x7FFFFFFF), vf_bits(high));
    return _mm256_and_si256(fixed, vf_bits(number));
}

#define vd_all(x)       _mm256_set1_pd(x)
#define vd_add(a, b)    _mm256_add_pd(a, b)
#define vd_sub(a, b)    _mm256_sub_pd(a, b)
#define vd_mul(a, b)    _mm256_mul_pd(a, b)
#define vd_div(a, b)    _mm256_div_pd(a, b)
#define vd_fma(a, b, c) _mm256_fmadd_pd(a, b, c)
#define vd_nma(a, b, c) _mm256_fnmadd_pd(a, b, c)
#define vd_max(a, b)    _mm256_max_pd(a, b)
#define vd_min(a, b)    _mm256_min_pd(a, b)
/* 2^n of a number shifted by VM_SHIFTER. */
#define vd_scale(a)                                                                                \
    _mm256_castsi256_pd(                                                                           \
        _mm256_slli_epi64(_mm256_add_epi64(_mm256_castpd_si256(a), _mm256_set1_epi64x(1023)), 52))
#define vd_low(x)  _mm256_cvtps_pd(_mm256_castps256_ps128(x))
#define vd_high(x) _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))
#define vf_join(low, high)                                                                         \
    _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1)

#endif /* VM_OP_SIMD_AVX2_H */
