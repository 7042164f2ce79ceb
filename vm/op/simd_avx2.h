#ifndef VM_OP_SIMD_AVX2_H
#define VM_OP_SIMD_AVX2_H

/* Eight floats, or two times four doubles, with AVX2 and FMA (see simd_ewise.h). */

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH  8

typedef __m256 vf;
typedef __m256d vd;
typedef __m256i vi;

#define VF_LOAD(p)       _mm256_loadu_ps(p)
#define VF_STORE(p, x)   _mm256_storeu_ps(p, x)
#define VF_ALL(x)        _mm256_set1_ps(x)
#define VF_ADD(a, b)     _mm256_add_ps(a, b)
#define VF_SUB(a, b)     _mm256_sub_ps(a, b)
#define VF_MUL(a, b)     _mm256_mul_ps(a, b)
#define VF_DIV(a, b)     _mm256_div_ps(a, b)
#define VF_FMA(a, b, c)  _mm256_fmadd_ps(a, b, c)
#define VF_SQRT(a)       _mm256_sqrt_ps(a)
#define VF_MAX(a, b)     _mm256_max_ps(a, b)
#define VF_MIN(a, b)     _mm256_min_ps(a, b)
#define VF_RINT(a)       _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define VF_AND(a, bits)  _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32((int)(bits))))
#define VF_OR(a, b)      _mm256_or_ps(a, b)
#define VF_FLIP(a, bits) _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32((int)(bits))))
/* 1.0 where the comparison holds, else +0. */
#define VF_GT(a, b) _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ), VF_ALL(1.0F))
#define VF_GE(a, b) _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ), VF_ALL(1.0F))
#define VF_EQ(a, b) _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ), VF_ALL(1.0F))
/* b where a > 0, else c; and where a is not a number, b. */
#define VF_SELECT(a, b, c) _mm256_blendv_ps(c, b, _mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ))
#define VF_IF_NAN(a, b, c) _mm256_blendv_ps(c, b, _mm256_cmp_ps(a, a, _CMP_UNORD_Q))

#define VI_LOAD(p)        _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define VI_STORE(p, x)    _mm256_storeu_si256((__m256i *)(void *)(p), x)
#define VI_ALL(x)         _mm256_set1_epi32((int)(x))
#define VI_ADD(a, b)      _mm256_add_epi32(a, b)
#define VI_LANES          _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
#define VI_TO_F(x)        _mm256_cvtepi32_ps(x)
#define VI_SHIFT_RIGHT(x) _mm256_srli_epi32(x, 8)
#define VF_BITS(x)        _mm256_castps_si256(x)
#define VF_OF_BITS(x)     _mm256_castsi256_ps(x)

/* 20.8: the instruction gives INT32_MIN for what does not fit. */
TARGET static inline vi vf_to_i(vf x)
{
    const vi r = _mm256_cvtps_epi32(x);
    const vf high = _mm256_cmp_ps(x, VF_ALL(2147483648.0F), _CMP_GE_OQ);
    const vf number = _mm256_cmp_ps(x, x, _CMP_ORD_Q);
    const vi fixed = _mm256_blendv_epi8(r, _mm256_set1_epi32(0x7FFFFFFF), VF_BITS(high));
    return _mm256_and_si256(fixed, VF_BITS(number));
}

#define VD_ALL(x)       _mm256_set1_pd(x)
#define VD_ADD(a, b)    _mm256_add_pd(a, b)
#define VD_SUB(a, b)    _mm256_sub_pd(a, b)
#define VD_MUL(a, b)    _mm256_mul_pd(a, b)
#define VD_DIV(a, b)    _mm256_div_pd(a, b)
#define VD_FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#define VD_NMA(a, b, c) _mm256_fnmadd_pd(a, b, c)
#define VD_MAX(a, b)    _mm256_max_pd(a, b)
#define VD_MIN(a, b)    _mm256_min_pd(a, b)
/* 2^n of a number shifted by VM_SHIFTER. */
#define VD_SCALE(a)                                                                                \
    _mm256_castsi256_pd(                                                                           \
        _mm256_slli_epi64(_mm256_add_epi64(_mm256_castpd_si256(a), _mm256_set1_epi64x(1023)), 52))
#define VD_LOW(x)  _mm256_cvtps_pd(_mm256_castps256_ps128(x))
#define VD_HIGH(x) _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))
#define VF_JOIN(low, high)                                                                         \
    _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1)

#endif /* VM_OP_SIMD_AVX2_H */
