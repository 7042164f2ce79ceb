#ifndef VM_NUM_NUM_H
#define VM_NUM_NUM_H

#include <stdint.h>

#include "types/types.h"

/* The numeric model "DTVM-F32 v1" (training.md 3.1, N1-N13).  Scalars; the kernels of vm/op
 * compute the same bits many at a time.
 *
 * binary32, round to nearest even, subnormals kept.  Only add, sub, mul, div, sqrt, fma and
 * int->float round, once each.  exp, log and tanh are defined by their value, correctly rounded,
 * not by code: any implementation that passes the exhaustive check (bench/vm_exhaustive)
 * is the same function.  A NaN is stored as VM_NAN_BITS. */

enum { VM_NAN_BITS = 0x7FC00000 };

uint32_t vm_bits(float x);
float vm_float(uint32_t bits);
float vm_canon(float x);                 /* N5 */
float vm_fma(float a, float b, float c); /* one rounding, emulated, without FMA hardware */
float vm_sqrt(float x);
float vm_exp(float x); /* N3 */
float vm_log(float x);
float vm_tanh(float x);
float vm_rint(float x);
int32_t vm_f2i(float x); /* N9 */
float vm_i64_to_f32(int64_t x);
uint16_t vm_f32_to_bf16(float x);
float vm_bf16_to_f32(uint16_t x);

/* Philox4x32-10 (Salmon et al., SC 2011; Random123 vectors). */
void vm_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The VM's randomness (N10): block `index` of `stream` at `step` under the batch key:
 * counter = {index, stream, step low, step high}, key = the first 8 bytes of the batch key,
 * little-endian.  RNG_U32 element e = word e mod 4 of block e/4; r_j of the BATCH operators =
 * word 0 + 2^32 * word 1 of block j. */
void vm_random(const struct hash *key, uint64_t step, uint32_t stream, uint32_t index,
               uint32_t out[4]);

#endif /* VM_NUM_NUM_H */
