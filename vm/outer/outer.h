#ifndef VM_OUTER_OUTER_H
#define VM_OUTER_OUTER_H

#include "vm/vm.h"

/* The outer optimiser (docs/protocol-vm.md 24): what happens to the parameters between rounds.
 * Every function works on one tensor; a round applies them to each VM_PARAMS tensor.
 *
 * Worker, after H steps:   d = (theta_r - theta_local) + ef       (two roundings)
 *                          QUANT_I8(d) -> q, shift, ef'           (ef' stays with the worker)
 * Everybody, at the end:   acc = sum of H_i * (q_i << (40 - shift_i))        exact, any order
 *                          g = (RNE32(acc) * 2^-40) / RNE32(sum of H_i)
 *                          mom' = fma(mu, mom, g)
 *                          theta' = fma(-eta, fma(mu, mom', g), theta_r)
 *
 * The sum of weights over a round is at most DELTA_WEIGHT_MAX, so acc cannot overflow. */

/* d and ef' of one tensor.  q: elements bytes; shift: leaves bytes; ef is replaced.
 * VM_TRAP_RANGE (nothing written to ef) if some |d| >= 128 or d is not a number. */
struct vm_delta {
    const struct vm_tensor *tensor; /* f32 */
    const float *theta;             /* start of the round */
    const float *local;             /* after H steps */
    float *ef;                      /* error feedback, in and out */
    int8_t *q;
    uint8_t *shift;
};
MUST_USE enum vm_trap vm_delta_quantise(const struct vm_delta *delta);

/* acc += weight * (q << (40 - shift)); acc starts as zeros.  false, and acc is unchanged, if
 * a shift is above 40 (the blob is malformed). */
MUST_USE bool vm_delta_add(const struct vm_tensor *tensor, int64_t *acc, const int8_t *q,
                           const uint8_t *shift, uint32_t weight);

struct vm_outer {
    uint32_t elements;
    uint32_t weight_sum; /* 1 .. DELTA_WEIGHT_MAX */
    float eta;           /* 0.7 */
    float mu;            /* 0.9 */
    const int64_t *acc;
    float *theta;    /* in: theta_r, out: theta' */
    float *momentum; /* in and out */
};
void vm_outer_step(const struct vm_outer *outer);

/* delta_root = H(06 | tree of root(q_1), root(shift_1), root(q_2), ...) over the VM_PARAMS tensors
 * in state_in order; q has the dims of its tensor (dtype i8), shift is u8 [leaves].
 * q[i], shift[i] belong to the i-th VM_PARAMS tensor. */
void vm_delta_digest(const struct vm_program *program, const int8_t *const *q,
                     const uint8_t *const *shift, const struct hash_port *hash, struct hash *out);

#endif /* VM_OUTER_OUTER_H */
