#include "client/outer/outer.h"

enum { SHIFT_MAX = 40 };

/* The next parameter tensor at or after *index; NULL at the end. */
static const struct vm_tensor *parameter_next(const struct vm_program *program, uint32_t *index)
{
    while (*index < program->state_count) {
        const struct vm_tensor *tensor = &program->tensors[program->state_in[*index]];
        *index += 1;
        if (tensor->flags == VM_PARAMS) {
            return tensor;
        }
    }
    return NULL;
}

uint64_t outer_elements(const struct vm_program *program)
{
    uint64_t count = 0;
    uint32_t index = 0;
    for (const struct vm_tensor *tensor = parameter_next(program, &index); tensor != NULL;
         tensor = parameter_next(program, &index)) {
        count += vm_tensor_elements(tensor);
    }
    return count;
}

uint64_t outer_blob_size(const struct vm_program *program)
{
    uint64_t size = 0;
    uint32_t index = 0;
    for (const struct vm_tensor *tensor = parameter_next(program, &index); tensor != NULL;
         tensor = parameter_next(program, &index)) {
        size += vm_tensor_elements(tensor) + vm_tensor_leaves(tensor);
    }
    return size;
}

enum vm_trap outer_delta(const struct vm_program *program, const float *theta, const float *local,
                         float *ef, uint8_t *blob)
{
    uint64_t at = 0;
    uint32_t index = 0;
    for (const struct vm_tensor *tensor = parameter_next(program, &index); tensor != NULL;
         tensor = parameter_next(program, &index)) {
        const uint64_t count = vm_tensor_elements(tensor);
        const enum vm_trap trap = vm_delta_quantise(&(struct vm_delta){.tensor = tensor,
                                                                       .theta = theta + at,
                                                                       .local = local + at,
                                                                       .ef = ef + at,
                                                                       .q = (int8_t *)blob,
                                                                       .shift = blob + count});
        if (trap != VM_TRAP_NONE) {
            return trap;
        }
        blob += count + vm_tensor_leaves(tensor);
        at += count;
    }
    return VM_TRAP_NONE;
}

static bool shifts_check(const uint8_t *shifts, uint32_t count)
{
    uint8_t largest = 0;
    for (uint32_t i = 0; i < count; i++) {
        largest = shifts[i] > largest ? shifts[i] : largest;
    }
    return largest <= SHIFT_MAX;
}

/* Right size, and every shift at most 40. */
static bool blob_check(const struct vm_program *program, struct bytes blob)
{
    if (blob.size != outer_blob_size(program)) {
        return false;
    }
    const uint8_t *at = blob.data;
    uint32_t index = 0;
    for (const struct vm_tensor *tensor = parameter_next(program, &index); tensor != NULL;
         tensor = parameter_next(program, &index)) {
        at += vm_tensor_elements(tensor);
        const uint32_t leaves = vm_tensor_leaves(tensor);
        if (!shifts_check(at, leaves)) {
            return false;
        }
        at += leaves;
    }
    return true;
}

bool outer_delta_root(const struct vm_program *program, struct bytes blob,
                      const struct hash_port *hash, struct hash *out)
{
    if (!blob_check(program, blob)) {
        return false;
    }
    const uint8_t *at = blob.data;
    struct vm_tree tree;
    struct hash root;
    uint32_t index = 0;
    vm_tree_init(&tree, hash);
    for (const struct vm_tensor *tensor = parameter_next(program, &index); tensor != NULL;
         tensor = parameter_next(program, &index)) {
        struct vm_tensor q = *tensor;
        const uint32_t leaves = vm_tensor_leaves(tensor);
        const struct vm_tensor shift = {
            .dtype = VM_U8, .rank = 1, .kind = VM_TEMP, .dims = {leaves, 1, 1, 1}};
        q.dtype = VM_I8;
        vm_tensor_root(&q, at, hash, &root);
        vm_tree_add(&tree, &root);
        at += vm_tensor_elements(tensor);
        vm_tensor_root(&shift, at, hash, &root);
        vm_tree_add(&tree, &root);
        at += leaves;
    }
    vm_tree_root(&tree, &root);
    vm_delta_root(&root, hash, out);
    return true;
}

bool outer_add(const struct vm_program *program, int64_t *acc, struct bytes blob, uint32_t weight)
{
    if (!blob_check(program, blob)) {
        return false;
    }
    const uint8_t *at = blob.data;
    uint32_t index = 0;
    for (const struct vm_tensor *tensor = parameter_next(program, &index); tensor != NULL;
         tensor = parameter_next(program, &index)) {
        const uint64_t count = vm_tensor_elements(tensor);
        const bool added = vm_delta_add(tensor, acc, (const int8_t *)at, at + count, weight);
        ASSERT(added); /* blob_check saw every shift */
        at += count + vm_tensor_leaves(tensor);
        acc += count;
    }
    return true;
}

void outer_apply(const struct vm_program *program, const int64_t *acc,
                 const struct outer_rule *rule, float *theta, float *momentum)
{
    /* Element by element, so all tensors are one array. */
    const uint64_t count = outer_elements(program);
    for (uint64_t at = 0; at < count; at += TENSOR_ELEMENTS_MAX) {
        const uint64_t left = count - at;
        vm_outer_step(&(struct vm_outer){
            .elements = (uint32_t)(left < TENSOR_ELEMENTS_MAX ? left : TENSOR_ELEMENTS_MAX),
            .weight_sum = rule->weight_sum,
            .eta = rule->eta,
            .mu = rule->mu,
            .acc = acc + at,
            .theta = theta + at,
            .momentum = momentum + at});
    }
}

void outer_root(const struct vm_program *program, const float *values, const struct hash_port *hash,
                struct hash *out)
{
    struct vm_tree tree;
    uint32_t index = 0;
    vm_tree_init(&tree, hash);
    for (const struct vm_tensor *tensor = parameter_next(program, &index); tensor != NULL;
         tensor = parameter_next(program, &index)) {
        struct hash root;
        vm_tensor_root(tensor, values, hash, &root);
        vm_tree_add(&tree, &root);
        values += vm_tensor_elements(tensor);
    }
    vm_tree_root(&tree, out);
}
