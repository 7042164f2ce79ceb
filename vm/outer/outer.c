#include "vm/outer/outer.h"

#include <string.h>

#include "vm/num/num.h"
#include "vm/op/quant.h"
#include "vm/tensor/tensor.h"

/* Two passes, so that a trap leaves ef as it was: first the range of every leaf. */
static enum vm_trap delta_range(const struct vm_delta *delta)
{
    const uint64_t elements = vm_tensor_elements(delta->tensor);
    for (uint64_t i = 0; i < elements; i++) {
        const float d = (delta->theta[i] - delta->local[i]) + delta->ef[i];
        if (!(d < 128.0F && d > -128.0F)) {
            return VM_TRAP_RANGE;
        }
    }
    return VM_TRAP_NONE;
}

enum vm_trap vm_delta_quantise(const struct vm_delta *delta)
{
    const uint32_t saved = vm_enter();
    const enum vm_trap trap = delta_range(delta);
    if (trap == VM_TRAP_NONE) {
        const uint64_t elements = vm_tensor_elements(delta->tensor);
        for (uint64_t i = 0; i < elements; i++) {
            delta->ef[i] = (delta->theta[i] - delta->local[i]) + delta->ef[i];
        }
        const struct vm_quant quant = {.tensor = delta->tensor,
                                       .x = delta->ef,
                                       .q = delta->q,
                                       .shift = delta->shift,
                                       .residual = delta->ef};
        const uint32_t leaves = vm_tensor_leaves(delta->tensor);
        for (uint32_t leaf = 0; leaf < leaves; leaf++) {
            const bool fits = vm_quant_leaf(&quant, leaf);
            ASSERT(fits);
        }
    }
    vm_leave(saved);
    return trap;
}

static struct vm_tensor of_dtype(const struct vm_tensor *tensor, uint8_t dtype)
{
    struct vm_tensor out = *tensor;
    out.dtype = dtype;
    return out;
}

bool vm_delta_add(const struct vm_tensor *tensor, int64_t *acc, const int8_t *q,
                  const uint8_t *shift, uint32_t weight)
{
    const uint32_t leaves = vm_tensor_leaves(tensor);
    for (uint32_t leaf = 0; leaf < leaves; leaf++) {
        if (shift[leaf] > VM_SHIFT_MAX) {
            return false;
        }
    }
    const struct vm_tensor wide = of_dtype(tensor, VM_I64);
    const struct vm_tensor bytes = of_dtype(tensor, VM_I8);
    for (uint32_t leaf = 0; leaf < leaves; leaf++) {
        int64_t sum[VM_LEAF_ELEMENTS];
        int8_t part[VM_LEAF_ELEMENTS];
        (void)vm_leaf_load(&wide, acc, leaf, (uint8_t *)sum);
        (void)vm_leaf_load(&bytes, q, leaf, (uint8_t *)part);
        const bool added = vm_agg_leaf(sum, part, shift[leaf], weight);
        ASSERT(added);
        vm_leaf_store(&wide, acc, leaf, (const uint8_t *)sum);
    }
    return true;
}

void vm_outer_step(const struct vm_outer *outer)
{
    const uint32_t saved = vm_enter();
    const float weight = (float)outer->weight_sum;
    const float eta = -outer->eta;
    for (uint64_t i = 0; i < outer->elements; i++) {
        const float g = vm_i64_to_f32(outer->acc[i]) * 0x1p-40F / weight;
        const float m = vm_fma(outer->mu, outer->momentum[i], g);
        const float step = vm_fma(outer->mu, m, g);
        outer->momentum[i] = vm_canon(m);
        outer->theta[i] = vm_canon(vm_fma(eta, step, outer->theta[i]));
    }
    vm_leave(saved);
}

void vm_delta_digest(const struct vm_program *program, const int8_t *const *q,
                     const uint8_t *const *shift, const struct hash_port *hash, struct hash *out)
{
    struct vm_tree tree;
    vm_tree_init(&tree, hash);
    uint32_t next = 0;
    for (uint32_t i = 0; i < program->state_count; i++) {
        const struct vm_tensor *param = &program->tensors[program->state_in[i]];
        if (param->flags != VM_PARAMS) {
            continue;
        }
        const struct vm_tensor bytes = of_dtype(param, VM_I8);
        const struct vm_tensor shifts = {
            .dtype = VM_U8, .rank = 1, .dims = {vm_tensor_leaves(param), 1, 1, 1}};
        struct hash root;
        vm_tensor_root(&bytes, q[next], hash, &root);
        vm_tree_add(&tree, &root);
        vm_tensor_root(&shifts, shift[next], hash, &root);
        vm_tree_add(&tree, &root);
        next++;
    }
    struct hash root;
    vm_tree_root(&tree, &root);
    vm_delta_root(&root, hash, out);
}
