#ifndef VM_OP_SIMD_AVX512_H
#define VM_OP_SIMD_AVX512_H

/* Sixteen floats, or two times eight doubles, with AVX-512 (see simd_ewise.h). */

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define WIDTH  16

typedef __m512 vf;
typedef __m512d vd;
typedef __m512i vi;

#define VF_LOAD(p)       _mm512_loadu_ps(p)
#define VF_STORE(p, x)   _mm512_storeu_ps(p, x)
#define VF_ALL(x)        _mm512_set1_ps(x)
#define VF_ADD(a, b)     _mm512_add_ps(a, b)
#define VF_SUB(a, b)     _mm512_sub_ps(a, b)
#define VF_MUL(a, b)     _mm512_mul_ps(a, b)
#define VF_DIV(a, b)     _mm512_div_ps(a, b)
#define VF_FMA(a, b, c)  _mm512_fmadd_ps(a, b, c)
#define VF_SQRT(a)       _mm512_sqrt_ps(a)
#define VF_MAX(a, b)     _mm512_max_ps(a, b)
#define VF_MIN(a, b)     _mm512_min_ps(a, b)
#define VF_RINT(a)       _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define VF_AND(a, bits)  _mm512_and_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32((int)(bits))))
#define VF_OR(a, b)      _mm512_or_ps(a, b)
#define VF_FLIP(a, bits) _mm512_xor_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32((int)(bits))))
/* 1.0 where the comparison holds, else +0. */
#define VF_GT(a, b) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), VF_ALL(1.0F))
#define VF_GE(a, b) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), VF_ALL(1.0F))
#define VF_EQ(a, b) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), VF_ALL(1.0F))
/* b where a > 0, else c; and where a is not a number, b. */
#define VF_SELECT(a, b, c)                                                                         \
    _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_GT_OQ), c, b)
#define VF_IF_NAN(a, b, c) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), c, b)

#define VI_LOAD(p)        _mm512_loadu_si512(p)
#define VI_STORE(p, x)    _mm512_storeu_si512(p, x)
#define VI_ALL(x)         _mm512_set1_epi32((int)(x))
#define VI_ADD(a, b)      _mm512_add_epi32(a, b)
#define VI_LANES          _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define VI_TO_F(x)        _mm512_cvtepi32_ps(x)
#define VI_SHIFT_RIGHT(x) _mm512_srli_epi32(x, 8)
#define VF_BITS(x)        _mm512_castps_si512(x)
#define VF_OF_BITS(x)     _mm512_castsi512_ps(x)

/* 20.8: the instruction gives INT32_MIN for what does not fit. */
TARGET static inline vi vf_to_i(vf x)
{
    vi r = _mm512_cvtps_epi32(x);
    const __mmask16 high = _mm512_cmp_ps_mask(x, VF_ALL(2147483648.0F), _CMP_GE_OQ);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    r = _mm512_mask_mov_epi32(r, high, _mm512_set1_epi32(0x7FFFFFFF));
    return _mm512_mask_mov_epi32(r, nan, _mm512_setzero_si512());
}

#define VD_ALL(x)       _mm512_set1_pd(x)
#define VD_ADD(a, b)    _mm512_add_pd(a, b)
#define VD_SUB(a, b)    _mm512_sub_pd(a, b)
#define VD_MUL(a, b)    _mm512_mul_pd(a, b)
#define VD_DIV(a, b)    _mm512_div_pd(a, b)
#define VD_FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define VD_NMA(a, b, c) _mm512_fnmadd_pd(a, b, c)
#define VD_MAX(a, b)    _mm512_max_pd(a, b)
#define VD_MIN(a, b)    _mm512_min_pd(a, b)
/* 2^n of a number shifted by VM_SHIFTER. */
#define VD_SCALE(a)                                                                                \
    _mm512_castsi512_pd(                                                                           \
        _mm512_slli_epi64(_mm512_add_epi64(_mm512_castpd_si512(a), _mm512_set1_epi64(1023)), 52))
#define VD_LOW(x)  _mm512_cvtps_pd(_mm512_castps512_ps256(x))
#define VD_HIGH(x) _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))
#define VF_JOIN(low, high)                                                                         \
    _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1)

#endif /* VM_OP_SIMD_AVX512_H */
