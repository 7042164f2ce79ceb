#include "vm/num/num.h"

#include <float.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif
#include <string.h>

#include "base/assert.h"
#include "base/endian.h"
#include "vm/num/constants.h"

STATIC_ASSERT(FLT_EVAL_METHOD == 0, "float arithmetic is done in float");
STATIC_ASSERT(sizeof(float) == 4 && FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128, "binary32");
STATIC_ASSERT(sizeof(double) == 8 && DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024, "binary64");

#if defined(__x86_64__)

static inline __m128d two_floats(const float *x)
{
    return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(const void *)x)));
}

/* vm_fma for two lanes with the SSE2 that every x86-64 has.  A comparison gives all ones or
 * zeros; the step towards the error is +1 or -1 on the bits of s, which count magnitudes. */
static inline void fma_two(float *c, __m128d a, const float *b)
{
    const __m128d zero = _mm_setzero_pd();
    const __m128i one = _mm_set1_epi64x(1);
    const __m128d p = _mm_mul_pd(a, two_floats(b));
    const __m128d d = two_floats(c);
    const __m128d s = _mm_add_pd(p, d);
    const __m128d t = _mm_sub_pd(s, p);
    const __m128d e = _mm_add_pd(_mm_sub_pd(p, _mm_sub_pd(s, t)), _mm_sub_pd(d, t));
    const __m128d finite = _mm_cmpeq_pd(_mm_sub_pd(s, s), zero);
    const __m128d inexact = _mm_and_pd(_mm_cmpneq_pd(e, zero), finite);
    const __m128i bits = _mm_castpd_si128(s);
    const __m128i even = _mm_sub_epi64(_mm_and_si128(bits, one), one);
    const __m128d down = _mm_xor_pd(_mm_cmplt_pd(e, zero), _mm_cmplt_pd(s, zero));
    const __m128i towards = _mm_or_si128(_mm_castpd_si128(down), one);
    const __m128i step = _mm_and_si128(_mm_and_si128(towards, even), _mm_castpd_si128(inexact));
    const __m128d odd = _mm_castsi128_pd(_mm_add_epi64(bits, step));
    _mm_storel_epi64((__m128i *)(void *)c, _mm_castps_si128(_mm_cvtpd_ps(odd)));
}

#endif

void vm_fma_row(float *c, float a, const float *b, size_t count)
{
    size_t i = 0;
#if defined(__x86_64__)
    const __m128d wide = _mm_set1_pd((double)a);
    for (; i + 2 <= count; i += 2) {
        fma_two(c + i, wide, b + i);
    }
#endif
    for (; i < count; i++) {
        c[i] = vm_fma(a, b[i], c[i]);
    }
}

float vm_sqrt(float x)
{
    return __builtin_sqrtf(x);
}

/* 2^n and e^r - 1 of x = n*ln2 + r, |r| <= ln2/2.  Adding VM_SHIFTER leaves n in the low bits
 * of the sum, also for a NaN, where a conversion to integer would be undefined. */
struct reduced {
    double scale;
    double expm1;
};

static struct reduced exp_reduce(double x)
{
    const double shifted = x * VM_LOG2E + VM_SHIFTER;
    const double n = shifted - VM_SHIFTER;
    const double r = (x - n * VM_LN2_HIGH) - n * VM_LN2_LOW;
    const double r2 = r * r;
    double p = VM_EXP_C9;
    p = p * r + VM_EXP_C8;
    p = p * r + VM_EXP_C7;
    p = p * r + VM_EXP_C6;
    p = p * r + VM_EXP_C5;
    p = p * r + VM_EXP_C4;
    p = p * r + VM_EXP_C3;
    p = p * r + VM_EXP_C2;
    p = p * r + VM_EXP_C1;
    p = p * r + VM_EXP_C0;
    struct reduced out;
    out.scale = vm_double_of((vm_double_bits(shifted) + 1023) << 52);
    out.expm1 = r + r2 * p;
    return out;
}

float vm_exp(float x)
{
    double d = (double)x;
    d = d > VM_EXP_HIGH ? VM_EXP_HIGH : d; /* rounds to +inf, as everything above */
    d = d < VM_EXP_LOW ? VM_EXP_LOW : d;   /* rounds to +0 */
    const struct reduced e = exp_reduce(d);
    return (float)(e.scale * (1.0 + e.expm1));
}

float vm_tanh(float x)
{
    double a = (double)x;
    a = a < 0.0 ? -a : a;
    a = a > VM_TANH_HIGH ? VM_TANH_HIGH : a; /* rounds to 1 */
    const struct reduced e = exp_reduce(2.0 * a);
    const double expm1 = e.scale * e.expm1 + (e.scale - 1.0);
    const float t = (float)(expm1 / (expm1 + 2.0));
    return vm_float((vm_bits(t) & 0x7FFFFFFFu) | (vm_bits(x) & 0x80000000u));
}

/* 20.3: where rounding an accurate double to float rounds twice. */
static bool log_exception(uint32_t bits, float *out)
{
    static const uint32_t table[5][2] = {{0x41178FEB, 0x400FE5E7},
                                         {0x4C5D65A5, 0x418F034B},
                                         {0x65D890D3, 0x4254D1F9},
                                         {0x6F31A8EC, 0x42845A89},
                                         {0x3C413D3A, 0xC08E158F}};
    for (int i = 0; i < 5; i++) {
        if (table[i][0] == bits) {
            *out = vm_float(table[i][1]);
            return true;
        }
    }
    return false;
}

/* x = 2^n * m, m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(s), s = (m-1)/(m+1), arranged as in
 * fdlibm's e_log.c: f - (f^2/2 - s*(f^2/2 + R)) loses nothing when n = 0. */
static double log_double(double x)
{
    uint64_t bits = vm_double_bits(x);
    int64_t n = (int64_t)(bits >> 52) - 1023;
    bits = (bits & ((UINT64_C(1) << 52) - 1)) | (UINT64_C(1023) << 52);
    double m = vm_double_of(bits);
    if (m > VM_SQRT2) {
        m *= 0.5;
        n++;
    }
    const double f = m - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double p = VM_LOG_C8;
    p = p * z + VM_LOG_C7;
    p = p * z + VM_LOG_C6;
    p = p * z + VM_LOG_C5;
    p = p * z + VM_LOG_C4;
    p = p * z + VM_LOG_C3;
    p = p * z + VM_LOG_C2;
    p = p * z + VM_LOG_C1;
    p = p * z + VM_LOG_C0;
    const double rest = z * p;
    const double half = 0.5 * f * f;
    const double k = (double)n;
    return k * VM_LN2_HIGH - ((half - (s * (half + rest) + k * VM_LN2_LOW)) - f);
}

float vm_log(float x)
{
    const uint32_t bits = vm_bits(x);
    if ((bits << 1) == 0) {
        return vm_float(0xFF800000u);
    }
    if (x != x || (bits >> 31) != 0) {
        return vm_float(VM_NAN_BITS);
    }
    if (bits == 0x7F800000u) {
        return x;
    }
    float out = 0;
    if (log_exception(bits, &out)) {
        return out;
    }
    return (float)log_double((double)x);
}

/* Adding 2^23 rounds to integer; the sign is put back so that -0.3 gives -0. */
float vm_rint(float x)
{
    const uint32_t sign = vm_bits(x) & 0x80000000u;
    const float a = vm_float(vm_bits(x) & 0x7FFFFFFFu);
    if (!(a < 8388608.0F)) {
        return x;
    }
    const float r = (a + 8388608.0F) - 8388608.0F;
    return vm_float(vm_bits(r) | sign);
}

int32_t vm_f2i(float x)
{
    const float r = vm_rint(x);
    if (r != r) {
        return 0;
    }
    if (r >= 2147483648.0F) {
        return INT32_MAX;
    }
    return r < -2147483648.0F ? INT32_MIN : (int32_t)r;
}

float vm_i64_to_f32(int64_t x)
{
    return (float)x;
}

uint16_t vm_f32_to_bf16(float x)
{
    const uint32_t bits = vm_bits(vm_canon(x));
    return (uint16_t)(x != x ? bits >> 16 : (bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
}

float vm_bf16_to_f32(uint16_t x)
{
    return vm_canon(vm_float((uint32_t)x << 16));
}

void vm_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = UINT64_C(0xD2511F53) * c[0];
        const uint64_t p1 = UINT64_C(0xCD9E8D57) * c[2];
        c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[1] = (uint32_t)p1;
        c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

void vm_random(const struct hash *key, uint64_t step, uint32_t stream, uint32_t index,
               uint32_t out[4])
{
    const uint32_t counter[4] = {index, stream, (uint32_t)step, (uint32_t)(step >> 32)};
    const uint32_t words[2] = {load_le32(key->bytes), load_le32(key->bytes + 4)};
    vm_philox(counter, words, out);
}
