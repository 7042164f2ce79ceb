#ifndef VM_NUM_NUM_H
#define VM_NUM_NUM_H

#include <stdint.h>
#include <string.h>

#include "types/types.h"

/* The numeric model "DTVM-F32 v1" (docs/protocol-vm.md 20).  Scalars; the kernels of vm/op
 * compute the same bits many at a time.
 *
 * binary32, round to nearest even, subnormals kept.  Only add, sub, mul, div, sqrt, fma and
 * int->float round, once each.  exp, log and tanh are defined by their value, correctly rounded,
 * not by code: any implementation that passes the exhaustive check (bench/vm_exhaustive)
 * is the same function.  A NaN is stored as VM_NAN_BITS. */

enum { VM_NAN_BITS = 0x7FC00000 };

static inline uint64_t vm_double_bits(double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double vm_double_of(uint64_t bits)
{
    double x = 0;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t vm_bits(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float vm_float(uint32_t bits)
{
    float x = 0;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 20.4. */
static inline float vm_canon(float x)
{
    return x != x ? vm_float(VM_NAN_BITS) : x;
}

/* One rounding, emulated: the fma of machines without one.
 *
 * The product of two floats is exact in double.  The sum is rounded to odd (TwoSum gives its
 * error, Boldo and Melquiond 2008), so that the second rounding, to float, cannot be a double
 * one: 53 >= 2*24 + 2.  20.5: an infinite or NaN sum has no error term. */
static inline float vm_fma(float a, float b, float c)
{
    const double p = (double)a * (double)b;
    const double d = (double)c;
    const double s = p + d;
    if (!(s - s == 0.0)) {
        return (float)s;
    }
    const double t = s - p;
    const double e = (p - (s - t)) + (d - t);
    uint64_t bits = vm_double_bits(s);
    if (e != 0.0 && (bits & 1) == 0) {
        bits += (e < 0.0) != (s < 0.0) ? UINT64_MAX : 1;
    }
    return (float)vm_double_of(bits);
}

/* c[i] = fma(a, b[i], c[i]), emulated, without branches so that two fit in a register. */
void vm_fma_row(float *c, float a, const float *b, size_t count);

float vm_sqrt(float x);
float vm_exp(float x); /* 20.3 */
float vm_log(float x);
float vm_tanh(float x);
float vm_rint(float x);
int32_t vm_f2i(float x); /* 20.8 */
float vm_i64_to_f32(int64_t x);
uint16_t vm_f32_to_bf16(float x);
float vm_bf16_to_f32(uint16_t x);

/* Philox4x32-10 (Salmon et al., SC 2011; Random123 vectors). */
void vm_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The VM's randomness (20.9): block `index` of `stream` at `step` under the batch key:
 * counter = {index, stream, step low, step high}, key = the first 8 bytes of the batch key,
 * little-endian.  RNG_U32 element e = word e mod 4 of block e/4; r_j of the BATCH operators =
 * word 0 + 2^32 * word 1 of block j. */
void vm_random(const struct hash *key, uint64_t step, uint32_t stream, uint32_t index,
               uint32_t out[4]);

#endif /* VM_NUM_NUM_H */
