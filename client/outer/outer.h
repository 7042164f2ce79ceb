#ifndef CLIENT_OUTER_OUTER_H
#define CLIENT_OUTER_OUTER_H

#include "base/bytes.h"
#include "vm/outer/outer.h"
#include "vm/vm.h"

/* A round of several workers, over all parameters of a program at once: what a worker sends
 * after its steps and how everybody folds the deltas into the next parameters (DiLoCo form;
 * vm/outer/outer.h has the arithmetic of one tensor).
 *
 * Parameters, error feedback and momentum are arrays of outer_elements() floats: the
 * VM_PARAMS tensors in state_in order, as model_run_read writes them.  A delta blob is, for each
 * of them, its int8 numbers and then one shift byte per leaf:
 *
 *   q_1 | shift_1 | q_2 | shift_2 | ...                     outer_blob_size() bytes
 *
 * Nothing here keeps state or allocates; the caller owns every array. */

uint64_t outer_elements(const struct vm_program *program);
uint64_t outer_blob_size(const struct vm_program *program);

/* The worker's side: theta at the start of the round, local after its steps, ef from its
 * last round (zeros in the first), replaced by the new one.  Not VM_TRAP_NONE if some
 * |difference| >= 128: there is no delta, and ef must be taken back from before. */
MUST_USE enum vm_trap outer_delta(const struct vm_program *program, const float *theta,
                                  const float *local, float *ef, uint8_t *blob);

/* delta_root of a blob; false if its size is wrong or a shift is above 40. */
MUST_USE bool outer_delta_root(const struct vm_program *program, struct bytes blob,
                               const struct hash_port *hash, struct hash *out);

/* Everybody's side: acc (outer_elements() zeros) takes the deltas of the members in any order,
 * each with its number of steps.  False, and acc unchanged, for a malformed blob. */
MUST_USE bool outer_add(const struct vm_program *program, int64_t *acc, struct bytes blob,
                        uint32_t weight);

struct outer_rule {
    uint32_t weight_sum; /* of the members added */
    float eta;           /* 0.7 */
    float mu;            /* 0.9 */
};

/* theta and momentum become those of the next round. */
void outer_apply(const struct vm_program *program, const int64_t *acc,
                 const struct outer_rule *rule, float *theta, float *momentum);

/* Root of one such array of floats, as the chain records theta_root and mom_root. */
void outer_root(const struct vm_program *program, const float *values, const struct hash_port *hash,
                struct hash *out);

#endif /* CLIENT_OUTER_OUTER_H */
